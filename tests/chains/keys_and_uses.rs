//! What a key may be used for, how strong it must be, extensions, and policies.

use libssl::VerifyError as V;

use super::cases::{Case, Purpose, Role, flags, intermediate, leaf, root};
use super::certificates::{
    ANY_USAGE, BASIC_CONSTRAINTS, CLIENT_AUTH, CODE_SIGNING, CRL_SIGN, Certificate, DIGITAL_SIGNATURE,
    EMAIL_PROTECTION, EXTENDED_KEY_USAGE, Extension, KEY_CERT_SIGN, KEY_USAGE, SERVER_AUTH, SUBJECT_ALT_NAME,
    constraints, named, policies, purposes, subject, unknown, usage,
};
use super::der::{UTF8_STRING, integer, oid, primitive, sequence};
use super::keys::{Digest, Key};

const ANY: Purpose = Purpose(7, "any");
const EMAIL: Purpose = Purpose(4, "smimesign");
const CRLS: Purpose = Purpose(6, "crlsign");

pub fn cases() -> Vec<Case> {
    [uses(), strengths(), extensions(), policy_trees(), proxies()].concat()
}

fn uses() -> Vec<Case> {
    let with = |purposes_of_leaf: &[&str]| vec![leaf().with(purposes(purposes_of_leaf)), intermediate()];
    let rsa = |bits: &[u8]| vec![leaf().with_key(Key::Rsa2048).with(usage(bits)), intermediate()];
    let ca_for = |purpose| vec![leaf(), intermediate().with(purposes(&[purpose]))];
    let all = |case: Case| case.refused(V::INVALID_PURPOSE, 0);
    vec![
        Case::new("a server's certificate is no client's", &with(&[SERVER_AUTH])).refused_as(
            Role::Client,
            V::INVALID_PURPOSE,
            0,
        ),
        Case::new("a client's certificate is no server's", &with(&[CLIENT_AUTH])).refused_as(
            Role::Server,
            V::INVALID_PURPOSE,
            0,
        ),
        all(Case::new("a certificate for email is neither", &with(&[EMAIL_PROTECTION]))),
        all(Case::new("a certificate for code is neither", &with(&[CODE_SIGNING]))),
        all(Case::new("a certificate for any use is neither, as C has it", &with(&[ANY_USAGE]))),
        Case::new(
            "a certificate without uses is both",
            &[leaf().without(EXTENDED_KEY_USAGE), intermediate()],
        ),
        Case::new("a certificate without key usage is both", &[leaf().without(KEY_USAGE), intermediate()]),
        Case::new("a certificate for email is good for email", &with(&[EMAIL_PROTECTION])).purpose(EMAIL),
        Case::new("a certificate for email is good for any purpose", &with(&[EMAIL_PROTECTION])).purpose(ANY),
        all(Case::new("a leaf is no signer of lists", &[leaf(), intermediate()]).purpose(CRLS)),
        all(Case::new("a key that may only sign lists is refused", &rsa(&[CRL_SIGN]))),
        all(Case::new("a key that may only sign certificates is refused", &rsa(&[KEY_CERT_SIGN]))),
        Case::new("a key that may only encipher keys is a server's", &rsa(&[2])).refused_as(
            Role::Client,
            V::INVALID_PURPOSE,
            0,
        ),
        Case::new("a CA for servers issues no clients", &ca_for(SERVER_AUTH)).refused_as(
            Role::Client,
            V::INVALID_PURPOSE,
            1,
        ),
        Case::new("a CA for email issues neither", &ca_for(EMAIL_PROTECTION)).refused(V::INVALID_PURPOSE, 1),
        Case::new(
            "a CA that is presented as a leaf is accepted",
            &[leaf().without(BASIC_CONSTRAINTS).with(constraints(true, None)), intermediate()],
        ),
    ]
}

