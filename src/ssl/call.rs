//! The one way into C for everything that does I/O: before the call, the call, and what it left behind.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::io::ENABLE_KTLS;
use super::ktls::is_of_the_file;
use super::phase::Phase;
use super::state::State;
use super::{SslRef, StatusType};
use crate::bio;
use crate::error::{
    self, Alert, Error, ErrorCode, ErrorKind, ErrorStack, OcspRefusal, Reason, SslError, VerifyError,
    VerifyFailure, Want,
};
use crate::ffi::{errno, panics, strings};

/// What C answered, taken on the spot, before anything can change `errno` or the queue.
struct Outcome {
    ret: c_int,
    code: c_int,
    errno: c_int,
}

impl SslRef {
    /// Makes an I/O call. `Ok` is what a positive return value (for SSL_shutdown, also 0) was.
    #[inline]
    pub(super) fn call(
        &mut self,
        name: &'static str,
        phase: Phase,
        call: impl FnOnce(*mut sys::SSL) -> c_int,
    ) -> Result<c_int, SslError> {
        if phase.is_plain() && self.is_settled() {
            return self.call_settled(name, phase, call);
        }
        if phase.writes() {
            self.keep_write_buffer();
        }
        // SAFETY: the object is live and has both BIOs, without which 3.x would read NULL here. They are nobody else's.
        self.call_judged(name, phase, call, |ssl, ret| unsafe { judge(ssl, ret) })
    }

    /// As [`call`](Self::call), of an object that [is settled](Self::is_settled).
    #[inline]
    pub(super) fn call_settled(
        &mut self,
        name: &'static str,
        phase: Phase,
        call: impl FnOnce(*mut sys::SSL) -> c_int,
    ) -> Result<c_int, SslError> {
        // SAFETY: the object is live and has both BIOs, which are nobody else's.
        let outcome = self.enter(phase, call, |ssl, ret| unsafe { judge(ssl, ret) });
        if outcome.ret > 0 {
            // What a call that succeeds may leave in the queue, the next one clears away.
            return Ok(outcome.ret);
        }
        let waits = phase == Phase::Data && outcome.code == sys::SSL_ERROR_WANT_READ;
        if waits && error::is_known_empty(outcome.code) {
            return Err(SslError::new(ErrorCode::Want(Want::Read), outcome.ret, outcome.errno, None));
        }
        Err(self.failure(name, phase, &outcome))
    }

    /// Whether a call that moves data needs nothing looked after, before it or after it, but the queue: the handshake is over,
    /// was vouched for if need be, and cannot come again; C has no part in the object; no write is suspended.
    #[inline]
    pub(super) fn is_settled(&self) -> bool {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the calls only read it, and its BIOs (get0).
        unsafe {
            let Some(state) = State::of(ssl) else { return false };
            if !state.is_settled()
                || ext::SSL_in_before(ssl) != 0
                || ext::SSL_get_options(ssl) & ENABLE_KTLS != 0
            {
                return false;
            }
            if state.judges_apart() && ext::SSL_is_server(ssl) == 1 {
                return false;
            }
            let [rbio, wbio] = bios(ssl);
            !rbio.is_null() && rbio == wbio && bio::carries_at_once(rbio)
        }
    }

    /// As [`call`](Self::call), for a call that reaches the object through something else: `judge` says what
    /// SSL_get_error would say of a return value that is no success.
    #[inline]
    pub(crate) fn call_judged(
        &mut self,
        name: &'static str,
        phase: Phase,
        call: impl FnOnce(*mut sys::SSL) -> c_int,
        judge: impl FnOnce(*mut sys::SSL, c_int) -> c_int,
    ) -> Result<c_int, SslError> {
        let ssl = self.as_ptr();
        let (guarded, writing, shakes) = self.may_call(name, phase)?;
        let set_moves = |moves| {
            // SAFETY: the object is live.
            if let (true, Some(state)) = (shakes, unsafe { State::of(ssl) }) {
                state.set_moves(moves);
            }
        };
        set_moves(true);
        let outcome = self.enter(phase, call, judge);
        set_moves(false);
        if outcome.ret > phase.first_failure() {
            error::clear();
            if writing && matches!(phase, Phase::Write | Phase::EarlyWrite) {
                // SAFETY: the object is live.
                if let Some(state) = unsafe { State::of(ssl) } {
                    state.set_writing(None);
                }
            }
            if phase.is_handshake() || phase.writes() {
                self.remember_ktls();
            }
            if guarded && phase != Phase::Shutdown {
                self.vouch_now(name).map_err(SslError::refused)?;
            }
            if phase.shakes_hands() {
                // Early data may have gone out, and no more.
                self.note_place(phase);
            }
            self.end_session();
            return Ok(outcome.ret);
        }
        Err(self.failure(name, phase, &outcome))
    }

