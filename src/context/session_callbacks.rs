//! Sessions that are kept elsewhere than in libssl: a client's cache, and a server's own store.

use std::ffi::{c_int, c_uchar};
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SessionCacheMode, SslContextBuilderRef, SslOptions};
use crate::error::Error;
use crate::ffi::bytes;
use crate::session::{ClientSessionCache, SslSession, record};
use crate::ssl::SslRef;
use crate::ssl::state::State;

type New = Arc<dyn Fn(&SslRef, SslSession) + Send + Sync>;
type Get = Arc<dyn Fn(&SslRef, &[u8]) -> Option<SslSession> + Send + Sync>;
type Remove = Arc<dyn Fn(&SslSession) + Send + Sync>;

/// As C declares the callbacks.
type NewFn = unsafe extern "C" fn(*mut sys::SSL, *mut sys::SSL_SESSION) -> c_int;
type RemoveFn = unsafe extern "C" fn(*mut sys::SSL_CTX, *mut sys::SSL_SESSION);

#[derive(Clone, Default)]
pub(super) struct Closures {
    new: Option<New>,
    get: Option<Get>,
    remove: Option<Remove>,
}

impl ContextSettings {
    /// Where clients of the context keep their sessions.
    pub fn client_session_cache(&self) -> Option<ClientSessionCache> {
        // SAFETY: the context is live, and its settings stay as they are for the borrow.
        unsafe { Callbacks::of_context(self.as_ptr()) }
            .and_then(|callbacks| callbacks.client_sessions.clone())
    }

    /// Whether new sessions are told to a callback, of this crate's or of C's.
    ///
    /// C: [`SSL_CTX_sess_get_new_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_get_new_cb")]
    pub fn has_new_session_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_sess_get_new_cb(self.as_ptr()) }.is_some()
    }

    /// Whether a callback is asked for sessions that the context itself does not have.
    ///
    /// C: [`SSL_CTX_sess_get_get_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_get_get_cb")]
    pub fn has_get_session_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_sess_get_get_cb(self.as_ptr()) }.is_some()
    }

    /// Whether a callback is told which sessions are removed.
    ///
    /// C: [`SSL_CTX_sess_get_remove_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_get_remove_cb")]
    pub fn has_remove_session_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_sess_get_remove_cb(self.as_ptr()) }.is_some()
    }
}

