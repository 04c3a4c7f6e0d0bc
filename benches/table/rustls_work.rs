//! The same work with rustls, which shares no code with the others: its provider of cryptography is `ring`.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::wire::Wire;
use super::work::Library;

pub struct Rustls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

pub fn name() -> ServerName<'static> {
    "localhost".try_into().expect("a good name")
}

pub fn configs(files: &Path) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let certificates = |name| {
        let found = CertificateDer::pem_file_iter(files.join(name)).expect("a file of the bench");
        found.map(|certificate| certificate.expect("a certificate"))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates("ca.pem"));
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let key = PrivateKeyDer::from_pem_file(files.join("key.pem")).expect("a key");
    let server = ServerConfig::builder().with_no_client_auth();
    let server = server.with_single_cert(certificates("chain.pem").collect(), key).expect("an identity");
    (client.into(), server.into())
}

/// A connection of either side.
pub enum Stream<S: Read + Write> {
    Client(StreamOwned<ClientConnection, S>),
    Server(StreamOwned<ServerConnection, S>),
}

impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.read(out),
            Self::Server(stream) => stream.read(out),
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Client(stream) => stream.write(data),
            Self::Server(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}

impl Library for Rustls {
    type Stream<S: Read + Write> = Stream<S>;

    fn new(files: &Path, _: bool) -> Self {
        let (client, server) = configs(files);
        Self { client, server }
    }

    fn shake<S: Read + Write>(&self, client: S, server: S) -> (Stream<S>, Stream<S>) {
        let connection = ClientConnection::new(self.client.clone(), name()).expect("a connection");
        let mut client = StreamOwned::new(connection, client);
        let connection = ServerConnection::new(self.server.clone()).expect("a connection");
        let mut server = StreamOwned::new(connection, server);
        while client.conn.is_handshaking() || server.conn.is_handshaking() {
            go_on(client.conn.complete_io(&mut client.sock));
            go_on(server.conn.complete_io(&mut server.sock));
        }
        (Stream::Client(client), Stream::Server(server))
    }

    fn shake_in_memory(&self, client: Wire, server: Wire) -> (impl Read + Write, impl Read + Write) {
        self.shake(client, server)
    }

    fn shake_reading_ahead(&self, client: UnixStream, server: UnixStream) {
        self.shake(client, server);
    }

    fn resume_often(&self, _: usize) {
        panic!("its client's sessions are its own");
    }

    fn client_context() {
        panic!("its roots are its own");
    }
}

fn go_on(progress: io::Result<(usize, usize)>) {
    if let Err(error) = progress {
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
    }
}
