//! Values of the program's in a BIO.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::BioRef;
use crate::error::{self, Error};
use crate::ffi::ex_data::{Carrier, Slot};

// SAFETY: the class and the accessors of BIO.
unsafe impl Carrier for sys::BIO {
    const CLASS: c_int = ext::CRYPTO_EX_INDEX_BIO;
    const SET: &'static str = "BIO_set_ex_data";

    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void {
        // SAFETY: by the trait's contract.
        unsafe { ext::BIO_get_ex_data(object, index) }
    }

    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int {
        // SAFETY: by the trait's contract.
        unsafe { ext::BIO_set_ex_data(object, index, data) }
    }
}

/// A place for a `T` in each BIO, which drops it when it is freed. OpenSSL never gives an index back: keep one in a
/// `static`.
///
/// ```
/// use libssl::bio::{Bio, BioExIndex};
///
/// static NAME: BioExIndex<String> = BioExIndex::new();
///
/// let mut bio = Bio::memory()?;
/// bio.set_ex_data(&NAME, "log".to_owned())?;
/// assert_eq!(bio.ex_data(&NAME).map(String::as_str), Some("log"));
/// # Ok::<(), libssl::Error>(())
/// ```
///
/// C: [`BIO_get_ex_new_index(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
#[doc(alias = "BIO_get_ex_new_index")]
pub struct BioExIndex<T>(Slot<sys::BIO, T>);

impl<T: Send + 'static> BioExIndex<T> {
    /// An index, which OpenSSL gives when it is first used.
    pub const fn new() -> Self {
        Self(Slot::new())
    }
}

impl<T: Send + 'static> Default for BioExIndex<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for BioExIndex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BioExIndex").finish_non_exhaustive()
    }
}

impl BioRef {
    /// Gives this BIO a value, and drops the one it had.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if
    /// there is no memory; the value is then dropped.
    ///
    /// C: [`BIO_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "BIO_set_ex_data")]
    pub fn set_ex_data<T: Send + 'static>(&mut self, index: &BioExIndex<T>, value: T) -> Result<(), Error> {
        error::clear();
        // SAFETY: the BIO is live and borrowed for writing, so that no borrow of the earlier value is left.
        unsafe { index.0.set(self.as_ptr(), Box::new(value)) }
    }

    /// The value of this BIO, if it was given one.
    ///
    /// C: [`BIO_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "BIO_get_ex_data")]
    pub fn ex_data<T: Send + 'static>(&self, index: &BioExIndex<T>) -> Option<&T> {
        // SAFETY: the BIO is live, and borrowed for as long as the value is.
        unsafe { index.0.get(self.as_ptr()) }
    }

    /// An index for pointers that C and Rust share; nothing is done to them when a BIO is freed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if
    /// there is no memory.
    ///
    /// C: [`BIO_get_ex_new_index(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "BIO_get_ex_new_index")]
    pub fn new_ex_index() -> Result<c_int, Error> {
        error::clear();
        // SAFETY: no functions, so that the pointers are only kept.
        let index = unsafe { ext::BIO_get_ex_new_index(0, ptr::null_mut(), None, None, None) };
        if index < 0 { Err(Error::from_queue("BIO_get_ex_new_index")) } else { Ok(index) }
    }

    /// What any index holds, NULL if nothing. Index 0 is C's `BIO_get_app_data`.
    ///
    /// C: [`BIO_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "BIO_get_ex_data")]
    #[doc(alias = "BIO_get_app_data")]
    pub fn ex_data_ptr(&self, index: c_int) -> *mut c_void {
        // SAFETY: the BIO is live, and the call only reads it. An index that it does not have gives NULL.
        unsafe { ext::BIO_get_ex_data(self.as_ptr(), index) }
    }

    /// Lets an index of C's hold a pointer.
    ///
    /// # Errors
    ///
    /// As [`set_ex_data`](Self::set_ex_data).
    ///
    /// C: [`BIO_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    ///
    /// # Safety
    ///
    /// The index is C's, or of [`new_ex_index`](Self::new_ex_index), and the pointer is what its functions and all that
    /// read it take it for.
    #[doc(alias = "BIO_set_ex_data")]
    #[doc(alias = "BIO_set_app_data")]
    pub unsafe fn set_ex_data_ptr(&mut self, index: c_int, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the BIO is live and borrowed for writing; the rest by this function's contract.
        match unsafe { ext::BIO_set_ex_data(self.as_ptr(), index, data) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("BIO_set_ex_data")),
        }
    }
}
