//! Transports that lie, fail and panic: whatever they do, a call ends with a connection, a suspension, or the error
//! that says what they did.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::any::Any;
use std::collections::VecDeque;
use std::io::{self, ErrorKind as Io, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};

use common::{Duplex, Fault, Random, Turn, client_context, client_ssl, duplex, server_context, shake_over};
use libssl::bio::{Channel, Existing, ReadAhead};
use libssl::{Connected, Error, ErrorKind, HandshakeError, Ssl, SslContext};
use support::{assert_works, inner};

/// Where a transport misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Read,
    Write,
    Flush,
}

const METHODS: [Method; 3] = [Method::Read, Method::Write, Method::Flush];

/// Every kind of error that there is a name for.
const KINDS: [Io; 20] = [
    Io::NotFound,
    Io::PermissionDenied,
    Io::ConnectionRefused,
    Io::ConnectionReset,
    Io::ConnectionAborted,
    Io::NotConnected,
    Io::AddrInUse,
    Io::AddrNotAvailable,
    Io::BrokenPipe,
    Io::AlreadyExists,
    Io::InvalidInput,
    Io::InvalidData,
    Io::WriteZero,
    Io::Unsupported,
    Io::UnexpectedEof,
    Io::OutOfMemory,
    Io::HostUnreachable,
    Io::NetworkDown,
    Io::StaleNetworkFileHandle,
    Io::Other,
];

fn script(transport: &mut Duplex, method: Method) -> &mut VecDeque<Fault> {
    match method {
        Method::Read => &mut transport.on_read,
        Method::Write => &mut transport.on_write,
        Method::Flush => &mut transport.on_flush,
    }
}

/// Lets so many calls of a method go well, and then one go wrong.
fn plan(transport: &mut Duplex, method: Method, well: usize, fault: Fault) {
    let script = script(transport, method);
    script.extend((0..well).map(|_| Fault::Go));
    script.push_back(fault);
}

/// A transport that a test looks at afterwards. Dropped, it is closed all the same.
struct Lent<'a>(&'a mut Duplex);

impl Read for Lent<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Lent<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Contexts {
    client: SslContext,
    server: SslContext,
}

impl Contexts {
    fn new() -> Self {
        Self { client: client_context(), server: server_context() }
    }

    /// A handshake in which one call of the client's transport goes wrong: what became of the client, and whether
    /// the fault was reached at all.
    fn client_with(&self, method: Method, well: usize, fault: Fault) -> (Result<(), Error>, bool) {
        let (mut left, right) = duplex();
        plan(&mut left, method, well, fault);
        let (client, server) = (client_ssl(&self.client), Ssl::new(&self.server).expect("SSL_new"));
        let (client, server) = shake_over(client, Lent(&mut left), server, right);
        let result = client.map(drop);
        assert!(result.is_err() || server.is_ok(), "a server whose client is content");
        let hit = script(&mut left, method).is_empty();
        (result, hit)
    }
}

#[test]
fn each_error_comes_back_unchanged_from_each_call() {
    let contexts = Contexts::new();
    for method in METHODS {
        for kind in KINDS {
            let mut reached = 0;
            for well in 0.. {
                let (result, hit) = contexts.client_with(method, well, Fault::Fail(kind));
                if !hit {
                    break;
                }
                reached += 1;
                let error = result.expect_err("a failure");
                assert_eq!(error.kind(), ErrorKind::Io, "{method:?} {well} {kind:?}: {error}");
                assert_eq!(error.transport().map(io::Error::kind), Some(kind), "{method:?} {well}");
                assert_eq!(io::Error::from(error).kind(), kind);
            }
            assert!(reached > 0, "{method:?} is never called");
        }
    }
}

#[test]
fn what_passes_changes_nothing() {
    let contexts = Contexts::new();
    for method in METHODS {
        for kind in [Io::WouldBlock, Io::TimedOut, Io::Interrupted] {
            for well in 0.. {
                let (result, hit) = contexts.client_with(method, well, Fault::Fail(kind));
                assert!(result.is_ok(), "{method:?} {well} {kind:?}: {result:?}");
                if !hit {
                    break;
                }
            }
        }
    }
}

