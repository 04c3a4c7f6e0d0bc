//! Slots of our own in the `ex_data` of C objects, each with a destructor.

use std::any::Any;
use std::ffi::{c_int, c_long, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as sys;

use super::panics;
use crate::error::Error;

/// A C type that carries ex_data.
///
/// # Safety
///
/// `CLASS` is the CRYPTO_EX_INDEX of `Self`, and `get` and `set` are the type's own accessors.
pub(crate) unsafe trait Carrier {
    const CLASS: c_int;
    const SET: &'static str;

    /// # Safety
    ///
    /// `object` is live.
    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void;

    /// # Safety
    ///
    /// `object` is live, and no other thread uses it.
    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int;
}

// SAFETY: the class and the accessors of SSL.
unsafe impl Carrier for sys::SSL {
    const CLASS: c_int = sys::CRYPTO_EX_INDEX_SSL;
    const SET: &'static str = "SSL_set_ex_data";

    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void {
        // SAFETY: by the trait's contract.
        unsafe { sys::SSL_get_ex_data(object, index) }
    }

    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int {
        // SAFETY: by the trait's contract.
        unsafe { sys::SSL_set_ex_data(object, index, data) }
    }
}

// SAFETY: the class and the accessors of SSL_CTX.
unsafe impl Carrier for sys::SSL_CTX {
    const CLASS: c_int = sys::CRYPTO_EX_INDEX_SSL_CTX;
    const SET: &'static str = "SSL_CTX_set_ex_data";

    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void {
        // SAFETY: by the trait's contract.
        unsafe { sys::SSL_CTX_get_ex_data(object, index) }
    }

    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int {
        // SAFETY: by the trait's contract.
        unsafe { sys::SSL_CTX_set_ex_data(object, index, data) }
    }
}

/// One index, allocated once for the process, that owns a `Box<T>` in each object it was set on.
pub(crate) struct Slot<C, T> {
    index: OnceLock<c_int>,
    types: PhantomData<fn(C) -> T>,
}

impl<C: Carrier, T: Send + 'static> Slot<C, T> {
    pub(crate) const fn new() -> Self {
        Self { index: OnceLock::new(), types: PhantomData }
    }

    /// The value of this object, if one was set.
    ///
    /// # Safety
    ///
    /// `object` is live for `'a`, and nobody replaces the value for as long.
    pub(crate) unsafe fn get<'a>(&self, object: *const C) -> Option<&'a T> {
        let index = *self.index.get()?;
        // SAFETY: the object is live. What this index holds is NULL, or a `T` of `set`, which the object owns.
        unsafe { C::get(object, index).cast::<T>().as_ref() }
    }

    /// Gives the object a value, and drops the one it had.
    ///
    /// # Safety
    ///
    /// `object` is live, no other thread uses it, and no borrow of the earlier value is left.
    pub(crate) unsafe fn set(&self, object: *mut C, value: Box<T>) -> Result<(), Error> {
        let index = self.index()?;
        // SAFETY: the object is live; see `get` for what it holds.
        let earlier = unsafe { C::get(object, index) }.cast::<T>();
        let value = Box::into_raw(value);
        // SAFETY: the object is live and this thread's; it owns `value` once the call succeeds.
        if unsafe { C::set(object, index, value.cast()) } != 1 {
            // SAFETY: C did not take the value, which came from `into_raw` above.
            drop(unsafe { Box::from_raw(value) });
            return Err(Error::from_queue(C::SET));
        }
        if !earlier.is_null() {
            // SAFETY: it came from `into_raw` in an earlier `set`, and the object let it go just now.
            drop(unsafe { Box::from_raw(earlier) });
        }
        Ok(())
    }

    pub(crate) fn index(&self) -> Result<c_int, Error> {
        if let Some(index) = self.index.get() {
            return Ok(*index);
        }
        // SAFETY: the callbacks have the types that CRYPTO_EX_new, _dup and _free have, and no user data.
        let index = unsafe {
            sys::CRYPTO_get_ex_new_index(
                C::CLASS,
                0,
                ptr::null_mut(),
                None,
                Some(forget_on_dup),
                Some(free::<T>),
            )
        };
        if index < 0 {
            return Err(Error::from_queue("CRYPTO_get_ex_new_index"));
        }
        // Of two threads that race here one index stays unused; that is all.
        Ok(*self.index.get_or_init(|| index))
    }
}

/// SSL_dup would copy the pointer, and both objects would free it: the copy starts without a value.
unsafe extern "C" fn forget_on_dup(
    _to: *mut sys::CRYPTO_EX_DATA,
    _from: *const sys::CRYPTO_EX_DATA,
    data: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: C passes the place of the pointer that it will store in the copy.
    unsafe { *data = ptr::null_mut() };
    1
}

unsafe extern "C" fn free<T: 'static>(
    _parent: *mut c_void,
    data: *mut c_void,
    _all: *mut sys::CRYPTO_EX_DATA,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) {
    if !data.is_null() {
        // SAFETY: this index holds what `set` made with `Box::into_raw`, and the object dies now.
        let value: Box<dyn Any> = unsafe { Box::from_raw(data.cast::<T>()) };
        // The value may own closures of the user's, and this is a C frame.
        panics::drop_contained(value);
    }
}
