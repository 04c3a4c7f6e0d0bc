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
    ($($name:ident = $code:literal, $c_name:literal;)*) => {
        impl VerifyError {
            $(
                #[doc = concat!("`", $c_name, "`")]
                #[doc(alias = $c_name)]
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
    UNSPECIFIED = 1, "X509_V_ERR_UNSPECIFIED";
    UNABLE_TO_GET_ISSUER_CERT = 2, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT";
    UNABLE_TO_GET_CRL = 3, "X509_V_ERR_UNABLE_TO_GET_CRL";
    UNABLE_TO_DECRYPT_CERT_SIGNATURE = 4, "X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE";
    UNABLE_TO_DECRYPT_CRL_SIGNATURE = 5, "X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE";
    UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY = 6, "X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY";
    CERT_SIGNATURE_FAILURE = 7, "X509_V_ERR_CERT_SIGNATURE_FAILURE";
    CRL_SIGNATURE_FAILURE = 8, "X509_V_ERR_CRL_SIGNATURE_FAILURE";
    CERT_NOT_YET_VALID = 9, "X509_V_ERR_CERT_NOT_YET_VALID";
    CERT_HAS_EXPIRED = 10, "X509_V_ERR_CERT_HAS_EXPIRED";
    CRL_NOT_YET_VALID = 11, "X509_V_ERR_CRL_NOT_YET_VALID";
    CRL_HAS_EXPIRED = 12, "X509_V_ERR_CRL_HAS_EXPIRED";
    ERROR_IN_CERT_NOT_BEFORE_FIELD = 13, "X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD";
    ERROR_IN_CERT_NOT_AFTER_FIELD = 14, "X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD";
    ERROR_IN_CRL_LAST_UPDATE_FIELD = 15, "X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD";
    ERROR_IN_CRL_NEXT_UPDATE_FIELD = 16, "X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD";
    OUT_OF_MEM = 17, "X509_V_ERR_OUT_OF_MEM";
    DEPTH_ZERO_SELF_SIGNED_CERT = 18, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT";
    SELF_SIGNED_CERT_IN_CHAIN = 19, "X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN";
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY";
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21, "X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE";
    CERT_CHAIN_TOO_LONG = 22, "X509_V_ERR_CERT_CHAIN_TOO_LONG";
    CERT_REVOKED = 23, "X509_V_ERR_CERT_REVOKED";
    NO_ISSUER_PUBLIC_KEY = 24, "X509_V_ERR_NO_ISSUER_PUBLIC_KEY";
    PATH_LENGTH_EXCEEDED = 25, "X509_V_ERR_PATH_LENGTH_EXCEEDED";
    INVALID_PURPOSE = 26, "X509_V_ERR_INVALID_PURPOSE";
    CERT_UNTRUSTED = 27, "X509_V_ERR_CERT_UNTRUSTED";
    CERT_REJECTED = 28, "X509_V_ERR_CERT_REJECTED";
    SUBJECT_ISSUER_MISMATCH = 29, "X509_V_ERR_SUBJECT_ISSUER_MISMATCH";
    AKID_SKID_MISMATCH = 30, "X509_V_ERR_AKID_SKID_MISMATCH";
    AKID_ISSUER_SERIAL_MISMATCH = 31, "X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH";
    KEYUSAGE_NO_CERTSIGN = 32, "X509_V_ERR_KEYUSAGE_NO_CERTSIGN";
    UNABLE_TO_GET_CRL_ISSUER = 33, "X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER";
    UNHANDLED_CRITICAL_EXTENSION = 34, "X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION";
    KEYUSAGE_NO_CRL_SIGN = 35, "X509_V_ERR_KEYUSAGE_NO_CRL_SIGN";
    UNHANDLED_CRITICAL_CRL_EXTENSION = 36, "X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION";
    INVALID_NON_CA = 37, "X509_V_ERR_INVALID_NON_CA";
    PROXY_PATH_LENGTH_EXCEEDED = 38, "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED";
    KEYUSAGE_NO_DIGITAL_SIGNATURE = 39, "X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE";
    PROXY_CERTIFICATES_NOT_ALLOWED = 40, "X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED";
    INVALID_EXTENSION = 41, "X509_V_ERR_INVALID_EXTENSION";
    INVALID_POLICY_EXTENSION = 42, "X509_V_ERR_INVALID_POLICY_EXTENSION";
    NO_EXPLICIT_POLICY = 43, "X509_V_ERR_NO_EXPLICIT_POLICY";
    DIFFERENT_CRL_SCOPE = 44, "X509_V_ERR_DIFFERENT_CRL_SCOPE";
    UNSUPPORTED_EXTENSION_FEATURE = 45, "X509_V_ERR_UNSUPPORTED_EXTENSION_FEATURE";
    UNNESTED_RESOURCE = 46, "X509_V_ERR_UNNESTED_RESOURCE";
    PERMITTED_VIOLATION = 47, "X509_V_ERR_PERMITTED_VIOLATION";
    EXCLUDED_VIOLATION = 48, "X509_V_ERR_EXCLUDED_VIOLATION";
    SUBTREE_MINMAX = 49, "X509_V_ERR_SUBTREE_MINMAX";
    APPLICATION_VERIFICATION = 50, "X509_V_ERR_APPLICATION_VERIFICATION";
    UNSUPPORTED_CONSTRAINT_TYPE = 51, "X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE";
    UNSUPPORTED_CONSTRAINT_SYNTAX = 52, "X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX";
    UNSUPPORTED_NAME_SYNTAX = 53, "X509_V_ERR_UNSUPPORTED_NAME_SYNTAX";
    CRL_PATH_VALIDATION_ERROR = 54, "X509_V_ERR_CRL_PATH_VALIDATION_ERROR";
    PATH_LOOP = 55, "X509_V_ERR_PATH_LOOP";
    SUITE_B_INVALID_VERSION = 56, "X509_V_ERR_SUITE_B_INVALID_VERSION";
    SUITE_B_INVALID_ALGORITHM = 57, "X509_V_ERR_SUITE_B_INVALID_ALGORITHM";
    SUITE_B_INVALID_CURVE = 58, "X509_V_ERR_SUITE_B_INVALID_CURVE";
    SUITE_B_INVALID_SIGNATURE_ALGORITHM = 59, "X509_V_ERR_SUITE_B_INVALID_SIGNATURE_ALGORITHM";
    SUITE_B_LOS_NOT_ALLOWED = 60, "X509_V_ERR_SUITE_B_LOS_NOT_ALLOWED";
    SUITE_B_CANNOT_SIGN_P_384_WITH_P_256 = 61, "X509_V_ERR_SUITE_B_CANNOT_SIGN_P_384_WITH_P_256";
    HOSTNAME_MISMATCH = 62, "X509_V_ERR_HOSTNAME_MISMATCH";
    EMAIL_MISMATCH = 63, "X509_V_ERR_EMAIL_MISMATCH";
    IP_ADDRESS_MISMATCH = 64, "X509_V_ERR_IP_ADDRESS_MISMATCH";
    DANE_NO_MATCH = 65, "X509_V_ERR_DANE_NO_MATCH";
    EE_KEY_TOO_SMALL = 66, "X509_V_ERR_EE_KEY_TOO_SMALL";
    CA_KEY_TOO_SMALL = 67, "X509_V_ERR_CA_KEY_TOO_SMALL";
    CA_MD_TOO_WEAK = 68, "X509_V_ERR_CA_MD_TOO_WEAK";
    INVALID_CALL = 69, "X509_V_ERR_INVALID_CALL";
    STORE_LOOKUP = 70, "X509_V_ERR_STORE_LOOKUP";
    NO_VALID_SCTS = 71, "X509_V_ERR_NO_VALID_SCTS";
    PROXY_SUBJECT_NAME_VIOLATION = 72, "X509_V_ERR_PROXY_SUBJECT_NAME_VIOLATION";
    OCSP_VERIFY_NEEDED = 73, "X509_V_ERR_OCSP_VERIFY_NEEDED";
    OCSP_VERIFY_FAILED = 74, "X509_V_ERR_OCSP_VERIFY_FAILED";
    OCSP_CERT_UNKNOWN = 75, "X509_V_ERR_OCSP_CERT_UNKNOWN";
    UNSUPPORTED_SIGNATURE_ALGORITHM = 76, "X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM";
    SIGNATURE_ALGORITHM_MISMATCH = 77, "X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH";
    SIGNATURE_ALGORITHM_INCONSISTENCY = 78, "X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY";
    INVALID_CA = 79, "X509_V_ERR_INVALID_CA";
    PATHLEN_INVALID_FOR_NON_CA = 80, "X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA";
    PATHLEN_WITHOUT_KU_KEY_CERT_SIGN = 81, "X509_V_ERR_PATHLEN_WITHOUT_KU_KEY_CERT_SIGN";
    KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA = 82, "X509_V_ERR_KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA";
    ISSUER_NAME_EMPTY = 83, "X509_V_ERR_ISSUER_NAME_EMPTY";
    SUBJECT_NAME_EMPTY = 84, "X509_V_ERR_SUBJECT_NAME_EMPTY";
    MISSING_AUTHORITY_KEY_IDENTIFIER = 85, "X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER";
    MISSING_SUBJECT_KEY_IDENTIFIER = 86, "X509_V_ERR_MISSING_SUBJECT_KEY_IDENTIFIER";
    EMPTY_SUBJECT_ALT_NAME = 87, "X509_V_ERR_EMPTY_SUBJECT_ALT_NAME";
    EMPTY_SUBJECT_SAN_NOT_CRITICAL = 88, "X509_V_ERR_EMPTY_SUBJECT_SAN_NOT_CRITICAL";
    CA_BCONS_NOT_CRITICAL = 89, "X509_V_ERR_CA_BCONS_NOT_CRITICAL";
    AUTHORITY_KEY_IDENTIFIER_CRITICAL = 90, "X509_V_ERR_AUTHORITY_KEY_IDENTIFIER_CRITICAL";
    SUBJECT_KEY_IDENTIFIER_CRITICAL = 91, "X509_V_ERR_SUBJECT_KEY_IDENTIFIER_CRITICAL";
    CA_CERT_MISSING_KEY_USAGE = 92, "X509_V_ERR_CA_CERT_MISSING_KEY_USAGE";
    EXTENSIONS_REQUIRE_VERSION_3 = 93, "X509_V_ERR_EXTENSIONS_REQUIRE_VERSION_3";
    EC_KEY_EXPLICIT_PARAMS = 94, "X509_V_ERR_EC_KEY_EXPLICIT_PARAMS";
    RPK_UNTRUSTED = 95, "X509_V_ERR_RPK_UNTRUSTED";
}

impl VerifyError {
    /// `X509_V_OK`: nothing is wrong.
    #[doc(alias = "X509_V_OK")]
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
