//! What a verdict over a peer rests on: pins that nobody's overruling gets around, settings of contexts and of objects,
//! security levels; and the alert that tells the peer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::sync::{Arc, Mutex};

use common::identities::{Ca, named};
use common::{
    Duplex, Made, Side, client_builder, client_context, client_ssl, duplex, identity, pki, server_builder,
    server_context, shake, shake_over,
};
use libssl::context::{SecurityOperation, SecurityQuestion, SpkiPin, SslMethod, SslVerifyMode, TrustAnchors};
use libssl::error::VerifyFailure;
use libssl::x509::{HostFlags, X509, X509Purpose, X509VerifyParam};
use libssl::{ErrorKind, Ssl, SslContext, SslContextBuilder, SslContextRef, SslRef, VerifyError};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Builder, X509NameBuilder};
use rcgen::PKCS_ECDSA_P256_SHA256;
use support::{VERSIONS, Version};

fn x509(der: &[u8]) -> X509 {
    X509::from_der(der).unwrap()
}

fn shake_as(client: Ssl, server: &SslContextRef) -> (Side<Duplex>, Side<Duplex>) {
    let (left, right) = duplex();
    shake_over(client, left, Ssl::new(server).unwrap(), right)
}

/// Why the client refused the server.
#[track_caller]
fn refusal(client: &Side<Duplex>) -> VerifyFailure {
    client.as_ref().expect_err("a refusal").verify_failure().expect("a refused certificate").clone()
}

/// A server whose certificate is of a CA that bears the name of the known one, and not its key.
fn forged() -> SslContext {
    let mut params = named("localhost", &["localhost"]);
    // With the identifier of the wrong key in it, OpenSSL would not take the known CA for the issuer.
    params.use_authority_key_identifier_extension = false;
    let made = Ca::new("test CA").issue(&params, &PKCS_ECDSA_P256_SHA256);
    SslContext::server(&identity(&made)).unwrap().build()
}

#[test]
fn each_verdict_is_told_to_the_peer_with_the_alert_that_the_error_names() {
    for version in VERSIONS {
        let mut server = server_builder();
        version.only(&mut server);
        let server = server.build();
        // Codes beyond those that are known get an alert too.
        for code in (1..=100).chain([4711]) {
            let error = VerifyError(code);
            let mut client = client_builder();
            version.only(&mut client);
            client
                .danger_set_cert_verify_callback(move |view| {
                    view.set_error(error);
                    false
                })
                .unwrap();

            let (client, server) = shake(&client.build(), &server);

            let failure = refusal(&client);
            assert_eq!((failure.error, failure.alert), (error, Some(error.alert())), "{version:?}");
            assert_eq!(server.unwrap_err().kind(), ErrorKind::Alert(error.alert()), "{version:?} {error:?}");
        }
    }
}

#[test]
fn a_mail_address_is_demanded_beside_the_name() {
    let mut ssl = client_ssl(&client_context());
    ssl.verify_param_mut().set_email("someone@one.example").unwrap();

    let (client, _server) = shake_as(ssl, &server_context());

    let failure = refusal(&client);
    assert_eq!(failure.error, VerifyError::EMAIL_MISMATCH);
    assert!(failure.expected.contains(&"someone@one.example".to_owned()), "{:?}", failure.expected);
}

#[test]
fn host_flags_of_an_object_count() {
    let made = {
        let ca = Ca::new("wildcards");
        (ca.issue(&named("w", &["*.one.example"]), &PKCS_ECDSA_P256_SHA256), ca.pem)
    };
    let server = SslContext::server(&identity(&made.0)).unwrap().build();
    let client = SslContext::client_trusting(TrustAnchors::Pem(made.1.as_bytes())).unwrap().build();
    for (flags, accepted) in [(HostFlags::empty(), true), (HostFlags::NO_WILDCARDS, false)] {
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_server_name("a.one.example").unwrap();
        ssl.verify_param_mut().set_host_flags(flags).unwrap();

        let (client, _server) = shake_as(ssl, &server);

        assert_eq!(client.is_ok(), accepted, "{flags:?}");
    }
}