#[test]
fn lengths_that_are_too_large_are_not_believed() {
    let contexts = Contexts::new();
    // Flush has no length, and "flushed" is what it is taken for.
    for method in [Method::Read, Method::Write] {
        // A read asks for 17 KiB at most, but for the handshake's first writes.
        for claim in [usize::MAX, isize::MAX as usize, i32::MAX as usize, i32::MAX as usize + 1, 1 << 20] {
            for well in 0.. {
                let (result, hit) = contexts.client_with(method, well, Fault::Lie(claim));
                if !hit {
                    break;
                }
                let error = result.expect_err("a failure");
                assert_eq!(error.kind(), ErrorKind::Io, "{method:?} {well}");
                assert!(error.transport().unwrap().to_string().contains("claims"), "{error}");
            }
        }
    }
}

#[test]
fn one_byte_too_many_is_too_many() {
    /// Claims one more byte than it was given room for.
    struct OneMore;
    impl Read for OneMore {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            Ok(buf.len() + 1)
        }
    }
    impl Write for OneMore {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    /// The same for what it writes.
    struct OneMoreWritten;
    impl Read for OneMoreWritten {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }
    impl Write for OneMoreWritten {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len() + 1)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let contexts = Contexts::new();
    let ssl = || client_ssl(&contexts.client);
    assert_eq!(failure(ssl().connect(OneMore)).kind(), ErrorKind::Io);
    assert_eq!(failure(ssl().connect(ReadAhead::new(OneMore))).kind(), ErrorKind::Io);
    assert_eq!(failure(ssl().connect(OneMoreWritten)).kind(), ErrorKind::Io);
}

fn failure<T, C: Channel>(result: Result<T, HandshakeError<C>>) -> Error {
    match result {
        Err(HandshakeError::Failed(failure)) => failure.into_error(),
        Err(error) => panic!("a suspension: {error:?}"),
        Ok(_) => panic!("no failure"),
    }
}

#[test]
fn a_read_of_nothing_is_a_cut_and_a_write_of_nothing_a_failure() {
    let contexts = Contexts::new();
    for well in 0.. {
        let (result, hit) = contexts.client_with(Method::Read, well, Fault::Lie(0));
        if !hit {
            break;
        }
        assert_eq!(result.expect_err("a cut").kind(), ErrorKind::UnexpectedEof, "{well}");
    }
    for well in 0.. {
        let (result, hit) = contexts.client_with(Method::Write, well, Fault::Lie(0));
        if !hit {
            break;
        }
        let error = result.expect_err("a failure");
        assert_eq!(error.transport().map(io::Error::kind), Some(Io::WriteZero), "{well}");
    }
}

/// It says that it read, but put nothing there: what C sees then is zeros, and never what memory held.
#[test]
fn bytes_that_were_never_written_are_zeros() {
    /// Claims to fill the buffer.
    struct Filled;
    impl Read for Filled {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            assert!(buf.iter().all(|byte| *byte == 0));
            Ok(buf.len())
        }
    }
    impl Write for Filled {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let contexts = Contexts::new();
    let error = failure(client_ssl(&contexts.client).connect(Filled));
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
}

