//! The crate's items as its source declares them, with those that its macros make.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, ImplItem, Item as Syntax, Visibility};

use super::expand::Rules;
use super::item::{Item, calls, last, words};

/// A module, with what stands in it.
#[derive(Default)]
pub struct Module {
    pub path: Vec<String>,
    pub children: HashMap<String, (bool, usize)>,
    pub items: Vec<Item>,
    pub uses: Vec<Use>,
}

/// One name that a `use` brings in, or all (`*`).
pub struct Use {
    pub public: bool,
    pub name: String,
    pub target: Vec<String>,
}

/// The whole crate.
pub struct Source {
    pub modules: Vec<Module>,
    impls: Vec<(usize, Vec<String>, Vec<Item>)>,
    macros: HashMap<(PathBuf, String), Rules>,
    /// What is behind a feature of the crate counts too.
    features: bool,
}

impl Source {
    /// Reads the crate from its `lib.rs` on, with or without what is behind its features, which docs.rs does not show.
    pub fn read(root: &Path, features: bool) -> Self {
        let (impls, macros) = (Vec::new(), HashMap::new());
        let mut source = Self { modules: vec![Module::default()], impls, macros, features };
        let file = root.join("src/lib.rs");
        source.file(0, &file, &root.join("src"));
        source.attach();
        source
    }

