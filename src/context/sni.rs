//! The servername callback: a server picks its settings by the name that the client asks for.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{SslContextBuilderRef, SslContextRef, SslVerifyMode};
use crate::error::{self, Alert, Error, ErrorKind};
use crate::ffi::{compat, strings};
use crate::library::LibContext;
use crate::ssl::SslRef;
use crate::ssl::state::State;

pub(super) type Decide = Arc<dyn Fn(&mut ServerNameView<'_>) -> ServerNameDecision + Send + Sync>;

/// What to do about the name that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerNameDecision {
    /// Go on, and confirm the name to the client.
    #[doc(alias = "SSL_TLSEXT_ERR_OK")]
    Ack,
    /// Go on without a confirmation.
    #[doc(alias = "SSL_TLSEXT_ERR_NOACK")]
    Ignore,
    /// Go on, and send this alert as a warning where the protocol has warnings (not in TLS 1.3).
    #[doc(alias = "SSL_TLSEXT_ERR_ALERT_WARNING")]
    Warn(Alert),
    /// End the handshake with this alert.
    #[doc(alias = "SSL_TLSEXT_ERR_ALERT_FATAL")]
    Refuse(Alert),
}

/// A connection whose client may have asked for a name, in a servername callback. It derefs to the connection, for
/// reading.
pub struct ServerNameView<'a> {
    ssl: &'a SslRef,
    /// The client must be refused, whatever the closure answers.
    forbidden: bool,
}

impl ServerNameView<'_> {
    /// The name that the client asks for, as it came, or `None` without one. Where it resumes a session of TLS 1.2 or
    /// before, the name of that session, if it has one, whatever came: that is what
    /// [`ClientHello::requested_name`](super::ClientHello::requested_name) tells.
    ///
    /// C: [`SSL_get_servername(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/)
    #[doc(alias = "SSL_get_servername")]
    pub fn requested_name(&self) -> Option<&[u8]> {
        // SAFETY: the object is live.
        let name = unsafe { sys::SSL_get_servername(self.ssl.as_ptr(), sys::TLSEXT_NAMETYPE_host_name) };
        // SAFETY: get0: NULL, or a string that stays for the callback, which this view does not outlive.
        unsafe { strings::lend(name) }.map(std::ffi::CStr::to_bytes)
    }

    /// Goes on with another context's certificates, security level and trust, and its callbacks for certificates, chains,
    /// security, status, ALPN, NPN, key log and info. As in C, what the connection has copied from its first context
    /// stays: verify mode and verify callback, protocol versions, options, message callback. Certificates, level and
    /// callbacks for them that the connection had of its own are gone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate; [`ErrorKind::InvalidInput`] for a context of another
    /// [library context](crate::LibContext), or of the same one with another property query, for the connection goes on
    /// with algorithms of the first, and before 4.0.3 also for one that was made with other providers that bring kinds of
    /// signatures, and for one that demands more of its clients than the connection: by its verify mode, or by a verify
    /// callback where the first context has none; [`ErrorKind::NotReady`] where the client resumes a session of
    /// another context and the connection verifies its clients: this context has not judged the client, so that the
    /// handshake ends with the alert `access_denied`, whatever the callback answers. A
    /// [ClientHello callback](super::ClientHello::set_context) comes before resumption, and is the better place.
    ///
    /// C: [`SSL_set_SSL_CTX(3)`](https://docs.openssl.org/master/man3/SSL_set_SSL_CTX/)
    #[doc(alias = "SSL_set_SSL_CTX")]
    pub fn set_context(&mut self, context: &SslContextRef) -> Result<(), Error> {
        let ssl = self.ssl.as_ptr();
        // SAFETY: the object is live, and the calls only read it.
        let judges = unsafe {
            sys::SSL_get_SSL_CTX(ssl) != context.as_ptr()
                && sys::SSL_get_verify_mode(ssl) & sys::SSL_VERIFY_PEER != 0
        };
        // SAFETY: as above.
        if judges && unsafe { sys::SSL_session_reused(ssl) } == 1 {
            self.forbidden = true;
            return Err(Error::new(ErrorKind::NotReady, "SSL_set_SSL_CTX")
                .with_detail("the session that the client resumes was verified by another context"));
        }
        switch(self.ssl, context)?;
        if judges { self.keep_session_apart() } else { Ok(()) }
    }

    /// Gives the session that this handshake makes a name that no context has: it was verified by the context that the
    /// object was switched to, and the one that would be asked to resume it, before any switch, must not find it.
    fn keep_session_apart(&mut self) -> Result<(), Error> {
        let named = self.name_session();
        self.forbidden |= named.is_err();
        named
    }

    fn name_session(&self) -> Result<(), Error> {
        let ssl = self.ssl.as_ptr();
        // SAFETY: the object is live, and lends its session (get0), if there is one; it is of a handshake under way, so
        // that nobody else has it yet.
        let session = unsafe { ext::SSL_get_session(ssl) };
        // SAFETY: the object is live, and the call only reads it.
        if session.is_null() || unsafe { sys::SSL_session_reused(ssl) } == 1 {
            return Ok(());
        }
        let name = self.ssl.context().lib_context().session_name()?;
        // SAFETY: the session is live, and nobody else has it; C copies the array, whose length it is told.
        let done = unsafe { ext::SSL_SESSION_set1_id_context(session, name.as_ptr(), 32) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_SESSION_set1_id_context")) }
    }
}

