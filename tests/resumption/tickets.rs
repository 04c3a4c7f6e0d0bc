//! Tickets: their keys, their number, and what an application puts into them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use libssl::context::{TicketDecision, TicketKeyAnswer, TicketKeyQuestion, TicketStatus};
use libssl::session::{TicketKey, TicketKeys};
use libssl::{ErrorKind, ProtocolVersion, Ssl, SslContext, SslContextBuilder};

use crate::common::*;
use crate::world::*;

fn with_keys(version: ProtocolVersion, keys: &TicketKeys) -> SslContext {
    let mut builder = only(server_builder(), version);
    builder.set_ticket_keys(keys).unwrap();
    builder.set_session_id_context(b"fleet").unwrap();
    builder.build()
}

#[test]
fn a_fleet_that_shares_keys_resumes_each_others_sessions() {
    for version in VERSIONS {
        let first = TicketKeys::generate().unwrap();
        // Another machine, which was told the keys.
        let key = TicketKey::from_bytes(&[7; 80]);
        first.replace(key.clone(), []);
        let second = TicketKeys::new(key, []);
        let (one, other) = (with_keys(version, &first), with_keys(version, &second));
        let client = client_of(version);
        assert!(!Met::by(&client, &one).reused());
        for _ in 0..10 {
            assert!(Met::by(&client, &other).reused(), "{version:?}");
            assert!(Met::by(&client, &one).reused(), "{version:?}");
        }
        let alone = with_keys(version, &TicketKeys::generate().unwrap());
        assert!(!Met::by(&client, &alone).reused(), "{version:?}");
    }
}

#[test]
fn tickets_outlive_a_rotation_and_not_all_of_them() {
    for version in VERSIONS {
        let keys = TicketKeys::generate().unwrap();
        let server = with_keys(version, &keys);
        let client = client_without_cache(version);
        let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
        let resumes = || {
            let mut ssl = client_ssl(&client);
            ssl.set_session(&session).unwrap();
            Met::with(ssl, &server).reused()
        };
        for rotations in 0..TicketKeys::KEPT {
            assert!(resumes(), "{version:?} after {rotations}");
            keys.rotate().unwrap();
        }
        assert_eq!(keys.len(), TicketKeys::KEPT);
        assert!(!resumes(), "{version:?}");
    }
}

#[test]
fn a_ticket_of_earlier_keys_is_replaced() {
    for version in VERSIONS {
        let keys = TicketKeys::generate().unwrap();
        let server = with_keys(version, &keys);
        let client = client_without_cache(version);
        let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
        keys.rotate().unwrap();
        let mut ssl = client_ssl(&client);
        ssl.set_session(&session).unwrap();
        let met = Met::with(ssl, &server);
        assert!(met.reused());
        let renewed = met.client.ssl().session().unwrap().unwrap();
        let name = &keys.names()[0];
        assert!(renewed.ticket().unwrap().starts_with(name), "{version:?}");
        assert!(!session.ticket().unwrap().starts_with(name), "{version:?}");
    }
}

