//! Each channel carries a connection, says truly what happens to it, and comes back afterwards.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, BufWriter, ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, thread};

use common::{Duplex, Fault, Turn, client_context, client_ssl, duplex, server_context, shake_over};
use libssl::bio::{Channel, Existing, Pair, PairMut, ReadAhead, Socket};
use libssl::{Connected, ErrorKind, HandshakeError, Ssl, SslRef, Want};
use support::{assert_works, inner};

fn client() -> Ssl {
    client_ssl(&client_context())
}

fn server() -> Ssl {
    Ssl::new(&server_context()).expect("SSL_new")
}

/// A server that echoes until the client ends the connection, in a thread of its own.
fn echo(stream: impl Read + Write + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut connected = server().accept(stream).expect("a handshake");
        let mut buf = [0; 1000];
        loop {
            match connected.read(&mut buf).expect("a read") {
                0 => break,
                len => connected.write_all(&buf[..len]).expect("a write"),
            }
        }
        connected.shutdown().expect("a close_notify");
    })
}

/// Sends a message to an echo and gets it back, over a channel that blocks.
fn assert_echoes<C: Channel>(connected: &mut Connected<C>) {
    connected.write_all(b"hello").expect("a write");
    connected.flush().expect("a flush");
    let mut buf = [0; 5];
    connected.read_exact(&mut buf).expect("a read");
    assert_eq!(&buf, b"hello");
}

/// Ends a connection to an echo, and waits for its end.
fn end<C: Channel>(connected: &mut Connected<C>, echo: thread::JoinHandle<()>) {
    connected.shutdown().expect("a close_notify");
    echo.join().expect("a good echo");
    assert_eq!(connected.read(&mut [0]).expect("a clean end"), 0);
}

// Streams.

#[test]
fn a_stream_is_lent_and_comes_back() {
    let (stream, peer) = common::tcp_pair();
    let address = stream.local_addr().unwrap();
    let echo = echo(peer);
    let mut connected = client().connect(stream).expect("a handshake");
    assert_eq!(connected.channel().local_addr().unwrap(), address);
    connected.channel_mut().set_nodelay(true).unwrap();
    assert_echoes(&mut connected);
    end(&mut connected, echo);
    let parts = connected.into_parts().expect("nothing left");
    assert_eq!(parts.channel.local_addr().unwrap(), address);
    assert!(parts.read_ahead.is_empty());
}

#[test]
fn a_borrowed_stream_is_usable_afterwards() {
    let (mut stream, peer) = common::tcp_pair();
    let echo = echo(peer.try_clone().unwrap());
    let mut connected = client().connect(&mut stream).expect("a handshake");
    assert_echoes(&mut connected);
    end(&mut connected, echo);
    drop(connected);
    (&peer).write_all(b"in clear").unwrap();
    let mut buf = [0; 8];
    stream.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"in clear");
}

#[test]
fn an_object_without_its_channel_refuses_io() {
    let (mut client, _server) = common::connected(&client_context(), &server_context());
    let _tickets = client.read(&mut [0]);
    let mut parts = client.into_parts().expect("nothing left");
    assert_eq!(parts.ssl.read(&mut [0]).unwrap_err().error().unwrap().kind(), ErrorKind::NoTransport);
}

