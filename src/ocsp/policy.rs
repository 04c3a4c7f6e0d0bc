//! What a client demands of the responses that a server staples.

use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{OcspCheck, OcspResponse, OcspVerifyFlags};
use crate::error::OcspRefusal;
use crate::ssl::SslRef;
use crate::x509::{X509, X509Store, X509StoreRef};

/// When a server must staple. A response that is there must be right under each of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StaplePolicy {
    /// Never.
    IfStapled,
    /// If its certificate says so: it has the extension "must staple"
    /// ([RFC 7633](https://www.rfc-editor.org/rfc/rfc7633)).
    MustStaple,
    /// Always.
    Always,
}

/// A refusal, and the certificate that it concerns.
pub(crate) struct Refused {
    pub(crate) refusal: OcspRefusal,
    pub(crate) certificate: Option<X509>,
    pub(crate) depth: u32,
}

/// Judges what a server stapled, in the callback that comes after its chain was verified.
pub(crate) fn judge(
    ssl: &SslRef,
    responses: &[Vec<u8>],
    policy: StaplePolicy,
    check: &OcspCheck,
) -> Result<(), Box<Refused>> {
    // A session that is resumed was judged when it was made, and its server does not staple.
    // SAFETY: the object is live, and the call only reads it.
    if unsafe { sys::SSL_session_reused(ssl.as_ptr()) } == 1 {
        return Ok(());
    }
    let chain = ssl.verified_chain();
    let peer = ssl.peer_certificate();
    let leaf = chain.first().or(peer.as_ref());
    let refused = |refusal, depth: usize| {
        let certificate = if depth == 0 { leaf.cloned() } else { chain.get(depth).cloned() };
        Box::new(Refused { refusal, certificate, depth: u32::try_from(depth).unwrap_or_default() })
    };
    let demanded = match policy {
        StaplePolicy::IfStapled => false,
        StaplePolicy::MustStaple => leaf.is_some_and(|leaf| leaf.must_staple()),
        StaplePolicy::Always => true,
    };
    if responses.is_empty() {
        return if demanded { Err(refused(OcspRefusal::Missing, 0)) } else { Ok(()) };
    }
    let Some(store) = store(ssl) else { return Err(refused(OcspRefusal::UntrustedSigner, 0)) };
    let check = check_of(ssl, &chain, check);
    let mut leaf_is_good = false;
    for der in responses {
        let response = OcspResponse::from_der(der).map_err(|_| refused(OcspRefusal::Malformed, 0))?;
        let depth = spoken_of(&response, &chain, &check).unwrap_or_default();
        let (Some(certificate), Some(issuer)) = (chain.get(depth), chain.get(depth + 1)) else {
            return Err(refused(OcspRefusal::NoIssuer, 0));
        };
        response
            .verify_for(certificate, issuer, &store, &check)
            .map_err(|error| refused(error.ocsp_refusal().unwrap_or(OcspRefusal::Malformed), depth))?;
        leaf_is_good |= depth == 0;
    }
    if demanded && !leaf_is_good { Err(refused(OcspRefusal::Missing, 0)) } else { Ok(()) }
}

/// The place of the certificate that a response speaks of: TLS 1.3 may bring one for each of the chain.
fn spoken_of(response: &OcspResponse, chain: &[X509], check: &OcspCheck) -> Option<usize> {
    let basic = response.basic().ok()?;
    chain.windows(2).position(|pair| basic.find_in(check.lib(), &pair[0], &pair[1]).is_some())
}

/// The check with what the connection itself knows: its chain, and whether a chain may be partial.
fn check_of(ssl: &SslRef, chain: &[X509], check: &OcspCheck) -> OcspCheck {
    const PARTIAL_CHAIN: std::ffi::c_ulong = 0x8_0000;
    // SAFETY: the object is live and lends its parameters (get0), which the call only reads.
    let flags = unsafe { sys::X509_VERIFY_PARAM_get_flags(sys::SSL_get0_param(ssl.as_ptr())) };
    let check = check.clone().untrusted(chain.get(1..).unwrap_or_default());
    if flags & PARTIAL_CHAIN == 0 { check } else { check.flags(OcspVerifyFlags::PARTIAL_CHAIN) }
}

/// The store that the connection's peer was verified against.
fn store(ssl: &SslRef) -> Option<X509Store> {
    let mut store = ptr::null_mut();
    // SAFETY: the object and its context are live; both lend their store (get0), of which a reference is taken at once.
    // Nobody changes it: the context is frozen, and the object is in its handshake.
    unsafe {
        ext::SSL_get0_verify_cert_store(ssl.as_ptr(), &raw mut store);
        if store.is_null() {
            store = sys::SSL_CTX_get_cert_store(sys::SSL_get_SSL_CTX(ssl.as_ptr()));
        }
        (!store.is_null()).then(|| X509StoreRef::from_ptr(store).to_owned())
    }
}
