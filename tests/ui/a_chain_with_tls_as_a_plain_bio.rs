//@ error: E0308
//! A chain with TLS goes by its guard, and does not get where it would go round it.
fn main() {}

fn read(bio: &mut libssl::bio::SslBio) {
    plain(bio);
}

fn plain(_: &mut libssl::bio::BioRef) {}
