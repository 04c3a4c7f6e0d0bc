//! How a connection judges its peer beyond the certificate callback: whole chains, pins, settings, security levels, and what
//! the error tells.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::Read;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::context::{Identity, SecurityOperation, SpkiPin, SslVerifyMode, TrustAnchors};
use libssl::error::VerifyFailure;
use libssl::x509::{PKey, VerifyFlags, X509, X509Purpose, X509VerifyParam};
use libssl::{
    Alert, Error, ErrorKind, HandshakeError, Role, Ssl, SslContext, SslContextBuilder, SslMethod,
    VerifyError, Want,
};

use common::{Turn, duplex, pki};
use support::{VERSIONS, Version};

fn certificate(der: &[u8]) -> X509 {
    X509::from_der(der).unwrap()
}

/// Both sides of a handshake: the client's error, and the server's, which a client of TLS 1.3 sends after the server was done.
fn refused(client: SslContextBuilder, server: SslContextBuilder) -> (Error, ErrorKind) {
    refused_with(common::client_ssl(&client.build()), server)
}

fn refused_with(client: Ssl, server: SslContextBuilder) -> (Error, ErrorKind) {
    let (left, right) = duplex();
    let (client, server) = common::shake_over(client, left, Ssl::new(&server.build()).unwrap(), right);
    let seen = match server {
        Err(error) => error.kind(),
        Ok(mut server) => support::inner(&server.read(&mut [0]).unwrap_err()).kind(),
    };
    (client.expect_err("the client refuses"), seen)
}

#[track_caller]
fn failure(error: &Error) -> &VerifyFailure {
    error.verify_failure().unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn a_chain_that_openssl_accepts_can_be_refused_with_a_reason_of_ones_own() {
    for version in VERSIONS {
        let mut client = version.client_builder();
        client
            .set_cert_verify_callback(|chain| {
                assert_eq!(chain.role(), Role::Client);
                assert_eq!(chain.verify(), Ok(()));
                assert_eq!((chain.chain().len(), chain.untrusted().len()), (2, 1));
                chain.set_error(VerifyError::CERT_REVOKED);
                false
            })
            .unwrap();
        let (error, seen) = refused(client, version.server_builder());
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::CERT_REVOKED));
        assert_eq!(failure(&error).alert, Some(Alert::CERTIFICATE_REVOKED));
        assert_eq!(seen, ErrorKind::Alert(Alert::CERTIFICATE_REVOKED));
        assert_eq!(failure(&error).subject().as_deref(), Some("CN=localhost"));
        assert_eq!(failure(&error).presented, ["localhost", "127.0.0.1", "::1"]);

        let mut client = version.client_builder();
        client.set_cert_verify_callback(|_| false).unwrap();
        let (error, seen) = refused(client, version.server_builder());
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
        assert_eq!(seen, ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
    }
}

#[test]
fn a_chain_that_openssl_refuses_stays_refused_and_is_not_asked_about() {
    for version in VERSIONS {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let mut client = version.client_builder();
        client
            .set_cert_verify_callback(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                true
            })
            .unwrap();
        let mut only = SslContext::server(&common::identity(&pki().expired)).unwrap();
        version.only(&mut only);
        let (error, seen) = refused(client, only);
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::CERT_HAS_EXPIRED));
        assert_eq!(seen, ErrorKind::Alert(Alert::CERTIFICATE_EXPIRED));
        assert_eq!(failure(&error).depth, Some(0));
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn only_the_danger_form_accepts_what_openssl_refuses() {
    for version in VERSIONS {
        let mut client = version.client_builder();
        client
            .danger_set_cert_verify_callback(|chain| {
                assert_eq!(chain.verify(), Err(VerifyError::CERT_HAS_EXPIRED));
                assert_eq!(chain.verify(), Err(VerifyError::CERT_HAS_EXPIRED), "the verdict is repeated");
                let own = chain.certificate().unwrap().to_owned();
                chain.set_verified_chain(vec![own]).unwrap();
                true
            })
            .unwrap();
        let mut server = SslContext::server(&common::identity(&pki().expired)).unwrap();
        version.only(&mut server);
        let (client, _server) = common::connected(&client.build(), &server.build());
        assert_eq!(client.ssl().verify_result(), VerifyError::CERT_HAS_EXPIRED, "it is told still");
        assert_eq!(client.ssl().verified_chain().len(), 1);

        let mut client = version.client_builder();
        client.danger_set_cert_verify_callback(|_| true).unwrap();
        let (client, _server) = common::connected(&client.build(), &version.server_builder().build());
        assert_eq!(client.ssl().verify_result(), VerifyError::OK, "the callback vouched");
    }
}

