//! BIOs over Rust as C sees them, without TLS.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::c_int;
use std::io::{self, Read, Write};
use std::ptr;
use std::rc::Rc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::core::Core;
use super::handle::Bio;
use super::stream::{Carried, StreamHeld};
use super::{ReadAhead, method};
use crate::error;
use crate::ffi::{errno, panics};

/// A stream that answers from scripts; an empty script is `WouldBlock`.
#[derive(Default)]
struct Script {
    reads: VecDeque<Answer>,
    writes: VecDeque<Answer>,
    flushes: VecDeque<Answer>,
    _bomb: Option<Bomb>,
}

/// Tells that it was dropped, and panics.
struct Bomb(Rc<Cell<bool>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(true);
        panic!("a destructor that panics");
    }
}

enum Answer {
    Bytes(&'static [u8]),
    Claim(usize),
    Fail(io::Error),
    Panic,
    /// Leaves an entry in the error queue, or takes those that are there, and succeeds.
    Queue(bool),
}

fn answer(script: &mut VecDeque<Answer>, buf: Option<&mut [u8]>) -> io::Result<usize> {
    match script.pop_front().unwrap_or_else(|| Answer::Fail(io::ErrorKind::WouldBlock.into())) {
        Answer::Bytes(bytes) => {
            if let Some(buf) = buf {
                buf[..bytes.len()].copy_from_slice(bytes);
            }
            Ok(bytes.len())
        }
        Answer::Claim(len) => Ok(len),
        Answer::Fail(error) => Err(error),
        Answer::Panic => panic!("the script says so"),
        Answer::Queue(raise) => {
            error::clear();
            if raise {
                raise_error();
            }
            Ok(1)
        }
    }
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(buf.iter().all(|byte| *byte == 0) || buf.len() == AHEAD, "what C lends is initialised");
        answer(&mut self.reads, Some(buf))
    }
}

impl Write for Script {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        answer(&mut self.writes, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.flushes.is_empty() { Ok(()) } else { answer(&mut self.flushes, None).map(drop) }
    }
}

const AHEAD: usize = 7;

fn fail(kind: io::ErrorKind) -> Answer {
    Answer::Fail(kind.into())
}

fn raise_error() {
    // SAFETY: puts one entry into this thread's queue, without data.
    unsafe {
        sys::ERR_new();
        sys::ERR_set_error(sys::ERR_LIB_ASN1, 7, ptr::null());
    }
}

fn held<T: Carried>(channel: T) -> StreamHeld<T> {
    StreamHeld::new(channel).map_err(|(error, _)| error).unwrap()
}

fn reads(answers: impl IntoIterator<Item = Answer>) -> StreamHeld<Script> {
    held(Script { reads: answers.into_iter().collect(), ..Script::default() })
}

fn writes(answers: impl IntoIterator<Item = Answer>) -> StreamHeld<Script> {
    held(Script { writes: answers.into_iter().collect(), ..Script::default() })
}

fn flushes(answers: impl IntoIterator<Item = Answer>) -> StreamHeld<Script> {
    held(Script { flushes: answers.into_iter().collect(), ..Script::default() })
}

/// BIO_read into memory that nobody initialised.
fn read(bio: &Bio, len: usize) -> Result<Vec<u8>, c_int> {
    let mut buf = Vec::<u8>::with_capacity(len);
    // SAFETY: the BIO is live; C writes at most `len` bytes.
    let ret = unsafe { sys::BIO_read(bio.as_ptr(), buf.as_mut_ptr().cast(), len as c_int) };
    let read = usize::try_from(ret).map_err(|_| ret)?;
    assert!(read <= len);
    // SAFETY: C says that it wrote them.
    unsafe { buf.set_len(read) };
    Ok(buf)
}

fn write(bio: &Bio, data: &[u8]) -> c_int {
    // SAFETY: the BIO is live; C reads the slice.
    unsafe { sys::BIO_write(bio.as_ptr(), data.as_ptr().cast(), data.len() as c_int) }
}

fn ctrl(bio: &Bio, command: c_int) -> i64 {
    // SAFETY: the BIO is live and of ours: no command takes a pointer but one that knows its caller.
    let answer = unsafe { sys::BIO_ctrl(bio.as_ptr(), command, 0, ptr::null_mut()) };
    #[allow(clippy::useless_conversion)] // C's `long` has 32 bits on some targets
    i64::from(answer)
}

