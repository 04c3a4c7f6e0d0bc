//! Certificates.

use std::ffi::c_long;
use std::fmt;
use std::hash::{Hash, Hasher};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::{MemBio, encode, no_more_pem, write_text};
use super::passphrase::{Secret, answer};
use crate::error::{self, Error, ErrorKind};
use crate::library::LibContext;

const PEM_READ: &str = "PEM_read_bio_X509_AUX";

// `Send` and `Sync`: OpenSSL counts references atomically and fills its caches under the certificate's own lock.
// Parsed certificates keep their encoding, and there is no setter here, so nothing is encoded anew behind `&self`.
foreign_type! {
    /// A certificate. A clone is one more reference to the same object.
    pub unsafe type X509: Send + Sync {
        type CType = sys::X509;
        fn drop = sys::X509_free;
        fn clone = share;
    }
}

/// # Safety
///
/// `certificate` is live.
unsafe fn share(certificate: *mut sys::X509) -> *mut sys::X509 {
    // SAFETY: live by this function's contract.
    unsafe { sys::X509_up_ref(certificate) };
    certificate
}

impl X509 {
    /// Parses one certificate in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no certificate, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_X509(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_X509")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_der_in(LibContext::default(), der)
    }

    /// As [`from_der`](Self::from_der), with the algorithms of a library context for what the certificate needs later.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der).
    ///
    /// C: [`X509_new_ex(3)`](https://docs.openssl.org/master/man3/X509_new/)
    #[doc(alias = "X509_new_ex")]
    pub fn from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_X509";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let certificate = Self::fill(lib, |place| unsafe { sys::d2i_X509(place, &raw mut rest, len) })?
            .ok_or_else(|| Error::from_queue(CALL))?;
        if rest != der.as_ptr_range().end {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the certificate"));
        }
        Ok(certificate)
    }

    /// Parses the first certificate in a PEM text. Encrypted PEM is refused: nobody is asked for a passphrase.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is none, or a broken one.
    ///
    /// C: [`PEM_read_bio_X509_AUX(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_X509/)
    #[doc(alias = "PEM_read_bio_X509")]
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::from_pem_in(LibContext::default(), pem)
    }

    /// As [`from_pem`](Self::from_pem), with the algorithms of a library context for what the certificate needs later.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Self, Error> {
        let bio = MemBio::reading(PEM_READ, pem)?;
        Self::next_pem(lib, &bio)?.ok_or_else(|| Error::from_queue(PEM_READ))
    }

    /// Parses all certificates in a PEM text, in their order. Other PEM blocks between them are skipped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if one is broken, or if there is none at all.
    #[doc(alias = "PEM_read_bio_X509")]
    pub fn stack_from_pem(pem: &[u8]) -> Result<Vec<Self>, Error> {
        Self::stack_from_pem_in(LibContext::default(), pem)
    }

    /// As [`stack_from_pem`](Self::stack_from_pem), with the algorithms of a library context for what the certificates
    /// need later.
    ///
    /// # Errors
    ///
    /// As [`stack_from_pem`](Self::stack_from_pem).
    pub fn stack_from_pem_in(lib: LibContext, pem: &[u8]) -> Result<Vec<Self>, Error> {
        let bio = MemBio::reading(PEM_READ, pem)?;
        let mut certificates = Vec::new();
        loop {
            match Self::next_pem(lib, &bio)? {
                Some(certificate) => certificates.push(certificate),
                None if certificates.is_empty() || !no_more_pem() => return Err(Error::from_queue(PEM_READ)),
                None => break,
            }
        }
        error::clear();
        Ok(certificates)
    }

    /// The next certificate of a PEM text; the queue says why there is none.
    fn next_pem(lib: LibContext, bio: &MemBio<'_>) -> Result<Option<Self>, Error> {
        let mut none = Secret::none();
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        Self::fill(lib, |place| unsafe {
            ext::PEM_read_bio_X509_AUX(bio.as_ptr(), place, Some(answer), none.as_ptr())
        })
    }

    /// Lets `read` fill a new certificate of the library context. If it fails the queue says why.
    fn fill(
        lib: LibContext,
        read: impl FnOnce(*mut *mut sys::X509) -> *mut sys::X509,
    ) -> Result<Option<Self>, Error> {
        error::clear();
        // SAFETY: has no requirements beyond a live context and query.
        let mut certificate = unsafe { ext::X509_new_ex(lib.as_ptr(), lib.properties_ptr()) };
        if certificate.is_null() {
            return Err(Error::from_queue("X509_new_ex"));
        }
        if read(&raw mut certificate).is_null() {
            // SAFETY: what failed to read it freed it and put NULL there, or left it to us.
            unsafe { sys::X509_free(certificate) };
            return Ok(None);
        }
        // SAFETY: ours, and filled.
        Ok(unsafe { Self::checked(certificate) })
    }

    /// # Safety
    ///
    /// `certificate` is NULL, or a live certificate of which the caller gives up a reference.
    unsafe fn checked(certificate: *mut sys::X509) -> Option<Self> {
        // SAFETY: not NULL, and by this function's contract.
        (!certificate.is_null()).then(|| unsafe { <Self as ForeignType>::from_ptr(certificate) })
    }

    /// Takes over a certificate from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `certificate` is a live `X509` of which the caller owns one reference, and nobody changes it any more. What C keeps in
    /// its ex_data may be freed on any thread.
    pub unsafe fn from_ptr(certificate: *mut sys::X509) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(certificate) }
    }

    /// Shares a certificate with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `certificate` is a live `X509`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "X509_up_ref")]
    pub unsafe fn share_from_ptr(certificate: *mut sys::X509) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { sys::X509_up_ref(certificate) } != 1 {
            return Err(Error::from_queue("X509_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(certificate) })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509 {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::X509 {
        ForeignType::into_ptr(self)
    }
}

impl X509Ref {
    /// Borrows a certificate of C's.
    ///
    /// # Safety
    ///
    /// `certificate` is live for `'a`, and nobody changes it for as long, nor while a clone of it lives; the rest as
    /// [`X509::from_ptr`].
    pub unsafe fn from_ptr<'a>(certificate: *mut sys::X509) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(certificate) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509 {
        ForeignTypeRef::as_ptr(self)
    }

    /// The certificate in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`i2d_X509(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "i2d_X509")]
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the certificate is live, and a parsed one's encoding does not change; C counts for NULL, and writes what
        // it counted.
        encode("i2d_X509", |out| unsafe { sys::i2d_X509(self.as_ptr(), out) })
    }

    /// The certificate in PEM.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`PEM_write_bio_X509(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_X509/)
    #[doc(alias = "PEM_write_bio_X509")]
    pub fn to_pem(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the certificate are live.
        write_text("PEM_write_bio_X509", |bio| unsafe { sys::PEM_write_bio_X509(bio, self.as_ptr()) })
    }
}