    fn file(&mut self, module: usize, file: &Path, folder: &Path) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.items(module, parsed.items, file, folder);
    }

    fn items(&mut self, module: usize, items: Vec<Syntax>, file: &Path, folder: &Path) {
        for item in items {
            self.item(module, item, file, folder);
        }
    }

    fn item(&mut self, module: usize, item: Syntax, file: &Path, folder: &Path) {
        let mut found = match &item {
            Syntax::Struct(item) => Item::new(&item.ident, "struct", &item.vis, &item.attrs, file),
            Syntax::Enum(item) => Item::new(&item.ident, "enum", &item.vis, &item.attrs, file),
            Syntax::Union(item) => Item::new(&item.ident, "union", &item.vis, &item.attrs, file),
            Syntax::Trait(item) => Item::new(&item.ident, "trait", &item.vis, &item.attrs, file),
            Syntax::Type(item) => Item::new(&item.ident, "type", &item.vis, &item.attrs, file),
            Syntax::Const(item) => Item::new(&item.ident, "constant", &item.vis, &item.attrs, file),
            Syntax::Static(item) => Item::new(&item.ident, "static", &item.vis, &item.attrs, file),
            Syntax::Fn(item) => {
                let mut found = Item::new(&item.sig.ident, "fn", &item.vis, &item.attrs, file);
                found.calls = calls(&item.block);
                found
            }
            Syntax::Mod(_) | Syntax::Use(_) | Syntax::Impl(_) | Syntax::Macro(_) => {
                return self.structure(module, item, file, folder);
            }
            _ => return,
        };
        match &item {
            Syntax::Struct(item) => {
                for field in &item.fields {
                    let Some(name) = &field.ident else { continue };
                    found.members.push(Item::new(name, "structfield", &field.vis, &field.attrs, file));
                }
            }
            Syntax::Enum(item) => {
                for variant in &item.variants {
                    let public = Visibility::Public(syn::token::Pub::default());
                    found.members.push(Item::new(&variant.ident, "variant", &public, &variant.attrs, file));
                }
            }
            Syntax::Trait(item) => {
                for function in &item.items {
                    let syn::TraitItem::Fn(function) = function else { continue };
                    let kind = if function.default.is_some() { "method" } else { "tymethod" };
                    let mut member = Item::new(&function.sig.ident, kind, &item.vis, &function.attrs, file);
                    member.calls = function.default.as_ref().map(calls).unwrap_or_default();
                    found.members.push(member);
                }
            }
            _ => {}
        }
        if !self.hides(attributes(&item)) {
            self.modules[module].items.push(found);
        }
    }

    /// Whether an item is for tests alone, or behind a feature of the crate that is not asked for.
    fn hides(&self, attrs: &[Attribute]) -> bool {
        attrs.iter().filter(|attr| attr.path().is_ident("cfg")).any(|attr| {
            let syn::Meta::List(list) = &attr.meta else { return false };
            let mut names = BTreeSet::new();
            words(list.tokens.clone(), &mut names);
            let has = |name: &str| names.contains(name);
            has("test") || has("doctest") || has("feature") && !self.features
        })
    }

    fn structure(&mut self, module: usize, item: Syntax, file: &Path, folder: &Path) {
        if self.hides(attributes(&item)) {
            return;
        }
        match item {
            Syntax::Mod(item) => {
                let name = item.ident.to_string();
                let path = [self.modules[module].path.clone(), vec![name.clone()]].concat();
                let child = self.modules.len();
                self.modules.push(Module { path, ..Module::default() });
                let public = matches!(item.vis, Visibility::Public(_));
                self.modules[module].children.insert(name.clone(), (public, child));
                let inner = folder.join(&name);
                match item.content {
                    Some((_, items)) => self.items(child, items, file, &inner),
                    None => {
                        let flat = folder.join(format!("{name}.rs"));
                        let file = if flat.exists() { flat } else { inner.join("mod.rs") };
                        self.file(child, &file, &inner);
                    }
                }
            }
            Syntax::Use(item) => {
                let public = matches!(item.vis, Visibility::Public(_));
                let mut uses = Vec::new();
                names(&item.tree, Vec::new(), &mut |name, target| uses.push(Use { public, name, target }));
                self.modules[module].uses.extend(uses);
            }
            Syntax::Impl(item) => {
                let Some(path) = type_path(&item.self_ty) else { return };
                let of_trait = item.trait_.is_some();
                let members = self.members(item.items, of_trait, file);
                self.impls.push((module, path, members));
            }
            Syntax::Macro(item) => self.invocation(module, item, file, folder),
            _ => {}
        }
    }

    fn members(&self, items: Vec<ImplItem>, of_trait: bool, file: &Path) -> Vec<Item> {
        let mut members = Vec::new();
        for item in items {
            let mut member = match &item {
                ImplItem::Fn(item) => {
                    let mut member = Item::new(&item.sig.ident, "method", &item.vis, &item.attrs, file);
                    member.calls = calls(&item.block);
                    member
                }
                ImplItem::Const(item) => {
                    Item::new(&item.ident, "associatedconstant", &item.vis, &item.attrs, file)
                }
                ImplItem::Macro(item) => {
                    let name = last(&item.mac.path);
                    let Some(made) = self.expansion(file, &name, item.mac.tokens.clone()) else { continue };
                    let made: TokenStream =
                        [TokenTree::Group(proc_macro2::Group::new(proc_macro2::Delimiter::Brace, made))]
                            .into_iter()
                            .collect();
                    let parse = |stream: syn::parse::ParseStream<'_>| {
                        let content;
                        syn::braced!(content in stream);
                        let mut items = Vec::new();
                        while !content.is_empty() {
                            items.push(content.parse::<ImplItem>()?);
                        }
                        Ok(items)
                    };
                    let made = syn::parse::Parser::parse2(parse, made);
                    let made = made.unwrap_or_else(|error| panic!("{}: {name}!: {error}", file.display()));
                    members.extend(self.members(made, of_trait, file));
                    continue;
                }
                _ => continue,
            };
            member.public |= of_trait;
            member.of_trait |= of_trait;
            if of_trait {
                member.cites_c = false;
                member.calls.clear();
            }
            members.push(member);
        }
        members
    }

    fn invocation(&mut self, module: usize, item: syn::ItemMacro, file: &Path, folder: &Path) {
        let name = last(&item.mac.path);
        let tokens = item.mac.tokens;
        match name.as_str() {
            "macro_rules" => {
                let Some(name) = item.ident else { return };
                self.macros.insert((file.to_owned(), name.to_string()), Rules::parse(tokens));
            }
            "bitflags" => self.bitflags(module, tokens, file),
            "foreign_type" | "crossing_type" => self.foreign_type(module, tokens, file),
            _ => {
                let Some(made) = self.expansion(file, &name, tokens) else { return };
                let made = syn::parse2::<syn::File>(made);
                let made = made.unwrap_or_else(|error| panic!("{}: {name}!: {error}", file.display()));
                self.items(module, made.items, file, folder);
            }
        }
    }

    /// What a macro of the crate makes; one that the file does not define is looked for in the others.
    fn expansion(&self, file: &Path, name: &str, tokens: TokenStream) -> Option<TokenStream> {
        let here = self.macros.get(&(file.to_owned(), name.to_owned()));
        let rules =
            here.or_else(|| self.macros.iter().find(|(key, _)| key.1 == name).map(|(_, rules)| rules))?;
        let made = rules.expand(tokens);
        Some(made.unwrap_or_else(|| panic!("{}: {name}! fits no rule", file.display())))
    }

    /// `bitflags! { #[…] pub struct NAME: BITS { const FLAG = …; } }`
    fn bitflags(&mut self, module: usize, tokens: TokenStream, file: &Path) {
        let parse = |stream: syn::parse::ParseStream<'_>| {
            let mut types = Vec::new();
            while !stream.is_empty() {
                let attrs = stream.call(Attribute::parse_outer)?;
                let visibility: Visibility = stream.parse()?;
                stream.parse::<syn::Token![struct]>()?;
                let mut item = Item::new(&stream.parse::<syn::Ident>()?, "struct", &visibility, &attrs, file);
                stream.parse::<syn::Token![:]>()?;
                stream.parse::<syn::Type>()?;
                let flags;
                syn::braced!(flags in stream);
                while !flags.is_empty() {
                    let attrs = flags.call(Attribute::parse_outer)?;
                    flags.parse::<syn::Token![const]>()?;
                    if flags.parse::<Option<syn::Token![_]>>()?.is_none() {
                        let name = flags.parse::<syn::Ident>()?;
                        item.members.push(Item::new(&name, "associatedconstant", &visibility, &attrs, file));
                    }
                    flags.parse::<syn::Token![=]>()?;
                    flags.parse::<syn::Expr>()?;
                    flags.parse::<syn::Token![;]>()?;
                }
                types.push(item);
            }
            Ok(types)
        };
        let types = syn::parse::Parser::parse2(parse, tokens);
        let types = types.unwrap_or_else(|error| panic!("{}: bitflags!: {error}", file.display()));
        self.modules[module].items.extend(types);
    }

    /// `foreign_type! { #[…] pub unsafe type NAME: … { … } }` makes `NAME` and `NAMERef`.
    fn foreign_type(&mut self, module: usize, tokens: TokenStream, file: &Path) {
        let parse = |stream: syn::parse::ParseStream<'_>| {
            let attrs = stream.call(Attribute::parse_outer)?;
            let visibility: Visibility = stream.parse()?;
            stream.parse::<syn::Token![unsafe]>()?;
            stream.parse::<syn::Token![type]>()?;
            let name = stream.parse::<syn::Ident>()?;
            stream.parse::<TokenStream>()?;
            Ok((name, visibility, attrs))
        };
        let parsed = syn::parse::Parser::parse2(parse, tokens);
        let (name, visibility, attrs) =
            parsed.unwrap_or_else(|error| panic!("{}: foreign_type!: {error}", file.display()));
        let owned = Item::new(&name, "struct", &visibility, &attrs, file);
        // rustdoc finds the borrowed form by the same words, but whoever looks for the type wants the owned one.
        let borrowed = Item { name: format!("{name}Ref"), aliases: Vec::new(), ..owned.clone() };
        self.modules[module].items.extend([owned, borrowed]);
    }

    /// Gives each `impl`'s members to their type.
    fn attach(&mut self) {
        for (module, path, members) in std::mem::take(&mut self.impls) {
            let Some((module, item)) = self.resolve(module, &path, 0) else { continue };
            self.modules[module].items[item].members.extend(members);
        }
    }

    /// The module that a path from a module leads to.
    fn module_at(&self, mut module: usize, path: &[String]) -> Option<usize> {
        for step in path {
            module = match step.as_str() {
                "crate" => 0,
                "self" => module,
                "super" => {
                    let parent = self.modules[module].path.split_last()?.1;
                    self.modules.iter().position(|module| module.path == parent)?
                }
                child => self.modules[module].children.get(child)?.1,
            };
        }
        Some(module)
    }

    /// The type, function or constant that a path from a module means, or `None` for what is not of this crate.
    pub fn resolve(&self, module: usize, path: &[String], depth: u8) -> Option<(usize, usize)> {
        let (name, folders) = path.split_last()?;
        let module = match self.module_at(module, folders) {
            Some(module) => module,
            // `use crate::ssl; … ssl::SslRef`
            None if depth < 8 => {
                let first = self.modules[module].uses.iter().find(|entry| entry.name == folders[0])?;
                let path = [&first.target, &path[1..]].concat();
                return self.resolve(module, &path, depth + 1);
            }
            None => return None,
        };
        let found = &self.modules[module];
        if let Some(item) = found.items.iter().position(|item| item.name == *name) {
            return Some((module, item));
        }
        let uses = found.uses.iter().filter(|entry| entry.name == *name || entry.name == "*");
        uses.filter(|_| depth < 8).find_map(|entry| {
            let mut target = entry.target.clone();
            if entry.name == "*" {
                target.push(name.clone());
            }
            (target != path).then(|| self.resolve(module, &target, depth + 1)).flatten()
        })
    }

    /// The modules and items that users of the crate reach, each item with every path that leads to it, which are the
    /// names below the crate's.
    pub fn public_paths(&self) -> BTreeMap<(usize, usize), Vec<Vec<String>>> {
        let mut paths = BTreeMap::<_, Vec<_>>::new();
        let mut to_visit = vec![0];
        while let Some(module) = to_visit.pop() {
            let found = &self.modules[module];
            to_visit.extend(found.children.values().filter(|(public, _)| *public).map(|(_, child)| child));
            let mut reach = |item: (usize, usize), name: &str| {
                let path = [found.path.clone(), vec![name.to_owned()]].concat();
                paths.entry(item).or_default().push(path);
            };
            for (index, item) in found.items.iter().enumerate().filter(|(_, item)| item.public) {
                reach((module, index), &item.name);
            }
            for entry in found.uses.iter().filter(|entry| entry.public) {
                if entry.name == "*" {
                    let Some(all) = self.module_at(module, &entry.target) else { continue };
                    let items = self.modules[all].items.iter().enumerate().filter(|(_, item)| item.public);
                    items.for_each(|(index, item)| reach((all, index), &item.name));
                } else if let Some(item) = self.resolve(module, &entry.target, 0) {
                    reach(item, &entry.name);
                }
            }
        }
        paths
    }

    /// What the functions of a module and those below it refer to, by the functions' names.
    pub fn calls_below(&self, path: &[&str]) -> HashMap<String, BTreeSet<String>> {
        let below =
            |module: &&Module| module.path.iter().zip(path).filter(|(a, b)| a == b).count() == path.len();
        let items = self.modules.iter().filter(below).flat_map(|module| &module.items);
        items.filter(|item| item.kind == "fn").map(|item| (item.name.clone(), item.calls.clone())).collect()
    }
}

