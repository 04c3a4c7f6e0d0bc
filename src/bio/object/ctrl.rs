//! Commands to a BIO.

use std::ffi::{c_int, c_long, c_void};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{BioError, BioType};
use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error, ErrorKind};
use crate::library::LibContext;

impl Bio {
    /// A BIO of any method.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if the method does not make one.
    ///
    /// C: [`BIO_new(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    ///
    /// # Safety
    ///
    /// `method` is live as long as the BIO is, and does for all that can be called on the BIO what C documents for it.
    #[doc(alias = "BIO_new")]
    pub unsafe fn new(method: *const sys::BIO_METHOD) -> Result<Self, Error> {
        if method.is_null() {
            return Err(Error::new(ErrorKind::InvalidInput, "BIO_new").with_detail("there is no method"));
        }
        error::clear();
        // SAFETY: not NULL, and live by this function's contract; the reference is ours.
        unsafe { Self::from_new("BIO_new", sys::BIO_new(method)) }
    }

    /// As [`new`](Self::new), in a library context, where the method asks for one.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// C: [`BIO_new_ex(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    ///
    /// # Safety
    ///
    /// As [`new`](Self::new), and the BIO does not outlive `lib`.
    #[doc(alias = "BIO_new_ex")]
    pub unsafe fn new_ex(lib: &LibContext, method: *const sys::BIO_METHOD) -> Result<Self, Error> {
        if method.is_null() {
            return Err(Error::new(ErrorKind::InvalidInput, "BIO_new_ex").with_detail("there is no method"));
        }
        error::clear();
        // SAFETY: as in `new`; the context is live.
        unsafe { Self::from_new("BIO_new_ex", ext::BIO_new_ex(lib.as_ptr(), method)) }
    }
}

impl BioRef {
    /// Any command.
    ///
    /// C: [`BIO_ctrl(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    ///
    /// # Safety
    ///
    /// The arguments are what each BIO of the chain that knows the command takes it to have, and what it does to memory
    /// that others own is right.
    #[doc(alias = "BIO_ctrl")]
    pub unsafe fn ctrl(&mut self, command: c_int, number: c_long, pointer: *mut c_void) -> c_long {
        // SAFETY: the BIO is live and borrowed for writing; the rest by this function's contract.
        self.ask(|bio| unsafe { sys::BIO_ctrl(bio, command, number, pointer) })
    }

    /// A command that takes two numbers.
    ///
    /// C: [`BIO_int_ctrl(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    ///
    /// # Safety
    ///
    /// As [`ctrl`](Self::ctrl).
    #[doc(alias = "BIO_int_ctrl")]
    pub unsafe fn int_ctrl(&mut self, command: c_int, number: c_long, second: c_int) -> c_long {
        // SAFETY: as in `ctrl`.
        self.ask(|bio| unsafe { ext::BIO_int_ctrl(bio, command, number, second) })
    }

    /// A command that answers with a pointer; NULL if there is no answer.
    ///
    /// C: [`BIO_ptr_ctrl(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    ///
    /// # Safety
    ///
    /// As [`ctrl`](Self::ctrl).
    #[doc(alias = "BIO_ptr_ctrl")]
    pub unsafe fn ptr_ctrl(&mut self, command: c_int, number: c_long) -> *mut c_void {
        // SAFETY: as in `ctrl`.
        self.ask(|bio| unsafe { ext::BIO_ptr_ctrl(bio, command, number) })
    }

    /// Whether there is nothing more to read, as the BIO says. Some say so only after a read that found nothing.
    ///
    /// C: [`BIO_eof(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_eof")]
    pub fn eof(&mut self) -> bool {
        // SAFETY: the BIO is live and borrowed for writing; so below.
        self.ask(|bio| unsafe { ext::BIO_eof(bio) }) > 0
    }

    /// How many bytes can be read without waiting, as far as the BIO knows.
    ///
    /// C: [`BIO_pending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_pending")]
    #[doc(alias = "BIO_ctrl_pending")]
    pub fn pending(&mut self) -> usize {
        // SAFETY: see above. The macro's `int` is negative for what only the function's `size_t` holds.
        self.count(|bio| unsafe { ext::BIO_pending(bio) }, |bio| unsafe { ext::BIO_ctrl_pending(bio) })
    }

    /// How many bytes were written that have not gone on.
    ///
    /// C: [`BIO_wpending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_wpending")]
    #[doc(alias = "BIO_ctrl_wpending")]
    pub fn wpending(&mut self) -> usize {
        // SAFETY: see above.
        self.count(|bio| unsafe { ext::BIO_wpending(bio) }, |bio| unsafe { ext::BIO_ctrl_wpending(bio) })
    }

