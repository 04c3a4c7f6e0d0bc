//! Objects cleared, copied and shared as C does it, and the settings and counters that a port meets besides.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;

use std::ffi::{c_int, c_long, c_void};
use std::fs;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{
    client_builder, client_context, client_ssl, duplex, identities, pki, server_builder, server_context,
};
use libssl::bio::{Bio, BioVerdict, SendBio};
use libssl::conf::{ConfFlags, SslConf};
use libssl::context::{
    CertificateDecision, FileFormat, ProtocolVersion, SslMethod, SslMode, SslOptions, SslVerifyMode,
    TrustAnchors,
};
use libssl::error::AlertLevel;
use libssl::library::InitOptions;
use libssl::x509::{InheritFlags, PKey};
use libssl::{Alert, ErrorKind, Role, Ssl, SslContext, SslContextBuilder, SslRef, Want};
use mirror::{Two, supported};
use openssl_sys as sys;
use openssl_sys_ext as ext;

/// A context with C's defaults that trusts the test's CA.
fn port(method: SslMethod) -> SslContextBuilder {
    let mut builder = SslContext::builder(method).unwrap();
    builder.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
    builder.set_verify(SslVerifyMode::PEER).unwrap();
    builder
}

/// Gives both objects a new transport.
fn reconnect(two: &mut Two) {
    let (left, right) = duplex();
    two.client.set_stream(left).unwrap();
    two.server.set_stream(right).unwrap();
}

/// A context that speaks TLS 1.2 and no more.
fn tls12(mut builder: SslContextBuilder) -> SslContext {
    builder.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    builder.build()
}

// Clearing.

#[test]
fn a_dead_object_lives_again_once_it_is_cleared() {
    let mut two = Two::new(&client_context(), &server_context());
    two.client.set_server_name("another.example").unwrap();
    let _ = two.try_shake().unwrap_err();
    two.client.set_server_name("localhost").unwrap();
    assert!(two.client.is_poisoned());
    let error = two.connect().unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::Poisoned);

    for ssl in two.each() {
        ssl.clear().unwrap();
        assert!(ssl.in_before() && !ssl.is_poisoned());
    }
    assert_eq!(two.client.role(), Some(Role::Client));
    reconnect(&mut two);
    two.shake();
}

#[test]
fn a_cleared_object_resumes_its_session_as_it_does_in_c() {
    let client = tls12(port(SslMethod::tls_client()));
    let server = tls12(server_builder());
    let mut two = Two::new(&client, &server);
    for round in 0..3 {
        two.shake();
        assert_eq!(two.client.session_reused(), round > 0);
        let _ = two.client.shutdown().unwrap();
        let _ = two.server.shutdown().unwrap();
        for ssl in two.each() {
            if round == 1 {
                // The oracle: this round is cleared by C.
                // SAFETY: the object is live and ours.
                assert_eq!(unsafe { ext::SSL_clear(ssl.as_ptr()) }, 1);
            } else {
                ssl.clear().unwrap();
            }
        }
        reconnect(&mut two);
    }
}

#[test]
fn a_cleared_object_keeps_no_session_where_a_name_is_demanded() {
    for shake in [Two::shake, shake_in_c] {
        let (client, server) = (tls12(client_builder()), tls12(server_builder()));
        let mut two = Two::new(&client, &server);
        shake(&mut two);
        let _ = two.client.shutdown().unwrap();
        two.each().into_iter().for_each(|ssl| ssl.clear().unwrap());
        reconnect(&mut two);
        two.client.set_server_name("another.example").unwrap();

        let (role, error) = two.try_shake().unwrap_err();

        assert_eq!(role, Role::Client);
        assert!(matches!(error.error().unwrap().kind(), ErrorKind::Verification(_)));
    }
}

/// Lets both shake hands by calls of C's own.
fn shake_in_c(two: &mut Two) {
    let (client, server) = (two.client.as_ptr(), two.server.as_ptr());
    // SAFETY: both are live, have their BIOs, and nobody else uses them.
    let done = (0..10).any(|_| unsafe { (sys::SSL_connect(client), sys::SSL_accept(server)) == (1, 1) });
    assert!(done, "both are connected");
}

