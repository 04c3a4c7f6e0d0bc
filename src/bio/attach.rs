//! Putting BIOs into an SSL object and taking them out again.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::Bio;
use crate::error::Error;
use crate::ssl::SslRef;

/// Gives an object one BIO for both directions. On failure the object is as it was.
pub(super) fn put(ssl: &mut SslRef, bio: &Bio) -> Result<(), Error> {
    let (read, write) = (bio.try_clone()?, bio.try_clone()?);
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
