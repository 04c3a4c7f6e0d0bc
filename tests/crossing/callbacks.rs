//! Callbacks of both sides on one context, and Rust functions that C registered as its callbacks.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::callback;
use libssl::context::{
    AlpnDecision, CertificateDecision, ClientHelloDecision, InfoEvent, ServerNameDecision, SslVerifyMode,
};
use libssl::{
    Alert, Error, ErrorKind, Ssl, SslContext, SslContextBuilder, SslContextBuilderRef, VerifyError,
};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{
    Duplex, Side, client_builder, client_context, client_ssl, duplex, server_builder, server_context, shake,
};
use crate::support::{VERSIONS, assert_works};

/// What the Rust functions that C registered are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Accept,
    Refuse,
    Panic,
}

thread_local! {
    static PLAN: Cell<Plan> = const { Cell::new(Plan::Accept) };
    /// Which of them ran.
    static RAN: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Follows the plan: whether to accept.
fn follow(name: &'static str) -> bool {
    RAN.with_borrow_mut(|ran| ran.push(name));
    match PLAN.get() {
        Plan::Accept => true,
        Plan::Refuse => false,
        Plan::Panic => panic!("the plan of {name}"),
    }
}

extern "C" fn c_info(ssl: *const sys::SSL, place: c_int, _value: c_int) {
    // SAFETY: C calls it as an info callback, with a live object.
    unsafe {
        callback::with_ssl(ssl, (), |ssl| {
            assert!(!ssl.state_string_long().is_empty());
            if place & InfoEvent::HANDSHAKE_DONE != 0 {
                follow("info");
            }
        });
    }
}

extern "C" fn c_verify(preverified: c_int, store: *mut sys::X509_STORE_CTX) -> c_int {
    // SAFETY: C calls it as a verify callback, with these arguments.
    unsafe { callback::verify(preverified, store, |view| view.depth() > 0 || follow("verify")) }
}

extern "C" fn c_verify_all(preverified: c_int, store: *mut sys::X509_STORE_CTX) -> c_int {
    // SAFETY: as above.
    unsafe { callback::danger_verify(preverified, store, |_| follow("verify_all")) }
}

extern "C" fn c_chain(store: *mut sys::X509_STORE_CTX, _argument: *mut c_void) -> c_int {
    // SAFETY: C calls it as a callback for chains, with this context.
    unsafe { callback::verify_chain(store, |view| view.certificate().is_some() && follow("chain")) }
}

extern "C" fn c_chain_all(store: *mut sys::X509_STORE_CTX, _argument: *mut c_void) -> c_int {
    // SAFETY: as above.
    unsafe { callback::danger_verify_chain(store, |_| follow("chain_all")) }
}

extern "C" fn c_hello(ssl: *mut sys::SSL, alert: *mut c_int, _argument: *mut c_void) -> c_int {
    let decide = || match follow("hello") {
        true => ClientHelloDecision::Accept,
        false => ClientHelloDecision::Refuse(Alert::HANDSHAKE_FAILURE),
    };
    // SAFETY: C calls it as a ClientHello callback, with these arguments.
    unsafe {
        callback::client_hello(ssl, alert, |hello| {
            assert_eq!(hello.requested_name(), Some(&b"localhost"[..]));
            decide()
        })
    }
}

extern "C" fn c_name(ssl: *mut sys::SSL, alert: *mut c_int, _argument: *mut c_void) -> c_int {
    // SAFETY: C calls it as a servername callback, with these arguments.
    unsafe {
        callback::server_name(ssl, alert, |view| {
            assert_eq!(view.requested_name(), Some(&b"localhost"[..]));
            if follow("name") {
                ServerNameDecision::Ack
            } else {
                ServerNameDecision::Refuse(Alert::UNRECOGNIZED_NAME)
            }
        })
    }
}

extern "C" fn c_certificate(ssl: *mut sys::SSL, _argument: *mut c_void) -> c_int {
    // SAFETY: C calls it as a certificate callback, with this object.
    unsafe {
        callback::certificate(ssl, |_| match follow("certificate") {
            true => CertificateDecision::Accept,
            false => CertificateDecision::Refuse,
        })
    }
}

extern "C" fn c_alpn(
    ssl: *mut sys::SSL,
    out: *mut *const c_uchar,
    out_len: *mut c_uchar,
    offered: *const c_uchar,
    offered_len: c_uint,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: C calls it as an ALPN callback, with these arguments.
    unsafe {
        callback::alpn_select(ssl, out, out_len, offered, offered_len, |_, offered| {
            match (follow("alpn"), offered.first_of(["h2"])) {
                (true, Some(protocol)) => AlpnDecision::Select(protocol),
                _ => AlpnDecision::Refuse,
            }
        })
    }
}

/// How C registers each of them, and on which side.
type Register = fn(*mut sys::SSL_CTX);
const REGISTERED: [(&str, bool, Register); 8] = [
    // SAFETY: each context is live and nobody else's.
    ("verify", true, |context| unsafe { sys::SSL_CTX_set_verify(context, 1, Some(c_verify)) }),
    // SAFETY: as above.
    ("verify_all", true, |context| unsafe { sys::SSL_CTX_set_verify(context, 1, Some(c_verify_all)) }),
    // SAFETY: as above.
    ("chain", true, |context| unsafe {
        ext::SSL_CTX_set_cert_verify_callback(context, Some(c_chain), ptr::null_mut());
    }),
    // SAFETY: as above.
    ("chain_all", true, |context| unsafe {
        ext::SSL_CTX_set_cert_verify_callback(context, Some(c_chain_all), ptr::null_mut());
    }),
    // SAFETY: as above.
    ("hello", false, |context| unsafe {
        sys::SSL_CTX_set_client_hello_cb(context, Some(c_hello), ptr::null_mut());
    }),
    // SAFETY: as above.
    ("name", false, |context| unsafe {
        ext::SSL_CTX_set_tlsext_servername_callback(context, Some(c_name));
    }),
    // SAFETY: as above.
    ("certificate", false, |context| unsafe {
        ext::SSL_CTX_set_cert_cb(context, Some(c_certificate), ptr::null_mut());
    }),
    // SAFETY: as above.
    ("alpn", false, |context| unsafe {
        sys::SSL_CTX_set_alpn_select_cb__fixed_rust(context, Some(c_alpn), ptr::null_mut());
    }),
];

/// A client's and a server's context, of which one has a Rust function as a callback that C registered.
fn contexts(on_client: bool, register: Register) -> (SslContext, SslContext) {
    let (mut client, server) = (client_builder(), server_builder());
    client.set_alpn_protos(["h2"]).unwrap();
    register(if on_client { client.as_ptr() } else { server.as_ptr() });
    (client.build(), server.build())
}

fn both(sides: (Side<Duplex>, Side<Duplex>)) -> Result<(), Error> {
    let (client, server) = sides;
    client.and(server).map(drop)
}

#[test]
fn a_rust_function_that_c_registered_decides() {
    for (name, on_client, register) in REGISTERED {
        let (client, server) = contexts(on_client, register);
        PLAN.set(Plan::Accept);
        RAN.take();
        let (mut client_side, mut server_side) = match shake(&client, &server) {
            (Ok(client), Ok(server)) => (client, server),
            other => panic!("{name}: {other:?}"),
        };
        assert!(RAN.take().contains(&name), "{name}");
        assert_works(&mut client_side, &mut server_side);
        let protocol = client_side.ssl().alpn_selected();
        assert_eq!(protocol.is_some(), name == "alpn");

        PLAN.set(Plan::Refuse);
        let (client_side, server_side) = shake(&client, &server);
        assert!(client_side.is_err() || server_side.is_err(), "{name}");
        if on_client {
            let error = client_side.unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION),
                "{name}"
            );
            let failure = error.verify_failure().expect("which certificate it was");
            assert!(failure.certificate.is_some(), "{name}: {failure:?}");
        }
    }
}

