//! Contexts: safe defaults, C's own defaults, and each setting with its getter or its effect.
// A test that fails panics, and what C lends here is C's to vouch for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;

use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::{
    client_builder, client_context, client_ssl, duplex, identities, identity, pki, server_builder,
    server_context,
};
use libssl::context::{
    CertificateDecision, CertificateView, FileFormat, Identity, ProtocolVersion, SessionCacheMode, SslMethod,
    SslMode, SslOptions, SslVerifyMode, TrustAnchors,
};
use libssl::x509::{PKey, X509};
use libssl::{ErrorKind, HandshakeError, Ssl, SslContext, SslContextBuilder};
use openssl_sys as sys;
use openssl_sys_ext as ext;

fn tls() -> SslContextBuilder {
    SslContext::builder(SslMethod::tls()).unwrap()
}

/// A directory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("libssl-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a test of this file in a process of its own, where `inner` is its body.
fn in_child(test: &str, environment: &[(&str, &Path)], inner: impl FnOnce()) {
    const CHILD: &str = "LIBSSL_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return inner();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").envs(environment.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "the test ran in the child");
}

// Defaults.

#[test]
fn a_client_verifies_and_demands_a_name_before_a_byte_goes_out() {
    let context = client_context();
    assert_eq!(context.verify_mode(), SslVerifyMode::PEER);
    assert!(context.min_proto_version().is_some_and(|version| version.0 >= ProtocolVersion::TLS1_2.0));
    let (left, right) = duplex();
    let error = Ssl::new(&context).unwrap().connect(left).unwrap_err();
    let HandshakeError::Failed(failure) = error else { panic!("{error:?}") };
    assert_eq!(failure.kind(), ErrorKind::NoServerName);
    assert_eq!(right.waiting(), 0);
}

#[test]
fn a_client_refuses_other_names_and_unknown_roots() {
    for made in [&pki().other_name, &pki().unknown_issuer] {
        let server = SslContext::server(&identity(made)).unwrap().build();
        let (client, _) = common::shake(&client_context(), &server);
        assert!(matches!(client.unwrap_err().kind(), ErrorKind::Verification(_)));
    }
}

#[test]
fn a_server_presents_its_identity_and_asks_for_none() {
    let context = server_context();
    assert_eq!(context.verify_mode(), SslVerifyMode::empty());
    assert!(context.min_proto_version().is_some_and(|version| version.0 >= ProtocolVersion::TLS1_2.0));
    assert_eq!(context.certificate().unwrap().to_der().unwrap(), pki().localhost.der);
    context.check_private_key().unwrap();
    common::connected(&client_context(), &context);
}

#[test]
fn a_builder_has_the_defaults_of_c() {
    for method in [SslMethod::tls(), SslMethod::tls_client(), SslMethod::tls_server()] {
        let builder = SslContext::builder(method).unwrap();
        // SAFETY: the context is C's own and freed at the end.
        unsafe {
            let context = sys::SSL_CTX_new(method.as_ptr());
            assert_eq!(builder.options().bits(), sys::SSL_CTX_get_options(context));
            assert_eq!(builder.verify_mode().bits(), sys::SSL_CTX_get_verify_mode(context));
            let min = openssl_sys_ext::SSL_CTX_get_min_proto_version(context);
            assert_eq!(builder.min_proto_version().map_or(0, |version| version.0), min);
            sys::SSL_CTX_free(context);
        }
        assert!(builder.certificate().is_none() && builder.private_key().is_none());
    }
    assert_eq!(format!("{:?}", SslMethod::tls_server()), "SslMethod(\"tls_server\")");
}

#[test]
fn a_context_crosses_to_c_and_back() {
    let pointer = server_context().into_ptr();
    // SAFETY: the pointer comes from `into_ptr`, with its reference.
    let context = unsafe { SslContext::from_ptr(pointer) };
    assert_eq!(context.as_ptr(), pointer);
    // SAFETY: nobody else uses the context during the borrow.
    let borrowed = unsafe { libssl::SslContextBuilderRef::from_ptr_mut(pointer) };
    borrowed.set_quiet_shutdown(true);
    assert!(context.quiet_shutdown());
    let shared = context.clone();
    drop(context);
    common::connected(&client_context(), &shared);
    assert!(format!("{shared:?}").contains("min_proto_version"));
}

// Versions, options, modes.

