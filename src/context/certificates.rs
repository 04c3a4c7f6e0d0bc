//! The certificates and keys that a context presents.

use std::path::Path;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, Identity, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind};
use crate::x509::{PKey, PKeyRef, Stack, X509, X509Ref, read_file};

/// How a certificate or key file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// `SSL_FILETYPE_PEM`: Base64 between dashes.
    Pem,
    /// `SSL_FILETYPE_ASN1`: DER.
    Der,
}

impl ContextSettings {
    /// The certificate that is presented, if there is one. Where there are several, the one set last.
    ///
    /// C: [`SSL_CTX_get0_certificate(3)`](https://docs.openssl.org/master/man3/SSL_get_certificate/)
    #[doc(alias = "SSL_CTX_get0_certificate")]
    pub fn certificate(&self) -> Option<&X509Ref> {
        // SAFETY: the context is live and lends its certificate (get0).
        let certificate = unsafe { sys::SSL_CTX_get0_certificate(self.as_ptr()) };
        // SAFETY: not NULL; the context keeps it while its settings stay, which is for this borrow.
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }

    /// The private key of [`certificate`](Self::certificate).
    ///
    /// C: [`SSL_CTX_get0_privatekey(3)`](https://docs.openssl.org/master/man3/SSL_get_certificate/)
    #[doc(alias = "SSL_CTX_get0_privatekey")]
    pub fn private_key(&self) -> Option<&PKeyRef> {
        // SAFETY: the context is live and lends its key (get0).
        let key = unsafe { sys::SSL_CTX_get0_privatekey(self.as_ptr()) };
        // SAFETY: not NULL; the context keeps it while its settings stay, which is for this borrow.
        (!key.is_null()).then(|| unsafe { PKeyRef::from_ptr(key) })
    }

    /// Checks that private key and certificate belong together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if they do not, or if one of them is missing.
    ///
    /// C: [`SSL_CTX_check_private_key(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_check_private_key")]
    pub fn check_private_key(&self) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live, and the call only reads it.
        let matches = unsafe { sys::SSL_CTX_check_private_key(self.as_ptr()) };
        if matches == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_check_private_key")) }
    }
}

impl SslContextBuilderRef {
    /// Presents an identity: certificate, chain and key at once. It replaces an earlier one of the same kind of key;
    /// those of other kinds stay, and each handshake picks one that suits the peer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the security level forbids a certificate.
    ///
    /// C: [`SSL_CTX_use_cert_and_key(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_cert_and_key")]
    pub fn use_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        let chain = Stack::new(identity.chain())?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C takes references of its own (set1).
        let done = unsafe {
            ext::SSL_CTX_use_cert_and_key(
                self.as_ptr(),
                identity.certificate().as_ptr(),
                identity.key().as_ptr(),
                chain.as_ptr(),
                1,
            )
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_use_cert_and_key")) }
    }

    /// Presents a certificate. Its private key comes next, with [`use_private_key`](Self::use_private_key).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the security level forbids it.
    ///
    /// C: [`SSL_CTX_use_certificate(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_certificate")]
    #[doc(alias = "SSL_CTX_use_certificate_ASN1")]
    pub fn use_certificate(&mut self, certificate: &X509Ref) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C takes a reference of its own (set1).
        let done = unsafe { sys::SSL_CTX_use_certificate(self.as_ptr(), certificate.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_use_certificate")) }
    }

    /// Sets the private key of the certificate that was set before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it does not belong to that certificate.
    ///
    /// C: [`SSL_CTX_use_PrivateKey(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_PrivateKey")]
    #[doc(alias = "SSL_CTX_use_PrivateKey_ASN1")]
    pub fn use_private_key(&mut self, key: &PKeyRef) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C takes a reference of its own (set1).
        let done = unsafe { sys::SSL_CTX_use_PrivateKey(self.as_ptr(), key.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_use_PrivateKey")) }
    }

    /// Sets the chain above the certificate that was set last, in place of an earlier one. Without one, OpenSSL looks
    /// for it among the certificates that the context trusts, unless [`SslMode::NO_AUTO_CHAIN`] is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the security level forbids one of the certificates.
    ///
    /// C: [`SSL_CTX_set1_chain(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)
    ///
    /// [`SslMode::NO_AUTO_CHAIN`]: super::SslMode::NO_AUTO_CHAIN
    #[doc(alias = "SSL_CTX_set1_chain")]
    #[doc(alias = "SSL_CTX_clear_chain_certs")]
    pub fn set_chain(&mut self, chain: &[X509]) -> Result<(), Error> {
        let stack = Stack::new(chain)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C takes references of its own (set1).
        let done = unsafe { ext::SSL_CTX_set1_chain(self.as_ptr(), stack.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set1_chain")) }
    }

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

    /// Presents the first certificate of a PEM file, with the others as its chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, and as [`use_certificate_chain_pem`](Self::use_certificate_chain_pem).
    ///
    /// C: [`SSL_CTX_use_certificate_chain_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_certificate_chain_file")]
    pub fn use_certificate_chain_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.use_certificate_chain_pem(&read_file("SSL_CTX_use_certificate_chain_file", path.as_ref())?)
    }

    /// Presents the certificate in a file, without a chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, [`ErrorKind::Refused`] for what cannot be parsed, and as
    /// [`use_certificate`](Self::use_certificate).
    ///
    /// C: [`SSL_CTX_use_certificate_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_certificate_file")]
    pub fn use_certificate_file(&mut self, path: impl AsRef<Path>, format: FileFormat) -> Result<(), Error> {
        let bytes = read_file("SSL_CTX_use_certificate_file", path.as_ref())?;
        let certificate = match format {
            FileFormat::Pem => X509::from_pem_in(self.lib_context(), &bytes)?,
            FileFormat::Der => X509::from_der_in(self.lib_context(), &bytes)?,
        };
        self.use_certificate(&certificate)
    }

    /// Sets the private key in a file. An encrypted one is refused; [`PKey::from_pem`] takes its passphrase.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, [`ErrorKind::Refused`] for what cannot be parsed, and as
    /// [`use_private_key`](Self::use_private_key).
    ///
    /// C: [`SSL_CTX_use_PrivateKey_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_use_certificate/)
    #[doc(alias = "SSL_CTX_use_PrivateKey_file")]
    pub fn use_private_key_file(&mut self, path: impl AsRef<Path>, format: FileFormat) -> Result<(), Error> {
        let bytes = read_file("SSL_CTX_use_PrivateKey_file", path.as_ref())?;
        let key = match format {
            FileFormat::Pem => PKey::from_pem_in(self.lib_context(), &bytes, None)?,
            FileFormat::Der => PKey::from_der_in(self.lib_context(), &bytes)?,
        };
        self.use_private_key(&key)
    }
}
