//! The names that a certificate bears, and those that it should bear.

use std::slice;

use libssl::VerifyError as V;

use super::cases::{Case, Verdict, flags, host_flags as on, intermediate, leaf, root};
use super::certificates::{
    Certificate, SUBJECT_ALT_NAME, directory, dns, email, ip, name_constraints, named, names, subject, uri,
};
use super::der::{BMP_STRING, IA5_STRING, UTF8_STRING, oid, primitive, sequence, tagged, value};

const V4: u64 = 0x4000_0000;
const STRICT_NAMES: &str = "4.0 checks the form of a name when it is set";

pub fn cases() -> Vec<Case> {
    [hosts(), wildcards(), odd_bytes(), subjects(), others(), constraints()].concat()
}

/// A chain whose leaf bears these DNS names.
fn bearing(names_borne: &[&str]) -> Vec<Certificate> {
    let names_borne: Vec<_> = names_borne.iter().map(dns).collect();
    bearing_raw(&names_borne)
}

fn bearing_raw(general_names: &[Vec<u8>]) -> Vec<Certificate> {
    vec![leaf().with(names(general_names)), intermediate()]
}

/// A chain whose leaf bears a common name and no alternative names.
fn common_name(name: &str) -> Vec<Certificate> {
    vec![leaf().without(SUBJECT_ALT_NAME).named(named(name)), intermediate()]
}

/// A case about one host and one DNS name in the certificate.
fn one(name: &'static str, borne: &str, host: &str) -> Case {
    Case::new(name, &bearing(&[borne])).host(host)
}

fn mismatch(case: Case) -> Case {
    case.refused(V::HOSTNAME_MISMATCH, 0)
}

fn hosts() -> Vec<Case> {
    vec![
        one("the name itself matches", "www.example.com", "www.example.com").matched("www.example.com"),
        mismatch(one("another name does not match", "www.example.com", "www.example.org")),
        one("case does not matter", "WWW.Example.COM", "www.eXample.com").matched("WWW.Example.COM"),
        one("a name of one label matches", "localhost", "localhost").matched("localhost"),
        mismatch(one("a name does not match a name below it", "example.com", "www.example.com")),
        mismatch(one("a name does not match a name above it", "www.example.com", "example.com")),
        mismatch(one(
            "a name does not match its own beginning",
            "www.example.com.evil.org",
            "www.example.com",
        )),
        mismatch(one("a name does not match its own end", "evilexample.com", "example.com")),
        Case::new("the second of two names matches", &bearing(&["a.example", "b.example"]))
            .host("b.example")
            .matched("b.example"),
        Case::new("one of two wanted names is enough", &bearing(&["b.example"]))
            .host("a.example")
            .host("b.example")
            .matched("b.example"),
        mismatch(
            Case::new("none of two wanted names", &bearing(&["c.example"]))
                .host("a.example")
                .host("b.example"),
        ),
        mismatch(one(
            "a trailing dot in the certificate does not match",
            "www.example.com.",
            "www.example.com",
        )),
        mismatch(one("a trailing dot in the wanted name", "www.example.com", "www.example.com.")).since(
            V4,
            Verdict::Unset,
            STRICT_NAMES,
        ),
        one("trailing dots on both sides", "www.example.com.", "www.example.com.")
            .matched("www.example.com.")
            .since(V4, Verdict::Unset, STRICT_NAMES),
        one("a leading dot wants any name below", "www.example.com", ".example.com")
            .matched("www.example.com"),
        one("a leading dot wants a name however far below", "a.b.example.com", ".example.com")
            .matched("a.b.example.com"),
        mismatch(
            one("a leading dot wants a name at most one label below", "a.b.example.com", ".example.com")
                .host_flags(on::SINGLE_LABEL_SUBDOMAINS),
        ),
        mismatch(one("a leading dot does not want the name itself", "example.com", ".example.com")),
        one(
            "an international name matches in its ASCII form",
            "xn--bcher-kva.example",
            "xn--bcher-kva.example",
        )
        .matched("xn--bcher-kva.example"),
        mismatch(one("an international name in UTF-8", "xn--bcher-kva.example", "b\u{fc}cher.example"))
            .since(V4, Verdict::Unset, STRICT_NAMES),
        one("UTF-8 on both sides", "b\u{fc}cher.example", "b\u{fc}cher.example")
            .matched("b\u{fc}cher.example")
            .since(V4, Verdict::Unset, STRICT_NAMES),
        one("an underscore matches", "a_b.example.com", "a_b.example.com").matched("a_b.example.com"),
    ]
}

