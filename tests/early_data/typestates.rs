//! What the typestates promise.

use std::io::{ErrorKind as ErrorOf, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libssl::context::{AlpnDecision, ProtocolVersion};
use libssl::early::EarlyOutcome;
use libssl::session::{ClientSessionCache, SslSessionBuilder};
use libssl::ssl::EarlyDataStatus;
use libssl::{ErrorKind, Ssl, VerifyError, Want};

use super::scene::{Scene, Serving, into_error, run, session_of};
use crate::common::{Fault, Random, client_builder, client_ssl, duplex, server_builder, server_context};

const DATA: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

#[test]
fn early_data_is_accepted_and_the_connection_goes_on() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let (client, server) = run(scene.client(), left, DATA, Serving::new(scene.server(), right, b""));
    let ((mut client, outcome), mut served) = (client.unwrap(), server.unwrap());
    assert_eq!(outcome, EarlyOutcome::Accepted);
    assert_eq!(served.early, DATA);
    assert_eq!(served.connected.ssl().early_data_status(), EarlyDataStatus::Accepted);
    assert!(client.ssl().session_reused() && served.connected.ssl().session_reused());
    client.write_all(b"later").unwrap();
    let mut buf = [0; 16];
    assert_eq!(served.connected.read(&mut buf).unwrap(), 5);
    served.connected.write_all(b"answer").unwrap();
    assert_eq!(client.read(&mut buf).unwrap(), 6);
}

#[test]
fn early_data_arrives_before_the_server_has_answered_with_a_byte() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    assert_eq!(client.write_early(DATA).unwrap(), DATA.len());
    assert_eq!(client.channel().moved().0, 0);
    let mut server = scene.server().accept_early(right).unwrap();
    let mut buf = [0; 100];
    let data = server.read_early(&mut buf).unwrap().unwrap();
    assert_eq!(data.danger_accept_replay(), DATA);
    assert_eq!(server.ssl().early_data_status(), EarlyDataStatus::Accepted);
}

#[test]
fn a_server_answers_before_the_client_has_finished() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let serving = Serving::new(scene.server(), right, b"the answer");
    let (client, server) = run(scene.client(), left, DATA, serving);
    let ((mut client, outcome), served) = (client.unwrap(), server.unwrap());
    assert_eq!(outcome, EarlyOutcome::Accepted);
    assert_eq!(served.early, DATA);
    let mut buf = [0; 16];
    assert_eq!(client.read(&mut buf).unwrap(), 10);
    assert_eq!(&buf[..10], b"the answer");
}

#[test]
fn an_answer_that_must_wait_is_kept_and_goes_out_first() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let mut server = scene.server().accept_early(right).unwrap();
    let mut buf = [0; 100];
    assert!(server.read_early(&mut buf).unwrap().is_some());
    let waiting = client.channel().waiting();
    server.channel_mut().set_room(waiting + 5);
    assert_eq!(server.write_early(b"answer").unwrap(), 6);
    assert!(server.has_pending_write());
    assert_eq!(server.wants(), Some(Want::Write));
    assert_eq!(server.flush_early().unwrap_err().kind(), ErrorOf::WouldBlock);
    let mut server = server.finish().unwrap_err().into_state().unwrap();
    assert!(server.has_pending_write());
    server.channel_mut().clear_room();
    let (mut client, _) = client.finish().unwrap();
    let (mut server, _) = server.finish().unwrap();
    server.write_all(b"later").unwrap();
    assert_eq!(client.read(&mut buf).unwrap(), 6);
    assert_eq!(client.read(&mut buf[6..]).unwrap(), 5);
    assert_eq!(&buf[..11], b"answerlater");
}

#[test]
fn what_finish_had_to_read_is_handed_over() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let server = scene.server().accept_early(right).unwrap();
    let waits = server.finish().unwrap_err();
    assert_eq!(waits.want(), Some(Want::Read));
    let mut server = waits.into_state().unwrap();
    // One that looks again finds what was read meanwhile.
    let mut buf = [0; 3];
    assert_eq!(server.read_early(&mut buf).unwrap().unwrap().danger_accept_replay(), &DATA[..3]);
    let (_client, _) = client.finish().unwrap();
    let (_server, unread) = server.finish().unwrap();
    assert_eq!(unread.danger_accept_replay(), &DATA[3..]);
}

