//! Times, signatures, issuers, and the way up to an anchor.

use std::slice;

use libssl::VerifyError as V;

use super::cases::{Case, Role, Verdict, flags, intermediate, leaf, other_root, root};
use super::certificates::{
    AUTHORITY_KEY_IDENTIFIER, BASIC_CONSTRAINTS, CLIENT_AUTH, Certificate, Extension, FUTURE, KEY_CERT_SIGN,
    KEY_USAGE, PAST, SERVER_AUTH, SUBJECT_KEY_IDENTIFIER, constraints, named, subject, usage,
};
use super::der::{BOOLEAN, GENERALIZED_TIME, UTC_TIME, UTF8_STRING, primitive, sequence, time, value};
use super::keys::Key;

/// 2020-06-01 and 2030-01-01, in seconds since 1970.
const SUMMER_2020: i64 = 1_590_969_600;
const NEW_YEAR_2030: i64 = 1_893_456_000;

const V31: u64 = 0x3010_0000;
const V35: u64 = 0x3050_0000;
const V4: u64 = 0x4000_0000;
const SHORT_TIMES: &str = "3.0 parses times that are too short, and refuses them later";

pub fn cases() -> Vec<Case> {
    [good(), times(), signatures(), issuers(), cross_signed(), anchors(), depths()].concat()
}

/// A CA below another CA, the n-th of a long chain.
fn deeper(n: usize, above: &Certificate) -> Certificate {
    const NAMES: [&str; 6] = ["CA 1", "CA 2", "CA 3", "CA 4", "CA 5", "CA 6"];
    let key = if n % 2 == 0 { Key::Intermediate } else { Key::OtherIntermediate };
    Certificate::ca(key, NAMES[n], above)
}

/// A leaf below so many CAs below the root.
fn long(cas: usize) -> Vec<Certificate> {
    let mut chain = vec![root()];
    for n in 0..cas {
        chain.push(deeper(n, &chain[n]));
    }
    chain.push(Certificate::leaf(&chain[cas]));
    chain.reverse();
    chain.pop();
    chain
}

fn good() -> Vec<Case> {
    let direct = Certificate::leaf(&root());
    let version_1 = Certificate::end_entity(Key::Leaf, "www.example.com").version_1();
    vec![
        Case::new("a leaf below the root is accepted", slice::from_ref(&direct)),
        Case::new("a leaf below an intermediate is accepted", &[leaf(), intermediate()]),
        Case::new("a chain that brings its root along is accepted", &[leaf(), intermediate(), root()]),
        Case::new("the order of what comes along does not matter", &[leaf(), root(), intermediate()]),
        Case::new(
            "what does not belong to the chain is passed over",
            &[leaf(), other_root(), intermediate(), direct],
        ),
        Case::new("a chain below four intermediates is accepted", &long(4)),
        Case::new("a leaf of version 1 is accepted", &[issue_version_1(version_1)]),
        Case::new("a strict chain with all that RFC 5280 wants is accepted", &[leaf(), intermediate()])
            .flags(flags::X509_STRICT),
    ]
}

/// Below the root, without the extensions that `issued_by` adds.
fn issue_version_1(leaf: Certificate) -> Certificate {
    leaf.issued_by(&root()).version_1()
}

