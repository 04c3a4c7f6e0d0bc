//! A handshake that came to nothing.

use std::{fmt, io};

use super::polled::Polled;
use super::{PollIo, Transport};
use crate::bio::ReadAhead;
use crate::error::{Error, ErrorKind};
use crate::ssl::{Ssl, SslRef};

/// Why a [`Handshake`](super::Handshake) did not end with a connection, and what it was made of.
pub struct HandshakeFailure<S> {
    error: Error,
    ssl: Option<Ssl>,
    stream: S,
    read_ahead: Vec<u8>,
}

/// What a handshake that failed was made of.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedParts<S> {
    /// What went wrong.
    pub error: Error,
    /// The object, or `None` if it could not be made. It is dead unless the handshake never began.
    pub ssl: Option<Ssl>,
    /// The stream.
    pub stream: S,
    /// What was read from the stream, and libssl had not asked for.
    pub read_ahead: Vec<u8>,
}

impl<S> HandshakeFailure<S> {
    pub(super) fn new(error: Error, ssl: Option<Ssl>, stream: S) -> Self {
        Self { error, ssl, stream, read_ahead: Vec::new() }
    }

    pub(super) fn of<I: PollIo<S>>(error: Error, ssl: Ssl, transport: Transport<S, I>) -> Self {
        let (Polled { stream, .. }, read_ahead) = ReadAhead::into_parts(transport);
        Self { error, ssl: Some(ssl), stream, read_ahead }
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The object, for asking it how far it came; `None` if it could not be made.
    pub fn ssl(&self) -> Option<&SslRef> {
        self.ssl.as_deref()
    }

    /// The error, the object, the stream, and what was read ahead.
    pub fn into_parts(self) -> FailedParts<S> {
        let Self { error, ssl, stream, read_ahead } = self;
        FailedParts { error, ssl, stream, read_ahead }
    }

    /// The error alone.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl<S> fmt::Debug for HandshakeFailure<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeFailure").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<S> fmt::Display for HandshakeFailure<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S> std::error::Error for HandshakeFailure<S> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<S> From<HandshakeFailure<S>> for Error {
    fn from(failure: HandshakeFailure<S>) -> Self {
        failure.error
    }
}

impl<S> From<HandshakeFailure<S>> for io::Error {
    fn from(failure: HandshakeFailure<S>) -> Self {
        failure.error.into()
    }
}
