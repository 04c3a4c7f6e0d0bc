use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use libssl::context::ProtocolVersion;
use libssl::ssl::KeyUpdate;
use libssl::{Connected, ErrorKind, ShutdownProgress, SslRef, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{self, Duplex};
use crate::mirror::Two;
use crate::support::{Version, assert_works, inner, read_all, read_now};

const BOTH: [KeyUpdate; 2] = [KeyUpdate::NotRequested, KeyUpdate::Requested];
const KEY_UPDATE: u8 = 24;

/// The key updates that a client and a server sent and received, as (client's own, server's own).
struct Watched {
    seen: [Arc<Mutex<usize>>; 2],
    client: Connected<Duplex>,
    server: Connected<Duplex>,
}

impl Watched {
    fn new() -> Self {
        let seen: [Arc<Mutex<usize>>; 2] = Default::default();
        let (mut client, mut server) = (Version::Tls13.client_builder(), Version::Tls13.server_builder());
        for (builder, seen) in [&mut client, &mut server].into_iter().zip(&seen) {
            let seen = Arc::clone(seen);
            builder
                .set_msg_callback(move |_, message| {
                    if message.written
                        && message.content_type == 22
                        && message.data.first() == Some(&KEY_UPDATE)
                    {
                        *seen.lock().unwrap() += 1;
                    }
                })
                .unwrap();
        }
        let (client, server) = common::connected(&client.build(), &server.build());
        let mut watched = Self { seen, client, server };
        assert_works(&mut watched.client, &mut watched.server);
        watched
    }

    fn sent(&self) -> (usize, usize) {
        let [client, server] = &self.seen;
        (*client.lock().unwrap(), *server.lock().unwrap())
    }
}

#[test]
fn an_update_goes_out_at_once_and_is_answered_if_that_was_requested() {
    for update in BOTH {
        let mut both = Watched::new();

        both.client.key_update(update).unwrap();

        assert_eq!(both.sent(), (1, 0), "{update:?}");
        assert_eq!(both.client.ssl().key_update_type(), None);
        assert_works(&mut both.client, &mut both.server);
        let answers = usize::from(update == KeyUpdate::Requested);
        assert_eq!(both.sent(), (1, answers), "{update:?}");

        both.server.key_update(update).unwrap();

        // An answer goes out with the next write at the latest.
        assert_works(&mut both.client, &mut both.server);
        assert_works(&mut both.client, &mut both.server);
        assert_eq!(both.sent(), (1 + answers, 1 + answers), "{update:?}");
    }
}

#[test]
fn many_updates_of_both_sides_lose_no_byte() {
    let mut both = Watched::new();
    for i in 0..40_usize {
        let update = BOTH[i % 2];
        both.client.write_all(&[1; 300]).unwrap();
        both.client.key_update(update).unwrap();
        both.server.key_update(BOTH[i / 2 % 2]).unwrap();
        both.server.write_all(&[2; 20_000]).unwrap();
        both.client.write_all(&[3; 7]).unwrap();

        assert_eq!(read_now(&mut both.server), [vec![1; 300], vec![3; 7]].concat());
        assert_eq!(read_now(&mut both.client), vec![2; 20_000]);
    }
}

/// An update that the channel has no room for goes out before what is written next, and before the close_notify.
#[test]
fn an_update_that_waits_goes_out_before_anything_else() {
    for room in [0, 1, 10] {
        let mut both = Watched::new();
        both.client.channel_mut().set_room(room);

        both.client.key_update(KeyUpdate::NotRequested).unwrap();

        assert_eq!(both.client.wants(), Some(Want::Write));
        assert_eq!(both.client.write(b"after").unwrap(), 5);
        assert!(both.client.has_pending_write());
        assert_eq!(both.client.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(both.client.wants(), Some(Want::Write), "libssl reads nothing before it is out");
        both.client.channel_mut().clear_room();
        both.client.flush().unwrap();
        assert_eq!(read_now(&mut both.server), b"after");
        assert_works(&mut both.client, &mut both.server);

        both.client.channel_mut().set_room(room);
        both.client.key_update(KeyUpdate::Requested).unwrap();
        assert_eq!(both.client.shutdown().unwrap(), ShutdownProgress::Wants(Want::Write));
        both.client.channel_mut().clear_room();
        assert_eq!(both.client.shutdown().unwrap(), ShutdownProgress::Sent);
        let (bytes, end) = read_all(&mut both.server);
        end.unwrap();
        assert_eq!((bytes.as_slice(), both.sent().0), (&b""[..], 2));
    }
}

#[test]
fn an_update_waits_for_a_write_that_is_not_finished() {
    let mut both = Watched::new();
    both.client.channel_mut().set_room(10);
    assert_eq!(both.client.write(&[7; 1000]).unwrap(), 1000);

    let error = both.client.key_update(KeyUpdate::Requested).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    assert_eq!(both.client.wants(), Some(Want::Write));
    both.client.channel_mut().clear_room();
    both.client.key_update(KeyUpdate::Requested).unwrap();
    assert_eq!(read_now(&mut both.server), [7; 1000]);
    assert_works(&mut both.client, &mut both.server);
    assert_eq!(both.sent(), (1, 1));
}

#[test]
fn nothing_is_updated_after_the_own_close_notify_or_a_failure() {
    let mut both = Watched::new();
    both.client.shutdown().unwrap();
    let error = both.client.key_update(KeyUpdate::NotRequested).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    both.server.write_all(b"still").unwrap();
    assert_eq!(read_now(&mut both.client), b"still");

    let mut both = Watched::new();
    both.client.channel_mut().push_outgoing(b"no record of TLS at all");
    let error = both.server.read(&mut [0]).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Protocol);
    let error = both.server.key_update(KeyUpdate::NotRequested).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned, "{error}");
    assert_eq!(both.sent(), (0, 0));
}

