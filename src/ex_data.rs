//! Values of the caller's own in objects of C's: the ex_data that Rust and C share.
//!
//! An [`ExIndex`] is a place for a value of one type in every object of one kind. C finds the address of the value with
//! the [number](ExIndex::number) of the index; what C keeps at an index of its own is reached with `ex_data_ptr`.
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//!
//! use libssl::ex_data::ExIndex;
//! use libssl::{Ssl, SslContext};
//!
//! #[derive(Default)]
//! struct Account {
//!     bytes: AtomicU64,
//! }
//!
//! static ACCOUNT: ExIndex<Ssl, Account> = ExIndex::new();
//!
//! let context = SslContext::builder(libssl::SslMethod::tls())?.build();
//! let mut ssl = Ssl::new(&context)?;
//! ssl.set_ex_data(&ACCOUNT, Account::default())?;
//! ssl.ex_data(&ACCOUNT).unwrap().bytes.fetch_add(5, Relaxed); // also in a callback
//! assert_eq!(ssl.take_ex_data(&ACCOUNT)?.unwrap().bytes.into_inner(), 5);
//! # Ok::<(), libssl::Error>(())
//! ```

use std::ffi::{c_int, c_long, c_void};
use std::fmt;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::context::{ContextSettings, SslContext, SslContextBuilderRef, run};
use crate::error::{self, Error};
use crate::ffi::ex_data::{Carrier, Index, LazyIndex, forget_on_dup};
use crate::session::{SslSession, SslSessionRef};
use crate::ssl::{Ssl, SslRef};

mod sealed {
    use crate::ffi::ex_data::Carrier;

    pub trait Owner {
        type Raw: Carrier;
    }
}

/// A kind of object that has room for values: [`Ssl`], [`SslContext`] and [`SslSession`].
pub trait ExDataOwner: sealed::Owner {}

macro_rules! owners {
    ($($owner:ident: $raw:ident),*) => {
        $(
            impl sealed::Owner for $owner {
                type Raw = sys::$raw;
            }

            impl ExDataOwner for $owner {}
        )*
    };
}

owners!(Ssl: SSL, SslContext: SSL_CTX, SslSession: SSL_SESSION);

/// A place for a `T` in every `O`, allocated for the life of the process when it is first needed.
///
/// An object owns its value, and drops it when it is freed, in whatever thread that happens and by whomever, C or Rust; a
/// panic in the destructor is then contained.
///
/// C: [`CRYPTO_get_ex_new_index(3)`](https://docs.openssl.org/master/man3/CRYPTO_get_ex_new_index/)
#[doc(alias = "SSL_get_ex_new_index")]
#[doc(alias = "SSL_CTX_get_ex_new_index")]
#[doc(alias = "SSL_SESSION_get_ex_new_index")]
#[doc(alias = "CRYPTO_get_ex_new_index")]
pub struct ExIndex<O: ExDataOwner, T>(LazyIndex<O::Raw, T>);

impl<O: ExDataOwner, T: Send + Sync + 'static> ExIndex<O, T> {
    /// An index whose values stay where they are: the copy of an object ([`SslRef::dup`], and those that libssl makes of
    /// sessions) starts without one.
    #[allow(clippy::new_without_default)] // each is another index
    pub const fn new() -> Self {
        // SAFETY: the copy of an object has nothing at the index.
        Self(unsafe { LazyIndex::new(Some(forget_on_dup)) })
    }

    /// An index whose values are cloned for the copy of an object. Where the clone panics, there is no copy: then
    /// [`SslRef::dup`] fails, or the handshake that copies a session, and the panic goes on there.
    pub const fn cloning() -> Self
    where
        T: Clone,
    {
        // SAFETY: the copy of an object has a clone of its own at the index.
        Self(unsafe { LazyIndex::new(Some(clone_on_dup::<T>)) })
    }

    /// The number, with which C finds the address of an object's `T`, or NULL. C must not set another one: the object
    /// owns it as Rust does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    pub fn number(&self) -> Result<c_int, Error> {
        error::clear();
        self.0.get().map(Index::number)
    }

    /// # Safety
    ///
    /// `object` is live for `'a`, and nobody replaces or changes the value for as long.
    unsafe fn get<'a>(&self, object: *const O::Raw) -> Option<&'a T> {
        // SAFETY: by this function's contract; the object owns what it has at this index.
        unsafe { self.0.present()?.get(object).as_ref() }
    }

    /// # Safety
    ///
    /// `object` is live for `'a`, and nobody else uses the value for as long.
    unsafe fn get_mut<'a>(&self, object: *const O::Raw) -> Option<&'a mut T> {
        // SAFETY: by this function's contract; the object owns what it has at this index.
        unsafe { self.0.present()?.get(object).as_mut() }
    }

    /// # Safety
    ///
    /// `object` is live, no other thread uses it, and no borrow of the earlier value is left.
    unsafe fn replace(&self, object: *mut O::Raw, value: Option<T>) -> Result<Option<T>, Error> {
        error::clear();
        // SAFETY: by this function's contract.
        let earlier = unsafe { self.0.get()?.set(object, value.map(Box::new)) }?;
        Ok(earlier.map(|value| *value))
    }
}