fn times() -> Vec<Case> {
    let expired = || leaf().valid("20000101000000Z", "20010101000000Z");
    let at_end = leaf().valid(PAST, "20300101000000Z");
    let at_begin = leaf().valid("20300101000000Z", FUTURE);
    let expired_ca = intermediate().valid("20000101000000Z", "20010101000000Z");
    let expired_root = root().valid("20000101000000Z", "20010101000000Z");
    let odd = |bytes: &[u8]| leaf().valid_raw(value(UTC_TIME, bytes), time(FUTURE));
    let odd_end = leaf().valid_raw(time(PAST), value(GENERALIZED_TIME, b"2120010100Z"));
    vec![
        Case::new("an expired leaf is refused", &[expired(), intermediate()]).refused(V::CERT_HAS_EXPIRED, 0),
        Case::new("an expired intermediate is refused", &[leaf(), expired_ca])
            .refused(V::CERT_HAS_EXPIRED, 1),
        Case::new("an expired root is refused", &[leaf(), intermediate()])
            .anchors(&[expired_root])
            .refused(V::CERT_HAS_EXPIRED, 2),
        Case::new(
            "a leaf that is not yet valid is refused",
            &[leaf().valid("21000101000000Z", FUTURE), intermediate()],
        )
        .refused(V::CERT_NOT_YET_VALID, 0),
        Case::new(
            "an intermediate that is not yet valid is refused",
            &[leaf(), intermediate().valid("21000101000000Z", FUTURE)],
        )
        .refused(V::CERT_NOT_YET_VALID, 1),
        Case::new(
            "a leaf that ends before it begins is refused",
            &[leaf().valid(FUTURE, PAST), intermediate()],
        )
        .refused(V::CERT_NOT_YET_VALID, 0),
        Case::new("an expired leaf was valid at an earlier time", &[expired(), intermediate_of_old()])
            .anchors(&[root().valid("19900101000000Z", FUTURE)])
            .time(965_000_000),
        Case::new("a leaf is not valid before its time began", &[leaf(), intermediate()])
            .time(SUMMER_2020 - 200 * 86400)
            .refused(V::CERT_NOT_YET_VALID, 2),
        Case::new("a leaf is valid within its time", &[leaf(), intermediate()]).time(SUMMER_2020),
        Case::new("a leaf is valid in its first second", &[at_begin.clone(), intermediate()])
            .time(NEW_YEAR_2030),
        Case::new("a leaf is not valid a second before", &[at_begin, intermediate()])
            .time(NEW_YEAR_2030 - 1)
            .refused(V::CERT_NOT_YET_VALID, 0),
        Case::new("a leaf is valid a second before its end", &[at_end.clone(), intermediate()])
            .time(NEW_YEAR_2030 - 1),
        Case::new("the last second of a leaf", &[at_end.clone(), intermediate()])
            .time(NEW_YEAR_2030)
            .refused(V::CERT_HAS_EXPIRED, 0)
            .since(
                V4,
                Verdict::Accepted(None),
                "notAfter is the last valid second (RFC 5280) only from 4.0 on",
            ),
        Case::new("a leaf is not valid a second after its end", &[at_end, intermediate()])
            .time(NEW_YEAR_2030 + 1)
            .refused(V::CERT_HAS_EXPIRED, 0),
        Case::new("times are not looked at where that is said", &[expired(), intermediate()])
            .flags(flags::NO_CHECK_TIME),
        Case::new("a beginning without seconds is refused", &[odd(b"2001010000Z"), intermediate()])
            .refused(V::ERROR_IN_CERT_NOT_BEFORE_FIELD, 0)
            .sometimes(V31..V35, Verdict::Malformed, SHORT_TIMES)
            .since(V35, Verdict::Malformed, SHORT_TIMES),
        Case::new("a beginning in no month is refused", &[odd(b"201301000000Z"), intermediate()])
            .refused(V::ERROR_IN_CERT_NOT_BEFORE_FIELD, 0),
        Case::new("an end without minutes is refused", &[odd_end, intermediate()])
            .refused(V::ERROR_IN_CERT_NOT_AFTER_FIELD, 0)
            .sometimes(V31..V35, Verdict::Malformed, SHORT_TIMES)
            .since(V35, Verdict::Malformed, SHORT_TIMES),
    ]
}

fn intermediate_of_old() -> Certificate {
    intermediate().valid("19900101000000Z", FUTURE)
}

