//! Post-handshake authentication, as a client offers it.

use std::ffi::c_int;

use openssl_sys as sys;

use super::SslContextBuilderRef;

impl SslContextBuilderRef {
    /// Whether clients offer to show a certificate after the handshake, when the server asks (TLS 1.3). They do not by
    /// default.
    ///
    /// C: [`SSL_CTX_set_post_handshake_auth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_CTX_set_post_handshake_auth")]
    pub fn set_post_handshake_auth(&mut self, offer: bool) {
        // SAFETY: the context is live and borrowed for writing.
        unsafe { sys::SSL_CTX_set_post_handshake_auth(self.as_ptr(), c_int::from(offer)) };
    }
}
