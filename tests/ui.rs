//! What must not compile, does not: each file of `tests/ui` names the error that the compiler must answer.
//!
//! The compiler's words differ between its versions, so only its error codes count. `tests/ui/compiles.rs` must
//! compile: without it, a broken set-up would look like success.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Compiles one file against the crate as this test was built with it, and gives the codes of the errors.
fn compile(file: &Path, library: &Path) -> Result<(), Vec<String>> {
    let deps = library.parent().expect("a folder");
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition=2024", "--crate-type=bin", "--error-format=short", "--emit=metadata", "-o"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui.rmeta"))
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("libssl={}", library.display()))
        .arg(file);
    // With `--target` the procedural macros lie elsewhere: target/debug/deps beside target/TRIPLE/debug/deps.
    if let Some(of_host) = deps.ancestors().nth(3).map(|target| target.join("debug/deps")) {
        rustc.arg("-L").arg(format!("dependency={}", of_host.display()));
    }
    // What changes the language or the ABI (a sanitizer) must be the same on both sides.
    rustc.args(env::var("RUSTFLAGS").unwrap_or_default().split_whitespace());
    let output = rustc.output().expect("a compiler");
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let mut codes: Vec<_> = text
        .match_indices("error[")
        .filter_map(|(at, found)| text[at + found.len()..].split(']').next())
        .map(str::to_owned)
        .collect();
    codes.sort();
    codes.dedup();
    if codes.is_empty() {
        codes.push(text.into_owned());
    }
    Err(codes)
}

/// The crate's library that this test was built with: several may lie in the folder, built by other compilers or
/// with other features, and all but the newest ones are stale.
fn library(control: &Path) -> PathBuf {
    let test = env::current_exe().expect("a path");
    let deps = test.parent().expect("a folder");
    let mut found: Vec<_> = fs::read_dir(deps)
        .expect("a folder")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let library = name.starts_with("liblibssl-") && name.ends_with(".rlib");
            library.then_some((entry.metadata().ok()?.modified().ok()?, entry.path()))
        })
        .collect();
    found.sort();
    let mut refusals = Vec::new();
    for (_, library) in found.into_iter().rev() {
        match compile(control, &library) {
            Ok(()) => return library,
            Err(codes) => refusals.push(codes),
        }
    }
    panic!("{} compiles with no library: {refusals:?}", control.display());
}

#[test]
fn what_must_not_compile_does_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let library = library(&folder.join("compiles.rs"));
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| !path.ends_with("compiles.rs"))
        .collect();
    files.sort();
    assert!(files.len() >= 12, "files are missing: {files:?}");
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file");
        let expected: Vec<_> = text
            .lines()
            .find_map(|line| line.strip_prefix("//@ error: "))
            .unwrap_or_else(|| panic!("{} names no error", file.display()))
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        match compile(&file, &library) {
            Err(codes) if codes.iter().all(|code| expected.contains(code)) => {}
            outcome => wrong.push(format!("{}: {outcome:?}, not {expected:?}", file.display())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
