//! What a context that demands a verified name promises, whichever way its objects come to shake hands.

use std::ffi::CStr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::phase::Phase;
use super::resumption::Chosen;
use super::state::State;
use super::{Role, SslRef};
use crate::error::{self, Error, ErrorKind, SslError, VerifyError};
use crate::ffi::compat;

/// What was to be verified when a handshake began: the names and a mail address, or nothing at all.
pub(super) type Pledge = Option<Vec<String>>;

/// Where a handshake is: the client's random bytes, the state, whether the peer's certificate was accepted, which does not
/// move the state, and how many bytes went through the BIO that is read.
#[derive(PartialEq, Eq)]
pub(super) struct Place {
    random: [u8; 32],
    state: ext::OSSL_HANDSHAKE_STATE,
    knows_peer: bool,
    read: u64,
}

/// What tells a handshake that was vouched for from another one: the peer's Finished, with zeros behind it.
pub(super) type Vouched = [u8; FINISHED];

/// OpenSSL's EVP_MAX_MD_SIZE.
const FINISHED: usize = 64;

impl SslRef {
    /// Whether the call must pass [`admit`](Self::admit) and [`vouch`](Self::vouch): not once a handshake was vouched for,
    /// unless the protocol has renegotiations.
    #[inline]
    pub(super) fn is_guarded(&self, state: &State, phase: Phase) -> bool {
        let demands = state.demands_name();
        // SAFETY: the object is live, and the call only reads it. C may have cleared the object.
        demands
            && !(phase.moves_data()
                && state.is_still_vouched()
                && state.renegotiations().is_none()
                && unsafe { ext::SSL_in_before(self.as_ptr()) } == 0)
    }

    /// Refuses to shake hands without a name to verify, before a byte goes out, and to shake hands on the way of a read
    /// or a write, whose data would be out before the peer is known.
    #[cold]
    pub(super) fn admit(&mut self, call: &'static str, phase: Phase) -> Result<(), SslError> {
        self.recheck().map_err(SslError::refused)?;
        let again = phase.moves_data() && State::of_mut(self).map_err(SslError::refused)?.is_vouched();
        if again && !self.progress().1 {
            return self.admit_again(call, phase);
        }
        self.admit_first(call, phase).map_err(SslError::refused)
    }

    /// As [`admit`](Self::admit), after a handshake that was vouched for. A read may go on with a renegotiation: what comes of
    /// it is judged before the bytes are handed out.
    fn admit_again(&mut self, call: &'static str, phase: Phase) -> Result<(), SslError> {
        // SAFETY: the object is live, and the call only reads it.
        let due = self.progress().0 || unsafe { ext::SSL_renegotiate_pending(self.as_ptr()) } == 1;
        if due && phase.sends() && self.renegotiations().is_some() {
            // C would send data in the same call that ends the renegotiation.
            self.do_handshake()?;
        }
        self.vouch_now(call).map_err(SslError::refused)
    }

