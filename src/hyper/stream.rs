//! What the HTTP client is given to speak over.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;

use crate::ssl::SslRef;
use crate::tokio::TlsStream;

/// A connection of [`HttpsConnector`](super::HttpsConnector)'s.
#[derive(Debug)]
pub struct HttpStream<T: Read + Write + Unpin>(Kind<T>);

#[derive(Debug)]
enum Kind<T: Read + Write + Unpin> {
    Plain(T),
    Secure(Box<TokioIo<TlsStream<TokioIo<T>>>>),
}

impl<T: Read + Write + Unpin> HttpStream<T> {
    pub(super) fn plain(stream: T) -> Self {
        Self(Kind::Plain(stream))
    }

    pub(super) fn secure(stream: TlsStream<TokioIo<T>>) -> Self {
        Self(Kind::Secure(Box::new(TokioIo::new(stream))))
    }

    /// The object of the connection; `None` without TLS.
    pub fn ssl(&self) -> Option<&SslRef> {
        match &self.0 {
            Kind::Plain(_) => None,
            Kind::Secure(stream) => Some(stream.inner().ssl()),
        }
    }
}

impl<T: Read + Write + Connection + Unpin> Connection for HttpStream<T> {
    fn connected(&self) -> Connected {
        match &self.0 {
            Kind::Plain(stream) => stream.connected(),
            Kind::Secure(stream) => {
                let connected = stream.inner().get_ref().inner().connected();
                match stream.inner().ssl().alpn_selected() {
                    Some(b"h2") => connected.negotiated_h2(),
                    _ => connected,
                }
            }
        }
    }
}

/// Does the same with either kind of stream.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut $self.get_mut().0 {
            Kind::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Kind::Secure(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl<T: Read + Write + Unpin> Read for HttpStream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(task, buf))
    }
}

impl<T: Read + Write + Unpin> Write for HttpStream<T> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(task, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(task))
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(task))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Plain(stream) => stream.is_write_vectored(),
            Kind::Secure(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(task, bufs))
    }
}
