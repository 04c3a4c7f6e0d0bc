//! A connection whose handshake is done: [`Connected`].

mod buffers;
mod crossing;
#[cfg(feature = "tokio")]
mod polled;
mod post_handshake;
mod sendfile;

pub use sendfile::Sendfile;

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::bio;
use crate::bio::Channel;
use crate::error::{Error, ErrorKind, SslError, Want};
use crate::ffi::panics;
use crate::handshake::{Handshake, Link};
use crate::ssl::{Modes, ShutdownResult, ShutdownState, Ssl, SslRef};

/// The most that one call writes: a TLS record's worth.
const CHUNK: usize = 16 * 1024;

/// A TLS connection: only here are read and write.
///
/// [`Read`] and [`Write`] behave as on a socket. A clean end (the peer's close_notify) reads as `Ok(0)`, a cut
/// connection as [`UnexpectedEof`](io::ErrorKind::UnexpectedEof), a suspension as
/// [`WouldBlock`](io::ErrorKind::WouldBlock) (or whatever the transport said for it, such as `TimedOut`), after which
/// [`wants`](Self::wants) tells what for. Any other error wraps an [`Error`], or is the transport's own; the connection
/// is then dead, and says so at each later call.
///
/// # Writing
///
/// What [`write`](Write::write) took is sent once and as it was, whatever is called next. One call takes 16 KiB at
/// most. If libssl has begun to send a piece and must wait, the piece counts as taken: it is kept here, and finished
/// first by the next read, write, [`flush`](Write::flush) or [`shutdown`](Self::shutdown). So `flush` before dropping
/// a connection over a nonblocking channel, as with a [`BufWriter`](io::BufWriter):
/// [`has_pending_write`](Self::has_pending_write) tells whether something is kept. The caller's buffer may move.
///
/// # Dropping
///
/// Dropping never blocks, and sends no close_notify: call [`shutdown`](Self::shutdown) to end the connection cleanly.
/// The session of a healthy connection stays resumable.
pub struct Connected<C: Channel> {
    link: Link<C>,
    /// Taken by `write`, not finished by libssl. Its address stays while libssl may know it.
    pending: Vec<u8>,
    finished: usize,
    /// What libssl waits for with it.
    pending_on: Option<Want>,
    want: Option<Want>,
    close_notify: CloseNotify,
    /// The modes that were set for this, and were not before.
    modes: Modes,
}

/// How far our close_notify is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CloseNotify {
    /// [`ShutdownState::SENT`] says whether there is one.
    Settled,
    /// libssl has begun to send it. It says `SENT` from then on, but only SSL_shutdown goes on with it.
    Suspended,
    /// The channel has it, and is still to be flushed.
    Unflushed,
    /// C began to send it: libssl may hold it still.
    Elsewhere,
}

/// How far [`Connected::shutdown`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShutdownProgress {
    /// Our close_notify went out; the peer's has not come yet. What the peer still sends can be read; calling again
    /// waits for its close_notify.
    Sent,
    /// Both sides have sent close_notify.
    Complete,
    /// Our close_notify went out, and the peer's data waits to be read before its close_notify can be.
    Unread,
    /// It waits for this; call again then.
    Wants(Want),
    /// The connection had failed before: nothing is sent on it any more.
    Skipped,
}

/// What a connection was made of.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<C> {
    /// The object, without a transport. It keeps its session and all that was negotiated.
    pub ssl: Ssl,
    /// The channel.
    pub channel: C,
    /// What was read from the channel, and libssl had not asked for yet: it belongs to whatever follows on the channel.
    pub read_ahead: Vec<u8>,
}

impl<C: Channel> Connected<C> {
    pub(crate) fn new(mut link: Link<C>) -> Self {
        let modes = link.ssl.allow_moving_partial_writes();
        Self {
            link,
            pending: Vec::new(),
            finished: 0,
            pending_on: None,
            want: None,
            close_notify: CloseNotify::Settled,
            modes,
        }
    }

