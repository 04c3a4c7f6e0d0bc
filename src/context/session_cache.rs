//! What a context does about sessions: the cache in which libssl itself keeps them, and the name that they belong to.

use std::ffi::{c_long, c_uint};
use std::time::{Duration, SystemTime};

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef, SslContextRef, calling};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{self, compat};
use crate::session::{SslSessionRef, record};

bitflags! {
    /// `SSL_SESS_CACHE_…`: which sessions the context keeps. No bit at all is `SSL_SESS_CACHE_OFF`. A context begins with
    /// `SERVER`.
    ///
    /// C: [`SSL_CTX_set_session_cache_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_cache_mode/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SessionCacheMode: u16 {
        /// `SSL_SESS_CACHE_CLIENT`: sessions of clients. libssl has no use for one that it keeps, except that it finds it when
        /// somebody offers it to a server of the same context.
        #[doc(alias = "SSL_SESS_CACHE_CLIENT")]
        const CLIENT = 0x1;
        /// `SSL_SESS_CACHE_SERVER`: sessions of servers, which clients then resume.
        #[doc(alias = "SSL_SESS_CACHE_SERVER")]
        const SERVER = 0x2;
        /// `SSL_SESS_CACHE_NO_AUTO_CLEAR`: sessions that ended are not dropped after every 255 connections.
        #[doc(alias = "SSL_SESS_CACHE_NO_AUTO_CLEAR")]
        const NO_AUTO_CLEAR = 0x80;
        /// `SSL_SESS_CACHE_NO_INTERNAL_LOOKUP`: only an external cache is asked.
        #[doc(alias = "SSL_SESS_CACHE_NO_INTERNAL_LOOKUP")]
        const NO_INTERNAL_LOOKUP = 0x100;
        /// `SSL_SESS_CACHE_NO_INTERNAL_STORE`: only an external cache keeps them.
        #[doc(alias = "SSL_SESS_CACHE_NO_INTERNAL_STORE")]
        const NO_INTERNAL_STORE = 0x200;
        /// `SSL_SESS_CACHE_UPDATE_TIME`: a session's time begins anew when it is resumed.
        #[doc(alias = "SSL_SESS_CACHE_UPDATE_TIME")]
        const UPDATE_TIME = 0x400;

        const _ = !0;
    }
}

impl ContextSettings {
    /// Which sessions the context keeps.
    ///
    /// C: [`SSL_CTX_get_session_cache_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_cache_mode/)
    #[doc(alias = "SSL_CTX_get_session_cache_mode")]
    pub fn session_cache_mode(&self) -> SessionCacheMode {
        // SAFETY: the context is live, and the call only reads it.
        let mode = unsafe { ext::SSL_CTX_get_session_cache_mode(self.as_ptr()) };
        SessionCacheMode::from_bits_retain(mode as u16)
    }

    /// How many sessions are kept at the most; 0 is for no limit.
    ///
    /// C: [`SSL_CTX_sess_get_cache_size(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_cache_size/)
    #[doc(alias = "SSL_CTX_sess_get_cache_size")]
    pub fn session_cache_size(&self) -> u32 {
        // SAFETY: the context is live, and the call only reads it.
        let size = unsafe { ext::SSL_CTX_sess_get_cache_size(self.as_ptr()) };
        u32::try_from(size).unwrap_or(u32::MAX)
    }

    /// How long a session can be resumed after it was made.
    ///
    /// C: [`SSL_CTX_get_timeout(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_timeout/)
    #[doc(alias = "SSL_CTX_get_timeout")]
    pub fn session_timeout(&self) -> Duration {
        // SAFETY: the context is live, and the call only reads it.
        let seconds = unsafe { ext::SSL_CTX_get_timeout(self.as_ptr()) };
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}

impl SslContextRef {
    /// Removes the sessions that are over from the context's own cache. libssl does so by itself after every 255 connections.
    ///
    /// C: [`SSL_CTX_flush_sessions_ex(3)`](https://docs.openssl.org/master/man3/SSL_CTX_flush_sessions/)
    #[doc(alias = "SSL_CTX_flush_sessions_ex")]
    #[doc(alias = "SSL_CTX_flush_sessions")]
    pub fn flush_sessions(&self) {
        self.flush(compat::session::seconds(SystemTime::now()).unwrap_or_default().max(1));
    }

    /// Removes all sessions from the context's own cache: they are not resumed any more. Tickets are.
    ///
    /// C: [`SSL_CTX_flush_sessions_ex(3)`](https://docs.openssl.org/master/man3/SSL_CTX_flush_sessions/), at 0
    #[doc(alias = "SSL_CTX_flush_sessions_ex")]
    #[doc(alias = "SSL_CTX_flush_sessions")]
    pub fn remove_all_sessions(&self) {
        self.flush(0);
    }

    fn flush(&self, seconds: i64) {
        // SAFETY: the context is live and locks its sessions. The callback for removed ones is the user's code.
        calling(|| unsafe { compat::session::flush(self.as_ptr(), seconds) });
        error::clear();
    }