/// The closures run in the middle of handshakes, on whichever thread has one, and the handshake waits for them. If one
/// panics, the panic goes on in the call that it interrupted, and the connection is dead.
impl SslContextBuilderRef {
    /// Lets clients of the context keep their sessions in `cache`, and resume them by themselves; `None` ends that. A client
    /// from [`SslContext::client`](crate::SslContext::client) begins with a cache of its own.
    ///
    /// Only peers that are verified ([`set_verify`](Self::set_verify)) come into it, and that a name or a
    /// [label](crate::SslRef::set_resumption_label) tells from others. libssl's own cache is not filled any
    /// more ([`SessionCacheMode::NO_INTERNAL_STORE`]), in which a context that serves too would keep sessions of its clients.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    pub fn set_client_session_cache(&mut self, cache: Option<&ClientSessionCache>) -> Result<(), Error> {
        let keeps = SessionCacheMode::CLIENT | SessionCacheMode::NO_INTERNAL_STORE;
        let had = self.client_session_cache().is_some();
        match (had, cache.is_some()) {
            (false, true) => self.set_session_cache_mode(self.session_cache_mode() | keeps)?,
            (true, false) => self.set_session_cache_mode(self.session_cache_mode() - keeps)?,
            _ => {}
        }
        self.update_callbacks(|callbacks| callbacks.client_sessions = cache.cloned())?;
        if had || cache.is_some() {
            self.watch_sessions();
        }
        Ok(())
    }

    /// Hands each new session to `callback`, for a cache outside of this process, say. A server's come when they are made, a
    /// client's when they can be resumed: in TLS 1.3 there is one for each ticket that a read finds. The
    /// [mode](Self::set_session_cache_mode) says of which side they are told, a server's at first. The session is a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_sess_set_new_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_set_new_cb")]
    pub fn set_new_session_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, SslSession) + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.sessions.new = Some(Arc::new(callback)))?;
        self.watch_sessions();
        Ok(())
    }

    /// Asks `callback` for the session of this number that a client proposes, where the context itself does not have it.
    /// With `None`, and with a session of another number or without a cipher, the server makes a full handshake.
    ///
    /// The handshake waits for the answer: libssl has no way to suspend it here. A store that is slow is asked from a
    /// [ClientHello callback](Self::set_client_hello_cb), which can suspend, and remembered for this one.
    ///
    /// Early data of what it returns is rejected, and the handshake goes on: only the context's own cache knows what was
    /// resumed before. With [`danger_allow_early_data_replays`](Self::danger_allow_early_data_replays) the application sees to replays.
    ///
    /// What was made elsewhere counts if it bears the name of this context's
    /// [sessions](Self::set_session_id_context), and as it says whom it verified: whoever writes to the store can be any
    /// client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_sess_set_get_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_set_get_cb")]
    pub fn set_get_session_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &[u8]) -> Option<SslSession> + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.sessions.get = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { sys::SSL_CTX_sess_set_get_cb(self.as_ptr(), Some(get_session)) };
        Ok(())
    }

    /// Tells `callback` which sessions are not to be resumed any more: they are over, there was no room for them, their
    /// connection failed, or the context is freed.
    ///
    /// It may run while libssl has the context's sessions locked: it does not call the context, nor connections of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_sess_set_remove_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_get_cb/)
    #[doc(alias = "SSL_CTX_sess_set_remove_cb")]
    pub fn set_remove_session_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslSession) + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.sessions.remove = Some(Arc::new(callback)))?;
        self.watch_sessions();
        Ok(())
    }

    /// Has C tell what somebody wants to know. A server keeps more sessions than it would where anybody asks of their end.
    fn watch_sessions(&mut self) {
        // SAFETY: the context is live, and nobody changes its settings meanwhile.
        let callbacks = unsafe { Callbacks::of_context(self.as_ptr()) }.unwrap_or_default();
        let keeps = callbacks.client_sessions.is_some();
        let new = keeps || callbacks.sessions.new.is_some();
        let remove = keeps || callbacks.sessions.remove.is_some();
        // SAFETY: the context is live and borrowed for writing; the trampolines find their closures in the context.
        unsafe {
            if new || !self.has_foreign_new_callback() {
                sys::SSL_CTX_sess_set_new_cb(self.as_ptr(), new.then_some(new_session as _));
            }
            if remove || !self.has_foreign_remove_callback() {
                sys::SSL_CTX_sess_set_remove_cb(self.as_ptr(), remove.then_some(remove_session as _));
            }
        }
    }

    /// Whether new sessions are told to a callback of C's.
    fn has_foreign_new_callback(&self) -> bool {
        let ours: NewFn = new_session;
        // SAFETY: the context is live, and the call only reads it.
        let present = unsafe { ext::SSL_CTX_sess_get_new_cb(self.as_ptr()) };
        present.is_some_and(|present| present as usize != ours as usize)
    }

    /// Whether the end of sessions is told to a callback of C's.
    fn has_foreign_remove_callback(&self) -> bool {
        let ours: RemoveFn = remove_session;
        // SAFETY: the context is live, and the call only reads it.
        let present = unsafe { ext::SSL_CTX_sess_get_remove_cb(self.as_ptr()) };
        present.is_some_and(|present| present as usize != ours as usize)
    }
}

