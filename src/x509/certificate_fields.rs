//! What a certificate says, its extensions aside.

use std::ffi::c_int;
use std::ptr;
use std::time::SystemTime;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::write_text;
use super::name::ONELINE;
use super::serial::contents;
use super::{Oid, PKey, SerialNumber, X509NameRef, X509Ref, time};
use crate::error::{self, Error};
use crate::ssl::Nid;

/// `NID_commonName`
const COMMON_NAME: c_int = 13;

/// The algorithms of a certificate's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureInfo {
    /// The hash; `None` where the algorithm has its own, as Ed25519 does.
    pub digest: Option<Nid>,
    /// The algorithm of the signer's key.
    pub key: Option<Nid>,
    /// The strength in bits; `None` where OpenSSL does not know.
    pub security_bits: Option<u32>,
}

/// # What it says
impl X509Ref {
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

    /// The names that the certificate is for, for the logs: the alternative names of the subject, or else its common
    /// names. What is not UTF-8 is replaced, control characters are escaped. Empty where there is neither, or they are
    /// broken: [`subject_alt_names`](Self::subject_alt_names) tells.
    pub fn display_names(&self) -> Vec<String> {
        match self.subject_alt_names() {
            Ok(names) if !names.is_empty() => names.iter().map(super::GeneralName::to_text).collect(),
            Ok(_) => {
                let entries = self.subject_name().entries().into_iter();
                let common = entries.filter(|entry| entry.kind().nid() == Some(Nid(COMMON_NAME)));
                common.map(|entry| entry.to_text()).collect()
            }
            Err(_) => Vec::new(),
        }
    }

    /// The serial number, which displays in hexadecimal.
    ///
    /// C: [`X509_get0_serialNumber(3)`](https://docs.openssl.org/master/man3/X509_get_serialNumber/)
    #[doc(alias = "X509_get0_serialNumber")]
    #[doc(alias = "X509_get_serialNumber")]
    pub fn serial_number(&self) -> SerialNumber {
        // SAFETY: the certificate is live and lends its serial number (get0), which is copied at once.
        unsafe { SerialNumber::copy(ext::X509_get0_serialNumber(self.as_ptr())) }
    }

    /// The version as people count it: 3 for one with extensions. It is what the certificate says, good or not.
    ///
    /// C: [`X509_get_version(3)`](https://docs.openssl.org/master/man3/X509_get_version/)
    #[doc(alias = "X509_get_version")]
    #[allow(clippy::useless_conversion)] // C's `long` has 32 bits on some targets
    pub fn version(&self) -> i64 {
        // SAFETY: the certificate is live, and the call only reads it.
        i64::from(unsafe { sys::X509_get_version(self.as_ptr()) }).saturating_add(1)
    }

    /// From when on the certificate is valid, for display; [`not_before_time`](Self::not_before_time) is for comparing.
    ///
    /// C: [`X509_get0_notBefore(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notBefore")]
    pub fn not_before(&self) -> String {
        // SAFETY: the certificate is live and lends the time (get0).
        unsafe { time::display(ext::X509_get0_notBefore(self.as_ptr())) }
    }

    /// Until when the certificate is valid, for display; [`not_after_time`](Self::not_after_time) is for comparing.
    ///
    /// C: [`X509_get0_notAfter(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notAfter")]
    pub fn not_after(&self) -> String {
        // SAFETY: the certificate is live and lends the time (get0).
        unsafe { time::display(ext::X509_get0_notAfter(self.as_ptr())) }
    }

    /// From when on the certificate is valid, to the second, before 1970 too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for what is no time, or a time that the system does not have.
    ///
    /// C: [`X509_get0_notBefore(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notBefore")]
    #[doc(alias = "X509_get_notBefore")]
    pub fn not_before_time(&self) -> Result<SystemTime, Error> {
        // SAFETY: the certificate is live and lends the time (get0).
        unsafe { time::system_time("X509_get0_notBefore", ext::X509_get0_notBefore(self.as_ptr())) }
    }

    /// Until when the certificate is valid, to the second; this second is included.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for what is no time, or a time that the system does not have.
    ///
    /// C: [`X509_get0_notAfter(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_get0_notAfter")]
    #[doc(alias = "X509_get_notAfter")]
    pub fn not_after_time(&self) -> Result<SystemTime, Error> {
        // SAFETY: the certificate is live and lends the time (get0).
        unsafe { time::system_time("X509_get0_notAfter", ext::X509_get0_notAfter(self.as_ptr())) }
    }