fn signatures() -> Vec<Case> {
    let mimic = root().with_key(Key::OtherRoot).signed_with(Key::OtherRoot);
    let swapped = leaf().signed_with(Key::OtherIntermediate);
    vec![
        Case::new("a leaf with a spoiled signature is refused", &[leaf().spoiled(), intermediate()])
            .refused(V::CERT_SIGNATURE_FAILURE, 0),
        Case::new("an intermediate with a spoiled signature is refused", &[leaf(), intermediate().spoiled()])
            .refused(V::CERT_SIGNATURE_FAILURE, 1),
        Case::new("a leaf that another key signed is refused", &[swapped, intermediate()])
            .refused(V::CERT_SIGNATURE_FAILURE, 0),
        Case::new("a root's own signature is not looked at", &[leaf(), intermediate()])
            .anchors(&[root().spoiled()]),
        Case::new("a root's own signature is looked at where that is said", &[leaf(), intermediate()])
            .anchors(&[root().spoiled()])
            .flags(flags::CHECK_SS_SIGNATURE)
            .refused(V::CERT_SIGNATURE_FAILURE, 2),
        Case::new(
            "an issuer that only bears the root's name is not the root",
            &[Certificate::leaf(&mimic), mimic],
        )
        .refused(V::SELF_SIGNED_CERT_IN_CHAIN, 1),
    ]
}

fn issuers() -> Vec<Case> {
    let stranger = Certificate::ca(Key::Intermediate, "Stranger", &other_root());
    let other_key_id =
        leaf().with(Extension::new(AUTHORITY_KEY_IDENTIFIER, sequence(&[primitive(0, b"no such key")])));
    let left =
        Certificate::ca(Key::Intermediate, "Left", &Certificate::root(Key::OtherIntermediate, "Right"));
    let right = Certificate::ca(Key::OtherIntermediate, "Right", &left);
    let self_signed = Certificate::end_entity(Key::Leaf, "www.example.com");
    let case_of_name = intermediate().named(named("INTERMEDIATE"));
    let parts =
        |last: &'static [u8]| subject(&[("2.5.4.10", UTF8_STRING, b"Org"), ("2.5.4.3", UTF8_STRING, last)]);
    let spaced = intermediate().named(parts(b"  Two   words "));
    let by_spaced = Certificate::leaf(&intermediate().named(parts(b"two words")));
    vec![
        Case::new("a missing intermediate is named", &[leaf()])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0),
        Case::new(
            "an unknown root that comes along is refused",
            &[Certificate::leaf(&stranger), stranger.clone(), other_root()],
        )
        .refused(V::SELF_SIGNED_CERT_IN_CHAIN, 2),
        Case::new(
            "an unknown root that does not come along is refused",
            &[Certificate::leaf(&stranger), stranger],
        )
        .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1),
        Case::new("a missing intermediate of two is named", &[long(2)[0].clone(), long(2)[1].clone()])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1),
        Case::new("a leaf that signed itself is refused", slice::from_ref(&self_signed))
            .refused(V::DEPTH_ZERO_SELF_SIGNED_CERT, 0),
        Case::new("a leaf that signed itself is accepted as an anchor", slice::from_ref(&self_signed))
            .anchors(slice::from_ref(&self_signed)),
        Case::new(
            "a leaf that signed itself anew is refused beside its old self",
            &[self_signed.clone().serial(6)],
        )
        .anchors(&[self_signed])
        .refused(V::DEPTH_ZERO_SELF_SIGNED_CERT, 0),
        Case::new("a root is no leaf", &[root()])
            .not_served_on_tls_1_2("a key that may only sign certificates serves no cipher")
            .refused(V::INVALID_PURPOSE, 0),
        Case::new("an issuer with another key identifier is no issuer", &[other_key_id, intermediate()])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0),
        Case::new("two CAs that vouch for each other are refused", &[Certificate::leaf(&left), left, right])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 2),
        Case::new("names of issuers match whatever the case", &[leaf(), case_of_name]),
        Case::new("names of issuers match whatever the spaces", &[by_spaced, spaced]),
        Case::new("no anchor is the wrong anchor", &[leaf(), intermediate()])
            .anchors(&[other_root()])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 1),
    ]
}

