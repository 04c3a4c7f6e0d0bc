//! Rust functions that C registers as OpenSSL callbacks.
//!
//! The settings of this crate that take closures need nothing of this: [`SslContextBuilderRef`](crate::SslContextBuilderRef)
//! and [`SslRef`] have one for each callback. Here is what an `extern "C"` function needs that C passes to
//! `SSL_CTX_set_verify` and the like itself, while a program is ported. Each helper gives the callback's view to a closure,
//! contains its panic, and answers what C expects:
//!
//! - A panic never reaches C. C is told that the callback failed, and the panic goes on in the call of this crate that C's
//!   callback ran under. Where C itself called OpenSSL there is nobody whom it concerns, and it ends here.
//! - `errno` and the error queue are as they were: SSL_get_error(3) would take for libssl's what the closure left there.
//! - The view lends nothing that can do I/O or clear the object, which would crash in a callback.
//!
//! ```no_run
//! use std::ffi::c_int;
//!
//! use libssl::callback;
//! use openssl_sys::X509_STORE_CTX;
//!
//! /// C passes it to SSL_CTX_set_verify.
//! #[unsafe(no_mangle)]
//! pub extern "C" fn relay_verify(preverified: c_int, store: *mut X509_STORE_CTX) -> c_int {
//!     // SAFETY: C calls it as a verify callback only, with these arguments.
//!     unsafe { callback::verify(preverified, store, |view| view.depth() < 4) }
//! }
//! ```

use std::ffi::{c_int, c_uchar, c_uint};

use openssl_sys as sys;

use crate::context::{
    AlpnDecision, CertificateDecision, CertificateView, ClientHello, ClientHelloDecision, OfferedProtocols,
    PeerChainView, ServerNameDecision, ServerNameView, SslContextRef, VerifyView,
};
use crate::context::{
    choose_with, decide_hello_with, decide_name_with, judge_chain_for_c, judge_one_for_c, run, select_with,
};
use crate::error::{Error, ErrorKind};
use crate::ffi::panics;
use crate::ssl::SslRef;

/// Runs `body`, and answers `failure` if it panics: for any `extern "C"` function that C calls from within OpenSSL.
///
/// ```
/// use libssl::callback;
///
/// extern "C" fn answers_c() -> i32 {
///     callback::contain(-1, || "12 apples".parse::<i32>().map_or(0, |n| n + 1))
/// }
/// assert_eq!(answers_c(), 0);
/// ```
pub fn contain<T>(failure: T, body: impl FnOnce() -> T) -> T {
    run(body).unwrap_or(failure)
}

/// Runs `body`, and answers what it returns, or `failure`: for an `extern "C"` function that C calls in place of a C function
/// which reports by the error queue. An error is [put](Error::put) into the queue, for the caller to find. If `body` panics,
/// an entry there says so, and the panic goes no further than in a callback.
///
/// ```
/// use std::ffi::c_int;
///
/// use libssl::error::ErrorStack;
/// use libssl::{SslContext, SslContextBuilderRef, callback};
///
/// /// In place of a C function that answers 1 or 0.
/// unsafe extern "C" fn set_up(context: *mut libssl::ffi::SSL_CTX) -> c_int {
///     callback::answer(0, || {
///         // SAFETY: C lends a context that it has just made.
///         let builder = unsafe { SslContextBuilderRef::from_ptr_mut(context) };
///         builder.set_cipher_list("NONSENSE")?;
///         Ok(1)
///     })
/// }
///
/// let context = SslContext::client()?.into_ptr();
/// assert_eq!(unsafe { set_up(context) }, 0);
/// assert!(!ErrorStack::drain().is_empty());
/// # drop(unsafe { SslContext::from_ptr(context) });
/// # Ok::<(), libssl::Error>(())
/// ```
pub fn answer<T>(failure: T, body: impl FnOnce() -> Result<T, Error>) -> T {
    let error = match panics::contain(body) {
        Some(Ok(answer)) => return answer,
        Some(Err(error)) => error,
        None => Error::new(ErrorKind::Unspecified, "a function written in Rust").with_detail("it panicked"),
    };
    // What it tells may come from a transport of the user's.
    if panics::contain(|| error.put()).is_none() {
        Error::new(ErrorKind::Unspecified, "a function written in Rust").put();
    }
    failure
}

/// Runs `body` with a view of the object that C passed to a callback (for info, messages, key log, security and the like),
/// and answers `failure` if it panics, or if `ssl` is NULL.
///
/// # Safety
///
/// `ssl` is NULL, or the live object that C passed to the callback in which this is called; the rest as
/// [`SslRef::from_ptr`].
pub unsafe fn with_ssl<T>(ssl: *const sys::SSL, failure: T, body: impl FnOnce(&SslRef) -> T) -> T {
    if ssl.is_null() {
        return failure;
    }
    // SAFETY: live for the callback, by this function's contract, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl.cast_mut()) };
    contain(failure, || body(view))
}

