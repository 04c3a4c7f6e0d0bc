//! What a context that demands a verified name promises, whichever way its objects come to shake hands.

use std::ffi::CStr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::call::Phase;
use super::state::State;
use super::{Role, SslRef};
use crate::error::{self, Error, ErrorKind, SslError, VerifyError};
use crate::ffi::compat;

/// What was to be verified when a handshake began: the names and a mail address, or nothing at all.
pub(super) type Pledge = Option<Vec<String>>;

impl SslRef {
    /// Whether the call must pass [`admit`](Self::admit) and [`vouch`](Self::vouch): not once a handshake was vouched for,
    /// unless the protocol has renegotiations.
    #[inline]
    pub(super) fn is_guarded(&self, state: &State, phase: Phase) -> bool {
        let demands = state.demands_name();
        // SAFETY: the object is live, and the call only reads it. C may have cleared the object.
        demands
            && !(phase == Phase::Data
                && state.is_vouched()
                && state.renegotiations().is_none()
                && unsafe { ext::SSL_in_before(self.as_ptr()) } == 0)
    }

    /// Refuses to shake hands without a name to verify, before a byte goes out, and to shake hands on the way of a read
    /// or a write, whose data would be out before the peer is known.
    #[cold]
    pub(super) fn admit(&mut self, call: &'static str, phase: Phase) -> Result<(), SslError> {
        let again = phase == Phase::Data && State::of_mut(self).map_err(SslError::refused)?.is_vouched();
        if again && !self.progress().1 {
            return self.admit_again(call);
        }
        self.admit_first(call, phase).map_err(SslError::refused)
    }

    /// As [`admit`](Self::admit), after a handshake that was vouched for.
    fn admit_again(&mut self, call: &'static str) -> Result<(), SslError> {
        // SAFETY: the object is live, and the call only reads it.
        let due = self.progress().0 || unsafe { ext::SSL_renegotiate_pending(self.as_ptr()) } == 1;
        let reads = ["read", "peek", "gets"].iter().any(|name| call.contains(name));
        if due && !reads {
            // C would send data in the same call that ends the renegotiation.
            self.do_handshake()?;
        }
        self.vouch(call).map_err(SslError::refused)
    }

