//! The callbacks that one object has of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, Weak};

use common::{client_builder, client_context, client_ssl, server_context};
use libssl::context::{InfoEvent, ProtocolVersion};
use libssl::{Alert, ErrorKind, Ssl};
use mirror::{Two, supported, waits};

/// What callbacks collect.
type Log<T> = Arc<Mutex<Vec<T>>>;

fn log<T>() -> (Log<T>, Log<T>) {
    let log = Log::<T>::new(Mutex::new(Vec::new()));
    (Arc::clone(&log), log)
}

fn two() -> Two {
    Two::new(&client_context(), &server_context())
}

#[test]
fn an_object_tells_its_own_steps() {
    let (events, seen) = log();
    let mut two = two();
    assert!(!two.client.has_info_callback());
    two.client
        .set_info_callback(move |ssl, event| events.lock().unwrap().push((event, ssl.state_string_long())))
        .unwrap();
    assert!(two.client.has_info_callback());

    two.shake();

    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert!(seen.first().unwrap().0.is(InfoEvent::HANDSHAKE_START));
    assert!(seen.iter().any(|(event, _)| event.is(InfoEvent::HANDSHAKE_DONE)));
    assert!(seen.iter().any(|(event, state)| event.is(InfoEvent::LOOP) && state.contains("client hello")));
}

#[test]
fn an_object_tells_alerts() {
    let (events, seen) = log();
    let mut two = two();
    two.client.set_server_name("other.example").unwrap();
    two.client.set_info_callback(move |_, event| events.lock().unwrap().push(event)).unwrap();

    assert!(two.try_shake().is_err());

    let seen = seen.lock().unwrap();
    let alert = seen.iter().find(|event| event.alert().is_some()).unwrap();
    assert!(alert.is_fatal_alert() && alert.is(InfoEvent::WRITE));
    assert_eq!(alert.alert(), Some(Alert::BAD_CERTIFICATE));
}

#[test]
fn the_object_s_callback_takes_the_place_of_the_context_s() {
    let (context_events, context_seen) = log();
    let mut context = client_builder();
    context.set_info_callback(move |_, event| context_events.lock().unwrap().push(event)).unwrap();
    let context = context.build();
    let (events, seen) = log();

    let mut two = Two::new(&context, &server_context());
    two.client.set_info_callback(move |_, event| events.lock().unwrap().push(event)).unwrap();
    two.shake();
    assert!(!seen.lock().unwrap().is_empty() && context_seen.lock().unwrap().is_empty());

    let mut two = Two::new(&context, &server_context());
    two.client.set_info_callback(|_, _| panic!("it was taken away")).unwrap();
    two.client.clear_info_callback().unwrap();
    assert!(!two.client.has_info_callback());
    two.shake();
    assert!(!context_seen.lock().unwrap().is_empty());
}

#[test]
fn an_object_shows_its_messages() {
    let (messages, seen) = log();
    let mut two = two();
    two.client
        .set_msg_callback(move |_, message| {
            messages.lock().unwrap().push((message.written, message.content_type, message.data.to_vec()));
        })
        .unwrap();

    two.shake();

    let seen = seen.lock().unwrap();
    let hello = seen.iter().find(|(_, content_type, _)| *content_type == 22).unwrap();
    assert!(hello.0 && hello.2.first() == Some(&1), "the first message is a ClientHello of ours");
    assert!(seen.iter().any(|(written, content_type, _)| !written && *content_type == 22));
    let random = two.client.client_random();
    assert!(hello.2.windows(32).any(|bytes| bytes == random));
}

#[test]
fn messages_can_be_put_in_words() {
    let (lines, seen) = log();
    let mut two = two();
    let text = move |_: &libssl::SslRef, text: &str| lines.lock().unwrap().push(text.to_owned());
    if supported(two.client.set_trace(text)).is_none() {
        return;
    }
    let (messages, also_seen) = log();
    two.client
        .set_msg_callback(move |_, message| messages.lock().unwrap().push(message.content_type))
        .unwrap();

    two.shake();

    let text = seen.lock().unwrap().concat();
    assert!(text.contains("ClientHello") && text.contains("ServerHello"), "{text}");
    assert!(!also_seen.lock().unwrap().is_empty());
}

