//! The `openssl` command as a peer that resumes.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use libssl::session::SslSession;
use libssl::{ProtocolVersion, Ssl, SslContext};

use crate::commands::{Files, Running, openssl, s_server};
use crate::common::*;
use crate::world::*;

fn files() -> Files {
    let pki = pki();
    Files::new(&[
        ("ca.pem", &pki.ca_pem),
        ("good.pem", &pki.localhost.chain_pem),
        ("good.key", &pki.localhost.key_pem),
    ])
}

fn flag(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLS1_2 { "-tls1_2" } else { "-tls1_3" }
}

/// The page that `s_server -www` shows of a connection, and the session that was there at its end.
fn visit(port: u16, ssl: Ssl) -> (bool, String, SslSession) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut connected = ssl.connect(stream).unwrap();
    connected.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    connected.read_to_string(&mut page).unwrap();
    let ssl = connected.ssl();
    (ssl.session_reused(), page, ssl.session().unwrap().unwrap())
}

#[test]
fn a_client_resumes_by_itself_with_s_server() {
    let files = files();
    for version in VERSIONS {
        for tickets in [true, false] {
            let mut extra = vec!["-www", flag(version)];
            if !tickets {
                extra.push("-no_ticket");
            }
            let (_server, port) = s_server(&files, ("good.pem", "good.key"), 4, &extra);
            let client = client_of(version);
            for connection in 0..4 {
                let (reused, page, _) = visit(port, client_ssl(&client));
                assert_eq!(reused, connection > 0, "{version:?} {tickets}");
                assert_eq!(page.contains("Reused, TLS"), reused, "{page}");
            }
        }
    }
}

/// Serves so many clients with a word each, and says of each whether it resumed.
fn serve(server: SslContext, clients: usize) -> (u16, JoinHandle<Vec<bool>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = thread::spawn(move || {
        (0..clients)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                let mut connected = Ssl::new(&server).unwrap().accept(stream).unwrap();
                connected.write_all(b"welcome\n").unwrap();
                let _ = connected.read_to_end(&mut Vec::new());
                connected.ssl().session_reused()
            })
            .collect()
    });
    (port, thread)
}

fn s_client(files: &Files, port: u16, version: ProtocolVersion, extra: [&str; 2]) -> String {
    let mut command = openssl();
    command.args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost"]);
    command
        .arg("-CAfile")
        .arg(files.path("ca.pem"))
        .args([flag(version), extra[0]])
        .arg(files.path(extra[1]));
    let mut client = Running::start(&mut command);
    client.line_with("welcome");
    client.finish().stdout
}

#[test]
fn sessions_go_to_s_client_and_come_from_it() {
    let files = files();
    for version in VERSIONS {
        let (port, served) = serve(server_of(version), 4);
        let said = s_client(&files, port, version, ["-sess_out", "theirs.pem"]);
        assert!(said.contains("New, TLS"), "{said}");
        let said = s_client(&files, port, version, ["-sess_in", "theirs.pem"]);
        assert!(said.contains("Reused, TLS"), "{version:?}: {said}");

        let client = client_of(version);
        let theirs = SslSession::from_pem(&fs::read(files.path("theirs.pem")).unwrap()).unwrap();
        assert_eq!(theirs.protocol_version(), version);
        let mut ssl = client_ssl(&client);
        ssl.danger_set_session(&theirs).unwrap();
        let mut word = [0; 8];
        let mut connected = ssl.connect(TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
        connected.read_exact(&mut word).unwrap();
        assert!(connected.ssl().session_reused(), "{version:?}");
        let ours = connected.ssl().session().unwrap().unwrap();
        drop(connected);

        fs::write(files.path("ours.pem"), ours.to_pem().unwrap()).unwrap();
        let said = s_client(&files, port, version, ["-sess_in", "ours.pem"]);
        assert!(said.contains("Reused, TLS"), "{version:?}: {said}");
        assert_eq!(served.join().unwrap(), [false, true, true, true], "{version:?}");
    }
}
