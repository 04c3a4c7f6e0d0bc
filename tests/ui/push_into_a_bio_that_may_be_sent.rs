//@ error: E0599
//! Half a pair stays on its thread: it cannot get behind a BIO that goes to another one.
fn main() {}

fn push(mut bio: libssl::bio::SendBio, half: libssl::bio::Bio) {
    bio.push(half);
}
