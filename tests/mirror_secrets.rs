//! Random values, finished messages and exported keying material.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use common::{client_context, client_ssl, duplex, server_builder, server_context};
use libssl::context::ProtocolVersion;
use libssl::{ErrorKind, Ssl, SslContext};
use mirror::{Two, headers_since, supported, waits};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3];

#[test]
fn both_sides_tell_the_same_random_values() {
    for version in VERSIONS {
        let two = Two::connected(version);

        assert_eq!(two.client.client_random(), two.server.client_random());
        assert_eq!(two.client.server_random(), two.server.server_random());
        assert_ne!(two.client.client_random(), two.client.server_random());
        assert_ne!(two.client.client_random(), [0; 32]);
    }
}

#[test]
fn what_one_side_sent_to_finish_is_what_the_other_got() {
    for version in VERSIONS {
        let two = Two::connected(version);

        assert_eq!(two.client.finished(), two.server.peer_finished());
        assert_eq!(two.server.finished(), two.client.peer_finished());
        assert!(two.client.finished().len() >= 12);
    }
}

#[test]
fn before_a_handshake_there_is_nothing() {
    for context in [client_context(), server_context()] {
        let ssl = Ssl::new(&context).unwrap();
        assert_eq!((ssl.client_random(), ssl.server_random()), ([0; 32], [0; 32]));
        assert!(ssl.finished().is_empty() && ssl.peer_finished().is_empty());
        assert_eq!(supported(ssl.handshake_rtt()).flatten(), None);
        assert_eq!(ssl.extms_support(), None);
        assert!(!ssl.session_reused());
    }
}

#[test]
fn the_extended_master_secret_is_known_once_the_handshake_is_done() {
    let two = Two::connected(ProtocolVersion::TLS1_2);

    assert_eq!((two.client.extms_support(), two.server.extms_support()), (Some(true), Some(true)));
}

#[test]
fn the_round_trip_is_measured() {
    let two = Two::connected(ProtocolVersion::TLS1_3);

    match supported(two.client.handshake_rtt()) {
        Some(rtt) => assert!(rtt.is_some()),
        None => assert!(!headers_since(3, 2)),
    }
}

