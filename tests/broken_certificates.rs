//! `connect` against a server with each of many broken certificates: one line each says what is wrong, with which
//! certificate, and what was expected.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod commands;
#[path = "chains"]
mod chains {
    pub mod certificates;
    pub mod der;
    pub mod keys;
}

use std::net::TcpListener;
use std::thread;

use chains::certificates::{
    CODE_SIGNING, Certificate, Crl, SUBJECT_ALT_NAME, constraints, dns, ip, name_constraints, names,
    purposes, unknown,
};
use chains::keys::Key;
use commands::{Files, example, run};
use libssl::context::Identity;
use libssl::x509::{PKey, X509};
use libssl::{Ssl, SslContext, VerifyError};

/// A broken certificate: what the server presents, how the client looks at it, and the line that it prints.
struct Broken {
    what: &'static str,
    chain: Vec<Certificate>,
    /// Whom the client asks for.
    host: &'static str,
    arguments: Vec<&'static str>,
    /// What follows OpenSSL's own words for the code.
    line: &'static str,
}

impl Broken {
    /// The line, with the words that this OpenSSL has for the code.
    fn line(&self) -> String {
        let (code, rest) = self.line[1..].split_once(')').expect("a code");
        format!("{}{rest}", VerifyError(code.parse().expect("a number")))
    }
}

fn broken(what: &'static str, chain: Vec<Certificate>, line: &'static str) -> Broken {
    Broken { what, chain, host: "localhost", arguments: Vec::new(), line }
}

fn root() -> Certificate {
    Certificate::root(Key::Root, "the root")
}

fn intermediate() -> Certificate {
    Certificate::ca(Key::Intermediate, "the intermediate", &root())
}

/// A good certificate of `localhost` and 127.0.0.1.
fn leaf(issuer: &Certificate) -> Certificate {
    Certificate::end_entity(Key::Leaf, "localhost")
        .issued_by(issuer)
        .with(names(&[dns("localhost"), ip(&[127, 0, 0, 1])]))
}

fn cases() -> Vec<Broken> {
    let (root, intermediate) = (root(), intermediate());
    let good = leaf(&root);
    let named = |name: &[u8]| good.clone().with(names(&[dns(name)]));
    let no_ca = intermediate.clone().with(constraints(false, None));
    let short = Certificate::ca(Key::Intermediate, "a short CA", &root).with(constraints(true, Some(0)));
    let below = Certificate::ca(Key::OtherIntermediate, "the CA below", &short);
    let weak = good.clone().with_key(Key::Rsa2048);
    let bound = intermediate.clone().with(name_constraints(&[dns("example.org")], &[]));
    let stranger = Certificate::root(Key::OtherRoot, "a stranger");
    vec![
        broken(
            "expired",
            vec![good.clone().valid("20200101000000Z", "20210101000000Z")],
            "(10) at depth 0, subject \"CN=localhost\", valid until Jan  1 00:00:00 2021 GMT, \
             expected one that is valid now",
        ),
        broken(
            "not yet valid",
            vec![good.clone().valid("21000101000000Z", "21100101000000Z")],
            "(9) at depth 0, subject \"CN=localhost\", valid from Jan  1 00:00:00 2100 GMT, \
             expected one that is valid now",
        ),
        broken(
            "an expired CA",
            vec![leaf(&intermediate), intermediate.clone().valid("20200101000000Z", "20210101000000Z")],
            "(10) at depth 1, subject \"CN=the intermediate\", valid until Jan  1 00:00:00 2021 \
             GMT, expected one that is valid now",
        ),
        broken(
            "another name",
            vec![named(b"other.example")],
            "(62) at depth 0, subject \"CN=localhost\", expected localhost, presented other.example",
        ),
        Broken {
            host: "127.0.0.1",
            ..broken(
                "another address",
                vec![good.clone().with(names(&[dns("localhost"), ip(&[10, 0, 0, 1])]))],
                "(64) at depth 0, subject \"CN=localhost\", expected 127.0.0.1, presented localhost, \
                 10.0.0.1",
            )
        },
        broken(
            "no name at all",
            vec![good.clone().without(SUBJECT_ALT_NAME).named(chains::certificates::named("nobody"))],
            "(62) at depth 0, subject \"CN=nobody\", expected localhost, presented nobody",
        ),
        broken(
            "signed by itself",
            vec![Certificate::end_entity(Key::Leaf, "localhost")],
            "(18) at depth 0, subject \"CN=localhost\", expected a chain to a trust anchor",
        ),
        broken(
            "an unknown issuer",
            vec![leaf(&stranger)],
            "(20) at depth 0, subject \"CN=localhost\", issuer \"CN=a stranger\", \
             expected a chain to a trust anchor",
        ),
        broken(
            "an unknown root",
            vec![leaf(&stranger), stranger.clone()],
            "(19) at depth 1, subject \"CN=a stranger\", expected a chain to \
             a trust anchor",
        ),
        broken(
            "a wrong signature",
            vec![good.clone().spoiled()],
            "(7) at depth 0, subject \"CN=localhost\", issuer \"CN=the root\", expected the \
             signature of its issuer",
        ),
        broken(
            "made for another purpose",
            vec![good.clone().with(purposes(&[CODE_SIGNING]))],
            "(26) at depth 0, subject \"CN=localhost\", expected one that its issuer made \
             for this purpose",
        ),
        broken(
            "issued by no CA",
            vec![leaf(&no_ca), no_ca],
            "(79) at depth 1, subject \"CN=the intermediate\", expected one that may issue \
             certificates",
        ),
        broken(
            "too many CAs",
            vec![leaf(&below), below, short],
            "(25) at depth 2, subject \"CN=a short CA\", expected a shorter chain",
        ),
        Broken {
            arguments: vec!["--sec-level", "3"],
            ..broken(
                "a weak key",
                vec![weak],
                "(66) at depth 0, subject \"CN=localhost\", expected a key of the security \
                 level",
            )
        },
        Broken {
            arguments: vec!["--crl", "revoked.crl"],
            ..broken(
                "revoked",
                vec![good.clone()],
                "(23) at depth 0, subject \"CN=localhost\", issuer \"CN=the root\", expected one that \
                 is not revoked",
            )
        },
        Broken {
            arguments: vec!["--crl", "stale.crl"],
            ..broken(
                "a stale list",
                vec![good.clone()],
                "(12) at depth 0, subject \"CN=localhost\", expected a revocation list that is valid now",
            )
        },
        Broken {
            arguments: vec!["--crl", "strange.crl"],
            ..broken(
                "no list",
                vec![good.clone()],
                "(3) at depth 0, subject \"CN=localhost\", issuer \"CN=the root\", expected \
                 a revocation list of its issuer",
            )
        },
        broken(
            "a name that its CA may not certify",
            vec![leaf(&bound), bound],
            "(47) at depth 0, subject \"CN=localhost\", expected names that its CA may \
             certify",
        ),
        broken(
            "an unknown critical extension",
            vec![good.with(unknown().critical())],
            "(34) at depth 0, subject \"CN=localhost\", expected no critical extension that \
             is unknown",
        ),
    ]
}