    /// The call, with an empty queue before it, and what C says of it.
    #[inline]
    fn enter(
        &mut self,
        phase: Phase,
        call: impl FnOnce(*mut sys::SSL) -> c_int,
        judge: impl FnOnce(*mut sys::SSL, c_int) -> c_int,
    ) -> Outcome {
        let ssl = self.as_ptr();
        error::clear();
        errno::set(0);
        panics::enter(
            || {
                let ret = call(ssl);
                let errno = errno::get();
                let code = if ret > phase.first_failure() { 0 } else { judge(ssl, ret) };
                Outcome { ret, code, errno }
            },
            || {
                error::clear();
                // SAFETY: the object is live.
                if let Some(state) = unsafe { State::of(ssl) } {
                    state.set_moves(false);
                    state.poison(None);
                }
            },
        )
    }

    /// What a call that begins a handshake looks after before it reaches C.
    pub(super) fn check_beginning(&mut self, name: &'static str, phase: Phase) -> Result<(), Error> {
        self.may_call(name, phase).map(drop).map_err(|error| error.into_error(name))
    }

    /// Refuses what must not reach C: a dead object, one without BIOs, and a peer without a name where one is demanded,
    /// of which the answer is whether that must be looked after; whether a write was suspended; and whether a client's
    /// handshake is under way.
    #[inline]
    fn may_call(&mut self, name: &'static str, phase: Phase) -> Result<(bool, bool, bool), SslError> {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and keeps its state as long.
        let state = match unsafe { State::of(ssl) } {
            Some(state) => state,
            None => self.new_state()?,
        };
        if state.is_poisoned() {
            // SAFETY: the object is live.
            if unsafe { ext::SSL_in_before(ssl) } == 0 {
                return Err(SslError::refused(state.refuse(name)));
            }
            state.heal();
        }
        if state.reads_early() && phase.moves_data() {
            refuse_early(state, ssl, name).map_err(SslError::refused)?;
        }
        // To serve a client lets an object forget what it is to ask for itself: then nobody would judge.
        if state.context.as_ref().is_some_and(|context| context.judges_staples()) {
            // SAFETY: the object is live and borrowed for writing.
            unsafe {
                if ext::SSL_in_before(ssl) == 1 {
                    ext::SSL_set_tlsext_status_type(ssl, StatusType::OCSP.0);
                }
            }
        }
        let mut writing = state.is_writing();
        // SAFETY: the object is live, and the call only reads it. One that was cleared holds nothing.
        if writing && unsafe { ext::SSL_in_before(ssl) } == 1 {
            state.set_writing(None);
            writing = false;
        }
        if state.judges_apart() {
            self.name_sessions_apart(name, phase).map_err(SslError::refused)?;
        }
        let guarded = self.is_guarded(state, phase);
        // SAFETY: the object is live.
        let [rbio, wbio] = unsafe { bios(ssl) };
        if rbio.is_null() || wbio.is_null() {
            return Err(SslError::refused(Error::new(ErrorKind::NoTransport, name)));
        }
        // A shutdown that sends nothing, as none does in a handshake, asks no BIO.
        // SAFETY: the object is live, and the calls only read it.
        let is_quiet = phase == Phase::Shutdown
            && unsafe { ext::SSL_in_init(ssl) == 1 || ext::SSL_get_quiet_shutdown(ssl) != 0 };
        let asked = if is_quiet { 0 } else { 1 + usize::from(wbio != rbio) };
        let mut connects = false;
        for bio in [rbio, wbio].into_iter().take(asked) {
            // SAFETY: live as long as the object, which is borrowed for writing.
            connects |= !unsafe { bio::may_carry(bio, name) }.map_err(SslError::refused)?;
        }
        state.set_connects(connects);
        if connects {
            return Err(SslError::new(ErrorCode::Want(Want::Connect), -1, 0, None));
        }
        if guarded {
            self.admit(name, phase)?;
        }
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_in_before(ssl) } == 0 {
            state.recheck_session(|| self.place());
        } else if phase != Phase::Shutdown {
            self.prepare_session(phase).map_err(SslError::refused)?;
        }
        Ok((guarded, writing, state.is_session_open()))
    }

    /// The state of an object that C made, at the first call.
    #[cold]
    fn new_state<'a>(&mut self) -> Result<&'a State, SslError> {
        State::of_mut(self).map_err(SslError::refused)?;
        // SAFETY: the object is live, and its caller uses the state no longer than that.
        let state = unsafe { State::of(self.as_ptr()) };
        state.ok_or_else(|| SslError::refused(Error::new(ErrorKind::Unspecified, "SSL_get_ex_data")))
    }

    #[inline]
    fn failure(&mut self, name: &'static str, phase: Phase, outcome: &Outcome) -> SslError {
        let code = ErrorCode::from_raw(outcome.code);
        let suspended = matches!(code, ErrorCode::Want(_));
        if suspended && matches!(phase, Phase::Write | Phase::EarlyWrite) && self.holds_a_write() {
            let last = self.last_handshake();
            if let Ok(state) = State::of_mut(self) {
                state.set_writing(Some(last));
            }
        }
        if suspended {
            self.note_place(phase);
            self.remember_ktls();
        }
        self.end_session();
        let ends = code == ErrorCode::ZeroReturn;
        // SAFETY: the object is live, and the calls only read it.
        let (in_init, again) = unsafe {
            (ext::SSL_in_init(self.as_ptr()) == 1, ext::SSL_renegotiate_pending(self.as_ptr()) == 1)
        };
        let phase = match phase {
            // A read or a write may be in the first handshake too, where a close_notify may be anybody's.
            _ if ends && in_init && !again => Phase::Handshake(None),
            // In a later one it is the peer's.
            Phase::Handshake(_) if ends && again => Phase::Data,
            phase => phase,
        };
        // Once the peer has said good-bye, SSL_get_error says that of what cannot be sent, too.
        let unsent = code == ErrorCode::ZeroReturn
            && phase.only_sends()
            // SAFETY: the object is live, and the call only reads it. In a handshake the good-bye came just now.
            && unsafe { ext::SSL_in_init(self.as_ptr()) } == 0
            && (outcome.errno != 0 || bio::has_transport_error(self));
        let code = if unsent { ErrorCode::Syscall } else { code };
        let is_empty = error::is_known_empty(outcome.code) || error::is_empty();
        if (suspended || (code == ErrorCode::ZeroReturn && !phase.shakes_hands())) && is_empty {
            return SslError::new(code, outcome.ret, outcome.errno, None);
        }
        self.diagnose(name, phase, outcome, code)
    }

    /// Whether libssl holds what the last write gave it: not where a handshake comes first, or a filter waits for its own.
    fn holds_a_write(&self) -> bool {
        // SAFETY: the object is live, and the calls only read it.
        unsafe { ext::SSL_in_init(self.as_ptr()) == 0 && ext::SSL_want(self.as_ptr()) == ext::SSL_WRITING }
    }

    /// Notes where a handshake is suspended, also one on the way of a read, so that what C does with it is seen.
    fn note_place(&self, phase: Phase) {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the calls only read it.
        let shakes = phase.shakes_hands()
            || unsafe { ext::SSL_in_init(ssl) == 1 && ext::SSL_renegotiate_pending(ssl) == 1 };
        // SAFETY: the object is live.
        let state = unsafe { State::of(ssl) }.filter(|_| shakes);
        if let Some(state) = state.filter(|state| state.demands_name() || state.is_session_open()) {
            state.suspend(self.place());
        }
    }

    #[cold]
    fn diagnose(&mut self, name: &'static str, phase: Phase, outcome: &Outcome, code: ErrorCode) -> SslError {
        let &Outcome { ret, errno, .. } = outcome;
        let stack = ErrorStack::drain();
        let suspended = matches!(code, ErrorCode::Want(_));
        let error = if suspended {
            Error::new(ErrorKind::NotReady, name).with_stack(stack)
        } else {
            let transport = bio::take_transport_error(self);
            let verify = self.verify_failure(&stack);
            let ocsp =
                verify.as_ref().and_then(|_| State::of_mut(self).ok()).and_then(State::take_ocsp_refusal);
            let kind = kind(code, errno, &stack, transport.is_some(), verify.as_ref());
            // Otherwise early data came too late, or another call came in the middle of it.
            let misplaced = kind == ErrorKind::WrongRole && !self.is_wrong_role_for(name);
            let kind = if misplaced { ErrorKind::NotReady } else { kind };
            // A system call's entry in the queue knows better than errno, which later calls may have changed.
            let errno = stack.root().and_then(Reason::system_error).unwrap_or(errno);
            Error::new(kind, name)
                .with_stack(stack)
                .with_transport(transport)
                .with_verify_failure(verify)
                .with_ocsp_refusal(ocsp)
                .with_outcome(ret, code, errno)
        };
        let error = if suspended { error.with_outcome(ret, code, errno) } else { error };
        // SAFETY: the object is live and borrowed for writing, and so are its BIOs.
        unsafe {
            bios(self.as_ptr()).into_iter().for_each(|bio| bio::forget_refused(bio, error.stack()));
        }
        let fatal = match code {
            ErrorCode::Want(_) => false,
            ErrorCode::ZeroReturn => phase.shakes_hands(),
            _ => !is_harmless(&error) && !self.is_misuse(&error),
        };
        // SAFETY: the object is live.
        if fatal && unsafe { ext::SSL_in_before(self.as_ptr()) } == 0 {
            if let Ok(state) = State::of_mut(self) {
                // The flag first: the story asks the transport's error for its text, which is the user's code.
                state.poison(None);
                state.tell(error.retell());
            }
            if phase.shakes_hands() {
                self.forget_offered();
            }
        }
        SslError::new(code, ret, error.errno(), Some(error))
    }

    /// Whether a call that C should not have got is one of the other role.
    fn is_wrong_role_for(&self, name: &str) -> bool {
        match name {
            "SSL_read_early_data" => !self.is_server(),
            "SSL_write_early_data" | "SSL_read_ex" | "SSL_peek_ex" | "SSL_write_ex" => false,
            _ => true,
        }
    }

    /// Whether C only refused the call, and the connection is as it was.
    fn is_misuse(&self, error: &Error) -> bool {
        error.stack().has(ext::ERR_LIB_SSL, SHOULD_NOT_HAVE_BEEN_CALLED)
            && self.state_string_long() != "error"
    }

    /// Which certificate was refused, if that is what ended the handshake.
    fn verify_failure(&mut self, stack: &ErrorStack) -> Option<VerifyFailure> {
        let ssl = self.as_ptr();
        let has = |reason| stack.has(ext::ERR_LIB_SSL, reason);
        // SAFETY: the object is live, and the call only reads it. The alert is a client's own: no server sends it.
        let malformed = has(ALERT_OFFSET + 113) && unsafe { ext::SSL_is_server(ssl) } == 0;
        if malformed {
            State::of_mut(self).ok()?.record_ocsp_refusal(OcspRefusal::Malformed);
        }
        let status = malformed || has(INVALID_STATUS_RESPONSE);
        if !status && !has(CERTIFICATE_VERIFY_FAILED) {
            return None;
        }
        // SAFETY: the object is live.
        let result = unsafe { sys::SSL_get_verify_result(ssl) };
        let error = VerifyError(c_int::try_from(result).unwrap_or(VerifyError::UNSPECIFIED.0));
        let error = if status { VerifyError::OCSP_VERIFY_FAILED } else { error };
        let recorded = State::of_mut(self).ok().and_then(State::take_refusal);
        let failure = recorded.unwrap_or_else(|| VerifyFailure::new(error, None, None));
        // libssl takes the alert from the last verdict, which need not be the first complaint.
        let alert = match (malformed, status) {
            (true, _) => None,
            (_, true) => Some(Alert::BAD_CERTIFICATE_STATUS_RESPONSE),
            _ => Some(error.alert()),
        };
        Some(VerifyFailure { expected: self.expected(), alert, ..failure })
    }

    /// All that this object demands of its peer's certificate: the names, and a mail address.
    pub(crate) fn expected(&self) -> Vec<String> {
        self.expected_and_named().0
    }

    /// As [`expected`](Self::expected), and whether there is a name among it.
    pub(super) fn expected_and_named(&self) -> (Vec<String>, bool) {
        let mut expected = self.expected_names();
        let has_name = !expected.is_empty();
        let email = self.verify_param().email();
        expected.extend(email.map(|email| email.to_string_lossy().into_owned()));
        (expected, has_name)
    }

    /// The names that this object verifies its peer's certificate against.
    pub(super) fn expected_names(&self) -> Vec<String> {
        let ssl = self.as_ptr();
        let mut names = Vec::new();
        // SAFETY: the object is live and lends its parameters (get0).
        let param = unsafe { sys::SSL_get0_param(ssl) };
        for i in 0.. {
            // SAFETY: the parameters are live; past the last name comes NULL. The text is copied at once.
            let name = unsafe { strings::lossy(ext::X509_VERIFY_PARAM_get0_host(param, i)) };
            if name.is_empty() {
                break;
            }
            names.push(name);
        }
        // SAFETY: the parameters are live; the text is ours to free (get1).
        let address = unsafe { ext::X509_VERIFY_PARAM_get1_ip_asc(param) };
        if !address.is_null() {
            // SAFETY: a C string of ours, freed once, by the allocator that made it.
            unsafe {
                names.push(strings::lossy(address));
                sys::OPENSSL_free(address.cast());
            }
        }
        // Where there is no address OpenSSL says so there.
        error::clear_few();
        names
    }
}

