//! Why a certificate was refused.

use std::ffi::c_int;
use std::fmt;

use openssl_sys as sys;

use super::Alert;
use crate::ffi::strings;
use crate::x509::{X509, X509Ref};

/// The result of verifying a certificate chain: an `X509_V_ERR_…` code. Unknown codes are kept.
///
/// C: [`X509_STORE_CTX_get_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VerifyError(pub c_int);

macro_rules! verify_errors {
    ($($name:ident = $code:literal;)*) => {
        impl VerifyError {
            $(
                #[doc = concat!("`X509_V_ERR_", stringify!($name), "`")]
                pub const $name: Self = Self($code);
            )*

            /// The C name without its prefix, such as `CERT_HAS_EXPIRED`, or `None` for an unknown code.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    Self::OK => Some("OK"),
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

verify_errors! {
    UNSPECIFIED = 1;
    UNABLE_TO_GET_ISSUER_CERT = 2;
    UNABLE_TO_GET_CRL = 3;
    UNABLE_TO_DECRYPT_CERT_SIGNATURE = 4;
    UNABLE_TO_DECRYPT_CRL_SIGNATURE = 5;
    UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY = 6;
    CERT_SIGNATURE_FAILURE = 7;
    CRL_SIGNATURE_FAILURE = 8;
    CERT_NOT_YET_VALID = 9;
    CERT_HAS_EXPIRED = 10;
    CRL_NOT_YET_VALID = 11;
    CRL_HAS_EXPIRED = 12;
    ERROR_IN_CERT_NOT_BEFORE_FIELD = 13;
    ERROR_IN_CERT_NOT_AFTER_FIELD = 14;
    ERROR_IN_CRL_LAST_UPDATE_FIELD = 15;
    ERROR_IN_CRL_NEXT_UPDATE_FIELD = 16;
    OUT_OF_MEM = 17;
    DEPTH_ZERO_SELF_SIGNED_CERT = 18;
    SELF_SIGNED_CERT_IN_CHAIN = 19;
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20;
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21;
    CERT_CHAIN_TOO_LONG = 22;
    CERT_REVOKED = 23;
    NO_ISSUER_PUBLIC_KEY = 24;
    PATH_LENGTH_EXCEEDED = 25;
    INVALID_PURPOSE = 26;
    CERT_UNTRUSTED = 27;
    CERT_REJECTED = 28;
    SUBJECT_ISSUER_MISMATCH = 29;
    AKID_SKID_MISMATCH = 30;
    AKID_ISSUER_SERIAL_MISMATCH = 31;
    KEYUSAGE_NO_CERTSIGN = 32;
    UNABLE_TO_GET_CRL_ISSUER = 33;
    UNHANDLED_CRITICAL_EXTENSION = 34;
    KEYUSAGE_NO_CRL_SIGN = 35;
    UNHANDLED_CRITICAL_CRL_EXTENSION = 36;
    INVALID_NON_CA = 37;
    PROXY_PATH_LENGTH_EXCEEDED = 38;
    KEYUSAGE_NO_DIGITAL_SIGNATURE = 39;
    PROXY_CERTIFICATES_NOT_ALLOWED = 40;
    INVALID_EXTENSION = 41;
    INVALID_POLICY_EXTENSION = 42;
    NO_EXPLICIT_POLICY = 43;
    DIFFERENT_CRL_SCOPE = 44;
    UNSUPPORTED_EXTENSION_FEATURE = 45;
    UNNESTED_RESOURCE = 46;
    PERMITTED_VIOLATION = 47;
    EXCLUDED_VIOLATION = 48;
    SUBTREE_MINMAX = 49;
    APPLICATION_VERIFICATION = 50;
    UNSUPPORTED_CONSTRAINT_TYPE = 51;
    UNSUPPORTED_CONSTRAINT_SYNTAX = 52;
    UNSUPPORTED_NAME_SYNTAX = 53;
    CRL_PATH_VALIDATION_ERROR = 54;
    PATH_LOOP = 55;
    SUITE_B_INVALID_VERSION = 56;
    SUITE_B_INVALID_ALGORITHM = 57;
    SUITE_B_INVALID_CURVE = 58;
    SUITE_B_INVALID_SIGNATURE_ALGORITHM = 59;
    SUITE_B_LOS_NOT_ALLOWED = 60;
    SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 = 61;
    HOSTNAME_MISMATCH = 62;
    EMAIL_MISMATCH = 63;
    IP_ADDRESS_MISMATCH = 64;
    DANE_NO_MATCH = 65;
    EE_KEY_TOO_SMALL = 66;
    CA_KEY_TOO_SMALL = 67;
    CA_MD_TOO_WEAK = 68;
    INVALID_CALL = 69;
    STORE_LOOKUP = 70;
    NO_VALID_SCTS = 71;
    PROXY_SUBJECT_NAME_VIOLATION = 72;
    OCSP_VERIFY_NEEDED = 73;
    OCSP_VERIFY_FAILED = 74;
    OCSP_CERT_UNKNOWN = 75;
    UNSUPPORTED_SIGNATURE_ALGORITHM = 76;
    SIGNATURE_ALGORITHM_MISMATCH = 77;
    SIGNATURE_ALGORITHM_INCONSISTENCY = 78;
    INVALID_CA = 79;
    PATHLEN_INVALID_FOR_NON_CA = 80;
    PATHLEN_WITHOUT_KU_KEY_CERT_SIGN = 81;
    KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA = 82;
    ISSUER_NAME_EMPTY = 83;
    SUBJECT_NAME_EMPTY = 84;
    MISSING_AUTHORITY_KEY_IDENTIFIER = 85;
    MISSING_SUBJECT_KEY_IDENTIFIER = 86;
    EMPTY_SUBJECT_ALT_NAME = 87;
    EMPTY_SUBJECT_SAN_NOT_CRITICAL = 88;
    CA_BCONS_NOT_CRITICAL = 89;
    AUTHORITY_KEY_IDENTIFIER_CRITICAL = 90;
    SUBJECT_KEY_IDENTIFIER_CRITICAL = 91;
    CA_CERT_MISSING_KEY_USAGE = 92;
    EXTENSIONS_REQUIRE_VERSION_3 = 93;
    EC_KEY_EXPLICIT_PARAMS = 94;
    RPK_UNTRUSTED = 95;
}

impl VerifyError {
    /// `X509_V_OK`: nothing is wrong.
    pub const OK: Self = Self(0);

    /// Whether verification succeeded.
    pub fn is_ok(self) -> bool {
        self == Self::OK
    }

    /// OpenSSL's own words for the code.
    #[doc(alias = "X509_verify_cert_error_string")]
    pub fn description(self) -> &'static str {
        // SAFETY: every code gives a constant string.
        unsafe { strings::constant(sys::X509_verify_cert_error_string(self.0.into())) }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.description(), self.0)
    }
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "VerifyError::{name}"),
            None => write!(f, "VerifyError({})", self.0),
        }
    }
}

