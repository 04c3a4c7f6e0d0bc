//! Sockets as C's BIOs see them: `BIO_s_socket` as an object of its own, and the questions of `BIO_sock_…`.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::{Instant, SystemTime};

use openssl_sys_ext as ext;

use super::establish::{near, time};
use super::handle::Bio;
use crate::error::{self, Error, Want};
use crate::ffi::compat::sockets;
use crate::ffi::errno;
use crate::poll;

impl Bio {
    /// A BIO over a socket, which it closes when it is freed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate it, and
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if it was built without sockets. The socket is then
    /// closed.
    ///
    /// C: [`BIO_new_socket(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
    #[doc(alias = "BIO_new_socket")]
    #[doc(alias = "BIO_s_socket")]
    pub fn new_socket(socket: impl Into<OwnedFd>) -> Result<Self, Error> {
        let socket = socket.into();
        // SAFETY: the descriptor is open, and the BIO's own if there is one.
        let bio = unsafe { Self::new_socket_raw(socket.as_raw_fd(), true) }?;
        let _ = socket.into_raw_fd();
        Ok(bio)
    }

    /// A BIO over the number of a socket, which it closes or not when it is freed.
    ///
    /// # Errors
    ///
    /// As [`new_socket`](Self::new_socket); the descriptor is then as it was.
    ///
    /// C: [`BIO_new_socket(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
    ///
    /// # Safety
    ///
    /// The descriptor is open, and stays so as long as the BIO has it, which owns it if it is to close it.
    #[doc(alias = "BIO_new_socket")]
    pub unsafe fn new_socket_raw(fd: RawFd, close: bool) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_socket";
        sockets::need(CALL)?;
        error::clear();
        let close = if close { ext::BIO_CLOSE } else { ext::BIO_NOCLOSE };
        // SAFETY: the descriptor by this function's contract; the reference is ours.
        unsafe { Self::from_new(CALL, sockets::BIO_new_socket(fd, close)) }
    }
}

/// The error that a socket holds for whoever asks first, such as why a nonblocking connect failed.
///
/// C: [`BIO_sock_error(3)`](https://docs.openssl.org/master/man3/BIO_socket/)
#[doc(alias = "BIO_sock_error")]
pub fn sock_error(socket: &impl AsFd) -> Option<io::Error> {
    // SAFETY: takes any number, and the descriptor is open.
    let errno = unsafe { sockets::BIO_sock_error(socket.as_fd().as_raw_fd()) };
    (errno != 0).then(|| io::Error::from_raw_os_error(errno))
}

/// Whether a call on a socket that returned `ret` and left `errno` is to be tried again.
///
/// C: [`BIO_sock_should_retry(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
#[doc(alias = "BIO_sock_should_retry")]
pub fn sock_should_retry(ret: c_int, errno: c_int) -> bool {
    let earlier = errno::get();
    errno::set(errno);
    // SAFETY: looks at the number and at `errno`.
    let retry = unsafe { sockets::BIO_sock_should_retry(ret) } != 0;
    errno::set(earlier);
    retry
}

/// Whether this `errno` of a socket leaves it alive.
///
/// C: [`BIO_sock_non_fatal_error(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
#[doc(alias = "BIO_sock_non_fatal_error")]
pub fn sock_non_fatal_error(errno: c_int) -> bool {
    // SAFETY: looks at the number.
    unsafe { sockets::BIO_sock_non_fatal_error(errno) != 0 }
}

/// Waits until a socket can be read (`for_read`) or written, or `until` that time, which C counts in seconds. `Ok(false)`
/// says that the time has passed. [`poll::wait`](crate::poll::wait) counts finer.
///
/// # Errors
///
/// What the system says.
///
/// C: [`BIO_socket_wait(3)`](https://docs.openssl.org/master/man3/BIO_socket_wait/)
#[doc(alias = "BIO_socket_wait")]
pub fn socket_wait(socket: &impl AsFd, for_read: bool, until: SystemTime) -> io::Result<bool> {
    let fd = socket.as_fd().as_raw_fd();
    if usize::try_from(fd).is_ok_and(|fd| fd >= libc::FD_SETSIZE) {
        // Some versions use select(2), which knows no such numbers.
        let want = if for_read { Want::Read } else { Want::Write };
        let left = until.duration_since(SystemTime::now()).unwrap_or_default();
        return poll::wait(socket, want, Instant::now().checked_add(left));
    }
    loop {
        let near = near(until);
        errno::set(0);
        // SAFETY: takes any number, and the descriptor is open.
        match unsafe { sockets::BIO_socket_wait(fd, for_read.into(), time(near)) } {
            0 if near == until => return Ok(false),
            0 => {}
            1.. => return Ok(true),
            _ => return Err(io::Error::last_os_error()),
        }
    }
}
