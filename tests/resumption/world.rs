//! Two peers that meet over memory and say something to each other, so that a client has read its tickets.

use std::io::{Read, Write};

use libssl::{Connected, ProtocolVersion, Ssl, SslContext, SslContextBuilder, SslContextRef};

use crate::common::*;

pub(crate) const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3];

/// Two peers that have met.
pub(crate) struct Met {
    pub(crate) client: Connected<Duplex>,
    pub(crate) server: Connected<Duplex>,
}

impl Met {
    /// Lets two peers shake hands and say a word, with the contexts' own settings and the name `localhost`.
    pub(crate) fn by(client: &SslContextRef, server: &SslContextRef) -> Self {
        Self::with(client_ssl(client), server)
    }

    /// As [`by`](Self::by), with the client's own object.
    pub(crate) fn with(client: Ssl, server: &SslContextRef) -> Self {
        let (left, right) = duplex();
        let (client, server) = shake_over(client, left, Ssl::new(server).expect("SSL_new"), right);
        let mut met =
            Self { client: client.expect("a connected client"), server: server.expect("a connected server") };
        met.talk();
        met
    }

    /// A word from the server, behind which its tickets are read, and one back.
    pub(crate) fn talk(&mut self) {
        let mut word = [0; 5];
        self.server.write_all(b"hello").expect("room");
        self.client.read_exact(&mut word).expect("a word");
        self.client.write_all(&word).expect("room");
        self.server.read_exact(&mut word).expect("a word");
        assert_eq!(&word, b"hello");
    }

    /// Whether the connection resumed a session, in which both must agree.
    pub(crate) fn reused(&self) -> bool {
        assert_eq!(self.client.ssl().session_reused(), self.server.ssl().session_reused());
        self.client.ssl().session_reused()
    }
}

/// A builder for this version at the most.
pub(crate) fn only(mut builder: SslContextBuilder, version: ProtocolVersion) -> SslContextBuilder {
    builder.set_max_proto_version(Some(version)).expect("a version");
    builder
}

/// A client that speaks this version at the most.
pub(crate) fn client_of(version: ProtocolVersion) -> SslContext {
    only(resuming_client_builder(), version).build()
}

/// As [`client_of`], without a cache.
pub(crate) fn client_without_cache(version: ProtocolVersion) -> SslContext {
    only(client_builder(), version).build()
}

/// A server that speaks this version at the most.
pub(crate) fn server_of(version: ProtocolVersion) -> SslContext {
    only(server_builder(), version).build()
}
