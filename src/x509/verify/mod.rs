//! Verifying a chain without a connection.

mod callback;

use std::{fmt, ptr};

use foreign_types::ForeignType;
use openssl_sys as sys;
use openssl_sys_ext as ext;

pub use callback::ChainView;

use callback::{Closure, Judge, Refusal, decide_each, judge_index};

use super::stack::{self, Stack};
use super::{
    X509, X509Crl, X509Purpose, X509Ref, X509StoreBuilder, X509StoreRef, X509VerifyParam, X509VerifyParamRef,
};
use crate::error::{self, Error, ErrorKind, ErrorStack, VerifyError, VerifyFailure};
use crate::ffi::panics;
use crate::library::LibContext;

const CALL: &str = "X509_verify_cert";

impl X509StoreRef {
    /// Begins to verify a certificate: whether a chain leads from it to this store, and whether it is what it should be.
    ///
    /// ```
    /// # fn main() -> Result<(), libssl::Error> {
    /// use libssl::x509::{X509, X509Purpose, X509Store, X509VerifyParam};
    ///
    /// fn is_server(store: &X509Store, chain: &[X509], name: &str) -> Result<(), libssl::Error> {
    ///     let [certificate, above @ ..] = chain else { return Ok(()) };
    ///     let mut param = X509VerifyParam::new()?;
    ///     param.set_host(name)?;
    ///     let verified = store
    ///         .verify_chain(certificate)
    ///         .untrusted(above)
    ///         .purpose(X509Purpose::SSL_SERVER)
    ///         .param(&param)
    ///         .verify()?;
    ///     println!("{} certificates up to the root", verified.chain().len());
    ///     Ok(())
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// C: [`X509_verify_cert(3)`](https://docs.openssl.org/master/man3/X509_verify_cert/)
    #[doc(alias = "X509_verify_cert")]
    #[doc(alias = "X509_STORE_CTX_init")]
    pub fn verify_chain<'a>(&'a self, certificate: &'a X509Ref) -> ChainVerifier<'a> {
        ChainVerifier {
            store: self,
            certificate,
            untrusted: &[],
            crls: &[],
            param: None,
            purpose: None,
            any_purpose: false,
            auth_level: 0,
            lib: LibContext::default(),
            decide: None,
        }
    }
}

/// A verification that is still to be made.
#[doc(alias = "X509_STORE_CTX")]
#[must_use = "nothing is verified before `verify`"]
pub struct ChainVerifier<'a> {
    store: &'a X509StoreRef,
    certificate: &'a X509Ref,
    untrusted: &'a [X509],
    crls: &'a [X509Crl],
    param: Option<&'a X509VerifyParamRef>,
    purpose: Option<X509Purpose>,
    /// The purpose is that of the settings, or none.
    any_purpose: bool,
    auth_level: u32,
    lib: LibContext,
    decide: Option<(Closure<'a>, bool)>,
}

impl<'a> ChainVerifier<'a> {
    /// Certificates that may stand in the chain, in any order; they are trusted for nothing.
    pub fn untrusted(mut self, certificates: &'a [X509]) -> Self {
        self.untrusted = certificates;
        self
    }

    /// Revocation lists beside those in the store. They count with [`VerifyFlags::CRL_CHECK`](super::VerifyFlags).
    ///
    /// C: [`X509_STORE_CTX_set0_crls(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_set0_crls")]
    pub fn crls(mut self, crls: &'a [X509Crl]) -> Self {
        self.crls = crls;
        self
    }

    /// Settings that go before the store's own.
    ///
    /// C: [`X509_STORE_CTX_get0_param(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_get0_param")]
    pub fn param(mut self, param: &'a X509VerifyParamRef) -> Self {
        self.param = Some(param);
        self
    }

    /// What the certificate is to be used for, whatever the settings say; and what the root must be trusted for, where
    /// they do not say. One for which OpenSSL looks at no usage, such as [`ANY`](X509Purpose::ANY), is refused: see
    /// [`X509VerifyParamRef::danger_set_purpose`].
    ///
    /// C: [`X509_STORE_CTX_set_purpose(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_set_purpose")]
    pub fn purpose(mut self, purpose: X509Purpose) -> Self {
        self.purpose = Some(purpose);
        self
    }

    /// Leaves it to the settings, or else to those of the store, what the certificate is to be used for. Where they do not
    /// say, no usage is checked, and a client's certificate passes for a server's.
    pub fn danger_purpose_of_settings(mut self) -> Self {
        self.any_purpose = true;
        self
    }

    /// The security level that keys and signatures in the chain must have at the least. Without it and the settings'
    /// own there is none.
    pub fn auth_level(mut self, level: u32) -> Self {
        self.auth_level = level;
        self
    }

    /// The library context whose algorithms verify.
    ///
    /// C: [`X509_STORE_CTX_new_ex(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_new/)
    #[doc(alias = "X509_STORE_CTX_new_ex")]
    pub fn lib(mut self, lib: LibContext) -> Self {
        self.lib = lib;
        self
    }

