//@ error: E0382
//! `connect` takes the object.
fn main() {}

fn connect(mut ssl: libssl::Ssl, tcp: std::net::TcpStream) {
    let _handshake = ssl.connect(tcp);
    ssl.set_accept_state();
}
