//! SSL objects in every state and of every origin: ours, C's, used, copied, cleared, taken apart and dropped.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, Read, Write};

use common::{Duplex, Fault, Turn, client_ssl, duplex, shake_over};
use libssl::bio::{Channel, ReadAhead};
use libssl::connected::ShutdownProgress;
use libssl::ssl::ShutdownState;
use libssl::{
    Alert, Connected, ErrorKind, Handshake, HandshakeError, HandshakeFailure, Role, Ssl, SslContext, SslRef,
};
use openssl_sys as sys;
use openssl_sys_ext as ext;
use support::{VERSIONS, Version, assert_works, finish, inner, read_all, read_now};

fn server_ssl(context: &SslContext) -> Ssl {
    Ssl::new(context).expect("SSL_new")
}

/// The failure of a handshake that did not even begin.
fn refused<C: Channel>(result: Result<Connected<C>, HandshakeError<C>>) -> HandshakeFailure<C> {
    match result {
        Err(HandshakeError::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

/// Nothing was read, written or flushed.
fn assert_untouched(channel: &Duplex) {
    assert_eq!(channel.calls, (0, 0, 0));
}

fn suspended<C: Channel>(result: Result<Connected<C>, HandshakeError<C>>) -> Handshake<C> {
    match result {
        Err(HandshakeError::WantRead(handshake)) => handshake,
        other => panic!("{other:?}"),
    }
}

/// The client's object after a complete handshake, taken out of its connection.
fn used(version: Version) -> Ssl {
    let (client, _server) = version.connected();
    client.into_parts_discarding().ssl
}

#[test]
fn an_object_that_shook_hands_begins_no_other_handshake() {
    for version in VERSIONS {
        for as_client in [true, false] {
            let ssl = used(version);
            let (channel, _peer) = duplex();
            let failure = refused(if as_client { ssl.connect(channel) } else { ssl.accept(channel) });
            assert_eq!(failure.kind(), ErrorKind::NotReady, "{version:?}");
            assert!(!failure.ssl().is_poisoned());
            let (_, ssl, channel) = failure.into_parts();
            assert_untouched(&channel);
            // It still says what was negotiated.
            assert!(ssl.is_init_finished());
        }
    }
}

#[test]
fn an_object_that_shook_hands_goes_on_over_another_channel() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        read_now(&mut client);
        let parts = client.into_parts().expect("nothing is left to read");
        let client = parts.ssl.do_handshake(parts.channel);
        let mut client = client.expect("the connection, without another handshake");
        assert_works(&mut client, &mut server);
    }
}

#[test]
fn an_object_in_the_middle_begins_no_other_handshake_but_goes_on_with_its_own() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, right) = duplex();
        let handshake = suspended(client_ssl(&client_context).connect(left));
        let (ssl, channel) = handshake.into_parts();
        let calls = channel.calls;
        let failure = refused(ssl.connect(channel));
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        let (_, ssl, channel) = failure.into_parts();
        let failure = refused(ssl.accept(channel));
        assert_eq!(failure.kind(), ErrorKind::NotReady);
        let (_, ssl, channel) = failure.into_parts();
        assert_eq!(channel.calls, calls, "{version:?}: no byte moved");

        let client = Turn::of(ssl.do_handshake(channel));
        let server = Turn::of(server_ssl(&server_context).accept(right));
        let (mut client, mut server) = finish(client, server);
        assert_works(&mut client, &mut server);
    }
}

#[test]
fn a_dead_object_begins_no_other_handshake_and_tells_why() {
    for version in VERSIONS {
        let (client_context, _) = version.contexts();
        let (left, mut right) = duplex();
        right.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("a write");
        let failure = refused(client_ssl(&client_context).connect(left));
        assert_eq!(failure.kind(), ErrorKind::Protocol);
        assert!(failure.ssl().is_poisoned());
        let (error, mut ssl, mut channel) = failure.into_parts();
        let moved = channel.moved();
        for call in 0..3 {
            let failure = refused(match call {
                0 => ssl.connect(channel),
                1 => ssl.accept(channel),
                _ => ssl.do_handshake(channel),
            });
            assert_eq!(failure.kind(), ErrorKind::Poisoned, "{version:?}");
            let story = failure.error().earlier().expect("the first failure");
            assert_eq!((story.kind(), story.call()), (error.kind(), error.call()));
            assert_eq!(story.stack().iter().count(), error.stack().iter().count());
            (_, ssl, channel) = failure.into_parts();
        }
        assert_eq!(channel.moved(), moved, "{version:?}: no byte moved");
    }
}

