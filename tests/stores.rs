//! Stores: filled and then settled, shared between contexts, and never changed for one holder by another.
// A test that fails panics, and what C lends here is C's to vouch for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use libssl::context::{SslVerifyMode, TrustAnchors};
use libssl::x509::{VerifyFlags, X509, X509Crl, X509Purpose, X509Store, X509StoreBuilder, X509VerifyParam};
use libssl::{
    ErrorKind, Identity, Ssl, SslContext, SslContextBuilder, SslContextRef, SslMethod, VerifyError,
};
use openssl_sys as sys;
use rcgen::PKCS_ECDSA_P256_SHA256;

use commands::{Files, openssl, run};
use common::identities::{Ca, Made, leaf};
use common::{client_ssl, duplex, identity, pki, server_context, shake, shake_over};

/// A CA that only the test knows, and a server of it.
fn other() -> (Ca, Made) {
    let ca = Ca::new("another CA");
    let server = ca.issue(&leaf("localhost"), &PKCS_ECDSA_P256_SHA256);
    (ca, server)
}

fn server_of(made: &Made) -> SslContext {
    SslContext::server(&identity(made)).unwrap().build()
}

fn builder_of(pem: &str) -> X509StoreBuilder {
    let mut builder = X509StoreBuilder::new().unwrap();
    builder.add_pem(pem.as_bytes()).unwrap();
    builder
}

fn store() -> X509Store {
    builder_of(&pki().ca_pem).build().unwrap()
}

/// A client with this store.
fn client_of(store: &X509Store) -> SslContextBuilder {
    SslContext::client_trusting(TrustAnchors::Store(store)).unwrap()
}

fn verdict(client: &SslContextRef, server: &SslContextRef) -> Result<(), ErrorKind> {
    shake(client, server).0.map(drop).map_err(|error| error.kind())
}

const UNKNOWN: ErrorKind = ErrorKind::Verification(VerifyError::UNABLE_TO_GET_ISSUER_CERT_LOCALLY);

/// A directory with a certificate under its hashed name.
fn hashed(files: &Files, pem: &str) -> PathBuf {
    let directory = files.path("hashed");
    fs::create_dir_all(&directory).unwrap();
    fs::write(files.path("to-hash.pem"), pem).unwrap();
    let mut command = openssl();
    command.args(["x509", "-noout", "-hash", "-in"]).arg(files.path("to-hash.pem"));
    let hash = run(&mut command).stdout;
    fs::write(directory.join(format!("{}.0", hash.trim())), pem).unwrap();
    directory
}

#[test]
fn a_store_is_filled_from_memory_files_directories_and_uris() {
    let files = Files::new(&[("ca.pem", &pki().ca_pem)]);
    let directory = hashed(&files, &pki().ca_pem);
    let uri = format!("file:{}", files.path("ca.pem").display());
    let certificate = X509::from_pem(pki().ca_pem.as_bytes()).unwrap();
    type Fill<'a> = &'a dyn Fn(&mut X509StoreBuilder) -> Result<(), libssl::Error>;
    let fills: [Fill<'_>; 5] = [
        &|store| store.add_cert(&certificate),
        &|store| store.add_pem(pki().ca_pem.as_bytes()),
        &|store| store.load_file(files.path("ca.pem")),
        &|store| store.load_dir(&directory),
        &|store| store.load_uri(&uri),
    ];
    for fill in fills {
        let mut builder = X509StoreBuilder::new().unwrap();
        fill(&mut builder).unwrap();
        let store = builder.build().unwrap();
        assert_eq!(verdict(&client_of(&store).build(), &server_context()), Ok(()), "{store:?}");
        // What a directory holds is there once it was looked up.
        assert_eq!(store.certificates().unwrap().len(), 1);
        assert_eq!(store.certificates().unwrap()[0].to_der().unwrap(), pki().ca_der);
        let copy = store.to_builder().unwrap().build().unwrap();
        assert_eq!(verdict(&client_of(&copy).build(), &server_context()), Ok(()), "{copy:?}");
    }
}