    /// Adds a copy of a session to the context's own cache, in place of one that has its number. It can then be resumed by
    /// whoever proposes the number and knows the secret.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate; [`ErrorKind::InvalidInput`] for a session of a client of this
    /// crate's, and for one without a cipher, which nobody can resume.
    ///
    /// C: [`SSL_CTX_add_session(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_session/)
    #[doc(alias = "SSL_CTX_add_session")]
    pub fn add_session(&self, session: &SslSessionRef) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_add_session";
        // SAFETY: the session is live, and nobody changes it.
        if unsafe { record::of(session.as_ptr()) }.is_clients() {
            let detail = "the session is a client's: its server could come back as a client, and be taken for verified";
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
        // C takes it for granted when somebody resumes it.
        if session.cipher().is_none() {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the session has no cipher"));
        }
        let copy = session.dup()?;
        error::clear();
        // SAFETY: both are live; the context locks its sessions, and takes a reference of its own. What there was no room for
        // is told to the user's code.
        let added = calling(|| unsafe { sys::SSL_CTX_add_session(self.as_ptr(), copy.as_ptr()) });
        if added != 1 {
            return Err(Error::from_queue(CALL));
        }
        error::clear();
        Ok(())
    }

    /// Takes a session out of the context's own cache, and says whether it was there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_remove_session(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_session/)
    #[doc(alias = "SSL_CTX_remove_session")]
    pub fn remove_session(&self, session: &SslSessionRef) -> Result<bool, Error> {
        // C marks what it is given as well as what it finds.
        let copy = session.dup()?;
        error::clear();
        // SAFETY: both are live; the context locks its sessions. The callback for removed ones is the user's code.
        let removed = calling(|| unsafe { sys::SSL_CTX_remove_session(self.as_ptr(), copy.as_ptr()) });
        error::clear();
        Ok(removed == 1)
    }

    /// C's table of the sessions in the context's own cache, for a port: C has no lock for whoever goes through it.
    ///
    /// C: [`SSL_CTX_sessions(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sessions/)
    #[doc(alias = "SSL_CTX_sessions")]
    pub fn sessions_ptr(&self) -> *mut ffi::lhash_st_SSL_SESSION {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_sessions(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Says which sessions the context keeps.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for `CLIENT` without `NO_INTERNAL_STORE` or `NO_INTERNAL_LOOKUP`: a server that this context
    /// connected to could come back as a client, offer that session, and be taken for one that was verified.
    ///
    /// C: [`SSL_CTX_set_session_cache_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_cache_mode/)
    #[doc(alias = "SSL_CTX_set_session_cache_mode")]
    pub fn set_session_cache_mode(&mut self, mode: SessionCacheMode) -> Result<(), Error> {
        let apart = SessionCacheMode::NO_INTERNAL_STORE | SessionCacheMode::NO_INTERNAL_LOOKUP;
        if mode.contains(SessionCacheMode::CLIENT) && !mode.intersects(apart) {
            return Err(Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_session_cache_mode")
                .with_detail("sessions of clients and of servers are kept in one place"));
        }
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_session_cache_mode(self.as_ptr(), c_long::from(mode.bits())) };
        Ok(())
    }

    /// Limits how many sessions are kept; 0 is for no limit. A context begins with 20,480.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] above [`i32::MAX`].
    ///
    /// C: [`SSL_CTX_sess_set_cache_size(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_set_cache_size/)
    #[doc(alias = "SSL_CTX_sess_set_cache_size")]
    pub fn set_session_cache_size(&mut self, size: u32) -> Result<(), Error> {
        let size = i32::try_from(size).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "SSL_CTX_sess_set_cache_size")
                .with_detail("the size is above 2^31 - 1")
        })?;
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_sess_set_cache_size(self.as_ptr(), c_long::from(size)) };
        Ok(())
    }

    /// Sets how long a session can be resumed after it was made, in whole seconds. A context for TLS begins with two hours.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than [`i32::MAX`] seconds.
    ///
    /// C: [`SSL_CTX_set_timeout(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_timeout/)
    #[doc(alias = "SSL_CTX_set_timeout")]
    pub fn set_session_timeout(&mut self, timeout: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(timeout.as_secs()).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_timeout").with_detail("the time is too long")
        })?;
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_timeout(self.as_ptr(), c_long::from(seconds)) };
        Ok(())
    }

    /// Names the setting that sessions belong to, in 32 bytes at most: a session is only resumed under the name it was
    /// made under. Without one, a server that verifies its clients fails every handshake that would resume.
    /// [`SslContext::server`](super::SslContext::server) has a random one, so that sessions stay with their context; several
    /// contexts or machines that share tickets, and verify clients alike, need one that they share.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a longer name.
    ///
    /// C: [`SSL_CTX_set_session_id_context(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_id_context/)
    #[doc(alias = "SSL_CTX_set_session_id_context")]
    pub fn set_session_id_context(&mut self, name: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_session_id_context";
        let len = session_name_len(CALL, name)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies `len` bytes.
        let done = unsafe { sys::SSL_CTX_set_session_id_context(self.as_ptr(), name.as_ptr(), len) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }
}

/// The length of a name for sessions, as C takes it.
pub(crate) fn session_name_len(call: &'static str, name: &[u8]) -> Result<c_uint, Error> {
    match c_uint::try_from(name.len()) {
        Ok(len @ 0..=32) => Ok(len),
        _ => Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the name has more than 32 bytes")),
    }
}
