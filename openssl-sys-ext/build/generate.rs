//! From the manifest and the installed headers to Rust, C and metadata.
//!
//! Four runs of the target's own compiler, and none of the target's code: the preprocessor says what is declared and what
//! macros expand to, an object file carries the constants' values, a syntax check compares each declaration, and the shim is
//! compiled.

#[path = "ctype.rs"]
pub mod ctype;
#[path = "emit.rs"]
pub mod emit;
#[path = "headers.rs"]
pub mod headers;
#[path = "manifest.rs"]
pub mod manifest;
#[path = "toolchain.rs"]
pub mod toolchain;

use std::collections::BTreeSet;

use headers::Headers;
use manifest::Manifest;
use toolchain::Toolchain;

/// What a build script does with.
#[derive(Debug)]
pub struct Generated {
    /// The contents of `bindings.rs`.
    pub rust: String,
    /// The contents of the shim, if any macro needs one.
    pub shim: Option<String>,
    /// Names of the manifest that these headers lack.
    pub absent: Vec<String>,
    /// Functions that the linker must find.
    pub linked: Vec<String>,
    /// OPENSSL_VERSION_NUMBER.
    pub version: u64,
    /// The OPENSSL_NO_… that these headers define.
    pub features_off: Vec<String>,
}

/// How exactly a declaration must agree with the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// A difference of ABI is an error.
    Abi,
    /// So are a name that is missing without a reason, a macro whose arguments C has to be forced to take, and, on the
    /// version that the manifest was written from, a `const`.
    Exact,
}

/// The version whose `const`s the manifest's prototypes have.
const REFERENCE: u64 = 0x4000_0000;

/// Does it all.
///
/// # Errors
///
/// What to show to the person who builds: the function that is declared wrongly, or what the compiler said.
pub fn generate(
    manifest: &Manifest,
    toolchain: &Toolchain,
    strictness: Strictness,
) -> Result<Generated, String> {
    let headers = Headers::read(manifest, toolchain)?;
    if strictness == Strictness::Exact {
        refuse_unexplained(manifest, &headers)?;
    }
    let exact = strictness == Strictness::Exact && headers.version >= REFERENCE;
    headers::check(manifest, &headers, toolchain, exact)?;
    if strictness == Strictness::Exact {
        emit::check_macros(manifest, &headers, toolchain)?;
    }
    let output = emit::emit(manifest, &headers)?;
    Ok(Generated {
        rust: output.rust,
        shim: output.shim,
        absent: output.absent,
        linked: output.linked,
        version: headers.version,
        features_off: headers.features_off.iter().cloned().collect(),
    })
}

/// A name that should be there by its version and is not must have a guard that says why.
fn refuse_unexplained(manifest: &Manifest, headers: &Headers) -> Result<(), String> {
    let mut unexplained = BTreeSet::new();
    for item in manifest.functions.iter().chain(&manifest.macros) {
        let version = headers.version & 0xffff_fff0;
        let expected =
            version >= u64::from(item.since) && item.until.is_none_or(|until| version < u64::from(until));
        let guarded = item.guards.iter().any(|guard| headers.features_off.contains(guard));
        let there = headers.has(item);
        if there != (expected && !guarded) {
            unexplained.insert(format!("{} ({})", item.name, if there { "there" } else { "missing" }));
        }
    }
    if unexplained.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = unexplained.into_iter().collect();
    Err(format!("the manifest's versions and guards do not explain: {}", names.join(", ")))
}