#[test]
fn a_connection_of_tls_1_2_refuses_and_goes_on() {
    let (mut client, mut server) = Version::Tls12.connected();
    for update in BOTH {
        let error = client.key_update(update).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert_eq!(error.call(), "SSL_key_update");
        assert_works(&mut client, &mut server);
    }
}

/// What a step of the mirror does, and what the same step does in C.
type Steps = (fn(&mut Two) -> bool, fn(&mut Two) -> bool);

#[test]
fn the_mirror_answers_as_c_does() {
    let steps: [Steps; 2] = [
        (
            |two| two.client.key_update(KeyUpdate::Requested).is_ok(),
            // SAFETY: the object is live, and this thread alone uses it.
            |two| unsafe { ext::SSL_key_update(two.client.as_ptr(), ext::SSL_KEY_UPDATE_REQUESTED) == 1 },
        ),
        (
            |two| two.client.key_update(KeyUpdate::NotRequested).is_ok(),
            // SAFETY: as above.
            |two| unsafe { ext::SSL_key_update(two.client.as_ptr(), ext::SSL_KEY_UPDATE_NOT_REQUESTED) == 1 },
        ),
    ];
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        for (ours, c) in steps {
            let mut answers = Vec::new();
            for step in [ours, c] {
                let story = RefCell::new(Vec::new());
                let mut two = Two::of(version);
                let tell = |two: &mut Two, ok: bool| {
                    // SAFETY: as above. What C left in the queue is not for the next call.
                    let update = unsafe {
                        sys::ERR_clear_error();
                        ext::SSL_get_key_update_type(two.client.as_ptr())
                    };
                    let ours = two.client.key_update_type().map_or(-1, |update| update as i32);
                    assert_eq!(ours, update);
                    story.borrow_mut().push((ok, update));
                };
                // Before the handshake, after it, twice, and once it is out.
                let before = step(&mut two);
                tell(&mut two, before);
                two.shake();
                two.drain();
                for _ in 0..2 {
                    let after = step(&mut two);
                    tell(&mut two, after);
                }
                SslRef::do_handshake(&mut two.client).unwrap();
                tell(&mut two, true);
                two.client.write(b"x").unwrap();
                assert_eq!(two.server.read(&mut [0]).unwrap(), 1);
                answers.push(story.into_inner());
            }
            assert_eq!(answers[0], answers[1], "{version:?}");
            let updated = answers[0].iter().any(|(ok, update)| *ok && *update >= 0);
            assert_eq!(updated, version == ProtocolVersion::TLS1_3);
        }
    }
}

#[test]
fn the_mirror_says_when_it_is_too_early() {
    let mut two = Two::of(ProtocolVersion::TLS1_3);
    let error = two.client.key_update(KeyUpdate::Requested).unwrap_err();
    // Before a handshake there is no version yet.
    assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::NotReady), "{error}");
    two.shake();
    two.drain();
    two.client.key_update(KeyUpdate::Requested).unwrap();
    let error = two.client.key_update(KeyUpdate::Requested).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    assert_eq!(two.client.key_update_type(), Some(KeyUpdate::Requested));
}
