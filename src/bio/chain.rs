//! Taking chains apart, wherever their top is.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::Bio;
use super::ssl::enter;
use crate::error;

/// Takes what hangs behind a BIO. That itself stays where it is, be there something before it or not, which BIO_pop of
/// it would join with what is behind it.
///
/// # Safety
///
/// `bio` is live, and nobody else uses the chain.
pub(super) unsafe fn take_behind(bio: *mut sys::BIO) -> Option<Bio> {
    let mut taken = Vec::new();
    loop {
        // SAFETY: live by this function's contract. Each BIO that is popped from the place behind `bio` leaves the rest of
        // its chain there, and a reference to it here. BIO_set_ssl does not tell a BIO what it hangs behind.
        unsafe {
            let next = ext::BIO_next(bio);
            if next.is_null() {
                break;
            }
            let rest = enter(|| ext::BIO_pop(next));
            if ext::BIO_next(bio) == next {
                ext::BIO_set_next(bio, rest);
            }
            taken.push(next);
        }
    }
    let first = *taken.first()?;
    for next in &taken[1..] {
        // SAFETY: both are live and ours, and hang on nothing.
        unsafe { enter(|| ext::BIO_push(first, *next)) };
    }
    // What has no command for it says so.
    error::clear();
    // SAFETY: the first of the chain, whose references the place behind `bio` held.
    Some(unsafe { Bio::from_ptr(first) })
}