#[test]
fn what_verifying_left_in_the_error_queue_does_not_break_a_chain_that_is_accepted() {
    // One bit of the signature is wrong, which leaves entries.
    let mut der = pki().client.der.clone();
    *der.last_mut().unwrap() ^= 1;
    let identity =
        Identity::new([certificate(&der)], PKey::from_der(&pki().client.key_der).unwrap()).unwrap();
    for version in VERSIONS {
        for accepts in [true, false] {
            let mut client = version.client_builder();
            client.use_identity(&identity).unwrap();
            let mut server = version.server_builder();
            server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
            server.set_verify(SslVerifyMode::PEER).unwrap();
            server
                .danger_set_cert_verify_callback(move |chain| {
                    assert_eq!(chain.verify(), Err(VerifyError::CERT_SIGNATURE_FAILURE));
                    accepts
                })
                .unwrap();
            let (_client, server) = common::shake(&client.build(), &server.build());
            match server {
                Ok(_) => assert!(accepts),
                Err(error) => {
                    assert!(!accepts, "{error}");
                    assert!(error.stack().iter().count() > 1, "the queue tells why: {error:?}");
                }
            }
        }
    }
}

#[test]
fn a_client_pauses_over_a_chain_and_a_server_cannot() {
    for version in VERSIONS {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let mut client = version.client_builder();
        client
            .set_cert_verify_callback(move |chain| {
                if count.fetch_add(1, Ordering::Relaxed) == 0 {
                    chain.suspend().unwrap();
                }
                true
            })
            .unwrap();
        let (client, server) = (client.build(), version.server_builder().build());
        let (left, right) = duplex();
        let mut server = Turn::of(Ssl::new(&server).unwrap().accept(right));
        let mut client = common::client_ssl(&client).connect(left);
        let mut pauses = 0;
        let connected = loop {
            server = server.next();
            client = match client {
                Ok(connected) => break connected,
                Err(HandshakeError::Failed(failure)) => panic!("{failure}"),
                Err(waits) => {
                    pauses += usize::from(waits.want() == Some(Want::RetryVerify));
                    waits.into_handshake().unwrap().resume()
                }
            };
        };
        assert_eq!((pauses, asked.load(Ordering::Relaxed)), (1, 2));
        support::finish(Turn::Over(Ok(connected)), server);

        let mut client = version.client_builder();
        client.use_identity(&common::identity(&pki().client)).unwrap();
        let mut server = version.server_builder();
        server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
        server.set_verify(SslVerifyMode::PEER).unwrap();
        server
            .set_cert_verify_callback(|chain| {
                assert_eq!(chain.suspend().unwrap_err().kind(), ErrorKind::WrongRole);
                true
            })
            .unwrap();
        let (_, server) = common::shake(&client.build(), &server.build());
        assert!(matches!(server.unwrap_err().kind(), ErrorKind::Verification(_)), "C would accept");
    }
}

#[test]
fn the_callback_for_each_certificate_is_asked_inside_the_one_for_the_chain() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (each, whole) = (Arc::clone(&order), Arc::clone(&order));
    let mut client = Version::Tls13.client_builder();
    client
        .set_verify_callback(SslVerifyMode::PEER, move |view| {
            each.lock().unwrap().push(view.depth());
            if view.depth() == 0 { panic!("of one certificate") } else { true }
        })
        .unwrap();
    client
        .danger_set_cert_verify_callback(move |chain| {
            assert!(chain.verify().is_err(), "its callback panicked");
            whole.lock().unwrap().push(99);
            true
        })
        .unwrap();
    let (client, server) = (client.build(), Version::Tls13.server_builder().build());
    let outcome = catch_unwind(AssertUnwindSafe(|| common::shake(&client, &server).0.map(drop)));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"of one certificate"));
    assert_eq!(*order.lock().unwrap(), [1, 0, 99]);
}

