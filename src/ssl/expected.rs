//! What an object demands of its peer's certificate, in words.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::error;
use crate::ffi::strings;

impl SslRef {
    /// All that this object demands of its peer's certificate: the names, and a mail address.
    pub(crate) fn expected(&self) -> Vec<String> {
        self.expected_and_named().0
    }

    /// As [`expected`](Self::expected), and whether there is a name among it.
    pub(super) fn expected_and_named(&self) -> (Vec<String>, bool) {
        let mut expected = self.expected_names();
        let has_name = !expected.is_empty();
        let email = self.verify_param().email();
        expected.extend(email.map(|email| email.to_string_lossy().into_owned()));
        (expected, has_name)
    }

    /// The names that this object verifies its peer's certificate against.
    pub(super) fn expected_names(&self) -> Vec<String> {
        let ssl = self.as_ptr();
        let mut names = Vec::new();
        // SAFETY: the object is live and lends its parameters (get0).
        let param = unsafe { sys::SSL_get0_param(ssl) };
        for i in 0.. {
            // SAFETY: the parameters are live; past the last name comes NULL. The text is copied at once.
            let name = unsafe { strings::lossy(ext::X509_VERIFY_PARAM_get0_host(param, i)) };
            if name.is_empty() {
                break;
            }
            names.push(name);
        }
        // SAFETY: the parameters are live; the text is ours to free (get1).
        let address = unsafe { ext::X509_VERIFY_PARAM_get1_ip_asc(param) };
        if !address.is_null() {
            // SAFETY: a C string of ours, freed once, by the allocator that made it.
            unsafe {
                names.push(strings::lossy(address));
                sys::OPENSSL_free(address.cast());
            }
        }
        // Where there is no address OpenSSL says so there.
        error::clear_few();
        names
    }
}
