//! GnuTLS as the peer: `gnutls-serv` for our client, `gnutls-cli` for our server, over TLS 1.2 and 1.3: stapling, client
//! authentication, and PKCS #12 files of `certtool` and of `openssl`.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;
mod responder;
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use commands::{Ended, Files, Running, openssl, run, s_server};
use libssl::context::{Identity, SslVerifyMode};
use libssl::ocsp::{OcspCheck, OcspRefusal, Staple, StaplePolicy};
use libssl::{Connected, Error, ErrorKind, Ssl, SslContext, SslContextBuilder, TrustAnchors};
use responder::{Answer, Authority, Holder, Status, Wishes};
use support::{VERSIONS, Version};

/// What both sides have.
struct World {
    ca: Authority,
    server: Holder,
    client: Holder,
    files: Files,
}

impl World {
    fn new() -> Self {
        let ca = Authority::new("the CA");
        let (server, client) = (ca.server(1, Wishes::default()), ca.delegate(false));
        let files = Files::new(&[
            ("ca.pem", &ca.holder.pem),
            ("server.pem", &server.pem),
            ("server.key", &server.key.serialize_pem()),
            ("client.pem", &client.pem),
            ("client.key", &client.key.serialize_pem()),
        ]);
        Self { ca, server, client, files }
    }

    fn answer(&self, status: Status) -> Answer<'_> {
        Answer { status, ..self.ca.good(&self.server) }
    }

    fn option(&self, name: &str, file: &str) -> String {
        format!("--{name}={}", self.files.path(file).display())
    }

    fn client(&self, version: Version) -> SslContextBuilder {
        let anchors = TrustAnchors::Pem(self.ca.holder.pem.as_bytes());
        let mut builder = SslContext::client_trusting(anchors).expect("a client's context");
        version.only(&mut builder);
        builder
    }

    fn server(&self, version: Version) -> SslContextBuilder {
        let mut builder = SslContext::server(&self.server.identity()).expect("a server's context");
        version.only(&mut builder);
        builder
    }

    /// `gnutls-serv` that echoes lines, on a free port. It does not say which one it took: it is told.
    fn gnutls_serv(&self, version: Version, extra: &[String]) -> (Running, u16) {
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            let port = free.local_addr().expect("an address").port();
            drop(free);
            let mut command = Command::new("gnutls-serv");
            command.args(["--echo", "--noticket", priority(version), "--port", &port.to_string()]);
            command.arg(self.option("x509certfile", "server.pem"));
            command.arg(self.option("x509keyfile", "server.key"));
            command.arg(self.option("x509cafile", "ca.pem")).args(extra);
            let mut server = Running::start(&mut command);
            // Another program may have been quicker to take the port.
            if server.line_with("listening on IPv4").contains("done") {
                return (server, port);
            }
        }
        panic!("no port is free");
    }
}

fn priority(version: Version) -> &'static str {
    match version {
        Version::Tls12 => "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2",
        Version::Tls13 => "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.3",
    }
}

fn connect(context: &SslContext, port: u16) -> Result<Connected<TcpStream>, Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    common::client_ssl(context).connect(stream).map_err(Error::from)
}

/// A line there and back.
fn echo(connected: &mut Connected<TcpStream>) -> std::io::Result<()> {
    connected.write_all(b"there and back\n")?;
    connected.flush()?;
    let mut line = [0; 15];
    connected.read_exact(&mut line)?;
    assert_eq!(&line, b"there and back\n");
    Ok(())
}

/// Our server, and `gnutls-cli` that says a line and goes away.
fn gnutls_cli(
    world: &World,
    version: Version,
    context: &SslContext,
    extra: &[String],
) -> (Result<String, Error>, Ended) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    let mut command = Command::new("gnutls-cli");
    command.args([
        "--port",
        &port,
        priority(version),
        "--sni-hostname=localhost",
        "--verify-hostname=localhost",
    ]);
    command.arg(world.option("x509cafile", "ca.pem")).args(extra).arg("127.0.0.1");
    let mut client = Running::start(&mut command);
    let (stream, _) = listener.accept().expect("a connection");
    let context = context.clone();
    let ours = thread::spawn(move || -> Result<String, Error> {
        let mut connected = Ssl::new(&context)?.accept(stream).map_err(Error::from)?;
        let who = connected.ssl().peer_certificate();
        let who = who.map(|certificate| certificate.subject_name().to_string()).unwrap_or_default();
        let _ = connected.read_to_end(&mut Vec::new());
        let _ = connected.shutdown();
        Ok(who)
    });
    let _ = client.try_say("a line\n");
    let ended = client.finish();
    (ours.join().expect("its thread"), ended)
}

