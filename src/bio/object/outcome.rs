//! What an operation on a BIO comes to, where it does not succeed.

use std::ffi::c_int;
use std::{fmt, io};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::BioFlags;
use crate::bio::handle::BioRef;
use crate::error::{Error, ErrorKind};

/// An operation on a BIO that moved nothing: C's return value, the retry flags, `errno` and the error queue.
///
/// C: [`BIO_should_retry(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
#[must_use]
pub enum BioError {
    /// There is nothing more to read, and nothing went wrong.
    End,
    /// Not now: try again when what it waits for has come.
    Retry(BioRetry),
    /// It failed.
    Failed(Error),
}

/// The flags that say what for.
const KINDS: BioFlags = BioFlags::READ.union(BioFlags::WRITE).union(BioFlags::IO_SPECIAL);

/// What a BIO waits for.
///
/// C: [`BIO_should_retry(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BioRetry {
    flags: BioFlags,
    reason: RetryReason,
}

/// What a BIO waits for that is neither bytes nor room for bytes.
///
/// C: [`BIO_get_retry_reason(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RetryReason(
    /// The number that C has for it.
    pub c_int,
);

impl RetryReason {
    /// None: the BIO waits for bytes, or for nothing.
    pub const NONE: Self = Self(0);
    /// `BIO_RR_SSL_X509_LOOKUP`: a certificate callback.
    #[doc(alias = "BIO_RR_SSL_X509_LOOKUP")]
    pub const SSL_X509_LOOKUP: Self = Self(ext::BIO_RR_SSL_X509_LOOKUP);
    /// `BIO_RR_CONNECT`: a connection that is being made.
    #[doc(alias = "BIO_RR_CONNECT")]
    pub const CONNECT: Self = Self(ext::BIO_RR_CONNECT);
    /// `BIO_RR_ACCEPT`: a connection to accept.
    #[doc(alias = "BIO_RR_ACCEPT")]
    pub const ACCEPT: Self = Self(ext::BIO_RR_ACCEPT);
}

impl BioRetry {
    /// Until there is something to read.
    pub const READ: Self = Self { flags: BioFlags::READ, reason: RetryReason::NONE };
    /// Until there is room to write.
    pub const WRITE: Self = Self { flags: BioFlags::WRITE, reason: RetryReason::NONE };

    /// Until something else has come.
    pub const fn special(reason: RetryReason) -> Self {
        Self { flags: BioFlags::IO_SPECIAL, reason }
    }

    /// Leaves word in a BIO.
    ///
    /// # Safety
    ///
    /// `bio` is live, and nobody else uses it.
    pub(in crate::bio) unsafe fn put(self, bio: *mut sys::BIO) {
        // SAFETY: by this function's contract.
        unsafe {
            sys::BIO_set_flags(bio, (self.flags | BioFlags::SHOULD_RETRY).bits());
            ext::BIO_set_retry_reason(bio, self.reason.0);
        }
    }

    /// Whether it waits until there is something to read.
    #[doc(alias = "BIO_should_read")]
    pub fn should_read(self) -> bool {
        self.flags.contains(BioFlags::READ)
    }

    /// Whether it waits until there is room to write.
    #[doc(alias = "BIO_should_write")]
    pub fn should_write(self) -> bool {
        self.flags.contains(BioFlags::WRITE)
    }

    /// Whether it waits for something else; [`reason`](Self::reason) says for what.
    #[doc(alias = "BIO_should_io_special")]
    pub fn should_io_special(self) -> bool {
        self.flags.contains(BioFlags::IO_SPECIAL)
    }

    /// What it waits for beside bytes, as the BIO says that the wait is due to.
    #[doc(alias = "BIO_get_retry_reason")]
    pub fn reason(self) -> RetryReason {
        self.reason
    }
}

impl fmt::Debug for BioRetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BioRetry").field("flags", &self.flags).field("reason", &self.reason.0).finish()
    }
}

impl BioRef {
    /// What the last operation waits for, if it is to be tried again.
    ///
    /// C: [`BIO_should_retry(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_should_retry")]
    pub fn retry(&self) -> Option<BioRetry> {
        if !self.should_retry() {
            return None;
        }
        Some(BioRetry { flags: self.retry_flags() & KINDS, reason: self.retry_bio().1 })
    }

    /// The BIO of the chain that the last operation waits for, which is this one if it waits for none, and why.
    ///
    /// C: [`BIO_get_retry_BIO(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_get_retry_BIO")]
    pub fn retry_bio(&self) -> (&BioRef, RetryReason) {
        let mut reason = 0;
        // SAFETY: the chain is live, and the call only reads it; the out-pointer is to a local.
        let bio = unsafe { ext::BIO_get_retry_BIO(self.as_ptr(), &raw mut reason) };
        if bio.is_null() {
            return (self, RetryReason::NONE);
        }
        // SAFETY: get0: a BIO of the chain, which is borrowed.
        (unsafe { BioRef::from_ptr(bio) }, RetryReason(reason))
    }
}

impl BioError {
    /// Whether this is the end of what can be read.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::End)
    }

    /// What the operation waits for, if it is to be tried again.
    #[doc(alias = "BIO_should_retry")]
    pub fn retry(&self) -> Option<BioRetry> {
        match self {
            Self::Retry(retry) => Some(*retry),
            _ => None,
        }
    }

    /// The failure, if it failed.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Debug for BioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("End"),
            Self::Retry(retry) => f.debug_tuple("Retry").field(retry).finish(),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
        }
    }
}

