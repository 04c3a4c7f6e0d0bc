//! An HTTPS server that tells each visitor about the connection.
//!
//! ```text
//! cargo run --example serve                                  # with an identity of its own
//! cargo run --example serve -- --cert chain.pem --key key.pem --port 443
//! ```
//!
//! Without `--cert` it makes a new identity for `localhost`, writes the CA of it to a file, and names the file:
//! `curl --cacert FILE https://localhost:4433/` then gets a page.

mod fresh;

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libssl::context::{AlpnDecision, Identity};
use libssl::{Connected, Ssl, SslContext, SslRef};

const USAGE: &str = "\
usage: serve [options]

  --cert FILE    the certificate chain in PEM, the server's own certificate first
  --key FILE     its key in PEM
  --port PORT    where to listen on 127.0.0.1 (4433); 0 takes any free port
  --ca-out FILE  where to write the CA of an identity made here";

/// The longest head of a request that is read.
const LONGEST_HEAD: usize = 16 * 1024;

/// The most that is read after the answer.
const LONGEST_GOODBYE: u64 = 1024 * 1024;

/// How long a visitor may keep us waiting: each has a thread of ours.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Options {
    cert: Option<String>,
    key: Option<String>,
    port: Option<u16>,
    ca_out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("serve: {complaint}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serve: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), Box<dyn Error>> {
    let identity = identity(options)?;
    let mut builder = SslContext::server(&identity)?;
    // Of what a client offers, take the one that we speak; a client that offers only others goes on without.
    builder.set_alpn_select_cb(|_, offered| match offered.first_of(["http/1.1", "http/1.0"]) {
        Some(protocol) => AlpnDecision::Select(protocol),
        None => AlpnDecision::Ignore,
    })?;
    let context = Arc::new(builder.build());

    let listener = TcpListener::bind(("127.0.0.1", options.port.unwrap_or(4433)))?;
    println!("listening on https://localhost:{}/", listener.local_addr()?.port());
    for stream in listener.incoming() {
        // Neither a connection that cannot be accepted nor a thread that cannot be had ends the server.
        let context = Arc::clone(&context);
        let begun = stream.and_then(|stream| thread::Builder::new().spawn(move || visit(&context, stream)));
        if let Err(error) = begun {
            eprintln!("serve: a visitor was turned away: {error}");
            thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// The identity of the files given, or a new one.
fn identity(options: &Options) -> Result<Identity, Box<dyn Error>> {
    match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => Ok(Identity::from_pem_files(cert, key)?),
        (None, None) => {
            let fresh = fresh::identity()?;
            let name = format!("libssl-serve-ca-{}.pem", process::id());
            let file = options.ca_out.clone().unwrap_or_else(|| env::temp_dir().join(name));
            fs::write(&file, &fresh.ca_pem).map_err(|error| format!("{}: {error}", file.display()))?;
            println!("the CA of this server is in {}", file.display());
            Ok(Identity::from_pem(fresh.chain_pem.as_bytes(), fresh.key_pem.as_bytes())?)
        }
        _ => Err("--cert and --key belong together".into()),
    }
}

/// One visitor, from the handshake to the end. Whatever happens here ends this connection only.
fn visit(context: &SslContext, stream: TcpStream) {
    let visitor = stream.peer_addr().map_or("somebody".into(), |address| address.to_string());
    match talk(context, stream) {
        Ok(request) => println!("{visitor}: {request}"),
        Err(error) => eprintln!("{visitor}: {error}"),
    }
}

fn talk(context: &SslContext, stream: TcpStream) -> Result<String, Box<dyn Error>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // A socket that runs into its timeout suspends the handshake, as one that does not block would. Here that is an
    // error like any other: our patience is over.
    let mut connected = Ssl::new(context)?.accept(stream)?;

    let head = read_head(&mut connected)?;
    let request = head.lines().next().unwrap_or_default().to_owned();
    let (status, body) = match request.split_whitespace().collect::<Vec<_>>()[..] {
        ["GET", path, _] => ("200 OK", facts(connected.ssl(), path)),
        [_, _, version] if version.starts_with("HTTP/") => ("405 Method Not Allowed", "only GET\n".into()),
        _ => ("400 Bad Request", "this is not HTTP\n".into()),
    };
    let length = body.len();
    write!(
        connected,
        "HTTP/1.0 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )?;
    // close_notify tells the visitor that this was all, and nobody cut the connection.
    connected.shutdown()?;
    // Then the visitor has the last word. A socket that is closed with bytes unread resets the connection, and the
    // answer could be lost on its way. How this ends does not matter any more.
    let _ = io::copy(&mut connected.take(LONGEST_GOODBYE), &mut io::sink());
    Ok(format!("{request:?}: {status}"))
}

/// The head of a request, to its empty line.
fn read_head(connected: &mut Connected<TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = connected.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..length]);
        if length == 0 || head.len() > LONGEST_HEAD {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// What there is to say about a connection.
fn facts(ssl: &SslRef, path: &str) -> String {
    // Names come from the other side, as bytes that need not be text.
    let text = |bytes: Option<&[u8]>| bytes.map_or("none".into(), String::from_utf8_lossy).into_owned();
    format!(
        "you asked for {path}\nprotocol: {}\ncipher: {}\ngroup: {}\nserver name: {}\nALPN: {}\n",
        ssl.version_string(),
        ssl.current_cipher().map_or("none", |cipher| cipher.name()),
        ssl.group_name().unwrap_or("none"),
        text(ssl.sni()),
        text(ssl.alpn_selected()),
    )
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let value = arguments.next().ok_or(format!("{argument}: unknown, or its value is missing"))?;
            match argument.as_str() {
                "--cert" => options.cert = Some(value),
                "--key" => options.key = Some(value),
                "--port" => {
                    options.port = Some(value.parse().map_err(|error| format!("--port {value}: {error}"))?);
                }
                "--ca-out" => options.ca_out = Some(value.into()),
                _ => return Err(format!("{argument}: unknown option")),
            }
        }
        Ok(options)
    }
}