/// Each way to set the purpose that a server's certificate must suit; this one is made for servers only.
#[test]
fn the_purpose_of_a_context_and_of_an_object_counts() {
    let mut param = X509VerifyParam::new().unwrap();
    param.set_purpose(X509Purpose::SSL_CLIENT).unwrap();
    let context = |set: &dyn Fn(&mut SslContextBuilder)| {
        let mut builder = client_builder();
        set(&mut builder);
        client_ssl(&builder.build())
    };
    let object = |set: &dyn Fn(&mut SslRef)| {
        let mut ssl = client_ssl(&client_context());
        set(&mut ssl);
        ssl
    };
    let ways = [
        context(&|it| it.verify_param_mut().set_purpose(X509Purpose::SSL_CLIENT).unwrap()),
        context(&|it| it.set_verify_param(&param).unwrap()),
        object(&|it| it.verify_param_mut().set_purpose(X509Purpose::SSL_CLIENT).unwrap()),
        object(&|it| it.set_verify_param(&param).unwrap()),
    ];
    for (i, ssl) in ways.into_iter().enumerate() {
        match ssl.verify_param().purpose() {
            Ok(purpose) => assert_eq!(purpose, Some(X509Purpose::SSL_CLIENT), "way {i}"),
            // Before 3.5 OpenSSL does not tell.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        }

        let (client, _server) = shake_as(ssl, &server_context());

        assert_eq!(refusal(&client).error, VerifyError::INVALID_PURPOSE, "way {i}");
    }
}

#[test]
fn names_that_are_cleared_through_the_settings_are_missed_before_a_byte_goes_out() {
    let mut ssl = client_ssl(&client_context());
    ssl.verify_param_mut().danger_clear_hosts();

    let (client, server) = shake_as(ssl, &server_context());

    assert_eq!(client.unwrap_err().kind(), ErrorKind::NoServerName);
    assert_eq!(server.unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

/// A client that pins one key.
fn pinning(version: Version, der: &[u8]) -> SslContextBuilder {
    let mut client = client_builder();
    version.only(&mut client);
    client.set_spki_pins(&[SpkiPin::of(&x509(der)).unwrap()]).unwrap();
    client
}

/// A CA's certificate is public: anybody can put it, or its name, above one's own.
#[test]
fn a_pinned_ca_that_did_not_sign_counts_for_nothing_whoever_overrules_openssl() {
    type Overrule = fn(&mut SslContextBuilder);
    let overrule: [(&str, Overrule); 4] = [
        ("each certificate", |client| {
            client.danger_set_verify_callback(SslVerifyMode::PEER, |_| true).unwrap();
        }),
        ("each certificate, without a trace", |client| {
            let accept = |view: &mut libssl::context::VerifyView<'_>| {
                view.set_error(VerifyError::OK);
                true
            };
            client.danger_set_verify_callback(SslVerifyMode::PEER, accept).unwrap();
        }),
        ("the chain", |client| {
            client
                .danger_set_cert_verify_callback(|view| {
                    let _ = view.verify();
                    true
                })
                .unwrap();
        }),
        ("the chain, without a trace", |client| {
            client
                .danger_set_cert_verify_callback(|view| {
                    let _ = view.verify();
                    view.set_error(VerifyError::OK);
                    true
                })
                .unwrap();
        }),
    ];
    for version in VERSIONS {
        for (what, overrule) in overrule {
            let mut client = pinning(version, &pki().ca_der);
            overrule(&mut client);

            let (client, _server) = shake(&client.build(), &forged());

            let error = client.err().unwrap_or_else(|| panic!("{version:?}: {what}: a forged chain got in"));
            let kind = ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION);
            assert_eq!(error.kind(), kind, "{version:?}: {what}");
        }
    }
}

/// Any server can send the certificate of a CA that is not its own.
#[test]
fn a_pinned_certificate_that_was_only_sent_along_counts_for_nothing() {
    let other = Ca::new("another CA");
    let mut made = other.issue(&named("localhost", &["localhost"]), &PKCS_ECDSA_P256_SHA256);
    made.chain_pem += &pki().ca_pem;
    let server = SslContext::server(&identity(&made)).unwrap().build();
    let both = other.pem.clone() + &pki().ca_pem;
    for tells_what_was_sent in [false, true] {
        let mut client = SslContext::client_trusting(TrustAnchors::Pem(both.as_bytes())).unwrap();
        client.set_spki_pins(&[SpkiPin::of(&x509(&pki().ca_der)).unwrap()]).unwrap();
        client
            .set_cert_verify_callback(move |view| {
                assert_eq!(view.untrusted().len(), 2);
                if tells_what_was_sent {
                    view.set_verified_chain(view.untrusted()).unwrap();
                }
                true
            })
            .unwrap();

        let (client, _server) = shake(&client.build(), &server);

        let error = client.err().unwrap_or_else(|| panic!("got in; told: {tells_what_was_sent}"));
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
    }
}

/// Who overrules OpenSSL and pins the peer's own key has that key proven by the handshake.
#[test]
fn a_peer_s_own_pinned_key_counts_also_where_openssl_was_overruled() {
    for version in VERSIONS {
        let mut client = pinning(version, &pki().self_signed.der);
        client.danger_set_verify_callback(SslVerifyMode::PEER, |_| true).unwrap();
        let server = SslContext::server(&identity(&pki().self_signed)).unwrap().build();

        shake(&client.build(), &server).0.unwrap();
    }
}

/// A server that vouches for itself with RSA of 1024 bits, which is 80 bits of security: enough for level 1 only.
fn weak() -> Made {
    let key = Rsa::generate(1024).and_then(PKey::from_rsa).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "weak").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names =
        SubjectAlternativeName::new().dns("localhost").build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    Made {
        chain_pem: String::from_utf8(certificate.to_pem().unwrap()).unwrap(),
        der: certificate.to_der().unwrap(),
        key_pem: String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap(),
        key_der: key.private_key_to_pkcs8().unwrap(),
    }
}

