//! The older callback for a client's certificate, which C asks when a server wants one and none is set.

use std::ffi::c_int;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::Error;
use crate::ssl::SslRef;
use crate::x509::{PKey, X509};

pub(super) type Choice = dyn Fn(&SslRef) -> ClientCertificateDecision + Send + Sync;
pub(super) type Choose = Arc<Choice>;

/// What a client shows to a server that asks.
#[derive(Clone, Debug)]
pub enum ClientCertificateDecision {
    /// This certificate, with its key.
    Present(X509, PKey),
    /// None: the server decides whether it goes on.
    Nothing,
    /// Pause: the handshake ends with [`WantX509Lookup`](crate::HandshakeError::WantX509Lookup), and resuming it asks
    /// again.
    Suspend,
}

impl ContextSettings {
    /// Whether a callback for the client's certificate is set, of this crate's or of C's.
    ///
    /// C: [`SSL_CTX_get_client_cert_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_cert_cb/)
    #[doc(alias = "SSL_CTX_get_client_cert_cb")]
    pub fn has_client_cert_cb(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_client_cert_cb(self.as_ptr()) }.is_some()
    }
}

impl SslContextBuilderRef {
    /// Lets `callback` choose what a client shows where the server asks and no certificate is set. It is given the
    /// connection, for reading: [`peer_ca_list`](SslRef::peer_ca_list) has the names that the server accepts.
    /// [`set_cert_cb`](Self::set_cert_cb) can do more: several certificates, and chains.
    ///
    /// A panic goes on in the call that shook hands, and the client shows nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_client_cert_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_cert_cb/)
    #[doc(alias = "SSL_CTX_set_client_cert_cb")]
    pub fn set_client_cert_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef) -> ClientCertificateDecision + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.client_certificate = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the object's context.
        unsafe { ext::SSL_CTX_set_client_cert_cb(self.as_ptr(), Some(choose)) };
        Ok(())
    }
}

/// C takes it from the context that the object has now.
unsafe extern "C" fn choose(
    ssl: *mut sys::SSL,
    certificate: *mut *mut sys::X509,
    key: *mut *mut sys::EVP_PKEY,
) -> c_int {
    // SAFETY: the object is live for the callback.
    let closure =
        unsafe { Callbacks::of_present(ssl) }.and_then(|callbacks| callbacks.client_certificate.clone());
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    match closure.and_then(|closure| run(|| closure(view))) {
        Some(ClientCertificateDecision::Present(chosen, its_key)) => {
            // SAFETY: C's own out-pointers, which take over one reference each.
            unsafe { (*certificate, *key) = (chosen.into_ptr(), its_key.into_ptr()) };
            1
        }
        Some(ClientCertificateDecision::Suspend) => -1,
        Some(ClientCertificateDecision::Nothing) | None => 0,
    }
}
