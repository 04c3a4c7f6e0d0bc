//! Early data (0-RTT): accepted, rejected, sent again, cut, too much of it, and with peers that know none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;
mod mirror;

#[path = "early_data/calls.rs"]
mod calls;
#[path = "early_data/channels.rs"]
mod channels;
#[path = "early_data/cuts.rs"]
mod cuts;
#[path = "early_data/oracle.rs"]
mod oracle;
#[path = "early_data/peers.rs"]
mod peers;
#[path = "early_data/scene.rs"]
mod scene;
#[path = "early_data/typestates.rs"]
mod typestates;
