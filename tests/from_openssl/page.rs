//! `docs/from-openssl.md`: prose by hand, the files of `docs/from-openssl` word for word, and the table; and the links
//! that the crate's documentation gives it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::index::Index;
use super::table::{Ours, Row};

/// From here on the page is made of the table.
const MARK: &str = "<!-- the table, made from docs/openssl-crate.tsv -->\n";

/// The paths in a text: each stands as ``[`path`]``.
pub fn links_in(text: &str) -> impl Iterator<Item = &str> {
    text.split("[`").skip(1).filter_map(|rest| rest.split_once("`]")).map(|(path, _)| path)
}

/// The part that is written by hand, with each block as its file is, which a comment before it names.
pub fn prose(page: &str, root: &Path) -> String {
    let (head, _) = page.split_once(MARK).expect("the mark of the table");
    let mut renewed = String::new();
    let mut lines = head.lines();
    while let Some(line) = lines.next() {
        renewed += line;
        renewed.push('\n');
        let named = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some(name) = named.filter(|name| name.starts_with("from-openssl/")) else { continue };
        let fence = lines.next().filter(|line| line.starts_with("```")).expect("a block after its name");
        while lines.next().expect("the end of the block") != "```" {}
        let text = fs::read_to_string(root.join("docs").join(name)).expect("the file that is named");
        renewed += &format!("{fence}\n{text}```\n");
    }
    renewed
}

/// The page and the links. `shown` are the items that the crate's documentation has without features.
pub fn page(prose: &str, rows: &[Row], shown: &Index) -> (String, String) {
    let mut text = format!("{prose}{MARK}");
    let count = |is: &dyn Fn(&Ours) -> bool| rows.iter().filter(|row| is(&row.ours)).count();
    let replaced = count(&|ours| matches!(ours, Ours::Items(_)));
    let not_needed = count(&|ours| *ours == Ours::NotNeeded);
    let not_yet = rows.len() - replaced - not_needed;
    let _ = writeln!(
        text,
        "\nOf {} items {replaced} have one of ours, {not_needed} are not needed, {not_yet} are not there yet.",
        rows.len()
    );
    let mut section = "";
    for row in rows {
        if row.section() != section {
            section = row.section();
            let _ = write!(text, "\n## `{section}`\n\n| theirs | ours | |\n|---|---|---|\n");
        }
        let name = row.theirs.strip_prefix(section).unwrap_or_default().trim_start_matches("::");
        let name = if name.is_empty() { section } else { name };
        let _ = writeln!(text, "| `{name}` | {} | {} |", said(&row.ours, shown), row.note);
    }

    let mut used = BTreeMap::new();
    for path in links_in(&text) {
        used.extend(shown.targets.get(path).map(|target| (path.to_owned(), target)));
    }
    let mut links = String::new();
    text.push('\n');
    for (path, target) in used {
        let _ = writeln!(text, "[`{path}`]: {}", target.url);
        let _ = writeln!(links, "[`{path}`]: {}", target.link);
    }
    (text, links)
}

fn said(ours: &Ours, shown: &Index) -> String {
    let linked = |path: &String| match shown.targets.contains_key(path) {
        true => format!("[`{path}`]"),
        // Behind a feature: the documentation without it cannot link there.
        false => format!("`{path}`"),
    };
    match ours {
        Ours::Items(paths) => paths.iter().map(linked).collect::<Vec<_>>().join(", "),
        Ours::NotNeeded => "not needed".to_owned(),
        Ours::NotYet(planned) if planned.is_empty() => "not yet".to_owned(),
        Ours::NotYet(planned) => format!("not yet: `{}`", planned.join("`, `")),
    }
}
