//! Connections that change hands: whole, with a write that is not finished, half shut down, and failed.

use std::ffi::c_long;
use std::io::{ErrorKind as IoErrorKind, Read, Write};

use libssl::bio::{Existing, Pair};
use libssl::connected::ShutdownProgress;
use libssl::ssl::ShutdownState;
use libssl::{Connected, ErrorKind, Role, Ssl, SslContext, SslRef, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{Turn, client_ssl};
use crate::support::{VERSIONS, Version, read_all, read_now};
use crate::world::{
    Under, Wire, both_by_c, c_reads, c_reads_all, c_shakes, c_tries_to_write, c_writes, end_of, made_by_c,
    wire,
};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Two objects of C's that C connected.
struct World {
    /// The test's, until it goes to Rust.
    subject: *mut sys::SSL,
    peer: *mut sys::SSL,
    wire: Wire,
}

impl World {
    fn new(version: Version, role: Role, under: Under) -> Self {
        let (client, server) = version.contexts();
        Self::of(&client, &server, role, under)
    }

    fn of(client: &SslContext, server: &SslContext, role: Role, under: Under) -> Self {
        let (client, server, mut wire) = both_by_c(client, server, under);
        for _ in 0..10_000 {
            let done = [client, server].map(|ssl| c_shakes(ssl).unwrap());
            wire.move_up_to(1000);
            if done == [true, true] {
                break;
            }
        }
        wire.move_all();
        assert_eq!(c_reads_all(client), (vec![], sys::SSL_ERROR_WANT_READ));
        let (subject, peer) = if role == Role::Client { (client, server) } else { (server, client) };
        Self { subject, peer, wire }
    }

    /// Rust takes the subject over, with C's reference.
    fn adopt(&self) -> Connected<Existing> {
        Connected::adopt(self.take()).expect("a connection")
    }

    fn take(&self) -> Ssl {
        // SAFETY: the object is live, with the reference of this world, which gives it up.
        unsafe { Ssl::from_ptr(self.subject) }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: C's reference.
        unsafe { sys::SSL_free(self.peer) };
    }
}

fn mode(ssl: *mut sys::SSL) -> c_long {
    // SAFETY: the object is live, and the call only reads it.
    unsafe { ext::SSL_get_mode(ssl) }
}

#[test]
fn a_connection_goes_to_rust_and_back() {
    for version in VERSIONS {
        for role in ROLES {
            for under in [Under::Pair(17_000), Under::Socket] {
                let mut world = World::new(version, role, under);
                let modes = mode(world.subject);
                for round in 0..3_u8 {
                    let mut connected = world.adopt();
                    connected.write_all(&[round; 100]).unwrap();
                    connected.flush().unwrap();
                    world.wire.move_all();
                    assert_eq!(c_reads(world.peer), Ok(vec![round; 100]));
                    c_writes(world.peer, b"to Rust, and to C");
                    world.wire.move_all();
                    let mut first = [0; 7];
                    connected.read_exact(&mut first).unwrap();
                    assert_eq!(&first, b"to Rust");
                    // What libssl holds, C reads.
                    let ssl = connected.into_ssl().expect("no write waits").into_ptr();
                    assert_eq!(ssl, world.subject);
                    assert_eq!(mode(ssl), modes, "C counts on writes that are whole");
                    assert_eq!(c_reads(ssl), Ok(b", and to C".to_vec()));
                    c_writes(ssl, b"from C");
                    world.wire.move_all();
                    assert_eq!(c_reads(world.peer), Ok(b"from C".to_vec()));
                }
                drop(world.take());
            }
        }
    }
}

#[test]
fn the_modes_are_as_they_were_when_it_is_taken_apart() {
    let world = World::new(Version::Tls13, Role::Client, Under::Pair(17_000));
    // SAFETY: the object is live and nobody else's.
    unsafe { ext::SSL_set_mode(world.subject, sys::SSL_MODE_ENABLE_PARTIAL_WRITE) };
    let modes = mode(world.subject);
    let parts = world.adopt().into_parts().expect("nothing waits");
    assert_eq!(mode(parts.ssl.as_ptr()), modes);
    assert!(!parts.ssl.rbio().is_null(), "and C's BIOs are there");
}

#[test]
fn a_write_of_c_that_waits_is_finished_first() {
    for version in VERSIONS {
        for role in ROLES {
            let mut world = World::new(version, role, Under::Pair(1000));
            let data: Vec<u8> = (0..5000_u32).map(|n| (n % 251) as u8).collect();
            assert!(!c_tries_to_write(world.subject, &data));

            let failure = Connected::adopt(world.take()).expect_err("C's write waits");
            assert_eq!(failure.kind(), ErrorKind::NotReady);
            let (_, ssl, Existing) = failure.into_parts();
            let mut connected = Connected::adopt_writing(ssl, &data).expect("a connection");
            assert!(connected.has_pending_write());
            let connected_again = connected.into_ssl().expect_err("a write waits");
            connected = connected_again;
            let mut came = Vec::new();
            loop {
                world.wire.move_all();
                came.extend(c_reads_all(world.peer).0);
                match connected.flush() {
                    Ok(()) => break,
                    Err(error) => assert_eq!(error.kind(), IoErrorKind::WouldBlock),
                }
            }
            connected.write_all(b" and more").unwrap();
            connected.flush().unwrap();
            world.wire.move_all();
            came.extend(c_reads_all(world.peer).0);
            assert_eq!(came, [&data[..], b" and more"].concat(), "{version:?} {role:?}");
        }
    }
}

#[test]
fn a_pair_goes_to_c_with_its_connection() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (server, mut server_end) = made_by_c(&server_context, Role::Server, Under::Pair(17_000));
        let mut turn = Turn::of(client_ssl(&client_context).connect(Pair::new(0, 0).unwrap()));
        let mut connected = loop {
            match turn {
                Turn::Over(side) => break side.expect("a connection"),
                Turn::Waits(mut handshake) => {
                    let out = handshake.channel_mut().drain_to_vec();
                    let back = through(&mut server_end, server, &out);
                    handshake.channel_mut().feed(&back);
                    turn = Turn::of(handshake.resume());
                }
            }
        };
        let out = connected.channel_mut().drain_to_vec();
        let back = through(&mut server_end, server, &out);
        connected.channel_mut().feed(&back);
        let (ssl, outer) = connected.into_ptrs().expect("no write waits");
        // SAFETY: the reference that `into_ptrs` gave.
        let mut wire = wire(unsafe { end_of(outer) }, server_end);
        c_writes(ssl, b"from C");
        wire.move_all();
        assert_eq!(c_reads_all(server).0, b"from C");
        c_writes(server, b"to C");
        wire.move_all();
        assert_eq!(c_reads_all(ssl).0, b"to C");
        // SAFETY: C's references.
        unsafe {
            sys::SSL_free(ssl);
            sys::SSL_free(server);
        }
    }
}

