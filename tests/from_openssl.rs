//! `docs/from-openssl.md` says what stands for each item of the `openssl` crate's module `ssl`, and of `tokio-openssl`. It is
//! made from `docs/openssl-crate.tsv` and the files of `docs/from-openssl`:
//!
//! ```console
//! $ LIBSSL_BLESS=1 cargo test --test from_openssl
//! ```
// A test that fails panics. Of the index of C's names only a part is used here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, unreachable_pub)]

mod commands;
mod common;

#[path = "from_openssl/differences.rs"]
mod differences;
#[path = "c_to_rust/expand.rs"]
mod expand;
#[path = "c_to_rust/index.rs"]
mod index;
#[path = "c_to_rust/item.rs"]
mod item;
#[path = "from_openssl/made_up.rs"]
mod made_up;
#[path = "from_openssl/page.rs"]
mod page;
#[path = "from_openssl/services.rs"]
mod services;
#[path = "c_to_rust/source.rs"]
mod source;
#[path = "from_openssl/table.rs"]
mod table;
#[path = "from_openssl/theirs.rs"]
mod theirs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use index::Index;
use source::Source;
use table::{Ours, Row};
use theirs::Theirs;

const PAGE: &str = "docs/from-openssl.md";
const LINKS: &str = "src/guide/from_openssl_links.md";

/// All that is public, with every feature of the crate.
static OURS: LazyLock<Index> = LazyLock::new(|| Index::of(&Source::read(root(), true)));

static THEIRS: LazyLock<Vec<Theirs>> = LazyLock::new(|| {
    let mut items = theirs::items(&theirs::folder("openssl").join("src/ssl/mod.rs"));
    let tokio = theirs::items(&theirs::folder("tokio-openssl").join("src/lib.rs"));
    items.extend(
        tokio.into_iter().map(|item| Theirs { path: format!("tokio_openssl::{}", item.path), ..item }),
    );
    items
});

/// When the page is to be written, the items that have come take their places first.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = table::rows(root());
    if blesses() {
        let theirs = by_path();
        for row in &mut rows {
            let arrived = row.arrived(&theirs, &OURS);
            if !arrived.is_empty() {
                row.ours = Ours::Items(arrived);
            }
        }
        table::save(root(), &rows);
    }
    rows
});

/// The page as it is, or with its files anew.
static PROSE: LazyLock<String> =
    LazyLock::new(|| page::prose(&fs::read_to_string(root().join(PAGE)).unwrap(), root()));

fn by_path() -> BTreeMap<&'static str, &'static Theirs> {
    THEIRS.iter().map(|item| (item.path.as_str(), item)).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blesses() -> bool {
    std::env::var_os("LIBSSL_BLESS").is_some()
}

/// Fails with one complaint a line.
fn none(complaint: &str, found: &[String]) {
    assert!(found.is_empty(), "{complaint}:\n{}", found.join("\n"));
}

#[test]
fn each_item_of_theirs_has_one_row() {
    let mut counts: BTreeMap<&str, usize> = THEIRS.iter().map(|item| (item.path.as_str(), 0)).collect();
    assert!(counts.len() > 400, "only {} items were found", counts.len());
    let mut wrong = Vec::new();
    for row in &*ROWS {
        match counts.get_mut(row.theirs.as_str()) {
            Some(count) => *count += 1,
            None => wrong.push(format!("{}: there is no such item", row.theirs)),
        }
    }
    let uneven = counts.iter().filter(|(_, count)| **count != 1);
    wrong.extend(uneven.map(|(path, count)| format!("{path}: {count} rows")));
    none("docs/openssl-crate.tsv", &wrong);
}

#[test]
fn rows_of_one_type_stand_together() {
    let mut sections: Vec<_> = ROWS.iter().map(Row::section).collect();
    sections.dedup();
    let distinct: BTreeSet<_> = sections.iter().collect();
    assert_eq!(distinct.len(), sections.len());
}

#[test]
fn each_item_of_ours_is_public() {
    let mut wrong = Vec::new();
    for row in &*ROWS {
        let Ours::Items(paths) = &row.ours else { continue };
        let lost = paths.iter().filter(|path| !OURS.targets.contains_key(*path));
        wrong.extend(lost.map(|path| format!("{}: {path}", row.theirs)));
    }
    none("no public item", &wrong);
}

#[test]
fn what_is_linked_to_is_public() {
    let texts = ROWS.iter().map(|row| row.note.as_str()).chain([PROSE.as_str()]);
    let lost = texts.flat_map(page::links_in).filter(|path| !OURS.targets.contains_key(*path));
    // A link with an address of its own.
    let lost = lost.filter(|path| *path != "openssl").map(str::to_owned);
    none("no public item", &lost.collect::<Vec<_>>());
}

#[test]
fn what_is_not_there_yet_is_not_there() {
    let theirs = by_path();
    let arrived = ROWS.iter().map(|row| (row, row.arrived(&theirs, &OURS)));
    let arrived = arrived.filter(|(_, paths)| !paths.is_empty());
    let arrived = arrived.map(|(row, paths)| format!("{}: {}", row.theirs, paths.join(", ")));
    none("it has come: LIBSSL_BLESS=1 cargo test --test from_openssl", &arrived.collect::<Vec<_>>());
}

/// A type has no name of C to tell that it has come, but its members have.
#[test]
fn a_type_of_which_something_is_there_is_there() {
    let is_type = |row: &&Row| row.section() == row.theirs && row.ours == Ours::NotYet(Vec::new());
    let has_some =
        |section: &str| ROWS.iter().any(|row| row.section() == section && matches!(row.ours, Ours::Items(_)));
    let wrong = ROWS.iter().filter(is_type).filter(|row| has_some(&row.theirs)).map(|row| row.theirs.clone());
    none("docs/openssl-crate.tsv: what is it now", &wrong.collect::<Vec<_>>());
}

#[test]
fn what_is_not_needed_has_a_reason_and_a_note_fits_its_table() {
    let wrong = ROWS
        .iter()
        .filter(|row| row.ours == Ours::NotNeeded && row.note.is_empty() || row.note.contains('|'));
    none("docs/openssl-crate.tsv", &wrong.map(|row| row.theirs.clone()).collect::<Vec<_>>());
}

#[test]
fn the_page_says_what_the_table_and_the_files_have() {
    let shown = Index::of(&Source::read(root(), false));
    let (page, links) = page::page(&PROSE, &ROWS, &shown);
    for (file, wanted) in [(PAGE, &page), (LINKS, &links)] {
        if blesses() {
            fs::write(root().join(file), wanted).unwrap();
        }
        let found = fs::read_to_string(root().join(file)).unwrap_or_default();
        assert!(found == *wanted, "{file} is stale: LIBSSL_BLESS=1 cargo test --test from_openssl");
    }
    for file in fs::read_dir(root().join("docs/from-openssl")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("<!-- from-openssl/{name} -->")), "the page does not show {name}");
    }
}
