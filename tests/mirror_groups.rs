//! Groups and signature algorithms, as C tells and sets them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use common::{client_context, server_context};
use libssl::context::ProtocolVersion;
use libssl::ssl::{Group, Nid, builtin_signature_algorithms};
use libssl::{ErrorKind, Ssl};
use mirror::{Two, headers_since, supported};

const P256: Nid = Nid(openssl_sys::NID_X9_62_prime256v1);
const P384: Nid = Nid(openssl_sys::NID_secp384r1);
const SHA256: Nid = Nid(openssl_sys::NID_sha256);
const EC: Nid = Nid(openssl_sys::EVP_PKEY_EC);

#[test]
fn the_group_that_was_agreed_on_is_told() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut two = Two::of(version);
        two.client.set_groups_list("P-384:P-256").unwrap();
        two.server.set_groups(&[P384]).unwrap();
        two.shake();

        for ssl in two.each() {
            let group = ssl.negotiated_group().unwrap();
            assert_eq!(group.nid(), Some(P384), "{version}");
            assert_eq!(group.protocol_id(), None);
            assert_eq!(ssl.group_name(), Some("secp384r1"));
            assert_eq!(ssl.group_to_name(group), Some("secp384r1"));
        }
    }
}

#[test]
fn a_server_tells_the_groups_of_the_client_and_those_that_both_have() {
    let mut two = Two::of(ProtocolVersion::TLS1_3);
    two.client.set_groups(&[P256, P384]).unwrap();
    two.server.set_groups_list("P-384:P-256").unwrap();
    two.shake();

    let groups = two.server.peer_groups();
    assert_eq!(groups.iter().map(|group| group.nid()).collect::<Vec<_>>(), [Some(P256), Some(P384)]);
    assert_eq!(two.server.shared_group_count(), 2);
    assert_eq!(two.server.shared_group(0), Some(groups[0]));
    assert_eq!(two.server.shared_group(1), Some(groups[1]));
    assert_eq!(two.server.shared_group(2), None);
    assert_eq!(two.server.shared_group(usize::MAX), None);
    assert_eq!(two.server.shared_group(u32::MAX as usize), None);
    match supported(two.server.iana_groups()) {
        Some(groups) => assert_eq!(groups, [23, 24]),
        None => assert!(!headers_since(3, 2)),
    }
    assert_eq!(two.client.shared_group_count(), 0);
    assert_eq!(two.client.shared_group(0), None);
}

#[test]
fn groups_that_are_none_are_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    for blank in ["", " ", "\t\x0b"] {
        assert_eq!(ssl.set_groups_list(blank).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(ssl.set_groups_list("P-256\0").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_groups_list("NONSENSE").is_err());
    for bad in [&[][..], &[Nid::UNDEF], &[P256, P256], &[Nid(-1)], &[Nid(i32::MAX)]] {
        assert!(ssl.set_groups(bad).is_err(), "{bad:?}");
    }
    assert_eq!(ssl.group_to_name(Group::from_raw(-1)), None);
    assert_eq!(ssl.group_to_name(Group::from_raw(0)), None);
    let unknown = Group::from_raw(0x0100_fafa);
    assert_eq!((unknown.nid(), unknown.protocol_id()), (None, Some(0xfafa)));
    assert_eq!(ssl.group_to_name(unknown), None);
}

#[test]
fn before_a_handshake_nothing_was_agreed_on() {
    for context in [client_context(), server_context()] {
        let ssl = Ssl::new(&context).unwrap();
        assert_eq!((ssl.negotiated_group(), ssl.group_name()), (None, None));
        assert!(ssl.peer_groups().is_empty() && ssl.shared_group(0).is_none());
        assert_eq!(ssl.shared_group_count(), 0);
        assert_eq!(supported(ssl.iana_groups()).unwrap_or_default(), [0_u16; 0]);
        assert_eq!(ssl.ec_point_formats(), None);
        assert!(ssl.tmp_key().is_none() && ssl.peer_tmp_key().is_none());
        assert!(ssl.peer_sigalgs().is_empty() && ssl.shared_sigalgs().is_empty());
        assert_eq!(supported(ssl.peer_sigalg(0)).flatten(), None);
        assert_eq!(supported(ssl.shared_sigalg(0)).flatten(), None);
        assert_eq!(supported(ssl.signature_name()).flatten(), None);
        assert_eq!(supported(ssl.peer_signature_name()).flatten(), None);
        assert_eq!((ssl.signature_digest(), ssl.peer_signature_digest()), (None, None));
        assert_eq!((ssl.signature_type(), ssl.peer_signature_type()), (None, None));
    }
}

#[test]
fn temporary_keys_are_told() {
    let mut two = Two::of(ProtocolVersion::TLS1_3);
    two.client.set_groups(&[P256]).unwrap();
    two.shake();

    let key = two.client.peer_tmp_key().unwrap();
    assert_eq!((key.algorithm().as_str(), key.bits()), ("EC", 256));
    let key = two.server.tmp_key().or_else(|| two.client.tmp_key()).unwrap();
    assert_eq!(key.bits(), 256);
}

#[test]
fn point_formats_of_tls_1_2_are_told() {
    let two = Two::connected(ProtocolVersion::TLS1_2);

    assert!(two.server.ec_point_formats().unwrap().contains(&0));
    assert!(two.client.ec_point_formats().unwrap().contains(&0));
}

#[test]
fn the_signature_of_the_server_is_told_on_both_sides() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut two = Two::of(version);
        two.client.set_sigalgs_list("ECDSA+SHA256").unwrap();
        two.shake();

        assert_eq!(two.server.signature_digest(), Some(SHA256));
        assert_eq!(two.client.peer_signature_digest(), Some(SHA256));
        assert_eq!(two.server.signature_type(), Some(EC));
        assert_eq!(two.client.peer_signature_type(), Some(EC));
        assert_eq!(two.client.signature_type(), None);
        assert_eq!(two.server.peer_signature_type(), None);
        match supported(two.server.signature_name()) {
            Some(name) => assert_eq!(name, Some("ecdsa_secp256r1_sha256")),
            None => assert!(!headers_since(3, 5)),
        }
        if let Some(name) = supported(two.client.peer_signature_name()) {
            assert_eq!(name, Some("ecdsa_secp256r1_sha256"));
        }
    }
}

