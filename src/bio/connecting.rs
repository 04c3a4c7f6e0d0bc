//! A `BIO_s_connect` on its way to a connection.

use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use openssl_sys_ext as ext;

use super::custom;
use super::descriptor::quietly;
use super::establish::timed_out;
use super::handle::BioRef;
use super::object::BioType;
use crate::error::{self, Error, ErrorKind, ErrorStack, Want};
use crate::poll;

impl BioRef {
    /// Whether a connect BIO of the chain waits for its connection still. C, asked early, does not wait nor return: it
    /// looks again and again.
    pub(super) fn is_connecting(&self) -> bool {
        self.connecting().is_some()
    }

    /// Waits for the connection that a connect BIO of the chain makes already, if it does.
    pub(super) fn await_connection(
        &mut self,
        call: &'static str,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let Some(fd) = self.connecting() else { return Ok(()) };
        match poll::wait(&fd, Want::Connect, deadline) {
            Ok(true) => Ok(()),
            Ok(false) => Err(timed_out(call)),
            Err(error) => Err(Error::new(ErrorKind::Io, call).with_transport(Some(error))),
        }
    }

    /// The socket whose connection is on its way. The retry flags do not tell: they are the user's too.
    fn connecting(&self) -> Option<BorrowedFd<'_>> {
        let connect = self.find_type(BioType::CONNECT)?;
        if connect.is_lost() {
            return None;
        }
        let fd = connect.connect_descriptor().filter(|fd| !has_peer(*fd))?;
        // SAFETY: open as long as the BIO has it, which is borrowed.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        poll::wait(&fd, Want::Connect, Some(Instant::now())).is_ok_and(|ready| !ready).then_some(fd)
    }

    /// The connect BIO whose errors are seen from here as it raised them. What is seen of one behind a BIO written in Rust
    /// is whatever that says; its own calls have seen the rest.
    pub(super) fn connects_beneath_c(&self) -> Option<&Self> {
        // SAFETY: each is a live BIO of the chain.
        let ours = |link: &&Self| unsafe { custom::is_rust(link.as_ptr()) };
        self.links().take_while(|link| !ours(link)).find(|link| link.method_type() == BioType::CONNECT)
    }

    /// Closes the socket of a nonblocking connect BIO whose connection was refused. C leaves it, and takes it for
    /// connected when it is asked again: the system tells an error once.
    pub(super) fn forget_refused(&mut self, why: &ErrorStack) {
        if !why.has(ext::ERR_LIB_BIO, ext::BIO_R_NBIO_CONNECT_ERROR) {
            return;
        }
        let Some(connect) = self.connects_beneath_c() else { return };
        // Once it is refused, C has no address left to go to.
        // SAFETY: a live BIO of the chain, which is borrowed for writing; so below.
        let nowhere = unsafe { quietly(connect.as_ptr(), || connect.conn_address().is_none()) };
        if !nowhere || connect.connect_descriptor().is_none() || connect.may_reset("BIO_reset").is_err() {
            return;
        }
        let connect = connect.as_ptr();
        // SAFETY: see above.
        unsafe { quietly(connect, || ext::BIO_reset(connect)) };
        error::clear();
    }
}

/// Whether a socket is connected: not on its way, nor refused.
fn has_peer(fd: RawFd) -> bool {
    let mut address = MaybeUninit::<libc::sockaddr_storage>::uninit();
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: C writes an address to the local, as far as that goes, and its length.
    unsafe { libc::getpeername(fd, address.as_mut_ptr().cast(), &raw mut len) == 0 }
}
