//! The range of protocol versions.

use std::ffi::c_int;
use std::fmt;
use std::str::FromStr;

use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind};

/// A protocol version by its number on the wire. Unknown numbers are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolVersion(pub c_int);

macro_rules! versions {
    ($($name:ident = $number:literal, $text:literal, $c_name:literal;)*) => {
        impl ProtocolVersion {
            $(
                #[doc = $text]
                #[doc(alias = $c_name)]
                pub const $name: Self = Self($number);
            )*

            /// The name that OpenSSL gives the version, such as `TLSv1.3`, or `None` for an unknown number.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }

            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

versions! {
    SSL3 = 0x0300, "SSLv3", "SSL3_VERSION";
    TLS1 = 0x0301, "TLSv1", "TLS1_VERSION";
    TLS1_1 = 0x0302, "TLSv1.1", "TLS1_1_VERSION";
    TLS1_2 = 0x0303, "TLSv1.2", "TLS1_2_VERSION";
    TLS1_3 = 0x0304, "TLSv1.3", "TLS1_3_VERSION";
    DTLS1_BAD = 0x0100, "DTLSv0.9", "DTLS1_BAD_VER";
    DTLS1 = 0xfeff, "DTLSv1", "DTLS1_VERSION";
    DTLS1_2 = 0xfefd, "DTLSv1.2", "DTLS1_2_VERSION";
    QUIC1 = 0x0000_0001, "QUICv1", "OSSL_QUIC1_VERSION";
}

impl ProtocolVersion {
    /// C's number: 0 stands for "as far as the library goes", and is therefore no version.
    pub(crate) fn to_bound(call: &'static str, version: Option<Self>) -> Result<c_int, Error> {
        match version {
            None => Ok(0),
            Some(Self(number @ 1..)) => Ok(number),
            Some(version) => Err(Error::new(ErrorKind::InvalidInput, call)
                .with_detail(format!("{version} is no protocol version"))),
        }
    }

    /// Checks that a bound that C took is the one that holds: one that does not fit the method is passed over without
    /// a word.
    pub(crate) fn check_bound(
        call: &'static str,
        wanted: Option<Self>,
        present: Option<Self>,
    ) -> Result<(), Error> {
        match wanted {
            Some(version) if present != wanted => Err(Error::new(ErrorKind::InvalidInput, call)
                .with_detail(format!("{version} bounds no version that the method has"))),
            _ => Ok(()),
        }
    }

    /// Whether this is `other` or a later version of the same protocol.
    fn reaches(self, other: Self) -> bool {
        match [self.0, other.0].map(|number| number >> 8) {
            [3, 3] => self.0 >= other.0,
            // DTLS counts down.
            [0xfe, 0xfe] => self.0 <= other.0,
            [0xfe, 0x01] => other == Self::DTLS1_BAD,
            _ => self == other,
        }
    }

    /// The bound that C's number stands for.
    pub(crate) fn from_bound(number: c_int) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }
}

/// Reads the names that OpenSSL's configuration and commands use, such as `TLSv1.2`.
impl FromStr for ProtocolVersion {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL
            .iter()
            .find(|version| version.name().is_some_and(|known| known.eq_ignore_ascii_case(name)));
        found.copied().ok_or_else(|| {
            Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_min_proto_version")
                .with_detail(format!("{name:?} names no protocol version, as TLSv1.2 does"))
        })
    }
}

impl ContextSettings {
    /// The lowest version that is spoken; `None` is the lowest that the library has.
    ///
    /// C: [`SSL_CTX_get_min_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_CTX_get_min_proto_version")]
    pub fn min_proto_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the context is live, and the call only reads it.
        ProtocolVersion::from_bound(unsafe { ext::SSL_CTX_get_min_proto_version(self.as_ptr()) })
    }

    /// The highest version that is spoken; `None` is the highest that the library has.
    ///
    /// C: [`SSL_CTX_get_max_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_CTX_get_max_proto_version")]
    pub fn max_proto_version(&self) -> Option<ProtocolVersion> {
        // SAFETY: the context is live, and the call only reads it.
        ProtocolVersion::from_bound(unsafe { ext::SSL_CTX_get_max_proto_version(self.as_ptr()) })
    }
}

impl SslContextBuilderRef {
    /// Sets the lowest version that is spoken; `None` is the lowest that the library has. As in C, this also lowers
    /// what `openssl.cnf` sets; [`raise_min_proto_version`](Self::raise_min_proto_version) does not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a version of a protocol that this context's method does not speak, and for a
    /// method of one version only, which has no range; [`ErrorKind::Unspecified`] for a number that is no version, or a
    /// range that OpenSSL was built without.
    ///
    /// C: [`SSL_CTX_set_min_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_CTX_set_min_proto_version")]
    pub fn set_min_proto_version(&mut self, version: Option<ProtocolVersion>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_min_proto_version";
        let bound = ProtocolVersion::to_bound(CALL, version)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        match unsafe { ext::SSL_CTX_set_min_proto_version(self.as_ptr(), bound) } {
            1 => ProtocolVersion::check_bound(CALL, version, self.min_proto_version()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Sets the highest version that is spoken; `None` is the highest that the library has.
    ///
    /// # Errors
    ///
    /// As [`set_min_proto_version`](Self::set_min_proto_version).
    ///
    /// C: [`SSL_CTX_set_max_proto_version(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_min_proto_version/)
    #[doc(alias = "SSL_CTX_set_max_proto_version")]
    pub fn set_max_proto_version(&mut self, version: Option<ProtocolVersion>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_max_proto_version";
        let bound = ProtocolVersion::to_bound(CALL, version)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        match unsafe { ext::SSL_CTX_set_max_proto_version(self.as_ptr(), bound) } {
            1 => ProtocolVersion::check_bound(CALL, version, self.max_proto_version()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Sets the lowest version that is spoken, unless the context already demands this one or a later one,
    /// for example because `openssl.cnf` does.
    ///
    /// # Errors
    ///
    /// As [`set_min_proto_version`](Self::set_min_proto_version).
    pub fn raise_min_proto_version(&mut self, version: ProtocolVersion) -> Result<(), Error> {
        match self.min_proto_version() {
            Some(present) if present.reaches(version) => Ok(()),
            _ => self.set_min_proto_version(Some(version)),
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

impl fmt::Debug for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolVersion({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_by_the_names_they_show() {
        for version in ProtocolVersion::ALL {
            assert_eq!(version.to_string().parse::<ProtocolVersion>().ok(), Some(*version));
        }
        assert_eq!("1.2".parse::<ProtocolVersion>().unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    #[test]
    fn later_versions_are_told_within_one_protocol() {
        use ProtocolVersion as V;
        assert!(
            V::TLS1_3.reaches(V::TLS1_2) && V::TLS1_2.reaches(V::TLS1_2) && !V::TLS1_2.reaches(V::TLS1_3)
        );
        assert!(
            V::DTLS1_2.reaches(V::DTLS1) && V::DTLS1.reaches(V::DTLS1_BAD) && !V::DTLS1.reaches(V::DTLS1_2)
        );
        for other in [V::DTLS1, V::DTLS1_2, V::DTLS1_BAD, V::QUIC1, V(0), V(-1), V(c_int::MIN)] {
            assert!(!V::TLS1_3.reaches(other), "{other}");
            assert!(!other.reaches(V::TLS1_2), "{other}");
        }
    }
}
