//! The guide for ports: its page holds the files of `docs/porting` word for word, and each Rust function does what the C
//! function beside it does, with the same peers.
// A test that fails panics; what the guide shows as it is before it is mended is not ours to polish.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod c_program;
#[path = "guide/clients.rs"]
mod clients;
mod commands;
mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use commands::{Files, Running, openssl, run};
use common::{Made, client_builder, client_ssl, identity, pki};
use libssl::context::{ClientHelloDecision, SslVerifyMode, VerifyView};
use libssl::error::ErrorStack;
use libssl::{Alert, Connected, Identity, Ssl, SslContext, SslRef, Want};

#[path = "../docs/porting/blocking.rs"]
mod blocking;
#[path = "../docs/porting/errors.rs"]
mod errors;
#[path = "../docs/porting/handover.rs"]
mod handover;
#[path = "../docs/porting/mirror.rs"]
#[allow(clippy::disallowed_methods, clippy::missing_safety_doc)]
mod mirror;
#[path = "../docs/porting/nonblocking.rs"]
mod nonblocking;
#[path = "../docs/porting/pump.rs"]
mod pump;
#[path = "../docs/porting/server.rs"]
mod server;
#[path = "../docs/porting/shutdown.rs"]
mod shutdown;
#[path = "../docs/porting/transpiled.rs"]
#[allow(unused, clippy::all, clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
mod transpiled;

const PAGE: &str = "docs/porting.md";

/// More than a record, and more than a socket takes at once.
const LINES: usize = 20_000;

fn answer() -> Vec<u8> {
    (0..LINES).flat_map(|line| format!("line {line}\n").into_bytes()).collect()
}

/// The page with each block as its file is, which a comment before it names.
fn renewed(page: &str, root: &Path) -> String {
    let mut renewed = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        renewed += line;
        renewed.push('\n');
        let named = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = named.filter(|name| name.starts_with("porting/")) else { continue };
        let fence = lines.next().filter(|line| line.starts_with("```")).expect("a block after its name");
        while lines.next().expect("the end of the block") != "```" {}
        let text = std::fs::read_to_string(root.join("docs").join(name)).expect("the file that is named");
        renewed += &format!("{fence}\n{text}```\n");
    }
    renewed
}

#[test]
fn the_page_shows_the_files_that_are_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join(PAGE)).unwrap();
    let renewed = renewed(&page, root);
    if std::env::var_os("LIBSSL_BLESS").is_some() {
        std::fs::write(root.join(PAGE), &renewed).unwrap();
    }
    assert!(page == renewed, "{PAGE} is stale: LIBSSL_BLESS=1 cargo test --test guide");
    for file in std::fs::read_dir(root.join("docs/porting")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("<!-- porting/{name} -->")), "the page does not show {name}");
    }
}

/// A C function of the guide and the program around it, built once: what runs in another test cannot be written anew.
fn c_program(function: &'static str, around: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap();
    built.entry(function).or_insert_with(|| build(function, around)).clone()
}

fn build(function: &str, around: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [
        root.join("docs/porting").join(function).with_extension("c"),
        root.join("tests/porting").join(around).with_extension("c"),
    ];
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guide-{function}"));
    c_program::build(&program, &[&sources[0], &sources[1]])
}

/// What a peer does once it has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Answers,
    /// With a certificate of another name.
    HasAnotherName,
    /// Half of the answer, and then no close_notify.
    IsCut,
    /// At once, without a word.
    Hangs,
    SpeaksHttp,
    /// With the alert `access_denied`.
    Refuses,
    /// It never answers.
    IsSilent,
}

/// A server that has one client; its port. It ends with that client.
fn peer(kind: Peer) -> (u16, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = move || {
        let (mut tcp, _) = listener.accept().unwrap();
        match kind {
            Peer::Hangs => return,
            Peer::SpeaksHttp => {
                let _ = tcp.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n");
                let _ = tcp.shutdown(Shutdown::Write);
                let _ = tcp.read_to_end(&mut Vec::new());
                return;
            }
            Peer::IsSilent => {
                let _ = tcp.read_to_end(&mut Vec::new());
                return;
            }
            _ => {}
        }
        let made = if kind == Peer::HasAnotherName { &pki().other_name } else { &pki().localhost };
        let mut context = SslContext::server(&identity(made)).unwrap();
        if kind == Peer::Refuses {
            context.set_client_hello_cb(|_| ClientHelloDecision::Refuse(Alert::ACCESS_DENIED)).unwrap();
        }
        let Ok(mut connected) = Ssl::new(&context.build()).unwrap().accept(tcp) else { return };
        let mut question = [0; 11];
        if connected.read_exact(&mut question).is_err() {
            return;
        }
        assert_eq!(&question, b"a question\n");
        let answer = answer();
        if kind == Peer::IsCut {
            let _ = connected.write_all(&answer[..answer.len() / 2]);
            let _ = connected.channel().shutdown(Shutdown::Write);
            let _ = connected.read(&mut [0]);
            return;
        }
        let _ = connected.write_all(&answer);
        let _ = connected.shutdown();
        // Until the client has read all of it.
        let _ = connected.read(&mut [0]);
    };
    (port, thread::spawn(serve))
}