    fn admit_first(&mut self, call: &'static str, phase: Phase) -> Result<(), Error> {
        let server = self.role_of(phase) == Some(Role::Server);
        // C may have made a client of it since.
        // SAFETY: the object is live, and the call only reads it.
        let server = server && unsafe { ext::SSL_is_server(self.as_ptr()) } == 1;
        if server || phase == Phase::Shutdown {
            return Ok(());
        }
        let (in_init, in_before) = self.progress();
        if phase.moves_data() {
            if in_init && self.verifies_peer() {
                let detail = "the context demands a verified name: shake hands first";
                return Err(Error::new(ErrorKind::NotReady, call).with_detail(detail));
            }
            return if in_init { Ok(()) } else { self.vouch(call) };
        }
        let verifies = self.verifies_peer();
        if in_init && !in_before && self.still_expects(verifies) {
            return Ok(());
        }
        let (expected, has_name) = self.expected_and_named();
        let hides = self.hides_expected();
        let state = State::of_mut(self)?;
        if in_init && verifies && !has_name && !state.accepts_any_name() {
            return Err(Error::new(ErrorKind::NoServerName, call));
        }
        let pledge = verifies.then_some(expected);
        if in_before {
            // The session of a handshake before was verified against other names, perhaps, or not at all; one that was chosen
            // since is looked at later.
            let used = state.begin(pledge) && state.chosen_session() == Chosen::No;
            // SAFETY: the object is live and borrowed for writing.
            if used && unsafe { sys::SSL_set_session(self.as_ptr(), std::ptr::null_mut()) } != 1 {
                return Err(Error::from_queue("SSL_set_session"));
            }
            return Ok(());
        }
        if in_init && !state.is_vouched() {
            let began = state.pledge_once(&pledge);
            if began != pledge || (verifies && hides && state.is_lent()) {
                return Err(end(state, changed(call)));
            }
        }
        Ok(())
    }

    /// Whether the handshake that is under way is to verify what it was to verify when it began: the same host names, no address
    /// and no mailbox, and nobody was lent what says so. What C demands besides meanwhile lets nobody in.
    fn still_expects(&self, verifies: bool) -> bool {
        // SAFETY: the object is live, and so is its state.
        let state = unsafe { State::of(self.as_ptr()) }.filter(|state| !state.is_lent());
        state.is_some_and(|state| {
            state.was_pledged(|pledge| match pledge {
                None => !verifies,
                Some(names) => verifies && self.verify_param().are_hosts(names),
            })
        })
    }

    /// As [`vouch`](Self::vouch), after a call that may have been one of several, and others C's.
    #[cold]
    pub(super) fn vouch_now(&mut self, call: &'static str) -> Result<(), Error> {
        if State::of_mut(self)?.is_vouched() {
            // Only this crate's call came since it was looked at, but that may have ended what C began.
            self.recheck()?;
        }
        self.vouch(call)
    }

    /// As [`vouch`](Self::vouch), of a handshake that C made.
    pub(crate) fn vouch_for_c(&mut self, call: &'static str) -> Result<(), Error> {
        self.recheck()?;
        // SAFETY: the object is live, and so is its state.
        let state = unsafe { State::of(self.as_ptr()) };
        if state.is_some_and(|state| self.is_guarded(state, Phase::Handshake(None))) {
            self.vouch(call)
        } else {
            Ok(())
        }
    }

    /// Sees to what C may have done to an object that was vouched for.
    fn recheck(&mut self) -> Result<(), Error> {
        State::of_mut(self)?;
        // SAFETY: the object is live, and so is its state.
        if let Some(state) = unsafe { State::of(self.as_ptr()) } {
            // SAFETY: the object is live, and the call only reads it.
            let again = unsafe { ext::SSL_renegotiate_pending(self.as_ptr()) } == 1;
            state.recheck((self.progress().0, again), || self.place(), || self.last_handshake());
        }
        Ok(())
    }

    /// Where a handshake of this crate's is suspended: it is the same one, and C has not gone on with it, as long as this is
    /// the same.
    pub(super) fn place(&self) -> Place {
        let (ssl, mut random) = (self.as_ptr(), [0; 32]);
        // SAFETY: the object is live; C writes so many bytes at most. Its BIO is NULL or live (get0).
        unsafe {
            sys::SSL_get_client_random(ssl, random.as_mut_ptr(), random.len());
            let (rbio, state) = (sys::SSL_get_rbio(ssl), ext::SSL_get_state(ssl));
            let read = if rbio.is_null() { 0 } else { ext::BIO_number_read(rbio) };
            Place { random, state, knows_peer: self.peer_certificate().is_some(), read }
        }
    }

    pub(super) fn last_handshake(&self) -> Vouched {
        let mut finished = [0; FINISHED];
        // SAFETY: the object is live; C writes so many bytes at most.
        unsafe { sys::SSL_get_peer_finished(self.as_ptr(), finished.as_mut_ptr().cast(), FINISHED) };
        finished
    }

