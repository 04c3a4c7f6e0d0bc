use libssl::tokio::{TlsAcceptor, TlsConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{bytes, connected, once, polled, versions, without_tickets};
use crate::common::{client_context, server_builder, server_context};

/// A write that is dropped at any point has taken nothing, and what is written next, other data, is what comes.
#[tokio::test]
async fn a_cancelled_write_never_mixes_with_the_next() {
    for version in versions() {
        for times in 0..40 {
            let (mut client, mut server) = connected(version, 50).await;
            let reads = tokio::spawn(async move {
                let mut received = Vec::new();
                server.read_to_end(&mut received).await.map(|_| received)
            });
            let mut sent = Vec::new();
            for round in 0..6 {
                let piece = vec![b'a' + round; 700];
                // Vectored and plain writes, by turns.
                let taken = if round % 2 == 0 {
                    polled(client.write(&piece), times).await
                } else {
                    let halves = [&piece[..300], &piece[300..]].map(std::io::IoSlice::new);
                    polled(client.write_vectored(&halves), times).await
                };
                if let Some(taken) = taken {
                    sent.extend_from_slice(&piece[..taken.expect("room")]);
                }
                if round == 3 {
                    let _ = polled(client.flush(), times).await;
                }
            }
            let _ = polled(client.shutdown(), times).await;
            client.shutdown().await.expect("a clean end");
            let received = reads.await.expect("a task").expect("a clean end");
            assert!(received == sent, "{version:?}, polled {times} times");
        }
    }
}

/// A read that is dropped at any point has lost nothing.
#[tokio::test]
async fn a_cancelled_read_loses_nothing() {
    for version in versions() {
        for times in 0..40 {
            let (mut client, mut server) = connected(version, 50).await;
            let data = bytes(times, 3000);
            let expected = data.clone();
            let writes = tokio::spawn(async move {
                server.write_all(&data).await.expect("room");
                server.shutdown().await.expect("a clean end");
            });
            let mut received = Vec::new();
            for len in [1, 10, 100, 1000] {
                let mut buf = vec![0; len];
                if let Some(read) = polled(client.read(&mut buf), times).await {
                    received.extend_from_slice(&buf[..read.expect("data")]);
                }
            }
            client.read_to_end(&mut received).await.expect("a clean end");
            writes.await.expect("a task");
            assert!(received == expected, "{version:?}, polled {times} times");
        }
    }
}

/// A handshake that was left at any point goes on when it is awaited again.
#[tokio::test]
async fn a_handshake_goes_on_where_it_was_left() {
    for times in 0..60 {
        let (left, right) = tokio::io::duplex(50);
        let acceptor = TlsAcceptor::new(without_tickets(server_builder()).build());
        let server = tokio::spawn(acceptor.accept(right));
        let mut client = TlsConnector::new(client_context()).connect("localhost", left);

        let early = polled(&mut client, times).await;

        let client = match early {
            Some(client) => client,
            None => {
                assert!(client.ssl().is_some() && client.get_ref().is_some());
                client.await
            }
        };
        let mut server = server.await.expect("a task").expect("a client");
        let mut client = client.expect("a server");
        let write = async {
            client.write_all(b"hello").await.expect("room");
            client.flush().await.expect("room")
        };
        let mut hello = [0; 5];
        let (_, read) = tokio::join!(write, server.read_exact(&mut hello));
        read.expect("data");
        assert_eq!(&hello, b"hello");
    }
}

/// A handshake that is over is never ready again, and holds nothing.
#[tokio::test]
async fn a_finished_handshake_stays_finished() {
    let (left, right) = tokio::io::duplex(10_000);
    let mut client = TlsConnector::new(client_context()).connect("localhost", left);
    let accept = TlsAcceptor::new(server_context()).accept(right);
    let (connected, _) = tokio::join!(&mut client, accept);
    connected.expect("a server");
    assert!(client.ssl().is_none() && client.get_ref().is_none());
    assert!(once(std::pin::pin!(&mut client)).await.is_pending());
    assert!(client.give_up(std::io::ErrorKind::TimedOut.into()).is_none());
}

/// One that is given up at any point comes back in parts, with the reason.
#[tokio::test]
async fn a_handshake_that_is_given_up_comes_back_in_parts() {
    for times in 0..12 {
        let (left, _right) = tokio::io::duplex(50);
        let mut client = TlsConnector::new(client_context()).connect("localhost", left);
        assert!(polled(&mut client, times).await.is_none());
        let failure = client.give_up(std::io::ErrorKind::TimedOut.into()).expect("it was not over");
        assert_eq!(failure.error().transport().map(std::io::Error::kind), Some(std::io::ErrorKind::TimedOut));
        assert!(failure.into_parts().ssl.is_some());
    }
}
