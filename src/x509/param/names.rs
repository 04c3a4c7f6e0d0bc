//! Whose certificate it must be: host names, IP addresses, mail addresses.

use std::ffi::{CStr, CString, c_char, c_int};
use std::net::IpAddr;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{HostFlags, X509VerifyParam, X509VerifyParamRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{compat, strings};

type SetText = unsafe extern "C" fn(*mut sys::X509_VERIFY_PARAM, *const c_char, usize) -> c_int;

/// Which texts there are.
#[derive(Default)]
pub(crate) struct Texts {
    hosts: bool,
    email_in_ascii: Option<bool>,
}

/// Host names, addresses and mail addresses are checked each for itself: of each kind that is set, one must match.
impl X509VerifyParamRef {
    /// The host names of which the certificate must bear one.
    ///
    /// C: [`X509_VERIFY_PARAM_get0_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get0_host")]
    pub fn hosts(&self) -> Vec<&CStr> {
        (0..)
            // SAFETY: live; get0: the string stays while nobody sets others, which takes `&mut`.
            .map_while(|i| unsafe { strings::lend(ext::X509_VERIFY_PARAM_get0_host(self.as_ptr(), i)) })
            .collect()
    }

    /// Whether the host names are these, each of them and no more.
    pub(crate) fn are_hosts(&self, names: &[String]) -> bool {
        // SAFETY: live; get0: the string is looked at at once.
        let host = |i| unsafe { strings::lend(ext::X509_VERIFY_PARAM_get0_host(self.as_ptr(), i)) };
        let mut given = (0..).map_while(host);
        names.iter().all(|name| given.next().is_some_and(|host| host.to_bytes() == name.as_bytes()))
            && given.next().is_none()
    }

    /// Demands that the certificate bear this host name, in place of those before. An international name is given in its
    /// ASCII form (`xn--…`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no host name: it is empty, too long, begins or ends with a dot, is an IP
    /// address, or has a character that no host name has. The names from before then stay.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_host")]
    pub fn set_host(&mut self, name: &str) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_host";
        self.set_text(CALL, &host_name(CALL, name)?, sys::X509_VERIFY_PARAM_set1_host)
    }

    /// Takes this host name too, beside those before.
    ///
    /// # Errors
    ///
    /// As [`set_host`](Self::set_host).
    ///
    /// C: [`X509_VERIFY_PARAM_add1_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_add1_host")]
    pub fn add_host(&mut self, name: &str) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_add1_host";
        self.set_text(CALL, &host_name(CALL, name)?, ext::X509_VERIFY_PARAM_add1_host)
    }

    /// Demands no host name.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_host")]
    pub fn danger_clear_hosts(&mut self) {
        // SAFETY: live and borrowed for writing; NULL takes all away, which cannot fail.
        unsafe { sys::X509_VERIFY_PARAM_set1_host(self.as_ptr(), ptr::null(), 0) };
    }

    /// How names are compared.
    ///
    /// C: [`X509_VERIFY_PARAM_get_hostflags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get_hostflags")]
    pub fn host_flags(&self) -> HostFlags {
        // SAFETY: live, and the call only reads.
        HostFlags::from_bits_retain(unsafe { ext::X509_VERIFY_PARAM_get_hostflags(self.as_ptr()) })
    }

    /// Says how names are compared, beside what was said before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a flag with which more names match (`ALWAYS_CHECK_SUBJECT`,
    /// `MULTI_LABEL_WILDCARDS`), or an unknown one: see [`danger_set_host_flags`](Self::danger_set_host_flags).
    ///
    /// C: [`X509_VERIFY_PARAM_set_hostflags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_hostflags")]
    pub fn set_host_flags(&mut self, flags: HostFlags) -> Result<(), Error> {
        flags.demand_harmless("X509_VERIFY_PARAM_set_hostflags")?;
        self.danger_set_host_flags(self.host_flags() | flags);
        Ok(())
    }

    /// Says how names are compared, in place of what was said before.
    ///
    /// C: [`X509_VERIFY_PARAM_set_hostflags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set_hostflags")]
    pub fn danger_set_host_flags(&mut self, flags: HostFlags) {
        // SAFETY: live and borrowed for writing.
        unsafe { sys::X509_VERIFY_PARAM_set_hostflags(self.as_ptr(), flags.bits()) };
    }

    /// The mail address that the certificate must bear.
    ///
    /// C: [`X509_VERIFY_PARAM_get0_email(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get0_email")]
    pub fn email(&self) -> Option<&CStr> {
        // SAFETY: live; get0: the string stays while nobody sets another, which takes `&mut`.
        unsafe { strings::lend(ext::X509_VERIFY_PARAM_get0_email(self.as_ptr())) }
    }

    /// Demands that the certificate bear this mail address, in place of one before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no mail address. The one from before then stays.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_email(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_email")]
    pub fn set_email(&mut self, address: &str) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_email";
        self.set_text(CALL, &mail_address(CALL, address)?, sys::X509_VERIFY_PARAM_set1_email)
    }

    /// Demands that the certificate bear this mail address, whose part before the `@` is not ASCII.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no such address, [`ErrorKind::Unsupported`] before OpenSSL 4.0.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_smtputf8(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_smtputf8")]
    pub fn set_smtputf8(&mut self, address: &str) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_smtputf8";
        self.set_text(CALL, &mail_address(CALL, address)?, compat::verify::set_smtputf8()?)
    }

    /// Demands that the certificate bear this mail address in ASCII, in place of one before, whatever
    /// [`set_smtputf8`](Self::set_smtputf8) says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no such address, [`ErrorKind::Unsupported`] before OpenSSL 4.0.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_rfc822(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_rfc822")]
    pub fn set_rfc822(&mut self, address: &str) -> Result<(), Error> {
        const CALL: &str = "X509_VERIFY_PARAM_set1_rfc822";
        self.set_text(CALL, &mail_address(CALL, address)?, compat::verify::set_rfc822()?)
    }

    /// Demands no mail address.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_email(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_email")]
    pub fn danger_clear_email(&mut self) {
        // SAFETY: live and borrowed for writing; NULL takes all away, which cannot fail.
        unsafe { sys::X509_VERIFY_PARAM_set1_email(self.as_ptr(), ptr::null(), 0) };
    }

    /// The IP address that the certificate must bear; the first one where there are several.
    ///
    /// C: [`X509_VERIFY_PARAM_get1_ip_asc(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get1_ip_asc")]
    pub fn ip(&self) -> Option<IpAddr> {
        let text = self.ip_text()?;
        if let Ok(address) = text.parse() {
            return Some(address);
        }
        // C writes 0:0:0:0:0:0:0:1, which is what Rust reads too; anything else is no address.
        None
    }

    pub(super) fn ip_text(&self) -> Option<String> {
        // SAFETY: live, and the call only reads. The string is ours (get1).
        let text = unsafe { ext::X509_VERIFY_PARAM_get1_ip_asc(self.as_ptr()) };
        // 3.0 to 4.0 complain where there is none.
        error::clear();
        if text.is_null() {
            return None;
        }
        // SAFETY: not NULL, and a string until it is freed below.
        let copy = unsafe { strings::lossy(text) };
        // SAFETY: it came from OpenSSL's allocator, is ours, and is freed once.
        unsafe { sys::OPENSSL_free(text.cast()) };
        Some(copy)
    }

    /// Demands that the certificate bear this IP address, in place of those before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_ip(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_ip")]
    #[doc(alias = "X509_VERIFY_PARAM_set1_ip_asc")]
    pub fn set_ip(&mut self, address: IpAddr) -> Result<(), Error> {
        let (bytes, len) = octets(address);
        error::clear();
        // SAFETY: live and borrowed for writing; C copies `len` bytes.
        let done = unsafe { sys::X509_VERIFY_PARAM_set1_ip(self.as_ptr(), bytes.as_ptr(), len) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_VERIFY_PARAM_set1_ip")) }
    }

    /// Takes this IP address too, beside those before.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 4.0.
    ///
    /// C: [`X509_VERIFY_PARAM_add1_ip(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_add1_ip")]
    #[doc(alias = "X509_VERIFY_PARAM_add1_ip_asc")]
    pub fn add_ip(&mut self, address: IpAddr) -> Result<(), Error> {
        let (bytes, len) = octets(address);
        error::clear();
        // SAFETY: live and borrowed for writing; C copies `len` bytes.
        match unsafe { compat::verify::add_ip(self.as_ptr(), bytes.as_ptr(), len) }? {
            1 => Ok(()),
            _ => Err(Error::from_queue("X509_VERIFY_PARAM_add1_ip")),
        }
    }

    /// Demands no IP address.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_ip(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_ip")]
    pub fn danger_clear_ips(&mut self) {
        // SAFETY: live and borrowed for writing; NULL takes all away, which cannot fail.
        unsafe { sys::X509_VERIFY_PARAM_set1_ip(self.as_ptr(), ptr::null(), 0) };
    }

    /// The name in the certificate that matched, after a verification with these settings.
    ///
    /// C: [`X509_VERIFY_PARAM_get0_peername(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get0_peername")]
    pub fn peer_name(&self) -> Option<&[u8]> {
        // SAFETY: live; get0: the string stays until another verification, for which C needs what lends these settings.
        unsafe { strings::lend(ext::X509_VERIFY_PARAM_get0_peername(self.as_ptr())) }.map(CStr::to_bytes)
    }

    /// Writes the texts anew that C copied from `source`: OpenSSL 4.0 copies them without the NUL that its own getters
    /// promise, so that reading them would go on beyond their end. `had` is what was here before and stayed.
    pub(crate) fn mend(&mut self, call: &'static str, source: &Self, had: &Texts) -> Result<(), Error> {
        if compat::running_version() < 0x4000_0000 {
            return Ok(());
        }
        if !had.hosts {
            let mut set: SetText = sys::X509_VERIFY_PARAM_set1_host;
            for name in source.hosts() {
                self.set_text(call, name, set)?;
                set = ext::X509_VERIFY_PARAM_add1_host;
            }
        }
        // The getter prefers an address in ASCII to another, and tells no more than one.
        let Some(address) = source.email() else { return Ok(()) };
        let ascii = address.to_bytes().is_ascii();
        match had.email_in_ascii {
            Some(true) => Ok(()),
            Some(false) if !ascii => Ok(()),
            _ if ascii => self.set_text(call, address, compat::verify::set_rfc822()?),
            _ => self.set_text(call, address, compat::verify::set_smtputf8()?),
        }
    }

    /// As [`mend`](Self::mend), after C copied all that is set in `source`.
    pub(crate) fn mend_copy(&mut self, call: &'static str, source: &Self) -> Result<(), Error> {
        self.mend(call, source, &Texts::default())
    }

    /// What there is now.
    pub(super) fn texts(&self) -> Texts {
        let email_in_ascii = self.email().map(|address| address.to_bytes().is_ascii());
        Texts { hosts: !self.hosts().is_empty(), email_in_ascii }
    }

    /// Sets a text, on other settings first: from 4.0 on C checks it, and when it refuses has already taken away what was
    /// there, so that nothing would be demanded any more.
    fn set_text(&mut self, call: &'static str, text: &CStr, set: SetText) -> Result<(), Error> {
        let scratch = X509VerifyParam::new()?;
        for param in [scratch.as_ptr(), self.as_ptr()] {
            error::clear();
            // SAFETY: both are live, and ours alone; C copies the text, which is not empty, so that its length counts.
            if unsafe { set(param, text.as_ptr(), text.to_bytes().len()) } != 1 {
                let error = Error::from_queue(call);
                // Only its own settings can lack memory once the others took it.
                let refused = param == scratch.as_ptr();
                return Err(if refused { error.with_kind(ErrorKind::InvalidInput) } else { error });
            }
        }
        Ok(())
    }
}

