//! What the installed headers say: read through the preprocessor and the compiler.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;

use crate::generate::ctype::{CType, is_identifier, tokens};
use crate::generate::manifest::{Definition, Item, Manifest};
use crate::generate::toolchain::Toolchain;

/// The headers that may declare a name of the manifest. Older versions lack some.
const INCLUDES: &[&str] = &[
    "asn1", "async", "bio", "buffer", "comp", "conf", "core", "crypto", "ct", "dtls1", "ech", "err", "evp",
    "objects", "ocsp", "opensslv", "params", "pem", "pkcs12", "provider", "quic", "rand", "srtp", "ssl",
    "sslerr", "stack", "store", "tls1", "trace", "ui", "x509", "x509_vfy", "x509v3",
];

/// Features that no item of the manifest has as its guard, but that a caller may want to know of.
const OTHER_FEATURES: &[&str] = &[
    "ASYNC",
    "BROTLI",
    "COMP",
    "CT",
    "DTLS",
    "DTLS1",
    "DTLS1_2",
    "EC",
    "ECH",
    "ENGINE",
    "INTEGRITY_ONLY_CIPHERS",
    "KTLS",
    "ML_DSA",
    "ML_KEM",
    "NEXTPROTONEG",
    "OCSP",
    "PSK",
    "QUIC",
    "SOCK",
    "SRTP",
    "SSL3",
    "SSL_TRACE",
    "STDIO",
    "TLS1",
    "TLS1_1",
    "TLS1_2",
    "TLS1_3",
    "ZLIB",
    "ZSTD",
];

/// Libraries that have headers of the same name.
const IMPOSTORS: &[(&str, &str)] = &[
    ("LIBRESSL_VERSION_NUMBER", "LibreSSL"),
    ("OPENSSL_IS_AWSLC", "AWS-LC"),
    ("OPENSSL_IS_BORINGSSL", "BoringSSL"),
];

const MARK: &str = "openssl_sys_ext_mark";

/// How a header declares a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    External,
    /// Its body is in the header, so there is no symbol to link.
    Inline,
}

#[derive(Debug, Default)]
pub struct Headers {
    /// OPENSSL_VERSION_NUMBER.
    pub version: u64,
    pub declared: BTreeMap<String, Linkage>,
    /// What `NAME(openssl_sys_ext_0, …)` expands to.
    pub expansions: BTreeMap<String, Vec<String>>,
    /// The text of each constant that these headers have, as a Rust literal.
    pub constants: BTreeMap<String, String>,
    /// Width in bytes and signedness of each enumeration and each arithmetic type that depends on the target.
    pub integers: BTreeMap<String, (u8, bool)>,
    pub features_off: BTreeSet<String>,
    /// All identifiers outside macros.
    identifiers: HashSet<String>,
}

/// The includes, each only if it is there.
fn includes() -> String {
    let mut text = String::from(
        "#define OPENSSL_SUPPRESS_DEPRECATED\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <time.h>\n\
         #include <sys/types.h>\n#ifndef _WIN32\n#include <sys/time.h>\n#endif\n",
    );
    for header in INCLUDES {
        let _ =
            writeln!(text, "#if __has_include(<openssl/{header}.h>)\n#include <openssl/{header}.h>\n#endif");
    }
    text
}

/// The name that stands for an argument in an expansion.
pub fn argument(at: usize) -> String {
    format!("openssl_sys_ext_{at}")
}

impl Headers {
    /// Asks the preprocessor and the compiler.
    ///
    /// # Errors
    ///
    /// What the compiler said, or that this is not OpenSSL 3.0 or later.
    pub fn read(manifest: &Manifest, toolchain: &Toolchain) -> Result<Self, String> {
        let mut headers = Self::default();
        let text = toolchain.preprocess("names", &names_probe(manifest))?;
        let all = tokens(&text);
        let mark =
            all.iter().position(|&token| token == MARK).ok_or("the preprocessor lost the probe's end")?;
        let (declarations, answers) = all.split_at(mark);
        headers.identifiers =
            declarations.iter().filter(|token| is_identifier(token)).map(|&token| token.to_owned()).collect();
        headers.scan(declarations, &manifest.items().keys().copied().collect());
        let mut macros = BTreeMap::new();
        headers.read_answers(answers, &mut macros)?;
        headers.measure(manifest, toolchain, &macros)?;
        if headers.version < 0x3000_0000 {
            return Err(format!(
                "these are headers of OpenSSL {:#010x}, and 3.0 is the oldest that is supported",
                headers.version
            ));
        }
        Ok(headers)
    }

    pub fn has_type(&self, c_name: &str) -> bool {
        let name = c_name.rsplit(' ').next().unwrap_or_default();
        match name.strip_prefix("STACK_OF(").and_then(|rest| rest.strip_suffix(')')) {
            Some(of) => self.identifiers.contains(&format!("stack_st_{of}")),
            None => self.identifiers.contains(name),
        }
    }

