//! Reading, writing and shutting down, as C does it.

use std::ffi::{c_int, c_long, c_void};
use std::mem::MaybeUninit;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::phase::Phase;
use super::state::State;
use crate::error::SslError;
use crate::ffi::compat;

/// How far SSL_shutdown(3) came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownResult {
    /// Our close_notify went out; the peer's has not come yet.
    Sent,
    /// Both sides have sent close_notify.
    Complete,
}

bitflags::bitflags! {
    /// Which halves of a connection were shut down.
    ///
    /// C: [`SSL_get_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_set_shutdown/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ShutdownState: c_int {
        /// `SSL_SENT_SHUTDOWN`: close_notify was sent.
        #[doc(alias = "SSL_SENT_SHUTDOWN")]
        const SENT = sys::SSL_SENT_SHUTDOWN;
        /// `SSL_RECEIVED_SHUTDOWN`: close_notify or a fatal alert was received.
        #[doc(alias = "SSL_RECEIVED_SHUTDOWN")]
        const RECEIVED = sys::SSL_RECEIVED_SHUTDOWN;
        const _ = !0;
    }
}

impl SslRef {
    /// Reads application data into `buf` and returns how many bytes there are.
    ///
    /// An empty buffer gives `Ok(0)` without a call to C, where C would report a system error without `errno`.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3); [`is_zero_return`](SslError::is_zero_return) is the clean end.
    ///
    /// C: [`SSL_read_ex(3)`](https://docs.openssl.org/master/man3/SSL_read/)
    #[doc(alias = "SSL_read_ex")]
    #[doc(alias = "SSL_read")]
    #[inline]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, SslError> {
        // SAFETY: memory that is initialised need not be.
        self.read_with("SSL_read_ex", sys::SSL_read_ex, unsafe {
            &mut *(&raw mut *buf as *mut [MaybeUninit<u8>])
        })
    }

    /// Reads as [`read`](Self::read) does, into memory that need not be initialised: so many bytes of it are, afterwards.
    #[cfg(feature = "tokio")]
    #[inline]
    pub(crate) fn read_uninit(&mut self, buf: &mut [MaybeUninit<u8>]) -> Result<usize, SslError> {
        self.read_with("SSL_read_ex", sys::SSL_read_ex, buf)
    }

    /// Reads as [`read`](Self::read) does, and leaves the bytes for the next read.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// C: [`SSL_peek_ex(3)`](https://docs.openssl.org/master/man3/SSL_read/)
    #[doc(alias = "SSL_peek_ex")]
    #[doc(alias = "SSL_peek")]
    pub fn peek(&mut self, buf: &mut [u8]) -> Result<usize, SslError> {
        // SAFETY: as in `read`.
        self.read_with("SSL_peek_ex", sys::SSL_peek_ex, unsafe {
            &mut *(&raw mut *buf as *mut [MaybeUninit<u8>])
        })
    }

    /// Reads into memory that need not be initialised with one of C's functions that do, none of which looks at it. Those that
    /// are called here write only bytes that they have.
    #[inline]
    fn read_with(
        &mut self,
        name: &'static str,
        function: unsafe extern "C" fn(*mut sys::SSL, *mut c_void, usize, *mut usize) -> c_int,
        buf: &mut [MaybeUninit<u8>],
    ) -> Result<usize, SslError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut read = 0;
        self.call(name, Phase::Data, |ssl| {
            // SAFETY: the object is live; C writes at most `len` bytes to the buffer and their number to `read`.
            unsafe { function(ssl, buf.as_mut_ptr().cast(), buf.len(), &raw mut read) }
        })?;
        Ok(read.min(buf.len()))
    }

    /// Writes application data and returns how many bytes were taken.
    ///
    /// After a suspension C's rule holds: the next write must come with the same bytes. Anything else kills the
    /// connection or sends other bytes than were meant; [`Connected`](crate::Connected) takes care of that. An empty
    /// buffer gives `Ok(0)` without a call to C.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3).
    ///
    /// C: [`SSL_write_ex(3)`](https://docs.openssl.org/master/man3/SSL_write/)
    #[doc(alias = "SSL_write_ex")]
    #[doc(alias = "SSL_write")]
    #[inline]
    pub fn write(&mut self, buf: &[u8]) -> Result<usize, SslError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        // SAFETY: the object is live.
        self.call("SSL_write_ex", Phase::Write, |ssl| unsafe { write(ssl, buf, &mut written) })?;
        Ok(written.min(buf.len()))
    }

    /// As [`write`](Self::write), of a buffer that may go away while the write is suspended. `None`, and nothing was done, where
    /// C [goes on reading from it](Self::keeps_write_buffer).
    #[inline]
    pub(crate) fn write_moving(&mut self, buf: &[u8]) -> Option<Result<usize, SslError>> {
        if buf.is_empty() || !self.is_settled() {
            return (!self.keeps_write_buffer()).then(|| self.write(buf));
        }
        let mut written = 0;
        // SAFETY: the object is live.
        let outcome =
            self.call_settled("SSL_write_ex", Phase::Write, |ssl| unsafe { write(ssl, buf, &mut written) });
        Some(outcome.map(|_| written.min(buf.len())))
    }

    /// Sends close_notify, or waits for the peer's once it was sent.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3). A second call while application data is unread is fatal.
    ///
    /// C: [`SSL_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_shutdown/)
    #[doc(alias = "SSL_shutdown")]
    pub fn shutdown(&mut self) -> Result<ShutdownResult, SslError> {
        // SAFETY: the object is live.
        let ret = self.call("SSL_shutdown", Phase::Shutdown, |ssl| unsafe { sys::SSL_shutdown(ssl) })?;
        // 0 says "sent"; SSL_get_error would call it a system error.
        Ok(if ret == 0 { ShutdownResult::Sent } else { ShutdownResult::Complete })
    }

    /// Which halves were shut down.
    ///
    /// C: [`SSL_get_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_set_shutdown/)
    #[doc(alias = "SSL_get_shutdown")]
    pub fn shutdown_state(&self) -> ShutdownState {
        // SAFETY: the object is live, and the call only reads it.
        ShutdownState::from_bits_retain(unsafe { sys::SSL_get_shutdown(self.as_ptr()) })
    }

    /// Says which halves count as shut down, without sending anything.
    ///
    /// C: [`SSL_set_shutdown(3)`](https://docs.openssl.org/master/man3/SSL_set_shutdown/)
    #[doc(alias = "SSL_set_shutdown")]
    pub fn set_shutdown_state(&mut self, state: ShutdownState) {
        // SAFETY: the object is live and borrowed for writing; C keeps the number, whatever it is.
        unsafe { sys::SSL_set_shutdown(self.as_ptr(), state.bits()) }
    }

    /// How many bytes of application data can be read without asking the transport. Records that wait unopened do
    /// not count: see [`has_pending`](Self::has_pending).
    ///
    /// C: [`SSL_pending(3)`](https://docs.openssl.org/master/man3/SSL_pending/)
    #[doc(alias = "SSL_pending")]
    pub fn pending(&self) -> usize {
        // SAFETY: the object is live, and the call only reads it.
        usize::try_from(unsafe { sys::SSL_pending(self.as_ptr()) }).unwrap_or_default()
    }

    /// Whether libssl holds bytes that came from the transport, opened or not; perhaps an incomplete record.
    ///
    /// C: [`SSL_has_pending(3)`](https://docs.openssl.org/master/man3/SSL_pending/)
    #[doc(alias = "SSL_has_pending")]
    pub fn has_pending(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_has_pending(self.as_ptr()) == 1 }
    }

    /// Lets a write that was suspended come again from another address, and one that sent a record be short:
    /// `Connected` keeps what was taken.
    pub(crate) fn allow_moving_partial_writes(&mut self) -> Modes {
        let mode = sys::SSL_MODE_ENABLE_PARTIAL_WRITE | sys::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
        // SAFETY: the object is live and borrowed for writing.
        unsafe {
            let before = ext::SSL_get_mode(self.as_ptr());
            ext::SSL_set_mode(self.as_ptr(), mode);
            Modes(mode & !before)
        }
    }

    /// Takes modes away again: C may count on writes that are whole.
    pub(crate) fn clear_modes(&mut self, modes: Modes) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_clear_mode(self.as_ptr(), modes.0) };
    }

    /// Sends what libssl may still hold of a close_notify that C began, and reads nothing.
    pub(crate) fn finish_close_notify(&mut self) -> Result<(), SslError> {
        let ssl = self.as_ptr();
        // SAFETY: the object is live and borrowed for writing. To an object that has seen both, SSL_shutdown only sends.
        let _received = unsafe {
            let restore = Flags { ssl, flags: sys::SSL_get_shutdown(ssl) };
            sys::SSL_set_shutdown(ssl, sys::SSL_SENT_SHUTDOWN | sys::SSL_RECEIVED_SHUTDOWN);
            restore
        };
        self.shutdown().map(drop)
    }

    /// Whether C goes on reading from the buffer of a suspended write's *first* call, as it does where the kernel encrypts.
    /// Callbacks have no say in that, but the write BIO may be another one than at the handshake.
    pub(crate) fn keeps_write_buffer(&self) -> bool {
        // SAFETY: the object is live, and so is its state; its write BIO is NULL or live (get0).
        unsafe {
            let state = State::of(self.as_ptr());
            if ext::SSL_get_options(self.as_ptr()) & ENABLE_KTLS == 0
                && !state.is_some_and(State::may_have_ktls)
            {
                return false;
            }
            let bio = sys::SSL_get_wbio(self.as_ptr());
            state.is_some_and(State::had_ktls) || compat::ktls::sends(bio)
        }
    }

    /// Notes, before the object gets another write BIO, that the kernel encrypts for it: libssl goes on as if it did.
    pub(crate) fn remember_ktls(&mut self) {
        if self.keeps_write_buffer() {
            if let Ok(state) = State::of_mut(self) {
                state.set_had_ktls();
            }
        }
    }

    /// With kTLS and moving buffers, libssl would send from a buffer that is gone: then the address must stay, and a
    /// write that breaks this fails.
    pub(crate) fn keep_write_buffer(&mut self) {
        if self.keeps_write_buffer() {
            self.remember_ktls();
            // SAFETY: the object is live and borrowed for writing.
            unsafe { ext::SSL_clear_mode(self.as_ptr(), sys::SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER) };
        }
    }
}

/// # Safety
///
/// `ssl` is live and nobody else uses it.
#[inline]
unsafe fn write(ssl: *mut sys::SSL, buf: &[u8], written: &mut usize) -> c_int {
    // SAFETY: by this function's contract; C reads at most `len` bytes of the buffer. A record it could not send yet it keeps
    // in a buffer of its own, and only compares the address of ours (but see kTLS in `Connected`).
    unsafe { sys::SSL_write_ex(ssl, buf.as_ptr().cast(), buf.len(), written) }
}

/// `SSL_OP_ENABLE_KTLS`.
pub(super) const ENABLE_KTLS: u64 = 1 << 3;

/// Modes of an object.
#[derive(Clone, Copy)]
pub(crate) struct Modes(c_long);

/// The shutdown flags of an object, put back when dropped, on an unwind too.
struct Flags {
    ssl: *mut sys::SSL,
    flags: c_int,
}

impl Drop for Flags {
    fn drop(&mut self) {
        // SAFETY: the object outlives the call that made this.
        unsafe { sys::SSL_set_shutdown(self.ssl, self.flags) };
    }
}
