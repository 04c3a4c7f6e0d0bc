//! The certificates and keys that a context or an object presents: C has the same functions for both.

use std::ffi::{c_int, c_long};
use std::path::Path;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::calling;
use super::{ContextSettings, Identity, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind, Reason};
use crate::ffi::strings;
use crate::ssl::{Nid, SslRef};
use crate::x509::{PKeyRef, Stack, X509, X509Ref};

/// How a certificate or key file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// `SSL_FILETYPE_PEM`: Base64 between dashes.
    #[doc(alias = "SSL_FILETYPE_PEM")]
    Pem,
    /// `SSL_FILETYPE_ASN1`: DER.
    #[doc(alias = "SSL_FILETYPE_ASN1")]
    Der,
}

impl FileFormat {
    fn number(self) -> c_int {
        match self {
            Self::Pem => sys::SSL_FILETYPE_PEM,
            Self::Der => sys::SSL_FILETYPE_ASN1,
        }
    }
}

/// What reads certificates and keys, for a type whose `as_ptr` gives what the functions take.
macro_rules! certificate_getters {
    (
        $type:ty,
        certificate: $certificate:path, $certificate_name:literal,
        key: $key:path, $key_name:literal,
        check: $check:path, $check_name:literal,
    ) => {
        impl $type {
            /// The certificate that is presented, if there is one. Where there are several, the current one: the one set
            /// last, and in a server's handshake the one it presents.
            ///
            #[doc = concat!("C: [`", $certificate_name, "(3)`](https://docs.openssl.org/master/man3/SSL_get_certificate/)")]
            #[doc(alias = $certificate_name)]
            pub fn certificate(&self) -> Option<&X509Ref> {
                // SAFETY: the object is live and lends its certificate (get0).
                let certificate = unsafe { $certificate(self.as_ptr()) };
                // SAFETY: not NULL; it is kept while the settings stay, which is for this borrow.
                (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
            }

            /// The private key of [`certificate`](Self::certificate).
            ///
            #[doc = concat!("C: [`", $key_name, "(3)`](https://docs.openssl.org/master/man3/SSL_get_certificate/)")]
            #[doc(alias = $key_name)]
            pub fn private_key(&self) -> Option<&PKeyRef> {
                // SAFETY: the object is live and lends its key (get0).
                let key = unsafe { $key(self.as_ptr()) };
                // SAFETY: not NULL; it is kept while the settings stay, which is for this borrow.
                (!key.is_null()).then(|| unsafe { PKeyRef::from_ptr(key) })
            }

            /// Checks that private key and certificate belong together.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`] if they do not, or if one of them is missing.
            ///
            #[doc = concat!("C: [`", $check_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $check_name)]
            pub fn check_private_key(&self) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live, and the call only reads it.
                let matches = unsafe { $check(self.as_ptr()) };
                if matches == 1 { Ok(()) } else { Err(Error::from_queue($check_name)) }
            }
        }
    };
}

