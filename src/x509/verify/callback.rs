//! The callback of a verification: what the caller decides, and where the first refusal was.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr;
use std::sync::OnceLock;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::context::run;
use crate::error::{Error, VerifyError};
use crate::x509::{X509, X509Ref};

pub(super) type Closure<'a> = Box<dyn FnMut(&mut ChainView<'_>) -> bool + 'a>;

/// One certificate of a chain that is being verified.
#[doc(alias = "X509_STORE_CTX")]
pub struct ChainView<'a> {
    context: &'a Borrowed,
    preverified: bool,
    error_was_set: bool,
}

impl ChainView<'_> {
    /// Whether OpenSSL accepts this certificate.
    pub fn preverified(&self) -> bool {
        self.preverified
    }

    /// Why OpenSSL refuses it. Only meaningful where [`preverified`](Self::preverified) is false.
    ///
    /// C: [`X509_STORE_CTX_get_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_error")]
    pub fn error(&self) -> VerifyError {
        // SAFETY: C lends the context for the callback, which this view does not outlive.
        VerifyError(unsafe { sys::X509_STORE_CTX_get_error(self.context.0) })
    }

    /// Sets the reason that a refusal will have.
    ///
    /// C: [`X509_STORE_CTX_set_error(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_set_error")]
    pub fn set_error(&mut self, error: VerifyError) {
        self.error_was_set = true;
        // SAFETY: as above; `&mut self` has it alone.
        unsafe { sys::X509_STORE_CTX_set_error(self.context.0, error.0) };
    }

    /// The certificate's place in the chain; 0 is the one that is verified.
    ///
    /// C: [`X509_STORE_CTX_get_error_depth(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_error_depth")]
    pub fn depth(&self) -> u32 {
        // SAFETY: as above.
        u32::try_from(unsafe { sys::X509_STORE_CTX_get_error_depth(self.context.0) }).unwrap_or_default()
    }

    /// The certificate, where the question is about one.
    ///
    /// C: [`X509_STORE_CTX_get_current_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/)
    #[doc(alias = "X509_STORE_CTX_get_current_cert")]
    pub fn certificate(&self) -> Option<&X509Ref> {
        // SAFETY: as above; get0.
        let certificate = unsafe { sys::X509_STORE_CTX_get_current_cert(self.context.0) };
        // SAFETY: not NULL; the context keeps it for the callback, which this view does not outlive.
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }
}

impl fmt::Debug for ChainView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainView")
            .field("preverified", &self.preverified)
            .field("error", &self.error())
            .field("depth", &self.depth())
            .field("certificate", &self.certificate())
            .finish()
    }
}

/// A context that C lends for a callback.
struct Borrowed(*mut sys::X509_STORE_CTX);

/// What the trampoline finds in the context.
pub(super) struct Judge<'a> {
    pub(super) decide: Option<(Closure<'a>, bool)>,
    /// Where the first refusal was, and why.
    pub(super) refusal: Option<Refusal>,
    /// A complaint was overruled, as the caller asked for.
    pub(super) overruled: bool,
}

pub(super) struct Refusal {
    pub(super) error: VerifyError,
    pub(super) depth: u32,
    pub(super) certificate: Option<X509>,
}

/// The place of the [`Judge`] in contexts of ours. The judge is on the stack of `verify`, so it has no destructor.
pub(super) fn judge_index() -> Result<c_int, Error> {
    static INDEX: OnceLock<c_int> = OnceLock::new();
    if let Some(index) = INDEX.get() {
        return Ok(*index);
    }
    // SAFETY: has no requirements without callbacks.
    let index = unsafe {
        let class = ext::CRYPTO_EX_INDEX_X509_STORE_CTX;
        sys::CRYPTO_get_ex_new_index(class, 0, ptr::null_mut(), None, None, None)
    };
    if index < 0 {
        return Err(Error::from_queue("CRYPTO_get_ex_new_index"));
    }
    // Of two threads that race here one index stays unused; that is all.
    Ok(*INDEX.get_or_init(|| index))
}

/// The trampoline. The issuers of revocation lists are verified in contexts of their own, whose parent is ours.
pub(super) extern "C" fn decide_each(preverified: c_int, context: *mut sys::X509_STORE_CTX) -> c_int {
    let Ok(index) = judge_index() else { return 0 };
    let (mut with_judge, mut judge) = (context, ptr::null_mut::<c_void>());
    while judge.is_null() && !with_judge.is_null() {
        // SAFETY: C lends the context for this call, and a context holds its parents.
        unsafe {
            judge = sys::X509_STORE_CTX_get_ex_data(with_judge, index);
            with_judge = ext::X509_STORE_CTX_get0_parent_ctx(with_judge);
        }
    }
    // SAFETY: NULL, or the judge of the `verify` under whose frames this runs, where nobody else uses it. The lifetime of
    // its closure covers that call.
    let Some(judge) = (unsafe { judge.cast::<Judge<'_>>().as_mut() }) else { return 0 };
    // Where policies are fine, C calls with 2.
    let preverified = preverified != 0;
    let borrowed = Borrowed(context);
    let mut view = ChainView { context: &borrowed, preverified, error_was_set: false };
    let accepted = match &mut judge.decide {
        None => preverified,
        Some((closure, overrides)) => run(|| closure(&mut view)) == Some(true) && (preverified || *overrides),
    };
    if accepted {
        judge.overruled |= !preverified;
        return 1;
    }
    if preverified && !view.error_was_set {
        // An earlier complaint that the closure overruled may still stand there.
        view.set_error(VerifyError::APPLICATION_VERIFICATION);
    }
    let (error, depth) = (view.error(), view.depth());
    let certificate = view.certificate().map(ToOwned::to_owned);
    judge.refusal.get_or_insert(Refusal { error, depth, certificate });
    0
}
