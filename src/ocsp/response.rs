//! Responses: what a responder answers, and what a server staples.

use std::ffi::c_int;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::time::SystemTime;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::c::{self, Owned};
use super::{OcspCertId, OcspHash, OcspResponderId};
use crate::error::{self, CrlReason, Error, OcspRefusal, OcspResponseStatus};
use crate::ffi::compat::ocsp as compat;
use crate::library::LibContext;
use crate::x509::{X509, X509Ref, stack};

/// A responder's answer, in DER. Nothing in it is believed until it is
/// [verified](Self::verify_for). A clone shares the bytes.
#[doc(alias = "OCSP_RESPONSE")]
#[derive(Clone, PartialEq, Eq)]
pub struct OcspResponse {
    der: Arc<[u8]>,
    status: OcspResponseStatus,
}

impl OcspResponse {
    /// The `Content-Type` of a response.
    pub const CONTENT_TYPE: &'static str = "application/ocsp-response";

    /// Parses a response. That it is well formed says nothing about who made it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for what is no response, [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for bytes after it,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`d2i_OCSP_RESPONSE(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_OCSP_RESPONSE")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let response = to_c(der)?;
        // SAFETY: the response is live, and the call only reads it.
        let status = unsafe { compat::OCSP_response_status(response.as_ptr()) };
        Ok(Self { der: der.into(), status: OcspResponseStatus::from_raw(status) })
    }

    /// Takes over a response from C, which the caller owned: it is copied and freed, on failure too.
    ///
    /// # Safety
    ///
    /// `response` is a live `OCSP_RESPONSE` that the caller owns, and nobody else uses it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if it cannot be copied,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built with `no-ocsp`.
    pub unsafe fn from_ptr(response: *mut sys::OCSP_RESPONSE) -> Result<Self, Error> {
        // SAFETY: by this function's contract; it is ours, and freed once.
        unsafe {
            let owned = Owned::new("i2d_OCSP_RESPONSE", response, compat::OCSP_RESPONSE_free)?;
            Self::copy_from_ptr(owned.as_ptr())
        }
    }

    /// Copies a response of C's, which has no reference count to share it by.
    ///
    /// # Safety
    ///
    /// `response` is live, and nobody changes it during the call.
    ///
    /// # Errors
    ///
    /// As [`from_ptr`](Self::from_ptr).
    pub unsafe fn copy_from_ptr(response: *const sys::OCSP_RESPONSE) -> Result<Self, Error> {
        compat::has_ocsp("i2d_OCSP_RESPONSE")?;
        // SAFETY: by this function's contract.
        Self::from_der(&unsafe { der_of(response) }?)
    }

    /// A copy for C, which then owns it.
    ///
    /// # Errors
    ///
    /// As [`from_ptr`](Self::from_ptr).
    pub fn into_ptr(self) -> Result<*mut sys::OCSP_RESPONSE, Error> {
        into_c(&self)
    }

    /// The response in DER, as it was parsed.
    #[doc(alias = "i2d_OCSP_RESPONSE")]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// What the responder says of its answer.
    ///
    /// C: [`OCSP_response_status(3)`](https://docs.openssl.org/master/man3/OCSP_response_status/)
    #[doc(alias = "OCSP_response_status")]
    pub fn status(&self) -> OcspResponseStatus {
        self.status
    }

    /// The answer inside, of the one type that there is. It is not verified.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`](crate::ErrorKind::Verification) with [`OcspRefusal::NotSuccessful`] if the responder gives no answer, with
    /// [`OcspRefusal::Malformed`] if it cannot be parsed.
    ///
    /// C: [`OCSP_response_get1_basic(3)`](https://docs.openssl.org/master/man3/OCSP_response_status/)
    #[doc(alias = "OCSP_response_get1_basic")]
    pub fn basic(&self) -> Result<OcspBasicResponse, Error> {
        // SAFETY: the response is live.
        unsafe { OcspBasicResponse::from_c(self.basic_to_c()?.as_ptr()) }
    }

    /// The object of C's for what is inside.
    pub(super) fn basic_to_c(&self) -> Result<Owned<sys::OCSP_BASICRESP>, Error> {
        const CALL: &str = "OCSP_response_get1_basic";
        if self.status != OcspResponseStatus::Successful {
            return Err(Error::status_refused(CALL, OcspRefusal::NotSuccessful(self.status)));
        }
        let response = to_c(&self.der)?;
        error::clear();
        // SAFETY: the response is live; what is inside is parsed into an object of ours (get1).
        unsafe {
            let basic = compat::OCSP_response_get1_basic(response.as_ptr());
            Owned::new(CALL, basic, compat::OCSP_BASICRESP_free)
        }
        .map_err(|error| malformed(CALL, error))
    }
}

