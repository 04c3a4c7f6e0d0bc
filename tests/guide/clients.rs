//! The clients of the guide: each gets from a peer what the others get from it.

use std::error::Error;
use std::ffi::{CStr, c_char, c_int, c_long};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libssl::ffi::SSL_CTX;
use libssl::{Connected, Ssl, SslContext};

use crate::common::{client_builder, identity, pki};
use crate::{
    Peer, answer, blocking, c_program, ca_file, dial, mirror, nonblocking, peer, pump, server, transpiled,
};

/// What is asked for: the answer from this port and host, in a buffer of this size where C gives one.
#[derive(Clone, Copy)]
struct Visit<'a> {
    port: u16,
    host: &'static CStr,
    room: usize,
    /// Is told who asks.
    began: Option<&'a Sender<Client>>,
}

/// Who asks.
enum Client {
    Process(u32),
    Thread(libc::pthread_t, TcpStream),
}

impl Client {
    /// Sends SIGUSR1. Whoever gave up is not there any more.
    fn interrupt(&self) {
        let _ = match self {
            // SAFETY: a signal is no memory.
            Self::Process(id) => unsafe { libc::kill(libc::pid_t::try_from(*id).unwrap(), libc::SIGUSR1) },
            // SAFETY: a thread that waits for this one's end.
            Self::Thread(id, _) => unsafe { libc::pthread_kill(*id, libc::SIGUSR1) },
        };
    }
}

impl Visit<'_> {
    fn to(port: u16) -> Self {
        Self { port, host: c"localhost", room: 1 << 20, began: None }
    }

    fn dial(&self, blocks: bool) -> TcpStream {
        let tcp = dial(self.port, blocks);
        // SAFETY: it tells who calls.
        let thread = unsafe { libc::pthread_self() };
        self.tell(Client::Thread(thread, tcp.try_clone().unwrap()));
        tcp
    }

    fn tell(&self, client: Client) {
        if let Some(began) = self.began {
            began.send(client).unwrap();
        }
    }
}

/// One way to fetch the answer: a program or a function.
type Fetch<'a> = Box<dyn Fn(Visit<'_>) -> Result<Vec<u8>, String> + 'a>;

fn by_c<'a>(function: &'static str, ca: &'a Path, blocks: bool) -> Fetch<'a> {
    let program = c_program(function, "fetch");
    Box::new(move |visit| {
        let mut command = Command::new(&program);
        command.args([&visit.port.to_string(), visit.host.to_str().unwrap()]).arg(ca);
        command.args([if blocks { "blocks" } else { "not" }, &visit.room.to_string()]);
        let client = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        visit.tell(Client::Process(client.id()));
        let output = client.wait_with_output().unwrap();
        match output.status.code() {
            Some(0) => Ok(output.stdout),
            Some(1) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            _ => panic!("{function}: {output:?}"),
        }
    })
}

type InC =
    unsafe extern "C" fn(*mut SSL_CTX, c_int, *const c_char, *const c_char, *mut c_char, usize) -> c_long;

fn as_c(context: &SslContext, function: InC) -> Fetch<'_> {
    Box::new(move |visit| {
        let tcp = visit.dial(true);
        let mut out = vec![0_u8; visit.room];
        let (host, question) = (visit.host, c"a question\n");
        // SAFETY: all of it lives through the call, and is as long as is said.
        let length = unsafe {
            let (room, out) = (out.len(), out.as_mut_ptr().cast());
            function(context.as_ptr(), tcp.as_raw_fd(), host.as_ptr(), question.as_ptr(), out, room)
        };
        let length = usize::try_from(length).map_err(|_| "it failed".to_owned())?;
        out.truncate(length);
        Ok(out)
    })
}

type InRust = fn(&SslContext, TcpStream, &str, &[u8]) -> Result<Vec<u8>, Box<dyn Error>>;

fn in_rust<'a>(context: &'a SslContext, function: InRust, blocks: bool) -> Fetch<'a> {
    Box::new(move |visit| {
        let (tcp, host) = (visit.dial(blocks), visit.host.to_str().unwrap());
        function(context, tcp, host, b"a question\n").map_err(|error| error.to_string())
    })
}

