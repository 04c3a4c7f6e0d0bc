//! Where a context begins.

use foreign_types::ForeignType;
use openssl_sys_ext as ext;

use super::{
    Callbacks, ContextSettings, Identity, ProtocolVersion, SslContext, SslContextBuilder,
    SslContextBuilderRef, SslMethod, SslOptions, SslVerifyMode, TrustAnchors,
};
use crate::error::{self, Error};
use crate::library::{self, LibContext};
use crate::session::ClientSessionCache;
use crate::x509::X509Store;

impl SslContext {
    /// A context with C's own defaults, and what the system's `openssl.cnf` sets: for ports. It verifies no peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot make it, for example because its configuration is
    /// broken, and [`ErrorKind::VersionMismatch`](crate::ErrorKind::VersionMismatch) where the OpenSSL that runs is not right
    /// for this program.
    ///
    /// C: [`SSL_CTX_new(3)`](https://docs.openssl.org/master/man3/SSL_CTX_new/)
    #[doc(alias = "SSL_CTX_new")]
    pub fn builder(method: SslMethod) -> Result<SslContextBuilder, Error> {
        Self::builder_in(LibContext::default(), method)
    }

    /// As [`builder`](Self::builder), with all algorithms from a library context and by its property query. It has no
    /// influence on what `openssl.cnf` sets for TLS, which is the same for the whole process.
    ///
    /// # Errors
    ///
    /// As there; [`ErrorKind::Refused`](crate::ErrorKind::Refused) names the providers where they have not what TLS needs.
    ///
    /// C: [`SSL_CTX_new_ex(3)`](https://docs.openssl.org/master/man3/SSL_CTX_new/)
    #[doc(alias = "SSL_CTX_new_ex")]
    pub fn builder_in(lib: LibContext, method: SslMethod) -> Result<SslContextBuilder, Error> {
        const CALL: &str = "SSL_CTX_new_ex";
        library::check(CALL)?;
        let signature_kinds = super::sni::signature_kinds(lib)?;
        error::clear();
        // SAFETY: the library context stays until the process ends, C copies the query, and the method is a constant of
        // the library.
        let context = unsafe { ext::SSL_CTX_new_ex(lib.as_ptr(), lib.properties_ptr(), method.as_ptr()) };
        if context.is_null() {
            let error = Error::from_queue(CALL);
            return Err(match lib.description() {
                Some(description) => error.with_detail(description),
                None => error,
            });
        }
        // SAFETY: not NULL, and the caller's own.
        let mut builder = unsafe { <SslContextBuilder as ForeignType>::from_ptr(context) };
        if signature_kinds != super::sni::signature_kinds(lib)? {
            // Another thread loads providers: nobody knows which ones this context has.
            return Self::builder_in(lib, method);
        }
        if !lib.is_plain() || signature_kinds.is_some() {
            builder.update_callbacks(|callbacks| {
                callbacks.lib = lib;
                callbacks.signature_kinds = signature_kinds;
            })?;
        }
        builder.follow_store(lib)?;
        Ok(builder)
    }

    /// A client that verifies its servers: their chain against the system's roots, and their name, which every
    /// connection must be given ([`SslRef::set_server_name`](crate::SslRef::set_server_name)). The roots are read once a
    /// process: all clients share one [store](crate::x509::X509Store::system).
    ///
    /// It speaks TLS 1.2 and later, or what `openssl.cnf` says where that is stricter. A cut connection is an error, whatever
    /// that says. Ciphers, groups and security level are the system's. Sessions are kept and resumed, in a
    /// [`ClientSessionCache`] of the context's own; see
    /// [`set_client_session_cache`](SslContextBuilderRef::set_client_session_cache).
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and [`ErrorKind::NoTrustAnchors`](crate::ErrorKind::NoTrustAnchors) on a
    /// machine without roots.
    pub fn client() -> Result<SslContextBuilder, Error> {
        Self::client_in(LibContext::default())
    }