#[test]
fn an_object_that_renegotiates_is_not_cleared_by_halves() {
    let mut two = Two::of(ProtocolVersion::TLS1_2);
    two.shake();
    // SAFETY: the object is live and ours.
    assert_eq!(unsafe { ext::SSL_renegotiate(two.client.as_ptr()) }, 1);

    let error = two.client.clear().unwrap_err();

    assert_eq!((error.kind(), error.call()), (ErrorKind::NotReady, "SSL_clear"));
    assert!(two.client.is_init_finished() && !two.client.is_poisoned());
    assert!(two.client.current_cipher().is_some(), "its session is there");
}

#[test]
fn a_new_object_may_be_cleared() {
    let mut ssl = client_ssl(&client_context());
    ssl.clear().unwrap();
    assert!(ssl.in_before());
}

// Copies.

/// What SSL_dup is known to copy, as far as it can be read.
fn settings(ssl: &SslRef) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        (ssl.options(), ssl.mode(), ssl.min_proto_version(), ssl.max_proto_version()),
        (ssl.verify_mode(), ssl.verify_depth(), ssl.max_cert_list(), ssl.shutdown_state()),
        (ssl.ssl_method(), ssl.is_server(), ssl.in_connect_init(), ssl.in_accept_init()),
        ssl.ciphers().to_vec().iter().map(|cipher| cipher.name()).collect::<Vec<_>>(),
        ssl.security_level(),
    )
}

#[test]
fn a_copy_has_what_cs_copy_has() {
    let mut ssl = Ssl::new(&port(SslMethod::tls()).build()).unwrap();
    ssl.set_options(SslOptions::NO_TICKET | SslOptions::CIPHER_SERVER_PREFERENCE);
    ssl.set_mode(SslMode::RELEASE_BUFFERS).unwrap();
    ssl.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    ssl.set_verify(SslVerifyMode::PEER | SslVerifyMode::CLIENT_ONCE).unwrap();
    ssl.set_verify_depth(3);
    ssl.set_max_cert_list(12_345);
    ssl.set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256").unwrap();
    ssl.raise_security_level(3);
    ssl.set_ssl_method(SslMethod::tls_server()).unwrap();
    ssl.set_accept_state();

    let copy = ssl.dup().unwrap();
    // SAFETY: the object is live; the copy is ours, and freed by its drop.
    let of_c = unsafe { Ssl::from_ptr(ext::SSL_dup(ssl.as_ptr())) };

    assert_ne!(copy.as_ptr(), ssl.as_ptr());
    assert_eq!(settings(&copy), settings(&ssl));
    assert_eq!(settings(&copy), settings(&of_c));
    assert_eq!((copy.role(), copy.rbio()), (Some(Role::Server), ptr::null_mut()));
    assert!(!copy.is_poisoned());
}

#[test]
fn a_copy_verifies_the_name_that_the_first_one_verifies() {
    // Of C's own copy the context's name would be verified.
    let mut client = port(SslMethod::tls_client());
    client.verify_param_mut().set_host("another.example").unwrap();
    let (client, server) = (client.build(), server_context());
    let try_with = |name: &str| {
        let mut first = Ssl::new(&client).unwrap();
        first.set_server_name(name).unwrap();
        let mut copy = first.dup().unwrap();
        assert_eq!(copy.verify_param().hosts(), first.verify_param().hosts());
        drop(first);
        let (left, right) = duplex();
        copy.set_connect_state();
        Two::over(copy, left, Ssl::new(&server).unwrap(), right).try_shake().is_ok()
    };
    assert!(try_with("localhost"));
    assert!(!try_with("another.example"));
    assert!(try_with("127.0.0.1"));
}

#[test]
fn a_copy_of_a_client_without_a_name_has_none_either() {
    let mut first = Ssl::new(&client_context()).unwrap();
    let mut copy = first.dup().unwrap();
    copy.set_stream(duplex().0).unwrap();
    let error = SslRef::connect(&mut copy).unwrap_err();
    assert_eq!(error.error().unwrap().kind(), ErrorKind::NoServerName);

    first.danger_accept_any_name().unwrap();
    let copy = first.dup().unwrap();
    let (left, right) = duplex();
    Two::over(copy, left, Ssl::new(&server_context()).unwrap(), right).shake();
}

