//! What is set on objects and contexts by itself, and responses for whole chains.

use libssl::context::{Identity, StatusDecision};
use libssl::ocsp::{OcspCheck, OcspRefusal, OcspResponderId, StaplePolicy};
use libssl::ssl::StatusType;
use libssl::{ErrorKind, Ssl, SslContext};

use super::super::responder::{Answer, Authority, Status, Wishes, tlv};
use super::super::support::{VERSIONS, Version};
use super::super::{Cases, common, refusal};
use super::{client, judging, server};

fn keeps_many() -> bool {
    // Whether the library that runs keeps a response for each certificate of the chain.
    // SAFETY: reads a constant of the library.
    unsafe { openssl_sys::OpenSSL_version_num() >= 0x3060_0000 }
}

#[test]
fn lists_can_be_taken_back_and_must_be_well_formed() {
    let cases = Cases::new(Wishes::default());
    let mut ssl = common::client_ssl(&client(Version::Tls13, &cases.ca).build());
    ssl.set_tlsext_status_ids(&[OcspResponderId::KeyHash(vec![1; 20])]).expect("ids");
    ssl.set_tlsext_status_ids(&[]).expect("none");
    assert_eq!(ssl.tlsext_status_ids().expect("ids"), []);
    let error =
        ssl.set_tlsext_status_ids(&[OcspResponderId::Name(b"\x30\x05".to_vec())]).expect_err("no name");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(ssl.set_tlsext_status_exts(b"\x30\x05").expect_err("cut").kind(), ErrorKind::Refused);
    let extensions = tlv(0x30, &tlv(0x30, &[tlv(0x06, &[0x2a, 3]), tlv(0x04, b"")].concat()));
    let longer = [extensions.as_slice(), b"\x00"].concat();
    assert_eq!(ssl.set_tlsext_status_exts(&longer).expect_err("longer").kind(), ErrorKind::InvalidInput);
    ssl.set_tlsext_status_exts(&extensions).expect("extensions");
    assert_eq!(ssl.tlsext_status_exts().expect("extensions"), Some(extensions));
    ssl.set_tlsext_status_exts(&[]).expect("none");
    assert_eq!(ssl.tlsext_status_exts().expect("extensions"), None);
}

#[test]
fn a_policy_cannot_be_evaded_by_not_asking() {
    let cases = Cases::new(Wishes::default());
    let mut builder = client(Version::Tls13, &cases.ca);
    assert_eq!(builder.tlsext_status_type(), StatusType::NOTHING);
    assert!(!builder.has_tlsext_status_cb() && builder.tlsext_status_arg().is_null());
    builder.verify_stapled_responses(StaplePolicy::IfStapled, OcspCheck::new()).expect("a policy");
    assert_eq!(builder.tlsext_status_type(), StatusType::OCSP);
    assert!(builder.has_tlsext_status_cb());
    assert_eq!(builder.tlsext_status_arg(), builder.as_ptr().cast());
    let error = builder.set_tlsext_status_type(StatusType::NOTHING).expect_err("a policy");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let mut ssl = common::client_ssl(&builder.build());
    let error = ssl.set_tlsext_status_type(StatusType::NOTHING).expect_err("a policy");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    ssl.set_tlsext_status_type(StatusType::OCSP).expect("OCSP");
}

#[test]
fn what_a_server_will_staple_can_be_set_on_its_object() {
    let cases = Cases::new(Wishes::default());
    let mut ssl = Ssl::new(&server(Version::Tls13, &cases.server).build()).expect("SSL_new");
    assert_eq!(ssl.tlsext_status_ocsp_resp(), None);
    let response = cases.ca.good(&cases.server).response();
    for _ in 0..3 {
        ssl.set_tlsext_status_ocsp_resp(Some(&response)).expect("a response");
        assert_eq!(ssl.tlsext_status_ocsp_resp().as_deref(), Some(response.as_der()));
    }
    ssl.set_tlsext_status_ocsp_resp(None).expect("none");
    assert_eq!(ssl.tlsext_status_ocsp_resp(), None);
}

#[test]
fn responses_for_a_whole_chain_need_openssl_3_6() {
    let cases = Cases::new(Wishes::default());
    let response = cases.ca.good(&cases.server).response();
    let all = vec![Some(response.clone()), None];
    let mut ssl = Ssl::new(&server(Version::Tls13, &cases.server).build()).expect("SSL_new");
    if keeps_many() {
        ssl.set_tlsext_status_ocsp_resp_ex(&all).expect("responses");
        assert_eq!(ssl.tlsext_status_ocsp_resp_ex().expect("responses"), [response.as_der()]);
        ssl.set_tlsext_status_ocsp_resp_ex(&[]).expect("none");
        assert_eq!(ssl.tlsext_status_ocsp_resp_ex().expect("none"), Vec::<Vec<u8>>::new());
    } else {
        let error = ssl.set_tlsext_status_ocsp_resp_ex(&all).expect_err("too old");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(ssl.tlsext_status_ocsp_resp_ex().expect_err("too old").kind(), ErrorKind::Unsupported);
    }
    // What a callback supplies for a whole chain works everywhere: the older ones staple the first.
    for version in VERSIONS {
        let mut builder = server(version, &cases.server);
        let all = all.clone();
        builder
            .set_status_request_callback(move |_| StatusDecision::StapleAll(all.clone()))
            .expect("a callback");
        let client = judging(version, &cases.ca, StaplePolicy::Always);
        let (ours, _) = common::connected(&client, &builder.build());
        assert_eq!(ours.ssl().tlsext_status_ocsp_resp().as_deref(), Some(response.as_der()));
    }
}

#[test]
fn a_revoked_intermediate_is_refused_where_its_status_is_stapled() {
    let root = Authority::new("the root");
    let middle = root.subordinate("the intermediate", 0x33);
    let holder = middle.server(1, Wishes::default());
    let chain = [holder.pem.as_str(), &middle.holder.pem].concat();
    let identity =
        Identity::from_pem(chain.as_bytes(), holder.key.serialize_pem().as_bytes()).expect("an identity");
    let leaf = middle.good(&holder).response();
    for version in VERSIONS {
        for revoked in [false, true] {
            let status = if revoked { Status::Revoked(Some(2)) } else { Status::Good };
            let above = Answer { status, ..root.good(&middle.holder) }.response();
            let all = vec![Some(leaf.clone()), Some(above)];
            let mut builder = SslContext::server(&identity).expect("a server's context");
            version.only(&mut builder);
            builder
                .set_status_request_callback(move |_| StatusDecision::StapleAll(all.clone()))
                .expect("a callback");
            let client = judging(version, &root, StaplePolicy::Always);
            let (ours, _) = common::shake(&client, &builder.build());
            if !(revoked && version == Version::Tls13 && keeps_many()) {
                ours.expect("a connection");
                continue;
            }
            let error = ours.expect_err("revoked");
            let failure = error.verify_failure().expect("a failure");
            assert_eq!(
                (failure.depth, failure.certificate.as_ref().and_then(|refused| refused.to_der().ok())),
                (Some(1), middle.holder.certificate.to_der().ok())
            );
            assert!(matches!(refusal(Err::<(), _>(error)), OcspRefusal::Revoked { .. }));
        }
    }
}
