//! Pins are no closures, but they stand in the chain callback: what they come to in the same settings.

use libssl::context::{ServerNameDecision, SpkiPin, SslVerifyMode, TrustAnchors};
use libssl::x509::X509;
use libssl::{Alert, ErrorKind, Role, Ssl, SslContextBuilder, VerifyError};

use crate::assert_queue_is_empty;
use crate::common::{self, Made, client_ssl, duplex, identity, pki, shake_over};
use crate::scene::first_session;
use crate::support::{VERSIONS, Version, inner, read_all};

fn pin(made: &Made) -> SpkiPin {
    SpkiPin::of(&X509::from_der(&made.der).expect("a certificate")).expect("a pin")
}

fn set(builder: &mut SslContextBuilder, peer: &Made, fits: bool) {
    let stranger = &pki().self_signed;
    builder.set_spki_pins(&[pin(if fits { peer } else { stranger })]).expect("a pin");
}

fn client(version: Version, fits: Option<bool>) -> SslContextBuilder {
    let mut client = common::client_builder();
    version.only(&mut client);
    client.use_identity(&identity(&pki().client)).expect("an identity");
    if let Some(fits) = fits {
        set(&mut client, &pki().localhost, fits);
    }
    client
}

fn server(version: Version, fits: Option<bool>) -> SslContextBuilder {
    let mut server = common::server_builder();
    version.only(&mut server);
    if let Some(fits) = fits {
        server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a CA");
        server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).expect("a mode");
        set(&mut server, &pki().client, fits);
    }
    server
}

/// Shakes hands; whoever has pins fails if they do not fit, and the other one sees that.
fn shake(client: SslContextBuilder, server: SslContextBuilder, who: Role, fits: bool) {
    let (client, server) = common::shake(&client.build(), &server.build());
    if fits {
        client.expect("a client");
        server.expect("a server");
    } else {
        let (own, other) = match who {
            Role::Client => (client, server),
            Role::Server => (server, client),
        };
        let error = own.expect_err("no pin fits");
        assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION));
        let kind = match other {
            Err(error) => error.kind(),
            Ok(mut connected) => inner(&read_all(&mut connected).1.expect_err("an alert")).kind(),
        };
        assert_eq!(kind, ErrorKind::Alert(Alert::HANDSHAKE_FAILURE));
    }
    assert_queue_is_empty();
}

#[test]
fn pins_count_in_the_first_handshake_on_either_side() {
    for version in VERSIONS {
        for fits in [true, false] {
            shake(client(version, Some(fits)), server(version, None), Role::Client, fits);
            shake(client(version, None), server(version, Some(fits)), Role::Server, fits);
        }
    }
}

#[test]
fn after_a_switch_by_name_the_second_context_s_pins_count() {
    for version in VERSIONS {
        for fits in [true, false] {
            let second = server(version, Some(fits)).build();
            let mut first = server(version, Some(!fits));
            first
                .set_tlsext_servername_callback(move |view| {
                    view.set_context(&second).expect("a switch");
                    ServerNameDecision::Ack
                })
                .expect("a callback");
            shake(client(version, None), first, Role::Server, fits);
        }
    }
}

#[test]
fn a_resumed_session_was_pinned_when_it_was_made() {
    for version in VERSIONS {
        let (server, made_in) = (server(version, None).build(), client(version, Some(true)).build());
        let session = first_session(&made_in, &server);
        let resumed_in = client(version, Some(false)).build();
        let (left, right) = duplex();
        let ssl = client_ssl(&resumed_in);
        session.offer(&ssl);
        let (client, _) = shake_over(ssl, left, Ssl::new(&server).expect("SSL_new"), right);
        // SAFETY: the object is live, and the call only reads it.
        let reused = unsafe { openssl_sys::SSL_session_reused(client.expect("a client").ssl().as_ptr()) };
        assert_eq!(reused, 1);
        assert_queue_is_empty();
    }
}
