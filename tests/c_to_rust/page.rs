//! `docs/c-to-rust.md`, and the links that the crate's documentation gives it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::index::{Index, Target};
use super::names::{AREAS, Name, NotNeeded, reason};

/// What a row says of a name.
pub enum Answer<'a> {
    Replaced(Vec<&'a Target>),
    NotNeeded(&'a NotNeeded),
    NotYet,
}

/// Both files.
pub struct Page {
    pub text: String,
    pub links: String,
}

/// What is said of each name.
pub fn answers<'a>(
    names: &'a [Name],
    rules: &'a [NotNeeded],
    index: &'a Index,
) -> BTreeMap<&'a str, Answer<'a>> {
    let mut replacements = index.replacements();
    let answer = |name: &'a Name| {
        let answer = match (replacements.remove(name.name.as_str()), reason(rules, &name.name)) {
            (Some(targets), _) => Answer::Replaced(targets),
            (None, Some(rule)) => Answer::NotNeeded(rule),
            (None, None) => Answer::NotYet,
        };
        (name.name.as_str(), answer)
    };
    names.iter().map(answer).collect()
}

/// The paths in a reason: each stands as ``[`path`]``.
pub fn links_in(reason: &str) -> impl Iterator<Item = &str> {
    reason.split("[`").skip(1).filter_map(|rest| rest.split_once("`]")).map(|(path, _)| path)
}

/// Writes the page.
pub fn page(names: &[Name], rules: &[NotNeeded], index: &Index) -> Page {
    let answers = answers(names, rules, index);
    let mut text = HEAD.to_owned();
    let mut used = BTreeMap::new();
    for answer in answers.values() {
        match answer {
            Answer::Replaced(targets) => used.extend(targets.iter().map(|target| (&target.path, *target))),
            Answer::NotNeeded(rule) => {
                let targets = links_in(&rule.reason).filter_map(|path| index.targets.get(path));
                used.extend(targets.map(|target| (&target.path, target)));
            }
            Answer::NotYet => {}
        }
    }

    text.push_str("\n| | names | replaced | not needed | not yet |\n|---|--:|--:|--:|--:|\n");
    let mut sections = String::new();
    let mut total = [0; 4];
    for (area, title) in AREAS {
        let mut of_area: Vec<_> = names.iter().filter(|name| name.area == *area).collect();
        of_area.sort_by_key(|name| name.name.to_lowercase());
        let counts = count(of_area.iter().filter_map(|name| answers.get(name.name.as_str())));
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        count_row(&mut text, &format!("[{title}](#{})", anchor(title)), counts);
        let _ = write!(sections, "\n## {title}\n\n| C | OpenSSL | Rust |\n|---|---|---|\n");
        for name in of_area {
            let Some(answer) = answers.get(name.name.as_str()) else { continue };
            let _ = writeln!(sections, "| {} | {} | {} |", c_name(name), versions(name), said(answer));
        }
    }
    count_row(&mut text, "all", total);
    text.push_str(&sections);

    let mut links = String::new();
    text.push('\n');
    for (path, target) in used {
        let _ = writeln!(text, "[`{path}`]: {}", target.url);
        let _ = writeln!(links, "[`{path}`]: {}", target.link);
    }
    Page { text, links }
}

const HEAD: &str = "\
# From C to Rust

Each name of libssl's public API, and the names of libcrypto that TLS programs use beside them: what replaces it in this
crate, or why a Rust program does without it, or that it is not there yet. Paths begin at the crate, `libssl::`. A type in
the list that ends in `Ref` is what the owned one lends: what `SslRef` can do, `Ssl` can do.

The second column has the first OpenSSL 3 or 4 that knows the name, and since when it is deprecated or gone. What replaces
a name is there on every OpenSSL; where the one that runs cannot do it, the call says so.

This page is made from the code: `LIBSSL_BLESS=1 cargo test --test c_to_rust`.
";

fn count<'a>(answers: impl Iterator<Item = &'a Answer<'a>>) -> [usize; 4] {
    let mut counts = [0; 4];
    for answer in answers {
        counts[0] += 1;
        counts[match answer {
            Answer::Replaced(_) => 1,
            Answer::NotNeeded(_) => 2,
            Answer::NotYet => 3,
        }] += 1;
    }
    counts
}

fn count_row(text: &mut String, title: &str, [all, replaced, not_needed, not_yet]: [usize; 4]) {
    let _ = writeln!(text, "| {title} | {all} | {replaced} | {not_needed} | {not_yet} |");
}

/// The fragment that both rustdoc and the usual readers of Markdown give a heading.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn c_name(name: &Name) -> String {
    match &name.manual {
        Some(page) => format!("[`{}`](https://docs.openssl.org/master/man3/{page}/)", name.name),
        None => format!("`{}`", name.name),
    }
}

fn versions(name: &Name) -> String {
    let mut text = match name.since.as_str() {
        "1.0" => String::new(),
        since => since.to_owned(),
    };
    for (word, version) in [("deprecated in", &name.deprecated), ("gone in", &name.removed)] {
        if let Some(version) = version {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{word} {version}");
        }
    }
    text
}

fn said(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Replaced(targets) => {
            let paths: Vec<_> = targets.iter().map(|target| format!("[`{}`]", target.path)).collect();
            paths.join(", ")
        }
        Answer::NotNeeded(rule) => format!("not needed: {}", rule.reason),
        Answer::NotYet => "not yet".to_owned(),
    }
}
