//! What a session says of itself, as C says it; and what is made of its bytes.

#![allow(clippy::disallowed_methods)] // what C lends is read as C says

use std::ptr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libssl::context::ServerNameDecision;
use libssl::session::{SecretBytes, SslSession, SslSessionBuilder};
use libssl::{ErrorKind, ProtocolVersion, SslContext, SslMethod};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::*;
use crate::world::*;

fn session(version: ProtocolVersion) -> SslSession {
    let mut client = only(client_builder(), version);
    client.set_alpn_protos(["one", "two"]).unwrap();
    let mut server = only(server_builder(), version);
    server.set_alpn_select_cb(|_, _| libssl::AlpnDecision::Select(b"two")).unwrap();
    server.set_tlsext_servername_callback(|_| ServerNameDecision::Ack).unwrap();
    let met = Met::by(&client.build(), &server.build());
    met.client.ssl().session().unwrap().unwrap()
}

#[test]
fn a_session_tells_what_c_tells() {
    for version in VERSIONS {
        let session = session(version);
        let raw = session.as_ptr();
        let (mut len, mut size, mut data) = (0, 0, ptr::null());
        // SAFETY: the session is live, and every out-pointer is a local of the type C writes.
        unsafe {
            let id = sys::SSL_SESSION_get_id(raw, &raw mut len);
            assert_eq!(session.id(), std::slice::from_raw_parts(id, len as usize));
            assert_eq!(session.protocol_version().0, sys::SSL_SESSION_get_protocol_version(raw));
            let cipher = session.cipher().unwrap();
            assert_eq!(cipher.as_ptr(), ext::SSL_SESSION_get0_cipher(raw));
            let seconds = session.time().duration_since(UNIX_EPOCH).unwrap().as_secs();
            assert_eq!(seconds, u64::try_from(sys::SSL_SESSION_get_time(raw)).unwrap());
            let timeout = sys::SSL_SESSION_get_timeout(raw);
            assert_eq!(session.timeout(), Duration::from_secs(u64::try_from(timeout).unwrap()));
            assert_eq!(session.is_resumable(), ext::SSL_SESSION_is_resumable(raw) == 1);
            assert_eq!(session.has_ticket(), ext::SSL_SESSION_has_ticket(raw) == 1);
            assert_eq!(
                session.ticket_lifetime_hint().as_secs(),
                ext::SSL_SESSION_get_ticket_lifetime_hint(raw)
            );
            ext::SSL_SESSION_get0_ticket(raw, &raw mut data, &raw mut size);
            assert_eq!(session.ticket().unwrap(), std::slice::from_raw_parts(data, size));
            assert_eq!(session.peer_certificate().unwrap().as_ptr(), ext::SSL_SESSION_get0_peer(raw));
            let mut key = [0; 256];
            let written = sys::SSL_SESSION_get_master_key(raw, key.as_mut_ptr(), key.len());
            assert_eq!(&*session.master_key(), &key[..written]);
            assert_eq!(session.max_early_data(), sys::SSL_SESSION_get_max_early_data(raw));
            assert_eq!(session.compress_id(), ext::SSL_SESSION_get_compress_id(raw));
        }
        assert!(session.is_resumable() && session.has_ticket());
        assert_eq!(session.protocol_version(), version);
        assert!(session.time() <= SystemTime::now());
        assert_eq!(session.alpn_selected(), Some(&b"two"[..]));
        assert_eq!(session.hostname(), Some(&b"localhost"[..]));
        assert_eq!((session.max_fragment_length(), session.ticket_appdata()), (None, None));
        assert!(session.id_context().is_empty());
        assert!(session.peer_certificate().unwrap().check_host("localhost").unwrap());
        assert!(session.master_key().len() >= 32);
        let shown = format!("{session:?} {:?}", session.master_key());
        assert!(shown.contains("TLSv1."), "{shown}");
        let bytes = session.master_key().to_vec();
        assert!(!shown.contains(&format!("{bytes:?}")));
    }
}

