//! Options and modes: C's bit sets.

use std::ffi::c_long;

use bitflags::bitflags;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{Error, ErrorKind};

bitflags! {
    /// `SSL_OP_…`: what to do and what to leave. Bits without a name here are kept.
    ///
    /// The numbers are the same on every OpenSSL; one that does not know an option ignores it.
    ///
    /// C: [`SSL_CTX_set_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SslOptions: u64 {
        /// `SSL_OP_NO_EXTENDED_MASTER_SECRET`
        #[doc(alias = "SSL_OP_NO_EXTENDED_MASTER_SECRET")]
        const NO_EXTENDED_MASTER_SECRET = 1;
        /// `SSL_OP_CLEANSE_PLAINTEXT`
        #[doc(alias = "SSL_OP_CLEANSE_PLAINTEXT")]
        const CLEANSE_PLAINTEXT = 1 << 1;
        /// `SSL_OP_LEGACY_SERVER_CONNECT`
        #[doc(alias = "SSL_OP_LEGACY_SERVER_CONNECT")]
        const LEGACY_SERVER_CONNECT = 1 << 2;
        /// `SSL_OP_ENABLE_KTLS`: the kernel encrypts and decrypts over a [`Socket`](crate::bio::Socket), where it can:
        /// [`ktls_send`](crate::SslRef::ktls_send) tells.
        #[doc(alias = "SSL_OP_ENABLE_KTLS")]
        const ENABLE_KTLS = 1 << 3;
        /// `SSL_OP_TLSEXT_PADDING`
        #[doc(alias = "SSL_OP_TLSEXT_PADDING")]
        const TLSEXT_PADDING = 1 << 4;
        /// `SSL_OP_SAFARI_ECDHE_ECDSA_BUG`
        #[doc(alias = "SSL_OP_SAFARI_ECDHE_ECDSA_BUG")]
        const SAFARI_ECDHE_ECDSA_BUG = 1 << 6;
        /// `SSL_OP_IGNORE_UNEXPECTED_EOF`: a cut connection looks like a clean end.
        #[doc(alias = "SSL_OP_IGNORE_UNEXPECTED_EOF")]
        const IGNORE_UNEXPECTED_EOF = 1 << 7;
        /// `SSL_OP_ALLOW_CLIENT_RENEGOTIATION`: a server lets clients ask for another handshake, as often as they like.
        #[doc(alias = "SSL_OP_ALLOW_CLIENT_RENEGOTIATION")]
        const ALLOW_CLIENT_RENEGOTIATION = 1 << 8;
        /// `SSL_OP_DISABLE_TLSEXT_CA_NAMES`
        #[doc(alias = "SSL_OP_DISABLE_TLSEXT_CA_NAMES")]
        const DISABLE_TLSEXT_CA_NAMES = 1 << 9;
        /// `SSL_OP_ALLOW_NO_DHE_KEX`
        #[doc(alias = "SSL_OP_ALLOW_NO_DHE_KEX")]
        const ALLOW_NO_DHE_KEX = 1 << 10;
        /// `SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS`
        #[doc(alias = "SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS")]
        const DONT_INSERT_EMPTY_FRAGMENTS = 1 << 11;
        /// `SSL_OP_NO_QUERY_MTU`
        #[doc(alias = "SSL_OP_NO_QUERY_MTU")]
        const NO_QUERY_MTU = 1 << 12;
        /// `SSL_OP_COOKIE_EXCHANGE`
        #[doc(alias = "SSL_OP_COOKIE_EXCHANGE")]
        const COOKIE_EXCHANGE = 1 << 13;
        /// `SSL_OP_NO_TICKET`
        #[doc(alias = "SSL_OP_NO_TICKET")]
        const NO_TICKET = 1 << 14;
        /// `SSL_OP_CISCO_ANYCONNECT`
        #[doc(alias = "SSL_OP_CISCO_ANYCONNECT")]
        const CISCO_ANYCONNECT = 1 << 15;
        /// `SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION`: a server makes a new session in each renegotiation.
        #[doc(alias = "SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION")]
        const NO_SESSION_RESUMPTION_ON_RENEGOTIATION = 1 << 16;
        /// `SSL_OP_NO_COMPRESSION`
        #[doc(alias = "SSL_OP_NO_COMPRESSION")]
        const NO_COMPRESSION = 1 << 17;
        /// `SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION`
        #[doc(alias = "SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION")]
        const ALLOW_UNSAFE_LEGACY_RENEGOTIATION = 1 << 18;
        /// `SSL_OP_NO_ENCRYPT_THEN_MAC`
        #[doc(alias = "SSL_OP_NO_ENCRYPT_THEN_MAC")]
        const NO_ENCRYPT_THEN_MAC = 1 << 19;
        /// `SSL_OP_ENABLE_MIDDLEBOX_COMPAT`
        #[doc(alias = "SSL_OP_ENABLE_MIDDLEBOX_COMPAT")]
        const ENABLE_MIDDLEBOX_COMPAT = 1 << 20;
        /// `SSL_OP_PRIORITIZE_CHACHA`
        #[doc(alias = "SSL_OP_PRIORITIZE_CHACHA")]
        const PRIORITIZE_CHACHA = 1 << 21;
        /// `SSL_OP_CIPHER_SERVER_PREFERENCE`
        #[doc(alias = "SSL_OP_CIPHER_SERVER_PREFERENCE")]
        #[doc(alias = "SSL_OP_SERVER_PREFERENCE")]
        const CIPHER_SERVER_PREFERENCE = 1 << 22;
        /// `SSL_OP_TLS_ROLLBACK_BUG`
        #[doc(alias = "SSL_OP_TLS_ROLLBACK_BUG")]
        const TLS_ROLLBACK_BUG = 1 << 23;
        /// `SSL_OP_NO_ANTI_REPLAY`: early data can be sent again, as after
        /// [`danger_allow_early_data_replays`](crate::SslContextBuilderRef::danger_allow_early_data_replays).
        #[doc(alias = "SSL_OP_NO_ANTI_REPLAY")]
        const NO_ANTI_REPLAY = 1 << 24;
        /// `SSL_OP_NO_SSLv3`
        #[doc(alias = "SSL_OP_NO_SSLv3")]
        const NO_SSLV3 = 1 << 25;
        /// `SSL_OP_NO_TLSv1`
        #[doc(alias = "SSL_OP_NO_TLSv1")]
        const NO_TLSV1 = 1 << 26;
        /// `SSL_OP_NO_TLSv1_2`
        #[doc(alias = "SSL_OP_NO_TLSv1_2")]
        const NO_TLSV1_2 = 1 << 27;
        /// `SSL_OP_NO_TLSv1_1`
        #[doc(alias = "SSL_OP_NO_TLSv1_1")]
        const NO_TLSV1_1 = 1 << 28;
        /// `SSL_OP_NO_TLSv1_3`
        #[doc(alias = "SSL_OP_NO_TLSv1_3")]
        const NO_TLSV1_3 = 1 << 29;
        /// `SSL_OP_NO_DTLSv1`
        #[doc(alias = "SSL_OP_NO_DTLSv1")]
        const NO_DTLSV1 = 1 << 26;
        /// `SSL_OP_NO_DTLSv1_2`
        #[doc(alias = "SSL_OP_NO_DTLSv1_2")]
        const NO_DTLSV1_2 = 1 << 27;
        /// `SSL_OP_NO_RENEGOTIATION`: neither asks for another handshake nor lets the peer have one.
        #[doc(alias = "SSL_OP_NO_RENEGOTIATION")]
        const NO_RENEGOTIATION = 1 << 30;
        /// `SSL_OP_CRYPTOPRO_TLSEXT_BUG`
        #[doc(alias = "SSL_OP_CRYPTOPRO_TLSEXT_BUG")]
        const CRYPTOPRO_TLSEXT_BUG = 1 << 31;
        /// `SSL_OP_NO_TX_CERTIFICATE_COMPRESSION` (from OpenSSL 3.2)
        #[doc(alias = "SSL_OP_NO_TX_CERTIFICATE_COMPRESSION")]
        const NO_TX_CERTIFICATE_COMPRESSION = 1 << 32;
        /// `SSL_OP_NO_RX_CERTIFICATE_COMPRESSION` (from OpenSSL 3.2)
        #[doc(alias = "SSL_OP_NO_RX_CERTIFICATE_COMPRESSION")]
        const NO_RX_CERTIFICATE_COMPRESSION = 1 << 33;
        /// `SSL_OP_ENABLE_KTLS_TX_ZEROCOPY_SENDFILE` (from OpenSSL 3.2): the kernel encrypts the pages of a file that is
        /// [sent](crate::Connected::sendfile) as they are at that moment; one that changes meanwhile ends the connection.
        #[doc(alias = "SSL_OP_ENABLE_KTLS_TX_ZEROCOPY_SENDFILE")]
        const ENABLE_KTLS_TX_ZEROCOPY_SENDFILE = 1 << 34;
        /// `SSL_OP_PREFER_NO_DHE_KEX` (from OpenSSL 3.3)
        #[doc(alias = "SSL_OP_PREFER_NO_DHE_KEX")]
        const PREFER_NO_DHE_KEX = 1 << 35;
        /// `SSL_OP_LEGACY_EC_POINT_FORMATS` (from OpenSSL 4.0)
        #[doc(alias = "SSL_OP_LEGACY_EC_POINT_FORMATS")]
        const LEGACY_EC_POINT_FORMATS = 1 << 36;

        const _ = !0;
    }

    /// `SSL_MODE_…`: how reading and writing behave. Bits without a name here are kept, but for `SSL_MODE_ASYNC`: a
    /// paused job keeps the caller's buffer, so safe code must not reach it.
    ///
    /// C: [`SSL_CTX_set_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SslMode: u32 {
        /// `SSL_MODE_ENABLE_PARTIAL_WRITE`
        #[doc(alias = "SSL_MODE_ENABLE_PARTIAL_WRITE")]
        const ENABLE_PARTIAL_WRITE = 1;
        /// `SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER`
        #[doc(alias = "SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER")]
        const ACCEPT_MOVING_WRITE_BUFFER = 2;
        /// `SSL_MODE_AUTO_RETRY`
        #[doc(alias = "SSL_MODE_AUTO_RETRY")]
        const AUTO_RETRY = 4;
        /// `SSL_MODE_NO_AUTO_CHAIN`
        #[doc(alias = "SSL_MODE_NO_AUTO_CHAIN")]
        const NO_AUTO_CHAIN = 8;
        /// `SSL_MODE_RELEASE_BUFFERS`
        #[doc(alias = "SSL_MODE_RELEASE_BUFFERS")]
        const RELEASE_BUFFERS = 0x10;
        /// `SSL_MODE_SEND_CLIENTHELLO_TIME`
        #[doc(alias = "SSL_MODE_SEND_CLIENTHELLO_TIME")]
        const SEND_CLIENTHELLO_TIME = 0x20;
        /// `SSL_MODE_SEND_SERVERHELLO_TIME`
        #[doc(alias = "SSL_MODE_SEND_SERVERHELLO_TIME")]
        const SEND_SERVERHELLO_TIME = 0x40;
        /// `SSL_MODE_SEND_FALLBACK_SCSV`
        #[doc(alias = "SSL_MODE_SEND_FALLBACK_SCSV")]
        const SEND_FALLBACK_SCSV = 0x80;
        /// `SSL_MODE_DTLS_SCTP_LABEL_LENGTH_BUG`
        #[doc(alias = "SSL_MODE_DTLS_SCTP_LABEL_LENGTH_BUG")]
        const DTLS_SCTP_LABEL_LENGTH_BUG = 0x400;

        const _ = !0;
    }
}

