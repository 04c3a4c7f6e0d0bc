//! Tickets and session numbers of one object.

use std::ffi::{c_int, c_uchar, c_uint, c_void};
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::closure;
use super::state::State;
use super::{SslCipher, SslRef};
use crate::context::{
    ForbidResumption, GenerateSessionId, check_ticket_count, forbid_resumption_with,
    generate_session_id_with, run,
};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;
use crate::session::SecretBytes;

pub(super) type Secret = Arc<dyn Fn(&SslRef, &[SslCipher]) -> Option<SessionSecret> + Send + Sync>;
pub(super) type TicketExtension = Arc<dyn Fn(&SslRef, &[u8]) -> bool + Send + Sync>;

/// A session's secret that was agreed on elsewhere.
#[derive(Clone, Debug)]
pub struct SessionSecret {
    /// The master secret: 48 bytes, as TLS has it.
    pub secret: SecretBytes,
    /// The cipher, where it is not left to the server's hello.
    pub cipher: Option<SslCipher>,
}

impl SslRef {
    /// How many tickets a server sends after a full handshake of TLS 1.3.
    ///
    /// C: [`SSL_get_num_tickets(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_get_num_tickets")]
    pub fn num_tickets(&self) -> usize {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_num_tickets(self.as_ptr()) }
    }

    /// Says how many tickets a server sends after a full handshake of TLS 1.3, in place of what its context says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than 255.
    ///
    /// C: [`SSL_set_num_tickets(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_set_num_tickets")]
    pub fn set_num_tickets(&mut self, count: usize) -> Result<(), Error> {
        const CALL: &str = "SSL_set_num_tickets";
        check_ticket_count(CALL, count)?;
        if count > 0 {
            self.may_send_tickets(CALL)?;
        }
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        done(CALL, unsafe { sys::SSL_set_num_tickets(self.as_ptr(), count) })
    }

    /// Refuses to send tickets of a session that would let in elsewhere whom only this object lets in.
    fn may_send_tickets(&mut self, call: &'static str) -> Result<(), Error> {
        if !self.is_init_finished() || !State::of_mut(self)?.shares_session() {
            return Ok(());
        }
        let detail = "what to verify was changed since the session was made";
        Err(Error::new(ErrorKind::NotReady, call).with_detail(detail))
    }

    /// Lets a server send one more ticket, in TLS 1.3 after the handshake. It goes out with the next write, or with
    /// [`do_handshake`](Self::do_handshake).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] on a client, before TLS 1.3, and where the handshake is not done;
    /// [`ErrorKind::Poisoned`] on a dead object.
    ///
    /// C: [`SSL_new_session_ticket(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_new_session_ticket")]
    pub fn new_session_ticket(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_new_session_ticket";
        if let Some(refusal) = self.poison_story(CALL) {
            return Err(refusal);
        }
        self.may_send_tickets(CALL)?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing.
        if unsafe { ext::SSL_new_session_ticket(self.as_ptr()) } == 1 {
            return Ok(());
        }
        error::clear();
        let detail = "tickets come from a server of TLS 1.3 after its handshake";
        Err(Error::new(ErrorKind::NotReady, CALL).with_detail(detail))
    }

    /// Lets `callback` choose the numbers of this server's sessions: as
    /// [`set_generate_session_id`](crate::SslContextBuilderRef::set_generate_session_id) of contexts, whose it replaces.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot.
    ///
    /// C: [`SSL_set_generate_session_id(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_generate_session_id/)
    #[doc(alias = "SSL_set_generate_session_id")]
    pub fn set_generate_session_id<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&Self, &mut [u8]) -> Option<usize> + Send + Sync + 'static,
    {
        let callback: GenerateSessionId = Arc::new(callback);
        self.update(|callbacks| callbacks.generate_session_id.replace(callback))?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        done("SSL_set_generate_session_id", unsafe {
            ext::SSL_set_generate_session_id(self.as_ptr(), Some(generate))
        })
    }

    /// Asks `callback` whether this server's session is **not** to be resumed: as
    /// [`set_not_resumable_session_callback`](crate::SslContextBuilderRef::set_not_resumable_session_callback) of contexts,
    /// whose it replaces.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory.
    ///
    /// C: [`SSL_set_not_resumable_session_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_cache_mode/)
    #[doc(alias = "SSL_set_not_resumable_session_callback")]
    pub fn set_not_resumable_session_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&Self, bool) -> bool + Send + Sync + 'static,
    {
        let callback: ForbidResumption = Arc::new(callback);
        self.update(|callbacks| callbacks.not_resumable.replace(callback))?;
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        unsafe { ext::SSL_set_not_resumable_session_callback(self.as_ptr(), Some(forbid)) };
        Ok(())
    }

    /// Sends `data` for a ticket in a client's hello of TLS 1.2 or earlier, whatever its session has (EAP-FAST,
    /// [RFC 4851](https://www.rfc-editor.org/rfc/rfc4851)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than 65,535 bytes, [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if
    /// OpenSSL cannot.
    #[doc(alias = "SSL_set_session_ticket_ext")]
    pub fn set_session_ticket_ext(&mut self, data: &[u8]) -> Result<(), Error> {
        const CALL: &str = "SSL_set_session_ticket_ext";
        let Ok(len) = u16::try_from(data.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the ticket is too long"));
        };
        let pointer = if data.is_empty() { ptr::null_mut() } else { data.as_ptr().cast_mut().cast() };
        error::clear();
        // SAFETY: the object is live and borrowed for writing; C copies so many bytes.
        done(CALL, unsafe { ext::SSL_set_session_ticket_ext(self.as_ptr(), pointer, c_int::from(len)) })
    }

    /// Shows `callback` the ticket extension that the peer sends, up to TLS 1.2. If it answers no, or panics, the handshake
    /// ends.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if OpenSSL cannot.
    #[doc(alias = "SSL_set_session_ticket_ext_cb")]
    pub fn set_session_ticket_ext_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&Self, &[u8]) -> bool + Send + Sync + 'static,
    {
        let callback: TicketExtension = Arc::new(callback);
        self.update(|callbacks| callbacks.ticket_extension.replace(callback))?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        done("SSL_set_session_ticket_ext_cb", unsafe {
            ext::SSL_set_session_ticket_ext_cb(self.as_ptr(), Some(ticket_extension), ptr::null_mut())
        })
    }

    /// Lets `callback` give the secret of a session that both sides agreed on elsewhere, up to TLS 1.2 (EAP-FAST,
    /// [RFC 4851](https://www.rfc-editor.org/rfc/rfc4851)). A server is told which suites the client has; where it answers
    /// `None` it goes on without. A client, which offers a ticket then, has to answer.
    ///
    /// Nothing but that secret is verified of the peer: no certificate, and no name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] if OpenSSL cannot.
    #[doc(alias = "SSL_set_session_secret_cb")]
    pub fn danger_set_session_secret_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&Self, &[SslCipher]) -> Option<SessionSecret> + Send + Sync + 'static,
    {
        let callback: Secret = Arc::new(callback);
        self.update(|callbacks| callbacks.session_secret.replace(callback))?;
        error::clear();
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        done("SSL_set_session_secret_cb", unsafe {
            ext::SSL_set_session_secret_cb(self.as_ptr(), Some(secret), ptr::null_mut())
        })
    }
}

