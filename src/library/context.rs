//! `OSSL_LIB_CTX`: where algorithms are looked up, and by which properties.

use std::ffi::{CStr, CString, c_char};
use std::{fmt, ptr};

use openssl_sys as sys;

use crate::error::{self, Error};
use crate::ffi::strings;

/// A library context and a property query: whatever is made in it takes its algorithms from the providers loaded there,
/// and only those that the query allows. The [default](Self::default) is the process's own, without a query.
///
/// It is a handle, copied freely. Objects that are made in a context point into it, and C counts them nowhere, so a
/// context stays until the process ends.
///
/// C: [`OSSL_LIB_CTX(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/)
#[doc(alias = "OSSL_LIB_CTX")]
#[derive(Clone, Copy)]
pub struct LibContext {
    /// NULL for the default one. Never freed.
    context: *mut sys::OSSL_LIB_CTX,
    properties: Option<&'static CStr>,
}

// SAFETY: a context has no tie to a thread, locks what it changes, and lives until the process ends.
unsafe impl Send for LibContext {}
// SAFETY: as above.
unsafe impl Sync for LibContext {}

impl Default for LibContext {
    /// The process's own context, without a property query.
    fn default() -> Self {
        Self { context: ptr::null_mut(), properties: None }
    }
}

impl LibContext {
    /// A new context, which begins without providers of its own: the built-in `default` is loaded when first asked for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`OSSL_LIB_CTX_new(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/)
    #[doc(alias = "OSSL_LIB_CTX_new")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let context = unsafe { sys::OSSL_LIB_CTX_new() };
        if context.is_null() {
            return Err(Error::from_queue("OSSL_LIB_CTX_new"));
        }
        Ok(Self { context, properties: None })
    }

    /// The same context with this property query, such as `fips=yes`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a NUL byte.
    pub fn with_properties(self, query: &str) -> Result<Self, Error> {
        let query: CString = strings::c_string("property(7)", "the query", query)?;
        Ok(Self { properties: Some(Box::leak(query.into_boxed_c_str())), ..self })
    }

    /// The pointer; NULL is the default context.
    pub fn as_ptr(&self) -> *mut sys::OSSL_LIB_CTX {
        self.context
    }

    /// The property query as C takes it; NULL is none.
    pub(crate) fn properties_ptr(&self) -> *const c_char {
        self.properties.map_or(ptr::null(), CStr::as_ptr)
    }
}

impl fmt::Debug for LibContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibContext")
            .field("default", &self.context.is_null())
            .field("properties", &self.properties)
            .finish()
    }
}