#[test]
fn the_range_of_versions_is_set_and_kept() {
    let mut builder = tls();
    builder.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    builder.set_max_proto_version(Some(ProtocolVersion::TLS1_3)).unwrap();
    assert_eq!(builder.min_proto_version(), Some(ProtocolVersion::TLS1_2));
    assert_eq!(builder.max_proto_version(), Some(ProtocolVersion::TLS1_3));
    builder.raise_min_proto_version(ProtocolVersion::TLS1_3).unwrap();
    builder.raise_min_proto_version(ProtocolVersion::TLS1_2).unwrap();
    assert_eq!(builder.min_proto_version(), Some(ProtocolVersion::TLS1_3));
    builder.set_min_proto_version(None).unwrap();
    builder.set_max_proto_version(None).unwrap();
    assert_eq!((builder.min_proto_version(), builder.max_proto_version()), (None, None));
    for wrong in [ProtocolVersion(0x1234), ProtocolVersion(-1), ProtocolVersion(c_int::MAX)] {
        assert!(builder.set_min_proto_version(Some(wrong)).is_err());
        assert!(builder.set_max_proto_version(Some(wrong)).is_err());
    }
    assert_eq!(ProtocolVersion::TLS1_3.to_string(), "TLSv1.3");
    assert_eq!(format!("{:?}", ProtocolVersion(7)), "ProtocolVersion(0x0007)");
}