    /// Sets the BIO back to its beginning: an empty memory, the first byte of a file, a BIO that is not connected or
    /// does not listen yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] from a BIO that cannot, [`ErrorKind::Io`] from a file, [`ErrorKind::InvalidInput`] from
    /// a `BIO_s_connect` that is connected for datagrams, or could not make a socket: make another one.
    ///
    /// C: [`BIO_reset(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_reset")]
    pub fn reset(&mut self) -> Result<(), Error> {
        self.may_reset("BIO_reset")?;
        const SAY_0: [BioType; 4] = [BioType::FILE, BioType::FD, BioType::CONNECT, BioType::ACCEPT];
        // What hangs behind an accept BIO is not asked.
        let asked = self.links().map(Self::method_type).find(|kind| kind.is(BioType::SOURCE_SINK));
        let says_0 = asked.is_some_and(|kind| SAY_0.contains(&kind));
        // SAFETY: see above.
        match self.enter(|bio| unsafe { ext::BIO_reset(bio) }) {
            (1.., _) => Ok(()),
            // These differ from all others: 0 is success.
            (0, _) if says_0 => Ok(()),
            (ret, errno) => Err(self.failed("BIO_reset", ret, errno)),
        }
    }

    /// Goes to a place of a file, or of what is in a memory BIO, counted in bytes from the beginning.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] or [`ErrorKind::Io`] if there is no such place. A BIO that knows no places says
    /// nothing of it, as in C.
    ///
    /// C: [`BIO_seek(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_seek")]
    pub fn seek(&mut self, offset: u64) -> Result<(), Error> {
        const CALL: &str = "BIO_seek";
        let offset = c_long::try_from(offset).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, CALL).with_detail("the offset is too large for C")
        })?;
        // The macro cuts the answer down to an `int`.
        // SAFETY: see above; the command takes a number.
        let (ret, errno) = self
            .enter(|bio| unsafe { sys::BIO_ctrl(bio, ext::BIO_C_FILE_SEEK, offset, std::ptr::null_mut()) });
        if ret < 0 { Err(self.failed(CALL, -1, errno)) } else { Ok(()) }
    }

    /// The present place in a file, or in what is in a memory BIO.
    ///
    /// # Errors
    ///
    /// As [`seek`](Self::seek).
    ///
    /// C: [`BIO_tell(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_tell")]
    pub fn tell(&mut self) -> Result<u64, Error> {
        // SAFETY: as in `seek`.
        let (ret, errno) =
            self.enter(|bio| unsafe { sys::BIO_ctrl(bio, ext::BIO_C_FILE_TELL, 0, std::ptr::null_mut()) });
        u64::try_from(ret).map_err(|_| self.failed("BIO_tell", -1, errno))
    }

    /// Goes on with what the BIO has to do before bytes can pass: connecting, accepting, a TLS handshake. A BIO that has
    /// nothing of the kind says that it cannot.
    ///
    /// # Errors
    ///
    /// Never [`BioError::End`].
    ///
    /// C: [`BIO_do_handshake(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_do_handshake")]
    pub fn do_handshake(&mut self) -> Result<(), BioError> {
        // SAFETY: see above.
        let (ret, errno) = self.operate("BIO_do_handshake", |bio| unsafe { ext::BIO_do_handshake(bio) })?;
        match ret {
            1.. => {
                error::clear();
                Ok(())
            }
            ret => Err(self.unfinished("BIO_do_handshake", c_int::try_from(ret).unwrap_or(-1), errno)),
        }
    }

    /// Whether what lies beneath is closed or freed with the BIO.
    ///
    /// C: [`BIO_get_close(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_get_close")]
    pub fn close_flag(&mut self) -> bool {
        // SAFETY: see above.
        self.ask(|bio| unsafe { ext::BIO_get_close(bio) }) > 0
    }

    /// Says whether what lies beneath is closed or freed with the BIO.
    ///
    /// C: [`BIO_set_close(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    ///
    /// # Safety
    ///
    /// With `true` the BIO owns what lies beneath, and nobody else does.
    #[doc(alias = "BIO_set_close")]
    pub unsafe fn set_close(&mut self, close: bool) {
        let flag = if close { ext::BIO_CLOSE } else { ext::BIO_NOCLOSE };
        // SAFETY: see above; the rest by this function's contract.
        self.ask(|bio| unsafe { ext::BIO_set_close(bio, c_long::from(flag)) });
    }

    /// A number of bytes, for which C has a macro and a function.
    pub(super) fn count(
        &mut self,
        int: impl FnOnce(*mut sys::BIO) -> c_int,
        size: impl FnOnce(*mut sys::BIO) -> usize,
    ) -> usize {
        usize::try_from(self.ask(int)).unwrap_or_else(|_| self.ask(size))
    }
}
