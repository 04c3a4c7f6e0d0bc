//! What `openssl-sys` lacks of libssl, and of libcrypto as far as TLS needs it.
#![doc = include_str!("../README.md")]
#![no_std]
// The names are C's, and so is their meaning.
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    missing_docs,
    missing_debug_implementations
)]
// One `# Safety` would say for every item what its manual page says.
#![allow(clippy::missing_safety_doc, clippy::too_many_arguments, clippy::undocumented_unsafe_blocks)]
// Casts that change nothing on one target do on another.
#![allow(clippy::unnecessary_cast, clippy::useless_transmute, clippy::missing_transmute_annotations)]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
