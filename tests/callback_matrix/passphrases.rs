//! Callbacks that know a passphrase: they are asked while a key is read, before any handshake.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use libssl::context::FileFormat;
use libssl::x509::{PKey, StoreLoader};
use libssl::{Error, ErrorKind, Ssl};

use crate::assert_queue_is_empty;
use crate::callbacks::{Behaviour, Blast, Probe};
use crate::common::{pki, server_builder, server_context};

/// Where the key is read.
#[derive(Clone, Copy, Debug)]
enum Reader {
    IntoContext,
    IntoObject,
    Pem,
    Der,
    Loader,
}

const READERS: [Reader; 5] =
    [Reader::IntoContext, Reader::IntoObject, Reader::Pem, Reader::Der, Reader::Loader];

const PASSPHRASE: &[u8] = b"secret";

impl Reader {
    fn read(self, key: &PKey, file: &Path, probe: Probe) -> Result<(), Error> {
        let ask = move || probe.agrees().then(|| PASSPHRASE.to_vec());
        match self {
            Self::IntoContext => {
                let mut builder = server_builder();
                builder.set_default_passwd_cb(ask)?;
                builder.use_private_key_file(file, FileFormat::Pem)
            }
            Self::IntoObject => {
                let mut ssl = Ssl::new(&server_context())?;
                ssl.set_default_passwd_cb(ask)?;
                ssl.use_private_key_file(file, FileFormat::Pem)
            }
            Self::Pem => {
                let pem = key.to_encrypted_pkcs8_pem("AES-128-CBC", PASSPHRASE)?;
                PKey::from_pem_with(pem.as_bytes(), ask).map(drop)
            }
            Self::Der => {
                let der = key.to_encrypted_pkcs8_der("AES-128-CBC", PASSPHRASE)?;
                PKey::from_encrypted_der_with(&der, ask).map(drop)
            }
            Self::Loader => {
                let uri = format!("file:{}", file.display());
                let objects = StoreLoader::new().passphrase_with(ask).open(&uri)?;
                objects.collect::<Result<Vec<_>, _>>().map(|objects| assert_eq!(objects.len(), 1))
            }
        }
    }
}

#[test]
fn a_passphrase_callback_opens_refuses_or_panics_in_the_call_that_reads() {
    let key = PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).expect("a key");
    let pem = key.to_encrypted_pkcs8_pem("AES-128-CBC", PASSPHRASE).expect("an encrypted key");
    let file = std::env::temp_dir().join(format!("libssl-passphrase-{}.pem", std::process::id()));
    std::fs::write(&file, pem).expect("a file");
    let mut cells = 0;
    for reader in READERS {
        // There is nothing to suspend: the call that reads a key cannot be made again from where it was.
        for behaviour in [Behaviour::Accept, Behaviour::Refuse, Behaviour::Panic] {
            let what = format!("{reader:?}, {behaviour:?}");
            let probe = Probe::new();
            probe.arm(behaviour);
            let read = catch_unwind(AssertUnwindSafe(|| reader.read(&key, &file, probe.clone())));
            match (behaviour, read) {
                (Behaviour::Accept, Ok(read)) => read.expect(&what),
                (Behaviour::Refuse, Ok(read)) => {
                    assert_eq!(read.expect_err(&what).kind(), ErrorKind::Refused, "{what}");
                }
                (Behaviour::Panic, Err(payload)) => assert!(payload.is::<Blast>(), "{what}"),
                (_, read) => panic!("{what}: {read:?}"),
            }
            assert!(probe.asked() > 0, "{what}");
            assert_eq!(probe.holders(), 0, "{what}: the closure leaks");
            assert_queue_is_empty();
            cells += 1;
        }
    }
    std::fs::remove_file(&file).expect("the file");
    println!("{cells} cells of passphrases played");
}
