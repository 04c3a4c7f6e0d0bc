//! Certificate status (OCSP stapling): what a client demands, and what a server supplies.

use std::ffi::{c_int, c_long, c_void};
use std::ops::Deref;
use std::sync::Arc;
use std::{fmt, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::terms::Mark;
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{Error, ErrorKind, OcspRefusal, VerifyFailure};
use crate::ffi::compat::ocsp as compat;
use crate::ocsp::{self, OcspCheck, OcspResponse, Refused, Staple, StaplePolicy};
use crate::ssl::state::State;
use crate::ssl::{SslRef, StatusType, staple, staple_all};
use crate::x509::X509Ref;

type Supply = Arc<dyn Fn(&StatusRequest<'_>) -> StatusDecision + Send + Sync>;
type Judge = dyn Fn(&StatusResponse<'_>) -> StatusVerdict + Send + Sync;

/// Which closure judges responses, and which policy.
pub(super) type JudgeMark = (Option<Mark<Judge>>, Option<Mark<(StaplePolicy, OcspCheck)>>);

/// C has one callback for both sides.
#[derive(Clone, Default)]
pub(super) struct Closures {
    supply: Option<Supply>,
    judge: Option<Arc<Judge>>,
    policy: Option<Arc<(StaplePolicy, OcspCheck)>>,
}

impl Closures {
    /// What judges the responses of servers.
    pub(super) fn judge_mark(&self) -> JudgeMark {
        (self.judge.as_ref().map(Mark::of), self.policy.as_ref().map(Mark::of))
    }
}

impl Callbacks {
    /// Whether what servers staple is judged.
    pub(crate) fn judges_staples(&self) -> bool {
        self.status.policy.is_some()
    }
}

/// What a server answers to a client that asks for the status of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusDecision {
    /// This response. From OpenSSL 3.6 on it is left out if it does not speak of the certificate.
    #[doc(alias = "SSL_TLSEXT_ERR_OK")]
    Staple(OcspResponse),
    /// These responses, one for each certificate of the chain, the server's own first, of which `None` has none. Before
    /// OpenSSL 3.6, and in TLS 1.2, it is the first alone.
    StapleAll(Vec<Option<OcspResponse>>),
    /// None: the handshake goes on without.
    #[doc(alias = "SSL_TLSEXT_ERR_NOACK")]
    Ignore,
    /// The handshake fails with the alert `internal_error`.
    #[doc(alias = "SSL_TLSEXT_ERR_ALERT_FATAL")]
    Refuse,
}

/// A client's wish for the status of the certificate, in a server's callback. It derefs to the connection, for reading.
pub struct StatusRequest<'a> {
    ssl: &'a SslRef,
}

impl StatusRequest<'_> {
    /// The certificate that this connection presents.
    ///
    /// C: [`SSL_get_certificate(3)`](https://docs.openssl.org/master/man3/SSL_get_certificate/)
    #[doc(alias = "SSL_get_certificate")]
    pub fn certificate(&self) -> Option<&X509Ref> {
        // SAFETY: the object is live.
        let certificate = unsafe { sys::SSL_get_certificate(self.ssl.as_ptr()) };
        // SAFETY: not NULL; get0: the object keeps it for the callback, which this view does not outlive.
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }
}

impl Deref for StatusRequest<'_> {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        self.ssl
    }
}

impl fmt::Debug for StatusRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusRequest").field("certificate", &self.certificate()).finish_non_exhaustive()
    }
}

/// What a client makes of the status of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusVerdict {
    /// Go on.
    Accept,
    /// The handshake fails with the alert `bad_certificate_status_response`.
    Refuse,
    /// The handshake fails with the alert `internal_error`.
    Fail,
}

/// What a server stapled, or nothing, in a client's callback: after the chain was verified, and before the client says
/// that it is done. It derefs to the connection, for reading.
pub struct StatusResponse<'a> {
    ssl: &'a SslRef,
    responses: Vec<Vec<u8>>,
}

impl StatusResponse<'_> {
    /// The first response, as it came; `None` if nothing was stapled. A resumed session has none. From OpenSSL 3.6 on it is
    /// that of another certificate of the chain where the server's own has none: see [`verify`](Self::verify).
    ///
    /// C: [`SSL_get_tlsext_status_ocsp_resp(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_get_tlsext_status_ocsp_resp")]
    pub fn der(&self) -> Option<&[u8]> {
        self.responses.first().map(Vec::as_slice)
    }

    /// All that was stapled: from OpenSSL 3.6 on, a server may do so for each certificate of its chain.
    pub fn all(&self) -> &[Vec<u8>] {
        &self.responses
    }

    /// The response, parsed. It is not verified.
    ///
    /// # Errors
    ///
    /// As [`OcspResponse::from_der`].
    pub fn response(&self) -> Result<Option<OcspResponse>, Error> {
        self.der().map(OcspResponse::from_der).transpose()
    }

    /// Judges what was stapled as
    /// [`verify_stapled_responses`](SslContextBuilderRef::verify_stapled_responses) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`], of which [`Error::ocsp_refusal`] says what is not right.
    pub fn verify(&self, policy: StaplePolicy, check: &OcspCheck) -> Result<(), Error> {
        ocsp::judge(self.ssl, &self.responses, policy, check)
            .map_err(|refused| Error::status_refused("OCSP_basic_verify", refused.refusal))
    }
}

