//! Certificate status (OCSP stapling) of one connection: what a client asks for, and what a server answers.

use std::ffi::{c_int, c_long, c_void};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;
use crate::ffi::compat::ocsp as compat;
use crate::ocsp::{self, OcspResponderId, OcspResponse, ResponderIdStack};

/// `TLSEXT_STATUSTYPE_…`: which kind of certificate status a client asks for. Unknown numbers are kept.
///
/// C: [`SSL_set_tlsext_status_type(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusType(pub c_int);

impl StatusType {
    /// `TLSEXT_STATUSTYPE_nothing`: none.
    pub const NOTHING: Self = Self(-1);
    /// `TLSEXT_STATUSTYPE_ocsp`: a stapled OCSP response.
    #[doc(alias = "TLSEXT_STATUSTYPE_ocsp")]
    pub const OCSP: Self = Self(1);

    pub(crate) fn from_long(number: c_long) -> Self {
        c_int::try_from(number).map_or(Self::NOTHING, Self)
    }
}

impl SslRef {
    /// What kind of certificate status a client asks for; on a server, in its handshake, what the client asked for.
    ///
    /// C: [`SSL_get_tlsext_status_type(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get_tlsext_status_type")]
    pub fn tlsext_status_type(&self) -> StatusType {
        // SAFETY: the object is live, and the call only reads it.
        StatusType::from_long(unsafe { ext::SSL_get_tlsext_status_type(self.as_ptr()) })
    }

