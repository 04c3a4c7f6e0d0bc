//! Where an object stands, as C tells it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use common::{client_context, server_context};
use libssl::context::{ProtocolVersion, SslMethod};
use libssl::ssl::HandshakeState;
use libssl::{Role, Ssl, SslContext};
use mirror::{Two, waits};

#[test]
fn an_object_that_has_not_begun_says_so() {
    let ssl = Ssl::new(&client_context()).unwrap();

    assert_eq!(ssl.state(), HandshakeState::Before);
    assert_eq!(ssl.state_string().trim(), "PINIT");
    assert_eq!(ssl.state_string_long(), "before SSL initialization");
    assert!(!ssl.rstate_string().is_empty() && !ssl.rstate_string_long().is_empty());
    assert!(ssl.in_init() && ssl.in_before() && !ssl.is_init_finished());
    assert!(ssl.in_connect_init() && !ssl.in_accept_init());
    assert!(!ssl.is_server());
    assert_eq!(ssl.role(), None);
}

#[test]
fn the_role_is_known_once_it_was_chosen() {
    let context = SslContext::builder(SslMethod::tls()).unwrap().build();
    let mut ssl = Ssl::new(&context).unwrap();

    assert!(ssl.is_server() && ssl.role().is_none(), "a method of both roles accepts until told otherwise");
    ssl.set_connect_state();
    assert_eq!((ssl.is_server(), ssl.role()), (false, Some(Role::Client)));
    ssl.set_accept_state();
    assert_eq!((ssl.is_server(), ssl.role()), (true, Some(Role::Server)));
    assert!(ssl.in_accept_init() && !ssl.in_connect_init());
}

#[test]
fn a_handshake_under_way_says_what_it_waits_for() {
    let mut two = Two::new(&client_context(), &server_context());

    assert!(waits(two.connect()).unwrap());
    assert_eq!(two.client.state(), HandshakeState::CwClientHello);
    assert_eq!(two.client.state_string().trim(), "TWCH");
    assert_eq!(two.client.state_string_long(), "SSLv3/TLS write client hello");
    assert_eq!(two.client.role(), Some(Role::Client));
    assert!(two.client.in_init() && !two.client.in_before() && !two.client.is_init_finished());
    assert!(two.client.in_connect_init() && !two.client.in_accept_init());

    assert!(waits(two.accept()).unwrap());
    assert!(two.server.in_accept_init() && two.server.role() == Some(Role::Server));
}

#[test]
fn a_handshake_that_is_done_says_so() {
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let mut two = Two::connected(version);
        for ssl in two.each() {
            assert_eq!(ssl.state(), HandshakeState::Ok);
            assert_eq!(ssl.state_string().trim(), "SSLOK");
            assert_eq!(ssl.state_string_long(), "SSL negotiation finished successfully");
            assert_eq!((ssl.rstate_string(), ssl.rstate_string_long()), ("RH", "read header"));
            assert!(ssl.is_init_finished() && !ssl.in_init() && !ssl.in_before());
            assert!(!ssl.in_connect_init() && !ssl.in_accept_init());
        }
        assert_eq!(two.client.role(), Some(Role::Client));
        assert_eq!(two.server.role(), Some(Role::Server));
    }
}