    /// Whether the library has it. Some headers declare what a feature that is off has left out.
    pub fn has(&self, item: &Item) -> bool {
        let known = self.declared.contains_key(&item.name) || self.expansions.contains_key(&item.name);
        known && !item.guards.iter().any(|guard| self.features_off.contains(guard))
    }

    /// Finds the functions that are declared, outside bodies and parameter lists.
    fn scan(&mut self, declarations: &[&str], wanted: &HashSet<&str>) {
        let (mut braces, mut parentheses) = (0_usize, 0_usize);
        let mut candidate: Option<String> = None;
        for (at, &token) in declarations.iter().enumerate() {
            match token {
                "{" => {
                    if let (0, 0, Some(name)) = (braces, parentheses, candidate.take()) {
                        self.declared.entry(name).or_insert(Linkage::Inline);
                    }
                    braces += 1;
                }
                "}" => braces = braces.saturating_sub(1),
                "(" => parentheses += 1,
                ")" => parentheses = parentheses.saturating_sub(1),
                ";" if braces == 0 => {
                    if let Some(name) = candidate.take() {
                        self.declared.entry(name).or_insert(Linkage::External);
                    }
                }
                _ if braces == 0 && declarations.get(at + 1) == Some(&"(") && wanted.contains(token) => {
                    let inside_pointer =
                        parentheses == 1 && at >= 2 && declarations[at - 2..at] == ["(", "*"];
                    if candidate.is_none() && (parentheses == 0 || inside_pointer) {
                        candidate = Some(token.to_owned());
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads what stands after the mark: `"kind:name" tokens… "end"`.
    fn read_answers(
        &mut self,
        answers: &[&str],
        macros: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<(), String> {
        let mut rest = answers;
        while let Some(at) = rest.iter().position(|token| token.starts_with("\"ext:")) {
            let label = rest[at].trim_matches('"');
            let after = &rest[at + 1..];
            let end = after
                .iter()
                .position(|&token| token == "\"ext_end\"")
                .ok_or("the preprocessor lost an answer's end")?;
            let value = || after[..end].iter().map(|&token| token.to_owned()).collect();
            let mut parts = label.splitn(3, ':').skip(1);
            let name = match (parts.next(), parts.next()) {
                (Some("impostor"), Some(name)) => {
                    return Err(format!(
                        "these are headers of {name}, which is not supported: OpenSSL 3.0 or later is needed"
                    ));
                }
                (Some(kind), Some(name)) => (kind, name.to_owned()),
                _ => return Err(format!("{label} is no answer")),
            };
            match name {
                ("off", name) => {
                    self.features_off.insert(name);
                }
                ("macro", name) => {
                    self.expansions.insert(name, value());
                }
                (_, name) => {
                    macros.insert(name, value());
                }
            }
            rest = &after[end..];
        }
        Ok(())
    }

    /// Lets the compiler work out numbers and reads them out of the object file.
    fn measure(
        &mut self,
        manifest: &Manifest,
        toolchain: &Toolchain,
        macros: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), String> {
        let mut numbers = vec!["OPENSSL_VERSION_NUMBER"];
        for constant in &manifest.constants {
            let name = constant.name.as_str();
            match macros.get(name) {
                Some(expansion) if constant.rust.contains("CStr") => {
                    self.constants.insert(name.to_owned(), string_literal(name, expansion)?);
                }
                Some(_) => numbers.push(name),
                None if self.identifiers.contains(name) => numbers.push(name),
                None => {}
            }
        }
        let enums = manifest
            .types
            .iter()
            .filter(|found| matches!(found.definition, Definition::Enum) && self.has_type(&found.c_name));
        let mut sized = vec![("time_t", "time_t"), ("off_t", "off_t")];
        sized.extend(enums.map(|found| (found.name.as_str(), found.c_name.as_str())));
        let values = measure(toolchain, &numbers, &sized)?;
        let (values, sizes) = values.split_at(numbers.len());
        for (name, value) in numbers.iter().zip(values) {
            if *name == "OPENSSL_VERSION_NUMBER" {
                self.version = u64::try_from(*value).unwrap_or(0);
            } else {
                self.constants.insert((*name).to_owned(), value.to_string());
            }
        }
        for ((name, _), value) in sized.into_iter().zip(sizes) {
            let width = u8::try_from(value.abs()).map_err(|_| format!("{name} has an odd size"))?;
            self.integers.insert(name.to_owned(), (width, *value < 0));
        }
        Ok(())
    }
}

/// The source that asks the preprocessor for all names.
fn names_probe(manifest: &Manifest) -> String {
    let mut text = includes();
    let _ = writeln!(text, "{MARK}");
    let mut ask = |condition: &str, kind: &str, name: &str, value: &str| {
        let _ = writeln!(text, "#ifdef {condition}\n\"ext:{kind}:{name}\" {value} \"ext_end\"\n#endif");
    };
    for (condition, name) in IMPOSTORS {
        ask(condition, "impostor", name, "");
    }
    let features: BTreeSet<&str> =
        manifest.features.iter().map(String::as_str).chain(OTHER_FEATURES.iter().copied()).collect();
    for feature in features {
        ask(&format!("OPENSSL_NO_{feature}"), "off", feature, "");
    }
    for item in manifest.functions.iter().chain(&manifest.macros) {
        let arguments: Vec<_> = (0..item.signature.parameters.len()).map(argument).collect();
        if let Some(body) = &item.body {
            // The macro is asked for, though its expansion is of no use.
            ask(&item.name, "macro", &item.name, &replace_parameters(item, body));
        } else {
            ask(&item.name, "macro", &item.name, &format!("{}({})", item.name, arguments.join(",")));
        }
    }
    for constant in &manifest.constants {
        ask(&constant.name, "constant", &constant.name, &constant.name);
    }
    text
}

fn replace_parameters(item: &Item, body: &str) -> String {
    let replace = |token: &str| {
        let at = item.signature.parameters.iter().position(|parameter| parameter.name == token);
        at.map_or_else(|| token.to_owned(), argument)
    };
    tokens(body).into_iter().map(replace).collect::<Vec<_>>().join(" ")
}

/// A C string literal, or several in a row, as a Rust one.
fn string_literal(name: &str, expansion: &[String]) -> Result<String, String> {
    let mut text = String::new();
    for token in expansion.iter().filter(|token| !matches!(token.as_str(), "(" | ")")) {
        let inside = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        text.push_str(
            inside
                .filter(|inside| !inside.contains('\\'))
                .ok_or_else(|| format!("{name} is no plain string"))?,
        );
    }
    Ok(format!("c\"{text}\""))
}

/// The values of constant expressions, and the sizes of integer types (negative if signed), found in an object file: there,
/// bytes of a constant array stand as they are on every target.
fn measure(toolchain: &Toolchain, numbers: &[&str], sized: &[(&str, &str)]) -> Result<Vec<i128>, String> {
    const START: &[u8] = b"openssl-sys-ext values >";
    const LENGTH: usize = 9;
    let mut text = includes();
    text.push_str(
        "#define EXT_BYTE(x, n) (unsigned char)(((unsigned long long)(x) >> (n)) & 255)\n\
         #define EXT_VALUE(x) EXT_BYTE(x, 56), EXT_BYTE(x, 48), EXT_BYTE(x, 40), EXT_BYTE(x, 32), EXT_BYTE(x, 24), \\\n\
         EXT_BYTE(x, 16), EXT_BYTE(x, 8), EXT_BYTE(x, 0), (unsigned char)((x) < 0),\n\
         #define EXT_SIZE(t) ((t)-1 < (t)0 ? -(int)sizeof(t) : (int)sizeof(t))\n\
         extern const unsigned char openssl_sys_ext_values[];\nconst unsigned char openssl_sys_ext_values[] = {\n",
    );
    for byte in START {
        let _ = write!(text, "{byte},");
    }
    for number in numbers {
        let _ = write!(text, "\n#line 1 \"openssl-sys-ext: {number}\"\nEXT_VALUE({number})");
    }
    for (name, c_name) in sized {
        let _ = write!(text, "\n#line 1 \"openssl-sys-ext: {name}\"\nEXT_VALUE(EXT_SIZE({c_name}))");
    }
    text.push_str("\n0};\n");
    let object = toolchain.object("values", &text)?;
    let at = object.windows(START.len()).position(|window| window == START);
    let values =
        at.and_then(|at| object.get(at + START.len()..)).ok_or("the object file does not have the values")?;
    let values = values.chunks_exact(LENGTH).take(numbers.len() + sized.len()).map(|chunk| {
        let magnitude = chunk[..8].iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
        // Of a negative number these are the lower 64 bits of the two's complement.
        i128::from(magnitude) - if chunk[8] == 1 { 1 << 64 } else { 0 }
    });
    Ok(values.collect())
}

/// Has the compiler compare every declaration with the header's.
///
/// Unless `exact`, `const` is defined away for the manifest and for the headers alike.
///
/// # Errors
///
/// The names that are declared wrongly.
pub fn check(
    manifest: &Manifest,
    headers: &Headers,
    toolchain: &Toolchain,
    exact: bool,
) -> Result<(), String> {
    if !toolchain.can_check() {
        return Ok(());
    }
    let source = check_source(manifest, headers);
    let arguments: &[&str] = if exact { &[] } else { &["-Dconst="] };
    let Err(said) = toolchain.check("check", &source, arguments) else {
        return Ok(());
    };
    let mut wrong = BTreeSet::new();
    for line in said.lines().filter(|line| line.contains("error")) {
        if let Some((_, rest)) = line.split_once("openssl-sys-ext: ") {
            wrong.insert(rest.split([':', '"', ' ']).next().unwrap_or_default().to_owned());
        }
    }
    if wrong.is_empty() {
        return Err(said);
    }
    let names: Vec<_> = wrong.into_iter().collect();
    Err(format!("declared differently from the installed header: {}\n{said}", names.join(", ")))
}

fn check_source(manifest: &Manifest, headers: &Headers) -> String {
    let mut text = shim_head(manifest);
    let line = |text: &mut String, name: &str| {
        let _ = writeln!(text, "#line 1 \"openssl-sys-ext: {name}\"");
    };
    let compare = |text: &mut String, name: &str, ours: &str, theirs: &str| {
        let _ = writeln!(
            text,
            "_Static_assert(__builtin_types_compatible_p(__typeof__({theirs}), __typeof__({ours})), \"{name} is of another type\");"
        );
    };
    for found in &manifest.types {
        let name = &found.name;
        let there = headers.has_type(&found.c_name);
        line(&mut text, name);
        match &found.definition {
            Definition::Alias(declaration, _) if there => {
                let _ = writeln!(text, "typedef {};", rename(declaration, name));
                compare(&mut text, name, &checked(name), name);
            }
            Definition::Record { union, body, fields } => {
                let word = if *union { "union" } else { "struct" };
                // A type that no header has is ours alone, and other records may be made of it.
                let own = if there { checked(name) } else { name.clone() };
                let usable = fields.iter().all(|field| known(manifest, headers, &field.ctype));
                if usable {
                    let _ = writeln!(text, "typedef {word} {{ {body} }} {own};");
                }
                if there && usable {
                    let _ = writeln!(
                        text,
                        "_Static_assert(sizeof({own}) == sizeof({name}), \"{name} is of another size\");"
                    );
                    for field in fields {
                        let field_name = &field.name;
                        let _ = writeln!(
                            text,
                            "_Static_assert(offsetof({own}, {field_name}) == offsetof({name}, {field_name}), \"{name} is laid out differently\");"
                        );
                        let ours_alone = matches!(&field.ctype, CType::Named(of) if !headers.has_type(of));
                        if !ours_alone || is_plain(&field.ctype) {
                            compare(
                                &mut text,
                                name,
                                &format!("(({own} *)0)->{field_name}"),
                                &format!("(({name} *)0)->{field_name}"),
                            );
                        }
                    }
                }
            }
            _ => {}
        }
    }
    for item in &manifest.functions {
        if headers.declared.contains_key(&item.name) {
            line(&mut text, &item.name);
            let _ = writeln!(text, "#undef {}\n#line 1 \"openssl-sys-ext: {}\"", item.name, item.name);
            let _ = writeln!(text, "extern {};", rename(&item.prototype, &item.name));
            compare(&mut text, &item.name, &checked(&item.name), &item.name);
        }
    }
    text
}

fn is_plain(ctype: &CType) -> bool {
    matches!(ctype, CType::Named(name) if crate::generate::ctype::ARITHMETIC.iter().any(|(c, _)| c == name))
}

/// Whether a field's type is there to be compiled.
fn known(manifest: &Manifest, headers: &Headers, ctype: &CType) -> bool {
    match ctype {
        CType::Pointer { to, .. } => known(manifest, headers, to),
        CType::Named(name) => {
            let record = manifest.types.iter().find(|found| found.name == *name);
            match record.map(|found| &found.definition) {
                Some(Definition::Record { fields, .. }) => {
                    fields.iter().all(|field| known(manifest, headers, &field.ctype))
                }
                Some(_) => headers.has_type(name),
                None => true,
            }
        }
        _ => true,
    }
}

/// The name under which the manifest's declaration stands beside the header's.
fn checked(name: &str) -> String {
    format!("openssl_sys_ext_is_{name}")
}

fn rename(declaration: &str, name: &str) -> String {
    replace_name(declaration, name, &checked(name))
}

/// The declaration under another name.
pub fn replace_name(declaration: &str, name: &str, new: &str) -> String {
    let mut replaced = false;
    let mut text = String::new();
    for token in tokens(declaration) {
        let hit = token == name && !replaced;
        replaced |= hit;
        text.push_str(if hit { new } else { token });
        text.push(' ');
    }
    text
}

/// What C that calls the macros starts with.
///
/// A stack that is first named in a parameter list would be known there only.
pub fn shim_head(manifest: &Manifest) -> String {
    let mut text = includes();
    for found in manifest.types.iter().filter(|found| found.name.starts_with("stack_st_")) {
        let _ = writeln!(text, "struct {};", found.name);
    }
    text
}
