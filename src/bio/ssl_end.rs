//! How a chain with a connection ends.

use std::ffi::{c_char, c_int, c_long};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::BioRef;
use super::object::{BioCallbackFn, BioType};
use crate::ssl::{self, SslRef};

/// The `BIO_f_ssl` of a chain, and its object.
///
/// # Safety
///
/// `bio` is live, and so is the chain behind it.
pub(super) unsafe fn find(bio: *mut sys::BIO) -> Option<(*mut sys::BIO, *mut sys::SSL)> {
    let mut ssl = ptr::null_mut();
    // SAFETY: by this function's contract. The command is asked of the BIO itself, which fills `ssl` if it has one.
    unsafe {
        let filter = ext::BIO_find_type(bio, BioType::SSL.0);
        if filter.is_null() || ext::BIO_get_ssl(filter, &raw mut ssl) != 1 || ssl.is_null() {
            return None;
        }
        Some((filter, ssl))
    }
}

/// Has the connection of a `BIO_f_ssl` end without a word when the last reference to the BIO goes, whoever holds that.
///
/// # Safety
///
/// `filter` is live, and nobody else uses it.
pub(super) unsafe fn be_silent(filter: *mut sys::BIO) {
    // SAFETY: by this function's contract.
    unsafe { ext::BIO_set_callback_ex(filter, Some(SILENCE)) };
}

/// Takes [`be_silent`] back: it ends as C has it.
///
/// # Safety
///
/// As [`be_silent`].
pub(super) unsafe fn speak(filter: *mut sys::BIO) {
    // SAFETY: by this function's contract.
    unsafe {
        if ext::BIO_get_callback_ex(filter).is_some_and(|set| ptr::fn_addr_eq(set, SILENCE)) {
            ext::BIO_set_callback_ex(filter, None);
        }
    }
}

/// Gives up a reference to the chain. A connection that failed sends nothing any more.
///
/// # Safety
///
/// `bio` is live, and the caller gives up one reference to it.
pub(super) unsafe fn free(bio: *mut sys::BIO) {
    // SAFETY: the chain and its object are live until BIO_free_all.
    unsafe {
        if let Some((_, ssl)) = find(bio) {
            if must_be_silent(ssl) {
                ext::SSL_set_quiet_shutdown(ssl, 1);
            }
        }
        sys::BIO_free_all(bio);
    }
}

/// Whether a close_notify must not be tried: the connection failed, or what it would go through does not come back.
///
/// # Safety
///
/// `ssl` is live, and nobody else uses it.
pub(super) unsafe fn must_be_silent(ssl: *mut sys::SSL) -> bool {
    // SAFETY: by this function's contract; get0.
    unsafe {
        let wbio = sys::SSL_get_wbio(ssl);
        SslRef::from_ptr(ssl).is_poisoned() || (!wbio.is_null() && BioRef::from_ptr(wbio).flushes_for_ever())
    }
}

/// The callback of a `BIO_f_ssl` that was made here, by its one address.
static SILENCE: BioCallbackFn = silence;

/// When the last reference is gone, and before C would send a close_notify, if the object is freed with the BIO: nothing
/// goes out, and the session is kept or dropped as `Ssl` does it. All else goes on as it is.
unsafe extern "C" fn silence(
    bio: *mut sys::BIO,
    operation: c_int,
    _data: *const c_char,
    _len: usize,
    _command: c_int,
    _number: c_long,
    ret: c_int,
    _processed: *mut usize,
) -> c_long {
    if operation == ext::BIO_CB_FREE {
        // SAFETY: C calls this with a BIO that nobody else has any more, and its object is nobody else's: a quiet
        // shutdown of it is seen by nobody.
        unsafe {
            if let (1.., Some((_, ssl))) = (ext::BIO_get_shutdown(bio), find(bio)) {
                if ssl::settle(ssl) {
                    ext::SSL_set_quiet_shutdown(ssl, 1);
                }
            }
        }
    }
    ret.into()
}