fn cross_signed() -> Vec<Case> {
    let crossed = || Certificate::ca(Key::Root, "Root", &other_root()).serial(77);
    let expired = || crossed().valid("20000101000000Z", "20010101000000Z");
    vec![
        Case::new("a cross-signed root leads to the other anchor", &[leaf(), intermediate(), crossed()])
            .anchors(&[other_root()]),
        Case::new(
            "the anchor is found although a cross-signed root comes along",
            &[leaf(), intermediate(), crossed()],
        ),
        Case::new(
            "an expired cross-signed root does not hide the anchor",
            &[leaf(), intermediate(), expired()],
        ),
        Case::new(
            "an expired cross-signed root is refused where it is needed",
            &[leaf(), intermediate(), expired()],
        )
        .anchors(&[other_root()])
        .refused(V::CERT_HAS_EXPIRED, 2),
        Case::new("a cross-signed root without its issuer is refused", &[leaf(), intermediate(), crossed()])
            .anchors(&[Certificate::root(Key::OtherLeaf, "Third root")])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 2),
        Case::new(
            "of two intermediates of one key the valid one is taken",
            &[leaf(), intermediate().valid("20000101000000Z", "20010101000000Z"), intermediate().serial(78)],
        ),
    ]
}

fn anchors() -> Vec<Case> {
    let tls = |trusted: &[&str], rejected: &[&str]| root().trusted_for(trusted, rejected);
    vec![
        Case::new("an intermediate alone is no anchor", &[leaf()])
            .anchors(&[intermediate()])
            .refused(V::UNABLE_TO_GET_ISSUER_CERT, 1),
        Case::new("an intermediate is an anchor of a partial chain", &[leaf()])
            .anchors(&[intermediate()])
            .flags(flags::PARTIAL_CHAIN),
        Case::new("a leaf is an anchor of a partial chain", &[leaf()])
            .anchors(&[leaf()])
            .flags(flags::PARTIAL_CHAIN),
        Case::new("another leaf is no anchor of a partial chain", &[leaf()])
            .anchors(&[leaf().serial(5)])
            .flags(flags::PARTIAL_CHAIN)
            .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0),
        Case::new("a partial chain from above its anchor is accepted", &[leaf(), intermediate()])
            .anchors(&[intermediate()])
            .flags(flags::PARTIAL_CHAIN),
        Case::new(
            "a partial chain does not excuse an expired leaf",
            &[leaf().valid(PAST, "20210101000000Z")],
        )
        .anchors(&[intermediate()])
        .flags(flags::PARTIAL_CHAIN)
        .refused(V::CERT_HAS_EXPIRED, 0),
        Case::new("a root that is trusted for servers", &[leaf(), intermediate()])
            .anchors(&[tls(&[SERVER_AUTH], &[])])
            .refused_as(Role::Client, V::CERT_REJECTED, 2),
        Case::new("a root that is rejected for clients", &[leaf(), intermediate()])
            .anchors(&[tls(&[], &[CLIENT_AUTH])])
            .refused_as(Role::Client, V::CERT_REJECTED, 2),
        Case::new(
            "a root that is trusted for servers is not for clients, rejected or not",
            &[leaf(), intermediate()],
        )
        .anchors(&[tls(&[CLIENT_AUTH], &[SERVER_AUTH])])
        .refused_as(Role::Server, V::CERT_REJECTED, 2),
    ]
}

