//! What is known of a store beyond what C tells, kept in the store's ex_data.

use std::ffi::{CString, c_int, c_void};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::Error;
use crate::ffi::ex_data::{Carrier, Slot};
use crate::library::LibContext;

static SLOT: Slot<sys::X509_STORE, Record> = Slot::new();

// SAFETY: the class and the accessors of X509_STORE.
unsafe impl Carrier for sys::X509_STORE {
    const CLASS: c_int = ext::CRYPTO_EX_INDEX_X509_STORE;
    const SET: &'static str = "X509_STORE_set_ex_data";

    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void {
        // SAFETY: by the trait's contract.
        unsafe { ext::X509_STORE_get_ex_data(object, index) }
    }

    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int {
        // SAFETY: by the trait's contract.
        unsafe { ext::X509_STORE_set_ex_data(object, index, data) }
    }
}

/// Where a store looks for what it does not hold. C keeps these and tells nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// Directories with hashed names, with colons between.
    Directories(CString),
    /// An OSSL_STORE that is asked at each lookup.
    Uri(CString),
}

/// A store that has a record was followed from its birth on: it has these lookups and no others, and no callbacks of C's.
#[derive(Clone, Default)]
pub(crate) struct Record {
    pub(crate) lib: LibContext,
    pub(crate) lookups: Vec<Lookup>,
    /// Nobody changes the store any more: it may have any number of holders.
    pub(crate) settled: bool,
}

impl Record {
    /// What is known of a store; nothing of one that C made.
    ///
    /// # Safety
    ///
    /// `store` is live for `'a`, and nobody replaces the record for as long: it is settled, or the store is the caller's.
    pub(crate) unsafe fn of<'a>(store: *const sys::X509_STORE) -> Option<&'a Self> {
        // SAFETY: by this function's contract.
        unsafe { SLOT.get(store) }
    }

    /// Notes what is known of a store.
    ///
    /// # Safety
    ///
    /// `store` is live, no other thread uses it, and no borrow of its earlier record is left.
    pub(crate) unsafe fn note(self, store: *mut sys::X509_STORE) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        unsafe { SLOT.set(store, Box::new(self)) }
    }
}