fn wildcards() -> Vec<Case> {
    let w = |name, borne, host| one(name, borne, host).matched(borne);
    let not = |name, borne, host| mismatch(one(name, borne, host));
    vec![
        w("a wildcard matches a label", "*.example.com", "www.example.com"),
        not("a wildcard does not match two labels", "*.example.com", "a.b.example.com"),
        w("a wildcard matches two labels where that is said", "*.example.com", "a.b.example.com")
            .host_flags(on::MULTI_LABEL_WILDCARDS),
        not("a wildcard does not match no label", "*.example.com", "example.com"),
        w("a wanted leading dot takes a wildcard", "*.example.com", ".example.com"),
        not("a wildcard in the second label does not match", "www.*.com", "www.example.com"),
        not("a wildcard in the last label does not match", "www.example.*", "www.example.com"),
        not("a wildcard right below the top does not match", "*.com", "example.com"),
        not("a wildcard alone does not match", "*", "localhost"),
        not("two wildcards do not match", "*.*.example.com", "a.b.example.com"),
        w("a wildcard at a label's end matches", "www*.example.com", "www1.example.com"),
        w("a wildcard at a label's begin matches", "*1.example.com", "www1.example.com"),
        not("a wildcard within a label does not match", "w*w.example.com", "www.example.com"),
        not("a partial wildcard does not match where that is said", "www*.example.com", "www1.example.com")
            .host_flags(on::NO_PARTIAL_WILDCARDS),
        not("a wildcard does not match where that is said", "*.example.com", "www.example.com")
            .host_flags(on::NO_WILDCARDS),
        w("a whole wildcard matches an international label", "*.example.com", "xn--bcher-kva.example.com"),
        not(
            "a partial wildcard does not match an international label",
            "xn*.example.com",
            "xn--bcher-kva.example.com",
        ),
        not("an international label has no wildcard", "xn--*.example.com", "xn--bcher-kva.example.com"),
        one("a wanted wildcard", "*.example.com", "*.example.com").matched("*.example.com").since(
            V4,
            Verdict::Unset,
            STRICT_NAMES,
        ),
        w("a wildcard matches an address that is wanted as a name, as C has it", "*.0.0.1", "127.0.0.1"),
    ]
}

fn odd_bytes() -> Vec<Case> {
    let borne = |bytes: &[u8]| bearing_raw(&[dns(bytes)]);
    vec![
        mismatch(
            Case::new(
                "a NUL in the certificate does not end its name",
                &borne(b"www.example.com\0.evil.org"),
            )
            .host("www.example.com"),
        ),
        mismatch(
            Case::new("a NUL at the end in the certificate counts", &borne(b"www.example.com\0"))
                .host("www.example.com"),
        ),
        Case::new("a wanted name with a NUL inside is not taken", &bearing(&["www.example.com"]))
            .host(b"www.example.com\0.evil.org")
            .unset(),
        Case::new("no wanted name is empty", &bearing(&["www.example.com"])).host(b"\0").unset(),
        mismatch(
            Case::new("an empty name in the certificate does not match", &borne(b"")).host("www.example.com"),
        ),
        mismatch(
            Case::new("spaces around a name count", &borne(b" www.example.com ")).host("www.example.com"),
        ),
        mismatch(
            Case::new("a name that ends in a line does not match", &borne(b"www.example.com\n"))
                .host("www.example.com"),
        ),
        Case::new("a long name matches", &bearing(&[LONG])).host(LONG).matched(LONG),
    ]
}

