//! Stapling in handshakes: what a client demands, and what a server supplies.

mod demands;
mod objects;
mod programs;

use std::io::Read;
use std::net::TcpStream;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use libssl::context::{ServerNameDecision, StatusDecision, StatusVerdict};
use libssl::ocsp::{OcspCheck, OcspRefusal, OcspResponderId, Staple, StaplePolicy};
use libssl::ssl::StatusType;
use libssl::{
    Alert, Connected, Error, ErrorKind, Ssl, SslContext, SslContextBuilder, TrustAnchors, VerifyError,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::responder::{Answer, Authority, Holder, Status, Wishes, tlv};
use super::support::{VERSIONS, Version};
use super::{Case, Cases, common, refusal, same};

const POLICIES: [StaplePolicy; 3] = [StaplePolicy::IfStapled, StaplePolicy::MustStaple, StaplePolicy::Always];

fn client(version: Version, ca: &Authority) -> SslContextBuilder {
    let anchors = TrustAnchors::Pem(ca.holder.pem.as_bytes());
    let mut builder = SslContext::client_trusting(anchors).expect("a client's context");
    builder.set_client_session_cache(None).expect("room");
    version.only(&mut builder);
    builder
}

fn judging(version: Version, ca: &Authority, policy: StaplePolicy) -> SslContext {
    let mut builder = client(version, ca);
    builder.verify_stapled_responses(policy, OcspCheck::new()).expect("a policy");
    builder.build()
}

fn server(version: Version, holder: &Holder) -> SslContextBuilder {
    let mut builder = SslContext::server(&holder.identity()).expect("a server's context");
    version.only(&mut builder);
    builder
}

/// A rustls server that staples anything, and what became of its side: the alert, if it got one.
fn rustls(version: Version, holder: &Holder, staple: Vec<u8>) -> (TcpStream, JoinHandle<Result<(), String>>) {
    let versions = match version {
        Version::Tls12 => [&rustls::version::TLS12],
        Version::Tls13 => [&rustls::version::TLS13],
    };
    let chain = vec![CertificateDer::from(holder.certificate.to_der().expect("DER"))];
    let key = PrivateKeyDer::Pkcs8(holder.key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert_with_ocsp(chain, key, staple)
        .expect("an identity");
    let mut tls = ServerConnection::new(Arc::new(config)).expect("a server");
    let (client, mut wire) = common::tcp_pair();
    let side = thread::spawn(move || {
        while tls.is_handshaking() {
            tls.complete_io(&mut wire).map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    (client, side)
}

fn connect(context: &SslContext, stream: TcpStream) -> Result<Connected<TcpStream>, Error> {
    common::client_ssl(context).connect(stream).map_err(Error::from)
}

/// The client's verdict, whose error says which certificate it is about, and whose alert the server got.
#[track_caller]
fn verdict(
    version: Version,
    policy: StaplePolicy,
    cases: &Cases,
    staple: Vec<u8>,
) -> Result<(), OcspRefusal> {
    let context = judging(version, &cases.ca, policy);
    let (stream, side) = rustls(version, &cases.server, staple);
    let result = connect(&context, stream);
    let server = side.join().expect("its thread");
    let Err(error) = result else {
        assert_eq!(server, Ok(()));
        return Ok(());
    };
    let failure = error.verify_failure().expect("a failure").clone();
    assert!(server.expect_err("an alert").contains("BadCertificateStatusResponse"));
    let refusal = refusal(Err::<(), _>(error));
    assert_eq!(failure.error, refusal.verify_error());
    if refusal != OcspRefusal::Malformed {
        assert_eq!(failure.depth, Some(0));
        let refused = failure.certificate.as_ref().and_then(|refused| refused.to_der().ok());
        assert_eq!(refused, cases.server.certificate.to_der().ok());
        assert!(failure.subject().expect("a subject").contains("CN=localhost"));
    }
    Err(refusal)
}

#[test]
fn what_a_server_staples_must_be_right_under_every_policy() {
    let cases = Cases::new(Wishes::default());
    for version in VERSIONS {
        for (name, der, expected) in cases.all() as Vec<Case> {
            let policy = POLICIES[name.len() % POLICIES.len()];
            match (verdict(version, policy, &cases, der), expected) {
                (Ok(()), None) => {}
                (Err(refusal), Some(expected)) if same(refusal, expected) => {}
                (verdict, _) => panic!("{version:?}, {name}: {verdict:?}"),
            }
        }
        for garbage in [&b"garbage"[..], b"\x30\x00", b"\x30\x03\x0a\x01\x00\x00"] {
            assert_eq!(
                verdict(version, StaplePolicy::IfStapled, &cases, garbage.to_vec()),
                Err(OcspRefusal::Malformed)
            );
        }
    }
}

#[test]
fn a_response_must_be_there_if_the_policy_or_the_certificate_says_so() {
    for must_staple in [false, true] {
        let cases = Cases::new(Wishes { must_staple, ..Wishes::default() });
        for version in VERSIONS {
            for policy in POLICIES {
                let demanded = match policy {
                    StaplePolicy::IfStapled => false,
                    StaplePolicy::MustStaple => must_staple,
                    _ => true,
                };
                let expected = if demanded { Err(OcspRefusal::Missing) } else { Ok(()) };
                assert_eq!(verdict(version, policy, &cases, Vec::new()), expected, "{policy:?}");
                let good = cases.ca.good(&cases.server).der();
                assert_eq!(verdict(version, policy, &cases, good), Ok(()), "{policy:?}");
            }
        }
    }
}

#[test]
fn a_staple_can_be_replaced_while_the_server_serves() {
    let cases = Cases::new(Wishes { must_staple: true, ..Wishes::default() });
    for version in VERSIONS {
        let staple = Staple::new();
        let mut builder = server(version, &cases.server);
        builder.set_staple(&staple).expect("a staple");
        let (client, server) = (judging(version, &cases.ca, StaplePolicy::MustStaple), builder.build());
        let shake = || common::shake(&client, &server);

        let (ours, theirs) = shake();
        assert_eq!(refusal(ours), OcspRefusal::Missing);
        let alert = theirs.expect_err("an alert").kind();
        assert_eq!(alert, ErrorKind::Alert(Alert::BAD_CERTIFICATE_STATUS_RESPONSE));

        let good = cases.ca.good(&cases.server).response();
        staple.set(good.clone());
        let (ours, theirs) = shake();
        assert_eq!(
            ours.expect("a connection").ssl().tlsext_status_ocsp_resp().as_deref(),
            Some(good.as_der())
        );
        assert_eq!(
            theirs.expect("a connection").ssl().tlsext_status_ocsp_resp().as_deref(),
            Some(good.as_der())
        );

        staple.set(Answer { status: Status::Revoked(None), ..cases.ca.good(&cases.server) }.response());
        assert!(matches!(refusal(shake().0), OcspRefusal::Revoked { .. }));
        staple.clear();
        assert_eq!(refusal(shake().0), OcspRefusal::Missing);
    }
}

#[test]
fn a_server_staples_only_for_those_who_ask() {
    let cases = Cases::new(Wishes::default());
    for version in VERSIONS {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let mut builder = server(version, &cases.server);
        let response = cases.ca.good(&cases.server).response();
        builder
            .set_status_request_callback(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                StatusDecision::Staple(response.clone())
            })
            .expect("a callback");
        let (client, server) = (client(version, &cases.ca).build(), builder.build());
        let (ours, _) = common::connected(&client, &server);
        assert_eq!(ours.ssl().tlsext_status_ocsp_resp(), None);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn the_server_sees_what_the_client_asks_for() {
    let cases = Cases::new(Wishes::default());
    let nonce = tlv(
        0x30,
        &tlv(0x30, &[tlv(0x06, &[0x2b, 6, 1, 5, 5, 7, 48, 1, 2]), tlv(0x04, b"\x04\x01x")].concat()),
    );
    let ca = &cases.ca.holder.certificate;
    let ids = [OcspResponderId::by_name(ca).expect("an id"), OcspResponderId::by_key(ca).expect("an id")];
    for version in VERSIONS {
        let seen = Arc::new(Mutex::new(None));
        let slot = seen.clone();
        let mut builder = server(version, &cases.server);
        builder
            .set_status_request_callback(move |request| {
                let ids = request.tlsext_status_ids().expect("ids");
                let extensions = request.tlsext_status_exts().expect("extensions");
                let serial = request.certificate().map(|certificate| certificate.to_der().expect("DER"));
                *slot.lock().expect("the slot") =
                    Some((request.tlsext_status_type(), ids, extensions, serial));
                StatusDecision::Ignore
            })
            .expect("a callback");
        let (client, server) = (client(version, &cases.ca).build(), builder.build());
        let mut ssl = common::client_ssl(&client);
        assert_eq!(ssl.tlsext_status_type(), StatusType::NOTHING);
        ssl.set_tlsext_status_type(StatusType::OCSP).expect("OCSP");
        assert_eq!(ssl.tlsext_status_type(), StatusType::OCSP);
        // Set more than once: C does not free what it had.
        for _ in 0..3 {
            ssl.set_tlsext_status_ids(&ids).expect("ids");
            ssl.set_tlsext_status_exts(&nonce).expect("extensions");
        }
        assert_eq!(ssl.tlsext_status_ids().expect("ids"), ids);
        assert_eq!(ssl.tlsext_status_exts().expect("extensions"), Some(nonce.clone()));
        let (left, right) = common::duplex();
        let (ours, _) = common::shake_over(ssl, left, Ssl::new(&server).expect("SSL_new"), right);
        ours.expect("a connection");
        let seen = seen.lock().expect("the slot").take().expect("it was asked");
        let certificate = cases.server.certificate.to_der().ok();
        assert_eq!(seen, (StatusType::OCSP, ids.to_vec(), Some(nonce.clone()), certificate));
    }
}

#[test]
fn a_clients_callback_decides_and_its_verdicts_are_told_apart() {
    let cases = Cases::new(Wishes::default());
    let good = cases.ca.good(&cases.server).response();
    for version in VERSIONS {
        let mut builder = server(version, &cases.server);
        builder.set_staple(&Staple::from(good.clone())).expect("a staple");
        let server = builder.build();
        let shake = |verdict: StatusVerdict| {
            let expected = good.clone();
            let mut builder = client(version, &cases.ca);
            builder.set_tlsext_status_type(StatusType::OCSP).expect("OCSP");
            builder
                .set_status_response_callback(move |response| {
                    assert_eq!(response.der(), Some(expected.as_der()));
                    assert_eq!(response.all().len(), 1);
                    assert_eq!(response.response().expect("a response"), Some(expected.clone()));
                    response.verify(StaplePolicy::Always, &OcspCheck::new()).expect("a good one");
                    verdict
                })
                .expect("a callback");
            common::shake(&builder.build(), &server)
        };
        shake(StatusVerdict::Accept).0.expect("a connection");
        let (ours, theirs) = shake(StatusVerdict::Refuse);
        assert_eq!(
            ours.expect_err("refused").kind(),
            ErrorKind::Verification(VerifyError::OCSP_VERIFY_FAILED)
        );
        let alert = theirs.expect_err("an alert").kind();
        assert_eq!(alert, ErrorKind::Alert(Alert::BAD_CERTIFICATE_STATUS_RESPONSE));
        let (ours, theirs) = shake(StatusVerdict::Fail);
        assert_eq!(ours.expect_err("failed").kind(), ErrorKind::Protocol);
        assert_eq!(theirs.expect_err("an alert").kind(), ErrorKind::Alert(Alert::INTERNAL_ERROR));
    }
}

#[test]
fn a_servers_callback_can_end_the_handshake() {
    let cases = Cases::new(Wishes::default());
    for version in VERSIONS {
        let mut builder = server(version, &cases.server);
        builder.set_status_request_callback(|_| StatusDecision::Refuse).expect("a callback");
        let client = judging(version, &cases.ca, StaplePolicy::IfStapled);
        let (ours, theirs) = common::shake(&client, &builder.build());
        assert_eq!(ours.expect_err("an alert").kind(), ErrorKind::Alert(Alert::INTERNAL_ERROR));
        assert_eq!(theirs.expect_err("refused").kind(), ErrorKind::Protocol);
    }
}

#[test]
fn panics_of_both_callbacks_go_on_in_the_call_that_shook_hands() {
    let cases = Cases::new(Wishes::default());
    for version in VERSIONS {
        for on_server in [false, true] {
            let mut theirs = server(version, &cases.server);
            let mut ours = client(version, &cases.ca);
            ours.set_tlsext_status_type(StatusType::OCSP).expect("OCSP");
            if on_server {
                theirs.set_status_request_callback(|_| panic!("the server's")).expect("a callback");
            } else {
                ours.set_status_response_callback(|_| panic!("the client's")).expect("a callback");
            }
            let (ours, theirs) = (ours.build(), theirs.build());
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| common::shake(&ours, &theirs)));
            let payload = outcome.expect_err("a panic");
            let expected = if on_server { "the server's" } else { "the client's" };
            assert_eq!(payload.downcast_ref::<&str>(), Some(&expected));
        }
    }
}

#[test]
fn after_a_switch_by_name_it_is_the_other_contexts_staple() {
    let cases = Cases::new(Wishes { must_staple: true, ..Wishes::default() });
    let second = cases.ca.server(0x55, Wishes { must_staple: true, ..Wishes::default() });
    for version in VERSIONS {
        let mut other = server(version, &second);
        let expected = cases.ca.good(&second).response();
        other.set_staple(&Staple::from(expected.clone())).expect("a staple");
        let other = other.build();
        let mut first = server(version, &cases.server);
        first.set_staple(&Staple::from(cases.ca.good(&cases.server).response())).expect("a staple");
        first
            .set_tlsext_servername_callback(move |view| {
                view.set_context(&other).expect("a switch");
                ServerNameDecision::Ack
            })
            .expect("a callback");
        let client = judging(version, &cases.ca, StaplePolicy::MustStaple);
        let (ours, _) = common::connected(&client, &first.build());
        assert_eq!(ours.ssl().tlsext_status_ocsp_resp().as_deref(), Some(expected.as_der()));
    }
}

#[test]
fn a_resumed_session_needs_no_staple() {
    let cases = Cases::new(Wishes::default());
    for version in VERSIONS {
        let staple = Staple::from(cases.ca.good(&cases.server).response());
        let mut builder = server(version, &cases.server);
        builder.set_staple(&staple).expect("a staple");
        let (client, server) = (judging(version, &cases.ca, StaplePolicy::Always), builder.build());
        let (mut ours, mut theirs) = common::connected(&client, &server);
        std::io::Write::write_all(&mut theirs, b"x").expect("a write");
        let _ = ours.read(&mut [0; 8]);
        // SAFETY: the object is live; the session is ours (get1).
        let session = unsafe { openssl_sys_ext::SSL_get1_session(ours.ssl().as_ptr()) };
        assert_ne!(session, ptr::null_mut());
        drop((ours, theirs));
        staple.clear();

        let ssl = common::client_ssl(&client);
        // SAFETY: both are live; C takes a reference of its own, and ours is given back once.
        unsafe {
            assert_eq!(openssl_sys::SSL_set_session(ssl.as_ptr(), session), 1);
            openssl_sys::SSL_SESSION_free(session);
        }
        let (left, right) = common::duplex();
        let (ours, _) = common::shake_over(ssl, left, Ssl::new(&server).expect("SSL_new"), right);
        let ours = ours.expect("a connection");
        // SAFETY: the object is live.
        assert_eq!(unsafe { openssl_sys::SSL_session_reused(ours.ssl().as_ptr()) }, 1, "{version:?}");
        assert_eq!(refusal(common::shake(&client, &server).0), OcspRefusal::Missing);
    }
}

/// From OpenSSL 3.6 on a TLS 1.3 server may staple for each certificate, and a client judges all of it.
#[test]
fn a_staple_is_swapped_under_handshakes_of_other_threads() {
    let cases = Cases::new(Wishes { must_staple: true, ..Wishes::default() });
    let both = [false, true].map(|by_key| Answer { by_key, ..cases.ca.good(&cases.server) }.response());
    let staple = Staple::from(both[0].clone());
    let mut builder = server(Version::Tls13, &cases.server);
    builder.set_staple(&staple).expect("a staple");
    let (client, server) = (judging(Version::Tls13, &cases.ca, StaplePolicy::MustStaple), builder.build());
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let (ours, _) = common::connected(&client, &server);
                    let stapled = ours.ssl().tlsext_status_ocsp_resp().expect("a staple");
                    assert!(both.iter().any(|response| response.as_der() == stapled));
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let mut turn = 0;
        while done.load(Ordering::Relaxed) < 3 {
            turn += 1;
            staple.set(both[turn % 2].clone());
            thread::yield_now();
        }
    });
}

#[test]
fn the_error_of_a_handshake_says_it_in_one_line() {
    let cases = Cases::new(Wishes::default());
    let client = judging(Version::Tls13, &cases.ca, StaplePolicy::Always);
    let (ours, _) = common::shake(&client, &server(Version::Tls13, &cases.server).build());
    let text = ours.expect_err("nothing is stapled").to_string();
    for part in ["the peer's certificate was refused", "CN=localhost", "there is no OCSP response"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(text.lines().count(), 1);
}
