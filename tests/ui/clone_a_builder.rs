//@ error: E0277
//! Who else held the context would see its settings change.
fn main() {
    fn takes<T: Clone>() {}
    takes::<libssl::SslContextBuilder>();
}
