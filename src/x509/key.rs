//! Keys.

use std::ffi::c_long;
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::{MemBio, Passphrase, passphrase};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;

// `Send` and `Sync`: OpenSSL counts references atomically and locks the caches inside; there is no setter here.
foreign_type! {
    /// A key, or the parameters of one. A clone is one more reference to the same object.
    #[doc(alias = "EVP_PKEY")]
    pub unsafe type PKey: Send + Sync {
        type CType = sys::EVP_PKEY;
        fn drop = sys::EVP_PKEY_free;
        fn clone = share;
    }
}

/// # Safety
///
/// `key` is live.
unsafe fn share(key: *mut sys::EVP_PKEY) -> *mut sys::EVP_PKEY {
    // SAFETY: live by this function's contract.
    unsafe { sys::EVP_PKEY_up_ref(key) };
    key
}

impl PKey {
    /// Parses the private key in a PEM text. `passphrase` opens an encrypted one; without it such a key is refused,
    /// and nobody is asked at the terminal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is no key, or the passphrase does not fit.
    ///
    /// C: [`PEM_read_bio_PrivateKey(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_read_bio_PrivateKey")]
    pub fn from_pem(pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_PrivateKey";
        let bio = MemBio::reading(CALL, pem)?;
        let mut secret: Passphrase<'_> = passphrase;
        error::clear();
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        let key = unsafe {
            let user = (&raw mut secret).cast();
            sys::PEM_read_bio_PrivateKey(bio.as_ptr(), ptr::null_mut(), Some(self::passphrase), user)
        };
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, key) }
    }

    /// Parses a private key in DER: PKCS #8, or the older form of its algorithm.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is no key, or an encrypted one.
    ///
    /// C: [`d2i_AutoPrivateKey(3)`](https://docs.openssl.org/master/man3/d2i_PrivateKey/)
    #[doc(alias = "d2i_AutoPrivateKey")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_AutoPrivateKey";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let key = unsafe { sys::d2i_AutoPrivateKey(ptr::null_mut(), &raw mut rest, len) };
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, key) }
    }

    /// Parses the parameters in a PEM text, such as `DH PARAMETERS`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there are none.
    ///
    /// C: [`PEM_read_bio_Parameters(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_read_bio_Parameters")]
    pub fn parameters_from_pem(pem: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_Parameters";
        let bio = MemBio::reading(CALL, pem)?;
        error::clear();
        // SAFETY: the BIO is live; there is nothing to reuse.
        let parameters = unsafe { ext::PEM_read_bio_Parameters(bio.as_ptr(), ptr::null_mut()) };
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, parameters) }
    }

    /// # Safety
    ///
    /// `key` is NULL, or a live key of which the caller gives up a reference.
    pub(super) unsafe fn checked(call: &'static str, key: *mut sys::EVP_PKEY) -> Result<Self, Error> {
        if key.is_null() {
            return Err(Error::from_queue(call));
        }
        // Decoders that did not fit may have left entries behind.
        error::clear();
        // SAFETY: not NULL, and by this function's contract.
        Ok(unsafe { <Self as ForeignType>::from_ptr(key) })
    }

    /// Takes over a key from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `key` is a live `EVP_PKEY` of which the caller owns one reference, and nobody changes it any more.
    pub unsafe fn from_ptr(key: *mut sys::EVP_PKEY) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(key) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::EVP_PKEY {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::EVP_PKEY {
        ForeignType::into_ptr(self)
    }
}

impl PKeyRef {
    /// Borrows a key of C's.
    ///
    /// # Safety
    ///
    /// `key` is live for `'a`, and nobody changes it for as long.
    pub unsafe fn from_ptr<'a>(key: *mut sys::EVP_PKEY) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(key) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::EVP_PKEY {
        ForeignTypeRef::as_ptr(self)
    }

    /// The algorithm's name, such as `RSA`, `EC` or `X25519`; empty for a key that no provider holds.
    ///
    /// C: [`EVP_PKEY_get0_type_name(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_is_a/)
    #[doc(alias = "EVP_PKEY_get0_type_name")]
    pub fn algorithm(&self) -> String {
        // SAFETY: the key is live and lends the name, which is copied at once.
        unsafe { strings::lossy(ext::EVP_PKEY_get0_type_name(self.as_ptr())) }
    }

    /// The size in bits, as the algorithm counts it.
    ///
    /// C: [`EVP_PKEY_get_bits(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_get_size/)
    #[doc(alias = "EVP_PKEY_get_bits")]
    pub fn bits(&self) -> u32 {
        // SAFETY: the key is live, and the call only reads it.
        u32::try_from(unsafe { sys::EVP_PKEY_get_bits(self.as_ptr()) }).unwrap_or_default()
    }
}

impl fmt::Debug for PKeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key itself.
        f.debug_struct("PKey").field("algorithm", &self.algorithm()).field("bits", &self.bits()).finish()
    }
}

impl fmt::Debug for PKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_from_pem_and_der() {
        let made = rcgen::KeyPair::generate().unwrap();
        let pem = PKey::from_pem(made.serialize_pem().as_bytes(), None).unwrap();
        let der = PKey::from_der(&made.serialize_der()).unwrap();
        assert_eq!((pem.algorithm().as_str(), pem.bits()), ("EC", 256));
        // SAFETY: both are live.
        assert_eq!(unsafe { sys::EVP_PKEY_eq(pem.as_ptr(), der.as_ptr()) }, 1);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bytes in [&b""[..], b"\x30", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(PKey::from_pem(bytes, None).is_err());
            assert!(PKey::from_pem(bytes, Some(b"secret")).is_err());
            assert!(PKey::from_der(bytes).is_err());
            assert!(PKey::parameters_from_pem(bytes).is_err());
        }
    }
}
