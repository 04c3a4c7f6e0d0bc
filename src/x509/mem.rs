//! Memory BIOs, for what C only reads from or writes to a BIO.

use std::ffi::{c_int, c_long};
use std::marker::PhantomData;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;

/// A BIO over bytes that it borrows, or over a buffer of its own that C writes to.
pub(crate) struct MemBio<'a> {
    bio: *mut sys::BIO,
    source: PhantomData<&'a [u8]>,
}

impl<'a> MemBio<'a> {
    /// A BIO to read `source` from.
    pub(crate) fn reading(call: &'static str, source: &'a [u8]) -> Result<Self, Error> {
        let too_long = |_| Error::new(ErrorKind::InvalidInput, call).with_detail("the input is too long");
        let len = c_int::try_from(source.len()).map_err(too_long)?;
        // SAFETY: `source` outlives the BIO (`'a`), which only reads it. An empty slice's pointer is not NULL.
        let bio = unsafe { sys::BIO_new_mem_buf(source.as_ptr().cast(), len) };
        Self::checked("BIO_new_mem_buf", bio)
    }

    /// A BIO to write to.
    pub(crate) fn writing() -> Result<Self, Error> {
        // SAFETY: the method is a constant of the library.
        let bio = unsafe { sys::BIO_new(sys::BIO_s_mem()) };
        Self::checked("BIO_new", bio)
    }

    fn checked(call: &'static str, bio: *mut sys::BIO) -> Result<Self, Error> {
        if bio.is_null() { Err(Error::from_queue(call)) } else { Ok(Self { bio, source: PhantomData }) }
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::BIO {
        self.bio
    }

    /// What has been written and not read.
    pub(crate) fn contents(&self) -> &[u8] {
        let mut data = ptr::null_mut();
        // SAFETY: the BIO is live, and `data` is a local of the type C writes.
        let len: c_long = unsafe { ext::BIO_get_mem_data(self.bio, &raw mut data) };
        let len = usize::try_from(len).unwrap_or_default();
        // SAFETY: get0: `len` bytes of the BIO's own, which stay as they are while it is not written to; what
        // writes to it is over before `contents` is called.
        unsafe { bytes::lend(data.cast_const().cast(), len) }.unwrap_or_default()
    }

    /// What has been written, for display.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8_lossy(self.contents()).into_owned()
    }
}

impl Drop for MemBio<'_> {
    fn drop(&mut self) {
        // SAFETY: the BIO is ours, and freed once.
        unsafe { sys::BIO_free_all(self.bio) };
    }
}

/// What C prints to a BIO; empty where it cannot.
pub(crate) fn print(write: impl FnOnce(*mut sys::BIO) -> c_int) -> String {
    error::clear();
    let text = match MemBio::writing() {
        Ok(bio) if write(bio.as_ptr()) >= 0 => bio.into_text(),
        _ => String::new(),
    };
    error::clear();
    text
}

/// The encoding that an `i2d` function writes. It is called twice: with NULL it counts, then it writes what it counted.
///
/// `encode` hands its argument to such a function, for an object whose encoding does not change.
pub(crate) fn encode(call: &'static str, encode: impl Fn(*mut *mut u8) -> c_int) -> Result<Vec<u8>, Error> {
    error::clear();
    let len = encode(ptr::null_mut());
    let Ok(room @ 1..) = usize::try_from(len) else { return Err(Error::from_queue(call)) };
    let mut der = vec![0; room];
    let mut end = der.as_mut_ptr();
    let written = encode(&raw mut end);
    if written == len { Ok(der) } else { Err(Error::from_queue(call)) }
}

/// The text that C writes to a BIO, or why it did not. C answers 1 for success.
pub(crate) fn write_text(
    call: &'static str,
    write: impl FnOnce(*mut sys::BIO) -> c_int,
) -> Result<String, Error> {
    error::clear();
    let bio = MemBio::writing()?;
    if write(bio.as_ptr()) != 1 {
        return Err(Error::from_queue(call));
    }
    error::clear();
    Ok(bio.into_text())
}

/// Bytes for display: what is not UTF-8 is replaced, and control characters are escaped, so that no peer can forge a line
/// of a log.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            _ if character.is_control() => text.extend(character.escape_default()),
            _ => text.push(character),
        }
    }
    text
}

const PEM_NO_START_LINE: c_int = 108;

/// Whether the newest error says that no further PEM block is there.
pub(crate) fn no_more_pem() -> bool {
    // SAFETY: reads this thread's queue.
    let code = unsafe { sys::ERR_peek_last_error() };
    sys::ERR_GET_LIB(code) == sys::ERR_LIB_PEM && sys::ERR_GET_REASON(code) == PEM_NO_START_LINE
}
