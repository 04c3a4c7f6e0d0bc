//! Finds the headers that openssl-sys found, and makes `bindings.rs` from them and the manifest.

#[path = "build/generate.rs"]
mod generate;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use generate::manifest::Manifest;
use generate::toolchain::Toolchain;
use generate::{Generated, Strictness};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Cargo shows the first line as the build's error, and stderr below it.
            println!("cargo::error=openssl-sys-ext: {}", error.lines().next().unwrap_or_default());
            eprintln!("openssl-sys-ext: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let variable = |name: &str| env::var(name).map_err(|_| format!("{name} is not set"));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=manifest");
    println!("cargo::rerun-if-env-changed=OPENSSL_SYS_EXT_STRICT");

    let include = env::var("DEP_OPENSSL_INCLUDE").ok();
    refuse_other_libraries(include.as_deref())?;

    let out = PathBuf::from(variable("OUT_DIR")?);
    let manifest = Manifest::read(&Path::new(&variable("CARGO_MANIFEST_DIR")?).join("manifest"))?;
    let mut build = cc::Build::new();
    if let Some(include) = &include {
        for folder in env::split_paths(include) {
            // Cargo takes what is not there for changed, and not every system has both in this place.
            for header in ["openssl/opensslv.h", "openssl/configuration.h"] {
                let header = folder.join(header);
                if header.exists() {
                    println!("cargo::rerun-if-changed={}", header.display());
                }
            }
            build.include(folder);
        }
    }
    let toolchain = Toolchain::new(build.clone(), &out);
    let strictness = match env::var("OPENSSL_SYS_EXT_STRICT") {
        Ok(value) if value == "1" => Strictness::Exact,
        _ => Strictness::Abi,
    };
    let found = generate::generate(&manifest, &toolchain, strictness);
    let Generated { rust, shim, absent, linked, version, features_off } = found.map_err(|error| {
        format!("{error}\n(headers in {})", include.as_deref().unwrap_or("the compiler's own folders"))
    })?;
    let write = |name: &str, text: &str| {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write("bindings.rs", &rust)?;
    // For the test that links them all.
    let rows: String =
        linked.iter().map(|name| format!("(\"{name}\", openssl_sys_ext::{name} as *const ()),\n")).collect();
    write("symbols.rs", &format!("[\n{rows}]\n"))?;
    if let Some(shim) = shim {
        // Compiled here and only archived by `cc`, whose own order of flags lets CFLAGS ask for an LTO object, and that no
        // linker but the compiler's own can read.
        toolchain.object("shim", &shim).map_err(|error| format!("the shim does not compile: {error}"))?;
        build.object(out.join("shim.o"));
        build
            .try_compile("openssl_sys_ext_shim")
            .map_err(|error| format!("the shim cannot be archived: {error}"))?;
    }
    println!("cargo::metadata=version={version:x}");
    println!("cargo::metadata=absent={}", absent.join(","));
    // For the tests, which ask the same headers.
    println!("cargo::rustc-env=OPENSSL_SYS_EXT_INCLUDE={}", include.as_deref().unwrap_or_default());
    let features: Vec<_> = features_off.iter().map(|feature| format!("OPENSSL_NO_{feature}")).collect();
    println!("cargo::metadata=conf={}", features.join(","));
    Ok(())
}

/// openssl-sys accepts more libraries than OpenSSL.
fn refuse_other_libraries(include: Option<&str>) -> Result<(), String> {
    let place = include.map_or_else(String::new, |include| format!(" (headers in {include})"));
    let other = [("LIBRESSL_VERSION_NUMBER", "LibreSSL"), ("AWSLC", "AWS-LC"), ("BORINGSSL", "BoringSSL")];
    for (key, name) in other {
        if env::var_os(format!("DEP_OPENSSL_{key}")).is_some() {
            return Err(format!(
                "found {name}{place}, but this crate binds OpenSSL 3.0 or later: install OpenSSL's development package, or set OPENSSL_DIR to one"
            ));
        }
    }
    let version = env::var("DEP_OPENSSL_VERSION_NUMBER").ok();
    if let Some(number) = version.as_deref().and_then(|text| u64::from_str_radix(text, 16).ok()) {
        if number < 0x3000_0000 {
            return Err(format!(
                "found OpenSSL {}.{}.{}{place}, but 3.0 is the oldest that is supported: install a newer OpenSSL, or set OPENSSL_DIR to one",
                number >> 28,
                number >> 20 & 0xff,
                number >> 12 & 0xff
            ));
        }
    }
    Ok(())
}
