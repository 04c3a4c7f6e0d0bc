//@ error: E0133
//! C's buffer for reading runs over where too much passes it.
fn main() {
    println!("{}", libssl::bio::Bio::read_buffer().is_ok());
}
