//! How many tickets a server sends, and the application's own data in them.

use std::ffi::{c_int, c_uchar, c_void};
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, ProtocolVersion, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;
use crate::session::{SslSession, SslSessionRef};
use crate::ssl::SslRef;
use crate::ssl::state::State;

type Make = Arc<dyn Fn(&SslRef) -> Option<Vec<u8>> + Send + Sync>;
type Open = Arc<dyn Fn(&SslRef, &OpenedTicket<'_>) -> TicketDecision + Send + Sync>;

/// More tickets than this nobody can mean.
pub(crate) const MOST_TICKETS: usize = 255;

#[derive(Clone, Default)]
pub(super) struct Closures {
    make: Option<Make>,
    open: Option<Open>,
}

/// What became of the ticket that a client sent: an `SSL_TICKET_STATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketStatus {
    /// The client has none, and takes one.
    #[doc(alias = "SSL_TICKET_EMPTY")]
    Empty,
    /// It could not be opened.
    #[doc(alias = "SSL_TICKET_NO_DECRYPT")]
    NoDecrypt,
    /// It was opened.
    #[doc(alias = "SSL_TICKET_SUCCESS")]
    Success,
    /// It was opened, and is to be replaced by a new one.
    #[doc(alias = "SSL_TICKET_SUCCESS_RENEW")]
    SuccessRenew,
    /// Another number.
    Other(i32),
}

/// What is done about a ticket: an `SSL_TICKET_RETURN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TicketDecision {
    /// The session is resumed. Only for a ticket that was opened; otherwise the handshake ends.
    #[doc(alias = "SSL_TICKET_RETURN_USE")]
    Use,
    /// As [`Use`](Self::Use), and the client gets a new ticket.
    #[doc(alias = "SSL_TICKET_RETURN_USE_RENEW")]
    UseRenew,
    /// A full handshake, and no new ticket.
    #[doc(alias = "SSL_TICKET_RETURN_IGNORE")]
    Ignore,
    /// A full handshake, and a new ticket.
    #[doc(alias = "SSL_TICKET_RETURN_IGNORE_RENEW")]
    IgnoreRenew,
    /// The handshake ends.
    #[doc(alias = "SSL_TICKET_RETURN_ABORT")]
    Abort,
}

/// The ticket that a client sent.
#[derive(Debug)]
pub struct OpenedTicket<'a> {
    session: Option<&'a SslSessionRef>,
    key_name: &'a [u8],
    status: TicketStatus,
}

impl OpenedTicket<'_> {
    /// What became of it.
    pub fn status(&self) -> TicketStatus {
        self.status
    }

    /// The name of the keys that it says it was made with.
    pub fn key_name(&self) -> &[u8] {
        self.key_name
    }

    /// The application's own data in it, where it was opened.
    pub fn appdata(&self) -> Option<&[u8]> {
        self.session.and_then(SslSessionRef::ticket_appdata)
    }

    /// A copy of the session in it, where it was opened.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    pub fn session(&self) -> Result<Option<SslSession>, Error> {
        self.session.map(SslSessionRef::dup).transpose()
    }
}

impl ContextSettings {
    /// How many tickets a server sends after a full handshake of TLS 1.3.
    ///
    /// C: [`SSL_CTX_get_num_tickets(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_CTX_get_num_tickets")]
    pub fn num_tickets(&self) -> usize {
        // SAFETY: the context is live, and the call only reads it.
        unsafe { sys::SSL_CTX_get_num_tickets(self.as_ptr()) }
    }
}

