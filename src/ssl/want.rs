//! What the last call on a connection waits for, as the object remembers it.

use std::ffi::c_int;

use openssl_sys_ext as ext;

use super::SslRef;
use super::state::State;
use crate::error::Want;

/// SSL_want's answers beyond `SSL_NOTHING`, which is 1.
const ANSWERS: [(c_int, Want); 7] = [
    (ext::SSL_WRITING, Want::Write),
    (ext::SSL_READING, Want::Read),
    (ext::SSL_X509_LOOKUP, Want::X509Lookup),
    (ext::SSL_ASYNC_PAUSED, Want::Async),
    (ext::SSL_ASYNC_NO_JOBS, Want::AsyncJob),
    (ext::SSL_CLIENT_HELLO_CB, Want::ClientHello),
    (ext::SSL_RETRY_VERIFY, Want::RetryVerify),
];

impl SslRef {
    /// What libssl's last call that did I/O waits for, or `None` if it waits for nothing. What that call returned tells more:
    /// [`SslError::want`](crate::SslError::want). Over a channel that [reads ahead](crate::bio::ReadAhead) a read need not reach
    /// libssl: [`Connected::wants`](crate::Connected::wants) tells of all.
    ///
    /// C: [`SSL_want(3)`](https://docs.openssl.org/master/man3/SSL_want/)
    #[doc(alias = "SSL_want")]
    pub fn want(&self) -> Option<Want> {
        // SAFETY: the object is live, and the call only reads it.
        let answer = unsafe { ext::SSL_want(self.as_ptr()) };
        ANSWERS.into_iter().find_map(|(number, want)| (number == answer).then_some(want))
    }
}

impl SslRef {
    /// Whether the last call of this crate's waits for a connection that a BIO makes.
    pub(crate) fn waits_for_connection(&self) -> bool {
        // SAFETY: the object is live.
        unsafe { State::of(self.as_ptr()) }.is_some_and(State::connects)
    }
}

/// Questions about what SSL_want says, each a macro of C's.
macro_rules! questions {
    ($($(#[$doc:meta])* $name:ident: $question:path, $c:literal;)*) => {
        impl SslRef {
            $(
                $(#[$doc])*
                ///
                /// C: [`SSL_want(3)`](https://docs.openssl.org/master/man3/SSL_want/)
                #[doc(alias = $c)]
                pub fn $name(&self) -> bool {
                    // SAFETY: the object is live, and the call only reads it.
                    unsafe { $question(self.as_ptr()) == 1 }
                }
            )*
        }
    };
}

questions! {
    /// Whether the last call waits for nothing.
    want_nothing: ext::SSL_want_nothing, "SSL_want_nothing";
    /// Whether the last call waits for bytes from the peer.
    want_read: ext::SSL_want_read, "SSL_want_read";
    /// Whether the last call waits for room for bytes to the peer.
    want_write: ext::SSL_want_write, "SSL_want_write";
    /// Whether the last call waits for the certificate callback's answer.
    want_x509_lookup: ext::SSL_want_x509_lookup, "SSL_want_x509_lookup";
    /// Whether the last call waits for an asynchronous job that is paused.
    want_async: ext::SSL_want_async, "SSL_want_async";
    /// Whether the last call waits for a free asynchronous job.
    want_async_job: ext::SSL_want_async_job, "SSL_want_async_job";
    /// Whether the last call waits for the ClientHello callback's answer.
    want_client_hello_cb: ext::SSL_want_client_hello_cb, "SSL_want_client_hello_cb";
    /// Whether the last call waits for the verify callback's answer.
    want_retry_verify: ext::SSL_want_retry_verify, "SSL_want_retry_verify";
}
