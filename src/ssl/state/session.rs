//! Which session an object is to offer, and what is known of the one that it makes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use openssl_sys as sys;

use super::flags::Flag;
use super::{State, lock};
use crate::session::record::Terms;
use crate::ssl::guard::{Place, Vouched};
use crate::ssl::resumption::Chosen;

/// A client's handshake that this crate saw the beginning of.
pub(super) struct Began {
    /// By what it verifies, if it does.
    terms: Option<Arc<Terms>>,
    /// The peer's Finished, once it was seen to end.
    finished: Option<Vouched>,
}

impl State {
    /// Remembers how the session that is to be offered came here.
    pub(in crate::ssl) fn choose_session(&self, chosen: Chosen) {
        self.chosen.store(chosen as u8, Ordering::Relaxed);
    }

    /// How the session came here that is to be offered in the handshake that comes.
    pub(in crate::ssl) fn chosen_session(&self) -> Chosen {
        match self.chosen.load(Ordering::Relaxed) {
            1 => Chosen::Checked,
            2 => Chosen::Unchecked,
            _ => Chosen::No,
        }
    }

    /// A handshake begins; a client's verifies by these terms, or nobody. How the session came here that it offers; the next
    /// handshake is not to take it for chosen.
    pub(in crate::ssl) fn begin_session(&self, client: bool, terms: Option<Arc<Terms>>) -> Chosen {
        let began = client.then_some(Began { terms, finished: None });
        let earlier = {
            let mut kept = lock(&self.began);
            self.flags.put(Flag::SESSION_OPEN, client);
            std::mem::replace(&mut *kept, began)
        };
        drop(earlier);
        self.flags.put(Flag::SESSION_THEIRS, false);
        let chosen = self.chosen_session();
        self.choose_session(Chosen::No);
        chosen
    }

    /// Whether the session that the handshake offered is one of which nobody here knows what it was verified by.
    pub(in crate::ssl) fn is_session_theirs(&self) -> bool {
        self.flags.has(Flag::SESSION_THEIRS)
    }

    pub(in crate::ssl) fn set_session_theirs(&self) {
        self.flags.put(Flag::SESSION_THEIRS, true);
    }

    /// C has a part in what is under way.
    pub(super) fn give_up_session(&self) {
        let under_way = {
            let mut kept = lock(&self.began);
            self.flags.put(Flag::SESSION_OPEN, false);
            kept.take_if(|began| began.finished.is_none())
        };
        drop(under_way);
    }

    /// The object starts anew.
    pub(super) fn forget_session(&self) {
        let began = {
            let mut kept = lock(&self.began);
            self.flags.put(Flag::SESSION_OPEN, false);
            kept.take()
        };
        drop(began);
    }

    /// Whether a client's handshake began here, whatever came after it.
    pub(in crate::ssl) fn has_begun_session(&self) -> bool {
        lock(&self.began).is_some()
    }

    /// The handshake has ended that began here, if it was under way: by what it is known again later.
    pub(in crate::ssl) fn end_session(&self, finished: impl FnOnce() -> Vouched) {
        if let Some(began) = lock(&self.began).as_mut().filter(|began| began.finished.is_none()) {
            began.finished = Some(finished());
            self.flags.put(Flag::SESSION_OPEN, false);
        }
    }

    /// By which terms the client's handshake verified, if any, that has this Finished of the peer's, or is under way. `None`
    /// if it did not begin here.
    pub(in crate::ssl) fn session_terms(
        &self,
        place: impl FnOnce() -> Place,
        finished: impl FnOnce() -> Vouched,
    ) -> Option<Option<Arc<Terms>>> {
        let began = lock(&self.began);
        let began = began.as_ref()?;
        let is_last = match &began.finished {
            // Under way, as far as this crate knows: unless C went on with it.
            None => self.is_at(place),
            Some(seen) => *seen == finished(),
        };
        is_last.then(|| began.terms.clone())
    }

    /// Whether a client's handshake began here, and was not seen to end.
    pub(in crate::ssl) fn is_session_open(&self) -> bool {
        self.flags.has(Flag::SESSION_OPEN)
    }

    /// C may have gone on with a handshake that began here: then nobody knows by what it verifies.
    pub(in crate::ssl) fn recheck_session(&self, place: impl FnOnce() -> Place) {
        if self.is_session_open() && !self.is_at(place) {
            self.give_up_session();
        }
    }

    /// Notes the session that was in a ticket.
    pub(crate) fn set_opened(&self, session: *const sys::SSL_SESSION) {
        self.opened.store(session as usize, Ordering::Relaxed);
    }

    /// Whether that session came out of a ticket, so that no other connection has it.
    pub(crate) fn has_opened(&self, session: *const sys::SSL_SESSION) -> bool {
        self.opened.load(Ordering::Relaxed) == session as usize
    }

    pub(crate) fn resumption_label(&self) -> String {
        lock(&self.resumption_label).clone()
    }

    pub(in crate::ssl) fn set_resumption_label(&self, label: &str) {
        label.clone_into(&mut lock(&self.resumption_label));
    }
}
