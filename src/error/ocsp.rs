//! Why the status of a certificate was refused.

use std::ffi::c_int;
use std::fmt;
use std::time::SystemTime;

use super::{CrlReason, VerifyError};

/// What is wrong with an OCSP response, or with what it says. Nothing of it is ever "good enough".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OcspRefusal {
    /// There is none, where one was demanded.
    Missing,
    /// It cannot be parsed, or contradicts itself.
    Malformed,
    /// The responder answered that it gives no answer.
    NotSuccessful(OcspResponseStatus),
    /// The certificate of the signer is neither in the response nor among those known here.
    NoSigner,
    /// The signature is wrong.
    BadSignature,
    /// The signer is not trusted: its own chain does not verify.
    UntrustedSigner,
    /// The signer is known, but may not speak for the certificate's issuer.
    UnauthorizedSigner,
    /// It answers another request: the nonce is missing or is another one.
    OtherRequest,
    /// It speaks of other certificates only.
    OtherCertificate,
    /// It becomes valid in the future.
    NotYetValid,
    /// It is no longer valid, or too old.
    Stale,
    /// The responder does not know the certificate.
    Unknown,
    /// The certificate is revoked.
    Revoked {
        /// Since when.
        at: SystemTime,
        /// Why, if the responder says so.
        reason: Option<CrlReason>,
    },
    /// Nobody knows whom to ask: the certificate's issuer is not in its chain.
    NoIssuer,
}

impl OcspRefusal {
    /// The nearest `X509_V_ERR_…` code, one that every OpenSSL has words for.
    pub fn verify_error(self) -> VerifyError {
        match self {
            Self::Missing => VerifyError::OCSP_VERIFY_NEEDED,
            Self::Unknown => VerifyError::OCSP_CERT_UNKNOWN,
            Self::Revoked { .. } => VerifyError::CERT_REVOKED,
            _ => VerifyError::OCSP_VERIFY_FAILED,
        }
    }
}

impl fmt::Display for OcspRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is no OCSP response",
            Self::Malformed => "the OCSP response is malformed",
            Self::NotSuccessful(status) => return write!(f, "the OCSP responder answered {status}"),
            Self::NoSigner => "the signer of the OCSP response is not known",
            Self::BadSignature => "the signature of the OCSP response is wrong",
            Self::UntrustedSigner => "the signer of the OCSP response is not trusted",
            Self::UnauthorizedSigner => "the signer of the OCSP response may not speak for the issuer",
            Self::OtherRequest => "the OCSP response answers another request",
            Self::OtherCertificate => "the OCSP response speaks of another certificate",
            Self::NotYetValid => "the OCSP response is not yet valid",
            Self::Stale => "the OCSP response is no longer valid",
            Self::Unknown => "the OCSP responder does not know the certificate",
            Self::Revoked { reason: None, .. } => "the certificate is revoked",
            Self::Revoked { reason: Some(reason), .. } => {
                return write!(f, "the certificate is revoked: {reason}");
            }
            Self::NoIssuer => "the issuer of the certificate is not known, and so no OCSP responder",
        })
    }
}

/// What a responder says of its own answer. Unknown codes are kept.
///
/// C: [`OCSP_response_status(3)`](https://docs.openssl.org/master/man3/OCSP_response_status/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OcspResponseStatus {
    /// `successful`: there is an answer inside.
    #[doc(alias = "OCSP_RESPONSE_STATUS_SUCCESSFUL")]
    Successful,
    /// `malformedRequest`
    #[doc(alias = "OCSP_RESPONSE_STATUS_MALFORMEDREQUEST")]
    MalformedRequest,
    /// `internalError`
    #[doc(alias = "OCSP_RESPONSE_STATUS_INTERNALERROR")]
    InternalError,
    /// `tryLater`
    #[doc(alias = "OCSP_RESPONSE_STATUS_TRYLATER")]
    TryLater,
    /// `sigRequired`
    #[doc(alias = "OCSP_RESPONSE_STATUS_SIGREQUIRED")]
    SigRequired,
    /// `unauthorized`: this responder does not answer for that certificate.
    #[doc(alias = "OCSP_RESPONSE_STATUS_UNAUTHORIZED")]
    Unauthorized,
    /// A code without a name.
    Other(c_int),
}

impl OcspResponseStatus {
    pub(crate) fn from_raw(code: c_int) -> Self {
        match code {
            0 => Self::Successful,
            1 => Self::MalformedRequest,
            2 => Self::InternalError,
            3 => Self::TryLater,
            5 => Self::SigRequired,
            6 => Self::Unauthorized,
            other => Self::Other(other),
        }
    }

    /// The number on the wire.
    pub fn code(self) -> c_int {
        match self {
            Self::Successful => 0,
            Self::MalformedRequest => 1,
            Self::InternalError => 2,
            Self::TryLater => 3,
            Self::SigRequired => 5,
            Self::Unauthorized => 6,
            Self::Other(other) => other,
        }
    }
}

impl fmt::Display for OcspResponseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Successful => "successful",
            Self::MalformedRequest => "malformedRequest",
            Self::InternalError => "internalError",
            Self::TryLater => "tryLater",
            Self::SigRequired => "sigRequired",
            Self::Unauthorized => "unauthorized",
            Self::Other(other) => return write!(f, "status {other}"),
        })
    }
}
