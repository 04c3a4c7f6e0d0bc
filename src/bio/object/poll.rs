//! What to wait on.

use std::os::fd::RawFd;

use crate::bio::handle::BioRef;
use crate::error::{Error, ErrorKind};
use crate::ffi::compat;

/// What a BIO is waited on with.
///
/// C: [`BIO_get_rpoll_descriptor(3)`](https://docs.openssl.org/master/man3/BIO_get_rpoll_descriptor/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "BIO_POLL_DESCRIPTOR")]
pub enum PollDescriptor {
    /// There is nothing to wait on.
    None,
    /// A descriptor of the system, for `poll` and the like.
    Fd(RawFd),
    /// Something else, of this type of C's.
    Other(u32),
}

impl BioRef {
    /// What to wait on before reading.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2, and [`ErrorKind::Unspecified`] from a BIO that cannot be waited on.
    ///
    /// C: [`BIO_get_rpoll_descriptor(3)`](https://docs.openssl.org/master/man3/BIO_get_rpoll_descriptor/)
    #[doc(alias = "BIO_get_rpoll_descriptor")]
    pub fn rpoll_descriptor(&mut self) -> Result<PollDescriptor, Error> {
        // SAFETY: the BIO is live and borrowed for writing.
        let answer = self.ask(|bio| unsafe { compat::bio::rpoll_descriptor(bio) })?;
        answer.ok_or_else(|| Error::new(ErrorKind::Unspecified, "BIO_get_rpoll_descriptor"))
    }

    /// What to wait on before writing.
    ///
    /// # Errors
    ///
    /// As [`rpoll_descriptor`](Self::rpoll_descriptor).
    ///
    /// C: [`BIO_get_wpoll_descriptor(3)`](https://docs.openssl.org/master/man3/BIO_get_rpoll_descriptor/)
    #[doc(alias = "BIO_get_wpoll_descriptor")]
    pub fn wpoll_descriptor(&mut self) -> Result<PollDescriptor, Error> {
        // SAFETY: the BIO is live and borrowed for writing.
        let answer = self.ask(|bio| unsafe { compat::bio::wpoll_descriptor(bio) })?;
        answer.ok_or_else(|| Error::new(ErrorKind::Unspecified, "BIO_get_wpoll_descriptor"))
    }
}
