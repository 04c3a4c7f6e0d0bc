//! Handshakes that block to their end over a transport that does not, with and without a deadline, and transports
//! that block for a time of their own.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{client_ssl, tcp_pair};
use libssl::bio::{Channel, Socket};
use libssl::connected::ShutdownProgress;
use libssl::context::{CertificateDecision, ClientHelloDecision, SslVerifyMode};
use libssl::{Connected, ErrorKind, HandshakeError, Ssl, SslContext, Want};
use support::{VERSIONS, inner};

/// A time that has come whenever it is looked at.
fn at_once() -> Option<Instant> {
    Some(Instant::now())
}

/// As short as a socket's own timeout can be.
const SHORT: Option<Duration> = Some(Duration::from_millis(1));

fn nonblocking_pair() -> (TcpStream, TcpStream) {
    let (client, server) = tcp_pair();
    client.set_nonblocking(true).expect("a setting");
    server.set_nonblocking(true).expect("a setting");
    (client, server)
}

/// A server in a thread of its own, which reads one line, sends it back and ends the connection.
fn echo(context: &SslContext, tcp: TcpStream) -> thread::JoinHandle<()> {
    let context = context.clone();
    thread::spawn(move || {
        tcp.set_nonblocking(false).expect("a setting");
        let mut server = Ssl::new(&context)
            .expect("SSL_new")
            .accept(tcp)
            .expect("a connected server over a blocking socket");
        let mut line = Vec::new();
        let mut byte = [0];
        while line.last() != Some(&b'\n') {
            server.read_exact(&mut byte).expect("a byte");
            line.push(byte[0]);
        }
        server.write_all(&line).expect("a write");
        server.shutdown().expect("a shutdown");
    })
}

/// Asks the echo over a channel that may be suspended at any time.
fn ask<C: Channel>(client: &mut Connected<C>) {
    client.write_all(b"hello\n").expect("room in the socket");
    let mut answer = Vec::new();
    let mut buf = [0; 100];
    loop {
        match client.read(&mut buf) {
            Ok(0) => break,
            Ok(len) => answer.extend_from_slice(&buf[..len]),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
                assert_eq!(client.wants(), Some(Want::Read));
            }
        }
    }
    assert_eq!(answer, b"hello\n");
    assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
}

#[test]
fn a_handshake_waits_to_its_end_over_a_nonblocking_socket() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = nonblocking_pair();
        let server = thread::spawn(move || {
            let server = Ssl::new(&server_context).expect("SSL_new").accept_and_wait(server, None);
            server.expect("a connected server")
        });
        let client = client_ssl(&client_context).connect_and_wait(client, None);
        let mut client = client.expect("a connected client");
        let mut server = server.join().expect("no panic");
        server.write_all(b"hello").expect("a write");
        drop(server);
        let mut buf = [0; 5];
        for byte in &mut buf {
            // It has been sent, but may still be on its way.
            while let Err(error) = client.read_exact(std::slice::from_mut(byte)) {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
            }
        }
        assert_eq!(&buf, b"hello");
    }
}

#[test]
fn a_deadline_that_passed_gives_the_handshake_back_to_be_resumed() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = nonblocking_pair();
        let waiting = client_ssl(&client_context).connect_and_wait(client, at_once());
        let Err(HandshakeError::WantRead(handshake)) = waiting else { panic!("{waiting:?}") };
        let waiting = handshake.resume_and_wait(at_once());
        let Err(HandshakeError::WantRead(handshake)) = waiting else { panic!("{waiting:?}") };

        let server = echo(&server_context, server);
        let mut client = handshake.resume_and_wait(None).expect("a connected client");
        ask(&mut client);
        server.join().expect("no panic");
    }
}

#[test]
fn a_deadline_far_away_is_no_obstacle() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = nonblocking_pair();
        let server = echo(&server_context, server);
        // Longer than poll(2) can wait at once.
        let deadline = Instant::now().checked_add(Duration::from_secs(60 * 60 * 24 * 365));
        let socket = Socket::new(client);
        let mut client =
            client_ssl(&client_context).connect_and_wait(socket, deadline).expect("a connected client");
        ask(&mut client);
        server.join().expect("no panic");
    }
}

/// Whoever waits for a peer that is gone learns that, and does not wait on.
#[test]
fn a_peer_that_leaves_ends_the_wait() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        for silent in [true, false] {
            let (client, mut server) = nonblocking_pair();
            if !silent {
                server.write_all(b"\x16\x03\x03").expect("a write");
            }
            server.shutdown(Shutdown::Write).expect("a shutdown");
            let failure = client_ssl(&client_context).connect_and_wait(client, None).expect_err("no peer");
            let HandshakeError::Failed(failure) = failure else { panic!("{failure:?}") };
            assert_eq!(failure.kind(), ErrorKind::UnexpectedEof, "{version:?}");
        }
        let (client, server) = nonblocking_pair();
        drop(client);
        let failure =
            Ssl::new(&server_context).expect("SSL_new").accept_and_wait(server, None).expect_err("no peer");
        let HandshakeError::Failed(failure) = failure else { panic!("{failure:?}") };
        assert_eq!(failure.kind(), ErrorKind::UnexpectedEof, "{version:?}");
    }
}

/// Shakes hands over a blocking socket with SO_RCVTIMEO, against a server that begins late.
fn handshake_with_timeouts<C: Channel + AsFd>(channel: C, server: TcpStream, version: support::Version) {
    let (client_context, server_context) = version.contexts();
    let waiting = client_ssl(&client_context).connect(channel);
    let Err(HandshakeError::WantRead(handshake)) = waiting else { panic!("{waiting:?}") };
    let server = echo(&server_context, server);
    let mut progress = handshake.resume();
    let mut client = loop {
        match progress {
            Ok(connected) => break connected,
            Err(HandshakeError::WantRead(handshake)) => progress = handshake.resume(),
            Err(other) => panic!("{other:?}"),
        }
    };
    ask(&mut client);
    server.join().expect("no panic");
}

