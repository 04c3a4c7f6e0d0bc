//! The application protocol: what is offered, and what was agreed on.

use std::ffi::c_uint;
use std::ptr;

use openssl_sys as sys;

use super::SslRef;
use super::state::State;
use crate::context::{OfferedProtocols, ProtocolList};
use crate::error::Error;
use crate::ffi::{bytes, compat};

impl SslRef {
    /// Sets the protocols that a client offers, in order of preference; an empty list offers none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a name that has not 1 to 255 bytes, and for a list
    /// that is too long.
    ///
    /// C: [`SSL_set_alpn_protos(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_set_alpn_protos")]
    pub fn set_alpn_protos<P: AsRef<[u8]>>(
        &mut self,
        protocols: impl IntoIterator<Item = P>,
    ) -> Result<(), Error> {
        const CALL: &str = "SSL_set_alpn_protos";
        let protocols = ProtocolList::new(protocols)?;
        let wire = protocols.as_wire();
        let len = c_uint::try_from(wire.len()).unwrap_or(c_uint::MAX);
        let data = if len == 0 { ptr::null() } else { wire.as_ptr() };
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies `len` bytes, and NULL means none.
        match unsafe { sys::SSL_set_alpn_protos(self.as_ptr(), data, len) } {
            // Here 0 is success.
            0 => {
                State::of_mut(self)?.noted().alpn = Some(wire.into());
                Ok(())
            }
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Whether this object offers a protocol, as far as it was set here: C tells that from 4.0 on.
    pub(super) fn offers_protocol(&self, name: &[u8]) -> bool {
        if let Ok(offered) = self.alpn_protos() {
            return offered.contains(name);
        }
        // SAFETY: the object is live.
        let Some(state) = (unsafe { State::of(self.as_ptr()) }) else { return false };
        let on_context = || state.context.as_ref().and_then(|context| context.noted.alpn.clone());
        let own = state.noted().alpn.clone();
        own.or_else(on_context).is_some_and(|wire| OfferedProtocols::new(&wire).contains(name))
    }

    /// The protocols that this object itself offers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 4.0.
    ///
    /// C: [`SSL_get0_alpn_protos(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_get0_alpn_protos")]
    pub fn alpn_protos(&self) -> Result<OfferedProtocols<'_>, Error> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the object is live; C writes a pointer to its own copy, which only `&mut self` replaces, and its length.
        unsafe {
            compat::ssl::alpn_protos(self.as_ptr(), &raw mut data, &raw mut len)?;
            Ok(OfferedProtocols::new(bytes::lend(data, len as usize).unwrap_or_default()))
        }
    }

    /// The protocol that both sides agreed on, or `None` without one.
    ///
    /// C: [`SSL_get0_alpn_selected(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_get0_alpn_selected")]
    pub fn alpn_selected(&self) -> Option<&[u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the object is live; C lends `len` bytes of its own, or NULL, and only a handshake replaces them, which
        // takes `&mut self`.
        unsafe {
            sys::SSL_get0_alpn_selected(self.as_ptr(), &raw mut data, &raw mut len);
            bytes::lend(data, len as usize)
        }
    }

    /// The protocol that the client chose with NPN, which came before ALPN, or `None` without one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) in an OpenSSL built with `no-nextprotoneg`.
    ///
    /// C: [`SSL_get0_next_proto_negotiated(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
    #[doc(alias = "SSL_get0_next_proto_negotiated")]
    #[doc(alias = "SSL_get0_npn_negotiated")]
    pub fn next_proto_negotiated(&self) -> Result<Option<&[u8]>, Error> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: as in `alpn_selected`.
        unsafe {
            compat::ssl::npn_negotiated(self.as_ptr(), &raw mut data, &raw mut len)?;
            Ok(bytes::lend(data, len as usize))
        }
    }
}
