//! Stores: the certificates and revocation lists that chains are verified with. [`X509StoreBuilder`] fills one,
//! [`X509Store`] is settled.

mod builder;
mod fill;
mod record;
mod system;

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

pub use builder::X509StoreBuilder;

pub(crate) use fill::{certificates, read_uri};
pub(crate) use record::{Lookup, Record};
pub(crate) use system::DefaultPlaces;

use super::{X509, X509VerifyParamRef, stack};
use crate::error::{self, Error};

// `Send` and `Sync`: an X509_STORE counts its references atomically and locks what lookups add to it. There is no setter
// here, and no view of its objects (get0), which a lookup in another thread may change.
foreign_type! {
    /// A store whose contents are settled: nothing here changes it any more. A clone is one more reference to the same
    /// object, to share between contexts and threads.
    ///
    /// What directories hold is looked up when it is needed, and kept.
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
    /// `store` is a live `X509_STORE` of which the caller owns one reference, and nobody changes it any more. Its
    /// callbacks, and what C keeps in its ex_data, may be used and freed on any thread.
    pub unsafe fn from_ptr(store: *mut sys::X509_STORE) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(store) }
    }

    /// Shares a store with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `store` is a live `X509_STORE`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "X509_STORE_up_ref")]
    pub unsafe fn share_from_ptr(store: *mut sys::X509_STORE) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { ext::X509_STORE_up_ref(store) } != 1 {
            return Err(Error::from_queue("X509_STORE_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(store) })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_STORE {
        ForeignType::as_ptr(self)
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
    /// `store` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives; the rest as
    /// [`X509Store::from_ptr`].
    pub unsafe fn from_ptr<'a>(store: *mut sys::X509_STORE) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(store) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_STORE {
        ForeignTypeRef::as_ptr(self)
    }

    /// The certificates in the store. Those in directories and behind URIs are among them once they have been looked up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_get1_all_certs(3)`](https://docs.openssl.org/master/man3/X509_STORE_get0_param/)
    #[doc(alias = "X509_STORE_get1_all_certs")]
    pub fn certificates(&self) -> Result<Vec<X509>, Error> {
        error::clear();
        // SAFETY: the store is live and locks itself; the stack and its references are ours (get1).
        let certificates = unsafe { sys::X509_STORE_get1_all_certs(self.as_ptr()) };
        if certificates.is_null() {
            return Err(Error::from_queue("X509_STORE_get1_all_certs"));
        }
        // SAFETY: the stack is live and ours; each entry is a reference that the caller's certificate takes over.
        let list = unsafe {
            stack::collect(certificates, |certificate| Some(<X509 as ForeignType>::from_ptr(certificate)))
        };
        // SAFETY: the stack is ours, its entries have owners now, and it is freed once.
        unsafe { sys::OPENSSL_sk_free(certificates.cast()) };
        Ok(list)
    }

    /// The settings that verifications with this store begin with.
    ///
    /// C: [`X509_STORE_get0_param(3)`](https://docs.openssl.org/master/man3/X509_STORE_get0_param/)
    #[doc(alias = "X509_STORE_get0_param")]
    pub fn param(&self) -> &X509VerifyParamRef {
        // SAFETY: the store is live and lends its settings (get0), which every store has and nobody changes any more.
        unsafe { X509VerifyParamRef::from_ptr(ext::X509_STORE_get0_param(self.as_ptr())) }
    }
}

impl fmt::Debug for X509StoreRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("X509Store");
        if let Ok(certificates) = self.certificates() {
            debug.field("certificates", &certificates.len());
        }
        // SAFETY: the store is live, and its record is settled with it.
        if let Some(record) = unsafe { Record::of(self.as_ptr()) } {
            debug.field("lookups", &record.lookups);
        }
        debug.field("param", &self.param()).finish_non_exhaustive()
    }
}

impl fmt::Debug for X509Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
