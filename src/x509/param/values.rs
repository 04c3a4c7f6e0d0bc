//! What the settings are made of: flags, purposes and trust settings.

use std::ffi::{c_int, c_uint, c_ulong};
use std::fmt;

use bitflags::bitflags;

use crate::error::{Error, ErrorKind};

bitflags! {
    /// `X509_V_FLAG_…`: how a chain is built and what is checked in it.
    ///
    /// C: [`X509_VERIFY_PARAM_set_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct VerifyFlags: c_ulong {
        /// `X509_V_FLAG_USE_CHECK_TIME`: the time that was set counts, not the present one.
        #[doc(alias = "X509_V_FLAG_USE_CHECK_TIME")]
        const USE_CHECK_TIME = 0x2;
        /// `X509_V_FLAG_CRL_CHECK`: the peer's own certificate must stand on no revocation list, and there must be one.
        #[doc(alias = "X509_V_FLAG_CRL_CHECK")]
        const CRL_CHECK = 0x4;
        /// `X509_V_FLAG_CRL_CHECK_ALL`: with [`CRL_CHECK`](Self::CRL_CHECK), the same for the whole chain.
        #[doc(alias = "X509_V_FLAG_CRL_CHECK_ALL")]
        const CRL_CHECK_ALL = 0x8;
        /// `X509_V_FLAG_IGNORE_CRITICAL`: critical extensions that OpenSSL does not know are passed over.
        #[doc(alias = "X509_V_FLAG_IGNORE_CRITICAL")]
        const IGNORE_CRITICAL = 0x10;
        /// `X509_V_FLAG_X509_STRICT`: no allowance is made for certificates that break the rules of X.509.
        #[doc(alias = "X509_V_FLAG_X509_STRICT")]
        const X509_STRICT = 0x20;
        /// `X509_V_FLAG_ALLOW_PROXY_CERTS`: whoever has a certificate may issue proxy certificates with it.
        #[doc(alias = "X509_V_FLAG_ALLOW_PROXY_CERTS")]
        const ALLOW_PROXY_CERTS = 0x40;
        /// `X509_V_FLAG_POLICY_CHECK`: certificate policies are looked at.
        #[doc(alias = "X509_V_FLAG_POLICY_CHECK")]
        const POLICY_CHECK = 0x80;
        /// `X509_V_FLAG_EXPLICIT_POLICY`: the chain must have an acceptable policy.
        #[doc(alias = "X509_V_FLAG_EXPLICIT_POLICY")]
        const EXPLICIT_POLICY = 0x100;
        /// `X509_V_FLAG_INHIBIT_ANY`: `anyPolicy` matches no other.
        #[doc(alias = "X509_V_FLAG_INHIBIT_ANY")]
        const INHIBIT_ANY = 0x200;
        /// `X509_V_FLAG_INHIBIT_MAP`: policies are not mapped to others.
        #[doc(alias = "X509_V_FLAG_INHIBIT_MAP")]
        const INHIBIT_MAP = 0x400;
        /// `X509_V_FLAG_NOTIFY_POLICY`: verify callbacks are called once more when the policies are fine.
        #[doc(alias = "X509_V_FLAG_NOTIFY_POLICY")]
        const NOTIFY_POLICY = 0x800;
        /// `X509_V_FLAG_EXTENDED_CRL_SUPPORT`: indirect lists, and lists that another key signed, are used.
        #[doc(alias = "X509_V_FLAG_EXTENDED_CRL_SUPPORT")]
        const EXTENDED_CRL_SUPPORT = 0x1000;
        /// `X509_V_FLAG_USE_DELTAS`: delta lists are used.
        #[doc(alias = "X509_V_FLAG_USE_DELTAS")]
        const USE_DELTAS = 0x2000;
        /// `X509_V_FLAG_CHECK_SS_SIGNATURE`: the root's signature on itself is checked.
        #[doc(alias = "X509_V_FLAG_CHECK_SS_SIGNATURE")]
        const CHECK_SS_SIGNATURE = 0x4000;
        /// `X509_V_FLAG_TRUSTED_FIRST`: issuers are sought in the store first. OpenSSL always sets it.
        #[doc(alias = "X509_V_FLAG_TRUSTED_FIRST")]
        const TRUSTED_FIRST = 0x8000;
        /// `X509_V_FLAG_SUITEB_128_LOS_ONLY`: Suite B at 128 bits and nothing else.
        #[doc(alias = "X509_V_FLAG_SUITEB_128_LOS_ONLY")]
        const SUITEB_128_LOS_ONLY = 0x1_0000;
        /// `X509_V_FLAG_SUITEB_192_LOS`: Suite B at 192 bits.
        #[doc(alias = "X509_V_FLAG_SUITEB_192_LOS")]
        const SUITEB_192_LOS = 0x2_0000;
        /// `X509_V_FLAG_SUITEB_128_LOS`: Suite B at 128 bits, or 192.
        #[doc(alias = "X509_V_FLAG_SUITEB_128_LOS")]
        const SUITEB_128_LOS = 0x3_0000;
        /// `X509_V_FLAG_PARTIAL_CHAIN`: a chain may end in any certificate of the store, and not only in a root.
        #[doc(alias = "X509_V_FLAG_PARTIAL_CHAIN")]
        const PARTIAL_CHAIN = 0x8_0000;
        /// `X509_V_FLAG_NO_ALT_CHAINS`: where the first chain found is not trusted, no other is sought.
        #[doc(alias = "X509_V_FLAG_NO_ALT_CHAINS")]
        const NO_ALT_CHAINS = 0x10_0000;
        /// `X509_V_FLAG_NO_CHECK_TIME`: what has expired, or is not valid yet, passes.
        #[doc(alias = "X509_V_FLAG_NO_CHECK_TIME")]
        const NO_CHECK_TIME = 0x20_0000;
        /// `X509_V_FLAG_OCSP_RESP_CHECK`, from OpenSSL 3.6: the stapled OCSP response is checked.
        #[doc(alias = "X509_V_FLAG_OCSP_RESP_CHECK")]
        const OCSP_RESP_CHECK = 0x40_0000;
        /// `X509_V_FLAG_OCSP_RESP_CHECK_ALL`, from OpenSSL 3.6: the same for the whole chain.
        #[doc(alias = "X509_V_FLAG_OCSP_RESP_CHECK_ALL")]
        const OCSP_RESP_CHECK_ALL = 0x80_0000;

        const _ = !0;
    }
}

