//@ error: E0277
//! A handshake under way is no `io::Write`.
fn main() {}

fn write(handshake: libssl::Handshake<std::net::TcpStream>) {
    fn takes(_: impl std::io::Write) {}
    takes(handshake);
}
