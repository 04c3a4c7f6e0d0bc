//! Files and descriptors.

use std::ffi::c_int;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::path::Path;
use std::ptr::NonNull;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::Bio;
use crate::error::{self, Error, ErrorKind, Reason};
use crate::ffi::{errno, strings};

impl Bio {
    /// A file, opened as `fopen` does it: `mode` is `r`, `w` or `a`, with any of `b`, `+`, `x` and `e`
    /// behind it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be opened; [`Error::errno`] says why. [`ErrorKind::InvalidInput`] for an empty
    /// path, a NUL byte in it, or a mode of other letters than these.
    ///
    /// C: [`BIO_new_file(3)`](https://docs.openssl.org/master/man3/BIO_s_file/)
    #[doc(alias = "BIO_new_file")]
    #[doc(alias = "BIO_s_file")]
    pub fn file(path: impl AsRef<Path>, mode: &str) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_file";
        let path = strings::c_path(CALL, path.as_ref())?;
        // What else `fopen` takes makes files that are not read and written byte by byte.
        let known = |letter: char| "bxe+".contains(letter);
        if !mode.strip_prefix(['r', 'w', 'a']).is_some_and(|rest| rest.chars().all(known)) {
            let detail = format!("{mode:?} is no way to open a file");
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
        let mode = strings::c_string(CALL, "the mode", mode)?;
        error::clear();
        errno::set(0);
        // SAFETY: two C strings, which C copies or only reads; the reference is ours.
        unsafe { opened(CALL, ext::BIO_new_file(path.as_ptr(), mode.as_ptr())) }
    }

    /// A descriptor, such as a [`File`](std::fs::File)'s, read and written without a buffer, and closed with the BIO.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory; the descriptor comes back.
    ///
    /// C: [`BIO_new_fd(3)`](https://docs.openssl.org/master/man3/BIO_s_fd/)
    #[doc(alias = "BIO_new_fd")]
    #[doc(alias = "BIO_s_fd")]
    pub fn fd(fd: impl Into<OwnedFd>) -> Result<Self, (Error, OwnedFd)> {
        const CALL: &str = "BIO_new_fd";
        let fd = fd.into();
        error::clear();
        // SAFETY: the descriptor is open, and the BIO's to close once it exists; the reference is ours.
        match unsafe { Self::from_new(CALL, ext::BIO_new_fd(fd.as_raw_fd(), ext::BIO_CLOSE)) } {
            Ok(bio) => {
                let _ = fd.into_raw_fd();
                Ok(bio)
            }
            Err(error) => Err((error, fd)),
        }
    }

    /// A file that C opened. With `close` it is closed with the BIO.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory; the file is then as it was.
    ///
    /// C: [`BIO_new_fp(3)`](https://docs.openssl.org/master/man3/BIO_s_file/)
    ///
    /// # Safety
    ///
    /// `file` is open as long as the BIO is used, on whatever thread that is, and with `close` it is nobody else's to
    /// close.
    #[doc(alias = "BIO_new_fp")]
    pub unsafe fn fp(file: NonNull<libc::FILE>, close: bool) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_fp";
        let flag: c_int = if close { ext::BIO_CLOSE } else { ext::BIO_NOCLOSE };
        error::clear();
        errno::set(0);
        // SAFETY: open by this function's contract; the reference is ours.
        unsafe { opened(CALL, sys::BIO_new_fp(file.as_ptr(), flag)) }
    }
}

/// As [`Bio::from_new`], with what the system says.
///
/// # Safety
///
/// As [`Bio::from_new`].
unsafe fn opened(call: &'static str, bio: *mut sys::BIO) -> Result<Bio, Error> {
    let errno = errno::get();
    // SAFETY: by this function's contract.
    unsafe { Bio::from_new(call, bio) }.map_err(|error| {
        let system = error.stack().iter().find_map(Reason::system_error);
        match system {
            Some(reason) => error.with_kind(ErrorKind::Io).with_return(0, reason),
            None => error.with_return(0, errno),
        }
    })
}
