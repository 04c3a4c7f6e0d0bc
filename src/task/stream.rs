//! A connection that is polled.

use std::task::{Context, Poll};
use std::{fmt, io};

use super::wakers::{Side, Source};
use super::{Handshake, PollIo, Transport, asking};
use crate::connected::{Connected, Parts, ShutdownProgress};
use crate::error::{Error, Want};
use crate::ffi::panics;
use crate::ssl::{Role, Ssl, SslRef};

/// A TLS connection over a stream that is polled.
///
/// It reads and writes with the traits of its world, as [`Connected`] does with the traits of `std`: a clean end reads as the
/// end, a cut connection as [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), any other error wraps an [`Error`] or is the
/// stream's own.
///
/// # Writing
///
/// What a write took is sent once and as it was, whatever is called next, and whichever future was dropped meanwhile: a write
/// that is cancelled has taken all that it will ever take. One write takes 16 KiB at most. It may be kept here until the
/// stream has room, and goes out with the next read, write, flush or shutdown, so flush before you wait for something else.
///
/// # Two tasks
///
/// One task may read while another one writes, through halves such as tokio's `split` makes: each is woken by what it waits
/// for, also where TLS must read to write or write to read. More than one reader, or more than one writer, is not
/// provided for, as with sockets.
///
/// # Ending
///
/// Shutting down sends what was written, then close_notify, and then shuts the stream down for writing. The peer's data can
/// still be read, to its end. Dropping sends nothing, and never blocks.
pub struct TlsStream<S, I: PollIo<S>> {
    connected: Connected<Transport<S, I>>,
    closing: Closing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    Open,
    /// Our close_notify went out, or never will.
    Told,
    /// The stream was shut down as well.
    Closed,
}

impl<S, I: PollIo<S>> TlsStream<S, I> {
    /// Shakes hands as a client, with an object that the caller prepared. [`Ssl::connect`] tells what it must be.
    pub fn connect(ssl: Ssl, stream: S) -> Handshake<S, I> {
        Handshake::new(Role::Client, Ok(ssl), stream)
    }

    /// Shakes hands as a server, with an object that the caller prepared.
    pub fn accept(ssl: Ssl, stream: S) -> Handshake<S, I> {
        Handshake::new(Role::Server, Ok(ssl), stream)
    }

    pub(super) fn new(connected: Connected<Transport<S, I>>) -> Self {
        Self { connected, closing: Closing::Open }
    }

    /// The object, for asking it about the connection.
    pub fn ssl(&self) -> &SslRef {
        self.connected.ssl()
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.connected.channel().get_ref().stream
    }