impl VerifyError {
    /// The alert that libssl sends to a peer that it refuses for this reason.
    pub fn alert(self) -> Alert {
        match self {
            Self::CERT_REVOKED => Alert::CERTIFICATE_REVOKED,
            Self::CERT_HAS_EXPIRED | Self::CRL_HAS_EXPIRED => Alert::CERTIFICATE_EXPIRED,
            Self::CERT_SIGNATURE_FAILURE | Self::CRL_SIGNATURE_FAILURE => Alert::DECRYPT_ERROR,
            Self::INVALID_PURPOSE => Alert::UNSUPPORTED_CERTIFICATE,
            Self::APPLICATION_VERIFICATION => Alert::HANDSHAKE_FAILURE,
            Self::UNSPECIFIED | Self::OUT_OF_MEM | Self::INVALID_CALL | Self::STORE_LOOKUP => {
                Alert::INTERNAL_ERROR
            }
            Self::CERT_CHAIN_TOO_LONG
            | Self::DEPTH_ZERO_SELF_SIGNED_CERT
            | Self::INVALID_CA
            | Self::PATH_LENGTH_EXCEEDED
            | Self::SELF_SIGNED_CERT_IN_CHAIN
            | Self::UNABLE_TO_GET_CRL
            | Self::UNABLE_TO_GET_CRL_ISSUER
            | Self::UNABLE_TO_GET_ISSUER_CERT
            | Self::UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | Self::UNABLE_TO_VERIFY_LEAF_SIGNATURE => Alert::UNKNOWN_CA,
            Self::CA_KEY_TOO_SMALL
            | Self::EC_KEY_EXPLICIT_PARAMS
            | Self::CA_MD_TOO_WEAK
            | Self::CERT_NOT_YET_VALID
            | Self::CERT_REJECTED
            | Self::CERT_UNTRUSTED
            | Self::CRL_NOT_YET_VALID
            | Self::DANE_NO_MATCH
            | Self::EE_KEY_TOO_SMALL
            | Self::EMAIL_MISMATCH
            | Self::ERROR_IN_CERT_NOT_AFTER_FIELD
            | Self::ERROR_IN_CERT_NOT_BEFORE_FIELD
            | Self::ERROR_IN_CRL_LAST_UPDATE_FIELD
            | Self::ERROR_IN_CRL_NEXT_UPDATE_FIELD
            | Self::HOSTNAME_MISMATCH
            | Self::IP_ADDRESS_MISMATCH
            | Self::UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY
            | Self::UNABLE_TO_DECRYPT_CERT_SIGNATURE
            | Self::UNABLE_TO_DECRYPT_CRL_SIGNATURE => Alert::BAD_CERTIFICATE,
            _ => Alert::CERTIFICATE_UNKNOWN,
        }
    }