/// All of them.
fn ways<'a>(context: &'a SslContext, ca: &'a Path) -> [(&'static str, Fetch<'a>); 8] {
    [
        ("blocking.c", by_c("blocking", ca, true)),
        ("nonblocking.c", by_c("nonblocking", ca, false)),
        ("pump.c", by_c("pump", ca, true)),
        ("transpiled.rs", as_c(context, transpiled::fetch)),
        ("mirror.rs", as_c(context, mirror::fetch)),
        ("blocking.rs", in_rust(context, blocking::fetch, true)),
        ("nonblocking.rs", in_rust(context, nonblocking::fetch, false)),
        ("pump.rs", in_rust(context, pump::fetch, true)),
    ]
}

/// So many of them, the first, are C's, or get their buffer from C.
const WITH_A_BUFFER: usize = 5;

#[test]
fn each_client_of_the_guide_gets_the_same_from_the_same_peer() {
    let (_files, ca) = ca_file();
    let context = client_builder().build();
    let ways = ways(&context, &ca);
    for kind in
        [Peer::Answers, Peer::HasAnotherName, Peer::IsCut, Peer::Hangs, Peer::SpeaksHttp, Peer::Refuses]
    {
        for (name, fetch) in &ways {
            let (port, peer) = peer(kind);
            let fetched = fetch(Visit::to(port));
            peer.join().unwrap();
            match kind {
                Peer::Answers => assert!(fetched.as_deref() == Ok(&answer()), "{name}: {:?}", fetched.err()),
                _ => assert!(fetched.is_err(), "{name} got {} bytes from {kind:?}", fetched.unwrap().len()),
            }
        }
    }
}

/// A server of one client, which does this once it was asked; and its port.
fn asked(then: impl FnOnce(Connected<TcpStream>) + Send + 'static) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let context = SslContext::server(&identity(&pki().localhost)).unwrap().build();
        let tcp = listener.accept().unwrap().0;
        let mut connected = Ssl::new(&context).unwrap().accept(tcp).unwrap();
        connected.read_exact(&mut [0; 11]).unwrap();
        then(connected);
    });
    (port, server)
}

#[test]
fn a_whole_answer_is_not_lost_where_the_last_word_cannot_be_said() {
    let (_files, ca) = ca_file();
    let context = client_builder().build();
    // The others have their sockets for themselves; transpiled.rs does what blocking.c does.
    for (name, fetch) in ways(&context, &ca).into_iter().filter(|(name, _)| name.ends_with(".rs")) {
        let (sender, began) = mpsc::channel::<Client>();
        let (port, server) = asked(move |mut connected| {
            // Whatever the client writes from here on fails.
            let Client::Thread(_, client) = began.recv().unwrap() else { panic!("no socket of ours") };
            client.shutdown(Shutdown::Write).unwrap();
            connected.write_all(b"an answer\n").unwrap();
            connected.shutdown().unwrap();
            connected.read(&mut [0]).unwrap_err();
        });
        let fetched = fetch(Visit { began: Some(&sender), ..Visit::to(port) });
        server.join().unwrap();
        assert!(fetched.as_deref() == Ok(b"an answer\n"), "{name}: {fetched:?}");
    }
}

extern "C" fn ignore(_: c_int) {}

#[test]
fn a_signal_ends_nobody_who_waits() {
    // SAFETY: all zeros are a value of it; the handler does nothing, and without SA_RESTART ends what waits.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as extern "C" fn(c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    let (_files, ca) = ca_file();
    let context = client_builder().build();
    // In C a signal ends who waits in libssl.
    let goes_on = |name| !["blocking.c", "transpiled.rs", "mirror.rs"].contains(&name);
    for (name, fetch) in ways(&context, &ca).into_iter().filter(|(name, _)| goes_on(name)) {
        let (sender, began) = mpsc::channel::<Client>();
        let (port, server) = asked(move |mut connected| {
            let client = began.recv().unwrap();
            for _ in 0..20 {
                client.interrupt();
                thread::sleep(Duration::from_millis(1));
            }
            drop(client);
            let _ = connected.write_all(b"an answer\n");
            let _ = connected.shutdown();
            let _ = connected.read(&mut [0]);
        });
        let fetched = fetch(Visit { began: Some(&sender), ..Visit::to(port) });
        server.join().unwrap();
        assert!(fetched.as_deref() == Ok(b"an answer\n"), "{name}: {fetched:?}");
    }
}

