//! What this crate costs beside plain C and beside the `openssl` crate, all with the same libssl: instructions, system
//! calls, allocations, memory and time, in one table.
//!
//! `cargo bench --bench table` measures everything that valgrind and strace, if they are installed, let it measure;
//! `cargo bench --bench table -- check` counts instructions only, of this crate and of C, and fails where one is more
//! than one percent above its goal, or above what it was where the goal is not met yet.
// A bench that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/c_program/mod.rs"]
mod c_program;
// The identities of the tests; nothing else of what they share.
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../../tests/common/identities.rs"]
#[allow(dead_code)]
mod identities;
mod report;
mod wire;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::Program;
use report::{Goal, Line, Report};

/// The variable that names the directory of the identities.
const FILES: &str = "TABLE_FILES";
/// The variable that says what a program is to print about its work.
const SAYS: &str = "TABLE_SAYS";

/// The three programs that do the work of a row.
struct Bench {
    c: PathBuf,
    c_contexts: PathBuf,
    files: PathBuf,
    /// Without the `openssl` crate, and without what takes long.
    check: bool,
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).filter(|arg| *arg != "--bench").collect();
    if let ["work", library, row, count] = args[..] {
        work::work(library, row, count.parse().expect("a count"));
    }
    let bench = Bench::new(args.contains(&"check"));
    let mut report = Report::default();
    if harness::can_count() {
        bench.instructions(&mut report);
    } else {
        println!("valgrind is not there to count instructions");
    }
    if !bench.check {
        if harness::can_trace() {
            bench.system_calls(&mut report);
        } else {
            println!("strace is not there to count system calls");
        }
        bench.memory(&mut report);
        bench.time(&mut report);
    }
    report.print();
    // The goals are of OpenSSL 3.0: where the same work costs C more or less, they mean something else.
    if bench.check && is_3_0() && report.is_worse() {
        println!("a number is more than one percent above its goal, or above what it was");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn is_3_0() -> bool {
    libssl::library().version_text().starts_with("OpenSSL 3.0.")
}

impl Bench {
    fn new(check: bool) -> Self {
        let source = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("benches").join(name);
        let c = c_program::build(&harness::built("table"), &[&source("table/table.c")]);
        let c_contexts = c_program::build(&harness::built("client_context"), &[&source("client_context.c")]);
        let files = harness::built("table.files");
        std::fs::create_dir_all(&files).expect("a directory");
        let pki = identities::pki();
        let contents = [
            ("ca.pem", &pki.ca_pem),
            ("chain.pem", &pki.localhost.chain_pem),
            ("key.pem", &pki.localhost.key_pem),
        ];
        for (name, text) in contents {
            std::fs::write(files.join(name), text).expect("a file");
        }
        Self { c, c_contexts, files, check }
    }

    fn c(&self, row: &str) -> Program {
        Program::new(&self.c, [row]).with(&[(FILES, &self.files)])
    }

    fn rust(&self, library: &str, row: &str) -> Program {
        Program::this(["work", library, row]).with(&[(FILES, &self.files)])
    }

    /// This crate's program, C's, and the `openssl` crate's unless only goals are checked.
    fn programs(&self, row: &str) -> (Program, Program, Option<Program>) {
        (self.rust("ours", row), self.c(row), (!self.check).then(|| self.rust("other", row)))
    }

    /// A line by one number that each program is asked for.
    fn line(&self, what: &str, goal: Goal, row: &str, ask: impl Fn(&Program) -> u64) -> Line {
        let (ours, c, other) = self.programs(row);
        Line::new(what, goal, ask(&ours), Some(ask(&c)), other.as_ref().map(ask))
    }

    fn instructions(&self, report: &mut Report) {
        // How often: signatures take a few instructions more or less, which the mean evens out.
        let often = if self.check { 10 } else { 40 };
        let (ours, c, other) = self.programs("handshake");
        let costs = |program: &Program| program.further_costs(often);
        let (ours, c, other) = (costs(&ours), costs(&c), other.as_ref().map(costs));
        let line = |what, goal, of: fn(&harness::Costs) -> u64| {
            Line::new(what, goal, of(&ours), Some(of(&c)), other.as_ref().map(of))
        };
        report.add(line(
            "full handshake, both sides, in memory: instructions",
            Goal::Times(1.001),
            |costs| costs.all,
        ));
        if ours.shared {
            report.add(line("… outside of libssl, libcrypto, libc", Goal::Most(3_000), |costs| costs.own));
        }
        report.add(line("… allocations", Goal::Plus(4), |costs| costs.mallocs));
        // A resumed handshake: here.

        let (ours, c, other) = self.programs("byte");
        let costs = |program: &Program| program.further_costs(200);
        let (ours, c, other) = (costs(&ours), costs(&c), other.as_ref().map(costs));
        let line = |what, goal, of: fn(&harness::Costs) -> u64| {
            Line::new(what, goal, of(&ours), Some(of(&c)), other.as_ref().map(of))
        };
        if ours.shared {
            report.add(line("1 byte written and read: instructions outside", Goal::Most(400), |costs| {
                costs.own
            }));
        }
        report.add(line("1 byte written and read: instructions", Goal::Times(1.03), |costs| costs.all));

        let (ours, c, other) = self.programs("nothing");
        let costs = |program: &Program| program.further_costs(200);
        let (ours, c, other) = (costs(&ours), costs(&c), other.as_ref().map(costs));
        let line = |what, goal, of: fn(&harness::Costs) -> u64| {
            Line::new(what, goal, of(&ours), Some(of(&c)), other.as_ref().map(of))
        };
        report.add(line("a read that finds nothing: instructions", Goal::Times(1.3), |costs| costs.all));
        report.add(line("a read that finds nothing: allocations", Goal::Most(0), |costs| costs.mallocs));

        let bulk = |program: &Program| program.further(40);
        report.add(self.line("16 KiB written and read: instructions", Goal::Times(1.004), "bulk", bulk));
        // An async echo over tokio: here.

        let context = |program: &Program, times| program.further(times);
        let (ours, _, other) = self.programs("context");
        let c = Program::new(&self.c_contexts, ["share", "drop"]);
        let ours = context(&ours, 20);
        let other = other.map(|other| context(&other, 1));
        let what = "client context after the first: instructions";
        report.add(Line::new(what, Goal::Most(1_300_000), ours, Some(context(&c, 20)), other));
    }

    fn system_calls(&self, report: &mut Report) {
        let calls = |program: &Program| program.further_system_calls(20);
        report.add(self.line("handshake over a socket: system calls", Goal::None, "socket", calls));
        let what = "… where both read ahead (the `openssl` crate cannot)";
        report.add(self.line(what, Goal::Most(29), "socket-ahead", calls));
        // A resumed handshake, and an async echo over tokio: here.
    }

    fn memory(&self, report: &mut Report) {
        const PAIRS: u64 = 200;
        let heap = |program: Program| program.with(&[(SAYS, "heap")]).says(PAIRS) / PAIRS;
        let (ours, c, other) = self.programs("idle");
        let (ours, c, other) = (heap(ours), heap(c), other.map(heap));
        if c > 0 {
            report.add(Line::new(
                "idle pair that saves memory: bytes",
                Goal::Plus(300),
                ours,
                Some(c),
                other,
            ));
        }
    }

    /// The programs run in turn, and the fastest run of each counts: the others were disturbed.
    fn time(&self, report: &mut Report) {
        const ROUNDS: usize = 15;
        for (what, row, times) in [
            ("full handshake, in memory: nanoseconds", "handshake", 100),
            ("1 byte written and read: nanoseconds", "byte", 20_000),
            ("16 KiB written and read: nanoseconds", "bulk", 2_000),
        ] {
            let (ours, c, other) = self.programs(row);
            let programs = [Some(ours), Some(c), other];
            let programs = programs.map(|program| program.map(|program| program.with(&[(SAYS, "time")])));
            let mut best = [u64::MAX; 3];
            for _ in 0..ROUNDS {
                for (best, program) in best.iter_mut().zip(&programs) {
                    if let Some(program) = program {
                        *best = (*best).min(program.says(times) / times);
                    }
                }
            }
            let [ours, c, other] = best;
            report.add(Line::new(
                what,
                Goal::None,
                ours,
                Some(c),
                Some(other).filter(|other| *other != u64::MAX),
            ));
        }
    }
}
