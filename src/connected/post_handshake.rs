//! Asking a client for its certificate on a connection that is made.

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
        self.want = None;
        // What libssl holds of a record goes out first: the question would be taken for the rest of it.
        match self.finish_write() {
            Ok(()) => {}
            Err(error) if error.want().is_some() => {
                self.want = error.want();
                return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("a write is not finished"));
            }
            Err(error) => return Err(error.into_error("SSL_write_ex")),
        }
        self.link.ssl.verify_client_post_handshake()?;
        match SslRef::do_handshake(&mut self.link.ssl) {
            Ok(()) => Ok(()),
            Err(error) if error.want().is_some() => {
                self.want = error.want();
                Ok(())
            }
            Err(error) => Err(error.into_error("SSL_do_handshake")),
        }
    }
}
