//! What can be asked of a certificate.

use std::ffi::{CStr, c_char, c_int};
use std::net::IpAddr;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{HostFlags, PKeyRef, X509Ref};
use crate::error::{self, Error, ErrorKind, VerifyError};
use crate::ffi::strings;

/// # What can be asked of it
///
/// None of these judges a chain: whoever made the certificate may have written what pleased him.
impl X509Ref {
    /// Whether the certificate is for this host, by its alternative names of DNS, wildcards included, or without any by its
    /// common name.
    ///
    /// A trailing dot of `host` is dropped. International names are given in their ASCII form (`xn--…`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty name, a NUL byte, or a leading dot, which C takes for a pattern;
    /// [`ErrorKind::Refused`] if the certificate's names are broken.
    ///
    /// C: [`X509_check_host(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[doc(alias = "X509_check_host")]
    pub fn check_host(&self, host: &str) -> Result<bool, Error> {
        Ok(self.matching_host(host)?.is_some())
    }

    /// As [`check_host`](Self::check_host), and the name of the certificate that matched.
    ///
    /// # Errors
    ///
    /// As [`check_host`](Self::check_host).
    ///
    /// C: [`X509_check_host(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[doc(alias = "X509_check_host")]
    pub fn matching_host(&self, host: &str) -> Result<Option<Vec<u8>>, Error> {
        self.matching_host_with(host, HostFlags::empty())
    }

    /// As [`matching_host`](Self::matching_host), with stricter rules for wildcards and common names.
    ///
    /// # Errors
    ///
    /// As [`check_host`](Self::check_host), and [`ErrorKind::InvalidInput`] for a flag with which more names match
    /// (`ALWAYS_CHECK_SUBJECT`, `MULTI_LABEL_WILDCARDS`), or an unknown one.
    ///
    /// C: [`X509_check_host(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[doc(alias = "X509_check_host")]
    pub fn matching_host_with(&self, host: &str, flags: HostFlags) -> Result<Option<Vec<u8>>, Error> {
        const CALL: &str = "X509_check_host";
        flags.demand_harmless(CALL)?;
        let host = host.strip_suffix('.').unwrap_or(host);
        let text = text(CALL, "the name", host)?;
        if host.starts_with('.') {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the name begins with a dot"));
        }
        self.names_are_whole()?;
        self.check_host_with(CALL, &text, flags)
    }

    /// As [`matching_host_with`](Self::matching_host_with), with whatever was set on an object that is to be judged.
    pub(crate) fn check_host_with(
        &self,
        call: &'static str,
        host: &CStr,
        flags: HostFlags,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut peer: *mut c_char = ptr::null_mut();
        let len = host.to_bytes().len();
        error::clear();
        // SAFETY: the certificate is live, and its caches are filled under its lock; C reads so many bytes of a C string;
        // the out-pointer is a local of the type C writes, a string that is ours, and freed once.
        let (answer, name) = unsafe {
            let answer = sys::X509_check_host(self.as_ptr(), host.as_ptr(), len, flags.bits(), &raw mut peer);
            let name = strings::lend(peer).map(|name| name.to_bytes().to_vec());
            sys::OPENSSL_free(peer.cast());
            (answer, name)
        };
        Ok(verdict(call, answer)?.then(|| name.unwrap_or_default()))
    }

    /// Whether the certificate is for this IP address, by its alternative names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the certificate's names are broken.
    ///
    /// C: [`X509_check_ip(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[doc(alias = "X509_check_ip")]
    #[doc(alias = "X509_check_ip_asc")]
    pub fn check_ip(&self, address: IpAddr) -> Result<bool, Error> {
        const CALL: &str = "X509_check_ip";
        let (v4, v6);
        let octets: &[u8] = match address {
            IpAddr::V4(address) => {
                v4 = address.octets();
                &v4
            }
            IpAddr::V6(address) => {
                v6 = address.octets();
                &v6
            }
        };
        self.names_are_whole()?;
        error::clear();
        // SAFETY: the certificate is live, and its caches are filled under its lock; C reads so many bytes.
        let answer = unsafe { sys::X509_check_ip(self.as_ptr(), octets.as_ptr(), octets.len(), 0) };
        verdict(CALL, answer)
    }

    /// Whether the certificate is for this e-mail address, by its alternative names, or without any by its subject. The
    /// part before the `@` is compared to the letter.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty address or a NUL byte; [`ErrorKind::Refused`] if the certificate's names
    /// are broken.
    ///
    /// C: [`X509_check_email(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[doc(alias = "X509_check_email")]
    pub fn check_email(&self, address: &str) -> Result<bool, Error> {
        const CALL: &str = "X509_check_email";
        let text = text(CALL, "the address", address)?;
        self.names_are_whole()?;
        error::clear();
        // SAFETY: the certificate is live, and its caches are filled under its lock; C reads so many bytes, which are not
        // none.
        let answer = unsafe { sys::X509_check_email(self.as_ptr(), text.as_ptr(), address.len(), 0) };
        verdict(CALL, answer)
    }

