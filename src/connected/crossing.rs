//! Connections that cross between C and Rust.

use openssl_sys as sys;

use super::{CloseNotify, Connected};
use crate::bio::sealed::Attach;
use crate::bio::{BioOwned, Channel, Existing, Pair};
use crate::error::{Error, ErrorKind};
use crate::handshake::{HandshakeFailure, Link};
use crate::ssl::{ShutdownState, Ssl};

impl Connected<Existing> {
    /// Takes over a connection whose handshake C made, over the BIOs that the object has. It may be half shut down. No byte
    /// moves in this call.
    ///
    /// What C set is C's to answer for. But where the context is one of this crate's that demands the peer's name, this
    /// makes sure that the peer is the one that was to be verified: that OpenSSL accepted its certificate, and that the
    /// certificate bears a name that is set on the object. What C verified with no name set, or with another one, is
    /// refused, and the object is dead. A handshake that this crate made, and that is still the last one, is not judged again.
    ///
    /// Whether a write of C's was suspended, only the call just before this one can tell: where C has read since, or where it
    /// finished a write that was begun here, [`adopt_writing`](Self::adopt_writing) is the call.
    ///
    /// C may not know yet that the connection failed, where only its SSL_get_error(3) said so: then
    /// [`mark_failed`](crate::SslRef::mark_failed) comes first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] where the handshake is not done, which is [`Handshake::adopt`](crate::Handshake::adopt)'s, or
    /// where a write of C's waits to be finished, which is [`adopt_writing`](Self::adopt_writing)'s;
    /// [`ErrorKind::Poisoned`] for an object that failed; [`ErrorKind::NoTransport`] unless it has BIOs for both directions;
    /// [`ErrorKind::NoServerName`] and [`ErrorKind::Verification`] where the context's demand is not met. The failure gives
    /// the object back.
    pub fn adopt(ssl: Ssl) -> Result<Self, HandshakeFailure<Existing>> {
        let failure = |error, ssl| HandshakeFailure::new(error, ssl, Existing);
        let suspended = ssl.want_write() || ssl.is_writing();
        if suspended && !ssl.shutdown_state().contains(ShutdownState::SENT) {
            let refusal =
                Error::new(ErrorKind::NotReady, "SSL_write").with_detail("a write of C's is not finished");
            return Err(failure(refusal, ssl));
        }
        Self::adopt_any(ssl)
    }

    /// As [`adopt`](Self::adopt), where SSL_write of C's was suspended: `data` is what C gave that call, and is finished
    /// first, as what [`write`](std::io::Write::write) took is. libssl holds it already: other data would vanish in its
    /// place. Empty `data` says that no write was suspended.
    ///
    /// # Errors
    ///
    /// As [`adopt`](Self::adopt), and [`ErrorKind::NotReady`] where kernel TLS sends from the very buffer that C gave: there
    /// C finishes its write itself.
    pub fn adopt_writing(ssl: Ssl, data: &[u8]) -> Result<Self, HandshakeFailure<Existing>> {
        if !data.is_empty() && ssl.keeps_write_buffer() {
            let refusal = Error::new(ErrorKind::NotReady, "SSL_write")
                .with_detail("kernel TLS sends from the buffer of the first call");
            return Err(HandshakeFailure::new(refusal, ssl, Existing));
        }
        let mut connected = Self::adopt_any(ssl)?;
        connected.pending.extend_from_slice(data);
        Ok(connected)
    }

    fn adopt_any(mut ssl: Ssl) -> Result<Self, HandshakeFailure<Existing>> {
        if let Err(error) = ssl.finished().and_then(|()| ssl.vouch_for_c("SSL_do_handshake")) {
            return Err(HandshakeFailure::new(error, ssl, Existing));
        }
        // SAFETY: object and channel become one `Link`, which drops the object first; the object keeps its BIOs.
        match unsafe { Existing.attach(&mut ssl) } {
            Ok(held) => {
                let sent = ssl.shutdown_state().contains(ShutdownState::SENT);
                let mut connected = Self::new(Link { ssl, held });
                if sent {
                    connected.close_notify = CloseNotify::Elsewhere;
                }
                Ok(connected)
            }
            Err((error, channel)) => Err(HandshakeFailure::new(error, ssl, channel)),
        }
    }
}

impl Ssl {
    /// Refuses an object whose handshake is not done.
    fn finished(&self) -> Result<(), Error> {
        const CALL: &str = "SSL_is_init_finished";
        if let Some(refusal) = self.is_poisoned().then(|| self.poison_story(CALL)).flatten() {
            return Err(refusal);
        }
        if self.is_init_finished() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotReady, CALL).with_detail("the handshake is not done"))
    }
}

impl<C: Channel> Connected<C> {
    /// Marks the connection as dead, for a failure that only C saw: see [`SslRef::mark_failed`](crate::SslRef::mark_failed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed(&mut self, why: &str) -> Result<(), Error> {
        self.link.ssl.mark_failed(why)
    }
}

impl<C: BioOwned> Connected<C> {
    /// The object with its BIOs, which own the channel from here on: [`Ssl::into_ptr`] gives both to C. In Rust,
    /// [`Connected::adopt`] takes it over again.
    ///
    /// Received bytes that were not read, and what was read ahead, stay in the object and its BIOs. The modes that this
    /// type needed are as they were before.
    ///
    /// # Errors
    ///
    /// The connection itself, unchanged, while a write is not finished, or a close_notify not flushed: see
    /// [`flush`](std::io::Write::flush) and [`shutdown`](Self::shutdown). One that failed can always go.
    pub fn into_ssl(self) -> Result<Ssl, Self> {
        if !self.may_leave() {
            return Err(self);
        }
        let Link { mut ssl, held } = self.link;
        ssl.clear_modes(self.modes);
        C::leave(held);
        Ok(ssl)
    }
}

impl Connected<Pair> {
    /// The object, and the half of the BIO pair that is fed and drained, both for C, which owns one reference to each. C
    /// keeps both in one thread, for they share memory without a lock.
    ///
    /// # Errors
    ///
    /// As [`into_ssl`](Connected::into_ssl).
    pub fn into_ptrs(self) -> Result<(*mut sys::SSL, *mut sys::BIO), Self> {
        if !self.may_leave() {
            return Err(self);
        }
        let Link { mut ssl, held } = self.link;
        ssl.clear_modes(self.modes);
        Ok((ssl.into_ptr(), held.into_outer_ptr()))
    }
}

impl<C: Channel> Connected<C> {
    /// Whether C finds all in the object that was begun here. A close_notify that libssl holds, C's SSL_shutdown finishes.
    fn may_leave(&self) -> bool {
        self.link.ssl.is_poisoned()
            || !(self.has_pending_write() || self.close_notify == CloseNotify::Unflushed)
    }
}