fn flush(bio: &Bio) -> i64 {
    ctrl(bio, sys::BIO_CTRL_FLUSH)
}

fn eof(bio: &Bio) -> bool {
    ctrl(bio, sys::BIO_CTRL_EOF) == 1
}

/// The directions that C would wait for: (read, write), both `false` if it would not.
fn retries(bio: &Bio) -> (bool, bool) {
    // SAFETY: the BIO is live; reads its flags.
    unsafe {
        assert_eq!(
            ext::BIO_should_retry(bio.as_ptr()) != 0,
            ext::BIO_should_read(bio.as_ptr()) != 0 || ext::BIO_should_write(bio.as_ptr()) != 0
        );
        (ext::BIO_should_read(bio.as_ptr()) != 0, ext::BIO_should_write(bio.as_ptr()) != 0)
    }
}

const READ: (bool, bool) = (true, false);
const WRITE: (bool, bool) = (false, true);
const NONE: (bool, bool) = (false, false);

/// What was kept of the call that `act` is.
fn failure_of(bio: &Bio, act: impl FnOnce()) -> Option<io::Error> {
    panics::enter(act, || ());
    let call = panics::last_call().unwrap();
    // SAFETY: the BIO is live, and nobody uses it meanwhile.
    unsafe { method::find_core(bio.as_ptr()).unwrap().as_mut() }.take_failure(call)
}

#[test]
fn the_end_is_told_only_at_the_end() {
    let held = reads([Answer::Bytes(b"abc"), Answer::Claim(0), fail(io::ErrorKind::WouldBlock)]);
    assert!(!eof(held.bio()));
    assert_eq!(read(held.bio(), 9).unwrap(), b"abc");
    assert!(!eof(held.bio()));
    assert_eq!(read(held.bio(), 9).unwrap(), b"");
    assert!(eof(held.bio()));
    assert_eq!(retries(held.bio()), NONE);
    // A terminal's end of file is not for ever.
    assert_eq!(read(held.bio(), 9), Err(-1));
    assert!(!eof(held.bio()));
}

#[test]
fn what_would_block_or_times_out_is_retried() {
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
        let held =
            held(Script { reads: [fail(kind)].into(), writes: [fail(kind)].into(), ..Script::default() });
        assert_eq!((read(held.bio(), 9), retries(held.bio())), (Err(-1), READ));
        assert_eq!((write(held.bio(), b"x"), retries(held.bio())), (-1, WRITE));
    }
}

#[test]
fn interruptions_stay_inside() {
    let interrupted = || fail(io::ErrorKind::Interrupted);
    let held = held(Script {
        reads: [interrupted(), interrupted(), Answer::Bytes(b"a")].into(),
        writes: [interrupted(), Answer::Claim(1)].into(),
        flushes: [interrupted(), Answer::Claim(0)].into(),
        ..Script::default()
    });
    assert_eq!(read(held.bio(), 1).unwrap(), b"a");
    assert_eq!(write(held.bio(), b"x"), 1);
    assert_eq!(flush(held.bio()), 1);
}

#[test]
fn no_other_command_touches_the_retry_flags() {
    let held = reads([]);
    assert_eq!(read(held.bio(), 9), Err(-1));
    for command in (0..1000).chain([c_int::MIN, -1, c_int::MAX]) {
        ctrl(held.bio(), command);
        assert_eq!(retries(held.bio()), READ, "command {command}");
    }
}

#[test]
fn lengths_that_are_too_large_are_failures() {
    for claim in [10, usize::MAX, c_int::MAX as usize + 1] {
        let held = held(Script {
            reads: [Answer::Claim(claim)].into(),
            writes: [Answer::Claim(claim)].into(),
            ..Script::default()
        });
        let error = failure_of(held.bio(), || assert_eq!(read(held.bio(), 9), Err(-1))).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::Other);
        assert_eq!(retries(held.bio()), NONE);
        let error = failure_of(held.bio(), || assert_eq!(write(held.bio(), b"nine byte"), -1)).unwrap();
        assert_eq!((error.kind(), retries(held.bio())), (io::ErrorKind::Other, NONE));
    }
}

#[test]
fn a_write_that_takes_nothing_is_a_failure() {
    let held = writes([Answer::Claim(0)]);
    let error = failure_of(held.bio(), || assert_eq!(write(held.bio(), b"x"), -1)).unwrap();
    assert_eq!((error.kind(), retries(held.bio())), (io::ErrorKind::WriteZero, NONE));
}

