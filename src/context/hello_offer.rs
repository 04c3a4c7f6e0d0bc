//! What a ClientHello offers, as values. All of it is a stranger's bytes: what is malformed is `None`.

use super::{ClientHello, NamedGroup, ProtocolVersion, SignatureScheme};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat;
use crate::ssl::CipherList;

const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const POST_HANDSHAKE_AUTH: u16 = 49;
const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
const KEY_SHARE: u16 = 51;

impl ClientHello<'_> {
    /// The versions that the client offers, in its order: those of the extension `supported_versions`, or without it the
    /// [legacy version](Self::legacy_version), which stands for all before it too. `None` if the extension is malformed.
    ///
    /// Numbers without a meaning ([RFC 8701](https://www.rfc-editor.org/rfc/rfc8701)) are among them.
    pub fn versions(&self) -> Option<Vec<ProtocolVersion>> {
        match self.extension(SUPPORTED_VERSIONS) {
            None => Some(vec![self.legacy_version()]),
            Some(body) => versions(body),
        }
    }

    /// The cipher suites that the client offers and OpenSSL knows, in the client's order, and its signals.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if there are none, [`ErrorKind::Refused`] if the list is malformed, and
    /// [`ErrorKind::Unsupported`] as [`SslRef::parse_cipher_list`](crate::SslRef::parse_cipher_list).
    ///
    /// C: [`SSL_bytes_to_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    pub fn offered_ciphers(&self) -> Result<CipherList, Error> {
        self.parse_cipher_list(self.ciphers(), self.is_v2())
    }

    /// The numbers of all cipher suites that the client offers, known or not, in its order. `None` if the list is
    /// malformed. Suites of SSL 2 are left out.
    pub fn cipher_numbers(&self) -> Option<Vec<u16>> {
        cipher_numbers(self.ciphers(), self.is_v2())
    }

    /// The key exchange groups that the client knows, in its order. `None` without the extension, or if it is malformed.
    pub fn groups(&self) -> Option<Vec<NamedGroup>> {
        Some(list_of_numbers(self.extension(SUPPORTED_GROUPS)?)?.map(NamedGroup).collect())
    }

    /// The groups that the client sends a public key of, so that no second round is needed, in its order. `None` without
    /// the extension, or if it is malformed.
    pub fn key_share_groups(&self) -> Option<Vec<NamedGroup>> {
        key_share_groups(self.extension(KEY_SHARE)?)
    }

    /// The signature schemes that the client takes, in its order. `None` without the extension, or if it is malformed.
    pub fn signature_schemes(&self) -> Option<Vec<SignatureScheme>> {
        Some(list_of_numbers(self.extension(SIGNATURE_ALGORITHMS)?)?.map(SignatureScheme).collect())
    }

    /// The signature schemes that the client takes inside certificates, where they are others than
    /// [`signature_schemes`](Self::signature_schemes). `None` without the extension, or if it is malformed.
    pub fn certificate_signature_schemes(&self) -> Option<Vec<SignatureScheme>> {
        Some(list_of_numbers(self.extension(SIGNATURE_ALGORITHMS_CERT)?)?.map(SignatureScheme).collect())
    }

    /// The ticket of TLS 1.2 that the client shows, empty where it only asks for one. `None` without the extension. In
    /// TLS 1.3 tickets are [pre-shared keys](Self::offers_psk).
    pub fn session_ticket(&self) -> Option<&[u8]> {
        self.extension(SESSION_TICKET)
    }

    /// Whether the client offers a pre-shared key, which is how TLS 1.3 resumes sessions.
    pub fn offers_psk(&self) -> bool {
        self.extension(PRE_SHARED_KEY).is_some()
    }

    /// Whether early data follows.
    pub fn offers_early_data(&self) -> bool {
        self.extension(EARLY_DATA).is_some()
    }

    /// Whether the client would show a certificate after the handshake, if it is asked.
    pub fn offers_post_handshake_auth(&self) -> bool {
        self.extension(POST_HANDSHAKE_AUTH).is_some()
    }

    /// The numbers of the extensions in the client's order. Those that this OpenSSL does not know are not among them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2, where [`extensions`](Self::extensions) gives them without an order.
    ///
    /// C: [`SSL_client_hello_get_extension_order(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_hello_cb/)
    #[doc(alias = "SSL_client_hello_get_extension_order")]
    pub fn extension_order(&self) -> Result<Vec<u16>, Error> {
        const CALL: &str = "SSL_client_hello_get_extension_order";
        let ssl = self.as_ptr();
        let mut len = 0;
        error::clear();
        // SAFETY: the object is live and in its ClientHello callback; without an array C only counts.
        if unsafe { compat::ssl::client_hello_extension_order(ssl, std::ptr::null_mut(), &raw mut len) }? != 1
        {
            return Err(Error::from_queue(CALL));
        }
        let mut numbers = vec![0_u16; len];
        if len == 0 {
            return Ok(numbers);
        }
        // SAFETY: as above; the array has room for as many as C counted, and C writes how many there are.
        let done =
            unsafe { compat::ssl::client_hello_extension_order(ssl, numbers.as_mut_ptr(), &raw mut len) }?;
        if done != 1 || len > numbers.len() {
            return Err(Error::new(ErrorKind::Unspecified, CALL));
        }
        numbers.truncate(len);
        Ok(numbers)
    }
}

