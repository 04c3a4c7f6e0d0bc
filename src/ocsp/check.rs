//! Judging a response: everything must be right, or the answer is an error that says what is not.

use std::ffi::{c_int, c_ulong};
use std::time::{Duration, SystemTime};

use bitflags::bitflags;
use openssl_sys_ext as ext;

use super::{OcspBasicResponse, OcspCertStatus, OcspRequest, OcspResponse, OcspSingleResponse};
use crate::error::{self, Error, ErrorStack, OcspRefusal};
use crate::ffi::compat::ocsp as compat;
use crate::library::LibContext;
use crate::x509::{Stack, X509, X509Ref, X509StoreRef};

bitflags! {
    /// `OCSP_…`: how the signer of a response is verified.
    ///
    /// C: [`OCSP_basic_verify(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OcspVerifyFlags: c_ulong {
        /// `OCSP_NOINTERN`: the signer's certificate must be known here; those in the response are not looked at for it.
        #[doc(alias = "OCSP_NOINTERN")]
        const NO_INTERN = 0x2;
        /// `OCSP_NOCHAIN`: the certificates in the response are not used to build the signer's chain.
        #[doc(alias = "OCSP_NOCHAIN")]
        const NO_CHAIN = 0x8;
        /// `OCSP_NOEXPLICIT`: a root that is marked as trusted for OCSP does not replace the issuer's own word.
        #[doc(alias = "OCSP_NOEXPLICIT")]
        const NO_EXPLICIT = 0x20;
        /// `OCSP_PARTIAL_CHAIN`: the chain may end with any certificate of the store.
        #[doc(alias = "OCSP_PARTIAL_CHAIN")]
        const PARTIAL_CHAIN = 0x1000;
    }
}

bitflags! {
    /// `OCSP_…`: what is not verified. With any of these a response may be anybody's.
    ///
    /// C: [`OCSP_basic_verify(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OcspDangerousFlags: c_ulong {
        /// `OCSP_NOSIGS`: not the signature.
        #[doc(alias = "OCSP_NOSIGS")]
        const NO_SIGNATURES = 0x4;
        /// `OCSP_NOVERIFY`: not the signer's certificate.
        #[doc(alias = "OCSP_NOVERIFY")]
        const NO_VERIFY = 0x10;
        /// `OCSP_NOCHECKS`: not whether the signer may speak for the issuer.
        #[doc(alias = "OCSP_NOCHECKS")]
        const NO_CHECKS = 0x100;
        /// `OCSP_TRUSTOTHER`: not the signer's certificate, if it is among those that are known here.
        #[doc(alias = "OCSP_TRUSTOTHER")]
        const TRUST_OTHER = 0x200;
    }
}

/// How a response is judged. What is not set here is as strict as it can be.
///
/// C: [`OCSP_check_validity(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
#[derive(Clone, Debug)]
#[doc(alias = "OCSP_check_validity")]
pub struct OcspCheck {
    skew: Duration,
    max_age: Option<Duration>,
    max_age_without_end: Duration,
    at: Option<SystemTime>,
    request: Option<OcspRequest>,
    untrusted: Vec<X509>,
    flags: c_ulong,
    lib: LibContext,
}

