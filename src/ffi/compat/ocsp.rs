//! OCSP, which an OpenSSL built with `no-ocsp` has not: there each call answers what C answers for "nothing there".
//! Whatever leads to a live object asks [`has_ocsp`] first, and so says what is missing.

use std::ffi::{c_char, c_int, c_long, c_uchar, c_ulong};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::Error;

/// Whether this OpenSSL has OCSP.
pub(crate) fn has_ocsp(call: &'static str) -> Result<(), Error> {
    if cfg!(absent = "OCSP_resp_count") {
        return Err(Error::unsupported(call, "an OpenSSL built without no-ocsp"));
    }
    Ok(())
}

macro_rules! calls {
    ($($from:ident::$name:ident($($arg:ident: $type:ty),*) -> $result:ty, otherwise $otherwise:expr;)*) => { $(
        #[doc = concat!("`", stringify!($name), "`.")]
        ///
        /// # Safety
        ///
        /// That of the C function: each object is live, and each other pointer is what C writes or reads.
        #[allow(non_snake_case)] // C's own name
        pub(crate) unsafe fn $name($($arg: $type),*) -> $result {
            #[cfg(not(absent = "OCSP_resp_count"))]
            // SAFETY: by this function's contract.
            return unsafe { $from::$name($($arg),*) };
            #[cfg(absent = "OCSP_resp_count")]
            {
                let _ = ($($arg,)*);
                return $otherwise;
            }
        }
    )* };
}

/// As [`calls`], for a function that frees: it is passed on as a pointer.
macro_rules! frees {
    ($($from:ident::$name:ident($type:ty);)*) => { $(
        #[doc = concat!("`", stringify!($name), "`.")]
        ///
        /// # Safety
        ///
        /// The object is NULL, or live and the caller's.
        #[allow(non_snake_case)] // C's own name
        pub(crate) unsafe extern "C" fn $name(object: *mut $type) {
            #[cfg(not(absent = "OCSP_resp_count"))]
            // SAFETY: by this function's contract.
            unsafe { $from::$name(object) };
            #[cfg(absent = "OCSP_resp_count")]
            let _ = object;
        }
    )* };
}

frees! {
    sys::OCSP_BASICRESP_free(sys::OCSP_BASICRESP);
    sys::OCSP_CERTID_free(sys::OCSP_CERTID);
    sys::OCSP_REQUEST_free(sys::OCSP_REQUEST);
    sys::OCSP_RESPONSE_free(sys::OCSP_RESPONSE);
    ext::OCSP_RESPID_free(ext::OCSP_RESPID);
}

type OctetStrings = *mut *mut sys::ASN1_OCTET_STRING;
type Times = *mut *mut sys::ASN1_GENERALIZEDTIME;

