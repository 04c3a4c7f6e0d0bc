//! New keys on a connection that is made: key updates of TLS 1.3, renegotiations of TLS 1.2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod mirror;
mod support;

#[path = "key_changes/guard.rs"]
mod guard;
#[path = "key_changes/key_update.rs"]
mod key_update;
#[path = "key_changes/renegotiation.rs"]
mod renegotiation;
