//! What is wrong before the first client comes: one line, and an exit code for each kind of it.

use std::net::TcpListener;

use crate::commands::run;
use crate::stage::{Seen, Stage, in_all_stages};

const LOOP: [&str; 4] = ["--listen", "127.0.0.1:0", "--backend", "127.0.0.1:9"];

/// Runs a stage to its end. The directory of its files is another one each time.
fn end(stage: &Stage, arguments: &[&str]) -> Seen {
    let ended = run(&mut stage.command(arguments));
    let directory = stage.file("");
    let log = ended.stderr.lines().map(|line| line.replace(&directory, "FILES/")).collect();
    Seen { code: ended.status.code(), log }
}

#[test]
fn what_is_wrong_with_the_arguments_is_said_before_the_usage() {
    for (arguments, expected) in [
        (&[][..], "--listen: missing"),
        (&["--listen", "127.0.0.1:0"], "--backend: missing"),
        (&LOOP, "--identity: missing"),
        (&["--listen"], "--listen: unknown, or its value is missing"),
        (&["--identity", "a", "b"], "--identity: unknown, or its value is missing"),
        (&["--wrong", "1"], "--wrong: unknown, or its value is missing"),
        (&["--listen", "127.0.0.1"], "--listen: not HOST:PORT"),
        (&["--listen", ":1"], "--listen: not HOST:PORT"),
        (&["--listen", "[]:1"], "--listen: not HOST:PORT"),
        (&["--backend", "a:65536"], "--backend: not HOST:PORT"),
        (&["--backend", "a:+1"], "--backend: not HOST:PORT"),
        (&["--backend", "a:"], "--backend: not HOST:PORT"),
        (&["--once", "0"], "--once: not a number from 1 to 1000000"),
        (&["--once", "-1"], "--once: not a number from 1 to 1000000"),
        (&["--once", "99999999999999999999"], "--once: not a number from 1 to 1000000"),
        (&["--timeout", "1s"], "--timeout: not a number from 1 to 1000000"),
        (&["--timeout", ""], "--timeout: not a number from 1 to 1000000"),
        (&["--alpn", ""], "--alpn: not a list of protocols"),
        (&["--alpn", "a,,b"], "--alpn: not a list of protocols"),
        (&["--alpn", "a,"], "--alpn: not a list of protocols"),
    ] {
        assert_eq!(complaint(arguments), expected);
    }
}

#[test]
fn a_backend_s_name_is_one_that_a_certificate_can_bear() {
    const WRONG: &str = "--backend-name: not a name or an address";
    let (long, label) = (["a"; 128].join("."), "a".repeat(64));
    for name in
        ["", ".localhost", "localhost.", "a..b", "*.example", "a b", "127.1", "[::1]", "bücher.example"]
    {
        assert_eq!(complaint(&["--backend-name", name]), WRONG, "{name:?}");
    }
    assert_eq!(complaint(&["--backend-name", &long]), WRONG);
    assert_eq!(complaint(&["--backend-name", &label]), WRONG);
    for name in ["localhost", "127.0.0.1", "::1", "a_b-c.1x", &long[2..], &label[1..]] {
        assert_eq!(complaint(&["--backend-name", name]), "--listen: missing", "{name:?}");
    }
    let host = [&LOOP[..2], &["--backend", "*.example:9", "--identity", "localhost", "a", "b"]].concat();
    assert_eq!(complaint(&host), WRONG);
}

/// What a stage says of these arguments.
fn complaint(arguments: &[&str]) -> String {
    let seen = in_all_stages(|stage| end(stage, arguments));
    assert_eq!(seen.code, Some(2), "{seen:#?}");
    assert!(seen.log[1].starts_with("usage: relay "), "{seen:#?}");
    seen.log[0].strip_prefix("relay: ").expect("who says it").to_owned()
}

/// What a stage says of these files.
fn with_files(chain: &str, key: &str, ca: &str) -> String {
    let seen = in_all_stages(|stage| {
        let [chain, key, ca] = [chain, key, ca].map(|name| stage.file(name));
        let identity = ["--identity", "localhost", &chain, &key, "--backend-ca", &ca];
        end(stage, &[&LOOP[..], &identity].concat())
    });
    assert_eq!(seen.code, Some(3), "{seen:#?}");
    assert_eq!(seen.log.len(), 1, "{seen:#?}");
    seen.log[0].clone()
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_reason() {
    let (good, key, ca) = ("localhost.pem", "localhost.key", "ca.pem");
    assert_eq!(
        with_files("none.pem", key, ca),
        "relay: identity localhost: cannot read FILES/none.pem: No such file or directory (os error 2)"
    );
    assert_eq!(
        with_files(good, "none.key", ca),
        "relay: identity localhost: cannot read FILES/none.key: No such file or directory (os error 2)"
    );
    assert_eq!(
        with_files(good, key, "none.pem"),
        "relay: backend: cannot read FILES/none.pem: No such file or directory (os error 2)"
    );
    for (chain, key, ca, whose) in [
        ("", key, ca, "identity localhost"),
        (good, "", ca, "identity localhost"),
        (good, key, "", "backend"),
    ] {
        let directory = format!("relay: {whose}: cannot read FILES/: Is a directory (os error 21)");
        assert_eq!(with_files(chain, key, ca), directory);
    }
    let no_start = with_files("garbage.pem", key, ca);
    assert!(
        no_start.starts_with(
            "relay: identity localhost: FILES/garbage.pem: error:0480006C:PEM routines::no start line"
        ),
        "{no_start}"
    );
    let no_key = with_files(good, "garbage.pem", ca);
    assert!(no_key.starts_with("relay: identity localhost: FILES/garbage.pem: error:"), "{no_key}");
    let other_key = with_files(good, "other.key", ca);
    assert!(
        other_key.contains("FILES/other.key: error:05800074:x509 certificate routines::key values mismatch"),
        "{other_key}"
    );
    // Nobody is asked for a passphrase.
    let locked = with_files(good, "locked.key", ca);
    assert!(locked.starts_with("relay: identity localhost: FILES/locked.key: error:"), "{locked}");
    assert!(locked.ends_with("interrupted or cancelled"), "{locked}");
    let no_roots = with_files(good, key, "garbage.pem");
    assert_eq!(no_roots, "relay: backend: FILES/garbage.pem: no certificates in it");
}

#[test]
fn an_address_that_cannot_be_had_has_an_exit_code_of_its_own() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = taken.local_addr().expect("an address").to_string();
    let seen = in_all_stages(|stage| {
        let [chain, key] = ["localhost.pem", "localhost.key"].map(|name| stage.file(name));
        let identity = ["--identity", "localhost", &chain, &key, "--backend-plain"];
        end(stage, &[&["--listen", &place, "--backend", "127.0.0.1:9"], &identity[..]].concat())
    });
    assert_eq!(seen.code, Some(4));
    assert_eq!(seen.log, [format!("relay: cannot listen on {place}: Address already in use (os error 98)")]);
}

#[test]
fn a_host_without_an_address_has_the_same_exit_code() {
    let seen = in_all_stages(|stage| {
        let [chain, key] = ["localhost.pem", "localhost.key"].map(|name| stage.file(name));
        let identity = ["--identity", "localhost", &chain, &key, "--backend-plain"];
        // No resolver is asked for what has a space in it.
        end(stage, &[&["--listen", "127.0.0.1:0", "--backend", "no host:9"], &identity[..]].concat())
    });
    assert_eq!(seen.code, Some(4));
    assert!(seen.log[0].starts_with("relay: cannot resolve no host:9: failed to lookup"), "{seen:#?}");
}