#[test]
fn an_object_of_the_other_role_is_refused() {
    let (client_context, server_context) = Version::Tls13.contexts();
    let mut ssl = client_ssl(&client_context);
    ssl.set_accept_state();
    let (channel, _peer) = duplex();
    let failure = refused(ssl.connect(channel));
    assert_eq!(failure.kind(), ErrorKind::WrongRole);
    let (_, mut ssl, channel) = failure.into_parts();
    assert_untouched(&channel);
    // It was not harmed.
    ssl.set_connect_state();
    drop(suspended(ssl.connect(channel)));

    let mut ssl = server_ssl(&server_context);
    ssl.set_connect_state();
    let (channel, _peer) = duplex();
    let failure = refused(ssl.accept(channel));
    assert_eq!(failure.kind(), ErrorKind::WrongRole);
    let (_, mut ssl, channel) = failure.into_parts();
    assert_untouched(&channel);
    ssl.set_accept_state();
    drop(suspended(ssl.accept(channel)));
}

/// Here nobody chose a role, but the context's method has only one.
#[test]
fn a_context_of_the_other_role_is_refused() {
    let (client_context, server_context) = Version::Tls13.contexts();
    let (channel, _peer) = duplex();
    let failure = refused(server_ssl(&server_context).connect(channel));
    assert_eq!(failure.kind(), ErrorKind::WrongRole, "{failure:?}");
    assert_eq!(failure.into_parts().2.calls.1, 0);
    let (channel, _peer) = duplex();
    let failure = refused(client_ssl(&client_context).accept(channel));
    assert_eq!(failure.kind(), ErrorKind::WrongRole, "{failure:?}");
    assert_eq!(failure.into_parts().2.calls.1, 0);
}

#[test]
fn a_client_without_a_name_sends_nothing() {
    let (client_context, server_context) = Version::Tls13.contexts();
    for call in 0..3 {
        let mut ssl = Ssl::new(&client_context).expect("SSL_new");
        let (channel, right) = duplex();
        let failure = refused(match call {
            0 => ssl.connect(channel),
            1 => {
                ssl.set_connect_state();
                ssl.do_handshake(channel)
            }
            // The role comes from the method alone.
            _ => ssl.do_handshake(channel),
        });
        if call == 2 {
            // C calls a client's object without a role uninitialised, which it says first or we do.
            assert!(matches!(failure.kind(), ErrorKind::NoServerName | ErrorKind::NotReady), "{failure:?}");
            assert_untouched(&failure.into_parts().2);
            continue;
        }
        assert_eq!(failure.kind(), ErrorKind::NoServerName);
        assert!(!failure.ssl().is_poisoned());
        let (_, mut ssl, channel) = failure.into_parts();
        assert_untouched(&channel);
        // With a name it does.
        ssl.set_server_name("localhost").expect("a name");
        let (client, server) = shake_over(ssl, channel, server_ssl(&server_context), right);
        assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    }
    let mut ssl = Ssl::new(&client_context).expect("SSL_new");
    let (channel, mut peer) = duplex();
    ssl.set_stream(channel).expect("a BIO");
    let error = ssl.connect_mirrored();
    assert_eq!(error, Some(ErrorKind::NoServerName));
    assert_eq!(peer.take_incoming(), b"");
}

/// SSL_connect as the mirror layer has it, for the kind of its failure.
trait Mirror {
    fn connect_mirrored(&mut self) -> Option<ErrorKind>;
}

impl Mirror for Ssl {
    fn connect_mirrored(&mut self) -> Option<ErrorKind> {
        let ssl: &mut SslRef = self;
        ssl.connect().err().and_then(|error| error.error().map(libssl::Error::kind))
    }
}