#[test]
fn bytes_and_text_are_those_of_c_and_make_the_same_session() {
    for version in VERSIONS {
        let session = session(version);
        let der = session.to_der().unwrap();
        // SAFETY: the session is live, and C allocates the room, which is freed once.
        let of_c = unsafe {
            let mut data = ptr::null_mut();
            let len = sys::i2d_SSL_SESSION(session.as_ptr(), &raw mut data);
            let bytes = std::slice::from_raw_parts(data, usize::try_from(len).unwrap()).to_vec();
            sys::OPENSSL_free(data.cast());
            bytes
        };
        assert_eq!(&*der, of_c);
        let again = SslSession::from_der(&der).unwrap();
        assert_eq!(&*again.to_der().unwrap(), &*der);
        assert_eq!(&*again.master_key(), &*session.master_key());
        let pem = session.to_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN SSL SESSION PARAMETERS-----"));
        assert_eq!(&*SslSession::from_pem(pem.as_bytes()).unwrap().to_der().unwrap(), &*der);
        assert!(session.to_text().unwrap().contains("SSL-Session:"));
        assert!(session.to_keylog().unwrap().starts_with("RSA Session-ID:"));
        assert_eq!(&*session.dup().unwrap().to_der().unwrap(), &*der);
        assert_ne!(session.dup().unwrap().as_ptr(), session.as_ptr());
    }
}

#[test]
fn bytes_that_are_no_session_are_an_error() {
    for version in VERSIONS {
        let der = session(version).to_der().unwrap();
        for len in 0..der.len() {
            assert!(SslSession::from_der(&der[..len]).is_err(), "{len}");
        }
        let longer = [&der[..], b"\0"].concat();
        assert_eq!(SslSession::from_der(&longer).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(SslSession::from_der(&[]).unwrap_err().kind(), ErrorKind::Refused);
        // Any byte may be wrong: what comes of it can be read, and offered.
        let (client, server) = (client_of(version), server_of(version));
        for at in 0..der.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = der.to_vec();
                broken[at] ^= flip;
                let Ok(session) = SslSession::from_der(&broken) else { continue };
                let _ = (session.id(), session.ticket(), session.hostname(), session.alpn_selected());
                let _ = (session.time(), session.timeout(), session.cipher(), session.peer_certificate());
                let _ = (session.to_text(), session.to_keylog(), session.to_der(), format!("{session:?}"));
                if at % 16 == 0 {
                    let mut ssl = client_ssl(&client);
                    ssl.danger_set_session(&session).unwrap();
                    let (left, right) = duplex();
                    let server = libssl::Ssl::new(&server).unwrap();
                    let _ = shake_over(ssl, left, server, right);
                }
            }
        }
    }
    for pem in ["", "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
        assert_eq!(SslSession::from_pem(pem.as_bytes()).unwrap_err().kind(), ErrorKind::Refused, "{pem}");
    }
}

