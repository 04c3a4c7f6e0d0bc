//! Security levels: which strengths of keys, ciphers and hashes are let through, and a callback that decides about each.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::terms::Mark;
use super::{ContextSettings, SslContextBuilderRef};
use crate::error::Error;
use crate::ssl::{Nid, SslCipher, SslRef};
use crate::x509::X509Ref;

/// As C declares a security callback.
pub(crate) type SecurityFn = unsafe extern "C" fn(
    *const sys::SSL,
    *const sys::SSL_CTX,
    c_int,
    c_int,
    c_int,
    *mut c_void,
    *mut c_void,
) -> c_int;

type Rule = dyn Fn(&SecurityQuestion<'_>) -> bool + Send + Sync;
type Closure = Arc<Rule>;
/// Which closure it is, and whether it may permit what C forbids.
pub(crate) type SecurityMark = (Mark<Rule>, bool);

/// A closure, and the callback that was there before it: at first C's own rule of levels.
#[derive(Clone)]
pub(crate) struct SecurityRule {
    closure: Closure,
    /// Whether the closure may permit what the earlier callback forbids.
    overrides: bool,
    earlier: Option<SecurityFn>,
    argument: Argument,
}

/// What the earlier callback is called with.
#[derive(Clone, Copy)]
struct Argument(*mut c_void);

// SAFETY: the pointer is only handed back to the callback it belongs to, which C calls on whichever thread a handshake
// runs: whoever set it there promised that.
unsafe impl Send for Argument {}
// SAFETY: as above.
unsafe impl Sync for Argument {}

/// What is to be permitted or not: an `SSL_SECOP_…`. Unknown numbers are kept.
///
/// C: [`SSL_CTX_set_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityOperation(pub c_int);

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $constant:ident;)*) => {
        impl SecurityOperation {
            $(
                $(#[$doc])*
                #[doc = concat!("(`", stringify!($constant), "`)")]
                pub const $name: Self = Self(ext::$constant);
            )*

            /// The C name without its prefix, such as `CIPHER_SHARED`, or `None` for an unknown number.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

operations! {
    /// A cipher suite that this side would offer
    #[doc(alias = "SSL_SECOP_CIPHER_SUPPORTED")]
    CIPHER_SUPPORTED = SSL_SECOP_CIPHER_SUPPORTED;
    /// A cipher suite that both sides have
    #[doc(alias = "SSL_SECOP_CIPHER_SHARED")]
    CIPHER_SHARED = SSL_SECOP_CIPHER_SHARED;
    /// The cipher suite that a server chose
    #[doc(alias = "SSL_SECOP_CIPHER_CHECK")]
    CIPHER_CHECK = SSL_SECOP_CIPHER_CHECK;
    /// A group that this side would offer
    #[doc(alias = "SSL_SECOP_CURVE_SUPPORTED")]
    CURVE_SUPPORTED = SSL_SECOP_CURVE_SUPPORTED;
    /// A group that both sides have
    #[doc(alias = "SSL_SECOP_CURVE_SHARED")]
    CURVE_SHARED = SSL_SECOP_CURVE_SHARED;
    /// The group that the peer chose
    #[doc(alias = "SSL_SECOP_CURVE_CHECK")]
    CURVE_CHECK = SSL_SECOP_CURVE_CHECK;
    /// A temporary Diffie-Hellman key
    #[doc(alias = "SSL_SECOP_TMP_DH")]
    TMP_DH = SSL_SECOP_TMP_DH;
    /// A protocol version
    #[doc(alias = "SSL_SECOP_VERSION")]
    VERSION = SSL_SECOP_VERSION;
    /// Session tickets
    #[doc(alias = "SSL_SECOP_TICKET")]
    TICKET = SSL_SECOP_TICKET;
    /// A signature algorithm that this side would offer
    #[doc(alias = "SSL_SECOP_SIGALG_SUPPORTED")]
    SIGALG_SUPPORTED = SSL_SECOP_SIGALG_SUPPORTED;
    /// A signature algorithm that both sides have
    #[doc(alias = "SSL_SECOP_SIGALG_SHARED")]
    SIGALG_SHARED = SSL_SECOP_SIGALG_SHARED;
    /// The signature algorithm that the peer chose
    #[doc(alias = "SSL_SECOP_SIGALG_CHECK")]
    SIGALG_CHECK = SSL_SECOP_SIGALG_CHECK;
    /// Whether any signature algorithm of a kind is permitted
    #[doc(alias = "SSL_SECOP_SIGALG_MASK")]
    SIGALG_MASK = SSL_SECOP_SIGALG_MASK;
    /// Compression
    #[doc(alias = "SSL_SECOP_COMPRESSION")]
    COMPRESSION = SSL_SECOP_COMPRESSION;
    /// The key in this side's own certificate
    #[doc(alias = "SSL_SECOP_EE_KEY")]
    EE_KEY = SSL_SECOP_EE_KEY;
    /// The key in a CA's certificate of this side's chain
    #[doc(alias = "SSL_SECOP_CA_KEY")]
    CA_KEY = SSL_SECOP_CA_KEY;
    /// The hash of a CA's signature in this side's chain
    #[doc(alias = "SSL_SECOP_CA_MD")]
    CA_MD = SSL_SECOP_CA_MD;
    /// The key in the peer's own certificate. In handshakes the level judges it while the chain is verified, and nobody asks.
    #[doc(alias = "SSL_SECOP_PEER_EE_KEY")]
    PEER_EE_KEY = SSL_SECOP_PEER_EE_KEY;
    /// The key in a CA's certificate of the peer's chain
    #[doc(alias = "SSL_SECOP_PEER_CA_KEY")]
    PEER_CA_KEY = SSL_SECOP_PEER_CA_KEY;
    /// The hash of a CA's signature in the peer's chain
    #[doc(alias = "SSL_SECOP_PEER_CA_MD")]
    PEER_CA_MD = SSL_SECOP_PEER_CA_MD;
}

impl SecurityOperation {
    /// Whether what is asked about is the peer's.
    pub fn is_of_peer(self) -> bool {
        self.0 & ext::SSL_SECOP_PEER != 0
    }

    /// What kind of object C passes with the question.
    fn object_kind(self) -> c_int {
        const KINDS: c_int = -0x1_0000; // SSL_SECOP_OTHER_TYPE
        self.0 & KINDS
    }
}

impl fmt::Debug for SecurityOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "SecurityOperation::{name}"),
            None => write!(f, "SecurityOperation({:#x})", self.0),
        }
    }
}

