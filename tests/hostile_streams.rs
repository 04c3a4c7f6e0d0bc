//! Streams that buffer, block, fail late or carry errors that do something: nothing hangs, nothing is lost, and what
//! panics does so in the caller.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use common::{Duplex, client_context, client_ssl, duplex, server_context, shake_over};
use libssl::bio::ReadAhead;
use libssl::error::ErrorStack;
use libssl::{Connected, ErrorKind, ShutdownProgress, Ssl, SslRef, Want};

/// A buffer before a transport that does not block, as a `BufWriter` or another TLS connection is one.
struct Buffered {
    inner: Duplex,
    out: Vec<u8>,
    fails: Option<io::ErrorKind>,
}

impl Read for Buffered {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }
}

impl Write for Buffered {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.out.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(kind) = self.fails {
            return Err(kind.into());
        }
        while !self.out.is_empty() {
            let sent = self.inner.write(&self.out)?;
            self.out.drain(..sent);
        }
        Ok(())
    }
}

fn buffered() -> (Connected<Buffered>, Connected<Duplex>) {
    let (left, right) = duplex();
    let channel = Buffered { inner: left, out: Vec::new(), fails: None };
    let server = Ssl::new(&server_context()).unwrap();
    let (client, server) = shake_over(client_ssl(&client_context()), channel, server, right);
    (client.unwrap(), server.unwrap())
}

#[test]
fn a_flush_that_blocks_does_not_keep_the_peers_data_from_being_read() {
    let (mut client, mut server) = buffered();
    client.channel_mut().inner.set_room(100);
    server.write_all(b"answer").unwrap();
    client.write_all(&[1; 5000]).unwrap();
    assert_eq!(client.flush().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(client.wants(), Some(Want::Write));

    let mut answer = [0; 6];
    client.read_exact(&mut answer).unwrap();

    assert_eq!(&answer, b"answer");
    client.channel_mut().inner.clear_room();
    client.flush().unwrap();
    let mut received = vec![0; 5000];
    server.read_exact(&mut received).unwrap();
    assert!(received.iter().all(|byte| *byte == 1));
}

#[test]
fn a_close_notify_that_cannot_leave_is_told_once() {
    let (mut client, _server) = buffered();
    client.channel_mut().fails = Some(io::ErrorKind::BrokenPipe);

    let error = client.shutdown().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.transport().map(io::Error::kind), Some(io::ErrorKind::BrokenPipe));
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Wants(Want::Read));
}

#[test]
fn a_close_notify_that_is_half_sent_keeps_the_channel() {
    let (left, right) = duplex();
    let server = Ssl::new(&server_context()).unwrap();
    let (client, server) = shake_over(client_ssl(&client_context()), left, server, right);
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    client.channel_mut().set_room(7);
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Wants(Want::Write));

    let mut client = client.into_parts().expect_err("half a record is on the wire");

    client.channel_mut().clear_room();
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Sent);
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    assert!(client.into_parts().is_ok());
}

/// A payload of an `io::Error` that does something when it is dropped.
#[derive(Debug)]
struct Payload(fn());

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a payload")
    }
}

impl Error for Payload {}

impl Drop for Payload {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A stream that always blocks, and says so with a payload.
struct Blocks(fn());

impl Read for Blocks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::WouldBlock, Payload(self.0)))
    }
}

impl Write for Blocks {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_payload_that_panics_when_dropped_does_so_in_the_caller() {
    fn bomb() {
        if !std::thread::panicking() {
            panic!("dropped");
        }
    }
    let handshake =
        client_ssl(&client_context()).connect(Blocks(bomb)).unwrap_err().into_handshake().unwrap();

    let outcome = panic::catch_unwind(AssertUnwindSafe(|| drop(handshake.resume())));

    assert_eq!(outcome.unwrap_err().downcast_ref::<&str>(), Some(&"dropped"));
}

thread_local!(static LEFT: RefCell<ErrorStack> = RefCell::default());

#[test]
fn a_payload_that_leaves_an_error_behind_when_dropped_does_not_kill_the_connection() {
    fn leave() {
        LEFT.with_borrow(ErrorStack::restore);
    }
    let context = client_context();
    let refused = Ssl::new(&context).unwrap().set_cipher_list("nonsense").unwrap_err();
    LEFT.set(refused.stack().clone());
    let handshake = client_ssl(&context).connect(Blocks(leave)).unwrap_err().into_handshake().unwrap();

    let again = handshake.resume().unwrap_err();

    assert_eq!(again.want(), Some(Want::Read));
    LEFT.set(ErrorStack::default());
}

/// A stream whose errors cannot be shown.
struct Unspeakable;

#[derive(Debug)]
struct NoText;

impl fmt::Display for NoText {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

impl Error for NoText {}

impl Read for Unspeakable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(NoText))
    }
}

impl Write for Unspeakable {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other(NoText))
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::Error::other(NoText))
    }
}

#[test]
fn an_error_that_cannot_be_shown_is_told_all_the_same() {
    let failure =
        client_ssl(&client_context()).connect(Unspeakable).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Io);
    let (error, mut ssl, _) = failure.into_parts();
    assert!(error.transport().and_then(io::Error::get_ref).is_some_and(|payload| payload.is::<NoText>()));
    assert!(ssl.is_poisoned());
    let again = SslRef::connect(&mut ssl).unwrap_err();
    assert_eq!(again.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
}

/// A stream that is never ready, though its descriptor always is.
struct NeverReady(File);

impl Read for NeverReady {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Write for NeverReady {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for NeverReady {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn a_deadline_counts_while_the_descriptor_is_ready() {
    let stream = NeverReady(File::open("/dev/zero").unwrap());
    let deadline = Instant::now() + Duration::from_millis(20);

    let error = client_ssl(&client_context()).connect_and_wait(stream, Some(deadline)).unwrap_err();

    assert_eq!(error.want(), Some(Want::Read));
    assert!(Instant::now() >= deadline);
}

#[test]
fn a_dead_object_does_not_read_as_a_clean_end() {
    let (left, mut right) = duplex();
    let mut ssl = client_ssl(&client_context());
    ssl.set_stream(left).unwrap();
    assert_eq!(SslRef::connect(&mut ssl).unwrap_err().want(), Some(Want::Read));
    right.write_all(&[21, 3, 3, 0, 2, 1, 0]).unwrap();
    assert!(SslRef::connect(&mut ssl).unwrap_err().is_zero_return());

    let error = ssl.read(&mut [0]).unwrap_err();

    assert!(!error.is_zero_return());
    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
}

#[test]
fn what_was_read_ahead_of_a_handshake_that_failed_comes_back() {
    let (left, mut right) = duplex();
    right.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();

    let failure = Ssl::new(&server_context()).unwrap().accept(ReadAhead::new(left)).unwrap_err();

    let (_, _, channel) = failure.into_handshake().unwrap_err().into_parts();
    let (_, read) = channel.into_parts();
    assert!(b"GET / HTTP/1.0\r\n\r\n".ends_with(&read) && !read.is_empty(), "{read:?}");
}

#[test]
fn buffers_are_freed_more_than_once_with_plaintext_to_be_cleansed() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    // SAFETY: sets SSL_OP_CLEANSE_PLAINTEXT on an object that nobody else has.
    unsafe { openssl_sys_ext::SSL_set_options(ssl.as_ptr(), 1 << 1) };
    ssl.alloc_buffers().unwrap();
    for _ in 0..3 {
        ssl.free_buffers().unwrap();
    }
}