/// An object made by C, with one reference that is ours.
fn adopted(context: &SslContext) -> Ssl {
    // SAFETY: the context is live; the new object's one reference goes to `Ssl`.
    unsafe {
        let ssl = sys::SSL_new(context.as_ptr());
        assert!(!ssl.is_null());
        Ssl::from_ptr(ssl)
    }
}

#[test]
fn an_adopted_object_does_all_that_ours_does() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, right) = duplex();
        let failure = refused(adopted(&client_context).connect(left));
        assert_eq!(failure.kind(), ErrorKind::NoServerName, "the context's demand holds for C's objects");
        let (_, mut ssl, left) = failure.into_parts();
        ssl.set_server_name("localhost").expect("a name");
        let (client, server) = shake_over(ssl, left, adopted(&server_context), right);
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        assert_works(&mut client, &mut server);
        assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Sent);
    }
}

#[test]
fn a_role_that_c_set_does_not_make_connect_a_server() {
    let (client_context, _) = Version::Tls13.contexts();
    let mut ssl = adopted(&client_context);
    ssl.set_server_name("localhost").expect("a name");
    // SAFETY: the object is live and ours alone.
    unsafe { sys::SSL_set_accept_state(ssl.as_ptr()) };
    let (channel, mut peer) = duplex();
    let handshake = suspended(ssl.connect(channel));
    assert_eq!(handshake.ssl().role(), Some(Role::Client));
    assert_eq!(peer.take_incoming()[0], 22, "a ClientHello");
}

/// A handshake that C began, over BIOs of C's, goes on in Rust.
#[test]
fn a_handshake_that_c_began_goes_on_here() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let mut ssl = adopted(&client_context);
        ssl.set_server_name("localhost").expect("a name");
        let (left, mut right) = duplex();
        // SAFETY: the object is live and ours alone. Memory BIOs belong to it from SSL_set_bio on.
        unsafe {
            let (read, write) = (sys::BIO_new(sys::BIO_s_mem()), sys::BIO_new(sys::BIO_s_mem()));
            ext::BIO_set_mem_eof_return(read, -1);
            sys::SSL_set_bio(ssl.as_ptr(), read, write);
            assert_eq!(sys::SSL_connect(ssl.as_ptr()), -1);
            let mut hello = vec![0; 10_000];
            let len = sys::BIO_read(write, hello.as_mut_ptr().cast(), 10_000);
            let hello = &hello[..usize::try_from(len).expect("a ClientHello")];
            right.take_incoming();
            let mut left_again = left;
            left_again.push_outgoing(hello);
            let failure = refused(ssl.connect(left_again));
            assert_eq!(failure.kind(), ErrorKind::NotReady, "it has begun already");
            let (_, ssl, left) = failure.into_parts();
            let client = Turn::of(ssl.do_handshake(left));
            let server = Turn::of(server_ssl(&server_context).accept(right));
            let (mut client, mut server) = finish(client, server);
            assert_works(&mut client, &mut server);
        }
    }
}

#[test]
fn a_borrowed_object_of_c_has_the_same_state_each_time() {
    let (client_context, _) = Version::Tls13.contexts();
    // SAFETY: the object is live until SSL_free, and nobody else uses it.
    unsafe {
        let raw = sys::SSL_new(client_context.as_ptr());
        {
            let ssl = SslRef::from_ptr_mut(raw);
            ssl.set_server_name("localhost").expect("a name");
            let (channel, mut peer) = duplex();
            ssl.set_stream(channel).expect("a BIO");
            peer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").expect("a write");
            let error = ssl.connect().expect_err("that is no TLS");
            assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Protocol));
        }
        let again = SslRef::from_ptr_mut(raw);
        assert!(again.is_poisoned());
        let error = again.connect().expect_err("a refusal");
        assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
        sys::SSL_free(raw);
    }
}

