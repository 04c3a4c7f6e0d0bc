//! Every chain of the table is judged alike by C, by the `openssl verify` command, by this crate alone, and in
//! handshakes, in both directions, on TLS 1.2 and 1.3: and as the table says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod c_program;
mod chains;
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use chains::cases::{self, Case, ROLES, Role, Verdict};
use chains::command::Openssl;
use chains::handshakes;
use chains::oracle::{Mode, Oracle};
use chains::ours::{self, Deviations};
use libssl::context::ProtocolVersion;
use libssl::{ErrorKind, VerifyError};

/// Files that go when this is dropped.
struct Directory(PathBuf);

impl Directory {
    fn of(cases: &[Case]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chains-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        for (number, case) in cases.iter().enumerate() {
            let write = |name: &str, texts: Vec<String>| {
                fs::write(path.join(format!("{number}.{name}.pem")), texts.concat()).unwrap();
            };
            let (leaf, untrusted) = case.chain.split_first().unwrap();
            write("leaf", vec![leaf.to_pem()]);
            write("untrusted", untrusted.iter().map(|certificate| certificate.to_pem()).collect());
            write("anchors", case.anchors.iter().map(|certificate| certificate.to_pem()).collect());
            write("crls", case.crls.iter().map(|crl| crl.to_pem()).collect());
        }
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A verdict without the name that matched.
fn nameless(verdict: &Verdict) -> Verdict {
    match verdict {
        Verdict::Accepted(_) => Verdict::Accepted(None),
        other => other.clone(),
    }
}

#[test]
#[allow(clippy::useless_conversion)] // `unsigned long` has 32 bits on some targets
fn every_chain_is_judged_alike_by_all() {
    if cfg!(feature = "vendored") && std::env::var_os("OPENSSL_NO_VENDOR").is_none_or(|value| value == "0") {
        eprintln!("skipped: a vendored OpenSSL is not there for a C program to link");
        return;
    }
    let cases = cases::all();
    let directory = Directory::of(&cases);
    let oracle = Oracle::ask(&directory.0, &cases);
    // SAFETY: reads a constant of the library.
    let version = u64::from(unsafe { openssl_sys::OpenSSL_version_num() });
    assert_eq!(oracle.version, version, "the C program runs on another OpenSSL");
    let command = Openssl::find();
    let mut report = Report::default();
    for (number, case) in cases.iter().enumerate() {
        for role in ROLES {
            let c = oracle.verdict(number, Mode::Alone, role);
            let c_tls = oracle.verdict(number, Mode::Tls, role);
            let table = case.expected(role, version);
            report.check(case, role, "C", ("the table", &table), c);
            report.check(case, role, "C as in a handshake", ("the table", &table), c_tls);

            match command.verify(&directory.0, number, case, role) {
                Ok(verdict) if command.is_of(version) => {
                    report.check(case, role, "openssl verify", ("C", &[nameless(c)]), &verdict);
                }
                Ok(verdict) => {
                    let table: Vec<_> = case.expected(role, command.version).iter().map(nameless).collect();
                    report.check(
                        case,
                        role,
                        "openssl verify",
                        ("the table for its version", &table),
                        &verdict,
                    );
                }
                Err(reason) => report.left_out(case, "openssl verify", reason),
            }

            let ours = ours::judge(case, role, &mut report.deviations);
            report.check(case, role, "this crate alone", ("C", slice::from_ref(c)), &ours);
            handshakes_agree(case, role, c_tls, &mut report);
        }
    }
    report.finish(&cases, &command, version);
}

/// Judges a chain in handshakes on both versions of TLS.
fn handshakes_agree(case: &Case, role: Role, c: &Verdict, report: &mut Report) {
    for (who, version) in [("TLS 1.2", ProtocolVersion::TLS1_2), ("TLS 1.3", ProtocolVersion::TLS1_3)] {
        let outcome = handshakes::judge(case, role, version, &mut report.deviations);
        let unable = case.no_handshake_as(role, version == ProtocolVersion::TLS1_3);
        let (verdict, alert) = match (outcome, unable) {
            (Err(_), Some(reason)) => {
                report.left_out(case, who, reason);
                continue;
            }
            (Ok(outcome), None) => outcome,
            (outcome, _) => {
                report.differences.push(format!("{}, a {role:?}'s, {who}: {outcome:?}", case.name));
                continue;
            }
        };
        report.check(case, role, who, ("C", slice::from_ref(c)), &verdict);
        let due = match c {
            Verdict::Refused(error, _) => Some(handshakes::expected_alert(*error)),
            _ => None,
        };
        if alert != due {
            let name = case.name;
            report.differences.push(format!("{name}, a {role:?}'s, {who}: the alert {alert:?}, not {due:?}"));
        }
    }
}

/// What was compared, and what came out.
#[derive(Default)]
struct Report {
    judgements: BTreeMap<&'static str, u32>,
    differences: Vec<String>,
    /// Who could not be asked, and why: the cases.
    left_out: BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>,
    deviations: Deviations,
}

impl Report {
    fn check(&mut self, case: &Case, role: Role, who: &'static str, due: (&str, &[Verdict]), got: &Verdict) {
        *self.judgements.entry(who).or_default() += 1;
        let (whose, due) = due;
        if !due.contains(got) {
            let name = case.name;
            self.differences.push(format!("{name}, a {role:?}'s:\n    {who}: {got:?}\n    {whose}: {due:?}"));
        }
    }

    fn left_out(&mut self, case: &Case, who: &'static str, reason: &'static str) {
        self.left_out.entry((who, reason)).or_default().insert(case.name);
    }

    fn finish(self, cases: &[Case], command: &Openssl, version: u64) {
        for ((who, reason), names) in &self.left_out {
            println!("{who} is not asked about {} of the cases: {reason}", names.len());
            names.iter().for_each(|name| println!("    {name}"));
        }
        let changes =
            cases.iter().flat_map(|case| case.changes.iter().map(|change| (case.name, change.reason)));
        for (name, reason) in changes.collect::<BTreeSet<_>>() {
            println!("differs between versions: {name}: {reason}");
        }
        for name in &self.deviations.no_host_names {
            println!("only C takes this for a host name: {}", name.escape_ascii());
        }
        println!(
            "{} cases, {} judgements on {version:#x}, the command of {:#x}: {:?}",
            cases.len(),
            self.judgements.values().sum::<u32>(),
            command.version,
            self.judgements,
        );
        let differences = &self.differences;
        assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
        assert!(
            !self.deviations.no_host_names.is_empty(),
            "no case shows any more that names are checked where they are set"
        );
    }
}

/// What a security level forbids is not presented either: loading it fails, and says the same. From 4.0 on the digests
/// of certificates are the peer's business alone.
#[test]
fn what_a_level_refuses_is_not_presented_at_that_level() {
    // SAFETY: reads a constant of the library.
    let looks_at_digests = unsafe { openssl_sys::OpenSSL_version_num() } < 0x4000_0000;
    let mut met = BTreeSet::new();
    for case in cases::all() {
        let Verdict::Refused(error, _) = case.expected(Role::Server, 0)[0] else { continue };
        let words = match error {
            VerifyError::EE_KEY_TOO_SMALL => "ee key too small",
            VerifyError::CA_KEY_TOO_SMALL => "ca key too small",
            VerifyError::CA_MD_TOO_WEAK => "ca md too weak",
            _ => continue,
        };
        met.insert(words);
        handshakes::load(&case, 0).expect(case.name);
        let outcome = handshakes::load(&case, case.params.level);
        if error == VerifyError::CA_MD_TOO_WEAK && !looks_at_digests {
            outcome.expect(case.name);
            continue;
        }
        let refused = outcome.expect_err(case.name);
        assert_eq!(refused.kind(), ErrorKind::Refused, "{}: {refused:?}", case.name);
        assert!(refused.to_string().contains(words), "{}: {refused}", case.name);
    }
    assert_eq!(met.len(), 3, "{met:?}");
}

#[test]
fn no_two_cases_have_one_name() {
    let cases = cases::all();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 80);
}
