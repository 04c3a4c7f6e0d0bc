//! The chains that a context or an object presents: C has the same functions for both.

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::calling;
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ssl::SslRef;
use crate::x509::{Stack, X509, X509Ref, stack};

bitflags! {
    /// `SSL_BUILD_CHAIN_FLAG_…`: how a chain is built.
    ///
    /// C: [`SSL_CTX_build_cert_chain(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct BuildChainFlags: u32 {
        /// Uses the certificates of the present chain as untrusted intermediates.
        #[doc(alias = "SSL_BUILD_CHAIN_FLAG_UNTRUSTED")]
        const UNTRUSTED = 1;
        /// Leaves the root out.
        #[doc(alias = "SSL_BUILD_CHAIN_FLAG_NO_ROOT")]
        const NO_ROOT = 2;
        /// Trusts the certificates of the present chain alone, so that only it is checked.
        #[doc(alias = "SSL_BUILD_CHAIN_FLAG_CHECK")]
        const CHECK = 4;
        /// Goes on with the chain as far as it came, if it cannot be verified.
        #[doc(alias = "SSL_BUILD_CHAIN_FLAG_IGNORE_ERROR")]
        const IGNORE_ERROR = 8;

        const _ = !0;
    }
}

bitflags! {
    /// `SSL_CERT_FLAG_…`: how strictly certificates are chosen. The bits of Suite B belong together and are named as C does.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct CertificateFlags: u32 {
        /// Presents nothing that breaks a rule of TLS.
        #[doc(alias = "SSL_CERT_FLAG_TLS_STRICT")]
        const TLS_STRICT = 1;
        /// Suite B at 128 bits alone.
        #[doc(alias = "SSL_CERT_FLAG_SUITEB_128_LOS_ONLY")]
        const SUITEB_128_LOS_ONLY = 0x1_0000;
        /// Suite B at 192 bits.
        #[doc(alias = "SSL_CERT_FLAG_SUITEB_192_LOS")]
        const SUITEB_192_LOS = 0x2_0000;
        /// Suite B at 128 or 192 bits.
        #[doc(alias = "SSL_CERT_FLAG_SUITEB_128_LOS")]
        const SUITEB_128_LOS = 0x3_0000;

        const _ = !0;
    }
}

/// How [`build_cert_chain`](SslContextBuilderRef::build_cert_chain) ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BuiltChain {
    /// With a chain that was verified.
    Verified,
    /// With a chain that was not, which [`BuildChainFlags::IGNORE_ERROR`] allows.
    Unverified,
}

/// Which of several certificates the calls for "the current one" speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CurrentCertificate {
    /// The first one that has a key.
    #[doc(alias = "SSL_CERT_SET_FIRST")]
    First,
    /// The one after the present one.
    #[doc(alias = "SSL_CERT_SET_NEXT")]
    Next,
    // Not SSL_CERT_SET_SERVER: it is for callbacks, and after a switch to another context C follows a pointer into the
    // certificates of the one before.
}

/// What reads chains, for a type whose `as_ptr` gives what the functions take.
macro_rules! chain_getters {
    ($type:ty, $get0_chain_certs:path, $name:literal) => {
        impl $type {
            /// The chain above the current certificate, as far as it was set.
            ///
            #[doc = concat!("C: [`", $name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $name)]
            pub fn chain_certs(&self) -> Vec<X509> {
                let mut chain = std::ptr::null_mut();
                // SAFETY: the object is live and lends the stack (get0), or NULL. Each certificate gets one more
                // reference, which is ours.
                unsafe {
                    $get0_chain_certs(self.as_ptr(), &raw mut chain);
                    stack::collect(chain, shared)
                }
            }
        }
    };
}

