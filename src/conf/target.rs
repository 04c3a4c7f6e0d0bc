//! What a configuration changes, and what of it must not be lost without a word.

use std::ffi::{CStr, c_int, c_long};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::context::{CertificateFlags, SslContextBuilderRef, SslVerifyMode, calling};
use crate::error::{self, Error, ErrorKind};
use crate::ssl::SslRef;
use crate::ssl::state::State;
use crate::x509::{X509Store, X509StoreRef};

/// The context or the object that is being configured.
#[derive(Debug)]
pub(super) enum Target<'a> {
    Context(&'a mut SslContextBuilderRef),
    Ssl(&'a mut SslRef),
}

/// Makes the same call on either.
macro_rules! on {
    ($target:expr, $object:ident => $call:expr) => {
        match $target {
            Target::Context($object) => $call,
            Target::Ssl($object) => $call,
        }
    };
}

/// A verify callback, as it is declared for the getter and for the setter.
type UnsafeCallback = Option<unsafe extern "C" fn(c_int, *mut sys::X509_STORE_CTX) -> c_int>;
type Callback = Option<extern "C" fn(c_int, *mut sys::X509_STORE_CTX) -> c_int>;

/// What only calls with `danger` in their names give up.
pub(super) struct Promises {
    mode: SslVerifyMode,
    level: u32,
    strict: bool,
}

/// Which of the two stores beside a context's own one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    Verify,
    Chain,
}

impl Slot {
    pub(super) const BOTH: [Self; 2] = [Self::Verify, Self::Chain];
}

impl Target<'_> {
    /// Before C reads files: it would ask at the terminal for a passphrase.
    pub(super) fn answer_for_passphrase(&mut self) -> Result<(), Error> {
        on!(self, object => object.answer_for_passphrase())
    }

    /// Signature algorithms were set, which C does not tell again: to these, or to what nobody here knows.
    pub(super) fn note_sigalgs(&mut self, list: Option<&CStr>) -> Result<(), Error> {
        static UNKNOWN: AtomicU64 = AtomicU64::new(0);
        let noted: Arc<str> = match list {
            Some(list) => list.to_string_lossy().into(),
            None => format!("#{}", UNKNOWN.fetch_add(1, Ordering::Relaxed)).into(),
        };
        match self {
            Self::Context(context) => {
                context.update_callbacks(|callbacks| callbacks.noted.sigalgs = Some(noted))
            }
            Self::Ssl(ssl) => {
                State::of_mut(ssl)?.noted().sigalgs = Some(noted);
                Ok(())
            }
        }
    }

    /// Before options change.
    pub(super) fn note_options(&mut self) -> Result<(), Error> {
        match self {
            Self::Context(_) => Ok(()),
            Self::Ssl(ssl) => ssl.note_ktls(),
        }
    }

    pub(super) fn promises(&self) -> Promises {
        // SAFETY: live; clearing nothing tells what there is.
        let flags = unsafe {
            match self {
                Self::Context(context) => ext::SSL_CTX_clear_cert_flags(context.as_ptr(), 0),
                Self::Ssl(ssl) => ext::SSL_clear_cert_flags(ssl.as_ptr(), 0),
            }
        };
        let strict = c_long::from(ext::SSL_CERT_FLAG_TLS_STRICT);
        let (mode, level) = on!(self, object => (object.verify_mode(), object.security_level()));
        Promises { mode, level, strict: flags & strict != 0 }
    }

    /// Takes back what gives a promise up. The answer is what was taken back.
    pub(super) fn keep(&mut self, promises: &Promises) -> Option<&'static str> {
        let mut broken = None;
        let now = self.promises();
        if is_weaker(promises.mode, now.mode) {
            self.set_mode(promises.mode);
            broken = Some("the peer would be verified less");
        }
        if now.level < promises.level {
            on!(&mut *self, object => object.danger_set_security_level(promises.level));
            broken = Some("the security level would be lower");
        }
        if promises.strict && !now.strict {
            on!(&mut *self, object => object.set_cert_flags(CertificateFlags::TLS_STRICT));
            broken = Some("certificates would be chosen less strictly");
        }
        broken
    }

    /// After a peer is demanded to be verified: where C has no callback, ours remembers which certificate was refused.
    pub(super) fn watch_refusals(&mut self) -> Result<(), Error> {
        if let Self::Ssl(ssl) = self {
            ssl.judge_apart()?;
        }
        on!(self, object => {
            let mode = object.verify_mode();
            if mode.contains(SslVerifyMode::PEER) && !object.has_verify_callback() {
                object.set_verify(mode)?;
            }
            Ok(())
        })
    }

    /// Sets the mode, and leaves the callback.
    fn set_mode(&mut self, mode: SslVerifyMode) {
        // SAFETY: live and borrowed for writing. The callback is the one that C has, and goes back to nobody but C.
        unsafe {
            match self {
                Self::Context(context) => {
                    let callback = ext::SSL_CTX_get_verify_callback(context.as_ptr());
                    let callback = std::mem::transmute::<UnsafeCallback, Callback>(callback);
                    sys::SSL_CTX_set_verify(context.as_ptr(), mode.bits(), callback);
                }
                Self::Ssl(ssl) => sys::SSL_set_verify(ssl.as_ptr(), mode.bits(), None),
            }
        }
    }

    /// The store in a slot (get0), or NULL.
    pub(super) fn store(&self, slot: Slot) -> *mut sys::X509_STORE {
        let mut store = ptr::null_mut();
        // SAFETY: live; the out-pointer is a local of the type C writes.
        unsafe {
            match (self, slot) {
                (Self::Context(context), Slot::Verify) => {
                    ext::SSL_CTX_get0_verify_cert_store(context.as_ptr(), &raw mut store)
                }
                (Self::Context(context), Slot::Chain) => {
                    ext::SSL_CTX_get0_chain_cert_store(context.as_ptr(), &raw mut store)
                }
                (Self::Ssl(ssl), Slot::Verify) => {
                    ext::SSL_get0_verify_cert_store(ssl.as_ptr(), &raw mut store)
                }
                (Self::Ssl(ssl), Slot::Chain) => ext::SSL_get0_chain_cert_store(ssl.as_ptr(), &raw mut store),
            };
        }
        store
    }

    /// Puts a store into a slot, in place of the one that is there.
    pub(super) fn put_store(&mut self, slot: Slot, store: Option<X509Store>) -> Result<(), Error> {
        match slot {
            Slot::Verify => on!(self, object => object.put_verify_cert_store(store)),
            Slot::Chain => on!(self, object => object.put_chain_cert_store(store)),
        }
    }
}

