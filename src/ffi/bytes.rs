//! Byte ranges that C lends, and byte ranges that C fills.

use std::slice;

/// What C lent, or `None` for NULL. A length of 0 behind a pointer is an empty slice.
///
/// # Safety
///
/// `data` is NULL, or points to `len` initialised bytes that nobody writes for `'a`.
#[allow(clippy::disallowed_methods)] // the one place
pub(crate) unsafe fn lend<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    if data.is_null() {
        return None;
    }
    if len == 0 || len > isize::MAX as usize {
        return Some(&[]);
    }
    // SAFETY: not NULL, and `len` bytes by this function's contract.
    Some(unsafe { slice::from_raw_parts(data, len) })
}

/// As [`lend`], for an array of any type.
///
/// # Safety
///
/// `data` is NULL, or points to `len` initialised and aligned values that nobody writes for `'a`.
#[allow(clippy::disallowed_methods)] // the one place
pub(crate) unsafe fn lend_array<'a, T>(data: *const T, len: usize) -> &'a [T] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: not NULL, and `len` values by this function's contract.
    unsafe { slice::from_raw_parts(data, len) }
}

/// The buffer that C asks a callback to fill. NULL or nonsense is an empty one.
///
/// # Safety
///
/// `data` is NULL, or points to `len` bytes that are writable, initialised and nobody else's for `'a`.
#[allow(clippy::disallowed_methods)] // the one place
pub(crate) unsafe fn lend_mut<'a>(data: *mut u8, len: usize) -> &'a mut [u8] {
    if data.is_null() || len == 0 || len > isize::MAX as usize {
        return &mut [];
    }
    // SAFETY: not NULL, and `len` bytes of the callback's own by this function's contract.
    unsafe { slice::from_raw_parts_mut(data, len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_none_and_length_zero_is_empty() {
        // SAFETY: NULL, and a pointer with length 0, are what the contracts allow.
        unsafe {
            assert_eq!(lend(std::ptr::null(), 7), None);
            assert_eq!(lend(b"x".as_ptr(), 0), Some(&[][..]));
            assert_eq!(lend(b"xy".as_ptr(), 2), Some(&b"xy"[..]));
            assert!(lend_mut(std::ptr::null_mut(), 9).is_empty());
            assert!(lend_array::<u16>(std::ptr::null(), 3).is_empty());
        }
    }
}
