//@ error: E0599
//! C reads what it noted of the peer, which it does for the certificate callback only: before, there is nothing.
use libssl::SslRef;
use libssl::x509::{PKey, X509};

fn main() {
    let _ = |ssl: &SslRef, certificate: &X509, key: &PKey| ssl.check_chain(certificate, key, &[]).is_ok();
}
