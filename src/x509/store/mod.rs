//! Stores: the certificates and revocation lists that chains are verified with.

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

// `Send` and `Sync`: an X509_STORE counts its references atomically and locks what lookups add to it. There is no setter
// here, and no view of its objects (get0), which a lookup in another thread may change.
foreign_type! {
    /// A store whose contents are settled. A clone is one more reference to the same object.
    #[doc(alias = "X509_STORE")]
    pub unsafe type X509Store: Send + Sync {
        type CType = sys::X509_STORE;
        fn drop = sys::X509_STORE_free;
        fn clone = share;
    }
}

/// # Safety
///
/// `store` is live.
unsafe fn share(store: *mut sys::X509_STORE) -> *mut sys::X509_STORE {
    // SAFETY: live by this function's contract.
    unsafe { ext::X509_STORE_up_ref(store) };
    store
}

impl X509Store {
    /// Takes over a store from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `store` is a live `X509_STORE` of which the caller owns one reference, and nobody changes it any more.
    pub unsafe fn from_ptr(store: *mut sys::X509_STORE) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(store) }
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::X509_STORE {
        ForeignType::into_ptr(self)
    }
}

impl X509StoreRef {
    /// Borrows a store of C's.
    ///
    /// # Safety
    ///
    /// `store` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives.
    pub unsafe fn from_ptr<'a>(store: *mut sys::X509_STORE) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(store) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_STORE {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for X509StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Store").finish_non_exhaustive()
    }
}

impl fmt::Debug for X509Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