fn strengths() -> Vec<Case> {
    let rsa = |key| vec![leaf().with_key(key), intermediate()];
    let weak_ca = || Certificate::ca(Key::Rsa1024Ca, "Weak CA", &root());
    let below_weak = || vec![Certificate::leaf(&weak_ca()), weak_ca()];
    let digest = |digest| vec![rsa_leaf().digest(digest), rsa_intermediate()];
    let sha1_ca = || vec![rsa_leaf(), rsa_intermediate().digest(Digest::Sha1)];
    let sha1_root = || root().digest(Digest::Sha1);
    vec![
        Case::new("RSA of 2048 bits is accepted at level 2", &rsa(Key::Rsa2048)).level(2),
        Case::new("RSA of 2048 bits is refused at level 3", &rsa(Key::Rsa2048))
            .level(3)
            .refused(V::EE_KEY_TOO_SMALL, 0),
        Case::new("RSA of 1024 bits is accepted at level 1", &rsa(Key::Rsa1024)),
        Case::new("RSA of 1024 bits is refused at level 2", &rsa(Key::Rsa1024))
            .level(2)
            .refused(V::EE_KEY_TOO_SMALL, 0),
        Case::new("RSA of 512 bits is accepted at level 0", &rsa(Key::Rsa512))
            .level(0)
            .not_on_tls_1_3("a signature of TLS 1.3 does not fit into 512 bits"),
        Case::new("RSA of 512 bits is refused at level 1", &rsa(Key::Rsa512))
            .refused(V::EE_KEY_TOO_SMALL, 0)
            .not_on_tls_1_3("a signature of TLS 1.3 does not fit into 512 bits"),
        Case::new("a CA's RSA key of 1024 bits is accepted at level 1", &below_weak()),
        Case::new("a CA's RSA key of 1024 bits is refused at level 2", &below_weak())
            .level(2)
            .refused(V::CA_KEY_TOO_SMALL, 1),
        Case::new("P-256 is accepted at level 3", &[leaf(), intermediate()]).level(3),
        Case::new("P-256 is refused at level 4", &[leaf(), intermediate()])
            .level(4)
            .refused(V::EE_KEY_TOO_SMALL, 0)
            .no_handshake("at level 4 nobody signs with P-256, so that nothing is judged"),
        Case::new("P-384 is accepted", &[leaf().with_key(Key::P384), intermediate()]).level(3),
        Case::new("Ed25519 is accepted", &[leaf().with_key(Key::Ed25519), intermediate()]).level(3),
        Case::new("SHA-1 is accepted at level 0", &digest(Digest::Sha1)).level(0),
        Case::new("SHA-1 is refused at level 1", &digest(Digest::Sha1)).refused(V::CA_MD_TOO_WEAK, 0),
        Case::new("MD5 is accepted at level 0", &digest(Digest::Md5)).level(0),
        Case::new("MD5 is refused at level 1", &digest(Digest::Md5)).refused(V::CA_MD_TOO_WEAK, 0),
        Case::new("an intermediate signed with SHA-1 is refused at level 1", &sha1_ca())
            .refused(V::CA_MD_TOO_WEAK, 1),
        Case::new("a root signed with SHA-1 is accepted", &[leaf(), intermediate()])
            .anchors(&[sha1_root()])
            .level(2),
        Case::new(
            "a CA with written-out curve parameters is refused",
            &[Certificate::leaf(&explicit_ca()), explicit_ca()],
        )
        .refused(V::EC_KEY_EXPLICIT_PARAMS, 1),
        Case::new("Suite B takes P-256 and SHA-256", &[leaf(), intermediate()]).flags(flags::SUITEB_128_LOS),
        Case::new("Suite B takes no RSA", &rsa(Key::Rsa2048))
            .flags(flags::SUITEB_128_LOS)
            .refused(V::SUITE_B_INVALID_ALGORITHM, 0),
    ]
}

/// Below [`rsa_intermediate`], which a digest other than SHA-256 can sign.
fn rsa_leaf() -> Certificate {
    Certificate::leaf(&rsa_intermediate())
}

fn rsa_intermediate() -> Certificate {
    Certificate::ca(Key::Rsa2048, "RSA CA", &root())
}

fn explicit_ca() -> Certificate {
    Certificate::ca(Key::Explicit, "Explicit CA", &root())
}

fn extensions() -> Vec<Case> {
    let strict = |leaf: Certificate| vec![leaf, intermediate()];
    vec![
        Case::new(
            "an unknown critical extension is refused",
            &[leaf().with(unknown().critical()), intermediate()],
        )
        .refused(V::UNHANDLED_CRITICAL_EXTENSION, 0),
        Case::new(
            "an unknown critical extension of a CA is refused",
            &[leaf(), intermediate().with(unknown().critical())],
        )
        .refused(V::UNHANDLED_CRITICAL_EXTENSION, 1),
        Case::new(
            "an unknown critical extension is accepted where that is said",
            &[leaf().with(unknown().critical()), intermediate()],
        )
        .flags(flags::IGNORE_CRITICAL),
        Case::new(
            "an unknown extension that is not critical is accepted",
            &[leaf().with(unknown()), intermediate()],
        ),
        Case::new(
            "a leaf with an extension twice has no issuer, as C has it",
            &[leaf().with_another(constraints(false, None)), intermediate()],
        )
        .refused(V::UNABLE_TO_GET_ISSUER_CERT_LOCALLY, 0)
        .not_served_on_tls_1_2("libssl serves no certificate that it cannot read"),
        Case::new(
            "algorithms that disagree are refused",
            &[rsa_leaf().claiming(Digest::Sha1), rsa_intermediate()],
        )
        .refused(V::CERT_SIGNATURE_FAILURE, 0),
        Case::new(
            "algorithms that disagree are refused by the strict",
            &[rsa_leaf().claiming(Digest::Sha1), rsa_intermediate()],
        )
        .flags(flags::X509_STRICT)
        .refused(V::SIGNATURE_ALGORITHM_INCONSISTENCY, 0),
        Case::new(
            "extensions in a certificate that claims version 2 are refused by the strict",
            &strict(leaf().claiming_version(2)),
        )
        .flags(flags::X509_STRICT)
        .refused(V::EXTENSIONS_REQUIRE_VERSION_3, 0),
        Case::new(
            "a limit of CAs below a leaf is refused by the strict",
            &strict(leaf().with(constraints(false, Some(3)))),
        )
        .flags(flags::X509_STRICT)
        .refused(V::PATHLEN_INVALID_FOR_NON_CA, 0),
    ]
}

