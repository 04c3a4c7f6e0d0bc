//! The one `BIO_METHOD` of the process, behind which each type of stream has a table of its own.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::core::{Core, Direction, Step};
use super::handle::Bio;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{bytes, errno};

struct Method {
    table: NonNull<sys::BIO_METHOD>,
    kind: c_int,
}

// SAFETY: the table is complete before it is stored; afterwards it is only read, and never freed.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

static METHOD: OnceLock<Option<Method>> = OnceLock::new();

/// A command of our own for BIO_ctrl, far from OpenSSL's numbers: "is this BIO of this crate, and where is its core?"
const IDENTIFY: c_int = 0x7275_7374;

/// The answer to [`IDENTIFY`].
struct Identity {
    mark: *const c_void,
    core: *mut Core,
}

/// The address of a static of this very copy of the crate, which no other BIO can answer with.
fn mark() -> *const c_void {
    (&raw const METHOD).cast()
}

fn method() -> Result<&'static Method, Error> {
    METHOD.get_or_init(make_method).as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Refused, "BIO_meth_new").with_detail("there was no memory for it")
    })
}

fn make_method() -> Option<Method> {
    // Indexes run out on newer versions, and run into the bits of the classes on older ones: then the BIO has no type.
    // SAFETY: counts up a number of the library's.
    let index = unsafe { ext::BIO_get_new_index() };
    let kind = if (128..=255).contains(&index) { index | ext::BIO_TYPE_SOURCE_SINK } else { 0 };
    // SAFETY: C copies the name.
    let table = NonNull::new(unsafe { sys::BIO_meth_new(kind, c"Rust stream".as_ptr()) })?;
    // SAFETY: the table is ours until it is stored, and the functions have the types that it documents.
    unsafe {
        sys::BIO_meth_set_read__fixed_rust(table.as_ptr(), Some(bio_read));
        sys::BIO_meth_set_write__fixed_rust(table.as_ptr(), Some(bio_write));
        sys::BIO_meth_set_ctrl__fixed_rust(table.as_ptr(), Some(bio_ctrl));
        sys::BIO_meth_set_destroy__fixed_rust(table.as_ptr(), Some(bio_destroy));
    }
    Some(Method { table, kind })
}

/// A BIO of ours without a stream.
pub(super) fn new_bio() -> Result<Bio, Error> {
    error::clear();
    let method = method()?;
    // SAFETY: the table is complete and never freed; the reference is ours.
    let bio = unsafe { Bio::from_new("BIO_new", sys::BIO_new(method.table.as_ptr())) }?;
    // SAFETY: the BIO is live and nobody else's yet.
    unsafe { sys::BIO_set_init(bio.as_ptr(), 1) };
    Ok(bio)
}

/// Gives a BIO of [`new_bio`] its stream, which its destruction frees.
///
/// # Safety
///
/// `core` is live, the first field of a state that `Calls::free` frees, and stays so until it is taken again or freed.
pub(super) unsafe fn set_core(bio: &Bio, core: NonNull<Core>) {
    // SAFETY: the BIO is live, and of our method, so that its data is ours.
    unsafe { sys::BIO_set_data(bio.as_ptr(), core.as_ptr().cast()) };
}

/// Takes the stream from a BIO of ours. Whatever C does with the BIO now fails.
pub(super) fn forget_core(bio: &Bio) {
    // SAFETY: the BIO is live and of our method.
    unsafe { sys::BIO_set_data(bio.as_ptr(), ptr::null_mut()) };
}

/// The core of the first BIO of this crate in a chain, NULL being an empty one.
///
/// # Safety
///
/// `bio` is NULL or live, and nobody else uses the chain for this call.
pub(super) unsafe fn find_core(mut bio: *mut sys::BIO) -> Option<NonNull<Core>> {
    let kind = METHOD.get()?.as_ref()?.kind;
    while !bio.is_null() {
        // SAFETY: live by this function's contract.
        if unsafe { ext::BIO_method_type(bio) } == kind {
            let mut identity = Identity { mark: ptr::null(), core: ptr::null_mut() };
            // SAFETY: the BIO is live. If it is ours, it fills `identity`. If another's has our type by chance, the
            // command is one that it does not know.
            unsafe { sys::BIO_ctrl(bio, IDENTIFY, mark() as c_long, (&raw mut identity).cast()) };
            if identity.mark == mark() {
                return NonNull::new(identity.core);
            }
        }
        // SAFETY: as above; a chain holds a reference to its next.
        bio = unsafe { ext::BIO_next(bio) };
    }
    None
}

/// # Safety
///
/// `bio` is live and of our method.
unsafe fn core_of(bio: *mut sys::BIO) -> Option<NonNull<Core>> {
    // SAFETY: by this function's contract its data is NULL or a core.
    NonNull::new(unsafe { sys::BIO_get_data(bio) }.cast())
}

