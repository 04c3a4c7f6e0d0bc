//! How bytes and their ends go through the relay, when nobody does wrong.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;

use crate::identities::pki;
use crate::peers::{Backend, End, Tls, accept, connect, echo, hang_up, pattern, read_all};
use crate::stage::in_all_stages;

/// More than all sockets and buffers on the way hold.
const MUCH: usize = 24 * 1024 * 1024;

const CLIENT: &str =
    "[1] client: TLSv1.3, TLS_AES_256_GCM_SHA384, name localhost, protocol none, new session";
const BACKEND: &str = "[1] backend: TLSv1.3, TLS_AES_256_GCM_SHA384, protocol none, verified localhost";

#[test]
fn a_client_that_has_ended_still_gets_its_answer() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| {
            let question = read_all(tls);
            tls.write_all(&pattern(1_000_000)).expect("a write");
            tls.shutdown().expect("an end");
            question
        });
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"question").expect("a write");
        client.shutdown().expect("an end");
        assert!(read_all(&mut client) == (pattern(1_000_000), End::Clean));
        assert_eq!(backend.join(), (b"question".to_vec(), End::Clean));
        relay.end()
    });
    seen.assert_lines(&[
        "[1] accepted",
        CLIENT,
        BACKEND,
        "[1] client: end",
        "[1] backend: end",
        "[1] closed: 8 bytes to the backend, 1000000 to the client",
        "relay: served 1",
    ]);
}

#[test]
fn a_backend_that_has_ended_still_gets_what_the_client_says() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| {
            tls.write_all(b"greeting").expect("a write");
            tls.shutdown().expect("an end");
            read_all(tls)
        });
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (b"greeting".to_vec(), End::Clean));
        client.write_all(&pattern(1_000_000)).expect("a write");
        client.shutdown().expect("an end");
        assert!(backend.join() == (pattern(1_000_000), End::Clean));
        relay.end()
    });
    assert_eq!(seen.log[3..5], ["[1] backend: end", "[1] client: end"]);
    assert_eq!(seen.log[5], "[1] closed: 1000000 bytes to the backend, 8 to the client");
}

#[test]
fn a_client_that_only_closes_after_the_end_is_gone_and_nothing_is_lost() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| {
            tls.write_all(b"all").expect("a write");
            tls.shutdown().expect("an end");
            read_all(tls)
        });
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        assert_eq!(read_all(&mut client), (b"all".to_vec(), End::Clean));
        hang_up(client.into_parts_discarding().channel);
        // It never said that it had ended: so it is not said for it.
        assert_eq!(backend.join(), (vec![], End::Cut));
        relay.end()
    });
    assert_eq!(
        seen.log[3..6],
        ["[1] backend: end", "[1] client: gone", "[1] closed: 0 bytes to the backend, 3 to the client"]
    );
}

#[test]
fn a_slow_reader_holds_back_its_sender_and_nobody_else() {
    let seen = in_all_stages(|stage| {
        let (go, wait) = mpsc::channel::<()>();
        let backends = Backend::listening(move |listener| {
            let made = &pki().localhost;
            let next = || accept(made, listener.accept().expect("a connection").0).expect("a handshake");
            let mut slow = next();
            let mut quick = next();
            assert_eq!(echo(&mut quick), End::Clean);
            wait.recv().expect("a word");
            let all = read_all(&mut slow);
            slow.shutdown().expect("an end");
            all
        });

        let mut relay = stage.relay(backends.port, &["--once", "2"]);
        let mut slow = connect("localhost", relay.dial()).expect("a handshake");
        relay.says("[1] backend: TLS");
        let sender = std::thread::spawn(move || {
            slow.write_all(&pattern(MUCH)).expect("a write");
            slow.shutdown().expect("an end");
            read_all(&mut slow)
        });
        let mut quick = connect("other.example", relay.dial()).expect("a handshake");
        quick.write_all(b"quick").expect("a write");
        let mut back = [0; 5];
        quick.read_exact(&mut back).expect("an echo");
        assert!(!sender.is_finished(), "more was taken than there is room for");
        quick.shutdown().expect("an end");
        assert_eq!(read_all(&mut quick), (vec![], End::Clean));
        relay.says("[2] closed");
        go.send(()).expect("a word");
        assert!(backends.join() == (pattern(MUCH), End::Clean));
        assert_eq!(sender.join().expect("a sender"), (vec![], End::Clean));
        relay.end()
    });
    assert_eq!(seen.code, Some(0));
    let closed: Vec<_> = seen.log.iter().filter(|line| line.contains("closed")).collect();
    let much = format!("[1] closed: {MUCH} bytes to the backend, 0 to the client");
    assert_eq!(closed, ["[2] closed: 5 bytes to the backend, 5 to the client", &much]);
}

