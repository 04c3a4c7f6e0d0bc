//! A client context demands a verified name: no way to shake hands goes around it. A server's contexts keep their
//! clients apart, and what libssl still points to when an object is switched between them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::net::UnixStream;
use std::thread;

use common::{
    Duplex, Kept, Made, Side, client_builder, client_context, client_ssl, duplex, identity, pki,
    server_builder, server_context, shake_over, unix_pair,
};
use libssl::bio::Existing;
use libssl::context::{
    ClientHelloDecision, ProtocolVersion, ServerNameDecision, SslMethod, SslVerifyMode, TrustAnchors,
};
use libssl::x509::X509VerifyParam;
use libssl::{Connected, ErrorKind, Ssl, SslContext, SslContextBuilder, SslContextRef, SslRef, Want};
use openssl_sys as sys;

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3];

fn named(context: &SslContextRef, name: &str) -> Ssl {
    let mut ssl = Ssl::new(context).unwrap();
    ssl.set_server_name(name).unwrap();
    ssl
}

fn shake_as(client: Ssl, server: &SslContextRef) -> (Side<Duplex>, Side<Duplex>) {
    let (left, right) = duplex();
    shake_over(client, left, Ssl::new(server).unwrap(), right)
}

/// Lets the tickets of TLS 1.3 arrive, and ends both sides cleanly.
fn end(mut client: Connected<Duplex>, mut server: Connected<Duplex>) -> Ssl {
    server.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    client.shutdown().unwrap();
    server.shutdown().unwrap();
    client.into_parts().unwrap().ssl
}

/// A server that is other.example, and only that.
fn other_example(version: ProtocolVersion) -> SslContext {
    let mut builder = SslContext::server(&identity(&pki().other_name)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.build()
}

#[test]
fn an_object_that_is_used_again_does_not_resume_under_another_name() {
    for version in VERSIONS {
        let server = other_example(version);
        let (client, accepted) = shake_as(named(&client_context(), "other.example"), &server);
        let mut ssl = end(client.unwrap(), accepted.unwrap());
        ssl.set_connect_state();
        ssl.set_server_name("bank.example").unwrap();

        let (client, _server) = shake_as(ssl, &server);

        let error = client.expect_err("a server that does not bear the name");
        assert!(matches!(error.kind(), ErrorKind::Verification(_)), "{error}");
    }
}

#[test]
fn what_was_not_verified_is_not_resumed_once_it_must_be() {
    let server = other_example(ProtocolVersion::TLS1_3);
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.danger_set_verify_none();
    let (client, accepted) = shake_as(ssl, &server);
    let mut ssl = end(client.unwrap(), accepted.unwrap());
    ssl.set_connect_state();
    ssl.set_verify(SslVerifyMode::PEER).unwrap();
    ssl.set_server_name("bank.example").unwrap();

    let (client, _server) = shake_as(ssl, &server);

    assert!(matches!(client.unwrap_err().kind(), ErrorKind::Verification(_)));
}

/// A server in a thread, which says what it could read.
fn listen(stream: UnixStream, context: SslContext) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut received = Vec::new();
        if let Ok(mut connected) = Ssl::new(&context).unwrap().accept(stream) {
            let _ = connected.read_to_end(&mut received);
        }
        received
    })
}

#[test]
fn reading_and_writing_do_not_shake_hands_with_a_peer_that_nobody_named() {
    let calls: [fn(&mut SslRef) -> libssl::SslError; 3] = [
        |ssl| ssl.write(b"secret").unwrap_err(),
        |ssl| ssl.read(&mut [0]).unwrap_err(),
        |ssl| ssl.peek(&mut [0]).unwrap_err(),
    ];
    for name in [None, Some("localhost")] {
        for call in calls {
            let (ours, theirs) = unix_pair();
            let server = listen(theirs, other_example(ProtocolVersion::TLS1_3));
            let mut ssl = Ssl::new(&client_context()).unwrap();
            if let Some(name) = name {
                ssl.set_server_name(name).unwrap();
            }
            ssl.set_connect_state();
            ssl.set_stream(ours).unwrap();

            let error = call(&mut ssl);

            assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady));
            drop(ssl);
            assert_eq!(server.join().unwrap(), b"");
        }
    }
}

