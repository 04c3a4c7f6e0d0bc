use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use libssl::context::SslMode;
use libssl::tokio::{TlsAcceptor, TlsConnector, TlsStream};
use libssl::{Alert, ErrorKind, Ssl, VerifyError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use super::{bytes, connected, versions};
use crate::common::{client_context, client_ssl, identity, pki, server_context, tcp_pair};

/// Whatever the pipe holds, what is written is what is read, and the end is clean.
#[tokio::test]
async fn an_echo_comes_back_through_pipes_of_any_size() {
    for version in versions() {
        for room in [1, 7, 100, 5000, 100_000] {
            let (mut client, mut server) = connected(version, room).await;
            let data = bytes(0, if room < 100 { 3000 } else { 100_000 });

            let serve = async {
                let mut buf = vec![0; 3001];
                loop {
                    match server.read(&mut buf).await.expect("data") {
                        0 => break server.shutdown().await.expect("a clean end"),
                        len => server.write_all(&buf[..len]).await.expect("an echo"),
                    }
                    server.flush().await.expect("an echo");
                }
            };
            let ask = async {
                let (mut reader, mut writer) = tokio::io::split(client);
                let mut echo = Vec::new();
                let write = async {
                    writer.write_all(&data).await.expect("a request");
                    writer.shutdown().await.expect("a clean end");
                };
                tokio::join!(write, async { reader.read_to_end(&mut echo).await.expect("the echo") });
                client = reader.unsplit(writer);
                assert!(echo == data, "room {room}, {version:?}");
                client
            };
            tokio::join!(serve, ask);
        }
    }
}

/// A refused certificate is told to both sides as without tokio, and the stream comes back.
#[tokio::test]
async fn a_handshake_that_fails_says_why_and_gives_the_parts_back() {
    let (left, right) = tokio::io::duplex(10_000);
    let connector = TlsConnector::new(client_context());
    let server = libssl::SslContext::server(&identity(&pki().other_name)).expect("a context").build();
    let acceptor = TlsAcceptor::new(server);

    let (client, server) = tokio::join!(connector.connect("localhost", left), acceptor.accept(right));

    let failure = client.expect_err("a wrong name");
    assert_eq!(failure.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    let verdict = failure.error().verify_failure().expect("what was refused");
    assert!(verdict.presented.iter().any(|name| name.contains("other.example")), "{verdict:?}");
    assert!(failure.ssl().expect("the object").is_poisoned());
    let mut parts = failure.into_parts();
    parts.stream.write_all(b"the stream is ours again").await.expect("an open pipe");
    // In TLS 1.3 the server had finished: then its first read tells.
    let told = match server {
        Ok(mut server) => {
            let error = server.read(&mut [0]).await.expect_err("an alert");
            error.get_ref().and_then(|error| error.downcast_ref::<libssl::Error>()).map(libssl::Error::kind)
        }
        Err(failure) => Some(failure.kind()),
    };
    assert_eq!(told, Some(ErrorKind::Alert(Alert::BAD_CERTIFICATE)));
}

/// What is no name fails the handshake before anything goes out.
#[tokio::test]
async fn a_name_that_is_none_is_refused_before_a_byte_goes_out() {
    let (left, mut right) = tokio::io::duplex(10_000);
    let failure = TlsConnector::new(client_context()).connect("a\0b", left).await.expect_err("no name");
    assert_eq!(failure.kind(), ErrorKind::InvalidInput);
    drop(failure);
    let mut sent = Vec::new();
    right.read_to_end(&mut sent).await.expect("the end");
    assert_eq!(sent, b"");
}

/// A peer that speaks no TLS: what it said is still there to be answered.
#[tokio::test]
async fn a_peer_without_tls_can_still_be_answered() {
    let (left, mut right) = tokio::io::duplex(10_000);
    right.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a pipe");

    let failure = TlsAcceptor::new(server_context()).accept(left).await.expect_err("no ClientHello");

    assert_eq!(failure.kind(), ErrorKind::Protocol);
    let parts = failure.into_parts();
    assert!(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".ends_with(&parts.read_ahead));
}

/// Shutting down sends what a write left behind, and then close_notify: the peer sees a clean end, and only then.
#[tokio::test]
async fn shutdown_sends_all_and_close_notify_and_dropping_neither() {
    for version in versions() {
        let (mut client, mut server) = connected(version, 64).await;
        let data = bytes(0, 5000);
        let send = async {
            client.write_all(&data).await.expect("room");
            client.shutdown().await.expect("a close_notify");
            client.shutdown().await.expect("once is enough");
            let error = client.write(b"more").await.expect_err("it is shut down");
            assert_eq!(error.kind(), io::ErrorKind::NotConnected);
            client
        };
        let mut received = Vec::new();
        let (client, read) = tokio::join!(send, server.read_to_end(&mut received));
        read.expect("a clean end");
        assert!(received == data);
        drop(client);

        let (client, mut server) = connected(version, 10_000).await;
        drop(client);
        let error = server.read(&mut [0]).await.expect_err("a cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}

/// After our close_notify the peer's data still comes.
#[tokio::test]
async fn data_is_read_after_our_own_end() {
    let (mut client, mut server) = connected(libssl::ProtocolVersion::TLS1_3, 10_000).await;
    client.shutdown().await.expect("a close_notify");
    assert_eq!(server.read(&mut [0; 10]).await.expect("a clean end"), 0);
    server.write_all(b"a late answer").await.expect("room");
    server.shutdown().await.expect("a close_notify");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("the answer");
    assert_eq!(answer, "a late answer");
}

/// What follows the end of TLS on the stream was read ahead, and is not lost.
#[tokio::test]
async fn bytes_after_the_end_of_tls_come_back() {
    let (left, right) = tcp_pair();
    let server = std::thread::spawn(move || {
        let mut server = Ssl::new(&server_context()).unwrap().accept(right).expect("a client");
        server.write_all(b"tls").expect("room");
        server.shutdown().expect("a close_notify");
        let mut tcp = server.into_parts_discarding().channel;
        tcp.write_all(b"plain").expect("room");
        tcp
    });
    left.set_nonblocking(true).expect("a socket");
    let left = tokio::net::TcpStream::from_std(left).expect("a runtime");
    let mut client = TlsStream::connect(client_ssl(&client_context()), left).await.expect("a server");
    let _tcp = server.join().expect("the server");
    let mut text = String::new();
    client.read_to_string(&mut text).await.expect("a clean end");
    assert_eq!(text, "tls");

    let parts = client.into_parts().expect("nothing is left in libssl");

    let mut plain = parts.read_ahead;
    let mut tcp = parts.channel;
    while plain.len() < 5 {
        assert_ne!(tcp.read_buf(&mut plain).await.expect("the rest"), 0);
    }
    assert_eq!(plain, b"plain");
}

/// Small buffers go out together: one record, whose overhead is paid once.
#[tokio::test]
async fn vectored_writes_become_one_record() {
    let (mut client, mut server) = connected(libssl::ProtocolVersion::TLS1_3, 100_000).await;
    assert!(client.is_write_vectored());
    let bufs = [&b"HTTP/1.1 200 OK\r\n"[..], b"", b"\r\n", b"body"].map(IoSlice::new);
    let written = client.write_vectored(&bufs).await.expect("room");
    assert_eq!(written, 23);
    let mut buf = [0; 100];
    let read = server.read(&mut buf).await.expect("one record");
    assert_eq!(&buf[..read], b"HTTP/1.1 200 OK\r\n\r\nbody");
}

/// A stream that says `WouldBlock` as an answer, which wakes nobody, instead of being pending.
struct SaysWouldBlock<S>(S, bool);

impl<S: AsyncRead + Unpin> AsyncRead for SaysWouldBlock<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(task, buf) {
            Poll::Pending if self.1 => Poll::Ready(Err(io::ErrorKind::WouldBlock.into())),
            poll => poll,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SaysWouldBlock<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}

#[tokio::test]
async fn a_stream_that_says_would_block_is_an_error_and_no_hang() {
    let (left, _right) = tokio::io::duplex(10_000);
    let connector = TlsConnector::new(client_context());
    let failure = connector.connect("localhost", SaysWouldBlock(left, true)).await.expect_err("no answer");
    assert_eq!(failure.kind(), ErrorKind::Io);
    assert_eq!(failure.error().transport().map(io::Error::kind), Some(io::ErrorKind::WouldBlock));

    let (left, right) = tokio::io::duplex(10_000);
    let (client, server) = tokio::join!(
        connector.connect("localhost", SaysWouldBlock(left, false)),
        TlsAcceptor::new(server_context()).accept(right)
    );
    let (mut client, _server) = (client.expect("a server"), server.expect("a client"));
    client.get_mut().1 = true;
    // Tickets may wait before there is nothing.
    let error = client.read(&mut [0]).await.expect_err("nothing to read");
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

/// What a stream said for "not now" is not forgotten over a connection that a callback used meanwhile.
#[tokio::test]
async fn a_suspension_is_told_though_a_callback_had_another_one() {
    let (left, _right) = tokio::io::duplex(10_000);
    let (client, server) = crate::common::connected(&client_context(), &server_context());
    let others = std::sync::Mutex::new((client, server));
    let mut context = crate::common::client_builder();
    context
        .set_info_callback(move |_, _| {
            let _ = io::Read::read(&mut others.lock().unwrap().0, &mut [0]);
        })
        .unwrap();
    let connector = TlsConnector::new(context.build());
    let failure = connector.connect("localhost", SaysWouldBlock(left, true)).await.expect_err("no answer");
    assert_eq!(failure.error().transport().map(io::Error::kind), Some(io::ErrorKind::WouldBlock));
}

/// A stream that is flushed at the third attempt.
struct FlushesLate(DuplexStream, u32);

impl AsyncRead for FlushesLate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(task, buf)
    }
}

impl AsyncWrite for FlushesLate {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(task, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.1 > 0 {
            self.1 -= 1;
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_flush(task)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(task)
    }
}

/// The peer says nothing more, and need not.
#[tokio::test]
async fn shutdown_ends_though_the_flush_must_wait() {
    let (left, right) = tokio::io::duplex(100_000);
    let connector = TlsConnector::new(client_context());
    let (client, server) = tokio::join!(
        connector.connect("localhost", FlushesLate(left, 0)),
        TlsAcceptor::new(server_context()).accept(right)
    );
    let (mut client, mut server) = (client.expect("a server"), server.expect("a client"));
    client.get_mut().1 = 2;
    client.shutdown().await.unwrap();
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

/// libssl then comes back after each ticket, without having asked the stream.
#[tokio::test]
async fn a_read_goes_on_where_libssl_does_not_by_itself() {
    let (left, right) = tokio::io::duplex(100_000);
    let mut context = crate::common::client_builder();
    context.clear_mode(SslMode::AUTO_RETRY);
    let connector = TlsConnector::new(context.build());
    let (client, server) =
        tokio::join!(connector.connect("localhost", left), TlsAcceptor::new(server_context()).accept(right));
    let (mut client, mut server) = (client.expect("a server"), server.expect("a client"));
    server.write_all(b"hello").await.unwrap();
    server.flush().await.unwrap();
    let mut data = [0; 5];
    client.read_exact(&mut data).await.unwrap();
    assert_eq!(&data, b"hello");
}

/// An object that was prepared with more than a name.
#[tokio::test]
async fn a_prepared_object_keeps_its_settings() {
    let mut server = crate::common::server_builder();
    server
        .set_alpn_select_cb(|_, offered| match offered.first_of(["b"]) {
            Some(protocol) => libssl::AlpnDecision::Select(protocol),
            None => libssl::AlpnDecision::Ignore,
        })
        .expect("a callback");
    let server = server.build();
    let mut ssl = client_ssl(&client_context());
    ssl.set_alpn_protos(["a", "b"]).expect("protocols");
    let (left, right) = tokio::io::duplex(10_000);
    let accept = TlsStream::accept(Ssl::new(&server).expect("an object"), right);
    let (client, server) = tokio::join!(TlsStream::connect(ssl, left), accept);
    assert_eq!(client.expect("a server").ssl().alpn_selected(), Some(&b"b"[..]));
    assert_eq!(server.expect("a client").ssl().sni(), Some(&b"localhost"[..]));
}
