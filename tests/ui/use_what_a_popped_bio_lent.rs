//@ error: E0502
//! A chain is not taken apart while one of its BIOs is lent.
fn main() {}

fn pop(mut bio: libssl::bio::Bio) {
    let next = bio.next();
    drop(bio.pop());
    println!("{next:?}");
}