#[test]
fn a_server_that_just_accepts_rejects_early_data_which_comes_back() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let server = scene.server().accept(right).unwrap_err().into_handshake().unwrap();
    let (mut client, outcome) = client.finish().unwrap();
    let mut server = server.resume().unwrap();
    let EarlyOutcome::Rejected(data) = outcome else { panic!("{outcome:?}") };
    assert_eq!(data, DATA);
    // By the caller's choice it goes again.
    client.write_all(&data).unwrap();
    let mut buf = [0; 100];
    assert_eq!(server.read(&mut buf).unwrap(), DATA.len());
    assert_eq!(server.ssl().early_data_status(), EarlyDataStatus::Rejected);
}

#[test]
fn a_session_is_taken_once_and_a_replay_is_rejected() {
    let scene = Scene::new();
    let session = scene.session();
    for attempt in 0..3 {
        let (left, right) = duplex();
        let serving = Serving::new(scene.server(), right, b"");
        let (client, served) = run(scene.resuming(&session), left, DATA, serving);
        let (((client, outcome), served), first) = ((client.unwrap(), served.unwrap()), attempt == 0);
        assert_eq!(served.early, if first { DATA } else { b"" });
        assert_eq!(
            outcome,
            if first { EarlyOutcome::Accepted } else { EarlyOutcome::Rejected(DATA.to_vec()) }
        );
        assert_eq!(client.ssl().session_reused(), first);
    }
}

#[test]
fn the_very_bytes_of_a_client_sent_again_are_not_read() {
    let scene = Scene::new();
    let (left, mut tap) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let bytes = tap.take_incoming();
    for first in [true, false] {
        let (mut attacker, right) = duplex();
        attacker.push_outgoing(&bytes);
        let mut server = scene.server().accept_early(right).unwrap();
        let mut buf = [0; 100];
        let data = server.read_early(&mut buf).unwrap();
        assert_eq!(data.map(|data| data.danger_accept_replay().to_vec()), first.then(|| DATA.to_vec()));
    }
}

#[test]
fn who_allows_replays_reads_the_same_bytes_twice() {
    let scene = Scene::with(|server| server.danger_allow_early_data_replays());
    let (left, mut tap) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let bytes = tap.take_incoming();
    for _ in 0..2 {
        let (mut attacker, right) = duplex();
        attacker.push_outgoing(&bytes);
        let mut server = scene.server().accept_early(right).unwrap();
        let mut buf = [0; 100];
        let data = server.read_early(&mut buf).unwrap().unwrap();
        assert_eq!(data.danger_accept_replay(), DATA);
    }
}

#[test]
fn without_a_session_nothing_fits_and_the_handshake_is_an_ordinary_one() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let mut client = client_ssl(&scene.client).connect_early(left).unwrap();
    assert_eq!((client.room(), client.write_early(DATA).unwrap()), (0, 0));
    assert_eq!(client.channel().moved(), (0, 0));
    let serving = Serving::new(scene.server(), right, b"");
    let (left, _) = (client.into_parts().1, ());
    let (client, served) = run(client_ssl(&scene.client), left, DATA, serving);
    assert_eq!(client.unwrap().1, EarlyOutcome::NotSent);
    assert!(served.unwrap().early.is_empty());
}

#[test]
fn a_session_from_the_cache_of_a_client_is_good_for_early_data() {
    let mut scene = Scene::new();
    let mut client = client_builder();
    client.set_client_session_cache(Some(&ClientSessionCache::new(8))).unwrap();
    scene.client = client.build();
    scene.session();
    let (left, right) = duplex();
    let (client, served) =
        run(client_ssl(&scene.client), left, DATA, Serving::new(scene.server(), right, b""));
    let (client, outcome) = client.unwrap();
    assert_eq!(outcome, EarlyOutcome::Accepted);
    assert!(client.ssl().session_reused());
    assert_eq!(served.unwrap().early, DATA);
}

