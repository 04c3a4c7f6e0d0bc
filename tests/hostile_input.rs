//! Input that is cut or changed ends in an answer or an error: no panic, and nothing left in the error queue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use commands::{Files, openssl, run};
use common::identities::{Ca, leaf};
use common::{Random, pki};
use libssl::ErrorKind;
use libssl::error::ErrorStack;
use libssl::ssl::Nid;
use libssl::x509::{
    GeneralName, Oid, PKey, Pkcs12, RevocationStatus, SerialNumber, StoreLoader, X509, X509Crl, X509Name,
    X509NameBuilder, X509NameRef, X509Ref,
};
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};

/// Fails if C's queue holds anything.
#[track_caller]
fn assert_clean(what: &str) {
    let left = ErrorStack::drain();
    assert!(left.is_empty(), "{what} left {left}");
}

/// Calls with the input cut at every length and with `changes` single bits changed, at places that a seed tells.
fn hostile(input: &[u8], changes: usize, mut call: impl FnMut(&[u8])) {
    for len in 0..input.len() {
        call(&input[..len]);
    }
    let mut random = Random::new(7);
    let mut changed = input.to_vec();
    for _ in 0..changes {
        let bit = random.below(input.len() as u64 * 8) as usize;
        changed[bit / 8] ^= 1 << (bit % 8);
        call(&changed);
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    // Lengths that claim more than is there.
    for place in 0..input.len().min(200) {
        let earlier = changed[place];
        for value in [0x00, 0x7f, 0x80, 0x84, 0xff] {
            changed[place] = value;
            call(&changed);
        }
        changed[place] = earlier;
    }
}

fn read_name(name: &X509NameRef) {
    let _ = (name.to_string(), name.oneline(), name.to_der(), name.is_empty());
    for entry in name.entries() {
        let _ = (entry.kind().to_string(), entry.as_bytes().len(), entry.to_text());
    }
    let copy = name.to_owned();
    assert_eq!(*copy, *name);
    assert_clean("a name");
}

/// Calls every getter.
fn read_certificate(certificate: &X509Ref) {
    read_name(certificate.subject_name());
    read_name(certificate.issuer_name());
    let _ = (certificate.serial_number().to_string(), certificate.version(), certificate.display_names());
    let _ = (certificate.not_before(), certificate.not_after());
    let _ = (certificate.not_before_time(), certificate.not_after_time());
    assert_clean("what it says");
    if let Ok(key) = certificate.public_key() {
        let _ = (key.algorithm(), key.bits(), key.security_bits(), key.group_name(), key.is_a("EC"));
        let _ = (key.to_public_der(), key.to_public_pem(), key.to_pkcs8_der());
        let _ = (certificate.verify(&key), certificate.check_key(&key));
    }
    assert_clean("its key");
    let _ = (certificate.signature_algorithm(), certificate.signature_algorithm_oid());
    let _ = (certificate.signature_info(), certificate.signature().len());
    let _ = (certificate.key_usage(), certificate.extended_key_usage(), certificate.basic_constraints());
    let _ = (certificate.subject_key_id(), certificate.authority_key_id());
    assert_clean("its extensions");
    for names in [certificate.subject_alt_names(), certificate.issuer_alt_names()].into_iter().flatten() {
        names.iter().for_each(|name| assert!(!name.to_string().contains('\n')));
    }
    let _ = (certificate.authority_info_access(), certificate.ocsp_responders(), certificate.ca_issuers());
    let _ = (certificate.crl_distribution_points(), certificate.tls_features(), certificate.must_staple());
    for extension in certificate.extensions() {
        let _ = certificate.extension(extension.kind()).map(drop);
    }
    let _ = certificate.extension_by_nid(Nid(85)).map(drop);
    assert_clean("more of its extensions");
    let _ = (certificate.check_host("localhost"), certificate.check_ip("::1".parse().unwrap()));
    let _ = (certificate.check_email("a@localhost"), certificate.check_issued(certificate));
    let _ = (certificate.is_ca(), certificate.is_self_issued(), certificate.is_self_signed());
    assert_clean("what can be asked of it");
    let _ = (certificate.sha256_fingerprint(), certificate.fingerprint("SHA1"), certificate.spki_sha256());
    let _ = (certificate.to_der(), certificate.to_pem(), certificate.to_text());
    let _ = format!("{certificate:?}");
    assert_clean("its encodings");
}

/// A certificate with every extension that has a getter, from the `openssl` command.
fn rich() -> Vec<u8> {
    const CONFIG: &str = "[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=v3\n[dn]\nCN=rich\n[v3]\n\
        basicConstraints=CA:TRUE,pathlen:3\nkeyUsage=keyCertSign\nextendedKeyUsage=serverAuth,1.2.3.4\n\
        subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer:always\nissuerAltName=DNS:i\n\
        subjectAltName=DNS:localhost,IP:::1,email:a@localhost,URI:http://a,dirName:dn,RID:1.2.3,otherName:1.2.3;UTF8:x\n\
        authorityInfoAccess=OCSP;URI:http://o\ncrlDistributionPoints=URI:http://c\ntlsfeature=status_request\n";
    let files = Files::new(&[("rich.cnf", CONFIG)]);
    let mut command = openssl();
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.arg("-config").arg(files.path("rich.cnf")).arg("-keyout").arg(files.path("key.pem"));
    let ended = run(command.arg("-outform").arg("DER").arg("-out").arg(files.path("rich.der")));
    assert!(ended.status.success(), "{}", ended.stderr);
    std::fs::read(files.path("rich.der")).unwrap()
}

#[test]
fn certificates_cut_or_changed() {
    let der = rich();
    read_certificate(&X509::from_der(&der).unwrap());

    let mut parsed = 0;
    hostile(&der, 3000, |input| {
        if let Ok(certificate) = X509::from_der(input) {
            parsed += 1;
            read_certificate(&certificate);
        }
        assert_clean("parsing");
    });
    assert!(parsed > 500, "only {parsed} changed certificates were read at all");
}

#[test]
fn certificates_in_pem_cut_or_changed() {
    let pem = pki().localhost.chain_pem.as_bytes();
    hostile(pem, 2000, |input| {
        let _ = X509::from_pem(input).map(|certificate| certificate.to_der());
        let _ = X509::stack_from_pem(input).map(|stack| stack.len());
        assert_clean("PEM");
    });
}

#[test]
fn lists_cut_or_changed() {
    let files = Files::new(&[("index", ""), ("number", "01"), ("ca.cnf", CA)]);
    let ca = Ca::new("lists");
    let revoked = ca.issue(&leaf("localhost"), &rcgen::PKCS_ECDSA_P256_SHA256);
    let certificate = X509::from_der(&revoked.der).unwrap();
    let line = format!(
        "R\t400101000000Z\t200101000000Z,keyCompromise\t{}\tunknown\t/CN=x\n",
        certificate.serial_number()
    );
    std::fs::write(files.path("index"), line).unwrap();
    let mut command = openssl();
    command.current_dir(files.path(""));
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.args(["-subj", "/CN=lists", "-keyout", "ca.key", "-out", "ca.pem"]);
    assert!(run(&mut command).status.success());
    let mut command = openssl();
    command.current_dir(files.path(""));
    let ended =
        run(command.args(["ca", "-gencrl", "-config", "ca.cnf", "-out", "list.pem", "-crldays", "9"]));
    assert!(ended.status.success(), "{}", ended.stderr);
    let list = X509Crl::from_pem(&std::fs::read(files.path("list.pem")).unwrap()).unwrap();
    assert!(matches!(
        list.revoked_by_serial(&certificate.serial_number()).unwrap(),
        RevocationStatus::Revoked(_)
    ));

    let key = certificate.public_key().unwrap();
    hostile(&list.to_der().unwrap(), 3000, |input| {
        if let Ok(list) = X509Crl::from_der(input) {
            read_name(list.issuer_name());
            let _ = (list.last_update(), list.next_update(), list.number(), list.base_number());
            let _ = (list.entries(), list.revoked(&certificate), list.verify(&key));
            let _ = list.revoked_by_serial(&SerialNumber::from_bytes(&[0xff; 300]));
            let _ = (list.to_der(), list.to_pem(), list.to_text(), format!("{list:?}"));
        }
        assert_clean("a list");
    });
    hostile(list.to_pem().unwrap().as_bytes(), 500, |input| {
        let _ = X509Crl::stack_from_pem(input).map(|lists| lists.len());
        assert_clean("a list in PEM");
    });
}

const CA: &str = "[ca]\ndefault_ca=x\n[x]\ndatabase=index\ncrlnumber=number\ncertificate=ca.pem\n\
    private_key=ca.key\ndefault_md=sha256\n";

fn read_key(key: &PKey) {
    let _ = (key.algorithm(), key.bits(), key.security_bits(), key.group_name(), format!("{key:?}"));
    let _ = (key.to_public_der(), key.public_eq(key), key.to_pkcs8_der());
}

#[test]
fn keys_cut_or_changed() {
    for made in [&pki().localhost, &pki().ed25519] {
        hostile(&made.key_der, 1500, |input| {
            let _ = PKey::from_der(input).map(|key| read_key(&key));
            let _ = PKey::from_encrypted_der(input, b"secret").map(|key| read_key(&key));
            assert_clean("a key");
        });
        let key = PKey::from_der(&made.key_der).unwrap();
        hostile(&key.to_public_der().unwrap(), 1500, |input| {
            let _ = PKey::public_from_der(input).map(|key| read_key(&key));
            assert_clean("a public key");
        });
        hostile(made.key_pem.as_bytes(), 500, |input| {
            let _ = PKey::from_pem(input, Some(b"secret")).map(|key| read_key(&key));
            let _ = (PKey::public_from_pem(input).is_ok(), PKey::parameters_from_pem(input).is_ok());
            assert_clean("a key in PEM");
        });
    }
}

#[test]
fn encrypted_keys_cut_or_changed() {
    let key = PKey::from_der(&pki().localhost.key_der).unwrap();
    let der = key.to_encrypted_pkcs8_der("AES-256-CBC", b"secret").unwrap();
    hostile(&der, 300, |input| {
        let _ = PKey::from_encrypted_der(input, b"secret").map(|key| read_key(&key));
        let _ = PKey::from_encrypted_der_with(input, || None).map(|key| read_key(&key));
        assert_clean("an encrypted key");
    });
    let pem = key.to_encrypted_pkcs8_pem("AES-256-CBC", b"secret").unwrap();
    hostile(pem.as_bytes(), 300, |input| {
        let _ = PKey::from_pem(input, Some(b"secret")).map(|key| read_key(&key));
        assert_clean("an encrypted key in PEM");
    });
}

#[test]
fn pkcs12_files_cut_or_changed() {
    let made = &pki().localhost;
    let files = Files::new(&[("cert.pem", &made.chain_pem), ("key.pem", &made.key_pem)]);
    let mut command = openssl();
    command.current_dir(files.path(""));
    command.args(["pkcs12", "-export", "-in", "cert.pem", "-inkey", "key.pem", "-out", "file.p12"]);
    let ended = run(command.args(["-passout", "pass:secret", "-iter", "1"]));
    assert!(ended.status.success(), "{}", ended.stderr);
    let der = std::fs::read(files.path("file.p12")).unwrap();
    assert!(Pkcs12::from_der(&der).unwrap().parse(Some(b"secret")).is_ok());

    hostile(&der, 1500, |input| {
        if let Ok(file) = Pkcs12::from_der(input) {
            let _ = file.to_der();
            let _ = file.verify_mac(Some(b"secret"));
            if let Ok(contents) = file.parse(Some(b"secret")) {
                contents
                    .certificate
                    .iter()
                    .chain(&contents.chain)
                    .for_each(|certificate| read_certificate(certificate));
                contents.key.iter().for_each(read_key);
            }
        }
        assert_clean("a PKCS #12 file");
    });
}

#[test]
fn files_behind_uris_cut_or_changed() {
    let files = Files::new(&[]);
    let path = files.path("some");
    let all = [&pki().localhost.key_pem, &pki().localhost.chain_pem, &Ca::new("x").revocation_list()];
    let all = all.map(String::as_str).concat();
    let mut random = Random::new(3);
    for round in 0..300 {
        let mut input = all.as_bytes().to_vec();
        if round % 2 == 0 {
            input.truncate(random.below(input.len() as u64) as usize);
        } else {
            let place = random.below(input.len() as u64) as usize;
            input[place] ^= 1 << random.below(8);
        }
        std::fs::write(&path, &input).unwrap();
        let loader = StoreLoader::new().passphrase(b"secret");
        let found = loader.open(&format!("file:{}", path.display())).map(Iterator::count);
        assert!(found.is_ok_and(|count| count < 100));
        assert_clean("a file behind a URI");
    }
}

fn with_extension(oid: &[u64], contents: Vec<u8>) -> X509 {
    let mut params = CertificateParams::default();
    params.custom_extensions = vec![CustomExtension::from_oid_content(oid, contents)];
    let key = KeyPair::generate().unwrap();
    X509::from_der(params.self_signed(&key).unwrap().der()).unwrap()
}

/// DER of a tag and contents of any length.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len().to_be_bytes();
    let len = match contents.len() {
        short @ 0..128 => vec![short as u8],
        _ => [&[0x84][..], &len[4..]].concat(),
    };
    [&[tag][..], &len, contents].concat()
}

