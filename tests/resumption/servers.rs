//! A server's sessions: its own cache, one elsewhere that may be down, slow or lying, and their numbers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libssl::context::{SessionCacheMode, SslOptions};
use libssl::session::{SecretBytes, SslSession, SslSessionBuilder};
use libssl::ssl::SessionSecret;
use libssl::{ErrorKind, ProtocolVersion, Ssl, SslContext, SslContextBuilder};

use crate::common::*;
use crate::world::*;

type Store = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

/// A server that keeps its sessions elsewhere only, and knows them by their numbers.
fn elsewhere(version: ProtocolVersion, store: &Store) -> SslContextBuilder {
    let mut builder = only(server_builder(), version);
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_session_id_context(b"fleet").unwrap();
    builder
        .set_session_cache_mode(
            SessionCacheMode::SERVER
                | SessionCacheMode::NO_INTERNAL_LOOKUP
                | SessionCacheMode::NO_INTERNAL_STORE,
        )
        .unwrap();
    let writes = store.clone();
    builder
        .set_new_session_callback(move |_, session| {
            writes.lock().unwrap().insert(session.id().to_vec(), session.to_der().unwrap().to_vec());
        })
        .unwrap();
    let removes = store.clone();
    builder
        .set_remove_session_callback(move |session| {
            removes.lock().unwrap().remove(session.id());
        })
        .unwrap();
    builder
}

fn with_lookups(mut builder: SslContextBuilder, store: &Store) -> SslContext {
    let reads = store.clone();
    builder
        .set_get_session_callback(move |_, id| {
            let der = reads.lock().unwrap().get(id).cloned()?;
            SslSession::from_der(&der).ok()
        })
        .unwrap();
    builder.build()
}

#[test]
fn servers_share_sessions_that_are_kept_elsewhere() {
    for version in VERSIONS {
        let store = Store::default();
        let (one, other) = (
            with_lookups(elsewhere(version, &store), &store),
            with_lookups(elsewhere(version, &store), &store),
        );
        assert!(one.has_new_session_callback() && one.has_get_session_callback());
        assert!(one.has_remove_session_callback());
        let client = client_of(version);
        assert!(!Met::by(&client, &one).reused());
        assert!(!store.lock().unwrap().is_empty());
        assert!(Met::by(&client, &other).reused(), "{version:?}");
        assert!(Met::by(&client, &one).reused(), "{version:?}");
    }
    let plain = server_builder();
    assert!(!plain.has_new_session_callback() && !plain.has_get_session_callback());
    assert!(!plain.has_remove_session_callback());
}

#[test]
fn a_store_that_is_down_slow_or_lying_only_costs_a_full_handshake() {
    for version in VERSIONS {
        let store = Store::default();
        let client = client_of(version);
        let seed = || {
            client.client_session_cache().unwrap().clear();
            drop(Met::by(&client, &with_lookups(elsewhere(version, &store), &store)));
        };
        let answering = |answer: fn(&Store, &[u8]) -> Option<SslSession>| {
            let mut builder = elsewhere(version, &store);
            let store = store.clone();
            builder.set_get_session_callback(move |_, id| answer(&store, id)).unwrap();
            builder.build()
        };
        let stored = |store: &Store, id: &[u8]| SslSession::from_der(store.lock().unwrap().get(id)?).ok();
        let _: fn(&Store, &[u8]) -> Option<SslSession> = stored;

        seed();
        assert!(!Met::by(&client, &answering(|_, _| None)).reused(), "{version:?}: down");
        seed();
        let slow = answering(|store, id| {
            std::thread::sleep(Duration::from_millis(50));
            SslSession::from_der(store.lock().unwrap().get(id)?).ok()
        });
        assert!(Met::by(&client, &slow).reused(), "{version:?}: slow");
        seed();
        // Another client's session, by its own number and by that which was asked for.
        drop(Met::by(&client_of(version), &with_lookups(elsewhere(version, &store), &store)));
        let other = answering(|store, id| {
            let store = store.lock().unwrap();
            store.iter().find(|(key, _)| *key != id).map(|(_, der)| SslSession::from_der(der).unwrap())
        });
        assert!(!Met::by(&client, &other).reused(), "{version:?}: another session");
        seed();
        let forged = answering(|store, id| {
            let session = SslSession::from_der(store.lock().unwrap().get(id)?).unwrap();
            let mut builder = session.to_builder().unwrap();
            builder.set_id_context(b"another setting").unwrap();
            Some(builder.build())
        });
        assert!(!Met::by(&client, &forged).reused(), "{version:?}: of another setting");
        // With the wrong secret nobody connects.
        seed();
        let wrong = answering(|store, id| {
            let session = SslSession::from_der(store.lock().unwrap().get(id)?).unwrap();
            let mut builder = session.to_builder().unwrap();
            builder.set_master_key(&[1; 48]).unwrap();
            Some(builder.build())
        });
        let (left, right) = duplex();
        let (ours, theirs) = shake_over(client_ssl(&client), left, Ssl::new(&wrong).unwrap(), right);
        assert!(ours.is_err() || theirs.is_err(), "{version:?}: another secret");
        // And the next try is a full handshake that works.
        let sound = with_lookups(elsewhere(version, &store), &store);
        drop(Met::by(&client, &sound));
    }
}

