//! What differs between the versions of OpenSSL: one signature on either side of each gate, no `cfg` at call sites.
//!
//! Symbols are gated by the headers this crate was compiled with; behaviour by the version that runs.

pub(crate) mod bio;
pub(crate) mod context;
pub(crate) mod ktls;
pub(crate) mod library;
pub(crate) mod messages;
pub(crate) mod ocsp;
pub(crate) mod session;
pub(crate) mod sockets;
pub(crate) mod ssl;
pub(crate) mod verify;

use std::sync::OnceLock;

use openssl_sys as sys;

/// Whether SSL_get_error reads the thread's queue: from 4.0 on what it answers is kept in the object.
#[inline]
pub(crate) fn get_error_reads_queue() -> bool {
    running_version() < 0x4000_0000
}

/// The version of the library that runs, as `0xMNN00PP0`.
#[allow(clippy::useless_conversion)] // C's `unsigned long` has 32 bits on some targets
pub(crate) fn running_version() -> u64 {
    static VERSION: OnceLock<u64> = OnceLock::new();
    // SAFETY: reads a constant of the library.
    *VERSION.get_or_init(|| u64::from(unsafe { sys::OpenSSL_version_num() }))
}
