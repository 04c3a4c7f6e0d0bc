//! Cipher lists (up to TLS 1.2) and cipher suites (TLS 1.3).

use std::ffi::CStr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ffi::strings;

impl ContextSettings {
    /// The names of the ciphers that connections of this context may use, the preferred one first.
    ///
    /// C: [`SSL_CTX_get_ciphers(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_CTX_get_ciphers")]
    pub fn ciphers(&self) -> Vec<&'static str> {
        // SAFETY: the context is live and lends the stack (get0), which is only read here.
        let stack = unsafe { ext::SSL_CTX_get_ciphers(self.as_ptr()) }.cast::<sys::OPENSSL_STACK>();
        // SAFETY: a live stack, or NULL, which has -1 entries.
        let count = unsafe { sys::OPENSSL_sk_num(stack) };
        (0..count)
            // SAFETY: within the stack; the ciphers and their names are constants of the library.
            .map(|i| unsafe {
                strings::constant(sys::SSL_CIPHER_get_name(sys::OPENSSL_sk_value(stack, i).cast()))
            })
            .collect()
    }
}

impl SslContextBuilderRef {
    /// Sets the ciphers for TLS 1.2 and before, in the format of openssl-ciphers(1), such as `ECDHE+AESGCM:!PSK`.
    /// What the library does not know is skipped.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if no cipher is left.
    ///
    /// C: [`SSL_CTX_set_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
    #[doc(alias = "SSL_CTX_set_cipher_list")]
    pub fn set_cipher_list(&mut self, list: &str) -> Result<(), Error> {
        self.set_list("SSL_CTX_set_cipher_list", list, |context, list| {
            // SAFETY: the context is live and borrowed for writing; the string outlives the call.
            unsafe { sys::SSL_CTX_set_cipher_list(context, list.as_ptr()) }.into()
        })
    }

    /// Sets the suites for TLS 1.3: names with colons between them. An empty list leaves none, so no TLS 1.3.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if no suite of the list is known.
    ///
    /// C: [`SSL_CTX_set_ciphersuites(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
    #[doc(alias = "SSL_CTX_set_ciphersuites")]
    pub fn set_ciphersuites(&mut self, suites: &str) -> Result<(), Error> {
        self.set_list("SSL_CTX_set_ciphersuites", suites, |context, suites| {
            // SAFETY: the context is live and borrowed for writing; the string outlives the call.
            unsafe { sys::SSL_CTX_set_ciphersuites(context, suites.as_ptr()) }.into()
        })
    }

    /// Makes a call that takes a list as a C string and answers 1 for success.
    fn set_list(
        &mut self,
        call: &'static str,
        list: &str,
        set: impl FnOnce(*mut sys::SSL_CTX, &CStr) -> std::ffi::c_long,
    ) -> Result<(), Error> {
        let list = strings::c_string(call, "the list", list)?;
        error::clear();
        if set(self.as_ptr(), &list) == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
    }
}
