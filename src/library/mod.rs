//! The library itself, and library contexts: which providers and properties the algorithms come from.

mod context;

pub use context::LibContext;