#[test]
fn a_read_timeout_of_a_blocking_stream_suspends() {
    for version in VERSIONS {
        let (client, server) = tcp_pair();
        client.set_read_timeout(SHORT).expect("a setting");
        handshake_with_timeouts(client, server, version);
    }
}

#[test]
fn a_read_timeout_of_a_blocking_socket_suspends() {
    for version in VERSIONS {
        let (client, server) = tcp_pair();
        client.set_read_timeout(SHORT).expect("a setting");
        handshake_with_timeouts(Socket::new(client), server, version);
    }
}

/// `connect_and_wait` over a blocking socket with a timeout of its own is still a handshake to the end.
#[test]
fn a_read_timeout_does_not_end_the_wait() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = tcp_pair();
        client.set_read_timeout(SHORT).expect("a setting");
        let server = echo(&server_context, server);
        let mut client =
            client_ssl(&client_context).connect_and_wait(client, None).expect("a connected client");
        ask(&mut client);
        server.join().expect("no panic");
    }
}

/// A callback that asks for time is not waited for: that is the caller's business.
#[test]
fn a_callback_that_asks_for_time_ends_the_wait() {
    for version in VERSIONS {
        let (client, server) = nonblocking_pair();
        let mut builder = version.server_builder();
        let (hello, certificate) = (AtomicBool::new(true), AtomicBool::new(true));
        builder
            .set_client_hello_cb(move |_| match hello.swap(false, Ordering::Relaxed) {
                true => ClientHelloDecision::Suspend,
                false => ClientHelloDecision::Accept,
            })
            .expect("a callback");
        builder
            .set_cert_cb(move |_| match certificate.swap(false, Ordering::Relaxed) {
                true => CertificateDecision::Suspend,
                false => CertificateDecision::Accept,
            })
            .expect("a callback");
        let server_context = builder.build();
        let mut builder = version.client_builder();
        let verify = AtomicBool::new(true);
        builder
            .set_verify_callback(SslVerifyMode::PEER, move |view| {
                if verify.swap(false, Ordering::Relaxed) {
                    view.suspend().expect("a client may");
                }
                view.preverified()
            })
            .expect("a callback");
        let client_context = builder.build();

        let client = thread::spawn(move || {
            let waiting = client_ssl(&client_context).connect_and_wait(client, None);
            let Err(HandshakeError::WantRetryVerify(handshake)) = waiting else { panic!("{waiting:?}") };
            handshake.resume_and_wait(None).expect("a connected client")
        });
        let waiting = Ssl::new(&server_context).expect("SSL_new").accept_and_wait(server, None);
        let Err(HandshakeError::WantClientHello(handshake)) = waiting else { panic!("{waiting:?}") };
        let waiting = handshake.resume_and_wait(None);
        let Err(HandshakeError::WantX509Lookup(handshake)) = waiting else { panic!("{waiting:?}") };
        let server = handshake.resume_and_wait(None).expect("a connected server");
        let client = client.join().expect("no panic");
        assert!(!client.ssl().is_poisoned() && !server.ssl().is_poisoned());
    }
}

/// A blocking socket with SO_SNDTIMEO and a peer that does not read: what was taken arrives, once.
#[test]
fn a_write_timeout_of_a_blocking_stream_suspends() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = tcp_pair();
        client.set_write_timeout(SHORT).expect("a setting");
        let accepting = thread::spawn(move || {
            Ssl::new(&server_context).expect("SSL_new").accept(server).expect("a connected server")
        });
        let mut client = client_ssl(&client_context).connect(client).expect("a connected client");
        let mut server = accepting.join().expect("no panic");

        let mut taken = 0;
        let piece: Vec<u8> = (0..=250).cycle().take(10_000).collect();
        while !client.has_pending_write() {
            taken += client.write(&piece).expect("it is taken");
        }
        assert_eq!(client.wants(), Some(Want::Write));
        let error = client.write(b"no room").expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);

        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            server.read_to_end(&mut bytes).expect("a clean end");
            bytes
        });
        while let Err(error) = client.flush() {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
        }
        while let ShutdownProgress::Wants(want) = client.shutdown().expect("a shutdown") {
            assert_eq!(want, Want::Write);
        }
        let bytes = reading.join().expect("no panic");
        let expected: Vec<u8> = piece.iter().copied().cycle().take(taken).collect();
        // Each call took a whole piece, so the stream is the pieces in order.
        assert_eq!(taken % piece.len(), 0);
        assert!(bytes == expected, "{version:?}: {} bytes of {taken}", bytes.len());
    }
}

/// A blocking read that another thread's shutdown of the socket ends is a cut, not an end.
#[test]
fn a_socket_shut_down_under_a_connection_is_a_cut() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, server) = tcp_pair();
        let handle = client.try_clone().expect("a second handle");
        let server = thread::spawn(move || {
            Ssl::new(&server_context).expect("SSL_new").accept(server).expect("a connected server")
        });
        let mut client = client_ssl(&client_context).connect(client).expect("a connected client");
        let _server = server.join().expect("no panic");
        handle.shutdown(Shutdown::Read).expect("a shutdown");
        let error = client.read(&mut [0; 10]).expect_err("a cut");
        assert_eq!(inner(&error).kind(), ErrorKind::UnexpectedEof, "{version:?}");
    }
}
