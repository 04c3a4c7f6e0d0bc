//! The stages and the programs that people use: `openssl s_client` and `curl`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Command;

use crate::commands::{Ended, Running, openssl, run};
use crate::peers::{Backend, End, Tls, echo, pattern, read_all};
use crate::stage::{Relay, Seen, Stage, in_all_stages};

/// `openssl s_client`, which says a line and waits for its echo.
fn s_client(stage: &Stage, relay: &Relay, name: &str, more: &[&str]) -> Ended {
    let mut command = openssl();
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", relay.port)]);
    command.args(["-CAfile", &stage.file("ca.pem"), "-verify_return_error", "-verify_hostname", name]);
    let mut client = Running::start(command.args(more));
    client.say("a line and its echo\n");
    client.line_with("a line and its echo");
    client.finish()
}

/// One visit of `s_client`.
fn visit(stage: &Stage, name: &str, more: &[&str]) -> Seen {
    let backend = Backend::tls(echo);
    let relay = stage.relay(backend.port, &["--once", "1"]);
    let client = s_client(stage, &relay, name, more);
    assert!(client.status.success(), "{client:#?}");
    assert_eq!(backend.join(), End::Clean);
    relay.end()
}

#[test]
fn s_client_gets_the_certificate_of_the_name_it_asks_for() {
    for name in ["localhost", "other.example"] {
        let seen = in_all_stages(|stage| visit(stage, name, &["-servername", name]));
        let client =
            format!("[1] client: TLSv1.3, TLS_AES_256_GCM_SHA384, name {name}, protocol none, new session");
        seen.assert_lines(&[
            "[1] accepted",
            &client,
            "[1] backend: TLSv1.3, TLS_AES_256_GCM_SHA384, protocol none, verified localhost",
            "[1] client: end",
            "[1] backend: end",
            "[1] closed: 20 bytes to the backend, 20 to the client",
            "relay: served 1",
        ]);
    }
}

#[test]
fn s_client_may_write_a_name_as_it_likes() {
    let seen = in_all_stages(|stage| visit(stage, "other.example", &["-servername", "Other.EXAMPLE"]));
    assert!(seen.log[1].contains("name Other.EXAMPLE, "), "{seen:#?}");
}

#[test]
fn s_client_with_other_protocols_than_the_relay_s_goes_on_without() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(echo);
        let relay = stage.relay(backend.port, &["--once", "1", "--alpn", "http/1.1"]);
        let client = s_client(stage, &relay, "localhost", &["-servername", "localhost", "-alpn", "x,h2"]);
        assert!(client.status.success(), "{client:#?}");
        assert_eq!(backend.join(), End::Clean);
        relay.end()
    });
    assert!(seen.log[1].contains("protocol none, "), "{seen:#?}");
    assert!(seen.log[2].contains("protocol none, "), "{seen:#?}");
}

#[test]
fn s_client_without_a_name_gets_the_first_certificate() {
    let seen = in_all_stages(|stage| visit(stage, "localhost", &["-noservername"]));
    assert!(seen.log[1].contains("name none"), "{seen:#?}");
}

#[test]
fn s_client_with_an_unknown_name_is_refused_with_the_alert_for_it() {
    let seen = in_all_stages(|stage| {
        let relay = stage.relay(9, &["--once", "1"]);
        let mut command = openssl();
        command.args(["s_client", "-connect", &format!("127.0.0.1:{}", relay.port)]);
        let client = run(command.args(["-servername", "nobody.example"]));
        assert!(!client.status.success());
        assert!(client.stderr.contains("unrecognized name"), "{client:#?}");
        relay.end()
    });
    seen.assert_lines(&[
        "[1] accepted",
        "[1] client: handshake failed: error:0A0000EA:SSL routines::callback failed",
        "[1] cut",
        "relay: served 1",
    ]);
}

#[test]
fn s_client_resumes_its_session_by_ticket_and_by_cache() {
    for how in [&["-tls1_3"][..], &["-tls1_2"], &["-tls1_2", "-no_ticket"]] {
        let seen = in_all_stages(|stage| {
            let (backend, session) = (Backend::tls_each(2, echo), stage.file("session.pem"));
            let relay = stage.relay(backend.port, &["--once", "2"]);
            let name = "other.example";
            let visit =
                |keep: &[&str]| s_client(stage, &relay, name, &[how, &["-servername", name], keep].concat());
            let made = visit(&["-sess_out", &session]);
            assert!(made.status.success(), "{made:#?}");
            let resumed = visit(&["-sess_in", &session]);
            assert!(resumed.status.success(), "{resumed:#?}");
            assert!(resumed.stdout.contains("Reused, "), "{resumed:#?}");
            assert_eq!(backend.join(), [End::Clean, End::Clean]);
            relay.end()
        });
        let clients: Vec<_> = seen.log.iter().filter(|line| line.contains("name other.example")).collect();
        assert_eq!(clients.len(), 2, "{seen:#?}");
        assert!(clients[0].ends_with("new session"), "{seen:#?}");
        assert!(clients[1].ends_with("resumed session"), "{seen:#?}");
    }
}

