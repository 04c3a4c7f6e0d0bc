//! What `write` took arrives once and as it was, whatever is suspended and whatever is called next.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, IoSlice, Read, Write};

use common::{Duplex, Fault, Random, client_context, connected, server_context};
use libssl::connected::ShutdownProgress;
use libssl::{Connected, ErrorKind, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;
use support::{VERSIONS, Version, assert_works, inner, read_all, read_now};

const FIRST: [u8; 1000] = [b'A'; 1000];

/// A client that took [`FIRST`] and could send only ten bytes of it.
fn suspended(version: Version) -> (Connected<Duplex>, Connected<Duplex>) {
    let (mut client, mut server) = version.connected();
    assert_works(&mut client, &mut server);
    client.channel_mut().set_room(10);
    assert_eq!(client.write(&FIRST).expect("it is taken"), FIRST.len());
    assert_eq!(client.wants(), Some(Want::Write));
    assert!(client.has_pending_write());
    (client, server)
}

/// Ends the client cleanly and gives all that the server read.
fn finish(mut client: Connected<Duplex>, mut server: Connected<Duplex>) -> Vec<u8> {
    client.channel_mut().clear_room();
    client.flush().expect("a flush");
    assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
    let (bytes, end) = read_all(&mut server);
    end.expect("a clean end");
    bytes
}

fn assert_blocked<T: std::fmt::Debug>(result: io::Result<T>, client: &Connected<Duplex>, want: Want) {
    assert_eq!(result.expect_err("no room").kind(), io::ErrorKind::WouldBlock);
    assert_eq!(client.wants(), Some(want));
}

#[test]
fn other_data_follows_what_was_taken() {
    for version in VERSIONS {
        for other in [&[b'B'; 1000][..], &[b'B'; 3], &[b'B'; 20_000]] {
            let (mut client, server) = suspended(version);
            let blocked = client.write(other);
            assert_blocked(blocked, &client, Want::Write);
            client.channel_mut().clear_room();
            client.write_all(other).expect("there is room");
            assert_eq!(finish(client, server), [&FIRST, other].concat(), "{version:?}");
        }
    }
}

#[test]
fn several_buffers_follow_what_was_taken() {
    for version in VERSIONS {
        let (mut client, server) = suspended(version);
        let bufs = [IoSlice::new(b""), IoSlice::new(b"one"), IoSlice::new(b"two")];
        let blocked = client.write_vectored(&bufs);
        assert_blocked(blocked, &client, Want::Write);
        client.channel_mut().clear_room();
        assert_eq!(client.write_vectored(&bufs).expect("there is room"), 6);
        assert_eq!(finish(client, server), [&FIRST[..], b"onetwo"].concat(), "{version:?}");
    }
}

#[test]
fn a_read_goes_on_and_finishes_what_was_taken() {
    for version in VERSIONS {
        let (mut client, mut server) = suspended(version);
        server.write_all(b"hello").expect("a write");
        let mut buf = [0; 10];
        assert_eq!(client.peek(&mut buf).expect("a peek past the write that waits"), 5);
        assert_eq!(client.read(&mut buf).expect("a read past the write that waits"), 5);
        assert!(client.has_pending_write());
        client.channel_mut().clear_room();
        let nothing = client.read(&mut buf);
        assert_blocked(nothing, &client, Want::Read);
        assert!(!client.has_pending_write());
        assert_eq!(read_now(&mut server), FIRST, "{version:?}: the read sent it");
        assert_eq!(finish(client, server), b"");
    }
}

#[test]
fn a_flush_finishes_what_was_taken() {
    for version in VERSIONS {
        let (mut client, mut server) = suspended(version);
        let blocked = client.flush();
        assert_blocked(blocked, &client, Want::Write);
        client.channel_mut().clear_room();
        client.flush().expect("there is room");
        assert_eq!(client.wants(), None);
        assert!(!client.has_pending_write());
        assert_eq!(read_now(&mut server), FIRST, "{version:?}");
        assert_eq!(finish(client, server), b"");
    }
}

#[test]
fn a_shutdown_finishes_what_was_taken() {
    for version in VERSIONS {
        let (mut client, mut server) = suspended(version);
        assert_eq!(client.shutdown().expect("it waits"), ShutdownProgress::Wants(Want::Write));
        assert_eq!(client.wants(), Some(Want::Write));
        client.channel_mut().clear_room();
        assert_eq!(client.shutdown().expect("there is room"), ShutdownProgress::Sent);
        let (bytes, end) = read_all(&mut server);
        end.expect("a clean end");
        assert_eq!(bytes, FIRST, "{version:?}");
    }
}

/// The close_notify itself is suspended, after each number of its bytes: it goes out all the same, once.
#[test]
fn a_close_notify_that_waits_is_sent_in_the_end() {
    for version in VERSIONS {
        for room in 0..20 {
            let (mut client, mut server) = version.connected();
            assert_works(&mut client, &mut server);
            client.channel_mut().set_room(room);
            for _ in 0..3 {
                assert_eq!(client.shutdown().expect("it waits"), ShutdownProgress::Wants(Want::Write));
                assert_eq!(client.wants(), Some(Want::Write));
            }
            client.channel_mut().clear_room();
            assert_eq!(client.shutdown().expect("there is room"), ShutdownProgress::Sent, "{version:?}");
            let sent = client.channel().moved().1;
            let (bytes, end) = read_all(&mut server);
            end.expect("a clean end");
            assert!(bytes.is_empty());

            assert_eq!(client.shutdown().expect("it waits"), ShutdownProgress::Wants(Want::Read));
            assert_eq!(server.shutdown().expect("an answer"), ShutdownProgress::Complete);
            assert_eq!(client.shutdown().expect("the answer"), ShutdownProgress::Complete);
            assert_eq!(client.channel().moved().1, sent, "one close_notify is enough");
        }
    }
}

/// A dropped connection takes what it kept with it. The peer reads a cut, never half of a record.
#[test]
fn a_drop_loses_what_was_kept_and_the_peer_sees_a_cut() {
    for version in VERSIONS {
        let (client, mut server) = suspended(version);
        drop(client);
        let (bytes, end) = read_all(&mut server);
        assert!(bytes.is_empty());
        assert_eq!(end.expect_err("a cut").kind(), io::ErrorKind::UnexpectedEof, "{version:?}");
    }
}

#[test]
fn what_was_kept_is_not_lost_by_taking_the_connection_apart() {
    for version in VERSIONS {
        let (client, server) = suspended(version);
        let client = client.into_parts().expect_err("data would be lost");
        assert_eq!(finish(client, server), FIRST, "{version:?}");
    }
}

#[test]
fn a_caller_may_move_or_reuse_its_buffer_at_once() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        let mut sent = Vec::new();
        let mut received = Vec::new();
        client.channel_mut().set_room(100);
        for byte in 0..50 {
            let mut buffer = vec![byte; 700];
            loop {
                match client.write(&buffer) {
                    Ok(taken) => {
                        sent.extend_from_slice(&buffer[..taken]);
                        break;
                    }
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
                received.extend(read_now(&mut server));
            }
            buffer.fill(0xff);
        }
        received.extend(read_now(&mut server));
        received.extend(finish(client, server));
        assert_eq!(received, sent, "{version:?}");
    }
}

