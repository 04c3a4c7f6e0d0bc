//! The examples as a user runs them: against each other, the `openssl` command, `curl`, and peers that mean no good.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use commands::{Ended, Files, Running, example, openssl, run, s_server};
use common::pki;
use libssl::Ssl;

/// All certificates as files.
fn files() -> Files {
    let pki = pki();
    Files::new(&[
        ("ca.pem", &pki.ca_pem),
        ("good.pem", &pki.localhost.chain_pem),
        ("good.key", &pki.localhost.key_pem),
        ("other.pem", &pki.other_name.chain_pem),
        ("other.key", &pki.other_name.key_pem),
        ("expired.pem", &pki.expired.chain_pem),
        ("expired.key", &pki.expired.key_pem),
        ("unknown.pem", &pki.unknown_issuer.chain_pem),
        ("unknown.key", &pki.unknown_issuer.key_pem),
    ])
}

const GOOD: (&str, &str) = ("good.pem", "good.key");

/// `connect` to a port of this machine, trusting the tests' CA.
fn connect(files: &Files, port: u16, arguments: &[&str]) -> Command {
    let mut command = example("connect");
    command.arg(format!("localhost:{port}")).arg("--ca").arg(files.path("ca.pem")).args(arguments);
    command
}

#[track_caller]
fn succeeded(ended: &Ended) {
    assert!(ended.status.success(), "{ended:#?}");
    assert_eq!(ended.stderr, "", "{ended:#?}");
}

/// Exit code 1 and one line on stderr with all these words in it.
#[track_caller]
fn failed_with(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word:?} is missing: {ended:#?}");
    }
}

/// `serve`, ready for visitors.
struct Server {
    program: Running,
    ca: PathBuf,
    port: u16,
    _files: Files,
}

impl Server {
    fn with_fresh_identity() -> Self {
        let files = Files::new(&[]);
        let ca = files.path("ca.pem");
        let mut program = Running::start(example("serve").args(["--port", "0", "--ca-out"]).arg(&ca));
        assert!(program.line_with("the CA of this server").contains("ca.pem"));
        let port = port(&program.line_with("listening on"));
        Self { program, ca, port, _files: files }
    }

    fn connect(&self, arguments: &[&str]) -> Command {
        let mut command = example("connect");
        command.arg(format!("localhost:{}", self.port)).arg("--ca").arg(&self.ca).args(arguments);
        command
    }

    /// Serves a good visitor still.
    #[track_caller]
    fn is_alive(&self) {
        let ended = run(&mut self.connect(&["--get", "/alive"]));
        succeeded(&ended);
        assert!(ended.stdout.contains("you asked for /alive"), "{ended:#?}");
    }

    fn dial(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("a connection")
    }
}

fn port(line: &str) -> u16 {
    let digits: String =
        line.trim().trim_end_matches('/').chars().rev().take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().expect("a port")
}

#[test]
fn connect_without_arguments_shakes_hands_over_each_channel() {
    let ended = run(&mut example("connect"));
    succeeded(&ended);
    for channel in
        ["blocking TcpStream", "nonblocking TcpStream", "borrowed", "Socket", "Pair", "ReadAhead", "Existing"]
    {
        assert!(ended.stdout.contains(channel), "{channel}: {ended:#?}");
    }
    assert_eq!(ended.stdout.lines().last(), Some("a finished handshake over each channel"));
}

#[test]
fn nonblocking_moves_all_bytes_in_both_directions() {
    let ended = run(&mut example("nonblocking"));
    succeeded(&ended);
    assert!(ended.stdout.contains("client: sent 8388608 bytes, received 8388608"), "{ended:#?}");
    assert!(ended.stdout.contains("server: sent 8388608 bytes, received 8388608"), "{ended:#?}");
}

#[test]
fn pair_carries_a_question_and_an_answer() {
    let ended = run(&mut example("pair"));
    succeeded(&ended);
    assert!(ended.stdout.contains("the server reads \"a question\""), "{ended:#?}");
    assert!(ended.stdout.contains("the client reads \"an answer\""), "{ended:#?}");
    assert!(ended.stdout.ends_with("the server is told the same: Complete\n"), "{ended:#?}");
}

#[test]
fn connect_gets_a_page_from_serve() {
    let server = Server::with_fresh_identity();
    let ended = run(&mut server.connect(&["--get", "/a", "--alpn", "h2,http/1.1"]));
    succeeded(&ended);
    for fact in [
        "you asked for /a",
        "protocol: TLSv1.3",
        "server name: localhost",
        "ALPN: http/1.1",
        "  ALPN       http/1.1",
    ] {
        assert!(ended.stdout.contains(fact), "{fact}: {ended:#?}");
    }

    let ended = run(&mut server.connect(&[
        "--get",
        "/",
        "--max",
        "1.2",
        "--ciphers",
        "ECDHE+AESGCM",
        "--groups",
        "P-256",
    ]));
    succeeded(&ended);
    assert!(ended.stdout.contains("protocol: TLSv1.2"), "{ended:#?}");
    assert!(ended.stdout.contains("GCM"), "{ended:#?}");
    assert!(ended.stdout.contains("ALPN: none"), "{ended:#?}");

    let ended = run(&mut server.connect(&[
        "--get",
        "/",
        "--nonblocking",
        "--ciphersuites",
        "TLS_AES_128_GCM_SHA256",
    ]));
    succeeded(&ended);
    assert!(ended.stdout.contains("cipher: TLS_AES_128_GCM_SHA256"), "{ended:#?}");
}

