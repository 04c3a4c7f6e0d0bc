//! The library tells what it is, and algorithms come from the library context that was asked for.
#![allow(clippy::expect_used, clippy::panic)]

mod commands;
mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, thread};

use libssl::context::{ClientHelloDecision, ServerNameDecision, SpkiPin, SslVerifyMode};
use libssl::library::Provider;
use libssl::x509::{X509, X509Purpose, X509StoreBuilder};
use libssl::{
    Error, ErrorKind, Identity, LibContext, ProtocolVersion, Ssl, SslContext, SslMethod, TrustAnchors,
    library,
};

use commands::{Ended, Files, example, openssl, run};
use common::{Made, client_ssl, identity, pki, shake, shake_over};

/// The `openssl` command, if it is of the very library that runs here: the system's, unless this test was built or
/// started with another.
fn same_openssl(arguments: &[&str]) -> Option<String> {
    let version = run(openssl().arg("version"));
    if !version.stdout.contains(library().version_text()) {
        return None;
    }
    let mut command = openssl();
    command.args(arguments);
    // Under the same configuration as this process.
    for name in ["OPENSSL_CONF", "OPENSSL_MODULES"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    let ended = run(&mut command);
    assert!(ended.status.success(), "{ended:#?}");
    Some(ended.stdout)
}

fn probe(change: impl FnOnce(&mut Command)) -> Ended {
    let mut command = example("probe");
    change(&mut command);
    run(&mut command)
}

/// What the page says under a name.
#[track_caller]
fn told<'a>(page: &'a str, name: &str) -> &'a str {
    let mut lines = page.lines().filter_map(|line| line.strip_prefix("  "));
    let line = lines.find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name:?}: {page}"));
    line[name.len()..].trim()
}

/// A context with one provider, and nothing else.
fn with_provider(name: &str) -> LibContext {
    let mut builder = LibContext::builder().expect("a context");
    builder.load_provider(name).expect("a provider");
    builder.build()
}

fn load(text: &str) -> Result<LibContext, Error> {
    let files = Files::new(&[("openssl.cnf", text)]);
    let mut builder = LibContext::builder()?;
    builder.load_config(files.path("openssl.cnf"))?;
    Ok(builder.build())
}

const LOADS_DEFAULT: &str = "
openssl_conf = all
[all]
providers = loaded
alg_section = algorithms
[loaded]
default = it
base = it
[it]
activate = 1
[algorithms]
default_properties = provider=default
";

#[test]
fn the_versions_are_those_of_the_headers_and_of_the_library() {
    let library = library();
    let text = format!("OpenSSL {} ", library.running());
    assert!(library.version_text().starts_with(&text), "{text} {}", library.version_text());
    assert!(library.running() >= library.built_against());
    assert_eq!(library.running().major, library.built_against().major);
    library.check().expect("the right library");
}

#[test]
fn the_library_tells_what_the_command_tells() {
    let Some(all) = same_openssl(&["version", "-a"]) else { return };
    let library = library();
    let quoted = |name: &str, path: Option<PathBuf>| {
        format!("{name}: {:?}", path.expect("a directory").to_str().expect("text"))
    };
    for line in [
        library.version_text().to_owned(),
        library.built_on().to_owned(),
        library.platform().to_owned(),
        library.compiler().to_owned(),
        quoted("OPENSSLDIR", library.config_dir()),
        quoted("MODULESDIR", library.modules_dir()),
        format!("Seeding source: {}", library.seed_source().expect("a source")),
        format!("CPUINFO: {}", library.cpu_settings().expect("a processor")),
    ] {
        assert!(all.contains(&line), "{line:?} is missing: {all}");
    }
}

#[test]
fn the_default_context_lists_the_providers_that_the_command_lists() {
    let Some(all) = same_openssl(&["list", "-providers"]) else { return };
    let providers = library().providers().expect("a list");
    assert!(!providers.is_empty());
    assert_eq!(all.matches("status: active").count(), providers.len(), "{all}");
    for provider in providers {
        let title =
            format!("  {}\n    name: {}\n    version: {}\n", provider.name, provider.title, provider.version);
        assert!(all.contains(&title) && provider.running, "{provider:?}: {all}");
    }
}

