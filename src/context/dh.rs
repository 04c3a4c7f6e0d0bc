//! Ephemeral Diffie-Hellman of a server up to TLS 1.2.

use std::ffi::c_long;

use foreign_types::ForeignType;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use crate::error::{self, Error, ErrorKind};
use crate::x509::PKey;

impl SslContextBuilderRef {
    /// Whether a server picks finite-field DH parameters by the strength of its key. Off by default, and without
    /// parameters there is no DHE before TLS 1.3.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if the library does not take it.
    ///
    /// C: [`SSL_CTX_set_dh_auto(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tmp_dh_callback/)
    #[doc(alias = "SSL_CTX_set_dh_auto")]
    pub fn set_dh_auto(&mut self, auto: bool) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        let done = unsafe { ext::SSL_CTX_set_dh_auto(self.as_ptr(), c_long::from(auto)) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set_dh_auto")) }
    }

    /// Sets the DH parameters, as [`PKey::parameters_from_pem`] reads them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is not DH's, [`ErrorKind::Refused`] if the security level forbids them.
    ///
    /// C: [`SSL_CTX_set0_tmp_dh_pkey(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tmp_dh_callback/)
    #[doc(alias = "SSL_CTX_set0_tmp_dh_pkey")]
    #[doc(alias = "SSL_CTX_set_tmp_dh")]
    pub fn set_tmp_dh(&mut self, parameters: PKey) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set0_tmp_dh_pkey";
        demand_dh(CALL, &parameters)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        let done = unsafe { sys::SSL_CTX_set0_tmp_dh_pkey(self.as_ptr(), parameters.as_ptr()) };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        // set0: after a success the reference is the context's.
        let _ = ForeignType::into_ptr(parameters);
        Ok(())
    }

    /// Does what C does: nothing. Since OpenSSL 1.1.0 the elliptic-curve group is always picked from
    /// [`set_groups_list`](Self::set_groups_list)'s, and this returns whether that was asked for.
    ///
    /// C: [`SSL_CTX_set_ecdh_auto(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_CTX_set_ecdh_auto")]
    pub fn set_ecdh_auto(&mut self, auto: bool) -> bool {
        auto
    }
}

/// Refuses what is not DH's.
pub(crate) fn demand_dh(call: &'static str, parameters: &PKey) -> Result<(), Error> {
    let algorithm = parameters.algorithm();
    if ["DH", "DHX"].contains(&algorithm.as_str()) {
        return Ok(());
    }
    let detail = format!("{algorithm} parameters where DH's belong");
    Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail))
}
