//! What is done quickly is done right: streams that are not watched, and connections about which nothing needs looking after.

// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::collections::VecDeque;
use std::io::{self, ErrorKind as Io, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use common::{
    Duplex, Fault, Turn, client_context, client_ssl, duplex, identity, pki, server_context, shake_over,
    unix_pair,
};
use libssl::bio::{Channel, ReadAhead, Trusted};
use libssl::context::{SslMode, SslOptions};
use libssl::error::ErrorStack;
use libssl::ssl::KeyUpdate;
use libssl::{Connected, ErrorKind, Ssl, SslContext, SslContextBuilderRef};
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

/// libssl may hold what a read finds without the stream: behind a change of keys, if it reads ahead itself.
#[test]
fn what_libssl_holds_is_read_without_the_stream() {
    fn hold<C: Channel>(channel: impl Fn(Duplex) -> C) {
        let (left, right) = duplex();
        let mut server = Ssl::new(&server_context()).unwrap();
        server.set_read_ahead(true);
        server.clear_mode(SslMode::AUTO_RETRY);
        let (client, server) = shake_over(client_ssl(&client_context()), left, server, channel(right));
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        client.key_update(KeyUpdate::NotRequested).unwrap();
        client.write_all(b"hello").unwrap();
        let mut data = [0; 10];
        // Newer versions stop behind the change of keys.
        let read = server.read(&mut data).or_else(|error| {
            assert_eq!(error.kind(), Io::WouldBlock);
            server.read(&mut data)
        });
        assert_eq!(read.unwrap(), 5);
    }
    hold(|stream| stream);
    hold(ReadAhead::new);
}

/// A datagram each.
struct Datagrams {
    incoming: Arc<Mutex<VecDeque<Vec<u8>>>>,
    outgoing: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

impl Read for Datagrams {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.lock().unwrap().pop_front().ok_or(Io::WouldBlock)?;
        buf[..datagram.len()].copy_from_slice(&datagram);
        Ok(datagram.len())
    }
}

impl Write for Datagrams {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.outgoing.lock().unwrap().push_back(data.to_vec());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What came before the end of the handshake waits in libssl, which does not count it.
#[test]
fn a_datagram_that_came_too_early_is_read_without_the_stream() {
    fn overtake<C: Channel>(channel: impl Fn(Datagrams) -> C) {
        // SAFETY: the context is new, and belongs to nobody else.
        let context = unsafe {
            let context = openssl_sys::SSL_CTX_new(openssl_sys::DTLS_method());
            let builder = SslContextBuilderRef::from_ptr_mut(context);
            builder.use_identity(&identity(&pki().localhost)).unwrap();
            builder.set_options(SslOptions::NO_TICKET);
            SslContext::from_ptr(context)
        };
        let (there, back) = <(Arc<Mutex<VecDeque<_>>>, Arc<Mutex<VecDeque<_>>>)>::default();
        let left = Datagrams { incoming: Arc::clone(&back), outgoing: Arc::clone(&there) };
        let right = Datagrams { incoming: there, outgoing: Arc::clone(&back) };
        let mut client = Turn::of(Ssl::new(&context).unwrap().connect(channel(left)));
        let mut server = Turn::of(Ssl::new(&context).unwrap().accept(right));
        while !matches!(server, Turn::Over(_)) {
            client = client.next();
            server = server.next();
        }
        let Turn::Over(Ok(mut server)) = server else { panic!("a server") };
        server.write_all(b"hello").unwrap();
        {
            // The data overtakes the last flight of the handshake.
            let mut datagrams = back.lock().unwrap();
            let data = datagrams.pop_back().unwrap();
            let place = datagrams.len() - 1;
            datagrams.insert(place, data);
        }
        while !matches!(client, Turn::Over(_)) {
            client = client.next();
        }
        let Turn::Over(Ok(mut client)) = client else { panic!("a client") };
        assert_eq!(client.read(&mut [0; 10]).unwrap(), 5);
    }
    overtake(|stream| stream);
    overtake(ReadAhead::new);
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
