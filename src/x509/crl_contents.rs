//! What a revocation list says.

use std::ffi::c_int;
use std::ptr;
use std::time::SystemTime;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::{encode, write_text};
use super::name::ONELINE;
use super::parsed::{Parsed, free_stack, parse};
use super::stack::entries;
use super::{GeneralName, PKeyRef, SerialNumber, X509CrlRef, X509NameRef, X509Ref, general_name, time};
use crate::error::{self, CrlReason, Error, ErrorKind};

/// `NID_crl_number`
const CRL_NUMBER: c_int = 88;
/// `NID_delta_crl`
const DELTA_CRL: c_int = 140;
/// `NID_crl_reason`
const CRL_REASON: c_int = 141;
/// `NID_invalidity_date`
const INVALIDITY_DATE: c_int = 142;
/// `NID_certificate_issuer`
const CERTIFICATE_ISSUER: c_int = 771;

/// One entry of a revocation list.
#[doc(alias = "X509_REVOKED")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The certificate's serial number.
    #[doc(alias = "X509_REVOKED_get0_serialNumber")]
    pub serial: SerialNumber,
    /// When it was revoked.
    #[doc(alias = "X509_REVOKED_get0_revocationDate")]
    pub date: SystemTime,
    /// Why; `None` where the list does not say.
    #[doc(alias = "X509_REVOKED_get_ext_d2i")]
    pub reason: Option<CrlReason>,
    /// Since when it was not to be trusted, where the list says.
    pub invalidity_date: Option<SystemTime>,
    /// The certificate's issuer, where the list covers other issuers than its own and this entry names one.
    pub certificate_issuer: Vec<GeneralName>,
}

/// What a revocation list says about a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationStatus {
    /// It is not listed.
    NotListed,
    /// It is revoked.
    Revoked(Box<Revoked>),
    /// It was revoked and is good again, says a list of changes.
    Removed(Box<Revoked>),
}

/// # What it says
impl X509CrlRef {
    /// Who issued the list.
    ///
    /// C: [`X509_CRL_get_issuer(3)`](https://docs.openssl.org/master/man3/X509_get_subject_name/)
    #[doc(alias = "X509_CRL_get_issuer")]
    pub fn issuer_name(&self) -> &X509NameRef {
        // SAFETY: the list is live and lends its name (get0), which every list has and nobody changes.
        unsafe {
            // OpenSSL 4.0 says `const`.
            let name: *const sys::X509_NAME = sys::X509_CRL_get_issuer(self.as_ptr());
            X509NameRef::from_ptr(name.cast_mut())
        }
    }

    /// When the list was issued.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no time, or a time that the system does not have.
    ///
    /// C: [`X509_CRL_get0_lastUpdate(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_CRL_get0_lastUpdate")]
    #[doc(alias = "X509_CRL_get_lastUpdate")]
    pub fn last_update(&self) -> Result<SystemTime, Error> {
        const CALL: &str = "X509_CRL_get0_lastUpdate";
        // SAFETY: the list is live and lends the time (get0).
        unsafe { time::system_time(CALL, sys::X509_CRL_get0_lastUpdate(self.as_ptr())) }
    }

    /// When the next list will be issued, at the latest; `None` where this one does not say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no time, or a time that the system does not have.
    ///
    /// C: [`X509_CRL_get0_nextUpdate(3)`](https://docs.openssl.org/master/man3/X509_get0_notBefore/)
    #[doc(alias = "X509_CRL_get0_nextUpdate")]
    #[doc(alias = "X509_CRL_get_nextUpdate")]
    pub fn next_update(&self) -> Result<Option<SystemTime>, Error> {
        const CALL: &str = "X509_CRL_get0_nextUpdate";
        // SAFETY: the list is live and lends the time (get0), or NULL.
        unsafe {
            let time = sys::X509_CRL_get0_nextUpdate(self.as_ptr());
            if time.is_null() { Ok(None) } else { time::system_time(CALL, time).map(Some) }
        }
    }

    /// The list's number; `None` without one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    #[doc(alias = "NID_crl_number")]
    pub fn number(&self) -> Result<Option<SerialNumber>, Error> {
        self.integer(CRL_NUMBER)
    }

