//! Why a call failed: from what it left behind to one error.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::call::{Outcome, bios};
use super::ktls::is_of_the_file;
use super::phase::Phase;
use super::state::State;
use crate::bio;
use crate::error::{
    Alert, Error, ErrorCode, ErrorKind, ErrorStack, OcspRefusal, Reason, SslError, VerifyError, VerifyFailure,
};

impl SslRef {
    #[cold]
    pub(super) fn diagnose(
        &mut self,
        name: &'static str,
        phase: Phase,
        outcome: &Outcome,
        code: ErrorCode,
    ) -> SslError {
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