const POLICY: &str = "1.3.6.1.4.1.99999.2.1";
const OTHER_POLICY: &str = "1.3.6.1.4.1.99999.2.2";
const ANY_POLICY: &str = "2.5.29.32.0";

fn policy_trees() -> Vec<Case> {
    let under = |of_leaf: &[&str], of_ca: &[&str]| {
        vec![leaf().with(policies(of_leaf)), intermediate().with(policies(of_ca))]
    };
    let explicit = |case: Case| case.flags(flags::POLICY_CHECK | flags::EXPLICIT_POLICY);
    let requires = || Extension::new("2.5.29.36", sequence(&[primitive(0, &[0])])).critical();
    let none = |case: Case| case.refused(V::NO_EXPLICIT_POLICY, 0);
    vec![
        explicit(
            Case::new("a policy all the way up is accepted", &under(&[POLICY], &[POLICY])).policy(POLICY),
        ),
        none(explicit(
            Case::new("another policy is refused", &under(&[POLICY], &[POLICY])).policy(OTHER_POLICY),
        )),
        none(explicit(Case::new("no policy is refused", &[leaf(), intermediate()]).policy(POLICY))),
        none(explicit(Case::new(
            "policies that do not meet are refused",
            &under(&[POLICY], &[OTHER_POLICY]),
        ))),
        explicit(
            Case::new("any policy of the CA is enough", &under(&[POLICY], &[ANY_POLICY])).policy(POLICY),
        ),
        none(
            explicit(Case::new(
                "any policy is not enough where that is said",
                &under(&[POLICY], &[ANY_POLICY]),
            ))
            .policy(POLICY)
            .flags(flags::INHIBIT_ANY),
        ),
        none(
            Case::new(
                "a CA that requires a policy is heeded",
                &[leaf(), intermediate().with(policies(&[POLICY])).with(requires())],
            )
            .flags(flags::POLICY_CHECK),
        ),
        Case::new("policies are not looked at unless that is said", &under(&[POLICY], &[OTHER_POLICY])),
        Case::new("a policy twice in a certificate is refused", &under(&[POLICY, POLICY], &[POLICY]))
            .flags(flags::POLICY_CHECK)
            .refused(V::INVALID_POLICY_EXTENSION, 0),
    ]
}

fn proxies() -> Vec<Case> {
    // RFC 3820: a certificate that the holder of another one signed for an errand.
    let holder = || leaf().named(named("Holder")).without(SUBJECT_ALT_NAME);
    let name = subject(&[("2.5.4.3", UTF8_STRING, b"Holder"), ("2.5.4.3", UTF8_STRING, b"Errand")]);
    let inherit_all = sequence(&[sequence(&[oid("1.3.6.1.5.5.7.21.1")])]);
    let proxy = || {
        Certificate::end_entity(Key::OtherLeaf, "Errand")
            .issued_by(&holder())
            .named(name.clone())
            .without(SUBJECT_ALT_NAME)
            .without(BASIC_CONSTRAINTS)
            .with(Extension::new("1.3.6.1.5.5.7.1.14", inherit_all.clone()).critical())
            .with(usage(&[DIGITAL_SIGNATURE]))
    };
    let limited = sequence(&[integer(0), sequence(&[oid("1.3.6.1.5.5.7.21.1")])]);
    vec![
        Case::new("a proxy's certificate is refused", &[proxy(), holder(), intermediate()])
            .refused(V::PROXY_CERTIFICATES_NOT_ALLOWED, 0),
        Case::new(
            "a proxy's certificate is accepted where that is said",
            &[proxy(), holder(), intermediate()],
        )
        .flags(flags::ALLOW_PROXY_CERTS),
        Case::new(
            "a proxy that must not delegate is accepted as the last one",
            &[
                proxy().with(Extension::new("1.3.6.1.5.5.7.1.14", limited).critical()),
                holder(),
                intermediate(),
            ],
        )
        .flags(flags::ALLOW_PROXY_CERTS),
        Case::new(
            "a proxy of another name is refused",
            &[proxy().named(named("Somebody")), holder(), intermediate()],
        )
        .flags(flags::ALLOW_PROXY_CERTS)
        .refused(V::PROXY_SUBJECT_NAME_VIOLATION, 0),
    ]
}
