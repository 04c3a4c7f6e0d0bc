//! Other programs as peers: started here, read line by line, and never left behind.
// Each test is a crate of its own and uses only a part of this.
#![allow(dead_code)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::{env, fs, process, thread};

/// The `openssl` command: the one that the variable `OPENSSL` names, or the one on the path.
///
/// Where the tests run under FIPS 140 it does not: files and peers come from elsewhere.
pub(crate) fn openssl() -> Command {
    let mut command = Command::new(env::var_os("OPENSSL").unwrap_or_else(|| OsString::from("openssl")));
    if env::var_os("LIBSSL_TEST_FIPS").is_some() {
        command.env_remove("OPENSSL_CONF").env_remove("OPENSSL_MODULES");
    }
    command
}

/// An example that cargo built beside this test. A plain `cargo test` builds all of them; after `cargo test --test NAME` they
/// are as `cargo build --examples` last left them.
pub(crate) fn example(name: &str) -> Command {
    let mut path: PathBuf = env::current_exe().expect("this test");
    path.pop(); // deps
    path.pop();
    path.extend(["examples", name]);
    assert!(path.exists(), "{} is not there: `cargo build --examples` makes it", path.display());
    Command::new(path)
}

/// `openssl s_server` on a free port, with the identity of two files, and its port.
///
/// It serves `connections` connections and ends, unless it is killed before.
pub(crate) fn s_server(
    files: &Files,
    identity: (&str, &str),
    connections: u32,
    extra: &[&str],
) -> (Running, u16) {
    let mut command = openssl();
    command.args(["s_server", "-accept", "127.0.0.1:0", "-naccept", &connections.to_string()]);
    command.arg("-cert").arg(files.path(identity.0)).arg("-key").arg(files.path(identity.1));
    command.args(extra);
    let mut server = Running::start(&mut command);
    let line = server.line_with("ACCEPT 127.0.0.1:");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    (server, port)
}

/// A program that runs, with pipes to all its streams. It is killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<(Stream, Vec<u8>)>,
    said: [Vec<u8>; 2],
}

/// Where a program says something.
#[derive(Clone, Copy)]
enum Stream {
    Stdout,
    Stderr,
}

/// How a program ended, and all that it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Running {
    /// Starts a program.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = mpsc::channel();
        // Read beside us, or a program that says much would wait.
        forward(Stream::Stdout, child.stdout.take().expect("a pipe"), sender.clone());
        forward(Stream::Stderr, child.stderr.take().expect("a pipe"), sender);
        Self { stdin: child.stdin.take(), child, lines, said: [Vec::new(), Vec::new()] }
    }

    /// Reads on, stdout and stderr, up to the next line with this text in it.
    ///
    /// # Panics
    ///
    /// If the program ends before it says that.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        while let Some(line) = self.next_line() {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(text) {
                return line;
            }
        }
        let [stdout, stderr] = self.all_said();
        panic!("it ended without {text:?}; stdout:\n{stdout}\nstderr:\n{stderr}");
    }

    /// Writes to the program's stdin.
    #[track_caller]
    pub(crate) fn say(&mut self, text: &str) {
        self.try_say(text).expect("it reads");
    }

    /// As [`say`](Self::say), to a program that may have ended.
    pub(crate) fn try_say(&mut self, text: &str) -> std::io::Result<()> {
        let stdin = self.stdin.as_mut().expect("its stdin");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush())
    }

    /// Its process, to send a signal to.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Closes its stdin and waits for its end.
    pub(crate) fn finish(mut self) -> Ended {
        self.stdin = None;
        while self.next_line().is_some() {}
        let status = self.child.wait().expect("its end");
        let [stdout, stderr] = self.all_said();
        Ended { status, stdout, stderr }
    }

    /// The next line of either stream, or `None` when both have ended.
    fn next_line(&mut self) -> Option<Vec<u8>> {
        let (stream, line) = self.lines.recv().ok()?;
        self.said[stream as usize].extend_from_slice(&line);
        Some(line)
    }

    fn all_said(&self) -> [String; 2] {
        [0, 1].map(|stream| String::from_utf8_lossy(&self.said[stream]).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn forward(stream: Stream, pipe: impl Read + Send + 'static, sender: Sender<(Stream, Vec<u8>)>) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let _ = sender.send((stream, std::mem::take(&mut line)));
        }
    });
}

/// Runs a program to its end with nothing on its stdin.
pub(crate) fn run(command: &mut Command) -> Ended {
    Running::start(command).finish()
}

/// A directory of files that goes when this is dropped.
pub(crate) struct Files(PathBuf);

impl Files {
    /// Writes the files, each under its name.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("files-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).expect("a directory");
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
        Self(directory)
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
