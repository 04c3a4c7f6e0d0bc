//! Early data (0-RTT) of one object, as C has it.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::closure;
use super::phase::Phase;
use super::resumption::Chosen;
use super::state::State;
use super::{HandshakeState, Role, SslRef};
use crate::context::{AllowEarlyData, ProtocolVersion, SslOptions, run};
use crate::error::{Error, ErrorCode, SslError};
use crate::session::{SslSession, SslSessionRef, record};

/// What became of early data.
///
/// C: [`SSL_get_early_data_status(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EarlyDataStatus {
    /// `SSL_EARLY_DATA_NOT_SENT`: the client offered none.
    NotSent,
    /// `SSL_EARLY_DATA_REJECTED`: the server does not take what the client sent. On a client this is the answer until the
    /// server has said otherwise.
    #[doc(alias = "SSL_EARLY_DATA_REJECTED")]
    Rejected,
    /// `SSL_EARLY_DATA_ACCEPTED`: the server takes it.
    #[doc(alias = "SSL_EARLY_DATA_ACCEPTED")]
    Accepted,
}

/// What SSL_read_early_data(3) answers when it does not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EarlyRead {
    /// `SSL_READ_EARLY_DATA_SUCCESS`: so many bytes of early data; there may be more.
    #[doc(alias = "SSL_READ_EARLY_DATA_SUCCESS")]
    Data(usize),
    /// `SSL_READ_EARLY_DATA_FINISH`: there is no early data, or no more of it.
    #[doc(alias = "SSL_READ_EARLY_DATA_FINISH")]
    Finish,
}

