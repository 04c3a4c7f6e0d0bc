//! A socket, read and written by OpenSSL itself.

use std::ffi::c_long;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use openssl_sys as sys;

use super::handle::Bio;
use super::{Channel, attach, sealed};
use crate::error::{self, Error};
use crate::ffi::{compat, errno};
use crate::ssl::SslRef;

/// A connected stream socket under OpenSSL's own socket BIO, for what only that can do: kernel TLS, and with it
/// SSL_sendfile(3).
///
/// A descriptor that blocks makes calls that block, one that does not makes calls that are suspended; a receive timeout
/// on a blocking one suspends too. The descriptor is lent as [`BorrowedFd`] only: were it replaced, the rest of a
/// record could go into another file.
///
/// # SIGPIPE
///
/// Where an OpenSSL before 4.0 runs, writing to a peer that is gone raises SIGPIPE. Rust's runtime ignores that signal,
/// but in a program whose `main` is C's it ends the process, unless that program ignores it too. From 4.0 on OpenSSL is
/// told not to raise it (SSL_sendfile(3) still does). A [`TcpStream`](std::net::TcpStream) as the channel never does.
///
/// C: [`BIO_s_socket(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
#[doc(alias = "BIO_s_socket")]
#[doc(alias = "BIO_new_socket")]
#[doc(alias = "SSL_set_fd")]
#[derive(Debug)]
pub struct Socket<'fd>(Descriptor<'fd>);

#[derive(Debug)]
enum Descriptor<'fd> {
    Owned(OwnedFd),
    Borrowed(BorrowedFd<'fd>),
}

impl Socket<'static> {
    /// Takes a socket over, and closes it when dropped.
    pub fn new(socket: impl Into<OwnedFd>) -> Self {
        Self(Descriptor::Owned(socket.into()))
    }
}

impl<'fd> Socket<'fd> {
    /// Uses a socket that stays its owner's.
    pub fn borrowed(socket: BorrowedFd<'fd>) -> Self {
        Self(Descriptor::Borrowed(socket))
    }

    /// The descriptor, if this owns it.
    ///
    /// # Errors
    ///
    /// The borrowed descriptor, if it does not.
    pub fn into_fd(self) -> Result<OwnedFd, BorrowedFd<'fd>> {
        match self.0 {
            Descriptor::Owned(fd) => Ok(fd),
            Descriptor::Borrowed(fd) => Err(fd),
        }
    }

    /// Sends small pieces at once (`true`), or lets the system collect them until the peer has acknowledged what went
    /// before (`false`, Nagle's algorithm).
    ///
    /// A client speaks last in a TLS 1.3 or resumed handshake, and may speak first after it. Then Nagle's algorithm can
    /// hold back its data for a round trip: turn it off for the handshake, and on again where that is wanted.
    ///
    /// # Errors
    ///
    /// What the system says, such as that this is no TCP socket.
    ///
    /// C: [`BIO_set_tcp_ndelay`, in SSL_connect(3)](https://docs.openssl.org/master/man3/SSL_connect/#notes)
    #[doc(alias = "BIO_set_tcp_ndelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.set(|fd| compat::bio::set_tcp_ndelay(fd, nodelay))
    }

    /// Makes calls that would wait be suspended instead (`true`), or wait again (`false`).
    ///
    /// # Errors
    ///
    /// What the system says.
    ///
    /// C: [`BIO_socket_nbio(3)`](https://docs.openssl.org/master/man3/BIO_socket/)
    #[doc(alias = "BIO_socket_nbio")]
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.set(|fd| compat::bio::socket_nbio(fd, nonblocking))
    }

    fn set(&self, set: impl FnOnce(i32) -> bool) -> io::Result<()> {
        error::clear();
        errno::set(0);
        if set(self.as_fd().as_raw_fd()) {
            return Ok(());
        }
        let errno = errno::get();
        error::clear();
        Err(if errno == 0 { io::ErrorKind::Other.into() } else { io::Error::from_raw_os_error(errno) })
    }
}