#[test]
fn a_failed_handshake_gives_the_stream_and_its_own_error_back() {
    #[derive(Debug)]
    struct Mine(u32);
    impl std::fmt::Display for Mine {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "mine, {}", self.0)
        }
    }
    impl std::error::Error for Mine {}
    #[derive(Debug)]
    struct Broken(&'static str);
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::new(Io::AddrInUse, Mine(7)))
        }
    }
    impl Write for Broken {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            Ok(buf.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let Err(HandshakeError::Failed(failure)) = client().connect(Broken("this one")) else {
        panic!("no failure")
    };
    let (error, ssl, channel) = failure.into_parts();
    assert_eq!((error.kind(), channel.0), (ErrorKind::Io, "this one"));
    assert!(ssl.is_poisoned());
    let error = io::Error::from(error);
    assert_eq!(error.kind(), Io::AddrInUse);
    assert_eq!(error.get_ref().and_then(|mine| mine.downcast_ref::<Mine>()).map(|mine| mine.0), Some(7));
}

#[test]
fn a_suspension_is_told_as_the_stream_told_it() {
    let (mut client, mut server) = common::connected(&client_context(), &server_context());
    assert_works(&mut client, &mut server);
    for kind in [Io::WouldBlock, Io::TimedOut] {
        client.channel_mut().on_read.push_back(Fault::Fail(kind));
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), kind);
        assert_eq!(client.wants(), Some(Want::Read));
    }
    assert_works(&mut client, &mut server);
}

#[test]
fn a_suspension_of_an_earlier_call_is_not_the_reason_of_a_later_failure() {
    let (mut client, mut server) = common::connected(&client_context(), &server_context());
    assert_works(&mut client, &mut server);
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), Io::WouldBlock);
    server.channel_mut().push_outgoing(b"this is no record");
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Protocol);
    assert!(inner(&error).transport().is_none());
}

#[test]
fn a_cut_is_not_an_end() {
    let (mut client, server) = common::connected(&client_context(), &server_context());
    drop(server);
    assert_eq!(support::read_all(&mut client).1.unwrap_err().kind(), Io::UnexpectedEof);
}

/// A `BufWriter` keeps everything until it is flushed: libssl must flush where it waits for the peer.
#[test]
fn a_stream_with_a_buffer_is_flushed() {
    struct Buffered(BufWriter<Duplex>);
    impl Read for Buffered {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.get_mut().read(buf)
        }
    }
    impl Write for Buffered {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.write(buf)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    for would_block in [0, 1, 3] {
        let (mut left, mut right) = duplex();
        for end in [&mut left, &mut right] {
            end.on_flush.extend((0..would_block).map(|_| Fault::Fail(Io::WouldBlock)));
        }
        let buffered = |end| Buffered(BufWriter::with_capacity(100_000, end));
        let (client, server) = shake_over(client(), buffered(left), server(), buffered(right));
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        while server.flush().is_err_and(|error| error.kind() == Io::WouldBlock) {}
        assert_works(&mut client, &mut server);
        client.write_all(b"last words").unwrap();
        assert_eq!(server.channel().0.get_ref().waiting(), 0);
        client.flush().unwrap();
        client.shutdown().unwrap();
        assert_eq!(support::read_all(&mut server).0, b"last words");
    }
}

#[test]
fn a_handshake_whose_flush_would_block_waits_to_write() {
    let (mut left, _right) = duplex();
    left.on_flush.extend([Fault::Fail(Io::WouldBlock), Fault::Fail(Io::WouldBlock)]);
    let error = client().connect(left).unwrap_err();
    assert_eq!(error.want(), Some(Want::Write));
    let error = error.into_handshake().unwrap().resume().unwrap_err();
    assert_eq!(error.want(), Some(Want::Read));
}

#[test]
fn a_connection_is_a_stream_for_another_one() {
    let (client_context, server_context) = (client_context(), server_context());
    let (outer_client, outer_server) = common::connected(&client_context, &server_context);
    let (client, server) = shake_over(
        client_ssl(&client_context),
        outer_client,
        Ssl::new(&server_context).unwrap(),
        outer_server,
    );
    let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
    assert_works(&mut client, &mut server);
    // A failure of the outer connection is told by the inner one, with its whole story.
    server.channel_mut().channel_mut().push_outgoing(b"this is no record");
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Protocol);
    // And the inner one's own failure is not lost, though it sends an alert through the outer one.
    let (mut client, mut server) = {
        let (outer_client, outer_server) = common::connected(&client_context, &server_context);
        let (client, server) = shake_over(
            client_ssl(&client_context),
            outer_client,
            Ssl::new(&server_context).unwrap(),
            outer_server,
        );
        (client.expect("a client"), server.expect("a server"))
    };
    server.channel_mut().write_all(b"no record of the inner connection").unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Protocol);
    assert!(!inner(&error).stack().is_empty());
    let error = server.read(&mut [0]).unwrap_err();
    assert!(matches!(inner(&error).kind(), ErrorKind::Alert(_)), "{error}");
}

