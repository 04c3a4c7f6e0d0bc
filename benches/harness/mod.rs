//! Counts instructions: runs a program under callgrind with less and with more to do, and takes the difference, so that
//! what comes before and after the work does not count. Unlike time, the number is the same in each run.
// Each bench is a crate of its own and uses only a part of this.
#![allow(dead_code)]

mod profile;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use profile::Costs;

/// A program that does its work as many times as its last argument says.
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Program {
    /// A program, and its arguments but the last.
    pub fn new<A: AsRef<OsStr>>(path: impl Into<PathBuf>, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        Self { path: path.into(), args, environment: Vec::new() }
    }

    /// This very program.
    pub fn this<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Self {
        Self::new(std::env::current_exe().expect("the path of this program"), args)
    }

    /// Runs with these variables beside those that are set.
    pub fn with<V: AsRef<OsStr>>(mut self, environment: &[(&str, V)]) -> Self {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        self.environment.extend(environment);
        self
    }

    /// How many instructions the first time costs, with all that has to be made ready for it.
    pub fn first(&self) -> u64 {
        self.instructions(1) - self.instructions(0)
    }

    /// How many instructions every further time costs, of `times` more.
    pub fn further(&self, times: u64) -> u64 {
        (self.instructions(1 + times) - self.instructions(1)) / times
    }

    /// How many instructions a run costs that does its work `times` times.
    pub fn instructions(&self, times: u64) -> u64 {
        let output = self.run("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"], times);
        let said = String::from_utf8_lossy(&output.stderr);
        let collected =
            said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number);
        collected.and_then(|number| number.trim().parse().ok()).expect("callgrind's count")
    }

    /// What every further time costs, of `times` more.
    pub fn further_costs(&self, times: u64) -> Costs {
        (self.costs(1 + times) - self.costs(1)) / times
    }

    fn costs(&self, times: u64) -> Costs {
        let file = built(&format!("callgrind.{}", std::process::id()));
        let out = format!("--callgrind-out-file={}", file.display());
        self.run("valgrind", &["--tool=callgrind", &out], times);
        let profile = std::fs::read_to_string(&file).expect("callgrind's profile");
        std::fs::remove_file(&file).expect("a file of ours");
        profile::read(&profile)
    }

    /// How many system calls every further time makes, of `times` more.
    pub fn further_system_calls(&self, times: u64) -> u64 {
        (self.system_calls(1 + times) - self.system_calls(1)) / times
    }

    fn system_calls(&self, times: u64) -> u64 {
        let file = built(&format!("strace.{}", std::process::id()));
        self.run("strace", &["-f", "-c", "-o", &file.display().to_string()], times);
        let said = std::fs::read_to_string(&file).expect("strace's table");
        std::fs::remove_file(&file).expect("a file of ours");
        let total = said.lines().rev().find(|line| line.ends_with(" total")).expect("a total");
        total.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).expect("a number of calls")
    }

    /// The number that the program itself says, run with less and with more to do.
    pub fn says(&self, times: u64) -> u64 {
        let mut command = Command::new(&self.path);
        let output = self.complete(&mut command, times);
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
    }

    fn run(&self, tool: &str, tool_args: &[&str], times: u64) -> std::process::Output {
        let mut command = Command::new(tool);
        command.args(tool_args).arg(&self.path);
        self.complete(&mut command, times)
    }

    fn complete(&self, command: &mut Command, times: u64) -> std::process::Output {
        command.args(&self.args).arg(times.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().expect("the program runs");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// Whether instructions can be counted on this machine.
pub fn can_count() -> bool {
    runs("valgrind", &["--version"])
}

/// Whether system calls can be counted on this machine.
pub fn can_trace() -> bool {
    runs("strace", &["-c", "-o", "/dev/null", "true"])
}

fn runs(tool: &str, args: &[&str]) -> bool {
    let mut command = Command::new(tool);
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// One comparison: what is compared, this crate's count, and C's.
pub struct Row {
    /// What is compared.
    pub what: String,
    /// Instructions of this crate.
    pub ours: u64,
    /// Instructions of C.
    pub c: u64,
}

impl Row {
    /// How many times as much as C.
    #[allow(clippy::cast_precision_loss)] // fewer than 2^52 instructions
    pub fn ratio(&self) -> f64 {
        self.ours as f64 / self.c as f64
    }
}

/// Prints the comparisons as one table.
pub fn print(rows: &[Row]) {
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or_default();
    println!("{:width$} {:>14} {:>14} {:>7}", "instructions", "libssl", "C", "ratio");
    for row in rows {
        println!("{:width$} {:>14} {:>14} {:>7.3}", row.what, row.ours, row.c, row.ratio());
    }
}

/// Where C programs of a bench are built.
pub fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