fn ca_file() -> (Files, PathBuf) {
    let files = Files::new(&[("ca.pem", &pki().ca_pem)]);
    let path = files.path("ca.pem");
    (files, path)
}

fn dial(port: u16, blocks: bool) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    tcp.set_nonblocking(!blocks).unwrap();
    tcp
}

#[test]
fn a_server_that_cannot_accept_goes_on_as_c_does() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Nobody comes, and it does not wait.
    listener.set_nonblocking(true).unwrap();
    let identity = identity(&pki().localhost);
    assert_eq!(server::serve(&listener, 2, &identity, &identity).unwrap(), 0);
}

/// C's object in Rust's hands for the length of its handshake.
#[test]
fn a_handshake_that_c_began_is_finished_in_rust() {
    // A library with a sanitizer inside needs that sanitizer's own runtime, which only Rust's linker knows.
    if std::env::var_os("LIBSSL_TEST_SANITIZER").is_some() {
        return;
    }
    let (_files, ca) = ca_file();
    let library = std::env::current_exe().unwrap();
    let library = library.parent().and_then(Path::parent).unwrap().join("examples/libc_main.a");
    assert!(library.exists(), "{} is missing: `cargo build --examples` makes it", library.display());
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guide-handover");
    let sources = [root.join("docs/porting/handover.c"), root.join("tests/porting/fetch.c")];
    c_program::build(&program, &[&sources[0], &sources[1], &library]);
    for kind in
        [Peer::Answers, Peer::HasAnotherName, Peer::IsCut, Peer::Hangs, Peer::SpeaksHttp, Peer::Refuses]
    {
        let (port, peer) = peer(kind);
        let mut command = Command::new(&program);
        command.args([&port.to_string(), "localhost"]).arg(&ca).arg("not");
        let output = command.output().unwrap();
        peer.join().unwrap();
        if kind == Peer::Answers {
            assert!(output.status.success() && output.stdout == answer(), "{output:?}");
        } else {
            assert_eq!(output.status.code(), Some(1), "{kind:?}: {output:?}");
            assert!(!output.stderr.is_empty() || kind == Peer::Hangs, "{kind:?} left nothing in the queue");
        }
    }
}

#[test]
fn a_handshake_that_rust_cannot_finish_leaves_the_reason_in_the_queue() {
    let mut builder = client_builder();
    let suspends = |view: &mut VerifyView<'_>| view.suspend().is_ok();
    builder.set_verify_callback(SslVerifyMode::PEER, suspends).unwrap();
    let (port, peer) = peer(Peer::Answers);
    let tcp = dial(port, false);
    let mut ssl = client_ssl(&builder.build());
    // SAFETY: the socket is open for as long as the object is.
    unsafe { ssl.set_fd(tcp.as_raw_fd()) }.unwrap();
    // A peer that is fast has answered before the first read, and then it is the callback that suspends.
    let first = SslRef::connect(&mut ssl).unwrap_err().want();
    assert!(matches!(first, Some(Want::Read | Want::RetryVerify)), "{first:?}");

    // SAFETY: nobody else uses the object, whose BIO has this descriptor.
    let finished = unsafe { handover::finish_handshake(ssl.as_ptr(), tcp.as_raw_fd()) };

    let queue = ErrorStack::drain();
    assert_eq!(finished, 0);
    assert!(queue.iter().any(|reason| reason.data().contains("verif")), "{queue:?}");
    drop((ssl, tcp));
    peer.join().unwrap();
}

#[test]
fn an_outcome_is_told_in_the_same_words() {
    let (_files, ca) = ca_file();
    let program = c_program("errors", "tell");
    let cases = [
        (Peer::Answers, true, "connected"),
        (Peer::HasAnotherName, true, "refused: hostname mismatch (62)"),
        (Peer::Hangs, true, "cut"),
        // In the words of the version that runs.
        (Peer::SpeaksHttp, true, "failed: "),
        (Peer::Refuses, true, "alert 49"),
        (Peer::IsSilent, false, "wants to read"),
    ];
    for (kind, blocks, told) in cases {
        let (port, server) = peer(kind);
        let mut command = Command::new(&program);
        command.args([&port.to_string(), "localhost"]).arg(&ca).arg(if blocks { "blocks" } else { "not" });
        let in_c = String::from_utf8(command.output().unwrap().stdout).unwrap();
        server.join().unwrap();
        let (port, server) = peer(kind);
        let outcome = client_ssl(&client_builder().build()).connect(dial(port, blocks));
        let in_rust = errors::tell(&outcome);
        drop(outcome);
        server.join().unwrap();
        // A connection that hangs up at once may be reset.
        let reset = |line: &str| kind == Peer::Hangs && line.contains("onnection reset");
        assert!(in_c.starts_with(told) || reset(&in_c), "{kind:?} in C: {in_c}");
        assert!(in_rust == in_c || reset(&in_rust) || reset(&in_c), "{kind:?}: {in_rust}");
    }
}

