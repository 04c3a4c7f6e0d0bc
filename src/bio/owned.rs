//! Channels that an object's BIOs own without anybody's help, so that the object can go to C with them.

use std::io::{Read, Write};
use std::os::fd::IntoRawFd;

use openssl_sys_ext as ext;

use super::{Channel, Existing, ReadAhead, Socket};

/// A channel that goes where its object goes: [`Handshake::into_ssl`](crate::Handshake::into_ssl) and
/// [`Connected::into_ssl`](crate::Connected::into_ssl) leave it to the object's BIOs, which drop it when they are freed, on
/// whatever thread that is. Sealed, as [`Channel`] is.
///
/// A [`Pair`](super::Pair) is not among them, for its other half stays outside: it goes to C by
/// [`Handshake::into_ptrs`](crate::Handshake::into_ptrs).
pub trait BioOwned: Channel + Send + 'static {
    #[doc(hidden)]
    fn leave(held: Self::Held);
}

impl<S: Read + Write + Send + 'static> BioOwned for S {
    fn leave(held: Self::Held) {
        held.leave();
    }
}

impl<S: Read + Write + Send + 'static> BioOwned for ReadAhead<S> {
    /// What was read ahead stays in the BIO, and is read first.
    fn leave(held: Self::Held) {
        held.leave();
    }
}

impl BioOwned for Socket<'static> {
    /// The BIO closes the descriptor when it is freed, unless it was a borrowed one.
    fn leave(held: Self::Held) {
        let (bio, socket) = held.into_parts();
        if let Ok(fd) = socket.into_fd() {
            // SAFETY: the BIO is live. It owns the descriptor from here on, which is given up in the same breath.
            unsafe { ext::BIO_set_close(bio.as_ptr(), ext::BIO_CLOSE.into()) };
            let _ = fd.into_raw_fd();
        }
    }
}

impl BioOwned for Existing {
    fn leave(held: Self::Held) {
        drop(held);
    }
}
