//! HTTPS for the client of the crate `hyper-util`.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use libssl::SslContext;
//! use libssl::hyper::HttpsConnector;
//!
//! let connector = HttpsConnector::new(SslContext::client()?.build());
//! let client = Client::builder(TokioExecutor::new()).build::<_, String>(connector);
//! let answer = client.get("https://example.org/".parse()?).await?;
//! println!("{:?}", answer.version());
//! # Ok(())
//! # }
//! ```

mod stream;

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::hyper::rt::{Read, Write};
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::context::{SslContext, SslContextRef};
use crate::error::Error;
use crate::ssl::Ssl;
use crate::tokio::{HandshakeLimits, TlsStream};

pub use stream::HttpStream;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Connects the client to servers: to `https` over TLS, and to nothing else unless it is told so.
///
/// It offers `h2` and `http/1.1`, and tells the client which of them the server chose.
#[derive(Clone)]
pub struct HttpsConnector<H = HttpConnector> {
    http: H,
    context: SslContext,
    protocols: &'static [&'static str],
    limits: HandshakeLimits,
    plain: bool,
}

impl HttpsConnector {
    /// Connects over TCP, and shakes hands with this context.
    pub fn new(context: SslContext) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        Self::over(http, context)
    }
}

impl<H> HttpsConnector<H> {
    /// Connects by another connector, which must take URIs of the scheme `https`, and shakes hands with this context.
    pub fn over(http: H, context: SslContext) -> Self {
        Self { http, context, protocols: &["h2", "http/1.1"], limits: HandshakeLimits::none(), plain: false }
    }

    /// Offers `http/1.1` only.
    #[must_use]
    pub fn http1_only(self) -> Self {
        Self { protocols: &["http/1.1"], ..self }
    }

    /// Limits the handshakes.
    #[must_use]
    pub fn with_limits(self, limits: HandshakeLimits) -> Self {
        Self { limits, ..self }
    }

    /// Connects to `http` as well, without TLS: what is asked and answered there can be read and changed by anybody on the
    /// way, and a redirection from `https` to it will be followed by those who follow redirections.
    #[must_use]
    pub fn danger_allow_http(self) -> Self {
        Self { plain: true, ..self }
    }

    /// The context.
    pub fn context(&self) -> &SslContextRef {
        &self.context
    }

    fn ssl(&self, host: &str) -> Result<Ssl, Error> {
        let mut ssl = Ssl::new(&self.context)?;
        ssl.set_server_name(host)?;
        ssl.set_alpn_protos(self.protocols)?;
        Ok(ssl)
    }
}

impl<H> fmt::Debug for HttpsConnector<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsConnector")
            .field("protocols", &self.protocols)
            .field("limits", &self.limits)
            .field("plain", &self.plain)
            .finish_non_exhaustive()
    }
}

impl<H> Service<Uri> for HttpsConnector<H>
where
    H: Service<Uri, Error: Into<BoxError>, Future: Send + 'static>,
    H::Response: Read + Write + Connection + Unpin + Send + 'static,
{
    type Response = HttpStream<H::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(task).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let plain = self.plain && uri.scheme() == Some(&Scheme::HTTP);
        if !(secure || plain) {
            let scheme = uri.scheme_str().unwrap_or("none").to_owned();
            return Box::pin(async move { Err(format!("the scheme is {scheme}, and not https").into()) });
        }
        let ssl = secure.then(|| {
            let host = uri.host().unwrap_or_default();
            // An IPv6 address stands in brackets.
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            self.ssl(host)
        });
        let (connecting, limits) = (self.http.call(uri), self.limits.clone());
        Box::pin(async move {
            let ssl = ssl.transpose()?;
            let stream = connecting.await.map_err(Into::into)?;
            Ok(match ssl {
                None => HttpStream::plain(stream),
                Some(ssl) => {
                    let handshake = TlsStream::connect(ssl, TokioIo::new(stream));
                    HttpStream::secure(limits.run(handshake).await.map_err(Error::from)?)
                }
            })
        })
    }
}
