//! Memory BIOs, and the one that has nothing.

use std::ffi::{c_int, c_long};
use std::ptr::{self, NonNull};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::BioType;
use crate::bio::handle::{Bio, BioRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;

/// What a read from an empty memory BIO answers.
///
/// C: [`BIO_set_mem_eof_return(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "BIO_set_mem_eof_return")]
pub enum MemEof {
    /// The end: [`BioError::End`](super::BioError::End), C's 0.
    End,
    /// There may be more later: [`BioError::Retry`](super::BioError::Retry), C's -1.
    Retry,
}

impl Bio {
    /// Memory that grows: what is written can be read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory.
    ///
    /// C: [`BIO_s_mem(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_s_mem")]
    pub fn memory() -> Result<Self, Error> {
        // SAFETY: the method is a constant of the library; so below.
        unsafe { Self::new(sys::BIO_s_mem()) }
    }

    /// As [`memory`](Self::memory), in OpenSSL's secure heap where the program has set one up.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// C: [`BIO_s_secmem(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_s_secmem")]
    pub fn secure_memory() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_s_secmem()) }
    }

    /// Nothing to read, and what is written vanishes.
    ///
    /// # Errors
    ///
    /// As [`memory`](Self::memory).
    ///
    /// C: [`BIO_s_null(3)`](https://docs.openssl.org/master/man3/BIO_s_null/)
    #[doc(alias = "BIO_s_null")]
    pub fn null() -> Result<Self, Error> {
        // SAFETY: see above.
        unsafe { Self::new(ext::BIO_s_null()) }
    }
}

/// Of the first memory BIO of the chain.
impl BioRef {
    /// What can be read, without reading it. `None` if the chain has no memory BIO.
    ///
    /// C: [`BIO_get_mem_data(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_get_mem_data")]
    pub fn mem_data(&mut self) -> Option<&[u8]> {
        let memory = self.find_type_mut(BioType::MEM)?;
        let mut data = ptr::null_mut();
        // SAFETY: the BIO is live and borrowed for writing, and `data` is a local of the type C writes.
        let len = memory.ask(|bio| unsafe { ext::BIO_get_mem_data(bio, &raw mut data) });
        let len = usize::try_from(len).unwrap_or_default();
        // SAFETY: get0: `len` bytes that the BIO holds, and which stay as they are for this borrow.
        Some(unsafe { bytes::lend(data.cast_const().cast(), len) }.unwrap_or_default())
    }

    /// The buffer itself, with what was read moved out of it. `None` if the chain has no memory BIO.
    ///
    /// C: [`BIO_get_mem_ptr(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_get_mem_ptr")]
    #[doc(alias = "BUF_MEM")]
    pub fn mem_buf(&mut self) -> Option<&[u8]> {
        // Bytes of memory that only its BIO's reads and writes change.
        // SAFETY: get0: live as long as the BIO, which is borrowed for writing.
        let buffer = unsafe { self.mem_ptr()?.as_ref() };
        // SAFETY: `length` bytes behind `data`, which stay as they are for this borrow.
        Some(unsafe { bytes::lend(buffer.data.cast_const().cast(), buffer.length) }.unwrap_or_default())
    }

    /// As [`mem_buf`](Self::mem_buf), as C has it. It stays the BIO's.
    ///
    /// C: [`BIO_get_mem_ptr(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_get_mem_ptr")]
    pub fn mem_ptr(&mut self) -> Option<NonNull<ext::BUF_MEM>> {
        let (buffer, answer) = self.find_type_mut(BioType::MEM)?.held_buffer();
        buffer.filter(|_| answer > 0)
    }

    /// The buffer of this memory BIO, and what C answered. After an answer a callback may refuse it all the same.
    fn held_buffer(&mut self) -> (Option<NonNull<ext::BUF_MEM>>, c_long) {
        let mut buffer = ptr::null_mut();
        // SAFETY: the BIO is live and borrowed for writing, and `buffer` is a local of the type C writes.
        let answer = self.ask(|bio| unsafe { ext::BIO_get_mem_ptr(bio, &raw mut buffer) });
        (NonNull::new(buffer), answer)
    }

