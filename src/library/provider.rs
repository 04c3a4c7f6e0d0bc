//! Providers: what a library context has its algorithms from.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fmt, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::LibContext;
use crate::error::{self, Error};
use crate::ffi::strings;

/// A provider that was loaded here. It stays loaded when this is dropped: a program that loads one wants it until it
/// ends. [`unload`](Self::unload) takes it back.
///
/// C: [`OSSL_PROVIDER(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
#[doc(alias = "OSSL_PROVIDER")]
pub struct Provider {
    /// Live while this is: its activation is ours.
    provider: *mut sys::OSSL_PROVIDER,
    lib: LibContext,
}

// SAFETY: a provider has no tie to a thread, counts its references and activations under locks of its own, and belongs
// to a context that lives until the process ends.
unsafe impl Send for Provider {}
// SAFETY: as above; nothing on `&Provider` writes what is not locked.
unsafe impl Sync for Provider {}

impl Provider {
    /// Loads a provider: `default`, `base`, `legacy`, `fips`, `null`, or a module in the
    /// [search path](LibContext::set_provider_search_path). The context no longer loads `default` by itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) with the name where there is none or it does not start, as
    /// `fips` does not where its own tests fail; [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a name
    /// that is empty or holds a NUL byte.
    ///
    /// C: [`OSSL_PROVIDER_load(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_load")]
    pub fn load(lib: LibContext, name: &str) -> Result<Self, Error> {
        const CALL: &str = "OSSL_PROVIDER_load";
        Self::loaded(CALL, lib, name, |name| {
            // SAFETY: the context is live or NULL, and the name outlives the call.
            unsafe { sys::OSSL_PROVIDER_load(lib.as_ptr(), name.as_ptr()) }
        })
    }

    /// As [`load`](Self::load), and the context goes on loading `default` by itself where nothing else is loaded.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// C: [`OSSL_PROVIDER_try_load(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_try_load")]
    pub fn try_load(lib: LibContext, name: &str) -> Result<Self, Error> {
        const CALL: &str = "OSSL_PROVIDER_try_load";
        Self::loaded(CALL, lib, name, |name| {
            // SAFETY: the context is live or NULL, and the name outlives the call; 1 keeps the fallback.
            unsafe { sys::OSSL_PROVIDER_try_load(lib.as_ptr(), name.as_ptr(), 1) }
        })
    }

    fn loaded(
        call: &'static str,
        lib: LibContext,
        name: &str,
        load: impl FnOnce(&CStr) -> *mut sys::OSSL_PROVIDER,
    ) -> Result<Self, Error> {
        let c_name = strings::c_string_not_empty(call, "the name", name)?;
        error::clear();
        let provider = load(&c_name);
        if provider.is_null() {
            return Err(Error::from_queue(call).with_detail(format!("provider {name:?}")));
        }
        error::clear();
        Ok(Self { provider, lib })
    }

    /// What the provider says of itself.
    #[doc(alias = "OSSL_PROVIDER_get0_name")]
    pub fn info(&self) -> ProviderInfo {
        // SAFETY: live while this is.
        let info = unsafe { ProviderInfo::of(self.provider) };
        error::clear();
        info
    }

    /// Lets the provider test itself, as `fips` did when it was loaded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) where it fails; none of its algorithms can be used then.
    ///
    /// C: [`OSSL_PROVIDER_self_test(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_self_test")]
    pub fn self_test(&self) -> Result<(), Error> {
        error::clear();
        // SAFETY: live while this is; the provider locks its state.
        let passed = unsafe { ext::OSSL_PROVIDER_self_test(self.provider) };
        if passed == 1 { Ok(()) } else { Err(Error::from_queue("OSSL_PROVIDER_self_test")) }
    }

    /// Takes the loading back. What was made with its algorithms keeps them and can still be used: C holds the provider
    /// for them. New things are made without it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or
    /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL cannot.
    ///
    /// # Safety
    ///
    /// No other thread uses OpenSSL during this call: where nothing holds the provider any more, C walks over lists that
    /// each thread extends without a lock, in every version until now.
    ///
    /// C: [`OSSL_PROVIDER_unload(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_unload")]
    pub unsafe fn unload(self) -> Result<(), Error> {
        let this = ManuallyDrop::new(self);
        error::clear();
        // SAFETY: the activation is ours, and given back once; and by this function's contract.
        let done = unsafe { sys::OSSL_PROVIDER_unload(this.provider) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("OSSL_PROVIDER_unload")) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::OSSL_PROVIDER {
        self.provider
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        kept().push(Kept { context: self.lib.as_ptr(), provider: self.provider });
    }
}

/// A provider that stays loaded until its context goes.
struct Kept {
    context: *mut sys::OSSL_LIB_CTX,
    provider: *mut sys::OSSL_PROVIDER,
}

// SAFETY: neither has a tie to a thread.
unsafe impl Send for Kept {}

/// All that stay, so that whoever looks for leaks finds them held.
fn kept() -> MutexGuard<'static, Vec<Kept>> {
    static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the loadings in a context back, for a provider outlives its context otherwise.
///
/// # Safety
///
/// `context` is live and goes next, and no other thread uses OpenSSL.
pub(super) unsafe fn release(context: *mut sys::OSSL_LIB_CTX) {
    let mut all = kept();
    let (gone, stay): (Vec<_>, Vec<_>) =
        std::mem::take(&mut *all).into_iter().partition(|kept| kept.context == context);
    *all = stay;
    drop(all);
    for Kept { provider, .. } in gone {
        // SAFETY: the activation was kept for this, and is given back once; and by this function's contract.
        unsafe { sys::OSSL_PROVIDER_unload(provider) };
    }
    error::clear();
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: live while this is.
        f.debug_tuple("Provider").field(&unsafe { ProviderInfo::of(self.provider) }.name).finish()
    }
}

