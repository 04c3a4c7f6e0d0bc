//! The checks see what is wrong in a crate that was made up for them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::index::Index;
use super::names::{Name, NotNeeded, reason};
use super::page::{self, Answer};
use super::source::Source;

/// What the checks see in a crate of these two files.
fn index(name: &str, lib: &str, inner: &str) -> Index {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("c_to_rust").join(name);
    fs::create_dir_all(root.join("src/ssl")).unwrap();
    fs::write(root.join("src/lib.rs"), lib).unwrap();
    fs::write(root.join("src/ssl/mod.rs"), "mod inner;\npub use inner::*;\n").unwrap();
    fs::write(root.join("src/ssl/inner.rs"), inner).unwrap();
    Index::of(&Source::read(&root, false))
}

fn name(name: &str) -> Name {
    let text = |text: &str| text.to_owned();
    Name {
        name: text(name),
        kind: text("function"),
        since: text("3.2"),
        deprecated: None,
        removed: Some(text("4.0")),
        area: text("io"),
        manual: None,
    }
}

#[test]
fn what_a_macro_makes_is_found_by_the_path_that_users_write() {
    let index = index(
        "macros",
        "pub mod ssl;\npub use ssl::Ssl;\n",
        r#"
        pub struct Ssl;
        pub struct Context;
        macro_rules! getters {
            ($($type:ty { $($(#[$doc:meta])* $name:ident: $call:path, $c:literal;)* })*) => {
                $(impl $type {
                    $($(#[$doc])* #[doc(alias = $c)] pub fn $name(&self) -> i32 { unsafe { $call() } })*
                })*
            };
        }
        getters! {
            Ssl { /// Reads.
                  read: sys::SSL_read, "SSL_read"; peek: sys::SSL_peek, "SSL_peek"; }
            Context { read: sys::SSL_CTX_read, "SSL_CTX_read"; }
        }
        "#,
    );
    let found: Vec<_> =
        index.replacements().into_iter().map(|(name, targets)| (name.to_owned(), &targets[0].path)).collect();
    let found: Vec<_> = found.iter().map(|(name, path)| (name.as_str(), path.as_str())).collect();
    let wanted =
        [("SSL_CTX_read", "ssl::Context::read"), ("SSL_peek", "Ssl::peek"), ("SSL_read", "Ssl::read")];
    assert_eq!(found, wanted);
    let target = &index.targets["Ssl::read"];
    assert_eq!(target.url, "https://docs.rs/libssl/latest/libssl/ssl/struct.Ssl.html#method.read");
    assert_eq!(target.link, "method@crate::Ssl::read");
    assert_eq!(target.item.calls.iter().collect::<Vec<_>>(), ["SSL_read"]);
}

#[test]
fn a_method_of_a_trait_hides_none_of_the_type() {
    let index = index(
        "traits",
        "pub mod ssl;\n",
        r#"
        pub struct Ssl;
        impl Ssl {
            #[doc(alias = "SSL_flush")]
            pub fn flush(&mut self) {}
        }
        impl Write for Ssl { fn flush(&mut self) {} }
        "#,
    );
    assert_eq!(index.replacements()["SSL_flush"][0].path, "ssl::Ssl::flush");
}

#[test]
fn an_alias_on_what_is_private_is_seen() {
    let index = index(
        "private",
        "mod ssl;\npub mod open { pub use crate::ssl::Seen; }\n",
        r#"
        pub struct Seen;
        impl Seen {
            #[doc(alias = "SSL_read")]
            fn read(&self) {}
            #[doc(alias = "SSL_write")]
            pub fn write(&self) {}
        }
        #[doc(alias = "SSL_peek")]
        pub fn unseen() {}
        "#,
    );
    assert_eq!(index.replacements().into_keys().collect::<Vec<_>>(), ["SSL_write"]);
    assert_eq!(index.hidden.len(), 2, "{:?}", index.hidden);
}

#[test]
fn a_call_without_an_alias_is_seen_directly_and_through_what_hides_versions() {
    let index = index(
        "nameless",
        "pub mod ssl;\nmod ffi { pub mod compat { pub mod ssl { pub fn rtt() { ext::SSL_get_rtt(); } } } }\n",
        r#"
        pub fn direct() { sys::SSL_read(); }
        pub fn through() { compat::ssl::rtt(); }
        /// C: [`SSL_write(3)`](https://docs.openssl.org/)
        pub fn cited() {}
        pub fn other() { sys::SSL_unlisted(); }
        #[doc(alias = "SSL_read")]
        pub fn named() { sys::SSL_read(); }
        fn private() { sys::SSL_read(); }
        #[cfg(test)]
        pub fn tested() { sys::SSL_read(); }
        "#,
    );
    let nameless = index.nameless(&BTreeSet::from(["SSL_read", "SSL_get_rtt"]));
    let paths: Vec<_> =
        nameless.iter().map(|(target, calls)| (target.path.as_str(), calls.as_slice())).collect();
    assert_eq!(
        paths,
        [("ssl::cited", &[][..]), ("ssl::direct", &["SSL_read"][..]), ("ssl::through", &["SSL_get_rtt"][..])]
    );
}

#[test]
fn a_row_has_the_replacement_before_the_reason_and_says_so_where_there_is_neither() {
    let index = index("rows", "pub mod ssl;\n", "#[doc(alias = \"SSL_read\")]\npub fn read() {}\n");
    let names = [name("SSL_read"), name("SSL_reader"), name("SSL_write")];
    let rules = [NotNeeded { pattern: "SSL_read*".to_owned(), reason: "see [`ssl::read`]".to_owned() }];
    let answers = page::answers(&names, &rules, &index);
    assert!(matches!(&answers["SSL_read"], Answer::Replaced(targets) if targets[0].path == "ssl::read"));
    assert!(matches!(answers["SSL_reader"], Answer::NotNeeded(_)));
    assert!(matches!(answers["SSL_write"], Answer::NotYet));

    let page = page::page(&names, &rules, &index);
    for row in [
        "| `SSL_read` | 3.2, gone in 4.0 | [`ssl::read`] |",
        "| `SSL_reader` | 3.2, gone in 4.0 | not needed: see [`ssl::read`] |",
        "| `SSL_write` | 3.2, gone in 4.0 | not yet |",
        "| all | 3 | 1 | 1 | 1 |",
    ] {
        assert!(page.text.contains(row), "{row} is not in\n{}", page.text);
    }
    assert_eq!(page.links, "[`ssl::read`]: fn@crate::ssl::read\n");
}

#[test]
fn a_name_of_its_own_goes_before_the_families() {
    let rule = |pattern: &str| NotNeeded { pattern: pattern.to_owned(), reason: String::new() };
    let rules = [rule("*_free"), rule("SSL_*_new"), rule("SSL_free")];
    let found = |name| reason(&rules, name).map(|rule| rule.pattern.as_str());
    assert_eq!(found("SSL_free"), Some("SSL_free"));
    assert_eq!(found("SSL_CTX_free"), Some("*_free"));
    assert_eq!(found("SSL_CTX_new"), Some("SSL_*_new"));
    assert_eq!(found("SSL_new"), None);
    assert_eq!(found("SSL_freeze"), None);
}
