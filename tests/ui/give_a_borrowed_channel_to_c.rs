//@ error: E0521
//! What goes to C with its channel may live for ever.
fn main() {}

fn give(handshake: libssl::Handshake<&mut std::net::TcpStream>) -> libssl::Ssl {
    handshake.into_ssl()
}
