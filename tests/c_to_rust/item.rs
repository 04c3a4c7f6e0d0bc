//! One item of the crate, and what is read of its attributes and body.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Visibility};

/// A type, a function, or a member of a type.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    /// As rustdoc calls it: `struct`, `fn`, `method`, `associatedconstant`, …
    pub kind: &'static str,
    pub public: bool,
    /// It implements a trait's: rustdoc links to the type alone.
    pub of_trait: bool,
    pub aliases: Vec<String>,
    /// The documentation names a page of C's manual.
    pub cites_c: bool,
    /// What its body refers to by its last name.
    pub calls: BTreeSet<String>,
    pub file: PathBuf,
    pub members: Vec<Item>,
}

impl Item {
    pub fn new(
        name: &syn::Ident,
        kind: &'static str,
        vis: &Visibility,
        attrs: &[Attribute],
        file: &Path,
    ) -> Self {
        let mut item = Self {
            name: name.to_string(),
            kind,
            public: matches!(vis, Visibility::Public(_)),
            of_trait: false,
            aliases: Vec::new(),
            cites_c: false,
            calls: BTreeSet::new(),
            file: file.to_owned(),
            members: Vec::new(),
        };
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("doc")) {
            match &attr.meta {
                syn::Meta::NameValue(doc) => item.cites_c |= cites_c(&doc.value),
                // An error is what has another form: `hidden`, `cfg(…)`.
                syn::Meta::List(_) => drop(attr.parse_nested_meta(|meta| {
                    if meta.path.is_ident("alias") {
                        item.aliases.push(meta.value()?.parse::<syn::LitStr>()?.value());
                    }
                    Ok(())
                })),
                syn::Meta::Path(_) => {}
            }
        }
        item
    }
}

/// `C: [`NAME(3)`](…)`, in a comment or in `concat!("C: [`", …)`.
fn cites_c(doc: &syn::Expr) -> bool {
    match doc {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
            text.value().trim().starts_with("C: [`") && text.value().contains("(3)")
        }
        syn::Expr::Macro(text) => text.mac.tokens.to_string().starts_with("\"C: [`\""),
        _ => false,
    }
}

/// The last names of all paths in a body, and all words in the macros that it calls.
pub fn calls(body: &syn::Block) -> BTreeSet<String> {
    struct Calls(BTreeSet<String>);
    impl Visit<'_> for Calls {
        fn visit_path(&mut self, path: &syn::Path) {
            self.0.insert(last(path));
            visit::visit_path(self, path);
        }
        fn visit_macro(&mut self, call: &syn::Macro) {
            words(call.tokens.clone(), &mut self.0);
        }
    }
    let mut calls = Calls(BTreeSet::new());
    calls.visit_block(body);
    calls.0
}

/// All words in tokens.
pub fn words(tokens: TokenStream, found: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => drop(found.insert(word.to_string())),
            TokenTree::Group(group) => words(group.stream(), found),
            _ => {}
        }
    }
}

/// The last name of a path.
pub fn last(path: &syn::Path) -> String {
    path.segments.last().map(|step| step.ident.to_string()).unwrap_or_default()
}
