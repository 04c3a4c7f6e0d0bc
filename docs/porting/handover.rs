use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use libssl::ffi::SSL;
use libssl::poll::wait;
use libssl::{Handshake, Ssl, callback};

/// Finishes a handshake that C began over a socket that does not block. 1, or 0 with the reason in the error queue.
///
/// # Safety
///
/// `ssl` is live, C does not use it during this call, and `fd` is the descriptor of its BIOs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn finish_handshake(ssl: *mut SSL, fd: c_int) -> c_int {
    // What fails in here goes into C's error queue, and a panic no further than this.
    callback::answer(0, || {
        // SAFETY: by this function's contract. The object stays C's: this is one more reference to it.
        let (ssl, socket) = unsafe { (Ssl::share_from_ptr(ssl)?, BorrowedFd::borrow_raw(fd)) };
        let mut progress = Handshake::adopt(ssl)?.resume();
        loop {
            progress = match progress {
                // The object as C knows it. Dropping this reference leaves C's, and the connection as it is.
                Ok(connected) => return Ok(connected.into_ssl().is_ok().into()),
                Err(suspended) => match suspended.want() {
                    Some(want) if wait(&socket, want, None).is_ok() => suspended.into_handshake()?.resume(),
                    // It failed, or waits for what no socket gives.
                    _ => return Err(suspended.into()),
                },
            };
        }
    })
}