/// Where the session is of another protocol, C would fail the handshake.
#[test]
fn a_session_that_does_not_fit_what_is_offered_now_takes_no_early_data_and_resumes() {
    let mut scene = Scene::with(|server| {
        server
            .set_alpn_select_cb(|_, offered| match offered.first_of(["h2", "http/1.1"]) {
                Some(protocol) => AlpnDecision::Select(protocol),
                None => AlpnDecision::Ignore,
            })
            .unwrap();
    });
    let mut client = client_builder();
    client.set_alpn_protos(["h2", "http/1.1"]).unwrap();
    scene.client = client.build();
    for (offered, fits) in [
        (None, true),
        (Some(&["http/1.1", "h2"][..]), true),
        (Some(&["http/1.1"]), false),
        (Some(&[]), false),
    ] {
        let session = scene.session();
        assert_eq!(session.alpn_selected(), Some(&b"h2"[..]));
        let mut ssl = scene.resuming(&session);
        if let Some(protocols) = offered {
            ssl.set_alpn_protos(protocols).unwrap();
        }
        let (left, right) = duplex();
        let (client, served) = run(ssl, left, DATA, Serving::new(scene.server(), right, b""));
        let (client, outcome) = client.unwrap();
        let expected = if fits { EarlyOutcome::Accepted } else { EarlyOutcome::NotSent };
        assert!(outcome == expected, "{offered:?}: {outcome:?}");
        assert!(client.ssl().session_reused());
        assert_eq!(served.unwrap().early, if fits { DATA } else { b"" });
    }
}

/// libssl offers no session without a ticket, and fails what is sent early with one that has no number either.
#[test]
fn a_session_that_nobody_can_resume_takes_no_early_data() {
    let scene = Scene::new();
    for id in [&[][..], &[9; 32]] {
        let mut session = SslSessionBuilder::new().unwrap();
        session.set_id(id).unwrap();
        session.set_protocol_version(ProtocolVersion::TLS1_3);
        session.set_cipher(scene.session().cipher().unwrap());
        session.set_master_key(&[7; 48]).unwrap();
        session.set_max_early_data(1000);
        let mut ssl = client_ssl(&scene.client);
        ssl.danger_set_session(&session.build()).unwrap();
        let (left, right) = duplex();
        let (client, served) = run(ssl, left, DATA, Serving::new(scene.server(), right, b""));
        assert_eq!(client.unwrap().1, EarlyOutcome::NotSent);
        assert!(served.unwrap().early.is_empty());
    }
}

#[test]
fn a_client_without_the_sessions_suite_sends_no_early_data() {
    let scene = Scene::new();
    let session = scene.session();
    let suite = session.cipher().unwrap().name();
    let other =
        if suite == "TLS_AES_128_GCM_SHA256" { "TLS_AES_256_GCM_SHA384" } else { "TLS_AES_128_GCM_SHA256" };
    let mut ssl = scene.resuming(&session);
    ssl.set_ciphersuites(other).unwrap();
    let (left, right) = duplex();
    let (client, served) = run(ssl, left, DATA, Serving::new(scene.server(), right, b""));
    assert_eq!(client.unwrap().1, EarlyOutcome::NotSent);
    assert!(served.unwrap().early.is_empty());
}

#[test]
fn a_client_that_speaks_no_tls_1_3_any_more_sends_no_early_data() {
    let scene = Scene::new();
    let mut ssl = scene.client();
    ssl.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let (left, right) = duplex();
    let (client, served) = run(ssl, left, DATA, Serving::new(scene.server(), right, b""));
    assert_eq!(client.unwrap().1, EarlyOutcome::NotSent);
    assert!(served.unwrap().early.is_empty());
}

#[test]
fn a_client_that_gave_up_before_its_first_byte_can_still_connect() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let (ssl, left, taken) = scene.client().connect_early(left).unwrap().into_parts();
    assert!(taken.is_empty());
    let (client, server) = crate::common::shake_over(ssl, left, scene.server(), right);
    assert!(client.unwrap().ssl().session_reused() && server.is_ok());
}

#[test]
fn a_client_that_gave_up_does_not_resume_under_another_name() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let (mut ssl, left, _) = scene.client().connect_early(left).unwrap().into_parts();
    ssl.set_server_name("bank.example").unwrap();
    let (client, _server) = crate::common::shake_over(ssl, left, scene.server(), right);
    assert_eq!(client.unwrap_err().kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
}