#[test]
fn messages_are_no_longer_shown_once_the_callback_is_gone() {
    let mut context = client_builder();
    context.set_msg_callback(|_, _| panic!("it was taken away")).unwrap();
    let mut two = Two::new(&context.build(), &server_context());
    two.client.set_msg_callback(|_, _| panic!("it was taken away")).unwrap();

    two.client.clear_msg_callback().unwrap();

    two.shake();
}

#[test]
fn an_object_shows_the_extensions_of_its_peer() {
    let (extensions, seen) = log();
    let mut two = two();
    for ssl in two.each() {
        let extensions = Arc::clone(&extensions);
        ssl.set_tlsext_debug_callback(move |ssl, extension| {
            assert_eq!(extension.from_server, !ssl.is_server());
            extensions.lock().unwrap().push((extension.extension_type, extension.data.to_vec()));
        })
        .unwrap();
    }

    two.shake();

    let sni = b"\0\x0c\0\0\x09localhost".to_vec();
    assert!(seen.lock().unwrap().contains(&(0, sni)));
    assert!(seen.lock().unwrap().iter().any(|(number, _)| *number == 43), "supported_versions of the server");

    let mut two = self::two();
    two.server.set_tlsext_debug_callback(|_, _| panic!("it was taken away")).unwrap();
    two.server.clear_tlsext_debug_callback().unwrap();
    two.shake();
}

/// Each callback panics once: the panic comes out of the call that caused it, and the object is dead.
#[test]
fn a_panic_in_a_callback_comes_out_of_the_call_and_kills_the_object() {
    type Install = fn(&mut Ssl);
    let installs: [Install; 4] = [
        |ssl| ssl.set_info_callback(|_, _| panic!("mine")).unwrap(),
        |ssl| ssl.set_msg_callback(|_, _| panic!("mine")).unwrap(),
        |ssl| ssl.set_tlsext_debug_callback(|_, _| panic!("mine")).unwrap(),
        |ssl| {
            if supported(ssl.set_trace(|_, _| panic!("mine"))).is_none() {
                ssl.set_info_callback(|_, _| panic!("mine")).unwrap();
            }
        },
    ];
    for install in installs {
        let mut two = two();
        install(&mut two.client);

        let payload = panic::catch_unwind(AssertUnwindSafe(|| two.try_shake())).unwrap_err();

        assert_eq!(payload.downcast_ref::<&str>(), Some(&"mine"));
        assert!(two.client.is_poisoned());
        let error = two.connect().unwrap_err();
        assert_eq!(error.error().unwrap().kind(), ErrorKind::Poisoned);
    }
}

#[test]
fn closures_are_dropped_when_they_are_replaced_and_with_their_object() {
    let mut ssl = client_ssl(&client_context());
    let install = |ssl: &mut Ssl| -> Weak<()> {
        let token = Arc::new(());
        let weak = Arc::downgrade(&token);
        ssl.set_info_callback(move |_, _| drop(Arc::clone(&token))).unwrap();
        weak
    };

    let first = install(&mut ssl);
    let second = install(&mut ssl);
    assert!(first.upgrade().is_none() && second.upgrade().is_some());
    let third = install(&mut ssl);
    assert!(second.upgrade().is_none());
    drop(ssl);
    assert!(third.upgrade().is_none());
}