#[test]
fn what_the_client_accepts_is_told_on_the_server() {
    let mut two = Two::of(ProtocolVersion::TLS1_3);
    two.client.set_sigalgs(&[(SHA256, EC), (SHA256, Nid(openssl_sys::NID_rsaEncryption))]).unwrap();
    two.shake();

    let offered = two.server.peer_sigalgs();
    assert_eq!(offered.iter().map(|algorithm| algorithm.code).collect::<Vec<_>>(), [0x0403, 0x0401]);
    assert_eq!((offered[0].signature, offered[0].digest), (Some(EC), Some(SHA256)));
    assert!(offered[0].signature_and_digest.is_some());
    assert!(two.server.shared_sigalgs().iter().any(|algorithm| algorithm.code == 0x0403));
    match supported(two.server.peer_sigalg(0)) {
        Some(first) => assert_eq!(first, Some((0x0403, Some("ecdsa_secp256r1_sha256")))),
        None => assert!(!headers_since(4, 0)),
    }
    assert_eq!(supported(two.server.peer_sigalg(2)).flatten(), None);
    assert_eq!(supported(two.server.peer_sigalg(usize::MAX)).flatten(), None);
    if let Some(first) = supported(two.server.shared_sigalg(0)) {
        assert_eq!(first.map(|(code, _)| code), Some(0x0403));
    }
}

#[test]
fn signature_algorithms_for_client_certificates_can_be_set() {
    let mut ssl = Ssl::new(&server_context()).unwrap();

    ssl.set_client_sigalgs_list("ECDSA+SHA256").unwrap();
    ssl.set_client_sigalgs(&[(SHA256, EC)]).unwrap();
    assert_eq!(ssl.set_client_sigalgs(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.set_client_sigalgs_list("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_client_sigalgs(&[(EC, SHA256)]).is_err());
    assert!(ssl.set_client_sigalgs_list("NONSENSE").is_err());
}

#[test]
fn signature_algorithms_that_are_none_are_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.set_sigalgs(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_sigalgs(&[(Nid(-1), Nid(i32::MAX))]).is_err());
    assert_eq!(ssl.set_sigalgs_list("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.set_sigalgs_list("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_sigalgs_list("NONSENSE").is_err());
}

#[test]
fn built_in_signature_algorithms_are_told() {
    match supported(builtin_signature_algorithms()) {
        Some(list) => assert!(list.contains("ecdsa_secp256r1_sha256"), "{list}"),
        None => assert!(!headers_since(3, 4)),
    }
}
