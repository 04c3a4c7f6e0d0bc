//! Calls into a BIO's methods, and what they leave behind.

use std::ffi::c_int;
use std::io;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{BioError, BioRetry, BioType, RetryReason};
use crate::bio::descriptor::disown_lost_socket;
use crate::bio::handle::BioRef;
use crate::bio::method;
use crate::error::{self, Error, ErrorKind, ErrorStack, Reason};
use crate::ffi::{errno, panics};

impl BioRef {
    /// Makes a call that may run closures of the user's, and returns `errno` with its result. A panic goes on once C has
    /// returned.
    pub(in crate::bio) fn enter<T>(&mut self, call: impl FnOnce(*mut sys::BIO) -> T) -> (T, c_int) {
        let bio = self.as_ptr();
        error::clear();
        errno::set(0);
        panics::enter(
            || {
                let (result, errno) = (call(bio), errno::get());
                // SAFETY: the chain is live and borrowed for writing.
                unsafe { disown_lost_socket(bio) };
                (result, errno)
            },
            error::clear,
        )
    }

    /// As [`enter`](Self::enter), for what moves bytes. The retry flags of the chain are those of this call, also where it
    /// does not reach the method that would clear them.
    pub(in crate::bio) fn operate<T>(
        &mut self,
        call: &'static str,
        operation: impl FnOnce(*mut sys::BIO) -> T,
    ) -> Result<(T, c_int), BioError> {
        if self.find_type(BioType::SSL).is_some() && !self.has_transport() {
            // Before 4.0 libssl crashes.
            return Err(Error::new(ErrorKind::NoTransport, call).into());
        }
        self.settle(call)?;
        if self.is_connecting() {
            let retry = BioRetry::special(RetryReason::CONNECT);
            // SAFETY: the BIO is live and borrowed for writing.
            unsafe { retry.put(self.as_ptr()) };
            return Err(BioError::Retry(retry));
        }
        Ok(self.enter(|bio| {
            let mut link = bio;
            while !link.is_null() {
                // SAFETY: a live BIO of the chain, which is borrowed for writing.
                unsafe {
                    sys::BIO_clear_retry_flags(link);
                    link = ext::BIO_next(link);
                }
            }
            operation(bio)
        }))
    }

    /// Whether each SSL object of the chain has BIOs to read from and to write to, and its BIO one behind it, which a flush
    /// takes for granted.
    fn has_transport(&mut self) -> bool {
        let mut link = Some(self);
        while let Some(bio) = link {
            if bio.method_type() == BioType::SSL {
                let mut ssl = ptr::null_mut();
                // SAFETY: the BIO is live and borrowed for writing, and `ssl` is a local of the type C writes.
                bio.ask(|bio| unsafe { ext::BIO_get_ssl(bio, &raw mut ssl) });
                // SAFETY: get0: an object that the BIO holds.
                let lacks =
                    || unsafe { sys::SSL_get_rbio(ssl).is_null() || sys::SSL_get_wbio(ssl).is_null() };
                // Without an answer (it has no object, or a callback refused) nobody knows.
                if ssl.is_null() || lacks() || bio.next().is_none() {
                    return false;
                }
            }
            link = bio.next_mut();
        }
        true
    }

    /// As [`enter`](Self::enter), for a question whose answer says all: what it left in the queue is nobody's.
    pub(in crate::bio) fn ask<T>(&mut self, call: impl FnOnce(*mut sys::BIO) -> T) -> T {
        let (answer, _) = self.enter(call);
        error::clear();
        answer
    }

    /// What the operation waits for, also where filters of OpenSSL's kept that to themselves: then this BIO tells it too.
    pub(in crate::bio) fn waits(&mut self) -> Option<BioRetry> {
        const SILENT: [BioType; 4] =
            [BioType::BUFFER, BioType::LINEBUFFER, BioType::NULL_FILTER, BioType::BASE64];
        let silent = |link: &&Self| {
            let kind = link.method_type();
            SILENT.contains(&kind) && !link.should_retry()
        };
        let retry = self.links().find(|link| !silent(link))?.retry()?;
        if !self.should_retry() {
            // SAFETY: the BIO is live and borrowed for writing.
            unsafe { retry.put(self.as_ptr()) };
        }
        Some(retry)
    }

    /// Why an operation did not succeed: it can be tried again, or it failed.
    pub(in crate::bio) fn unfinished(&mut self, call: &'static str, ret: c_int, errno: c_int) -> BioError {
        match self.waits() {
            Some(retry) => {
                error::clear();
                BioError::Retry(retry)
            }
            None => BioError::Failed(self.failed(call, ret, errno)),
        }
    }

    /// The failure of the last call: the queue, `errno`, and what a stream of Rust's said itself.
    pub(in crate::bio) fn failed(&mut self, call: &'static str, ret: c_int, errno: c_int) -> Error {
        let stack = ErrorStack::drain();
        let transport = self.transport_error();
        let system = stack.iter().find_map(Reason::system_error);
        let errno = if errno == 0 { system.unwrap_or_default() } else { errno };
        let kind = if transport.is_some() || system.is_some() || (stack.is_empty() && errno != 0) {
            ErrorKind::Io
        } else if stack.is_empty() {
            ErrorKind::Unspecified
        } else {
            ErrorKind::Refused
        };
        self.forget_refused(&stack);
        Error::new(kind, call).with_stack(stack).with_transport(transport).with_return(ret, errno)
    }

    fn transport_error(&mut self) -> Option<io::Error> {
        let call = panics::last_call()?;
        // SAFETY: the chain is live and borrowed for writing.
        let core = unsafe { method::find_core(self.as_ptr()) };
        error::clear();
        // SAFETY: the core is that of a live BIO of the chain, which nobody else uses.
        unsafe { core?.as_mut() }.take_failure(call)
    }
}
