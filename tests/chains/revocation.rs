//! Revocation lists: revoked, missing, stale, forged, and those of others.

use libssl::VerifyError as V;

use super::cases::{Case, Verdict, flags, intermediate, leaf, other_root, root};
use super::certificates::{
    CRL_SIGN, Certificate, Crl, Extension, FUTURE, KEY_CERT_SIGN, PAST, reason, unknown, usage,
};
use super::der::{integer, primitive, sequence, tagged, value};
use super::keys::Key;

const ALL: u64 = flags::CRL_CHECK | flags::CRL_CHECK_ALL;
const V4: u64 = 0x4000_0000;
const DELTA_AS_BASE: &str =
    "releases such as 3.5.5 take a delta for a whole list, as if what it leaves out were not revoked";

pub fn cases() -> Vec<Case> {
    [leaves(), chains(), stale(), forged(), deltas()].concat()
}

fn chain() -> [Certificate; 2] {
    [leaf(), intermediate()]
}

/// A case with a list of the intermediate, looked at for the leaf alone.
fn listed(name: &'static str, crl: Crl) -> Case {
    Case::new(name, &chain()).crls(&[crl]).flags(flags::CRL_CHECK)
}

fn of_intermediate() -> Crl {
    Crl::of(&intermediate())
}

fn leaves() -> Vec<Case> {
    vec![
        listed("a leaf that no list names is accepted", of_intermediate()),
        listed("a revoked leaf is refused", of_intermediate().revoking(&leaf())).refused(V::CERT_REVOKED, 0),
        listed(
            "a leaf whose key was compromised is refused",
            of_intermediate().revoking_with(&leaf(), &[reason(1)]),
        )
        .refused(V::CERT_REVOKED, 0),
        listed("a leaf on hold is refused", of_intermediate().revoking_with(&leaf(), &[reason(6)]))
            .refused(V::CERT_REVOKED, 0),
        listed("a leaf is accepted beside a revoked one", of_intermediate().revoking(&leaf().serial(9999))),
        Case::new("a revoked leaf is accepted where no list is looked at", &chain())
            .crls(&[of_intermediate().revoking(&leaf())]),
        Case::new("a missing list is named", &chain())
            .flags(flags::CRL_CHECK)
            .refused(V::UNABLE_TO_GET_CRL, 0),
        listed("the list of another CA is no list", Crl::of(&other_root()).revoking(&leaf()))
            .refused(V::UNABLE_TO_GET_CRL, 0),
        listed("a list of the root says nothing about a leaf below", Crl::of(&root()).revoking(&leaf()))
            .refused(V::UNABLE_TO_GET_CRL, 0),
    ]
}

fn chains() -> Vec<Case> {
    let of_root = || Crl::of(&root());
    let all = |name, crls: &[Crl]| Case::new(name, &chain()).crls(crls).flags(ALL);
    vec![
        all("a chain that no list names is accepted", &[of_intermediate(), of_root()]),
        all("a revoked intermediate is refused", &[of_intermediate(), of_root().revoking(&intermediate())])
            .refused(V::CERT_REVOKED, 1),
        all("a revoked leaf of a good chain is refused", &[of_intermediate().revoking(&leaf()), of_root()])
            .refused(V::CERT_REVOKED, 0),
        all("a missing list of the root is named", &[of_intermediate()]).refused(V::UNABLE_TO_GET_CRL, 1),
        all("a missing list of the intermediate is named", &[of_root()]).refused(V::UNABLE_TO_GET_CRL, 0),
        Case::new("a revoked intermediate is accepted where only leaves are looked at", &chain())
            .crls(&[of_intermediate(), of_root().revoking(&intermediate())])
            .flags(flags::CRL_CHECK),
        Case::new("only both flags look at chains", &chain())
            .crls(&[of_root().revoking(&intermediate())])
            .flags(flags::CRL_CHECK_ALL),
    ]
}

fn stale() -> Vec<Case> {
    let old = || of_intermediate().updated(PAST, Some("20200201000000Z"));
    vec![
        listed("a stale list is refused", old()).refused(V::CRL_HAS_EXPIRED, 0),
        listed("a stale list was good at an earlier time", old()).time(1_579_000_000),
        listed("a stale list does not hide that a leaf is revoked", old().revoking(&leaf()))
            .refused(V::CRL_HAS_EXPIRED, 0),
        listed("a list of the future is refused", of_intermediate().updated("21000101000000Z", Some(FUTURE)))
            .refused(V::CRL_NOT_YET_VALID, 0),
        listed("a list without an end is accepted", of_intermediate().updated(PAST, None)),
        Case::new("a fresh list is taken beside a stale one", &chain())
            .crls(&[old(), of_intermediate().updated("20210101000000Z", Some(FUTURE))])
            .flags(flags::CRL_CHECK),
        Case::new("the newer of two lists counts", &chain())
            .crls(&[
                of_intermediate().updated("20210101000000Z", Some(FUTURE)).revoking(&leaf()),
                of_intermediate(),
            ])
            .flags(flags::CRL_CHECK)
            .refused(V::CERT_REVOKED, 0),
        listed("a stale list is good where times are not looked at", old()).flags(flags::NO_CHECK_TIME),
    ]
}

