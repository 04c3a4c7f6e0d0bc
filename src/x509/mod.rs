//! Certificates and keys, as far as a handshake needs them.

mod certificate;
mod key;
pub(crate) mod mem;
mod stack;

pub use certificate::{X509, X509Ref};
pub use key::{PKey, PKeyRef};

pub(crate) use stack::X509Stack;

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Reads a whole file. Reading it here and not in C keeps C from asking for passphrases at the terminal.
pub(crate) fn read_file(call: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Io, call).with_transport(Some(error)).with_detail(path.display().to_string())
    })
}
