//! What a client's context with the system's roots costs, the first and every further one, in instructions, beside the
//! same in C. Every further one may cost at most 1.10 times what it costs a C program that shares one `X509_STORE`.
//!
//! `cargo bench --bench client_context`, with valgrind installed.
// A bench that cannot go on panics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../tests/c_program/mod.rs"]
mod c_program;
mod harness;

use std::path::Path;
use std::process::ExitCode;

use harness::{Program, Row};
use libssl::SslContext;

const LIMIT: f64 = 1.10;
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if let [what, then, count] = args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        if what == "work" {
            work(then == "drop", count.parse().expect("a count"));
        }
    }
    if !harness::can_count() {
        println!("valgrind is not there to count instructions");
        return ExitCode::SUCCESS;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/client_context.c");
    let c = c_program::build(&harness::built("client_context"), &[&source]);

    let mut rows = Vec::new();
    let mut too_much = false;
    let places: [(&str, &[(&str, &str)]); 2] = [
        ("roots of the system", &[]),
        ("roots in one file", &[("SSL_CERT_FILE", BUNDLE), ("SSL_CERT_DIR", "/nowhere")]),
    ];
    for (place, environment) in places {
        if !environment.is_empty() && !Path::new(BUNDLE).exists() {
            continue;
        }
        let program = |args: [&str; 2]| Program::new(&c, args).with(environment);
        let row = |what: &str, ours, c| Row { what: format!("{place}: {what}"), ours, c };
        for then in ["keep", "drop"] {
            let (ours, shared) = (Program::this(["work", then]).with(environment), program(["share", then]));
            if then == "keep" {
                rows.push(row("first", ours.first(), shared.first()));
            }
            let further = ours.further(100);
            rows.push(row(&format!("further, {then}"), further, shared.further(100)));
            too_much |= rows.last().is_some_and(|row| row.ratio() > LIMIT);
            if then == "drop" {
                // C reads all roots each time: a few times are enough.
                let each = program(["each", then]).further(3);
                rows.push(row("further, drop, C without a shared store", further, each));
            }
        }
    }
    harness::print(&rows);
    if too_much {
        println!("a further context may cost {LIMIT} times what it costs in C");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What is counted.
fn work(drop: bool, count: usize) -> ! {
    for _ in 0..count {
        let context = SslContext::client().expect("a machine with roots").build();
        if !drop {
            std::mem::forget(context);
        }
    }
    std::process::exit(0)
}
