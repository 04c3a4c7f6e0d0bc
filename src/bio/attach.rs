//! Putting BIOs into an SSL object and taking them out again.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::chain;
use super::handle::Bio;
use crate::error::Error;
use crate::ssl::SslRef;

/// Gives an object one BIO for both directions. On failure the object is as it was.
pub(super) fn put(ssl: &mut SslRef, bio: &Bio) -> Result<(), Error> {
    let (read, write) = (bio.try_clone()?, bio.try_clone()?);
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
    // SAFETY: the object is live (get0); what it writes to is NULL or live. It is given back as it was.
    unsafe {
        let wbio = sys::SSL_get_wbio(ssl.as_ptr());
        if wbio.is_null() {
            return chain::take_behind(filter);
        }
        let wbio = Bio::share(wbio).ok()?;
        ssl.remember_ktls();
        ext::SSL_set0_wbio(ssl.as_ptr(), std::ptr::null_mut());
        let taken = chain::take_behind(filter);
        ext::SSL_set0_wbio(ssl.as_ptr(), wbio.into_ptr());
        taken
    }
}
