//! What the session cache counted.

use std::ffi::c_long;

use openssl_sys_ext as ext;

use super::ContextSettings;

/// The counters, each a macro of C's.
macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident, $getter:ident: $count:path, $c:literal;)*) => {
        /// All counters of a context at once. Other threads may count on while they are read.
        ///
        /// C: [`SSL_CTX_sess_number(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_number/)
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub struct SessionStatistics {
            $(
                $(#[$doc])*
                pub $field: u64,
            )*
        }

        impl ContextSettings {
            /// What was counted of the context's handshakes and sessions.
            ///
            /// C: [`SSL_CTX_sess_number(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_number/)
            $(#[doc(alias = $c)])*
            pub fn session_statistics(&self) -> SessionStatistics {
                SessionStatistics { $($field: self.$getter(),)* }
            }

            $(
                $(#[$doc])*
                ///
                /// C: [`SSL_CTX_sess_number(3)`](https://docs.openssl.org/master/man3/SSL_CTX_sess_number/)
                #[doc(alias = $c)]
                pub fn $getter(&self) -> u64 {
                    // SAFETY: the context is live, and the call only reads a counter, as C has it for contexts that others use.
                    counted(unsafe { $count(self.as_ptr()) })
                }
            )*
        }
    };
}

/// C counts in an `int`, which may have gone round.
fn counted(number: c_long) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

counters! {
    /// The sessions in the internal cache.
    number, sess_number: ext::SSL_CTX_sess_number, "SSL_CTX_sess_number";
    /// The handshakes that clients began.
    connect, sess_connect: ext::SSL_CTX_sess_connect, "SSL_CTX_sess_connect";
    /// The handshakes that clients finished.
    connect_good, sess_connect_good: ext::SSL_CTX_sess_connect_good, "SSL_CTX_sess_connect_good";
    /// The renegotiations that clients began.
    connect_renegotiate, sess_connect_renegotiate: ext::SSL_CTX_sess_connect_renegotiate,
        "SSL_CTX_sess_connect_renegotiate";
    /// The handshakes that servers began.
    accept, sess_accept: ext::SSL_CTX_sess_accept, "SSL_CTX_sess_accept";
    /// The handshakes that servers finished.
    accept_good, sess_accept_good: ext::SSL_CTX_sess_accept_good, "SSL_CTX_sess_accept_good";
    /// The renegotiations that servers began.
    accept_renegotiate, sess_accept_renegotiate: ext::SSL_CTX_sess_accept_renegotiate,
        "SSL_CTX_sess_accept_renegotiate";
    /// The sessions that were resumed.
    hits, sess_hits: ext::SSL_CTX_sess_hits, "SSL_CTX_sess_hits";
    /// The sessions that the callback for an external cache found.
    cb_hits, sess_cb_hits: ext::SSL_CTX_sess_cb_hits, "SSL_CTX_sess_cb_hits";
    /// The sessions that clients proposed and that were not in the cache.
    misses, sess_misses: ext::SSL_CTX_sess_misses, "SSL_CTX_sess_misses";
    /// The sessions that clients proposed and that were too old.
    timeouts, sess_timeouts: ext::SSL_CTX_sess_timeouts, "SSL_CTX_sess_timeouts";
    /// The sessions that were thrown out because the cache was full.
    cache_full, sess_cache_full: ext::SSL_CTX_sess_cache_full, "SSL_CTX_sess_cache_full";
}