#[test]
fn an_empty_or_unreadable_store_is_an_error_when_it_is_built() {
    let (ca, _) = other();
    let broken = ca.pem.replace("MII", "MIJ");
    let files = Files::new(&[
        ("list.pem", &ca.revocation_list()),
        ("nothing.pem", "nothing of use"),
        ("broken.pem", &[ca.pem.as_str(), &broken].concat()),
    ]);
    let none = ErrorKind::NoTrustAnchors;
    let mut builder = X509StoreBuilder::new().unwrap();
    let error = builder.load_file(files.path("missing.pem")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("missing.pem"), "{error}");
    assert_eq!(builder.load_file(files.path("nothing.pem")).unwrap_err().kind(), none);
    assert_eq!(builder.add_pem(b"").unwrap_err().kind(), none);
    assert_eq!(builder.load_file(files.path("broken.pem")).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(builder.load_dir(files.path("")).unwrap_err().kind(), none);
    assert_eq!(builder.load_dir(files.path("nowhere")).unwrap_err().kind(), none);
    assert_eq!(builder.load_dir("/a:/b").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder.load_uri("file:/nonexistent/ca.pem").unwrap_err().kind(), ErrorKind::Refused);
    let nothing = format!("file:{}", files.path("nothing.pem").display());
    assert!(matches!(builder.load_uri(&nothing).unwrap_err().kind(), ErrorKind::NoTrustAnchors));
    assert_eq!(builder.load_uri("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(builder.load_uri("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    // Revocation lists are something, and yet nothing to end a chain in.
    builder.load_file(files.path("list.pem")).unwrap();
    assert_eq!(builder.build().unwrap_err().kind(), none);
    assert_eq!(X509StoreBuilder::new().unwrap().build().unwrap_err().kind(), none);
}

#[test]
fn what_one_context_is_told_to_trust_no_other_trusts() {
    let (ca, made) = other();
    let store = store();
    let (mut one, two) = (client_of(&store), client_of(&store).build());
    one.trust(TrustAnchors::Pem(ca.pem.as_bytes())).unwrap();
    let one = one.build();
    for server in [server_of(&made), server_context()] {
        assert_eq!(verdict(&one, &server), Ok(()));
    }
    assert_eq!(verdict(&two, &server_of(&made)), Err(UNKNOWN));
    assert_eq!(verdict(&two, &server_context()), Ok(()));
    assert_eq!(store.certificates().unwrap().len(), 1);
    assert_eq!(two.cert_store().unwrap().as_ptr(), store.as_ptr());
    assert_ne!(one.cert_store().unwrap().as_ptr(), store.as_ptr());
}

#[test]
fn every_setter_copies_a_store_that_is_shared() {
    let (ca, _) = other();
    let files = Files::new(&[("ca.pem", &ca.pem)]);
    let directory = hashed(&files, &ca.pem);
    let uri = format!("file:{}", files.path("ca.pem").display());
    let certificate = X509::from_pem(ca.pem.as_bytes()).unwrap();
    let more = builder_of(&ca.pem).build().unwrap();
    type Change<'a> = &'a dyn Fn(&mut SslContextBuilder) -> Result<(), libssl::Error>;
    let changes: [Change<'_>; 12] = [
        &|context| context.trust_certificate(&certificate),
        &|context| context.trust(TrustAnchors::Certificates(std::slice::from_ref(&certificate))),
        &|context| context.trust(TrustAnchors::File(&files.path("ca.pem"))),
        &|context| context.trust(TrustAnchors::Directory(&directory)),
        &|context| context.trust(TrustAnchors::Uri(&uri)),
        &|context| context.trust(TrustAnchors::Store(&more)),
        &|context| context.load_verify_file(files.path("ca.pem")),
        &|context| context.load_verify_dir(&directory),
        &|context| context.load_verify_store(&uri),
        &|context| context.set_default_verify_paths(),
        &|context| context.set_default_verify_dir().and_then(|()| context.set_default_verify_file()),
        &|context| context.set_default_verify_store(),
    ];
    let built = store();
    for change in changes {
        // A store of a builder's, one that another context handed out, and this context's own.
        let mut giver = client_of(&built);
        giver.trust_certificate(&certificate).unwrap();
        let given = giver.cert_store().unwrap().unwrap();
        for store in [&built, &given] {
            let before = store.certificates().unwrap().len();
            let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
            context.set_cert_store(store).unwrap();
            change(&mut context).unwrap();
            let own = context.cert_store().unwrap().unwrap();
            assert_ne!(own.as_ptr(), store.as_ptr());
            change(&mut context).unwrap();
            assert_ne!(context.cert_store().unwrap().unwrap().as_ptr(), own.as_ptr(), "it was handed out");
            assert_eq!(store.certificates().unwrap().len(), before);
        }
        change(&mut giver).unwrap();
        assert_ne!(giver.cert_store().unwrap().unwrap().as_ptr(), given.as_ptr());
    }
    // One that nobody else has is changed in its place.
    let mut context = SslContext::builder(SslMethod::tls_client()).unwrap();
    // SAFETY: the context is live.
    let own = unsafe { sys::SSL_CTX_get_cert_store(context.as_ptr()) };
    context.trust_certificate(&certificate).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { sys::SSL_CTX_get_cert_store(context.as_ptr()) }, own);
}

#[test]
fn a_copy_keeps_the_lookups_that_c_tells_nobody() {
    let (ca, made) = other();
    let files = Files::new(&[("ca.pem", &ca.pem)]);
    let directory = hashed(&files, &ca.pem);
    let uri = format!("file:{}", files.path("ca.pem").display());
    for by_uri in [false, true] {
        let mut one = SslContext::client_trusting(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
        if by_uri {
            one.load_verify_store(&uri).unwrap();
        } else {
            one.load_verify_dir(&directory).unwrap();
        }
        let given = one.cert_store().unwrap().unwrap();
        // Makes a copy, before anything was looked up.
        one.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
        assert_ne!(one.cert_store().unwrap().unwrap().as_ptr(), given.as_ptr());
        assert_eq!(verdict(&one.build(), &server_of(&made)), Ok(()));
        let copy = given.to_builder().unwrap().build().unwrap();
        assert_eq!(verdict(&client_of(&copy).build(), &server_of(&made)), Ok(()));
    }
}

#[test]
fn a_store_of_c_is_shared_and_refused_where_it_would_have_to_be_copied() {
    let certificate = X509::from_pem(pki().ca_pem.as_bytes()).unwrap();
    // SAFETY: a new store, whose one reference is handed over, and a certificate that it shares.
    let store = unsafe {
        let store = sys::X509_STORE_new();
        assert_eq!(sys::X509_STORE_add_cert(store, certificate.as_ptr()), 1);
        X509Store::from_ptr(store)
    };
    let mut context = client_of(&store);
    assert_eq!(context.trust_certificate(&certificate).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.to_builder().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(store.certificates().unwrap().len(), 1);
    let context = context.build();
    assert_eq!(context.cert_store().unwrap().as_ptr(), store.as_ptr());
    assert_eq!(verdict(&context, &server_context()), Ok(()));
    // And back to C.
    let pointer = store.into_ptr();
    // SAFETY: the reference that `into_ptr` gave.
    unsafe { sys::X509_STORE_free(pointer) };
}

#[test]
fn settings_of_a_store_count_in_connections_and_are_copied() {
    let ca = Ca::new("a CA with lists");
    let made = ca.issue(&leaf("localhost"), &PKCS_ECDSA_P256_SHA256);
    let mut builder = builder_of(&ca.pem);
    builder.set_flags(VerifyFlags::CRL_CHECK).unwrap();
    let weak = builder.set_flags(VerifyFlags::NO_CHECK_TIME).unwrap_err();
    assert_eq!(weak.kind(), ErrorKind::InvalidInput);
    let store = builder.build().unwrap();
    assert_eq!(store.param().flags(), VerifyFlags::CRL_CHECK);
    let no_list = Err(ErrorKind::Verification(VerifyError::UNABLE_TO_GET_CRL));
    assert_eq!(verdict(&client_of(&store).build(), &server_of(&made)), no_list);
    // A copy for a context keeps them too.
    let mut context = client_of(&store);
    context.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).unwrap();
    assert_eq!(verdict(&context.build(), &server_of(&made)), no_list);

    let mut builder = store.to_builder().unwrap();
    builder.add_crl(&X509Crl::from_pem(ca.revocation_list().as_bytes()).unwrap()).unwrap();
    let with_list = builder.build().unwrap();
    assert_eq!(with_list.param().flags(), VerifyFlags::CRL_CHECK);
    assert_eq!(verdict(&client_of(&with_list).build(), &server_of(&made)), Ok(()));
}

#[test]
fn the_verify_store_goes_before_the_other_and_can_be_taken_away() {
    let (ca, made) = other();
    let (ours, theirs) = (store(), builder_of(&ca.pem).build().unwrap());
    let mut context = client_of(&ours);
    assert!(context.verify_cert_store().is_none() && context.chain_cert_store().is_none());
    context.set_verify_cert_store(&theirs).unwrap();
    context.set_chain_cert_store(&ours).unwrap();
    let context = context.build();
    assert_eq!(context.verify_cert_store().unwrap().as_ptr(), theirs.as_ptr());
    assert_eq!(context.chain_cert_store().unwrap().as_ptr(), ours.as_ptr());
    assert_eq!(verdict(&context, &server_of(&made)), Ok(()));
    assert_eq!(verdict(&context, &server_context()), Err(UNKNOWN));

    let mut context = client_of(&ours);
    context.put_verify_cert_store(Some(theirs.clone())).unwrap();
    context.put_chain_cert_store(Some(theirs.clone())).unwrap();
    assert_eq!(context.verify_cert_store().unwrap().as_ptr(), theirs.as_ptr());
    context.put_verify_cert_store(None).unwrap();
    context.put_chain_cert_store(None).unwrap();
    assert!(context.verify_cert_store().is_none() && context.chain_cert_store().is_none());
    assert_eq!(verdict(&context.build(), &server_context()), Ok(()));
}

#[test]
fn an_object_has_stores_of_its_own() {
    let (ca, made) = other();
    let theirs = builder_of(&ca.pem).build().unwrap();
    let context = client_of(&store()).build();
    let with = |change: &dyn Fn(&mut Ssl)| {
        let mut ssl = client_ssl(&context);
        change(&mut ssl);
        let (left, right) = duplex();
        let server = Ssl::new(&server_of(&made)).unwrap();
        shake_over(ssl, left, server, right).0.map(drop).map_err(|error| error.kind())
    };
    assert_eq!(with(&|ssl| assert!(ssl.verify_cert_store().is_none())), Err(UNKNOWN));
    assert_eq!(
        with(&|ssl| {
            ssl.set_verify_cert_store(&theirs).unwrap();
            ssl.set_chain_cert_store(&theirs).unwrap();
            assert_eq!(ssl.verify_cert_store().unwrap().as_ptr(), theirs.as_ptr());
            assert_eq!(ssl.chain_cert_store().unwrap().as_ptr(), theirs.as_ptr());
        }),
        Ok(())
    );
    assert_eq!(
        with(&|ssl| {
            ssl.put_verify_cert_store(Some(theirs.clone())).unwrap();
            ssl.put_chain_cert_store(Some(theirs.clone())).unwrap();
            ssl.put_verify_cert_store(None).unwrap();
            ssl.put_chain_cert_store(None).unwrap();
            assert!(ssl.verify_cert_store().is_none() && ssl.chain_cert_store().is_none());
        }),
        Err(UNKNOWN)
    );
}

/// The server's chain is completed from the chain store: the client knows only the root.
#[test]
fn a_chain_is_completed_from_the_chain_store() {
    let mut server = SslContext::server(&identity(&pki().localhost)).unwrap();
    server.set_chain_cert_store(&store()).unwrap();
    let (client, _) = shake(&client_of(&store()).build(), &server.build());
    let client = client.unwrap();
    assert_eq!(client.ssl().peer_cert_chain().len(), 2, "the certificate, and the root from the store");
}

#[test]
fn threads_share_a_store_while_others_list_and_drop_it() {
    let store = store();
    let context = client_of(&store).build();
    thread::scope(|scope| {
        for i in 0..8 {
            let (store, context) = (store.clone(), context.clone());
            scope.spawn(move || {
                let server = server_context();
                let leaf = X509::from_der(&pki().localhost.der).unwrap();
                for _ in 0..8 {
                    match i % 4 {
                        0 => assert_eq!(verdict(&context, &server), Ok(())),
                        1 => assert_eq!(store.clone().certificates().unwrap().len(), 1),
                        2 => {
                            drop(store.verify_chain(&leaf).purpose(X509Purpose::SSL_SERVER).verify().unwrap())
                        }
                        _ => drop(client_of(&store).build()),
                    }
                }
            });
        }
    });
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

#[test]
fn the_system_s_store_is_read_once_and_anew_when_that_is_asked_for() {
    let (ca, _) = other();
    let files = Files::new(&[("roots.pem", "")]);
    let (roots, nowhere) = (files.path("roots.pem"), files.path("nowhere"));
    in_child(
        "the_system_s_store_is_read_once_and_anew_when_that_is_asked_for",
        &[("SSL_CERT_FILE", &roots), ("SSL_CERT_DIR", &nowhere)],
        || {
            let roots = PathBuf::from(std::env::var_os("SSL_CERT_FILE").unwrap());
            let error = X509Store::system().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NoTrustAnchors);
            assert!(error.to_string().contains(roots.to_str().unwrap()), "{error}");
            assert_eq!(X509Store::reload_system().unwrap_err().kind(), ErrorKind::NoTrustAnchors);

            // A failure is not remembered.
            fs::write(&roots, &pki().ca_pem).unwrap();
            let first = X509Store::system().unwrap();
            fs::write(&roots, [pki().ca_pem.as_str(), &ca.pem].concat()).unwrap();
            assert_eq!(X509Store::system().unwrap().as_ptr(), first.as_ptr());
            let mut changed = SslContext::client().unwrap();
            changed.trust(TrustAnchors::Pem(ca.pem.as_bytes())).unwrap();
            let context = SslContext::client().unwrap().build();
            assert_eq!(context.cert_store().unwrap().as_ptr(), first.as_ptr());
            assert_eq!(first.certificates().unwrap().len(), 1, "nobody added to it");

            let second = X509Store::reload_system().unwrap();
            assert_eq!(second.certificates().unwrap().len(), 2);
            assert_eq!(X509Store::system().unwrap().as_ptr(), second.as_ptr());
            assert_eq!(context.cert_store().unwrap().as_ptr(), first.as_ptr(), "it keeps its own");
            let context = SslContext::client().unwrap().build();
            assert_eq!(context.cert_store().unwrap().as_ptr(), second.as_ptr());

            // A reload that fails leaves the store that is there.
            fs::remove_file(&roots).unwrap();
            assert_eq!(X509Store::reload_system().unwrap_err().kind(), ErrorKind::NoTrustAnchors);
            assert_eq!(X509Store::system().unwrap().as_ptr(), second.as_ptr());

            // What the environment says now counts.
            let moved = roots.with_extension("moved");
            fs::write(&moved, &ca.pem).unwrap();
            // SAFETY: the only other thread of this process waits for this one.
            unsafe { std::env::set_var("SSL_CERT_FILE", &moved) };
            assert_eq!(X509Store::reload_system().unwrap().certificates().unwrap().len(), 1);
        },
    );
}

#[test]
fn threads_that_ask_at_once_get_one_system_store() {
    let files = Files::new(&[("roots.pem", &pki().ca_pem)]);
    let (roots, nowhere) = (files.path("roots.pem"), files.path("nowhere"));
    in_child(
        "threads_that_ask_at_once_get_one_system_store",
        &[("SSL_CERT_FILE", &roots), ("SSL_CERT_DIR", &nowhere)],
        || {
            let ask = || {
                let threads: Vec<_> =
                    (0..8).map(|_| thread::spawn(|| X509Store::system().unwrap())).collect();
                threads.into_iter().map(|thread| thread.join().unwrap().as_ptr() as usize).collect::<Vec<_>>()
            };
            let first = ask();
            assert!(first.iter().all(|store| *store == first[0]), "{first:?}");
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| X509Store::reload_system().unwrap());
                    scope.spawn(|| SslContext::client().unwrap().build());
                }
            });
            let last = ask();
            assert!(last.iter().all(|store| *store == last[0]), "{last:?}");
        },
    );
}