/// The panic goes on in the call of ours that C's callback ran under.
#[test]
fn a_panic_goes_on_in_the_call_that_caused_it() {
    for (name, on_client, register) in REGISTERED {
        let (client, server) = contexts(on_client, register);
        PLAN.set(Plan::Panic);
        let panic = catch_unwind(AssertUnwindSafe(|| shake(&client, &server))).expect_err(name);
        let text = panic.downcast_ref::<String>().expect("a message");
        assert_eq!(*text, format!("the plan of {name}"));
        // Nothing of it is left over.
        PLAN.set(Plan::Accept);
        both(shake(&client_context(), &server_context())).unwrap();
    }
}

/// C calls SSL_connect and SSL_accept itself: no frame of ours is there, and the panic ends in the callback.
#[test]
fn a_panic_under_calls_of_cs_own_is_a_failure_to_c() {
    for (name, on_client, register) in REGISTERED {
        let (client, server) = contexts(on_client, register);
        PLAN.set(Plan::Panic);
        let outcome = shake_in_c(client_ssl(&client), Ssl::new(&server).unwrap());
        assert_eq!(outcome, None, "{name}");
        PLAN.set(Plan::Accept);
        both(shake(&client_context(), &server_context())).unwrap();
    }
    // A callback that only watches cannot fail.
    let client = client_builder();
    // SAFETY: the context is live and nobody else's.
    unsafe { ext::SSL_CTX_set_info_callback(client.as_ptr(), Some(c_info)) };
    PLAN.set(Plan::Panic);
    RAN.take();
    let outcome = shake_in_c(client_ssl(&client.build()), Ssl::new(&server_context()).unwrap());
    assert_eq!(outcome, Some(()));
    assert!(RAN.take().contains(&"info"));
    PLAN.set(Plan::Accept);
}

