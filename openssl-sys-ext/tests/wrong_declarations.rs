//! A declaration that differs from the installed header in a way that matters is refused, by name.

// The tests use parts of the generator, and the parts of their helpers.
#![allow(dead_code)]

mod common;
#[path = "../build/generate.rs"]
mod generate;

use std::collections::BTreeSet;

use generate::headers::{Headers, check};
use generate::manifest::{Definition, Manifest};
use generate::toolchain::Toolchain;
use generate::{Strictness, ctype};

struct Installed {
    manifest: Manifest,
    toolchain: Toolchain,
    headers: Headers,
}

impl Installed {
    fn read() -> Self {
        let manifest = common::manifest();
        let toolchain = common::toolchain(common::build());
        let headers = Headers::read(&manifest, &toolchain).unwrap();
        Self { manifest, toolchain, headers }
    }

    fn names_refused(&self, manifest: &Manifest) -> BTreeSet<String> {
        let error = check(manifest, &self.headers, &self.toolchain, false).unwrap_err();
        let first = error.lines().next().unwrap();
        let names = first
            .strip_prefix("declared differently from the installed header: ")
            .unwrap_or_else(|| panic!("{error}"));
        names.split(", ").map(str::to_owned).collect()
    }

    /// Changes the prototype of every function that `change` can be applied to, and expects exactly those to be refused.
    fn refuses(&self, at_least: usize, change: impl Fn(&str) -> Option<String>) {
        let mut manifest = self.manifest.clone();
        let mut changed = BTreeSet::new();
        for item in &mut manifest.functions {
            if let Some(wrong) =
                change(&item.prototype).filter(|_| self.headers.declared.contains_key(&item.name))
            {
                item.prototype = wrong;
                changed.insert(item.name.clone());
            }
        }
        assert!(changed.len() >= at_least, "only {} functions were changed", changed.len());
        assert_eq!(self.names_refused(&manifest), changed);
    }
}

/// Replaces the first run of tokens after the name's parenthesis that equals `from` and is not part of a longer type.
fn in_parameters(prototype: &str, from: &[&str], to: &str) -> Option<String> {
    let tokens = ctype::tokens(prototype);
    let open = tokens.iter().position(|&token| token == "(")?;
    let at = (open..tokens.len()).find(|&at| {
        tokens[at..].starts_with(from) && !matches!(tokens[at - 1], "unsigned" | "long" | "short")
    })?;
    let mut changed: Vec<&str> = tokens[..at].to_vec();
    changed.push(to);
    changed.extend(&tokens[at + from.len()..]);
    Some(changed.join(" "))
}

#[test]
fn the_manifest_agrees_with_the_installed_headers() {
    let installed = Installed::read();
    check(&installed.manifest, &installed.headers, &installed.toolchain, false).unwrap();
}

#[test]
fn a_missing_parameter_is_refused() {
    Installed::read().refuses(500, |prototype| {
        let inside = prototype.strip_suffix(')')?;
        // The last parameter's comma, outside of the parentheses of callbacks.
        let mut depth = 0;
        let comma = inside.char_indices().rev().find(|&(_, c)| {
            depth += i32::from(c == ')') - i32::from(c == '(');
            c == ',' && depth == 0
        });
        comma.filter(|_| !prototype.contains("...")).map(|(at, _)| format!("{})", &inside[..at]))
    });
}

#[test]
fn a_parameter_too_many_is_refused() {
    Installed::read().refuses(900, |prototype| {
        let inside = prototype.strip_suffix(')').filter(|_| !prototype.contains("..."))?;
        Some(match inside.strip_suffix("(void") {
            Some(inside) => format!("{inside}(int)"),
            None => format!("{inside}, int)"),
        })
    });
}

#[test]
fn an_integer_of_another_width_is_refused() {
    let installed = Installed::read();
    installed.refuses(200, |prototype| in_parameters(prototype, &["int"], "long"));
    installed.refuses(60, |prototype| in_parameters(prototype, &["size_t"], "unsigned int"));
    installed.refuses(15, |prototype| in_parameters(prototype, &["long"], "int"));
}

#[test]
fn an_integer_of_another_sign_is_refused() {
    let installed = Installed::read();
    installed.refuses(200, |prototype| in_parameters(prototype, &["int"], "unsigned int"));
    installed.refuses(15, |prototype| in_parameters(prototype, &["unsigned", "int"], "int"));
    installed.refuses(60, |prototype| in_parameters(prototype, &["size_t"], "ssize_t"));
}

#[test]
fn an_integer_of_another_sign_behind_a_pointer_is_refused() {
    let installed = Installed::read();
    installed.refuses(20, |prototype| in_parameters(prototype, &["int", "*"], "unsigned int *"));
    installed.refuses(20, |prototype| in_parameters(prototype, &["size_t", "*"], "ssize_t *"));
    installed.refuses(40, |prototype| in_parameters(prototype, &["unsigned", "char", "*"], "char *"));
}