const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.\
                    bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.\
                    ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.example";

fn subjects() -> Vec<Case> {
    let both = vec![leaf().named(named("cn.example")).with(names(&[dns("san.example")])), intermediate()];
    let nobody = subject(&[]);
    let with_uri =
        vec![leaf().named(named("cn.example")).with(names(&[uri("https://a.example/")])), intermediate()];
    let wide = subject(&[("2.5.4.3", BMP_STRING, b"\0c\0n\0.\0e\0x")]);
    vec![
        Case::new("a common name alone matches, as C has it", &common_name("www.example.com"))
            .host("www.example.com")
            .matched("www.example.com"),
        mismatch(
            Case::new("a common name does not match where that is said", &common_name("www.example.com"))
                .host("www.example.com")
                .host_flags(on::NEVER_CHECK_SUBJECT),
        ),
        mismatch(
            Case::new("a common name does not match beside alternative names", &both).host("cn.example"),
        ),
        Case::new("a common name matches beside alternative names where that is said", &both)
            .host("cn.example")
            .host_flags(on::ALWAYS_CHECK_SUBJECT)
            .matched("cn.example"),
        Case::new("a common name matches beside alternative names that are no hosts", &with_uri)
            .host("cn.example")
            .matched("cn.example"),
        Case::new("a wildcard as a common name matches", &common_name("*.example.com"))
            .host("www.example.com")
            .matched("*.example.com"),
        Case::new(
            "a common name of wide characters matches",
            &[leaf().without(SUBJECT_ALT_NAME).named(wide), intermediate()],
        )
        .host("cn.ex")
        .matched("cn.ex"),
        mismatch(
            Case::new(
                "a common name with a NUL does not match its begin",
                &common_name("www.example.com\0.evil"),
            )
            .host("www.example.com"),
        ),
        mismatch(
            Case::new(
                "no name at all does not match",
                &[leaf().without(SUBJECT_ALT_NAME).named(nobody.clone()), intermediate()],
            )
            .host("www.example.com"),
        ),
        Case::new(
            "an empty subject is accepted beside a critical alternative name",
            &[leaf().named(nobody.clone()).with(names(&[dns("www.example.com")]).critical()), intermediate()],
        )
        .host("www.example.com")
        .flags(flags::X509_STRICT)
        .matched("www.example.com"),
        Case::new(
            "an empty subject beside an alternative name that is not critical",
            &[leaf().named(nobody.clone()), intermediate()],
        )
        .flags(flags::X509_STRICT)
        .refused(V::EMPTY_SUBJECT_SAN_NOT_CRITICAL, 0)
        .since(
            V4,
            Verdict::Accepted(None),
            "4.0 is strict about what RFC 5280 asks of verifiers, not of CAs",
        ),
        Case::new(
            "neither subject nor alternative name is refused by the strict",
            &[leaf().without(SUBJECT_ALT_NAME).named(nobody), intermediate()],
        )
        .flags(flags::X509_STRICT)
        .refused(V::SUBJECT_NAME_EMPTY, 0),
        Case::new("an empty list of alternative names leaves the common name", &bearing_raw(&[]))
            .host("www.example.com")
            .matched("www.example.com"),
        Case::new("an empty list of alternative names is refused by the strict", &bearing_raw(&[]))
            .flags(flags::X509_STRICT)
            .refused(V::EMPTY_SUBJECT_ALT_NAME, 0),
    ]
}

