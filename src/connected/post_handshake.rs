//! What a connection that is made may be asked beside data: the client's certificate, a ticket, new keys, another handshake.

use std::io;

use super::Connected;
use crate::bio::Channel;
use crate::context::ProtocolVersion;
use crate::error::{Error, ErrorKind, SslError};
use crate::ssl::{KeyUpdate, ShutdownState, SslRef};

impl<C: Channel> Connected<C> {
    /// Asks the client for a certificate, on a server of TLS 1.3: see
    /// [`SslRef::verify_client_post_handshake`](crate::SslRef::verify_client_post_handshake). The question goes out at once
    /// as far as the channel takes it, else with the next call. The answer comes in while reading: then
    /// [`peer_certificate`](crate::SslRef::peer_certificate) has it, and a client that is refused fails that read.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::NotReady`] while a write is not finished. The connection goes on.
    ///
    /// C: [`SSL_verify_client_post_handshake(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_verify_client_post_handshake")]
    pub fn verify_client_post_handshake(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_verify_client_post_handshake";
        self.send_after_handshake(CALL, |ssl| {
            refuse_after_close_notify(ssl, CALL)?;
            ssl.verify_client_post_handshake()
        })
    }

    /// Changes the keys of a TLS 1.3 connection: those for sending, and, if that is requested, the peer's too. This goes
    /// out at once as far as the channel takes it, else with the next call, which then waits for that. Data already
    /// written went out with the keys before.
    ///
    /// # Errors
    ///
    /// As [`SslRef::key_update`](crate::SslRef::key_update), and [`ErrorKind::NotReady`] while a write is not finished, and
    /// after our close_notify. The connection goes on. What failed in sending ends it.
    ///
    /// C: [`SSL_key_update(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_key_update")]
    pub fn key_update(&mut self, update: KeyUpdate) -> Result<(), Error> {
        const CALL: &str = "SSL_key_update";
        self.send_after_handshake(CALL, |ssl| {
            refuse_after_close_notify(ssl, CALL)?;
            ssl.key_update(update)
        })
    }

    /// Lets both sides shake hands once more on a connection of TLS 1.2: see
    /// [`SslRef::renegotiate`](crate::SslRef::renegotiate). It begins with the next read or write, or with
    /// [`do_handshake`](Self::do_handshake). Reading is what takes data that the peer sent meanwhile.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::NotReady`] after our close_notify. The connection goes on.
    ///
    /// C: [`SSL_renegotiate(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_renegotiate")]
    pub fn renegotiate(&mut self) -> Result<(), Error> {
        refuse_after_close_notify(&self.link.ssl, "SSL_renegotiate")?;
        self.link.ssl.renegotiate()
    }

    /// As [`renegotiate`](Self::renegotiate), and a client offers to resume the session that there is.
    ///
    /// # Errors
    ///
    /// As [`renegotiate`](Self::renegotiate).
    ///
    /// C: [`SSL_renegotiate_abbreviated(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_renegotiate_abbreviated")]
    pub fn renegotiate_abbreviated(&mut self) -> Result<(), Error> {
        refuse_after_close_notify(&self.link.ssl, "SSL_renegotiate_abbreviated")?;
        self.link.ssl.renegotiate_abbreviated()
    }

    /// Goes on with the handshake that [`renegotiate`](Self::renegotiate) asked for, without waiting for data as a read
    /// would. A server only sends its question so: the client's answer comes in with the next read.
    ///
    /// It takes no data: what the peer sent before it knew of the handshake breaks the connection, as in C. Where the peer
    /// may be sending, read instead.
    ///
    /// # Errors
    ///
    /// As those of a read: a suspension is [`WouldBlock`](io::ErrorKind::WouldBlock), and [`wants`](Self::wants) tells what
    /// for.
    ///
    /// C: [`SSL_do_handshake(3)`](https://docs.openssl.org/master/man3/SSL_do_handshake/)
    #[doc(alias = "SSL_do_handshake")]
    pub fn do_handshake(&mut self) -> io::Result<()> {
        self.want = None;
        match self.finish_write().and_then(|()| SslRef::do_handshake(&mut self.link.ssl)) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.suspend_or_fail(error)),
        }
    }

    /// Sends the client one more ticket, on a server of TLS 1.3: see
    /// [`SslRef::new_session_ticket`](crate::SslRef::new_session_ticket). It goes out at once as far as the channel takes it,
    /// else with the next call.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::NotReady`] while a write is not finished. The connection goes on.
    ///
    /// C: [`SSL_new_session_ticket(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_new_session_ticket")]
    pub fn new_session_ticket(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_new_session_ticket";
        self.send_after_handshake(CALL, |ssl| {
            refuse_after_close_notify(ssl, CALL)?;
            ssl.new_session_ticket()
        })
    }

    /// Sends a message that `prepare` makes due, as far as the channel takes it, and leaves the rest to the next call. What
    /// libssl holds of a record goes out first: the message would be taken for the rest of it.
    pub(super) fn send_after_handshake(
        &mut self,
        call: &'static str,
        prepare: impl FnOnce(&mut SslRef) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.want = None;
        self.finish_write().map_err(|error| match error.want() {
            Some(want) => {
                self.want = Some(want);
                Error::new(ErrorKind::NotReady, call).with_detail("a write is not finished")
            }
            None => error.into_error("SSL_write_ex"),
        })?;
        prepare(&mut self.link.ssl)?;
        SslRef::do_handshake(&mut self.link.ssl).or_else(|error| match error.want() {
            Some(want) => {
                self.want = Some(want);
                Ok(())
            }
            None => Err(error.into_error("SSL_do_handshake")),
        })
    }

    /// Sends the rest of a message of TLS 1.3: libssl takes it for a handshake, in which nothing is shut down.
    pub(super) fn finish_message(&mut self) -> Result<(), SslError> {
        let ssl = &mut self.link.ssl;
        if ssl.in_init() && ssl.version() == ProtocolVersion::TLS1_3 {
            return SslRef::do_handshake(ssl);
        }
        Ok(())
    }
}

fn refuse_after_close_notify(ssl: &SslRef, call: &'static str) -> Result<(), Error> {
    if ssl.is_poisoned() || !ssl.shutdown_state().contains(ShutdownState::SENT) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotReady, call).with_detail("close_notify was sent"))
}
