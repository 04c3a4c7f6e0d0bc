//! `c/dial.c`, as C declares it in `c/dial.h`.
//!
//! This is the step from one function to the next. A transpiler prints what `dialer_advance` of the C program does, with
//! `tls_handshake` in the place of its call, as
//!
//! ```ignore
//! #[no_mangle]
//! pub unsafe extern "C" fn dialer_advance(
//!     mut ssl: *mut SSL,
//!     mut id: libc::c_ulong,
//!     mut events: *mut libc::c_short,
//! ) -> outcome {
//!     let mut reason: [libc::c_char; 512] = [0; 512];
//!     ERR_clear_error();
//!     *__errno_location() = 0 as libc::c_int;
//!     let mut ret: libc::c_int = SSL_do_handshake(ssl);
//!     if ret == 1 as libc::c_int {
//!         return OUTCOME_DONE;
//!     }
//!     let mut error: libc::c_int = *__errno_location();
//!     let mut code: libc::c_int = SSL_get_error(ssl, ret);
//!     match code {
//!         2 => {
//!             *events = (*events as libc::c_int | 0x1 as libc::c_int) as libc::c_short;
//!             return OUTCOME_WAIT;
//!         }
//!         3 => {
//!             *events = (*events as libc::c_int | 0x4 as libc::c_int) as libc::c_short;
//!             return OUTCOME_WAIT;
//!         }
//!         _ => {
//!             describe_failure(
//!                 reason.as_mut_ptr(),
//!                 ::core::mem::size_of::<[libc::c_char; 512]>() as libc::c_ulong,
//!                 ssl,
//!                 code,
//!                 error,
//!             );
//!             log_line(
//!                 b"[%lu] backend: handshake failed: %s\0" as *const u8 as *const libc::c_char,
//!                 id,
//!                 reason.as_mut_ptr(),
//!             );
//!             return OUTCOME_FAILED;
//!         }
//!     };
//! }
//! ```
//!
//! and [`dialer_advance`] below is what becomes of it: the pointer is borrowed once, and the call is the one of the same
//! name on what was borrowed. Clearing the queue, saving `errno`, asking SSL_get_error, and reading the queue are inside
//! of that call; its error keeps what each of them said.

use std::ffi::{CStr, OsStr, c_char, c_int, c_short, c_uchar, c_uint, c_ulong};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fs, ptr, slice};

use libssl::ffi::SSL;
use libssl::{Error, Ssl, SslContext, SslContextBuilder, SslRef, TrustAnchors, Want};
use rustix::event::PollFlags;

use relay::{log, reason};

/// `enum outcome`, as far as a handshake has it.
#[repr(C)]
pub enum Outcome {
    Done = 0,
    Wait = 1,
    Failed = 4,
}

/// `struct dialer`, of which C knows the name only.
pub struct Dialer {
    context: SslContext,
    name: String,
}

/// # Safety
///
/// `ca_file` is NULL or a C string, `name` a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dialer_new(ca_file: *const c_char, name: *const c_char) -> *mut Dialer {
    // SAFETY: by this function's contract.
    let (ca_file, name) = unsafe { (lend(ca_file), lend(name)) };
    let name = name.map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let ca_file = ca_file.map(|file| Path::new(OsStr::from_bytes(file.to_bytes())));
    match context(ca_file) {
        Some(context) => Box::into_raw(Box::new(Dialer { context, name })),
        None => ptr::null_mut(),
    }
}

fn context(ca_file: Option<&Path>) -> Option<SslContext> {
    let (what, anchors) = match ca_file {
        Some(file) => {
            if let Err(error) = fs::read(file) {
                log!("relay: backend: cannot read {}: {error}", file.display());
                return None;
            }
            (file.display().to_string(), TrustAnchors::File(file))
        }
        None => ("the system's roots".into(), TrustAnchors::System),
    };
    SslContext::client_trusting(anchors)
        .map(SslContextBuilder::build)
        .map_err(|error| log!("relay: backend: {what}: {}", reason::root(&error)))
        .ok()
}

/// # Safety
///
/// `dialer` is NULL or of [`dialer_new`], and C does not use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dialer_free(dialer: *mut Dialer) {
    if !dialer.is_null() {
        // SAFETY: by this function's contract it came out of a box, and comes back once.
        drop(unsafe { Box::from_raw(dialer) });
    }
}

/// # Safety
///
/// `dialer` is of [`dialer_new`]; `fd` stays open for as long as the object lives; `protocol` is NULL or `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dialer_begin(
    dialer: *const Dialer,
    id: c_ulong,
    fd: c_int,
    protocol: *const c_uchar,
    length: c_uint,
) -> *mut SSL {
    // SAFETY: by this function's contract.
    let (dialer, protocol) = unsafe { (&*dialer, bytes(protocol, length)) };
    // SAFETY: as above.
    match unsafe { object(dialer, fd, protocol) } {
        // From here on the object is C's, which frees it; the bytes that C reads and writes need no Rust.
        Ok(ssl) => ssl.into_ptr(),
        Err(error) => {
            log!("[{id}] backend: cannot begin: {}", reason::root(&error));
            ptr::null_mut()
        }
    }
}

/// # Safety
///
/// `fd` stays open for as long as the object lives.
unsafe fn object(dialer: &Dialer, fd: c_int, protocol: Option<&[u8]>) -> Result<Ssl, Error> {
    let mut ssl = Ssl::new(&dialer.context)?;
    ssl.set_server_name(&dialer.name)?;
    ssl.set_alpn_protos(protocol)?;
    // SAFETY: by this function's contract.
    unsafe { ssl.set_fd(fd)? };
    ssl.set_connect_state();
    Ok(ssl)
}

/// # Safety
///
/// `ssl` is of [`dialer_begin`], and nobody else uses it during the call; `events` points to a value of C's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dialer_advance(ssl: *mut SSL, id: c_ulong, events: *mut c_short) -> Outcome {
    // SAFETY: by this function's contract.
    let ssl = unsafe { SslRef::from_ptr_mut(ssl) };
    let error = match ssl.do_handshake() {
        Ok(()) => return Outcome::Done,
        Err(error) => error,
    };
    match error.want() {
        Some(want @ (Want::Read | Want::Write)) => {
            let flags = if want == Want::Read { PollFlags::IN } else { PollFlags::OUT };
            // SAFETY: by this function's contract.
            unsafe { *events |= flags.bits() as c_short };
            Outcome::Wait
        }
        _ => {
            log!("[{id}] backend: handshake failed: {}", reason::of(&error.into()));
            Outcome::Failed
        }
    }
}

/// # Safety
///
/// `string` is NULL, or a C string that stays as it is for `'a`.
unsafe fn lend<'a>(string: *const c_char) -> Option<&'a CStr> {
    // SAFETY: by this function's contract, as soon as it is not NULL.
    #[allow(clippy::disallowed_methods)]
    (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) })
}

/// # Safety
///
/// `data` is NULL, or `length` bytes that stay as they are for `'a`.
unsafe fn bytes<'a>(data: *const c_uchar, length: c_uint) -> Option<&'a [u8]> {
    // SAFETY: by this function's contract, as soon as it is not NULL.
    #[allow(clippy::disallowed_methods)]
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, length as usize) })
}
