//! What one side presents: a certificate chain and its private key.

use std::path::Path;

use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};
use crate::library::LibContext;
use crate::x509::{PKey, PKeyRef, Pkcs12, StoreLoader, StoreObject, X509, X509Ref, read_file};

/// A certificate, the chain above it, and the private key that belongs to it. A clone shares them.
#[derive(Clone, Debug)]
pub struct Identity {
    certificate: X509,
    chain: Vec<X509>,
    key: PKey,
}

impl Identity {
    /// Puts an identity together: `chain` begins with the certificate that `key` belongs to, each next one is the
    /// issuer of the one before, and the root may be left out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty chain, [`ErrorKind::Refused`] if key and certificate do not belong
    /// together.
    ///
    /// C: [`X509_check_private_key(3)`](https://docs.openssl.org/master/man3/X509_check_private_key/)
    #[doc(alias = "X509_check_private_key")]
    pub fn new(chain: impl IntoIterator<Item = X509>, key: PKey) -> Result<Self, Error> {
        const CALL: &str = "X509_check_private_key";
        let mut chain = chain.into_iter();
        let Some(certificate) = chain.next() else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the chain is empty"));
        };
        error::clear();
        // SAFETY: both are live, and the call only reads them.
        if unsafe { ext::X509_check_private_key(certificate.as_ptr(), key.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        Ok(Self { certificate, chain: chain.collect(), key })
    }

    /// Reads an identity from PEM texts: the chain, the peer's own certificate first, and the private key. They may
    /// be the same text.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), and [`ErrorKind::Refused`] for what cannot be parsed. An encrypted key needs
    /// [`PKey::from_pem`]: nobody is asked for a passphrase.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        Self::from_pem_in(LibContext::default(), chain, key)
    }

    /// As [`from_pem`](Self::from_pem), in a library context.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_pem_in(lib: LibContext, chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        Self::new(X509::stack_from_pem_in(lib, chain)?, PKey::from_pem_in(lib, key, None)?)
    }

    /// Reads an identity from PEM files. They may be the same file.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), and [`ErrorKind::Io`] with the path for a file that cannot be read.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let chain = read_file("PEM_read_bio_X509_AUX", chain.as_ref())?;
        let key = read_file("PEM_read_bio_PrivateKey", key.as_ref())?;
        Self::from_pem(&chain, &key)
    }

    /// Reads an identity from DER: one certificate an item, the peer's own first, and the private key.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem).
    pub fn from_der<C: AsRef<[u8]>>(chain: impl IntoIterator<Item = C>, key: &[u8]) -> Result<Self, Error> {
        Self::from_der_in(LibContext::default(), chain, key)
    }

    /// As [`from_der`](Self::from_der), in a library context.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der).
    pub fn from_der_in<C: AsRef<[u8]>>(
        lib: LibContext,
        chain: impl IntoIterator<Item = C>,
        key: &[u8],
    ) -> Result<Self, Error> {
        let chain = chain
            .into_iter()
            .map(|der| X509::from_der_in(lib, der.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        Self::new(chain, PKey::from_der_in(lib, key)?)
    }

    /// Reads an identity from DER files, one certificate a file.
    ///
    /// # Errors
    ///
    /// As [`from_der`](Self::from_der), and [`ErrorKind::Io`] with the path for a file that cannot be read.
    pub fn from_der_files<P: AsRef<Path>>(
        chain: impl IntoIterator<Item = P>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let chain = chain
            .into_iter()
            .map(|path| read_file("d2i_X509", path.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        Self::from_der(chain, &read_file("d2i_AutoPrivateKey", key.as_ref())?)
    }

    /// Reads an identity from a PKCS #12 file in DER: its key, the certificate that belongs to the key, and all other
    /// certificates, which are put in the order that a chain has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a wrong passphrase, a broken file, one that lacks key or certificate, or one that needs an
    /// algorithm that the library does not have; the message tells which.
    ///
    /// C: [`PKCS12_parse(3)`](https://docs.openssl.org/master/man3/PKCS12_parse/)
    #[doc(alias = "PKCS12_parse")]
    pub fn from_pkcs12(der: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        Self::from_pkcs12_in(LibContext::default(), der, passphrase)
    }

    /// As [`from_pkcs12`](Self::from_pkcs12), with the algorithms of a library context.
    ///
    /// # Errors
    ///
    /// As [`from_pkcs12`](Self::from_pkcs12).
    pub fn from_pkcs12_in(lib: LibContext, der: &[u8], passphrase: Option<&[u8]>) -> Result<Self, Error> {
        let contents = Pkcs12::from_der_in(lib, der)?.parse(passphrase)?;
        let lacks = |what| Error::new(ErrorKind::Refused, "PKCS12_parse").with_detail(what);
        let key = contents.key.ok_or_else(|| lacks("the file has no private key"))?;
        let certificate = contents.certificate.ok_or_else(|| lacks("no certificate belongs to the key"))?;
        Self::new(in_order(certificate, contents.chain), key)
    }

    /// Reads an identity from where a URI leads, such as `pkcs11:token=mine` or `file:identity.pem`: the first private key,
    /// the certificate that belongs to it, and all other certificates, which are put in the order that a chain has.
    /// `loader` says with which passphrase or PIN, and in which library context.
    ///
    /// # Errors
    ///
    /// As [`StoreLoader::open`], and [`ErrorKind::Refused`] for an object that cannot be loaded, and where key or
    /// certificate are lacking.
    ///
    /// C: [`OSSL_STORE_open_ex(3)`](https://docs.openssl.org/master/man3/OSSL_STORE_open/)
    #[doc(alias = "OSSL_STORE_open_ex")]
    pub fn from_uri(uri: &str, loader: StoreLoader<'_>) -> Result<Self, Error> {
        let lacks = |what| Error::new(ErrorKind::Refused, "OSSL_STORE_load").with_detail(what);
        let (mut key, mut others) = (None, Vec::new());
        for object in loader.open(uri)? {
            match object? {
                StoreObject::PrivateKey(found) => key = key.or(Some(found)),
                StoreObject::Certificate(found) => others.push(found),
                _ => {}
            }
        }
        let key = key.ok_or_else(|| lacks("there is no private key"))?;
        let own = others.iter().position(|certificate| certificate.check_key(&key).unwrap_or(false));
        let certificate = others.remove(own.ok_or_else(|| lacks("no certificate belongs to the key"))?);
        Self::new(in_order(certificate, others), key)
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509Ref {
        &self.certificate
    }

    /// The chain above the certificate.
    pub fn chain(&self) -> &[X509] {
        &self.chain
    }

    /// The private key.
    pub fn key(&self) -> &PKeyRef {
        &self.key
    }
}

/// A certificate and then, as far as they are there, each next issuer; those that are nobody's issuer come last.
fn in_order(certificate: X509, mut others: Vec<X509>) -> Vec<X509> {
    let mut chain = vec![certificate];
    while let Some(last) = chain.last() {
        let Some(next) = others.iter().position(|other| other.check_issued(last).is_ok()) else { break };
        chain.push(others.remove(next));
    }
    chain.append(&mut others);
    chain
}
