//@ error: E0308
//! Swapped halves could move to threads of their own.
fn main() {}

fn swap(one: &mut libssl::Connected<libssl::bio::Pair>, other: &mut libssl::Connected<libssl::bio::Pair>) {
    fn takes(_: &mut libssl::bio::Pair, _: &mut libssl::bio::Pair) {}
    takes(one.channel_mut(), other.channel_mut());
}
