//! TLS alerts.

use std::ffi::c_int;
use std::fmt;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::ffi::strings;

/// The number of a TLS alert ([RFC 8446 § 6], and the registry behind it). Unknown numbers are kept.
///
/// C: [`SSL_alert_desc_string_long(3)`](https://docs.openssl.org/master/man3/SSL_alert_type_string/)
///
/// [RFC 8446 § 6]: https://www.rfc-editor.org/rfc/rfc8446#section-6
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alert(pub u8);

macro_rules! alerts {
    ($($name:ident = $number:literal, $text:literal, $c_name:literal;)*) => {
        impl Alert {
            $(
                #[doc = concat!("`", $text, "`")]
                #[doc(alias = $c_name)]
                pub const $name: Self = Self($number);
            )*

            /// The name that the RFCs give the alert, such as `handshake_failure`, or `None` for an unknown number.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

alerts! {
    CLOSE_NOTIFY = 0, "close_notify", "SSL_AD_CLOSE_NOTIFY";
    UNEXPECTED_MESSAGE = 10, "unexpected_message", "SSL_AD_UNEXPECTED_MESSAGE";
    BAD_RECORD_MAC = 20, "bad_record_mac", "SSL_AD_BAD_RECORD_MAC";
    DECRYPTION_FAILED = 21, "decryption_failed", "SSL_AD_DECRYPTION_FAILED";
    RECORD_OVERFLOW = 22, "record_overflow", "SSL_AD_RECORD_OVERFLOW";
    DECOMPRESSION_FAILURE = 30, "decompression_failure", "SSL_AD_DECOMPRESSION_FAILURE";
    HANDSHAKE_FAILURE = 40, "handshake_failure", "SSL_AD_HANDSHAKE_FAILURE";
    NO_CERTIFICATE = 41, "no_certificate", "SSL_AD_NO_CERTIFICATE";
    BAD_CERTIFICATE = 42, "bad_certificate", "SSL_AD_BAD_CERTIFICATE";
    UNSUPPORTED_CERTIFICATE = 43, "unsupported_certificate", "SSL_AD_UNSUPPORTED_CERTIFICATE";
    CERTIFICATE_REVOKED = 44, "certificate_revoked", "SSL_AD_CERTIFICATE_REVOKED";
    CERTIFICATE_EXPIRED = 45, "certificate_expired", "SSL_AD_CERTIFICATE_EXPIRED";
    CERTIFICATE_UNKNOWN = 46, "certificate_unknown", "SSL_AD_CERTIFICATE_UNKNOWN";
    ILLEGAL_PARAMETER = 47, "illegal_parameter", "SSL_AD_ILLEGAL_PARAMETER";
    UNKNOWN_CA = 48, "unknown_ca", "SSL_AD_UNKNOWN_CA";
    ACCESS_DENIED = 49, "access_denied", "SSL_AD_ACCESS_DENIED";
    DECODE_ERROR = 50, "decode_error", "SSL_AD_DECODE_ERROR";
    DECRYPT_ERROR = 51, "decrypt_error", "SSL_AD_DECRYPT_ERROR";
    EXPORT_RESTRICTION = 60, "export_restriction", "SSL_AD_EXPORT_RESTRICTION";
    PROTOCOL_VERSION = 70, "protocol_version", "SSL_AD_PROTOCOL_VERSION";
    INSUFFICIENT_SECURITY = 71, "insufficient_security", "SSL_AD_INSUFFICIENT_SECURITY";
    INTERNAL_ERROR = 80, "internal_error", "SSL_AD_INTERNAL_ERROR";
    INAPPROPRIATE_FALLBACK = 86, "inappropriate_fallback", "SSL_AD_INAPPROPRIATE_FALLBACK";
    USER_CANCELED = 90, "user_canceled", "SSL_AD_USER_CANCELLED";
    NO_RENEGOTIATION = 100, "no_renegotiation", "SSL_AD_NO_RENEGOTIATION";
    MISSING_EXTENSION = 109, "missing_extension", "SSL_AD_MISSING_EXTENSION";
    UNSUPPORTED_EXTENSION = 110, "unsupported_extension", "SSL_AD_UNSUPPORTED_EXTENSION";
    CERTIFICATE_UNOBTAINABLE = 111, "certificate_unobtainable", "SSL_AD_CERTIFICATE_UNOBTAINABLE";
    UNRECOGNIZED_NAME = 112, "unrecognized_name", "SSL_AD_UNRECOGNIZED_NAME";
    BAD_CERTIFICATE_STATUS_RESPONSE = 113, "bad_certificate_status_response", "SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE";
    BAD_CERTIFICATE_HASH_VALUE = 114, "bad_certificate_hash_value", "SSL_AD_BAD_CERTIFICATE_HASH_VALUE";
    UNKNOWN_PSK_IDENTITY = 115, "unknown_psk_identity", "SSL_AD_UNKNOWN_PSK_IDENTITY";
    CERTIFICATE_REQUIRED = 116, "certificate_required", "SSL_AD_CERTIFICATE_REQUIRED";
    NO_APPLICATION_PROTOCOL = 120, "no_application_protocol", "SSL_AD_NO_APPLICATION_PROTOCOL";
}

impl Alert {
    /// OpenSSL's own words for the alert.
    #[doc(alias = "SSL_alert_desc_string_long")]
    pub fn description(self) -> &'static str {
        // SAFETY: every number gives a constant string.
        unsafe { strings::constant(sys::SSL_alert_desc_string_long(c_int::from(self.0))) }
    }

    /// OpenSSL's abbreviation of the alert, in two letters: `HF` for a handshake failure, `UK` for an unknown number.
    #[doc(alias = "SSL_alert_desc_string")]
    pub fn abbreviation(self) -> &'static str {
        // SAFETY: every number gives a constant string.
        unsafe { strings::constant(ext::SSL_alert_desc_string(c_int::from(self.0))) }
    }
}

/// How grave an alert is.
///
/// C: [`SSL_alert_type_string(3)`](https://docs.openssl.org/master/man3/SSL_alert_type_string/)
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertLevel(pub u8);

impl AlertLevel {
    /// `warning`
    pub const WARNING: Self = Self(1);
    /// `fatal`: the connection is over.
    pub const FATAL: Self = Self(2);

    /// Takes the level and the alert out of the number that C's info callbacks are given.
    pub fn of_value(value: c_int) -> (Self, Alert) {
        let [alert, level, ..] = value.to_le_bytes();
        (Self(level), Alert(alert))
    }

    /// OpenSSL's letter for the level: `W`, `F`, and `U` for what it does not know.
    #[doc(alias = "SSL_alert_type_string")]
    pub fn letter(self) -> &'static str {
        // SAFETY: every number gives a constant string.
        unsafe { strings::constant(ext::SSL_alert_type_string(self.value())) }
    }

    /// OpenSSL's word for the level: `warning`, `fatal`, and `unknown` for what it does not know.
    #[doc(alias = "SSL_alert_type_string_long")]
    pub fn description(self) -> &'static str {
        // SAFETY: every number gives a constant string.
        unsafe { strings::constant(ext::SSL_alert_type_string_long(self.value())) }
    }

    /// As C has it, above the alert.
    fn value(self) -> c_int {
        c_int::from(self.0) << 8
    }
}

impl fmt::Display for AlertLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::WARNING | Self::FATAL => f.write_str(self.description()),
            Self(number) => write!(f, "{number}"),
        }
    }
}

impl fmt::Debug for AlertLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AlertLevel({self})")
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alert({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_shown() {
        for number in 0..=255 {
            let alert = Alert(number);
            assert!(alert.to_string().contains(&number.to_string()) && !alert.description().is_empty());
        }
        assert_eq!(Alert::HANDSHAKE_FAILURE.to_string(), "handshake_failure (40)");
    }
}