/// What sets certificates and keys, for a type whose `as_ptr` gives what the functions take.
macro_rules! certificate_setters {
    (
        $type:ty,
        both: $both:path, $both_name:literal,
        certificate: $certificate:path, $certificate_name:literal,
        key: $key:path, $key_name:literal,
        certificate_asn1: $certificate_asn1:expr, $certificate_asn1_name:literal,
        key_asn1: $key_asn1:path, $key_asn1_name:literal,
        certificate_file: $certificate_file:path, $certificate_file_name:literal,
        chain_file: $chain_file:path, $chain_file_name:literal,
        key_file: $key_file:path, $key_file_name:literal,
    ) => {
        impl $type {
            /// Presents an identity: certificate, chain and key at once. It replaces an earlier one of the same kind of
            /// key; those of other kinds stay, and each handshake picks one that suits the peer.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`] if the security level forbids a certificate.
            ///
            #[doc = concat!("C: [`", $both_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $both_name)]
            pub fn use_identity(&mut self, identity: &Identity) -> Result<(), Error> {
                let chain = Stack::new(identity.chain())?;
                let (certificate, key) = (identity.certificate().as_ptr(), identity.key().as_ptr());
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C takes references of its own (set1).
                let done = calling(|| unsafe { $both(object, certificate, key, chain.as_ptr(), 1) });
                if done == 1 { Ok(()) } else { Err(Error::from_queue($both_name)) }
            }

            /// Presents a certificate. Its private key comes next, with [`use_private_key`](Self::use_private_key).
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`] if the security level forbids it.
            ///
            #[doc = concat!("C: [`", $certificate_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $certificate_name)]
            pub fn use_certificate(&mut self, certificate: &X509Ref) -> Result<(), Error> {
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C takes a reference of its own (set1).
                let done = calling(|| unsafe { $certificate(object, certificate.as_ptr()) });
                if done == 1 { Ok(()) } else { Err(Error::from_queue($certificate_name)) }
            }

            /// As [`use_certificate`](Self::use_certificate), from DER.
            ///
            /// # Errors
            ///
            /// As there, and [`ErrorKind::Refused`] for what is no certificate.
            ///
            #[doc = concat!("C: [`", $certificate_asn1_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $certificate_asn1_name)]
            pub fn use_certificate_der(&mut self, der: &[u8]) -> Result<(), Error> {
                let len = c_int::try_from(der.len()).map_err(|_| too_long($certificate_asn1_name))?;
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C reads `len` bytes.
                let done = calling(|| unsafe { $certificate_asn1(object, der.as_ptr(), len) });
                if done == 1 { Ok(()) } else { Err(Error::from_queue($certificate_asn1_name)) }
            }

            /// Sets the private key of the certificate that was set before.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`] if it does not belong to that certificate.
            ///
            #[doc = concat!("C: [`", $key_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $key_name)]
            pub fn use_private_key(&mut self, key: &PKeyRef) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C takes a reference of its own (set1).
                let done = unsafe { $key(self.as_ptr(), key.as_ptr()) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($key_name)) }
            }

            /// As [`use_private_key`](Self::use_private_key), from the DER of a key of this algorithm (an `EVP_PKEY_…`,
            /// such as 6 for RSA and 408 for EC).
            ///
            /// # Errors
            ///
            /// As there, and [`ErrorKind::Refused`] for what is no such key.
            ///
            #[doc = concat!("C: [`", $key_asn1_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $key_asn1_name)]
            pub fn use_private_key_der(&mut self, algorithm: Nid, der: &[u8]) -> Result<(), Error> {
                let len = c_long::try_from(der.len()).map_err(|_| too_long($key_asn1_name))?;
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C reads `len` bytes.
                let done = unsafe { $key_asn1(algorithm.0, self.as_ptr(), der.as_ptr(), len) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($key_asn1_name)) }
            }

            /// Presents the first certificate of a PEM file, with the others as its chain.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Io`] for a file that cannot be read, [`ErrorKind::Refused`] for what cannot be parsed, and as
            /// [`use_certificate`](Self::use_certificate).
            ///
            #[doc = concat!("C: [`", $chain_file_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $chain_file_name)]
            pub fn use_certificate_chain_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
                let file = strings::c_path($chain_file_name, path.as_ref())?;
                self.answer_for_passphrase()?;
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; the path outlives the call.
                let done = calling(|| unsafe { $chain_file(object, file.as_ptr()) });
                loaded($chain_file_name, done, path.as_ref())
            }

            /// Presents the certificate in a file, without a chain.
            ///
            /// # Errors
            ///
            /// As [`use_certificate_chain_file`](Self::use_certificate_chain_file).
            ///
            #[doc = concat!("C: [`", $certificate_file_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $certificate_file_name)]
            pub fn use_certificate_file(
                &mut self,
                path: impl AsRef<Path>,
                format: FileFormat,
            ) -> Result<(), Error> {
                let file = strings::c_path($certificate_file_name, path.as_ref())?;
                self.answer_for_passphrase()?;
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; the path outlives the call.
                let done = calling(|| unsafe { $certificate_file(object, file.as_ptr(), format.number()) });
                loaded($certificate_file_name, done, path.as_ref())
            }

            /// Sets the private key in a file. For an encrypted one the
            /// [passphrase callback](Self::set_default_passwd_cb) is asked; without one it is refused, and nobody is asked
            /// at the terminal.
            ///
            /// # Errors
            ///
            /// As [`use_certificate_chain_file`](Self::use_certificate_chain_file), and as
            /// [`use_private_key`](Self::use_private_key).
            ///
            #[doc = concat!("C: [`", $key_file_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)")]
            #[doc(alias = $key_file_name)]
            pub fn use_private_key_file(
                &mut self,
                path: impl AsRef<Path>,
                format: FileFormat,
            ) -> Result<(), Error> {
                let file = strings::c_path($key_file_name, path.as_ref())?;
                self.answer_for_passphrase()?;
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; the path outlives the call.
                let done = calling(|| unsafe { $key_file(object, file.as_ptr(), format.number()) });
                loaded($key_file_name, done, path.as_ref())
            }
        }
    };
}

