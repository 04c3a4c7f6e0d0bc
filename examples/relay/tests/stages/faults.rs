//! Peers that mean no good, or have bad luck: what each stage says of them, and whom it tells.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use libssl::Ssl;
use rcgen::PKCS_ECDSA_P256_SHA256;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt};

use crate::identities::{Ca, Made, named, pki};
use crate::peers::{Backend, End, Tls, accept, connect, hang_up, read_all};
use crate::stage::{Seen, in_all_stages};
use crate::wire::client_hello;

/// What becomes of a client that never gets to a backend.
fn before_the_backend(client: impl Fn(TcpStream)) -> Seen {
    in_all_stages(|stage| {
        let relay = stage.relay(9, &["--once", "1"]);
        client(relay.dial());
        relay.end()
    })
}

#[test]
fn garbage_instead_of_a_client_hello_ends_that_connection_only() {
    let seen = before_the_backend(|mut socket| {
        socket.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a write");
        hang_up(socket);
    });
    seen.assert_lines(&[
        "[1] accepted",
        "[1] client: handshake failed: error:0A00009C:SSL routines::http request",
        "[1] cut",
        "relay: served 1",
    ]);
    let seen = before_the_backend(|mut socket| {
        socket.write_all(&[0x16, 3, 1, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0]).expect("a write");
        hang_up(socket);
    });
    assert!(seen.log[1].starts_with("[1] client: handshake failed: error:0A"), "{seen:#?}");
}

#[test]
fn a_client_may_be_cut_anywhere_in_its_hello() {
    let hello = client_hello();
    for length in [0, 1, 4, 5, 6, 9, 43, hello.len() / 2, hello.len() - 1, hello.len()] {
        let seen = before_the_backend(|mut socket| {
            socket.write_all(&hello[..length]).expect("a write");
            hang_up(socket);
        });
        seen.assert_lines(&["[1] accepted", "[1] client: handshake failed: ", "[1] cut", "relay: served 1"]);
        assert!(seen.log[1].contains("unexpected eof"), "after {length}: {seen:#?}");
    }
}

#[test]
fn a_silent_client_is_cut_when_its_time_is_over() {
    let seen = in_all_stages(|stage| {
        let relay = stage.relay(9, &["--once", "1", "--timeout", "1"]);
        let mut silent = relay.dial();
        assert_eq!(read_all(&mut silent).0, b"");
        relay.end()
    });
    seen.assert_lines(&["[1] accepted", "[1] client: handshake timed out", "[1] cut", "relay: served 1"]);
}

#[test]
fn a_silent_backend_is_cut_when_its_time_is_over() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| read_all(&mut socket).1);
        let relay = stage.relay(backend.port, &["--once", "1", "--timeout", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        backend.join();
        relay.end()
    });
    assert_eq!(seen.log[2..], ["[1] backend: handshake timed out", "[1] cut", "relay: served 1"]);
}

#[test]
fn a_client_that_refuses_the_certificate_says_so_in_the_log() {
    let seen = before_the_backend(|socket| {
        // It wants another name than the one that it asks for.
        let context = libssl::SslContext::client_trusting(libssl::TrustAnchors::Pem(pki().ca_pem.as_bytes()));
        let mut ssl = Ssl::new(&context.expect("a context").build()).expect("an object");
        ssl.set_server_name("nobody.example").expect("a name");
        ssl.set_sni(Some("localhost")).expect("a name");
        let failure = ssl.connect(socket).expect_err("another name").into_handshake().expect_err("a failure");
        hang_up(failure.into_parts().2);
    });
    assert!(seen.log[1].contains("handshake failed: error:0A000412:SSL routines::"), "{seen:#?}");
    assert!(seen.log[1].contains("bad certificate"), "{seen:#?}");
}

/// A port that nobody else gets, and where nobody listens yet.
fn taken() -> TcpListener {
    let taken = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&taken, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    TcpListener::from(taken)
}

