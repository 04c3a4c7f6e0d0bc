//! What is done quickly is done right: streams that are not watched, and connections about which nothing needs looking after.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::io::{self, ErrorKind as Io, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{Duplex, Fault, client_context, client_ssl, duplex, server_context, shake_over, unix_pair};
use libssl::bio::{Channel, ReadAhead, Trusted};
use libssl::error::ErrorStack;
use libssl::{Connected, ErrorKind, Ssl, SslContext};
use support::{assert_works, inner};

fn trusted(stream: Duplex) -> Trusted<Duplex> {
    // SAFETY: a duplex copies bytes, and the faults that these tests script do not look at the buffer. It uses no OpenSSL.
    unsafe { Trusted::new(stream) }
}

fn pair<C: Channel>(left: C, right: C) -> (Connected<C>, Connected<C>) {
    let server = Ssl::new(&server_context()).unwrap();
    let (client, server) = shake_over(client_ssl(&client_context()), left, server, right);
    (client.expect("a client"), server.expect("a server"))
}

/// Leaves an entry in this thread's queue, as code that does not clear up after itself does.
fn leave_an_entry() {
    SslContext::client().unwrap().set_cipher_list("NONSENSE").unwrap_err().put();
    assert!(!ErrorStack::peek().is_empty());
}

#[test]
fn a_trusted_stream_carries_a_connection_and_comes_back() {
    let (left, right) = duplex();
    let (mut client, mut server) = pair(trusted(left), trusted(right));
    assert_works(&mut client, &mut server);
    let calls = client.channel().get_ref().calls;
    client.channel_mut().calls = (0, 0, 0);
    let stream = client.into_parts().expect("nothing is unread").channel.into_inner();
    assert!(calls.0 > 0 && stream.calls == (0, 0, 0));
}

#[test]
fn a_trusted_stream_that_is_read_ahead_gives_back_what_follows_tls() {
    let (left, right) = duplex();
    let ahead = |stream| {
        // SAFETY: as in `trusted`.
        unsafe { Trusted::new(ReadAhead::new(stream).with_unread(Vec::new())) }
    };
    let (mut client, mut server) = pair(ahead(left), ahead(right));
    assert_works(&mut client, &mut server);
    client.shutdown().unwrap();
    client.channel_mut().push_outgoing(b"and then something else");
    assert_eq!(server.read(&mut [0; 10]).unwrap(), 0);
    let parts = server.into_parts().expect("nothing of TLS is unread");
    assert_eq!(parts.read_ahead, b"and then something else");
    // They are not in the channel as well.
    assert!(parts.channel.into_inner().into_parts().1.is_empty());
}

/// Whether or not a stream is trusted, and whether libssl or this crate reads it.
#[test]
fn what_a_stream_answers_is_judged_all_the_same() {
    judge(|stream| stream);
    judge(trusted);
    judge(ReadAhead::new);
    // SAFETY: as in `trusted`.
    judge(|stream| unsafe { Trusted::new(ReadAhead::new(stream)) });
}

