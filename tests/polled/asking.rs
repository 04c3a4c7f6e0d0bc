use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::context::{CertificateDecision, CertificateView, ClientHello, ClientHelloDecision, Identity};
use libssl::tokio::{Handshake, TlsAcceptor, TlsConnector};
use libssl::{Alert, Error, ErrorKind, Ssl, SslContext, VerifyError};
use tokio::io::DuplexStream;
use tokio::task::yield_now;

use super::{Pipe, only, polled, versions};
use crate::common::{
    client_builder, client_context, client_ssl, identity, pki, server_builder, server_context,
};

type Side = Result<Pipe, Error>;

/// A side that fails lets go of its stream, so that the other one sees the end.
async fn side(handshake: Handshake<DuplexStream>) -> Side {
    handshake.await.map_err(Error::from)
}

async fn shake(client: SslContext, server: SslContext) -> (Side, Side) {
    let (left, right) = tokio::io::duplex(10_000);
    let (connector, acceptor) = (TlsConnector::new(client), TlsAcceptor::new(server));
    tokio::join!(side(connector.connect("localhost", left)), side(acceptor.accept(right)))
}

/// An identity that takes its time, as from a vault.
async fn fetch(name: Vec<u8>) -> Option<Identity> {
    for _ in 0..5 {
        yield_now().await;
    }
    (name == b"localhost").then(|| identity(&pki().localhost))
}

/// A server whose own identity is another one than clients want.
fn server_that_fetches() -> libssl::SslContextBuilder {
    let mut server = SslContext::server(&identity(&pki().other_name)).expect("a context");
    server
        .set_async_cert_cb(|view| {
            let name = view.sni().map(<[u8]>::to_vec).unwrap_or_default();
            async move {
                let identity = fetch(name).await;
                move |view: &mut CertificateView<'_>| match identity {
                    Some(identity) if view.use_identity(&identity).is_ok() => CertificateDecision::Accept,
                    _ => CertificateDecision::Refuse,
                }
            }
        })
        .expect("a callback");
    server
}

#[tokio::test]
async fn a_certificate_is_fetched_in_the_handshake() {
    for version in versions() {
        let (client, server) = shake(client_context(), only(server_that_fetches(), version)).await;
        server.expect("a client");
        let shown = client.expect("a good certificate");
        let der = shown.ssl().peer_certificate().expect("a certificate").to_der().expect("DER");
        assert!(der == pki().localhost.der);
    }
}

/// The name is not in the vault.
#[tokio::test]
async fn a_certificate_that_is_not_found_ends_the_handshake() {
    let (left, right) = tokio::io::duplex(700);
    let mut ssl = client_ssl(&client_context());
    ssl.set_sni(Some("elsewhere.example")).expect("a name");
    let acceptor = TlsAcceptor::new(server_that_fetches().build());
    let (client, server) = tokio::join!(side(Pipe::connect(ssl, left)), side(acceptor.accept(right)));
    assert_eq!(server.expect_err("nothing to show").kind(), ErrorKind::Protocol);
    assert!(matches!(client.expect_err("no certificate").kind(), ErrorKind::Alert(_)));
}

/// A client's certificate too, when the server asks for it.
#[tokio::test]
async fn a_client_fetches_its_certificate() {
    for version in versions() {
        let mut client = client_builder();
        client
            .set_async_cert_cb(|_| async {
                let identity = fetch(b"localhost".to_vec()).await.map(|_| identity(&pki().client));
                move |view: &mut CertificateView<'_>| match identity.as_ref().map(|it| view.use_identity(it))
                {
                    Some(Ok(())) => CertificateDecision::Accept,
                    _ => CertificateDecision::Refuse,
                }
            })
            .expect("a callback");
        let mut server = server_builder();
        let anchors = libssl::TrustAnchors::Pem(pki().ca_pem.as_bytes());
        server.verify_clients(libssl::context::ClientVerification::Require, anchors).expect("a mode");
        let (client, server) = shake(only(client, version), server.build()).await;
        client.expect("a server");
        let shown = server.expect("a client");
        let der = shown.ssl().peer_certificate().expect("a certificate").to_der().expect("DER");
        assert!(der == pki().client.der);
    }
}

