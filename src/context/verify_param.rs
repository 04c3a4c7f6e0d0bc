//! The verify parameters of a context, which its connections begin with.

use std::ffi::c_long;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::x509::X509VerifyParamRef;

impl ContextSettings {
    /// By which settings chains are verified.
    ///
    /// C: [`SSL_CTX_get0_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_CTX_get0_param")]
    pub fn verify_param(&self) -> &X509VerifyParamRef {
        // SAFETY: the context is live and lends its parameters (get0), which it always has and which only a borrow for
        // writing changes.
        unsafe { X509VerifyParamRef::from_ptr(sys::SSL_CTX_get0_param(self.as_ptr())) }
    }

    /// How many bytes a peer's certificates may take in a handshake.
    ///
    /// C: [`SSL_CTX_get_max_cert_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_max_cert_list/)
    #[doc(alias = "SSL_CTX_get_max_cert_list")]
    pub fn max_cert_list(&self) -> usize {
        // SAFETY: the context is live, and the call only reads it.
        usize::try_from(unsafe { ext::SSL_CTX_get_max_cert_list(self.as_ptr()) }).unwrap_or_default()
    }
}

impl SslContextBuilderRef {
    /// The settings by which chains are verified, for changing them. Connections copy them when they are made.
    ///
    /// C: [`SSL_CTX_get0_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_CTX_get0_param")]
    #[doc(alias = "SSL_CTX_set_purpose")]
    #[doc(alias = "SSL_CTX_set_trust")]
    pub fn verify_param_mut(&mut self) -> &mut X509VerifyParamRef {
        // SAFETY: the context is live and lends its parameters (get0), which it always has; it is borrowed for writing
        // for as long.
        unsafe { X509VerifyParamRef::from_ptr_mut(sys::SSL_CTX_get0_param(self.as_ptr())) }
    }

    /// Takes over whatever is set in `param`; what is not set there stays. It can weaken: `param` may let pass what is
    /// refused now, as far as its own `danger_` calls made it.
    ///
    /// # Errors
    ///
    /// As [`X509VerifyParamRef::set_from`].
    ///
    /// C: [`SSL_CTX_set1_param(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get0_param/)
    #[doc(alias = "SSL_CTX_set1_param")]
    pub fn set_verify_param(&mut self, param: &X509VerifyParamRef) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set1_param";
        self.verify_param().demand_unlocked(CALL, param)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C copies the parameters (set1).
        if unsafe { ext::SSL_CTX_set1_param(self.as_ptr(), param.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        self.verify_param_mut().mend_copy(CALL, param)
    }

    /// Limits how many bytes a peer's certificates may take in a handshake. C's limit is 100 KiB.
    ///
    /// C: [`SSL_CTX_set_max_cert_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_max_cert_list/)
    #[doc(alias = "SSL_CTX_set_max_cert_list")]
    pub fn set_max_cert_list(&mut self, bytes: usize) {
        let bytes = c_long::try_from(bytes).unwrap_or(c_long::MAX);
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_set_max_cert_list(self.as_ptr(), bytes) };
    }
}
