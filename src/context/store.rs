//! The stores of a context: what it verifies peers with, and what it completes its own chain from.
//!
//! A store may have many holders: other contexts, objects, [`X509Store`]s in other threads. No setter of a context changes
//! one that has. How that is known:
//!
//! - A store that [`X509StoreBuilder`] built says so itself, in its ex_data, from its birth on: whoever holds it, and
//!   however it came there, it is copied before it is changed.
//! - A store that C made (`X509Store::from_ptr`), and one that a builder handed out, say nothing. The context remembers, in
//!   its own ex_data, that its store is such a one.
//! - All others are the context's own: SSL_CTX_new made them, or a copy was made for it. C code that shares a store
//!   between contexts does so under C's rules, and answers for it where it lends a context
//!   ([`SslContextBuilderRef::from_ptr_mut`]).

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{Callbacks, SslContextBuilderRef, SslContextRef};
use crate::error::{self, Error};
use crate::library::LibContext;
use crate::x509::{Lookup, Record, X509Store, X509StoreBuilder, X509StoreRef};

type Get0 = unsafe fn(*mut sys::SSL_CTX, *mut *mut sys::X509_STORE) -> std::ffi::c_int;

impl SslContextRef {
    /// The store that peers are verified with, where there is no [`verify_cert_store`](Self::verify_cert_store).
    ///
    /// C: [`SSL_CTX_get_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_store/)
    #[doc(alias = "SSL_CTX_get_cert_store")]
    pub fn cert_store(&self) -> Option<X509Store> {
        // SAFETY: the context is live and frozen, and so is its store; get0.
        unsafe { share(sys::SSL_CTX_get_cert_store(self.as_ptr())) }
    }

    /// The store that goes before [`cert_store`](Self::cert_store) for verifying peers.
    ///
    /// C: [`SSL_CTX_get0_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_get0_verify_cert_store")]
    pub fn verify_cert_store(&self) -> Option<X509Store> {
        // SAFETY: the context is live and frozen, and so is its store.
        unsafe { get(self.as_ptr(), ext::SSL_CTX_get0_verify_cert_store) }
    }

    /// The store that the context's own chain is completed from, where that is not [`cert_store`](Self::cert_store).
    ///
    /// C: [`SSL_CTX_get0_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_get0_chain_cert_store")]
    pub fn chain_cert_store(&self) -> Option<X509Store> {
        // SAFETY: the context is live and frozen, and so is its store.
        unsafe { get(self.as_ptr(), ext::SSL_CTX_get0_chain_cert_store) }
    }
}

impl SslContextBuilderRef {
    /// The store that peers are verified with, where there is no [`verify_cert_store`](Self::verify_cert_store). What is
    /// trusted later is not in it: the context then goes on with a copy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_get_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_store/)
    #[doc(alias = "SSL_CTX_get_cert_store")]
    pub fn cert_store(&mut self) -> Result<Option<X509Store>, Error> {
        // From here on it has another holder.
        self.update_callbacks(|callbacks| callbacks.shared_store = true)?;
        // SAFETY: the context is live; the store is not changed any more, as just noted; get0.
        Ok(unsafe { share(sys::SSL_CTX_get_cert_store(self.as_ptr())) })
    }

    /// Verifies peers with this store, and with nothing that was trusted before. The store is shared: what is
    /// [trusted](Self::trust) later goes into a copy, and whoever else holds the store sees nothing of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set1_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_store/)
    #[doc(alias = "SSL_CTX_set1_cert_store")]
    #[doc(alias = "SSL_CTX_set_cert_store")]
    pub fn set_cert_store(&mut self, store: &X509StoreRef) -> Result<(), Error> {
        // SAFETY: the store is live, and settled or lent by the caller.
        let settled = unsafe { Record::of(store.as_ptr()) }.is_some_and(|record| record.settled);
        // A settled store says itself that it is shared.
        self.note_shared(!settled)?;
        // SAFETY: the context is live and borrowed for writing; it takes a reference of its own (set1).
        unsafe { ext::SSL_CTX_set1_cert_store(self.as_ptr(), store.as_ptr()) };
        Ok(())
    }

