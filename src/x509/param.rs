//! `X509_VERIFY_PARAM`: how a chain is verified.

use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;

use crate::error::{self, Error};

// `Send` and `Sync`: a block of plain settings without a tie to a thread; writing takes `&mut`. It is not shared by
// reference count: C copies it wherever it is set (set1), so that a `&mut` to it has no other owner.
foreign_type! {
    /// The settings by which chains are verified.
    #[doc(alias = "X509_VERIFY_PARAM")]
    pub unsafe type X509VerifyParam: Send + Sync {
        type CType = sys::X509_VERIFY_PARAM;
        fn drop = sys::X509_VERIFY_PARAM_free;
    }
}

impl X509VerifyParam {
    /// Settings in which nothing is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`X509_VERIFY_PARAM_new(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_new")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let param = unsafe { sys::X509_VERIFY_PARAM_new() };
        if param.is_null() {
            return Err(Error::from_queue("X509_VERIFY_PARAM_new"));
        }
        // SAFETY: not NULL, and ours.
        Ok(unsafe { <Self as ForeignType>::from_ptr(param) })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_VERIFY_PARAM {
        ForeignType::as_ptr(self)
    }
}

impl X509VerifyParamRef {
    /// Borrows settings of C's.
    ///
    /// # Safety
    ///
    /// `param` is live for `'a`, and nobody changes it for as long.
    pub unsafe fn from_ptr<'a>(param: *mut sys::X509_VERIFY_PARAM) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(param) }
    }

    /// Borrows settings of C's for changing them.
    ///
    /// # Safety
    ///
    /// `param` is live for `'a`, and nobody else uses it for as long.
    pub unsafe fn from_ptr_mut<'a>(param: *mut sys::X509_VERIFY_PARAM) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr_mut(param) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_VERIFY_PARAM {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for X509VerifyParamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509VerifyParam").finish_non_exhaustive()
    }
}

impl fmt::Debug for X509VerifyParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
