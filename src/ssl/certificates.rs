//! What one connection presents: callbacks that decide it, and what C says about a chain.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::context::{CertificateDecision, CertificateView, answer_with, choose_with};
use crate::error::Error;

bitflags! {
    /// `CERT_PKEY_…`: what about a certificate suits the connection.
    ///
    /// C: [`SSL_check_chain(3)`](https://docs.openssl.org/master/man3/SSL_check_chain/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ChainChecks: u32 {
        /// All of it: it can be used.
        #[doc(alias = "CERT_PKEY_VALID")]
        const VALID = 0x1;
        /// Its key can sign with an algorithm that the peer takes.
        #[doc(alias = "CERT_PKEY_SIGN")]
        const SIGN = 0x2;
        /// The peer takes the algorithm of the certificate's own signature.
        #[doc(alias = "CERT_PKEY_EE_SIGNATURE")]
        const EE_SIGNATURE = 0x10;
        /// The peer takes the algorithms of the chain's signatures.
        #[doc(alias = "CERT_PKEY_CA_SIGNATURE")]
        const CA_SIGNATURE = 0x20;
        /// The peer takes the parameters of the certificate's key.
        #[doc(alias = "CERT_PKEY_EE_PARAM")]
        const EE_PARAM = 0x40;
        /// The peer takes the parameters of the chain's keys.
        #[doc(alias = "CERT_PKEY_CA_PARAM")]
        const CA_PARAM = 0x80;
        /// The peer said what it takes.
        #[doc(alias = "CERT_PKEY_EXPLICIT_SIGN")]
        const EXPLICIT_SIGN = 0x100;
        /// The issuer is one of the CAs that the peer accepts.
        #[doc(alias = "CERT_PKEY_ISSUER_NAME")]
        const ISSUER_NAME = 0x200;
        /// The kind of certificate is one that the peer takes.
        #[doc(alias = "CERT_PKEY_CERT_TYPE")]
        const CERT_TYPE = 0x400;
        /// The chain fits Suite B.
        #[doc(alias = "CERT_PKEY_SUITEB")]
        const SUITEB = 0x800;

        const _ = !0;
    }
}

/// As C declares a passphrase callback.
type AskFn = unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

impl SslRef {
    /// Lets `callback` say what this connection presents, in place of the context's callback; see
    /// [`SslContextBuilderRef::set_cert_cb`](crate::SslContextBuilderRef::set_cert_cb). A switch to another context takes it
    /// away, as C does it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_cert_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cert_cb/)
    #[doc(alias = "SSL_set_cert_cb")]
    pub fn set_cert_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&mut CertificateView<'_>) -> CertificateDecision + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.certificate.replace(Arc::new(callback)))?;
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        unsafe { ext::SSL_set_cert_cb(self.as_ptr(), Some(choose), ptr::null_mut()) };
        Ok(())
    }

    /// Takes the certificate callback away, the context's too.
    ///
    /// # Errors
    ///
    /// As [`set_cert_cb`](Self::set_cert_cb).
    #[doc(alias = "SSL_set_cert_cb")]
    pub fn clear_cert_cb(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_cert_cb(self.as_ptr(), None, ptr::null_mut()) };
        self.update(|callbacks| callbacks.certificate.take())
    }

    /// Lets `callback` say the passphrase of keys that are read from files into this object; otherwise as
    /// [`SslContextBuilderRef::set_default_passwd_cb`](crate::SslContextBuilderRef::set_default_passwd_cb).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_default_passwd_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_set_default_passwd_cb")]
    #[doc(alias = "SSL_set_default_passwd_cb_userdata")]
    pub fn set_default_passwd_cb<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn() -> Option<Vec<u8>> + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.passphrase.replace(Arc::new(callback)))?;
        self.register_passphrase();
        Ok(())
    }

    /// Whether a passphrase callback is set, of this crate's or of C's, on the object or the context it was made from.
    ///
    /// C: [`SSL_get_default_passwd_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_get_default_passwd_cb")]
    pub fn has_default_passwd_cb(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_default_passwd_cb(self.as_ptr()) }.is_some()
    }

    /// What the passphrase callback is called with: for this crate's the object or its context, else what C set.
    ///
    /// C: [`SSL_get_default_passwd_cb_userdata(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_default_passwd_cb/)
    #[doc(alias = "SSL_get_default_passwd_cb_userdata")]
    pub fn default_passwd_cb_userdata(&self) -> *mut c_void {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_default_passwd_cb_userdata(self.as_ptr()) }
    }

    /// Before C reads a file: without a callback it would ask at the terminal.
    pub(crate) fn answer_for_passphrase(&mut self) -> Result<(), Error> {
        State::of_mut(self)?;
        if !self.has_default_passwd_cb() {
            self.register_passphrase();
        }
        Ok(())
    }

    /// In the copy of an object: C copied the argument, which is the first object, to the copy, which may outlive it.
    pub(super) fn own_passphrase(&mut self) {
        // SAFETY: the object is live, and the call only reads it.
        let callback = unsafe { ext::SSL_get_default_passwd_cb(self.as_ptr()) };
        let ours: AskFn = answer;
        if callback.is_some_and(|callback| ptr::fn_addr_eq(callback, ours)) {
            self.register_passphrase();
        }
    }

    fn register_passphrase(&mut self) {
        // SAFETY: the object is live and borrowed for writing; the argument is its own pointer.
        unsafe {
            ext::SSL_set_default_passwd_cb(self.as_ptr(), Some(answer));
            ext::SSL_set_default_passwd_cb_userdata(self.as_ptr(), self.as_ptr().cast());
        }
    }
}

unsafe extern "C" fn choose(ssl: *mut sys::SSL, _argument: *mut c_void) -> c_int {
    // SAFETY: the object is live for the callback. The copy that SSL_dup makes has the trampoline but no state.
    let closure = unsafe { State::of(ssl) }.and_then(|state| state.callbacks().certificate.clone());
    // SAFETY: as above.
    unsafe { choose_with(closure.as_deref(), ssl) }
}

unsafe extern "C" fn answer(buffer: *mut c_char, size: c_int, _writing: c_int, ssl: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered: the object, which reads a file just now and so is live. In a copy that this
    // crate made it is the copy; who lets C make one answers for the argument.
    let ask = unsafe { State::of(ssl.cast()) }.and_then(|state| state.callbacks().passphrase.clone());
    // SAFETY: C's own arguments.
    unsafe { answer_with(ask, buffer, size) }
}
