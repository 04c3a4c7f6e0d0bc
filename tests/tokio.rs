//! Connections that are polled: over the streams of tokio and of futures-io, whatever is cancelled, cut or slow, and under
//! hyper.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, unreachable_pub)]

mod commands;
mod common;
#[path = "polled/mod.rs"]
mod polled;
