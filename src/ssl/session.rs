//! The session of one connection: the one that it has, and the one that it is to resume.

use std::ffi::c_uint;
use std::time::Duration;

use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::guard::{changed, end};
use super::phase::Phase;
use super::resumption::Chosen;
use super::state::State;
use super::{Role, SslRef};
use crate::context::session_name_len;
use crate::error::{self, Error, ErrorKind};
use crate::session::{SslSession, SslSessionRef, record};

const SET: &str = "SSL_set_session";

impl SslRef {
    /// A copy of the object's session: the one that was set, or the one that its handshake made; `None` before.
    ///
    /// In TLS 1.3 a client's session can be resumed once the server's ticket has been read, which comes after the handshake:
    /// see [`is_resumable`](SslSessionRef::is_resumable).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_get1_session(3)`](https://docs.openssl.org/master/man3/SSL_get_session/)
    #[doc(alias = "SSL_get1_session")]
    #[doc(alias = "SSL_get_session")]
    pub fn session(&self) -> Result<Option<SslSession>, Error> {
        // SAFETY: the object is live, and lends its session (get0), or NULL.
        let session = unsafe { ext::SSL_get_session(self.as_ptr()) };
        if session.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, and the object's own.
        unsafe { self.copy_session(session, self.is_init_finished()) }.map(Some)
    }

    /// The object's session itself, lent.
    ///
    /// C: [`SSL_get0_session(3)`](https://docs.openssl.org/master/man3/SSL_get_session/)
    ///
    /// # Safety
    ///
    /// libssl writes to the session of an object that shakes hands, sends a ticket, or fails. Nobody lets it do so while the
    /// reference or what is cloned from it is used; other objects may have the same session, from a server's cache.
    #[doc(alias = "SSL_get0_session")]
    pub unsafe fn session_ref(&self) -> Option<&SslSessionRef> {
        // SAFETY: the object is live, and lends its session (get0), or NULL; the rest by this function's contract.
        unsafe {
            let session = ext::SSL_get0_session(self.as_ptr());
            (!session.is_null()).then(|| SslSessionRef::from_ptr(session))
        }
    }

    /// Lets a client offer this session in the handshake that comes. The object gets a copy of its own.
    ///
    /// A session counts under the terms that it was made by: the same names, roots, verify mode and flags, security level,
    /// pins, callbacks that judge the peer, demands of stapling, and certificate of the client. Where the peer is verified
    /// and these are not what they were, or nobody was verified then, the handshake makes a new session instead, as it does
    /// where the server refuses. What C made, or what was read from bytes, comes without terms: C's rules hold for it, which
    /// have none. What OpenSSL does not tell of verify parameters, their trust setting and policies, is not compared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake has begun, [`ErrorKind::Refused`] if OpenSSL cannot allocate, and
    /// [`ErrorKind::InvalidInput`] for a session without terms where the context demands a verified name: there it is
    /// [`danger_set_session`](Self::danger_set_session).
    ///
    /// C: [`SSL_set_session(3)`](https://docs.openssl.org/master/man3/SSL_set_session/)
    #[doc(alias = "SSL_set_session")]
    pub fn set_session(&mut self, session: &SslSessionRef) -> Result<(), Error> {
        // SAFETY: the session is live, and nobody changes it.
        if self.demands_name() && unsafe { record::of(session.as_ptr()) }.terms().is_none() {
            let detail = "nobody knows what the session was verified by";
            return Err(Error::new(ErrorKind::InvalidInput, SET).with_detail(detail));
        }
        self.choose_session(session, Chosen::Checked)
    }

    /// As [`set_session`](Self::set_session), whatever the session was verified by: whoever can resume it is taken for the
    /// peer that this object asks for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake has begun, [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_set_session(3)`](https://docs.openssl.org/master/man3/SSL_set_session/)
    #[doc(alias = "SSL_set_session")]
    pub fn danger_set_session(&mut self, session: &SslSessionRef) -> Result<(), Error> {
        self.choose_session(session, Chosen::Unchecked)
    }

    fn choose_session(&mut self, session: &SslSessionRef, chosen: Chosen) -> Result<(), Error> {
        self.demand_before(SET)?;
        let copy = session.dup()?;
        self.put_session(Some(&copy))?;
        State::of_mut(self)?.choose_session(chosen);
        Ok(())
    }

    /// Takes away the session that the handshake would offer. One from the [cache](crate::session::ClientSessionCache) of the
    /// context may be offered still.
    ///
    /// # Errors
    ///
    /// As [`danger_set_session`](Self::danger_set_session).
    ///
    /// C: [`SSL_set_session(3)`](https://docs.openssl.org/master/man3/SSL_set_session/), with NULL
    #[doc(alias = "SSL_set_session")]
    pub fn clear_session(&mut self) -> Result<(), Error> {
        self.demand_before(SET)?;
        self.put_session(None)?;
        State::of_mut(self)?.choose_session(Chosen::No);
        Ok(())
    }

