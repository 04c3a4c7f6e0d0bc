use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use libssl::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{Pipe, connected};

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

fn read(stream: &mut Pipe, bell: &Arc<Bell>, buf: &mut [u8]) -> Poll<std::io::Result<usize>> {
    let waker = Waker::from(Arc::clone(bell));
    let mut buf = ReadBuf::new(buf);
    Pin::new(stream)
        .poll_read(&mut Context::from_waker(&waker), &mut buf)
        .map(|read| read.map(|()| buf.filled().len()))
}

fn write(stream: &mut Pipe, bell: &Arc<Bell>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
    let waker = Waker::from(Arc::clone(bell));
    Pin::new(stream).poll_write(&mut Context::from_waker(&waker), buf)
}

/// As often as a task polls, its waker is kept once, by the connection and by the stream.
#[tokio::test]
async fn a_tasks_waker_is_cloned_once() {
    let (mut client, _server) = connected(ProtocolVersion::TLS1_2, 10_000).await;
    let bell = Arc::new(Bell::default());
    assert!(read(&mut client, &bell, &mut [0]).is_pending());
    let after_one = Arc::strong_count(&bell);
    for _ in 0..100 {
        assert!(read(&mut client, &bell, &mut [0]).is_pending());
    }
    assert_eq!(Arc::strong_count(&bell), after_one);
    assert!(after_one <= 3);
}

/// The last task that polled is the one that is woken.
#[tokio::test]
async fn a_stream_may_move_to_another_task() {
    let (mut client, mut server) = connected(ProtocolVersion::TLS1_2, 10_000).await;
    let (first, second) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    assert!(read(&mut client, &first, &mut [0]).is_pending());
    assert!(read(&mut client, &second, &mut [0]).is_pending());
    server.write_all(b"x").await.expect("room");
    assert_eq!((first.rings(), second.rings() > 0), (0, true));
    assert!(matches!(read(&mut client, &second, &mut [0]), Poll::Ready(Ok(1))));
}

/// A reader that sends what a writer left behind does not take the writer's place in the stream's memory.
#[tokio::test]
async fn a_reader_and_a_writer_that_wait_for_room_are_both_woken() {
    let (mut client, mut server) = connected(ProtocolVersion::TLS1_2, 100).await;
    let (reader, writer) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    // Taken and kept; then there is no room for more.
    assert!(matches!(write(&mut client, &writer, &[1; 5000]), Poll::Ready(Ok(5000))));
    assert!(write(&mut client, &writer, &[2; 10]).is_pending());
    // It tries to send the rest as well.
    assert!(read(&mut client, &reader, &mut [0]).is_pending());
    reader.rings();
    writer.rings();

    let mut buf = [0; 10_000];
    assert!(once_ready(server.read(&mut buf)).is_none());

    assert!(reader.rings() > 0 && writer.rings() > 0);
}

/// What one side finishes for the other one is told to it: here all that a writer waited for.
#[tokio::test]
async fn a_writer_whose_rest_the_reader_sent_is_woken() {
    let (mut client, mut server) = connected(ProtocolVersion::TLS1_2, 100).await;
    let (reader, writer) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    assert!(matches!(write(&mut client, &writer, &[1; 200]), Poll::Ready(Ok(200))));
    assert!(write(&mut client, &writer, &[2; 10]).is_pending());
    let mut woken = false;
    while client.has_pending_write() {
        if woken {
            assert!(write(&mut client, &writer, &[2; 10]).is_pending());
        }
        let _ = once_ready(server.read(&mut [0; 1000]));
        writer.rings();
        // Only the reader goes on.
        assert!(read(&mut client, &reader, &mut [0]).is_pending());
        woken = writer.rings() > 0;
    }
    assert!(woken);
    assert!(matches!(write(&mut client, &writer, &[2; 10]), Poll::Ready(Ok(10))));
}

/// A connection that dies under one side's hands is not waited for by the other.
#[tokio::test]
async fn a_failure_of_the_writer_wakes_the_reader() {
    let (mut client, server) = connected(ProtocolVersion::TLS1_2, 100).await;
    let (reader, writer) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
    assert!(read(&mut client, &reader, &mut [0]).is_pending());
    drop(server);
    reader.rings();
    assert!(matches!(write(&mut client, &writer, &[1; 200]), Poll::Ready(Err(_))));
    assert!(reader.rings() > 0);
    assert!(matches!(read(&mut client, &reader, &mut [0]), Poll::Ready(Err(_))));
}