#[test]
fn the_first_failure_of_a_call_is_kept_for_that_call_only() {
    let held = writes([Answer::Fail(io::Error::other("first")), Answer::Fail(io::Error::other("second"))]);
    let error = failure_of(held.bio(), || {
        write(held.bio(), b"x");
        write(held.bio(), b"x");
    });
    assert_eq!(error.unwrap().to_string(), "first");

    let held = writes([Answer::Fail(io::Error::other("earlier"))]);
    panics::enter(|| write(held.bio(), b"x"), || ());
    assert!(failure_of(held.bio(), || ()).is_none());
    // C itself wrote: no call of ours has failed.
    let held = writes([Answer::Fail(io::Error::other("C's own"))]);
    write(held.bio(), b"x");
    assert!(failure_of(held.bio(), || ()).is_none());
}

#[test]
fn errno_tells_failures_and_nothing_else() {
    let os = |errno| Answer::Fail(io::Error::from_raw_os_error(errno));
    let held =
        reads([os(libc::ECONNRESET), fail(io::ErrorKind::Other), Answer::Bytes(b"a"), Answer::Claim(0)]);
    errno::set(libc::EDOM);
    assert_eq!((read(held.bio(), 9), errno::get()), (Err(-1), libc::ECONNRESET));
    assert_eq!((read(held.bio(), 9), errno::get()), (Err(-1), 0));
    errno::set(libc::EDOM);
    assert_eq!((read(held.bio(), 9).unwrap().len(), errno::get()), (1, libc::EDOM));
    assert_eq!((read(held.bio(), 9).unwrap().len(), errno::get()), (0, libc::EDOM));
}

#[test]
fn a_flush_that_would_block_is_made_up_for_by_the_next_read() {
    let mut script = Script {
        flushes: [fail(io::ErrorKind::WouldBlock), fail(io::ErrorKind::TimedOut), Answer::Claim(0)].into(),
        ..Script::default()
    };
    script.reads = [fail(io::ErrorKind::WouldBlock), Answer::Bytes(b"a")].into();
    let held = held(script);
    assert_eq!(flush(held.bio()), 1);
    assert_eq!((read(held.bio(), 9), retries(held.bio())), (Err(-1), WRITE));
    assert_eq!(read(held.bio(), 9).unwrap(), b"a");
}

#[test]
fn a_flush_that_still_blocks_does_not_keep_what_has_come_from_being_read() {
    let mut script = Script {
        flushes: [fail(io::ErrorKind::WouldBlock), fail(io::ErrorKind::WouldBlock)].into(),
        ..Script::default()
    };
    script.reads = [Answer::Bytes(b"a")].into();
    let held = held(script);
    assert_eq!(flush(held.bio()), 1);
    assert_eq!(read(held.bio(), 9).unwrap(), b"a");
}

#[test]
fn a_flush_that_fails_is_not_taken_for_a_wait() {
    let held = flushes([Answer::Fail(io::Error::from_raw_os_error(libc::EPIPE))]);
    assert_eq!((read(held.bio(), 9), retries(held.bio())), (Err(-1), READ));
    let error = failure_of(held.bio(), || assert_eq!(flush(held.bio()), -1)).unwrap();
    assert_eq!((error.raw_os_error(), errno::get()), (Some(libc::EPIPE), libc::EPIPE));
    assert_eq!(retries(held.bio()), NONE);
}

