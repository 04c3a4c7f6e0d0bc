//! `X509_VERIFY_PARAM`: how a chain is verified.

mod names;
mod settings;
mod values;

use std::ffi::CStr;
use std::fmt;

use foreign_types::{ForeignType, ForeignTypeRef, foreign_type};
use openssl_sys as sys;
use openssl_sys_ext as ext;

pub(crate) use names::Texts;
pub use values::{HostFlags, InheritFlags, VerifyFlags, X509Purpose, X509Trust};

use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;

// `Send` and `Sync`: a block of plain settings without a tie to a thread; writing takes `&mut`. It is not shared by
// reference count: C copies it wherever it is set (set1), so that a `&mut` to it has no other owner.
foreign_type! {
    /// The settings by which chains are verified.
    ///
    /// Each setting is unset at first. What is unset where a chain is verified is taken from the store's settings, or
    /// from the context's and the role's on a connection, or from OpenSSL's own.
    #[doc(alias = "X509_VERIFY_PARAM")]
    pub unsafe type X509VerifyParam: Send + Sync {
        type CType = sys::X509_VERIFY_PARAM;
        fn drop = free;
    }
}

/// # Safety
///
/// `param` is live, and the caller's own.
unsafe fn free(param: *mut sys::X509_VERIFY_PARAM) {
    // SAFETY: by this function's contract. C does not free the name with the rest: NULL in its place does.
    unsafe {
        ext::X509_VERIFY_PARAM_set1_name(param, std::ptr::null());
        sys::X509_VERIFY_PARAM_free(param);
    }
}

impl X509VerifyParam {
    /// Settings in which nothing is set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`X509_VERIFY_PARAM_new(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_new")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let param = unsafe { sys::X509_VERIFY_PARAM_new() };
        if param.is_null() {
            return Err(Error::from_queue("X509_VERIFY_PARAM_new"));
        }
        // SAFETY: not NULL, and ours.
        Ok(unsafe { <Self as ForeignType>::from_ptr(param) })
    }

    /// A copy of the settings that OpenSSL knows by this name: `default`, `pkcs7`, `smime_sign`, `ssl_client`,
    /// `ssl_server`, and from 4.0 `code_sign`. `ssl_server` is for whoever judges a server.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a name that it does not know.
    ///
    /// C: [`X509_VERIFY_PARAM_lookup(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_lookup")]
    pub fn lookup(name: &str) -> Result<Self, Error> {
        const CALL: &str = "X509_VERIFY_PARAM_lookup";
        let name = strings::c_string(CALL, "the name", name)?;
        error::clear();
        // SAFETY: the string outlives the call. The table that it looks in is C's constant one: nothing here adds to it.
        let param = unsafe { ext::X509_VERIFY_PARAM_lookup(name.as_ptr()) };
        if param.is_null() {
            error::clear();
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("there are no such settings"));
        }
        // SAFETY: not NULL, and an entry of the library's table, which stays.
        unsafe { X509VerifyParamRef::from_ptr(param.cast_mut()) }.try_clone()
    }

    /// Names the settings. It has no effect on verification.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a NUL byte.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_name(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_name")]
    pub fn set_name(&mut self, name: impl AsRef<[u8]>) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_name";
        let name = strings::c_string(CALL, "the name", name)?;
        error::clear();
        // SAFETY: live and borrowed for writing; C copies the string.
        let done = unsafe { ext::X509_VERIFY_PARAM_set1_name(self.as_ptr(), name.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }

    /// Takes over settings from C, which the caller owned.
    ///
    /// # Safety
    ///
    /// `param` is a live `X509_VERIFY_PARAM` that the caller owns, and that no other object has. With OpenSSL 4.0, its names
    /// and addresses were set on it, and not copied from other settings: C copies them without the NUL at their end, and
    /// here they are read up to that.
    pub unsafe fn from_ptr(param: *mut sys::X509_VERIFY_PARAM) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(param) }
    }

    /// Copies settings of C's, which have no reference count to share them by.
    ///
    /// # Safety
    ///
    /// `param` is live, and nobody changes it during the call; its names are as for [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// As [`try_clone`](X509VerifyParamRef::try_clone).
    pub unsafe fn copy_from_ptr(param: *mut sys::X509_VERIFY_PARAM) -> Result<Self, Error> {
        // SAFETY: by this function's contract; the borrow ends with the call.
        unsafe { X509VerifyParamRef::from_ptr(param) }.try_clone()
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::X509_VERIFY_PARAM {
        ForeignType::as_ptr(self)
    }

    /// Gives the object to C.
    pub fn into_ptr(self) -> *mut sys::X509_VERIFY_PARAM {
        ForeignType::into_ptr(self)
    }
}

