//@ error: E0596
//! A handshake lends its object for reading only.
fn main() {}

fn clear(handshake: &mut libssl::Handshake<std::net::TcpStream>) {
    handshake.ssl().set_connect_state();
}