/// The object of C's.
fn to_c(der: &[u8]) -> Result<Owned<sys::OCSP_RESPONSE>, Error> {
    const CALL: &str = "d2i_OCSP_RESPONSE";
    compat::has_ocsp(CALL)?;
    // SAFETY: the contract of every d2i function; the object is ours.
    unsafe {
        c::parse(CALL, der, compat::OCSP_RESPONSE_free, |data, len| {
            compat::d2i_OCSP_RESPONSE(ptr::null_mut(), data, len)
        })
    }
}

/// What C said, as a refusal of the response.
fn malformed(call: &'static str, error: Error) -> Error {
    Error::status_refused(call, OcspRefusal::Malformed).with_stack(error.stack().clone())
}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspResponse")
            .field("status", &self.status)
            .field("len", &self.der.len())
            .finish_non_exhaustive()
    }
}

/// What a successful response says, copied out of it.
#[doc(alias = "OCSP_BASICRESP")]
#[derive(Clone, Debug)]
pub struct OcspBasicResponse {
    responder: OcspResponderId,
    produced_at: SystemTime,
    responses: Vec<OcspSingleResponse>,
    certificates: Vec<X509>,
    nonce: Option<Vec<u8>>,
    /// It or an answer in it has an extension that is critical and not known here.
    demands_unknown: bool,
}

impl OcspBasicResponse {
    /// Copies what a response of C's says. The certificates in it are shared.
    ///
    /// # Safety
    ///
    /// `basic` is live, nobody changes it during the call, nor ever a certificate in it.
    ///
    /// # Errors
    ///
    /// As [`OcspResponse::basic`].
    pub unsafe fn copy_from_ptr(basic: *mut sys::OCSP_BASICRESP) -> Result<Self, Error> {
        compat::has_ocsp("OCSP_resp_get0")?;
        error::clear();
        // SAFETY: by this function's contract.
        unsafe { Self::from_c(basic) }
    }

    /// # Safety
    ///
    /// `basic` is live, and nobody changes it during the call.
    pub(super) unsafe fn from_c(basic: *mut sys::OCSP_BASICRESP) -> Result<Self, Error> {
        const CALL: &str = "OCSP_resp_get0";
        // SAFETY: live by this function's contract; the entries and the extension are lent (get0) and copied here, the
        // certificates shared.
        unsafe {
            let responses = (0..compat::OCSP_resp_count(basic))
                .map(|i| OcspSingleResponse::from_c(compat::OCSP_resp_get0(basic, i)))
                .collect::<Result<_, _>>()?;
            let produced_at = c::system_time(compat::OCSP_resp_get0_produced_at(basic))
                .ok_or_else(|| Error::status_refused(CALL, OcspRefusal::Malformed))?;
            let place = compat::OCSP_BASICRESP_get_ext_by_NID(basic, sys::NID_id_pkix_OCSP_Nonce, -1);
            let nonce = if place < 0 { None } else { c::nonce(compat::OCSP_BASICRESP_get_ext(basic, place)) };
            let certificates = stack::collect(compat::OCSP_resp_get0_certs(basic), |c| {
                Some(X509Ref::from_ptr(c).to_owned())
            });
            let responder =
                OcspResponderId::of_basic(basic).map_err(|error| malformed("OCSP_resp_get0_id", error))?;
            let extensions = (0..compat::OCSP_BASICRESP_get_ext_count(basic))
                .map(|i| compat::OCSP_BASICRESP_get_ext(basic, i))
                .chain((0..compat::OCSP_resp_count(basic)).flat_map(|i| {
                    let single = compat::OCSP_resp_get0(basic, i);
                    (0..compat::OCSP_SINGLERESP_get_ext_count(single))
                        .map(move |i| compat::OCSP_SINGLERESP_get_ext(single, i))
                }));
            let demands_unknown = extensions.into_iter().any(|extension| is_unknown_demand(extension));
            error::clear();
            Ok(Self { responder, produced_at, responses, certificates, nonce, demands_unknown })
        }
    }

