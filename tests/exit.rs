//! Programs that end while their threads still use TLS, where OpenSSL's cleanup at exit must not free what they use, and
//! programs that fork: one context for several processes, and connections that belong to one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{ptr, thread};

use common::{Turn, client_context, client_ssl, server_context, shake, unix_pair};
use libssl::connected::ShutdownProgress;
use libssl::{Connected, Ssl, SslContext};
use openssl_sys as sys;
use support::{assert_works, finish};

const CHILD: &str = "LIBSSL_TEST_EXIT";
const PREFORK: &str = "LIBSSL_TEST_PREFORK";

/// The program that ends early: some threads shake hands for ever, and after a while the process exits as one does whose
/// `main` returns.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    static HANDSHAKES: AtomicU32 = AtomicU32::new(0);
    let (client, server) = (client_context(), server_context());
    for _ in 0..4 {
        let (client, server) = (client.clone(), server.clone());
        thread::spawn(move || {
            loop {
                let (client, server) = shake(&client, &server);
                assert!(client.is_ok() && server.is_ok());
                HANDSHAKES.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while HANDSHAKES.load(Ordering::Relaxed) < 20 {
        thread::yield_now();
    }
    std::process::exit(0);
}

#[test]
fn a_program_may_end_while_its_threads_shake_hands() {
    for _ in 0..15 {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program).args(["--exact", "child"]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
}

type Live = (Connected<UnixStream>, Connected<UnixStream>);

fn sockets() -> (UnixStream, UnixStream) {
    let (one, other) = unix_pair();
    one.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    (one, other)
}

/// Two ends of a handshake that waits.
fn begun(client: &SslContext, server: &SslContext) -> (Turn<UnixStream>, Turn<UnixStream>) {
    let (one, other) = sockets();
    let client = Turn::of(client_ssl(client).connect(one));
    (client, Turn::of(Ssl::new(server).unwrap().accept(other)))
}

/// The program that forks: it makes its contexts, and has a connection and a handshake of its own, before it has workers.
#[test]
fn prefork() {
    if std::env::var_os(PREFORK).is_none() {
        return;
    }
    const WORKERS: usize = 3;
    let (client, server) = (client_context(), server_context());
    let (one, other) = begun(&client, &server);
    let mut live = finish(one, other);
    let under_way = begun(&client, &server);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();

    let mut workers = BTreeMap::new();
    for number in 0..WORKERS {
        // SAFETY: the test harness's own thread only waits for this one, and holds no lock.
        match unsafe { libc::fork() } {
            0 => {
                let work = AssertUnwindSafe(|| worker(number, &server, &listener, live, under_way));
                let code = i32::from(catch_unwind(work).is_err());
                // SAFETY: ends the process, without what the parent is to do at its end.
                unsafe { libc::_exit(code) }
            }
            pid => assert!(pid > 0 && workers.insert(pid.to_string(), 0).is_none()),
        }
    }

    // The workers have it: once they are gone, who visits them is refused.
    let address = listener.local_addr().unwrap();
    drop(listener);
    let crossed = visit(&client, address, &mut workers);
    for (pid, visits) in &workers {
        assert_eq!(*visits, VISITS, "{workers:?}");
        let mut status = 0;
        // SAFETY: a child of this process, and a local of the type C writes.
        unsafe { libc::waitpid(pid.parse().unwrap(), &raw mut status, 0) };
        assert_eq!(status, 0, "worker {pid}");
    }
    assert!(crossed > 0, "one worker resumes what another began");

    // The workers dropped their copies, or ended with them: nothing was sent.
    assert_works(&mut live.0, &mut live.1);
    let (mut one, mut other) = finish(under_way.0, under_way.1);
    assert_works(&mut one, &mut other);
}

/// How many clients a worker serves.
const VISITS: usize = 2;

/// Serves some clients, with the context that the parent made. What was there before is the parent's.
fn worker(
    number: usize,
    server: &SslContext,
    listener: &TcpListener,
    live: Live,
    under_way: (Turn<UnixStream>, Turn<UnixStream>),
) {
    let mut live = Some((live, under_way));
    match number {
        0 => drop(live.take()),
        1 => {
            let ((one, _), _) = live.as_mut().unwrap();
            one.mark_failed("it is the parent's").unwrap();
            assert_eq!(one.shutdown().unwrap(), ShutdownProgress::Skipped);
        }
        _ => {}
    }
    for _ in 0..VISITS {
        let (stream, _) = listener.accept().unwrap();
        let mut connected = Ssl::new(server).unwrap().accept(stream).expect("a client");
        write!(connected, "{}", std::process::id()).unwrap();
        connected.flush().unwrap();
        connected.shutdown().unwrap();
    }
    // A leak checker would not find what the parent holds.
    if number == 2 && std::env::var_os("LIBSSL_TEST_SANITIZER").is_none() {
        // As a program ends whose `main` returns, with all that it has.
        std::process::exit(0);
    }
}

/// Visits the workers, each time with the session of the visit before. How often one was resumed by another worker.
fn visit(client: &SslContext, address: SocketAddr, workers: &mut BTreeMap<String, usize>) -> usize {
    let (mut session, mut crossed) = (ptr::null_mut::<sys::SSL_SESSION>(), 0);
    let mut earlier = String::new();
    for _ in 0..workers.len() * VISITS {
        let ssl = client_ssl(client);
        if !session.is_null() {
            // SAFETY: the object is live, and takes a reference of its own; the session's was ours.
            unsafe {
                assert_eq!(sys::SSL_set_session(ssl.as_ptr(), session), 1);
                sys::SSL_SESSION_free(session);
            }
        }
        let stream = TcpStream::connect(address).unwrap();
        let mut connected = ssl.connect(stream).expect("a worker");
        let mut pid = String::new();
        connected.read_to_string(&mut pid).unwrap();
        *workers.get_mut(&pid).expect("one of them") += 1;
        // SAFETY: the object is live; the session's reference is ours (get1).
        let resumed = unsafe {
            session = openssl_sys_ext::SSL_get1_session(connected.ssl().as_ptr());
            sys::SSL_session_reused(connected.ssl().as_ptr()) == 1
        };
        crossed += usize::from(resumed && pid != earlier);
        earlier = pid;
    }
    // SAFETY: the last one's reference is ours.
    unsafe { sys::SSL_SESSION_free(session) };
    crossed
}

#[test]
fn workers_share_the_contexts_of_their_parent_and_leave_its_connections_alone() {
    let program = std::env::current_exe().unwrap();
    let arguments = ["--exact", "prefork", "--test-threads=1", "--nocapture"];
    let output = Command::new(program).args(arguments).env(PREFORK, "1").output().unwrap();
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}
