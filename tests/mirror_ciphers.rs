//! Cipher suites, as C tells and sets them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::collections::HashSet;

use common::{client_context, server_context};
use libssl::context::ProtocolVersion;
use libssl::ssl::{SslCipher, cipher_name, default_cipher_list, default_ciphersuites};
use libssl::{ErrorKind, Role, Ssl};
use mirror::{Two, since, supported, waits};

const AES13: &str = "TLS_AES_128_GCM_SHA256";
const AES12: &str = "ECDHE-ECDSA-AES128-GCM-SHA256";

fn tls12(two: &mut Two, suite: &str) {
    two.client.set_cipher_list(suite).unwrap();
    two.shake();
}

#[test]
fn a_suite_tells_all_its_parts() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    tls12(&mut two, AES12);

    let cipher = two.server.current_cipher().unwrap();

    assert_eq!(Some(cipher), two.client.current_cipher());
    assert_eq!(cipher.name(), AES12);
    assert_eq!(cipher.standard_name(), Some("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"));
    assert_eq!(cipher.version(), "TLSv1.2");
    assert_eq!((cipher.bits().secret, cipher.bits().algorithm), (128, 128));
    assert!(cipher.description().starts_with(AES12) && !cipher.description().ends_with('\n'));
    assert_eq!((cipher.id(), cipher.protocol_id()), (0x0300_c02b, 0xc02b));
    assert_eq!(cipher.cipher_nid().unwrap().short_name(), Some("id-aes128-GCM"));
    assert_eq!(cipher.digest_nid(), None);
    assert_eq!(cipher.handshake_digest().unwrap().short_name(), Some("SHA256"));
    assert_eq!(cipher.key_exchange_nid().unwrap().short_name(), Some("KxECDHE"));
    assert_eq!(cipher.auth_nid().unwrap().short_name(), Some("AuthECDSA"));
    assert!(cipher.is_aead());
    assert_eq!(format!("{cipher:?}"), format!("SslCipher({AES12})"));
}

#[test]
fn every_suite_can_be_described() {
    let ssl = Ssl::new(&client_context()).unwrap();
    let mut ssl12 = Ssl::new(&client_context()).unwrap();
    ssl12.set_cipher_list("ALL:COMPLEMENTOFALL:@SECLEVEL=0").unwrap();

    let all: HashSet<SslCipher> = ssl.ciphers().into_iter().chain(ssl12.ciphers()).collect();

    assert!(all.len() > 20);
    for cipher in all {
        assert!(!cipher.name().is_empty() && cipher.description().contains(cipher.name()));
        let _ = (cipher.bits(), cipher.cipher_nid(), cipher.digest_nid(), cipher.handshake_digest());
        let _ = (cipher.key_exchange_nid(), cipher.auth_nid(), cipher.is_aead(), cipher.version());
        if let Some(standard) = cipher.standard_name() {
            assert_eq!(cipher_name(standard), Some(cipher.name()));
        }
        assert_eq!(ssl.find_cipher(cipher.protocol_id()), Some(cipher));
    }
}

#[test]
fn before_a_handshake_no_suite_is_in_use() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.current_cipher(), None);
    assert_eq!(ssl.pending_cipher(), None);
    assert!(ssl.client_ciphers().is_empty());
    assert_eq!(ssl.shared_ciphers(), None);
    assert_eq!(ssl.raw_cipher_list(), None);
    assert!(!ssl.supported_ciphers().is_empty());
    let mut server = Ssl::new(&server_context()).unwrap();
    server.set_accept_state();
    assert!(server.client_ciphers().is_empty() && server.shared_ciphers().is_none());
    assert_eq!(server.raw_cipher_list(), None);
}

#[test]
fn the_lists_that_are_set_are_the_lists_that_are_told() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    ssl.set_ciphersuites(AES13).unwrap();
    ssl.set_cipher_list(AES12).unwrap();

    let names: Vec<_> = ssl.ciphers().into_iter().map(SslCipher::name).collect();
    assert_eq!(names, [AES13, AES12]);
    assert_eq!((ssl.cipher_list(0), ssl.cipher_list(1)), (Some(AES13), Some(AES12)));
    assert_eq!((ssl.cipher_list(2), ssl.cipher_list(usize::MAX)), (None, None));
    ssl.set_ciphersuites("").unwrap();
    assert_eq!(ssl.cipher_list(0), Some(AES12));
    assert_eq!(ssl.supported_ciphers().iter().map(|cipher| cipher.name()).collect::<Vec<_>>(), [AES12]);
}

