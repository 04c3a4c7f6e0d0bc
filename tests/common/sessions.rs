//! Sessions as C code keeps them.

use libssl::{Ssl, SslRef};
use openssl_sys as sys;

/// The session of a connection, and one reference to it, which C's code would keep.
pub struct Kept(*mut sys::SSL_SESSION);

impl Kept {
    /// The session that an object has now.
    pub fn of(ssl: &SslRef) -> Self {
        // SAFETY: the object is live; the reference is this value's (get1).
        Self(unsafe { openssl_sys_ext::SSL_get1_session(ssl.as_ptr()) })
    }

    /// Lets a client offer it.
    pub fn offer(&self, client: &Ssl) {
        // SAFETY: object and session are live; C takes a reference of its own.
        assert_eq!(unsafe { sys::SSL_set_session(client.as_ptr(), self.0) }, 1);
    }

    /// Which session it is.
    pub fn as_ptr(&self) -> *mut sys::SSL_SESSION {
        self.0
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: the value's reference, freed once.
        unsafe { sys::SSL_SESSION_free(self.0) };
    }
}
