//! Ephemeral Diffie-Hellman of one server's connection up to TLS 1.2.

use std::ffi::c_long;

use foreign_types::ForeignType;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::context::demand_dh;
use crate::error::{self, Error};
use crate::x509::PKey;

impl SslRef {
    /// Whether a server picks finite-field DH parameters by the strength of its key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if the library does not take it.
    ///
    /// C: [`SSL_set_dh_auto(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tmp_dh_callback/)
    #[doc(alias = "SSL_set_dh_auto")]
    pub fn set_dh_auto(&mut self, auto: bool) -> Result<(), Error> {
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        match unsafe { ext::SSL_set_dh_auto(self.as_ptr(), c_long::from(auto)) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_dh_auto")),
        }
    }

    /// Sets the DH parameters, as [`PKey::parameters_from_pem`] reads them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is not DH's,
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the security level forbids them.
    ///
    /// C: [`SSL_set0_tmp_dh_pkey(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tmp_dh_callback/)
    #[doc(alias = "SSL_set0_tmp_dh_pkey")]
    #[doc(alias = "SSL_set_tmp_dh")]
    pub fn set_tmp_dh(&mut self, parameters: PKey) -> Result<(), Error> {
        const CALL: &str = "SSL_set0_tmp_dh_pkey";
        demand_dh(CALL, &parameters)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        if unsafe { sys::SSL_set0_tmp_dh_pkey(self.as_ptr(), parameters.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        // set0: after a success the reference is the object's.
        let _ = ForeignType::into_ptr(parameters);
        Ok(())
    }
}
