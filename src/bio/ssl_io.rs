//! What a chain with a connection does: shake hands, read, write, shut down. Each call goes by the connection's guard and
//! poison flag.

use std::ffi::c_int;
use std::io::{self, Read, Write};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::descriptor::disown_lost_socket;
use super::object::{BioRetry, RetryReason, flush};
use super::ssl::{SslBio, SslBioRef, done, enter};
use super::ssl_end as end;
use crate::error::{self, Error, ErrorKind, ErrorStack, Reason, SslError, Want};
use crate::ffi::strings;
use crate::ssl::{Phase, ShutdownResult, ShutdownState, SslRef, State, note_write};

impl SslBioRef {
    /// Connects the transport where that is still to be done, and shakes hands, or goes on with it.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3): [`Want::Connect`](crate::Want::Connect) while a nonblocking
    /// `BIO_s_connect` is connecting. [`ErrorKind::NoServerName`], before a byte goes out, where the context demands a
    /// name and none was set.
    ///
    /// C: [`BIO_do_handshake(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_do_handshake")]
    pub fn do_handshake(&mut self) -> Result<(), SslError> {
        self.handshake("BIO_do_handshake", |bio| {
            // SAFETY: the chain is live and borrowed for writing.
            unsafe { ext::BIO_do_handshake(bio) }
        })
    }

    /// As [`do_handshake`](Self::do_handshake), which C has under this name too. To connect without TLS, ask the
    /// [`transport`](Self::transport_mut).
    ///
    /// # Errors
    ///
    /// As [`do_handshake`](Self::do_handshake).
    ///
    /// C: [`BIO_do_connect(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_do_connect")]
    pub fn do_connect(&mut self) -> Result<(), SslError> {
        self.handshake("BIO_do_connect", |bio| {
            // SAFETY: the chain is live and borrowed for writing.
            unsafe { ext::BIO_do_connect(bio) }
        })
    }

