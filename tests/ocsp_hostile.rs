//! OCSP from someone who means no good: nothing panics, nothing false is believed, and OpenSSL's queue stays empty.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub)]

mod common;
mod responder;

use libssl::ocsp::{
    OcspCertStatus, OcspCheck, OcspHash, OcspRefusal, OcspRequest, OcspRequestBuilder, OcspResponderId,
    OcspResponse,
};
use libssl::{ErrorKind, SslContext, TrustAnchors};
use responder::{Answer, Authority, Holder, Status, Wishes, assemble, tlv};

#[track_caller]
fn queue_is_empty() {
    // SAFETY: reads this thread's queue.
    assert_eq!(unsafe { openssl_sys_ext::ERR_peek_error() }, 0);
}

/// Everything that can be asked of a response, and whether it was believed.
fn ask(der: &[u8], server: &Holder, ca: &Authority, store: &libssl::x509::X509StoreRef) -> bool {
    let Ok(response) = OcspResponse::from_der(der) else {
        queue_is_empty();
        return false;
    };
    assert_eq!(response.as_der(), der);
    let _ = format!("{response:?} {}", response.status());
    if let Ok(basic) = response.basic() {
        let _ = format!("{basic:?} {:?}", basic.responder().name());
        basic.find(&server.certificate, &ca.holder.certificate);
    }
    queue_is_empty();
    let verdict = response.verify_for(&server.certificate, &ca.holder.certificate, store, &OcspCheck::new());
    queue_is_empty();
    match verdict {
        Ok(single) => {
            assert_eq!(single.status(), OcspCertStatus::Good);
            true
        }
        Err(error) => {
            assert!(error.ocsp_refusal().is_some() || error.kind() != ErrorKind::Unspecified, "{error:?}");
            false
        }
    }
}