impl Deref for StatusResponse<'_> {
    type Target = SslRef;

    fn deref(&self) -> &SslRef {
        self.ssl
    }
}

impl fmt::Debug for StatusResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusResponse").field("responses", &self.responses.len()).finish_non_exhaustive()
    }
}

impl ContextSettings {
    /// What kind of certificate status clients of this context ask for.
    ///
    /// C: [`SSL_CTX_get_tlsext_status_type(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_get_tlsext_status_type")]
    pub fn tlsext_status_type(&self) -> StatusType {
        // SAFETY: the context is live, and the call only reads it.
        StatusType::from_long(unsafe { ext::SSL_CTX_get_tlsext_status_type(self.as_ptr()) })
    }

    /// Whether the context has a status callback, of this crate's or of C's.
    ///
    /// C: [`SSL_CTX_get_tlsext_status_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_get_tlsext_status_cb")]
    pub fn has_tlsext_status_cb(&self) -> bool {
        let mut callback = None;
        // SAFETY: the context is live; the out-pointer is a local of the type C writes.
        unsafe { ext::SSL_CTX_get_tlsext_status_cb(self.as_ptr(), &raw mut callback) };
        callback.is_some()
    }

    /// What the status callback is called with: for callbacks of this crate's the context itself, for C's what C set.
    ///
    /// C: [`SSL_CTX_get_tlsext_status_arg(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_get_tlsext_status_arg")]
    pub fn tlsext_status_arg(&self) -> *mut c_void {
        let mut argument = ptr::null_mut();
        // SAFETY: the context is live; the out-pointer is a local of the type C writes.
        unsafe { ext::SSL_CTX_get_tlsext_status_arg(self.as_ptr(), &raw mut argument) };
        argument
    }
}

