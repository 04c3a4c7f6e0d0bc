use std::io::{self, Write};

use libssl::context::{ProtocolVersion, SslMethod, SslOptions, SslVerifyMode, TrustAnchors};
use libssl::{Alert, Connected, ErrorKind, Ssl, SslContext, SslRef, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{self, Duplex, duplex};
use crate::mirror::Two;
use crate::support::{Version, assert_works, inner, read_all, read_now};

/// A client and a server of TLS 1.2 with these options besides.
fn connected(client: SslOptions, server: SslOptions) -> (Connected<Duplex>, Connected<Duplex>) {
    let (mut ours, mut theirs) = (Version::Tls12.client_builder(), Version::Tls12.server_builder());
    ours.set_options(client);
    theirs.set_options(server);
    let (mut client, mut server) = common::connected(&ours.build(), &theirs.build());
    assert_works(&mut client, &mut server);
    (client, server)
}

/// Lets both read until nothing moves any more.
fn settle(one: &mut Connected<Duplex>, other: &mut Connected<Duplex>) {
    for _ in 0..10 {
        assert_eq!(read_now(one), b"");
        assert_eq!(read_now(other), b"");
    }
    for side in [one, other] {
        assert!(side.ssl().is_init_finished());
        assert!(!side.ssl().renegotiate_pending());
    }
}

const NONE: SslOptions = SslOptions::empty();
const ALLOW: SslOptions = SslOptions::ALLOW_CLIENT_RENEGOTIATION;

#[test]
fn a_server_renegotiates_by_default() {
    for full in [false, true] {
        renegotiate_as_a_server(full);
    }
}

/// The client offers its session, which the server may be told to leave.
fn renegotiate_as_a_server(full: bool) {
    let option = SslOptions::NO_SESSION_RESUMPTION_ON_RENEGOTIATION;
    let (mut client, mut server) = connected(NONE, if full { option } else { NONE });
    assert!(client.ssl().secure_renegotiation_support() && server.ssl().secure_renegotiation_support());

    server.renegotiate().unwrap();

    assert!(server.ssl().renegotiate_pending());
    assert_eq!(server.ssl().total_renegotiations(), 0);
    server.do_handshake().unwrap();
    assert!(server.ssl().renegotiate_pending(), "the question is out, the answer is not there");
    settle(&mut client, &mut server);
    assert_eq!((client.ssl().total_renegotiations(), server.ssl().total_renegotiations()), (1, 1));
    assert_eq!(client.ssl().session_reused(), !full);
    assert_works(&mut client, &mut server);
}

#[test]
fn a_clients_wish_is_refused_by_default_and_ends_the_connection() {
    let (mut client, mut server) = connected(NONE, NONE);
    client.renegotiate().unwrap();
    assert_eq!(client.do_handshake().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(client.wants(), Some(Want::Read));
    assert_eq!(read_now(&mut server), b"", "the server goes on");

    let error = client.do_handshake().unwrap_err();

    assert_eq!(inner(&error).kind(), ErrorKind::Protocol, "{error:?}");
    assert!(inner(&error).stack().has(ext::ERR_LIB_SSL, ext::SSL_R_NO_RENEGOTIATION), "{error:?}");
    assert!(client.ssl().is_poisoned());
    let (bytes, end) = read_all(&mut server);
    assert_eq!(bytes, b"");
    let error = end.unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::Alert(Alert::HANDSHAKE_FAILURE), "{error:?}");
}

#[test]
fn a_client_renegotiates_where_the_server_allows_it() {
    for abbreviated in [false, true] {
        let (mut client, mut server) = connected(NONE, ALLOW);
        if abbreviated {
            client.renegotiate_abbreviated().unwrap();
        } else {
            client.renegotiate().unwrap();
        }
        assert!(client.ssl().renegotiate_pending());

        for _ in 0..10 {
            if client.do_handshake().is_ok() {
                break;
            }
            assert_eq!(read_now(&mut server), b"");
        }

        settle(&mut client, &mut server);
        assert_eq!(client.ssl().session_reused(), abbreviated);
        // A server counts only what it asked for itself.
        assert_eq!((client.ssl().total_renegotiations(), server.ssl().total_renegotiations()), (1, 0));
        assert_works(&mut client, &mut server);
    }
}

/// What the peer sent before it knew is read, in the middle of the handshake.
#[test]
fn reading_takes_data_that_meets_a_renegotiation() {
    let (mut client, mut server) = connected(NONE, ALLOW);
    server.write_all(b"on its way").unwrap();
    client.renegotiate().unwrap();

    assert_eq!(read_now(&mut client), b"on its way");

    server.write_all(b"and more").unwrap();
    assert_eq!(read_now(&mut client), b"and more");
    settle(&mut client, &mut server);
    assert_eq!(client.ssl().total_renegotiations(), 1);
    assert_works(&mut client, &mut server);
}

#[test]
fn an_option_refuses_on_either_side_and_the_connection_goes_on() {
    let (mut client, mut server) = connected(SslOptions::NO_RENEGOTIATION, NONE);
    for refused in [client.renegotiate(), client.renegotiate_abbreviated()] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(!client.ssl().renegotiate_pending());
    }
    assert_works(&mut client, &mut server);

    server.renegotiate().unwrap();
    server.do_handshake().unwrap();
    assert_eq!(read_now(&mut client), b"", "it says no, and goes on");
    let (_, end) = read_all(&mut server);
    let error = end.unwrap_err();
    assert_ne!(error.kind(), io::ErrorKind::UnexpectedEof, "{error:?}");
    assert_eq!(client.ssl().total_renegotiations(), 0);
}

