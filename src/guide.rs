//! For programs that come from C or from the `openssl` crate: what replaces each call.
//!
//! | page | what it has |
//! |---|---|
//! | [`porting`] | how to port a program a function at a time, step by step, and where C code is usually wrong |
//! | [`c_to_rust`] | each name of C, and the Rust item that replaces it |
//! | [`from_openssl`] | each item of the `openssl` crate's module `ssl` and of `tokio-openssl`, and ours beside it |

pub mod c_to_rust {
    // The links come first: of two definitions of one link, the first one holds, and those at the page's end are for
    // readers outside of this documentation.
    #![doc = include_str!("guide/links.md")]
    #![doc = include_str!("../docs/c-to-rust.md")]
}

pub mod porting {
    #![doc = include_str!("../docs/porting.md")]
}

pub mod from_openssl {
    #![doc = include_str!("guide/from_openssl_links.md")]
    #![doc = include_str!("../docs/from-openssl.md")]
}
