//! Which session a client's handshake may offer, and what is remembered of the one that it makes.

use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::object::set_session;
use super::state::State;
use super::{Role, SslRef};
use crate::error::Error;
use crate::session::record::{self, Terms};
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
    pub(super) fn prepare_session(&mut self, call: &'static str) -> Result<(), Error> {
        let server = match self.chosen_role() {
            Some(role) => role == Role::Server,
            None => matches!(call, "SSL_accept" | "SSL_read_early_data"),
        };
        let verifies = !server && self.verify_mode().contains(crate::context::SslVerifyMode::PEER);
        let terms = verifies.then(|| Arc::new(Terms::of(self)));
        let state = State::of_mut(self)?;
        let chosen = state.begin_session(terms.clone());
        let Some(terms) = terms else { return Ok(()) };
        // SAFETY: the object is live, and lends its session (get0), or NULL.
        let session = unsafe { ext::SSL_get_session(self.as_ptr()) };
        if session.is_null() {
            return self.offer_kept(&terms);
        }
        if chosen != Chosen::Checked {
            return Ok(());
        }
        // SAFETY: live, and a copy that nobody else has.
        let fits = unsafe { record::of(session) }.is_none_or(|made| {
            // SAFETY: as above, for the call.
            made.are_same(&terms) && record::lasts(unsafe { SslSessionRef::from_ptr(session) }, self)
        });
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
        // SAFETY: the object is live.
        let noted = unsafe { State::of(self.as_ptr()) }.and_then(State::session_terms);
        // What was resumed has the terms that it was made by, if any.
        if self.session_reused() || self.in_before() {
            return Ok(copy);
        }
        // SAFETY: the copy is live, and nobody else has it.
        unsafe {
            match noted.filter(|noted| finished && noted.are_same(&Terms::of(self))) {
                Some(terms) => record::note(copy.as_ptr(), terms)?,
                None => record::forget(copy.as_ptr())?,
            }
        }
        Ok(copy)
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