#[test]
fn an_object_can_own_its_stream() {
    let (left, right) = duplex();
    let mut ssl = client();
    let dropped = Arc::new(());
    struct Owned(Duplex, #[allow(dead_code)] Arc<()>);
    impl Read for Owned {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf)
        }
    }
    impl Write for Owned {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.write(buf)
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }
    ssl.set_stream(Owned(left, Arc::clone(&dropped))).unwrap();
    assert_eq!(SslRef::connect(&mut ssl).unwrap_err().want(), Some(Want::Read));
    let mut server = Turn::of(server().accept(right));
    while SslRef::connect(&mut ssl).is_err() {
        server = server.next();
    }
    assert_eq!(Arc::strong_count(&dropped), 2);
    drop(ssl);
    assert_eq!(Arc::strong_count(&dropped), 1);
}

// Reading ahead.

#[test]
fn reading_ahead_gives_back_what_follows_tls() {
    let (left, mut right) = duplex();
    let (client, server) = {
        let (client_side, server_side) = (ReadAhead::new(left), &mut right);
        shake_over(client(), client_side, server(), server_side)
    };
    let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
    server.write_all(b"the last").unwrap();
    server.shutdown().unwrap();
    let parts = server.into_parts_discarding();
    parts.channel.push_outgoing(b"in clear");

    let (read, end) = support::read_all(&mut client);
    assert_eq!((&read[..], end.is_ok()), (&b"the last"[..], true));
    assert!(client.has_pending_read());
    let parts = client.into_parts().expect("libssl holds nothing");
    assert_eq!(parts.read_ahead, b"in clear");
    assert_eq!(parts.channel.get_ref().waiting(), 0);
    assert!(parts.channel.into_parts().1.is_empty());
}

#[test]
fn reading_ahead_takes_what_was_read_before() {
    let (mut left, right) = duplex();
    let mut client = Turn::of(client().connect(right));
    // The server looks at the first bytes before it decides to speak TLS.
    let mut first = [0; 3];
    left.read_exact(&mut first).unwrap();
    assert_eq!(first[0], 22);
    let mut server = Turn::of(server().accept(ReadAhead::new(left).with_unread(first)));
    loop {
        match (client, server) {
            (Turn::Over(client), Turn::Over(server)) => {
                assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
                return;
            }
            (one, other) => (client, server) = (one.next(), other.next()),
        }
    }
}

#[test]
fn reading_ahead_reads_less_often() {
    let reads = |ahead: bool| {
        let (left, right) = duplex();
        if ahead {
            let (client, server) = shake_over(client(), ReadAhead::new(left), server(), right);
            let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
            assert_works(&mut client, &mut server);
            let before = client.channel().get_ref().calls.0;
            server.write_all(&[7; 10_000]).unwrap();
            client.read_exact(&mut [0; 10_000]).unwrap();
            client.channel().get_ref().calls.0 - before
        } else {
            let (client, server) = shake_over(client(), left, server(), right);
            let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
            assert_works(&mut client, &mut server);
            let before = client.channel().calls.0;
            server.write_all(&[7; 10_000]).unwrap();
            client.read_exact(&mut [0; 10_000]).unwrap();
            client.channel().calls.0 - before
        }
    };
    assert_eq!((reads(false), reads(true)), (2, 1));
}

