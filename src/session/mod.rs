//! Sessions: what a connection leaves for others to resume.
//!
//! An [`SslSession`] is frozen: it has a session of its own, which no connection uses. [`SslRef::session`] copies the one of
//! a connection, [`SslRef::set_session`] gives a connection a copy, and [`SslSessionBuilder`] changes one that nobody else
//! has.
//!
//! A connection that resumes is verified by nothing but the secret: its peer shows no certificate. So a client that this
//! crate drives remembers with each session what it was verified by (names, roots, verify mode, pins, callbacks, the
//! client's own certificate), and a connection with other settings makes a full handshake in its place.
//!
//! A client from [`SslContext::client`] keeps sessions by itself, in a [`ClientSessionCache`].
//!
//! [`SslRef::session`]: crate::SslRef::session
//! [`SslRef::set_session`]: crate::SslRef::set_session
//! [`SslContext::client`]: crate::SslContext::client

mod builder;
mod cache;
mod encoding;
mod fields;
pub(crate) mod record;
mod secret;
mod ticket_keys;

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::context::calling;
use crate::error::{self, Error};

pub use builder::SslSessionBuilder;
pub use cache::ClientSessionCache;
pub use secret::SecretBytes;
pub use ticket_keys::{TicketKey, TicketKeys};

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

/// A session of its own with all that one of C's has.
///
/// # Safety
///
/// `session` is live, and nobody changes it during the call but for what libssl itself writes without a lock.
pub(crate) unsafe fn dup(session: *const sys::SSL_SESSION) -> Result<SslSession, Error> {
    error::clear();
    // SAFETY: live by this function's contract. Clones of what is in its ex_data are the user's code.
    let copy = calling(|| unsafe { ext::SSL_SESSION_dup(session) });
    if copy.is_null() {
        return Err(Error::from_queue("SSL_SESSION_dup"));
    }
    error::clear();
    // SAFETY: not NULL, and ours alone.
    Ok(unsafe { SslSession::from_ptr(copy) })
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
        f.debug_struct("SslSession")
            .field("protocol_version", &self.protocol_version())
            .field("resumable", &self.is_resumable())
            .field("has_ticket", &self.has_ticket())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SslSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