impl AsFd for Socket<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Descriptor::Owned(fd) => fd.as_fd(),
            Descriptor::Borrowed(fd) => *fd,
        }
    }
}

/// A socket in use. The BIO does not own the descriptor: this does, and takes it from the BIO before it is closed.
#[derive(Debug)]
pub struct SocketHeld<'fd> {
    bio: Lease,
    socket: Socket<'fd>,
}

// SAFETY: the BIO counts its references atomically, and moves to another thread only together with its object.
unsafe impl Send for SocketHeld<'_> {}
// SAFETY: a shared reference lends the descriptor only.
unsafe impl Sync for SocketHeld<'_> {}

impl<'fd> SocketHeld<'fd> {
    /// Both parts. The BIO keeps the descriptor.
    pub(super) fn into_parts(self) -> (Bio, Socket<'fd>) {
        let Self { bio, socket } = self;
        let lease = ManuallyDrop::new(bio);
        // SAFETY: the lease is not dropped, and its reference is moved out once.
        (unsafe { ptr::read(&lease.0) }, socket)
    }
}

/// The BIO's reference, which takes the descriptor away from whoever else still has the BIO.
#[derive(Debug)]
struct Lease(Bio);

impl Drop for Lease {
    fn drop(&mut self) {
        // SAFETY: the BIO is live. Its object was freed or lost it, or is at rest: it moves together with this.
        unsafe { compat::bio::forget_socket(self.0.as_ptr()) };
    }
}

impl<'fd> sealed::Attach for Socket<'fd> {
    type Held = SocketHeld<'fd>;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        error::clear();
        match new_bio(&self).and_then(|bio| attach::put(ssl, &bio).map(|()| bio)) {
            Ok(bio) => Ok(SocketHeld { bio: Lease(bio), socket: self }),
            Err(error) => Err((error, self)),
        }
    }

    fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>) {
        attach::take(ssl, held.bio.0.as_ptr());
        (held.socket, Vec::new())
    }

    fn lend(held: &Self::Held) -> &Self {
        &held.socket
    }

    fn has_read_ahead(_: &Self::Held) -> bool {
        false
    }

    fn flush(_: &mut Self::Held) -> io::Result<()> {
        Ok(())
    }
}

impl<'fd> Channel for Socket<'fd> {
    type Lent<'a>
        = &'a Socket<'fd>
    where
        'fd: 'a;

    fn lend_mut<'a>(held: &'a mut Self::Held) -> &'a Self
    where
        'fd: 'a,
    {
        &held.socket
    }
}

fn new_bio(socket: &Socket<'_>) -> Result<Bio, Error> {
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: by the contract of `attach`, the object lets go of the BIO before the socket is closed.
    let bio = unsafe { Bio::from_new("BIO_new", compat::bio::new_socket(fd)?) }?;
    keep_sigpipe_away(&bio, fd);
    Ok(bio)
}

/// BIO_set_send_flags(3) of OpenSSL 4.0. It makes the BIO use send(2), so only a real socket gets it.
fn keep_sigpipe_away(bio: &Bio, fd: i32) {
    const BIO_C_SET_SEND_FLAGS: i32 = 160;
    #[cfg(not(target_vendor = "apple"))]
    const FLAGS: c_long = libc::MSG_NOSIGNAL as c_long;
    // There the standard library turns the signal off for each socket it makes.
    #[cfg(target_vendor = "apple")]
    const FLAGS: c_long = 0;

    if compat::running_version() < 0x4000_0000 || FLAGS == 0 {
        return;
    }
    let (mut kind, mut len) = (0_i32, size_of::<i32>() as libc::socklen_t);
    // SAFETY: both pointers are to locals of the sizes that they say.
    let is_socket = unsafe {
        libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_TYPE, (&raw mut kind).cast(), &raw mut len) == 0
    };
    if is_socket {
        // SAFETY: the BIO is live; the command takes a number.
        unsafe { sys::BIO_ctrl(bio.as_ptr(), BIO_C_SET_SEND_FLAGS, FLAGS, ptr::null_mut()) };
    }
}