/// From 3.2 up to 4.0.2, C goes through a new context's certificates by the number of kinds of keys that the providers of
/// the first one knew when that was made. What that number depends on, for a context that is made now; `None` on others.
pub(super) fn signature_kinds(lib: LibContext) -> Result<Option<usize>, Error> {
    (0x3020_0000..0x4000_0030)
        .contains(&compat::running_version())
        .then(|| lib.added_signature_kinds())
        .transpose()
}

/// Whether C, in an object of one context, looks at as many certificates of the other as that has.
fn counts_alike(present: &SslContextRef, next: &SslContextRef) -> bool {
    let kinds = |context: &SslContextRef| {
        // SAFETY: the context is live and frozen.
        unsafe { Callbacks::of_context(context.as_ptr()) }.and_then(|callbacks| callbacks.signature_kinds)
    };
    // Nobody counted for what C made.
    kinds(present).zip(kinds(next)).is_none_or(|(present, next)| present == next)
}

/// What the context demands of clients that the connection, which keeps the verify mode and callback that it began with,
/// would not ask for.
fn verifies_less(ssl: &SslRef, next: &SslContextRef) -> Option<&'static str> {
    let (asked, demanded) = (ssl.verify_mode(), next.verify_mode());
    if !demanded.contains(SslVerifyMode::PEER) {
        return None;
    }
    let later = asked.difference(demanded).contains(SslVerifyMode::POST_HANDSHAKE);
    let demands = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    if later || !asked.contains(demanded & demands) {
        return Some(
            "the context verifies its clients, and the one that the connection began with does not as much",
        );
    }
    // SAFETY: the context is live and frozen.
    let next = unsafe { Callbacks::of_context(next.as_ptr()) };
    // SAFETY: the object is live.
    let first = unsafe { Callbacks::of_first(ssl.as_ptr()) };
    let asks =
        |callbacks: Option<Arc<Callbacks>>| callbacks.is_some_and(|callbacks| callbacks.verify.is_some());
    (asks(next) && !asks(first))
        .then_some("the context has a verify callback, and the one that the connection began with has none")
}

