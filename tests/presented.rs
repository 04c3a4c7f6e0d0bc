//! What a context or an object presents, and whose certificates it asks for: the calls that mirror C's, on both.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;
mod support;

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::context::{
    BuildChainFlags, BuiltChain, CaNames, CertificateFlags, ClientCertificateDecision, ClientVerification,
    CurrentCertificate, FileFormat, SslVerifyMode, TrustAnchors,
};
use libssl::ssl::{ChainChecks, Nid};
use libssl::x509::{PKey, X509, X509Store, X509StoreBuilder};
use libssl::{ErrorKind, HandshakeError, Ssl, SslContext, SslContextBuilder, SslMethod, Want};

use commands::Files;
use common::identities::Ca;
use common::{Made, Turn, duplex, pki};
use support::{VERSIONS, Version, read_now};

const EC: Nid = Nid(408);

fn x509(made: &Made) -> X509 {
    X509::from_der(&made.der).unwrap()
}

fn key(made: &Made) -> PKey {
    PKey::from_pem(made.key_pem.as_bytes(), None).unwrap()
}

fn ca() -> X509 {
    X509::from_der(&pki().ca_der).unwrap()
}

fn builder() -> SslContextBuilder {
    SslContext::builder(SslMethod::tls()).unwrap()
}

fn der(certificates: &[X509]) -> Vec<Vec<u8>> {
    certificates.iter().map(|certificate| certificate.to_der().unwrap()).collect()
}

/// The same calls on a builder and on an object.
macro_rules! on_both {
    ($test:ident, $it:ident, $body:block) => {
        #[test]
        fn $test() {
            {
                let mut owner = builder();
                let $it = &mut owner;
                $body
            }
            {
                let context = builder().build();
                let mut owner = Ssl::new(&context).unwrap();
                let $it = &mut owner;
                $body
            }
        }
    };
}

on_both!(a_chain_is_set_shared_given_extended_and_taken_away, it, {
    it.use_certificate(&x509(&pki().localhost)).unwrap();
    it.use_private_key(&key(&pki().localhost)).unwrap();
    it.check_private_key().unwrap();
    assert!(it.chain_certs().is_empty());

    it.set_chain(&[ca()]).unwrap();
    it.add_chain_cert(&x509(&pki().expired)).unwrap();
    it.put_chain_cert(x509(&pki().client)).unwrap();
    let expected = [pki().ca_der.clone(), pki().expired.der.clone(), pki().client.der.clone()];
    assert_eq!(der(&it.chain_certs()), expected);

    it.put_chain(vec![ca()]).unwrap();
    assert_eq!(der(&it.chain_certs()), [pki().ca_der.clone()]);
    it.clear_chain_certs().unwrap();
    assert!(it.chain_certs().is_empty());
});

