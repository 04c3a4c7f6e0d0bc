//! What the relay says: one line an event, on stderr.

use std::fmt;
use std::io::{self, Write};

/// Says one line.
#[macro_export]
macro_rules! log {
    ($($format:tt)+) => { $crate::log::line(format_args!($($format)+)) };
}

/// Writes one line at once, so that nothing comes between its parts.
pub fn line(line: fmt::Arguments<'_>) {
    // Where nobody reads stderr there is nobody to tell.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

pub(crate) fn usage(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
