//@ error: E0594 E0308 E0070 E0277
//! TLS bytes would go into another file.
fn main() {}

fn replace<'a>(connected: &mut libssl::Connected<libssl::bio::Socket<'a>>, other: libssl::bio::Socket<'a>) {
    *connected.channel_mut() = other;
}
