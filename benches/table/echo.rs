//! Requests of one KiB over tokio, on one thread: so many connections at once, each of which has one request under way.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use libssl::SslContext;
use libssl::context::{Identity, TrustAnchors};
use openssl::ssl::{self as other, SslConnector};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

/// How many connections there are.
pub const PAIRS: usize = 50;
const REQUEST: usize = 1024;

/// A library over tokio: both ends of a connection.
trait Endpoints {
    fn connect(&self, stream: UnixStream) -> impl Future<Output = impl Stream>;
    fn accept(&self, stream: UnixStream) -> impl Future<Output = impl Stream>;
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

struct Ours(libssl::tokio::TlsConnector, libssl::tokio::TlsAcceptor);

impl Endpoints for Ours {
    async fn connect(&self, stream: UnixStream) -> impl Stream {
        self.0.connect("localhost", stream).await.expect("a good server")
    }

    async fn accept(&self, stream: UnixStream) -> impl Stream {
        self.1.accept(stream).await.expect("a good client")
    }
}

struct Other(SslConnector, other::SslAcceptor);

impl Endpoints for Other {
    async fn connect(&self, stream: UnixStream) -> impl Stream {
        let ssl = self.0.configure().and_then(|ssl| ssl.into_ssl("localhost")).expect("SSL_new");
        let mut stream = tokio_openssl::SslStream::new(ssl, stream).expect("a stream");
        std::pin::Pin::new(&mut stream).connect().await.expect("a good server");
        stream
    }

    async fn accept(&self, stream: UnixStream) -> impl Stream {
        let ssl = other::Ssl::new(self.1.context()).expect("SSL_new");
        let mut stream = tokio_openssl::SslStream::new(ssl, stream).expect("a stream");
        std::pin::Pin::new(&mut stream).accept().await.expect("a good client");
        stream
    }
}

struct Rustls(tokio_rustls::TlsConnector, tokio_rustls::TlsAcceptor);

impl Endpoints for Rustls {
    async fn connect(&self, stream: UnixStream) -> impl Stream {
        self.0.connect(super::rustls_work::name(), stream).await.expect("a good server")
    }

    async fn accept(&self, stream: UnixStream) -> impl Stream {
        self.1.accept(stream).await.expect("a good client")
    }
}

/// Makes the connections, sends so many requests over each, and says how long these took.
pub fn echo(library: &str, files: &Path, count: usize) -> Duration {
    let read = |name| std::fs::read(files.join(name)).expect("a file of the bench");
    match library {
        "ours" => {
            let identity = Identity::from_pem(&read("chain.pem"), &read("key.pem")).expect("an identity");
            let client =
                SslContext::client_trusting(TrustAnchors::Pem(&read("ca.pem"))).expect("a context").build();
            let server = SslContext::server(&identity).expect("a context").build();
            run(&Ours(client.into(), server.into()), count)
        }
        "other" => {
            let (client, server) = super::work::other(files);
            run(&Other(client, server), count)
        }
        _ => {
            let (client, server) = super::rustls_work::configs(files);
            run(&Rustls(client.into(), server.into()), count)
        }
    }
}

fn run(library: &impl Endpoints, count: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..PAIRS {
            let (left, right) = UnixStream::pair().expect("a pair of sockets");
            let (client, server) = tokio::join!(library.connect(left), library.accept(right));
            tokio::spawn(serve(server));
            clients.push(client);
        }
        let start = Instant::now();
        let clients: Vec<_> = clients.into_iter().map(|client| tokio::spawn(ask(client, count))).collect();
        for client in clients {
            client.await.expect("no panic");
        }
        start.elapsed()
    })
}

async fn serve(mut stream: impl Stream) {
    let mut request = [0; REQUEST];
    while stream.read_exact(&mut request).await.is_ok() {
        stream.write_all(&request).await.expect("a healthy connection");
        stream.flush().await.expect("a healthy connection");
    }
}

async fn ask(mut stream: impl Stream, count: usize) {
    let mut request = [0; REQUEST];
    for _ in 0..count {
        stream.write_all(&request).await.expect("a healthy connection");
        stream.flush().await.expect("a healthy connection");
        stream.read_exact(&mut request).await.expect("a healthy connection");
    }
}
