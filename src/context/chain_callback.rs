//! The callback for whole chains: it judges what OpenSSL verified, or verifies in OpenSSL's place.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use super::callbacks::{Callbacks, run};
use super::pins::{self, NO_PIN_FITS};
use super::terms::Mark;
use super::verify::{Suspension, forget_refusal, note_overruled, remember_chain, ssl_of, was_overruled};
use crate::error::{self, Error, ErrorKind, ErrorStack, VerifyError};
use crate::ssl::{Role, SslRef};
use crate::x509::{X509, X509Ref, stack};

type Rule = dyn Fn(&mut PeerChainView<'_>) -> bool + Send + Sync;
/// Which closure it is, and whether it verifies in OpenSSL's place.
pub(super) type DecideMark = (Mark<Rule>, bool);

/// The closure, and whether it verifies in OpenSSL's place.
#[derive(Clone)]
pub(super) struct Decide {
    closure: Arc<Rule>,
    pub(super) replaces: bool,
}

impl Decide {
    pub(super) fn mark(&self) -> DecideMark {
        (Mark::of(&self.closure), self.replaces)
    }
}

/// A peer's chain, in a callback that judges it as a whole.
#[doc(alias = "X509_STORE_CTX")]
pub struct PeerChainView<'a> {
    store: *mut sys::X509_STORE_CTX,
    ssl: &'a SslRef,
    /// What OpenSSL said of the chain, once it was asked.
    verified: Option<bool>,
    error_was_set: bool,
    suspension: Suspension,
    /// What verifying left in the error queue.
    left: ErrorStack,
    /// The chain that OpenSSL built, if it accepted all of it and nobody overruled it: whatever the closure sets later.
    vouched: Vec<X509>,
}

