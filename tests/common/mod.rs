//! What the tests share: identities made on the spot, contexts, a transport in memory, and the loop that lets
//! two peers shake hands in one thread.
// Each test is a crate of its own and uses only a part of this.
#![allow(dead_code, unused_imports)]

pub mod duplex;
pub mod identities;
pub mod sessions;

use std::net::{TcpListener, TcpStream};

use libssl::bio::Channel;
use libssl::context::{Identity, TrustAnchors};
use libssl::{
    Connected, Error, Handshake, HandshakeError, Ssl, SslContext, SslContextBuilder, SslContextRef,
};

pub use duplex::{Duplex, Fault, Random, duplex};
pub use identities::{Made, Pki, pki};
pub use sessions::Kept;

/// What the crate calls an identity, of a certificate made here.
pub fn identity(made: &Made) -> Identity {
    Identity::from_pem(made.chain_pem.as_bytes(), made.key_pem.as_bytes()).expect("a good identity")
}

/// A client that trusts the test's own CA and nothing else. Each of its handshakes is a full one.
pub fn client_builder() -> SslContextBuilder {
    let mut builder = resuming_client_builder();
    builder.set_client_session_cache(None).expect("room");
    builder
}

/// As [`client_builder`], with the session cache that clients begin with.
pub fn resuming_client_builder() -> SslContextBuilder {
    SslContext::client_trusting(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a client's context")
}

/// A server that is `localhost`, 127.0.0.1 and ::1.
pub fn server_builder() -> SslContextBuilder {
    SslContext::server(&identity(&pki().localhost)).expect("a server's context")
}

/// [`client_builder`], built.
pub fn client_context() -> SslContext {
    client_builder().build()
}

/// [`server_builder`], built.
pub fn server_context() -> SslContext {
    server_builder().build()
}

/// A client's object that demands the name `localhost`.
pub fn client_ssl(context: &SslContextRef) -> Ssl {
    let mut ssl = Ssl::new(context).expect("SSL_new");
    ssl.set_server_name("localhost").expect("a good name");
    ssl
}

/// What became of one side of a handshake: its connection, or why there is none.
pub type Side<C> = Result<Connected<C>, Error>;

/// Shakes hands over memory, with the contexts' own settings and the name `localhost`.
pub fn shake(client: &SslContextRef, server: &SslContextRef) -> (Side<Duplex>, Side<Duplex>) {
    let (left, right) = duplex();
    shake_over(client_ssl(client), left, Ssl::new(server).expect("SSL_new"), right)
}

/// A client and a server that are connected over memory, with the contexts' own settings.
pub fn connected(client: &SslContextRef, server: &SslContextRef) -> (Connected<Duplex>, Connected<Duplex>) {
    let (client, server) = shake(client, server);
    (client.expect("a connected client"), server.expect("a connected server"))
}

/// Lets two objects shake hands in this thread, over channels that do not block, until each is connected or
/// failed. A side that fails loses its channel, so that the other one sees the end of it.
///
/// # Panics
///
/// If both sides wait and nothing moves any more: a hang, where a caller would wait forever.
pub fn shake_over<C: Channel, S: Channel>(
    client: Ssl,
    client_channel: C,
    server: Ssl,
    server_channel: S,
) -> (Side<C>, Side<S>) {
    let mut client = Turn::of(client.connect(client_channel));
    let mut server = Turn::of(server.accept(server_channel));
    // Nothing moves in one turn of a hang; transports that say `WouldBlock` at random move in some later one.
    for _ in 0..1_000_000 {
        match (client, server) {
            (Turn::Over(client), Turn::Over(server)) => return (client, server),
            (left, right) => (client, server) = (left.next(), right.next()),
        }
    }
    panic!("both sides wait for each other: {client:?}, {server:?}");
}

/// One side of a handshake between two turns.
pub enum Turn<C: Channel> {
    /// It waits.
    Waits(Handshake<C>),
    /// It is connected, or failed.
    Over(Side<C>),
}

impl<C: Channel> std::fmt::Debug for Turn<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Waits(handshake) => handshake.fmt(f),
            Self::Over(side) => side.fmt(f),
        }
    }
}

impl<C: Channel> Turn<C> {
    /// Sorts what `connect`, `accept` or `resume` answered.
    pub fn of(result: Result<Connected<C>, HandshakeError<C>>) -> Self {
        match result {
            Ok(connected) => Self::Over(Ok(connected)),
            Err(error) => match error.into_handshake() {
                Ok(handshake) => Self::Waits(handshake),
                Err(failure) => Self::Over(Err(failure.into_error())),
            },
        }
    }

    /// Resumes it if it waits.
    pub fn next(self) -> Self {
        match self {
            Self::Waits(handshake) => Self::of(handshake.resume()),
            over => over,
        }
    }
}

/// Two ends of one TCP connection over the loopback.
pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    (client, server)
}

/// Two ends of one Unix socket.
#[cfg(unix)]
pub fn unix_pair() -> (std::os::unix::net::UnixStream, std::os::unix::net::UnixStream) {
    std::os::unix::net::UnixStream::pair().expect("a socket pair")
}
