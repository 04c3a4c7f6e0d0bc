//! What lies between a stream and the BIO: what a stream answers is judged here, before C believes it.

use std::ffi::c_int;
use std::io;
use std::ptr::{self, NonNull};

use super::ahead::Buffer;
use crate::error::{self, ErrorStack};
use crate::ffi::{bytes, panics};

/// What the trampolines know about a stream; its first field, whatever the stream's type is.
pub(super) struct Core {
    calls: &'static Calls,
    /// The first failure of a call, and the last suspension, each with the call's number.
    failure: Option<Kept>,
    suspension: Option<Kept>,
    pub(super) ahead: Option<Buffer>,
    /// What the stream answered when it was asked to be read ahead outside of C, if that was neither data nor "not now".
    found: Option<io::Result<usize>>,
    eof: bool,
    /// A flush would have blocked. C was told that it went well, and the next read makes up for it.
    flush_due: bool,
    /// The stream panicked: nobody knows what state it is in.
    broken: bool,
    /// The stream keeps the contract of `Trusted::new`.
    trusted: bool,
}

/// The stream's own methods. Each takes a pointer to the core, with the whole state behind it, and touches all of the
/// state but the core.
pub(super) struct Calls {
    pub(super) read: unsafe fn(NonNull<Core>, &mut [u8]) -> io::Result<usize>,
    pub(super) write: unsafe fn(NonNull<Core>, &[u8]) -> io::Result<usize>,
    pub(super) flush: unsafe fn(NonNull<Core>) -> io::Result<()>,
    /// Frees the whole state; a panic of the stream's destructor stays inside.
    pub(super) free: unsafe fn(NonNull<Core>),
}

struct Kept {
    call: Option<u64>,
    error: io::Error,
}

/// How one BIO operation went.
pub(super) enum Step {
    Moved(usize),
    End,
    Wants(Direction, c_int),
    Failed(c_int),
}

