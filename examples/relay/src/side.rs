//! One side of a connection: a socket, and the TLS over it where there is any.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use libssl::{Connected, ErrorKind, ShutdownProgress, Want};
use rustix::event::PollFlags;
use rustix::net::sockopt;

use crate::{log, reason};

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    Done(T),
    /// It needs the socket to be ready, as [`Side::events`] says.
    Wait,
    /// The peer has sent all it had to send.
    End,
    /// It was said why.
    Failed,
}

pub(crate) enum Stream {
    Tls(Connected<TcpStream>),
    Plain(TcpStream),
}

pub(crate) struct Side {
    /// For the log.
    id: u64,
    /// For the log.
    name: &'static str,
    stream: Stream,
    /// What the calls that wait need from the socket.
    pub(crate) events: PollFlags,
    /// The peer has sent all it had to send.
    pub(crate) ended: bool,
    /// So it has, but without saying so.
    pub(crate) gone: bool,
    /// We have told it that there is no more from us.
    pub(crate) shut: bool,
}

/// What a suspended call waits for, as poll(2) knows it; `None` for what no socket gives.
pub(crate) fn events_of(want: Option<Want>) -> Option<PollFlags> {
    match want {
        Some(Want::Read) => Some(PollFlags::IN),
        Some(Want::Write) => Some(PollFlags::OUT),
        _ => None,
    }
}

impl Side {
    pub(crate) fn new(id: u64, name: &'static str, stream: Stream) -> Self {
        Self { id, name, stream, events: PollFlags::empty(), ended: false, gone: false, shut: false }
    }

    /// `Done` with the number of bytes that came.
    pub(crate) fn read(&mut self, data: &mut [u8]) -> Outcome<usize> {
        let read = match &mut self.stream {
            Stream::Tls(connected) => connected.read(data),
            Stream::Plain(socket) => socket.read(data),
        };
        match read {
            // Over TLS, the peer's close_notify. A cut connection is an error, and not an end.
            Ok(0) => self.end("end"),
            Ok(length) => Outcome::Done(length),
            Err(error) if self.shut && went_away(&error) => {
                self.gone = true;
                self.end("gone")
            }
            Err(error) => self.sort("read", PollFlags::IN, &error),
        }
    }

    /// `Done` with the number of bytes that were taken, perhaps not all. What was taken goes out as it was, whatever
    /// comes next: C's rule, that a write must be repeated with the same bytes, is the crate's to keep.
    pub(crate) fn write(&mut self, data: &[u8]) -> Outcome<usize> {
        let written = match &mut self.stream {
            Stream::Tls(connected) => connected.write(data),
            Stream::Plain(socket) => socket.write(data),
        };
        written.map_or_else(|error| self.sort("write", PollFlags::OUT, &error), Outcome::Done)
    }

    /// Waits until all that was taken has gone out, so that a slow peer holds back those who send to it.
    pub(crate) fn flush(&mut self) -> Outcome<()> {
        let flushed = match &mut self.stream {
            Stream::Tls(connected) if connected.has_pending_write() => connected.flush(),
            _ => Ok(()),
        };
        flushed.map_or_else(|error| self.sort("write", PollFlags::OUT, &error), Outcome::Done)
    }

    /// Tells the peer that there is no more; it may go on sending.
    pub(crate) fn shutdown(&mut self) -> Outcome<()> {
        let done = match &mut self.stream {
            Stream::Tls(connected) => match connected.shutdown() {
                Ok(ShutdownProgress::Wants(_)) => Err(io::ErrorKind::WouldBlock.into()),
                Ok(_) => Ok(()),
                Err(error) => Err(io::Error::from(error)),
            },
            Stream::Plain(socket) => socket.shutdown(Shutdown::Write),
        };
        match done {
            Ok(()) => {
                self.shut = true;
                Outcome::Done(())
            }
            Err(error) => self.sort("shutdown", PollFlags::OUT, &error),
        }
    }

    fn end<T>(&mut self, word: &str) -> Outcome<T> {
        log!("[{}] {}: {word}", self.id, self.name);
        self.ended = true;
        Outcome::End
    }

    fn sort<T>(&mut self, doing: &str, plain: PollFlags, error: &io::Error) -> Outcome<T> {
        if error.kind() == io::ErrorKind::WouldBlock {
            // A read of TLS may have to write, and a write to read.
            self.events |= match &self.stream {
                Stream::Tls(connected) => events_of(connected.wants()).unwrap_or(plain),
                Stream::Plain(_) => plain,
            };
            return Outcome::Wait;
        }
        log!("[{}] {}: {doing} failed: {}", self.id, self.name, reason::of_io(error));
        Outcome::Failed
    }
}

/// Whether a peer that was told of our end went away without telling us of its own. Many do; since it has all that it
/// was to get, nothing is lost but its own end.
fn went_away(error: &io::Error) -> bool {
    match reason::tls(error) {
        Some(error) => error.kind() == ErrorKind::UnexpectedEof,
        None => matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
    }
}

impl AsFd for Side {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tls(connected) => connected.as_fd(),
            Stream::Plain(socket) => socket.as_fd(),
        }
    }
}

impl Drop for Side {
    /// A side that was not `shut` is cut: the peer must not take what it got for the whole. Plain bytes have no
    /// close_notify that would be missed: only a reset says that they are not all.
    fn drop(&mut self) {
        if let (Stream::Plain(socket), false) = (&self.stream, self.shut) {
            let _ = sockopt::set_socket_linger(socket, Some(std::time::Duration::ZERO));
        }
    }
}
