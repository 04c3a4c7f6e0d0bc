use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};
use libssl::futures_io::{TlsAcceptor, TlsConnector, TlsStream};
use libssl::{ErrorKind, VerifyError};

use crate::common::{Duplex, client_context, duplex, identity, pki, server_builder};

/// The tests' pipe with the traits of `futures-io`. It wakes its task always, which is polled again anyway.
struct Pipe(Duplex);

impl Pipe {
    fn poll<T>(
        &mut self,
        task: &Context<'_>,
        call: impl FnOnce(&mut Duplex) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        match call(&mut self.0) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                task.waker().wake_by_ref();
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(task, |pipe| pipe.read(buf))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(task, |pipe| pipe.write(buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(task, Write::flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

/// Polls two futures by turns until both are ready.
#[track_caller]
fn both<A: Future, B: Future>(left: A, right: B) -> (A::Output, B::Output) {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (mut done_left, mut done_right) = (None, None);
    let mut task = Context::from_waker(Waker::noop());
    for _ in 0..100_000 {
        if done_left.is_none() {
            done_left = ready(left.as_mut().poll(&mut task));
        }
        if done_right.is_none() {
            done_right = ready(right.as_mut().poll(&mut task));
        }
        if let (Some(left), Some(right)) = (done_left.take_if(|_| done_right.is_some()), done_right.take()) {
            return (left, right);
        }
    }
    panic!("a hang");
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

async fn send(stream: &mut TlsStream<Pipe>, mut data: &[u8]) -> io::Result<()> {
    use std::future::poll_fn;
    while !data.is_empty() {
        let sent = poll_fn(|task| Pin::new(&mut *stream).poll_write(task, data)).await?;
        data = &data[sent..];
    }
    poll_fn(|task| Pin::new(&mut *stream).poll_flush(task)).await?;
    poll_fn(|task| Pin::new(&mut *stream).poll_close(task)).await
}

async fn receive(stream: &mut TlsStream<Pipe>) -> io::Result<Vec<u8>> {
    let (mut data, mut buf) = (Vec::new(), [0; 1000]);
    loop {
        match std::future::poll_fn(|task| Pin::new(&mut *stream).poll_read(task, &mut buf)).await? {
            0 => return Ok(data),
            read => data.extend_from_slice(&buf[..read]),
        }
    }
}

#[test]
fn data_goes_both_ways_over_streams_of_futures_io() {
    for room in [1, 50, 100_000] {
        let (mut left, mut right) = duplex();
        left.set_room(room);
        right.set_room(room);
        let server = super::without_tickets(server_builder()).build();
        let (connector, acceptor) = (TlsConnector::new(client_context()), TlsAcceptor::new(server));
        let connect = connector.connect("localhost", Pipe(left));
        let (client, server) = both(connect, acceptor.accept(Pipe(right)));
        let (mut client, mut server) = (client.expect("a server"), server.expect("a client"));
        let data = super::bytes(0, 5000);

        let (sent, received) = both(send(&mut client, &data), receive(&mut server));
        sent.expect("room");
        assert!(received.expect("a clean end") == data);
        let (sent, received) = both(send(&mut server, b"bye"), receive(&mut client));
        sent.expect("room");
        assert_eq!(received.expect("a clean end"), b"bye");
    }
}

#[test]
fn a_refused_certificate_is_told_over_futures_io() {
    let (left, right) = duplex();
    let server = libssl::SslContext::server(&identity(&pki().expired)).expect("a context").build();
    let (connector, acceptor) = (TlsConnector::new(client_context()), TlsAcceptor::new(server));
    let connect = connector.connect("localhost", Pipe(left));
    let (client, _) = both(connect, acceptor.accept(Pipe(right)));
    let failure = client.expect_err("expired");
    assert_eq!(failure.kind(), ErrorKind::Verification(VerifyError::CERT_HAS_EXPIRED));
    assert!(failure.into_parts().stream.0.moved().1 > 0);
}
