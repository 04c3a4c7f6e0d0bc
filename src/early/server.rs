//! The server: what came with the ClientHello is read before the handshake is done.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;
use std::{fmt, io};

use super::{CHUNK, Replayable, Unfinished, fail, suspend_or_fail, suspension, wait_for};
use crate::bio::Channel;
use crate::connected::Connected;
#[cfg(doc)]
use crate::error::Error;
use crate::error::{SslError, Want};
use crate::handshake::{Call, HandshakeFailure, Link};
use crate::ssl::{EarlyRead, Modes, Ssl, SslRef};

const READ: &str = "SSL_read_early_data";
const WRITE: &str = "SSL_write_early_data";

/// Early data that nobody had read when the handshake was finished.
pub type UnreadEarly = Replayable<Vec<u8>>;

/// A server that reads early data before it shakes hands to the end.
///
/// [`read_early`](Self::read_early) gives what may be a copy that somebody sent again;
/// [`write_early`](Self::write_early) answers it at once, to a client that is not confirmed. [`finish`](Self::finish)
/// gives the connection.
#[must_use = "dropping it ends the handshake"]
pub struct EarlyServer<C: Channel> {
    link: Link<C>,
    /// The end of the early data has come.
    over: bool,
    /// What `finish` read that nobody has seen yet.
    unread: Vec<u8>,
    /// Taken by `write_early`, not finished by libssl.
    pending: Vec<u8>,
    finished: usize,
    want: Option<Want>,
    /// The modes that were set for this, and were not before.
    modes: Modes,
}

impl Ssl {
    /// Begins as a server that takes early data over `channel`, as far as
    /// [`set_max_early_data`](crate::SslContextBuilderRef::set_max_early_data) allows. No byte moves in this call.
    ///
    /// It serves clients without early data too, whatever TLS version they speak.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept) for an object that cannot begin as a server. The failure gives both back.
    ///
    /// ```no_run
    /// # fn f(ssl: libssl::Ssl, tcp: std::net::TcpStream) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut early = ssl.accept_early(tcp).map_err(libssl::Error::from)?;
    /// let mut buf = [0; 1024];
    /// while let Some(data) = early.read_early(&mut buf)? {
    ///     let request = data.danger_accept_replay(); // only what may be asked twice
    ///     println!("{} bytes came early", request.len());
    /// }
    /// early.write_early(b"an answer that anybody may see")?;
    /// let (mut connected, _unread) = early.finish().map_err(libssl::Error::from)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// C: [`SSL_read_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_read_early_data")]
    pub fn accept_early<C: Channel>(mut self, channel: C) -> Result<EarlyServer<C>, HandshakeFailure<C>> {
        if let Err(error) = self.prepare(Call::Accept) {
            return Err(HandshakeFailure::new(error, self, channel));
        }
        // SAFETY: object and channel become one `Link<C>`, which detaches them, or drops the object first.
        match unsafe { channel.attach(&mut self) } {
            Ok(held) => {
                let modes = self.allow_moving_partial_writes();
                Ok(EarlyServer {
                    link: Link { ssl: self, held },
                    over: false,
                    unread: Vec::new(),
                    pending: Vec::new(),
                    finished: 0,
                    want: None,
                    modes,
                })
            }
            Err((error, channel)) => Err(HandshakeFailure::new(error, self, channel)),
        }
    }
}