#[test]
fn another_pointee_is_refused() {
    let installed = Installed::read();
    installed.refuses(60, |prototype| in_parameters(prototype, &["SSL", "*"], "SSL_CTX *"));
    installed.refuses(60, |prototype| in_parameters(prototype, &["SSL_CTX", "*"], "SSL *"));
    installed.refuses(60, |prototype| in_parameters(prototype, &["BIO", "*"], "BIO **"));
    installed.refuses(10, |prototype| {
        in_parameters(prototype, &["STACK_OF", "(", "X509", ")"], "STACK_OF(X509_NAME)")
    });
}

#[test]
fn another_result_is_refused() {
    let installed = Installed::read();
    installed.refuses(400, |prototype| prototype.strip_prefix("int ").map(|rest| format!("long {rest}")));
    installed.refuses(100, |prototype| {
        prototype
            .strip_prefix("void ")
            .filter(|rest| !rest.starts_with(['*', '(']))
            .map(|rest| format!("int {rest}"))
    });
}

/// `const` is no part of the ABI, and differs between versions.
#[test]
fn a_const_too_many_or_too_few_is_accepted() {
    let installed = Installed::read();
    let mut manifest = installed.manifest.clone();
    for item in &mut manifest.functions {
        item.prototype = match item.prototype.contains("const ") {
            true => item.prototype.replace("const ", ""),
            false => {
                in_parameters(&item.prototype, &["SSL", "*"], "const SSL *").unwrap_or(item.prototype.clone())
            }
        };
    }
    check(&manifest, &installed.headers, &installed.toolchain, false).unwrap();
}

#[test]
fn a_callback_or_a_structure_of_another_shape_is_refused() {
    let installed = Installed::read();
    let mut manifest = installed.manifest.clone();
    for found in &mut manifest.types {
        match &mut found.definition {
            Definition::Alias(text, _) if found.name == "SSL_psk_client_cb_func" => {
                *text = text.replacen("unsigned int max_psk_len", "int max_psk_len", 1)
            }
            Definition::Alias(text, _) if found.name == "SSL_verify_cb" => {
                *text = text.replacen("X509_STORE_CTX", "X509_STORE", 1)
            }
            Definition::Record { body, .. } if found.name == "BUF_MEM" => {
                *body = body.replacen("size_t length", "int length", 1)
            }
            Definition::Record { body, .. } if found.name == "TLS_SESSION_TICKET_EXT" => {
                *body = body.replacen("unsigned short", "short", 1)
            }
            _ => {}
        }
    }
    let refused = installed.names_refused(&manifest);
    // What takes a callback of that type still takes the header's, under its name.
    for name in ["SSL_psk_client_cb_func", "SSL_verify_cb", "BUF_MEM", "TLS_SESSION_TICKET_EXT"] {
        assert!(refused.contains(name), "{name} was accepted: {refused:?}");
    }
    assert_eq!(refused.len(), 4, "{refused:?}");
}

/// The whole way, from the text of the file to the message that stops the build.
#[test]
fn a_wrong_line_stops_the_build_with_the_function_in_the_message() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let functions = text("functions.txt")
        .replace("int SSL_has_pending(const SSL *s);", "int SSL_has_pending(const SSL *s, int all);");
    let manifest =
        Manifest::parse(&text("types.txt"), &functions, &text("macros.txt"), &text("constants.txt")).unwrap();

    let error =
        generate::generate(&manifest, &common::toolchain(common::build()), Strictness::Abi).unwrap_err();

    assert!(error.lines().next().unwrap().ends_with("header: SSL_has_pending"), "{error}");
}

/// C gives a macro no types, but it does know how many arguments it takes, and that a pointer is no integer.
#[test]
fn a_macro_of_another_shape_is_refused() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for (right, wrong, name) in [
        ("SSL_set_mode(SSL *ssl, long mode)", "SSL_set_mode(SSL *ssl)", "SSL_set_mode"),
        ("SSL_set_mode(SSL *ssl, long mode)", "SSL_set_mode(SSL_CTX *ssl, long mode)", "SSL_set_mode"),
        ("SSL_set_mode(SSL *ssl, long mode)", "SSL_set_mode(SSL *ssl, void *mode)", "SSL_set_mode"),
    ] {
        let macros = text("macros.txt").replace(right, wrong);
        let manifest =
            Manifest::parse(&text("types.txt"), &text("functions.txt"), &macros, &text("constants.txt"))
                .unwrap();

        let error = generate::generate(&manifest, &common::toolchain(common::build()), Strictness::Exact)
            .unwrap_err();

        assert!(error.contains(name), "{wrong}: {error}");
    }
}
