//! What OpenSSL's base64 filter does wrong.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::BioType;
use crate::bio::custom::{BioMethod, NextBio, Stop};
use crate::bio::handle::Bio;
use crate::ffi::compat::running_version;

/// Stands behind a base64 filter while that is flushed, which before 4.0 tries for ever what takes nothing and says 0.
struct Honest;

impl BioMethod for Honest {
    const CLASS: BioType = BioType::FILTER;

    fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        next.read(buf)
    }

    // An error, and so a negative number, for what takes nothing.
    fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        next.write(data)
    }
}

/// BIO_flush, which comes to an end.
///
/// # Safety
///
/// `bio` is live, and nobody else uses its chain.
pub(in crate::bio) unsafe fn flush(bio: *mut sys::BIO) -> c_int {
    // SAFETY: live BIOs of the chain. What is behind the filter stays alive in the chain's place, and is put back.
    unsafe {
        let filter = ext::BIO_find_type(bio, BioType::BASE64.0);
        if filter.is_null() || ext::BIO_next(filter).is_null() || running_version() >= 0x4000_0000 {
            return ext::BIO_flush(bio);
        }
        // Filters behind that one are flushed by this one's call.
        let Ok(honest) = Bio::custom(Honest) else { return -1 };
        let next = ext::BIO_next(filter);
        ext::BIO_set_next(honest.as_ptr(), next);
        ext::BIO_set_next(filter, honest.as_ptr());
        let ret = ext::BIO_flush(bio);
        ext::BIO_set_next(filter, next);
        ext::BIO_set_next(honest.as_ptr(), std::ptr::null_mut());
        ret
    }
}
