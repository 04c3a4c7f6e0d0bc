//@ error: E0382
//! A handshake goes on once at a time.
fn main() {}

fn resume(handshake: libssl::Handshake<std::net::TcpStream>) {
    let _ = handshake.resume();
    let _ = handshake.resume();
}