fn others() -> Vec<Case> {
    let address = |bytes: &[u8]| bearing_raw(&[ip(bytes)]);
    let v6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mail = |name, borne, wanted| Case::new(name, &bearing_raw(&[email(borne)])).email(wanted);
    let ip_mismatch = |case: Case| case.refused(V::IP_ADDRESS_MISMATCH, 0);
    let mail_mismatch = |case: Case| case.refused(V::EMAIL_MISMATCH, 0);
    let mailbox = sequence(&[
        oid("1.3.6.1.5.5.7.8.9"),
        tagged(0, &value(UTF8_STRING, "j\u{f6}rg@example.com".as_bytes())),
    ]);
    let old_mail = subject(&[("1.2.840.113549.1.9.1", IA5_STRING, b"joe@example.com")]);
    vec![
        Case::new("an address matches", &address(&[192, 0, 2, 1])).ip("192.0.2.1"),
        ip_mismatch(Case::new("another address does not match", &address(&[192, 0, 2, 1])).ip("192.0.2.2")),
        Case::new("an address of version 6 matches", &address(&v6)).ip("2001:db8::1"),
        ip_mismatch(
            Case::new("an address mapped to version 6 does not match", &address(&[127, 0, 0, 1]))
                .ip("::ffff:127.0.0.1"),
        ),
        ip_mismatch(
            Case::new("an address as a DNS name is no address", &bearing(&["192.0.2.1"])).ip("192.0.2.1"),
        ),
        Case::new("an address as a DNS name matches as a name", &bearing(&["192.0.2.1"]))
            .host("192.0.2.1")
            .matched("192.0.2.1"),
        mismatch(
            Case::new("an address does not match as a name", &address(&[192, 0, 2, 1])).host("192.0.2.1"),
        ),
        ip_mismatch(
            Case::new("an address as a common name is no address", &common_name("192.0.2.1")).ip("192.0.2.1"),
        ),
        ip_mismatch(
            Case::new("an address of three bytes matches nothing", &address(&[192, 0, 2])).ip("192.0.2.0"),
        ),
        Case::new("what is no address is not taken", &address(&[192, 0, 2, 1])).ip("192.0.2.256").unset(),
        mail("an email address matches", "joe@example.com", "joe@example.com"),
        mail("the case of an email's host does not matter", "joe@EXAMPLE.com", "joe@example.COM"),
        mail_mismatch(mail("the case of an email's user matters", "Joe@example.com", "joe@example.com")),
        mail_mismatch(mail("another email address does not match", "joe@example.com", "joe@example.org")),
        Case::new(
            "an email address in the subject matches",
            &[leaf().without(SUBJECT_ALT_NAME).named(old_mail), intermediate()],
        )
        .email("joe@example.com"),
        mail_mismatch(
            Case::new(
                "an international mailbox does not match its ASCII neighbour",
                &bearing_raw(&[tagged(
                    0,
                    &[oid("1.3.6.1.5.5.7.8.9"), tagged(0, &value(UTF8_STRING, b"jorg@example.com"))].concat(),
                )]),
            )
            .email("joe@example.com"),
        ),
        mail_mismatch(
            Case::new("a malformed other name matches nothing", &bearing_raw(&[tagged(1, &mailbox)]))
                .email("joe@example.com"),
        ),
        Case::new(
            "host and address must both match",
            &bearing_raw(&[dns("www.example.com"), ip(&[192, 0, 2, 1])]),
        )
        .host("www.example.com")
        .ip("192.0.2.1")
        .matched("www.example.com"),
        ip_mismatch(
            Case::new("a host that matches does not excuse an address", &bearing(&["www.example.com"]))
                .host("www.example.com")
                .ip("192.0.2.1"),
        ),
    ]
}

/// A chain whose intermediate has name constraints.
fn constrained(permitted: &[Vec<u8>], excluded: &[Vec<u8>], leaf: &Certificate) -> Vec<Certificate> {
    vec![leaf.clone(), intermediate().with(name_constraints(permitted, excluded))]
}