    /// Reads as [`Read::read`] does, and leaves the bytes for the next read.
    ///
    /// # Errors
    ///
    /// As [`Read::read`].
    ///
    /// C: [`SSL_peek_ex(3)`](https://docs.openssl.org/master/man3/SSL_read/)
    #[doc(alias = "SSL_peek_ex")]
    #[doc(alias = "SSL_peek")]
    pub fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf.len(), |ssl| ssl.peek(buf))
    }

    /// Ends the connection cleanly: sends close_notify, and waits for the peer's if called again.
    ///
    /// What was written before goes out first. Unread data never breaks the connection: it is left to be read.
    ///
    /// # Errors
    ///
    /// The failure, if the connection fails now; [`ErrorKind::UnexpectedEof`] if the
    /// peer is gone without a close_notify. A connection that had failed before gives [`ShutdownProgress::Skipped`].
    ///
    /// C: [`SSL_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_shutdown/)
    #[doc(alias = "SSL_shutdown")]
    pub fn shutdown(&mut self) -> Result<ShutdownProgress, Error> {
        self.want = None;
        if self.link.ssl.is_poisoned() {
            return Ok(ShutdownProgress::Skipped);
        }
        let progress = self.advance_shutdown();
        match progress {
            Ok(progress) => Ok(progress),
            Err(error) => match error.want() {
                Some(want) => {
                    self.want = Some(want);
                    Ok(ShutdownProgress::Wants(want))
                }
                None => Err(error.into_error("SSL_shutdown")),
            },
        }
    }

    /// The object, for asking it about the connection.
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

    /// What the last call waits for, if it was suspended. A write may want to read, and a read to write.
    pub fn wants(&self) -> Option<Want> {
        self.want
    }

    /// Whether data that `write` took still waits to go out; [`flush`](Write::flush) sends it.
    pub fn has_pending_write(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Whether bytes from the peer wait here or in libssl, so that a read need not wait for the channel. They may be
    /// less than a record.
    ///
    /// C: [`SSL_has_pending(3)`](https://docs.openssl.org/master/man3/SSL_pending/)
    #[doc(alias = "SSL_has_pending")]
    pub fn has_pending_read(&self) -> bool {
        self.holds_received() || C::has_read_ahead(&self.link.held)
    }

    /// Takes the connection apart: the object, the channel, and what was read ahead.
    ///
    /// # Errors
    ///
    /// The connection itself, unchanged, while libssl holds data that would be lost: received bytes that were not
    /// read, or a write that is not finished. Read or flush it, or use
    /// [`into_parts_discarding`](Self::into_parts_discarding).
    pub fn into_parts(self) -> Result<Parts<C>, Self> {
        let alive = !self.link.ssl.is_poisoned();
        let half_sent = self.has_pending_write() || self.close_notify == CloseNotify::Suspended;
        if alive && (half_sent || self.holds_received()) {
            return Err(self);
        }
        Ok(self.into_parts_discarding())
    }

    /// As [`into_parts`](Self::into_parts), and what libssl holds is lost.
    pub fn into_parts_discarding(self) -> Parts<C> {
        let Link { mut ssl, held } = self.link;
        ssl.clear_modes(self.modes);
        let (channel, read_ahead) = C::detach(held, &mut ssl);
        Parts { ssl, channel, read_ahead }
    }

    /// Whether libssl has bytes of the peer's. From 3.2 on it counts the peer's close_notify for ever; nothing comes
    /// after that, unless libssl was told to read ahead itself.
    fn holds_received(&self) -> bool {
        let ssl = &self.link.ssl;
        let over = ssl.shutdown_state().contains(ShutdownState::RECEIVED);
        ssl.has_pending() && (!over || ssl.read_ahead())
    }

    /// Finishes what `write` took. A suspension leaves it for the next time.
    #[inline]
    fn finish_write(&mut self) -> Result<(), SslError> {
        if self.pending.is_empty() { Ok(()) } else { self.finish_pending() }
    }

    fn finish_pending(&mut self) -> Result<(), SslError> {
        while let Some(rest) = self.pending.get(self.finished..).filter(|rest| !rest.is_empty()) {
            match self.link.ssl.write(rest) {
                Ok(written) => self.finished += written,
                Err(error) => {
                    self.pending_on = error.want();
                    return Err(error);
                }
            }
        }
        self.pending.clear();
        self.finished = 0;
        Ok(())
    }

    /// Writes one piece. Where libssl is suspended it may hold the piece already: then it is kept.
    fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.finish_write() {
            return Err(self.suspend_or_fail(error));
        }
        let piece = data.get(..CHUNK).unwrap_or(data);
        let Some(outcome) = self.link.ssl.write_moving(piece) else {
            // C goes on reading from where the first call's bytes were: they must be ours.
            self.pending.extend_from_slice(piece);
            return self.send_kept();
        };
        match outcome {
            Ok(written) => Ok(written),
            Err(error) => match error.want() {
                Some(want) => {
                    self.want = Some(want);
                    self.pending_on = Some(want);
                    self.pending.extend_from_slice(piece);
                    Ok(piece.len())
                }
                None => Err(error.into_error("SSL_write_ex").into()),
            },
        }
    }

    /// Writes what was put into `pending`, which counts as taken unless the connection fails.
    fn send_kept(&mut self) -> io::Result<usize> {
        let taken = self.pending.len();
        match self.finish_write() {
            Ok(()) => Ok(taken),
            Err(error) => match error.want() {
                Some(want) => {
                    self.want = Some(want);
                    Ok(taken)
                }
                None => {
                    self.pending.clear();
                    self.finished = 0;
                    Err(error.into_error("SSL_write_ex").into())
                }
            },
        }
    }

    /// Reads into room for so many bytes.
    fn receive(
        &mut self,
        room: usize,
        read: impl FnOnce(&mut SslRef) -> Result<usize, SslError>,
    ) -> io::Result<usize> {
        self.want = None;
        // In a renegotiation a write waits for the peer's handshake, and would take the peer's data for a breach of
        // protocol: then the read goes first.
        let read_first = self.has_pending_write() && self.pending_on == Some(Want::Read);
        if !read_first {
            self.finish_write_or_leave_it()?;
        }
        if C::READS_AHEAD && room > 0 && !self.has_pending_write() && self.link.ssl.is_dry() {
            self.read_ahead()?;
        }
        match read(&mut self.link.ssl) {
            Ok(read) => Ok(read),
            Err(error) if error.is_zero_return() => Ok(0),
            Err(error) => {
                let suspended = error.want().is_some();
                let error = self.suspend_or_fail(error);
                if read_first && suspended {
                    // A failure waits for nothing.
                    let want = self.want.take();
                    self.finish_write_or_leave_it()?;
                    self.want = want;
                }
                Err(error)
            }
        }
    }

    /// Lets the channel read before libssl is asked: as long as it waits, libssl would. Nothing that is the user's runs beneath C
    /// then, and a read that finds nothing need not go there.
    fn read_ahead(&mut self) -> io::Result<()> {
        let Link { ssl, held } = &mut self.link;
        let filled = panics::enter(|| panics::contain(|| C::fill(held)), || ssl.poison_by_panic());
        let outcome = filled.unwrap_or(Ok(()));
        if outcome.is_err() {
            self.want = Some(Want::Read);
        }
        outcome
    }

    /// A peer that does not read must not keep us from reading.
    #[inline]
    fn finish_write_or_leave_it(&mut self) -> io::Result<()> {
        match self.finish_write() {
            Err(error) if error.want().is_none() => Err(error.into_error("SSL_write_ex").into()),
            _ => Ok(()),
        }
    }

    fn advance_shutdown(&mut self) -> Result<ShutdownProgress, SslError> {
        let state = self.link.ssl.shutdown_state();
        if self.close_notify == CloseNotify::Suspended || !state.contains(ShutdownState::SENT) {
            self.finish_write()?;
            self.finish_message()?;
            self.close_notify = CloseNotify::Suspended;
            let result = self.link.ssl.shutdown()?;
            self.close_notify = CloseNotify::Unflushed;
            self.flush_close_notify()?;
            return Ok(match result {
                ShutdownResult::Sent => ShutdownProgress::Sent,
                ShutdownResult::Complete => ShutdownProgress::Complete,
            });
        }
        // It was not told yet that ours is out.
        let untold = self.close_notify == CloseNotify::Unflushed;
        if self.close_notify == CloseNotify::Elsewhere {
            self.link.ssl.finish_close_notify()?;
            self.close_notify = CloseNotify::Unflushed;
        }
        self.flush_close_notify()?;
        if state.contains(ShutdownState::RECEIVED) {
            return Ok(ShutdownProgress::Complete);
        }
        if untold {
            return Ok(ShutdownProgress::Sent);
        }
        // SSL_shutdown would take unread data for a breach of protocol.
        match self.link.ssl.peek(&mut [0]) {
            Ok(_) => Ok(ShutdownProgress::Unread),
            Err(error) if error.is_zero_return() => Ok(ShutdownProgress::Complete),
            Err(error) => Err(error),
        }
    }

    fn flush_close_notify(&mut self) -> Result<(), SslError> {
        if self.close_notify == CloseNotify::Unflushed {
            match self.flush_channel() {
                Err(error) if bio::suspends(&error) => return Err(SslError::wants_write()),
                outcome => {
                    // Told once: as far as TLS goes it is out, and what the peer still sends can be read.
                    self.close_notify = CloseNotify::Settled;
                    outcome.map_err(|error| {
                        let failure = Error::new(ErrorKind::Io, "BIO_flush").with_transport(Some(error));
                        SslError::refused(failure)
                    })?;
                }
            }
        }
        Ok(())
    }

    fn flush_channel(&mut self) -> io::Result<()> {
        let Link { ssl, held } = &mut self.link;
        // A panic in the transport kills the object here as it does under C.
        let flushed = panics::enter(|| panics::contain(|| C::flush(held)), || ssl.poison_by_panic());
        flushed.unwrap_or(Ok(()))
    }

    /// The `io::Error` of a call that waits or failed.
    fn suspend_or_fail(&mut self, error: SslError) -> io::Error {
        match error.want() {
            Some(want) => {
                self.want = Some(want);
                bio::take_suspension(&self.link.ssl).unwrap_or_else(|| io::ErrorKind::WouldBlock.into())
            }
            None => Error::from(error).into(),
        }
    }
}

