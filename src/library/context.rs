//! `OSSL_LIB_CTX`: where algorithms are looked up, and by which properties.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char};
use std::sync::{Mutex, PoisonError};
use std::{fmt, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{LibContextBuilder, builder, config, provider};
use crate::error::{self, Error};
use crate::ffi::strings;

/// A library context and a property query: whatever is made in it takes its algorithms from the providers loaded there,
/// and only those that the query allows. The [default](Self::default) is the process's own, without a query.
///
/// It is a handle, copied freely. A context stays until the process ends, so make few: the objects that are made in it
/// point into it, and C counts them nowhere; and to free it, C walks over what other threads change without a lock.
///
/// C: [`OSSL_LIB_CTX(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/)
#[doc(alias = "OSSL_LIB_CTX")]
#[derive(Clone, Copy)]
pub struct LibContext {
    /// NULL for the default one. Freed by nobody but [`free`](Self::free).
    context: *mut sys::OSSL_LIB_CTX,
    properties: Option<&'static CStr>,
}

// SAFETY: a context has no tie to a thread and locks what it changes (its stores of providers, methods and names). What it
// changes without a lock, the default properties and what a configuration sets, is behind `unsafe` here, and on the
// builder that nobody else holds. It lives until the process ends.
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
    /// A new context without a configuration. It loads the provider `default` when it is first asked for an algorithm.
    /// For one with other providers there is [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate, and
    /// [`ErrorKind::VersionMismatch`](crate::ErrorKind::VersionMismatch).
    ///
    /// C: [`OSSL_LIB_CTX_new(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/)
    #[doc(alias = "OSSL_LIB_CTX_new")]
    pub fn new() -> Result<Self, Error> {
        Self::builder().map(LibContextBuilder::build)
    }

    /// A new context whose providers, properties and configuration are still to be chosen.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn builder() -> Result<LibContextBuilder, Error> {
        LibContextBuilder::new()
    }

    /// Wraps a context of C's.
    ///
    /// # Safety
    ///
    /// `context` is NULL, which stands for the default one, or live until the process ends, and nobody sets its default
    /// properties or loads a configuration while it is used.
    pub unsafe fn from_ptr(context: *mut sys::OSSL_LIB_CTX) -> Self {
        Self { context, properties: None }
    }

    /// The pointer; NULL is the default context.
    pub fn as_ptr(&self) -> *mut sys::OSSL_LIB_CTX {
        self.context
    }

    /// The same context with this property query, such as `fips=yes` or `provider=default`; an empty one asks for
    /// nothing. It is used with the context's default properties, and wins where they differ. A query that cannot be
    /// parsed fails where it is used.
    ///
    /// A query is kept until the process ends, once however often it is given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a NUL byte.
    ///
    /// C: [`property(7)`](https://docs.openssl.org/master/man7/property/)
    pub fn with_properties(self, query: &str) -> Result<Self, Error> {
        let query = strings::c_string("property", "the query", query)?;
        let properties = if query.is_empty() { None } else { Some(interned(query)) };
        Ok(Self { properties, ..self })
    }

    /// The property query.
    pub fn properties(&self) -> Option<&'static str> {
        self.properties.and_then(|query| query.to_str().ok())
    }

    /// The property query as C takes it; NULL is none.
    pub(crate) fn properties_ptr(&self) -> *const c_char {
        self.properties.map_or(ptr::null(), CStr::as_ptr)
    }

    /// Whether this is the process's own context.
    pub fn is_default(&self) -> bool {
        self.context.is_null()
    }

    /// Whether this is the default context without a query, and so what everything has by itself.
    pub(crate) fn is_plain(&self) -> bool {
        self.is_default() && self.properties.is_none()
    }

    /// Whether both take their algorithms from the same place.
    pub(crate) fn is_same(&self, other: Self) -> bool {
        self.context == other.context && self.properties == other.properties
    }

    /// What a failure to find an algorithm is to be read with; `None` for the plain default context.
    pub(crate) fn description(&self) -> Option<String> {
        if self.is_plain() {
            return None;
        }
        let providers = self.providers().unwrap_or_default();
        let mut names =
            providers.iter().map(|provider| provider.name.as_str()).collect::<Vec<_>>().join(", ");
        if names.is_empty() {
            names = "no providers".into();
        }
        let query = self.properties().map(|query| format!(", by the query {query:?}")).unwrap_or_default();
        Some(format!("in a library context with {names}{query}"))
    }

    /// Fills `buffer` with random bytes from this context's own generator, which others may see.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) where the context has no generator or no entropy.
    ///
    /// C: [`RAND_bytes_ex(3)`](https://docs.openssl.org/master/man3/RAND_bytes/)
    #[doc(alias = "RAND_bytes_ex")]
    #[doc(alias = "RAND_bytes")]
    pub fn random_bytes(&self, buffer: &mut [u8]) -> Result<(), Error> {
        error::clear();
        // SAFETY: C fills `len` bytes, which are ours to write; the context is live or NULL.
        let done = unsafe { ext::RAND_bytes_ex(self.context, buffer.as_mut_ptr(), buffer.len(), 0) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("RAND_bytes_ex")) }
    }

    /// A name for sessions that nobody else has.
    pub(crate) fn session_name(&self) -> Result<[u8; 32], Error> {
        let mut name = [0; 32];
        self.random_bytes(&mut name)?;
        Ok(name)
    }

    /// The name of the provider that this context takes a digest from, such as `default` or `fips`, under its property
    /// query.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) where no provider has it, or none that the properties allow.
    ///
    /// C: [`EVP_MD_fetch(3)`](https://docs.openssl.org/master/man3/EVP_DigestInit/)
    #[doc(alias = "EVP_MD_fetch")]
    pub fn provider_of_digest(&self, digest: &str) -> Result<String, Error> {
        const CALL: &str = "EVP_MD_fetch";
        let name = strings::c_string_not_empty(CALL, "the name", digest)?;
        error::clear();
        // SAFETY: the context is live or NULL, and both strings outlive the call.
        let fetched = unsafe { sys::EVP_MD_fetch(self.context, name.as_ptr(), self.properties_ptr()) };
        if fetched.is_null() {
            return Err(Error::from_queue(CALL).with_detail(digest));
        }
        // SAFETY: the digest is ours until it is freed, and holds its provider, which lends its name for the copy.
        unsafe {
            let provider = ext::EVP_MD_get0_provider(fetched);
            let name = strings::lossy(ext::OSSL_PROVIDER_get0_name(provider));
            sys::EVP_MD_free(fetched);
            Ok(name)
        }
    }

    /// Where the context looks for providers that are modules of their own, instead of the place that was built in or
    /// that `OPENSSL_MODULES` names. It concerns providers that are loaded later.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for an empty path or a NUL byte,
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`OSSL_PROVIDER_set_default_search_path(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_set_default_search_path")]
    pub fn set_provider_search_path(&self, path: impl AsRef<std::path::Path>) -> Result<(), Error> {
        const CALL: &str = "OSSL_PROVIDER_set_default_search_path";
        let path = strings::c_path(CALL, path.as_ref())?;
        error::clear();
        // SAFETY: the context is live or NULL; C copies the path, under a lock of its own.
        let done = unsafe { sys::OSSL_PROVIDER_set_default_search_path(self.context, path.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }

    /// As [`LibContextBuilder::set_default_properties`], for a context in use, such as the default one.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// C frees the earlier properties without a lock: nobody uses the context during this call, on any thread. With
    /// the default context, that is everything of OpenSSL.
    pub unsafe fn set_default_properties(&self, query: &str) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        unsafe { builder::set_default_properties(self.context, query) }
    }

    /// As [`LibContextBuilder::load_config`], for a context in use, and for every setting, also those that are the whole
    /// process's.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Safety
    ///
    /// C changes the context's default properties, and what all contexts share (`ssl_conf`, `oid_section`,
    /// `stbl_section`, `engines`), without a lock: nobody uses OpenSSL during this call, on any thread.
    pub unsafe fn load_config(&self, path: impl AsRef<std::path::Path>) -> Result<(), Error> {
        // SAFETY: by this function's contract.
        unsafe { config::load(self.context, path.as_ref(), config::Reach::Process) }
    }

    /// Frees a context before the process ends. The default one stays.
    ///
    /// # Safety
    ///
    /// Nothing that was made in the context is left, nor a [`Provider`](super::Provider) of it, nor any copy of this handle
    /// that is still used: C counts none of them. And no other thread uses OpenSSL during this call: C walks over lists
    /// that each thread extends without a lock, in every version until now.
    ///
    /// C: [`OSSL_LIB_CTX_free(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/)
    #[doc(alias = "OSSL_LIB_CTX_free")]
    pub unsafe fn free(self) {
        if self.is_default() {
            return;
        }
        made().retain(|made| made.0 != self.context);
        // SAFETY: by this function's contract.
        unsafe {
            provider::release(self.context);
            sys::OSSL_LIB_CTX_free(self.context);
        }
    }

    /// # Safety
    ///
    /// `context` is live, and the caller's own.
    pub(super) unsafe fn keep(context: *mut sys::OSSL_LIB_CTX) -> Self {
        made().push(Made(context));
        Self { context, properties: None }
    }
}