#[test]
fn the_page_of_probe_is_what_the_library_tells() {
    let ended = probe(|_| ());
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:#?}");
    let (page, library) = (&ended.stdout, library());
    assert_eq!(told(page, "running"), library.running().to_string());
    assert_eq!(told(page, "built against"), library.built_against().to_string());
    assert_eq!(told(page, "text"), library.version_text());
    let directory = told(page, "OPENSSLDIR").trim_end_matches(" (not there)");
    assert_eq!(Path::new(directory), library.config_dir().expect("a directory"));
    let page_has = |name: &str| page.lines().any(|line| line.starts_with(&format!("  {name} ")));
    assert!(library.providers().expect("a list").iter().all(|provider| page_has(&provider.name)), "{page}");
    let fips = library.fips().expect("a state");
    assert_eq!(told(page, "only approved"), if fips.enforced { "yes" } else { "no" });
}

#[test]
fn probe_shows_the_context_that_it_is_asked_for() {
    let files = Files::new(&[("good.cnf", LOADS_DEFAULT)]);
    let ended = probe(|probe| {
        probe.arg("--config").arg(files.path("good.cnf")).args(["--properties", "provider=default"]);
    });
    assert!(ended.status.success(), "{ended:#?}");
    assert_eq!(told(&ended.stdout, "property query"), "provider=default");
    assert_eq!(told(&ended.stdout, "TLS"), "can be had");

    let ended = probe(|probe| {
        probe.args(["--provider", "null"]);
    });
    assert_eq!(ended.status.code(), Some(1), "{ended:#?}");
    assert!(ended.stderr.contains("in a library context with null"), "{ended:#?}");
    let ended = probe(|probe| {
        probe.args(["--config", "/nowhere/openssl.cnf"]);
    });
    assert!(ended.stderr.contains("/nowhere/openssl.cnf"), "{ended:#?}");
}

#[test]
fn the_configuration_file_is_the_one_of_the_environment() {
    let files = Files::new(&[("mine.cnf", "")]);
    let mine = files.path("mine.cnf");
    let ended = probe(|probe| {
        probe.env("OPENSSL_CONF", &mine);
    });
    assert_eq!(Path::new(told(&ended.stdout, "configuration")), mine, "{ended:#?}");
}

#[test]
fn peers_shake_hands_in_contexts_of_their_own() {
    let clients = with_provider("default").with_properties("provider=default").expect("a query");
    let servers = LibContext::new().expect("a context");
    let client = SslContext::client_trusting_in(clients, TrustAnchors::Pem(pki().ca_pem.as_bytes()));
    let client = client.expect("a client").build();
    let server = SslContext::server_in(servers, &identity(&pki().localhost)).expect("a server").build();
    let (client_side, server_side) = shake(&client, &server);
    client_side.expect("a connected client");
    server_side.expect("a connected server");
    assert_eq!(client.lib_context().as_ptr(), clients.as_ptr());
    assert_eq!(client.lib_context().properties(), Some("provider=default"));
    assert_eq!(server.lib_context().as_ptr(), servers.as_ptr());
    assert!(common::client_context().lib_context().is_default());
}

#[test]
fn a_context_without_algorithms_says_so_at_once() {
    for lib in [
        with_provider("null"),
        with_provider("base"),
        LibContext::new().expect("a context").with_properties("provider=nobody").expect("a query"),
    ] {
        let error = SslContext::builder_in(lib, SslMethod::tls()).expect_err("nothing to use");
        assert_eq!((error.kind(), error.call()), (ErrorKind::Refused, "SSL_CTX_new_ex"));
        assert!(error.to_string().contains("in a library context with "), "{error}");
        let error = lib.provider_of_digest("SHA2-256").expect_err("nothing to use");
        assert!(error.to_string().contains("SHA2-256"), "{error}");
    }
    let error = with_provider("null").random_bytes(&mut [0; 8]).expect_err("no generator");
    assert_eq!(error.call(), "RAND_bytes_ex");
}