on_both!(certificates_and_keys_come_from_der_and_files, it, {
    let made = &pki().localhost;
    let files = Files::new(&[
        ("chain.pem", &format!("{}{}", made.chain_pem, pki().ca_pem)),
        ("key.pem", &made.key_pem),
    ]);
    it.use_certificate_der(&made.der).unwrap();
    it.use_private_key_der(EC, &made.key_der).unwrap();
    it.check_private_key().unwrap();
    assert_eq!(it.certificate().unwrap().to_der().unwrap(), made.der);
    assert!(it.private_key().unwrap().public_eq(&key(made)).unwrap());

    it.use_certificate_chain_file(files.path("chain.pem")).unwrap();
    assert_eq!(der(&it.chain_certs()), [pki().ca_der.clone()]);
    it.use_certificate_file(files.path("chain.pem"), FileFormat::Pem).unwrap();
    it.use_private_key_file(files.path("key.pem"), FileFormat::Pem).unwrap();
    it.check_private_key().unwrap();

    for error in [
        it.use_certificate_chain_file(files.path("none")).unwrap_err(),
        it.use_certificate_file(files.path("none"), FileFormat::Der).unwrap_err(),
        it.use_private_key_file(files.path("none"), FileFormat::Pem).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert!(error.to_string().contains("none"), "{error}");
    }
    assert_eq!(it.use_certificate_der(b"\x30").unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(it.use_private_key_der(EC, b"\x30").unwrap_err().kind(), ErrorKind::Refused);
    assert!(it.use_private_key(&key(&pki().client)).is_err(), "a key of another certificate");
});

on_both!(of_several_certificates_one_is_the_current_one, it, {
    let identities = [common::identity(&pki().localhost), common::identity(&pki().ed25519)];
    identities.iter().for_each(|identity| it.use_identity(identity).unwrap());
    let current = |der: Option<Vec<u8>>| {
        if der.as_ref() == Some(&pki().localhost.der) { "ECDSA" } else { "Ed25519" }
    };
    it.select_current_cert(&x509(&pki().localhost)).unwrap();
    assert_eq!(current(it.certificate().map(|c| c.to_der().unwrap())), "ECDSA");
    assert!(it.set_current_cert(CurrentCertificate::First));
    let first = current(it.certificate().map(|c| c.to_der().unwrap()));
    assert!(it.set_current_cert(CurrentCertificate::Next));
    assert_ne!(current(it.certificate().map(|c| c.to_der().unwrap())), first);
    assert!(!it.set_current_cert(CurrentCertificate::Next), "there are two");
    assert_eq!(it.select_current_cert(&x509(&pki().expired)).unwrap_err().kind(), ErrorKind::InvalidInput);
});

on_both!(a_chain_is_built_from_the_store_of_chains, it, {
    assert!(it.build_cert_chain(BuildChainFlags::empty()).is_err(), "no certificate");
    it.use_identity(&common::identity(&pki().localhost)).unwrap();
    assert_eq!(it.build_cert_chain(BuildChainFlags::empty()).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(it.build_cert_chain(BuildChainFlags::IGNORE_ERROR).unwrap(), BuiltChain::Unverified);
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_cert(&ca()).unwrap();
    let store: X509Store = store.build().unwrap();
    it.set_chain_cert_store(&store).unwrap();
    assert_eq!(it.build_cert_chain(BuildChainFlags::empty()).unwrap(), BuiltChain::Verified);
    assert_eq!(der(&it.chain_certs()), [pki().ca_der.clone()]);
    assert_eq!(it.build_cert_chain(BuildChainFlags::NO_ROOT).unwrap(), BuiltChain::Verified);
    assert!(it.chain_certs().is_empty(), "the root was left out");
});

on_both!(ca_names_are_set_added_and_read, it, {
    let mut names = CaNames::new().unwrap();
    names.add(ca().subject_name()).unwrap();
    names.add(ca().subject_name()).unwrap();
    assert_eq!(names.to_vec().len(), 1, "each name once");
    it.set_ca_list(names.try_clone().unwrap());
    it.add_to_ca_list(&x509(&pki().client)).unwrap();
    it.set_client_ca_list(names);
    it.add_client_ca(&x509(&pki().other_name)).unwrap();
    let texts =
        |names: Vec<libssl::x509::X509Name>| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(texts(it.ca_list()), ["CN=test CA", "CN=client"]);
    let clients = texts(it.client_ca_list());
    // An object that is no server yet tells what its peer said: nothing.
    assert!(clients.is_empty() || clients == ["CN=test CA", "CN=other.example"], "{clients:?}");
    it.set_client_certificate_types(&[64]).unwrap();
    assert_eq!(it.set_client_certificate_types(&[1; 256]).unwrap_err().kind(), ErrorKind::InvalidInput);
});

#[test]
fn ca_names_come_from_files_directories_and_uris() {
    let two = format!("{}{}", pki().ca_pem, pki().client.chain_pem);
    let files = Files::new(&[("two.pem", &two), ("one.pem", &pki().other_name.chain_pem)]);
    let mut names = CaNames::from_file(files.path("two.pem")).unwrap();
    assert_eq!(names.to_vec().len(), 2);
    names.add_file(files.path("one.pem")).unwrap();
    assert_eq!(names.to_vec().len(), 3);
    names.add_dir(files.path(".")).unwrap();
    assert_eq!(names.to_vec().len(), 3, "each name once");
    let mut by_uri = CaNames::new().unwrap();
    by_uri.add_uri(&format!("file:{}", files.path("two.pem").display())).unwrap();
    assert_eq!(by_uri.to_vec().len(), 2);
    assert!(format!("{by_uri:?}").contains("test CA"));

    assert_eq!(CaNames::from_file(files.path("none")).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(names.add_dir(files.path("none")).unwrap_err().kind(), ErrorKind::Io);
    assert!(names.add_uri("file:/nowhere/at/all").is_err());
    assert_eq!(names.add_uri("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    // C would ask for its passphrase at the terminal.
    let encrypted = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00000000000000000000000000000000\n\nAAAA\n-----END CERTIFICATE-----\n";
    let hostile = Files::new(&[("encrypted.pem", encrypted)]);
    assert_eq!(CaNames::from_file(hostile.path("encrypted.pem")).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(names.add_dir(hostile.path(".")).unwrap_err().kind(), ErrorKind::Refused);
}

/// C takes a broken certificate for the end, and says nothing.
#[test]
fn ca_names_of_broken_certificates_are_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (good, other) = (&pki().ca_pem, &pki().other_name.chain_pem);
    for text in [format!("{good}{broken}{other}"), format!("{broken}{good}")] {
        let files = Files::new(&[("names.pem", &text)]);
        let mut names = CaNames::new().unwrap();
        let path = files.path("names.pem");
        let outcomes = [
            CaNames::from_file(&path).map(drop),
            names.add_file(&path),
            names.add_dir(files.path(".")),
            names.add_uri(&format!("file:{}", path.display())),
        ];
        for (i, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Refused, "{i}");
        }
        assert!(names.to_vec().is_empty());
    }
    let without = Files::new(&[("key.pem", &pki().client.key_pem), ("read.me", "words")]);
    let mut names = CaNames::new().unwrap();
    names.add_dir(without.path(".")).unwrap();
    names.add_file(without.path("read.me")).unwrap();
    assert!(names.to_vec().is_empty());
}

/// C would read a pipe a second time, and wait for ever.
#[test]
fn ca_names_come_out_of_a_pipe_and_a_directory_with_a_pipe_is_refused() {
    let files = Files::new(&[]);
    let pipe = files.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut names = CaNames::new().unwrap();
    assert_eq!(names.add_dir(files.path(".")).unwrap_err().kind(), ErrorKind::InvalidInput);
    for from_file in [true, false] {
        let (path, pem) = (pipe.clone(), pki().ca_pem.clone());
        let writer = std::thread::spawn(move || std::fs::write(path, pem));
        if from_file {
            assert_eq!(CaNames::from_file(&pipe).unwrap().to_vec().len(), 1);
        } else {
            names.add_file(&pipe).unwrap();
        }
        writer.join().unwrap().unwrap();
    }
    assert_eq!(names.to_vec().len(), 1);

    let (path, pem) = (pipe.clone(), pki().ca_pem.clone());
    let writer = std::thread::spawn(move || std::fs::write(path, pem));
    let mut server = common::server_builder();
    server.verify_clients(ClientVerification::Require, TrustAnchors::File(&pipe)).unwrap();
    assert_eq!(server.client_ca_list().len(), 1);
    writer.join().unwrap().unwrap();
}

#[test]
fn extra_certificates_follow_where_there_is_no_chain() {
    let mut builder = SslContext::server(&common::identity(&pki().localhost)).unwrap();
    assert!(builder.extra_chain_certs_only().is_empty());
    builder.add_extra_chain_cert(ca()).unwrap();
    assert_eq!(der(&builder.extra_chain_certs()), [pki().ca_der.clone()]);
    assert_eq!(der(&builder.extra_chain_certs_only()), [pki().ca_der.clone()]);
    let (client, _) = common::connected(&common::client_context(), &builder.build());
    let sent = [pki().localhost.der.clone(), pki().ca_der.clone()];
    assert_eq!(der(&client.ssl().peer_cert_chain()), sent);

    let mut builder = SslContext::server(&common::identity(&pki().localhost)).unwrap();
    builder.add_extra_chain_cert(x509(&pki().client)).unwrap();
    builder.clear_extra_chain_certs();
    assert!(builder.extra_chain_certs_only().is_empty());
    builder.set_chain(&[ca()]).unwrap();
    assert_eq!(der(&builder.extra_chain_certs()), [pki().ca_der.clone()], "the current certificate's");
}

#[test]
fn strict_flags_keep_a_certificate_from_being_presented() {
    // TLS 1.2's strict rules leave a certificate out whose signature the client does not take.
    let mut server = Version::Tls12.server_builder();
    server.use_identity(&common::identity(&pki().localhost)).unwrap();
    server.set_cert_flags(CertificateFlags::TLS_STRICT);
    server.danger_clear_cert_flags(CertificateFlags::TLS_STRICT);
    let server = server.build();
    let mut ssl = Ssl::new(&server).unwrap();
    ssl.set_cert_flags(CertificateFlags::SUITEB_192_LOS);
    let (left, right) = duplex();
    let (client, refused) =
        common::shake_over(common::client_ssl(&common::client_context()), left, ssl, right);
    assert!(client.is_err() && refused.is_err(), "P-256 is no Suite B at 192 bits");

    let mut ssl = Ssl::new(&server).unwrap();
    ssl.set_cert_flags(CertificateFlags::SUITEB_192_LOS);
    ssl.danger_clear_cert_flags(CertificateFlags::SUITEB_128_LOS);
    let (left, right) = duplex();
    common::shake_over(common::client_ssl(&common::client_context()), left, ssl, right).1.unwrap();
}

const ENCRYPTED_WITH: &str = "the passphrase";

/// An encrypted PEM key of `localhost`, and the certificate.
fn encrypted() -> Files {
    let pem = key(&pki().localhost).to_encrypted_pkcs8_pem("AES-256-CBC", ENCRYPTED_WITH.as_bytes()).unwrap();
    Files::new(&[("key.pem", &pem), ("chain.pem", &pki().localhost.chain_pem)])
}

on_both!(an_encrypted_key_opens_with_the_passphrase_and_nobody_is_asked_at_the_terminal, it, {
    let files = encrypted();
    it.use_certificate_file(files.path("chain.pem"), FileFormat::Pem).unwrap();
    let error = it.use_private_key_file(files.path("key.pem"), FileFormat::Pem).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(it.has_default_passwd_cb() && !it.default_passwd_cb_userdata().is_null());

    let answers: [Option<&[u8]>; 4] = [None, Some(b"wrong"), Some(&[b'x'; 100_000]), Some(b"")];
    for answer in answers {
        let answer = answer.map(<[u8]>::to_vec);
        it.set_default_passwd_cb(move || answer.clone()).unwrap();
        assert!(it.use_private_key_file(files.path("key.pem"), FileFormat::Pem).is_err());
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    it.set_default_passwd_cb(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Some(ENCRYPTED_WITH.into())
    })
    .unwrap();
    it.use_private_key_file(files.path("key.pem"), FileFormat::Pem).unwrap();
    assert!(asked.load(Ordering::Relaxed) > 0);
    it.check_private_key().unwrap();

    it.set_default_passwd_cb(|| panic!("the keyring is gone")).unwrap();
    let outcome =
        catch_unwind(AssertUnwindSafe(|| it.use_private_key_file(files.path("key.pem"), FileFormat::Pem)));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"the keyring is gone"));
    assert_eq!(Arc::strong_count(&asked), 1, "the closure before it is gone");
});

#[test]
fn an_object_asks_the_closure_of_the_context_it_was_made_from() {
    let files = encrypted();
    let mut builder = builder();
    builder.set_default_passwd_cb(|| Some(ENCRYPTED_WITH.into())).unwrap();
    let context = builder.build();
    let mut ssl = Ssl::new(&context).unwrap();
    drop(context);
    ssl.use_certificate_chain_file(files.path("chain.pem")).unwrap();
    ssl.use_private_key_file(files.path("key.pem"), FileFormat::Pem).unwrap();
}

/// A server that asks its clients, and a client's builder.
fn asking(version: Version, mode: SslVerifyMode) -> (SslContextBuilder, SslContextBuilder) {
    let mut server = version.server_builder();
    server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
    server.set_verify(SslVerifyMode::PEER | mode).unwrap();
    server.add_client_ca(&ca()).unwrap();
    (version.client_builder(), server)
}

#[test]
fn a_client_is_asked_and_picks_by_the_names_of_the_server() {
    for version in VERSIONS {
        let (mut client, server) = asking(version, SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let turns = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&turns);
        client
            .set_client_cert_cb(move |ssl| {
                assert_eq!(ssl.peer_ca_list()[0].to_string(), "CN=test CA");
                assert_eq!(ssl.certificate_types().is_empty(), version == Version::Tls13);
                match count.fetch_add(1, Ordering::Relaxed) {
                    0 => ClientCertificateDecision::Suspend,
                    _ => ClientCertificateDecision::Present(x509(&pki().client), key(&pki().client)),
                }
            })
            .unwrap();
        assert!(client.has_client_cert_cb());
        let (client, server) = (client.build(), server.build());
        let (left, right) = duplex();
        let mut server = Turn::of(Ssl::new(&server).unwrap().accept(right));
        let mut client = common::client_ssl(&client).connect(left);
        let mut suspended = 0;
        let connected = loop {
            server = server.next();
            client = match client {
                Ok(connected) => break connected,
                Err(HandshakeError::Failed(failure)) => panic!("{failure}"),
                Err(waits) => {
                    suspended += usize::from(waits.want() == Some(Want::X509Lookup));
                    waits.into_handshake().unwrap().resume()
                }
            };
        };
        assert_eq!(suspended, 1);
        let (_client, server) = support::finish(Turn::Over(Ok(connected)), server);
        assert_eq!(server.ssl().peer_certificate_ref().unwrap().to_der().unwrap(), pki().client.der);
    }
}

#[test]
fn a_client_that_shows_nothing_or_panics_is_told_apart() {
    for version in VERSIONS {
        let (mut client, server) = asking(version, SslVerifyMode::empty());
        client.set_client_cert_cb(|_| ClientCertificateDecision::Nothing).unwrap();
        let (client, server) = common::connected(&client.build(), &server.build());
        assert!(client.ssl().certificate().is_none() && server.ssl().peer_certificate().is_none());

        let (mut client, server) = asking(version, SslVerifyMode::empty());
        client.set_client_cert_cb(|_| panic!("no card in the reader")).unwrap();
        let (client, server) = (client.build(), server.build());
        let outcome = catch_unwind(|| common::shake(&client, &server).0.map(drop));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"no card in the reader"));
    }
}