    /// C takes broken alternative names for none, and goes on with the subject.
    fn names_are_whole(&self) -> Result<(), Error> {
        self.subject_alt_names().map(drop)
    }

    /// Whether the private or public key belongs to this certificate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the certificate's own key is broken or of an algorithm that no provider has.
    ///
    /// C: [`X509_check_private_key(3)`](https://docs.openssl.org/master/man3/X509_check_private_key/)
    #[doc(alias = "X509_check_private_key")]
    pub fn check_key(&self, key: &PKeyRef) -> Result<bool, Error> {
        self.public_key()?.public_eq(key)
    }

    /// Whether this certificate may be the issuer of another one, by names, key identifiers and key usage; the signature is
    /// not looked at. `Err` says what does not fit.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] of what does not fit, such as [`SUBJECT_ISSUER_MISMATCH`](VerifyError::SUBJECT_ISSUER_MISMATCH).
    ///
    /// C: [`X509_check_issued(3)`](https://docs.openssl.org/master/man3/X509_check_issued/)
    #[doc(alias = "X509_check_issued")]
    pub fn check_issued(&self, certificate: &Self) -> Result<(), VerifyError> {
        error::clear();
        // SAFETY: both are live, and their caches are filled under their locks.
        let answer = unsafe { sys::X509_check_issued(self.as_ptr(), certificate.as_ptr()) };
        error::clear();
        if answer == 0 { Ok(()) } else { Err(VerifyError(answer)) }
    }

    /// Whether the certificate's signature is by this key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the signature cannot be checked, such as for a key of another algorithm.
    ///
    /// C: [`X509_verify(3)`](https://docs.openssl.org/master/man3/X509_verify/)
    #[doc(alias = "X509_verify")]
    pub fn verify(&self, key: &PKeyRef) -> Result<bool, Error> {
        error::clear();
        // SAFETY: both are live, and nothing but caches under their locks is written.
        let answer = unsafe { sys::X509_verify(self.as_ptr(), key.as_ptr()) };
        verdict("X509_verify", answer)
    }

    /// Whether subject and issuer are the same and nothing else speaks against it; the signature is not looked at.
    ///
    /// C: [`X509_self_signed(3)`](https://docs.openssl.org/master/man3/X509_verify/)
    #[doc(alias = "X509_self_signed")]
    #[doc(alias = "EXFLAG_SS")]
    pub fn is_self_issued(&self) -> bool {
        self.self_signed(0).unwrap_or(false)
    }

    /// Whether the certificate is signed by its own key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if that cannot be checked.
    ///
    /// C: [`X509_self_signed(3)`](https://docs.openssl.org/master/man3/X509_verify/)
    #[doc(alias = "X509_self_signed")]
    pub fn is_self_signed(&self) -> Result<bool, Error> {
        self.self_signed(1)
    }

    fn self_signed(&self, verify: c_int) -> Result<bool, Error> {
        error::clear();
        // SAFETY: the certificate is live, and its caches are filled under its lock.
        let answer = unsafe { ext::X509_self_signed(self.as_ptr(), verify) };
        verdict("X509_self_signed", answer)
    }

    /// Whether the certificate may issue others, by what it says of itself. OpenSSL is lenient here: an old certificate of
    /// version 1 that is self-signed counts, and so does one whose key usage alone says so;
    /// [`basic_constraints`](Self::basic_constraints) tells.
    ///
    /// C: [`X509_check_ca(3)`](https://docs.openssl.org/master/man3/X509_check_ca/)
    #[doc(alias = "X509_check_ca")]
    pub fn is_ca(&self) -> bool {
        error::clear();
        // SAFETY: the certificate is live, and its caches are filled under its lock.
        let answer = unsafe { ext::X509_check_ca(self.as_ptr()) };
        error::clear();
        answer > 0
    }
}

/// A text that C may take together with its length: not empty, for C would count for itself.
fn text(call: &'static str, what: &'static str, text: &str) -> Result<std::ffi::CString, Error> {
    strings::c_string_not_empty(call, what, text)
}

/// C's 1 and 0 are yes and no. Anything else is an error, which the queue explains.
pub(super) fn verdict(call: &'static str, answer: c_int) -> Result<bool, Error> {
    match answer {
        1 => {
            error::clear();
            Ok(true)
        }
        0 => {
            error::clear();
            Ok(false)
        }
        _ => Err(Error::from_queue(call).with_kind(ErrorKind::Refused)),
    }
}
