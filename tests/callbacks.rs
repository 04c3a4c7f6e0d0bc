//! Callbacks of contexts: what each decides, and what a refusal, a panic, a pause and a switch of contexts do.
// A test that fails panics, and what C lends here is C's to vouch for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{Duplex, Side, Turn, client_builder, client_ssl, duplex, identity, pki, server_builder};
use libssl::context::{
    AlpnDecision, CertificateDecision, ClientHelloDecision, InfoEvent, NextProtocols, ProtocolList,
    ProtocolVersion, ServerNameDecision, SslMethod, SslVerifyMode, TrustAnchors,
};
use libssl::error::VerifyError;
use libssl::x509::X509;
use libssl::{
    Alert, Connected, ErrorKind, HandshakeError, Ssl, SslContext, SslContextBuilder, SslContextRef, SslRef,
    Want,
};
use openssl_sys as sys;

/// What both sides came to, and what each waited for besides the transport.
struct Outcome {
    client: Side<Duplex>,
    server: Side<Duplex>,
    client_wants: Vec<Want>,
    server_wants: Vec<Want>,
}

impl Outcome {
    fn client_kind(&self) -> ErrorKind {
        self.client.as_ref().expect_err("the client failed").kind()
    }

    fn server_kind(&self) -> ErrorKind {
        self.server.as_ref().expect_err("the server failed").kind()
    }

    fn assert_connected(&self) {
        assert!(self.client.is_ok(), "{:?}", self.client);
        assert!(self.server.is_ok(), "{:?}", self.server);
    }
}

fn turn(result: Result<Connected<Duplex>, HandshakeError<Duplex>>, wants: &mut Vec<Want>) -> Turn<Duplex> {
    if let Err(error) = &result {
        wants.extend(error.want().filter(|want| !matches!(want, Want::Read | Want::Write)));
    }
    Turn::of(result)
}

fn next(side: Turn<Duplex>, wants: &mut Vec<Want>) -> Turn<Duplex> {
    match side {
        Turn::Waits(handshake) => turn(handshake.resume(), wants),
        over => over,
    }
}

fn shake_ssl(client: Ssl, server: Ssl) -> Outcome {
    let (left, right) = duplex();
    let (mut client_wants, mut server_wants) = (Vec::new(), Vec::new());
    let mut client = turn(client.connect(left), &mut client_wants);
    let mut server = turn(server.accept(right), &mut server_wants);
    for _ in 0..1000 {
        match (client, server) {
            (Turn::Over(client), Turn::Over(server)) => {
                return Outcome { client, server, client_wants, server_wants };
            }
            (left, right) => {
                (client, server) = (next(left, &mut client_wants), next(right, &mut server_wants));
            }
        }
    }
    panic!("both sides wait: {client:?}, {server:?}");
}

fn shake(client: &SslContextRef, server: &SslContextRef) -> Outcome {
    shake_ssl(client_ssl(client), Ssl::new(server).unwrap())
}

/// The message of the panic that a handshake goes on with.
fn panic_of(client: &SslContextRef, server: &SslContextRef) -> &'static str {
    let payload = catch_unwind(AssertUnwindSafe(|| shake(client, server))).err().expect("the panic goes on");
    payload.downcast_ref::<&str>().copied().unwrap_or("another payload")
}

fn with(mut builder: SslContextBuilder, set: impl FnOnce(&mut SslContextBuilder)) -> SslContext {
    set(&mut builder);
    builder.build()
}

fn tls12(builder: &mut SslContextBuilder) {
    builder.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
}

fn client() -> SslContext {
    client_builder().build()
}

fn server() -> SslContext {
    server_builder().build()
}

/// A server that asks its clients for certificates of the tests' CA.
fn asking_server(set: impl FnOnce(&mut SslContextBuilder)) -> SslContext {
    with(server_builder(), |server| {
        server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
        server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
        set(server);
    })
}

fn client_with_certificate() -> SslContext {
    with(client_builder(), |client| client.use_identity(&identity(&pki().client)).unwrap())
}

const MUTUAL: SslVerifyMode = SslVerifyMode::PEER.union(SslVerifyMode::FAIL_IF_NO_PEER_CERT);

// Verify.

/// The refused certificate.
fn der_of(failure: &libssl::error::VerifyFailure) -> Option<Vec<u8>> {
    failure.certificate.as_ref().map(|certificate| certificate.to_der().expect("a certificate"))
}

