//! What is counted, with this crate and with the `openssl` crate.

use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use libssl::bio::{Channel, ReadAhead, Trusted};
use libssl::context::{Identity, SslMode, TrustAnchors};
use libssl::{Connected, HandshakeError, Ssl, SslContext};
use openssl::ssl::{
    self as other, HandshakeError as OtherError, SslAcceptor, SslConnector, SslFiletype, SslStream,
};

use super::FILES;
use super::rustls_work::Rustls;
use super::wire::{Wire, wires};

const RECORD: usize = 16 * 1024;

/// A library, with a client's context and a server's.
pub trait Library {
    type Stream<S: Read + Write>: Read + Write;

    fn new(files: &Path, saves_memory: bool) -> Self;

    fn shake<S: Read + Write>(&self, client: S, server: S) -> (Self::Stream<S>, Self::Stream<S>);

    /// Over streams that do what a socket does, and no more.
    fn shake_in_memory(&self, client: Wire, server: Wire) -> (impl Read + Write, impl Read + Write);

    fn shake_reading_ahead(&self, client: UnixStream, server: UnixStream);

    /// A full handshake, and so many that are resumed.
    fn resume_often(&self, count: usize);

    fn client_context();
}

struct Ours {
    client: SslContext,
    server: SslContext,
}

impl Ours {
    fn shake_over<C: Channel>(&self, client: C, server: C) -> (Connected<C>, Connected<C>) {
        let mut ssl = Ssl::new(&self.client).expect("SSL_new");
        ssl.set_server_name("localhost").expect("a good name");
        let Err(HandshakeError::WantRead(client)) = ssl.connect(client) else { panic!("no answer yet") };
        let ssl = Ssl::new(&self.server).expect("SSL_new");
        let Err(HandshakeError::WantRead(server)) = ssl.accept(server) else { panic!("no answer yet") };
        let client = client.resume().map_err(libssl::Error::from).expect("a good server");
        let server = server.resume().map_err(libssl::Error::from).expect("a good client");
        (client, server)
    }
}

impl Library for Ours {
    type Stream<S: Read + Write> = Connected<S>;

    fn new(files: &Path, saves_memory: bool) -> Self {
        let read = |name| std::fs::read(files.join(name)).expect("a file of the bench");
        let identity = Identity::from_pem(&read("chain.pem"), &read("key.pem")).expect("a good identity");
        let mut client =
            SslContext::client_trusting(TrustAnchors::Pem(&read("ca.pem"))).expect("a client's context");
        let mut server = SslContext::server(&identity).expect("a server's context");
        if saves_memory {
            client.set_mode(SslMode::RELEASE_BUFFERS).expect("a mode");
            server.set_mode(SslMode::RELEASE_BUFFERS).expect("a mode");
        }
        Self { client: client.build(), server: server.build() }
    }

    fn shake<S: Read + Write>(&self, client: S, server: S) -> (Connected<S>, Connected<S>) {
        self.shake_over(client, server)
    }

    fn shake_in_memory(&self, client: Wire, server: Wire) -> (impl Read + Write, impl Read + Write) {
        // SAFETY: a wire copies bytes and does nothing else.
        let (client, server) = unsafe { (Trusted::new(client), Trusted::new(server)) };
        self.shake_over(client, server)
    }

    fn shake_reading_ahead(&self, client: UnixStream, server: UnixStream) {
        self.shake_over(ReadAhead::new(client), ReadAhead::new(server));
    }

    fn resume_often(&self, count: usize) {
        for i in 0..=count {
            let (client, server) = wires();
            // SAFETY: as above.
            let (client, server) = unsafe { (Trusted::new(client), Trusted::new(server)) };
            let (mut client, _server) = self.shake_over(client, server);
            assert!(client.ssl().session_reused() || i == 0);
            // The tickets.
            let error = client.read(&mut [0]).expect_err("nothing was sent");
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }

    fn client_context() {
        black_box(SslContext::client().expect("a machine with roots").build());
    }
}

/// The `openssl` crate, with the defaults of its connector and its acceptor.
struct Other {
    client: SslConnector,
    server: SslAcceptor,
}

/// A connector and an acceptor of the `openssl` crate's.
pub fn other(files: &Path) -> (SslConnector, SslAcceptor) {
    let mut client = SslConnector::builder(other::SslMethod::tls_client()).expect("a connector");
    // The connector has the system's roots, which would be searched first.
    let store = openssl::x509::store::X509StoreBuilder::new().expect("a store").build();
    client.set_cert_store(store);
    client.set_ca_file(files.join("ca.pem")).expect("a CA");
    let mut server =
        SslAcceptor::mozilla_intermediate_v5(other::SslMethod::tls_server()).expect("an acceptor");
    server.set_certificate_chain_file(files.join("chain.pem")).expect("a chain");
    server.set_private_key_file(files.join("key.pem"), SslFiletype::PEM).expect("a key");
    (client.build(), server.build())
}

impl Library for Other {
    type Stream<S: Read + Write> = SslStream<S>;

    fn new(files: &Path, _: bool) -> Self {
        let (client, server) = other(files);
        Self { client, server }
    }