/// The ClientHello decides which context answers, once somebody was asked.
#[tokio::test]
async fn a_client_hello_is_answered_when_it_was_looked_up() {
    for version in versions() {
        let right_one = server_context();
        let mut server = SslContext::server(&identity(&pki().other_name)).expect("a context");
        server
            .set_async_client_hello_cb(move |hello| {
                let (name, context) = (hello.requested_name().map(<[u8]>::to_vec), right_one.clone());
                async move {
                    let known = fetch(name.unwrap_or_default()).await.is_some();
                    move |hello: &mut ClientHello<'_>| match known && hello.set_context(&context).is_ok() {
                        true => ClientHelloDecision::Accept,
                        false => ClientHelloDecision::Refuse(Alert::UNRECOGNIZED_NAME),
                    }
                }
            })
            .expect("a callback");
        let server = only(server, version);
        let (client, accepted) = shake(client_context(), server.clone()).await;
        client.expect("a good certificate");
        accepted.expect("a client");

        let (left, right) = tokio::io::duplex(700);
        let mut ssl = client_ssl(&client_context());
        ssl.set_sni(Some("elsewhere.example")).expect("a name");
        let accept = TlsAcceptor::new(server).accept(right);
        let (client, refused) = tokio::join!(side(Pipe::connect(ssl, left)), side(accept));
        assert_eq!(client.expect_err("refused").kind(), ErrorKind::Alert(Alert::UNRECOGNIZED_NAME));
        refused.expect_err("refused");
    }
}

/// A client that asks somebody about its server's chain.
fn client_that_asks(verdict: bool, asked: &Arc<AtomicUsize>) -> libssl::SslContextBuilder {
    let mut client = client_builder();
    let asked = Arc::clone(asked);
    client
        .set_async_cert_verify_callback(move |view| {
            let subject = view.certificate().map(|certificate| certificate.to_der());
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                yield_now().await;
                verdict && subject.is_some()
            }
        })
        .expect("a callback");
    client
}