#[derive(Clone, Copy)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Core {
    pub(super) fn new(calls: &'static Calls, ahead: Option<Buffer>, trusted: bool) -> Self {
        Self {
            calls,
            failure: None,
            suspension: None,
            ahead,
            found: None,
            eof: false,
            flush_due: false,
            broken: false,
            trusted,
        }
    }

    /// Whether the stream changes nothing but what it is asked to.
    #[inline]
    pub(super) fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// How the state that this core belongs to is freed.
    pub(super) fn free(&self) -> unsafe fn(NonNull<Self>) {
        self.calls.free
    }

    /// Whether the stream has come to its end, as far as libssl has read.
    pub(super) fn is_at_end(&self) -> bool {
        self.eof && !self.has_read_ahead()
    }

    pub(super) fn has_read_ahead(&self) -> bool {
        self.ahead.as_ref().is_some_and(|ahead| !ahead.unread().is_empty())
    }

    pub(super) fn take_failure(&mut self, call: u64) -> Option<io::Error> {
        self.failure.take_if(|kept| kept.call == Some(call)).map(|kept| kept.error)
    }

    pub(super) fn has_failure(&self, call: u64) -> bool {
        self.failure.as_ref().is_some_and(|kept| kept.call == Some(call))
    }

    pub(super) fn take_suspension(&mut self, call: u64) -> Option<io::Error> {
        self.suspension.take_if(|kept| kept.call == Some(call)).map(|kept| kept.error)
    }

    /// Reads into memory of C's, which may be uninitialised.
    ///
    /// # Safety
    ///
    /// `this` is live and nobody else's, and `len` bytes at `out` are C's to be written.
    #[inline]
    pub(super) unsafe fn read(this: NonNull<Self>, out: *mut u8, len: usize) -> Step {
        // SAFETY: live and ours; the calls below touch what lies behind the core only.
        let core = unsafe { &mut *this.as_ptr() };
        if !core.broken && !core.flush_due {
            // SAFETY: by this function's contract.
            return unsafe { Self::read_now(this, out, len) };
        }
        // SAFETY: as above.
        unsafe { Self::read_after_flush(this, out, len) }
    }

    /// # Safety
    ///
    /// As [`read`](Self::read).
    #[cold]
    unsafe fn read_after_flush(this: NonNull<Self>, out: *mut u8, len: usize) -> Step {
        // SAFETY: as in `read`.
        let core = unsafe { &mut *this.as_ptr() };
        if core.broken {
            return Step::Failed(0);
        }
        let mut waits = None;
        if core.flush_due {
            // SAFETY: as above.
            match core.settle(unsafe { core.flush(this) }, 0, Direction::Write) {
                Step::Moved(_) | Step::End => core.flush_due = false,
                step @ Step::Wants(..) => waits = Some(step),
                step => return step,
            }
        }
        // SAFETY: by this function's contract.
        match unsafe { Self::read_now(this, out, len) } {
            // Both wait: the peer may not answer before it has what is to be flushed.
            Step::Wants(..) if waits.is_some() => waits.unwrap_or(Step::End),
            step => step,
        }
    }

    /// # Safety
    ///
    /// As [`read`](Self::read).
    #[inline]
    unsafe fn read_now(this: NonNull<Self>, out: *mut u8, len: usize) -> Step {
        // SAFETY: live and ours.
        let core = unsafe { &mut *this.as_ptr() };
        core.eof = false;
        if core.ahead.is_some() {
            // SAFETY: by this function's contract.
            return unsafe { Self::read_ahead(this, out, len) };
        }
        // SAFETY: C lends `len` bytes. A stream may look at them before it writes them, so they are initialised first, but
        // for one that promises not to.
        let out = unsafe {
            if !core.trusted {
                ptr::write_bytes(out, 0, len);
            }
            bytes::lend_mut(out, len)
        };
        // SAFETY: as above.
        let outcome = unsafe { core.fill(this, out) };
        core.settle(outcome, len, Direction::Read)
    }

    /// # Safety
    ///
    /// As [`read`](Self::read), of a core that reads ahead.
    unsafe fn read_ahead(this: NonNull<Self>, out: *mut u8, len: usize) -> Step {
        // SAFETY: live and ours.
        let core = unsafe { &mut *this.as_ptr() };
        if !core.has_read_ahead() {
            let Some(mut ahead) = core.ahead.take() else { return Step::End };
            let most = ahead.room().len();
            let outcome = match core.found.take() {
                None => {
                    // SAFETY: as above; the buffer was moved out of the core for this call.
                    unsafe { core.fill(this, ahead.room()) }
                }
                found => found,
            };
            let step = core.settle(outcome, most, Direction::Read);
            if let Step::Moved(filled) = step {
                ahead.filled(filled);
            }
            core.ahead = Some(ahead);
            if !matches!(step, Step::Moved(_)) {
                return step;
            }
        }
        // SAFETY: C's memory is not the buffer's.
        core.ahead.as_mut().map_or(Step::End, |ahead| Step::Moved(unsafe { ahead.copy_to(out, len) }))
    }

    /// # Safety
    ///
    /// `this` is live and nobody else's.
    #[inline]
    pub(super) unsafe fn write(this: NonNull<Self>, data: &[u8]) -> Step {
        // SAFETY: as in `read`.
        let core = unsafe { &mut *this.as_ptr() };
        if core.broken {
            return Step::Failed(0);
        }
        // SAFETY: as in `read`.
        let write = || unsafe { (core.calls.write)(this, data) };
        let outcome = core.ask(|| match uninterrupted(write) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            outcome => outcome,
        });
        core.settle(outcome, data.len(), Direction::Write)
    }

    /// A flush that C asked for: would it block, it is put off, for libssl 3.0 cannot wait for one in a handshake.
    ///
    /// # Safety
    ///
    /// `this` is live and nobody else's.
    pub(super) unsafe fn flush_for_c(this: NonNull<Self>) -> Step {
        // SAFETY: as in `read`.
        let core = unsafe { &mut *this.as_ptr() };
        if core.broken {
            return Step::Failed(0);
        }
        // SAFETY: as in `read`.
        let step = core.settle(unsafe { core.flush(this) }, 0, Direction::Write);
        core.flush_due = matches!(step, Step::Wants(..));
        step
    }

    /// A flush that the user asked for. A panic goes through.
    ///
    /// # Safety
    ///
    /// `this` is live and nobody else's.
    pub(super) unsafe fn flush_for_user(this: NonNull<Self>) -> io::Result<()> {
        // SAFETY: as in `read`.
        let core = unsafe { &mut *this.as_ptr() };
        if core.broken {
            return Err(io::Error::other("the transport panicked earlier"));
        }
        core.broken = true;
        // SAFETY: as in `read`.
        let outcome = uninterrupted(|| unsafe { (core.calls.flush)(this) });
        core.broken = false;
        // The user was told, and will come again; what C was not told stays due.
        core.flush_due &= outcome.as_ref().is_err_and(suspends);
        outcome
    }

    /// Reads ahead, where that is done and nothing is there, outside of C. A panic goes through.
    ///
    /// # Errors
    ///
    /// The stream's, where it says "not now". Anything else is for C to find.
    ///
    /// # Safety
    ///
    /// `this` is live and nobody else's.
    pub(super) unsafe fn fill_for_user(this: NonNull<Self>) -> io::Result<()> {
        // SAFETY: as in `read`.
        let core = unsafe { &mut *this.as_ptr() };
        if core.broken || core.flush_due || core.found.is_some() || core.has_read_ahead() {
            return Ok(());
        }
        let Some(mut ahead) = core.ahead.take() else { return Ok(()) };
        core.broken = true;
        // SAFETY: as in `read`; the buffer was moved out of the core for this call.
        let outcome = uninterrupted(|| unsafe { (core.calls.read)(this, ahead.room()) });
        core.broken = false;
        let outcome = match outcome {
            Ok(filled @ 1..) if filled <= ahead.room().len() => {
                ahead.filled(filled);
                Ok(())
            }
            Err(error) if suspends(&error) => Err(error),
            outcome => {
                core.found = Some(outcome);
                Ok(())
            }
        };
        core.ahead = Some(ahead);
        outcome
    }

    /// # Safety
    ///
    /// `this` is live and nobody else's but this core's.
    unsafe fn flush(&self, this: NonNull<Self>) -> Option<io::Result<usize>> {
        // SAFETY: by this function's contract; see `Calls`.
        self.ask(|| uninterrupted(|| unsafe { (self.calls.flush)(this) }).map(|()| 0))
    }

    /// # Safety
    ///
    /// `this` is live and nobody else's but this core's.
    #[inline]
    unsafe fn fill(&self, this: NonNull<Self>, room: &mut [u8]) -> Option<io::Result<usize>> {
        // SAFETY: by this function's contract; see `Calls`.
        self.ask(|| uninterrupted(|| unsafe { (self.calls.read)(this, room) }))
    }

    /// Runs a method of the stream beneath C frames. `None` says that it panicked.
    #[inline]
    fn ask<T>(&self, method: impl FnOnce() -> T) -> Option<T> {
        if self.trusted { panics::contain(method) } else { watched(method) }
    }

    /// Judges what the stream answered, before anything believes it, and keeps its error.
    #[inline]
    fn settle(&mut self, outcome: Option<io::Result<usize>>, most: usize, direction: Direction) -> Step {
        match outcome {
            Some(Ok(moved @ 1..)) if moved <= most => Step::Moved(moved),
            outcome => self.settle_others(outcome, most, direction),
        }
    }

    #[inline(never)]
    fn settle_others(
        &mut self,
        outcome: Option<io::Result<usize>>,
        most: usize,
        direction: Direction,
    ) -> Step {
        let error = match outcome {
            None => {
                self.broken = true;
                return Step::Failed(0);
            }
            Some(Ok(0)) if matches!(direction, Direction::Read) => {
                self.eof = true;
                return Step::End;
            }
            Some(Ok(moved)) if moved <= most => return Step::Moved(moved),
            Some(Ok(moved)) => {
                io::Error::other(format!("the transport claims {moved} bytes where {most} were asked"))
            }
            Some(Err(error)) => error,
        };
        let errno = error.raw_os_error().unwrap_or_default();
        if suspends(&error) {
            let what = plain(&error);
            panics::note_suspension(what);
            if what.is_none() {
                discard(self.suspension.replace(Kept { call: panics::current_call(), error }));
            }
            return Step::Wants(direction, errno);
        }
        self.keep_failure(error);
        Step::Failed(errno)
    }

    /// Keeps why the call that is under way failed. What fails later in the same call (an alert that cannot be sent any
    /// more) follows from the first failure.
    pub(super) fn keep_failure(&mut self, error: io::Error) {
        let call = panics::current_call();
        if call.is_none() || self.failure.as_ref().is_none_or(|kept| kept.call != call) {
            discard(self.failure.replace(Kept { call, error }));
        } else {
            discard(Some(Kept { call, error }));
        }
    }
}

