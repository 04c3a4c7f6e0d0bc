//! A server that staples the status of its own certificate, and a client that demands it.
//!
//! ```text
//! cargo run --example staple -- serve --cert chain.pem --key key.pem --ca ca.pem
//! cargo run --example staple -- connect localhost:4433 --ca ca.pem
//! ```
//!
//! The server asks the OCSP responder that its certificate names, over plain HTTP, judges the answer as its clients will,
//! and puts it where handshakes take it from. It asks again halfway to the answer's end; a good answer stays until a better
//! one comes, or until its end.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime};

use libssl::context::Identity;
use libssl::ocsp::{OcspCheck, OcspRequest, OcspResponse, OcspSingleResponse, Staple, StaplePolicy};
use libssl::x509::{X509, X509Store, X509StoreBuilder};
use libssl::{Ssl, SslContext, TrustAnchors};

const USAGE: &str = "\
usage: staple serve --cert FILE --key FILE --ca FILE [--responder URL] [--port PORT]
       staple connect HOST:PORT --ca FILE [--always]

  --cert FILE      the certificate chain in PEM, the server's own certificate first
  --key FILE       its key in PEM
  --ca FILE        the issuer of the certificate (serve), or whom to trust (connect), in PEM
  --responder URL  whom to ask; without it, whom the certificate names
  --port PORT      where to listen on 127.0.0.1 (4433); 0 takes any free port
  --always         demand a stapled response whether the certificate demands one or not";

/// No response of a responder is longer.
const LONGEST: u64 = 64 * 1024;

/// How long a responder or a visitor may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon to ask again, however short an answer holds, or after a failure.
const PAUSE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Default)]
struct Options {
    peer: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    ca: Option<String>,
    responder: Option<String>,
    port: Option<u16>,
    always: bool,
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let run = match mode.as_str() {
        "serve" => serve,
        "connect" => connect,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Options::parse(arguments).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("staple: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is killed.
fn serve(options: &Options) -> Outcome<()> {
    let chain = file(&options.cert, "--cert")?;
    let identity = Identity::from_pem(&chain, &file(&options.key, "--key")?)?;
    let source = Source::new(options, &chain)?;
    let staple = Staple::new();
    let first = source.refresh(&staple);
    match &first {
        Ok(response) => println!("stapling a response of {}", ago(response.this_update())),
        // Clients that demand a response will go away; the others will not.
        Err(error) => eprintln!("staple: nothing to staple yet: {error}"),
    }
    let mut builder = SslContext::server(&identity)?;
    builder.set_staple(&staple)?;
    let context = builder.build();
    let pause = first.as_ref().map_or(PAUSE, half_life);
    thread::spawn(move || source.keep_fresh(&staple, pause));

    let listener = TcpListener::bind(("127.0.0.1", options.port.unwrap_or(4433)))?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let context = context.clone();
        thread::spawn(move || {
            if let Err(error) = stream.map_err(Into::into).and_then(|stream| greet(&context, stream)) {
                eprintln!("staple: a visitor: {error}");
            }
        });
    }
    Ok(())
}

fn greet(context: &SslContext, stream: TcpStream) -> Outcome<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut connected = Ssl::new(context)?.accept(stream).map_err(libssl::Error::from)?;
    connected.write_all(b"hello\n")?;
    connected.shutdown()?;
    Ok(())
}

/// Where the status of a certificate comes from.
struct Source {
    certificate: X509,
    issuer: X509,
    store: X509Store,
    responder: String,
}

impl Source {
    fn new(options: &Options, chain: &[u8]) -> Outcome<Self> {
        let certificate = X509::from_pem(chain)?;
        let ca = file(&options.ca, "--ca")?;
        let responder = match &options.responder {
            Some(responder) => responder.clone(),
            None => {
                let named = certificate.ocsp_responders().into_iter().next();
                String::from_utf8(named.ok_or("the certificate names no responder")?)?
            }
        };
        Ok(Self { certificate, issuer: X509::from_pem(&ca)?, store: store(&ca)?, responder })
    }

    /// Asks, judges, and only then replaces what is stapled.
    fn refresh(&self, staple: &Staple) -> Outcome<OcspSingleResponse> {
        let request = OcspRequest::for_certificate(&self.certificate, &self.issuer)?;
        let response = OcspResponse::from_der(&post(&self.responder, request.as_der())?)?;
        let verdict = response.verify_for(&self.certificate, &self.issuer, &self.store, &OcspCheck::new())?;
        staple.set(response);
        Ok(verdict)
    }