    /// Sets what kind of certificate status a client asks for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for anything but OCSP if the context
    /// [judges stapled responses](crate::SslContextBuilderRef::verify_stapled_responses), which would then not be asked
    /// for; [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`SSL_set_tlsext_status_type(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_set_tlsext_status_type")]
    pub fn set_tlsext_status_type(&mut self, status_type: StatusType) -> Result<(), Error> {
        const CALL: &str = "SSL_set_tlsext_status_type";
        compat::has_ocsp(CALL)?;
        let judges = State::of_mut(self)?.context.as_ref().is_some_and(|context| context.judges_staples());
        if judges && status_type != StatusType::OCSP {
            let detail = "the context judges stapled responses";
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
        // SAFETY: the object is live and borrowed for writing.
        if unsafe { ext::SSL_set_tlsext_status_type(self.as_ptr(), status_type.0) } == 1 {
            Ok(())
        } else {
            Err(Error::from_queue(CALL))
        }
    }

    /// The OCSP response: on a client the one that the server stapled, on a server the one that it staples. As it came
    /// (from OpenSSL 3.6 on, as it is encoded anew). Nothing of it is verified. With several it is the first, which is that of
    /// another certificate of the chain where the server's own has none.
    ///
    /// C: [`SSL_get_tlsext_status_ocsp_resp(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get_tlsext_status_ocsp_resp")]
    pub fn tlsext_status_ocsp_resp(&self) -> Option<Vec<u8>> {
        self.stapled_responses().into_iter().next()
    }

    /// The OCSP responses for all certificates of a chain that have one, the server's own first, as they are encoded
    /// anew. TLS 1.3 has them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.6 and on one built with `no-ocsp`.
    ///
    /// C: [`SSL_get0_tlsext_status_ocsp_resp_ex(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get0_tlsext_status_ocsp_resp_ex")]
    pub fn tlsext_status_ocsp_resp_ex(&self) -> Result<Vec<Vec<u8>>, Error> {
        compat::has_many_responses("SSL_get0_tlsext_status_ocsp_resp_ex")?;
        Ok(self.stapled_responses())
    }

    /// All that was stapled. Not by SSL_get_tlsext_status_ocsp_resp where there may be several: it then encodes anew, and
    /// frees what it lent before.
    pub(crate) fn stapled_responses(&self) -> Vec<Vec<u8>> {
        if compat::has_ocsp("").is_err() {
            return Vec::new();
        }
        let responses = if compat::has_many_responses("").is_ok() {
            // SAFETY: the object is live and lends the stack (get0), or NULL, whose entries are encoded at once.
            unsafe {
                let stack = compat::many_responses(self.as_ptr());
                let count = if stack.is_null() { 0 } else { sys::OPENSSL_sk_num(stack) };
                (0..count)
                    .map(|i| sys::OPENSSL_sk_value(stack, i).cast::<sys::OCSP_RESPONSE>())
                    .filter(|response| !response.is_null())
                    // What cannot be encoded was stapled all the same: nothing is no good response either.
                    .map(|response| ocsp::der_of(response).unwrap_or_default())
                    .collect()
            }
        } else {
            let mut data = ptr::null();
            // SAFETY: the object is live; the out-pointer is a local of the type C writes.
            let len = unsafe { ext::SSL_get_tlsext_status_ocsp_resp(self.as_ptr(), &raw mut data) };
            // SAFETY: get0: NULL, or `len` bytes of the object's, which are copied at once; -1 says that there are none.
            usize::try_from(len)
                .ok()
                .and_then(|len| unsafe { bytes::lend(data, len) })
                .map(|der| vec![der.to_vec()])
                .unwrap_or_default()
        };
        error::clear();
        responses
    }

    /// Sets what a server staples in this connection, if the context's callback says that it staples; `None` is nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_set_tlsext_status_ocsp_resp(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_set_tlsext_status_ocsp_resp")]
    pub fn set_tlsext_status_ocsp_resp(&mut self, response: Option<&OcspResponse>) -> Result<(), Error> {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { staple(self.as_ptr(), response) }
    }

    /// Sets what a server staples in this connection for each certificate of its chain, its own first, if the context's
    /// callback says that it staples.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.6 and on one built with `no-ocsp`, [`ErrorKind::Refused`] if OpenSSL
    /// cannot allocate.
    ///
    /// C: [`SSL_set0_tlsext_status_ocsp_resp_ex(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_set0_tlsext_status_ocsp_resp_ex")]
    pub fn set_tlsext_status_ocsp_resp_ex(
        &mut self,
        responses: &[Option<OcspResponse>],
    ) -> Result<(), Error> {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { staple_all(self.as_ptr(), responses) }
    }

    /// The responders that the client trusts: its own list, or, on a server, the list that came.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if one cannot be read.
    ///
    /// C: [`SSL_get_tlsext_status_ids(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get_tlsext_status_ids")]
    pub fn tlsext_status_ids(&self) -> Result<Vec<OcspResponderId>, Error> {
        // SAFETY: the object is live and lends the stack (get0), which is copied at once.
        unsafe { ResponderIdStack::copy(status_ids(self.as_ptr())) }
    }

    /// Sets the responders that a client tells the server it trusts. Most clients send an empty list: it means that the
    /// server knows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a name that is none, [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`SSL_set_tlsext_status_ids(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_set_tlsext_status_ids")]
    pub fn set_tlsext_status_ids(&mut self, responders: &[OcspResponderId]) -> Result<(), Error> {
        const CALL: &str = "SSL_set_tlsext_status_ids";
        compat::has_ocsp(CALL)?;
        let new = ResponderIdStack::new(responders)?.into_ptr();
        // SAFETY: the object is live and borrowed for writing. C owns the new stack from here on (set0), and lets go of
        // the earlier one without freeing it.
        unsafe {
            let earlier = status_ids(self.as_ptr());
            if ext::SSL_set_tlsext_status_ids(self.as_ptr(), new) != 1 {
                drop(ResponderIdStack::from_ptr(new));
                return Err(Error::from_queue(CALL));
            }
            drop(ResponderIdStack::from_ptr(earlier));
        }
        Ok(())
    }

    /// The extensions of the client's request, as a DER `Extensions`: its own, or, on a server, those that came.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if they cannot be encoded.
    ///
    /// C: [`SSL_get_tlsext_status_exts(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get_tlsext_status_exts")]
    pub fn tlsext_status_exts(&self) -> Result<Option<Vec<u8>>, Error> {
        let stack = status_exts(self);
        if stack.is_null() {
            return Ok(None);
        }
        // SAFETY: live, and lent (get0) for this call.
        ocsp::encode("i2d_X509_EXTENSIONS", |out| unsafe { ext::i2d_X509_EXTENSIONS(stack, out) }).map(Some)
    }

    /// Sets the extensions of a client's request, a DER `Extensions`; none if it is empty.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is none, [`ErrorKind::InvalidInput`] for bytes after it,
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`SSL_set_tlsext_status_exts(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_set_tlsext_status_exts")]
    pub fn set_tlsext_status_exts(&mut self, extensions: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_set_tlsext_status_exts";
        compat::has_ocsp(CALL)?;
        let new = parse_extensions(extensions)?;
        let earlier = status_exts(self);
        // SAFETY: the object is live and borrowed for writing. C owns the new stack from here on (set0), and lets go of
        // the earlier one without freeing it.
        unsafe {
            if ext::SSL_set_tlsext_status_exts(self.as_ptr(), new) != 1 {
                free_extensions(new);
                return Err(Error::from_queue(CALL));
            }
            free_extensions(earlier);
        }
        Ok(())
    }
}

/// Sets what a server staples.
///
/// # Safety
///
/// `ssl` is live and may be changed.
pub(crate) unsafe fn staple(ssl: *mut sys::SSL, response: Option<&OcspResponse>) -> Result<(), Error> {
    const CALL: &str = "SSL_set_tlsext_status_ocsp_resp";
    compat::has_ocsp(CALL)?;
    error::clear();
    let der = response.map(OcspResponse::as_der).unwrap_or_default();
    let copy = if der.is_empty() {
        ptr::null_mut()
    } else {
        // SAFETY: has no requirements.
        let copy = unsafe { sys::OPENSSL_malloc(der.len()) }.cast::<u8>();
        if copy.is_null() {
            return Err(Error::from_queue("OPENSSL_malloc"));
        }
        // SAFETY: C's allocator gave as many bytes as are copied, and nobody else has them.
        unsafe { copy.copy_from_nonoverlapping(der.as_ptr(), der.len()) };
        copy
    };
    let len = c_long::try_from(der.len()).unwrap_or_default();
    // SAFETY: the object is live, by this function's contract; C owns the copy once the call succeeds (set0), and frees
    // the earlier one.
    unsafe {
        if ext::SSL_set_tlsext_status_ocsp_resp(ssl, copy, len) != 1 {
            sys::OPENSSL_free(copy.cast());
            return Err(Error::from_queue(CALL));
        }
    }
    error::clear();
    Ok(())
}

/// Sets what a server staples for each certificate of its chain.
///
/// # Safety
///
/// As [`staple`].
pub(crate) unsafe fn staple_all(ssl: *mut sys::SSL, responses: &[Option<OcspResponse>]) -> Result<(), Error> {
    const CALL: &str = "SSL_set0_tlsext_status_ocsp_resp_ex";
    compat::has_many_responses(CALL)?;
    error::clear();
    // SAFETY: has no requirements.
    let stack = Responses(unsafe { sys::OPENSSL_sk_new_null() });
    if stack.0.is_null() {
        return Err(Error::from_queue("OPENSSL_sk_new_null"));
    }
    for response in responses {
        let object = response.as_ref().map_or(Ok(ptr::null_mut()), ocsp::into_c)?;
        // SAFETY: the stack is live, and owns the entry once the call succeeds.
        if unsafe { sys::OPENSSL_sk_push(stack.0, object.cast()) } <= 0 {
            // SAFETY: NULL, or ours still.
            unsafe { compat::OCSP_RESPONSE_free(object) };
            return Err(Error::from_queue("OPENSSL_sk_push"));
        }
    }
    // SAFETY: the object is live, by this function's contract; C owns the stack once the call succeeds (set0).
    if unsafe { compat::set_many_responses(ssl, stack.0) } {
        std::mem::forget(stack);
        return Ok(());
    }
    Err(Error::from_queue(CALL))
}

/// A `STACK_OF(OCSP_RESPONSE)` that owns its entries.
struct Responses(*mut sys::OPENSSL_STACK);

impl Drop for Responses {
    fn drop(&mut self) {
        unsafe extern "C" fn free(response: *mut c_void) {
            // SAFETY: called for the entries of such a stack only, each of which it owns.
            unsafe { compat::OCSP_RESPONSE_free(response.cast()) };
        }
        // SAFETY: the stack is ours or NULL, with its entries, and freed once.
        unsafe { sys::OPENSSL_sk_pop_free(self.0, Some(free)) };
    }
}

/// # Safety
///
/// `ssl` is live.
unsafe fn status_ids(ssl: *mut sys::SSL) -> *mut ext::stack_st_OCSP_RESPID {
    let mut stack = ptr::null_mut();
    // SAFETY: live by this function's contract; the out-pointer is a local of the type C writes.
    unsafe { ext::SSL_get_tlsext_status_ids(ssl, &raw mut stack) };
    stack
}

fn status_exts(ssl: &SslRef) -> *mut sys::stack_st_X509_EXTENSION {
    let mut stack = ptr::null_mut();
    // SAFETY: the object is live; the out-pointer is a local of the type C writes.
    unsafe { ext::SSL_get_tlsext_status_exts(ssl.as_ptr(), &raw mut stack) };
    stack
}

/// A stack of C's, which the caller owns; NULL for nothing.
fn parse_extensions(der: &[u8]) -> Result<*mut sys::stack_st_X509_EXTENSION, Error> {
    const CALL: &str = "d2i_X509_EXTENSIONS";
    if der.is_empty() {
        return Ok(ptr::null_mut());
    }
    let Ok(len) = c_long::try_from(der.len()) else {
        return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
    };
    error::clear();
    let mut rest = der.as_ptr();
    // SAFETY: `rest` points to `len` bytes, and C moves it within them.
    let stack = unsafe { ext::d2i_X509_EXTENSIONS(ptr::null_mut(), &raw mut rest, len) };
    if stack.is_null() {
        return Err(Error::from_queue(CALL));
    }
    if rest != der.as_ptr_range().end {
        // SAFETY: ours.
        unsafe { free_extensions(stack) };
        return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the extensions"));
    }
    Ok(stack)
}

/// # Safety
///
/// `stack` is NULL, or one that the caller gives up with its entries.
unsafe fn free_extensions(stack: *mut sys::stack_st_X509_EXTENSION) {
    unsafe extern "C" fn free(extension: *mut c_void) {
        // SAFETY: called for the entries of such a stack only, each of which it owns.
        unsafe { sys::X509_EXTENSION_free(extension.cast()) };
    }
    // SAFETY: by this function's contract.
    unsafe { sys::OPENSSL_sk_pop_free(stack.cast(), Some(free)) };
}
