//! Stapled certificate status: judged alone and in handshakes, against `openssl ocsp` as judge and as responder,
//! `s_server` and `s_client`, and rustls as a server that staples anything.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;
mod responder;
mod stapling;
mod support;

use std::time::{Duration, SystemTime};

use commands::{Files, openssl, run};
use libssl::ocsp::{
    CrlReason, OcspCertId, OcspCertStatus, OcspCheck, OcspDangerousFlags, OcspHash, OcspRefusal, OcspRequest,
    OcspRequestBuilder, OcspResponderId, OcspResponse, OcspResponseStatus, OcspVerifyFlags,
};
use libssl::{Error, ErrorKind};
use responder::{Answer, Authority, HOUR, Holder, Status, Wishes, assemble, tlv, unsuccessful};

/// The refusal that an error tells, whose kind agrees with it.
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> OcspRefusal {
    let error = result.expect_err("a refusal");
    let refusal = error.ocsp_refusal().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(error.kind(), ErrorKind::Verification(refusal.verify_error()));
    assert!(error.to_string().contains(&refusal.to_string()), "{error}");
    refusal
}

/// What is wrong, without the time of a revocation.
fn same(left: OcspRefusal, right: OcspRefusal) -> bool {
    match (left, right) {
        (OcspRefusal::Revoked { reason: left, .. }, OcspRefusal::Revoked { reason: right, .. }) => {
            left == right
        }
        (left, right) => left == right,
    }
}

fn revoked(reason: Option<CrlReason>) -> OcspRefusal {
    OcspRefusal::Revoked { at: SystemTime::UNIX_EPOCH, reason }
}

/// Responses about one certificate, and what is wrong with each.
struct Cases {
    ca: Authority,
    other: Authority,
    server: Holder,
}

