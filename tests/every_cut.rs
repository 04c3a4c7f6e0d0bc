//! A connection that is cut anywhere, comes in single bytes, or is held up at random, never hangs, panics or takes
//! the cut for an end.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, Write};

use common::{Duplex, Fault, Random, Side, client_ssl, duplex, shake_over};
use libssl::bio::Pair;
use libssl::connected::ShutdownProgress;
use libssl::{Alert, Connected, ErrorKind, Handshake, HandshakeError, Ssl, SslContext};
use support::{VERSIONS, Version, assert_works, inner, read_all};

/// What one side came to: `None` is connected.
type End = Option<ErrorKind>;

/// Where a handshake is cut: the side that reads or writes there meets the end after so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    ClientReads(u64),
    ServerReads(u64),
    ClientWrites(u64),
    ServerWrites(u64),
}

/// How many bytes each side must have read to be connected, and writes until it is.
#[derive(Debug)]
struct Lengths {
    client_reads: u64,
    server_reads: u64,
    server_writes: u64,
    client_hello: u64,
    /// What the server answers to it.
    server_flight: u64,
    /// The first record of that, which is the ServerHello.
    server_hello: u64,
}

fn end<C: libssl::bio::Channel>(side: &Side<C>) -> End {
    side.as_ref().err().map(libssl::Error::kind)
}

fn lengths(contexts: &(SslContext, SslContext)) -> Lengths {
    let (client, server) = duplex();
    let Err(HandshakeError::WantRead(mut first)) = client_ssl(&contexts.0).connect(client) else {
        panic!("the client waits for the server");
    };
    let client_hello = first.channel().moved().1;
    let Err(HandshakeError::WantRead(answer)) = Ssl::new(&contexts.1).expect("SSL_new").accept(server) else {
        panic!("the server waits for the client");
    };
    let server_flight = answer.channel().moved().1;
    let flight = first.channel_mut().take_incoming();
    let server_hello = 5 + u64::from(u16::from_be_bytes([flight[3], flight[4]]));
    let (client, server) = common::connected(&contexts.0, &contexts.1);
    let (client, server) = (client.channel().moved(), server.channel().moved());
    Lengths {
        client_reads: client.0,
        server_reads: server.0,
        server_writes: server.1,
        client_hello,
        server_flight,
        server_hello,
    }
}

fn over_streams(contexts: &(SslContext, SslContext), cut: Cut) -> (Side<Duplex>, Side<Duplex>) {
    let (mut client, mut server) = duplex();
    match cut {
        Cut::ClientReads(at) => client.cut_read = Some(at),
        Cut::ServerReads(at) => server.cut_read = Some(at),
        Cut::ClientWrites(at) => client.cut_write = Some(at),
        Cut::ServerWrites(at) => server.cut_write = Some(at),
    }
    shake_over(client_ssl(&contexts.0), client, Ssl::new(&contexts.1).expect("SSL_new"), server)
}

#[test]
fn a_client_cut_off_reports_the_cut_and_tells_the_server() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        for at in 0..lengths.client_reads {
            let (client, server) = over_streams(&contexts, Cut::ClientReads(at));
            assert_eq!(end(&client), Some(ErrorKind::UnexpectedEof), "{version:?} cut at {at}");
            if at == 0 || at == lengths.server_flight {
                // The client was gone before the server could answer.
                assert_eq!(end(&server), Some(ErrorKind::Io), "{version:?} cut at {at}");
                continue;
            }
            let told = match server {
                // A server of TLS 1.2 is done when it has sent the last flight.
                Ok(mut server) if at >= lengths.server_flight => first_error(&mut server),
                server => end(&server),
            };
            assert_eq!(told, Some(lengths.alert_of_client(at)), "{version:?} cut at {at}");
        }
    }
}

impl Lengths {
    /// What a server hears from a client that is cut off after so many bytes: libssl sends decode_error, but until
    /// it knows the ServerHello in a record of version 1.0, which a server that has answered does not take.
    fn alert_of_client(&self, cut: u64) -> ErrorKind {
        if cut < self.server_hello { ErrorKind::Protocol } else { ErrorKind::Alert(Alert::DECODE_ERROR) }
    }
}

/// What a connection ends with that never received anything.
fn first_error<C: libssl::bio::Channel>(connection: &mut Connected<C>) -> End {
    let (bytes, stop) = read_all(connection);
    assert!(bytes.is_empty());
    Some(inner(&stop.expect_err("a cut")).kind())
}

