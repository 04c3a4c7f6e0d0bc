//! Two objects of the layer that mirrors C, connected in memory.
// Each test is a crate of its own and uses only a part of this, and none of it from outside.
#![allow(dead_code, unreachable_pub)]

use libssl::context::{ProtocolVersion, SslContextRef};
use libssl::{ErrorKind, Role, Ssl, SslError, SslRef, Want};

use crate::common::{Duplex, client_builder, client_ssl, duplex, server_builder};

/// A client and a server, each over one end of a transport that it owns.
pub struct Two {
    pub client: Ssl,
    pub server: Ssl,
}

impl Two {
    /// Two objects that have not begun.
    pub fn new(client: &SslContextRef, server: &SslContextRef) -> Self {
        let (left, right) = duplex();
        Self::over(client_ssl(client), left, Ssl::new(server).unwrap(), right)
    }

    /// As [`new`](Self::new), of objects that have their settings already.
    pub fn over(mut client: Ssl, left: Duplex, mut server: Ssl, right: Duplex) -> Self {
        client.set_stream(left).unwrap();
        server.set_stream(right).unwrap();
        Self { client, server }
    }

    /// Two objects that speak this version and no other.
    pub fn of(version: ProtocolVersion) -> Self {
        let (mut client, mut server) = (client_builder(), server_builder());
        for context in [&mut client, &mut server] {
            context.set_min_proto_version(Some(version)).unwrap();
            context.set_max_proto_version(Some(version)).unwrap();
        }
        Self::new(&client.build(), &server.build())
    }

    /// As [`of`](Self::of), after the handshake.
    pub fn connected(version: ProtocolVersion) -> Self {
        let mut two = Self::of(version);
        two.shake();
        two
    }

    /// Calls SSL_connect once.
    pub fn connect(&mut self) -> Result<(), SslError> {
        SslRef::connect(&mut self.client)
    }

    /// Calls SSL_accept once.
    pub fn accept(&mut self) -> Result<(), SslError> {
        SslRef::accept(&mut self.server)
    }

    /// Shakes hands; `Err` says which side failed, and why.
    pub fn try_shake(&mut self) -> Result<(), (Role, SslError)> {
        for _ in 0..1000 {
            let client = waits(self.connect()).map_err(|error| (Role::Client, error))?;
            let server = waits(self.accept()).map_err(|error| (Role::Server, error))?;
            if !client && !server {
                return Ok(());
            }
        }
        panic!("both sides wait: {:?}, {:?}", self.client, self.server);
    }

    /// Shakes hands.
    pub fn shake(&mut self) {
        self.try_shake().unwrap();
    }

    /// Lets the client read what the server sent after its handshake.
    pub fn drain(&mut self) {
        let error = self.client.read(&mut [0; 16]).unwrap_err();
        assert_eq!(error.want(), Some(Want::Read), "{error:?}");
    }

    /// Both objects.
    pub fn each(&mut self) -> [&mut Ssl; 2] {
        [&mut self.client, &mut self.server]
    }
}

/// Whether a call is suspended.
pub fn waits(result: Result<(), SslError>) -> Result<bool, SslError> {
    match result {
        Ok(()) => Ok(false),
        Err(error) if error.want().is_some() => Ok(true),
        Err(error) => Err(error),
    }
}

/// The answer, or `None` where this OpenSSL cannot give one.
pub fn supported<T>(result: Result<T, libssl::Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::Unsupported => None,
        Err(error) => panic!("{error}"),
    }
}

/// Whether the OpenSSL that runs is this version or a later one.
pub fn headers_since(major: u64, minor: u64) -> bool {
    let version = openssl_sys_ext::HEADERS_VERSION;
    (version >> 28, (version >> 20) & 0xff) >= (major, minor)
}

/// Whether the library that runs is of this version or later.
pub fn since(major: u64, minor: u64) -> bool {
    // SAFETY: reads a constant of the library.
    let version = unsafe { openssl_sys::OpenSSL_version_num() } as u64;
    (version >> 28, (version >> 20) & 0xff) >= (major, minor)
}
