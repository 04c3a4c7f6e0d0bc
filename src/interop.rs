//! Conversions to and from the objects of the `openssl` crate, feature `openssl`.
//!
//! Both sides hold the same C object: what is converted by reference shares it, by its reference count, and what is
//! converted by value changes hands. Names have no reference count and are copied. Neither crate has a setter for any of
//! these objects once it is built, so that neither changes what the other one holds.
//!
//! A store of ours is copied for that crate, whose builders lend a store for changing after it was set, which must not be
//! one that is shared. Contexts and connections cross by pointer alone (`Ssl::from_ptr`): a context of ours would lose its demand
//! for the peer's name there, and their connections may have what has no safe form here.

use std::sync::{Mutex, PoisonError};
use std::{mem, ptr};

use foreign_types_03::{ForeignType as _, ForeignTypeRef as _};
use openssl::pkey;
use openssl_sys as sys;

use crate::error::{self, Error};
use crate::x509::passphrase::wipe;
use crate::x509::{
    PKey, PKeyRef, X509, X509Crl, X509CrlRef, X509Name, X509NameRef, X509Ref, X509Store, X509StoreRef,
};

impl From<openssl::x509::X509> for X509 {
    /// Takes over the certificate.
    fn from(theirs: openssl::x509::X509) -> Self {
        let certificate = theirs.as_ptr();
        mem::forget(theirs);
        // SAFETY: live, with the reference that was forgotten just now; that crate changes none that is built, and what it
        // may have left to be encoded later is encoded first.
        unsafe {
            encode_names(certificate);
            Self::from_ptr(certificate)
        }
    }
}

impl From<&openssl::x509::X509Ref> for X509 {
    /// Shares the certificate.
    fn from(theirs: &openssl::x509::X509Ref) -> Self {
        theirs.to_owned().into()
    }
}

impl From<X509> for openssl::x509::X509 {
    /// Takes over the certificate.
    fn from(ours: X509) -> Self {
        // SAFETY: live, with the reference that is given up here.
        unsafe { Self::from_ptr(ours.into_ptr()) }
    }
}

impl From<&X509Ref> for openssl::x509::X509 {
    /// Shares the certificate.
    fn from(ours: &X509Ref) -> Self {
        ours.to_owned().into()
    }
}

/// Lets C encode the names of a certificate that was built without any, which the first reader would do, on whatever thread.
///
/// # Safety
///
/// `certificate` is live.
unsafe fn encode_names(certificate: *mut sys::X509) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    error::clear();
    // SAFETY: live by this function's contract; it lends its names (get0), which C only counts the length of.
    unsafe {
        for name in [sys::X509_get_subject_name(certificate), sys::X509_get_issuer_name(certificate)] {
            sys::i2d_X509_NAME(name, ptr::null_mut());
        }
    }
    error::clear();
}

impl From<openssl::x509::X509Crl> for X509Crl {
    /// Takes over the list.
    fn from(theirs: openssl::x509::X509Crl) -> Self {
        let list = theirs.as_ptr();
        mem::forget(theirs);
        // SAFETY: live, with the reference that was forgotten just now. That crate has no second one, so that no other
        // thread uses it.
        unsafe { Self::from_ptr(list) }
    }
}

impl From<X509Crl> for openssl::x509::X509Crl {
    /// Takes over the list.
    fn from(ours: X509Crl) -> Self {
        // SAFETY: live, with the reference that is given up here.
        unsafe { Self::from_ptr(ours.into_ptr()) }
    }
}

impl From<&X509CrlRef> for openssl::x509::X509Crl {
    /// Shares the list.
    fn from(ours: &X509CrlRef) -> Self {
        ours.to_owned().into()
    }
}

impl TryFrom<&openssl::x509::X509NameRef> for X509Name {
    type Error = Error;

    /// Copies the name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if it cannot be copied.
    fn try_from(theirs: &openssl::x509::X509NameRef) -> Result<Self, Error> {
        // SAFETY: live for the borrow; that crate changes none that is built, and encodes what it builds.
        unsafe { X509NameRef::from_ptr(theirs.as_ptr()) }.to_owned_name()
    }
}

