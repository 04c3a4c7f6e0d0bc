//! The stores of an object: what its peer is verified with, and what its own chain is completed from.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::{self, Error};
use crate::x509::{X509Store, X509StoreRef};

impl SslRef {
    /// The store that the peer is verified with, where that is not the context's.
    ///
    /// C: [`SSL_get0_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_get0_verify_cert_store")]
    pub fn verify_cert_store(&self) -> Option<X509Store> {
        let mut store = std::ptr::null_mut();
        // SAFETY: the object is live, and the out-pointer is a local of the type C writes.
        unsafe { ext::SSL_get0_verify_cert_store(self.as_ptr(), &raw mut store) };
        // SAFETY: get0: NULL, or a store that the object holds and nothing here changes.
        unsafe { share(store) }
    }

    /// Verifies the peer with this store, whatever the context has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL fails.
    ///
    /// C: [`SSL_set1_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_set1_verify_cert_store")]
    pub fn set_verify_cert_store(&mut self, store: &X509StoreRef) -> Result<(), Error> {
        error::clear();
        self.judge_apart()?;
        // SAFETY: the object is live and borrowed for writing; it takes a reference of its own (set1).
        let done = unsafe { ext::SSL_set1_verify_cert_store(self.as_ptr(), store.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_set1_verify_cert_store")) }
    }

    /// As [`set_verify_cert_store`](Self::set_verify_cert_store) with the caller's own reference; `None` takes the store
    /// away, so that the context's counts.
    ///
    /// # Errors
    ///
    /// As [`set_verify_cert_store`](Self::set_verify_cert_store).
    ///
    /// C: [`SSL_set0_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_set0_verify_cert_store")]
    pub fn put_verify_cert_store(&mut self, store: Option<X509Store>) -> Result<(), Error> {
        self.judge_apart()?;
        let pointer = store.as_ref().map_or(std::ptr::null_mut(), |store| store.as_ptr());
        error::clear();
        // SAFETY: the object is live and borrowed for writing; it takes the reference over once the call succeeds (set0).
        if unsafe { ext::SSL_set0_verify_cert_store(self.as_ptr(), pointer) } != 1 {
            return Err(Error::from_queue("SSL_set0_verify_cert_store"));
        }
        std::mem::forget(store);
        Ok(())
    }

    /// The store that the object's own chain is completed from, where that is not the context's.
    ///
    /// C: [`SSL_get0_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_get0_chain_cert_store")]
    pub fn chain_cert_store(&self) -> Option<X509Store> {
        let mut store = std::ptr::null_mut();
        // SAFETY: the object is live, and the out-pointer is a local of the type C writes.
        unsafe { ext::SSL_get0_chain_cert_store(self.as_ptr(), &raw mut store) };
        // SAFETY: get0: NULL, or a store that the object holds and nothing here changes.
        unsafe { share(store) }
    }

    /// Completes the object's own chain from this store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL fails.
    ///
    /// C: [`SSL_set1_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_set1_chain_cert_store")]
    pub fn set_chain_cert_store(&mut self, store: &X509StoreRef) -> Result<(), Error> {
        error::clear();
        // SAFETY: the object is live and borrowed for writing; it takes a reference of its own (set1).
        let done = unsafe { ext::SSL_set1_chain_cert_store(self.as_ptr(), store.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_set1_chain_cert_store")) }
    }

    /// As [`set_chain_cert_store`](Self::set_chain_cert_store) with the caller's own reference; `None` takes the store
    /// away, so that the context's counts.
    ///
    /// # Errors
    ///
    /// As [`set_chain_cert_store`](Self::set_chain_cert_store).
    ///
    /// C: [`SSL_set0_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_set0_chain_cert_store")]
    pub fn put_chain_cert_store(&mut self, store: Option<X509Store>) -> Result<(), Error> {
        let pointer = store.as_ref().map_or(std::ptr::null_mut(), |store| store.as_ptr());
        error::clear();
        // SAFETY: the object is live and borrowed for writing; it takes the reference over once the call succeeds (set0).
        if unsafe { ext::SSL_set0_chain_cert_store(self.as_ptr(), pointer) } != 1 {
            return Err(Error::from_queue("SSL_set0_chain_cert_store"));
        }
        std::mem::forget(store);
        Ok(())
    }
}

/// # Safety
///
/// `store` is NULL, or live and not changed any more.
unsafe fn share(store: *mut sys::X509_STORE) -> Option<X509Store> {
    // SAFETY: not NULL, and by this function's contract.
    (!store.is_null()).then(|| unsafe { X509StoreRef::from_ptr(store) }.to_owned())
}
