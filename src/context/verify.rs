//! Whether and how a peer's certificate is verified.

use std::ffi::c_int;
use std::fmt;
use std::sync::Arc;

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::terms::Mark;
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind, VerifyError, VerifyFailure};
use crate::ssl::state::State;
use crate::ssl::{Role, SslRef};
use crate::x509::{X509, X509Ref};

bitflags! {
    /// `SSL_VERIFY_…`: what is demanded of the peer. No bit at all is `SSL_VERIFY_NONE`.
    ///
    /// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SslVerifyMode: c_int {
        /// `SSL_VERIFY_PEER`: a client verifies the server, a server asks the client for a certificate.
        #[doc(alias = "SSL_VERIFY_PEER")]
        const PEER = 1;
        /// `SSL_VERIFY_FAIL_IF_NO_PEER_CERT`: a server refuses clients without a certificate.
        #[doc(alias = "SSL_VERIFY_FAIL_IF_NO_PEER_CERT")]
        const FAIL_IF_NO_PEER_CERT = 2;
        /// `SSL_VERIFY_CLIENT_ONCE`: a server does not ask again in a renegotiation.
        #[doc(alias = "SSL_VERIFY_CLIENT_ONCE")]
        const CLIENT_ONCE = 4;
        /// `SSL_VERIFY_POST_HANDSHAKE`: a server asks only after the handshake.
        #[doc(alias = "SSL_VERIFY_POST_HANDSHAKE")]
        const POST_HANDSHAKE = 8;

        const _ = !0;
    }
}

type Rule = dyn Fn(&mut VerifyView<'_>) -> bool + Send + Sync;
type Closure = Arc<Rule>;
/// Which closure it is, and whether it may accept what OpenSSL refused.
pub(super) type DecideMark = (Mark<Rule>, bool);

/// The closure that decides about each certificate, and whether it may accept what OpenSSL refused.
#[derive(Clone)]
pub(super) struct Decide {
    closure: Closure,
    pub(super) overrides: bool,
}

impl Decide {
    pub(super) fn mark(&self) -> DecideMark {
        (Mark::of(&self.closure), self.overrides)
    }
}

/// One certificate of a chain that is being verified, in a verify callback.
#[doc(alias = "X509_STORE_CTX")]
pub struct VerifyView<'a> {
    store: *mut sys::X509_STORE_CTX,
    ssl: &'a SslRef,
    preverified: bool,
    error_was_set: bool,
    suspension: Suspension,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspension {
    None,
    Asked,
    /// A server asked, where C would take it for "accepted".
    Forbidden,
}

impl VerifyView<'_> {
    /// Whether OpenSSL accepts this certificate.
    pub fn preverified(&self) -> bool {
        self.preverified
    }

    /// Why OpenSSL refuses it. Only meaningful where [`preverified`](Self::preverified) is false.
    ///
    /// C: [`X509_STORE_CTX_get_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_error")]
    pub fn error(&self) -> VerifyError {
        // SAFETY: C lends the context for the callback, which this view does not outlive.
        VerifyError(unsafe { sys::X509_STORE_CTX_get_error(self.store) })
    }

    /// Sets the result that SSL_get_verify_result(3) will tell, and the alert that the peer will get.
    ///
    /// C: [`X509_STORE_CTX_set_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_set_error")]
    pub fn set_error(&mut self, error: VerifyError) {
        self.error_was_set = true;
        // SAFETY: as above; `&mut self` has it alone.
        unsafe { sys::X509_STORE_CTX_set_error(self.store, error.0) };
    }

    /// The certificate's place in the chain; 0 is the peer's own.
    ///
    /// C: [`X509_STORE_CTX_get_error_depth(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_error_depth")]
    pub fn depth(&self) -> u32 {
        // SAFETY: as above.
        u32::try_from(unsafe { sys::X509_STORE_CTX_get_error_depth(self.store) }).unwrap_or_default()
    }

    /// The certificate, where the question is about one.
    ///
    /// C: [`X509_STORE_CTX_get_current_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_current_cert")]
    pub fn certificate(&self) -> Option<&X509Ref> {
        // SAFETY: as above; get0.
        let certificate = unsafe { sys::X509_STORE_CTX_get_current_cert(self.store) };
        // SAFETY: not NULL; the context keeps it for the callback, which this view does not outlive.
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }

    /// The connection, for reading.
    pub fn ssl(&self) -> &SslRef {
        self.ssl
    }

    /// Pauses the handshake once this chain has been gone through and nothing in it was refused: it ends with
    /// [`WantRetryVerify`](crate::HandshakeError::WantRetryVerify), and resuming it verifies anew. The answer of this
    /// call is still needed; `true` leaves the question open.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongRole`] on a server, where C has no such pause and would accept the client. The certificate
    /// is then refused, whatever the callback answers.
    ///
    /// C: [`SSL_set_retry_verify(3)`](https://docs.openssl.org/master/man3/SSL_set_retry_verify/)
    #[doc(alias = "SSL_set_retry_verify")]
    pub fn suspend(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_is_server(self.ssl.as_ptr()) } == 1 {
            self.suspension = Suspension::Forbidden;
            return Err(Error::new(ErrorKind::WrongRole, "SSL_set_retry_verify"));
        }
        self.suspension = Suspension::Asked;
        Ok(())
    }

    /// Which role the connection plays.
    #[doc(alias = "SSL_is_server")]
    pub fn role(&self) -> Role {
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_is_server(self.ssl.as_ptr()) } == 1 { Role::Server } else { Role::Client }
    }
}

