//! The numbers of a server's sessions, and which of them can be resumed at all.

use std::ffi::{c_int, c_uchar, c_uint};
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use super::callbacks::{Callbacks, run};
use crate::error::{self, Error};
use crate::ffi::bytes;
use crate::ssl::SslRef;

pub(crate) type Generate = Arc<dyn Fn(&SslRef, &mut [u8]) -> Option<usize> + Send + Sync>;
pub(crate) type Forbid = Arc<dyn Fn(&SslRef, bool) -> bool + Send + Sync>;

impl SslContextBuilderRef {
    /// Lets `callback` choose the numbers of a server's sessions, such as ones that tell a balancer which machine has them.
    /// It writes to the array, and answers how many bytes the number has, at least one; with `None`, more bytes than there
    /// are, or a number that another session has, the handshake ends. libssl fills the array with random bytes where it
    /// chooses; here it has zeros. Nobody must be able to guess a number.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot.
    ///
    /// C: [`SSL_CTX_set_generate_session_id(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_generate_session_id/)
    #[doc(alias = "SSL_CTX_set_generate_session_id")]
    pub fn set_generate_session_id<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &mut [u8]) -> Option<usize> + Send + Sync + 'static,
    {
        const CALL: &str = "SSL_CTX_set_generate_session_id";
        self.update_callbacks(|callbacks| callbacks.generate_session_id = Some(Arc::new(callback)))?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        match unsafe { ext::SSL_CTX_set_generate_session_id(self.as_ptr(), Some(generate)) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Asks `callback` of each session that a server makes whether it is **not** to be resumed. It is told whether the
    /// connection's secrets stay secret when the server's key is known later. Then there is neither a ticket nor an entry in
    /// the cache. If it panics, there is not either.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_set_not_resumable_session_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_cache_mode/)
    #[doc(alias = "SSL_CTX_set_not_resumable_session_callback")]
    pub fn set_not_resumable_session_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, bool) -> bool + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.not_resumable = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { ext::SSL_CTX_set_not_resumable_session_callback(self.as_ptr(), Some(forbid)) };
        Ok(())
    }
}

unsafe extern "C" fn generate(ssl: *mut sys::SSL, id: *mut c_uchar, len: *mut c_uint) -> c_int {
    // SAFETY: the object is live for the callback.
    let closure =
        unsafe { Callbacks::of_first(ssl) }.and_then(|callbacks| callbacks.generate_session_id.clone());
    // SAFETY: C's own arguments.
    unsafe { generate_with(closure, ssl, id, len) }
}

/// Asks the closure, and answers C.
///
/// # Safety
///
/// C calls the generator of `ssl`, which is live, with these arguments.
pub(crate) unsafe fn generate_with(
    closure: Option<Generate>,
    ssl: *mut sys::SSL,
    id: *mut c_uchar,
    len: *mut c_uint,
) -> c_int {
    let Some(closure) = closure else { return 0 };
    // SAFETY: C tells how many bytes it has room for, which are zeros; the object is live for the callback.
    let (view, room) = unsafe { (SslRef::from_ptr(ssl), bytes::lend_mut(id, *len as usize)) };
    let Some(Some(used @ 1..)) = run(|| closure(view, room)) else { return 0 };
    match c_uint::try_from(used) {
        Ok(used) if used as usize <= room.len() => {
            // SAFETY: C's own out-pointer.
            unsafe { *len = used };
            1
        }
        _ => 0,
    }
}

unsafe extern "C" fn forbid(ssl: *mut sys::SSL, forward_secure: c_int) -> c_int {
    // SAFETY: the object is live for the callback.
    let closure = unsafe { Callbacks::of_first(ssl) }.and_then(|callbacks| callbacks.not_resumable.clone());
    // SAFETY: C's own arguments.
    unsafe { forbid_with(closure, ssl, forward_secure) }
}

/// Asks the closure, and answers C.
///
/// # Safety
///
/// C calls the callback of `ssl`, which is live, with these arguments.
pub(crate) unsafe fn forbid_with(
    closure: Option<Forbid>,
    ssl: *mut sys::SSL,
    forward_secure: c_int,
) -> c_int {
    let Some(closure) = closure else { return 1 };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    c_int::from(run(|| closure(view, forward_secure != 0)).unwrap_or(true))
}
