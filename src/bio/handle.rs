//! [`Bio`] owns one reference to a BIO, [`BioRef`] borrows one: the base of the layer that mirrors C's BIOs.

use std::fmt;
use std::ptr::NonNull;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};

// Neither `Send` nor `Sync`: what is behind a BIO has no lock, and may be shared or tied to a thread.
foreign_type! {
    /// A BIO, with the chain that hangs behind it: one reference, given up when dropped, as BIO_free_all(3) does it.
    ///
    /// C: [`BIO_new(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    #[doc(alias = "BIO")]
    #[doc(alias = "BIO_free_all")]
    pub unsafe type Bio {
        type CType = sys::BIO;
        fn drop = sys::BIO_free_all;
    }
}

impl Bio {
    /// Takes over a BIO from C, with the reference that the caller owned, and with the chain that hangs behind it.
    ///
    /// A chain with TLS in it is better taken as [`SslBio`](super::SslBio), which holds it to what its context promises.
    ///
    /// # Safety
    ///
    /// `bio` is a live BIO of which the caller owns one reference, and the first of its chain, and nobody else uses it, nor
    /// what hangs behind it, while this crate does, be it on another thread as a [`SendBio`](super::SendBio).
    pub unsafe fn from_ptr(bio: *mut sys::BIO) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(bio) }
    }

    /// Shares a BIO with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `bio` is a live BIO, and nobody else uses it, nor what hangs behind it, while this crate does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot count it.
    #[doc(alias = "BIO_up_ref")]
    pub unsafe fn share_from_ptr(bio: *mut sys::BIO) -> Result<Self, Error> {
        error::clear();
        // SAFETY: by this function's contract.
        unsafe { Self::share(bio) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::BIO {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::BIO {
        ForeignType::into_ptr(self)
    }

    /// Takes what a C constructor returned, or the reason why it returned NULL.
    ///
    /// # Safety
    ///
    /// `bio` is NULL, or a live BIO of which the caller gives up one reference, and that nobody else uses.
    pub(crate) unsafe fn from_new(call: &'static str, bio: *mut sys::BIO) -> Result<Self, Error> {
        let bio = NonNull::new(bio).ok_or_else(|| Error::from_queue(call))?;
        // SAFETY: by this function's contract.
        Ok(unsafe { Self::from_ptr(bio.as_ptr()) })
    }

    /// One more reference to a BIO that somebody else holds, who knows what it is for.
    ///
    /// # Safety
    ///
    /// `bio` is NULL or a live BIO.
    pub(in crate::bio) unsafe fn share(bio: *mut sys::BIO) -> Result<Self, Error> {
        let bio = NonNull::new(bio).ok_or_else(|| Error::new(ErrorKind::NoTransport, "BIO_up_ref"))?;
        // SAFETY: live by this function's contract.
        if unsafe { ext::BIO_up_ref(bio.as_ptr()) } != 1 {
            return Err(Error::from_queue("BIO_up_ref"));
        }
        // SAFETY: not NULL, live, and the reference is new.
        Ok(unsafe { <Self as ForeignType>::from_ptr(bio.as_ptr()) })
    }

    #[cfg(test)]
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live, for this is a reference to it.
        unsafe { Self::share(self.as_ptr()) }
    }
}

impl BioRef {
    /// Borrows a BIO of C's for reading its settings.
    ///
    /// # Safety
    ///
    /// `bio` is live for `'a`, and nobody changes it, nor what hangs behind it, for as long.
    pub unsafe fn from_ptr<'a>(bio: *mut sys::BIO) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(bio) }
    }

    /// Borrows a BIO of C's for using it.
    ///
    /// # Safety
    ///
    /// `bio` is live for `'a`, and nobody else uses it, nor what hangs behind it, for as long.
    pub unsafe fn from_ptr_mut<'a>(bio: *mut sys::BIO) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr_mut(bio) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::BIO {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Debug for BioRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the BIO is live, and the call only reads its type.
        let kind = unsafe { ext::BIO_method_type(self.as_ptr()) };
        f.debug_struct("Bio").field("type", &kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for Bio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
