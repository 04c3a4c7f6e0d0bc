//! The public items of another crate, as its source declares them for OpenSSL 3 and 4.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, ImplItem, Item as Syntax, Visibility};

/// A type, a function or a member of a type.
#[derive(Debug, Clone)]
pub struct Theirs {
    /// `SslRef::version`
    pub path: String,
    /// What C calls it, by its `#[corresponds(…)]` or by the constant that it is made of.
    pub c_names: BTreeSet<String>,
}

/// Where the source of a crate is that the tests are built with.
pub fn folder(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let host = Command::new("rustc").arg("-vV").output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Without a platform it would ask for crates that other platforms need, which may not be on this machine.
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", host])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let paths = text.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut folders = paths.filter_map(|path| Path::new(path).parent().map(Path::to_owned));
    let is_it = |folder: &PathBuf| {
        let version =
            folder.file_name().and_then(|found| found.to_str()?.strip_prefix(name)?.strip_prefix('-'));
        version.is_some_and(|version| version.starts_with(|char: char| char.is_ascii_digit()))
    };
    folders.find(is_it).unwrap_or_else(|| panic!("no {name} among the dependencies"))
}

/// Reads a module with the private ones inside it, in the order of the source.
pub fn items(file: &Path) -> Vec<Theirs> {
    let mut reader = Reader::default();
    reader.file(file, true);
    let public: BTreeSet<_> = reader.types.iter().map(|found| found.path.clone()).collect();
    let mut items = reader.types;
    let reached = |item: &Theirs| public.contains(item.path.split("::").next().unwrap());
    items.extend(reader.members.into_iter().filter(reached));
    items
}

#[derive(Default)]
struct Reader {
    types: Vec<Theirs>,
    members: Vec<Theirs>,
    /// The names that the module itself lets out of those inside it.
    let_out: BTreeSet<String>,
}

impl Reader {
    fn file(&mut self, file: &Path, outer: bool) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.items(parsed.items, file, outer);
    }

    fn items(&mut self, items: Vec<Syntax>, file: &Path, outer: bool) {
        for item in items.iter().filter(|_| outer) {
            if let Syntax::Use(item) = item
                && is_public(&item.vis)
            {
                leaves(&item.tree, &mut self.let_out);
            }
        }
        for item in items {
            self.item(item, file, outer);
        }
    }

    fn item(&mut self, item: Syntax, file: &Path, outer: bool) {
        match item {
            Syntax::Mod(item) if item.content.is_none() && holds(&item.attrs) => {
                let name = format!("{}.rs", item.ident);
                self.file(&file.with_file_name(name), false);
            }
            Syntax::Impl(item) if item.trait_.is_none() && holds(&item.attrs) => {
                let syn::Type::Path(path) = &*item.self_ty else { return };
                let of = path.path.segments.last().unwrap().ident.to_string();
                item.items.into_iter().for_each(|member| self.member(&of, member));
            }
            Syntax::Struct(item) => {
                self.named(&item.ident, &item.vis, &item.attrs, outer);
                for field in item.fields.iter().filter(|field| is_public(&field.vis)) {
                    let name = field.ident.as_ref().map_or("0".to_owned(), ToString::to_string);
                    self.push(&item.ident.to_string(), &name, &field.attrs, BTreeSet::new());
                }
            }
            Syntax::Enum(item) => {
                self.named(&item.ident, &item.vis, &item.attrs, outer);
                for variant in &item.variants {
                    let name = variant.ident.to_string();
                    self.push(&item.ident.to_string(), &name, &variant.attrs, BTreeSet::new());
                }
            }
            Syntax::Trait(item) => self.named(&item.ident, &item.vis, &item.attrs, outer),
            Syntax::Type(item) => self.named(&item.ident, &item.vis, &item.attrs, outer),
            Syntax::Fn(item) => self.named(&item.sig.ident, &item.vis, &item.attrs, outer),
            Syntax::Const(item) => self.named(&item.ident, &item.vis, &item.attrs, outer),
            Syntax::Macro(item) => {
                let tokens = item.mac.tokens;
                match item.mac.path.segments.last().unwrap().ident.to_string().as_str() {
                    "cfg_if" => {
                        let chosen = branch.parse2(tokens).unwrap();
                        self.items(syn::parse2::<syn::File>(chosen).unwrap().items, file, outer);
                    }
                    "bitflags" => self.bitflags(tokens),
                    "foreign_type_and_impl_send_sync" if outer => self.foreign_type(tokens),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn named(&mut self, name: &syn::Ident, vis: &Visibility, attrs: &[Attribute], outer: bool) {
        let name = name.to_string();
        if is_public(vis) && holds(attrs) && (outer || self.let_out.contains(&name)) {
            self.types.push(Theirs { path: name, c_names: corresponds(attrs) });
        }
    }

    fn push(&mut self, of: &str, name: &str, attrs: &[Attribute], constants: BTreeSet<String>) {
        if !holds(attrs) {
            return;
        }
        let mut c_names = corresponds(attrs);
        c_names.extend(constants);
        self.members.push(Theirs { path: format!("{of}::{name}"), c_names });
    }

    fn member(&mut self, of: &str, member: ImplItem) {
        match member {
            ImplItem::Fn(item) if is_public(&item.vis) => {
                self.push(of, &item.sig.ident.to_string(), &item.attrs, BTreeSet::new());
            }
            ImplItem::Const(item) if is_public(&item.vis) => {
                let expr = &item.expr;
                self.push(of, &item.ident.to_string(), &item.attrs, constants(quote(expr)));
            }
            // `to_der! { #[corresponds(…)] to_der, … }`
            ImplItem::Macro(item) => {
                let parse = |stream: ParseStream<'_>| {
                    let attrs = stream.call(Attribute::parse_outer)?;
                    let name = stream.parse::<syn::Ident>()?;
                    stream.parse::<TokenStream>()?;
                    Ok((attrs, name))
                };
                let (attrs, name) = parse.parse2(item.mac.tokens).unwrap();
                self.push(of, &name.to_string(), &attrs, BTreeSet::new());
            }
            _ => {}
        }
    }

    /// `bitflags! { #[…] pub struct NAME: BITS { #[…] const FLAG = …; } }`
    fn bitflags(&mut self, tokens: TokenStream) {
        let mut parse = |stream: ParseStream<'_>| {
            let attrs = stream.call(Attribute::parse_outer)?;
            let vis: Visibility = stream.parse()?;
            stream.parse::<syn::Token![struct]>()?;
            let name = stream.parse::<syn::Ident>()?;
            stream.parse::<syn::Token![:]>()?;
            stream.parse::<syn::Type>()?;
            self.named(&name, &vis, &attrs, true);
            let flags;
            syn::braced!(flags in stream);
            while !flags.is_empty() {
                let attrs = flags.call(Attribute::parse_outer)?;
                flags.parse::<syn::Token![const]>()?;
                let flag = flags.parse::<syn::Ident>()?;
                flags.parse::<syn::Token![=]>()?;
                let value = flags.parse::<syn::Expr>()?;
                flags.parse::<syn::Token![;]>()?;
                self.push(&name.to_string(), &flag.to_string(), &attrs, constants(quote(&value)));
            }
            Ok(())
        };
        (|stream: ParseStream<'_>| parse(stream)).parse2(tokens).unwrap();
    }

    /// `…! { type …; fn …; #[…] pub struct NAME; #[…] pub struct NAMERef; }`
    fn foreign_type(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().map(|token| token.to_string()).collect();
        for at in 0..tokens.len() {
            if at >= 2 && tokens[at - 2..at] == ["pub", "struct"] {
                self.types.push(Theirs { path: tokens[at].clone(), c_names: BTreeSet::new() });
            }
        }
    }
}

fn is_public(vis: &Visibility) -> bool {
    matches!(vis, Visibility::Public(_))
}

fn leaves(tree: &syn::UseTree, found: &mut BTreeSet<String>) {
    match tree {
        syn::UseTree::Path(step) => leaves(&step.tree, found),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, found)),
        syn::UseTree::Name(name) => drop(found.insert(name.ident.to_string())),
        syn::UseTree::Rename(name) => drop(found.insert(name.rename.to_string())),
        syn::UseTree::Glob(_) => {}
    }
}

