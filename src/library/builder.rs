//! A library context while nobody else has it.

use std::path::Path;
use std::{fmt, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{LibContext, Provider, ProviderInfo, config, version};
use crate::error::{self, Error};
use crate::ffi::{compat, strings};

/// A library context whose providers, default properties and configuration are still to be chosen: C sets the last two
/// without a lock, so that nobody may use the context yet.
///
/// One that is dropped unbuilt stays too, unused, as [`LibContext`] says.
///
/// ```
/// use libssl::LibContext;
///
/// let mut builder = LibContext::builder()?;
/// builder.load_provider("default")?;
/// builder.set_default_properties("provider=default")?;
/// let lib = builder.build();
/// assert_eq!(lib.provider_of_digest("SHA2-256")?, "default");
/// # Ok::<(), libssl::Error>(())
/// ```
#[must_use = "`build` gives the context"]
pub struct LibContextBuilder {
    /// Owned until it is built.
    context: *mut sys::OSSL_LIB_CTX,
}

// SAFETY: a context has no tie to a thread.
unsafe impl Send for LibContextBuilder {}

impl LibContextBuilder {
    pub(super) fn new() -> Result<Self, Error> {
        const CALL: &str = "OSSL_LIB_CTX_new";
        version::check(CALL)?;
        error::clear();
        // SAFETY: has no requirements.
        let context = unsafe { sys::OSSL_LIB_CTX_new() };
        if context.is_null() { Err(Error::from_queue(CALL)) } else { Ok(Self { context }) }
    }

    /// Loads what a configuration file says about providers, algorithms and random numbers into this context. The file
    /// is the context's only one: that of the process (`OPENSSL_CONF`) does not concern it.
    ///
    /// Settings that are those of the whole process, which C changes without a lock, are refused: they stay with the
    /// file that is loaded when the process starts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) for a file that cannot be read;
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for one that cannot be parsed, with the line, or whose settings
    /// fail; [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for `ssl_conf`, `oid_section`, `stbl_section`
    /// and `engines`. Each names the file. The context may then have a part of the settings, and is to be dropped.
    ///
    /// C: [`OSSL_LIB_CTX_load_config(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX/),
    /// [`config(5)`](https://docs.openssl.org/master/man5/config/)
    #[doc(alias = "OSSL_LIB_CTX_load_config")]
    #[doc(alias = "CONF_modules_load_file_ex")]
    pub fn load_config(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        // SAFETY: the context is ours, and nobody else uses it.
        unsafe { config::load(self.context, path.as_ref(), config::Reach::Context) }
    }

    /// Says whether contexts for TLS made in this library context report settings of a configuration that they cannot
    /// carry out, which they pass over otherwise. A file may say the same (`config_diagnostics`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 3.4.
    ///
    /// C: [`OSSL_LIB_CTX_set_conf_diagnostics(3)`](https://docs.openssl.org/master/man3/OSSL_LIB_CTX_set_conf_diagnostics/)
    #[doc(alias = "OSSL_LIB_CTX_set_conf_diagnostics")]
    pub fn set_config_diagnostics(&mut self, report: bool) -> Result<(), Error> {
        // SAFETY: the context is ours, and live.
        unsafe { compat::library::set_conf_diagnostics(self.context, report) }
    }

    /// The properties that every look-up in this context asks for, such as `fips=yes`. A [query](LibContext::with_properties)
    /// adds to them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for a query that cannot be parsed,
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a NUL byte.
    ///
    /// C: [`EVP_set_default_properties(3)`](https://docs.openssl.org/master/man3/EVP_set_default_properties/)
    #[doc(alias = "EVP_set_default_properties")]
    pub fn set_default_properties(&mut self, query: &str) -> Result<(), Error> {
        // SAFETY: the context is ours, and nobody else uses it.
        unsafe { set_default_properties(self.context, query) }
    }

    /// Adds `fips=yes` to the default properties. The provider `fips` is to be loaded besides, and `base`, which reads
    /// keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`EVP_default_properties_enable_fips(3)`](https://docs.openssl.org/master/man3/EVP_set_default_properties/)
    #[doc(alias = "EVP_default_properties_enable_fips")]
    pub fn require_fips(&mut self) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is ours, and nobody else uses it.
        let done = unsafe { sys::EVP_default_properties_enable_fips(self.context, 1) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("EVP_default_properties_enable_fips")) }
    }

    /// As [`LibContext::set_provider_search_path`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_provider_search_path(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.unbuilt().set_provider_search_path(path)
    }

    /// Loads a provider, which stays. The built-in `default` is then only there if it is loaded too.
    ///
    /// # Errors
    ///
    /// As [`Provider::load`].
    pub fn load_provider(&mut self, name: &str) -> Result<(), Error> {
        Provider::load(self.unbuilt(), name).map(drop)
    }

    /// As [`LibContext::providers`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn providers(&mut self) -> Result<Vec<ProviderInfo>, Error> {
        self.unbuilt().providers()
    }

    /// The context, which stays until the process ends.
    pub fn build(mut self) -> LibContext {
        let context = std::mem::replace(&mut self.context, ptr::null_mut());
        // SAFETY: it was ours, and is given up.
        unsafe { LibContext::keep(context) }
    }

    /// The handle, for a call that does not keep it.
    fn unbuilt(&self) -> LibContext {
        // SAFETY: live for as long as the handle is used.
        unsafe { LibContext::from_ptr(self.context) }
    }
}

impl Drop for LibContextBuilder {
    fn drop(&mut self) {
        if !self.context.is_null() {
            // SAFETY: it was not built, so it is ours, and is given up.
            unsafe { LibContext::keep(self.context) };
        }
    }
}

impl fmt::Debug for LibContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibContextBuilder").finish_non_exhaustive()
    }
}

/// # Safety
///
/// `context` is live or NULL, and nobody else uses it during the call.
pub(super) unsafe fn set_default_properties(
    context: *mut sys::OSSL_LIB_CTX,
    query: &str,
) -> Result<(), Error> {
    const CALL: &str = "EVP_set_default_properties";
    let query = strings::c_string(CALL, "the query", query)?;
    error::clear();
    // SAFETY: by this function's contract; C copies the query.
    let done = unsafe { ext::EVP_set_default_properties(context, query.as_ptr()) };
    if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
}