    /// Asks `callback` about each certificate of the chain, the root first, and about each complaint. It can refuse what
    /// OpenSSL accepts, but not accept what OpenSSL refuses.
    ///
    /// If it panics, the panic goes on in [`verify`](Self::verify).
    ///
    /// C: [`X509_STORE_CTX_set_verify_cb(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_set_verify_cb/)
    #[doc(alias = "X509_STORE_CTX_set_verify_cb")]
    pub fn callback(mut self, callback: impl FnMut(&mut ChainView<'_>) -> bool + 'a) -> Self {
        self.decide = Some((Box::new(callback), false));
        self
    }

    /// As [`callback`](Self::callback) with C's meaning: `true` accepts the certificate, whatever OpenSSL found.
    ///
    /// C: [`X509_STORE_CTX_set_verify_cb(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_set_verify_cb/)
    #[doc(alias = "X509_STORE_CTX_set_verify_cb")]
    pub fn danger_callback(mut self, callback: impl FnMut(&mut ChainView<'_>) -> bool + 'a) -> Self {
        self.decide = Some((Box::new(callback), true));
        self
    }

    /// Verifies.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Verification`] for a chain that is refused, and [`Error::verify_failure`] says at which certificate;
    /// [`ErrorKind::InvalidInput`] without a purpose, or with one for which no usage is checked, where OpenSSL would not ask
    /// what the certificate is for, and with settings that are [locked](super::InheritFlags::LOCKED).
    ///
    /// C: [`X509_verify_cert(3)`](https://docs.openssl.org/master/man3/X509_verify_cert/)
    #[doc(alias = "X509_verify_cert")]
    pub fn verify(self) -> Result<VerifiedChain, Error> {
        if self.purpose.is_none() && !self.any_purpose {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("no purpose was given"));
        }
        if self.purpose.is_some_and(|purpose| !purpose.is_checked()) {
            return Err(
                Error::new(ErrorKind::InvalidInput, CALL).with_detail("no usage is checked for this purpose")
            );
        }
        let (untrusted, crls) = (Stack::new(self.untrusted)?, Stack::new(self.crls)?);
        let param = self.settings()?;
        let context = Context::new(self.lib)?;
        // SAFETY: the context is live and ours. It keeps pointers to the store, the certificate and the stack, which all
        // outlive it: they were bound before it, or are the caller's. It takes the settings.
        let done = unsafe {
            let certificate = self.certificate.as_ptr();
            let done =
                sys::X509_STORE_CTX_init(context.0, self.store.as_ptr(), certificate, untrusted.as_ptr());
            if done == 1 {
                ext::X509_STORE_CTX_set0_param(context.0, param.into_ptr());
            }
            done
        };
        if done != 1 {
            return Err(Error::from_queue("X509_STORE_CTX_init"));
        }
        let mut judge = Judge { decide: self.decide, refusal: None, overruled: false };
        // SAFETY: the context is live and ours. It keeps pointers to the stack and to the judge, which outlive the
        // verification; the trampoline is the only one that reads the latter.
        unsafe {
            ext::X509_STORE_CTX_set0_crls(context.0, crls.as_ptr());
            if ext::X509_STORE_CTX_set_ex_data(context.0, judge_index()?, (&raw mut judge).cast()) != 1 {
                return Err(Error::from_queue("X509_STORE_CTX_set_ex_data"));
            }
            ext::X509_STORE_CTX_set_verify_cb(context.0, Some(decide_each));
        }
        error::clear();
        // SAFETY: the context is live, ours, and was verified with never before.
        let result = panics::enter(|| unsafe { sys::X509_verify_cert(context.0) }, error::clear);
        let stack = ErrorStack::drain();
        // SAFETY: the context is live, and the call only reads it.
        let code = VerifyError(unsafe { sys::X509_STORE_CTX_get_error(context.0) });
        if result == 1 && judge.refusal.is_none() && (code.is_ok() || judge.overruled) {
            return context.chain();
        }
        Err(refused(judge.refusal, code, &context).with_stack(stack))
    }
}

impl ChainVerifier<'_> {
    /// The store's settings, those of this verification before them, and what the root must be trusted for.
    fn settings(&self) -> Result<X509VerifyParam, Error> {
        let mut param = X509VerifyParam::new()?;
        for settings in [Some(self.store.param()), self.param].into_iter().flatten() {
            param.set_from(settings)?;
        }
        if let Some(purpose) = self.purpose {
            param.danger_set_purpose(Some(purpose))?;
        }
        if self.auth_level > param.auth_level().unwrap_or_default() {
            param.danger_set_auth_level(Some(self.auth_level));
        }
        complete(self.lib, &mut param)?;
        Ok(param)
    }
}

impl fmt::Debug for ChainVerifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainVerifier")
            .field("certificate", &self.certificate)
            .field("untrusted", &self.untrusted)
            .field("param", &self.param)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A chain that was verified.
