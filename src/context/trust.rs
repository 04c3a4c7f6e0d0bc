//! Whom a context trusts: the roots that a peer's chain must end in.

use std::path::Path;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::x509::{DefaultPlaces, Lookup, X509, X509Ref, X509StoreRef};

/// Where the roots are.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TrustAnchors<'a> {
    /// Those of the system: what OpenSSL was built or told (`SSL_CERT_FILE`, `SSL_CERT_DIR`) to use, or, where that is
    /// empty and nobody chose it, the place where this kind of system has them.
    System,
    /// The certificates in a PEM file.
    File(&'a Path),
    /// The certificates in a directory, under the names that `openssl rehash` gives them.
    Directory(&'a Path),
    /// The certificates in a PEM text.
    Pem(&'a [u8]),
    /// These certificates.
    Certificates(&'a [X509]),
    /// The certificates behind an OSSL_STORE URI, read here and now.
    Uri(&'a str),
    /// What a store has: certificates, revocation lists, directories and settings.
    Store(&'a X509StoreRef),
}

impl SslContextBuilderRef {
    /// Trusts these roots, beside those it trusts already. Revocation lists that stand beside them are taken too.
    ///
    /// The context's store is changed, and if it has other holders, a copy takes its place first: theirs stays as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there are none, what reading them can end with, and [`ErrorKind::InvalidInput`]
    /// where a store of C's would have to be copied.
    pub fn trust(&mut self, anchors: TrustAnchors<'_>) -> Result<(), Error> {
        self.change_store(|store| match anchors {
            TrustAnchors::System => store.load_system(),
            TrustAnchors::File(path) => store.load_roots(path),
            TrustAnchors::Directory(path) => store.load_dir(path),
            TrustAnchors::Pem(pem) => {
                X509::stack_from_pem(pem)?;
                store.add_pem(pem)
            }
            TrustAnchors::Certificates([]) => {
                Err(Error::new(ErrorKind::NoTrustAnchors, "X509_STORE_add_cert"))
            }
            TrustAnchors::Certificates(certificates) => {
                certificates.iter().try_for_each(|certificate| store.add_cert(certificate))
            }
            TrustAnchors::Uri(uri) => store.load_uri(uri),
            TrustAnchors::Store(other) => store.add_store(other),
        })
    }

    /// Trusts one certificate, beside those it trusts already. See [`trust`](Self::trust) for a store that is shared.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate, [`ErrorKind::InvalidInput`] where a store of C's would have to
    /// be copied.
    ///
    /// C: [`X509_STORE_add_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_add_cert")]
    pub fn trust_certificate(&mut self, certificate: &X509Ref) -> Result<(), Error> {
        self.change_store(|store| store.add_cert(certificate))
    }

    /// Trusts what OpenSSL was built to trust by default, as C does: nothing there is no error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate, [`ErrorKind::InvalidInput`] where a store of C's would have to
    /// be copied.
    ///
    /// C: [`SSL_CTX_set_default_verify_paths(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_set_default_verify_paths")]
    pub fn set_default_verify_paths(&mut self) -> Result<(), Error> {
        self.own_store()?;
        let directories = DefaultPlaces::of_openssl().directory_list();
        error::clear();
        // SAFETY: the context is live and borrowed for writing, and its store has no other holder.
        let done = unsafe { sys::SSL_CTX_set_default_verify_paths(self.as_ptr()) };
        self.loaded("SSL_CTX_set_default_verify_paths", done, directories.map(Lookup::Directories))
    }

    /// As [`set_default_verify_paths`](Self::set_default_verify_paths), for the file alone.
    ///
    /// # Errors
    ///
    /// As [`set_default_verify_paths`](Self::set_default_verify_paths).
    ///
    /// C: [`SSL_CTX_set_default_verify_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_set_default_verify_file")]
    pub fn set_default_verify_file(&mut self) -> Result<(), Error> {
        self.own_store()?;
        error::clear();
        // SAFETY: as for all paths.
        let done = unsafe { ext::SSL_CTX_set_default_verify_file(self.as_ptr()) };
        self.loaded("SSL_CTX_set_default_verify_file", done, None)
    }

    /// As [`set_default_verify_paths`](Self::set_default_verify_paths), for the directories alone.
    ///
    /// # Errors
    ///
    /// As [`set_default_verify_paths`](Self::set_default_verify_paths).
    ///
    /// C: [`SSL_CTX_set_default_verify_dir(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_set_default_verify_dir")]
    pub fn set_default_verify_dir(&mut self) -> Result<(), Error> {
        self.own_store()?;
        let directories = DefaultPlaces::of_openssl().directory_list();
        error::clear();
        // SAFETY: as for all paths.
        let done = unsafe { ext::SSL_CTX_set_default_verify_dir(self.as_ptr()) };
        self.loaded("SSL_CTX_set_default_verify_dir", done, directories.map(Lookup::Directories))
    }

    /// As [`set_default_verify_paths`](Self::set_default_verify_paths), for the OSSL_STORE URIs alone, of which no OpenSSL
    /// up to 4.0 has any.
    ///
    /// # Errors
    ///
    /// As [`set_default_verify_paths`](Self::set_default_verify_paths).
    ///
    /// C: [`SSL_CTX_set_default_verify_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_set_default_verify_store")]
    pub fn set_default_verify_store(&mut self) -> Result<(), Error> {
        self.own_store()?;
        error::clear();
        // SAFETY: as for all paths.
        let done = unsafe { ext::SSL_CTX_set_default_verify_store(self.as_ptr()) };
        self.loaded("SSL_CTX_set_default_verify_store", done, None)
    }

    /// Trusts the certificates in a PEM file, and takes the revocation lists in it, as C does: a file with nothing but
    /// lists is no error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be read or holds neither, [`ErrorKind::InvalidInput`] where a store of C's would
    /// have to be copied.
    ///
    /// C: [`SSL_CTX_load_verify_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_load_verify_file")]
    #[doc(alias = "SSL_CTX_load_verify_locations")]
    pub fn load_verify_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_load_verify_file";
        let file = strings::c_path(CALL, path.as_ref())?;
        self.own_store()?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing, and its store has no other holder; the path outlives the
        // call.
        let done = unsafe { ext::SSL_CTX_load_verify_file(self.as_ptr(), file.as_ptr()) };
        self.loaded(CALL, done, None).map_err(|error| error.with_detail(path.as_ref().display().to_string()))
    }

    /// Trusts the certificates in a directory, which are looked up by their hashed names when they are needed. Several
    /// directories have colons between them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate, [`ErrorKind::InvalidInput`] where a store of C's would have to
    /// be copied. A directory that is not there is no error.
    ///
    /// C: [`SSL_CTX_load_verify_dir(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_load_verify_dir")]
    pub fn load_verify_dir(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_load_verify_dir";
        let directory = strings::c_path(CALL, path.as_ref())?;
        self.own_store()?;
        error::clear();
        // SAFETY: as for a file.
        let done = unsafe { ext::SSL_CTX_load_verify_dir(self.as_ptr(), directory.as_ptr()) };
        self.loaded(CALL, done, Some(Lookup::Directories(directory)))
    }

    /// Trusts the certificates behind an OSSL_STORE URI, which is opened here to see whether it can be, and again at each
    /// lookup. [`TrustAnchors::Uri`] reads it once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be opened, [`ErrorKind::InvalidInput`] where a store of C's would have to be
    /// copied.
    ///
    /// C: [`SSL_CTX_load_verify_store(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_load_verify_store")]
    pub fn load_verify_store(&mut self, uri: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_load_verify_store";
        let uri = strings::c_string_not_empty(CALL, "the URI", uri)?;
        self.own_store()?;
        error::clear();
        // SAFETY: as for a file.
        let done = unsafe { ext::SSL_CTX_load_verify_store(self.as_ptr(), uri.as_ptr()) };
        self.loaded(CALL, done, Some(Lookup::Uri(uri)))
    }

    fn loaded(&mut self, call: &'static str, done: i32, lookup: Option<Lookup>) -> Result<(), Error> {
        if done != 1 {
            return Err(Error::from_queue(call));
        }
        // Default places that are missing leave entries behind.
        error::clear();
        match lookup {
            Some(lookup) => self.note_lookup(lookup),
            None => Ok(()),
        }
    }

    /// Begins with these roots, on a context that nobody has set anything in: a store is shared and not copied.
    pub(super) fn begin_with(&mut self, anchors: TrustAnchors<'_>) -> Result<(), Error> {
        match anchors {
            TrustAnchors::System => self.share_system_store(),
            TrustAnchors::Store(store) => self.set_cert_store(store),
            other => self.trust(other),
        }
    }
}