/// A client in the middle of its handshake, over a socket that does not block, and the server's end of that.
fn half_way(ssl: &mut Ssl) -> UnixStream {
    let (ours, theirs) = unix_pair();
    ours.set_nonblocking(true).unwrap();
    ssl.set_stream(ours).unwrap();
    assert_eq!(SslRef::connect(ssl).unwrap_err().want(), Some(Want::Read));
    theirs
}

/// Goes on with a handshake until it is over.
fn finish(ssl: &mut Ssl) -> Result<(), libssl::SslError> {
    loop {
        match SslRef::connect(ssl) {
            Err(error) if error.want().is_some() => thread::yield_now(),
            end => return end,
        }
    }
}

#[test]
fn a_name_that_is_taken_away_in_the_middle_stops_the_handshake() {
    let mut ssl = client_ssl(&client_context());
    let theirs = half_way(&mut ssl);
    ssl.danger_clear_verify_names();
    let server = listen(theirs, other_example(ProtocolVersion::TLS1_3));

    let error = finish(&mut ssl).unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NoServerName));
    drop(ssl);
    server.join().unwrap();
}

#[test]
fn a_verification_that_is_asked_for_too_late_fails_the_handshake() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.danger_set_verify_none();
    let theirs = half_way(&mut ssl);
    ssl.set_verify(SslVerifyMode::PEER).unwrap();
    ssl.set_server_name("other.example").unwrap();
    let server = listen(theirs, other_example(ProtocolVersion::TLS1_3));

    let error = finish(&mut ssl).unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady), "{error}");
    assert!(ssl.is_poisoned());
    drop(ssl);
    server.join().unwrap();
}

#[test]
fn accepting_as_a_client_does_not_go_around_the_name() {
    let (left, _right) = duplex();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_stream(left).unwrap();
    // SSL_accept on an object in connect state goes on as a client.
    ssl.set_connect_state();

    let error = SslRef::accept(&mut ssl).unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NoServerName));
}

#[test]
fn an_anonymous_server_is_refused_whatever_the_cipher_list() {
    let mut server = SslContext::builder(SslMethod::tls_server()).unwrap();
    server.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    server.set_cipher_list("aNULL:@SECLEVEL=0").unwrap();
    server.set_dh_auto(true).unwrap();
    let server = server.build();
    for list in ["aNULL:@SECLEVEL=0", "ALL:@SECLEVEL=0"] {
        let mut client = client_builder();
        client.set_cipher_list(list).unwrap();

        let (client, _server) = shake_as(named(&client.build(), "bank.example"), &server);

        let error = client.expect_err("a server without a certificate");
        assert!(matches!(error.kind(), ErrorKind::Verification(_)), "{error}");
    }
}

#[test]
fn a_close_notify_of_nobody_is_no_clean_end_of_a_read_that_shakes_hands() {
    let (ours, mut theirs) = unix_pair();
    theirs.write_all(&[0x15, 3, 3, 0, 2, 1, 0]).unwrap();
    let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let mut ssl = Ssl::new(&context).unwrap();
    ssl.set_connect_state();
    ssl.set_stream(ours).unwrap();

    let error = ssl.read(&mut [0]).unwrap_err();

    assert!(error.is_zero_return());
    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Closed));
    assert!(ssl.is_poisoned());
}

/// A server's context that demands certificates of this CA from its clients.
fn judging(made: &Made, ca: &str, version: ProtocolVersion) -> SslContextBuilder {
    let mut builder = SslContext::server(&identity(made)).unwrap();
    builder.trust(TrustAnchors::Pem(ca.as_bytes())).unwrap();
    builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder
}