    /// Whether something in it is critical that nobody here knows.
    pub(super) fn demands_unknown(&self) -> bool {
        self.demands_unknown
    }

    /// Who says that it answers.
    ///
    /// C: [`OCSP_resp_get0_id(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_resp_get0_id")]
    pub fn responder(&self) -> &OcspResponderId {
        &self.responder
    }

    /// When it was signed.
    ///
    /// C: [`OCSP_resp_get0_produced_at(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_resp_get0_produced_at")]
    pub fn produced_at(&self) -> SystemTime {
        self.produced_at
    }

    /// What it says, a certificate each.
    ///
    /// C: [`OCSP_resp_get0(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_resp_count")]
    #[doc(alias = "OCSP_resp_get0")]
    pub fn responses(&self) -> &[OcspSingleResponse] {
        &self.responses
    }

    /// The certificates that came with it, the signer's among them as a rule.
    ///
    /// C: [`OCSP_resp_get0_certs(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_resp_get0_certs")]
    pub fn certificates(&self) -> &[X509] {
        &self.certificates
    }

    /// The random bytes of the request, if the responder repeats them.
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// What it says about `certificate`, which `issuer` issued, whichever hash it names it by. Of several answers it is
    /// the worst. `None` if it does not speak of it.
    ///
    /// C: [`OCSP_resp_find_status(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_resp_find_status")]
    #[doc(alias = "OCSP_resp_find")]
    pub fn find(&self, certificate: &X509Ref, issuer: &X509Ref) -> Option<&OcspSingleResponse> {
        self.find_in(LibContext::default(), certificate, issuer)
    }

    /// As [`find`](Self::find), with the hashes of a library context. A hash that it has not got names nothing, and so does
    /// the ninth kind of hash in one response.
    pub fn find_in(
        &self,
        lib: LibContext,
        certificate: &X509Ref,
        issuer: &X509Ref,
    ) -> Option<&OcspSingleResponse> {
        // Nobody uses more, and each is looked for among all that the providers have.
        const MOST_HASHES: usize = 8;
        let mut named: Vec<(&OcspHash, Option<OcspCertId>)> = Vec::new();
        let mut found: Option<&OcspSingleResponse> = None;
        for response in &self.responses {
            let hash = response.id.hash();
            if !named.iter().any(|(known, _)| *known == hash) {
                if named.len() == MOST_HASHES {
                    continue;
                }
                named.push((hash, OcspCertId::new_in(lib, certificate, issuer, hash).ok()));
            }
            let matches = named.iter().any(|(_, id)| id.as_ref() == Some(&response.id));
            if matches && found.is_none_or(|found| response.status.severity() > found.status.severity()) {
                found = Some(response);
            }
        }
        found
    }
}

/// Whether an extension is critical, and none of those that may be passed over or that were looked at
/// ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960#section-4.4)).
///
/// # Safety
///
/// `extension` is NULL, or live.
unsafe fn is_unknown_demand(extension: *const sys::X509_EXTENSION) -> bool {
    const KNOWN: [c_int; 3] =
        [sys::NID_id_pkix_OCSP_Nonce, sys::NID_id_pkix_OCSP_CrlID, sys::NID_id_pkix_OCSP_archiveCutoff];
    if extension.is_null() {
        return false;
    }
    // SAFETY: live by this function's contract, and lends its type (get0).
    unsafe {
        sys::X509_EXTENSION_get_critical(extension) != 0
            && !KNOWN.contains(&sys::OBJ_obj2nid(sys::X509_EXTENSION_get_object(extension.cast_mut())))
    }
}

/// What a response says about one certificate.
#[doc(alias = "OCSP_SINGLERESP")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSingleResponse {
    id: OcspCertId,
    status: OcspCertStatus,
    this_update: SystemTime,
    next_update: Option<SystemTime>,
}

