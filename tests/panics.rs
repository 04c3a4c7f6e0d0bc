//! A panic in a callback or a transport goes on in the call that caused it, past C and not through it, and leaves
//! a dead object behind.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::any::Any;
use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use common::{Duplex, Fault, Turn, client_ssl, duplex, pki, shake_over};
use libssl::connected::ShutdownProgress;
use libssl::context::{
    AlpnDecision, CertificateDecision, ClientHelloDecision, NextProtocols, ProtocolList, ServerNameDecision,
    SslVerifyMode, TrustAnchors,
};
use libssl::{Connected, ErrorKind, HandshakeError, Role, Ssl, SslContext, SslContextBuilder, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;
use support::{VERSIONS, Version, assert_works, inner, read_all, read_now};

type Payload = Box<dyn Any + Send>;

fn caught<T>(call: impl FnOnce() -> T) -> Result<T, Payload> {
    panic::catch_unwind(AssertUnwindSafe(call))
}

fn message(payload: &Payload) -> &str {
    if let Some(text) = payload.downcast_ref::<String>() {
        return text;
    }
    payload.downcast_ref::<&str>().copied().unwrap_or("another payload")
}

/// Panics from the `armed`-th call on, and counts all of them.
#[derive(Clone, Default)]
struct Mine {
    armed: Option<usize>,
    calls: Arc<AtomicUsize>,
}

impl Mine {
    fn armed(at: usize) -> Self {
        Self { armed: Some(at), calls: Arc::default() }
    }

    fn step(&self) {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(self.armed.is_none_or(|at| call < at), "call {call}");
    }
}

/// One kind of callback: how to set it, so that it steps on a mine.
struct Callback {
    name: &'static str,
    /// Whose object steps on it.
    role: Role,
    only: Option<Version>,
    set: fn(&mut SslContextBuilder, Mine),
    /// What the other side needs for it to be called.
    other: fn(&mut SslContextBuilder),
    on_ssl: fn(&mut SslRef, Mine),
}

const NOTHING: Callback =
    Callback { name: "", role: Role::Client, only: None, set: |_, _| (), other: |_| (), on_ssl: |_, _| () };

fn protocols() -> ProtocolList {
    ProtocolList::new(["h2", "http/1.1"]).expect("a list")
}

fn callbacks() -> Vec<Callback> {
    let mut all = vec![
        Callback {
            name: "verify",
            set: |context, mine| {
                let verify = move |view: &mut libssl::context::VerifyView<'_>| {
                    mine.step();
                    view.preverified()
                };
                context.set_verify_callback(SslVerifyMode::PEER, verify).expect("a callback");
            },
            ..NOTHING
        },
        Callback {
            name: "verify of a client",
            role: Role::Server,
            set: |context, mine| {
                context.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a CA");
                let verify = move |view: &mut libssl::context::VerifyView<'_>| {
                    mine.step();
                    view.preverified()
                };
                context.set_verify_callback(SslVerifyMode::PEER, verify).expect("a callback");
            },
            other: |client| {
                client.use_identity(&common::identity(&pki().client)).expect("a good identity");
            },
            ..NOTHING
        },
        Callback {
            name: "client's certificate",
            set: |context, mine| {
                let choose = move |_: &mut libssl::context::CertificateView<'_>| {
                    mine.step();
                    CertificateDecision::Accept
                };
                context.set_cert_cb(choose).expect("a callback");
            },
            other: |server| server.set_verify(SslVerifyMode::PEER).expect("a mode"),
            ..NOTHING
        },
        Callback {
            name: "server's certificate",
            role: Role::Server,
            set: |context, mine| {
                let choose = move |_: &mut libssl::context::CertificateView<'_>| {
                    mine.step();
                    CertificateDecision::Accept
                };
                context.set_cert_cb(choose).expect("a callback");
            },
            ..NOTHING
        },
        Callback {
            name: "ClientHello",
            role: Role::Server,
            set: |context, mine| {
                let decide = move |_: &mut libssl::context::ClientHello<'_>| {
                    mine.step();
                    ClientHelloDecision::Accept
                };
                context.set_client_hello_cb(decide).expect("a callback");
            },
            ..NOTHING
        },
        Callback {
            name: "server name",
            role: Role::Server,
            set: |context, mine| {
                let decide = move |_: &mut libssl::context::ServerNameView<'_>| {
                    mine.step();
                    ServerNameDecision::Ack
                };
                context.set_tlsext_servername_callback(decide).expect("a callback");
            },
            ..NOTHING
        },
        Callback {
            name: "ALPN",
            role: Role::Server,
            set: |context, mine| {
                context
                    .set_alpn_select_cb(move |_, _| {
                        mine.step();
                        AlpnDecision::Ignore
                    })
                    .expect("a callback");
            },
            other: |client| client.set_alpn_protos(["h2"]).expect("a list"),
            ..NOTHING
        },
        Callback {
            name: "NPN, advertised",
            role: Role::Server,
            only: Some(Version::Tls12),
            set: |context, mine| {
                let advertise = move |_: &SslRef| {
                    mine.step();
                    NextProtocols::Advertise(protocols())
                };
                context.set_next_protos_advertised_cb(advertise).expect("a callback");
            },
            other: |client| client.set_next_proto_select_cb(|_, _| Some(b"h2".to_vec())).expect("a callback"),
            ..NOTHING
        },
        Callback {
            name: "NPN, selected",
            only: Some(Version::Tls12),
            set: |context, mine| {
                context
                    .set_next_proto_select_cb(move |_, _| {
                        mine.step();
                        Some(b"h2".to_vec())
                    })
                    .expect("a callback");
            },
            other: |server| {
                server
                    .set_next_protos_advertised_cb(|_| NextProtocols::Advertise(protocols()))
                    .expect("a callback");
            },
            ..NOTHING
        },
    ];
    for role in [Role::Client, Role::Server] {
        all.extend([
            Callback {
                name: "info",
                role,
                set: |context, mine| context.set_info_callback(move |_, _| mine.step()).expect("a callback"),
                ..NOTHING
            },
            Callback {
                name: "messages",
                role,
                set: |context, mine| context.set_msg_callback(move |_, _| mine.step()).expect("a callback"),
                ..NOTHING
            },
            Callback {
                name: "key log",
                role,
                set: |context, mine| {
                    context.set_keylog_callback(move |_, _| mine.step()).expect("a callback");
                },
                ..NOTHING
            },
            Callback {
                name: "info of the object",
                role,
                on_ssl: |ssl, mine| ssl.set_info_callback(move |_, _| mine.step()).expect("a callback"),
                ..NOTHING
            },
            Callback {
                name: "messages of the object",
                role,
                on_ssl: |ssl, mine| ssl.set_msg_callback(move |_, _| mine.step()).expect("a callback"),
                ..NOTHING
            },
            Callback {
                name: "extensions of the object",
                role,
                on_ssl: |ssl, mine| {
                    ssl.set_tlsext_debug_callback(move |_, _| mine.step()).expect("a callback");
                },
                ..NOTHING
            },
        ]);
    }
    all
}

