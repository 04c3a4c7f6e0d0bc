//! Passphrases: given by value, or asked for in a closure, and never at the terminal.

use std::ffi::{c_char, c_int, c_void};

use openssl_sys_ext as ext;

use crate::context;
use crate::error::{Error, ErrorKind};
use crate::ffi::bytes;

/// Where a passphrase comes from. C gets a pointer to it together with [`answer`].
pub(crate) struct Secret<'a> {
    source: Source<'a>,
    refusal: Option<Refusal>,
}

enum Source<'a> {
    Nobody,
    Value(&'a [u8]),
    Ask(&'a mut dyn FnMut() -> Option<Vec<u8>>),
}

/// Why C got no passphrase.
#[derive(Clone, Copy)]
enum Refusal {
    Missing,
    TooLong,
}

impl<'a> Secret<'a> {
    /// Nobody knows one.
    pub(crate) fn none() -> Self {
        Self { source: Source::Nobody, refusal: None }
    }

    /// It is this one, if any.
    pub(crate) fn value(passphrase: Option<&'a [u8]>) -> Self {
        Self { source: passphrase.map_or(Source::Nobody, Source::Value), refusal: None }
    }

    /// A closure knows it, or answers `None`.
    pub(crate) fn ask(ask: &'a mut dyn FnMut() -> Option<Vec<u8>>) -> Self {
        Self { source: Source::Ask(ask), refusal: None }
    }

    /// The user data for [`answer`], for as long as this object is borrowed by nobody else.
    pub(crate) fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }

    /// Says so if an error is the passphrase's fault, and forgets it.
    pub(crate) fn explain(&mut self, error: Error) -> Error {
        match self.refusal.take() {
            Some(Refusal::Missing) => error.with_detail("it is encrypted, and there is no passphrase"),
            Some(Refusal::TooLong) => error
                .with_kind(ErrorKind::InvalidInput)
                .with_detail("the passphrase is longer than OpenSSL takes"),
            None => error,
        }
    }

    /// Copies the passphrase into C's buffer, and answers its length.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        match &mut self.source {
            Source::Nobody => Err(Refusal::Missing),
            Source::Value(passphrase) => fill(buffer, passphrase),
            Source::Ask(ask) => {
                let mut passphrase = context::run(ask).flatten().ok_or(Refusal::Missing)?;
                let filled = fill(buffer, &passphrase);
                wipe(&mut passphrase);
                filled
            }
        }
    }
}

fn fill(buffer: &mut [u8], passphrase: &[u8]) -> Result<usize, Refusal> {
    let place = buffer.get_mut(..passphrase.len()).ok_or(Refusal::TooLong)?;
    place.copy_from_slice(passphrase);
    Ok(passphrase.len())
}

/// Overwrites a secret in a way that the compiler does not leave out.
pub(crate) fn wipe(secret: &mut [u8]) {
    // SAFETY: the bytes are writable, and so many.
    unsafe { ext::OPENSSL_cleanse(secret.as_mut_ptr().cast(), secret.len()) };
}

/// Answers C's question for a passphrase, a `pem_password_cb`. Without one it refuses, where C would ask at the terminal.
///
/// The user data is [`Secret::as_ptr`].
pub(crate) unsafe extern "C" fn answer(
    buffer: *mut c_char,
    size: c_int,
    _writing: c_int,
    user: *mut c_void,
) -> c_int {
    // SAFETY: every caller of ours passes a pointer to a `Secret` that outlives the call and that nobody else borrows.
    let Some(secret) = (unsafe { user.cast::<Secret<'_>>().as_mut() }) else { return -1 };
    // SAFETY: C lends `size` writable bytes, which it initialised or never reads beyond what is answered.
    let buffer = unsafe { bytes::lend_mut(buffer.cast(), usize::try_from(size).unwrap_or_default()) };
    match secret.fill(buffer) {
        Ok(len) => c_int::try_from(len).unwrap_or(-1),
        Err(refusal) => {
            secret.refusal = Some(refusal);
            -1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(secret: &mut Secret<'_>, buffer: &mut [u8]) -> c_int {
        let len = c_int::try_from(buffer.len()).unwrap();
        // SAFETY: the buffer has this length, and the secret outlives the call.
        unsafe { answer(buffer.as_mut_ptr().cast(), len, 0, secret.as_ptr()) }
    }

    #[test]
    fn an_answer_never_exceeds_the_room_for_it() {
        let mut buffer = [0; 4];
        for (passphrase, answer) in [(&b""[..], 0), (b"abcd", 4), (b"abcde", -1)] {
            assert_eq!(ask(&mut Secret::value(Some(passphrase)), &mut buffer), answer);
            assert_eq!(ask(&mut Secret::ask(&mut || Some(passphrase.to_vec())), &mut buffer), answer);
        }
        assert_eq!(&buffer, b"abcd");
        assert_eq!(ask(&mut Secret::none(), &mut buffer), -1);
        assert_eq!(ask(&mut Secret::ask(&mut || None), &mut buffer), -1);
        assert_eq!(ask(&mut Secret::ask(&mut || panic!("contained")), &mut buffer), -1);
        // SAFETY: NULL is no secret.
        assert_eq!(unsafe { answer(std::ptr::null_mut(), -1, 0, std::ptr::null_mut()) }, -1);
    }
}
