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
#[path = "c_to_rust/made_up.rs"]
mod made_up;
#[path = "c_to_rust/names.rs"]
mod names;
#[path = "c_to_rust/page.rs"]
mod page;
#[path = "c_to_rust/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use index::{Index, shown};
use names::{AREAS, Name, NotNeeded, repeated};
use source::Source;

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::of(&Source::read(root(), false)));

static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| names::names(root()));

static NOT_NEEDED: LazyLock<Vec<NotNeeded>> = LazyLock::new(|| {
    if blesses() {
        names::forget_replaced(root(), &INDEX.replacements().into_keys().collect());
    }
    names::not_needed(root())
});

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Whether what is made from the code is to be written, rather than checked.
fn blesses() -> bool {
    std::env::var_os("LIBSSL_BLESS").is_some()
}

/// Fails with one complaint a line.
fn none(complaint: &str, found: &[String]) {
    assert!(found.is_empty(), "{complaint}:\n{}", found.join("\n"));
}

#[test]
fn the_page_says_what_the_code_has() {
    let page = page::page(&NAMES, &NOT_NEEDED, &INDEX);
    let files = [("docs/c-to-rust.md", &page.text), ("src/guide/links.md", &page.links)];
    let mut stale = Vec::new();
    for (file, wanted) in files {
        let path = root().join(file);
        if fs::read_to_string(&path).is_ok_and(|text| text == **wanted) {
            continue;
        }
        if blesses() {
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
    let text = page::page(&NAMES, &NOT_NEEDED, &INDEX).text;
    let mut rows = BTreeMap::<&str, usize>::new();
    for row in text.lines().filter_map(|line| line.strip_prefix("| ")) {
        let Some((name, _)) =
            row.trim_start_matches('[').strip_prefix('`').and_then(|row| row.split_once('`'))
        else {
            continue;
        };
        *rows.entry(name).or_default() += 1;
    }
    let wrong = NAMES.iter().filter(|name| rows.get(name.name.as_str()) != Some(&1));
    none(
        "these names have no row, or more than one",
        &wrong.map(|name| name.name.clone()).collect::<Vec<_>>(),
    );
}

#[test]
fn each_name_is_listed_once_in_an_area_of_the_page() {
    assert_eq!(repeated(NAMES.iter().map(|name| name.name.as_str())), [""; 0]);
    let areas: BTreeSet<_> = AREAS.iter().map(|(area, _)| *area).collect();
    let strange = |name: &&Name| {
        !areas.contains(name.area.as_str())
            || !["function", "macro", "type", "constant"].contains(&name.kind.as_str())
            || name.since.parse::<f32>().is_err()
    };
    let strange = NAMES.iter().filter(strange).map(|name| name.name.clone());
    none("docs/c-names.tsv: no area of the page, no kind, or no version", &strange.collect::<Vec<_>>());
}

/// The raw declarations are checked against C's headers: what they have, the list must have.
#[test]
fn what_the_raw_declarations_have_of_libssl_is_listed_with_its_first_version() {
    let mut wrong = Vec::new();
    for file in ["functions.txt", "macros.txt"] {
        let text = fs::read_to_string(root().join("openssl-sys-ext/manifest").join(file)).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words = line.split('(').map(|text| text.rsplit([' ', '*']).next().unwrap_or_default());
            let ours = |word: &&str| ["SSL_", "DTLS", "BIO_"].iter().any(|prefix| word.starts_with(prefix));
            let Some(function) = words.into_iter().find(ours) else { continue };
            let listed = NAMES.iter().find(|name| name.name == function);
            if !listed.is_some_and(|name| line.starts_with(&format!("{}.0 ", name.since))) {
                wrong.push(format!("{function}: {:?}: {line}", listed.map(|name| &name.since)));
            }
        }
    }
    none("docs/c-names.tsv lacks these, or has another version", &wrong);
}

#[test]
fn each_alias_is_a_name_of_the_list() {
    let listed: BTreeSet<_> = NAMES.iter().map(|name| name.name.as_str()).collect();
    let unknown = INDEX.replacements().into_iter().filter(|(name, _)| !listed.contains(name));
    let unknown = unknown.map(|(name, targets)| format!("{name} on {}", targets[0].path));
    none("not in docs/c-names.tsv, a misspelling or a line to add", &unknown.collect::<Vec<_>>());
}

#[test]
fn aliases_stand_on_what_users_reach() {
    none("an alias on what is not public", &INDEX.hidden);
}

#[test]
fn no_name_is_both_replaced_and_not_needed() {
    let mut wrong: Vec<_> = repeated(NOT_NEEDED.iter().map(|rule| rule.pattern.as_str()))
        .into_iter()
        .map(|pattern| format!("{pattern}: twice"))
        .collect();
    let replaced = INDEX.replacements();
    for rule in &*NOT_NEEDED {
        if let Some(targets) = replaced.get(rule.pattern.as_str()) {
            wrong.push(format!("{}: there is {}", rule.pattern, targets[0].path));
        } else if !NAMES.iter().any(|name| rule.covers(&name.name)) {
            wrong.push(format!("{}: speaks of no name of the list", rule.pattern));
        }
        let lost = page::links_in(&rule.reason).filter(|path| !INDEX.targets.contains_key(*path));
        wrong.extend(lost.map(|path| format!("{}: {path} is no public item", rule.pattern)));
        if rule.reason.trim().is_empty() || rule.reason.contains('|') {
            wrong.push(format!("{}: no reason that a table can hold", rule.pattern));
        }
    }
    none("docs/c-not-needed.tsv", &wrong);
}

/// What calls these does not stand for them: they give back or share an object, or empty the queue.
fn is_helper(function: &str) -> bool {
    function == "ERR_clear_error" || function.ends_with("_free") || function.ends_with("_up_ref")
}

/// What stands for no name of C, though it calls one on its way.
const NAMELESS: &[&str] =
    &["SslRef::is_poisoned", "ocsp::OcspRequest::copy_from_ptr", "x509::X509NameBuilder::build"];

#[test]
fn what_wraps_a_function_of_c_bears_its_name() {
    let functions = NAMES.iter().filter(|name| ["function", "macro"].contains(&name.kind.as_str()));
    let functions = functions.map(|name| name.name.as_str()).filter(|name| !is_helper(name)).collect();
    let nameless = INDEX.nameless(&functions);
    let excused = |path: &str| nameless.iter().any(|(target, _)| target.path == path);
    let needless = NAMELESS.iter().filter(|path| !excused(path));
    let mut wrong: Vec<_> = needless.map(|path| format!("{path} is an exception for nothing")).collect();
    for (target, calls) in nameless.iter().filter(|(target, _)| !NAMELESS.contains(&target.path.as_str())) {
        wrong.push(format!("{}: {}: {calls:?}", shown(&target.item.file), target.path));
    }
    none("public, calls C or cites its manual, and has no #[doc(alias)]", &wrong);
}