    fn handshake(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut sys::BIO) -> std::ffi::c_long,
    ) -> Result<(), SslError> {
        // C asks the next BIO why the call must wait.
        self.need_next(name)?;
        self.io(name, Phase::Handshake(None), |bio| c_int::try_from(call(bio)).unwrap_or(-1)).map(drop)
    }

    /// Reads application data into `buf` and returns how many bytes there are. An empty buffer gives `Ok(0)`.
    ///
    /// # Errors
    ///
    /// [`SslError`]; [`is_zero_return`](SslError::is_zero_return) is the clean end. [`ErrorKind::NotReady`] before the
    /// handshake of a client whose context demands a verified name.
    ///
    /// C: [`BIO_read_ex(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_read_ex")]
    #[doc(alias = "BIO_read")]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, SslError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut read = 0;
        let phase = if self.is_filtered()? { Phase::FilteredRead } else { Phase::Data };
        self.io("BIO_read_ex", phase, |bio| {
            // SAFETY: the chain is live; C writes at most `len` bytes to the buffer and their number to `read`.
            unsafe { ext::BIO_read_ex(bio, buf.as_mut_ptr().cast(), buf.len(), &raw mut read) }
        })?;
        Ok(read.min(buf.len()))
    }

    /// Writes application data and returns how many bytes were taken. An empty buffer gives `Ok(0)`.
    ///
    /// After a suspension C's rule holds: the next write must come with the same bytes, from the same place.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// C: [`BIO_write_ex(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_write_ex")]
    #[doc(alias = "BIO_write")]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, SslError> {
        if data.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        let phase = if self.is_filtered()? { Phase::FilteredWrite } else { Phase::Write };
        self.io("BIO_write_ex", phase, |bio| {
            // SAFETY: the chain is live; C reads at most `len` bytes of the buffer, of which it keeps no address that it
            // reads from later (see `SslRef::write`).
            unsafe { ext::BIO_write_ex(bio, data.as_ptr().cast(), data.len(), &raw mut written) }
        })?;
        Ok(written.min(data.len()))
    }

    /// Reads a line into `buf`, with its newline; less where the line is longer than the buffer, which has room for a NUL
    /// besides, or where the peer has ended. Only a filter before the connection can do it, such as a `BIO_f_buffer`.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read). [`ErrorKind::InvalidInput`] for a buffer of less than 2 bytes, and
    /// [`ErrorKind::Unsupported`] where there is no such filter; the connection is none the worse for either.
    ///
    /// C: [`BIO_gets(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_gets")]
    pub fn gets(&mut self, buf: &mut [u8]) -> Result<usize, SslError> {
        const CALL: &str = "BIO_gets";
        let size = c_int::try_from(buf.len()).unwrap_or(c_int::MAX);
        if size < 2 {
            let error = Error::new(ErrorKind::InvalidInput, CALL)
                .with_detail("there is no room for a byte and a NUL");
            return Err(SslError::refused(error));
        }
        let phase = if self.is_filtered()? { Phase::FilteredRead } else { Phase::Data };
        let read = self.io(CALL, phase, |bio| {
            // SAFETY: the chain is live; C writes at most `size` bytes to the buffer.
            unsafe { ext::BIO_gets(bio, buf.as_mut_ptr().cast(), size) }
        })?;
        Ok(usize::try_from(read).unwrap_or_default().min(buf.len() - 1))
    }

    /// Writes a text and returns how many bytes were taken.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write), and [`ErrorKind::InvalidInput`] for a text with a NUL inside.
    ///
    /// C: [`BIO_puts(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_puts")]
    pub fn puts(&mut self, text: impl AsRef<[u8]>) -> Result<usize, SslError> {
        const CALL: &str = "BIO_puts";
        let text = text.as_ref();
        if text.is_empty() {
            return Ok(0);
        }
        let c_text = strings::c_string(CALL, "the text", text).map_err(SslError::refused)?;
        let phase = if self.is_filtered()? { Phase::FilteredWrite } else { Phase::Write };
        let written = self.io(CALL, phase, |bio| {
            // SAFETY: the chain is live; the text is a C string that outlives the call.
            unsafe { ext::BIO_puts(bio, c_text.as_ptr()) }
        })?;
        Ok(usize::try_from(written).unwrap_or_default().min(text.len()))
    }

    /// Sends what the filters before the connection, and the transport, still hold.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// C: [`BIO_flush(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_flush")]
    pub fn flush(&mut self) -> Result<(), SslError> {
        const CALL: &str = "BIO_flush";
        // C asks the next BIO how it went.
        self.need_next(CALL)?;
        let phase = if self.is_filtered()? { Phase::FilteredWrite } else { Phase::Flush };
        // SAFETY: the chain is live and borrowed for writing.
        self.io(CALL, phase, |bio| unsafe { flush(bio) }).map(drop)
    }

    /// Sends close_notify, or waits for the peer's once it was sent.
    ///
    /// # Errors
    ///
    /// As [`SslRef::shutdown`].
    ///
    /// C: [`BIO_ssl_shutdown(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_ssl_shutdown")]
    pub fn ssl_shutdown(&mut self) -> Result<ShutdownResult, SslError> {
        let (filter, raw) = self.parts().map_err(SslError::refused)?;
        let ssl = self.ssl_mut().map_err(SslError::refused)?;
        let ret = ssl.call_judged(
            "BIO_ssl_shutdown",
            Phase::Shutdown,
            |_| {
                // SAFETY: the chain and its object are live; the calls after the first only read it.
                let (halves, quiet, wants) = unsafe {
                    ext::BIO_ssl_shutdown(filter);
                    (sys::SSL_get_shutdown(raw), ext::SSL_get_quiet_shutdown(raw) != 0, ext::SSL_want(raw))
                };
                let halves = ShutdownState::from_bits_retain(halves);
                // C keeps the answer to itself. An alert that waits to go out counts as sent already.
                let stuck = !quiet && (wants != ext::SSL_NOTHING || !error::is_empty());
                match (halves.contains(ShutdownState::SENT), halves.contains(ShutdownState::RECEIVED)) {
                    (true, true) if !stuck => 1,
                    (true, false) if !stuck => 0,
                    _ => -1,
                }
            },
            // SAFETY: the object is live and has both BIOs.
            |ssl, ret| unsafe { sys::SSL_get_error(ssl, ret) },
        )?;
        Ok(if ret == 0 { ShutdownResult::Sent } else { ShutdownResult::Complete })
    }

    /// How many bytes can be read without asking the transport, and if there are none, how many the transport has.
    ///
    /// C: [`BIO_ctrl_pending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_ctrl_pending")]
    #[doc(alias = "BIO_pending")]
    pub fn pending(&mut self) -> usize {
        // SAFETY: the chain is live and borrowed for writing.
        let pending = enter(|| unsafe { ext::BIO_ctrl_pending(self.as_ptr()) });
        error::clear();
        pending
    }

    /// How many bytes wait to be written: in the filters before the connection, or in its transport.
    ///
    /// C: [`BIO_ctrl_wpending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_ctrl_wpending")]
    #[doc(alias = "BIO_wpending")]
    pub fn wpending(&mut self) -> usize {
        // SAFETY: the chain is live and borrowed for writing.
        let pending = enter(|| unsafe { ext::BIO_ctrl_wpending(self.as_ptr()) });
        error::clear();
        pending
    }

    /// Ends the connection, with a close_notify that is not waited for, and makes chain and object ready for a new
    /// handshake. A `BIO_s_connect` closes its socket. A connection that failed ends without a word.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] as of [`SslRef::clear`], [`ErrorKind::Refused`] if the object could not be cleared, and
    /// [`ErrorKind::InvalidInput`] as of [`BioRef::reset`](super::BioRef::reset).
    ///
    /// C: [`BIO_reset(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_reset")]
    pub fn reset(&mut self) -> Result<(), Error> {
        const CALL: &str = "BIO_reset";
        let (_, ssl) = self.parts()?;
        self.ssl()?.may_clear(CALL)?;
        self.transport().map_or(Ok(()), |transport| transport.may_reset(CALL))?;
        let top = self.as_ptr();
        error::clear();
        // SAFETY: the chain and its object are live and borrowed for writing.
        let cleared = unsafe {
            let quiet = ext::SSL_get_quiet_shutdown(ssl);
            if end::must_be_silent(ssl) {
                ext::SSL_set_quiet_shutdown(ssl, 1);
            }
            // C's answer is that of the last BIO, of which some say 0 and some 1 where all went well.
            enter(|| ext::BIO_reset(top));
            ext::SSL_set_quiet_shutdown(ssl, quiet);
            ext::SSL_in_before(ssl) == 1
        };
        if cleared {
            // SAFETY: the object is live.
            unsafe { State::of(ssl) }.map(State::heal);
        }
        done(CALL, cleared)
    }

    /// Whether there is a filter before the connection.
    fn is_filtered(&self) -> Result<bool, SslError> {
        let (filter, _) = self.parts().map_err(SslError::refused)?;
        Ok(filter != self.as_ptr())
    }

    fn need_next(&self, call: &'static str) -> Result<(), SslError> {
        if self.transport().is_some() {
            return Ok(());
        }
        Err(SslError::refused(Error::new(ErrorKind::NoTransport, call)))
    }

    /// Makes a call on the chain that uses the connection: it goes by the object's guard, and what became of it is the
    /// object's.
    fn io(
        &mut self,
        name: &'static str,
        phase: Phase,
        call: impl FnOnce(*mut sys::BIO) -> c_int,
    ) -> Result<c_int, SslError> {
        let top = self.as_ptr();
        let (filter, _) = self.parts().map_err(SslError::refused)?;
        let ssl: &mut SslRef = self.ssl_mut().map_err(SslError::refused)?;
        // A filter may write in a read, too.
        ssl.keep_write_buffer();
        let raw = ssl.as_ptr();
        let mut unsupported = None;
        let moved = ssl.call_judged(
            name,
            phase,
            |_| {
                // The flags of an earlier call must not stand for this one, where it does not get far.
                // SAFETY: the chain is live and borrowed for writing.
                let written = unsafe {
                    sys::BIO_clear_retry_flags(top);
                    ext::BIO_number_written(filter)
                };
                let ret = call(top);
                // SAFETY: as above, and so is its object.
                unsafe {
                    disown_lost_socket(top);
                    if phase.is_filtered() {
                        note_write(raw, ext::BIO_number_written(filter) != written);
                    }
                }
                if ret != UNSUPPORTED {
                    if ret > 0 && phase.moves_data() && !error::is_empty() {
                        // SAFETY: the object is live.
                        unsafe { keep_missed(raw) };
                    }
                    return ret;
                }
                // A filter cannot do it: the connection knows nothing of that.
                unsupported = Some(Error::from_queue(name).with_kind(ErrorKind::Unsupported));
                1
            },
            // SAFETY: the chain and its object are live, and borrowed for writing.
            |ssl, ret| unsafe {
                match judge(top, ssl, ret) {
                    sys::SSL_ERROR_SSL | sys::SSL_ERROR_SYSCALL if tell_missed(ssl) => sys::SSL_ERROR_SSL,
                    code => code,
                }
            },
        );
        if matches!(&moved, Err(error) if error.want() == Some(Want::Connect)) {
            // Also where C was not asked.
            // SAFETY: the chain is live and borrowed for writing.
            unsafe { BioRetry::special(RetryReason::CONNECT).put(top) };
        }
        let moved = moved?;
        match unsupported {
            None => Ok(moved),
            Some(error) => Err(SslError::refused(error.with_detail("no filter before the SSL can do it"))),
        }
    }
}