#[test]
fn a_copy_made_by_c_has_no_state_of_ours() {
    let (client_context, server_context) = Version::Tls13.contexts();
    let mut original = Ssl::new(&client_context).expect("SSL_new");
    original.danger_accept_any_name().expect("a setting");
    // SAFETY: the object is live; the copy's one reference goes to `Ssl`.
    let copy = unsafe { Ssl::from_ptr(ext::SSL_dup(original.as_ptr())) };
    assert_ne!(copy.as_ptr(), original.as_ptr());
    // What the original was allowed, the copy is not.
    let (left, right) = duplex();
    let failure = refused(copy.connect(left));
    assert_eq!(failure.kind(), ErrorKind::NoServerName);
    let (_, mut copy, left) = failure.into_parts();
    copy.set_server_name("localhost").expect("a name");
    let (client, server) = shake_over(copy, left, server_ssl(&server_context), right);
    assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    let (left, _right) = duplex();
    drop(suspended(original.connect(left)));
}

#[test]
fn a_copy_and_its_original_are_freed_in_either_order() {
    let (client_context, _) = Version::Tls13.contexts();
    for original_first in [true, false] {
        let mut original = client_ssl(&client_context);
        original.set_connect_state();
        // SAFETY: the object is live; the copy's one reference goes to `Ssl`.
        let copy = unsafe { Ssl::from_ptr(ext::SSL_dup(original.as_ptr())) };
        let (left, _right) = duplex();
        let handshake = suspended(original.connect(left));
        if original_first {
            drop(handshake);
            drop(copy);
        } else {
            drop(copy);
            drop(handshake);
        }
    }
}

/// Of an object in use SSL_dup makes no copy, only another reference: the death of one is that of the other.
#[test]
fn a_duplicate_of_a_dead_object_is_dead() {
    let (client_context, _) = Version::Tls13.contexts();
    let (left, mut right) = duplex();
    right.write_all(b"220 mail ESMTP\r\n").expect("a write");
    let (_, ssl, _) = refused(client_ssl(&client_context).connect(left)).into_parts();
    // SAFETY: the object is live; the new reference goes to `Ssl`, and they are used one after the other.
    let other = unsafe { Ssl::from_ptr(ext::SSL_dup(ssl.as_ptr())) };
    assert!(other.is_poisoned());
    drop(ssl);
    assert!(other.is_poisoned());
}

#[test]
fn c_clearing_an_object_lifts_its_poison() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, mut right) = duplex();
        right.write_all(b"this is not TLS, whatever it is").expect("a write");
        let (_, ssl, _) = refused(client_ssl(&client_context).connect(left)).into_parts();
        assert!(ssl.is_poisoned());
        // SAFETY: the object is live and ours alone.
        assert_eq!(unsafe { ext::SSL_clear(ssl.as_ptr()) }, 1);
        assert!(!ssl.is_poisoned(), "{version:?}");
        let (left, right) = duplex();
        let (client, server) = shake_over(ssl, left, server_ssl(&server_context), right);
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        assert_works(&mut client, &mut server);
        assert!(!client.ssl().is_poisoned());
    }
}

#[test]
fn an_object_that_shook_hands_can_be_cleared_by_c_and_used_again() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (client, _server) = common::connected(&client_context, &server_context);
        let ssl = client.into_parts_discarding().ssl;
        // SAFETY: the object is live and ours alone.
        assert_eq!(unsafe { ext::SSL_clear(ssl.as_ptr()) }, 1);
        let (left, right) = duplex();
        let (client, server) = shake_over(ssl, left, server_ssl(&server_context), right);
        assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    }
}

/// Under leak detection, and under AddressSanitizer for what is freed twice.
#[test]
fn ten_thousand_objects_come_and_go() {
    let (client_context, server_context) = Version::Tls13.contexts();
    for cycle in 0..10_000 {
        match cycle % 16 {
            0 => {
                let (left, _right) = duplex();
                drop(suspended(client_ssl(&client_context).connect(left)));
            }
            1 => {
                let (left, mut right) = duplex();
                right.close();
                drop(refused(server_ssl(&server_context).accept(left)));
            }
            2 => {
                let (left, _right) = duplex();
                client_ssl(&client_context).set_stream(left).expect("a BIO");
            }
            3 => drop(adopted(&server_context)),
            4 => {
                let raw = client_ssl(&client_context).into_ptr();
                // SAFETY: the reference was ours until `into_ptr`.
                unsafe { sys::SSL_free(raw) };
            }
            _ => drop(client_ssl(&client_context)),
        }
    }
}

