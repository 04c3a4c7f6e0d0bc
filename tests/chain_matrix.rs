//! Every chain of the table is judged alike by C, by the `openssl verify` command, by this crate alone, and in
//! handshakes, in both directions, on TLS 1.2 and 1.3: and as the table says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod c_program;
mod chains;
mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chains::cases::{self, Case, ROLES, Role, Verdict};
use chains::command::Openssl;
use chains::oracle::{Mode, Oracle};

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
fn the_table_holds() {
    let cases = cases::all();
    let directory = Directory::of(&cases);
    let oracle = Oracle::ask(&directory.0, &cases);
    let command = Openssl::find();
    let mut differences = Vec::new();
    let mut silent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut judged = 0;
    for (number, case) in cases.iter().enumerate() {
        for role in ROLES {
            let mut check = |who: &str, expected: &Verdict, got: &Verdict| {
                judged += 1;
                if expected != got {
                    differences
                        .push(format!("{}, a {role:?}'s: {who} says {got:?}, not {expected:?}", case.name));
                }
            };
            let expected = case.expected(role, oracle.version);
            let c = oracle.verdict(number, Mode::Alone, role);
            check("C", expected, c);
            check("C as in a handshake", expected, oracle.verdict(number, Mode::Tls, role));
            match command.verify(&directory.0, number, case, role) {
                Ok(verdict) => {
                    let expected = case.expected(role, command.version);
                    check(
                        "openssl verify",
                        &nameless(if command.is_of(oracle.version) { c } else { expected }),
                        &verdict,
                    );
                }
                Err(reason) => silent.entry(reason).or_default().push(case.name),
            }
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    println!("{} cases, {judged} judgements, {silent:#?}", cases.len());
}
