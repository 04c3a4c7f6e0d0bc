//! What this crate costs beside plain C and the `openssl` crate with the same libssl, and beside rustls: instructions, system
//! calls, allocations, memory and time, in one table.
//!
//! `cargo bench --features tokio --bench table` measures everything that valgrind and strace, if they are installed, let it
//! measure; `cargo bench --features tokio --bench table -- check` counts instructions only, of this crate and of C, and fails where one is more
//! than one percent above its goal, or above what it was where the goal is not met yet.
// A bench that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../tests/c_program/mod.rs"]
mod c_program;
// The identities of the tests; nothing else of what they share.
#[cfg(feature = "tokio")]
mod echo;
#[path = "../harness/mod.rs"]
mod harness;
#[path = "../../tests/common/identities.rs"]
#[allow(dead_code)]
mod identities;
mod report;
mod rustls_work;
mod wire;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::{Costs, Program};
use report::{Goal, Numbers, Report};

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

    /// The programs that do the work of a row: where only goals are checked, this crate's and C's.
    fn programs(&self, row: &str) -> Numbers<Program> {
        let others = !self.check && row != "resumed";
        Numbers {
            ours: self.rust("ours", row),
            c: Some(self.c(row)),
            openssl: others.then(|| self.rust("other", row)),
            rustls: others.then(|| self.rust("rustls", row)),
        }
    }

    fn instructions(&self, report: &mut Report) {
        // How often: signatures take a few instructions more or less, which the mean evens out.
        let often = if self.check { 10 } else { 40 };
        let costs = self.programs("handshake").map(|program| program.further_costs(often));
        report.add("full handshake, both sides, in memory: instructions", Goal::Times(1.001), costs.map(all));
        report.add_if_shared("… outside of libssl, libcrypto, libc", Goal::Most(3_000), &costs);
        report.add("… allocations", Goal::Plus(4), costs.map(mallocs));
        let resumed = self.programs("resumed").map(|program| program.further(often));
        report.add("resumed handshake, with its tickets: instructions", Goal::None, resumed);

        let costs = self.programs("byte").map(|program| program.further_costs(200));
        report.add_if_shared("1 byte written and read: instructions outside", Goal::Most(400), &costs);
        report.add("1 byte written and read: instructions", Goal::Times(1.03), costs.map(all));
        let costs = self.programs("byte-watched").map(|program| program.further_costs(200));
        report.add("… over a stream of which nothing is known", Goal::None, costs.map(all));

        let costs = self.programs("nothing").map(|program| program.further_costs(200));
        report.add("a read that finds nothing: instructions", Goal::Times(1.3), costs.map(all));
        report.add("a read that finds nothing: allocations", Goal::Most(0), costs.map(mallocs));

        let bulk = self.programs("bulk").map(|program| program.further(40));
        report.add("16 KiB written and read: instructions", Goal::Times(1.004), bulk);
        let bulk = self.programs("bulk-watched").map(|program| program.further(40));
        report.add("… over a stream of which nothing is known", Goal::None, bulk);

        if let Some(pairs) = pairs() {
            let echo = self.programs("echo").map(|program| program.further(40) / pairs);
            report.add(
                "1 KiB echoed over tokio (C: epoll), both sides: instructions",
                Goal::Times(1.03),
                echo,
            );
        }

        let programs = self.programs("context");
        let context = |program: &Program, times| program.further(times);
        let c = Program::new(&self.c_contexts, ["share", "drop"]);
        let numbers = Numbers {
            ours: context(&programs.ours, 20),
            c: Some(context(&c, 20)),
            openssl: programs.openssl.map(|program| context(&program, 1)),
            rustls: None,
        };
        report.add("client context after the first: instructions", Goal::Most(1_300_000), numbers);
    }

    fn system_calls(&self, report: &mut Report) {
        let calls = |row| self.programs(row).map(|program| program.further_system_calls(20));
        report.add("handshake over a socket: system calls", Goal::None, calls("socket"));
        let what = "… where both read ahead (the `openssl` crate cannot)";
        report.add(what, Goal::Most(29), calls("socket-ahead"));
        if let Some(pairs) = pairs() {
            let numbers = calls("echo").map(|calls| (calls * 10).div_ceil(pairs));
            report.add("10 times 1 KiB echoed over tokio: system calls", Goal::Most(41), numbers);
        }
    }

    fn memory(&self, report: &mut Report) {
        const PAIRS: u64 = 200;
        let heap =
            self.programs("idle").map(|program| program.clone().with(&[(SAYS, "heap")]).says(PAIRS) / PAIRS);
        if heap.c.is_some_and(|c| c > 0) {
            report.add("idle pair that saves memory: bytes", Goal::Plus(300), heap);
        }
    }

    /// The programs run in turn, and the fastest run of each counts: the others were disturbed.
    fn time(&self, report: &mut Report) {
        const ROUNDS: usize = 15;
        let pairs = pairs();
        let echo = pairs.map(|pairs| ("1 KiB echoed over tokio (C: epoll): nanoseconds", "echo", 400, pairs));
        for (what, row, times, of_each) in [
            ("full handshake, in memory: nanoseconds", "handshake", 100, 1),
            ("1 byte written and read: nanoseconds", "byte", 20_000, 1),
            ("16 KiB written and read: nanoseconds", "bulk", 2_000, 1),
            ("… over a stream of which nothing is known", "bulk-watched", 2_000, 1),
        ]
        .into_iter()
        .chain(echo)
        {
            let programs = self.programs(row).map(|program| program.clone().with(&[(SAYS, "time")]));
            let mut best = programs.map(|_| u64::MAX);
            for _ in 0..ROUNDS {
                best = programs.map(|program| program.says(times) / times / of_each).least(&best);
            }
            report.add(what, Goal::None, best);
        }
    }
}

fn all(costs: &Costs) -> u64 {
    costs.all
}

fn mallocs(costs: &Costs) -> u64 {
    costs.mallocs
}

/// How many requests are one piece of work of the row `echo`, if that is there.
fn pairs() -> Option<u64> {
    #[cfg(feature = "tokio")]
    return Some(echo::PAIRS as u64);
    #[cfg(not(feature = "tokio"))]
    return None;
}