    /// Why what C verified, or what was verified when the session was made, by settings that nobody here saw, is not what
    /// is to be verified now.
    fn judge(&self, call: &'static str, expected: &[String]) -> Option<Error> {
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
        let flags = param.host_flags();
        let hosts = param.hosts();
        let bears = |host| certificate.check_host_with(call, host, flags).is_ok_and(|name| name.is_some());
        let is_host = hosts.is_empty() || hosts.iter().any(|host| bears(host));
        let is_there = param.ip().is_none_or(|address| certificate.check_ip(address).unwrap_or(false));
        let is_read = |address: &CStr| certificate.check_email(&address.to_string_lossy()).unwrap_or(false);
        let is_read = param.email().is_none_or(is_read);
        error::clear();
        let error = match (is_host, is_there, is_read) {
            (true, true, true) => return None,
            (false, ..) => VerifyError::HOSTNAME_MISMATCH,
            (true, false, _) => VerifyError::IP_ADDRESS_MISMATCH,
            _ => VerifyError::EMAIL_MISMATCH,
        };
        let detail = format!("the certificate was not verified for {}", expected.join(", "));
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
        let (renegotiations, reused) = (self.renegotiations(), self.session_reused());
        let state = State::of_mut(self)?;
        let again = state.is_vouched();
        if again && state.renegotiations().is_none_or(|seen| Some(seen) == renegotiations) {
            return Ok(());
        }
        // A renegotiated peer is to be verified as the first one was, or, where that was not at all, by what C found.
        let pledge = if again { state.pledge().flatten().map(Some) } else { state.pledge() };
        let seen = if again { pledge.is_some() } else { state.saw_beginning() };
        // Whom a session of C's stands for, was verified elsewhere.
        let seen = seen && !(reused && state.is_session_theirs());
        let (any_name, lent) = (state.accepts_any_name(), state.is_lent());
        let (expected, has_name) = self.expected_and_named();
        let verifies = self.verifies_peer();
        let differs = |pledge: Pledge| pledge.as_ref() != Some(&expected) || (lent && self.hides_expected());
        let refusal = if !verifies && again && seen {
            Some(changed(call))
        } else if !verifies {
            None
        } else if self.is_anonymous() {
            let kind = ErrorKind::Verification(VerifyError::UNSPECIFIED);
            Some(Error::new(kind, call).with_detail("the cipher has no certificate"))
        } else if !has_name && !any_name {
            Some(Error::new(ErrorKind::NoServerName, call))
        } else if pledge.is_some_and(differs) {
            Some(changed(call))
        } else if seen {
            None
        } else {
            self.judge(call, &expected)
        };
        let last = self.last_handshake();
        let state = State::of_mut(self)?;
        match refusal {
            None => {
                state.set_vouched(last, verifies.then_some(expected), renegotiations);
                Ok(())
            }
            Some(refusal) => Err(end(state, refusal)),
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

    /// Whether the object is in a handshake or before it, and whether it is before it. A client that sends early data is in
    /// its handshake, though C does not call that `in_init`.
    fn progress(&self) -> (bool, bool) {
        // SAFETY: the object is live, and the calls only read it.
        unsafe { (sys::SSL_is_init_finished(self.as_ptr()) == 0, ext::SSL_in_before(self.as_ptr()) == 1) }
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

/// What to verify is no longer what it was when the handshake began.
pub(super) fn changed(call: &'static str) -> Error {
    Error::new(ErrorKind::NotReady, call).with_detail("what to verify was changed since the handshake began")
}

/// The end of an object whose peer is not, or may not be, the one that was to be verified.
pub(super) fn end(state: &State, refusal: Error) -> Error {
    state.poison(Some(refusal.retell()));
    refusal
}