/// Lets two objects shake hands in C alone; `None` if one of them fails.
fn shake_in_c(client: Ssl, server: Ssl) -> Option<()> {
    let (client, server) = (client.into_ptr(), server.into_ptr());
    let (mut one, mut other) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the objects and BIOs are live and this test's; each object takes its BIO.
    unsafe {
        assert_eq!(ext::BIO_new_bio_pair(&raw mut one, 0, &raw mut other, 0), 1);
        sys::SSL_set_bio(client, one, one);
        sys::SSL_set_bio(server, other, other);
        let mut done = (false, false);
        let mut failed = false;
        for _ in 0..20 {
            for (ssl, done, call) in [
                (client, &mut done.0, sys::SSL_connect as unsafe extern "C" fn(*mut sys::SSL) -> c_int),
                (server, &mut done.1, sys::SSL_accept),
            ] {
                if failed || *done {
                    continue;
                }
                sys::ERR_clear_error();
                let ret = call(ssl);
                *done = ret == 1;
                failed = ret != 1 && sys::SSL_get_error(ssl, ret) != sys::SSL_ERROR_WANT_READ;
            }
        }
        sys::ERR_clear_error();
        sys::SSL_free(client);
        sys::SSL_free(server);
        (done == (true, true)).then_some(())
    }
}

#[test]
fn a_rust_function_cannot_accept_what_openssl_refuses_unless_it_is_the_dangerous_one() {
    for (name, _, register) in REGISTERED.into_iter().filter(|(_, on_client, _)| *on_client) {
        let accepts = name.ends_with("_all");
        // Nobody vouches for this one.
        let server = SslContext::server(&crate::common::identity(&crate::common::pki().self_signed)).unwrap();
        let client = client_builder();
        register(client.as_ptr());
        PLAN.set(Plan::Accept);
        let (left, right) = duplex();
        let mut ssl = Ssl::new(&client.build()).unwrap();
        ssl.danger_accept_any_name().unwrap();
        let (client, _) = crate::common::shake_over(ssl, left, Ssl::new(&server.build()).unwrap(), right);
        assert_eq!(client.is_ok(), accepts, "{name}: {client:?}");
    }
}

#[test]
fn a_callback_leaves_errno_and_the_queue_as_they_were() {
    // SAFETY: constant strings; the call only writes this thread's queue.
    unsafe {
        sys::ERR_clear_error();
        sys::ERR_new();
        sys::ERR_set_error(sys::ERR_LIB_SYS, 7, ptr::null());
    }
    let before = libssl::error::ErrorStack::peek();
    let errno = || std::io::Error::last_os_error().raw_os_error();
    std::fs::File::open("/there is no such file").unwrap_err();
    let earlier = errno();
    let answer = callback::contain(-1, || {
        let _ = SslContext::client().unwrap().set_cipher_list("NONSENSE").unwrap_err();
        std::net::TcpStream::connect("127.0.0.1:1").err();
        if errno().is_some() { panic!("a bug") } else { 1 }
    });
    assert_eq!((answer, errno()), (-1, earlier));
    let after = libssl::error::ErrorStack::drain();
    assert_eq!(after.iter().collect::<Vec<_>>(), before.iter().collect::<Vec<_>>());
    assert_eq!(callback::contain(-1, || 3), 3);
}

#[test]
fn where_c_passes_nothing_the_callback_fails() {
    // SAFETY: NULL is taken.
    unsafe {
        assert_eq!(callback::with_ssl(ptr::null(), 7, |_| 1), 7);
        assert_eq!(callback::with_context(ptr::null_mut(), 7, |_| 1), 7);
        let context = client_context();
        assert_eq!(callback::with_context(context.as_ptr(), 7, |context| context.verify_mode().bits()), 1);
        assert_eq!(callback::verify(1, ptr::null_mut(), |_| true), 0);
        assert_eq!(callback::verify_chain(ptr::null_mut(), |_| true), 0);
    }
}