/// Where C says that it is done and does nothing, or takes the bound away.
#[test]
fn a_bound_that_would_not_hold_is_refused() {
    let mut builder = tls();
    for of_another_protocol in [ProtocolVersion::DTLS1, ProtocolVersion::DTLS1_2, ProtocolVersion::DTLS1_BAD]
    {
        builder.set_min_proto_version(None).unwrap();
        let version = Some(of_another_protocol);
        assert_eq!(builder.set_max_proto_version(version).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_min_proto_version(version).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!((builder.min_proto_version(), builder.max_proto_version()), (None, None));
        builder.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
        let raised = builder.raise_min_proto_version(of_another_protocol);
        assert_eq!(raised.unwrap_err().kind(), ErrorKind::InvalidInput);
    }

    let tls12 = Some(ProtocolVersion::TLS1_2);
    builder.set_max_proto_version(tls12).unwrap();
    for number in [0, -1] {
        let none = ProtocolVersion(number);
        assert_eq!(builder.set_min_proto_version(Some(none)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_max_proto_version(Some(none)).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.raise_min_proto_version(none).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!((builder.min_proto_version(), builder.max_proto_version()), (tls12, tls12));
}

/// A context of C's may speak DTLS, whose numbers count down.
#[test]
fn bounds_are_those_of_the_method() {
    // SAFETY: the method is a constant, and the context is freed at the end, after the last use of the borrow.
    unsafe {
        let dtls = sys::SSL_CTX_new(sys::DTLS_method());
        let builder = libssl::SslContextBuilderRef::from_ptr_mut(dtls);
        builder.set_min_proto_version(None).unwrap();
        builder.raise_min_proto_version(ProtocolVersion::DTLS1_2).unwrap();
        builder.raise_min_proto_version(ProtocolVersion::DTLS1).unwrap();
        assert_eq!(builder.min_proto_version(), Some(ProtocolVersion::DTLS1_2));
        let error = builder.set_min_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        sys::SSL_CTX_free(dtls);
    }
}

#[test]
fn versions_without_overlap_do_not_connect() {
    let mut client = client_builder();
    client.set_max_proto_version(Some(ProtocolVersion::TLS1_2)).unwrap();
    let mut server = server_builder();
    server.set_min_proto_version(Some(ProtocolVersion::TLS1_3)).unwrap();
    let (client, server) = common::shake(&client.build(), &server.build());
    assert_eq!(client.unwrap_err().kind(), ErrorKind::Alert(libssl::Alert::PROTOCOL_VERSION));
    assert_eq!(server.unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn options_and_modes_are_bits_that_c_keeps() {
    let mut builder = tls();
    let options = SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION;
    assert!(builder.set_options(options).contains(options));
    assert!(builder.options().contains(options));
    assert!(!builder.clear_options(SslOptions::NO_TICKET).contains(SslOptions::NO_TICKET));
    // What has no name here is kept.
    let unnamed = SslOptions::from_bits_retain(1 << 60);
    assert!(builder.set_options(unnamed).contains(unnamed));

    let mode = SslMode::ENABLE_PARTIAL_WRITE | SslMode::RELEASE_BUFFERS;
    assert!(builder.set_mode(mode).unwrap().contains(mode));
    assert!(builder.mode().contains(mode));
    assert!(!builder.clear_mode(SslMode::RELEASE_BUFFERS).contains(SslMode::RELEASE_BUFFERS));
    let asynchronous = SslMode::from_bits_retain(0x100);
    assert_eq!(builder.set_mode(asynchronous).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(!builder.mode().contains(asynchronous));
    assert_eq!(builder.set_mode(SslMode::all()).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(builder.clear_mode(SslMode::from_bits_retain(u32::MAX)).is_empty());
}

#[test]
fn option_numbers_are_those_of_the_headers() {
    use openssl_sys_ext as ext;
    for (ours, theirs) in [
        (SslOptions::NO_EXTENDED_MASTER_SECRET, ext::SSL_OP_NO_EXTENDED_MASTER_SECRET),
        (SslOptions::ENABLE_KTLS, ext::SSL_OP_ENABLE_KTLS),
        (SslOptions::ALLOW_CLIENT_RENEGOTIATION, ext::SSL_OP_ALLOW_CLIENT_RENEGOTIATION),
        (SslOptions::NO_ENCRYPT_THEN_MAC, ext::SSL_OP_NO_ENCRYPT_THEN_MAC),
        (SslOptions::NO_ANTI_REPLAY, ext::SSL_OP_NO_ANTI_REPLAY),
        (SslOptions::IGNORE_UNEXPECTED_EOF, sys::SSL_OP_IGNORE_UNEXPECTED_EOF),
        (SslOptions::NO_TLSV1_2, sys::SSL_OP_NO_TLSv1_2),
        (SslOptions::NO_TLSV1_3, sys::SSL_OP_NO_TLSv1_3),
        (SslOptions::CIPHER_SERVER_PREFERENCE, sys::SSL_OP_CIPHER_SERVER_PREFERENCE),
        (SslOptions::PREFER_NO_DHE_KEX, ext::SSL_OP_PREFER_NO_DHE_KEX),
        (SslOptions::LEGACY_EC_POINT_FORMATS, ext::SSL_OP_LEGACY_EC_POINT_FORMATS),
    ] {
        assert_eq!(ours.bits(), theirs, "{ours:?}");
    }
}

// Ciphers, groups, signature algorithms, DH.

#[test]
fn cipher_lists_and_suites_are_set() {
    let mut builder = tls();
    builder.set_ciphersuites("TLS_AES_256_GCM_SHA384").unwrap();
    builder.set_cipher_list("ECDHE-ECDSA-AES128-GCM-SHA256").unwrap();
    assert_eq!(builder.ciphers(), ["TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    builder.set_ciphersuites("").unwrap();
    assert_eq!(builder.ciphers(), ["ECDHE-ECDSA-AES128-GCM-SHA256"]);
    assert_eq!(builder.set_cipher_list("nonsense").unwrap_err().kind(), ErrorKind::Refused);
    assert!(builder.set_ciphersuites("nonsense").is_err());
    for list in ["a\0b", "\0"] {
        assert_eq!(builder.set_cipher_list(list).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_ciphersuites(list).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(builder.set_cipher_list(&"x".repeat(65536)).is_err());
}

#[test]
fn the_group_that_was_set_is_the_one_that_is_used() {
    const NID_SECP384R1: c_int = 715;
    for set in [
        |builder: &mut SslContextBuilder| builder.set_groups_list("P-384"),
        |builder: &mut SslContextBuilder| builder.set_groups(&[NID_SECP384R1]),
    ] {
        let mut client = client_builder();
        set(&mut client).unwrap();
        let (client, _server) = common::connected(&client.build(), &server_context());
        // SAFETY: the object is live and has shaken hands.
        let group = unsafe { openssl_sys_ext::SSL_get_negotiated_group(client.ssl().as_ptr()) };
        assert_eq!(group, NID_SECP384R1);
    }
    let (mut client, mut server) = (client_builder(), server_builder());
    client.set_groups_list("P-384").unwrap();
    server.set_groups_list("P-256").unwrap();
    let (client, server) = common::shake(&client.build(), &server.build());
    assert!(client.is_err() && server.is_err());
}

#[test]
fn groups_and_signature_algorithms_are_checked() {
    const NID_SHA256: c_int = 672;
    const NID_EC: c_int = 408;
    let mut builder = tls();
    assert!(builder.set_groups_list("no-such-group").is_err());
    assert!(builder.set_groups(&[-7]).is_err());
    assert_eq!(builder.set_groups(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder.set_groups_list("P-256\0").unwrap_err().kind(), ErrorKind::InvalidInput);

    builder.set_sigalgs_list("ECDSA+SHA256:ed25519").unwrap();
    builder.set_client_sigalgs_list("ECDSA+SHA256").unwrap();
    builder.set_sigalgs(&[(NID_SHA256, NID_EC)]).unwrap();
    builder.set_client_sigalgs(&[(NID_SHA256, NID_EC)]).unwrap();
    assert!(builder.set_sigalgs_list("no-such-algorithm").is_err());
    assert!(builder.set_client_sigalgs_list("no-such-algorithm").is_err());
    assert!(builder.set_sigalgs(&[(1, 2)]).is_err());
    assert!(builder.set_client_sigalgs(&[(1, 2)]).is_err());
    assert_eq!(builder.set_sigalgs(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder.set_client_sigalgs(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// From 3.5 on, C takes it and offers no group at all.
#[test]
fn an_empty_list_of_names_is_refused() {
    let mut builder = tls();
    for blank in ["", " ", "\t\n\x0b\x0c\r"] {
        assert_eq!(builder.set_groups_list(blank).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_sigalgs_list(blank).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(builder.set_client_sigalgs_list(blank).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(builder.set_cipher_list("").unwrap_err().kind(), ErrorKind::Refused);
    // Here it means that there is no TLS 1.3.
    builder.set_ciphersuites("").unwrap();
}

#[test]
fn a_signature_algorithm_that_the_server_has_not_fails() {
    let mut client = client_builder();
    client.set_sigalgs_list("ed25519").unwrap();
    let (client, server) = common::shake(&client.build(), &server_context());
    assert!(client.is_err() && server.is_err());
}

#[test]
fn implemented_groups_are_told_or_unsupported() {
    match tls().implemented_groups(false) {
        Ok(groups) => {
            assert!(groups.iter().any(|group| group.eq_ignore_ascii_case("x25519")), "{groups:?}");
            assert!(tls().implemented_groups(true).unwrap().len() >= groups.len());
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
}

#[test]
fn dh_parameters_are_set() {
    let mut builder = tls();
    let parameters = PKey::parameters_from_pem(identities::FFDHE2048_PEM.as_bytes()).unwrap();
    assert_eq!((parameters.algorithm().as_str(), parameters.bits()), ("DH", 2048));
    builder.set_tmp_dh(parameters.clone()).unwrap();
    builder.set_tmp_dh(parameters).unwrap();
    builder.set_dh_auto(true).unwrap();
    builder.set_dh_auto(false).unwrap();
    assert!(builder.set_ecdh_auto(true) && !builder.set_ecdh_auto(false));
    let key = PKey::from_pem(pki().localhost.key_pem.as_bytes(), None).unwrap();
    assert_eq!(builder.set_tmp_dh(key).unwrap_err().kind(), ErrorKind::InvalidInput);
}

// Certificates and keys.

#[test]
fn identities_come_from_pem_and_der_memory_and_files() {
    let made = &pki().localhost;
    let scratch = Scratch::new("identity");
    let (chain, key) = (scratch.file("chain.pem", &made.chain_pem), scratch.file("key.pem", &made.key_pem));
    let (der, key_der) = (scratch.file("chain.der", &made.der), scratch.file("key.der", &made.key_der));
    let both = scratch.file("both.pem", [made.key_pem.as_str(), &made.chain_pem].concat());
    for identity in [
        Identity::from_pem(made.chain_pem.as_bytes(), made.key_pem.as_bytes()),
        Identity::from_pem_files(&chain, &key),
        Identity::from_pem_files(&both, &both),
        Identity::from_der([&made.der], &made.key_der),
        Identity::from_der_files([&der], &key_der),
    ] {
        let identity = identity.unwrap();
        assert_eq!(identity.certificate().to_der().unwrap(), made.der);
        assert!(identity.chain().is_empty());
        assert_eq!(identity.key().algorithm(), "EC");
        common::connected(&client_context(), &SslContext::server(&identity).unwrap().build());
    }
    let missing = Identity::from_pem_files(scratch.0.join("none.pem"), &key).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    assert_eq!(
        Identity::new([], PKey::from_der(&made.key_der).unwrap()).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[test]
fn a_key_that_belongs_to_another_certificate_is_refused() {
    let (made, other) = (&pki().localhost, &pki().other_name);
    let error = Identity::from_pem(made.chain_pem.as_bytes(), other.key_pem.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);

    let mut builder = tls();
    assert!(builder.check_private_key().is_err());
    builder.use_certificate(&X509::from_der(&made.der).unwrap()).unwrap();
    assert!(builder.use_private_key(&PKey::from_der(&other.key_der).unwrap()).is_err());
    builder.use_private_key(&PKey::from_der(&made.key_der).unwrap()).unwrap();
    builder.check_private_key().unwrap();
    assert_eq!(builder.private_key().unwrap().bits(), 256);
}

#[test]
fn a_whole_chain_is_presented() {
    let made = &pki().localhost;
    let ca = X509::from_der(&pki().ca_der).unwrap();
    let scratch = Scratch::new("chain");
    let chain = scratch.file("chain.pem", [made.chain_pem.as_str(), &pki().ca_pem].concat());
    let key = scratch.file("key.pem", &made.key_pem);
    let mut by_file = SslContext::builder(SslMethod::tls_server()).unwrap();
    by_file.use_certificate_chain_file(&chain).unwrap();
    by_file.use_private_key_file(&key, FileFormat::Pem).unwrap();
    let whole = Identity::from_pem_files(&chain, &key).unwrap();
    assert_eq!(*whole.chain()[0], *ca);
    for server in [by_file.build(), SslContext::server(&whole).unwrap().build()] {
        let (client, _server) = common::connected(&client_context(), &server);
        // SAFETY: the object is live; get0.
        let sent = unsafe { sys::OPENSSL_sk_num(sys::SSL_get_peer_cert_chain(client.ssl().as_ptr()).cast()) };
        assert_eq!(sent, 2);
    }
    let mut broken = tls();
    assert!(broken.use_certificate_chain_pem(b"nothing").is_err());
    assert_eq!(broken.use_certificate_chain_file(scratch.0.join("none")).unwrap_err().kind(), ErrorKind::Io);
}

/// A certificate that came alone is no complete chain: OpenSSL sends what leads to the roots it trusts.
#[test]
fn a_chain_that_was_not_given_is_made_from_the_trusted_certificates() {
    type Way<'a> = (&'a str, &'a dyn Fn(&mut SslContextBuilder));
    let made = &pki().localhost;
    let scratch = Scratch::new("leaf");
    let leaf = scratch.file("leaf.pem", &made.chain_pem);
    let path = std::ffi::CString::new(leaf.to_str().unwrap()).unwrap();
    let alone = identity(made);
    let key = PKey::from_der(&made.key_der).unwrap();
    let by_callback = alone.clone();
    let certificate = |builder: &mut SslContextBuilder| {
        builder.use_certificate(&X509::from_der(&made.der).unwrap()).unwrap();
        builder.use_private_key(&key).unwrap();
    };
    let ways: [Way<'_>; 6] = [
        ("C's chain file", &|builder| {
            // SAFETY: the context is live, and so is the path.
            let done = unsafe { sys::SSL_CTX_use_certificate_chain_file(builder.as_ptr(), path.as_ptr()) };
            assert_eq!(done, 1);
            builder.use_private_key(&key).unwrap();
        }),
        ("chain file", &|builder| {
            builder.use_certificate_chain_file(&leaf).unwrap();
            builder.use_private_key(&key).unwrap();
        }),
        ("certificate", &certificate),
        ("empty chain", &|builder| {
            certificate(builder);
            builder.set_chain(&[X509::from_der(&made.der).unwrap()]).unwrap();
            builder.set_chain(&[]).unwrap();
        }),
        ("identity", &|builder| builder.use_identity(&alone).unwrap()),
        ("callback", &|builder| {
            let identity = by_callback.clone();
            let choose = move |view: &mut CertificateView<'_>| {
                view.use_identity(&identity).unwrap();
                CertificateDecision::Accept
            };
            builder.set_cert_cb(choose).unwrap();
        }),
    ];
    for (way, set) in ways {
        for (mode, expected) in [(SslMode::empty(), 2), (SslMode::NO_AUTO_CHAIN, 1)] {
            let mut builder = SslContext::builder(SslMethod::tls_server()).unwrap();
            builder.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
            builder.set_mode(mode).unwrap();
            set(&mut builder);
            let (client, _server) = common::connected(&client_context(), &builder.build());
            assert_eq!(client.ssl().peer_cert_chain().len(), expected, "{way}, {mode:?}");
        }
    }
}

#[test]
fn single_files_are_read_in_both_formats() {
    let made = &pki().localhost;
    let scratch = Scratch::new("files");
    for (certificate, key, format) in [
        (scratch.file("c.pem", &made.chain_pem), scratch.file("k.pem", &made.key_pem), FileFormat::Pem),
        (scratch.file("c.der", &made.der), scratch.file("k.der", &made.key_der), FileFormat::Der),
    ] {
        let mut builder = tls();
        builder.use_certificate_file(&certificate, format).unwrap();
        builder.use_private_key_file(&key, format).unwrap();
        builder.check_private_key().unwrap();
        let other = if format == FileFormat::Pem { FileFormat::Der } else { FileFormat::Pem };
        assert!(builder.use_certificate_file(&certificate, other).is_err());
        assert!(builder.use_private_key_file(&key, other).is_err());
    }
}

/// Where C would ask at the terminal, an encrypted key is refused; with its passphrase it opens.
#[test]
fn an_encrypted_key_asks_nobody() {
    let made = &pki().localhost;
    let key = PKey::from_der(&made.key_der).unwrap();
    let pem = {
        // SAFETY: a memory BIO of ours, and a live key; the passphrase is a local.
        unsafe {
            let bio = sys::BIO_new(sys::BIO_s_mem());
            let mut secret = *b"secret";
            let written = sys::PEM_write_bio_PKCS8PrivateKey(
                bio,
                key.as_ptr(),
                sys::EVP_aes_128_cbc(),
                secret.as_mut_ptr().cast(),
                6,
                None,
                std::ptr::null_mut::<c_void>(),
            );
            assert_eq!(written, 1);
            let mut data = std::ptr::null_mut();
            let len = openssl_sys_ext::BIO_get_mem_data(bio, &raw mut data);
            let pem = std::slice::from_raw_parts(data.cast::<u8>(), usize::try_from(len).unwrap()).to_vec();
            sys::BIO_free_all(bio);
            pem
        }
    };
    assert!(pem.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    assert!(PKey::from_pem(&pem, None).is_err());
    assert!(PKey::from_pem(&pem, Some(b"wrong")).is_err());
    assert!(PKey::from_pem(&pem, Some(&[b'x'; 5000])).is_err());
    assert!(Identity::from_pem(made.chain_pem.as_bytes(), &pem).is_err());
    let opened = PKey::from_pem(&pem, Some(b"secret")).unwrap();
    Identity::new([X509::from_der(&made.der).unwrap()], opened).unwrap();
}

// Trust.

#[test]
fn roots_come_from_file_directory_and_memory() {
    let ca = X509::from_der(&pki().ca_der).unwrap();
    let scratch = Scratch::new("roots");
    let file = scratch.file("ca.pem", &pki().ca_pem);
    // SAFETY: the certificate is live.
    let hash = unsafe { sys::X509_subject_name_hash(ca.as_ptr()) };
    let hashed = Scratch::new("hashed");
    hashed.file(&format!("{hash:08x}.0"), &pki().ca_pem);
    let certificates = [ca];
    for anchors in [
        TrustAnchors::File(&file),
        TrustAnchors::Directory(&hashed.0),
        TrustAnchors::Pem(pki().ca_pem.as_bytes()),
        TrustAnchors::Certificates(&certificates),
    ] {
        let client = SslContext::client_trusting(anchors).unwrap().build();
        common::connected(&client, &server_context());
    }

    let missing = scratch.0.join("none.pem");
    let error = SslContext::client_trusting(TrustAnchors::File(&missing)).unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
    let not_hashed = TrustAnchors::Directory(&scratch.0);
    assert_eq!(SslContext::client_trusting(not_hashed).unwrap_err().kind(), ErrorKind::NoTrustAnchors);
    let none = TrustAnchors::Certificates(&[]);
    assert_eq!(SslContext::client_trusting(none).unwrap_err().kind(), ErrorKind::NoTrustAnchors);
    assert!(SslContext::client_trusting(TrustAnchors::Pem(b"")).is_err());
}

#[test]
fn a_file_of_revocation_lists_is_no_file_of_roots() {
    let scratch = Scratch::new("revocation");
    let ca = identities::Ca::new("another CA");
    let list = scratch.file("list.pem", ca.revocation_list());
    let with_root = scratch.file("both.pem", [ca.revocation_list(), ca.pem].concat());
    let error = SslContext::client_trusting(TrustAnchors::File(&list)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
    assert!(error.to_string().contains("list.pem"), "{error}");
    // Other roots are not this file's.
    let mut builder = client_builder();
    assert_eq!(builder.trust(TrustAnchors::File(&list)).unwrap_err().kind(), ErrorKind::NoTrustAnchors);
    // As C: a list is something.
    builder.load_verify_file(&list).unwrap();
    builder.trust(TrustAnchors::File(&with_root)).unwrap();
    // Nothing new, but roots.
    builder.trust(TrustAnchors::File(&with_root)).unwrap();
}

#[test]
fn a_chosen_file_of_revocation_lists_is_an_error() {
    let scratch = Scratch::new("chosen-revocation");
    let ca = identities::Ca::new("another CA");
    let list = scratch.file("list.pem", ca.revocation_list());
    let nowhere = scratch.0.join("nowhere");
    in_child(
        "a_chosen_file_of_revocation_lists_is_an_error",
        &[("SSL_CERT_FILE", &list), ("SSL_CERT_DIR", &nowhere)],
        || {
            assert_eq!(SslContext::client().unwrap_err().kind(), ErrorKind::NoTrustAnchors);
            let mut builder = client_builder();
            assert_eq!(builder.trust(TrustAnchors::System).unwrap_err().kind(), ErrorKind::NoTrustAnchors);
        },
    );
}

#[test]
fn a_context_without_roots_trusts_nobody() {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::PEER).unwrap();
    let (client, _) = common::shake(&builder.build(), &server_context());
    assert!(matches!(client.unwrap_err().kind(), ErrorKind::Verification(_)));
}

#[test]
fn the_system_s_roots_are_found_where_openssl_is_told() {
    let scratch = Scratch::new("env-roots");
    let file = scratch.file("ca.pem", &pki().ca_pem);
    let nowhere = scratch.0.join("nowhere");
    // The child makes another CA: here it is only about whether roots are found.
    in_child(
        "the_system_s_roots_are_found_where_openssl_is_told",
        &[("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &nowhere)],
        || {
            let client = SslContext::client().unwrap();
            assert_eq!(client.verify_mode(), SslVerifyMode::PEER);
        },
    );
}

/// Also an OpenSSL of one's own, whose built-in place is empty, finds them.
#[test]
fn the_system_s_roots_are_found_where_the_system_has_them() {
    let told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    if told || !Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        return;
    }
    assert_eq!(SslContext::client().unwrap().verify_mode(), SslVerifyMode::PEER);
}

#[test]
fn roots_that_are_chosen_and_not_there_are_an_error() {
    let nowhere = Path::new("/nonexistent/roots");
    in_child(
        "roots_that_are_chosen_and_not_there_are_an_error",
        &[("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)],
        || {
            let error = SslContext::client().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
            assert!(error.to_string().contains("/nonexistent/roots"), "{error}");
            // As C: nothing there is no error.
            tls().set_default_verify_paths().unwrap();
        },
    );
}

#[test]
fn a_chosen_file_without_roots_in_it_is_an_error() {
    let scratch = Scratch::new("no-roots");
    let file = scratch.file("ca.pem", "nothing of use");
    let nowhere = scratch.0.join("nowhere");
    in_child(
        "a_chosen_file_without_roots_in_it_is_an_error",
        &[("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", &nowhere)],
        || assert_eq!(SslContext::client().unwrap_err().kind(), ErrorKind::NoTrustAnchors),
    );
}

#[test]
fn the_depth_of_a_chain_is_limited_and_told() {
    let mut client = client_builder();
    client.set_verify_depth(7);
    assert_eq!(client.verify_depth(), Some(7));
    client.set_verify_depth(u32::MAX);
    common::connected(&client.build(), &server_context());
    assert_eq!(tls().verify_depth(), None);
}

// ALPN, key log, reading, shutdown.

#[test]
fn alpn_protocols_are_checked_and_told() {
    let mut builder = tls();
    builder.set_alpn_protos(["h2", "http/1.1"]).unwrap();
    match builder.alpn_protos() {
        Ok(protocols) => assert_eq!(protocols.as_wire(), b"\x02h2\x08http/1.1"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    }
    builder.set_alpn_protos::<&str>([]).unwrap();
    assert_eq!(builder.set_alpn_protos([""]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder.set_alpn_protos([[b'x'; 256]]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_key_log_file_is_opened_by_choice_only() {
    let scratch = Scratch::new("keylog");
    let file = scratch.0.join("keys");
    in_child("the_key_log_file_is_opened_by_choice_only", &[("SSLKEYLOGFILE", &file)], || {
        let file = PathBuf::from(std::env::var_os("SSLKEYLOGFILE").unwrap());
        let mut client = client_builder();
        common::connected(&client_context(), &server_context());
        assert!(!file.exists());
        assert!(client.set_keylog_file_from_env().unwrap());
        let (_client, _server) = common::connected(&client.build(), &server_context());
        let lines = std::fs::read_to_string(&file).unwrap();
        assert!(lines.lines().count() >= 4 && lines.ends_with('\n'), "{lines}");
        assert!(lines.lines().all(|line| line.split(' ').count() == 3), "{lines}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    });
    if std::env::var_os("SSLKEYLOGFILE").is_none() {
        assert!(!client_builder().set_keylog_file_from_env().unwrap());
    }
}

#[test]
fn reading_ahead_and_quiet_shutdown_are_set() {
    let mut builder = client_builder();
    assert!(!builder.read_ahead() && !builder.quiet_shutdown());
    builder.set_read_ahead(true);
    builder.set_default_read_buffer_len(64 * 1024);
    builder.set_quiet_shutdown(true);
    assert!(builder.read_ahead() && builder.quiet_shutdown());
    common::connected(&builder.build(), &server_context());
}

#[test]
fn contexts_are_shared_by_threads() {
    let (client, server) = (client_context(), server_context());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (_client, _server) = common::connected(&client, &server);
                drop(client_ssl(&client.clone()));
            });
        }
    });
}

#[test]
fn the_session_cache_is_as_c_begins_it_and_as_it_is_set() {
    let mut context = tls();
    assert_eq!(context.session_cache_mode(), SessionCacheMode::SERVER);
    assert_eq!(context.session_cache_size(), 20_480);
    assert_eq!(context.session_timeout(), Duration::from_secs(7200));

    context.set_session_cache_mode(SessionCacheMode::SERVER | SessionCacheMode::NO_INTERNAL_LOOKUP).unwrap();
    context.set_session_cache_size(7).unwrap();
    context.set_session_timeout(Duration::from_millis(90_500)).unwrap();

    let context = context.build();
    assert_eq!(context.session_cache_mode(), SessionCacheMode::SERVER | SessionCacheMode::NO_INTERNAL_LOOKUP);
    assert_eq!((context.session_cache_size(), context.session_timeout()), (7, Duration::from_secs(90)));
    let mut context = tls();
    assert_eq!(context.set_session_cache_size(u32::MAX).unwrap_err().kind(), ErrorKind::InvalidInput);
    let ever = context.set_session_timeout(Duration::MAX);
    assert_eq!(ever.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_session_belongs_to_the_name_that_its_object_was_given() {
    for name in [&b"mine"[..], &[7; 32], b""] {
        let (client, server) = (client_ssl(&client_context()), server_context());
        let mut server = Ssl::new(&server).unwrap();
        server.set_session_id_context(name).unwrap();
        let (left, right) = duplex();

        let (client, server) = common::shake_over(client, left, server, right);

        client.unwrap();
        let mut len = 0;
        // SAFETY: the object is live, and lends its session, which lends the name (get0).
        let told = unsafe {
            let session = ext::SSL_get_session(server.as_ref().unwrap().ssl().as_ptr());
            let told = ext::SSL_SESSION_get0_id_context(session, &raw mut len);
            std::slice::from_raw_parts(told, len as usize)
        };
        assert_eq!(told, name);
    }
    let mut ssl = Ssl::new(&server_context()).unwrap();
    assert_eq!(ssl.set_session_id_context(&[0; 33]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// Sessions of clients and of servers lie in one place, where a server finds those that its context has of others.
#[test]
fn sessions_of_clients_are_not_kept_where_servers_look() {
    let mut context = tls();
    for mode in [SessionCacheMode::CLIENT, SessionCacheMode::CLIENT | SessionCacheMode::SERVER] {
        assert_eq!(context.set_session_cache_mode(mode).unwrap_err().kind(), ErrorKind::InvalidInput);
        context.set_session_cache_mode(mode | SessionCacheMode::NO_INTERNAL_STORE).unwrap();
        context.set_session_cache_mode(mode | SessionCacheMode::NO_INTERNAL_LOOKUP).unwrap();
    }
}
