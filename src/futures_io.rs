//! Connections over streams with the traits of the crate `futures-io`.
//!
//! ```no_run
//! # async fn f<S: futures_io::AsyncRead + futures_io::AsyncWrite + Unpin + 'static>(
//! #     socket: S,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use libssl::SslContext;
//! use libssl::futures_io::TlsConnector;
//!
//! let connector = TlsConnector::new(SslContext::client()?.build());
//! let stream = connector.connect("example.org", socket).await?;
//! println!("{}", stream.ssl().version_string());
//! # Ok(())
//! # }
//! ```

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::futures_io::{AsyncRead, AsyncWrite};

use crate::task::{self, PollIo};

pub use crate::task::{FailedParts, HandshakeFailure};

/// The world of `futures-io`: how streams with its traits are polled.
#[derive(Clone, Copy, Debug)]
pub struct Io(());

/// A TLS connection over a stream of `futures-io`'s.
pub type TlsStream<S> = task::TlsStream<S, Io>;

/// A handshake over a stream of `futures-io`'s.
pub type Handshake<S> = task::Handshake<S, Io>;

/// Makes connections of clients over streams of `futures-io`'s.
pub type TlsConnector = task::TlsConnector<Io>;

/// Makes connections of servers over streams of `futures-io`'s.
pub type TlsAcceptor = task::TlsAcceptor<Io>;

impl task::sealed::Sealed for Io {}

impl<S: AsyncRead + AsyncWrite + Unpin> PollIo<S> for Io {
    #[inline]
    fn poll_read(stream: &mut S, task: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_read(task, buf)
    }

    #[inline]
    fn poll_write(stream: &mut S, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write(task, buf)
    }

    #[inline]
    fn poll_flush(stream: &mut S, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_flush(task)
    }

    fn poll_close(stream: &mut S, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_close(task)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_read_now(task, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_now(task, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_vectored_now(task, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush_now(task)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_shutdown_now(task)
    }
}
