//! What is generated follows the headers: versions, features that are off, other machines, a distribution's flags.

// The tests use parts of the generator, and the parts of their helpers.
#![allow(dead_code)]

mod common;
#[path = "../build/generate.rs"]
mod generate;

use std::collections::BTreeSet;
use std::process::Command;

use generate::{Generated, Strictness};

fn generated(build: cc::Build, strictness: Strictness) -> Generated {
    generate::generate(&common::manifest(), &common::toolchain(build), strictness)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn absent(generated: &Generated) -> BTreeSet<&str> {
    generated.absent.iter().map(String::as_str).collect()
}

/// Each name that is missing has a version or a guard that explains it.
#[test]
fn the_manifest_explains_the_installed_headers() {
    let found = generated(common::build(), Strictness::Exact);
    assert!(found.version >= 0x3000_0000);
    assert!(!found.absent.iter().any(|name| name == "SSL_has_pending"));
}

#[test]
fn the_manifest_explains_the_headers_of_other_versions() {
    for prefix in common::other_prefixes() {
        let mut build = common::bare_build();
        build.include(prefix.join("include"));
        let found = generated(build, Strictness::Exact);
        let lacks_quic = absent(&found).contains("SSL_is_quic");
        let quic_off = found.features_off.iter().any(|feature| feature == "QUIC");
        assert_eq!(lacks_quic, found.version < 0x3020_0000, "{} {quic_off}", prefix.display());
    }
}

/// What OpenSSL's own build would leave out is left out here, and the rest still fits together.
#[test]
fn features_that_are_off_take_their_functions_with_them() {
    let all = generated(common::build(), Strictness::Abi);
    for (feature, gone) in [
        ("PSK", &["SSL_set_psk_client_callback", "SSL_CTX_use_psk_identity_hint"][..]),
        ("CT", &["SSL_CTX_enable_ct", "SSL_get0_peer_scts", "SCT_free"]),
        ("OCSP", &["OCSP_resp_count", "OCSP_RESPID_free"]),
        ("SOCK", &["BIO_socket_nbio", "SSL_set_fd"]),
        ("COMP", &["COMP_get_name"]),
        ("NEXTPROTONEG", &["SSL_get0_next_proto_negotiated"]),
        ("SRTP", &[]),
        ("DTLS", &[]),
        ("KTLS", &[]),
        ("QUIC", &[]),
        ("DEPRECATED", &[]),
    ] {
        let mut build = common::build();
        build.define(&format!("OPENSSL_NO_{feature}"), None);
        let found = generated(build, Strictness::Abi);
        let newly: BTreeSet<_> = absent(&found).difference(&absent(&all)).copied().collect();
        for name in gone {
            assert!(absent(&found).contains(name), "no-{feature} still has {name}");
        }
        assert!(gone.is_empty() || newly.len() < 200, "no-{feature} takes {newly:?}");
        if feature != "DEPRECATED" {
            assert!(found.features_off.iter().any(|off| off == feature), "{:?}", found.features_off);
        }
    }
    let mut build = common::build();
    for feature in ["PSK", "DTLS", "SRTP", "OCSP", "CT", "KTLS", "QUIC"] {
        build.define(&format!("OPENSSL_NO_{feature}"), None);
    }
    generated(build, Strictness::Exact);
}

/// LTO makes objects that hold no data, and `-Werror` makes an error of each macro that ignores a result.
#[test]
fn a_distributions_flags_do_no_harm() {
    let expected = generated(common::build(), Strictness::Abi);
    for compiler in [None, Some("gcc"), Some("clang")] {
        if compiler.is_some_and(|name| Command::new(name).arg("--version").output().is_err()) {
            continue;
        }
        let mut build = common::build();
        if let Some(name) = compiler {
            build.compiler(name);
        }
        for flag in [
            "-flto",
            "-Werror",
            "-Wall",
            "-Wextra",
            "-Wconversion",
            "-Wcast-qual",
            "-Wpedantic",
            "-Werror=implicit-function-declaration",
            "-Werror=strict-prototypes",
            "-O2",
            "-g",
            "-fstack-protector-strong",
            "-D_FORTIFY_SOURCE=2",
            "-fPIC",
        ] {
            build.flag(flag);
        }
        let found = generated(build.clone(), Strictness::Exact);
        let shim = common::toolchain(build).object("shim", &found.shim.clone().unwrap()).unwrap();
        let holds = |text: &[u8]| shim.windows(text.len()).any(|window| window == text);
        assert!(
            holds(b"openssl_sys_ext_") && !holds(b".gnu.lto_") && !shim.starts_with(b"BC"),
            "{compiler:?}"
        );
        assert_eq!(found.rust, expected.rust, "{compiler:?}");
        assert_eq!(found.shim, expected.shim, "{compiler:?}");
    }
}

/// No code of the target runs, so its compiler and headers are all it takes.
#[test]
fn another_machine_needs_only_its_compiler() {
    let compiler = "aarch64-linux-gnu-gcc";
    if Command::new(compiler).arg("--version").output().is_err() {
        eprintln!("skipped: there is no {compiler}");
        return;
    }
    let mut build = common::bare_build();
    build.target("aarch64-unknown-linux-gnu").compiler(compiler).include(common::staged_headers());
    let found = generated(build, Strictness::Exact);
    assert!(found.rust.contains("size_of::<libc::time_t>() == 8"));
    // `char` is unsigned there, and Rust's `c_char` knows.
    assert!(found.rust.contains("core::ffi::c_char"));
}

/// On a 32-bit machine `long`, `size_t` and 64-bit integers are all of different widths.
#[test]
fn a_32_bit_machine_agrees_with_the_manifest() {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return;
    }
    let stage = common::staged_headers();
    // The one header that the C library for 32 bits has of its own: empty, since nothing is linked.
    std::fs::create_dir_all(stage.join("gnu")).unwrap();
    std::fs::write(stage.join("gnu/stubs-32.h"), "").unwrap();
    let mut build = common::bare_build();
    build.target("i686-unknown-linux-gnu").flag("-m32").include(&stage);
    // Debian's compiler for 64 bits does not look there when it compiles for 32.
    build.include("/usr/include/x86_64-linux-gnu");
    let found = generated(build, Strictness::Exact);
    assert!(found.rust.contains("size_of::<libc::time_t>() == 4"), "time_t is another");
    // Options have 64 bits on every machine; what C declares as `long` follows the machine.
    assert!(found.rust.contains("pub fn SSL_set_options(s: *mut openssl_sys::SSL, op: u64) -> u64;"));
    assert!(found.rust.contains(
        "pub unsafe fn SSL_set_mode(ssl: *mut openssl_sys::SSL, mode: core::ffi::c_long) -> core::ffi::c_long"
    ));
}