#[derive(Clone, Debug)]
pub struct VerifiedChain {
    chain: Vec<X509>,
    peer_name: Option<Vec<u8>>,
}

impl VerifiedChain {
    /// The chain: the certificate first, and the root last.
    ///
    /// C: [`X509_STORE_CTX_get1_chain(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get1_chain")]
    pub fn chain(&self) -> &[X509] {
        &self.chain
    }

    /// The name in the certificate that matched, where a host name was demanded.
    ///
    /// C: [`X509_VERIFY_PARAM_get0_peername(3)`](https://docs.openssl.org/master/man3/X509_VERIFY_PARAM_set_flags/)
    #[doc(alias = "X509_VERIFY_PARAM_get0_peername")]
    pub fn peer_name(&self) -> Option<&[u8]> {
        self.peer_name.as_deref()
    }
}

/// An `X509_STORE_CTX` of ours.
struct Context(*mut sys::X509_STORE_CTX);

impl Context {
    fn new(lib: LibContext) -> Result<Self, Error> {
        error::clear();
        // SAFETY: the library context lives as long as the process.
        let context = unsafe { ext::X509_STORE_CTX_new_ex(lib.as_ptr(), lib.properties_ptr()) };
        if context.is_null() { Err(Error::from_queue("X509_STORE_CTX_new_ex")) } else { Ok(Self(context)) }
    }

    fn param(&self) -> &X509VerifyParamRef {
        // SAFETY: the context is live and initialised, and lends its settings (get0), which stay for the borrow.
        unsafe { X509VerifyParamRef::from_ptr(ext::X509_STORE_CTX_get0_param(self.0)) }
    }

    /// The names in the certificate that is verified.
    fn presented(&self) -> Vec<String> {
        // SAFETY: the context is live and initialised with a certificate, which it lends (get0).
        let certificate = unsafe { ext::X509_STORE_CTX_get0_cert(self.0) };
        if certificate.is_null() {
            return Vec::new();
        }
        // SAFETY: not NULL, and live for this call.
        unsafe { X509Ref::from_ptr(certificate) }.display_names()
    }

    /// The chain of a verification that succeeded.
    fn chain(&self) -> Result<VerifiedChain, Error> {
        // SAFETY: the context is live and lends its chain (get0).
        let chain = unsafe { sys::X509_STORE_CTX_get0_chain(self.0) };
        // SAFETY: NULL, or a live stack of certificates, of each of which a reference is taken.
        let chain = unsafe {
            stack::collect(chain, |certificate| {
                sys::X509_up_ref(certificate);
                Some(<X509 as ForeignType>::from_ptr(certificate))
            })
        };
        if chain.is_empty() {
            return Err(Error::new(ErrorKind::Unspecified, CALL).with_detail("there is no chain"));
        }
        Ok(VerifiedChain { chain, peer_name: self.param().peer_name().map(<[u8]>::to_vec) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once. What it points to is alive still.
        unsafe { sys::X509_STORE_CTX_free(self.0) };
    }
}

/// Sets what is not set: C's defaults, and what the root must be trusted for, after the purpose. C does that for the purpose
/// of a store, and once: a root would pass that is marked as not trusted for a purpose that is set later.
fn complete(lib: LibContext, param: &mut X509VerifyParamRef) -> Result<(), Error> {
    let mut store = X509StoreBuilder::new_in(lib)?;
    store.param_mut().set_from(param)?;
    let context = Context::new(lib)?;
    // SAFETY: the context is live and ours, and the store, to which it keeps a pointer, outlives it. It verifies nothing.
    let done =
        unsafe { sys::X509_STORE_CTX_init(context.0, store.as_ptr(), ptr::null_mut(), ptr::null_mut()) };
    if done != 1 {
        return Err(Error::from_queue("X509_STORE_CTX_init"));
    }
    // SAFETY: both are live, and `param` is borrowed for writing. All else that is set there is set here too, and stays.
    let done = unsafe { ext::X509_VERIFY_PARAM_inherit(param.as_ptr(), context.param().as_ptr()) };
    if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_VERIFY_PARAM_inherit")) }
}

/// The error of a chain that was refused, or that could not be verified at all.
fn refused(refusal: Option<Refusal>, code: VerifyError, context: &Context) -> Error {
    let (error, depth, certificate) = match refusal {
        Some(refusal) => (refusal.error, Some(refusal.depth), refusal.certificate),
        None => (code, None, None),
    };
    // A failure of C's own may have no code.
    let error = if error.is_ok() { VerifyError::UNSPECIFIED } else { error };
    let param = context.param();
    let texts =
        param.hosts().into_iter().chain(param.email()).map(|name| name.to_string_lossy().into_owned());
    let mut failure = VerifyFailure::new(error, depth, certificate);
    failure.expected = texts.chain(param.ip().map(|address| address.to_string())).collect();
    failure.presented = context.presented();
    Error::new(ErrorKind::Verification(error), CALL).with_verify_failure(Some(failure))
}