/// The numbers in bytes that two of them make one each.
fn numbers(bytes: &[u8]) -> Option<impl Iterator<Item = u16>> {
    let pairs = bytes.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])))
}

/// The numbers of a list that has its length in two bytes before it.
fn list_of_numbers(body: &[u8]) -> Option<impl Iterator<Item = u16>> {
    numbers(super::hello::prefixed(body)?)
}

/// The list has its length in one byte before it.
fn versions(body: &[u8]) -> Option<Vec<ProtocolVersion>> {
    let (&len, list) = body.split_first()?;
    if usize::from(len) != list.len() {
        return None;
    }
    Some(numbers(list)?.map(|number| ProtocolVersion(number.into())).collect())
}

/// SSL 2's form has three bytes a suite, of which the first is 0 for those of later protocols.
fn cipher_numbers(list: &[u8], sslv2_format: bool) -> Option<Vec<u16>> {
    if !sslv2_format {
        return Some(numbers(list)?.collect());
    }
    let triples = list.chunks_exact(3);
    triples.remainder().is_empty().then(|| {
        triples
            .filter(|triple| triple[0] == 0)
            .map(|triple| u16::from_be_bytes([triple[1], triple[2]]))
            .collect()
    })
}

/// Each group has its public key behind it, with a length in two bytes.
fn key_share_groups(body: &[u8]) -> Option<Vec<NamedGroup>> {
    let mut rest = super::hello::prefixed(body)?;
    let mut groups = Vec::new();
    while !rest.is_empty() {
        let (group, tail) = rest.split_first_chunk()?;
        let (len, tail) = tail.split_first_chunk()?;
        let (_key, tail) = tail.split_at_checked(u16::from_be_bytes(*len).into())?;
        groups.push(NamedGroup(u16::from_be_bytes(*group)));
        rest = tail;
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(body: &[u8]) -> Option<Vec<u16>> {
        list_of_numbers(body).map(Iterator::collect)
    }

    #[test]
    fn what_is_well_formed_is_read_in_order() {
        assert_eq!(groups(b"\x00\x04\x00\x1d\x00\x17"), Some(vec![0x1d, 0x17]));
        assert_eq!(
            versions(b"\x04\x03\x04\x03\x03"),
            Some(vec![ProtocolVersion::TLS1_3, ProtocolVersion::TLS1_2])
        );
        assert_eq!(cipher_numbers(b"\x13\x01\xc0\x2f", false), Some(vec![0x1301, 0xc02f]));
        assert_eq!(cipher_numbers(b"\x00\x00\x2f\x07\x00\xc0", true), Some(vec![0x002f]));
        assert_eq!(
            key_share_groups(b"\x00\x0b\x00\x1d\x00\x02ab\x00\x17\x00\x01c"),
            Some(vec![NamedGroup::X25519, NamedGroup::SECP256R1])
        );
        assert_eq!(key_share_groups(b"\x00\x00"), Some(Vec::new()));
    }

    #[test]
    fn what_is_malformed_is_none() {
        for body in
            [&b""[..], b"\x00", b"\x00\x02\x00", b"\x00\x01\x00", b"\x00\x03abc", b"\xff\xff", b"\x00\x02abc"]
        {
            assert_eq!(groups(body), None, "{body:?}");
        }
        for body in [&b""[..], b"\x02\x03", b"\x01\x03", b"\x03\x03\x04\x03", b"\xff", b"\x00\x03\x04"] {
            assert_eq!(versions(body), None, "{body:?}");
        }
        for body in [
            &b""[..],
            b"\x00\x01\x00",
            b"\x00\x04\x00\x1d\x00\x02",
            b"\x00\x05\x00\x1d\x00\x02a",
            b"\x00\x03\x00\x1d\x00",
        ] {
            assert_eq!(key_share_groups(body), None, "{body:?}");
        }
        assert_eq!(cipher_numbers(b"\x13", false), None);
        assert_eq!(cipher_numbers(b"\x00\x13", true), None);
    }

    /// Every prefix of a good list, and every list with a byte that was changed, is read or refused.
    #[test]
    fn no_bytes_panic() {
        let good = b"\x00\x0b\x00\x1d\x00\x02ab\x00\x17\x00\x01c";
        let read = |bytes: &[u8]| {
            let _ = (groups(bytes), versions(bytes), key_share_groups(bytes));
            let _ = (cipher_numbers(bytes, false), cipher_numbers(bytes, true));
        };
        for len in 0..=good.len() {
            read(&good[..len]);
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = good[..len].to_vec();
                    bytes[place] = byte;
                    read(&bytes);
                }
            }
        }
    }
}