impl Default for OcspCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl OcspCheck {
    /// Clocks may differ by five minutes; a response is good until the end that it names, and one that names none for
    /// seven days.
    pub fn new() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self {
            skew: Duration::from_secs(300),
            max_age: None,
            max_age_without_end: DAY * 7,
            at: None,
            request: None,
            untrusted: Vec::new(),
            flags: 0,
            lib: LibContext::default(),
        }
    }

    /// By how much the clocks may differ.
    #[must_use]
    pub fn skew(mut self, skew: Duration) -> Self {
        self.skew = skew;
        self
    }

    /// How old a response may be at most, whatever end it names.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// How old a response may be that names no end (C's default is: as old as it likes).
    #[must_use]
    pub fn max_age_without_next_update(mut self, age: Duration) -> Self {
        self.max_age_without_end = age;
        self
    }

    /// Judges the response's times as of this moment, and not as of now. The chain of its signer is judged as the store
    /// says.
    #[must_use]
    pub fn at(mut self, moment: SystemTime) -> Self {
        self.at = Some(moment);
        self
    }

    /// Demands that the response repeat the nonce of this request, if it has one.
    ///
    /// C: [`OCSP_check_nonce(3)`](https://docs.openssl.org/master/man3/OCSP_request_add1_nonce/)
    #[doc(alias = "OCSP_check_nonce")]
    #[must_use]
    pub fn answers(mut self, request: &OcspRequest) -> Self {
        self.request = Some(request.clone());
        self
    }

    /// More certificates, among which the signer's may be, and to build its chain with. None of them is trusted.
    #[must_use]
    pub fn untrusted(mut self, certificates: &[X509]) -> Self {
        self.untrusted.extend_from_slice(certificates);
        self
    }

    /// Sets how the signer is verified.
    #[must_use]
    pub fn flags(mut self, flags: OcspVerifyFlags) -> Self {
        // No other bit: they are dangerous.
        self.flags |= flags.intersection(OcspVerifyFlags::all()).bits();
        self
    }

    /// Sets what is not verified.
    #[must_use]
    pub fn danger_flags(mut self, flags: OcspDangerousFlags) -> Self {
        self.flags |= flags.intersection(OcspDangerousFlags::all()).bits();
        self
    }

    /// Takes the hashes that certificates are named by from a library context. OpenSSL itself verifies signatures, and
    /// whether the signer may speak for the issuer, in the process's own context.
    #[must_use]
    pub fn library(mut self, lib: LibContext) -> Self {
        self.lib = lib;
        self
    }

    pub(super) fn lib(&self) -> LibContext {
        self.lib
    }

    /// The certificates that are known besides those in a response.
    pub(super) fn known(&self) -> &[X509] {
        &self.untrusted
    }

    /// Whether it counts who signed.
    pub(super) fn verifies_signer(&self) -> bool {
        let without = OcspDangerousFlags::NO_VERIFY | OcspDangerousFlags::TRUST_OTHER;
        self.flags & without.bits() == 0
    }

    /// Whether a single response is one of now.
    ///
    /// # Errors
    ///
    /// [`OcspRefusal::NotYetValid`], [`OcspRefusal::Stale`], or [`OcspRefusal::Malformed`] if it ends before it begins.
    pub(super) fn timeliness(&self, response: &OcspSingleResponse) -> Result<(), OcspRefusal> {
        let now = self.at.unwrap_or_else(SystemTime::now);
        let (this, next) = (response.this_update(), response.next_update());
        if next.is_some_and(|next| next < this) {
            return Err(OcspRefusal::Malformed);
        }
        if this.duration_since(now).is_ok_and(|early| early > self.skew) {
            return Err(OcspRefusal::NotYetValid);
        }
        if next.is_some_and(|next| now.duration_since(next).is_ok_and(|late| late > self.skew)) {
            return Err(OcspRefusal::Stale);
        }
        let limit = match next {
            Some(_) => self.max_age,
            None => Some(self.max_age.unwrap_or(self.max_age_without_end).min(self.max_age_without_end)),
        };
        let age = now.duration_since(this).unwrap_or_default();
        if limit.is_some_and(|limit| age > limit) {
            return Err(OcspRefusal::Stale);
        }
        Ok(())
    }
}

