//! The functions of a method.

use std::ffi::{CStr, c_int, c_long, c_void};

use openssl_sys as sys;

use super::{NextBio, Stop};
use crate::bio::object::BioType;

/// As C declares an info callback.
pub type BioInfoFn = unsafe extern "C" fn(*mut sys::BIO, c_int, c_int) -> c_int;

/// The functions of a BIO, in Rust: of one that is the end of a chain, or of a filter.
///
/// ```
/// use libssl::bio::{Bio, BioMethod, BioType, NextBio, Stop};
///
/// /// Writes what it gets in capitals.
/// struct Capitals;
///
/// impl BioMethod for Capitals {
///     const CLASS: BioType = BioType::FILTER;
///
///     fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
///         next.read(buf)
///     }
///
///     fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
///         next.write(&data.to_ascii_uppercase())
///     }
/// }
///
/// let mut bio = Bio::custom(Capitals)?;
/// bio.push(Bio::memory()?);
/// bio.write(b"quiet")?;
/// let mut buf = [0; 8];
/// assert_eq!(bio.read(&mut buf)?, 5);
/// assert_eq!(&buf[..5], b"QUIET");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What a function returns is judged before C believes it. No function is called while another one of the same BIO runs.
/// Its destructor is C's `destroy`.
///
/// C: [`BIO_meth_new(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
#[doc(alias = "BIO_METHOD")]
pub trait BioMethod: Send + 'static {
    /// What the method calls itself.
    ///
    /// C: `BIO_method_name`
    const NAME: &'static CStr = c"Rust";

    /// [`BioType::SOURCE_SINK`], or [`BioType::FILTER`] for what passes on what it gets; any other bits are left out.
    const CLASS: BioType = BioType::SOURCE_SINK;

    /// What a BIO begins with that C makes by itself, of [`method_ptr`](super::method_ptr), also for a copy, which then
    /// gets what [`duplicate`](Self::duplicate) returns. Each operation of a BIO that begins with `None` fails.
    ///
    /// C: [`BIO_meth_set_create(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_create")]
    fn create() -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// What a copy of the BIO begins with, in BIO_dup_chain(3). `None` lets that fail.
    #[doc(alias = "BIO_dup_chain")]
    fn duplicate(&mut self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Reads at most as much as `buf` holds, which is never empty, and returns how many bytes there are.
    ///
    /// # Errors
    ///
    /// [`Stop::End`], for which `Ok(0)` stands too, and what else keeps it from reading.
    ///
    /// C: [`BIO_meth_set_read_ex(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_read_ex")]
    #[doc(alias = "BIO_meth_set_read")]
    fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop>;

    /// Takes bytes, of which there is at least one, and returns how many it took.
    ///
    /// # Errors
    ///
    /// [`Stop`]. `Ok(0)` counts as a failure.
    ///
    /// C: [`BIO_meth_set_write_ex(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_write_ex")]
    #[doc(alias = "BIO_meth_set_write")]
    fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop>;

    /// Reads a line with its end, or as much of it as `buf` holds, and returns how many bytes there are. The NUL that C wants
    /// is not this function's.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`Stop::Unsupported`] unless it is implemented.
    ///
    /// C: [`BIO_meth_set_gets(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_gets")]
    fn gets(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        let _ = (next, buf);
        Err(Stop::Unsupported)
    }

    /// Takes a text, and returns how many bytes of it. It is a [`write`](Self::write) unless it is implemented.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// C: [`BIO_meth_set_puts(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_puts")]
    fn puts(&mut self, next: &mut NextBio<'_>, text: &CStr) -> Result<usize, Stop> {
        match text.to_bytes() {
            [] => Ok(0),
            text => self.write(next, text),
        }
    }

    /// Sends on what it still holds (`BIO_CTRL_FLUSH`). A filter has the next BIO flushed unless this is implemented.
    ///
    /// In a handshake on OpenSSL 3.0 a flush that must wait ends the connection.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    fn flush(&mut self, next: &mut NextBio<'_>) -> Result<(), Stop> {
        if next.is_there() { next.flush() } else { Ok(()) }
    }

    /// Whether there is nothing more to read (`BIO_CTRL_EOF`). libssl asks this after a read that found nothing, to tell a
    /// cut connection from one that goes on. `None` goes by what the last read found, and then asks the next BIO.
    fn is_at_end(&mut self) -> Option<bool> {
        None
    }

    /// How many bytes it holds to be read (`BIO_CTRL_PENDING`). With 0 the next BIO is asked.
    fn pending(&mut self) -> usize {
        0
    }

    /// How many bytes it holds that were written (`BIO_CTRL_WPENDING`). With 0 the next BIO is asked.
    fn wpending(&mut self) -> usize {
        0
    }

    /// Goes back to the beginning (`BIO_CTRL_RESET`), before the next BIO does.
    ///
    /// # Errors
    ///
    /// Any: C is told that it failed.
    fn reset(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Goes on with what is to be done before bytes can pass (`BIO_C_DO_STATE_MACHINE`: BIO_do_connect, BIO_do_handshake).
    /// `None` asks the next BIO.
    fn establish(&mut self) -> Option<Result<(), Stop>> {
        None
    }

    /// A command with a number, whose answer is a number: those of OpenSSL's that are so (of a datagram's size, say), and
    /// all from 0x1000 on, which OpenSSL leaves to programs. `None` asks the next BIO.
    ///
    /// C: [`BIO_meth_set_ctrl(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_ctrl")]
    fn ctrl(&mut self, command: c_int, number: c_long) -> Option<c_long> {
        let _ = (command, number);
        None
    }

    /// Any command that has no function of its own here, before [`ctrl`](Self::ctrl). `None` passes it on.
    ///
    /// # Safety
    ///
    /// `pointer` is what the command documents. Whoever implements this answers as the command documents: where that says
    /// that C reads memory of its own afterwards, it was written.
    unsafe fn raw_ctrl(&mut self, command: c_int, number: c_long, pointer: *mut c_void) -> Option<c_long> {
        let _ = (command, number, pointer);
        None
    }

    /// An info callback of C's (BIO_callback_ctrl, BIO_set_info_callback). `false` passes it on to the next BIO.
    ///
    /// C: [`BIO_meth_set_callback_ctrl(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_callback_ctrl")]
    #[doc(alias = "BIO_callback_ctrl")]
    fn set_info_callback(&mut self, callback: Option<BioInfoFn>) -> bool {
        let _ = callback;
        false
    }

    /// Sends one datagram, of a BIO_sendmmsg(3) for OpenSSL 3.2 and later.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); [`Stop::Unsupported`] unless it is implemented.
    ///
    /// C: [`BIO_meth_set_sendmmsg(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_sendmmsg")]
    fn send(&mut self, next: &mut NextBio<'_>, datagram: &[u8]) -> Result<(), Stop> {
        let _ = (next, datagram);
        Err(Stop::Unsupported)
    }

    /// Receives one datagram, of a BIO_recvmmsg(3) for OpenSSL 3.2 and later, and returns how long it is. What `buf` has no
    /// room for is lost.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read); [`Stop::Unsupported`] unless it is implemented.
    ///
    /// C: [`BIO_meth_set_recvmmsg(3)`](https://docs.openssl.org/master/man3/BIO_meth_new/)
    #[doc(alias = "BIO_meth_set_recvmmsg")]
    fn receive(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        let _ = (next, buf);
        Err(Stop::Unsupported)
    }
}
