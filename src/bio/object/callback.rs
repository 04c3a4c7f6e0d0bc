//! The callback of a BIO: each operation, before it and after it.

use std::ffi::{c_char, c_int, c_long};
use std::fmt;
use std::ops::RangeInclusive;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, TryLockError};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::BioRef;
use crate::context::run;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::ex_data::Slot;
use crate::ffi::{bytes, panics, strings};

/// As C declares a callback.
pub type BioCallbackFn = unsafe extern "C" fn(
    *mut sys::BIO,
    c_int,
    *const c_char,
    usize,
    c_int,
    c_long,
    c_int,
    *mut usize,
) -> c_long;

type Closure = Box<dyn FnMut(&BioEvent<'_>) -> BioVerdict + Send>;
type Shared = Arc<Mutex<Closure>>;

/// In ex_data, where BIO_dup_chain(3), which copies the callback and its argument, leaves it out.
static SLOT: Slot<sys::BIO, Option<Shared>> = Slot::new();

/// The one address of the trampoline, to know it again by.
static OBSERVE: BioCallbackFn = observe;

/// What a BIO is about to do or has done.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct BioEvent<'a> {
    /// Which operation.
    pub operation: BioOperation,
    /// What the operation returned, where it is over; `None` before it. 1 is success where bytes are moved: their
    /// number is [`moved`](Self::moved).
    pub result: Option<c_int>,
    /// What is to be written, or was; what was read.
    pub data: &'a [u8],
    /// How many bytes there is room for in a read.
    pub room: usize,
    /// How many bytes the operation moved, where it is over.
    pub moved: usize,
}

/// An operation of a BIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BioOperation {
    /// `BIO_CB_FREE`: it is freed. The answer changes nothing.
    #[doc(alias = "BIO_CB_FREE")]
    Free,
    /// `BIO_CB_READ`
    #[doc(alias = "BIO_CB_READ")]
    Read,
    /// `BIO_CB_WRITE`
    #[doc(alias = "BIO_CB_WRITE")]
    Write,
    /// `BIO_CB_PUTS`
    #[doc(alias = "BIO_CB_PUTS")]
    Puts,
    /// `BIO_CB_GETS`
    #[doc(alias = "BIO_CB_GETS")]
    Gets,
    /// `BIO_CB_CTRL`
    #[doc(alias = "BIO_CB_CTRL")]
    Ctrl {
        /// The command, a `BIO_CTRL_…` or `BIO_C_…`.
        command: c_int,
        /// Its number.
        number: c_long,
    },
    /// `BIO_CB_SENDMMSG`
    #[doc(alias = "BIO_CB_SENDMMSG")]
    Sendmmsg,
    /// `BIO_CB_RECVMMSG`
    #[doc(alias = "BIO_CB_RECVMMSG")]
    Recvmmsg,
    /// One that this crate does not know.
    Other(c_int),
}

/// What a callback answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BioVerdict {
    /// Do it; the result stands.
    Proceed,
    /// Do not do it, or do as if it had come to this: 0 or a negative number, as the operation has them. Anything above
    /// counts as 0, and so does anything of [`Sendmmsg`](BioOperation::Sendmmsg) and
    /// [`Recvmmsg`](BioOperation::Recvmmsg).
    Refuse(c_int),
}

impl fmt::Debug for BioEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BioEvent")
            .field("operation", &self.operation)
            .field("result", &self.result)
            .field("len", &self.data.len())
            .field("moved", &self.moved)
            .finish_non_exhaustive()
    }
}