/// What a provider says of itself, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderInfo {
    /// The name it is loaded by.
    pub name: String,
    /// Its full name; empty if it does not tell.
    pub title: String,
    /// Its version; empty if it does not tell.
    pub version: String,
    /// What it was built from; empty if it does not tell.
    pub build_info: String,
    /// Whether it works. `fips` does not once a test of its own has failed.
    pub running: bool,
}

impl ProviderInfo {
    /// # Safety
    ///
    /// `provider` is live.
    unsafe fn of(provider: *const sys::OSSL_PROVIDER) -> Self {
        // SAFETY: live by this function's contract; the name is copied at once.
        let name = unsafe { strings::lossy(ext::OSSL_PROVIDER_get0_name(provider)) };
        // SAFETY: as above.
        let text = |key| unsafe { text_parameter(provider, key) };
        let mut status: c_int = 0;
        // SAFETY: the parameters point to a local of the type C writes, and end where C looks for their end.
        let told = unsafe {
            let mut parameters = [
                ext::OSSL_PARAM_construct_int(c"status".as_ptr(), &raw mut status),
                sys::OSSL_PARAM_construct_end(),
            ];
            ext::OSSL_PROVIDER_get_params(provider, parameters.as_mut_ptr())
        };
        Self {
            name,
            title: text(c"name"),
            version: text(c"version"),
            build_info: text(c"buildinfo"),
            running: told == 1 && status == 1,
        }
    }
}

/// One text that a provider tells of itself. It may know another kind of parameter, or none.
///
/// # Safety
///
/// `provider` is live.
unsafe fn text_parameter(provider: *const sys::OSSL_PROVIDER, key: &'static CStr) -> String {
    let mut value: *mut c_char = ptr::null_mut();
    // SAFETY: the parameters point to a local of the type C writes, and end where C looks for their end. What C puts
    // there is a string of the provider's, which is live, and it is copied at once.
    unsafe {
        let mut parameters = [
            ext::OSSL_PARAM_construct_utf8_ptr(key.as_ptr(), &raw mut value, 0),
            sys::OSSL_PARAM_construct_end(),
        ];
        ext::OSSL_PROVIDER_get_params(provider, parameters.as_mut_ptr());
        strings::lossy(value)
    }
}

impl LibContext {
    /// The providers that are loaded. Where nothing was chosen, this loads `default`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) or [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if
    /// OpenSSL cannot list them.
    ///
    /// C: [`OSSL_PROVIDER_do_all(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_do_all")]
    #[doc(alias = "OSSL_PROVIDER_get_params")]
    pub fn providers(&self) -> Result<Vec<ProviderInfo>, Error> {
        let mut found: Vec<ProviderInfo> = Vec::new();
        error::clear();
        // SAFETY: the context is live or NULL; the callback gets a pointer to the local that it expects.
        let done =
            unsafe { ext::OSSL_PROVIDER_do_all(self.as_ptr(), Some(collect), (&raw mut found).cast()) };
        if done != 1 {
            return Err(Error::from_queue("OSSL_PROVIDER_do_all"));
        }
        // Providers that do not know a question leave entries behind.
        error::clear();
        Ok(found)
    }

    /// How many kinds of signatures the providers bring for TLS beyond those that libssl knows itself, as SSL_CTX_new(3)
    /// counts them.
    pub(crate) fn added_signature_kinds(&self) -> Result<usize, Error> {
        let mut count = 0_usize;
        error::clear();
        // SAFETY: the context is live or NULL; the callback gets a pointer to the local that it expects.
        let done = unsafe { ext::OSSL_PROVIDER_do_all(self.as_ptr(), Some(ask), (&raw mut count).cast()) };
        if done != 1 {
            return Err(Error::from_queue("OSSL_PROVIDER_do_all"));
        }
        error::clear();
        Ok(count)
    }

    /// Whether a provider is loaded. Whether it works, its [`running`](ProviderInfo::running) says.
    ///
    /// C: [`OSSL_PROVIDER_available(3)`](https://docs.openssl.org/master/man3/OSSL_PROVIDER/)
    #[doc(alias = "OSSL_PROVIDER_available")]
    pub fn provider_available(&self, name: &str) -> bool {
        const CALL: &str = "OSSL_PROVIDER_available";
        let Ok(name) = strings::c_string(CALL, "the name", name) else { return false };
        // SAFETY: the context is live or NULL, and the name outlives the call.
        let available = unsafe { ext::OSSL_PROVIDER_available(self.as_ptr(), name.as_ptr()) } == 1;
        error::clear();
        available
    }
}

unsafe extern "C" fn collect(provider: *mut sys::OSSL_PROVIDER, found: *mut c_void) -> c_int {
    // SAFETY: C lends a live provider, and hands on the pointer that `providers` gave it, which nobody else uses.
    unsafe { (*found.cast::<Vec<ProviderInfo>>()).push(ProviderInfo::of(provider)) };
    1
}

unsafe extern "C" fn ask(provider: *mut sys::OSSL_PROVIDER, count: *mut c_void) -> c_int {
    // SAFETY: C lends a live provider, and hands on the pointer that `added_signature_kinds` gave it.
    unsafe { ext::OSSL_PROVIDER_get_capabilities(provider, c"TLS-SIGALG".as_ptr(), Some(tally), count) };
    1
}

unsafe extern "C" fn tally(_: *const sys::OSSL_PARAM, count: *mut c_void) -> c_int {
    // SAFETY: the pointer that `added_signature_kinds` gave C, which nobody else uses.
    unsafe { *count.cast::<usize>() += 1 };
    1
}