#[test]
fn a_verify_callback_sees_the_chain_root_first_and_accepts() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let client = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                let subject = view.certificate().expect("a certificate").subject_name().to_string();
                log.lock().unwrap().push((view.depth(), view.preverified(), subject));
                assert!(view.ssl().sni() == Some(b"localhost"));
                true
            })
            .unwrap();
    });
    shake(&client, &server()).assert_connected();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.first().map(|(depth, ..)| *depth), Some(1), "{seen:?}");
    assert_eq!(seen.last(), Some(&(0, true, "CN=localhost".to_string())));
    assert!(seen.iter().all(|(_, preverified, _)| *preverified));
}

#[test]
fn a_verify_callback_refuses_what_openssl_accepts() {
    let client = with(client_builder(), |client| {
        client.set_verify_callback(SslVerifyMode::PEER, |view| view.depth() != 0).unwrap();
    });
    let outcome = shake(&client, &server());
    assert_eq!(outcome.client_kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
    assert_eq!(outcome.server_kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
    let error = outcome.client.unwrap_err();
    let failure = error.verify_failure().expect("which certificate");
    assert_eq!((failure.depth, failure.subject().as_deref()), (Some(0), Some("CN=localhost")));
    assert_eq!(der_of(failure), Some(pki().localhost.der.clone()));
}

#[test]
fn a_verify_callback_names_its_own_reason() {
    let client = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, |view| {
                view.set_error(VerifyError::CERT_REVOKED);
                false
            })
            .unwrap();
    });
    let outcome = shake(&client, &server());
    assert_eq!(outcome.client_kind(), ErrorKind::Verification(VerifyError::CERT_REVOKED));
    assert_eq!(outcome.server_kind(), ErrorKind::Alert(Alert::CERTIFICATE_REVOKED));
}

#[test]
fn a_refusal_without_a_reason_does_not_tell_that_all_is_well() {
    for server in [server(), SslContext::server(&identity(&pki().unknown_issuer)).unwrap().build()] {
        let client = with(client_builder(), |client| {
            client
                .set_verify_callback(SslVerifyMode::PEER, |view| {
                    view.set_error(VerifyError::OK);
                    false
                })
                .unwrap();
        });
        let outcome = shake(&client, &server);
        assert_eq!(outcome.client_kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
        assert_eq!(outcome.server_kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
    }
}

#[test]
fn only_a_dangerous_verify_callback_accepts_what_openssl_refuses() {
    let server = SslContext::server(&identity(&pki().unknown_issuer)).unwrap().build();
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    let careful = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                count.fetch_add(usize::from(!view.preverified()), Ordering::Relaxed);
                true
            })
            .unwrap();
    });
    let outcome = shake(&careful, &server);
    assert!(matches!(outcome.client_kind(), ErrorKind::Verification(_)), "{:?}", outcome.client);
    assert_eq!(refused.load(Ordering::Relaxed), 1);

    let careless = with(client_builder(), |client| {
        client.danger_set_verify_callback(SslVerifyMode::PEER, |_| true).unwrap();
    });
    shake(&careless, &server).assert_connected();
}

#[test]
fn a_verify_callback_without_peer_mode_needs_the_dangerous_form() {
    let mut builder = client_builder();
    for mode in [SslVerifyMode::empty(), SslVerifyMode::FAIL_IF_NO_PEER_CERT] {
        assert_eq!(builder.set_verify(mode).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_verify_callback(mode, |_| true).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(builder.verify_mode(), SslVerifyMode::PEER);
    builder.danger_set_verify_none().unwrap();
    assert_eq!(builder.verify_mode(), SslVerifyMode::empty());
    let strangers = SslContext::server(&identity(&pki().self_signed)).unwrap().build();
    shake(&builder.build(), &strangers).assert_connected();
}

#[test]
fn a_panic_in_a_verify_callback_refuses_and_goes_on() {
    let client = with(client_builder(), |client| {
        client.danger_set_verify_callback(SslVerifyMode::PEER, |_| panic!("verify")).unwrap();
    });
    assert_eq!(panic_of(&client, &server()), "verify");
}

#[test]
fn a_client_s_verify_callback_suspends() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                if view.depth() == 0 && count.fetch_add(1, Ordering::Relaxed) < 2 {
                    view.suspend().unwrap();
                }
                true
            })
            .unwrap();
    });
    let outcome = shake(&client, &server());
    outcome.assert_connected();
    assert_eq!(outcome.client_wants, [Want::RetryVerify; 2]);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_suspended_verification_that_then_refuses_is_a_refusal() {
    let asked = AtomicUsize::new(0);
    let client = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                if view.depth() != 0 {
                    return true;
                }
                view.suspend().unwrap();
                asked.fetch_add(1, Ordering::Relaxed) == 0
            })
            .unwrap();
    });
    let outcome = shake(&client, &server());
    assert_eq!(outcome.client_wants, [Want::RetryVerify]);
    assert_eq!(outcome.client_kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
}