#[test]
fn a_host_may_be_an_address() {
    let (_files, ca) = ca_file();
    let context = client_builder().build();
    for (name, fetch) in ways(&context, &ca) {
        for (host, is_theirs) in [(c"127.0.0.1", true), (c"::1", true), (c"127.0.0.2", false)] {
            let (port, peer) = peer(Peer::Answers);
            let fetched = fetch(Visit { host, ..Visit::to(port) });
            peer.join().unwrap();
            assert_eq!(fetched.is_ok(), is_theirs, "{name}, {host:?}: {:?}", fetched.err());
        }
    }
}

#[test]
fn a_buffer_that_the_answer_fills_is_enough_for_all_and_a_smaller_one_for_none() {
    let (_files, ca) = ca_file();
    let context = client_builder().build();
    let (ways, answer) = (ways(&context, &ca), answer());
    for (room, is_enough) in [(answer.len(), true), (answer.len() - 1, false), (0, false)] {
        for (name, fetch) in &ways[..WITH_A_BUFFER] {
            let (port, peer) = peer(Peer::Answers);
            let fetched = fetch(Visit { room, ..Visit::to(port) });
            peer.join().unwrap();
            if is_enough {
                assert!(fetched.as_ref() == Ok(&answer), "{name}: {:?}", fetched.err());
            } else {
                assert!(fetched.is_err(), "{name} got {} bytes into {room}", fetched.unwrap().len());
            }
        }
    }
}

const CHILD: &str = "LIBSSL_TEST_GUIDE_CHILD";

/// One of these tests in a process of its own, where it finds [`CHILD`].
fn in_child(test: &str, stderr: Stdio) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    let output = command.stdout(Stdio::piped()).stderr(stderr).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran in the child");
    output
}

#[test]
fn what_the_transpiled_function_says_is_what_c_says() {
    if std::env::var_os(CHILD).is_none() {
        let (_files, ca) = ca_file();
        let (port, server) = peer(Peer::HasAnotherName);
        let in_c = by_c("blocking", &ca, true)(Visit::to(port)).unwrap_err();
        server.join().unwrap();
        let output = in_child("clients::what_the_transpiled_function_says_is_what_c_says", Stdio::piped());
        let transpiled = String::from_utf8(output.stderr).unwrap();
        // A line begins with the thread's number.
        let reason = |said: &str| said.trim().split_once(":error:").map(|(_, reason)| reason.to_owned());
        assert!(reason(&in_c).is_some_and(|reason| reason.contains("certificate verify failed")), "{in_c}");
        assert_eq!(reason(&transpiled), reason(&in_c));
        return;
    }
    let context = client_builder().build();
    let (port, server) = peer(Peer::HasAnotherName);
    assert!(as_c(&context, transpiled::fetch)(Visit::to(port)).is_err());
    server.join().unwrap();
}

#[test]
fn what_cannot_be_told_on_stderr_ends_no_program() {
    if std::env::var_os(CHILD).is_none() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        in_child("clients::what_cannot_be_told_on_stderr_ends_no_program", full.into());
        return;
    }
    let context = client_builder().build();
    let (port, server) = peer(Peer::HasAnotherName);
    assert!(as_c(&context, mirror::fetch)(Visit::to(port)).is_err());
    server.join().unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    drop(dial(listener.local_addr().unwrap().port(), true));
    let identity = identity(&pki().localhost);
    assert_eq!(server::serve(&listener, 1, &identity, &identity).unwrap(), 0);
}
