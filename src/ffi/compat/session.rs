//! Calls on sessions that changed over the versions.

use std::ffi::{c_char, c_long};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl_sys as sys;
#[allow(unused_imports)] // by what these headers have
use openssl_sys_ext as ext;

use crate::error::Error;

/// When the session was made, in seconds since the epoch.
///
/// # Safety
///
/// `session` is live.
#[allow(clippy::useless_conversion)] // some of C's numbers have 32 bits on some targets
pub(crate) unsafe fn time(session: *mut sys::SSL_SESSION) -> i64 {
    #[cfg(not(absent = "SSL_SESSION_get_time_ex"))]
    // SAFETY: by this function's contract.
    return i64::from(unsafe { ext::SSL_SESSION_get_time_ex(session) });
    #[cfg(absent = "SSL_SESSION_get_time_ex")]
    // SAFETY: as above.
    return i64::from(unsafe { sys::SSL_SESSION_get_time(session) });
}

/// Sets when the session was made.
///
/// # Safety
///
/// `session` is live, and nobody else uses it.
pub(crate) unsafe fn set_time(session: *mut sys::SSL_SESSION, seconds: i64) {
    #[cfg(not(absent = "SSL_SESSION_set_time_ex"))]
    // SAFETY: by this function's contract.
    unsafe {
        ext::SSL_SESSION_set_time_ex(session, libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX));
    }
    #[cfg(absent = "SSL_SESSION_set_time_ex")]
    // SAFETY: as above.
    unsafe {
        ext::SSL_SESSION_set_time(session, c_long::try_from(seconds).unwrap_or(c_long::MAX));
    }
}

/// Removes the sessions that are over at a time, all of them at 0.
///
/// # Safety
///
/// `context` is live.
pub(crate) unsafe fn flush(context: *mut sys::SSL_CTX, seconds: i64) {
    #[cfg(not(absent = "SSL_CTX_flush_sessions_ex"))]
    // SAFETY: by this function's contract.
    unsafe {
        ext::SSL_CTX_flush_sessions_ex(context, libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX));
    }
    #[cfg(absent = "SSL_CTX_flush_sessions_ex")]
    // SAFETY: as above.
    unsafe {
        ext::SSL_CTX_flush_sessions(context, c_long::try_from(seconds).unwrap_or(c_long::MAX));
    }
}

/// d2i_SSL_SESSION_ex with a new session; NULL says that the queue has why not.
///
/// # Safety
///
/// `*data` points to `len` bytes, and the library context and the query are NULL or live.
pub(crate) unsafe fn parse(
    data: *mut *const u8,
    len: c_long,
    lib: *mut sys::OSSL_LIB_CTX,
    properties: *const c_char,
) -> Result<*mut sys::SSL_SESSION, Error> {
    #[cfg(not(absent = "d2i_SSL_SESSION_ex"))]
    // SAFETY: by this function's contract.
    return Ok(unsafe { ext::d2i_SSL_SESSION_ex(std::ptr::null_mut(), data, len, lib, properties) });
    #[cfg(absent = "d2i_SSL_SESSION_ex")]
    {
        if !lib.is_null() || !properties.is_null() {
            return Err(Error::unsupported("d2i_SSL_SESSION_ex", "OpenSSL 3.2"));
        }
        // SAFETY: as above.
        Ok(unsafe { sys::d2i_SSL_SESSION(std::ptr::null_mut(), data, len) })
    }
}

/// Seconds since the epoch, before it too.
pub(crate) fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let moment =
        if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    moment.unwrap_or(UNIX_EPOCH)
}

/// The whole seconds since the epoch; `None` where C's numbers have no room for them.
pub(crate) fn seconds(moment: SystemTime) -> Option<i64> {
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
    }
}
