//! The layer that mirrors C.

use libssl::context::ServerNameDecision;
use libssl::session::SslSession;
use libssl::ssl::{EarlyDataStatus, EarlyRead};
use libssl::{ErrorKind, Handshake, Ssl, SslContext, SslMethod, SslRef, Want};

use super::scene::{Scene, resume};
use crate::common::{client_ssl, duplex};
use crate::mirror::Two;

const DATA: &[u8] = b"early";

/// A client that has sent early data, and a server that has not looked.
fn sent(scene: &Scene) -> Two {
    let (left, right) = duplex();
    let mut two = Two::over(scene.client(), left, scene.server(), right);
    assert_eq!(two.client.write_early_data(DATA).unwrap(), DATA.len());
    two
}

#[test]
fn data_is_read_to_its_end_and_then_the_handshake_is_finished() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    assert_eq!(two.client.max_early_data(), 16_384);
    assert_eq!(two.server.early_data_status(), EarlyDataStatus::NotSent);
    let mut buf = [0; 3];
    assert_eq!(two.server.read_early_data(&mut []).unwrap(), EarlyRead::Data(0));
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(3));
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(2));
    assert_eq!(two.server.early_data_status(), EarlyDataStatus::Accepted);
    assert_eq!(two.server.read_early_data(&mut buf).unwrap_err().want(), Some(Want::Read));
    assert_eq!(two.server.write_early_data(b"answer").unwrap(), 6);
    two.connect().unwrap();
    assert_eq!(two.client.early_data_status(), EarlyDataStatus::Accepted);
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Finish);
    two.accept().unwrap();
    let mut answer = [0; 10];
    assert_eq!(two.client.read(&mut answer).unwrap(), 6);
    assert_eq!(two.client.write(b"later").unwrap(), 5);
    assert_eq!(two.server.read(&mut answer).unwrap(), 5);
}

#[test]
fn early_data_that_c_began_to_read_is_not_taken_for_confirmed_data() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    let (mut buf, mut read) = ([0_u8; 100], 0);
    // SAFETY: the object is live and nobody else's; the buffer has one byte at least.
    let ret = unsafe {
        openssl_sys::SSL_read_early_data(two.server.as_ptr(), buf.as_mut_ptr().cast(), 1, &raw mut read)
    };
    assert_eq!((ret, read), (1, 1));
    for error in [two.server.read(&mut buf).unwrap_err(), two.server.write(b"x").unwrap_err()] {
        assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    }
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(4));
    two.connect().unwrap();
    // SAFETY: as above.
    let ret = unsafe {
        openssl_sys::SSL_read_early_data(two.server.as_ptr(), buf.as_mut_ptr().cast(), 1, &raw mut read)
    };
    assert_eq!(ret, 2);
    assert_eq!(two.client.write(b"later").unwrap(), 5);
    // It is at its end.
    assert_eq!(two.server.read(&mut buf).unwrap(), 5);
    assert!(buf.starts_with(b"later"));
}

#[test]
fn an_ordinary_read_does_not_take_early_data_for_confirmed_data() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    let mut buf = [0; 100];
    assert_eq!(two.server.read_early_data(&mut buf[..1]).unwrap(), EarlyRead::Data(1));
    for error in [
        two.server.read(&mut buf).unwrap_err(),
        two.server.peek(&mut buf).unwrap_err(),
        two.server.write(b"x").unwrap_err(),
    ] {
        assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    }
    assert!(!two.server.is_poisoned());
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(4));
    two.connect().unwrap();
    // A handshake that is finished without a last look at the early data lets ordinary reads through.
    two.accept().unwrap();
    two.client.write(b"later").unwrap();
    assert_eq!(two.server.read(&mut buf).unwrap(), 5);
}

#[test]
fn a_handshake_does_not_step_over_early_data_that_is_not_read() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    assert_eq!(two.server.read_early_data(&mut [0; 1]).unwrap(), EarlyRead::Data(1));
    two.connect().unwrap();
    let error = two.accept().unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Protocol, "{error:?}");
    assert!(two.server.is_poisoned());
    assert!(two.server.read(&mut [0; 10]).is_err());
}

