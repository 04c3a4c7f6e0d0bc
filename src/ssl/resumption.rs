//! Which session a client's handshake may offer, and what is remembered of the one that it makes.

use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::object::set_session;
use super::phase::Phase;
use super::state::State;
use super::{Role, SslRef};
use crate::error::Error;
use crate::session::record::{self, Origin, Terms};
use crate::session::{SslSession, SslSessionRef};

/// How the session of an object came there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// Not by this crate, or by a handshake before.
    No,
    /// By `set_session`: it counts under the terms that it was made by.
    Checked,
    /// By `danger_set_session`.
    Unchecked,
}

impl SslRef {
    /// Before a handshake begins: notes the terms of a client, and sees to the session that it offers.
    #[cold]
    pub(super) fn prepare_session(&mut self, phase: Phase) -> Result<(), Error> {
        let server = self.role_of(phase) == Some(Role::Server);
        let verifies = !server && self.verify_mode().contains(crate::context::SslVerifyMode::PEER);
        // SAFETY: the object is live.
        let state = unsafe { State::of(self.as_ptr()) };
        // What the guard has just found out, if it was asked.
        let names = state.filter(|state| state.demands_name()).and_then(|state| state.pledge().flatten());
        let terms =
            verifies.then(|| Arc::new(Terms::of_names(self, names.unwrap_or_else(|| self.expected()))));
        let state = State::of_mut(self)?;
        #[cfg(any(feature = "tokio", feature = "futures-io"))]
        state.forget_question();
        let chosen = state.begin_session(!server, terms.clone());
        let Some(terms) = terms else { return Ok(()) };
        // SAFETY: the object is live, and lends its session (get0), or NULL.
        let session = unsafe { ext::SSL_get_session(self.as_ptr()) };
        if session.is_null() {
            return self.offer_kept(&terms);
        }
        let state = State::of_mut(self)?;
        let demands = state.demands_name();
        // SAFETY: live, and nobody changes what is noted of it.
        let fits = match (chosen, unsafe { record::of(session) }) {
            (Chosen::Unchecked, _) => true,
            (Chosen::Checked, Origin::Unknown) => !demands,
            // Set by C, or by a handshake before. Where a name is demanded, the peer is judged after the handshake, and must
            // not get data before.
            (Chosen::No, Origin::Unknown) => {
                state.set_session_theirs();
                !(demands && phase == Phase::EarlyWrite)
            }
            (_, Origin::Unverified) => false,
            (_, Origin::Verified(made)) => {
                // SAFETY: live, for the call.
                made.are_same(&terms) && record::lasts(unsafe { SslSessionRef::from_ptr(session) }, self)
            }
        };
        if fits {
            return Ok(());
        }
        self.put_session(None)?;
        self.offer_kept(&terms)
    }

    /// Offers a session from the cache of the context, if it has one.
    fn offer_kept(&mut self, terms: &Arc<Terms>) -> Result<(), Error> {
        let state = State::of_mut(self)?;
        let Some(cache) = state.context.as_ref().and_then(|context| context.client_sessions.clone()) else {
            return Ok(());
        };
        let Some(key) = terms.key(&state.resumption_label()) else { return Ok(()) };
        match cache.take(&key, terms) {
            Some(session) if record::lasts(&session, self) => self.put_session(Some(&session)),
            _ => Ok(()),
        }
    }

    /// Sets a session that is the object's own, or none.
    pub(super) fn put_session(&mut self, session: Option<&SslSession>) -> Result<(), Error> {
        let pointer = session.map_or(std::ptr::null_mut(), SslSession::as_ptr);
        let method = self.ssl_method();
        // SAFETY: the object is live and borrowed for writing; the session is NULL or live.
        unsafe { set_session(self.as_ptr(), pointer, method) }?;
        crate::error::clear();
        Ok(())
    }

    /// A copy of the object's session, with the terms that it was made by. Before the handshake is `finished` it has none:
    /// nothing was verified yet.
    ///
    /// # Safety
    ///
    /// `session` is live, and the object's.
    pub(crate) unsafe fn copy_session(
        &self,
        session: *const sys::SSL_SESSION,
        finished: bool,
    ) -> Result<SslSession, Error> {
        // SAFETY: live by this function's contract.
        let copy = unsafe { crate::session::dup(session) }?;
        // What was resumed has the terms that it was made by, if any. After an abbreviated renegotiation, and on an object that
        // was cleared, it may be that of the handshake before.
        if self.session_reused() || self.in_before() {
            // SAFETY: the object and the copy are live, and nobody else has the copy.
            unsafe {
                let used = State::of(self.as_ptr()).is_some_and(State::is_used);
                let again = ext::SSL_total_renegotiations(self.as_ptr()) > 0 || (self.in_before() && used);
                if again && matches!(record::of(copy.as_ptr()), Origin::Unknown) {
                    record::note(copy.as_ptr(), Origin::Unverified)?;
                }
            }
            return Ok(copy);
        }
        let origin = match self.session_terms() {
            None => Origin::Unknown,
            Some(Some(noted)) if finished && noted.are_same(&Terms::of(self)) => Origin::Verified(noted),
            Some(_) => Origin::Unverified,
        };
        // SAFETY: the copy is live, and nobody else has it.
        unsafe { record::note(copy.as_ptr(), origin) }?;
        Ok(copy)
    }

    /// By which terms the last handshake of a client verified, if that is known: what a renegotiation verified is not noted.
    /// `None` where C made it.
    pub(crate) fn session_terms(&self) -> Option<Option<Arc<Terms>>> {
        // SAFETY: the object is live, and the call only reads it.
        let (state, again) =
            unsafe { (State::of(self.as_ptr()), ext::SSL_total_renegotiations(self.as_ptr()) > 0) };
        let state = state?;
        if again && state.has_begun_session() {
            return Some(None);
        }
        state.session_terms(|| self.place(), || self.last_handshake())
    }

    /// After a call that may have ended the handshake.
    pub(super) fn end_session(&self) {
        // SAFETY: the object is live, and the call only reads it.
        let Some(state) = (unsafe { State::of(self.as_ptr()) }).filter(|state| state.is_session_open())
        else {
            return;
        };
        // SAFETY: as above.
        if unsafe { sys::SSL_is_init_finished(self.as_ptr()) } == 1 {
            state.end_session(|| self.last_handshake());
        }
    }

    /// Takes the session of a handshake that failed out of the cache: perhaps it is to blame.
    #[cold]
    pub(super) fn forget_offered(&self) {
        // SAFETY: the object is live, and lends its session (get0), or NULL.
        let (state, session) = unsafe { (State::of(self.as_ptr()), ext::SSL_get_session(self.as_ptr())) };
        let cache = state.and_then(|state| state.context.as_ref()?.client_sessions.as_ref());
        if let (Some(cache), false) = (cache, session.is_null()) {
            // SAFETY: live, for the call.
            cache.forget(unsafe { SslSessionRef::from_ptr(session) }.id());
        }
    }
}
