//! The library itself, and library contexts: which providers and properties the algorithms come from.
//!
//! [`library`] tells what the OpenSSL that runs is and where it looks for things. [`LibContext`] is where algorithms are
//! looked up; [`LibContext::builder`] makes one with providers and a configuration of its own.
//!
//! # What the process has one of
//!
//! OpenSSL's default library context with its providers and properties, the configuration (`openssl.cnf`, read once), the
//! indexes of ex_data, the numbers of error libraries and the kinds of BIOs belong to the process: C and Rust, and every other
//! crate that holds the same library, share them. This crate changes none of that but what it is told to change. It
//! initialises the library without the cleanup that OpenSSL would run at exit, under threads that still use it
//! (`OPENSSL_INIT_NO_ATEXIT`); where C initialised it first, that stays as C chose. The error queue and `errno` belong to the
//! thread.
//!
//! # Processes that fork
//!
//! A server may make its contexts once and fork its workers, each of which accepts connections of its own:
//!
//! - Fork before there are threads. A lock that another thread holds at that moment stays locked in the child for ever, in
//!   OpenSSL as in the allocator.
//! - The children inherit the contexts with their certificates, stores, callbacks and keys for tickets, so that one of them
//!   resumes by ticket what another began. From then on each has a copy of its own: what is set in one is not seen in the
//!   others, and a session in the cache of one is not in that of another.
//! - The random numbers differ: OpenSSL seeds its generators anew in a child.
//! - A connection that was there before belongs to one of the two. The other one drops it, and must not read, write or shut it
//!   down. Dropping is silent, in every state: nothing is sent, no close_notify either, and a channel that owns its socket
//!   closes this process's descriptor only. Exiting is silent, too. [`mark_failed`](crate::Connected::mark_failed) makes sure
//!   that nothing can be sent by mistake.

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
