//! The numbers of a ClientHello that have names: groups and signature schemes.

use std::fmt;

macro_rules! numbers {
    (
        $(#[$doc:meta])*
        $type:ident { $($name:ident = $number:literal, $text:literal;)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $type(pub u16);

        impl $type {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Self = Self($number);
            )*

            /// The name in the registry, or `None` for a number without a constant here.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }

            /// Whether the number is one that clients send to keep servers tolerant, and that means nothing
            /// ([RFC 8701](https://www.rfc-editor.org/rfc/rfc8701)).
            pub fn is_grease(self) -> bool {
                is_grease(self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "{:#06x}", self.0),
                }
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }
    };
}

numbers! {
    /// A key exchange group by its number in the protocol. Unknown numbers are kept.
    NamedGroup {
        SECP256R1 = 0x0017, "secp256r1";
        SECP384R1 = 0x0018, "secp384r1";
        SECP521R1 = 0x0019, "secp521r1";
        X25519 = 0x001d, "x25519";
        X448 = 0x001e, "x448";
        FFDHE2048 = 0x0100, "ffdhe2048";
        FFDHE3072 = 0x0101, "ffdhe3072";
        FFDHE4096 = 0x0102, "ffdhe4096";
        FFDHE6144 = 0x0103, "ffdhe6144";
        FFDHE8192 = 0x0104, "ffdhe8192";
        MLKEM512 = 0x0200, "MLKEM512";
        MLKEM768 = 0x0201, "MLKEM768";
        MLKEM1024 = 0x0202, "MLKEM1024";
        SECP256R1MLKEM768 = 0x11eb, "SecP256r1MLKEM768";
        X25519MLKEM768 = 0x11ec, "X25519MLKEM768";
        SECP384R1MLKEM1024 = 0x11ed, "SecP384r1MLKEM1024";
    }
}

numbers! {
    /// A signature scheme by its number in the protocol. Unknown numbers are kept.
    SignatureScheme {
        RSA_PKCS1_SHA1 = 0x0201, "rsa_pkcs1_sha1";
        ECDSA_SHA1 = 0x0203, "ecdsa_sha1";
        RSA_PKCS1_SHA256 = 0x0401, "rsa_pkcs1_sha256";
        ECDSA_SECP256R1_SHA256 = 0x0403, "ecdsa_secp256r1_sha256";
        RSA_PKCS1_SHA384 = 0x0501, "rsa_pkcs1_sha384";
        ECDSA_SECP384R1_SHA384 = 0x0503, "ecdsa_secp384r1_sha384";
        RSA_PKCS1_SHA512 = 0x0601, "rsa_pkcs1_sha512";
        ECDSA_SECP521R1_SHA512 = 0x0603, "ecdsa_secp521r1_sha512";
        RSA_PSS_RSAE_SHA256 = 0x0804, "rsa_pss_rsae_sha256";
        RSA_PSS_RSAE_SHA384 = 0x0805, "rsa_pss_rsae_sha384";
        RSA_PSS_RSAE_SHA512 = 0x0806, "rsa_pss_rsae_sha512";
        ED25519 = 0x0807, "ed25519";
        ED448 = 0x0808, "ed448";
        RSA_PSS_PSS_SHA256 = 0x0809, "rsa_pss_pss_sha256";
        RSA_PSS_PSS_SHA384 = 0x080a, "rsa_pss_pss_sha384";
        RSA_PSS_PSS_SHA512 = 0x080b, "rsa_pss_pss_sha512";
        MLDSA44 = 0x0904, "mldsa44";
        MLDSA65 = 0x0905, "mldsa65";
        MLDSA87 = 0x0906, "mldsa87";
    }
}

/// `0x0a0a`, `0x1a1a`, … `0xfafa`.
fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names_and_unknown_ones_are_kept() {
        assert_eq!(NamedGroup(0x1d), NamedGroup::X25519);
        assert_eq!(NamedGroup::X25519.to_string(), "x25519");
        assert_eq!(format!("{:?}", NamedGroup(0xabcd)), "NamedGroup(0xabcd)");
        assert_eq!(SignatureScheme(0x0804).name(), Some("rsa_pss_rsae_sha256"));
        assert_eq!(SignatureScheme(0).name(), None);
    }

    #[test]
    fn grease_is_told_apart() {
        let greased = (0..=u16::MAX).filter(|number| NamedGroup(*number).is_grease()).count();
        assert_eq!(greased, 16);
        assert!(SignatureScheme(0xfafa).is_grease() && !SignatureScheme(0xfa0a).is_grease());
    }
}