impl<C: Channel> Read for Connected<C> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(buf.len(), |ssl| ssl.read(buf))
    }
}

impl<C: Channel> Write for Connected<C> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.want = None;
        if buf.is_empty() {
            return Ok(0);
        }
        self.send(buf)
    }

    /// Small buffers are sent together, as one record.
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.want = None;
        let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
        let (Some(first), second) = (filled.next(), filled.next()) else { return Ok(0) };
        if second.is_none() || first.len() >= CHUNK {
            return self.send(first);
        }
        if let Err(error) = self.finish_write() {
            return Err(self.suspend_or_fail(error));
        }
        for buf in bufs {
            let room = CHUNK - self.pending.len();
            self.pending.extend_from_slice(buf.get(..room).unwrap_or(buf));
        }
        self.send_kept()
    }

    /// Sends what `write` took, and flushes the channel.
    fn flush(&mut self) -> io::Result<()> {
        self.want = None;
        if let Some(refusal) = self.link.ssl.poison_story("BIO_flush") {
            return Err(refusal.into());
        }
        if let Err(error) = self.finish_write() {
            return Err(self.suspend_or_fail(error));
        }
        let flushed = self.flush_channel();
        if flushed.as_ref().is_err_and(bio::suspends) {
            self.want = Some(Want::Write);
        }
        flushed
    }
}

impl<C: Channel + AsFd> AsFd for Connected<C> {
    /// The channel's descriptor, to wait on. Reading or writing it would break the connection.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel().as_fd()
    }
}

impl<C: Channel + AsFd> AsFd for Handshake<C> {
    /// The channel's descriptor, to wait on. Reading or writing it would break the handshake.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel().as_fd()
    }
}

impl<C: Channel> fmt::Debug for Connected<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected")
            .field("ssl", self.ssl())
            .field("wants", &self.want)
            .field("pending_write", &(self.pending.len() - self.finished))
            .finish_non_exhaustive()
    }
}