#[test]
fn a_property_query_decides_who_provides() {
    let lib = with_provider("default");
    assert_eq!(lib.provider_of_digest("SHA2-256").expect("a digest"), "default");
    let lib = lib.with_properties("provider=legacy").expect("a query");
    lib.provider_of_digest("SHA2-256").expect_err("it is not from there");
    let lib = lib.with_properties("?provider=legacy").expect("a query");
    assert_eq!(lib.provider_of_digest("SHA2-256").expect("a preference only"), "default");

    let mut builder = LibContext::builder().expect("a context");
    builder.set_default_properties("provider=legacy").expect("a query");
    builder.set_default_properties("==").expect_err("no query");
    builder.build().provider_of_digest("SHA2-256").expect_err("it is not from there");
}

#[test]
fn a_context_without_the_fips_module_has_nothing_approved() {
    let mut builder = LibContext::builder().expect("a context");
    builder.load_provider("default").expect("a provider");
    builder.require_fips().expect("fips=yes");
    let state = builder.build().fips().expect("a state");
    assert!(state.required && state.provider.is_none() && !state.enforced, "{state:?}");
    let state = with_provider("default").fips().expect("a state");
    assert!(!state.required && !state.enforced, "{state:?}");
}

#[test]
fn a_configuration_is_that_of_its_context_alone() {
    let lib = load(LOADS_DEFAULT).expect("a good file");
    let mut names: Vec<_> =
        lib.providers().expect("a list").into_iter().map(|provider| provider.name).collect();
    names.sort();
    assert_eq!(names, ["base", "default"]);
    assert!(lib.provider_available("base") && !lib.provider_available("legacy"));
    let other = LibContext::new().expect("a context");
    assert!(!other.provider_available("base") && other.provider_available("default"));
}

#[test]
fn a_broken_configuration_tells_file_and_line() {
    let error = load("openssl_conf = all\n[all]\nthis is no setting\n").expect_err("a broken file");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("openssl.cnf, line 3"), "{error}");
}

#[test]
fn a_configuration_that_cannot_be_carried_out_tells_its_file() {
    for text in [
        "openssl_conf = nowhere\n",
        "openssl_conf = all\n[all]\nno_such_module = x\n",
        "openssl_conf = all\n[all]\nproviders = p\n[p]\nno-such-provider = it\n[it]\nactivate = 1\n",
        "openssl_conf = all\n[all]\nalg_section = a\n[a]\nno_such_setting = 1\n",
        // C itself passes over this one.
        "openssl_conf = all\n[all]\nproviders = p\n[p]\nno-such-provider = it\ndefault = it\n[it]\nactivate = 1\n",
        "openssl_conf = all\n[all]\nproviders = p\n[p]\nmine = it\n[it]\nidentity = no-such-provider\n1.activate = on\n",
        "openssl_conf = all\n[all]\nprov = p\n[p]\nno-such-provider = it\ndefault = it\n[it]\nactivate = 1\n",
        "openssl_conf = all\n[all]\nproviders = p\n[p]\nno-such-provider = it\ndefault = it\n[it]\nactivate = 0\n1.activate = 1\n",
    ] {
        let error = load(text).expect_err("a bad file");
        assert_eq!(error.kind(), ErrorKind::Refused, "{text}: {error}");
        assert!(error.to_string().contains("openssl.cnf"), "{text}: {error}");
    }
    load("openssl_conf = a\n[a]\nproviders = p\n[p]\nnone = it\ndefault = it\n[it]\n")
        .expect("nothing to activate");
}