/// Refuses an ordinary read or write as long as early data is not read to its end.
#[cold]
fn refuse_early(state: &State, ssl: *mut sys::SSL, name: &'static str) -> Result<(), Error> {
    // SAFETY: the object is live, and the calls only read it. C may have cleared it, or finished the handshake.
    if unsafe { sys::SSL_is_init_finished(ssl) == 1 || ext::SSL_in_before(ssl) == 1 } {
        state.set_reads_early(false);
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotReady, name).with_detail("early data is not read to its end"))
}

/// After a call on a filter before an object, which may have written to it or not: notes whether libssl holds a write.
///
/// What SSL_get_error says of a return value that is no success.
///
/// # Safety
///
/// `ssl` is live, with both BIOs, which nobody else uses.
#[inline]
unsafe fn judge(ssl: *mut sys::SSL, ret: c_int) -> c_int {
    // SAFETY: by this function's contract.
    unsafe {
        let code = sys::SSL_get_error(ssl, ret);
        if !error::is_known_empty(code) && !error::is_empty() {
            bios(ssl).into_iter().for_each(|bio| bio::disown_lost_socket(bio));
        }
        code
    }
}

/// # Safety
///
/// `ssl` is live.
pub(crate) unsafe fn note_write(ssl: *mut sys::SSL, written: bool) {
    // SAFETY: by this function's contract.
    let (ssl, state) = unsafe { (SslRef::from_ptr(ssl), State::of(ssl)) };
    let holds = ssl.holds_a_write();
    if let Some(state) = state.filter(|_| holds || written) {
        state.set_writing(holds.then(|| ssl.last_handshake()));
    }
}

