//@ error: E0277
//! An object that has not shaken hands is no `io::Read`.
fn main() {}

fn read(ssl: libssl::Ssl) {
    fn takes(_: impl std::io::Read) {}
    takes(ssl);
}
