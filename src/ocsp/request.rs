//! Requests: what a server sends to the responder of its own certificate.

use std::ffi::c_int;
use std::fmt;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::c::{self, Owned};
use super::cert_id::{self, OcspCertId, OcspHash};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::ocsp as compat;
use crate::library::LibContext;
use crate::x509::{X509, X509Ref};

/// As long as [RFC 9654](https://www.rfc-editor.org/rfc/rfc9654) recommends, and as RFC 8954 still allowed.
const NONCE_LENGTH: usize = 32;

/// A question about certificates, in DER: the body of a POST to the responder.
#[doc(alias = "OCSP_REQUEST")]
#[derive(Clone, PartialEq, Eq)]
pub struct OcspRequest {
    der: Vec<u8>,
}

impl OcspRequest {
    /// The `Content-Type` of a request.
    pub const CONTENT_TYPE: &'static str = "application/ocsp-request";

    /// A question about `certificate`, which `issuer` issued: with SHA-1 and without a nonce, as every responder takes
    /// it, and as answers may come from a cache.
    ///
    /// # Errors
    ///
    /// As [`OcspRequestBuilder::build`].
    pub fn for_certificate(certificate: &X509Ref, issuer: &X509Ref) -> Result<Self, Error> {
        OcspRequestBuilder::new().add(certificate, issuer).build()
    }

