//! The info callback: each step of the state machine, and each alert.

use std::ffi::c_int;
use std::fmt;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{Alert, AlertLevel, Error};
use crate::ssl::SslRef;

pub(super) type Observe = Arc<dyn Fn(&SslRef, InfoEvent) + Send + Sync>;

/// What an info callback is told: C's two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InfoEvent {
    /// `SSL_CB_…` bits: what happened and where.
    pub place: c_int,
    /// The alert, or the call's return value.
    pub value: c_int,
}

impl InfoEvent {
    /// `SSL_CB_LOOP`
    #[doc(alias = "SSL_CB_LOOP")]
    pub const LOOP: c_int = 0x01;
    /// `SSL_CB_EXIT`
    #[doc(alias = "SSL_CB_EXIT")]
    pub const EXIT: c_int = 0x02;
    /// `SSL_CB_READ`
    #[doc(alias = "SSL_CB_READ")]
    pub const READ: c_int = 0x04;
    /// `SSL_CB_WRITE`
    #[doc(alias = "SSL_CB_WRITE")]
    pub const WRITE: c_int = 0x08;
    /// `SSL_CB_HANDSHAKE_START`
    #[doc(alias = "SSL_CB_HANDSHAKE_START")]
    pub const HANDSHAKE_START: c_int = 0x10;
    /// `SSL_CB_HANDSHAKE_DONE`
    #[doc(alias = "SSL_CB_HANDSHAKE_DONE")]
    pub const HANDSHAKE_DONE: c_int = 0x20;
    /// `SSL_ST_CONNECT`
    #[doc(alias = "SSL_ST_CONNECT")]
    pub const CONNECT: c_int = 0x1000;
    /// `SSL_ST_ACCEPT`
    #[doc(alias = "SSL_ST_ACCEPT")]
    pub const ACCEPT: c_int = 0x2000;
    /// `SSL_CB_ALERT`
    #[doc(alias = "SSL_CB_ALERT")]
    pub const ALERT: c_int = 0x4000;

    /// Whether all of `bits` are set in [`place`](Self::place).
    pub fn is(self, bits: c_int) -> bool {
        self.place & bits == bits
    }

    /// The alert that was read or written, if that is what happened.
    pub fn alert(self) -> Option<Alert> {
        self.is(Self::ALERT).then(|| Alert(self.value.to_le_bytes()[0]))
    }

    /// How grave that alert is.
    pub fn alert_level(self) -> Option<AlertLevel> {
        self.is(Self::ALERT).then(|| AlertLevel::of_value(self.value).0)
    }

    /// Whether that alert is a fatal one.
    pub fn is_fatal_alert(self) -> bool {
        self.is(Self::ALERT) && self.value >> 8 == 2
    }
}

impl fmt::Debug for InfoEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InfoEvent {{ place: {:#x}, value: {} }}", self.place, self.value)
    }
}

impl ContextSettings {
    /// Whether there is an info callback, of this crate's or of C's.
    ///
    /// C: [`SSL_CTX_get_info_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_info_callback/)
    #[doc(alias = "SSL_CTX_get_info_callback")]
    pub fn has_info_callback(&self) -> bool {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get_info_callback(self.as_ptr()) }.is_some()
    }
}

impl SslContextBuilderRef {
    /// Tells `callback` each step of the state machine and each alert. One that is set on the connection itself takes
    /// its place there. If it panics, the connection is dead, and the panic goes on in the call that caused it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_info_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_info_callback/)
    #[doc(alias = "SSL_CTX_set_info_callback")]
    pub fn set_info_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, InfoEvent) + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.info = Some(Arc::new(callback)))?;
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { ext::SSL_CTX_set_info_callback(self.as_ptr(), Some(observe)) };
        Ok(())
    }
}

/// libssl has the trampoline from the present context, or, on some versions, from the first one.
unsafe extern "C" fn observe(ssl: *const sys::SSL, place: c_int, value: c_int) {
    // SAFETY: the object is live for the callback.
    let present = unsafe { Callbacks::of_present(ssl) }.and_then(|callbacks| callbacks.info.clone());
    // SAFETY: as above.
    let first = || unsafe { Callbacks::of_first(ssl) }.and_then(|callbacks| callbacks.info.clone());
    let Some(closure) = present.or_else(first) else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let ssl = unsafe { SslRef::from_ptr(ssl.cast_mut()) };
    run(|| closure(ssl, InfoEvent { place, value }));
}
