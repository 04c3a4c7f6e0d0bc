//! Servers with several identities: which one a handshake presents, beside C's own choice, and how a running server
//! gets a new one.
// A test that fails panics, and what C is told here is ours to vouch for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::RwLock;

use commands::{Files, Running, example};
use common::identities::{Ca, leaf};
use common::{Made, client_ssl, identity, pki, shake};
use libssl::context::{CertificateDecision, TrustAnchors};
use libssl::x509::{PKey, X509};
use libssl::{Connected, ErrorKind, SslContext, SslMethod};
use openssl_sys as sys;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use support::{VERSIONS, Version};

/// One server in three kinds of keys.
struct Server {
    ca: Ca,
    rsa: Made,
    elliptic: Made,
    edwards: Made,
}

impl Server {
    fn new() -> Self {
        let ca = Ca::new("a server's CA");
        let rsa = openssl::rsa::Rsa::generate(2048).and_then(openssl::pkey::PKey::from_rsa).unwrap();
        let der = rsa.private_key_to_pkcs8().unwrap();
        let rsa = KeyPair::from_pkcs8_der_and_sign_algo(&der.into(), &PKCS_RSA_SHA256).unwrap();
        Self {
            rsa: ca.issue_for(&leaf("localhost"), &rsa),
            elliptic: ca.issue(&leaf("localhost"), &PKCS_ECDSA_P256_SHA256),
            edwards: ca.issue(&leaf("localhost"), &PKCS_ED25519),
            ca,
        }
    }

    fn all(&self) -> [&Made; 3] {
        [&self.rsa, &self.elliptic, &self.edwards]
    }

    /// A server's context that this crate gives all three.
    fn ours(&self, version: Version) -> SslContext {
        let mut builder = SslContext::server(&identity(&self.rsa)).unwrap();
        builder.use_identity(&identity(&self.elliptic)).unwrap();
        builder.use_identity(&identity(&self.edwards)).unwrap();
        version.only(&mut builder);
        builder.build()
    }

    /// The same by C's own calls.
    fn by_c(&self, version: Version) -> SslContext {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        version.only(&mut builder);
        for made in self.all() {
            let certificate = X509::from_der(&made.der).unwrap();
            let key = PKey::from_der(&made.key_der).unwrap();
            // SAFETY: all three are live, and C takes references of its own.
            unsafe {
                assert_eq!(sys::SSL_CTX_use_certificate(builder.as_ptr(), certificate.as_ptr()), 1);
                assert_eq!(sys::SSL_CTX_use_PrivateKey(builder.as_ptr(), key.as_ptr()), 1);
            }
        }
        builder.build()
    }

    /// By a callback, which adds them all.
    fn by_callback(&self, version: Version) -> SslContext {
        let identities = self.all().map(identity);
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        version.only(&mut builder);
        builder
            .set_cert_cb(move |view| {
                identities.iter().for_each(|identity| view.add_identity(identity).unwrap());
                CertificateDecision::Accept
            })
            .unwrap();
        builder.build()
    }

    fn client(&self, version: Version, algorithms: &str) -> SslContext {
        let anchors = TrustAnchors::Pem(self.ca.pem.as_bytes());
        let mut builder = SslContext::client_trusting(anchors).unwrap();
        version.only(&mut builder);
        builder.set_sigalgs_list(algorithms).unwrap();
        builder.build()
    }
}

/// What the server presented to this client, or why there was no handshake.
fn presented(client: &SslContext, server: &SslContext) -> Result<Vec<u8>, ErrorKind> {
    let (client, server) = shake(client, server);
    server.map_err(|error| error.kind())?;
    Ok(client.unwrap().ssl().peer_certificate().unwrap().to_der().unwrap())
}

#[test]
fn of_several_identities_the_one_is_presented_that_c_presents() {
    let server = Server::new();
    let lists: [(&str, Option<&Made>); 6] = [
        // The CA's signatures are ECDSA with SHA-256 in all of them, so that clients take those.
        ("rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256", Some(&server.rsa)),
        ("ecdsa_secp256r1_sha256", Some(&server.elliptic)),
        ("ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:ed25519", Some(&server.elliptic)),
        ("ed25519:ecdsa_secp256r1_sha256", Some(&server.edwards)),
        ("ed25519:rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256", Some(&server.edwards)),
        ("ecdsa_secp384r1_sha384:rsa_pss_pss_sha256", None),
    ];
    for version in VERSIONS {
        let (ours, by_c) = (server.ours(version), server.by_c(version));
        let by_callback = server.by_callback(version);
        for (algorithms, expected) in lists {
            let client = server.client(version, algorithms);
            let choice = presented(&client, &by_c);
            assert_eq!(presented(&client, &ours), choice, "{version:?}, {algorithms}");
            assert_eq!(presented(&client, &by_callback), choice, "{version:?}, {algorithms}");
            if version == Version::Tls13 {
                let expected = expected.map(|made| made.der.clone()).ok_or(ErrorKind::Protocol);
                assert_eq!(choice, expected, "{algorithms}");
            }
        }
    }
}