/// The clean end is `Ok(0)`, and a suspension [`WouldBlock`](io::ErrorKind::WouldBlock).
impl Read for SslBioRef {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match Self::read(self, buf) {
            Err(error) if error.is_zero_return() => Ok(0),
            outcome => outcome.map_err(io::Error::from),
        }
    }
}

/// A suspension is [`WouldBlock`](io::ErrorKind::WouldBlock).
impl Write for SslBioRef {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Self::write(self, data).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self).map_err(io::Error::from)
    }
}

// Without these, `bio.read()` would be the trait's method where the trait is in scope, and the mirror's elsewhere.
impl SslBio {
    /// As [`SslBioRef::read`].
    ///
    /// # Errors
    ///
    /// As [`SslBioRef::read`].
    #[doc(alias = "BIO_read")]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, SslError> {
        (**self).read(buf)
    }

    /// As [`SslBioRef::write`].
    ///
    /// # Errors
    ///
    /// As [`SslBioRef::write`].
    #[doc(alias = "BIO_write")]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, SslError> {
        (**self).write(data)
    }

    /// As [`SslBioRef::flush`].
    ///
    /// # Errors
    ///
    /// As [`SslBioRef::flush`].
    #[doc(alias = "BIO_flush")]
    pub fn flush(&mut self) -> Result<(), SslError> {
        (**self).flush()
    }
}

