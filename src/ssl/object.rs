//! The object itself: cleared, copied, shared, of another method.

use std::ffi::c_long;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::state::State;
use super::{Ssl, SslRef};
use crate::context::{SslMethod, calling};
use crate::error::{self, Error, ErrorKind};
use crate::session::SslSession;

impl SslRef {
    /// Makes the object ready for another connection, over the transport it has: its settings, role and session stay, and
    /// what it died of is forgotten.
    ///
    /// Where the context demands a verified name, the next handshake does not resume that session: it may have been made
    /// under another name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] while a renegotiation is due or under way, or an asynchronous job is paused, and
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_clear(3)`](https://docs.openssl.org/master/man3/SSL_clear/)
    #[doc(alias = "SSL_clear")]
    pub fn clear(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_clear";
        let ssl = self.as_ptr();
        // C keeps the role too, and tells it no more.
        let role = (!self.in_before()).then(|| self.role()).flatten();
        self.may_clear(CALL)?;
        let state = State::of_mut(self)?;
        if let Some(role) = role {
            state.set_used();
            state.set_role(role);
        }
        error::clear();
        // SAFETY: the object is live and borrowed for writing, so that no callback of its own is under way.
        if calling(|| unsafe { ext::SSL_clear(ssl) }) != 1 {
            let error = Error::from_queue(CALL);
            state.poison(Some(error.retell()));
            return Err(error);
        }
        state.heal();
        error::clear();
        Ok(())
    }

    /// Refuses to clear what C would clear by halves, as an object that renegotiates, or crash over, as a paused job.
    pub(crate) fn may_clear(&self, call: &'static str) -> Result<(), Error> {
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the calls only read it.
        let (renegotiates, paused) =
            unsafe { (ext::SSL_renegotiate_pending(ssl) == 1, ext::SSL_waiting_for_async(ssl) == 1) };
        let detail = match (renegotiates, paused) {
            (false, false) => return Ok(()),
            (true, _) => "a renegotiation is under way",
            (_, true) => "an asynchronous job is paused",
        };
        Err(Error::new(ErrorKind::NotReady, call).with_detail(detail))
    }

    /// A new object with the settings of this one: its session to resume, if one was set, its role, certificates, callbacks,
    /// and what its peer is verified with and against. The name that is sent (SNI), the transport and groups are not among
    /// what C copies. Values in ex_data go along where their [index](crate::ex_data::ExIndex::cloning) says so. Whoever set
    /// callbacks, their arguments or ex_data with C's own calls answers for them in the copy too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake has begun, where C gives the same object once more: that is
    /// [`up_ref`](Self::up_ref). [`ErrorKind::InvalidInput`] for an object that this crate did not make, whose callbacks
    /// and ex_data may be C's: see [`dup_of_c`](Self::dup_of_c); and where the
    /// [verify parameters](Self::verify_param) are locked, of which C copies nothing. [`ErrorKind::Refused`] if OpenSSL
    /// cannot allocate.
    ///
    /// C: [`SSL_dup(3)`](https://docs.openssl.org/master/man3/SSL_dup/)
    #[doc(alias = "SSL_dup")]
    pub fn dup(&mut self) -> Result<Ssl, Error> {
        if !State::of_mut(self)?.is_ours() {
            let error = Error::new(ErrorKind::InvalidInput, DUP);
            return Err(error.with_detail("the object is C's, and so may be what is copied with it"));
        }
        // SAFETY: what this crate put into an object serves a copy as well: arguments are NULL, the object's own, or
        // contexts that the state keeps, and each ex_data has its rule.
        unsafe { self.dup_of_c() }
    }

    /// As [`dup`](Self::dup), for any object.
    ///
    /// # Errors
    ///
    /// As [`dup`](Self::dup).
    ///
    /// C: [`SSL_dup(3)`](https://docs.openssl.org/master/man3/SSL_dup/)
    ///
    /// # Safety
    ///
    /// SSL_dup copies pointers that C set on the object: arguments of its callbacks (messages, passphrases, certificates), and
    /// ex_data without a rule for copies. Each must do for the copy too, on any thread and for as long as the copy lives.
    #[doc(alias = "SSL_dup")]
    pub unsafe fn dup_of_c(&mut self) -> Result<Ssl, Error> {
        let ssl = self.as_ptr();
        if !self.in_init() || !self.in_before() {
            return Err(Error::new(ErrorKind::NotReady, DUP).with_detail("a handshake has begun"));
        }
        let parked = ParkedSession::of(self)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing. Clones of what is in its ex_data are the user's code.
        let copy = calling(|| unsafe { ext::SSL_dup(ssl) });
        if copy.is_null() {
            return Err(Error::from_queue(DUP));
        }
        // SAFETY: not NULL, and the caller's own.
        let mut copy = unsafe { Ssl::own(copy) };
        State::of_mut(self)?.copy_to(&mut copy)?;
        copy.own_passphrase();
        // C takes over what the context had not set, and leaves the rest as the context has it.
        copy.own_param_mut().replace_with(DUP, self.verify_param())?;
        if let Some(parked) = parked {
            parked.give_to(&mut copy)?;
        }
        error::clear();
        Ok(copy)
    }

    /// One more owner of the same object, as C counts them. From then on the drop of an owner is SSL_free and no more: it does
    /// not mark the connection as ended well, which the others may still use.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL or the allocator fails.
    ///
    /// C: [`SSL_up_ref(3)`](https://docs.openssl.org/master/man3/SSL_new/)
    ///
    /// # Safety
    ///
    /// Nobody uses the object through one owner while another has it borrowed for writing, on this or another thread, and
    /// none of them gives a reference to it (such as a certificate that it lends) beyond a change by another.
    #[doc(alias = "SSL_up_ref")]
    pub unsafe fn up_ref(&mut self) -> Result<Ssl, Error> {
        let state = State::of_mut(self)?;
        state.set_shared();
        state.set_held_elsewhere();
        error::clear();
        // SAFETY: the object is live.
        if unsafe { ext::SSL_up_ref(self.as_ptr()) } != 1 {
            return Err(Error::from_queue("SSL_up_ref"));
        }
        // SAFETY: live, and the reference is new.
        Ok(unsafe { Ssl::own(self.as_ptr()) })
    }

    /// The protocol that the object speaks, and the roles it can play.
    ///
    /// C: [`SSL_get_ssl_method(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_ssl_version/)
    #[doc(alias = "SSL_get_ssl_method")]
    pub fn ssl_method(&self) -> SslMethod {
        // SAFETY: the object is live; methods are constants of the library.
        unsafe { SslMethod::of_c(sys::SSL_get_ssl_method(self.as_ptr())) }
    }

