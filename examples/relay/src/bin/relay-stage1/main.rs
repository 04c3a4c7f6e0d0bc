//! Stage 1: the program is C's still, and so is `main`. The connecting, `c/dial.c`, has become [`dial`], which C calls
//! as before: the same `SSL *` goes from Rust to C, back for each step of its handshake, and to C for good.
#![no_main]

mod dial;

#[link(name = "relay_stage1", kind = "static")]
unsafe extern "C" {}
