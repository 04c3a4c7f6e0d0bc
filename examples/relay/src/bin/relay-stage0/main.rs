//! Stage 0: the C program as it was. Its `main` is C's; Cargo only links it, so that one command runs each stage.
#![no_main]

// The OpenSSL that the C calls.
use openssl_sys as _;

#[link(name = "relay_stage0", kind = "static")]
unsafe extern "C" {}