    /// The store that goes before [`cert_store`](Self::cert_store) for verifying peers. No setter of a context changes it.
    ///
    /// C: [`SSL_CTX_get0_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_get0_verify_cert_store")]
    pub fn verify_cert_store(&mut self) -> Option<X509Store> {
        // SAFETY: the context is live, and nothing here changes this store.
        unsafe { get(self.as_ptr(), ext::SSL_CTX_get0_verify_cert_store) }
    }

    /// Verifies peers with this store, whatever [`cert_store`](Self::cert_store) is and what is
    /// [trusted](Self::trust) besides.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL fails.
    ///
    /// C: [`SSL_CTX_set1_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_set1_verify_cert_store")]
    pub fn set_verify_cert_store(&mut self, store: &X509StoreRef) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; it takes a reference of its own (set1).
        let done = unsafe { ext::SSL_CTX_set1_verify_cert_store(self.as_ptr(), store.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set1_verify_cert_store")) }
    }

    /// As [`set_verify_cert_store`](Self::set_verify_cert_store) with the caller's own reference; `None` takes the store
    /// away, so that [`cert_store`](Self::cert_store) counts.
    ///
    /// # Errors
    ///
    /// As [`set_verify_cert_store`](Self::set_verify_cert_store).
    ///
    /// C: [`SSL_CTX_set0_verify_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_set0_verify_cert_store")]
    pub fn put_verify_cert_store(&mut self, store: Option<X509Store>) -> Result<(), Error> {
        let pointer = store.as_ref().map_or(std::ptr::null_mut(), |store| store.as_ptr());
        error::clear();
        // SAFETY: the context is live and borrowed for writing; it takes the reference over once the call succeeds (set0).
        if unsafe { ext::SSL_CTX_set0_verify_cert_store(self.as_ptr(), pointer) } != 1 {
            return Err(Error::from_queue("SSL_CTX_set0_verify_cert_store"));
        }
        std::mem::forget(store);
        Ok(())
    }

    /// The store that the context's own chain is completed from, where that is not [`cert_store`](Self::cert_store). No
    /// setter of a context changes it.
    ///
    /// C: [`SSL_CTX_get0_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_get0_chain_cert_store")]
    pub fn chain_cert_store(&mut self) -> Option<X509Store> {
        // SAFETY: the context is live, and nothing here changes this store.
        unsafe { get(self.as_ptr(), ext::SSL_CTX_get0_chain_cert_store) }
    }

    /// Completes the context's own chain from this store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL fails.
    ///
    /// C: [`SSL_CTX_set1_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_set1_chain_cert_store")]
    pub fn set_chain_cert_store(&mut self, store: &X509StoreRef) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; it takes a reference of its own (set1).
        let done = unsafe { ext::SSL_CTX_set1_chain_cert_store(self.as_ptr(), store.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set1_chain_cert_store")) }
    }

    /// As [`set_chain_cert_store`](Self::set_chain_cert_store) with the caller's own reference; `None` takes the store
    /// away, so that [`cert_store`](Self::cert_store) counts.
    ///
    /// # Errors
    ///
    /// As [`set_chain_cert_store`](Self::set_chain_cert_store).
    ///
    /// C: [`SSL_CTX_set0_chain_cert_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_verify_cert_store/)
    #[doc(alias = "SSL_CTX_set0_chain_cert_store")]
    pub fn put_chain_cert_store(&mut self, store: Option<X509Store>) -> Result<(), Error> {
        let pointer = store.as_ref().map_or(std::ptr::null_mut(), |store| store.as_ptr());
        error::clear();
        // SAFETY: the context is live and borrowed for writing; it takes the reference over once the call succeeds (set0).
        if unsafe { ext::SSL_CTX_set0_chain_cert_store(self.as_ptr(), pointer) } != 1 {
            return Err(Error::from_queue("SSL_CTX_set0_chain_cert_store"));
        }
        std::mem::forget(store);
        Ok(())
    }

    /// Follows what becomes of the store of a context that SSL_CTX_new made just now, so that it can be copied.
    pub(super) fn follow_store(&mut self, lib: LibContext) -> Result<(), Error> {
        // SAFETY: the context is live and new, so nobody else holds its store; get0.
        unsafe {
            let store = sys::SSL_CTX_get_cert_store(self.as_ptr());
            if store.is_null() { Ok(()) } else { Record { lib, ..Record::default() }.note(store) }
        }
    }

    /// Makes sure that the context has a store, and that nobody else has it.
    pub(super) fn own_store(&mut self) -> Result<(), Error> {
        // SAFETY: the context is live and borrowed for writing; get0.
        let store = unsafe { sys::SSL_CTX_get_cert_store(self.as_ptr()) };
        let copy = if store.is_null() {
            X509StoreBuilder::new()?
        } else if self.store_is_shared(store) {
            // SAFETY: the store is live, and nobody changes what is shared.
            unsafe { X509StoreRef::from_ptr(store) }.to_builder()?
        } else {
            return Ok(());
        };
        let copy = copy.into_open()?;
        self.note_shared(false)?;
        // SAFETY: the context is live and borrowed for writing. It takes the reference over (set0), and lets its reference
        // to the other store go.
        unsafe { sys::SSL_CTX_set_cert_store(self.as_ptr(), copy.into_ptr()) };
        Ok(())
    }

    /// Changes the context's store, which nobody else has then.
    pub(super) fn change_store(
        &mut self,
        change: impl FnOnce(&mut X509StoreBuilder) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.own_store()?;
        // SAFETY: the context is live and borrowed for writing, and its store, which is not NULL, has no other holder.
        unsafe { X509StoreBuilder::reopen(sys::SSL_CTX_get_cert_store(self.as_ptr()), change) }
    }

    /// Remembers a lookup that C added to the context's store.
    pub(super) fn note_lookup(&mut self, lookup: Lookup) -> Result<(), Error> {
        // SAFETY: as in `change_store`.
        unsafe {
            X509StoreBuilder::reopen(sys::SSL_CTX_get_cert_store(self.as_ptr()), |store| {
                store.note_lookup(lookup);
                Ok(())
            })
        }
    }

    /// Verifies peers with the store of the system's roots that the process shares.
    pub(super) fn share_system_store(&mut self) -> Result<(), Error> {
        // SAFETY: the context is live and borrowed for writing; get0.
        let store = unsafe { sys::SSL_CTX_get_cert_store(self.as_ptr()) };
        // SAFETY: the store is NULL or live, and the context's own since it was made.
        let lib = (!store.is_null()).then(|| unsafe { Record::of(store) }).flatten().map(|record| record.lib);
        let system = X509Store::system_in(lib.unwrap_or_default())?;
        self.set_cert_store(&system)
    }

    fn store_is_shared(&self, store: *const sys::X509_STORE) -> bool {
        // SAFETY: the store is live; its record is settled, or this context's own.
        unsafe { Record::of(store) }.is_some_and(|record| record.settled) || self.has_shared_store()
    }

    fn has_shared_store(&self) -> bool {
        // SAFETY: the context is live, and nobody changes it during the call.
        unsafe { Callbacks::of_context(self.as_ptr()) }.is_some_and(|callbacks| callbacks.shared_store)
    }

    fn note_shared(&mut self, shared: bool) -> Result<(), Error> {
        if self.has_shared_store() == shared {
            return Ok(());
        }
        self.update_callbacks(|callbacks| callbacks.shared_store = shared)
    }
}

/// # Safety
///
/// `store` is NULL, or live and not changed any more.
unsafe fn share(store: *mut sys::X509_STORE) -> Option<X509Store> {
    // SAFETY: not NULL, and by this function's contract.
    (!store.is_null()).then(|| unsafe { X509StoreRef::from_ptr(store) }.to_owned())
}

/// # Safety
///
/// `context` is live, and the store that `get0` gives is not changed any more.
unsafe fn get(context: *mut sys::SSL_CTX, get0: Get0) -> Option<X509Store> {
    let mut store = std::ptr::null_mut();
    // SAFETY: the context is live, and the out-pointer is a local of the type C writes.
    unsafe { get0(context, &raw mut store) };
    // SAFETY: by this function's contract.
    unsafe { share(store) }
}