/// Early data is sent before the server has answered. It has no forward secrecy, and whoever saw it on the network can send
/// it again: see [`Ssl::connect_early`](crate::Ssl::connect_early) and [`Ssl::accept_early`](crate::Ssl::accept_early),
/// which keep it apart from what is confirmed.
impl SslRef {
    /// Sends early data as a client, whose ClientHello goes out with the first of it; or, as a server that
    /// [reads early data](Self::read_early_data), data to a client that is not confirmed yet. Returns how many bytes were
    /// taken, on a client all of them.
    ///
    /// After a suspension C's rule holds: the next call must come with the same bytes, which C counts once more against what
    /// the session allows ([`EarlyClient`](crate::EarlyClient) makes up for that). An empty buffer gives `Ok(0)` without a
    /// call to C. Where the context demands a verified name, the client shakes hands with [`connect`](Self::connect)
    /// before it reads or writes anything else.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3). Its kind is [`ErrorKind::NotReady`](crate::ErrorKind::NotReady)
    /// where this is not the first call of the connection, or the session does not allow early data; the connection is then
    /// as it was. More than the session allows is fatal, as is a server name or ALPN list that the session does not have.
    ///
    /// C: [`SSL_write_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_write_early_data")]
    pub fn write_early_data(&mut self, buf: &[u8]) -> Result<usize, SslError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        self.call("SSL_write_early_data", Phase::EarlyWrite, |ssl| {
            // SAFETY: the object is live; C reads at most `len` bytes of the buffer. A record it could not send yet
            // it keeps in a buffer of its own, and only compares the address of ours.
            unsafe { sys::SSL_write_early_data(ssl, buf.as_ptr().cast(), buf.len(), &raw mut written) }
        })?;
        Ok(written.min(buf.len()))
    }

    /// Reads early data as a server, which must be the first call of the connection, until it answers
    /// [`EarlyRead::Finish`]; then the handshake is to be finished with [`accept`](Self::accept). Whatever came may be a
    /// copy that was sent again.
    ///
    /// An empty buffer gives `Data(0)` without a call to C.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3); [`ErrorKind::NotReady`](crate::ErrorKind::NotReady) where it is too
    /// late, and [`ErrorKind::WrongRole`](crate::ErrorKind::WrongRole) on a client. Until the early data is read to its end,
    /// [`read`](Self::read) and [`write`](Self::write) are refused, which would take it for confirmed data.
    ///
    /// C: [`SSL_read_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_read_early_data")]
    #[doc(alias = "SSL_READ_EARLY_DATA_ERROR")]
    pub fn read_early_data(&mut self, buf: &mut [u8]) -> Result<EarlyRead, SslError> {
        if buf.is_empty() {
            return Ok(EarlyRead::Data(0));
        }
        let mut read = 0;
        let outcome = self.call("SSL_read_early_data", Phase::Handshake(Some(Role::Server)), |ssl| {
            // SAFETY: the object is live and has both BIOs; C writes at most `len` bytes to the buffer and their number to
            // `read`.
            unsafe {
                let ret = sys::SSL_read_early_data(ssl, buf.as_mut_ptr().cast(), buf.len(), &raw mut read);
                if ret == sys::SSL_READ_EARLY_DATA_FINISH && hides_failure(ssl) { 0 } else { ret }
            }
        });
        let finished = matches!(outcome, Ok(sys::SSL_READ_EARLY_DATA_FINISH));
        if let Ok(state) = State::of_mut(self) {
            let begun = outcome.is_ok() || outcome.as_ref().is_err_and(|error| error.want().is_some());
            state.set_reads_early((begun || state.reads_early()) && !finished);
        }
        outcome?;
        Ok(if finished { EarlyRead::Finish } else { EarlyRead::Data(read.min(buf.len())) })
    }

    /// What became of early data. On a client it is settled once the handshake is done.
    ///
    /// C: [`SSL_get_early_data_status(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_get_early_data_status")]
    pub fn early_data_status(&self) -> EarlyDataStatus {
        // SAFETY: the object is live, and the call only reads it.
        match unsafe { ext::SSL_get_early_data_status(self.as_ptr()) } {
            ext::SSL_EARLY_DATA_ACCEPTED => EarlyDataStatus::Accepted,
            ext::SSL_EARLY_DATA_REJECTED => EarlyDataStatus::Rejected,
            _ => EarlyDataStatus::NotSent,
        }
    }

    /// How many bytes of early data a server allows in connections that resume the sessions of this one; on a client that
    /// sends early data, what its session allows.
    ///
    /// C: [`SSL_get_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_get_max_early_data")]
    pub fn max_early_data(&self) -> u32 {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_get_max_early_data(self.as_ptr()) }
    }

    /// Lets a server take early data, so many bytes in a connection, as
    /// [its context](crate::SslContextBuilderRef::set_max_early_data) does; 0 takes none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for an object of QUIC.
    ///
    /// C: [`SSL_set_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_set_max_early_data")]
    pub fn set_max_early_data(&mut self, bytes: u32) -> Result<(), Error> {
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing.
        match unsafe { sys::SSL_set_max_early_data(self.as_ptr(), bytes) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_max_early_data")),
        }
    }

    /// How many bytes of early data a server receives at the most, whatever the session allows.
    ///
    /// C: [`SSL_get_recv_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_get_recv_max_early_data")]
    pub fn recv_max_early_data(&self) -> u32 {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_recv_max_early_data(self.as_ptr()) }
    }

    /// Limits the early data that a server receives, as
    /// [its context](crate::SslContextBuilderRef::set_recv_max_early_data) does.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for an object of QUIC.
    ///
    /// C: [`SSL_set_recv_max_early_data(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_set_recv_max_early_data")]
    pub fn set_recv_max_early_data(&mut self, bytes: u32) -> Result<(), Error> {
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing.
        match unsafe { ext::SSL_set_recv_max_early_data(self.as_ptr(), bytes) } {
            1 => Ok(()),
            _ => Err(Error::from_queue("SSL_set_recv_max_early_data")),
        }
    }

    /// Asks `callback`, in place of the context's, whether a server takes the early data that a client offers: see
    /// [`SslContextBuilderRef::set_allow_early_data_callback`](crate::SslContextBuilderRef::set_allow_early_data_callback).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_set_allow_early_data_cb(3)`](https://docs.openssl.org/master/man3/SSL_read_early_data/)
    #[doc(alias = "SSL_set_allow_early_data_cb")]
    pub fn set_allow_early_data_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef) -> bool + Send + Sync + 'static,
    {
        self.update(|callbacks| callbacks.allow_early_data.replace(Arc::new(callback)))?;
        // SAFETY: the object is live and borrowed for writing; the trampoline finds its closure in the object.
        unsafe { ext::SSL_set_allow_early_data_cb(self.as_ptr(), Some(allow), ptr::null_mut()) };
        Ok(())
    }

    /// Lets a server take the same early data again and again, as
    /// [its context](crate::SslContextBuilderRef::danger_allow_early_data_replays) does: `SSL_OP_NO_ANTI_REPLAY`.
    #[doc(alias = "SSL_OP_NO_ANTI_REPLAY")]
    pub fn danger_allow_early_data_replays(&mut self) {
        self.set_options(SslOptions::NO_ANTI_REPLAY);
    }

    /// Whether a server has early data to read, whoever began to: libssl takes none that nobody asked for.
    pub(super) fn is_amid_early_data(&self) -> bool {
        self.is_server()
            && self.early_data_status() == EarlyDataStatus::Accepted
            && self.state() == HandshakeState::EarlyData
    }

    /// Whether early data would go out with a session: C fails where what the session was made with is not what is offered now.
    fn may_send_early(&self, session: &SslSessionRef) -> bool {
        let speaks =
            |version: ProtocolVersion| self.max_proto_version().is_none_or(|highest| highest.0 >= version.0);
        session.is_resumable()
            && session.has_ticket()
            && session.protocol_version() == ProtocolVersion::TLS1_3
            && speaks(ProtocolVersion::TLS1_3)
            && !self.options().contains(SslOptions::NO_TLSV1_3)
            && session.alpn_selected().is_none_or(|protocol| self.offers_protocol(protocol))
            && session.hostname().is_none_or(|name| self.sni() == Some(name))
    }

    /// Settles which session an object that has not begun will offer, as the call that begins would, and answers with that
    /// session if it allows early data. It is a copy that nobody else has.
    pub(crate) fn settle_early_session(&mut self) -> Result<Option<SslSession>, Error> {
        let chosen = State::of_mut(self)?.chosen_session();
        self.check_beginning("SSL_write_early_data", Phase::EarlyWrite)?;
        let session = match self.session_max_early_data() {
            None | Some(0) => None,
            // SAFETY: the object lends its session (get0), which is not NULL.
            Some(_) => Some(unsafe { SslSessionRef::from_ptr(ext::SSL_get_session(self.as_ptr())) })
                .filter(|session| self.may_send_early(session) && record::offers_cipher(session, self))
                .map(SslSessionRef::dup)
                .transpose()?,
        };
        if session.is_some() {
            self.put_session(session.as_ref())?;
        }
        // What fits now is looked at once more by the call that begins: another one may come before.
        let chosen = if chosen == Chosen::Unchecked { chosen } else { Chosen::Checked };
        State::of_mut(self)?.choose_session(chosen);
        Ok(session)
    }
}

/// The end of the early data may come together with what ends the connection, of which C says nothing then.
///
/// # Safety
///
/// `ssl` is live and has both BIOs, and SSL_read_early_data said that the early data is read to its end just now.
unsafe fn hides_failure(ssl: *mut sys::SSL) -> bool {
    // SAFETY: by this function's contract; the calls only read the object and the queue.
    unsafe {
        let read_on = ext::SSL_get_early_data_status(ssl) == ext::SSL_EARLY_DATA_ACCEPTED;
        read_on
            && sys::SSL_is_init_finished(ssl) == 0
            && !matches!(ErrorCode::from_raw(sys::SSL_get_error(ssl, 0)), ErrorCode::Want(_))
    }
}

/// What is not there to ask does not allow anything.
unsafe extern "C" fn allow(ssl: *mut sys::SSL, _argument: *mut c_void) -> c_int {
    // SAFETY: C passes a live object.
    let allow: Option<AllowEarlyData> =
        unsafe { closure(ssl, |callbacks| callbacks.allow_early_data.clone()) };
    let Some(allow) = allow else { return 0 };
    // SAFETY: the object is live for the callback, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    run(|| allow(view)).unwrap_or(false).into()
}
