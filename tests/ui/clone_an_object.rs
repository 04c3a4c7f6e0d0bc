//@ error: E0277
//! Two owners of one connection would break each other.
fn main() {
    fn takes<T: Clone>() {}
    takes::<libssl::Ssl>();
}