    fn shake<S: Read + Write>(&self, client: S, server: S) -> (SslStream<S>, SslStream<S>) {
        let Err(OtherError::WouldBlock(client)) = self.client.connect("localhost", client) else {
            panic!("no answer yet")
        };
        let Err(OtherError::WouldBlock(server)) = self.server.accept(server) else { panic!("no answer yet") };
        let (Ok(client), Ok(server)) = (client.handshake(), server.handshake()) else {
            panic!("no handshake")
        };
        (client, server)
    }

    fn shake_in_memory(&self, client: Wire, server: Wire) -> (impl Read + Write, impl Read + Write) {
        self.shake(client, server)
    }

    fn shake_reading_ahead(&self, client: UnixStream, server: UnixStream) {
        self.shake(client, server);
    }

    fn resume_often(&self, _: usize) {
        panic!("its connector keeps no sessions");
    }

    fn client_context() {
        black_box(SslConnector::builder(other::SslMethod::tls_client()).expect("a connector").build());
    }
}

/// Does the work of a row so many times, and ends the program.
pub fn work(library: &str, row: &str, count: usize) -> ! {
    if row == "echo" {
        echo(library, count);
        std::process::exit(0)
    }
    match library {
        "ours" => work_with::<Ours>(row, count),
        "other" => work_with::<Other>(row, count),
        "rustls" => work_with::<Rustls>(row, count),
        _ => panic!("no library {library}"),
    }
    std::process::exit(0)
}

#[cfg(feature = "tokio")]
fn echo(library: &str, count: usize) {
    let time = super::echo::echo(library, &files(), count);
    if std::env::var(super::SAYS).as_deref() == Ok("time") {
        println!("{}", time.as_nanos());
    }
}

#[cfg(not(feature = "tokio"))]
fn echo(_: &str, _: usize) {
    panic!("needs the feature tokio");
}

fn files() -> PathBuf {
    PathBuf::from(std::env::var_os(FILES).expect("the files of the bench"))
}

fn work_with<L: Library>(row: &str, count: usize) {
    let files = files();
    if row == "context" {
        return (0..count).for_each(|_| L::client_context());
    }
    let library = L::new(&files, row == "idle");
    work_once(&library, row, 1);
    let (heap, start) = (heap(), Instant::now());
    work_once(&library, row, count);
    match std::env::var(super::SAYS).as_deref() {
        Ok("time") => println!("{}", start.elapsed().as_nanos()),
        Ok("heap") => println!("{}", self::heap() - heap),
        _ => {}
    }
}

fn work_once<L: Library>(library: &L, row: &str, count: usize) {
    match row {
        "handshake" => (0..count).for_each(|_| drop(shake(library))),
        "socket" => (0..count).for_each(|_| {
            let (client, server) = sockets();
            library.shake(client, server);
        }),
        "socket-ahead" => (0..count).for_each(|_| {
            let (client, server) = sockets();
            library.shake_reading_ahead(client, server);
        }),
        "byte" => move_often::<1>(shake(library), count),
        "bulk" => move_often::<RECORD>(shake(library), count),
        "byte-watched" => move_often::<1>(shake_watched(library), count),
        "bulk-watched" => move_often::<RECORD>(shake_watched(library), count),
        "nothing" => read_nothing(library, count),
        "resumed" => library.resume_often(count),
        "idle" => stay_idle(library, count),
        _ => panic!("no row {row}"),
    }
}

fn shake<L: Library>(library: &L) -> (impl Read + Write, impl Read + Write) {
    let (client, server) = wires();
    library.shake_in_memory(client, server)
}

/// Over a stream that is no more than `Read` and `Write`.
fn shake_watched<L: Library>(library: &L) -> (impl Read + Write, impl Read + Write) {
    let (client, server) = wires();
    library.shake(client, server)
}

fn sockets() -> (UnixStream, UnixStream) {
    let (client, server) = UnixStream::pair().expect("a pair of sockets");
    client.set_nonblocking(true).expect("a socket that does not block");
    server.set_nonblocking(true).expect("a socket that does not block");
    (client, server)
}

/// Sends bytes and reads them on the other side.
fn move_once(from: &mut impl Write, to: &mut impl Read, data: &[u8], out: &mut [u8]) -> io::Result<()> {
    assert_eq!(from.write(data)?, data.len());
    let mut done = 0;
    while done < data.len() {
        done += to.read(&mut out[done..])?;
    }
    Ok(())
}

fn move_often<const LEN: usize>(pair: (impl Read + Write, impl Read + Write), count: usize) {
    let (mut client, mut server) = pair;
    let (data, mut out) = ([0; LEN], [0; LEN]);
    for _ in 0..count {
        move_once(&mut client, &mut server, &data, &mut out).expect("a healthy connection");
    }
}

fn read_nothing<L: Library>(library: &L, count: usize) {
    let (_client, mut server) = shake(library);
    let mut out = [0; 64];
    for _ in 0..count {
        let error = server.read(&mut out).expect_err("nothing was sent");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

fn stay_idle<L: Library>(library: &L, count: usize) {
    for _ in 0..count {
        let (mut client, mut server) = shake(library);
        move_once(&mut client, &mut server, &[0], &mut [0]).expect("a healthy connection");
        move_once(&mut server, &mut client, &[0], &mut [0]).expect("a healthy connection");
        std::mem::forget((client, server));
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap() -> usize {
    // SAFETY: it only reads what the allocator counts.
    unsafe { libc::mallinfo2() }.uordblks
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn heap() -> usize {
    0
}