#[test]
fn both_sides_export_the_same_keying_material() {
    for version in VERSIONS {
        let two = Two::connected(version);
        let export = |ssl: &Ssl, label: &[u8], context: Option<&[u8]>, len: usize| {
            let mut out = vec![0; len];
            ssl.export_keying_material(&mut out, label, context).unwrap();
            out
        };

        for len in [0, 1, 32, 1000] {
            for context in [None, Some(&b""[..]), Some(b"context")] {
                let material = export(&two.client, b"EXPERIMENTAL-test", context, len);
                assert_eq!(material, export(&two.server, b"EXPERIMENTAL-test", context, len));
                assert!(len < 32 || material != vec![0; len]);
            }
        }
        let (none, empty) = (export(&two.client, b"x", None, 32), export(&two.client, b"x", Some(b""), 32));
        assert_eq!(
            none == empty,
            version == ProtocolVersion::TLS1_3,
            "an empty context is none in TLS 1.3 only"
        );
        assert_ne!(none, export(&two.client, b"y", None, 32));
        assert_ne!(none, export(&two.client, b"x", Some(b"c"), 32));
        let longest = [b'l'; 249];
        assert_eq!(export(&two.client, &longest, None, 32), export(&two.server, &longest, None, 32));
        // OpenSSL 3.0 has a limit of its own in TLS 1.2.
        let context = vec![7; if version == ProtocolVersion::TLS1_3 { 65535 } else { 512 }];
        assert_eq!(
            export(&two.client, b"x", Some(&context), 32),
            export(&two.server, b"x", Some(&context), 32)
        );
    }
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let two = Two::connected(ProtocolVersion::TLS1_3);
    let kind = |out: &mut [u8], label: &[u8], context: Option<&[u8]>| {
        two.client.export_keying_material(out, label, context).unwrap_err().kind()
    };

    assert_eq!(kind(&mut [0; 8], b"", None), ErrorKind::InvalidInput);
    assert_eq!(kind(&mut [0; 8], &[b'l'; 250], None), ErrorKind::InvalidInput);
    assert_eq!(kind(&mut [0; 8], b"x", Some(&vec![0; 65536])), ErrorKind::InvalidInput);
    let too_long = kind(&mut vec![0; 255 * 48 + 1], b"x", None);
    assert!(matches!(too_long, ErrorKind::Refused | ErrorKind::Unspecified), "{too_long:?}");
    let two = Two::connected(ProtocolVersion::TLS1_2);
    let reserved = two.client.export_keying_material(&mut [0; 8], b"master secret", None);
    assert_eq!(reserved.unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn nothing_is_exported_before_the_handshake_is_done() {
    for version in VERSIONS {
        let mut two = Two::of(version);
        let refused = |ssl: &Ssl| {
            let mut out = [7; 16];
            let error = ssl.export_keying_material(&mut out, b"x", None).unwrap_err();
            assert_eq!((error.kind(), out), (ErrorKind::NotReady, [7; 16]));
            let error = ssl.export_keying_material_early(&mut out, b"x", b"").unwrap_err();
            assert_eq!((error.kind(), out), (ErrorKind::NotReady, [7; 16]));
        };
        refused(&two.client);
        refused(&two.server);

        assert!(waits(two.connect()).unwrap());
        refused(&two.client);
        assert!(waits(two.accept()).unwrap());
        refused(&two.client);
        if version == ProtocolVersion::TLS1_2 {
            refused(&two.server);
        }
    }
}

#[test]
fn without_early_data_nothing_early_is_exported() {
    for version in VERSIONS {
        let two = Two::connected(version);
        for ssl in [&two.client, &two.server] {
            let error = ssl.export_keying_material_early(&mut [0; 8], b"x", b"").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotReady);
            let error = ssl.export_keying_material_early(&mut [0; 8], b"", b"").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}

/// A client with the session of an earlier connection to `first`, over which it has sent early data to `second`,
/// and that server, which has read it if it could.
fn early(first: &SslContext, second: &SslContext) -> Two {
    let context = client_context();
    let mut two = Two::new(&context, first);
    two.shake();
    two.drain();
    let (left, right) = duplex();
    let next = Two::over(client_ssl(&context), left, Ssl::new(second).unwrap(), right);
    let (mut done, mut buf) = (0, [0_u8; 16]);
    // SAFETY: the objects are live; the session's reference is ours (get1) and is given back. The buffers live for
    // the calls.
    unsafe {
        let session = openssl_sys_ext::SSL_get1_session(two.client.as_ptr());
        assert_eq!(openssl_sys::SSL_set_session(next.client.as_ptr(), session), 1);
        openssl_sys::SSL_SESSION_free(session);
        let client = next.client.as_ptr();
        assert_eq!(openssl_sys::SSL_write_early_data(client, b"early".as_ptr().cast(), 5, &raw mut done), 1);
        let (server, to) = (next.server.as_ptr(), buf.as_mut_ptr().cast());
        openssl_sys::SSL_read_early_data(server, to, buf.len(), &raw mut done);
    }
    next
}

fn with_early_data() -> SslContext {
    let context = server_builder();
    // SAFETY: the context is live and still being built.
    assert_eq!(unsafe { openssl_sys::SSL_CTX_set_max_early_data(context.as_ptr(), 1000) }, 1);
    context.build()
}

#[test]
fn both_sides_export_the_same_early_keying_material() {
    let context = with_early_data();
    let two = early(&context, &context);

    let (mut client, mut server) = ([0; 32], [0; 32]);
    two.client.export_keying_material_early(&mut client, b"EXPERIMENTAL-early", b"c").unwrap();
    two.server.export_keying_material_early(&mut server, b"EXPERIMENTAL-early", b"c").unwrap();

    assert_eq!(client, server);
    assert_ne!(client, [0; 32]);
}

/// Here C itself reads a session that is NULL.
#[test]
fn after_early_data_was_rejected_nothing_early_is_exported() {
    let mut two = early(&with_early_data(), &with_early_data());
    two.client.export_keying_material_early(&mut [0; 32], b"x", b"").unwrap();

    two.shake();

    for ssl in two.each() {
        let error = ssl.export_keying_material_early(&mut [0; 32], b"x", b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotReady);
    }
}
