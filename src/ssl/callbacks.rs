//! The callbacks that one SSL object has of its own.

use std::ffi::{c_int, c_uchar, c_void};
use std::fmt;
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use super::tickets;
use crate::context::{
    AllowEarlyData, AskPassphrase, ChooseCertificate, ForbidResumption, GenerateSessionId, InfoEvent,
    Message, ProtocolVersion, SecurityRule, run,
};
use crate::error::Error;
use crate::ffi::{bytes, compat};
use crate::x509::mem::MemBio;

type Info = Arc<dyn Fn(&SslRef, InfoEvent) + Send + Sync>;
type Watch = Arc<dyn Fn(&SslRef, &Message<'_>) + Send + Sync>;
type Trace = Arc<dyn Fn(&SslRef, &str) + Send + Sync>;
type Extensions = Arc<dyn Fn(&SslRef, &TlsExtension<'_>) + Send + Sync>;

/// As C declares a message callback.
type MessageFn = unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, usize, *mut sys::SSL, *mut c_void);

/// All callbacks of one object, in its state.
#[derive(Default)]
pub(crate) struct SslCallbacks {
    info: Option<Info>,
    message: Option<Watch>,
    trace: Option<Trace>,
    extensions: Option<Extensions>,
    pub(super) security: Option<SecurityRule>,
    pub(super) certificate: Option<ChooseCertificate>,
    pub(super) passphrase: Option<AskPassphrase>,
    pub(super) allow_early_data: Option<AllowEarlyData>,
    pub(super) generate_session_id: Option<GenerateSessionId>,
    pub(super) not_resumable: Option<ForbidResumption>,
    pub(super) session_secret: Option<tickets::Secret>,
    pub(super) ticket_extension: Option<tickets::TicketExtension>,
}

impl SslCallbacks {
    /// What decides about strengths, for this object alone.
    pub(crate) fn security_rule(&self) -> Option<&SecurityRule> {
        self.security.as_ref()
    }

    /// What chooses the object's own certificate.
    pub(crate) fn certificate_choice(&self) -> Option<&ChooseCertificate> {
        self.certificate.as_ref()
    }

    /// Those of the callbacks that SSL_dup takes along.
    pub(super) fn for_copy(&self) -> Self {
        Self {
            info: self.info.clone(),
            message: self.message.clone(),
            trace: self.trace.clone(),
            extensions: None,
            security: self.security.clone(),
            certificate: self.certificate.clone(),
            passphrase: self.passphrase.clone(),
            allow_early_data: None,
            generate_session_id: self.generate_session_id.clone(),
            not_resumable: None,
            session_secret: None,
            ticket_extension: None,
        }
    }
}

/// An extension that the peer sent, as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TlsExtension<'a> {
    /// Whether the server sent it.
    pub from_server: bool,
    /// The number in the protocol.
    pub extension_type: c_int,
    /// What is in it.
    pub data: &'a [u8],
}

impl fmt::Debug for TlsExtension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsExtension")
            .field("from_server", &self.from_server)
            .field("extension_type", &self.extension_type)
            .field("len", &self.data.len())
            .finish()
    }
}