fn done(call: &'static str, ret: c_int) -> Result<(), Error> {
    if ret == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
}

unsafe extern "C" fn generate(ssl: *mut sys::SSL, id: *mut c_uchar, len: *mut c_uint) -> c_int {
    // SAFETY: C passes a live object, and its own arguments.
    unsafe {
        generate_session_id_with(
            closure(ssl, |callbacks| callbacks.generate_session_id.clone()),
            ssl,
            id,
            len,
        )
    }
}

unsafe extern "C" fn forbid(ssl: *mut sys::SSL, forward_secure: c_int) -> c_int {
    // SAFETY: C passes a live object, and its own arguments.
    unsafe {
        forbid_resumption_with(closure(ssl, |callbacks| callbacks.not_resumable.clone()), ssl, forward_secure)
    }
}

unsafe extern "C" fn ticket_extension(
    ssl: *mut sys::SSL,
    data: *const c_uchar,
    len: c_int,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: C passes a live object.
    let Some(closure) = (unsafe { closure(ssl, |callbacks| callbacks.ticket_extension.clone()) }) else {
        return 0;
    };
    // SAFETY: the object is live for the callback, the borrow is for reading, and C lends the extension for as long.
    let (view, data) = unsafe {
        let data = bytes::lend(data, usize::try_from(len).unwrap_or_default());
        (SslRef::from_ptr(ssl), data.unwrap_or_default())
    };
    c_int::from(run(|| closure(view, data)).unwrap_or(false))
}

unsafe extern "C" fn secret(
    ssl: *mut sys::SSL,
    out: *mut c_void,
    len: *mut c_int,
    ciphers: *mut sys::stack_st_SSL_CIPHER,
    chosen: *mut *const sys::SSL_CIPHER,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: C passes a live object.
    let Some(closure) = (unsafe { closure(ssl, |callbacks| callbacks.session_secret.clone()) }) else {
        return 0;
    };
    // SAFETY: the object is live for the callback, the borrow is for reading, and C tells how much room it has for the
    // secret, which is its own.
    let (view, room) = unsafe {
        let room = usize::try_from(*len).unwrap_or_default();
        (SslRef::from_ptr(ssl), bytes::lend_mut(out.cast(), room))
    };
    // SAFETY: NULL, or a live stack of C's.
    let ciphers = unsafe { super::ciphers::collect(ciphers) };
    let Some(Some(answer)) = run(|| closure(view, &ciphers)) else { return 0 };
    let (Some(place), Ok(used)) = (room.get_mut(..answer.secret.len()), c_int::try_from(answer.secret.len()))
    else {
        return 0;
    };
    place.copy_from_slice(&answer.secret);
    // SAFETY: C's own out-pointers.
    unsafe {
        *len = used;
        if let Some(cipher) = answer.cipher {
            *chosen = cipher.as_ptr();
        }
    }
    1
}
