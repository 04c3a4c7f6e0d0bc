//! The BIOs that an object already has.

use std::io;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::core::Core;
use super::handle::Bio;
use super::{Channel, method, sealed};
use crate::error::{self, Error};
use crate::ffi::errno;
use crate::ssl::SslRef;

/// The BIOs that the object already has: C set them, or [`SslRef::set_bio`](crate::SslRef::set_bio) or its like. So an
/// object of C's reaches [`Connected`](crate::Connected), and BIOs that this crate knows nothing about carry it.
///
/// A handshake over it fails with [`ErrorKind::NoTransport`](crate::ErrorKind::NoTransport) unless both directions are
/// there. When the connection is taken apart, the object keeps them.
///
/// C: [`SSL_get_rbio(3)`](https://docs.openssl.org/master/man3/SSL_get_rbio/)
#[doc(alias = "SSL_get_rbio")]
#[doc(alias = "SSL_get_wbio")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Existing;

/// [`Existing`] in use, with a reference to the BIO that is flushed.
#[derive(Debug)]
pub struct ExistingHeld {
    write: Bio,
}

// SAFETY: the BIO counts its references atomically. It is used through `&mut` only, and moves together with its
// object; that what is behind the BIOs may do so is what who set them answered for.
unsafe impl Send for ExistingHeld {}
// SAFETY: a shared reference gives no access to the BIO.
unsafe impl Sync for ExistingHeld {}

impl sealed::Attach for Existing {
    type Held = ExistingHeld;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        error::clear();
        // SAFETY: the object is live; get0, NULL or live as long as the object has it.
        let both = unsafe {
            let (read, write) = (sys::SSL_get_rbio(ssl.as_ptr()), sys::SSL_get_wbio(ssl.as_ptr()));
            Bio::share(read).and_then(|_| Bio::share(write))
        };
        both.map(|write| ExistingHeld { write }).map_err(|error| (error, self))
    }

    fn detach(_: Self::Held, _: &mut SslRef) -> (Self, Vec<u8>) {
        (Self, Vec::new())
    }

    fn lend(_: &Self::Held) -> &Self {
        &Self
    }

    fn has_read_ahead(_: &Self::Held) -> bool {
        false
    }

    fn flush(held: &mut Self::Held) -> io::Result<()> {
        let bio = held.write.as_ptr();
        // SAFETY: the BIO is live, and its object is borrowed together with this: nobody else uses it.
        if let Some(core) = unsafe { method::find_core(bio) }.filter(|_| {
            // SAFETY: as above. A BIO of ours at the end of a chain is flushed through the chain.
            unsafe { ext::BIO_next(bio) }.is_null()
        }) {
            // To C a flush that would block is a success, but here somebody can be told.
            // SAFETY: as above.
            return unsafe { Core::flush_for_user(core) };
        }
        error::clear();
        errno::set(0);
        // SAFETY: as above.
        let flushed = unsafe { ext::BIO_flush(bio) } > 0;
        let errno = errno::get();
        // SAFETY: as above.
        let retry = unsafe { ext::BIO_should_retry(bio) } != 0;
        let outcome = match (flushed, retry, errno) {
            (true, ..) => Ok(()),
            (false, true, _) => Err(io::ErrorKind::WouldBlock.into()),
            (false, false, 0) => Err(io::Error::other(Error::from_queue("BIO_flush"))),
            (false, false, errno) => Err(io::Error::from_raw_os_error(errno)),
        };
        error::clear();
        outcome
    }
}

impl Channel for Existing {
    /// Nothing: what is behind the BIOs belongs to whoever made them.
    type Lent<'a> = ();

    fn lend_mut<'a>(_: &'a mut Self::Held)
    where
        Self: 'a,
    {
    }
}