#[test]
fn reading_ahead_works_with_any_capacity() {
    for capacity in [0, 1, 2, 5, 100, 1_000_000] {
        let (left, right) = duplex();
        let ahead = |end| ReadAhead::with_capacity(end, capacity);
        let (client, server) = shake_over(client(), ahead(left), server(), ahead(right));
        assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    }
    let (left, _right) = duplex();
    let Err(HandshakeError::Failed(failure)) = client().connect(ReadAhead::with_capacity(left, usize::MAX))
    else {
        panic!("there is no such memory");
    };
    assert_eq!(failure.kind(), ErrorKind::Refused);
    assert!(!failure.ssl().is_poisoned());
}

// Pairs.

/// Carries bytes from one pair to the other, by either way, a few at a time.
fn carry(from: &mut PairMut<'_>, to: &mut PairMut<'_>, copying: bool) -> usize {
    let mut carried = 0;
    loop {
        let moved = if copying {
            let mut buf = vec![0; to.write_guarantee().min(7)];
            let len = from.drain(&mut buf);
            assert_eq!(to.feed(&buf[..len]), len);
            len
        } else {
            to.feed_with(|room| {
                from.drain_with(|bytes| {
                    let len = bytes.len().min(room.len());
                    room[..len].copy_from_slice(&bytes[..len]);
                    Ok::<_, ()>(len)
                })
            })
            .unwrap()
        };
        carried += moved;
        if moved == 0 {
            return carried;
        }
    }
}

/// The pair of one side, whether it still shakes hands or not.
fn pair_of(side: &mut Turn<Pair>) -> PairMut<'_> {
    match side {
        Turn::Waits(handshake) => handshake.channel_mut(),
        Turn::Over(connected) => connected.as_mut().expect("a connection").channel_mut(),
    }
}

/// One step of a side; one that is connected reads, for tickets may be in the way of the other's handshake.
fn step(side: Turn<Pair>) -> Turn<Pair> {
    match side.next() {
        Turn::Over(Ok(mut connected)) => {
            assert_eq!(connected.read(&mut [0]).unwrap_err().kind(), Io::WouldBlock);
            Turn::Over(Ok(connected))
        }
        other => other,
    }
}

#[test]
fn pairs_of_any_size_carry_a_connection() {
    for (to_ssl, from_ssl) in [(0, 0), (1, 1), (3, 100), (100, 7), (20_000, 20_000)] {
        for copying in [true, false] {
            let pair = || Pair::new(to_ssl, from_ssl).unwrap();
            let mut client = Turn::of(client().connect(pair()));
            let mut server = Turn::of(server().accept(pair()));
            while !matches!((&client, &server), (Turn::Over(_), Turn::Over(_))) {
                let moved = carry(&mut pair_of(&mut client), &mut pair_of(&mut server), copying)
                    + carry(&mut pair_of(&mut server), &mut pair_of(&mut client), copying);
                assert!(moved > 0, "both sides wait for each other");
                (client, server) = (step(client), step(server));
            }
            let (Turn::Over(Ok(mut client)), Turn::Over(Ok(mut server))) = (client, server) else {
                unreachable!("the loop ended")
            };
            client.write_all(b"through").unwrap();
            let mut read = Vec::new();
            while read.len() < 7 {
                // What does not fit into the pair at once is kept, and goes out with a flush.
                let _ = client.flush();
                carry(&mut client.channel_mut(), &mut server.channel_mut(), copying);
                let mut buf = [0; 10];
                match server.read(&mut buf) {
                    Ok(len) => read.extend_from_slice(&buf[..len]),
                    Err(error) => assert_eq!(error.kind(), Io::WouldBlock),
                }
            }
            assert_eq!(read, b"through");
        }
    }
}

