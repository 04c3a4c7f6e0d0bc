//! What OpenSSL makes of an extension: an object of ours, or nothing, or an error.

use std::ffi::{c_int, c_void};

use openssl_sys as sys;

use crate::error::{self, Error, ErrorKind};

/// An object that C gave away.
pub(super) struct Parsed<T> {
    value: *mut T,
    free: unsafe fn(*mut T),
}

impl<T> Parsed<T> {
    /// The pointer, which stays owned by this object.
    pub(super) fn as_ptr(&self) -> *mut T {
        self.value
    }
}

impl<T> Drop for Parsed<T> {
    fn drop(&mut self) {
        // SAFETY: ours, of the type that `free` is for, and freed once.
        unsafe { (self.free)(self.value) };
    }
}

/// Parses an extension with one of the functions that give its contents away. `free` takes what that function makes of
/// this extension. `None` without it.
pub(super) fn parse<T>(
    call: &'static str,
    free: unsafe fn(*mut T),
    get: impl FnOnce(*mut c_int) -> *mut c_void,
) -> Result<Option<Parsed<T>>, Error> {
    let mut critical = 0;
    error::clear();
    let value = get(&raw mut critical).cast::<T>();
    if !value.is_null() {
        error::clear();
        return Ok(Some(Parsed { value, free }));
    }
    match critical {
        -1 => {
            error::clear();
            Ok(None)
        }
        -2 => Err(Error::from_queue(call)
            .with_kind(ErrorKind::Refused)
            .with_detail("the extension is there more than once")),
        _ => {
            Err(Error::from_queue(call).with_kind(ErrorKind::Refused).with_detail("the extension is broken"))
        }
    }
}

/// What a stack that C gave away holds.
pub(super) trait Entry {
    /// # Safety
    ///
    /// `entry` is live and the caller's.
    unsafe extern "C" fn free(entry: *mut c_void);
}

/// Frees a stack with its entries.
///
/// # Safety
///
/// `stack` is a live stack of `T`s, and the caller's.
pub(super) unsafe fn free_stack<T: Entry>(stack: *mut sys::OPENSSL_STACK) {
    // SAFETY: by this function's contract.
    unsafe { sys::OPENSSL_sk_pop_free(stack, Some(T::free)) };
}

macro_rules! entries {
    ($($entry:ident by $free:path;)*) => {
        $(impl Entry for sys::$entry {
            unsafe extern "C" fn free(entry: *mut c_void) {
                // SAFETY: by the trait's contract, and of this type.
                unsafe { $free(entry.cast()) };
            }
        })*
    };
}

entries! {
    ASN1_OBJECT by sys::ASN1_OBJECT_free;
    ASN1_INTEGER by sys::ASN1_INTEGER_free;
    GENERAL_NAME by sys::GENERAL_NAME_free;
    ACCESS_DESCRIPTION by sys::ACCESS_DESCRIPTION_free;
    DIST_POINT by sys::DIST_POINT_free;
}
