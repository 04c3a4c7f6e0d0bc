//! Certificates.

use std::ffi::{c_int, c_long};
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::X509NameRef;
use super::mem::{MemBio, Passphrase, passphrase, print};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;

const PEM_NO_START_LINE: c_int = 108;

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
        const CALL: &str = "d2i_X509";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let certificate = unsafe { sys::d2i_X509(ptr::null_mut(), &raw mut rest, len) };
        // SAFETY: from C, and checked for NULL.
        let certificate = unsafe { Self::checked(certificate) }.ok_or_else(|| Error::from_queue(CALL))?;
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
        const CALL: &str = "PEM_read_bio_X509_AUX";
        let bio = MemBio::reading(CALL, pem)?;
        error::clear();
        Self::next_pem(&bio).ok_or_else(|| Error::from_queue(CALL))
    }

    /// Parses all certificates in a PEM text, in their order. Other PEM blocks between them are skipped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if one is broken, or if there is none at all.
    #[doc(alias = "PEM_read_bio_X509")]
    pub fn stack_from_pem(pem: &[u8]) -> Result<Vec<Self>, Error> {
        const CALL: &str = "PEM_read_bio_X509_AUX";
        let bio = MemBio::reading(CALL, pem)?;
        let mut certificates = Vec::new();
        loop {
            error::clear();
            match Self::next_pem(&bio) {
                Some(certificate) => certificates.push(certificate),
                None if certificates.is_empty() || !ended() => return Err(Error::from_queue(CALL)),
                None => break,
            }
        }
        error::clear();
        Ok(certificates)
    }

    fn next_pem(bio: &MemBio<'_>) -> Option<Self> {
        let mut none: Passphrase<'_> = None;
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        unsafe {
            let user = (&raw mut none).cast();
            Self::checked(ext::PEM_read_bio_X509_AUX(bio.as_ptr(), ptr::null_mut(), Some(passphrase), user))
        }
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
    /// `certificate` is a live `X509` of which the caller owns one reference, and nobody changes it any more.
    pub unsafe fn from_ptr(certificate: *mut sys::X509) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(certificate) }
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

/// Whether the newest error says that no further PEM block is there.
pub(super) fn ended() -> bool {
    // SAFETY: reads this thread's queue.
    let code = unsafe { sys::ERR_peek_last_error() };
    sys::ERR_GET_LIB(code) == sys::ERR_LIB_PEM && sys::ERR_GET_REASON(code) == PEM_NO_START_LINE
}

impl X509Ref {
    /// Borrows a certificate of C's.
    ///
    /// # Safety
    ///
    /// `certificate` is live for `'a`, and nobody changes it for as long.
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
        const CALL: &str = "i2d_X509";
        error::clear();
        // SAFETY: the certificate is live; NULL asks for the length.
        let len = unsafe { sys::i2d_X509(self.as_ptr(), ptr::null_mut()) };
        let Ok(room @ 1..) = usize::try_from(len) else { return Err(Error::from_queue(CALL)) };
        let mut der = vec![0; room];
        let mut end = der.as_mut_ptr();
        // SAFETY: the buffer has the length that C asked for, and a parsed certificate's encoding does not change.
        let written = unsafe { sys::i2d_X509(self.as_ptr(), &raw mut end) };
        if written == len { Ok(der) } else { Err(Error::from_queue(CALL)) }
    }

    /// The subject's name.
    ///
    /// C: [`X509_get_subject_name(3)`](https://docs.openssl.org/master/man3/X509_get_subject_name/)
    #[doc(alias = "X509_get_subject_name")]
    pub fn subject_name(&self) -> &X509NameRef {
        // SAFETY: the certificate is live and lends its name (get0), which every certificate has and nobody changes.
        unsafe { X509NameRef::from_ptr(sys::X509_get_subject_name(self.as_ptr())) }
    }

    /// The issuer's name.
    ///
    /// C: [`X509_get_issuer_name(3)`](https://docs.openssl.org/master/man3/X509_get_subject_name/)
    #[doc(alias = "X509_get_issuer_name")]
    pub fn issuer_name(&self) -> &X509NameRef {
        // SAFETY: the certificate is live and lends its name (get0), which every certificate has and nobody changes.
        unsafe { X509NameRef::from_ptr(sys::X509_get_issuer_name(self.as_ptr())) }
    }

    /// The serial number in hexadecimal, for display.
    ///
    /// C: [`X509_get0_serialNumber(3)`](https://docs.openssl.org/master/man3/X509_get_serialNumber/)
    #[doc(alias = "X509_get0_serialNumber")]
    pub fn serial_number(&self) -> String {
        error::clear();
        // SAFETY: the certificate is live and lends its serial number; the big number and its text are ours,
        // freed once, and freeing NULL is allowed.
        let text = unsafe {
            let number = sys::ASN1_INTEGER_to_BN(ext::X509_get0_serialNumber(self.as_ptr()), ptr::null_mut());
            let digits = if number.is_null() { ptr::null_mut() } else { sys::BN_bn2hex(number) };
            let text = strings::lossy(digits);
            sys::OPENSSL_free(digits.cast());
            sys::BN_free(number);
            text
        };
        error::clear();
        text
    }

    /// From when on the certificate is valid, for display.
    ///
    /// C: [`X509_get0_notBefore(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notBefore")]
    pub fn not_before(&self) -> String {
        // SAFETY: the certificate is live and lends the time (get0).
        print(|bio| unsafe { sys::ASN1_TIME_print(bio, ext::X509_get0_notBefore(self.as_ptr())) })
    }

    /// Until when the certificate is valid, for display.
    ///
    /// C: [`X509_get0_notAfter(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notAfter")]
    pub fn not_after(&self) -> String {
        // SAFETY: the certificate is live and lends the time (get0).
        print(|bio| unsafe { sys::ASN1_TIME_print(bio, ext::X509_get0_notAfter(self.as_ptr())) })
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
        match (self.to_der(), other.to_der()) {
            (Ok(mine), Ok(theirs)) => mine == theirs,
            _ => false,
        }
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
        assert!(!certificate.serial_number().is_empty());
        assert!(certificate.not_before().contains("GMT") && certificate.not_after().contains("GMT"));

        let two = [made.cert.pem(), made.signing_key.serialize_pem(), made.cert.pem()].concat();
        assert_eq!(X509::stack_from_pem(two.as_bytes()).unwrap().len(), 2);
        let mut longer = made.cert.der().to_vec();
        longer.push(0);
        assert_eq!(X509::from_der(&longer).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