#[test]
fn panics_go_on_in_the_call_that_met_them_and_the_object_is_dead() {
    let contexts = Contexts::new();
    for method in METHODS {
        for well in 0.. {
            let (mut left, right) = duplex();
            plan(&mut left, method, well, Fault::Panic("in the transport"));
            let mut client = None;
            let payload = catch_unwind(AssertUnwindSafe(|| {
                let (client_ssl, server) =
                    (client_ssl(&contexts.client), Ssl::new(&contexts.server).unwrap());
                client = Some(shake_over(client_ssl, Lent(&mut left), server, right).0.is_ok());
            }));
            let hit = script(&mut left, method).is_empty();
            match payload {
                Ok(()) => assert!(!hit && client == Some(true), "{method:?} {well}"),
                Err(payload) => assert_eq!(message(&*payload), "in the transport", "{method:?} {well}"),
            }
            if !hit {
                break;
            }
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied()).expect("a text")
}

#[test]
fn after_a_panic_a_connection_refuses_everything_and_sends_nothing() {
    let contexts = Contexts::new();
    for method in METHODS {
        let (mut client, mut server) = common::connected(&contexts.client, &contexts.server);
        assert_works(&mut client, &mut server);
        plan(client.channel_mut(), method, 0, Fault::Panic("once"));
        plan(client.channel_mut(), method, 0, Fault::Panic("twice"));
        let panicked = catch_unwind(AssertUnwindSafe(|| match method {
            Method::Read => client.read(&mut [0]).map(drop),
            Method::Write => client.write(b"x").map(drop),
            Method::Flush => client.flush(),
        }));
        assert_eq!(message(&*panicked.unwrap_err()), "once");
        assert!(client.ssl().is_poisoned());
        let calls = client.channel().calls;
        for result in [client.read(&mut [0]).map(drop), client.write(b"x").map(drop), client.flush()] {
            assert_eq!(inner(&result.unwrap_err()).kind(), ErrorKind::Poisoned, "{method:?}");
        }
        client.shutdown().expect("nothing to do");
        assert_eq!(client.channel().calls, calls, "the transport was called again after its panic");
        let parts = client.into_parts().expect("it is dead");
        drop(parts.ssl);
        assert_eq!(parts.channel.calls, calls);
        assert_eq!(server.channel().waiting(), 0, "{method:?}");
    }
}

/// Panics when it is dropped, and with a payload that panics when it is dropped.
struct Bomb(Duplex);

struct Shrapnel;

impl Drop for Shrapnel {
    fn drop(&mut self) {
        panic!("a payload that panics");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Shrapnel);
    }
}

