//! What can be set on a chain with a connection.

use std::ffi::c_long;
use std::time::Duration;

use openssl_sys_ext as ext;

use super::attach;
use super::handle::{Bio, BioRef};
use super::ssl::{SslBioRef, enter, role_as_raw};
use crate::error::{self, Error, ErrorKind};
use crate::ssl::Role;

impl SslBioRef {
    /// Makes the object a client or a server, ready for a new handshake.
    ///
    /// # Errors
    ///
    /// As [`ssl`](Self::ssl).
    ///
    /// C: [`BIO_set_ssl_mode(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_set_ssl_mode")]
    pub fn set_ssl_mode(&mut self, role: Role) -> Result<(), Error> {
        let (filter, _) = self.parts()?;
        // SAFETY: the BIO is live and borrowed for writing.
        unsafe { ext::BIO_set_ssl_mode(filter, role_as_raw(role).into()) };
        self.ssl_mut()?.remember(role);
        error::clear();
        Ok(())
    }

    /// Lets a TLS 1.2 connection renegotiate whenever so many bytes were read and written, of 512 or more: C takes no
    /// less. TLS 1.3 has no renegotiation, and goes on without.
    ///
    /// # Errors
    ///
    /// As [`ssl`](Self::ssl), and [`ErrorKind::InvalidInput`] for a number that C does not take.
    ///
    /// C: [`BIO_set_ssl_renegotiate_bytes(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_set_ssl_renegotiate_bytes")]
    pub fn set_ssl_renegotiate_bytes(&mut self, bytes: usize) -> Result<(), Error> {
        let (filter, _) = self.parts()?;
        let bytes = c_long::try_from(bytes).ok().filter(|bytes| *bytes >= 512);
        let bytes =
            bytes.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "BIO_set_ssl_renegotiate_bytes"))?;
        // SAFETY: the BIO is live and borrowed for writing.
        unsafe { ext::BIO_set_ssl_renegotiate_bytes(filter, bytes) };
        Ok(())
    }

    /// Lets a TLS 1.2 connection renegotiate at the first read or write after this time. C counts whole seconds, and
    /// takes less than a minute for 5 seconds.
    ///
    /// # Errors
    ///
    /// As [`ssl`](Self::ssl), and [`ErrorKind::InvalidInput`] for more than C can count.
    ///
    /// C: [`BIO_set_ssl_renegotiate_timeout(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_set_ssl_renegotiate_timeout")]
    pub fn set_ssl_renegotiate_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        let (filter, _) = self.parts()?;
        let seconds = c_long::try_from(timeout.as_secs())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "BIO_set_ssl_renegotiate_timeout"))?;
        // SAFETY: the BIO is live and borrowed for writing.
        unsafe { ext::BIO_set_ssl_renegotiate_timeout(filter, seconds) };
        Ok(())
    }

    /// How often the chain asked for a renegotiation.
    ///
    /// # Errors
    ///
    /// As [`ssl`](Self::ssl).
    ///
    /// C: [`BIO_get_num_renegotiates(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_get_num_renegotiates")]
    pub fn num_renegotiates(&self) -> Result<usize, Error> {
        let (filter, _) = self.parts()?;
        // SAFETY: the BIO is live, and the call only reads it.
        Ok(usize::try_from(unsafe { ext::BIO_get_num_renegotiates(filter) }).unwrap_or_default())
    }

    /// Takes the session of another chain, to resume it, with its session ID context and its certificates.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL does so, and [`ErrorKind::NotReady`] where the context demands a verified name:
    /// the session would stand for a verification that is not known here.
    ///
    /// C: [`BIO_ssl_copy_session_id(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    ///
    /// # Safety
    ///
    /// Both objects share their certificates and keys from now on: as long as both live, no two threads use them at the
    /// same time.
    #[doc(alias = "BIO_ssl_copy_session_id")]
    pub unsafe fn copy_session_id(&mut self, from: &Self) -> Result<(), Error> {
        const CALL: &str = "BIO_ssl_copy_session_id";
        if self.ssl_mut()?.demands_name() {
            let detail =
                "the context demands a verified name, which a session of another object does not have";
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail(detail));
        }
        error::clear();
        // SAFETY: both chains are live, this one borrowed for writing; what is shared by this function's contract.
        match unsafe { ext::BIO_ssl_copy_session_id(self.as_ptr(), from.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Takes the transport, with all that hangs behind it, from the connection, which has none then: to go on in the clear,
    /// say, after [`ssl_shutdown`](Self::ssl_shutdown).
    ///
    /// C: [`BIO_pop(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_pop")]
    pub fn take_transport(&mut self) -> Option<Bio> {
        let (filter, _) = self.parts().ok()?;
        let ssl = self.ssl_mut().ok()?;
        // SAFETY: the chain is live and borrowed for writing, and the object is its own.
        let transport = unsafe { attach::part(filter, ssl) }?;
        enter(|| attach::take(ssl, transport.as_ptr()));
        Some(transport)
    }

    /// As [`BioRef::set_conn_hostname`], of the transport.
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "BIO_set_conn_hostname")]
    pub fn set_conn_hostname(&mut self, name: &str) -> Result<(), Error> {
        self.need_transport("BIO_set_conn_hostname")?.set_conn_hostname(name)
    }

    /// As [`BioRef::set_conn_port`], of the transport.
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "BIO_set_conn_port")]
    pub fn set_conn_port(&mut self, port: &str) -> Result<(), Error> {
        self.need_transport("BIO_set_conn_port")?.set_conn_port(port)
    }

    /// As [`BioRef::set_nbio`], of the transport.
    ///
    /// # Errors
    ///
    /// As there.
    #[doc(alias = "BIO_set_nbio")]
    pub fn set_nbio(&mut self, nonblocking: bool) -> Result<(), Error> {
        self.need_transport("BIO_set_nbio")?.set_nbio(nonblocking)
    }

    fn need_transport(&mut self, call: &'static str) -> Result<&mut BioRef, Error> {
        self.transport_mut().ok_or_else(|| Error::new(ErrorKind::NoTransport, call))
    }
}
