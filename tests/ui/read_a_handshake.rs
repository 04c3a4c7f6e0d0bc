//@ error: E0599
//! A handshake under way has no `read`.
fn main() {}

fn read(mut handshake: libssl::Handshake<std::net::TcpStream>) {
    use std::io::Read;
    let _ = handshake.read(&mut [0; 10]);
}