#[tokio::test]
async fn a_chain_is_judged_by_somebody_who_takes_his_time() {
    for version in versions() {
        let asked = Arc::default();
        let (client, server) = shake(only(client_that_asks(true, &asked), version), server_context()).await;
        client.expect("a good server");
        server.expect("a client");
        assert_eq!(asked.load(Ordering::Relaxed), 1);

        let (client, _) = shake(only(client_that_asks(false, &asked), version), server_context()).await;
        let kind = client.expect_err("refused").kind();
        assert_eq!(kind, ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}

/// What OpenSSL refuses, nobody is asked about; and a verdict accepts nothing that OpenSSL refuses.
#[tokio::test]
async fn a_chain_that_openssl_refuses_stays_refused() {
    let asked = Arc::default();
    let server = SslContext::server(&identity(&pki().unknown_issuer)).expect("a context").build();
    let (client, _) = shake(client_that_asks(true, &asked).build(), server).await;
    assert!(matches!(client.expect_err("refused").kind(), ErrorKind::Verification(_)));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

/// A server cannot wait there: C would take the client unverified.
#[tokio::test]
async fn a_server_that_would_ask_about_a_chain_refuses_it() {
    for version in versions() {
        let mut server = server_builder();
        let anchors = libssl::TrustAnchors::Pem(pki().ca_pem.as_bytes());
        server.verify_clients(libssl::context::ClientVerification::Require, anchors).expect("a mode");
        server.set_async_cert_verify_callback(|_| async { true }).expect("a callback");
        let mut client = client_builder();
        client.use_identity(&identity(&pki().client)).expect("an identity");
        let (_, server) = shake(only(client, version), server.build()).await;
        assert!(matches!(server.expect_err("refused").kind(), ErrorKind::Verification(_)));
    }
}

/// The futures go with the handshake that they were for.
#[tokio::test]
async fn a_question_is_dropped_with_its_handshake() {
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    let mut server = server_builder();
    server
        .set_async_client_hello_cb(move |_| {
            let inside = Arc::clone(&inside);
            async move {
                std::future::pending::<()>().await;
                move |_: &mut ClientHello<'_>| {
                    drop(inside);
                    ClientHelloDecision::Accept
                }
            }
        })
        .expect("a callback");
    let server = server.build();
    let (left, right) = tokio::io::duplex(10_000);
    let mut accept = TlsAcceptor::new(server.clone()).accept(right);
    let connect = tokio::spawn(TlsConnector::new(client_context()).connect("localhost", left));
    assert!(polled(&mut accept, 20).await.is_none());
    // The callback's own, the future's, and this one.
    assert_eq!(Arc::strong_count(&held), 3);
    drop(accept);
    assert_eq!(Arc::strong_count(&held), 2);
    connect.await.expect("a task").expect_err("nobody is there any more");
}

/// The verdict about one server is not that about the next one, though the object is the same.
#[tokio::test]
async fn a_question_is_asked_anew_in_the_next_handshake_of_its_object() {
    for version in versions() {
        let asked: Arc<AtomicUsize> = Arc::default();
        let client = only(client_that_asks(true, &asked), version);
        let (left, right) = tokio::io::duplex(10_000);
        let first = tokio::spawn(side(TlsAcceptor::new(server_context()).accept(right)));
        let mut connect = TlsConnector::new(client).connect("localhost", left);
        while asked.load(Ordering::Relaxed) == 0 {
            assert!(polled(&mut connect, 1).await.is_none(), "the verdict takes time");
        }
        let failure = connect.give_up(std::io::ErrorKind::TimedOut.into()).expect("it was under way");
        let mut ssl = failure.into_parts().ssl.expect("an object");
        first.await.expect("a task").expect_err("a cut");
        ssl.clear().expect("another beginning");

        let (left, right) = tokio::io::duplex(10_000);
        let accept = TlsAcceptor::new(server_context()).accept(right);
        let (client, server) = tokio::join!(side(Pipe::connect(ssl, left)), side(accept));

        client.expect("a good server");
        server.expect("a client");
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}

/// The panic of a question goes on in the task that waits for the answer.
#[tokio::test]
async fn a_question_that_panics_ends_its_handshake() {
    let mut server = server_builder();
    let callback = |_: &ClientHello<'_>| async {
        yield_now().await;
        if std::hint::black_box(true) {
            panic!("no answer");
        }
        |_: &mut ClientHello<'_>| ClientHelloDecision::Accept
    };
    server.set_async_client_hello_cb(callback).expect("a callback");
    let (left, right) = tokio::io::duplex(10_000);
    let connect = tokio::spawn(TlsConnector::new(client_context()).connect("localhost", left));
    let accept = TlsAcceptor::new(server.build()).accept(right);
    let panic = tokio::spawn(AssertUnwindSafe(accept).0).await.expect_err("a panic").into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"no answer"));
    connect.await.expect("a task").expect_err("a cut");
}

/// A callback that suspends without a question: nobody would ever resume.
#[tokio::test]
async fn a_callback_that_suspends_by_itself_is_an_error_and_no_hang() {
    let mut server = server_builder();
    server.set_client_hello_cb(|_| ClientHelloDecision::Suspend).expect("a callback");
    let (client, server) = shake(client_context(), server.build()).await;
    let failure = server.expect_err("suspended");
    assert_eq!(failure.kind(), ErrorKind::NotReady);
    assert!(failure.to_string().contains("ClientHello"), "{failure}");
    client.expect_err("a cut");
}

/// Asked outside of these futures, such a context suspends as any other.
#[test]
fn a_question_without_a_task_suspends() {
    let server = server_that_fetches().build();
    let (left, right) = crate::common::duplex();
    let Err(client) = client_ssl(&client_context()).connect(left) else { panic!("no server yet") };
    let mut server = Ssl::new(&server).expect("an object").accept(right);
    for _ in 0..3 {
        let Err(suspended) = server else { panic!("nobody fetched") };
        assert_eq!(suspended.want(), Some(libssl::Want::X509Lookup));
        server = suspended.into_handshake().expect("a suspension").resume();
    }
    drop(client);
}
