//@ error: E0277
//! `Channel` is sealed: only this crate knows what C may do with one.
struct Mine;

fn main() {}

fn connect(ssl: libssl::Ssl) {
    let _ = ssl.connect(Mine);
}
