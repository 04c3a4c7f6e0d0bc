//! The name of the peer: what a client asks for (SNI), and what the peer's certificate must bear.

use std::ffi::CStr;
use std::net::IpAddr;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::error::Error;
use crate::ffi::strings;
use crate::x509::HostFlags;

impl SslRef {
    /// Sets the name that the server goes by: a DNS name, which is sent as SNI and which the certificate must bear, or
    /// an IP address, which the certificate must bear and which is not sent.
    ///
    /// A wildcard in a certificate stands for a whole label (`*.example.org`), not for a part of one (`f*.example.org`), which
    /// OpenSSL takes by default. A trailing dot is dropped. An international name is given in its ASCII form (`xn--…`).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is neither: an empty name, one that is too long,
    /// one with a character that no host name has, or numbers that are no address.
    ///
    /// C: [`SSL_set_tlsext_host_name(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/),
    /// [`SSL_set1_host(3)`](https://docs.openssl.org/master/man3/SSL_set1_host/)
    #[doc(alias = "SSL_set_tlsext_host_name")]
    #[doc(alias = "SSL_set1_host")]
    #[doc(alias = "SSL_set1_dnsname")]
    #[doc(alias = "SSL_set1_ipaddr")]
    pub fn set_server_name(&mut self, name: &str) -> Result<(), Error> {
        if let Ok(address) = name.parse::<IpAddr>() {
            self.set_verify_ip(address)?;
            return self.set_sni(None);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        self.set_verify_host(name)?;
        let param = self.verify_param_mut();
        param.set_host_flags(param.host_flags() | HostFlags::NO_PARTIAL_WILDCARDS)?;
        self.set_sni(Some(name))
    }

    /// Sets the name that a client sends in its ClientHello, whatever is verified; `None` sends none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a NUL byte,
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for an empty name or one above 255 bytes.
    ///
    /// C: [`SSL_set_tlsext_host_name(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/)
    #[doc(alias = "SSL_set_tlsext_host_name")]
    pub fn set_sni(&mut self, name: Option<&str>) -> Result<(), Error> {
        const CALL: &str = "SSL_set_tlsext_host_name";
        let name = name.map(|name| strings::c_string(CALL, "the name", name)).transpose()?;
        crate::error::clear();
        let pointer = name.as_deref().map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the object is live and borrowed for writing; C copies the string, and NULL means none.
        match unsafe { ext::SSL_set_tlsext_host_name(self.as_ptr(), pointer) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// The name that the client asked for, as the peer sent it or as it was set, or `None`. Where a session of TLS 1.2 or
    /// before was resumed, the name of that session, whatever was asked for.
    ///
    /// C: [`SSL_get_servername(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_servername_callback/)
    #[doc(alias = "SSL_get_servername")]
    #[doc(alias = "SSL_get_servername_type")]
    pub fn sni(&self) -> Option<&[u8]> {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the calls only read it.
        unsafe {
            // A resumed object whose session was taken away: C would read the name out of NULL.
            if sys::SSL_session_reused(ssl) == 1 && ext::SSL_get_session(ssl).is_null() {
                return None;
            }
            let kind = ext::SSL_get_servername_type(ssl);
            if kind == -1 {
                return None;
            }
            // The string is the object's or its session's; only calls on `&mut self` replace it.
            strings::lend(sys::SSL_get_servername(ssl, kind)).map(CStr::to_bytes)
        }
    }

    /// Sets the DNS name that the peer's certificate must bear, in place of any name and address before. Nothing is sent:
    /// see [`set_server_name`](Self::set_server_name). An address is none here, though SSL_set1_host takes it: see
    /// [`set_verify_ip`](Self::set_verify_ip).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no host name, and for one with a dot before
    /// it, which would let every name below match. What was there then stays.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "SSL_set1_host")]
    #[doc(alias = "SSL_set1_dnsname")]
    #[doc(alias = "X509_VERIFY_PARAM_set1_host")]
    pub fn set_verify_host(&mut self, name: &str) -> Result<(), Error> {
        let param = self.verify_param_mut();
        param.set_host(name)?;
        param.danger_clear_ips();
        Ok(())
    }

    /// Sets the IP address that the peer's certificate must bear, in place of any name and address before.
    ///
    /// # Errors
    ///
    /// As [`X509VerifyParamRef::set_ip`](crate::x509::X509VerifyParamRef::set_ip).
    ///
    /// C: [`X509_VERIFY_PARAM_set1_ip(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "SSL_set1_ipaddr")]
    #[doc(alias = "X509_VERIFY_PARAM_set1_ip")]
    pub fn set_verify_ip(&mut self, address: IpAddr) -> Result<(), Error> {
        let param = self.verify_param_mut();
        param.set_ip(address)?;
        param.danger_clear_hosts();
        Ok(())
    }

    /// Takes all names and addresses away that the peer's certificate must bear: any name will do then, unless the context
    /// demands one, which lets no handshake begin without.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_host(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/), with NULL
    #[doc(alias = "SSL_set1_host")]
    #[doc(alias = "SSL_set1_ipaddr")]
    pub fn danger_clear_verify_names(&mut self) {
        let param = self.verify_param_mut();
        param.danger_clear_hosts();
        param.danger_clear_ips();
    }

    /// Adds a DNS name: the peer's certificate must bear one of those that are set.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no host name.
    ///
    /// C: [`SSL_add1_host(3)`](https://docs.openssl.org/master/man3/SSL_set1_host/)
    #[doc(alias = "SSL_add1_host")]
    #[doc(alias = "SSL_add1_dnsname")]
    pub fn add_verify_host(&mut self, name: &str) -> Result<(), Error> {
        self.verify_param_mut().add_host(name)
    }

    /// Adds an IP address: the peer's certificate must bear one of those that are set, beside one of the DNS names if there
    /// are any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before OpenSSL 4.0, where an object has one address:
    /// [`set_verify_ip`](Self::set_verify_ip).
    ///
    /// C: [`SSL_add1_ipaddr(3)`](https://docs.openssl.org/master/man3/SSL_set1_host/)
    #[doc(alias = "SSL_add1_ipaddr")]
    pub fn add_verify_ip(&mut self, address: IpAddr) -> Result<(), Error> {
        self.verify_param_mut().add_ip(address)
    }

    /// Sets the mail address that the peer's certificate must bear, beside names and addresses that are set. It is no
    /// server's name: a context that demands one demands it still.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for what is no mail address.
    ///
    /// C: [`X509_VERIFY_PARAM_set1_email(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_set1_email")]
    pub fn set_verify_email(&mut self, address: &str) -> Result<(), Error> {
        self.verify_param_mut().set_email(address)
    }

    /// Lets the handshake begin without a name to verify, where the context demands one: the peer may then be anybody
    /// with a certificate from a trusted issuer. Names that are set are verified still.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    pub fn danger_accept_any_name(&mut self) -> Result<(), Error> {
        State::of_mut(self)?.set_accepts_any_name();
        Ok(())
    }

    /// The name in the peer's certificate that matched, once it was verified against one.
    ///
    /// C: [`SSL_get0_peername(3)`](https://docs.openssl.org/master/man3/SSL_set1_host/)
    #[doc(alias = "SSL_get0_peername")]
    pub fn peer_name(&self) -> Option<&[u8]> {
        // SAFETY: the object is live and lends the string (get0), which only a handshake replaces.
        unsafe { strings::lend(ext::SSL_get0_peername(self.as_ptr())) }.map(CStr::to_bytes)
    }
}
