//@ error: E0277
//! What is before and behind the TLS of a chain may be another thread's.
fn main() {}

fn send(mut bio: libssl::bio::SslBio) {
    std::thread::spawn(move || bio.reset().is_ok());
}