#[test]
fn a_flush_by_the_user_settles_what_was_put_off() {
    let mut held = flushes([fail(io::ErrorKind::WouldBlock), fail(io::ErrorKind::WouldBlock)]);
    assert_eq!(flush(held.bio()), 1);
    assert_eq!(held.flush().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    held.flush().unwrap();
    assert_eq!((read(held.bio(), 9), retries(held.bio())), (Err(-1), READ));
}

#[test]
fn a_panic_stays_inside_and_breaks_the_stream() {
    let acts: [fn(&Bio) -> bool; 3] =
        [|bio| read(bio, 9) == Err(-1), |bio| write(bio, b"x") == -1, |bio| flush(bio) == -1];
    for act in acts {
        let held = held(Script {
            reads: [Answer::Panic, Answer::Bytes(b"a")].into(),
            writes: [Answer::Panic, Answer::Claim(1)].into(),
            flushes: [Answer::Panic, Answer::Claim(0)].into(),
            ..Script::default()
        });
        assert!(act(held.bio()));
        // It panicked once only, but who knows in what state it is.
        assert!(read(held.bio(), 9) == Err(-1) && write(held.bio(), b"x") == -1 && flush(held.bio()) == -1);
        assert_eq!(retries(held.bio()), NONE);
    }
}

#[test]
fn the_error_queue_is_as_it_was() {
    for raises in [false, true] {
        let held = reads([Answer::Queue(raises), Answer::Queue(raises)]);
        error::clear();
        read(held.bio(), 9).unwrap();
        assert!(error::is_empty());
        raise_error();
        read(held.bio(), 9).unwrap();
        let stack = error::ErrorStack::drain();
        assert_eq!(stack.iter().map(error::Reason::reason_code).collect::<Vec<_>>(), [7]);
    }
}

#[test]
fn a_bio_that_outlives_its_channel_has_no_stream() {
    let dropped = Rc::new(Cell::new(false));
    let held = held(Script { _bomb: Some(Bomb(Rc::clone(&dropped))), ..Script::default() });
    let bio = held.bio().try_clone().unwrap();
    // The panic of the destructor goes no further.
    drop(held);
    assert!(dropped.get());
    assert!(read(&bio, 9) == Err(-1) && write(&bio, b"x") == -1 && flush(&bio) == 0 && !eof(&bio));
}

#[test]
fn only_bios_of_ours_are_taken_for_ours() {
    let held = reads([]);
    // SAFETY: returns NULL or a BIO of the caller's.
    let memory = unsafe { Bio::from_new("BIO_new", sys::BIO_new(sys::BIO_s_mem())) }.unwrap();
    // SAFETY: all BIOs are live; BIO_push takes the reference to what it appends.
    unsafe {
        assert!(method::find_core(ptr::null_mut()).is_none());
        assert!(method::find_core(memory.as_ptr()).is_none());
        let core = method::find_core(held.bio().as_ptr());
        assert!(core.is_some());
        ext::BIO_push(memory.as_ptr(), held.bio().try_clone().unwrap().into_ptr());
        assert_eq!(method::find_core(memory.as_ptr()), core);
    }
}

#[test]
fn a_bio_over_rust_cannot_be_copied() {
    let held = reads([]);
    // SAFETY: the BIO is live; NULL or a chain of the caller's comes back.
    let copy = unsafe { ext::BIO_dup_chain(held.bio().as_ptr()) };
    assert!(copy.is_null());
    error::clear();
}

#[test]
fn reading_ahead_gives_what_is_asked_and_keeps_the_rest() {
    let script = Script {
        reads: [Answer::Bytes(b"abcdefg"), Answer::Bytes(b"hi"), Answer::Claim(AHEAD + 1), Answer::Claim(0)]
            .into(),
        ..Script::default()
    };
    let held = held(ReadAhead::with_capacity(script, AHEAD).with_unread(b"12"));
    assert!(held.has_read_ahead());
    assert_eq!(read(held.bio(), 9).unwrap(), b"12");
    assert!(!held.has_read_ahead());
    assert_eq!(read(held.bio(), 3).unwrap(), b"abc");
    assert_eq!((held.has_read_ahead(), ctrl(held.bio(), ext::BIO_CTRL_PENDING)), (true, 4));
    assert_eq!(read(held.bio(), 9).unwrap(), b"defg");
    assert_eq!(read(held.bio(), 1).unwrap(), b"h");
    assert!(!eof(held.bio()));
    assert_eq!(read(held.bio(), 9).unwrap(), b"i");
    assert_eq!(read(held.bio(), 9), Err(-1));
    assert_eq!(read(held.bio(), 9).unwrap(), b"");
    assert!(eof(held.bio()));
    let (_, unread) = held.into_channel();
    assert!(unread.unwrap().unread().is_empty());
}

#[test]
fn the_core_is_at_the_front_of_the_state() {
    let held = reads([]);
    // SAFETY: the BIO is live and nobody else uses it.
    let core = unsafe { method::find_core(held.bio().as_ptr()) }.unwrap();
    let front = ptr::from_ref(held.channel()) as usize - core.as_ptr() as usize;
    assert!(front >= size_of::<Core>());
}
