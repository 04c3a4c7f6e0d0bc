//! Handshakes that change hands at every point where they can be suspended.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::bio::{Existing, Pair, ReadAhead, Socket};
use libssl::context::{CertificateDecision, ClientHelloDecision, SslVerifyMode};
use libssl::{Connected, ErrorKind, Handshake, HandshakeError, Role, Ssl, SslContext, Want};
use openssl_sys as sys;

use crate::common::{Turn, client_ssl, duplex, unix_pair};
use crate::support::{VERSIONS, Version, read_now};
use crate::world::{
    Under, Wire, Wired, both_by_c, c_reads, c_reads_all, c_shakes, c_tries_to_write, c_writes, end_of,
    made_by_c, wire,
};

const UNDERS: [Under; 3] = [Under::Pair(64), Under::Pair(17_000), Under::Socket];

/// Who makes the next call on the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turns {
    /// C begins, and they take turns at each suspension.
    CThenRust,
    /// Rust begins.
    RustThenC,
    /// C makes the first so many calls, Rust the rest.
    CFor(usize),
    /// Rust makes the first so many calls, C the rest.
    RustFor(usize),
}

impl Turns {
    fn is_rusts(self, call: usize) -> bool {
        match self {
            Self::CThenRust => call % 2 == 1,
            Self::RustThenC => call % 2 == 0,
            Self::CFor(calls) => call >= calls,
            Self::RustFor(calls) => call < calls,
        }
    }
}

/// Makes one call in Rust on an object of C's, and gives it back to C, whatever came of it. Whether it is done.
fn rust_shakes(ssl: *mut sys::SSL) -> bool {
    // SAFETY: the object is live, its one reference comes over and goes back, and nobody else uses it.
    let ssl = unsafe { Ssl::from_ptr(ssl) };
    let result = match Handshake::adopt(ssl) {
        Ok(handshake) => handshake.resume(),
        // It has not begun.
        Err(failure) => {
            assert_eq!(failure.kind(), ErrorKind::NotReady);
            let (_, ssl, existing) = failure.into_parts();
            ssl.do_handshake(existing)
        }
    };
    match result {
        Ok(connected) => {
            let _ = connected.into_ssl().expect("nothing is half done").into_ptr();
            true
        }
        Err(error) => {
            let want = error.want();
            let handshake = error.into_handshake().expect("no failure");
            assert_eq!(handshake.wants(), want, "what C says it waits for");
            let _ = handshake.into_ssl().into_ptr();
            false
        }
    }
}

/// Shakes hands with bytes that trickle, taking turns on one of the objects. How many calls that took.
fn shake(
    subject: *mut sys::SSL,
    peer: *mut sys::SSL,
    wire: &mut Wire,
    trickle: usize,
    turns: Turns,
) -> usize {
    let (mut done, mut peer_done) = (false, false);
    for call in 0..100_000 {
        if !done {
            done = match turns.is_rusts(call) {
                true => rust_shakes(subject),
                false => c_shakes(subject).expect("no failure"),
            };
        }
        if !peer_done {
            peer_done = c_shakes(peer).expect("no failure");
        }
        if done && peer_done {
            return call + 1;
        }
        // The tickets of a server that is not done need room.
        for (ssl, done) in [(subject, done), (peer, peer_done)] {
            assert!(!done || c_reads(ssl) == Err(sys::SSL_ERROR_WANT_READ));
        }
        wire.move_up_to(trickle);
    }
    panic!("both wait for each other");
}

struct World {
    subject: *mut sys::SSL,
    peer: *mut sys::SSL,
    wire: Wire,
}

impl World {
    /// Two objects of C's, of which the first plays this role.
    fn new(version: Version, role: Role, under: Under) -> Self {
        let (client, server) = version.contexts();
        Self::of(&client, &server, role, under)
    }

    fn of(client: &SslContext, server: &SslContext, role: Role, under: Under) -> Self {
        let (client, server, wire) = both_by_c(client, server, under);
        match role {
            Role::Client => Self { subject: client, peer: server, wire },
            Role::Server => Self { subject: server, peer: client, wire },
        }
    }