/// As of [`SslBioRef`].
impl Read for SslBio {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut **self, buf)
    }
}

/// As of [`SslBioRef`].
impl Write for SslBio {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Write::write(&mut **self, data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut **self)
    }
}

/// What BIO functions answer that the BIO does not have.
const UNSUPPORTED: c_int = -2;

/// Keeps the failure of a connection that a filter before it does not tell yet.
///
/// # Safety
///
/// The object is live.
unsafe fn keep_missed(ssl: *mut sys::SSL) {
    // SAFETY: by this function's contract.
    let Some(state) = (unsafe { State::of(ssl) }) else { return };
    let stack = ErrorStack::drain();
    let of_tls = |reason: &Reason| reason.library_code() == ext::ERR_LIB_SSL;
    if stack.root().is_some_and(of_tls) {
        state.missed().get_or_insert(stack);
    }
}

/// Puts what was kept before what is in the error queue, and says whether there was something.
///
/// # Safety
///
/// The object is live.
unsafe fn tell_missed(ssl: *mut sys::SSL) -> bool {
    // SAFETY: by this function's contract.
    let missed = unsafe { State::of(ssl) }.and_then(|state| state.missed().take());
    let Some(missed) = missed else { return false };
    let later = ErrorStack::drain();
    missed.restore();
    later.restore();
    true
}

/// What SSL_get_error says of a call on a chain: the BIO on top may wait for something of its own.
///
/// # Safety
///
/// The BIO and the object are live, and the object has both BIOs.
unsafe fn judge(top: *mut sys::BIO, ssl: *mut sys::SSL, ret: c_int) -> c_int {
    // SAFETY: by this function's contract; the calls only read the BIO.
    let (retry, kind, reason) = unsafe {
        (ext::BIO_should_retry(top) != 0, ext::BIO_retry_type(top), ext::BIO_get_retry_reason(top))
    };
    match (retry, kind, reason) {
        (true, sys::BIO_FLAGS_READ, _) => sys::SSL_ERROR_WANT_READ,
        (true, sys::BIO_FLAGS_WRITE, _) => sys::SSL_ERROR_WANT_WRITE,
        (true, sys::BIO_FLAGS_IO_SPECIAL, ext::BIO_RR_CONNECT) => sys::SSL_ERROR_WANT_CONNECT,
        (true, sys::BIO_FLAGS_IO_SPECIAL, ext::BIO_RR_ACCEPT) => sys::SSL_ERROR_WANT_ACCEPT,
        (true, sys::BIO_FLAGS_IO_SPECIAL, ext::BIO_RR_SSL_X509_LOOKUP) => sys::SSL_ERROR_WANT_X509_LOOKUP,
        // SAFETY: by this function's contract.
        _ => unsafe { sys::SSL_get_error(ssl, ret) },
    }
}
