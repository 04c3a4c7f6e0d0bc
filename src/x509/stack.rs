//! `STACK_OF(X509)`, for the calls that take one.

use std::marker::PhantomData;
use std::ptr;

use openssl_sys as sys;

use super::X509;
use crate::error::Error;

/// A stack that borrows its certificates: it is freed, and they are not. Without certificates it is NULL: libssl takes
/// an empty stack for a chain that is complete, and then does not look for one in the store of trusted certificates.
pub(crate) struct X509Stack<'a> {
    stack: *mut sys::OPENSSL_STACK,
    certificates: PhantomData<&'a [X509]>,
}

impl<'a> X509Stack<'a> {
    pub(crate) fn new(certificates: &'a [X509]) -> Result<Self, Error> {
        if certificates.is_empty() {
            return Ok(Self { stack: ptr::null_mut(), certificates: PhantomData });
        }
        // SAFETY: has no requirements.
        let stack = unsafe { sys::OPENSSL_sk_new_null() };
        if stack.is_null() {
            return Err(Error::from_queue("OPENSSL_sk_new_null"));
        }
        let stack = Self { stack, certificates: PhantomData };
        for certificate in certificates {
            // SAFETY: the stack is live and keeps a pointer that outlives it (`'a`).
            if unsafe { sys::OPENSSL_sk_push(stack.stack, certificate.as_ptr().cast()) } <= 0 {
                return Err(Error::from_queue("OPENSSL_sk_push"));
            }
        }
        Ok(stack)
    }

    /// The stack, or NULL without certificates, for a call that takes its own references (set1).
    pub(crate) fn as_ptr(&self) -> *mut sys::stack_st_X509 {
        self.stack.cast()
    }
}

impl Drop for X509Stack<'_> {
    fn drop(&mut self) {
        // SAFETY: the stack is ours or NULL, and freed once; the certificates have owners of their own.
        unsafe { sys::OPENSSL_sk_free(self.stack) };
    }
}