/// The BIOs that an object reads from and writes to, NULL where it has none.
///
/// # Safety
///
/// `ssl` is live.
#[inline]
unsafe fn bios(ssl: *mut sys::SSL) -> [*mut sys::BIO; 2] {
    // SAFETY: by this function's contract; get0.
    unsafe { [sys::SSL_get_rbio(ssl), sys::SSL_get_wbio(ssl)] }
}

const CERTIFICATE_VERIFY_FAILED: c_int = 134;
/// A status callback of a client's refused.
const INVALID_STATUS_RESPONSE: c_int = 328;
const UNEXPECTED_EOF: c_int = 294;
/// Received alerts are reasons from here on.
const ALERT_OFFSET: c_int = 1000;
/// ERR_R_SHOULD_NOT_HAVE_BEEN_CALLED, a reason of every library: the method of the other role.
const SHOULD_NOT_HAVE_BEEN_CALLED: c_int = 257 | 3 << 18;
const BIO_NOT_SET: c_int = 128;
/// Reasons of libssl that leave the connection alive: connection type not set, uninitialized, shutdown while in
/// init, protocol is shutdown (for a write), a DTLS message too big.
const HARMLESS: [c_int; 5] = [144, 276, 407, 207, 334];

fn is_harmless(error: &Error) -> bool {
    let harmless = HARMLESS.iter().any(|reason| error.stack().has(ext::ERR_LIB_SSL, *reason));
    // On 4.0 a DTLS message that is too big leaves nothing behind, but no transport error either.
    (harmless || is_of_the_file(error)) && error.transport().is_none()
}