#[test]
fn a_callback_can_ask_the_object_anything() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    for ssl in two.each() {
        ssl.set_info_callback(|ssl, _| ask_everything(ssl)).unwrap();
        ssl.set_msg_callback(|ssl, _| ask_everything(ssl)).unwrap();
        ssl.set_tlsext_debug_callback(|ssl, _| ask_everything(ssl)).unwrap();
    }
    two.shake();

    let mut two = self::two();
    for ssl in two.each() {
        ssl.set_info_callback(|ssl, _| ask_everything(ssl)).unwrap();
        ssl.set_msg_callback(|ssl, _| ask_everything(ssl)).unwrap();
        ssl.set_tlsext_debug_callback(|ssl, _| ask_everything(ssl)).unwrap();
    }
    ask_everything(&two.client);
    assert!(waits(two.connect()).unwrap());
    two.shake();
    two.drain();
    assert!(two.client.shutdown().is_ok());
    ask_everything(&two.client);
}

#[test]
fn a_dead_object_can_be_asked_anything() {
    let mut two = two();
    two.client.set_server_name("other.example").unwrap();
    assert!(two.try_shake().is_err());
    let _ = two.accept();

    for ssl in two.each() {
        ask_everything(ssl);
    }
}

/// Every getter, whose answers do not matter here.
fn ask_everything(ssl: &libssl::SslRef) {
    let _ = (ssl.state(), ssl.state_string(), ssl.state_string_long(), ssl.rstate_string());
    let _ = (ssl.rstate_string_long(), ssl.in_init(), ssl.in_before(), ssl.is_init_finished());
    let _ = (ssl.in_connect_init(), ssl.in_accept_init(), ssl.is_server(), ssl.role());
    let _ = (ssl.version(), ssl.version_string(), ssl.client_version(), ssl.tls_version());
    let _ = (ssl.tls_client_version(), ssl.is_tls(), ssl.is_dtls());
    let _ = (ssl.min_proto_version(), ssl.max_proto_version());
    let _ = (ssl.current_cipher(), ssl.pending_cipher(), ssl.ciphers(), ssl.client_ciphers());
    let _ = (ssl.cipher_list(0), ssl.shared_ciphers(), ssl.raw_cipher_list(), ssl.find_cipher(0x1301));
    let _ = ssl.parse_cipher_list(&[0x13, 1], false);
    let _ = (ssl.peer_groups(), ssl.iana_groups().is_ok(), ssl.shared_group(0), ssl.shared_group_count());
    let _ = (ssl.negotiated_group(), ssl.group_name(), ssl.ec_point_formats());
    let _ = (ssl.tmp_key().is_some(), ssl.peer_tmp_key().is_some());
    let _ =
        (ssl.peer_sigalgs(), ssl.shared_sigalgs(), ssl.peer_sigalg(0).is_ok(), ssl.shared_sigalg(0).is_ok());
    let _ = (ssl.signature_name().is_ok(), ssl.peer_signature_name().is_ok());
    let _ = (ssl.signature_digest(), ssl.peer_signature_digest());
    let _ = (ssl.signature_type(), ssl.peer_signature_type());
    let _ = (ssl.client_random(), ssl.server_random(), ssl.finished(), ssl.peer_finished());
    let _ = (ssl.handshake_rtt().is_ok(), ssl.extms_support(), ssl.session_reused());
    let mut out = [0; 16];
    let _ = ssl.export_keying_material(&mut out, b"x", None).is_ok();
    let _ = ssl.export_keying_material_early(&mut out, b"x", b"").is_ok();
    let _ = (ssl.sni(), ssl.peer_name(), ssl.verifies_name());
    let _ = (ssl.peer_certificate(), ssl.peer_cert_chain(), ssl.verified_chain(), ssl.verify_result());
    let _ = (ssl.verify_mode(), ssl.verify_depth());
    let _ = (ssl.alpn_selected(), ssl.alpn_protos().is_ok(), ssl.next_proto_negotiated().is_ok());
    let _ = (ssl.shutdown_state(), ssl.pending(), ssl.has_pending(), ssl.quiet_shutdown(), ssl.read_ahead());
    let _ = (ssl.rbio(), ssl.wbio(), ssl.rfd(), ssl.wfd(), ssl.has_info_callback(), ssl.is_poisoned());
    assert!(!format!("{ssl:?}").is_empty());
}