#[test]
fn a_server_cut_off_reports_the_cut_and_tells_the_client() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        for at in 0..lengths.server_reads {
            let (client, server) = over_streams(&contexts, Cut::ServerReads(at));
            assert_eq!(end(&server), Some(ErrorKind::UnexpectedEof), "{version:?} cut at {at}");
            let told = match client {
                // In TLS 1.3 a client is done before the server is: the first read tells.
                Ok(mut client) if version == Version::Tls13 && at >= lengths.client_hello => {
                    first_error(&mut client)
                }
                client => end(&client),
            };
            let expected = if at == lengths.client_hello {
                // The server answered, and was gone before the client could.
                ErrorKind::Io
            } else {
                ErrorKind::Alert(Alert::DECODE_ERROR)
            };
            assert_eq!(told, Some(expected), "{version:?} cut at {at}");
        }
    }
}

#[test]
fn a_client_that_cannot_write_says_so_and_the_server_sees_the_cut() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        for at in 0..lengths.server_reads {
            let (client, server) = over_streams(&contexts, Cut::ClientWrites(at));
            let error = client.expect_err("a cut");
            assert_eq!(error.kind(), ErrorKind::Io, "{version:?} cut at {at}: {error:?}");
            assert_eq!(error.transport().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe), "{error:?}");
            assert_eq!(end(&server), Some(ErrorKind::UnexpectedEof), "{version:?} cut at {at}");
        }
    }
}

#[test]
fn a_server_that_cannot_write_says_so_and_the_client_sees_the_cut() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        for at in 0..lengths.server_writes {
            let (client, server) = over_streams(&contexts, Cut::ServerWrites(at));
            let error = server.expect_err("a cut");
            assert_eq!(error.kind(), ErrorKind::Io, "{version:?} cut at {at}: {error:?}");
            assert_eq!(error.transport().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe), "{error:?}");
            match client {
                // What is cut now are the tickets: the client had all it needs.
                Ok(mut client) if at >= lengths.client_reads => {
                    assert_eq!(first_error(&mut client), Some(ErrorKind::UnexpectedEof));
                }
                client => assert_eq!(end(&client), Some(ErrorKind::UnexpectedEof), "{version:?} at {at}"),
            }
        }
    }
}

/// Over a real socket a server whose client is gone when the tickets go out has still shaken hands (libssl asks
/// `errno` for it), and over a stream in memory with the same `errno` too.
#[test]
fn a_client_that_left_before_the_tickets_does_not_fail_the_server() {
    let contexts = Version::Tls13.contexts();
    let (client, server) = duplex();
    let Err(HandshakeError::WantRead(client)) = client_ssl(&contexts.0).connect(client) else {
        panic!("the client waits for the server");
    };
    let Err(HandshakeError::WantRead(mut server)) = Ssl::new(&contexts.1).expect("SSL_new").accept(server)
    else {
        panic!("the server waits for the client's second flight");
    };
    let client = client.resume().expect("a connected client");
    server.channel_mut().on_write.extend((0..4).map(|_| Fault::Os(libc::EPIPE)));
    let server = server.resume().expect("a connected server");
    assert!(!server.ssl().is_poisoned());
    drop(client);
}

#[test]
fn single_bytes_are_enough() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (mut left, mut right) = duplex();
        for end in [&mut left, &mut right] {
            (end.read_cap, end.write_cap) = (1, 1);
        }
        let (client, server) =
            shake_over(client_ssl(&client_context), left, Ssl::new(&server_context).expect("SSL_new"), right);
        assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    }
}

/// One byte of room at a time: whoever writes is suspended after each byte.
#[test]
fn room_for_a_single_byte_is_enough() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (mut left, mut right) = duplex();
        left.set_room(1);
        right.set_room(1);
        let server = Ssl::new(&server_context).expect("SSL_new");
        // Tickets would need a client that reads on after the handshake.
        // SAFETY: the object is live and ours alone.
        assert_eq!(unsafe { openssl_sys::SSL_set_num_tickets(server.as_ptr(), 0) }, 1);
        let (client, server) = shake_over(client_ssl(&client_context), left, server, right);
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        client.channel_mut().clear_room();
        server.channel_mut().clear_room();
        assert_works(&mut client, &mut server);
    }
}

