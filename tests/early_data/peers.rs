//! The `openssl` command as the peer.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use libssl::early::EarlyOutcome;
use libssl::{Connected, Error};

use super::scene::{Scene, resume, take_session};
use crate::commands::{Files, Running, openssl, s_server};
use crate::common::{client_context, client_ssl, pki};

fn files() -> Files {
    let pki = pki();
    Files::new(&[
        ("ca.pem", &pki.ca_pem),
        ("good.pem", &pki.localhost.chain_pem),
        ("good.key", &pki.localhost.key_pem),
        ("early.txt", "early from s_client\n"),
    ])
}

fn tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

/// Reads up to the line's end.
fn line(connected: &mut Connected<TcpStream>) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\n") {
        assert_eq!(connected.read(&mut byte).unwrap(), 1);
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn s_server_takes_our_early_data_once() {
    let files = files();
    let (mut server, port) =
        s_server(&files, ("good.pem", "good.key"), 3, &["-early_data", "-max_early_data", "1000"]);
    let context = client_context();
    let mut connected = client_ssl(&context).connect(tcp(port)).map_err(Error::from).unwrap();
    // A line of the server's brings the tickets with it.
    server.say("hello\n");
    assert_eq!(line(&mut connected), "hello\n");
    let session = take_session(&connected);
    assert_eq!(session.max_early_data(), 1000);
    connected.shutdown().unwrap();
    drop(connected);
    for first in [true, false] {
        let mut ssl = client_ssl(&context);
        resume(&mut ssl, &session);
        let mut early = ssl.connect_early(tcp(port)).map_err(Error::from).unwrap();
        assert_eq!(early.room(), 1000);
        assert_eq!(early.write_early(b"early from us\n").unwrap(), 14);
        let (mut connected, outcome) = early.finish().map_err(Error::from).unwrap();
        if first {
            assert_eq!(outcome, EarlyOutcome::Accepted);
            server.line_with("early from us");
        } else {
            assert_eq!(outcome, EarlyOutcome::Rejected(b"early from us\n".to_vec()));
        }
        connected.write_all(b"later from us\n").unwrap();
        server.line_with("later from us");
        connected.shutdown().unwrap();
    }
    let ended = server.finish();
    assert!(ended.status.success());
    // The command writes what it received past its own buffer, so the order says nothing.
    assert_eq!(ended.stdout.matches("Early data received").count(), 1, "{}", ended.stdout);
    assert_eq!(ended.stdout.matches("early from us").count(), 1, "{}", ended.stdout);
}

#[test]
fn s_client_sends_us_early_data() {
    let (files, scene) = (files(), Scene::new());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let s_client = |extra: &[&str]| {
        let mut command = openssl();
        command.args(["s_client", "-connect", &listener.local_addr().unwrap().to_string()]);
        command.args(["-servername", "localhost", "-CAfile"]).arg(files.path("ca.pem")).args(extra);
        Running::start(&mut command)
    };
    let kept = files.path("session.pem");
    let kept = kept.to_str().unwrap();
    // The first connection leaves a session.
    let mut command = s_client(&["-sess_out", kept]);
    let server = scene.server().accept_early(listener.accept().unwrap().0).unwrap();
    let (mut connected, unread) = server.finish().map_err(Error::from).unwrap();
    assert!(unread.is_empty());
    connected.write_all(b"hello\n").unwrap();
    command.line_with("hello");
    command.say("Q\n");
    assert_eq!(connected.read(&mut [0; 10]).unwrap(), 0);
    drop(connected);
    assert!(command.finish().status.success());
    for first in [true, false] {
        let early_file = files.path("early.txt");
        let mut command = s_client(&["-sess_in", kept, "-early_data", early_file.to_str().unwrap()]);
        let mut server = scene.server().accept_early(listener.accept().unwrap().0).unwrap();
        let (mut early, mut buf): (Vec<u8>, _) = (Vec::new(), [0; 7]);
        while let Some(data) = server.read_early(&mut buf).unwrap() {
            early.extend(data.danger_accept_replay());
        }
        assert_eq!(early, if first { &b"early from s_client\n"[..] } else { b"" });
        server.write_early(b"answer\n").unwrap();
        let (mut connected, _) = server.finish().map_err(Error::from).unwrap();
        command.line_with("answer");
        command.say("Q\n");
        let end = connected.read(&mut [0; 10]);
        assert!(matches!(end, Ok(0)), "{end:?}");
        let stdout = command.finish().stdout;
        assert!(
            stdout.contains(if first { "Early data was accepted" } else { "Early data was rejected" }),
            "{stdout}"
        );
    }
}