impl<O: ExDataOwner, T> fmt::Debug for ExIndex<O, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExIndex").finish_non_exhaustive()
    }
}

/// Gives the copy of an object a clone of the value.
unsafe extern "C" fn clone_on_dup<T: Clone + 'static>(
    _to: *mut sys::CRYPTO_EX_DATA,
    _from: *const sys::CRYPTO_EX_DATA,
    data: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: C passes the place of the pointer that it will store in the copy. It holds what the object has: NULL, or its
    // `T`, which nobody changes while the object is copied.
    let value = unsafe { (*data).cast::<T>().as_ref() };
    let Some(copy) = run(|| value.map(|value| Box::new(value.clone()))) else {
        // SAFETY: as above. C makes no copy then.
        unsafe { *data = std::ptr::null_mut() };
        return 0;
    };
    // SAFETY: as above.
    unsafe { *data = copy.map_or(std::ptr::null_mut(), |copy| Box::into_raw(copy).cast()) };
    1
}

/// Sets what C has at an index.
///
/// # Safety
///
/// As the public functions below demand.
unsafe fn set_raw<C: Carrier>(object: *mut C, index: c_int, data: *mut c_void) -> Result<(), Error> {
    error::clear();
    // SAFETY: by this function's contract.
    if unsafe { C::set(object, index, data) } == 1 { Ok(()) } else { Err(Error::from_queue(C::SET)) }
}

/// The getters of one type.
macro_rules! getters {
    ($type:ident, $owner:ident, $get:literal, $app:path, $app_name:literal) => {
        impl $type {
            /// The value at an index, if one was set.
            ///
            #[doc = concat!("C: [`", $get, "(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)")]
            #[doc(alias = $get)]
            pub fn ex_data<T: Send + Sync + 'static>(&self, index: &ExIndex<$owner, T>) -> Option<&T> {
                // SAFETY: the object is live, and what sets a value takes `&mut`, or promises that nobody else uses it.
                unsafe { index.get(self.as_ptr()) }
            }

            /// What C has at an index of its own; NULL where nothing was set.
            ///
            #[doc = concat!("C: [`", $get, "(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)")]
            #[doc(alias = $get)]
            pub fn ex_data_ptr(&self, index: c_int) -> *mut c_void {
                // SAFETY: the object is live, and the call only reads it, for any index.
                unsafe { Carrier::get(self.as_ptr().cast_const(), index) }
            }

            /// What C set with `set_app_data`, the place that needs no index; NULL where nothing was set.
            #[doc(alias = $app_name)]
            pub fn app_data(&self) -> *mut c_void {
                // SAFETY: the object is live, and the call only reads it.
                unsafe { $app(self.as_ptr()) }
            }
        }
    };
}

/// The setters of a type that is borrowed for writing.
macro_rules! setters {
    ($type:ident, $owner:ident, $set:literal, $app:path, $app_name:literal) => {
        impl $type {
            /// The value at an index, for changing it.
            pub fn ex_data_mut<T: Send + Sync + 'static>(
                &mut self,
                index: &ExIndex<$owner, T>,
            ) -> Option<&mut T> {
                // SAFETY: the object is live and borrowed for writing, and the value with it.
                unsafe { index.get_mut(self.as_ptr()) }
            }

            /// Gives the object a value, and returns the one it had.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate; the value is then dropped.
            ///
            #[doc = concat!("C: [`", $set, "(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)")]
            #[doc(alias = $set)]
            pub fn set_ex_data<T: Send + Sync + 'static>(
                &mut self,
                index: &ExIndex<$owner, T>,
                value: T,
            ) -> Result<Option<T>, Error> {
                // SAFETY: the object is live and borrowed for writing.
                unsafe { index.replace(self.as_ptr(), Some(value)) }
            }

            /// Takes the value at an index out of the object.
            ///
            /// # Errors
            ///
            /// As [`set_ex_data`](Self::set_ex_data); the value then stays.
            pub fn take_ex_data<T: Send + Sync + 'static>(
                &mut self,
                index: &ExIndex<$owner, T>,
            ) -> Result<Option<T>, Error> {
                // SAFETY: the object is live and borrowed for writing.
                unsafe { index.replace(self.as_ptr(), None) }
            }

            /// Sets what C has at an index of its own.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
            ///
            #[doc = concat!("C: [`", $set, "(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)")]
            ///
            /// # Safety
            ///
            /// The index is C's, not an [`ExIndex`]'s, and whoever reads, copies or frees what is there takes `data` for what
            /// it is, on whichever thread the object is used.
            #[doc(alias = $set)]
            pub unsafe fn set_ex_data_ptr(&mut self, index: c_int, data: *mut c_void) -> Result<(), Error> {
                // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
                unsafe { set_raw(self.as_ptr(), index, data) }
            }

            /// Sets what `app_data` gives.
            ///
            /// # Errors
            ///
            /// As [`set_ex_data_ptr`](Self::set_ex_data_ptr).
            ///
            /// # Safety
            ///
            /// As [`set_ex_data_ptr`](Self::set_ex_data_ptr).
            #[doc(alias = $app_name)]
            pub unsafe fn set_app_data(&mut self, data: *mut c_void) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
                if unsafe { $app(self.as_ptr(), data) } == 1 {
                    Ok(())
                } else {
                    Err(Error::from_queue($app_name))
                }
            }
        }
    };
}

