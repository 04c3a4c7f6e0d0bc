use std::convert::Infallible;
use std::process::Command;

use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use libssl::hyper::HttpsConnector;
use libssl::tokio::TlsAcceptor;
use libssl::{AlpnDecision, SslContext};
use tokio::net::TcpListener;

use crate::commands::{Files, Running, example, run};
use crate::common::{client_context, server_builder};

/// A server that speaks these protocols, and its port.
async fn server(protocols: &'static [&'static str]) -> u16 {
    let mut context = server_builder();
    context
        .set_alpn_select_cb(move |_, offered| match offered.first_of(protocols) {
            Some(protocol) => AlpnDecision::Select(protocol),
            None => AlpnDecision::Ignore,
        })
        .expect("a callback");
    let acceptor = TlsAcceptor::new(context.build());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let handshake = acceptor.accept(tcp);
            tokio::spawn(async move {
                let Ok(stream) = handshake.await else { return };
                let echo = service_fn(|request: Request<Incoming>| async move {
                    let body = request.into_body().collect().await.expect("a body").to_bytes();
                    Ok::<_, Infallible>(Response::new(http_body_util::Full::new(body)))
                });
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(stream), echo).await;
            });
        }
    });
    port
}

async fn ask(connector: HttpsConnector, port: u16) -> (Version, Vec<u8>) {
    let client = Client::builder(TokioExecutor::new()).build::<_, String>(connector);
    let body = "body ".repeat(50_000);
    let request = Request::post(format!("https://localhost:{port}/")).body(body).expect("a request");
    let answer = client.request(request).await.expect("an answer");
    let version = answer.version();
    (version, answer.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

/// The client speaks what was negotiated, whatever it was told beforehand.
#[tokio::test]
async fn the_client_speaks_h2_where_it_was_negotiated() {
    let connector = HttpsConnector::new(client_context());
    let (version, body) = ask(connector.clone(), server(&["h2", "http/1.1"]).await).await;
    assert_eq!(version, Version::HTTP_2);
    assert!(body == "body ".repeat(50_000).as_bytes());
    let both = server(&["h2", "http/1.1"]).await;
    assert_eq!(ask(connector.clone().http1_only(), both).await.0, Version::HTTP_11);
    assert_eq!(ask(connector.clone(), server(&["http/1.1"]).await).await.0, Version::HTTP_11);
    assert_eq!(ask(connector, server(&[]).await).await.0, Version::HTTP_11);
}

/// Nothing goes out in the clear, and a server that is not to be trusted gets no request.
#[tokio::test]
async fn the_client_refuses_http_and_strangers() {
    let port = server(&["h2"]).await;
    let get = |connector, uri: String| async move {
        let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
        client.get(uri.parse().expect("a URI")).await.map(drop)
    };
    let error = get(HttpsConnector::new(client_context()), format!("http://localhost:{port}/")).await;
    let error = error.expect_err("no TLS");
    let why = std::error::Error::source(&error).expect("a reason").to_string();
    assert!(why.contains("not https"), "{why}");

    let stranger = SslContext::client().expect("a context").build();
    let error = get(HttpsConnector::new(stranger), format!("https://localhost:{port}/")).await;
    let error = error.expect_err("not trusted");
    let why = std::error::Error::source(&error).and_then(|why| why.downcast_ref::<libssl::Error>());
    assert!(matches!(why.map(libssl::Error::kind), Some(libssl::ErrorKind::Verification(_))), "{error:?}");

    // An address in brackets is an address.
    let v6 = TcpListener::bind("[::1]:0").await;
    if let Ok(v6) = v6 {
        let port = v6.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::new(server_builder().build());
        let serve = async {
            let (tcp, _) = v6.accept().await.expect("a visitor");
            acceptor.accept(tcp).await.map(drop).expect("a client")
        };
        let ask = get(HttpsConnector::new(client_context()), format!("https://[::1]:{port}/"));
        let (asked, ()) = tokio::join!(ask, serve);
        assert!(asked.expect_err("no answer").source_is_http(), "the handshake went well");
    }
}

trait SourceIsHttp {
    fn source_is_http(&self) -> bool;
}

impl SourceIsHttp for hyper_util::client::legacy::Error {
    /// Whether the connection came to be, and only the answer is missing.
    fn source_is_http(&self) -> bool {
        !self.is_connect()
    }
}

/// The examples, against each other and against curl.
#[test]
fn the_examples_speak_h2_with_each_other_and_with_curl() {
    let files = Files::new(&[]);
    let ca = files.path("ca.pem");
    let mut server = Running::start(example("https_server").arg("0").arg(&ca));
    let line = server.line_with("listening on https://localhost:");
    let port: u16 =
        line.trim().trim_end_matches('/').rsplit(':').next().expect("a port").parse().expect("a port");
    let uri = format!("https://localhost:{port}/page");

    let ended = run(example("https_client").arg(&uri).arg(&ca));
    assert!(ended.status.success(), "{ended:#?}");
    assert!(
        ended.stdout.starts_with("HTTP/2.0 200 OK\nyou asked for /page by HTTP/2.0 over TLSv1."),
        "{ended:#?}"
    );

    for (option, said) in [("--http2", "2"), ("--http1.1", "1.1")] {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", option, "--write-out", "%{http_version}", "--cacert"])
            .arg(&ca);
        let ended = run(curl.arg(&uri));
        assert!(ended.status.success(), "{ended:#?}");
        // A curl without HTTP/2 asks for HTTP/1.1.
        let version = run(Command::new("curl").arg("--version")).stdout;
        let expected = if version.contains("HTTP2") { said } else { "1.1" };
        assert!(ended.stdout.ends_with(&format!("\n{expected}")), "{ended:#?}");
    }
}
