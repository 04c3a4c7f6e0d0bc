//! What a handshake left behind: random values, finished messages, and how long it took.

use std::time::Duration;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::{Error, ErrorKind};
use crate::ffi::compat;

/// More than C stores of a finished message (`EVP_MAX_MD_SIZE * 2`).
const FINISHED_ROOM: usize = 128;

impl SslRef {
    /// The random value of the ClientHello; zeros before there was one.
    ///
    /// C: [`SSL_get_client_random(3)`](https://docs.openssl.org/master/man3/SSL_get_client_random/)
    #[doc(alias = "SSL_get_client_random")]
    pub fn client_random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        // SAFETY: the object is live; C writes at most as many bytes as it is told.
        unsafe { sys::SSL_get_client_random(self.as_ptr(), random.as_mut_ptr(), random.len()) };
        random
    }

    /// The random value of the ServerHello; zeros before there was one.
    ///
    /// C: [`SSL_get_server_random(3)`](https://docs.openssl.org/master/man3/SSL_get_client_random/)
    #[doc(alias = "SSL_get_server_random")]
    pub fn server_random(&self) -> [u8; 32] {
        let mut random = [0; 32];
        // SAFETY: as in `client_random`.
        unsafe { sys::SSL_get_server_random(self.as_ptr(), random.as_mut_ptr(), random.len()) };
        random
    }

    /// The Finished message that this side sent; empty before.
    ///
    /// C: [`SSL_get_finished(3)`](https://docs.openssl.org/master/man3/SSL_get_finished/)
    #[doc(alias = "SSL_get_finished")]
    pub fn finished(&self) -> Vec<u8> {
        copy(|to, room| {
            // SAFETY: the object is live; C writes at most `room` bytes.
            unsafe { sys::SSL_get_finished(self.as_ptr(), to.cast(), room) }
        })
    }

    /// The Finished message that the peer sent; empty before.
    ///
    /// C: [`SSL_get_peer_finished(3)`](https://docs.openssl.org/master/man3/SSL_get_finished/)
    #[doc(alias = "SSL_get_peer_finished")]
    pub fn peer_finished(&self) -> Vec<u8> {
        copy(|to, room| {
            // SAFETY: the object is live; C writes at most `room` bytes.
            unsafe { sys::SSL_get_peer_finished(self.as_ptr(), to.cast(), room) }
        })
    }

    /// How long the peer took to answer in the handshake, or `None` where that was not measured (yet).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2; [`ErrorKind::Unspecified`] if the clock went backwards.
    ///
    /// C: [`SSL_get_handshake_rtt(3)`](https://docs.openssl.org/master/man3/SSL_get_handshake_rtt/)
    #[doc(alias = "SSL_get_handshake_rtt")]
    pub fn handshake_rtt(&self) -> Result<Option<Duration>, Error> {
        let mut micros = 0;
        // SAFETY: the object is live; C writes one number.
        match unsafe { compat::ssl::handshake_rtt(self.as_ptr(), &raw mut micros)? } {
            1 => Ok(Some(Duration::from_micros(micros))),
            0 => Ok(None),
            _ => Err(Error::new(ErrorKind::Unspecified, "SSL_get_handshake_rtt")),
        }
    }

    /// Whether the extended master secret was agreed on, or `None` as long as no handshake is done.
    ///
    /// C: [`SSL_get_extms_support(3)`](https://docs.openssl.org/master/man3/SSL_get_extms_support/)
    #[doc(alias = "SSL_get_extms_support")]
    pub fn extms_support(&self) -> Option<bool> {
        // SAFETY: the object is live, and the call only reads it.
        match unsafe { sys::SSL_get_extms_support(self.as_ptr()) } {
            1 => Some(true),
            0 => Some(false),
            _ => None,
        }
    }

    /// Whether this connection resumed an earlier session.
    ///
    /// C: [`SSL_session_reused(3)`](https://docs.openssl.org/master/man3/SSL_session_reused/)
    #[doc(alias = "SSL_session_reused")]
    pub fn session_reused(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_session_reused(self.as_ptr()) == 1 }
    }

    /// Whether an object may look at its session for early data; see [`exporter`](super::exporter).
    pub(super) fn session_max_early_data(&self) -> Option<u32> {
        // SAFETY: the object is live and lends its session (get0), or NULL.
        unsafe {
            let session = ext::SSL_get_session(self.as_ptr());
            if session.is_null() { None } else { Some(sys::SSL_SESSION_get_max_early_data(session)) }
        }
    }
}

fn copy(get: impl FnOnce(*mut u8, usize) -> usize) -> Vec<u8> {
    let mut bytes = vec![0; FINISHED_ROOM];
    let len = get(bytes.as_mut_ptr(), bytes.len());
    bytes.truncate(len);
    bytes
}
