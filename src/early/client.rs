//! The client: data goes out with the ClientHello.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;
use std::{fmt, io};

use openssl_sys as sys;

use super::{CHUNK, Unfinished, fail, give_up, suspend_or_fail, suspension, wait_for};
use crate::bio::Channel;
use crate::connected::Connected;
use crate::error::{Error, ErrorKind, SslError, Want};
use crate::handshake::{Call, HandshakeFailure, Link};
use crate::session::SslSession;
use crate::ssl::{EarlyDataStatus, Modes, Ssl, SslRef};

const WRITE: &str = "SSL_write_early_data";

/// A client that may send early data before it shakes hands.
///
/// Nothing can be read yet: [`finish`](Self::finish) shakes hands, and gives the connection. What was taken is sent once and
/// as it was; if it must wait, it is kept here and finished first by the next call, as
/// [`Connected`] does it.
#[must_use = "dropping it ends the handshake"]
pub struct EarlyClient<C: Channel> {
    link: Link<C>,
    /// All that was taken, for the case that the server rejects it.
    taken: Vec<u8>,
    /// How much of it went out.
    sent: usize,
    /// The object's session, if it allows early data, and how much.
    session: Option<SslSession>,
    allowance: u32,
    /// How much of what libssl counts it counts for writes that came again.
    counted_twice: u32,
    finishing: bool,
    want: Option<Want>,
    /// The modes that were set for this, and were not before.
    modes: Modes,
}

/// What became of a client's early data, now that the server is known.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "what the server rejected did not arrive"]
pub enum EarlyOutcome {
    /// None was sent.
    NotSent,
    /// The server took all of it.
    Accepted,
    /// The server skipped all of it: here it is, to be sent again over the connection, or not. The server may not be able to
    /// tell it from a copy, and what it negotiated now may differ from what was expected.
    Rejected(Vec<u8>),
}

impl Ssl {
    /// Begins as a client that may send early data over `channel`, with the session that was set on this object, or
    /// one from the context's [cache](crate::session::ClientSessionCache). No byte moves in this call.
    ///
    /// Without a session that allows early data all goes as with [`connect`](Self::connect): nothing fits into
    /// [`write_early`](EarlyClient::write_early), and [`finish`](EarlyClient::finish) shakes hands.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect) for an object that cannot begin as a client, such as [`ErrorKind::NoServerName`] where
    /// the context demands a verified name and none was set. The failure gives both back.
    ///
    /// ```no_run
    /// # use std::io::Write;
    /// # use libssl::early::EarlyOutcome;
    /// # fn f(ssl: libssl::Ssl, tcp: std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = b"GET / HTTP/1.0\r\n\r\n"; // may be asked twice
    /// let mut early = ssl.connect_early(tcp).map_err(libssl::Error::from)?;
    /// let taken = early.write_early(request)?;
    /// let (mut connected, outcome) = early.finish().map_err(libssl::Error::from)?;
    /// if let EarlyOutcome::Rejected(data) = outcome {
    ///     connected.write_all(&data)?;
    /// }
    /// connected.write_all(&request[taken..])?; // what did not fit
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// C: [`SSL_write_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_write_early_data")]
    pub fn connect_early<C: Channel>(mut self, channel: C) -> Result<EarlyClient<C>, HandshakeFailure<C>> {
        if let Err(error) = self.prepare(Call::Connect) {
            return Err(HandshakeFailure::new(error, self, channel));
        }
        // SAFETY: object and channel become one `Link<C>`, which detaches them, or drops the object first.
        let held = match unsafe { channel.attach(&mut self) } {
            Ok(held) => held,
            Err((error, channel)) => return Err(HandshakeFailure::new(error, self, channel)),
        };
        let session = match self.settle_early_session() {
            Ok(session) => session,
            Err(error) => return Err(give_up(Link { ssl: self, held }, error)),
        };
        let allowance = session.as_ref().map_or(0, |session| session.max_early_data());
        let modes = self.allow_moving_partial_writes();
        Ok(EarlyClient {
            link: Link { ssl: self, held },
            taken: Vec::new(),
            sent: 0,
            session,
            allowance,
            counted_twice: 0,
            finishing: false,
            want: None,
            modes,
        })
    }
}

impl<C: Channel> EarlyClient<C> {
    /// How many bytes of early data still fit, by what the session allows.
    pub fn room(&self) -> usize {
        usize::try_from(self.allowance).unwrap_or(usize::MAX).saturating_sub(self.taken.len())
    }

    /// Sends early data, 16 KiB in a call at the most, and returns how much was taken: `Ok(0)` says that nothing more fits,
    /// and the rest is to be sent once connected.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) (or whatever the transport said for it) if what was taken before must wait
    /// still; [`wants`](Self::wants) tells what for. Any other error wraps an [`Error`], or is the transport's own: its kind
    /// is [`ErrorKind::NotReady`] once [`finish`](Self::finish) has begun. The connection is dead after a failure; whether early data arrived is unknown then.
    ///
    /// C: [`SSL_write_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_write_early_data")]
    pub fn write_early(&mut self, data: &[u8]) -> io::Result<usize> {
        self.want = None;
        if self.finishing {
            let refusal = Error::new(ErrorKind::NotReady, WRITE).with_detail("the handshake is under way");
            return Err(refusal.into());
        }
        self.flush_early()?;
        let piece = data.get(..CHUNK.min(self.room())).unwrap_or(data);
        self.taken.extend_from_slice(piece);
        match self.send_taken() {
            Err(error) if suspension(&error).is_none() => {
                self.taken.truncate(self.taken.len() - piece.len());
                Err(suspend_or_fail(&self.link, &mut self.want, error, WRITE))
            }
            outcome => {
                self.want = outcome.err().and_then(|error| error.want());
                Ok(piece.len())
            }
        }
    }