#[test]
fn tls_1_3_has_none() {
    let (mut client, mut server) = Version::Tls13.connected();
    assert_works(&mut client, &mut server);
    for refused in [client.renegotiate(), client.renegotiate_abbreviated(), server.renegotiate()] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    assert_works(&mut client, &mut server);
}

#[test]
fn a_write_that_waits_goes_out_before_the_handshake() {
    let (mut client, mut server) = connected(NONE, ALLOW);
    client.channel_mut().set_room(10);
    assert_eq!(client.write(&[7; 1000]).unwrap(), 1000);
    client.renegotiate().unwrap();
    assert_eq!(client.do_handshake().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(client.wants(), Some(Want::Write));
    client.channel_mut().clear_room();

    let mut received = Vec::new();
    for _ in 0..10 {
        if client.do_handshake().is_ok() {
            break;
        }
        received.extend(read_now(&mut server));
    }

    assert_eq!(received, [7; 1000]);
    settle(&mut client, &mut server);
    assert_eq!(client.ssl().total_renegotiations(), 1);
    assert_works(&mut client, &mut server);
}

#[test]
fn nothing_is_renegotiated_before_the_first_handshake_or_after_the_end() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    let error = two.client.renegotiate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    assert!(!two.client.renegotiate_pending());
    two.shake();
    two.client.renegotiate().unwrap();

    let (mut client, mut server) = connected(NONE, ALLOW);
    client.shutdown().unwrap();
    let error = client.renegotiate().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
    server.write_all(b"still").unwrap();
    assert_eq!(read_now(&mut client), b"still");
}

/// The counters and what is pending, as C tells them, then as we do.
fn counts(two: &mut Two) -> [[i64; 4]; 2] {
    let ssl = two.client.as_ptr();
    // SAFETY: the object is live, and this thread alone uses it.
    let c = unsafe {
        [
            i64::from(ext::SSL_renegotiate_pending(ssl)),
            ext::SSL_num_renegotiations(ssl),
            ext::SSL_total_renegotiations(ssl),
            ext::SSL_get_secure_renegotiation_support(ssl),
        ]
    };
    let ours = &two.client;
    let number = |count: u64| i64::try_from(count).unwrap();
    let ours = [
        i64::from(ours.renegotiate_pending()),
        number(ours.num_renegotiations()),
        number(ours.total_renegotiations()),
        i64::from(ours.secure_renegotiation_support()),
    ];
    [c, ours]
}

