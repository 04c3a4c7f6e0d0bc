//! What OpenSSL this machine has, on one page: versions, directories, configuration, providers, FIPS.
//!
//! ```text
//! cargo run --example probe [-- [--config FILE] [--modules DIRECTORY] [--provider NAME]... [--properties QUERY]]
//! ```
//!
//! With an option, the page ends with a library context made that way, and whether TLS can be had in it. It exits with 0
//! unless the OpenSSL that runs is not right for this program, or that context fails.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fmt};

use libssl::library::{FipsState, ProviderInfo};
use libssl::{LibContext, SslContext, SslMethod, library};

const USAGE: &str =
    "usage: probe [--config FILE] [--modules DIRECTORY] [--provider NAME]... [--properties QUERY]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match page(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn page(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let lib = chosen(arguments)?;
    versions();
    places();
    let library = library();
    section("Providers");
    providers(&library.providers()?);
    section("FIPS 140");
    fips(&library.fips()?);
    if let Some(lib) = lib {
        section("The context that was asked for");
        line("property query", lib.properties().unwrap_or("none"));
        providers(&lib.providers()?);
        fips(&lib.fips()?);
        SslContext::builder_in(lib, SslMethod::tls())?;
        line("TLS", "can be had");
    }
    library.check()?;
    Ok(())
}

/// A library context as the arguments want it; `None` without any.
fn chosen(arguments: &[String]) -> Result<Option<LibContext>, Box<dyn Error>> {
    if arguments.is_empty() {
        return Ok(None);
    }
    let mut builder = LibContext::builder()?;
    let mut query = None;
    let mut arguments = arguments.iter();
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match option.as_str() {
            "--config" => builder.load_config(value)?,
            "--modules" => builder.set_provider_search_path(value)?,
            "--provider" => builder.load_provider(value)?,
            "--properties" => query = Some(value),
            _ => return Err(USAGE.into()),
        }
    }
    let lib = builder.build();
    Ok(Some(match query {
        Some(query) => lib.with_properties(query)?,
        None => lib,
    }))
}

fn versions() {
    let library = library();
    section("Version");
    line("running", library.running());
    line("built against", library.built_against());
    match library.check() {
        Ok(()) => line("verdict", "right for this program"),
        Err(error) => line("verdict", error),
    }
    line("text", library.version_text());
    // These three bring their own heading.
    for text in [library.built_on(), library.platform(), library.compiler()] {
        match text.split_once(": ") {
            Some((name, value)) => line(name, value),
            None => line("", text),
        }
    }
    line("processor", library.cpu_settings().unwrap_or("not told"));
    line("seed source", library.seed_source().unwrap_or("not told"));
}

fn places() {
    let library = library();
    section("Places");
    place("OPENSSLDIR", library.config_dir().as_deref(), "");
    place("MODULESDIR", library.modules_dir().as_deref(), "OPENSSL_MODULES");
    place("ENGINESDIR", library.engines_dir().as_deref(), "OPENSSL_ENGINES");
    line("modules end in", library.dso_extension().unwrap_or("not told"));
    place("configuration", library.config_file().as_deref(), "OPENSSL_CONF");
    place("root file", library.default_cert_file().as_deref(), library.cert_file_variable());
    place("root directory", library.default_cert_dir().as_deref(), library.cert_dir_variable());
}

/// A file or directory, whether it is there, and what the environment says instead.
fn place(name: &str, path: Option<&Path>, variable: &str) {
    match path {
        Some(path) => {
            let there = if path.exists() { "" } else { " (not there)" };
            line(name, format_args!("{}{there}", path.display()));
        }
        None => line(name, "none"),
    }
    if let Some(value) = env::var_os(variable) {
        line("", format_args!("{variable}={}", value.to_string_lossy()));
    }
}

fn providers(providers: &[ProviderInfo]) {
    for provider in providers {
        let state = if provider.running { "running" } else { "not running" };
        line(&provider.name, format_args!("{} {}, {state}", provider.title, provider.version));
        if provider.build_info != provider.version {
            line("", format_args!("built from {}", provider.build_info));
        }
    }
    if providers.is_empty() {
        line("none", "");
    }
}

fn fips(state: &FipsState) {
    let say = |yes| if yes { "yes" } else { "no" };
    line("fips=yes by default", say(state.required));
    match &state.provider {
        Some(provider) => line("module", format_args!("{} {}", provider.title, provider.version)),
        None => line("module", "not loaded"),
    }
    line("only approved", say(state.enforced));
}

fn section(title: &str) {
    println!("\n{title}");
}

fn line(name: &str, value: impl fmt::Display) {
    println!("{}", format!("  {name:20} {value}").trim_end());
}
