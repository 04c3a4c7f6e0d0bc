//@ error: E0521 E0597 E0310
//! A stream that the object itself owns lives as long as the object may.
fn main() {}

fn set(ssl: &mut libssl::Ssl, tcp: &mut std::net::TcpStream) {
    let _ = ssl.set_stream(tcp);
}