impl OcspSingleResponse {
    /// # Safety
    ///
    /// `single` is NULL, or live and unchanged for the call.
    unsafe fn from_c(single: *mut ext::OCSP_SINGLERESP) -> Result<Self, Error> {
        const CALL: &str = "OCSP_single_get0_status";
        let refuse = || Error::status_refused(CALL, OcspRefusal::Malformed);
        if single.is_null() {
            return Err(refuse());
        }
        let mut reason = -1;
        let (mut revoked, mut this, mut next) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: live by this function's contract; the out-pointers are locals of the types C writes. What it lends
        // (get0) stays as long as the response, and is copied here.
        unsafe {
            let status = compat::OCSP_single_get0_status(
                single,
                &raw mut reason,
                &raw mut revoked,
                &raw mut this,
                &raw mut next,
            );
            let status = match status {
                sys::V_OCSP_CERTSTATUS_GOOD => OcspCertStatus::Good,
                sys::V_OCSP_CERTSTATUS_REVOKED => OcspCertStatus::Revoked {
                    at: c::system_time(revoked).ok_or_else(refuse)?,
                    reason: CrlReason::of_c(reason),
                },
                sys::V_OCSP_CERTSTATUS_UNKNOWN => OcspCertStatus::Unknown,
                _ => return Err(refuse()),
            };
            // An end that cannot be read is not the same as none.
            let next_update =
                if next.is_null() { None } else { Some(c::system_time(next).ok_or_else(refuse)?) };
            Ok(Self {
                id: OcspCertId::from_c(compat::OCSP_SINGLERESP_get0_id(single))?,
                status,
                this_update: c::system_time(this).ok_or_else(refuse)?,
                next_update,
            })
        }
    }

    #[cfg(all(test, not(absent = "OCSP_resp_count")))]
    pub(super) fn of_times(id: &OcspCertId, this: SystemTime, next: Option<SystemTime>) -> Self {
        Self { id: id.clone(), status: OcspCertStatus::Good, this_update: this, next_update: next }
    }

    /// Of which certificate it speaks.
    ///
    /// C: [`OCSP_SINGLERESP_get0_id(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_SINGLERESP_get0_id")]
    pub fn cert_id(&self) -> &OcspCertId {
        &self.id
    }

    /// What it says of it.
    ///
    /// C: [`OCSP_single_get0_status(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_single_get0_status")]
    pub fn status(&self) -> OcspCertStatus {
        self.status
    }

    /// When this was known to be so.
    pub fn this_update(&self) -> SystemTime {
        self.this_update
    }

    /// When the responder will know more; `None` if it always might.
    pub fn next_update(&self) -> Option<SystemTime> {
        self.next_update
    }
}

/// What a responder says of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OcspCertStatus {
    /// It is not revoked.
    #[doc(alias = "V_OCSP_CERTSTATUS_GOOD")]
    Good,
    /// It is revoked.
    #[doc(alias = "V_OCSP_CERTSTATUS_REVOKED")]
    Revoked {
        /// Since when.
        at: SystemTime,
        /// Why, if the responder says so.
        reason: Option<CrlReason>,
    },
    /// The responder does not know it.
    #[doc(alias = "V_OCSP_CERTSTATUS_UNKNOWN")]
    Unknown,
}

impl OcspCertStatus {
    fn severity(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Unknown => 1,
            Self::Revoked { .. } => 2,
        }
    }
}

/// The encoding of a response that C lends.
///
/// # Safety
///
/// `response` is live and unchanged for the call.
pub(crate) unsafe fn der_of(response: *const sys::OCSP_RESPONSE) -> Result<Vec<u8>, Error> {
    // SAFETY: by this function's contract.
    c::encode("i2d_OCSP_RESPONSE", |out| unsafe { compat::i2d_OCSP_RESPONSE(response, out) })
}

/// The object of C's for a response that was parsed before; C will own it.
pub(crate) fn into_c(response: &OcspResponse) -> Result<*mut sys::OCSP_RESPONSE, Error> {
    to_c(&response.der).map(Owned::into_ptr)
}