/// A server without an identity yet, at this level.
fn bare_server(level: u32) -> SslContextBuilder {
    let mut server = SslContext::builder(SslMethod::tls_server()).unwrap();
    server.danger_set_security_level(level);
    server
}

/// The weak server, which lets itself present what it has.
fn weak_server(made: &Made) -> SslContext {
    let mut server = bare_server(0);
    server.use_identity(&identity(made)).unwrap();
    server.build()
}

fn client_of_weak(made: &Made, level: u32) -> SslContextBuilder {
    let mut client = SslContext::client_trusting(TrustAnchors::Pem(made.chain_pem.as_bytes())).unwrap();
    client.danger_set_security_level(level);
    client
}

const KEY_TOO_SMALL: ErrorKind = ErrorKind::Verification(VerifyError::EE_KEY_TOO_SMALL);

/// What is beyond the levels that there are is the highest to C, and never wraps around to none.
#[test]
fn a_level_beyond_all_lets_nothing_pass() {
    for level in [6, u32::MAX] {
        let mut client = client_builder();
        client.raise_security_level(level);
        assert!(client.security_level() >= 5);
        shake(&client.build(), &server_builder().build()).0.unwrap_err();
    }
}

#[test]
fn the_level_of_a_context_and_of_an_object_refuses_weak_keys() {
    let weak = weak();
    let server = weak_server(&weak);
    shake(&client_of_weak(&weak, 1).build(), &server).0.unwrap();

    let mut raised = client_of_weak(&weak, 1);
    raised.raise_security_level(2);
    assert_eq!(shake(&raised.build(), &server).0.unwrap_err().kind(), KEY_TOO_SMALL);

    let mut ssl = client_ssl(&client_of_weak(&weak, 1).build());
    ssl.raise_security_level(2);
    assert_eq!(shake_as(ssl, &server).0.unwrap_err().kind(), KEY_TOO_SMALL);

    let mut ssl = client_ssl(&client_of_weak(&weak, 2).build());
    ssl.danger_set_security_level(1);
    shake_as(ssl, &server).0.unwrap();
}

/// The signature of the server is not to be permitted.
fn no_signature(question: &SecurityQuestion<'_>) -> bool {
    question.operation() != SecurityOperation::SIGALG_CHECK
}

#[test]
fn questions_come_with_what_they_are_about() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut client = client_builder();
    let probe = Arc::clone(&seen);
    client
        .set_security_callback(move |question| {
            let operation = question.operation();
            let certificate = question.certificate().map(|it| it.to_der().unwrap());
            let cipher = question.cipher().map(|it| it.name().to_owned());
            let facts = (question.bits(), question.nid(), question.number());
            let on_a_connection = question.ssl().is_some();
            probe.lock().unwrap().push((operation, certificate, cipher, facts, on_a_connection));
            assert!(format!("{question:?}").contains(operation.name().unwrap()));
            true
        })
        .unwrap();
    client.set_cipher_list("ECDHE+AESGCM").unwrap();

    shake(&client.build(), &server_builder().build()).0.unwrap();

    let seen = seen.lock().unwrap();
    let of = |operation| seen.iter().filter(move |it| it.0 == operation).collect::<Vec<_>>();
    let ciphers = of(SecurityOperation::CIPHER_SUPPORTED);
    assert!(!ciphers.is_empty());
    for cipher in ciphers {
        assert!(cipher.1.is_none() && cipher.2.is_some() && cipher.3.0 >= 112, "{cipher:?}");
    }
    let signatures = of(SecurityOperation::SIGALG_CHECK);
    let signature = signatures.first().expect("a question about the server's signature");
    // ECDSA with P-256 and SHA-256 is 128 bits of security.
    assert_eq!((signature.3.0, signature.4), (128, true), "{signature:?}");
    let versions = of(SecurityOperation::VERSION);
    assert!(versions.iter().any(|it| it.3.2 == 0x0304), "{versions:?}");
}

/// A callback that took another's place rests on OpenSSL's levels, not on the one that is gone.
#[test]
fn a_callback_in_place_of_another_rests_on_the_levels() {
    let gone = Arc::new(());
    let held = Arc::clone(&gone);
    let mut client = client_builder();
    client
        .set_security_callback(move |_| {
            let _held = &held;
            false
        })
        .unwrap();
    client.set_security_callback(|question| question.permitted()).unwrap();
    assert_eq!(Arc::strong_count(&gone), 1);
    let client = client.build();
    shake(&client, &server_builder().build()).0.unwrap();

    let mut ssl = client_ssl(&client);
    ssl.set_security_callback(|_| false).unwrap();
    ssl.set_security_callback(|_| true).unwrap();
    shake_as(ssl, &server_builder().build()).0.unwrap();
}

#[test]
fn an_object_s_callback_rests_on_its_context_s() {
    let mut client = client_builder();
    client.set_security_callback(no_signature).unwrap();
    let mut ssl = client_ssl(&client.build());
    ssl.set_security_callback(|_| true).unwrap();

    assert_eq!(shake_as(ssl, &server_builder().build()).0.unwrap_err().kind(), ErrorKind::Protocol);
}
