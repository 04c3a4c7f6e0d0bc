//! Options and modes of one connection.

use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::context::{SslMode, SslOptions};
use crate::error::Error;

impl SslRef {
    /// The options that are set.
    ///
    /// C: [`SSL_get_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_get_options")]
    pub fn options(&self) -> SslOptions {
        // SAFETY: the object is live, and the call only reads it.
        SslOptions::from_bits_retain(unsafe { ext::SSL_get_options(self.as_ptr()) })
    }

    /// Sets options beside those that are set, and returns them all. As on a
    /// [context](crate::SslContextBuilderRef::set_options), some let pass what OpenSSL refuses by default.
    ///
    /// C: [`SSL_set_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_set_options")]
    pub fn set_options(&mut self, options: SslOptions) -> SslOptions {
        // SAFETY: the object is live and borrowed for writing.
        SslOptions::from_bits_retain(unsafe { ext::SSL_set_options(self.as_ptr(), options.bits()) })
    }

    /// Clears options, and returns those that stay.
    ///
    /// C: [`SSL_clear_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_clear_options")]
    pub fn clear_options(&mut self, options: SslOptions) -> SslOptions {
        let stays = if self.note_ktls().is_ok() { SslOptions::empty() } else { SslOptions::ENABLE_KTLS };
        let options = options.difference(stays).bits();
        // SAFETY: the object is live and borrowed for writing.
        SslOptions::from_bits_retain(unsafe { ext::SSL_clear_options(self.as_ptr(), options) })
    }

    /// The modes that are set.
    ///
    /// C: [`SSL_get_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_get_mode")]
    pub fn mode(&self) -> SslMode {
        // SAFETY: the object is live, and the call only reads it.
        SslMode::from_c(unsafe { ext::SSL_get_mode(self.as_ptr()) })
    }

    /// Sets modes beside those that are set, and returns them all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for `SSL_MODE_ASYNC`.
    ///
    /// C: [`SSL_set_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_set_mode")]
    pub fn set_mode(&mut self, mode: SslMode) -> Result<SslMode, Error> {
        let mode = mode.to_settable("SSL_set_mode")?;
        // SAFETY: the object is live and borrowed for writing; the asynchronous mode is not among the bits.
        Ok(SslMode::from_c(unsafe { ext::SSL_set_mode(self.as_ptr(), mode) }))
    }

    /// Clears modes, and returns those that stay.
    ///
    /// C: [`SSL_clear_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_clear_mode")]
    pub fn clear_mode(&mut self, mode: SslMode) -> SslMode {
        // SAFETY: the object is live and borrowed for writing.
        SslMode::from_c(unsafe { ext::SSL_clear_mode(self.as_ptr(), mode.to_c()) })
    }

    /// Remembers that the kernel may encrypt for this connection: it goes on with that when the option is cleared, and so
    /// does C with the buffer of a write that was suspended.
    pub(crate) fn note_ktls(&mut self) -> Result<(), Error> {
        if self.options().contains(SslOptions::ENABLE_KTLS) {
            State::of_mut(self)?.set_ktls();
        }
        Ok(())
    }
}
