//! Where this crate answers otherwise than C, on purpose: each rule with its reason.

use super::player::Way;
use super::scenario::{Line, Scenario};

/// One call that C and this crate answered.
pub struct Step<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// How the object got its transport.
    pub way: Way,
    /// The call.
    pub call: &'a Line,
    /// C's line.
    pub c: &'a str,
    /// Ours.
    pub ours: &'a str,
    /// Our lines of the calls before it.
    pub earlier: &'a [String],
    /// What C answers in the same place of the same scenario without entries left in the queue.
    pub fresh: Option<&'a str>,
}

/// A place where our rules differ from C's.
pub struct Deviation {
    /// Why.
    pub reason: &'static str,
    /// The OpenSSL from which on C answers as this crate does.
    pub until: u64,
    /// Whether this is one.
    pub covers: fn(&Step<'_>) -> bool,
}

/// All of them. Each must be of use in some scenario.
pub const DEVIATIONS: [Deviation; 8] = [
    Deviation {
        reason: "A close_notify or a write that could not be sent is no end that the peer said: before 3.2 SSL_get_error \
                 says ZERO_RETURN of any failure once the peer's close_notify has come.",
        until: 0x3020_0000,
        covers: |step| {
            let sends = ["shutdown ", "write "].iter().any(|call| step.c.starts_with(call));
            sends
                && code(step.c) == Some("6")
                && code(step.ours) == Some("5")
                && number(step.c, 3) != Some("0")
        },
    },
    Deviation {
        reason: "A dead object stays dead. On 3.x C says SYSCALL without errno, or after a peer's alert ZERO_RETURN, \
                 which reads as a clean end, or goes on waiting; 4.0 says SSL with an empty queue.",
        until: u64::MAX,
        covers: |step| step.ours.ends_with(" poisoned") && died(step.earlier),
    },
    Deviation {
        reason: "SSL_shutdown's 0 says that close_notify went out. SSL_get_error then speaks of a system error, so \
                 it is not asked.",
        until: u64::MAX,
        covers: |step| step.ours == "shutdown 0 sent" && step.c.starts_with("shutdown 0 "),
    },
    Deviation {
        reason: "An empty buffer gives Ok(0) without a call to C, which would say SYSCALL without errno, or WANT_READ.",
        until: u64::MAX,
        covers: |step| step.call.word(1) == "0" && step.ours.contains(" 1 0 "),
    },
    Deviation {
        reason: "Without a BIO C is not called: 3.x can crash in SSL_get_error.",
        until: u64::MAX,
        covers: |step| {
            step.scenario.steps[0].get("bio") == Some("none") && step.ours.ends_with(" no transport")
        },
    },
    Deviation {
        reason: "Ssl::connect is never a server's handshake, nor Ssl::accept a client's: C goes by the state that was \
                 set before.",
        until: u64::MAX,
        covers: |step| {
            let state = step.scenario.steps[0].get("state");
            step.way == Way::Typestates && step.ours.ends_with(" wrong role") && state.is_some()
        },
    },
    Deviation {
        reason: "A callback's panic ends the handshake as a refusal does, and then goes on in the call.",
        until: u64::MAX,
        covers: |step| {
            let panics = step.scenario.steps.iter().any(|line| line.get("panic").is_some());
            panics && step.ours.ends_with(" panicked") && code(step.c) == Some("1")
        },
    },
    Deviation {
        reason: "The queue is emptied before each call, so that what was left there never changes its answer.",
        until: u64::MAX,
        covers: |step| {
            let suspended =
                |fresh: &str| step.way == Way::Typestates && fresh.starts_with(&format!("{} ", step.ours));
            step.fresh.is_some_and(|fresh| fresh == step.ours || suspended(fresh))
        },
    },
];

/// The second number of a line.
fn code(line: &str) -> Option<&str> {
    number(line, 2)
}

fn number(line: &str, at: usize) -> Option<&str> {
    line.split(' ').nth(at)
}

/// Whether the last call that C saw ended the connection.
fn died(earlier: &[String]) -> bool {
    let Some(last) =
        earlier.iter().rev().find(|line| !line.ends_with(" poisoned") && !line.starts_with("got "))
    else {
        return false;
    };
    is_fatal(last)
}

/// Whether a call with this answer ends the connection.
fn is_fatal(line: &str) -> bool {
    let shakes = ["connect ", "accept ", "do_handshake "].iter().any(|call| line.starts_with(call));
    match code(line) {
        // No role, no handshake yet, shut down inside a handshake, shut down before a write: the object lives on.
        Some("1") => {
            !["[20:144]", "[20:276]", "[20:407]", "[20:207]"].iter().any(|stack| line.ends_with(stack))
        }
        Some("5") => true,
        // A close_notify ends a handshake, but only the reading half of a connection.
        Some("6") => shakes,
        _ => line.ends_with(" panicked"),
    }
}
