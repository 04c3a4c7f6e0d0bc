//! What a connection leaves for others to resume, and who may resume it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;
mod mirror;
#[path = "resumption/world.rs"]
mod world;

#[path = "resumption/cache.rs"]
mod cache;
#[path = "resumption/matrix.rs"]
mod matrix;
#[path = "resumption/programs.rs"]
mod programs;
#[path = "resumption/servers.rs"]
mod servers;
#[path = "resumption/sessions.rs"]
mod sessions;
#[path = "resumption/stands_for.rs"]
mod stands_for;
#[path = "resumption/terms.rs"]
mod terms;
#[path = "resumption/tickets.rs"]
mod tickets;

use common::*;
use libssl::ErrorKind;
use libssl::ProtocolVersion;
use world::*;

#[test]
fn a_session_that_was_copied_out_of_a_connection_is_resumed_by_another() {
    for version in VERSIONS {
        let (client, server) = (client_without_cache(version), server_of(version));
        let first = Met::by(&client, &server);
        assert!(!first.reused());
        let session = first.client.ssl().session().unwrap().expect("a session");
        assert!(session.is_resumable(), "{version:?}");

        let mut ssl = client_ssl(&client);
        ssl.set_session(&session).unwrap();
        assert!(Met::with(ssl, &server).reused(), "{version:?}");
    }
}

#[test]
fn a_client_resumes_by_itself() {
    for version in VERSIONS {
        let (client, server) = (client_of(version), server_of(version));
        assert!(!Met::by(&client, &server).reused(), "{version:?}");
        for _ in 0..20 {
            assert!(Met::by(&client, &server).reused(), "{version:?}");
        }
    }
}

#[test]
fn no_session_is_chosen_once_a_handshake_has_begun() {
    let (client, server) = (client_of(ProtocolVersion::TLS1_3), server_of(ProtocolVersion::TLS1_3));
    let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
    let mut ssl = Met::by(&client, &server).client.into_parts_discarding().ssl;
    assert_eq!(ssl.set_session(&session).unwrap_err().kind(), ErrorKind::NotReady);
    assert_eq!(ssl.danger_set_session(&session).unwrap_err().kind(), ErrorKind::NotReady);
    assert_eq!(ssl.clear_session().unwrap_err().kind(), ErrorKind::NotReady);
}
