//! The generator, run by tests as the build script runs it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::generate::manifest::Manifest;
use crate::generate::toolchain::Toolchain;

/// The manifest of this crate.
pub fn manifest() -> Manifest {
    Manifest::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest")).unwrap()
}

/// A folder of its own for each caller.
pub fn scratch() -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("generate-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Where the build found its headers.
pub fn include_folders() -> Vec<PathBuf> {
    env::split_paths(env!("OPENSSL_SYS_EXT_INCLUDE"))
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect()
}

/// Other installed OpenSSLs to test with: the prefixes in `LIBSSL_TEST_OPENSSL_DIRS`.
pub fn other_prefixes() -> Vec<PathBuf> {
    env::var_os("LIBSSL_TEST_OPENSSL_DIRS").map(|list| env::split_paths(&list).collect()).unwrap_or_default()
}

/// What `rustc` calls the machine that the test runs on.
pub fn host() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// A compiler without headers of OpenSSL.
pub fn bare_build() -> cc::Build {
    let host = host();
    let mut build = cc::Build::new();
    build.target(&host).host(&host).opt_level(0).debug(false).cargo_metadata(false).cargo_warnings(false);
    build
}

/// The compiler with the headers that the build used.
pub fn build() -> cc::Build {
    let mut build = bare_build();
    build.includes(include_folders());
    build
}

pub fn toolchain(build: cc::Build) -> Toolchain {
    Toolchain::new(build, &scratch())
}

/// OpenSSL's headers alone, without those of the C library that stand beside them.
pub fn staged_headers() -> PathBuf {
    let stage = scratch();
    let target = stage.join("openssl");
    fs::create_dir_all(&target).unwrap();
    for folder in include_folders() {
        copy_headers(&folder.join("openssl"), &target);
        // Debian keeps what differs between machines in a folder per machine.
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().contains("-linux-") {
                copy_headers(&entry.path().join("openssl"), &target);
            }
        }
    }
    stage
}

fn copy_headers(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    for entry in entries.map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