#[test]
fn a_pin_fits_the_peers_key_or_a_cas_and_none_that_fits_is_a_refusal() {
    let ca = SpkiPin::of(&certificate(&pki().ca_der)).unwrap();
    let own = SpkiPin::of(&certificate(&pki().ed25519.der)).unwrap();
    let other = SpkiPin::of(&certificate(&pki().client.der)).unwrap();
    for version in VERSIONS {
        for pins in [vec![own], vec![other, ca], vec![other, own, other]] {
            let mut client = version.client_builder();
            client.set_spki_pins(&pins).unwrap();
            common::connected(&client.build(), &version.server_builder().build());
        }
        let mut client = version.client_builder();
        client.set_cert_verify_callback(|_| true).unwrap();
        client.set_spki_pins(&[other]).unwrap();
        let (error, seen) = refused(client, version.server_builder());
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
        assert_eq!(seen, ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
        assert_eq!(failure(&error).detail.as_deref(), Some("no key of the chain is pinned"));
        assert!(error.to_string().contains("no key of the chain is pinned"), "{error}");

        // Nor does a callback that accepts everything get around them.
        let mut client = version.client_builder();
        client.danger_set_cert_verify_callback(|_| true).unwrap();
        client.set_spki_pins(&[ca]).unwrap();
        refused(client, version.server_builder());
    }
    let mut client = common::client_builder();
    assert_eq!(client.set_spki_pins(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(own.to_string().parse::<SpkiPin>().unwrap(), own);
}

#[test]
fn a_server_pins_the_keys_of_its_clients() {
    let pin = SpkiPin::of(&certificate(&pki().client.der)).unwrap();
    for version in VERSIONS {
        for (identity, fits) in [(&pki().client, true), (&pki().localhost, false)] {
            let mut client = version.client_builder();
            client.use_identity(&common::identity(identity)).unwrap();
            let mut server = version.server_builder();
            server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
            server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
            server.verify_param_mut().danger_set_purpose(Some(X509Purpose::ANY)).unwrap();
            server.set_spki_pins(&[pin]).unwrap();
            let (_, server) = common::shake(&client.build(), &server.build());
            assert_eq!(server.is_ok(), fits, "{server:?}");
        }
    }
}

#[test]
fn the_error_tells_names_expected_and_presented_on_either_side() {
    for version in VERSIONS {
        let mut client = Ssl::new(&version.client_builder().build()).unwrap();
        client.set_server_name("wrong.example").unwrap();
        client.add_verify_host("also.wrong.example").unwrap();
        let (error, seen) = refused_with(client, version.server_builder());
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
        assert_eq!(seen, ErrorKind::Alert(Alert::BAD_CERTIFICATE));
        let failure = failure(&error);
        assert_eq!(failure.expected, ["wrong.example", "also.wrong.example"]);
        assert_eq!(failure.presented, ["localhost", "127.0.0.1", "::1"]);
        assert_eq!(failure.certificate.as_ref().unwrap().to_der().unwrap(), pki().ed25519.der);
        assert!(
            error.to_string().contains("expected wrong.example or also.wrong.example, presented localhost")
        );

        let mut client = common::client_ssl(&version.client_builder().build());
        client.set_verify_email("somebody@example.org").unwrap();
        let (error, _) = refused_with(client, version.server_builder());
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::EMAIL_MISMATCH));
        assert!(error.to_string().contains("somebody@example.org"), "{error}");
    }
}

#[test]
fn one_of_several_names_is_enough_and_it_is_told_which() {
    let client = common::client_context();
    let mut ssl = Ssl::new(&client).unwrap();
    ssl.set_server_name("elsewhere.example").unwrap();
    ssl.add_verify_host("localhost").unwrap();
    let (left, right) = duplex();
    let (client, _server) =
        common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right);
    assert_eq!(client.unwrap().ssl().peer_name(), Some(&b"localhost"[..]));

    let mut ssl = Ssl::new(&common::client_context()).unwrap();
    ssl.set_verify_ip(IpAddr::from([10, 0, 0, 1])).unwrap();
    match ssl.add_verify_ip(IpAddr::from([127, 0, 0, 1])) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        Ok(()) => {
            let (left, right) = duplex();
            let server = Ssl::new(&common::server_context()).unwrap();
            common::shake_over(ssl, left, server, right).0.unwrap();
        }
    }
    for bad in ["", ".example.org", "a\0b", "*.example.org"] {
        let mut ssl = Ssl::new(&common::client_context()).unwrap();
        assert_eq!(ssl.add_verify_host(bad).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn settings_of_context_and_object_are_read_copied_and_obeyed() {
    let mut builder = common::client_builder();
    builder.verify_param_mut().set_flags(VerifyFlags::CRL_CHECK).unwrap();
    assert!(builder.verify_param().flags().contains(VerifyFlags::CRL_CHECK));
    let (error, _) = refused(builder, common::server_builder());
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::UNABLE_TO_GET_CRL));

    let mut param = X509VerifyParam::new().unwrap();
    param.set_host("localhost").unwrap();
    param.set_flags(VerifyFlags::CRL_CHECK).unwrap();
    let mut builder = common::client_builder();
    builder.set_verify_param(&param).unwrap();
    assert_eq!(builder.verify_param().hosts(), [c"localhost"]);
    let context = builder.build();
    let ssl = Ssl::new(&context).unwrap();
    // OpenSSL 4.0 copies names without their end.
    assert_eq!(ssl.verify_param().hosts(), [c"localhost"]);
    assert!(ssl.verifies_name(), "the context's name counts");
    let (error, _) = refused_with(ssl, common::server_builder());
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::UNABLE_TO_GET_CRL));

    let mut ssl = Ssl::new(&common::client_context()).unwrap();
    ssl.set_verify_param(&param).unwrap();
    assert_eq!(ssl.verify_param().hosts(), [c"localhost"]);
    let (error, _) = refused_with(ssl, common::server_builder());
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::UNABLE_TO_GET_CRL));
}

