//! Reading keys.

use std::ffi::{c_int, c_long};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::PKey;
use super::mem::MemBio;
use super::passphrase::{Secret, answer};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::panics;
use crate::library::LibContext;

/// `EVP_PKEY_KEYPAIR`
const KEYPAIR: c_int = 0x87;

/// # Private keys
///
/// A passphrase opens an encrypted key; without one such a key is refused, and nobody is asked at the terminal. A closure
/// is asked when OpenSSL needs the passphrase, perhaps more than once; its answer is wiped after use, and a panic in it
/// goes on here.
impl PKey {
    /// Parses the private key in a PEM text: PKCS #8, or the older form of its algorithm, encrypted or not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is no key, or the passphrase is missing or wrong; [`ErrorKind::InvalidInput`] for
    /// a passphrase longer than OpenSSL takes, which is 1024 bytes.
    ///
    /// C: [`PEM_read_bio_PrivateKey(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_read_bio_PrivateKey")]
    pub fn from_pem(pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        Self::from_pem_in(LibContext::default(), pem, passphrase)
    }

    /// As [`from_pem`](Self::from_pem), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    #[doc(alias = "PEM_read_bio_PrivateKey_ex")]
    pub fn from_pem_in(lib: LibContext, pem: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        Self::read_pem(lib, pem, Secret::value(passphrase))
    }

    /// As [`from_pem`](Self::from_pem), with a closure that knows the passphrase, or answers `None`.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    #[doc(alias = "pem_password_cb")]
    pub fn from_pem_with(pem: &[u8], ask: impl FnMut() -> Option<Vec<u8>>) -> Result<Self, Error> {
        Self::from_pem_with_in(LibContext::default(), pem, ask)
    }

    /// As [`from_pem_with`](Self::from_pem_with), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_with_in(
        lib: LibContext,
        pem: &[u8],
        mut ask: impl FnMut() -> Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        Self::read_pem(lib, pem, Secret::ask(&mut ask))
    }

    fn read_pem(lib: LibContext, pem: &[u8], mut secret: Secret<'_>) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_PrivateKey";
        let bio = MemBio::reading(CALL, pem)?;
        let user = secret.as_ptr();
        error::clear();
        let key = panics::enter(
            // SAFETY: the BIO is live; there is nothing to reuse; the callback gets the secret, which outlives the call.
            || unsafe {
                let (context, query) = (lib.as_ptr(), lib.properties_ptr());
                let none = ptr::null_mut();
                ext::PEM_read_bio_PrivateKey_ex(bio.as_ptr(), none, Some(answer), user, context, query)
            },
            error::clear,
        );
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, key) }.map_err(|error| secret.explain(error))
    }

    /// Parses a private key in DER: PKCS #8, or the older form of its algorithm, not encrypted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is no key, or an encrypted one, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_AutoPrivateKey(3)`](https://docs.openssl.org/master/man3/d2i_PrivateKey/)
    #[doc(alias = "d2i_AutoPrivateKey")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_der_in(LibContext::default(), der)
    }

    /// As [`from_der`](Self::from_der), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der).
    #[doc(alias = "d2i_AutoPrivateKey_ex")]
    pub fn from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        // SAFETY: there is nothing to reuse; C moves the pointer within the bytes.
        Self::read_der("d2i_AutoPrivateKey", der, |rest, len| unsafe {
            ext::d2i_AutoPrivateKey_ex(ptr::null_mut(), rest, len, lib.as_ptr(), lib.properties_ptr())
        })
    }

    /// Parses a private key in DER that a passphrase encrypts (PKCS #8).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is no key, or the passphrase is wrong; [`ErrorKind::InvalidInput`] for bytes
    /// after it, or a passphrase longer than OpenSSL takes, which is 1024 bytes.
    ///
    /// C: [`d2i_PKCS8PrivateKey_bio(3)`](https://docs.openssl.org/master/man3/d2i_PKCS8PrivateKey_bio/)
    #[doc(alias = "d2i_PKCS8PrivateKey_bio")]
    pub fn from_encrypted_der(der: &[u8], passphrase: &[u8]) -> Result<Self, Error> {
        Self::from_encrypted_der_in(LibContext::default(), der, passphrase)
    }

    /// As [`from_encrypted_der`](Self::from_encrypted_der), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`from_encrypted_der`](Self::from_encrypted_der).
    #[doc(alias = "OSSL_DECODER_CTX_new_for_pkey")]
    pub fn from_encrypted_der_in(lib: LibContext, der: &[u8], passphrase: &[u8]) -> Result<Self, Error> {
        Self::decode(lib, der, Secret::value(Some(passphrase)))
    }

    /// As [`from_encrypted_der`](Self::from_encrypted_der), with a closure that knows the passphrase, or answers `None`.
    ///
    /// # Errors
    ///
    /// As [`from_encrypted_der`](Self::from_encrypted_der).
    #[doc(alias = "pem_password_cb")]
    pub fn from_encrypted_der_with(
        der: &[u8],
        mut ask: impl FnMut() -> Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        Self::decode(LibContext::default(), der, Secret::ask(&mut ask))
    }

    fn decode(lib: LibContext, der: &[u8], mut secret: Secret<'_>) -> Result<Self, Error> {
        const CALL: &str = "OSSL_DECODER_from_data";
        let mut key = ptr::null_mut();
        let (mut rest, mut left) = (der.as_ptr(), der.len());
        let user = secret.as_ptr();
        error::clear();
        // SAFETY: the strings are constants, NULL means any, and the decoder writes to `key`, which outlives it.
        let decoder = unsafe {
            let (context, query) = (lib.as_ptr(), lib.properties_ptr());
            let (form, any) = (c"DER".as_ptr(), ptr::null());
            sys::OSSL_DECODER_CTX_new_for_pkey(&raw mut key, form, any, any, KEYPAIR, context, query)
        };
        if decoder.is_null() {
            return Err(Error::from_queue("OSSL_DECODER_CTX_new_for_pkey"));
        }
        let done = panics::enter(
            // SAFETY: the decoder is live, and freed once; the callback gets the secret, and C moves the pointer within
            // the bytes, all of which outlive it.
            || unsafe {
                let done = sys::OSSL_DECODER_CTX_set_pem_password_cb(decoder, Some(answer), user) == 1
                    && sys::OSSL_DECODER_from_data(decoder, &raw mut rest, &raw mut left) == 1;
                sys::OSSL_DECODER_CTX_free(decoder);
                done
            },
            error::clear,
        );
        let decoded = if done { key } else { ptr::null_mut() };
        if !done {
            // SAFETY: NULL, or a key that a decoder made before a later one failed.
            unsafe { sys::EVP_PKEY_free(key) };
        }
        // SAFETY: from C, with a reference of our own.
        let key = unsafe { Self::checked(CALL, decoded) }.map_err(|error| secret.explain(error))?;
        if left == 0 { Ok(key) } else { Err(trailing(CALL)) }
    }

    /// Reads a key with a `d2i` function.
    fn read_der(
        call: &'static str,
        der: &[u8],
        read: impl FnOnce(*mut *const u8, c_long) -> *mut sys::EVP_PKEY,
    ) -> Result<Self, Error> {
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the input is too long"));
        };
        let mut rest = der.as_ptr();
        error::clear();
        let key = read(&raw mut rest, len);
        // SAFETY: from C, with a reference of our own.
        let key = unsafe { Self::checked(call, key) }?;
        if rest == der.as_ptr_range().end { Ok(key) } else { Err(trailing(call)) }
    }
}