/// Whether an error only says "not now": a nonblocking stream, or one with a timeout of its own. The system's ETIMEDOUT
/// is none of these: a connection that the peer does not acknowledge any more, and that is gone.
pub(crate) fn suspends(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => error.raw_os_error() != Some(libc::ETIMEDOUT),
        _ => false,
    }
}

/// The number that stands for a suspension's error, if one does: the system's, or 0 for one that only says `WouldBlock`.
fn plain(error: &io::Error) -> Option<c_int> {
    let would_block = error.kind() == io::ErrorKind::WouldBlock && error.get_ref().is_none();
    error.raw_os_error().or(would_block.then_some(0))
}

/// The error that [`plain`] found the number of.
pub(super) fn unplain(number: c_int) -> io::Error {
    if number == 0 { io::ErrorKind::WouldBlock.into() } else { io::Error::from_raw_os_error(number) }
}

/// Drops an error beneath C frames. What is in it may be the user's.
fn discard(kept: Option<Kept>) {
    if let Some(Kept { error, .. }) = kept.filter(|kept| kept.error.get_ref().is_some()) {
        watched(|| drop(error));
    }
}

/// Runs code of the user's beneath C frames. `None` says that it panicked.
///
/// A stream may use OpenSSL itself, and be a TLS connection even. libssl reads the error queue after this, so what
/// stood there before stands there again, and nothing else.
fn watched<T>(method: impl FnOnce() -> T) -> Option<T> {
    let before = if error::is_empty() { None } else { Some(ErrorStack::drain()) };
    let result = panics::contain(method);
    error::clear();
    if let Some(before) = before {
        before.restore();
    }
    result
}

#[inline]
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