#[test]
fn a_copy_has_the_callbacks_and_outlives_the_first_one() {
    let calls: Arc<[AtomicUsize; 4]> = Arc::default();
    let called = |which: usize| calls[which].load(Ordering::Relaxed);
    let count = |which: usize| {
        let calls = calls.clone();
        move || {
            calls[which].fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut first = Ssl::new(&server_context()).unwrap();
    let (info, message, certificate, passphrase) = (count(0), count(1), count(2), count(3));
    first.set_info_callback(move |_, _| info()).unwrap();
    first.set_msg_callback(move |_, _| message()).unwrap();
    first
        .set_cert_cb(move |_| {
            certificate();
            CertificateDecision::Accept
        })
        .unwrap();
    first
        .set_default_passwd_cb(move || {
            passphrase();
            Some(b"secret".to_vec())
        })
        .unwrap();
    first.set_security_callback(|_| true).unwrap();

    let mut copy = first.dup().unwrap();
    assert_eq!(copy.default_passwd_cb_userdata(), copy.as_ptr().cast());
    drop(first);

    let directory = std::env::temp_dir();
    let file = directory.join(format!("libssl-{}-copy.pem", std::process::id()));
    let key = PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();
    fs::write(&file, key.to_encrypted_pkcs8_pem("AES-128-CBC", b"secret").unwrap()).unwrap();
    let loaded = copy.use_private_key_file(&file, FileFormat::Pem);
    fs::remove_file(&file).unwrap();
    loaded.unwrap();
    assert_eq!(called(3), 1);

    let (left, right) = duplex();
    Two::over(client_ssl(&client_context()), left, copy, right).shake();
    assert!(called(0) > 2 && called(1) > 2 && called(2) == 1);
}

#[test]
fn a_copy_resumes_the_session_and_has_certificates_of_its_own() {
    let client = tls12(port(SslMethod::tls_client()));
    let server = tls12(server_builder());
    let mut two = Two::new(&client, &server);
    two.shake();
    let _ = two.client.shutdown().unwrap();
    two.client.clear().unwrap();
    two.client.danger_set_verify_result(libssl::VerifyError(7));

    let mut copy = two.client.dup().unwrap();

    assert_eq!(two.client.verify_result(), libssl::VerifyError(7), "it is as it was");
    // SAFETY: the objects are live; get0.
    let sessions =
        unsafe { [ext::SSL_get_session(copy.as_ptr()), ext::SSL_get_session(two.client.as_ptr())] };
    assert!(sessions.iter().all(|session| !session.is_null()));
    assert_ne!(sessions[0], sessions[1], "a handshake writes to the session that it resumes");
    let identity = common::identity(&pki().client);
    copy.use_certificate(identity.certificate()).unwrap();
    // SAFETY: as above.
    let own =
        unsafe { [sys::SSL_get_certificate(copy.as_ptr()), sys::SSL_get_certificate(two.client.as_ptr())] };
    assert!(!own[0].is_null() && own[1].is_null(), "C would let both share what they present");

    for client in [copy, two.client] {
        let (left, right) = duplex();
        let mut two = Two::over(client, left, Ssl::new(&server).unwrap(), right);
        two.shake();
        assert!(two.client.session_reused());
    }
}

#[test]
fn a_copy_with_a_session_keeps_the_method() {
    let context = tls12(port(SslMethod::tls()));
    let mut two = Two::new(&context, &tls12(server_builder()));
    two.shake();
    two.client.clear().unwrap();
    two.client.set_ssl_method(SslMethod::tls_client()).unwrap();

    let copy = two.client.dup().unwrap();

    assert_eq!([copy.ssl_method(), two.client.ssl_method()], [SslMethod::tls_client(); 2]);
}

#[test]
fn what_has_begun_is_not_copied() {
    let mut two = Two::new(&client_context(), &server_context());
    let _ = two.connect().unwrap_err();
    assert_eq!(two.client.dup().unwrap_err().kind(), ErrorKind::NotReady);
    two.shake();
    let error = two.client.dup().unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::NotReady, "SSL_dup"));
}

#[test]
fn what_c_would_not_copy_is_not_passed_over() {
    let mut ssl = client_ssl(&client_context());
    ssl.verify_param_mut().danger_set_inherit_flags(InheritFlags::LOCKED);
    let error = ssl.dup().unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "SSL_dup"));
}

#[test]
fn an_object_of_cs_is_copied_by_an_unsafe_call_only() {
    let context = client_context();
    // SAFETY: the context is live; the object is ours.
    let mut ssl = unsafe { Ssl::from_ptr(sys::SSL_new(context.as_ptr())) };
    let error = ssl.dup().unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "SSL_dup"));
    ssl.set_verify_depth(5);
    // SAFETY: nothing of C's is in it.
    let copy = unsafe { ssl.dup_of_c() }.unwrap();
    assert_eq!(copy.verify_depth(), Some(5));
}

