//! A session that is still to be changed.

use std::ffi::{CStr, c_long, c_uint};
use std::fmt;
use std::ptr;
use std::time::{Duration, SystemTime};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{SslSession, SslSessionRef, record};
use crate::context::ProtocolVersion;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{compat, strings};
use crate::ssl::SslCipher;

/// A session that nobody else has, so that it can be changed. [`build`](Self::build) freezes it.
///
/// What comes out of it is not known to be verified by anything: see
/// [`danger_set_session`](crate::SslRef::danger_set_session).
pub struct SslSessionBuilder(SslSession);

impl SslSessionBuilder {
    /// A session without anything.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_SESSION_new(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_free/)
    #[doc(alias = "SSL_SESSION_new")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let session = unsafe { ext::SSL_SESSION_new() };
        if session.is_null() {
            return Err(Error::from_queue("SSL_SESSION_new"));
        }
        // SAFETY: not NULL, and ours alone.
        Ok(Self(unsafe { SslSession::from_ptr(session) }))
    }

    /// Takes over a session from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// As [`SslSession::from_ptr`], and nobody else has the session.
    pub unsafe fn from_ptr(session: *mut sys::SSL_SESSION) -> Self {
        // SAFETY: by this function's contract.
        Self(unsafe { SslSession::from_ptr(session) })
    }

    fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        self.0.as_ptr()
    }

    /// Freezes the session.
    pub fn build(self) -> SslSession {
        self.0
    }

    /// Sets the session's number, of 32 bytes at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a longer one.
    ///
    /// C: [`SSL_SESSION_set1_id(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_set1_id/)
    #[doc(alias = "SSL_SESSION_set1_id")]
    pub fn set_id(&mut self, id: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_id";
        let len = short(CALL, id)?;
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies `len` bytes.
        done(CALL, unsafe { ext::SSL_SESSION_set1_id(self.as_ptr(), id.as_ptr(), len) })
    }

    /// Sets the name of the setting that the session belongs to, of 32 bytes at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a longer one.
    ///
    /// C: [`SSL_SESSION_set1_id_context(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_id_context/)
    #[doc(alias = "SSL_SESSION_set1_id_context")]
    pub fn set_id_context(&mut self, name: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_id_context";
        let len = short(CALL, name)?;
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies `len` bytes.
        done(CALL, unsafe { ext::SSL_SESSION_set1_id_context(self.as_ptr(), name.as_ptr(), len) })
    }

    /// Sets the version that the session is for.
    ///
    /// C: [`SSL_SESSION_set_protocol_version(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_protocol_version/)
    #[doc(alias = "SSL_SESSION_set_protocol_version")]
    pub fn set_protocol_version(&mut self, version: ProtocolVersion) {
        // SAFETY: the session is live and nobody else's.
        unsafe { ext::SSL_SESSION_set_protocol_version(self.as_ptr(), version.0) };
    }

    /// Sets the cipher.
    ///
    /// C: [`SSL_SESSION_set_cipher(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_cipher/)
    #[doc(alias = "SSL_SESSION_set_cipher")]
    pub fn set_cipher(&mut self, cipher: SslCipher) {
        // SAFETY: the session is live and nobody else's; ciphers are constants of the library.
        unsafe { ext::SSL_SESSION_set_cipher(self.as_ptr(), cipher.as_ptr()) };
    }

    /// Sets when the session was made, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a time before 1970, or one that C has no number for.
    ///
    /// C: [`SSL_SESSION_set_time_ex(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_time/)
    #[doc(alias = "SSL_SESSION_set_time_ex")]
    #[doc(alias = "SSL_SESSION_set_time")]
    #[doc(alias = "SSL_set_time")]
    pub fn set_time(&mut self, time: SystemTime) -> Result<(), Error> {
        let seconds = compat::session::seconds(time).filter(|seconds| *seconds >= 0).ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "SSL_SESSION_set_time_ex")
                .with_detail("the time is out of range")
        })?;
        // SAFETY: the session is live and nobody else's.
        unsafe { compat::session::set_time(self.as_ptr(), seconds) };
        Ok(())
    }

    /// Sets how long after [`time`](SslSessionRef::time) the session can be resumed, in whole seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than [`i32::MAX`] seconds.
    ///
    /// C: [`SSL_SESSION_set_timeout(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_time/)
    #[doc(alias = "SSL_SESSION_set_timeout")]
    #[doc(alias = "SSL_set_timeout")]
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(timeout.as_secs()).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "SSL_SESSION_set_timeout").with_detail("the time is too long")
        })?;
        // SAFETY: the session is live and nobody else's.
        unsafe { ext::SSL_SESSION_set_timeout(self.as_ptr(), c_long::from(seconds)) };
        Ok(())
    }

    /// Sets the name that the client asked for; `None` for none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a NUL byte.
    ///
    /// C: [`SSL_SESSION_set1_hostname(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_hostname/)
    #[doc(alias = "SSL_SESSION_set1_hostname")]
    pub fn set_hostname(&mut self, name: Option<&str>) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_hostname";
        let name = name.map(|name| strings::c_string(CALL, "the name", name)).transpose()?;
        let pointer = name.as_deref().map_or(ptr::null(), CStr::as_ptr);
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies the string, and NULL means none.
        done(CALL, unsafe { ext::SSL_SESSION_set1_hostname(self.as_ptr(), pointer) })
    }

    /// Sets the application protocol; an empty one is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than 255 bytes.
    ///
    /// C: [`SSL_SESSION_set1_alpn_selected(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_hostname/)
    #[doc(alias = "SSL_SESSION_set1_alpn_selected")]
    pub fn set_alpn_selected(&mut self, protocol: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_alpn_selected";
        if protocol.len() > 255 {
            let error = Error::new(ErrorKind::InvalidInput, CALL);
            return Err(error.with_detail("the protocol has more than 255 bytes"));
        }
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies so many bytes.
        done(CALL, unsafe {
            ext::SSL_SESSION_set1_alpn_selected(self.as_ptr(), protocol.as_ptr(), protocol.len())
        })
    }

    /// Sets the secret with which the session is resumed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more bytes than OpenSSL has room for, some hundreds.
    ///
    /// C: [`SSL_SESSION_set1_master_key(3)`](https://docs.openssl.org/master/man3/SSL_get_client_random/)
    #[doc(alias = "SSL_SESSION_set1_master_key")]
    pub fn set_master_key(&mut self, key: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_master_key";
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies so many bytes, if it has room for them.
        match unsafe { ext::SSL_SESSION_set1_master_key(self.as_ptr(), key.as_ptr(), key.len()) } {
            1 => Ok(()),
            _ => {
                error::clear();
                Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the key is too long"))
            }
        }
    }

    /// Sets the application's own data, which goes into the ticket; empty for none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_SESSION_set1_ticket_appdata(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_ticket_cb/)
    #[doc(alias = "SSL_SESSION_set1_ticket_appdata")]
    pub fn set_ticket_appdata(&mut self, data: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_SESSION_set1_ticket_appdata";
        error::clear();
        // SAFETY: the session is live and nobody else's; C copies so many bytes.
        done(CALL, unsafe {
            ext::SSL_SESSION_set1_ticket_appdata(self.as_ptr(), data.as_ptr().cast(), data.len())
        })
    }

    /// Sets how many bytes of early data may be sent.
    ///
    /// C: [`SSL_SESSION_set_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_get_max_early_data/)
    #[doc(alias = "SSL_SESSION_set_max_early_data")]
    pub fn set_max_early_data(&mut self, bytes: u32) {
        // SAFETY: the session is live and nobody else's.
        unsafe { sys::SSL_SESSION_set_max_early_data(self.as_ptr(), bytes) };
    }
}

