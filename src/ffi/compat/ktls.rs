//! Kernel TLS: whether the library that runs has it, the kernel has it, and a BIO uses it.

use std::ffi::c_int;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error;

/// Whether the kernel encrypts what is written to the BIO.
///
/// # Safety
///
/// `bio` is NULL or live, and nobody else uses it.
pub(crate) unsafe fn sends(bio: *mut sys::BIO) -> bool {
    // The headers of an OpenSSL without kTLS make 0 of the macro, and one that has it may run.
    // SAFETY: not NULL, and live by this function's contract; the command takes nothing.
    !bio.is_null()
        && unsafe {
            ext::BIO_get_ktls_send(bio) != 0
                || sys::BIO_ctrl(bio, ext::BIO_CTRL_GET_KTLS_SEND, 0, ptr::null_mut()) > 0
        }
}

/// Whether the kernel decrypts what is read from the BIO.
///
/// # Safety
///
/// As [`sends`].
pub(crate) unsafe fn receives(bio: *mut sys::BIO) -> bool {
    // SAFETY: as in `sends`.
    !bio.is_null()
        && unsafe {
            ext::BIO_get_ktls_recv(bio) != 0
                || sys::BIO_ctrl(bio, ext::BIO_CTRL_GET_KTLS_RECV, 0, ptr::null_mut()) > 0
        }
}

/// Whether the OpenSSL that runs was built with kTLS: its socket BIO then knows the flag that says so.
pub(crate) fn is_built_in() -> bool {
    static BUILT_IN: OnceLock<bool> = OnceLock::new();
    *BUILT_IN.get_or_init(|| {
        #[cfg(not(absent = "BIO_s_socket"))]
        // SAFETY: the method is static. The BIO is NULL or ours alone; it has no descriptor, and nothing is sent.
        let built_in = unsafe {
            /// `BIO_FLAGS_KTLS_TX`
            const SENDS: c_int = 0x4000;
            let bio = sys::BIO_new(ext::BIO_s_socket());
            if !bio.is_null() {
                sys::BIO_set_flags(bio, SENDS);
            }
            let known = sends(bio);
            sys::BIO_free_all(bio);
            known
        };
        #[cfg(absent = "BIO_s_socket")]
        let built_in = false;
        error::clear();
        built_in
    })
}

/// Whether the kernel has TLS, or may have it, where it does not tell.
pub(crate) fn is_in_kernel() -> bool {
    #[cfg(target_os = "linux")]
    {
        // A socket that is not connected is refused for that (`ENOTCONN`) by a kernel that knows the protocol.
        const TCP_ULP: c_int = 31;
        let name = c"tls";
        // SAFETY: takes numbers.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
        if socket < 0 {
            return true;
        }
        // SAFETY: the socket is open and ours; C reads so many bytes of the name.
        let (answer, errno) = unsafe {
            let answer = libc::setsockopt(socket, libc::IPPROTO_TCP, TCP_ULP, name.as_ptr().cast(), 3);
            let errno = crate::ffi::errno::get();
            libc::close(socket);
            (answer, errno)
        };
        answer == 0 || !matches!(errno, libc::ENOENT | libc::ENOPROTOOPT | libc::EOPNOTSUPP)
    }
    #[cfg(not(target_os = "linux"))]
    true
}

/// Whether a descriptor is a TCP socket.
pub(crate) fn is_tcp(fd: c_int) -> bool {
    let (mut nodelay, mut len): (c_int, _) = (0, size_of::<c_int>() as libc::socklen_t);
    // SAFETY: takes any number; both pointers are to locals of the sizes that they say.
    let answer = unsafe {
        let value = (&raw mut nodelay).cast();
        libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, value, &raw mut len)
    };
    answer == 0
}
