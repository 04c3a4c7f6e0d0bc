//! A context that is in use, changed from Rust as real servers do it.

use libssl::context::{AlpnDecision, ServerNameDecision, SslVerifyMode};
use libssl::x509::{X509, X509StoreBuilder};
use libssl::{Ssl, SslContext, SslContextBuilderRef};
use openssl_sys_ext as ext;

use crate::common::{
    client_builder, client_context, client_ssl, connected, duplex, identity, pki, server_builder, shake,
    shake_over,
};
use crate::support::{VERSIONS, Version, assert_works, finish};

/// Changes a context that is in use, of which nobody makes use meanwhile.
fn change(context: &SslContext, change: impl FnOnce(&mut SslContextBuilderRef)) {
    // SAFETY: the tests have one thread, call nothing else meanwhile, and have borrowed nothing from it.
    change(unsafe { SslContextBuilderRef::from_ptr_mut(context.as_ptr()) });
}

/// The certificate that a server presents to a client who wants this name.
fn presented(context: &SslContext, name: &str) -> Vec<u8> {
    let mut client = Ssl::new(&client_context()).unwrap();
    client.set_server_name(name).unwrap();
    let (left, right) = duplex();
    let (client, _) = shake_over(client, left, Ssl::new(context).unwrap(), right);
    client.unwrap().ssl().peer_certificate().unwrap().to_der().unwrap()
}

#[test]
fn a_new_certificate_is_presented_from_then_on_and_connections_go_on() {
    let der =
        |made: &crate::common::Made| X509::from_pem(made.chain_pem.as_bytes()).unwrap().to_der().unwrap();
    let context = SslContext::server(&identity(&pki().localhost)).unwrap().build();
    let (mut client, mut server) = connected(&client_context(), &context);
    assert_eq!(presented(&context, "localhost"), der(&pki().localhost));

    // Its key is of the same kind, so that it takes the place of the first.
    change(&context, |builder| builder.use_identity(&identity(&pki().other_name)).unwrap());
    assert_eq!(presented(&context, "other.example"), der(&pki().other_name));
    assert_works(&mut client, &mut server);
}

#[test]
fn callbacks_can_be_changed_under_live_connections() {
    for version in VERSIONS {
        let mut builder = version.server_builder();
        builder.set_alpn_select_cb(|_, offered| select(offered.first_of(["one"]))).unwrap();
        let context = builder.build();
        let mut client = version.client_builder();
        client.set_alpn_protos(["one", "two"]).unwrap();
        let client = client.build();

        let (mut old_client, mut old_server) = connected(&client, &context);
        assert_eq!(old_client.ssl().alpn_selected(), Some(&b"one"[..]));
        // In the middle of a handshake.
        let (left, right) = duplex();
        let begun = crate::common::Turn::of(client_ssl(&client).connect(left));
        let waiting = Ssl::new(&context).unwrap();

        change(&context, |builder| {
            builder.set_alpn_select_cb(|_, offered| select(offered.first_of(["two"]))).unwrap();
            builder.set_tlsext_servername_callback(|_| ServerNameDecision::Ack).unwrap();
        });

        let (mut new_client, mut new_server) = connected(&client, &context);
        assert_eq!(new_client.ssl().alpn_selected(), Some(&b"two"[..]));
        let (mut late_client, mut late_server) =
            finish(begun, crate::common::Turn::of(waiting.accept(right)));
        assert_eq!(late_client.ssl().alpn_selected(), Some(&b"two"[..]), "C asks the context");
        assert_works(&mut old_client, &mut old_server);
        assert_works(&mut new_client, &mut new_server);
        assert_works(&mut late_client, &mut late_server);
    }
}

fn select(protocol: Option<&[u8]>) -> AlpnDecision<'_> {
    protocol.map_or(AlpnDecision::Ignore, AlpnDecision::Select)
}

/// The closure that a connection may still call is kept for it.
#[test]
fn a_verify_callback_that_was_replaced_serves_the_objects_it_was_copied_to() {
    let mut builder = client_builder();
    builder.set_verify_callback(SslVerifyMode::PEER, |_| true).unwrap();
    let context = builder.build();
    let early = client_ssl(&context);
    change(&context, |builder| {
        builder.set_verify_callback(SslVerifyMode::PEER, |_| false).unwrap();
    });
    let server = server_builder().build();
    let (left, right) = duplex();
    let (client, _) = shake_over(early, left, Ssl::new(&server).unwrap(), right);
    client.expect("the closure that it was made with accepts");
    let (client, _) = shake(&context, &server);
    client.expect_err("the new one refuses");
}

#[test]
fn roots_can_be_changed_for_the_connections_to_come() {
    let context = client_context();
    let server = Version::Tls13.server_builder().build();
    let (mut client, mut server_side) = connected(&context, &server);
    change(&context, |builder| {
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(&X509::from_pem(pki().self_signed.chain_pem.as_bytes()).unwrap()).unwrap();
        builder.set_cert_store(&store.build().unwrap()).unwrap();
    });
    let (refused, _) = shake(&context, &server);
    refused.expect_err("that root is gone");
    assert_works(&mut client, &mut server_side);
}

/// A job that is paused goes on with the caller's buffer, on the stack of its thread.
#[test]
fn a_mode_of_cs_that_runs_calls_as_jobs_is_not_taken_over() {
    const ASYNC: std::ffi::c_long = 0x100;
    let context = client_context();
    // SAFETY: the context is live, and nobody else has it yet.
    unsafe { ext::SSL_CTX_set_mode(context.as_ptr(), ASYNC) };
    let ssl = Ssl::new(&context).unwrap();
    let chain = libssl::bio::SslBio::new_ssl(&context, libssl::Role::Client).unwrap();
    for ssl in [ssl.as_ptr(), chain.ssl().unwrap().as_ptr()] {
        // SAFETY: the object is live.
        assert_eq!(unsafe { ext::SSL_get_mode(ssl) } & ASYNC, 0);
    }
}
