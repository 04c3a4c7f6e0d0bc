//! For whom a session stands: for nobody but the peer that was verified, whoever else had a part in its handshake.

use std::ffi::CStr;

use libssl::context::{SecurityOperation, SslMethod, SslOptions, SslVerifyMode, TrustAnchors};
use libssl::session::SslSession;
use libssl::{ErrorKind, ProtocolVersion, Ssl, SslContext, SslRef, VerifyError, Want};
use openssl_sys as sys;

use crate::common::*;
use crate::world::*;

const MISMATCH: ErrorKind = ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH);

/// A client with a rule of its own, which forbids what every server signs with.
fn strict(context: &SslContext) -> Ssl {
    let mut ssl = client_ssl(context);
    ssl.set_security_callback(|question| question.operation() != SecurityOperation::SIGALG_CHECK).unwrap();
    ssl
}

#[test]
fn a_security_rule_is_one_of_the_terms() {
    for version in VERSIONS {
        let (client, server) = (client_of(version), server_of(version));
        assert!(!Met::by(&client, &server).reused());
        assert!(Met::by(&client, &server).reused(), "{version:?}");
        let (left, right) = duplex();
        let (refused, _) = shake_over(strict(&client), left, Ssl::new(&server).unwrap(), right);
        assert!(refused.is_err(), "{version:?}");
    }
}

#[test]
fn a_server_with_a_rule_of_its_own_resumes_nobody_that_others_let_in() {
    for version in VERSIONS {
        let mut server = server_builder();
        server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
        server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
        let server = only(server, version).build();
        let mut client = resuming_client_builder();
        client.use_identity(&identity(&pki().client)).unwrap();
        let client = only(client, version).build();
        assert!(!Met::by(&client, &server).reused());
        let (left, right) = duplex();
        let (_, refused) = shake_over(client_ssl(&client), left, strict(&server), right);
        assert!(refused.is_err(), "{version:?}");
    }
}

/// A client that Rust began as `localhost`, and that C made a connection to other.example of.
fn begun_here_and_ended_by_c(context: &SslContext, other: &SslContext) -> *mut sys::SSL {
    let expect = |ssl, name: &CStr| {
        // SAFETY: the object is live and lends its parameters; the name is a C string.
        let set = unsafe { sys::X509_VERIFY_PARAM_set1_host(sys::SSL_get0_param(ssl), name.as_ptr(), 0) };
        assert_eq!(set, 1);
    };
    // SAFETY: the context is live.
    let theirs = unsafe { sys::SSL_new(context.as_ptr()) };
    // SAFETY: live, and nobody else uses it for the borrow; so below.
    let lend = || unsafe { SslRef::from_ptr_mut(theirs) };
    lend().set_server_name("localhost").unwrap();
    let (left, right) = duplex();
    lend().set_stream(left).unwrap();
    let mut server = Ssl::new(other).unwrap();
    server.set_stream(right).unwrap();
    assert_eq!(lend().connect().unwrap_err().want(), Some(Want::Read));
    expect(theirs, c"other.example");
    for _ in 0..10 {
        let _ = SslRef::accept(&mut server);
        // SAFETY: live, with its BIOs.
        unsafe { sys::SSL_connect(theirs) };
    }
    expect(theirs, c"localhost");
    server.write(b"secret").unwrap();
    // SAFETY: live; C writes six bytes at most. It ends well, so that its session may be resumed.
    unsafe {
        assert_eq!(sys::SSL_read(theirs, [0_u8; 6].as_mut_ptr().cast(), 6), 6);
        sys::SSL_shutdown(theirs);
    }
    theirs
}

#[test]
fn a_handshake_that_c_ended_leaves_no_session_for_the_name_that_rust_began_with() {
    for (version, cached) in VERSIONS.into_iter().flat_map(|version| [(version, false), (version, true)]) {
        let context = if cached { client_of(version) } else { client_without_cache(version) };
        let mut other = SslContext::server(&identity(&pki().other_name)).unwrap();
        other.set_max_proto_version(Some(version)).unwrap();
        let other = other.build();
        let theirs = begun_here_and_ended_by_c(&context, &other);
        // SAFETY: live.
        let session = unsafe { SslRef::from_ptr(theirs) }.session().unwrap().unwrap();
        let mut ssl = client_ssl(&context);
        if !cached {
            assert_eq!(ssl.set_session(&session).unwrap_err().kind(), ErrorKind::InvalidInput, "{version:?}");
        }
        let (left, right) = duplex();
        let (refused, _) = shake_over(ssl, left, Ssl::new(&other).unwrap(), right);
        assert_eq!(refused.unwrap_err().kind(), MISMATCH, "{version:?}, cached: {cached}");
        // SAFETY: the test's reference.
        unsafe { sys::SSL_free(theirs) };
    }
}

#[test]
fn the_session_of_an_abbreviated_renegotiation_stands_for_no_other_name() {
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    context.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
    context.set_verify(SslVerifyMode::PEER).unwrap();
    context.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let context = context.build();
    let mut server = only(server_builder(), ProtocolVersion::TLS1_2);
    server.set_options(SslOptions::ALLOW_CLIENT_RENEGOTIATION);
    let server = server.build();
    let (mut client, mut accepted) = connected(&context, &server);
    let as_another = |session: &SslSession| {
        let mut ssl = Ssl::new(&context).unwrap();
        ssl.set_server_name("not.localhost").unwrap();
        ssl.set_session(session).unwrap();
        let (left, right) = duplex();
        let (refused, _) = shake_over(ssl, left, Ssl::new(&server).unwrap(), right);
        refused.unwrap_err().kind()
    };
    assert_eq!(as_another(&client.ssl().session().unwrap().unwrap()), MISMATCH);
    client.renegotiate_abbreviated().unwrap();
    for _ in 0..10 {
        if client.do_handshake().is_ok() {
            break;
        }
        let _ = std::io::Read::read(&mut accepted, &mut [0; 10]);
    }
    assert!(client.ssl().total_renegotiations() > 0 && client.ssl().session_reused());
    assert_eq!(as_another(&client.ssl().session().unwrap().unwrap()), MISMATCH);
    // Nor does that of an object which was cleared.
    let (client, _accepted) = connected(&context, &server);
    let mut ssl = client.into_ssl().unwrap();
    ssl.set_shutdown_state(libssl::ssl::ShutdownState::SENT | libssl::ssl::ShutdownState::RECEIVED);
    ssl.clear().unwrap();
    assert_eq!(as_another(&ssl.session().unwrap().unwrap()), MISMATCH);
}