/// Tells the other end what a drop sent, if it sent anything.
fn dropped(version: Version, what: impl FnOnce(Connected<Duplex>)) -> (Vec<u8>, Connected<Duplex>) {
    let (client, server) = version.connected();
    let before = client.channel().moved().1;
    let mut server = server;
    server.channel_mut().take_incoming();
    what(client);
    assert!(server.channel().waiting() == 0, "{version:?}: after {before} bytes");
    (server.channel_mut().take_incoming(), server)
}

#[test]
fn a_drop_sends_nothing_and_gives_the_channel_up() {
    for version in VERSIONS {
        let (sent, mut server) = dropped(version, drop);
        assert!(sent.is_empty());
        let (_, end) = read_all(&mut server);
        assert_eq!(inner(&end.expect_err("a cut")).kind(), ErrorKind::UnexpectedEof);

        let (client_context, server_context) = version.contexts();
        let mut steps = 0;
        loop {
            // A handshake that is dropped after each of its steps, from either side.
            let (left, right) = duplex();
            let mut client = Some(suspended(client_ssl(&client_context).connect(left)));
            let mut server = Some(suspended(server_ssl(&server_context).accept(right)));
            let mut over = false;
            for step in 0..steps {
                let side = if step % 2 == 0 { &mut client } else { &mut server };
                match side.take().map(Handshake::resume) {
                    Some(Err(waits)) => *side = Some(waits.into_handshake().expect("it only waits")),
                    Some(Ok(connected)) => {
                        drop(connected);
                        over = true;
                        break;
                    }
                    None => unreachable!("both are there until one is over"),
                }
            }
            if over {
                break;
            }
            let mut server = server.expect("it waits");
            server.channel_mut().take_incoming();
            drop(client);
            assert_eq!(server.channel().waiting(), 0, "a drop sends nothing");
            let failure = refused(server.resume());
            assert_eq!(failure.kind(), ErrorKind::UnexpectedEof, "{version:?} after {steps} steps");
            steps += 1;
        }
        assert!(steps >= 1);
    }
}

/// A resumed handshake says so on the client's object.
fn resumes(contexts: &(SslContext, SslContext), session: *mut sys::SSL_SESSION) -> bool {
    let (left, right) = duplex();
    let ssl = client_ssl(&contexts.0);
    // SAFETY: object and session are live; the object takes a reference of its own.
    assert_eq!(unsafe { sys::SSL_set_session(ssl.as_ptr(), session) }, 1);
    let (client, server) = shake_over(ssl, left, server_ssl(&contexts.1), right);
    let (client, server) = (client.expect("a client"), server.expect("a server"));
    // SAFETY: both objects are live, and the calls only read them.
    let reused = unsafe {
        (sys::SSL_session_reused(client.ssl().as_ptr()), sys::SSL_session_reused(server.ssl().as_ptr()))
    };
    assert_eq!(reused.0, reused.1);
    reused.0 == 1
}

/// C spoils the session of an object that is freed without a close_notify: ours are not, unless they failed.
#[test]
fn a_healthy_connection_that_is_dropped_leaves_its_session_resumable() {
    for version in VERSIONS {
        for healthy in [true, false] {
            let contexts = version.contexts();
            let (mut client, mut server) = common::connected(&contexts.0, &contexts.1);
            assert_works(&mut client, &mut server);
            // SAFETY: the object is live; get1 gives a reference of our own.
            let session = unsafe { ext::SSL_get1_session(client.ssl().as_ptr()) };
            assert!(!session.is_null());
            if !healthy {
                client.channel_mut().push_outgoing(b"\x17\x03\x03\x00\x20 this was not encrypted by us...");
                let (_, end) = read_all(&mut server);
                assert_eq!(inner(&end.expect_err("a bad record")).kind(), ErrorKind::Protocol);
                let (_, end) = read_all(&mut client);
                assert_eq!(
                    inner(&end.expect_err("an alert")).kind(),
                    ErrorKind::Alert(Alert::BAD_RECORD_MAC)
                );
            }
            drop((client, server));
            assert_eq!(resumes(&contexts, session), healthy, "{version:?}");
            // SAFETY: the reference is ours.
            unsafe { sys::SSL_SESSION_free(session) };
        }
    }
}