/// What a future gives when it is polled once, by nobody.
fn once_ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// A waker that leaves an entry in OpenSSL's queue when it is woken, and when it goes away.
struct Noisy;

impl Noisy {
    fn leave_an_entry() {
        libssl::SslContext::client().unwrap().set_cipher_list("NONSENSE").unwrap_err().put();
    }
}

impl Wake for Noisy {
    fn wake(self: Arc<Self>) {
        Self::leave_an_entry();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::leave_an_entry();
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        Self::leave_an_entry();
    }
}

/// A stream lets go of the waker of an earlier poll, and wakes the other side's, in the middle of libssl's calls.
#[tokio::test]
async fn what_a_waker_does_with_openssl_harms_no_connection() {
    let (left, right) = tokio::net::UnixStream::pair().unwrap();
    let connector = libssl::tokio::TlsConnector::new(crate::common::client_context());
    let acceptor = libssl::tokio::TlsAcceptor::new(crate::common::server_context());
    let (client, server) = tokio::join!(connector.connect("localhost", left), acceptor.accept(right));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let poll = |stream: &mut libssl::tokio::TlsStream<_>, waker: &Waker| {
        Pin::new(stream).poll_read(&mut Context::from_waker(waker), &mut ReadBuf::new(&mut [0; 5]))
    };
    // Tickets may wait before there is nothing.
    while poll(&mut client, Waker::noop()).is_ready() {}
    for _ in 0..3 {
        let noisy = Waker::from(Arc::new(Noisy));
        assert!(poll(&mut client, &noisy).is_pending());
        drop(noisy);
        let outcome = poll(&mut client, Waker::noop());
        assert!(outcome.is_pending(), "{outcome:?}");
    }
    // A writer that waits, and a reader that finishes what it wrote.
    let noisy = Waker::from(Arc::new(Noisy));
    let data = [7; 16 * 1024];
    let mut written = 0;
    while let Poll::Ready(more) = Pin::new(&mut client).poll_write(&mut Context::from_waker(&noisy), &data) {
        written += more.unwrap();
    }
    let mut read = 0;
    let mut buf = [0; 3000];
    while read < written {
        let mut room = ReadBuf::new(&mut buf);
        let mut task = Context::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = Pin::new(&mut server).poll_read(&mut task, &mut room) {
            outcome.unwrap();
            read += room.filled().len();
        }
        let outcome = poll(&mut client, Waker::noop());
        assert!(outcome.is_pending(), "{outcome:?}");
        // The runtime sees what the sockets have become ready for.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// It can panic, too, while another panic is on its way.
#[tokio::test]
async fn a_waker_that_panics_while_the_stream_panics_ends_no_process() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("of the waker");
        }
    }
    struct Stream(tokio::io::DuplexStream, bool);
    impl AsyncRead for Stream {
        fn poll_read(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(task, buf)
        }
    }
    impl AsyncWrite for Stream {
        fn poll_write(
            mut self: Pin<&mut Self>,
            task: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            assert!(!self.1, "of the stream");
            Pin::new(&mut self.0).poll_write(task, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(task)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(task)
        }
    }
    let (left, right) = tokio::io::duplex(100_000);
    let connector = libssl::tokio::TlsConnector::new(crate::common::client_context());
    let acceptor = libssl::tokio::TlsAcceptor::new(crate::common::server_context());
    let (client, server) =
        tokio::join!(connector.connect("localhost", Stream(left, false)), acceptor.accept(right));
    let (mut client, _server) = (client.unwrap(), server.unwrap());
    let waker = Waker::from(Arc::new(Panics));
    let mut task = Context::from_waker(&waker);
    while Pin::new(&mut client).poll_read(&mut task, &mut ReadBuf::new(&mut [0; 5])).is_ready() {}
    client.get_mut().1 = true;
    // In a callback of another connection, which has nothing to do with it.
    let client = std::sync::Mutex::new(client);
    let mut other = crate::common::server_builder();
    other
        .set_tlsext_servername_callback(move |_| {
            let mut client = client.lock().unwrap();
            let write = || {
                let mut task = Context::from_waker(Waker::noop());
                Pin::new(&mut *client).poll_write(&mut task, b"x").is_ready()
            };
            let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)).unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"of the stream"));
            libssl::context::ServerNameDecision::Ack
        })
        .unwrap();
    let (left, right) = crate::common::connected(&crate::common::client_context(), &other.build());
    drop((left, right));
}