/// `SSL_MODE_ASYNC`
const ASYNC: u32 = 0x100;

impl SslMode {
    /// The bits for C, or a refusal of the one that no safe call may set.
    pub(crate) fn to_settable(self, call: &'static str) -> Result<c_long, Error> {
        if self.bits() & ASYNC != 0 {
            return Err(
                Error::new(ErrorKind::InvalidInput, call).with_detail("SSL_MODE_ASYNC has no safe form")
            );
        }
        Ok(self.to_c())
    }

    /// The bits as C passes them: it takes 32 of them back out of a `long`.
    pub(crate) fn to_c(self) -> c_long {
        self.bits() as c_long
    }

    /// What C's answer says.
    pub(crate) fn from_c(mode: c_long) -> Self {
        Self::from_bits_retain(mode as u32)
    }
}

impl ContextSettings {
    /// The options that are set.
    ///
    /// C: [`SSL_CTX_get_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_CTX_get_options")]
    pub fn options(&self) -> SslOptions {
        // SAFETY: the context is live, and the call only reads it.
        SslOptions::from_bits_retain(unsafe { sys::SSL_CTX_get_options(self.as_ptr()) })
    }

    /// The modes that are set.
    ///
    /// C: [`SSL_CTX_get_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_CTX_get_mode")]
    pub fn mode(&self) -> SslMode {
        // SAFETY: the context is live, and the call only reads it.
        SslMode::from_c(unsafe { ext::SSL_CTX_get_mode(self.as_ptr()) })
    }
}

