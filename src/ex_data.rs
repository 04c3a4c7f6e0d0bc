//! Data of the application's in C's objects: ex_data, for Rust and C alike.
//!
//! C code keeps pointers in an `SSL` or an `SSL_CTX` under an index that it got from SSL_get_ex_new_index(3), or as
//! `app_data`. Rust reads and writes them with the same index, as pointers:
//! [`ex_data`](SslRef::ex_data), [`app_data`](SslRef::app_data). What Rust keeps there by itself are values that the object
//! owns ([`SslExData`], [`SslContextExData`]), to which C has a pointer, for reading, under their
//! [`index`](SslExData::index). This crate uses indexes of its own for what it knows about an object, and leaves all others
//! alone.
//!
//! ```
//! use libssl::ex_data::SslExData;
//! use libssl::{Ssl, SslContext};
//!
//! static TENANT: SslExData<String> = SslExData::new();
//!
//! let mut ssl = Ssl::new(&SslContext::client()?.build())?;
//! ssl.set_ex_value(&TENANT, "blue".to_owned())?;
//! assert_eq!(ssl.ex_value(&TENANT).map(String::as_str), Some("blue")); // in callbacks, too
//! # Ok::<(), libssl::Error>(())
//! ```

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::context::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ffi::ex_data::Slot;
use crate::ssl::SslRef;

/// A place for a `T` in each [`Ssl`](crate::Ssl), which the object owns and drops. It is meant to be a `static`.
pub struct SslExData<T>(Slot<sys::SSL, T>);

/// A place for a `T` in each [`SslContext`](crate::SslContext), which the context owns and drops. It is meant to be a `static`.
pub struct SslContextExData<T>(Slot<sys::SSL_CTX, T>);

macro_rules! place {
    ($place:ident) => {
        impl<T: Send + Sync + 'static> $place<T> {
            /// A place of its own, whose index is allocated when it is first needed.
            pub const fn new() -> Self {
                Self(Slot::new())
            }

            /// The index under which C finds a pointer to the value, or NULL where none was set. C may read the value for as
            /// long as nobody sets another one. It must not set the pointer, which this place frees.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory for an index.
            pub fn index(&'static self) -> Result<c_int, Error> {
                self.0.index()
            }
        }

        impl<T: Send + Sync + 'static> Default for $place<T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<T> fmt::Debug for $place<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($place)).finish_non_exhaustive()
            }
        }
    };
}

place!(SslExData);
place!(SslContextExData);

/// A new index for pointers in `SSL` objects, to be shared with C. Nothing is freed under it.
///
/// # Errors
///
/// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory for it.
///
/// C: [`SSL_get_ex_new_index(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
#[doc(alias = "SSL_get_ex_new_index")]
pub fn new_ssl_index() -> Result<c_int, Error> {
    error::clear();
    // SAFETY: without callbacks and data, it only counts up a number of the library's.
    index("SSL_get_ex_new_index", unsafe { ext::SSL_get_ex_new_index(0, ptr::null_mut(), None, None, None) })
}

/// A new index for pointers in `SSL_CTX` objects, as [`new_ssl_index`].
///
/// # Errors
///
/// As [`new_ssl_index`].
///
/// C: [`SSL_CTX_get_ex_new_index(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
#[doc(alias = "SSL_CTX_get_ex_new_index")]
pub fn new_context_index() -> Result<c_int, Error> {
    error::clear();
    // SAFETY: as in `new_ssl_index`.
    index("SSL_CTX_get_ex_new_index", unsafe {
        ext::SSL_CTX_get_ex_new_index(0, ptr::null_mut(), None, None, None)
    })
}

fn index(call: &'static str, index: c_int) -> Result<c_int, Error> {
    if index >= 0 { Ok(index) } else { Err(Error::from_queue(call)) }
}

