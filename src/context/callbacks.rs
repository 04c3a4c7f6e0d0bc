//! The callbacks of a context, in one allocation that its ex_data owns, and what every trampoline does.

use std::ffi::c_void;
use std::sync::Arc;

use openssl_sys as sys;

use super::{SpkiPin, SslContextBuilderRef};
use super::{
    alpn, certificate_callback, chain_callback, client_certificate, early_data, hello, info, keylog, message,
    npn, passphrase, security, session_callbacks, session_id, sni, status, ticket_keys, tickets, verify,
};
use crate::error::{self, Error, ErrorStack};
use crate::ffi::ex_data::Slot;
use crate::ffi::{errno, panics};
use crate::library::LibContext;
use crate::session::ClientSessionCache;
use crate::ssl::state::{Noted, State};

static SLOT: Slot<sys::SSL_CTX, Arc<Callbacks>> = Slot::new();

/// All that a context made by this crate knows beyond what C keeps. An SSL object keeps a reference to the one of
/// the context it was made from, which stays when the context is switched.
#[derive(Clone, Default)]
pub(crate) struct Callbacks {
    /// The library context that the context was made in.
    pub(crate) lib: LibContext,
    /// How many kinds of signatures its providers brought, where C goes wrong over that.
    pub(super) signature_kinds: Option<usize>,
    /// What was set that C does not tell again.
    pub(crate) noted: Noted,
    /// A client does not begin a handshake without a name to verify.
    pub(crate) demands_name: bool,
    /// The store has other holders, and cannot tell so itself.
    pub(super) shared_store: bool,
    /// Where clients keep their sessions.
    pub(crate) client_sessions: Option<ClientSessionCache>,
    pub(super) verify: Option<verify::Decide>,
    pub(super) chain: Option<chain_callback::Decide>,
    pub(super) pins: Option<Arc<[SpkiPin]>>,
    pub(super) security: Option<security::SecurityRule>,
    pub(super) passphrase: Option<passphrase::Ask>,
    pub(super) client_certificate: Option<client_certificate::Choose>,
    pub(super) certificate: Option<certificate_callback::Choose>,
    pub(super) client_hello: Option<hello::Decide>,
    pub(super) server_name: Option<sni::Decide>,
    pub(super) alpn_select: Option<alpn::Select>,
    pub(super) next_protos_advertised: Option<npn::Advertise>,
    pub(super) next_proto_select: Option<npn::Select>,
    pub(super) keylog: Option<keylog::Log>,
    pub(super) info: Option<info::Observe>,
    pub(super) message: Option<message::Observe>,
    pub(super) trace: Option<message::Trace>,
    pub(super) allow_early_data: Option<early_data::Allow>,
    pub(super) status: status::Closures,
    pub(super) sessions: session_callbacks::Closures,
    pub(super) generate_session_id: Option<session_id::Generate>,
    pub(super) not_resumable: Option<session_id::Forbid>,
    pub(super) ticket_key: Option<ticket_keys::Choose>,
    pub(super) tickets: tickets::Closures,
}

impl Callbacks {
    /// Whether a callback may accept what OpenSSL refuses of a peer.
    pub(crate) fn may_overrule(&self) -> bool {
        self.verify.as_ref().is_some_and(|decide| decide.overrides)
            || self.chain.as_ref().is_some_and(|decide| decide.replaces)
    }

    /// The callbacks of a context, if it has any.
    ///
    /// # Safety
    ///
    /// `context` is live or NULL, and nobody changes its settings during this call.
    pub(crate) unsafe fn of_context(context: *const sys::SSL_CTX) -> Option<Arc<Self>> {
        if context.is_null() {
            return None;
        }
        // SAFETY: live; the value is only borrowed for this call.
        unsafe { SLOT.get(context) }.cloned()
    }

    /// The callbacks of the context that a trampoline was registered with. C keeps the trampoline and its argument
    /// together and alive, so they are the right ones whatever context the object was switched to.
    ///
    /// # Safety
    ///
    /// `context` is the argument that [`SslContextBuilderRef::argument`] gave.
    pub(super) unsafe fn of_argument(context: *mut c_void) -> Option<Arc<Self>> {
        // SAFETY: the context is alive while C calls what is registered in it, and frozen.
        unsafe { Self::of_context(context.cast()) }
    }

    /// The callbacks of an object's present context, from which libssl has the trampoline.
    ///
    /// # Safety
    ///
    /// `ssl` is live.
    pub(super) unsafe fn of_present(ssl: *const sys::SSL) -> Option<Arc<Self>> {
        // SAFETY: the object is live and holds its context, which is frozen.
        unsafe { Self::of_context(sys::SSL_get_SSL_CTX(ssl)) }
    }

    /// The callbacks of the context that an object was made from, for trampolines that SSL_new copied. Those of the
    /// present context where nothing was kept (the object is C's, and C never switched it).
    ///
    /// # Safety
    ///
    /// `ssl` is live.
    pub(super) unsafe fn of_first(ssl: *const sys::SSL) -> Option<Arc<Self>> {
        // SAFETY: the object is live.
        let first = unsafe { State::of(ssl) }.and_then(|state| state.context.clone());
        // SAFETY: the object is live.
        first.or_else(|| unsafe { Self::of_present(ssl) })
    }
}

/// Runs a closure of the user's beneath C frames, and leaves no trace of it but its result: `errno` and the error
/// queue are as they were, for SSL_get_error would take what it left there for libssl's. `None` says that it panicked.
pub(crate) fn run<T>(user: impl FnOnce() -> T) -> Option<T> {
    let errno = errno::get();
    let earlier = (!error::is_empty()).then(ErrorStack::drain);
    let result = panics::contain(user);
    error::clear();
    if let Some(earlier) = earlier {
        earlier.restore();
    }
    errno::set(errno);
    result
}

/// Makes a C call outside a handshake that may run closures of the user's: a panic goes on once C has returned.
pub(crate) fn calling<T>(call: impl FnOnce() -> T) -> T {
    panics::enter(call, error::clear)
}

impl SslContextBuilderRef {
    /// Changes the context's callbacks: a copy is made where objects already hold the earlier ones.
    pub(crate) fn update_callbacks(&mut self, change: impl FnOnce(&mut Callbacks)) -> Result<(), Error> {
        let context = self.as_ptr();
        // SAFETY: the context is live, and borrowed for writing.
        let mut callbacks = unsafe { Callbacks::of_context(context) }.unwrap_or_default();
        change(Arc::make_mut(&mut callbacks));
        // SAFETY: the context is live and borrowed for writing; no borrow of the earlier value is left.
        unsafe { SLOT.set(context, Box::new(callbacks)) }
    }

    /// What trampolines are registered with.
    pub(super) fn argument(&self) -> *mut c_void {
        self.as_ptr().cast()
    }
}
