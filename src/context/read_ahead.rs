//! How much libssl reads at a time.

use std::ffi::c_long;

use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};

impl ContextSettings {
    /// Whether libssl reads as much as there is, and not record by record.
    ///
    /// C: [`SSL_CTX_get_read_ahead(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_read_ahead/)
    #[doc(alias = "SSL_CTX_get_read_ahead")]
    #[doc(alias = "SSL_CTX_get_default_read_ahead")]
    pub fn read_ahead(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_read_ahead(self.as_ptr()) != 0 }
    }
}

impl SslContextBuilderRef {
    /// Whether libssl reads as much as there is, and not record by record. What it read beyond the end of TLS does not
    /// come back; [`ReadAhead`](crate::bio::ReadAhead) reads ahead without that.
    ///
    /// C: [`SSL_CTX_set_read_ahead(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_read_ahead/)
    #[doc(alias = "SSL_CTX_set_read_ahead")]
    #[doc(alias = "SSL_CTX_set_default_read_ahead")]
    pub fn set_read_ahead(&mut self, ahead: bool) {
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_read_ahead(self.as_ptr(), c_long::from(ahead)) };
    }

    /// The size in bytes of the buffer that libssl reads into, for reading ahead of more than one record. Less than a
    /// record is ignored.
    ///
    /// C: [`SSL_CTX_set_default_read_buffer_len(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_split_send_fragment/)
    #[doc(alias = "SSL_CTX_set_default_read_buffer_len")]
    pub fn set_default_read_buffer_len(&mut self, len: usize) {
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_default_read_buffer_len(self.as_ptr(), len) };
    }
}
