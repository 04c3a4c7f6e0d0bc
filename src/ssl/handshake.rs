//! The handshake calls, as C has them.

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::phase::Phase;
use super::state::State;
use super::{Role, SslRef};
use crate::error::{Error, SslError};

impl SslRef {
    /// Shakes hands as a client, or goes on with it. On an object that was put into accept state, this is C's own
    /// server handshake; [`Ssl::connect`](crate::Ssl::connect) refuses that.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3), and [`ErrorKind::NoServerName`](crate::ErrorKind::NoServerName), before a byte goes out, where
    /// the context demands a name and none was set.
    ///
    /// C: [`SSL_connect(3)`](https://docs.openssl.org/master/man3/SSL_connect/)
    #[doc(alias = "SSL_connect")]
    pub fn connect(&mut self) -> Result<(), SslError> {
        // SAFETY: the object is live.
        self.call("SSL_connect", Phase::Handshake(Some(Role::Client)), |ssl| unsafe { sys::SSL_connect(ssl) })
            .map(drop)
    }

    /// Shakes hands as a server, or goes on with it.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3).
    ///
    /// C: [`SSL_accept(3)`](https://docs.openssl.org/master/man3/SSL_accept/)
    #[doc(alias = "SSL_accept")]
    pub fn accept(&mut self) -> Result<(), SslError> {
        // SAFETY: the object is live.
        self.call("SSL_accept", Phase::Handshake(Some(Role::Server)), |ssl| unsafe { sys::SSL_accept(ssl) })
            .map(drop)
    }

    /// Shakes hands in the role that was set with [`set_connect_state`](Self::set_connect_state) or
    /// [`set_accept_state`](Self::set_accept_state), or goes on with it.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3), and [`ErrorKind::NoServerName`](crate::ErrorKind::NoServerName) as [`connect`](Self::connect).
    ///
    /// C: [`SSL_do_handshake(3)`](https://docs.openssl.org/master/man3/SSL_do_handshake/)
    #[doc(alias = "SSL_do_handshake")]
    pub fn do_handshake(&mut self) -> Result<(), SslError> {
        // SAFETY: the object is live.
        self.call("SSL_do_handshake", Phase::Handshake(None), |ssl| unsafe { sys::SSL_do_handshake(ssl) })
            .map(drop)
    }

    /// Makes the object a client, ready for a new handshake.
    ///
    /// C: [`SSL_set_connect_state(3)`](https://docs.openssl.org/master/man3/SSL_set_connect_state/)
    #[doc(alias = "SSL_set_connect_state")]
    pub fn set_connect_state(&mut self) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { sys::SSL_set_connect_state(self.as_ptr()) };
        self.remember(Role::Client);
    }

    /// Makes the object a server, ready for a new handshake.
    ///
    /// C: [`SSL_set_accept_state(3)`](https://docs.openssl.org/master/man3/SSL_set_connect_state/)
    #[doc(alias = "SSL_set_accept_state")]
    pub fn set_accept_state(&mut self) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { sys::SSL_set_accept_state(self.as_ptr()) };
        self.remember(Role::Server);
    }

    /// The role that was chosen through this crate.
    pub(crate) fn chosen_role(&self) -> Option<Role> {
        // SAFETY: the object is live.
        unsafe { State::of(self.as_ptr()) }.and_then(State::role)
    }

    /// The role that was chosen, or else the one that a call takes by itself.
    pub(super) fn role_of(&self, phase: Phase) -> Option<Role> {
        match phase {
            Phase::Handshake(role) => self.chosen_role().or(role),
            _ => self.chosen_role(),
        }
    }

    /// Notes the role of an object that C put into a handshake.
    pub(crate) fn remember_present_role(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live, and the call only reads it.
        let server = unsafe { ext::SSL_is_server(self.as_ptr()) } == 1;
        State::of_mut(self)?.set_role(if server { Role::Server } else { Role::Client });
        Ok(())
    }

    /// Notes the role that C was told.
    pub(crate) fn remember(&mut self, role: Role) {
        if let Ok(state) = State::of_mut(self) {
            state.set_role(role);
        }
    }
}