/// Gives bytes to an object, lets it shake hands, and takes what it sends.
fn through(end: &mut crate::world::Wired, ssl: *mut sys::SSL, bytes: &[u8]) -> Vec<u8> {
    assert_eq!(end.give(bytes), bytes.len());
    let _ = c_shakes(ssl);
    end.take_all()
}

#[test]
fn what_c_shut_down_goes_on_half_closed() {
    for version in VERSIONS {
        for role in ROLES {
            let mut world = World::new(version, role, Under::Pair(17_000));
            c_writes(world.peer, b"unread");
            // SAFETY: the object is live and nobody else's.
            assert_eq!(unsafe { sys::SSL_shutdown(world.subject) }, 0, "sent");
            world.wire.move_all();
            let mut connected = world.adopt();
            assert_eq!(connected.ssl().shutdown_state(), ShutdownState::SENT);
            // SSL_shutdown(3) would break the connection here.
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Unread);
            assert_eq!(read_now(&mut connected), b"unread");
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Wants(Want::Read));

            assert_eq!(c_reads(world.peer), Err(sys::SSL_ERROR_ZERO_RETURN));
            // SAFETY: as above.
            assert_eq!(unsafe { sys::SSL_shutdown(world.peer) }, 1);
            world.wire.move_all();
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Complete);
            assert!(read_all(&mut connected).1.is_ok(), "a clean end");
        }
    }
}