#[test]
fn a_truncated_response_is_no_response() {
    let ca = Authority::new("the CA");
    let (server, delegate) = (ca.server(1, Wishes::default()), ca.delegate(true));
    let whole = Answer { signer: &delegate, certificates: vec![&delegate], ..ca.good(&server) }.der();
    let store = ca.store();
    assert!(ask(&whole, &server, &ca, &store));
    for len in 0..whole.len() {
        assert!(!ask(&whole[..len], &server, &ca, &store), "{len}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert_eq!(OcspResponse::from_der(&longer).expect_err("longer").kind(), ErrorKind::InvalidInput);
}

/// What is signed cannot be changed: a revoked certificate never becomes good by a flipped bit.
#[test]
fn no_flipped_bit_makes_a_revoked_certificate_good() {
    let ca = Authority::new("the CA");
    let server = ca.server(1, Wishes::default());
    let revoked = Answer { status: Status::Revoked(None), nonce: Some(vec![9; 8]), ..ca.good(&server) }.der();
    let store = ca.store();
    for place in 0..revoked.len() {
        for bit in 0..8 {
            let mut flipped = revoked.clone();
            flipped[place] ^= 1 << bit;
            assert!(!ask(&flipped, &server, &ca, &store), "byte {place}, bit {bit}");
        }
    }
}

#[test]
fn a_good_response_with_a_flipped_bit_is_good_or_nothing() {
    let ca = Authority::new("the CA");
    let (server, delegate) = (ca.server(1, Wishes::default()), ca.delegate(true));
    let good = Answer { signer: &delegate, certificates: vec![&delegate], ..ca.good(&server) }.der();
    let store = ca.store();
    let mut believed = 0;
    for place in 0..good.len() {
        let mut flipped = good.clone();
        flipped[place] ^= 1 << (place % 8);
        believed += usize::from(ask(&flipped, &server, &ca, &store));
    }
    // Little is not signed: names of algorithms' parameters, and the like.
    assert!(believed < 8, "{believed} of {}", good.len());
}

#[test]
fn odd_values_where_others_belong_are_refused() {
    let ca = Authority::new("the CA");
    let server = ca.server(1, Wishes::default());
    let store = ca.store();
    let good = ca.good(&server);
    let refusal = |singles: &[u8]| {
        let response = OcspResponse::from_der(&assemble(singles, &good)).expect("a response");
        let verdict =
            response.verify_for(&server.certificate, &ca.holder.certificate, &store, &OcspCheck::new());
        queue_is_empty();
        verdict.expect_err("odd").ocsp_refusal().expect("a refusal")
    };
    assert!(matches!(refusal(b""), OcspRefusal::OtherCertificate | OcspRefusal::Malformed));
    // A time that is none: the month 13.
    let single = good.single();
    let place = single.windows(2).position(|pair| pair == [0x18, 15]).expect("a time") + 6;
    for month in [*b"13", *b"00", *b"xx", *b"\0\0"] {
        let mut odd = single.clone();
        odd[place..place + 2].copy_from_slice(&month);
        assert_eq!(refusal(&odd), OcspRefusal::Malformed);
    }
    // The end of the answer likewise: it is not taken for none.
    let place = single.windows(2).rposition(|pair| pair == [0x18, 15]).expect("a time") + 6;
    let mut odd = single;
    odd[place..place + 2].copy_from_slice(b"13");
    assert_eq!(refusal(&odd), OcspRefusal::Malformed);
}

#[test]
fn a_hash_that_nobody_has_names_nothing() {
    let ca = Authority::new("the CA");
    let server = ca.server(1, Wishes::default());
    let single = ca.good(&server).single();
    let store = ca.store();
    // 1.3.14.3.2.26, SHA-1, becomes 1.3.14.3.2.99.
    let place = single.windows(5).position(|oid| oid == [0x2b, 0x0e, 3, 2, 0x1a]).expect("SHA-1") + 4;
    let mut odd = single;
    odd[place] = 99;
    let response = OcspResponse::from_der(&assemble(&odd, &ca.good(&server))).expect("a response");
    let basic = response.basic().expect("an answer");
    assert_eq!(*basic.responses()[0].cert_id().hash(), OcspHash::Other("1.3.14.3.2.99".into()));
    assert_eq!(basic.find(&server.certificate, &ca.holder.certificate), None);
    let verdict = response.verify_for(&server.certificate, &ca.holder.certificate, &store, &OcspCheck::new());
    assert!(verdict.is_err());
    queue_is_empty();
}

#[test]
fn requests_are_parsed_with_the_same_care() {
    let ca = Authority::new("the CA");
    let server = ca.server(1, Wishes::default());
    let request = OcspRequestBuilder::new().add(&server.certificate, &ca.holder.certificate).nonce();
    let whole = request.build().expect("a request").as_der().to_vec();
    for len in 0..whole.len() {
        assert!(OcspRequest::from_der(&whole[..len]).is_err(), "{len}");
        queue_is_empty();
    }
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        if let Ok(request) = OcspRequest::from_der(&flipped) {
            let _ = format!("{request:?}");
            let _ = (request.nonce(), request.cert_ids());
        }
        queue_is_empty();
    }
}

#[test]
fn bytes_of_all_kinds_are_no_response() {
    let big = tlv(0x30, &vec![0x30; 60_000]);
    let deep: Vec<u8> = (0..2000).fold(Vec::new(), |inner, _| tlv(0xa0, &inner[..inner.len().min(60_000)]));
    for bytes in [&b""[..], b"\0", b"\x30", b"\x30\x80\0\0", b"\x30\x84\xff\xff\xff\xff", b"@@@", &big, &deep]
    {
        assert!(OcspResponse::from_der(bytes).is_err());
        assert!(OcspRequest::from_der(bytes).is_err());
        queue_is_empty();
    }
    let mut ssl = common::client_ssl(
        &SslContext::client_trusting(TrustAnchors::Pem(common::pki().ca_pem.as_bytes()))
            .expect("a context")
            .build(),
    );
    for bytes in [&b"\0"[..], b"\x30", b"\x30\x02\x02\0", b"@@@", &big, &deep] {
        assert!(ssl.set_tlsext_status_exts(bytes).is_err());
        queue_is_empty();
        assert!(ssl.set_tlsext_status_ids(&[OcspResponderId::Name(bytes.to_vec())]).is_err());
        queue_is_empty();
    }
    ssl.set_tlsext_status_ids(&[OcspResponderId::KeyHash(vec![0; 60_000])]).expect("any length is a hash");
    assert_eq!(ssl.tlsext_status_ids().expect("ids").len(), 1);
}