#[test]
fn a_server_that_suspends_its_verification_accepts_nobody() {
    let server = asking_server(|server| {
        server
            .danger_set_verify_callback(MUTUAL, |view| {
                assert_eq!(view.role(), libssl::Role::Server);
                assert_eq!(view.suspend().unwrap_err().kind(), ErrorKind::WrongRole);
                true
            })
            .unwrap();
    });
    let outcome = shake(&client_with_certificate(), &server);
    assert!(matches!(outcome.server_kind(), ErrorKind::Verification(_)));
    assert!(outcome.server_wants.is_empty());
}

#[test]
fn a_server_s_refusal_tells_the_client_s_certificate() {
    let server = asking_server(|server| {
        server.set_verify_callback(MUTUAL, |view| view.depth() > 0).unwrap();
    });
    let outcome = shake(&client_with_certificate(), &server);
    let error = outcome.server.unwrap_err();
    let failure = error.verify_failure().expect("which certificate");
    assert_eq!((failure.depth, failure.subject().as_deref()), (Some(0), Some("CN=client")));
    assert_eq!(der_of(failure), Some(pki().client.der.clone()));
}

#[test]
fn without_a_callback_the_refused_certificate_is_named_too() {
    for (made, error) in [
        (&pki().expired, VerifyError::CERT_HAS_EXPIRED),
        (&pki().not_yet, VerifyError::CERT_NOT_YET_VALID),
        (&pki().other_name, VerifyError::HOSTNAME_MISMATCH),
        (&pki().self_signed, VerifyError::DEPTH_ZERO_SELF_SIGNED_CERT),
        (&pki().unknown_issuer, VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
    ] {
        let server = SslContext::server(&identity(made)).unwrap().build();
        let outcome = shake(&client(), &server);
        assert_eq!(outcome.client_kind(), ErrorKind::Verification(error));
        let error = outcome.client.unwrap_err();
        let failure = error.verify_failure().unwrap();
        assert_eq!((failure.depth, der_of(failure)), (Some(0), Some(made.der.clone())));
        assert_eq!(failure.expected, ["localhost"]);
    }
}

// The certificate callback.

/// A server without a certificate of its own, whose callback chooses one.
fn choosing_server<F>(callback: F) -> SslContext
where
    F: Fn(&mut libssl::context::CertificateView<'_>) -> CertificateDecision + Send + Sync + 'static,
{
    with(SslContext::builder(SslMethod::tls_server()).unwrap(), |server| {
        server.set_cert_cb(callback).unwrap()
    })
}

#[test]
fn a_certificate_callback_chooses_by_the_name_asked_for() {
    let (good, other) = (identity(&pki().localhost), identity(&pki().other_name));
    let server = choosing_server(move |view| {
        let identity = if view.sni() == Some(b"localhost") { &good } else { &other };
        view.use_identity(identity).unwrap();
        CertificateDecision::Accept
    });
    shake(&client(), &server).assert_connected();
}

#[test]
fn a_certificate_callback_replaces_or_adds() {
    let (rsa_free, ed25519) = (identity(&pki().localhost), identity(&pki().ed25519));
    let server = with(server_builder(), |server| {
        server
            .set_cert_cb(move |view| {
                view.use_identity(&ed25519).unwrap();
                view.add_identity(&rsa_free).unwrap();
                view.use_identity(&ed25519).unwrap();
                CertificateDecision::Accept
            })
            .unwrap();
    });
    let expected = X509::from_der(&pki().ed25519.der).unwrap().serial_number();
    let serials = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&serials);
    let client = with(client_builder(), |client| {
        client
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                if view.depth() == 0 {
                    log.lock()
                        .unwrap()
                        .extend(view.certificate().map(|certificate| certificate.serial_number()));
                }
                true
            })
            .unwrap();
    });
    shake(&client, &server).assert_connected();
    assert!(serials.lock().unwrap().iter().all(|serial| *serial == expected));
}

#[test]
fn a_certificate_callback_refuses() {
    let outcome = shake(&client(), &choosing_server(|_| CertificateDecision::Refuse));
    assert_eq!(outcome.server_kind(), ErrorKind::Protocol);
    assert!(matches!(outcome.client_kind(), ErrorKind::Alert(_)), "{:?}", outcome.client);
}

