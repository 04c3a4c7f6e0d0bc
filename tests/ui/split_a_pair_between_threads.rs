//@ error: E0277 E0597
//! The outer half of a BIO pair shares unlocked memory with the half in the object.
fn main() {}

fn split(mut connected: libssl::Connected<libssl::bio::Pair>) {
    let mut half = connected.channel_mut();
    std::thread::spawn(move || half.close());
}
