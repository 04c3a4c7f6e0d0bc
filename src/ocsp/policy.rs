//! What a client demands of the responses that a server staples.

use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{OcspCheck, OcspResponse, OcspVerifyFlags};
use crate::error::{Error, OcspRefusal};
use crate::ssl::{Nid, SslRef};
use crate::x509::{VerifyFlags, X509, X509Purpose, X509Ref, X509Store, X509StoreRef};

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
    let (mut leaf_is_good, mut passed_over) = (false, 0);
    for der in responses {
        let response = OcspResponse::from_der(der).map_err(|_| refused(OcspRefusal::Malformed, 0))?;
        let depth = match spoken_of(&response, &chain, &check) {
            Some(depth) => depth,
            // Of a certificate that the server sent along, and that nobody needed.
            None if passed_over + 1 < responses.len() => {
                passed_over += 1;
                continue;
            }
            None => 0,
        };
        let (Some(certificate), Some(issuer)) = (chain.get(depth), chain.get(depth + 1)) else {
            return Err(refused(OcspRefusal::NoIssuer, 0));
        };
        response
            .verify_for(certificate, issuer, &store, &check)
            .map_err(|error| refused(error.ocsp_refusal().unwrap_or(OcspRefusal::Malformed), depth))?;
        if !signer_holds(ssl, &response, &store, &chain, &check) {
            return Err(refused(OcspRefusal::UntrustedSigner, depth));
        }
        leaf_is_good |= depth == 0;
    }
    if demanded && !leaf_is_good { Err(refused(OcspRefusal::Missing, 0)) } else { Ok(()) }
}

/// Whether the signer of a response is one by the connection's own settings. C verified its chain by those of the store. Who is
/// in the peer's chain was verified with that.
fn signer_holds(
    ssl: &SslRef,
    response: &OcspResponse,
    store: &X509StoreRef,
    chain: &[X509],
    check: &OcspCheck,
) -> bool {
    if !check.verifies_signer() {
        return true;
    }
    let Ok(Some(signer)) = response.signer(check) else { return false };
    chain.contains(&signer) || verify_signer(ssl, response, &signer, store, check).is_ok()
}

fn verify_signer(
    ssl: &SslRef,
    response: &OcspResponse,
    signer: &X509Ref,
    store: &X509StoreRef,
    check: &OcspCheck,
) -> Result<(), Error> {
    // Policies are demands on the peer's certificate.
    const POLICIES: VerifyFlags = VerifyFlags::POLICY_CHECK
        .union(VerifyFlags::EXPLICIT_POLICY)
        .union(VerifyFlags::INHIBIT_ANY)
        .union(VerifyFlags::INHIBIT_MAP);
    let mut param = ssl.verify_param().try_clone()?;
    param.danger_clear_hosts();
    param.danger_clear_ips();
    param.danger_clear_email();
    param.danger_clear_flags(POLICIES);
    // As C does: its issuer says that it need not be asked about.
    if signer.extension_by_nid(Nid(sys::NID_id_pkix_OCSP_noCheck))?.is_some() {
        param.danger_clear_flags(VerifyFlags::CRL_CHECK);
    }
    param.danger_set_purpose(Some(X509Purpose::OCSP_HELPER))?;
    let mut untrusted = response.basic()?.certificates().to_vec();
    untrusted.extend_from_slice(check.known());
    store
        .verify_chain(signer)
        .untrusted(&untrusted)
        .param(&param)
        .danger_purpose_of_settings()
        .auth_level(ssl.security_level())
        .lib(check.lib())
        .verify()
        .map(drop)
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
