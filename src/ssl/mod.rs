//! One TLS connection's object: [`Ssl`] owns it, [`SslRef`] is the layer that mirrors C.
//!
//! The methods of [`SslRef`] are named after the C functions and have C's semantics and C's defaults; those that do
//! I/O answer [`SslError`](crate::SslError), which is SSL_get_error(3) without loss. [`Ssl::connect`] and
//! [`Ssl::accept`] lead from here to [`Connected`](crate::Connected).

mod alpn;
mod bios;
mod buffers;
pub(crate) mod call;
pub(crate) mod callbacks;
mod certificates;
mod ciphers;
mod context;
mod dh;
mod diagnosis;
mod early_data;
mod expected;
mod exporter;
mod groups;
mod guard;
mod handshake;
mod io;
mod key_update;
mod ktls;
mod name;
mod nid;
mod object;
mod options;
mod peer;
mod phase;
mod post_handshake;
mod randoms;
mod renegotiation;
mod resumption;
mod security;
mod session;
mod sigalgs;
pub(crate) mod state;
mod states;
mod status;
mod store;
mod tickets;
mod transport;
mod verify_param;
mod versions;
mod want;

use std::ffi::c_long;
use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

pub use buffers::{ShutdownFlags, WriteFlags};
pub use callbacks::TlsExtension;
pub use certificates::ChainChecks;
pub use ciphers::{
    CipherBits, CipherList, SslCipher, cipher_name, default_cipher_list, default_ciphersuites,
};
pub use early_data::{EarlyDataStatus, EarlyRead};
pub use groups::Group;
pub use io::{ShutdownResult, ShutdownState};
pub use key_update::KeyUpdate;
pub use ktls::KtlsRefusal;
pub use nid::Nid;
pub use sigalgs::{SignatureAlgorithm, builtin_signature_algorithms};
pub use state::Role;
pub use states::HandshakeState;
pub use status::StatusType;
pub use tickets::SessionSecret;

pub(crate) use call::note_write;
pub(crate) use io::Modes;
pub(crate) use phase::Phase;
pub(crate) use status::{staple, staple_all};

use crate::context::SslContextRef;
use crate::error::{Error, ErrorKind};
use crate::ffi::crossing::crossing_type;
pub(crate) use state::State;

// `Send`: an SSL has no tie to a thread (SSL_MODE_ASYNC, which has one, has no safe setter), and the callbacks and
// channels that this crate puts inside are `Send`. `Sync`: the methods on `&SslRef` only read, which C allows from
// several threads as long as none writes, and writing takes `&mut`.
crossing_type! {
    /// An `SSL`: one connection, before, in or after its handshake.
    ///
    /// It is not `Clone`: two owners of one connection would break each other.
    ///
    /// C: [`SSL_new(3)`](https://docs.openssl.org/master/man3/SSL_new/)
    #[doc(alias = "SSL")]
    pub unsafe type Ssl, SslRef: Send + Sync {
        type CType = sys::SSL;
        fn drop = free;
        fn taken = take;
        fn given = give;
        fn lent = come_back;
    }
}

impl Ssl {
    /// Makes the object of one connection, with the settings of its context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate or initialise it.
    ///
    /// C: [`SSL_new(3)`](https://docs.openssl.org/master/man3/SSL_new/)
    #[doc(alias = "SSL_new")]
    pub fn new(context: &SslContextRef) -> Result<Self, Error> {
        crate::error::clear();
        // SAFETY: the context is live; SSL_new takes its own reference to it.
        let ssl = unsafe { sys::SSL_new(context.as_ptr()) };
        if ssl.is_null() {
            return Err(Error::from_queue("SSL_new"));
        }
        // SAFETY: not NULL, and the caller's own.
        let mut ssl = unsafe { Self::own(ssl) };
        ssl.complete("SSL_new", context)?;
        Ok(ssl)
    }

    /// Takes over an `SSL` from C, with the reference that the caller owned.
    ///
    /// Such an object is never marked as shut down when it is dropped: who made it decides about its session.
    ///
    /// It may be in any state. Before its handshake, [`connect`](Self::connect) and [`accept`](Self::accept) begin it; in
    /// the middle of one, [`Handshake::adopt`](crate::Handshake::adopt) goes on; after it, there is
    /// [`Connected::adopt`](crate::Connected::adopt).
    ///
    /// # Safety
    ///
    /// `ssl` is a live `SSL` of which the caller owns one reference, and nobody else uses it while this crate does.
    /// What its BIOs and callbacks hold may be used and freed on whichever thread the object is moved to.
    /// `SSL_MODE_ASYNC` is not set on it. What a suspended write of C's was given stays as it is until that write is
    /// finished. Where the kernel encrypts for it, its option `SSL_OP_ENABLE_KTLS` is still set. Nobody changes the settings of its context while it is used here, nor while a clone of what
    /// [`context`](SslRef::context) lends lives.
    ///
    /// With OpenSSL 4.0, the names and addresses that it verifies were set on the object itself, and not copied into it, as
    /// SSL_new, SSL_dup and SSL_set1_param do: C copies them without the NUL at their end, and here they are read up to that.
    pub unsafe fn from_ptr(ssl: *mut sys::SSL) -> Self {
        // SAFETY: by this function's contract.
        unsafe { ForeignType::from_ptr(ssl) }
    }

