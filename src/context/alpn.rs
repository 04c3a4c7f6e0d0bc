//! ALPN: what a client offers, and what a server picks.

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::sync::Arc;

use openssl_sys as sys;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, OfferedProtocols, ProtocolList, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ffi::{bytes, compat};
use crate::ssl::SslRef;

pub(super) type Select = Arc<dyn for<'a> Fn(&SslRef, OfferedProtocols<'a>) -> AlpnDecision<'a> + Send + Sync>;

/// What a server answers to a client's offer.
///
/// The name belongs to the offer, and not to a list that ends with the callback:
///
/// ```compile_fail,E0515
/// # use libssl::context::{AlpnDecision, SslContext, SslMethod};
/// # let mut builder = SslContext::builder(SslMethod::tls_server())?;
/// builder.set_alpn_select_cb(|_ssl, _offered| {
///     let mine = vec![b'h', b'2'];
///     AlpnDecision::Select(&mine)
/// })?;
/// # Ok::<(), libssl::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlpnDecision<'a> {
    /// This one. The handshake fails if the client did not offer it.
    #[doc(alias = "SSL_TLSEXT_ERR_OK")]
    Select(&'a [u8]),
    /// None: the handshake goes on as if ALPN had not been offered.
    #[doc(alias = "SSL_TLSEXT_ERR_NOACK")]
    Ignore,
    /// The handshake fails with the alert `no_application_protocol`.
    #[doc(alias = "SSL_TLSEXT_ERR_ALERT_FATAL")]
    Refuse,
}

impl ContextSettings {
    /// What clients of this context offer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 4.0.
    ///
    /// C: [`SSL_CTX_get0_alpn_protos(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_CTX_get0_alpn_protos")]
    pub fn alpn_protos(&self) -> Result<OfferedProtocols<'_>, Error> {
        // SAFETY: the context is live, and its settings stay for this borrow.
        unsafe { compat::context::alpn_protos(self.as_ptr()) }.map(OfferedProtocols::new)
    }
}

impl SslContextBuilderRef {
    /// Sets what clients offer, the preferred one first. An empty list offers nothing.
    ///
    /// # Errors
    ///
    /// As [`ProtocolList::new`].
    ///
    /// C: [`SSL_CTX_set_alpn_protos(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_CTX_set_alpn_protos")]
    pub fn set_alpn_protos<P: AsRef<[u8]>>(
        &mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Result<(), Error> {
        let list = ProtocolList::new(protocols)?;
        let wire = list.as_wire();
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies the list, whose length fits 16 bits.
        let failed =
            unsafe { sys::SSL_CTX_set_alpn_protos(self.as_ptr(), wire.as_ptr(), wire.len() as c_uint) };
        if failed != 0 {
            return Err(Error::from_queue("SSL_CTX_set_alpn_protos"));
        }
        self.update_callbacks(|callbacks| callbacks.noted.alpn = Some(wire.into()))
    }

    /// Lets `callback` pick from a client's offer. If it panics, the handshake fails, and the panic goes on in the
    /// call that shook hands.
    ///
    /// ```
    /// # use libssl::context::{AlpnDecision, SslContext, SslMethod};
    /// # let mut builder = SslContext::builder(SslMethod::tls_server())?;
    /// builder.set_alpn_select_cb(|_ssl, offered| match offered.first_of(["h2", "http/1.1"]) {
    ///     Some(protocol) => AlpnDecision::Select(protocol),
    ///     None => AlpnDecision::Ignore,
    /// })?;
    /// # Ok::<(), libssl::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_alpn_select_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_CTX_set_alpn_select_cb")]
    pub fn set_alpn_select_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: for<'a> Fn(&SslRef, OfferedProtocols<'a>) -> AlpnDecision<'a> + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.alpn_select = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { sys::SSL_CTX_set_alpn_select_cb__fixed_rust(self.as_ptr(), Some(select), self.argument()) };
        Ok(())
    }
}

unsafe extern "C" fn select(
    ssl: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.alpn_select.clone());
    // SAFETY: C's own arguments.
    unsafe { select_with(closure.as_deref(), ssl, out, out_len, offered, offered_len) }
}

/// Asks the closure, and answers C. Where it is missing, the handshake ends.
///
/// # Safety
///
/// C calls the ALPN callback of `ssl`, which is live, with these arguments.
pub(crate) unsafe fn select_with(
    closure: Option<impl for<'a> FnOnce(&SslRef, OfferedProtocols<'a>) -> AlpnDecision<'a>>,
    ssl: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
) -> c_int {
    let Some(closure) = closure else { return sys::SSL_TLSEXT_ERR_ALERT_FATAL };
    // SAFETY: C lends the peer's list until this function returns.
    let offered = unsafe { bytes::lend(offered, offered_len as usize) }.unwrap_or_default();
    let offered = OfferedProtocols::new(offered);
    // SAFETY: the object is live for the callback.
    let ssl = unsafe { SslRef::from_ptr(ssl) };
    let chosen = match run(|| closure(ssl, offered)) {
        // Found again in C's own list, which outlives this function whatever the closure's bytes are.
        Some(AlpnDecision::Select(protocol)) => offered.find(protocol),
        Some(AlpnDecision::Ignore) => return sys::SSL_TLSEXT_ERR_NOACK,
        Some(AlpnDecision::Refuse) | None => None,
    };
    let Some(chosen) = chosen else { return sys::SSL_TLSEXT_ERR_ALERT_FATAL };
    // SAFETY: both out-pointers are C's. An offered name has at most 255 bytes.
    unsafe { (*out, *out_len) = (chosen.as_ptr(), chosen.len() as c_uchar) };
    sys::SSL_TLSEXT_ERR_OK
}
