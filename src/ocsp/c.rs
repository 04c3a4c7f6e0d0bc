//! How objects of C's are held, parsed and encoded here.

use std::ffi::{c_int, c_long, c_uchar};
use std::ptr::{self, NonNull};
use std::time::SystemTime;

use openssl_sys as sys;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;
use crate::x509::time;

/// An object of ours, freed once.
pub(super) struct Owned<T> {
    object: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Takes what a call of this name answered; NULL is a refusal.
    ///
    /// # Safety
    ///
    /// `object` is NULL, or live and the caller's, and `free` is what frees it.
    pub(super) unsafe fn new(
        call: &'static str,
        object: *mut T,
        free: unsafe extern "C" fn(*mut T),
    ) -> Result<Self, Error> {
        match NonNull::new(object) {
            Some(object) => Ok(Self { object, free }),
            None => Err(Error::from_queue(call)),
        }
    }

    pub(super) fn as_ptr(&self) -> *mut T {
        self.object.as_ptr()
    }

    /// Gives the object away.
    pub(super) fn into_ptr(self) -> *mut T {
        let object = self.as_ptr();
        std::mem::forget(self);
        object
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: ours, by the contract of `new`, and freed once.
        unsafe { (self.free)(self.as_ptr()) };
    }
}

/// Parses all of `der` with a `d2i_…`.
///
/// # Safety
///
/// `parse` reads at most as many bytes as it is told, moves the pointer within them, and answers NULL or an object that
/// is the caller's; `free` frees it.
pub(super) unsafe fn parse<T>(
    call: &'static str,
    der: &[u8],
    free: unsafe extern "C" fn(*mut T),
    parse: impl FnOnce(*mut *const c_uchar, c_long) -> *mut T,
) -> Result<Owned<T>, Error> {
    let Ok(len) = c_long::try_from(der.len()) else {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the input is too long"));
    };
    error::clear();
    let mut rest = der.as_ptr();
    // SAFETY: by this function's contract.
    let object = unsafe { Owned::new(call, parse(&raw mut rest, len), free) }?;
    if rest != der.as_ptr_range().end {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("bytes follow the object"));
    }
    Ok(object)
}

/// What an `i2d_…` writes. It is asked twice: for the length, and to write.
pub(crate) fn encode(
    call: &'static str,
    write: impl Fn(*mut *mut c_uchar) -> c_int,
) -> Result<Vec<u8>, Error> {
    error::clear();
    let len = write(ptr::null_mut());
    let Ok(room @ 1..) = usize::try_from(len) else { return Err(Error::from_queue(call)) };
    let mut der = vec![0; room];
    let mut end = der.as_mut_ptr();
    if write(&raw mut end) == len { Ok(der) } else { Err(Error::from_queue(call)) }
}

/// The bytes of an ASN.1 string; empty for NULL.
///
/// # Safety
///
/// `string` is NULL, or live and unchanged for `'a`.
pub(super) unsafe fn octets<'a>(string: *const sys::ASN1_STRING) -> &'a [u8] {
    if string.is_null() {
        return &[];
    }
    // SAFETY: live by this function's contract, and lends its bytes (get0).
    unsafe {
        let len = usize::try_from(sys::ASN1_STRING_length(string)).unwrap_or_default();
        bytes::lend(sys::ASN1_STRING_get0_data(string), len)
    }
    .unwrap_or_default()
}

/// A time of C's, or `None` for NULL and for what is no time.
///
/// # Safety
///
/// `time` is NULL, or a live `ASN1_GENERALIZEDTIME`.
pub(super) unsafe fn system_time(time: *const sys::ASN1_GENERALIZEDTIME) -> Option<SystemTime> {
    // SAFETY: by this function's contract; an `ASN1_GENERALIZEDTIME` is one kind of `ASN1_TIME`.
    unsafe { time::system_time("ASN1_TIME_diff", time.cast()) }.ok()
}

/// The bytes of a nonce extension, without the OCTET STRING that most wrap them in.
///
/// # Safety
///
/// `extension` is NULL, or live.
pub(super) unsafe fn nonce(extension: *const sys::X509_EXTENSION) -> Option<Vec<u8>> {
    if extension.is_null() {
        return None;
    }
    // SAFETY: live by this function's contract, and lends its data (get0).
    let data = unsafe { octets(sys::X509_EXTENSION_get_data(extension.cast_mut()).cast()) };
    Some(match data {
        [0x04, len, nonce @ ..] if usize::from(*len) == nonce.len() && *len < 0x80 => nonce.to_vec(),
        other => other.to_vec(),
    })
}
