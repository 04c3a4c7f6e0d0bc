//! The declarations of openssl-sys are compared with the installed headers too, as far as the safe crate relies on them.

// The tests use parts of the generator, and the parts of their helpers.
#![allow(dead_code)]

mod common;
#[path = "../build/generate.rs"]
mod generate;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use generate::ctype::{CType, Parameter, Signature, is_identifier, tokens};
use generate::headers::{Headers, check};
use generate::manifest::{Item, Manifest};
use generate::toolchain::Toolchain;

/// Declarations of openssl-sys that differ from the headers, and why nobody is hurt.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "CRYPTO_get_ex_new_index",
        "its dup callback takes `void *` for `void **`: of one ABI, and declared rightly by this crate",
    ),
    ("BN_add_word", WORD),
    ("BN_div_word", WORD),
    ("BN_mod_word", WORD),
    ("BN_mul_word", WORD),
    ("BN_set_word", WORD),
    ("BN_sub_word", WORD),
];

const WORD: &str =
    "BN_ULONG is `unsigned long long` for `unsigned long`: of one width where BN_ULONG has 64 bits";

/// A function as openssl-sys declares it; several, where it has several for several versions.
type Declared = BTreeMap<String, Vec<Signature>>;

#[test]
fn openssl_sys_agrees_with_the_installed_headers() {
    let source = RustSource::read(&openssl_sys_folder().join("src"));
    let toolchain = common::toolchain(common::build());
    let all: BTreeSet<&String> = source.functions.keys().collect();
    let headers = Headers::read(&source.manifest(&all, 0), &toolchain).unwrap();
    let refused = refused(&source, &headers, &toolchain);

    let used = names_used(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../src"));
    let known: BTreeSet<&str> = DIFFERENT.iter().map(|(name, _)| *name).collect();
    let ours = common::manifest();
    let ours = ours.items();
    for name in refused.iter().map(String::as_str).filter(|name| !ours.contains_key(name)) {
        assert!(
            !used.contains(name),
            "openssl-sys declares {name} differently from the header, and the safe crate uses it"
        );
    }
    let new: Vec<_> = refused.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(new.is_empty(), "openssl-sys declares these differently from the headers: {new:?}");
    assert!(headers.declared.len() > 500, "only {} functions were compared", headers.declared.len());
}

/// The functions of which no variant agrees with the header.
fn refused(source: &RustSource, headers: &Headers, toolchain: &Toolchain) -> BTreeSet<String> {
    let declared = |name: &&String| headers.declared.contains_key(*name);
    let mut left: BTreeSet<&String> = source.functions.keys().filter(declared).collect();
    let most = source.functions.values().map(Vec::len).max().unwrap_or(0);
    for round in 0..most {
        let Err(error) = check(&source.manifest(&left, round), headers, toolchain, false) else {
            return BTreeSet::new();
        };
        let first = error.lines().next().unwrap();
        let wrong = first
            .strip_prefix("declared differently from the installed header: ")
            .unwrap_or_else(|| panic!("{error}"));
        let wrong: BTreeSet<&str> = wrong.split(", ").collect();
        left.retain(|name| wrong.contains(name.as_str()));
    }
    left.into_iter().cloned().collect()
}

/// This machine: what others need is not there to be read.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn openssl_sys_folder() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--filter-platform",
            &host(),
            "--manifest-path",
        ])
        .arg(manifest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let paths = text.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let folders = paths.filter_map(|path| Path::new(path).parent().map(Path::to_owned));
    let name = |folder: &PathBuf| {
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("openssl-sys-0"))
    };
    folders.into_iter().find(name).expect("openssl-sys among the dependencies")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Every identifier in the safe crate. More than it calls, which does no harm.
fn names_used(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in rust_files(folder) {
        let text = fs::read_to_string(path).unwrap();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        names.extend(words.filter(|word| is_identifier(word)).map(str::to_owned));
    }
    names
}

#[derive(Default)]
struct RustSource {
    functions: Declared,
    aliases: BTreeMap<String, Vec<String>>,
}

impl RustSource {
    fn read(folder: &Path) -> Self {
        let mut source = Self::default();
        let texts: Vec<String> = rust_files(folder)
            .iter()
            .map(|path| without_comments(&fs::read_to_string(path).unwrap()))
            .collect();
        let files: Vec<Vec<&str>> = texts.iter().map(|text| tokens(text)).collect();
        for file in &files {
            for (at, _) in file.windows(2).enumerate().filter(|(_, pair)| pair == &["pub", "type"]) {
                let rest = &file[at + 2..];
                let end = rest.iter().position(|&token| token == ";").unwrap();
                source
                    .aliases
                    .insert(rest[0].to_owned(), rest[2..end].iter().map(|&token| token.to_owned()).collect());
            }
        }
        for file in &files {
            for (at, _) in file.windows(2).enumerate().filter(|(_, pair)| pair == &["pub", "fn"]) {
                source.function(&file[at + 2..]);
            }
        }
        source
    }

    /// A manifest of the functions, each in the given one of its variants.
    fn manifest(&self, names: &BTreeSet<&String>, variant: usize) -> Manifest {
        let mut manifest = Manifest::default();
        for name in names {
            let variants = &self.functions[*name];
            let signature = variants[variant.min(variants.len() - 1)].clone();
            manifest.functions.push(Item {
                name: (*name).clone(),
                prototype: print(&CType::Function(Box::new(signature.clone())), name),
                signature,
                since: 0,
                until: None,
                guards: Vec::new(),
                body: None,
            });
        }
        manifest
    }

