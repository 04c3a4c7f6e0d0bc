//! Post-handshake authentication: a server of TLS 1.3 asks for a certificate when it needs one.

use std::ffi::c_int;

use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::{self, Error};

impl SslRef {
    /// Whether this client offers to show a certificate after the handshake, when the server asks (TLS 1.3).
    ///
    /// C: [`SSL_set_post_handshake_auth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_set_post_handshake_auth")]
    pub fn set_post_handshake_auth(&mut self, offer: bool) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_post_handshake_auth(self.as_ptr(), c_int::from(offer)) };
    }

    /// Asks the client for a certificate, on a server after the handshake. The question goes out with the next
    /// [`do_handshake`](Self::do_handshake) or write, and the answer comes in while reading: what was refused ends that
    /// read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if this is no server, not TLS 1.3, not after the handshake, if the
    /// verify mode lacks [`PEER`](crate::context::SslVerifyMode::PEER), or the client did not offer it; the connection goes
    /// on.
    ///
    /// C: [`SSL_verify_client_post_handshake(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_verify_client_post_handshake")]
    pub fn verify_client_post_handshake(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_verify_client_post_handshake";
        if let Some(refusal) = self.poison_story(CALL) {
            return Err(refusal);
        }
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        if unsafe { ext::SSL_verify_client_post_handshake(self.as_ptr()) } == 1 {
            error::clear();
            return Ok(());
        }
        Err(Error::from_queue(CALL))
    }
}
