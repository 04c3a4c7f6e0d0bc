//! What is converted to and from the `openssl` crate is the same object.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::pki;
use libssl::ErrorKind;
use libssl::x509::{PKey, X509, X509Crl, X509Name, X509Store};
use openssl::pkey::{Private, Public};

#[test]
fn a_certificate_is_shared_both_ways() {
    let ours = X509::from_der(&pki().localhost.der).unwrap();

    let theirs = openssl::x509::X509::from(&*ours);
    assert_eq!(theirs.to_der().unwrap(), pki().localhost.der);
    let back = X509::from(&*theirs);
    assert_eq!(back.as_ptr(), ours.as_ptr());
    drop((theirs, ours));
    assert_eq!(back.to_der().unwrap(), pki().localhost.der);

    let theirs = openssl::x509::X509::from(back);
    let back = X509::from(theirs);
    assert_eq!(back.to_der().unwrap(), pki().localhost.der);
}

#[test]
fn a_private_key_is_shared_and_keeps_its_kind() {
    let ours = PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();

    let theirs = openssl::pkey::PKey::<Private>::try_from(&*ours).unwrap();
    assert_eq!(theirs.private_key_to_pkcs8().unwrap(), ours.to_pkcs8_der().unwrap());
    let back = PKey::from(&*theirs);
    assert_eq!(back.as_ptr(), ours.as_ptr());
    let public = openssl::pkey::PKey::<Public>::try_from(back).unwrap();
    assert_eq!(public.public_key_to_der().unwrap(), ours.to_public_der().unwrap());
}

#[test]
fn a_public_key_does_not_pass_for_a_private_one() {
    let ours = X509::from_der(&pki().localhost.der).unwrap().public_key().unwrap();

    let refused = openssl::pkey::PKey::<Private>::try_from(&*ours).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(openssl::pkey::PKey::<Private>::try_from(ours.clone()).is_err());
    assert!(openssl::pkey::PKey::<Public>::try_from(ours).is_ok());
}

#[test]
fn parameters_do_not_pass_for_a_key() {
    // Those of P-256. OpenSSL leaks when it refuses to encode those of DH as a key.
    let pem = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let ours = PKey::parameters_from_pem(pem).unwrap();

    assert!(openssl::pkey::PKey::<Public>::try_from(&*ours).is_err());
    assert!(openssl::pkey::PKey::<Private>::try_from(&*ours).is_err());
}

#[test]
fn a_name_is_copied_or_changes_hands() {
    let mut builder = openssl::x509::X509NameBuilder::new().unwrap();
    builder.append_entry_by_text("O", "Example").unwrap();
    builder.append_entry_by_text("CN", "one").unwrap();
    let theirs = builder.build();

    let copied = X509Name::try_from(&*theirs).unwrap();
    let taken = X509Name::from(theirs);
    assert_eq!(copied, taken);
    assert_eq!(taken.to_string(), "CN=one,O=Example");
    let theirs = openssl::x509::X509Name::from(&*taken);
    assert_eq!(theirs.to_der().unwrap(), taken.to_der().unwrap());
    let theirs = openssl::x509::X509Name::from(taken);
    assert_eq!(X509Name::from(theirs), copied);
}

#[test]
fn a_revocation_list_changes_hands() {
    let pem = common::identities::Ca::new("lists").revocation_list();
    let ours = X509Crl::from_pem(pem.as_bytes()).unwrap();
    let der = ours.to_der().unwrap();

    let theirs = openssl::x509::X509Crl::from(&*ours);
    assert_eq!(theirs.to_der().unwrap(), der);
    let back = X509Crl::from(theirs);
    assert_eq!(back.as_ptr(), ours.as_ptr());
    assert_eq!(openssl::x509::X509Crl::from(back).to_der().unwrap(), der);
}

#[test]
fn a_store_changes_hands() {
    let mut builder = openssl::x509::store::X509StoreBuilder::new().unwrap();
    builder.add_cert(openssl::x509::X509::from_der(&pki().ca_der).unwrap()).unwrap();
    let theirs = builder.build();
    let pointer = foreign_types_03::ForeignTypeRef::as_ptr(&*theirs);

    let ours = X509Store::from(theirs);
    assert_eq!(ours.clone().as_ptr(), pointer);
}

#[test]
fn a_store_of_ours_is_copied() {
    let mut builder = libssl::x509::X509StoreBuilder::new().unwrap();
    builder.add_cert(&X509::from_der(&pki().ca_der).unwrap()).unwrap();
    let ours = builder.build().unwrap();

    let theirs = openssl::x509::store::X509Store::try_from(&*ours).unwrap();
    assert_ne!(foreign_types_03::ForeignTypeRef::as_ptr(&*theirs), ours.as_ptr());
    let certificate = theirs.all_certificates().into_iter().next().unwrap();
    assert_eq!(certificate.to_der().unwrap(), pki().ca_der);
}