/// A context that was made here.
struct Made(*mut sys::OSSL_LIB_CTX);

// SAFETY: the pointer is only compared.
unsafe impl Send for Made {}

/// All contexts that were made here, so that whoever looks for leaks finds them held.
fn made() -> std::sync::MutexGuard<'static, Vec<Made>> {
    static MADE: Mutex<Vec<Made>> = Mutex::new(Vec::new());
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one copy of a query. There are few in a program, and what C is given must not move.
fn interned(query: CString) -> &'static CStr {
    static QUERIES: Mutex<BTreeSet<&'static CStr>> = Mutex::new(BTreeSet::new());
    let mut queries = QUERIES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = queries.get(query.as_c_str()) {
        return known;
    }
    let query: &'static CStr = Box::leak(query.into_boxed_c_str());
    queries.insert(query);
    query
}

impl fmt::Debug for LibContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibContext")
            .field("default", &self.is_default())
            .field("properties", &self.properties)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_kept_once() {
        let query = |text| LibContext::default().with_properties(text).unwrap().properties_ptr();
        assert_eq!(query("provider=default"), query("provider=default"));
        assert_ne!(query("provider=default"), query("fips=yes"));
        assert!(query("").is_null());
        assert!(LibContext::default().with_properties("a\0b").is_err());
    }
}