#[test]
fn a_pair_tells_its_figures() {
    let mut pair = Pair::new(10, 20).unwrap();
    assert_eq!(pair.buffer_sizes(), (10, 20));
    assert_eq!((pair.write_guarantee(), pair.wpending(), pair.pending(), pair.read_request()), (10, 0, 0, 0));
    assert_eq!((pair.feed(b""), pair.feed(b"0123456789ab"), pair.feed(b"c")), (0, 10, 0));
    assert_eq!((pair.write_guarantee(), pair.wpending()), (0, 10));
    assert_eq!((pair.drain(&mut [0; 4]), pair.drain_to_vec()), (0, Vec::new()));
    let never = |_: &mut [u8]| -> Result<usize, ()> { panic!("there is no room") };
    assert_eq!(pair.feed_with(never), Ok(0));
    let never = |_: &[u8]| -> Result<usize, ()> { panic!("there is nothing") };
    assert_eq!(pair.drain_with(never), Ok(0));
    assert!(format!("{pair:?}").contains("10 of 10 bytes"), "{pair:?}");

    let pair = Pair::new(0, 0).unwrap();
    assert_eq!(pair.buffer_sizes(), (17 * 1024, 17 * 1024));
}

#[test]
fn a_pair_says_what_the_object_asked_for() {
    let mut handshake = client().connect(Pair::new(0, 0).unwrap()).unwrap_err().into_handshake().unwrap();
    let mut pair = handshake.channel_mut();
    assert_eq!(pair.read_request(), 5);
    pair.reset_read_request();
    assert_eq!(pair.read_request(), 0);
    assert!(pair.pending() > 100);
    assert_eq!(pair.drain_to_vec()[0], 22);
    assert_eq!(pair.pending(), 0);
}

#[test]
fn a_closed_pair_takes_nothing_and_reads_as_an_end() {
    let mut pair = Pair::new(0, 0).unwrap();
    assert_eq!(pair.feed(b"\x15"), 1);
    pair.close();
    assert!(pair.is_closed());
    assert_eq!(pair.feed(b"more"), 0);
    assert_eq!(pair.feed_with(|_| -> Result<usize, ()> { panic!("it is closed") }), Ok(0));
    let failure = client().connect(pair).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn no_memory_for_a_pair_is_an_error() {
    for size in [usize::MAX, isize::MAX as usize] {
        assert_eq!(Pair::new(size, 0).unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(Pair::new(0, size).unwrap_err().kind(), ErrorKind::Refused);
    }
}

/// The lent memory is initialised, and what a closure claims is not believed.
#[test]
fn lengths_that_closures_claim_are_checked() {
    for claim in [11, usize::MAX] {
        let mut pair = Pair::new(10, 0).unwrap();
        let fed = pair.feed_with(|room| {
            assert_eq!(room, [0; 10]);
            Ok::<_, ()>(claim)
        });
        assert_eq!((fed, pair.wpending()), (Ok(10), 10));

        let mut handshake = client().connect(Pair::new(0, 0).unwrap()).unwrap_err().into_handshake().unwrap();
        let mut pair = handshake.channel_mut();
        let waiting = pair.pending();
        let drained = pair.drain_with(|bytes| Ok::<_, ()>(bytes.len().saturating_add(claim)));
        assert_eq!((drained, pair.pending()), (Ok(waiting), 0));
    }
}

#[test]
fn closures_that_fail_or_panic_move_nothing() {
    let mut pair = Pair::new(10, 0).unwrap();
    assert_eq!(pair.feed_with(|_| Err::<usize, _>("no")), Err("no"));
    let panicked =
        catch_unwind(AssertUnwindSafe(|| pair.feed_with(|_| -> Result<usize, ()> { panic!("no") })));
    assert!(panicked.is_err());
    assert_eq!(pair.wpending(), 0);

    let mut handshake = client().connect(Pair::new(0, 0).unwrap()).unwrap_err().into_handshake().unwrap();
    let mut pair = handshake.channel_mut();
    let waiting = pair.pending();
    assert_eq!(pair.drain_with(|_| Err::<usize, _>("no")), Err("no"));
    let panicked =
        catch_unwind(AssertUnwindSafe(|| pair.drain_with(|_| -> Result<usize, ()> { panic!("no") })));
    assert!(panicked.is_err());
    assert_eq!((pair.drain_with(|_| Ok::<_, ()>(0)), pair.pending()), (Ok(0), waiting));
}

#[test]
fn the_alert_of_a_failure_can_still_be_drained() {
    let mut pair = Pair::new(0, 0).unwrap();
    // A ServerHelloDone, before any ServerHello.
    pair.feed(b"\x16\x03\x03\x00\x04\x0e\x00\x00\x00");
    let failure = client().connect(pair).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Protocol);
    let (_, ssl, mut pair) = failure.into_parts();
    drop(ssl);
    let sent = pair.drain_to_vec();
    // The ClientHello, and after it a record with a fatal alert.
    let length = 5 + usize::from(sent[3]) * 256 + usize::from(sent[4]);
    assert_eq!((sent[0], sent[length], sent[length + 5]), (22, 21, 2));
}

// Sockets.

#[test]
fn a_socket_carries_a_connection_and_comes_back() {
    let (stream, peer) = common::tcp_pair();
    let echo = echo(peer.try_clone().unwrap());
    let socket = Socket::new(stream);
    socket.set_nodelay(true).unwrap();
    let mut connected = client().connect(socket).expect("a handshake");
    connected.channel().set_nodelay(false).unwrap();
    assert_echoes(&mut connected);
    end(&mut connected, echo);
    let parts = connected.into_parts().expect("nothing left");
    let mut stream = TcpStream::from(parts.channel.into_fd().expect("an owned one"));
    assert!(!stream.nodelay().unwrap());
    (&peer).write_all(b"in clear").unwrap();
    let mut buf = [0; 8];
    stream.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"in clear");
}