/// C asks the context that the object was made from. The session may be the connection's own, which goes on writing to it.
unsafe extern "C" fn new_session(ssl: *mut sys::SSL, session: *mut sys::SSL_SESSION) -> c_int {
    // SAFETY: the object is live for the callback.
    let Some(callbacks) = (unsafe { Callbacks::of_first(ssl) }) else { return 0 };
    // SAFETY: as above, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    run(|| {
        // SAFETY: the session is live for the callback, which comes once the handshake is done.
        let Ok(session) = (unsafe { view.copy_session(session, true) }) else { return };
        keep(&callbacks, view, &session);
        if let Some(closure) = &callbacks.sessions.new {
            closure(view, session);
        }
    });
    // C's reference stays C's.
    0
}

/// Puts a client's session into the cache, if it is known what it was verified by.
fn keep(callbacks: &Callbacks, ssl: &SslRef, session: &SslSession) {
    let Some(cache) = &callbacks.client_sessions else { return };
    // SAFETY: the object is live.
    let (server, state) = unsafe { (ext::SSL_is_server(ssl.as_ptr()) == 1, State::of(ssl.as_ptr())) };
    // SAFETY: the session is live, and nobody changes it.
    let terms = unsafe { record::of(session.as_ptr()) }.terms();
    let (Some(state), Some(terms), false) = (state, terms, server) else { return };
    // A session that was resumed unchecked has other terms than its connection, or none.
    if ssl.session_terms().flatten().is_some_and(|noted| noted.are_same(&terms)) {
        // A copy, for the closure may give its own to C, which writes to it.
        let copy = if callbacks.sessions.new.is_some() { session.dup() } else { Ok(session.clone()) };
        if let (Some(key), Ok(copy)) = (terms.key(&state.resumption_label()), copy) {
            cache.put(&key, copy, terms);
        }
    }
}

unsafe extern "C" fn get_session(
    ssl: *mut sys::SSL,
    id: *const c_uchar,
    len: c_int,
    copy: *mut c_int,
) -> *mut sys::SSL_SESSION {
    // SAFETY: C's own out-pointer. The reference that is returned is C's.
    unsafe { *copy = 0 };
    // SAFETY: the object is live for the callback.
    let closure = unsafe { Callbacks::of_first(ssl) }.and_then(|callbacks| callbacks.sessions.get.clone());
    let Some(closure) = closure else { return ptr::null_mut() };
    // SAFETY: as above, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    // SAFETY: C lends so many bytes until this function returns.
    let id = unsafe { bytes::lend(id, usize::try_from(len).unwrap_or_default()) }.unwrap_or_default();
    let session = run(|| {
        let session = closure(view, id)?;
        // C does not look, and would go on with the secret of another client. It writes to what it gets.
        // A client's own session is no client's to resume.
        // SAFETY: the session is live, and nobody changes it.
        let is_clients = unsafe { record::of(session.as_ptr()) }.is_clients();
        // And C takes for granted that it has a cipher.
        let resumes = session.id() == id && !is_clients && session.cipher().is_some();
        let copy = if resumes { session.dup().ok() } else { None }?;
        // What protects against replays is the context's own cache, into which C puts this anew each time.
        // SAFETY: the object and the copy are live, and nobody else has the copy.
        unsafe {
            if ext::SSL_get_options(ssl) & SslOptions::NO_ANTI_REPLAY.bits() == 0 {
                sys::SSL_SESSION_set_max_early_data(copy.as_ptr(), 0);
            }
        }
        Some(copy)
    });
    session.flatten().map_or(ptr::null_mut(), SslSession::into_ptr)
}

unsafe extern "C" fn remove_session(context: *mut sys::SSL_CTX, session: *mut sys::SSL_SESSION) {
    // SAFETY: the context is live for the callback, and its settings are frozen.
    let Some(callbacks) = (unsafe { Callbacks::of_context(context) }) else { return };
    run(|| {
        // SAFETY: the session is live for the callback.
        let Ok(session) = (unsafe { crate::session::dup(session) }) else { return };
        if let Some(cache) = &callbacks.client_sessions {
            cache.forget(session.id());
        }
        if let Some(closure) = &callbacks.sessions.remove {
            closure(&session);
        }
    });
}