impl SslContextBuilderRef {
    /// Says how many tickets a server sends after a full handshake of TLS 1.3, 2 at first; after a resumed one it sends one,
    /// and none where this is 0. A client that opens several connections at a time wants as many.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for more than 255.
    ///
    /// C: [`SSL_CTX_set_num_tickets(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_num_tickets/)
    #[doc(alias = "SSL_CTX_set_num_tickets")]
    pub fn set_num_tickets(&mut self, count: usize) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_set_num_tickets";
        check_count(CALL, count)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        match unsafe { sys::SSL_CTX_set_num_tickets(self.as_ptr(), count) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Puts data of the application's own into tickets, and decides about each that comes back.
    ///
    /// `make` answers what goes into a ticket that is made now, an empty list for nothing; with `None` the handshake ends.
    /// A session of TLS 1.2 that is resumed by its number keeps the data that it has.
    /// `open` sees each ticket that a client sends, and decides. Tickets are encrypted; whoever has their keys can read
    /// and make them. If a closure panics, the handshake ends, and the panic goes on there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory.
    ///
    /// C: [`SSL_CTX_set_session_ticket_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_session_ticket_cb/)
    #[doc(alias = "SSL_CTX_set_session_ticket_cb")]
    #[doc(alias = "SSL_SESSION_set1_ticket_appdata")]
    pub fn set_session_ticket_callbacks<M, O>(&mut self, make: M, open: O) -> Result<(), Error>
    where
        M: Fn(&SslRef) -> Option<Vec<u8>> + Send + Sync + 'static,
        O: Fn(&SslRef, &OpenedTicket<'_>) -> TicketDecision + Send + Sync + 'static,
    {
        const CALL: &str = "SSL_CTX_set_session_ticket_cb";
        let closures = Closures { make: Some(Arc::new(make)), open: Some(Arc::new(open)) };
        self.update_callbacks(|callbacks| callbacks.tickets = closures)?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the argument is the context's own pointer.
        let done = unsafe {
            ext::SSL_CTX_set_session_ticket_cb(self.as_ptr(), Some(made), Some(opened), self.argument())
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }
}

pub(crate) fn check_count(call: &'static str, count: usize) -> Result<(), Error> {
    if count <= MOST_TICKETS {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, call).with_detail("more than 255 tickets"))
}

unsafe extern "C" fn made(ssl: *mut sys::SSL, context: *mut c_void) -> c_int {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.tickets.make.clone());
    let Some(closure) = closure else { return 0 };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    let Some(Some(data)) = run(|| closure(view)) else { return 0 };
    // SAFETY: the object is live, and lends its session (get0).
    let session = unsafe { ext::SSL_get_session(ssl) };
    if session.is_null() {
        return 0;
    }
    // Up to TLS 1.2 a client may resume by a number, and take a ticket for that: other connections have the session too.
    // SAFETY: the object is live.
    let is_own = !view.session_reused()
        || view.version() == ProtocolVersion::TLS1_3
        || unsafe { State::of(ssl) }.is_some_and(|state| state.has_opened(session));
    if !is_own {
        return 1;
    }
    // SAFETY: the session is live, and this connection's alone; C copies so many bytes.
    unsafe {
        let data = if data.is_empty() { (ptr::null(), 0) } else { (data.as_ptr().cast(), data.len()) };
        ext::SSL_SESSION_set1_ticket_appdata(session, data.0, data.1)
    }
}

unsafe extern "C" fn opened(
    ssl: *mut sys::SSL,
    session: *mut sys::SSL_SESSION,
    name: *const c_uchar,
    len: usize,
    status: ext::SSL_TICKET_STATUS,
    context: *mut c_void,
) -> ext::SSL_TICKET_RETURN {
    // SAFETY: the argument that was registered.
    let closure =
        unsafe { Callbacks::of_argument(context) }.and_then(|callbacks| callbacks.tickets.open.clone());
    let Some(closure) = closure else { return ext::SSL_TICKET_RETURN_ABORT };
    let status = match status {
        ext::SSL_TICKET_EMPTY => TicketStatus::Empty,
        ext::SSL_TICKET_NO_DECRYPT => TicketStatus::NoDecrypt,
        ext::SSL_TICKET_SUCCESS => TicketStatus::Success,
        ext::SSL_TICKET_SUCCESS_RENEW => TicketStatus::SuccessRenew,
        other => TicketStatus::Other(other),
    };
    // SAFETY: object, session and name are C's, and live for the callback; the session, which is only read, is NULL where
    // there is none.
    let (view, opened, key_name) = unsafe {
        let opened = (!session.is_null()).then(|| SslSessionRef::from_ptr(session));
        (SslRef::from_ptr(ssl), opened, bytes::lend(name, len).unwrap_or_default())
    };
    let decision = run(|| closure(view, &OpenedTicket { session: opened, key_name, status }));
    let uses = matches!(decision, Some(TicketDecision::Use | TicketDecision::UseRenew));
    // SAFETY: the object is live.
    if let Some(state) = unsafe { State::of(ssl) } {
        state.set_opened(if uses { session } else { ptr::null_mut() });
    }
    match decision {
        Some(TicketDecision::Use) => ext::SSL_TICKET_RETURN_USE,
        Some(TicketDecision::UseRenew) => ext::SSL_TICKET_RETURN_USE_RENEW,
        Some(TicketDecision::Ignore) => ext::SSL_TICKET_RETURN_IGNORE,
        Some(TicketDecision::IgnoreRenew) => ext::SSL_TICKET_RETURN_IGNORE_RENEW,
        Some(TicketDecision::Abort) | None => ext::SSL_TICKET_RETURN_ABORT,
    }
}
