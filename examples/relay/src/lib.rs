//! The relay in Rust, but for its contexts: stage 2 has them in C, stage 3 in Rust.
//!
//! | here | in C |
//! |---|---|
//! | [`Options`] | `c/options.c` |
//! | [`mod@log`], [`reason`] | `c/log.c` |
//! | `side` | `c/side.c` |
//! | `dial` | `c/dial.c` |
//! | `pipe`, `connection` | `c/connection.c` |
//! | `events` | `c/loop.c` |
#![forbid(unsafe_code)]

mod connection;
mod dial;
mod events;
pub mod log;
mod options;
mod pipe;
pub mod reason;
mod side;

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;

use libssl::SslContext;

pub use options::{Options, OwnIdentity, Place};

/// The two contexts. A connection holds what it needs of them.
#[derive(Debug)]
pub struct Contexts {
    /// Accepts clients.
    pub server: SslContext,
    /// Connects to the backend; `None` where that is plain.
    pub client: Option<SslContext>,
}

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Clean = 0,
    Loop = 1,
    Usage = 2,
    Tls = 3,
    Network = 4,
}

/// The whole program. `contexts` answers `None` after it said why.
pub fn main(contexts: impl FnOnce(&Options) -> Option<Contexts>) -> ExitCode {
    let exit = match Options::parse(env::args_os().skip(1)) {
        Ok(options) => run(&options, contexts),
        Err(complaint) => {
            log!("relay: {complaint}");
            log::usage(options::USAGE);
            Exit::Usage
        }
    };
    ExitCode::from(exit as u8)
}

/// Everything that can be wrong is found before the first client comes.
fn run(options: &Options, contexts: impl FnOnce(&Options) -> Option<Contexts>) -> Exit {
    let Some(contexts) = contexts(options) else { return Exit::Tls };
    // Who reads that the relay listens may end it.
    let signals = match events::catch_signals() {
        Ok(signals) => signals,
        Err(error) => return failed("sigaction", &error),
    };
    let Some(backend) = resolve(&options.backend) else { return Exit::Network };
    let Some(listener) = listen(&options.listen) else { return Exit::Network };
    match events::serve(&listener, &signals, &connection::Shared { options, contexts, backend }) {
        Ok(()) => Exit::Clean,
        Err(error) => failed("poll", &error),
    }
}

fn failed(call: &str, error: &io::Error) -> Exit {
    log!("relay: {call} failed: {error}");
    Exit::Loop
}

/// The first address of a place.
fn resolve(place: &Place) -> Option<SocketAddr> {
    match (place.host.as_str(), place.port).to_socket_addrs() {
        Ok(mut addresses) => addresses.next(),
        Err(error) => {
            log!("relay: cannot resolve {}: {error}", place.text);
            None
        }
    }
}

fn listen(place: &Place) -> Option<TcpListener> {
    let listening = TcpListener::bind(resolve(place)?).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok((listener.local_addr()?, listener))
    });
    match listening {
        Ok((address, listener)) => {
            log!("relay: listening on {address}");
            Some(listener)
        }
        Err(error) => {
            log!("relay: cannot listen on {}: {error}", place.text);
            None
        }
    }
}
