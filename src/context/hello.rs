//! The ClientHello callback: a server's first look at what the client wants.

use std::ffi::{c_int, c_uchar, c_void};
use std::ops::Deref;
use std::sync::Arc;
use std::{fmt, ptr};

use openssl_sys as sys;

use super::callbacks::{Callbacks, run};
use super::sni::switch;
use super::{OfferedProtocols, ProtocolVersion, SslContextBuilderRef, SslContextRef};
use crate::error::{Alert, Error};
use crate::ffi::bytes;
use crate::ssl::SslRef;

pub(super) type Decide = Arc<dyn Fn(&mut ClientHello<'_>) -> ClientHelloDecision + Send + Sync>;

/// What to do with a ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientHelloDecision {
    /// Go on.
    #[doc(alias = "SSL_CLIENT_HELLO_SUCCESS")]
    Accept,
    /// End the handshake with this alert.
    #[doc(alias = "SSL_CLIENT_HELLO_ERROR")]
    Refuse(Alert),
    /// Pause: the handshake ends with [`WantClientHello`](crate::HandshakeError::WantClientHello), and resuming it asks
    /// again.
    #[doc(alias = "SSL_CLIENT_HELLO_RETRY")]
    Suspend,
}

/// A client's first message, in a ClientHello callback. It derefs to the connection, for reading.
pub struct ClientHello<'a> {
    pub(super) ssl: &'a SslRef,
}

impl ClientHello<'_> {
    /// The version in the message's old field; the real offer is in the extension `supported_versions`.
    ///
    /// C: [`SSL_client_hello_get0_legacy_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_hello_cb/)
    #[doc(alias = "SSL_client_hello_get0_legacy_version")]
    pub fn legacy_version(&self) -> ProtocolVersion {
        // SAFETY: the object is live and in its ClientHello callback, where C has the message.
        let version = unsafe { sys::SSL_client_hello_get0_legacy_version(self.ssl.as_ptr()) };
        ProtocolVersion(c_int::try_from(version).unwrap_or_default())
    }

    /// Whether the message came in the form of SSL 2.
    #[doc(alias = "SSL_client_hello_isv2")]
    pub fn is_v2(&self) -> bool {
        // SAFETY: as above.
        unsafe { sys::SSL_client_hello_isv2(self.ssl.as_ptr()) == 1 }
    }

    /// The client's random bytes.
    #[doc(alias = "SSL_client_hello_get0_random")]
    pub fn random(&self) -> &[u8] {
        self.field(sys::SSL_client_hello_get0_random)
    }

    /// The session that the client names.
    #[doc(alias = "SSL_client_hello_get0_session_id")]
    pub fn session_id(&self) -> &[u8] {
        self.field(sys::SSL_client_hello_get0_session_id)
    }

    /// The ciphers that the client offers, as they came: two bytes each, or three in a message of SSL 2's form.
    #[doc(alias = "SSL_client_hello_get0_ciphers")]
    pub fn ciphers(&self) -> &[u8] {
        self.field(sys::SSL_client_hello_get0_ciphers)
    }

    /// The compression methods that the client offers, a byte each.
    #[doc(alias = "SSL_client_hello_get0_compression_methods")]
    pub fn compression_methods(&self) -> &[u8] {
        self.field(sys::SSL_client_hello_get0_compression_methods)
    }

    fn field(&self, get: unsafe extern "C" fn(*mut sys::SSL, *mut *const c_uchar) -> usize) -> &[u8] {
        let mut data = ptr::null();
        // SAFETY: the object is live and in its ClientHello callback; `data` is a local of the type C writes.
        let len = unsafe { get(self.ssl.as_ptr(), &raw mut data) };
        // SAFETY: get0: NULL, or `len` bytes of the message, which C keeps until the callback is over.
        unsafe { bytes::lend(data, len) }.unwrap_or_default()
    }

    /// The body of an extension, or `None` if the client did not send it.
    #[doc(alias = "SSL_client_hello_get0_ext")]
    pub fn extension(&self, number: u16) -> Option<&[u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: as in `field`.
        let found = unsafe {
            sys::SSL_client_hello_get0_ext(self.ssl.as_ptr(), number.into(), &raw mut data, &raw mut len)
        };
        if found != 1 {
            return None;
        }
        // SAFETY: as in `field`. An extension without a body may come as NULL.
        Some(unsafe { bytes::lend(data, len) }.unwrap_or_default())
    }

    /// The numbers of the extensions that are there, in no particular order. Those that this OpenSSL does not know are
    /// not among them.
    #[doc(alias = "SSL_client_hello_get1_extensions_present")]
    pub fn extensions(&self) -> Vec<u16> {
        let (mut numbers, mut len) = (ptr::null_mut(), 0);
        // SAFETY: as in `field`.
        let done = unsafe {
            sys::SSL_client_hello_get1_extensions_present(self.ssl.as_ptr(), &raw mut numbers, &raw mut len)
        };
        if done != 1 || numbers.is_null() {
            return Vec::new();
        }
        // SAFETY: get1: an array of `len` numbers that is ours, copied here and freed once.
        unsafe {
            let copy = bytes::lend_array(numbers.cast_const(), len)
                .iter()
                .filter_map(|n| u16::try_from(*n).ok())
                .collect();
            sys::OPENSSL_free(numbers.cast());
            copy
        }
    }

    /// The name that the client asks for (SNI), as it came. `None` without one, or if it is malformed.
    pub fn requested_name(&self) -> Option<&[u8]> {
        let list = prefixed(self.extension(0)?)?;
        let (0, name) = list.split_first().map(|(kind, rest)| (*kind, rest))? else { return None };
        prefixed_first(name)
    }

    /// The protocols that the client offers (ALPN). `None` without the extension, or if it is malformed.
    pub fn offered_protocols(&self) -> Option<OfferedProtocols<'_>> {
        prefixed(self.extension(16)?).map(OfferedProtocols::new)
    }

    /// Goes on with the settings of another context, as
    /// [`ServerNameView::set_context`](super::ServerNameView::set_context) does. If the callback then suspends, it is
    /// the other context's callback that is asked next.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate, and
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) as there.
    ///
    /// C: [`SSL_set_SSL_CTX(3)`](https://docs.openssl.org/master/man3/SSL_set_SSL_CTX/)
    #[doc(alias = "SSL_set_SSL_CTX")]
    pub fn set_context(&mut self, context: &SslContextRef) -> Result<(), Error> {
        switch(self.ssl, context)
    }
}