#[test]
fn a_session_resumes_under_another_name_and_in_tls_1_2_keeps_its_own() {
    for (version, asked, name) in [
        ("-tls1_3", "other.example", "other.example"),
        ("-tls1_2", "other.example", "localhost"),
        ("-tls1_2", "nobody.example", "localhost"),
    ] {
        let seen = in_all_stages(|stage| {
            let (backend, session) = (Backend::tls_each(2, echo), stage.file("session.pem"));
            let relay = stage.relay(backend.port, &["--once", "2"]);
            let visit = |asked, keep: [&str; 2]| {
                s_client(stage, &relay, "localhost", &[&[version, "-servername", asked], &keep[..]].concat())
            };
            let made = visit("localhost", ["-sess_out", &session]);
            assert!(made.status.success(), "{made:#?}");
            let resumed = visit(asked, ["-sess_in", &session]);
            assert!(resumed.status.success(), "{resumed:#?}");
            assert!(resumed.stdout.contains("Reused, "), "{resumed:#?}");
            assert_eq!(backend.join(), [End::Clean, End::Clean]);
            relay.end()
        });
        let resumed: Vec<_> = seen.log.iter().filter(|line| line.ends_with("resumed session")).collect();
        assert_eq!(resumed.len(), 1, "{seen:#?}");
        assert!(resumed[0].contains(&format!("name {name}, ")), "{seen:#?}");
    }
}

/// An HTTP server that answers one request: what was sent, and `answer` without a length, up to its close_notify.
fn http(answer: Vec<u8>) -> Backend<(Vec<u8>, Option<Vec<u8>>)> {
    Backend::tls(move |tls: &mut Tls| {
        let protocol = tls.ssl().alpn_selected().map(<[u8]>::to_vec);
        let body = request(tls);
        tls.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n").expect("a head");
        tls.write_all(&answer).expect("a body");
        tls.shutdown().expect("an end");
        read_all(tls);
        (body, protocol)
    })
}

/// The body of a request.
fn request(tls: &mut Tls) -> Vec<u8> {
    let mut reader = BufReader::new(tls);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).expect("a head") > 0 && !line.trim().is_empty() {
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    body
}

/// `curl` by one of the relay's names.
fn curl(stage: &Stage, relay: &Relay, name: &str, more: &[&str]) -> Command {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--no-progress-meter", "--cacert", &stage.file("ca.pem")]);
    command.args(["--resolve", &format!("{name}:{}:127.0.0.1", relay.port), "--expect100-timeout", "0.001"]);
    command.args(more).arg(format!("https://{name}:{}/", relay.port));
    command
}

#[test]
fn curl_downloads_and_uploads_through_the_relay() {
    const SIZE: usize = 3 * 1024 * 1024;
    for name in ["localhost", "other.example"] {
        let seen = in_all_stages(|stage| {
            let backend = http(pattern(SIZE));
            let relay = stage.relay(backend.port, &["--once", "1", "--alpn", "x,http/1.1"]);
            let (upload, download) = (stage.files.path("upload"), stage.files.path("download"));
            std::fs::write(&upload, pattern(SIZE)).expect("a file");
            let data = format!("@{}", upload.display());
            let to = download.to_str().expect("a path");
            let curl = run(&mut curl(stage, &relay, name, &["--data-binary", &data, "--output", to]));
            assert!(curl.status.success(), "{curl:#?}");
            let (body, protocol) = backend.join();
            assert!(body == pattern(SIZE), "what was uploaded");
            assert!(std::fs::read(download).expect("a file") == pattern(SIZE), "what was downloaded");
            assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
            relay.end()
        });
        // Who ends first is the backend; whether curl says so too is curl's.
        assert_eq!(seen.code, Some(0));
        assert!(seen.log[1].contains(&format!("name {name}, protocol http/1.1, new session")), "{seen:#?}");
        assert!(seen.log[2].contains("protocol http/1.1, verified localhost"), "{seen:#?}");
        assert_eq!(seen.log[3], "[1] backend: end", "{seen:#?}");
    }
}