#[test]
fn what_is_set_on_a_session_is_read_from_it() {
    let full = session(ProtocolVersion::TLS1_2);
    let mut builder = SslSessionBuilder::new().unwrap();
    builder.set_id(b"number").unwrap();
    builder.set_id_context(b"setting").unwrap();
    builder.set_protocol_version(ProtocolVersion::TLS1_2);
    builder.set_cipher(full.cipher().unwrap());
    builder.set_time(UNIX_EPOCH + Duration::from_secs(86_400)).unwrap();
    builder.set_timeout(Duration::from_secs(77)).unwrap();
    builder.set_hostname(Some("example.org")).unwrap();
    builder.set_alpn_selected(b"h2").unwrap();
    builder.set_master_key(&[5; 48]).unwrap();
    builder.set_ticket_appdata(b"data").unwrap();
    builder.set_max_early_data(9);
    let session = builder.build();
    assert_eq!((session.id(), session.id_context()), (&b"number"[..], &b"setting"[..]));
    assert_eq!((session.protocol_version(), session.cipher()), (ProtocolVersion::TLS1_2, full.cipher()));
    assert_eq!(session.time(), UNIX_EPOCH + Duration::from_secs(86_400));
    assert_eq!(session.timeout(), Duration::from_secs(77));
    assert_eq!((session.hostname(), session.alpn_selected()), (Some(&b"example.org"[..]), Some(&b"h2"[..])));
    assert_eq!((&*session.master_key(), session.ticket_appdata()), (&[5; 48][..], Some(&b"data"[..])));
    assert_eq!(session.max_early_data(), 9);

    let mut other = session.to_builder().unwrap();
    other.set_hostname(None).unwrap();
    other.set_alpn_selected(b"").unwrap();
    other.set_ticket_appdata(b"").unwrap();
    other.set_id(b"").unwrap();
    for too_long in
        [other.set_id(&[0; 33]), other.set_id_context(&[0; 33]), other.set_master_key(&[0; 10_000])]
    {
        assert_eq!(too_long.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(other.set_alpn_selected(&[0; 256]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(other.set_hostname(Some("a\0b")).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(other.set_timeout(Duration::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
    let before = UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(other.set_time(before).unwrap_err().kind(), ErrorKind::InvalidInput);
    let other = other.build();
    assert_eq!((other.hostname(), other.alpn_selected(), other.ticket_appdata()), (None, None, None));
    assert!(other.id().is_empty());
    assert_eq!(session.hostname(), Some(&b"example.org"[..]), "the first one is as it was");

    let nothing = SslSessionBuilder::new().unwrap().build();
    assert!(!nothing.is_resumable() && !nothing.has_ticket() && nothing.ticket().is_none());
    assert!(nothing.cipher().is_none() && nothing.peer_certificate().is_none());
    assert!(nothing.to_der().is_err() && nothing.master_key().is_empty());
}

/// The connections have copies: what they do to them, nobody else sees.
#[test]
fn many_connections_offer_one_session_at_a_time() {
    for version in VERSIONS {
        let (client, server) = (client_without_cache(version), server_of(version));
        let session = Met::by(&client, &server).client.ssl().session().unwrap().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let mut ssl = client_ssl(&client);
                        ssl.set_session(&session).unwrap();
                        assert!(Met::with(ssl, &server).reused());
                        let _ = (session.cipher(), session.is_resumable(), session.to_der().unwrap());
                    }
                });
            }
        });
        assert!(session.is_resumable());
    }
}

#[test]
fn an_object_shows_the_session_that_it_has() {
    let client = client_without_cache(ProtocolVersion::TLS1_3);
    let mut ssl = client_ssl(&client);
    assert!(ssl.session().unwrap().is_none());
    // SAFETY: nobody uses the object meanwhile.
    assert!(unsafe { ssl.session_ref() }.is_none());
    let session =
        Met::by(&client, &server_of(ProtocolVersion::TLS1_3)).client.ssl().session().unwrap().unwrap();
    ssl.set_session(&session).unwrap();
    assert_eq!(ssl.session().unwrap().unwrap().id(), session.id());
    // SAFETY: as above.
    assert_eq!(unsafe { ssl.session_ref() }.unwrap().id(), session.id());
    ssl.clear_session().unwrap();
    assert!(ssl.session().unwrap().is_none());
    assert_eq!(ssl.default_timeout(), Duration::from_secs(7200).max(ssl.default_timeout()));
    // SAFETY: the object is live, and the call only reads it.
    let seconds = unsafe { ext::SSL_get_default_timeout(ssl.as_ptr()) };
    assert_eq!(ssl.default_timeout().as_secs(), u64::try_from(seconds).unwrap());
}

#[test]
fn a_copied_session_id_is_resumed_and_shares_what_c_shares() {
    let server = server_of(ProtocolVersion::TLS1_2);
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let client = builder.build();
    let first = Met::with(libssl::Ssl::new(&client).unwrap(), &server);
    let mut second = libssl::Ssl::new(&client).unwrap();
    // SAFETY: both are used on this thread only.
    unsafe { second.copy_session_id(first.client.ssl()) }.unwrap();
    // SAFETY: both are live, and the calls only read.
    unsafe {
        let sessions =
            (ext::SSL_get_session(second.as_ptr()), ext::SSL_get_session(first.client.ssl().as_ptr()));
        assert_eq!(sessions.0, sessions.1);
    }
    assert!(Met::with(second, &server).reused());
}

#[test]
fn secrets_are_compared_and_not_shown() {
    let secret = SecretBytes::from(vec![65; 5]);
    assert_eq!(secret, SecretBytes::from(vec![65; 5]));
    assert_ne!(secret, SecretBytes::from(vec![66; 5]));
    assert_eq!((secret.as_ref(), &*secret), (&[65; 5][..], &[65; 5][..]));
    assert_eq!(format!("{secret:?}"), "SecretBytes(5 bytes)");
}
