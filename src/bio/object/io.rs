//! Reading and writing.

use std::ffi::{CStr, c_int};
use std::io::{self, Read, Write};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::base64::flush;
use super::{BioError, BioType};
use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error, ErrorKind};

impl BioRef {
    /// Reads at most as much as `buf` holds, and returns how many bytes there are.
    ///
    /// An empty buffer gives `Ok(0)` without a call to C.
    ///
    /// # Errors
    ///
    /// [`BioError::End`] where C returns 0 and there is nothing to try again and nothing in the error queue. Otherwise the
    /// [`kind`](Error::kind) is [`ErrorKind::Io`] for what the system says, [`ErrorKind::NoTransport`] for TLS with
    /// nothing behind it, [`ErrorKind::Refused`] with OpenSSL's reasons, and [`ErrorKind::Unspecified`] without any.
    ///
    /// C: [`BIO_read(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_read")]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, BioError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let (out, len) = (buf.as_mut_ptr(), int(buf.len()));
        // SAFETY: the BIO is live, and writes at most `len` bytes to the buffer.
        let (ret, errno) = self.operate("BIO_read", |bio| unsafe { sys::BIO_read(bio, out.cast(), len) })?;
        self.taken("BIO_read", ret, errno).map(|read| read.min(buf.len()))
    }

    /// Reads as [`read`](Self::read) does, through the function that has one answer for the end and for a failure:
    /// [`eof`](Self::eof) is asked which it was. [`read`](Self::read) knows better.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// C: [`BIO_read_ex(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_read_ex")]
    pub fn read_ex(&mut self, buf: &mut [u8]) -> Result<usize, BioError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let (out, len, mut read) = (buf.as_mut_ptr(), buf.len(), 0);
        // SAFETY: the BIO is live, and writes at most `len` bytes to the buffer and their number to `read`.
        let (ret, errno) = self
            .operate("BIO_read_ex", |bio| unsafe { ext::BIO_read_ex(bio, out.cast(), len, &raw mut read) })?;
        if ret == 1 {
            error::clear();
            return Ok(read.min(len));
        }
        let error = self.unfinished("BIO_read_ex", ret, errno);
        let silent = error.error().is_some_and(|error| error.kind() == ErrorKind::Unspecified);
        if silent && self.eof() { Err(BioError::End) } else { Err(error) }
    }

    /// Writes, and returns how many bytes were taken.
    ///
    /// An empty buffer gives `Ok(0)` without a call to C. A filter may take bytes that go no further before
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// Never [`BioError::End`].
    ///
    /// C: [`BIO_write(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_write")]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, BioError> {
        if data.is_empty() {
            return Ok(0);
        }
        let (bytes, len) = (data.as_ptr(), int(data.len()));
        // SAFETY: the BIO is live, and reads at most `len` bytes of the slice.
        let (ret, errno) =
            self.operate("BIO_write", |bio| unsafe { sys::BIO_write(bio, bytes.cast(), len) })?;
        self.given("BIO_write", ret, errno).map(|written| written.min(data.len()))
    }

    /// Writes as [`write`](Self::write) does, also more than an `int` can count.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// C: [`BIO_write_ex(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_write_ex")]
    pub fn write_ex(&mut self, data: &[u8]) -> Result<usize, BioError> {
        if data.is_empty() {
            return Ok(0);
        }
        let (bytes, len, mut written) = (data.as_ptr(), data.len(), 0);
        let (ret, errno) = self.operate("BIO_write_ex", |bio| {
            // SAFETY: the BIO is live, and reads at most `len` bytes of the slice; the out-pointer is to a local.
            unsafe { ext::BIO_write_ex(bio, bytes.cast(), len, &raw mut written) }
        })?;
        if ret == 1 {
            error::clear();
            return Ok(written.min(len));
        }
        Err(self.unfinished("BIO_write_ex", ret, errno))
    }

    /// Reads to the end of a line, or as much as `buf` holds but for one byte: C puts a NUL there. Returns how many bytes
    /// there are, the line's end included.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), [`ErrorKind::InvalidInput`] for a buffer of less than 2 bytes,
    /// [`ErrorKind::NoTransport`] if nothing is behind a [`Bio::buffer`] (C crashes), and [`ErrorKind::Refused`] from a
    /// BIO that knows no lines; [`get_line`](Self::get_line) reads them from any.
    ///
    /// C: [`BIO_gets(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_gets")]
    pub fn gets(&mut self, buf: &mut [u8]) -> Result<usize, BioError> {
        if buf.len() < 2 {
            return Err(Error::new(ErrorKind::InvalidInput, "BIO_gets")
                .with_detail("the buffer has no room for a byte and a NUL")
                .into());
        }
        if self.links().last().is_some_and(|last| last.method_type() == BioType::BUFFER) {
            // A buffer with nothing behind it crashes.
            return Err(Error::new(ErrorKind::NoTransport, "BIO_gets").into());
        }
        let (out, len) = (buf.as_mut_ptr(), int(buf.len()));
        // SAFETY: the BIO is live, and writes at most `len` bytes to the buffer.
        let (ret, errno) = self.operate("BIO_gets", |bio| unsafe { ext::BIO_gets(bio, out.cast(), len) })?;
        if ret == 0 && error::is_empty() {
            self.ask_memory();
        }
        self.taken("BIO_gets", ret, errno).map(|read| read.min(buf.len() - 1))
    }

    /// Reads a line from any BIO, byte by byte, and appends it to `line`, its end included: at most `limit` bytes. Returns
    /// how many there are.
    ///
    /// What was read before an error is appended too (C loses it): after [`BioError::Retry`] the next call goes on
    /// with the same line.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// C: [`BIO_get_line(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_get_line")]
    pub fn get_line(&mut self, line: &mut Vec<u8>, limit: usize) -> Result<usize, BioError> {
        let mut total = 0;
        while total < limit {
            let most = (limit - total).min(PIECE);
            match self.get_piece(line, most) {
                Ok(read) => {
                    total += read;
                    if read < most || line.last() == Some(&b'\n') {
                        break;
                    }
                }
                // A line that ends without its newline.
                Err(BioError::End) if total > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    /// What C reads of a line in one call.
    fn get_piece(&mut self, line: &mut Vec<u8>, most: usize) -> Result<usize, BioError> {
        // C ends what it read with a NUL, behind which nothing is written: it is the last one.
        let mut buf = vec![0xff_u8; most + 1];
        let (out, len) = (buf.as_mut_ptr(), int(buf.len()));
        // SAFETY: the BIO is live, and writes at most `len` bytes to the buffer.
        let (ret, errno) =
            self.operate("BIO_get_line", |bio| unsafe { ext::BIO_get_line(bio, out.cast(), len) })?;
        let read = buf.iter().rposition(|byte| *byte == 0).unwrap_or_default();
        line.extend(buf.iter().take(read));
        match ret {
            1.. => {
                error::clear();
                Ok(read)
            }
            ret => self.taken("BIO_get_line", ret, errno),
        }
    }

    /// Writes a string without its NUL, and returns how many bytes were taken.
    ///
    /// An empty string gives `Ok(0)` without a call to C.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// C: [`BIO_puts(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_puts")]
    pub fn puts(&mut self, text: &CStr) -> Result<usize, BioError> {
        if text.is_empty() {
            return Ok(0);
        }
        // SAFETY: the BIO is live, and reads the string to its NUL.
        let (ret, errno) = self.operate("BIO_puts", |bio| unsafe { ext::BIO_puts(bio, text.as_ptr()) })?;
        self.given("BIO_puts", ret, errno).map(|written| written.min(text.count_bytes()))
    }

    /// Writes out what filters and files still hold.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// C: [`BIO_flush(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_flush")]
    pub fn flush(&mut self) -> Result<(), BioError> {
        // SAFETY: the BIO is live and borrowed for writing.
        let (ret, errno) = self.operate("BIO_flush", |bio| unsafe { flush(bio) })?;
        self.given("BIO_flush", ret, errno).map(|_| ())
    }

    /// How many bytes were read through this BIO since it was made.
    ///
    /// C: [`BIO_number_read(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_number_read")]
    pub fn number_read(&self) -> u64 {
        // SAFETY: the BIO is live, and the call only reads it.
        unsafe { ext::BIO_number_read(self.as_ptr()) }
    }

    /// How many bytes were written through this BIO since it was made.
    ///
    /// C: [`BIO_number_written(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_number_written")]
    pub fn number_written(&self) -> u64 {
        // SAFETY: the BIO is live, and the call only reads it.
        unsafe { ext::BIO_number_written(self.as_ptr()) }
    }

    /// Lets an empty memory say whether more may come, which it says in a read, and not where a line is asked for.
    fn ask_memory(&mut self) {
        let empty = |bio: &mut Self| bio.method_type() == BioType::MEM && bio.pending() == 0;
        let mut last = self;
        while last.next().is_some() {
            let Some(next) = last.next_mut() else { return };
            last = next;
        }
        if empty(last) {
            let mut none = [0_u8; 1];
            // SAFETY: the BIO is live, and writes at most one byte to the buffer.
            last.ask(|bio| unsafe { sys::BIO_read(bio, none.as_mut_ptr().cast(), 1) });
        }
    }

    /// Judges the answer of a read.
    pub(super) fn taken(&mut self, call: &'static str, ret: c_int, errno: c_int) -> Result<usize, BioError> {
        if ret == 0 && self.waits().is_none() && error::is_empty() {
            return Err(BioError::End);
        }
        self.given(call, ret, errno)
    }

    /// Judges the answer of a write.
    pub(super) fn given(&mut self, call: &'static str, ret: c_int, errno: c_int) -> Result<usize, BioError> {
        match usize::try_from(ret) {
            Ok(moved @ 1..) => {
                error::clear();
                Ok(moved)
            }
            _ => Err(self.unfinished(call, ret, errno)),
        }
    }
}

/// How much of a line is read in one call: what nobody sends needs no memory.
const PIECE: usize = 4096;

/// A length as C counts it; what is beyond has to wait for the next call.
pub(super) fn int(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// The end is `Ok(0)`, and what is to be tried again [`WouldBlock`](io::ErrorKind::WouldBlock).
impl Read for BioRef {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match Self::read(self, buf) {
            Err(BioError::End) => Ok(0),
            outcome => outcome.map_err(io::Error::from),
        }
    }
}

/// What is to be tried again is [`WouldBlock`](io::ErrorKind::WouldBlock).
impl Write for BioRef {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Self::write(self, data).map_err(io::Error::from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::flush(self).map_err(io::Error::from)
    }
}

// Without these, `bio.read()` would be the trait's method where the trait is in scope, and the mirror's elsewhere.
impl Bio {
    /// As [`BioRef::read`].
    ///
    /// # Errors
    ///
    /// As [`BioRef::read`].
    #[doc(alias = "BIO_read")]
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, BioError> {
        (**self).read(buf)
    }

    /// As [`BioRef::write`].
    ///
    /// # Errors
    ///
    /// As [`BioRef::write`].
    #[doc(alias = "BIO_write")]
    pub fn write(&mut self, data: &[u8]) -> Result<usize, BioError> {
        (**self).write(data)
    }

    /// As [`BioRef::flush`].
    ///
    /// # Errors
    ///
    /// As [`BioRef::flush`].
    #[doc(alias = "BIO_flush")]
    pub fn flush(&mut self) -> Result<(), BioError> {
        (**self).flush()
    }
}

/// As of [`BioRef`].
impl Read for Bio {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Read::read(&mut **self, buf)
    }
}

/// As of [`BioRef`].
impl Write for Bio {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Write::write(&mut **self, data)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut **self)
    }
}