#[test]
fn default_paths_are_c_s_and_nothing_there_is_no_error() {
    let nowhere = Path::new("/nonexistent/roots");
    in_child(
        "default_paths_are_c_s_and_nothing_there_is_no_error",
        &[("SSL_CERT_FILE", nowhere), ("SSL_CERT_DIR", nowhere)],
        || {
            let mut builder = X509StoreBuilder::new().unwrap();
            builder.set_default_paths().unwrap();
            let error = builder.load_system().unwrap_err();
            assert!(error.to_string().contains("/nonexistent/roots"), "{error}");
            assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::NoTrustAnchors);
        },
    );
}

#[test]
fn default_directories_are_looked_into() {
    let (ca, made) = other();
    let files = Files::new(&[]);
    let (directory, nowhere) = (hashed(&files, &ca.pem), files.path("nowhere"));
    let server = server_of(&made);
    in_child(
        "default_directories_are_looked_into",
        &[("SSL_CERT_FILE", &nowhere), ("SSL_CERT_DIR", &directory)],
        || {
            // The child made another CA of the same name.
            let directory = PathBuf::from(std::env::var_os("SSL_CERT_DIR").unwrap());
            let entry = fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
            fs::write(entry, &ca.pem).unwrap();
            let mut builder = X509StoreBuilder::new().unwrap();
            builder.set_default_paths().unwrap();
            for store in [builder.build().unwrap(), X509Store::system().unwrap()] {
                assert!(store.certificates().unwrap().is_empty(), "nothing was looked up");
                assert_eq!(verdict(&client_of(&store).build(), &server), Ok(()));
                assert_eq!(store.certificates().unwrap().len(), 1);
            }
        },
    );
}