#[test]
fn a_handshake_that_c_began_with_early_data_is_taken_over() {
    let scene = Scene::new();
    let mut client = scene.client();
    let (left, right) = duplex();
    client.set_stream(left).unwrap();
    client.write_early_data(DATA).unwrap();
    let mut server = scene.server().accept_early(right).unwrap();
    let mut buf = [0; 10];
    assert_eq!(server.read_early(&mut buf).unwrap().unwrap().danger_accept_replay(), DATA);
    let client = Handshake::adopt(client).unwrap().resume().unwrap();
    assert_eq!(client.ssl().early_data_status(), EarlyDataStatus::Accepted);
    let (_server, unread) = server.finish().unwrap();
    assert!(unread.is_empty());
}

#[test]
fn an_object_that_is_cleared_forgets_that_it_read_early_data() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    assert_eq!(two.server.read_early_data(&mut [0; 1]).unwrap(), EarlyRead::Data(1));
    two.server.clear().unwrap();
    two.server.set_accept_state();
    let error = two.server.read(&mut [0; 10]).unwrap_err();
    assert_ne!(error.error().map(|error| error.kind()), Some(ErrorKind::NotReady), "{error:?}");
}

#[test]
fn a_call_that_comes_at_the_wrong_time_leaves_the_connection_as_it_was() {
    let scene = Scene::new();
    let (left, right) = duplex();
    // Without a session that allows it.
    let mut two = Two::over(client_ssl(&scene.client), left, scene.server(), right);
    let error = two.client.write_early_data(DATA).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    // A client reads none, and a server writes none before it has read.
    let error = two.client.read_early_data(&mut [0; 10]).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::WrongRole, "{error:?}");
    let error = two.server.write_early_data(DATA).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    two.shake();
    // The connection is there already.
    let error = two.client.write_early_data(DATA).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    let error = two.server.read_early_data(&mut [0; 10]).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    assert!(!two.client.is_poisoned() && !two.server.is_poisoned());
    two.client.write(DATA).unwrap();
    assert_eq!(two.server.read(&mut [0; 10]).unwrap(), DATA.len());
}

#[test]
fn a_client_that_demands_a_name_neither_reads_nor_writes_before_its_handshake_is_done() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    let error = two.client.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    let error = two.client.write(b"later").unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    assert_eq!(two.client.write_early_data(b"more").unwrap(), 4);
}

#[test]
fn a_name_that_changes_after_early_data_went_out_ends_the_handshake() {
    let scene = Scene::new();
    let mut two = sent(&scene);
    two.client.verify_param_mut().set_host("elsewhere.test").unwrap();
    assert_eq!(two.server.read_early_data(&mut [0; 10]).unwrap(), EarlyRead::Data(5));
    let error = two.connect().unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    assert!(two.client.is_poisoned());
}

#[test]
fn a_write_that_c_finishes_the_handshake_for_is_ordinary_where_no_name_is_demanded() {
    let scene = Scene::new();
    let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let session = super::scene::session_of(&context, &scene.server);
    let mut client = Ssl::new(&context).unwrap();
    client.set_server_name("localhost").unwrap();
    resume(&mut client, &session);
    let (left, right) = duplex();
    let mut two = Two::over(client, left, scene.server(), right);
    two.client.write_early_data(DATA).unwrap();
    let mut buf = [0; 10];
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(5));
    assert_eq!(two.client.read(&mut buf).unwrap_err().want(), Some(Want::Read));
    assert_eq!(two.client.write_early_data(b"more").unwrap(), 4);
    assert_eq!(two.client.write(b"later").unwrap(), 5);
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Data(4));
    assert_eq!(two.server.read_early_data(&mut buf).unwrap(), EarlyRead::Finish);
    assert_eq!(two.server.read(&mut buf).unwrap(), 5);
    assert_eq!(&buf[..5], b"later");
}

