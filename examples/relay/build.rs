//! Compiles the C of each stage: all of it for stage 0, all but the connecting for stage 1, the contexts for stage 2.

use std::env;
use std::path::PathBuf;

/// Where the C is that a stage has. Stage 3 has none.
const STAGES: [(&str, &[&str]); 3] = [
    ("relay_stage0", &["main", "options", "loop", "connection", "side", "dial", "context", "alpn", "log"]),
    ("relay_stage1", &["main", "options", "loop", "connection", "side", "context", "alpn", "log"]),
    ("relay_stage2", &["context", "log"]),
];

fn main() {
    println!("cargo::rerun-if-changed=c");
    // The headers of the OpenSSL that the Rust side links to.
    let include = env::var_os("DEP_OPENSSL_INCLUDE").map(PathBuf::from);
    for (library, sources) in STAGES {
        cc::Build::new()
            .files(sources.iter().map(|name| format!("c/{name}.c")))
            .includes(include.as_deref())
            .std("c11")
            .define("_POSIX_C_SOURCE", "200809L")
            .warnings(true)
            .extra_warnings(true)
            .flag_if_supported("-pedantic")
            // Which library a binary takes is said in its source: the others must not be linked to it.
            .cargo_metadata(false)
            .compile(library);
    }
    if let Some(out) = env::var_os("OUT_DIR") {
        println!("cargo::rustc-link-search=native={}", PathBuf::from(out).display());
    }
}
