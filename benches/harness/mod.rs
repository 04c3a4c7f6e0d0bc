//! Counts instructions: runs a program under callgrind with less and with more to do, and takes the difference, so that
//! what comes before and after the work does not count. Unlike time, the number is the same in each run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that does its work as many times as its last argument says.
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
    pub fn with(mut self, environment: &[(&str, &str)]) -> Self {
        self.environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
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
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        command.arg(&self.path).args(&self.args).arg(times.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output().expect("valgrind runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        let collected =
            said.lines().find_map(|line| line.split_once("Collected :")).map(|(_, number)| number);
        collected.and_then(|number| number.trim().parse().ok()).expect("callgrind's count")
    }
}

/// Whether instructions can be counted on this machine.
pub fn can_count() -> bool {
    let mut command = Command::new("valgrind");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
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
