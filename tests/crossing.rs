//! Objects that pass between C and Rust: who owns them, what is theirs in them, and what either side finds there.
// A test that fails panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

#[path = "crossing/callbacks.rs"]
mod callbacks;
#[path = "crossing/copies.rs"]
mod copies;
#[path = "crossing/counted.rs"]
mod counted;
#[path = "crossing/ex_data.rs"]
mod ex_data;
#[path = "crossing/judged.rs"]
mod judged;
#[path = "crossing/live_context.rs"]
mod live_context;
#[path = "crossing/queue.rs"]
mod queue;
