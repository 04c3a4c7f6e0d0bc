//! How much early data a session allows.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{SslSession, SslSessionRef};
use crate::error::{self, Error};

impl SslSessionRef {
    /// How many bytes of early data the server lets a client send that resumes this session; 0 is none.
    ///
    /// C: [`SSL_SESSION_get_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_SESSION_get_max_early_data")]
    pub fn max_early_data(&self) -> u32 {
        // SAFETY: the session is live, and the call only reads it.
        unsafe { sys::SSL_SESSION_get_max_early_data(self.as_ptr()) }
    }

    /// A copy of the session that allows so many bytes of early data: for one that was made for a pre-shared key, or to send
    /// none with a server's. What a server did not allow it refuses, and the connection fails.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_SESSION_set_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_SESSION_set_max_early_data")]
    pub fn with_max_early_data(&self, bytes: u32) -> Result<SslSession, Error> {
        error::clear();
        // SAFETY: the session is live, and C only reads it.
        let copy = unsafe { ext::SSL_SESSION_dup(self.as_ptr()) };
        if copy.is_null() {
            return Err(Error::from_queue("SSL_SESSION_dup"));
        }
        // SAFETY: the copy is ours, and nobody else has it.
        unsafe {
            let copy = SslSession::from_ptr(copy);
            match sys::SSL_SESSION_set_max_early_data(copy.as_ptr(), bytes) {
                1 => Ok(copy),
                _ => Err(Error::from_queue("SSL_SESSION_set_max_early_data")),
            }
        }
    }
}
