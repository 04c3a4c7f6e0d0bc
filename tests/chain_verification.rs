//! Chains are verified without a connection: every setting has its effect, and a refusal says which certificate it was.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, UNIX_EPOCH};

use libssl::x509::{
    ChainVerifier, HostFlags, InheritFlags, VerifyFlags, X509, X509Crl, X509Purpose, X509Store,
    X509StoreBuilder, X509Trust, X509VerifyParam,
};
use libssl::{Error, ErrorKind, VerifyError};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams, SanType, SerialNumber,
    date_time_ymd,
};

use commands::{Files, openssl, run};
use common::identities::{leaf, named};
use common::pki;

/// A CA that issues what is asked for.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Authority {
    fn new(name: &str, above: Option<&Self>) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = match above {
            None => params.self_signed(&key),
            Some(above) => params.signed_by(&key, &above.issuer),
        };
        Self { certificate: certificate.unwrap(), issuer: Issuer::new(params, key) }
    }

    fn issue(&self, params: &CertificateParams) -> X509 {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        certificate(params.signed_by(&key, &self.issuer).unwrap().der())
    }

    /// A list on which this serial number stands.
    fn list(&self, revoked: Option<u64>, until: i32) -> String {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(serial),
                    revocation_time: date_time_ymd(2001, 1, 1),
                    reason_code: None,
                    invalidity_date: None,
                })
                .into_iter()
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    fn x509(&self) -> X509 {
        certificate(self.certificate.der())
    }

    fn store(&self) -> X509Store {
        store_of(&self.certificate.pem())
    }
}

fn certificate(der: &[u8]) -> X509 {
    X509::from_der(der).unwrap()
}

/// A store of what a PEM text holds.
fn store_of(pem: &str) -> X509Store {
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.add_pem(pem.as_bytes()).unwrap();
    builder.build().unwrap()
}

fn store() -> X509Store {
    store_of(&pki().ca_pem)
}

/// Settings with one made.
fn param(set: impl FnOnce(&mut X509VerifyParam) -> Result<(), Error>) -> X509VerifyParam {
    let mut param = X509VerifyParam::new().unwrap();
    set(&mut param).unwrap();
    param
}

fn any() -> X509VerifyParam {
    param(|_| Ok(()))
}

/// What becomes of a certificate, as a server's, with these settings.
fn judge(store: &X509Store, certificate: &X509, param: &X509VerifyParam) -> Result<(), VerifyError> {
    verdict(store.verify_chain(certificate).purpose(X509Purpose::SSL_SERVER).param(param))
}

fn verdict(verifier: ChainVerifier<'_>) -> Result<(), VerifyError> {
    let Err(error) = verifier.verify() else { return Ok(()) };
    match error.kind() {
        ErrorKind::Verification(code) => {
            assert_eq!(error.verify_failure().unwrap().error, code);
            Err(code)
        }
        _ => panic!("{error}"),
    }
}

fn localhost() -> X509 {
    certificate(&pki().localhost.der)
}

#[test]
fn a_good_chain_gives_the_chain_up_to_the_root_and_the_name_that_matched() {
    let (store, leaf) = (store(), localhost());
    let host = param(|param| param.set_host("LOCALHOST"));
    let verified = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(&host).verify().unwrap();
    let ders: Vec<_> = verified.chain().iter().map(|c| c.to_der().unwrap()).collect();
    assert_eq!(ders, [pki().localhost.der.clone(), pki().ca_der.clone()]);
    assert_eq!(verified.peer_name(), Some(&b"localhost"[..]));
    // The settings are the caller's: nothing is written to them.
    assert_eq!(host.peer_name(), None);
}

#[test]
fn a_refusal_says_why_and_at_which_certificate() {
    let (store, leaf) = (store(), certificate(&pki().expired.der));
    let error = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::CERT_HAS_EXPIRED));
    let failure = error.verify_failure().unwrap();
    assert_eq!((failure.error, failure.depth), (VerifyError::CERT_HAS_EXPIRED, Some(0)));
    assert_eq!(failure.certificate.as_ref().unwrap().to_der().unwrap(), pki().expired.der);
    assert_eq!(failure.subject().as_deref(), Some("CN=localhost"));
    assert!(error.to_string().contains("certificate has expired"), "{error}");
}