fn attributes(item: &Syntax) -> &[Attribute] {
    match item {
        Syntax::Struct(item) => &item.attrs,
        Syntax::Enum(item) => &item.attrs,
        Syntax::Trait(item) => &item.attrs,
        Syntax::Fn(item) => &item.attrs,
        Syntax::Mod(item) => &item.attrs,
        Syntax::Impl(item) => &item.attrs,
        _ => &[],
    }
}

/// The names that a `use` brings in.
fn names(tree: &syn::UseTree, mut path: Vec<String>, found: &mut dyn FnMut(String, Vec<String>)) {
    match tree {
        syn::UseTree::Path(step) => {
            path.push(step.ident.to_string());
            names(&step.tree, path, found);
        }
        syn::UseTree::Group(group) => {
            for tree in &group.items {
                names(tree, path.clone(), found);
            }
        }
        syn::UseTree::Glob(_) => found("*".to_owned(), path),
        syn::UseTree::Name(name) if name.ident == "self" => {
            found(path.last().cloned().unwrap_or_default(), path);
        }
        syn::UseTree::Name(name) => {
            path.push(name.ident.to_string());
            found(name.ident.to_string(), path);
        }
        syn::UseTree::Rename(name) => {
            path.push(name.ident.to_string());
            found(name.rename.to_string(), path);
        }
    }
}

fn type_path(of: &syn::Type) -> Option<Vec<String>> {
    match of {
        syn::Type::Path(path) if path.qself.is_none() => {
            Some(path.path.segments.iter().map(|step| step.ident.to_string()).collect())
        }
        syn::Type::Reference(reference) => type_path(&reference.elem),
        syn::Type::Group(group) => type_path(&group.elem),
        _ => None,
    }
}