#[test]
fn hold_ups_at_random_change_nothing() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        for seed in 0..60 {
            let (mut left, mut right) = duplex();
            let mut random = Random::new(seed);
            for end in [&mut left, &mut right] {
                end.random = Some(Random::new(random.below(u64::MAX)));
                end.read_cap = 1 + random.below(300) as usize;
                end.write_cap = 1 + random.below(300) as usize;
                for _ in 0..random.below(8) {
                    end.on_flush.push_back(Fault::Fail(io::ErrorKind::WouldBlock));
                    end.on_flush.push_back(Fault::Go);
                }
            }
            let (client, server) = shake_over(
                client_ssl(&client_context),
                left,
                Ssl::new(&server_context).expect("SSL_new"),
                right,
            );
            let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
            for channel in [client.channel_mut(), server.channel_mut()] {
                channel.random = None;
                channel.on_flush.clear();
            }
            assert_works(&mut client, &mut server);
        }
    }
}

/// Hold-ups and a cut: the random seed decides where.
#[test]
fn a_cut_among_hold_ups_is_still_a_cut() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        let mut random = Random::new(7);
        for _ in 0..60 {
            let (mut left, mut right) = duplex();
            left.random = Some(Random::new(random.below(u64::MAX)));
            right.random = Some(Random::new(random.below(u64::MAX)));
            left.cut_read = Some(random.below(lengths.client_reads));
            let (client, server) =
                shake_over(client_ssl(&contexts.0), left, Ssl::new(&contexts.1).expect("SSL_new"), right);
            assert_eq!(end(&client), Some(ErrorKind::UnexpectedEof), "{version:?}");
            if let Ok(mut server) = server {
                // Only where the server has the last word.
                assert_eq!(version, Version::Tls12);
                server.channel_mut().random = None;
                first_error(&mut server);
            }
        }
    }
}

/// Bytes on the move between two BIO pairs, with a cut in one direction.
struct Carrier {
    cut: Option<u64>,
    moved: u64,
    cut_off: bool,
}

/// One side over a BIO pair. A side that failed keeps its channel, for the alert in it.
enum PairSide {
    Waits(Handshake<Pair>),
    Connected(Connected<Pair>),
    Failed(ErrorKind, Pair),
}

impl PairSide {
    fn of(result: Result<Connected<Pair>, HandshakeError<Pair>>) -> Self {
        match result.map_err(HandshakeError::into_handshake) {
            Ok(connected) => Self::Connected(connected),
            Err(Ok(handshake)) => Self::Waits(handshake),
            Err(Err(failure)) => {
                let (error, _, channel) = failure.into_parts();
                Self::Failed(error.kind(), channel)
            }
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Waits(handshake) => Self::of(handshake.resume()),
            over => over,
        }
    }