#[test]
fn our_client_judges_what_gnutls_serv_staples() {
    let world = World::new();
    for version in VERSIONS {
        for status in [Status::Good, Status::Revoked(Some(1))] {
            std::fs::write(world.files.path("response.der"), world.answer(status).der()).expect("a file");
            // It would not staple bad news of itself.
            let staple =
                [world.option("ocsp-response", "response.der"), "--ignore-ocsp-response-errors".into()];
            let (_server, port) = world.gnutls_serv(version, &staple);
            let mut builder = world.client(version);
            builder.verify_stapled_responses(StaplePolicy::Always, OcspCheck::new()).expect("a policy");
            let result = connect(&builder.build(), port);
            match status {
                Status::Good => echo(&mut result.expect("a connection")).expect("an echo"),
                _ => {
                    let refusal = result.expect_err("revoked").ocsp_refusal();
                    assert!(matches!(refusal, Some(OcspRefusal::Revoked { .. })), "{refusal:?}");
                }
            }
        }
        let (_server, port) = world.gnutls_serv(version, &[]);
        let mut builder = world.client(version);
        builder.verify_stapled_responses(StaplePolicy::Always, OcspCheck::new()).expect("a policy");
        let refusal = connect(&builder.build(), port).expect_err("nothing is stapled").ocsp_refusal();
        assert_eq!(refusal, Some(OcspRefusal::Missing));
    }
}

#[test]
fn gnutls_cli_judges_what_our_server_staples() {
    let world = World::new();
    for version in VERSIONS {
        for status in [Some(Status::Good), Some(Status::Revoked(Some(1))), None] {
            let mut builder = world.server(version);
            let staple = Staple::new();
            builder.set_staple(&staple).expect("a staple");
            if let Some(status) = status {
                staple.set(world.answer(status).response());
            }
            let saved = world.files.path("saved.der");
            let _ = std::fs::remove_file(&saved);
            let save = [format!("--save-ocsp={}", saved.display())];
            let (_, ended) = gnutls_cli(&world, version, &builder.build(), &save);
            let good = !matches!(status, Some(Status::Revoked(_)));
            assert_eq!(ended.status.success(), good, "{ended:?}");
            if let Some(response) = staple.get().filter(|_| good) {
                assert_eq!(std::fs::read(&saved).expect("it was saved"), response.as_der());
            }
            if !good {
                assert!(ended.stdout.contains("revoked") || ended.stderr.contains("revoked"), "{ended:?}");
            }
        }
    }
}

#[test]
fn our_client_authenticates_to_gnutls_serv() {
    let world = World::new();
    let demand = ["--require-client-cert".to_string(), "--verify-client-cert".to_string()];
    let stranger = Authority::new("another CA").delegate(false);
    for version in VERSIONS {
        for (identity, welcome) in [(Some(&world.client), true), (Some(&stranger), false), (None, false)] {
            let (_server, port) = world.gnutls_serv(version, &demand);
            let mut builder = world.client(version);
            if let Some(holder) = identity {
                builder.use_identity(&holder.identity()).expect("an identity");
            }
            // In TLS 1.3 it is the first read that tells.
            let outcome = connect(&builder.build(), port)
                .map_err(std::io::Error::from)
                .and_then(|mut connected| echo(&mut connected));
            assert_eq!(outcome.is_ok(), welcome, "{version:?}: {outcome:?}");
        }
    }
}

#[test]
fn gnutls_cli_authenticates_to_our_server() {
    let world = World::new();
    let identity = [world.option("x509certfile", "client.pem"), world.option("x509keyfile", "client.key")];
    for version in VERSIONS {
        let mut builder = world.server(version);
        builder.trust(TrustAnchors::Pem(world.ca.holder.pem.as_bytes())).expect("a CA");
        let mode = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        builder.set_verify(mode).expect("a mode");
        let context = builder.build();
        let (who, ended) = gnutls_cli(&world, version, &context, &identity);
        assert!(who.expect("a client").contains("CN=the delegate"));
        assert!(ended.status.success(), "{ended:?}");
        let (who, _) = gnutls_cli(&world, version, &context, &[]);
        assert_eq!(who.expect_err("a certificate is demanded").kind(), ErrorKind::Protocol);
    }
}