fn forged() -> Vec<Case> {
    let mute = intermediate().with(usage(&[KEY_CERT_SIGN]));
    let only_lists = intermediate().with(usage(&[KEY_CERT_SIGN, CRL_SIGN]));
    let distribution = |content: Vec<u8>| Extension::new("2.5.29.28", content).critical();
    let of = |number: u8| distribution(sequence(&[primitive(number, &[0xff])]));
    vec![
        listed("a list with a spoiled signature is refused", of_intermediate().spoiled())
            .refused(V::CRL_SIGNATURE_FAILURE, 0),
        listed(
            "a list that another key signed is refused",
            of_intermediate().signed_with(Key::OtherIntermediate),
        )
        .refused(V::CRL_SIGNATURE_FAILURE, 0),
        Case::new("a CA that may not sign lists is heard by nobody", &[leaf(), mute.clone()])
            .crls(&[Crl::of(&mute)])
            .flags(flags::CRL_CHECK)
            .refused(V::KEYUSAGE_NO_CRL_SIGN, 0),
        Case::new("a CA that may sign lists is heard", &[leaf(), only_lists.clone()])
            .crls(&[Crl::of(&only_lists)])
            .flags(flags::CRL_CHECK),
        listed(
            "a list with an unknown critical extension is refused",
            of_intermediate().with(unknown().critical()),
        )
        .refused(V::UNHANDLED_CRITICAL_CRL_EXTENSION, 0),
        listed("a list with an unknown extension is accepted", of_intermediate().with(unknown())),
        listed(
            "an entry with an unknown critical extension is refused",
            of_intermediate().revoking_with(&leaf().serial(9999), &[unknown().critical()]),
        )
        .refused(V::UNHANDLED_CRITICAL_CRL_EXTENSION, 0),
        listed("a list of CAs alone says nothing about a leaf", of_intermediate().with(of(2)))
            .refused(V::DIFFERENT_CRL_SCOPE, 0),
        listed("a list of leaves alone is heard", of_intermediate().with(of(1)).revoking(&leaf()))
            .refused(V::CERT_REVOKED, 0),
        listed(
            "a list for some reasons only is not enough",
            of_intermediate().with(distribution(sequence(&[primitive(3, &[6, 0x40])]))),
        )
        .refused(V::UNABLE_TO_GET_CRL, 0),
    ]
}

fn deltas() -> Vec<Case> {
    let delta = || {
        of_intermediate()
            .updated("20210101000000Z", Some(FUTURE))
            .numbered(2)
            .with(Extension::new("2.5.29.27", integer(1)).critical())
    };
    let two = |name, crls: &[Crl]| Case::new(name, &chain_with_freshest()).crls(crls);
    vec![
        two("what a delta adds is revoked", &[of_intermediate(), delta().revoking(&leaf())])
            .flags(flags::CRL_CHECK | flags::EXTENDED_CRL_SUPPORT | flags::USE_DELTAS)
            .refused(V::CERT_REVOKED, 0),
        two("a delta is not looked at unless that is said", &[of_intermediate(), delta().revoking(&leaf())])
            .flags(flags::CRL_CHECK)
            .sometimes(0..V4, Verdict::Refused(V::CERT_REVOKED, 0), DELTA_AS_BASE),
        two(
            "a delta can take a hold back",
            &[
                of_intermediate().revoking_with(&leaf(), &[reason(6)]),
                delta().revoking_with(&leaf(), &[reason(8)]),
            ],
        )
        .flags(flags::CRL_CHECK | flags::EXTENDED_CRL_SUPPORT | flags::USE_DELTAS),
        two("a delta alone is no list", &[delta()])
            .flags(flags::CRL_CHECK)
            .refused(V::UNABLE_TO_GET_CRL, 0)
            .sometimes(0..V4, Verdict::Accepted(None), DELTA_AS_BASE),
    ]
}

/// A leaf that says where its freshest list is, without which deltas are not looked for.
fn chain_with_freshest() -> [Certificate; 2] {
    let uri = tagged(0, &tagged(0, &primitive(6, b"http://crl.example/delta")));
    let points = sequence(&[value(0x30, &uri)]);
    [leaf().with(Extension::new("2.5.29.46", points)), intermediate()]
}