impl fmt::Debug for VerifyView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyView")
            .field("preverified", &self.preverified)
            .field("error", &self.error())
            .field("depth", &self.depth())
            .field("certificate", &self.certificate())
            .finish_non_exhaustive()
    }
}

impl ContextSettings {
    /// What is demanded of the peer.
    ///
    /// C: [`SSL_CTX_get_verify_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_CTX_get_verify_mode")]
    pub fn verify_mode(&self) -> SslVerifyMode {
        // SAFETY: the context is live, and the call only reads it.
        SslVerifyMode::from_bits_retain(unsafe { sys::SSL_CTX_get_verify_mode(self.as_ptr()) })
    }

    /// Whether the context has a verify callback, of this crate's (which also keeps what errors tell) or of C's.
    ///
    /// C: [`SSL_CTX_get_verify_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_CTX_get_verify_callback")]
    pub fn has_verify_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_verify_callback(self.as_ptr()) }.is_some()
    }

    /// How long a chain may be, not counting the peer's own certificate and the root; `None` is the library's limit.
    ///
    /// C: [`SSL_CTX_get_verify_depth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_CTX_get_verify_depth")]
    pub fn verify_depth(&self) -> Option<u32> {
        // SAFETY: the context is live, and the call only reads it.
        u32::try_from(unsafe { ext::SSL_CTX_get_verify_depth(self.as_ptr()) }).ok()
    }
}

impl SslContextBuilderRef {
    /// Demands that the peer be verified. An earlier verify callback is dropped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a mode without [`SslVerifyMode::PEER`], with which all others mean nothing:
    /// that is [`danger_set_verify_none`](Self::danger_set_verify_none).
    ///
    /// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_CTX_set_verify")]
    pub fn set_verify(&mut self, mode: SslVerifyMode) -> Result<(), Error> {
        demand_peer(mode)?;
        self.update_callbacks(|callbacks| callbacks.verify = None)?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its table in the context.
        unsafe { sys::SSL_CTX_set_verify(self.as_ptr(), mode.bits(), Some(record)) };
        Ok(())
    }

    /// Verifies no peer: a client takes whoever answers, and a server does not ask for certificates (which is C's
    /// default, and right for most servers).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_VERIFY_NONE")]
    pub fn danger_set_verify_none(&mut self) -> Result<(), Error> {
        self.update_callbacks(|callbacks| callbacks.verify = None)?;
        // SAFETY: the context is live and borrowed for writing.
        unsafe { sys::SSL_CTX_set_verify(self.as_ptr(), 0, None) };
        Ok(())
    }