/// Two renegotiations, begun by C and by us: after each step the counters are the same.
#[test]
fn the_mirror_counts_as_c_does() {
    let mut stories = Vec::new();
    for by_c in [true, false] {
        let mut two = Two::of(ProtocolVersion::TLS1_2);
        two.server.set_options(ALLOW);
        two.shake();
        let mut story = vec![counts(&mut two)];
        for abbreviated in [false, true] {
            let ssl = two.client.as_ptr();
            // SAFETY: the object is live, and this thread alone uses it.
            let begun = unsafe {
                match (by_c, abbreviated) {
                    (true, false) => ext::SSL_renegotiate(ssl) == 1,
                    (true, true) => ext::SSL_renegotiate_abbreviated(ssl) == 1,
                    (false, false) => two.client.renegotiate().is_ok(),
                    (false, true) => two.client.renegotiate_abbreviated().is_ok(),
                }
            };
            assert!(begun);
            story.push(counts(&mut two));
            loop {
                let done = if by_c {
                    // SAFETY: as above.
                    unsafe { sys::SSL_do_handshake(ssl) == 1 }
                } else {
                    SslRef::do_handshake(&mut two.client).is_ok()
                };
                story.push(counts(&mut two));
                if done {
                    break;
                }
                let _ = two.server.read(&mut [0]).unwrap_err();
            }
        }
        let total = two.client.num_renegotiations();
        assert_eq!(total, 2);
        let cleared = if by_c {
            // SAFETY: as above.
            u64::try_from(unsafe { ext::SSL_clear_num_renegotiations(two.client.as_ptr()) }).unwrap()
        } else {
            two.client.clear_num_renegotiations()
        };
        assert_eq!(cleared, total);
        story.push(counts(&mut two));
        stories.push(story);
    }
    for story in stories.iter().flatten() {
        assert_eq!(story[0], story[1]);
    }
    assert_eq!(stories[0], stories[1]);
    assert_eq!(stories[0].last().unwrap()[0], [0, 0, 2, 1]);
}

/// What a renegotiation verified may be something else than the handshake before did.
#[test]
fn the_session_of_a_renegotiation_does_not_count_for_verified() {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.trust(TrustAnchors::Pem(common::pki().ca_pem.as_bytes())).unwrap();
    builder.set_verify(SslVerifyMode::PEER).unwrap();
    let mut theirs = Version::Tls12.server_builder();
    theirs.set_options(SslOptions::NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    let (context, theirs) = (builder.build(), theirs.build());
    let (mut client, mut server) = common::connected(&context, &theirs);
    let before = client.ssl().session().unwrap().unwrap();
    server.renegotiate().unwrap();
    server.do_handshake().unwrap();
    settle(&mut client, &mut server);
    assert_eq!(client.ssl().total_renegotiations(), 1);
    let after = client.ssl().session().unwrap().unwrap();

    for (session, counts) in [(before, true), (after, false)] {
        let mut ssl = common::client_ssl(&context);
        ssl.set_session(&session).unwrap();
        let (left, right) = duplex();
        let mut again = Two::over(ssl, left, Ssl::new(&theirs).unwrap(), right);
        again.shake();
        assert_eq!(again.client.session_reused(), counts);
    }
}

/// A kept write that waits for the peer's handshake may fail in the read that is tried first.
#[test]
fn a_write_that_fails_in_a_read_waits_for_nothing_any_more() {
    let (mut client, mut server) = connected(NONE, NONE);
    server.renegotiate().unwrap();
    assert_eq!(read_now(&mut server), b"");
    assert_eq!(read_now(&mut client), b"");
    assert_eq!(client.write(b"hello").unwrap(), 5);
    let faults = [io::ErrorKind::WouldBlock, io::ErrorKind::ConnectionReset];
    client.channel_mut().on_read.extend(faults.map(common::Fault::Fail));
    let error = io::Read::read(&mut client, &mut [0]).unwrap_err();
    assert_eq!((error.kind(), client.wants()), (io::ErrorKind::ConnectionReset, None));
}
