//! What a context that demands a verified name promises, whichever way its objects come to shake hands.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::call::Phase;
use super::state::State;
use super::{Role, SslRef};
use crate::error::{Error, ErrorKind, VerifyError};
use crate::ffi::compat;

/// What was to be verified when a handshake began: the names, or nothing at all.
pub(super) type Pledge = Option<Vec<String>>;

impl SslRef {
    /// Whether the call must pass [`admit`](Self::admit) and [`vouch`](Self::vouch): not once a handshake was vouched for.
    #[inline]
    pub(super) fn is_guarded(&self, state: &State, phase: Phase) -> bool {
        let demands = state.demands_name();
        // SAFETY: the object is live, and the call only reads it. C may have cleared the object.
        demands
            && !(phase == Phase::Data
                && state.is_vouched()
                && unsafe { ext::SSL_in_before(self.as_ptr()) } == 0)
    }

    /// Refuses to shake hands without a name to verify, before a byte goes out, and to shake hands on the way of a read
    /// or a write, whose data would be out before the peer is known.
    #[cold]
    pub(super) fn admit(&mut self, call: &'static str, phase: Phase) -> Result<(), Error> {
        let server = match self.chosen_role() {
            Some(role) => role == Role::Server,
            None => call == "SSL_accept",
        };
        if server || phase == Phase::Shutdown {
            return Ok(());
        }
        let (in_init, in_before) = self.progress();
        if phase == Phase::Data {
            if in_init && self.verifies_peer() {
                let detail = "the context demands a verified name: shake hands first";
                return Err(Error::new(ErrorKind::NotReady, call).with_detail(detail));
            }
            return if in_init { Ok(()) } else { self.vouch(call) };
        }
        let names = self.expected_names();
        let (verifies, hides) = (self.verifies_peer(), self.hides_addresses());
        let state = State::of_mut(self)?;
        if in_init && verifies && names.is_empty() && !state.accepts_any_name() {
            return Err(Error::new(ErrorKind::NoServerName, call));
        }
        let pledge = verifies.then_some(names);
        if in_before {
            // The session of a handshake before was verified against other names, perhaps, or not at all.
            let used = state.begin(pledge);
            // SAFETY: the object is live and borrowed for writing.
            if used && unsafe { sys::SSL_set_session(self.as_ptr(), std::ptr::null_mut()) } != 1 {
                return Err(Error::from_queue("SSL_set_session"));
            }
            return Ok(());
        }
        if in_init && !state.is_vouched() {
            let began = state.pledge_once(&pledge);
            if began != pledge || (verifies && hides && state.is_lent()) {
                return Err(changed(state, call));
            }
        }
        Ok(())
    }

    /// Makes sure, after a handshake, that it verified what it was to verify. If not, the object is dead.
    #[cold]
    pub(super) fn vouch(&mut self, call: &'static str) -> Result<(), Error> {
        // SAFETY: the object is live, and the call only reads it. Once hands are shaken, C knows the role.
        let server = unsafe { ext::SSL_is_server(self.as_ptr()) } == 1;
        if server || self.progress().0 {
            return Ok(());
        }
        let names = self.expected_names();
        let (verifies, anonymous) = (self.verifies_peer(), self.is_anonymous());
        let hides = self.hides_addresses();
        let state = State::of_mut(self)?;
        if state.is_vouched() {
            return Ok(());
        }
        let pledge = state.pledge();
        let refusal = if !verifies {
            None
        } else if anonymous {
            let kind = ErrorKind::Verification(VerifyError::UNSPECIFIED);
            Some(Error::new(kind, call).with_detail("the cipher has no certificate"))
        } else if names.is_empty() && !state.accepts_any_name() {
            Some(Error::new(ErrorKind::NoServerName, call))
        } else if pledge.is_some_and(|pledge| pledge.as_ref() != Some(&names) || (hides && state.is_lent())) {
            return Err(changed(state, call));
        } else {
            None
        };
        match refusal {
            None => {
                state.set_vouched();
                Ok(())
            }
            Some(refusal) => {
                state.poison(Some(refusal.retell()));
                Err(refusal)
            }
        }
    }

    /// Whether a name or an address was set that the peer's certificate must bear.
    pub fn verifies_name(&self) -> bool {
        !self.expected_names().is_empty()
    }

    /// Whether a handshake needs a name to verify.
    pub(crate) fn demands_name(&mut self) -> bool {
        // Whoever has no state yet gets it with the context's demands.
        State::of_mut(self).map_or(true, State::demands_name)
    }

    /// Whether there may be more addresses than C tells: from 4.0 on it has several, and tells the first.
    fn hides_addresses(&self) -> bool {
        compat::running_version() >= 0x4000_0000 && self.verify_param().ip().is_some()
    }

    fn verifies_peer(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_verify_mode(self.as_ptr()) & sys::SSL_VERIFY_PEER != 0 }
    }

    /// Whether the object is in a handshake or before it, and whether it is before it.
    fn progress(&self) -> (bool, bool) {
        // SAFETY: the object is live, and the calls only read it.
        unsafe { (ext::SSL_in_init(self.as_ptr()) == 1, ext::SSL_in_before(self.as_ptr()) == 1) }
    }

    /// Whether the cipher is one without any authentication, which no verify mode asks about.
    fn is_anonymous(&self) -> bool {
        // SAFETY: the object is live; the cipher is NULL or one of the library's constants.
        unsafe {
            let cipher = sys::SSL_get_current_cipher(self.as_ptr());
            !cipher.is_null() && ext::SSL_CIPHER_get_auth_nid(cipher) == ext::NID_auth_null
        }
    }
}

/// The end of an object whose name to verify is no longer the one that its handshake began with.
fn changed(state: &State, call: &'static str) -> Error {
    let refusal =
        Error::new(ErrorKind::NotReady, call).with_detail("what to verify was changed during the handshake");
    state.poison(Some(refusal.retell()));
    refusal
}
