//! Certificates, names and revocation lists say what the `openssl` command says of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use commands::{Files, openssl, run};
use common::identities::Ca;
use common::pki;
use libssl::context::Identity;
use libssl::ssl::Nid;
use libssl::x509::{
    CrlReason, ExtendedKeyUsage, GeneralName, HostFlags, KeyUsage, Oid, RevocationStatus, SerialNumber, X509,
    X509Crl, X509Name, X509NameBuilder,
};
use libssl::{ErrorKind, LibContext, VerifyError};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, CustomExtension, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, date_time_ymd,
};

const CONFIG: &str = "\
[req]
distinguished_name = dn
prompt = no
x509_extensions = v3
[dn]
C = DE
O = Example, Inc.
CN = rich.example
[dir]
O = Directory
CN = entry
[v3]
basicConstraints = critical,CA:TRUE,pathlen:3
keyUsage = critical,keyCertSign,cRLSign,digitalSignature,decipherOnly
extendedKeyUsage = serverAuth,clientAuth,1.2.3.4.5
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer:always
subjectAltName = @names
issuerAltName = DNS:issuer.example
authorityInfoAccess = OCSP;URI:http://ocsp.example/,caIssuers;URI:http://ca.example/ca.der
crlDistributionPoints = URI:http://crl.example/1.crl
tlsfeature = status_request
1.3.6.1.4.1.99999.1 = critical,DER:0403010203
[names]
DNS.1 = a.example
DNS.2 = *.b.example
IP.1 = 127.0.0.1
IP.2 = ::1
email.1 = Me@example.org
URI.1 = https://example.org/
dirName.1 = dir
RID.1 = 1.2.3.4
otherName.1 = 1.3.6.1.4.1.311.20.2.3;UTF8:upn@example
";

/// A certificate with everything in it, made by the `openssl` command, and its file.
fn rich() -> &'static (Files, X509) {
    static RICH: OnceLock<(Files, X509)> = OnceLock::new();
    RICH.get_or_init(|| {
        let files = Files::new(&[("rich.cnf", CONFIG)]);
        let mut command = openssl();
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        command.args(["-days", "365", "-sha256", "-set_serial", "0x00f1e2d3c4b5a697"]);
        command.arg("-config").arg(files.path("rich.cnf"));
        command.arg("-keyout").arg(files.path("rich.key")).arg("-out").arg(files.path("rich.pem"));
        let ended = run(&mut command);
        assert!(ended.status.success(), "{}", ended.stderr);
        let pem = std::fs::read(files.path("rich.pem")).unwrap();
        let certificate = X509::from_pem(&pem).unwrap();
        (files, certificate)
    })
}

/// What `openssl x509` says about a certificate in PEM.
fn said(file: &Path, arguments: &[&str]) -> String {
    let ended = run(openssl().arg("x509").arg("-noout").arg("-in").arg(file).args(arguments));
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.stdout
}

fn rich_said(arguments: &[&str]) -> String {
    said(&rich().0.path("rich.pem"), arguments)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// A certificate of one's own making, signed by its own key.
fn made(change: impl FnOnce(&mut CertificateParams)) -> X509 {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "common.example");
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    X509::from_der(params.self_signed(&key).unwrap().der()).unwrap()
}

fn with_extension(oid: &[u64], contents: Vec<u8>, times: usize) -> X509 {
    made(|params| {
        let extension = CustomExtension::from_oid_content(oid, contents);
        params.custom_extensions = vec![extension; times];
    })
}

#[test]
fn names_and_numbers_are_those_of_the_command() {
    let certificate = &rich().1;

    let subject = certificate.subject_name();
    assert_eq!(rich_said(&["-subject", "-nameopt", "RFC2253"]).trim(), format!("subject={subject}"));
    assert_eq!(
        rich_said(&["-issuer", "-nameopt", "oneline"]).trim(),
        format!("issuer={}", subject.oneline())
    );
    assert_eq!(rich_said(&["-serial"]).trim(), format!("serial={}", certificate.serial_number()));
    assert_eq!(certificate.serial_number().as_bytes()[0], 0xf1);
    assert_eq!(certificate.version(), 3);
    assert_eq!(
        rich_said(&["-fingerprint", "-sha256"]).trim().rsplit('=').next().unwrap(),
        hex(&certificate.sha256_fingerprint().unwrap())
    );
    assert_eq!(
        rich_said(&["-fingerprint", "-sha512"]).trim().rsplit('=').next().unwrap(),
        hex(&certificate.fingerprint("SHA512").unwrap())
    );
    assert_eq!(rich_said(&["-startdate"]).trim(), format!("notBefore={}", certificate.not_before()));
    assert_eq!(rich_said(&["-enddate"]).trim(), format!("notAfter={}", certificate.not_after()));
    let validity =
        certificate.not_after_time().unwrap().duration_since(certificate.not_before_time().unwrap()).unwrap();
    assert_eq!(validity, Duration::from_secs(365 * 24 * 60 * 60));
}

