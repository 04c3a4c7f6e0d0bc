//! OpenSSL's error queue: the one place that reads it, empties it and writes it back.

use std::ffi::{CString, c_char, c_int, c_ulong};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, iter, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::ffi::{compat, strings};

/// What a call left in this thread's error queue.
///
/// C's queue gives the oldest entry first: that is the root cause, and each later entry was added by a caller
/// further out.
#[derive(Clone, Default)]
pub struct ErrorStack {
    newest: Option<Box<Reason>>,
}

/// One entry of OpenSSL's error queue. Its [`source`](std::error::Error::source) is the entry before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Reason {
    code: c_ulong,
    file: String,
    line: c_int,
    function: String,
    data: String,
    cause: Option<Box<Reason>>,
}

impl ErrorStack {
    pub(crate) const EMPTY: Self = Self { newest: None };

    /// Takes everything from this thread's error queue.
    ///
    /// The other calls of this crate empty the queue themselves; this is for errors that C code left there.
    ///
    /// C: [`ERR_get_error_all(3)`](https://docs.openssl.org/master/man3/ERR_get_error/)
    #[doc(alias = "ERR_get_error_all")]
    #[doc(alias = "ERR_get_error")]
    pub fn drain() -> Self {
        let newest =
            iter::from_fn(pop).fold(None, |cause, reason| Some(Box::new(Reason { cause, ..reason })));
        Self { newest }
    }

    /// Copies everything from this thread's error queue, and leaves it there for whoever looks next. Marks that C set
    /// (ERR_set_mark(3)) are lost.
    ///
    /// C: [`ERR_peek_error_all(3)`](https://docs.openssl.org/master/man3/ERR_get_error/)
    #[doc(alias = "ERR_peek_error_all")]
    #[doc(alias = "ERR_peek_error")]
    #[doc(alias = "ERR_peek_last_error")]
    pub fn peek() -> Self {
        let stack = Self::drain();
        stack.restore();
        stack
    }

    /// Puts the entries back into this thread's error queue, for C code to find.
    ///
    /// C: [`ERR_new(3)`](https://docs.openssl.org/master/man3/ERR_new/)
    #[doc(alias = "ERR_new")]
    #[doc(alias = "ERR_set_debug")]
    #[doc(alias = "ERR_set_error")]
    pub fn restore(&self) {
        for reason in self.iter() {
            reason.push();
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.newest.is_none()
    }

    /// The entries, oldest first, as `ERR_get_error` gives them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Reason> + ExactSizeIterator {
        let mut reasons: Vec<_> = iter::successors(self.newest(), |reason| reason.cause.as_deref()).collect();
        reasons.reverse();
        reasons.into_iter()
    }

    /// The oldest entry: the root cause.
    pub fn root(&self) -> Option<&Reason> {
        iter::successors(self.newest(), |reason| reason.cause.as_deref()).last()
    }

    /// The newest entry: the outermost function that added one.
    pub fn newest(&self) -> Option<&Reason> {
        self.newest.as_deref()
    }

    /// Whether an entry has this library and this reason, such as `ERR_LIB_SSL` and `SSL_R_NO_SHARED_CIPHER`.
    pub fn has(&self, library: c_int, reason: c_int) -> bool {
        self.iter().any(|entry| entry.library_code() == library && entry.reason_code() == reason)
    }
}

impl fmt::Debug for ErrorStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Display for ErrorStack {
    /// The entries on one line, oldest first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, reason) in self.iter().enumerate() {
            write!(f, "{}{reason}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Reason {
    /// The packed code, as `ERR_get_error` returns it.
    pub fn code(&self) -> c_ulong {
        self.code
    }

    /// The number of the library, such as `ERR_LIB_SSL`.
    #[doc(alias = "ERR_GET_LIB")]
    pub fn library_code(&self) -> c_int {
        sys::ERR_GET_LIB(self.code)
    }

    /// The number of the reason within its library; for a system error, the `errno`.
    #[doc(alias = "ERR_GET_REASON")]
    pub fn reason_code(&self) -> c_int {
        match self.system_error() {
            Some(errno) => errno,
            None => sys::ERR_GET_REASON(self.code),
        }
    }

    /// The `errno` of an entry that reports a system call.
    #[doc(alias = "ERR_SYSTEM_ERROR")]
    pub fn system_error(&self) -> Option<c_int> {
        let is_system = sys::ERR_SYSTEM_ERROR(self.code);
        is_system.then(|| c_int::try_from(self.code & sys::ERR_SYSTEM_MASK).unwrap_or_default())
    }

    /// The name of the library, or `""`.
    #[doc(alias = "ERR_lib_error_string")]
    pub fn library(&self) -> &'static str {
        // SAFETY: library names have static storage.
        unsafe { strings::constant(sys::ERR_lib_error_string(self.code)) }
    }