#[test]
fn names_taken_away_or_exchanged_in_the_middle_end_the_handshake() {
    for exchange in [false, true] {
        let context = common::client_context();
        let mut ssl = common::client_ssl(&context);
        let (left, right) = duplex();
        let mut server = Turn::of(Ssl::new(&common::server_context()).unwrap().accept(right));
        ssl.set_stream(left).unwrap();
        let mut outcome = libssl::SslRef::connect(&mut ssl);
        if exchange {
            ssl.verify_param_mut().set_host("other.example").unwrap();
        } else {
            ssl.verify_param_mut().danger_clear_hosts();
        }
        for _ in 0..10 {
            server = server.next();
            if outcome.as_ref().is_err_and(|error| error.want().is_none()) {
                break;
            }
            outcome = libssl::SslRef::connect(&mut ssl);
        }
        assert!(outcome.unwrap_err().want().is_none());
        assert!(ssl.is_poisoned() || !ssl.is_init_finished());
    }
}

#[test]
fn a_chain_too_long_in_bytes_is_refused() {
    let mut builder = common::client_builder();
    builder.set_max_cert_list(100);
    assert_eq!(builder.max_cert_list(), 100);
    let context = builder.build();
    let mut ssl = common::client_ssl(&context);
    assert_eq!(ssl.max_cert_list(), 100, "the context's");
    let (left, right) = duplex();
    let (client, _) = common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right);
    assert_eq!(client.unwrap_err().kind(), ErrorKind::Protocol);

    ssl = common::client_ssl(&context);
    ssl.set_max_cert_list(usize::MAX);
    let (left, right) = duplex();
    common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right).0.unwrap();
}

#[test]
fn what_is_there_is_told() {
    let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
    assert!(!builder.has_verify_callback());
    builder.set_verify_callback(SslVerifyMode::PEER, |_| true).unwrap();
    assert!(builder.has_verify_callback());
    let context = builder.build();
    let mut ssl = Ssl::new(&context).unwrap();
    assert!(ssl.has_verify_callback() && ssl.peer_certificate_ref().is_none());
    ssl.danger_set_verify_result(VerifyError::CERT_REVOKED);
    assert_eq!(ssl.verify_result(), VerifyError::CERT_REVOKED);

    let (client, _server) = common::connected(&common::client_context(), &common::server_context());
    assert_eq!(client.ssl().peer_certificate_ref().unwrap().to_der().unwrap(), pki().localhost.der);
}

