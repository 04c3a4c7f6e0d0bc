//! What the object reads from and writes to, as C sets it.

use std::io::{Read, Write};
use std::os::fd::RawFd;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::Error;
use crate::ffi::compat;

impl SslRef {
    /// Lets the object own a stream of Rust's as its transport, in place of the one before. The layer of
    /// [`Ssl::connect`](crate::Ssl::connect) does so itself, and gives the stream back.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory; the stream is then dropped.
    #[doc(alias = "SSL_set_bio")]
    pub fn set_stream(&mut self, stream: impl Read + Write + Send + 'static) -> Result<(), Error> {
        crate::bio::set_stream(self, stream)
    }

    /// Gives the object its BIOs, as C does it.
    ///
    /// C: [`SSL_set_bio(3)`](https://docs.openssl.org/master/man3/SSL_set_bio/)
    ///
    /// # Safety
    ///
    /// Each is NULL or a live BIO, of which the caller gives up the references that SSL_set_bio(3) takes: one if both
    /// are the same, one each otherwise, but none where the object already has it. What they hold may be used on any
    /// thread that the object moves to, and lives as long as the object. Nobody else uses them while the object does.
    #[doc(alias = "SSL_set_bio")]
    pub unsafe fn set_bio(&mut self, rbio: *mut sys::BIO, wbio: *mut sys::BIO) {
        self.remember_ktls();
        // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
        unsafe { sys::SSL_set_bio(self.as_ptr(), rbio, wbio) }
    }

    /// The BIO that the object reads from, which stays the object's.
    ///
    /// C: [`SSL_get_rbio(3)`](https://docs.openssl.org/master/man3/SSL_get_rbio/)
    #[doc(alias = "SSL_get_rbio")]
    pub fn rbio(&self) -> *mut sys::BIO {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_rbio(self.as_ptr()) }
    }

    /// The BIO that the object writes to, which stays the object's.
    ///
    /// C: [`SSL_get_wbio(3)`](https://docs.openssl.org/master/man3/SSL_get_rbio/)
    #[doc(alias = "SSL_get_wbio")]
    pub fn wbio(&self) -> *mut sys::BIO {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_wbio(self.as_ptr()) }
    }

    /// Lets the object read and write a socket through OpenSSL's own BIO. It does not close it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory, and
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if OpenSSL was built without sockets.
    ///
    /// C: [`SSL_set_fd(3)`](https://docs.openssl.org/master/man3/SSL_set_fd/)
    ///
    /// # Safety
    ///
    /// The descriptor stays open, and the object's to use, as long as the object has it.
    #[doc(alias = "SSL_set_fd")]
    pub unsafe fn set_fd(&mut self, fd: RawFd) -> Result<(), Error> {
        self.remember_ktls();
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; the descriptor by this function's contract.
        match unsafe { compat::ssl::set_fd(self.as_ptr(), fd) }? {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_fd")),
        }
    }

    /// Sets the descriptor to read from, as [`set_fd`](Self::set_fd).
    ///
    /// # Errors
    ///
    /// As [`set_fd`](Self::set_fd).
    ///
    /// C: [`SSL_set_rfd(3)`](https://docs.openssl.org/master/man3/SSL_set_fd/)
    ///
    /// # Safety
    ///
    /// As [`set_fd`](Self::set_fd).
    #[doc(alias = "SSL_set_rfd")]
    pub unsafe fn set_rfd(&mut self, fd: RawFd) -> Result<(), Error> {
        crate::error::clear();
        // SAFETY: as in `set_fd`.
        match unsafe { compat::ssl::set_rfd(self.as_ptr(), fd) }? {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_rfd")),
        }
    }

    /// Sets the descriptor to write to, as [`set_fd`](Self::set_fd).
    ///
    /// # Errors
    ///
    /// As [`set_fd`](Self::set_fd).
    ///
    /// C: [`SSL_set_wfd(3)`](https://docs.openssl.org/master/man3/SSL_set_fd/)
    ///
    /// # Safety
    ///
    /// As [`set_fd`](Self::set_fd).
    #[doc(alias = "SSL_set_wfd")]
    pub unsafe fn set_wfd(&mut self, fd: RawFd) -> Result<(), Error> {
        self.remember_ktls();
        crate::error::clear();
        // SAFETY: as in `set_fd`.
        match unsafe { compat::ssl::set_wfd(self.as_ptr(), fd) }? {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_wfd")),
        }
    }

    /// The descriptor that the object reads from, if its BIO has one.
    ///
    /// C: [`SSL_get_rfd(3)`](https://docs.openssl.org/master/man3/SSL_get_fd/)
    #[doc(alias = "SSL_get_rfd")]
    #[doc(alias = "SSL_get_fd")]
    pub fn rfd(&self) -> Option<RawFd> {
        // SAFETY: the object is live, and the call only asks its BIO.
        self.descriptor(self.rbio(), |ssl| unsafe { ext::SSL_get_rfd(ssl) })
    }

    /// The descriptor that the object writes to, if its BIO has one.
    ///
    /// C: [`SSL_get_wfd(3)`](https://docs.openssl.org/master/man3/SSL_get_fd/)
    #[doc(alias = "SSL_get_wfd")]
    pub fn wfd(&self) -> Option<RawFd> {
        // SAFETY: the object is live, and the call only asks its BIO.
        self.descriptor(self.wbio(), |ssl| unsafe { ext::SSL_get_wfd(ssl) })
    }

    /// Without a BIO C leaves an entry in the queue.
    fn descriptor(&self, bio: *mut sys::BIO, get: impl FnOnce(*mut sys::SSL) -> RawFd) -> Option<RawFd> {
        if bio.is_null() {
            return None;
        }
        Some(get(self.as_ptr())).filter(|fd| *fd >= 0)
    }
}