impl VerifyFlags {
    /// Those that a setter without `danger` takes: all that are known here but IGNORE_CRITICAL, ALLOW_PROXY_CERTS and
    /// NO_CHECK_TIME, which let pass what OpenSSL refuses by default, and USE_CHECK_TIME, which goes with a time.
    pub(super) const HARMLESS: Self = Self::from_bits_retain(0xdb_ffac);
}

bitflags! {
    /// `X509_CHECK_FLAG_…`: how a certificate's names are compared with a host name.
    ///
    /// C: [`X509_check_host(3)`](https://docs.openssl.org/master/man3/X509_check_host/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct HostFlags: c_uint {
        /// `X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT`: the common name counts even where there are alternative names.
        #[doc(alias = "X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT")]
        const ALWAYS_CHECK_SUBJECT = 0x1;
        /// `X509_CHECK_FLAG_NO_WILDCARDS`: `*` stands for nothing.
        #[doc(alias = "X509_CHECK_FLAG_NO_WILDCARDS")]
        const NO_WILDCARDS = 0x2;
        /// `X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS`: `*` stands for a whole label only.
        #[doc(alias = "X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS")]
        const NO_PARTIAL_WILDCARDS = 0x4;
        /// `X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS`: `*` stands for several labels.
        #[doc(alias = "X509_CHECK_FLAG_MULTI_LABEL_WILDCARDS")]
        const MULTI_LABEL_WILDCARDS = 0x8;
        /// `X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS`: a host name with a leading dot means one more label only.
        #[doc(alias = "X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS")]
        const SINGLE_LABEL_SUBDOMAINS = 0x10;
        /// `X509_CHECK_FLAG_NEVER_CHECK_SUBJECT`: the common name never counts.
        #[doc(alias = "X509_CHECK_FLAG_NEVER_CHECK_SUBJECT")]
        const NEVER_CHECK_SUBJECT = 0x20;

        const _ = !0;
    }
}

impl HostFlags {
    /// Those that a setter without `danger` takes: all but ALWAYS_CHECK_SUBJECT and MULTI_LABEL_WILDCARDS, with which
    /// more names match.
    const HARMLESS: Self = Self::from_bits_retain(0x36);

    pub(crate) fn demand_harmless(self, call: &'static str) -> Result<(), Error> {
        let rest = self.difference(Self::HARMLESS);
        if rest.is_empty() {
            return Ok(());
        }
        let detail = format!("with {rest:?} more names can match");
        Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail))
    }
}

bitflags! {
    /// `X509_VP_FLAG_…`: how settings are taken over from others.
    ///
    /// C: [`X509_VERIFY_PARAM_set_inh_flags(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct InheritFlags: u32 {
        /// `X509_VP_FLAG_DEFAULT`: what is set in the others is taken, whether it is set here or not.
        #[doc(alias = "X509_VP_FLAG_DEFAULT")]
        const DEFAULT = 0x1;
        /// `X509_VP_FLAG_OVERWRITE`: what is not set in the others is taken too.
        #[doc(alias = "X509_VP_FLAG_OVERWRITE")]
        const OVERWRITE = 0x2;
        /// `X509_VP_FLAG_RESET_FLAGS`: the verify flags of the others replace those here, and do not join them.
        #[doc(alias = "X509_VP_FLAG_RESET_FLAGS")]
        const RESET_FLAGS = 0x4;
        /// `X509_VP_FLAG_LOCKED`: nothing is taken.
        #[doc(alias = "X509_VP_FLAG_LOCKED")]
        const LOCKED = 0x8;
        /// `X509_VP_FLAG_ONCE`: these flags are gone after the next time.
        #[doc(alias = "X509_VP_FLAG_ONCE")]
        const ONCE = 0x10;

        const _ = !0;
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $type:ident: $($(#[$item:meta])* $name:ident = $code:literal;)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $type(pub c_int);

        impl $type {
            $($(#[$item])* pub const $name: Self = Self($code);)*
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name => f.write_str(concat!(stringify!($type), "::", stringify!($name))),)*
                    Self(other) => write!(f, concat!(stringify!($type), "({})"), other),
                }
            }
        }
    };
}