    /// Shares an `SSL` with C: takes one more reference, and leaves the caller's.
    ///
    /// Whoever holds the other one finds the object as this one leaves it: mind which of the two is dropped last, for
    /// that one frees it.
    ///
    /// # Safety
    ///
    /// `ssl` is a live `SSL`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot count it.
    #[doc(alias = "SSL_up_ref")]
    pub unsafe fn share_from_ptr(ssl: *mut sys::SSL) -> Result<Self, Error> {
        crate::error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { ext::SSL_up_ref(ssl) } != 1 {
            return Err(Error::from_queue("SSL_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        let mut ssl = unsafe { Self::from_ptr(ssl) };
        State::of_mut(&mut ssl)?.set_held_elsewhere();
        Ok(ssl)
    }

    /// The pointer, which stays owned by this object.
    #[inline]
    pub fn as_ptr(&self) -> *mut sys::SSL {
        ForeignType::as_ptr(self)
    }

    /// Gives the object to C, with this reference and with the BIOs that it has. From now on it is C that decides about its
    /// session, which SSL_free(3) takes out of the cache unless SSL_shutdown(3) came first.
    pub fn into_ptr(self) -> *mut sys::SSL {
        ForeignType::into_ptr(self)
    }
}

impl SslRef {
    /// Borrows an `SSL` of C's for reading.
    ///
    /// # Safety
    ///
    /// `ssl` is live for `'a`, and nobody changes it for as long. What its BIOs and callbacks hold may be used on whichever
    /// thread the reference is sent to. Nobody changes the settings of its context for as long, nor while a clone of what
    /// [`context`](Self::context) lends lives. With OpenSSL 4.0, its names are as for [`Ssl::from_ptr`].
    #[inline]
    pub unsafe fn from_ptr<'a>(ssl: *mut sys::SSL) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(ssl) }
    }

    /// Borrows an `SSL` of C's for reading and writing.
    ///
    /// # Safety
    ///
    /// `ssl` is live for `'a`, and nobody else uses it for as long. What its BIOs and callbacks hold may be used on
    /// whichever thread the reference is sent to. The rest as [`Ssl::from_ptr`].
    pub unsafe fn from_ptr_mut<'a>(ssl: *mut sys::SSL) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { ForeignTypeRef::from_ptr_mut(ssl) }
    }

    /// The pointer.
    #[inline]
    pub fn as_ptr(&self) -> *mut sys::SSL {
        ForeignTypeRef::as_ptr(self)
    }

    /// Whether the object is dead: it failed, or a callback or its transport panicked, and it refuses all I/O.
    pub fn is_poisoned(&self) -> bool {
        // SAFETY: the object is live.
        let poisoned = unsafe { State::of(self.as_ptr()) }.is_some_and(State::is_poisoned);
        // SAFETY: the object is live. One that C cleared starts anew.
        poisoned && unsafe { ext::SSL_in_before(self.as_ptr()) } == 0
    }
}

/// `SSL_MODE_ASYNC`, which C may have set in a context.
const MODE_ASYNC: c_long = 0x100;

impl SslRef {
    /// What an object of ours needs that C made of `context` just now.
    pub(crate) fn complete(&mut self, call: &'static str, context: &SslContextRef) -> Result<(), Error> {
        State::create(self, true)?;
        // A job that is paused goes on with the caller's buffer, and with the stack of its thread.
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_clear_mode(self.as_ptr(), MODE_ASYNC) };
        self.own_param_mut().mend_copy(call, context.verify_param())
    }

