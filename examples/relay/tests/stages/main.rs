//! One suite for all stages of the port: what a stage says, sends and ends with is what every other one does.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../../../../tests/commands/mod.rs"]
mod commands;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../../tests/common/identities.rs"]
mod identities;

mod configuration;
mod cuts;
mod faults;
mod flows;
mod peers;
mod programs;
mod stage;
mod wire;
