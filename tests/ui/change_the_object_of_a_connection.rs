//@ error: E0596
//! A connection lends its object for reading only.
fn main() {}

fn clear(connected: &mut libssl::Connected<std::net::TcpStream>) {
    connected.ssl().set_accept_state();
}