fn depths() -> Vec<Case> {
    let limited = |path| {
        let ca =
            Certificate::ca(Key::OtherIntermediate, "Limited", &root()).with(constraints(true, Some(path)));
        let below = Certificate::ca(Key::Intermediate, "Below", &ca);
        vec![Certificate::leaf(&below), below, ca]
    };
    let narrow_root = root().with(constraints(true, Some(0)));
    let mute = intermediate().with(usage(&[0]));
    vec![
        Case::new("a chain as deep as allowed is accepted", &long(3)).depth(3),
        Case::new("a chain that is too deep is refused", &long(3))
            .depth(2)
            .refused(V::CERT_CHAIN_TOO_LONG, 3),
        Case::new("no intermediate is allowed at depth 0", &[leaf(), intermediate()])
            .depth(0)
            .refused(V::CERT_CHAIN_TOO_LONG, 1),
        Case::new("a leaf below the root is allowed at depth 0", &[Certificate::leaf(&root())]).depth(0),
        Case::new("a CA that may have one CA below is accepted", &limited(1)),
        Case::new("a CA that may have no CA below is refused", &limited(0))
            .refused(V::PATH_LENGTH_EXCEEDED, 2),
        Case::new("the limit of a root counts too", &[leaf(), intermediate()])
            .anchors(slice::from_ref(&narrow_root))
            .refused(V::PATH_LENGTH_EXCEEDED, 2),
        Case::new("a leaf below a root that may have no CA is accepted", &[Certificate::leaf(&root())])
            .anchors(&[narrow_root]),
        Case::new("a CA whose key may not sign certificates is refused", &[leaf(), mute])
            .refused(V::INVALID_CA, 1),
        Case::new(
            "an issuer that is no CA is refused",
            &[leaf(), intermediate().with(constraints(false, None))],
        )
        .refused(V::INVALID_CA, 1),
        Case::new(
            "an issuer without basic constraints is refused",
            &[leaf(), intermediate().without(BASIC_CONSTRAINTS).without(KEY_USAGE)],
        )
        .refused(V::INVALID_CA, 1),
        Case::new("a root of version 1 is accepted", &[leaf(), intermediate()])
            .anchors(&[root().version_1()]),
        Case::new("a root of version 1 is refused by the strict", &[leaf(), intermediate()])
            .anchors(&[root().version_1()])
            .flags(flags::X509_STRICT)
            .refused(V::INVALID_CA, 2),
        Case::new("an intermediate of version 1 is refused", &[leaf(), intermediate().version_1()])
            .refused(V::INVALID_CA, 1),
        Case::new(
            "a leaf without an authority's key is refused by the strict",
            &[leaf().without(AUTHORITY_KEY_IDENTIFIER), intermediate()],
        )
        .flags(flags::X509_STRICT)
        .refused(V::MISSING_AUTHORITY_KEY_IDENTIFIER, 0),
        Case::new(
            "a CA without its key's identifier is refused by the strict",
            &[leaf(), intermediate().without(SUBJECT_KEY_IDENTIFIER)],
        )
        .flags(flags::X509_STRICT)
        .refused(V::MISSING_SUBJECT_KEY_IDENTIFIER, 1),
        Case::new("a CA without a key usage is accepted", &[leaf(), intermediate().without(KEY_USAGE)]),
        Case::new(
            "a CA without a key usage is refused by the strict",
            &[leaf(), intermediate().without(KEY_USAGE)],
        )
        .flags(flags::X509_STRICT)
        .refused(V::CA_CERT_MISSING_KEY_USAGE, 1),
        Case::new("a CA whose constraints are not critical is accepted", &[leaf(), lax_ca()]),
        Case::new("a CA whose constraints are not critical", &[leaf(), lax_ca()])
            .flags(flags::X509_STRICT)
            .refused(V::CA_BCONS_NOT_CRITICAL, 1)
            .since(
                V4,
                Verdict::Accepted(None),
                "4.0 is strict about what RFC 5280 asks of verifiers, not of CAs",
            ),
        Case::new(
            "a leaf that may sign certificates is refused by the strict",
            &[leaf().with(usage(&[0, KEY_CERT_SIGN])), intermediate()],
        )
        .flags(flags::X509_STRICT)
        .refused(V::KU_KEY_CERT_SIGN_INVALID_FOR_NON_CA, 0),
    ]
}

fn lax_ca() -> Certificate {
    let lax = Extension::new(BASIC_CONSTRAINTS, sequence(&[value(BOOLEAN, &[0xff])]));
    intermediate().with(lax)
}
