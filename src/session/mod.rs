//! Sessions: what a connection leaves for others to resume.

mod early_data;

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;

use crate::error::{self, Error};

// `Send` and `Sync`: an SSL_SESSION counts its references atomically, and nothing that is reachable from
// `&SslSessionRef` writes, but for `unsafe` calls whose callers promise that nobody else is there.
foreign_type! {
    /// An `SSL_SESSION`. A clone is one more reference to the same object.
    #[doc(alias = "SSL_SESSION")]
    #[doc(alias = "SSL_SESSION_free")]
    #[doc(alias = "SSL_SESSION_up_ref")]
    pub unsafe type SslSession: Send + Sync {
        type CType = sys::SSL_SESSION;
        fn drop = sys::SSL_SESSION_free;
        fn clone = share;
    }
}

/// # Safety
///
/// `session` is live.
unsafe fn share(session: *mut sys::SSL_SESSION) -> *mut sys::SSL_SESSION {
    // SAFETY: live by this function's contract.
    unsafe { sys::SSL_SESSION_up_ref(session) };
    session
}

impl SslSession {
    /// Takes over a session from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `session` is a live `SSL_SESSION` of which the caller owns one reference, and nobody changes it any more. What its
    /// ex_data holds may be used and freed on every thread that it is moved to.
    pub unsafe fn from_ptr(session: *mut sys::SSL_SESSION) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(session) }
    }

    /// Shares a session with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `session` is a live `SSL_SESSION`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "SSL_SESSION_up_ref")]
    pub unsafe fn share_from_ptr(session: *mut sys::SSL_SESSION) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { sys::SSL_SESSION_up_ref(session) } != 1 {
            return Err(Error::from_queue("SSL_SESSION_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(session) })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::SSL_SESSION {
        ForeignType::into_ptr(self)
    }
}

impl SslSessionRef {
    /// Borrows a session of C's.
    ///
    /// # Safety
    ///
    /// `session` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives. What its ex_data holds
    /// may be used and freed on every thread that a clone is moved to.
    pub unsafe fn from_ptr<'a>(session: *mut sys::SSL_SESSION) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(session) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for SslSessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslSession").finish_non_exhaustive()
    }
}

impl fmt::Debug for SslSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