fn constraints() -> Vec<Case> {
    let outside = |case: Case| case.refused(V::PERMITTED_VIOLATION, 0);
    let inside = |case: Case| case.refused(V::EXCLUDED_VIOLATION, 0);
    let www = leaf();
    let bare = leaf().without(SUBJECT_ALT_NAME);
    let by_address = leaf().with(names(&[ip(&[192, 0, 2, 1])]));
    let by_mail =
        leaf().without(SUBJECT_ALT_NAME).named(named("Joe")).with(names(&[email("joe@mail.example.com")]));
    let subnet = ip(&[192, 0, 2, 0, 255, 255, 255, 0]);
    let other_subnet = ip(&[198, 51, 100, 0, 255, 255, 255, 0]);
    let wild = leaf().with(names(&[dns("*.example.com")]));
    let organised =
        |org: &[u8]| subject(&[("2.5.4.10", UTF8_STRING, org), ("2.5.4.3", UTF8_STRING, b"www.example.com")]);
    let org = |org: &[u8]| directory(&subject(&[("2.5.4.10", UTF8_STRING, org)]));
    let below_root = |permitted: &[Vec<u8>]| vec![root().with(name_constraints(permitted, &[]))];
    vec![
        Case::new(
            "a name below the permitted one is accepted",
            &constrained(&[dns("example.com")], &[], &www),
        )
        .host("www.example.com")
        .matched("www.example.com"),
        outside(Case::new(
            "a name outside the permitted one is refused",
            &constrained(&[dns("example.org")], &[], &www),
        )),
        outside(Case::new(
            "a name that only ends as the permitted one is refused",
            &constrained(&[dns("ample.com")], &[], &www),
        )),
        Case::new(
            "a permitted name matches whatever the case",
            &constrained(&[dns("EXAMPLE.com")], &[], &www),
        ),
        Case::new(
            "the permitted name itself is accepted",
            &constrained(&[dns("www.example.com")], &[], &www),
        ),
        Case::new(
            "one of two permitted names is enough",
            &constrained(&[dns("example.org"), dns("example.com")], &[], &www),
        ),
        inside(Case::new(
            "a name below the excluded one is refused",
            &constrained(&[], &[dns("example.com")], &www),
        )),
        Case::new(
            "a name outside the excluded one is accepted",
            &constrained(&[], &[dns("example.org")], &www),
        ),
        inside(Case::new(
            "an exclusion within what is permitted is heeded",
            &constrained(&[dns("example.com")], &[dns("www.example.com")], &www),
        )),
        outside(Case::new(
            "a common name is constrained as a DNS name",
            &constrained(&[dns("example.org")], &[], &bare),
        )),
        outside(Case::new(
            "a wildcard outside the permitted name is refused",
            &constrained(&[dns("example.org")], &[], &wild),
        )),
        Case::new(
            "an address in the permitted network is accepted",
            &constrained(slice::from_ref(&subnet), &[], &by_address),
        )
        .ip("192.0.2.1"),
        outside(Case::new(
            "an address outside the permitted network is refused",
            &constrained(&[other_subnet], &[], &by_address),
        )),
        inside(Case::new(
            "an address in the excluded network is refused",
            &constrained(&[], &[subnet], &by_address),
        )),
        Case::new(
            "constraints of DNS names leave addresses alone",
            &constrained(&[dns("example.org")], &[], &by_address.clone().named(named("An address"))),
        )
        .ip("192.0.2.1"),
        Case::new(
            "an email address of the permitted host is accepted",
            &constrained(&[email("mail.example.com")], &[], &by_mail),
        ),
        outside(Case::new(
            "an email address of another host is refused",
            &constrained(&[email("example.com")], &[], &by_mail),
        )),
        Case::new(
            "a subject below the permitted one is accepted",
            &constrained(&[org(b"Ours")], &[], &leaf().named(organised(b"Ours"))),
        ),
        outside(Case::new(
            "a subject outside the permitted one is refused",
            &constrained(&[org(b"Ours")], &[], &leaf().named(organised(b"Theirs"))),
        )),
        outside(
            Case::new("the root's constraints hold too", &[leaf(), intermediate()])
                .anchors(&below_root(&[dns("example.org")])),
        ),
        Case::new(
            "constraints on a kind that C does not know are refused",
            &constrained(
                &[primitive(8, b"\x2a\x03")],
                &[],
                &leaf().with(names(&[primitive(8, b"\x2a\x03\x04")])),
            ),
        )
        .refused(V::UNSUPPORTED_CONSTRAINT_TYPE, 0),
    ]
}
