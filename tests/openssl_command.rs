//! The `openssl` command as the peer: `s_server` for our client, `s_client` for our server, over sockets that block and
//! sockets that do not, in TLS 1.2 and 1.3.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use commands::{Files, Running, openssl, s_server};
use common::identities::{leaf, named};
use common::{identity, pki};
use libssl::connected::ShutdownProgress;
use libssl::context::{AlpnDecision, ProtocolVersion, SslOptions, SslVerifyMode, TrustAnchors};
use libssl::{
    Alert, Connected, Error, ErrorKind, HandshakeError, Ssl, SslContext, SslContextRef, VerifyError, Want,
    poll,
};

const VERSIONS: [(ProtocolVersion, &str, &str); 2] =
    [(ProtocolVersion::TLS1_2, "-tls1_2", "TLSv1.2"), (ProtocolVersion::TLS1_3, "-tls1_3", "TLSv1.3")];

const GOOD: (&str, &str) = ("good.pem", "good.key");

fn files() -> Files {
    let pki = pki();
    Files::new(&[
        ("ca.pem", &pki.ca_pem),
        ("good.pem", &pki.localhost.chain_pem),
        ("good.key", &pki.localhost.key_pem),
        ("expired.pem", &pki.expired.chain_pem),
        ("expired.key", &pki.expired.key_pem),
        ("unknown.pem", &pki.unknown_issuer.chain_pem),
        ("unknown.key", &pki.unknown_issuer.key_pem),
        ("self.pem", &pki.self_signed.chain_pem),
        ("self.key", &pki.self_signed.key_pem),
        ("client.pem", &pki.client.chain_pem),
        ("client.key", &pki.client.key_pem),
    ])
}

/// Whether the sockets of a test block.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sockets {
    Block,
    DoNot,
}

const SOCKETS: [Sockets; 2] = [Sockets::Block, Sockets::DoNot];

type Progress = Result<Connected<TcpStream>, HandshakeError<TcpStream>>;

fn connect_to(port: u16, context: &SslContextRef, sockets: Sockets) -> Result<Connected<TcpStream>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    stream.set_nonblocking(sockets == Sockets::DoNot).expect("a socket");
    finish_handshake(common::client_ssl(context).connect(stream), sockets)
}

/// Goes on with a handshake by hand, so that each suspension is seen.
fn finish_handshake(mut progress: Progress, sockets: Sockets) -> Result<Connected<TcpStream>, Error> {
    loop {
        let (want, handshake) = match progress {
            Ok(connected) => return Ok(connected),
            Err(error) => (error.want(), error.into_handshake()?),
        };
        assert_eq!(sockets, Sockets::DoNot, "a blocking handshake is suspended: {want:?}");
        wait(&handshake, want);
        progress = handshake.resume();
    }
}

/// One that `s_client` connects to, with our server's context.
struct Listener(TcpListener);

impl Listener {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn s_client(&self, files: &Files, extra: &[&str]) -> Running {
        let mut command = openssl();
        command.args(["s_client", "-connect", &self.0.local_addr().expect("an address").to_string()]);
        command.args(["-servername", "localhost", "-CAfile"]).arg(files.path("ca.pem")).args(extra);
        Running::start(&mut command)
    }

    fn accept(&self, context: &SslContextRef, sockets: Sockets) -> Result<Connected<TcpStream>, Error> {
        let (stream, _) = self.0.accept().expect("a connection");
        stream.set_nonblocking(sockets == Sockets::DoNot).expect("a socket");
        finish_handshake(Ssl::new(context).expect("SSL_new").accept(stream), sockets)
    }
}

fn wait(fd: &impl AsFd, want: Option<Want>) {
    poll::wait(fd, want.expect("a suspension"), None).expect("poll");
}

/// A call that is made again whenever what it waits for has come.
fn patiently<T>(
    connected: &mut Connected<TcpStream>,
    mut call: impl FnMut(&mut Connected<TcpStream>) -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match call(connected) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(connected, connected.wants()),
            end => return end,
        }
    }
}

fn send(connected: &mut Connected<TcpStream>, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let taken = patiently(connected, |connected| connected.write(data))?;
        data = &data[taken..];
    }
    patiently(connected, Connected::flush)
}