// Shared objects.

#[test]
fn an_owner_that_goes_leaves_the_connection_to_the_others() {
    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    // SAFETY: this test uses one owner at a time.
    let other = unsafe { two.client.up_ref() }.unwrap();
    assert_eq!(other.as_ptr(), two.client.as_ptr());

    drop(other);

    assert_eq!(two.client.write(b"still here").unwrap(), 10);
    let mut received = [0; 16];
    let len = two.server.read(&mut received).unwrap();
    assert_eq!(&received[..len], b"still here");
    // SAFETY: as above.
    let last = unsafe { two.client.up_ref() }.unwrap();
    drop(two.client);
    assert!(last.is_init_finished() && last.shutdown_state().is_empty());
}

// Methods.

#[test]
fn methods_are_told_and_changed_before_a_handshake() {
    let context = port(SslMethod::tls()).build();
    assert_eq!(context.ssl_method(), SslMethod::tls());
    assert_eq!(client_context().ssl_method(), SslMethod::tls_client());
    let mut ssl = Ssl::new(&context).unwrap();
    for method in [SslMethod::tls_client(), SslMethod::tls_server(), SslMethod::tls(), SslMethod::tls()] {
        ssl.set_ssl_method(method).unwrap();
        assert_eq!(ssl.ssl_method(), method);
    }
    ssl.set_ssl_method(SslMethod::tls_server()).unwrap();
    ssl.clear().unwrap();
    assert_eq!(ssl.ssl_method(), SslMethod::tls(), "the context's, as C does it");

    let mut two = Two::connected(ProtocolVersion::TLS1_3);
    assert_eq!(two.client.set_ssl_method(SslMethod::tls()).unwrap_err().kind(), ErrorKind::NotReady);
}

#[test]
fn a_method_of_another_protocol_is_refused() {
    // SAFETY: gives a constant of the library; the context is ours.
    let dtls = unsafe { SslContext::from_ptr(sys::SSL_CTX_new(sys::DTLS_method())) };
    let mut ssl = Ssl::new(&client_context()).unwrap();
    let error = ssl.set_ssl_method(dtls.ssl_method()).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "SSL_set_ssl_method"));
    let mut datagrams = Ssl::new(&dtls).unwrap();
    assert_eq!(datagrams.set_ssl_method(SslMethod::tls()).unwrap_err().kind(), ErrorKind::InvalidInput);
    datagrams.set_ssl_method(dtls.ssl_method()).unwrap();
}

#[test]
fn a_context_says_whether_it_can_be_a_servers() {
    let can = |method| supported(SslContext::builder(method).unwrap().is_server());
    let answers = [SslMethod::tls(), SslMethod::tls_client(), SslMethod::tls_server()].map(can);
    let expected =
        if mirror::headers_since(4, 0) { [Some(true), Some(false), Some(true)] } else { [None; 3] };
    assert_eq!(answers, expected);
}

// Options and modes.

#[test]
fn options_and_modes_of_an_object_are_cs() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    let ptr = ssl.as_ptr();
    let all = ssl.set_options(SslOptions::NO_TICKET | SslOptions::ENABLE_KTLS);
    // SAFETY: the object is live.
    assert_eq!((all.bits(), ssl.options()), (unsafe { ext::SSL_get_options(ptr) }, all));
    let left = ssl.clear_options(SslOptions::NO_TICKET | SslOptions::ENABLE_KTLS);
    assert_eq!(
        (left, left.intersects(SslOptions::NO_TICKET | SslOptions::ENABLE_KTLS)),
        (ssl.options(), false)
    );

    let all = ssl.set_mode(SslMode::RELEASE_BUFFERS | SslMode::ENABLE_PARTIAL_WRITE).unwrap();
    // SAFETY: the object is live.
    assert_eq!((all.bits() as c_long, ssl.mode()), (unsafe { ext::SSL_get_mode(ptr) }, all));
    let left = ssl.clear_mode(SslMode::RELEASE_BUFFERS);
    assert!(left == ssl.mode() && !left.contains(SslMode::RELEASE_BUFFERS));
    assert!(left.contains(SslMode::ENABLE_PARTIAL_WRITE));
    let error = ssl.set_mode(SslMode::from_bits_retain(0x100)).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "SSL_set_mode"));
}

