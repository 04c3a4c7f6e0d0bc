//@ error: E0597
//! A BIO over bytes ends before they do.
fn main() {
    let bio = {
        let bytes = vec![1, 2, 3];
        libssl::bio::SliceBio::new(&bytes)
    };
    println!("{}", bio.is_ok());
}
