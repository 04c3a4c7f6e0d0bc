//! The one table of version gates, and the one place that says which library this crate does not run on.

use std::env;
use std::process::ExitCode;

/// Versions whose symbols or behaviour the crate asks for: `cfg(ossl320)` is "these headers are of 3.2.0 or later".
const GATES: [(&str, u64); 6] = [
    ("ossl310", 0x3010_0000),
    ("ossl320", 0x3020_0000),
    ("ossl330", 0x3030_0000),
    ("ossl340", 0x3040_0000),
    ("ossl350", 0x3050_0000),
    ("ossl400", 0x4000_0000),
];

const FLOOR: u64 = 0x3000_0000;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    let version = match supported_version() {
        Ok(version) => version,
        Err(refusal) => {
            println!("cargo::error={refusal}");
            return ExitCode::FAILURE;
        }
    };
    for (name, since) in GATES {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if version >= since {
            println!("cargo::rustc-cfg={name}");
        }
    }
    // What these headers lack (an older version, or `no-psk` and the like) is one cfg value a name.
    println!("cargo::rustc-check-cfg=cfg(absent, values(any()))");
    for name in
        env::var("DEP_OPENSSL_SYS_EXT_ABSENT").unwrap_or_default().split(',').filter(|name| !name.is_empty())
    {
        println!("cargo::rustc-cfg=absent=\"{name}\"");
    }
    ExitCode::SUCCESS
}

/// The version number of the headers, or one sentence that says what was found, where, and what to do.
fn supported_version() -> Result<u64, String> {
    let place =
        env::var("DEP_OPENSSL_INCLUDE").unwrap_or_else(|_| "a place that openssl-sys did not name".into());
    let refuse = |found: &str| {
        Err(format!(
            "libssl needs OpenSSL 3.0 or later, but found {found} in {place}: install OpenSSL's development files \
             (libssl-dev, openssl-devel) or point OPENSSL_DIR at an OpenSSL >= 3.0, or turn on the feature `vendored`."
        ))
    };
    if env::var_os("DEP_OPENSSL_BORINGSSL").is_some() {
        return refuse("BoringSSL");
    }
    if env::var_os("DEP_OPENSSL_AWSLC").is_some() {
        return refuse("AWS-LC");
    }
    if let Ok(number) = env::var("DEP_OPENSSL_LIBRESSL_VERSION_NUMBER") {
        return refuse(&format!("LibreSSL (version number 0x{number})"));
    }
    let number = env::var("DEP_OPENSSL_VERSION_NUMBER").unwrap_or_default();
    match u64::from_str_radix(&number, 16) {
        Ok(version) if version >= FLOOR => Ok(version),
        Ok(version) => {
            let (major, minor, fix) = (version >> 28, (version >> 20) & 0xff, (version >> 12) & 0xff);
            refuse(&format!("OpenSSL {major}.{minor}.{fix}"))
        }
        Err(_) => refuse("a library that openssl-sys could not name"),
    }
}
