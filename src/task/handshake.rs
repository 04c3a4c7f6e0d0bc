//! The handshake as a future.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::polled::Polled;
use super::wakers::{Side, Source};
use super::{HandshakeFailure, PollIo, TlsStream, Transport, asking};
use crate::bio::ReadAhead;
use crate::connected::Connected;
use crate::error::{Error, ErrorKind, Want};
use crate::handshake::HandshakeError;
use crate::ssl::{Role, Ssl, SslRef};

/// A handshake under way: awaited, it gives the [`TlsStream`]. It does nothing before it is polled.
///
/// Dropping it ends the handshake. To go on with it after a timeout, or beside something else, await `&mut handshake`:
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # async fn f(mut handshake: libssl::tokio::Handshake<tokio::net::TcpStream>) -> Result<(), libssl::Error> {
/// use std::time::Duration;
///
/// if tokio::time::timeout(Duration::from_secs(1), &mut handshake).await.is_err() {
///     eprintln!("slow: {:?}", handshake.ssl().map(|ssl| ssl.state_string_long()));
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a handshake does nothing unless it is awaited"]
pub struct Handshake<S, I: PollIo<S>> {
    step: Step<S, I>,
}

enum Step<S, I: PollIo<S>> {
    /// Nothing has been sent or read.
    Begin(Role, Ssl, S),
    /// The object could not be made.
    Refused(Error, S),
    Waits(crate::handshake::Handshake<Transport<S, I>>),
    /// Done, but for the stream, which may hold our last words.
    Flush(Connected<Transport<S, I>>),
    Over,
}

type Progress<S, I> = Result<Connected<Transport<S, I>>, HandshakeError<Transport<S, I>>>;

impl<S, I: PollIo<S>> Handshake<S, I> {
    pub(super) fn new(role: Role, ssl: Result<Ssl, Error>, stream: S) -> Self {
        let step = match ssl {
            Ok(ssl) => Step::Begin(role, ssl, stream),
            Err(error) => Step::Refused(error, stream),
        };
        Self { step }
    }

    /// The object, for asking it about the handshake so far. `None` once the handshake is over.
    pub fn ssl(&self) -> Option<&SslRef> {
        match &self.step {
            Step::Begin(_, ssl, _) => Some(ssl),
            Step::Waits(handshake) => Some(handshake.ssl()),
            Step::Flush(connected) => Some(connected.ssl()),
            Step::Refused(..) | Step::Over => None,
        }
    }

    /// The stream. `None` once the handshake is over.
    pub fn get_ref(&self) -> Option<&S> {
        match &self.step {
            Step::Begin(.., stream) | Step::Refused(_, stream) => Some(stream),
            Step::Waits(handshake) => Some(&handshake.channel().get_ref().stream),
            Step::Flush(connected) => Some(&connected.channel().get_ref().stream),
            Step::Over => None,
        }
    }

    /// Ends the handshake with a reason of the caller's, such as a time that has passed: what has come to pass of it comes back
    /// with the error. `None` if the handshake was over before.
    ///
    /// The failure's kind is [`ErrorKind::Io`], and `reason` its [`transport`](Error::transport) error.
    pub fn give_up(self, reason: io::Error) -> Option<HandshakeFailure<S>> {
        let name = match &self.step {
            Step::Begin(Role::Client, ..) => "SSL_connect",
            Step::Begin(Role::Server, ..) => "SSL_accept",
            _ => "SSL_do_handshake",
        };
        let error = Error::new(ErrorKind::Io, name).with_transport(Some(reason));
        Some(match self.step {
            Step::Begin(_, ssl, stream) => HandshakeFailure::new(error, Some(ssl), stream),
            Step::Refused(error, stream) => HandshakeFailure::new(error, None, stream),
            Step::Waits(handshake) => {
                let (ssl, transport) = handshake.into_parts();
                HandshakeFailure::of(error, ssl, transport)
            }
            Step::Flush(connected) => failed_flush(error, connected),
            Step::Over => return None,
        })
    }