    /// Replaces what can be read by a copy of `data`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the chain has no memory BIO, or one that only reads, and
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if there is no memory.
    ///
    /// C: [`BIO_set_mem_buf(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_set_mem_buf")]
    pub fn set_mem_buf(&mut self, data: &[u8]) -> Result<(), Error> {
        const CALL: &str = "BIO_set_mem_buf";
        let memory = self.memory_that_grows(CALL)?;
        if !memory.close_flag() {
            // C would lose the earlier buffer, or somebody else owns it.
            return Err(
                Error::new(ErrorKind::InvalidInput, CALL).with_detail("the buffer is not the BIO's own")
            );
        }
        // Secure memory stays so.
        // SAFETY: get0: live as long as the BIO.
        let flags = memory.held_buffer().0.map_or(0, |earlier| unsafe { earlier.as_ref() }.flags);
        error::clear();
        // SAFETY: takes any flags; the buffer is ours.
        let buffer = NonNull::new(unsafe { ext::BUF_MEM_new_ex(flags) })
            .ok_or_else(|| Error::from_queue("BUF_MEM_new_ex"))?;
        // SAFETY: the buffer is live and ours.
        if !data.is_empty() && unsafe { ext::BUF_MEM_grow(buffer.as_ptr(), data.len()) } != data.len() {
            let error = Error::from_queue("BUF_MEM_grow");
            // SAFETY: the buffer is ours, and freed once.
            unsafe { ext::BUF_MEM_free(buffer.as_ptr()) };
            return Err(error);
        }
        if !data.is_empty() {
            // SAFETY: the buffer has grown to the length of the slice, which is not part of it.
            unsafe { ptr::copy_nonoverlapping(data.as_ptr(), (*buffer.as_ptr()).data.cast(), data.len()) };
        }
        // SAFETY: the memory BIO takes over the buffer, which is ours.
        unsafe { memory.set_mem_ptr(buffer, true) };
        // A callback may have kept it from that, before or only as it seems.
        match memory.held_buffer().0 {
            Some(held) if held == buffer => return Ok(()),
            // SAFETY: the BIO has another one: this is still ours, and freed once.
            Some(_) => unsafe { ext::BUF_MEM_free(buffer.as_ptr()) },
            // Whose it is cannot be known: it leaks.
            None => {}
        }
        Err(Error::new(ErrorKind::Refused, CALL).with_detail("a callback refused it"))
    }

    /// Gives a memory BIO a buffer of C's. Returns whether it says that it took it.
    ///
    /// C: [`BIO_set_mem_buf(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    ///
    /// # Safety
    ///
    /// `buffer` is live. With `close` it becomes the BIO's; otherwise it outlives the BIO, and nobody changes it
    /// meanwhile. An earlier buffer that the BIO does not own stays whoever's it is.
    #[doc(alias = "BIO_set_mem_buf")]
    pub unsafe fn set_mem_ptr(&mut self, buffer: NonNull<ext::BUF_MEM>, close: bool) -> bool {
        let flag = if close { ext::BIO_CLOSE } else { ext::BIO_NOCLOSE };
        let Some(memory) = self.find_type_mut(BioType::MEM) else { return false };
        // SAFETY: the BIO is live and borrowed for writing; the rest by this function's contract.
        memory.ask(|bio| unsafe { ext::BIO_set_mem_buf(bio, buffer.as_ptr(), flag) }) > 0
    }

    /// Says what a read from the empty memory answers. [`MemEof::Retry`] at first; [`MemEof::End`] for a
    /// [`SliceBio`](super::SliceBio).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the chain has no memory BIO.
    ///
    /// C: [`BIO_set_mem_eof_return(3)`](https://docs.openssl.org/master/man3/BIO_s_mem/)
    #[doc(alias = "BIO_set_mem_eof_return")]
    pub fn set_mem_eof_return(&mut self, answer: MemEof) -> Result<(), Error> {
        const CALL: &str = "BIO_set_mem_eof_return";
        // Any other number would be a number of bytes that nobody wrote.
        let value: c_int = match answer {
            MemEof::End => 0,
            MemEof::Retry => -1,
        };
        let memory = self.find_type_mut(BioType::MEM).ok_or_else(|| no_memory(CALL))?;
        // SAFETY: the BIO is live and borrowed for writing.
        match memory.enter(|bio| unsafe { ext::BIO_set_mem_eof_return(bio, value) }) {
            (1.., _) => Ok(()),
            (_, errno) => Err(memory.failed(CALL, 0, errno)),
        }
    }

    fn memory_that_grows(&mut self, call: &'static str) -> Result<&mut Self, Error> {
        let memory = self.find_type_mut(BioType::MEM).ok_or_else(|| no_memory(call))?;
        if memory.flags().contains(super::BioFlags::MEM_RDONLY) {
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the memory BIO only reads"));
        }
        Ok(memory)
    }
}

fn no_memory(call: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, call).with_detail("the chain has no memory BIO")
}