impl SslRef {
    /// The value that was set for this place.
    ///
    /// C: [`SSL_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    pub fn ex_value<T: Send + Sync + 'static>(&self, place: &'static SslExData<T>) -> Option<&T> {
        // SAFETY: the object is live, and setting another value takes `&mut`.
        unsafe { place.0.get(self.as_ptr()) }
    }

    /// Gives the object a value, and drops the one before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory; the one before then stays.
    ///
    /// C: [`SSL_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    pub fn set_ex_value<T: Send + Sync + 'static>(
        &mut self,
        place: &'static SslExData<T>,
        value: T,
    ) -> Result<(), Error> {
        error::clear();
        // SAFETY: the object is live and borrowed for writing, so that nobody has borrowed the earlier value.
        unsafe { place.0.set(self.as_ptr(), Box::new(value)) }
    }

    /// The pointer under an index of C's; NULL where none was set, and for what is no index.
    ///
    /// C: [`SSL_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_get_ex_data")]
    pub fn ex_data(&self, index: c_int) -> *mut c_void {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_ex_data(self.as_ptr(), index) }
    }

    /// Sets the pointer under an index of C's or of [`new_ssl_index`].
    ///
    /// # Safety
    ///
    /// It is an index of such objects that is not this crate's (nor [`SslExData`]'s), and the pointer is what everybody who
    /// uses the index expects there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_set_ex_data")]
    pub unsafe fn set_ex_data(&mut self, index: c_int, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
        let done = unsafe { sys::SSL_set_ex_data(self.as_ptr(), index, data) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_set_ex_data")) }
    }

    /// The pointer that C calls app_data, which is that under the index 0.
    ///
    /// C: [`SSL_get_app_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_get_app_data")]
    pub fn app_data(&self) -> *mut c_void {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_app_data(self.as_ptr()) }
    }

    /// Sets the pointer that C calls app_data.
    ///
    /// # Safety
    ///
    /// The pointer is what everybody who uses it expects there.
    ///
    /// # Errors
    ///
    /// As [`set_ex_data`](Self::set_ex_data).
    ///
    /// C: [`SSL_set_app_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_set_app_data")]
    pub unsafe fn set_app_data(&mut self, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
        let done = unsafe { ext::SSL_set_app_data(self.as_ptr(), data) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_set_app_data")) }
    }
}

impl ContextSettings {
    /// The value that was set for this place.
    ///
    /// C: [`SSL_CTX_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    pub fn ex_value<T: Send + Sync + 'static>(&self, place: &'static SslContextExData<T>) -> Option<&T> {
        // SAFETY: the context is live, and setting another value takes `&mut`.
        unsafe { place.0.get(self.as_ptr()) }
    }

    /// The pointer under an index of C's; NULL where none was set, and for what is no index.
    ///
    /// C: [`SSL_CTX_get_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_CTX_get_ex_data")]
    pub fn ex_data(&self, index: c_int) -> *mut c_void {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { sys::SSL_CTX_get_ex_data(self.as_ptr(), index) }
    }

    /// The pointer that C calls app_data, which is that under the index 0.
    ///
    /// C: [`SSL_CTX_get_app_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_CTX_get_app_data")]
    pub fn app_data(&self) -> *mut c_void {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_app_data(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Gives the context a value, and drops the one before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory; the one before then stays.
    ///
    /// C: [`SSL_CTX_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    pub fn set_ex_value<T: Send + Sync + 'static>(
        &mut self,
        place: &'static SslContextExData<T>,
        value: T,
    ) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing, so that nobody has borrowed the earlier value.
        unsafe { place.0.set(self.as_ptr(), Box::new(value)) }
    }

    /// Sets the pointer under an index of C's or of [`new_context_index`].
    ///
    /// # Safety
    ///
    /// It is an index of such objects that is not this crate's (nor [`SslContextExData`]'s), and the pointer is what everybody
    /// who uses the index expects there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_CTX_set_ex_data")]
    pub unsafe fn set_ex_data(&mut self, index: c_int, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the rest by this function's contract.
        let done = unsafe { sys::SSL_CTX_set_ex_data(self.as_ptr(), index, data) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set_ex_data")) }
    }

    /// Sets the pointer that C calls app_data.
    ///
    /// # Safety
    ///
    /// The pointer is what everybody who uses it expects there.
    ///
    /// # Errors
    ///
    /// As [`set_ex_data`](Self::set_ex_data).
    ///
    /// C: [`SSL_CTX_set_app_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    #[doc(alias = "SSL_CTX_set_app_data")]
    pub unsafe fn set_app_data(&mut self, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the rest by this function's contract.
        let done = unsafe { ext::SSL_CTX_set_app_data(self.as_ptr(), data) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set_app_data")) }
    }
}
