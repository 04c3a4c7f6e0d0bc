//! Sockets, which an OpenSSL built with no-sock does not know.

use std::ffi::c_int;

use openssl_sys as sys;

#[cfg(absent = "BIO_s_socket")]
const NEEDS: &str = "an OpenSSL built with sockets";

/// A BIO over a descriptor, which stays its owner's. NULL if there is no memory for it.
///
/// # Safety
///
/// The descriptor is open as long as the BIO is read, written or asked.
pub(crate) unsafe fn new_socket(fd: c_int) -> Result<*mut sys::BIO, crate::error::Error> {
    #[cfg(not(absent = "BIO_s_socket"))]
    // SAFETY: the method is static; the descriptor is open by this function's contract, and `NOCLOSE` leaves it so.
    return Ok(unsafe {
        let bio = sys::BIO_new(openssl_sys_ext::BIO_s_socket());
        if !bio.is_null() {
            openssl_sys_ext::BIO_set_fd(bio, fd, openssl_sys_ext::BIO_NOCLOSE);
        }
        bio
    });
    #[cfg(absent = "BIO_s_socket")]
    {
        let _ = fd;
        Err(crate::error::Error::unsupported("BIO_s_socket", NEEDS))
    }
}

/// Leaves a BIO of [`new_socket`] without a descriptor.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it.
pub(crate) unsafe fn forget_socket(bio: *mut sys::BIO) {
    #[cfg(not(absent = "BIO_s_socket"))]
    // SAFETY: by this function's contract. The BIO does not close what it lets go of.
    unsafe {
        openssl_sys_ext::BIO_set_fd(bio, -1, openssl_sys_ext::BIO_NOCLOSE);
    }
    #[cfg(absent = "BIO_s_socket")]
    let _ = bio;
}

/// Turns Nagle's algorithm off (`true`) or on. `false` says that it failed.
pub(crate) fn set_tcp_ndelay(fd: c_int, on: bool) -> bool {
    #[cfg(not(absent = "BIO_set_tcp_ndelay"))]
    // SAFETY: takes any number; one that is no open TCP socket is refused.
    return unsafe { openssl_sys_ext::BIO_set_tcp_ndelay(fd, c_int::from(on)) } == 1;
    #[cfg(absent = "BIO_set_tcp_ndelay")]
    {
        let _ = (fd, on);
        crate::ffi::errno::set(libc::ENOSYS);
        false
    }
}

/// Makes a descriptor nonblocking, or blocking again. `false` says that it failed.
pub(crate) fn socket_nbio(fd: c_int, nonblocking: bool) -> bool {
    #[cfg(not(absent = "BIO_socket_nbio"))]
    // SAFETY: takes any number; one that is no open descriptor is refused.
    return unsafe { openssl_sys_ext::BIO_socket_nbio(fd, c_int::from(nonblocking)) } == 1;
    #[cfg(absent = "BIO_socket_nbio")]
    {
        let _ = (fd, nonblocking);
        crate::ffi::errno::set(libc::ENOSYS);
        false
    }
}