static C_COUNTS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn c_counts(_ssl: *const sys::SSL, _place: c_int, _value: c_int) {
    C_COUNTS.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn c_counts_messages(
    _written: c_int,
    _version: c_int,
    _content_type: c_int,
    _data: *const c_void,
    _len: usize,
    _ssl: *mut sys::SSL,
    argument: *mut c_void,
) {
    // SAFETY: what the test registered, which lives for ever.
    unsafe { &*argument.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

/// C's context with C's callbacks, and Rust's beside them.
#[test]
fn rust_adds_callbacks_to_a_context_of_cs() {
    static MESSAGES: AtomicUsize = AtomicUsize::new(0);
    for version in VERSIONS {
        // SAFETY: the context is new, and nobody else's until it is built.
        let mut builder = unsafe {
            let context = sys::SSL_CTX_new(sys::TLS_client_method());
            ext::SSL_CTX_set_info_callback(context, Some(c_counts));
            ext::SSL_CTX_set_msg_callback(context, Some(c_counts_messages));
            ext::SSL_CTX_set_msg_callback_arg(context, ptr::from_ref(&MESSAGES).cast_mut().cast());
            SslContextBuilder::from_ptr(context)
        };
        version.only(&mut builder);
        let (secrets, certificates) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (log, seen) = (Arc::clone(&secrets), Arc::clone(&certificates));
        builder
            .set_keylog_callback(move |_, _| {
                log.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
        builder
            .danger_set_verify_callback(SslVerifyMode::PEER, move |_| {
                seen.fetch_add(1, Ordering::Relaxed);
                true
            })
            .unwrap();
        assert!(builder.has_info_callback(), "C's is there");
        let (infos, messages) = (C_COUNTS.load(Ordering::Relaxed), MESSAGES.load(Ordering::Relaxed));
        let (client, server) = shake(&builder.build(), &version.server_builder().build());
        assert_works(&mut client.unwrap(), &mut server.unwrap());
        assert!(C_COUNTS.load(Ordering::Relaxed) > infos, "C's were called");
        assert!(MESSAGES.load(Ordering::Relaxed) > messages);
        assert!(secrets.load(Ordering::Relaxed) > 0, "and Rust's");
        assert!(certificates.load(Ordering::Relaxed) > 0);
    }
}

/// A context of Rust's, and C's callbacks beside Rust's.
#[test]
fn c_adds_callbacks_to_a_context_of_rusts() {
    static MESSAGES: AtomicUsize = AtomicUsize::new(0);
    for version in VERSIONS {
        let mut builder = version.client_builder();
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        builder
            .set_info_callback(move |_, _| {
                counted.fetch_add(1, Ordering::Relaxed);
            })
            .unwrap();
        // SAFETY: the context is live and nobody else's.
        unsafe {
            ext::SSL_CTX_set_msg_callback(builder.as_ptr(), Some(c_counts_messages));
            ext::SSL_CTX_set_msg_callback_arg(builder.as_ptr(), ptr::from_ref(&MESSAGES).cast_mut().cast());
        }
        let before = MESSAGES.load(Ordering::Relaxed);
        let (client, server) = shake(&builder.build(), &version.server_builder().build());
        assert_works(&mut client.unwrap(), &mut server.unwrap());
        assert!(MESSAGES.load(Ordering::Relaxed) > before);
        assert!(seen.load(Ordering::Relaxed) > 0);
    }
}

/// There is one of each kind: Rust's takes the place of C's, and C's that of Rust's.
#[test]
fn a_callback_of_the_same_kind_replaces_the_other_sides() {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn last(_ssl: *const sys::SSL, _place: c_int, _value: c_int) {
        LAST.store(1, Ordering::Relaxed);
    }
    let builder = client_builder();
    // SAFETY: the context is live and nobody else's.
    let borrowed = unsafe {
        ext::SSL_CTX_set_info_callback(builder.as_ptr(), Some(last));
        SslContextBuilderRef::from_ptr_mut(builder.as_ptr())
    };
    borrowed.set_info_callback(|_, _| LAST.store(2, Ordering::Relaxed)).unwrap();
    let context = builder.build();
    both(shake(&context, &server_context())).unwrap();
    assert_eq!(LAST.load(Ordering::Relaxed), 2);
    // SAFETY: no object of the context is left, and nobody uses it.
    unsafe { ext::SSL_CTX_set_info_callback(context.as_ptr(), Some(last)) };
    both(shake(&context, &server_context())).unwrap();
    assert_eq!(LAST.load(Ordering::Relaxed), 1);
}

/// A transport's error whose words panic when they are asked for again.
#[derive(Debug, Default)]
struct Words(AtomicUsize);

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        assert_eq!(asked, 0, "asked again");
        f.write_str("mine")
    }
}

impl std::error::Error for Words {}

struct Broken;

impl std::io::Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other(Words::default()))
    }
}

impl std::io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other(Words::default()))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A panic would end a process whose frames are C's.
#[test]
fn an_error_that_cannot_be_told_is_answered_all_the_same() {
    let answer = callback::answer(0, || {
        client_ssl(&client_context()).connect(Broken)?;
        Ok(1)
    });
    assert_eq!(answer, 0);
    assert!(!libssl::error::ErrorStack::drain().is_empty());
}
