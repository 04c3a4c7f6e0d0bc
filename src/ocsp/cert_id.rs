//! How OCSP names a certificate: by hashes of its issuer, and its serial number.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};
use std::{fmt, ptr};

use openssl_sys as sys;

use super::c::{self, Owned};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::ocsp as compat;
use crate::ffi::strings;
use crate::library::LibContext;
use crate::x509::X509Ref;

/// The hash that a certificate's issuer is named by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OcspHash {
    /// SHA-1, which is what responders expect: many know no other. Nothing is signed with it.
    #[default]
    Sha1,
    /// SHA-256
    Sha256,
    /// Another one, by its object identifier in dotted form.
    Other(String),
}

const SHA1: &str = "1.3.14.3.2.26";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";

impl OcspHash {
    /// The object identifier in dotted form.
    pub fn oid(&self) -> &str {
        match self {
            Self::Sha1 => SHA1,
            Self::Sha256 => SHA256,
            Self::Other(oid) => oid,
        }
    }

    /// # Safety
    ///
    /// `object` is NULL, or live.
    unsafe fn from_object(object: *const sys::ASN1_OBJECT) -> Self {
        const ROOM: c_int = 128;
        let mut text = [0 as c_char; ROOM as usize];
        let len = if object.is_null() {
            0
        } else {
            // SAFETY: live by this function's contract; C writes a string of at most `ROOM` bytes with its NUL.
            unsafe { sys::OBJ_obj2txt(text.as_mut_ptr(), ROOM, object, 1) }
        };
        error::clear();
        // A longer one is no hash that anybody has.
        if !(1..ROOM).contains(&len) {
            return Self::Other(String::new());
        }
        // SAFETY: a string that C wrote into the local just now.
        match unsafe { strings::lend(text.as_ptr()) }.map(CStr::to_string_lossy) {
            Some(Cow::Borrowed(SHA1)) => Self::Sha1,
            Some(Cow::Borrowed(SHA256)) => Self::Sha256,
            other => Self::Other(other.map(Cow::into_owned).unwrap_or_default()),
        }
    }

    /// The algorithm, from the providers of the library context.
    fn fetch(&self, lib: LibContext) -> Result<Owned<sys::EVP_MD>, Error> {
        const CALL: &str = "EVP_MD_fetch";
        let name = strings::c_string_not_empty(CALL, "the hash", self.oid())?;
        error::clear();
        // SAFETY: the context lives until the process ends, and both strings live for the call; the algorithm is ours.
        unsafe {
            let algorithm = sys::EVP_MD_fetch(lib.as_ptr(), name.as_ptr(), lib.properties_ptr());
            Owned::new(CALL, algorithm, sys::EVP_MD_free)
        }
    }
}

/// How OCSP names one certificate.
///
/// Two are equal if C's OCSP_id_cmp(3) says so: they have the same hash, issuer and serial number. The same certificate
/// has another name by another hash.
#[doc(alias = "OCSP_CERTID")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OcspCertId {
    hash: OcspHash,
    issuer_name_hash: Vec<u8>,
    issuer_key_hash: Vec<u8>,
    serial: Vec<u8>,
    negative: bool,
}

impl OcspCertId {
    /// The name of `certificate`, which `issuer` issued. Whether it did is not checked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the library has not got the hash, [`ErrorKind::Unsupported`] on an OpenSSL built with
    /// `no-ocsp`.
    ///
    /// C: [`OCSP_cert_to_id(3)`](https://docs.openssl.org/master/man3/OCSP_cert_to_id/)
    #[doc(alias = "OCSP_cert_to_id")]
    pub fn new(certificate: &X509Ref, issuer: &X509Ref, hash: &OcspHash) -> Result<Self, Error> {
        Self::new_in(LibContext::default(), certificate, issuer, hash)
    }

    /// As [`new`](Self::new), with the hash of a library context.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn new_in(
        lib: LibContext,
        certificate: &X509Ref,
        issuer: &X509Ref,
        hash: &OcspHash,
    ) -> Result<Self, Error> {
        let id = make(lib, certificate, issuer, hash)?;
        // SAFETY: the id is live.
        unsafe { Self::from_c(id.as_ptr()) }
    }

    /// Copies a name of C's.
    ///
    /// # Safety
    ///
    /// `id` is live, and nobody changes it during the call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if it cannot be read, [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    pub unsafe fn copy_from_ptr(id: *const sys::OCSP_CERTID) -> Result<Self, Error> {
        compat::has_ocsp("OCSP_id_get0_info")?;
        // SAFETY: by this function's contract.
        unsafe { Self::from_c(id) }
    }

    /// # Safety
    ///
    /// `id` is NULL, or live and unchanged for the call.
    pub(super) unsafe fn from_c(id: *const sys::OCSP_CERTID) -> Result<Self, Error> {
        const CALL: &str = "OCSP_id_get0_info";
        let (mut name, mut key) = (ptr::null_mut(), ptr::null_mut());
        let (mut hash, mut serial) = (ptr::null_mut(), ptr::null_mut());
        error::clear();
        // SAFETY: not NULL, so live; the out-pointers are locals of the types C writes. What it lends (get0) stays as
        // long as the id, and is copied here.
        unsafe {
            if id.is_null()
                || compat::OCSP_id_get0_info(
                    &raw mut name,
                    &raw mut hash,
                    &raw mut key,
                    &raw mut serial,
                    id.cast_mut(),
                ) != 1
                || serial.is_null()
            {
                return Err(Error::new(ErrorKind::Unspecified, CALL));
            }
            Ok(Self {
                hash: OcspHash::from_object(hash),
                issuer_name_hash: c::octets(name.cast()).to_vec(),
                issuer_key_hash: c::octets(key.cast()).to_vec(),
                serial: c::octets(serial.cast()).to_vec(),
                negative: sys::ASN1_STRING_type(serial.cast()) & V_ASN1_NEG != 0,
            })
        }
    }

    /// The hash that the issuer is named by.
    pub fn hash(&self) -> &OcspHash {
        &self.hash
    }

    /// The hash of the issuer's distinguished name.
    pub fn issuer_name_hash(&self) -> &[u8] {
        &self.issuer_name_hash
    }

    /// The hash of the issuer's public key.
    pub fn issuer_key_hash(&self) -> &[u8] {
        &self.issuer_key_hash
    }

    /// The certificate's serial number, most significant byte first; of a negative one, which no CA should issue, the
    /// magnitude.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }
}

/// `V_ASN1_NEG`: the bit in the type of a negative number.
const V_ASN1_NEG: c_int = 0x100;

/// The object of C's.
pub(super) fn make(
    lib: LibContext,
    certificate: &X509Ref,
    issuer: &X509Ref,
    hash: &OcspHash,
) -> Result<Owned<sys::OCSP_CERTID>, Error> {
    const CALL: &str = "OCSP_cert_to_id";
    compat::has_ocsp(CALL)?;
    let algorithm = hash.fetch(lib)?;
    error::clear();
    // SAFETY: the certificates and the algorithm are live, and C copies of them what it needs; the id is ours.
    unsafe {
        let id = compat::OCSP_cert_to_id(algorithm.as_ptr(), certificate.as_ptr(), issuer.as_ptr());
        Owned::new(CALL, id, compat::OCSP_CERTID_free)
    }
}

impl fmt::Debug for OcspCertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        f.debug_struct("OcspCertId")
            .field("hash", &self.hash)
            .field("issuer_name_hash", &hex(&self.issuer_name_hash))
            .field("issuer_key_hash", &hex(&self.issuer_key_hash))
            .field("serial", &hex(&self.serial))
            .finish()
    }
}
