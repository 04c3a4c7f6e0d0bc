//! The sessions that a client keeps by itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use libssl::context::{CertificateDecision, SslOptions};
use libssl::session::ClientSessionCache;
use libssl::{ProtocolVersion, Ssl, SslContext};

use crate::common::*;
use crate::world::*;

fn client(version: ProtocolVersion, capacity: usize) -> (SslContext, ClientSessionCache) {
    let cache = ClientSessionCache::new(capacity);
    let mut builder = only(resuming_client_builder(), version);
    builder.set_client_session_cache(Some(&cache)).unwrap();
    (builder.build(), cache)
}

#[test]
fn a_session_of_tls_1_3_is_offered_once() {
    let server = {
        let mut builder = only(server_builder(), ProtocolVersion::TLS1_3);
        builder.set_num_tickets(1).unwrap();
        builder.build()
    };
    let (client, cache) = client(ProtocolVersion::TLS1_3, 8);
    drop(Met::by(&client, &server));
    assert_eq!(cache.len(), 1);
    // Two at a time: the second one finds none.
    let (left, right) = duplex();
    let first = client_ssl(&client).connect(left).unwrap_err();
    assert!(cache.is_empty());
    assert!(!Met::by(&client, &server).reused());
    drop((first, right));
}

#[test]
fn a_session_of_tls_1_2_is_offered_as_long_as_it_lasts() {
    let server = server_of(ProtocolVersion::TLS1_2);
    let (client, cache) = client(ProtocolVersion::TLS1_2, 8);
    drop(Met::by(&client, &server));
    for _ in 0..3 {
        assert!(Met::by(&client, &server).reused());
        assert_eq!(cache.len(), 1);
    }
}

#[test]
fn no_more_are_kept_than_there_is_room_for() {
    for version in VERSIONS {
        let server = server_of(version);
        let (client, cache) = client(version, 3);
        for number in 0..10 {
            let mut ssl = client_ssl(&client);
            ssl.set_resumption_label(&number.to_string()).unwrap();
            assert!(!Met::with(ssl, &server).reused());
            assert!(cache.len() <= 3, "{version:?}");
        }
        let mut ssl = client_ssl(&client);
        ssl.set_resumption_label("9").unwrap();
        assert!(Met::with(ssl, &server).reused(), "{version:?}: the newest is there");
        let mut ssl = client_ssl(&client);
        ssl.set_resumption_label("0").unwrap();
        assert!(!Met::with(ssl, &server).reused(), "{version:?}: the oldest is not");

        let (client, cache) = self::client(version, 0);
        drop(Met::by(&client, &server));
        assert!(cache.is_empty());
        assert!(!Met::by(&client, &server).reused());
    }
}

#[test]
fn what_is_over_is_not_offered() {
    for version in VERSIONS {
        let server = {
            let mut builder = only(server_builder(), version);
            builder.set_session_timeout(std::time::Duration::from_secs(1)).unwrap();
            builder.build()
        };
        let (client, cache) = client(version, 8);
        let met = Met::by(&client, &server);
        thread::sleep(std::time::Duration::from_millis(2100));
        assert!(!Met::by(&client, &server).reused(), "{version:?}");
        drop((met, cache));
    }
}

#[test]
fn the_switch_turns_it_off() {
    for version in VERSIONS {
        let mut builder = only(resuming_client_builder(), version);
        let mode = SslContext::builder(libssl::SslMethod::tls_client()).unwrap().session_cache_mode();
        assert!(builder.client_session_cache().is_some());
        builder.set_client_session_cache(None).unwrap();
        assert_eq!(builder.session_cache_mode(), mode);
        assert!(!builder.has_new_session_callback() && !builder.has_remove_session_callback());
        let (client, server) = (builder.build(), server_of(version));
        assert!(client.client_session_cache().is_none());
        for _ in 0..3 {
            assert!(!Met::by(&client, &server).reused());
        }
    }
}

/// The server has other keys and an empty cache.
#[test]
fn a_session_that_is_refused_is_forgotten_and_the_handshake_goes_on() {
    for version in VERSIONS {
        let (client, _) = client(version, 8);
        drop(Met::by(&client, &server_of(version)));
        let restarted = server_of(version);
        assert!(!Met::by(&client, &restarted).reused(), "{version:?}");
        assert!(Met::by(&client, &restarted).reused(), "{version:?}");
    }
}

#[test]
fn a_connection_that_fails_takes_its_session_along() {
    for version in VERSIONS {
        let server = server_of(version);
        let (client, cache) = client(version, 8);
        drop(Met::by(&client, &server));
        let had = cache.len();
        assert!(had > 0);
        // The peer goes away in the middle of the handshake.
        let (left, right) = duplex();
        let handshake = client_ssl(&client).connect(left).unwrap_err().into_handshake().unwrap();
        drop(right);
        assert!(handshake.resume().is_err());
        assert_eq!(cache.len(), had - 1, "{version:?}");
    }
}

