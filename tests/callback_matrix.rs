//! Every callback × {accept, refuse, panic, suspend then accept, suspend then refuse} × {first handshake, resumed, after
//! a switch by server name, both} × {TLS 1.2, TLS 1.3}: each cell comes to what the rules say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "callback_matrix/callbacks.rs"]
mod callbacks;
mod common;
#[path = "callback_matrix/passphrases.rs"]
mod passphrases;
#[path = "callback_matrix/pins.rs"]
mod pins;
#[path = "callback_matrix/rules.rs"]
mod rules;
#[path = "callback_matrix/scene.rs"]
mod scene;
mod support;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use callbacks::Callback;
use rules::{Cell, Outcome};
use scene::Scene;

/// Whether this OpenSSL can have the callback at all.
fn is_supported(callback: Callback) -> bool {
    match callback {
        Callback::ClientTrace | Callback::ServerTrace => {
            common::client_builder().set_trace(|_, _| ()).is_ok()
        }
        Callback::NpnAdvertised | Callback::NpnSelected => {
            common::client_builder().set_next_proto_select_cb(|_, _| None).is_ok()
        }
        Callback::ClientStatus | Callback::ServerStatus => {
            common::client_builder().set_status_response_callback(|_| unreachable!()).is_ok()
        }
        _ => true,
    }
}

fn play(cell: Cell) {
    let scene = Scene::new(cell);
    scene.play();
    scene.close();
    assert_queue_is_empty();
}

fn assert_queue_is_empty() {
    // SAFETY: reads this thread's queue.
    assert_eq!(unsafe { ext::ERR_peek_error() }, 0, "the error queue is not empty");
}

fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("a panic of a callback")
}

#[test]
fn each_cell_comes_to_what_the_rules_say() {
    let mut played = 0;
    let mut absent: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for cell in Cell::all() {
        if let Outcome::Absent(reason) = cell.outcome() {
            *absent.entry(reason).or_default() += 1;
        } else if !is_supported(cell.callback) {
            *absent.entry("this OpenSSL was built without it").or_default() += 1;
        } else {
            played += 1;
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| play(cell))) {
                // SAFETY: empties this thread's queue.
                unsafe { sys::ERR_clear_error() };
                wrong.push(format!("{cell:?}\n    expected {:?}\n    {}", cell.outcome(), text(&*payload)));
            }
        }
    }
    println!("{played} cells played");
    for (reason, cells) in &absent {
        println!("{cells} cells do not exist: {reason}");
    }
    assert!(wrong.is_empty(), "{} of {played} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(played + absent.values().sum::<usize>(), Callback::ALL.len() * 2 * 4 * 5);
}
