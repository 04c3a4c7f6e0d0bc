//! Early data (0-RTT): how much of it a server takes, and which.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SslContextBuilderRef, SslOptions};
use crate::error::{self, Error};
use crate::ssl::SslRef;

pub(crate) type Allow = Arc<dyn Fn(&SslRef) -> bool + Send + Sync>;

impl ContextSettings {
    /// How many bytes of early data a server takes in a connection.
    ///
    /// C: [`SSL_CTX_get_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_CTX_get_max_early_data")]
    pub fn max_early_data(&self) -> u32 {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { sys::SSL_CTX_get_max_early_data(self.as_ptr()) }
    }

    /// How many bytes of early data a server receives at the most, whatever the session allows.
    ///
    /// C: [`SSL_CTX_get_recv_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_CTX_get_recv_max_early_data")]
    pub fn recv_max_early_data(&self) -> u32 {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_recv_max_early_data(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Lets a server take early data: its sessions allow so many bytes of it in a connection that resumes them. A context
    /// begins with 0, which takes none.
    ///
    /// From then on each session can be resumed once, for what protects against replays is the context's own cache: other
    /// servers with the same ticket keys do not resume its sessions.
    /// [`set_recv_max_early_data`](Self::set_recv_max_early_data) should allow as much. The server reads early data with
    /// [`Ssl::accept_early`](crate::Ssl::accept_early); one that calls [`Ssl::accept`](crate::Ssl::accept) rejects it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused), which OpenSSL does not do yet.
    ///
    /// C: [`SSL_CTX_set_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_CTX_set_max_early_data")]
    pub fn set_max_early_data(&mut self, bytes: u32) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        match unsafe { sys::SSL_CTX_set_max_early_data(self.as_ptr(), bytes) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_CTX_set_max_early_data")),
        }
    }

    /// Limits the early data that a server receives in a connection, be it to take it or to skip it: with more, the
    /// connection fails. A context begins with 16,384 bytes. Clients count on what their sessions allow, so it should never
    /// be less than any recent [`set_max_early_data`](Self::set_max_early_data).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused), which OpenSSL does not do yet.
    ///
    /// C: [`SSL_CTX_set_recv_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_CTX_set_recv_max_early_data")]
    pub fn set_recv_max_early_data(&mut self, bytes: u32) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        match unsafe { ext::SSL_CTX_set_recv_max_early_data(self.as_ptr(), bytes) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_CTX_set_recv_max_early_data")),
        }
    }

    /// Asks `callback` whether a server takes the early data that a client offers, once all else allows it. `false` rejects
    /// it, and the handshake goes on. If the callback panics, it is rejected, the connection is dead, and the panic goes on
    /// in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_allow_early_data_cb(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_CTX_set_allow_early_data_cb")]
    pub fn set_allow_early_data_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef) -> bool + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.allow_early_data = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { ext::SSL_CTX_set_allow_early_data_cb(self.as_ptr(), Some(allow), self.argument()) };
        Ok(())
    }

    /// Lets a server take the same early data again and again: `SSL_OP_NO_ANTI_REPLAY`. Sessions can be resumed more than
    /// once then, and from tickets of other servers, and whoever saw early data on the network can send it again. It is for
    /// servers that recognise a replay by other means, such as
    /// [`set_allow_early_data_callback`](Self::set_allow_early_data_callback).
    ///
    /// C: [`SSL_CTX_set_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_OP_NO_ANTI_REPLAY")]
    pub fn danger_allow_early_data_replays(&mut self) {
        self.set_options(SslOptions::NO_ANTI_REPLAY);
    }
}

/// SSL_new copied the trampoline. What is not there to ask does not allow anything.
unsafe extern "C" fn allow(ssl: *mut sys::SSL, _context: *mut c_void) -> c_int {
    // SAFETY: the object is live for the callback.
    let closure =
        unsafe { Callbacks::of_first(ssl) }.and_then(|callbacks| callbacks.allow_early_data.clone());
    let Some(closure) = closure else { return 0 };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    run(|| closure(view)).unwrap_or(false).into()
}
