//! Making names.

use std::ffi::c_int;
use std::{fmt, ptr};

use openssl_sys as sys;

use super::{Oid, X509Name};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;

/// Makes a distinguished name, such as for a list of CAs.
///
/// ```
/// let name = libssl::x509::X509NameBuilder::new()?.add("O", "Example")?.add("CN", "Example CA")?.build()?;
/// assert_eq!(name.to_string(), "CN=Example CA,O=Example");
/// # Ok::<(), libssl::Error>(())
/// ```
pub struct X509NameBuilder(X509Name);

impl X509NameBuilder {
    /// A name without parts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_NAME_new(3)`](https://docs.openssl.org/master/man3/X509_NAME_new/)
    #[doc(alias = "X509_NAME_new")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let name = unsafe { sys::X509_NAME_new() };
        if name.is_null() {
            return Err(Error::from_queue("X509_NAME_new"));
        }
        // SAFETY: not NULL, and ours; it is encoded before anybody else sees it.
        Ok(Self(unsafe { X509Name::from_ptr(name) }))
    }

    /// Adds a part after those before it. `kind` is one of OpenSSL's names, such as `CN` or `commonName`, or numbers with
    /// dots between.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty kind or a NUL byte in it, [`ErrorKind::Refused`] for an unknown kind, or a
    /// value that is too short or too long for it.
    ///
    /// C: [`X509_NAME_add_entry_by_txt(3)`](https://docs.openssl.org/master/man3/X509_NAME_add_entry_by_txt/)
    #[doc(alias = "X509_NAME_add_entry_by_txt")]
    #[doc(alias = "X509_NAME_add_entry_by_NID")]
    #[doc(alias = "X509_NAME_add_entry_by_OBJ")]
    pub fn add(self, kind: &str, value: &str) -> Result<Self, Error> {
        const CALL: &str = "X509_NAME_add_entry_by_txt";
        let kind = strings::c_string_not_empty(CALL, "the kind", kind)?;
        let Ok(len) = c_int::try_from(value.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the value is too long"));
        };
        error::clear();
        // SAFETY: the name is live and nobody else's; C reads a string and so many bytes.
        let done = unsafe {
            let (text, form) = (value.as_ptr(), sys::MBSTRING_UTF8);
            sys::X509_NAME_add_entry_by_txt(self.0.as_ptr(), kind.as_ptr(), form, text, len, -1, 0)
        };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        error::clear();
        Ok(self)
    }

    /// As [`add`](Self::add), with an object identifier.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub fn add_oid(self, kind: &Oid, value: &str) -> Result<Self, Error> {
        self.add(kind.as_text(), value)
    }

    /// The name, encoded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded, or has an encoding beyond 1 MiB, which C does not read.
    pub fn build(self) -> Result<X509Name, Error> {
        error::clear();
        // SAFETY: the name is live and nobody else's; this encodes what was added.
        if unsafe { sys::i2d_X509_NAME(self.0.as_ptr(), ptr::null_mut()) } < 0 {
            return Err(Error::from_queue("i2d_X509_NAME"));
        }
        // What C cannot read again could not be cloned.
        self.0.to_owned_name().map_err(|error| error.with_kind(ErrorKind::Refused))
    }
}

impl fmt::Debug for X509NameBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509NameBuilder").finish_non_exhaustive()
    }
}
