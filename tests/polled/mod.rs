mod asking;
mod cancelled;
mod futures;
mod halves;
mod http;
mod incidents;
mod streams;
mod wakers;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use libssl::tokio::{TlsAcceptor, TlsConnector, TlsStream};
use libssl::{SslContext, SslContextBuilder};
use tokio::io::DuplexStream;

use crate::common::{client_builder, server_builder};

type Pipe = TlsStream<DuplexStream>;

/// TLS 1.2 and 1.3.
fn versions() -> [libssl::ProtocolVersion; 2] {
    [libssl::ProtocolVersion::TLS1_2, libssl::ProtocolVersion::TLS1_3]
}

fn only(mut builder: SslContextBuilder, version: libssl::ProtocolVersion) -> SslContext {
    builder.set_min_proto_version(Some(version)).expect("a version");
    builder.set_max_proto_version(Some(version)).expect("a version");
    builder.build()
}

/// A server that sends no tickets: over a small pipe it would wait for a client to read them, which has nothing to read yet.
fn without_tickets(server: SslContextBuilder) -> SslContextBuilder {
    // SAFETY: the context is live, and nobody else has it.
    assert_eq!(unsafe { openssl_sys::SSL_CTX_set_num_tickets(server.as_ptr(), 0) }, 1);
    server
}

/// A client and a server that are connected over a pipe that holds `room` bytes each way.
async fn connected(version: libssl::ProtocolVersion, room: usize) -> (Pipe, Pipe) {
    let (left, right) = tokio::io::duplex(room);
    let connector = TlsConnector::new(only(client_builder(), version));
    let acceptor = TlsAcceptor::new(only(without_tickets(server_builder()), version));
    let (client, server) = tokio::join!(connector.connect("localhost", left), acceptor.accept(right));
    (client.expect("a connected client"), server.expect("a connected server"))
}

/// Polls `future` as often, letting all other tasks go on before each time, and gives up then.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        if let Poll::Ready(output) = once(future.as_mut()).await {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// Polls `future` once, with the task's own waker.
async fn once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|task: &mut Context<'_>| Poll::Ready(future.as_mut().poll(task))).await
}

/// Bytes of which each tells its place.
fn bytes(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|place| (place ^ (place >> 8) ^ (place >> 16)) as u8).collect()
}
