//! The C program that judges all chains, and what it says.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use libssl::VerifyError;

use super::super::c_program;
use super::cases::{Case, ROLES, Role, Verdict};

/// As what a chain is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By itself, with all settings in the store.
    Alone,
    /// As libssl does it in a handshake.
    Tls,
}

/// All verdicts of C.
pub struct Oracle {
    /// What OpenSSL_version_num(3) says there.
    pub version: u64,
    verdicts: HashMap<(usize, Mode, bool), Verdict>,
}

impl Oracle {
    /// Builds the program and lets it judge the chains whose files are in this directory.
    pub fn ask(directory: &Path, cases: &[Case]) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chains/oracle.c");
        let program = c_program::build(&directory.join("oracle"), &[&source]);
        let mut questions = String::new();
        for (number, case) in cases.iter().enumerate() {
            for role in ROLES {
                for mode in ["alone", "tls"] {
                    let role_name = if role == Role::Server { "server" } else { "client" };
                    write!(questions, "{} {number} {mode} {role_name}", directory.display()).expect("a text");
                    for setting in settings(case, role, mode == "tls") {
                        write!(questions, " {setting}").expect("a text");
                    }
                    questions.push('\n');
                }
            }
        }
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the C program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let writer = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
        let output = child.wait_with_output().expect("its end");
        assert!(output.status.success(), "the C program failed; it says why on stderr");
        writer.join().expect("no panic").expect("the C program reads all");
        Self::parse(&String::from_utf8(output.stdout).expect("ASCII"))
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix("version ")).expect("the version first");
        let version = u64::from_str_radix(version, 16).expect("a version");
        let verdicts = lines.map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let mode = if words[1] == "tls" { Mode::Tls } else { Mode::Alone };
            let number = |word: &str| word.parse::<u32>().expect("a number");
            let verdict = match words[3] {
                "accepted" if words[4] == "-" => Verdict::Accepted(None),
                "accepted" => Verdict::Accepted(Some(unhex(words[4]))),
                "refused" => {
                    let code = i32::try_from(number(words[4])).expect("a code");
                    Verdict::Refused(VerifyError(code), number(words[5]))
                }
                "unset" => Verdict::Unset,
                "malformed" => Verdict::Malformed,
                _ => panic!("no verdict: {line}"),
            };
            ((words[0].parse().expect("a number"), mode, words[2] == "client"), verdict)
        });
        Self { version, verdicts: verdicts.collect() }
    }

    /// What C says about a case.
    pub fn verdict(&self, number: usize, mode: Mode, role: Role) -> &Verdict {
        &self.verdicts[&(number, mode, role == Role::Client)]
    }
}

/// What the C program is told. In a handshake the purpose is the connection's own.
fn settings(case: &Case, role: Role, tls: bool) -> Vec<String> {
    let params = &case.params;
    let hosts = params.hosts.iter().map(|host| format!("host={}", hex(host)));
    let purpose = if tls { params.purpose } else { Some(case.purpose_for(role)) };
    let single = [
        (params.host_flags != 0).then(|| format!("hostflags={}", params.host_flags)),
        params.ip.map(|ip| format!("ip={ip}")),
        params.email.map(|email| format!("email={email}")),
        purpose.map(|purpose| format!("purpose={}", purpose.0)),
        (params.flags != 0).then(|| format!("flags={}", params.flags)),
        params.depth.map(|depth| format!("depth={depth}")),
        Some(format!("level={}", params.level)),
        params.time.map(|time| format!("time={time}")),
    ];
    let policies = params.policies.iter().map(|policy| format!("policy={policy}"));
    hosts.chain(single.into_iter().flatten()).chain(policies).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(digits).collect()
}