#[test]
fn a_builder_s_settings_are_its_own() {
    let mut builder = builder_of(&pki().ca_pem);
    let mut param = X509VerifyParam::new().unwrap();
    param.set_purpose(X509Purpose::SSL_CLIENT).unwrap();
    builder.param_mut().set_from(&param).unwrap();
    builder.param_mut().set_depth(Some(3));
    let store = builder.build().unwrap();
    assert_eq!(store.param().depth(), Some(3));
    let leaf = X509::from_der(&pki().localhost.der).unwrap();
    let empty = X509VerifyParam::new().unwrap();
    let error = store.verify_chain(&leaf).param(&empty).danger_purpose_of_settings().verify().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::INVALID_PURPOSE));
    assert!(format!("{:?}", store.to_builder().unwrap()).contains("depth: Some(3)"));
}

#[test]
fn a_server_judges_clients_with_its_store() {
    let mut server = SslContext::server(&identity(&pki().localhost)).unwrap();
    server.set_cert_store(&store()).unwrap();
    server.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT).unwrap();
    let server = server.build();
    let mut client = client_of(&store());
    client.use_identity(&identity(&pki().client)).unwrap();
    let (_, accepted) = shake(&client.build(), &server);
    assert!(accepted.is_ok(), "{accepted:?}");
    let (_, refused) = shake(&client_of(&store()).build(), &server);
    assert!(refused.is_err());
}

