//! What must not make a demand for stapled responses weaker, or stronger than it is.

use libssl::context::{Identity, StatusDecision};
use libssl::ocsp::{OcspCertId, OcspCheck, OcspHash, OcspRefusal, Staple, StaplePolicy};
use libssl::x509::{VerifyFlags, X509StoreBuilder};
use libssl::{HandshakeError, Ssl, SslContext, SslMethod, TrustAnchors};
use openssl_sys as sys;

use super::super::common::{self, duplex, shake_over};
use super::super::responder::{Answer, Authority, Wishes};
use super::super::support::{VERSIONS, Version};
use super::{client, server};

/// C lets a server's object forget what it would ask for as a client.
#[test]
fn an_object_that_served_before_asks_for_a_staple_when_it_connects() {
    let ca = Authority::new("ca");
    let holder = ca.server(7, Wishes::default());
    for version in VERSIONS {
        let other = if version == Version::Tls12 { Version::Tls13 } else { Version::Tls12 };
        let mut both = SslContext::builder(SslMethod::tls()).expect("TLS");
        version.only(&mut both);
        both.trust(TrustAnchors::Pem(ca.holder.pem.as_bytes())).expect("a CA");
        both.set_verify(libssl::context::SslVerifyMode::PEER).expect("a mode");
        both.use_identity(&holder.identity()).expect("an identity");
        both.verify_stapled_responses(StaplePolicy::Always, OcspCheck::new()).expect("a policy");
        let both = both.build();
        // It reads a ClientHello of another version, and fails.
        let (left, right) = duplex();
        let hello = common::client_ssl(&client(other, &ca).build()).connect(left);
        let mut ssl = match Ssl::new(&both).expect("SSL_new").accept(right) {
            Err(HandshakeError::Failed(failure)) => failure.into_parts().1,
            other => panic!("{other:?}"),
        };
        drop(hello);
        ssl.set_connect_state();
        ssl.set_server_name("localhost").expect("a name");
        let (left, right) = duplex();
        let without = server(version, &holder).build();

        let (client, _) = shake_over(ssl, left, Ssl::new(&without).expect("SSL_new"), right);

        assert_eq!(client.expect_err("no staple").ocsp_refusal(), Some(OcspRefusal::Missing), "{version:?}");
    }
}

/// C verifies the signer by what is set on the store alone.
#[test]
fn a_responder_is_verified_by_the_settings_of_the_connection_too() {
    let ca = Authority::new("ca");
    let holder = ca.server(7, Wishes::default());
    let (revoked, good) = (ca.delegate(true), ca.delegate(true));
    let id = OcspCertId::new(&revoked.certificate, &ca.holder.certificate, &OcspHash::Sha1).expect("an id");
    let list = ca.crl(&[id.serial().to_vec()]);
    let mut store = X509StoreBuilder::new().expect("a store");
    store.add_pem([ca.holder.pem.as_str(), &list].concat().as_bytes()).expect("a CA and its list");
    let store = store.build().expect("a store");
    for (delegate, checks, refusal) in
        [(&revoked, true, Some(OcspRefusal::UntrustedSigner)), (&revoked, false, None), (&good, true, None)]
    {
        let mut client = client(Version::Tls13, &ca);
        client.set_cert_store(&store).expect("a store");
        if checks {
            client.verify_param_mut().set_flags(VerifyFlags::CRL_CHECK).expect("a flag");
        }
        client.verify_stapled_responses(StaplePolicy::Always, OcspCheck::new()).expect("a policy");
        let answer = Answer { signer: delegate, certificates: vec![delegate], ..ca.good(&holder) };
        let mut server = server(Version::Tls13, &holder);
        server.set_staple(&Staple::from(answer.response())).expect("a staple");

        let (client, _) = common::shake(&client.build(), &server.build());

        let refused = client.map(drop).map_err(|error| error.ocsp_refusal());
        assert_eq!(refused, refusal.map_or(Ok(()), |refusal| Err(Some(refusal))));
    }
}

/// A server may send certificates along that nobody needs, and from OpenSSL 3.6 on a response for each.
#[test]
fn a_response_for_a_certificate_that_nobody_needs_is_passed_over() {
    let root = Authority::new("root");
    let middle = root.subordinate("middle", 5);
    let extra = root.server(9, Wishes::default());
    let holder = middle.server(1, Wishes::default());
    let chain = [holder.pem.as_str(), &middle.holder.pem, &extra.pem].concat();
    let identity = Identity::from_pem(chain.as_bytes(), holder.key.serialize_pem().as_bytes());
    let responses = [
        Some(middle.good(&holder).response()),
        Some(root.good(&middle.holder).response()),
        Some(root.good(&extra).response()),
    ];
    let useless = [Some(root.good(&extra).response()), None, None];
    let of_the_issuer = [None, Some(root.good(&middle.holder).response()), None];
    // SAFETY: reads a constant of the library. Later versions do not send what does not speak of the certificate.
    let sends_any = unsafe { sys::OpenSSL_version_num() } < 0x3060_0000;
    for (policy, responses, accepted) in [
        (StaplePolicy::Always, responses.clone(), true),
        (StaplePolicy::IfStapled, responses, true),
        (StaplePolicy::IfStapled, useless.clone(), !sends_any),
        (StaplePolicy::Always, useless, false),
        (StaplePolicy::IfStapled, of_the_issuer.clone(), true),
        (StaplePolicy::Always, of_the_issuer, false),
    ] {
        let mut server = SslContext::server(identity.as_ref().expect("an identity")).expect("a server");
        Version::Tls13.only(&mut server);
        let responses = responses.to_vec();
        server
            .set_status_request_callback(move |_| StatusDecision::StapleAll(responses.clone()))
            .expect("a callback");
        let mut client = client(Version::Tls13, &root);
        client.verify_stapled_responses(policy, OcspCheck::new()).expect("a policy");

        let (client, _) = common::shake(&client.build(), &server.build());

        assert_eq!(client.is_ok(), accepted, "{policy:?}: {client:?}");
    }
}
