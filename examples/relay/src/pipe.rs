//! One direction of a connection.

use crate::side::{Outcome, Side};

/// How much one connection may do before the others have their turn, in buffers.
const TURN: usize = 16;

/// What comes from one side and goes to the other.
pub(crate) struct Pipe {
    data: Box<[u8]>,
    /// What was read and not yet written.
    start: usize,
    end: usize,
    pub(crate) total: u64,
}

/// How far a direction came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It waits for one of the sockets.
    Waits,
    /// It has had its turn, and could go on.
    Paused,
    /// All of it came and went.
    Over,
    /// It was said why.
    Failed,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self { data: vec![0; 16 * 1024].into(), start: 0, end: 0, total: 0 }
    }

    /// Goes on until it waits, is over, or has had its turn.
    pub(crate) fn pump(&mut self, from: &mut Side, to: &mut Side) -> Flow {
        for _ in 0..TURN {
            match self.turn(from, to) {
                Outcome::Done(()) => {}
                Outcome::Wait => return Flow::Waits,
                Outcome::End => return Flow::Over,
                Outcome::Failed => return Flow::Failed,
            }
        }
        Flow::Paused
    }

    /// One buffer's worth: out with what there is, and only then in with more.
    fn turn(&mut self, from: &mut Side, to: &mut Side) -> Outcome<()> {
        while let Some(rest) = self.data.get(self.start..self.end).filter(|rest| !rest.is_empty()) {
            match to.write(rest) {
                Outcome::Done(length) => {
                    self.start += length;
                    self.total += length as u64;
                }
                Outcome::Wait => return Outcome::Wait,
                Outcome::End | Outcome::Failed => return Outcome::Failed,
            }
        }
        match to.flush() {
            Outcome::Done(()) => {}
            other => return other,
        }
        if from.ended {
            // The end goes on only as what it was.
            if !to.shut && !from.gone {
                match to.shutdown() {
                    Outcome::Done(()) => {}
                    other => return other,
                }
            }
            return Outcome::End;
        }
        match from.read(&mut self.data) {
            Outcome::Done(length) => {
                (self.start, self.end) = (0, length);
                Outcome::Done(())
            }
            // The next turn passes it on.
            Outcome::End => Outcome::Done(()),
            Outcome::Wait => Outcome::Wait,
            Outcome::Failed => Outcome::Failed,
        }
    }
}
