//! Keys.

use std::ffi::c_char;
use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::{self, Error};
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
    /// `key` is a live `EVP_PKEY` of which the caller owns one reference, and nobody changes it any more. What C keeps in it
    /// (its ex_data, an engine's data) may be used and freed on any thread.
    pub unsafe fn from_ptr(key: *mut sys::EVP_PKEY) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(key) }
    }

    /// Shares a key with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `key` is a live `EVP_PKEY`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "EVP_PKEY_up_ref")]
    pub unsafe fn share_from_ptr(key: *mut sys::EVP_PKEY) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { sys::EVP_PKEY_up_ref(key) } != 1 {
            return Err(Error::from_queue("EVP_PKEY_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(key) })
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
    /// `key` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives.
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
    #[doc(alias = "EVP_PKEY_bits")]
    pub fn bits(&self) -> u32 {
        // SAFETY: the key is live, and the call only reads it.
        u32::try_from(unsafe { sys::EVP_PKEY_get_bits(self.as_ptr()) }).unwrap_or_default()
    }
}

/// # What it is
impl PKeyRef {
    /// How many bits of security the key gives; 0 for a key that has none or no algorithm.
    ///
    /// C: [`EVP_PKEY_get_security_bits(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_get_size/)
    #[doc(alias = "EVP_PKEY_get_security_bits")]
    #[doc(alias = "EVP_PKEY_security_bits")]
    pub fn security_bits(&self) -> u32 {
        error::clear();
        // SAFETY: the key is live, and the call only reads it.
        let bits = unsafe { sys::EVP_PKEY_get_security_bits(self.as_ptr()) };
        error::clear();
        u32::try_from(bits).unwrap_or_default()
    }

    /// Whether the algorithm goes by this name, such as `EC` or `id-ecPublicKey`.
    ///
    /// C: [`EVP_PKEY_is_a(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_is_a/)
    #[doc(alias = "EVP_PKEY_is_a")]
    pub fn is_a(&self, algorithm: &str) -> bool {
        let Ok(algorithm) = strings::c_string("EVP_PKEY_is_a", "the algorithm", algorithm) else {
            return false;
        };
        error::clear();
        // SAFETY: the key is live, and the string outlives the call.
        let is = unsafe { sys::EVP_PKEY_is_a(self.as_ptr(), algorithm.as_ptr()) } == 1;
        error::clear();
        is
    }

    /// The name of the group or curve, such as `prime256v1`; `None` for an algorithm without one.
    ///
    /// C: [`EVP_PKEY_get_group_name(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_get_group_name/)
    #[doc(alias = "EVP_PKEY_get_group_name")]
    pub fn group_name(&self) -> Option<String> {
        let mut name = [0_u8; 128];
        let mut len = 0;
        error::clear();
        // SAFETY: the key is live, the buffer has the length given, and the out-pointer is a local of the type C writes.
        let known = unsafe {
            let buffer = name.as_mut_ptr().cast::<c_char>();
            ext::EVP_PKEY_get_group_name(self.as_ptr(), buffer, name.len(), &raw mut len)
        };
        error::clear();
        let name = name.get(..len).filter(|name| known == 1 && !name.is_empty())?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// Whether both have the same public key and parameters. Keys of different algorithms are not equal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) where the algorithm cannot tell.
    ///
    /// C: [`EVP_PKEY_eq(3)`](https://docs.openssl.org/master/man3/EVP_PKEY_eq/)
    #[doc(alias = "EVP_PKEY_eq")]
    #[doc(alias = "EVP_PKEY_cmp")]
    pub fn public_eq(&self, other: &Self) -> Result<bool, Error> {
        const CALL: &str = "EVP_PKEY_eq";
        error::clear();
        // SAFETY: both are live, and the call changes nothing but caches under their locks.
        match unsafe { sys::EVP_PKEY_eq(self.as_ptr(), other.as_ptr()) } {
            1 => Ok(true),
            0 | -1 => {
                error::clear();
                Ok(false)
            }
            _ => Err(Error::from_queue(CALL)),
        }
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