impl SslContextBuilderRef {
    /// Sets what kind of certificate status clients ask for. That a client asks does not mean that it judges the answer:
    /// [`verify_stapled_responses`](Self::verify_stapled_responses) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for anything but OCSP where stapled responses are judged,
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`SSL_CTX_set_tlsext_status_type(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_status_type")]
    pub fn set_tlsext_status_type(&mut self, status_type: StatusType) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_tlsext_status_type";
        compat::has_ocsp(CALL)?;
        // SAFETY: the context is live, and its settings stay as they are during the call.
        let judges = unsafe { Callbacks::of_context(self.as_ptr()) }.is_some_and(|c| c.judges_staples());
        if judges && status_type != StatusType::OCSP {
            let detail = "the context judges stapled responses";
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
        // SAFETY: the context is live and borrowed for writing. The call cannot fail, and some versions answer 0.
        unsafe { ext::SSL_CTX_set_tlsext_status_type(self.as_ptr(), status_type.0) };
        Ok(())
    }

    /// Asks servers to staple an OCSP response, and judges it: what is stapled must be good, of now, and signed by who
    /// may speak for the issuer, with a chain to the connection's trust anchors. The policy says whether it must be
    /// there. A refusal ends the handshake with the alert `bad_certificate_status_response`; its error is
    /// [`ErrorKind::Verification`], and [`Error::ocsp_refusal`] says why.
    ///
    /// Of a responder that the issuer let speak for it, the chain is verified with the connection's own settings too: its
    /// revocation lists, depth, time and security level.
    ///
    /// A resumed session is not judged again: it was when it was made, if its context had a policy. A certificate whose
    /// issuer is not in the chain that was verified (it is trusted itself, by DANE, or by a callback that verifies in
    /// OpenSSL's place) has no response that could be right.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`, [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_tlsext_status_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_status_cb")]
    #[doc(alias = "SSL_CTX_set_tlsext_status_type")]
    pub fn verify_stapled_responses(&mut self, policy: StaplePolicy, check: OcspCheck) -> Result<(), Error> {
        self.set_tlsext_status_type(StatusType::OCSP)?;
        self.install_status(|closures| closures.policy = Some(Arc::new((policy, check))))
    }

    /// Lets `callback` judge what servers staple, or that they do not, after
    /// [`verify_stapled_responses`](Self::verify_stapled_responses) where that is set too. It is called if the client
    /// asks for a status ([`set_tlsext_status_type`](Self::set_tlsext_status_type)); of resumed sessions, for those of TLS 1.3
    /// only. A panic ends the handshake, and goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`, [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_tlsext_status_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_status_cb")]
    pub fn set_status_response_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&StatusResponse<'_>) -> StatusVerdict + Send + Sync + 'static,
    {
        self.install_status(|closures| closures.judge = Some(Arc::new(callback)))
    }

    /// Lets `callback` supply what a server staples. It is called if the client asks, after the certificate was chosen; not
    /// for resumed sessions. After a switch by name it is the callback of the context that was switched to. A panic ends
    /// the handshake, and goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// As [`set_status_response_callback`](Self::set_status_response_callback).
    ///
    /// C: [`SSL_CTX_set_tlsext_status_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_status_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_status_cb")]
    pub fn set_status_request_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&StatusRequest<'_>) -> StatusDecision + Send + Sync + 'static,
    {
        self.install_status(|closures| closures.supply = Some(Arc::new(callback)))
    }

    /// Staples what is in `staple` at the time of each handshake, for whatever certificate is presented.
    ///
    /// # Errors
    ///
    /// As [`set_status_response_callback`](Self::set_status_response_callback).
    #[doc(alias = "SSL_CTX_set_tlsext_status_cb")]
    pub fn set_staple(&mut self, staple: &Staple) -> Result<(), Error> {
        let staple = staple.clone();
        self.set_status_request_callback(move |_| {
            staple.get().map_or(StatusDecision::Ignore, StatusDecision::Staple)
        })
    }

    fn install_status(&mut self, change: impl FnOnce(&mut Closures)) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_tlsext_status_cb";
        compat::has_ocsp(CALL)?;
        self.update_callbacks(|callbacks| change(&mut callbacks.status))?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        let done: [c_long; 2] = unsafe {
            [
                ext::SSL_CTX_set_tlsext_status_cb(self.as_ptr(), Some(status)),
                ext::SSL_CTX_set_tlsext_status_arg(self.as_ptr(), self.argument()),
            ]
        };
        if done == [1, 1] { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }
}

/// Both sides' trampoline: C's answers mean different things on each.
unsafe extern "C" fn status(ssl: *mut sys::SSL, context: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered.
    let callbacks = unsafe { Callbacks::of_argument(context) };
    // SAFETY: the object is live, and the call only reads it.
    let server = unsafe { ext::SSL_is_server(ssl) } == 1;
    // SAFETY: the object is live for the callback.
    let view = unsafe { SslRef::from_ptr(ssl) };
    match (callbacks, server) {
        (Some(callbacks), true) => supply(view, callbacks.status.supply.as_ref()),
        (Some(callbacks), false) => judge(view, &callbacks.status),
        (None, true) => sys::SSL_TLSEXT_ERR_ALERT_FATAL,
        (None, false) => FAILED,
    }
}

/// What a client's callback answers: 1, 0 with the alert `bad_certificate_status_response`, or less with
/// `internal_error`.
const ACCEPTED: c_int = 1;
const REFUSED: c_int = 0;
const FAILED: c_int = -1;

fn supply(ssl: &SslRef, closure: Option<&Supply>) -> c_int {
    let Some(closure) = closure else { return sys::SSL_TLSEXT_ERR_NOACK };
    let answer = run(|| {
        let (one, all) = match closure(&StatusRequest { ssl }) {
            StatusDecision::Staple(response) => (Some(response), None),
            StatusDecision::StapleAll(responses) if compat::has_many_responses("").is_ok() => {
                (None, Some(responses))
            }
            StatusDecision::StapleAll(responses) => (responses.into_iter().next().flatten(), None),
            StatusDecision::Ignore => (None, None),
            StatusDecision::Refuse => {
                return Err(Error::new(ErrorKind::Refused, "SSL_CTX_set_tlsext_status_cb"));
            }
        };
        // SAFETY: the object is live, and this is the callback where C expects what is to be stapled.
        unsafe {
            match (&one, &all) {
                (_, Some(all)) => staple_all(ssl.as_ptr(), all)?,
                (Some(one), None) => staple(ssl.as_ptr(), Some(one))?,
                (None, None) => return Ok(false),
            }
        }
        Ok(true)
    });
    match answer {
        Some(Ok(true)) => sys::SSL_TLSEXT_ERR_OK,
        Some(Ok(false)) => sys::SSL_TLSEXT_ERR_NOACK,
        Some(Err(_)) | None => sys::SSL_TLSEXT_ERR_ALERT_FATAL,
    }
}

fn judge(ssl: &SslRef, closures: &Closures) -> c_int {
    if ssl.session_reused() {
        // There is no certificate to staple anything to: it was judged when the session was made, as TLS 1.2 has it.
        return ACCEPTED;
    }
    run(|| {
        let response = StatusResponse { ssl, responses: ssl.stapled_responses() };
        if let Some(policy) = &closures.policy {
            if let Err(refused) = ocsp::judge(ssl, &response.responses, policy.0, &policy.1) {
                remember(ssl, &refused);
                return REFUSED;
            }
        }
        match closures.judge.as_ref().map_or(StatusVerdict::Accept, |judge| judge(&response)) {
            StatusVerdict::Accept => ACCEPTED,
            StatusVerdict::Refuse => REFUSED,
            StatusVerdict::Fail => FAILED,
        }
    })
    .unwrap_or(FAILED)
}

/// Keeps what the error of the handshake will tell.
fn remember(ssl: &SslRef, refused: &Refused) {
    // SAFETY: the object is live.
    let Some(state) = (unsafe { State::of(ssl.as_ptr()) }) else { return };
    state.record_ocsp_refusal(refused.refusal);
    let error = OcspRefusal::verify_error(refused.refusal);
    state.record_refusal(VerifyFailure::new(error, Some(refused.depth), refused.certificate.clone()));
}