/// A transport whose kernel encrypts, as far as it can be asked.
unsafe extern "C" fn says_ktls(_: *mut sys::BIO, command: c_int, _: c_long, _: *mut c_void) -> c_long {
    const GET_KTLS_SEND: c_int = 73;
    (command == GET_KTLS_SEND).into()
}

#[test]
fn a_buffer_that_the_kernel_may_read_stays_where_it_is_whatever_becomes_of_the_option() {
    // SAFETY: the method lives as long as the process; its function fits.
    let method = unsafe {
        let method = sys::BIO_meth_new(0, c"ktls".as_ptr());
        sys::BIO_meth_set_ctrl__fixed_rust(method, Some(says_ktls));
        method
    };
    let moves = |clear: fn(&mut Ssl)| {
        let mut ssl = client_ssl(&client_context());
        // SAFETY: the BIO is new, and given to the object.
        unsafe {
            let bio = sys::BIO_new(method);
            ssl.set_bio(bio, bio);
        }
        ssl.set_options(SslOptions::ENABLE_KTLS);
        ssl.set_mode(SslMode::ACCEPT_MOVING_WRITE_BUFFER).unwrap();
        clear(&mut ssl);
        ssl.set_connect_state();
        let _ = ssl.write(b"x").unwrap_err();
        ssl.mode().contains(SslMode::ACCEPT_MOVING_WRITE_BUFFER)
    };
    // True for an OpenSSL built without kTLS.
    let with_the_option = moves(|_| {});
    let changes: [fn(&mut Ssl); 4] = [
        |ssl| assert!(!ssl.clear_options(SslOptions::ENABLE_KTLS).contains(SslOptions::ENABLE_KTLS)),
        |ssl| {
            let mut conf = SslConf::for_ssl(ssl).unwrap();
            conf.set_flags(ConfFlags::FILE | ConfFlags::CLIENT);
            // Before OpenSSL 3.2 there is no such value.
            let _ = conf.cmd("Options", Some("-KTLS".as_ref()));
        },
        // Who is asked may say anything, or be another one than at the handshake.
        |ssl| ssl.wbio_mut().unwrap().set_callback(|_| BioVerdict::Refuse(0)).unwrap(),
        |ssl| ssl.set0_wbio(SendBio::new(Bio::memory().unwrap()).map_err(|(error, _)| error).unwrap()),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(moves(change), with_the_option, "change {at}");
    }
    // SAFETY: no BIO of the method is left.
    unsafe { sys::BIO_meth_free(method) };
    // The option alone, where no kernel does it, changes nothing.
    let mut two = Two::new(&client_context(), &server_context());
    two.server.set_options(SslOptions::ENABLE_KTLS);
    two.server.set_mode(SslMode::ACCEPT_MOVING_WRITE_BUFFER).unwrap();
    two.shake();
    two.server.write(b"x").unwrap();
    assert!(two.server.mode().contains(SslMode::ACCEPT_MOVING_WRITE_BUFFER));
}

// What a call waits for, and alerts.

#[test]
fn what_a_call_waits_for_is_told() {
    let mut server = server_builder();
    server.set_cert_cb(|_| CertificateDecision::Suspend).unwrap();
    let mut two = Two::new(&client_context(), &server.build());
    assert!(two.client.want_nothing() && two.client.want().is_none());

    let waits = two.connect().unwrap_err();
    assert_eq!((waits.want(), two.client.want()), (Some(Want::Read), Some(Want::Read)));
    assert!(two.client.want_read() && !two.client.want_nothing() && !two.client.want_write());

    let waits = two.accept().unwrap_err();
    assert_eq!((waits.want(), two.server.want()), (Some(Want::X509Lookup), Some(Want::X509Lookup)));
    assert!(two.server.want_x509_lookup() && !two.server.want_read());
    assert!(!two.server.want_async() && !two.server.want_async_job());
    assert!(!two.server.want_client_hello_cb() && !two.server.want_retry_verify());
}

#[test]
fn a_write_that_waits_is_told_apart() {
    let (mut left, _right) = duplex();
    left.write_cap = 0;
    let mut ssl = client_ssl(&client_context());
    ssl.set_stream(left).unwrap();
    let waits = SslRef::connect(&mut ssl).unwrap_err();
    assert_eq!((waits.want(), ssl.want()), (Some(Want::Write), Some(Want::Write)));
    assert!(ssl.want_write() && !ssl.want_read());
}