#[test]
fn a_client_that_one_host_let_in_is_not_let_in_by_another_through_its_session() {
    let other_ca = common::identities::Ca::new("CA two");
    for (version, by_hello) in VERSIONS.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let one = judging(&pki().localhost, &pki().ca_pem, version).build();
        let two = judging(&pki().other_name, &other_ca.pem, version).build();
        let mut front = judging(&pki().localhost, &pki().ca_pem, version);
        let pick =
            move |name: Option<&[u8]>| if name == Some(b"other.example") { two.clone() } else { one.clone() };
        if by_hello {
            front
                .set_client_hello_cb(move |hello| {
                    let context = pick(hello.requested_name());
                    hello.set_context(&context).unwrap();
                    ClientHelloDecision::Accept
                })
                .unwrap();
        } else {
            front
                .set_tlsext_servername_callback(move |view| {
                    let context = pick(view.requested_name());
                    let _refused_below = view.set_context(&context);
                    ServerNameDecision::Ack
                })
                .unwrap();
        }
        let front = front.build();
        let mut client = client_builder();
        client.use_identity(&identity(&pki().client)).unwrap();
        let client = client.build();
        let (_, refused) = shake_as(named(&client, "other.example"), &front);
        assert!(matches!(refused.unwrap_err().kind(), ErrorKind::Verification(_)));
        let (connected, accepted) = shake_as(named(&client, "localhost"), &front);
        let session = Kept::of(&end(connected.unwrap(), accepted.unwrap()));
        let ssl = named(&client, "other.example");
        session.offer(&ssl);

        let (_, server) = shake_as(ssl, &front);

        let error = server.expect_err("a client that host two does not know");
        assert!(
            matches!(error.kind(), ErrorKind::Verification(_) | ErrorKind::Protocol),
            "{version:?}, by ClientHello: {by_hello}: {error}"
        );
    }
}

#[test]
fn a_client_that_offers_a_hosts_session_again_is_let_in_again() {
    for version in VERSIONS {
        let one = judging(&pki().localhost, &pki().ca_pem, version).build();
        let mut front = judging(&pki().other_name, &pki().ca_pem, version);
        front
            .set_tlsext_servername_callback(move |view| match view.set_context(&one) {
                Ok(()) => ServerNameDecision::Ack,
                Err(_) => ServerNameDecision::Refuse(libssl::Alert::INTERNAL_ERROR),
            })
            .unwrap();
        let front = front.build();
        let mut client = client_builder();
        client.use_identity(&identity(&pki().client)).unwrap();
        let client = client.build();
        let mut session: Option<Kept> = None;
        for _ in 0..3 {
            let ssl = client_ssl(&client);
            if let Some(session) = &session {
                session.offer(&ssl);
            }
            let (connected, accepted) = shake_as(ssl, &front);
            let accepted = accepted.unwrap();
            assert!(accepted.ssl().peer_certificate().is_some());
            session = Some(Kept::of(&end(connected.unwrap(), accepted)));
        }
    }
}

#[test]
fn a_host_that_asks_for_no_certificate_resumes_after_a_switch() {
    for version in VERSIONS {
        let one = server_builder().build();
        let mut front = server_builder();
        front.set_max_proto_version(Some(version)).unwrap();
        front
            .set_tlsext_servername_callback(move |view| {
                view.set_context(&one).unwrap();
                ServerNameDecision::Ack
            })
            .unwrap();
        let (front, client) = (front.build(), client_context());
        let (connected, accepted) = shake_as(client_ssl(&client), &front);
        let session = Kept::of(&end(connected.unwrap(), accepted.unwrap()));
        let ssl = client_ssl(&client);
        session.offer(&ssl);

        let (connected, accepted) = shake_as(ssl, &front);

        assert!(connected.unwrap().ssl().session_reused() && accepted.unwrap().ssl().session_reused());
    }
}

#[test]
fn a_name_that_is_swapped_and_swapped_back_does_not_pass() {
    let server = SslContext::server(&identity(&pki().localhost)).unwrap().build();
    let mut ssl = named(&client_context(), "other.example");
    let theirs = half_way(&mut ssl);
    ssl.set_verify_host("localhost").unwrap();
    let server = listen(theirs, server);

    let error = finish(&mut ssl).unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady));
    assert!(ssl.is_poisoned());
    drop(ssl);
    server.join().unwrap();
}

