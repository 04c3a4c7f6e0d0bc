//! A connection that resumes is never less verified than one that does not.

use std::sync::LazyLock;

use libssl::conf::{ConfFlags, ConfOutcome, SslConf};
use libssl::context::{SpkiPin, SslVerifyMode, TrustAnchors};
use libssl::session::{ClientSessionCache, SslSession};
use libssl::x509::{VerifyFlags, X509, X509Store, X509StoreBuilder};
use libssl::{ErrorKind, HandshakeError, ProtocolVersion, Ssl, SslContext, SslContextBuilder};

use crate::common::*;
use crate::mirror::Two;
use crate::world::*;

/// A change to a client, and its name.
type Change = (&'static str, fn(&mut SslContextBuilder), fn(&mut Ssl));

fn nothing(_: &mut SslContextBuilder) {}

fn as_it_is(_: &mut Ssl) {}

fn ca() -> X509 {
    X509::from_pem(pki().ca_pem.as_bytes()).unwrap()
}

fn store() -> X509Store {
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.add_cert(&ca()).unwrap();
    builder.build().unwrap()
}

const SIGNATURES: &str = "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256";

/// Each changes whom a client takes for its peer, or whom its peer takes for it.
const CHANGES: [Change; 18] = [
    ("another name", nothing, |ssl| ssl.set_server_name("127.0.0.1").unwrap()),
    ("a name besides", nothing, |ssl| ssl.add_verify_host("example.org").unwrap()),
    ("another SNI", nothing, |ssl| ssl.set_sni(Some("example.org")).unwrap()),
    ("another CA", |context| context.set_cert_store(&store()).unwrap(), as_it_is),
    ("another CA of the object", nothing, |ssl| ssl.set_verify_cert_store(&OTHER).unwrap()),
    (
        "a pin",
        |context| {
            let certificate = X509::from_pem(pki().localhost.chain_pem.as_bytes()).unwrap();
            context.set_spki_pins(&[SpkiPin::of(&certificate).unwrap()]).unwrap();
        },
        as_it_is,
    ),
    (
        "another verify callback",
        |context| context.set_verify_callback(SslVerifyMode::PEER, |view| view.preverified()).unwrap(),
        as_it_is,
    ),
    ("a callback for chains", |context| context.set_cert_verify_callback(|_| true).unwrap(), as_it_is),
    ("another verify mode", nothing, |ssl| {
        ssl.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap()
    }),
    ("a depth", nothing, |ssl| ssl.verify_param_mut().set_depth(Some(3))),
    ("more flags", nothing, |ssl| ssl.verify_param_mut().set_flags(VerifyFlags::X509_STRICT).unwrap()),
    ("signature algorithms", |context| context.set_sigalgs_list(SIGNATURES).unwrap(), as_it_is),
    ("signature algorithms of the object", nothing, |ssl| ssl.set_sigalgs_list(SIGNATURES).unwrap()),
    (
        "signature algorithms by a command",
        |context| {
            let mut conf = SslConf::for_context(context).unwrap();
            conf.set_flags(ConfFlags::FILE | ConfFlags::CLIENT);
            let outcome = conf.cmd("SignatureAlgorithms", Some(SIGNATURES.as_ref())).unwrap();
            assert_eq!(outcome, ConfOutcome::UsedValue);
            conf.finish().unwrap();
        },
        as_it_is,
    ),
    ("signature algorithms of the object by a command line", nothing, |ssl| {
        let mut conf = SslConf::for_ssl(ssl).unwrap();
        conf.set_flags(ConfFlags::CMDLINE | ConfFlags::CLIENT);
        assert_eq!(conf.cmd_argv(&["-sigalgs", SIGNATURES]).unwrap(), 2);
        conf.finish().unwrap();
    }),
    ("a security level", nothing, |ssl| ssl.raise_security_level(3)),
    (
        "a certificate of the client's",
        |context| context.use_identity(&identity(&pki().localhost)).unwrap(),
        as_it_is,
    ),
    ("a certificate of the object's", nothing, |ssl| ssl.use_identity(&identity(&pki().localhost)).unwrap()),
];

fn client(
    version: ProtocolVersion,
    cache: &ClientSessionCache,
    change: fn(&mut SslContextBuilder),
) -> SslContext {
    let mut builder = SslContext::client_trusting(TrustAnchors::Store(&SHARED)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_client_session_cache(Some(cache)).unwrap();
    change(&mut builder);
    builder.build()
}

static SHARED: LazyLock<X509Store> = LazyLock::new(store);
static OTHER: LazyLock<X509Store> = LazyLock::new(store);

#[test]
fn other_terms_make_a_full_handshake() {
    for version in VERSIONS {
        for (name, change, adjust) in CHANGES {
            let server = server_of(version);
            let cache = ClientSessionCache::new(64);
            let (plain, changed) = (client(version, &cache, nothing), client(version, &cache, change));
            let meet = |context: &SslContext, adjust: fn(&mut Ssl)| {
                let mut ssl = client_ssl(context);
                adjust(&mut ssl);
                Met::with(ssl, &server)
            };
            let first = meet(&plain, as_it_is);
            let session = first.client.ssl().session().unwrap().unwrap();
            assert!(!meet(&changed, adjust).reused(), "{version:?}: {name} finds no session");
            assert!(meet(&plain, as_it_is).reused(), "{version:?}: {name} is why");
            assert!(meet(&changed, adjust).reused(), "{version:?}: {name} resumes its own");

            let mut ssl = client_ssl(&changed);
            adjust(&mut ssl);
            cache.clear();
            ssl.set_session(&session).unwrap();
            assert!(!Met::with(ssl, &server).reused(), "{version:?}: {name}, with a session that was set");
        }
    }
}

#[test]
fn contexts_that_verify_alike_share_a_cache() {
    for version in VERSIONS {
        let server = server_of(version);
        let cache = ClientSessionCache::new(64);
        let (one, other) = (client(version, &cache, nothing), client(version, &cache, nothing));
        assert!(!Met::by(&one, &server).reused());
        drop(one);
        assert!(Met::by(&other, &server).reused(), "{version:?}");
    }
}

#[test]
fn a_session_that_nobody_verified_is_set_by_a_name_that_says_so() {
    for version in VERSIONS {
        let server = server_of(version);
        let mut careless = SslContext::builder(libssl::SslMethod::tls_client()).unwrap();
        careless.set_max_proto_version(Some(version)).unwrap();
        let first = Met::with(Ssl::new(&careless.build()).unwrap(), &server);
        let of_careless = first.client.ssl().session().unwrap().unwrap();
        let verified =
            Met::by(&client_without_cache(version), &server).client.ssl().session().unwrap().unwrap();
        let of_bytes = SslSession::from_der(&verified.to_der().unwrap()).unwrap();
        let of_builder = verified.to_builder().unwrap().build();

        let client = client_of(version);
        for session in [of_careless, of_bytes, of_builder] {
            let mut ssl = client_ssl(&client);
            assert_eq!(ssl.set_session(&session).unwrap_err().kind(), ErrorKind::InvalidInput);
            assert!(!Met::with(ssl, &server).reused());

            client.client_session_cache().unwrap().clear();
            let mut ssl = client_ssl(&client);
            ssl.danger_set_session(&session).unwrap();
            let met = Met::with(ssl, &server);
            assert!(met.reused(), "{version:?}");
            // Nor does what comes of it count for verified.
            let child = met.client.ssl().session().unwrap().unwrap();
            assert!(client.client_session_cache().unwrap().is_empty(), "{version:?}");
            let set = client_ssl(&client).set_session(&child);
            assert_eq!(set.unwrap_err().kind(), ErrorKind::InvalidInput, "{version:?}");
        }
    }
}

#[test]
fn a_context_with_the_rules_of_c_takes_sessions_without_terms() {
    for version in VERSIONS {
        let server = server_of(version);
        let mut builder = SslContext::builder(libssl::SslMethod::tls_client()).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        let client = builder.build();
        let session = Met::with(Ssl::new(&client).unwrap(), &server).client.ssl().session().unwrap().unwrap();
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_session(&SslSession::from_der(&session.to_der().unwrap()).unwrap()).unwrap();
        assert!(Met::with(ssl, &server).reused(), "{version:?}");
    }
}

/// A context of C's own rules, but that it verifies its peer.
fn verifying(version: ProtocolVersion) -> SslContext {
    let mut builder = only(SslContext::builder(libssl::SslMethod::tls_client()).unwrap(), version);
    builder.trust(TrustAnchors::Store(&SHARED)).unwrap();
    builder.set_verify(SslVerifyMode::PEER).unwrap();
    builder.build()
}

#[test]
fn a_session_that_verified_nobody_is_not_resumed_where_somebody_is_verified() {
    for version in VERSIONS {
        let (client, server) = (verifying(version), server_of(version));
        let mut careless = client_ssl(&client);
        careless.danger_set_verify_none();
        let session = Met::with(careless, &server).client.ssl().session().unwrap().unwrap();

        let mut ssl = client_ssl(&client);
        ssl.set_session(&session).unwrap();
        assert!(!Met::with(ssl, &server).reused(), "{version:?}");

        let mut careless = client_ssl(&client);
        careless.danger_set_verify_none();
        careless.set_session(&session).unwrap();
        assert!(Met::with(careless, &server).reused(), "{version:?}: nobody is verified");
    }
}

/// In the layer that mirrors C, a read shakes hands too.
#[test]
fn a_handshake_that_a_read_begins_offers_what_fits() {
    for version in VERSIONS {
        let (client, server) = (verifying(version), server_of(version));
        let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
        for fits in [true, false] {
            let mut ssl = client_ssl(&client);
            ssl.set_session(&session).unwrap();
            ssl.set_connect_state();
            if !fits {
                ssl.add_verify_host("example.org").unwrap();
            }
            let (left, right) = duplex();
            let mut two = Two::over(ssl, left, Ssl::new(&server).unwrap(), right);
            while !two.client.is_init_finished() || !two.server.is_init_finished() {
                assert!(two.client.read(&mut [0]).unwrap_err().want().is_some());
                let _ = two.accept();
            }
            assert_eq!(two.client.session_reused(), fits, "{version:?}");
        }
    }
}

#[test]
fn what_c_sets_in_place_of_a_session_is_not_resumed_unverified() {
    for version in VERSIONS {
        let (client, server) = (client_of(version), server_of(version));
        let verified = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
        let of_bytes = SslSession::from_der(&verified.to_der().unwrap()).unwrap();
        client.client_session_cache().unwrap().clear();
        let mut ssl = client_ssl(&client);
        ssl.set_session(&verified).unwrap();
        // SAFETY: both are live, and nobody else uses them; the object takes a reference of its own.
        assert_eq!(unsafe { openssl_sys::SSL_set_session(ssl.as_ptr(), of_bytes.as_ptr()) }, 1);
        assert!(!Met::with(ssl, &server).reused(), "{version:?}");
    }
}

/// The certificate is not judged yet: whoever the peer is, its session is no proof of anything.
#[test]
fn a_session_in_the_middle_of_a_handshake_counts_for_nothing() {
    for version in VERSIONS {
        let mut builder = only(client_builder(), version);
        builder
            .set_verify_callback(SslVerifyMode::PEER, |view| {
                view.suspend().unwrap();
                true
            })
            .unwrap();
        let (client, server) = (builder.build(), server_of(version));
        let (left, right) = duplex();
        let mut handshake = client_ssl(&client).connect(left).unwrap_err().into_handshake().unwrap();
        let mut peer = Turn::of(Ssl::new(&server).unwrap().accept(right));
        let session = loop {
            match handshake.resume() {
                Err(HandshakeError::WantRetryVerify(suspended)) => {
                    break suspended.ssl().session().unwrap().expect("a session without a secret");
                }
                other => handshake = other.unwrap_err().into_handshake().unwrap(),
            }
            peer = peer.next();
        };
        let set = client_ssl(&client).set_session(&session);
        assert_eq!(set.unwrap_err().kind(), ErrorKind::InvalidInput, "{version:?}");
    }
}