#[test]
fn what_a_session_allows_is_the_same_after_suspensions() {
    let scene = Scene::new();
    let (mut left, right) = duplex();
    left.set_room(100);
    let serving = Serving::new(scene.server(), right, b"");
    let (client, served) = run(scene.client(), left, &[5; 16_384], serving);
    let (client, outcome) = client.unwrap();
    assert_eq!(outcome, EarlyOutcome::Accepted);
    assert_eq!(served.unwrap().early.len(), 16_384);
    assert_eq!(client.ssl().session().unwrap().unwrap().max_early_data(), 16_384);
}

#[test]
fn a_session_without_early_data_is_resumed_without() {
    let server = server_context();
    let client = client_builder().build();
    let session = session_of(&client, &server);
    assert_eq!(session.max_early_data(), 0);
    let mut ssl = client_ssl(&client);
    super::scene::resume(&mut ssl, &session);
    let (left, right) = duplex();
    let serving = Serving::new(Ssl::new(&server).unwrap(), right, b"");
    let (client, served) = run(ssl, left, DATA, serving);
    let (client, outcome) = client.unwrap();
    assert_eq!(outcome, EarlyOutcome::NotSent);
    assert!(client.ssl().session_reused() && served.is_ok());
}

#[test]
fn all_that_a_session_allows_is_taken_and_not_a_byte_more() {
    let scene = Scene::new();
    let (left, right) = duplex();
    let data = vec![7; 20_000];
    let mut client = scene.client().connect_early(left).unwrap();
    assert_eq!(client.room(), 16_384);
    assert_eq!(client.write_early(&data[..10_000]).unwrap(), 10_000);
    assert_eq!(client.write_early(&data[10_000..]).unwrap(), 6_384);
    assert_eq!((client.room(), client.write_early(&data).unwrap()), (0, 0));
    let server = Serving::new(scene.server(), right, b"").go();
    let (_client, outcome) = client.finish().unwrap();
    assert_eq!(outcome, EarlyOutcome::Accepted);
    let super::scene::Turn::Waits(serving) = server else { panic!("the client had not finished") };
    let super::scene::Turn::Over(served) = serving.go() else { panic!("the client is done") };
    assert_eq!(served.unwrap().early, &data[..16_384]);
}

#[test]
fn more_than_a_server_receives_ends_the_connection() {
    for accepts in [true, false] {
        let scene = Scene::new();
        let (left, right) = duplex();
        let mut server = scene.server();
        server.set_recv_max_early_data(100).unwrap();
        if !accepts {
            server.set_allow_early_data_callback(|_| false).unwrap();
        }
        let (client, served) = run(scene.client(), left, &[7; 5000], Serving::new(server, right, b""));
        let error = into_error(served.map(|served| served.early).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
        assert!(client.is_err());
    }
}

#[test]
fn callbacks_say_which_early_data_is_taken() {
    let scene = Scene::with(|server| {
        server.set_allow_early_data_callback(|ssl| !ssl.session_reused()).unwrap();
    });
    let (left, right) = duplex();
    let (client, served) = run(scene.client(), left, DATA, Serving::new(scene.server(), right, b""));
    assert_eq!(client.unwrap().1, EarlyOutcome::Rejected(DATA.to_vec()));
    assert!(served.unwrap().early.is_empty());
    // The object's own callback is asked in place of the context's.
    let (left, right) = duplex();
    let mut server = scene.server();
    server.set_allow_early_data_callback(|_| true).unwrap();
    let (client, served) = run(scene.client(), left, DATA, Serving::new(server, right, b""));
    assert_eq!(client.unwrap().1, EarlyOutcome::Accepted);
    assert_eq!(served.unwrap().early, DATA);
}

#[test]
fn a_callback_that_panics_kills_the_connection_and_the_panic_goes_on() {
    let scene = Scene::with(|server| {
        server.set_allow_early_data_callback(|_| panic!("the callback")).unwrap();
    });
    let (left, right) = duplex();
    let mut client = scene.client().connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let mut server = scene.server().accept_early(right).unwrap();
    let mut buf = [0; 100];
    let caught = catch_unwind(AssertUnwindSafe(|| server.read_early(&mut buf).is_ok()));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"the callback"));
    assert!(server.ssl().is_poisoned());
    let refusal = into_error(server.read_early(&mut buf).unwrap_err());
    assert_eq!(refusal.kind(), ErrorKind::Poisoned);
    assert_eq!(server.finish().unwrap_err().into_state().unwrap_err().kind(), ErrorKind::Poisoned);
}