    /// Data goes both ways, with C at both ends.
    fn assert_works(&mut self) {
        for (from, to) in [(self.subject, self.peer), (self.peer, self.subject)] {
            let data = b"from one to the other";
            let (mut written, mut came) = (false, Vec::new());
            for _ in 0..100 {
                // A full buffer asks for the same call again.
                written = written || c_tries_to_write(from, data);
                self.wire.move_up_to(1000);
                came.extend(c_reads_all(to).0);
            }
            assert!(written && came == data, "{came:?}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: C's references.
        unsafe {
            sys::SSL_free(self.subject);
            sys::SSL_free(self.peer);
        }
    }
}

/// Each byte, and each full buffer, is a point at which the handshake changes hands.
#[test]
fn a_handshake_changes_hands_at_every_suspension() {
    for version in VERSIONS {
        for role in [Role::Client, Role::Server] {
            for under in UNDERS {
                for turns in [Turns::CThenRust, Turns::RustThenC] {
                    let mut world = World::new(version, role, under);
                    let calls = shake(world.subject, world.peer, &mut world.wire, 1, turns);
                    assert!(calls > 300, "{version:?} {role:?} {under:?}: {calls}");
                    world.assert_works();
                }
            }
        }
    }
}

#[test]
fn a_handshake_that_changes_hands_once_ends_as_any_other() {
    for version in VERSIONS {
        for role in [Role::Client, Role::Server] {
            for under in UNDERS {
                let mut world = World::new(version, role, under);
                let calls = shake(world.subject, world.peer, &mut world.wire, 100, Turns::CFor(usize::MAX));
                drop(world);
                for calls in 1..=calls {
                    for turns in [Turns::CFor(calls), Turns::RustFor(calls)] {
                        let mut world = World::new(version, role, under);
                        shake(world.subject, world.peer, &mut world.wire, 100, turns);
                        world.assert_works();
                    }
                }
            }
        }
    }
}

/// What C began ends in Rust's typestate, which reads and writes.
#[test]
fn what_c_began_rust_ends_and_uses() {
    for version in VERSIONS {
        for role in [Role::Client, Role::Server] {
            let mut world = World::new(version, role, Under::Pair(17_000));
            assert_eq!(c_shakes(world.subject), Some(false));
            // SAFETY: the object is live, and gets one more reference, which is this test's.
            let ssl = unsafe { Ssl::share_from_ptr(world.subject) }.unwrap();
            let mut handshake = Handshake::adopt(ssl).expect("C began it");
            assert_eq!(handshake.wants(), Some(Want::Read));
            let mut connected = loop {
                let _ = c_shakes(world.peer).expect("no failure");
                world.wire.move_all();
                handshake = match handshake.resume() {
                    Ok(connected) => break connected,
                    Err(error) => error.into_handshake().expect("no failure"),
                };
            };
            world.wire.move_all();
            assert_eq!(c_shakes(world.peer), Some(true));
            connected.write_all(b"there").unwrap();
            world.wire.move_all();
            assert_eq!(c_reads_all(world.peer), (b"there".to_vec(), sys::SSL_ERROR_WANT_READ));
            c_writes(world.peer, b"and back");
            world.wire.move_all();
            assert_eq!(read_now(&mut connected), b"and back");
            assert_eq!(connected.ssl().as_ptr(), world.subject);
        }
    }
}

/// Lets C end the handshake of an object that Rust began over a transport of Rust's, against a server in Rust.
fn c_ends_it(ssl: *mut sys::SSL, server: Turn<crate::common::Duplex>) -> Connected<crate::common::Duplex> {
    let mut server = server;
    loop {
        server = server.next();
        let done = c_shakes(ssl).expect("no failure");
        match server {
            Turn::Over(side) if done => return side.expect("a connection"),
            waits => server = waits,
        }
    }
}

fn talk_in_c(ssl: *mut sys::SSL, server: &mut Connected<crate::common::Duplex>) {
    c_writes(ssl, b"from C");
    assert_eq!(read_now(server), b"from C");
    server.write_all(b"to C").unwrap();
    assert_eq!(c_reads_all(ssl).0, b"to C");
}

/// C frees the stream with the object, so that the peer sees the end of it.
#[test]
fn what_rust_began_over_a_stream_of_its_own_c_ends() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        for ahead in [false, true] {
            let (left, right) = duplex();
            let server = Turn::of(Ssl::new(&server_context).unwrap().accept(right));
            let ssl = if ahead {
                let Err(HandshakeError::WantRead(handshake)) =
                    client_ssl(&client_context).connect(ReadAhead::new(left))
                else {
                    panic!("it waits")
                };
                handshake.into_ssl()
            } else {
                let Err(HandshakeError::WantRead(handshake)) = client_ssl(&client_context).connect(left)
                else {
                    panic!("it waits")
                };
                handshake.into_ssl()
            };
            let ssl = ssl.into_ptr();
            let mut server = c_ends_it(ssl, server);
            talk_in_c(ssl, &mut server);
            // SAFETY: C's reference, which is the only one.
            unsafe { sys::SSL_free(ssl) };
            let end = server.read(&mut [0]).unwrap_err();
            assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
        }
    }
}

