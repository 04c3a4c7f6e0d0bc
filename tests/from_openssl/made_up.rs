//! The reader of the other crates' source, on a source made up for it.

use super::commands::Files;
use super::theirs;

const OUTER: &str = r#"
    pub use self::inner::Shown;
    mod inner;

    #[corresponds(SSL_f)]
    pub fn f() {}
    fn private() {}
    #[cfg(boringssl)]
    pub fn of_another_library() {}

    cfg_if! {
        if #[cfg(any(boringssl, awslc))] {
            pub fn first() {}
        } else if #[cfg(all(ossl300, not(osslconf = "OPENSSL_NO_PSK")))] {
            pub fn second() {}
        } else {
            pub fn third() {}
        }
    }

    bitflags! {
        /// Flags.
        pub struct Flags: Bits {
            const A = ffi::SSL_A as Bits;
            #[cfg(libressl)]
            const B = ffi::SSL_B;
        }
    }

    foreign_type_and_impl_send_sync! {
        type CType = ffi::SSL;
        fn drop = ffi::SSL_free;
        pub struct Ssl;
        pub struct SslRef;
    }

    impl SslRef {
        #[corresponds(SSL_version)]
        #[cfg(ossl110)]
        pub fn version(&self) {}
        fn helper(&self) {}
        to_der! {
            #[corresponds(i2d_SSL)]
            to_der,
            ffi::i2d_SSL
        }
    }
    impl Clone for SslRef {
        fn clone(&self) {}
    }
    pub enum Outcome { Done }
"#;

const INNER: &str = "
    pub struct Shown(c_int);
    impl Shown {
        pub const ONE: Shown = Shown(ffi::SSL_ONE);
    }
    pub struct Kept;
    impl Kept {
        pub fn unreachable() {}
    }
";

#[test]
fn what_is_public_with_this_openssl_is_found_with_its_names_of_c() {
    let files = Files::new(&[("mod.rs", OUTER), ("inner.rs", INNER)]);

    let items = theirs::items(&files.path("mod.rs"));

    let found = items.iter().map(|item| {
        let c_names: Vec<_> = item.c_names.iter().map(String::as_str).collect();
        (item.path.as_str(), c_names.join(" "))
    });
    let mut found: Vec<_> = found.collect();
    found.sort();
    let wanted = [
        ("Flags", ""),
        ("Flags::A", "SSL_A"),
        ("Outcome", ""),
        ("Outcome::Done", ""),
        ("Shown", ""),
        ("Shown::ONE", "SSL_ONE"),
        ("Ssl", ""),
        ("SslRef", ""),
        ("SslRef::to_der", "i2d_SSL"),
        ("SslRef::version", "SSL_version"),
        ("f", "SSL_f"),
        ("second", ""),
    ];
    assert_eq!(found, wanted.map(|(path, c_names)| (path, c_names.to_owned())));
}
