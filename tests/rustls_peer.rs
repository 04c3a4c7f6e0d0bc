//! rustls in the same process as client and as server: another implementation sees what we mean.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;

use common::{Duplex, Made, Random, Turn, client_ssl, duplex, pki, tcp_pair};
use libssl::connected::ShutdownProgress;
use libssl::context::{SslVerifyMode, TrustAnchors};
use libssl::{Alert, Connected, ErrorKind, Ssl, SslContext};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection};
use support::{VERSIONS, Version, inner, read_all};

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn versions(version: Version) -> [&'static rustls::SupportedProtocolVersion; 1] {
    match version {
        Version::Tls12 => [&rustls::version::TLS12],
        Version::Tls13 => [&rustls::version::TLS13],
    }
}

fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pki().ca_der.clone())).expect("a root");
    roots
}

fn chain_and_key(made: &Made) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = PrivateKeyDer::Pkcs8(made.key_der.clone().into());
    (vec![CertificateDer::from(made.der.clone())], key)
}

fn rustls_client(version: Version, identity: Option<&Made>) -> Connection {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions(version))
        .expect("a version")
        .with_root_certificates(roots());
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(made) => {
            let (chain, key) = chain_and_key(made);
            builder.with_client_auth_cert(chain, key).expect("a good identity")
        }
    };
    let name = ServerName::try_from("localhost").expect("a name");
    ClientConnection::new(Arc::new(config), name).expect("a client").into()
}

fn rustls_server(version: Version, demand_certificate: bool) -> Connection {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions(version))
        .expect("a version");
    let builder = if demand_certificate {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots()), provider());
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let (chain, key) = chain_and_key(&pki().localhost);
    let config = builder.with_single_cert(chain, key).expect("a good identity");
    ServerConnection::new(Arc::new(config)).expect("a server").into()
}

fn our_server(version: Version, demand_certificate: bool) -> SslContext {
    let mut builder = version.server_builder();
    if demand_certificate {
        builder.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a CA");
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        builder.set_verify(mode).expect("a mode");
    }
    builder.build()
}

fn our_client(version: Version, identity: Option<&Made>) -> SslContext {
    let mut builder = version.client_builder();
    if let Some(made) = identity {
        builder.use_identity(&common::identity(made)).expect("a good identity");
    }
    builder.build()
}

/// rustls over a transport in memory.
struct Peer {
    tls: Connection,
    wire: Option<Duplex>,
    received: Vec<u8>,
    /// What stopped it: an error of TLS, or the end of what it reads (`Ok` is the clean one).
    stopped: Option<Result<(), String>>,
}

impl Peer {
    fn new(tls: Connection, wire: Duplex) -> Self {
        Self { tls, wire: Some(wire), received: Vec::new(), stopped: None }
    }

    /// Goes on as far as the transport allows.
    fn pump(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        loop {
            while self.tls.wants_write() {
                if self.tls.write_tls(wire).is_err() {
                    break;
                }
            }
            if self.stopped.is_some() {
                return;
            }
            match self.tls.read_tls(wire) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error:?}"),
            }
            if let Err(error) = self.tls.process_new_packets() {
                self.stopped = Some(Err(error.to_string()));
                continue;
            }
            match self.tls.reader().read_to_end(&mut self.received) {
                Ok(_) => self.stopped = Some(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => self.stopped = Some(Err(error.kind().to_string())),
            }
        }
    }
}

/// Shakes hands with rustls in this thread.
fn shake(mut ours: Turn<Duplex>, peer: &mut Peer) -> common::Side<Duplex> {
    for _ in 0..100_000 {
        peer.pump();
        ours = match ours {
            Turn::Over(side) => {
                peer.pump();
                return side;
            }
            waits => waits.next(),
        };
    }
    panic!("both sides wait for each other: {ours:?}");
}

/// Our end and rustls' end of one connection, either of them the client, over a transport that holds both up.
fn connect(version: Version, we_are_client: bool, client_certificate: bool) -> (Connected<Duplex>, Peer) {
    let (mut left, mut right) = duplex();
    left.random = Some(Random::new(1));
    right.random = Some(Random::new(2));
    let identity = client_certificate.then_some(&pki().client);
    let (ours, mut peer) = if we_are_client {
        let ssl = client_ssl(&our_client(version, identity));
        (Turn::of(ssl.connect(left)), Peer::new(rustls_server(version, client_certificate), right))
    } else {
        let ssl = Ssl::new(&our_server(version, client_certificate)).expect("SSL_new");
        (Turn::of(ssl.accept(left)), Peer::new(rustls_client(version, identity), right))
    };
    let mut ours = shake(ours, &mut peer).expect("a connection");
    ours.channel_mut().random = None;
    peer.wire.as_mut().expect("a wire").random = None;
    peer.pump();
    assert!(!peer.tls.is_handshaking() && peer.stopped.is_none(), "{:?}", peer.stopped);
    (ours, peer)
}

/// Every connection of these tests: version, our role, whether the client shows a certificate.
fn settings() -> impl Iterator<Item = (Version, bool, bool)> {
    VERSIONS.into_iter().flat_map(|version| {
        [(true, false), (true, true), (false, false), (false, true)].map(|(role, cert)| (version, role, cert))
    })
}