impl SslContextBuilderRef {
    /// Sets options beside those that are set, and returns them all.
    ///
    /// C: [`SSL_CTX_set_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_CTX_set_options")]
    pub fn set_options(&mut self, options: SslOptions) -> SslOptions {
        // SAFETY: the context is live and borrowed for writing.
        SslOptions::from_bits_retain(unsafe { sys::SSL_CTX_set_options(self.as_ptr(), options.bits()) })
    }

    /// Clears options, and returns those that stay.
    ///
    /// C: [`SSL_CTX_clear_options(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_options/)
    #[doc(alias = "SSL_CTX_clear_options")]
    pub fn clear_options(&mut self, options: SslOptions) -> SslOptions {
        // SAFETY: the context is live and borrowed for writing.
        SslOptions::from_bits_retain(unsafe { sys::SSL_CTX_clear_options(self.as_ptr(), options.bits()) })
    }

    /// Sets modes beside those that are set, and returns them all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for `SSL_MODE_ASYNC`.
    ///
    /// C: [`SSL_CTX_set_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_CTX_set_mode")]
    pub fn set_mode(&mut self, mode: SslMode) -> Result<SslMode, Error> {
        let mode = mode.to_settable("SSL_CTX_set_mode")?;
        // SAFETY: the context is live and borrowed for writing; the asynchronous mode is not among the bits.
        Ok(SslMode::from_c(unsafe { ext::SSL_CTX_set_mode(self.as_ptr(), mode) }))
    }

    /// Clears modes, and returns those that stay.
    ///
    /// C: [`SSL_CTX_clear_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_mode/)
    #[doc(alias = "SSL_CTX_clear_mode")]
    pub fn clear_mode(&mut self, mode: SslMode) -> SslMode {
        // SAFETY: the context is live and borrowed for writing.
        SslMode::from_c(unsafe { ext::SSL_CTX_clear_mode(self.as_ptr(), mode.to_c()) })
    }
}