    /// Parses a request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no request, [`ErrorKind::InvalidInput`] for bytes after it,
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`d2i_OCSP_REQUEST(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_OCSP_REQUEST")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let request = Self { der: der.to_vec() };
        request.to_c()?;
        Ok(request)
    }

    /// Takes over a request from C, which the caller owned: it is copied and freed, on failure too.
    ///
    /// # Safety
    ///
    /// `request` is a live `OCSP_REQUEST` that the caller owns, and nobody else uses it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if it cannot be copied,
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built with `no-ocsp`.
    pub unsafe fn from_ptr(request: *mut sys::OCSP_REQUEST) -> Result<Self, Error> {
        // SAFETY: by this function's contract; it is ours, and freed once.
        unsafe {
            let owned = Owned::new("i2d_OCSP_REQUEST", request, compat::OCSP_REQUEST_free)?;
            Self::copy_from_ptr(owned.as_ptr())
        }
    }

    /// Copies a request of C's, which has no reference count to share it by.
    ///
    /// # Safety
    ///
    /// `request` is live, and nobody changes it during the call.
    ///
    /// # Errors
    ///
    /// As [`from_ptr`](Self::from_ptr).
    pub unsafe fn copy_from_ptr(request: *const sys::OCSP_REQUEST) -> Result<Self, Error> {
        compat::has_ocsp("i2d_OCSP_REQUEST")?;
        // SAFETY: by this function's contract.
        let der = c::encode("i2d_OCSP_REQUEST", |out| unsafe {
            compat::i2d_OCSP_REQUEST(request.cast_mut(), out)
        })?;
        Self::from_der(&der)
    }

    /// A copy for C, which then owns it.
    ///
    /// # Errors
    ///
    /// As [`from_ptr`](Self::from_ptr).
    pub fn into_ptr(self) -> Result<*mut sys::OCSP_REQUEST, Error> {
        self.to_c().map(Owned::into_ptr)
    }

    /// The request in DER.
    #[doc(alias = "i2d_OCSP_REQUEST")]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The certificates that it asks about.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if one cannot be read.
    ///
    /// C: [`OCSP_request_onereq_get0(3)`](https://docs.openssl.org/master/man3/OCSP_cert_to_id/)
    #[doc(alias = "OCSP_request_onereq_count")]
    #[doc(alias = "OCSP_request_onereq_get0")]
    #[doc(alias = "OCSP_onereq_get0_id")]
    pub fn cert_ids(&self) -> Result<Vec<OcspCertId>, Error> {
        let request = self.to_c()?;
        // SAFETY: the request is live for these calls, and lends its entries (get0); the index is below their number.
        unsafe {
            (0..compat::OCSP_request_onereq_count(request.as_ptr()))
                .map(|i| {
                    let one = compat::OCSP_request_onereq_get0(request.as_ptr(), i);
                    if one.is_null() {
                        return Err(Error::new(ErrorKind::Unspecified, "OCSP_request_onereq_get0"));
                    }
                    OcspCertId::from_c(compat::OCSP_onereq_get0_id(one))
                })
                .collect()
        }
    }

    /// The random bytes that the answer is to repeat.
    #[doc(alias = "OCSP_REQUEST_get_ext_by_NID")]
    pub fn nonce(&self) -> Option<Vec<u8>> {
        let request = self.to_c().ok()?;
        // SAFETY: the request is live for these calls, and lends the extension (get0).
        unsafe {
            let place =
                compat::OCSP_REQUEST_get_ext_by_NID(request.as_ptr(), sys::NID_id_pkix_OCSP_Nonce, -1);
            if place < 0 {
                return None;
            }
            c::nonce(compat::OCSP_REQUEST_get_ext(request.as_ptr(), place))
        }
    }

    /// The object of C's.
    pub(super) fn to_c(&self) -> Result<Owned<sys::OCSP_REQUEST>, Error> {
        const CALL: &str = "d2i_OCSP_REQUEST";
        compat::has_ocsp(CALL)?;
        // SAFETY: the contract of every d2i function; the object is ours.
        unsafe {
            c::parse(CALL, &self.der, compat::OCSP_REQUEST_free, |data, len| {
                compat::d2i_OCSP_REQUEST(ptr::null_mut(), data, len)
            })
        }
    }
}

impl fmt::Debug for OcspRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspRequest")
            .field("cert_ids", &self.cert_ids().unwrap_or_default())
            .field("nonce", &self.nonce().is_some())
            .finish()
    }
}

/// Puts a request together.
#[derive(Clone, Debug, Default)]
pub struct OcspRequestBuilder {
    lib: LibContext,
    hash: OcspHash,
    certificates: Vec<(X509, X509)>,
    nonce: bool,
}

impl OcspRequestBuilder {
    /// A request about nothing, yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`new`](Self::new), with the hashes and random bytes of a library context.
    pub fn new_in(lib: LibContext) -> Self {
        Self { lib, ..Self::default() }
    }

    /// Asks about `certificate` too, which `issuer` issued.
    ///
    /// C: [`OCSP_request_add0_id(3)`](https://docs.openssl.org/master/man3/OCSP_REQUEST_new/)
    #[doc(alias = "OCSP_request_add0_id")]
    #[must_use]
    pub fn add(mut self, certificate: &X509Ref, issuer: &X509Ref) -> Self {
        self.certificates.push((certificate.to_owned(), issuer.to_owned()));
        self
    }

    /// Names issuers by this hash; SHA-1 if nothing is said.
    #[must_use]
    pub fn hash(mut self, hash: OcspHash) -> Self {
        self.hash = hash;
        self
    }

    /// Adds 32 random bytes for the answer to repeat, so that it is not an earlier one. Many responders do not repeat
    /// them, for they sign their answers in advance.
    ///
    /// C: [`OCSP_request_add1_nonce(3)`](https://docs.openssl.org/master/man3/OCSP_request_add1_nonce/)
    #[doc(alias = "OCSP_request_add1_nonce")]
    #[must_use]
    pub fn nonce(mut self) -> Self {
        self.nonce = true;
        self
    }

    /// Makes the request.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] without a certificate, [`ErrorKind::Refused`] if the library has not got the hash,
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`OCSP_REQUEST_new(3)`](https://docs.openssl.org/master/man3/OCSP_REQUEST_new/)
    #[doc(alias = "OCSP_REQUEST_new")]
    pub fn build(self) -> Result<OcspRequest, Error> {
        const CALL: &str = "OCSP_REQUEST_new";
        compat::has_ocsp(CALL)?;
        if self.certificates.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("it asks about no certificate"));
        }
        error::clear();
        // SAFETY: has no requirements; the object is ours.
        let request = unsafe { Owned::new(CALL, compat::OCSP_REQUEST_new(), compat::OCSP_REQUEST_free) }?;
        for (certificate, issuer) in &self.certificates {
            let id = cert_id::make(self.lib, certificate, issuer, &self.hash)?;
            // SAFETY: both are live; C owns the id once the call succeeds (add0).
            if unsafe { compat::OCSP_request_add0_id(request.as_ptr(), id.as_ptr()) }.is_null() {
                return Err(Error::from_queue("OCSP_request_add0_id"));
            }
            id.into_ptr();
        }
        if self.nonce {
            self.add_nonce(&request)?;
        }
        // SAFETY: the request is live, and the call only reads it.
        let der =
            c::encode("i2d_OCSP_REQUEST", |out| unsafe { compat::i2d_OCSP_REQUEST(request.as_ptr(), out) })?;
        Ok(OcspRequest { der })
    }

    fn add_nonce(&self, request: &Owned<sys::OCSP_REQUEST>) -> Result<(), Error> {
        let mut nonce = [0; NONCE_LENGTH];
        error::clear();
        // SAFETY: C fills the array, whose length it is told; the context lives until the process ends.
        if unsafe { ext::RAND_bytes_ex(self.lib.as_ptr(), nonce.as_mut_ptr(), NONCE_LENGTH, 0) } != 1 {
            return Err(Error::from_queue("RAND_bytes_ex"));
        }
        // SAFETY: the request is live, and C copies the array, whose length it is told.
        let done = unsafe {
            compat::OCSP_request_add1_nonce(request.as_ptr(), nonce.as_mut_ptr(), NONCE_LENGTH as c_int)
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("OCSP_request_add1_nonce")) }
    }
}
