//! A peer that a client renegotiates with is verified as the first one was.

use libssl::context::{CertificateDecision, ProtocolVersion, SslMethod, SslOptions, SslVerifyMode};
use libssl::{ErrorKind, SslContext, SslError, SslRef, VerifyError};
use openssl_sys as sys;

use crate::common::{client_builder, identity, pki, server_builder};
use crate::mirror::Two;

const TLS1_2: Option<ProtocolVersion> = Some(ProtocolVersion::TLS1_2);

/// The server demands a full handshake, though the client offers its session.
const FULL: SslOptions = SslOptions::NO_SESSION_RESUMPTION_ON_RENEGOTIATION;

/// A client that takes every cipher suite, those without a certificate too, and a server of `localhost`.
fn two() -> Two {
    let (mut client, mut server) = (client_builder(), server_builder());
    for builder in [&mut client, &mut server] {
        builder.set_max_proto_version(TLS1_2).unwrap();
        builder.set_cipher_list("ALL:aNULL:@SECLEVEL=0").unwrap();
    }
    server.set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0").unwrap();
    server.set_options(FULL);
    let mut two = Two::new(&client.build(), &server.build());
    two.shake();
    two.server.renegotiate().unwrap();
    two
}

/// Lets both sides go on until one fails or `messages` arrived at the client; what failed is the client's. What the server
/// got is there too.
fn go_on(two: &mut Two) -> (Option<SslError>, Vec<u8>) {
    let (mut received, mut buf) = (Vec::new(), [0; 100]);
    SslRef::do_handshake(&mut two.server).unwrap();
    for _ in 0..20 {
        match two.client.read(&mut buf) {
            Ok(len) => panic!("{:?} of a server that is not the one", &buf[..len]),
            Err(error) if error.want().is_some() => {}
            Err(error) => return (Some(error), received),
        }
        match two.server.read(&mut buf) {
            Ok(len) => received.extend_from_slice(&buf[..len]),
            Err(error) => assert!(error.want().is_some(), "{error}"),
        }
    }
    (None, received)
}

/// Lets the server be somebody else from now on.
fn become_other_example(two: &mut Two) {
    let other = identity(&pki().other_name);
    two.server
        .set_cert_cb(move |view| {
            view.use_identity(&other).unwrap();
            CertificateDecision::Accept
        })
        .unwrap();
}

#[test]
fn the_same_server_is_taken_again() {
    let mut two = two();

    let (failure, _) = go_on(&mut two);

    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(two.client.total_renegotiations(), 1);
    assert!(two.client.is_init_finished());
    two.client.write(b"to the same").unwrap();
    let mut buf = [0; 100];
    assert_eq!(two.server.read(&mut buf).unwrap(), 11);
}

#[test]
fn another_server_is_refused_though_its_certificate_is_good() {
    let mut two = two();
    become_other_example(&mut two);

    let (failure, _) = go_on(&mut two);

    let error = failure.unwrap();
    let kind = error.error().map(libssl::Error::kind);
    assert_eq!(kind, Some(ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH)), "{error:?}");
}

#[test]
fn another_server_is_refused_when_its_name_is_set_in_between() {
    for again in [false, true] {
        let mut two = two();
        become_other_example(&mut two);
        two.client.set_verify_host("other.example").unwrap();
        if again {
            two.client.add_verify_host("localhost").unwrap();
        }

        let (failure, _) = go_on(&mut two);

        // C has it back in its idle state by now: the peer was verified, but not as the first one was.
        let failure = failure.or_else(|| two.client.write(b"secret").err());
        let error = failure.unwrap();
        assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady), "{error:?}");
        assert!(two.client.is_poisoned());
        assert!(two.server.read(&mut [0; 100]).is_err(), "nothing arrives");
    }
}

#[test]
fn a_server_is_refused_when_it_is_no_longer_verified() {
    let mut two = two();
    become_other_example(&mut two);
    two.client.danger_set_verify_none();

    let (failure, _) = go_on(&mut two);

    let error = failure.or_else(|| two.client.write(b"secret").err()).unwrap();
    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady), "{error:?}");
    assert!(two.server.read(&mut [0; 100]).is_err(), "nothing arrives");
}

