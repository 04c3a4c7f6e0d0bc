//! Why a certificate was revoked.

use std::fmt;

/// Why a certificate was revoked ([RFC 5280 § 5.3.1]).
///
/// [RFC 5280 § 5.3.1]: https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrlReason {
    /// It was not said.
    #[doc(alias = "CRL_REASON_UNSPECIFIED")]
    Unspecified,
    /// Somebody else may have the key.
    #[doc(alias = "CRL_REASON_KEY_COMPROMISE")]
    KeyCompromise,
    /// Somebody else may have the CA's key.
    #[doc(alias = "CRL_REASON_CA_COMPROMISE")]
    CaCompromise,
    /// The subject is called differently now.
    #[doc(alias = "CRL_REASON_AFFILIATION_CHANGED")]
    AffiliationChanged,
    /// There is another certificate in its place.
    #[doc(alias = "CRL_REASON_SUPERSEDED")]
    Superseded,
    /// It is needed no more.
    #[doc(alias = "CRL_REASON_CESSATION_OF_OPERATION")]
    CessationOfOperation,
    /// It may become good again.
    #[doc(alias = "CRL_REASON_CERTIFICATE_HOLD")]
    CertificateHold,
    /// In a list of changes: it is good again.
    #[doc(alias = "CRL_REASON_REMOVE_FROM_CRL")]
    RemoveFromCrl,
    /// It says what it should not say any more.
    #[doc(alias = "CRL_REASON_PRIVILEGE_WITHDRAWN")]
    PrivilegeWithdrawn,
    /// Somebody else may have the key of an attribute authority.
    #[doc(alias = "CRL_REASON_AA_COMPROMISE")]
    AaCompromise,
    /// Another number.
    Other(i64),
}

impl From<i64> for CrlReason {
    fn from(code: i64) -> Self {
        match code {
            0 => Self::Unspecified,
            1 => Self::KeyCompromise,
            2 => Self::CaCompromise,
            3 => Self::AffiliationChanged,
            4 => Self::Superseded,
            5 => Self::CessationOfOperation,
            6 => Self::CertificateHold,
            8 => Self::RemoveFromCrl,
            9 => Self::PrivilegeWithdrawn,
            10 => Self::AaCompromise,
            other => Self::Other(other),
        }
    }
}

impl CrlReason {
    /// The reason of a number as C gives it, for which -1 says that there is none.
    pub(crate) fn of_c(code: std::ffi::c_int) -> Option<Self> {
        (code != -1).then(|| i64::from(code).into())
    }
}

impl fmt::Display for CrlReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
            Self::Other(other) => return write!(f, "reason {other}"),
        })
    }
}