/// A server that presents this chain, to one visitor. What it says of the visitor.
fn serve(chain: &[Certificate]) -> (u16, thread::JoinHandle<Result<(), libssl::Error>>) {
    let certificates: Vec<_> = chain.iter().map(|made| X509::from_der(&made.to_der()).unwrap()).collect();
    let key = PKey::from_der(&chain[0].key.pkcs8()).unwrap();
    let context = SslContext::server(&Identity::new(certificates, key).unwrap()).unwrap().build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut connected = Ssl::new(&context).unwrap().accept(stream).map_err(libssl::Error::from)?;
        // A client of TLS 1.3 refuses after the server was done.
        match std::io::Read::read(&mut connected, &mut [0]) {
            Ok(_) => connected.shutdown().map(drop),
            Err(error) => Err(*error.into_inner().unwrap().downcast::<libssl::Error>().unwrap()),
        }
    });
    (port, server)
}

#[test]
fn each_broken_certificate_is_named_in_one_line() {
    let good = leaf(&root());
    let list = Crl::of(&root());
    let files = Files::new(&[
        ("ca.pem", &root().to_pem()),
        ("revoked.crl", &list.clone().revoking(&good).to_pem()),
        ("empty.crl", &list.clone().to_pem()),
        ("stale.crl", &list.updated("20200101000000Z", Some("20210101000000Z")).to_pem()),
        ("strange.crl", &Crl::of(&Certificate::root(Key::OtherRoot, "a stranger")).to_pem()),
    ]);
    let cases = cases();
    assert!(cases.len() >= 12);
    for case in cases {
        for version in ["1.2", "1.3"] {
            let (port, server) = serve(&case.chain);
            let mut command = example("connect");
            command.arg(format!("{}:{port}", case.host)).arg("--ca").arg(files.path("ca.pem"));
            command.args(["--min", version, "--max", version]);
            for argument in &case.arguments {
                if argument.ends_with(".crl") {
                    command.arg(files.path(argument));
                } else {
                    command.arg(argument);
                }
            }
            let ended = run(&mut command);
            assert_eq!(ended.status.code(), Some(1), "{}: {ended:#?}", case.what);
            let line =
                format!("connect: SSL_connect failed: the peer's certificate was refused: {}\n", case.line());
            assert_eq!(ended.stderr, line, "{}, TLS {version}", case.what);
            assert!(
                server.join().unwrap().is_err(),
                "{}: the server takes the refusal for a visit",
                case.what
            );
            if version == "1.3" {
                print!("{line}");
            }
        }
    }
}

/// The same looks at a good certificate find nothing.
#[test]
fn the_good_certificate_is_taken() {
    let files = Files::new(&[("ca.pem", &root().to_pem()), ("empty.crl", &Crl::of(&root()).to_pem())]);
    for (host, chain) in [
        ("localhost", vec![leaf(&root())]),
        ("127.0.0.1", vec![leaf(&root())]),
        ("localhost", vec![leaf(&intermediate()), intermediate()]),
    ] {
        let (port, server) = serve(&chain);
        let mut command = example("connect");
        command.arg(format!("{host}:{port}")).arg("--ca").arg(files.path("ca.pem"));
        command.args(["--crl"]).arg(files.path("empty.crl")).args(["--sec-level", "2"]);
        if chain.len() == 2 {
            // The list is the root's, and the leaf is looked up in its issuer's.
            command = example("connect");
            command.arg(format!("{host}:{port}")).arg("--ca").arg(files.path("ca.pem"));
        }
        let ended = run(&mut command);
        assert!(ended.status.success(), "{ended:#?}");
        server.join().unwrap().unwrap();
    }
}
