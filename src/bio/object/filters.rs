//! Filters: what stands before a source or sink and changes or keeps what passes.

use std::ffi::{CStr, c_int, c_long};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::{Bio, BioRef};
use crate::error::{Error, ErrorKind};

impl Bio {
    /// A buffer for both directions: reads lines from any BIO, and keeps what is written until it is full or flushed.
    ///
    /// Dropping one does not write out what is in it: [`flush`](BioRef::flush) first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory; so of all filters.
    ///
    /// C: [`BIO_f_buffer(3)`](https://docs.openssl.org/master/man3/BIO_f_buffer/)
    #[doc(alias = "BIO_f_buffer")]
    pub fn buffer() -> Result<Self, Error> {
        // SAFETY: the method is a constant of the library; so below.
        unsafe { Self::new(ext::BIO_f_buffer()) }
    }

    /// A buffer for reading only, in which one can go back: [`seek`](BioRef::seek) and [`tell`](BioRef::tell) count from
    /// what was first read.
    ///
    /// # Errors
    ///
    /// As [`buffer`](Self::buffer).
    ///
    /// C: [`BIO_f_readbuffer(3)`](https://docs.openssl.org/master/man3/BIO_f_readbuffer/)
    ///
    /// # Safety
    ///
    /// It keeps all that was read since it last stood at its beginning, and C counts that in an `int` that it lets run over,
    /// behind which it writes past the end. So with the size of the buffer of the next read (not of what that gets),
    /// it must come to less than 2 GiB minus 4096 bytes: [`seek`](BioRef::seek) to 0 goes back to the beginning, and who
    /// reads whatever a peer sends uses [`buffer`](Self::buffer).
    #[doc(alias = "BIO_f_readbuffer")]
    pub unsafe fn read_buffer() -> Result<Self, Error> {
        // SAFETY: see above; what its method does not do as documented is ruled out by this function's contract.
        unsafe { Self::new(ext::BIO_f_readbuffer()) }
    }

    /// Keeps what is written until its line is whole, or it is flushed.
    ///
    /// # Errors
    ///
    /// As [`buffer`](Self::buffer).
    ///
    /// C: `BIO_f_linebuffer`
    #[doc(alias = "BIO_f_linebuffer")]
    pub fn line_buffer() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_f_linebuffer()) }
    }

    /// What is written goes on in base64, what is read was in base64.
    ///
    /// The last bytes go on with [`flush`](BioRef::flush), which also says that nothing follows. For base64 on one
    /// line, either way, set [`BASE64_NO_NL`](super::BioFlags::BASE64_NO_NL).
    ///
    /// # Errors
    ///
    /// As [`buffer`](Self::buffer).
    ///
    /// C: [`BIO_f_base64(3)`](https://docs.openssl.org/master/man3/BIO_f_base64/)
    #[doc(alias = "BIO_f_base64")]
    pub fn base64() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_f_base64()) }
    }

    /// Writes a prefix and an indentation before each line.
    ///
    /// # Errors
    ///
    /// As [`buffer`](Self::buffer).
    ///
    /// C: [`BIO_f_prefix(3)`](https://docs.openssl.org/master/man3/BIO_f_prefix/)
    #[doc(alias = "BIO_f_prefix")]
    pub fn prefix() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_f_prefix()) }
    }

    /// Passes on what it gets.
    ///
    /// # Errors
    ///
    /// As [`buffer`](Self::buffer).
    ///
    /// C: [`BIO_f_null(3)`](https://docs.openssl.org/master/man3/BIO_f_null/)
    #[doc(alias = "BIO_f_null")]
    pub fn null_filter() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_f_null()) }
    }
}

/// Of the first filter of the chain that knows the command.
impl BioRef {
    /// How many bytes a buffer holds in each direction. What is in a buffer that is replaced is lost, and a size below
    /// OpenSSL's own 4096 changes nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for 0 or more than an `int` can count, and [`ErrorKind::Refused`] or
    /// [`ErrorKind::Unspecified`] if there is no buffer in the chain, or no memory.
    ///
    /// C: [`BIO_set_buffer_size(3)`](https://docs.openssl.org/master/man3/BIO_f_buffer/)
    #[doc(alias = "BIO_set_buffer_size")]
    pub fn set_buffer_size(&mut self, size: usize) -> Result<(), Error> {
        const CALL: &str = "BIO_set_buffer_size";
        let size = sized(CALL, size)?;
        // SAFETY: the BIO is live and borrowed for writing; so below.
        self.command(CALL, |bio| unsafe { ext::BIO_set_buffer_size(bio, size) })
    }

