//! NPN, which ALPN replaced: what a server advertises, and what a client picks. TLS 1.3 has none.

use std::cell::RefCell;
use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::sync::Arc;

use openssl_sys as sys;

use super::callbacks::{Callbacks, run};
use super::{OfferedProtocols, ProtocolList, SslContextBuilderRef};
use crate::error::Error;
use crate::ffi::{bytes, compat};
use crate::ssl::SslRef;

pub(super) type Advertise = Arc<dyn Fn(&SslRef) -> NextProtocols + Send + Sync>;
pub(super) type Select = Arc<dyn Fn(&SslRef, OfferedProtocols<'_>) -> Option<Vec<u8>> + Send + Sync>;

/// What a server answers to a client that speaks NPN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextProtocols {
    /// It advertises these.
    Advertise(ProtocolList),
    /// It does not answer.
    Ignore,
}

thread_local! {
    /// What a trampoline answered last on this thread. C copies it right after the trampoline returns.
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl SslContextBuilderRef {
    /// Lets `callback` say what a server advertises. If it panics, nothing is advertised, the connection is dead,
    /// and the panic goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built without NPN.
    ///
    /// C: [`SSL_CTX_set_next_protos_advertised_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_CTX_set_next_protos_advertised_cb")]
    #[doc(alias = "SSL_CTX_set_npn_advertised_cb")]
    pub fn set_next_protos_advertised_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef) -> NextProtocols + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.next_protos_advertised = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { compat::context::set_next_protos_advertised_cb(self.as_ptr(), advertise, self.argument()) }
    }

    /// Lets `callback` pick what a client speaks: one that the server advertised, or any other. `None`, an empty name
    /// or one longer than 255 bytes, and a panic end the handshake.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built without NPN.
    ///
    /// C: [`SSL_CTX_set_next_proto_select_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_CTX_set_next_proto_select_cb")]
    #[doc(alias = "SSL_CTX_set_npn_select_cb")]
    pub fn set_next_proto_select_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, OfferedProtocols<'_>) -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.next_proto_select = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { compat::context::set_next_proto_select_cb(self.as_ptr(), select, self.argument()) }
    }
}

unsafe extern "C" fn advertise(
    ssl: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the argument that was registered.
    let table = unsafe { Callbacks::of_argument(context) };
    let Some(closure) = table.and_then(|callbacks| callbacks.next_protos_advertised.clone()) else {
        return sys::SSL_TLSEXT_ERR_NOACK;
    };
    // SAFETY: the object is live for the callback.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    let Some(NextProtocols::Advertise(list)) = run(|| closure(ssl)) else { return sys::SSL_TLSEXT_ERR_NOACK };
    let Some((data, len)) = keep(list.as_wire().to_vec()) else { return sys::SSL_TLSEXT_ERR_NOACK };
    // SAFETY: both out-pointers are C's; a list is shorter than 65,536 bytes.
    unsafe { (*out, *out_len) = (data, len as c_uint) };
    sys::SSL_TLSEXT_ERR_OK
}

unsafe extern "C" fn select(
    ssl: *mut sys::SSL,
    out: *mut *mut c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.next_proto_select.clone());
    let Some(closure) = closure else { return sys::SSL_TLSEXT_ERR_ALERT_FATAL };
    // SAFETY: C lends the peer's list until this function returns.
    let offered = unsafe { bytes::lend(offered, offered_len as usize) }.unwrap_or_default();
    // SAFETY: the object is live for the callback.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    let chosen = run(|| closure(ssl, OfferedProtocols::new(offered))).flatten();
    let Some(chosen) = chosen.filter(|name| (1..=255).contains(&name.len())) else {
        return sys::SSL_TLSEXT_ERR_ALERT_FATAL;
    };
    let Some((data, len)) = keep(chosen) else { return sys::SSL_TLSEXT_ERR_ALERT_FATAL };
    // SAFETY: both out-pointers are C's; the length is at most 255. C copies the name and writes nothing.
    unsafe { (*out, *out_len) = (data.cast_mut(), len as c_uchar) };
    sys::SSL_TLSEXT_ERR_OK
}

/// Keeps an answer until the next one on this thread. `None` while the thread exits.
fn keep(answer: Vec<u8>) -> Option<(*const u8, usize)> {
    ANSWER
        .try_with(|kept| {
            let mut kept = kept.try_borrow_mut().ok()?;
            *kept = answer;
            Some((kept.as_ptr(), kept.len()))
        })
        .ok()
        .flatten()
}
