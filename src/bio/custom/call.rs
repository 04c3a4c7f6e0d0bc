//! From C into the functions of a method, and back: what moves bytes.

use std::cell::Cell;
use std::ffi::{c_char, c_int};
use std::io;
use std::ptr::{self, NonNull};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::method::BioMethod;
use super::next::{NextBio, Stop};
use super::table;
use crate::bio::core::suspends;
use crate::bio::handle::Bio;
use crate::bio::method;
use crate::bio::object::BioRetry;
use crate::context::run;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{bytes, errno, panics, strings};

/// What the data of a BIO points to.
pub(super) struct State<T> {
    /// One of its functions runs: another one would have it twice.
    busy: Cell<bool>,
    /// One of its functions panicked: nobody knows what state it is in.
    broken: Cell<bool>,
    /// The last read came to the end.
    end: Cell<bool>,
    pub(super) method: T,
}

/// How an operation went that did not succeed: what C is to be told.
pub(super) type Refused = c_int;

pub(super) const FAILED: Refused = -1;
pub(super) const UNSUPPORTED: Refused = -2;

impl<T: BioMethod> State<T> {
    fn new(method: T) -> Box<Self> {
        Box::new(Self { busy: Cell::new(false), broken: Cell::new(false), end: Cell::new(false), method })
    }

    /// # Safety
    ///
    /// `bio` is live and of this type's method.
    unsafe fn of(bio: *mut sys::BIO) -> Option<NonNull<Self>> {
        // SAFETY: by this function's contract its data is NULL or a state.
        NonNull::new(unsafe { sys::BIO_get_data(bio) }.cast())
    }

    /// As [`of`](Self::of), for any BIO.
    ///
    /// # Safety
    ///
    /// `bio` is live.
    pub(super) unsafe fn found(bio: *mut sys::BIO) -> Option<*mut Self> {
        // SAFETY: live by this function's contract, and of this type's method where that is asked.
        unsafe {
            let ours = table::type_of(bio) == Some(std::any::TypeId::of::<T>());
            Self::of(bio).filter(|_| ours).map(NonNull::as_ptr)
        }
    }

    /// Gives a BIO its state, and drops the one that it had.
    ///
    /// # Safety
    ///
    /// `bio` is live and of this type's method, and none of its functions runs.
    pub(super) unsafe fn put(bio: *mut sys::BIO, method: T) {
        // SAFETY: by this function's contract; what it had came from a box.
        unsafe {
            Self::take(bio);
            sys::BIO_set_data(bio, Box::into_raw(Self::new(method)).cast());
            sys::BIO_set_init(bio, 1);
        }
    }

    /// # Safety
    ///
    /// As [`put`](Self::put).
    unsafe fn take(bio: *mut sys::BIO) {
        // SAFETY: by this function's contract; the state came from a box in `put`.
        unsafe {
            if let Some(state) = Self::of(bio) {
                sys::BIO_set_data(bio, ptr::null_mut());
                sys::BIO_set_init(bio, 0);
                let state = Box::from_raw(state.as_ptr());
                run(|| panics::drop_contained(state));
            }
        }
    }

    /// Whether the last read came to the end.
    ///
    /// # Safety
    ///
    /// As [`of`](Self::of).
    pub(super) unsafe fn is_at_end(bio: *mut sys::BIO) -> bool {
        // SAFETY: by this function's contract; only the flag is looked at.
        unsafe { Self::of(bio) }.is_some_and(|state| unsafe { (*state.as_ptr()).end.get() })
    }

    /// # Safety
    ///
    /// As [`of`](Self::of).
    unsafe fn set_end(bio: *mut sys::BIO, end: bool) {
        // SAFETY: as above.
        if let Some(state) = unsafe { Self::of(bio) } {
            // SAFETY: as above.
            unsafe { (*state.as_ptr()).end.set(end) };
        }
    }

    /// Runs a function of the method beneath C. The error queue and `errno` are as they were; `Err` has said why.
    ///
    /// # Safety
    ///
    /// `bio` is live and of this type's method.
    pub(super) unsafe fn enter<R>(
        bio: *mut sys::BIO,
        call: &'static str,
        function: impl FnOnce(&mut T) -> R,
    ) -> Result<R, Refused> {
        let fail = |why| {
            error::raise(ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR, call, why);
            Err(FAILED)
        };
        // SAFETY: by this function's contract.
        let state = match unsafe { Self::of(bio) } {
            // SAFETY: as above.
            Some(state) if unsafe { ext::BIO_get_init(bio) } != 0 => state.as_ptr(),
            _ => {
                error::raise(ext::ERR_LIB_BIO, ext::BIO_R_UNINITIALIZED, call, "");
                return Err(FAILED);
            }
        };
        // SAFETY: the state is the BIO's. Only its flags are looked at while a function may run.
        let (busy, broken) = unsafe { (&(*state).busy, &(*state).broken) };
        if broken.get() {
            return fail("the method panicked earlier");
        }
        if busy.replace(true) {
            return fail("a function of the method is running");
        }
        // SAFETY: the state is the BIO's, and `busy` says that nobody else is in here.
        let answer = run(|| function(unsafe { &mut (*state).method }));
        busy.set(false);
        answer.map_or_else(
            || {
                broken.set(true);
                fail("the method panicked")
            },
            Ok,
        )
    }

