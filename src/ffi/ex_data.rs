//! Slots of our own in the `ex_data` of C objects, each with a destructor.

use std::any::Any;
use std::ffi::{c_int, c_long, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{errno, panics};
use crate::error::{self, Error, ErrorStack};

/// A C type that carries ex_data.
///
/// # Safety
///
/// `CLASS` is the CRYPTO_EX_INDEX of `Self`; `new_index`, `get` and `set` are the type's own calls.
pub unsafe trait Carrier {
    const CLASS: c_int;
    const SET: &'static str;
    const NEW_INDEX: &'static str = "CRYPTO_get_ex_new_index";

    /// # Safety
    ///
    /// Both fit what objects will have at the index.
    unsafe fn new_index(dup: ext::CRYPTO_EX_dup, free: ext::CRYPTO_EX_free) -> c_int {
        // SAFETY: by this function's contract. There is no user data.
        unsafe { ext::CRYPTO_get_ex_new_index(Self::CLASS, 0, ptr::null_mut(), None, dup, free) }
    }

    /// # Safety
    ///
    /// `object` is live.
    unsafe fn get(object: *const Self, index: c_int) -> *mut c_void;

    /// # Safety
    ///
    /// `object` is live, and no other thread uses it.
    unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int;
}

macro_rules! carrier {
    ($type:ident, $class:path, $new:ident, $get:path, $set_crate:ident::$set:ident) => {
        // SAFETY: the class and the calls of this type.
        unsafe impl Carrier for sys::$type {
            const CLASS: c_int = $class;
            const SET: &'static str = stringify!($set);
            const NEW_INDEX: &'static str = stringify!($new);

            unsafe fn new_index(dup: ext::CRYPTO_EX_dup, free: ext::CRYPTO_EX_free) -> c_int {
                // SAFETY: by the trait's contract. There is no user data.
                unsafe { ext::$new(0, ptr::null_mut(), None, dup, free) }
            }

            #[inline]
            unsafe fn get(object: *const Self, index: c_int) -> *mut c_void {
                // SAFETY: by the trait's contract.
                unsafe { $get(object, index) }
            }

            unsafe fn set(object: *mut Self, index: c_int, data: *mut c_void) -> c_int {
                // SAFETY: by the trait's contract.
                unsafe { $set_crate::$set(object, index, data) }
            }
        }
    };
}

carrier!(SSL, sys::CRYPTO_EX_INDEX_SSL, SSL_get_ex_new_index, sys::SSL_get_ex_data, sys::SSL_set_ex_data);
carrier! {
    SSL_CTX, sys::CRYPTO_EX_INDEX_SSL_CTX, SSL_CTX_get_ex_new_index, sys::SSL_CTX_get_ex_data,
    sys::SSL_CTX_set_ex_data
}
carrier! {
    SSL_SESSION, ext::CRYPTO_EX_INDEX_SSL_SESSION, SSL_SESSION_get_ex_new_index, ext::SSL_SESSION_get_ex_data,
    ext::SSL_SESSION_set_ex_data
}

/// An index at which an object has nothing, or a `Box<T>` that it owns.
pub(crate) struct Index<C, T> {
    number: c_int,
    types: PhantomData<fn(C) -> T>,
}

impl<C: Carrier, T: Send + 'static> Index<C, T> {
    /// Allocates an index for the life of the process.
    ///
    /// # Safety
    ///
    /// `dup` says what the copy of an object has there: it makes a `Box<T>` of its own, or stores NULL.
    pub(crate) unsafe fn new(dup: ext::CRYPTO_EX_dup) -> Result<Self, Error> {
        // SAFETY: the index holds what this type says it does.
        match unsafe { C::new_index(dup, Some(free::<T>)) } {
            number @ 0.. => Ok(Self { number, types: PhantomData }),
            _ => Err(Error::from_queue(C::NEW_INDEX)),
        }
    }

    pub(crate) fn number(&self) -> c_int {
        self.number
    }

    /// The value of this object, or NULL.
    ///
    /// # Safety
    ///
    /// `object` is live.
    #[inline]
    pub(crate) unsafe fn get(&self, object: *const C) -> *mut T {
        // SAFETY: by this function's contract.
        unsafe { C::get(object, self.number).cast() }
    }

    /// Gives the object a value, or takes its value away, and returns the one it had.
    ///
    /// # Safety
    ///
    /// `object` is live, no other thread uses it, and no borrow of the earlier value is left.
    pub(crate) unsafe fn set(&self, object: *mut C, value: Option<Box<T>>) -> Result<Option<Box<T>>, Error> {
        // SAFETY: by this function's contract.
        let earlier = unsafe { self.get(object) };
        if value.is_none() && earlier.is_null() {
            return Ok(None);
        }
        let value = value.map_or(ptr::null_mut(), Box::into_raw);
        // SAFETY: the object is live and this thread's; it owns `value` once the call succeeds.
        let done = unsafe { C::set(object, self.number, value.cast()) };
        let gone = if done == 1 { earlier } else { value };
        // SAFETY: NULL, or from `into_raw`, here or in an earlier `set`; the object does not have it (any more).
        let gone = (!gone.is_null()).then(|| unsafe { Box::from_raw(gone) });
        if done == 1 { Ok(gone) } else { Err(Error::from_queue(C::SET)) }
    }
}