impl From<openssl::x509::X509Name> for X509Name {
    /// Takes over the name.
    fn from(theirs: openssl::x509::X509Name) -> Self {
        let name = theirs.as_ptr();
        mem::forget(theirs);
        // SAFETY: live, and nobody else's any more; that crate encodes what it builds.
        unsafe { Self::from_ptr(name) }
    }
}

impl From<X509Name> for openssl::x509::X509Name {
    /// Takes over the name.
    fn from(ours: X509Name) -> Self {
        // SAFETY: live, and given up here.
        unsafe { Self::from_ptr(ours.into_ptr()) }
    }
}

impl From<&X509NameRef> for openssl::x509::X509Name {
    /// Copies the name.
    fn from(ours: &X509NameRef) -> Self {
        ours.to_owned().into()
    }
}

impl From<openssl::x509::store::X509Store> for X509Store {
    /// Takes over the store.
    fn from(theirs: openssl::x509::store::X509Store) -> Self {
        let store = theirs.as_ptr();
        mem::forget(theirs);
        // SAFETY: live, with the reference that was forgotten just now. That crate has no second one, so that nobody
        // changes it any more.
        unsafe { Self::from_ptr(store) }
    }
}

impl TryFrom<&X509StoreRef> for openssl::x509::store::X509Store {
    type Error = Error;

    /// Copies the store: its certificates and lists are shared, and what is added to the copy does not reach the store.
    ///
    /// # Errors
    ///
    /// As [`X509StoreRef::to_builder`].
    fn try_from(ours: &X509StoreRef) -> Result<Self, Error> {
        let copy = ours.to_builder()?.build()?;
        // SAFETY: live, with the one reference, which is given up here.
        Ok(unsafe { Self::from_ptr(copy.into_ptr()) })
    }
}

impl<T> From<pkey::PKey<T>> for PKey {
    /// Takes over the key.
    fn from(theirs: pkey::PKey<T>) -> Self {
        let key = theirs.as_ptr();
        mem::forget(theirs);
        // SAFETY: live, with the reference that was forgotten just now; that crate changes none that is built.
        unsafe { Self::from_ptr(key) }
    }
}

impl<T> From<&pkey::PKeyRef<T>> for PKey {
    /// Shares the key.
    fn from(theirs: &pkey::PKeyRef<T>) -> Self {
        theirs.to_owned().into()
    }
}

impl TryFrom<&PKeyRef> for pkey::PKey<pkey::Private> {
    type Error = Error;

    /// Shares the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for a key whose private part is not here, such as a public key, or
    /// one in hardware: that crate counts on it.
    fn try_from(ours: &PKeyRef) -> Result<Self, Error> {
        wipe(&mut ours.to_pkcs8_der()?);
        // SAFETY: live, with the reference that is given up here, and it has a private part.
        Ok(unsafe { Self::from_ptr(ours.to_owned().into_ptr()) })
    }
}

impl TryFrom<PKey> for pkey::PKey<pkey::Private> {
    type Error = Error;

    /// Takes over the key.
    ///
    /// # Errors
    ///
    /// As for a reference.
    fn try_from(ours: PKey) -> Result<Self, Error> {
        Self::try_from(&*ours)
    }
}

impl TryFrom<&PKeyRef> for pkey::PKey<pkey::Public> {
    type Error = Error;

    /// Shares the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for parameters without a key: that crate counts on one.
    fn try_from(ours: &PKeyRef) -> Result<Self, Error> {
        ours.to_public_der()?;
        // SAFETY: live, with the reference that is given up here, and it has a public part.
        Ok(unsafe { Self::from_ptr(ours.to_owned().into_ptr()) })
    }
}

impl TryFrom<PKey> for pkey::PKey<pkey::Public> {
    type Error = Error;

    /// Takes over the key.
    ///
    /// # Errors
    ///
    /// As for a reference.
    fn try_from(ours: PKey) -> Result<Self, Error> {
        Self::try_from(&*ours)
    }
}
