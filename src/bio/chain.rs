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
    let mut chain = None;
    // All of it in one, so that a panic of a callback's loses nothing: what was taken is freed.
    enter(|| {
        let mut taken = Vec::new();
        loop {
            // SAFETY: live by this function's contract. Each BIO that is popped from the place behind `bio` leaves the
            // rest of its chain there, and a reference to it here. BIO_set_ssl does not tell a BIO what it hangs behind.
            unsafe {
                let next = ext::BIO_next(bio);
                if next.is_null() {
                    break;
                }
                let rest = ext::BIO_pop(next);
                if ext::BIO_next(bio) == next {
                    ext::BIO_set_next(bio, rest);
                }
                taken.push(next);
            }
        }
        let mut taken = taken.into_iter();
        // SAFETY: the first of the chain, whose references the place behind `bio` held.
        chain = taken.next().map(|first| unsafe { Bio::from_ptr(first) });
        for (first, next) in chain.iter().cycle().zip(taken) {
            // SAFETY: both are live and ours, and `next` hangs on nothing.
            unsafe { ext::BIO_push(first.as_ptr(), next) };
        }
    });
    // What has no command for it says so.
    error::clear();
    chain
}
