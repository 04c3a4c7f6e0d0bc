//! Revocation lists.

use std::ffi::c_long;
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;

use super::mem::{MemBio, Passphrase, passphrase};
use crate::error::{self, Error, ErrorKind};

// `Send` and `Sync`: OpenSSL counts references atomically and sorts the entries under the list's own lock; a parsed list
// keeps its encoding, and there is no setter here.
foreign_type! {
    /// A certificate revocation list. A clone is one more reference to the same object.
    #[doc(alias = "X509_CRL")]
    pub unsafe type X509Crl: Send + Sync {
        type CType = sys::X509_CRL;
        fn drop = sys::X509_CRL_free;
        fn clone = share;
    }
}

/// # Safety
///
/// `crl` is live.
unsafe fn share(crl: *mut sys::X509_CRL) -> *mut sys::X509_CRL {
    // SAFETY: live by this function's contract.
    unsafe { sys::X509_CRL_up_ref(crl) };
    crl
}

impl X509Crl {
    /// Parses one list in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no list, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_X509_CRL(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_X509_CRL")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_X509_CRL";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let crl = unsafe { sys::d2i_X509_CRL(ptr::null_mut(), &raw mut rest, len) };
        if crl.is_null() {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: not NULL, and ours.
        let crl = unsafe { <Self as ForeignType>::from_ptr(crl) };
        if rest != der.as_ptr_range().end {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the list"));
        }
        Ok(crl)
    }

    /// Parses the first list in a PEM text.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is none, or a broken one.
    ///
    /// C: [`PEM_read_bio_X509_CRL(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_X509_CRL/)
    #[doc(alias = "PEM_read_bio_X509_CRL")]
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_X509_CRL";
        let bio = MemBio::reading(CALL, pem)?;
        let mut none: Passphrase<'_> = None;
        error::clear();
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        let crl = unsafe {
            let user = (&raw mut none).cast();
            sys::PEM_read_bio_X509_CRL(bio.as_ptr(), ptr::null_mut(), Some(passphrase), user)
        };
        if crl.is_null() {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: not NULL, and ours.
        Ok(unsafe { <Self as ForeignType>::from_ptr(crl) })
    }

    /// Takes over a list from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `crl` is a live `X509_CRL` of which the caller owns one reference, and nobody changes it any more.
    pub unsafe fn from_ptr(crl: *mut sys::X509_CRL) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(crl) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_CRL {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::X509_CRL {
        ForeignType::into_ptr(self)
    }
}

impl X509CrlRef {
    /// Borrows a list of C's.
    ///
    /// # Safety
    ///
    /// `crl` is live for `'a`, and nobody changes it for as long.
    pub unsafe fn from_ptr<'a>(crl: *mut sys::X509_CRL) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(crl) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_CRL {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for X509CrlRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Crl").finish_non_exhaustive()
    }
}

impl fmt::Debug for X509Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
