//! New keys on a connection of TLS 1.3.

use std::ffi::c_int;

use openssl_sys_ext as ext;

use super::SslRef;
use crate::error::{self, Error, ErrorKind};

/// Whose keys [`SslRef::key_update`] changes.
///
/// C: [`SSL_key_update(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUpdate {
    /// `SSL_KEY_UPDATE_NOT_REQUESTED`: those for sending.
    #[doc(alias = "SSL_KEY_UPDATE_NOT_REQUESTED")]
    NotRequested,
    /// `SSL_KEY_UPDATE_REQUESTED`: those for sending, and the peer is to change its own.
    #[doc(alias = "SSL_KEY_UPDATE_REQUESTED")]
    Requested,
}

impl KeyUpdate {
    fn to_c(self) -> c_int {
        match self {
            Self::NotRequested => ext::SSL_KEY_UPDATE_NOT_REQUESTED,
            Self::Requested => ext::SSL_KEY_UPDATE_REQUESTED,
        }
    }
}

/// Reasons of libssl: a handshake is under way, and a write is not finished.
const NOT_NOW: [c_int; 2] = [121, 127];

impl SslRef {
    /// Changes the keys of a TLS 1.3 connection. That goes out with the next call that reads, writes or
    /// [shakes hands](Self::do_handshake), before anything else.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] where the version is not TLS 1.3 (TLS 1.2 has [`renegotiate`](Self::renegotiate)), and
    /// [`ErrorKind::NotReady`] during a handshake or while a write is not finished. The connection goes on.
    ///
    /// C: [`SSL_key_update(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_key_update")]
    pub fn key_update(&mut self, update: KeyUpdate) -> Result<(), Error> {
        const CALL: &str = "SSL_key_update";
        if let Some(refusal) = self.poison_story(CALL) {
            return Err(refusal);
        }
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        if unsafe { ext::SSL_key_update(self.as_ptr(), update.to_c()) } == 1 {
            error::clear();
            return Ok(());
        }
        let error = Error::from_queue(CALL);
        let not_now = NOT_NOW.iter().any(|reason| error.stack().has(ext::ERR_LIB_SSL, *reason));
        Err(if not_now { error.with_kind(ErrorKind::NotReady) } else { error })
    }

    /// The update that [`key_update`](Self::key_update) asked for and that has not gone out, or `None`.
    ///
    /// C: [`SSL_get_key_update_type(3)`](https://docs.openssl.org/master/man3/SSL_key_update/)
    #[doc(alias = "SSL_get_key_update_type")]
    pub fn key_update_type(&self) -> Option<KeyUpdate> {
        // SAFETY: the object is live, and the call only reads it.
        let update = unsafe { ext::SSL_get_key_update_type(self.as_ptr()) };
        [KeyUpdate::NotRequested, KeyUpdate::Requested].into_iter().find(|known| known.to_c() == update)
    }
}