#[test]
fn what_was_read_ahead_goes_to_c_too() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, right) = duplex();
        let client = Turn::of(client_ssl(&client_context).connect(ReadAhead::new(left)));
        let server = Turn::of(Ssl::new(&server_context).unwrap().accept(right));
        let (mut client, mut server) = crate::support::finish(client, server);
        read_now(&mut client);
        for n in 0..20_u8 {
            server.write_all(&[n]).unwrap();
        }
        // One record is asked for, all are read.
        client.read_exact(&mut [0]).unwrap();
        assert!(client.has_pending_read());
        let ssl = client.into_ssl().expect("no write waits").into_ptr();
        assert_eq!(c_reads_all(ssl).0, (1..20).collect::<Vec<u8>>());
        // SAFETY: C's reference, which is the only one.
        unsafe { sys::SSL_free(ssl) };
    }
}

#[test]
fn what_rust_began_over_a_socket_c_ends_and_closes() {
    for version in VERSIONS {
        for owned in [true, false] {
            let (client_context, server_context) = version.contexts();
            let (ours, mut theirs) = unix_pair();
            ours.set_nonblocking(true).unwrap();
            // What is not owned stays the caller's.
            let kept = (!owned).then(|| ours.try_clone().unwrap());
            let socket = match &kept {
                // SAFETY: it stays open until the object is freed.
                Some(kept) => Socket::borrowed(unsafe { BorrowedFd::borrow_raw(kept.as_raw_fd()) }),
                None => Socket::new(ours),
            };
            let Err(HandshakeError::WantRead(handshake)) = client_ssl(&client_context).connect(socket) else {
                panic!("it waits")
            };
            let ssl = handshake.into_ssl().into_ptr();
            theirs.set_nonblocking(true).unwrap();
            let mut server = Turn::of(Ssl::new(&server_context).unwrap().accept(&mut theirs));
            loop {
                let done = c_shakes(ssl).expect("no failure");
                server = server.next();
                if done && matches!(server, Turn::Over(_)) {
                    break;
                }
            }
            c_reads_all(ssl);
            // SAFETY: C's reference, which is the only one.
            unsafe { sys::SSL_free(ssl) };
            let Turn::Over(Ok(mut server)) = server else { panic!("{server:?}") };
            let error = server.read(&mut [0]).unwrap_err();
            let expected =
                if owned { std::io::ErrorKind::UnexpectedEof } else { std::io::ErrorKind::WouldBlock };
            assert_eq!(error.kind(), expected, "C closed what it owned");
        }
    }
}

#[test]
fn what_rust_began_over_a_pair_c_ends_with_both_halves() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let Err(HandshakeError::WantRead(handshake)) =
            client_ssl(&client_context).connect(Pair::new(0, 0).unwrap())
        else {
            panic!("it waits")
        };
        let (ssl, outer) = handshake.into_ptrs();
        let (server, server_end) = made_by_c(&server_context, Role::Server, Under::Pair(17_000));
        // SAFETY: the reference that `into_ptrs` gave.
        let client_end: Wired = unsafe { end_of(outer) };
        let mut world = World { subject: ssl, peer: server, wire: wire(client_end, server_end) };
        shake(ssl, server, &mut world.wire, 100, Turns::CFor(usize::MAX));
        world.assert_works();
    }
}

#[test]
fn what_is_not_in_the_middle_of_a_handshake_is_not_adopted_as_such() {
    for version in VERSIONS {
        let mut world = World::new(version, Role::Client, Under::Pair(17_000));
        // SAFETY: the object is live; each time one more reference comes and goes.
        let shared = || unsafe { Ssl::share_from_ptr(world.subject) }.unwrap();
        let failure = Handshake::adopt(shared()).expect_err("it has not begun");
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        assert!(failure.error().to_string().contains("not begun"), "{}", failure.error());
        let failure = Connected::adopt(shared()).expect_err("it is not connected");
        assert_eq!(failure.kind(), ErrorKind::NotReady);

        c_shakes(world.subject);
        let failure = Connected::adopt(shared()).expect_err("it is not connected");
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        let (_, ssl, Existing) = failure.into_parts();
        drop(ssl);

        shake(world.subject, world.peer, &mut world.wire, 1000, Turns::CFor(usize::MAX));
        // SAFETY: as above.
        let shared = unsafe { Ssl::share_from_ptr(world.subject) }.unwrap();
        let failure = Handshake::adopt(shared).expect_err("it is done");
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        assert!(failure.error().to_string().contains("is done"), "{}", failure.error());
        drop(failure);
        world.assert_works();
    }
}

