//! Writing keys.

use std::ffi::{c_char, c_int};
use std::ptr;

use openssl_sys as sys;

use super::PKeyRef;
use super::mem::{MemBio, encode, write_text};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::library::LibContext;

/// # Encodings
impl PKeyRef {
    /// The private key in DER, PKCS #8. It is not encrypted: whoever has these bytes has the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a key whose private part is not here, such as one in hardware.
    ///
    /// C: [`i2d_PKCS8PrivateKey_bio(3)`](https://docs.openssl.org/master/man3/d2i_PKCS8PrivateKey_bio/)
    #[doc(alias = "i2d_PKCS8PrivateKey_bio")]
    pub fn to_pkcs8_der(&self) -> Result<Vec<u8>, Error> {
        write_bytes(self, None)
    }

    /// The private key in PEM, PKCS #8. It is not encrypted: whoever has this text has the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a key whose private part is not here, such as one in hardware.
    ///
    /// C: [`PEM_write_bio_PKCS8PrivateKey(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_write_bio_PKCS8PrivateKey")]
    #[doc(alias = "PEM_write_bio_PrivateKey")]
    pub fn to_pkcs8_pem(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the key are live; without a cipher nothing is asked.
        write_text("PEM_write_bio_PKCS8PrivateKey", |bio| unsafe {
            let (none, nobody) = (ptr::null(), ptr::null_mut());
            sys::PEM_write_bio_PKCS8PrivateKey(bio, self.as_ptr(), none, ptr::null_mut(), 0, None, nobody)
        })
    }

    /// The private key in DER, PKCS #8, encrypted with a passphrase by a cipher of this name, such as `AES-256-CBC`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty passphrase or name, [`ErrorKind::Refused`] for a cipher that the library
    /// does not have or that does not do here, and for a key whose private part is not here.
    ///
    /// C: [`i2d_PKCS8PrivateKey_bio(3)`](https://docs.openssl.org/master/man3/d2i_PKCS8PrivateKey_bio/)
    #[doc(alias = "i2d_PKCS8PrivateKey_bio")]
    pub fn to_encrypted_pkcs8_der(&self, cipher: &str, passphrase: &[u8]) -> Result<Vec<u8>, Error> {
        let cipher = Cipher::fetch(LibContext::default(), cipher)?;
        write_bytes(self, Some((&cipher, &Password::new("i2d_PKCS8PrivateKey_bio", passphrase)?)))
    }

    /// The private key in PEM, PKCS #8, encrypted with a passphrase by a cipher of this name, such as `AES-256-CBC`.
    ///
    /// # Errors
    ///
    /// As [`to_encrypted_pkcs8_der`](Self::to_encrypted_pkcs8_der).
    ///
    /// C: [`PEM_write_bio_PKCS8PrivateKey(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_write_bio_PKCS8PrivateKey")]
    pub fn to_encrypted_pkcs8_pem(&self, cipher: &str, passphrase: &[u8]) -> Result<String, Error> {
        self.to_encrypted_pkcs8_pem_in(LibContext::default(), cipher, passphrase)
    }

    /// As [`to_encrypted_pkcs8_pem`](Self::to_encrypted_pkcs8_pem), with the cipher of a library context.
    ///
    /// # Errors
    ///
    /// As [`to_encrypted_pkcs8_der`](Self::to_encrypted_pkcs8_der).
    #[doc(alias = "PEM_write_bio_PKCS8PrivateKey")]
    pub fn to_encrypted_pkcs8_pem_in(
        &self,
        lib: LibContext,
        cipher: &str,
        passphrase: &[u8],
    ) -> Result<String, Error> {
        const CALL: &str = "PEM_write_bio_PKCS8PrivateKey";
        let password = Password::new(CALL, passphrase)?;
        let cipher = Cipher::fetch(lib, cipher)?;
        // SAFETY: the BIO, the key and the cipher are live; C reads so many bytes of the passphrase.
        write_text(CALL, |bio| unsafe {
            let (data, len) = (password.data, password.len);
            sys::PEM_write_bio_PKCS8PrivateKey(bio, self.as_ptr(), cipher.0, data, len, None, ptr::null_mut())
        })
    }

