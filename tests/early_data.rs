//! Early data (0-RTT): accepted, rejected, sent again, cut, too much of it, and with peers that know none.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;
mod mirror;

#[path = "early_data/calls.rs"]
mod calls;
#[path = "early_data/cuts.rs"]
mod cuts;
#[path = "early_data/scene.rs"]
mod scene;
#[path = "early_data/typestates.rs"]
mod typestates;