/// C would open it twice, and wait for ever for a second writer.
#[test]
fn a_pipe_behind_a_uri_is_read_once() {
    let files = Files::new(&[]);
    let pipe = files.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let uri = format!("file:{}", pipe.display());
    let writer = thread::spawn(move || fs::write(pipe, &pki().ca_pem));

    let mut builder = X509StoreBuilder::new().unwrap();
    builder.load_uri(&uri).unwrap();

    writer.join().unwrap().unwrap();
    assert_eq!(builder.build().unwrap().certificates().unwrap().len(), 1);
}

#[test]
fn nothing_behind_a_uri_is_left_out_in_silence() {
    let (ca, made) = other();
    let broken = "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n";
    let list = ca.revocation_list();
    let files = Files::new(&[
        ("key.pem", &[&pki().ca_pem, &made.key_pem, &ca.pem, &list].map(String::as_str).concat()),
        ("broken.pem", &[pki().ca_pem.as_str(), broken, &ca.pem].concat()),
    ]);
    let load = |name: &str| {
        let mut builder = X509StoreBuilder::new().unwrap();
        let result = builder.load_uri(&format!("file:{}", files.path(name).display()));
        (result.map_err(|error| error.kind()), builder)
    };

    let (result, builder) = load("broken.pem");
    assert_eq!(result, Err(ErrorKind::Refused));
    assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::NoTrustAnchors, "nothing was added");
    let (result, builder) = load("key.pem");
    assert_eq!(result, Ok(()));
    assert_eq!(builder.build().unwrap().certificates().unwrap().len(), 2);
}

#[test]
fn a_file_without_an_end_is_an_error() {
    let store = X509StoreBuilder::new().unwrap().load_file("/dev/zero");
    assert_eq!(store.unwrap_err().kind(), ErrorKind::Io);
    let identity = Identity::from_pem_files("/dev/zero", "/dev/zero");
    assert_eq!(identity.unwrap_err().kind(), ErrorKind::Io);
}
