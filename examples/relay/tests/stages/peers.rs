//! Backends and clients in this process, which do as they are told.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use libssl::context::{AlpnDecision, Identity};
use libssl::{Connected, Ssl, SslContext, TrustAnchors};

use crate::identities::{Made, pki};

/// How a peer's bytes came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It said that there are no more.
    Clean,
    /// It did not.
    Cut,
}

/// A connection of this process.
pub(crate) type Tls = Connected<TcpStream>;

/// A backend in a thread of its own. Nobody else gets its port before it is joined.
pub(crate) struct Backend<T> {
    pub(crate) port: u16,
    _listener: TcpListener,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Backend<T> {
    /// Serves one connection over whatever it likes.
    pub(crate) fn raw(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> Self {
        Self::listening(|listener| serve(listener.accept().expect("a connection").0))
    }

    /// Serves one connection over TLS as `localhost`.
    pub(crate) fn tls(serve: impl FnOnce(&mut Tls) -> T + Send + 'static) -> Self {
        Self::raw(|socket| serve(&mut accept(&pki().localhost, socket).expect("a handshake")))
    }

    /// Does with its listener what it likes.
    pub(crate) fn listening(serve: impl FnOnce(TcpListener) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let theirs = listener.try_clone().expect("a socket");
        Self { port, _listener: listener, thread: thread::spawn(|| serve(theirs)) }
    }

    /// What it answered.
    pub(crate) fn join(self) -> T {
        self.thread.join().expect("the backend does not panic")
    }
}

impl<T: Send + 'static> Backend<Vec<T>> {
    /// Serves so many connections over TLS as `localhost`, one after another.
    pub(crate) fn tls_each(count: usize, serve: impl Fn(&mut Tls) -> T + Send + 'static) -> Self {
        Self::listening(move |listener| {
            let sockets = listener.incoming().take(count).map(|socket| socket.expect("a connection"));
            sockets.map(|socket| serve(&mut accept(&pki().localhost, socket).expect("a handshake"))).collect()
        })
    }
}

/// Shakes hands as a server that takes HTTP/1.1 by ALPN.
pub(crate) fn accept(made: &Made, socket: TcpStream) -> Result<Tls, libssl::Error> {
    let identity = Identity::from_pem(made.chain_pem.as_bytes(), made.key_pem.as_bytes())?;
    let mut builder = SslContext::server(&identity)?;
    builder.set_alpn_select_cb(|_, offered| match offered.first_of(["http/1.1"]) {
        Some(protocol) => AlpnDecision::Select(protocol),
        None => AlpnDecision::Ignore,
    })?;
    Ok(Ssl::new(&builder.build())?.accept(socket)?)
}

/// Shakes hands as a client that asks for a name, and verifies it.
pub(crate) fn connect(name: &str, socket: TcpStream) -> Result<Tls, libssl::Error> {
    let context = SslContext::client_trusting(TrustAnchors::Pem(pki().ca_pem.as_bytes()))?.build();
    let mut ssl = Ssl::new(&context)?;
    ssl.set_server_name(name)?;
    Ok(ssl.connect(socket)?)
}

/// Reads all there is.
pub(crate) fn read_all(stream: &mut impl Read) -> (Vec<u8>, End) {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (bytes, End::Clean),
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return (bytes, End::Cut),
        }
    }
}

/// Sends back what comes, as it comes, and ends when the other side has.
pub(crate) fn echo(tls: &mut Tls) -> End {
    let mut buffer = [0; 4096];
    loop {
        match tls.read(&mut buffer) {
            Ok(0) => {
                tls.shutdown().expect("an end");
                return End::Clean;
            }
            Ok(length) => tls.write_all(&buffer[..length]).expect("a write"),
            Err(_) => return End::Cut,
        }
    }
}

/// Ends a socket's sending half, and waits until the other side has closed it.
pub(crate) fn hang_up(mut socket: TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    read_all(&mut socket);
}

/// Bytes that tell where they come from.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}