getters!(SslRef, Ssl, "SSL_get_ex_data", ext::SSL_get_app_data, "SSL_get_app_data");
setters!(SslRef, Ssl, "SSL_set_ex_data", ext::SSL_set_app_data, "SSL_set_app_data");
getters!(
    ContextSettings,
    SslContext,
    "SSL_CTX_get_ex_data",
    ext::SSL_CTX_get_app_data,
    "SSL_CTX_get_app_data"
);
setters! {
    SslContextBuilderRef, SslContext, "SSL_CTX_set_ex_data", ext::SSL_CTX_set_app_data, "SSL_CTX_set_app_data"
}
getters! {
    SslSessionRef, SslSession, "SSL_SESSION_get_ex_data", ext::SSL_SESSION_get_app_data, "SSL_SESSION_get_app_data"
}

/// A session may have many holders, among them the cache and libssl's own, and C has no lock for what is set here.
impl SslSessionRef {
    /// Gives the session a value, and returns the one it had.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate; the value is then dropped.
    ///
    /// C: [`SSL_SESSION_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    ///
    /// # Safety
    ///
    /// Nobody else uses the session during this call, and no borrow of the earlier value is left.
    #[doc(alias = "SSL_SESSION_set_ex_data")]
    pub unsafe fn set_ex_data<T: Send + Sync + 'static>(
        &self,
        index: &ExIndex<SslSession, T>,
        value: T,
    ) -> Result<Option<T>, Error> {
        // SAFETY: the session is live; the rest by this function's contract.
        unsafe { index.replace(self.as_ptr(), Some(value)) }
    }

    /// Takes the value at an index out of the session.
    ///
    /// # Errors
    ///
    /// As [`set_ex_data`](Self::set_ex_data); the value then stays.
    ///
    /// # Safety
    ///
    /// As [`set_ex_data`](Self::set_ex_data).
    pub unsafe fn take_ex_data<T: Send + Sync + 'static>(
        &self,
        index: &ExIndex<SslSession, T>,
    ) -> Result<Option<T>, Error> {
        // SAFETY: the session is live; the rest by this function's contract.
        unsafe { index.replace(self.as_ptr(), None) }
    }

    /// Sets what C has at an index of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_SESSION_set_ex_data(3)`](https://docs.openssl.org/master/man3/BIO_get_ex_new_index/)
    ///
    /// # Safety
    ///
    /// Nobody else uses the session during this call. The index is C's, not an [`ExIndex`]'s, and whoever reads, copies or
    /// frees what is there takes `data` for what it is, on whichever thread the session is used.
    #[doc(alias = "SSL_SESSION_set_ex_data")]
    pub unsafe fn set_ex_data_ptr(&self, index: c_int, data: *mut c_void) -> Result<(), Error> {
        // SAFETY: the session is live; the rest by this function's contract.
        unsafe { set_raw(self.as_ptr(), index, data) }
    }

    /// Sets what `app_data` gives.
    ///
    /// # Errors
    ///
    /// As [`set_ex_data_ptr`](Self::set_ex_data_ptr).
    ///
    /// # Safety
    ///
    /// As [`set_ex_data_ptr`](Self::set_ex_data_ptr).
    #[doc(alias = "SSL_SESSION_set_app_data")]
    pub unsafe fn set_app_data(&self, data: *mut c_void) -> Result<(), Error> {
        error::clear();
        // SAFETY: the session is live; the rest by this function's contract.
        match unsafe { ext::SSL_SESSION_set_app_data(self.as_ptr(), data) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_SESSION_set_app_data")),
        }
    }
}
