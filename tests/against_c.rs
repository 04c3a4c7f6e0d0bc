//! The crate answers as C does: the scenarios of `oracle/scenarios.txt`, played by a C program and by
//! this crate over the same libssl, give the same lines, up to the deviations that are listed with their reasons.
// A test that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod c_program;
mod common;
#[path = "oracle/deviations.rs"]
mod deviations;
#[path = "oracle/player.rs"]
mod player;
#[path = "oracle/program.rs"]
mod program;
#[path = "oracle/scenario.rs"]
mod scenario;

use std::path::Path;

use deviations::{DEVIATIONS, Step};
use player::Way;
use scenario::Scenario;

#[test]
fn each_call_answers_as_c_does() {
    if cfg!(feature = "vendored") && std::env::var_os("OPENSSL_NO_VENDOR").is_none_or(|value| value == "0") {
        eprintln!("skipped: a vendored OpenSSL is not there for a C program to link");
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/scenarios.txt");
    let scenarios = scenario::parse(&std::fs::read_to_string(&file).expect("the scenarios"));
    let output = program::play(&file);
    // SAFETY: reads a constant of the library.
    let version = unsafe { openssl_sys::OpenSSL_version_num() };
    assert_eq!(output.version, format!("{version:x}"), "the C program runs on another OpenSSL");

    let c = |id: &str, transport: &str| {
        let run = output.runs.iter().find(|run| run.id == id && run.transport == transport);
        run.map(|run| run.lines.as_slice())
    };
    let mut used = [0; DEVIATIONS.len()];
    let mut differences = Vec::new();
    for scenario in &scenarios {
        for transport in &scenario.transports {
            let theirs = c(&scenario.id, transport).expect("a run in C for each of ours");
            let fresh = fresh(&scenario.id).and_then(|id| c(&id, transport));
            for &way in Way::of(transport) {
                let ours = player::play(scenario, transport, way);
                if let Err(at) = compare(scenario, way, theirs, &ours, fresh, &mut used) {
                    let show = |lines: &[String]| lines.join("\n      ");
                    differences.push(format!(
                        "{} on {transport}, {way:?}, at line {}:\n  C:  {}\n  us: {}",
                        scenario.id,
                        at + 1,
                        show(theirs),
                        show(&ours)
                    ));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} runs differ:\n{}", differences.len(), differences.join("\n"));
    for (deviation, used) in DEVIATIONS.iter().zip(used) {
        assert!(
            used > 0 || version as u64 >= deviation.until,
            "no scenario shows this deviation any more: {}",
            deviation.reason
        );
    }
}

/// The name of the scenario that is the same without entries left in the queue.
fn fresh(id: &str) -> Option<String> {
    let (_, what) = id.strip_prefix("stale-")?.split_once('-')?;
    Some(format!("fresh-{what}"))
}

/// Compares line by line; a difference must be one of the deviations.
fn compare(
    scenario: &Scenario,
    way: Way,
    theirs: &[String],
    ours: &[String],
    fresh: Option<&[String]>,
    used: &mut [u32],
) -> Result<(), usize> {
    let crashed = theirs.last().filter(|line| line.starts_with("crash "));
    if theirs.len() != ours.len() && crashed.is_none() && way != Way::Typestates {
        return Err(theirs.len().min(ours.len()));
    }
    // After a crash C answers nothing more.
    let theirs = theirs.iter().chain(crashed.into_iter().cycle());
    let calls = scenario.steps.iter().filter(|step| step.prints());
    for (at, ((c, our), call)) in theirs.zip(ours).zip(calls).enumerate() {
        let suspended = way == Way::Typestates && c.starts_with(&format!("{our} "));
        if c == our || suspended {
            continue;
        }
        let fresh = fresh.and_then(|lines| lines.get(at)).map(String::as_str);
        let step = Step { scenario, way, call, c, ours: our, earlier: &ours[..at], fresh };
        let deviation = DEVIATIONS.iter().position(|deviation| (deviation.covers)(&step)).ok_or(at)?;
        used[deviation] += 1;
    }
    Ok(())
}
