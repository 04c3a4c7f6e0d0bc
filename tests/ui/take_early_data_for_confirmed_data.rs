//@ error: E0308
//! Early data is not bytes until it is said that a replay does no harm.
fn main() {}

fn act_once(_order: &[u8]) {}

fn read(mut server: libssl::EarlyServer<std::net::TcpStream>) {
    let mut buf = [0; 10];
    if let Ok(Some(data)) = server.read_early(&mut buf) {
        act_once(data);
    }
}