impl SslSessionRef {
    /// A session of its own with all that this one has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_SESSION_dup(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_free/)
    #[doc(alias = "SSL_SESSION_dup")]
    pub fn dup(&self) -> Result<SslSession, Error> {
        // SAFETY: the session is live, and nobody changes it.
        unsafe { super::dup(self.as_ptr()) }
    }

    /// A session to change that begins with all that this one has.
    ///
    /// # Errors
    ///
    /// As [`dup`](Self::dup).
    #[doc(alias = "SSL_SESSION_dup")]
    pub fn to_builder(&self) -> Result<SslSessionBuilder, Error> {
        let copy = self.dup()?;
        // SAFETY: the session is live, and nobody else has it.
        unsafe { record::note(copy.as_ptr(), record::Origin::Unknown) }?;
        Ok(SslSessionBuilder(copy))
    }
}

/// The length of what has 32 bytes at most.
fn short(call: &'static str, bytes: &[u8]) -> Result<c_uint, Error> {
    match c_uint::try_from(bytes.len()) {
        Ok(len @ 0..=32) => Ok(len),
        _ => Err(Error::new(ErrorKind::InvalidInput, call).with_detail("it has more than 32 bytes")),
    }
}

fn done(call: &'static str, ret: std::ffi::c_int) -> Result<(), Error> {
    if ret == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
}

impl fmt::Debug for SslSessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslSessionBuilder").finish_non_exhaustive()
    }
}
