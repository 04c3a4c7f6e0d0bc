//! Distinguished names.

use std::ffi::{c_long, c_ulong};
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::print;
use crate::error::{self, Error, ErrorKind};

/// `XN_FLAG_RFC2253`
const RFC2253: c_ulong = 0x0111_0317;

// `Send` and `Sync`: a parsed name keeps its encoding and its canonical form, and there is no setter here, so nothing is
// encoded anew behind `&self`.
foreign_type! {
    /// A distinguished name, such as a certificate's subject. A clone is a copy. It displays in the form of RFC 2253.
    #[doc(alias = "X509_NAME")]
    pub unsafe type X509Name: Send + Sync {
        type CType = sys::X509_NAME;
        fn drop = sys::X509_NAME_free;
    }
}

impl X509Name {
    /// Parses a name in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no name, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_X509_NAME(3)`](https://docs.openssl.org/master/man3/d2i_X509/)
    #[doc(alias = "d2i_X509_NAME")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_X509_NAME";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them.
        let name = unsafe { sys::d2i_X509_NAME(ptr::null_mut(), &raw mut rest, len) };
        if name.is_null() {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: not NULL, and ours.
        let name = unsafe { <Self as ForeignType>::from_ptr(name) };
        if rest != der.as_ptr_range().end {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the name"));
        }
        Ok(name)
    }

    /// Takes over a name from C, which the caller owned.
    ///
    /// # Safety
    ///
    /// `name` is a live `X509_NAME` that the caller owns, which has been encoded since it was changed last.
    pub unsafe fn from_ptr(name: *mut sys::X509_NAME) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(name) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_NAME {
        ForeignType::as_ptr(self)
    }

    /// Gives the object to C.
    pub fn into_ptr(self) -> *mut sys::X509_NAME {
        ForeignType::into_ptr(self)
    }
}

impl X509NameRef {
    /// Borrows a name of C's.
    ///
    /// # Safety
    ///
    /// `name` is live for `'a`, nobody changes it for as long, and it has been encoded since it was changed last.
    pub unsafe fn from_ptr<'a>(name: *mut sys::X509_NAME) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(name) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_NAME {
        ForeignTypeRef::as_ptr(self)
    }
}

impl fmt::Display for X509NameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the name is live.
        f.write_str(&print(|bio| unsafe { ext::X509_NAME_print_ex(bio, self.as_ptr(), 0, RFC2253) }))
    }
}

impl fmt::Debug for X509NameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X509Name({self})")
    }
}

impl fmt::Display for X509Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for X509Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
