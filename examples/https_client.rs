//! An HTTPS client on hyper: gets a page, and says by which version of HTTP.
//!
//! ```text
//! cargo run --features hyper --example https_client -- https://example.org/
//! cargo run --features hyper --example https_client -- https://localhost:4434/ https_server-ca.pem
//! ```

use std::env;
use std::error::Error;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use libssl::hyper::HttpsConnector;
use libssl::{SslContext, TrustAnchors};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let uri = arguments.next().ok_or("usage: https_client URI [CA_FILE]")?;
    let context = match arguments.next() {
        Some(file) => SslContext::client_trusting(TrustAnchors::Pem(&std::fs::read(file)?))?.build(),
        None => SslContext::client()?.build(),
    };
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(HttpsConnector::new(context));
    let answer = client.get(uri.parse()?).await?;
    println!("{:?} {}", answer.version(), answer.status());
    let body = answer.into_body().collect().await?.to_bytes();
    print!("{}", String::from_utf8_lossy(&body));
    Ok(())
}