    fn drain(&mut self, buf: &mut [u8]) -> usize {
        match self {
            Self::Waits(handshake) => handshake.channel_mut().drain(buf),
            Self::Connected(connected) => connected.channel_mut().drain(buf),
            Self::Failed(_, channel) => channel.drain(buf),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> usize {
        match self {
            Self::Waits(handshake) => handshake.channel_mut().feed(bytes),
            Self::Connected(connected) => connected.channel_mut().feed(bytes),
            Self::Failed(..) => bytes.len(),
        }
    }

    fn close(&mut self) {
        match self {
            Self::Waits(handshake) => handshake.channel_mut().close(),
            Self::Connected(connected) => connected.channel_mut().close(),
            Self::Failed(..) => {}
        }
    }

    fn end(&self) -> End {
        match self {
            Self::Waits(_) => panic!("it still waits"),
            Self::Connected(_) => None,
            Self::Failed(kind, _) => Some(*kind),
        }
    }
}

impl Carrier {
    fn new(cut: Option<u64>) -> Self {
        Self { cut, moved: 0, cut_off: false }
    }

    /// Carries what waits, up to the cut, in pieces of `piece` bytes. Says whether anything happened.
    fn carry(&mut self, from: &mut PairSide, to: &mut PairSide, piece: usize) -> bool {
        let mut buf = vec![0; piece];
        let len = from.drain(&mut buf);
        let left = self.cut.map_or(u64::MAX, |cut| cut - self.moved);
        let len_before_cut = len.min(usize::try_from(left).unwrap_or(usize::MAX));
        // The pairs have room: each is emptied before it is filled again.
        assert_eq!(to.feed(&buf[..len_before_cut]), len_before_cut);
        self.moved += len_before_cut as u64;
        let cut = self.cut == Some(self.moved) || (len == 0 && matches!(from, PairSide::Failed(..)));
        let news = cut && !self.cut_off;
        if news {
            to.close();
            self.cut_off = true;
        }
        len > 0 || news
    }
}

/// Shakes hands over two BIO pairs, until nothing moves: then nobody may wait.
fn over_pairs(
    contexts: &(SslContext, SslContext),
    mut there: Carrier,
    mut back: Carrier,
    piece: usize,
) -> (PairSide, PairSide) {
    let pair = || Pair::new(0, 0).expect("a pair");
    let mut client = PairSide::of(client_ssl(&contexts.0).connect(pair()));
    let mut server = PairSide::of(Ssl::new(&contexts.1).expect("SSL_new").accept(pair()));
    loop {
        let waiting = |side: &PairSide| matches!(side, PairSide::Waits(_));
        let before = (waiting(&client), waiting(&server));
        let mut news = there.carry(&mut client, &mut server, piece);
        server = server.next();
        news |= back.carry(&mut server, &mut client, piece);
        client = client.next();
        if !news && before == (waiting(&client), waiting(&server)) {
            assert_eq!(before, (false, false), "both sides wait for each other");
            return (client, server);
        }
    }
}

#[test]
fn pairs_report_each_cut_as_streams_do() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let lengths = lengths(&contexts);
        for at in 0..lengths.client_reads {
            let (client, server) =
                over_pairs(&contexts, Carrier::new(None), Carrier::new(Some(at)), usize::from(u16::MAX));
            assert_eq!(client.end(), Some(ErrorKind::UnexpectedEof), "{version:?} cut at {at}");
            let told = match server {
                PairSide::Connected(mut server) if at >= lengths.server_flight => first_error(&mut server),
                server => server.end(),
            };
            assert_eq!(told, Some(lengths.alert_of_client(at)), "{version:?} cut at {at}");
        }
        for at in 0..lengths.server_reads {
            let (client, server) =
                over_pairs(&contexts, Carrier::new(Some(at)), Carrier::new(None), usize::from(u16::MAX));
            assert_eq!(server.end(), Some(ErrorKind::UnexpectedEof), "{version:?} cut at {at}");
            let told = match client {
                PairSide::Connected(mut client)
                    if version == Version::Tls13 && at >= lengths.client_hello =>
                {
                    first_error(&mut client)
                }
                client => client.end(),
            };
            assert_eq!(told, Some(ErrorKind::Alert(Alert::DECODE_ERROR)), "{version:?} cut at {at}");
        }
    }
}

#[test]
fn pairs_take_single_bytes() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let (client, server) = over_pairs(&contexts, Carrier::new(None), Carrier::new(None), 1);
        assert_eq!((client.end(), server.end()), (None, None));
    }
}

/// Records that are cut anywhere: what came whole is read, and then the cut is told; only a whole close_notify is
/// an end.
#[test]
fn data_that_is_cut_is_never_a_clean_end() {
    const MESSAGES: [&[u8]; 3] = [b"one", b"and two", b"and a third one"];
    for version in VERSIONS {
        let contexts = version.contexts();
        let mut total = None;
        let mut at = 0;
        while total.is_none_or(|total| at <= total) {
            let (mut client, mut server) = common::connected(&contexts.0, &contexts.1);
            // Tickets, if there are any, come first.
            support::read_now(&mut client);
            let start = client.channel().moved().0;
            let mut ends = Vec::new();
            for message in MESSAGES {
                server.write_all(message).expect("a write");
                ends.push(server.channel().moved().1 - start);
            }
            assert_eq!(server.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
            total = Some(server.channel().moved().1 - start);
            client.channel_mut().cut_read = Some(start + at);

            let (bytes, stop) = read_all(&mut client);

            let whole: Vec<u8> = MESSAGES
                .iter()
                .zip(&ends)
                .filter(|(_, end)| **end <= at)
                .flat_map(|(m, _)| *m)
                .copied()
                .collect();
            assert_eq!(bytes, whole, "{version:?} cut at {at}");
            if total == Some(at) {
                stop.expect("a clean end");
            } else {
                let error = stop.expect_err("a cut");
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{version:?} cut at {at}");
                assert!(client.ssl().is_poisoned());
                let (bytes, stop) = read_all(&mut client);
                assert!(bytes.is_empty());
                assert_eq!(inner(&stop.expect_err("a refusal")).kind(), ErrorKind::Poisoned);
                let mut left = Vec::new();
                left.extend(server.channel_mut().take_incoming());
                client.write(b"more").expect_err("a refusal");
                assert_eq!(client.shutdown().expect("nothing to do"), ShutdownProgress::Skipped);
                assert!(server.channel_mut().take_incoming().is_empty(), "a dead connection sends nothing");
            }
            at += 1;
        }
    }
}