/// Switches the context of an object that is in a callback made for that, or before its handshake.
pub(crate) fn switch(ssl: &SslRef, context: &SslContextRef) -> Result<(), Error> {
    const CALL: &str = "SSL_set_SSL_CTX";
    // Kept below for as long as the object.
    let present = ssl.context();
    if !present.lib_context().is_same(context.lib_context()) {
        let detail = "the other context takes its algorithms from elsewhere";
        return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
    }
    if !counts_alike(present, context) {
        let detail =
            "a provider with kinds of signatures came or went between the making of the two contexts";
        return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
    }
    if let Some(detail) = verifies_less(ssl, context).filter(|_| present.as_ptr() != context.as_ptr()) {
        return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
    }
    // libssl keeps pointers into the context that it leaves, whose last reference this may be.
    // SAFETY: the object is live, and the caller's to change: it is borrowed for writing, or C lent it to the callback, whose
    // view of it is exclusive.
    State::of_mut(unsafe { SslRef::lend_mut(ssl.as_ptr()) })?.keep(present);
    error::clear();
    // SAFETY: both are live; C takes a reference of its own to the context. The object is the caller's to change, as above.
    if unsafe { sys::SSL_set_SSL_CTX(ssl.as_ptr(), context.as_ptr()) }.is_null() {
        return Err(Error::from_queue(CALL));
    }
    Ok(())
}

impl Deref for ServerNameView<'_> {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        self.ssl
    }
}

impl fmt::Debug for ServerNameView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.requested_name().map(String::from_utf8_lossy);
        f.debug_struct("ServerNameView").field("requested_name", &name).finish_non_exhaustive()
    }
}

impl SslContextBuilderRef {
    /// Lets `callback` decide by the name that the client asks for, also where it asks for none. A panic ends the
    /// handshake, and goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_tlsext_servername_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/)
    #[doc(alias = "SSL_CTX_set_tlsext_servername_callback")]
    #[doc(alias = "SSL_CTX_set_tlsext_servername_arg")]
    pub fn set_tlsext_servername_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut ServerNameView<'_>) -> ServerNameDecision + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.server_name = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe {
            ext::SSL_CTX_set_tlsext_servername_callback(self.as_ptr(), Some(decide));
            ext::SSL_CTX_set_tlsext_servername_arg(self.as_ptr(), self.argument());
        }
        Ok(())
    }
}

unsafe extern "C" fn decide(ssl: *mut sys::SSL, alert: *mut c_int, context: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.server_name.clone());
    // SAFETY: C's own arguments.
    unsafe { decide_with(closure.as_deref(), ssl, alert) }
}

/// Asks the closure, and answers C. Where it is missing, the handshake ends.
///
/// # Safety
///
/// C calls the servername callback of `ssl`, which is live, with these arguments.
pub(crate) unsafe fn decide_with(
    closure: Option<impl FnOnce(&mut ServerNameView<'_>) -> ServerNameDecision>,
    ssl: *mut sys::SSL,
    alert: *mut c_int,
) -> c_int {
    // SAFETY: the object is live for the callback.
    let mut view = ServerNameView { ssl: unsafe { SslRef::from_ptr(ssl) }, forbidden: false };
    let decision = closure.and_then(|closure| run(|| closure(&mut view)));
    let decision = if view.forbidden {
        decision.and(Some(ServerNameDecision::Refuse(Alert::ACCESS_DENIED)))
    } else {
        decision
    };
    let (answer, sent) = match decision {
        Some(ServerNameDecision::Ack) => return sys::SSL_TLSEXT_ERR_OK,
        Some(ServerNameDecision::Ignore) => return sys::SSL_TLSEXT_ERR_NOACK,
        Some(ServerNameDecision::Warn(warning)) => (sys::SSL_TLSEXT_ERR_ALERT_WARNING, warning),
        Some(ServerNameDecision::Refuse(refusal)) => (sys::SSL_TLSEXT_ERR_ALERT_FATAL, refusal),
        None => (sys::SSL_TLSEXT_ERR_ALERT_FATAL, Alert::INTERNAL_ERROR),
    };
    // SAFETY: C's own out-pointer.
    unsafe { *alert = c_int::from(sent.0) };
    answer
}
