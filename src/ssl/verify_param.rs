//! The verify parameters of one connection.

use std::ffi::c_long;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::error::{self, Error};
use crate::x509::X509VerifyParamRef;

impl SslRef {
    /// By which settings the peer's chain is verified.
    ///
    /// C: [`SSL_get0_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_get0_param")]
    pub fn verify_param(&self) -> &X509VerifyParamRef {
        // SAFETY: the object is live and lends its parameters (get0), which it always has and which only a borrow for
        // writing changes.
        unsafe { X509VerifyParamRef::from_ptr(sys::SSL_get0_param(self.as_ptr())) }
    }

    /// The settings by which the peer's chain is verified, for changing them before the handshake. A context that demands
    /// a verified name has the handshake fail if the names are changed in the middle of it; from OpenSSL 4.0 on, which
    /// does not tell all addresses that are set, also if there is an address and the settings were lent in the middle.
    ///
    /// C: [`SSL_get0_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_get0_param")]
    #[doc(alias = "SSL_set_purpose")]
    #[doc(alias = "SSL_set_trust")]
    #[doc(alias = "SSL_set_hostflags")]
    pub fn verify_param_mut(&mut self) -> &mut X509VerifyParamRef {
        // Without memory for the state there is none for a handshake either.
        if let Ok(state) = State::of_mut(self) {
            state.lend();
        }
        let _ = self.judge_apart();
        self.own_param_mut()
    }

    /// The settings, for writing to them what the context or another object has.
    pub(super) fn own_param_mut(&mut self) -> &mut X509VerifyParamRef {
        // SAFETY: the object is live and lends its parameters (get0), which it always has; it is borrowed for writing for
        // as long.
        unsafe { X509VerifyParamRef::from_ptr_mut(sys::SSL_get0_param(self.as_ptr())) }
    }

    /// Takes over whatever is set in `param`; what is not set there stays. It can weaken: `param` may let pass what is
    /// refused now, as far as its own `danger_` calls made it.
    ///
    /// # Errors
    ///
    /// As [`X509VerifyParamRef::set_from`].
    ///
    /// C: [`SSL_set1_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_set1_param")]
    pub fn set_verify_param(&mut self, param: &X509VerifyParamRef) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_param";
        self.verify_param().demand_unlocked(CALL, param)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies the parameters (set1).
        if unsafe { ext::SSL_set1_param(self.as_ptr(), param.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        self.verify_param_mut().mend_copy(CALL, param)
    }

    /// How many bytes the peer's certificates may take in a handshake.
    ///
    /// C: [`SSL_get_max_cert_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_max_cert_list/)
    #[doc(alias = "SSL_get_max_cert_list")]
    pub fn max_cert_list(&self) -> usize {
        // SAFETY: the object is live, and the call only reads it.
        usize::try_from(unsafe { ext::SSL_get_max_cert_list(self.as_ptr()) }).unwrap_or_default()
    }

    /// Limits how many bytes the peer's certificates may take in a handshake.
    ///
    /// C: [`SSL_set_max_cert_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_max_cert_list/)
    #[doc(alias = "SSL_set_max_cert_list")]
    pub fn set_max_cert_list(&mut self, bytes: usize) {
        let bytes = c_long::try_from(bytes).unwrap_or(c_long::MAX);
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_max_cert_list(self.as_ptr(), bytes) };
    }
}