#[test]
fn nothing_is_verified_without_a_purpose_or_settings() {
    let (store, leaf) = (store(), localhost());
    assert_eq!(store.verify_chain(&leaf).verify().unwrap_err().kind(), ErrorKind::InvalidInput);
    let without_purpose = store.verify_chain(&leaf).param(&any()).verify();
    assert_eq!(without_purpose.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn strangers_and_those_who_vouch_for_themselves_are_refused() {
    let judge = |der: &[u8]| judge(&store(), &certificate(der), &any());
    let unknown = VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    assert_eq!(judge(&pki().unknown_issuer.der), Err(unknown));
    assert_eq!(judge(&pki().self_signed.der), Err(VerifyError::DEPTH_ZERO_SELF_SIGNED_CERT));
    assert_eq!(judge(&pki().not_yet.der), Err(VerifyError::CERT_NOT_YET_VALID));
}

#[test]
fn what_stands_between_is_found_among_the_untrusted_and_counts_for_the_depth() {
    let root = Authority::new("root", None);
    let middle = Authority::new("middle", Some(&root));
    let leaf = middle.issue(&leaf("localhost"));
    let (store, between) = (root.store(), [middle.x509()]);
    let judge = |untrusted, param: &X509VerifyParam| {
        let verifier = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(param);
        verdict(verifier.untrusted(untrusted))
    };
    let missing = Err(VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
    assert_eq!(judge(&[], &any()), missing);
    assert_eq!(judge(&between, &any()), Ok(()));
    let depth = |depth| {
        param(|param| {
            param.set_depth(depth);
            assert_eq!(param.depth(), depth);
            Ok(())
        })
    };
    assert_eq!(judge(&between, &depth(Some(1))), Ok(()));
    assert_eq!(judge(&between, &depth(Some(0))), Err(VerifyError::CERT_CHAIN_TOO_LONG));
    assert_eq!(judge(&between, &depth(None)), Ok(()));
}

#[test]
fn a_partial_chain_is_enough_where_that_is_said() {
    let root = Authority::new("root", None);
    let middle = Authority::new("middle", Some(&root));
    let (leaf, store) = (middle.issue(&leaf("localhost")), middle.store());
    assert_eq!(judge(&store, &leaf, &any()), Err(VerifyError::UNABLE_TO_GET_ISSUER_CERT));
    let partial = param(|param| param.set_flags(VerifyFlags::PARTIAL_CHAIN));
    assert_eq!(judge(&store, &leaf, &partial), Ok(()));
}

#[test]
fn revocation_lists_come_from_the_store_and_from_the_caller() {
    let root = Authority::new("root", None);
    let mut params = leaf("localhost");
    params.serial_number = Some(SerialNumber::from(4711));
    let leaf = root.issue(&params);
    let check = param(|param| param.set_flags(VerifyFlags::CRL_CHECK | VerifyFlags::CRL_CHECK_ALL));
    let lists = |revoked, until| [X509Crl::from_pem(root.list(revoked, until).as_bytes()).unwrap()];
    let with = |lists: &[X509Crl]| {
        let store = root.store();
        verdict(store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(&check).crls(lists))
    };
    assert_eq!(with(&[]), Err(VerifyError::UNABLE_TO_GET_CRL));
    assert_eq!(with(&lists(None, 4000)), Ok(()));
    assert_eq!(with(&lists(None, 2001)), Err(VerifyError::CRL_HAS_EXPIRED));
    assert_eq!(with(&lists(Some(4711), 4000)), Err(VerifyError::CERT_REVOKED));
    assert_eq!(with(&lists(Some(4712), 4000)), Ok(()));

    let stored = |list: String| judge(&store_of(&(root.certificate.pem() + &list)), &leaf, &check);
    assert_eq!(stored(root.list(Some(4711), 4000)), Err(VerifyError::CERT_REVOKED));
    assert_eq!(stored(root.list(None, 4000)), Ok(()));
    let mut builder = root.store().to_builder().unwrap();
    builder.add_crl(&lists(Some(4711), 4000)[0]).unwrap();
    builder.set_flags(VerifyFlags::CRL_CHECK).unwrap();
    let store = builder.build().unwrap();
    assert_eq!(judge(&store, &leaf, &any()), Err(VerifyError::CERT_REVOKED), "the store's own flags count");
}

#[test]
fn another_time_and_no_time_are_dangers() {
    let (store, expired) = (store(), certificate(&pki().expired.der));
    let then = UNIX_EPOCH + Duration::from_secs(961_200_000); // June 2000
    let mut param = param(|param| param.danger_set_time(then));
    assert_eq!(param.time(), Some(then));
    assert!(param.flags().contains(VerifyFlags::USE_CHECK_TIME));
    // The CA was made today.
    assert_eq!(judge(&store, &expired, &param), Ok(()));
    param.clear_time();
    assert_eq!(param.time(), None);
    assert_eq!(judge(&store, &expired, &param), Err(VerifyError::CERT_HAS_EXPIRED));
    param.danger_set_flags(VerifyFlags::NO_CHECK_TIME);
    assert_eq!(judge(&store, &expired, &param), Ok(()));
    param.danger_clear_flags(VerifyFlags::NO_CHECK_TIME);
    assert_eq!(judge(&store, &expired, &param), Err(VerifyError::CERT_HAS_EXPIRED));

    let before = UNIX_EPOCH - Duration::from_secs(86_400);
    param.danger_set_time(before).unwrap();
    assert_eq!(param.time(), Some(before));
    assert_eq!(judge(&store, &localhost(), &param), Err(VerifyError::CERT_NOT_YET_VALID));
}

#[test]
fn flags_that_weaken_are_refused_by_setters_without_danger() {
    let mut param = any();
    for flag in [
        VerifyFlags::USE_CHECK_TIME,
        VerifyFlags::IGNORE_CRITICAL,
        VerifyFlags::ALLOW_PROXY_CERTS,
        VerifyFlags::NO_CHECK_TIME,
        VerifyFlags::from_bits_retain(1 << 30),
    ] {
        let both = flag | VerifyFlags::CRL_CHECK;
        assert_eq!(param.set_flags(both).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(param.flags().is_empty(), "nothing is set");
    }
    param.set_flags(VerifyFlags::SUITEB_192_LOS).unwrap();
    param.set_flags(VerifyFlags::SUITEB_192_LOS).unwrap();
    let either = param.set_flags(VerifyFlags::SUITEB_128_LOS_ONLY);
    assert_eq!(either.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(param.flags(), VerifyFlags::SUITEB_192_LOS);
    for flag in [HostFlags::ALWAYS_CHECK_SUBJECT, HostFlags::MULTI_LABEL_WILDCARDS] {
        assert_eq!(param.set_host_flags(flag).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(param.host_flags().is_empty());
    }
    for purpose in [X509Purpose::ANY, X509Purpose::OCSP_HELPER, X509Purpose(0), X509Purpose(4711)] {
        assert_eq!(param.set_purpose(purpose).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(param.set_trust(X509Trust::COMPAT).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(param.set_trust(X509Trust(4711)).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(param.danger_set_purpose(Some(X509Purpose(4711))).unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn the_purpose_decides_what_the_certificate_may_be_used_for() {
    let (store, client) = (store(), certificate(&pki().client.der));
    let judge = |set: &dyn Fn(&mut X509VerifyParam) -> Result<(), Error>| {
        verdict(store.verify_chain(&client).param(&param(|param| set(param))).danger_purpose_of_settings())
    };
    assert_eq!(judge(&|param| param.set_purpose(X509Purpose::SSL_CLIENT)), Ok(()));
    let wrong = Err(VerifyError::INVALID_PURPOSE);
    assert_eq!(judge(&|param| param.set_purpose(X509Purpose::SSL_SERVER)), wrong);
    assert_eq!(judge(&|param| param.danger_set_purpose(Some(X509Purpose::ANY))), Ok(()));
    // The one that is asked for goes before the one of the settings.
    let any = param(|param| param.danger_set_purpose(Some(X509Purpose::ANY)));
    let verifier = store.verify_chain(&client).param(&any).purpose(X509Purpose::SSL_SERVER);
    assert_eq!(verdict(verifier), wrong);
    let known = X509VerifyParam::lookup("ssl_server").unwrap();
    assert_eq!(verdict(store.verify_chain(&client).param(&known).danger_purpose_of_settings()), wrong);
    assert_eq!(known.name().unwrap(), c"ssl_server");
    match known.purpose() {
        Ok(purpose) => assert_eq!(purpose, Some(X509Purpose::SSL_SERVER)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
    assert_eq!(X509VerifyParam::lookup("nonsense").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_root_is_trusted_for_what_it_says() {
    let files = Files::new(&[("ca.pem", &pki().ca_pem)]);
    let mut command = openssl();
    command.args(["x509", "-addtrust", "emailProtection", "-in"]).arg(files.path("ca.pem"));
    let mail_only = run(&mut command).stdout;
    assert!(mail_only.contains("TRUSTED CERTIFICATE"), "{mail_only}");
    let (store, leaf) = (store_of(&mail_only), localhost());
    let refused = judge(&store, &leaf, &any());
    assert!(refused.is_err(), "{refused:?}");
    let mail = param(|param| param.set_trust(X509Trust::EMAIL));
    assert_eq!(judge(&store, &leaf, &mail), Ok(()));
}

#[test]
fn the_level_is_raised_for_a_verification_and_where_one_is_set() {
    let (store, leaf) = (store(), localhost());
    let at = |level, param: &X509VerifyParam| {
        let verifier = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(param);
        verdict(verifier.auth_level(level))
    };
    let too_small = Err(VerifyError::EE_KEY_TOO_SMALL);
    assert_eq!(at(3, &any()), Ok(()), "P-256 has 128 bits");
    assert_eq!(at(4, &any()), too_small);
    let mut param = any();
    assert_eq!(param.raise_auth_level(4).unwrap_err().kind(), ErrorKind::NotReady);
    param.danger_set_auth_level(Some(2));
    param.raise_auth_level(4).unwrap();
    param.raise_auth_level(1).unwrap();
    assert_eq!(param.auth_level(), Some(4));
    assert_eq!(at(0, &param), too_small);
    param.danger_set_auth_level(None);
    assert_eq!(param.auth_level(), None);
    assert_eq!(at(0, &param), Ok(()));
}

#[test]
fn one_of_several_names_must_match() {
    let root = Authority::new("root", None);
    let leaf = root.issue(&named("x", &["a.example", "*.b.example"]));
    let store = root.store();
    let names = |names: &[&str]| {
        param(|param| {
            names.iter().try_for_each(|name| param.add_host(name))?;
            assert_eq!(param.hosts().len(), names.len());
            Ok(())
        })
    };
    assert_eq!(judge(&store, &leaf, &names(&["a.example"])), Ok(()));
    assert_eq!(judge(&store, &leaf, &names(&["c.example", "a.example"])), Ok(()));
    assert_eq!(judge(&store, &leaf, &names(&["c.example"])), Err(VerifyError::HOSTNAME_MISMATCH));
    let mut wild = names(&["www.b.example"]);
    assert_eq!(judge(&store, &leaf, &wild), Ok(()));
    wild.set_host_flags(HostFlags::NO_WILDCARDS).unwrap();
    wild.set_host_flags(HostFlags::NEVER_CHECK_SUBJECT).unwrap();
    assert_eq!(wild.host_flags(), HostFlags::NO_WILDCARDS | HostFlags::NEVER_CHECK_SUBJECT);
    assert_eq!(judge(&store, &leaf, &wild), Err(VerifyError::HOSTNAME_MISMATCH));
    wild.danger_set_host_flags(HostFlags::empty());
    assert_eq!(judge(&store, &leaf, &wild), Ok(()));
    wild.set_host("c.example").unwrap();
    assert_eq!(wild.hosts(), [c"c.example"]);
    wild.danger_clear_hosts();
    assert_eq!(judge(&store, &leaf, &wild), Ok(()));

    let other = names(&["c.example", "d.example"]);
    let error =
        store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).param(&other).verify().unwrap_err();
    assert_eq!(error.verify_failure().unwrap().expected, ["c.example", "d.example"]);
}

#[test]
fn names_in_a_store_s_settings_are_demanded_and_told() {
    let root = Authority::new("root", None);
    let leaf = root.issue(&named("x", &["a.example"]));
    let mut builder = root.store().to_builder().unwrap();
    builder.param_mut().set_host("long-name-of-a-host.example").unwrap();
    builder.param_mut().set_email("a@example.org").unwrap();
    // Copies of copies, which OpenSSL 4.0 writes without an end.
    let store = builder.build().unwrap().to_builder().unwrap().build().unwrap();
    let names = ["long-name-of-a-host.example", "a@example.org"];
    assert_eq!(store.param().hosts()[0].to_bytes(), names[0].as_bytes());
    assert_eq!(store.param().email().unwrap().to_bytes(), names[1].as_bytes());
    let error = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    assert_eq!(error.verify_failure().unwrap().expected, names);
}

#[test]
fn a_common_name_counts_only_without_alternative_names() {
    let root = Authority::new("root", None);
    let store = root.store();
    let host = |flags| {
        param(|param| {
            param.danger_set_host_flags(flags);
            param.set_host("cn.example")
        })
    };
    let alone = root.issue(&named("cn.example", &[]));
    assert_eq!(judge(&store, &alone, &host(HostFlags::empty())), Ok(()));
    let never = host(HostFlags::NEVER_CHECK_SUBJECT);
    assert_eq!(judge(&store, &alone, &never), Err(VerifyError::HOSTNAME_MISMATCH));
    let beside = root.issue(&named("cn.example", &["other.example"]));
    let mismatch = Err(VerifyError::HOSTNAME_MISMATCH);
    assert_eq!(judge(&store, &beside, &host(HostFlags::empty())), mismatch);
    assert_eq!(judge(&store, &beside, &host(HostFlags::ALWAYS_CHECK_SUBJECT)), Ok(()));
}

#[test]
fn what_is_no_name_is_refused_and_the_earlier_one_stays() {
    let long = ["a".repeat(64).as_str(), "example"].join(".");
    let mut param = param(|param| {
        param.set_host("a.example")?;
        param.set_email("a@example.org")
    });
    let bad = ["", ".", ".example", "a.example.", "*.example", "a..b", "a\0b", "127.0.0.1", "1.2", "b\u{fc}"];
    for name in bad.into_iter().chain([long.as_str()]) {
        assert_eq!(param.set_host(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        assert_eq!(param.add_host(name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        assert_eq!(param.hosts(), [c"a.example"]);
    }
    // OpenSSL 4.0 checks more than this crate; what it refuses must not leave nothing to verify.
    if param.set_host("-.example").is_err() {
        assert_eq!(param.hosts(), [c"a.example"]);
    }
    for address in ["", "a", "@example.org", "a@", "a\0@example.org"] {
        assert_eq!(param.set_email(address).unwrap_err().kind(), ErrorKind::InvalidInput, "{address}");
        assert_eq!(param.email(), Some(c"a@example.org"));
    }
}

#[test]
fn addresses_must_match_each_kind_for_itself() {
    let root = Authority::new("root", None);
    let mut params = leaf("localhost");
    params.subject_alt_names.push(SanType::Rfc822Name("me@example.org".try_into().unwrap()));
    let (leaf, store) = (root.issue(&params), root.store());
    let with = |address: &str| param(|param| param.set_ip(address.parse().unwrap()));
    for (address, verdict) in [
        ("127.0.0.1", Ok(())),
        ("::1", Ok(())),
        ("127.0.0.2", Err(VerifyError::IP_ADDRESS_MISMATCH)),
        ("::2", Err(VerifyError::IP_ADDRESS_MISMATCH)),
    ] {
        let param = with(address);
        assert_eq!(param.ip(), Some(address.parse().unwrap()));
        assert_eq!(judge(&store, &leaf, &param), verdict, "{address}");
    }
    let mut param = with("127.0.0.2");
    match param.add_ip("127.0.0.1".parse::<IpAddr>().unwrap()) {
        Ok(()) => assert_eq!(judge(&store, &leaf, &param), Ok(())),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
    param.danger_clear_ips();
    assert_eq!(param.ip(), None);
    param.set_email("me@example.org").unwrap();
    assert_eq!(judge(&store, &leaf, &param), Ok(()));
    param.set_email("you@example.org").unwrap();
    assert_eq!(judge(&store, &leaf, &param), Err(VerifyError::EMAIL_MISMATCH));
    param.danger_clear_email();
    assert_eq!(judge(&store, &leaf, &param), Ok(()));
    // Both, and only one of them is right.
    param.set_email("me@example.org").unwrap();
    param.set_host("other.example").unwrap();
    assert_eq!(judge(&store, &leaf, &param), Err(VerifyError::HOSTNAME_MISMATCH));
}

#[test]
fn mail_addresses_beyond_ascii_need_openssl_4() {
    let mut param = any();
    let sets = [param.set_rfc822("a@example.org"), param.set_smtputf8("\u{fc}@example.org")];
    if sets.iter().all(Result::is_ok) {
        assert_eq!(param.email(), Some(c"a@example.org"));
        assert_eq!(param.set_smtputf8("a@example.org").unwrap_err().kind(), ErrorKind::InvalidInput);
        return;
    }
    for set in sets {
        assert_eq!(set.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_policy_that_is_demanded_must_be_there() {
    let (store, leaf) = (store(), localhost());
    let mut param = param(|param| param.set_policies(&["2.23.140.1.2.1", "1.3.6.1.4.1.99999.1"]));
    assert!(param.flags().contains(VerifyFlags::POLICY_CHECK));
    assert_eq!(judge(&store, &leaf, &param), Ok(()));
    param.set_flags(VerifyFlags::EXPLICIT_POLICY).unwrap();
    assert_eq!(judge(&store, &leaf, &param), Err(VerifyError::NO_EXPLICIT_POLICY));
    param.add_policy("2.5.29.32.0").unwrap();
    for bad in ["", "serverAuth", "9.9", "1.3\0"] {
        assert_eq!(param.add_policy(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        assert_eq!(param.set_policies(&["1.2.3", bad]).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(param.set_policies(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    param.danger_clear_policies().unwrap();
}

#[test]
fn strictness_refuses_what_breaks_the_rules() {
    let root = Authority::new("root", None);
    let mut params = leaf("localhost");
    params.use_authority_key_identifier_extension = false;
    let (leaf, store) = (root.issue(&params), root.store());
    assert_eq!(judge(&store, &leaf, &any()), Ok(()));
    let strict = param(|param| param.set_flags(VerifyFlags::X509_STRICT));
    assert_eq!(judge(&store, &leaf, &strict), Err(VerifyError::MISSING_AUTHORITY_KEY_IDENTIFIER));
}

#[test]
fn settings_are_copied_and_locked_ones_are_an_error() {
    let mut settings = param(|param| {
        param.set_name("mine")?;
        param.set_host("a.example")?;
        param.add_host("b.example")?;
        param.set_host_flags(HostFlags::NO_WILDCARDS)?;
        param.set_flags(VerifyFlags::X509_STRICT)?;
        param.set_email("a@example.org")?;
        param.set_ip("127.0.0.1".parse().unwrap())?;
        param.set_purpose(X509Purpose::SSL_CLIENT)?;
        param.set_depth(Some(7));
        param.danger_set_auth_level(Some(1));
        param.danger_set_inherit_flags(InheritFlags::OVERWRITE);
        param.danger_set_time(UNIX_EPOCH + Duration::from_secs(7))
    });
    let copy = settings.try_clone().unwrap();
    assert_eq!(format!("{settings:?}"), format!("{copy:?}"));
    assert!(format!("{copy:?}").contains("b.example"), "{copy:?}");

    // What is set here stays, unless the others' inherit flags say otherwise.
    let mut other = param(|param| param.set_host("c.example"));
    settings.danger_set_inherit_flags(InheritFlags::empty());
    other.inherit_from(&settings).unwrap();
    assert_eq!((other.hosts(), other.depth()), (vec![c"c.example"], Some(7)));
    other.set_from(&settings).unwrap();
    assert_eq!(other.hosts(), [c"a.example", c"b.example"]);

    settings.danger_set_inherit_flags(InheritFlags::LOCKED);
    let (store, leaf) = (store(), localhost());
    let locked = [
        settings.try_clone().map(drop),
        other.set_from(&settings),
        other.inherit_from(&settings),
        store.verify_chain(&leaf).param(&settings).danger_purpose_of_settings().verify().map(drop),
    ];
    for result in locked {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidInput, "C would verify without them");
    }
}

#[test]
fn a_callback_refuses_what_openssl_accepts_and_not_the_other_way_round() {
    let (store, good, bad) = (store(), localhost(), certificate(&pki().expired.der));
    let server = |leaf| store.verify_chain(leaf).purpose(X509Purpose::SSL_SERVER);
    let mut seen = Vec::new();
    let callback = |view: &mut libssl::x509::ChainView<'_>| {
        assert!(view.preverified() && view.certificate().is_some());
        seen.push(view.depth());
        true
    };
    server(&good).callback(callback).verify().unwrap();
    assert_eq!(seen, [1, 0], "the root first");

    let error = server(&good).callback(|view| view.depth() != 0).verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
    assert_eq!(error.verify_failure().unwrap().depth, Some(0));
    let refuse = |view: &mut libssl::x509::ChainView<'_>| {
        view.set_error(VerifyError::CERT_REVOKED);
        false
    };
    assert_eq!(verdict(server(&good).callback(refuse)), Err(VerifyError::CERT_REVOKED));
    assert_eq!(verdict(server(&bad).callback(|_| true)), Err(VerifyError::CERT_HAS_EXPIRED));
    assert_eq!(verdict(server(&bad).danger_callback(|_| true)), Ok(()));
    assert!(verdict(server(&bad).danger_callback(|_| false)).is_err());
}

#[test]
fn a_panic_in_a_callback_goes_on_in_verify() {
    let (store, leaf) = (store(), localhost());
    let verifier = store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER);
    let panic = catch_unwind(AssertUnwindSafe(|| verifier.danger_callback(|_| panic!("mine")).verify()));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"mine"));
}

#[test]
fn a_policy_that_is_announced_is_no_complaint() {
    let (store, leaf) = (store(), localhost());
    let notify = param(|param| param.set_flags(VerifyFlags::POLICY_CHECK | VerifyFlags::NOTIFY_POLICY));
    assert_eq!(judge(&store, &leaf, &notify), Ok(()));
}

/// A client's certificate is no server's, and only a setter with `danger` in its name may say that this does not matter.
#[test]
fn a_purpose_for_which_no_usage_is_checked_is_refused() {
    let store = store();
    let client = certificate(&pki().client.der);
    for purpose in [X509Purpose::ANY, X509Purpose::OCSP_HELPER, X509Purpose(0), X509Purpose(-1)] {
        let error = store.verify_chain(&client).param(&any()).purpose(purpose).verify().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{purpose:?}");
    }
    let settings = param(|param| param.danger_set_purpose(Some(X509Purpose::ANY)));
    store.verify_chain(&client).param(&settings).danger_purpose_of_settings().verify().unwrap();
}

#[test]
fn what_a_root_is_not_trusted_for_is_refused_wherever_the_purpose_is_said() {
    let files = Files::new(&[("ca.pem", &pki().ca_pem)]);
    let reject = ["x509", "-trustout", "-addreject", "serverAuth", "-in"];
    let root = run(openssl().args(reject).arg(files.path("ca.pem"))).stdout;
    let (store, leaf) = (store_of(&root), localhost());
    let server = param(|param| param.set_purpose(X509Purpose::SSL_SERVER));
    let mut builder = store.to_builder().unwrap();
    builder.param_mut().set_purpose(X509Purpose::SSL_SERVER).unwrap();
    let of_servers = builder.build().unwrap();

    for verifier in [
        store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER),
        of_servers.verify_chain(&leaf).param(&any()).danger_purpose_of_settings(),
        store.verify_chain(&leaf).param(&server).danger_purpose_of_settings(),
    ] {
        assert_eq!(verdict(verifier), Err(VerifyError::CERT_REJECTED));
    }
    let client = certificate(&pki().client.der);
    let of_client = param(|param| param.set_purpose(X509Purpose::SSL_CLIENT));
    assert_eq!(verdict(store.verify_chain(&client).param(&of_client).danger_purpose_of_settings()), Ok(()));
    // What a store is for does not say what another verification demands of its roots.
    builder = store.to_builder().unwrap();
    builder.param_mut().set_purpose(X509Purpose::SSL_CLIENT).unwrap();
    let of_clients = builder.build().unwrap();
    let verifier = of_clients.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER);
    assert_eq!(verdict(verifier), Err(VerifyError::CERT_REJECTED));
    // Who says what it must be trusted for is taken at one's word.
    let said = param(|param| {
        param.set_trust(X509Trust::SSL_CLIENT)?;
        param.set_purpose(X509Purpose::SSL_SERVER)
    });
    assert_eq!(verdict(store.verify_chain(&leaf).param(&said).danger_purpose_of_settings()), Ok(()));
}

#[test]
fn a_panic_of_the_callback_leaves_no_errors_behind() {
    let store = store();
    let mut der = pki().localhost.der.clone();
    let signature = der.len() - 70..;
    der[signature].fill(0xff);
    let forged = certificate(&der);
    let verifier = store.verify_chain(&forged).purpose(X509Purpose::SSL_SERVER);

    let verifier = verifier.callback(|view| view.preverified() || panic!("a complaint"));
    assert!(catch_unwind(AssertUnwindSafe(|| verifier.verify())).is_err());

    // SAFETY: has no requirements.
    assert_eq!(unsafe { openssl_sys::ERR_get_error() }, 0);
}