/// The buffer is full, so that C's close_notify waits inside libssl, which says "sent" already.
#[test]
fn a_close_notify_that_c_began_goes_out() {
    for version in VERSIONS {
        for role in ROLES {
            let mut world = World::new(version, role, Under::Pair(1000));
            c_writes(world.peer, b"unread");
            fill(world.subject);
            // SAFETY: the object is live and nobody else's.
            assert_eq!(unsafe { sys::SSL_shutdown(world.subject) }, -1, "it waits");
            let mut connected = world.adopt();
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Wants(Want::Write));
            assert_eq!(connected.ssl().shutdown_state(), ShutdownState::SENT);
            world.wire.move_all();
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Unread);
            let mut end = sys::SSL_ERROR_WANT_READ;
            for _ in 0..10 {
                world.wire.move_all();
                end = c_reads_all(world.peer).1;
            }
            assert_eq!(end, sys::SSL_ERROR_ZERO_RETURN, "{version:?} {role:?}");
            assert_eq!(read_now(&mut connected), b"unread");
        }
    }
}

/// Writes until there is less room than a close_notify needs, which has 24 bytes or more.
fn fill(ssl: *mut sys::SSL) {
    // SAFETY: the object is live, and lends its BIO (get0).
    let room = || unsafe { ext::BIO_ctrl_get_write_guarantee(sys::SSL_get_wbio(ssl)) };
    let before = room();
    c_writes(ssl, b"1");
    let frame = before - room() - 1;
    c_writes(ssl, &vec![8; room() - frame - 10]);
    assert_eq!(room(), 10);
}

#[test]
fn what_the_peer_shut_down_can_still_be_written_to() {
    for version in VERSIONS {
        for role in ROLES {
            let mut world = World::new(version, role, Under::Pair(17_000));
            // SAFETY: the object is live and nobody else's.
            assert_eq!(unsafe { sys::SSL_shutdown(world.peer) }, 0);
            world.wire.move_all();
            assert_eq!(c_reads(world.subject), Err(sys::SSL_ERROR_ZERO_RETURN));
            let mut connected = world.adopt();
            assert_eq!(connected.read(&mut [0; 10]).unwrap(), 0, "the clean end");
            connected.write_all(b"last words").unwrap();
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Complete);
            world.wire.move_all();
            assert_eq!(c_reads_all(world.peer), (b"last words".to_vec(), sys::SSL_ERROR_ZERO_RETURN));
        }
    }
}

#[test]
fn what_rust_shut_down_c_ends() {
    for version in VERSIONS {
        for role in ROLES {
            let mut world = World::new(version, role, Under::Socket);
            let mut connected = world.adopt();
            assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Sent);
            let ssl = connected.into_ssl().expect("it is out").into_ptr();
            world.wire.move_all();
            assert_eq!(c_reads(world.peer), Err(sys::SSL_ERROR_ZERO_RETURN));
            // SAFETY: the objects are live and nobody else's.
            unsafe {
                assert_eq!(sys::SSL_shutdown(world.peer), 1);
                world.wire.move_all();
                assert_eq!(sys::SSL_shutdown(ssl), 1, "both have");
            }
            drop(world.take());
        }
    }
}

/// How many sessions the cache has. A session of TLS 1.3 without a ticket, or of TLS 1.2, is put there.
fn cached(context: &SslContext) -> c_long {
    // SAFETY: the context is live.
    unsafe { ext::SSL_CTX_sess_number(context.as_ptr()) }
}