#[test]
fn an_object_decides_itself_what_it_presents() {
    for version in VERSIONS {
        let server = version.server_builder().build();
        let mut ssl = Ssl::new(&server).unwrap();
        ssl.set_cert_cb(|view| {
            let (certificate, its_key) = (x509(&pki().localhost), key(&pki().localhost));
            let checks = view.check_chain(&certificate, &its_key, &[]).unwrap();
            assert!(checks.contains(ChainChecks::VALID | ChainChecks::SIGN), "{checks:?}");
            view.use_identity(&common::identity(&pki().localhost)).unwrap();
            libssl::context::CertificateDecision::Accept
        })
        .unwrap();
        let (left, right) = duplex();
        let client = common::client_ssl(&version.client_builder().build());
        let (client, _server) = common::shake_over(client, left, ssl, right);
        let shown = client.unwrap().ssl().peer_certificate().unwrap().to_der().unwrap();
        assert_eq!(shown, pki().localhost.der, "not the context's");

        let mut ssl = Ssl::new(&server).unwrap();
        ssl.set_cert_cb(|_| libssl::context::CertificateDecision::Refuse).unwrap();
        ssl.clear_cert_cb().unwrap();
        let (left, right) = duplex();
        let client = common::client_ssl(&version.client_builder().build());
        common::shake_over(client, left, ssl, right).1.unwrap();
    }
}