    /// The text of the reason. Codes without a text give `""`, system errors the system's text.
    #[doc(alias = "ERR_reason_error_string")]
    pub fn reason(&self) -> String {
        match self.system_error() {
            Some(errno) => std::io::Error::from_raw_os_error(errno).to_string(),
            // SAFETY: the text is copied before this call returns, and C's tables outlive that.
            None => unsafe { strings::lossy(sys::ERR_reason_error_string(self.code)) },
        }
    }

    /// The code, library and reason as OpenSSL writes them, such as `error:0A000086:SSL routines::certificate verify failed`,
    /// for logs that had them from C.
    ///
    /// C: [`ERR_error_string_n(3)`](https://docs.openssl.org/master/man3/ERR_error_string/)
    #[doc(alias = "ERR_error_string_n")]
    #[doc(alias = "ERR_error_string")]
    pub fn error_string(&self) -> String {
        let mut text = [0 as c_char; 256];
        // SAFETY: C writes a string into the local, cut where it would be longer.
        unsafe {
            ext::ERR_error_string_n(self.code, text.as_mut_ptr(), text.len());
            strings::lossy(text.as_ptr())
        }
    }

    /// The C function that added the entry, or `""`.
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The C source file that added the entry, or `""`.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line in [`file`](Self::file).
    pub fn line(&self) -> c_int {
        self.line
    }

    /// What the C function added in words, with what is not UTF-8 replaced, or `""`.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// "reason (data)", without the place.
    pub(super) fn summary(&self) -> String {
        let reason = match self.reason() {
            text if text.is_empty() => format!("{} reason {}", self.library(), self.reason_code()),
            text => text,
        };
        if self.data.is_empty() { reason } else { format!("{reason} ({})", self.data) }
    }

    fn push(&self) {
        // What `pop` read came from C strings; a NUL cannot be inside.
        let c =
            |text: &str| CString::from_vec_with_nul([text.as_bytes(), b"\0"].concat()).unwrap_or_default();
        let (file, function, data) = (c(&self.file), c(&self.function), c(&self.data));
        let (library, reason) = match self.system_error() {
            Some(errno) => (sys::ERR_LIB_SYS, errno),
            // The flags above the reason ("fatal", "common") are part of what ERR_set_error takes.
            None => (sys::ERR_GET_LIB(self.code), (self.code & sys::ERR_REASON_MASK) as c_int),
        };
        let format: *const c_char = if data.is_empty() { ptr::null() } else { c"%s".as_ptr() };
        // SAFETY: OpenSSL 3 copies the file, the function and the formatted data; the format takes one string,
        // and NULL means that there is none.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_debug(file.as_ptr(), self.line, function.as_ptr());
            sys::ERR_set_error(library, reason, format, data.as_ptr());
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.library(), self.summary())?;
        if !self.function.is_empty() {
            write!(f, " in {}", self.function)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reason")
            .field("code", &format_args!("{:#x}", self.code))
            .field("library", &self.library())
            .field("reason", &self.reason())
            .field("function", &self.function)
            .field("file", &self.file)
            .field("line", &self.line)
            .field("data", &self.data)
            .finish()
    }
}

impl std::error::Error for Reason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Adds an entry to this thread's queue: a reason of a library's, or an `errno` of `ERR_LIB_SYS`, and what a call says.
pub(crate) fn raise(library: c_int, reason: c_int, call: &str, text: &str) {
    let text = text.replace('\0', "");
    let c = |text: &str| strings::c_string("ERR_set_error", "the text", text).unwrap_or_default();
    let (call, text) = (c(call), c(&text));
    // SAFETY: as in `Reason::push`.
    unsafe {
        sys::ERR_new();
        sys::ERR_set_debug(c"".as_ptr(), 0, call.as_ptr());
        sys::ERR_set_error(library, reason, c"%s".as_ptr(), text.as_ptr());
    }
}

/// Whether this thread's queue is empty: far cheaper than clearing it.
#[inline]
pub(crate) fn is_empty() -> bool {
    // SAFETY: reads this thread's queue.
    unsafe { ext::ERR_peek_error() == 0 }
}

