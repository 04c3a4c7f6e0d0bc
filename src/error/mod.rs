//! What went wrong: [`Error`], its [`ErrorKind`], and OpenSSL's error stack behind it.
//!
//! [`Error`] carries the facts of one failed call and is the same for every layer. [`SslError`] is
//! SSL_get_error(3) without loss, for the layer that mirrors C; [`HandshakeError`](crate::HandshakeError) is what
//! a handshake ends or pauses with. Each converts to the next: `HandshakeError` and `SslError` into [`Error`], and
//! that into [`std::io::Error`].

mod alert;
mod crl_reason;
mod ocsp;
mod put;
mod ssl_error;
mod stack;
mod verify;

use std::ffi::c_int;
use std::{fmt, io};

pub use alert::{Alert, AlertLevel};
pub use crl_reason::CrlReason;
pub use ocsp::{OcspRefusal, OcspResponseStatus};
pub use put::keep_queue;
pub use ssl_error::{ErrorCode, SslError, Want};
pub use stack::{ErrorStack, Reason};
pub use verify::{VerifyError, VerifyFailure};

pub(crate) use stack::{clear, clear_few, is_empty, is_known_empty, raise};

/// What kind of failure an [`Error`] is, to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The peer sent this fatal alert.
    Alert(Alert),
    /// The peer's certificate was refused, for this reason; [`Error::verify_failure`] says which certificate.
    Verification(VerifyError),
    /// The peer or the network cut the connection without the close_notify that a clean end has.
    UnexpectedEof,
    /// The peer ended the connection cleanly, with close_notify, where something else was due.
    Closed,
    /// The transport failed, or a file could not be read; [`Error::transport`] and [`Error::errno`] say how.
    Io,
    /// TLS itself failed on this side: what the peer sent breaks the protocol, or nothing fits both sides.
    Protocol,
    /// A client's object was asked to accept, a server's to connect, or a callback asked for what its side has not.
    WrongRole,
    /// The object failed earlier, or a callback or transport panicked in it. The first failure is the source.
    Poisoned,
    /// There is no BIO, or only one direction of it.
    NoTransport,
    /// The context demands that the peer's name be verified, and no name was set.
    NoServerName,
    /// No trust anchors were found to verify a peer with.
    NoTrustAnchors,
    /// The call needs another state of the connection: a handshake that is done, or one that has not begun.
    NotReady,
    /// The OpenSSL that runs cannot do this; the message names the version or build option that can.
    Unsupported,
    /// The OpenSSL that runs is older than the one this program was built against, or of another major version; the
    /// message has both.
    VersionMismatch,
    /// An argument that no OpenSSL takes: a NUL byte, a name too long, an empty list.
    InvalidInput,
    /// OpenSSL refused the call; the error stack says why.
    Refused,
    /// OpenSSL reported a failure without saying anything about it.
    Unspecified,
}

/// The facts about one call that failed.
///
/// `Display` is one line that says what failed and why. The [`source`](std::error::Error::source) chain holds
/// the transport's error or OpenSSL's error stack, newest entry first.
pub struct Error(Box<Facts>);

struct Facts {
    kind: ErrorKind,
    call: &'static str,
    ret: Option<c_int>,
    code: Option<ErrorCode>,
    errno: c_int,
    detail: Option<String>,
    stack: ErrorStack,
    transport: Option<io::Error>,
    verify: Option<VerifyFailure>,
    ocsp: Option<OcspRefusal>,
    earlier: Option<Error>,
}

