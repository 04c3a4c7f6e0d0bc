//! Protocol versions: the range that is set, and the one in use.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::context::ProtocolVersion;
use crate::error::Error;
use crate::ffi::{compat, strings};

impl SslRef {
    /// The version in use; before it was agreed on, the highest one that the method has.
    ///
    /// C: [`SSL_version(3)`](https://docs.openssl.org/master/man3/SSL_get_version/)
    #[doc(alias = "SSL_version")]
    pub fn version(&self) -> ProtocolVersion {
        // SAFETY: the object is live, and the call only reads it.
        ProtocolVersion(unsafe { sys::SSL_version(self.as_ptr()) })
    }

    /// OpenSSL's name for the version in use, such as `TLSv1.3`.
    ///
    /// C: [`SSL_get_version(3)`](https://docs.openssl.org/master/man3/SSL_get_version/)
    #[doc(alias = "SSL_get_version")]
    pub fn version_string(&self) -> &'static str {
        // SAFETY: the object is live; the strings are constants.
        unsafe { strings::constant(sys::SSL_get_version(self.as_ptr())) }
    }

    /// The version that the ClientHello named; in TLS 1.3 that is TLS 1.2, and the true one is in an extension.
    ///
    /// C: [`SSL_client_version(3)`](https://docs.openssl.org/master/man3/SSL_get_version/)
    #[doc(alias = "SSL_client_version")]
    pub fn client_version(&self) -> ProtocolVersion {
        // SAFETY: the object is live, and the call only reads it.
        ProtocolVersion(unsafe { ext::SSL_client_version(self.as_ptr()) })
    }

    /// The version in use if it is one of TLS, and not of DTLS or QUIC.
    #[doc(alias = "TLS1_get_version")]
    pub fn tls_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the object is live, and the call only reads it; 0 means another protocol.
        ProtocolVersion::from_bound(unsafe { ext::TLS1_get_version(self.as_ptr()) })
    }

    /// The version that the ClientHello named if it is one of TLS, and not of DTLS or QUIC.
    #[doc(alias = "TLS1_get_client_version")]
    pub fn tls_client_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the object is live, and the call only reads it; 0 means another protocol.
        ProtocolVersion::from_bound(unsafe { ext::TLS1_get_client_version(self.as_ptr()) })
    }

    /// Whether the object speaks TLS over a stream: neither DTLS nor QUIC.
    ///
    /// C: [`SSL_is_tls(3)`](https://docs.openssl.org/master/man3/SSL_get_version/)
    #[doc(alias = "SSL_is_tls")]
    pub fn is_tls(&self) -> bool {
        // SAFETY: the object is live.
        unsafe { compat::ssl::is_tls(self.as_ptr()) }
    }

    /// Whether the object speaks DTLS.
    ///
    /// C: [`SSL_is_dtls(3)`](https://docs.openssl.org/master/man3/SSL_get_version/)
    #[doc(alias = "SSL_is_dtls")]
    pub fn is_dtls(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_is_dtls(self.as_ptr()) == 1 }
    }

    /// The lowest version that is spoken, or `None` for the lowest that OpenSSL has.
    ///
    /// C: [`SSL_get_min_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_get_min_proto_version")]
    pub fn min_proto_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the object is live, and the call only reads it.
        ProtocolVersion::from_bound(unsafe { ext::SSL_get_min_proto_version(self.as_ptr()) })
    }

    /// The highest version that is spoken, or `None` for the highest that OpenSSL has.
    ///
    /// C: [`SSL_get_max_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_get_max_proto_version")]
    pub fn max_proto_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the object is live, and the call only reads it.
        ProtocolVersion::from_bound(unsafe { ext::SSL_get_max_proto_version(self.as_ptr()) })
    }

    /// Sets the lowest version that is spoken; `None` is the lowest that OpenSSL has. This may also lower what the
    /// context or `openssl.cnf` set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a version of a protocol that the object's method
    /// does not speak, and for a method of one version only, which has no range;
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) for a number that is no version, or a range that OpenSSL
    /// was built without.
    ///
    /// C: [`SSL_set_min_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_set_min_proto_version")]
    pub fn set_min_proto_version(&mut self, version: Option<ProtocolVersion>) -> Result<(), Error> {
        const CALL: &str = "SSL_set_min_proto_version";
        let bound = ProtocolVersion::to_bound(CALL, version)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; any number is allowed.
        match unsafe { ext::SSL_set_min_proto_version(self.as_ptr(), bound) } {
            1 => ProtocolVersion::check_bound(CALL, version, self.min_proto_version()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Sets the highest version that is spoken; `None` is the highest that OpenSSL has.
    ///
    /// # Errors
    ///
    /// As [`set_min_proto_version`](Self::set_min_proto_version).
    ///
    /// C: [`SSL_set_max_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_set_max_proto_version")]
    pub fn set_max_proto_version(&mut self, version: Option<ProtocolVersion>) -> Result<(), Error> {
        const CALL: &str = "SSL_set_max_proto_version";
        let bound = ProtocolVersion::to_bound(CALL, version)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; any number is allowed.
        match unsafe { ext::SSL_set_max_proto_version(self.as_ptr(), bound) } {
            1 => ProtocolVersion::check_bound(CALL, version, self.max_proto_version()),
            _ => Err(Error::from_queue(CALL)),
        }
    }
}
