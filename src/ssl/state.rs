//! What this crate knows about one SSL object, kept in the object's ex_data, for objects that C made too.

mod flags;
mod pledge;
mod session;

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openssl_sys as sys;

use super::SslRef;
use super::callbacks::SslCallbacks;
use super::guard::{Place, Pledge, Vouched};
use crate::context::{Callbacks, SslContext, SslContextRef};
use crate::error::{Error, ErrorKind, ErrorStack, OcspRefusal, VerifyFailure};
use crate::ffi::ex_data::Slot;
use flags::{Flag, Flags};
use session::Began;

static SLOT: Slot<sys::SSL, State> = Slot::new();

/// The side of a connection that an object plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It connects.
    Client,
    /// It accepts.
    Server,
}

/// Settings as they were made.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    /// The signature algorithms that are accepted, in words of no meaning but that of being the same.
    pub(crate) sigalgs: Option<Arc<str>>,
    /// The protocols that are offered, as they are sent.
    pub(crate) alpn: Option<Arc<[u8]>>,
}

/// One per object. All of it is shared-safe: a callback reads it while the caller holds the object.
#[derive(Default)]
pub(crate) struct State {
    flags: Flags,
    role: AtomicU8,
    story: Mutex<Option<Error>>,
    /// Why the connection failed under a filter that had bytes to give all the same.
    missed: Mutex<Option<ErrorStack>>,
    refusal: Mutex<Option<VerifyFailure>>,
    /// Why the peer's stapled OCSP response was refused.
    ocsp_refusal: Mutex<Option<OcspRefusal>>,
    vouched_for: Mutex<Option<Vouched>>,
    /// How many renegotiations there were when the last handshake was vouched for, if there can be more.
    renegotiations: AtomicU32,
    pledge: Mutex<Option<Pledge>>,
    /// Where the handshake was suspended.
    place: Mutex<Option<Place>>,
    /// The handshake after which a write was begun that is suspended.
    writing_in: Mutex<Option<Vouched>>,
    /// How the session that is to be offered came here, as a number.
    chosen: AtomicU8,
    /// The client's handshake that began last here, and whether it has not ended.
    began: Mutex<Option<Began>>,
    /// The session that a server took out of a ticket: its address, to compare.
    opened: AtomicUsize,
    /// What was set on the object that C does not tell again.
    noted: Mutex<Noted>,
    /// What tells the object's peer from others of the same name.
    resumption_label: Mutex<String>,
    /// Contexts that the object had: libssl keeps pointers into them when it is switched to another.
    contexts: Mutex<Vec<SslContext>>,
    /// The callbacks of the context that the object was made from: they stay when the context is switched.
    pub(crate) context: Option<Arc<Callbacks>>,
    callbacks: Mutex<SslCallbacks>,
    /// What a callback asked that takes its time.
    #[cfg(any(feature = "tokio", feature = "futures-io"))]
    asking: Mutex<crate::task::Asking>,
}

impl State {
    /// The state of an object, if it has one: for reading, and inside callbacks.
    ///
    /// # Safety
    ///
    /// `ssl` is live for `'a`.
    #[inline]
    pub(crate) unsafe fn of<'a>(ssl: *const sys::SSL) -> Option<&'a Self> {
        // SAFETY: `create` sets the value once for the life of the object and nobody replaces it.
        unsafe { SLOT.get(ssl) }
    }

