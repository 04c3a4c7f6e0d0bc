//! The C program, and what it prints.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::c_program;
use super::common::{Made, pki};

/// What the C program printed.
pub struct Output {
    /// What OpenSSL_version_num(3) said, in hexadecimal.
    pub version: String,
    /// Its lines for each run, in the order of the file.
    pub runs: Vec<Run>,
}

/// One scenario on one transport.
pub struct Run {
    /// The scenario's name.
    pub id: String,
    /// The transport's.
    pub transport: String,
    /// A line for each call.
    pub lines: Vec<String>,
}

/// Builds the program and plays the scenarios.
pub fn play(scenarios: &Path) -> Output {
    let work = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("oracle-{}", std::process::id()));
    std::fs::create_dir_all(&work).expect("a directory for the C program");
    write_certificates(&work);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.c");
    let program = c_program::build(&work.join("oracle"), &[&source]);
    let output = Command::new(&program).arg(&work).arg(scenarios).output().expect("the C program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the C program failed: {errors}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("\nbroken "), "the C program could not play a scenario: {errors}{text}");
    std::fs::remove_dir_all(&work).expect("the directory is ours");
    parse(&text)
}

fn parse(text: &str) -> Output {
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version ")).expect("the version first");
    let version = version.into();
    let mut runs: Vec<Run> = Vec::new();
    for line in lines {
        match line.strip_prefix("= ").and_then(|head| head.split_once(' ')) {
            Some((id, transport)) => {
                runs.push(Run { id: id.into(), transport: transport.into(), lines: Vec::new() });
            }
            None => runs.last_mut().expect("a run before its lines").lines.push(line.into()),
        }
    }
    Output { version, runs }
}

/// Every identity by its name, as the scenarios use it.
pub fn identity(name: &str) -> &'static Made {
    let pki = pki();
    match name {
        "localhost" => &pki.localhost,
        "ed25519" => &pki.ed25519,
        "other_name" => &pki.other_name,
        "expired" => &pki.expired,
        "not_yet" => &pki.not_yet,
        "unknown_issuer" => &pki.unknown_issuer,
        "self_signed" => &pki.self_signed,
        "client" => &pki.client,
        name => panic!("no identity {name}"),
    }
}

fn write_certificates(directory: &Path) {
    let write = |name: String, text: &str| std::fs::write(directory.join(name), text).expect("a file");
    write("ca.pem".into(), &pki().ca_pem);
    for name in [
        "localhost",
        "ed25519",
        "other_name",
        "expired",
        "not_yet",
        "unknown_issuer",
        "self_signed",
        "client",
    ] {
        let made = identity(name);
        write(format!("{name}.pem"), &made.chain_pem);
        write(format!("{name}.key"), &made.key_pem);
    }
}
