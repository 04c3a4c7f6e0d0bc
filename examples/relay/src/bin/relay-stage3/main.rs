//! Stage 3: all Rust. Beside stage 2 there is one more file, and no `unsafe` any more.
#![forbid(unsafe_code)]

mod context;

use std::process::ExitCode;

fn main() -> ExitCode {
    relay::main(context::contexts)
}
