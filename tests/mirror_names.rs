//! The name of the peer, and its certificate.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use common::identities::{Ca, named};
use common::{client_context, duplex, identity, pki, server_builder, server_context};
use libssl::context::{
    ClientHello, ClientHelloDecision, ProtocolVersion, ServerNameDecision, ServerNameView, SslVerifyMode,
    TrustAnchors,
};
use libssl::{ErrorKind, Role, Ssl, SslContext, VerifyError};
use mirror::Two;
use rcgen::PKCS_ECDSA_P256_SHA256;

/// The outcome of a handshake by a client that was prepared so, and what the server saw as SNI.
fn shake(prepare: impl FnOnce(&mut Ssl)) -> (Result<Two, libssl::Error>, Option<Vec<u8>>) {
    let mut client = Ssl::new(&client_context()).unwrap();
    prepare(&mut client);
    let (left, right) = duplex();
    let mut two = Two::over(client, left, Ssl::new(&server_context()).unwrap(), right);
    let result = two.try_shake();
    let sni = two.server.sni().map(<[u8]>::to_vec);
    match result {
        Ok(()) => (Ok(two), sni),
        Err((Role::Client, error)) => (Err(error.into()), sni),
        Err((Role::Server, error)) => panic!("{error}"),
    }
}

#[test]
fn a_dns_name_is_sent_and_verified() {
    for name in ["localhost", "localhost.", "LOCALHOST"] {
        let (two, sni) = shake(|client| client.set_server_name(name).unwrap());
        let two = two.unwrap();

        assert_eq!(sni.as_deref(), Some(name.trim_end_matches('.').as_bytes()));
        assert_eq!(two.client.sni().map(<[u8]>::to_vec), sni);
        assert_eq!(two.client.peer_name(), Some(&b"localhost"[..]));
        assert_eq!(two.server.peer_name(), None);
    }
}

#[test]
fn an_address_is_verified_and_not_sent() {
    for address in ["127.0.0.1", "::1"] {
        let (two, sni) = shake(|client| client.set_server_name(address).unwrap());

        assert!(two.is_ok(), "{address}: {:?}", two.err());
        assert_eq!(sni, None);
    }
}

#[test]
fn a_resumed_session_of_tls_1_2_comes_with_its_own_name() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (by_hello, by_name) = (Arc::clone(&asked), Arc::clone(&asked));
    let note = |asked: &Mutex<Vec<_>>, name: Option<&[u8]>| {
        asked.lock().unwrap().push(String::from_utf8(name.unwrap().to_vec()).unwrap());
    };
    let mut server = server_builder();
    server.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let hello = move |hello: &mut ClientHello<'_>| {
        note(&by_hello, hello.requested_name());
        ClientHelloDecision::Accept
    };
    server.set_client_hello_cb(hello).unwrap();
    let name = move |view: &mut ServerNameView<'_>| {
        note(&by_name, view.requested_name());
        ServerNameDecision::Ack
    };
    server.set_tlsext_servername_callback(name).unwrap();
    let (client, server) = (client_context(), server.build());
    let mut two = Two::new(&client, &server);
    two.shake();
    let mut next = Two::new(&client, &server);
    next.client.set_sni(Some("other.example")).unwrap();
    // SAFETY: the objects are live; the session's reference is ours (get1) and is given back.
    unsafe {
        let session = openssl_sys_ext::SSL_get1_session(two.client.as_ptr());
        assert_eq!(openssl_sys::SSL_set_session(next.client.as_ptr(), session), 1);
        openssl_sys::SSL_SESSION_free(session);
    }

    next.shake();

    assert!(next.server.session_reused());
    assert_eq!(*asked.lock().unwrap(), ["localhost", "localhost", "other.example", "localhost"]);
    assert_eq!((next.client.sni(), next.server.sni()), (Some(&b"localhost"[..]), Some(&b"localhost"[..])));
}

#[test]
fn another_name_or_address_is_refused() {
    for (name, expected) in [
        ("other.example", VerifyError::HOSTNAME_MISMATCH),
        ("127.0.0.2", VerifyError::IP_ADDRESS_MISMATCH),
        ("::2", VerifyError::IP_ADDRESS_MISMATCH),
    ] {
        let (two, _) = shake(|client| client.set_server_name(name).unwrap());

        assert_eq!(two.err().unwrap().kind(), ErrorKind::Verification(expected), "{name}");
    }
}

#[test]
fn a_later_name_takes_the_place_of_an_earlier_one() {
    let (two, sni) = shake(|client| {
        client.set_server_name("127.0.0.2").unwrap();
        client.set_server_name("localhost").unwrap();
    });
    assert!(two.is_ok() && sni.is_some());
    let (two, sni) = shake(|client| {
        client.set_server_name("other.example").unwrap();
        client.set_server_name("127.0.0.1").unwrap();
    });
    assert!(two.is_ok() && sni.is_none());
}

#[test]
fn what_is_sent_and_what_is_verified_can_be_set_apart() {
    let (two, sni) = shake(|client| {
        client.set_sni(Some("other.example")).unwrap();
        client.set_verify_host("localhost").unwrap();
    });
    assert!(two.is_ok());
    assert_eq!(sni.as_deref(), Some(&b"other.example"[..]));
    let (two, sni) = shake(|client| client.set_verify_ip(IpAddr::from([127, 0, 0, 1])).unwrap());
    assert!(two.is_ok() && sni.is_none());
}

