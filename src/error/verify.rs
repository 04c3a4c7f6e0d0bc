//! Why a certificate was refused.

use std::ffi::c_int;
use std::fmt;

use openssl_sys as sys;

use crate::ffi::strings;

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

/// Which certificate was refused in a handshake, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyFailure {
    /// The reason.
    pub error: VerifyError,
    /// The place in the chain, 0 for the peer's own certificate, where it is known.
    pub depth: Option<u32>,
    /// The refused certificate's subject in RFC 2253 form, for display.
    pub subject: Option<String>,
    /// The refused certificate in DER.
    pub certificate: Option<Vec<u8>>,
    /// The names or the address that the peer's certificate should have borne.
    pub expected: Vec<String>,
}

impl fmt::Display for VerifyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer's certificate was refused: {}", self.error)?;
        if let Some(depth) = self.depth {
            write!(f, " at depth {depth}")?;
        }
        if let Some(subject) = &self.subject {
            write!(f, ", subject {subject:?}")?;
        }
        let names =
            [VerifyError::HOSTNAME_MISMATCH, VerifyError::IP_ADDRESS_MISMATCH, VerifyError::EMAIL_MISMATCH];
        if names.contains(&self.error) && !self.expected.is_empty() {
            write!(f, ", expected {}", self.expected.join(" or "))?;
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