#[test]
fn a_certificate_callback_suspends_on_both_sides() {
    let pause = |identity: libssl::context::Identity| {
        let asked = AtomicUsize::new(0);
        move |view: &mut libssl::context::CertificateView<'_>| {
            if asked.fetch_add(1, Ordering::Relaxed) < 2 {
                return CertificateDecision::Suspend;
            }
            view.use_identity(&identity).unwrap();
            CertificateDecision::Accept
        }
    };
    let server = asking_server(|server| server.set_cert_cb(pause(identity(&pki().localhost))).unwrap());
    let client = with(client_builder(), |client| client.set_cert_cb(pause(identity(&pki().client))).unwrap());
    let outcome = shake(&client, &server);
    outcome.assert_connected();
    assert_eq!(outcome.server_wants, [Want::X509Lookup; 2]);
    assert_eq!(outcome.client_wants, [Want::X509Lookup; 2]);
}

#[test]
fn a_panic_in_a_certificate_callback_goes_on() {
    assert_eq!(panic_of(&client(), &choosing_server(|_| panic!("certificate"))), "certificate");
}

// ClientHello.

#[test]
fn a_client_hello_is_read_before_it_is_used() {
    let seen = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&seen);
    let server = with(server_builder(), |server| {
        server
            .set_client_hello_cb(move |hello| {
                assert_eq!(hello.legacy_version(), ProtocolVersion::TLS1_2);
                assert!(!hello.is_v2());
                assert_eq!(hello.random().len(), 32);
                assert!(hello.session_id().len() <= 32);
                assert!(hello.ciphers().len() >= 2 && hello.ciphers().len() % 2 == 0);
                assert_eq!(hello.compression_methods(), [0]);
                assert_eq!(hello.requested_name(), Some(&b"localhost"[..]));
                let offered: Vec<_> = hello.offered_protocols().expect("ALPN").iter().collect();
                assert_eq!(offered, [&b"h2"[..], b"x"]);
                assert!(hello.extensions().contains(&43));
                assert!(hello.extension(43).is_some() && hello.extension(0xfefe).is_none());
                assert!(format!("{hello:?}").contains("localhost"));
                flag.store(true, Ordering::Relaxed);
                ClientHelloDecision::Accept
            })
            .unwrap();
    });
    let client = with(client_builder(), |client| client.set_alpn_protos(["h2", "x"]).unwrap());
    shake(&client, &server).assert_connected();
    assert!(seen.load(Ordering::Relaxed));
}

#[test]
fn a_client_hello_callback_refuses_with_its_alert() {
    let server = with(server_builder(), |server| {
        server.set_client_hello_cb(|_| ClientHelloDecision::Refuse(Alert::ACCESS_DENIED)).unwrap();
    });
    let outcome = shake(&client(), &server);
    assert_eq!(outcome.client_kind(), ErrorKind::Alert(Alert::ACCESS_DENIED));
    assert_eq!(outcome.server_kind(), ErrorKind::Protocol);
}

#[test]
fn a_client_hello_callback_suspends() {
    let asked = AtomicUsize::new(0);
    let server = with(server_builder(), |server| {
        server
            .set_client_hello_cb(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
                0..3 => ClientHelloDecision::Suspend,
                _ => ClientHelloDecision::Accept,
            })
            .unwrap();
    });
    let outcome = shake(&client(), &server);
    outcome.assert_connected();
    assert_eq!(outcome.server_wants, [Want::ClientHello; 3]);
}

#[test]
fn a_panic_in_a_client_hello_callback_goes_on() {
    let server = with(server_builder(), |server| server.set_client_hello_cb(|_| panic!("hello")).unwrap());
    assert_eq!(panic_of(&client(), &server), "hello");
}

#[test]
fn a_client_hello_callback_switches_the_context() {
    let second = server();
    let first = with(SslContext::builder(SslMethod::tls_server()).unwrap(), |server| {
        server
            .set_client_hello_cb(move |hello| {
                hello.set_context(&second).unwrap();
                ClientHelloDecision::Accept
            })
            .unwrap();
    });
    shake(&client(), &first).assert_connected();
}

// Server name.