#[test]
fn an_object_without_bios_is_not_adopted() {
    let (context, _) = Version::Tls13.contexts();
    let (ssl, end) = made_by_c(&context, Role::Client, Under::Pair(17_000));
    // SAFETY: the object is live and this test's.
    let ssl = unsafe {
        libssl::SslRef::from_ptr_mut(ssl).set_server_name("localhost").unwrap();
        assert_eq!(c_shakes(ssl), Some(false));
        openssl_sys_ext::SSL_set0_rbio(ssl, std::ptr::null_mut());
        Ssl::from_ptr(ssl)
    };
    let failure = Handshake::adopt(ssl).expect_err("it cannot read");
    assert_eq!(failure.kind(), ErrorKind::NoTransport);
    drop((failure, end));
}

#[test]
fn a_handshake_that_failed_in_c_is_dead_here() {
    for version in VERSIONS {
        let mut world = World::new(version, Role::Client, Under::Pair(17_000));
        c_shakes(world.subject);
        world.wire.move_all();
        // A handshake message that there is not.
        // SAFETY: the object is live, and lends its BIO, to which the bytes go.
        unsafe {
            let bio = sys::SSL_get_wbio(world.peer);
            sys::BIO_write(bio, [0x16_u8, 3, 3, 0, 4, 0xff, 0, 0, 0].as_ptr().cast(), 9);
        }
        world.wire.move_all();
        assert_eq!(c_shakes(world.subject), None);
        // SAFETY: the object is live, and gets one more reference.
        let ssl = unsafe { Ssl::share_from_ptr(world.subject) }.unwrap();
        let failure = Handshake::adopt(ssl).expect_err("it failed");
        assert_eq!(failure.kind(), ErrorKind::Poisoned, "{failure:?}");
    }
}

/// A callback that asks for time suspends C's call, and Rust's goes on once it has the answer; and the other way round.
#[test]
fn a_handshake_that_a_callback_suspended_changes_hands() {
    for version in VERSIONS {
        for rust_meets_it in [false, true] {
            for want in [Want::ClientHello, Want::X509Lookup, Want::RetryVerify] {
                let asked = Arc::new(AtomicUsize::new(0));
                let count = || {
                    let asked = Arc::clone(&asked);
                    move || asked.fetch_add(1, Ordering::Relaxed) > 0
                };
                let (mut client, mut server) = (version.client_builder(), version.server_builder());
                let ready = count();
                match want {
                    Want::ClientHello => server.set_client_hello_cb(move |_| match ready() {
                        true => ClientHelloDecision::Accept,
                        false => ClientHelloDecision::Suspend,
                    }),
                    Want::X509Lookup => server.set_cert_cb(move |_| match ready() {
                        true => CertificateDecision::Accept,
                        false => CertificateDecision::Suspend,
                    }),
                    _ => client.set_verify_callback(SslVerifyMode::PEER, move |view| {
                        if view.depth() == 0 && !ready() {
                            view.suspend().expect("a client may");
                        }
                        true
                    }),
                }
                .unwrap();
                let role = if want == Want::RetryVerify { Role::Client } else { Role::Server };
                let mut world = World::of(&client.build(), &server.build(), role, Under::Pair(17_000));
                let mut met = 0;
                let mut done = (false, false);
                while done != (true, true) {
                    if !done.0 {
                        // Whoever meets the suspension, the other one makes the next call.
                        if (met % 2 == 0) == rust_meets_it {
                            done.0 = rust_shakes(world.subject);
                        } else {
                            done.0 = c_shakes(world.subject).unwrap_or_default();
                        }
                        if !done.0 && adopted(world.subject) == Some(want) {
                            met += 1;
                        }
                    }
                    done.1 = done.1 || c_shakes(world.peer).expect("no failure");
                    world.wire.move_all();
                }
                assert_eq!(met, 1, "{version:?} {want:?}");
                assert!(asked.load(Ordering::Relaxed) > 1);
                world.assert_works();
            }
        }
    }
}

/// What Rust finds that C's call waits for.
fn adopted(ssl: *mut sys::SSL) -> Option<Want> {
    // SAFETY: the object is live, and gets one more reference, which is dropped here.
    let ssl = unsafe { Ssl::share_from_ptr(ssl) }.unwrap();
    Handshake::adopt(ssl).expect("a handshake under way").wants()
}
