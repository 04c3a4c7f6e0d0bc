//! Certificates, keys, revocation lists and stores, as far as TLS needs them.

mod certificate;
mod certificate_fields;
mod checks;
mod crl;
mod crl_contents;
mod digest;
mod extension;
mod extensions;
mod general_name;
mod key;
mod key_read;
mod key_write;
mod loader;
pub(crate) mod mem;
mod name;
mod name_builder;
mod oid;
mod param;
mod parsed;
pub(crate) mod passphrase;
mod pkcs12;
mod serial;
pub(crate) mod stack;
mod store;
pub(crate) mod time;
mod usage;
mod verify;

pub use crate::error::CrlReason;
pub use certificate::{X509, X509Ref};
pub use certificate_fields::SignatureInfo;
pub use crl::{X509Crl, X509CrlRef};
pub use crl_contents::{RevocationStatus, Revoked};
pub use extension::X509Extension;
pub use extensions::{AccessDescription, AuthorityKeyId, BasicConstraints, KeyUsage};
pub use general_name::GeneralName;
pub use key::{PKey, PKeyRef};
pub use loader::{StoreExpectation, StoreLoader, StoreObject, StoreObjects, load_uri};
pub use name::{X509Name, X509NameEntry, X509NameRef};
pub use name_builder::X509NameBuilder;
pub use oid::Oid;
pub use param::{
    HostFlags, InheritFlags, VerifyFlags, X509Purpose, X509Trust, X509VerifyParam, X509VerifyParamRef,
};
pub use pkcs12::{Pkcs12, Pkcs12Contents, Pkcs12Ref};
pub use serial::SerialNumber;
pub use store::{X509Store, X509StoreBuilder, X509StoreRef};
pub use usage::ExtendedKeyUsage;
pub use verify::{ChainVerifier, ChainView, VerifiedChain};

pub(crate) use stack::Stack;
pub(crate) use store::{DefaultPlaces, Lookup, Record, certificates, read_uri};

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// The largest file that is read, in bytes; some places, such as `/dev/zero`, have no end.
const LARGEST_FILE: u64 = 1 << 28;

/// Reads a whole file. Reading it here and not in C keeps C from asking for passphrases at the terminal.
pub(crate) fn read_file(call: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        if file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)? as u64 > LARGEST_FILE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 256 MiB"));
        }
        Ok(bytes)
    };
    read().map_err(|error| {
        Error::new(ErrorKind::Io, call).with_transport(Some(error)).with_detail(path.display().to_string())
    })
}