/// Tells failures apart. Verification comes first, for its entry is only the last of several.
fn kind(
    code: ErrorCode,
    errno: c_int,
    stack: &ErrorStack,
    transport: bool,
    verify: Option<&VerifyFailure>,
) -> ErrorKind {
    if let Some(failure) = verify {
        return ErrorKind::Verification(failure.error);
    }
    if code == ErrorCode::ZeroReturn {
        return ErrorKind::Closed;
    }
    let ssl_reason = |found: &dyn Fn(c_int) -> bool| {
        stack.iter().any(|entry| entry.library_code() == ext::ERR_LIB_SSL && found(entry.reason_code()))
    };
    let alert = stack
        .iter()
        .filter(|entry| entry.library_code() == ext::ERR_LIB_SSL)
        .find_map(|entry| u8::try_from(entry.reason_code() - ALERT_OFFSET).ok());
    if let Some(number) = alert {
        return ErrorKind::Alert(Alert(number));
    }
    if ssl_reason(&|reason| reason == UNEXPECTED_EOF) {
        return ErrorKind::UnexpectedEof;
    }
    let root = stack.root();
    let of_system = root.is_some_and(|root| root.system_error().is_some());
    let of_tls = root.is_some_and(|root| root.library_code() == ext::ERR_LIB_SSL);
    // A BIO's own error is the transport's, which 4.0 calls a system error, and earlier ones do not.
    let of_bio = root.is_some_and(|root| root.library_code() == ext::ERR_LIB_BIO);
    if of_system || of_bio || (transport && !of_tls) {
        return ErrorKind::Io;
    }
    if ssl_reason(&|reason| reason == BIO_NOT_SET) {
        return ErrorKind::NoTransport;
    }
    if ssl_reason(&|reason| reason == SHOULD_NOT_HAVE_BEEN_CALLED) {
        return ErrorKind::WrongRole;
    }
    if ssl_reason(&|reason| matches!(reason, 144 | 207 | 276 | 407)) {
        return ErrorKind::NotReady;
    }
    match code {
        ErrorCode::Syscall if errno != 0 || root.is_some() => ErrorKind::Io,
        ErrorCode::Ssl if root.is_some() => ErrorKind::Protocol,
        _ => ErrorKind::Unspecified,
    }
}