impl fmt::Display for BioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the BIO is at its end"),
            Self::Retry(_) => f.write_str("the BIO is to be tried again"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BioError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Error> for BioError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The end becomes [`ErrorKind::UnexpectedEof`], and what is to be tried again [`ErrorKind::NotReady`].
impl From<BioError> for Error {
    fn from(error: BioError) -> Self {
        match error {
            BioError::End => Self::new(ErrorKind::UnexpectedEof, "BIO_read"),
            BioError::Retry(_) => {
                Self::new(ErrorKind::NotReady, "BIO_should_retry").with_detail("the BIO is to be tried again")
            }
            BioError::Failed(error) => error,
        }
    }
}

impl From<BioError> for io::Error {
    fn from(error: BioError) -> Self {
        match error {
            BioError::End => io::ErrorKind::UnexpectedEof.into(),
            BioError::Retry(_) => Self::new(io::ErrorKind::WouldBlock, error),
            BioError::Failed(error) => error.into(),
        }
    }
}

impl BioRef {
    /// Whether the last operation is to be tried again. In C the flags of an earlier one stay where an operation does not
    /// reach the BIO's method; here they do not.
    ///
    /// C: [`BIO_should_retry(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_should_retry")]
    pub fn should_retry(&self) -> bool {
        // SAFETY: the BIO is live, and the call only reads it; so below.
        unsafe { ext::BIO_should_retry(self.as_ptr()) != 0 }
    }

    /// Whether it waits for something to read.
    #[doc(alias = "BIO_should_read")]
    pub fn should_read(&self) -> bool {
        // SAFETY: see above.
        unsafe { ext::BIO_should_read(self.as_ptr()) != 0 }
    }

    /// Whether it waits for room to write.
    #[doc(alias = "BIO_should_write")]
    pub fn should_write(&self) -> bool {
        // SAFETY: see above.
        unsafe { ext::BIO_should_write(self.as_ptr()) != 0 }
    }

    /// Whether it waits for something else; [`retry_reason`](Self::retry_reason) says for what.
    #[doc(alias = "BIO_should_io_special")]
    pub fn should_io_special(&self) -> bool {
        // SAFETY: see above.
        unsafe { ext::BIO_should_io_special(self.as_ptr()) != 0 }
    }

    /// `READ`, `WRITE` and `IO_SPECIAL`, as far as they are set.
    #[doc(alias = "BIO_retry_type")]
    pub fn retry_type(&self) -> BioFlags {
        // SAFETY: see above.
        BioFlags::from_bits_retain(unsafe { ext::BIO_retry_type(self.as_ptr()) })
    }

    /// What this BIO waits for that is neither bytes nor room for bytes.
    ///
    /// C: [`BIO_get_retry_reason(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_get_retry_reason")]
    pub fn retry_reason(&self) -> RetryReason {
        // SAFETY: see above.
        RetryReason(unsafe { ext::BIO_get_retry_reason(self.as_ptr()) })
    }

    /// Says what this BIO waits for.
    ///
    /// C: [`BIO_set_retry_reason(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_set_retry_reason")]
    pub fn set_retry_reason(&mut self, reason: RetryReason) {
        // SAFETY: the BIO is live and borrowed for writing.
        unsafe { ext::BIO_set_retry_reason(self.as_ptr(), reason.0) }
    }

    /// Sets `READ` and `SHOULD_RETRY`.
    #[doc(alias = "BIO_set_retry_read")]
    pub fn set_retry_read(&mut self) {
        // SAFETY: the BIO is live and borrowed for writing; so below.
        unsafe { sys::BIO_set_retry_read(self.as_ptr()) }
    }

    /// Sets `WRITE` and `SHOULD_RETRY`.
    #[doc(alias = "BIO_set_retry_write")]
    pub fn set_retry_write(&mut self) {
        // SAFETY: see above.
        unsafe { sys::BIO_set_retry_write(self.as_ptr()) }
    }

    /// Sets `IO_SPECIAL` and `SHOULD_RETRY`.
    #[doc(alias = "BIO_set_retry_special")]
    pub fn set_retry_special(&mut self) {
        // SAFETY: see above.
        unsafe { ext::BIO_set_retry_special(self.as_ptr()) }
    }

    /// Takes the four flags of a retry away.
    #[doc(alias = "BIO_clear_retry_flags")]
    pub fn clear_retry_flags(&mut self) {
        // SAFETY: see above.
        unsafe { sys::BIO_clear_retry_flags(self.as_ptr()) }
    }

    /// Adds the next BIO's retry flags and takes its reason, as a filter does after an operation. Without a next BIO
    /// nothing happens (C crashes).
    ///
    /// C: [`BIO_copy_next_retry(3)`](https://docs.openssl.org/master/man3/BIO_should_retry/)
    #[doc(alias = "BIO_copy_next_retry")]
    pub fn copy_next_retry(&mut self) {
        if self.next().is_some() {
            // SAFETY: the BIO is live and borrowed for writing, and has a next one.
            unsafe { ext::BIO_copy_next_retry(self.as_ptr()) }
        }
    }
}