impl PeerChainView<'_> {
    /// The peer's own certificate.
    ///
    /// C: [`X509_STORE_CTX_get0_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_get0_cert")]
    pub fn certificate(&self) -> Option<&X509Ref> {
        // SAFETY: C lends the context for the callback, which this view does not outlive.
        let certificate = unsafe { ext::X509_STORE_CTX_get0_cert(self.store) };
        // SAFETY: not NULL; the context keeps it for the callback (get0).
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }

    /// All certificates that the peer sent, its own among them.
    ///
    /// C: [`X509_STORE_CTX_get0_untrusted(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_get0_untrusted")]
    pub fn untrusted(&self) -> Vec<X509> {
        // SAFETY: as above; the stack is lent (get0), and each certificate gets one more reference, which is ours.
        unsafe { stack::collect(ext::X509_STORE_CTX_get0_untrusted(self.store), share) }
    }

    /// The chain that OpenSSL built, the peer's certificate first; empty before [`verify`](Self::verify).
    ///
    /// C: [`X509_STORE_CTX_get0_chain(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get0_chain")]
    pub fn chain(&self) -> Vec<X509> {
        // SAFETY: as above.
        unsafe { stack::collect(sys::X509_STORE_CTX_get0_chain(self.store), share) }
    }

    /// Lets OpenSSL verify the chain, with all settings of the connection and its verify callback. It does so once; after
    /// that, the verdict is repeated. It has been done where the callback cannot accept what OpenSSL refuses.
    ///
    /// # Errors
    ///
    /// Why the chain is refused.
    ///
    /// C: [`X509_verify_cert(3)`](https://docs.openssl.org/master/man3/X509_verify_cert/)
    #[doc(alias = "X509_verify_cert")]
    pub fn verify(&mut self) -> Result<(), VerifyError> {
        let accepted = match self.verified {
            Some(accepted) => accepted,
            None => {
                note_overruled(self.ssl, false);
                // SAFETY: C lends the context for the callback, and `&mut self` has it alone. The entries that verifying
                // leaves are kept for the handshake's error.
                let accepted = unsafe { sys::X509_verify_cert(self.store) } == 1;
                // An error stays where a callback of C's accepted in spite of it.
                if accepted && self.error().is_ok() && !was_overruled(self.ssl) {
                    self.vouched = self.chain();
                }
                self.left = ErrorStack::drain();
                if !accepted && self.error().is_ok() {
                    // An internal failure that C did not name.
                    self.set_error(VerifyError::UNSPECIFIED);
                }
                self.error_was_set = false;
                self.verified = Some(accepted);
                accepted
            }
        };
        if accepted { Ok(()) } else { Err(self.error()) }
    }

    /// The verdict so far.
    ///
    /// C: [`X509_STORE_CTX_get_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_error")]
    pub fn error(&self) -> VerifyError {
        // SAFETY: as above.
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

    /// Sets the chain that [`SslRef::verified_chain`] will tell, in place of the one that OpenSSL built, if it did.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_CTX_set0_verified_chain(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_set0_verified_chain")]
    pub fn set_verified_chain(&mut self, chain: Vec<X509>) -> Result<(), Error> {
        let stack = stack::Owned::new(chain)?;
        // SAFETY: as above; C owns the stack with its references from here on (set0), and frees the earlier one.
        unsafe { ext::X509_STORE_CTX_set0_verified_chain(self.store, stack.as_ptr()) };
        std::mem::forget(stack);
        Ok(())
    }

    /// The connection, for reading.
    pub fn ssl(&self) -> &SslRef {
        self.ssl
    }

    /// Which role the connection plays.
    #[doc(alias = "SSL_is_server")]
    pub fn role(&self) -> Role {
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_is_server(self.ssl.as_ptr()) } == 1 { Role::Server } else { Role::Client }
    }

    /// Pauses the handshake, if the answer is `true`: it ends with
    /// [`WantRetryVerify`](crate::HandshakeError::WantRetryVerify), and resuming it verifies anew.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::WrongRole`] on a server, where C has no such pause and would accept the client. The chain is then
    /// refused, whatever the callback answers.
    ///
    /// C: [`SSL_set_retry_verify(3)`](https://docs.openssl.org/master/man3/SSL_set_retry_verify/)
    #[doc(alias = "SSL_set_retry_verify")]
    pub fn suspend(&mut self) -> Result<(), Error> {
        if self.role() == Role::Server {
            self.suspension = Suspension::Forbidden;
            return Err(Error::new(ErrorKind::WrongRole, "SSL_set_retry_verify"));
        }
        self.suspension = Suspension::Asked;
        Ok(())
    }

    fn new<'a>(store: *mut sys::X509_STORE_CTX, ssl: &'a SslRef) -> PeerChainView<'a> {
        PeerChainView {
            store,
            ssl,
            verified: None,
            error_was_set: false,
            suspension: Suspension::None,
            left: ErrorStack::default(),
            vouched: Vec::new(),
        }
    }

    /// Refuses, with the reason that was set, or one that says that the application refused.
    fn refuse(&mut self, detail: Option<&str>) -> c_int {
        if self.error().is_ok() || !(self.error_was_set || self.verified == Some(false)) {
            self.set_error(VerifyError::APPLICATION_VERIFICATION);
        }
        // Where the chain is accepted they go: SSL_get_error would take them for libssl's.
        self.left.restore();
        let certificate = self.certificate();
        remember_chain(self.ssl, self.store, self.error(), certificate, detail);
        0
    }
}

fn share(certificate: *mut sys::X509) -> Option<X509> {
    // SAFETY: an entry of a live stack, which lends it; the copy is one more reference.
    Some(unsafe { X509Ref::from_ptr(certificate) }.to_owned())
}

impl fmt::Debug for PeerChainView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerChainView")
            .field("certificate", &self.certificate())
            .field("verified", &self.verified)
            .field("error", &self.error())
            .finish_non_exhaustive()
    }
}

