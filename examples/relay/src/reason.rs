//! Why a call failed, in the words of the C program: [`libssl::Error`] has kept all that C would ask for.

use std::io;

use libssl::error::Reason;
use libssl::{Error, ErrorKind};

/// What SSL_get_error, the queue and `errno` said together.
pub fn of(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Verification(verdict) => format!("certificate refused: {}", verdict.description()),
        ErrorKind::Closed => "closed by the peer".into(),
        ErrorKind::Io => match (error.transport(), error.errno()) {
            (Some(transport), _) => transport.to_string(),
            (None, 0) => queue(error),
            (None, errno) => io::Error::from_raw_os_error(errno).to_string(),
        },
        _ => queue(error),
    }
}

/// As [`of`], for an error of [`std::io::Read`] or [`std::io::Write`]: the crate's own inside, or the transport's as it was.
pub fn of_io(error: &io::Error) -> String {
    tls(error).map_or_else(|| error.to_string(), of)
}

/// The crate's error inside one of `std::io`.
pub fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The root cause alone.
pub fn root(error: &Error) -> String {
    if error.kind() == ErrorKind::NoTrustAnchors {
        return "no certificates in it".into();
    }
    error.stack().root().map_or_else(|| error.to_string(), entry)
}

/// The whole queue in one line, the root cause first.
fn queue(error: &Error) -> String {
    let entries: Vec<_> = error.stack().iter().map(entry).collect();
    if entries.is_empty() { "no reason given".into() } else { entries.join("; ") }
}

/// An entry as ERR_error_string_n(3) writes it, with what was added in words.
fn entry(entry: &Reason) -> String {
    let mut text = match entry.system_error() {
        Some(errno) => io::Error::from_raw_os_error(errno).to_string(),
        None => {
            let reason = match entry.reason() {
                text if text.is_empty() => format!("reason({})", entry.reason_code()),
                text => text,
            };
            format!("error:{:08X}:{}::{reason}", entry.code(), entry.library())
        }
    };
    if !entry.data().is_empty() {
        text = format!("{text} ({})", entry.data());
    }
    text
}