fn naming_server<F>(callback: F) -> SslContext
where
    F: Fn(&mut libssl::context::ServerNameView<'_>) -> ServerNameDecision + Send + Sync + 'static,
{
    with(server_builder(), |server| server.set_tlsext_servername_callback(callback).unwrap())
}

#[test]
fn a_servername_callback_accepts_ignores_and_warns() {
    for decision in [
        ServerNameDecision::Ack,
        ServerNameDecision::Ignore,
        ServerNameDecision::Warn(Alert::UNRECOGNIZED_NAME),
    ] {
        let server = naming_server(move |view| {
            assert_eq!(view.requested_name(), Some(&b"localhost"[..]));
            decision
        });
        shake(&client(), &server).assert_connected();
    }
}

#[test]
fn a_servername_callback_is_asked_without_a_name_too() {
    let server = naming_server(|view| {
        assert_eq!(view.requested_name(), None);
        ServerNameDecision::Ignore
    });
    let mut client = Ssl::new(&client()).unwrap();
    client.set_verify_host("localhost").unwrap();
    shake_ssl(client, Ssl::new(&server).unwrap()).assert_connected();
}

#[test]
fn a_servername_callback_refuses_with_its_alert() {
    let outcome = shake(&client(), &naming_server(|_| ServerNameDecision::Refuse(Alert::UNRECOGNIZED_NAME)));
    assert_eq!(outcome.client_kind(), ErrorKind::Alert(Alert::UNRECOGNIZED_NAME));
    assert_eq!(outcome.server_kind(), ErrorKind::Protocol);
}

#[test]
fn a_panic_in_a_servername_callback_goes_on() {
    assert_eq!(panic_of(&client(), &naming_server(|_| panic!("name"))), "name");
}

// ALPN and NPN.

fn picking_server<F>(callback: F) -> SslContext
where
    F: for<'a> Fn(&SslRef, libssl::context::OfferedProtocols<'a>) -> AlpnDecision<'a> + Send + Sync + 'static,
{
    with(server_builder(), |server| server.set_alpn_select_cb(callback).unwrap())
}

fn offering_client() -> SslContext {
    with(client_builder(), |client| client.set_alpn_protos(["http/1.1", "h2"]).unwrap())
}

fn alpn_of(connected: &Connected<Duplex>) -> Option<Vec<u8>> {
    let (mut data, mut len) = (std::ptr::null(), 0);
    // SAFETY: the object is live, and the out-pointers are locals.
    unsafe { sys::SSL_get0_alpn_selected(connected.ssl().as_ptr(), &raw mut data, &raw mut len) };
    // SAFETY: C lends `len` bytes.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec())
}

#[test]
fn alpn_picks_from_a_list_that_is_built_inside_the_callback() {
    let server = picking_server(|_, offered| {
        let preferred = vec![format!("h{}", 3), format!("h{}", 2), "http/1.1".to_string()];
        offered.first_of(preferred).map_or(AlpnDecision::Refuse, AlpnDecision::Select)
    });
    let outcome = shake(&offering_client(), &server);
    outcome.assert_connected();
    assert_eq!(alpn_of(&outcome.client.unwrap()).as_deref(), Some(&b"h2"[..]));
    assert_eq!(alpn_of(&outcome.server.unwrap()).as_deref(), Some(&b"h2"[..]));
}

#[test]
fn alpn_is_ignored() {
    let outcome = shake(&offering_client(), &picking_server(|_, _| AlpnDecision::Ignore));
    outcome.assert_connected();
    assert_eq!(alpn_of(&outcome.client.unwrap()), None);
}

#[test]
fn alpn_is_refused_also_for_what_was_not_offered() {
    for decision in [AlpnDecision::Refuse, AlpnDecision::Select(b"spdy/1"), AlpnDecision::Select(b"")] {
        let outcome = shake(&offering_client(), &picking_server(move |_, _| decision));
        assert_eq!(outcome.client_kind(), ErrorKind::Alert(Alert::NO_APPLICATION_PROTOCOL));
        assert_eq!(outcome.server_kind(), ErrorKind::Protocol);
    }
}

#[test]
fn a_panic_in_an_alpn_callback_goes_on() {
    assert_eq!(panic_of(&offering_client(), &picking_server(|_, _| panic!("alpn"))), "alpn");
}

fn npn_of(connected: &Connected<Duplex>) -> Vec<u8> {
    let (mut data, mut len) = (std::ptr::null(), 0);
    // SAFETY: the object is live, and the out-pointers are locals.
    unsafe { sys::SSL_get0_next_proto_negotiated(connected.ssl().as_ptr(), &raw mut data, &raw mut len) };
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: not NULL, so C lends `len` bytes.
    unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec()
}

fn advertising_server() -> SslContext {
    with(server_builder(), |server| {
        tls12(server);
        server
            .set_next_protos_advertised_cb(|_| {
                NextProtocols::Advertise(ProtocolList::new(["h2", "http/1.1"]).unwrap())
            })
            .unwrap();
    })
}