codes! {
    /// `X509_PURPOSE_…`: what the certificate at the chain's end is to be used for. Unknown codes are kept.
    ///
    /// C: [`X509_check_purpose(3)`](https://docs.openssl.org/master/man3/X509_check_purpose/)
    X509Purpose:
    /// `X509_PURPOSE_SSL_CLIENT`: a TLS client's.
    #[doc(alias = "X509_PURPOSE_SSL_CLIENT")]
    SSL_CLIENT = 1;
    /// `X509_PURPOSE_SSL_SERVER`: a TLS server's.
    #[doc(alias = "X509_PURPOSE_SSL_SERVER")]
    SSL_SERVER = 2;
    /// `X509_PURPOSE_NS_SSL_SERVER`: a TLS server's that can encrypt keys.
    #[doc(alias = "X509_PURPOSE_NS_SSL_SERVER")]
    NS_SSL_SERVER = 3;
    /// `X509_PURPOSE_SMIME_SIGN`: signing mail.
    #[doc(alias = "X509_PURPOSE_SMIME_SIGN")]
    SMIME_SIGN = 4;
    /// `X509_PURPOSE_SMIME_ENCRYPT`: encrypting mail.
    #[doc(alias = "X509_PURPOSE_SMIME_ENCRYPT")]
    SMIME_ENCRYPT = 5;
    /// `X509_PURPOSE_CRL_SIGN`: signing revocation lists.
    #[doc(alias = "X509_PURPOSE_CRL_SIGN")]
    CRL_SIGN = 6;
    /// `X509_PURPOSE_ANY`: nothing is checked.
    #[doc(alias = "X509_PURPOSE_ANY")]
    ANY = 7;
    /// `X509_PURPOSE_OCSP_HELPER`: nothing is checked but the issuers.
    #[doc(alias = "X509_PURPOSE_OCSP_HELPER")]
    OCSP_HELPER = 8;
    /// `X509_PURPOSE_TIMESTAMP_SIGN`: signing timestamps.
    #[doc(alias = "X509_PURPOSE_TIMESTAMP_SIGN")]
    TIMESTAMP_SIGN = 9;
    /// `X509_PURPOSE_CODE_SIGN`, from OpenSSL 3.2: signing code.
    #[doc(alias = "X509_PURPOSE_CODE_SIGN")]
    CODE_SIGN = 10;
}

impl X509Purpose {
    /// Whether OpenSSL looks at the certificate's own usages for it.
    pub(crate) fn is_checked(self) -> bool {
        matches!(self.0, 1..=6 | 9 | 10)
    }
}

codes! {
    /// `X509_TRUST_…`: what a root must be trusted for, where the store's certificates say what each is trusted for
    /// (`TRUSTED CERTIFICATE` in PEM). Unknown codes are kept.
    ///
    /// C: [`X509_check_trust(3)`](https://docs.openssl.org/master/man3/X509_check_purpose/)
    X509Trust:
    /// `X509_TRUST_COMPAT`: any self-signed certificate in the store is trusted, whatever is said about it.
    #[doc(alias = "X509_TRUST_COMPAT")]
    COMPAT = 1;
    /// `X509_TRUST_SSL_CLIENT`: TLS clients.
    #[doc(alias = "X509_TRUST_SSL_CLIENT")]
    SSL_CLIENT = 2;
    /// `X509_TRUST_SSL_SERVER`: TLS servers.
    #[doc(alias = "X509_TRUST_SSL_SERVER")]
    SSL_SERVER = 3;
    /// `X509_TRUST_EMAIL`: mail.
    #[doc(alias = "X509_TRUST_EMAIL")]
    EMAIL = 4;
    /// `X509_TRUST_OBJECT_SIGN`: code.
    #[doc(alias = "X509_TRUST_OBJECT_SIGN")]
    OBJECT_SIGN = 5;
    /// `X509_TRUST_OCSP_SIGN`: OCSP responses.
    #[doc(alias = "X509_TRUST_OCSP_SIGN")]
    OCSP_SIGN = 6;
    /// `X509_TRUST_OCSP_REQUEST`: OCSP requests.
    #[doc(alias = "X509_TRUST_OCSP_REQUEST")]
    OCSP_REQUEST = 7;
    /// `X509_TRUST_TSA`: timestamps.
    #[doc(alias = "X509_TRUST_TSA")]
    TSA = 8;
}
