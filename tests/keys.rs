//! Keys, PKCS #12 and OSSL_STORE: what the `openssl` command writes is read, and the other way round.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;

use commands::{Files, openssl, run};
use common::identities::Ca;
use common::{Made, pki};
use libssl::context::Identity;
use libssl::x509::{PKey, Pkcs12, StoreExpectation, StoreLoader, StoreObject, X509, load_uri};
use libssl::{ErrorKind, LibContext};

/// The keys of the tests, made by the command: name, algorithm, bits, security bits, group.
const KEYS: [(&str, &str, u32, u32, Option<&str>); 4] = [
    ("rsa", "RSA", 2048, 112, None),
    ("ec", "EC", 256, 128, Some("prime256v1")),
    ("ed25519", "ED25519", 256, 128, None),
    ("ed448", "ED448", 456, 224, None),
];

/// Runs the `openssl` command in a directory of files and answers what it says.
#[track_caller]
fn command(files: &Files, line: &str) -> String {
    let ended = run(openssl().current_dir(files.path("")).args(line.split_whitespace()));
    assert!(ended.status.success(), "openssl {line}: {}", ended.stderr);
    ended.stdout
}

fn keys() -> &'static Files {
    static MADE: OnceLock<Files> = OnceLock::new();
    MADE.get_or_init(|| {
        let files = Files::new(&[]);
        command(&files, "genpkey -quiet -algorithm RSA -out rsa.pem");
        command(&files, "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem");
        command(&files, "genpkey -quiet -algorithm ED25519 -out ed25519.pem");
        command(&files, "genpkey -quiet -algorithm ED448 -out ed448.pem");
        for (name, ..) in KEYS {
            command(&files, &format!("pkcs8 -topk8 -nocrypt -in {name}.pem -outform DER -out {name}.der"));
            command(&files, &format!("pkcs8 -topk8 -in {name}.pem -passout pass:secret -out {name}.enc.pem"));
            command(
                &files,
                &format!("pkcs8 -topk8 -in {name}.pem -passout pass:secret -outform DER -out {name}.enc.der"),
            );
        }
        command(&files, "rsa -traditional -aes128 -passout pass:secret -in rsa.pem -out rsa.old.pem");
        command(&files, "ec -aes128 -passout pass:secret -in ec.pem -out ec.old.pem");
        files
    })
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(keys().path(name)).unwrap()
}

fn key(name: &str) -> PKey {
    PKey::from_pem(&read(&format!("{name}.pem")), None).unwrap()
}

#[test]
fn keys_are_what_they_are() {
    for (name, algorithm, bits, security, group) in KEYS {
        let key = key(name);
        assert_eq!((key.algorithm().as_str(), key.bits(), key.security_bits()), (algorithm, bits, security));
        assert_eq!(key.group_name().as_deref(), group, "{name}");
        assert!(key.is_a(algorithm) && !key.is_a("DH") && !key.is_a("") && !key.is_a("R\0"));
    }
    assert!(key("ec").is_a("id-ecPublicKey"));
}

#[test]
fn encodings_are_those_of_the_command() {
    for (name, ..) in KEYS {
        let key = key(name);
        assert_eq!(key.to_pkcs8_der().unwrap(), read(&format!("{name}.der")), "{name}");
        assert_eq!(key.to_pkcs8_pem().unwrap().as_bytes(), read(&format!("{name}.pem")), "{name}");
        let public = command(keys(), &format!("pkey -in {name}.pem -pubout"));
        assert_eq!(key.to_public_pem().unwrap(), public, "{name}");
        let read = PKey::public_from_pem(public.as_bytes()).unwrap();
        assert!(read.public_eq(&key).unwrap());
        let read = PKey::public_from_der(&key.to_public_der().unwrap()).unwrap();
        assert!(read.public_eq(&key).unwrap());
        assert_eq!(
            read.to_pkcs8_der().unwrap_err().kind(),
            ErrorKind::Refused,
            "a public key has no private part"
        );
    }
}

#[test]
fn keys_of_different_algorithms_are_not_equal() {
    assert!(!key("rsa").public_eq(&key("ec")).unwrap());
    assert!(!key("ed25519").public_eq(&key("ed448")).unwrap());
}