/// Types are the same everywhere, so that code which mentions them compiles everywhere.
#[test]
fn types_and_constants_are_there_on_every_version() {
    let found = generated(common::build(), Strictness::Abi);
    for name in
        ["pub struct OSSL_ECHSTORE ", "pub struct SSL_POLL_ITEM ", "pub type SSL_new_pending_conn_cb_fn "]
    {
        assert!(found.rust.contains(name), "{name} is missing");
    }
    assert!(found.rust.contains("pub const SSL_ERROR_WANT_RETRY_VERIFY: core::ffi::c_int = 12;"));
    // Of 4.0 and of 3.2, with their values on 3.0 too.
    assert!(
        found.rust.contains("pub const SSL_OP_PREFER_NO_DHE_KEX: u64 = 34359738368;")
            || found.rust.contains("pub const SSL_OP_PREFER_NO_DHE_KEX: u64 = 0x800000000;")
    );
}

/// The literal of the manifest is what the newest headers say, and never a stand-in.
#[test]
fn every_constant_has_the_value_that_c_prints() {
    let manifest = common::manifest();
    let found = generated(common::build(), Strictness::Abi);
    let folder = common::scratch();
    let headers = [
        "ssl", "tls1", "dtls1", "srtp", "bio", "err", "x509_vfy", "x509v3", "ct", "ocsp", "store", "async",
        "comp", "trace", "conf", "crypto", "evp", "objects", "pem", "sslerr",
    ];
    let mut source = String::from("#include <stdio.h>\n");
    for header in headers {
        source.push_str(&format!("#include <openssl/{header}.h>\n"));
    }
    source.push_str("#if __has_include(<openssl/quic.h>)\n#include <openssl/quic.h>\n#endif\n");
    source.push_str("#define SHOW(name) do { if ((name) < 0) printf(\"%s %lld\\n\", #name, (long long)(name)); else printf(\"%s %llu\\n\", #name, (unsigned long long)(name)); } while (0)\nint main(void) {\n");
    for constant in manifest.constants.iter().filter(|constant| !constant.rust.contains("CStr")) {
        let name = &constant.name;
        source.push_str(&format!("#ifdef {name}\nprintf(\"{name} \"); SHOW({name});\n#endif\n"));
    }
    for constant in manifest.constants.iter().filter(|constant| constant.rust.contains("CStr")) {
        source.push_str(&format!(
            "#ifdef {0}\nprintf(\"{0} - c\\\"%s\\\"\\n\", {0});\n#endif\n",
            constant.name
        ));
    }
    source.push_str("return 0; }\n");
    let path = folder.join("constants.c");
    std::fs::write(&path, source).unwrap();
    let program = folder.join("constants");
    let compiled = common::build()
        .get_compiler()
        .to_command()
        .arg("-w")
        .arg(&path)
        .arg("-o")
        .arg(&program)
        .status()
        .unwrap();
    assert!(compiled.success());
    let output = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();

    let mut compared = 0;
    for line in output.lines() {
        let mut words = line.splitn(3, ' ');
        let (name, _, value) = (words.next().unwrap(), words.next(), words.next().unwrap());
        let declared = found.rust.lines().find_map(|line| {
            let rest = line.strip_prefix("pub const ")?.strip_prefix(name)?.strip_prefix(": ")?;
            Some(rest.split_once(" = ")?.1.trim_end_matches(';'))
        });
        assert_eq!(declared, Some(value), "{name}");
        compared += 1;
    }
    assert!(compared > 1000, "only {compared} constants were compared");
}
