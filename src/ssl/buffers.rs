//! Buffers and flags of reading, writing and shutting down.

use std::ffi::{CStr, c_int};
use std::ptr;

use openssl_sys_ext as ext;

use super::phase::Phase;
use super::{ShutdownResult, SslRef};
use crate::error::{Error, ErrorKind, SslError};
use crate::ffi::{compat, strings};

bitflags::bitflags! {
    /// How [`SslRef::write_ex2`] writes.
    ///
    /// C: [`SSL_write_ex2(3)`](https://docs.openssl.org/master/man3/SSL_write/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct WriteFlags: u64 {
        /// `SSL_WRITE_FLAG_CONCLUDE`: nothing more follows on this QUIC stream.
        #[doc(alias = "SSL_WRITE_FLAG_CONCLUDE")]
        const CONCLUDE = ext::SSL_WRITE_FLAG_CONCLUDE;
        const _ = !0;
    }
}

bitflags::bitflags! {
    /// How [`SslRef::shutdown_ex`] ends a QUIC connection.
    ///
    /// C: [`SSL_shutdown_ex(3)`](https://docs.openssl.org/master/man3/SSL_shutdown/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ShutdownFlags: u64 {
        /// `SSL_SHUTDOWN_FLAG_RAPID`: without waiting for the peer.
        #[doc(alias = "SSL_SHUTDOWN_FLAG_RAPID")]
        const RAPID = ext::SSL_SHUTDOWN_FLAG_RAPID;
        /// `SSL_SHUTDOWN_FLAG_NO_STREAM_FLUSH`: without sending what is still to be sent.
        #[doc(alias = "SSL_SHUTDOWN_FLAG_NO_STREAM_FLUSH")]
        const NO_STREAM_FLUSH = ext::SSL_SHUTDOWN_FLAG_NO_STREAM_FLUSH;
        /// `SSL_SHUTDOWN_FLAG_NO_BLOCK`: without blocking on a blocking connection.
        #[doc(alias = "SSL_SHUTDOWN_FLAG_NO_BLOCK")]
        const NO_BLOCK = ext::SSL_SHUTDOWN_FLAG_NO_BLOCK;
        /// `SSL_SHUTDOWN_FLAG_WAIT_PEER`: waits until the peer closes.
        #[doc(alias = "SSL_SHUTDOWN_FLAG_WAIT_PEER")]
        const WAIT_PEER = ext::SSL_SHUTDOWN_FLAG_WAIT_PEER;
        const _ = !0;
    }
}

impl SslRef {
    /// Writes as [`write`](Self::write) does, with flags, of which TLS has none.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), [`ErrorKind::Unsupported`] before OpenSSL 3.3, and [`ErrorKind::InvalidInput`] for a flag
    /// where the protocol has none; the object is then as it was.
    ///
    /// C: [`SSL_write_ex2(3)`](https://docs.openssl.org/master/man3/SSL_write/)
    #[doc(alias = "SSL_write_ex2")]
    pub fn write_ex2(&mut self, buf: &[u8], flags: WriteFlags) -> Result<usize, SslError> {
        compat::ssl::has_write_ex2().map_err(SslError::refused)?;
        if buf.is_empty() && flags.is_empty() {
            return Ok(0);
        }
        if !flags.is_empty() && (self.is_tls() || self.is_dtls()) {
            let error = Error::new(ErrorKind::InvalidInput, "SSL_write_ex2");
            return Err(SslError::refused(error.with_detail("TLS has no flags for writing")));
        }
        let mut written = 0;
        self.call("SSL_write_ex2", Phase::Write, |ssl| {
            let flags = flags.bits();
            // SAFETY: the object is live; C reads at most `len` bytes of the buffer, as in `write`.
            unsafe { compat::ssl::write_ex2(ssl, buf.as_ptr(), buf.len(), flags, &raw mut written) }
                .unwrap_or(0)
        })?;
        Ok(written.min(buf.len()))
    }