/// An object that owns its transport and is driven as C drives one, against a peer in the typestates.
struct Victim {
    ssl: Ssl,
    role: Role,
    peer: Turn<Duplex>,
}

impl Victim {
    fn new(contexts: &(SslContext, SslContext), role: Role, transport: impl FnOnce(&mut Duplex)) -> Self {
        let (mut left, right) = duplex();
        transport(&mut left);
        let client = client_ssl(&contexts.0);
        let server = Ssl::new(&contexts.1).expect("SSL_new");
        let (mut ssl, peer) = match role {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        ssl.set_stream(left).expect("a BIO");
        let peer = match role {
            Role::Client => Turn::of(peer.accept(right)),
            Role::Server => Turn::of(peer.connect(right)),
        };
        Self { ssl, role, peer }
    }

    /// Shakes hands until it is done or something panics.
    fn shake(&mut self) -> Result<(), Payload> {
        for _ in 0..100_000 {
            let ssl: &mut SslRef = &mut self.ssl;
            let done = match self.role {
                Role::Client => caught(|| ssl.connect())?,
                Role::Server => caught(|| ssl.accept())?,
            };
            if let Err(error) = &done {
                assert!(error.want().is_some(), "{error:?}");
            }
            let peer = std::mem::replace(&mut self.peer, Turn::Over(Err(no_error())));
            self.peer = peer.next();
            if done.is_ok() {
                return Ok(());
            }
        }
        panic!("both sides wait for each other");
    }

    fn wire(&mut self) -> &mut Duplex {
        match &mut self.peer {
            Turn::Waits(handshake) => handshake.channel_mut(),
            Turn::Over(Ok(connected)) => connected.channel_mut(),
            Turn::Over(Err(error)) => panic!("{error:?}"),
        }
    }

    /// Nothing can be done with it, it sends nothing, and its end is a cut.
    fn assert_dead(mut self, what: &str) {
        assert!(self.ssl.is_poisoned(), "{what}");
        self.wire().take_incoming();
        let ssl: &mut SslRef = &mut self.ssl;
        let refusals = [
            ssl.connect().expect_err(what),
            ssl.accept().expect_err(what),
            ssl.do_handshake().expect_err(what),
            ssl.read(&mut [0; 10]).map(drop).expect_err(what),
            ssl.peek(&mut [0; 10]).map(drop).expect_err(what),
            ssl.write(b"hello").map(drop).expect_err(what),
            ssl.shutdown().map(drop).expect_err(what),
        ];
        for error in refusals {
            assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned), "{what}");
        }
        assert_eq!(self.wire().waiting(), 0, "{what}: it sent something");
        let Self { ssl, peer, .. } = self;
        drop(ssl);
        let (bytes, kind) = match peer.next() {
            Turn::Over(Ok(mut connected)) => {
                assert_eq!(connected.channel().waiting(), 0, "{what}: it sent something");
                let (bytes, end) = read_all(&mut connected);
                (bytes, inner(&end.expect_err("no clean end")).kind())
            }
            Turn::Over(Err(error)) => (Vec::new(), error.kind()),
            Turn::Waits(_) => panic!("{what}: the end of the transport was not seen"),
        };
        assert!(bytes.is_empty());
        assert!(matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::Io), "{what}: {kind:?}");
    }
}

