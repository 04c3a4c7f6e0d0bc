//! Servers that ask their clients who they are: each demand, with each client, on each version, and what both sides
//! are told.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod common;
mod support;

use std::ffi::c_int;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use common::identities::{Ca, named};
use common::{Duplex, Kept, Made, Side, client_ssl, connected, duplex, identity, pki, shake};
use libssl::context::{
    CertificateDecision, ClientHello, ClientHelloDecision, ClientVerification, Identity, ServerNameDecision,
    ServerNameView, SslOptions, SslVerifyMode, TrustAnchors,
};
use libssl::x509::{X509, X509StoreBuilder};
use libssl::{
    Alert, Connected, Error, ErrorKind, Ssl, SslContext, SslContextBuilder, SslRef, VerifyError, Want,
};
use openssl_sys as sys;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use support::{VERSIONS, Version, assert_works, inner, read_now};

const ANCHORS: fn() -> TrustAnchors<'static> = || TrustAnchors::Pem(pki().ca_pem.as_bytes());

/// What a client has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Good,
    Nothing,
    /// A certificate of a CA that the server does not know.
    Bad,
}

const CLIENTS: [Shows; 3] = [Shows::Good, Shows::Nothing, Shows::Bad];

fn client(version: Version, shows: Shows) -> SslContext {
    let mut client = version.client_builder();
    client.set_post_handshake_auth(true);
    match shows {
        Shows::Good => client.use_identity(&identity(&pki().client)).unwrap(),
        Shows::Nothing => {}
        Shows::Bad => client.use_identity(&identity(&pki().unknown_issuer)).unwrap(),
    }
    client.build()
}

fn server(version: Version, verification: ClientVerification) -> SslContextBuilder {
    let mut server = version.server_builder();
    server.verify_clients(verification, ANCHORS()).unwrap();
    server
}

/// What the server says of a client that it refuses, and the alert that it sends.
fn refusal(version: Version, shows: Shows) -> (ErrorKind, Alert) {
    match (shows, version) {
        (Shows::Bad, _) => {
            (ErrorKind::Verification(VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY), Alert::UNKNOWN_CA)
        }
        (_, Version::Tls12) => (ErrorKind::Protocol, Alert::HANDSHAKE_FAILURE),
        (_, Version::Tls13) => (ErrorKind::Protocol, Alert::CERTIFICATE_REQUIRED),
    }
}

/// A client of TLS 1.3 is connected before the server has judged it: the first read tells.
fn assert_told(client: Side<Duplex>, version: Version, alert: Alert) {
    let kind = match version {
        Version::Tls12 => client.unwrap_err().kind(),
        Version::Tls13 => inner(&client.unwrap().read(&mut [0; 9]).unwrap_err()).kind(),
    };
    assert_eq!(kind, ErrorKind::Alert(alert));
}

/// The certificate that the server has of its client.
fn shown(server: &Connected<Duplex>) -> Option<Vec<u8>> {
    server.ssl().peer_certificate().map(|certificate| certificate.to_der().unwrap())
}

#[test]
fn a_server_that_asks_or_demands_in_the_handshake() {
    for version in VERSIONS {
        for verification in [ClientVerification::Request, ClientVerification::Require] {
            for shows in CLIENTS {
                let (client, server) = shake(&client(version, shows), &server(version, verification).build());
                let accepted = match shows {
                    Shows::Good => true,
                    Shows::Nothing => verification == ClientVerification::Request,
                    Shows::Bad => false,
                };
                if accepted {
                    let (mut client, mut server) = (client.unwrap(), server.unwrap());
                    assert_works(&mut client, &mut server);
                    assert_eq!(shown(&server), (shows == Shows::Good).then(|| pki().client.der.clone()));
                } else {
                    let (kind, alert) = refusal(version, shows);
                    let error = server.unwrap_err();
                    assert_eq!(error.kind(), kind, "{version:?}, {verification:?}, {shows:?}: {error}");
                    let refused = error.verify_failure().and_then(|failure| failure.certificate.clone());
                    assert_eq!(refused.is_some(), shows == Shows::Bad, "{error:?}");
                    assert_told(client, version, alert);
                }
            }
        }
    }
}