#[test]
fn a_panic_of_a_store_goes_on_in_the_handshake() {
    for version in VERSIONS {
        let store = Store::default();
        let client = client_of(version);
        drop(Met::by(&client, &with_lookups(elsewhere(version, &store), &store)));
        let mut builder = elsewhere(version, &store);
        builder.set_get_session_callback(|_, _| panic!("the store burns")).unwrap();
        let server = builder.build();
        let caught = std::panic::catch_unwind(|| shake(&client, &server));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "the store burns", "{version:?}");
    }
}

#[test]
fn sessions_are_told_when_they_are_removed() {
    let removed = Arc::new(AtomicUsize::new(0));
    let counter = removed.clone();
    let mut builder = only(server_builder(), ProtocolVersion::TLS1_2);
    builder.set_options(SslOptions::NO_TICKET);
    builder
        .set_remove_session_callback(move |session| {
            assert!(!session.id().is_empty());
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    let (client, server) = (client_without_cache(ProtocolVersion::TLS1_2), builder.build());
    let session = Met::by(&client, &server).server.ssl().session().unwrap().unwrap();
    assert_eq!(server.session_statistics().number, 1);
    let ssl = Ssl::new(&server).unwrap();
    assert!(!ssl.has_matching_session_id(b"none") && !ssl.has_matching_session_id(&[0; 33]));
    server.flush_sessions();
    assert_eq!((server.session_statistics().number, removed.load(Ordering::Relaxed)), (1, 0));
    assert!(server.remove_session(&session).unwrap());
    assert_eq!((server.session_statistics().number, removed.load(Ordering::Relaxed)), (0, 1));
    assert!(!server.remove_session(&session).unwrap());
    server.add_session(&session).unwrap();
    let before = removed.load(Ordering::Relaxed);
    server.add_session(&session).unwrap();
    assert_eq!((server.session_statistics().number, removed.load(Ordering::Relaxed)), (1, before));
    assert!(!server.sessions_ptr().is_null());
    let before = removed.load(Ordering::Relaxed);
    server.remove_all_sessions();
    assert_eq!((server.session_statistics().number, removed.load(Ordering::Relaxed)), (0, before + 1));
    server.add_session(&session).unwrap();
    drop((ssl, server));
    assert_eq!(removed.load(Ordering::Relaxed), before + 2, "the context is freed");
}

#[test]
fn a_session_that_is_removed_is_not_resumed_and_one_that_is_added_is() {
    let server = {
        let mut builder = only(server_builder(), ProtocolVersion::TLS1_2);
        builder.set_options(SslOptions::NO_TICKET);
        builder.build()
    };
    let client = client_of(ProtocolVersion::TLS1_2);
    let session = Met::by(&client, &server).server.ssl().session().unwrap().unwrap();
    assert!(Met::by(&client, &server).reused());
    server.remove_session(&session).unwrap();
    let mut again = client_ssl(&client);
    let mine = again.session().unwrap();
    assert!(mine.is_none());
    server.add_session(&session).unwrap();
    assert!(Met::by(&client, &server).reused());
    server.remove_all_sessions();
    assert!(!Met::by(&client, &server).reused());
    again.clear_session().unwrap();
}

#[test]
fn a_clients_session_is_not_put_among_those_of_servers() {
    let (client, server) =
        (client_without_cache(ProtocolVersion::TLS1_2), server_of(ProtocolVersion::TLS1_2));
    let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
    assert_eq!(server.add_session(&session).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_server_numbers_its_sessions_as_it_is_told() {
    for of_object in [false, true] {
        let next = AtomicUsize::new(0);
        let generate = move |_: &libssl::SslRef, id: &mut [u8]| {
            assert_eq!(id.len(), 32);
            id[..5].copy_from_slice(b"node7");
            let number = next.fetch_add(1, Ordering::Relaxed);
            id[5] = u8::try_from(number).unwrap();
            Some(6)
        };
        let mut builder = only(server_builder(), ProtocolVersion::TLS1_2);
        builder.set_options(SslOptions::NO_TICKET);
        let server = if of_object {
            builder.set_generate_session_id(|_, _| None).unwrap();
            builder.build()
        } else {
            builder.set_generate_session_id(generate).unwrap();
            let server = builder.build();
            let met = Met::by(&client_of(ProtocolVersion::TLS1_2), &server);
            assert_eq!(met.client.ssl().session().unwrap().unwrap().id(), b"node7\0");
            assert!(met.server.ssl().has_matching_session_id(b"node7\0"));
            continue;
        };
        let mut object = Ssl::new(&server).unwrap();
        object.set_generate_session_id(generate).unwrap();
        let (left, right) = duplex();
        let (ours, theirs) = shake_over(client_ssl(&client_of(ProtocolVersion::TLS1_2)), left, object, right);
        theirs.unwrap();
        assert_eq!(ours.unwrap().ssl().session().unwrap().unwrap().id(), b"node7\0");
    }
}

type Numbering = fn(&mut [u8]) -> Option<usize>;

#[test]
fn a_number_that_is_none_ends_the_handshake() {
    let bad: [Numbering; 4] = [|_| None, |_| Some(0), |id| Some(id.len() + 1), |_| Some(usize::MAX)];
    for (index, bad) in bad.into_iter().enumerate() {
        let mut builder = only(server_builder(), ProtocolVersion::TLS1_2);
        builder.set_options(SslOptions::NO_TICKET);
        builder.set_generate_session_id(move |_, id| bad(id)).unwrap();
        let (_, theirs) = shake(&client_of(ProtocolVersion::TLS1_2), &builder.build());
        assert!(theirs.is_err(), "{index}");
    }
    // A number is taken once.
    let mut builder = only(server_builder(), ProtocolVersion::TLS1_2);
    builder.set_options(SslOptions::NO_TICKET);
    builder.set_generate_session_id(|_, id| Some(id.len())).unwrap();
    let server = builder.build();
    let client = client_without_cache(ProtocolVersion::TLS1_2);
    drop(Met::by(&client, &server));
    assert!(shake(&client, &server).1.is_err());
}

#[test]
fn a_server_forbids_resumption() {
    for version in VERSIONS {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let forbid = move |_: &libssl::SslRef, forward_secure: bool| {
            assert!(forward_secure || version == ProtocolVersion::TLS1_3);
            counter.fetch_add(1, Ordering::Relaxed);
            true
        };
        let mut builder = only(server_builder(), version);
        builder.set_not_resumable_session_callback(forbid.clone()).unwrap();
        let (client, server) = (client_of(version), builder.build());
        for _ in 0..3 {
            assert!(!Met::by(&client, &server).reused(), "{version:?}");
        }
        assert!(asked.load(Ordering::Relaxed) >= 3);

        let server = server_of(version);
        let mut object = Ssl::new(&server).unwrap();
        object.set_not_resumable_session_callback(forbid).unwrap();
        let (left, right) = duplex();
        let (ours, theirs) = shake_over(client_ssl(&client), left, object, right);
        Met { client: ours.unwrap(), server: theirs.unwrap() }.talk();
        assert!(!Met::by(&client, &server).reused(), "{version:?}");
    }
}

/// EAP-FAST: what the client sends for a ticket says which secret both have.
#[test]
fn a_secret_of_elsewhere_takes_the_place_of_a_certificate() {
    let version = ProtocolVersion::TLS1_2;
    let secret = || SessionSecret { secret: SecretBytes::from(vec![3; 48]), cipher: None };
    let seen: Arc<Mutex<Vec<u8>>> = Arc::default();
    let log = seen.clone();
    let client = client_without_cache(version);
    let mut ours = client_ssl(&client);
    ours.set_session_ticket_ext(b"opaque").unwrap();
    ours.danger_set_session_secret_callback(move |_, _| Some(secret())).unwrap();
    let server = server_of(version);
    let mut theirs = Ssl::new(&server).unwrap();
    theirs
        .set_session_ticket_ext_callback(move |_, data| {
            *log.lock().unwrap() = data.to_vec();
            true
        })
        .unwrap();
    theirs
        .danger_set_session_secret_callback(move |ssl, ciphers| {
            assert!(!ciphers.is_empty());
            let _ = ssl.sni();
            let cipher = ciphers.iter().find(|cipher| cipher.name().contains("GCM")).copied();
            Some(SessionSecret { cipher, ..secret() })
        })
        .unwrap();
    let (left, right) = duplex();
    let (ours, theirs) = shake_over(ours, left, theirs, right);
    let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
    assert!(ours.ssl().session_reused() && theirs.ssl().session_reused());
    assert_eq!(*seen.lock().unwrap(), b"opaque");
    assert_eq!(&*theirs.ssl().session().unwrap().unwrap().master_key(), &[3; 48]);

    let mut refusing = Ssl::new(&server).unwrap();
    refusing.set_session_ticket_ext_callback(|_, _| false).unwrap();
    let (left, right) = duplex();
    assert!(shake_over(client_ssl(&client), left, refusing, right).1.is_err());
    let mut long = client_ssl(&client);
    assert_eq!(long.set_session_ticket_ext(&[0; 65_536]).unwrap_err().kind(), ErrorKind::InvalidInput);
    long.set_session_ticket_ext(&[]).unwrap();
}

#[test]
fn a_secret_that_is_too_long_ends_the_handshake() {
    let version = ProtocolVersion::TLS1_2;
    let mut theirs = Ssl::new(&server_of(version)).unwrap();
    theirs
        .danger_set_session_secret_callback(|_, _| {
            Some(SessionSecret { secret: SecretBytes::from(vec![3; 100_000]), cipher: None })
        })
        .unwrap();
    let mut ours = client_ssl(&client_without_cache(version));
    ours.set_session_ticket_ext(b"opaque").unwrap();
    let (left, right) = duplex();
    // The server goes on without, as with no answer at all.
    let (ours, theirs) = shake_over(ours, left, theirs, right);
    assert!(!theirs.unwrap().ssl().session_reused());
    drop(ours);
}

/// C takes it for granted that a session which is to be resumed has a cipher.
#[test]
fn a_session_without_a_cipher_is_nobodys_to_resume() {
    for version in VERSIONS {
        for extended in [true, false] {
            let client = {
                let mut client = only(resuming_client_builder(), version);
                if !extended {
                    client.set_options(SslOptions::NO_EXTENDED_MASTER_SECRET);
                }
                client.build()
            };
            let make = || {
                let mut server = only(server_builder(), version);
                server.set_options(SslOptions::NO_TICKET);
                server.set_session_id_context(b"fleet").unwrap();
                server
            };
            let bare = move |id: &[u8]| {
                let mut session = SslSessionBuilder::new().unwrap();
                session.set_id(id).unwrap();
                session.set_id_context(b"fleet").unwrap();
                session.set_protocol_version(version);
                session.set_master_key(&[1; 48]).unwrap();
                session.build()
            };
            // The client has a number to propose.
            drop(Met::by(&client, &make().build()));
            let mut server = make();
            server.set_get_session_callback(move |_, id| Some(bare(id))).unwrap();
            let server = server.build();
            assert!(!Met::by(&client, &server).reused());
            let error = server.add_session(&bare(&[7; 32])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}