/// Reads until the text is there, or to the clean end if it never comes.
fn receive(connected: &mut Connected<TcpStream>, until: &str) -> io::Result<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&text).contains(until) {
        match patiently(connected, |connected| connected.read(&mut buffer))? {
            0 => break,
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn receive_all(connected: &mut Connected<TcpStream>) -> io::Result<String> {
    receive(connected, "no text has this in it")
}

/// Both close_notify have gone over the wire.
fn shut_down(connected: &mut Connected<TcpStream>) {
    loop {
        match connected.shutdown().expect("a clean end") {
            ShutdownProgress::Complete => return,
            ShutdownProgress::Sent => {}
            ShutdownProgress::Wants(want) => wait(connected, Some(want)),
            other => panic!("{other:?}"),
        }
    }
}

/// What the crate's error inside an `io::Error` is.
fn kind(error: &io::Error) -> Option<ErrorKind> {
    error.get_ref()?.downcast_ref::<Error>().map(Error::kind)
}

fn client_of(version: ProtocolVersion) -> SslContext {
    let mut builder = common::client_builder();
    builder.set_min_proto_version(Some(version)).expect("a version");
    builder.set_max_proto_version(Some(version)).expect("a version");
    builder.build()
}

fn accepting_client_certificates() -> SslContext {
    let mut builder = common::server_builder();
    builder.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a CA");
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).expect("a mode");
    builder.build()
}

#[test]
fn client_reads_the_page_of_s_server_to_its_clean_end() {
    let files = files();
    for (version, flag, name) in VERSIONS {
        for sockets in SOCKETS {
            let (_server, port) = s_server(&files, GOOD, 1, &["-www"]);
            let mut connected = connect_to(port, &client_of(version), sockets).expect("connected");
            assert_eq!(connected.ssl().version_string(), name, "{flag}");
            assert!(connected.ssl().verify_result().is_ok());
            send(&mut connected, b"GET / HTTP/1.0\r\n\r\n").expect("sent");
            let page = receive_all(&mut connected).expect("a clean end");
            assert!(page.contains("200 ok") && page.contains(name), "{page}");
            shut_down(&mut connected);
        }
    }
}

#[test]
fn client_sees_the_whole_chain_that_s_server_sends() {
    let new_key = || rcgen::KeyPair::generate().expect("a key");
    let authority = |name: &str| {
        let mut params = named(name, &[]);
        params.extended_key_usages.clear();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    };
    let root = rcgen::CertifiedIssuer::self_signed(authority("root"), new_key()).expect("a root");
    let intermediate = rcgen::CertifiedIssuer::signed_by(authority("intermediate"), new_key(), &root)
        .expect("an intermediate");
    let key = new_key();
    let server = leaf("localhost").signed_by(&key, &intermediate).expect("a certificate");
    let files = Files::new(&[
        ("good.pem", &server.pem()),
        ("good.key", &key.serialize_pem()),
        ("chain.pem", &intermediate.pem()),
    ]);
    let context =
        SslContext::client_trusting(TrustAnchors::Pem(root.pem().as_bytes())).expect("a context").build();

    let chain = files.path("chain.pem");
    let (_server, port) =
        s_server(&files, GOOD, 1, &["-www", "-cert_chain", chain.to_str().expect("a path")]);
    let connected = connect_to(port, &context, Sockets::Block).expect("connected");
    let subjects: Vec<_> = connected
        .ssl()
        .peer_cert_chain()
        .iter()
        .map(|certificate| certificate.subject_name().to_string())
        .collect();
    assert_eq!(subjects, ["CN=localhost", "CN=intermediate"]);

    // Without the intermediate there is no way from the certificate to the root.
    let (_server, port) = s_server(&files, GOOD, 1, &["-www"]);
    let error = connect_to(port, &context, Sockets::Block).expect_err("no chain");
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY));
}

#[test]
fn client_agrees_with_s_server_on_a_protocol_or_is_told_that_there_is_none() {
    let files = files();
    for (version, _, _) in VERSIONS {
        let offering = |protocols: &[&str]| {
            let mut builder = common::client_builder();
            builder.set_max_proto_version(Some(version)).expect("a version");
            builder.set_alpn_protos(protocols).expect("protocols");
            builder.build()
        };
        let (_server, port) = s_server(&files, GOOD, 3, &["-www", "-alpn", "http/1.1,h2"]);
        let connected = connect_to(port, &offering(&["h2", "http/1.1"]), Sockets::DoNot).expect("connected");
        assert_eq!(connected.ssl().alpn_selected(), Some(&b"http/1.1"[..]), "the server's preference");
        drop(connected);

        let connected = connect_to(port, &client_of(version), Sockets::DoNot).expect("connected");
        assert_eq!(connected.ssl().alpn_selected(), None);
        drop(connected);

        let error = connect_to(port, &offering(&["spdy/1"]), Sockets::DoNot).expect_err("nothing in common");
        assert_eq!(error.kind(), ErrorKind::Alert(Alert::NO_APPLICATION_PROTOCOL));
    }
}

