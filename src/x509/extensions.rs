//! What the extensions of a certificate say.

use std::ffi::{c_int, c_uint};
use std::ptr;

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::parsed::{Parsed, free_stack, parse};
use super::serial::contents;
use super::stack::entries;
use super::{ExtendedKeyUsage, GeneralName, Oid, SerialNumber, X509Ref, general_name};
use crate::error::{Error, ErrorKind};

pub(super) const KEY_USAGE: c_int = 83;
const SUBJECT_KEY_ID: c_int = 82;
const SUBJECT_ALT_NAME: c_int = 85;
const ISSUER_ALT_NAME: c_int = 86;
const BASIC_CONSTRAINTS: c_int = 87;
const AUTHORITY_KEY_ID: c_int = 90;
const CRL_DISTRIBUTION_POINTS: c_int = 103;
const EXT_KEY_USAGE: c_int = 126;
const AUTHORITY_INFO_ACCESS: c_int = 177;
const AD_OCSP: c_int = 178;
const AD_CA_ISSUERS: c_int = 179;
const TLS_FEATURE: c_int = 1020;
/// The TLS extension `status_request`.
const STATUS_REQUEST: u16 = 5;

const D2I: &str = "X509_get_ext_d2i";

bitflags! {
    /// What a certificate's key may be used for ([RFC 5280 § 4.2.1.3]).
    ///
    /// [RFC 5280 § 4.2.1.3]: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.3
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct KeyUsage: c_uint {
        /// Signing other than certificates and revocation lists.
        #[doc(alias = "KU_DIGITAL_SIGNATURE")]
        const DIGITAL_SIGNATURE = 0x0080;
        /// Signing what the signer shall not be able to deny.
        #[doc(alias = "KU_NON_REPUDIATION")]
        const NON_REPUDIATION = 0x0040;
        /// Encrypting keys.
        #[doc(alias = "KU_KEY_ENCIPHERMENT")]
        const KEY_ENCIPHERMENT = 0x0020;
        /// Encrypting data.
        #[doc(alias = "KU_DATA_ENCIPHERMENT")]
        const DATA_ENCIPHERMENT = 0x0010;
        /// Agreeing on keys.
        #[doc(alias = "KU_KEY_AGREEMENT")]
        const KEY_AGREEMENT = 0x0008;
        /// Signing certificates.
        #[doc(alias = "KU_KEY_CERT_SIGN")]
        const KEY_CERT_SIGN = 0x0004;
        /// Signing revocation lists.
        #[doc(alias = "KU_CRL_SIGN")]
        const CRL_SIGN = 0x0002;
        /// With key agreement: encrypting only.
        #[doc(alias = "KU_ENCIPHER_ONLY")]
        const ENCIPHER_ONLY = 0x0001;
        /// With key agreement: decrypting only.
        #[doc(alias = "KU_DECIPHER_ONLY")]
        const DECIPHER_ONLY = 0x8000;
        const _ = !0;
    }
}

/// Whether a certificate may issue others ([RFC 5280 § 4.2.1.9]).
///
/// [RFC 5280 § 4.2.1.9]: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9
#[doc(alias = "BASIC_CONSTRAINTS")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BasicConstraints {
    /// Whether it may.
    pub ca: bool,
    /// How many certificates of further CAs may stand between this one and the last of a chain; `None` is any number.
    pub path_len: Option<u32>,
}

/// Which key signed a certificate ([RFC 5280 § 4.2.1.1]).
///
/// [RFC 5280 § 4.2.1.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.1
#[doc(alias = "AUTHORITY_KEYID")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AuthorityKeyId {
    /// The issuer's subject key identifier.
    pub key_id: Option<Vec<u8>>,
    /// The name of who issued the issuer's certificate.
    pub issuer: Vec<GeneralName>,
    /// The serial number of the issuer's certificate.
    pub serial: Option<SerialNumber>,
}

