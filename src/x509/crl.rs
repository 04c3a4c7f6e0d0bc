//! Revocation lists.

use std::ffi::c_long;
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SerialNumber;
use super::mem::{MemBio, no_more_pem};
use super::passphrase::{Secret, answer};
use crate::error::{self, Error, ErrorKind};
use crate::library::LibContext;

const PEM_READ: &str = "PEM_read_bio_X509_CRL";

// `Send` and `Sync`: OpenSSL counts references atomically; a parsed list keeps its encoding, and there is no setter here.
// C sorts the entries in the first lookup, under a lock that readers do not take: so every list is sorted here, by
// `settle`, before anybody can share it, and later lookups only read.
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
        Self::from_der_in(LibContext::default(), der)
    }

    /// As [`from_der`](Self::from_der), with the algorithms of a library context for what the list needs later.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der).
    ///
    /// C: [`X509_CRL_new_ex(3)`](https://docs.openssl.org/master/man3/X509_new/)
    #[doc(alias = "X509_CRL_new_ex")]
    pub fn from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_X509_CRL";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let crl = Self::fill(lib, |place| unsafe { sys::d2i_X509_CRL(place, &raw mut rest, len) })?
            .ok_or_else(|| Error::from_queue(CALL))?;
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
        Self::from_pem_in(LibContext::default(), pem)
    }

    /// As [`from_pem`](Self::from_pem), with the algorithms of a library context for what the list needs later.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Self, Error> {
        let bio = MemBio::reading(PEM_READ, pem)?;
        Self::next_pem(lib, &bio)?.ok_or_else(|| Error::from_queue(PEM_READ))
    }

    /// Parses all lists in a PEM text, in their order. Other PEM blocks between them are skipped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if one is broken, or if there is none at all.
    #[doc(alias = "PEM_read_bio_X509_CRL")]
    pub fn stack_from_pem(pem: &[u8]) -> Result<Vec<Self>, Error> {
        Self::stack_from_pem_in(LibContext::default(), pem)
    }

    /// As [`stack_from_pem`](Self::stack_from_pem), with the algorithms of a library context for what the lists need
    /// later.
    ///
    /// # Errors
    ///
    /// As [`stack_from_pem`](Self::stack_from_pem).
    pub fn stack_from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Vec<Self>, Error> {
        let bio = MemBio::reading(PEM_READ, pem)?;
        let mut lists = Vec::new();
        loop {
            match Self::next_pem(lib, &bio)? {
                Some(list) => lists.push(list),
                None if lists.is_empty() || !no_more_pem() => return Err(Error::from_queue(PEM_READ)),
                None => break,
            }
        }
        error::clear();
        Ok(lists)
    }

    /// The next list of a PEM text; the queue says why there is none.
    fn next_pem(lib: LibContext, bio: &MemBio<'_>) -> Result<Option<Self>, Error> {
        let mut none = Secret::none();
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        Self::fill(lib, |place| unsafe {
            sys::PEM_read_bio_X509_CRL(bio.as_ptr(), place, Some(answer), none.as_ptr())
        })
    }

    /// Lets `read` fill a new list of the library context. If it fails the queue says why.
    fn fill(
        lib: LibContext,
        read: impl FnOnce(*mut *mut sys::X509_CRL) -> *mut sys::X509_CRL,
    ) -> Result<Option<Self>, Error> {
        error::clear();
        // SAFETY: has no requirements beyond a live context and query.
        let mut crl = unsafe { ext::X509_CRL_new_ex(lib.as_ptr(), lib.properties_ptr()) };
        if crl.is_null() {
            return Err(Error::from_queue("X509_CRL_new_ex"));
        }
        if read(&raw mut crl).is_null() {
            // SAFETY: what failed to read it freed it and put NULL there, or left it to us.
            unsafe { sys::X509_CRL_free(crl) };
            return Ok(None);
        }
        // SAFETY: ours, filled, and nobody else's yet.
        Ok(Some(unsafe { Self::from_ptr(crl) }))
    }

    /// Takes over a list from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `crl` is a live `X509_CRL` of which the caller owns one reference, and nobody changes it any more. No other thread
    /// uses it during this call. What C keeps in it (an `X509_CRL_METHOD`'s data) may be used and freed on any thread.
    pub unsafe fn from_ptr(crl: *mut sys::X509_CRL) -> Self {
        // SAFETY: by this function's contract.
        unsafe {
            settle(crl);
            <Self as ForeignType>::from_ptr(crl)
        }
    }

    /// Shares a list with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `crl` is a live `X509_CRL`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "X509_CRL_up_ref")]
    pub unsafe fn share_from_ptr(crl: *mut sys::X509_CRL) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { sys::X509_CRL_up_ref(crl) } != 1 {
            return Err(Error::from_queue("X509_CRL_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(crl) })
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

/// Lets C sort the entries, which its first lookup does, so that later ones only read.
///
/// # Safety
///
/// `crl` is live, and no other thread uses it during this call.
unsafe fn settle(crl: *mut sys::X509_CRL) {
    error::clear();
    if let Ok(number) = SerialNumber::from_bytes(&[]).to_asn1() {
        // SAFETY: live by this function's contract, and so is the number; NULL is for what is not asked for.
        unsafe { sys::X509_CRL_get0_by_serial(crl, ptr::null_mut(), number.as_ptr()) };
    }
    error::clear();
}

impl X509CrlRef {
    /// Borrows a list of C's.
    ///
    /// # Safety
    ///
    /// `crl` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives. No other thread uses it
    /// during this call.
    pub unsafe fn from_ptr<'a>(crl: *mut sys::X509_CRL) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe {
            settle(crl);
            <Self as ForeignTypeRef>::from_ptr(crl)
        }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_CRL {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for X509CrlRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Crl").field("issuer", &self.issuer_name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for X509Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
