//! Handshakes that cross between C and Rust while they are under way.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{Call, Handshake, HandshakeFailure, Link};
use crate::bio::sealed::Attach;
use crate::bio::{BioOwned, Channel, Existing, Pair};
use crate::error::{self, Error, ErrorCode, ErrorKind, Want};
use crate::ssl::Ssl;

impl Handshake<Existing> {
    /// Takes over a handshake that C began, wherever it is suspended: [`resume`](Self::resume) goes on with it, over the
    /// BIOs that the object has. No byte moves in this call; [`wants`](Self::wants) tells what it waits for.
    ///
    /// What C set is C's to answer for. Where the context is one of this crate's that demands the peer's name, the handshake
    /// only ends with a connection if what C verified is the peer that was to be verified: see
    /// [`Connected::adopt`](crate::Connected::adopt). Where C's call failed, OpenSSL does not always know it any more:
    /// C says so by [`mark_failed`](crate::SslRef::mark_failed).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] for an object that has not begun, which is [`Ssl::connect`]'s and [`Ssl::accept`]'s, or whose
    /// handshake is done, which is [`Connected::adopt`](crate::Connected::adopt)'s; [`ErrorKind::Poisoned`] for one that
    /// failed; [`ErrorKind::NoTransport`] unless it has BIOs for both directions. The failure gives the object back.
    ///
    /// ```no_run
    /// # use libssl::{Connected, Error, Handshake, Ssl};
    /// # use libssl::bio::Existing;
    /// # unsafe fn f(ssl: *mut libssl::ffi::SSL) -> Result<Connected<Existing>, Error> {
    /// // C's SSL_connect said SSL_ERROR_WANT_READ, and gives its reference up.
    /// let ssl = unsafe { Ssl::from_ptr(ssl) };
    /// let handshake = Handshake::adopt(ssl)?;
    /// // … wait for what `handshake.wants()` says …
    /// handshake.resume().map_err(Error::from)
    /// # }
    /// ```
    pub fn adopt(mut ssl: Ssl) -> Result<Self, HandshakeFailure<Existing>> {
        match ssl.begun().and_then(|()| ssl.remember_present_role()) {
            Ok(()) => {}
            Err(error) => return Err(HandshakeFailure { error, ssl, channel: Existing }),
        }
        // SAFETY: object and channel become one `Link`, which drops the object first; the object keeps its BIOs.
        match unsafe { Existing.attach(&mut ssl) } {
            Ok(held) => Ok(Self { link: Link { ssl, held }, call: Call::DoHandshake }),
            Err((error, channel)) => Err(HandshakeFailure { error, ssl, channel }),
        }
    }
}

impl Ssl {
    /// Refuses an object that is not in the middle of a handshake.
    fn begun(&self) -> Result<(), Error> {
        const CALL: &str = "SSL_do_handshake";
        if let Some(refusal) = self.is_poisoned().then(|| self.poison_story(CALL)).flatten() {
            return Err(refusal);
        }
        let refuse = |detail: &str| Err(Error::new(ErrorKind::NotReady, CALL).with_detail(detail));
        // SAFETY: the object is live, and the call only reads it.
        let before = unsafe { ext::SSL_in_before(self.as_ptr()) };
        match (before, self.is_init_finished()) {
            (1, _) => refuse("the handshake has not begun"),
            (_, true) => refuse("the handshake is done"),
            _ if self.state_string_long() == "error" => {
                Err(Error::new(ErrorKind::Poisoned, CALL).with_detail("the handshake failed in C"))
            }
            _ => Ok(()),
        }
    }
}

impl<C: Channel> Handshake<C> {
    /// What the handshake waits for, as SSL_get_error(3) said it of the last call, C's or ours.
    ///
    /// C: [`SSL_want(3)`](https://docs.openssl.org/master/man3/SSL_want/)
    #[doc(alias = "SSL_want")]
    #[doc(alias = "SSL_get_error")]
    pub fn wants(&self) -> Option<Want> {
        let ssl = self.ssl();
        if ssl.waits_for_connection() {
            return Some(Want::Connect);
        }
        error::clear();
        // SAFETY: the object is live and has both BIOs. The call only reads it and the queue, which is empty.
        match ErrorCode::from_raw(unsafe { sys::SSL_get_error(ssl.as_ptr(), -1) }) {
            ErrorCode::Want(want) => Some(want),
            _ => None,
        }
    }

    /// Marks the object as dead, for a failure that only C saw: see [`SslRef::mark_failed`](crate::SslRef::mark_failed).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_failed(&mut self, why: &str) -> Result<(), Error> {
        self.link.ssl.mark_failed(why)
    }
}

impl<C: BioOwned> Handshake<C> {
    /// The object in the middle of its handshake, with its BIOs, which own the channel from here on:
    /// [`Ssl::into_ptr`] gives both to C, whose SSL_do_handshake(3) goes on where this was suspended. In Rust,
    /// [`Handshake::adopt`] does.
    ///
    /// Nothing that was read ahead is lost.
    pub fn into_ssl(self) -> Ssl {
        let Link { ssl, held } = self.link;
        C::leave(held);
        ssl
    }
}

impl Handshake<Pair> {
    /// The object in the middle of its handshake, and the half of the BIO pair that is fed and drained, both for C, which
    /// owns one reference to each. C keeps both in one thread, for they share memory without a lock.
    pub fn into_ptrs(self) -> (*mut sys::SSL, *mut sys::BIO) {
        let Link { ssl, held } = self.link;
        (ssl.into_ptr(), held.into_outer_ptr())
    }
}