/// Where something about a certificate's issuer is to be had ([RFC 5280 § 4.2.2.1]).
///
/// [RFC 5280 § 4.2.2.1]: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.2.1
#[doc(alias = "ACCESS_DESCRIPTION")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct AccessDescription {
    /// What is to be had there, such as `OCSP` or `caIssuers`.
    pub method: Oid,
    /// The place.
    pub location: GeneralName,
}

/// # What its extensions say
///
/// Each getter tells apart an extension that is not there (`None`, or an empty list) from one that is there twice or
/// broken (an error).
impl X509Ref {
    /// What the key may be used for; `None` without the extension, which allows everything.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_key_usage(3)`](https://docs.openssl.org/master/man3/X509_get_extension_flags/)
    #[doc(alias = "X509_get_key_usage")]
    pub fn key_usage(&self) -> Result<Option<KeyUsage>, Error> {
        let Some(bits) = self.decode::<sys::ASN1_STRING>(KEY_USAGE, free_string)? else { return Ok(None) };
        // SAFETY: the bit string is live.
        let bytes = unsafe { contents(bits.as_ptr()) };
        let byte = |index: usize| c_uint::from(bytes.get(index).copied().unwrap_or_default());
        Ok(Some(KeyUsage::from_bits_retain(byte(0) | byte(1) << 8)))
    }

    /// What the certificate is meant for, in its order; `None` without the extension, which allows everything.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_extended_key_usage(3)`](https://docs.openssl.org/master/man3/X509_get_extension_flags/)
    #[doc(alias = "X509_get_extended_key_usage")]
    pub fn extended_key_usage(&self) -> Result<Option<Vec<ExtendedKeyUsage>>, Error> {
        let Some(usages) = self.decode(EXT_KEY_USAGE, free_stack::<sys::ASN1_OBJECT>)? else {
            return Ok(None);
        };
        // SAFETY: a live stack of objects, which are copied at once.
        let usages = unsafe { entries(usages.as_ptr()).filter_map(|object| Oid::copy(object)) };
        Ok(Some(usages.map(ExtendedKeyUsage::from).collect()))
    }

