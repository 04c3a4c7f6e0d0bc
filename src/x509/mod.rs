//! Certificates, keys, revocation lists and stores, as far as TLS needs them.

mod certificate;
mod crl;
mod key;
pub(crate) mod mem;
mod name;
mod param;
pub(crate) mod stack;
mod store;
mod verify;

pub use certificate::{X509, X509Ref};
pub use crl::{X509Crl, X509CrlRef};
pub use key::{PKey, PKeyRef};
pub use name::{X509Name, X509NameRef};
pub use param::{
    HostFlags, InheritFlags, VerifyFlags, X509Purpose, X509Trust, X509VerifyParam, X509VerifyParamRef,
};
pub use store::{X509Store, X509StoreBuilder, X509StoreRef};
pub use verify::{ChainVerifier, ChainView, VerifiedChain};

pub(crate) use stack::Stack;
pub(crate) use store::{DefaultPlaces, Lookup, Record};

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// Reads a whole file. Reading it here and not in C keeps C from asking for passphrases at the terminal.
pub(crate) fn read_file(call: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(ErrorKind::Io, call).with_transport(Some(error)).with_detail(path.display().to_string())
    })
}
