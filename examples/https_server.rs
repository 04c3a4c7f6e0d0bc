//! An HTTPS server on hyper, with HTTP/2 and HTTP/1.1, whose handshakes are limited.
//!
//! ```text
//! cargo run --features hyper --example https_server                       # with an identity of its own
//! cargo run --features hyper --example https_server -- PORT CA_FILE
//! ```
//!
//! It makes a new identity for `localhost` and writes the CA of it to a file: `curl --http2 --cacert FILE
//! https://localhost:4434/` then gets a page.

mod fresh;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;
use std::{env, fs};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use libssl::context::Identity;
use libssl::tokio::{HandshakeLimits, TlsAcceptor};
use libssl::{AlpnDecision, SslContext};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let port = arguments.next().map_or(Ok(4434), |port| port.parse())?;
    let ca_file = arguments.next().unwrap_or_else(|| "https_server-ca.pem".into());

    let fresh = fresh::identity()?;
    fs::write(&ca_file, &fresh.ca_pem)?;
    let identity = Identity::from_pem(fresh.chain_pem.as_bytes(), fresh.key_pem.as_bytes())?;
    let mut context = SslContext::server(&identity)?;
    context.set_alpn_select_cb(|_, offered| match offered.first_of(["h2", "http/1.1"]) {
        Some(protocol) => AlpnDecision::Select(protocol),
        None => AlpnDecision::Ignore,
    })?;
    let acceptor = TlsAcceptor::new(context.build());
    // Who connects and says nothing is thrown out, and a flood of such leaves time for others.
    let limits = HandshakeLimits::none().with_deadline(Duration::from_secs(10)).with_places(512);

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("the CA of this server is in {ca_file}");
    println!("listening on https://localhost:{}/", listener.local_addr()?.port());
    loop {
        let tcp = match listener.accept().await {
            Ok((tcp, _)) => tcp,
            Err(error) => {
                // The system may have run out of descriptors: let others end first.
                eprintln!("accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, limits) = (acceptor.clone(), limits.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(acceptor, limits, tcp).await {
                eprintln!("a visitor: {error}");
            }
        });
    }
}

async fn serve(acceptor: TlsAcceptor, limits: HandshakeLimits, tcp: TcpStream) -> Result<(), Failure> {
    tcp.set_nodelay(true)?;
    let stream = limits.run(acceptor.accept(tcp)).await.map_err(libssl::Error::from)?;
    let about = format!("over {}", stream.ssl().version_string());
    let http = auto::Builder::new(TokioExecutor::new());
    let answer = service_fn(move |request| answer(request, about.clone()));
    http.serve_connection(TokioIo::new(stream), answer).await
}

async fn answer(request: Request<Incoming>, about: String) -> Result<Response<String>, Infallible> {
    let page = format!("you asked for {} by {:?} {about}\n", request.uri().path(), request.version());
    Ok(Response::new(page))
}
