//! The key log, with which a packet capture can be decrypted.

use std::ffi::c_char;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, PoisonError};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{Error, ErrorKind};
use crate::ffi::rights::has_more_rights_than_its_user;
use crate::ffi::strings;
use crate::ssl::SslRef;

pub(super) type Log = Arc<dyn Fn(&SslRef, &str) + Send + Sync>;

impl ContextSettings {
    /// Whether the connections' secrets are logged.
    ///
    /// C: [`SSL_CTX_get_keylog_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_keylog_callback/)
    #[doc(alias = "SSL_CTX_get_keylog_callback")]
    pub fn has_keylog_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_keylog_callback(self.as_ptr()) }.is_some()
    }
}

impl SslContextBuilderRef {
    /// Hands each secret of each connection to `callback`, as a line of the `NSS Key Log Format` without its line
    /// end. Whoever reads the lines can read the connections.
    ///
    /// If it panics, the panic goes on in the call that shook hands, and the connection is dead.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_keylog_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_keylog_callback/)
    #[doc(alias = "SSL_CTX_set_keylog_callback")]
    pub fn set_keylog_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &str) + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.keylog = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { sys::SSL_CTX_set_keylog_callback(self.as_ptr(), Some(log)) };
        Ok(())
    }

    /// Appends the secrets to the file that the environment variable `SSLKEYLOGFILE` names, and says whether there is
    /// one. The variable is only read here, by the caller's choice, and not in a program with more rights than
    /// its user. A new file is for its owner only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the file cannot be opened. A line that later cannot be written is lost.
    pub fn set_keylog_file_from_env(&mut self) -> Result<bool, Error> {
        let path = std::env::var_os("SSLKEYLOGFILE").filter(|path| !path.is_empty());
        let Some(path) = path.filter(|_| !has_more_rights_than_its_user()) else { return Ok(false) };
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path).map_err(|error| {
            Error::new(ErrorKind::Io, "SSL_CTX_set_keylog_callback")
                .with_transport(Some(error))
                .with_detail(path.to_string_lossy())
        })?;
        let file = Mutex::new(file);
        self.set_keylog_callback(move |_, line| append(&file, line))?;
        Ok(true)
    }
}

/// One write a line, so that several processes can share a file.
fn append(file: &Mutex<File>, line: &str) {
    let line = [line, "\n"].concat();
    let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
}

/// libssl has the trampoline from the present context.
unsafe extern "C" fn log(ssl: *const sys::SSL, line: *const c_char) {
    // SAFETY: the object is live for the callback.
    let closure = unsafe { Callbacks::of_present(ssl) }.and_then(|callbacks| callbacks.keylog.clone());
    // SAFETY: C lends the line until this function returns.
    let line = unsafe { strings::lend(line) }.and_then(|line| line.to_str().ok());
    let (Some(closure), Some(line)) = (closure, line) else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let ssl = unsafe { SslRef::from_ptr(ssl.cast_mut()) };
    run(|| closure(ssl, line));
}
