//! Connections that are polled: what the features `tokio` and `futures-io` share.
//!
//! [`TlsStream`] is a connection over a stream of either world, [`Handshake`] the future that makes one. Which world is
//! said by a marker: [`crate::tokio`] and [`crate::futures_io`] have the types under the names that programs use.
//!
//! Between libssl and the stream lies a channel that reads ahead and keeps the tasks' wakers itself. So nothing of a task
//! is handed through C, and a task may be another one at each call.

mod asking;
mod calls;
mod endpoints;
mod failure;
mod handshake;
mod polled;
mod stream;
mod wakers;

use std::io;
use std::task::{Context, Poll};

pub use endpoints::{TlsAcceptor, TlsConnector};
pub use failure::{FailedParts, HandshakeFailure};
pub use handshake::Handshake;
pub use stream::TlsStream;

pub(crate) use asking::Asking;

use crate::bio::ReadAhead;
use polled::Polled;

/// What a connection runs over here.
type Transport<S, I> = ReadAhead<Polled<S, I>>;

/// How the streams `S` of one world of async I/O are polled. Sealed: [`crate::tokio::Io`], [`crate::futures_io::Io`].
pub trait PollIo<S>: sealed::Sealed {
    #[doc(hidden)]
    fn poll_read(stream: &mut S, task: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    #[doc(hidden)]
    fn poll_write(stream: &mut S, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    #[doc(hidden)]
    fn poll_flush(stream: &mut S, task: &mut Context<'_>) -> Poll<io::Result<()>>;

    #[doc(hidden)]
    fn poll_close(stream: &mut S, task: &mut Context<'_>) -> Poll<io::Result<()>>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}