/// A server that looks for itself presents the first of its identities that suits the client.
#[test]
fn suits_is_what_the_client_takes() {
    let made = Server::new();
    let identities = made.all().map(identity);
    for version in VERSIONS {
        let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
        version.only(&mut builder);
        let choices = identities.clone();
        builder
            .set_cert_cb(move |view| match choices.iter().find(|identity| view.suits(identity).unwrap()) {
                Some(identity) => {
                    view.use_identity(identity).unwrap();
                    CertificateDecision::Accept
                }
                None => CertificateDecision::Refuse,
            })
            .unwrap();
        let server = builder.build();
        for (algorithms, expected) in [
            ("ed25519:rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256", Some(&made.rsa)),
            ("ed25519:ecdsa_secp256r1_sha256", Some(&made.elliptic)),
            ("ecdsa_secp384r1_sha384", None),
        ] {
            let choice = presented(&made.client(version, algorithms), &server);
            assert_eq!(choice.ok(), expected.map(|made| made.der.clone()), "{version:?}, {algorithms}");
        }
    }
}

// Reload.

/// Sends a line and reads it back, on a connection that must live.
fn echo(connection: &mut Connected<TcpStream>, line: &str) {
    connection.write_all(line.as_bytes()).unwrap();
    let mut back = String::new();
    BufReader::new(connection).read_line(&mut back).unwrap();
    assert_eq!(back, line);
}

/// A connection to the server, and the certificate that it shows.
fn visit(port: u16) -> (Connected<TcpStream>, Vec<u8>) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let connection = client_ssl(&common::client_context()).connect(stream).unwrap();
    let shown = connection.ssl().peer_certificate().unwrap().to_der().unwrap();
    (connection, shown)
}

/// A server that runs: the example `reload`, which cargo builds beside the tests.
fn reloading(files: &Files) -> (Running, u16) {
    let mut program = Running::start(
        example("reload")
            .args(["--port", "0", "--cert"])
            .arg(files.path("chain.pem"))
            .arg("--key")
            .arg(files.path("key.pem")),
    );
    let line = program.line_with("listening on");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap();
    (program, port)
}

/// Puts a new file in the place of another at once: the server never sees half of it.
fn replace(files: &Files, name: &str, text: &str) {
    let beside = files.path("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, files.path(name)).unwrap();
}

#[test]
fn a_running_server_gets_a_new_certificate_and_no_connection_ends() {
    let (old, new) = (&pki().localhost, &pki().ed25519);
    let files = Files::new(&[("chain.pem", &old.chain_pem), ("key.pem", &old.key_pem)]);
    let (mut server, port) = reloading(&files);
    let (mut before, shown) = visit(port);
    assert_eq!(shown, old.der);
    echo(&mut before, "before\n");

    // A certificate that the key does not belong to: the server says so, and goes on with what it has.
    replace(&files, "chain.pem", &new.chain_pem);
    server.say("reload\n");
    assert!(server.line_with("the old certificate stays").contains("X509_check_private_key"));
    assert_eq!(visit(port).1, old.der);

    replace(&files, "key.pem", &new.key_pem);
    server.say("reload\n");
    server.line_with("reloaded");
    let (mut after, shown) = visit(port);
    assert_eq!(shown, new.der);
    echo(&mut before, "still here\n");
    echo(&mut after, "after\n");

    drop(after);
    echo(&mut before, "and on\n");
}

#[test]
fn a_running_server_sees_that_its_files_changed() {
    let (old, new) = (&pki().localhost, &pki().ed25519);
    let files = Files::new(&[("chain.pem", &old.chain_pem), ("key.pem", &old.key_pem)]);
    let (mut server, port) = reloading(&files);
    let (mut before, _) = visit(port);
    replace(&files, "chain.pem", &new.chain_pem);
    replace(&files, "key.pem", &new.key_pem);
    server.line_with("reloaded");
    assert_eq!(visit(port).1, new.der);
    echo(&mut before, "still here\n");
}

/// In one process: a context that is replaced lives as long as its connections.
#[test]
fn connections_hold_the_context_that_they_began_with() {
    let current = RwLock::new(Version::Tls13.server_builder().build());
    let client = common::client_context();
    let (mut old, mut its_server) = common::connected(&client, &current.read().unwrap());
    *current.write().unwrap() = SslContext::server(&identity(&pki().localhost)).unwrap().build();
    let (new, _server) = common::connected(&client, &current.read().unwrap());
    let shown =
        |connected: &Connected<common::Duplex>| connected.ssl().peer_certificate().unwrap().to_der().unwrap();
    assert_eq!((shown(&old), shown(&new)), (pki().ed25519.der.clone(), pki().localhost.der.clone()));
    support::assert_works(&mut old, &mut its_server);
}