/// What a two-byte length announces, if it is exactly the rest.
pub(super) fn prefixed(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_at_checked(2)?;
    (usize::from(u16::from_be_bytes([len[0], len[1]])) == rest.len()).then_some(rest)
}

/// What a two-byte length announces, with or without more behind it.
pub(super) fn prefixed_first(bytes: &[u8]) -> Option<&[u8]> {
    let (len, rest) = bytes.split_at_checked(2)?;
    rest.get(..usize::from(u16::from_be_bytes([len[0], len[1]])))
}

impl Deref for ClientHello<'_> {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        self.ssl
    }
}

impl fmt::Debug for ClientHello<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHello")
            .field("legacy_version", &self.legacy_version())
            .field("versions", &self.versions())
            .field("requested_name", &self.requested_name().map(String::from_utf8_lossy))
            .field("offered_protocols", &self.offered_protocols())
            .field("extensions", &self.extensions())
            .finish_non_exhaustive()
    }
}

impl SslContextBuilderRef {
    /// Lets `callback` decide about each ClientHello, before anything of it was used. A panic ends the handshake, and
    /// goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_client_hello_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_hello_cb/)
    #[doc(alias = "SSL_CTX_set_client_hello_cb")]
    pub fn set_client_hello_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut ClientHello<'_>) -> ClientHelloDecision + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.client_hello = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { sys::SSL_CTX_set_client_hello_cb(self.as_ptr(), Some(decide), self.argument()) };
        Ok(())
    }
}

unsafe extern "C" fn decide(ssl: *mut sys::SSL, alert: *mut c_int, context: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.client_hello.clone());
    // SAFETY: C's own arguments.
    unsafe { decide_with(closure.as_deref(), ssl, alert) }
}

/// Asks the closure, and answers C. Where it is missing, the handshake ends.
///
/// # Safety
///
/// C calls the ClientHello callback of `ssl`, which is live, with these arguments.
pub(crate) unsafe fn decide_with(
    closure: Option<impl FnOnce(&mut ClientHello<'_>) -> ClientHelloDecision>,
    ssl: *mut sys::SSL,
    alert: *mut c_int,
) -> c_int {
    // SAFETY: the object is live for the callback.
    let mut hello = ClientHello { ssl: unsafe { SslRef::from_ptr(ssl) } };
    let refusal = match closure.and_then(|closure| run(|| closure(&mut hello))) {
        Some(ClientHelloDecision::Accept) => return sys::SSL_CLIENT_HELLO_SUCCESS,
        Some(ClientHelloDecision::Suspend) => return sys::SSL_CLIENT_HELLO_RETRY,
        Some(ClientHelloDecision::Refuse(refusal)) => refusal,
        None => Alert::INTERNAL_ERROR,
    };
    // SAFETY: C's own out-pointer.
    unsafe { *alert = c_int::from(refusal.0) };
    sys::SSL_CLIENT_HELLO_ERROR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked() {
        assert_eq!(prefixed(b"\x00\x02ab"), Some(&b"ab"[..]));
        for bytes in [&b""[..], b"\x00", b"\x00\x03ab", b"\x00\x01ab"] {
            assert_eq!(prefixed(bytes), None);
        }
        assert_eq!(prefixed_first(b"\x00\x01ab"), Some(&b"a"[..]));
        assert_eq!(prefixed_first(b"\xff\xffab"), None);
    }
}