    /// Shuts down as [`shutdown`](Self::shutdown) does; over QUIC with flags, an error code and a reason for the peer,
    /// which TLS does not look at.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown), [`ErrorKind::Unsupported`] before OpenSSL 3.2, and
    /// [`ErrorKind::InvalidInput`] for a reason with a NUL byte.
    ///
    /// C: [`SSL_shutdown_ex(3)`](https://docs.openssl.org/master/man3/SSL_shutdown/)
    #[doc(alias = "SSL_shutdown_ex")]
    pub fn shutdown_ex(
        &mut self,
        flags: ShutdownFlags,
        code: u64,
        reason: Option<&str>,
    ) -> Result<ShutdownResult, SslError> {
        const CALL: &str = "SSL_shutdown_ex";
        compat::ssl::has_shutdown_ex().map_err(SslError::refused)?;
        let reason = reason.map(|text| strings::c_string(CALL, "the reason", text)).transpose();
        let reason = reason.map_err(SslError::refused)?;
        let pointer = reason.as_deref().map_or(ptr::null(), CStr::as_ptr);
        let ret = self.call(CALL, Phase::Shutdown, |ssl| {
            // SAFETY: the object is live; the reason is NULL or a string that lives for the call.
            unsafe { compat::ssl::shutdown_ex(ssl, flags.bits(), code, pointer) }.unwrap_or(-1)
        })?;
        Ok(if ret == 0 { ShutdownResult::Sent } else { ShutdownResult::Complete })
    }

    /// Whether [`shutdown`](Self::shutdown) only pretends, without sending or waiting for anything.
    ///
    /// C: [`SSL_get_quiet_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_quiet_shutdown/)
    #[doc(alias = "SSL_get_quiet_shutdown")]
    pub fn quiet_shutdown(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_quiet_shutdown(self.as_ptr()) != 0 }
    }

    /// Lets [`shutdown`](Self::shutdown) only pretend: the peer sees a cut connection.
    ///
    /// C: [`SSL_set_quiet_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_quiet_shutdown/)
    #[doc(alias = "SSL_set_quiet_shutdown")]
    pub fn set_quiet_shutdown(&mut self, quiet: bool) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_quiet_shutdown(self.as_ptr(), c_int::from(quiet)) }
    }

    /// Whether libssl itself asks the transport for more than the record it needs.
    ///
    /// C: [`SSL_get_read_ahead(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_read_ahead/)
    #[doc(alias = "SSL_get_read_ahead")]
    pub fn read_ahead(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_read_ahead(self.as_ptr()) != 0 }
    }

    /// Lets libssl itself ask the transport for more than the record it needs: fewer reads, but what it took stays
    /// inside. [`ReadAhead`](crate::bio::ReadAhead) gives it back.
    ///
    /// C: [`SSL_set_read_ahead(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_read_ahead/)
    #[doc(alias = "SSL_set_read_ahead")]
    pub fn set_read_ahead(&mut self, on: bool) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_read_ahead(self.as_ptr(), c_int::from(on)) }
    }

    /// Makes the buffers for reading and writing now, and not when they are first used.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory.
    ///
    /// C: [`SSL_alloc_buffers(3)`](https://docs.openssl.org/master/man3/SSL_alloc_buffers/)
    #[doc(alias = "SSL_alloc_buffers")]
    pub fn alloc_buffers(&mut self) -> Result<(), Error> {
        if compat::running_version() < 0x3020_0000 && self.free_buffers().is_err() {
            // They are there, for something is in them, which these versions would throw away.
            return Ok(());
        }
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing.
        match unsafe { ext::SSL_alloc_buffers(self.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_alloc_buffers")),
        }
    }

    /// Frees the buffers for reading and writing, which the next call that needs them makes again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] as long as something is in them.
    ///
    /// C: [`SSL_free_buffers(3)`](https://docs.openssl.org/master/man3/SSL_alloc_buffers/)
    #[doc(alias = "SSL_free_buffers")]
    pub fn free_buffers(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_free_buffers";
        // 3.0.13, 3.1.5, 3.2.1, 3.3.0 and what came before free a buffer in which half a record waits, or a record that
        // was opened and not read to its end, and use it afterwards (CVE-2024-4741).
        if self.has_pending() || self.rstate_string() == "RB" {
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("bytes of the peer's are in them"));
        }
        if compat::running_version() >= 0x3020_0000 {
            // These cleanse a read buffer that is not there (SSL_OP_CLEANSE_PLAINTEXT): it must be.
            self.alloc_buffers()?;
        }
        // SAFETY: the object is live and borrowed for writing, and nothing of the peer's waits in its buffers; C
        // refuses where something is still to be written.
        match unsafe { ext::SSL_free_buffers(self.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL).with_kind(ErrorKind::NotReady)),
        }
    }
}