/// One question that a security callback decides.
pub struct SecurityQuestion<'a> {
    ssl: Option<&'a SslRef>,
    raw: Raw,
    rule: &'a SecurityRule,
}

/// What C asked.
#[derive(Clone, Copy)]
struct Raw {
    ssl: *const sys::SSL,
    context: *const sys::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    object: *mut c_void,
}

impl SecurityQuestion<'_> {
    /// What it is about.
    pub fn operation(&self) -> SecurityOperation {
        SecurityOperation(self.raw.operation)
    }

    /// Its strength in bits of security; for [`SecurityOperation::VERSION`] the version's number is in
    /// [`number`](Self::number). -1 where OpenSSL cannot tell.
    pub fn bits(&self) -> i32 {
        self.raw.bits
    }

    /// The algorithm, where there is one.
    pub fn nid(&self) -> Option<Nid> {
        Nid(self.raw.nid).defined()
    }

    /// The bare number that comes with the question: an algorithm's or a version's.
    pub fn number(&self) -> i32 {
        self.raw.nid
    }

    /// The connection, for reading, or `None` where a context's settings are made.
    pub fn ssl(&self) -> Option<&SslRef> {
        self.ssl
    }

    /// The certificate, where the question is about one.
    pub fn certificate(&self) -> Option<&X509Ref> {
        let is_one =
            self.operation().object_kind() == ext::SSL_SECOP_OTHER_CERT && !self.raw.object.is_null();
        // SAFETY: questions of this kind come with a certificate, which C keeps for the callback.
        is_one.then(|| unsafe { X509Ref::from_ptr(self.raw.object.cast()) })
    }

    /// The cipher suite, where the question is about one.
    pub fn cipher(&self) -> Option<SslCipher> {
        if self.operation().object_kind() != ext::SSL_SECOP_OTHER_CIPHER {
            return None;
        }
        // SAFETY: questions of this kind come with one of libssl's own cipher suites.
        unsafe { SslCipher::from_ptr(self.raw.object.cast()) }
    }

    /// What the rule says that was there before this callback: OpenSSL's levels, if nobody else set one.
    pub fn permitted(&self) -> bool {
        let raw = self.raw;
        // SAFETY: C's own arguments, handed on to the callback that was registered for them, with its own argument.
        self.rule.earlier.is_some_and(|earlier| unsafe {
            let argument = self.rule.argument.0;
            earlier(raw.ssl, raw.context, raw.operation, raw.bits, raw.nid, raw.object, argument) == 1
        })
    }
}

