//! The callbacks of a context, in one allocation that its ex_data owns.

use std::sync::Arc;

use foreign_types::ForeignTypeRef;
use openssl_sys as sys;

use super::SslContextBuilderRef;
use crate::error::Error;
use crate::ffi::ex_data::Slot;

static SLOT: Slot<sys::SSL_CTX, Arc<Callbacks>> = Slot::new();

/// All that a context made by this crate knows beyond what C keeps. An SSL object keeps a reference to the one of
/// the context it was made from, which stays when the context is switched.
#[derive(Clone, Default)]
pub(crate) struct Callbacks {
    /// A client does not begin a handshake without a name to verify.
    pub(crate) demands_name: bool,
}

impl Callbacks {
    /// The callbacks of a context, if it has any.
    ///
    /// # Safety
    ///
    /// `context` is live or NULL, and nobody changes its settings during this call.
    pub(crate) unsafe fn of_context(context: *const sys::SSL_CTX) -> Option<Arc<Self>> {
        if context.is_null() {
            return None;
        }
        // SAFETY: live; the value is only borrowed for this call.
        unsafe { SLOT.get(context) }.cloned()
    }
}

impl SslContextBuilderRef {
    /// Changes the context's callbacks: a copy is made where objects already hold the earlier ones.
    pub(crate) fn update_callbacks(&mut self, change: impl FnOnce(&mut Callbacks)) -> Result<(), Error> {
        let context = self.as_ptr();
        // SAFETY: the context is live, and borrowed for writing.
        let mut callbacks = unsafe { Callbacks::of_context(context) }.unwrap_or_default();
        change(Arc::make_mut(&mut callbacks));
        // SAFETY: the context is live and borrowed for writing; no borrow of the earlier value is left.
        unsafe { SLOT.set(context, Box::new(callbacks)) }
    }
}