/// All of a fleet opens tickets of the next keys before any of it makes them.
#[test]
fn keys_are_handed_on_in_two_steps() {
    let keys = TicketKeys::generate().unwrap();
    let first = keys.names()[0].clone();
    let next = TicketKey::generate().unwrap();
    keys.add(next.clone());
    keys.add(next.clone());
    assert_eq!(keys.names(), [first.clone(), next.name().to_vec()]);
    keys.forget(&first);
    assert_eq!(keys.len(), 2, "those that make tickets stay");
    keys.make_current(next.name()).unwrap();
    assert_eq!(keys.names(), [next.name().to_vec(), first.clone()]);
    keys.forget(&first);
    assert_eq!(keys.names(), [next.name().to_vec()]);
    assert_eq!(keys.make_current(&first).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(TicketKey::from_slice(&[0; 48]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let shown = format!("{keys:?}");
    assert!(!shown.contains(&format!(
        "{:02x}{:02x}{:02x}",
        next.as_bytes()[20],
        next.as_bytes()[21],
        next.as_bytes()[22]
    )));
}

#[test]
fn keys_of_the_context_are_given_and_told() {
    for version in VERSIONS {
        let mut one = only(server_builder(), version);
        one.set_session_id_context(b"fleet").unwrap();
        let keys = one.tlsext_ticket_keys().unwrap();
        let mut other = only(server_builder(), version);
        other.set_session_id_context(b"fleet").unwrap();
        assert_ne!(other.tlsext_ticket_keys().unwrap(), keys);
        other.set_tlsext_ticket_keys(&keys).unwrap();
        assert_eq!(other.tlsext_ticket_keys().unwrap(), keys);
        let client = client_of(version);
        assert!(!Met::by(&client, &one.build()).reused());
        assert!(Met::by(&client, &other.build()).reused(), "{version:?}");
    }
}

/// What C makes of the same bytes, and what the callback does with them, is one format.
#[test]
fn tickets_of_the_callback_are_those_of_cs_own_keys() {
    for version in VERSIONS {
        let key = TicketKey::generate().unwrap();
        let by_callback = with_keys(version, &TicketKeys::new(key.clone(), []));
        let mut builder = only(server_builder(), version);
        builder.set_session_id_context(b"fleet").unwrap();
        builder.set_tlsext_ticket_keys(&key).unwrap();
        let by_c = builder.build();
        let client = client_of(version);
        assert!(!Met::by(&client, &by_callback).reused());
        assert!(Met::by(&client, &by_c).reused(), "{version:?}");
        assert!(Met::by(&client, &by_callback).reused(), "{version:?}");
    }
}

fn asked(
    version: ProtocolVersion,
    answer: fn(TicketKeyQuestion<'_>, &Arc<TicketKey>) -> TicketKeyAnswer,
) -> SslContext {
    let mut builder = only(server_builder(), version);
    let key = Arc::new(TicketKey::generate().unwrap());
    builder.set_ticket_key_callback(move |_, question| answer(question, &key)).unwrap();
    builder.build()
}

#[test]
fn a_callback_without_keys_ends_resumption_and_one_that_aborts_the_handshake() {
    for version in VERSIONS {
        let client = client_of(version);
        let server = asked(version, |_, _| TicketKeyAnswer::None);
        for _ in 0..3 {
            assert!(!Met::by(&client, &server).reused(), "{version:?}");
        }
        let server = asked(version, |_, _| TicketKeyAnswer::Abort);
        let (left, right) = duplex();
        let (_, theirs) = shake_over(client_ssl(&client), left, Ssl::new(&server).unwrap(), right);
        assert!(theirs.is_err(), "{version:?}");

        let server = asked(version, |question, key| match question {
            TicketKeyQuestion::Make => TicketKeyAnswer::Use(key.clone()),
            TicketKeyQuestion::Open(name) => {
                assert_eq!(name, key.name());
                TicketKeyAnswer::UseAndRenew(key.clone())
            }
        });
        drop(Met::by(&client, &server));
        assert!(Met::by(&client, &server).reused(), "{version:?}");
    }
}

#[test]
fn a_panic_over_keys_goes_on_in_the_handshake() {
    for version in VERSIONS {
        let client = client_of(version);
        let server = asked(version, |_, _| panic!("the keys are lost"));
        let caught = std::panic::catch_unwind(|| {
            let (left, right) = duplex();
            shake_over(client_ssl(&client), left, Ssl::new(&server).unwrap(), right)
        });
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "the keys are lost", "{version:?}");
    }
}

/// What became of a ticket, and the data in it.
type Seen = (TicketStatus, Option<Vec<u8>>);

#[test]
fn a_ticket_carries_data_of_the_application() {
    for version in VERSIONS {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let log = seen.clone();
        let mut builder = only(server_builder(), version);
        builder
            .set_session_ticket_callbacks(
                |_| Some(b"user 17".to_vec()),
                move |_, ticket| {
                    log.lock().unwrap().push((ticket.status(), ticket.appdata().map(<[u8]>::to_vec)));
                    match ticket.status() {
                        TicketStatus::Success | TicketStatus::SuccessRenew => {
                            assert_eq!(ticket.key_name().len(), 16);
                            assert!(ticket.session().unwrap().is_some());
                            TicketDecision::UseRenew
                        }
                        _ => TicketDecision::IgnoreRenew,
                    }
                },
            )
            .unwrap();
        let (client, server) = (client_of(version), builder.build());
        drop(Met::by(&client, &server));
        seen.lock().unwrap().clear();
        let met = Met::by(&client, &server);
        assert!(met.reused(), "{version:?}");
        let session = met.server.ssl().session().unwrap().unwrap();
        assert_eq!(session.ticket_appdata(), Some(&b"user 17"[..]), "{version:?}");
        let seen = seen.lock().unwrap();
        assert!(seen.iter().any(|(_, data)| data.as_deref() == Some(b"user 17")), "{version:?}: {seen:?}");
    }
}

#[test]
fn each_decision_about_a_ticket_does_what_it_says() {
    for version in VERSIONS {
        let decide = |decision: TicketDecision, data: Option<Vec<u8>>| {
            let mut builder = only(server_builder(), version);
            builder
                .set_session_ticket_callbacks(
                    move |_| data.clone(),
                    move |_, ticket| match ticket.status() {
                        TicketStatus::Success | TicketStatus::SuccessRenew => decision,
                        _ => TicketDecision::IgnoreRenew,
                    },
                )
                .unwrap();
            let (client, server) = (client_of(version), builder.build());
            let (left, right) = duplex();
            let (ours, theirs) = shake_over(client_ssl(&client), left, Ssl::new(&server).unwrap(), right);
            let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return None };
            let mut met = Met { client: ours, server: theirs };
            met.talk();
            drop(met);
            let (left, right) = duplex();
            let (ours, theirs) = shake_over(client_ssl(&client), left, Ssl::new(&server).unwrap(), right);
            ours.and(theirs).ok().map(|connected| connected.ssl().session_reused())
        };
        let nothing = Some(Vec::new());
        assert_eq!(decide(TicketDecision::Use, nothing.clone()), Some(true));
        assert_eq!(decide(TicketDecision::UseRenew, nothing.clone()), Some(true));
        assert_eq!(decide(TicketDecision::Ignore, nothing.clone()), Some(false));
        assert_eq!(decide(TicketDecision::IgnoreRenew, nothing.clone()), Some(false));
        assert_eq!(decide(TicketDecision::Abort, nothing), None);
        assert_eq!(decide(TicketDecision::Use, None), None, "without data the handshake ends");
    }
}

fn count_tickets(
    adjust: impl FnOnce(&mut SslContextBuilder),
    per_object: Option<usize>,
    asked_for: usize,
) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let mut client = only(resuming_client_builder(), ProtocolVersion::TLS1_3);
    client
        .set_new_session_callback(move |_, session| {
            assert!(session.has_ticket());
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
    let mut server = only(server_builder(), ProtocolVersion::TLS1_3);
    adjust(&mut server);
    let server = server.build();
    let mut object = Ssl::new(&server).unwrap();
    if let Some(tickets) = per_object {
        object.set_num_tickets(tickets).unwrap();
        assert_eq!(object.num_tickets(), tickets);
    }
    let (left, right) = duplex();
    let (ours, theirs) = shake_over(client_ssl(&client.build()), left, object, right);
    let mut theirs = theirs.unwrap();
    for _ in 0..asked_for {
        theirs.new_session_ticket().unwrap();
    }
    Met { client: ours.unwrap(), server: theirs }.talk();
    count.load(Ordering::Relaxed)
}

#[test]
fn a_server_sends_as_many_tickets_as_it_is_told() {
    assert_eq!(count_tickets(|_| {}, None, 0), 2);
    assert_eq!(count_tickets(|server| server.set_num_tickets(5).unwrap(), None, 0), 5);
    assert_eq!(count_tickets(|server| server.set_num_tickets(5).unwrap(), Some(1), 0), 1);
    assert_eq!(count_tickets(|server| server.set_num_tickets(0).unwrap(), None, 0), 0);
    assert_eq!(count_tickets(|server| server.set_num_tickets(0).unwrap(), None, 3), 3);
    let mut server = server_builder();
    server.set_num_tickets(255).unwrap();
    assert_eq!(server.num_tickets(), 255);
    assert_eq!(server.set_num_tickets(256).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut object = Ssl::new(&server.build()).unwrap();
    assert_eq!(object.set_num_tickets(usize::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn nobody_but_a_server_of_tls_1_3_sends_more_tickets() {
    let mut fresh = Ssl::new(&server_context()).unwrap();
    assert_eq!(fresh.new_session_ticket().unwrap_err().kind(), ErrorKind::NotReady);
    let met = Met::by(&client_of(ProtocolVersion::TLS1_2), &server_of(ProtocolVersion::TLS1_2));
    let mut server = met.server.into_parts_discarding().ssl;
    assert_eq!(server.new_session_ticket().unwrap_err().kind(), ErrorKind::NotReady);
}