/// What a peer does after its handshake, over a blocking socket.
type AfterHandshake = fn(&mut Connected<TcpStream>);

#[test]
fn an_end_is_clean_or_cut_for_both() {
    let (_files, ca) = ca_file();
    let program = c_program("shutdown", "finish");
    let cases: [(&str, AfterHandshake, &str); 3] = [
        (
            "it still has something to say",
            |connected| {
                assert_eq!(connected.read(&mut [0]).unwrap(), 0);
                connected.write_all(&[7; 5000]).unwrap();
                let _ = connected.shutdown();
            },
            "5000",
        ),
        (
            "it is cut",
            |connected| {
                assert_eq!(connected.read(&mut [0]).unwrap(), 0);
                connected.channel().shutdown(Shutdown::Both).unwrap();
            },
            "cut",
        ),
        (
            "it ends at once",
            |connected| {
                let _ = connected.shutdown();
                let _ = connected.read(&mut [0]);
            },
            "0",
        ),
    ];
    for (what, after, expected) in cases {
        let serve = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let serve = move || {
                let (tcp, _) = listener.accept().unwrap();
                let context = SslContext::server(&identity(&pki().localhost)).unwrap().build();
                after(&mut Ssl::new(&context).unwrap().accept(tcp).unwrap());
            };
            (port, thread::spawn(serve))
        };
        let (port, server) = serve();
        let mut command = Command::new(&program);
        command.args([&port.to_string(), "localhost"]).arg(&ca).arg("blocks");
        let in_c = String::from_utf8(command.output().unwrap().stdout).unwrap();
        server.join().unwrap();
        let (port, server) = serve();
        let mut connected = client_ssl(&client_builder().build()).connect(dial(port, true)).unwrap();
        let in_rust = shutdown::finish(&mut connected).map_or("cut".to_owned(), |late| late.to_string());
        server.join().unwrap();
        assert_eq!((in_c.as_str(), in_rust.as_str()), (expected, expected), "{what}");
    }
}

/// What `openssl s_client` says of three connections to a server: to a name, to another, and to the first again with the
/// session of before.
fn three_clients(port: u16, files: &Files) -> [(String, bool); 3] {
    let session = files.path("session.pem");
    [("localhost", false), ("other.example", false), ("localhost", true)].map(|(name, again)| {
        let mut command = openssl();
        command.args(["s_client", "-ign_eof", "-connect", &format!("127.0.0.1:{port}"), "-servername", name]);
        command.arg("-CAfile").arg(files.path("ca.pem"));
        match (name, again) {
            ("localhost", false) => command.arg("-sess_out").arg(&session),
            ("localhost", true) => command.arg("-sess_in").arg(&session),
            _ => &mut command,
        };
        let said = run(&mut command).stdout;
        assert!(said.lines().any(|line| line.ends_with("hello")), "{said}");
        let subject = said.lines().find(|line| line.starts_with("subject=")).unwrap_or_default().to_owned();
        (subject, said.contains("Reused, TLS"))
    })
}

#[test]
fn each_server_of_the_guide_serves_both_hosts_and_resumes() {
    let (localhost, other): (&Made, &Made) = (&pki().localhost, &pki().other_name);
    let files = Files::new(&[
        ("ca.pem", &pki().ca_pem),
        ("chain.pem", &localhost.chain_pem),
        ("key.pem", &localhost.key_pem),
        ("other-chain.pem", &other.chain_pem),
        ("other-key.pem", &other.key_pem),
    ]);
    let mut command = Command::new(c_program("server", "serve"));
    command.arg("3");
    command.args(["chain.pem", "key.pem", "other-chain.pem", "other-key.pem"].map(|name| files.path(name)));
    let mut server = Running::start(&mut command);
    let port = server.line_with("").trim().parse().unwrap();
    let in_c = three_clients(port, &files);
    assert_eq!(server.finish().stdout.lines().last(), Some("1"));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (localhost, other): (Identity, Identity) =
            (identity(&pki().localhost), identity(&pki().other_name));
        server::serve(&listener, 3, &localhost, &other).map_err(|error| error.to_string())
    });
    let in_rust = three_clients(port, &files);
    assert_eq!(server.join().unwrap(), Ok(1));

    assert_eq!(in_c, in_rust);
    assert!(in_c[0].0.contains("localhost") && in_c[1].0.contains("other.example"), "{in_c:?}");
    assert_eq!(in_c.map(|(_, reused)| reused), [false, false, true]);
}
