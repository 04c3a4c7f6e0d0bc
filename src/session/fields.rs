//! What a session says of itself.

use std::ffi::CStr;
use std::ptr;
use std::time::{Duration, SystemTime};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{SecretBytes, SslSessionRef};
use crate::context::ProtocolVersion;
use crate::ffi::{bytes, compat, strings};
use crate::ssl::SslCipher;
use crate::x509::X509Ref;

impl SslSessionRef {
    /// The session's number: 32 bytes at most, and none where a server made a ticket. A client gives one to each session
    /// that has a ticket.
    ///
    /// C: [`SSL_SESSION_get_id(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_set1_id/)
    #[doc(alias = "SSL_SESSION_get_id")]
    pub fn id(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the session is live, and lends `len` bytes (get0), which stay as they are.
        unsafe {
            let id = sys::SSL_SESSION_get_id(self.as_ptr(), &raw mut len);
            bytes::lend(id, len as usize)
        }
        .unwrap_or_default()
    }

    /// The name of the setting that the session belongs to: see
    /// [`set_session_id_context`](crate::SslContextBuilderRef::set_session_id_context).
    ///
    /// C: [`SSL_SESSION_get0_id_context(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_id_context/)
    #[doc(alias = "SSL_SESSION_get0_id_context")]
    pub fn id_context(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: as in `id`.
        unsafe {
            let name = ext::SSL_SESSION_get0_id_context(self.as_ptr(), &raw mut len);
            bytes::lend(name, len as usize)
        }
        .unwrap_or_default()
    }

    /// The version that the connection spoke.
    ///
    /// C: [`SSL_SESSION_get_protocol_version(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_protocol_version/)
    #[doc(alias = "SSL_SESSION_get_protocol_version")]
    pub fn protocol_version(&self) -> ProtocolVersion {
        // SAFETY: the session is live, and the call only reads it.
        ProtocolVersion(unsafe { sys::SSL_SESSION_get_protocol_version(self.as_ptr()) })
    }

    /// The cipher that was agreed on, once there is one.
    ///
    /// C: [`SSL_SESSION_get0_cipher(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_cipher/)
    #[doc(alias = "SSL_SESSION_get0_cipher")]
    pub fn cipher(&self) -> Option<SslCipher> {
        // SAFETY: the session is live; the cipher is NULL or one of the library's constants.
        unsafe { SslCipher::from_ptr(ext::SSL_SESSION_get0_cipher(self.as_ptr())) }
    }

    /// When the session was made, in whole seconds.
    ///
    /// C: [`SSL_SESSION_get_time_ex(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_time/)
    #[doc(alias = "SSL_SESSION_get_time_ex")]
    #[doc(alias = "SSL_SESSION_get_time")]
    #[doc(alias = "SSL_get_time")]
    pub fn time(&self) -> SystemTime {
        // SAFETY: the session is live, and the call only reads it.
        compat::session::moment(unsafe { compat::session::time(self.as_ptr()) })
    }

