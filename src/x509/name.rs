//! Distinguished names.

use std::cmp::Ordering;
use std::ffi::{c_long, c_ulong};
use std::hash::{Hash, Hasher};
use std::{fmt, ptr};

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::Oid;
use super::mem::{encode, print, shown};
use super::serial::contents;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;

/// `XN_FLAG_RFC2253`
const RFC2253: c_ulong = 0x0111_0317;
/// `XN_FLAG_ONELINE`
pub(super) const ONELINE: c_ulong = 0x0082_031f;

// `Send` and `Sync`: a parsed name keeps its encoding and its canonical form, and there is no setter here, so nothing is
// encoded anew behind `&self`.
foreign_type! {
    /// A distinguished name, such as a certificate's subject. A clone is a copy. It displays in the form of RFC 2253.
    #[doc(alias = "X509_NAME")]
    pub unsafe type X509Name: Send + Sync {
        type CType = sys::X509_NAME;
        fn drop = sys::X509_NAME_free;
        fn clone = copy;
    }
}

/// A copy, which is parsed from the encoding: so it is encoded before anybody shares it.
///
/// # Safety
///
/// `name` is live, and has been encoded since it was changed last.
unsafe fn copy(name: *mut sys::X509_NAME) -> *mut sys::X509_NAME {
    error::clear();
    // SAFETY: live by this function's contract; encoded, it is only read.
    let copy = unsafe { sys::X509_NAME_dup(name) };
    error::clear();
    if copy.is_null() {
        // Its encoding was parsed before, so memory is all that can be lacking.
        std::alloc::handle_alloc_error(std::alloc::Layout::new::<u8>());
    }
    copy
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

    /// Copies a name of C's, which has no reference count to share it by.
    ///
    /// # Safety
    ///
    /// `name` is live, nobody changes it during the call, and it has been encoded since it was changed last.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if it cannot be copied.
    #[doc(alias = "X509_NAME_dup")]
    pub unsafe fn copy_from_ptr(name: *mut sys::X509_NAME) -> Result<Self, Error> {
        // SAFETY: by this function's contract; the borrow ends with the call.
        unsafe { X509NameRef::from_ptr(name) }.to_owned_name()
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

/// # What it says
impl X509NameRef {
    /// The name in DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be encoded.
    ///
    /// C: [`i2d_X509_NAME(3)`](https://docs.openssl.org/master/man3/d2i_X509_NAME/)
    #[doc(alias = "i2d_X509_NAME")]
    pub fn to_der(&self) -> Result<Vec<u8>, Error> {
        // SAFETY: the name is live and has been encoded; C counts for NULL, and writes what it counted.
        encode("i2d_X509_NAME", |out| unsafe { sys::i2d_X509_NAME(self.as_ptr(), out) })
    }

    /// The name's parts, in the order of the encoding.
    ///
    /// C: [`X509_NAME_get_entry(3)`](https://docs.openssl.org/master/man3/X509_NAME_get_index_by_NID/)
    #[doc(alias = "X509_NAME_get_entry")]
    #[doc(alias = "X509_NAME_entry_count")]
    pub fn entries(&self) -> Vec<X509NameEntry> {
        // SAFETY: the name is live and nobody changes it; the index is below the count, and each part is copied at once.
        unsafe {
            let count = sys::X509_NAME_entry_count(self.as_ptr());
            (0..count)
                .filter_map(|index| X509NameEntry::copy(sys::X509_NAME_get_entry(self.as_ptr(), index)))
                .collect()
        }
    }

    /// Whether the name has no parts.
    #[doc(alias = "X509_NAME_entry_count")]
    pub fn is_empty(&self) -> bool {
        // SAFETY: the name is live, and the call only reads it.
        unsafe { sys::X509_NAME_entry_count(self.as_ptr()) <= 0 }
    }

    /// The name on one line, as the `openssl` command shows it: `C = DE, CN = example.org`. Control characters and what is
    /// not ASCII are escaped.
    ///
    /// C: [`X509_NAME_print_ex(3)`](https://docs.openssl.org/master/man3/X509_NAME_print_ex/)
    #[doc(alias = "X509_NAME_oneline")]
    #[doc(alias = "XN_FLAG_ONELINE")]
    pub fn oneline(&self) -> String {
        self.print(ONELINE)
    }

    /// A copy, or why there is none.
    pub(crate) fn to_owned_name(&self) -> Result<X509Name, Error> {
        error::clear();
        // SAFETY: the name is live and has been encoded, so that it is only read; the copy is parsed from the encoding.
        let copy = unsafe { sys::X509_NAME_dup(self.as_ptr()) };
        if copy.is_null() {
            return Err(Error::from_queue("X509_NAME_dup"));
        }
        // SAFETY: not NULL, and ours.
        Ok(unsafe { <X509Name as ForeignType>::from_ptr(copy) })
    }

    fn print(&self, flags: c_ulong) -> String {
        // SAFETY: the BIO and the name are live.
        print(|bio| unsafe { ext::X509_NAME_print_ex(bio, self.as_ptr(), 0, flags) })
    }
}

impl PartialEq for X509NameRef {
    /// Whether both are the same name as [RFC 5280 § 7.1] compares them: letters of ASCII in either case are alike, and
    /// so is more or less space between words.
    ///
    /// [RFC 5280 § 7.1]: https://www.rfc-editor.org/rfc/rfc5280#section-7.1
    ///
    /// C: [`X509_NAME_cmp(3)`](https://docs.openssl.org/master/man3/X509_cmp/)
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for X509NameRef {}

impl PartialOrd for X509NameRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for X509NameRef {
    /// An order that puts names together that are equal. It is OpenSSL's own, and no order for people.
    fn cmp(&self, other: &Self) -> Ordering {
        error::clear();
        // SAFETY: both are live, and encoded, so that they are only read.
        let order = unsafe { sys::X509_NAME_cmp(self.as_ptr(), other.as_ptr()) };
        error::clear();
        match order {
            // An error, which a name that has an encoding does not see.
            -2 => self.to_der().ok().cmp(&other.to_der().ok()),
            order => order.cmp(&0),
        }
    }
}

impl Hash for X509NameRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Coarser than what is compared, so that equal names have equal hashes: the texts without case and space, in an
        // order that does not depend on how the parts of one step were written.
        let part = |entry: X509NameEntry| {
            let text = entry.utf8.unwrap_or_default();
            let letters = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0x0b);
            (entry.kind.as_bytes().to_vec(), letters.map(u8::to_ascii_lowercase).collect::<Vec<_>>())
        };
        let mut parts: Vec<_> = self.entries().into_iter().map(part).collect();
        parts.sort_unstable();
        parts.hash(state);
    }
}

