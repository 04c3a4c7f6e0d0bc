//@ error: E0599
//! A client that has not finished its handshake has no `read`.
fn main() {}

fn read(mut client: libssl::EarlyClient<std::net::TcpStream>) {
    use std::io::Read;
    let _ = client.read(&mut [0; 10]);
}