#[test]
fn a_socket_can_be_borrowed() {
    let (stream, peer) = common::unix_pair();
    let echo = echo(peer);
    let mut connected = client().connect(Socket::borrowed(stream.as_fd())).expect("a handshake");
    assert_echoes(&mut connected);
    end(&mut connected, echo);
    let parts = connected.into_parts().expect("nothing left");
    assert!(parts.channel.into_fd().is_err());
    // It is still open.
    stream.local_addr().unwrap();
}

#[test]
fn a_nonblocking_socket_suspends() {
    let (stream, peer) = common::tcp_pair();
    let socket = Socket::new(stream);
    socket.set_nonblocking(true).unwrap();
    let error = client().connect(socket).unwrap_err();
    assert_eq!(error.want(), Some(Want::Read));
    let handshake = error.into_handshake().unwrap();
    let echo = echo(peer);
    let mut connected = handshake.resume_and_wait(None).expect("a handshake");
    assert_eq!(connected.read(&mut [0]).unwrap_err().kind(), Io::WouldBlock);
    connected.channel().set_nonblocking(false).unwrap();
    assert_echoes(&mut connected);
    end(&mut connected, echo);
}

#[test]
fn a_socket_with_a_receive_timeout_suspends() {
    let (stream, _peer) = common::unix_pair();
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(client().connect(Socket::new(stream)).unwrap_err().want(), Some(Want::Read));
    let (stream, _peer) = common::unix_pair();
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    assert_eq!(client().connect(stream).unwrap_err().want(), Some(Want::Read));
}

#[test]
fn a_handshake_that_waits_stops_at_its_deadline() {
    let (stream, _peer) = common::unix_pair();
    stream.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + Duration::from_millis(5);
    let error = client().connect_and_wait(Socket::new(stream), Some(deadline)).unwrap_err();
    assert_eq!(error.want(), Some(Want::Read));
    assert!(Instant::now() >= deadline);
}

#[test]
fn what_a_socket_cannot_do_it_says() {
    let (stream, _peer) = common::unix_pair();
    let error = Socket::new(stream).set_nodelay(true).unwrap_err();
    assert!(error.raw_os_error().is_some(), "{error}");
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(Socket::new(file).set_nodelay(true).is_err());
}