    /// As [`client`](Self::client), in a library context.
    ///
    /// # Errors
    ///
    /// As there, and as [`builder_in`](Self::builder_in).
    pub fn client_in(lib: LibContext) -> Result<SslContextBuilder, Error> {
        Self::client_trusting_in(lib, TrustAnchors::System)
    }

    /// As [`client`](Self::client), with roots of the caller's instead of the system's, which are then not read.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and where the roots cannot be read.
    pub fn client_trusting(anchors: TrustAnchors<'_>) -> Result<SslContextBuilder, Error> {
        Self::client_trusting_in(LibContext::default(), anchors)
    }

    /// As [`client_trusting`](Self::client_trusting), in a library context.
    ///
    /// # Errors
    ///
    /// As there, and as [`builder_in`](Self::builder_in).
    pub fn client_trusting_in(
        lib: LibContext,
        anchors: TrustAnchors<'_>,
    ) -> Result<SslContextBuilder, Error> {
        // Read before SSL_CTX_new fetches all its algorithms, each of which makes parsing a public key dearer (on 3.0 by a
        // quarter for the first client).
        let system = || X509Store::system_in(lib);
        let _system = matches!(anchors, TrustAnchors::System).then(system).transpose()?;
        let mut builder = Self::builder_in(lib, SslMethod::tls_client())?;
        builder.be_strict()?;
        builder.begin_with(anchors)?;
        builder.set_verify(SslVerifyMode::PEER)?;
        builder.update_callbacks(|callbacks| callbacks.demands_name = true)?;
        let sessions = ClientSessionCache::new(ClientSessionCache::DEFAULT_CAPACITY);
        builder.set_client_session_cache(Some(&sessions))?;
        Ok(builder)
    }

    /// A server that presents `identity`.
    ///
    /// It speaks TLS 1.2 and later, or what `openssl.cnf` says where that is stricter. A cut connection is an error, whatever
    /// that says. Ciphers, groups and security level are the system's.
    ///
    /// # Errors
    ///
    /// As [`builder`](Self::builder), and where the security level forbids the identity's algorithms.
    pub fn server(identity: &Identity) -> Result<SslContextBuilder, Error> {
        Self::server_in(LibContext::default(), identity)
    }

    /// As [`server`](Self::server), in a library context. The identity's key may be of another one.
    ///
    /// # Errors
    ///
    /// As there, and as [`builder_in`](Self::builder_in).
    pub fn server_in(lib: LibContext, identity: &Identity) -> Result<SslContextBuilder, Error> {
        let mut builder = Self::builder_in(lib, SslMethod::tls_server())?;
        builder.be_strict()?;
        builder.use_identity(identity)?;
        builder.own_sessions()?;
        Ok(builder)
    }
}

impl SslContextBuilderRef {
    /// What `openssl.cnf` must not soften.
    fn be_strict(&mut self) -> Result<(), Error> {
        self.raise_min_proto_version(ProtocolVersion::TLS1_2)?;
        self.clear_options(SslOptions::IGNORE_UNEXPECTED_EOF);
        Ok(())
    }
}

impl ContextSettings {
    /// The library context that this context was made in, as far as this crate made it: for one of C's it is the
    /// default one, for C does not tell.
    pub fn lib_context(&self) -> LibContext {
        // SAFETY: the context is live, and its settings stay as they are for the borrow.
        unsafe { Callbacks::of_context(self.as_ptr()) }.map(|callbacks| callbacks.lib).unwrap_or_default()
    }
}

impl SslContextBuilderRef {
    /// Gives the context a name for its sessions that no other has: what one verified says nothing about what another
    /// would, and a connection may be switched between them.
    fn own_sessions(&mut self) -> Result<(), Error> {
        let name = self.lib_context().session_name()?;
        self.set_session_id_context(&name)
    }
}