/// Each way to have another name or address taken too, or instead, for which the server's certificate is a good one.
#[test]
fn no_name_and_no_address_is_slipped_in_in_the_middle() {
    type Slip = fn(&mut Ssl) -> Result<(), libssl::Error>;
    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    fn settings() -> X509VerifyParam {
        let mut param = X509VerifyParam::new().unwrap();
        param.set_host("localhost").unwrap();
        param
    }
    let ways: [(&str, &str, Slip); 10] = [
        ("another name", "other.example", |ssl| ssl.set_verify_host("localhost")),
        ("one more name", "other.example", |ssl| ssl.add_verify_host("localhost")),
        ("one more name in the settings", "other.example", |ssl| {
            ssl.verify_param_mut().add_host("localhost")
        }),
        ("other settings", "other.example", |ssl| ssl.set_verify_param(&settings())),
        ("settings from others", "other.example", |ssl| ssl.verify_param_mut().set_from(&settings())),
        ("an address for a name", "other.example", |ssl| ssl.set_verify_ip(ADDRESS)),
        ("another address", "10.0.0.1", |ssl| ssl.set_verify_ip(ADDRESS)),
        ("a mail address", "localhost", |ssl| ssl.set_verify_email("somebody@example.org")),
        // From OpenSSL 4.0 on.
        ("one more address", "10.0.0.1", |ssl| ssl.add_verify_ip(ADDRESS)),
        ("more addresses in other settings", "10.0.0.1", |ssl| {
            let mut param = X509VerifyParam::new()?;
            param.set_ip("10.0.0.1".parse().unwrap())?;
            param.add_ip(ADDRESS)?;
            ssl.set_verify_param(&param)
        }),
    ];
    for (what, name, slip) in ways {
        let server = SslContext::server(&identity(&pki().localhost)).unwrap().build();
        let mut ssl = named(&client_context(), name);
        let theirs = half_way(&mut ssl);
        match slip(&mut ssl) {
            Ok(()) => (),
            Err(error) if error.kind() == ErrorKind::Unsupported => continue,
            Err(error) => panic!("{what}: {error}"),
        }
        let server = listen(theirs, server);

        let end = finish(&mut ssl);

        let error = end.err().unwrap_or_else(|| panic!("{what}: the server got through"));
        assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady), "{what}: {error}");
        assert!(ssl.is_poisoned(), "{what}");
        drop(ssl);
        server.join().unwrap();
    }
}

#[test]
fn a_name_for_the_next_handshake_does_not_break_the_connection_that_is_there() {
    let (client, accepted) = shake_as(client_ssl(&client_context()), &server_builder().build());
    let mut ssl = end(client.unwrap(), accepted.unwrap());
    let (left, _right) = duplex();
    ssl.set_stream(left).unwrap();
    ssl.set_verify_host("next.example").unwrap();

    SslRef::do_handshake(&mut ssl).unwrap();

    assert!(!ssl.is_poisoned());
}

#[test]
fn a_host_that_knows_its_client_resumes() {
    for version in VERSIONS {
        let server = judging(&pki().localhost, &pki().ca_pem, version).build();
        let mut client = client_builder();
        client.use_identity(&identity(&pki().client)).unwrap();
        let client = client.build();
        let (connected, accepted) = shake_as(client_ssl(&client), &server);
        let session = Kept::of(&end(connected.unwrap(), accepted.unwrap()));
        let ssl = client_ssl(&client);
        session.offer(&ssl);

        let (connected, accepted) = shake_as(ssl, &server);

        assert!(connected.unwrap().ssl().session_reused() && accepted.unwrap().ssl().session_reused());
    }
}

/// A context whose ClientHello callback switches to the next one, which nobody else keeps.
fn link(number: u32) -> SslContext {
    let mut builder = server_builder();
    // The client's key share is of another group, so that there is a second ClientHello.
    builder.set_groups_list("P-384").unwrap();
    builder
        .set_client_hello_cb(move |hello| {
            let earlier = hello.shared_sigalgs();
            hello.set_context(&link(number + 1)).unwrap();
            // What libssl points to in the context that was left must still be there.
            let _reuse: Vec<Vec<u8>> = (0..2000).map(|i| vec![0xab; 16 + i % 40 * 40]).collect();
            if number > 0 {
                assert_eq!(hello.shared_sigalgs(), earlier);
                let _ = (hello.signature_digest(), hello.signature_type(), hello.signature_name());
            }
            ClientHelloDecision::Accept
        })
        .unwrap();
    builder.build()
}

#[test]
fn a_context_that_is_left_behind_lives_as_long_as_the_object() {
    let mut client = client_builder();
    client.set_groups_list("P-256:P-384").unwrap();
    let (client, server) = shake_as(client_ssl(&client.build()), &link(0));
    assert!(client.is_ok(), "{client:?}");
    assert!(server.is_ok(), "{server:?}");
}

/// A context of TLS 1.2 for either side.
fn only_1_2(mut builder: SslContextBuilder) -> SslContext {
    builder.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    builder.build()
}