    /// The stream, to be changed. Reading or writing it breaks the connection.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.connected.channel_mut().stream
    }

    /// Whether data that a write took still waits to go out; a flush sends it.
    pub fn has_pending_write(&self) -> bool {
        self.connected.has_pending_write()
    }

    /// Whether bytes from the peer wait here, so that a read need not wait for the stream. They may be less than a record.
    pub fn has_pending_read(&self) -> bool {
        self.connected.has_pending_read()
    }

    /// Asks the client for a certificate: see [`Connected::verify_client_post_handshake`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_client_post_handshake(&mut self) -> Result<(), Error> {
        self.connected.verify_client_post_handshake()
    }

    /// Takes the connection apart: the object, the stream, and what was read ahead.
    ///
    /// # Errors
    ///
    /// The connection itself, unchanged, while libssl holds data that would be lost, as [`Connected::into_parts`] has it.
    pub fn into_parts(self) -> Result<Parts<S>, Self> {
        let Self { connected, closing } = self;
        match connected.into_parts() {
            Ok(parts) => Ok(unwrap(parts)),
            Err(connected) => Err(Self { connected, closing }),
        }
    }

    /// As [`into_parts`](Self::into_parts), and what libssl holds is lost.
    pub fn into_parts_discarding(self) -> Parts<S> {
        unwrap(self.connected.into_parts_discarding())
    }

    /// Makes a call that the stream may suspend, for the task of one side.
    #[inline]
    pub(super) fn poll_with<T>(
        &mut self,
        side: Side,
        task: &mut Context<'_>,
        mut call: impl FnMut(&mut Connected<Transport<S, I>>) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.connected.channel_mut().wakers.begin(side, task.waker());
        let mut turn = Turn { connected: &mut self.connected, changed: true };
        let mut again = 0;
        loop {
            let error = match call(turn.connected) {
                Ok(done) => {
                    turn.changed = false;
                    return Poll::Ready(Ok(done));
                }
                Err(error) => error,
            };
            match turn.pends() {
                Pends::Waits => {
                    turn.changed = false;
                    return Poll::Pending;
                }
                Pends::Again => {
                    turn.connected.channel_mut().wakers.again();
                    again += 1;
                    if again > AT_ONCE {
                        // Others have their turn first.
                        task.waker().wake_by_ref();
                        turn.changed = false;
                        return Poll::Pending;
                    }
                }
                Pends::Fails => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(crate) fn poll_shutdown_now(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::Open {
            let told = self.poll_with(Side::Writer, task, |connected| match connected.shutdown()? {
                ShutdownProgress::Wants(_) => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            });
            match told {
                Poll::Pending => return Poll::Pending,
                // Whether it went out or not, it is not tried again.
                Poll::Ready(outcome) => {
                    self.closing = Closing::Told;
                    if let Err(error) = outcome {
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
        if self.closing == Closing::Told {
            let polled = self.connected.channel_mut();
            polled.wakers.begin(Side::Writer, task.waker());
            let closed = polled.close();
            let pending = polled.wakers.is_pending(Source::Write);
            polled.wakers.end(false);
            match closed {
                Ok(()) => self.closing = Closing::Closed,
                Err(_) if pending => return Poll::Pending,
                // The peer was faster.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => self.closing = Closing::Closed,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn unwrap<S, I: PollIo<S>>(parts: Parts<Transport<S, I>>) -> Parts<S> {
    let Parts { ssl, channel, read_ahead } = parts;
    Parts { ssl, channel: channel.into_parts().0.stream, read_ahead }
}

/// How often a call is made again in one poll.
const AT_ONCE: u32 = 32;

/// One side's use of a connection. If it ends in a failure or a panic, the other side is told.
struct Turn<'a, S, I: PollIo<S>> {
    connected: &'a mut Connected<Transport<S, I>>,
    changed: bool,
}

enum Pends {
    Waits,
    /// What a callback asked for has come, or there is more to do before the stream is to be asked: the call is made again.
    Again,
    Fails,
}

impl<S, I: PollIo<S>> Turn<'_, S, I> {
    /// What a call that did not succeed waits for.
    fn pends(&mut self) -> Pends {
        let source = match self.connected.wants() {
            None => return Pends::Fails,
            Some(Want::Read) => Source::Read,
            Some(Want::Write) => Source::Write,
            Some(_) => return self.ask(),
        };
        let wakers = &self.connected.channel_mut().wakers;
        match () {
            () if wakers.is_pending(source) => Pends::Waits,
            // A stream that says `WouldBlock` itself will wake nobody.
            () if wakers.has_refused(source) => Pends::Fails,
            // libssl did a part of the work, as it does without SSL_MODE_AUTO_RETRY, or the stream has come round meanwhile.
            () => Pends::Again,
        }
    }

    #[cold]
    fn ask(&mut self) -> Pends {
        let waker = self.connected.channel_mut().wakers.of(Source::Answer).clone();
        let Some(answer) = asking::poll_answer(self.connected.ssl(), &mut Context::from_waker(&waker)) else {
            return Pends::Fails;
        };
        let answer = self.connected.channel_mut().wakers.settle(Source::Answer, answer.map(Ok));
        if answer.is_ok() { Pends::Again } else { Pends::Waits }
    }
}

impl<S, I: PollIo<S>> Drop for Turn<'_, S, I> {
    fn drop(&mut self) {
        let wakers = &mut self.connected.channel_mut().wakers;
        if std::thread::panicking() {
            // One panic is on its way, and a second one, of a waker, would end the process.
            panics::swallow(|| wakers.end(self.changed));
        } else {
            wakers.end(self.changed);
        }
    }
}

impl<S, I: PollIo<S>> fmt::Debug for TlsStream<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("connected", &self.connected).finish_non_exhaustive()
    }
}