impl Read for Bomb {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Bomb {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_transport_that_panics_when_dropped_harms_nobody() {
    let contexts = Contexts::new();
    // In the middle of a handshake, under this crate's frames.
    let (left, right) = duplex();
    drop(client_ssl(&contexts.client).connect(Bomb(left)));
    drop(right);
    // As a connection.
    let (left, right) = duplex();
    let ssl = || Ssl::new(&contexts.server).unwrap();
    drop(shake_over(client_ssl(&contexts.client), Bomb(left), ssl(), right));
    // Under C's frames: the object owns it.
    let (left, right) = duplex();
    let mut object = client_ssl(&contexts.client);
    object.set_stream(Bomb(left)).unwrap();
    drop(shake_over(object, Existing, ssl(), right));
    // Replaced, under C's frames too.
    let ((one, _right), (other, _too)) = (duplex(), duplex());
    let mut object = client_ssl(&contexts.client);
    object.set_stream(Bomb(one)).unwrap();
    object.set_stream(Bomb(other)).unwrap();
}

#[test]
fn a_transport_that_says_wait_at_random_only_delays() {
    let contexts = Contexts::new();
    for seed in 0..50 {
        let (mut left, mut right) = duplex();
        left.random = Some(Random::new(seed));
        right.random = Some(Random::new(seed + 1000));
        (left.read_cap, right.write_cap) = (7, 11);
        let ssl = Ssl::new(&contexts.server).unwrap();
        let (client, server) =
            shake_over(client_ssl(&contexts.client), ReadAhead::with_capacity(left, 100), ssl, right);
        client.expect("a client");
        server.expect("a server");
    }
}

/// A first failure is not hidden by what follows from it: the alert cannot be sent either.
#[test]
fn the_first_failure_is_the_one_that_is_told() {
    let contexts = Contexts::new();
    let (mut left, mut right) = duplex();
    right.write_all(b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00").unwrap();
    left.on_write.extend([Fault::Go, Fault::Fail(Io::BrokenPipe)]);
    let error = failure(client_ssl(&contexts.client).connect(&mut left));
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
    assert!(left.on_write.is_empty());
}

/// Both ends of a connection, of which either transport does as it is told from here on.
fn connected() -> (Connected<Duplex>, Connected<Duplex>) {
    let (contexts, (left, right)) = (Contexts::new(), duplex());
    let (client, server) = (client_ssl(&contexts.client), Ssl::new(&contexts.server).unwrap());
    let (client, server) = shake_over(client, left, server, right);
    (client.unwrap(), server.unwrap())
}

/// SSL_get_error calls it the peer's good-bye.
#[test]
fn a_write_that_fails_after_the_peer_s_good_bye_is_a_failure() {
    for mirror in [false, true] {
        for shuts in [false, true] {
            let (mut client, mut server) = connected();
            server.shutdown().unwrap();
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
            assert_eq!(client.write(b"the last ").unwrap(), 9);
            client.channel_mut().on_write.push_back(Fault::Fail(Io::StorageFull));

            let (error, later) = if mirror {
                let mut ssl = client.into_ssl().unwrap();
                let mut act = || if shuts { ssl.shutdown().map(drop) } else { ssl.write(b"lost").map(drop) };
                let error = Error::from(act().unwrap_err());
                (error, Error::from(ssl.write(b"words").unwrap_err()))
            } else {
                // The transport's error comes out of these as it was.
                let error = if shuts {
                    io::Error::from(client.shutdown().map(drop).unwrap_err())
                } else {
                    client.write(b"lost").map(drop).unwrap_err()
                };
                assert_eq!(error.kind(), Io::StorageFull, "{error}");
                let later = client.write(b"words").unwrap_err().downcast::<Error>().unwrap();
                assert_eq!(later.kind(), ErrorKind::Poisoned);
                continue;
            };

            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            assert_eq!(error.transport().map(io::Error::kind), Some(Io::StorageFull), "{error}");
            assert_eq!(later.kind(), ErrorKind::Poisoned, "{later}");
            let mut came = Vec::new();
            let _cut = server.read_to_end(&mut came).unwrap_err();
            assert_eq!(came, b"the last ");
        }
    }
}

/// Of what has not failed SSL_get_error says so too.
#[test]
fn a_shutdown_that_waits_for_a_write_after_the_peer_s_good_bye_ends_nothing() {
    let (mut client, mut server) = connected();
    client.channel_mut().set_room(10);
    let mut client = client.into_ssl().unwrap();
    assert_eq!(client.write(&[7; 1000]).unwrap_err().want(), Some(libssl::Want::Write));
    server.shutdown().unwrap();
    assert!(client.read(&mut [0; 1]).unwrap_err().is_zero_return());
    let _ = client.shutdown().unwrap_err();
    assert!(!client.is_poisoned());
}

#[test]
fn a_flush_that_fails_after_the_peer_s_good_bye_is_a_failure() {
    let (mut client, mut server) = connected();
    server.shutdown().unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    client.channel_mut().on_flush.push_back(Fault::Fail(Io::StorageFull));
    let ssl = client.into_ssl().unwrap();
    let mut bio = libssl::bio::SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();

    let error = Error::from(bio.flush().unwrap_err());

    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(error.transport().map(io::Error::kind), Some(Io::StorageFull), "{error}");
}

#[test]
fn a_handshake_taken_apart_gives_a_transport_that_still_works() {
    let contexts = Contexts::new();
    let (left, mut right) = duplex();
    let Turn::Waits(handshake) = Turn::of(client_ssl(&contexts.client).connect(left)) else {
        panic!("it waits for the server")
    };
    let (ssl, mut left) = handshake.into_parts();
    drop(ssl);
    assert!(right.waiting() > 0);
    right.take_incoming();
    left.write_all(b"in clear").unwrap();
    assert_eq!(right.take_incoming(), b"in clear");
}
