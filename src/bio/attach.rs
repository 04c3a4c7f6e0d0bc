//! Putting BIOs into an SSL object and taking them out again.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::chain;
use super::handle::Bio;
use super::ssl::enter;
use crate::error::{self, Error};
use crate::ssl::SslRef;

/// Gives an object one BIO for both directions. On failure the object is as it was.
pub(super) fn put(ssl: &mut SslRef, bio: &Bio) -> Result<(), Error> {
    error::clear();
    // SAFETY: live, for this is a reference to it.
    let (read, write) = unsafe { (Bio::share(bio.as_ptr())?, Bio::share(bio.as_ptr())?) };
    ssl.remember_ktls();
    // SAFETY: the object is live and borrowed for writing; set0 takes one reference each. These two calls have one
    // rule of ownership, where SSL_set_bio has many.
    unsafe {
        ext::SSL_set0_rbio(ssl.as_ptr(), read.into_ptr());
        ext::SSL_set0_wbio(ssl.as_ptr(), write.into_ptr());
    }
    Ok(())
}

/// Takes a BIO out of an object wherever it is still there.
pub(super) fn take(ssl: &mut SslRef, bio: *mut sys::BIO) {
    ssl.remember_ktls();
    let ssl = ssl.as_ptr();
    // SAFETY: the object is live and borrowed for writing. SSL_get_wbio looks behind the buffer that libssl puts
    // before it during a handshake, and SSL_set0_wbio puts NULL there.
    unsafe {
        if sys::SSL_get_rbio(ssl) == bio {
            ext::SSL_set0_rbio(ssl, std::ptr::null_mut());
        }
        if sys::SSL_get_wbio(ssl) == bio {
            ext::SSL_set0_wbio(ssl, std::ptr::null_mut());
        }
    }
}

/// Takes what hangs behind a `BIO_f_ssl`, and leaves it to the object too. In a handshake libssl has a buffer of its own
/// before the write BIO, from which taking the chain apart would part it.
///
/// # Safety
///
/// `filter` is a live BIO with this object, and nobody else uses its chain.
pub(super) unsafe fn part(filter: *mut sys::BIO, ssl: &mut SslRef) -> Option<Bio> {
    // SAFETY: the object is live (get0); what it writes to is NULL or live.
    let wbio = unsafe { sys::SSL_get_wbio(ssl.as_ptr()) };
    if wbio.is_null() {
        // SAFETY: by this function's contract.
        return unsafe { chain::take_behind(filter) };
    }
    // SAFETY: live, as above.
    let wbio = unsafe { Bio::share(wbio) }.ok()?;
    ssl.remember_ktls();
    let mut taken = None;
    enter(|| {
        let back = Back { ssl: ssl.as_ptr(), wbio: Some(wbio) };
        // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
        unsafe {
            ext::SSL_set0_wbio(back.ssl, std::ptr::null_mut());
            taken = chain::take_behind(filter);
        }
    });
    taken
}

/// Gives an object its write BIO back, also where a callback panics.
struct Back {
    ssl: *mut sys::SSL,
    wbio: Option<Bio>,
}

impl Drop for Back {
    fn drop(&mut self) {
        if let Some(wbio) = self.wbio.take() {
            // SAFETY: the object outlives the call that made this; set0 takes the reference.
            unsafe { ext::SSL_set0_wbio(self.ssl, wbio.into_ptr()) };
        }
    }
}