    fn demand_before(&self, call: &'static str) -> Result<(), Error> {
        if self.in_before() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotReady, call).with_detail("a handshake has begun"))
    }

    /// Tells apart what goes by the same name: sessions from the [cache](crate::session::ClientSessionCache) of the context
    /// are offered under the label that they were made under. A port, say, or a proxy on the way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory.
    pub fn set_resumption_label(&mut self, label: &str) -> Result<(), Error> {
        State::of_mut(self)?.set_resumption_label(label);
        Ok(())
    }

    /// Takes the session, the method, the name for sessions and the certificates from another object: both share them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake of this object has begun, [`ErrorKind::Unspecified`] or
    /// [`ErrorKind::Refused`] if OpenSSL cannot.
    ///
    /// C: [`SSL_copy_session_id(3)`](https://docs.openssl.org/master/man3/SSL_copy_session_id/)
    ///
    /// # Safety
    ///
    /// Both are used on one thread at a time from now on, as are those that share with them, for neither the session nor the
    /// certificates have a lock. What the session was verified by is not asked.
    #[doc(alias = "SSL_copy_session_id")]
    pub unsafe fn copy_session_id(&mut self, from: &Self) -> Result<(), Error> {
        const CALL: &str = "SSL_copy_session_id";
        self.demand_before(CALL)?;
        error::clear();
        // SAFETY: both are live, and this one is borrowed for writing; the rest by this function's contract.
        if unsafe { ext::SSL_copy_session_id(self.as_ptr(), from.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        State::of_mut(self)?.choose_session(Chosen::Unchecked);
        Ok(())
    }

    /// How long a session of the object's protocol can be resumed where nothing else was set.
    ///
    /// C: [`SSL_get_default_timeout(3)`](https://docs.openssl.org/master/man3/SSL_get_default_timeout/)
    #[doc(alias = "SSL_get_default_timeout")]
    pub fn default_timeout(&self) -> Duration {
        // SAFETY: the object is live, and the call only reads it.
        let seconds = unsafe { ext::SSL_get_default_timeout(self.as_ptr()) };
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Whether the context's own cache has a session of this number and of this object's version.
    ///
    /// C: [`SSL_has_matching_session_id(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_generate_session_id/)
    #[doc(alias = "SSL_has_matching_session_id")]
    pub fn has_matching_session_id(&self, id: &[u8]) -> bool {
        let Ok(len @ 0..=32) = c_uint::try_from(id.len()) else { return false };
        // SAFETY: the object is live, C reads `len` bytes, and it looks into the cache under its lock.
        unsafe { ext::SSL_has_matching_session_id(self.as_ptr(), id.as_ptr(), len) == 1 }
    }

    /// Names the setting that this object's session belongs to, in 32 bytes at most, in place of what its context says. A
    /// session is only resumed under the name it was made under: see
    /// [`set_session_id_context`](crate::SslContextBuilderRef::set_session_id_context) of contexts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a longer name.
    ///
    /// C: [`SSL_set_session_id_context(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_id_context/)
    #[doc(alias = "SSL_set_session_id_context")]
    pub fn set_session_id_context(&mut self, name: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_set_session_id_context";
        let len = session_name_len(CALL, name)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies `len` bytes.
        let done = unsafe { ext::SSL_set_session_id_context(self.as_ptr(), name.as_ptr(), len) };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        State::of_mut(self)?.set_names_sessions();
        Ok(())
    }

    /// Notes that the object's peer is judged otherwise than the context says.
    pub(crate) fn judge_apart(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live, and the calls only read it.
        let (in_init, again) = unsafe {
            let ssl = self.as_ptr();
            (ext::SSL_in_init(ssl) == 1, ext::SSL_renegotiate_pending(ssl) == 1)
        };
        State::of_mut(self)?.set_judges_apart(in_init && again);
        Ok(())
    }

    /// Before a server's handshake, or in it: an object that judges its clients otherwise than its context resumes no session
    /// that another one made, whose client may have shown no certificate, and none resumes the one that it makes. One that
    /// is changed after its first handshake sends no more tickets.
    #[cold]
    pub(super) fn name_sessions_apart(&mut self, call: &'static str, phase: Phase) -> Result<(), Error> {
        let ssl = self.as_ptr();
        let mut none = [0_u8];
        // SAFETY: the object is live, and the calls only read it. Of the peer's Finished only the length is asked.
        let (before, shook_hands, server) = unsafe {
            let finished = sys::SSL_get_peer_finished(ssl, none.as_mut_ptr().cast(), 0);
            (ext::SSL_in_before(ssl) == 1, finished > 0, ext::SSL_is_server(ssl) == 1)
        };
        // Where no role was chosen, an object that can serve is one that serves, until it is told otherwise.
        let connects = phase == Phase::Handshake(Some(Role::Client)) && self.chosen_role().is_none();
        // Later its session may be others' too: in the cache.
        let first = before || !shook_hands;
        let state = State::of_mut(self)?;
        let apart = if first { state.is_named_apart() } else { state.names_apart() };
        if server && state.take_change() {
            // Nobody knows what of the renegotiation is done.
            return Err(end(state, changed(call)));
        }
        if !server || connects || state.names_sessions() || (apart && !before) {
            return Ok(());
        }
        if first && !before && self.session_reused() {
            // By whoever made that.
            return Err(end(State::of_mut(self)?, changed(call)));
        }
        let name = self.context().lib_context().session_name()?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies the array, whose length it is told. A session that
        // the first handshake has made is nobody else's while that is under way.
        let named = unsafe {
            if !first && !State::of_mut(self)?.is_named_apart() {
                // Tickets are made of the session that is there, which would let in elsewhere whom this object lets in.
                sys::SSL_set_num_tickets(ssl, 0);
            }
            let session = if first && !before { sys::SSL_get_session(ssl) } else { ptr::null_mut() };
            ext::SSL_set_session_id_context(ssl, name.as_ptr(), 32) == 1
                && (session.is_null() || ext::SSL_SESSION_set1_id_context(session, name.as_ptr(), 32) == 1)
        };
        if !named {
            return Err(Error::from_queue("SSL_set_session_id_context"));
        }
        State::of_mut(self)?.set_names_apart(first);
        Ok(())
    }
}
