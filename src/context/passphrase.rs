//! The passphrase callback: what opens encrypted keys that C reads.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::Error;
use crate::ffi::bytes;

pub(crate) type Ask = Arc<dyn Fn() -> Option<Vec<u8>> + Send + Sync>;

/// As C declares a passphrase callback.
type AskFn = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

impl ContextSettings {
    /// Whether a passphrase callback is set, of this crate's or of C's. This crate sets one that knows no passphrase before
    /// it lets C read a file, for C would ask at the terminal.
    ///
    /// C: [`SSL_CTX_get_default_passwd_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_CTX_get_default_passwd_cb")]
    pub fn has_default_passwd_cb(&self) -> bool {
        self.default_passwd_cb().is_some()
    }

    /// What the passphrase callback is called with: for this crate's the context itself, else what C set.
    ///
    /// C: [`SSL_CTX_get_default_passwd_cb_userdata(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_CTX_get_default_passwd_cb_userdata")]
    pub fn default_passwd_cb_userdata(&self) -> *mut c_void {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_default_passwd_cb_userdata(self.as_ptr()) }
    }

    fn default_passwd_cb(&self) -> Option<AskFn> {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_default_passwd_cb(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Lets `callback` say the passphrase of keys that are read from files from now on; `None` refuses. An answer longer
    /// than C has room for (some 1,000 bytes) refuses too. If it panics, the panic goes on in the call that reads.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_default_passwd_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_CTX_set_default_passwd_cb")]
    #[doc(alias = "SSL_CTX_set_default_passwd_cb_userdata")]
    pub fn set_default_passwd_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn() -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.passphrase = Some(Arc::new(callback)))?;
        self.register_passphrase();
        Ok(())
    }

    /// Before C reads a file: without a callback it would ask at the terminal.
    pub(crate) fn answer_for_passphrase(&mut self) -> Result<(), Error> {
        if self.default_passwd_cb().is_none() {
            self.register_passphrase();
        }
        Ok(())
    }

    fn register_passphrase(&mut self) {
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe {
            ext::SSL_CTX_set_default_passwd_cb(self.as_ptr(), Some(answer));
            ext::SSL_CTX_set_default_passwd_cb_userdata(self.as_ptr(), self.argument());
        }
    }
}

/// SSL_new copies it with its argument to the object, which holds the context that it was made from.
unsafe extern "C" fn answer(
    buffer: *mut c_char,
    size: c_int,
    _writing: c_int,
    context: *mut c_void,
) -> c_int {
    // SAFETY: the argument that was registered.
    let ask = unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.passphrase.clone());
    // SAFETY: C's own arguments.
    unsafe { answer_with(ask, buffer, size) }
}

/// Copies the passphrase that the closure says into C's buffer, and answers its length, or -1.
///
/// # Safety
///
/// C lends `size` writable bytes at `buffer`.
pub(crate) unsafe fn answer_with(ask: Option<Ask>, buffer: *mut c_char, size: c_int) -> c_int {
    let Some(mut passphrase) = ask.and_then(|ask| run(|| ask()).flatten()) else { return -1 };
    // SAFETY: by this function's contract; C reads nothing beyond what is answered.
    let buffer = unsafe { bytes::lend_mut(buffer.cast::<u8>(), usize::try_from(size).unwrap_or_default()) };
    let len = match buffer.get_mut(..passphrase.len()) {
        Some(place) => {
            place.copy_from_slice(&passphrase);
            c_int::try_from(passphrase.len()).unwrap_or(-1)
        }
        None => -1,
    };
    // SAFETY: the bytes are ours and writable. The compiler does not leave this out.
    unsafe { ext::OPENSSL_cleanse(passphrase.as_mut_ptr().cast(), passphrase.len()) };
    len
}
