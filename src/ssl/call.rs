//! The one way into C for everything that does I/O: before the call, the call, and what it left behind.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::io::ENABLE_KTLS;
use super::phase::Phase;
use super::state::State;
use super::{SslRef, StatusType};
use crate::bio;
use crate::error::{self, Error, ErrorCode, ErrorKind, SslError, Want};
use crate::ffi::{errno, panics};

/// What C answered, taken on the spot, before anything can change `errno` or the queue.
pub(super) struct Outcome {
    pub(super) ret: c_int,
    pub(super) code: c_int,
    pub(super) errno: c_int,
    /// Whether it is known that the call left nothing in the queue.
    pub(super) is_clean: bool,
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
        self.call_watched(name, phase, call, |ssl, ret| unsafe { judge(ssl, ret) })
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
        if phase == Phase::Data && outcome.code == sys::SSL_ERROR_WANT_READ && outcome.is_clean {
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
                || sys::SSL_is_init_finished(ssl) == 0
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

    /// Whether a read would find nothing, and have nothing to do, unless bytes come from the transport. Nobody can tell of an
    /// object that reads ahead itself, which hides bytes where keys change, nor of datagrams, which wait for each other.
    pub(crate) fn is_dry(&self) -> bool {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the calls only read it.
        self.is_settled()
            && self.is_tls()
            && unsafe {
                ext::SSL_has_pending(ssl) == 0
                    && ext::SSL_get_read_ahead(ssl) == 0
                    && sys::SSL_get_shutdown(ssl) & sys::SSL_RECEIVED_SHUTDOWN == 0
                    && ext::SSL_renegotiate_pending(ssl) == 0
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
        // What it says comes from elsewhere than the queue.
        self.call_watched(name, phase, call, |ssl, ret| (judge(ssl, ret), false))
    }

    #[inline]
    fn call_watched(
        &mut self,
        name: &'static str,
        phase: Phase,
        call: impl FnOnce(*mut sys::SSL) -> c_int,
        judge: impl FnOnce(*mut sys::SSL, c_int) -> (c_int, bool),
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
        judge: impl FnOnce(*mut sys::SSL, c_int) -> (c_int, bool),
    ) -> Outcome {
        let ssl = self.as_ptr();
        error::clear();
        errno::set(0);
        panics::enter(
            || {
                let ret = call(ssl);
                let errno = errno::get();
                let (code, is_clean) = if ret > phase.first_failure() { (0, false) } else { judge(ssl, ret) };
                Outcome { ret, code, errno, is_clean }
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
        if phase.moves_data() && (state.reads_early() || self.is_amid_early_data()) {
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
        let is_empty = outcome.is_clean || error::is_empty();
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

/// What SSL_get_error says of a return value that is no success, and whether the queue is known to be empty.
///
/// # Safety
///
/// `ssl` is live, with both BIOs, which nobody else uses.
#[inline]
unsafe fn judge(ssl: *mut sys::SSL, ret: c_int) -> (c_int, bool) {
    // SAFETY: by this function's contract.
    unsafe {
        let code = sys::SSL_get_error(ssl, ret);
        let is_clean = error::is_known_empty(code);
        if !is_clean && !error::is_empty() {
            bios(ssl).into_iter().for_each(|bio| bio::disown_lost_socket(bio));
        }
        (code, is_clean)
    }
}

/// After a call on a filter before an object, which may have written to it or not: notes whether libssl holds a write.
///
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
pub(super) unsafe fn bios(ssl: *mut sys::SSL) -> [*mut sys::BIO; 2] {
    // SAFETY: by this function's contract; get0.
    unsafe { [sys::SSL_get_rbio(ssl), sys::SSL_get_wbio(ssl)] }
}
