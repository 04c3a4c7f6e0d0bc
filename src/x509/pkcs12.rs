//! PKCS #12: a certificate, its key and its chain in one file.

use std::ffi::{CString, c_char, c_int, c_long};
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::encode;
use super::passphrase::wipe;
use super::{PKey, X509};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::library::LibContext;

/// `NID_pkcs7_data`
const DATA: c_int = 21;
/// `PKCS12_R_MAC_ABSENT`
const MAC_ABSENT: c_int = 108;
/// `PKCS12_R_MAC_VERIFY_FAILURE`
const MAC_VERIFY_FAILURE: c_int = 113;
/// `EVP_R_UNSUPPORTED_ALGORITHM`
const UNSUPPORTED_ALGORITHM: c_int = 156;

// `Send`: no tie to a thread. Not `Sync`: C checks the MAC and unpacks through non-`const` pointers.
foreign_type! {
    /// A PKCS #12 file, still packed.
    #[doc(alias = "PKCS12")]
    pub unsafe type Pkcs12: Send {
        type CType = sys::PKCS12;
        fn drop = sys::PKCS12_free;
    }
}

/// What a PKCS #12 file holds.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Pkcs12Contents {
    /// The private key, if there is one.
    pub key: Option<PKey>,
    /// The certificate that belongs to the key; without a key, or without such a certificate, `None`.
    pub certificate: Option<X509>,
    /// All other certificates, in the order of the file.
    pub chain: Vec<X509>,
}

impl Pkcs12 {
    /// Parses a file in DER, without unpacking it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no PKCS #12, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_PKCS12(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_PKCS12")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_der_in(LibContext::default(), der)
    }

    /// As [`from_der`](Self::from_der), with the algorithms of a library context for unpacking. Before 4.0 OpenSSL never frees
    /// its copy of the context's property query: some bytes for each file, where there is a query.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der).
    ///
    /// C: [`PKCS12_init_ex(3)`](https://docs.openssl.org/master/man3/PKCS12_init/)
    #[doc(alias = "PKCS12_init_ex")]
    pub fn from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_PKCS12";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        // SAFETY: has no requirements beyond a live context and query.
        let mut file = unsafe { ext::PKCS12_init_ex(DATA, lib.as_ptr(), lib.properties_ptr()) };
        if file.is_null() {
            return Err(Error::from_queue("PKCS12_init_ex"));
        }
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them; it fills the file that is there.
        if unsafe { sys::d2i_PKCS12(&raw mut file, &raw mut rest, len) }.is_null() {
            let error = Error::from_queue(CALL);
            // SAFETY: what failed to read it freed it and put NULL there, or left it to us.
            unsafe { sys::PKCS12_free(file) };
            return Err(error);
        }
        error::clear();
        // SAFETY: ours, and filled.
        let file = unsafe { <Self as ForeignType>::from_ptr(file) };
        if rest != der.as_ptr_range().end {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the file"));
        }
        Ok(file)
    }

    /// Takes over an object from C, which the caller owned.
    ///
    /// # Safety
    ///
    /// `file` is a live `PKCS12` that the caller owns.
    pub unsafe fn from_ptr(file: *mut sys::PKCS12) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(file) }
    }

    /// Copies an object of C's, which has no reference count to share it by.
    ///
    /// # Safety
    ///
    /// `file` is live, and nobody else uses it during the call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be copied.
    pub unsafe fn copy_from_ptr(file: *mut sys::PKCS12) -> Result<Self, Error> {
        // SAFETY: by this function's contract; the borrow ends with the call.
        Self::from_der(&unsafe { Pkcs12Ref::from_ptr(file) }.to_der()?)
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::PKCS12 {
        ForeignType::as_ptr(self)
    }

    /// Gives the object to C.
    pub fn into_ptr(self) -> *mut sys::PKCS12 {
        ForeignType::into_ptr(self)
    }
}