#[test]
fn npn_takes_what_the_client_picks() {
    for picked in [&b"http/1.1"[..], b"something-else"] {
        let client = with(client_builder(), |client| {
            client
                .set_next_proto_select_cb(move |_, offered| {
                    assert!(offered.contains("h2") && offered.contains("http/1.1"));
                    Some(picked.to_vec())
                })
                .unwrap();
        });
        let outcome = shake(&client, &advertising_server());
        outcome.assert_connected();
        assert_eq!(npn_of(&outcome.client.unwrap()), picked);
        assert_eq!(npn_of(&outcome.server.unwrap()), picked);
    }
}

#[test]
fn npn_fails_where_the_client_picks_nothing() {
    for picked in [None, Some(Vec::new()), Some(vec![b'x'; 256])] {
        let client = with(client_builder(), |client| {
            client.set_next_proto_select_cb(move |_, _| picked.clone()).unwrap();
        });
        assert_eq!(shake(&client, &advertising_server()).client_kind(), ErrorKind::Protocol);
    }
}

#[test]
fn npn_is_ignored() {
    let server = with(server_builder(), |server| {
        tls12(server);
        server.set_next_protos_advertised_cb(|_| NextProtocols::Ignore).unwrap();
    });
    let client = with(client_builder(), |client| {
        client.set_next_proto_select_cb(|_, _| panic!("nothing was advertised")).unwrap();
    });
    shake(&client, &server).assert_connected();
}

#[test]
fn panics_in_npn_callbacks_go_on() {
    let client = with(client_builder(), |client| {
        client.set_next_proto_select_cb(|_, _| panic!("picking")).unwrap();
    });
    assert_eq!(panic_of(&client, &advertising_server()), "picking");
    let server = with(server_builder(), |server| {
        tls12(server);
        server.set_next_protos_advertised_cb(|_| panic!("advertising")).unwrap();
    });
    let client = with(client_builder(), |client| {
        client.set_next_proto_select_cb(|_, _| Some(b"h2".to_vec())).unwrap();
    });
    assert_eq!(panic_of(&client, &server), "advertising");
}

// Those that only watch.

#[test]
fn both_sides_log_the_same_keys() {
    let lines = || Arc::new(Mutex::new(Vec::<String>::new()));
    let (of_client, of_server) = (lines(), lines());
    let log_to = |lines: &Arc<Mutex<Vec<String>>>| {
        let lines = Arc::clone(lines);
        move |_: &SslRef, line: &str| lines.lock().unwrap().push(line.to_string())
    };
    let client = with(client_builder(), |client| {
        assert!(!client.has_keylog_callback());
        client.set_keylog_callback(log_to(&of_client)).unwrap();
        assert!(client.has_keylog_callback());
    });
    let server = with(server_builder(), |server| server.set_keylog_callback(log_to(&of_server)).unwrap());
    shake(&client, &server).assert_connected();
    let (mut of_client, mut of_server) =
        (of_client.lock().unwrap().clone(), of_server.lock().unwrap().clone());
    of_client.sort();
    of_server.sort();
    assert!(of_client.iter().any(|line| line.starts_with("CLIENT_TRAFFIC_SECRET_0 ")), "{of_client:?}");
    assert_eq!(of_client, of_server);
}

#[test]
fn an_info_callback_sees_the_handshake_and_its_alert() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&events);
    let watch = |builder: &mut SslContextBuilder| {
        assert!(!builder.has_info_callback());
        builder.set_info_callback(move |_, event| log.lock().unwrap().push(event)).unwrap();
        assert!(builder.has_info_callback());
    };
    let client = with(client_builder(), watch);
    shake(&client, &server()).assert_connected();
    let taken = std::mem::take(&mut *events.lock().unwrap());
    assert!(taken.first().unwrap().is(InfoEvent::HANDSHAKE_START));
    assert!(taken.iter().any(|event| event.is(InfoEvent::HANDSHAKE_DONE)));
    assert!(taken.iter().any(|event| event.is(InfoEvent::CONNECT | InfoEvent::LOOP)));

    let stranger = SslContext::server(&identity(&pki().unknown_issuer)).unwrap().build();
    assert!(shake(&client, &stranger).client.is_err());
    let events = events.lock().unwrap();
    let alert = events.iter().find(|event| event.alert().is_some()).expect("an alert");
    assert!(alert.is(InfoEvent::WRITE) && alert.is_fatal_alert());
    assert_eq!(alert.alert(), Some(Alert::UNKNOWN_CA));
}