    /// For a list of changes, the number of the list that it changes; `None` for a whole list.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    #[doc(alias = "NID_delta_crl")]
    pub fn base_number(&self) -> Result<Option<SerialNumber>, Error> {
        self.integer(DELTA_CRL)
    }

    fn integer(&self, nid: c_int) -> Result<Option<SerialNumber>, Error> {
        let parsed: Option<Parsed<sys::ASN1_INTEGER>> =
            parse("X509_CRL_get_ext_d2i", free_integer, |critical| {
                // SAFETY: the list is live; the out-pointer is a local of the type C writes.
                unsafe { sys::X509_CRL_get_ext_d2i(self.as_ptr(), nid, critical, ptr::null_mut()) }
            })?;
        // SAFETY: live, and copied at once.
        Ok(parsed.map(|number| unsafe { SerialNumber::copy(number.as_ptr()) }))
    }

    /// All entries, ordered by serial number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if one of them is broken.
    ///
    /// C: [`X509_CRL_get_REVOKED(3)`](https://docs.openssl.org/master/man3/X509_CRL_get0_by_serial/)
    #[doc(alias = "X509_CRL_get_REVOKED")]
    pub fn entries(&self) -> Result<Vec<Revoked>, Error> {
        // SAFETY: the list is live and lends its entries (get0), which are sorted already (see the type), so that nobody
        // changes them; each is copied at once.
        unsafe {
            entries(sys::X509_CRL_get_REVOKED(self.as_ptr())).map(|entry| Revoked::copy(entry)).collect()
        }
    }

    /// What the list says about a certificate, by its serial number and its issuer. The list is believed as it is: whether
    /// it is the right one, is signed and is recent, must be known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the entry is broken: the certificate is listed.
    ///
    /// C: [`X509_CRL_get0_by_cert(3)`](https://docs.openssl.org/master/man3/X509_CRL_get0_by_serial/)
    #[doc(alias = "X509_CRL_get0_by_cert")]
    pub fn revoked(&self, certificate: &X509Ref) -> Result<RevocationStatus, Error> {
        let mut entry = ptr::null_mut();
        error::clear();
        // SAFETY: both are live and sorted already (see the type), so that they are only read; the out-pointer is a local
        // of the type C writes.
        let answer =
            unsafe { sys::X509_CRL_get0_by_cert(self.as_ptr(), &raw mut entry, certificate.as_ptr()) };
        // SAFETY: NULL, or lent by the list (get0).
        unsafe { status(answer, entry) }
    }

    /// What the list says about the certificate of its own issuer with this serial number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the entry is broken: the certificate is listed.
    ///
    /// C: [`X509_CRL_get0_by_serial(3)`](https://docs.openssl.org/master/man3/X509_CRL_get0_by_serial/)
    #[doc(alias = "X509_CRL_get0_by_serial")]
    pub fn revoked_by_serial(&self, serial: &SerialNumber) -> Result<RevocationStatus, Error> {
        let number = serial.to_asn1()?;
        let mut entry = ptr::null_mut();
        error::clear();
        // SAFETY: as above; the number is live.
        let answer = unsafe { sys::X509_CRL_get0_by_serial(self.as_ptr(), &raw mut entry, number.as_ptr()) };
        // SAFETY: NULL, or lent by the list (get0).
        unsafe { status(answer, entry) }
    }

    /// Whether the list's signature is by this key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the signature cannot be checked, such as for a key of another algorithm.
    ///
    /// C: [`X509_CRL_verify(3)`](https://docs.openssl.org/master/man3/X509_verify/)
    #[doc(alias = "X509_CRL_verify")]
    pub fn verify(&self, key: &PKeyRef) -> Result<bool, Error> {
        error::clear();
        // SAFETY: both are live, and nothing but caches under their locks is written.
        let answer = unsafe { sys::X509_CRL_verify(self.as_ptr(), key.as_ptr()) };
        super::checks::verdict("X509_CRL_verify", answer)
    }