#[test]
fn encrypted_keys_open_with_their_passphrase_only() {
    for name in ["rsa.enc.pem", "ec.enc.pem", "ed25519.enc.pem", "rsa.old.pem", "ec.old.pem"] {
        let pem = read(name);
        let plain = key(name.split('.').next().unwrap());
        let lib = LibContext::new().unwrap();

        assert!(PKey::from_pem(&pem, Some(b"secret")).unwrap().public_eq(&plain).unwrap(), "{name}");
        assert!(PKey::from_pem_in(lib, &pem, Some(b"secret")).is_ok());
        assert!(PKey::from_pem_with(&pem, || Some(b"secret".to_vec())).unwrap().public_eq(&plain).unwrap());
        assert_eq!(PKey::from_pem(&pem, Some(b"wrong")).unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(PKey::from_pem(&pem, Some(b"")).unwrap_err().kind(), ErrorKind::Refused);
        let missing = PKey::from_pem(&pem, None).unwrap_err();
        assert!(missing.to_string().contains("there is no passphrase"), "{missing}");
        assert!(PKey::from_pem_with(&pem, || None).unwrap_err().to_string().contains("no passphrase"));
    }
    for name in ["rsa.enc.der", "ec.enc.der", "ed448.enc.der"] {
        let der = read(name);
        assert!(PKey::from_encrypted_der(&der, b"secret").is_ok(), "{name}");
        assert!(PKey::from_encrypted_der_in(LibContext::new().unwrap(), &der, b"secret").is_ok());
        assert!(PKey::from_encrypted_der_with(&der, || Some(b"secret".to_vec())).is_ok());
        assert!(PKey::from_encrypted_der(&der, b"wrong").is_err());
        assert!(PKey::from_der(&der).is_err());
        let missing = PKey::from_encrypted_der_with(&der, || None).unwrap_err();
        assert!(missing.to_string().contains("there is no passphrase"), "{missing}");
    }
}

#[test]
fn a_passphrase_that_is_too_long_is_refused() {
    let long = vec![b'x'; 64 * 1024];

    for error in [
        PKey::from_pem(&read("rsa.enc.pem"), Some(&long)).unwrap_err(),
        PKey::from_pem_with(&read("ec.old.pem"), || Some(long.clone())).unwrap_err(),
        PKey::from_encrypted_der(&read("ec.enc.der"), &long).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[test]
fn a_panic_in_the_closure_goes_on_in_the_call() {
    let panics = |call: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(call)).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"asked"));
    };

    panics(&|| drop(PKey::from_pem_with(&read("rsa.enc.pem"), || panic!("asked"))));
    panics(&|| drop(PKey::from_encrypted_der_with(&read("rsa.enc.der"), || panic!("asked"))));
    let uri = keys().path("ec.enc.pem").display().to_string();
    panics(&|| drop(PKey::from_uri(&uri, StoreLoader::new().passphrase_with(|| panic!("asked")))));
    assert!(libssl::error::ErrorStack::drain().is_empty());
}

#[test]
fn the_closure_is_not_asked_for_a_plain_key() {
    let asked = Cell::new(false);
    let ask = || {
        asked.set(true);
        None
    };
    assert!(PKey::from_pem_with(&read("ec.pem"), ask).is_ok());
    assert!(!asked.get());
}

#[test]
fn the_command_opens_what_is_encrypted_here() {
    let files = Files::new(&[]);
    for (name, ..) in KEYS {
        let key = key(name);
        let pem = key.to_encrypted_pkcs8_pem("AES-256-CBC", b"open sesame").unwrap();
        std::fs::write(files.path("key.pem"), pem).unwrap();
        std::fs::write(files.path("pass"), "open sesame").unwrap();
        let opened = command(&files, "pkey -in key.pem -passin file:pass");
        assert_eq!(opened, key.to_pkcs8_pem().unwrap());
        let der = key.to_encrypted_pkcs8_der("AES-128-CBC", b"open sesame").unwrap();
        assert!(PKey::from_encrypted_der(&der, b"open sesame").unwrap().public_eq(&key).unwrap());
    }
    let key = key("ec");
    for (cipher, passphrase, kind) in [
        ("AES-256-CBC", &b""[..], ErrorKind::InvalidInput),
        ("", b"x", ErrorKind::InvalidInput),
        ("AES-256\0", b"x", ErrorKind::InvalidInput),
        ("ROT13", b"x", ErrorKind::Refused),
    ] {
        assert_eq!(key.to_encrypted_pkcs8_pem(cipher, passphrase).unwrap_err().kind(), kind, "{cipher:?}");
        assert_eq!(key.to_encrypted_pkcs8_der(cipher, passphrase).unwrap_err().kind(), kind, "{cipher:?}");
    }
}

