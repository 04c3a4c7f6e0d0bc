//! Extensions as they are, whatever they mean.

use std::ffi::c_int;
use std::fmt;

use openssl_sys as sys;

use super::serial::contents;
use super::{Oid, X509Ref};
use crate::error::{self, Error, ErrorKind};
use crate::ssl::Nid;

/// An extension of a certificate, as it is.
#[doc(alias = "X509_EXTENSION")]
#[derive(Clone, PartialEq, Eq)]
pub struct X509Extension {
    kind: Oid,
    critical: bool,
    der: Vec<u8>,
}

impl X509Extension {
    /// What kind of extension it is.
    ///
    /// C: [`X509_EXTENSION_get_object(3)`](https://docs.openssl.org/master/man3/X509_EXTENSION_set_object/)
    #[doc(alias = "X509_EXTENSION_get_object")]
    pub fn kind(&self) -> &Oid {
        &self.kind
    }

    /// Whether who does not understand it must not accept the certificate.
    ///
    /// C: [`X509_EXTENSION_get_critical(3)`](https://docs.openssl.org/master/man3/X509_EXTENSION_set_object/)
    #[doc(alias = "X509_EXTENSION_get_critical")]
    pub fn is_critical(&self) -> bool {
        self.critical
    }

    /// Its contents, which are DER if they are well made.
    ///
    /// C: [`X509_EXTENSION_get_data(3)`](https://docs.openssl.org/master/man3/X509_EXTENSION_set_object/)
    #[doc(alias = "X509_EXTENSION_get_data")]
    pub fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    /// # Safety
    ///
    /// `extension` is NULL, or live, and nobody changes it during the call.
    unsafe fn copy(extension: *mut sys::X509_EXTENSION) -> Option<Self> {
        if extension.is_null() {
            return None;
        }
        // SAFETY: the extension is live and lends its parts (get0), which are copied at once.
        unsafe {
            Some(Self {
                kind: Oid::copy(sys::X509_EXTENSION_get_object(extension))?,
                critical: sys::X509_EXTENSION_get_critical(extension) > 0,
                der: contents(sys::X509_EXTENSION_get_data(extension).cast()).to_vec(),
            })
        }
    }
}

impl fmt::Debug for X509Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("X509Extension")
            .field("kind", &self.kind)
            .field("critical", &self.critical)
            .field("len", &self.der.len())
            .finish()
    }
}

/// # Its extensions as they are
impl X509Ref {
    /// All extensions, in their order, those that are there more than once too.
    ///
    /// C: [`X509_get_ext(3)`](https://docs.openssl.org/master/man3/X509v3_get_ext_by_NID/)
    #[doc(alias = "X509_get_ext")]
    #[doc(alias = "X509_get_ext_count")]
    pub fn extensions(&self) -> Vec<X509Extension> {
        // SAFETY: the certificate is live and lends its extensions (get0), which nobody changes; the index is below the
        // count.
        unsafe {
            let count = sys::X509_get_ext_count(self.as_ptr());
            (0..count)
                .filter_map(|index| X509Extension::copy(sys::X509_get_ext(self.as_ptr(), index)))
                .collect()
        }
    }

    /// The extension of this kind; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it is there more than once.
    ///
    /// C: [`X509_get_ext_by_OBJ(3)`](https://docs.openssl.org/master/man3/X509v3_get_ext_by_NID/)
    #[doc(alias = "X509_get_ext_by_OBJ")]
    pub fn extension(&self, kind: &Oid) -> Result<Option<X509Extension>, Error> {
        let mut found = self.extensions().into_iter().filter(|extension| extension.kind == *kind);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Error::new(ErrorKind::Refused, "X509_get_ext_by_OBJ")
                .with_detail("the extension is there more than once")),
        }
    }

    /// The extension that OpenSSL has this number for; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it is there more than once.
    ///
    /// C: [`X509_get_ext_by_NID(3)`](https://docs.openssl.org/master/man3/X509v3_get_ext_by_NID/)
    #[doc(alias = "X509_get_ext_by_NID")]
    pub fn extension_by_nid(&self, nid: Nid) -> Result<Option<X509Extension>, Error> {
        const CALL: &str = "X509_get_ext_by_NID";
        error::clear();
        let find = |after: c_int| {
            // SAFETY: the certificate is live, any number is allowed, and the search begins after a place that is there.
            unsafe { sys::X509_get_ext_by_NID(self.as_ptr(), nid.0, after) }
        };
        let place = find(-1);
        let twice = place >= 0 && find(place) >= 0;
        error::clear();
        if twice {
            return Err(
                Error::new(ErrorKind::Refused, CALL).with_detail("the extension is there more than once")
            );
        }
        // SAFETY: the certificate is live and lends the extension (get0), NULL for no place.
        Ok(unsafe { X509Extension::copy(sys::X509_get_ext(self.as_ptr(), place)) })
    }
}
