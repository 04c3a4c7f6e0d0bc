//! Another handshake on a connection of TLS 1.2 or earlier.

use std::ffi::{c_int, c_long};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::{self, Error, ErrorKind};

impl SslRef {
    /// Lets both sides shake hands once more, and make a new session. That begins with the next call that reads, writes or
    /// [shakes hands](Self::do_handshake); [`renegotiate_pending`](Self::renegotiate_pending) says until when.
    ///
    /// A server asks its client, which may go on without, and offers the session that there is: with
    /// [`NO_SESSION_RESUMPTION_ON_RENEGOTIATION`](crate::context::SslOptions::NO_SESSION_RESUMPTION_ON_RENEGOTIATION) the
    /// server does not take it. A client's wish is refused by servers that do not have
    /// [`ALLOW_CLIENT_RENEGOTIATION`](crate::context::SslOptions::ALLOW_CLIENT_RENEGOTIATION), and that ends the
    /// connection. Where the context demands a verified name, the peer is held to what was verified of the first one: if
    /// that was changed in between, the connection ends.
    ///
    /// While a client of this crate's that verifies its peer renegotiates, a write waits for the end of it: data that the
    /// peer sent before must be read first, or it breaks the handshake.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] before the end of the handshake before, and [`ErrorKind::Refused`] for TLS 1.3, which has
    /// [`key_update`](Self::key_update), and with
    /// [`NO_RENEGOTIATION`](crate::context::SslOptions::NO_RENEGOTIATION). The connection goes on.
    ///
    /// C: [`SSL_renegotiate(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_renegotiate")]
    pub fn renegotiate(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live.
        self.begin_renegotiation("SSL_renegotiate", |ssl| unsafe { ext::SSL_renegotiate(ssl) })
    }

    /// As [`renegotiate`](Self::renegotiate), and a client offers to resume the session that there is: both sides make new
    /// keys, and nobody is verified again.
    ///
    /// # Errors
    ///
    /// As [`renegotiate`](Self::renegotiate).
    ///
    /// C: [`SSL_renegotiate_abbreviated(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_renegotiate_abbreviated")]
    pub fn renegotiate_abbreviated(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live.
        let begin = |ssl| unsafe { ext::SSL_renegotiate_abbreviated(ssl) };
        self.begin_renegotiation("SSL_renegotiate_abbreviated", begin)
    }

    fn begin_renegotiation(
        &mut self,
        call: &'static str,
        begin: impl FnOnce(*mut sys::SSL) -> c_int,
    ) -> Result<(), Error> {
        if let Some(refusal) = self.poison_story(call) {
            return Err(refusal);
        }
        // SAFETY: the object is live, and the call only reads it. C would take the first handshake for the next one.
        if unsafe { sys::SSL_is_init_finished(self.as_ptr()) } == 0 {
            return Err(Error::new(ErrorKind::NotReady, call).with_detail("a handshake is not done"));
        }
        error::clear();
        if begin(self.as_ptr()) == 1 {
            error::clear();
            return Ok(());
        }
        Err(Error::from_queue(call))
    }

    /// Whether a renegotiation is due or under way.
    ///
    /// C: [`SSL_renegotiate_pending(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_renegotiate_pending")]
    pub fn renegotiate_pending(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_renegotiate_pending(self.as_ptr()) == 1 }
    }

    /// How many renegotiations began since [`clear_num_renegotiations`](Self::clear_num_renegotiations).
    ///
    /// C: [`SSL_num_renegotiations(3)`](https://docs.openssl.org/master/man3/SSL_num_renegotiations/)
    #[doc(alias = "SSL_num_renegotiations")]
    pub fn num_renegotiations(&self) -> u64 {
        // SAFETY: the object is live, and the call only reads it.
        number(unsafe { ext::SSL_num_renegotiations(self.as_ptr()) })
    }

    /// Lets [`num_renegotiations`](Self::num_renegotiations) begin at 0 again, and returns what it was.
    ///
    /// C: [`SSL_clear_num_renegotiations(3)`](https://docs.openssl.org/master/man3/SSL_num_renegotiations/)
    #[doc(alias = "SSL_clear_num_renegotiations")]
    pub fn clear_num_renegotiations(&mut self) -> u64 {
        // SAFETY: the object is live and borrowed for writing.
        number(unsafe { ext::SSL_clear_num_renegotiations(self.as_ptr()) })
    }

    /// How many renegotiations ever began on this connection.
    ///
    /// C: [`SSL_total_renegotiations(3)`](https://docs.openssl.org/master/man3/SSL_num_renegotiations/)
    #[doc(alias = "SSL_total_renegotiations")]
    pub fn total_renegotiations(&self) -> u64 {
        // SAFETY: the object is live, and the call only reads it.
        number(unsafe { ext::SSL_total_renegotiations(self.as_ptr()) })
    }

    /// Whether the peer renegotiates securely ([RFC 5746](https://www.rfc-editor.org/rfc/rfc5746)): a renegotiation is
    /// then bound to the connection. TLS 1.3 has none, and the answer says nothing there.
    ///
    /// C: [`SSL_get_secure_renegotiation_support(3)`](https://docs.openssl.org/master/man3/SSL_get_secure_renegotiation_support/)
    #[doc(alias = "SSL_get_secure_renegotiation_support")]
    pub fn secure_renegotiation_support(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_secure_renegotiation_support(self.as_ptr()) == 1 }
    }
}

fn number(count: c_long) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