/// What sets chains, for a type whose `as_ptr` gives what the functions take.
macro_rules! chain_setters {
    (
        $type:ty,
        add1: $add1:path, $add1_name:literal,
        add0: $add0:path, $add0_name:literal,
        set1: $set1:path, $set1_name:literal,
        set0: $set0:path, $set0_name:literal,
        clear: $clear:path, $clear_name:literal,
        build: $build:path, $build_name:literal,
        select: $select:path, $select_name:literal,
        current: $current:path, $current_name:literal,
        set_flags: $set_flags:path, $set_flags_name:literal,
        clear_flags: $clear_flags:path, $clear_flags_name:literal,
    ) => {
        impl $type {
            /// Sets the chain above the current certificate, in place of an earlier one. Without one, OpenSSL looks for it
            /// among the certificates that are trusted, unless [`SslMode::NO_AUTO_CHAIN`](crate::context::SslMode) is set.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if the security level forbids one of the certificates.
            ///
            #[doc = concat!("C: [`", $set1_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $set1_name)]
            pub fn set_chain(&mut self, chain: &[X509]) -> Result<(), Error> {
                let stack = Stack::new(chain)?;
                error::clear();
                let object = self.as_ptr();
                // SAFETY: the object is live and borrowed for writing; C takes references of its own (set1).
                let done = calling(|| unsafe { $set1(object, stack.as_ptr()) });
                if done == 1 { Ok(()) } else { Err(Error::from_queue($set1_name)) }
            }

            /// As [`set_chain`](Self::set_chain) with the caller's own references.
            ///
            /// # Errors
            ///
            /// As there.
            ///
            #[doc = concat!("C: [`", $set0_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $set0_name)]
            pub fn put_chain(&mut self, chain: Vec<X509>) -> Result<(), Error> {
                let stack = stack::Owned::new(chain)?;
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C owns the stack once the call succeeds (set0).
                if calling(|| unsafe { $set0(object, stack.as_ptr()) }) != 1 {
                    return Err(Error::from_queue($set0_name));
                }
                std::mem::forget(stack);
                Ok(())
            }

            /// Adds a certificate at the end of the chain above the current one.
            ///
            /// # Errors
            ///
            /// As [`set_chain`](Self::set_chain).
            ///
            #[doc = concat!("C: [`", $add1_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $add1_name)]
            pub fn add_chain_cert(&mut self, certificate: &X509Ref) -> Result<(), Error> {
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C takes a reference of its own (add1).
                let done = calling(|| unsafe { $add1(object, certificate.as_ptr()) });
                if done == 1 { Ok(()) } else { Err(Error::from_queue($add1_name)) }
            }

            /// As [`add_chain_cert`](Self::add_chain_cert) with the caller's own reference.
            ///
            /// # Errors
            ///
            /// As [`set_chain`](Self::set_chain).
            ///
            #[doc = concat!("C: [`", $add0_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $add0_name)]
            pub fn put_chain_cert(&mut self, certificate: X509) -> Result<(), Error> {
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C owns the reference once the call succeeds (add0).
                if calling(|| unsafe { $add0(object, certificate.as_ptr()) }) != 1 {
                    return Err(Error::from_queue($add0_name));
                }
                std::mem::forget(certificate);
                Ok(())
            }

            /// Takes the chain above the current certificate away.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Unspecified`](crate::ErrorKind::Unspecified) if OpenSSL fails.
            ///
            #[doc = concat!("C: [`", $clear_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $clear_name)]
            pub fn clear_chain_certs(&mut self) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing.
                let done = unsafe { $clear(self.as_ptr()) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($clear_name)) }
            }

            /// Builds the chain above the current certificate from the store of chains, or else the store of roots, and
            /// sets it.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) without a certificate, or if the chain cannot be verified
            /// and [`BuildChainFlags::IGNORE_ERROR`] is not set.
            ///
            #[doc = concat!("C: [`", $build_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $build_name)]
            pub fn build_cert_chain(&mut self, flags: BuildChainFlags) -> Result<BuiltChain, Error> {
                let object = self.as_ptr();
                error::clear();
                // SAFETY: the object is live and borrowed for writing. What an ignored error leaves in the queue goes below.
                let built = calling(|| unsafe { $build(object, flags.bits().into()) });
                match built {
                    1 => Ok(BuiltChain::Verified),
                    2.. => {
                        error::clear();
                        Ok(BuiltChain::Unverified)
                    }
                    _ => Err(Error::from_queue($build_name)),
                }
            }

            /// Makes this certificate, which must be one of those that were set, the current one.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for one that was not set.
            ///
            #[doc = concat!("C: [`", $select_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $select_name)]
            pub fn select_current_cert(&mut self, certificate: &X509Ref) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing; the certificate is only compared.
                if unsafe { $select(self.as_ptr(), certificate.as_ptr()) } == 1 {
                    return Ok(());
                }
                let error = Error::new(crate::ErrorKind::InvalidInput, $select_name);
                Err(error.with_detail("the certificate is not one of those that were set"))
            }

            /// Makes one of the certificates the current one; `false` if there is no such one.
            ///
            #[doc = concat!("C: [`", $current_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add1_chain_cert/)")]
            #[doc(alias = $current_name)]
            pub fn set_current_cert(&mut self, which: CurrentCertificate) -> bool {
                let which = match which {
                    CurrentCertificate::First => ext::SSL_CERT_SET_FIRST,
                    CurrentCertificate::Next => ext::SSL_CERT_SET_NEXT,
                };
                error::clear();
                // SAFETY: the object is live and borrowed for writing.
                let found = unsafe { $current(self.as_ptr(), which.into()) } == 1;
                error::clear();
                found
            }

            /// Sets flags for how certificates are chosen, beside those that are set.
            #[doc(alias = $set_flags_name)]
            pub fn set_cert_flags(&mut self, flags: CertificateFlags) {
                // SAFETY: the object is live and borrowed for writing.
                unsafe { $set_flags(self.as_ptr(), flags.bits().into()) };
            }

            /// Takes flags for how certificates are chosen away: what they forbid is allowed again.
            #[doc(alias = $clear_flags_name)]
            pub fn danger_clear_cert_flags(&mut self, flags: CertificateFlags) {
                // SAFETY: the object is live and borrowed for writing.
                unsafe { $clear_flags(self.as_ptr(), flags.bits().into()) };
            }
        }
    };
}