#[test]
fn bytes_after_a_key_are_refused() {
    for name in ["rsa", "ec", "ed25519"] {
        let mut der = read(&format!("{name}.der"));
        assert!(PKey::from_der(&der).is_ok(), "{name}");
        assert!(PKey::from_der_in(LibContext::new().unwrap(), &der).is_ok());
        der.push(0);
        assert_eq!(PKey::from_der(&der).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        let mut public = key(name).to_public_der().unwrap();
        public.push(0);
        assert_eq!(PKey::public_from_der(&public).unwrap_err().kind(), ErrorKind::InvalidInput);
        let mut encrypted = key(name).to_encrypted_pkcs8_der("AES-128-CBC", b"x").unwrap();
        encrypted.push(0);
        assert_eq!(PKey::from_encrypted_der(&encrypted, b"x").unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_context_without_the_cipher_encrypts_no_key() {
    let none = LibContext::default().with_properties("provider=nobody").unwrap();

    assert!(key("ec").to_encrypted_pkcs8_pem_in(none, "AES-256-CBC", b"x").is_err());
}

/// A chain of three, and a PKCS #12 file of it, made by the command with these arguments.
fn packed(arguments: &str) -> (Made, Vec<X509>, Vec<u8>) {
    let root = Ca::new("a root");
    let made = root.issue(&common::identities::leaf("localhost"), &rcgen::PKCS_ECDSA_P256_SHA256);
    let other = Ca::new("nobody's");
    let chain = [other.pem.as_str(), &root.pem].concat();
    let files =
        Files::new(&[("cert.pem", &made.chain_pem), ("key.pem", &made.key_pem), ("chain.pem", &chain)]);
    let line =
        format!("pkcs12 -export -inkey key.pem -in cert.pem -certfile chain.pem -out file.p12 {arguments}");
    command(&files, &line);
    let others = X509::stack_from_pem(chain.as_bytes()).unwrap();
    let der = std::fs::read(files.path("file.p12")).unwrap();
    (made, others, der)
}

#[test]
fn a_pkcs12_file_gives_key_certificate_and_chain() {
    let (made, others, der) = packed("-passout pass:secret");
    let file = Pkcs12::from_der(&der).unwrap();

    assert!(file.has_mac() && file.verify_mac(Some(b"secret")).unwrap());
    assert!(!file.verify_mac(Some(b"wrong")).unwrap() && !file.verify_mac(None).unwrap());
    let contents = file.parse(Some(b"secret")).unwrap();
    assert_eq!(contents.certificate.unwrap().to_der().unwrap(), made.der);
    assert_eq!(
        contents.key.unwrap().to_pkcs8_der().unwrap(),
        PKey::from_der(&made.key_der).unwrap().to_pkcs8_der().unwrap()
    );
    assert_eq!(contents.chain, others);
    assert_eq!(file.to_der().unwrap(), der);

    // The issuer goes before what is nobody's.
    let identity = Identity::from_pkcs12(&der, Some(b"secret")).unwrap();
    assert_eq!(identity.certificate().to_der().unwrap(), made.der);
    assert_eq!(identity.chain(), [others[1].clone(), others[0].clone()]);
}

#[test]
fn a_wrong_passphrase_is_a_clear_error() {
    let (_, _, der) = packed("-passout pass:secret");
    for passphrase in [None, Some(&b""[..]), Some(b"wrong")] {
        let error = Identity::from_pkcs12(&der, passphrase).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("the passphrase is wrong"), "{error}");
    }
    let nul = Identity::from_pkcs12(&der, Some(b"sec\0ret")).unwrap_err();
    assert_eq!(nul.kind(), ErrorKind::InvalidInput);
}

#[test]
fn an_empty_passphrase_and_none_open_the_same_file() {
    let (made, _, der) = packed("-passout pass:");
    for passphrase in [None, Some(&b""[..])] {
        let identity = Identity::from_pkcs12(&der, passphrase).unwrap();
        assert_eq!(identity.certificate().to_der().unwrap(), made.der);
    }
}

#[test]
fn a_file_without_a_mac_opens_and_says_so() {
    let (_, _, der) = packed("-nomac -passout pass:secret");
    let file = Pkcs12::from_der(&der).unwrap();

    assert!(!file.has_mac());
    assert_eq!(file.verify_mac(Some(b"secret")).unwrap_err().kind(), ErrorKind::Refused);
    match file.parse(Some(b"secret")) {
        Ok(_) => assert_eq!(file.parse(Some(b"wrong")).unwrap_err().kind(), ErrorKind::Refused),
        // SAFETY: reads a constant of the library.
        Err(error) if unsafe { openssl_sys::OpenSSL_version_num() } < 0x3050_0000 => {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_file_that_needs_what_the_library_lacks_is_a_clear_error() {
    let (_, _, der) = packed("-passout pass:secret");
    assert!(Identity::from_pkcs12_in(LibContext::new().unwrap(), &der, Some(b"secret")).is_ok());
    // SAFETY: reads a constant of the library.
    let forgets = unsafe { openssl_sys::OpenSSL_version_num() } < 0x4000_0000;
    if forgets && std::env::var_os("LIBSSL_TEST_SANITIZER").is_some() {
        return; // C never frees its copy of the query before 4.0, which the sanitizer sees
    }
    let none = LibContext::default().with_properties("provider=nobody").unwrap();
    let error = Identity::from_pkcs12_in(none, &der, Some(b"secret")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("an algorithm that this library does not have"), "{error}");
}

#[test]
fn what_lacks_a_key_is_no_identity() {
    let files = Files::new(&[("ca.pem", &pki().ca_pem)]);
    command(&files, "pkcs12 -export -nokeys -in ca.pem -out file.p12 -passout pass:x");
    let der = std::fs::read(files.path("file.p12")).unwrap();

    let contents = Pkcs12::from_der(&der).unwrap().parse(Some(b"x")).unwrap();
    assert!(contents.key.is_none() && contents.certificate.is_none());
    assert_eq!(contents.chain.len(), 1);
    let error = Identity::from_pkcs12(&der, Some(b"x")).unwrap_err();
    assert!(error.to_string().contains("no private key"), "{error}");
    let mut longer = der;
    longer.push(0);
    assert_eq!(Pkcs12::from_der(&longer).unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn uri(path: &Path) -> String {
    format!("file:{}", path.display())
}

#[test]
fn a_uri_leads_to_everything_that_is_there() {
    let list = Ca::new("lists").revocation_list();
    let public = key("ec").to_public_pem().unwrap();
    let made = &pki().localhost;
    let all = [&made.key_pem, &made.chain_pem, &pki().ca_pem, &list, &public].map(String::as_str).concat();
    let files = Files::new(&[("all.pem", &all)]);
    let path = files.path("all.pem");

    for place in [uri(&path), path.display().to_string()] {
        let found = load_uri(&place).unwrap();
        assert!(
            matches!(
                &found[..],
                [
                    StoreObject::PrivateKey(_),
                    StoreObject::Certificate(_),
                    StoreObject::Certificate(_),
                    StoreObject::Crl(_),
                    StoreObject::PublicKey(_)
                ]
            ),
            "{found:?}"
        );
    }
    let identity = Identity::from_uri(&uri(&path), StoreLoader::new()).unwrap();
    assert_eq!(identity.certificate().to_der().unwrap(), made.der);
    assert_eq!(identity.chain().len(), 1);
    let loader = StoreLoader::new().expect(StoreExpectation::Crls).lib(LibContext::new().unwrap());
    let lists: Vec<_> = loader.open(&uri(&path)).unwrap().map(Result::unwrap).collect();
    assert!(matches!(&lists[..], [StoreObject::Crl(_)]), "{lists:?}");
}

#[test]
fn a_directory_leads_to_names() {
    let files = Files::new(&[("one.pem", &pki().ca_pem), ("two.pem", &pki().ca_pem)]);

    let found = load_uri(&uri(&files.path("."))).unwrap();
    let names: Vec<_> = found
        .iter()
        .map(|object| match object {
            StoreObject::Name { uri, .. } => String::from_utf8_lossy(uri).into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(names.iter().any(|name| name.contains("one.pem")) && names.len() == 2, "{names:?}");
    assert!(matches!(&load_uri(&names[0]).unwrap()[..], [StoreObject::Certificate(_)]));
}

#[test]
fn an_encrypted_key_opens_with_value_or_closure() {
    for name in ["rsa.enc.pem", "ec.enc.der", "ec.old.pem"] {
        let place = uri(&keys().path(name));
        let plain = key(name.split('.').next().unwrap());

        let by_value = PKey::from_uri(&place, StoreLoader::new().passphrase(b"secret")).unwrap();
        assert!(by_value.public_eq(&plain).unwrap());
        let ask = || Some(b"secret".to_vec());
        let by_closure = PKey::from_uri(&place, StoreLoader::new().passphrase_with(ask)).unwrap();
        assert!(by_closure.public_eq(&plain).unwrap());
        for loader in [
            StoreLoader::new(),
            StoreLoader::new().passphrase(b"wrong"),
            StoreLoader::new().passphrase_with(|| None),
            StoreLoader::new().passphrase_with(|| Some(vec![b'x'; 64 * 1024])),
        ] {
            assert_eq!(PKey::from_uri(&place, loader).unwrap_err().kind(), ErrorKind::Refused, "{name}");
        }
    }
}

#[test]
fn a_pkcs12_file_is_an_identity_by_uri_too() {
    let (made, _, der) = packed("-passout pass:secret");
    let files = Files::new(&[]);
    std::fs::write(files.path("file.p12"), der).unwrap();
    let place = uri(&files.path("file.p12"));

    let identity = Identity::from_uri(&place, StoreLoader::new().passphrase(b"secret")).unwrap();
    assert_eq!(identity.certificate().to_der().unwrap(), made.der);
    assert!(Identity::from_uri(&place, StoreLoader::new().passphrase(b"wrong")).is_err());
}

#[test]
fn a_place_that_is_not_there_is_an_error() {
    assert_eq!(load_uri("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(load_uri("file:/a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    for place in ["file:/nothing/here.pem", "/nothing/here.pem", "nothing-of-this-name:x"] {
        assert_eq!(load_uri(place).unwrap_err().kind(), ErrorKind::Refused, "{place}");
        assert!(Identity::from_uri(place, StoreLoader::new()).is_err());
    }
    let files = Files::new(&[("ca.pem", &pki().ca_pem), ("empty.pem", ""), ("text.pem", "no PEM at all")]);
    assert!(PKey::from_uri(&uri(&files.path("ca.pem")), StoreLoader::new()).is_err());
    for name in ["ca.pem", "empty.pem", "text.pem"] {
        let error = Identity::from_uri(&uri(&files.path(name)), StoreLoader::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}");
    }
}

#[test]
fn an_object_that_is_broken_is_not_passed_over() {
    let broken = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    let text = [&pki().ca_pem, broken].concat();
    let files = Files::new(&[("some.pem", &text)]);

    let found: Vec<_> = StoreLoader::new().open(&uri(&files.path("some.pem"))).unwrap().collect();
    assert!(matches!(found[0], Ok(StoreObject::Certificate(_))));
    assert!(found.iter().any(Result::is_err), "{found:?}");
    assert!(load_uri(&uri(&files.path("some.pem"))).is_err());
    let loader = StoreLoader::new().expect(StoreExpectation::Certificates);
    let found = loader.open(&uri(&files.path("some.pem"))).unwrap().flatten().count();
    assert_eq!(found, 1);
}

#[test]
fn what_is_asked_for_is_found_behind_much_that_nobody_knows() {
    let made = &pki().localhost;
    let junk = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    let text = [junk.repeat(250).as_str(), &made.key_pem].concat();
    let files = Files::new(&[("many.pem", &text)]);

    let key = PKey::from_uri(&uri(&files.path("many.pem")), StoreLoader::new()).unwrap();
    assert!(key.public_eq(&PKey::from_pem(made.key_pem.as_bytes(), None).unwrap()).unwrap());
}

#[test]
fn giving_up_is_an_error() {
    let junk = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    let files = Files::new(&[("endless.pem", &[&junk.repeat(20_000), pki().ca_pem.as_str()].concat())]);
    let loader = StoreLoader::new().expect(StoreExpectation::Certificates);

    let found: Vec<_> = loader.open(&uri(&files.path("endless.pem"))).unwrap().collect();
    assert!(matches!(&found[..], [Err(error)] if error.kind() == ErrorKind::Refused), "{found:?}");
}
