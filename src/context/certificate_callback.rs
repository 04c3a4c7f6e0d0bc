//! The certificate callback: what to present is decided in the handshake.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{Identity, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ssl::{ChainChecks, SslRef};
use crate::x509::{PKeyRef, Stack, X509, X509Ref};

pub(crate) type Choice = dyn Fn(&mut CertificateView<'_>) -> CertificateDecision + Send + Sync;
pub(crate) type Choose = Arc<Choice>;

/// What a certificate callback ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDecision {
    /// Go on with what is set now, which may be nothing.
    Accept,
    /// End the handshake.
    Refuse,
    /// Pause: the handshake ends with [`WantX509Lookup`](crate::HandshakeError::WantX509Lookup), and resuming it asks
    /// again.
    Suspend,
}

/// A connection that is about to present a certificate, or none. It derefs to the connection, for reading.
///
/// On a server it tells what the client asks for: the name ([`sni`](SslRef::sni)), the signature algorithms
/// ([`peer_sigalgs`](SslRef::peer_sigalgs)), the CAs ([`peer_ca_list`](SslRef::peer_ca_list)). On a client it tells what
/// the server asks for: the CAs, the signature algorithms, and up to TLS 1.2 the
/// [types of certificates](SslRef::certificate_types). [`suits`](Self::suits) compares all of it with an identity.
pub struct CertificateView<'a> {
    ssl: &'a SslRef,
}

impl CertificateView<'_> {
    /// What about a chain, its certificate first, suits the peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_check_chain(3)`](https://docs.openssl.org/master/man3/SSL_check_chain/)
    #[doc(alias = "SSL_check_chain")]
    pub fn check_chain(
        &self,
        certificate: &X509Ref,
        key: &PKeyRef,
        chain: &[X509],
    ) -> Result<ChainChecks, Error> {
        let stack = Stack::new(chain)?;
        error::clear();
        // SAFETY: the object is live, and so are the others. C reads what it noted of the peer when it asked for the
        // certificate, which is why only this view can ask.
        let checks = unsafe {
            ext::SSL_check_chain(self.ssl.as_ptr(), certificate.as_ptr(), key.as_ptr(), stack.as_ptr())
        };
        error::clear();
        Ok(ChainChecks::from_bits_retain(u32::try_from(checks).unwrap_or_default()))
    }

    /// Whether an identity is one that the peer takes: by its signature algorithms, and on a client by its issuer, which is
    /// one of the CAs that the peer names, if it names any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// A client that has a certificate for each of several servers:
    ///
    /// ```no_run
    /// # fn main() -> Result<(), libssl::Error> {
    /// use libssl::SslContext;
    /// use libssl::context::{CertificateDecision, Identity};
    ///
    /// let identities = [
    ///     Identity::from_pem_files("work.pem", "work.key")?,
    ///     Identity::from_pem_files("home.pem", "home.key")?,
    /// ];
    /// let mut client = SslContext::client()?;
    /// client.set_cert_cb(move |view| {
    ///     for identity in &identities {
    ///         match view.suits(identity) {
    ///             Ok(true) if view.use_identity(identity).is_ok() => return CertificateDecision::Accept,
    ///             Ok(_) => {}
    ///             Err(_) => return CertificateDecision::Refuse,
    ///         }
    ///     }
    ///     // None: the server decides whether it goes on without.
    ///     CertificateDecision::Accept
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// C: [`SSL_check_chain(3)`](https://docs.openssl.org/master/man3/SSL_check_chain/)
    #[doc(alias = "SSL_check_chain")]
    pub fn suits(&self, identity: &Identity) -> Result<bool, Error> {
        let checks = self.check_chain(identity.certificate(), identity.key(), identity.chain())?;
        let mut needed = ChainChecks::VALID | ChainChecks::SIGN | ChainChecks::ISSUER_NAME;
        // TLS 1.3 asks for no types.
        if !self.certificate_types().is_empty() {
            needed |= ChainChecks::CERT_TYPE;
        }
        Ok(checks.contains(needed))
    }

    /// Presents `identity` in this connection, in place of all that its context would.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the security level forbids a certificate. Then nothing is
    /// set.
    ///
    /// C: [`SSL_use_cert_and_key(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_certs_clear")]
    pub fn use_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        // SAFETY: the object is live, and in the callback where C expects this.
        unsafe { ext::SSL_certs_clear(self.ssl.as_ptr()) };
        self.add_identity(identity)
    }

    /// Presents `identity` beside those of other kinds of keys, of which the handshake picks one that suits the peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the security level forbids a certificate.
    ///
    /// C: [`SSL_use_cert_and_key(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_use_cert_and_key")]
    pub fn add_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        let chain = Stack::new(identity.chain())?;
        error::clear();
        // SAFETY: the object is live, and in the callback where C expects this; C takes references of its own (set1).
        let done = unsafe {
            ext::SSL_use_cert_and_key(
                self.ssl.as_ptr(),
                identity.certificate().as_ptr(),
                identity.key().as_ptr(),
                chain.as_ptr(),
                1,
            )
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_use_cert_and_key")) }
    }
}

impl Deref for CertificateView<'_> {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        self.ssl
    }
}

impl fmt::Debug for CertificateView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateView").field("ssl", &self.ssl).finish()
    }
}

impl SslContextBuilderRef {
    /// Lets `callback` say what a connection presents: a server's once the ClientHello is understood, a client's when
    /// the server asks. A panic ends the handshake, and goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_cert_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_cb/)
    #[doc(alias = "SSL_CTX_set_cert_cb")]
    pub fn set_cert_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut CertificateView<'_>) -> CertificateDecision + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.certificate = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { ext::SSL_CTX_set_cert_cb(self.as_ptr(), Some(choose), self.argument()) };
        Ok(())
    }
}

unsafe extern "C" fn choose(ssl: *mut sys::SSL, context: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered. C copies it to the object with the context's certificates, and
    // the object holds that context.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.certificate.clone());
    // SAFETY: C passes a live object.
    unsafe { choose_with(closure.as_deref(), ssl) }
}

/// Asks the closure, and answers C. Where it is missing, the handshake ends.
///
/// # Safety
///
/// `ssl` is live, and in its certificate callback.
pub(crate) unsafe fn choose_with(
    closure: Option<impl FnOnce(&mut CertificateView<'_>) -> CertificateDecision>,
    ssl: *mut sys::SSL,
) -> c_int {
    // SAFETY: live by this function's contract.
    let mut view = CertificateView { ssl: unsafe { SslRef::from_ptr(ssl) } };
    match closure.and_then(|closure| run(|| closure(&mut view))) {
        Some(CertificateDecision::Accept) => 1,
        Some(CertificateDecision::Suspend) => -1,
        Some(CertificateDecision::Refuse) | None => 0,
    }
}
