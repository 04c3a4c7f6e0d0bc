//! Groups for key exchange, and signature algorithms.

use std::ffi::{CStr, c_int, c_long};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{compat, strings};

impl ContextSettings {
    /// The names of the groups that the library has for the versions that this context speaks; with `all`, each
    /// group also under its other names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.5.
    ///
    /// C: [`SSL_CTX_get0_implemented_groups(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_CTX_get0_implemented_groups")]
    pub fn implemented_groups(&self, all: bool) -> Result<Vec<String>, Error> {
        // SAFETY: the context is live.
        unsafe { compat::context::implemented_groups(self.as_ptr(), all) }
    }
}

impl SslContextBuilderRef {
    /// Sets the groups for key exchange by name, such as `X25519:P-256`, the preferred one first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a name that the library does not know, [`ErrorKind::InvalidInput`] for an empty list or
    /// a NUL byte.
    ///
    /// C: [`SSL_CTX_set1_groups_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_CTX_set1_groups_list")]
    #[doc(alias = "SSL_CTX_set1_curves_list")]
    pub fn set_groups_list(&mut self, list: &str) -> Result<(), Error> {
        self.set_names("SSL_CTX_set1_groups_list", list, |context, list| {
            // SAFETY: the context is live and borrowed for writing; the string outlives the call.
            unsafe { ext::SSL_CTX_set1_groups_list(context, list.as_ptr()) }.into()
        })
    }

    /// Sets the groups for key exchange by their NIDs, the preferred one first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a NID that is no group, [`ErrorKind::InvalidInput`] for an empty list.
    ///
    /// C: [`SSL_CTX_set1_groups(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_CTX_set1_groups")]
    #[doc(alias = "SSL_CTX_set1_curves")]
    pub fn set_groups(&mut self, nids: &[c_int]) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set1_groups";
        let len = length(CALL, nids)?;
        let len = c_int::try_from(len).map_err(|_| Error::new(ErrorKind::InvalidInput, CALL))?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies `len` numbers.
        let done = unsafe { ext::SSL_CTX_set1_groups(self.as_ptr(), nids.as_ptr(), len) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }

    /// Sets the signature algorithms that are supported by name, such as `ECDSA+SHA256:rsa_pss_rsae_sha256`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] for what the library does not know,
    /// [`ErrorKind::InvalidInput`] for an empty list or a NUL byte.
    ///
    /// C: [`SSL_CTX_set1_sigalgs_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_CTX_set1_sigalgs_list")]
    pub fn set_sigalgs_list(&mut self, list: &str) -> Result<(), Error> {
        self.set_names("SSL_CTX_set1_sigalgs_list", list, |context, list| {
            // SAFETY: the context is live and borrowed for writing; the string outlives the call.
            unsafe { ext::SSL_CTX_set1_sigalgs_list(context, list.as_ptr()) }.into()
        })?;
        self.update_callbacks(|callbacks| callbacks.noted.sigalgs = Some(list.into()))
    }

    /// As [`set_sigalgs_list`](Self::set_sigalgs_list), for the signatures of clients only.
    ///
    /// # Errors
    ///
    /// As [`set_sigalgs_list`](Self::set_sigalgs_list).
    ///
    /// C: [`SSL_CTX_set1_client_sigalgs_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_CTX_set1_client_sigalgs_list")]
    pub fn set_client_sigalgs_list(&mut self, list: &str) -> Result<(), Error> {
        self.set_names("SSL_CTX_set1_client_sigalgs_list", list, |context, list| {
            // SAFETY: the context is live and borrowed for writing; the string outlives the call.
            unsafe { ext::SSL_CTX_set1_client_sigalgs_list(context, list.as_ptr()) }
        })
    }

    /// Sets the signature algorithms that are supported as pairs of NIDs: the digest's and the key's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] for a pair that the library does not know,
    /// [`ErrorKind::InvalidInput`] for an empty list.
    ///
    /// C: [`SSL_CTX_set1_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_CTX_set1_sigalgs")]
    pub fn set_sigalgs(&mut self, pairs: &[(c_int, c_int)]) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set1_sigalgs";
        let flat: Vec<c_int> = pairs.iter().flat_map(|&(digest, key)| [digest, key]).collect();
        let len = length(CALL, &flat)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies `len` numbers.
        if unsafe { ext::SSL_CTX_set1_sigalgs(self.as_ptr(), flat.as_ptr(), len) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        self.update_callbacks(|callbacks| callbacks.noted.sigalgs = Some(format!("{flat:?}").into()))
    }

    /// As [`set_sigalgs`](Self::set_sigalgs), for the signatures of clients only.
    ///
    /// # Errors
    ///
    /// As [`set_sigalgs`](Self::set_sigalgs).
    ///
    /// C: [`SSL_CTX_set1_client_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_CTX_set1_client_sigalgs")]
    pub fn set_client_sigalgs(&mut self, pairs: &[(c_int, c_int)]) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set1_client_sigalgs";
        let flat: Vec<c_int> = pairs.iter().flat_map(|&(digest, key)| [digest, key]).collect();
        let len = length(CALL, &flat)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies `len` numbers.
        let done = unsafe { ext::SSL_CTX_set1_client_sigalgs(self.as_ptr(), flat.as_ptr(), len) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }

    /// Makes a call that takes a list of at least one name.
    fn set_names(
        &mut self,
        call: &'static str,
        list: &str,
        set: impl FnOnce(*mut sys::SSL_CTX, &CStr) -> c_long,
    ) -> Result<(), Error> {
        let list = strings::c_list(call, list)?;
        error::clear();
        if set(self.as_ptr(), &list) == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
    }
}

/// The length for C, which reads an empty list in ways of its own.
fn length(call: &'static str, list: &[c_int]) -> Result<c_long, Error> {
    match c_long::try_from(list.len()) {
        Ok(len @ 1..) => Ok(len),
        _ => Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the list is empty or too long")),
    }
}