    /// As [`set_buffer_size`](Self::set_buffer_size), for what is read.
    ///
    /// # Errors
    ///
    /// As [`set_buffer_size`](Self::set_buffer_size).
    ///
    /// C: [`BIO_set_read_buffer_size(3)`](https://docs.openssl.org/master/man3/BIO_f_buffer/)
    #[doc(alias = "BIO_set_read_buffer_size")]
    pub fn set_read_buffer_size(&mut self, size: usize) -> Result<(), Error> {
        const CALL: &str = "BIO_set_read_buffer_size";
        let size = sized(CALL, size)?;
        // SAFETY: see above.
        self.command(CALL, |bio| unsafe { ext::BIO_set_read_buffer_size(bio, size) })
    }

    /// As [`set_buffer_size`](Self::set_buffer_size), for what is written.
    ///
    /// # Errors
    ///
    /// As [`set_buffer_size`](Self::set_buffer_size).
    ///
    /// C: [`BIO_set_write_buffer_size(3)`](https://docs.openssl.org/master/man3/BIO_f_buffer/)
    #[doc(alias = "BIO_set_write_buffer_size")]
    pub fn set_write_buffer_size(&mut self, size: usize) -> Result<(), Error> {
        const CALL: &str = "BIO_set_write_buffer_size";
        let size = sized(CALL, size)?;
        // SAFETY: see above.
        self.command(CALL, |bio| unsafe { ext::BIO_set_write_buffer_size(bio, size) })
    }

    /// How many whole lines a buffer holds that were not read yet.
    ///
    /// C: [`BIO_get_buffer_num_lines(3)`](https://docs.openssl.org/master/man3/BIO_f_buffer/)
    #[doc(alias = "BIO_get_buffer_num_lines")]
    pub fn buffer_num_lines(&mut self) -> usize {
        // SAFETY: see above.
        let lines = self.ask(|bio| unsafe { ext::BIO_get_buffer_num_lines(bio) });
        usize::try_from(lines).unwrap_or_default()
    }

    /// What [`Bio::prefix`] writes before each line; `None` for nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if the chain has no such filter, or there is no memory.
    ///
    /// C: [`BIO_set_prefix(3)`](https://docs.openssl.org/master/man3/BIO_f_prefix/)
    #[doc(alias = "BIO_set_prefix")]
    pub fn set_prefix(&mut self, prefix: Option<&CStr>) -> Result<(), Error> {
        let prefix = prefix.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: see above; NULL or a string, which C copies.
        self.command("BIO_set_prefix", |bio| unsafe { ext::BIO_set_prefix(bio, prefix) })
    }

    /// How many spaces [`Bio::prefix`] writes before each line, behind the prefix.
    ///
    /// # Errors
    ///
    /// As [`set_prefix`](Self::set_prefix).
    ///
    /// C: [`BIO_set_indent(3)`](https://docs.openssl.org/master/man3/BIO_f_prefix/)
    #[doc(alias = "BIO_set_indent")]
    pub fn set_indent(&mut self, spaces: u16) -> Result<(), Error> {
        // SAFETY: see above.
        self.command("BIO_set_indent", |bio| unsafe { ext::BIO_set_indent(bio, c_long::from(spaces)) })
    }

    /// How many spaces there are before each line.
    ///
    /// C: [`BIO_get_indent(3)`](https://docs.openssl.org/master/man3/BIO_f_prefix/)
    #[doc(alias = "BIO_get_indent")]
    pub fn indent(&mut self) -> usize {
        // SAFETY: see above.
        usize::try_from(self.ask(|bio| unsafe { ext::BIO_get_indent(bio) })).unwrap_or_default()
    }

    /// A command that answers a positive number for success.
    pub(super) fn command(
        &mut self,
        call: &'static str,
        command: impl FnOnce(*mut sys::BIO) -> c_long,
    ) -> Result<(), Error> {
        match self.enter(command) {
            (1.., _) => {
                crate::error::clear();
                Ok(())
            }
            (ret, errno) => Err(self.failed(call, c_int::try_from(ret).unwrap_or(-1), errno)),
        }
    }
}

fn sized(call: &'static str, size: usize) -> Result<c_long, Error> {
    match c_int::try_from(size) {
        Ok(size @ 1..) => Ok(c_long::from(size)),
        _ => {
            Err(Error::new(ErrorKind::InvalidInput, call)
                .with_detail(format!("{size} is no size of a buffer")))
        }
    }
}