#[test]
fn a_configuration_that_is_not_there_is_an_io_error() {
    let mut builder = LibContext::builder().expect("a context");
    let missing = Files::new(&[]).path("missing.cnf");
    let error = builder.load_config(&missing).expect_err("no file");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("missing.cnf"), "{error}");
    let directory = builder.load_config(env!("CARGO_TARGET_TMPDIR")).expect_err("a directory");
    assert_eq!(directory.kind(), ErrorKind::Io);
    for path in ["", "a\0b"] {
        assert_eq!(builder.load_config(path).expect_err("no path").kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_configuration_may_not_reach_beyond_its_context() {
    for name in ["ssl_conf", "ssl_conf.mine", "oid_section", "stbl_section", "engines"] {
        let text = format!(
            "openssl_conf = all\n[all]\n{name} = x\n[x]\nsystem_default = y\n[y]\nMinProtocol = TLSv1.3\n"
        );
        let error = load(&text).expect_err("a setting of the process");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(name), "{error}");
    }
    // C takes each beginning of a name for the name.
    for name in ["ssl", "s", "oid", "st", "stbl.mine", "engine", ".x", "e.x"] {
        let text = format!("openssl_conf = all\n[all]\n{name} = x\n[x]\na = 1.2.3\n");
        assert_eq!(load(&text).expect_err(name).kind(), ErrorKind::InvalidInput, "{name}");
    }
    // Elsewhere they are names like others.
    load("oid_section = x\nopenssl_conf = all\n[all]\n[x]\nssl_conf = y\n").expect("nothing to load");
}

#[test]
fn diagnostics_of_configurations_are_there_or_refused() {
    let mut builder = LibContext::builder().expect("a context");
    let set = builder.set_config_diagnostics(true);
    let built = library().built_against();
    if (built.major, built.minor) >= (3, 4) {
        set.expect("it can");
    } else {
        assert_eq!(set.expect_err("it cannot").kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn a_provider_that_is_not_there_is_named() {
    let lib = LibContext::new().expect("a context");
    let empty = Files::new(&[]);
    lib.set_provider_search_path(empty.path("")).expect("a path");
    for name in ["no-such-provider", "../etc/passwd"] {
        let error = Provider::load(lib, name).expect_err("no such provider");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains(name), "{error}");
        Provider::try_load(lib, name).expect_err("no such provider");
    }
    for name in ["", "a\0b"] {
        assert_eq!(Provider::load(lib, name).expect_err("no name").kind(), ErrorKind::InvalidInput);
    }
    assert!(!lib.provider_available("no-such-provider") && !lib.provider_available("a\0b"));
}

#[test]
fn a_provider_stays_until_it_is_unloaded() {
    under("a_provider_stays_until_it_is_unloaded", "", unload_a_provider);
}

fn unload_a_provider() {
    let lib = LibContext::new().expect("a context");
    Provider::load(lib, "base").expect("a provider");
    let default = Provider::load(lib, "default").expect("a provider");
    default.self_test().expect("it works");
    assert_eq!(default.info().name, "default");
    let client = SslContext::client_trusting_in(lib, TrustAnchors::Pem(pki().ca_pem.as_bytes()));
    let client = client.expect("a client").build();
    assert!(lib.provider_available("base") && lib.provider_available("default"));
    // SAFETY: this process runs one test, and so one thread.
    unsafe { default.unload() }.expect("it was loaded");
    assert!(lib.provider_available("base") && !lib.provider_available("default"));
    SslContext::builder_in(lib, SslMethod::tls()).expect_err("nothing to use");
    // What has its algorithms already stays sound, whatever it can still do.
    let (left, right) = common::duplex();
    let server = common::server_context();
    let _ = Ssl::new(&client)
        .map(|_| shake_over(client_ssl(&client), left, Ssl::new(&server).expect("SSL_new"), right));
}

#[test]
fn trying_to_load_keeps_what_is_loaded_by_itself() {
    let lib = LibContext::new().expect("a context");
    Provider::try_load(lib, "base").expect("a provider");
    assert_eq!(lib.provider_of_digest("SHA2-256").expect("the fallback"), "default");
    let lib = LibContext::new().expect("a context");
    Provider::load(lib, "base").expect("a provider");
    lib.provider_of_digest("SHA2-256").expect_err("no fallback");
}

#[test]
fn contexts_are_made_loaded_and_used_on_many_threads() {
    let shared = with_provider("default");
    let files = Files::new(&[("openssl.cnf", LOADS_DEFAULT)]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let mut builder = LibContext::builder().expect("a context");
                    builder.load_config(files.path("openssl.cnf")).expect("a good file");
                    let own = builder.build();
                    for lib in [own, shared] {
                        SslContext::builder_in(lib, SslMethod::tls()).expect("a context");
                        lib.with_properties("provider=default").expect("a query");
                        assert!(!lib.providers().expect("a list").is_empty());
                    }
                    Provider::load(shared, "base").expect("a provider");
                    shared.random_bytes(&mut [0; 32]).expect("random bytes");
                }
            });
        }
    });
}