type Case = (&'static str, Vec<u8>, Option<OcspRefusal>);

impl Cases {
    fn new(wishes: Wishes<'_>) -> Self {
        let (ca, other) = (Authority::new("the CA"), Authority::new("another CA"));
        Self { server: ca.server(0x9234, wishes), ca, other }
    }

    /// Every one is a response that parses.
    fn all(&self) -> Vec<Case> {
        let (ca, server) = (&self.ca, &self.server);
        let now = SystemTime::now();
        let good = || ca.good(server);
        let another = ca.server(0x77, Wishes::default());
        let (delegate, intruder) = (ca.delegate(true), ca.delegate(false));
        let elsewhere = self.other.delegate(true);
        let by = |signer, certificates| Answer { signer, certificates, ..good() }.der();
        let sha256 = OcspCertId::new(&server.certificate, &ca.holder.certificate, &OcspHash::Sha256);
        let two = [
            Answer { status: Status::Revoked(None), ..good() }.single(),
            ca.good(&another).single(),
            good().single(),
        ];
        vec![
            ("good", good().der(), None),
            ("good, by key", Answer { by_key: true, ..good() }.der(), None),
            ("good, SHA-256", Answer { about: sha256.expect("an id"), ..good() }.der(), None),
            ("good, a delegate", by(&delegate, vec![&delegate]), None),
            ("good, no end", Answer { next_update: None, ..good() }.der(), None),
            (
                "good, among others",
                assemble(&[ca.good(&another).single(), good().single()].concat(), &good()),
                None,
            ),
            ("revoked", Answer { status: Status::Revoked(None), ..good() }.der(), Some(revoked(None))),
            (
                "revoked, why",
                Answer { status: Status::Revoked(Some(1)), ..good() }.der(),
                Some(revoked(Some(CrlReason::KeyCompromise))),
            ),
            (
                "revoked, an odd reason",
                Answer { status: Status::Revoked(Some(77)), ..good() }.der(),
                Some(revoked(Some(CrlReason::Other(77)))),
            ),
            ("revoked and good", assemble(&two.concat(), &good()), Some(revoked(None))),
            ("unknown", Answer { status: Status::Unknown, ..good() }.der(), Some(OcspRefusal::Unknown)),
            (
                "stale",
                Answer { this_update: now - 48 * HOUR, next_update: Some(now - HOUR), ..good() }.der(),
                Some(OcspRefusal::Stale),
            ),
            (
                "future",
                Answer { this_update: now + HOUR, next_update: Some(now + 2 * HOUR), ..good() }.der(),
                Some(OcspRefusal::NotYetValid),
            ),
            (
                "ends before it begins",
                Answer { next_update: Some(now - 2 * HOUR), ..good() }.der(),
                Some(OcspRefusal::Malformed),
            ),
            ("another certificate", ca.good(&another).der(), Some(OcspRefusal::OtherCertificate)),
            ("another signer", by(&self.other.holder, vec![]), Some(OcspRefusal::NoSigner)),
            (
                "another signer, shown",
                by(&self.other.holder, vec![&self.other.holder]),
                Some(OcspRefusal::UntrustedSigner),
            ),
            ("a delegate, not shown", by(&delegate, vec![]), Some(OcspRefusal::NoSigner)),
            (
                "a delegate without the right",
                by(&intruder, vec![&intruder]),
                Some(OcspRefusal::UnauthorizedSigner),
            ),
            (
                "another CA's delegate",
                by(&elsewhere, vec![&elsewhere, &self.other.holder]),
                Some(OcspRefusal::UntrustedSigner),
            ),
            ("wrong signature", wrong_signature(good().der()), Some(OcspRefusal::BadSignature)),
            ("tryLater", unsuccessful(3), Some(OcspRefusal::NotSuccessful(OcspResponseStatus::TryLater))),
            ("status 4", unsuccessful(4), Some(OcspRefusal::NotSuccessful(OcspResponseStatus::Other(4)))),
            ("successful, and empty", unsuccessful(0), Some(OcspRefusal::Malformed)),
        ]
    }
}

/// Changes the last byte, which is of the signature.
fn wrong_signature(mut der: Vec<u8>) -> Vec<u8> {
    *der.last_mut().expect("a byte") ^= 1;
    der
}

#[test]
fn each_wrong_response_is_refused_for_what_is_wrong() {
    let cases = Cases::new(Wishes::default());
    let (store, check) = (cases.ca.store(), OcspCheck::new());
    for (name, der, expected) in cases.all() {
        let response = OcspResponse::from_der(&der).expect(name);
        assert_eq!(response.as_der(), der, "{name}");
        let verdict =
            response.verify_for(&cases.server.certificate, &cases.ca.holder.certificate, &store, &check);
        match expected {
            None => assert_eq!(verdict.expect(name).status(), OcspCertStatus::Good),
            Some(expected) => {
                let refusal = refusal(verdict);
                assert!(same(refusal, expected), "{name}: {refusal:?}");
            }
        }
    }
}

/// The command prints its verdict, and goes on where the crate refuses.
#[test]
fn openssl_ocsp_judges_the_same() {
    let cases = Cases::new(Wishes::default());
    let files = Files::new(&[("ca.pem", &cases.ca.holder.pem), ("server.pem", &cases.server.pem)]);
    for (name, der, expected) in cases.all() {
        // Of two answers C takes the first, and the command names certificates by SHA-1 unless told otherwise.
        if name == "revoked and good" || name == "good, no end" {
            continue;
        }
        std::fs::write(files.path("response.der"), &der).expect("a file");
        let mut command = openssl();
        command.arg("ocsp");
        if name.contains("SHA-256") {
            command.arg("-sha256");
        }
        command.args(["-no_nonce", "-respin"]).arg(files.path("response.der"));
        command.arg("-issuer").arg(files.path("ca.pem")).arg("-CAfile").arg(files.path("ca.pem"));
        command.arg("-cert").arg(files.path("server.pem"));
        let ended = run(&mut command);
        let said = [ended.stdout.as_str(), &ended.stderr].concat();
        let verified = said.contains("Response verify OK");
        let good = said.contains("server.pem: good") && !said.contains("Status times invalid");
        let theirs = match expected {
            None => verified && good,
            Some(OcspRefusal::Revoked { .. }) => verified && said.contains("server.pem: revoked"),
            Some(OcspRefusal::Unknown) => verified && said.contains("server.pem: unknown"),
            Some(OcspRefusal::OtherCertificate) => said.contains("No Status found"),
            Some(_) => !(verified && good),
        };
        assert!(theirs, "{name}: {said}");
    }
}

#[test]
fn a_response_says_all_that_is_in_it() {
    let cases = Cases::new(Wishes::default());
    let delegate = cases.ca.delegate(true);
    let answer = Answer {
        status: Status::Revoked(Some(6)),
        signer: &delegate,
        certificates: vec![&delegate],
        nonce: Some(vec![7; 16]),
        by_key: true,
        ..cases.ca.good(&cases.server)
    };
    let response = answer.response();
    assert_eq!(response.status(), OcspResponseStatus::Successful);
    let basic = response.basic().expect("an answer");
    assert_eq!(*basic.responder(), OcspResponderId::by_key(&delegate.certificate).expect("an id"));
    assert_eq!(basic.nonce(), Some(&[7; 16][..]));
    assert_eq!(basic.certificates().len(), 1);
    assert!(*basic.certificates()[0] == *delegate.certificate);
    assert!(SystemTime::now().duration_since(basic.produced_at()).expect("past") < HOUR);
    let [single] = basic.responses() else { panic!("{basic:?}") };
    assert_eq!(single.cert_id().serial(), [0x92, 0x34]);
    assert_eq!(*single.cert_id(), answer.about);
    assert_eq!(single.cert_id().issuer_name_hash().len(), 20);
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
    assert_eq!(seconds(single.this_update()), seconds(answer.this_update));
    assert_eq!(single.next_update().map(seconds), answer.next_update.map(seconds));
    let OcspCertStatus::Revoked { at, reason } = single.status() else { panic!("{single:?}") };
    assert_eq!(reason, Some(CrlReason::CertificateHold));
    assert!(SystemTime::now().duration_since(at).expect("past") > HOUR);
    assert_eq!(basic.find(&cases.server.certificate, &cases.ca.holder.certificate), Some(single));
    assert_eq!(basic.find(&cases.server.certificate, &cases.other.holder.certificate), None);
    let by_name = Answer { by_key: false, ..answer }.response().basic().expect("an answer");
    let name = by_name.responder().name().expect("a name").expect("a good name");
    assert!(name.to_string().contains("CN=the delegate"), "{name}");
}

#[test]
fn a_request_names_its_certificates_and_carries_a_nonce() {
    let cases = Cases::new(Wishes::default());
    let (ca, server) = (&cases.ca.holder.certificate, &cases.server.certificate);
    let plain = OcspRequest::for_certificate(server, ca).expect("a request");
    assert_eq!(
        plain.cert_ids().expect("ids"),
        [OcspCertId::new(server, ca, &OcspHash::Sha1).expect("an id")]
    );
    assert_eq!(plain.nonce(), None);
    let another = cases.ca.server(5, Wishes::default());
    let both = OcspRequestBuilder::new()
        .add(server, ca)
        .add(&another.certificate, ca)
        .hash(OcspHash::Sha256)
        .nonce()
        .build()
        .expect("a request");
    let ids = both.cert_ids().expect("ids");
    assert_eq!(ids.len(), 2);
    assert_eq!(
        (ids[0].hash(), ids[0].issuer_key_hash().len(), ids[1].serial()),
        (&OcspHash::Sha256, 32, &[5][..])
    );
    assert_eq!(both.nonce().expect("a nonce").len(), 32);
    assert_eq!(OcspRequest::from_der(both.as_der()).expect("the same"), both);
    let error = OcspRequestBuilder::new().build().expect_err("nothing");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = OcspRequestBuilder::new().add(server, ca).hash(OcspHash::Other("1.2.3".into())).build();
    assert_eq!(error.expect_err("no such hash").kind(), ErrorKind::Refused);
}

#[test]
fn a_nonce_must_come_back() {
    let cases = Cases::new(Wishes::default());
    let (ca, server) = (&cases.ca.holder.certificate, &cases.server.certificate);
    let store = cases.ca.store();
    let request = OcspRequestBuilder::new().add(server, ca).nonce().build().expect("a request");
    let check = OcspCheck::new().answers(&request);
    let judge = |nonce| {
        let response = Answer { nonce, ..cases.ca.good(&cases.server) }.response();
        response.verify_for(server, ca, &store, &check)
    };
    judge(request.nonce()).expect("the nonce");
    assert_eq!(refusal(judge(None)), OcspRefusal::OtherRequest);
    assert_eq!(refusal(judge(Some(vec![1; 32]))), OcspRefusal::OtherRequest);
    let without = OcspCheck::new().answers(&OcspRequest::for_certificate(server, ca).expect("a request"));
    let response = cases.ca.good(&cases.server).response();
    response.verify_for(server, ca, &store, &without).expect("no nonce was asked for");
}

#[test]
fn limits_of_age_and_of_clocks_hold() {
    let cases = Cases::new(Wishes::default());
    let (ca, server) = (&cases.ca.holder.certificate, &cases.server.certificate);
    let store = cases.ca.store();
    let now = SystemTime::now();
    let judge = |age: Duration, end: Option<SystemTime>, check: OcspCheck| {
        let answer = Answer { this_update: now - age, next_update: end, ..cases.ca.good(&cases.server) };
        answer.response().verify_for(server, ca, &store, &check)
    };
    let day = 24 * HOUR;
    judge(6 * day, None, OcspCheck::new()).expect("six days");
    assert_eq!(refusal(judge(8 * day, None, OcspCheck::new())), OcspRefusal::Stale);
    judge(8 * day, None, OcspCheck::new().max_age_without_next_update(9 * day)).expect("nine are allowed");
    judge(8 * day, Some(now + day), OcspCheck::new()).expect("it names its end");
    assert_eq!(refusal(judge(8 * day, Some(now + day), OcspCheck::new().max_age(day))), OcspRefusal::Stale);
    judge(2 * day, Some(now - HOUR), OcspCheck::new().skew(2 * HOUR)).expect("clocks differ");
    judge(2 * day, Some(now - HOUR), OcspCheck::new().at(now - day)).expect("it was good then");
    assert_eq!(
        refusal(judge(HOUR, Some(now + HOUR), OcspCheck::new().at(now - day))),
        OcspRefusal::NotYetValid
    );
}

#[test]
fn flags_change_who_is_believed() {
    let cases = Cases::new(Wishes::default());
    let (ca, server) = (&cases.ca.holder.certificate, &cases.server.certificate);
    let judge = |der: &[u8], check| {
        OcspResponse::from_der(der).expect("a response").verify_for(server, ca, &cases.ca.store(), &check)
    };
    let delegate = cases.ca.delegate(true);
    let delegated =
        Answer { signer: &delegate, certificates: vec![&delegate], ..cases.ca.good(&cases.server) }.der();
    let no_intern = OcspCheck::new().flags(OcspVerifyFlags::NO_INTERN);
    assert_eq!(refusal(judge(&delegated, no_intern.clone())), OcspRefusal::NoSigner);
    let known = [delegate.certificate.clone()];
    judge(&delegated, no_intern.untrusted(&known)).expect("the delegate is known");

    let broken = wrong_signature(cases.ca.good(&cases.server).der());
    judge(&broken, OcspCheck::new().danger_flags(OcspDangerousFlags::NO_SIGNATURES)).expect("nobody looks");
    let intruder = cases.ca.delegate(false);
    let intruded =
        Answer { signer: &intruder, certificates: vec![&intruder], ..cases.ca.good(&cases.server) }.der();
    judge(&intruded, OcspCheck::new().danger_flags(OcspDangerousFlags::NO_CHECKS)).expect("nobody looks");
}

/// [RFC 6960](https://www.rfc-editor.org/rfc/rfc6960#section-4.4): only what is not critical may be passed over.
#[test]
fn an_extension_that_is_critical_and_unknown_is_refused() {
    let ca = Authority::new("ca");
    let holder = ca.server(7, Wishes::default());
    let answer = ca.good(&holder);
    let single = answer.single();
    let header = if single[1] < 0x80 { 2 } else { 3 };
    for (critical, refused) in [(&[0x01, 0x01, 0xff][..], true), (&[], false)] {
        let extension = [tlv(0x06, &[0x2a, 3, 4, 5]), critical.to_vec(), tlv(0x04, b"\x05\x00")].concat();
        let extensions = tlv(0xa1, &tlv(0x30, &tlv(0x30, &extension)));
        let single = tlv(0x30, &[&single[header..], &extensions].concat());
        let response = OcspResponse::from_der(&assemble(&single, &answer)).expect("a response");

        let verdict =
            response.verify_for(&holder.certificate, &ca.holder.certificate, &ca.store(), &OcspCheck::new());

        let told = verdict.map(drop).map_err(|error| error.ocsp_refusal());
        assert_eq!(told, if refused { Err(Some(OcspRefusal::Malformed)) } else { Ok(()) });
    }
}

/// Each kind of hash is looked for among all that the providers have.
#[test]
fn only_the_first_kinds_of_hashes_in_a_response_name_anything() {
    let ca = Authority::new("ca");
    let holder = ca.server(7, Wishes::default());
    let answer = ca.good(&holder);
    for (others, found) in [(7_u8, true), (8, false)] {
        let mut singles: Vec<u8> = (0..others)
            .flat_map(|i| {
                let hash = tlv(0x30, &tlv(0x06, &[0x2a, 0x81, i]));
                let id = tlv(0x30, &[hash, tlv(4, b""), tlv(4, b""), tlv(2, &[1])].concat());
                tlv(0x30, &[id, tlv(0x80, b""), tlv(0x18, b"20260101000000Z")].concat())
            })
            .collect();
        singles.extend(answer.single());
        let response = OcspResponse::from_der(&assemble(&singles, &answer)).expect("a response");
        let basic = response.basic().expect("an answer");
        assert_eq!(basic.find(&holder.certificate, &ca.holder.certificate).is_some(), found);
    }
}