#[test]
fn a_server_that_speaks_tls_1_2_by_now_fails_a_client_with_early_data() {
    let scene = Scene::new();
    let session = scene.session();
    let mut old = server_builder();
    old.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let (left, right) = duplex();
    let mut client = scene.resuming(&session).connect_early(left).unwrap();
    client.write_early(DATA).unwrap();
    let server = Ssl::new(&old.build()).unwrap().accept(right).unwrap_err();
    assert!(client.finish().unwrap_err().want().is_none());
    assert!(server.want().is_none_or(|want| want == Want::Read));
}

#[test]
fn a_client_of_tls_1_2_is_served_without_early_data() {
    let scene = Scene::new();
    let mut old = client_builder();
    old.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let (left, right) = duplex();
    let (client, served) =
        run(client_ssl(&old.build()), left, DATA, Serving::new(scene.server(), right, b""));
    let ((mut client, outcome), mut served) = (client.unwrap(), served.unwrap());
    assert_eq!(outcome, EarlyOutcome::NotSent);
    assert_eq!(served.connected.ssl().early_data_status(), EarlyDataStatus::NotSent);
    client.write_all(DATA).unwrap();
    assert_eq!(served.connected.read(&mut [0; 100]).unwrap(), DATA.len());
}

#[test]
fn a_hello_retry_request_rejects_early_data() {
    let scene = Scene::with(|server| server.set_groups_list("P-384").unwrap());
    let first = scene.session();
    let (left, right) = duplex();
    let (client, served) = run(scene.resuming(&first), left, DATA, Serving::new(scene.server(), right, b""));
    assert_eq!(client.unwrap().1, EarlyOutcome::Rejected(DATA.to_vec()));
    assert!(served.unwrap().early.is_empty());
}

#[test]
fn a_client_that_demands_a_name_sends_nothing_without_one() {
    let scene = Scene::new();
    let session = scene.session();
    let mut ssl = Ssl::new(&scene.client).unwrap();
    super::scene::resume(&mut ssl, &session);
    let (left, _right) = duplex();
    let (error, ssl, left) = ssl.connect_early(left).unwrap_err().into_parts();
    assert_eq!(error.kind(), ErrorKind::NoServerName);
    assert_eq!(left.moved(), (0, 0));
    assert!(ssl.in_before() && !ssl.is_poisoned());
}

#[test]
fn what_the_transport_says_comes_out_unchanged_and_nothing_is_sent_twice() {
    let scene = Scene::new();
    let (mut left, right) = duplex();
    left.on_write.extend([Fault::Fail(ErrorOf::TimedOut), Fault::Fail(ErrorOf::TimedOut)]);
    let mut client = scene.client().connect_early(left).unwrap();
    assert_eq!(client.write_early(DATA).unwrap(), DATA.len());
    assert!(client.has_pending_write());
    assert_eq!(client.write_early(b"other").unwrap_err().kind(), ErrorOf::TimedOut);
    assert_eq!(client.wants(), Some(Want::Write));
    client.flush_early().unwrap();
    client.channel_mut().on_write.push_back(Fault::Fail(ErrorOf::ConnectionReset));
    let mut server = scene.server().accept_early(right).unwrap();
    let mut buf = [0; 100];
    let data = server.read_early(&mut buf).unwrap().unwrap();
    assert_eq!(data.danger_accept_replay(), DATA);
    let broken = client.write_early(b"more").unwrap_err();
    assert_eq!(broken.kind(), ErrorOf::ConnectionReset);
    let failure = client.finish().unwrap_err().into_state().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Poisoned);
}

#[test]
fn a_transport_that_panics_kills_the_connection_and_the_panic_goes_on() {
    let scene = Scene::new();
    let (mut left, _right) = duplex();
    left.on_write.push_back(Fault::Panic("the transport"));
    let mut client = scene.client().connect_early(left).unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| client.write_early(DATA).is_ok()));
    assert_eq!(caught.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("the transport"));
    assert!(client.ssl().is_poisoned());
    assert_eq!(into_error(client.write_early(DATA).unwrap_err()).kind(), ErrorKind::Poisoned);
    let failure = client.finish().unwrap_err().into_state().unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Poisoned);
}