fn no_error() -> libssl::Error {
    let (left, _) = duplex();
    let (client, _) = Version::Tls13.contexts();
    let failure = Ssl::new(&client).expect("SSL_new").connect(left).expect_err("it has no name");
    failure.into()
}

fn contexts(callback: &Callback, version: Version, mine: &Mine) -> (SslContext, SslContext) {
    let (mut client, mut server) = (version.client_builder(), version.server_builder());
    let (ours, other) = match callback.role {
        Role::Client => (&mut client, &mut server),
        Role::Server => (&mut server, &mut client),
    };
    (callback.set)(ours, mine.clone());
    (callback.other)(other);
    (client.build(), server.build())
}

#[test]
fn a_panic_in_any_callback_leaves_a_dead_object() {
    for callback in callbacks() {
        for version in VERSIONS {
            if callback.only.is_some_and(|only| only != version) {
                continue;
            }
            // How often it is called when nothing happens.
            let mine = Mine::default();
            let mut victim = Victim::new(&contexts(&callback, version, &mine), callback.role, |_| ());
            (callback.on_ssl)(&mut victim.ssl, mine.clone());
            victim.shake().expect("no panic");
            let calls = mine.calls.load(Ordering::Relaxed);
            assert!(calls > 0, "{} was never called", callback.name);

            let mut ats = vec![0, 1, 2, calls / 2, calls - 1];
            ats.retain(|at| *at < calls);
            ats.sort_unstable();
            ats.dedup();
            for at in ats {
                let what = format!("{version:?}: {} of the {:?}, call {at}", callback.name, callback.role);
                let mine = Mine::armed(at);
                let mut victim = Victim::new(&contexts(&callback, version, &mine), callback.role, |_| ());
                (callback.on_ssl)(&mut victim.ssl, mine.clone());
                let payload = victim.shake().expect_err(&what);
                // Of several panics in one call it is the first that goes on.
                assert_eq!(message(&payload), format!("call {at}"), "{what}");
                victim.assert_dead(&what);
            }
        }
    }
}

/// As often as a method of the transport is called in a handshake, it panics once.
#[test]
fn a_panic_in_the_transport_leaves_a_dead_object() {
    for version in VERSIONS {
        let contexts = version.contexts();
        for role in [Role::Client, Role::Server] {
            for method in ["read", "write", "flush"] {
                for at in 0.. {
                    let what = format!("{version:?}: {method} of the {role:?}, call {at}");
                    let mut victim = Victim::new(&contexts, role, |transport| {
                        let script = match method {
                            "read" => &mut transport.on_read,
                            "write" => &mut transport.on_write,
                            _ => &mut transport.on_flush,
                        };
                        script.extend((0..at).map(|_| Fault::Go));
                        script.push_back(Fault::Panic("in the transport"));
                    });
                    match victim.shake() {
                        Ok(()) => {
                            assert!(at > 0, "{method} is never called");
                            break;
                        }
                        Err(payload) => {
                            assert_eq!(message(&payload), "in the transport");
                            victim.assert_dead(&what);
                        }
                    }
                }
            }
        }
    }
}

