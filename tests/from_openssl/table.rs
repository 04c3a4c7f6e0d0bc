//! `docs/openssl-crate.tsv`: an item of the `openssl` crate or of `tokio-openssl`, ours beside it, and what to know.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::index::{Index, Target};
use super::theirs::Theirs;

const FILE: &str = "docs/openssl-crate.tsv";

/// One line.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub theirs: String,
    pub ours: Ours,
    /// What differs, or why there is nothing.
    pub note: String,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Ours {
    /// The public items that stand for it.
    Items(Vec<String>),
    NotNeeded,
    /// And the items that are to come, where their names are known.
    NotYet(Vec<String>),
}

const NOT_NEEDED: &str = "not needed";
const NOT_YET: &str = "not yet";

pub fn rows(root: &Path) -> Vec<Row> {
    let text = fs::read_to_string(root.join(FILE)).unwrap();
    text.lines().skip(1).map(Row::parse).collect()
}

/// Writes the lines back, each as it is, but for those whose items have come.
pub fn save(root: &Path, rows: &[Row]) {
    let lines = rows.iter().map(|row| format!("{}\t{}\t{}\n", row.theirs, row.ours.text(), row.note));
    fs::write(root.join(FILE), format!("theirs\tours\tnote\n{}", lines.collect::<String>())).unwrap();
}

impl Row {
    fn parse(line: &str) -> Self {
        let columns: Vec<_> = line.split('\t').collect();
        let &[theirs, ours, note] = columns.as_slice() else { panic!("{FILE} has three columns: {line:?}") };
        let paths = |text: &str| text.split(", ").map(str::to_owned).collect();
        let ours = match ours.strip_prefix(NOT_YET) {
            Some("") => Ours::NotYet(Vec::new()),
            Some(planned) => Ours::NotYet(paths(planned.strip_prefix(": ").unwrap())),
            None if ours == NOT_NEEDED => Ours::NotNeeded,
            None => Ours::Items(paths(ours)),
        };
        Self { theirs: theirs.to_owned(), ours, note: note.to_owned() }
    }

    /// The type that it is or belongs to.
    pub fn section(&self) -> &str {
        let steps = if self.theirs.starts_with("tokio_openssl::") { 2 } else { 1 };
        let end = self.theirs.match_indices("::").nth(steps - 1).map_or(self.theirs.len(), |(at, _)| at);
        &self.theirs[..end]
    }

    /// What has come since the line was written: the planned items, or those that bear the same name of C.
    pub fn arrived(&self, theirs: &BTreeMap<&str, &Theirs>, index: &Index) -> Vec<String> {
        let Ours::NotYet(planned) = &self.ours else { return Vec::new() };
        if !planned.is_empty() {
            return planned.iter().filter(|path| index.targets.contains_key(*path)).cloned().collect();
        }
        let replacements = index.replacements();
        let c_names = theirs.get(self.theirs.as_str()).into_iter().flat_map(|item| &item.c_names);
        let found = c_names.filter_map(|name| replacements.get(name.as_str())).flatten();
        let paths = found.map(|target: &&Target| target.path.clone());
        // What only C calls stands for nothing that Rust does.
        paths.filter(|path| !path.starts_with("callback::")).collect()
    }
}

impl Ours {
    pub fn text(&self) -> String {
        match self {
            Self::Items(paths) => paths.join(", "),
            Self::NotNeeded => NOT_NEEDED.to_owned(),
            Self::NotYet(planned) if planned.is_empty() => NOT_YET.to_owned(),
            Self::NotYet(planned) => format!("{NOT_YET}: {}", planned.join(", ")),
        }
    }
}
