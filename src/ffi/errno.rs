//! `errno` of this thread.

use std::ffi::c_int;

/// Reads `errno`.
#[inline]
pub(crate) fn get() -> c_int {
    // SAFETY: C promises a valid pointer to this thread's own `errno`.
    unsafe { *location() }
}

/// Writes `errno`.
#[inline]
pub(crate) fn set(value: c_int) {
    // SAFETY: C promises a valid pointer to this thread's own `errno`.
    unsafe { *location() = value };
}

/// # Safety
///
/// None beyond C's own; the pointer is this thread's.
#[inline]
unsafe fn location() -> *mut c_int {
    #[cfg(any(
        target_os = "linux",
        target_os = "emscripten",
        target_os = "l4re",
        target_os = "dragonfly",
        target_os = "hurd"
    ))]
    // SAFETY: has no requirements.
    return unsafe { libc::__errno_location() };
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    // SAFETY: has no requirements.
    return unsafe { libc::__error() };
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    // SAFETY: has no requirements.
    return unsafe { libc::__errno() };
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    // SAFETY: has no requirements.
    return unsafe { libc::___errno() };
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_set_is_read() {
        super::set(libc::EPIPE);
        assert_eq!(super::get(), libc::EPIPE);
        super::set(0);
        assert_eq!(super::get(), 0);
    }
}