#[test]
fn a_security_level_is_raised_and_never_lowered_without_saying_danger() {
    let mut builder = common::client_builder();
    builder.danger_set_security_level(1);
    builder.raise_security_level(3);
    builder.raise_security_level(2);
    assert_eq!(builder.security_level(), 3);
    let context = builder.build();
    let mut ssl = common::client_ssl(&context);
    assert_eq!(ssl.security_level(), 3);
    ssl.raise_security_level(1);
    assert_eq!(ssl.security_level(), 3);
    ssl.raise_security_level(5);
    let (left, right) = duplex();
    let (client, _) = common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right);
    assert!(client.is_err(), "P-256 has 128 bits of security");

    let mut ssl = common::client_ssl(&context);
    ssl.danger_set_security_level(0);
    assert_eq!(ssl.security_level(), 0);
}

#[test]
fn a_security_callback_forbids_more_and_only_the_danger_form_permits_more() {
    let questions = Arc::new(std::sync::Mutex::new(Vec::new()));
    let asked = Arc::clone(&questions);
    let mut client = common::client_builder();
    client
        .set_security_callback(move |question| {
            assert!(question.permitted());
            asked.lock().unwrap().push(question.operation());
            question.cipher().is_none_or(|cipher| !cipher.name().contains("CHACHA20"))
        })
        .unwrap();
    assert!(client.has_security_callback() && !client.security_ex_data().is_null());
    let context = client.build();
    let (connected, _server) = common::connected(&context, &common::server_context());
    for operation in
        [SecurityOperation::CIPHER_SUPPORTED, SecurityOperation::VERSION, SecurityOperation::SIGALG_CHECK]
    {
        assert!(questions.lock().unwrap().contains(&operation), "{operation:?}");
    }
    drop(connected);
    let offered = Ssl::new(&context).unwrap().supported_ciphers();
    assert!(!offered.is_empty() && offered.iter().all(|cipher| !cipher.name().contains("CHACHA20")));

    // It does not permit what the level forbids; the other form does.
    for danger in [false, true] {
        let mut client = common::client_builder();
        client.danger_set_security_level(5);
        // The chain is measured by the level itself.
        client.verify_param_mut().danger_set_auth_level(Some(0));
        if danger {
            client.danger_set_security_callback(|_| true).unwrap();
        } else {
            client.set_security_callback(|_| true).unwrap();
        }
        let (client, _) = common::shake(&client.build(), &common::server_context());
        assert_eq!(client.is_ok(), danger, "{client:?}");
    }
}

#[test]
fn an_object_has_a_security_callback_of_its_own_beside_the_contexts() {
    let alive = Arc::new(());
    let mut client = common::client_builder();
    client.set_security_callback(|_| true).unwrap();
    let context = client.build();
    let mut ssl = common::client_ssl(&context);
    assert!(!ssl.has_security_callback() && !ssl.security_ex_data().is_null());
    let held = Arc::clone(&alive);
    ssl.set_security_callback(move |_| Arc::strong_count(&held) > 0).unwrap();
    ssl.danger_set_security_callback(|_| true).unwrap();
    assert_eq!(Arc::strong_count(&alive), 1, "the closure before it is gone");
    assert!(ssl.has_security_callback() && ssl.security_ex_data().is_null());
    let (left, right) = duplex();
    common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right).0.unwrap();

    let mut ssl = common::client_ssl(&common::client_context());
    ssl.set_security_callback(|question| match question.operation() {
        SecurityOperation::SIGALG_CHECK => panic!("weighed and found wanting"),
        _ => true,
    })
    .unwrap();
    let (left, right) = duplex();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        common::shake_over(ssl, left, Ssl::new(&common::server_context()).unwrap(), right).0.map(drop)
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"weighed and found wanting"));
}

#[test]
fn a_panic_of_a_security_callback_comes_out_of_the_setter_that_asked() {
    let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
    builder
        .set_security_callback(|question| {
            assert_eq!(question.certificate().unwrap().to_der().unwrap(), pki().localhost.der);
            assert!(question.ssl().is_none() && !question.operation().is_of_peer() && question.bits() >= 128);
            panic!("not this one")
        })
        .unwrap();
    let outcome =
        catch_unwind(AssertUnwindSafe(|| builder.use_certificate(&certificate(&pki().localhost.der))));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"not this one"));
    builder.set_security_callback(|_| true).unwrap();
    builder.use_certificate(&certificate(&pki().localhost.der)).unwrap();
}
