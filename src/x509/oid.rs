//! Object identifiers.

use std::ffi::{c_char, c_int};
use std::fmt;

use openssl_sys as sys;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::{bytes, strings};
use crate::ssl::Nid;

/// An object identifier, such as `2.5.29.17`, known to OpenSSL or not.
///
/// C: [`ASN1_OBJECT(3)`](https://docs.openssl.org/master/man3/OBJ_nid2obj/)
#[doc(alias = "ASN1_OBJECT")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Oid {
    bytes: Vec<u8>,
    text: String,
    nid: Nid,
}

impl Oid {
    /// The identifier that a text names: numbers with dots between, or one of OpenSSL's names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty text or a NUL byte, [`ErrorKind::Refused`] for what names nothing.
    ///
    /// C: [`OBJ_txt2obj(3)`](https://docs.openssl.org/master/man3/OBJ_nid2obj/)
    #[doc(alias = "OBJ_txt2obj")]
    pub fn from_text(text: &str) -> Result<Self, Error> {
        const CALL: &str = "OBJ_txt2obj";
        let text = strings::c_string_not_empty(CALL, "the identifier", text)?;
        error::clear();
        // SAFETY: C reads a string that outlives the call.
        let object = unsafe { sys::OBJ_txt2obj(text.as_ptr(), 0) };
        if object.is_null() {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: live and ours; freed once, after the copy. Constants of the library are not freed by it.
        let oid = unsafe {
            let oid = Self::copy(object);
            sys::ASN1_OBJECT_free(object);
            oid
        };
        error::clear();
        oid.ok_or_else(|| Error::new(ErrorKind::Refused, CALL).with_detail("the identifier has no encoding"))
    }

    /// The contents of the identifier's encoding, without tag and length.
    #[doc(alias = "OBJ_get0_data")]
    #[doc(alias = "OBJ_length")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The numbers with dots between; empty for an encoding that has none, or numbers too large to print.
    ///
    /// C: [`OBJ_obj2txt(3)`](https://docs.openssl.org/master/man3/OBJ_nid2obj/)
    #[doc(alias = "OBJ_obj2txt")]
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// OpenSSL's number, if it knows the identifier.
    ///
    /// C: [`OBJ_obj2nid(3)`](https://docs.openssl.org/master/man3/OBJ_nid2obj/)
    #[doc(alias = "OBJ_obj2nid")]
    pub fn nid(&self) -> Option<Nid> {
        self.nid.defined()
    }

    /// OpenSSL's short name, such as `CN` or `serverAuth`, if it knows the identifier.
    #[doc(alias = "OBJ_nid2sn")]
    pub fn short_name(&self) -> Option<&'static str> {
        self.nid.defined().and_then(Nid::short_name)
    }

    /// A copy of C's object; `None` for NULL or for one without an encoding.
    ///
    /// # Safety
    ///
    /// `object` is NULL, or live.
    pub(crate) unsafe fn copy(object: *const sys::ASN1_OBJECT) -> Option<Self> {
        if object.is_null() {
            return None;
        }
        let mut text = [0_u8; 256];
        error::clear();
        // SAFETY: the object is live, and lends its bytes (get0), which are copied at once. C writes a string to the
        // buffer, cut to the length given.
        let (bytes, nid, len) = unsafe {
            let bytes = bytes::lend(sys::OBJ_get0_data(object), sys::OBJ_length(object))?.to_vec();
            let buffer = text.as_mut_ptr().cast::<c_char>();
            let len = sys::OBJ_obj2txt(buffer, text.len() as c_int, object, 1);
            (bytes, Nid(sys::OBJ_obj2nid(object)), len)
        };
        error::clear();
        if bytes.is_empty() {
            return None;
        }
        // The length is that of the whole text, of which a part may have been cut off.
        let len = usize::try_from(len).ok().filter(|len| *len < text.len()).unwrap_or_default();
        Some(Self { bytes, text: String::from_utf8_lossy(&text[..len]).into_owned(), nid })
    }
}

impl fmt::Display for Oid {
    /// OpenSSL's short name, or else the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short_name().unwrap_or(&self.text))
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Oid({}", self.text)?;
        match self.short_name() {
            Some(name) => write!(f, ", {name})"),
            None => f.write_str(")"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_bytes_numbers_and_perhaps_a_name() {
        let known = Oid::from_text("2.5.29.17").unwrap();
        assert_eq!((known.as_bytes(), known.short_name()), (&[0x55, 0x1d, 0x11][..], Some("subjectAltName")));
        assert_eq!(known, Oid::from_text("subjectAltName").unwrap());
        let unknown = Oid::from_text("1.3.6.1.4.1.99999.7").unwrap();
        assert_eq!((unknown.as_text(), unknown.nid()), ("1.3.6.1.4.1.99999.7", None));
        assert_eq!(unknown.to_string(), "1.3.6.1.4.1.99999.7");
        assert!(error::is_empty());
    }

    #[test]
    fn what_names_nothing_is_refused() {
        assert_eq!(Oid::from_text("").unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Oid::from_text("2.5\0.4").unwrap_err().kind(), ErrorKind::InvalidInput);
        for text in ["nothing of that name", "9.9.9", "-1"] {
            assert_eq!(Oid::from_text(text).unwrap_err().kind(), ErrorKind::Refused, "{text}");
        }
    }
}