    /// The public key in DER, a SubjectPublicKeyInfo.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a key without a public part.
    ///
    /// C: [`i2d_PUBKEY(3)`](https://docs.openssl.org/master/man3/X509_PUBKEY_new/)
    #[doc(alias = "i2d_PUBKEY")]
    pub fn to_public_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the key is live, and its encoding does not change; C counts for NULL, and writes what it counted.
        encode("i2d_PUBKEY", |out| unsafe { sys::i2d_PUBKEY(self.as_ptr(), out) })
    }

    /// The public key in PEM, `PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a key without a public part.
    ///
    /// C: [`PEM_write_bio_PUBKEY(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_PrivateKey/)
    #[doc(alias = "PEM_write_bio_PUBKEY")]
    pub fn to_public_pem(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the key are live.
        write_text("PEM_write_bio_PUBKEY", |bio| unsafe { sys::PEM_write_bio_PUBKEY(bio, self.as_ptr()) })
    }
}

/// OpenSSL wipes the BIO's buffer when it frees it.
fn write_bytes(key: &PKeyRef, encryption: Option<(&Cipher, &Password<'_>)>) -> Result<Vec<u8>, Error> {
    const CALL: &str = "i2d_PKCS8PrivateKey_bio";
    error::clear();
    let bio = MemBio::writing()?;
    let (cipher, data, len) = match encryption {
        Some((cipher, password)) => (cipher.0.cast_const(), password.data, password.len),
        None => (ptr::null(), ptr::null_mut(), 0),
    };
    // SAFETY: the BIO and the key are live, the cipher is NULL or live, and C reads so many bytes of the passphrase.
    let done = unsafe {
        sys::i2d_PKCS8PrivateKey_bio(bio.as_ptr(), key.as_ptr(), cipher, data, len, None, ptr::null_mut())
    };
    if done != 1 {
        return Err(Error::from_queue(CALL));
    }
    error::clear();
    Ok(bio.contents().to_vec())
}

/// A passphrase as C takes it for writing: not empty, for C would ask at the terminal for NULL.
struct Password<'a> {
    data: *mut c_char,
    len: c_int,
    passphrase: std::marker::PhantomData<&'a [u8]>,
}

impl<'a> Password<'a> {
    fn new(call: &'static str, passphrase: &'a [u8]) -> Result<Self, Error> {
        let refuse = |why: &str| Error::new(ErrorKind::InvalidInput, call).with_detail(why);
        if passphrase.is_empty() {
            return Err(refuse("the passphrase is empty"));
        }
        let len = c_int::try_from(passphrase.len()).ok().filter(|len| *len <= 1024);
        let len = len.ok_or_else(|| refuse("the passphrase is longer than OpenSSL takes"))?;
        // C's parameter lacks a `const`; it only reads.
        Ok(Self { data: passphrase.as_ptr().cast_mut().cast(), len, passphrase: std::marker::PhantomData })
    }
}

/// A cipher that was fetched.
struct Cipher(*mut sys::EVP_CIPHER);

impl Cipher {
    fn fetch(lib: LibContext, name: &str) -> Result<Self, Error> {
        const CALL: &str = "EVP_CIPHER_fetch";
        let name = strings::c_string_not_empty(CALL, "the cipher", name)?;
        error::clear();
        // SAFETY: the strings outlive the call.
        let cipher = unsafe { sys::EVP_CIPHER_fetch(lib.as_ptr(), name.as_ptr(), lib.properties_ptr()) };
        if cipher.is_null() { Err(Error::from_queue(CALL)) } else { Ok(Self(cipher)) }
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { sys::EVP_CIPHER_free(self.0) };
    }
}
