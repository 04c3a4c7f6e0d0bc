//! What the functions of a method are given and what they answer.

use std::ffi::CStr;
use std::io;
use std::marker::PhantomData;

use openssl_sys as sys;

use crate::bio::handle::BioRef;
use crate::bio::object::{BioError, BioRetry};
use crate::error::Error;

/// Why a function of a [`BioMethod`](super::BioMethod) has nothing to return.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stop {
    /// There is nothing more to read.
    End,
    /// Not now: try again when what it waits for has come.
    Retry(BioRetry),
    /// The BIO knows no such operation.
    Unsupported,
    /// It failed. An error that says "not now" ([`WouldBlock`](io::ErrorKind::WouldBlock) and the like) counts as
    /// [`Retry`](Self::Retry), for reading in a read and for writing in all else.
    Failed(io::Error),
    /// The next BIO failed, and its error goes on unchanged.
    Next(Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<BioError> for Stop {
    fn from(error: BioError) -> Self {
        match error {
            BioError::End => Self::End,
            BioError::Retry(retry) => Self::Retry(retry),
            BioError::Failed(error) => Self::Next(error),
        }
    }
}

/// The BIO behind a filter, for what moves bytes. What waits or fails there goes on with `?`.
#[derive(Debug)]
pub struct NextBio<'a> {
    /// NULL, or live and the filter's to use for `'a`.
    bio: *mut sys::BIO,
    borrow: PhantomData<&'a mut BioRef>,
}

impl NextBio<'_> {
    /// # Safety
    ///
    /// `bio` is NULL, or live and nobody else's as long as this is used.
    pub(super) unsafe fn new(bio: *mut sys::BIO) -> Self {
        Self { bio, borrow: PhantomData }
    }

    /// Whether there is a BIO. Without one each operation is [`Stop::Unsupported`].
    pub fn is_there(&self) -> bool {
        !self.bio.is_null()
    }

    /// As [`BioRef::read_ex`].
    ///
    /// # Errors
    ///
    /// [`Stop::End`] at the end.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, Stop> {
        Ok(self.bio()?.read_ex(buf)?)
    }

    /// As [`BioRef::write_ex`].
    ///
    /// # Errors
    ///
    /// [`Stop`].
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Stop> {
        Ok(self.bio()?.write_ex(data)?)
    }

    /// As [`BioRef::gets`].
    ///
    /// # Errors
    ///
    /// [`Stop::End`] at the end.
    pub fn gets(&mut self, buf: &mut [u8]) -> Result<usize, Stop> {
        Ok(self.bio()?.gets(buf)?)
    }

    /// As [`BioRef::puts`].
    ///
    /// # Errors
    ///
    /// [`Stop`].
    pub fn puts(&mut self, text: &CStr) -> Result<usize, Stop> {
        Ok(self.bio()?.puts(text)?)
    }

    /// As [`BioRef::flush`].
    ///
    /// # Errors
    ///
    /// [`Stop`].
    pub fn flush(&mut self) -> Result<(), Stop> {
        Ok(self.bio()?.flush()?)
    }

    /// How many bytes can be read there without waiting.
    pub fn pending(&mut self) -> usize {
        self.bio().map_or(0, BioRef::pending)
    }

    fn bio(&mut self) -> Result<&mut BioRef, Stop> {
        if self.bio.is_null() {
            return Err(Stop::Unsupported);
        }
        // SAFETY: not NULL, and so live and ours, by `new`.
        Ok(unsafe { BioRef::from_ptr_mut(self.bio) })
    }
}