#[test]
fn names_with_everything_in_them() {
    let large = "x".repeat(65536);
    for name in ["", "\0", "*", "*.", "@", "@a", "a@", "a\0b", "..", "*.*", "\u{7f}\r\n", &large] {
        for tag in [0x81, 0x82, 0x86, 0x87, 0x88] {
            let certificate = with_extension(&[2, 5, 29, 17], der(0x30, &der(tag, name.as_bytes())));
            read_certificate(&certificate);
            if let (0x82, Ok(names)) = (tag, certificate.subject_alt_names()) {
                assert_eq!(names, [GeneralName::Dns(name.as_bytes().to_vec())]);
            }
            for asked in ["", "a", "a.b", "\0", "*", "@", "a@b", &large] {
                let outcomes = [certificate.check_host(asked), certificate.check_email(asked)];
                for outcome in outcomes {
                    if asked.is_empty() || asked.contains('\0') {
                        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::InvalidInput);
                    }
                }
                assert_clean("asking");
            }
        }
    }
}

#[test]
fn subjects_with_everything_in_them() {
    for name in ["\0", "*", "@", "a\0b", "a\nb\r", "<>#;+\",\\ "] {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = X509::from_der(params.self_signed(&key).unwrap().der()).unwrap();
        read_certificate(&certificate);

        let shown = certificate.subject_name();
        for text in [shown.to_string(), shown.oneline(), certificate.display_names().concat()] {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
    let value = der(
        0x30,
        &der(0x31, &der(0x30, &[&b"\x06\x03\x55\x04\x03"[..], &der(0x0c, &[b'x'; 65536])].concat())),
    );
    for name in [X509Name::from_der(&value)].into_iter().flatten() {
        read_name(&name);
    }
    assert_clean("a large name");
    let good =
        X509NameBuilder::new().unwrap().add("CN", "x").unwrap().add("O", "y").unwrap().build().unwrap();
    hostile(&good.to_der().unwrap(), 500, |input| {
        let _ = X509Name::from_der(input).map(|name| read_name(&name));
        assert_clean("a name");
    });
}

#[test]
fn identifiers_and_numbers_too_large_to_believe() {
    // An identifier whose numbers have thousands of digits, and one of 64 KiB.
    for len in [20, 585, 586, 587, 2000, 65536] {
        let mut contents = vec![0xff; len];
        contents[len - 1] = 0x7f;
        let usage = with_extension(&[2, 5, 29, 37], der(0x30, &der(6, &contents)));
        read_certificate(&usage);
        let name = with_extension(&[2, 5, 29, 17], der(0x30, &der(0x88, &contents)));
        read_certificate(&name);
    }
    for len in [1, 20, 21, 300, 65536] {
        let number = der(2, &vec![0x7f; len]);
        let authority = with_extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], der(0x30, &number));
        read_certificate(&authority);
        assert_eq!(authority.tls_features().is_ok(), len <= 2);
    }
    let long = ["1.2", &".3".repeat(40_000)].concat();
    let _ = Oid::from_text(&long);
    assert_clean("an identifier");
}
