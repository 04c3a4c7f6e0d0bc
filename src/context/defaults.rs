//! Where a context begins.

use std::ffi::c_uint;

use foreign_types::ForeignType;
use openssl_sys as sys;

use super::{
    Identity, ProtocolVersion, SslContext, SslContextBuilder, SslContextBuilderRef, SslMethod, SslVerifyMode,
    TrustAnchors,
};
use crate::error::{self, Error, ErrorKind};
use crate::library::LibContext;
use crate::x509::X509Store;

impl SslContext {
    /// A context with C's own defaults, and what the system's `openssl.cnf` sets: for ports. It verifies no peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot make it, for example because its
    /// configuration is broken.
    ///
    /// C: [`SSL_CTX_new(3)`](https://docs.openssl.org/master/man3/SSL_CTX_new/)
    #[doc(alias = "SSL_CTX_new")]
    pub fn builder(method: SslMethod) -> Result<SslContextBuilder, Error> {
        error::clear();
        // SAFETY: the method is a constant of the library.
        let context = unsafe { sys::SSL_CTX_new(method.as_ptr()) };
        if context.is_null() {
            return Err(Error::from_queue("SSL_CTX_new"));
        }
        // SAFETY: not NULL, and the caller's own.
        let mut builder = unsafe { <SslContextBuilder as ForeignType>::from_ptr(context) };
        builder.follow_store(LibContext::default())?;
        Ok(builder)
    }

    /// A client that verifies its servers: their chain against the system's roots, and their name, which every
    /// connection must be given ([`SslRef::set_server_name`](crate::SslRef::set_server_name)). The roots are read once a
    /// process: all clients share one [store](crate::x509::X509Store::system).
    ///
    /// It speaks TLS 1.2 and later, or what `openssl.cnf` says where that is stricter. Ciphers, groups and security
    /// level are the system's.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and [`ErrorKind::NoTrustAnchors`] on a
    /// machine without roots.
    pub fn client() -> Result<SslContextBuilder, Error> {
        Self::client_trusting(TrustAnchors::System)
    }

    /// As [`client`](Self::client), with roots of the caller's instead of the system's, which are then not read.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and where the roots cannot be read.
    pub fn client_trusting(anchors: TrustAnchors<'_>) -> Result<SslContextBuilder, Error> {
        // Read before SSL_CTX_new fetches all its algorithms, each of which makes parsing a public key dearer (on 3.0 by a
        // quarter for the first client).
        let _system = matches!(anchors, TrustAnchors::System).then(X509Store::system).transpose()?;
        let mut builder = Self::builder(SslMethod::tls_client())?;
        builder.raise_min_proto_version(ProtocolVersion::TLS1_2)?;
        builder.begin_with(anchors)?;
        builder.set_verify(SslVerifyMode::PEER)?;
        builder.update_callbacks(|callbacks| callbacks.demands_name = true)?;
        Ok(builder)
    }

    /// A server that presents `identity`.
    ///
    /// It speaks TLS 1.2 and later, or what `openssl.cnf` says where that is stricter. Ciphers, groups and security
    /// level are the system's.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and where the security level forbids the identity's algorithms.
    pub fn server(identity: &Identity) -> Result<SslContextBuilder, Error> {
        let mut builder = Self::builder(SslMethod::tls_server())?;
        builder.raise_min_proto_version(ProtocolVersion::TLS1_2)?;
        builder.use_identity(identity)?;
        builder.own_sessions()?;
        Ok(builder)
    }
}

impl SslContextBuilderRef {
    /// Gives the context a name for its sessions that no other has: what one verified says nothing about what another
    /// would, and a connection may be switched between them.
    fn own_sessions(&mut self) -> Result<(), Error> {
        let mut name = [0; 32];
        error::clear();
        // SAFETY: C fills the array, whose length it is told.
        if unsafe { sys::RAND_bytes(name.as_mut_ptr(), 32) } != 1 {
            return Err(Error::from_queue("RAND_bytes"));
        }
        self.set_session_id_context(&name)
    }

    /// Names the setting that sessions belong to, in 32 bytes at most: a session is only resumed under the name it was
    /// made under. Without one, a server that verifies its clients fails every handshake that would resume.
    /// [`SslContext::server`] has a random one, so that sessions stay with their context; several contexts or machines that
    /// share tickets, and verify clients alike, need one that they share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a longer name.
    ///
    /// C: [`SSL_CTX_set_session_id_context(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_id_context/)
    #[doc(alias = "SSL_CTX_set_session_id_context")]
    pub fn set_session_id_context(&mut self, name: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_session_id_context";
        let Ok(len @ 0..=32) = c_uint::try_from(name.len()) else {
            return Err(
                Error::new(ErrorKind::InvalidInput, CALL).with_detail("the name has more than 32 bytes")
            );
        };
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies `len` bytes.
        let done = unsafe { sys::SSL_CTX_set_session_id_context(self.as_ptr(), name.as_ptr(), len) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }
}