#[test]
fn text_and_pem_are_those_of_the_command() {
    let (files, certificate) = rich();

    assert_eq!(certificate.to_pem().unwrap(), std::fs::read_to_string(files.path("rich.pem")).unwrap());
    let text = certificate.to_text().unwrap();
    for line in rich_said(&["-text"])
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("http://") || line.contains("CN"))
    {
        // Versions differ in the space around the equals sign, and in the alternative names.
        let bare = |text: &str| text.replace(" = ", "=");
        assert!(
            line.contains("upn@example") || bare(&text).contains(&bare(line)),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn the_pin_is_the_hash_of_the_public_key() {
    let (files, certificate) = rich();
    std::fs::write(files.path("spki.der"), certificate.public_key().unwrap().to_public_der().unwrap())
        .unwrap();

    let said = run(openssl().args(["dgst", "-sha256", "-c"]).arg(files.path("spki.der"))).stdout;
    let pin = certificate.spki_sha256().unwrap();
    assert_eq!(said.trim().rsplit(' ').next().unwrap().to_uppercase(), hex(&pin));
    assert_eq!(certificate.spki_sha256_in(LibContext::new().unwrap()).unwrap(), pin);
    assert_eq!(certificate.public_key().unwrap().to_public_pem().unwrap(), rich_said(&["-pubkey"]));
}

#[test]
fn a_query_that_allows_nothing_gives_no_hash() {
    let none = LibContext::default().with_properties("provider=nobody").unwrap();

    assert_eq!(rich().1.sha256_fingerprint_in(none).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(rich().1.spki_sha256_in(none).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn every_kind_of_alternative_name_is_read() {
    let names = rich().1.subject_alt_names().unwrap();

    let GeneralName::DirectoryName(directory) = &names[6] else { panic!("{names:?}") };
    assert_eq!(directory.to_string(), "CN=entry,O=Directory");
    let GeneralName::OtherName { kind, value } = &names[8] else { panic!("{names:?}") };
    assert_eq!((kind.as_text(), &value[..2]), ("1.3.6.1.4.1.311.20.2.3", &[0x0c, 11][..]));
    assert_eq!(
        names[..6],
        [
            GeneralName::Dns(b"a.example".to_vec()),
            GeneralName::Dns(b"*.b.example".to_vec()),
            GeneralName::Ip("127.0.0.1".parse().unwrap()),
            GeneralName::Ip("::1".parse().unwrap()),
            GeneralName::Email(b"Me@example.org".to_vec()),
            GeneralName::Uri(b"https://example.org/".to_vec()),
        ]
    );
    assert_eq!(names[7], GeneralName::RegisteredId(Oid::from_text("1.2.3.4").unwrap()));
    assert_eq!(rich().1.display_names()[..3], ["a.example", "*.b.example", "127.0.0.1"]);
    assert_eq!(rich().1.issuer_alt_names().unwrap(), [GeneralName::Dns(b"issuer.example".to_vec())]);
}

#[test]
fn x400_and_edi_names_are_kept_as_they_are() {
    // [3] ORAddress with an empty BuiltInStandardAttributes, and [5] EDIPartyName with partyName "E".
    for (name, x400) in [(&b"\xa3\x02\x30\x00"[..], true), (b"\xa5\x05\xa1\x03\x0c\x01E", false)] {
        let mut contents = vec![0x30, name.len() as u8];
        contents.extend_from_slice(name);
        let certificate = with_extension(&[2, 5, 29, 17], contents, 1);

        match &certificate.subject_alt_names().unwrap()[..] {
            [GeneralName::X400Address(der)] if x400 => assert_eq!(der, name),
            [GeneralName::EdiPartyName(der)] if !x400 => assert_eq!(der, name),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn extensions_say_what_was_put_in() {
    let certificate = &rich().1;

    let usage = KeyUsage::KEY_CERT_SIGN | KeyUsage::CRL_SIGN;
    let usage = usage | KeyUsage::DIGITAL_SIGNATURE | KeyUsage::DECIPHER_ONLY;
    assert_eq!(certificate.key_usage().unwrap(), Some(usage));
    assert_eq!(
        certificate.extended_key_usage().unwrap().unwrap(),
        [
            ExtendedKeyUsage::ServerAuth,
            ExtendedKeyUsage::ClientAuth,
            ExtendedKeyUsage::Other(Oid::from_text("1.2.3.4.5").unwrap())
        ]
    );
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert_eq!((constraints.ca, constraints.path_len), (true, Some(3)));
    let id = certificate.subject_key_id().unwrap().unwrap();
    assert!(rich_said(&["-ext", "subjectKeyIdentifier"]).contains(&hex(&id)));
    let authority = certificate.authority_key_id().unwrap().unwrap();
    assert_eq!(authority.key_id, Some(id));
    assert_eq!(authority.serial, Some(certificate.serial_number()));
    assert!(matches!(&authority.issuer[..], [GeneralName::DirectoryName(name)]
        if **name == *certificate.issuer_name()));
    assert_eq!(certificate.ocsp_responders(), [b"http://ocsp.example/"]);
    assert_eq!(certificate.ca_issuers(), [b"http://ca.example/ca.der"]);
    assert_eq!(certificate.crl_distribution_points().unwrap(), [b"http://crl.example/1.crl"]);
    assert_eq!((certificate.tls_features().unwrap(), certificate.must_staple()), (vec![5], true));
    assert!(certificate.is_ca() && certificate.is_self_issued() && certificate.is_self_signed().unwrap());
}

#[test]
fn extensions_can_be_had_as_they_are() {
    let certificate = &rich().1;
    let own = Oid::from_text("1.3.6.1.4.1.99999.1").unwrap();

    let extension = certificate.extension(&own).unwrap().unwrap();
    assert_eq!((extension.is_critical(), extension.as_bytes()), (true, &[4, 3, 1, 2, 3][..]));
    let constraints = certificate.extension_by_nid(Nid(87)).unwrap().unwrap();
    assert_eq!(constraints.as_bytes(), [0x30, 6, 1, 1, 0xff, 2, 1, 3]);
    assert_eq!(constraints.kind().short_name(), Some("basicConstraints"));
    assert_eq!(certificate.extensions().len(), 11);
    assert_eq!(certificate.extension(&Oid::from_text("1.2.3").unwrap()).unwrap(), None);
    assert_eq!(certificate.extension_by_nid(Nid(i32::MAX)).unwrap(), None);
}

#[test]
fn an_absent_extension_is_none() {
    let certificate = made(|_| {});

    assert_eq!(certificate.key_usage().unwrap(), None);
    assert_eq!(certificate.extended_key_usage().unwrap(), None);
    assert_eq!(certificate.basic_constraints().unwrap(), None);
    assert_eq!(certificate.subject_key_id().unwrap(), None);
    assert_eq!(certificate.authority_key_id().unwrap(), None);
    assert!(certificate.subject_alt_names().unwrap().is_empty());
    assert!(certificate.authority_info_access().unwrap().is_empty());
    assert!(certificate.crl_distribution_points().unwrap().is_empty());
    assert!(certificate.tls_features().unwrap().is_empty() && !certificate.must_staple());
    assert_eq!(certificate.display_names(), ["common.example"]);
}

#[test]
fn an_extension_that_is_there_twice_is_an_error_that_says_so() {
    let empty_names = vec![0x30, 0];
    let certificate = with_extension(&[2, 5, 29, 17], empty_names, 2);

    let error = certificate.subject_alt_names().unwrap_err();
    assert!(error.kind() == ErrorKind::Refused && error.to_string().contains("more than once"), "{error}");
    assert!(certificate.extension_by_nid(Nid(85)).unwrap_err().to_string().contains("more than once"));
    assert!(certificate.check_host("common.example").is_err());
    assert!(certificate.display_names().is_empty());
}

#[test]
fn a_broken_extension_is_an_error_that_says_so() {
    for (oid, nid) in
        [(17_u64, "SAN"), (15, "KU"), (37, "EKU"), (19, "BC"), (14, "SKI"), (35, "AKI"), (31, "CRLDP")]
    {
        let certificate = with_extension(&[2, 5, 29, oid], vec![0x5f, 0x00, 0xff], 1);
        let error = match oid {
            17 => certificate.subject_alt_names().map(drop),
            15 => certificate.key_usage().map(drop),
            37 => certificate.extended_key_usage().map(drop),
            19 => certificate.basic_constraints().map(drop),
            14 => certificate.subject_key_id().map(drop),
            35 => certificate.authority_key_id().map(drop),
            _ => certificate.crl_distribution_points().map(drop),
        }
        .unwrap_err();
        assert!(error.kind() == ErrorKind::Refused && error.to_string().contains("broken"), "{nid}: {error}");
        assert!(!error.stack().is_empty());
    }
    let feature = [1, 3, 6, 1, 5, 5, 7, 1, 24];
    assert!(with_extension(&feature, vec![0x30, 0x05], 1).must_staple(), "a broken feature is taken for it");
    assert!(!with_extension(&feature, vec![0x30, 0], 1).must_staple());
}

#[test]
fn a_path_length_out_of_range_is_an_error() {
    for (contents, fine) in [
        (&b"\x30\x06\x01\x01\xff\x02\x01\x00"[..], true),
        (b"\x30\x06\x01\x01\xff\x02\x01\xff", false),
        (b"\x30\x0a\x01\x01\xff\x02\x05\x00\xff\xff\xff\xff", true),
        (b"\x30\x0a\x01\x01\xff\x02\x05\x01\x00\x00\x00\x00", false),
    ] {
        let certificate = with_extension(&[2, 5, 29, 19], contents.to_vec(), 1);
        assert_eq!(certificate.basic_constraints().is_ok(), fine, "{contents:?}");
    }
}

#[test]
fn hosts_are_checked_as_the_command_checks_them() {
    let (files, certificate) = rich();
    for host in
        ["a.example", "A.Example", "x.b.example", "x.y.b.example", "b.example", "rich.example", "*.b.example"]
    {
        let says =
            run(openssl().args(["x509", "-noout", "-checkhost", host, "-in"]).arg(files.path("rich.pem")))
                .stdout;
        assert_eq!(certificate.check_host(host).unwrap(), says.contains("does match"), "{host}: {says}");
    }
    assert_eq!(certificate.matching_host("x.b.example").unwrap(), Some(b"*.b.example".to_vec()));
    let exact = HostFlags::NO_WILDCARDS;
    assert_eq!(certificate.matching_host_with("x.b.example", exact).unwrap(), None);
    assert!(certificate.check_host("a.example.").unwrap());
    assert!(made(|_| {}).check_host("common.example").unwrap(), "without alternative names");
    for hazard in ["", ".", ".example", "a.example\0", "a.example\0.evil"] {
        assert_eq!(certificate.check_host(hazard).unwrap_err().kind(), ErrorKind::InvalidInput, "{hazard:?}");
    }
    assert!(!certificate.check_host(&"a".repeat(65536)).unwrap());
}

#[test]
fn addresses_are_checked() {
    let certificate = &rich().1;
    for (address, fits) in [("127.0.0.1", true), ("::1", true), ("127.0.0.2", false), ("::", false)] {
        assert_eq!(certificate.check_ip(address.parse::<IpAddr>().unwrap()).unwrap(), fits, "{address}");
    }
    for (address, fits) in [("Me@example.org", true), ("Me@EXAMPLE.org", true), ("me@example.org", false)] {
        assert_eq!(certificate.check_email(address).unwrap(), fits, "{address}");
    }
    assert_eq!(certificate.check_email("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(certificate.check_email("Me@example.org\0").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_nul_in_a_name_is_a_byte_and_matches_nothing() {
    let mut contents = b"\x30\x0f\x82\x0d".to_vec();
    contents.extend_from_slice(b"a.example\0.ev");
    let certificate = with_extension(&[2, 5, 29, 17], contents, 1);

    assert_eq!(certificate.subject_alt_names().unwrap(), [GeneralName::Dns(b"a.example\0.ev".to_vec())]);
    assert_eq!(certificate.display_names(), ["a.example\\u{0}.ev"]);
    assert!(!certificate.check_host("a.example").unwrap());
}

#[test]
fn validity_before_1970_and_far_ahead_is_exact() {
    let old = made(|params| {
        (params.not_before, params.not_after) = (date_time_ymd(1950, 1, 1), date_time_ymd(9999, 12, 31));
    });

    let before = SystemTime::UNIX_EPOCH - Duration::from_secs(631_152_000);
    assert_eq!(old.not_before_time().unwrap(), before);
    let after = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_214_400);
    assert_eq!(old.not_after_time().unwrap(), after);
}

#[test]
fn issuer_and_signature_are_checked() {
    let ca = X509::from_der(&pki().ca_der).unwrap();
    let leaf = X509::from_der(&pki().localhost.der).unwrap();
    let stranger = X509::from_der(&pki().unknown_issuer.der).unwrap();

    assert_eq!(ca.check_issued(&leaf), Ok(()));
    assert_eq!(leaf.check_issued(&ca), Err(VerifyError::SUBJECT_ISSUER_MISMATCH));
    let key = ca.public_key().unwrap();
    assert!(leaf.verify(&key).unwrap());
    assert!(!stranger.verify(&key).unwrap());
    let other = X509::from_der(&pki().ed25519.der).unwrap().public_key().unwrap();
    assert!(!leaf.verify(&other).unwrap_or(false));
    assert!(leaf.check_key(&leaf.public_key().unwrap()).unwrap());
    assert!(!leaf.check_key(&key).unwrap());
    assert!(!leaf.is_ca() && !leaf.is_self_issued() && !leaf.is_self_signed().unwrap());
    let info = leaf.signature_info().unwrap();
    assert_eq!(leaf.signature_algorithm().unwrap().short_name(), Some("ecdsa-with-SHA256"));
    assert_eq!(leaf.signature_algorithm_oid().unwrap().nid(), leaf.signature_algorithm());
    assert_eq!(info.digest.and_then(Nid::short_name), Some("SHA256"));
    assert_eq!(info.security_bits, Some(128));
    assert!(leaf.signature().len() > 60);
}

#[test]
fn certificates_of_a_library_context_are_the_same() {
    let lib = LibContext::new().unwrap();
    let pem = [pki().localhost.chain_pem.as_bytes(), pki().ca_pem.as_bytes()].concat();

    let stack = X509::stack_from_pem_in(lib, &pem).unwrap();
    assert_eq!(stack[0], X509::from_der_in(lib, &pki().localhost.der).unwrap());
    assert_eq!(stack[1], X509::from_pem_in(lib, pki().ca_pem.as_bytes()).unwrap());
    assert!(stack[0].verify(&stack[1].public_key().unwrap()).unwrap());
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn names_are_compared_as_the_standard_does() {
    let name = |organization: &str| {
        let builder = X509NameBuilder::new().unwrap().add("O", organization).unwrap();
        builder.add("CN", "x").unwrap().build().unwrap()
    };
    let one = name("Example  Inc");

    for same in [" example inc", "EXAMPLE INC  "] {
        assert_eq!(one, name(same));
        assert_eq!(hash(&one), hash(&name(same)));
    }
    for other in ["ExampleInc", "Example Inx", "Éxample Inc"] {
        assert_ne!(one, name(other));
        assert_eq!(one.cmp(&name(other)), name(other).cmp(&one).reverse());
    }
    assert_eq!(one.clone(), one);
    assert_eq!(X509Name::from_der(&one.to_der().unwrap()).unwrap(), one);
}

#[test]
fn a_name_has_parts_and_cannot_forge_a_line() {
    let builder = X509NameBuilder::new().unwrap().add("O", "a\nb, c=\"d\"").unwrap();
    let name = builder.add("1.2.3.4", "é").unwrap().build().unwrap();

    let entries = name.entries();
    assert_eq!(entries[0].kind().short_name(), Some("O"));
    assert_eq!(
        (entries[0].as_bytes(), entries[0].to_text()),
        (&b"a\nb, c=\"d\""[..], "a\\nb, c=\"d\"".into())
    );
    assert_eq!((entries[1].kind().as_text(), entries[1].to_text()), ("1.2.3.4", "é".into()));
    for shown in [name.to_string(), name.oneline()] {
        assert!(!shown.contains('\n') && shown.contains("\\0A"), "{shown}");
    }
    let empty = X509NameBuilder::new().unwrap().build().unwrap();
    assert!(empty.is_empty() && empty.entries().is_empty() && empty.to_string().is_empty());
    assert_eq!((empty.to_der().unwrap(), &empty.clone()), (vec![0x30, 0], &empty));
    for (kind, value) in
        [("", "x"), ("CN\0", "x"), ("nothing", "x"), ("C", "too long"), ("CN", &"x".repeat(65536))]
    {
        assert!(X509NameBuilder::new().unwrap().add(kind, value).is_err(), "{kind:?}");
    }
}

/// A list of three revoked certificates, and the CA that signed it.
fn list() -> (X509, X509Crl, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "lists");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().unwrap();
    let ca = X509::from_der(params.self_signed(&key).unwrap().der()).unwrap();
    let revoked = |serial: &[u8], reason_code, invalid: bool| RevokedCertParams {
        serial_number: rcgen::SerialNumber::from_slice(serial),
        revocation_time: date_time_ymd(2001, 2, 3),
        reason_code,
        // rcgen writes an earlier one in a form that the standard does not allow.
        invalidity_date: invalid.then(|| date_time_ymd(2060, 1, 1)),
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2000, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: rcgen::SerialNumber::from_slice(&[1, 2, 3]),
        issuing_distribution_point: None,
        revoked_certs: vec![
            revoked(&[0x7f, 9], Some(RevocationReason::KeyCompromise), true),
            revoked(&[3], None, false),
            revoked(&[5], Some(RevocationReason::RemoveFromCrl), false),
        ],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let pem = list.signed_by(&Issuer::new(params, key)).unwrap().pem().unwrap();
    (ca, X509Crl::from_pem(pem.as_bytes()).unwrap(), pem)
}

#[test]
fn a_list_says_what_was_put_in() {
    let (ca, list, pem) = list();

    assert_eq!(*list.issuer_name(), *ca.subject_name());
    assert_eq!(list.number().unwrap(), Some(SerialNumber::from_bytes(&[1, 2, 3])));
    assert_eq!(list.base_number().unwrap(), None);
    assert_eq!(list.last_update().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800));
    assert!(list.next_update().unwrap().unwrap() > SystemTime::now());
    assert!(list.verify(&ca.public_key().unwrap()).unwrap());
    let other = X509::from_der(&pki().ca_der).unwrap();
    assert!(!list.verify(&other.public_key().unwrap()).unwrap());

    let entries = list.entries().unwrap();
    let serials: Vec<_> = entries.iter().map(|entry| entry.serial.to_string()).collect();
    assert_eq!(serials, ["03", "05", "7F09"]);
    assert_eq!((entries[0].reason, entries[2].reason), (None, Some(CrlReason::KeyCompromise)));
    assert_eq!(entries[2].invalidity_date, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(2_840_140_800)),);
    assert_eq!(entries[0].date, SystemTime::UNIX_EPOCH + Duration::from_secs(981_158_400));

    let files = Files::new(&[("list.pem", &pem)]);
    let said = run(openssl().args(["crl", "-noout", "-text", "-in"]).arg(files.path("list.pem"))).stdout;
    let text = list.to_text().unwrap();
    for line in said.lines().map(str::trim).filter(|line| line.contains("Serial") || line.contains("Date")) {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let again = X509Crl::from_pem(list.to_pem().unwrap().as_bytes()).unwrap();
    assert_eq!(again.to_der().unwrap(), list.to_der().unwrap());
}

#[test]
fn a_list_tells_revoked_from_removed_and_not_listed() {
    let (_, list, _) = list();
    let of = |serial: &[u8]| list.revoked_by_serial(&SerialNumber::from_bytes(serial)).unwrap();

    assert!(matches!(of(&[3]), RevocationStatus::Revoked(entry) if entry.reason.is_none()));
    assert!(matches!(of(&[0x7f, 9]), RevocationStatus::Revoked(_)));
    assert!(matches!(of(&[5]), RevocationStatus::Removed(_)));
    for absent in [&[][..], &[4], &[0xff; 20]] {
        assert_eq!(of(absent), RevocationStatus::NotListed);
    }
    // A certificate of another issuer is not listed, whatever its number.
    let stranger = made(|params| params.serial_number = Some(rcgen::SerialNumber::from_slice(&[3])));
    assert_eq!(list.revoked(&stranger).unwrap(), RevocationStatus::NotListed);
}

#[test]
fn a_certificate_is_found_on_its_issuers_list() {
    let (ca, list, _) = list();
    let mut params = CertificateParams::default();
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&[3]));
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name.push(DnType::CommonName, "lists");
    let (key, ca_key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate = params.signed_by(&key, &Issuer::new(issuer, ca_key)).unwrap();
    let certificate = X509::from_der(certificate.der()).unwrap();

    assert_eq!(*certificate.issuer_name(), *ca.subject_name());
    assert!(matches!(list.revoked(&certificate).unwrap(), RevocationStatus::Revoked(_)));
}

#[test]
fn several_lists_are_read_from_one_text() {
    let (_, _, pem) = list();
    let text = [pem.as_str(), &pki().ca_pem, &Ca::new("other").revocation_list()].concat();

    let lists = X509Crl::stack_from_pem(text.as_bytes()).unwrap();
    assert_eq!(lists.len(), 2);
    assert_eq!(lists[1].entries().unwrap(), []);
    assert!(X509Crl::stack_from_pem(pki().ca_pem.as_bytes()).is_err());
    let lib = LibContext::new().unwrap();
    assert_eq!(X509Crl::from_der_in(lib, &lists[0].to_der().unwrap()).unwrap().entries().unwrap().len(), 3);
}

#[test]
fn threads_read_one_list_and_one_certificate_at_a_time() {
    let (ca, list, _) = list();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let (ca, list) = (ca.clone(), list.clone());
            scope.spawn(move || {
                for _ in 0..50 {
                    let found = list.revoked_by_serial(&SerialNumber::from_bytes(&[3])).unwrap();
                    assert!(matches!(found, RevocationStatus::Revoked(_)));
                    assert_eq!(list.entries().unwrap().len(), 3);
                    assert!(ca.is_ca() && ca.is_self_issued());
                    assert_eq!(ca.subject_name(), &*ca.issuer_name().to_owned());
                }
            });
        }
    });
}

#[test]
fn an_identity_says_what_does_not_belong_together() {
    let other = pki().ed25519.key_pem.as_bytes();
    let error = Identity::from_pem(pki().localhost.chain_pem.as_bytes(), other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

/// C makes no name of an encoding beyond 1 MiB again, so that such a name could not be cloned.
#[test]
fn a_name_that_c_could_not_read_again_is_not_made() {
    let name = |len| X509NameBuilder::new().unwrap().add("1.2.3.4", &"x".repeat(len)).unwrap().build();

    assert_eq!(name(2 << 20).unwrap_err().kind(), ErrorKind::Refused);
    let large = name(1 << 19).unwrap();
    assert_eq!(large.clone(), large);
}

#[test]
fn flags_with_which_more_hosts_match_are_refused() {
    let (_, certificate) = rich();
    for flags in [HostFlags::ALWAYS_CHECK_SUBJECT, HostFlags::MULTI_LABEL_WILDCARDS] {
        let error = certificate.matching_host_with("x.y.b.example", flags).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{flags:?}");
    }
}

/// C compares the parts of one step of a name in an order of its own, however they were written.
#[test]
fn equal_names_with_parts_in_another_order_have_equal_hashes() {
    let (common, organization) =
        (b"\x30\x08\x06\x03\x55\x04\x03\x0c\x01a", b"\x30\x08\x06\x03\x55\x04\x0a\x0c\x01b");
    let name =
        |parts: [&[u8]; 2]| X509Name::from_der(&[b"\x30\x16\x31\x14", parts[0], parts[1]].concat()).unwrap();
    let (one, other) = (name([common, organization]), name([organization, common]));

    assert_eq!(one, other);
    assert_eq!(hash(&one), hash(&other));
}