impl Error {
    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the C function that failed or would have.
    pub fn call(&self) -> &'static str {
        self.0.call
    }

    /// What the C function returned, if it was called.
    pub fn ret(&self) -> Option<c_int> {
        self.0.ret
    }

    /// What SSL_get_error(3) said, if it was asked.
    pub fn code(&self) -> Option<ErrorCode> {
        self.0.code
    }

    /// The value of `errno` right after the call; 0 if it was not set.
    pub fn errno(&self) -> c_int {
        self.0.errno
    }

    /// OpenSSL's error stack.
    pub fn stack(&self) -> &ErrorStack {
        &self.0.stack
    }

    /// The transport's own error, as the transport returned it.
    pub fn transport(&self) -> Option<&io::Error> {
        self.0.transport.as_ref()
    }

    /// Which certificate was refused, and why.
    pub fn verify_failure(&self) -> Option<&VerifyFailure> {
        self.0.verify.as_ref()
    }

    /// What is wrong with the OCSP response, or what it says, where the certificate was refused for that.
    pub fn ocsp_refusal(&self) -> Option<OcspRefusal> {
        self.0.ocsp
    }

    /// For [`ErrorKind::Poisoned`], the failure that the object died of, where one was reported.
    pub fn earlier(&self) -> Option<&Error> {
        self.0.earlier.as_ref()
    }

    pub(crate) fn new(kind: ErrorKind, call: &'static str) -> Self {
        Self(Box::new(Facts {
            kind,
            call,
            ret: None,
            code: None,
            errno: 0,
            detail: None,
            stack: ErrorStack::default(),
            transport: None,
            verify: None,
            ocsp: None,
            earlier: None,
        }))
    }

    /// A refusal by a function that has no SSL_get_error: takes what is in the queue.
    pub(crate) fn from_queue(call: &'static str) -> Self {
        let stack = ErrorStack::drain();
        let kind = if stack.is_empty() { ErrorKind::Unspecified } else { ErrorKind::Refused };
        Self::new(kind, call).with_stack(stack)
    }

    /// What this OpenSSL lacks, and what has it: "OpenSSL 3.2", "an OpenSSL built with enable-ktls".
    pub(crate) fn unsupported(call: &'static str, needs: &str) -> Self {
        Self::new(ErrorKind::Unsupported, call).with_detail(format!("it needs {needs}"))
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(crate) fn has_detail(&self) -> bool {
        self.0.detail.is_some()
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_stack(mut self, stack: ErrorStack) -> Self {
        self.0.stack = stack;
        self
    }

    pub(crate) fn with_outcome(mut self, ret: c_int, code: ErrorCode, errno: c_int) -> Self {
        self.0.ret = Some(ret);
        self.0.code = Some(code);
        self.0.errno = errno;
        self
    }

    /// What a function without an SSL_get_error returned.
    pub(crate) fn with_return(mut self, ret: c_int, errno: c_int) -> Self {
        self.0.ret = Some(ret);
        self.0.errno = errno;
        self
    }

    pub(crate) fn take_transport(&mut self) -> Option<io::Error> {
        self.0.transport.take()
    }

    pub(crate) fn with_transport(mut self, transport: Option<io::Error>) -> Self {
        self.0.transport = transport;
        self
    }

    pub(crate) fn with_verify_failure(mut self, verify: Option<VerifyFailure>) -> Self {
        self.0.verify = verify;
        self
    }

    /// The status of a certificate that is not good; the kind is [`ErrorKind::Verification`].
    pub(crate) fn status_refused(call: &'static str, refusal: OcspRefusal) -> Self {
        Self::new(ErrorKind::Verification(refusal.verify_error()), call).with_ocsp_refusal(Some(refusal))
    }

    pub(crate) fn with_ocsp_refusal(mut self, refusal: Option<OcspRefusal>) -> Self {
        if let Some(refusal) = refusal {
            self.0.ocsp = Some(refusal);
            self.0.detail = Some(refusal.to_string());
        }
        self
    }

    pub(crate) fn with_earlier(mut self, earlier: Option<Error>) -> Self {
        self.0.earlier = earlier;
        self
    }

    /// Everything but the payload of the transport's error, which cannot be copied: for the story that a dead
    /// object tells at each later call.
    pub(crate) fn retell(&self) -> Self {
        let facts = &self.0;
        let transport = facts.transport.as_ref().map(|error| match error.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => {
                // Its `Display` is the user's, and may fail, over which `to_string` would panic.
                let mut text = String::new();
                let _ = fmt::Write::write_fmt(&mut text, format_args!("{error}"));
                io::Error::new(error.kind(), text)
            }
        });
        Self(Box::new(Facts {
            detail: facts.detail.clone(),
            stack: facts.stack.clone(),
            transport,
            verify: facts.verify.clone(),
            earlier: facts.earlier.as_ref().map(Self::retell),
            ..**facts
        }))
    }

    /// The kind that a caller who only knows `io::Error` can act on.
    fn io_kind(&self) -> io::ErrorKind {
        match self.0.kind {
            ErrorKind::UnexpectedEof => io::ErrorKind::UnexpectedEof,
            ErrorKind::Closed => io::ErrorKind::ConnectionAborted,
            ErrorKind::Alert(_) | ErrorKind::Verification(_) | ErrorKind::Protocol => {
                io::ErrorKind::InvalidData
            }
            ErrorKind::InvalidInput | ErrorKind::NoServerName | ErrorKind::WrongRole => {
                io::ErrorKind::InvalidInput
            }
            ErrorKind::NotReady | ErrorKind::NoTransport => io::ErrorKind::NotConnected,
            ErrorKind::Poisoned => io::ErrorKind::BrokenPipe,
            ErrorKind::NoTrustAnchors => io::ErrorKind::NotFound,
            ErrorKind::Unsupported | ErrorKind::VersionMismatch => io::ErrorKind::Unsupported,
            ErrorKind::Io => match (&self.0.transport, self.0.errno) {
                (Some(error), _) => error.kind(),
                (None, 0) => io::ErrorKind::Other,
                (None, errno) => io::Error::from_raw_os_error(errno).kind(),
            },
            ErrorKind::Refused | ErrorKind::Unspecified => io::ErrorKind::Other,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        write!(f, "{} failed: ", facts.call)?;
        match facts.kind {
            ErrorKind::Alert(alert) => write!(f, "the peer sent the alert {alert}")?,
            ErrorKind::Verification(error) => match &facts.verify {
                Some(failure) => write!(f, "{failure}")?,
                None => write!(f, "the peer's certificate was refused: {error}")?,
            },
            ErrorKind::UnexpectedEof => f.write_str("the connection was cut without a close_notify")?,
            ErrorKind::Closed => f.write_str("the peer closed the connection")?,
            ErrorKind::Io => match (&facts.transport, facts.errno) {
                (Some(error), _) => write!(f, "I/O failed: {error}")?,
                (None, 0) => f.write_str("I/O failed")?,
                (None, errno) => write!(f, "I/O failed: {}", io::Error::from_raw_os_error(errno))?,
            },
            ErrorKind::Protocol => f.write_str("TLS failed")?,
            ErrorKind::WrongRole => f.write_str("it belongs to the other side of a connection")?,
            ErrorKind::Poisoned => f.write_str("the connection failed earlier")?,
            ErrorKind::NoTransport => f.write_str("no transport is set for both directions")?,
            ErrorKind::NoServerName => f.write_str("no server name to verify was set")?,
            ErrorKind::NoTrustAnchors => f.write_str("no trust anchors were found")?,
            ErrorKind::NotReady => f.write_str("the connection is in another state")?,
            ErrorKind::Unsupported => f.write_str("this OpenSSL cannot do it")?,
            ErrorKind::VersionMismatch => f.write_str("this OpenSSL is not right for this program")?,
            ErrorKind::InvalidInput => f.write_str("the argument is invalid")?,
            ErrorKind::Refused => f.write_str("OpenSSL refused")?,
            ErrorKind::Unspecified => f.write_str("OpenSSL gave no reason")?,
        }
        if let Some(detail) = &facts.detail {
            write!(f, ": {detail}")?;
        }
        // The oldest entry is the root cause; an alert, a cut or a verdict has said it already.
        if matches!(
            facts.kind,
            ErrorKind::Protocol | ErrorKind::Refused | ErrorKind::WrongRole | ErrorKind::Io
        ) {
            if let Some(root) = facts.stack.root() {
                write!(f, ": {}", root.summary())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &facts.kind).field("call", &facts.call);
        debug.field("ret", &facts.ret).field("code", &facts.code).field("errno", &facts.errno);
        debug.field("detail", &facts.detail).field("stack", &facts.stack);
        debug.field("transport", &facts.transport).field("verify", &facts.verify);
        debug.field("earlier", &facts.earlier).finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let facts = &*self.0;
        if let Some(earlier) = &facts.earlier {
            return Some(earlier);
        }
        if let Some(transport) = &facts.transport {
            return Some(transport);
        }
        facts.stack.newest().map(|reason| reason as _)
    }
}

impl From<Error> for io::Error {
    /// The transport's own error comes out unchanged; anything else is wrapped, with the nearest kind.
    fn from(mut error: Error) -> Self {
        if error.0.kind == ErrorKind::Io {
            if let Some(transport) = error.0.transport.take() {
                return transport;
            }
            if error.0.errno != 0 && error.0.stack.is_empty() {
                return Self::from_raw_os_error(error.0.errno);
            }
        }
        Self::new(error.io_kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_transport_error_reaches_io_error_unchanged() {
        let inner = io::Error::new(io::ErrorKind::AddrInUse, "mine");
        let error = Error::new(ErrorKind::Io, "SSL_connect").with_transport(Some(inner));
        assert!(error.to_string().ends_with("I/O failed: mine"));
        let back = io::Error::from(error);
        assert_eq!((back.kind(), back.to_string().as_str()), (io::ErrorKind::AddrInUse, "mine"));
    }

    #[test]
    fn a_poisoned_object_names_its_first_failure() {
        let first = Error::new(ErrorKind::UnexpectedEof, "SSL_connect");
        let error = Error::new(ErrorKind::Poisoned, "SSL_read_ex").with_earlier(Some(first.retell()));
        assert_eq!(error.source().map(ToString::to_string), Some(first.to_string()));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn errors_cross_threads() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
        check::<SslError>();
    }
}