#[test]
fn client_shows_its_certificate_and_hears_it_if_it_has_none() {
    let files = files();
    let ca = files.path("ca.pem");
    let flags = ["-www", "-Verify", "1", "-verify_return_error", "-CAfile", ca.to_str().expect("a path")];
    for (version, _, _) in VERSIONS {
        for sockets in SOCKETS {
            let (_server, port) = s_server(&files, GOOD, 2, &flags);
            let mut builder = common::client_builder();
            builder.set_max_proto_version(Some(version)).expect("a version");
            builder.use_identity(&identity(&pki().client)).expect("an identity");
            let mut connected = connect_to(port, &builder.build(), sockets).expect("connected");
            send(&mut connected, b"GET / HTTP/1.0\r\n\r\n").expect("sent");
            let page = receive_all(&mut connected).expect("a clean end");
            assert!(page.contains("Client certificate") && page.contains("client"), "{page}");
            // s_server has one connection at a time.
            drop(connected);

            // Before TLS 1.3 the handshake tells; from then on the client is done before the server has judged.
            match connect_to(port, &client_of(version), sockets) {
                Err(error) => {
                    assert_eq!(version, ProtocolVersion::TLS1_2);
                    assert_eq!(error.kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
                }
                Ok(mut connected) => {
                    assert_eq!(version, ProtocolVersion::TLS1_3);
                    let error = receive_all(&mut connected).expect_err("refused");
                    assert_eq!(kind(&error), Some(ErrorKind::Alert(Alert::CERTIFICATE_REQUIRED)), "{error}");
                }
            }
        }
    }
}

#[test]
fn client_refuses_what_it_must_not_trust() {
    let files = files();
    let cases = [
        ("expired.pem", "expired.key", VerifyError::CERT_HAS_EXPIRED),
        ("unknown.pem", "unknown.key", VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY),
        ("self.pem", "self.key", VerifyError::DEPTH_ZERO_SELF_SIGNED_CERT),
    ];
    for (version, _, _) in VERSIONS {
        for sockets in SOCKETS {
            for (certificate, key, reason) in cases {
                let (_server, port) = s_server(&files, (certificate, key), 1, &["-www"]);
                let error = connect_to(port, &client_of(version), sockets).expect_err("refused");
                assert_eq!(error.kind(), ErrorKind::Verification(reason));
                let failure = error.verify_failure().expect("the certificate");
                assert_eq!((failure.depth, failure.subject().as_deref()), (Some(0), Some("CN=localhost")));
            }
        }
    }
}

#[test]
fn client_hears_that_nothing_fits() {
    let files = files();
    let (_server, port) = s_server(&files, GOOD, 2, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    let error =
        connect_to(port, &client_of(ProtocolVersion::TLS1_3), Sockets::Block).expect_err("no version");
    assert_eq!(error.kind(), ErrorKind::Alert(Alert::PROTOCOL_VERSION));

    let mut builder = common::client_builder();
    builder.set_cipher_list("ECDHE-ECDSA-AES256-GCM-SHA384").expect("a cipher");
    let error = connect_to(port, &builder.build(), Sockets::Block).expect_err("no cipher");
    assert_eq!(error.kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
}

#[test]
fn client_follows_s_server_through_a_key_update() {
    let files = files();
    for sockets in SOCKETS {
        let (mut server, port) = s_server(&files, GOOD, 1, &[]);
        let mut connected =
            connect_to(port, &client_of(ProtocolVersion::TLS1_3), sockets).expect("connected");
        send(&mut connected, b"before\n").expect("sent");
        server.line_with("before");
        // K: new keys in both directions, so our read must write.
        command(&mut server, "K\n", &mut connected);
        server.say("after\n");
        assert_eq!(receive(&mut connected, "after\n").expect("read"), "after\n");
        send(&mut connected, b"still here\n").expect("sent");
        server.line_with("still here");
        shut_down_with(&mut connected, &mut server);
    }
}

#[test]
fn client_follows_s_server_through_a_renegotiation() {
    let files = files();
    for sockets in SOCKETS {
        let (mut server, port) = s_server(&files, GOOD, 1, &["-tls1_2"]);
        let mut connected = connect_to(port, &common::client_context(), sockets).expect("connected");
        send(&mut connected, b"before\n").expect("sent");
        server.line_with("before");
        // r: a HelloRequest. The server goes on when our read has shaken hands again.
        command(&mut server, "r\n", &mut connected);
        server.say("after\n");
        assert_eq!(receive(&mut connected, "after\n").expect("read"), "after\n");
        send(&mut connected, b"still here\n").expect("sent");
        server.line_with("still here");
    }
}

/// Gives `s_server` a command. It takes one only at the beginning of what it reads, and reads stdin before the
/// connection: when a line of ours has come through, the command was read.
fn command(server: &mut Running, letter: &str, connected: &mut Connected<TcpStream>) {
    server.say(letter);
    send(connected, b"and then\n").expect("sent");
    server.line_with("and then");
}

/// Ends a connection with `s_server`, which closes when it reads our close_notify.
fn shut_down_with(connected: &mut Connected<TcpStream>, server: &mut Running) {
    assert_eq!(connected.shutdown().expect("sent"), ShutdownProgress::Sent);
    server.line_with("DONE");
    shut_down(connected);
}

#[test]
fn client_tells_a_clean_end_from_a_cut() {
    let files = files();
    for (version, _, _) in VERSIONS {
        for sockets in SOCKETS {
            let (mut server, port) = s_server(&files, GOOD, 2, &[]);
            let mut connected = connect_to(port, &client_of(version), sockets).expect("connected");
            server.say("last\n");
            assert_eq!(receive(&mut connected, "last\n").expect("read"), "last\n");
            // It answers our close_notify with its own.
            shut_down_with(&mut connected, &mut server);

            let mut connected = connect_to(port, &client_of(version), sockets).expect("connected");
            server.say("last\n");
            assert_eq!(receive(&mut connected, "last\n").expect("read"), "last\n");
            server.kill();
            let error = receive_all(&mut connected).expect_err("a cut");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(kind(&error), Some(ErrorKind::UnexpectedEof));
            assert_eq!(connected.shutdown().expect("nothing to do"), ShutdownProgress::Skipped);
        }
    }
}

#[test]
fn server_serves_s_client() {
    let files = files();
    for (_, flag, name) in VERSIONS {
        for sockets in SOCKETS {
            let listener = Listener::new();
            let mut client = listener.s_client(
                &files,
                &[flag, "-verify_return_error", "-verify_hostname", "localhost", "-ign_eof"],
            );
            let mut connected = listener.accept(&common::server_context(), sockets).expect("connected");
            assert_eq!(connected.ssl().version_string(), name);
            assert_eq!(connected.ssl().sni(), Some(&b"localhost"[..]));
            client.say("a line\n");
            assert_eq!(receive(&mut connected, "a line\n").expect("read"), "a line\n");
            send(&mut connected, b"an answer\n").expect("sent");
            client.line_with("an answer");
            assert_eq!(connected.shutdown().expect("sent"), ShutdownProgress::Sent);
            // It reads our close_notify, says "closed", and leaves; what it says in TLS differs between its versions.
            let ended = client.finish();
            assert!(ended.status.success(), "{ended:#?}");
            assert!(
                ended.stdout.contains("Verification: OK") && ended.stdout.contains("closed"),
                "{ended:#?}"
            );
        }
    }
}

#[test]
fn server_chooses_one_of_the_protocols_that_s_client_offers() {
    let files = files();
    let mut builder = common::server_builder();
    builder
        .set_alpn_select_cb(|_, offered| match offered.first_of(["h2"]) {
            Some(name) => AlpnDecision::Select(name),
            None => AlpnDecision::Refuse,
        })
        .expect("a callback");
    let context = builder.build();
    for (_, flag, _) in VERSIONS {
        let listener = Listener::new();
        let mut client = listener.s_client(&files, &[flag, "-alpn", "http/1.1,h2"]);
        let connected = listener.accept(&context, Sockets::DoNot).expect("connected");
        assert_eq!(connected.ssl().alpn_selected(), Some(&b"h2"[..]));
        client.line_with("ALPN protocol: h2");

        let client = listener.s_client(&files, &[flag, "-alpn", "spdy/1"]);
        let error = listener.accept(&context, Sockets::DoNot).expect_err("nothing in common");
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(error.to_string().contains("no application protocol"), "{error}");
        let ended = client.finish();
        assert!(ended.stderr.contains("alert no application protocol"), "{ended:#?}");
    }
}

#[test]
fn server_demands_a_certificate_of_s_client() {
    let files = files();
    let context = accepting_client_certificates();
    let (certificate, key) = (files.path("client.pem"), files.path("client.key"));
    let shown = ["-cert", certificate.to_str().expect("a path"), "-key", key.to_str().expect("a path")];
    for (_, flag, _) in VERSIONS {
        for sockets in SOCKETS {
            let listener = Listener::new();
            let mut client = listener.s_client(&files, &[&[flag][..], &shown].concat());
            let mut connected = listener.accept(&context, sockets).expect("connected");
            let peer = connected.ssl().peer_certificate().expect("a certificate");
            assert_eq!(peer.to_der().expect("DER"), pki().client.der);
            send(&mut connected, b"welcome\n").expect("sent");
            client.line_with("welcome");

            let client = listener.s_client(&files, &[flag]);
            let error = listener.accept(&context, sockets).expect_err("none was shown");
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(error.to_string().contains("peer did not return a certificate"), "{error}");
            drop(client);
        }
    }
}

#[test]
fn server_hears_why_s_client_refuses_it() {
    let files = files();
    let context = SslContext::server(&identity(&pki().unknown_issuer)).expect("a context").build();
    for (_, flag, _) in VERSIONS {
        for sockets in SOCKETS {
            let listener = Listener::new();
            let _client = listener.s_client(&files, &[flag, "-verify_return_error"]);
            let error = listener.accept(&context, sockets).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Alert(Alert::UNKNOWN_CA));
        }
    }
}

#[test]
fn server_follows_s_client_through_key_updates() {
    let files = files();
    for sockets in SOCKETS {
        let listener = Listener::new();
        let mut client = listener.s_client(&files, &["-tls1_3"]);
        let mut connected = listener.accept(&common::server_context(), sockets).expect("connected");
        for round in ["one\n", "two\n"] {
            // k renews its keys, K ours too: then our read must write.
            client.say("k\n");
            client.line_with("KEYUPDATE");
            client.say("K\n");
            client.line_with("KEYUPDATE");
            client.say(round);
            assert_eq!(receive(&mut connected, round).expect("read"), round);
            send(&mut connected, b"answer\n").expect("sent");
            client.line_with("answer");
        }
        client.say("Q\n");
        assert_eq!(receive_all(&mut connected).expect("a clean end"), "");
    }
}

#[test]
fn server_renegotiates_with_s_client_only_if_it_is_told_to() {
    let files = files();
    for sockets in SOCKETS {
        let listener = Listener::new();
        let mut builder = common::server_builder();
        builder.set_options(SslOptions::ALLOW_CLIENT_RENEGOTIATION);
        let mut client = listener.s_client(&files, &["-tls1_2"]);
        let mut connected = listener.accept(&builder.build(), sockets).expect("connected");
        client.say("R\n");
        client.line_with("RENEGOTIATING");
        client.say("after\n");
        assert_eq!(receive(&mut connected, "after\n").expect("read"), "after\n");
        send(&mut connected, b"still here\n").expect("sent");
        client.line_with("still here");

        // The default: the client hears `no_renegotiation`, and gives up.
        let mut client = listener.s_client(&files, &["-tls1_2"]);
        let mut connected = listener.accept(&common::server_context(), sockets).expect("connected");
        client.say("R\n");
        client.line_with("RENEGOTIATING");
        let end = receive_all(&mut connected).map_err(|error| kind(&error));
        assert!(matches!(end, Err(Some(ErrorKind::UnexpectedEof | ErrorKind::Alert(_)))), "{end:?}");
        let ended = client.finish();
        assert!(ended.stderr.contains("no renegotiation"), "{ended:#?}");
    }
}

#[test]
fn server_tells_a_clean_end_from_a_cut() {
    let files = files();
    for (_, flag, _) in VERSIONS {
        for sockets in SOCKETS {
            let listener = Listener::new();
            let mut client = listener.s_client(&files, &[flag]);
            let mut connected = listener.accept(&common::server_context(), sockets).expect("connected");
            client.say("last\n");
            assert_eq!(receive(&mut connected, "last\n").expect("read"), "last\n");
            client.say("Q\n");
            assert_eq!(receive_all(&mut connected).expect("a clean end"), "");
            assert_eq!(connected.shutdown().expect("sent"), ShutdownProgress::Complete);

            let mut client = listener.s_client(&files, &[flag]);
            let mut connected = listener.accept(&common::server_context(), sockets).expect("connected");
            client.say("last\n");
            assert_eq!(receive(&mut connected, "last\n").expect("read"), "last\n");
            // What it has not read would make its end a reset.
            send(&mut connected, b"answer\n").expect("sent");
            client.line_with("answer");
            client.kill();
            let error = receive_all(&mut connected).expect_err("a cut");
            assert_eq!(kind(&error), Some(ErrorKind::UnexpectedEof));
        }
    }
}
