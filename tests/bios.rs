//! BIOs as C uses them: the same calls through C's functions and through ours come to the same.
// A test has no typed errors to make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;

#[path = "bios/against_c.rs"]
mod against_c;
#[path = "bios/callbacks.rs"]
mod callbacks;
#[path = "bios/chains.rs"]
mod chains;
#[path = "bios/connecting.rs"]
mod connecting;
#[path = "bios/files.rs"]
mod files;
#[path = "bios/filters.rs"]
mod filters;
#[path = "bios/memory.rs"]
mod memory;
#[path = "bios/pairs.rs"]
mod pairs;
#[path = "bios/sockets.rs"]
mod sockets;
#[path = "bios/transports.rs"]
mod transports;
#[path = "bios/values.rs"]
mod values;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::bio::{Bio, BioExIndex};

/// Counts how many BIOs that it was given to are gone.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicUsize>);

/// What tells it.
struct Tells(Gone);

static TELLS: BioExIndex<Tells> = BioExIndex::new();

impl Drop for Tells {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Gone {
    fn watch(&self, mut bio: Bio) -> Bio {
        bio.set_ex_data(&TELLS, Tells(self.clone())).unwrap();
        bio
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether the library that runs is of this version or later.
fn since(major: u64, minor: u64) -> bool {
    // SAFETY: reads a constant of the library.
    let version = unsafe { openssl_sys::OpenSSL_version_num() } as u64;
    (version >> 28, (version >> 20) & 0xff) >= (major, minor)
}
