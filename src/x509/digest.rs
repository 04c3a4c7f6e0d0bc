//! Hashes over encodings: fingerprints and pins.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::X509Ref;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::library::LibContext;

/// `EVP_MAX_MD_SIZE`
const MAX: usize = 64;

/// The hash of some bytes, by an algorithm that the context has.
pub(crate) fn digest_in(lib: LibContext, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, Error> {
    const CALL: &str = "EVP_Q_digest";
    let algorithm = strings::c_string_not_empty(CALL, "the algorithm", algorithm)?;
    let mut hash = vec![0; MAX];
    let mut len = 0;
    error::clear();
    // SAFETY: the strings and the data outlive the call, the buffer has room for every hash, and the out-pointer is a
    // local of the type C writes.
    let done = unsafe {
        sys::EVP_Q_digest(
            lib.as_ptr(),
            algorithm.as_ptr(),
            lib.properties_ptr(),
            data.as_ptr().cast(),
            data.len(),
            hash.as_mut_ptr(),
            &raw mut len,
        )
    };
    if done != 1 {
        return Err(Error::from_queue(CALL));
    }
    error::clear();
    hash.truncate(len);
    Ok(hash)
}

pub(crate) fn sha256_in(lib: LibContext, data: &[u8]) -> Result<[u8; 32], Error> {
    let hash = digest_in(lib, "SHA256", data)?;
    <[u8; 32]>::try_from(hash).map_err(|hash| {
        Error::new(ErrorKind::Refused, "EVP_Q_digest").with_detail(format!("a hash of {} bytes", hash.len()))
    })
}

/// # What identifies it
impl X509Ref {
    /// The SHA-256 hash of the whole certificate in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no such algorithm.
    ///
    /// C: [`X509_digest(3)`](https://docs.openssl.org/master/man3/X509_digest/)
    #[doc(alias = "X509_digest")]
    pub fn sha256_fingerprint(&self) -> Result<[u8; 32], Error> {
        self.sha256_fingerprint_in(LibContext::default())
    }

    /// As [`sha256_fingerprint`](Self::sha256_fingerprint), with the algorithm of a library context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no such algorithm.
    pub fn sha256_fingerprint_in(&self, lib: LibContext) -> Result<[u8; 32], Error> {
        sha256_in(lib, &self.to_der()?)
    }

    /// The hash of the whole certificate in DER, by an algorithm of this name: `SHA1`, `SHA2-512`, `SHA3-256`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty name or a NUL byte, [`ErrorKind::Refused`] for an algorithm that the
    /// library does not have.
    ///
    /// C: [`X509_digest(3)`](https://docs.openssl.org/master/man3/X509_digest/)
    #[doc(alias = "X509_digest")]
    pub fn fingerprint(&self, algorithm: &str) -> Result<Vec<u8>, Error> {
        self.fingerprint_in(LibContext::default(), algorithm)
    }

    /// As [`fingerprint`](Self::fingerprint), with the algorithm of a library context.
    ///
    /// # Errors
    ///
    /// As [`fingerprint`](Self::fingerprint).
    pub fn fingerprint_in(&self, lib: LibContext, algorithm: &str) -> Result<Vec<u8>, Error> {
        digest_in(lib, algorithm, &self.to_der()?)
    }

    /// The SHA-256 hash of the public key's SubjectPublicKeyInfo in DER: what [RFC 7469] calls a pin.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the key cannot be encoded, or there is no such algorithm.
    ///
    /// [RFC 7469]: https://www.rfc-editor.org/rfc/rfc7469
    ///
    /// C: [`i2d_X509_PUBKEY(3)`](https://docs.openssl.org/master/man3/X509_PUBKEY_new/)
    #[doc(alias = "i2d_X509_PUBKEY")]
    pub fn spki_sha256(&self) -> Result<[u8; 32], Error> {
        self.spki_sha256_in(LibContext::default())
    }

    /// As [`spki_sha256`](Self::spki_sha256), with the algorithm of a library context.
    ///
    /// # Errors
    ///
    /// As [`spki_sha256`](Self::spki_sha256).
    pub fn spki_sha256_in(&self, lib: LibContext) -> Result<[u8; 32], Error> {
        sha256_in(lib, &self.spki_der()?)
    }

    /// The public key as the certificate has it, a SubjectPublicKeyInfo in DER; no algorithm needs to know it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`X509_get_X509_PUBKEY(3)`](https://docs.openssl.org/master/man3/X509_get_pubkey/)
    #[doc(alias = "X509_get_X509_PUBKEY")]
    #[doc(alias = "i2d_X509_PUBKEY")]
    pub fn spki_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the certificate is live and lends its key (get0); C counts for NULL, and writes what it counted.
        super::mem::encode("i2d_X509_PUBKEY", |out| unsafe {
            ext::i2d_X509_PUBKEY(ext::X509_get_X509_PUBKEY(self.as_ptr()), out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standards() {
        let empty = sha256_in(LibContext::default(), b"").unwrap();
        assert_eq!(empty[..4], [0xe3, 0xb0, 0xc4, 0x42]);
        assert_eq!(digest_in(LibContext::default(), "SHA1", b"").unwrap().len(), 20);
        assert_eq!(digest_in(LibContext::default(), "SHA512", b"").unwrap().len(), 64);
        for (name, kind) in
            [("", ErrorKind::InvalidInput), ("SHA\0", ErrorKind::InvalidInput), ("SHA7", ErrorKind::Refused)]
        {
            assert_eq!(digest_in(LibContext::default(), name, b"").unwrap_err().kind(), kind);
        }
        let none = LibContext::default().with_properties("provider=nobody").unwrap();
        assert_eq!(sha256_in(none, b"").unwrap_err().kind(), ErrorKind::Refused);
        assert!(error::is_empty());
    }
}