/// One index, allocated once for the process, when it is first needed.
pub(crate) struct LazyIndex<C, T> {
    index: OnceLock<Index<C, T>>,
    dup: ext::CRYPTO_EX_dup,
}

impl<C: Carrier, T: Send + 'static> LazyIndex<C, T> {
    /// # Safety
    ///
    /// As [`Index::new`].
    pub(crate) const unsafe fn new(dup: ext::CRYPTO_EX_dup) -> Self {
        Self { index: OnceLock::new(), dup }
    }

    /// The index, if there is one yet: without one no object has a value.
    #[inline]
    pub(crate) fn present(&self) -> Option<&Index<C, T>> {
        self.index.get()
    }

    pub(crate) fn get(&self) -> Result<&Index<C, T>, Error> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        // SAFETY: by the contract of `new`.
        let index = unsafe { Index::new(self.dup) }?;
        // Of two threads that race here one index stays unused; that is all.
        Ok(self.index.get_or_init(|| index))
    }
}

/// An index for values that this crate has of its own.
pub(crate) struct Slot<C, T>(LazyIndex<C, T>);

impl<C: Carrier, T: Send + 'static> Slot<C, T> {
    pub(crate) const fn new() -> Self {
        // SAFETY: the copy starts without a value.
        Self(unsafe { LazyIndex::new(Some(forget_on_dup)) })
    }

    /// A slot whose value the copy of an object has too, once more.
    pub(crate) const fn shared() -> Self
    where
        T: SharedValue,
    {
        // SAFETY: the copy starts with a value of its own, or with none.
        Self(unsafe { LazyIndex::new(Some(share_on_dup::<T>)) })
    }

    /// Takes the value of this object away.
    ///
    /// # Safety
    ///
    /// As [`set`](Self::set).
    pub(crate) unsafe fn clear(&self, object: *mut C) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        self.0.present().map_or(Ok(None), |index| unsafe { index.set(object, None) }).map(drop)
    }

    /// The value of this object, if one was set.
    ///
    /// # Safety
    ///
    /// `object` is live for `'a`, and nobody replaces the value for as long.
    #[inline]
    pub(crate) unsafe fn get<'a>(&self, object: *const C) -> Option<&'a T> {
        // SAFETY: the object is live, and owns what it has at this index.
        unsafe { self.0.present()?.get(object).as_ref() }
    }

    /// Gives the object a value, and drops the one it had.
    ///
    /// # Safety
    ///
    /// `object` is live, no other thread uses it, and no borrow of the earlier value is left.
    pub(crate) unsafe fn set(&self, object: *mut C, value: Box<T>) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        unsafe { self.0.get()?.set(object, Some(value)) }.map(drop)
    }
}

/// SSL_dup would copy the pointer, and both objects would free it: the copy starts without a value.
pub(crate) unsafe extern "C" fn forget_on_dup(
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

/// A value whose clone runs no code of the user's, and cannot panic.
pub(crate) trait SharedValue: Clone + 'static {}

impl<T: ?Sized + 'static> SharedValue for std::sync::Arc<T> {}
impl<T: SharedValue> SharedValue for Option<T> {}

unsafe extern "C" fn share_on_dup<T: SharedValue>(
    _to: *mut sys::CRYPTO_EX_DATA,
    _from: *const sys::CRYPTO_EX_DATA,
    data: *mut *mut c_void,
    _index: c_int,
    _argl: c_long,
    _argp: *mut c_void,
) -> c_int {
    // SAFETY: C passes the place of the pointer that it will store in the copy. It holds what the object has: NULL, or its
    // `T`, which nobody replaces while the object is copied.
    unsafe {
        let copy = (*data).cast::<T>().as_ref().map(|value| Box::new(value.clone()));
        *data = copy.map_or(ptr::null_mut(), |copy| Box::into_raw(copy).cast());
    }
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
    if data.is_null() {
        return;
    }
    // SAFETY: this index holds what `set` made with `Box::into_raw`, and the object dies now.
    let value: Box<dyn Any> = unsafe { Box::from_raw(data.cast::<T>()) };
    // The value may own closures of the user's, and this is a C frame, perhaps one in the middle of a handshake.
    let errno = errno::get();
    let earlier = (!error::is_empty()).then(ErrorStack::drain);
    panics::drop_contained(value);
    error::clear();
    if let Some(earlier) = earlier {
        earlier.restore();
    }
    errno::set(errno);
}
