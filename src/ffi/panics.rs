//! Panics under C frames: contained in the trampoline, resumed in the call of ours that caused them.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_int;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

type Payload = Box<dyn Any + Send>;

/// One call of ours into C that may run user code, living on the caller's stack.
#[derive(Default)]
struct Frame {
    first: Cell<Option<Payload>>,
    number: Cell<u64>,
    /// What the last suspension of a transport in this call was, if a number tells it.
    suspension: Cell<Option<c_int>>,
}

/// What is under way on a thread.
struct Calls {
    innermost: Cell<Option<NonNull<Frame>>>,
    /// The number of the frame that was pushed last, and of the one that was popped last.
    pushed: Cell<u64>,
    popped: Cell<u64>,
    /// What the frame that was popped last had of a suspension.
    suspension: Cell<Option<c_int>>,
}

thread_local! {
    static CALLS: Calls =
        const {
            Calls {
                innermost: Cell::new(None),
                pushed: Cell::new(0),
                popped: Cell::new(0),
                suspension: Cell::new(None),
            }
        };
}

/// How many threads have numbered frames. Each has a range of its own, as objects move between threads.
static THREADS: AtomicU64 = AtomicU64::new(1);
const RANGE: u32 = 40;

/// Runs user code beneath C frames. `None` says that it panicked: report failure to C.
///
/// The first payload of the innermost frame is kept, later ones are dropped. Without a frame of ours (C called
/// OpenSSL itself) there is nobody to hand it to, and it is dropped too.
#[inline]
pub(crate) fn contain<T>(user: impl FnOnce() -> T) -> Option<T> {
    match panic::catch_unwind(AssertUnwindSafe(user)) {
        Ok(value) => Some(value),
        Err(payload) => {
            keep_first(payload);
            None
        }
    }
}

/// Makes a C call that may run user code. If some of it panicked, `poison` runs and then the panic goes on,
/// here, where no C frame is left to cross.
///
/// Frames nest, so a panic goes on in the call that caused it and in no other.
#[inline]
pub(crate) fn enter<T>(call: impl FnOnce() -> T, poison: impl FnOnce()) -> T {
    let frame = Frame::default();
    let result = {
        let _pop = push(&frame);
        call()
    };
    if let Some(payload) = frame.first.take() {
        poison();
        panic::resume_unwind(payload);
    }
    result
}

/// The number of the innermost call under way on this thread; `None` if C called OpenSSL itself. It never repeats, so
/// what a transport reported in one call can be told from what it reported in another.
pub(crate) fn current_call() -> Option<u64> {
    let innermost = CALLS.try_with(|calls| calls.innermost.get()).unwrap_or_default()?;
    // SAFETY: as in `keep_first`.
    Some(unsafe { innermost.as_ref() }.number.get())
}

/// The number of the call that ended last on this thread.
pub(crate) fn last_call() -> Option<u64> {
    CALLS.try_with(|calls| calls.popped.get()).ok().filter(|number| *number != 0)
}

/// Notes what a transport's suspension of the innermost call was, if a number tells it; `None` voids what was noted before.
pub(crate) fn note_suspension(what: Option<c_int>) {
    if let Some(innermost) = CALLS.try_with(|calls| calls.innermost.get()).unwrap_or_default() {
        // SAFETY: as in `keep_first`.
        unsafe { innermost.as_ref() }.suspension.set(what);
    }
}

/// What was noted last in the call that ended last on this thread.
pub(crate) fn last_suspension() -> Option<c_int> {
    CALLS.try_with(|calls| calls.suspension.get()).unwrap_or_default()
}

/// Drops a value whose destructor is the user's, where a panic must not go on.
pub(crate) fn drop_contained<T>(value: T) {
    swallow(|| drop(value));
}

/// Runs code of the user's where a panic of it concerns nobody.
pub(crate) fn swallow(user: impl FnOnce()) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(user)) {
        drop_payload(payload);
    }
}

struct Pop<'a> {
    frame: &'a Frame,
    outer: Option<NonNull<Frame>>,
}

impl Drop for Pop<'_> {
    #[inline]
    fn drop(&mut self) {
        let _ = CALLS.try_with(|calls| {
            calls.innermost.set(self.outer);
            calls.popped.set(self.frame.number.get());
            calls.suspension.set(self.frame.suspension.get());
        });
    }
}

#[inline]
fn push(frame: &Frame) -> Pop<'_> {
    // Without thread-locals (the thread is exiting) the frame is not found, and panics are dropped.
    CALLS
        .try_with(|calls| {
            let number = match calls.pushed.get() {
                0 => first_number(),
                last => last.wrapping_add(1),
            };
            calls.pushed.set(number);
            frame.number.set(number);
            Pop { frame, outer: calls.innermost.replace(Some(NonNull::from(frame))) }
        })
        .unwrap_or_else(|_| Pop { frame, outer: None })
}

#[cold]
fn first_number() -> u64 {
    THREADS.fetch_add(1, Ordering::Relaxed) << RANGE
}

#[cold]
fn keep_first(payload: Payload) {
    let innermost = CALLS.try_with(|calls| calls.innermost.get()).unwrap_or_default();
    let Some(frame) = innermost else { return drop_payload(payload) };
    // SAFETY: a frame is popped, also by an unwind, before the stack slot that `push` borrowed goes away, and
    // another thread never sees it.
    let frame = unsafe { frame.as_ref() };
    match frame.first.take() {
        None => frame.first.set(Some(payload)),
        Some(first) => {
            frame.first.set(Some(first));
            drop_payload(payload);
        }
    }
}

/// A payload's own destructor may panic, with a payload whose destructor may panic: one that goes on so is leaked.
fn drop_payload(mut payload: Payload) {
    for _ in 0..8 {
        match panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic::panic_any(Bomb);
        }
    }

    fn message(outcome: Result<(), Payload>) -> &'static str {
        outcome.unwrap_err().downcast_ref::<&str>().copied().unwrap_or("another payload")
    }

    #[test]
    fn the_first_panic_goes_on_after_poisoning() {
        let poisoned = Cell::new(false);
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            enter(
                || {
                    assert!(contain(|| panic!("first")).is_none());
                    assert!(contain(|| panic!("second")).is_none());
                },
                || poisoned.set(true),
            );
        }));
        assert_eq!(message(outcome), "first");
        assert!(poisoned.get());
    }

    #[test]
    fn an_inner_call_keeps_its_panic_from_the_outer_one() {
        enter(
            || {
                let inner = panic::catch_unwind(|| enter(|| contain(|| panic!("inner")), || ()));
                assert!(inner.is_err());
            },
            || unreachable!("the outer call saw no panic"),
        );
    }

    #[test]
    fn each_call_has_a_number_of_its_own() {
        let number = || enter(|| (current_call(), enter(current_call, || ()), last_call()), || ());
        let (outer, inner, popped) = number();
        assert!(outer.is_some() && inner.is_some() && outer != inner);
        assert_eq!((popped, last_call(), current_call()), (inner, outer, None));
        let elsewhere = std::thread::spawn(number).join().unwrap();
        assert_ne!(elsewhere.0, outer);
    }

    #[test]
    fn a_panic_without_a_frame_is_dropped() {
        assert!(contain(|| panic!("nobody waits")).is_none());
        enter(|| (), || unreachable!("left over"));
    }

    #[test]
    fn payloads_that_panic_when_dropped_do_not_escape() {
        assert!(contain(|| panic::panic_any(Bomb)).is_none());
        drop_contained(Bomb);
    }
}