impl OcspResponse {
    /// What the response says about `certificate`, which `issuer` issued, if that is "good" and everything about it is
    /// right: the responder was successful, its signature is good, its chain leads to `store`, it may speak for the
    /// issuer, the response is of now, and answers the request that [`OcspCheck::answers`] names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`](crate::ErrorKind::Verification), of which [`Error::ocsp_refusal`] says what is not
    /// right. A certificate that is revoked, or that the responder does not know, is an error too, and so is an extension that
    /// is critical and that nobody here knows.
    ///
    /// C: [`OCSP_basic_verify(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_basic_verify")]
    #[doc(alias = "OCSP_resp_find_status")]
    #[doc(alias = "OCSP_check_validity")]
    pub fn verify_for(
        &self,
        certificate: &X509Ref,
        issuer: &X509Ref,
        store: &X509StoreRef,
        check: &OcspCheck,
    ) -> Result<OcspSingleResponse, Error> {
        const CALL: &str = "OCSP_resp_find_status";
        let refuse = |refusal| Error::status_refused(CALL, refusal);
        let basic = self.verify_signer(&[issuer.to_owned()], store, check)?;
        if basic.demands_unknown() {
            return Err(refuse(OcspRefusal::Malformed));
        }
        let found = basic
            .find_in(check.lib, certificate, issuer)
            .ok_or_else(|| refuse(OcspRefusal::OtherCertificate))?;
        match found.status() {
            // Also if it is old: what was revoked stays so, and this is what the caller must know first.
            OcspCertStatus::Revoked { at, reason } => Err(refuse(OcspRefusal::Revoked { at, reason })),
            status => {
                check.timeliness(found).map_err(refuse)?;
                match status {
                    OcspCertStatus::Good => Ok(found.clone()),
                    _ => Err(refuse(OcspRefusal::Unknown)),
                }
            }
        }
    }

    /// What the response says, if its signature is good, the signer's chain leads to `store`, and it may speak for the
    /// issuer of the certificates that the response speaks of. `certificates` are known, but not trusted: the issuer is
    /// among them as a rule. Of which time the answers are, and what they say, is for the caller to look at.
    ///
    /// # Errors
    ///
    /// As [`verify_for`](Self::verify_for).
    ///
    /// C: [`OCSP_basic_verify(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    #[doc(alias = "OCSP_basic_verify")]
    pub fn verify_signer(
        &self,
        certificates: &[X509],
        store: &X509StoreRef,
        check: &OcspCheck,
    ) -> Result<OcspBasicResponse, Error> {
        const CALL: &str = "OCSP_basic_verify";
        let object = self.basic_to_c()?;
        // SAFETY: the object is live.
        let basic = unsafe { OcspBasicResponse::from_c(object.as_ptr()) }?;
        let known: Vec<X509> = certificates.iter().chain(&check.untrusted).cloned().collect();
        let known = Stack::new(&known)?;
        error::clear();
        // SAFETY: the object, the stack and the store are live; C takes references of its own to what it keeps.
        let verdict = unsafe {
            compat::OCSP_basic_verify(object.as_ptr(), known.as_ptr(), store.as_ptr(), check.flags)
        };
        // 0 and -1 are both a refusal.
        if verdict != 1 {
            let stack = ErrorStack::drain();
            return Err(Error::status_refused(CALL, signer_refusal(&stack)).with_stack(stack));
        }
        error::clear();
        if let Some(request) = &check.request {
            let request = request.to_c()?;
            // SAFETY: both are live, and the call only reads them.
            let same = unsafe { compat::OCSP_check_nonce(request.as_ptr(), object.as_ptr()) };
            error::clear();
            // 2 and 3: the request has none.
            if !matches!(same, 1..=3) {
                return Err(Error::status_refused("OCSP_check_nonce", OcspRefusal::OtherRequest));
            }
        }
        Ok(basic)
    }
}

impl OcspResponse {
    /// The certificate of who signed the response, among those that came with it and those that are known.
    ///
    /// C: [`OCSP_resp_get0_signer(3)`](https://docs.openssl.org/master/man3/OCSP_resp_find_status/)
    pub(super) fn signer(&self, check: &OcspCheck) -> Result<Option<X509>, Error> {
        let object = self.basic_to_c()?;
        let known = Stack::new(&check.untrusted)?;
        let mut signer = std::ptr::null_mut();
        error::clear();
        // SAFETY: the object and the stack are live, and one of both lends the certificate (get0), which is shared at once.
        let signer = unsafe {
            let found = compat::OCSP_resp_get0_signer(object.as_ptr(), &raw mut signer, known.as_ptr());
            (found == 1 && !signer.is_null()).then(|| X509Ref::from_ptr(signer).to_owned())
        };
        error::clear();
        Ok(signer)
    }
}