    /// As [`enter`](Self::enter), for what moves bytes: the BIO is told what it waits for, and C gets the number of bytes.
    ///
    /// # Safety
    ///
    /// As [`enter`](Self::enter).
    pub(super) unsafe fn operate(
        bio: *mut sys::BIO,
        (call, retry): (&'static str, BioRetry),
        most: usize,
        function: impl FnOnce(&mut T, &mut NextBio<'_>) -> Result<usize, Stop>,
    ) -> Result<usize, Refused> {
        // SAFETY: by this function's contract; the next BIO is this one's, which C uses.
        let mut next = unsafe {
            sys::BIO_clear_retry_flags(bio);
            ext::BIO_set_retry_reason(bio, 0);
            NextBio::new(ext::BIO_next(bio))
        };
        // SAFETY: by this function's contract.
        let stop = match unsafe { Self::enter(bio, call, |method| function(method, &mut next)) }? {
            Ok(moved) if moved <= most => return Ok(moved),
            Ok(moved) => Stop::Failed(io::Error::other(format!("{moved} bytes of {most} are too many"))),
            Err(stop) => stop,
        };
        // SAFETY: as above.
        Err(unsafe { refuse(bio, call, retry, stop) })
    }
}

/// Tells the BIO and the error queue why an operation did not succeed.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it.
pub(super) unsafe fn refuse(bio: *mut sys::BIO, call: &'static str, retry: BioRetry, stop: Stop) -> Refused {
    let error = match stop {
        Stop::End => return 0,
        Stop::Retry(retry) => {
            // SAFETY: by this function's contract.
            unsafe { retry.put(bio) };
            return FAILED;
        }
        Stop::Unsupported => {
            error::raise(ext::ERR_LIB_BIO, ext::BIO_R_UNSUPPORTED_METHOD, call, "");
            return UNSUPPORTED;
        }
        Stop::Next(error) => {
            // SAFETY: by this function's contract.
            unsafe { pass_on(bio, call, error) };
            return FAILED;
        }
        Stop::Failed(error) => error,
    };
    let errno = error.raw_os_error().unwrap_or_default();
    if suspends(&error) || error.kind() == io::ErrorKind::Interrupted {
        // SAFETY: by this function's contract.
        unsafe { retry.put(bio) };
    } else {
        let (library, reason) = match errno {
            0 => (ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR),
            errno => (sys::ERR_LIB_SYS, errno),
        };
        // Its text is the user's code.
        if let Some(text) = run(|| text_of(&error)) {
            error::raise(library, reason, call, &text);
        }
    }
    run(|| panics::drop_contained(error));
    errno::set(errno);
    FAILED
}

/// What a BIO further down said, for who called this one. A stream's own error goes back to where that looks for it.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it, nor what is behind it.
unsafe fn pass_on(bio: *mut sys::BIO, call: &'static str, mut error: Error) {
    error.stack().restore();
    if error.stack().is_empty() && error.kind() != ErrorKind::Unspecified {
        let text = run(|| text_of(&error)).unwrap_or_default();
        error::raise(ext::ERR_LIB_BIO, ext::BIO_R_TRANSFER_ERROR, call, &text);
    }
    let errno = error.errno();
    if let Some(story) = error.take_transport() {
        // SAFETY: by this function's contract; the stream's functions have returned.
        match unsafe { method::find_core(ext::BIO_next(bio)) } {
            // SAFETY: as above.
            Some(mut core) => unsafe { core.as_mut() }.keep_failure(story),
            None => _ = run(|| panics::drop_contained(story)),
        }
    }
    run(|| panics::drop_contained(error));
    errno::set(errno);
}

/// A text that may fail to be one, over which `to_string` would panic.
fn text_of(error: &dyn std::fmt::Display) -> String {
    let mut text = String::new();
    let _ = std::fmt::Write::write_fmt(&mut text, format_args!("{error}"));
    text
}

/// A BIO of a method with this state.
pub(super) fn new_bio<T: BioMethod>(method: T) -> Result<Bio, Error> {
    let table = table::of::<T>()?;
    error::clear();
    let _ = CREATING.try_with(|creating| creating.set(true));
    // SAFETY: the method is complete and never freed; the reference is ours.
    let bio = unsafe { Bio::from_new("BIO_new", sys::BIO_new(table.method.as_ptr())) };
    let _ = CREATING.try_with(|creating| creating.set(false));
    let bio = bio?;
    // SAFETY: the BIO is live, of this type's method, and nobody else's yet.
    unsafe { State::put(bio.as_ptr(), method) };
    Ok(bio)
}

thread_local! {
    /// The BIO that is being made gets its state at once.
    static CREATING: Cell<bool> = const { Cell::new(false) };
}

pub(super) unsafe extern "C" fn create<T: BioMethod>(bio: *mut sys::BIO) -> c_int {
    // SAFETY: C calls this with a new BIO of this type's method.
    unsafe {
        sys::BIO_set_data(bio, ptr::null_mut());
        sys::BIO_set_init(bio, 0);
    }
    if CREATING.try_with(|creating| creating.replace(false)).unwrap_or_default() {
        return 1;
    }
    match run(T::create) {
        Some(Some(method)) => {
            // SAFETY: as above.
            unsafe { State::put(bio, method) };
            1
        }
        // Not initialised: each operation fails until a copy's original has given it a state.
        Some(None) => 1,
        None => 0,
    }
}

pub(super) unsafe extern "C" fn destroy<T: BioMethod>(bio: *mut sys::BIO) -> c_int {
    // SAFETY: C calls this with a BIO of this type's method that dies.
    unsafe { State::<T>::take(bio) };
    1
}

pub(super) unsafe extern "C" fn read<T: BioMethod>(
    bio: *mut sys::BIO,
    out: *mut c_char,
    len: usize,
    moved: *mut usize,
) -> c_int {
    // SAFETY: C calls this with a live BIO of this type's method, `len` bytes of its own, which may be uninitialised, and
    // room for the number. The function may look at bytes before it writes them.
    unsafe {
        *moved = 0;
        if out.is_null() || len == 0 {
            return 0;
        }
        ptr::write_bytes(out, 0, len);
        let buf = bytes::lend_mut(out.cast(), len);
        let call = ("read", BioRetry::READ);
        let outcome = State::<T>::operate(bio, call, len, |method, next| method.read(next, buf));
        State::<T>::set_end(bio, matches!(outcome, Ok(0) | Err(0)));
        match outcome {
            Ok(0) => 0,
            Ok(read) => {
                *moved = read;
                1
            }
            Err(refused) => refused,
        }
    }
}

pub(super) unsafe extern "C" fn write<T: BioMethod>(
    bio: *mut sys::BIO,
    data: *const c_char,
    len: usize,
    moved: *mut usize,
) -> c_int {
    // SAFETY: as in `read`; C lends `len` bytes for this call.
    unsafe {
        *moved = 0;
        let Some(data) = bytes::lend(data.cast(), len).filter(|data| !data.is_empty()) else { return 0 };
        let call = ("write", BioRetry::WRITE);
        match State::<T>::operate(bio, call, data.len(), |method, next| some(method.write(next, data))) {
            Ok(written) => {
                *moved = written;
                1
            }
            Err(refused) => refused,
        }
    }
}

pub(super) unsafe extern "C" fn gets<T: BioMethod>(
    bio: *mut sys::BIO,
    out: *mut c_char,
    size: c_int,
) -> c_int {
    let Some(most) = usize::try_from(size).ok().and_then(|size| size.checked_sub(1)) else { return FAILED };
    if out.is_null() {
        return FAILED;
    }
    // SAFETY: as in `read`. Behind the bytes there is room for a NUL.
    unsafe {
        ptr::write_bytes(out, 0, most + 1);
        if most == 0 {
            return 0;
        }
        let buf = bytes::lend_mut(out.cast(), most);
        let call = ("gets", BioRetry::READ);
        let outcome = State::<T>::operate(bio, call, most, |method, next| method.gets(next, buf));
        State::<T>::set_end(bio, matches!(outcome, Ok(0) | Err(0)));
        match outcome {
            Ok(read) => {
                *out.add(read) = 0;
                c_int::try_from(read).unwrap_or(FAILED)
            }
            Err(refused) => {
                *out = 0;
                refused
            }
        }
    }
}

pub(super) unsafe extern "C" fn puts<T: BioMethod>(bio: *mut sys::BIO, text: *const c_char) -> c_int {
    // SAFETY: as in `read`; C lends a string for this call.
    unsafe {
        let Some(text) = strings::lend(text) else { return FAILED };
        let (call, most) = (("puts", BioRetry::WRITE), text.to_bytes().len());
        State::<T>::operate(bio, call, most, |method, next| method.puts(next, text))
            .map_or_else(|refused| refused, |written| c_int::try_from(written).unwrap_or(c_int::MAX))
    }
}

/// Nothing taken is a failure, which C's 0 would not say.
fn some(written: Result<usize, Stop>) -> Result<usize, Stop> {
    match written {
        Ok(0) => Err(Stop::Failed(io::ErrorKind::WriteZero.into())),
        written => written,
    }
}