/// Whoever made the object decides about its shutdown state: C still sees what it left there.
#[test]
fn an_adopted_object_is_not_marked_as_shut_down() {
    let (client_context, server_context) = Version::Tls13.contexts();
    for (ours, expected) in [(true, ShutdownState::SENT), (false, ShutdownState::empty())] {
        let mut ssl =
            if ours { Ssl::new(&client_context).expect("SSL_new") } else { adopted(&client_context) };
        ssl.set_server_name("localhost").expect("a name");
        let raw = ssl.as_ptr();
        // SAFETY: the object is live; this second reference is given up below.
        unsafe { ext::SSL_up_ref(raw) };
        let (left, right) = duplex();
        let (client, server) = shake_over(ssl, left, server_ssl(&server_context), right);
        drop((client.expect("a client"), server.expect("a server")));
        // SAFETY: the second reference keeps the object live until it is adopted here.
        let kept = unsafe { Ssl::from_ptr(raw) };
        assert_eq!(kept.shutdown_state(), expected);
    }
}

#[test]
fn unread_data_keeps_a_connection_together() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        server.write_all(b"hello").expect("a write");
        // Still in the channel: libssl has none of it.
        let parts = client.into_parts().expect("libssl holds nothing");
        assert!(parts.channel.waiting() > 0);
        assert!(parts.read_ahead.is_empty());

        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        server.write_all(b"hello").expect("a write");
        assert_eq!(client.read(&mut [0; 2]).expect("a part"), 2);
        assert!(client.has_pending_read());
        let mut client = client.into_parts().expect_err("three bytes would be lost");
        assert_eq!(read_now(&mut client), b"llo");
        client.into_parts().expect("libssl holds nothing");

        // Half of a record.
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        server.channel_mut().set_room(10);
        assert_eq!(server.write(b"hello").expect("it is taken"), 5);
        let error = client.read(&mut [0; 10]).expect_err("not all is there");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(client.has_pending_read());
        let client = client.into_parts().expect_err("ten bytes would be lost");
        let parts = client.into_parts_discarding();
        assert_eq!(parts.channel.waiting(), 0);
        let server = server.into_parts().expect_err("the rest would be lost");
        drop(server.into_parts_discarding());
    }
}

#[test]
fn a_dead_connection_comes_apart_whatever_it_holds() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        client.channel_mut().set_room(0);
        client.write_all(b"kept").expect("it is taken");
        drop(server);
        let (_, end) = read_all(&mut client);
        end.expect_err("a cut");
        let mut parts = client.into_parts().expect("there is nothing to save");
        assert!(parts.ssl.is_poisoned());
        let error = parts.ssl.read(&mut [0; 10]).expect_err("a refusal");
        assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
    }
}

#[test]
fn an_object_without_its_channel_says_so() {
    for version in VERSIONS {
        let mut ssl = used(version);
        let kind = |result: Result<usize, libssl::SslError>| {
            result.expect_err("no transport").error().map(libssl::Error::kind)
        };
        assert_eq!(kind(ssl.read(&mut [0; 10])), Some(ErrorKind::NoTransport));
        assert_eq!(kind(ssl.peek(&mut [0; 10])), Some(ErrorKind::NoTransport));
        assert_eq!(kind(ssl.write(b"hello")), Some(ErrorKind::NoTransport));
        let error = ssl.shutdown().expect_err("no transport");
        assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NoTransport));
        assert!(!ssl.is_poisoned());
    }
}

/// After the TLS connection is over, the channel goes on with whatever follows.
#[test]
fn bytes_after_close_notify_belong_to_the_channel() {
    for version in VERSIONS {
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);
        server.write_all(b"the end").expect("a write");
        server.shutdown().expect("a shutdown");
        server.channel_mut().push_outgoing(b"in plain text");
        let (bytes, end) = read_all(&mut client);
        end.expect("a clean end");
        assert_eq!(bytes, b"the end");
        assert_eq!(client.shutdown().expect("a shutdown"), ShutdownProgress::Complete);
        let mut parts = client.into_parts().expect("libssl holds nothing");
        assert!(parts.read_ahead.is_empty());
        assert_eq!(parts.channel.take_incoming(), b"in plain text", "{version:?}");
    }
}

