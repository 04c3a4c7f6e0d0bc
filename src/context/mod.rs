//! Contexts: what many connections have in common. [`SslContextBuilder`] sets, [`SslContext`] is frozen.

mod callbacks;

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;

pub(crate) use callbacks::Callbacks;

// `Send` and `Sync`: an SSL_CTX counts its references atomically and locks its session cache and store; nothing on
// `&SslContextRef` writes anything else, and there is no setter: those stand on the builder, which has one owner.
foreign_type! {
    /// An `SSL_CTX` whose settings are frozen. A clone is one more reference to the same object.
    #[doc(alias = "SSL_CTX")]
    pub unsafe type SslContext: Send + Sync {
        type CType = sys::SSL_CTX;
        fn drop = sys::SSL_CTX_free;
        fn clone = share;
    }
}

// `Send`: an SSL_CTX has no tie to a thread, and all that the builder puts inside is `Send`. It has no `Clone`, so
// nobody else holds the object while its settings change.
foreign_type! {
    /// An `SSL_CTX` whose settings are still to be made.
    #[doc(alias = "SSL_CTX")]
    pub unsafe type SslContextBuilder: Send {
        type CType = sys::SSL_CTX;
        fn drop = sys::SSL_CTX_free;
    }
}

/// # Safety
///
/// `context` is live.
unsafe fn share(context: *mut sys::SSL_CTX) -> *mut sys::SSL_CTX {
    // SAFETY: live by this function's contract.
    unsafe { sys::SSL_CTX_up_ref(context) };
    context
}

impl SslContextBuilder {
    /// Freezes the settings.
    pub fn build(self) -> SslContext {
        let context = ForeignType::as_ptr(&self);
        std::mem::forget(self);
        // SAFETY: the builder owned the one reference, and gave it up.
        unsafe { <SslContext as ForeignType>::from_ptr(context) }
    }
}

impl SslContextRef {
    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for SslContextRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslContext").finish_non_exhaustive()
    }
}