#[test]
fn names_that_are_none_are_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    for bad in ["", ".", "a\0b", ".localhost", "*.example", "b\u{fc}cher", "127.1", "[::1]", "::1%lo", "a b"]
    {
        assert_eq!(ssl.set_server_name(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        assert_eq!(ssl.set_verify_host(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
    assert_eq!(ssl.set_server_name(&"a".repeat(64)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.set_sni(Some("a\0b")).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(ssl.set_sni(Some(&"a".repeat(256))).is_err());
    assert_eq!((ssl.sni(), ssl.peer_name(), ssl.verifies_name()), (None, None, false));
}

/// From 4.0 on OpenSSL refuses some names that it took before, and has then forgotten the one that was there.
#[test]
fn a_name_that_is_refused_leaves_the_earlier_one() {
    for refused in ["a", "-a.example", "a-.example"] {
        let mut ssl = Ssl::new(&client_context()).unwrap();
        ssl.set_verify_host("localhost").unwrap();

        if let Err(error) = ssl.set_verify_host(refused) {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(ssl.verify_param().hosts(), [c"localhost"], "{refused}");
        }
    }
}

#[test]
fn names_can_be_taken_away_again() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    ssl.set_server_name("localhost").unwrap();
    assert!(ssl.verifies_name() && ssl.sni() == Some(b"localhost"));
    ssl.set_sni(None).unwrap();
    ssl.danger_clear_verify_names();
    assert!(!ssl.verifies_name() && ssl.sni().is_none());
    ssl.set_verify_ip("::1".parse().unwrap()).unwrap();
    assert!(ssl.verifies_name());
    ssl.danger_clear_verify_names();
    assert!(!ssl.verifies_name());
}

#[test]
fn without_a_name_the_handshake_does_not_begin_unless_any_will_do() {
    let (two, _) = shake(|_| ());
    assert_eq!(two.err().unwrap().kind(), ErrorKind::NoServerName);

    let (two, _) = shake(|client| client.danger_accept_any_name().unwrap());
    assert!(two.is_ok());
}

#[test]
fn the_peer_s_certificate_and_chain_are_told() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let two = Two::connected(version);
        let leaf = &pki().localhost.der;

        assert_eq!(&two.client.peer_certificate().unwrap().to_der().unwrap(), leaf);
        let chain = two.client.peer_cert_chain();
        assert_eq!(chain.len(), 1);
        assert_eq!(&chain[0].to_der().unwrap(), leaf);
        let verified: Vec<_> =
            two.client.verified_chain().iter().map(|certificate| certificate.to_der().unwrap()).collect();
        assert_eq!(verified, [leaf.clone(), pki().ca_der.clone()]);
        assert_eq!(two.client.verify_result(), VerifyError::OK);
        assert!(two.server.peer_certificate().is_none() && two.server.peer_cert_chain().is_empty());
        assert!(two.server.verified_chain().is_empty());
    }
}

#[test]
fn before_a_handshake_the_peer_has_no_certificate() {
    let ssl = Ssl::new(&client_context()).unwrap();

    assert!(ssl.peer_certificate().is_none() && ssl.peer_cert_chain().is_empty());
    assert!(ssl.verified_chain().is_empty());
    assert_eq!(ssl.verify_result(), VerifyError::OK);
}

#[test]
fn a_certificate_outlives_its_connection() {
    let two = Two::connected(ProtocolVersion::TLS1_3);
    let certificate = two.client.peer_certificate().unwrap();
    drop(two);

    assert_eq!(certificate.to_der().unwrap(), pki().localhost.der);
}

#[test]
fn one_object_can_verify_less_or_more_than_its_context() {
    let mut server = server_builder();
    server.use_identity(&identity(&pki().unknown_issuer)).unwrap();
    server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
    let server = server.build();

    let mut two = Two::new(&client_context(), &server);
    assert_eq!(two.client.verify_mode(), SslVerifyMode::PEER);
    two.client.danger_set_verify_none();
    assert_eq!(two.client.verify_mode(), SslVerifyMode::empty());
    two.shake();
    assert_ne!(two.client.verify_result(), VerifyError::OK);

    let mut two = Two::new(&client_context(), &server_context());
    let demand = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    two.server.set_verify(demand).unwrap();
    assert_eq!(two.server.verify_mode(), demand);
    assert!(matches!(two.try_shake(), Err((Role::Server, _))));
    let error = two.client.set_verify(SslVerifyMode::CLIENT_ONCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_depth_of_a_chain_can_be_limited() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.verify_depth(), None);
    ssl.set_verify_depth(7);
    assert_eq!(ssl.verify_depth(), Some(7));
    ssl.set_verify_depth(u32::MAX);
    assert_eq!(ssl.verify_depth(), i32::MAX.try_into().ok());
}

/// Certificates of the web must not have one, and other clients take none.
#[test]
fn a_wildcard_for_a_part_of_a_label_does_not_match_the_server_s_name() {
    let ca = Ca::new("a CA");
    let made = ca.issue(&named("wild", &["f*.example.org", "*.example.net"]), &PKCS_ECDSA_P256_SHA256);
    let server = SslContext::server(&identity(&made)).unwrap().build();
    let client = SslContext::client_trusting(TrustAnchors::Pem(ca.pem.as_bytes())).unwrap().build();
    for (name, matches) in [("www.example.net", true), ("foo.example.org", false)] {
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_server_name(name).unwrap();
        let (left, right) = duplex();

        let (client, _) = common::shake_over(ssl, left, Ssl::new(&server).unwrap(), right);

        match client {
            Ok(_) => assert!(matches, "{name}"),
            Err(error) => {
                assert!(!matches, "{error}");
                assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
            }
        }
    }
}
