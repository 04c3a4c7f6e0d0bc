//! The security level of one connection.

use std::ffi::{c_int, c_void};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::context::{SecurityQuestion, SecurityRule, is_security_callback};
use crate::error::Error;

impl SslRef {
    /// The security level, 0 (anything goes) to 5.
    ///
    /// C: [`SSL_get_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_get_security_level")]
    pub fn security_level(&self) -> u32 {
        // SAFETY: the object is live, and the call only reads it.
        u32::try_from(unsafe { sys::SSL_get_security_level(self.as_ptr()) }).unwrap_or_default()
    }

    /// Raises the security level to at least `level` (5 is the highest): weaker keys, ciphers and hashes are refused. A
    /// switch to another context brings that one's level, as C does it.
    ///
    /// C: [`SSL_set_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_set_security_level")]
    pub fn raise_security_level(&mut self, level: u32) {
        if level > self.security_level() {
            self.danger_set_security_level(level);
        }
    }

    /// Sets the security level, which may be lower than the system's.
    ///
    /// C: [`SSL_set_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_set_security_level")]
    pub fn danger_set_security_level(&mut self, level: u32) {
        let level = c_int::try_from(level).unwrap_or(c_int::MAX);
        // It judges the peer's chain too. Without memory for the state there is none for a handshake either.
        let _ = self.judge_apart();
        // SAFETY: the object is live and borrowed for writing.
        unsafe { sys::SSL_set_security_level(self.as_ptr(), level) };
    }

    /// Whether a callback that this crate set on the object decides beside the level.
    ///
    /// C: [`SSL_get_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_get_security_callback")]
    pub fn has_security_callback(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        is_security_callback(unsafe { ext::SSL_get_security_callback(self.as_ptr()) }, decide)
    }

    /// What the security callback is called with: what the context's callback is called with, or what C set.
    ///
    /// C: [`SSL_get0_security_ex_data(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_get0_security_ex_data")]
    pub fn security_ex_data(&self) -> *mut c_void {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get0_security_ex_data(self.as_ptr()) }
    }

    /// Asks `callback` about whatever the security level and the context's callback permit: it can forbid more. If it
    /// panics, the answer is no, and the panic goes on in the call that shook hands. A switch to another context takes
    /// it away, as C does it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_set_security_callback")]
    #[doc(alias = "SSL_set0_security_ex_data")]
    pub fn set_security_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_security(callback, false)
    }

    /// As [`set_security_callback`](Self::set_security_callback) with C's meaning: the callback alone decides, and can
    /// permit what the level forbids, which [`SecurityQuestion::permitted`] tells.
    ///
    /// # Errors
    ///
    /// As [`set_security_callback`](Self::set_security_callback).
    ///
    /// C: [`SSL_set_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_set_security_callback")]
    pub fn danger_set_security_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_security(callback, true)
    }

    fn install_security(
        &mut self,
        callback: impl Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
        overrides: bool,
    ) -> Result<(), Error> {
        self.judge_apart()?;
        let ours = self.has_security_callback();
        // SAFETY: the object is live, and the call only reads it.
        let earlier = unsafe { ext::SSL_get_security_callback(self.as_ptr()) };
        let earlier = (earlier, self.security_ex_data());
        let before = State::of_mut(self)?.callbacks().security.clone().filter(|_| ours);
        let rule = SecurityRule::new(callback, overrides, earlier, before.as_ref());
        // What was there is dropped after the lock is free, for it is the user's.
        let old = State::of_mut(self)?.callbacks().security.replace(rule);
        drop(old);
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        unsafe {
            ext::SSL_set_security_callback(self.as_ptr(), Some(decide));
            ext::SSL_set0_security_ex_data(self.as_ptr(), ptr::null_mut());
        }
        Ok(())
    }
}

unsafe extern "C" fn decide(
    ssl: *const sys::SSL,
    context: *const sys::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    object: *mut c_void,
    _argument: *mut c_void,
) -> c_int {
    if ssl.is_null() {
        return 0;
    }
    // SAFETY: C passes the live object. The copy that SSL_dup makes has the trampoline but no state: nothing is permitted.
    let rule = unsafe { State::of(ssl) }.and_then(|state| state.callbacks().security.clone());
    // SAFETY: C's own arguments.
    rule.map_or(0, |rule| unsafe { rule.answer(ssl, context, (operation, bits, nid), object) })
}
