//! Which public items stand for which names of C, and how each is linked to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::item::Item;
use super::source::Source;

/// A public item, as users of the crate find it.
pub struct Target {
    /// Its shortest path below the crate's name.
    pub path: String,
    /// The link to it inside the crate's documentation.
    pub link: String,
    /// Its page on docs.rs.
    pub url: String,
    pub item: Item,
}

/// The public items by their shortest path, and what went wrong with the others.
pub struct Index {
    pub targets: BTreeMap<String, Target>,
    /// Aliases on what users of the crate cannot reach.
    pub hidden: Vec<String>,
    /// What the functions refer to that stand between the crate and OpenSSL's versions.
    compat: HashMap<String, BTreeSet<String>>,
}

impl Index {
    pub fn of(source: &Source) -> Self {
        let paths = source.public_paths();
        let compat = source.calls_below(&["ffi", "compat"]);
        let mut index = Self { targets: BTreeMap::new(), hidden: Vec::new(), compat };
        for (number, module) in source.modules.iter().enumerate() {
            for (place, item) in module.items.iter().enumerate() {
                let Some(paths) = paths.get(&(number, place)) else {
                    index.hide(item, item);
                    item.members.iter().for_each(|member| index.hide(item, member));
                    continue;
                };
                let Some(shortest) = paths.iter().min_by_key(|path| (path.len(), path.join("::"))) else {
                    continue;
                };
                // rustdoc shows an item where it is declared or, if that is private, in the nearest module above it that
                // lets it out.
                let above = paths.iter().filter(|path| module.path.starts_with(&path[..path.len() - 1]));
                let page = above.max_by_key(|path| path.len()).unwrap_or(shortest);
                index.add(shortest, page, item, None);
                for member in &item.members {
                    if member.public {
                        index.add(shortest, page, item, Some(member));
                    } else {
                        index.hide(item, member);
                    }
                }
            }
        }
        index
    }

    fn hide(&mut self, item: &Item, member: &Item) {
        if !member.aliases.is_empty() {
            let place = format!("{}: {}::{}", shown(&item.file), item.name, member.name);
            self.hidden.push(format!("{place}: {}", member.aliases.join(", ")));
        }
    }

    fn add(&mut self, path: &[String], page: &[String], item: &Item, member: Option<&Item>) {
        let found = member.unwrap_or(item);
        let mut path = path.join("::");
        let of_type = format!("{}@crate::{path}", item.kind);
        let (name, folders) = page.split_last().map_or(("", page), |(name, rest)| (name.as_str(), rest));
        let folders: String = folders.iter().map(|folder| format!("{folder}/")).collect();
        let mut url = format!("https://docs.rs/libssl/latest/libssl/{folders}{}.{name}.html", item.kind);
        if member.is_some() {
            path = format!("{path}::{}", found.name);
            url = format!("{url}#{}.{}", found.kind, found.name);
        }
        let namespace = match found.kind {
            "tymethod" => "method",
            "structfield" => "field",
            "associatedconstant" | "constant" => "const",
            kind => kind,
        };
        let link = if found.of_trait { of_type } else { format!("{namespace}@crate::{path}") };
        let target = Target { path: path.clone(), link, url, item: found.clone() };
        // A method of the type and one of a trait may have the same name, as `flush` has.
        let known = self.targets.entry(path).or_insert(target);
        known.item.aliases.extend(found.aliases.iter().cloned());
        known.item.calls.extend(found.calls.iter().cloned());
    }

    /// The items that bear a name of C, as an alias or as their own.
    pub fn replacements(&self) -> BTreeMap<&str, Vec<&Target>> {
        let mut replacements = BTreeMap::<_, Vec<_>>::new();
        for target in self.targets.values() {
            let mut names: BTreeSet<_> = target.item.aliases.iter().collect();
            // A type that is called as in C may not bear its own name as an alias.
            names.extend(
                Some(&target.item.name).filter(|name| *name == "X509" && target.item.kind == "struct"),
            );
            for name in names {
                replacements.entry(name.as_str()).or_default().push(target);
            }
        }
        replacements
    }

    /// The items without a name of C that call one of `functions` or cite C's manual, with what gives them away.
    pub fn nameless<'a>(&'a self, functions: &BTreeSet<&'a str>) -> Vec<(&'a Target, Vec<&'a str>)> {
        let mut nameless = Vec::new();
        for target in self.targets.values().filter(|target| target.item.aliases.is_empty()) {
            let calls = &target.item.calls;
            let beyond = calls.iter().filter_map(|call| self.compat.get(call)).flatten();
            let calls: BTreeSet<_> = calls.iter().chain(beyond).map(String::as_str).collect();
            let calls: Vec<_> = calls.intersection(functions).copied().collect();
            let is_function = ["fn", "method", "tymethod"].contains(&target.item.kind);
            if !calls.is_empty() || is_function && target.item.cites_c {
                nameless.push((target, calls));
            }
        }
        nameless
    }
}

/// A file's path below the crate's root.
pub fn shown(file: &Path) -> String {
    file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(file).display().to_string()
}