    fn keep_fresh(&self, staple: &Staple, mut pause: Duration) {
        loop {
            thread::sleep(pause);
            pause = match self.refresh(staple) {
                Ok(response) => half_life(&response),
                Err(error) => {
                    eprintln!("staple: the responder: {error}");
                    PAUSE
                }
            };
            self.drop_if_stale(staple);
        }
    }

    /// A response that no longer holds is worse than none.
    fn drop_if_stale(&self, staple: &Staple) {
        let check = OcspCheck::new();
        let holds = |response: OcspResponse| {
            response.verify_for(&self.certificate, &self.issuer, &self.store, &check).is_ok()
        };
        if !staple.get().is_none_or(holds) {
            staple.clear();
        }
    }
}

/// Half of the time for which a response still holds.
fn half_life(response: &OcspSingleResponse) -> Duration {
    let end = response.next_update().unwrap_or(response.this_update() + 2 * PAUSE);
    (end.duration_since(SystemTime::now()).unwrap_or_default() / 2).max(PAUSE)
}

/// A POST over HTTP/1.0: responders sign what they say, and need no TLS for it.
fn post(url: &str, body: &[u8]) -> Outcome<Vec<u8>> {
    let rest = url.strip_prefix("http://").ok_or("the responder is not at http://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let address = if host.contains(':') { host.to_string() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        OcspRequest::CONTENT_TYPE,
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").ok_or("the responder sent no HTTP")?;
    let body = answer.split_off(head + 4);
    let status = String::from_utf8_lossy(&answer);
    match status.split_whitespace().nth(1) {
        Some("200") => Ok(body),
        _ => Err(format!("the responder answered {}", status.lines().next().unwrap_or_default()).into()),
    }
}

/// Shakes hands once, and prints what was stapled.
fn connect(options: &Options) -> Outcome<()> {
    let peer = options.peer.as_deref().ok_or(USAGE)?;
    let host = peer.rsplit_once(':').ok_or("HOST:PORT is wanted")?.0;
    let ca = file(&options.ca, "--ca")?;
    let mut builder = SslContext::client_trusting(TrustAnchors::Pem(&ca))?;
    let policy = if options.always { StaplePolicy::Always } else { StaplePolicy::MustStaple };
    builder.verify_stapled_responses(policy, OcspCheck::new())?;
    let mut ssl = Ssl::new(&builder.build())?;
    ssl.set_server_name(host)?;
    let mut connected = ssl.connect(TcpStream::connect(peer)?).map_err(libssl::Error::from)?;
    match connected.ssl().tlsext_status_ocsp_resp() {
        None => println!("nothing was stapled, and nothing had to be"),
        Some(der) => {
            for response in OcspResponse::from_der(&der)?.basic()?.responses() {
                println!("{:?}, known {}", response.status(), ago(response.this_update()));
            }
        }
    }
    let mut greeting = String::new();
    connected.read_to_string(&mut greeting)?;
    io::stdout().write_all(greeting.as_bytes())?;
    Ok(())
}

fn ago(time: SystemTime) -> String {
    let age = SystemTime::now().duration_since(time).unwrap_or_default();
    format!("{} s ago", age.as_secs())
}

/// The store of those who trust this CA.
fn store(ca: &[u8]) -> Outcome<X509Store> {
    let mut builder = X509StoreBuilder::new()?;
    builder.add_pem(ca)?;
    Ok(builder.build()?)
}

fn file(path: &Option<String>, option: &str) -> Outcome<Vec<u8>> {
    let path = path.as_ref().ok_or_else(|| format!("{option} is wanted\n{USAGE}"))?;
    fs::read(path).map_err(|error| format!("{path}: {error}").into())
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value\n{USAGE}"));
            match argument.as_str() {
                "--cert" => options.cert = Some(value()?),
                "--key" => options.key = Some(value()?),
                "--ca" => options.ca = Some(value()?),
                "--responder" => options.responder = Some(value()?),
                "--port" => options.port = Some(value()?.parse()?),
                "--always" => options.always = true,
                other if !other.starts_with('-') && options.peer.is_none() => options.peer = Some(argument),
                other => return Err(format!("unknown argument {other}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }
}
