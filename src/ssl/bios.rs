//! The BIOs of an object, as objects of their own.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::bio::{Bio, BioRef, SendBio};

impl SslRef {
    /// Lets the object own a BIO to read from, in place of the one before.
    ///
    /// C: [`SSL_set0_rbio(3)`](https://docs.openssl.org/master/man3/SSL_set_bio/)
    #[doc(alias = "SSL_set0_rbio")]
    pub fn set0_rbio(&mut self, rbio: SendBio) {
        // SAFETY: the BIO goes wherever the object goes, which it may, and nobody else uses it.
        unsafe { self.set0_rbio_unchecked(rbio.into_bio()) }
    }

    /// Lets the object own a BIO to write to, in place of the one before.
    ///
    /// C: [`SSL_set0_wbio(3)`](https://docs.openssl.org/master/man3/SSL_set_bio/)
    #[doc(alias = "SSL_set0_wbio")]
    pub fn set0_wbio(&mut self, wbio: SendBio) {
        // SAFETY: as in `set0_rbio`.
        unsafe { self.set0_wbio_unchecked(wbio.into_bio()) }
    }

    /// As [`set0_rbio`](Self::set0_rbio), for any BIO.
    ///
    /// C: [`SSL_set0_rbio(3)`](https://docs.openssl.org/master/man3/SSL_set_bio/)
    ///
    /// # Safety
    ///
    /// Wherever the object goes, all of the chain may be used, and what it shares with another BIO, such as the other half
    /// of a pair, is on the same thread. It lives as long as the object, and nobody else uses it while the object has it.
    #[doc(alias = "SSL_set0_rbio")]
    pub unsafe fn set0_rbio_unchecked(&mut self, rbio: Bio) {
        // SAFETY: the object is live and borrowed for writing; set0 takes the reference.
        unsafe { ext::SSL_set0_rbio(self.as_ptr(), rbio.into_ptr()) }
    }

    /// As [`set0_wbio`](Self::set0_wbio), for any BIO.
    ///
    /// C: [`SSL_set0_wbio(3)`](https://docs.openssl.org/master/man3/SSL_set_bio/)
    ///
    /// # Safety
    ///
    /// As [`set0_rbio_unchecked`](Self::set0_rbio_unchecked).
    #[doc(alias = "SSL_set0_wbio")]
    pub unsafe fn set0_wbio_unchecked(&mut self, wbio: Bio) {
        self.remember_ktls();
        // SAFETY: as in `set0_rbio_unchecked`.
        unsafe { ext::SSL_set0_wbio(self.as_ptr(), wbio.into_ptr()) }
    }

    /// The BIO that the object reads from, to be used: fed, where it is memory. What it carries is the connection's, which
    /// breaks if bytes of it go astray.
    ///
    /// C: [`SSL_get_rbio(3)`](https://docs.openssl.org/master/man3/SSL_get_rbio/)
    #[doc(alias = "SSL_get_rbio")]
    pub fn rbio_mut(&mut self) -> Option<&mut BioRef> {
        // SAFETY: the object is live.
        let bio = unsafe { sys::SSL_get_rbio(self.as_ptr()) };
        // SAFETY: get0: live as long as the object has it, which is borrowed for writing and uses it in calls only.
        (!bio.is_null()).then(|| unsafe { BioRef::from_ptr_mut(bio) })
    }

    /// The BIO that the object writes to, as [`rbio_mut`](Self::rbio_mut).
    ///
    /// C: [`SSL_get_wbio(3)`](https://docs.openssl.org/master/man3/SSL_get_rbio/)
    #[doc(alias = "SSL_get_wbio")]
    pub fn wbio_mut(&mut self) -> Option<&mut BioRef> {
        // SAFETY: the object is live.
        let bio = unsafe { sys::SSL_get_wbio(self.as_ptr()) };
        // SAFETY: as in `rbio_mut`.
        (!bio.is_null()).then(|| unsafe { BioRef::from_ptr_mut(bio) })
    }
}
