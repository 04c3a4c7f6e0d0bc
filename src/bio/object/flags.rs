//! A BIO's flags.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::bio::handle::BioRef;
use crate::error::{Error, ErrorKind};

bitflags::bitflags! {
    /// Flags of a BIO. Bits that this crate does not know are OpenSSL's own.
    ///
    /// C: [`BIO_set_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BioFlags: c_int {
        /// `BIO_FLAGS_READ`: the last operation waits for something to read.
        #[doc(alias = "BIO_FLAGS_READ")]
        const READ = sys::BIO_FLAGS_READ;
        /// `BIO_FLAGS_WRITE`: the last operation waits for room to write.
        #[doc(alias = "BIO_FLAGS_WRITE")]
        const WRITE = sys::BIO_FLAGS_WRITE;
        /// `BIO_FLAGS_IO_SPECIAL`: the last operation waits for something else.
        #[doc(alias = "BIO_FLAGS_IO_SPECIAL")]
        const IO_SPECIAL = sys::BIO_FLAGS_IO_SPECIAL;
        /// `BIO_FLAGS_SHOULD_RETRY`: the last operation is to be tried again.
        #[doc(alias = "BIO_FLAGS_SHOULD_RETRY")]
        const SHOULD_RETRY = sys::BIO_FLAGS_SHOULD_RETRY;
        /// `BIO_FLAGS_BASE64_NO_NL`: base64 comes on one line.
        #[doc(alias = "BIO_FLAGS_BASE64_NO_NL")]
        const BASE64_NO_NL = ext::BIO_FLAGS_BASE64_NO_NL;
        /// `BIO_FLAGS_MEM_RDONLY`: a memory BIO over memory that is not its own.
        #[doc(alias = "BIO_FLAGS_MEM_RDONLY")]
        const MEM_RDONLY = ext::BIO_FLAGS_MEM_RDONLY;
        /// `BIO_FLAGS_NONCLEAR_RST`: a reset of a memory BIO starts to read anew, and forgets nothing.
        #[doc(alias = "BIO_FLAGS_NONCLEAR_RST")]
        const NONCLEAR_RST = ext::BIO_FLAGS_NONCLEAR_RST;
        /// `BIO_FLAGS_IN_EOF`: a socket BIO came to the end.
        #[doc(alias = "BIO_FLAGS_IN_EOF")]
        const IN_EOF = ext::BIO_FLAGS_IN_EOF;
        const _ = !0;
    }
}

/// What may be set and cleared whatever the BIO is. The others say who owns which memory, or what the kernel does.
const FREE: BioFlags = BioFlags::READ
    .union(BioFlags::WRITE)
    .union(BioFlags::IO_SPECIAL)
    .union(BioFlags::SHOULD_RETRY)
    .union(BioFlags::BASE64_NO_NL)
    .union(BioFlags::NONCLEAR_RST)
    .union(BioFlags::IN_EOF);

impl BioRef {
    /// All flags.
    ///
    /// C: [`BIO_get_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[doc(alias = "BIO_get_flags")]
    pub fn flags(&self) -> BioFlags {
        // SAFETY: the BIO is live, and the call only reads it; so below.
        BioFlags::from_bits_retain(unsafe { ext::BIO_get_flags(self.as_ptr()) })
    }

    /// Those of `flags` that are set.
    ///
    /// C: [`BIO_test_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[doc(alias = "BIO_test_flags")]
    pub fn test_flags(&self, flags: BioFlags) -> BioFlags {
        // SAFETY: see above.
        BioFlags::from_bits_retain(unsafe { ext::BIO_test_flags(self.as_ptr(), flags.bits()) })
    }

    /// The four flags of a retry, as far as they are set.
    ///
    /// C: [`BIO_get_retry_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[doc(alias = "BIO_get_retry_flags")]
    pub fn retry_flags(&self) -> BioFlags {
        // SAFETY: see above.
        BioFlags::from_bits_retain(unsafe { ext::BIO_get_retry_flags(self.as_ptr()) })
    }

    /// Sets flags, beside those that are set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for [`MEM_RDONLY`](BioFlags::MEM_RDONLY) and for bits without a name: what they mean,
    /// other memory depends on. Then none is set.
    ///
    /// C: [`BIO_set_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[doc(alias = "BIO_set_flags")]
    pub fn set_flags(&mut self, flags: BioFlags) -> Result<(), Error> {
        only_free("BIO_set_flags", flags)?;
        // SAFETY: the BIO is live and borrowed for writing; no memory depends on these flags.
        unsafe { sys::BIO_set_flags(self.as_ptr(), flags.bits()) };
        Ok(())
    }

    /// Takes flags away.
    ///
    /// # Errors
    ///
    /// As [`set_flags`](Self::set_flags).
    ///
    /// C: [`BIO_clear_flags(3)`](https://docs.openssl.org/master/man3/BIO_set_flags/)
    #[doc(alias = "BIO_clear_flags")]
    pub fn clear_flags(&mut self, flags: BioFlags) -> Result<(), Error> {
        only_free("BIO_clear_flags", flags)?;
        // SAFETY: as in `set_flags`.
        unsafe { sys::BIO_clear_flags(self.as_ptr(), flags.bits()) };
        Ok(())
    }
}

fn only_free(call: &'static str, flags: BioFlags) -> Result<(), Error> {
    if FREE.contains(flags) {
        return Ok(());
    }
    let detail = format!("the flags {:#x} are not for callers", flags.difference(FREE).bits());
    Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail))
}
