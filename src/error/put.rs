//! Errors on the way to C: into this thread's error queue, for C code that looks there.

use std::ffi::{CStr, c_char, c_int, c_ulong};
use std::sync::OnceLock;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{Error, ErrorKind, ErrorStack, SslError};
use crate::ffi::{errno, strings};

impl Error {
    /// Puts the error into this thread's error queue, behind what is there, so that C code which calls a function written in
    /// Rust finds what it would have found after the C call that the function replaces: OpenSSL's own entries. Where OpenSSL
    /// said nothing, because the failure is this crate's or the transport's, there is one entry of the library
    /// `libssl (Rust)`, which has the C function's name and this error's text. Of an error that repeats an earlier one, the
    /// earlier one's entries come first. `errno` is set, too, if the error has one.
    ///
    /// ```
    /// use libssl::error::ErrorStack;
    /// use libssl::{ErrorKind, SslContext};
    ///
    /// let error = SslContext::client()?.set_cipher_list("NONSENSE").unwrap_err();
    /// error.put(); // now C's ERR_print_errors_fp(stderr) prints it
    /// assert_eq!(ErrorStack::drain().root(), error.stack().root());
    /// # Ok::<(), libssl::Error>(())
    /// ```
    ///
    /// C: [`ERR_raise_data(3)`](https://docs.openssl.org/master/man3/ERR_put_error/)
    #[doc(alias = "ERR_raise")]
    #[doc(alias = "ERR_raise_data")]
    #[doc(alias = "ERR_put_error")]
    #[doc(alias = "ERR_get_next_error_library")]
    #[doc(alias = "ERR_load_strings")]
    pub fn put(&self) {
        if let Some(earlier) = self.earlier() {
            earlier.put();
        }
        if self.stack().is_empty() {
            self.put_own();
        } else {
            self.stack().restore();
        }
        let told = self.transport().and_then(std::io::Error::raw_os_error).unwrap_or(self.errno());
        if told != 0 {
            errno::set(told);
        }
    }

    fn put_own(&self) {
        // What a formatter of the user's says may hold a NUL; C reads up to it.
        let text = |text: &str| {
            let end = text.find('\0').unwrap_or(text.len());
            strings::c_string("ERR_set_error", "the text", text.get(..end).unwrap_or_default())
                .unwrap_or_default()
        };
        // The user's `Display` of a transport's error may fail, over which `to_string` would panic.
        let mut told = String::new();
        let _ = std::fmt::Write::write_fmt(&mut told, format_args!("{self}"));
        let (function, data) = (text(self.call()), text(&told));
        // SAFETY: OpenSSL 3 copies the function's name and the formatted data; the format takes one string.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_debug(c"".as_ptr(), 0, function.as_ptr());
            sys::ERR_set_error(library(), reason(self.kind()), c"%s".as_ptr(), data.as_ptr());
        }
    }
}

impl SslError {
    /// Puts the error into this thread's error queue, as [`Error::put`] does. A suspension and a `ZERO_RETURN` have nothing to
    /// put there. [`code`](Self::code) is what C's SSL_get_error(3) would have said.
    pub fn put(&self) {
        if let Some(error) = self.error() {
            error.put();
        }
    }
}

/// Runs `body` and leaves what C had in this thread's error queue where it was: the calls of this crate empty the queue, and
/// C code around them may still want what it left there. What `body` [puts](Error::put) into the queue comes behind it. So it
/// is when `body` panics, too.
///
/// Marks that C set (ERR_set_mark(3)) are lost: entries come back, marks do not.
///
/// ```
/// use libssl::error::{ErrorStack, keep_queue};
/// use libssl::SslContext;
///
/// # SslContext::client()?.set_cipher_list("NONSENSE").unwrap_err().put();
/// let before = ErrorStack::peek(); // what C left
/// keep_queue(|| SslContext::client())?;
/// assert_eq!(ErrorStack::peek().root(), before.root());
/// # ErrorStack::drain();
/// # Ok::<(), libssl::Error>(())
/// ```
pub fn keep_queue<T>(body: impl FnOnce() -> T) -> T {
    struct Restore(ErrorStack);

    impl Drop for Restore {
        fn drop(&mut self) {
            let later = ErrorStack::drain();
            self.0.restore();
            later.restore();
        }
    }

    let _earlier = Restore(ErrorStack::drain());
    body()
}

/// The number under which OpenSSL knows this crate's entries, and their texts.
fn library() -> c_int {
    struct Texts {
        library: c_int,
        /// OpenSSL keeps pointers into it for as long as the process lives.
        _table: &'static [sys::ERR_STRING_DATA],
    }
    // SAFETY: the table is only OpenSSL's from the moment it is stored, and points to constants.
    unsafe impl Send for Texts {}
    // SAFETY: as above.
    unsafe impl Sync for Texts {}

    static TEXTS: OnceLock<Texts> = OnceLock::new();
    TEXTS
        .get_or_init(|| {
            // SAFETY: counts up a number of the library's.
            let next = || unsafe { sys::ERR_get_next_error_library() };
            // The first one is what applications take without asking.
            let library = Some(next()).filter(|first| *first != ext::ERR_LIB_USER).unwrap_or_else(next);
            let entry = |reason: c_int, text: &'static CStr| sys::ERR_STRING_DATA {
                error: pack(library, reason),
                string: text.as_ptr(),
            };
            let mut table = vec![entry(0, c"libssl (Rust)")];
            table.extend((1..=REASONS.len()).zip(REASONS).map(|(n, text)| entry(n as c_int, text)));
            table.push(sys::ERR_STRING_DATA { error: 0, string: std::ptr::null::<c_char>() });
            let table = Vec::leak(table);
            // SAFETY: the table ends with a zero and is never freed; its entries are complete.
            unsafe { sys::ERR_load_strings(library, table.as_mut_ptr()) };
            Texts { library, _table: table }
        })
        .library
}

/// `ERR_PACK`
fn pack(library: c_int, reason: c_int) -> c_ulong {
    (library as c_ulong & 0xff) << 23 | (reason as c_ulong & 0x7f_ffff)
}

/// The texts of the reasons, which count from 1.
const REASONS: [&CStr; 17] = [
    c"alert from the peer",
    c"certificate refused",
    c"unexpected end of file",
    c"connection closed",
    c"input or output failed",
    c"protocol failure",
    c"wrong role",
    c"connection failed earlier",
    c"no transport",
    c"no server name",
    c"no trust anchors",
    c"not ready",
    c"unsupported",
    c"version mismatch",
    c"invalid input",
    c"refused",
    c"unspecified",
];

/// The number of a kind.
fn reason(kind: ErrorKind) -> c_int {
    match kind {
        ErrorKind::Alert(_) => 1,
        ErrorKind::Verification(_) => 2,
        ErrorKind::UnexpectedEof => 3,
        ErrorKind::Closed => 4,
        ErrorKind::Io => 5,
        ErrorKind::Protocol => 6,
        ErrorKind::WrongRole => 7,
        ErrorKind::Poisoned => 8,
        ErrorKind::NoTransport => 9,
        ErrorKind::NoServerName => 10,
        ErrorKind::NoTrustAnchors => 11,
        ErrorKind::NotReady => 12,
        ErrorKind::Unsupported => 13,
        ErrorKind::VersionMismatch => 14,
        ErrorKind::InvalidInput => 15,
        ErrorKind::Refused => 16,
        ErrorKind::Unspecified => 17,
    }
}