    /// Gives the object another method for TLS. A role that was chosen stays, as far as the method has it;
    /// [`clear`](Self::clear) goes back to the context's method.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] once a handshake has begun, [`ErrorKind::InvalidInput`] for a method of another protocol,
    /// or of one version only, and on an object that does not speak TLS.
    ///
    /// C: [`SSL_set_ssl_method(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_ssl_version/)
    #[doc(alias = "SSL_set_ssl_method")]
    pub fn set_ssl_method(&mut self, method: SslMethod) -> Result<(), Error> {
        const CALL: &str = "SSL_set_ssl_method";
        if method == self.ssl_method() {
            return Ok(());
        }
        if !self.in_before() {
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("a handshake has begun"));
        }
        // The record layer of the one protocol does not fit the other.
        if !method.is_tls() || !self.is_tls() {
            let error = Error::new(ErrorKind::InvalidInput, CALL);
            return Err(error.with_detail("both methods must be of TLS, for any version"));
        }
        error::clear();
        // SAFETY: the object is live and borrowed for writing; methods are constants of the library.
        match unsafe { sys::SSL_set_ssl_method(self.as_ptr(), method.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }
}

const DUP: &str = "SSL_dup";

/// The session of an object while that is copied: with one, SSL_dup would not copy the certificates but let both objects
/// share them, without a lock. The object has it back when this is dropped.
struct ParkedSession {
    /// Live, and nobody else's, for longer than this.
    owner: *mut sys::SSL,
    method: SslMethod,
    verify_result: c_long,
    session: SslSession,
}

impl ParkedSession {
    fn of(ssl: &mut SslRef) -> Result<Option<Self>, Error> {
        let owner = ssl.as_ptr();
        // SAFETY: the object is live, and gives a reference of our own (get1), or NULL.
        let session = unsafe { ext::SSL_get1_session(owner) };
        if session.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, live, and the reference is ours.
        let session = unsafe { SslSession::from_ptr(session) };
        // SAFETY: the object is live, and the call only reads it.
        let verify_result = unsafe { sys::SSL_get_verify_result(owner) };
        let parked = Self { owner, method: ssl.ssl_method(), verify_result, session };
        // SAFETY: the object is live and borrowed for writing.
        unsafe { set_session(owner, ptr::null_mut(), parked.method) }?;
        Ok(Some(parked))
    }

    fn give_to(&self, copy: &mut Ssl) -> Result<(), Error> {
        // A session of its own: a handshake that resumes writes to it, without a lock.
        let session = self.session.dup()?;
        // SAFETY: the copy is live and borrowed for writing, and takes a reference of its own.
        unsafe { set_session(copy.as_ptr(), session.as_ptr(), self.method) }
    }
}

impl Drop for ParkedSession {
    fn drop(&mut self) {
        // SAFETY: the object is live and ours to change, and takes a reference of its own. It had this session and this method
        // before, so that C has nothing to refuse.
        unsafe {
            let _ = set_session(self.owner, self.session.as_ptr(), self.method);
            ext::SSL_set_verify_result(self.owner, self.verify_result);
        }
    }
}

/// Sets a session, with which C goes back to the context's method, and the method again.
///
/// # Safety
///
/// `ssl` is live and may be changed; `session` is NULL or live.
pub(super) unsafe fn set_session(
    ssl: *mut sys::SSL,
    session: *mut sys::SSL_SESSION,
    method: SslMethod,
) -> Result<(), Error> {
    error::clear();
    // SAFETY: by this function's contract.
    if unsafe { sys::SSL_set_session(ssl, session) } != 1 {
        return Err(Error::from_queue("SSL_set_session"));
    }
    // SAFETY: as above; methods are constants of the library.
    if unsafe { sys::SSL_set_ssl_method(ssl, method.as_ptr()) } != 1 {
        return Err(Error::from_queue("SSL_set_ssl_method"));
    }
    Ok(())
}
