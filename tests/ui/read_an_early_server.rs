//@ error: E0599
//! A server that has not finished its handshake has no `read`, which would give early data as if it were confirmed.
fn main() {}

fn read(mut server: libssl::EarlyServer<std::net::TcpStream>) {
    use std::io::Read;
    let _ = server.read(&mut [0; 10]);
}
