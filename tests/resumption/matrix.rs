//! Every way in which a connection may end and its session be kept, and whether the next one resumes it.

use libssl::context::{SessionCacheMode, SslOptions};
use libssl::{ProtocolVersion, Ssl, SslContext};

use crate::common::*;
use crate::world::*;

/// How a server knows its sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    InTickets,
    InTheCache,
    Nowhere,
}

/// How the first connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Both say that it is over.
    ShutDown,
    /// Both are dropped without a word.
    Dropped,
    /// The server is gone before it has said a word, and before its tickets were read.
    Early,
    /// The transport is gone, and the client finds out by reading.
    Cut,
}

fn server(version: ProtocolVersion, kept: Kept) -> SslContext {
    let mut builder = only(server_builder(), version);
    match kept {
        Kept::InTickets => builder.set_session_cache_mode(SessionCacheMode::empty()),
        Kept::InTheCache => {
            builder.set_options(SslOptions::NO_TICKET);
        }
        Kept::Nowhere => {
            builder.set_options(SslOptions::NO_TICKET);
            builder.set_session_cache_mode(SessionCacheMode::empty());
            builder.set_num_tickets(0).unwrap();
        }
    }
    builder.build()
}

fn end(client: &SslContext, server: &SslContext, end: End) {
    if end == End::Early {
        let (left, right) = duplex();
        let (ours, theirs) = shake_over(client_ssl(client), left, Ssl::new(server).unwrap(), right);
        drop((ours.unwrap(), theirs.unwrap()));
        return;
    }
    let mut met = Met::by(client, server);
    match end {
        End::ShutDown => {
            let _ = met.client.shutdown();
            let _ = met.server.shutdown();
            let _ = met.client.shutdown();
        }
        End::Cut => {
            drop(met.server);
            assert!(std::io::Read::read(&mut met.client, &mut [0; 8]).is_err());
        }
        End::Dropped | End::Early => {}
    }
}

#[test]
fn the_matrix_of_resumption() {
    for version in VERSIONS {
        for kept in [Kept::InTickets, Kept::InTheCache, Kept::Nowhere] {
            for how in [End::ShutDown, End::Dropped, End::Early, End::Cut] {
                for trust in ["the same", "another name", "not the same verify mode"] {
                    let (client, server) = (client_of(version), server(version, kept));
                    end(&client, &server, how);
                    let mut ssl = client_ssl(&client);
                    match trust {
                        "another name" => ssl.set_server_name("127.0.0.1").unwrap(),
                        "not the same verify mode" => ssl.danger_set_verify_none(),
                        _ => {}
                    }
                    let met = Met::with(ssl, &server);
                    let is_there = match (kept, how) {
                        (Kept::Nowhere, _) => false,
                        // In TLS 1.3 the tickets were not read; what was read before a cut counts still, but for the last.
                        (_, End::Early) => version == ProtocolVersion::TLS1_2,
                        // A session of TLS 1.2 is forgotten with a connection that broke.
                        (_, End::Cut) => version == ProtocolVersion::TLS1_3,
                        (_, End::ShutDown | End::Dropped) => true,
                    };
                    let resumes = is_there && trust == "the same";
                    assert_eq!(met.reused(), resumes, "{version:?} {kept:?} {how:?}, {trust}");
                }
            }
        }
    }
}
