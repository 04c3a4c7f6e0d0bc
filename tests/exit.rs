//! A program ends while its threads still use TLS: OpenSSL's cleanup at exit must not free what they use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use common::{client_context, server_context, shake};

const CHILD: &str = "LIBSSL_TEST_EXIT";

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
