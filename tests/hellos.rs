//! What a server can read of a ClientHello before it decides anything.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod common;

use std::sync::{Arc, Mutex};

use common::{client_builder, connected, duplex, identity, pki, server_builder, shake, shake_over};
use libssl::context::{ClientHello, ClientHelloDecision, ProtocolVersion, SslMode, SslVerifyMode};
use libssl::ocsp::{OcspCheck, StaplePolicy};
use libssl::{Alert, ErrorKind, Ssl, SslContext, SslContextBuilder, SslMethod};

// Numbers in the protocol.
const SECP256R1: u16 = 0x0017;
const SECP384R1: u16 = 0x0018;
const SECP521R1: u16 = 0x0019;
const ED25519: u16 = 0x0807;
const ECDSA_SECP256R1_SHA256: u16 = 0x0403;
const RSA_PSS_RSAE_SHA256: u16 = 0x0804;

/// What `look` sees in the hello of a client that is set up so.
fn seen<T: Send + 'static>(
    set: impl FnOnce(&mut SslContextBuilder),
    look: impl Fn(&ClientHello<'_>) -> T + Send + Sync + 'static,
) -> T {
    let mut client = client_builder();
    set(&mut client);
    let found = Arc::new(Mutex::new(None));
    let place = Arc::clone(&found);
    let mut server = server_builder();
    server
        .set_client_hello_cb(move |hello| {
            place.lock().unwrap().get_or_insert_with(|| look(hello));
            ClientHelloDecision::Accept
        })
        .unwrap();
    let _both = connected(&client.build(), &server.build());
    found.lock().unwrap().take().expect("the callback was asked")
}

fn only(version: ProtocolVersion) -> impl FnOnce(&mut SslContextBuilder) {
    move |client| {
        client.set_min_proto_version(Some(version)).unwrap();
        client.set_max_proto_version(Some(version)).unwrap();
    }
}

#[test]
fn the_versions_are_those_that_the_client_has() {
    let versions =
        |set: &dyn Fn(&mut SslContextBuilder)| seen(|client| set(client), |hello| hello.versions());
    assert_eq!(versions(&|_| {}), vec![ProtocolVersion::TLS1_3, ProtocolVersion::TLS1_2]);
    assert_eq!(versions(&|client| only(ProtocolVersion::TLS1_3)(client)), vec![ProtocolVersion::TLS1_3]);
    // Without the extension it is the old field that counts.
    let twelve =
        seen(only(ProtocolVersion::TLS1_2), |hello| (hello.versions(), hello.extension(43).is_some()));
    assert_eq!(twelve, (vec![ProtocolVersion::TLS1_2], false));
}

#[test]
fn the_cipher_suites_are_known_ones_and_all_numbers() {
    let (offered, numbers) = seen(
        |client| {
            client.set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256").unwrap();
            client.set_ciphersuites("TLS_AES_128_GCM_SHA256").unwrap();
            client.set_mode(SslMode::SEND_FALLBACK_SCSV).unwrap();
        },
        |hello| (hello.cipher_suites(), hello.cipher_suite_numbers().unwrap()),
    );
    let ids: Vec<u16> = offered.iter().map(|cipher| cipher.protocol_id()).collect();
    assert_eq!(ids, [0x1301, 0xc02b]);
    // Signals stand among the numbers and are no suites. That renegotiation is secure is such a one on OpenSSL 3.0,
    // and an extension on 3.5.
    let numbers: Vec<u16> = numbers.into_iter().filter(|number| *number != 0x00ff).collect();
    assert_eq!(numbers, [0x1301, 0xc02b, 0x5600]);
}

#[test]
fn groups_key_shares_and_signature_schemes_are_in_the_client_s_order() {
    let (groups, shares, schemes, in_certificates) = seen(
        |client| {
            client.set_groups_list("P-384:P-521:P-256").unwrap();
            client.set_sigalgs_list("ed25519:ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256").unwrap();
        },
        |hello| {
            (
                hello.supported_groups(),
                hello.key_share_groups(),
                hello.signature_algorithms(),
                hello.certificate_signature_algorithms(),
            )
        },
    );
    assert_eq!(groups, Some(vec![SECP384R1, SECP521R1, SECP256R1]));
    assert_eq!(shares, Some(vec![SECP384R1]));
    let expected = [ED25519, ECDSA_SECP256R1_SHA256, RSA_PSS_RSAE_SHA256];
    assert_eq!(schemes.as_deref(), Some(&expected[..]));
    assert_eq!(in_certificates, None);
}