#[test]
fn small_buffers_go_out_as_one_record() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        let before = client.channel().calls.1;
        let bufs: Vec<_> = [&b"a"[..], b"", b"bc", b"def"].into_iter().map(IoSlice::new).collect();
        assert_eq!(client.write_vectored(&bufs).expect("a write"), 6);
        assert_eq!(client.channel().calls.1, before + 1, "{version:?}");
        assert_eq!(read_now(&mut server), b"abcdef");
        assert_eq!(client.write_vectored(&[]).expect("nothing"), 0);
        assert_eq!(client.write_vectored(&[IoSlice::new(b"")]).expect("nothing"), 0);
        assert_eq!(client.write(b"").expect("nothing"), 0);
        assert_works(&mut client, &mut server);
    }
}

#[test]
fn one_call_takes_no_more_than_a_record() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        let data = vec![b'x'; 40_000];
        assert_eq!(client.write(&data).expect("a write"), 16 * 1024);
        let halves = [IoSlice::new(&data[..20_000]), IoSlice::new(&data[20_000..])];
        assert_eq!(client.write_vectored(&halves).expect("a write"), 16 * 1024);
        let parts: Vec<_> = data.chunks(10_000).map(IoSlice::new).collect();
        assert_eq!(client.write_vectored(&parts).expect("a write"), 16 * 1024);
        assert_eq!(read_now(&mut server).len(), 3 * 16 * 1024, "{version:?}");
    }
}