#[test]
fn a_connection_that_is_only_dropped_leaves_its_session() {
    for version in VERSIONS {
        for shut_down in [false, true] {
            for server_first in [false, true] {
                let (client, _) = client(version, 8);
                let server = server_of(version);
                let Met { client: mut ours, server: mut theirs } = Met::by(&client, &server);
                if shut_down {
                    let _ = ours.shutdown();
                    let _ = theirs.shutdown();
                }
                if server_first {
                    drop(theirs);
                    drop(ours);
                } else {
                    drop(ours);
                    drop(theirs);
                }
                assert!(Met::by(&client, &server).reused(), "{version:?} {shut_down} {server_first}");
            }
        }
    }
}

#[test]
fn threads_share_a_cache() {
    for version in VERSIONS {
        let server = {
            let mut builder = only(server_builder(), version);
            builder.set_num_tickets(8).unwrap();
            builder.build()
        };
        let (client, cache) = client(version, 32);
        drop(Met::by(&client, &server));
        let resumed: usize = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..25).filter(|_| Met::by(&client, &server).reused()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(resumed > 50, "{version:?}: {resumed} of 100");
        assert!(cache.len() <= 32);
    }
}

#[test]
fn an_object_that_is_used_again_resumes_by_the_cache_too() {
    for version in VERSIONS {
        let server = server_of(version);
        let (client, _) = client(version, 8);
        let Met { client: mut ours, server: theirs } = Met::by(&client, &server);
        // Without it C takes the session for broken.
        ours.shutdown().unwrap();
        drop(theirs);
        let mut ssl: Ssl = ours.into_parts_discarding().ssl;
        ssl.clear().unwrap();
        assert!(Met::with(ssl, &server).reused(), "{version:?}");
    }
}

/// A closure may hold what its own sessions are kept in.
#[test]
fn what_closures_captured_is_not_kept_with_sessions() {
    struct Captured(Arc<AtomicUsize>);
    impl Drop for Captured {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    for version in VERSIONS {
        let ended = Arc::new(AtomicUsize::new(0));
        let client = client_of(version);
        let mut ssl = client_ssl(&client);
        let captured = (Captured(Arc::clone(&ended)), client.clone());
        ssl.set_cert_cb(move |_| {
            let _ = &captured;
            CertificateDecision::Accept
        })
        .unwrap();
        let rule = (Captured(Arc::clone(&ended)), client.clone());
        ssl.set_security_callback(move |_| {
            let _ = &rule;
            true
        })
        .unwrap();
        drop(Met::with(ssl, &server_of(version)));
        drop(client);
        assert_eq!(ended.load(Ordering::Relaxed), 2, "{version:?}");

        let cache = ClientSessionCache::new(8);
        let mut client = only(resuming_client_builder(), version);
        client.set_client_session_cache(Some(&cache)).unwrap();
        let captured = (Captured(Arc::clone(&ended)), cache);
        client
            .set_cert_verify_callback(move |_| {
                let _ = &captured;
                true
            })
            .unwrap();
        let client = client.build();
        drop(Met::by(&client, &server_of(version)));
        drop(client);
        assert_eq!(ended.load(Ordering::Relaxed), 3, "{version:?}");
    }
}

/// With a session from before TLS 1.3 that does not fit, the server would choose what the client does not have any more.
#[test]
fn a_session_that_does_not_fit_what_is_offered_costs_a_full_handshake_and_no_more() {
    type Change = fn(&mut Ssl);
    let changes: [(&str, Change, Change); 2] = [
        (
            "ciphers",
            |ssl| {
                let list = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
                ssl.set_cipher_list(list).unwrap();
            },
            |ssl| {
                let list = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
                ssl.set_cipher_list(list).unwrap();
            },
        ),
        (
            "the extended master secret",
            |_| {},
            |ssl| {
                ssl.set_options(SslOptions::NO_EXTENDED_MASTER_SECRET);
            },
        ),
    ];
    for version in VERSIONS {
        for (what, before, after) in changes {
            let (client, server) = (client_of(version), server_of(version));
            let meet = |change: Change| {
                let mut ssl = client_ssl(&client);
                change(&mut ssl);
                Met::with(ssl, &server)
            };
            let first = meet(before);
            let session = first.client.ssl().session().unwrap().unwrap();
            drop(first);
            drop(meet(after));
            assert!(meet(after).reused(), "{version:?}, {what}");
            let mut ssl = client_ssl(&client);
            after(&mut ssl);
            ssl.set_session(&session).unwrap();
            drop(Met::with(ssl, &server));
        }
    }
}

/// Whether the cipher of a session is strong enough still, is asked before the handshake.
#[test]
fn a_panic_over_the_cipher_of_a_session_goes_on_in_the_handshake() {
    let armed = Arc::new(AtomicUsize::new(0));
    let mut client = only(resuming_client_builder(), ProtocolVersion::TLS1_2);
    let fires = Arc::clone(&armed);
    client
        .set_security_callback(move |_| {
            assert!(fires.swap(0, Ordering::Relaxed) == 0, "of the rule");
            true
        })
        .unwrap();
    let (client, server) = (client.build(), server_of(ProtocolVersion::TLS1_2));
    drop(Met::by(&client, &server));
    let ssl = client_ssl(&client);
    armed.store(1, Ordering::Relaxed);
    let meet = AssertUnwindSafe(|| drop(Met::with(ssl, &server)));
    assert_eq!(catch_unwind(meet).unwrap_err().downcast_ref::<&str>(), Some(&"of the rule"));
}