    /// Reads `NAME(a: T, …) -> R;`. What has a body is Rust, not a declaration.
    fn function(&mut self, rest: &[&str]) {
        let name = rest[0];
        if rest[1] != "(" {
            return;
        }
        let mut at = 2;
        let mut parameters = Vec::new();
        let mut variadic = false;
        while rest[at] != ")" {
            if rest[at] == "..." {
                variadic = true;
                at += 1;
                continue;
            }
            let parameter = rest[at].to_owned();
            at += 2;
            let ctype = self.rust_type(rest, &mut at);
            parameters.push(Parameter { name: parameter, ctype });
            at += usize::from(rest[at] == ",");
        }
        at += 1;
        let mut result = CType::Void;
        if rest[at] == "->" {
            at += 1;
            result = self.rust_type(rest, &mut at);
        }
        if rest[at] == ";" {
            self.functions.entry(name.to_owned()).or_default().push(Signature {
                result,
                parameters,
                variadic,
            });
        }
    }

    fn rust_type(&self, all: &[&str], at: &mut usize) -> CType {
        match all[*at] {
            // A pointer that is const on some versions only.
            "#" => {
                while all[*at] != "]" {
                    *at += 1;
                }
                *at += 1;
                CType::Pointer { to: Box::new(self.rust_type(all, at)), is_const: false }
            }
            "*" => {
                *at += 2;
                CType::Pointer { to: Box::new(self.rust_type(all, at)), is_const: false }
            }
            "(" => {
                *at += 2;
                CType::Void
            }
            "!" => {
                *at += 1;
                CType::Void
            }
            "[" => {
                *at += 1;
                let element = self.rust_type(all, at);
                while all[*at] != "]" {
                    *at += 1;
                }
                *at += 1;
                CType::Pointer { to: Box::new(element), is_const: false }
            }
            "Option" => {
                *at += 2;
                let inner = self.rust_type(all, at);
                *at += usize::from(all[*at] == ",") + 1;
                inner
            }
            "unsafe" | "extern" => {
                while all[*at] != "fn" {
                    *at += 1;
                }
                *at += 2;
                let mut parameters = Vec::new();
                let mut variadic = false;
                while all[*at] != ")" {
                    if all[*at] == "..." {
                        variadic = true;
                        *at += 1;
                        continue;
                    }
                    if all[*at + 1] == ":" && all[*at + 2] != ":" {
                        *at += 2;
                    }
                    let ctype = self.rust_type(all, at);
                    parameters.push(Parameter { name: String::new(), ctype });
                    *at += usize::from(all[*at] == ",");
                }
                *at += 1;
                let mut result = CType::Void;
                if all.get(*at) == Some(&"->") {
                    *at += 1;
                    result = self.rust_type(all, at);
                }
                let function = CType::Function(Box::new(Signature { result, parameters, variadic }));
                CType::Pointer { to: Box::new(function), is_const: false }
            }
            _ => {
                while all.get(*at + 1) == Some(&":") && all.get(*at + 2) == Some(&":") {
                    *at += 3;
                }
                let name = all[*at];
                *at += 1;
                self.named(name)
            }
        }
    }

    fn named(&self, name: &str) -> CType {
        let c = match name {
            "c_void" => return CType::Void,
            "c_char" => "char",
            "c_schar" => "signed char",
            "c_uchar" => "unsigned char",
            "c_short" => "short",
            "c_ushort" => "unsigned short",
            "c_int" => "int",
            "c_uint" => "unsigned int",
            "c_long" => "long",
            "c_ulong" => "unsigned long",
            "c_double" => "double",
            "u8" => "uint8_t",
            "u16" => "uint16_t",
            "u32" => "uint32_t",
            "u64" => "uint64_t",
            "i32" => "int32_t",
            "i64" => "int64_t",
            "usize" => "size_t",
            "isize" => "ssize_t",
            "tm" | "timeval" => return CType::Named(format!("struct {name}")),
            "size_t" | "ssize_t" | "time_t" | "FILE" => name,
            _ if name.starts_with("stack_st_") => return CType::Named(format!("struct {name}")),
            _ => {
                let Some(alias) = self.aliases.get(name) else { return CType::Named(name.to_owned()) };
                let alias: Vec<&str> = alias.iter().map(String::as_str).collect();
                return self.rust_type(&alias, &mut 0);
            }
        };
        CType::Named(c.to_owned())
    }
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The declaration of `inner` with that type, as C writes it.
fn print(ctype: &CType, inner: &str) -> String {
    match ctype {
        CType::Void => format!("void {inner}"),
        CType::Named(name) => format!("{name} {inner}"),
        CType::Pointer { to, .. } if matches!(**to, CType::Function(_)) => print(to, &format!("(*{inner})")),
        CType::Pointer { to, .. } => print(to, &format!("*{inner}")),
        CType::Function(signature) => {
            let mut parameters: Vec<_> =
                signature.parameters.iter().map(|parameter| print(&parameter.ctype, "")).collect();
            if signature.variadic {
                parameters.push("...".to_owned());
            }
            if parameters.is_empty() {
                parameters.push("void".to_owned());
            }
            print(&signature.result, &format!("{inner}({})", parameters.join(", ")))
        }
    }
}
