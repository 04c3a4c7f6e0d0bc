//! Sessions as bytes and as text.
//!
//! All of it holds the session's secret: keep it as a key is kept.

use std::ffi::c_long;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{SecretBytes, SslSession, SslSessionRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat;
use crate::library::LibContext;
use crate::x509::mem::{self, MemBio};
use crate::x509::passphrase::{Secret, answer};

impl SslSession {
    /// Reads a session from its DER, all of which must be one.
    ///
    /// What it was verified by, bytes do not tell: a context that demands a verified name takes it from
    /// [`danger_set_session`](crate::SslRef::danger_set_session) only.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what is no session, [`ErrorKind::InvalidInput`] for bytes after it.
    ///
    /// C: [`d2i_SSL_SESSION(3)`](https://docs.openssl.org/master/man3/d2i_SSL_SESSION/)
    #[doc(alias = "d2i_SSL_SESSION")]
    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        Self::from_der_in(LibContext::default(), der)
    }

    /// As [`from_der`](Self::from_der); the peer's certificate and key are of the library context.
    ///
    /// # Errors
    ///
    /// As there, and [`ErrorKind::Unsupported`] before OpenSSL 3.2 for another library context than the default one.
    ///
    /// C: [`d2i_SSL_SESSION_ex(3)`](https://docs.openssl.org/master/man3/d2i_SSL_SESSION/)
    #[doc(alias = "d2i_SSL_SESSION_ex")]
    pub fn from_der_in(lib: LibContext, der: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "d2i_SSL_SESSION";
        let Ok(len) = c_long::try_from(der.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the input is too long"));
        };
        error::clear();
        let mut rest = der.as_ptr();
        // SAFETY: `rest` points to `len` bytes, and C moves it within them; the library context stays.
        let session =
            unsafe { compat::session::parse(&raw mut rest, len, lib.as_ptr(), lib.properties_ptr())? };
        if session.is_null() {
            return Err(Error::from_queue(CALL));
        }
        error::clear();
        // SAFETY: not NULL, and ours alone.
        let session = unsafe { Self::from_ptr(session) };
        if rest != der.as_ptr_range().end {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("bytes follow the session"));
        }
        Ok(session)
    }

    /// Reads a session from PEM (`BEGIN SSL SESSION PARAMETERS`), as `openssl s_client -sess_out` writes it; otherwise as
    /// [`from_der`](Self::from_der). Encrypted PEM is refused.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where there is none.
    ///
    /// C: [`PEM_read_bio_SSL_SESSION(3)`](https://docs.openssl.org/master/man3/PEM_read_CMS/)
    #[doc(alias = "PEM_read_bio_SSL_SESSION")]
    #[doc(alias = "PEM_read_SSL_SESSION")]
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        const CALL: &str = "PEM_read_bio_SSL_SESSION";
        error::clear();
        let bio = MemBio::reading(CALL, pem)?;
        let mut none = Secret::none();
        // SAFETY: the BIO is live; the callback gets a pointer to a local of the type it expects.
        let session = unsafe {
            ext::PEM_read_bio_SSL_SESSION(bio.as_ptr(), ptr::null_mut(), Some(answer), none.as_ptr())
        };
        if session.is_null() {
            return Err(none.explain(Error::from_queue(CALL)));
        }
        error::clear();
        // SAFETY: not NULL, and ours alone.
        Ok(unsafe { Self::from_ptr(session) })
    }
}

impl SslSessionRef {
    /// The session as DER.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] where there is nothing to write: no cipher was agreed on.
    ///
    /// C: [`i2d_SSL_SESSION(3)`](https://docs.openssl.org/master/man3/d2i_SSL_SESSION/)
    #[doc(alias = "i2d_SSL_SESSION")]
    #[doc(alias = "i2d_SSL_SESSION_bio")]
    pub fn to_der(&self) -> Result<SecretBytes, Error> {
        let session = self.as_ptr();
        // SAFETY: the session is live and stays as it is; `out` is NULL or points to as much room as C asked for.
        mem::encode("i2d_SSL_SESSION", |out| unsafe { sys::i2d_SSL_SESSION(session, out) })
            .map(SecretBytes::from)
    }

    /// The session as PEM, which `openssl s_client -sess_in` reads.
    ///
    /// # Errors
    ///
    /// As [`to_der`](Self::to_der).
    ///
    /// C: [`PEM_write_bio_SSL_SESSION(3)`](https://docs.openssl.org/master/man3/PEM_read_CMS/)
    #[doc(alias = "PEM_write_bio_SSL_SESSION")]
    #[doc(alias = "PEM_write_SSL_SESSION")]
    pub fn to_pem(&self) -> Result<String, Error> {
        // SAFETY: the session and the BIO are live.
        mem::write_text("PEM_write_bio_SSL_SESSION", |bio| unsafe {
            ext::PEM_write_bio_SSL_SESSION(bio, self.as_ptr())
        })
    }

    /// OpenSSL's description of the session, in many lines, its secret among them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if OpenSSL cannot write it.
    ///
    /// C: [`SSL_SESSION_print(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_print/)
    #[doc(alias = "SSL_SESSION_print")]
    #[doc(alias = "SSL_SESSION_print_fp")]
    pub fn to_text(&self) -> Result<String, Error> {
        // SAFETY: the session and the BIO are live.
        mem::write_text("SSL_SESSION_print", |bio| unsafe { ext::SSL_SESSION_print(bio, self.as_ptr()) })
    }

    /// The session's line of a key log (`RSA Session-ID:… Master-Key:…`), with which a capture of TLS 1.2 and earlier can be
    /// decrypted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] for a session without a number or a secret.
    ///
    /// C: [`SSL_SESSION_print_keylog(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_print/)
    #[doc(alias = "SSL_SESSION_print_keylog")]
    pub fn to_keylog(&self) -> Result<String, Error> {
        // SAFETY: the session and the BIO are live.
        mem::write_text("SSL_SESSION_print_keylog", |bio| unsafe {
            ext::SSL_SESSION_print_keylog(bio, self.as_ptr())
        })
    }
}
