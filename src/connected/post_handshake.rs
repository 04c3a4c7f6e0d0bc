//! What a server sends of the handshake protocol on a connection that is made: the question for a certificate, and tickets.

use super::Connected;
use crate::bio::Channel;
use crate::error::{Error, ErrorKind};
use crate::ssl::SslRef;

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
        self.send_after_handshake(CALL, SslRef::verify_client_post_handshake)
    }

    /// Sends a message of the handshake protocol that `prepare` makes due.
    pub(super) fn send_after_handshake(
        &mut self,
        call: &'static str,
        prepare: impl FnOnce(&mut SslRef) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.want = None;
        // What libssl holds of a record goes out first: the message would be taken for the rest of it.
        match self.finish_write() {
            Ok(()) => {}
            Err(error) if error.want().is_some() => {
                self.want = error.want();
                return Err(Error::new(ErrorKind::NotReady, call).with_detail("a write is not finished"));
            }
            Err(error) => return Err(error.into_error("SSL_write_ex")),
        }
        prepare(&mut self.link.ssl)?;
        match SslRef::do_handshake(&mut self.link.ssl) {
            Ok(()) => Ok(()),
            Err(error) if error.want().is_some() => {
                self.want = error.want();
                Ok(())
            }
            Err(error) => Err(error.into_error("SSL_do_handshake")),
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
        self.send_after_handshake("SSL_new_session_ticket", SslRef::new_session_ticket)
    }
}