#[test]
fn nothing_is_written_after_the_own_close_notify() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
        for _ in 0..2 {
            let error = client.write(b"late").expect_err("too late");
            assert_eq!(inner(&error).kind(), ErrorKind::NotReady, "{error:?}");
        }
        client.write_vectored(&[IoSlice::new(b"too"), IoSlice::new(b"late")]).expect_err("too late");
        assert!(!client.has_pending_write());
        assert!(!client.ssl().is_poisoned(), "{version:?}: the other half goes on");
        server.write_all(b"still there").expect("a write");
        assert_eq!(read_now(&mut client), b"still there");
        let (bytes, end) = read_all(&mut server);
        end.expect("a clean end");
        assert!(bytes.is_empty());
    }
}

#[test]
fn the_buffers_of_an_idle_connection_are_freed_and_made_again() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        for _ in 0..2 {
            client.free_buffers().expect("nothing is in them");
            server.free_buffers().expect("nothing is in them");
        }
        assert_works(&mut client, &mut server);

        // A record of which a part was read, and one of which a part came.
        client.write_all(b"in two parts").expect("a write");
        server.read_exact(&mut [0; 3]).expect("a part");
        assert_eq!(server.free_buffers().expect_err("the rest is there").kind(), ErrorKind::NotReady);
        assert_eq!(read_now(&mut server), b"in two parts"[3..]);
        client.channel_mut().set_room(10);
        client.write_all(&FIRST).expect("it is taken");
        assert_eq!(client.free_buffers().expect_err("a write waits").kind(), ErrorKind::NotReady);
        assert_eq!(read_now(&mut server), b"");
        assert_eq!(server.free_buffers().expect_err("a part is there").kind(), ErrorKind::NotReady);
        client.channel_mut().clear_room();
        client.flush().expect("there is room");
        assert_eq!(read_now(&mut server), FIRST);
        client.free_buffers().expect("nothing is in them");
        assert_works(&mut client, &mut server);
    }
}

/// Lets the peer ask for new keys, as its C program would.
fn ask_for_new_keys(peer: &mut Connected<Duplex>) {
    // SAFETY: the object is live, and this thread alone uses it.
    let asked = unsafe { ext::SSL_key_update(peer.ssl().as_ptr(), ext::SSL_KEY_UPDATE_REQUESTED) };
    assert_eq!(asked, 1);
}

/// Lets a TLS 1.2 server ask for a new handshake, as its C program would.
fn ask_for_a_new_handshake(server: &mut Connected<Duplex>) {
    let ssl = server.ssl().as_ptr();
    // SAFETY: the object is live, and this thread alone uses it.
    let asked = unsafe { (ext::SSL_renegotiate(ssl), sys::SSL_do_handshake(ssl)) };
    assert_eq!(asked, (1, 1));
}