    /// Whether the certificate may issue others; `None` without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once, or its path length is below 0 or
    /// above what 32 bits hold.
    ///
    /// C: [`X509_get_pathlen(3)`](https://docs.openssl.org/master/man3/X509_get_extension_flags/)
    #[doc(alias = "X509_get_pathlen")]
    #[doc(alias = "X509_get_extension_flags")]
    pub fn basic_constraints(&self) -> Result<Option<BasicConstraints>, Error> {
        let Some(parsed) = self.decode::<ext::BASIC_CONSTRAINTS>(BASIC_CONSTRAINTS, free_constraints)? else {
            return Ok(None);
        };
        // SAFETY: live, and ours.
        let (ca, path_len) = unsafe { ((*parsed.as_ptr()).ca != 0, (*parsed.as_ptr()).pathlen) };
        let path_len = if path_len.is_null() {
            None
        } else {
            // SAFETY: live while its owner is.
            let number = unsafe { SerialNumber::copy(path_len) };
            let error = || Error::new(ErrorKind::Refused, D2I).with_detail("the path length is out of range");
            let fits = (!number.is_negative() && number.as_bytes().len() <= 4).then_some(number);
            let number = fits.ok_or_else(error)?;
            Some(number.as_bytes().iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        Ok(Some(BasicConstraints { ca, path_len }))
    }

    /// The identifier of the certificate's key; `None` without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get0_subject_key_id(3)`](https://docs.openssl.org/master/man3/X509_get_extension_flags/)
    #[doc(alias = "X509_get0_subject_key_id")]
    pub fn subject_key_id(&self) -> Result<Option<Vec<u8>>, Error> {
        let id = self.decode::<sys::ASN1_STRING>(SUBJECT_KEY_ID, free_string)?;
        // SAFETY: the octet string is live.
        Ok(id.map(|id| unsafe { contents(id.as_ptr()) }.to_vec()))
    }

    /// The key that signed the certificate; `None` without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get0_authority_key_id(3)`](https://docs.openssl.org/master/man3/X509_get_extension_flags/)
    #[doc(alias = "X509_get0_authority_key_id")]
    #[doc(alias = "X509_get0_authority_issuer")]
    #[doc(alias = "X509_get0_authority_serial")]
    pub fn authority_key_id(&self) -> Result<Option<AuthorityKeyId>, Error> {
        let Some(parsed) = self.decode::<sys::AUTHORITY_KEYID>(AUTHORITY_KEY_ID, free_authority)? else {
            return Ok(None);
        };
        // SAFETY: live, and ours; each part is NULL, or lives while its owner does, and is copied at once.
        unsafe {
            let parts = &*parsed.as_ptr();
            let key_id = (!parts.keyid.is_null()).then(|| contents(parts.keyid.cast()).to_vec());
            let serial = (!parts.serial.is_null()).then(|| SerialNumber::copy(parts.serial));
            Ok(Some(AuthorityKeyId { key_id, issuer: general_name::copy_all(parts.issuer)?, serial }))
        }
    }

    /// The alternative names of the subject, in their order; empty without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_ext_d2i(3)`](https://docs.openssl.org/master/man3/X509V3_get_d2i/)
    #[doc(alias = "NID_subject_alt_name")]
    pub fn subject_alt_names(&self) -> Result<Vec<GeneralName>, Error> {
        self.general_names(SUBJECT_ALT_NAME)
    }

    /// The alternative names of the issuer, in their order; empty without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_ext_d2i(3)`](https://docs.openssl.org/master/man3/X509V3_get_d2i/)
    #[doc(alias = "NID_issuer_alt_name")]
    pub fn issuer_alt_names(&self) -> Result<Vec<GeneralName>, Error> {
        self.general_names(ISSUER_ALT_NAME)
    }

    /// Where something about the issuer is to be had, in its order; empty without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_ext_d2i(3)`](https://docs.openssl.org/master/man3/X509V3_get_d2i/)
    #[doc(alias = "NID_info_access")]
    pub fn authority_info_access(&self) -> Result<Vec<AccessDescription>, Error> {
        let Some(parsed) = self.decode(AUTHORITY_INFO_ACCESS, free_stack::<sys::ACCESS_DESCRIPTION>)? else {
            return Ok(Vec::new());
        };
        // SAFETY: a live stack of descriptions, whose parts live while it does, and are copied at once.
        unsafe {
            entries(parsed.as_ptr())
                .map(|entry: *mut sys::ACCESS_DESCRIPTION| {
                    let broken =
                        || Error::new(ErrorKind::Refused, D2I).with_detail("a place without a method");
                    let method = Oid::copy((*entry).method).ok_or_else(broken)?;
                    Ok(AccessDescription { method, location: GeneralName::copy((*entry).location)? })
                })
                .collect()
        }
    }

    /// The URIs of the OCSP responders that the certificate names. A broken extension names none:
    /// [`authority_info_access`](Self::authority_info_access) tells.
    ///
    /// C: [`X509_get1_ocsp(3)`](https://docs.openssl.org/master/man3/X509V3_get_d2i/)
    #[doc(alias = "X509_get1_ocsp")]
    pub fn ocsp_responders(&self) -> Vec<Vec<u8>> {
        self.places(AD_OCSP)
    }

    /// The URIs where the certificate of the issuer is to be had. A broken extension names none:
    /// [`authority_info_access`](Self::authority_info_access) tells.
    #[doc(alias = "NID_ad_ca_issuers")]
    pub fn ca_issuers(&self) -> Vec<Vec<u8>> {
        self.places(AD_CA_ISSUERS)
    }

    fn places(&self, method: c_int) -> Vec<Vec<u8>> {
        let places = self.authority_info_access().unwrap_or_default().into_iter();
        let wanted = places.filter(|place| place.method.nid().is_some_and(|nid| nid.0 == method));
        wanted
            .filter_map(|place| match place.location {
                GeneralName::Uri(uri) => Some(uri),
                _ => None,
            })
            .collect()
    }

    /// The URIs of the revocation lists that may list this certificate; empty without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// C: [`X509_get_ext_d2i(3)`](https://docs.openssl.org/master/man3/X509V3_get_d2i/)
    #[doc(alias = "NID_crl_distribution_points")]
    pub fn crl_distribution_points(&self) -> Result<Vec<Vec<u8>>, Error> {
        let Some(parsed) = self.decode(CRL_DISTRIBUTION_POINTS, free_stack::<sys::DIST_POINT>)? else {
            return Ok(Vec::new());
        };
        let mut uris = Vec::new();
        // SAFETY: a live stack of points, whose parts live while it does. A name of type 0 is a list of full names.
        unsafe {
            for point in entries::<_, sys::DIST_POINT>(parsed.as_ptr()) {
                let Some(name) = (*point).distpoint.as_ref().filter(|name| name.type_ == 0) else { continue };
                uris.extend(general_name::copy_all(name.name.fullname)?.into_iter().filter_map(|name| {
                    match name {
                        GeneralName::Uri(uri) => Some(uri),
                        _ => None,
                    }
                }));
            }
        }
        Ok(uris)
    }

    /// The TLS extensions that a server with this certificate must support ([RFC 7633]); empty without the extension.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the extension is broken, or there more than once.
    ///
    /// [RFC 7633]: https://www.rfc-editor.org/rfc/rfc7633
    #[doc(alias = "NID_tlsfeature")]
    #[doc(alias = "TLS_FEATURE")]
    pub fn tls_features(&self) -> Result<Vec<u16>, Error> {
        let Some(parsed) = self.decode(TLS_FEATURE, free_stack::<sys::ASN1_INTEGER>)? else {
            return Ok(Vec::new());
        };
        // SAFETY: a live stack of integers, which are copied at once.
        let features = unsafe { entries(parsed.as_ptr()).map(|number| SerialNumber::copy(number)) };
        features
            .map(|number| match (number.is_negative(), number.as_bytes()) {
                (false, []) => Ok(0),
                (false, [low]) => Ok(u16::from(*low)),
                (false, [high, low]) => Ok(u16::from_be_bytes([*high, *low])),
                _ => Err(Error::new(ErrorKind::Refused, D2I).with_detail("a feature is out of range")),
            })
            .collect()
    }

    /// Whether the certificate is good only together with a stapled OCSP response ("must staple"). A broken extension
    /// says yes.
    #[doc(alias = "NID_tlsfeature")]
    pub fn must_staple(&self) -> bool {
        self.tls_features().map_or(true, |features| features.contains(&STATUS_REQUEST))
    }

    fn general_names(&self, nid: c_int) -> Result<Vec<GeneralName>, Error> {
        match self.decode(nid, free_stack::<sys::GENERAL_NAME>)? {
            // SAFETY: a live stack of names.
            Some(names) => unsafe { general_name::copy_all(names.as_ptr()) },
            None => Ok(Vec::new()),
        }
    }

    /// What OpenSSL parses an extension into. `T` and `free` are those of the extension.
    fn decode<T>(&self, nid: c_int, free: unsafe fn(*mut T)) -> Result<Option<Parsed<T>>, Error> {
        parse(D2I, free, |critical| {
            // SAFETY: the certificate is live; the out-pointer is a local of the type C writes.
            unsafe { sys::X509_get_ext_d2i(self.as_ptr(), nid, critical, ptr::null_mut()) }
        })
    }
}

unsafe fn free_string(string: *mut sys::ASN1_STRING) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { sys::ASN1_STRING_free(string) };
}

unsafe fn free_constraints(constraints: *mut ext::BASIC_CONSTRAINTS) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { ext::BASIC_CONSTRAINTS_free(constraints) };
}

unsafe fn free_authority(id: *mut sys::AUTHORITY_KEYID) {
    // SAFETY: by the contract of `parse`: from C, and ours.
    unsafe { sys::AUTHORITY_KEYID_free(id) };
}