    /// What would have been accepted, where the code alone tells it.
    fn expectation(self) -> Option<&'static str> {
        Some(match self {
            Self::CERT_HAS_EXPIRED | Self::CERT_NOT_YET_VALID => "one that is valid now",
            Self::UNABLE_TO_GET_ISSUER_CERT
            | Self::UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | Self::UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | Self::DEPTH_ZERO_SELF_SIGNED_CERT
            | Self::SELF_SIGNED_CERT_IN_CHAIN
            | Self::CERT_UNTRUSTED => "a chain to a trust anchor",
            Self::CERT_SIGNATURE_FAILURE => "the signature of its issuer",
            Self::INVALID_PURPOSE => "one that its issuer made for this purpose",
            Self::INVALID_CA | Self::KEYUSAGE_NO_CERTSIGN => "one that may issue certificates",
            Self::PATH_LENGTH_EXCEEDED | Self::CERT_CHAIN_TOO_LONG => "a shorter chain",
            Self::EE_KEY_TOO_SMALL | Self::CA_KEY_TOO_SMALL => "a key of the security level",
            Self::CA_MD_TOO_WEAK => "a signature of the security level",
            Self::CERT_REVOKED => "one that is not revoked",
            Self::UNABLE_TO_GET_CRL | Self::UNABLE_TO_GET_CRL_ISSUER => "a revocation list of its issuer",
            Self::CRL_HAS_EXPIRED | Self::CRL_NOT_YET_VALID => "a revocation list that is valid now",
            Self::PERMITTED_VIOLATION | Self::EXCLUDED_VIOLATION => "names that its CA may certify",
            Self::UNHANDLED_CRITICAL_EXTENSION => "no critical extension that is unknown",
            Self::NO_EXPLICIT_POLICY => "one of the demanded policies",
            _ => return None,
        })
    }
}

/// Which certificate was refused in a handshake, and why.
///
/// `Display` is one line: the reason, the certificate, and what was expected instead.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VerifyFailure {
    /// The reason.
    pub error: VerifyError,
    /// The place in the chain, 0 for the peer's own certificate, where it is known.
    pub depth: Option<u32>,
    /// The refused certificate, where it is about one.
    pub certificate: Option<X509>,
    /// The names or the address that the peer's certificate should have borne.
    pub expected: Vec<String>,
    /// The names that the peer's own certificate bears, for display.
    pub presented: Vec<String>,
    /// The alert that was sent to the peer.
    pub alert: Option<Alert>,
    /// What the code does not say, such as that no pin fits.
    pub detail: Option<String>,
}

impl VerifyFailure {
    pub(crate) fn new(error: VerifyError, depth: Option<u32>, certificate: Option<X509>) -> Self {
        let (expected, presented) = (Vec::new(), Vec::new());
        Self { error, depth, certificate, expected, presented, alert: None, detail: None }
    }

    /// The refused certificate's subject in the form of RFC 2253, for display.
    pub fn subject(&self) -> Option<String> {
        self.certificate.as_ref().map(|certificate| certificate.subject_name().to_string())
    }

    /// Whether it is the names that do not fit.
    fn is_about_names(&self) -> bool {
        [VerifyError::HOSTNAME_MISMATCH, VerifyError::IP_ADDRESS_MISMATCH, VerifyError::EMAIL_MISMATCH]
            .contains(&self.error)
    }

    /// Of the certificate, what the reason is about.
    fn fmt_certificate(&self, certificate: &X509Ref, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", subject {:?}", certificate.subject_name().to_string())?;
        match self.error {
            VerifyError::CERT_HAS_EXPIRED => write!(f, ", valid until {}", certificate.not_after()),
            VerifyError::CERT_NOT_YET_VALID => write!(f, ", valid from {}", certificate.not_before()),
            VerifyError::UNABLE_TO_GET_ISSUER_CERT
            | VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY
            | VerifyError::UNABLE_TO_VERIFY_LEAF_SIGNATURE
            | VerifyError::UNABLE_TO_GET_CRL
            | VerifyError::CERT_SIGNATURE_FAILURE
            | VerifyError::CERT_REVOKED => {
                write!(f, ", issuer {:?}", certificate.issuer_name().to_string())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for VerifyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer's certificate was refused: {}", self.error)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(depth) = self.depth {
            write!(f, " at depth {depth}")?;
        }
        if let Some(certificate) = &self.certificate {
            self.fmt_certificate(certificate, f)?;
        }
        if self.is_about_names() {
            if !self.expected.is_empty() {
                write!(f, ", expected {}", self.expected.join(" or "))?;
            }
            match self.presented.as_slice() {
                [] => f.write_str(", presented no name")?,
                names => write!(f, ", presented {}", names.join(", "))?,
            }
        } else if let Some(expectation) = self.error.expectation() {
            write!(f, ", expected {expectation}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words() {
        for code in -1..200 {
            assert!(!VerifyError(code).description().is_empty());
        }
        assert_eq!(VerifyError::CERT_HAS_EXPIRED.to_string(), "certificate has expired (10)");
        assert_eq!(format!("{:?}", VerifyError(4711)), "VerifyError(4711)");
    }
}