impl PartialEq for X509Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for X509Name {}

impl PartialOrd for X509Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for X509Name {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for X509Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// One part of a name: its kind, such as `CN`, and its value. What a peer wrote there is bytes.
#[doc(alias = "X509_NAME_ENTRY")]
#[derive(Clone, PartialEq, Eq)]
pub struct X509NameEntry {
    kind: Oid,
    bytes: Vec<u8>,
    utf8: Option<Vec<u8>>,
}

impl X509NameEntry {
    /// What kind of part it is.
    ///
    /// C: [`X509_NAME_ENTRY_get_object(3)`](https://docs.openssl.org/master/man3/X509_NAME_ENTRY_get_object/)
    #[doc(alias = "X509_NAME_ENTRY_get_object")]
    pub fn kind(&self) -> &Oid {
        &self.kind
    }

    /// The value's bytes, in whatever character set it has.
    ///
    /// C: [`X509_NAME_ENTRY_get_data(3)`](https://docs.openssl.org/master/man3/X509_NAME_ENTRY_get_object/)
    #[doc(alias = "X509_NAME_ENTRY_get_data")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value for display: what is no text is replaced, control characters are escaped.
    ///
    /// C: [`ASN1_STRING_to_UTF8(3)`](https://docs.openssl.org/master/man3/ASN1_STRING_length/)
    #[doc(alias = "ASN1_STRING_to_UTF8")]
    pub fn to_text(&self) -> String {
        shown(self.utf8.as_deref().unwrap_or(&self.bytes))
    }

    /// # Safety
    ///
    /// `entry` is NULL, or live, and nobody changes it during the call.
    unsafe fn copy(entry: *const sys::X509_NAME_ENTRY) -> Option<Self> {
        if entry.is_null() {
            return None;
        }
        error::clear();
        // SAFETY: the entry is live and lends its parts (get0), which are copied at once; the text that C makes is ours,
        // and freed once.
        let entry = unsafe {
            let kind = Oid::copy(sys::X509_NAME_ENTRY_get_object(entry))?;
            let data = sys::X509_NAME_ENTRY_get_data(entry);
            let mut text = ptr::null_mut();
            let len = if data.is_null() { -1 } else { sys::ASN1_STRING_to_UTF8(&raw mut text, data) };
            let utf8 = usize::try_from(len).ok().and_then(|len| bytes::lend(text, len)).map(<[u8]>::to_vec);
            sys::OPENSSL_free(text.cast());
            Self { kind, bytes: contents(data).to_vec(), utf8 }
        };
        error::clear();
        Some(entry)
    }
}

impl fmt::Display for X509NameEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.kind, self.to_text())
    }
}

impl fmt::Debug for X509NameEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "X509NameEntry({self})")
    }
}

impl fmt::Display for X509NameRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(RFC2253))
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
