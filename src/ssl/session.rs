//! What the sessions of one object belong to.

use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::call::Phase;
use super::guard::{changed, end};
use super::state::State;
use super::{Role, SslRef};
use crate::context::session_name_len;
use crate::error::{self, Error};

impl SslRef {
    /// Names the setting that this object's session belongs to, in 32 bytes at most, in place of what its context says. A
    /// session is only resumed under the name it was made under: see
    /// [`set_session_id_context`](crate::SslContextBuilderRef::set_session_id_context) of contexts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for a longer name.
    ///
    /// C: [`SSL_set_session_id_context(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_id_context/)
    #[doc(alias = "SSL_set_session_id_context")]
    pub fn set_session_id_context(&mut self, name: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_set_session_id_context";
        let len = session_name_len(CALL, name)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies `len` bytes.
        let done = unsafe { ext::SSL_set_session_id_context(self.as_ptr(), name.as_ptr(), len) };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        State::of_mut(self)?.set_names_sessions();
        Ok(())
    }

    /// Notes that the object's peer is judged otherwise than the context says.
    pub(crate) fn judge_apart(&mut self) -> Result<(), Error> {
        // SAFETY: the object is live, and the calls only read it.
        let (in_init, again) = unsafe {
            let ssl = self.as_ptr();
            (ext::SSL_in_init(ssl) == 1, ext::SSL_renegotiate_pending(ssl) == 1)
        };
        State::of_mut(self)?.set_judges_apart(in_init && again);
        Ok(())
    }

    /// Before a server's handshake, or in it: an object that judges its clients otherwise than its context resumes no session
    /// that another one made, whose client may have shown no certificate, and none resumes the one that it makes. One that
    /// is changed after its first handshake sends no more tickets.
    #[cold]
    pub(super) fn name_sessions_apart(&mut self, call: &'static str, phase: Phase) -> Result<(), Error> {
        let ssl = self.as_ptr();
        let mut none = [0_u8];
        // SAFETY: the object is live, and the calls only read it. Of the peer's Finished only the length is asked.
        let (before, shook_hands, server) = unsafe {
            let finished = sys::SSL_get_peer_finished(ssl, none.as_mut_ptr().cast(), 0);
            (ext::SSL_in_before(ssl) == 1, finished > 0, ext::SSL_is_server(ssl) == 1)
        };
        // Where no role was chosen, an object that can serve is one that serves, until it is told otherwise.
        let connects = phase == Phase::Handshake(Some(Role::Client)) && self.chosen_role().is_none();
        // Later its session may be others' too: in the cache.
        let first = before || !shook_hands;
        let state = State::of_mut(self)?;
        let apart = if first { state.is_named_apart() } else { state.names_apart() };
        if server && state.take_change() {
            // Nobody knows what of the renegotiation is done.
            return Err(end(state, changed(call)));
        }
        if !server || connects || state.names_sessions() || (apart && !before) {
            return Ok(());
        }
        if first && !before && self.session_reused() {
            // By whoever made that.
            return Err(end(State::of_mut(self)?, changed(call)));
        }
        let name = self.context().lib_context().session_name()?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies the array, whose length it is told. A session that
        // the first handshake has made is nobody else's while that is under way.
        let named = unsafe {
            if !first && !State::of_mut(self)?.is_named_apart() {
                // Tickets are made of the session that is there, which would let in elsewhere whom this object lets in.
                sys::SSL_set_num_tickets(ssl, 0);
            }
            let session = if first && !before { sys::SSL_get_session(ssl) } else { ptr::null_mut() };
            ext::SSL_set_session_id_context(ssl, name.as_ptr(), 32) == 1
                && (session.is_null() || ext::SSL_SESSION_set1_id_context(session, name.as_ptr(), 32) == 1)
        };
        if !named {
            return Err(Error::from_queue("SSL_set_session_id_context"));
        }
        State::of_mut(self)?.set_names_apart(first);
        Ok(())
    }
}
