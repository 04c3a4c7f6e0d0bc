//! The library itself, and library contexts: which providers and properties the algorithms come from.
//!
//! [`library`] tells what the OpenSSL that runs is and where it looks for things. [`LibContext`] is where algorithms are
//! looked up; [`LibContext::builder`] makes one with providers and a configuration of its own.

mod builder;
mod config;
mod context;
mod fips;
mod info;
mod init;
mod provider;
mod version;

pub use builder::LibContextBuilder;
pub use context::LibContext;
pub use fips::FipsState;
pub use info::{Library, library};
pub use init::InitOptions;
pub use provider::{Provider, ProviderInfo};
pub use version::{Version, danger_accept_older_patch};

pub(crate) use version::check;
