//! The C program: built by the test, linked against the libssl that the test itself uses, and run.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    let program = build(&work);
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

fn build(directory: &Path) -> PathBuf {
    let host = host();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.c");
    let program = directory.join("oracle");
    let compiler = cc::Build::new()
        .target(&host)
        .host(&host)
        .opt_level(1)
        .out_dir(directory)
        .cargo_metadata(false)
        .try_get_compiler()
        .expect("a C compiler");
    let (before, after) = openssl();
    let mut command = compiler.to_command();
    command
        .args(["-Wall", "-Wextra", "-pthread"])
        .args(before)
        .arg(source)
        .arg("-o")
        .arg(&program)
        .args(after);
    let output = command.output().expect("the C compiler runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    program
}

/// The machine that the test runs on, as the compiler calls it.
fn host() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").into()
}

/// Arguments before and after the source file that find OpenSSL where openssl-sys found it.
fn openssl() -> (Vec<OsString>, Vec<OsString>) {
    let directory = env::var_os("OPENSSL_DIR").map(PathBuf::from);
    let of = |name, below: &str| {
        env::var_os(name).map(PathBuf::from).or_else(|| Some(directory.as_ref()?.join(below)))
    };
    let Some(include) = of("OPENSSL_INCLUDE_DIR", "include") else {
        return (pkg_config("--cflags"), pkg_config("--libs"));
    };
    let lib = env::var_os("OPENSSL_LIB_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let directory = directory.expect("OPENSSL_DIR or OPENSSL_LIB_DIR beside OPENSSL_INCLUDE_DIR");
        ["lib64", "lib"]
            .iter()
            .map(|name| directory.join(name))
            .find(|lib| lib.is_dir())
            .expect("lib or lib64")
    });
    let mut after = Vec::new();
    if env::var_os("OPENSSL_STATIC").is_some_and(|value| value != "0") {
        after.extend(["libssl.a", "libcrypto.a"].map(|name| lib.join(name).into_os_string()));
        after.push("-ldl".into());
    } else {
        after.extend(["-L".into(), lib.clone().into_os_string(), "-lssl".into(), "-lcrypto".into()]);
        after.push([OsString::from("-Wl,-rpath,"), lib.into_os_string()].into_iter().collect());
    }
    (vec!["-I".into(), include.into_os_string()], after)
}

fn pkg_config(what: &str) -> Vec<OsString> {
    let tool = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(tool).args([what, "openssl"]).output().expect("pkg-config runs");
    assert!(output.status.success(), "pkg-config does not know openssl");
    String::from_utf8_lossy(&output.stdout).split_whitespace().map(OsString::from).collect()
}