#[test]
fn both_directions_are_full_at_once() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| {
            // Each write waits for the peer to read, who does the same.
            assert_eq!(echo(tls), End::Clean);
        });
        let relay = stage.relay(backend.port, &["--once", "1"]);
        let socket = relay.dial();
        socket.set_nonblocking(true).expect("a socket");
        let (sent, received) = both_ways(socket);
        assert!(sent == received, "what came back is what was sent");
        backend.join();
        relay.end()
    });
    assert_eq!(seen.log[5], "[1] closed: 4000000 bytes to the backend, 4000000 to the client");
}

/// Sends and receives at the same time, in one thread.
fn both_ways(socket: std::net::TcpStream) -> (Vec<u8>, Vec<u8>) {
    use libssl::{ShutdownProgress, Ssl, SslContext, TrustAnchors};

    let anchors = TrustAnchors::Pem(pki().ca_pem.as_bytes());
    let mut ssl =
        Ssl::new(&SslContext::client_trusting(anchors).expect("a context").build()).expect("an object");
    ssl.set_server_name("localhost").expect("a name");
    let mut tls = ssl.connect_and_wait(socket, None).expect("a handshake");
    let (sent, mut received, mut at, mut ended) = (pattern(4_000_000), Vec::new(), 0, false);
    loop {
        let (mut buffer, before) = ([0; 8192], (at, received.len()));
        if at < sent.len() {
            at += tls.write(&sent[at..]).unwrap_or_default();
        } else if !ended {
            ended = !matches!(tls.shutdown().expect("an end"), ShutdownProgress::Wants(_));
        }
        match tls.read(&mut buffer) {
            Ok(0) => return (sent, received),
            Ok(length) => received.extend_from_slice(&buffer[..length]),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        if before == (at, received.len()) {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_plain_backend_gets_the_bytes_and_their_end() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| {
            let question = read_all(&mut socket);
            socket.write_all(b"an answer").expect("a write");
            socket.shutdown(Shutdown::Write).expect("an end");
            question
        });
        let relay = stage.plain_relay(backend.port, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"a question").expect("a write");
        client.shutdown().expect("an end");
        assert_eq!(read_all(&mut client), (b"an answer".to_vec(), End::Clean));
        assert_eq!(backend.join(), (b"a question".to_vec(), End::Clean));
        relay.end()
    });
    seen.assert_lines(&[
        "[1] accepted",
        CLIENT,
        "[1] backend: plain",
        "[1] client: end",
        "[1] backend: end",
        "[1] closed: 10 bytes to the backend, 9 to the client",
        "relay: served 1",
    ]);
}

#[test]
fn a_port_may_have_zeros_before_it() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| read_all(&mut socket));
        let place = format!("127.0.0.1:{:010}", backend.port);
        let relay = stage.plain_relay(9, &["--once", "1", "--backend", &place]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.shutdown().expect("an end");
        assert_eq!(read_all(&mut client), (vec![], End::Clean));
        assert_eq!(backend.join(), (vec![], End::Clean));
        relay.end()
    });
    assert_eq!(seen.log[5], "[1] closed: 0 bytes to the backend, 0 to the client");
}

#[test]
fn sigterm_ends_it_cleanly_and_cuts_what_is_open() {
    let seen = in_all_stages(|stage| {
        let backend = Backend::tls(|tls: &mut Tls| read_all(tls));
        let mut relay = stage.relay(backend.port, &[]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        client.write_all(b"half").expect("a write");
        relay.says("[1] backend: TLS");
        relay.terminate();
        assert_eq!(read_all(&mut client), (vec![], End::Cut));
        assert_eq!(backend.join().1, End::Cut);
        relay.end()
    });
    seen.assert_lines(&["[1] accepted", CLIENT, BACKEND, "relay: terminated, 1 open", "[1] cut"]);
}

#[test]
fn sigterm_ends_it_when_nobody_is_there() {
    let seen = in_all_stages(|stage| {
        let relay = stage.relay(9, &[]);
        relay.terminate();
        relay.end()
    });
    seen.assert_lines(&["relay: terminated, 0 open"]);
}
