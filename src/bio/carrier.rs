//! What the BIOs of a connection need before and after libssl uses them.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::BioRef;
use super::object::{BioRetry, BioType, RetryReason};
use crate::error::{Error, ErrorKind, ErrorStack};
use crate::ffi::compat::running_version;

/// Whether libssl may be let at a BIO now: not while that is connecting, of which C does not come back.
///
/// # Errors
///
/// Why it cannot carry a connection.
///
/// # Safety
///
/// `bio` is live, and nobody else uses its chain.
#[inline]
pub(crate) unsafe fn may_carry(bio: *mut sys::BIO, call: &'static str) -> Result<bool, Error> {
    // SAFETY: live by this function's contract, and the call only reads it.
    if unsafe { carries_at_once(bio) } {
        return Ok(true);
    }
    // SAFETY: by this function's contract.
    unsafe { look(bio, call) }
}

/// Whether nothing about a BIO needs looking after before it carries a connection.
///
/// # Safety
///
/// `bio` is live.
#[inline]
pub(crate) unsafe fn carries_at_once(bio: *mut sys::BIO) -> bool {
    // SAFETY: live by this function's contract, and the call only reads it.
    let kind = BioType(unsafe { ext::BIO_method_type(bio) });
    kind != BioType::CONNECT && !kind.is(BioType::FILTER)
}

/// # Safety
///
/// As [`may_carry`].
#[cold]
unsafe fn look(bio: *mut sys::BIO, call: &'static str) -> Result<bool, Error> {
    // SAFETY: by this function's contract.
    let chain = unsafe { BioRef::from_ptr_mut(bio) };
    if chain.flushes_for_ever() {
        let detail = "base64 does not carry TLS before OpenSSL 4.0";
        return Err(Error::new(ErrorKind::Unsupported, call).with_detail(detail));
    }
    chain.settle(call)?;
    let connecting = chain.is_connecting();
    if connecting {
        // As C would leave word there.
        // SAFETY: by this function's contract.
        unsafe { BioRetry::special(RetryReason::CONNECT).put(bio) };
    }
    Ok(!connecting)
}

impl BioRef {
    /// Whether what libssl flushes may go round for ever here: before 4.0 base64 does not see that the next BIO takes
    /// nothing.
    pub(super) fn flushes_for_ever(&self) -> bool {
        running_version() < 0x4000_0000 && self.find_type(BioType::BASE64).is_some()
    }
}

/// As [`BioRef::forget_refused`].
///
/// # Safety
///
/// As [`may_carry`].
pub(crate) unsafe fn forget_refused(bio: *mut sys::BIO, why: &ErrorStack) {
    // SAFETY: by this function's contract.
    unsafe { BioRef::from_ptr_mut(bio) }.forget_refused(why);
}
