//@ error: E0599
//! What hangs behind a BIO that is only borrowed stays with who owns it.
fn main() {}

fn pop(bio: &mut libssl::bio::BioRef) -> bool {
    bio.pop_accepted().is_some()
}