#[test]
fn a_client_is_asked_after_the_handshake() {
    let (mut client, mut server) = asking(Version::Tls13, SslVerifyMode::POST_HANDSHAKE);
    client.use_identity(&common::identity(&pki().client)).unwrap();
    client.set_post_handshake_auth(true);
    let unknown = Ca::new("nobody");
    server.add_client_ca(&X509::from_der(&unknown.der).unwrap()).unwrap();
    let (client, server) = (client.build(), server.build());
    let (mut client, mut server) = common::connected(&client, &server);
    assert!(server.ssl().peer_certificate().is_none());

    server.verify_client_post_handshake().unwrap();
    assert_eq!(
        server.verify_client_post_handshake().unwrap_err().kind(),
        ErrorKind::Refused,
        "already asked"
    );
    assert!(read_now(&mut client).is_empty());
    assert!(read_now(&mut server).is_empty());
    assert_eq!(server.ssl().peer_certificate().unwrap().to_der().unwrap(), pki().client.der);
    assert_eq!(client.verify_client_post_handshake().unwrap_err().kind(), ErrorKind::Refused, "a client");
    support::assert_works(&mut client, &mut server);
}

#[test]
fn a_client_that_did_not_offer_it_is_not_asked_and_one_that_is_refused_ends_the_read() {
    let (client, server) = asking(Version::Tls13, SslVerifyMode::POST_HANDSHAKE);
    let server = server.build();
    let (mut client, mut connected) = common::connected(&client.build(), &server);
    assert_eq!(connected.verify_client_post_handshake().unwrap_err().kind(), ErrorKind::Refused);
    support::assert_works(&mut client, &mut connected);

    let (mut client, _) = asking(Version::Tls13, SslVerifyMode::empty());
    client.use_identity(&common::identity(&pki().self_signed)).unwrap();
    let client = client.build();
    let mut ssl = common::client_ssl(&client);
    ssl.set_post_handshake_auth(true);
    let (left, right) = duplex();
    let (client, connected) = common::shake_over(ssl, left, Ssl::new(&server).unwrap(), right);
    let (mut client, mut connected) = (client.unwrap(), connected.unwrap());
    connected.verify_client_post_handshake().unwrap();
    assert!(read_now(&mut client).is_empty());
    let error = connected.read(&mut [0; 9]).unwrap_err();
    assert!(matches!(support::inner(&error).kind(), ErrorKind::Verification(_)), "{error}");
    assert!(support::inner(&error).verify_failure().unwrap().certificate.is_some());
}