/// TLS 1.2 has no questions afterwards: the client is asked at once.
#[test]
fn a_demand_for_later_is_one_for_the_handshake_in_tls_1_2() {
    for shows in CLIENTS {
        let server = server(Version::Tls12, ClientVerification::RequireWhenAsked).build();
        let (client, server) = shake(&client(Version::Tls12, shows), &server);
        if shows == Shows::Good {
            assert_eq!(shown(&server.unwrap()), Some(pki().client.der.clone()));
        } else {
            let (kind, alert) = refusal(Version::Tls12, shows);
            assert_eq!(server.unwrap_err().kind(), kind);
            assert_told(client, Version::Tls12, alert);
        }
    }
}

#[test]
fn a_server_that_asks_after_the_handshake() {
    for shows in CLIENTS {
        let context = server(Version::Tls13, ClientVerification::RequireWhenAsked).build();
        let (client, server) = shake(&client(Version::Tls13, shows), &context);
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        assert_works(&mut client, &mut server);
        assert_eq!(shown(&server), None, "nobody has asked yet");

        server.verify_client_post_handshake().unwrap();
        assert!(read_now(&mut client).is_empty());
        if shows == Shows::Good {
            assert!(read_now(&mut server).is_empty());
            assert_eq!(shown(&server), Some(pki().client.der.clone()));
            assert_works(&mut client, &mut server);
        } else {
            let (kind, alert) = refusal(Version::Tls13, shows);
            let error = server.read(&mut [0; 9]).unwrap_err();
            assert_eq!(inner(&error).kind(), kind, "{shows:?}: {error}");
            assert_told(Ok(client), Version::Tls13, alert);
        }
    }
}

#[test]
fn a_server_that_asks_once_does_not_ask_again() {
    let mut once = server(Version::Tls13, ClientVerification::Request);
    once.set_verify(SslVerifyMode::PEER | SslVerifyMode::CLIENT_ONCE).unwrap();
    let (client, server) = shake(&client(Version::Tls13, Shows::Nothing), &once.build());
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let error = server.verify_client_post_handshake().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert_works(&mut client, &mut server);

    let again = self::server(Version::Tls13, ClientVerification::Request).build();
    let (client, server) = shake(&self::client(Version::Tls13, Shows::Nothing), &again);
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    server.verify_client_post_handshake().unwrap();
    assert_works(&mut client, &mut server);
}

#[test]
fn clients_are_told_the_names_of_the_cas_that_are_trusted() {
    let certificates = [X509::from_der(&pki().ca_der).unwrap()];
    for (anchors, names) in
        [(ANCHORS(), &["CN=test CA"][..]), (TrustAnchors::Certificates(&certificates), &["CN=test CA"])]
    {
        let mut builder = Version::Tls13.server_builder();
        builder.verify_clients(ClientVerification::Request, anchors).unwrap();
        let told: Vec<String> = builder.client_ca_list().iter().map(|name| name.to_string()).collect();
        assert_eq!(told, names);
    }
}

#[test]
fn a_pipe_behind_a_uri_is_read_once_for_trust_and_names() {
    let place = std::env::temp_dir().join(format!("libssl-{}-client-cas", std::process::id()));
    let pipe = place.display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, &pki().ca_pem)
    });
    let mut builder = Version::Tls13.server_builder();

    builder.verify_clients(ClientVerification::Require, TrustAnchors::Uri(&format!("file:{pipe}"))).unwrap();

    writer.join().unwrap().unwrap();
    std::fs::remove_file(&pipe).unwrap();
    assert_eq!(builder.client_ca_list().len(), 1);
    let (client, server) = shake(&client(Version::Tls13, Shows::Good), &builder.build());
    client.unwrap();
    server.unwrap();
}