#[test]
fn a_context_can_be_freed_with_its_providers() {
    under("a_context_can_be_freed_with_its_providers", "", || {
        for _ in 0..3 {
            let lib = with_provider("default");
            Provider::load(lib, "base").expect("a provider");
            drop(SslContext::builder_in(lib, SslMethod::tls()).expect("a context"));
            // SAFETY: nothing that was made in it is left, and this process runs one test, and so one thread.
            unsafe { lib.free() };
        }
        LibContext::default().provider_of_digest("SHA2-256").expect("the default context is another");
    });
}

/// Runs a test in a process of its own whose default context has the configuration `config`.
fn under(test: &str, config: &str, inner: impl FnOnce()) {
    const CHILD: &str = "LIBSSL_TEST_CHILD";
    if env::var_os(CHILD).is_some() {
        return inner();
    }
    let files = Files::new(&[("openssl.cnf", config)]);
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", test, "--nocapture"]);
    let ended = run(command.env(CHILD, "1").env("OPENSSL_CONF", files.path("openssl.cnf")));
    assert!(ended.status.success() && ended.stdout.contains("1 passed"), "{ended:#?}");
}

/// A default context in which nothing can be found.
const NOTHING: &str = "
openssl_conf = all
[all]
providers = loaded
[loaded]
null = it
[it]
activate = 1
";

/// The provider to test with: `default`, or the FIPS module where the suite runs under it.
fn provider() -> &'static str {
    if env::var_os("LIBSSL_TEST_FIPS").is_some() { "fips" } else { "default" }
}

/// A context of its own that has all it needs, where the default one has nothing.
fn elsewhere() -> LibContext {
    let mut builder = LibContext::builder().expect("a context");
    match env::var_os("LIBSSL_TEST_FIPS") {
        Some(config) => builder.load_config(config).expect("the FIPS module"),
        None => builder.load_provider("default").expect("a provider"),
    }
    builder.build()
}

/// The hash of the good server's certificate.
fn server_hash(lib: LibContext) -> [u8; 32] {
    let certificate = X509::from_der_in(lib, &pki().localhost.der).expect("a certificate");
    certificate.sha256_fingerprint_in(lib).expect("a hash")
}

#[test]
fn nothing_is_fetched_from_the_default_context_for_another() {
    under("nothing_is_fetched_from_the_default_context_for_another", NOTHING, || {
        let nowhere = LibContext::default();
        nowhere.provider_of_digest("SHA2-256").expect_err("the default context has nothing");
        SslContext::builder(SslMethod::tls()).expect_err("the default context has nothing");

        let lib = elsewhere();
        let pki = pki();
        let own = |made: &Made| {
            Identity::from_pem_in(lib, made.chain_pem.as_bytes(), made.key_pem.as_bytes())
                .expect("an identity")
        };
        let ca = TrustAnchors::Pem(pki.ca_pem.as_bytes());
        for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
            let server = own(&pki.localhost);
            let mut servers = SslContext::server_in(lib, &server).expect("a server");
            servers.set_max_proto_version(Some(version)).expect("a version");
            // Whoever judges clients names its sessions at random, also where they are switched.
            servers.trust(ca).expect("roots");
            servers.set_verify(SslVerifyMode::PEER).expect("a mode");
            let mut others = SslContext::server_in(lib, &server).expect("a server");
            others.trust(ca).expect("roots");
            others.set_verify(SslVerifyMode::PEER).expect("a mode");
            let others = others.build();
            servers
                .set_tlsext_servername_callback(move |hello| {
                    hello.set_context(&others).expect("a switch");
                    ServerNameDecision::Ack
                })
                .expect("a callback");
            let mut clients = SslContext::client_trusting_in(lib, ca).expect("a client");
            clients.use_identity(&own(&pki.client)).expect("an identity");
            let pin = SpkiPin::from_sha256(server.certificate().spki_sha256_in(lib).expect("a hash"));
            clients.set_spki_pins(&[pin]).expect("a pin");
            let (client, server) = shake(&clients.build(), &servers.build());
            let client = client.expect("a connected client");
            server.expect("a connected server");
            let peer = client.ssl().peer_certificate().expect("a certificate");
            let own = server_hash(lib);
            assert_eq!(peer.sha256_fingerprint_in(lib).expect("a hash"), own);
        }
        let store = X509StoreBuilder::new_in(lib).and_then(|mut store| {
            store.add_pem(pki.ca_pem.as_bytes())?;
            store.build()
        });
        let store = store.expect("a store");
        let certificate = X509::from_der_in(lib, &pki.localhost.der).expect("a certificate");
        store
            .verify_chain(&certificate)
            .lib(lib)
            .purpose(X509Purpose::SSL_SERVER)
            .verify()
            .expect("a good chain");
    });
}