fn trailing(call: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, call).with_detail("bytes follow the key")
}

/// # Public keys and parameters
impl PKey {
    /// Parses the public key in a PEM text, `PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is none.
    ///
    /// C: [`PEM_read_bio_PUBKEY(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_read_bio_PUBKEY")]
    pub fn public_from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::public_from_pem_in(LibContext::default(), pem)
    }

    /// As [`public_from_pem`](Self::public_from_pem), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`public_from_pem`](Self::public_from_pem).
    #[doc(alias = "PEM_read_bio_PUBKEY_ex")]
    pub fn public_from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_PUBKEY";
        let bio = MemBio::reading(CALL, pem)?;
        let mut secret = Secret::none();
        error::clear();
        // SAFETY: the BIO is live; there is nothing to reuse; the callback gets the secret, which outlives the call.
        let key = unsafe {
            let (context, query) = (lib.as_ptr(), lib.properties_ptr());
            let (none, user) = (ptr::null_mut(), secret.as_ptr());
            ext::PEM_read_bio_PUBKEY_ex(bio.as_ptr(), none, Some(answer), user, context, query)
        };
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, key) }.map_err(|error| secret.explain(error))
    }

    /// Parses a public key in DER, a SubjectPublicKeyInfo.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is none, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_PUBKEY(3)`](https://docs.openssl.org/master/man3/X509_PUBKEY_new/)
    #[doc(alias = "d2i_PUBKEY")]
    pub fn public_from_der(der: &[u8]) -> Result<Self, Error> {
        Self::public_from_der_in(LibContext::default(), der)
    }

    /// As [`public_from_der`](Self::public_from_der), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`public_from_der`](Self::public_from_der).
    #[doc(alias = "d2i_PUBKEY_ex")]
    pub fn public_from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        // SAFETY: there is nothing to reuse; C moves the pointer within the bytes.
        Self::read_der("d2i_PUBKEY", der, |rest, len| unsafe {
            ext::d2i_PUBKEY_ex(ptr::null_mut(), rest, len, lib.as_ptr(), lib.properties_ptr())
        })
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
        Self::parameters_from_pem_in(LibContext::default(), pem)
    }

    /// As [`parameters_from_pem`](Self::parameters_from_pem), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`parameters_from_pem`](Self::parameters_from_pem).
    #[doc(alias = "PEM_read_bio_Parameters_ex")]
    pub fn parameters_from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_Parameters";
        let bio = MemBio::reading(CALL, pem)?;
        error::clear();
        // SAFETY: the BIO is live; there is nothing to reuse.
        let parameters = unsafe {
            let (context, query) = (lib.as_ptr(), lib.properties_ptr());
            ext::PEM_read_bio_Parameters_ex(bio.as_ptr(), ptr::null_mut(), context, query)
        };
        // SAFETY: from C, with a reference of our own.
        unsafe { Self::checked(CALL, parameters) }
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
        assert!(pem.public_eq(&der).unwrap());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for bytes in [&b""[..], b"\x30", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(PKey::from_pem(bytes, None).is_err());
            assert!(PKey::from_pem(bytes, Some(b"secret")).is_err());
            assert!(PKey::from_der(bytes).is_err());
            assert!(PKey::from_encrypted_der(bytes, b"secret").is_err());
            assert!(PKey::public_from_pem(bytes).is_err());
            assert!(PKey::public_from_der(bytes).is_err());
            assert!(PKey::parameters_from_pem(bytes).is_err());
        }
    }
}