#[test]
fn a_client_of_tls_1_2_sends_no_key_shares_but_asks_for_a_ticket() {
    let (shares, ticket, psk, early, later) = seen(only(ProtocolVersion::TLS1_2), |hello| {
        (
            hello.key_share_groups(),
            hello.session_ticket().map(<[u8]>::to_vec),
            hello.offers_resumption(),
            hello.has_early_data(),
            hello.offers_post_handshake_auth(),
        )
    });
    assert_eq!((shares, ticket), (None, Some(Vec::new())));
    assert!(!psk && !early && !later);
}

#[test]
fn an_offer_of_post_handshake_authentication_is_seen() {
    assert!(seen(|client| client.set_post_handshake_auth(true), |hello| hello.offers_post_handshake_auth()));
}

fn running() -> std::ffi::c_ulong {
    // SAFETY: has no requirements.
    unsafe { openssl_sys::OpenSSL_version_num() }
}

#[test]
fn the_order_of_the_extensions_is_told_or_unsupported() {
    let (order, present) = seen(|_| {}, |hello| (hello.extension_order(), hello.extensions()));
    match order {
        Ok(order) => {
            assert!(running() >= 0x3020_0000);
            let (mut one, mut other) = (order.clone(), present);
            one.sort_unstable();
            other.sort_unstable();
            assert_eq!(one, other);
            assert!(order.contains(&43) && order.contains(&51));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            // It is asked for only where the headers have it.
            let built = libssl::library().built_against();
            assert!((built.major, built.minor) < (3, 2), "{built}");
        }
    }
}

/// A server that talks only to those who know one group.
#[test]
fn a_server_refuses_by_what_is_offered() {
    let mut server = server_builder();
    server
        .set_client_hello_cb(|hello| {
            let groups = hello.supported_groups().unwrap_or_default();
            if groups.contains(&SECP521R1) {
                ClientHelloDecision::Accept
            } else {
                ClientHelloDecision::Refuse(Alert::HANDSHAKE_FAILURE)
            }
        })
        .unwrap();
    let server = server.build();
    for (groups, good) in [("P-521:P-384", true), ("P-384:P-256", false)] {
        let mut client = client_builder();
        client.set_groups_list(groups).unwrap();
        let (client, server) = shake(&client.build(), &server);
        assert_eq!((client.is_ok(), server.is_ok()), (good, good), "{groups}");
        if !good {
            assert_eq!(client.unwrap_err().kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
        }
    }
}

#[test]
fn an_object_has_the_context_that_it_was_given_before_its_handshake() {
    let other = SslContext::server(&identity(&pki().other_name)).unwrap().build();
    let mut server = Ssl::new(&server_builder().build()).unwrap();
    let mut client = Ssl::new(&client_builder().build()).unwrap();
    client.set_server_name("other.example").unwrap();

    server.set_context(&other).unwrap();

    assert_eq!(server.context().as_ptr(), other.as_ptr());
    let (left, right) = duplex();
    let (client, server) = shake_over(client, left, server, right);
    client.expect("a client who meets other.example");
    let mut ssl = server.unwrap().into_parts_discarding().ssl;
    assert_eq!(ssl.set_context(&other).unwrap_err().kind(), ErrorKind::NotReady);
}

#[test]
fn an_object_is_not_given_a_context_that_demands_more_than_its_first() {
    let c = SslContext::builder(SslMethod::tls()).unwrap().build();
    let mut verifying = SslContext::builder(SslMethod::tls()).unwrap();
    verifying.set_verify(SslVerifyMode::PEER).unwrap();
    for (mut ssl, next) in [
        (Ssl::new(&c).unwrap(), client_builder().build()),
        (Ssl::new(&verifying.build()).unwrap(), client_builder().build()),
    ] {
        assert_eq!(ssl.set_context(&next).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn an_object_keeps_to_what_its_context_says_of_staples() {
    let judging = || {
        let mut client = client_builder();
        client.verify_stapled_responses(StaplePolicy::Always, OcspCheck::new()).unwrap();
        client.build()
    };
    for (first, next) in [(client_builder().build(), judging()), (judging(), client_builder().build())] {
        let mut ssl = Ssl::new(&first).unwrap();
        assert_eq!(ssl.set_context(&next).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    Ssl::new(&judging()).unwrap().set_context(&judging()).unwrap();
}