#[test]
fn suspended_callbacks_are_told() {
    use libssl::context::ClientHelloDecision;
    let mut server = server_builder();
    server.set_client_hello_cb(|_| ClientHelloDecision::Suspend).unwrap();
    let mut client = client_builder();
    client
        .set_verify_callback(SslVerifyMode::PEER, |view| {
            view.suspend().unwrap();
            true
        })
        .unwrap();
    let client = client.build();

    let mut two = Two::new(&client, &server.build());
    let _ = two.connect().unwrap_err();
    let _ = two.accept().unwrap_err();
    assert!(two.server.want_client_hello_cb() && two.server.want() == Some(Want::ClientHello));

    let mut two = Two::new(&client, &server_context());
    let _ = two.connect().unwrap_err();
    let _ = two.accept().unwrap_err();
    let _ = two.connect().unwrap_err();
    assert!(two.client.want_retry_verify() && two.client.want() == Some(Want::RetryVerify));
}

#[test]
fn alerts_and_their_levels_have_cs_words() {
    for value in (0..256).flat_map(|alert| [0, 1, 2, 3, 255].map(|level: i32| level << 8 | alert)) {
        let (level, alert) = AlertLevel::of_value(value);
        assert_eq!(i32::from(level.0) << 8 | i32::from(alert.0), value);
        #[allow(clippy::disallowed_methods)] // none is NULL
        // SAFETY: constant strings of the library, for any number.
        let text = |text| unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap();
        // SAFETY: any number is allowed.
        unsafe {
            assert_eq!(level.letter(), text(ext::SSL_alert_type_string(value)));
            assert_eq!(level.description(), text(ext::SSL_alert_type_string_long(value)));
            assert_eq!(alert.abbreviation(), text(ext::SSL_alert_desc_string(value)));
            assert_eq!(alert.description(), text(sys::SSL_alert_desc_string_long(value)));
        }
    }
    assert_eq!(
        [AlertLevel::WARNING.letter(), AlertLevel::FATAL.letter(), AlertLevel(9).letter()],
        ["W", "F", "U"]
    );
    assert_eq!(format!("{} {:?}", AlertLevel::FATAL, AlertLevel(9)), "fatal AlertLevel(9)");
    assert_eq!(Alert::HANDSHAKE_FAILURE.abbreviation(), "HF");
}

#[test]
fn an_info_callback_tells_the_level_of_an_alert() {
    let levels: Arc<std::sync::Mutex<Vec<_>>> = Arc::default();
    let seen = levels.clone();
    let mut client = client_builder();
    client.set_info_callback(move |_, event| seen.lock().unwrap().extend(event.alert_level())).unwrap();
    let mut two = Two::new(&client.build(), &server_context());
    two.client.set_server_name("another.example").unwrap();
    let _ = two.try_shake().unwrap_err();
    assert_eq!(*levels.lock().unwrap(), [AlertLevel::FATAL]);
}

// Counters.

#[test]
fn handshakes_and_sessions_are_counted() {
    let (client, server) = (tls12(port(SslMethod::tls_client())), tls12(server_builder()));
    assert_eq!(server.session_statistics(), libssl::context::SessionStatistics::default());
    let mut two = Two::new(&client, &server);
    two.shake();
    let _ = two.client.shutdown().unwrap();
    two.each().into_iter().for_each(|ssl| ssl.clear().unwrap());
    reconnect(&mut two);
    two.shake();
    assert!(two.client.session_reused());

    let (clients, servers) = (client.session_statistics(), server.session_statistics());
    assert_eq!((clients.connect, clients.connect_good, clients.accept), (2, 2, 0));
    assert_eq!((servers.accept, servers.accept_good, servers.connect), (2, 2, 0));
    assert_eq!((servers.hits, clients.hits), (1, 1));
    for context in [&client, &server] {
        // SAFETY: the context is live.
        let of_c = unsafe {
            let context = context.as_ptr();
            [
                ext::SSL_CTX_sess_number(context),
                ext::SSL_CTX_sess_connect(context),
                ext::SSL_CTX_sess_connect_good(context),
                ext::SSL_CTX_sess_connect_renegotiate(context),
                ext::SSL_CTX_sess_accept(context),
                ext::SSL_CTX_sess_accept_good(context),
                ext::SSL_CTX_sess_accept_renegotiate(context),
                ext::SSL_CTX_sess_hits(context),
                ext::SSL_CTX_sess_cb_hits(context),
                ext::SSL_CTX_sess_misses(context),
                ext::SSL_CTX_sess_timeouts(context),
                ext::SSL_CTX_sess_cache_full(context),
            ]
        };
        let all = context.session_statistics();
        let of_snapshot = [
            all.number,
            all.connect,
            all.connect_good,
            all.connect_renegotiate,
            all.accept,
            all.accept_good,
            all.accept_renegotiate,
            all.hits,
            all.cb_hits,
            all.misses,
            all.timeouts,
            all.cache_full,
        ];
        let single = [
            context.sess_number(),
            context.sess_connect(),
            context.sess_connect_good(),
            context.sess_connect_renegotiate(),
            context.sess_accept(),
            context.sess_accept_good(),
            context.sess_accept_renegotiate(),
            context.sess_hits(),
            context.sess_cb_hits(),
            context.sess_misses(),
            context.sess_timeouts(),
            context.sess_cache_full(),
        ];
        assert_eq!(of_c.map(|count| count as u64), of_snapshot);
        assert_eq!(of_snapshot, single);
    }
}

