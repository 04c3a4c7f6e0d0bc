//! A memory BIO over bytes that are somebody else's.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use openssl_sys as sys;

use super::BioType;
use super::io::int;
use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error, ErrorKind};

/// A BIO to read bytes from that it borrows.
///
/// ```
/// use libssl::bio::SliceBio;
///
/// let mut bio = SliceBio::new(b"one\ntwo\n")?;
/// let mut line = Vec::new();
/// bio.get_line(&mut line, 80)?;
/// assert_eq!(line, b"one\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// C: [`BIO_new_mem_buf(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
#[doc(alias = "BIO_new_mem_buf")]
pub struct SliceBio<'a> {
    bio: Bio,
    source: PhantomData<&'a [u8]>,
}

impl<'a> SliceBio<'a> {
    /// A BIO to read `source` from.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if there is more than an `int` can count, and [`ErrorKind::Refused`] or
    /// [`ErrorKind::Unspecified`] if there is no memory for the BIO itself.
    ///
    /// C: [`BIO_new_mem_buf(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_new_mem_buf")]
    pub fn new(source: &'a [u8]) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_mem_buf";
        let len = int(source.len());
        if usize::try_from(len) != Ok(source.len()) {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        }
        error::clear();
        // SAFETY: `source` outlives the BIO (`'a`), which only reads it. An empty slice's pointer is not NULL.
        let bio = unsafe { Bio::from_new(CALL, sys::BIO_new_mem_buf(source.as_ptr().cast(), len)) }?;
        Ok(Self { bio, source: PhantomData })
    }

    /// Puts filters before it, through which it is read from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no filter; both are then freed.
    ///
    /// C: [`BIO_push(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_push")]
    pub fn behind(self, mut filters: Bio) -> Result<Self, Error> {
        if !filters.links().all(|bio| bio.method_type().is(BioType::FILTER)) {
            return Err(Error::new(ErrorKind::InvalidInput, "BIO_push").with_detail("not a filter"));
        }
        filters.push(self.bio);
        Ok(Self { bio: filters, source: PhantomData })
    }

    /// The BIO, without the lifetime of the bytes.
    ///
    /// # Safety
    ///
    /// The bytes outlive the BIO.
    pub unsafe fn into_bio(self) -> Bio {
        self.bio
    }
}

impl From<SliceBio<'static>> for Bio {
    fn from(bio: SliceBio<'static>) -> Self {
        bio.bio
    }
}

impl Deref for SliceBio<'_> {
    type Target = BioRef;

    fn deref(&self) -> &BioRef {
        &self.bio
    }
}

/// A borrowed BIO gives nothing away that outlives the borrow.
impl DerefMut for SliceBio<'_> {
    fn deref_mut(&mut self) -> &mut BioRef {
        &mut self.bio
    }
}

impl fmt::Debug for SliceBio<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bio.fmt(f)
    }
}
