//! Chains are verified without a connection: every setting has its effect, and a refusal says which certificate it was.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use libssl::x509::{ChainVerifier, X509, X509Purpose, X509Store, X509StoreBuilder, X509VerifyParam};
use libssl::{Error, ErrorKind, VerifyError};

use common::pki;

fn certificate(der: &[u8]) -> X509 {
    X509::from_der(der).expect("a certificate")
}

/// A store with one CA.
fn store_of(pem: &str) -> X509Store {
    let mut builder = X509StoreBuilder::new().expect("a store");
    builder.add_pem(pem.as_bytes()).expect("a CA");
    builder.build().expect("a store")
}

fn store() -> X509Store {
    store_of(&pki().ca_pem)
}

/// Settings with one made.
fn param(set: impl FnOnce(&mut X509VerifyParam) -> Result<(), Error>) -> X509VerifyParam {
    let mut param = X509VerifyParam::new().expect("settings");
    set(&mut param).expect("a good setting");
    param
}

/// What becomes of a certificate, as a server's, with these settings.
fn judge(store: &X509Store, der: &[u8], param: &X509VerifyParam) -> Result<(), VerifyError> {
    let certificate = certificate(der);
    verdict(store.verify_chain(&certificate).purpose(X509Purpose::SSL_SERVER).param(param))
}

fn verdict(verifier: ChainVerifier<'_>) -> Result<(), VerifyError> {
    match verifier.verify() {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            ErrorKind::Verification(code) => {
                assert_eq!(error.verify_failure().expect("a failure").error, code);
                Err(code)
            }
            _ => panic!("{error}"),
        },
    }
}

#[test]
fn a_good_chain_gives_the_chain_up_to_the_root_and_the_name_that_matched() {
    let (store, leaf) = (store(), certificate(&pki().localhost.der));
    let host = param(|param| param.set_host("LOCALHOST"));
    let verified =
        store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(&host).verify().expect("verified");
    let ders: Vec<_> = verified.chain().iter().map(|c| c.to_der().expect("DER")).collect();
    assert_eq!(ders, [pki().localhost.der.clone(), pki().ca_der.clone()]);
    assert_eq!(verified.peer_name(), Some(&b"localhost"[..]));
}

#[test]
fn a_refusal_says_why_and_at_which_certificate() {
    let (store, leaf) = (store(), certificate(&pki().expired.der));
    let error = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).verify().expect_err("expired");
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::CERT_HAS_EXPIRED));
    let failure = error.verify_failure().expect("a failure");
    assert_eq!((failure.error, failure.depth), (VerifyError::CERT_HAS_EXPIRED, Some(0)));
    assert_eq!(failure.certificate.as_deref(), Some(&pki().expired.der[..]));
    assert_eq!(failure.subject.as_deref(), Some("CN=localhost"));
    assert!(error.to_string().contains("certificate has expired"), "{error}");
}

#[test]
fn nothing_is_verified_without_a_purpose_or_settings() {
    let (store, leaf) = (store(), certificate(&pki().localhost.der));
    assert_eq!(store.verify_chain(&leaf).verify().expect_err("no purpose").kind(), ErrorKind::InvalidInput);
}

#[test]
fn strangers_and_those_who_vouch_for_themselves_are_refused() {
    let any = param(|_| Ok(()));
    assert_eq!(
        judge(&store(), &pki().unknown_issuer.der, &any),
        Err(VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
    );
    assert_eq!(judge(&store(), &pki().self_signed.der, &any), Err(VerifyError::DEPTH_ZERO_SELF_SIGNED_CERT));
    assert_eq!(judge(&store(), &pki().not_yet.der, &any), Err(VerifyError::CERT_NOT_YET_VALID));
}