calls! {
    sys::OCSP_cert_to_id(hash: *const sys::EVP_MD, subject: *const sys::X509, issuer: *const sys::X509)
        -> *mut sys::OCSP_CERTID, otherwise std::ptr::null_mut();
    ext::OCSP_id_get0_info(name: OctetStrings, hash: *mut *mut sys::ASN1_OBJECT, key: OctetStrings,
        serial: *mut *mut sys::ASN1_INTEGER, id: *mut sys::OCSP_CERTID) -> c_int, otherwise 0;

    sys::OCSP_REQUEST_new() -> *mut sys::OCSP_REQUEST, otherwise std::ptr::null_mut();
    sys::OCSP_request_add0_id(request: *mut sys::OCSP_REQUEST, id: *mut sys::OCSP_CERTID)
        -> *mut sys::OCSP_ONEREQ, otherwise std::ptr::null_mut();
    ext::OCSP_request_add1_nonce(request: *mut sys::OCSP_REQUEST, nonce: *mut c_uchar, len: c_int)
        -> c_int, otherwise 0;
    ext::OCSP_request_onereq_count(request: *mut sys::OCSP_REQUEST) -> c_int, otherwise 0;
    ext::OCSP_request_onereq_get0(request: *mut sys::OCSP_REQUEST, index: c_int)
        -> *mut sys::OCSP_ONEREQ, otherwise std::ptr::null_mut();
    ext::OCSP_onereq_get0_id(one: *mut sys::OCSP_ONEREQ) -> *mut sys::OCSP_CERTID, otherwise std::ptr::null_mut();
    ext::OCSP_REQUEST_get_ext_by_NID(request: *mut sys::OCSP_REQUEST, nid: c_int, last: c_int)
        -> c_int, otherwise -1;
    ext::OCSP_REQUEST_get_ext(request: *mut sys::OCSP_REQUEST, place: c_int)
        -> *const sys::X509_EXTENSION, otherwise std::ptr::null();
    sys::i2d_OCSP_REQUEST(request: *const sys::OCSP_REQUEST, out: *mut *mut c_uchar) -> c_int, otherwise 0;
    sys::d2i_OCSP_REQUEST(into: *mut *mut sys::OCSP_REQUEST, data: *mut *const c_uchar, len: c_long)
        -> *mut sys::OCSP_REQUEST, otherwise std::ptr::null_mut();

    sys::d2i_OCSP_RESPONSE(into: *mut *mut sys::OCSP_RESPONSE, data: *mut *const c_uchar, len: c_long)
        -> *mut sys::OCSP_RESPONSE, otherwise std::ptr::null_mut();
    sys::i2d_OCSP_RESPONSE(response: *const sys::OCSP_RESPONSE, out: *mut *mut c_uchar)
        -> c_int, otherwise 0;
    sys::OCSP_response_status(response: *mut sys::OCSP_RESPONSE) -> c_int, otherwise -1;
    sys::OCSP_response_get1_basic(response: *mut sys::OCSP_RESPONSE)
        -> *mut sys::OCSP_BASICRESP, otherwise std::ptr::null_mut();

    ext::OCSP_resp_count(basic: *mut sys::OCSP_BASICRESP) -> c_int, otherwise 0;
    ext::OCSP_resp_get0(basic: *mut sys::OCSP_BASICRESP, index: c_int)
        -> *mut ext::OCSP_SINGLERESP, otherwise std::ptr::null_mut();
    ext::OCSP_resp_get0_certs(basic: *const sys::OCSP_BASICRESP)
        -> *const sys::stack_st_X509, otherwise std::ptr::null();
    ext::OCSP_resp_get0_id(basic: *const sys::OCSP_BASICRESP, key: *mut *const sys::ASN1_OCTET_STRING,
        name: *mut *const sys::X509_NAME) -> c_int, otherwise 0;
    ext::OCSP_resp_get0_produced_at(basic: *const sys::OCSP_BASICRESP)
        -> *const sys::ASN1_GENERALIZEDTIME, otherwise std::ptr::null();
    ext::OCSP_BASICRESP_get_ext_count(basic: *mut sys::OCSP_BASICRESP) -> c_int, otherwise 0;
    ext::OCSP_SINGLERESP_get_ext_count(single: *mut ext::OCSP_SINGLERESP) -> c_int, otherwise 0;
    ext::OCSP_SINGLERESP_get_ext(single: *mut ext::OCSP_SINGLERESP, place: c_int)
        -> *const sys::X509_EXTENSION, otherwise std::ptr::null();
    ext::OCSP_resp_get0_signer(basic: *mut sys::OCSP_BASICRESP, signer: *mut *mut sys::X509,
        certificates: *const sys::stack_st_X509) -> c_int, otherwise 0;
    ext::OCSP_BASICRESP_get_ext_by_NID(basic: *mut sys::OCSP_BASICRESP, nid: c_int, last: c_int)
        -> c_int, otherwise -1;
    ext::OCSP_BASICRESP_get_ext(basic: *mut sys::OCSP_BASICRESP, place: c_int)
        -> *const sys::X509_EXTENSION, otherwise std::ptr::null();
    ext::OCSP_SINGLERESP_get0_id(single: *const ext::OCSP_SINGLERESP)
        -> *const sys::OCSP_CERTID, otherwise std::ptr::null();
    ext::OCSP_single_get0_status(single: *mut ext::OCSP_SINGLERESP, reason: *mut c_int, revoked: Times,
        this: Times, next: Times) -> c_int, otherwise -1;
    ext::OCSP_check_nonce(request: *mut sys::OCSP_REQUEST, basic: *mut sys::OCSP_BASICRESP)
        -> c_int, otherwise 0;
    sys::OCSP_basic_verify(basic: *mut sys::OCSP_BASICRESP, certificates: *mut sys::stack_st_X509,
        store: *mut sys::X509_STORE, flags: c_ulong) -> c_int, otherwise -1;

    ext::OCSP_RESPID_new() -> *mut ext::OCSP_RESPID, otherwise std::ptr::null_mut();
    ext::OCSP_RESPID_set_by_name(id: *mut ext::OCSP_RESPID, certificate: *mut sys::X509) -> c_int, otherwise 0;
    ext::OCSP_RESPID_set_by_key_ex(id: *mut ext::OCSP_RESPID, certificate: *mut sys::X509,
        library: *mut sys::OSSL_LIB_CTX, properties: *const c_char) -> c_int, otherwise 0;
    ext::d2i_OCSP_RESPID(into: *mut *mut ext::OCSP_RESPID, data: *mut *const c_uchar, len: c_long)
        -> *mut ext::OCSP_RESPID, otherwise std::ptr::null_mut();
    ext::i2d_OCSP_RESPID(id: *const ext::OCSP_RESPID, out: *mut *mut c_uchar) -> c_int, otherwise 0;
}

