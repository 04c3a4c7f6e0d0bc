//! One live connection between C and Rust: in the middle of its handshake, connected, half shut down, and dead.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

#[path = "handover/connections.rs"]
mod connections;
#[path = "handover/handshakes.rs"]
mod handshakes;
#[path = "handover/promises.rs"]
mod promises;
#[path = "handover/world.rs"]
mod world;
