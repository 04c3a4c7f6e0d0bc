//! The build script takes OpenSSL from 3.0 on, and refuses everything else in one sentence.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What openssl-sys found, as it tells the build scripts that depend on it.
struct Found(Vec<(&'static str, &'static str)>);

impl Found {
    fn run(&self) -> Output {
        let mut script = Command::new(built_script());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEP_")) {
            script.env_remove(name);
        }
        script
            .env("DEP_OPENSSL_INCLUDE", "/opt/somewhere/include")
            .envs(self.0.iter().copied())
            .output()
            .unwrap()
    }

    fn refusal(&self) -> String {
        let output = self.run();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let errors: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("cargo::error=")).collect();
        assert_eq!(errors.len(), 1, "{text}");
        errors[0].to_owned()
    }
}

/// The package's own build script, compiled once.
fn built_script() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT
        .get_or_init(|| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs");
            let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("build-script");
            let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let compiled = Command::new(rustc)
                .args(["--edition=2024", script, "-o"])
                .arg(&built)
                .status()
                .unwrap()
                .success();
            assert!(compiled);
            built
        })
        .clone()
}

#[test]
fn every_openssl_from_3_0_on_is_taken() {
    for (version, gate) in [("30000000", None), ("30500060", Some("ossl350")), ("40000030", Some("ossl400"))]
    {
        let output = Found(vec![("DEP_OPENSSL_VERSION_NUMBER", version)]).run();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert_eq!(text.contains("rustc-cfg=ossl400"), gate == Some("ossl400"), "{text}");
        assert!(gate.is_none_or(|gate| text.contains(&format!("rustc-cfg={gate}"))), "{text}");
    }
}

#[test]
fn what_the_headers_lack_becomes_a_cfg_each() {
    let found = Found(vec![
        ("DEP_OPENSSL_VERSION_NUMBER", "30000000"),
        ("DEP_OPENSSL_SYS_EXT_ABSENT", "SSL_is_tls,SSL_get0_group_name"),
    ]);
    let text = String::from_utf8(found.run().stdout).unwrap();
    assert!(
        text.contains("rustc-cfg=absent=\"SSL_is_tls\"") && text.contains("absent=\"SSL_get0_group_name\"")
    );
}

/// Only the module for it may name what a version lacks, or an OpenSSL built without some feature.
#[test]
fn what_an_openssl_may_lack_is_called_behind_a_gate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = root.join("openssl-sys-ext/manifest");
    if !manifest.exists() {
        return; // a package from the registry comes without it
    }
    let entries: String = ["functions.txt", "macros.txt"]
        .map(|file| std::fs::read_to_string(manifest.join(file)).unwrap())
        .concat();
    let lacking: Vec<_> = entries
        .lines()
        .filter(|line| {
            !line.starts_with('#')
                && (line.split_once('(').is_some_and(|(before, _)| before.contains('['))
                    || !line.starts_with("3.0.0 "))
        })
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next())
        .collect();
    assert!(lacking.contains(&"SSL_set_fd") && lacking.contains(&"SSL_is_tls"), "{lacking:?}");

    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let mut calls = source
                .split("ext::")
                .skip(1)
                .filter_map(|rest| rest.split(|next: char| !next.is_alphanumeric() && next != '_').next());
            let ungated = calls.find(|name| lacking.contains(name));
            assert!(
                ungated.is_none() || path.starts_with(root.join("src/ffi/compat")),
                "{ungated:?}: {path:?}"
            );
        }
    }
}

#[test]
fn other_libraries_are_refused_by_name_with_the_place_and_the_remedy() {
    let cases = [
        (vec![("DEP_OPENSSL_VERSION_NUMBER", "1010117f")], "OpenSSL 1.1.1"),
        (vec![("DEP_OPENSSL_LIBRESSL_VERSION_NUMBER", "4000000f")], "LibreSSL"),
        (vec![("DEP_OPENSSL_BORINGSSL", "true")], "BoringSSL"),
        (vec![("DEP_OPENSSL_AWSLC", "true")], "AWS-LC"),
        (vec![], "could not name"),
    ];
    for (found, name) in cases {
        let refusal = Found(found).refusal();
        assert!(refusal.contains(name), "{refusal}");
        assert!(refusal.contains("/opt/somewhere/include") && refusal.contains("OPENSSL_DIR"), "{refusal}");
        assert_eq!(refusal.matches(". ").count(), 0, "more than one sentence: {refusal}");
    }
}