/// In the typestates a handshake that panics takes itself and its channel along.
#[test]
fn a_handshake_that_panics_is_gone() {
    let contexts = Version::Tls13.contexts();
    let (mut left, right) = duplex();
    left.on_read.push_back(Fault::Panic("in the transport"));
    let peer = Turn::of(Ssl::new(&contexts.1).expect("SSL_new").accept(right));
    let payload = caught(|| drop(client_ssl(&contexts.0).connect(left))).expect_err("it panics");
    assert_eq!(message(&payload), "in the transport");
    let Turn::Over(Err(error)) = peer.next() else { panic!("the channel is still there") };
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::Io), "{error:?}");
}

/// What a program does with a connection, while its transport panics.
type Act = fn(&mut Connected<Duplex>);

#[test]
fn a_panic_in_the_transport_of_a_connection_leaves_it_dead() {
    let acts: [(&str, Act, Fault); 7] = [
        ("read", |it| drop(it.read(&mut [0; 10])), Fault::Panic("read")),
        ("peek", |it| drop(it.peek(&mut [0; 10])), Fault::Panic("read")),
        ("write", |it| drop(it.write(b"hello")), Fault::Panic("write")),
        (
            "write_vectored",
            |it| drop(it.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")])),
            Fault::Panic("write"),
        ),
        ("flush", |it| drop(it.flush()), Fault::Panic("flush")),
        ("shutdown", |it| drop(it.shutdown()), Fault::Panic("write")),
        ("flush of shutdown", |it| drop(it.shutdown()), Fault::Panic("flush")),
    ];
    for version in VERSIONS {
        for (what, act, fault) in &acts {
            let (mut client, mut server) = version.connected();
            assert_works(&mut client, &mut server);
            let Fault::Panic(method) = fault else { unreachable!("all of them panic") };
            let transport = client.channel_mut();
            match *method {
                "read" => transport.on_read.push_back(Fault::Panic(method)),
                "write" => transport.on_write.push_back(Fault::Panic(method)),
                _ => transport.on_flush.push_back(Fault::Panic(method)),
            }
            let payload = caught(|| act(&mut client)).expect_err(what);
            assert_eq!(message(&payload), *method);
            assert_connection_dead(client, server, &format!("{version:?}: {what}"));
        }
    }
}

fn assert_connection_dead(mut client: Connected<Duplex>, mut server: Connected<Duplex>, what: &str) {
    assert!(client.ssl().is_poisoned(), "{what}");
    let calls = client.channel().calls;
    server.channel_mut().take_incoming();
    let refusals = [
        client.read(&mut [0; 10]).map(drop),
        client.peek(&mut [0; 10]).map(drop),
        client.write(b"hello").map(drop),
        client.write_vectored(&[IoSlice::new(b"a"), IoSlice::new(b"b")]).map(drop),
        client.flush(),
    ];
    for (i, refusal) in refusals.into_iter().enumerate() {
        let error = refusal.expect_err(what);
        assert_eq!(inner(&error).kind(), ErrorKind::Poisoned, "{what}, {i}");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
    assert_eq!(client.shutdown().expect(what), ShutdownProgress::Skipped, "{what}");
    assert_eq!(client.channel().calls, calls, "{what}: the transport is left alone");
    // It can still be taken apart, for whatever the channel is good for.
    let parts = client.into_parts().expect(what);
    assert!(parts.ssl.is_poisoned());
    drop(parts);
    assert_eq!(server.channel().waiting(), 0, "{what}: it sent something");
    let (_, end) = read_all(&mut server);
    assert_eq!(inner(&end.expect_err(what)).kind(), ErrorKind::UnexpectedEof);
}

/// Callbacks run in reads and writes, too: tickets and alerts tell them.
#[test]
fn a_panic_in_a_callback_of_a_connection_leaves_it_dead() {
    for version in VERSIONS {
        let late = Arc::new(Mutex::new(false));
        let mut builder = version.client_builder();
        let armed = Arc::clone(&late);
        builder
            .set_msg_callback(move |_, _| assert!(!*armed.lock().unwrap_or_else(|e| e.into_inner()), "late"))
            .expect("a callback");
        let (mut client, mut server) = common::connected(&builder.build(), &version.server_builder().build());
        assert_works(&mut client, &mut server);
        *late.lock().expect("no panic yet") = true;
        server.write_all(b"hello").expect("a write");
        let payload = caught(|| client.read(&mut [0; 10])).expect_err("it panics");
        assert_eq!(message(&payload), "late");
        assert_connection_dead(client, server, &format!("{version:?}"));
    }
}

/// The session of a connection that panicked is spoiled like that of any other broken one.
#[test]
fn a_panic_ends_the_session() {
    for version in VERSIONS {
        for panics in [false, true] {
            let contexts = version.contexts();
            let (mut client, mut server) = common::connected(&contexts.0, &contexts.1);
            assert_works(&mut client, &mut server);
            // SAFETY: the object is live; get1 gives a reference of our own.
            let session = unsafe { ext::SSL_get1_session(client.ssl().as_ptr()) };
            if panics {
                client.channel_mut().on_read.push_back(Fault::Panic("in the transport"));
                caught(|| client.read(&mut [0; 10])).expect_err("it panics");
            }
            drop((client, server));
            let (left, right) = duplex();
            let ssl = client_ssl(&contexts.0);
            // SAFETY: object and session are live; the reference is ours.
            unsafe {
                sys::SSL_set_session(ssl.as_ptr(), session);
                sys::SSL_SESSION_free(session);
            }
            let (client, _) = shake_over(ssl, left, Ssl::new(&contexts.1).expect("SSL_new"), right);
            // SAFETY: the object is live, and the call only reads it.
            let reused = unsafe { sys::SSL_session_reused(client.expect("a client").ssl().as_ptr()) };
            assert_eq!(reused == 1, !panics, "{version:?}");
        }
    }
}

/// C calls OpenSSL itself, without a frame of ours: nothing unwinds into it, and nothing is left over for later.
#[test]
fn a_panic_under_a_call_of_c_stays_there() {
    for version in VERSIONS {
        let contexts = version.contexts();
        let victim = Victim::new(&contexts, Role::Client, |it| it.on_read.push_back(Fault::Panic("under C")));
        // SAFETY: the object is live and ours alone.
        let ret = unsafe { sys::SSL_connect(victim.ssl.as_ptr()) };
        assert_eq!(ret, -1);
        // Another object of this thread is none the wiser.
        let (mut client, mut server) = version.connected();
        assert_works(&mut client, &mut server);

        let mut builder = version.client_builder();
        builder.set_info_callback(|_, _| panic!("under C")).expect("a callback");
        let contexts = (builder.build(), contexts.1);
        let victim_of_info = Victim::new(&contexts, Role::Client, |_| ());
        // SAFETY: the object is live and ours alone.
        let ret = unsafe { sys::SSL_connect(victim_of_info.ssl.as_ptr()) };
        assert_eq!(ret, -1, "it waits for the server");
        assert_works(&mut client, &mut server);
        drop((victim, victim_of_info));
    }
}

/// A callback of one object drives another one, which panics: both calls do, unless the callback catches it.
#[test]
fn a_panic_goes_through_every_frame_that_it_meets() {
    for catches in [true, false] {
        let inner_object = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&inner_object);
        let contexts = Version::Tls13.contexts();
        let inner_contexts = Version::Tls13.contexts();
        let mut builder = Version::Tls13.client_builder();
        builder
            .set_info_callback(move |_, _| {
                let mut seen = seen.lock().unwrap_or_else(|e| e.into_inner());
                if seen.is_some() {
                    return;
                }
                let victim = Victim::new(&inner_contexts, Role::Client, |it| {
                    it.on_write.push_back(Fault::Panic("the inner one"));
                });
                let victim = seen.insert(victim);
                if catches {
                    let payload = victim.shake().expect_err("it panics");
                    assert_eq!(message(&payload), "the inner one");
                } else {
                    let ssl: &mut SslRef = &mut victim.ssl;
                    drop(ssl.connect());
                }
            })
            .expect("a callback");
        let contexts = (builder.build(), contexts.1);
        let mut outer = Victim::new(&contexts, Role::Client, |_| ());
        let outcome = outer.shake();
        let inner = inner_object.lock().unwrap_or_else(|e| e.into_inner()).take().expect("it was there");
        assert!(inner.ssl.is_poisoned());
        if catches {
            outcome.expect("the callback caught it");
            assert!(!outer.ssl.is_poisoned());
        } else {
            assert_eq!(message(&outcome.expect_err("it went on")), "the inner one");
            outer.assert_dead("the outer one");
        }
        inner.assert_dead("the inner one");
    }
}

/// A transport whose destructor panics.
struct Grenade(Duplex);

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

impl Read for Grenade {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Grenade {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn over_a_grenade() -> (Connected<Grenade>, Connected<Duplex>) {
    let (client, server) = Version::Tls13.contexts();
    let (left, right) = duplex();
    let (client, server) =
        shake_over(client_ssl(&client), Grenade(left), Ssl::new(&server).expect("SSL_new"), right);
    (client.expect("a client"), server.expect("a server"))
}

#[test]
fn a_panic_in_the_destructor_of_a_transport_does_not_unwind_from_ours() {
    let (client, _server) = over_a_grenade();
    drop(client);

    let (client, _server) = over_a_grenade();
    let payload = caught(|| {
        let _client = client;
        panic!("on the way");
    });
    assert_eq!(message(&payload.map(drop).expect_err("it panics")), "on the way");

    let (client_context, _) = Version::Tls13.contexts();
    let (left, _right) = duplex();
    let Err(HandshakeError::WantRead(handshake)) = client_ssl(&client_context).connect(Grenade(left)) else {
        panic!("it waits");
    };
    drop(handshake);

    let (left, _right) = duplex();
    let mut ssl = client_ssl(&client_context);
    ssl.set_stream(Grenade(left)).expect("a BIO");
    drop(ssl);

    // A transport that is given back is the caller's again, with its destructor.
    let (client, _server) = over_a_grenade();
    let parts = client.into_parts_discarding();
    let payload = caught(|| drop(parts.channel)).expect_err("it panics");
    assert_eq!(message(&payload), "in the destructor");
}

/// A callback whose captured values panic when the context lets them go.
#[test]
fn a_panic_in_the_destructor_of_a_callback_does_not_unwind_through_c() {
    struct Trap;
    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    let trap = Trap;
    let mut builder = Version::Tls13.client_builder();
    builder
        .set_info_callback(move |_, _| {
            let _ = &trap;
        })
        .expect("a callback");
    let context = builder.build();
    let ssl = client_ssl(&context);
    drop(context);
    drop(ssl);
}

thread_local! {
    static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

/// Does its work when its thread ends.
struct AtExit(Option<Box<dyn FnOnce()>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

/// Runs `work` in the destructor of a thread-local of a thread that ends. A panic that leaves it aborts the process.
fn at_exit(work: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(|| {
        AT_EXIT.with(|at_exit| *at_exit.borrow_mut() = Some(AtExit(Some(Box::new(work)))));
        // This thread has used the crate before.
        let (mut client, mut server) = Version::Tls13.connected();
        assert_works(&mut client, &mut server);
    });
    thread.join().expect("no panic");
}

#[test]
fn a_panic_while_a_thread_ends_is_contained_as_well() {
    let done = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&done);
    at_exit(move || {
        let (mut client, mut server) = Version::Tls13.connected();
        read_now(&mut client);
        client.channel_mut().on_read.push_back(Fault::Panic("late"));
        let payload = caught(|| client.read(&mut [0; 10])).expect_err("it panics");
        log.lock().expect("a log").push(message(&payload).to_owned());
        assert!(client.ssl().is_poisoned());
        client.read(&mut [0; 10]).expect_err("a refusal");
        drop(client);
        let (_, end) = read_all(&mut server);
        end.expect_err("a cut");
    });
    let log = Arc::clone(&done);
    at_exit(move || {
        let mut builder = Version::Tls13.client_builder();
        builder.set_info_callback(|_, _| panic!("later")).expect("a callback");
        let (_, server) = Version::Tls13.contexts();
        let mut victim = Victim::new(&(builder.build(), server), Role::Client, |_| ());
        let payload = victim.shake().expect_err("it panics");
        log.lock().expect("a log").push(message(&payload).to_owned());
        victim.assert_dead("at exit");
    });
    let log = Arc::clone(&done);
    at_exit(move || {
        let (client, _server) = over_a_grenade();
        drop(client);
        log.lock().expect("a log").push("latest".to_owned());
    });
    assert_eq!(*done.lock().expect("a log"), ["late", "later", "latest"]);
}