impl fmt::Debug for X509Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509")
            .field("subject", &self.subject_name())
            .field("issuer", &self.issuer_name())
            .finish()
    }
}

impl fmt::Debug for X509 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for X509Ref {
    /// Whether both have the same encoding.
    fn eq(&self, other: &Self) -> bool {
        if self.as_ptr() == other.as_ptr() {
            return true;
        }
        match (self.to_der(), other.to_der()) {
            (Ok(mine), Ok(theirs)) => mine == theirs,
            _ => false,
        }
    }
}

impl Eq for X509Ref {}

impl Hash for X509Ref {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal certificates have equal encodings; one that has none equals itself only, for which any hash will do.
        self.to_der().unwrap_or_default().hash(state);
    }
}

impl PartialEq for X509 {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for X509 {}

impl Hash for X509 {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bytes in [&b""[..], b"\x30", b"\x30\x03\x02\x01\x00", b"-----BEGIN CERTIFICATE-----\n"] {
            assert!(X509::from_der(bytes).is_err());
            assert!(X509::from_pem(bytes).is_err());
            assert!(X509::stack_from_pem(bytes).is_err());
        }
    }

    #[test]
    fn a_certificate_survives_der_and_pem() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
        let certificate = X509::from_der(made.cert.der()).unwrap();
        assert_eq!(certificate.to_der().unwrap(), made.cert.der().to_vec());
        assert_eq!(*X509::from_pem(made.cert.pem().as_bytes()).unwrap(), *certificate);
        assert_eq!(certificate.subject_name().to_string(), certificate.issuer_name().to_string());
        assert!(certificate.subject_name().to_string().starts_with("CN="), "{certificate:?}");
        assert!(!certificate.serial_number().as_bytes().is_empty());
        assert!(certificate.not_before().contains("GMT") && certificate.not_after().contains("GMT"));

        let two = [made.cert.pem(), made.signing_key.serialize_pem(), made.cert.pem()].concat();
        assert_eq!(X509::stack_from_pem(two.as_bytes()).unwrap().len(), 2);
        let mut longer = made.cert.der().to_vec();
        longer.push(0);
        assert_eq!(X509::from_der(&longer).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
