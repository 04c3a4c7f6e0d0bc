//! Programs whose `main` is C's. Nobody has ignored SIGPIPE for them: which channels raise it, and how to live with it.
//! And objects, callbacks and errors pass between both halves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod c_program;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

/// Runs the C program, whose argument picks what it does.
fn run(task: &str) -> ExitStatus {
    command(task).status().unwrap()
}

fn command(task: &str) -> Command {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c_main");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_main");
        c_program::build(&program, &[&here.join("main.c"), &rust_half()])
    });
    let mut command = Command::new(program);
    command.arg(task);
    command
}

/// The static library that Cargo makes of `tests/c_main/lib.rs`, beside the examples.
fn rust_half() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let library = test.parent().and_then(Path::parent).unwrap().join("examples/libc_main.a");
    assert!(library.exists(), "{} is missing: `cargo build --examples` makes it", library.display());
    library
}

/// A library with a sanitizer inside needs that sanitizer's own runtime, which only Rust's linker knows.
fn is_sanitized() -> bool {
    std::env::var_os("LIBSSL_TEST_SANITIZER").is_some_and(|name| {
        eprintln!("skipped under the {} sanitizer", name.to_string_lossy());
        true
    })
}

#[test]
fn a_stream_of_the_standard_library_raises_no_sigpipe() {
    if is_sanitized() {
        return;
    }
    assert_eq!(run("stream").code(), Some(0));
}

#[test]
fn a_socket_raises_sigpipe_before_openssl_4() {
    if is_sanitized() {
        return;
    }
    // SAFETY: reads a number.
    let version = unsafe { openssl_sys::OpenSSL_version_num() } >> 28;
    let status = run("socket");
    if version < 4 {
        assert_eq!(status.signal(), Some(libc::SIGPIPE), "{status}");
    } else {
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

#[test]
fn a_c_program_that_ignores_sigpipe_gets_an_error_from_a_socket() {
    if is_sanitized() {
        return;
    }
    assert_eq!(run("socket-ignored").code(), Some(0));
}

#[test]
fn c_and_rust_take_turns_on_one_handshake_and_connection() {
    if is_sanitized() {
        return;
    }
    assert_eq!(run("hand-over").code(), Some(0));
}

#[test]
fn a_rust_panic_under_frames_of_c_alone_is_a_failure_that_c_sees() {
    if is_sanitized() {
        return;
    }
    let output = command("panic").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("at depth 0"), "it did panic");
}

#[test]
fn c_prints_an_error_of_rusts_as_its_own() {
    if is_sanitized() {
        return;
    }
    let output = command("error").output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains(":libssl (Rust):PEM_read_bio_X509_AUX:input or output failed:"), "{printed}");
    assert!(printed.contains("/there is no such file"), "{printed}");
}
