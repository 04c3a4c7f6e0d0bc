//! A server that takes a new certificate while its connections go on. It sends each visitor's lines back.
//!
//! ```text
//! cargo run --example reload -- --cert chain.pem --key key.pem --port 4433
//! openssl s_client -connect localhost:4433 -servername localhost
//! ```
//!
//! It looks at the two files once a second, and at once for a line `reload` on its stdin. A context is frozen, and
//! connections hold the one that they began with: so a reload is a new context in the place of the old one, which goes
//! when its last connection does. Files that make no server are reported, and the old context stays.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, SystemTime};

use libssl::context::Identity;
use libssl::{Connected, Ssl, SslContext};

const USAGE: &str = "\
usage: reload --cert FILE --key FILE [--port PORT]

  --cert FILE  the certificate chain in PEM, the server's own certificate first
  --key FILE   its key in PEM
  --port PORT  where to listen on 127.0.0.1 (4433); 0 takes any free port";

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How long a visitor may take to shake hands.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest line that is sent back.
const LONGEST_LINE: u64 = 16 * 1024;

fn main() -> ExitCode {
    let (files, port) = match parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            eprintln!("reload: {complaint}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(files, port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(files: Files, port: u16) -> Result<(), Box<dyn Error>> {
    let server = Arc::new(Server::new(files)?);
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("listening on 127.0.0.1:{}", listener.local_addr()?.port());

    let watching = Arc::clone(&server);
    thread::Builder::new().spawn(move || {
        loop {
            thread::sleep(EVERY);
            watching.reload_if_changed();
        }
    })?;
    let obeying = Arc::clone(&server);
    thread::Builder::new().spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if line.trim() == "reload" {
                obeying.reload();
            }
        }
    })?;

    for stream in listener.incoming() {
        // A connection keeps the context that it begins with.
        let context = server.context();
        let begun = stream.and_then(|stream| thread::Builder::new().spawn(move || visit(&context, stream)));
        if let Err(error) = begun {
            eprintln!("reload: a visitor was turned away: {error}");
            thread::sleep(Duration::from_millis(10));
        }
    }
    Ok(())
}

/// Where the identity is.
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// When both files were last written.
type Stamp = [Option<SystemTime>; 2];

impl Files {
    fn stamp(&self) -> Stamp {
        [&self.cert, &self.key].map(|file| fs::metadata(file).and_then(|facts| facts.modified()).ok())
    }

    /// All settings are made anew, and the new context has been tried as far as it can be before it is used: its key
    /// belongs to its certificate.
    fn context(&self) -> Result<SslContext, libssl::Error> {
        let identity = Identity::from_pem_files(&self.cert, &self.key)?;
        Ok(SslContext::server(&identity)?.build())
    }
}

struct Server {
    files: Files,
    /// What new connections begin with.
    context: RwLock<SslContext>,
    /// What was read last, for better or worse: it is not tried again until it changes.
    read: Mutex<Stamp>,
}

impl Server {
    fn new(files: Files) -> Result<Self, libssl::Error> {
        let stamp = files.stamp();
        let context = RwLock::new(files.context()?);
        Ok(Self { files, context, read: Mutex::new(stamp) })
    }

    fn context(&self) -> SslContext {
        self.context.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reload_if_changed(&self) {
        let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if self.files.stamp() != read {
            self.reload();
        }
    }

    fn reload(&self) {
        // Held to the end, so that of two reloads the later one counts.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the files are: what changes while they are read is seen next time.
        *read = self.files.stamp();
        match self.files.context() {
            Ok(context) => {
                *self.context.write().unwrap_or_else(PoisonError::into_inner) = context;
                println!("reloaded");
            }
            Err(error) => eprintln!("reload: the old certificate stays: {error}"),
        }
    }
}

/// One visitor, from the handshake to the end. Whatever happens here ends this connection only.
fn visit(context: &SslContext, stream: TcpStream) {
    if let Err(error) = talk(context, stream) {
        eprintln!("reload: a visitor: {error}");
    }
}

fn talk(context: &SslContext, stream: TcpStream) -> Result<(), Box<dyn Error>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let connected = Ssl::new(context)?.accept(stream)?;
    // From here on a visitor may be silent for as long as it likes.
    connected.channel().set_read_timeout(None)?;
    let mut lines = BufReader::new(connected);
    loop {
        let mut line = Vec::new();
        if Read::by_ref(&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let connected: &mut Connected<TcpStream> = lines.get_mut();
        connected.write_all(&line)?;
        connected.flush()?;
    }
    lines.into_inner().shutdown()?;
    Ok(())
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(Files, u16), String> {
    let (mut cert, mut key, mut port) = (None, None, 4433);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(format!("{argument}: unknown, or its value is missing"))?;
        match argument.as_str() {
            "--cert" => cert = Some(value.into()),
            "--key" => key = Some(value.into()),
            "--port" => port = value.parse().map_err(|error| format!("--port {value}: {error}"))?,
            _ => return Err(format!("{argument}: unknown option")),
        }
    }
    match (cert, key) {
        (Some(cert), Some(key)) => Ok((Files { cert, key }, port)),
        _ => Err("--cert and --key are needed".into()),
    }
}
