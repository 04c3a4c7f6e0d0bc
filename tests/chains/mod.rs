//! Chains of certificates, good and bad, and those who judge them.
// What a test cannot go on without, panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod cases;
pub mod certificates;
pub mod command;
pub mod der;
pub mod handshakes;
pub mod keys;
mod keys_and_uses;
mod names;
pub mod oracle;
pub mod ours;
mod paths;
mod revocation;