    /// Marks the object as dead, for a failure that only C saw: C's SSL_get_error(3) said `SSL_ERROR_SSL` or
    /// `SSL_ERROR_SYSCALL`, or C itself breaks the connection off. `why` is told by every later refusal, whose kind is
    /// [`ErrorKind::Poisoned`].
    ///
    /// All I/O through this crate is refused from now on, so that no close_notify goes out, and the session is not resumed:
    /// it is taken out of the cache. Nothing happens to an object that has not begun to shake hands. What C does to the
    /// object itself is not stopped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory.
    #[doc(alias = "SSL_CTX_remove_session")]
    pub fn mark_failed(&mut self, why: &str) -> Result<(), Error> {
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_in_before(self.as_ptr()) } == 1 {
            return Ok(());
        }
        let story = Error::new(ErrorKind::Unspecified, "SSL_get_error").with_detail(why);
        State::of_mut(self)?.poison(Some(story));
        self.forget_session();
        Ok(())
    }

    /// Takes the session of a finished handshake out of the cache, and lets nobody resume it. One that was only offered again
    /// is not to blame for a handshake that failed.
    fn forget_session(&self) {
        let ssl = self.as_ptr();
        let mut none = [0_u8];
        // SAFETY: the object is live, and so are its context and session (get0), which may be NULL.
        unsafe {
            let shook_hands = sys::SSL_get_finished(ssl, none.as_mut_ptr().cast(), 0) > 0
                && sys::SSL_get_peer_finished(ssl, none.as_mut_ptr().cast(), 0) > 0;
            if shook_hands {
                let session = sys::SSL_get_session(ssl);
                sys::SSL_CTX_remove_session(sys::SSL_get_SSL_CTX(ssl), session);
                // The cache is that of the context which the object was made from.
                for context in State::of(ssl).map(State::kept).unwrap_or_default() {
                    sys::SSL_CTX_remove_session(context.as_ptr(), session);
                }
            }
        }
    }

    /// Whether a write was suspended, of which libssl holds what it was given.
    pub(crate) fn is_writing(&self) -> bool {
        // SAFETY: the object is live, and the calls only read it. A handshake that has not begun has no such write.
        unsafe {
            State::of(self.as_ptr()).is_some_and(State::is_writing) && ext::SSL_in_before(self.as_ptr()) == 0
        }
    }

    /// A panic went through the object's transport outside of C.
    pub(crate) fn poison_by_panic(&mut self) {
        if let Ok(state) = State::of_mut(self) {
            state.poison(None);
        }
    }

    /// The refusal of a dead object.
    pub(crate) fn poison_story(&self, call: &'static str) -> Option<Error> {
        // SAFETY: the object is live.
        unsafe { State::of(self.as_ptr()) }
            .filter(|state| state.is_poisoned())
            .map(|state| state.refuse(call))
    }
}

/// The object comes from C, for good.
///
/// # Safety
///
/// `ssl` is live.
pub(crate) unsafe fn take(ssl: *mut sys::SSL) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(state) = State::of(ssl) {
            state.set_theirs();
            state.return_to(|| SslRef::from_ptr(ssl).last_handshake());
        }
    }
}

/// The object goes to C, for good.
///
/// # Safety
///
/// As [`take`].
pub(crate) unsafe fn give(ssl: *mut sys::SSL) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some(state) = State::of(ssl) {
            state.set_theirs();
        }
    }
}

/// C may have used the object since this crate did.
///
/// # Safety
///
/// `ssl` is live.
pub(crate) unsafe fn come_back(ssl: *mut sys::SSL) {
    // SAFETY: by this function's contract.
    if let Some(state) = unsafe { State::of(ssl) } {
        state.set_crossed();
    }
}

/// Frees the object.
///
/// # Safety
///
/// `ssl` is live, and the caller gives up one reference to it.
unsafe fn free(ssl: *mut sys::SSL) {
    // SAFETY: the object is live until SSL_free.
    unsafe {
        settle(ssl);
        sys::SSL_free(ssl);
    }
}

/// Before an object is freed; whether it is one of ours. libssl takes the session of an object that was never shut
/// down for broken, and drops it from the cache: a healthy connection of ours is marked as if its close_notify had gone
/// out. That of a dead one is dropped here, for libssl 4.0 forgets it when the transport killed the object.
///
/// # Safety
///
/// `ssl` is live, and nobody else uses it.
pub(crate) unsafe fn settle(ssl: *mut sys::SSL) -> bool {
    // SAFETY: the object is live, and so are its context and session (get0).
    unsafe {
        let ours = State::of(ssl).is_some_and(|state| state.is_ours() && !state.is_shared());
        if ours {
            let dead = SslRef::from_ptr(ssl).is_poisoned();
            if !dead && sys::SSL_is_init_finished(ssl) == 1 {
                sys::SSL_set_shutdown(ssl, sys::SSL_get_shutdown(ssl) | sys::SSL_SENT_SHUTDOWN);
            }
            if dead {
                SslRef::from_ptr(ssl).forget_session();
            }
        }
        ours
    }
}

impl fmt::Debug for SslRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssl").field("state", &self.state_string_long()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ssl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