// SIGPIPE. Rust's runtime ignores it before `main`, C's does not.

/// Writes to a peer that is gone, in a process that does what the system does by default.
#[test]
fn sigpipe_child() {
    let Ok(channel) = env::var("LIBSSL_TEST_SIGPIPE") else { return };
    // SAFETY: sets the disposition that a program has whose `main` is C's.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (stream, peer) = common::unix_pair();
    let server = thread::spawn(move || drop(server().accept(peer).expect("a handshake")));
    match channel.as_str() {
        "stream" => write_to_nobody(client().connect(stream).expect("a handshake"), server),
        _ => write_to_nobody(client().connect(Socket::new(stream)).expect("a handshake"), server),
    }
}

fn write_to_nobody<C: Channel>(mut connected: Connected<C>, server: thread::JoinHandle<()>) {
    server.join().unwrap();
    let error = connected.write_all(b"is anybody there?").unwrap_err();
    assert_eq!(error.kind(), Io::BrokenPipe);
}

fn sigpipe(channel: &str) -> Option<i32> {
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", "sigpipe_child"])
        .env("LIBSSL_TEST_SIGPIPE", channel)
        .output()
        .unwrap()
        .status;
    assert!(status.success() || status.signal().is_some(), "{status}");
    status.signal()
}

#[test]
fn a_stream_of_the_standard_library_raises_no_sigpipe() {
    assert_eq!(sigpipe("stream"), None);
}

#[test]
fn a_socket_raises_sigpipe_before_openssl_4() {
    // SAFETY: reads a number.
    let version = unsafe { openssl_sys::OpenSSL_version_num() } >> 28;
    assert_eq!(sigpipe("socket"), if version >= 4 { None } else { Some(libc::SIGPIPE) });
}

// What C has set.

#[test]
fn an_object_without_bios_has_no_existing_channel() {
    let failure = client().connect(Existing).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::NoTransport);
    assert!(!failure.ssl().is_poisoned());
    // One direction is not enough.
    let ssl = client();
    // SAFETY: the object is live and takes the reference to the new BIO.
    unsafe { openssl_sys_ext::SSL_set0_rbio(ssl.as_ptr(), openssl_sys::BIO_new(openssl_sys::BIO_s_mem())) };
    let failure = ssl.connect(Existing).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::NoTransport);
}

#[test]
fn an_existing_stream_keeps_what_streams_can() {
    let (left, right) = duplex();
    let mut ssl = client();
    ssl.set_stream(left).unwrap();
    let (client, server) = shake_over(ssl, Existing, server(), right);
    let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
    assert_works(&mut client, &mut server);
    server.channel_mut().push_outgoing(b"this is no record");
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Protocol);
    // The object keeps its BIOs.
    let parts = client.into_parts().expect("it is dead");
    assert!(parts.ssl.is_poisoned());
}

#[test]
fn an_existing_stream_reports_its_own_errors() {
    let (mut left, right) = duplex();
    left.on_read.push_back(Fault::Os(libc::ECONNRESET));
    let mut ssl = client();
    ssl.set_stream(left).unwrap();
    let failure = ssl.connect(Existing).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Io);
    assert_eq!(failure.error().transport().and_then(io::Error::raw_os_error), Some(libc::ECONNRESET));
    assert_eq!(failure.error().errno(), libc::ECONNRESET);
    drop(right);
}

#[test]
fn an_existing_flush_is_passed_on() {
    let (mut left, right) = duplex();
    // One flush of the client's first flight goes well.
    left.on_flush.push_back(Fault::Go);
    let mut ssl = client();
    ssl.set_stream(left).unwrap();
    let (client, _server) = shake_over(ssl, Existing, server(), right);
    client.expect("a client").flush().unwrap();
}