#[test]
fn the_suite_runs_under_fips_where_it_is_meant_to() {
    let lib = LibContext::default();
    let state = lib.fips().expect("a state");
    if provider() == "fips" {
        assert!(state.required && state.enforced, "{state:?}");
        let module = state.provider.expect("the module");
        assert!(module.running && !module.version.is_empty(), "{module:?}");
        assert_eq!(lib.provider_of_digest("SHA2-256").expect("a digest"), "fips");
        for digest in ["MD5", "RIPEMD160"] {
            lib.provider_of_digest(digest).expect_err("it is not approved");
        }
        let error = SslContext::builder(SslMethod::tls()).expect("TLS").set_groups_list("X25519");
        error.expect_err("it is not approved");
        // Where nobody asks for approved algorithms, another provider could bring others at any time.
        let config = env::var_os("LIBSSL_TEST_FIPS").expect("a configuration");
        for (other, enforced) in [(None, true), (Some("null"), false), (Some("legacy"), false)] {
            let mut builder = LibContext::builder().expect("a context");
            builder.load_config(&config).expect("the FIPS module");
            builder.set_default_properties("").expect("no properties");
            if let Some(other) = other {
                builder.load_provider(other).expect("a provider");
            }
            let state = builder.build().fips().expect("a state");
            assert_eq!((state.required, state.enforced), (false, enforced), "{other:?}: {state:?}");
        }
    } else {
        assert!(!state.required && !state.enforced, "{state:?}");
    }
}

/// libssl before 4.0.3 counts the kinds of keys by the context that an object began with, and looks them up in the one it
/// was switched to, whose providers may know fewer.
#[test]
fn a_connection_is_not_switched_to_a_context_of_another_library_context() {
    let here = LibContext::default();
    let query = format!("provider={}", provider());
    let others = [LibContext::new().expect("a context"), here.with_properties(&query).expect("a query")];
    for other in others {
        for by_hello in [false, true] {
            let target =
                SslContext::server_in(other, &identity(&pki().other_name)).expect("a server").build();
            let mut servers = SslContext::server(&identity(&pki().localhost)).expect("a server");
            if by_hello {
                servers
                    .set_client_hello_cb(move |hello| {
                        let error = hello.set_context(&target).expect_err("another library context");
                        assert_eq!(error.kind(), ErrorKind::InvalidInput);
                        ClientHelloDecision::Accept
                    })
                    .expect("a callback");
            } else {
                servers
                    .set_tlsext_servername_callback(move |view| {
                        let error = view.set_context(&target).expect_err("another library context");
                        assert_eq!(error.kind(), ErrorKind::InvalidInput);
                        ServerNameDecision::Ack
                    })
                    .expect("a callback");
            }
            let clients = SslContext::client_trusting(TrustAnchors::Pem(pki().ca_pem.as_bytes()));

            let (client, server) = shake(&clients.expect("a client").build(), &servers.build());

            client.expect("a connected client");
            server.expect("a connected server");
        }
    }
}