    fn admit_first(&mut self, call: &'static str, phase: Phase) -> Result<(), Error> {
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
        let (names, expected) = (self.expected_names(), self.expected());
        let (verifies, hides) = (self.verifies_peer(), self.hides_expected());
        let state = State::of_mut(self)?;
        if in_init && verifies && names.is_empty() && !state.accepts_any_name() {
            return Err(Error::new(ErrorKind::NoServerName, call));
        }
        let pledge = verifies.then_some(expected);
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

    /// As [`vouch`](Self::vouch), of a handshake that C made.
    pub(crate) fn vouch_for_c(&mut self, call: &'static str) -> Result<(), Error> {
        State::of_mut(self)?;
        // SAFETY: the object is live, and so is its state.
        let state = unsafe { State::of(self.as_ptr()) };
        if state.is_some_and(|state| self.is_guarded(state, Phase::Handshake)) {
            self.vouch(call)
        } else {
            Ok(())
        }
    }

    /// Whether what C verified, by settings that nobody here saw, is what is to be verified now.
    fn judge_for_c(&self, call: &'static str, names: &[String]) -> Option<Error> {
        // SAFETY: the object is live.
        let callbacks = unsafe { State::of(self.as_ptr()) }.and_then(|state| state.context.as_ref());
        if callbacks.is_some_and(|callbacks| callbacks.may_overrule()) {
            return None;
        }
        let refuse = |error| Some(Error::new(ErrorKind::Verification(error), call));
        let Some(certificate) = self.peer_certificate() else { return refuse(VerifyError::UNSPECIFIED) };
        let result = self.verify_result();
        if !result.is_ok() {
            return refuse(result);
        }
        let param = self.verify_param();
        let flags = param.host_flags().bits();
        let hosts = param.hosts();
        // SAFETY: the certificate is live, and its caches are filled under its lock; C reads so many bytes of the name.
        let bears = |host: &CStr| unsafe {
            let len = host.to_bytes().len();
            sys::X509_check_host(certificate.as_ptr(), host.as_ptr(), len, flags, std::ptr::null_mut()) == 1
        };
        let is_host = hosts.is_empty() || hosts.iter().any(|host| bears(host));
        let is_there = param.ip().is_none_or(|address| certificate.check_ip(address).unwrap_or(false));
        error::clear();
        let error = match (is_host, is_there) {
            (true, true) => return None,
            (false, _) => VerifyError::HOSTNAME_MISMATCH,
            (true, false) => VerifyError::IP_ADDRESS_MISMATCH,
        };
        let detail = format!("C did not verify the name {}", names.join(", "));
        refuse(error).map(|refusal| refusal.with_detail(detail))
    }

    /// Makes sure, after a handshake, that it verified what it was to verify. If not, the object is dead.
    #[cold]
    pub(super) fn vouch(&mut self, call: &'static str) -> Result<(), Error> {
        // SAFETY: the object is live, and the call only reads it. Once hands are shaken, C knows the role.
        let server = unsafe { ext::SSL_is_server(self.as_ptr()) } == 1;
        if server || self.progress().0 {
            return Ok(());
        }
        let renegotiations = self.renegotiations();
        let state = State::of_mut(self)?;
        let again = state.is_vouched();
        if again && state.renegotiations().is_none_or(|seen| Some(seen) == renegotiations) {
            return Ok(());
        }
        let (names, expected) = (self.expected_names(), self.expected());
        let (verifies, anonymous) = (self.verifies_peer(), self.is_anonymous());
        let hides = self.hides_expected();
        let state = State::of_mut(self)?;
        // A renegotiated peer is to be verified as the first one was, or, where that was not at all, by what C found.
        let pledge = if again { state.pledge().flatten().map(Some) } else { state.pledge() };
        let seen = if again { pledge.is_some() } else { state.saw_beginning() };
        let of_c = if seen || !verifies { None } else { self.judge_for_c(call, &names) };
        let state = State::of_mut(self)?;
        let refusal = if !verifies && again && seen {
            return Err(changed(state, call));
        } else if !verifies {
            None
        } else if anonymous {
            let kind = ErrorKind::Verification(VerifyError::UNSPECIFIED);
            Some(Error::new(kind, call).with_detail("the cipher has no certificate"))
        } else if names.is_empty() && !state.accepts_any_name() {
            Some(Error::new(ErrorKind::NoServerName, call))
        } else if pledge
            .is_some_and(|pledge| pledge.as_ref() != Some(&expected) || (hides && state.is_lent()))
        {
            return Err(changed(state, call));
        } else {
            of_c
        };
        match refusal {
            None => {
                state.set_vouched(verifies.then_some(expected), renegotiations);
                Ok(())
            }
            Some(refusal) => {
                state.poison(Some(refusal.retell()));
                Err(refusal)
            }
        }
    }

    /// How many renegotiations there were, if the protocol has them.
    fn renegotiations(&self) -> Option<u32> {
        // SAFETY: the object is live, and the calls only read it.
        unsafe {
            let has = sys::SSL_version(self.as_ptr()) != sys::TLS1_3_VERSION;
            has.then(|| u32::try_from(ext::SSL_total_renegotiations(self.as_ptr())).unwrap_or_default())
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

    /// Whether there may be more addresses than C tells: from 4.0 on it has several, of hosts and of mailboxes, and tells
    /// the first.
    fn hides_expected(&self) -> bool {
        let param = self.verify_param();
        compat::running_version() >= 0x4000_0000 && (param.ip().is_some() || param.email().is_some())
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
    let refusal = Error::new(ErrorKind::NotReady, call)
        .with_detail("what to verify was changed since the handshake began");
    state.poison(Some(refusal.retell()));
    refusal
}