#[test]
fn a_close_notify_in_a_renegotiation_is_a_clean_end() {
    let (client, server) = shake_as(client_ssl(&only_1_2(client_builder())), &only_1_2(server_builder()));
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    // SAFETY: the object is live, and nobody else uses it: a HelloRequest goes out.
    unsafe {
        assert_eq!(openssl_sys_ext::SSL_renegotiate(server.ssl().as_ptr()), 1);
        assert_eq!(sys::SSL_do_handshake(server.ssl().as_ptr()), 1);
    }
    server.shutdown().unwrap();

    for _ in 0..3 {
        assert_eq!(client.read(&mut [0; 10]).unwrap(), 0);
    }
    assert!(!client.ssl().is_poisoned());
}

/// Multi-block writes have a buffer of another length than the default.
/// Nothing was to be sent, where the handshake comes first.
#[test]
fn a_write_that_waits_for_a_renegotiation_finds_a_clean_end() {
    let (client, server) = shake_as(named(&client_context(), "localhost"), &only_1_2(server_builder()));
    let (client, mut server) = (client.unwrap(), server.unwrap());
    let mut client = client.into_ssl().unwrap();
    // SAFETY: the object is live, and nobody else uses it.
    assert_eq!(unsafe { openssl_sys_ext::SSL_renegotiate(client.as_ptr()) }, 1);
    assert_eq!(client.write(b"hello").unwrap_err().want(), Some(Want::Read));
    server.shutdown().unwrap();
    assert!(client.write(b"hello").unwrap_err().is_zero_return());
    assert!(client.read(&mut [0]).unwrap_err().is_zero_return());
}

#[test]
fn buffers_in_which_something_waits_are_kept() {
    let acts: [fn(&mut Ssl); 2] =
        [|ssl| ssl.alloc_buffers().unwrap(), |ssl| drop(ssl.free_buffers().unwrap_err())];
    for act in acts {
        let mut client = client_builder();
        client.set_cipher_list("ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0").unwrap();
        client.set_options(libssl::context::SslOptions::NO_ENCRYPT_THEN_MAC);
        let (client, server) = shake_as(client_ssl(&only_1_2(client)), &only_1_2(server_builder()));
        let (mut ssl, mut peer) =
            (client.unwrap().into_parts().unwrap().ssl, server.unwrap().into_parts().unwrap().ssl);
        let (ours, theirs) = unix_pair();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        ssl.set_stream(ours).unwrap();
        peer.set_stream(theirs).unwrap();
        let data = vec![7; 1 << 20];
        let mut sent = 0;
        while let Ok(more) = ssl.write(&data) {
            sent += more;
        }

        act(&mut ssl);

        let (mut received, mut buf, mut last) = (0, vec![0; 20_000], false);
        loop {
            if !last {
                match ssl.write(&data) {
                    Ok(more) => (sent, last) = (sent + more, true),
                    Err(error) => assert!(error.want().is_some(), "{error}"),
                }
            }
            match peer.read(&mut buf) {
                Ok(more) => received += more,
                Err(error) if error.want().is_some() && last => break,
                Err(error) => assert!(error.want().is_some(), "{error}"),
            }
        }
        assert_eq!(received, sent);
    }
}

/// C may make a client of an object that Rust had made a server.
#[test]
fn an_object_that_c_made_a_client_is_guarded_as_one() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_accept_state();
    // SAFETY: the object is live, and nobody else uses it.
    unsafe { sys::SSL_set_connect_state(ssl.as_ptr()) };
    let (left, _right) = duplex();
    ssl.set_stream(left).unwrap();

    let error = ssl.write(b"secret").unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady));
    assert_eq!(
        SslRef::do_handshake(&mut ssl).unwrap_err().error().map(libssl::Error::kind),
        Some(ErrorKind::NoServerName)
    );
}

/// libssl holds what a suspended write was given: other data would go out as that.
#[test]
fn an_object_with_a_suspended_write_is_not_taken_over_without_it() {
    let (client, server) = unix_pair();
    client.set_nonblocking(true).unwrap();
    let peer = thread::spawn(move || Ssl::new(&server_context()).unwrap().accept(server));
    let mut ssl = client_ssl(&client_context());
    ssl.set_stream(client).unwrap();
    finish(&mut ssl).unwrap();
    let data = [b'a'; 10_000];
    while ssl.write(&data).is_ok() {}
    // Which hides the write from SSL_want.
    assert_eq!(ssl.read(&mut [0]).unwrap_err().want(), Some(Want::Read));

    let failure = Connected::adopt(ssl).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::NotReady);
    let (_, ssl, _) = failure.into_parts();
    let error = ssl.do_handshake(Existing).unwrap_err();
    assert_eq!(libssl::Error::from(error).kind(), ErrorKind::NotReady);
    // Its end was open until here.
    peer.join().unwrap().unwrap();
}