    /// How long after [`time`](Self::time) the session can be resumed.
    ///
    /// C: [`SSL_SESSION_get_timeout(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_time/)
    #[doc(alias = "SSL_SESSION_get_timeout")]
    #[doc(alias = "SSL_get_timeout")]
    pub fn timeout(&self) -> Duration {
        // SAFETY: the session is live, and the call only reads it.
        let seconds = unsafe { sys::SSL_SESSION_get_timeout(self.as_ptr()) };
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Whether the session can be resumed, as far as it knows: it has a number or a ticket, and nobody forbade it. Whether
    /// its time is over is another question.
    ///
    /// C: [`SSL_SESSION_is_resumable(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_is_resumable/)
    #[doc(alias = "SSL_SESSION_is_resumable")]
    pub fn is_resumable(&self) -> bool {
        // SAFETY: the session is live, and the call only reads it.
        unsafe { ext::SSL_SESSION_is_resumable(self.as_ptr()) == 1 }
    }

    /// Whether a client was given a ticket.
    ///
    /// C: [`SSL_SESSION_has_ticket(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_has_ticket/)
    #[doc(alias = "SSL_SESSION_has_ticket")]
    pub fn has_ticket(&self) -> bool {
        // SAFETY: the session is live, and the call only reads it.
        unsafe { ext::SSL_SESSION_has_ticket(self.as_ptr()) == 1 }
    }

    /// The ticket that a client was given.
    ///
    /// C: [`SSL_SESSION_get0_ticket(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_has_ticket/)
    #[doc(alias = "SSL_SESSION_get0_ticket")]
    pub fn ticket(&self) -> Option<&[u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the session is live, and lends `len` bytes (get0) or NULL; the out-pointers are locals.
        unsafe {
            ext::SSL_SESSION_get0_ticket(self.as_ptr(), &raw mut data, &raw mut len);
            bytes::lend(data, len)
        }
    }

    /// How long the server means to take the ticket; zero where it does not say.
    ///
    /// C: [`SSL_SESSION_get_ticket_lifetime_hint(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_has_ticket/)
    #[doc(alias = "SSL_SESSION_get_ticket_lifetime_hint")]
    #[allow(clippy::useless_conversion)] // C's `unsigned long` has 32 bits on some targets
    pub fn ticket_lifetime_hint(&self) -> Duration {
        // SAFETY: the session is live, and the call only reads it.
        Duration::from_secs(unsafe { ext::SSL_SESSION_get_ticket_lifetime_hint(self.as_ptr()) }.into())
    }

    /// The application's own data in the ticket that a server made or opened.
    ///
    /// C: [`SSL_SESSION_get0_ticket_appdata(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_ticket_cb/)
    #[doc(alias = "SSL_SESSION_get0_ticket_appdata")]
    pub fn ticket_appdata(&self) -> Option<&[u8]> {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: the session is live, and lends `len` bytes (get0) or NULL; the out-pointers are locals.
        unsafe {
            ext::SSL_SESSION_get0_ticket_appdata(self.as_ptr(), &raw mut data, &raw mut len);
            bytes::lend(data.cast_const().cast(), len)
        }
    }

    /// The application protocol that was agreed on.
    ///
    /// C: [`SSL_SESSION_get0_alpn_selected(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_hostname/)
    #[doc(alias = "SSL_SESSION_get0_alpn_selected")]
    pub fn alpn_selected(&self) -> Option<&[u8]> {
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the session is live, and lends `len` bytes (get0) or NULL; the out-pointers are locals.
        unsafe {
            ext::SSL_SESSION_get0_alpn_selected(self.as_ptr(), &raw mut data, &raw mut len);
            bytes::lend(data, len)
        }
    }

    /// The name that the client asked for (SNI), where the server took note of it.
    ///
    /// C: [`SSL_SESSION_get0_hostname(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_hostname/)
    #[doc(alias = "SSL_SESSION_get0_hostname")]
    pub fn hostname(&self) -> Option<&[u8]> {
        // SAFETY: the session is live and lends the string (get0), which stays as it is.
        unsafe { strings::lend(ext::SSL_SESSION_get0_hostname(self.as_ptr())) }.map(CStr::to_bytes)
    }

    /// The certificate of the peer, of which sessions keep no chain. Whether it was verified, a session does not say.
    ///
    /// C: [`SSL_SESSION_get0_peer(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get0_peer/)
    #[doc(alias = "SSL_SESSION_get0_peer")]
    pub fn peer_certificate(&self) -> Option<&X509Ref> {
        // SAFETY: the session is live and lends the certificate (get0), or NULL; nobody replaces it.
        unsafe {
            let certificate = ext::SSL_SESSION_get0_peer(self.as_ptr());
            (!certificate.is_null()).then(|| X509Ref::from_ptr(certificate))
        }
    }

    /// The length of the fragments that was agreed on: `TLSEXT_max_fragment_length_…`, from 1 (512 bytes) to 4 (4096).
    /// `None` where it was not.
    ///
    /// C: [`SSL_SESSION_get_max_fragment_length(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_split_send_fragment/)
    #[doc(alias = "SSL_SESSION_get_max_fragment_length")]
    pub fn max_fragment_length(&self) -> Option<u8> {
        // SAFETY: the session is live, and the call only reads it.
        let mode = unsafe { ext::SSL_SESSION_get_max_fragment_length(self.as_ptr()) };
        (1..=4).contains(&mode).then_some(mode)
    }

    /// How many bytes of early data the server takes at the most; 0 for none.
    ///
    /// C: [`SSL_SESSION_get_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_get_max_early_data/)
    #[doc(alias = "SSL_SESSION_get_max_early_data")]
    pub fn max_early_data(&self) -> u32 {
        // SAFETY: the session is live, and the call only reads it.
        unsafe { sys::SSL_SESSION_get_max_early_data(self.as_ptr()) }
    }

    /// The number of the compression that was agreed on; 0 for none.
    ///
    /// C: [`SSL_SESSION_get_compress_id(3)`](https://docs.openssl.org/master/man3/SSL_SESSION_get_compress_id/)
    #[doc(alias = "SSL_SESSION_get_compress_id")]
    pub fn compress_id(&self) -> u32 {
        // SAFETY: the session is live, and the call only reads it.
        unsafe { ext::SSL_SESSION_get_compress_id(self.as_ptr()) }
    }

    /// The secret with which the session is resumed: up to TLS 1.2 the master secret, then the secret for resumption.
    /// Whoever has it can be the peer, or read what was said before TLS 1.3.
    ///
    /// C: [`SSL_SESSION_get_master_key(3)`](https://docs.openssl.org/master/man3/SSL_get_client_random/)
    #[doc(alias = "SSL_SESSION_get_master_key")]
    pub fn master_key(&self) -> SecretBytes {
        // SAFETY: the session is live; with no room C only says how much there is.
        let len = unsafe { sys::SSL_SESSION_get_master_key(self.as_ptr(), ptr::null_mut(), 0) };
        SecretBytes::filled(len, |out| {
            // SAFETY: the session is live, and C writes so many bytes at most.
            unsafe { sys::SSL_SESSION_get_master_key(self.as_ptr(), out.as_mut_ptr(), out.len()) }
        })
    }
}