/// Whether a mode verifies less than another. A server that asks only after the handshake does.
fn is_weaker(before: SslVerifyMode, now: SslVerifyMode) -> bool {
    let demands = SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT;
    let postpones = SslVerifyMode::POST_HANDSHAKE;
    before.contains(SslVerifyMode::PEER)
        && (!now.contains(before & demands) || (now.contains(postpones) && !before.contains(postpones)))
}

/// The stores that C may add to: those that came to be under this configuration, and that nobody else has.
#[derive(Default)]
pub(super) struct OwnStores {
    verify: Option<*mut sys::X509_STORE>,
    chain: Option<*mut sys::X509_STORE>,
}

impl OwnStores {
    /// Before C may add to the store in a slot. One that may have other holders is copied; where it cannot be, for nothing is
    /// known of it, it is taken out of the way until [`settle`](Self::settle).
    fn prepare(&mut self, target: &mut Target<'_>, slot: Slot) -> Result<Option<X509Store>, Error> {
        let present = target.store(slot);
        if present.is_null() || *self.place(slot) == Some(present) {
            return Ok(None);
        }
        // SAFETY: the store is live, and nobody changes what is in this slot.
        let present = unsafe { X509StoreRef::from_ptr(present) };
        if let Ok(copy) = present.to_builder() {
            let copy = copy.into_unknown();
            let own = copy.as_ptr();
            target.put_store(slot, Some(copy))?;
            *self.place(slot) = Some(own);
            return Ok(None);
        }
        let store = present.to_owned();
        target.put_store(slot, None)?;
        Ok(Some(store))
    }

    /// Afterwards: a store that C made is one that it may add to, and one that was taken away comes back.
    fn settle(
        &mut self,
        target: &mut Target<'_>,
        slot: Slot,
        parked: Option<X509Store>,
    ) -> Result<(), Error> {
        let present = target.store(slot);
        let Some(store) = parked else {
            *self.place(slot) = (!present.is_null()).then_some(present);
            return Ok(());
        };
        target.put_store(slot, Some(store))?;
        if present.is_null() {
            return Ok(());
        }
        let error = Error::new(ErrorKind::InvalidInput, "X509_STORE_load_file_ex");
        Err(error
            .with_detail("the store that is set may have other holders, and what it looks up is not known"))
    }

    /// Makes a call that may add to the stores in these slots.
    fn around<T>(
        &mut self,
        target: &mut Target<'_>,
        slots: &[Slot],
        call: impl FnOnce(&mut Target<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some((slot, rest)) = slots.split_first() else { return call(target) };
        let parked = self.prepare(target, *slot)?;
        let result = self.around(target, rest, call);
        let settled = self.settle(target, *slot, parked);
        // The call's own failure says more.
        result.and_then(|value| settled.map(|()| value))
    }

    fn place(&mut self, slot: Slot) -> &mut Option<*mut sys::X509_STORE> {
        match slot {
            Slot::Verify => &mut self.verify,
            Slot::Chain => &mut self.chain,
        }
    }
}

/// Lets C carry commands out, which may add to the stores in these slots. Without `danger` they give no promise up.
pub(super) fn configure<T>(
    call: &'static str,
    target: &mut Target<'_>,
    stores: &mut OwnStores,
    slots: &[Slot],
    danger: bool,
    carry_out: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    target.answer_for_passphrase()?;
    target.note_options()?;
    // A panic of a callback goes on after this, when what it interrupted is in order.
    let result = calling(|| {
        let result = stores.around(target, slots, |target| {
            let promises = (!danger).then(|| target.promises());
            error::clear();
            let result = carry_out();
            match promises.and_then(|promises| target.keep(&promises)) {
                Some(detail) => Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail)),
                None => result,
            }
        });
        let watched = target.watch_refusals();
        result.and_then(|value| watched.map(|()| value))
    });
    error::clear();
    result
}