#[test]
fn a_message_callback_sees_both_directions() {
    let messages = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&messages);
    let client = with(client_builder(), |client| {
        client
            .set_msg_callback(move |_, message| {
                log.lock().unwrap().push((message.written, message.content_type, message.data.to_vec()));
            })
            .unwrap();
    });
    shake(&client, &server()).assert_connected();
    let messages = messages.lock().unwrap();
    const HANDSHAKE: i32 = 22;
    let is = |message: &(bool, i32, Vec<u8>), written, kind| {
        message.0 == written && message.1 == HANDSHAKE && message.2.first() == Some(&kind)
    };
    assert!(messages.iter().any(|message| is(message, true, 1)), "a ClientHello");
    assert!(messages.iter().any(|message| is(message, false, 2)), "a ServerHello");
}

#[test]
fn a_trace_tells_the_messages_in_words_or_is_unsupported() {
    let text = Arc::new(Mutex::new(String::new()));
    let log = Arc::clone(&text);
    let mut builder = client_builder();
    match builder.set_trace(move |_, lines| log.lock().unwrap().push_str(lines)) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
        Ok(()) => {
            shake(&builder.build(), &server()).assert_connected();
            assert!(text.lock().unwrap().contains("ClientHello"));
        }
    }
}

#[test]
fn panics_in_watching_callbacks_go_on() {
    let keylog =
        with(client_builder(), |client| client.set_keylog_callback(|_, _| panic!("keylog")).unwrap());
    let info = with(client_builder(), |client| client.set_info_callback(|_, _| panic!("info")).unwrap());
    let message = with(client_builder(), |client| client.set_msg_callback(|_, _| panic!("message")).unwrap());
    for (client, text) in [(keylog, "keylog"), (info, "info"), (message, "message")] {
        assert_eq!(panic_of(&client, &server()), text);
    }
}

/// What a callback leaves in `errno` and in the error queue is not taken for libssl's own failure: on 3.x
/// SSL_get_error would turn a mere "wait" into one.
#[test]
fn callbacks_leave_no_trace_in_the_error_queue() {
    let litter = || {
        // SAFETY: pushes an entry to this thread's queue.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_error(20, 134, std::ptr::null());
        }
        assert!(std::fs::File::open("/nonexistent").is_err());
    };
    let (client, server) = (
        with(client_builder(), |client| {
            client.set_info_callback(move |_, _| litter()).unwrap();
            client.set_msg_callback(move |_, _| litter()).unwrap();
            client.set_keylog_callback(move |_, _| litter()).unwrap();
            client
                .set_verify_callback(SslVerifyMode::PEER, move |_| {
                    litter();
                    true
                })
                .unwrap();
        }),
        with(server_builder(), |server| {
            server
                .set_client_hello_cb(move |_| {
                    litter();
                    ClientHelloDecision::Accept
                })
                .unwrap();
            server
                .set_cert_cb(move |_| {
                    litter();
                    CertificateDecision::Accept
                })
                .unwrap();
        }),
    );
    shake(&client, &server).assert_connected();
}

// After a switch of the context.

