//! What is checked in a chain, apart from names.

use std::ffi::{CString, c_int};
use std::ptr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{InheritFlags, VerifyFlags, X509Purpose, X509Trust, X509VerifyParamRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{compat, strings};

impl X509VerifyParamRef {
    /// The verify flags.
    ///
    /// C: [`X509_VERIFY_PARAM_get_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_flags")]
    pub fn flags(&self) -> VerifyFlags {
        // SAFETY: live, and the call only reads.
        VerifyFlags::from_bits_retain(unsafe { sys::X509_VERIFY_PARAM_get_flags(self.as_ptr()) })
    }

    /// Sets verify flags, beside those that are set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for one that weakens (`IGNORE_CRITICAL`, `ALLOW_PROXY_CERTS`, `NO_CHECK_TIME`,
    /// `USE_CHECK_TIME`) or is unknown, and for a level of Suite B beside another, which together allow either; nothing is
    /// then set. See [`danger_set_flags`](Self::danger_set_flags).
    ///
    /// C: [`X509_VERIFY_PARAM_set_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_flags")]
    pub fn set_flags(&mut self, flags: VerifyFlags) -> Result<(), Error> {
        let rest = flags.difference(VerifyFlags::HARMLESS);
        let suite_b = [self.flags(), flags].map(|flags| flags & VerifyFlags::SUITEB_128_LOS);
        let joined = !suite_b.contains(&VerifyFlags::empty()) && suite_b[0] != suite_b[1];
        if !rest.is_empty() || joined {
            let weakens = if joined { suite_b[1] } else { rest };
            let detail = format!("{weakens:?} can weaken the verification");
            return Err(
                Error::new(ErrorKind::InvalidInput, "X509_VERIFY_PARAM_set_flags").with_detail(detail)
            );
        }
        self.danger_set_flags(flags);
        Ok(())
    }

    /// Sets any verify flags, beside those that are set.
    ///
    /// C: [`X509_VERIFY_PARAM_set_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_flags")]
    pub fn danger_set_flags(&mut self, flags: VerifyFlags) {
        // SAFETY: live and borrowed for writing. The call cannot fail.
        unsafe { sys::X509_VERIFY_PARAM_set_flags(self.as_ptr(), flags.bits()) };
    }

    /// Takes verify flags away, whatever they guarded against.
    ///
    /// C: [`X509_VERIFY_PARAM_clear_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_clear_flags")]
    pub fn danger_clear_flags(&mut self, flags: VerifyFlags) {
        // SAFETY: live and borrowed for writing. The call cannot fail.
        unsafe { sys::X509_VERIFY_PARAM_clear_flags(self.as_ptr(), flags.bits()) };
    }

    /// What the certificate is to be used for; `None` where it is not set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.5.
    ///
    /// C: [`X509_VERIFY_PARAM_get_purpose(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_purpose")]
    pub fn purpose(&self) -> Result<Option<X509Purpose>, Error> {
        // SAFETY: live.
        let purpose = unsafe { compat::verify::purpose(self.as_ptr()) }?;
        Ok((purpose != 0).then_some(X509Purpose(purpose)))
    }

    /// Says what the certificate is to be used for. A connection has its own where none is set: a client judges servers,
    /// and a server clients.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for `ANY`, `OCSP_HELPER` and codes that are unknown here, with which OpenSSL looks
    /// at no usage: see [`danger_set_purpose`](Self::danger_set_purpose). [`ErrorKind::Refused`] for one that this
    /// OpenSSL does not know.
    ///
    /// C: [`X509_VERIFY_PARAM_set_purpose(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_purpose")]
    pub fn set_purpose(&mut self, purpose: X509Purpose) -> Result<(), Error> {
        if !purpose.is_checked() {
            return Err(Error::new(ErrorKind::InvalidInput, "X509_VERIFY_PARAM_set_purpose")
                .with_detail("no usage is checked for this purpose"));
        }
        self.danger_set_purpose(Some(purpose))
    }

    /// As [`set_purpose`](Self::set_purpose), for every purpose; `None` unsets it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for one that OpenSSL does not know; before OpenSSL 3.5 also for `None`.
    ///
    /// C: [`X509_VERIFY_PARAM_set_purpose(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_purpose")]
    pub fn danger_set_purpose(&mut self, purpose: Option<X509Purpose>) -> Result<(), Error> {
        error::clear();
        // SAFETY: live and borrowed for writing.
        let done = unsafe {
            sys::X509_VERIFY_PARAM_set_purpose(self.as_ptr(), purpose.map_or(0, |purpose| purpose.0))
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_VERIFY_PARAM_set_purpose")) }
    }

    /// Says what a root must be trusted for, where the store's certificates say what each is trusted for. Where it is not
    /// set, it follows from the purpose in a [`verify_chain`](crate::x509::X509StoreRef::verify_chain); on a connection it
    /// follows from its side, whatever the purpose, or from that of its store: who sets another purpose there sets this too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for `COMPAT`, which passes over what they say: see
    /// [`danger_set_trust`](Self::danger_set_trust). [`ErrorKind::Refused`] for one that OpenSSL does not know.
    ///
    /// C: [`X509_VERIFY_PARAM_set_trust(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_trust")]
    pub fn set_trust(&mut self, trust: X509Trust) -> Result<(), Error> {
        if trust == X509Trust::COMPAT {
            return Err(Error::new(ErrorKind::InvalidInput, "X509_VERIFY_PARAM_set_trust")
                .with_detail("with it every root is trusted for everything"));
        }
        self.danger_set_trust(trust)
    }

    /// As [`set_trust`](Self::set_trust), for every trust setting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for one that OpenSSL does not know.
    ///
    /// C: [`X509_VERIFY_PARAM_set_trust(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_trust")]
    pub fn danger_set_trust(&mut self, trust: X509Trust) -> Result<(), Error> {
        error::clear();
        // SAFETY: live and borrowed for writing.
        let done = unsafe { ext::X509_VERIFY_PARAM_set_trust(self.as_ptr(), trust.0) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_VERIFY_PARAM_set_trust")) }
    }

    /// How many certificates may stand between the peer's own and the root; `None` where it is not set.
    ///
    /// C: [`X509_VERIFY_PARAM_get_depth(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_depth")]
    pub fn depth(&self) -> Option<u32> {
        // SAFETY: live, and the call only reads.
        u32::try_from(unsafe { ext::X509_VERIFY_PARAM_get_depth(self.as_ptr()) }).ok()
    }

    /// Limits how many certificates may stand between the peer's own and the root; `None` unsets it, so that OpenSSL's
    /// limit of 100 counts.
    ///
    /// C: [`X509_VERIFY_PARAM_set_depth(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_depth")]
    pub fn set_depth(&mut self, depth: Option<u32>) {
        let depth = depth.map_or(-1, |depth| c_int::try_from(depth).unwrap_or(c_int::MAX));
        // SAFETY: live and borrowed for writing.
        unsafe { sys::X509_VERIFY_PARAM_set_depth(self.as_ptr(), depth) };
    }

    /// The security level that keys and signatures in the chain must have; `None` where it is not set.
    ///
    /// C: [`X509_VERIFY_PARAM_get_auth_level(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_auth_level")]
    pub fn auth_level(&self) -> Option<u32> {
        // SAFETY: live, and the call only reads.
        u32::try_from(unsafe { sys::X509_VERIFY_PARAM_get_auth_level(self.as_ptr()) }).ok()
    }

    /// Raises the security level that keys and signatures in the chain must have, where one is set; one that is higher
    /// stays.
    ///
    /// Where none is set, a connection demands its own security level, which is not known here and may be the higher
    /// one: raise that instead. For a chain that is verified alone there is
    /// [`ChainVerifier::auth_level`](crate::x509::ChainVerifier::auth_level).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] where none is set.
    ///
    /// C: [`X509_VERIFY_PARAM_set_auth_level(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_auth_level")]
    pub fn raise_auth_level(&mut self, level: u32) -> Result<(), Error> {
        match self.auth_level() {
            None => Err(Error::new(ErrorKind::NotReady, "X509_VERIFY_PARAM_set_auth_level")
                .with_detail("no level is set that could be raised")),
            Some(present) => {
                self.danger_set_auth_level(Some(present.max(level)));
                Ok(())
            }
        }
    }

    /// Sets the security level that keys and signatures in the chain must have, 0 for none at all; `None` unsets it.
    /// On a connection it takes the place of the connection's security level, be that higher or not.
    ///
    /// C: [`X509_VERIFY_PARAM_set_auth_level(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_auth_level")]
    pub fn danger_set_auth_level(&mut self, level: Option<u32>) {
        let level = level.map_or(-1, |level| c_int::try_from(level).unwrap_or(c_int::MAX));
        // SAFETY: live and borrowed for writing.
        unsafe { sys::X509_VERIFY_PARAM_set_auth_level(self.as_ptr(), level) };
    }

    /// The time as of which the chain is judged; `None` where it is the present.
    ///
    /// C: [`X509_VERIFY_PARAM_get_time(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_time")]
    #[allow(clippy::useless_conversion)] // `time_t` has 32 bits on some targets
    pub fn time(&self) -> Option<SystemTime> {
        if !self.flags().contains(VerifyFlags::USE_CHECK_TIME) {
            return None;
        }
        // SAFETY: live, and the call only reads.
        let seconds = i64::from(unsafe { ext::X509_VERIFY_PARAM_get_time(self.as_ptr()) });
        let distance = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
    }

    /// Judges the chain, and revocation lists, as of this time, in whole seconds: what has expired since passes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a time that C's `time_t` cannot hold.
    ///
    /// C: [`X509_VERIFY_PARAM_set_time(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_time")]
    pub fn danger_set_time(&mut self, time: SystemTime) -> Result<(), Error> {
        let seconds = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_secs()).ok(),
            Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
        };
        let Some(seconds) = seconds.and_then(|seconds| libc::time_t::try_from(seconds).ok()) else {
            return Err(Error::new(ErrorKind::InvalidInput, "X509_VERIFY_PARAM_set_time")
                .with_detail("the time is out of range"));
        };
        // SAFETY: live and borrowed for writing.
        unsafe { sys::X509_VERIFY_PARAM_set_time(self.as_ptr(), seconds) };
        Ok(())
    }

    /// Judges the chain as of the present again.
    ///
    /// C: [`X509_VERIFY_PARAM_clear_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_clear_flags")]
    pub fn clear_time(&mut self) {
        self.danger_clear_flags(VerifyFlags::USE_CHECK_TIME);
    }

    /// Sets the certificate policies that are acceptable, each an object identifier in numbers such as `2.23.140.1.2.1`,
    /// in place of those before, and looks at policies. A chain without any of them is only refused with
    /// [`VerifyFlags::EXPLICIT_POLICY`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty list, or for what is no object identifier; nothing is then changed.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_policies(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_policies")]
    pub fn set_policies(&mut self, policies: &[&str]) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_policies";
        if policies.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the list is empty"));
        }
        let mut policies =
            policies.iter().map(|policy| Oid::new(CALL, policy)).collect::<Result<Vec<_>, _>>()?.into_iter();
        // Nothing but memory can be lacking from here on; the set then has fewer policies, which is stricter.
        self.danger_clear_policies()?;
        policies.try_for_each(|policy| self.add(policy))?;
        self.set_flags(VerifyFlags::POLICY_CHECK)
    }

    /// Adds a certificate policy to those that are acceptable, and does not make OpenSSL look at policies.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no object identifier in numbers.
    ///
    /// C: [`X509_VERIFY_PARAM_add0_policy(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_add0_policy")]
    pub fn add_policy(&mut self, policy: &str) -> Result<(), Error> {
        self.add(Oid::new("X509_VERIFY_PARAM_add0_policy", policy)?)
    }

    fn add(&mut self, policy: Oid) -> Result<(), Error> {
        error::clear();
        // SAFETY: live and borrowed for writing; C owns the object once the call succeeds (add0).
        if unsafe { ext::X509_VERIFY_PARAM_add0_policy(self.as_ptr(), policy.0) } != 1 {
            return Err(Error::from_queue("X509_VERIFY_PARAM_add0_policy"));
        }
        std::mem::forget(policy);
        Ok(())
    }

    /// Accepts every policy.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if OpenSSL fails.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_policies(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_policies")]
    pub fn danger_clear_policies(&mut self) -> Result<(), Error> {
        error::clear();
        // SAFETY: live and borrowed for writing; NULL takes all away.
        let done = unsafe { ext::X509_VERIFY_PARAM_set1_policies(self.as_ptr(), ptr::null_mut()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_VERIFY_PARAM_set1_policies")) }
    }

    /// How these settings are taken over.
    ///
    /// C: [`X509_VERIFY_PARAM_get_inh_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_inh_flags")]
    pub fn inherit_flags(&self) -> InheritFlags {
        // SAFETY: live, and the call only reads.
        InheritFlags::from_bits_retain(unsafe { ext::X509_VERIFY_PARAM_get_inh_flags(self.as_ptr()) })
    }

    /// Says how these settings are taken over, here from others and by others from here. The settings of a connection are
    /// taken over by each verification: [locked](InheritFlags::LOCKED) ones have no effect, the names among them.
    ///
    /// C: [`X509_VERIFY_PARAM_set_inh_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_inh_flags")]
    pub fn danger_set_inherit_flags(&mut self, flags: InheritFlags) {
        // SAFETY: live and borrowed for writing. The call cannot fail.
        unsafe { ext::X509_VERIFY_PARAM_set_inh_flags(self.as_ptr(), flags.bits()) };
    }
}

/// An object identifier of our own.
struct Oid(*mut sys::ASN1_OBJECT);

impl Oid {
    fn new(call: &'static str, text: &str) -> Result<Self, Error> {
        let text: CString = strings::c_string_not_empty(call, "the policy", text)?;
        error::clear();
        // SAFETY: the string outlives the call; 1 takes numbers only, no names.
        let oid = unsafe { sys::OBJ_txt2obj(text.as_ptr(), 1) };
        if oid.is_null() {
            error::clear();
            let detail = format!("{} is no object identifier", text.to_string_lossy());
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail));
        }
        Ok(Self(oid))
    }
}

impl Drop for Oid {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { sys::ASN1_OBJECT_free(self.0) };
    }
}
