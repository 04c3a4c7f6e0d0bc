//! A program that runs on an OpenSSL older than its headers, or of another major version, is told so before it does
//! anything with it.
//!
//! The OpenSSL that runs is the real one here; a library in front of it answers for its version.
#![allow(clippy::expect_used, clippy::panic)]

mod commands;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use libssl::library::{Version, danger_accept_older_patch};
use libssl::x509::X509StoreBuilder;
use libssl::{Error, ErrorKind, LibContext, SslContext, SslMethod, library};

use commands::{Ended, Files, run};

const CHILD: &str = "LIBSSL_TEST_MISMATCH";

/// Whether OpenSSL is a library that another one can stand in front of, and not a part of this program.
fn is_shared() -> bool {
    fs::read_to_string("/proc/self/maps").is_ok_and(|maps| maps.contains("/libcrypto.so"))
}

/// A library whose OpenSSL_version_num answers what the environment says.
fn pretender() -> &'static Path {
    const SOURCE: &str = "
#include <stdlib.h>
unsigned long OpenSSL_version_num(void) { return strtoul(getenv(\"PRETENDED\"), 0, 16); }
";
    static BUILT: OnceLock<(Files, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let files = Files::new(&[("pretender.c", SOURCE)]);
        let (source, library) = (files.path("pretender.c"), files.path("pretender.so"));
        let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
        let ended = run(compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source));
        assert!(ended.status.success(), "{ended:#?}");
        (files, library)
    });
    library
}

/// Runs one of the children on what pretends to be this version.
fn on(version: (u32, u32, u32), child: &str) -> Ended {
    let (major, minor, patch) = version;
    let number = format!("{:x}", major << 28 | minor << 20 | patch << 4);
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", child, "--nocapture"]).env(CHILD, "1");
    run(command.env("LD_PRELOAD", pretender()).env("PRETENDED", number))
}

fn numbers(version: &Version) -> (u32, u32, u32) {
    (version.major, version.minor, version.patch)
}

/// What everything else is made with.
fn firsts() -> [Result<(), Error>; 4] {
    [
        SslContext::builder(SslMethod::tls()).map(drop),
        X509StoreBuilder::new().map(drop),
        LibContext::new().map(|_| ()),
        library().check(),
    ]
}

#[test]
fn refused_child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    let (built, running) = (library().built_against(), library().running());
    println!("runs on {running}");
    for result in firsts() {
        let error = result.expect_err("the wrong library");
        assert_eq!(error.kind(), ErrorKind::VersionMismatch);
        let text = error.to_string();
        let (major, minor, patch) = numbers(&running);
        for version in [built.to_string(), format!("{major}.{minor}.{patch}")] {
            assert!(text.contains(&version), "{version}: {text}");
        }
    }
}

#[test]
fn accepted_child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    println!("runs on {}", library().running());
    for result in firsts() {
        result.expect("the right library");
    }
}

#[test]
fn persuaded_child() {
    if env::var_os(CHILD).is_none() {
        return;
    }
    println!("runs on {}", library().running());
    danger_accept_older_patch();
    for result in firsts() {
        result.expect("an older patch release");
    }
}

#[track_caller]
fn passed(ended: &Ended, version: (u32, u32, u32)) {
    let (major, minor, patch) = version;
    assert!(ended.status.success() && ended.stdout.contains("1 passed"), "{ended:#?}");
    assert!(ended.stdout.contains(&format!("runs on {major}.{minor}.{patch}")), "{ended:#?}");
}

#[test]
fn an_older_library_or_another_major_is_refused_at_first_use() {
    if !is_shared() {
        return; // nothing can stand in front of a part of the program
    }
    let (major, minor, patch) = numbers(&library().built_against());
    let mut wrong = vec![(major + 1, 0, 0), (major - 1, 99, 9), (1, 1, 1)];
    wrong.extend(patch.checked_sub(1).map(|patch| (major, minor, patch)));
    wrong.extend(minor.checked_sub(1).map(|minor| (major, minor, 99)));
    for version in wrong {
        passed(&on(version, "refused_child"), version);
    }
}

#[test]
fn a_newer_library_of_the_same_major_is_right() {
    if !is_shared() {
        return;
    }
    let (major, minor, patch) = numbers(&library().built_against());
    for version in [(major, minor, patch), (major, minor, patch + 1), (major, minor + 1, 0)] {
        passed(&on(version, "accepted_child"), version);
    }
}

#[test]
fn who_wants_an_older_patch_release_may_have_it_and_no_other() {
    if !is_shared() {
        return;
    }
    let (major, minor, patch) = numbers(&library().built_against());
    if let Some(patch) = patch.checked_sub(1) {
        passed(&on((major, minor, patch), "persuaded_child"), (major, minor, patch));
    }
    let ended = on((major + 1, 0, 0), "persuaded_child");
    assert!(!ended.status.success() && ended.stderr.contains("VersionMismatch"), "{ended:#?}");
}