    /// What was set on the object that C does not tell again.
    pub(crate) fn noted(&self) -> MutexGuard<'_, Noted> {
        lock(&self.noted)
    }

    /// Where a failure is kept that the call in which it came did not tell.
    pub(crate) fn missed(&self) -> MutexGuard<'_, Option<ErrorStack>> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of an object that is made if it is not there yet.
    pub(crate) fn of_mut(ssl: &mut SslRef) -> Result<&Self, Error> {
        // SAFETY: the object is live for the borrow that is returned.
        if let Some(state) = unsafe { Self::of(ssl.as_ptr()) } {
            return Ok(state);
        }
        Self::create(ssl, false)?;
        // SAFETY: as above.
        unsafe { Self::of(ssl.as_ptr()) }.ok_or_else(|| Error::new(ErrorKind::Unspecified, "SSL_get_ex_data"))
    }

    pub(crate) fn create(ssl: &mut SslRef, ours: bool) -> Result<(), Error> {
        // SAFETY: the object is live, and so is its context.
        let context = unsafe { Callbacks::of_context(sys::SSL_get_SSL_CTX(ssl.as_ptr())) };
        let state = Self { context, ..Self::default() };
        state.flags.put(Flag::OURS, ours);
        state
            .flags
            .put(Flag::DEMANDS_NAME, state.context.as_ref().is_some_and(|context| context.demands_name));
        // SAFETY: the object is live and borrowed for writing, and it has no state yet.
        unsafe { SLOT.set(ssl.as_ptr(), Box::new(state)) }
    }

    /// Gives the copy of an object the state that a copy has: the same settings and callbacks, and nothing of what became of
    /// the first one.
    pub(super) fn copy_to(&self, copy: &mut SslRef) -> Result<(), Error> {
        // Its session is the one that was copied, so that it was used if this one was.
        let kept = Flag::OURS
            | Flag::ANY_NAME
            | Flag::JUDGES_APART
            | Flag::NAMES_SESSIONS
            | Flag::USED
            | Flag::DEMANDS_NAME;
        let state = Self {
            flags: self.flags.copy(kept),
            role: self.role.load(Ordering::Relaxed).into(),
            chosen: self.chosen.load(Ordering::Relaxed).into(),
            resumption_label: Mutex::new(lock(&self.resumption_label).clone()),
            noted: Mutex::new(self.noted().clone()),
            contexts: Mutex::new(lock(&self.contexts).clone()),
            context: self.context.clone(),
            callbacks: Mutex::new(self.callbacks().for_copy()),
            ..Self::default()
        };
        // SAFETY: the object is live and borrowed for writing, and it has no state yet.
        unsafe { SLOT.set(copy.as_ptr(), Box::new(state)) }
    }

    /// Whether the context that the object was made from demands a name to verify.
    pub(crate) fn demands_name(&self) -> bool {
        self.flags.has(Flag::DEMANDS_NAME)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.flags.has(Flag::OURS)
    }

    /// C has the object, or had it: it decides about the session, and may clear the object and shake hands anew.
    pub(super) fn set_theirs(&self) {
        self.flags.put(Flag::OURS, false);
        self.set_crossed();
        self.give_up_session();
    }

    /// C has used the object, or will: it may clear it and shake hands anew.
    pub(super) fn set_crossed(&self) {
        self.flags.put(Flag::CROSSED, true);
        self.set_connects(false);
    }

    pub(super) fn connects(&self) -> bool {
        self.flags.has(Flag::CONNECTS)
    }

    pub(super) fn set_connects(&self, connects: bool) {
        self.flags.put(Flag::CONNECTS, connects);
    }

    pub(crate) fn is_writing(&self) -> bool {
        self.flags.has(Flag::WRITING)
    }

    /// A write is suspended that was begun after this handshake, or none is.
    pub(super) fn set_writing(&self, begun_after: Option<Vouched>) {
        self.flags.put(Flag::WRITING, begun_after.is_some());
        *lock(&self.writing_in) = begun_after;
    }

    pub(super) fn judges_apart(&self) -> bool {
        self.flags.has(Flag::JUDGES_APART)
    }

    pub(super) fn set_judges_apart(&self, renegotiates: bool) {
        self.flags.put(Flag::JUDGES_APART, true);
        if renegotiates {
            self.flags.put(Flag::DEMANDS_CHANGED, true);
        }
    }

    /// Whether what it judges by was changed in the middle of a renegotiation since this was asked last.
    pub(super) fn take_change(&self) -> bool {
        self.flags.swap(Flag::DEMANDS_CHANGED, false)
    }

    pub(super) fn names_sessions(&self) -> bool {
        self.flags.has(Flag::NAMES_SESSIONS)
    }

    pub(super) fn set_names_sessions(&self) {
        self.flags.put(Flag::NAMES_SESSIONS, true);
    }

    pub(super) fn is_named_apart(&self) -> bool {
        self.flags.has(Flag::NAMED_APART)
    }

    pub(super) fn names_apart(&self) -> bool {
        self.flags.has(Flag::NAMES_APART)
    }

    pub(super) fn set_names_apart(&self, session_too: bool) {
        self.flags.put(Flag::NAMES_APART, true);
        if session_too {
            self.flags.put(Flag::NAMED_APART, true);
        }
    }

    /// Whether tickets of the session that is there would let in elsewhere whom only this object lets in.
    pub(super) fn shares_session(&self) -> bool {
        self.judges_apart() && !self.names_sessions() && !self.is_named_apart()
    }

    /// Whether the object has owners besides the one that asks.
    pub(super) fn is_shared(&self) -> bool {
        self.flags.has(Flag::SHARED)
    }

    pub(super) fn set_shared(&self) {
        self.flags.put(Flag::SHARED, true);
    }

    pub(super) fn may_have_ktls(&self) -> bool {
        self.flags.has(Flag::KTLS)
    }

    pub(super) fn set_ktls(&self) {
        self.flags.put(Flag::KTLS, true);
    }

    pub(super) fn had_ktls(&self) -> bool {
        self.flags.has(Flag::HAD_KTLS)
    }

    pub(super) fn set_had_ktls(&self) {
        self.flags.put(Flag::HAD_KTLS, true);
    }

    /// Whether a handshake has begun on the object, whatever became of it.
    pub(super) fn is_used(&self) -> bool {
        self.flags.has(Flag::USED)
    }

    /// A handshake has begun, perhaps without this crate.
    pub(super) fn set_used(&self) {
        self.flags.put(Flag::USED, true);
    }

    pub(crate) fn role(&self) -> Option<Role> {
        match self.role.load(Ordering::Relaxed) {
            1 => Some(Role::Client),
            2 => Some(Role::Server),
            _ => None,
        }
    }

    pub(crate) fn set_role(&self, role: Role) {
        self.role.store(1 + role as u8, Ordering::Relaxed);
    }

    pub(crate) fn accepts_any_name(&self) -> bool {
        self.flags.has(Flag::ANY_NAME)
    }

    pub(crate) fn set_accepts_any_name(&self) {
        self.flags.put(Flag::ANY_NAME, true);
    }

    /// Whether early data is being read, which an ordinary read would take for confirmed data.
    pub(crate) fn reads_early(&self) -> bool {
        self.flags.has(Flag::READS_EARLY)
    }

    pub(crate) fn set_reads_early(&self, reads: bool) {
        self.flags.put(Flag::READS_EARLY, reads);
    }

    /// Keeps a context for as long as the object lives.
    pub(crate) fn keep(&self, context: &SslContextRef) {
        let mut contexts = lock(&self.contexts);
        if contexts.iter().all(|kept| kept.as_ptr() != context.as_ptr()) {
            contexts.push(context.to_owned());
        }
    }

    /// The contexts that the object was switched away from.
    pub(super) fn kept(&self) -> Vec<SslContext> {
        lock(&self.contexts).clone()
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.flags.has(Flag::POISONED)
    }

    /// Marks the object as dead. The first story is the one that is told.
    pub(crate) fn poison(&self, story: Option<Error>) {
        if !self.flags.swap(Flag::POISONED, true) {
            *lock(&self.story) = story;
        }
    }

    /// What the object died of, where nothing was told yet.
    pub(super) fn tell(&self, story: Error) {
        lock(&self.story).get_or_insert(story);
    }

    /// C cleared the object: it starts anew.
    pub(crate) fn heal(&self) {
        self.flags.put(Flag::POISONED, false);
        self.flags.put(Flag::VOUCHED, false);
        self.set_writing(None);
        self.set_connects(false);
        self.flags.put(Flag::READS_EARLY, false);
        *lock(&self.pledge) = None;
        *lock(&self.missed) = None;
        self.forget_session();
        self.flags.put(Flag::HAD_KTLS, false);
        *lock(&self.story) = None;
        *lock(&self.refusal) = None;
        *lock(&self.ocsp_refusal) = None;
    }

    /// The refusal of any further I/O, which tells what the object died of.
    pub(crate) fn refuse(&self, call: &'static str) -> Error {
        let story = lock(&self.story).as_ref().map(Error::retell);
        let mut error = Error::new(ErrorKind::Poisoned, call);
        match &story {
            None => error = error.with_detail("a callback or the transport panicked"),
            Some(story) => {
                if let (Some(ret), Some(code)) = (story.ret(), story.code()) {
                    error = error.with_outcome(ret, code, story.errno());
                }
            }
        }
        error.with_earlier(story)
    }

    /// Remembers which certificate the verify callback refused; the first one counts.
    pub(crate) fn record_refusal(&self, refusal: VerifyFailure) {
        lock(&self.refusal).get_or_insert(refusal);
    }

    pub(crate) fn take_refusal(&self) -> Option<VerifyFailure> {
        lock(&self.refusal).take()
    }

    /// Remembers whether OpenSSL was overruled about the chain that is being verified.
    pub(crate) fn set_overruled(&self, overruled: bool) {
        self.flags.put(Flag::OVERRULED, overruled);
    }

    pub(crate) fn is_overruled(&self) -> bool {
        self.flags.has(Flag::OVERRULED)
    }

    /// Remembers why the status of the peer's certificate was refused.
    pub(crate) fn record_ocsp_refusal(&self, refusal: OcspRefusal) {
        *lock(&self.ocsp_refusal) = Some(refusal);
    }

    pub(crate) fn take_ocsp_refusal(&self) -> Option<OcspRefusal> {
        lock(&self.ocsp_refusal).take()
    }

    /// What a callback asked. Never call anything of the user's under the guard.
    #[cfg(any(feature = "tokio", feature = "futures-io"))]
    pub(crate) fn asking(&self) -> MutexGuard<'_, crate::task::Asking> {
        lock(&self.asking)
    }

    /// A handshake begins: what the one before asked was not about it.
    #[cfg(any(feature = "tokio", feature = "futures-io"))]
    pub(super) fn forget_question(&self) {
        let earlier = std::mem::take(&mut *self.asking());
        // It is the user's, and dropped without the lock.
        drop(earlier);
    }

    /// The object's own callbacks. Clone what is to be called out of the guard: never call under it.
    pub(crate) fn callbacks(&self) -> MutexGuard<'_, SslCallbacks> {
        lock(&self.callbacks)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