#[test]
fn a_server_without_cas_for_its_clients_is_no_server() {
    let mut builder = Version::Tls13.server_builder();
    let error =
        builder.verify_clients(ClientVerification::Require, TrustAnchors::Certificates(&[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
}

/// A client with an identity of each of two CAs shows the one whose CA the server names.
#[test]
fn a_client_chooses_by_the_cas_that_the_server_names() {
    let other = Ca::new("other CA");
    let of_other = other.issue(&of_a_client(), &PKCS_ECDSA_P256_SHA256);
    let anchors = [(pki().ca_pem.as_str(), &pki().client), (other.pem.as_str(), &of_other)];
    for version in VERSIONS {
        for (ca, expected) in anchors {
            let mut server = version.server_builder();
            server.verify_clients(ClientVerification::Require, TrustAnchors::Pem(ca.as_bytes())).unwrap();
            let client = choosing_client(version, &[&pki().client, &of_other]);
            let (_client, server) = connected(&client, &server.build());
            assert_eq!(shown(&server), Some(expected.der.clone()), "{version:?}");
        }
    }
}

/// The one whose key signs with an algorithm that the server takes.
#[test]
fn a_client_chooses_by_the_signature_algorithms_that_the_server_takes() {
    let ca = Ca::new("clients' CA");
    let elliptic = ca.issue(&of_a_client(), &PKCS_ECDSA_P256_SHA256);
    let edwards = ca.issue(&of_a_client(), &rcgen::PKCS_ED25519);
    for version in VERSIONS {
        for (algorithms, expected) in
            [("ecdsa_secp256r1_sha256", &elliptic), ("ecdsa_secp256r1_sha256:ed25519", &edwards)]
        {
            let mut server = version.server_builder();
            let anchors = TrustAnchors::Pem(ca.pem.as_bytes());
            server.verify_clients(ClientVerification::Request, anchors).unwrap();
            server.set_client_sigalgs_list(algorithms).unwrap();
            let client = choosing_client(version, &[&edwards, &elliptic]);
            let (_client, server) = shake(&client, &server.build());
            assert_eq!(shown(&server.unwrap()), Some(expected.der.clone()), "{version:?}, {algorithms}");
        }
    }
}

fn of_a_client() -> CertificateParams {
    let mut params = named("client", &[]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// Shows the first of these that suits the server, or nothing.
fn choosing_client(version: Version, made: &[&Made]) -> SslContext {
    let identities: Vec<Identity> = made.iter().map(|made| identity(made)).collect();
    let mut client = version.client_builder();
    client
        .set_cert_cb(move |view| {
            if let Some(identity) = identities.iter().find(|identity| view.suits(identity).unwrap()) {
                view.use_identity(identity).unwrap();
            }
            CertificateDecision::Accept
        })
        .unwrap();
    client.build()
}

#[test]
fn a_client_without_an_identity_that_suits_shows_nothing() {
    for version in VERSIONS {
        let client = choosing_client(version, &[&pki().unknown_issuer]);
        let server = server(version, ClientVerification::Request).build();
        let (_client, server) = connected(&client, &server);
        assert_eq!(shown(&server), None);
    }
}

/// A server with a verify mode, and with a verify callback or without.
fn demanding((mode, judges): (c_int, bool)) -> SslContextBuilder {
    let mut server = Version::Tls13.server_builder();
    let mode = SslVerifyMode::from_bits_retain(mode);
    if judges {
        server.set_verify_callback(mode, |view| view.preverified()).unwrap();
    } else if !mode.is_empty() {
        server.set_verify(mode).unwrap();
    }
    server
}

/// The connection keeps the mode and the verify callback of the context that it began with.
#[test]
fn a_connection_is_not_switched_to_a_context_that_demands_more_of_its_clients() {
    let (none, request, require, later) = (0, 1, 1 | 2, 1 | 2 | 8);
    let cases = [
        (none, request, false),
        (none, require, false),
        (none, later, false),
        (request, require, false),
        (later, require, false),
        (none, none, true),
        (request, none, true),
        (require, request, true),
        (require, later, true),
        (require, require, true),
    ];
    let judged = [(false, true, false), (true, true, true), (true, false, true)];
    let all = cases
        .map(|(first, next, allowed)| ((first, false), (next, false), allowed))
        .into_iter()
        .chain(judged.map(|(first, next, allowed)| ((require, first), (require, next), allowed)));
    for (first, next, allowed) in all {
        for by_hello in [false, true] {
            let (mut server, next) = (demanding(first), demanding(next).build());
            let (tell, told) = mpsc::channel();
            if by_hello {
                let callback = move |hello: &mut ClientHello<'_>| {
                    tell.send(hello.set_context(&next).map_err(|error| error.kind())).unwrap();
                    ClientHelloDecision::Accept
                };
                server.set_client_hello_cb(callback).unwrap();
            } else {
                let callback = move |view: &mut ServerNameView<'_>| {
                    tell.send(view.set_context(&next).map_err(|error| error.kind())).unwrap();
                    ServerNameDecision::Ack
                };
                server.set_tlsext_servername_callback(callback).unwrap();
            }

            let _ = shake(&client(Version::Tls13, Shows::Nothing), &server.build());

            let expected = if allowed { Ok(()) } else { Err(ErrorKind::InvalidInput) };
            assert_eq!(told.recv().unwrap(), expected, "{first:?} by_hello={by_hello}");
        }
    }
}

/// A way for an object to judge its clients otherwise than its context.
type Way = fn(&mut SslRef);

/// What a server suspends its handshakes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Never,
    /// Once it has seen the ClientHello.
    Hello,
    /// When it is to choose its certificate, and has a session for the handshake.
    Certificate,
}

/// A server that suspends the next handshake there when it is told to.
fn pausing(version: Version, pause: Pause, told: &Arc<AtomicBool>) -> SslContextBuilder {
    let mut server = version.server_builder();
    let told = Arc::clone(told);
    let pauses = move || told.swap(false, Ordering::Relaxed);
    match pause {
        Pause::Never => {}
        Pause::Hello => server
            .set_client_hello_cb(move |_| {
                if pauses() { ClientHelloDecision::Suspend } else { ClientHelloDecision::Accept }
            })
            .unwrap(),
        Pause::Certificate => server
            .set_cert_cb(
                move |_| if pauses() { CertificateDecision::Suspend } else { CertificateDecision::Accept },
            )
            .unwrap(),
    }
    server
}

/// A handshake in which the server is changed, where it pauses or else before.
fn shake_with_change(
    mut client: Ssl,
    mut server: Ssl,
    pauses: Option<&AtomicBool>,
    change: impl FnOnce(&mut SslRef),
) -> (Result<Ssl, Error>, Ssl) {
    let (left, right) = duplex();
    client.set_stream(left).unwrap();
    server.set_stream(right).unwrap();
    let mut change = Some(change);
    if let Some(told) = pauses {
        told.store(true, Ordering::Relaxed);
    } else if let Some(change) = change.take() {
        change(&mut server);
    }
    let mut outcome = Ok(());
    for _ in 0..20 {
        let _ = SslRef::connect(&mut client);
        match SslRef::accept(&mut server) {
            Ok(()) => {
                let _ = SslRef::connect(&mut client);
                outcome = Ok(());
                break;
            }
            Err(error) => match (error.want(), change.take()) {
                (Some(Want::ClientHello | Want::X509Lookup), Some(change)) => change(&mut server),
                (Some(_), unused) => change = unused,
                (None, _) => {
                    outcome = Err(Error::from(error));
                    break;
                }
            },
        }
    }
    (outcome.map(|()| server), client)
}

/// libssl compares only what sessions are said to belong to, which all objects of a context share.
#[test]
fn a_demand_made_on_one_object_is_not_met_by_a_session_of_another() {
    let told = Arc::new(AtomicBool::new(false));
    for (version, pause) in
        VERSIONS.into_iter().flat_map(|version| [(version, Pause::Never), (version, Pause::Hello)])
    {
        let server_context = pausing(version, pause, &told).build();
        let client_context = client(version, Shows::Nothing);
        let (mut client, mut server) = connected(&client_context, &server_context);
        assert_works(&mut client, &mut server);
        let session = Kept::of(client.ssl());
        drop((client, server));
        let ways: [(&str, Way); 6] = [
            ("nothing", |_| ()),
            ("mode", |ssl| {
                ssl.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap()
            }),
            ("depth", |ssl| ssl.set_verify_depth(0)),
            ("settings", |ssl| ssl.verify_param_mut().set_host("localhost").unwrap()),
            ("store", |ssl| ssl.put_verify_cert_store(None).unwrap()),
            ("level", |ssl| ssl.danger_set_security_level(2)),
        ];
        for (what, way) in ways {
            let client = client_ssl(&client_context);
            session.offer(&client);
            // An object of C's, about which nothing is known yet.
            // SAFETY: the context is live, and the reference that is given up is the only one.
            let server = unsafe { Ssl::from_ptr(sys::SSL_new(server_context.as_ptr())) };
            let pauses = (pause != Pause::Never).then_some(&*told);

            let (server, _client) = shake_with_change(client, server, pauses, way);

            match server {
                Ok(server) => {
                    assert_eq!(server.session_reused(), what == "nothing", "{version:?} {pause:?} {what}")
                }
                Err(error) => assert_eq!(what, "mode", "{version:?} {pause:?}: {error}"),
            }
        }
    }
}

/// Of a client that only one object trusts.
#[test]
fn whom_one_object_lets_in_no_other_one_does_for_its_session() {
    let told = Arc::new(AtomicBool::new(false));
    let other = Ca::new("other CA");
    let of_other = other.issue(&of_a_client(), &PKCS_ECDSA_P256_SHA256);
    let store = || {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_pem(other.pem.as_bytes()).unwrap();
        store.build().unwrap()
    };
    for (version, pause) in VERSIONS
        .into_iter()
        .flat_map(|version| [(version, Pause::Never), (version, Pause::Hello), (version, Pause::Certificate)])
    {
        let mut server = pausing(version, pause, &told);
        server.verify_clients(ClientVerification::Require, ANCHORS()).unwrap();
        let server = server.build();
        let mut client = version.client_builder();
        client.use_identity(&identity(&of_other)).unwrap();
        let client = client.build();
        let pauses = (pause != Pause::Never).then_some(&*told);
        let (accepted, mut known) =
            shake_with_change(client_ssl(&client), Ssl::new(&server).unwrap(), pauses, |ssl| {
                ssl.put_verify_cert_store(Some(store())).unwrap();
            });
        let mut accepted = accepted.unwrap();
        accepted.write(b"x").unwrap();
        assert_eq!(known.read(&mut [0]).unwrap(), 1);
        let session = Kept::of(&known);
        known.shutdown().unwrap();
        accepted.shutdown().unwrap();
        drop((known, accepted));

        let again = client_ssl(&client);
        session.offer(&again);
        let (refused, _) = shake_with_change(again, Ssl::new(&server).unwrap(), None, |_| ());

        let error = refused.expect_err("a client that nobody else knows");
        assert!(matches!(error.kind(), ErrorKind::Verification(_)), "{version:?} {pause:?}: {error}");
    }
}

/// After the handshake its session is there already.
#[test]
fn whom_one_object_lets_in_later_gets_no_ticket() {
    for asked_first in [false, true] {
        lets_in_later(asked_first);
    }
}

fn lets_in_later(asked_first: bool) {
    let other = Ca::new("other CA");
    let of_other = other.issue(&of_a_client(), &PKCS_ECDSA_P256_SHA256);
    let server = server(Version::Tls13, ClientVerification::RequireWhenAsked).build();
    let mut client = Version::Tls13.client_builder();
    client.set_post_handshake_auth(true);
    client.use_identity(&identity(&of_other)).unwrap();
    let client = client.build();
    let (accepted, mut known) =
        shake_with_change(client_ssl(&client), Ssl::new(&server).unwrap(), None, |_| ());
    let mut accepted = accepted.unwrap();
    accepted.write(b"x").unwrap();
    assert_eq!(known.read(&mut [0]).unwrap(), 1);
    let before = Kept::of(&known);
    let mut store = X509StoreBuilder::new().unwrap();
    store.add_pem(other.pem.as_bytes()).unwrap();
    if asked_first {
        accepted.verify_client_post_handshake().unwrap();
        SslRef::do_handshake(&mut accepted).unwrap();
    }
    accepted.put_verify_cert_store(Some(store.build().unwrap())).unwrap();
    if !asked_first {
        accepted.verify_client_post_handshake().unwrap();
    }
    for _ in 0..3 {
        let _ = SslRef::do_handshake(&mut accepted);
        assert_eq!(known.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
        assert_eq!(accepted.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
    }
    assert!(accepted.peer_certificate().is_some(), "it is let in");
    assert_eq!(Kept::of(&known).as_ptr(), before.as_ptr(), "a new ticket came");
}

/// A connection that was resumed is no less one, and its session is others' too.
#[test]
fn a_server_that_asks_later_may_change_what_it_demands_and_leaves_the_session_as_it_is() {
    let mut context = server(Version::Tls13, ClientVerification::RequireWhenAsked);
    context.set_options(SslOptions::NO_TICKET);
    let context = context.build();
    let client_context = client(Version::Tls13, Shows::Good);
    let mut kept: Option<Kept> = None;
    for resumes in [false, true, true] {
        let client = client_ssl(&client_context);
        kept.iter().for_each(|kept| kept.offer(&client));
        let (accepted, mut client) = shake_with_change(client, Ssl::new(&context).unwrap(), None, |_| ());
        let mut accepted = accepted.unwrap();
        assert_eq!(accepted.session_reused(), resumes);
        accepted.write(b"x").unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 1);
        kept = Some(Kept::of(&client));
        let mode = accepted.verify_mode();
        accepted.set_verify(mode).unwrap();
        accepted.verify_client_post_handshake().unwrap();
        for _ in 0..3 {
            let _ = SslRef::do_handshake(&mut accepted);
            assert_eq!(client.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
            assert_eq!(accepted.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
        }
        assert!(accepted.peer_certificate().is_some());
        client.shutdown().unwrap();
        accepted.shutdown().unwrap();
    }
}

/// Half of it may be done by what was demanded before.
#[test]
fn a_demand_in_the_middle_of_a_renegotiation_ends_the_connection() {
    for (resumes, apart) in [(false, false), (true, false), (true, true)] {
        let mut context = Version::Tls12.server_builder();
        if !resumes {
            context.set_options(SslOptions::from_bits_retain(1 << 16));
        }
        let context = context.build();
        let (accepted, mut client) = shake_with_change(
            client_ssl(&client(Version::Tls12, Shows::Nothing)),
            Ssl::new(&context).unwrap(),
            None,
            |ssl| {
                if apart {
                    ssl.set_verify(SslVerifyMode::PEER).unwrap();
                }
            },
        );
        let mut accepted = accepted.unwrap();
        // SAFETY: the object is live, and nobody else uses it.
        assert_eq!(unsafe { openssl_sys_ext::SSL_renegotiate(accepted.as_ptr()) }, 1);
        SslRef::do_handshake(&mut accepted).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
        assert_eq!(accepted.read(&mut [0]).unwrap_err().want(), Some(Want::Read));
        accepted.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
        let _ = client.read(&mut [0]);
        let error = Error::from(accepted.read(&mut [0]).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::NotReady, "resumes: {resumes}");
        assert!(accepted.is_poisoned());
    }
}