/// As [`with_ssl`], for a callback to which C passes a context.
///
/// # Safety
///
/// `context` is NULL, or the live context that C passed to the callback in which this is called, and nobody changes its
/// settings until `body` returns, nor while a clone of it lives.
pub unsafe fn with_context<T>(
    context: *mut sys::SSL_CTX,
    failure: T,
    body: impl FnOnce(&SslContextRef) -> T,
) -> T {
    if context.is_null() {
        return failure;
    }
    // SAFETY: live for the callback, by this function's contract.
    let view = unsafe { SslContextRef::from_ptr(context) };
    contain(failure, || body(view))
}

/// The body of a verify callback: `body` can refuse the certificate that OpenSSL accepts, but not accept what it refuses.
/// A panic refuses.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_verify(3) or SSL_set_verify(3) with these arguments.
///
/// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
#[doc(alias = "SSL_CTX_set_verify")]
pub unsafe fn verify(
    preverified: c_int,
    store: *mut sys::X509_STORE_CTX,
    body: impl FnOnce(&mut VerifyView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { judge_one_for_c(preverified, store, false, body) }
}

/// As [`verify`], with C's meaning: `true` accepts the certificate, whatever OpenSSL found.
///
/// # Safety
///
/// As [`verify`].
pub unsafe fn danger_verify(
    preverified: c_int,
    store: *mut sys::X509_STORE_CTX,
    body: impl FnOnce(&mut VerifyView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { judge_one_for_c(preverified, store, true, body) }
}

/// The body of a callback for whole chains: `body` is asked about a chain that OpenSSL accepts, and can refuse it. A panic
/// refuses.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_cert_verify_callback(3) with this context.
///
/// C: [`SSL_CTX_set_cert_verify_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_verify_callback/)
#[doc(alias = "SSL_CTX_set_cert_verify_callback")]
pub unsafe fn verify_chain(
    store: *mut sys::X509_STORE_CTX,
    body: impl FnOnce(&mut PeerChainView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { judge_chain_for_c(store, false, body) }
}

/// As [`verify_chain`], in OpenSSL's place, as C has it: nothing is verified unless `body` asks for it.
///
/// # Safety
///
/// As [`verify_chain`].
pub unsafe fn danger_verify_chain(
    store: *mut sys::X509_STORE_CTX,
    body: impl FnOnce(&mut PeerChainView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { judge_chain_for_c(store, true, body) }
}

/// The body of a ClientHello callback. A panic ends the handshake.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_client_hello_cb(3) with these arguments.
///
/// C: [`SSL_CTX_set_client_hello_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_hello_cb/)
#[doc(alias = "SSL_CTX_set_client_hello_cb")]
pub unsafe fn client_hello(
    ssl: *mut sys::SSL,
    alert: *mut c_int,
    body: impl FnOnce(&mut ClientHello<'_>) -> ClientHelloDecision,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { decide_hello_with(Some(body), ssl, alert) }
}

/// The body of a servername callback. A panic ends the handshake.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_tlsext_servername_callback(3) with these arguments.
///
/// C: [`SSL_CTX_set_tlsext_servername_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/)
#[doc(alias = "SSL_CTX_set_tlsext_servername_callback")]
pub unsafe fn server_name(
    ssl: *mut sys::SSL,
    alert: *mut c_int,
    body: impl FnOnce(&mut ServerNameView<'_>) -> ServerNameDecision,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { decide_name_with(Some(body), ssl, alert) }
}

/// The body of a certificate callback. A panic ends the handshake.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_cert_cb(3) or SSL_set_cert_cb(3) with this object.
///
/// C: [`SSL_CTX_set_cert_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_cb/)
#[doc(alias = "SSL_CTX_set_cert_cb")]
pub unsafe fn certificate(
    ssl: *mut sys::SSL,
    body: impl FnOnce(&mut CertificateView<'_>) -> CertificateDecision,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { choose_with(Some(body), ssl) }
}

/// The body of an ALPN callback. A panic ends the handshake.
///
/// # Safety
///
/// C calls a callback of SSL_CTX_set_alpn_select_cb(3) with these arguments.
///
/// C: [`SSL_CTX_set_alpn_select_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
#[doc(alias = "SSL_CTX_set_alpn_select_cb")]
pub unsafe fn alpn_select(
    ssl: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    body: impl for<'a> FnOnce(&SslRef, OfferedProtocols<'a>) -> AlpnDecision<'a>,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { select_with(Some(body), ssl, out, out_len, offered, offered_len) }
}
