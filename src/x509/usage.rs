//! What certificates are meant for.

use std::fmt;

use super::Oid;

/// What a certificate is meant for ([RFC 5280 § 4.2.1.12]).
///
/// [RFC 5280 § 4.2.1.12]: https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtendedKeyUsage {
    /// A TLS server.
    ServerAuth,
    /// A TLS client.
    ClientAuth,
    /// Signing code.
    CodeSigning,
    /// E-mail.
    EmailProtection,
    /// Time stamps.
    TimeStamping,
    /// OCSP responses.
    OcspSigning,
    /// Everything.
    Any,
    /// What this identifier stands for.
    Other(Oid),
}

const KNOWN: [(&[u8], ExtendedKeyUsage, &str, &str); 7] = [
    (b"\x2b\x06\x01\x05\x05\x07\x03\x01", ExtendedKeyUsage::ServerAuth, "1.3.6.1.5.5.7.3.1", "serverAuth"),
    (b"\x2b\x06\x01\x05\x05\x07\x03\x02", ExtendedKeyUsage::ClientAuth, "1.3.6.1.5.5.7.3.2", "clientAuth"),
    (b"\x2b\x06\x01\x05\x05\x07\x03\x03", ExtendedKeyUsage::CodeSigning, "1.3.6.1.5.5.7.3.3", "codeSigning"),
    (
        b"\x2b\x06\x01\x05\x05\x07\x03\x04",
        ExtendedKeyUsage::EmailProtection,
        "1.3.6.1.5.5.7.3.4",
        "emailProtection",
    ),
    (
        b"\x2b\x06\x01\x05\x05\x07\x03\x08",
        ExtendedKeyUsage::TimeStamping,
        "1.3.6.1.5.5.7.3.8",
        "timeStamping",
    ),
    (b"\x2b\x06\x01\x05\x05\x07\x03\x09", ExtendedKeyUsage::OcspSigning, "1.3.6.1.5.5.7.3.9", "OCSPSigning"),
    (b"\x55\x1d\x25\x00", ExtendedKeyUsage::Any, "2.5.29.37.0", "anyExtendedKeyUsage"),
];

impl ExtendedKeyUsage {
    /// The object identifier as numbers with dots between.
    pub fn as_text(&self) -> &str {
        match (self, self.known()) {
            (Self::Other(oid), _) => oid.as_text(),
            (_, known) => known.map_or("", |(_, _, text, _)| text),
        }
    }

    /// The contents of the object identifier's encoding.
    pub fn as_bytes(&self) -> &[u8] {
        match (self, self.known()) {
            (Self::Other(oid), _) => oid.as_bytes(),
            (_, known) => known.map_or(&[], |(bytes, ..)| bytes),
        }
    }

    fn known(&self) -> Option<&'static (&'static [u8], Self, &'static str, &'static str)> {
        KNOWN.iter().find(|(_, usage, ..)| usage == self)
    }
}

impl From<Oid> for ExtendedKeyUsage {
    fn from(oid: Oid) -> Self {
        match KNOWN.iter().find(|(bytes, ..)| *bytes == oid.as_bytes()) {
            Some((_, usage, ..)) => usage.clone(),
            None => Self::Other(oid),
        }
    }
}

impl fmt::Display for ExtendedKeyUsage {
    /// OpenSSL's short name, or else the numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.known()) {
            (Self::Other(oid), _) => oid.fmt(f),
            (_, known) => f.write_str(known.map_or("", |(.., name)| name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openssl_knows_the_same_names_for_them() {
        for (bytes, usage, text, name) in &KNOWN {
            let oid = Oid::from_text(text).unwrap();
            assert_eq!((oid.as_bytes(), oid.short_name()), (*bytes, Some(*name)));
            let from = ExtendedKeyUsage::from(oid);
            assert_eq!((&from, from.as_text(), from.as_bytes()), (usage, *text, *bytes));
        }
        let other = ExtendedKeyUsage::from(Oid::from_text("1.2.3.4").unwrap());
        assert_eq!((other.as_text(), other.to_string().as_str()), ("1.2.3.4", "1.2.3.4"));
    }
}