/// As [`clear`], where an entry or two are there for certain: to take each is cheaper.
pub(crate) fn clear_few() {
    // SAFETY: writes this thread's queue.
    while unsafe { sys::ERR_get_error() } != 0 {}
}

/// Whether an answer of SSL_get_error's says that the queue is empty: where it reads the queue, it calls nothing a suspension, or
/// the end, while there is an entry.
#[inline]
pub(crate) fn is_known_empty(code: c_int) -> bool {
    !matches!(code, sys::SSL_ERROR_SSL | sys::SSL_ERROR_SYSCALL | sys::SSL_ERROR_NONE)
        && compat::get_error_reads_queue()
}

/// Empties this thread's queue.
#[inline]
pub(crate) fn clear() {
    static INITIALISED: AtomicBool = AtomicBool::new(false);
    if !INITIALISED.load(Ordering::Acquire) {
        // Without the cleanup that OpenSSL would run at exit, under threads that still use it. All that makes an object
        // empties the queue first.
        sys::init();
        INITIALISED.store(true, Ordering::Release);
    }
    if !is_empty() {
        // SAFETY: writes this thread's queue.
        unsafe { sys::ERR_clear_error() };
    }
}

/// Takes the oldest entry, copying its strings, which the next entry may overwrite.
fn pop() -> Option<Reason> {
    let (mut file, mut function, mut data) = (ptr::null(), ptr::null(), ptr::null());
    let (mut line, mut flags) = (0, 0);
    // SAFETY: all out-pointers point to locals of the types C writes.
    let code = unsafe {
        sys::ERR_get_error_all(&raw mut file, &raw mut line, &raw mut function, &raw mut data, &raw mut flags)
    };
    if code == 0 {
        return None;
    }
    let has_text = flags & sys::ERR_TXT_STRING != 0;
    // SAFETY: C strings that live until this thread's queue is next written; data is a string if the flag says so.
    let (file, function, data) = unsafe {
        (
            strings::lossy(file),
            strings::lossy(function),
            if has_text { strings::lossy(data) } else { String::new() },
        )
    };
    Some(Reason { code, file, line, function, data, cause: None })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn raise(reason: c_int, text: &std::ffi::CStr) {
        // SAFETY: constant strings, and a format with one string.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_debug(c"here.c".as_ptr(), 7, c"somewhere".as_ptr());
            sys::ERR_set_error(20, reason, c"%s".as_ptr(), text.as_ptr());
        }
    }

    #[test]
    fn an_entry_is_written_as_c_writes_it() {
        clear();
        // SAFETY: constant strings, and no format.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_error(20, 134, ptr::null());
        }
        let stack = ErrorStack::drain();
        let written = stack.root().map(Reason::error_string);
        assert_eq!(written.as_deref(), Some("error:0A000086:SSL routines::certificate verify failed"));
    }

    #[test]
    fn drain_empties_the_queue_oldest_entry_first() {
        clear();
        raise(1, c"root");
        raise(2, c"outer");
        let stack = ErrorStack::drain();
        assert!(is_empty());
        assert_eq!(stack.iter().map(Reason::data).collect::<Vec<_>>(), ["root", "outer"]);
        assert_eq!(stack.root().map(Reason::data), Some("root"));
        assert_eq!(
            stack.newest().and_then(|newest| newest.source()).map(ToString::to_string),
            stack.root().map(ToString::to_string)
        );
    }

    #[test]
    fn restore_gives_c_the_same_entries() {
        clear();
        raise(1, c"a");
        // SAFETY: as in `raise`.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_debug(c"b.c".as_ptr(), 9, c"b".as_ptr());
            sys::ERR_set_error(sys::ERR_LIB_SYS, libc::ECONNREFUSED, ptr::null());
        }
        let first = ErrorStack::drain();
        first.restore();
        let second = ErrorStack::drain();
        assert_eq!(first.iter().collect::<Vec<_>>(), second.iter().collect::<Vec<_>>());
        assert_eq!(second.newest().and_then(Reason::system_error), Some(libc::ECONNREFUSED));
    }

    #[test]
    fn data_that_is_not_utf8_is_replaced() {
        clear();
        raise(1, c"\xff!");
        assert_eq!(ErrorStack::drain().root().map(Reason::data), Some("\u{fffd}!"));
    }

    #[test]
    fn an_entry_keeps_its_strings_when_the_queue_is_overwritten() {
        clear();
        raise(1, c"kept");
        let stack = ErrorStack::drain();
        for _ in 0..40 {
            raise(2, c"other");
        }
        assert_eq!(stack.root().map(Reason::data), Some("kept"));
        clear();
    }
}
