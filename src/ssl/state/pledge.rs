//! What a handshake was to verify, whether it did, and what C may have done meanwhile.

use std::sync::atomic::Ordering;

use super::flags::Flag;
use super::{State, lock};
use crate::ssl::guard::{Place, Pledge, Vouched};

impl State {
    /// A handshake begins that is to verify this. Whether one had begun before on this object.
    pub(in crate::ssl) fn begin(&self, pledge: Pledge) -> bool {
        self.flags.put(Flag::VOUCHED, false);
        *lock(&self.pledge) = Some(pledge);
        *lock(&self.missed) = None;
        self.flags.put(Flag::HAD_KTLS, false);
        self.flags.put(Flag::LATE, false);
        self.flags.put(Flag::LENT, false);
        self.flags.swap(Flag::USED, true)
    }

    /// What the handshake that is under way was to verify: this, where C began it and nothing was noted yet.
    pub(in crate::ssl) fn pledge_once(&self, pledge: &Pledge) -> Pledge {
        self.flags.put(Flag::USED, true);
        let noted = || {
            self.flags.put(Flag::LENT, false);
            self.flags.put(Flag::LATE, true);
            pledge.clone()
        };
        lock(&self.pledge).get_or_insert_with(noted).clone()
    }

    /// Whether it is noted what the handshake was to verify, and that is so.
    pub(in crate::ssl) fn was_pledged(&self, is_so: impl FnOnce(&Pledge) -> bool) -> bool {
        lock(&self.pledge).as_ref().is_some_and(is_so)
    }

    /// What the handshake was to verify, if it went through this crate, or has verified.
    pub(in crate::ssl) fn pledge(&self) -> Option<Pledge> {
        lock(&self.pledge).clone()
    }

    /// Whether all of the handshake went through this crate, as far as what is to be verified goes.
    pub(in crate::ssl) fn saw_beginning(&self) -> bool {
        lock(&self.pledge).is_some() && !self.flags.has(Flag::LATE)
    }

    /// The verify parameters are lent for writing.
    pub(in crate::ssl) fn lend(&self) {
        self.flags.put(Flag::LENT, true);
    }

    /// Whether the verify parameters may be others than when the handshake began.
    pub(in crate::ssl) fn is_lent(&self) -> bool {
        self.flags.has(Flag::LENT)
    }

    pub(in crate::ssl) fn is_vouched(&self) -> bool {
        self.flags.has(Flag::VOUCHED)
    }

    /// Whether nothing that is known of the object needs looking after around a call that moves data.
    #[inline]
    pub(in crate::ssl) fn is_settled(&self) -> bool {
        let flags = self.flags.get();
        let vouched = flags.contains(Flag::VOUCHED) && self.renegotiations().is_none();
        !flags.intersects(Flag::BUSY) && (vouched || !flags.contains(Flag::DEMANDS_NAME))
    }

    /// Whether the last handshake is the one that was vouched for, for sure.
    pub(in crate::ssl) fn is_still_vouched(&self) -> bool {
        self.is_vouched() && !self.flags.has(Flag::CROSSED)
    }

    /// The handshake was vouched for: what it verified, which is kept for those that come after it on the same connection,
    /// and how many of these there were until then, if the protocol has any.
    pub(in crate::ssl) fn set_vouched(
        &self,
        vouched: Vouched,
        verified: Pledge,
        renegotiations: Option<u32>,
    ) {
        *lock(&self.pledge) = renegotiations.map(|_| verified);
        self.renegotiations.store(renegotiations.unwrap_or(NEVER), Ordering::Relaxed);
        self.flags.put(Flag::VOUCHED, true);
        *lock(&self.vouched_for) = Some(vouched);
    }

    /// Looks at what C may have done since. What was vouched for is taken back where this is something else; and nobody here
    /// saw all of a handshake with which C went on. What may still become something else is looked at again.
    pub(in crate::ssl) fn recheck(
        &self,
        (in_init, again): (bool, bool),
        place: impl FnOnce() -> Place,
        last: impl FnOnce() -> Vouched,
    ) {
        if !self.flags.has(Flag::CROSSED) {
            return;
        }
        let is_ours = || *lock(&self.place) == Some(place());
        if !self.is_vouched() {
            if !is_ours() {
                self.flags.put(Flag::LATE, true);
                self.give_up_session();
            }
        } else if *lock(&self.vouched_for) == Some(last()) {
            if in_init {
                return;
            }
        } else if in_init && again && is_ours() {
            // The end of a renegotiation, which this crate saw until here: it is judged once it is done.
            return;
        } else {
            self.flags.put(Flag::VOUCHED, false);
            *lock(&self.pledge) = None;
            self.flags.put(Flag::LATE, true);
        }
        self.flags.put(Flag::CROSSED, self.is_held_elsewhere());
    }

    /// Whether a handshake is where this crate left it, or is moved by it just now.
    pub(super) fn is_at(&self, place: impl FnOnce() -> Place) -> bool {
        self.flags.has(Flag::MOVES) || *lock(&self.place) == Some(place())
    }

    /// A call of this crate's begins that may move a handshake, or has ended.
    pub(in crate::ssl) fn set_moves(&self, moves: bool) {
        self.flags.put(Flag::MOVES, moves);
    }

    /// Notes where a handshake is suspended.
    pub(in crate::ssl) fn suspend(&self, place: Place) {
        *lock(&self.place) = Some(place);
    }

    fn is_held_elsewhere(&self) -> bool {
        self.flags.has(Flag::HELD_ELSEWHERE)
    }

    pub(crate) fn set_held_elsewhere(&self) {
        self.flags.put(Flag::HELD_ELSEWHERE, true);
        self.set_crossed();
    }

    /// The object comes back: a write of another handshake's is none of this one's.
    pub(in crate::ssl) fn return_to(&self, last: impl FnOnce() -> Vouched) {
        if self.is_writing() && *lock(&self.writing_in) != Some(last()) {
            self.set_writing(None);
        }
    }

    /// The number of renegotiations that are vouched for; `None` where there cannot be any.
    #[inline]
    pub(in crate::ssl) fn renegotiations(&self) -> Option<u32> {
        Some(self.renegotiations.load(Ordering::Relaxed)).filter(|number| *number != NEVER)
    }
}

/// No renegotiation can come.
const NEVER: u32 = u32::MAX;