#[test]
fn lists_that_are_none_are_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.set_cipher_list("NONSENSE").unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(ssl.set_cipher_list("A\0B").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.set_ciphersuites("A\0B").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_ciphersuites("NONSENSE").is_err());
}

#[test]
fn a_server_tells_what_the_client_offered() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut two = Two::of(version);
        two.client.set_ciphersuites(AES13).unwrap();
        two.client.set_cipher_list(AES12).unwrap();
        two.shake();
        let expected = if version == ProtocolVersion::TLS1_3 { AES13 } else { AES12 };

        assert!(two.server.client_ciphers().iter().any(|cipher| cipher.name() == expected));
        assert_eq!(two.server.shared_ciphers().as_deref(), Some(expected));
        let raw = two.server.raw_cipher_list().unwrap();
        assert_eq!(raw.len() % 2, 0);
        let id = two.server.current_cipher().unwrap().protocol_id().to_be_bytes();
        assert!(raw.chunks(2).any(|pair| pair == id));
        let parsed = two.server.parse_cipher_list(raw, false).unwrap();
        assert!(parsed.ciphers.iter().any(|cipher| cipher.name() == expected), "{parsed:?}");
        assert_eq!((two.client.client_ciphers().len(), two.client.shared_ciphers()), (0, None));
    }
}

#[test]
fn all_shared_suites_are_told_however_many() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    two.shake();

    let shared = two.server.shared_ciphers().unwrap();

    let (client, server) = (two.server.client_ciphers(), two.server.ciphers());
    let expected: Vec<_> =
        client.iter().filter(|cipher| server.contains(cipher)).map(|cipher| cipher.name()).collect();
    assert_eq!(shared.split(':').collect::<Vec<_>>(), expected);
}

/// C has written a byte in front of the buffer here.
#[test]
fn sides_that_share_no_suite_are_told_of_none() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    two.client.set_cipher_list(AES12).unwrap();
    two.server.set_ciphersuites("").unwrap();
    two.server.set_cipher_list("ECDHE-ECDSA-AES256-GCM-SHA384").unwrap();

    let (side, _) = two.try_shake().unwrap_err();
    assert_eq!(side, Role::Server);

    assert!(two.server.client_ciphers().iter().any(|cipher| cipher.name() == AES12));
    assert_eq!(two.server.shared_ciphers(), None);
    // The list is made when it is asked for.
    two.server.set_cipher_list(&format!("ECDHE-ECDSA-AES256-GCM-SHA384:{AES12}")).unwrap();
    assert_eq!(two.server.shared_ciphers().as_deref(), Some(AES12));
}

#[test]
fn a_pending_suite_is_known_in_the_handshake() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    assert!(waits(two.connect()).unwrap());

    assert!(waits(two.accept()).unwrap());

    assert!(two.server.pending_cipher().is_some());
}

#[test]
fn the_bytes_of_a_list_are_parsed_with_care() {
    let ssl = Ssl::new(&client_context()).unwrap();

    let list = ssl.parse_cipher_list(&[0x13, 0x01, 0xfa, 0xfa, 0x00, 0xff], false).unwrap();
    assert_eq!(list.ciphers.len(), 1);
    assert_eq!(list.signals.len(), 1);
    match supported(ssl.parse_cipher_list(&[0x00, 0x13, 0x01, 0x07, 0x00, 0xc0], true)) {
        Some(list) => assert_eq!(list.ciphers.first().map(|cipher| cipher.protocol_id()), Some(0x1301)),
        None => assert!(since(4, 0)),
    }
    assert_eq!(ssl.parse_cipher_list(&[], false).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.parse_cipher_list(&[0x13], false).unwrap_err().kind(), ErrorKind::Refused);
    assert!(ssl.parse_cipher_list(&[0x13, 0x01], true).is_err());
    assert_eq!(ssl.find_cipher(0xfafa), None);
}

#[test]
fn defaults_and_names_are_told() {
    assert!(default_ciphersuites().contains("TLS_AES_256_GCM_SHA384"));
    assert!(!default_cipher_list().is_empty());
    assert_eq!(cipher_name("TLS_AES_128_GCM_SHA256"), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!((cipher_name(""), cipher_name("a\0b"), cipher_name("TLS_NONSENSE")), (None, None, None));
}
