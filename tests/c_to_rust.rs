//! `docs/c-to-rust.md` says of each name of C what replaces it. It is made from the aliases in `src/`:
//!
//! ```console
//! $ LIBSSL_BLESS=1 cargo test --test c_to_rust
//! ```
//!
//! `docs/c-names.tsv` has the names, `docs/c-not-needed.tsv` those that Rust does without, and why.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "c_to_rust/expand.rs"]
mod expand;
#[path = "c_to_rust/index.rs"]
mod index;
#[path = "c_to_rust/item.rs"]
mod item;
#[path = "c_to_rust/names.rs"]
mod names;
#[path = "c_to_rust/page.rs"]
mod page;
#[path = "c_to_rust/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use index::{Index, shown};
use names::{AREAS, Name, NotNeeded, repeated};
use source::Source;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn index() -> Index {
    Index::of(&Source::read(root()))
}

fn names() -> Vec<Name> {
    names::names(root())
}

fn not_needed() -> Vec<NotNeeded> {
    names::not_needed(root())
}

/// Fails with one complaint a line.
fn none(complaint: &str, found: &[String]) {
    assert!(found.is_empty(), "{complaint}:\n{}", found.join("\n"));
}

#[test]
fn the_page_says_what_the_code_has() {
    let page = page::page(&names(), &not_needed(), &index());
    let files = [("docs/c-to-rust.md", &page.text), ("src/guide/links.md", &page.links)];
    let bless = std::env::var_os("LIBSSL_BLESS").is_some();
    let mut stale = Vec::new();
    for (file, wanted) in files {
        let path = root().join(file);
        if fs::read_to_string(&path).is_ok_and(|text| text == **wanted) {
            continue;
        }
        if bless {
            fs::write(path, wanted).unwrap();
        } else {
            let text = fs::read_to_string(path).unwrap_or_default();
            let changed = wanted.lines().zip(text.lines()).find(|(wanted, text)| wanted != text);
            stale.push(format!("{file}: {}", changed.map_or("its length", |(wanted, _)| wanted)));
        }
    }
    none("stale, run LIBSSL_BLESS=1 cargo test --test c_to_rust", &stale);
}

#[test]
fn each_name_has_one_row() {
    let text = page::page(&names(), &not_needed(), &index()).text;
    let mut rows = BTreeMap::<&str, usize>::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("| ")) {
        let Some((name, _)) =
            row.trim_start_matches('[').strip_prefix('`').and_then(|row| row.split_once('`'))
        else {
            continue;
        };
        *rows.entry(name).or_default() += 1;
    }
    let wrong = names().into_iter().filter(|name| rows.get(name.name.as_str()) != Some(&1));
    none("these names have no row, or more than one", &wrong.map(|name| name.name).collect::<Vec<_>>());
}

#[test]
fn each_name_is_listed_once_in_an_area_of_the_page() {
    let names = names();
    assert_eq!(repeated(names.iter().map(|name| name.name.as_str())), [""; 0]);
    let areas: BTreeSet<_> = AREAS.iter().map(|(area, _)| *area).collect();
    let strange = |name: &&Name| {
        !areas.contains(name.area.as_str())
            || !["function", "macro", "type", "constant"].contains(&name.kind.as_str())
            || name.since.parse::<f32>().is_err()
    };
    let strange = names.iter().filter(strange).map(|name| name.name.clone());
    none("docs/c-names.tsv: no area of the page, no kind, or no version", &strange.collect::<Vec<_>>());
}

#[test]
fn each_alias_is_a_name_of_the_list() {
    let names = names();
    let listed: BTreeSet<_> = names.iter().map(|name| name.name.as_str()).collect();
    let index = index();
    let unknown = index.replacements().into_iter().filter(|(name, _)| !listed.contains(name));
    let unknown = unknown.map(|(name, targets)| format!("{name} on {}", targets[0].path));
    none("not in docs/c-names.tsv, a misspelling or a line to add", &unknown.collect::<Vec<_>>());
}

#[test]
fn aliases_stand_on_what_users_reach() {
    none("an alias on what is not public", &index().hidden);
}

#[test]
fn no_name_is_both_replaced_and_not_needed() {
    let (names, rules, index) = (names(), not_needed(), index());
    let mut wrong: Vec<_> = repeated(rules.iter().map(|rule| rule.pattern.as_str()))
        .into_iter()
        .map(|pattern| format!("{pattern}: twice"))
        .collect();
    let replaced = index.replacements();
    for rule in &rules {
        if let Some(targets) = replaced.get(rule.pattern.as_str()) {
            wrong.push(format!("{}: there is {}", rule.pattern, targets[0].path));
        } else if !names.iter().any(|name| rule.covers(&name.name)) {
            wrong.push(format!("{}: speaks of no name of the list", rule.pattern));
        }
        let lost = page::links_in(&rule.reason).filter(|path| !index.targets.contains_key(*path));
        wrong.extend(lost.map(|path| format!("{}: {path} is no public item", rule.pattern)));
        if rule.reason.trim().is_empty() || rule.reason.contains('|') {
            wrong.push(format!("{}: no reason that a table can hold", rule.pattern));
        }
    }
    none("docs/c-not-needed.tsv", &wrong);
}

/// What calls these does not stand for them.
const HELPERS: &[&str] = &["ERR_clear_error"];

/// What stands for no name of C, though it calls one on its way.
const NAMELESS: &[&str] = &["SslRef::is_poisoned", "x509::X509NameBuilder::build"];

#[test]
fn what_wraps_a_function_of_c_bears_its_name() {
    let names = names();
    let functions: BTreeSet<_> = names
        .iter()
        .filter(|name| ["function", "macro"].contains(&name.kind.as_str()))
        .map(|name| name.name.as_str())
        .filter(|name| !HELPERS.contains(name))
        .collect();
    let source = Source::read(root());
    let compat = source.calls_below(&["ffi", "compat"]);
    let index = Index::of(&source);
    let mut nameless = Vec::new();
    for target in index.targets.values().filter(|target| target.item.aliases.is_empty()) {
        let is_function = ["fn", "method", "tymethod"].contains(&target.item.kind);
        let calls = target.item.calls.iter().chain(
            target
                .item
                .calls
                .iter()
                .filter_map(|call| compat.get(call.as_str()))
                .flat_map(|calls| calls.iter()),
        );
        let calls: Vec<_> = calls.filter(|call| functions.contains(call.as_str())).collect();
        if !calls.is_empty() || is_function && target.item.cites_c {
            nameless
                .push((&target.path, format!("{}: {}: {calls:?}", shown(&target.item.file), target.path)));
        }
    }
    let needless = NAMELESS.iter().filter(|path| !nameless.iter().any(|(nameless, _)| nameless == *path));
    let needless = needless.map(|path| format!("{path} is an exception for nothing"));
    let nameless = nameless.iter().filter(|(path, _)| !NAMELESS.contains(&path.as_str()));
    let wrong: Vec<_> = nameless.map(|(_, complaint)| complaint.clone()).chain(needless).collect();
    none("public, calls C or cites its manual, and has no #[doc(alias)]", &wrong);
}
