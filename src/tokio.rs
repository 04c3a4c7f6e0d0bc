//! Connections over the streams of tokio.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use libssl::SslContext;
//! use libssl::tokio::TlsConnector;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
//!
//! let connector = TlsConnector::new(SslContext::client()?.build());
//! let tcp = TcpStream::connect("example.org:443").await?;
//! let mut stream = connector.connect("example.org", tcp).await?;
//! stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//! stream.flush().await?;
//! let mut answer = Vec::new();
//! stream.read_to_end(&mut answer).await?;
//! stream.shutdown().await?; // close_notify
//! # Ok(())
//! # }
//! ```

mod limits;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::task::{self, PollIo};

pub use crate::task::{FailedParts, HandshakeFailure};
pub use limits::HandshakeLimits;

/// The world of tokio: how streams with its traits are polled.
#[derive(Clone, Copy, Debug)]
pub struct Io(());

/// A TLS connection over a stream of tokio's.
pub type TlsStream<S> = task::TlsStream<S, Io>;

/// A handshake over a stream of tokio's.
pub type Handshake<S> = task::Handshake<S, Io>;

/// Makes connections of clients over streams of tokio's.
pub type TlsConnector = task::TlsConnector<Io>;

/// Makes connections of servers over streams of tokio's.
pub type TlsAcceptor = task::TlsAcceptor<Io>;

impl task::sealed::Sealed for Io {}

impl<S: AsyncRead + AsyncWrite + Unpin> PollIo<S> for Io {
    #[inline]
    fn poll_read(stream: &mut S, task: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(Pin::new(stream).poll_read(task, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
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
        Pin::new(stream).poll_shutdown(task)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // SAFETY: what is there is only written to, so what is initialised stays so.
        let room = unsafe { buf.unfilled_mut() };
        let read = ready!(self.get_mut().poll_read_uninit(task, room))?;
        // SAFETY: libssl has written so many bytes from the start of the room, and not more than there was room for.
        unsafe { buf.assume_init(read) };
        buf.advance(read);
        Poll::Ready(Ok(()))
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

    /// Small buffers are sent together, as one record.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_flush_now(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_shutdown_now(task)
    }
}