/// Whether this OpenSSL keeps a response for each certificate of a chain. It is one `SSL_ctrl` or another, so that the
/// version that runs decides, and not the headers.
pub(crate) fn has_many_responses(call: &'static str) -> Result<(), Error> {
    has_ocsp(call)?;
    if super::running_version() >= 0x3060_0000 {
        Ok(())
    } else {
        Err(Error::unsupported(call, "OpenSSL 3.6"))
    }
}

/// The responses that an object keeps, one for each certificate of a chain, of which C lends the stack (get0).
///
/// # Safety
///
/// `ssl` is live, and [`has_many_responses`] said so.
pub(crate) unsafe fn many_responses(ssl: *mut sys::SSL) -> *const sys::OPENSSL_STACK {
    let mut stack: *mut sys::OPENSSL_STACK = std::ptr::null_mut();
    // SAFETY: by this function's contract; the out-pointer is a local of the type C writes.
    unsafe {
        sys::SSL_ctrl(ssl, ext::SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP_EX, 0, (&raw mut stack).cast())
    };
    stack
}

/// Gives an object a stack of responses to staple, of which NULL entries staple nothing for their certificate. C owns
/// it then (set0). Whether C took it.
///
/// # Safety
///
/// `ssl` is live and borrowed for writing, `stack` is one of the caller's, and [`has_many_responses`] said so.
pub(crate) unsafe fn set_many_responses(ssl: *mut sys::SSL, stack: *mut sys::OPENSSL_STACK) -> bool {
    // SAFETY: by this function's contract.
    unsafe { sys::SSL_ctrl(ssl, ext::SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP_EX, 0, stack.cast()) == 1 }
}

#[cfg(all(test, absent = "OCSP_resp_count"))]
mod tests {
    use crate::context::{SslContext, SslMethod, StatusDecision};
    use crate::error::ErrorKind;
    use crate::ocsp::{OcspCheck, OcspRequest, OcspResponse, StaplePolicy};
    use crate::ssl::{Ssl, StatusType};

    #[test]
    fn without_ocsp_everything_says_so() {
        let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
        let kinds = [
            OcspResponse::from_der(b"0\x03\n\x01\x03").unwrap_err().kind(),
            OcspRequest::from_der(b"0\x00").unwrap_err().kind(),
            builder.set_tlsext_status_type(StatusType::OCSP).unwrap_err().kind(),
            builder.verify_stapled_responses(StaplePolicy::IfStapled, OcspCheck::new()).unwrap_err().kind(),
            builder.set_status_request_callback(|_| StatusDecision::Ignore).unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Unsupported; 5]);
        assert!(!builder.has_tlsext_status_cb());
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        let kinds = [
            ssl.set_tlsext_status_type(StatusType::OCSP).unwrap_err().kind(),
            ssl.set_tlsext_status_ids(&[]).unwrap_err().kind(),
            ssl.set_tlsext_status_exts(&[]).unwrap_err().kind(),
            ssl.set_tlsext_status_ocsp_resp(None).unwrap_err().kind(),
            ssl.set_tlsext_status_ocsp_resp_ex(&[]).unwrap_err().kind(),
        ];
        assert_eq!(kinds, [ErrorKind::Unsupported; 5]);
        assert_eq!(ssl.tlsext_status_ocsp_resp(), None);
    }
}
