//@ error: E0277
//! What is behind a BIO may be another thread's.
fn main() {}

fn send(mut bio: libssl::bio::Bio) {
    std::thread::spawn(move || bio.reset().is_ok());
}