fn octets(address: IpAddr) -> ([u8; 16], usize) {
    match address {
        IpAddr::V6(address) => (address.octets(), 16),
        IpAddr::V4(address) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&address.octets());
            (bytes, 4)
        }
    }
}

fn host_name(call: &'static str, name: &str) -> Result<CString, Error> {
    check_host(name).map_err(|why| Error::new(ErrorKind::InvalidInput, call).with_detail(why))?;
    strings::c_string_not_empty(call, "the host name", name)
}

/// OpenSSL takes more than is safe: a leading dot would match every name below, a wildcard another wildcard.
fn check_host(name: &str) -> Result<(), &'static str> {
    let labels = || name.split('.');
    if name.is_empty() || name.len() > 253 {
        Err("a host name has 1 to 253 bytes")
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        Err("the host name has a character that no host name has")
    } else if labels().any(|label| label.is_empty() || label.len() > 63) {
        Err("a label of a host name has 1 to 63 bytes")
    } else if labels().next_back().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        Err("the host name ends in a number")
    } else {
        Ok(())
    }
}

fn mail_address(call: &'static str, address: &str) -> Result<CString, Error> {
    let address = strings::c_string_not_empty(call, "the mail address", address)?;
    let bytes = address.to_bytes();
    let parts = bytes.iter().rposition(|byte| *byte == b'@').map(|at| (at, bytes.len() - at - 1));
    match parts {
        Some((1..=64, 1..=255)) => Ok(address),
        _ => Err(Error::new(ErrorKind::InvalidInput, call).with_detail("it is no mail address")),
    }
}

#[cfg(test)]
mod tests {
    use super::check_host;

    #[test]
    fn host_names_are_told_from_the_rest() {
        for good in
            ["localhost", "example.org", "a_b.example", "xn--bcher-kva.example", "1.example", &"a".repeat(63)]
        {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        let long = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(63)].join(".");
        let bad = [
            "",
            ".",
            ".example.org",
            "a..b",
            "*.example.org",
            "b\u{fc}cher.example",
            "a\0b",
            "127.1",
            "[::1]",
        ];
        for bad in bad.into_iter().chain([long.as_str(), "fe80::1%lo", "a b", "example.org/"]) {
            assert!(check_host(bad).is_err(), "{bad}");
        }
    }
}
