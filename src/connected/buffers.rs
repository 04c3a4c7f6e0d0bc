//! The memory of a connection that is idle.

use super::Connected;
use crate::bio::Channel;
use crate::error::{Error, ErrorKind};

impl<C: Channel> Connected<C> {
    /// Frees the buffers for reading and writing, most of what an idle connection holds. The next call that needs them
    /// makes them again; [`SslMode::RELEASE_BUFFERS`](crate::context::SslMode::RELEASE_BUFFERS) does so after each call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] as long as something is in them, or a write is not finished.
    ///
    /// C: [`SSL_free_buffers(3)`](https://docs.openssl.org/master/man3/SSL_alloc_buffers/)
    #[doc(alias = "SSL_free_buffers")]
    pub fn free_buffers(&mut self) -> Result<(), Error> {
        if self.has_pending_write() {
            let error = Error::new(ErrorKind::NotReady, "SSL_free_buffers");
            return Err(error.with_detail("a write is not finished"));
        }
        self.pending = Vec::new();
        self.link.ssl.free_buffers()
    }
}
