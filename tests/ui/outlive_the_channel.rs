//@ error: E0597
//! A connection over a borrowed channel ends before the channel does.
use std::net::TcpStream;

fn main() {}

fn connect(ssl: libssl::Ssl, make: fn() -> TcpStream) {
    let connected;
    {
        let mut tcp = make();
        connected = ssl.connect(&mut tcp);
    }
    drop(connected);
}
