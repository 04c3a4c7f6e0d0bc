//! Protocol versions of one object, as C tells and sets them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use common::client_context;
use libssl::context::ProtocolVersion;
use libssl::{ErrorKind, Ssl};
use mirror::Two;

#[test]
fn the_version_in_use_has_a_number_and_a_name() {
    for (version, name) in [(ProtocolVersion::TLS1_2, "TLSv1.2"), (ProtocolVersion::TLS1_3, "TLSv1.3")] {
        let mut two = Two::connected(version);
        for ssl in two.each() {
            assert_eq!(ssl.version(), version);
            assert_eq!(ssl.version_string(), name);
            assert_eq!(ssl.tls_version(), Some(version));
            // What a ClientHello names is TLS 1.2 at most.
            assert_eq!(ssl.client_version(), ProtocolVersion::TLS1_2);
            assert_eq!(ssl.tls_client_version(), Some(ProtocolVersion::TLS1_2));
            assert!(ssl.is_tls() && !ssl.is_dtls());
        }
    }
}

#[test]
fn versions_can_be_asked_before_the_handshake() {
    let ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.version(), ProtocolVersion::TLS1_3);
    assert_eq!(ssl.version_string(), "TLSv1.3");
    let _ = (ssl.client_version(), ssl.tls_client_version(), ssl.tls_version());
    assert!(ssl.is_tls() && !ssl.is_dtls());
}

#[test]
fn the_range_can_be_set_and_taken_back() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    ssl.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    ssl.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    assert_eq!(ssl.min_proto_version(), Some(ProtocolVersion::TLS1_2));
    assert_eq!(ssl.max_proto_version(), Some(ProtocolVersion::TLS1_2));
    ssl.set_max_proto_version(None).unwrap();
    assert_eq!(ssl.max_proto_version(), None);
    ssl.set_min_proto_version(None).unwrap();
    assert_eq!(ssl.min_proto_version(), None);
}

#[test]
fn a_version_that_is_none_is_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    for number in [i32::MIN, -1, 0, 1, 0x0299, 0x0305, i32::MAX] {
        assert!(ssl.set_min_proto_version(Some(ProtocolVersion(number))).is_err(), "{number}");
        assert!(ssl.set_max_proto_version(Some(ProtocolVersion(number))).is_err(), "{number}");
    }
}

/// Where C says that it is done and does nothing, or takes the bound away.
#[test]
fn a_bound_that_would_not_hold_is_refused() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    for of_another_protocol in [ProtocolVersion::DTLS1, ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_BAD]
    {
        ssl.set_min_proto_version(None).unwrap();
        let error = ssl.set_max_proto_version(Some(of_another_protocol)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = ssl.set_min_proto_version(Some(of_another_protocol)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!((ssl.min_proto_version(), ssl.max_proto_version()), (None, None));
    }

    let tls12 = Some(ProtocolVersion::TLS1_2);
    ssl.set_min_proto_version(tls12).unwrap();
    ssl.set_max_proto_version(tls12).unwrap();
    for number in [0, -1] {
        let none = Some(ProtocolVersion(number));
        assert_eq!(ssl.set_min_proto_version(none).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(ssl.set_max_proto_version(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!((ssl.min_proto_version(), ssl.max_proto_version()), (tls12, tls12));
}

#[test]
fn the_range_of_an_object_decides_its_handshake() {
    let mut two = Two::new(&client_context(), &common::server_context());
    two.client.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();

    two.shake();

    assert_eq!(two.server.version(), ProtocolVersion::TLS1_2);
}
