//! Initialisation, which OpenSSL also does by itself when it is first needed.

use std::ptr;

use bitflags::bitflags;
use openssl_sys as sys;

use super::{Library, version};
use crate::error::{self, Error, ErrorKind};

bitflags! {
    /// `OPENSSL_INIT_…`: what is initialised, and what will not be. Each counts if it comes before OpenSSL did the like by
    /// itself.
    ///
    /// C: [`OPENSSL_init_ssl(3)`](https://docs.openssl.org/master/man3/OPENSSL_init_ssl/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct InitOptions: u64 {
        /// `OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS`: errors of libcrypto stay numbers.
        #[doc(alias = "OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS")]
        const NO_LOAD_CRYPTO_STRINGS = 0x1;
        /// `OPENSSL_INIT_LOAD_CRYPTO_STRINGS`: the texts of libcrypto's errors.
        #[doc(alias = "OPENSSL_INIT_LOAD_CRYPTO_STRINGS")]
        const LOAD_CRYPTO_STRINGS = 0x2;
        /// `OPENSSL_INIT_LOAD_CONFIG`: the configuration file.
        #[doc(alias = "OPENSSL_INIT_LOAD_CONFIG")]
        const LOAD_CONFIG = 0x40;
        /// `OPENSSL_INIT_NO_LOAD_CONFIG`: the configuration file is not loaded, with all that it demands.
        #[doc(alias = "OPENSSL_INIT_NO_LOAD_CONFIG")]
        const NO_LOAD_CONFIG = 0x80;
        /// `OPENSSL_INIT_ATFORK`: a child of fork(2) gets random numbers of its own. They always do since OpenSSL 1.1.1.
        #[doc(alias = "OPENSSL_INIT_ATFORK")]
        const ATFORK = 0x2_0000;
        /// `OPENSSL_INIT_NO_ATEXIT`: OpenSSL does not clean up when the process ends.
        #[doc(alias = "OPENSSL_INIT_NO_ATEXIT")]
        const NO_ATEXIT = 0x8_0000;
        /// `OPENSSL_INIT_NO_LOAD_SSL_STRINGS`: errors of libssl stay numbers.
        #[doc(alias = "OPENSSL_INIT_NO_LOAD_SSL_STRINGS")]
        const NO_LOAD_SSL_STRINGS = 0x10_0000;
        /// `OPENSSL_INIT_LOAD_SSL_STRINGS`: the texts of libssl's errors.
        #[doc(alias = "OPENSSL_INIT_LOAD_SSL_STRINGS")]
        const LOAD_SSL_STRINGS = 0x20_0000;

        const _ = !0;
    }
}

impl Library {
    /// Initialises libssl and libcrypto, which contexts do too when the first of them is made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for [`InitOptions::NO_LOAD_CONFIG`], with which the system's demands would not hold:
    /// that is [`danger_init_ssl`](Self::danger_init_ssl). [`ErrorKind::Refused`] if OpenSSL cannot, for example because its
    /// configuration is broken, and [`ErrorKind::VersionMismatch`] as [`check`](Self::check).
    ///
    /// C: [`OPENSSL_init_ssl(3)`](https://docs.openssl.org/master/man3/OPENSSL_init_ssl/)
    #[doc(alias = "OPENSSL_init_ssl")]
    #[doc(alias = "SSL_library_init")]
    #[doc(alias = "SSL_load_error_strings")]
    pub fn init_ssl(&self, options: InitOptions) -> Result<(), Error> {
        if options.contains(InitOptions::NO_LOAD_CONFIG) {
            let error = Error::new(ErrorKind::InvalidInput, CALL);
            return Err(error.with_detail("the configuration file would not be loaded"));
        }
        self.danger_init_ssl(options)
    }

    /// As [`init_ssl`](Self::init_ssl), with any options: the configuration file, and what the system demands in it, may be
    /// left out.
    ///
    /// # Errors
    ///
    /// As [`init_ssl`](Self::init_ssl), but for `NO_LOAD_CONFIG`.
    ///
    /// C: [`OPENSSL_init_ssl(3)`](https://docs.openssl.org/master/man3/OPENSSL_init_ssl/)
    #[doc(alias = "OPENSSL_init_ssl")]
    pub fn danger_init_ssl(&self, options: InitOptions) -> Result<(), Error> {
        version::check(CALL)?;
        error::clear();
        // SAFETY: any options are allowed; NULL is for no settings.
        match unsafe { sys::OPENSSL_init_ssl(options.bits(), ptr::null()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }
}

const CALL: &str = "OPENSSL_init_ssl";
