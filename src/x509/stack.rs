//! `STACK_OF(…)`, for the calls that take or give one.

use std::marker::PhantomData;
use std::ptr;

use foreign_types::ForeignType;
use openssl_sys as sys;

use crate::error::Error;

/// A stack that borrows its entries: it is freed, and they are not. Without entries it is NULL: libssl takes an empty
/// stack of certificates for a chain that is complete, and then does not look for one in the store.
pub(crate) struct Stack<'a, T> {
    stack: *mut sys::OPENSSL_STACK,
    entries: PhantomData<&'a [T]>,
}

impl<'a, T: ForeignType> Stack<'a, T> {
    pub(crate) fn new(entries: &'a [T]) -> Result<Self, Error> {
        if entries.is_empty() {
            return Ok(Self { stack: ptr::null_mut(), entries: PhantomData });
        }
        // SAFETY: has no requirements.
        let stack = unsafe { sys::OPENSSL_sk_new_null() };
        if stack.is_null() {
            return Err(Error::from_queue("OPENSSL_sk_new_null"));
        }
        let stack = Self { stack, entries: PhantomData };
        for entry in entries {
            // SAFETY: the stack is live and keeps a pointer that outlives it (`'a`).
            if unsafe { sys::OPENSSL_sk_push(stack.stack, entry.as_ptr().cast()) } <= 0 {
                return Err(Error::from_queue("OPENSSL_sk_push"));
            }
        }
        Ok(stack)
    }

    /// The stack, or NULL without entries, for a call that takes its own references or copies (set1), or that needs it no
    /// longer than this object lives. `S` is the C type of the stack.
    pub(crate) fn as_ptr<S>(&self) -> *mut S {
        self.stack.cast()
    }
}

impl<T> Drop for Stack<'_, T> {
    fn drop(&mut self) {
        // SAFETY: the stack is ours or NULL, and freed once; the entries have owners of their own.
        unsafe { sys::OPENSSL_sk_free(self.stack) };
    }
}

/// The entries of a stack that C lends.
///
/// # Safety
///
/// `stack` is NULL, or a live stack of `T`s that nobody changes while the iterator lives.
pub(crate) unsafe fn entries<S, T>(stack: *const S) -> impl Iterator<Item = *mut T> {
    let stack = stack.cast::<sys::OPENSSL_STACK>();
    // SAFETY: live by this function's contract, and NULL has no entry.
    let count = if stack.is_null() { 0 } else { unsafe { sys::OPENSSL_sk_num(stack) } };
    (0..count)
        // SAFETY: as above; the index is below the length.
        .map(move |index| unsafe { sys::OPENSSL_sk_value(stack, index) }.cast::<T>())
        .filter(|entry| !entry.is_null())
}

/// What `own` makes of each entry of a stack that C lends: shares it, or copies it.
///
/// # Safety
///
/// `stack` is NULL, or a live stack of `T`'s C type that nobody changes during the call.
pub(crate) unsafe fn collect<S, T: ForeignType>(
    stack: *const S,
    own: impl Fn(*mut T::CType) -> Option<T>,
) -> Vec<T> {
    // SAFETY: by this function's contract.
    unsafe { entries::<S, T::CType>(stack) }.filter_map(own).collect()
}

/// A stack that owns its entries, for a call that takes both over (set0): forget it once the call has succeeded.
pub(crate) struct Owned<T: ForeignType>(*mut sys::OPENSSL_STACK, PhantomData<T>);

impl<T: ForeignType> Owned<T> {
    pub(crate) fn new(entries: Vec<T>) -> Result<Self, Error> {
        // SAFETY: has no requirements.
        let stack = unsafe { sys::OPENSSL_sk_new_null() };
        if stack.is_null() {
            return Err(Error::from_queue("OPENSSL_sk_new_null"));
        }
        let stack = Self(stack, PhantomData);
        for entry in entries {
            // SAFETY: the stack is live, and owns the entry once the call succeeds.
            if unsafe { sys::OPENSSL_sk_push(stack.0, entry.as_ptr().cast()) } <= 0 {
                return Err(Error::from_queue("OPENSSL_sk_push"));
            }
            std::mem::forget(entry);
        }
        Ok(stack)
    }

    /// The stack. `S` is its C type.
    pub(crate) fn as_ptr<S>(&self) -> *mut S {
        self.0.cast()
    }
}

impl<T: ForeignType> Drop for Owned<T> {
    fn drop(&mut self) {
        loop {
            // SAFETY: the stack is ours; an empty one gives NULL.
            let entry = unsafe { sys::OPENSSL_sk_pop(self.0) }.cast::<T::CType>();
            if entry.is_null() {
                break;
            }
            // SAFETY: an entry that the stack owned until just now.
            drop(unsafe { T::from_ptr(entry) });
        }
        // SAFETY: ours, and freed once.
        unsafe { sys::OPENSSL_sk_free(self.0) };
    }
}