    /// The list in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`i2d_X509_CRL(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "i2d_X509_CRL")]
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the list is live, and a parsed one's encoding does not change; C counts for NULL, and writes what it
        // counted.
        encode("i2d_X509_CRL", |out| unsafe { sys::i2d_X509_CRL(self.as_ptr(), out) })
    }

    /// The list in PEM.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`PEM_write_bio_X509_CRL(3)`](https://docs.openssl.org/master/man3/PEM_read_bio_X509_CRL/)
    #[doc(alias = "PEM_write_bio_X509_CRL")]
    pub fn to_pem(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the list are live.
        write_text("PEM_write_bio_X509_CRL", |bio| unsafe { sys::PEM_write_bio_X509_CRL(bio, self.as_ptr()) })
    }

    /// All of the list in words, for people.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if C cannot print it.
    ///
    /// C: [`X509_CRL_print_ex(3)`](https://docs.openssl.org/master/man3/X509_print_ex/)
    #[doc(alias = "X509_CRL_print_ex")]
    #[doc(alias = "X509_CRL_print")]
    pub fn to_text(&self) -> Result<String, Error> {
        // SAFETY: the BIO and the list are live.
        write_text("X509_CRL_print_ex", |bio| unsafe { ext::X509_CRL_print_ex(bio, self.as_ptr(), ONELINE) })
    }
}

/// # Safety
///
/// `entry` is live where `answer` is not 0.
unsafe fn status(answer: c_int, entry: *mut sys::X509_REVOKED) -> Result<RevocationStatus, Error> {
    error::clear();
    // SAFETY: by this function's contract.
    let copy = || unsafe { Revoked::copy(entry) }.map(Box::new);
    match answer {
        0 => Ok(RevocationStatus::NotListed),
        2 => copy().map(RevocationStatus::Removed),
        // What else there may be one day is no reason to trust.
        _ => copy().map(RevocationStatus::Revoked),
    }
}

impl Revoked {
    /// # Safety
    ///
    /// `entry` is live, and nobody changes it during the call.
    unsafe fn copy(entry: *mut sys::X509_REVOKED) -> Result<Self, Error> {
        const CALL: &str = "X509_REVOKED_get_ext_d2i";
        // SAFETY: the entry is live; the out-pointer is a local of the type C writes.
        let get =
            |nid, critical| unsafe { sys::X509_REVOKED_get_ext_d2i(entry, nid, critical, ptr::null_mut()) };
        let reason =
            parse::<sys::ASN1_ENUMERATED>(CALL, free_enumerated, |critical| get(CRL_REASON, critical))?;
        let invalid =
            parse::<sys::ASN1_GENERALIZEDTIME>(CALL, free_time, |critical| get(INVALIDITY_DATE, critical))?;
        let issuer =
            parse(CALL, free_stack::<sys::GENERAL_NAME>, |critical| get(CERTIFICATE_ISSUER, critical))?;
        // SAFETY: the entry is live and lends its number and date (get0); what was parsed is ours. All is copied at once.
        unsafe {
            Ok(Self {
                serial: SerialNumber::copy(sys::X509_REVOKED_get0_serialNumber(entry)),
                date: time::system_time(
                    "X509_REVOKED_get0_revocationDate",
                    sys::X509_REVOKED_get0_revocationDate(entry),
                )?,
                reason: reason.map(|reason| enumerated(&reason)).transpose()?,
                invalidity_date: invalid
                    .map(|time| time::system_time(CALL, time.as_ptr().cast()))
                    .transpose()?,
                certificate_issuer: match issuer {
                    Some(names) => general_name::copy_all(names.as_ptr())?,
                    None => Vec::new(),
                },
            })
        }
    }
}

fn enumerated(reason: &Parsed<sys::ASN1_ENUMERATED>) -> Result<CrlReason, Error> {
    let mut code = 0;
    error::clear();
    // SAFETY: live, and ours; the out-pointer is a local of the type C writes.
    match unsafe { sys::ASN1_ENUMERATED_get_int64(&raw mut code, reason.as_ptr()) } {
        1 => Ok(code.into()),
        _ => Err(Error::from_queue("ASN1_ENUMERATED_get_int64").with_kind(ErrorKind::Refused)),
    }
}

unsafe fn free_integer(number: *mut sys::ASN1_INTEGER) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { sys::ASN1_INTEGER_free(number) };
}

unsafe fn free_enumerated(number: *mut sys::ASN1_ENUMERATED) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { sys::ASN1_ENUMERATED_free(number) };
}

unsafe fn free_time(time: *mut sys::ASN1_GENERALIZEDTIME) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { sys::ASN1_GENERALIZEDTIME_free(time) };
}
