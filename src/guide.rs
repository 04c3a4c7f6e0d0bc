//! For programs that come from C: what replaces each call.
//!
//! | page | what it has |
//! |---|---|
//! | [`porting`] | how to port a program a function at a time, step by step, and where C code is usually wrong |
//! | [`c_to_rust`] | each name of C, and the Rust item that replaces it |

pub mod c_to_rust {
    // The links come first: of two definitions of one link, the first one holds, and those at the page's end are for
    // readers outside of this documentation.
    #![doc = include_str!("guide/links.md")]
    #![doc = include_str!("../docs/c-to-rust.md")]
}

pub mod porting {
    #![doc = include_str!("../docs/porting.md")]
}
