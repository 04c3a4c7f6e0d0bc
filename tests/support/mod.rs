//! What several tests of behaviour share: contexts of one protocol version, and blunt tools to drive connections.
// Each test is a crate of its own and uses only a part of this.
#![allow(dead_code)]

use std::io::{self, Read, Write};

use libssl::bio::Channel;
use libssl::context::ProtocolVersion;
use libssl::{Connected, SslContext, SslContextBuilder};

use crate::common::{self, Duplex, Turn, pki};

/// The protocol versions that the tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

/// Both of them.
pub const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

impl Version {
    /// Lets a context speak this version only.
    pub fn only(self, builder: &mut SslContextBuilder) {
        let version = match self {
            Self::Tls12 => ProtocolVersion::TLS1_2,
            Self::Tls13 => ProtocolVersion::TLS1_3,
        };
        builder.set_min_proto_version(Some(version)).expect("a version");
        builder.set_max_proto_version(Some(version)).expect("a version");
    }

    /// A client's builder for this version. It sends the share of a small group that FIPS 140 approves too, so that handshakes are short and quick.
    pub fn client_builder(self) -> SslContextBuilder {
        let mut builder = common::client_builder();
        builder.set_groups_list("P-256:P-384").expect("two groups");
        self.only(&mut builder);
        builder
    }

    /// A server's builder for this version.
    ///
    /// Handshakes with it have the same length each time: an Ed25519 signature has one length, and so has a
    /// handshake of TLS 1.2 without a ticket.
    pub fn server_builder(self) -> SslContextBuilder {
        let identity = common::identity(&pki().ed25519);
        let mut builder = SslContext::server(&identity).expect("a server's context");
        self.only(&mut builder);
        if self == Self::Tls12 {
            builder.set_options(libssl::context::SslOptions::NO_TICKET);
        }
        builder
    }

    /// A client's and a server's context.
    pub fn contexts(self) -> (SslContext, SslContext) {
        (self.client_builder().build(), self.server_builder().build())
    }

    /// A client and a server that have shaken hands over memory.
    pub fn connected(self) -> (Connected<Duplex>, Connected<Duplex>) {
        let (client, server) = self.contexts();
        common::connected(&client, &server)
    }
}

/// Lets two handshakes under way come to their end.
pub fn finish<A: Channel, B: Channel>(mut one: Turn<A>, mut other: Turn<B>) -> (Connected<A>, Connected<B>) {
    for _ in 0..100 {
        (one, other) = match (one.next(), other.next()) {
            (Turn::Over(one), Turn::Over(other)) => {
                return (one.expect("a connection"), other.expect("a connection"));
            }
            waiting => waiting,
        };
    }
    panic!("both sides wait for each other: {one:?}, {other:?}");
}

/// Reads until nothing more comes: what came, and what stopped it (`Ok` is the clean end).
pub fn read_all<C: Channel>(connection: &mut Connected<C>) -> (Vec<u8>, io::Result<()>) {
    let mut bytes = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match connection.read(&mut buf) {
            Ok(0) => return (bytes, Ok(())),
            Ok(len) => bytes.extend_from_slice(&buf[..len]),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

/// Reads what is there now, from a connection that goes on.
pub fn read_now<C: Channel>(connection: &mut Connected<C>) -> Vec<u8> {
    let (bytes, end) = read_all(connection);
    assert_eq!(end.expect_err("the connection goes on").kind(), io::ErrorKind::WouldBlock);
    bytes
}

/// Sends a message each way and sees it arrive.
pub fn assert_works<A: Channel, B: Channel>(one: &mut Connected<A>, other: &mut Connected<B>) {
    one.write_all(b"there").expect("a write");
    one.flush().expect("a flush");
    assert_eq!(read_now(other), b"there");
    other.write_all(b"and back").expect("a write");
    other.flush().expect("a flush");
    assert_eq!(read_now(one), b"and back");
}

/// The crate's error inside an `io::Error`.
pub fn inner(error: &io::Error) -> &libssl::Error {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref())
        .unwrap_or_else(|| panic!("{error:?} wraps no error of the crate"))
}
