//! The bytes on the wire, where nothing is encrypted yet: all stages offer the same, and pick the same.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::peers::{Backend, connect, hang_up};
use crate::stage::in_all_stages;

/// One record of TLS, without its header.
fn record(stream: &mut TcpStream) -> Vec<u8> {
    let mut header = [0; 5];
    stream.read_exact(&mut header).expect("a header");
    assert_eq!(header[0], 0x16, "a handshake record");
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    stream.read_exact(&mut body).expect("a record");
    body
}

/// The record of a ClientHello for `localhost`.
pub(crate) fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let client = std::thread::spawn(move || {
        connect("localhost", TcpStream::connect(address).expect("a connection")).is_err()
    });
    let (mut socket, _) = listener.accept().expect("a connection");
    let hello = record(&mut socket);
    drop(socket);
    assert!(client.join().expect("a client"), "nobody answered it");
    let length = u16::try_from(hello.len()).expect("a record").to_be_bytes();
    [&[0x16, 3, 1, length[0], length[1]], &hello[..]].concat()
}

/// A hello with what is random in it, or depends on that, left out: its random, its session id, its key shares.
fn lasting(hello: &[u8]) -> Vec<u8> {
    const KEY_SHARE: u16 = 51;
    let is_client = hello[0] == 1;
    let number = |at: usize| u16::from_be_bytes([hello[at], hello[at + 1]]);
    let mut kept = hello[..6].to_vec();
    let session = 6 + 32;
    let mut at = session + 1 + usize::from(hello[session]);
    let before = at;
    // Cipher suites and compression methods, of which a server picks one each.
    at += if is_client { 2 + usize::from(number(at)) } else { 2 };
    at += if is_client { 1 + usize::from(hello[at]) } else { 1 };
    kept.extend_from_slice(&hello[before..at + 2]);
    let end = at + 2 + usize::from(number(at));
    at += 2;
    while at < end {
        let length = usize::from(number(at + 2));
        let body = if number(at) == KEY_SHARE { &[] } else { &hello[at + 4..at + 4 + length] };
        kept.extend_from_slice(&hello[at..at + 4]);
        kept.extend_from_slice(body);
        at += 4 + length;
    }
    assert_eq!(end, hello.len(), "one message fills the record");
    kept
}

#[test]
fn the_backend_gets_the_same_client_hello_from_all() {
    for more in [&[][..], &["--alpn", "http/1.1"], &["--backend-name", "127.0.0.1"]] {
        let hello = in_all_stages(|stage| {
            let backend = Backend::raw(|mut socket| {
                let hello = record(&mut socket);
                hang_up(socket);
                lasting(&hello)
            });
            let relay = stage.relay(backend.port, &[more, &["--once", "1"]].concat());
            drop(connect("localhost", relay.dial()).expect("a handshake"));
            let hello = backend.join();
            relay.end();
            hello
        });
        let named = hello.windows(9).any(|window| window == b"localhost");
        assert_eq!(named, !more.contains(&"127.0.0.1"), "an address is no name");
    }
}

#[test]
fn a_client_gets_the_same_server_hello_from_all() {
    let hello = client_hello();
    let answer = in_all_stages(|stage| {
        let relay = stage.relay(9, &["--once", "1"]);
        let mut socket = relay.dial();
        socket.write_all(&hello).expect("a write");
        let answer = record(&mut socket);
        hang_up(socket);
        relay.end();
        lasting(&answer)
    });
    assert_eq!(answer[0], 2, "a ServerHello");
}
