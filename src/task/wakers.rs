//! Who is to be woken: at most two tasks use a connection at a time, one that reads and one that writes.

use std::io;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use crate::bio;

/// On whose behalf the connection is used: each side has a task of its own, which may be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Reads, and shakes hands.
    Reader,
    /// Writes, flushes and shuts down.
    Writer,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The stream's bytes.
    Read,
    /// The stream's room, or its flush.
    Write,
    /// The answer to a question that a callback asked.
    Answer,
}

/// Sets of sides, or of sources: a bit each.
type Bits = u8;

impl Side {
    fn bit(self) -> Bits {
        1 << self as u8
    }

    fn other(self) -> Self {
        match self {
            Self::Reader => Self::Writer,
            Self::Writer => Self::Reader,
        }
    }
}

const BOTH: Bits = 0b11;

/// The wakers of both sides, kept from one poll to the next.
///
/// A stream remembers one waker for reading and one for writing, while either side of a TLS connection may wait for either.
/// So the stream is given a waker for all who wait, and a side that moves what another one waits for wakes it: bytes that
/// one side has read may be what the other one waits for.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    kept: [Option<Waker>; 2],
    /// Wakes both; made when it is needed.
    both: Option<Waker>,
    /// Which sides wait, for each source.
    waiting: [Bits; 3],
    /// Whose turn it is. `None` outside of a poll.
    turn: Option<Side>,
    /// The sources that were pending in this turn.
    pending: Bits,
    /// The sources that said "not now" themselves in this turn, which will wake nobody.
    refused: Bits,
}

struct Both([Waker; 2]);

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}

impl Wakers {
    /// A side is polled by the task of this waker. What it waited for before is void.
    #[inline]
    pub(super) fn begin(&mut self, side: Side, waker: &Waker) {
        let kept = &mut self.kept[side as usize];
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            *kept = Some(waker.clone());
            self.both = None;
        }
        for waiting in &mut self.waiting {
            *waiting &= !side.bit();
        }
        self.turn = Some(side);
        self.again();
    }

    /// The turn is over. `woken` says that the connection is not what the other side left it as.
    #[inline]
    pub(super) fn end(&mut self, woken: bool) {
        if let Some(side) = self.turn.take().filter(|_| woken) {
            let other = side.other();
            if self.waiting.iter().any(|waiting| waiting & other.bit() != 0) {
                self.wake(other.bit());
            }
        }
    }

    /// What was pending in this turn counts no more: the call is made again.
    pub(super) fn again(&mut self) {
        self.pending = 0;
        self.refused = 0;
    }

    /// Whether a source said "not now" in this turn without waking anybody later.
    pub(super) fn has_refused(&self, source: Source) -> bool {
        self.refused & (1 << source as u8) != 0
    }

    /// Whether the task of this turn will be woken by the source.
    pub(super) fn is_pending(&self, source: Source) -> bool {
        self.pending & (1 << source as u8) != 0
    }

    /// The waker of all who wait for the source, the side whose turn it is included.
    #[inline]
    pub(super) fn of(&mut self, source: Source) -> &Waker {
        let waiting = self.waiting[source as usize] | self.turn.map_or(0, Side::bit);
        let side = match waiting {
            BOTH => return self.of_both(),
            0b10 => Side::Writer,
            _ => Side::Reader,
        };
        // Nobody waits where a call is made outside of a poll.
        self.kept[side as usize].as_ref().filter(|_| waiting != 0).unwrap_or(Waker::noop())
    }

    #[cold]
    fn of_both(&mut self) -> &Waker {
        let Self { kept: [Some(reader), Some(writer)], both, .. } = self else { return Waker::noop() };
        if reader.will_wake(writer) {
            return reader;
        }
        both.get_or_insert_with(|| Arc::new(Both([reader.clone(), writer.clone()])).into())
    }

    /// Takes down what the source answered: [`of`](Self::of)'s waker is kept there, or something moved.
    #[inline]
    pub(super) fn settle<T>(&mut self, source: Source, answer: Poll<io::Result<T>>) -> io::Result<T> {
        let turn = self.turn.map_or(0, Side::bit);
        let waiting = &mut self.waiting[source as usize];
        match answer {
            Poll::Pending => {
                *waiting |= turn;
                self.pending |= 1 << source as u8;
                Err(io::ErrorKind::WouldBlock.into())
            }
            Poll::Ready(result) => {
                self.pending &= !(1 << source as u8);
                if result.as_ref().is_err_and(bio::suspends) {
                    self.refused |= 1 << source as u8;
                }
                let others = std::mem::take(waiting) & !turn;
                if others != 0 {
                    self.wake(others);
                }
                result
            }
        }
    }

    #[cold]
    fn wake(&self, sides: Bits) {
        for side in [Side::Reader, Side::Writer].into_iter().filter(|side| sides & side.bit() != 0) {
            if let Some(waker) = &self.kept[side as usize] {
                waker.wake_by_ref();
            }
        }
    }
}