    /// As [`set_verify`](Self::set_verify), and `callback` is asked about each certificate of the chain, the root
    /// first, and about each complaint. It can refuse what OpenSSL accepts, but not accept what OpenSSL refuses.
    ///
    /// If it panics, the certificate is refused, and the panic goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// As [`set_verify`](Self::set_verify).
    ///
    /// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_CTX_set_verify")]
    pub fn set_verify_callback<F>(&mut self, mode: SslVerifyMode, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut VerifyView<'_>) -> bool + Send + Sync + 'static,
    {
        demand_peer(mode)?;
        self.install(mode, Decide { closure: Arc::new(callback), overrides: false })
    }

    /// As [`set_verify_callback`](Self::set_verify_callback) with C's meaning: `true` accepts the certificate,
    /// whatever OpenSSL found. Any mode is taken; without [`SslVerifyMode::PEER`] a client's callback only watches.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_CTX_set_verify")]
    pub fn danger_set_verify_callback<F>(&mut self, mode: SslVerifyMode, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut VerifyView<'_>) -> bool + Send + Sync + 'static,
    {
        self.install(mode, Decide { closure: Arc::new(callback), overrides: true })
    }

    fn install(&mut self, mode: SslVerifyMode, decide: Decide) -> Result<(), Error> {
        self.update_callbacks(|callbacks| callbacks.verify = Some(decide))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { sys::SSL_CTX_set_verify(self.as_ptr(), mode.bits(), Some(decide_each)) };
        Ok(())
    }

    /// Limits how long a chain may be, not counting the peer's own certificate and the root.
    ///
    /// C: [`SSL_CTX_set_verify_depth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_CTX_set_verify_depth")]
    pub fn set_verify_depth(&mut self, depth: u32) {
        let depth = c_int::try_from(depth).unwrap_or(c_int::MAX);
        // SAFETY: the context is live and borrowed for writing.
        unsafe { sys::SSL_CTX_set_verify_depth(self.as_ptr(), depth) };
    }
}

fn demand_peer(mode: SslVerifyMode) -> Result<(), Error> {
    if mode.contains(SslVerifyMode::PEER) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_verify")
        .with_detail("the mode lacks SSL_VERIFY_PEER"))
}

/// The trampoline where there is no closure: OpenSSL's verdict stands, and the first refusal is remembered.
pub(crate) extern "C" fn record(preverified: c_int, store: *mut sys::X509_STORE_CTX) -> c_int {
    // SAFETY: C lends the context for this call.
    let Some(ssl) = (unsafe { ssl_of(store) }) else { return 0 };
    // 2 is a notice that policies are being checked.
    if preverified != 0 {
        return preverified;
    }
    remember(ssl, store);
    0
}

/// The trampoline where there is a closure. SSL_new copied it to the object, so its closure is that of the context
/// that the object was made from. Where it is missing, nothing is accepted.
extern "C" fn decide_each(preverified: c_int, store: *mut sys::X509_STORE_CTX) -> c_int {
    // SAFETY: C lends the context for this call.
    let Some(ssl) = (unsafe { ssl_of(store) }) else { return 0 };
    // SAFETY: the object is live.
    let decide = unsafe { Callbacks::of_first(ssl.as_ptr()) }.and_then(|callbacks| callbacks.verify.clone());
    let overrides = decide.as_ref().is_some_and(|decide| decide.overrides);
    judge_one(preverified, store, ssl, overrides, decide.as_ref().map(|decide| &*decide.closure))
}

/// Asks a closure about one certificate, and answers C. Where it is missing, nothing is accepted.
fn judge_one(
    preverified: c_int,
    store: *mut sys::X509_STORE_CTX,
    ssl: &SslRef,
    overrides: bool,
    closure: Option<impl FnOnce(&mut VerifyView<'_>) -> bool>,
) -> c_int {
    // 2 is a notice that policies are being checked, without a certificate.
    let preverified = preverified != 0;
    let mut view = VerifyView { store, ssl, preverified, error_was_set: false, suspension: Suspension::None };
    let answer = closure.and_then(|closure| run(|| closure(&mut view)));
    let answer = answer.map(|answer| answer && (preverified || overrides));
    if answer == Some(true) && view.suspension != Suspension::Forbidden {
        if !preverified {
            note_overruled(ssl, true);
        }
        if view.suspension == Suspension::Asked {
            // On 3.0 an entry in the queue would turn the pause into a failure.
            error::clear();
            // SAFETY: the object is live, and this is the callback where C expects the call.
            unsafe { ext::SSL_set_retry_verify(ssl.as_ptr()) };
        }
        return 1;
    }
    if (preverified && !view.error_was_set) || view.error().is_ok() {
        // An earlier complaint that the closure overruled may still stand there.
        view.set_error(VerifyError::APPLICATION_VERIFICATION);
    }
    remember(ssl, store);
    0
}

/// As the trampoline, for a callback that C registered.
///
/// # Safety
///
/// As [`ssl_of`].
pub(crate) unsafe fn judge_for_c(
    preverified: c_int,
    store: *mut sys::X509_STORE_CTX,
    overrides: bool,
    closure: impl FnOnce(&mut VerifyView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    let Some(ssl) = (unsafe { ssl_of(store) }) else { return 0 };
    judge_one(preverified, store, ssl, overrides, Some(closure))
}

/// Drops what was remembered of a refusal that did not stand.
pub(super) fn forget_refusal(ssl: &SslRef) {
    // SAFETY: the object is live.
    drop(unsafe { State::of(ssl.as_ptr()) }.and_then(State::take_refusal));
}

/// Remembers whether OpenSSL was overruled about the chain that is being verified.
pub(super) fn note_overruled(ssl: &SslRef, overruled: bool) {
    // SAFETY: the object is live.
    if let Some(state) = unsafe { State::of(ssl.as_ptr()) } {
        state.set_overruled(overruled);
    }
}

/// Whether OpenSSL was overruled. Of an object of C's, which has nothing to remember it in, whether it may have been.
pub(super) fn was_overruled(ssl: &SslRef) -> bool {
    // SAFETY: the object is live.
    if let Some(state) = unsafe { State::of(ssl.as_ptr()) } {
        return state.is_overruled();
    }
    // SAFETY: as above.
    let callbacks = unsafe { Callbacks::of_first(ssl.as_ptr()) };
    callbacks.is_none_or(|callbacks| callbacks.verify.as_ref().is_some_and(|decide| decide.overrides))
}

/// The object whose peer is being verified.
///
/// # Safety
///
/// `store` is a context that C lends for `'a`.
pub(super) unsafe fn ssl_of<'a>(mut store: *mut sys::X509_STORE_CTX) -> Option<&'a SslRef> {
    // The issuer of a revocation list may be verified in a context of its own, below the connection's.
    while !store.is_null() {
        // SAFETY: the context is live, as is the one that it was made for; libssl keeps the object at this index.
        let ssl =
            unsafe { sys::X509_STORE_CTX_get_ex_data(store, sys::SSL_get_ex_data_X509_STORE_CTX_idx()) };
        if !ssl.is_null() {
            // SAFETY: the object that is shaking hands, and live for the callback.
            return Some(unsafe { SslRef::from_ptr(ssl.cast()) });
        }
        // SAFETY: live; NULL if there is none above.
        store = unsafe { ext::X509_STORE_CTX_get0_parent_ctx(store) };
    }
    None
}

/// Keeps what the error of the handshake will tell about this refusal.
fn remember(ssl: &SslRef, store: *mut sys::X509_STORE_CTX) {
    let view =
        VerifyView { store, ssl, preverified: false, error_was_set: false, suspension: Suspension::None };
    record_failure(
        ssl,
        store,
        VerifyFailure::new(view.error(), Some(view.depth()), owned(view.certificate())),
    );
}

/// As [`remember`], of a whole chain, of which this is the peer's own certificate.
pub(super) fn remember_chain(
    ssl: &SslRef,
    store: *mut sys::X509_STORE_CTX,
    error: VerifyError,
    certificate: Option<&X509Ref>,
    detail: Option<&str>,
) {
    let mut failure = VerifyFailure::new(error, certificate.map(|_| 0), owned(certificate));
    failure.detail = detail.map(str::to_owned);
    record_failure(ssl, store, failure);
}

fn owned(certificate: Option<&X509Ref>) -> Option<X509> {
    certificate.map(ToOwned::to_owned)
}

fn record_failure(ssl: &SslRef, store: *mut sys::X509_STORE_CTX, mut failure: VerifyFailure) {
    // SAFETY: the object is live.
    let Some(state) = (unsafe { State::of(ssl.as_ptr()) }) else { return };
    // SAFETY: the object is live, and the call only reads it.
    if unsafe { sys::SSL_get_verify_mode(ssl.as_ptr()) } & SslVerifyMode::PEER.bits() == 0 {
        return;
    }
    run(|| {
        // SAFETY: C lends the context for the callback, and it keeps the peer's certificate (get0) or has none.
        let own = unsafe { ext::X509_STORE_CTX_get0_cert(store) };
        if !own.is_null() {
            // SAFETY: not NULL, and live for this call.
            failure.presented = unsafe { X509Ref::from_ptr(own) }.display_names();
        }
        state.record_refusal(failure);
    });
}