impl SslContextBuilderRef {
    /// Asks `callback` about each chain that OpenSSL accepts, as a whole: it can refuse it. One that OpenSSL refuses stays
    /// refused, and the callback is not asked.
    ///
    /// If it panics, the chain is refused, and the panic goes on in the call that shook hands. Whether the peer is verified
    /// at all is set by [`set_verify`](Self::set_verify).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_cert_verify_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_verify_callback/)
    #[doc(alias = "SSL_CTX_set_cert_verify_callback")]
    pub fn set_cert_verify_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut PeerChainView<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_chain_callback(Decide { closure: Arc::new(callback), replaces: false })
    }

    /// Lets `callback` verify chains in OpenSSL's place, as C does: `true` accepts, whatever the chain is.
    /// [`PeerChainView::verify`] has OpenSSL's verdict.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_cert_verify_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_verify_callback/)
    #[doc(alias = "SSL_CTX_set_cert_verify_callback")]
    pub fn danger_set_cert_verify_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut PeerChainView<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_chain_callback(Decide { closure: Arc::new(callback), replaces: true })
    }

    fn install_chain_callback(&mut self, decide: Decide) -> Result<(), Error> {
        self.update_callbacks(|callbacks| callbacks.chain = Some(decide))?;
        self.judge_chains();
        Ok(())
    }

    /// Registers the trampoline.
    pub(super) fn judge_chains(&mut self) {
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe { ext::SSL_CTX_set_cert_verify_callback(self.as_ptr(), Some(judge), self.argument()) };
    }
}

/// C takes it from the context that the object has now, with its argument.
unsafe extern "C" fn judge(store: *mut sys::X509_STORE_CTX, context: *mut c_void) -> c_int {
    // SAFETY: C lends the context for this call.
    let Some(ssl) = (unsafe { ssl_of(store) }) else { return 0 };
    // SAFETY: the argument that was registered. Where its table is missing, nothing is accepted.
    let Some(callbacks) = (unsafe { Callbacks::of_argument(context) }) else {
        return PeerChainView::new(store, ssl).refuse(None);
    };
    let replaces = callbacks.chain.as_ref().is_some_and(|decide| decide.replaces);
    let closure = callbacks.chain.as_ref().map(|decide| &*decide.closure);
    judge_chain(store, ssl, replaces, closure, Some(&callbacks))
}

/// As the trampoline, for a callback that C registered.
///
/// # Safety
///
/// As [`ssl_of`].
pub(crate) unsafe fn judge_for_c(
    store: *mut sys::X509_STORE_CTX,
    replaces: bool,
    closure: impl FnOnce(&mut PeerChainView<'_>) -> bool,
) -> c_int {
    // SAFETY: by this function's contract.
    let Some(ssl) = (unsafe { ssl_of(store) }) else { return 0 };
    judge_chain(store, ssl, replaces, Some(closure), None)
}

/// Asks the closure, if there is one, and answers C.
fn judge_chain(
    store: *mut sys::X509_STORE_CTX,
    ssl: &SslRef,
    replaces: bool,
    closure: Option<impl FnOnce(&mut PeerChainView<'_>) -> bool>,
    callbacks: Option<&Callbacks>,
) -> c_int {
    let mut view = PeerChainView::new(store, ssl);
    if !replaces && view.verify().is_err() {
        return view.refuse(None);
    }
    let accepted = closure.is_none_or(|closure| run(|| closure(&mut view)) == Some(true));
    if !accepted || view.suspension == Suspension::Forbidden {
        return view.refuse(None);
    }
    if view.verified == Some(false) {
        // What was overruled is not what a later failure is about.
        forget_refusal(ssl);
    }
    if let Some((callbacks, pinned)) =
        callbacks.and_then(|callbacks| Some((callbacks, callbacks.pins.as_ref()?)))
    {
        let fits = |certificate: &X509Ref| pins::fit(pinned, certificate, callbacks.lib);
        // The handshake proves the peer's own key; that a CA's counts is OpenSSL's to say, for its certificate is public.
        let fits = view.certificate().is_some_and(fits) || view.vouched.iter().any(|it| fits(it));
        if !fits {
            view.set_error(VerifyError::APPLICATION_VERIFICATION);
            return view.refuse(Some(NO_PIN_FITS));
        }
    }
    if view.verified.is_none() && !view.error_was_set {
        // Nobody looked, and the closure vouches.
        view.set_error(VerifyError::OK);
    }
    if view.suspension == Suspension::Asked {
        // On 3.0 an entry in the queue would turn the pause into a failure.
        error::clear();
        // SAFETY: the object is live, and this is the callback where C expects the call.
        unsafe { ext::SSL_set_retry_verify(ssl.as_ptr()) };
    }
    1
}