/// A read that wants to write: it answers the peer's wish for a new handshake.
#[test]
fn a_read_may_want_to_write() {
    let (mut client, mut server) = Version::Tls12.connected();
    assert_works(&mut client, &mut server);
    ask_for_a_new_handshake(&mut server);
    client.channel_mut().set_room(3);
    let mut buf = [0; 100];
    for _ in 0..2 {
        let blocked = client.read(&mut buf);
        assert_blocked(blocked, &client, Want::Write);
    }
    client.channel_mut().clear_room();
    for _ in 0..3 {
        assert_eq!(read_now(&mut client), b"");
        assert_eq!(read_now(&mut server), b"");
    }
    assert!(client.ssl().is_init_finished());
    assert_works(&mut client, &mut server);
}

/// A key update is answered by the next write, before its data.
#[test]
fn new_keys_are_answered_before_anything_else_is_written() {
    let (mut client, mut server) = Version::Tls13.connected();
    assert_works(&mut client, &mut server);
    ask_for_new_keys(&mut server);
    server.write_all(b"under new keys").expect("a write");
    client.channel_mut().set_room(3);
    let mut buf = [0; 100];
    loop {
        match client.read(&mut buf) {
            Ok(len) => break assert_eq!(&buf[..len], b"under new keys"),
            // A libssl that answers at once waits until it can.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        assert_eq!(client.wants(), Some(Want::Write));
        client.channel_mut().clear_room();
    }
    client.channel_mut().set_room(3);
    assert_eq!(client.write(b"old and new").expect("it is taken"), 11);
    assert_eq!(client.wants(), Some(Want::Write));
    client.channel_mut().clear_room();
    client.flush().expect("there is room");
    assert_eq!(read_now(&mut server), b"old and new");
    assert_works(&mut client, &mut server);
}

/// A key update comes while a write is suspended: what was taken still arrives once.
#[test]
fn a_key_update_meets_a_write_that_waits() {
    for room in [0, 3, 10, 1100] {
        let (mut client, mut server) = Version::Tls13.connected();
        assert_works(&mut client, &mut server);
        client.channel_mut().set_room(room);
        let mut taken = client.write(&FIRST).expect("it is taken");
        if !client.has_pending_write() {
            taken += client.write(&FIRST).expect("it is taken");
        }
        assert!(client.has_pending_write());
        ask_for_new_keys(&mut server);
        server.write_all(b"under new keys").expect("a write");

        let mut received = Vec::new();
        let mut arrived = Vec::new();
        for _ in 0..10 {
            match client.read(&mut [0; 100][..]) {
                Ok(len) => arrived.push(len),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
            }
        }
        client.channel_mut().clear_room();
        for _ in 0..10 {
            match client.read(&mut [0; 100][..]) {
                Ok(len) => arrived.push(len),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
            }
            received.extend(read_now(&mut server));
        }
        assert_eq!(arrived, [14]);
        assert_works(&mut client, &mut server);
        received.extend(finish(client, server));
        assert_eq!(received, vec![b'A'; taken], "room for {room}");
    }
}

/// Two of them are too many for libssl: the second one makes it answer the first in the middle of the record that
/// waits. It may fail, but must not send anything twice or garbled.
#[test]
fn two_key_updates_meet_a_write_that_waits() {
    let (mut client, mut server) = Version::Tls13.connected();
    assert_works(&mut client, &mut server);
    client.channel_mut().set_room(10);
    client.write_all(&FIRST).expect("it is taken");
    for _ in 0..2 {
        ask_for_new_keys(&mut server);
        server.write_all(b"under new keys").expect("a write");
    }
    let (bytes, end) = read_all(&mut client);
    let end = end.expect_err("it goes on, or fails");
    client.channel_mut().clear_room();
    if end.kind() == io::ErrorKind::WouldBlock {
        assert_eq!(bytes.len(), 28);
        assert_works(&mut client, &mut server);
        return;
    }
    assert_eq!(inner(&end).kind(), ErrorKind::Protocol);
    assert_eq!(bytes, b"under new keys");
    assert!(client.ssl().is_poisoned());
    client.flush().expect_err("a refusal");
    drop(client);
    let (bytes, end) = read_all(&mut server);
    assert!(bytes.is_empty());
    end.expect_err("a cut");
}

/// The peer's wish for a new handshake comes while a write is suspended.
#[test]
fn a_renegotiation_meets_a_write_that_waits() {
    for room in [0, 10, 900] {
        let (mut client, mut server) = Version::Tls12.connected();
        assert_works(&mut client, &mut server);
        client.channel_mut().set_room(room);
        client.write_all(&FIRST).expect("it is taken");
        assert!(client.has_pending_write());
        ask_for_a_new_handshake(&mut server);
        let mut received = read_now(&mut client);
        client.channel_mut().clear_room();
        let mut arrived = Vec::new();
        for _ in 0..10 {
            received.extend(read_now(&mut client));
            arrived.extend(read_now(&mut server));
        }
        assert_eq!((received, arrived), (Vec::new(), FIRST.to_vec()), "room for {room}");
        assert!(client.ssl().is_init_finished());
        assert_works(&mut client, &mut server);
    }
}

/// A write that wants to read: in a renegotiation it waits for the peer's flight.
#[test]
fn a_write_may_want_to_read() {
    let (mut client, mut server) = Version::Tls12.connected();
    assert_works(&mut client, &mut server);
    ask_for_a_new_handshake(&mut server);
    let mut buf = [0; 100];
    let waits = client.read(&mut buf);
    assert_blocked(waits, &client, Want::Read);

    assert_eq!(client.write(b"in the middle").expect("it is taken"), 13);
    assert_eq!(client.wants(), Some(Want::Read));
    assert!(client.has_pending_write());
    let blocked = client.write(b"and more");
    assert_blocked(blocked, &client, Want::Read);

    let mut received = Vec::new();
    for _ in 0..10 {
        received.extend(read_now(&mut server));
        if client.flush().is_ok() {
            break;
        }
    }
    assert!(!client.has_pending_write());
    received.extend(read_now(&mut server));
    assert_eq!(received, b"in the middle");
    assert_works(&mut client, &mut server);
}

/// The peer's data comes while a write waits for the peer's handshake: it is read, and kills nothing.
#[test]
fn data_meets_a_write_that_waits_for_a_renegotiation() {
    let (mut client, mut server) = Version::Tls12.connected();
    assert_works(&mut client, &mut server);
    ask_for_a_new_handshake(&mut server);
    let waits = client.read(&mut [0; 100]);
    assert_blocked(waits, &client, Want::Read);
    assert_eq!(client.write(b"in the middle").expect("it is taken"), 13);
    assert_eq!(client.wants(), Some(Want::Read));
    // The server has not read the client's answer yet.
    server.write_all(b"from before").expect("a write");
    assert_eq!(read_now(&mut client), b"from before");
    let mut received = Vec::new();
    for _ in 0..10 {
        received.extend(read_now(&mut server));
        assert_eq!(read_now(&mut client), b"");
    }
    assert!(!client.has_pending_write());
    assert_eq!(received, b"in the middle");
    assert_works(&mut client, &mut server);
}

/// The bytes of one direction: what was taken, and what arrived.
#[derive(Default)]
struct Direction {
    next: u8,
    taken: Vec<u8>,
    arrived: Vec<u8>,
}

impl Direction {
    fn data(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|i| self.next.wrapping_add((i % 251) as u8)).collect()
    }

    fn take(&mut self, data: &[u8], result: io::Result<usize>) {
        match result {
            Ok(len) => {
                self.taken.extend_from_slice(&data[..len]);
                self.next = self.next.wrapping_mul(31).wrapping_add(7);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
        }
    }

    fn arrive(&mut self, buf: &[u8], result: io::Result<usize>) {
        match result {
            Ok(len) => self.arrived.extend_from_slice(&buf[..len]),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
        }
    }
}

/// One random thing that a program does with a connection.
fn act(
    connection: &mut Connected<Duplex>,
    version: Version,
    out: &mut Direction,
    back: &mut Direction,
    random: &mut Random,
) {
    match random.below(16) {
        0..=3 => {
            let len = if random.below(8) == 0 { random.below(50_000) } else { random.below(600) };
            let data = out.data(len as usize);
            let result = connection.write(&data);
            out.take(&data, result);
        }
        4 => {
            let data = out.data(random.below(3000) as usize);
            let (one, two) = data.split_at(random.below(data.len() as u64 + 1) as usize);
            let (two, three) = two.split_at(random.below(two.len() as u64 + 1) as usize);
            let bufs = [IoSlice::new(one), IoSlice::new(two), IoSlice::new(three)];
            let result = connection.write_vectored(&bufs);
            out.take(&data, result);
        }
        5..=9 => {
            let mut buf = vec![0; random.below(5000) as usize];
            let result = connection.read(&mut buf);
            back.arrive(&buf, result);
        }
        10 => {
            let mut buf = [0; 100];
            if let Err(error) = connection.peek(&mut buf) {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
            }
        }
        11 => {
            if let Err(error) = connection.flush() {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
            }
        }
        12 => connection.channel_mut().set_room(random.below(2000) as usize),
        13 => connection.channel_mut().clear_room(),
        14 => {
            connection.channel_mut().read_cap = 1 + random.below(400) as usize;
            connection.channel_mut().write_cap = 1 + random.below(400) as usize;
        }
        _ if version == Version::Tls13 => {
            // It refuses while a write is under way, as C says; then nothing changes.
            // SAFETY: the object is live, and this thread alone uses it.
            unsafe { ext::SSL_key_update(connection.ssl().as_ptr(), ext::SSL_KEY_UPDATE_NOT_REQUESTED) };
        }
        _ => {}
    }
}

#[test]
fn any_schedule_delivers_the_bytes_that_were_taken() {
    for version in VERSIONS {
        for seed in 0..25 {
            let mut random = Random::new(seed);
            let (mut client, mut server) = version.connected();
            for channel in [client.channel_mut(), server.channel_mut()] {
                channel.random = Some(Random::new(random.below(u64::MAX)));
            }
            let (mut up, mut down) = (Direction::default(), Direction::default());
            for _ in 0..400 {
                if random.below(2) == 0 {
                    act(&mut client, version, &mut up, &mut down, &mut random);
                } else {
                    act(&mut server, version, &mut down, &mut up, &mut random);
                }
            }
            for channel in [client.channel_mut(), server.channel_mut()] {
                channel.clear_room();
                channel.random = None;
                (channel.read_cap, channel.write_cap) = (usize::MAX, usize::MAX);
            }
            // Each side may have to read before it can write (new keys), so twice.
            for _ in 0..2 {
                for (one, direction) in [(&mut client, &mut down), (&mut server, &mut up)] {
                    one.flush().expect("a flush");
                    direction.arrived.extend(read_now(one));
                }
            }
            assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
            let (rest, end) = read_all(&mut server);
            end.expect("a clean end");
            up.arrived.extend(rest);
            assert_eq!(server.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
            assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
            assert!(up.arrived == up.taken, "{version:?}, seed {seed}: up");
            assert!(down.arrived == down.taken, "{version:?}, seed {seed}: down");
        }
    }
}

#[test]
fn a_close_notify_whose_flush_had_to_wait_is_told_to_be_sent() {
    let (mut client, mut server) = connected(&client_context(), &server_context());
    client.channel_mut().on_flush.extend((0..2).map(|_| Fault::Fail(io::ErrorKind::WouldBlock)));
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Wants(Want::Write));
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Sent);
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Wants(Want::Read));
    assert_eq!(server.shutdown().unwrap(), ShutdownProgress::Sent);
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Complete);
}