/// Why OCSP_basic_verify refused.
fn signer_refusal(stack: &ErrorStack) -> OcspRefusal {
    const CERTIFICATE_VERIFY_ERROR: c_int = 101;
    const NO_REVOCATION_DATA: c_int = 111;
    const SIGNATURE_FAILURE: c_int = 117;
    const SIGNER_CERTIFICATE_NOT_FOUND: c_int = 118;
    const NO_SIGNER_KEY: c_int = 130;
    let has = |reason| stack.has(ext::ERR_LIB_OCSP, reason);
    if has(SIGNER_CERTIFICATE_NOT_FOUND) {
        OcspRefusal::NoSigner
    } else if has(SIGNATURE_FAILURE) || has(NO_SIGNER_KEY) {
        OcspRefusal::BadSignature
    } else if has(CERTIFICATE_VERIFY_ERROR) {
        OcspRefusal::UntrustedSigner
    } else if has(NO_REVOCATION_DATA) {
        OcspRefusal::OtherCertificate
    } else {
        // MISSING_OCSPSIGNING_USAGE, ROOT_CA_NOT_TRUSTED, or nothing at all.
        OcspRefusal::UnauthorizedSigner
    }
}

#[cfg(all(test, not(absent = "OCSP_resp_count")))]
mod tests {
    use std::ptr;

    use openssl_sys as sys;

    use super::*;
    use crate::ffi::strings;
    use crate::ocsp::OcspCertId;
    use crate::x509::X509;

    fn moment(offset: i64) -> SystemTime {
        let distance = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
    }

    /// A time that many seconds from now, which is the caller's.
    fn general(offset: i64) -> *mut sys::ASN1_GENERALIZEDTIME {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let seconds = libc::time_t::try_from(i64::try_from(now).unwrap() + offset).unwrap();
        // SAFETY: both times are ours, of which the first is freed once; it lends its text, which has two digits for the
        // year.
        unsafe {
            let short = sys::ASN1_TIME_set(ptr::null_mut(), seconds);
            let text = [b"20", crate::ocsp::c::octets(short.cast())].concat();
            sys::ASN1_TIME_free(short);
            let text = strings::c_string("test", "the time", text).unwrap();
            let time = sys::ASN1_GENERALIZEDTIME_new();
            assert_eq!(sys::ASN1_GENERALIZEDTIME_set_string(time, text.as_ptr()), 1);
            time
        }
    }

    /// What C says of these times, as seconds from now.
    fn c_says(this: i64, next: Option<i64>, skew: i64, max_age: Option<i64>) -> bool {
        let (this, next) = (general(this), next.map_or(ptr::null_mut(), general));
        // SAFETY: the times are ours, and freed once; NULL is allowed for the end.
        unsafe {
            let said = sys::OCSP_check_validity(this, next, skew, max_age.unwrap_or(-1)) == 1;
            sys::ASN1_GENERALIZEDTIME_free(this);
            sys::ASN1_GENERALIZEDTIME_free(next);
            error::clear();
            said
        }
    }

    #[test]
    fn times_are_judged_as_c_does() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_string()]).unwrap();
        let certificate = X509::from_der(made.cert.der()).unwrap();
        let id = OcspCertId::new(&certificate, &certificate, &Default::default()).unwrap();
        // Not now: time(3) may be behind the clock by a tick.
        for this in [-90_000, -7200, -900, -5, 900, 7200] {
            for next in [None, Some(-7200), Some(-900), Some(900), Some(90_000)] {
                for skew in [0_i64, 300, 3600] {
                    for max_age in [None, Some(600), Some(80_000)] {
                        let response = OcspSingleResponse::of_times(&id, moment(this), next.map(moment));
                        let mut check = OcspCheck::new().skew(Duration::from_secs(skew.unsigned_abs()));
                        check = check.max_age_without_next_update(Duration::MAX);
                        if let Some(age) = max_age {
                            check = check.max_age(Duration::from_secs(i64::unsigned_abs(age)));
                        }
                        let ours = check.timeliness(&response);
                        assert_eq!(
                            ours.is_ok(),
                            c_says(this, next, skew, max_age),
                            "{this}, {next:?}, {skew}, {max_age:?}: {ours:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn dangerous_bits_do_not_hide_among_the_others() {
        let check = OcspCheck::new().flags(OcspVerifyFlags::from_bits_retain(!0));
        assert_eq!(check.flags, OcspVerifyFlags::all().bits());
    }
}
