//! A network that cuts connections after so many bytes, or brings them one at a time.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::identities::pki;
use crate::peers::{Backend, End, accept, connect, echo, read_all};
use crate::stage::{Seen, in_all_stages};

/// What the network does to the bytes of one direction.
#[derive(Clone, Copy)]
struct Line {
    /// After so many it is cut.
    limit: usize,
    /// So many come at a time.
    piece: usize,
}

const GOOD: Line = Line { limit: usize::MAX, piece: 4096 };

/// A port whose one connection leads to another port, over these lines there and back.
fn network(to: u16, there: Line, back: Line) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let near = listener.accept().expect("a connection").0;
        let far = TcpStream::connect(("127.0.0.1", to)).expect("a connection");
        let (near_too, far_too) = (near.try_clone().expect("a socket"), far.try_clone().expect("a socket"));
        thread::spawn(move || carry(near, far, there));
        carry(far_too, near_too, back);
    });
    port
}

/// Carries bytes as far as the line goes, and swallows the rest: a socket closed with bytes unread would reset the
/// connection, and what had come before could be lost.
fn carry(mut from: TcpStream, mut to: TcpStream, line: Line) {
    let (mut buffer, mut left) = (vec![0; line.piece], line.limit);
    to.set_nodelay(true).expect("a socket");
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let length = length.min(left);
        if left > 0 && to.write_all(&buffer[..length]).is_err() {
            return;
        }
        if left > 0 && left == length {
            let _ = to.shutdown(Shutdown::Write);
        }
        left -= length;
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Cuts a line after more and more bytes, until all of them go over it, where the log says `closed`.
fn cut_anywhere(step: usize, cut_after: fn(usize) -> Seen, closed: &str) {
    let mut said = Vec::new();
    for limit in (1..).step_by(step) {
        let seen = cut_after(limit);
        assert_eq!(seen.code, Some(0), "{seen:#?}");
        let last = &seen.log[seen.log.len() - 2];
        if last.starts_with("[1] closed") {
            assert_eq!(last, closed);
            break;
        }
        assert_eq!(last, "[1] cut");
        let before = &seen.log[seen.log.len() - 3];
        assert!(before.contains("unexpected eof while reading"), "after {limit}: {seen:#?}");
        said.push(before.contains("handshake failed"));
    }
    assert!(said.contains(&true) && said.contains(&false), "cuts in the handshake and after it");
}

/// The log where the client's bytes are cut, on their way to a plain backend.
fn client_cut_after(limit: usize) -> Seen {
    in_all_stages(|stage| {
        let backend = Backend::raw(|mut socket| drop(read_all(&mut socket)));
        let port = backend.port;
        let relay = stage.plain_relay(port, &["--once", "1"]);
        let network = network(relay.port, Line { limit, ..GOOD }, GOOD);
        let socket = TcpStream::connect(("127.0.0.1", network)).expect("a connection");
        if let Ok(mut client) = connect("localhost", socket) {
            let _ = client.write_all(&[7; 300]);
            let _ = client.shutdown();
            read_all(&mut client);
        }
        let seen = relay.end();
        // Where nobody came, somebody does now.
        let _ = TcpStream::connect(("127.0.0.1", port));
        backend.join();
        seen
    })
}

#[test]
fn a_client_may_be_cut_anywhere() {
    cut_anywhere(67, client_cut_after, "[1] closed: 300 bytes to the backend, 0 to the client");
}

/// The log where the backend's bytes are cut. The client says nothing, so that there is one order of events.
fn backend_cut_after(limit: usize) -> Seen {
    in_all_stages(|stage| {
        // A signature of Ed25519 has one length: the same cut is at the same place each time.
        let backend = Backend::raw(|socket| {
            if let Ok(mut tls) = accept(&pki().ed25519, socket) {
                let _ = tls.write_all(&[7; 300]);
                let _ = tls.shutdown();
                read_all(&mut tls);
            }
        });
        let network = network(backend.port, GOOD, Line { limit, ..GOOD });
        let relay = stage.relay(network, &["--once", "1"]);
        let mut client = connect("localhost", relay.dial()).expect("a handshake");
        if read_all(&mut client).1 == End::Clean {
            client.shutdown().expect("an end");
        }
        drop(client);
        backend.join();
        relay.end()
    })
}

#[test]
fn a_backend_may_be_cut_anywhere() {
    cut_anywhere(111, backend_cut_after, "[1] closed: 0 bytes to the backend, 300 to the client");
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let seen = in_all_stages(|stage| {
        let one = Line { piece: 1, ..GOOD };
        let backend = Backend::tls(echo);
        let relay = stage.relay(network(backend.port, one, one), &["--once", "1"]);
        let socket = TcpStream::connect(("127.0.0.1", network(relay.port, one, one))).expect("a connection");
        let mut client = connect("other.example", socket).expect("a handshake");
        client.write_all(b"drop by drop").expect("a write");
        client.shutdown().expect("an end");
        assert_eq!(read_all(&mut client), (b"drop by drop".to_vec(), End::Clean));
        assert_eq!(backend.join(), End::Clean);
        relay.end()
    });
    assert_eq!(seen.log[seen.log.len() - 2], "[1] closed: 12 bytes to the backend, 12 to the client");
}