impl<C: Channel> EarlyServer<C> {
    /// Reads early data into `buf`, and lends what came, which may be a copy. `None` says that there is none, or no more.
    ///
    /// The first call answers the ClientHello. An empty buffer reads nothing.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) (or whatever the transport said for it) if it must wait;
    /// [`wants`](Self::wants) tells what for. A cut connection is [`UnexpectedEof`](io::ErrorKind::UnexpectedEof). Any
    /// other error wraps an [`Error`], or is the transport's own. The connection is dead after a failure.
    ///
    /// C: [`SSL_read_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_read_early_data")]
    pub fn read_early<'b>(&mut self, buf: &'b mut [u8]) -> io::Result<Option<Replayable<&'b [u8]>>> {
        self.want = None;
        if !self.unread.is_empty() {
            let len = buf.len().min(self.unread.len());
            for (to, from) in buf.iter_mut().zip(self.unread.drain(..len)) {
                *to = from;
            }
            return Ok(buf.get(..len).map(Replayable));
        }
        if self.over {
            return Ok(None);
        }
        // A client that does not read must not keep us from reading.
        if let Err(error) = self.send_pending() {
            if suspension(&error).is_none() {
                return Err(suspend_or_fail(&self.link, &mut self.want, error, WRITE));
            }
        }
        match self.link.ssl.read_early_data(buf) {
            Ok(EarlyRead::Data(len)) => Ok(buf.get(..len).map(Replayable)),
            Ok(EarlyRead::Finish) => {
                self.over = true;
                Ok(None)
            }
            Err(error) => Err(suspend_or_fail(&self.link, &mut self.want, error, READ)),
        }
    }

    /// Sends data to the client before its handshake is done: to anybody who resumed the session, or sent again what somebody
    /// sent who did; 16 KiB in a call at the most. Returns how much was taken; what must wait is kept, and finished first by the next call.
    ///
    /// # Errors
    ///
    /// As [`read_early`](Self::read_early), and [`ErrorKind::NotReady`](crate::ErrorKind::NotReady) before that was called
    /// with success.
    ///
    /// C: [`SSL_write_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_write_early_data")]
    pub fn write_early(&mut self, data: &[u8]) -> io::Result<usize> {
        self.flush_early()?;
        let piece = data.get(..CHUNK).unwrap_or(data);
        self.pending.extend_from_slice(piece);
        match self.send_pending() {
            Err(error) if suspension(&error).is_none() => {
                self.pending.clear();
                self.finished = 0;
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
        self.send_pending().map_err(|error| suspend_or_fail(&self.link, &mut self.want, error, WRITE))
    }

    /// Shakes hands to the end. What comes from the connection is confirmed; beside it is the early data that
    /// [`read_early`](Self::read_early) had not read, at most
    /// [`recv_max_early_data`](SslRef::recv_max_early_data) bytes.
    ///
    /// # Errors
    ///
    /// A suspension, with the server to finish later, or the failure, as from [`Ssl::accept`].
    ///
    /// C: [`SSL_accept(3)`](https://docs.openssl.org/master/man3/SSL_accept/)
    #[doc(alias = "SSL_accept")]
    pub fn finish(mut self) -> Result<(Connected<C>, UnreadEarly), Unfinished<Self, C>> {
        self.want = None;
        let outcome = self
            .send_pending()
            .and_then(|()| self.read_the_rest())
            .and_then(|()| SslRef::accept(&mut self.link.ssl));
        match outcome.map_err(|error| (suspension(&error), error)) {
            Ok(()) => {
                let Self { mut link, unread, modes, .. } = self;
                link.ssl.clear_modes(modes);
                Ok((Connected::new(link), Replayable(unread)))
            }
            Err((Some(want), _)) => {
                self.want = Some(want);
                Err(Unfinished::Waits(want, self))
            }
            Err((None, error)) => Err(Unfinished::Failed(fail(self.link, error, Call::Accept.name()))),
        }
    }

    /// What the last call waits for, if it was suspended.
    pub fn wants(&self) -> Option<Want> {
        self.want
    }

    /// Whether data that [`write_early`](Self::write_early) took still waits to go out.
    pub fn has_pending_write(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The object, for asking it about the handshake so far: its
    /// [`early_data_status`](SslRef::early_data_status) is settled with the first answer of
    /// [`read_early`](Self::read_early).
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

    /// Gives up: the object, which is in the middle of a handshake and good for nothing else, and the channel.
    pub fn into_parts(self) -> (Ssl, C) {
        let Link { mut ssl, held } = self.link;
        ssl.clear_modes(self.modes);
        let (mut channel, read_ahead) = C::detach(held, &mut ssl);
        channel.put_back(read_ahead);
        (ssl, channel)
    }

    /// Early data must be read before libssl shakes hands: libssl bounds how much there is.
    fn read_the_rest(&mut self) -> Result<(), SslError> {
        if self.over {
            return Ok(());
        }
        let mut buf = vec![0; CHUNK];
        while let EarlyRead::Data(len) = self.link.ssl.read_early_data(&mut buf)? {
            self.unread.extend_from_slice(buf.get(..len).unwrap_or_default());
        }
        self.over = true;
        Ok(())
    }

    /// One piece is under way at a time, and its address stays until it went out.
    fn send_pending(&mut self) -> Result<(), SslError> {
        while let Some(rest) = self.pending.get(self.finished..).filter(|rest| !rest.is_empty()) {
            let ssl = &mut self.link.ssl;
            // To read the end of the early data may finish the handshake.
            let done = ssl.is_init_finished();
            self.finished += if done { ssl.write(rest) } else { ssl.write_early_data(rest) }?;
        }
        self.pending.clear();
        self.finished = 0;
        Ok(())
    }
}

impl<C: Channel + AsFd> EarlyServer<C> {
    /// [`finish`](Self::finish), waiting with poll(2) whenever the channel makes it wait, up to the `deadline`; `None` waits
    /// for ever.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish). When the `deadline` has passed, the suspension comes back and can be finished later.
    pub fn finish_and_wait(
        self,
        deadline: Option<Instant>,
    ) -> Result<(Connected<C>, UnreadEarly), Unfinished<Self, C>> {
        wait_for(self, Self::finish, |state| state.link, deadline)
    }
}

impl<C: Channel + AsFd> AsFd for EarlyServer<C> {
    /// The channel's descriptor, to wait on. Reading or writing it would break the handshake.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel().as_fd()
    }
}

impl<C: Channel> fmt::Debug for EarlyServer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyServer")
            .field("ssl", self.ssl())
            .field("wants", &self.want)
            .field("over", &self.over)
            .field("pending_write", &(self.pending.len() - self.finished))
            .finish_non_exhaustive()
    }
}