/// A PKCS #12 file with the client's certificate and key, made by each of both programs.
fn pkcs12_files(world: &World, passphrase: &str) -> [(&'static str, Vec<u8>); 2] {
    let path = |name: &str| world.files.path(name);
    let mut by_openssl = openssl();
    by_openssl.args(["pkcs12", "-export", "-passout", &format!("pass:{passphrase}"), "-in"]);
    by_openssl.arg(path("client.pem")).arg("-inkey").arg(path("client.key"));
    by_openssl.arg("-certfile").arg(path("ca.pem")).arg("-out").arg(path("openssl.p12"));
    let mut by_gnutls = Command::new("certtool");
    by_gnutls.args(["--to-p12", "--outder", "--p12-name=client", "--pkcs-cipher=aes-256"]);
    by_gnutls.arg(format!("--password={passphrase}")).arg(world.option("load-certificate", "client.pem"));
    by_gnutls.arg(world.option("load-privkey", "client.key")).arg(world.option("outfile", "gnutls.p12"));
    for mut command in [by_openssl, by_gnutls] {
        let ended = run(&mut command);
        assert!(ended.status.success(), "{ended:?}");
    }
    ["openssl.p12", "gnutls.p12"].map(|name| (name, std::fs::read(path(name)).expect("a file")))
}

#[test]
fn pkcs12_files_of_both_programs_authenticate_us_to_both() {
    let world = World::new();
    let demand = ["--require-client-cert".to_string(), "--verify-client-cert".to_string()];
    for (name, file) in pkcs12_files(&world, "a passphrase") {
        let wrong = Identity::from_pkcs12(&file, Some(b"another")).expect_err("another passphrase");
        assert_eq!(wrong.kind(), ErrorKind::Refused, "{name}");
        let identity = Identity::from_pkcs12(&file, Some(b"a passphrase")).expect(name);
        assert!(*identity.certificate() == *world.client.certificate, "{name}");
        for version in VERSIONS {
            let mut builder = world.client(version);
            builder.use_identity(&identity).expect("an identity");
            let context = builder.build();
            let (_server, port) = world.gnutls_serv(version, &demand);
            echo(&mut connect(&context, port).expect(name)).expect("an echo");

            let ca = world.files.path("ca.pem");
            let ca = ca.to_str().expect("UTF-8");
            let extra = ["-Verify", "1", "-verify_return_error", "-CAfile", ca, "-rev"];
            let (_server, port) = s_server(&world.files, ("server.pem", "server.key"), 1, &extra);
            let mut connected = connect(&context, port).expect(name);
            connected.write_all(b"abc\n").and_then(|()| connected.flush()).expect("a line");
            let mut line = [0; 4];
            connected.read_exact(&mut line).expect("the line, reversed");
            assert_eq!(&line, b"cba\n");
        }
    }
}

#[test]
fn our_server_shows_gnutls_cli_what_a_pkcs12_file_holds() {
    let world = World::new();
    let path = |name: &str| world.files.path(name);
    let mut command = Command::new("certtool");
    command.args(["--to-p12", "--outder", "--p12-name=server", "--pkcs-cipher=aes-256", "--password=x"]);
    command
        .arg(world.option("load-certificate", "server.pem"))
        .arg(world.option("load-privkey", "server.key"));
    let ended = run(command.arg(world.option("outfile", "server.p12")));
    assert!(ended.status.success(), "{ended:?}");
    let file = std::fs::read(path("server.p12")).expect("a file");
    let identity = Identity::from_pkcs12(&file, Some(b"x")).expect("an identity");
    for version in VERSIONS {
        let mut builder = SslContext::server(&identity).expect("a server's context");
        version.only(&mut builder);
        let (ours, ended) = gnutls_cli(&world, version, &builder.build(), &[]);
        ours.expect("a client");
        assert!(ended.status.success(), "{ended:?}");
    }
}