impl Pkcs12Ref {
    /// Borrows an object of C's.
    ///
    /// # Safety
    ///
    /// `file` is live for `'a`, and nobody else uses it for as long.
    pub unsafe fn from_ptr<'a>(file: *mut sys::PKCS12) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(file) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::PKCS12 {
        ForeignTypeRef::as_ptr(self)
    }

    /// Whether a MAC protects the file, so that a wrong passphrase is noticed before anything is unpacked.
    ///
    /// C: [`PKCS12_mac_present(3)`](https://docs.openssl.org/master/man3/PKCS12_get0_mac/)
    #[doc(alias = "PKCS12_mac_present")]
    pub fn has_mac(&self) -> bool {
        // SAFETY: the file is live, and the call only reads it.
        unsafe { ext::PKCS12_mac_present(self.as_ptr()) == 1 }
    }

    /// Whether the MAC fits the passphrase: `None` is no passphrase at all, which is something else than an empty one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a NUL byte, [`ErrorKind::Refused`] for a file without a MAC, or with one that OpenSSL
    /// cannot check, such as for want of an algorithm.
    ///
    /// C: [`PKCS12_verify_mac(3)`](https://docs.openssl.org/master/man3/PKCS12_gen_mac/)
    #[doc(alias = "PKCS12_verify_mac")]
    pub fn verify_mac(&self, passphrase: Option<&[u8]>) -> Result<bool, Error> {
        const CALL: &str = "PKCS12_verify_mac";
        let passphrase = Passphrase::new(CALL, passphrase)?;
        if !self.has_mac() {
            return Err(Error::new(ErrorKind::Refused, CALL).with_detail("the file has no MAC"));
        }
        error::clear();
        // SAFETY: the file is live and this thread's; C reads a string, or nothing for NULL.
        if unsafe { ext::PKCS12_verify_mac(self.as_ptr(), passphrase.as_ptr(), passphrase.len) } == 1 {
            error::clear();
            return Ok(true);
        }
        // A MAC that does not fit adds no entry here.
        if error::is_empty() { Ok(false) } else { Err(explain(Error::from_queue(CALL))) }
    }

    /// Unpacks the file. The passphrase is tried as it is; an empty one and none are tried for each other, for programs
    /// differ in what they write.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a wrong passphrase, and for a broken file or one that needs an algorithm that the library
    /// does not have (old ones need the `legacy` provider; with FIPS many do); the message tells which.
    /// [`ErrorKind::InvalidInput`] for a NUL byte in the passphrase, [`ErrorKind::Unsupported`] for a file without a MAC on
    /// an OpenSSL that opens none, as 3.0 does.
    ///
    /// C: [`PKCS12_parse(3)`](https://docs.openssl.org/master/man3/PKCS12_parse/)
    #[doc(alias = "PKCS12_parse")]
    pub fn parse(&self, passphrase: Option<&[u8]>) -> Result<Pkcs12Contents, Error> {
        const CALL: &str = "PKCS12_parse";
        let passphrase = Passphrase::new(CALL, passphrase)?;
        let (mut key, mut certificate, mut chain) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        error::clear();
        // SAFETY: the file is live and this thread's; C reads a string, or nothing for NULL. The out-pointers are locals of
        // the types C writes; what it puts there is ours, and nothing if it fails.
        let done = unsafe {
            let file = self.as_ptr();
            let pass = passphrase.as_ptr();
            sys::PKCS12_parse(file, pass, &raw mut key, &raw mut certificate, &raw mut chain)
        };
        if done != 1 {
            let error = Error::from_queue(CALL);
            if error.stack().has(ext::ERR_LIB_PKCS12, MAC_ABSENT) {
                let needs = "a later OpenSSL, such as 3.5, for a file without a MAC";
                return Err(Error::unsupported(CALL, needs).with_stack(error.stack().clone()));
            }
            return Err(explain(error));
        }
        error::clear();
        // SAFETY: each is NULL, or live with a reference of our own. The stack's references go over to the objects made of
        // its entries, so that the stack is freed without them.
        unsafe {
            let contents = Pkcs12Contents {
                key: (!key.is_null()).then(|| PKey::from_ptr(key)),
                certificate: (!certificate.is_null()).then(|| X509::from_ptr(certificate)),
                chain: super::stack::collect(chain.cast_const(), |entry| Some(X509::from_ptr(entry))),
            };
            sys::OPENSSL_sk_free(chain.cast());
            Ok(contents)
        }
    }

    /// The file in DER, still packed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`i2d_PKCS12(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "i2d_PKCS12")]
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the file is live; C counts for NULL, and writes what it counted.
        encode("i2d_PKCS12", |out| unsafe { sys::i2d_PKCS12(self.as_ptr(), out) })
    }
}

/// A passphrase as C takes it, wiped afterwards.
struct Passphrase {
    text: Option<Vec<u8>>,
    len: c_int,
}

impl Passphrase {
    fn new(call: &'static str, passphrase: Option<&[u8]>) -> Result<Self, Error> {
        let text = passphrase.map(|text| strings::c_string(call, "the passphrase", text)).transpose()?;
        let len = passphrase.map_or(0, <[u8]>::len);
        let Ok(len) = c_int::try_from(len) else {
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the passphrase is too long"));
        };
        Ok(Self { text: text.map(CString::into_bytes_with_nul), len })
    }

    fn as_ptr(&self) -> *const c_char {
        self.text.as_ref().map_or(ptr::null(), |text| text.as_ptr().cast())
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        self.text.as_deref_mut().into_iter().for_each(wipe);
    }
}

/// Says in words what fails most often.
fn explain(error: Error) -> Error {
    let stack = error.stack();
    let unsupported = stack.has(ext::ERR_LIB_EVP, UNSUPPORTED_ALGORITHM)
        || stack.iter().any(|reason| reason.reason_code() == ext::ERR_R_UNSUPPORTED);
    let detail = if unsupported {
        "the file needs an algorithm that this library does not have; old files need the provider `legacy`"
    } else if stack.has(ext::ERR_LIB_PKCS12, MAC_VERIFY_FAILURE) {
        "the passphrase is wrong, or the file was changed"
    } else {
        return error.with_kind(ErrorKind::Refused);
    };
    error.with_kind(ErrorKind::Refused).with_detail(detail)
}

impl fmt::Debug for Pkcs12Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs12").field("mac", &self.has_mac()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Pkcs12 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
