//! Whether connections say goodbye.

use std::ffi::c_int;

use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};

impl ContextSettings {
    /// Whether connections end without a close_notify.
    ///
    /// C: [`SSL_CTX_get_quiet_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_quiet_shutdown/)
    #[doc(alias = "SSL_CTX_get_quiet_shutdown")]
    pub fn quiet_shutdown(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_quiet_shutdown(self.as_ptr()) != 0 }
    }
}

impl SslContextBuilderRef {
    /// Whether connections end without a close_notify: their peers cannot tell that from a cut.
    ///
    /// C: [`SSL_CTX_set_quiet_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_quiet_shutdown/)
    #[doc(alias = "SSL_CTX_set_quiet_shutdown")]
    pub fn set_quiet_shutdown(&mut self, quiet: bool) {
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_quiet_shutdown(self.as_ptr(), c_int::from(quiet)) };
    }
}
