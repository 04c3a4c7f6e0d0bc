//! Strings to and from C.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// A C string, or an error that names the C call it was meant for.
#[allow(clippy::disallowed_methods)] // the one place
pub(crate) fn c_string(
    call: &'static str,
    what: &'static str,
    text: impl AsRef<[u8]>,
) -> Result<CString, Error> {
    CString::new(text.as_ref()).map_err(|_| {
        Error::new(ErrorKind::InvalidInput, call).with_detail(format!("{what} holds a NUL byte"))
    })
}

/// As [`c_string`], and an empty string is refused where C would read it as "none" or "use strlen".
pub(crate) fn c_string_not_empty(
    call: &'static str,
    what: &'static str,
    text: impl AsRef<[u8]>,
) -> Result<CString, Error> {
    if text.as_ref().is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail(format!("{what} is empty")));
    }
    c_string(call, what, text)
}

/// A list of names as C takes it. A blank one is refused: some versions take it for a list of nothing at all.
pub(crate) fn c_list(call: &'static str, list: &str) -> Result<CString, Error> {
    if list.trim().is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the list is empty"));
    }
    c_string(call, "the list", list)
}

/// A path as C takes it.
pub(crate) fn c_path(call: &'static str, path: &Path) -> Result<CString, Error> {
    use std::os::unix::ffi::OsStrExt;
    c_string_not_empty(call, "the path", path.as_os_str().as_bytes())
}

/// The bytes of a C string, or `None` for NULL.
///
/// # Safety
///
/// `text` is NULL, or a NUL-terminated string that lives and stays as it is for `'a`.
#[allow(clippy::disallowed_methods)] // the one place
pub(crate) unsafe fn lend<'a>(text: *const c_char) -> Option<&'a CStr> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and a string by this function's contract.
    Some(unsafe { CStr::from_ptr(text) })
}

/// One of OpenSSL's own constant names, `""` for NULL or for what is not UTF-8 (none is).
///
/// # Safety
///
/// `text` is NULL, or a string with static storage.
pub(crate) unsafe fn constant(text: *const c_char) -> &'static str {
    // SAFETY: by this function's contract.
    unsafe { lend::<'static>(text) }.and_then(|text| text.to_str().ok()).unwrap_or_default()
}

/// An owned copy for display, with what is not UTF-8 replaced. Empty for NULL.
///
/// # Safety
///
/// As [`lend`], for the length of this call.
pub(crate) unsafe fn lossy(text: *const c_char) -> String {
    // SAFETY: by this function's contract.
    unsafe { lend(text) }.map(CStr::to_string_lossy).map(Cow::into_owned).unwrap_or_default()
}
