//! Early data (0-RTT): what a client sends before the server has answered, kept apart from what is confirmed.
//!
//! Early data saves a round trip, and is worth less than other data: it has no forward secrecy, and whoever saw it on the
//! network can send it again, so it should only ask for what may be done twice. A client sends it with a session of an
//! earlier connection whose server allows it; a server takes it once
//! [`set_max_early_data`](crate::SslContextBuilderRef::set_max_early_data) says so, and resumes each session once, so that
//! a copy that comes later is rejected.
//!
//! [`Ssl::connect_early`] gives an [`EarlyClient`], [`Ssl::accept_early`] an [`EarlyServer`]. Each has methods of its own for
//! early data, and ends with `finish`, which gives the [`Connected`](crate::Connected) and what became of the early data.

mod client;
mod server;

use std::os::fd::AsFd;
use std::time::Instant;
use std::{fmt, io};

pub use client::{EarlyClient, EarlyOutcome};
pub use server::{EarlyServer, UnreadEarly};

use crate::bio::{self, Channel};
use crate::error::{Error, ErrorCode, ErrorKind, SslError, Want};
use crate::handshake::{HandshakeFailure, Link};
use crate::poll;
#[cfg(doc)]
use crate::ssl::Ssl;

/// The most that one call writes: a TLS record's worth.
const CHUNK: usize = 16 * 1024;

/// Why [`EarlyClient::finish`] or [`EarlyServer::finish`] did not end with a connection.
#[must_use = "dropping it ends the handshake"]
#[non_exhaustive]
pub enum Unfinished<S, C: Channel> {
    /// It waits for this; `finish` of the state goes on then.
    Waits(Want, S),
    /// The handshake failed.
    Failed(HandshakeFailure<C>),
}

impl<S, C: Channel> Unfinished<S, C> {
    /// What it waits for, or `None` if it failed.
    pub fn want(&self) -> Option<Want> {
        match self {
            Self::Waits(want, _) => Some(*want),
            Self::Failed(_) => None,
        }
    }

    /// The state to go on with.
    ///
    /// # Errors
    ///
    /// The failure, if there is none.
    pub fn into_state(self) -> Result<S, HandshakeFailure<C>> {
        match self {
            Self::Waits(_, state) => Ok(state),
            Self::Failed(failure) => Err(failure),
        }
    }
}

/// Something that came as early data: it may be a copy that somebody else sent again.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Replayable<T>(T);

impl<T> Replayable<T> {
    /// What came, for a use that may happen twice.
    pub fn danger_accept_replay(self) -> T {
        self.0
    }
}

impl<T: AsRef<[u8]>> Replayable<T> {
    /// How many bytes came.
    pub fn len(&self) -> usize {
        self.0.as_ref().len()
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What libssl waits for, if the call is only suspended.
fn suspension(error: &SslError) -> Option<Want> {
    match error.code() {
        ErrorCode::Want(want) if error.error().is_none_or(|error| error.kind() == ErrorKind::NotReady) => {
            Some(want)
        }
        _ => None,
    }
}

/// The `io::Error` of a call that waits, which is noted in `want`, or failed.
fn suspend_or_fail<C: Channel>(
    link: &Link<C>,
    want: &mut Option<Want>,
    error: SslError,
    call: &'static str,
) -> io::Error {
    *want = suspension(&error);
    if want.is_some() {
        bio::take_suspension(&link.ssl).unwrap_or_else(|| io::ErrorKind::WouldBlock.into())
    } else {
        error.into_error(call).into()
    }
}

/// Finishes, waiting with poll(2) whenever the channel makes it wait.
fn wait_for<S: AsFd, C: Channel, T>(
    state: S,
    finish: impl Fn(S) -> Result<T, Unfinished<S, C>>,
    break_off: impl Fn(S) -> Link<C>,
    deadline: Option<Instant>,
) -> Result<T, Unfinished<S, C>> {
    let mut progress = finish(state);
    loop {
        let (want, state) = match progress {
            Err(Unfinished::Waits(want @ (Want::Read | Want::Write), state)) => (want, state),
            end => return end,
        };
        progress = match poll::wait(&state, want, deadline) {
            Ok(true) => finish(state),
            Ok(false) => return Err(Unfinished::Waits(want, state)),
            Err(error) => {
                let error = Error::new(ErrorKind::Io, "poll").with_transport(Some(error));
                return Err(Unfinished::Failed(give_up(break_off(state), error)));
            }
        };
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late {
            return progress;
        }
    }
}

/// The end of a handshake that failed.
fn fail<C: Channel>(link: Link<C>, error: SslError, call: &'static str) -> HandshakeFailure<C> {
    let error = error.into_error(call);
    give_up(link, error)
}

/// Takes the object and its channel apart.
fn give_up<C: Channel>(link: Link<C>, error: Error) -> HandshakeFailure<C> {
    let Link { mut ssl, held } = link;
    let (mut channel, read_ahead) = C::detach(held, &mut ssl);
    channel.put_back(read_ahead);
    HandshakeFailure::new(error, ssl, channel)
}

impl<T: AsRef<[u8]>> fmt::Debug for Replayable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replayable").field("len", &self.len()).finish()
    }
}

impl<S, C: Channel> fmt::Debug for Unfinished<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits(want, _) => f.debug_tuple("Waits").field(want).finish_non_exhaustive(),
            Self::Failed(failure) => f.debug_tuple("Failed").field(failure).finish(),
        }
    }
}

impl<S, C: Channel> fmt::Display for Unfinished<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits(want, _) => write!(f, "the handshake waits for {want}"),
            Self::Failed(failure) => failure.fmt(f),
        }
    }
}

impl<S, C: Channel> std::error::Error for Unfinished<S, C> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Waits(..) => None,
            Self::Failed(failure) => std::error::Error::source(failure),
        }
    }
}

impl<S, C: Channel> From<Unfinished<S, C>> for Error {
    /// A suspension ends the handshake here, and is an error of the kind [`ErrorKind::NotReady`].
    fn from(unfinished: Unfinished<S, C>) -> Self {
        match unfinished {
            Unfinished::Failed(failure) => failure.into_error(),
            Unfinished::Waits(want, _) => {
                SslError::new(ErrorCode::Want(want), -1, 0, None).into_error("SSL_do_handshake")
            }
        }
    }
}

impl<S, C: Channel> From<Unfinished<S, C>> for io::Error {
    /// A suspension ends the handshake here, and is `WouldBlock`.
    fn from(unfinished: Unfinished<S, C>) -> Self {
        let suspended = unfinished.want().is_some();
        let error = Error::from(unfinished);
        if suspended { Self::new(io::ErrorKind::WouldBlock, error) } else { error.into() }
    }
}