impl fmt::Debug for SecurityQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityQuestion")
            .field("operation", &self.operation())
            .field("bits", &self.bits())
            .field("number", &self.number())
            .field("certificate", &self.certificate())
            .field("cipher", &self.cipher())
            .finish_non_exhaustive()
    }
}

impl SecurityRule {
    /// A rule of `closure` over the callback that was there with its argument; over `before`, if that was there, which was
    /// a rule of the same owner.
    pub(crate) fn new(
        closure: impl Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
        overrides: bool,
        earlier: (Option<SecurityFn>, *mut c_void),
        before: Option<&Self>,
    ) -> Self {
        let (earlier, argument) = match before {
            Some(before) => (before.earlier, before.argument),
            None => (earlier.0, Argument(earlier.1)),
        };
        Self { closure: Arc::new(closure), overrides, earlier, argument }
    }

    /// What tells it from others: those that are one answer alike.
    pub(crate) fn mark(&self) -> SecurityMark {
        (Mark::of(&self.closure), self.overrides)
    }

    /// Answers C.
    ///
    /// # Safety
    ///
    /// The arguments are those that C gave to the trampoline, for the time of its call.
    pub(crate) unsafe fn answer(
        &self,
        ssl: *const sys::SSL,
        context: *const sys::SSL_CTX,
        (operation, bits, nid): (c_int, c_int, c_int),
        object: *mut c_void,
    ) -> c_int {
        // SAFETY: NULL, or an object that is live for the callback.
        let view = (!ssl.is_null()).then(|| unsafe { SslRef::from_ptr(ssl.cast_mut()) });
        let raw = Raw { ssl, context, operation, bits, nid, object };
        let question = SecurityQuestion { ssl: view, raw, rule: self };
        let permitted =
            (self.overrides || question.permitted()) && run(|| (self.closure)(&question)) == Some(true);
        c_int::from(permitted)
    }
}

impl ContextSettings {
    /// The security level, 0 (anything goes) to 5.
    ///
    /// C: [`SSL_CTX_get_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_get_security_level")]
    pub fn security_level(&self) -> u32 {
        // SAFETY: the context is live, and the call only reads it.
        u32::try_from(unsafe { sys::SSL_CTX_get_security_level(self.as_ptr()) }).unwrap_or_default()
    }

    /// Whether a callback of this crate's decides beside the level.
    ///
    /// C: [`SSL_CTX_get_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_get_security_callback")]
    pub fn has_security_callback(&self) -> bool {
        // SAFETY: the context is live, and the calls only read it.
        let callback = unsafe { ext::SSL_CTX_get_security_callback(self.as_ptr()) };
        is(callback, decide)
    }