certificate_getters! {
    ContextSettings,
    certificate: sys::SSL_CTX_get0_certificate, "SSL_CTX_get0_certificate",
    key: sys::SSL_CTX_get0_privatekey, "SSL_CTX_get0_privatekey",
    check: sys::SSL_CTX_check_private_key, "SSL_CTX_check_private_key",
}

certificate_getters! {
    SslRef,
    certificate: sys::SSL_get_certificate, "SSL_get_certificate",
    key: sys::SSL_get_privatekey, "SSL_get_privatekey",
    check: ext::SSL_check_private_key, "SSL_check_private_key",
}

certificate_setters! {
    SslContextBuilderRef,
    both: ext::SSL_CTX_use_cert_and_key, "SSL_CTX_use_cert_and_key",
    certificate: sys::SSL_CTX_use_certificate, "SSL_CTX_use_certificate",
    key: sys::SSL_CTX_use_PrivateKey, "SSL_CTX_use_PrivateKey",
    certificate_asn1: |context, der, len| ext::SSL_CTX_use_certificate_ASN1(context, len, der),
        "SSL_CTX_use_certificate_ASN1",
    key_asn1: ext::SSL_CTX_use_PrivateKey_ASN1, "SSL_CTX_use_PrivateKey_ASN1",
    certificate_file: sys::SSL_CTX_use_certificate_file, "SSL_CTX_use_certificate_file",
    chain_file: sys::SSL_CTX_use_certificate_chain_file, "SSL_CTX_use_certificate_chain_file",
    key_file: sys::SSL_CTX_use_PrivateKey_file, "SSL_CTX_use_PrivateKey_file",
}

certificate_setters! {
    SslRef,
    both: ext::SSL_use_cert_and_key, "SSL_use_cert_and_key",
    certificate: sys::SSL_use_certificate, "SSL_use_certificate",
    key: sys::SSL_use_PrivateKey, "SSL_use_PrivateKey",
    certificate_asn1: ext::SSL_use_certificate_ASN1, "SSL_use_certificate_ASN1",
    key_asn1: ext::SSL_use_PrivateKey_ASN1, "SSL_use_PrivateKey_ASN1",
    certificate_file: ext::SSL_use_certificate_file, "SSL_use_certificate_file",
    chain_file: sys::SSL_use_certificate_chain_file, "SSL_use_certificate_chain_file",
    key_file: sys::SSL_use_PrivateKey_file, "SSL_use_PrivateKey_file",
}

impl SslContextBuilderRef {
    /// Presents the first certificate of a PEM text, with the others as its chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for what cannot be parsed, and as [`use_certificate`](Self::use_certificate).
    pub fn use_certificate_chain_pem(&mut self, pem: &[u8]) -> Result<(), Error> {
        let certificates = X509::stack_from_pem_in(self.lib_context(), pem)?;
        let Some((certificate, chain)) = certificates.split_first() else {
            return Err(
                Error::new(ErrorKind::InvalidInput, "SSL_CTX_use_certificate").with_detail("no certificate")
            );
        };
        self.use_certificate(certificate)?;
        self.set_chain(chain)
    }
}

fn too_long(call: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, call).with_detail("the input is too long")
}

/// The result of a call that reads a file.
fn loaded(call: &'static str, done: c_int, path: &Path) -> Result<(), Error> {
    if done == 1 {
        // Decoders that did not fit may have left entries behind.
        error::clear();
        return Ok(());
    }
    let error = Error::from_queue(call).with_detail(path.display().to_string());
    let unreadable = error.stack().iter().any(|reason| Reason::system_error(reason).is_some());
    Err(if unreadable { error.with_kind(ErrorKind::Io) } else { error })
}