impl BioRef {
    /// Has `callback` told each operation of this BIO (not of those behind it), before it and after it, and lets it
    /// refuse, but for what libssl says and asks about encryption by the kernel. It is dropped with the BIO. If it panics,
    /// the operation fails, and the panic goes on in the call that caused it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if C has set a callback of its own: see [`set_callback_ptr`](Self::set_callback_ptr), and
    /// [`ErrorKind::Unspecified`] if there is no memory.
    ///
    /// C: [`BIO_set_callback_ex(3)`](https://docs.openssl.org/master/man3/BIO_set_callback/)
    #[doc(alias = "BIO_set_callback_ex")]
    #[doc(alias = "BIO_set_callback")]
    pub fn set_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: FnMut(&BioEvent<'_>) -> BioVerdict + Send + 'static,
    {
        const CALL: &str = "BIO_set_callback_ex";
        if self.has_foreign_callback() {
            return Err(Error::new(ErrorKind::Refused, CALL).with_detail("C has set a callback of its own"));
        }
        let closure: Closure = Box::new(callback);
        error::clear();
        // SAFETY: the BIO is live and borrowed for writing; a closure that runs has a reference of its own.
        unsafe {
            SLOT.set(self.as_ptr(), Box::new(Some(Arc::new(Mutex::new(closure)))))?;
            ext::BIO_set_callback_ex(self.as_ptr(), Some(OBSERVE));
        }
        Ok(())
    }

    /// Drops the callback of [`set_callback`](Self::set_callback), and says whether there was one. One of C's stays.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if there is no memory; the callback is not called any more all the same.
    ///
    /// C: [`BIO_set_callback_ex(3)`](https://docs.openssl.org/master/man3/BIO_set_callback/)
    #[doc(alias = "BIO_set_callback_ex")]
    pub fn remove_callback(&mut self) -> Result<bool, Error> {
        if !self.has_callback() {
            return Ok(false);
        }
        error::clear();
        // SAFETY: as in `set_callback`.
        unsafe {
            ext::BIO_set_callback_ex(self.as_ptr(), None);
            SLOT.set(self.as_ptr(), Box::new(None))?;
        }
        Ok(true)
    }

    /// Whether there is a callback of [`set_callback`](Self::set_callback).
    pub fn has_callback(&self) -> bool {
        self.callback_ptr().is_some_and(|callback| std::ptr::fn_addr_eq(callback, OBSERVE))
    }

    /// Whether C has set a callback of its own.
    pub(super) fn has_foreign_callback(&self) -> bool {
        self.callback_ptr().is_some() && !self.has_callback()
    }

    /// The callback as C has it, this crate's own or one of C's.
    ///
    /// C: [`BIO_get_callback_ex(3)`](https://docs.openssl.org/master/man3/BIO_set_callback/)
    #[doc(alias = "BIO_get_callback_ex")]
    pub fn callback_ptr(&self) -> Option<BioCallbackFn> {
        // SAFETY: the BIO is live, and the call only reads it.
        unsafe { ext::BIO_get_callback_ex(self.as_ptr()) }
    }

    /// What C gave its callback to know; this crate's own does not use it.
    ///
    /// C: [`BIO_get_callback_arg(3)`](https://docs.openssl.org/master/man3/BIO_set_callback/)
    #[doc(alias = "BIO_get_callback_arg")]
    pub fn callback_arg(&self) -> *mut c_char {
        // SAFETY: the BIO is live, and the call only reads it.
        unsafe { ext::BIO_get_callback_arg(self.as_ptr()) }
    }

    /// Sets a callback of C's, in place of any.
    ///
    /// C: [`BIO_set_callback_ex(3)`](https://docs.openssl.org/master/man3/BIO_set_callback/)
    ///
    /// # Safety
    ///
    /// The callback may be called with this BIO as long as it lives, on each thread that it goes to, with `argument` to
    /// be had from the BIO, and keeps the promises of the operations whose results it changes.
    #[doc(alias = "BIO_set_callback_ex")]
    #[doc(alias = "BIO_set_callback_arg")]
    pub unsafe fn set_callback_ptr(&mut self, callback: Option<BioCallbackFn>, argument: *mut c_char) {
        // SAFETY: the BIO is live and borrowed for writing; the rest by this function's contract.
        unsafe {
            ext::BIO_set_callback_arg(self.as_ptr(), argument);
            ext::BIO_set_callback_ex(self.as_ptr(), callback);
        }
    }
}

/// What libssl says to a BIO, and asks it, about encryption by the kernel (`BIO_CTRL_SET_KTLS` and the like).
pub(in crate::bio) const KTLS: RangeInclusive<c_int> = 72..=76;

/// C calls it before an operation with 1 for the result, and after it with the result.
unsafe extern "C" fn observe(
    bio: *mut sys::BIO,
    operation: c_int,
    data: *const c_char,
    len: usize,
    command: c_int,
    number: c_long,
    ret: c_int,
    processed: *mut usize,
) -> c_long {
    let proceed = c_long::from(ret);
    if operation & !ext::BIO_CB_RETURN == ext::BIO_CB_CTRL && KTLS.contains(&command) {
        // Where the kernel encrypts, libssl sends from the caller's own buffer: what is so must be known.
        return proceed;
    }
    // SAFETY: C calls this with a live BIO; the value is only borrowed to take a reference.
    let Some(closure) = (unsafe { SLOT.get(bio) }).and_then(Clone::clone) else { return proceed };
    // SAFETY: as C calls a callback.
    let event = unsafe { event(operation, data, len, (command, number), ret, processed) };
    let call = || {
        let mut closure = match closure.try_lock() {
            Ok(closure) => closure,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // It is running: what it does itself is not told to it.
            Err(TryLockError::WouldBlock) => return BioVerdict::Proceed,
        };
        (*closure)(&event)
    };
    if event.operation == BioOperation::Free {
        // BIOs are freed in `Drop`, from which no panic goes on; and a BIO that is not let go is lost.
        let outcome = run(|| panic::catch_unwind(AssertUnwindSafe(call)));
        if let Some(Err(payload)) = outcome {
            panics::drop_contained(payload);
        }
        panics::drop_contained(closure);
        return proceed;
    }
    let verdict = run(call);
    panics::drop_contained(closure);
    let result = match verdict {
        Some(BioVerdict::Proceed) => return proceed,
        Some(BioVerdict::Refuse(result)) => result.min(0),
        None => -1,
    };
    // Of these two C keeps the answer in a `size_t`, where a negative one is a large success.
    let many = matches!(event.operation, BioOperation::Sendmmsg | BioOperation::Recvmmsg);
    c_long::from(if many { 0 } else { result })
}

/// What C says about an operation, as far as it can be read.
///
/// # Safety
///
/// The arguments are those of a callback.
unsafe fn event<'a>(
    operation: c_int,
    data: *const c_char,
    len: usize,
    (command, number): (c_int, c_long),
    ret: c_int,
    processed: *mut usize,
) -> BioEvent<'a> {
    let result = (operation & ext::BIO_CB_RETURN != 0).then_some(ret);
    let operation = match operation & !ext::BIO_CB_RETURN {
        ext::BIO_CB_FREE => BioOperation::Free,
        ext::BIO_CB_READ => BioOperation::Read,
        ext::BIO_CB_WRITE => BioOperation::Write,
        ext::BIO_CB_PUTS => BioOperation::Puts,
        ext::BIO_CB_GETS => BioOperation::Gets,
        ext::BIO_CB_CTRL => BioOperation::Ctrl { command, number },
        ext::BIO_CB_SENDMMSG => BioOperation::Sendmmsg,
        ext::BIO_CB_RECVMMSG => BioOperation::Recvmmsg,
        other => BioOperation::Other(other),
    };
    let succeeded = result.is_some_and(|result| result > 0);
    // SAFETY: NULL, or where C keeps the number of bytes that were moved, which is set after a success.
    let moved = if succeeded { unsafe { processed.as_ref() }.copied().unwrap_or_default() } else { 0 };
    let known = match operation {
        BioOperation::Write => len,
        BioOperation::Read | BioOperation::Gets => moved.min(len),
        // SAFETY: the string that BIO_puts was given.
        BioOperation::Puts => unsafe { strings::lend(data) }.map_or(0, |text| text.count_bytes()),
        _ => 0,
    };
    // SAFETY: NULL, or so many bytes: what is written, or what the method has just filled. C lends them for the callback.
    let data = if known == 0 { &[] } else { unsafe { bytes::lend(data.cast(), known) }.unwrap_or_default() };
    let room = if matches!(operation, BioOperation::Read | BioOperation::Gets) { len } else { 0 };
    BioEvent { operation, result, data, room, moved }
}
