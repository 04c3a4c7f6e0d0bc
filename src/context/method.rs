//! Which protocol a context speaks, and for which side.

use std::fmt;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::ContextSettings;
use crate::error::Error;
use crate::ffi::compat;

/// An `SSL_METHOD`: the protocol family of a context, and the roles it can play.
///
/// C: [`TLS_method(3)`](https://docs.openssl.org/master/man3/SSL_CTX_new/)
#[derive(Clone, Copy, PartialEq, Eq)]
#[doc(alias = "SSL_METHOD")]
pub struct SslMethod(*const sys::SSL_METHOD);

// SAFETY: it points to a constant table of the library.
unsafe impl Send for SslMethod {}
// SAFETY: as above.
unsafe impl Sync for SslMethod {}

impl SslMethod {
    /// TLS, for either role.
    #[doc(alias = "TLS_method")]
    pub fn tls() -> Self {
        // SAFETY: has no requirements; gives a constant table.
        Self(unsafe { sys::TLS_method() })
    }

    /// TLS, for clients only.
    #[doc(alias = "TLS_client_method")]
    pub fn tls_client() -> Self {
        // SAFETY: has no requirements; gives a constant table.
        Self(unsafe { sys::TLS_client_method() })
    }

    /// TLS, for servers only.
    #[doc(alias = "TLS_server_method")]
    pub fn tls_server() -> Self {
        // SAFETY: has no requirements; gives a constant table.
        Self(unsafe { sys::TLS_server_method() })
    }

    /// What C says the method is.
    ///
    /// # Safety
    ///
    /// `method` is one of the library's constants.
    pub(crate) unsafe fn of_c(method: *const sys::SSL_METHOD) -> Self {
        Self(method)
    }

    /// Whether it is one of those above, which all speak any version of TLS.
    pub(crate) fn is_tls(self) -> bool {
        [Self::tls(), Self::tls_client(), Self::tls_server()].contains(&self)
    }

    /// The pointer, to a constant of the library.
    pub fn as_ptr(self) -> *const sys::SSL_METHOD {
        self.0
    }
}

impl ContextSettings {
    /// The protocol of the context, and the roles that its connections can play.
    ///
    /// C: [`SSL_CTX_get_ssl_method(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_ssl_version/)
    #[doc(alias = "SSL_CTX_get_ssl_method")]
    pub fn ssl_method(&self) -> SslMethod {
        // SAFETY: the context is live; methods are constants of the library.
        unsafe { SslMethod::of_c(ext::SSL_CTX_get_ssl_method(self.as_ptr())) }
    }

    /// Whether connections of the context can be servers: with a method of both roles they can.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 4.0.
    #[doc(alias = "SSL_CTX_is_server")]
    pub fn is_server(&self) -> Result<bool, Error> {
        // SAFETY: the context is live.
        unsafe { compat::context::is_server(self.as_ptr()) }
    }
}

impl fmt::Debug for SslMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            [("tls", Self::tls()), ("tls_client", Self::tls_client()), ("tls_server", Self::tls_server())]
                .into_iter()
                .find_map(|(name, method)| (method == *self).then_some(name));
        f.debug_tuple("SslMethod").field(&name.unwrap_or("other")).finish()
    }
}