#[test]
fn connect_shows_where_the_handshake_pauses() {
    let files = files();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut client = Running::start(&mut connect(&files, port, &["--nonblocking", "--get", "/"]));
    let (stream, _) = listener.accept().expect("a connection");
    // Nobody has answered yet.
    client.line_with("suspended: the handshake waits for bytes from the peer");

    let server = Ssl::new(&common::server_context()).expect("SSL_new");
    let mut connected = server.accept(stream).expect("connected");
    let mut request = [0; 14];
    connected.read_exact(&mut request).expect("a request");
    assert_eq!(&request, b"GET / HTTP/1.0");
    connected.shutdown().expect("a clean end");
    succeeded(&client.finish());
}

#[test]
fn serve_answers_a_client_that_has_ended_its_own_direction() {
    let server = Server::with_fresh_identity();
    for _ in 0..10 {
        let mut client = Running::start(&mut server.connect(&[]));
        client.say("HEAD / HTTP/1.0\r\n\r\n");
        // Its close_notify follows at once.
        let ended = client.finish();
        succeeded(&ended);
        assert!(ended.stdout.ends_with("\r\n\r\nonly GET\n"), "{ended:#?}");
    }
}

#[test]
fn connect_asks_for_one_name_and_verifies_another() {
    let server = Server::with_fresh_identity();
    let ended = run(&mut server.connect(&["--get", "/", "--sni", "asked.example", "--name", "127.0.0.1"]));
    succeeded(&ended);
    assert!(ended.stdout.contains("server name: asked.example"), "{ended:#?}");
}

#[test]
fn connect_gets_the_page_of_s_server() {
    let files = files();
    for version in ["-tls1_2", "-tls1_3"] {
        for flags in [&["--get", "/"][..], &["--get", "/", "--nonblocking"]] {
            let (server, port) = s_server(&files, GOOD, 1, &["-www", version]);
            let ended = run(&mut connect(&files, port, flags));
            succeeded(&ended);
            let expected = version.replace("-tls1_", "TLSv1.");
            assert!(ended.stdout.contains(&format!("  protocol   {expected}")), "{ended:#?}");
            assert!(ended.stdout.contains("  chain 0    subject CN=localhost"), "{ended:#?}");
            assert!(ended.stdout.contains("s_server -accept"), "the page: {ended:#?}");
            server.finish();
        }
    }
}

#[test]
fn connect_copies_stdin_and_stdout() {
    let files = files();
    // This one answers each line with the line reversed.
    let (_server, port) = s_server(&files, GOOD, 1, &["-rev"]);
    let mut client = Running::start(&mut connect(&files, port, &[]));
    client.say("abc\n");
    client.line_with("cba");
    client.say("xyz\n");
    client.line_with("zyx");
}

#[test]
fn connect_names_the_check_and_the_certificate_that_failed() {
    let files = files();
    let cases: [(&str, &[&str], &[&str]); 6] = [
        ("good", &["--name", "wrong.example"], &["hostname mismatch", "CN=localhost", "wrong.example"]),
        ("good", &["--name", "127.9.9.9"], &["IP address mismatch", "CN=localhost", "127.9.9.9"]),
        ("other", &[], &["hostname mismatch", "CN=other.example", "localhost"]),
        ("unknown", &[], &["unable to get local issuer certificate", "CN=localhost"]),
        ("expired", &[], &["certificate has expired", "CN=localhost"]),
        ("expired", &["--nonblocking"], &["certificate has expired", "CN=localhost"]),
    ];
    for version in ["1.2", "1.3"] {
        for (identity, flags, words) in cases {
            let identity = (&*format!("{identity}.pem"), &*format!("{identity}.key"));
            let (_server, port) = s_server(&files, identity, 1, &["-www"]);
            let flags = [flags, &["--get", "/", "--max", version]].concat();
            failed_with(&run(&mut connect(&files, port, &flags)), words);
        }
    }
}

#[test]
fn connect_says_what_else_went_wrong() {
    let files = files();
    let (_server, port) = s_server(&files, GOOD, 1, &["-tls1_2"]);
    failed_with(&run(&mut connect(&files, port, &["--min", "1.3"])), &["alert", "protocol_version"]);

    // Nobody listens on port 1.
    failed_with(&run(&mut connect(&files, 1, &[])), &["localhost:1", "refused"]);

    let mut command = example("connect");
    let ended = run(command.args(["localhost:1", "--ca"]).arg(files.path("no such file")));
    failed_with(&ended, &["no such file"]);
    failed_with(&run(&mut connect(&files, 1, &["--ciphers", "NONSENSE"])), &["SSL_CTX_set_cipher_list"]);
}

