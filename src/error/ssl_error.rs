//! SSL_get_error(3) without loss.

use std::ffi::c_int;
use std::{fmt, io};

use openssl_sys as sys;

use super::{Error, ErrorKind, ErrorStack};

/// What SSL_get_error(3) answers about a call that did not succeed.
#[doc(alias = "SSL_get_error")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `SSL_ERROR_SSL`: the library failed, and the connection with it.
    #[doc(alias = "SSL_ERROR_SSL")]
    Ssl,
    /// `SSL_ERROR_SYSCALL`: the transport failed.
    #[doc(alias = "SSL_ERROR_SYSCALL")]
    Syscall,
    /// `SSL_ERROR_ZERO_RETURN`: the peer sent close_notify.
    #[doc(alias = "SSL_ERROR_ZERO_RETURN")]
    ZeroReturn,
    /// The call is suspended and waits for this.
    Want(Want),
    /// A code that this crate does not know.
    Other(c_int),
}

/// What a suspended call waits for. The same call, made again once that has come, goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Want {
    /// `SSL_ERROR_WANT_READ`: bytes from the peer.
    #[doc(alias = "SSL_ERROR_WANT_READ")]
    #[doc(alias = "SSL_READING")]
    Read,
    /// `SSL_ERROR_WANT_WRITE`: room for bytes to the peer.
    #[doc(alias = "SSL_ERROR_WANT_WRITE")]
    #[doc(alias = "SSL_WRITING")]
    Write,
    /// `SSL_ERROR_WANT_CONNECT`: the connect BIO's connection.
    #[doc(alias = "SSL_ERROR_WANT_CONNECT")]
    Connect,
    /// `SSL_ERROR_WANT_ACCEPT`: the accept BIO's connection.
    #[doc(alias = "SSL_ERROR_WANT_ACCEPT")]
    Accept,
    /// `SSL_ERROR_WANT_X509_LOOKUP`: the certificate callback's answer.
    #[doc(alias = "SSL_ERROR_WANT_X509_LOOKUP")]
    #[doc(alias = "SSL_X509_LOOKUP")]
    X509Lookup,
    /// `SSL_ERROR_WANT_CLIENT_HELLO_CB`: the ClientHello callback's answer.
    #[doc(alias = "SSL_ERROR_WANT_CLIENT_HELLO_CB")]
    #[doc(alias = "SSL_CLIENT_HELLO_CB")]
    ClientHello,
    /// `SSL_ERROR_WANT_RETRY_VERIFY`: the verify callback's answer.
    #[doc(alias = "SSL_ERROR_WANT_RETRY_VERIFY")]
    #[doc(alias = "SSL_RETRY_VERIFY")]
    RetryVerify,
    /// `SSL_ERROR_WANT_ASYNC`: an asynchronous engine.
    #[doc(alias = "SSL_ERROR_WANT_ASYNC")]
    #[doc(alias = "SSL_ASYNC_PAUSED")]
    Async,
    /// `SSL_ERROR_WANT_ASYNC_JOB`: a free asynchronous job.
    #[doc(alias = "SSL_ERROR_WANT_ASYNC_JOB")]
    #[doc(alias = "SSL_ASYNC_NO_JOBS")]
    AsyncJob,
}

impl ErrorCode {
    /// The code of a C constant such as `SSL_ERROR_WANT_READ`.
    pub fn from_raw(code: c_int) -> Self {
        match code {
            sys::SSL_ERROR_SSL => Self::Ssl,
            sys::SSL_ERROR_SYSCALL => Self::Syscall,
            sys::SSL_ERROR_ZERO_RETURN => Self::ZeroReturn,
            code => {
                Want::ALL.into_iter().find(|want| want.as_raw() == code).map_or(Self::Other(code), Self::Want)
            }
        }
    }

    /// The C constant.
    pub fn as_raw(self) -> c_int {
        match self {
            Self::Ssl => sys::SSL_ERROR_SSL,
            Self::Syscall => sys::SSL_ERROR_SYSCALL,
            Self::ZeroReturn => sys::SSL_ERROR_ZERO_RETURN,
            Self::Want(want) => want.as_raw(),
            Self::Other(code) => code,
        }
    }
}

impl Want {
    const ALL: [Self; 9] = [
        Self::Read,
        Self::Write,
        Self::Connect,
        Self::Accept,
        Self::X509Lookup,
        Self::ClientHello,
        Self::RetryVerify,
        Self::Async,
        Self::AsyncJob,
    ];

    /// The C constant.
    pub fn as_raw(self) -> c_int {
        match self {
            Self::Read => sys::SSL_ERROR_WANT_READ,
            Self::Write => sys::SSL_ERROR_WANT_WRITE,
            Self::Connect => sys::SSL_ERROR_WANT_CONNECT,
            Self::Accept => sys::SSL_ERROR_WANT_ACCEPT,
            Self::X509Lookup => sys::SSL_ERROR_WANT_X509_LOOKUP,
            Self::ClientHello => sys::SSL_ERROR_WANT_CLIENT_HELLO_CB,
            Self::RetryVerify => openssl_sys_ext::SSL_ERROR_WANT_RETRY_VERIFY,
            Self::Async => openssl_sys_ext::SSL_ERROR_WANT_ASYNC,
            Self::AsyncJob => openssl_sys_ext::SSL_ERROR_WANT_ASYNC_JOB,
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "bytes from the peer",
            Self::Write => "room for bytes to the peer",
            Self::Connect => "the transport's connect",
            Self::Accept => "the transport's accept",
            Self::X509Lookup => "the certificate callback",
            Self::ClientHello => "the ClientHello callback",
            Self::RetryVerify => "the verify callback",
            Self::Async => "an asynchronous engine",
            Self::AsyncJob => "an asynchronous job",
        })
    }
}