/// What is observed here only watches. If it panics, the object is dead, and the panic goes on in the call that
/// caused it.
impl SslRef {
    /// Tells `callback` each step of the state machine and each alert, in place of the context's callback.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_info_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_info_callback/)
    #[doc(alias = "SSL_set_info_callback")]
    pub fn set_info_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, InfoEvent) + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.info.replace(Arc::new(callback)))?;
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        unsafe { ext::SSL_set_info_callback(self.as_ptr(), Some(info)) };
        Ok(())
    }

    /// Takes the object's own info callback away: the context's is asked again.
    ///
    /// # Errors
    ///
    /// As [`set_info_callback`](Self::set_info_callback).
    #[doc(alias = "SSL_set_info_callback")]
    pub fn clear_info_callback(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_info_callback(self.as_ptr(), None) };
        self.update(|callbacks| callbacks.info.take())
    }

    /// Whether the object has an info callback of its own, of this crate's or of C's.
    ///
    /// C: [`SSL_get_info_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_info_callback/)
    #[doc(alias = "SSL_get_info_callback")]
    pub fn has_info_callback(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_info_callback(self.as_ptr()) }.is_some()
    }

    /// Shows `callback` each protocol message. The callbacks for messages and traces that the context gave the object
    /// are no longer called.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_msg_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_msg_callback/)
    #[doc(alias = "SSL_set_msg_callback")]
    #[doc(alias = "SSL_set_msg_callback_arg")]
    pub fn set_msg_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &Message<'_>) + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.message.replace(Arc::new(callback)))?;
        self.watch_messages(Some(message));
        Ok(())
    }

    /// Hands OpenSSL's description of each protocol message to `callback`, some lines of text at a time; otherwise as
    /// [`set_msg_callback`](Self::set_msg_callback), beside which it can be.
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
        self.update(|callbacks| callbacks.trace.replace(Arc::new(callback)))?;
        self.watch_messages(Some(message));
        Ok(())
    }

    /// Takes all callbacks for messages and traces away, the context's too.
    ///
    /// # Errors
    ///
    /// As [`set_msg_callback`](Self::set_msg_callback).
    pub fn clear_msg_callback(&mut self) -> Result<(), Error> {
        self.watch_messages(None);
        self.update(|callbacks| (callbacks.message.take(), callbacks.trace.take()))
    }

    /// Shows `callback` each extension of the peer's hello messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    #[doc(alias = "SSL_set_tlsext_debug_callback")]
    #[doc(alias = "SSL_set_tlsext_debug_arg")]
    pub fn set_tlsext_debug_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, &TlsExtension<'_>) + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.extensions.replace(Arc::new(callback)))?;
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object. What C
        // had for an argument was for another callback.
        unsafe {
            ext::SSL_set_tlsext_debug_callback(self.as_ptr(), Some(extension));
            ext::SSL_set_tlsext_debug_arg(self.as_ptr(), ptr::null_mut());
        }
        Ok(())
    }

    /// Takes the callback for extensions away.
    ///
    /// # Errors
    ///
    /// As [`set_tlsext_debug_callback`](Self::set_tlsext_debug_callback).
    #[doc(alias = "SSL_set_tlsext_debug_callback")]
    pub fn clear_tlsext_debug_callback(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_tlsext_debug_callback(self.as_ptr(), None) };
        self.update(|callbacks| callbacks.extensions.take())
    }

    fn watch_messages(&mut self, callback: Option<MessageFn>) {
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closures in the object. What C
        // had for an argument was for another callback.
        unsafe {
            ext::SSL_set_msg_callback(self.as_ptr(), callback);
            ext::SSL_set_msg_callback_arg(self.as_ptr(), ptr::null_mut());
        }
    }

    /// Changes the closures; what `change` takes out is dropped after the lock is free, for it is the user's.
    pub(super) fn update<T>(&mut self, change: impl FnOnce(&mut SslCallbacks) -> T) -> Result<(), Error> {
        let state = State::of_mut(self)?;
        let earlier = change(&mut state.callbacks());
        drop(earlier);
        Ok(())
    }
}

/// A closure of a live object, cloned out of it, so that it may be replaced while it runs.
///
/// # Safety
///
/// `ssl` is live or NULL.
pub(super) unsafe fn closure<T>(
    ssl: *const sys::SSL,
    pick: impl FnOnce(&SslCallbacks) -> Option<T>,
) -> Option<T> {
    if ssl.is_null() {
        return None;
    }
    // SAFETY: by this function's contract. The copy that SSL_dup makes has our trampolines but no state.
    unsafe { State::of(ssl) }.and_then(|state| pick(&state.callbacks()))
}

unsafe extern "C" fn info(ssl: *const sys::SSL, place: c_int, value: c_int) {
    // SAFETY: C passes a live object.
    let Some(closure) = (unsafe { closure(ssl, |callbacks| callbacks.info.clone()) }) else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl.cast_mut()) };
    run(|| closure(view, InfoEvent { place, value }));
}

unsafe extern "C" fn message(
    written: c_int,
    version: c_int,
    content_type: c_int,
    data: *const c_void,
    len: usize,
    ssl: *mut sys::SSL,
    _argument: *mut c_void,
) {
    // SAFETY: C passes a live object.
    let both =
        unsafe { closure(ssl, |callbacks| Some((callbacks.message.clone(), callbacks.trace.clone()))) };
    let Some((watch, trace)) = both else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    if let Some(watch) = watch {
        // SAFETY: C lends the message until this function returns.
        let data = unsafe { bytes::lend(data.cast(), len) }.unwrap_or_default();
        let version = ProtocolVersion(version);
        run(|| watch(view, &Message { written: written != 0, version, content_type, data }));
    }
    if let Some(trace) = trace {
        run(|| {
            let Ok(bio) = MemBio::writing() else { return };
            // SAFETY: C's own arguments, and a live BIO.
            unsafe { compat::context::trace(written, version, content_type, data, len, ssl, bio.as_ptr()) };
            trace(view, &bio.into_text());
        });
    }
}

unsafe extern "C" fn extension(
    ssl: *mut sys::SSL,
    from_server: c_int,
    extension_type: c_int,
    data: *const c_uchar,
    len: c_int,
    _argument: *mut c_void,
) {
    // SAFETY: C passes a live object.
    let Some(closure) = (unsafe { closure(ssl, |callbacks| callbacks.extensions.clone()) }) else { return };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    // SAFETY: C lends the extension until this function returns.
    let data = unsafe { bytes::lend(data, usize::try_from(len).unwrap_or_default()) }.unwrap_or_default();
    run(|| closure(view, &TlsExtension { from_server: from_server != 0, extension_type, data }));
}
