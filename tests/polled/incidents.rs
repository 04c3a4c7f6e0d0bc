use std::io;
use std::time::Duration;

use libssl::ErrorKind;
use libssl::tokio::{HandshakeFailure, HandshakeLimits, TlsAcceptor, TlsConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{connected, versions};
use crate::common::{client_context, server_context};

fn is_late<S>(failure: &HandshakeFailure<S>) -> bool {
    failure.kind() == ErrorKind::Io
        && failure.error().transport().map(io::Error::kind) == Some(io::ErrorKind::TimedOut)
}

/// A whole first flight of a client's.
async fn client_hello() -> Vec<u8> {
    let (left, mut right) = tokio::io::duplex(100_000);
    let mut client = TlsConnector::new(client_context()).connect("localhost", left);
    assert!(super::polled(&mut client, 1).await.is_none());
    drop(client);
    let mut hello = Vec::new();
    right.read_to_end(&mut hello).await.expect("a ClientHello");
    hello
}

/// One that sends a byte now and then is not waited for beyond the deadline.
#[tokio::test(start_paused = true)]
async fn a_slow_client_is_given_up_at_the_deadline() {
    let hello = client_hello().await;
    let (mut left, right) = tokio::io::duplex(10_000);
    let slow = tokio::spawn(async move {
        for byte in hello {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if left.write_all(&[byte]).await.is_err() {
                return;
            }
        }
    });
    let limits = HandshakeLimits::none().with_deadline(Duration::from_secs(10));
    let began = tokio::time::Instant::now();

    let failure = limits.run(TlsAcceptor::new(server_context()).accept(right)).await.expect_err("slow");

    assert!(is_late(&failure), "{failure:?}");
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(failure.to_string().contains("too long"), "{failure}");
    drop(failure);
    slow.await.expect("the client sees the end");
}

/// Half handshakes take the places, and are thrown out at the deadline; a client that waited in turn is served.
#[tokio::test(start_paused = true)]
async fn a_flood_of_half_handshakes_is_survived() {
    let hello = client_hello().await;
    let acceptor = TlsAcceptor::new(server_context());
    let limits = HandshakeLimits::none().with_deadline(Duration::from_secs(5)).with_places(4);
    let mut flood = Vec::new();
    for _ in 0..200 {
        let (mut left, right) = tokio::io::duplex(100_000);
        left.write_all(&hello).await.expect("room");
        let (limits, handshake) = (limits.clone(), acceptor.accept(right));
        let server = tokio::spawn(async move { limits.run(handshake).await });
        flood.push((left, server));
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(limits.free_places(), Some(0));

    // It comes when half of them have to go before it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (left, right) = tokio::io::duplex(100_000);
    let honest = limits.run(acceptor.accept(right));
    let connector = TlsConnector::new(client_context());
    let (client, server) = tokio::join!(connector.connect("localhost", left), honest);
    client.expect("a server");
    server.expect("an honest client");

    for (left, server) in flood {
        assert!(is_late(&server.await.expect("a task").expect_err("half a handshake")));
        drop(left);
    }
    assert_eq!(limits.free_places(), Some(4));
}

/// Without a deadline they wait for a place in turn; a place that a cancelled handshake had is free again.
#[tokio::test]
async fn places_are_given_back_however_a_handshake_ends() {
    let acceptor = TlsAcceptor::new(server_context());
    let limits = HandshakeLimits::none().with_places(0);
    assert_eq!(limits.free_places(), Some(1));
    let (_left, right) = tokio::io::duplex(100_000);
    let mut first = Box::pin(limits.run(acceptor.accept(right)));
    assert!(super::polled(&mut first, 3).await.is_none());
    assert_eq!(limits.free_places(), Some(0));

    let (left, right) = tokio::io::duplex(100_000);
    let mut second = Box::pin(limits.run(acceptor.accept(right)));
    let client = tokio::spawn(TlsConnector::new(client_context()).connect("localhost", left));
    assert!(super::polled(&mut second, 10).await.is_none());
    drop(first);
    second.await.expect("a client");
    client.await.expect("a task").expect("a server");
    assert_eq!(limits.free_places(), Some(1));
}

/// Carries bytes between two pipes, and cuts both after so many from the client.
async fn cut_after(mut client: DuplexStream, mut server: DuplexStream, mut left: usize) {
    let (mut there, mut back) = ([0; 1000], [0; 1000]);
    loop {
        tokio::select! {
            read = client.read(&mut there) => {
                let read = read.unwrap_or(0).min(left);
                let _ = server.write_all(&there[..read]).await;
                left -= read;
                if read == 0 || left == 0 { return; }
            }
            read = server.read(&mut back) => {
                let read = read.unwrap_or(0);
                if read == 0 || client.write_all(&back[..read]).await.is_err() { return; }
            }
        }
    }
}

/// Wherever the client's words are cut off, the server has an error that says so, at once and without a hang.
#[tokio::test]
async fn a_cut_anywhere_in_the_handshake_is_an_unexpected_end() {
    let whole = client_hello().await.len();
    for cut in (0..whole + 60).step_by(23) {
        let (left, client_end) = tokio::io::duplex(10_000);
        let (server_end, right) = tokio::io::duplex(10_000);
        let connector = TlsConnector::new(client_context());
        let acceptor = TlsAcceptor::new(server_context());
        let (client, server, ()) = tokio::join!(
            async { connector.connect("localhost", left).await.map(drop) },
            acceptor.accept(right),
            cut_after(client_end, server_end, cut)
        );
        let failure = server.expect_err("a cut");
        let of_pipe = failure.error().transport().map(io::Error::kind) == Some(io::ErrorKind::BrokenPipe);
        assert!(failure.kind() == ErrorKind::UnexpectedEof || of_pipe, "cut at {cut}: {failure:?}");
        // In TLS 1.3 the client may have been done.
        if cut < whole {
            assert!(client.is_err());
        }
    }
}

/// A cut in the data is an error to a reader that waits, and to a writer.
#[tokio::test]
async fn a_cut_in_the_data_wakes_who_waits() {
    for version in versions() {
        let (mut client, server) = connected(version, 100).await;
        let reads = tokio::spawn(async move { client.read(&mut [0; 10]).await.map(|_| ()) });
        tokio::task::yield_now().await;
        drop(server.into_parts_discarding().channel);
        let error = reads.await.expect("a task").expect_err("a cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        let (mut client, server) = connected(version, 100).await;
        let writes = tokio::spawn(async move { client.write_all(&[0; 100_000]).await });
        tokio::task::yield_now().await;
        drop(server.into_parts_discarding().channel);
        let error = writes.await.expect("a task").expect_err("a cut");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
