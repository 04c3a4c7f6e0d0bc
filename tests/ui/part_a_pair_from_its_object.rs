//@ error: E0599
//! The outer half would stay behind, on a thread that the object may leave.
fn main() {}

fn part(handshake: libssl::Handshake<libssl::bio::Pair>) -> libssl::Ssl {
    handshake.into_ssl()
}
