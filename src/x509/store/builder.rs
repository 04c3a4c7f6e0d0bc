//! Stores that are still to be filled.

use std::fmt;
use std::path::Path;

use foreign_types::ForeignType;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::fill;
use super::{DefaultPlaces, Lookup, Record, X509Store, X509StoreRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::library::{self, LibContext};
use crate::x509::{VerifyFlags, X509CrlRef, X509Ref, X509VerifyParamRef, read_file};

/// A store that is still to be filled. Whatever is added stands beside what is there already.
pub struct X509StoreBuilder {
    /// The one reference.
    store: X509Store,
    record: Record,
    /// Whether a directory was added that holds certificates.
    has_directory: bool,
}

impl X509StoreBuilder {
    /// An empty store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate, and [`ErrorKind::VersionMismatch`].
    ///
    /// C: [`X509_STORE_new(3)`](https://docs.openssl.org/master/man3/X509_STORE_new/)
    #[doc(alias = "X509_STORE_new")]
    pub fn new() -> Result<Self, Error> {
        Self::new_in(LibContext::default())
    }

    /// An empty store whose contents are read with the algorithms of `lib`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    #[doc(alias = "X509_STORE_new")]
    pub fn new_in(lib: LibContext) -> Result<Self, Error> {
        const CALL: &str = "X509_STORE_new";
        library::check(CALL)?;
        error::clear();
        // SAFETY: has no requirements.
        let store = unsafe { sys::X509_STORE_new() };
        if store.is_null() {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: not NULL, and ours.
        let store = unsafe { <X509Store as ForeignType>::from_ptr(store) };
        Ok(Self { store, record: Record { lib, ..Record::default() }, has_directory: false })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_STORE {
        self.store.as_ptr()
    }

    /// Adds a certificate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_add_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_add_cert")]
    pub fn add_cert(&mut self, certificate: &X509Ref) -> Result<(), Error> {
        // SAFETY: the store is live and ours alone.
        unsafe { fill::add_cert(self.as_ptr(), certificate) }
    }

    /// Adds a revocation list, which counts with [`VerifyFlags::CRL_CHECK`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_add_crl(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_add_crl")]
    pub fn add_crl(&mut self, crl: &X509CrlRef) -> Result<(), Error> {
        // SAFETY: the store is live and ours alone.
        unsafe { fill::add_crl(self.as_ptr(), crl) }
    }

    /// Adds the certificates and revocation lists in a PEM text. Other blocks are passed over.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there are neither, [`ErrorKind::Refused`] where one is broken; nothing is then
    /// added.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<(), Error> {
        // SAFETY: the store is live and ours alone.
        unsafe { fill::add_pem(self.as_ptr(), self.record.lib, pem) }
    }

    /// Adds the certificates and revocation lists in a PEM file.
    ///
    /// # Errors
    ///
    /// As [`add_pem`](Self::add_pem), and [`ErrorKind::Io`] for a file that cannot be read.
    ///
    /// C: [`X509_STORE_load_file(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_load_file")]
    #[doc(alias = "X509_STORE_load_locations")]
    pub fn load_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let pem = read_file("X509_STORE_load_file", path)?;
        self.add_pem(&pem).map_err(|error| error.with_detail(path.display().to_string()))
    }

    /// Adds a directory whose files bear the names that `openssl rehash` gives them. Certificates and revocation lists are
    /// looked up in it when they are needed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where nothing in it bears such a name, or it cannot be read;
    /// [`ErrorKind::InvalidInput`] for a path with a colon, which C takes for the end of the path.
    ///
    /// C: [`X509_STORE_load_path(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_load_path")]
    pub fn load_dir(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let holds_certificates = fill::check_directory("X509_STORE_load_path", path)?;
        let directory = strings::c_path("X509_STORE_load_path", path)?;
        self.replay(Lookup::Directories(directory))?;
        self.has_directory |= holds_certificates;
        Ok(())
    }

    /// Adds the certificates and revocation lists behind an OSSL_STORE URI, such as `pkcs11:…` or `file:…`, which are all
    /// read here and now.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where it cannot be opened, or an object there cannot be read; [`ErrorKind::NoTrustAnchors`]
    /// where there are neither. Nothing is then added. A directory has neither: that is for [`load_dir`](Self::load_dir).
    ///
    /// C: [`X509_STORE_load_store(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_load_store")]
    pub fn load_uri(&mut self, uri: &str) -> Result<(), Error> {
        // SAFETY: the store is live and ours alone.
        unsafe { fill::load_uri(self.as_ptr(), self.record.lib, uri) }
    }

    /// Adds what OpenSSL was built or told (`SSL_CERT_FILE`, `SSL_CERT_DIR`) to trust by default, as C does: nothing there
    /// is no error here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_set_default_paths(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_set_default_paths")]
    pub fn set_default_paths(&mut self) -> Result<(), Error> {
        const CALL: &str = "X509_STORE_set_default_paths_ex";
        let places = DefaultPlaces::of_openssl();
        let lib = self.record.lib;
        error::clear();
        // SAFETY: the store is live and ours alone; the context lives as long as the process.
        let done = unsafe {
            ext::X509_STORE_set_default_paths_ex(self.as_ptr(), lib.as_ptr(), lib.properties_ptr())
        };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        if let Some(directories) = places.directory_list() {
            self.record.lookups.push(Lookup::Directories(directories));
        }
        self.has_directory |= places.have_hashed_names();
        Ok(())
    }

    /// Adds the system's roots: what OpenSSL was built or told (`SSL_CERT_FILE`, `SSL_CERT_DIR`) to use, or, where that is
    /// empty and nobody chose it, the place where this kind of system has them. Most want [`X509Store::system`], which is
    /// read once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there are none; it says where they were sought.
    pub fn load_system(&mut self) -> Result<(), Error> {
        DefaultPlaces::of_openssl().load_into(self)
    }

    /// Sets verify flags, beside those that are set, for all verifications with this store.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for one that weakens, or is unknown: see
    /// [`X509VerifyParamRef::danger_set_flags`].
    ///
    /// C: [`X509_STORE_set_flags(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_set_flags")]
    pub fn set_flags(&mut self, flags: VerifyFlags) -> Result<(), Error> {
        self.param_mut().set_flags(flags)
    }

    /// The settings that verifications with this store begin with.
    ///
    /// C: [`X509_STORE_get0_param(3)`](https://docs.openssl.org/master/man3/X509_STORE_get0_param/)
    #[doc(alias = "X509_STORE_get0_param")]
    #[doc(alias = "X509_STORE_set1_param")]
    #[doc(alias = "X509_STORE_set_purpose")]
    #[doc(alias = "X509_STORE_set_trust")]
    #[doc(alias = "X509_STORE_set_depth")]
    pub fn param_mut(&mut self) -> &mut X509VerifyParamRef {
        // SAFETY: the store is live, ours alone, and lends its settings (get0), which every store has, for this borrow.
        unsafe { X509VerifyParamRef::from_ptr_mut(ext::X509_STORE_get0_param(self.as_ptr())) }
    }

    /// Settles the contents.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there is no certificate, nor a directory with any: no chain would end in it.
    pub fn build(self) -> Result<X509Store, Error> {
        if !self.has_directory && self.certificate_count()? == 0 {
            return Err(Error::new(ErrorKind::NoTrustAnchors, "X509_STORE_new")
                .with_detail("the store holds no certificates"));
        }
        self.settle()
    }

    pub(crate) fn settle(self) -> Result<X509Store, Error> {
        let record = Record { settled: true, ..self.record };
        // SAFETY: the store is live and ours alone.
        unsafe { record.note(self.store.as_ptr()) }?;
        Ok(self.store)
    }

    /// The store for a context that goes on changing it.
    pub(crate) fn into_open(self) -> Result<X509Store, Error> {
        // SAFETY: the store is live and ours alone.
        unsafe { self.record.note(self.store.as_ptr()) }?;
        Ok(self.store)
    }

    /// The store, of which nothing is known any more: C may add to it what it does not tell.
    pub(crate) fn into_unknown(self) -> X509Store {
        self.store
    }

    /// Adds all that another store has: its certificates and lists by reference, its lookups, and those of its settings
    /// that are not set here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a store that C made: what it looks up, and which callbacks it has, C does not tell.
    pub fn add_store(&mut self, other: &X509StoreRef) -> Result<(), Error> {
        // SAFETY: a settled store does not change, and any other is lent by the caller.
        unsafe { self.absorb(other.as_ptr()) }
    }

    /// As [`add_store`](Self::add_store).
    ///
    /// # Safety
    ///
    /// `other` is live, and nobody changes it during the call.
    pub(crate) unsafe fn absorb(&mut self, other: *mut sys::X509_STORE) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        let Some(record) = (unsafe { Record::of(other) }) else {
            return Err(Error::new(ErrorKind::InvalidInput, "X509_STORE_get1_objects")
                .with_detail("what a store of C's looks up cannot be told"));
        };
        // SAFETY: both are live, and this one is ours alone.
        unsafe { fill::copy_objects(other, self.as_ptr()) }?;
        for lookup in &record.lookups {
            self.has_directory |= fill::holds_hashed_names(lookup);
            self.replay(lookup.clone())?;
        }
        // SAFETY: the other store is live and lends its settings (get0), which nobody changes.
        self.param_mut()
            .inherit_from(unsafe { X509VerifyParamRef::from_ptr(ext::X509_STORE_get0_param(other)) })
    }

    /// Goes on filling a store that a context holds.
    ///
    /// # Safety
    ///
    /// `store` is live, not settled, and the caller's alone.
    pub(crate) unsafe fn reopen(
        store: *mut sys::X509_STORE,
        change: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // SAFETY: the store is live, and the caller's alone.
        let record = unsafe { Record::of(store) }.cloned();
        let known = record.is_some();
        // SAFETY: the store is live; the reference is let go when this is over.
        let store = unsafe { X509StoreRef::from_ptr(store) }.to_owned();
        let mut builder = Self { store, record: record.unwrap_or_default(), has_directory: false };
        let lookups = builder.record.lookups.len();
        let result = change(&mut builder);
        // What a store of C's looks up stays unknown.
        if known && builder.record.lookups.len() != lookups {
            // SAFETY: the store is live, and the caller's alone.
            unsafe { builder.record.note(builder.store.as_ptr()) }?;
        }
        result
    }

    pub(crate) fn note_lookup(&mut self, lookup: Lookup) {
        self.record.lookups.push(lookup);
    }

    /// Adds a file that must have roots, which one of nothing but revocation lists has not.
    pub(crate) fn load_roots(&mut self, path: &Path) -> Result<(), Error> {
        let before = self.certificate_count()?;
        self.load_file(path)?;
        // A second look at a pipe would wait for ever.
        if self.certificate_count()? > before || (path.is_file() && fill::holds_certificates(path)) {
            return Ok(());
        }
        let detail = format!("{} holds no certificates", path.display());
        Err(Error::new(ErrorKind::NoTrustAnchors, "X509_STORE_load_file").with_detail(detail))
    }

    fn certificate_count(&self) -> Result<usize, Error> {
        // SAFETY: the store is live.
        unsafe { fill::certificates_in(self.as_ptr()) }
    }

    fn replay(&mut self, lookup: Lookup) -> Result<(), Error> {
        if self.record.lookups.contains(&lookup) {
            return Ok(());
        }
        // SAFETY: the store is live and ours alone.
        unsafe { fill::add_lookup(self.as_ptr(), self.record.lib, &lookup) }?;
        self.record.lookups.push(lookup);
        Ok(())
    }
}

impl X509StoreRef {
    /// A builder that begins with all that this store has: certificates and lists by reference, lookups, and settings.
    /// What has been looked up in directories is among it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a store that C made: what it looks up, and which callbacks it has, C does not tell;
    /// and for one with settings that are [locked](crate::x509::InheritFlags::LOCKED).
    pub fn to_builder(&self) -> Result<X509StoreBuilder, Error> {
        // SAFETY: the store is live, and settled or lent by the caller.
        let lib = unsafe { Record::of(self.as_ptr()) }.map(|record| record.lib).unwrap_or_default();
        let mut builder = X509StoreBuilder::new_in(lib)?;
        builder.add_store(self)?;
        let flags = self.param().inherit_flags();
        builder.param_mut().danger_set_inherit_flags(flags);
        Ok(builder)
    }
}

impl fmt::Debug for X509StoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509StoreBuilder")
            .field("lookups", &self.record.lookups)
            .field("param", &self.store.param())
            .finish_non_exhaustive()
    }
}