// Where OpenSSL was built with PSK.
#[cfg(not(absent = "SSL_CTX_use_psk_identity_hint"))]
mod shared_keys {
    use std::ffi::{c_char, c_uchar, c_uint};
    use std::ptr;

    use super::*;

    extern "C" fn client_key(
        _: *mut sys::SSL,
        _: *const c_char,
        identity: *mut c_char,
        identity_len: c_uint,
        key: *mut c_uchar,
        key_len: c_uint,
    ) -> c_uint {
        assert!(identity_len > 3 && key_len >= 16);
        // SAFETY: C's room is as long as it says.
        unsafe {
            ptr::copy_nonoverlapping(c"who".as_ptr(), identity, 4);
            ptr::write_bytes(key, 7, 16);
        }
        16
    }

    extern "C" fn server_key(
        _: *mut sys::SSL,
        _: *const c_char,
        key: *mut c_uchar,
        key_len: c_uint,
    ) -> c_uint {
        assert!(key_len >= 16);
        // SAFETY: C's room is as long as it says.
        unsafe { ptr::write_bytes(key, 7, 16) };
        16
    }

    /// There is no certificate in it that could be asked again.
    #[test]
    fn a_connection_with_a_key_of_both_sides_goes_to_c_and_back() {
        let (mut client, mut server) = (client_builder(), server_builder());
        for context in [&mut client, &mut server] {
            context.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
            context.set_cipher_list("PSK-AES128-GCM-SHA256").unwrap();
        }
        // SAFETY: the contexts are live, and nobody else has them; the functions are static.
        unsafe {
            sys::SSL_CTX_set_psk_client_callback(client.as_ptr(), Some(client_key));
            sys::SSL_CTX_set_psk_server_callback(server.as_ptr(), Some(server_key));
        }
        let (connected, _server) = shake_as(named(&client.build(), "localhost"), &server.build());
        let mut ssl = connected.unwrap().into_parts().unwrap().ssl;
        assert!(ssl.peer_certificate().is_none());
        let (left, _right) = duplex();
        ssl.set_stream(left).unwrap();

        // SAFETY: the reference that `into_ptr` gave.
        let ssl = unsafe { Ssl::from_ptr(ssl.into_ptr()) };
        Connected::adopt(ssl).unwrap();
    }
}

/// The names that C sets in the middle are seen before the handshake goes on, also where they are put back later.
#[test]
fn a_name_that_c_changes_in_the_middle_of_a_handshake_is_refused_at_the_next_call() {
    let expect = |ssl: *mut sys::SSL, name: &std::ffi::CStr| {
        // SAFETY: the object is live, and nobody else uses it now.
        let set = unsafe { sys::X509_VERIFY_PARAM_set1_host(sys::SSL_get0_param(ssl), name.as_ptr(), 0) };
        assert_eq!(set, 1);
    };
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        for lent in [false, true] {
            let mut client = client_builder();
            client.set_max_proto_version(Some(version)).unwrap();
            let server = SslContext::server(&identity(&pki().other_name)).unwrap().build();
            let (left, right) = duplex();
            let (mut ssl, mut peer) = (client_ssl(&client.build()), Ssl::new(&server).unwrap());
            ssl.set_stream(left).unwrap();
            peer.set_stream(right).unwrap();
            let pointer = ssl.as_ptr();
            let connect = |ssl: &mut Ssl| match lent {
                // SAFETY: the object is live, and nobody else uses it for the call.
                true => unsafe { SslRef::from_ptr_mut(pointer) }.connect(),
                false => SslRef::connect(ssl),
            };
            assert_eq!(connect(&mut ssl).unwrap_err().want(), Some(Want::Read));
            let _ = SslRef::accept(&mut peer);
            expect(pointer, c"other.example");
            assert_eq!(connect(&mut ssl).unwrap_err().error().unwrap().kind(), ErrorKind::NotReady);
            expect(pointer, c"localhost");
            assert_eq!(connect(&mut ssl).unwrap_err().error().unwrap().kind(), ErrorKind::Poisoned);
            assert!(ssl.write(b"secret").is_err());
        }
    }
}