#[test]
fn a_backend_that_does_not_accept_is_given_up_when_its_time_is_over() {
    let seen = in_all_stages(|stage| {
        let full = taken();
        listen(&full, 0).expect("a listener");
        let address = full.local_addr().expect("an address");
        // It has room for one.
        let _waits = TcpStream::connect(address).expect("a connection");
        let relay = stage.relay(address.port(), &["--once", "1", "--timeout", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        relay.end()
    });
    assert_eq!(seen.log[2..], ["[1] backend: connect timed out", "[1] cut", "relay: served 1"]);
}

#[test]
fn a_backend_that_is_not_there_cuts_the_client() {
    let seen = in_all_stages(|stage| {
        let taken = taken();
        let closed = taken.local_addr().expect("an address").port();
        let relay = stage.relay(closed, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        relay.end()
    });
    assert_eq!(
        seen.log[2..],
        ["[1] backend: connect failed: Connection refused (os error 111)", "[1] cut", "relay: served 1"]
    );
}

/// The backend's part of the log, where the backend shows this certificate.
fn backend_with(made: &'static Made) -> Vec<String> {
    let seen = in_all_stages(|stage| {
        let backend =
            Backend::raw(move |socket| accept(made, socket).map(|_| ()).map_err(|error| error.to_string()));
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        // It is told why, by an alert.
        let told = backend.join().expect_err("it is refused");
        assert!(told.contains("alert"), "{told}");
        relay.end()
    });
    seen.log[2..].to_vec()
}

#[test]
fn a_backend_is_verified_by_its_issuer_its_name_and_its_time() {
    for (made, verdict) in [
        (&pki().unknown_issuer, "unable to get local issuer certificate"),
        (&pki().self_signed, "self-signed certificate"),
        (&pki().other_name, "hostname mismatch"),
        (&pki().expired, "certificate has expired"),
    ] {
        let log = backend_with(made);
        let refused = format!("[1] backend: handshake failed: certificate refused: {verdict}");
        assert_eq!(log, [refused.as_str(), "[1] cut", "relay: served 1"]);
    }
}

#[test]
fn a_wildcard_for_a_part_of_a_label_is_no_backend_s_name() {
    let ca = Ca::new("a CA");
    let made = Arc::new(ca.issue(&named("wild", &["f*.example.org"]), &PKCS_ECDSA_P256_SHA256));
    let seen = in_all_stages(|stage| {
        let roots = stage.file("wild.pem");
        std::fs::write(&roots, &ca.pem).expect("a file");
        let made = Arc::clone(&made);
        let backend = Backend::raw(move |socket| accept(&made, socket).is_err());
        let more = ["--once", "1", "--backend-ca", &roots, "--backend-name", "foo.example.org"];
        let relay = stage.relay(backend.port, &more);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        assert!(backend.join(), "it is refused");
        relay.end()
    });
    assert_eq!(seen.log[2], "[1] backend: handshake failed: certificate refused: hostname mismatch");
}

#[test]
fn a_backend_that_does_not_speak_tls_cuts_the_client() {
    for answer in [&b"220 ready\r\n"[..], b"", &[0x16, 3, 3, 0, 1, 2], &[0x15, 3, 3, 0, 2, 2, 40]] {
        let seen = in_all_stages(|stage| {
            let backend = Backend::raw(move |mut socket| {
                let mut hello = [0; 1];
                socket.read_exact(&mut hello).expect("a ClientHello");
                socket.write_all(answer).expect("a write");
                hang_up(socket);
            });
            let relay = stage.relay(backend.port, &["--once", "1"]);
            let mut client = connect("localhost", relay.dial()).expect("a handshake");
            assert_eq!(read_all(&mut client), (vec![], End::Cut));
            backend.join();
            relay.end()
        });
        assert!(seen.log[2].starts_with("[1] backend: handshake failed: error:0A"), "{seen:#?}");
        assert_eq!(seen.log[3..], ["[1] cut", "relay: served 1"]);
    }
}

#[test]
fn a_client_that_is_cut_looks_cut_to_the_backend() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| read_all(tls));
        let mut relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"half a sen").expect("a write");
        relay.says("[1] backend: TLS");
        hang_up(client.into_parts_discarding().channel);
        assert_eq!(backend.join(), (b"half a sen".to_vec(), End::Cut));
        relay.end()
    });
    assert_eq!(
        seen.log[3..],
        [
            "[1] client: read failed: error:0A000126:SSL routines::unexpected eof while reading",
            "[1] cut",
            "relay: served 1"
        ]
    );
}

#[test]
fn a_client_that_resets_its_connection_looks_cut_to_the_backend() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| read_all(tls).1);
        let mut relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"half").expect("a write");
        relay.says("[1] backend: TLS");
        reset(client.into_parts_discarding().channel);
        assert_eq!(backend.join(), End::Cut);
        relay.end()
    });
    assert_eq!(
        seen.log[3..],
        ["[1] client: read failed: Connection reset by peer (os error 104)", "[1] cut", "relay: served 1"]
    );
}

/// Closes a connection as a crash of its machine would.
fn reset(socket: TcpStream) {
    sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO)).expect("a socket");
}

#[test]
fn a_client_that_breaks_a_record_is_cut_and_told_by_an_alert() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| read_all(tls));
        let mut relay = stage.relay(backend.port, &["--once", "1"]);
        let client = connect("localhost", relay.dial()).expect("a handshake");
        relay.says("[1] backend: TLS");
        let mut socket = client.into_parts_discarding().channel;
        socket.write_all(&[&[0x17, 3, 3, 0, 32][..], &[7; 32]].concat()).expect("a write");
        let (last, _) = read_all(&mut socket);
        assert!(last.len() > 5, "an alert");
        assert_eq!(backend.join(), (vec![], End::Cut));
        relay.end()
    });
    assert!(seen.log[3].starts_with("[1] client: read failed: error:"), "{seen:#?}");
    assert!(seen.log[3].contains("decryption failed or bad record mac"), "{seen:#?}");
}