/// A provider that says that it brings one kind of signature to TLS, and no more.
mod a_kind_of_signature {
    use std::ffi::{CStr, c_char, c_int, c_void};

    use libssl::LibContext;
    use openssl_sys as sys;

    type Tell = extern "C" fn(*const sys::OSSL_PARAM, *mut c_void) -> c_int;

    #[repr(C)]
    struct Dispatch {
        function: c_int,
        pointer: Option<extern "C" fn(*mut c_void, *const c_char, Tell, *mut c_void) -> c_int>,
    }

    unsafe extern "C" {
        fn OSSL_PROVIDER_add_builtin(
            context: *mut sys::OSSL_LIB_CTX,
            name: *const c_char,
            init: unsafe extern "C" fn(
                *const c_void,
                *const c_void,
                *mut *const Dispatch,
                *mut *mut c_void,
            ) -> c_int,
        ) -> c_int;
    }

    /// OSSL_FUNC_PROVIDER_GET_CAPABILITIES.
    static TABLE: [Dispatch; 2] =
        [Dispatch { function: 1030, pointer: Some(capabilities) }, Dispatch { function: 0, pointer: None }];

    unsafe extern "C" fn init(
        handle: *const c_void,
        _: *const c_void,
        out: *mut *const Dispatch,
        context: *mut *mut c_void,
    ) -> c_int {
        // SAFETY: C's own out-pointers.
        unsafe {
            *out = TABLE.as_ptr();
            *context = handle.cast_mut();
        }
        1
    }

    #[allow(clippy::disallowed_methods)] // the string of this call is C's own, and not NULL
    extern "C" fn capabilities(_: *mut c_void, what: *const c_char, tell: Tell, to: *mut c_void) -> c_int {
        // SAFETY: C passes a string.
        if unsafe { CStr::from_ptr(what) } == c"TLS-SIGALG" {
            // SAFETY: has no requirements.
            let nothing = [unsafe { sys::OSSL_PARAM_construct_end() }];
            tell(nothing.as_ptr(), to);
        }
        1
    }

    pub fn add_to(lib: LibContext) {
        // SAFETY: the context is live, and the provider is a part of the program.
        let done = unsafe { OSSL_PROVIDER_add_builtin(lib.as_ptr(), c"signs".as_ptr(), init) };
        assert_eq!(done, 1);
    }
}

/// From 3.2 up to 4.0.2 libssl counts a new context's certificates by the first one's kinds.
#[test]
fn a_connection_is_not_switched_to_a_context_whose_kinds_of_signatures_are_counted_otherwise() {
    let lib = elsewhere();
    let server = |made: &Made| {
        let identity = Identity::from_pem_in(lib, made.chain_pem.as_bytes(), made.key_pem.as_bytes());
        SslContext::server_in(lib, &identity.expect("an identity")).expect("a server")
    };
    let mut first = server(&pki().localhost);
    a_kind_of_signature::add_to(lib);
    Provider::load(lib, "signs").expect("a provider");
    let target = server(&pki().other_name).build();
    first
        .set_tlsext_servername_callback(move |view| {
            let switched = view.set_context(&target);
            // SAFETY: reads a constant of the library.
            let version = unsafe { openssl_sys::OpenSSL_version_num() };
            let goes_wrong = (0x3020_0000..0x4000_0030).contains(&version);
            assert_eq!(
                switched.map_err(|error| error.kind()),
                if goes_wrong { Err(ErrorKind::InvalidInput) } else { Ok(()) }
            );
            ServerNameDecision::Ack
        })
        .expect("a callback");
    let clients = SslContext::client_trusting(TrustAnchors::Pem(pki().ca_pem.as_bytes()));
    let mut clients = clients.expect("a client");
    clients.danger_set_verify_none().expect("a mode");

    let (_, server) = shake(&clients.build(), &first.build());

    server.expect("a connected server");
}
