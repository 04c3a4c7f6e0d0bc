//! What a ClientHello says, in types. Whatever of it is malformed is `None`, and libssl refuses it afterwards.

use openssl_sys as sys;

use super::hello::prefixed;
use super::{ClientHello, ProtocolVersion};
use crate::error::{self, Error};
use crate::ffi::compat;
use crate::ssl::SslCipher;

/// Numbers of extensions, as IANA gives them.
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;
const PSK_KEY_EXCHANGE_MODES: u16 = 45;
const SIGNATURE_ALGORITHMS_CERT: u16 = 50;
const KEY_SHARE: u16 = 51;
const STATUS_REQUEST: u16 = 5;
const POST_HANDSHAKE_AUTH: u16 = 49;

/// Numbers in the list of suites that only signal something: renegotiation is secure, and a version was stepped down.
const SIGNALS: [u16; 2] = [0x00ff, 0x5600];

impl ClientHello<'_> {
    /// The protocol versions that the client offers, in its order: what the extension `supported_versions` lists, or, from a
    /// client before TLS 1.3, the version in the [old field](Self::legacy_version), with which it takes older ones too.
    /// Numbers that stand for no version (RFC 8701) are among them.
    pub fn versions(&self) -> Vec<ProtocolVersion> {
        let listed = self.extension(SUPPORTED_VERSIONS).and_then(|body| {
            let (len, list) = body.split_first()?;
            (usize::from(*len) == list.len()).then_some(list)
        });
        match listed.and_then(numbers) {
            Some(versions) => versions.into_iter().map(|number| ProtocolVersion(number.into())).collect(),
            None => vec![self.legacy_version()],
        }
    }

    /// Whether the client offers this version.
    pub fn offers_version(&self, version: ProtocolVersion) -> bool {
        self.versions().contains(&version)
    }

    /// The numbers of the cipher suites that the client offers, in its order. `None` in a message of SSL 2's form.
    pub fn cipher_suite_numbers(&self) -> Option<Vec<u16>> {
        if self.is_v2() { None } else { numbers(self.ciphers()) }
    }

    /// The cipher suites that the client offers and this OpenSSL knows, in the client's order, without those that only
    /// signal something.
    ///
    /// C: [`SSL_CIPHER_find(3)`](https://docs.openssl.org/master/man3/SSL_CIPHER_get_name/)
    #[doc(alias = "SSL_CIPHER_find")]
    pub fn cipher_suites(&self) -> Vec<SslCipher> {
        let numbers = self.cipher_suite_numbers().unwrap_or_default();
        let suites = numbers.into_iter().filter(|number| !SIGNALS.contains(number));
        suites.filter_map(|number| self.ssl.find_cipher(number)).collect()
    }

    /// The numbers of the groups that the client offers (`supported_groups`), in its order.
    pub fn supported_groups(&self) -> Option<Vec<u16>> {
        numbers(prefixed(self.extension(SUPPORTED_GROUPS)?)?)
    }

    /// The numbers of the groups of which the client sent a key already (TLS 1.3), in its order.
    pub fn key_share_groups(&self) -> Option<Vec<u16>> {
        key_shares(self.extension(KEY_SHARE)?)
    }

    /// The numbers of the signature algorithms that the client takes in the handshake, such as `0x0804` for
    /// `rsa_pss_rsae_sha256`, in its order.
    pub fn signature_algorithms(&self) -> Option<Vec<u16>> {
        numbers(prefixed(self.extension(SIGNATURE_ALGORITHMS)?)?)
    }

    /// The numbers of the signature algorithms that the client takes in certificates, where it says so apart.
    pub fn certificate_signature_algorithms(&self) -> Option<Vec<u16>> {
        numbers(prefixed(self.extension(SIGNATURE_ALGORITHMS_CERT)?)?)
    }

    /// Whether the client offers to resume a session by ticket or key: TLS 1.3's `pre_shared_key`, or a ticket of TLS 1.2
    /// with something in it.
    pub fn offers_resumption(&self) -> bool {
        self.extension(PRE_SHARED_KEY).is_some()
            || self.extension(SESSION_TICKET).is_some_and(|ticket| !ticket.is_empty())
    }

    /// The ticket of TLS 1.2 that the client shows, empty where it only asks for one. `None` without the extension.
    pub fn session_ticket(&self) -> Option<&[u8]> {
        self.extension(SESSION_TICKET)
    }

    /// Whether the client would show a certificate after the handshake, if it is asked (TLS 1.3).
    pub fn offers_post_handshake_auth(&self) -> bool {
        self.extension(POST_HANDSHAKE_AUTH).is_some()
    }

    /// The modes in which the client takes pre-shared keys, a byte each: 0 without and 1 with a key exchange.
    pub fn psk_key_exchange_modes(&self) -> Option<&[u8]> {
        let (len, modes) = self.extension(PSK_KEY_EXCHANGE_MODES)?.split_first()?;
        (usize::from(*len) == modes.len()).then_some(modes)
    }

    /// Whether the client announces early data.
    pub fn has_early_data(&self) -> bool {
        self.extension(EARLY_DATA).is_some()
    }

    /// Whether the client asks for the status of the certificate (OCSP stapling).
    pub fn asks_for_status(&self) -> bool {
        self.extension(STATUS_REQUEST).is_some()
    }

    /// The numbers of the extensions in the order in which they came. Those that this OpenSSL does not know are not among
    /// them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 3.2, where
    /// [`extensions`](Self::extensions) has them in no particular order.
    ///
    /// C: [`SSL_client_hello_get_extension_order(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_client_hello_cb/)
    #[doc(alias = "SSL_client_hello_get_extension_order")]
    pub fn extension_order(&self) -> Result<Vec<u16>, Error> {
        const CALL: &str = "SSL_client_hello_get_extension_order";
        let ssl: *mut sys::SSL = self.ssl.as_ptr();
        let mut len = 0;
        error::clear();
        // SAFETY: the object is live and in its ClientHello callback; NULL asks for the number.
        if unsafe { compat::ssl::extension_order(ssl, std::ptr::null_mut(), &raw mut len) }? != 1 {
            return Err(Error::from_queue(CALL));
        }
        let mut order = vec![0; len];
        // SAFETY: as above; there is room for as many numbers as C counted, and it is told so.
        if unsafe { compat::ssl::extension_order(ssl, order.as_mut_ptr(), &raw mut len) }? != 1 {
            return Err(Error::from_queue(CALL));
        }
        order.truncate(len);
        Ok(order)
    }
}