#[test]
fn limits_are_what_was_set() {
    let scene = Scene::with(|server| {
        assert_eq!(server.recv_max_early_data(), 16_384);
        server.set_max_early_data(1000).unwrap();
        server.set_recv_max_early_data(2000).unwrap();
        assert_eq!((server.max_early_data(), server.recv_max_early_data()), (1000, 2000));
    });
    assert_eq!((scene.server.max_early_data(), scene.server.recv_max_early_data()), (1000, 2000));
    assert_eq!(scene.client.max_early_data(), 0);
    let mut ssl = scene.server();
    assert_eq!((ssl.max_early_data(), ssl.recv_max_early_data()), (1000, 2000));
    ssl.set_max_early_data(3000).unwrap();
    ssl.set_recv_max_early_data(u32::MAX).unwrap();
    assert_eq!((ssl.max_early_data(), ssl.recv_max_early_data()), (3000, u32::MAX));
    assert_eq!(scene.server.max_early_data(), 1000);
    // What the server allows is in its sessions.
    let session: SslSession = scene.session();
    assert_eq!(session.max_early_data(), 1000);
    let mut other = session.to_builder().unwrap();
    other.set_max_early_data(7);
    let other = other.build();
    assert_eq!((session.max_early_data(), other.max_early_data()), (1000, 7));
}

#[test]
fn more_than_the_session_allows_kills_a_client() {
    let scene = Scene::with(|server| server.set_max_early_data(8).unwrap());
    let (left, right) = duplex();
    let mut two = Two::over(scene.client(), left, scene.server(), right);
    assert_eq!(two.client.write_early_data(b"12345678").unwrap(), 8);
    let error = two.client.write_early_data(b"9").unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Protocol, "{error:?}");
    assert!(two.client.is_poisoned());
}

#[test]
fn another_server_name_than_the_sessions_is_refused() {
    let scene = Scene::with(|server| {
        server.set_tlsext_servername_callback(|_| ServerNameDecision::Ack).unwrap();
    });
    let session = scene.session();
    let mut client = Ssl::new(&scene.client).unwrap();
    client.set_server_name("elsewhere.test").unwrap();
    client.danger_set_session(&session).unwrap();
    let (left, right) = duplex();
    let mut two = Two::over(client, left, scene.server(), right);
    let error = two.client.write_early_data(DATA).unwrap_err();
    assert!(error.error().is_some(), "{error:?}");
    assert!(two.client.is_poisoned());
    let told = SslRef::accept(&mut two.server).unwrap_err();
    assert_eq!(told.want(), None, "{told:?}");
}

#[test]
fn a_session_of_another_name_sends_no_early_data() {
    let scene = Scene::new();
    let session = scene.session();
    let mut client = Ssl::new(&scene.client).unwrap();
    client.set_server_name("elsewhere.test").unwrap();
    resume(&mut client, &session);
    let (left, right) = duplex();
    let mut two = Two::over(client, left, scene.server(), right);
    let error = two.client.write_early_data(DATA).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    assert!(two.client.in_before());
}

/// Whom a session of C's stands for is known after the handshake, which is too late for early data.
#[test]
fn a_session_that_c_sets_sends_no_early_data_where_a_name_is_demanded() {
    let scene = Scene::new();
    let session = SslSession::from_der(&scene.session().to_der().unwrap()).unwrap();
    let client = client_ssl(&scene.client);
    // SAFETY: both are live, and nobody else uses them; the object takes a reference of its own.
    assert_eq!(unsafe { openssl_sys::SSL_set_session(client.as_ptr(), session.as_ptr()) }, 1);
    let (left, right) = duplex();
    let mut two = Two::over(client, left, scene.server(), right);
    let error = two.client.write_early_data(DATA).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NotReady, "{error:?}");
    assert!(two.client.in_before());
}

#[test]
fn an_object_may_allow_replays_for_itself() {
    let scene = Scene::new();
    let mut server = scene.server();
    assert!(!server.options().contains(libssl::context::SslOptions::NO_ANTI_REPLAY));
    server.danger_allow_early_data_replays();
    assert!(server.options().contains(libssl::context::SslOptions::NO_ANTI_REPLAY));
}