#[test]
fn a_backend_that_is_cut_looks_cut_to_the_client() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|socket| {
            let mut tls = accept(&pki().localhost, socket).expect("a handshake");
            tls.write_all(b"half an ans").expect("a write");
            hang_up(tls.into_parts_discarding().channel);
        });
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (b"half an ans".to_vec(), End::Cut));
        backend.join();
        relay.end()
    });
    assert_eq!(
        seen.log[3..],
        [
            "[1] backend: read failed: error:0A000126:SSL routines::unexpected eof while reading",
            "[1] cut",
            "relay: served 1"
        ]
    );
}

#[test]
fn a_client_that_is_cut_looks_cut_to_a_plain_backend() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| read_all(&mut socket).1);
        let mut relay = stage.plain_relay(backend.port, &["--once", "1"]);
        let client = connect("localhost", relay.dial()).expect("a handshake");
        relay.says("[1] backend: plain");
        hang_up(client.into_parts_discarding().channel);
        // A reset, for an end would look like the end of all.
        assert_eq!(backend.join(), End::Cut);
        relay.end()
    });
    assert!(seen.log[3].starts_with("[1] client: read failed: error:0A000126"), "{seen:#?}");
}

#[test]
fn a_client_that_is_cut_looks_cut_whatever_openssl_cnf_says() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| read_all(&mut socket).1);
        // 3.0 does not know it.
        let lenient = "Options = IgnoreUnexpectedEOF";
        let mut relay = stage.plain_relay_under(lenient, backend.port, &["--once", "1"]);
        let client = connect("localhost", relay.dial()).expect("a handshake");
        relay.says("[1] backend: plain");
        hang_up(client.into_parts_discarding().channel);
        assert_eq!(backend.join(), End::Cut);
        relay.end()
    });
    assert!(seen.log[3].starts_with("[1] client: read failed: error:0A000126"), "{seen:#?}");
}

#[test]
fn one_connection_s_failure_is_not_another_s() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(crate::peers::echo);
        let mut relay = stage.relay(backend.port, &["--once", "2"]);
        let mut good = connect("localhost", relay.dial()).expect("a handshake");
        relay.says("[1] backend: TLS");
        let mut bad = relay.dial();
        bad.write_all(b"no hello, no key, no name").expect("a write");
        hang_up(bad);
        relay.says("[2] cut");
        good.write_all(b"still here").expect("a write");
        good.shutdown().expect("an end");
        assert_eq!(read_all(&mut good), (b"still here".to_vec(), End::Clean));
        assert_eq!(backend.join(), End::Clean);
        relay.end()
    });
    assert_eq!(seen.log[seen.log.len() - 2], "[1] closed: 10 bytes to the backend, 10 to the client");
}

#[test]
fn clients_for_whom_no_descriptor_is_left_wait_until_others_have_gone() {
    const CLIENTS: usize = 70;
    let seen = in_all_stages(|stage| {
        let mut relay = stage.relay(9, &["--once", &CLIENTS.to_string(), "--timeout", "600"]);
        relay.limit_descriptors(64);
        let idle: Vec<_> = (0..CLIENTS).map(|_| relay.dial()).collect();
        relay.says("relay: accept failed: Too many open files (os error 24)");
        for client in idle {
            hang_up(client);
        }
        let mut seen = relay.end();
        // How many find room at first, and how often it is tried for the rest, is each stage's own.
        seen.log.retain(|line| !line.ends_with(" accepted") && !line.contains("accept failed"));
        seen
    });
    assert_eq!(seen.code, Some(0), "{seen:#?}");
    let cut = seen.log.iter().filter(|line| line.ends_with("] cut")).count();
    assert_eq!(cut, CLIENTS, "{seen:#?}");
    assert_eq!(seen.log.last().map(String::as_str), Some("relay: served 70"));
}

#[test]
fn a_relay_whose_output_is_closed_serves_as_well() {
    in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| read_all(&mut socket));
        // Two sockets may have a port as long as only one of them listens.
        let port = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&port, true).expect("a socket");
        bind(&port, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let port = TcpListener::from(port);
        let number = port.local_addr().expect("an address").port();
        let relay = stage.mute_relay(number, backend.port, &["--once", "2"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"unheard").expect("a write");
        client.shutdown().expect("an end");
        assert_eq!(read_all(&mut client), (vec![], End::Clean));
        assert_eq!(backend.join(), (b"unheard".to_vec(), End::Clean));
        assert_eq!(relay.end(), Seen { code: Some(0), log: vec![] });
    });
}