    /// The public key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for a broken key, or one of an algorithm that no provider has.
    ///
    /// C: [`X509_get_pubkey(3)`](https://docs.openssl.org/master/man3/X509_get_pubkey/)
    #[doc(alias = "X509_get_pubkey")]
    #[doc(alias = "X509_get0_pubkey")]
    pub fn public_key(&self) -> Result<PKey, Error> {
        error::clear();
        // SAFETY: the certificate is live and shares its key (get1).
        unsafe { PKey::checked("X509_get_pubkey", sys::X509_get_pubkey(self.as_ptr())) }
    }

    /// The algorithm of the signature, such as `ecdsa-with-SHA256`; `None` if OpenSSL does not know it.
    ///
    /// C: [`X509_get_signature_nid(3)`](https://docs.openssl.org/master/man3/X509_get0_signature/)
    #[doc(alias = "X509_get_signature_nid")]
    pub fn signature_algorithm(&self) -> Option<Nid> {
        // SAFETY: the certificate is live, and the call only reads it.
        Nid(unsafe { sys::X509_get_signature_nid(self.as_ptr()) }).defined()
    }

    /// The identifier of the signature's algorithm, as the signed part of the certificate has it.
    ///
    /// C: [`X509_get0_tbs_sigalg(3)`](https://docs.openssl.org/master/man3/X509_get0_signature/)
    #[doc(alias = "X509_get0_tbs_sigalg")]
    pub fn signature_algorithm_oid(&self) -> Option<Oid> {
        let mut object = ptr::null();
        // SAFETY: the certificate is live and lends its algorithm and that its object (get0), which is copied at once. NULL
        // is for what is not asked for.
        unsafe {
            let algorithm = ext::X509_get0_tbs_sigalg(self.as_ptr());
            sys::X509_ALGOR_get0(&raw mut object, ptr::null_mut(), ptr::null_mut(), algorithm);
            Oid::copy(object)
        }
    }

    /// What the signature is made of; `None` if OpenSSL does not know the algorithm.
    ///
    /// C: [`X509_get_signature_info(3)`](https://docs.openssl.org/master/man3/X509_get_signature_info/)
    #[doc(alias = "X509_get_signature_info")]
    pub fn signature_info(&self) -> Option<SignatureInfo> {
        let (mut digest, mut key, mut bits, mut flags) = (0, 0, -1, 0);
        error::clear();
        // SAFETY: the certificate is live, and what is found out is kept under its lock; the out-pointers are locals of the
        // types C writes.
        let known = unsafe {
            ext::X509_get_signature_info(
                self.as_ptr(),
                &raw mut digest,
                &raw mut key,
                &raw mut bits,
                &raw mut flags,
            )
        };
        error::clear();
        let info = SignatureInfo {
            digest: Nid(digest).defined(),
            key: Nid(key).defined(),
            security_bits: u32::try_from(bits).ok().filter(|bits| *bits != 0),
        };
        (known == 1).then_some(info)
    }

    /// The signature itself.
    ///
    /// C: [`X509_get0_signature(3)`](https://docs.openssl.org/master/man3/X509_get0_signature/)
    #[doc(alias = "X509_get0_signature")]
    pub fn signature(&self) -> &[u8] {
        let mut signature = ptr::null();
        // SAFETY: the certificate is live and lends its signature (get0), which stays as it is while the certificate does.
        // NULL is for what is not asked for.
        unsafe {
            sys::X509_get0_signature(&raw mut signature, ptr::null_mut(), self.as_ptr());
            contents(signature.cast())
        }
    }

    /// All of the certificate in words, for people.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if C cannot print it.
    ///
    /// C: [`X509_print_ex(3)`](https://docs.openssl.org/master/man3/X509_print_ex/)
    #[doc(alias = "X509_print_ex")]
    #[doc(alias = "X509_print")]
    pub fn to_text(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the certificate are live.
        write_text("X509_print_ex", |bio| unsafe { ext::X509_print_ex(bio, self.as_ptr(), ONELINE, 0) })
    }
}