fn corresponds(attrs: &[Attribute]) -> BTreeSet<String> {
    let given = attrs.iter().filter(|attr| attr.path().is_ident("corresponds"));
    given
        .filter_map(|attr| attr.parse_args::<syn::Path>().ok()?.get_ident().map(ToString::to_string))
        .collect()
}

/// The tokens of what was parsed.
fn quote(expr: &syn::Expr) -> TokenStream {
    match expr {
        syn::Expr::Path(path) => {
            path.path.segments.iter().map(|step| TokenTree::from(step.ident.clone())).collect()
        }
        syn::Expr::Cast(cast) => quote(&cast.expr),
        syn::Expr::Call(call) => call.args.iter().flat_map(quote).collect(),
        syn::Expr::MethodCall(call) => quote(&call.receiver),
        _ => TokenStream::new(),
    }
}

/// `ffi::SSL_OP_ALL`, by C's name.
fn constants(tokens: TokenStream) -> BTreeSet<String> {
    tokens.into_iter().map(|token| token.to_string()).filter(|word| word.contains('_')).collect()
}

/// `if #[cfg(…)] { … } else if … else { … }`: what is inside of the one that holds.
fn branch(stream: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut chosen = None;
    loop {
        let mut fits = true;
        if stream.parse::<Option<syn::Token![if]>>()?.is_some() {
            fits = holds(&stream.call(Attribute::parse_outer)?);
        }
        let content;
        syn::braced!(content in stream);
        let tokens = content.parse::<TokenStream>()?;
        if fits && chosen.is_none() {
            chosen = Some(tokens);
        }
        if stream.parse::<Option<syn::Token![else]>>()?.is_none() {
            return Ok(chosen.unwrap_or_default());
        }
    }
}

/// Whether what bears these attributes is there with an OpenSSL 3 or 4 that has all its features.
fn holds(attrs: &[Attribute]) -> bool {
    let mut cfgs = attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    cfgs.all(|attr| attr.parse_args_with(condition).unwrap())
}

fn condition(stream: ParseStream<'_>) -> syn::Result<bool> {
    let name = stream.call(<syn::Ident as syn::ext::IdentExt>::parse_any)?.to_string();
    if stream.parse::<Option<syn::Token![=]>>()?.is_some() {
        stream.parse::<syn::Lit>()?;
        return Ok(name == "feature");
    }
    if !stream.peek(syn::token::Paren) {
        return Ok(name.starts_with("ossl"));
    }
    let content;
    syn::parenthesized!(content in stream);
    let parts = content.parse_terminated(Condition::parse, syn::Token![,])?;
    let mut parts = parts.iter().map(|part| part.0);
    Ok(match name.as_str() {
        "all" => parts.all(|part| part),
        "any" => parts.any(|part| part),
        _ => !parts.any(|part| part),
    })
}

struct Condition(bool);

impl Parse for Condition {
    fn parse(stream: ParseStream<'_>) -> syn::Result<Self> {
        condition(stream).map(Self)
    }
}