/// A server whose certificate was verified goes on without any.
fn become_nobody(two: &mut Two) {
    two.server.set_cipher_list("aNULL:@SECLEVEL=0").unwrap();
    two.server.set_dh_auto(true).unwrap();
}

#[test]
fn a_server_that_becomes_nobody_is_not_read() {
    let mut two = two();
    become_nobody(&mut two);
    SslRef::do_handshake(&mut two.server).unwrap();
    let mut failure = None;
    for _ in 0..20 {
        let _ = two.server.read(&mut [0; 100]);
        if two.server.is_init_finished() && two.client.total_renegotiations() == 1 {
            // A message that C would give the reader in the same call.
            let _ = two.server.write(b"from nobody");
        }
        match two.client.read(&mut [0; 100]) {
            Err(error) if error.want().is_some() => {}
            outcome => {
                failure = Some(outcome);
                break;
            }
        }
    }

    let error = failure.unwrap().unwrap_err();

    let kind = error.error().map(libssl::Error::kind);
    assert_eq!(kind, Some(ErrorKind::Verification(VerifyError::UNSPECIFIED)), "{error:?}");
    assert!(two.client.is_poisoned());
}

/// A write whose call ends the renegotiation sends nothing.
#[test]
fn a_server_that_becomes_nobody_is_not_written_to() {
    let mut two = two();
    become_nobody(&mut two);
    SslRef::do_handshake(&mut two.server).unwrap();
    // Our part of the handshake goes out with this, and the rest of it with the write.
    let error = two.client.read(&mut [0; 100]).unwrap_err();
    assert!(error.want().is_some(), "{error}");
    let (mut failure, mut received) = (None, Vec::new());
    let mut buf = [0; 100];
    for _ in 0..20 {
        if let Ok(len) = two.server.read(&mut buf) {
            received.extend_from_slice(&buf[..len]);
        }
        match two.client.write(b"secret") {
            Err(error) if error.want().is_some() => {}
            outcome => {
                failure = Some(outcome);
                break;
            }
        }
    }
    if let Ok(len) = two.server.read(&mut buf) {
        received.extend_from_slice(&buf[..len]);
    }

    let error = failure.unwrap().unwrap_err();

    let kind = error.error().map(libssl::Error::kind);
    assert_eq!(kind, Some(ErrorKind::Verification(VerifyError::UNSPECIFIED)), "{error:?}");
    assert_eq!(received, b"", "nothing arrives");
}

/// A client that began without verifying may ask for it later: then what C found is looked at.
#[test]
fn verifying_may_begin_with_a_renegotiation() {
    for good in [true, false] {
        let (mut client, mut server) = (client_builder(), server_builder());
        for builder in [&mut client, &mut server] {
            builder.set_max_proto_version(TLS1_2).unwrap();
        }
        server.set_options(FULL);
        let mut two = Two::new(&client.build(), &server.build());
        two.client.danger_set_verify_none();
        two.shake();
        two.client.set_verify(SslVerifyMode::PEER).unwrap();
        if !good {
            become_other_example(&mut two);
        }
        two.server.renegotiate().unwrap();

        let (failure, _) = go_on(&mut two);

        let failure = failure.or_else(|| two.client.write(b"x").err());
        assert_eq!(failure.is_none(), good, "{failure:?}");
    }
}

/// Without the crate's demands it is C's business.
#[test]
fn a_context_that_demands_nothing_has_nothing_to_keep() {
    let mut client = SslContext::builder(SslMethod::tls_client()).unwrap();
    client.set_max_proto_version(TLS1_2).unwrap();
    let mut server = server_builder();
    server.set_max_proto_version(TLS1_2).unwrap();
    server.set_options(FULL);
    let mut two = Two::new(&client.build(), &server.build());
    two.shake();
    become_other_example(&mut two);
    two.server.renegotiate().unwrap();
    let (failure, _) = go_on(&mut two);
    assert!(failure.is_none(), "{failure:?}");
    // SAFETY: the object is live, and the call only reads it.
    assert_eq!(unsafe { sys::SSL_get_verify_mode(two.client.as_ptr()) }, 0);
    two.client.write(b"x").unwrap();
}