// Ephemeral Diffie-Hellman.

#[test]
fn an_object_has_dh_parameters_of_its_own() {
    let mut builder = SslContext::builder(SslMethod::tls()).unwrap();
    builder.set_cipher_list("ADH:@SECLEVEL=0").unwrap();
    // OpenSSL 4.0 agrees on one of the groups ffdhe… otherwise, and needs no parameters.
    builder.set_groups_list("P-256").unwrap();
    let context = tls12(builder);
    let shake_with = |set: fn(&mut Ssl)| {
        let mut server = Ssl::new(&context).unwrap();
        set(&mut server);
        let (left, right) = duplex();
        Two::over(Ssl::new(&context).unwrap(), left, server, right).try_shake().is_ok()
    };
    assert!(!shake_with(|_| {}), "without parameters there is no such cipher");
    assert!(shake_with(|ssl| ssl.set_dh_auto(true).unwrap()));
    assert!(!shake_with(|ssl| [true, false].into_iter().for_each(|auto| ssl.set_dh_auto(auto).unwrap())));
    assert!(shake_with(|ssl| {
        let parameters = PKey::parameters_from_pem(identities::FFDHE2048_PEM.as_bytes()).unwrap();
        ssl.set_tmp_dh(parameters.clone()).unwrap();
        ssl.set_tmp_dh(parameters).unwrap();
    }));

    let key = PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();
    let error = Ssl::new(&context).unwrap().set_tmp_dh(key).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "SSL_set0_tmp_dh_pkey"));
}

// The last resort.

#[test]
fn raw_commands_reach_c() {
    const SET_SESS_CACHE_SIZE: i32 = 42;
    const GET_SESS_CACHE_SIZE: i32 = 43;
    const SET_MAX_CERT_LIST: i32 = 51;
    const SET_TLSEXT_DEBUG_CB: i32 = 56;
    let mut context = port(SslMethod::tls());
    // SAFETY: the commands take a number and no pointer; no callback is set.
    unsafe {
        context.ctrl(SET_SESS_CACHE_SIZE, 77, ptr::null_mut());
        assert_eq!(context.ctrl(GET_SESS_CACHE_SIZE, 0, ptr::null_mut()), 77);
        assert_eq!(context.callback_ctrl(-1, None), 0, "an unknown command");
    }
    let mut ssl = Ssl::new(&context.build()).unwrap();
    // SAFETY: as above.
    unsafe {
        ssl.ctrl(SET_MAX_CERT_LIST, 1234, ptr::null_mut());
        ssl.callback_ctrl(SET_TLSEXT_DEBUG_CB, None);
    }
    assert_eq!(ssl.max_cert_list(), 1234);
}

#[test]
fn the_library_is_initialised_as_often_as_one_likes() {
    let library = libssl::library();
    for options in [InitOptions::empty(), InitOptions::LOAD_SSL_STRINGS | InitOptions::LOAD_CONFIG] {
        library.init_ssl(options).unwrap();
    }
    let error = library.init_ssl(InitOptions::NO_LOAD_CONFIG).unwrap_err();
    assert_eq!((error.kind(), error.call()), (ErrorKind::InvalidInput, "OPENSSL_init_ssl"));
    library.danger_init_ssl(InitOptions::NO_LOAD_CONFIG).unwrap();
}
