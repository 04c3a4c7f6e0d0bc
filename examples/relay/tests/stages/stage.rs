//! A stage under test: started, watched, and compared with the others.

use std::fmt::Debug;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use libssl::x509::PKey;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::commands::{Files, Running};
use crate::identities::pki;
use crate::peers::hang_up;

/// The stages, by their binaries.
const STAGES: [(&str, &str); 4] = [
    ("stage 0", env!("CARGO_BIN_EXE_relay-stage0")),
    ("stage 1", env!("CARGO_BIN_EXE_relay-stage1")),
    ("stage 2", env!("CARGO_BIN_EXE_relay-stage2")),
    ("stage 3", env!("CARGO_BIN_EXE_relay-stage3")),
];

/// A stage, with files that its arguments may name.
pub(crate) struct Stage {
    binary: &'static str,
    pub(crate) files: Files,
}

/// Plays a scene with each stage, and answers what all of them showed.
#[track_caller]
pub(crate) fn in_all_stages<T: PartialEq + Debug>(scene: impl Fn(&Stage) -> T) -> T {
    let mut seen = STAGES.map(|(name, binary)| {
        let stage = Stage { binary, files: files() };
        (name, scene(&stage))
    });
    let [(first, expected), others @ ..] = &mut seen;
    for (name, shown) in others {
        assert_eq!(shown, expected, "{name} and {first} differ");
    }
    let [(_, shown), ..] = seen;
    shown
}

/// How a relay ended, and its log without what differs from run to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) log: Vec<String>,
}

/// A relay that listens.
pub(crate) struct Relay {
    program: Running,
    pub(crate) port: u16,
}

fn files() -> Files {
    let pki = pki();
    let key = PKey::from_pem(pki.localhost.key_pem.as_bytes(), None).expect("a key");
    let locked = key.to_encrypted_pkcs8_pem("AES-256-CBC", b"open sesame").expect("a key");
    Files::new(&[
        ("ca.pem", &pki.ca_pem),
        ("localhost.pem", &pki.localhost.chain_pem),
        ("localhost.key", &pki.localhost.key_pem),
        ("locked.key", &locked),
        ("other.pem", &pki.other_name.chain_pem),
        ("other.key", &pki.other_name.key_pem),
        ("garbage.pem", "this is no certificate\n"),
    ])
}

impl Stage {
    /// The bare program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binary);
        command.args(arguments);
        command
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.files.path(name).to_str().expect("a path of ours").to_owned()
    }

    /// A relay to a TLS backend on this port, with both identities. It verifies the name `localhost`.
    pub(crate) fn relay(&self, backend: u16, more: &[&str]) -> Relay {
        let ca = self.file("ca.pem");
        let tls = ["--backend-ca", &ca, "--backend-name", "localhost"];
        self.start(self.command(&tls), backend, more)
    }

    /// A relay to a plain backend.
    pub(crate) fn plain_relay(&self, backend: u16, more: &[&str]) -> Relay {
        self.start(self.command(&["--backend-plain"]), backend, more)
    }

    /// The same, where `openssl.cnf` says this for all of TLS.
    pub(crate) fn plain_relay_under(&self, lines: &str, backend: u16, more: &[&str]) -> Relay {
        let config = self.files.path("openssl.cnf");
        let sections =
            "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = defaults\n[defaults]\n";
        std::fs::write(&config, format!("{sections}{lines}\n")).expect("a file");
        let mut command = self.command(&["--backend-plain"]);
        command.env("OPENSSL_CONF", config);
        self.start(command, backend, more)
    }

    fn start(&self, command: Command, backend: u16, more: &[&str]) -> Relay {
        let mut program = Running::start(self.serving(command, 0, backend).args(more));
        let line = program.line_with("relay: listening on 127.0.0.1:");
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Relay { program, port }
    }

    /// A relay to a plain backend that has neither stdout nor stderr to say that it listens on this port.
    pub(crate) fn mute_relay(&self, port: u16, backend: u16, more: &[&str]) -> Relay {
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" >&- 2>&-", "sh", self.binary, "--backend-plain"]);
        let mut program = Running::start(self.serving(command, port, backend).args(more));
        // It has its stdin until it ends.
        while TcpStream::connect(("127.0.0.1", port)).map(hang_up).is_err() {
            program.try_say("\n").expect("it runs");
            thread::sleep(Duration::from_millis(10));
        }
        Relay { program, port }
    }

    /// What to serve: both identities, to a backend on this port.
    fn serving(&self, mut command: Command, port: u16, backend: u16) -> Command {
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--backend", &format!("127.0.0.1:{backend}")]);
        for name in ["localhost", "other"] {
            let [chain, key] = [format!("{name}.pem"), format!("{name}.key")].map(|file| self.file(&file));
            let asked = if name == "other" { "other.example" } else { name };
            command.args(["--identity", asked, &chain, &key]);
        }
        command
    }
}

impl Relay {
    pub(crate) fn dial(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("the relay listens")
    }

    /// Waits until it says this.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) {
        self.program.line_with(text);
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::Term).expect("it runs");
    }

    /// From here on it may have so many descriptors open.
    pub(crate) fn limit_descriptors(&self, count: u64) {
        let limit = Rlimit { current: Some(count), maximum: Some(count) };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("it runs");
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.program.id()).ok().and_then(Pid::from_raw).expect("a process")
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Seen {
        let ended = self.program.finish();
        assert_eq!(ended.stdout, "", "the log goes to stderr");
        let log =
            ended.stderr.lines().filter(|line| !line.contains("listening on")).map(String::from).collect();
        Seen { code: ended.status.code(), log }
    }
}

impl Seen {
    /// It ended well, and said these lines, of which each begins as given.
    #[track_caller]
    pub(crate) fn assert_lines(&self, lines: &[&str]) {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert_eq!(self.log.len(), lines.len(), "{self:#?}");
        for (said, expected) in self.log.iter().zip(lines) {
            assert!(said.starts_with(expected), "{said:?} is not {expected:?}: {self:#?}");
        }
    }
}