impl X509VerifyParamRef {
    /// Borrows settings of C's.
    ///
    /// # Safety
    ///
    /// `param` is live for `'a`, and nobody changes it for as long. With OpenSSL 4.0, its names are as for
    /// [`Ssl::from_ptr`](crate::Ssl::from_ptr).
    pub unsafe fn from_ptr<'a>(param: *mut sys::X509_VERIFY_PARAM) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(param) }
    }

    /// Borrows settings of C's for changing them.
    ///
    /// # Safety
    ///
    /// `param` is live for `'a`, and nobody else uses it for as long. With OpenSSL 4.0, its names are as for
    /// [`Ssl::from_ptr`](crate::Ssl::from_ptr).
    pub unsafe fn from_ptr_mut<'a>(param: *mut sys::X509_VERIFY_PARAM) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr_mut(param) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::X509_VERIFY_PARAM {
        ForeignTypeRef::as_ptr(self)
    }

    /// A copy of all settings. The name that matched is not one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for settings that are [locked](InheritFlags::LOCKED), of which C copies nothing.
    #[doc(alias = "X509_VERIFY_PARAM_set1")]
    pub fn try_clone(&self) -> Result<X509VerifyParam, Error> {
        let mut copy = X509VerifyParam::new()?;
        copy.set_from(self)?;
        copy.danger_set_inherit_flags(self.inherit_flags());
        if let Some(name) = self.name() {
            copy.set_name(name.to_bytes())?;
        }
        Ok(copy)
    }

    /// Takes what is set in `other`, whether it is set here or not; verify flags join those that are set here.
    ///
    /// It can weaken: `other` may let pass what these settings refuse.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] where one of both is [locked](InheritFlags::LOCKED), with which C takes nothing and
    /// says nothing; [`ErrorKind::Unspecified`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_VERIFY_PARAM_set1(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1")]
    pub fn set_from(&mut self, other: &Self) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1";
        self.demand_unlocked(CALL, other)?;
        error::clear();
        // SAFETY: both are live, `self` is borrowed for writing, and C copies what it takes.
        if unsafe { ext::X509_VERIFY_PARAM_set1(self.as_ptr(), other.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        self.mend(CALL, other, &Texts::default())
    }

    /// Takes what is set in `other` and not here; verify flags join those that are set here. The
    /// [inherit flags](InheritFlags) of both can say otherwise.
    ///
    /// # Errors
    ///
    /// As [`set_from`](Self::set_from).
    ///
    /// C: [`X509_VERIFY_PARAM_inherit(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_inherit")]
    pub fn inherit_from(&mut self, other: &Self) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_inherit";
        self.demand_unlocked(CALL, other)?;
        let replaces = InheritFlags::DEFAULT | InheritFlags::OVERWRITE;
        let replaces = (self.inherit_flags() | other.inherit_flags()).intersects(replaces);
        let had = if replaces { Texts::default() } else { self.texts() };
        error::clear();
        // SAFETY: both are live, `self` is borrowed for writing, and C copies what it takes.
        if unsafe { ext::X509_VERIFY_PARAM_inherit(self.as_ptr(), other.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        self.mend(CALL, other, &had)
    }

    /// Makes these settings the same as those of `source`, in what is set there and in what is not.
    pub(crate) fn replace_with(&mut self, call: &'static str, source: &Self) -> Result<(), Error> {
        self.danger_set_inherit_flags(InheritFlags::OVERWRITE | InheritFlags::RESET_FLAGS);
        self.demand_unlocked(call, source)?;
        error::clear();
        // SAFETY: both are live, `self` is borrowed for writing, and C copies what it takes.
        if unsafe { ext::X509_VERIFY_PARAM_inherit(self.as_ptr(), source.as_ptr()) } != 1 {
            return Err(Error::from_queue(call));
        }
        self.danger_set_inherit_flags(source.inherit_flags());
        self.mend_copy(call, source)
    }

    pub(crate) fn demand_unlocked(&self, call: &'static str, other: &Self) -> Result<(), Error> {
        if (self.inherit_flags() | other.inherit_flags()).contains(InheritFlags::LOCKED) {
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the settings are locked"));
        }
        Ok(())
    }

    /// The name of the settings, if they have one.
    ///
    /// C: [`X509_VERIFY_PARAM_get0_name(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get0_name")]
    pub fn name(&self) -> Option<&CStr> {
        // SAFETY: live; get0: the string stays while nobody sets another, which takes `&mut`.
        unsafe { strings::lend(ext::X509_VERIFY_PARAM_get0_name(self.as_ptr())) }
    }
}

impl fmt::Debug for X509VerifyParamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("X509VerifyParam");
        debug.field("name", &self.name()).field("flags", &self.flags());
        // Before 3.5 it cannot be told.
        if let Ok(purpose) = self.purpose() {
            debug.field("purpose", &purpose);
        }
        debug.field("depth", &self.depth()).field("auth_level", &self.auth_level());
        debug.field("time", &self.time()).field("inherit_flags", &self.inherit_flags());
        debug.field("hosts", &self.hosts()).field("host_flags", &self.host_flags());
        debug.field("email", &self.email()).field("ip", &self.ip_text());
        debug.field("peer_name", &self.peer_name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for X509VerifyParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
