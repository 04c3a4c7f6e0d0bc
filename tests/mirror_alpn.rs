//! The application protocol of one object.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use common::{client_context, server_builder};
use libssl::context::{AlpnDecision, NextProtocols, ProtocolList, ProtocolVersion};
use libssl::{ErrorKind, Ssl};
use mirror::{Two, headers_since, supported};

#[test]
fn what_an_object_offers_is_what_is_agreed_on() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut server = server_builder();
        server
            .set_alpn_select_cb(|_, offered| match offered.contains("h2") {
                true => AlpnDecision::Select(b"http/1.1"),
                false => AlpnDecision::Refuse,
            })
            .unwrap();
        let mut two = Two::new(&client_context(), &server.build());
        two.client.set_max_proto_version(Some(version)).unwrap();
        two.client.set_alpn_protos(["h2", "http/1.1"]).unwrap();

        two.shake();

        assert_eq!(two.client.alpn_selected(), Some(&b"http/1.1"[..]));
        assert_eq!(two.server.alpn_selected(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn what_is_offered_is_told() {
    let mut ssl = Ssl::new(&client_context()).unwrap();

    ssl.set_alpn_protos(["h2", "http/1.1"]).unwrap();

    match supported(ssl.alpn_protos()) {
        Some(offered) => assert_eq!(offered.as_wire(), b"\x02h2\x08http/1.1"),
        None => assert!(!headers_since(4, 0)),
    }
    ssl.set_alpn_protos::<&str>([]).unwrap();
    if let Some(offered) = supported(ssl.alpn_protos()) {
        assert_eq!(offered.as_wire(), b"");
    }
    assert_eq!(ssl.set_alpn_protos([""]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(ssl.set_alpn_protos([[0; 256]]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn without_an_offer_nothing_is_agreed_on() {
    let mut two = Two::connected(ProtocolVersion::TLS1_2);
    for ssl in two.each() {
        assert_eq!(ssl.alpn_selected(), None);
        assert_eq!(supported(ssl.next_proto_negotiated()).flatten(), None);
    }
    let ssl = Ssl::new(&client_context()).unwrap();
    assert_eq!(ssl.alpn_selected(), None);
    assert_eq!(supported(ssl.next_proto_negotiated()).flatten(), None);
}

#[test]
fn what_npn_agreed_on_is_told_on_both_sides() {
    let mut server = server_builder();
    let list = || ProtocolList::new(["a", "b"]).unwrap();
    if supported(server.set_next_protos_advertised_cb(move |_| NextProtocols::Advertise(list()))).is_none() {
        return;
    }
    let mut client = common::client_builder();
    client.set_next_proto_select_cb(|_, _| Some(b"b".to_vec())).unwrap();
    let mut two = Two::new(&client.build(), &server.build());
    // NPN ends with TLS 1.2.
    two.client.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();

    two.shake();

    for ssl in two.each() {
        assert_eq!(ssl.next_proto_negotiated().unwrap(), Some(&b"b"[..]));
    }
}