/// A call on an SSL object that did not succeed: SSL_get_error(3), the return value, `errno` and the error stack.
///
/// A suspension (`WANT_READ` and the like) and `ZERO_RETURN` cost no allocation, unless there was something in the
/// error queue to keep.
#[doc(alias = "SSL_get_error")]
#[must_use]
pub struct SslError {
    code: ErrorCode,
    ret: c_int,
    errno: c_int,
    error: Option<Error>,
}

impl SslError {
    /// What SSL_get_error(3) said.
    ///
    /// A call that this crate refuses before it reaches C has no code of C's. Then this is what the dead object's
    /// first failure had, or [`ErrorCode::Ssl`].
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What the call waits for, if it is only suspended.
    pub fn want(&self) -> Option<Want> {
        match self.code {
            ErrorCode::Want(want) => Some(want),
            _ => None,
        }
    }

    /// Whether the peer ended the connection with close_notify.
    pub fn is_zero_return(&self) -> bool {
        // A dead object answers with what it died of; that it died is no clean end.
        let refused = self.error.as_ref().is_some_and(|error| error.kind() == ErrorKind::Poisoned);
        self.code == ErrorCode::ZeroReturn && !refused
    }

    /// What the C function returned.
    pub fn ret(&self) -> c_int {
        self.ret
    }

    /// The value of `errno` right after the call; 0 if it was not set.
    pub fn errno(&self) -> c_int {
        self.errno
    }

    /// The full facts, which a suspension and a `ZERO_RETURN` have only if the error queue was not empty.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    /// OpenSSL's error stack.
    pub fn stack(&self) -> &ErrorStack {
        static EMPTY: ErrorStack = ErrorStack::EMPTY;
        self.error.as_ref().map_or(&EMPTY, Error::stack)
    }

    pub(crate) fn new(code: ErrorCode, ret: c_int, errno: c_int, error: Option<Error>) -> Self {
        Self { code, ret, errno, error }
    }

    /// The transport's flush waits, outside of C.
    pub(crate) fn wants_write() -> Self {
        Self::new(ErrorCode::Want(Want::Write), -1, 0, None)
    }

    /// A refusal of ours, before C was called.
    pub(crate) fn refused(error: Error) -> Self {
        let code = error.code().unwrap_or(ErrorCode::Ssl);
        Self { code, ret: error.ret().unwrap_or(-1), errno: error.errno(), error: Some(error) }
    }

    /// The facts as an [`Error`], for a call of this name.
    pub(crate) fn into_error(self, call: &'static str) -> Error {
        let Self { code, ret, errno, error } = self;
        error.unwrap_or_else(|| {
            let error = match code {
                ErrorCode::ZeroReturn => Error::new(ErrorKind::Closed, call),
                ErrorCode::Want(want) => {
                    Error::new(ErrorKind::NotReady, call).with_detail(format!("it waits for {want}"))
                }
                _ => Error::new(ErrorKind::Unspecified, call),
            };
            error.with_outcome(ret, code, errno)
        })
    }
}

impl fmt::Debug for SslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SslError");
        debug.field("code", &self.code).field("ret", &self.ret).field("errno", &self.errno);
        if let Some(error) = &self.error {
            debug.field("error", error);
        }
        debug.finish()
    }
}

impl fmt::Display for SslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, &self.error) {
            (ErrorCode::Want(want), _) => write!(f, "the call waits for {want}"),
            (ErrorCode::ZeroReturn, _) => f.write_str("the peer sent close_notify"),
            (_, Some(error)) => error.fmt(f),
            (code, None) => write!(f, "the call failed ({code:?})"),
        }
    }
}

impl std::error::Error for SslError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().and_then(std::error::Error::source)
    }
}

impl From<SslError> for Error {
    fn from(error: SslError) -> Self {
        error.into_error("the call on the SSL object")
    }
}

impl From<SslError> for io::Error {
    /// A suspension is `WouldBlock`, a close_notify `ConnectionAborted`, anything else as [`Error`] converts.
    fn from(error: SslError) -> Self {
        match error.code {
            ErrorCode::Want(_) => Self::new(io::ErrorKind::WouldBlock, error),
            _ => Error::from(error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_the_way_there_and_back() {
        for raw in -2..40 {
            assert_eq!(ErrorCode::from_raw(raw).as_raw(), raw);
        }
        assert_eq!(ErrorCode::from_raw(2), ErrorCode::Want(Want::Read));
        assert_eq!(ErrorCode::from_raw(12), ErrorCode::Want(Want::RetryVerify));
    }

    #[test]
    fn a_suspension_is_would_block() {
        let error = SslError::new(ErrorCode::Want(Want::Write), -1, 0, None);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::WouldBlock);
    }
}