#[test]
fn wrong_arguments_are_explained() {
    for (name, arguments) in [
        ("connect", &["--nonsense", "1"][..]),
        ("connect", &["localhost:1", "--min", "7"]),
        ("connect", &["no-port"]),
        ("connect", &["localhost:1", "--ca"]),
        ("serve", &["--port", "high"]),
        ("serve", &["--nonsense", "1"]),
    ] {
        let ended = run(example(name).args(arguments));
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended:#?}");
        assert!(ended.stderr.contains("usage:"), "{arguments:?}: {ended:#?}");
    }
}

#[test]
fn serve_answers_s_client_and_curl() {
    let files = files();
    let mut program = Running::start(
        example("serve")
            .args(["--port", "0", "--cert"])
            .arg(files.path("good.pem"))
            .arg("--key")
            .arg(files.path("good.key")),
    );
    let port = port(&program.line_with("listening on"));
    let ca = files.path("ca.pem");

    for version in ["-tls1_2", "-tls1_3"] {
        let mut command = openssl();
        command.args([
            "s_client",
            "-connect",
            &format!("127.0.0.1:{port}"),
            "-servername",
            "localhost",
            "-ign_eof",
        ]);
        command.args(["-verify_return_error", "-verify_hostname", "localhost", version, "-CAfile"]).arg(&ca);
        let mut client = Running::start(&mut command);
        client.say("GET /from-s_client HTTP/1.0\r\n\r\n");
        let ended = client.finish();
        assert!(ended.status.success(), "{ended:#?}");
        for fact in ["you asked for /from-s_client", "Verification: OK", "server name: localhost", "closed"] {
            assert!(ended.stdout.contains(fact), "{fact}: {ended:#?}");
        }
    }

    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]).arg(&ca);
    let ended = run(command.arg(format!("https://localhost:{port}/from-curl")));
    succeeded(&ended);
    assert!(ended.stdout.contains("you asked for /from-curl"), "{ended:#?}");
    assert!(ended.stdout.contains("ALPN: http/1.1"), "{ended:#?}");
}

#[test]
fn serve_survives_every_bad_client() {
    let server = Server::with_fresh_identity();
    let hello = client_hello();

    // Other languages, garbage, and nothing at all.
    let long_line = vec![b'a'; 100_000];
    let words: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"EHLO localhost\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00",
        b"",
        &[0xff; 5000],
        &long_line,
    ];
    for bytes in words {
        let mut stream = server.dial();
        // It may hang up in the middle: that is its right.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    server.is_alive();

    // A ClientHello, cut at every tenth byte, and one that goes on with garbage.
    for length in (0..hello.len()).step_by(10) {
        let mut stream = server.dial();
        let _ = stream.write_all(&hello[..length]);
    }
    let mut stream = server.dial();
    let _ = stream.write_all(&hello);
    let _ = stream.write_all(&[0x17; 1000]);
    let _ = stream.read_to_end(&mut Vec::new());
    server.is_alive();

    // Some that connect and say nothing, while others are served.
    let silent: Vec<_> = (0..20).map(|_| server.dial()).collect();
    server.is_alive();
    drop(silent);

    // Visitors that fail their own checks, or cut the line after the handshake, or do not speak HTTP.
    let distrustful = run(openssl()
        .args(["s_client", "-verify_return_error", "-connect"])
        .arg(format!("127.0.0.1:{}", server.port)));
    assert!(!distrustful.status.success());
    let mut rude = Running::start(&mut server.connect(&[]));
    rude.line_with("verified");
    rude.kill();
    let mut mute = Running::start(&mut server.connect(&[]));
    mute.line_with("verified");
    mute.say("nonsense\r\n\r\n");
    mute.line_with("400 Bad Request");
    drop(mute);
    server.is_alive();

    // Each of them cost the server a line, and nothing else.
    let Server { mut program, .. } = server;
    program.kill();
    let said = program.finish().stderr;
    assert!(said.contains("http request"), "{said}");
    assert!(said.contains("cut without a close_notify"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn serve_says_why_it_cannot_begin() {
    let files = files();
    let with = |cert: &str, key: &str| {
        run(example("serve")
            .args(["--port", "0", "--cert"])
            .arg(files.path(cert))
            .arg("--key")
            .arg(files.path(key)))
    };
    failed_with(&with("good.pem", "missing.key"), &["missing.key"]);
    failed_with(&with("good.pem", "other.key"), &["mismatch"]);
    failed_with(&with("good.key", "good.key"), &[]);
    failed_with(&run(example("serve").args(["--cert", "x"])), &["belong together"]);
}

/// The first bytes that a client of this library says.
fn client_hello() -> Vec<u8> {
    let (near, mut far) = common::duplex();
    let waiting = common::client_ssl(&common::client_context()).connect(near);
    let mut hello = vec![0; 64 * 1024];
    let length = far.read(&mut hello).expect("a ClientHello");
    drop(waiting);
    hello.truncate(length);
    hello
}