    /// Goes on with what `progress` says, until something is pending.
    fn follow(
        &mut self,
        task: &mut Context<'_>,
        mut progress: Progress<S, I>,
    ) -> Poll<Result<TlsStream<S, I>, HandshakeFailure<S>>> {
        loop {
            let suspended = match progress {
                Ok(connected) => return self.flush(task, connected),
                Err(suspended) => suspended,
            };
            let want = suspended.want();
            let mut handshake = match suspended.into_handshake() {
                Ok(handshake) => handshake,
                Err(failure) => {
                    let (error, ssl, transport) = failure.into_parts();
                    return Poll::Ready(Err(HandshakeFailure::of(error, ssl, transport)));
                }
            };
            let pending = match want {
                Some(Want::Read) => handshake.channel_mut().wakers.is_pending(Source::Read),
                Some(Want::Write) => handshake.channel_mut().wakers.is_pending(Source::Write),
                _ => match asking::poll_answer(handshake.ssl(), task) {
                    Some(Poll::Pending) => true,
                    Some(Poll::Ready(())) => {
                        handshake.channel_mut().wakers.again();
                        progress = handshake.resume();
                        continue;
                    }
                    None => false,
                },
            };
            if pending {
                self.step = Step::Waits(handshake);
                return Poll::Pending;
            }
            // The stream said `WouldBlock` itself, or a callback asked for time: nobody would wake the task.
            let error = handshake.waits_in_vain(want);
            let (ssl, transport) = handshake.into_parts();
            return Poll::Ready(Err(HandshakeFailure::of(error, ssl, transport)));
        }
    }

    fn flush(
        &mut self,
        task: &mut Context<'_>,
        mut connected: Connected<Transport<S, I>>,
    ) -> Poll<Result<TlsStream<S, I>, HandshakeFailure<S>>> {
        connected.channel_mut().wakers.begin(Side::Reader, task.waker());
        match io::Write::flush(&mut connected) {
            Ok(()) => Poll::Ready(Ok(TlsStream::new(connected))),
            Err(_) if connected.channel_mut().wakers.is_pending(Source::Write) => {
                self.step = Step::Flush(connected);
                Poll::Pending
            }
            Err(error) => {
                let error = Error::new(ErrorKind::Io, "BIO_flush").with_transport(Some(error));
                Poll::Ready(Err(failed_flush(error, connected)))
            }
        }
    }
}

fn failed_flush<S, I: PollIo<S>>(error: Error, connected: Connected<Transport<S, I>>) -> HandshakeFailure<S> {
    let parts = connected.into_parts_discarding();
    HandshakeFailure::of(error, parts.ssl, parts.channel.with_unread(parts.read_ahead))
}

impl<S, I: PollIo<S>> Future for Handshake<S, I>
where
    Self: Unpin,
{
    type Output = Result<TlsStream<S, I>, HandshakeFailure<S>>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.step, Step::Over) {
            Step::Begin(role, ssl, stream) => {
                let mut polled = Polled::new(stream);
                polled.wakers.begin(Side::Reader, task.waker());
                let transport = ReadAhead::new(polled);
                let progress = match role {
                    Role::Client => ssl.connect(transport),
                    Role::Server => ssl.accept(transport),
                };
                this.follow(task, progress)
            }
            Step::Waits(mut handshake) => {
                handshake.channel_mut().wakers.begin(Side::Reader, task.waker());
                this.follow(task, handshake.resume())
            }
            Step::Refused(error, stream) => Poll::Ready(Err(HandshakeFailure::new(error, None, stream))),
            Step::Flush(connected) => this.flush(task, connected),
            // As other futures that were polled to their end: it is never ready again.
            Step::Over => Poll::Pending,
        }
    }
}

impl<S, I: PollIo<S>> fmt::Debug for Handshake<S, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("ssl", &self.ssl()).finish_non_exhaustive()
    }
}