    /// What the security callback is called with: for callbacks of this crate's the context itself, else what C set.
    ///
    /// C: [`SSL_CTX_get0_security_ex_data(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_get0_security_ex_data")]
    pub fn security_ex_data(&self) -> *mut c_void {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { ext::SSL_CTX_get0_security_ex_data(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Raises the security level to at least `level` (5 is the highest): weaker keys, ciphers and hashes are refused.
    ///
    /// C: [`SSL_CTX_set_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_set_security_level")]
    pub fn raise_security_level(&mut self, level: u32) {
        if level > self.security_level() {
            self.danger_set_security_level(level);
        }
    }

    /// Sets the security level, which may be lower than the system's.
    ///
    /// C: [`SSL_CTX_set_security_level(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_set_security_level")]
    pub fn danger_set_security_level(&mut self, level: u32) {
        let level = c_int::try_from(level).unwrap_or(c_int::MAX);
        // SAFETY: the context is live and borrowed for writing.
        unsafe { sys::SSL_CTX_set_security_level(self.as_ptr(), level) };
    }

    /// Asks `callback` about whatever the security level permits: it can forbid more. It is asked while settings are made
    /// and in handshakes. If it panics, the answer is no, and the panic goes on in the call that shook hands.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_set_security_callback")]
    #[doc(alias = "SSL_CTX_set0_security_ex_data")]
    pub fn set_security_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_security(callback, false)
    }

    /// As [`set_security_callback`](Self::set_security_callback) with C's meaning: the callback alone decides, and can
    /// permit what the level forbids, which [`SecurityQuestion::permitted`] tells.
    ///
    /// # Errors
    ///
    /// As [`set_security_callback`](Self::set_security_callback).
    ///
    /// C: [`SSL_CTX_set_security_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_security_level/)
    #[doc(alias = "SSL_CTX_set_security_callback")]
    pub fn danger_set_security_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
    {
        self.install_security(callback, true)
    }

    fn install_security(
        &mut self,
        callback: impl Fn(&SecurityQuestion<'_>) -> bool + Send + Sync + 'static,
        overrides: bool,
    ) -> Result<(), Error> {
        let ours = self.has_security_callback();
        // SAFETY: the context is live, and the call only reads it.
        let earlier = unsafe { ext::SSL_CTX_get_security_callback(self.as_ptr()) };
        let earlier = (earlier, self.security_ex_data());
        self.update_callbacks(|callbacks| {
            let before = callbacks.security.take().filter(|_| ours);
            callbacks.security = Some(SecurityRule::new(callback, overrides, earlier, before.as_ref()));
        })?;
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        unsafe {
            ext::SSL_CTX_set_security_callback(self.as_ptr(), Some(decide));
            ext::SSL_CTX_set0_security_ex_data(self.as_ptr(), self.argument());
        }
        Ok(())
    }
}

/// Whether C's callback is this trampoline.
pub(crate) fn is(callback: Option<SecurityFn>, trampoline: SecurityFn) -> bool {
    callback.is_some_and(|callback| std::ptr::fn_addr_eq(callback, trampoline))
}

/// C copies it with its argument, and with the certificates, to each object, which holds the context that they came from.
unsafe extern "C" fn decide(
    ssl: *const sys::SSL,
    context: *const sys::SSL_CTX,
    operation: c_int,
    bits: c_int,
    nid: c_int,
    object: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the argument that was registered.
    let rule = unsafe { Callbacks::of_argument(argument) }.and_then(|callbacks| callbacks.security.clone());
    // SAFETY: C's own arguments. Where the rule is missing, nothing is permitted.
    rule.map_or(0, |rule| unsafe { rule.answer(ssl, context, (operation, bits, nid), object) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_objects_are_told_from_the_operation() {
        assert_eq!(SecurityOperation::PEER_CA_MD.object_kind(), ext::SSL_SECOP_OTHER_CERT);
        assert_eq!(SecurityOperation::CIPHER_SHARED.object_kind(), ext::SSL_SECOP_OTHER_CIPHER);
        assert_eq!(SecurityOperation::VERSION.object_kind(), ext::SSL_SECOP_OTHER_NONE);
        assert!(SecurityOperation::PEER_EE_KEY.is_of_peer() && !SecurityOperation::EE_KEY.is_of_peer());
        assert_eq!(format!("{:?}", SecurityOperation(0x7fff)), "SecurityOperation(0x7fff)");
    }
}