#[test]
fn after_a_switch_each_callback_is_the_one_that_c_has() {
    let calls = Arc::new(Mutex::new(Vec::<&'static str>::new()));
    let note = |name: &'static str| {
        let calls = Arc::clone(&calls);
        move || calls.lock().unwrap().push(name)
    };
    let set_all = |builder: &mut SslContextBuilder, names: [&'static str; 6]| {
        let [verify, alpn, keylog, info, message, certificate] = names.map(note);
        builder
            .set_verify_callback(MUTUAL, move |_| {
                verify();
                true
            })
            .unwrap();
        builder
            .set_alpn_select_cb(move |_, offered| {
                alpn();
                AlpnDecision::Select(offered.iter().next().unwrap())
            })
            .unwrap();
        builder.set_keylog_callback(move |_, _| keylog()).unwrap();
        builder.set_info_callback(move |_, _| info()).unwrap();
        builder.set_msg_callback(move |_, _| message()).unwrap();
        builder
            .set_cert_cb(move |_| {
                certificate();
                CertificateDecision::Accept
            })
            .unwrap();
    };
    let second = asking_server(|server| {
        set_all(server, ["verify 2", "alpn 2", "keylog 2", "info 2", "message 2", "certificate 2"]);
    });
    let first = asking_server(|server| {
        set_all(server, ["verify 1", "alpn 1", "keylog 1", "info 1", "message 1", "certificate 1"]);
        server
            .set_tlsext_servername_callback(move |view| {
                view.set_context(&second).unwrap();
                ServerNameDecision::Ack
            })
            .unwrap();
    });
    let client = with(client_builder(), |client| {
        client.use_identity(&identity(&pki().client)).unwrap();
        client.set_alpn_protos(["h2"]).unwrap();
    });
    let (client, server) = (client_ssl(&client), Ssl::new(&first).unwrap());
    // The objects keep what they need.
    drop(first);
    shake_ssl(client, server).assert_connected();
    let mut calls = calls.lock().unwrap().clone();
    calls.sort_unstable();
    calls.dedup();
    // The verify and the message callback were copied to the object when it was made; the rest is the context's.
    for present in ["verify 1", "message 1", "alpn 2", "keylog 2", "info 2", "certificate 2"] {
        assert!(calls.contains(&present), "{calls:?}");
    }
    for absent in ["verify 2", "message 2", "alpn 1", "keylog 1", "certificate 1"] {
        assert!(!calls.contains(&absent), "{calls:?}");
    }
}

#[test]
fn a_switch_to_a_bare_context_keeps_the_first_context_s_verification() {
    let refuse = AtomicBool::new(true);
    let refuse = Arc::new(refuse);
    let flag = Arc::clone(&refuse);
    let second = asking_server(|server| server.set_verify(MUTUAL).unwrap());
    let first = asking_server(|server| {
        server.set_verify_callback(MUTUAL, move |_| !flag.load(Ordering::Relaxed)).unwrap();
        server
            .set_tlsext_servername_callback(move |view| {
                view.set_context(&second).unwrap();
                ServerNameDecision::Ack
            })
            .unwrap();
    });
    let outcome = shake(&client_with_certificate(), &first);
    assert_eq!(outcome.server_kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
    refuse.store(false, Ordering::Relaxed);
    shake(&client_with_certificate(), &first).assert_connected();
}

/// C made the object from a context with a verify callback, and switched it to one without before this crate saw it:
/// the callback is lost, and nothing is accepted in its place.
#[test]
fn a_switch_by_c_that_loses_the_verify_callback_fails_closed() {
    let first = asking_server(|server| server.set_verify_callback(MUTUAL, |_| true).unwrap());
    let bare = asking_server(|_| ());
    let tableless = {
        // SAFETY: a context of C's own, with a certificate and the CA, and with no table of ours.
        unsafe {
            let context = sys::SSL_CTX_new(sys::TLS_server_method());
            let made = identity(&pki().localhost);
            assert_eq!(sys::SSL_CTX_use_certificate(context, made.certificate().as_ptr()), 1);
            assert_eq!(sys::SSL_CTX_use_PrivateKey(context, made.key().as_ptr()), 1);
            let ca = X509::from_der(&pki().ca_der).unwrap();
            assert_eq!(sys::X509_STORE_add_cert(sys::SSL_CTX_get_cert_store(context), ca.as_ptr()), 1);
            SslContext::from_ptr(context)
        }
    };
    for second in [&bare, &tableless] {
        // SAFETY: what a C program does: SSL_new, then SSL_set_SSL_CTX; the object is handed over.
        let server = unsafe {
            let ssl = sys::SSL_new(first.as_ptr());
            assert!(!sys::SSL_set_SSL_CTX(ssl, second.as_ptr()).is_null());
            Ssl::from_ptr(ssl)
        };
        let outcome = shake_ssl(client_ssl(&client_with_certificate()), server);
        assert!(matches!(outcome.server_kind(), ErrorKind::Verification(_)), "{:?}", outcome.server);
    }
}

#[test]
fn a_replaced_callback_is_dropped_and_the_last_one_counts() {
    let token = Arc::new(());
    let mut builder = server_builder();
    for _ in 0..100 {
        let held = Arc::clone(&token);
        builder
            .set_tlsext_servername_callback(move |_| {
                let _ = &held;
                ServerNameDecision::Refuse(Alert::ACCESS_DENIED)
            })
            .unwrap();
    }
    assert_eq!(Arc::strong_count(&token), 2);
    builder.set_tlsext_servername_callback(|_| ServerNameDecision::Ack).unwrap();
    assert_eq!(Arc::strong_count(&token), 1);
    let held = Arc::clone(&token);
    builder
        .set_info_callback(move |_, _| {
            let _ = &held;
        })
        .unwrap();
    let context = builder.build();
    shake(&client(), &context).assert_connected();
    drop(context);
    assert_eq!(Arc::strong_count(&token), 1);
}
