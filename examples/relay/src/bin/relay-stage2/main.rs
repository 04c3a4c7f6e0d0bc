//! Stage 2: Rust owns the loop and the connections. C has the contexts still, and one callback: `c/context.c`.

mod context;

use std::process::ExitCode;

fn main() -> ExitCode {
    relay::main(context::contexts)
}
