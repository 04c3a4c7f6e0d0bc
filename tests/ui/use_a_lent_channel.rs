//@ error: E0499
//! The channel is the connection's for as long.
use std::io::Write;
use std::net::TcpStream;

fn main() {}

fn connect(ssl: libssl::Ssl, tcp: &mut TcpStream) {
    let connected = ssl.connect(&mut *tcp);
    let _ = Write::by_ref(tcp).flush();
    drop(connected);
}
