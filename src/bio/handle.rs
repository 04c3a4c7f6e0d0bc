//! One reference to a BIO.

use std::ptr::NonNull;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};

/// One reference to a BIO, given up when dropped.
///
/// It is neither `Send` nor `Sync`: who holds one knows what is behind it.
#[derive(Debug)]
pub(crate) struct Bio(NonNull<sys::BIO>);

impl Bio {
    /// Takes what a C constructor returned, or the reason why it returned NULL.
    ///
    /// # Safety
    ///
    /// `bio` is NULL, or a live BIO of which the caller gives up one reference.
    pub(super) unsafe fn from_new(call: &'static str, bio: *mut sys::BIO) -> Result<Self, Error> {
        NonNull::new(bio).map(Self).ok_or_else(|| Error::from_queue(call))
    }

    /// One more reference to a BIO that somebody else holds.
    ///
    /// # Safety
    ///
    /// `bio` is NULL or a live BIO.
    pub(super) unsafe fn share(bio: *mut sys::BIO) -> Result<Self, Error> {
        let bio = NonNull::new(bio).ok_or_else(|| Error::new(ErrorKind::NoTransport, "BIO_up_ref"))?;
        // SAFETY: live by this function's contract.
        if unsafe { ext::BIO_up_ref(bio.as_ptr()) } != 1 {
            return Err(Error::from_queue("BIO_up_ref"));
        }
        Ok(Self(bio))
    }

    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live, for this is a reference to it.
        unsafe { Self::share(self.as_ptr()) }
    }

    pub(super) fn as_ptr(&self) -> *mut sys::BIO {
        self.0.as_ptr()
    }

    /// Gives the reference to C.
    pub(super) fn into_ptr(self) -> *mut sys::BIO {
        let bio = self.as_ptr();
        std::mem::forget(self);
        bio
    }
}

impl Drop for Bio {
    fn drop(&mut self) {
        // SAFETY: one reference is ours, and this gives it up; with the last one goes what hangs behind the BIO, as it
        // would have if whoever built the chain had freed it last.
        unsafe { sys::BIO_free_all(self.as_ptr()) };
    }
}