/// With libssl's own read-ahead they are inside of it, and nobody gets them out: then it says so.
#[test]
fn bytes_after_close_notify_that_libssl_took_keep_a_connection_together() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, right) = duplex();
        let mut ssl = client_ssl(&client_context);
        ssl.set_read_ahead(true);
        let (client, server) = shake_over(ssl, left, server_ssl(&server_context), right);
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        server.shutdown().expect("a shutdown");
        server.channel_mut().push_outgoing(b"in plain text");
        let (bytes, end) = read_all(&mut client);
        end.expect("a clean end");
        assert!(bytes.is_empty());
        let client = client.into_parts().expect_err("thirteen bytes would be lost");
        assert_eq!(client.into_parts_discarding().channel.waiting(), 0, "{version:?}");
    }
}

#[test]
fn bytes_read_ahead_of_close_notify_come_back() {
    for version in VERSIONS {
        let (client_context, server_context) = version.contexts();
        let (left, right) = duplex();
        let (client, server) =
            shake_over(client_ssl(&client_context), ReadAhead::new(left), server_ssl(&server_context), right);
        let (mut client, mut server) = (client.expect("a client"), server.expect("a server"));
        read_now(&mut client);
        server.write_all(b"the end").expect("a write");
        server.shutdown().expect("a shutdown");
        server.channel_mut().push_outgoing(b"in plain text");
        let (bytes, end) = read_all(&mut client);
        end.expect("a clean end");
        assert_eq!(bytes, b"the end");
        assert!(client.has_pending_read());
        let parts = client.into_parts().expect("libssl holds nothing");
        assert_eq!(parts.read_ahead, b"in plain text", "{version:?}");
    }
}

#[test]
fn the_channel_comes_back_from_every_state() {
    let (client_context, server_context) = Version::Tls13.contexts();
    // A handshake.
    let (left, right) = duplex();
    let (ssl, mut channel) = suspended(client_ssl(&client_context).connect(left)).into_parts();
    assert!(!ssl.is_init_finished());
    channel.push_outgoing(b"!");
    drop((channel, right));
    // A failure, with the transport's own error in it.
    let (mut left, _right) = duplex();
    left.on_write.push_back(Fault::Os(libc::ECONNRESET));
    let failure = refused(client_ssl(&client_context).connect(left));
    assert_eq!(failure.kind(), ErrorKind::Io);
    assert_eq!(failure.error().transport().and_then(io::Error::raw_os_error), Some(libc::ECONNRESET));
    let (_, _, channel) = failure.into_parts();
    assert_eq!(channel.calls.1, 1);
    // After each step of a shutdown.
    for steps in 0..3 {
        let (client, server) = common::connected(&client_context, &server_context);
        let (mut client, mut server) = (client, server);
        read_now(&mut client);
        for _ in 0..steps {
            client.shutdown().expect("a shutdown");
        }
        let mut parts = client.into_parts().expect("libssl holds nothing");
        assert!(parts.channel.read(&mut [0]).is_err(), "it is open");
        let (_, end) = if steps == 0 { (Vec::new(), Ok(())) } else { read_all(&mut server) };
        end.expect("a clean end");
    }
}

/// `Connected` and `Handshake` over a channel that is only lent leave it usable.
#[test]
fn a_lent_channel_is_free_again() {
    let (client_context, server_context) = Version::Tls13.contexts();
    let (mut left, mut right) = duplex();
    {
        let (client, server) =
            shake_over(client_ssl(&client_context), &mut left, server_ssl(&server_context), &mut right);
        assert_works(&mut client.expect("a client"), &mut server.expect("a server"));
    }
    left.write_all(b"plain").expect("a write");
    let mut buf = [0; 5];
    right.read_exact(&mut buf).expect("a read");
    assert_eq!(&buf, b"plain");
}