#[test]
fn every_suspension_is_resumed() {
    let scene = Scene::new();
    let data = vec![9; 16_384];
    for seed in 0..40 {
        let (mut left, mut right) = duplex();
        let mut random = Random::new(seed);
        left.set_room(1 + random.below(5000) as usize);
        // A client reads nothing as long as early data goes out: the first answer must fit.
        right.set_room(2500 + random.below(5000) as usize);
        left.write_cap = 1 + random.below(3000) as usize;
        right.read_cap = 1 + random.below(3000) as usize;
        left.random = Some(random.clone());
        right.random = Some(random);
        let serving = Serving::new(scene.server(), right, b"the answer");
        let (client, served) = run(scene.client(), left, &data, serving);
        let (mut client, outcome) = client.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        let served = served.unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        assert_eq!(outcome, EarlyOutcome::Accepted, "seed {seed}");
        assert!(served.early == data, "seed {seed}: {} bytes", served.early.len());
        let mut answer: Vec<u8> = Vec::new();
        for _ in 0..10_000 {
            let mut buf = [0; 10];
            match client.read(&mut buf) {
                Ok(len) => answer.extend(&buf[..len]),
                Err(error) => assert_eq!(error.kind(), ErrorOf::WouldBlock, "seed {seed}"),
            }
            if answer.len() == 10 {
                break;
            }
        }
        assert_eq!(answer, b"the answer", "seed {seed}");
    }
}

/// Only the context's own cache knows what was resumed before.
#[test]
fn early_data_is_not_taken_twice_with_a_store_of_sessions_either() {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};
    let store: Arc<Mutex<HashMap<Vec<u8>, libssl::session::SslSession>>> = Arc::default();
    let mut server = server_builder();
    server.set_max_early_data(16_384).unwrap();
    let kept = Arc::clone(&store);
    let keep = move |_: &libssl::SslRef, session: libssl::session::SslSession| {
        kept.lock().unwrap().insert(session.id().to_vec(), session);
    };
    server.set_new_session_callback(keep).unwrap();
    server.set_get_session_callback(move |_, id| store.lock().unwrap().get(id).cloned()).unwrap();
    let server = server.build();
    let client = client_builder().build();
    let (left, right) = duplex();
    let (connected, accepted) =
        crate::common::shake_over(client_ssl(&client), left, Ssl::new(&server).unwrap(), right);
    let (mut connected, mut accepted) = (connected.unwrap(), accepted.unwrap());
    accepted.write_all(b"x").unwrap();
    connected.read_exact(&mut [0]).unwrap();
    let session = connected.ssl().session().unwrap().unwrap();
    let mut taken = 0;
    for _ in 0..3 {
        let mut ssl = client_ssl(&client);
        ssl.set_session(&session).unwrap();
        let (left, right) = duplex();
        let mut early = ssl.connect_early(left).map_err(|_| ()).unwrap();
        early.write_early(b"once").unwrap();
        let mut early = Ssl::new(&server).unwrap().accept_early(right).map_err(|_| ()).unwrap();
        taken += usize::from(early.read_early(&mut [0; 10]).is_ok_and(|data| data.is_some()));
    }
    assert!(taken <= 1, "{taken} times");
}

#[test]
fn a_server_whose_early_write_failed_can_be_shown() {
    const MAX_512: u8 = 1;
    let mut server = server_builder();
    server.set_max_early_data(16_384).unwrap();
    let server = server.build();
    let client = client_builder().build();
    // SAFETY: the context is live, and nobody else uses it yet.
    let set = unsafe { openssl_sys_ext::SSL_CTX_set_tlsext_max_fragment_length(client.as_ptr(), MAX_512) };
    assert_eq!(set, 1);
    let (left, right) = duplex();
    let _client = client_ssl(&client).connect(left);
    let mut early = Ssl::new(&server).unwrap().accept_early(right).map_err(|_| ()).unwrap();
    assert!(early.read_early(&mut [0; 10]).unwrap().is_none());
    early.channel_mut().on_write.extend([Fault::Go, Fault::Fail(ErrorOf::BrokenPipe)]);
    assert_eq!(early.write_early(&[7; 4000]).unwrap_err().kind(), ErrorOf::BrokenPipe);
    assert!(format!("{early:?}").contains("pending_write: 0"));
}