/// Tells C how a step went: the return value, the retry flags, and `errno`, which only a failure changes. A stream may have
/// changed what it was before.
///
/// # Safety
///
/// `bio` is live and of our method.
#[inline]
unsafe fn report(bio: *mut sys::BIO, step: &Step, errno_before: Option<c_int>) -> c_int {
    let (ret, errno) = match *step {
        Step::Moved(moved) => (c_int::try_from(moved).unwrap_or(-1), errno_before),
        Step::End => (0, errno_before),
        Step::Wants(direction, errno) => {
            let set = match direction {
                Direction::Read => sys::BIO_set_retry_read,
                Direction::Write => sys::BIO_set_retry_write,
            };
            // SAFETY: live, by this function's contract.
            unsafe { set(bio) };
            (-1, Some(errno))
        }
        Step::Failed(errno) => (-1, Some(errno)),
    };
    if let Some(errno) = errno {
        errno::set(errno);
    }
    ret
}

/// `errno` as it was before a call of the stream's, where the stream may change it.
///
/// # Safety
///
/// `core` is live, and nobody else uses it.
#[inline]
unsafe fn errno_before(core: NonNull<Core>) -> Option<c_int> {
    // SAFETY: by this function's contract.
    (!unsafe { core.as_ref() }.is_trusted()).then(errno::get)
}

unsafe extern "C" fn bio_read(bio: *mut sys::BIO, out: *mut c_char, len: c_int) -> c_int {
    // SAFETY: C calls this with a live BIO of our method.
    let core = unsafe {
        sys::BIO_clear_retry_flags(bio);
        core_of(bio)
    };
    let (Some(core), Ok(len), false) = (core, usize::try_from(len), out.is_null()) else { return -1 };
    if len == 0 {
        return 0;
    }
    // SAFETY: nobody uses the stream while C uses the BIO: it is lent only where the object is. C lends the memory.
    unsafe {
        let errno = errno_before(core);
        report(bio, &Core::read(core, out.cast(), len), errno)
    }
}

unsafe extern "C" fn bio_write(bio: *mut sys::BIO, data: *const c_char, len: c_int) -> c_int {
    // SAFETY: C calls this with a live BIO of our method.
    let core = unsafe {
        sys::BIO_clear_retry_flags(bio);
        core_of(bio)
    };
    let (Some(core), Ok(len)) = (core, usize::try_from(len)) else { return -1 };
    // SAFETY: C lends `len` bytes for this call.
    let Some(data) = (unsafe { bytes::lend(data.cast(), len) }) else { return -1 };
    if data.is_empty() {
        return 0;
    }
    // SAFETY: as in `bio_read`.
    unsafe {
        let errno = errno_before(core);
        report(bio, &Core::write(core, data), errno)
    }
}

/// libssl asks questions between a read that must wait and SSL_get_error, which reads the retry flags: so no command
/// touches them, but for a flush that failed, which is an operation of its own.
unsafe extern "C" fn bio_ctrl(
    bio: *mut sys::BIO,
    command: c_int,
    number: c_long,
    pointer: *mut c_void,
) -> c_long {
    // Only for these does the BIO have a stream for certain, if ever.
    if !matches!(command, sys::BIO_CTRL_FLUSH | sys::BIO_CTRL_EOF | ext::BIO_CTRL_PENDING | IDENTIFY) {
        return 0;
    }
    // SAFETY: C's arguments.
    unsafe { known_ctrl(bio, command, number, pointer) }
}

/// # Safety
///
/// `bio` is live and of our method; the rest as C's command has it.
#[inline(never)]
unsafe extern "C" fn known_ctrl(
    bio: *mut sys::BIO,
    command: c_int,
    number: c_long,
    pointer: *mut c_void,
) -> c_long {
    // SAFETY: by this function's contract.
    let Some(core) = (unsafe { core_of(bio) }) else { return 0 };
    match command {
        sys::BIO_CTRL_FLUSH => {
            let errno = errno::get();
            // SAFETY: as in `bio_read`.
            match unsafe { Core::flush_for_c(core) } {
                Step::Failed(errno) => {
                    // SAFETY: the BIO is live.
                    unsafe { sys::BIO_clear_retry_flags(bio) };
                    errno::set(errno);
                    -1
                }
                _ => {
                    errno::set(errno);
                    1
                }
            }
        }
        sys::BIO_CTRL_EOF => {
            // SAFETY: as in `bio_read`.
            c_long::from(unsafe { core.as_ref() }.is_at_end())
        }
        ext::BIO_CTRL_PENDING => {
            // SAFETY: as in `bio_read`.
            let ahead = unsafe { core.as_ref() }.ahead.as_ref();
            ahead.and_then(|ahead| c_long::try_from(ahead.unread().len()).ok()).unwrap_or_default()
        }
        _ if number == mark() as c_long && !pointer.is_null() => {
            // SAFETY: only `find_core` knows this number, and it passes its `Identity`.
            unsafe { *pointer.cast() = Identity { mark: mark(), core: core.as_ptr() } };
            1
        }
        _ => 0,
    }
}

unsafe extern "C" fn bio_destroy(bio: *mut sys::BIO) -> c_int {
    // SAFETY: C calls this with a BIO of our method that dies.
    if let Some(core) = unsafe { core_of(bio) } {
        // SAFETY: the BIO owns what it still has.
        unsafe {
            sys::BIO_set_data(bio, ptr::null_mut());
            let free = core.as_ref().free();
            free(core);
        }
    }
    1
}
