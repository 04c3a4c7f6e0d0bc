//! The message callback, and OpenSSL's own trace of the messages in words.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ProtocolVersion, SslContextBuilderRef};
use crate::error::Error;
use crate::ffi::{bytes, compat};
use crate::ssl::SslRef;
use crate::x509::mem::MemBio;

pub(super) type Observe = Arc<dyn Fn(&SslRef, &Message<'_>) + Send + Sync>;
pub(super) type Trace = Arc<dyn Fn(&SslRef, &str) + Send + Sync>;

/// A protocol message or record header that was read or written, as C tells it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whether this side wrote it.
    pub written: bool,
    /// The version of the connection, or 0 where it is not known yet or means nothing.
    pub version: ProtocolVersion,
    /// The record's content type, or one of OpenSSL's own numbers from 256 on, such as `SSL3_RT_HEADER`.
    pub content_type: c_int,
    /// The bytes, decrypted.
    pub data: &'a [u8],
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("written", &self.written)
            .field("version", &self.version)
            .field("content_type", &self.content_type)
            .field("len", &self.data.len())
            .finish()
    }
}

impl SslContextBuilderRef {
    /// Shows `callback` each protocol message. If it panics, the connection is dead, and the panic goes on in the
    /// call that caused it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_msg_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_msg_callback/)
    #[doc(alias = "SSL_CTX_set_msg_callback")]
    #[doc(alias = "SSL_CTX_set_msg_callback_arg")]
    pub fn set_msg_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &Message<'_>) + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.message = Some(Arc::new(callback)))?;
        self.watch_messages();
        Ok(())
    }

    /// Hands OpenSSL's description of each protocol message to `callback`: some lines of text at a time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) on an OpenSSL built without `enable-ssl-trace`.
    ///
    /// C: [`SSL_trace(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_msg_callback/)
    #[doc(alias = "SSL_trace")]
    pub fn set_trace<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &str) + Send + Sync + 'static,
    {
        if !compat::context::HAS_TRACE {
            return Err(Error::unsupported("SSL_trace", "an OpenSSL built with enable-ssl-trace"));
        }
        self.update_callbacks(|callbacks| callbacks.trace = Some(Arc::new(callback)))?;
        self.watch_messages();
        Ok(())
    }

    fn watch_messages(&mut self) {
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closures by the object and
        // needs no argument.
        unsafe {
            ext::SSL_CTX_set_msg_callback(self.as_ptr(), Some(observe));
            ext::SSL_CTX_set_msg_callback_arg(self.as_ptr(), std::ptr::null_mut());
        }
    }
}

/// SSL_new copied the trampoline to the object, so its closures are those of the context it was made from.
unsafe extern "C" fn observe(
    written: c_int,
    version: c_int,
    content_type: c_int,
    data: *const c_void,
    len: usize,
    ssl: *mut sys::SSL,
    _argument: *mut c_void,
) {
    if ssl.is_null() {
        return;
    }
    // SAFETY: the object is live for the callback.
    let Some(callbacks) = (unsafe { Callbacks::of_first(ssl) }) else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    if let Some(closure) = &callbacks.message {
        // SAFETY: C lends the message until this function returns.
        let data = unsafe { bytes::lend(data.cast(), len) }.unwrap_or_default();
        let message =
            Message { written: written != 0, version: ProtocolVersion(version), content_type, data };
        run(|| closure(view, &message));
    }
    if let Some(closure) = &callbacks.trace {
        run(|| {
            let Ok(bio) = MemBio::writing() else { return };
            // SAFETY: C's own arguments, and a live BIO.
            unsafe { compat::context::trace(written, version, content_type, data, len, ssl, bio.as_ptr()) };
            closure(view, &bio.into_text());
        });
    }
}