fn judge<C>(channel: impl Fn(Duplex) -> C)
where
    for<'a> C: Channel<Lent<'a> = &'a mut Duplex> + 'static,
{
    let pair = || {
        let (left, right) = duplex();
        let (mut client, server) = pair(channel(left), channel(right));
        // The tickets.
        assert_eq!(client.read(&mut [0]).unwrap_err().kind(), Io::WouldBlock);
        (client, server)
    };
    let cases = [
        (Fault::Lie(1 << 40), None, "claims"),
        (Fault::Os(libc::ECONNRESET), Some(libc::ECONNRESET), "reset"),
        (Fault::Fail(Io::Other), None, ""),
    ];
    for (fault, errno, told) in cases {
        let (mut client, _server) = pair();
        client.channel_mut().on_read.push_back(fault);
        let error = client.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.raw_os_error(), errno);
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(inner(&client.read(&mut [0; 10]).unwrap_err()).kind(), ErrorKind::Poisoned);
    }

    let (mut client, server) = pair();
    drop(server);
    assert_eq!(client.read(&mut [0; 10]).unwrap_err().kind(), Io::UnexpectedEof);

    let (mut client, mut server) = pair();
    // A signal ends nothing, and room for nothing asks for nothing.
    client.channel_mut().on_read.push_back(Fault::Fail(Io::Interrupted));
    assert_eq!(client.read(&mut [0; 10]).unwrap_err().kind(), Io::WouldBlock);
    client.channel_mut().on_read.push_back(Fault::Os(libc::ECONNRESET));
    assert_eq!(client.read(&mut []).unwrap(), 0);
    client.channel_mut().on_read.clear();
    // What waits in libssl is read without the stream.
    server.write_all(b"hello").unwrap();
    assert_eq!(client.read(&mut [0; 2]).unwrap(), 2);
    client.channel_mut().on_read.push_back(Fault::Os(libc::ECONNRESET));
    assert_eq!(client.read(&mut [0; 10]).unwrap(), 3);
    client.channel_mut().on_read.clear();
    assert_works(&mut client, &mut server);

    client.channel_mut().on_read.push_back(Fault::Panic("of the stream"));
    let panic = catch_unwind(AssertUnwindSafe(|| client.read(&mut [0; 10]))).unwrap_err();
    assert!(panic.downcast_ref::<String>().is_some_and(|told| told == "of the stream"));
    assert_eq!(inner(&client.read(&mut [0; 10]).unwrap_err()).kind(), ErrorKind::Poisoned);
}

/// In 3.x SSL_get_error takes an entry that was there before for the failure of this call.
#[test]
fn an_entry_that_was_left_behind_changes_no_result() {
    fn check<S: Read + Write>(left: S, right: S) {
        let (mut client, mut server) = pair(left, right);
        assert_works(&mut client, &mut server);
        leave_an_entry();
        assert_eq!(server.read(&mut [0; 10]).unwrap_err().kind(), Io::WouldBlock);
        assert!(ErrorStack::drain().is_empty());
        leave_an_entry();
        client.write_all(b"hello").unwrap();
        let mut data = [0; 5];
        leave_an_entry();
        server.read_exact(&mut data).unwrap();
        assert_eq!(&data, b"hello");
        leave_an_entry();
        drop(client);
        let error = server.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), Io::UnexpectedEof);
        let stack = inner(&error).stack().iter().map(|reason| reason.to_string()).collect::<Vec<_>>();
        assert!(stack.iter().all(|reason| !reason.contains("cipher")), "{stack:?}");
    }
    let nonblocking = |stream: std::os::unix::net::UnixStream| {
        stream.set_nonblocking(true).unwrap();
        stream
    };
    let (left, right) = duplex();
    check(left, right);
    let (left, right) = unix_pair();
    check(nonblocking(left), nonblocking(right));
}

#[test]
fn a_suspension_of_a_stream_is_told_as_the_stream_told_it() {
    let (left, right) = unix_pair();
    left.set_nonblocking(true).unwrap();
    right.set_nonblocking(true).unwrap();
    let mut by_itself = left.try_clone().unwrap();
    let (mut client, mut server) = pair(left, right);
    assert_works(&mut client, &mut server);
    let told = |error: io::Error| (error.kind(), error.raw_os_error(), error.to_string());
    let expected = told(by_itself.read(&mut [0]).unwrap_err());
    assert_eq!(expected.1, Some(libc::EAGAIN));
    assert_eq!(told(client.read(&mut [0]).unwrap_err()), expected);

    let (left, right) = duplex();
    let (mut client, _server) = pair(left, right);
    let suspensions = [
        (Fault::Go, (Io::WouldBlock, None)),
        (Fault::Fail(Io::TimedOut), (Io::TimedOut, None)),
        (Fault::Os(libc::EAGAIN), (Io::WouldBlock, Some(libc::EAGAIN))),
        (Fault::Fail(Io::WouldBlock), (Io::WouldBlock, None)),
    ];
    for (fault, expected) in suspensions {
        client.channel_mut().on_read.push_back(fault);
        let (kind, errno, _) = told(client.read(&mut [0]).unwrap_err());
        assert_eq!((kind, errno), expected);
    }
}