#[test]
fn data_goes_both_ways_and_the_ends_are_clean() {
    for (version, we_are_client, certificate) in settings() {
        let (mut ours, mut peer) = connect(version, we_are_client, certificate);
        let data: Vec<u8> = (0..=255).cycle().take(50_000).collect();
        ours.write_all(&data).expect("a write");
        peer.tls.writer().write_all(b"from rustls").expect("a write");
        peer.pump();
        assert!(peer.received == data);

        peer.tls.send_close_notify();
        peer.pump();
        let (bytes, end) = read_all(&mut ours);
        end.expect("a clean end");
        assert_eq!(bytes, b"from rustls");
        assert_eq!(ours.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
        peer.pump();
        assert_eq!(peer.stopped, Some(Ok(())));
    }
}

#[test]
fn our_close_notify_is_a_clean_end_for_rustls() {
    for (version, we_are_client, certificate) in settings() {
        let (mut ours, mut peer) = connect(version, we_are_client, certificate);
        ours.write_all(b"the end").expect("a write");
        assert_eq!(ours.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
        peer.pump();
        assert_eq!((&peer.received[..], &peer.stopped), (&b"the end"[..], &Some(Ok(()))));
        // The other half goes on in TLS 1.3, and in TLS 1.2 where the peer allows it.
        peer.tls.send_close_notify();
        peer.pump();
        assert_eq!(ours.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
    }
}

#[test]
fn a_cut_by_rustls_is_no_end() {
    for (version, we_are_client, certificate) in settings() {
        let (mut ours, mut peer) = connect(version, we_are_client, certificate);
        peer.tls.writer().write_all(b"half of it").expect("a write");
        peer.pump();
        peer.wire = None;
        let (bytes, end) = read_all(&mut ours);
        assert_eq!(bytes, b"half of it");
        assert_eq!(inner(&end.expect_err("a cut")).kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_dropped_connection_is_a_cut_for_rustls() {
    for (version, we_are_client, certificate) in settings() {
        let (mut ours, mut peer) = connect(version, we_are_client, certificate);
        ours.write_all(b"half of it").expect("a write");
        drop(ours);
        peer.pump();
        assert_eq!(peer.received, b"half of it");
        assert_eq!(peer.stopped, Some(Err(io::ErrorKind::UnexpectedEof.to_string())));
    }
}

#[test]
fn a_missing_client_certificate_is_reported_on_both_sides() {
    for version in VERSIONS {
        let (left, right) = duplex();
        let ssl = client_ssl(&our_client(version, None));
        let mut peer = Peer::new(rustls_server(version, true), right);
        let told = match shake(Turn::of(ssl.connect(left)), &mut peer) {
            // In TLS 1.3 a client is done before the server has judged it.
            Ok(mut ours) => {
                assert_eq!(version, Version::Tls13);
                inner(&read_all(&mut ours).1.expect_err("an alert")).kind()
            }
            Err(error) => error.kind(),
        };
        let expected = match version {
            Version::Tls12 => Alert::HANDSHAKE_FAILURE,
            Version::Tls13 => Alert::CERTIFICATE_REQUIRED,
        };
        // rustls 0.23 says certificate_required in TLS 1.2 too.
        assert!(
            told == ErrorKind::Alert(expected) || told == ErrorKind::Alert(Alert::CERTIFICATE_REQUIRED),
            "{version:?}: {told:?}"
        );

        let (left, right) = duplex();
        let ssl = Ssl::new(&our_server(version, true)).expect("SSL_new");
        let mut peer = Peer::new(rustls_client(version, None), right);
        let error = shake(Turn::of(ssl.accept(left)), &mut peer).expect_err("no certificate");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{version:?}: {error:?}");
        peer.pump();
        assert!(matches!(&peer.stopped, Some(Err(alert)) if alert.contains("alert")), "{:?}", peer.stopped);
    }
}

#[test]
fn a_wrong_name_is_refused_by_either_implementation() {
    for version in VERSIONS {
        let (left, right) = duplex();
        let mut ssl = Ssl::new(&our_client(version, None)).expect("SSL_new");
        ssl.set_server_name("other.example").expect("a name");
        let mut peer = Peer::new(rustls_server(version, false), right);
        let error = shake(Turn::of(ssl.connect(left)), &mut peer).expect_err("a wrong name");
        assert!(matches!(error.kind(), ErrorKind::Verification(_)), "{version:?}: {error:?}");
        assert!(matches!(&peer.stopped, Some(Err(alert)) if alert.contains("alert")), "{:?}", peer.stopped);
    }
}

/// Over blocking sockets, each side in its thread.
#[test]
fn blocking_sockets_do_as_well() {
    for (version, we_are_client, certificate) in settings() {
        let (ours, mut theirs) = tcp_pair();
        let identity = certificate.then_some(&pki().client);
        let mut tls = if we_are_client {
            rustls_server(version, certificate)
        } else {
            rustls_client(version, identity)
        };
        let rustls = thread::spawn(move || {
            let mut got = Vec::new();
            tls.writer().write_all(b"from rustls").expect("a write");
            loop {
                while tls.wants_write() {
                    tls.write_tls(&mut theirs).expect("a write");
                }
                tls.read_tls(&mut theirs).expect("a read");
                tls.process_new_packets().expect("good TLS");
                match tls.reader().read_to_end(&mut got) {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "no clean end"),
                }
            }
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut theirs).expect("a write");
            }
            got
        });
        let mut ours = if we_are_client {
            client_ssl(&our_client(version, identity)).connect(ours).expect("a connection")
        } else {
            let ssl = Ssl::new(&our_server(version, certificate)).expect("SSL_new");
            ssl.accept(ours).expect("a connection")
        };
        let mut buf = [0; 11];
        ours.read_exact(&mut buf).expect("a read");
        assert_eq!(&buf, b"from rustls");
        ours.write_all(b"from OpenSSL").expect("a write");
        assert_eq!(ours.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
        assert_eq!(ours.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
        assert_eq!(rustls.join().expect("no panic"), b"from OpenSSL");
    }
}
