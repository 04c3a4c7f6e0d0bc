//! The context of an object.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::context::{Callbacks, SslContextRef, switch};
use crate::error::{Error, ErrorKind};

impl SslRef {
    /// The context that the object has now: the one that it was made from, unless it was switched.
    ///
    /// C: [`SSL_get_SSL_CTX(3)`](https://docs.openssl.org/master/man3/SSL_get_SSL_CTX/)
    #[doc(alias = "SSL_get_SSL_CTX")]
    pub fn context(&self) -> &SslContextRef {
        // SAFETY: the object is live and holds its context, which is frozen.
        unsafe { SslContextRef::from_ptr(sys::SSL_get_SSL_CTX(self.as_ptr())) }
    }

    /// Gives the object another context before its handshake. What goes over to the object and what stays is told at
    /// [`ServerNameView::set_context`](crate::context::ServerNameView::set_context), which is for a server that knows the name
    /// that its client asks for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake has begun, where libssl may have pointers into the certificates that the
    /// object would lose; [`ErrorKind::InvalidInput`] and [`ErrorKind::Refused`] as there, and
    /// [`ErrorKind::InvalidInput`] also for a context that demands the peer's name where the first one did not, and where one
    /// of both judges stapled OCSP responses and the other does not.
    ///
    /// C: [`SSL_set_SSL_CTX(3)`](https://docs.openssl.org/master/man3/SSL_set_SSL_CTX/)
    #[doc(alias = "SSL_set_SSL_CTX")]
    pub fn set_context(&mut self, context: &SslContextRef) -> Result<(), Error> {
        const CALL: &str = "SSL_set_SSL_CTX";
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { ext::SSL_in_before(self.as_ptr()) } != 1 {
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("a handshake has begun"));
        }
        // SAFETY: the context is live and frozen.
        let next = unsafe { Callbacks::of_context(context.as_ptr()) };
        let first = State::of_mut(self)?.context.as_ref();
        // What the object itself is set up for.
        let demands = |callbacks: &Callbacks| (callbacks.demands_name, callbacks.judges_staples());
        let next = next.as_deref().map(demands).unwrap_or_default();
        let first = first.map(|first| demands(first)).unwrap_or_default();
        let detail = match (next.0 && !first.0, next.1 != first.1) {
            (false, false) => None,
            (true, _) => {
                Some("the context demands the peer's name, and the one that the object began with does not")
            }
            (_, true) => Some("one of the contexts judges stapled responses, and the other does not"),
        };
        if let Some(detail) = detail {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
        switch(self, context)
    }
}
