//! What contexts can do on some versions and builds only.

use std::ffi::{c_int, c_uchar, c_uint, c_void};

use openssl_sys as sys;

use crate::error::Error;

/// What clients of the context offer.
///
/// # Safety
///
/// `context` is live, and nobody changes its settings for `'a`.
pub(crate) unsafe fn alpn_protos<'a>(context: *mut sys::SSL_CTX) -> Result<&'a [u8], Error> {
    #[cfg(not(absent = "SSL_CTX_get0_alpn_protos"))]
    {
        let (mut data, mut len) = (std::ptr::null(), 0);
        // SAFETY: the context is live, and the out-pointers are locals of the types C writes.
        unsafe { openssl_sys_ext::SSL_CTX_get0_alpn_protos(context, &raw mut data, &raw mut len) };
        // SAFETY: get0: NULL, or `len` bytes that stay while the settings do.
        Ok(unsafe { crate::ffi::bytes::lend(data, len as usize) }.unwrap_or_default())
    }
    #[cfg(absent = "SSL_CTX_get0_alpn_protos")]
    {
        let _ = context;
        Err(Error::unsupported("SSL_CTX_get0_alpn_protos", "OpenSSL 4.0"))
    }
}

/// Whether the context's method can accept.
///
/// # Safety
///
/// `context` is live.
pub(crate) unsafe fn is_server(context: *mut sys::SSL_CTX) -> Result<bool, Error> {
    #[cfg(not(absent = "SSL_CTX_is_server"))]
    // SAFETY: by this function's contract; the call only reads.
    return Ok(unsafe { openssl_sys_ext::SSL_CTX_is_server(context) } == 1);
    #[cfg(absent = "SSL_CTX_is_server")]
    {
        let _ = context;
        Err(Error::unsupported("SSL_CTX_is_server", "OpenSSL 4.0"))
    }
}

/// The names of the groups that the library has for the context's versions.
///
/// # Safety
///
/// `context` is live.
pub(crate) unsafe fn implemented_groups(context: *mut sys::SSL_CTX, all: bool) -> Result<Vec<String>, Error> {
    const CALL: &str = "SSL_CTX_get0_implemented_groups";
    #[cfg(not(absent = "SSL_CTX_get0_implemented_groups"))]
    {
        crate::error::clear();
        // SAFETY: has no requirements.
        let stack = unsafe { sys::OPENSSL_sk_new_null() };
        if stack.is_null() {
            return Err(Error::from_queue("OPENSSL_sk_new_null"));
        }
        // SAFETY: the context and the stack are live.
        let done = unsafe {
            openssl_sys_ext::SSL_CTX_get0_implemented_groups(context, c_int::from(all), stack.cast())
        };
        // SAFETY: the stack is live, and its entries are strings that the context lends (get0), copied at once.
        let names = (0..unsafe { sys::OPENSSL_sk_num(stack) })
            // SAFETY: as above.
            .map(|i| unsafe { crate::ffi::strings::lossy(sys::OPENSSL_sk_value(stack, i).cast()) })
            .collect();
        // SAFETY: the stack is ours, and freed once; its entries are not ours.
        unsafe { sys::OPENSSL_sk_free(stack) };
        if done == 1 { Ok(names) } else { Err(Error::from_queue(CALL)) }
    }
    #[cfg(absent = "SSL_CTX_get0_implemented_groups")]
    {
        let _ = (context, all);
        Err(Error::unsupported(CALL, "OpenSSL 3.5"))
    }
}

type AdvertiseFn =
    unsafe extern "C" fn(*mut sys::SSL, *mut *const c_uchar, *mut c_uint, *mut c_void) -> c_int;

/// # Safety
///
/// `context` is live and this thread's; `callback` and `argument` fit each other.
pub(crate) unsafe fn set_next_protos_advertised_cb(
    context: *mut sys::SSL_CTX,
    callback: AdvertiseFn,
    argument: *mut c_void,
) -> Result<(), Error> {
    #[cfg(not(absent = "SSL_CTX_set_npn_advertised_cb"))]
    {
        // SAFETY: by this function's contract.
        unsafe { openssl_sys_ext::SSL_CTX_set_npn_advertised_cb(context, Some(callback), argument) };
        Ok(())
    }
    #[cfg(absent = "SSL_CTX_set_npn_advertised_cb")]
    {
        let _ = (context, callback, argument);
        Err(Error::unsupported(
            "SSL_CTX_set_next_protos_advertised_cb",
            "an OpenSSL built without no-nextprotoneg",
        ))
    }
}

type SelectFn = unsafe extern "C" fn(
    *mut sys::SSL,
    *mut *mut c_uchar,
    *mut c_uchar,
    *const c_uchar,
    c_uint,
    *mut c_void,
) -> c_int;

/// # Safety
///
/// `context` is live and this thread's; `callback` and `argument` fit each other.
pub(crate) unsafe fn set_next_proto_select_cb(
    context: *mut sys::SSL_CTX,
    callback: SelectFn,
    argument: *mut c_void,
) -> Result<(), Error> {
    #[cfg(not(absent = "SSL_CTX_set_npn_select_cb"))]
    {
        // SAFETY: by this function's contract.
        unsafe { openssl_sys_ext::SSL_CTX_set_npn_select_cb(context, Some(callback), argument) };
        Ok(())
    }
    #[cfg(absent = "SSL_CTX_set_npn_select_cb")]
    {
        let _ = (context, callback, argument);
        Err(Error::unsupported(
            "SSL_CTX_set_next_proto_select_cb",
            "an OpenSSL built without no-nextprotoneg",
        ))
    }
}

/// Whether this build can put messages in words.
pub(crate) const HAS_TRACE: bool = cfg!(not(absent = "SSL_trace"));

/// Prints a protocol message to a BIO.
///
/// # Safety
///
/// As in a message callback; `bio` is live.
#[allow(clippy::too_many_arguments)] // C's
pub(crate) unsafe fn trace(
    write: c_int,
    version: c_int,
    content_type: c_int,
    data: *const c_void,
    len: usize,
    ssl: *mut sys::SSL,
    bio: *mut sys::BIO,
) {
    #[cfg(not(absent = "SSL_trace"))]
    // SAFETY: by this function's contract.
    unsafe {
        openssl_sys_ext::SSL_trace(write, version, content_type, data, len, ssl, bio.cast());
    }
    #[cfg(absent = "SSL_trace")]
    let _ = (write, version, content_type, data, len, ssl, bio);
}
