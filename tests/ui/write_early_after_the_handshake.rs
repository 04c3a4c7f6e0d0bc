//@ error: E0382
//! Once the handshake is being finished there is no early data any more.
fn main() {}

fn write(mut client: libssl::EarlyClient<std::net::TcpStream>) {
    let _ = client.finish();
    let _ = client.write_early(b"late");
}