/// The groups of a list of keys, each with its length before it.
fn key_shares(body: &[u8]) -> Option<Vec<u16>> {
    let mut list = prefixed(body)?;
    let mut groups = Vec::new();
    while !list.is_empty() {
        let (head, rest) = list.split_at_checked(4)?;
        groups.push(u16::from_be_bytes([head[0], head[1]]));
        list = rest.get(usize::from(u16::from_be_bytes([head[2], head[3]]))..)?;
    }
    Some(groups)
}

/// A list of two-byte numbers, if it is one.
fn numbers(list: &[u8]) -> Option<Vec<u16>> {
    let pairs = list.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect())
}

#[cfg(test)]
mod tests {
    use super::{key_shares, numbers, prefixed};

    #[test]
    fn numbers_come_in_pairs_of_bytes() {
        assert_eq!(numbers(b"\x13\x01\x13\x02"), Some(vec![0x1301, 0x1302]));
        assert_eq!(numbers(b""), Some(Vec::new()));
        assert_eq!(numbers(b"\x13\x01\x13"), None);
    }

    #[test]
    fn key_shares_are_read_to_their_end_or_not_at_all() {
        assert_eq!(key_shares(b"\x00\x0b\x00\x1d\x00\x02ab\x00\x17\x00\x01c"), Some(vec![0x1d, 0x17]));
        assert_eq!(key_shares(b"\x00\x00"), Some(Vec::new()));
        for body in [&b""[..], b"\x00\x01\x00", b"\x00\x04\x00\x1d\x00\x02", b"\x00\x05\x00\x1d\x00\x02a"] {
            assert_eq!(key_shares(body), None, "{body:?}");
        }
    }

    /// Every prefix of a good list, with every byte changed to every value, is read or refused.
    #[test]
    fn no_bytes_panic() {
        let good = b"\x00\x0b\x00\x1d\x00\x02ab\x00\x17\x00\x01c";
        for len in 0..=good.len() {
            for place in 0..len {
                for byte in 0..=u8::MAX {
                    let mut bytes = good[..len].to_vec();
                    bytes[place] = byte;
                    let listed = prefixed(&bytes).and_then(numbers);
                    assert!(listed.is_none_or(|numbers| numbers.len() * 2 + 2 == len));
                    assert!(key_shares(&bytes).is_none_or(|groups| groups.len() * 4 + 2 <= len));
                }
            }
        }
    }
}