/// To read it, C takes a fatal alert of the peer's for a clean end, on some versions.
#[test]
fn what_failed_in_c_is_refused_and_its_session_forgotten() {
    for version in VERSIONS {
        let (client_context, mut server_builder) =
            (version.client_builder().build(), version.server_builder());
        server_builder.set_options(libssl::context::SslOptions::NO_TICKET);
        // SAFETY: the context is this test's.
        unsafe {
            sys::SSL_CTX_ctrl(
                server_builder.as_ptr(),
                sys::SSL_CTRL_SET_SESS_CACHE_MODE,
                2,
                std::ptr::null_mut(),
            );
        }
        let server_context = server_builder.build();
        for connected_first in [false, true] {
            let mut world = World::of(&client_context, &server_context, Role::Server, Under::Pair(17_000));
            let before = cached(&server_context);
            assert!(before > 0, "{version:?}");
            world.wire.move_all();
            let sent = world.wire.moved[1].len();
            if connected_first {
                let mut connected = world.adopt();
                connected.mark_failed("C saw a fatal alert").unwrap();
                assert!(connected.ssl().is_poisoned());
                let error = connected.write(b"more").unwrap_err();
                let error = crate::support::inner(&error);
                assert_eq!(error.kind(), ErrorKind::Poisoned);
                assert!(error.earlier().unwrap().to_string().contains("C saw a fatal alert"));
                assert_eq!(connected.shutdown().unwrap(), ShutdownProgress::Skipped);
                drop(connected);
            } else {
                let mut ssl = world.take();
                ssl.mark_failed("C saw a fatal alert").unwrap();
                let failure = Connected::adopt(ssl).expect_err("it is dead");
                assert_eq!(failure.kind(), ErrorKind::Poisoned);
                let (error, mut ssl, Existing) = failure.into_parts();
                assert!(error.earlier().unwrap().to_string().contains("C saw a fatal alert"));
                let refusal = SslRef::shutdown(&mut ssl).unwrap_err();
                assert_eq!(refusal.error().unwrap().kind(), ErrorKind::Poisoned);
            }
            world.wire.move_all();
            assert_eq!(world.wire.moved[1].len(), sent, "no close_notify");
            assert!(cached(&server_context) < before, "{version:?}: the session is gone");
        }
    }
}

#[test]
fn an_object_that_has_not_begun_cannot_have_failed() {
    let (client, _) = Version::Tls13.contexts();
    let mut ssl = client_ssl(&client);
    ssl.mark_failed("nothing").unwrap();
    assert!(!ssl.is_poisoned());
}

/// Who made the object decides about its session: C, which frees it without a shutdown, spoils it; what came from C is not
/// marked as shut down by Rust's drop either.
#[test]
fn what_was_cs_is_never_marked_as_shut_down() {
    let world = World::new(Version::Tls12, Role::Client, Under::Pair(17_000));
    let ours = {
        // SAFETY: the object is live, and gets one more reference.
        let shared = unsafe { Ssl::share_from_ptr(world.subject) }.unwrap();
        Connected::adopt(shared).expect("a connection")
    };
    drop(ours);
    // SAFETY: the object is live: C has a reference.
    let state = unsafe { SslRef::from_ptr(world.subject) }.shutdown_state();
    assert_eq!(state, ShutdownState::empty(), "C goes on");
    c_writes(world.subject, b"on it goes");
    drop(world.take());
}

/// A BIO that has the object does not make it C's: its drop is silent, and its session stays.
#[test]
fn what_goes_into_a_bio_of_rusts_is_still_rusts() {
    for version in VERSIONS {
        for take_out in [false, true] {
            let (client_context, mut server_builder) =
                (version.client_builder().build(), version.server_builder());
            server_builder.set_options(libssl::context::SslOptions::NO_TICKET);
            let server_context = server_builder.build();
            let (left, right) = crate::common::duplex();
            let server = Ssl::new(&server_context).unwrap();
            let (client, server) =
                crate::common::shake_over(client_ssl(&client_context), left, server, right);
            let mut client = client.unwrap();
            let ssl = server.unwrap().into_ssl().expect("no write waits");
            read_all(&mut client).1.expect_err("it goes on");
            let cached_before = cached(&server_context);

            let bio = libssl::bio::SslBio::from_ssl(ssl).expect("a BIO");
            if take_out {
                drop(bio.into_ssl().expect("the object"));
            } else {
                drop(bio);
            }
            assert_eq!(client.channel().waiting(), 0, "{version:?}: nothing was sent");
            assert_eq!(cached(&server_context), cached_before, "{version:?}");
        }
    }
}
