//! Sockets, which an OpenSSL built with no-sock does not know.

use std::ffi::c_int;

use openssl_sys as sys;

use crate::bio::PollDescriptor;

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

/// What to wait on before reading; `None` if the BIO does not know.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it.
pub(crate) unsafe fn rpoll_descriptor(
    bio: *mut sys::BIO,
) -> Result<Option<PollDescriptor>, crate::error::Error> {
    #[cfg(ossl320)]
    // SAFETY: by this function's contract, and that of the closure.
    return Ok(poll_descriptor(|descriptor| unsafe { sys::BIO_get_rpoll_descriptor(bio, descriptor) }));
    #[cfg(not(ossl320))]
    {
        let _ = bio;
        Err(crate::error::Error::unsupported("BIO_get_rpoll_descriptor", "OpenSSL 3.2"))
    }
}

/// As [`rpoll_descriptor`], before writing.
///
/// # Safety
///
/// As [`rpoll_descriptor`].
pub(crate) unsafe fn wpoll_descriptor(
    bio: *mut sys::BIO,
) -> Result<Option<PollDescriptor>, crate::error::Error> {
    #[cfg(ossl320)]
    // SAFETY: by this function's contract, and that of the closure.
    return Ok(poll_descriptor(|descriptor| unsafe { sys::BIO_get_wpoll_descriptor(bio, descriptor) }));
    #[cfg(not(ossl320))]
    {
        let _ = bio;
        Err(crate::error::Error::unsupported("BIO_get_wpoll_descriptor", "OpenSSL 3.2"))
    }
}

#[cfg(ossl320)]
fn poll_descriptor(ask: impl FnOnce(*mut sys::BIO_POLL_DESCRIPTOR) -> c_int) -> Option<PollDescriptor> {
    use openssl_sys_ext as ext;

    let value = ext::BIO_POLL_DESCRIPTOR_value { custom_ui: 0 };
    let mut descriptor = ext::BIO_POLL_DESCRIPTOR { r#type: 0, value };
    if ask((&raw mut descriptor).cast()) <= 0 {
        return None;
    }
    const NONE: u32 = ext::BIO_POLL_DESCRIPTOR_TYPE_NONE as u32;
    const SOCKET: u32 = ext::BIO_POLL_DESCRIPTOR_TYPE_SOCK_FD as u32;
    Some(match descriptor.r#type {
        NONE => PollDescriptor::None,
        // SAFETY: the type says that this is what the union holds, which was initialised as a whole.
        SOCKET => PollDescriptor::Fd(unsafe { descriptor.value.fd }),
        other => PollDescriptor::Other(other),
    })
}