    /// Sends what [`write_early`](Self::write_early) took and had to keep.
    ///
    /// # Errors
    ///
    /// As [`write_early`](Self::write_early).
    pub fn flush_early(&mut self) -> io::Result<()> {
        self.want = None;
        self.send_taken().map_err(|error| suspend_or_fail(&self.link, &mut self.want, error, WRITE))
    }

    /// Shakes hands, and tells what became of the early data. The server is known from here on.
    ///
    /// # Errors
    ///
    /// A suspension, with the client to finish later, or the failure, as from [`Ssl::connect`]. A server that speaks no
    /// TLS 1.3 any more fails: connect again without early data then.
    ///
    /// C: [`SSL_connect(3)`](https://docs.openssl.org/master/man3/SSL_connect/)
    #[doc(alias = "SSL_connect")]
    #[doc(alias = "SSL_get_early_data_status")]
    pub fn finish(mut self) -> Result<(Connected<C>, EarlyOutcome), Unfinished<Self, C>> {
        self.want = None;
        let outcome = self.send_taken().and_then(|()| {
            self.finishing = true;
            SslRef::connect(&mut self.link.ssl)
        });
        match outcome.map_err(|error| (suspension(&error), error)) {
            Ok(()) => {
                self.set_allowance(self.allowance);
                let Self { mut link, taken, modes, .. } = self;
                link.ssl.clear_modes(modes);
                let early = match link.ssl.early_data_status() {
                    EarlyDataStatus::Accepted => EarlyOutcome::Accepted,
                    EarlyDataStatus::Rejected => EarlyOutcome::Rejected(taken),
                    EarlyDataStatus::NotSent => EarlyOutcome::NotSent,
                };
                Ok((Connected::new(link), early))
            }
            Err((Some(want), _)) => {
                self.want = Some(want);
                Err(Unfinished::Waits(want, self))
            }
            Err((None, error)) => Err(Unfinished::Failed(fail(self.link, error, Call::Connect.name()))),
        }
    }

    /// What the last call waits for, if it was suspended.
    pub fn wants(&self) -> Option<Want> {
        self.want
    }

    /// Whether data that [`write_early`](Self::write_early) took still waits to go out.
    pub fn has_pending_write(&self) -> bool {
        self.sent < self.taken.len()
    }

    /// The object, for asking it about the handshake so far.
    pub fn ssl(&self) -> &SslRef {
        &self.link.ssl
    }

    /// The channel.
    pub fn channel(&self) -> &C {
        C::lend(&self.link.held)
    }

    /// The channel, as far as it may be changed while a connection runs over it.
    pub fn channel_mut(&mut self) -> C::Lent<'_> {
        C::lend_mut(&mut self.link.held)
    }

    /// Gives up: the object, the channel, and the early data that was taken, of which the server may have got some.
    pub fn into_parts(self) -> (Ssl, C, Vec<u8>) {
        let Link { mut ssl, held } = self.link;
        ssl.clear_modes(self.modes);
        let (mut channel, read_ahead) = C::detach(held, &mut ssl);
        channel.put_back(read_ahead);
        (ssl, channel, self.taken)
    }

    /// One piece is under way at a time, and nothing is added to it before it went out.
    fn send_taken(&mut self) -> Result<(), SslError> {
        let rest = self.taken.get(self.sent..).unwrap_or_default();
        // Only for the call: who copies the session is to have what the server said.
        self.set_allowance(self.allowance.saturating_add(self.counted_twice));
        let outcome = self.link.ssl.write_early_data(rest);
        self.set_allowance(self.allowance);
        if outcome.as_ref().is_err_and(|error| suspension(error).is_some()) {
            // libssl counts a write that comes again once more.
            let again = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            self.counted_twice = self.counted_twice.saturating_add(again);
        }
        self.sent += outcome?;
        Ok(())
    }

    /// Changes how much libssl thinks that the session allows: nothing on the way to the peer says so.
    fn set_allowance(&self, bytes: u32) {
        if let Some(session) = &self.session {
            // SAFETY: the session is live, and belongs to the object, which nobody else uses now.
            unsafe { sys::SSL_SESSION_set_max_early_data(session.as_ptr(), bytes) };
        }
    }
}

impl<C: Channel + AsFd> EarlyClient<C> {
    /// [`finish`](Self::finish), waiting with poll(2) whenever the channel makes it wait, up to the `deadline`; `None` waits
    /// for ever.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish). When the `deadline` has passed, the suspension comes back and can be finished later.
    pub fn finish_and_wait(
        self,
        deadline: Option<Instant>,
    ) -> Result<(Connected<C>, EarlyOutcome), Unfinished<Self, C>> {
        wait_for(self, Self::finish, |state| state.link, deadline)
    }
}

impl<C: Channel + AsFd> AsFd for EarlyClient<C> {
    /// The channel's descriptor, to wait on. Reading or writing it would break the handshake.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel().as_fd()
    }
}

impl<C: Channel> fmt::Debug for EarlyClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyClient")
            .field("ssl", self.ssl())
            .field("wants", &self.want)
            .field("taken", &self.taken.len())
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EarlyOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("NotSent"),
            Self::Accepted => f.write_str("Accepted"),
            Self::Rejected(data) => write!(f, "Rejected({} bytes)", data.len()),
        }
    }
}
