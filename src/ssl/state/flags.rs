//! What is known of an object in a word, one bit for each answer.

use std::sync::atomic::{AtomicU32, Ordering};

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(super) struct Flag: u32 {
        /// Made by `Ssl::new`, so that its drop may mark the session as well ended.
        const OURS = 1;
        /// It has owners besides, who may still use it when one of them drops it.
        const SHARED = 1 << 1;
        /// It failed for good.
        const POISONED = 1 << 2;
        /// A verify callback accepted what OpenSSL refused of the chain that is being verified.
        const OVERRULED = 1 << 3;
        /// The caller said that any name will do.
        const ANY_NAME = 1 << 4;
        /// The last call waits for a connection that its BIO makes, and did not reach libssl.
        const CONNECTS = 1 << 5;
        /// A write was suspended, and libssl holds what it was given.
        const WRITING = 1 << 6;
        /// Its peer is judged otherwise than the context says: what it lets in, others of the context may not.
        const JUDGES_APART = 1 << 7;
        /// What it judges by was changed in the middle of a renegotiation.
        const DEMANDS_CHANGED = 1 << 8;
        /// The caller named what its sessions belong to.
        const NAMES_SESSIONS = 1 << 9;
        /// The session of the first handshake belongs to this object alone.
        const NAMED_APART = 1 << 10;
        /// And so do those to come.
        const NAMES_APART = 1 << 11;
        /// The kernel may encrypt for the connection, though the option for it was cleared.
        const KTLS = 1 << 12;
        /// The kernel encrypts for the connection, or did over a BIO that it had.
        const HAD_KTLS = 1 << 13;
        /// A handshake has begun on the object, whatever became of it.
        const USED = 1 << 14;
        /// The handshake that was finished verified what the context demands.
        const VOUCHED = 1 << 15;
        /// C may have used the object since: the handshake that was vouched for may not be the last one.
        const CROSSED = 1 << 16;
        /// Early data is being read, and its end has not come.
        const READS_EARLY = 1 << 17;
        /// A call of this crate's moves the handshake now.
        const MOVES = 1 << 18;
        /// C, or another owner, has the object too: it may be used there at any time between two calls here.
        const HELD_ELSEWHERE = 1 << 19;
        /// C has a part in the handshake that is noted.
        const LATE = 1 << 20;
        /// The verify parameters were lent for writing since that was noted.
        const LENT = 1 << 21;
        /// The session that was offered is C's: nobody here knows what it was verified by.
        const SESSION_THEIRS = 1 << 22;
        /// A client's handshake that began here has not ended.
        const SESSION_OPEN = 1 << 23;
        /// The context that the object was made from demands a name to verify.
        const DEMANDS_NAME = 1 << 24;

        /// Something must be looked after around a call that moves data.
        const BUSY = Self::POISONED.bits()
            | Self::CONNECTS.bits()
            | Self::WRITING.bits()
            | Self::DEMANDS_CHANGED.bits()
            | Self::KTLS.bits()
            | Self::HAD_KTLS.bits()
            | Self::CROSSED.bits()
            | Self::READS_EARLY.bits()
            | Self::SESSION_OPEN.bits();
    }
}

/// Flags that callbacks read while the caller holds the object.
#[derive(Default)]
pub(super) struct Flags(AtomicU32);

impl Flags {
    /// Those of `flags` that are set here too.
    pub(super) fn copy(&self, flags: Flag) -> Self {
        Self((self.get() & flags).bits().into())
    }

    #[inline]
    pub(super) fn get(&self) -> Flag {
        Flag::from_bits_retain(self.0.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn has(&self, flag: Flag) -> bool {
        self.get().contains(flag)
    }

    pub(super) fn put(&self, flag: Flag, set: bool) {
        self.swap(flag, set);
    }

    /// Sets or clears a flag. Whether it was set before.
    pub(super) fn swap(&self, flag: Flag, set: bool) -> bool {
        let before = match set {
            true => self.0.fetch_or(flag.bits(), Ordering::Relaxed),
            false => self.0.fetch_and(!flag.bits(), Ordering::Relaxed),
        };
        Flag::from_bits_retain(before).contains(flag)
    }
}
