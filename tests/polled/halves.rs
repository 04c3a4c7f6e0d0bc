use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libssl::ProtocolVersion;
use libssl::tokio::{TlsAcceptor, TlsConnector, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Pipe, bytes, connected, only, polled, versions};
use crate::common::{client_builder, server_builder};

/// How much goes each way.
const LOAD: usize = 3_000_000;

/// Sends and receives from two tasks at a time, and checks each byte.
async fn both_ways<S>(stream: TlsStream<S>, seed: usize)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writes = tokio::spawn(async move {
        let mut sent = 0;
        while sent < LOAD {
            let len = (1 + sent * 7919 % 40_000).min(LOAD - sent);
            writer.write_all(&bytes(sent, len)).await.expect("room");
            sent += len;
            if len % 3 == 0 {
                writer.flush().await.expect("room");
            }
        }
        writer.shutdown().await.expect("a clean end");
        writer
    });
    let reads = tokio::spawn(async move {
        let (mut received, mut buf) = (0, vec![0; 20_000 + seed]);
        loop {
            match reader.read(&mut buf).await.expect("data") {
                0 => break,
                len => {
                    assert!(buf[..len] == bytes(received, len), "after {received} bytes");
                    received += len;
                }
            }
        }
        assert_eq!(received, LOAD);
        reader
    });
    let (reader, writer) = (reads.await.expect("a reader"), writes.await.expect("a writer"));
    assert!(!reader.unsplit(writer).has_pending_write());
}

/// Four tasks on as many threads as there are, over pipes that are often full.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn halves_in_two_tasks_carry_all_they_are_given() {
    for version in versions() {
        let (client, server) = connected(version, 10_000).await;
        let server = tokio::spawn(both_ways(server, 1));
        both_ways(client, 2).await;
        server.await.expect("the server's halves");
    }
}

/// The same over TCP, with clients of both versions at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halves_carry_all_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let acceptor = TlsAcceptor::new(server_builder().build());
    let mut peers = Vec::new();
    for (seed, version) in versions().into_iter().enumerate() {
        let connector = TlsConnector::new(only(client_builder(), version));
        let (left, right) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (left, right) = (left.expect("a connection"), right.expect("a connection").0);
        let (client, server) = tokio::join!(connector.connect("localhost", left), acceptor.accept(right));
        peers.push(tokio::spawn(both_ways(client.expect("a server"), seed)));
        peers.push(tokio::spawn(both_ways(server.expect("a client"), seed)));
    }
    for peer in peers {
        peer.await.expect("a peer");
    }
}

/// Asks the peer for new keys as well, as C has it.
fn update_keys(stream: &Pipe) {
    // SAFETY: the object is live, and this task has the connection for itself.
    assert_eq!(unsafe { openssl_sys_ext::SSL_key_update(stream.ssl().as_ptr(), 1) }, 1);
}

/// While a client's write waits for room, its server changes keys and asks it to do the same, or sends a ticket. The client
/// reads all of that, and its write goes out whole.
#[tokio::test]
async fn keys_and_tickets_change_while_a_write_is_pending() {
    for times in 1..20 {
        let (mut client, mut server) = connected(ProtocolVersion::TLS1_3, 300).await;
        let first = bytes(0, 10_000);
        let taken = polled(client.write(&first), times).await.expect("it is kept").expect("it is kept");
        assert!(client.has_pending_write());

        // libssl says one thing at a time.
        if times % 2 == 0 {
            update_keys(&server);
        } else {
            // SAFETY: as above.
            assert_eq!(unsafe { openssl_sys_ext::SSL_new_session_ticket(server.ssl().as_ptr()) }, 1);
        }
        let news = bytes(5, 2000);
        let (mut heard, mut received) = (vec![0; 2000], vec![0; taken]);
        let tell = async {
            server.write_all(&news).await.expect("room");
            server.flush().await.expect("room");
        };
        let (_, heard_all) = tokio::join!(tell, client.read_exact(&mut heard));
        heard_all.expect("the news");
        assert!(heard == news);

        let second = bytes(taken, 5000);
        let write = async {
            client.write_all(&second).await.expect("room");
            client.shutdown().await.expect("a clean end");
        };
        let read = async {
            server.read_exact(&mut received).await.expect("what was pending");
            server.read_to_end(&mut received).await.expect("a clean end");
        };
        tokio::join!(write, read);
        assert!(received == [&first[..taken], &second[..]].concat(), "polled {times} times");
    }
}

/// Each side changes its keys over and over while data goes both ways through full pipes.
#[tokio::test]
async fn keys_change_under_load() {
    let (mut client, mut server) = connected(ProtocolVersion::TLS1_3, 3000).await;
    let over = Arc::new(AtomicBool::new(false));
    let serve = async {
        let mut buf = vec![0; 5000];
        for round in 0.. {
            if round % 3 == 0 {
                update_keys(&server);
            }
            match server.read(&mut buf).await.expect("data") {
                0 => break,
                len => {
                    server.write_all(&buf[..len]).await.expect("room");
                    server.flush().await.expect("room");
                }
            }
        }
        server.shutdown().await.expect("a clean end");
        over.store(true, Ordering::Relaxed);
    };
    let ask = async {
        for round in 0..200 {
            let data = bytes(round, 1 + round * 37 % 2000);
            if !client.has_pending_write() {
                update_keys(&client);
            }
            client.write_all(&data).await.expect("room");
            client.flush().await.expect("room");
            let mut echo = vec![0; data.len()];
            client.read_exact(&mut echo).await.expect("the echo");
            assert!(echo == data, "round {round}");
        }
        client.shutdown().await.expect("a clean end");
        assert_eq!(client.read(&mut [0]).await.expect("a clean end"), 0);
    };
    tokio::join!(serve, ask);
    assert!(over.load(Ordering::Relaxed));
}
