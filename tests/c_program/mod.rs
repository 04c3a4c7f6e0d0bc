//! C programs: built by the tests, linked against the libssl that the tests themselves use.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles and links `inputs`, sources and static libraries, to `program`, and returns its path.
pub fn build(program: &Path, inputs: &[&Path]) -> PathBuf {
    let host = host();
    let compiler = cc::Build::new()
        .target(&host)
        .host(&host)
        .opt_level(1)
        .out_dir(env!("CARGO_TARGET_TMPDIR"))
        .cargo_metadata(false)
        .try_get_compiler()
        .expect("a C compiler");
    let (before, after) = openssl();
    let mut command = compiler.to_command();
    command.args(["-Wall", "-Wextra", "-pthread"]).args(before).args(inputs).arg("-o").arg(program);
    command.args(after).args(["-ldl", "-lm"]);
    let output = command.output().expect("the C compiler runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    program.into()
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