chain_getters!(ContextSettings, ext::SSL_CTX_get0_chain_certs, "SSL_CTX_get0_chain_certs");
chain_getters!(SslRef, ext::SSL_get0_chain_certs, "SSL_get0_chain_certs");

chain_setters! {
    SslContextBuilderRef,
    add1: ext::SSL_CTX_add1_chain_cert, "SSL_CTX_add1_chain_cert",
    add0: ext::SSL_CTX_add0_chain_cert, "SSL_CTX_add0_chain_cert",
    set1: ext::SSL_CTX_set1_chain, "SSL_CTX_set1_chain",
    set0: ext::SSL_CTX_set0_chain, "SSL_CTX_set0_chain",
    clear: ext::SSL_CTX_clear_chain_certs, "SSL_CTX_clear_chain_certs",
    build: ext::SSL_CTX_build_cert_chain, "SSL_CTX_build_cert_chain",
    select: ext::SSL_CTX_select_current_cert, "SSL_CTX_select_current_cert",
    current: ext::SSL_CTX_set_current_cert, "SSL_CTX_set_current_cert",
    set_flags: ext::SSL_CTX_set_cert_flags, "SSL_CTX_set_cert_flags",
    clear_flags: ext::SSL_CTX_clear_cert_flags, "SSL_CTX_clear_cert_flags",
}

chain_setters! {
    SslRef,
    add1: ext::SSL_add1_chain_cert, "SSL_add1_chain_cert",
    add0: sys::SSL_add0_chain_cert, "SSL_add0_chain_cert",
    set1: ext::SSL_set1_chain, "SSL_set1_chain",
    set0: ext::SSL_set0_chain, "SSL_set0_chain",
    clear: ext::SSL_clear_chain_certs, "SSL_clear_chain_certs",
    build: ext::SSL_build_cert_chain, "SSL_build_cert_chain",
    select: ext::SSL_select_current_cert, "SSL_select_current_cert",
    current: ext::SSL_set_current_cert, "SSL_set_current_cert",
    set_flags: ext::SSL_set_cert_flags, "SSL_set_cert_flags",
    clear_flags: ext::SSL_clear_cert_flags, "SSL_clear_cert_flags",
}

impl ContextSettings {
    /// The certificates that are sent after every certificate that has no chain of its own; where there are none, the chain
    /// of the current certificate.
    ///
    /// C: [`SSL_CTX_get_extra_chain_certs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_extra_chain_cert/)
    #[doc(alias = "SSL_CTX_get_extra_chain_certs")]
    pub fn extra_chain_certs(&self) -> Vec<X509> {
        let mut chain = std::ptr::null_mut();
        // SAFETY: the context is live and lends the stack (get0), or NULL.
        unsafe {
            sys::SSL_CTX_get_extra_chain_certs(self.as_ptr(), &raw mut chain);
            stack::collect(chain, shared)
        }
    }

    /// The certificates that are sent after every certificate that has no chain of its own.
    ///
    /// C: [`SSL_CTX_get_extra_chain_certs_only(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_extra_chain_cert/)
    #[doc(alias = "SSL_CTX_get_extra_chain_certs_only")]
    pub fn extra_chain_certs_only(&self) -> Vec<X509> {
        let mut chain = std::ptr::null_mut();
        // SAFETY: the context is live and lends the stack (get0), or NULL.
        unsafe {
            ext::SSL_CTX_get_extra_chain_certs_only(self.as_ptr(), &raw mut chain);
            stack::collect(chain, shared)
        }
    }
}

impl SslContextBuilderRef {
    /// Adds a certificate to those that are sent after every certificate that has no chain of its own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_add_extra_chain_cert(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_extra_chain_cert/)
    #[doc(alias = "SSL_CTX_add_extra_chain_cert")]
    pub fn add_extra_chain_cert(&mut self, certificate: X509) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C owns the reference once the call succeeds.
        if unsafe { sys::SSL_CTX_add_extra_chain_cert(self.as_ptr(), certificate.as_ptr()) } != 1 {
            return Err(Error::from_queue("SSL_CTX_add_extra_chain_cert"));
        }
        std::mem::forget(certificate);
        Ok(())
    }

    /// Takes the certificates away that are sent after every certificate that has no chain of its own.
    ///
    /// C: [`SSL_CTX_clear_extra_chain_certs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_add_extra_chain_cert/)
    #[doc(alias = "SSL_CTX_clear_extra_chain_certs")]
    pub fn clear_extra_chain_certs(&mut self) {
        // SAFETY: the context is live and borrowed for writing.
        unsafe { ext::SSL_CTX_clear_extra_chain_certs(self.as_ptr()) };
    }
}

/// One more reference to a certificate of a stack that C lends.
fn shared(certificate: *mut sys::X509) -> Option<X509> {
    // SAFETY: an entry of a live stack.
    Some(unsafe { X509Ref::from_ptr(certificate) }.to_owned())
}
