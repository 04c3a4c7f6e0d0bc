//! A `BIO_s_connect` on its way to a connection.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use openssl_sys_ext as ext;

use super::handle::BioRef;
use super::object::{BioType, RetryReason};
use crate::error::{self, Error, ErrorKind, ErrorStack, Want};
use crate::ffi::panics;
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
            Ok(false) => {
                error::clear();
                error::raise(ext::ERR_LIB_BIO, ext::BIO_R_CONNECT_TIMEOUT, call, "");
                Err(Error::from_queue(call).with_kind(ErrorKind::Io))
            }
            Err(error) => Err(Error::new(ErrorKind::Io, call).with_transport(Some(error))),
        }
    }

    /// The socket whose connection is on its way.
    fn connecting(&self) -> Option<BorrowedFd<'_>> {
        let waits = |connect: &&Self| {
            connect.should_retry()
                && connect.should_io_special()
                && connect.retry_reason() == RetryReason::CONNECT
        };
        let connect = self.find_type(BioType::CONNECT).filter(waits)?.as_ptr();
        let mut fd = -1;
        // SAFETY: a live BIO of the chain; C writes the number to the local.
        panics::enter(|| unsafe { ext::BIO_get_fd(connect, &raw mut fd) }, error::clear);
        error::clear();
        // SAFETY: open as long as the BIO has it, which is borrowed.
        let fd = (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })?;
        poll::wait(&fd, Want::Connect, Some(Instant::now())).is_ok_and(|ready| !ready).then_some(fd)
    }

    /// Closes the socket of a nonblocking connect BIO whose connection was refused. C leaves it, and takes it for
    /// connected when it is asked again: the system tells an error once.
    pub(super) fn forget_refused(&mut self, why: &ErrorStack) {
        if !why.has(ext::ERR_LIB_BIO, ext::BIO_R_NBIO_CONNECT_ERROR) {
            return;
        }
        if let Some(connect) = self.first_of(BioType::CONNECT) {
            // SAFETY: a live BIO of the chain, which is borrowed for writing.
            panics::enter(|| unsafe { ext::BIO_reset(connect) }, error::clear);
            error::clear();
        }
    }
}
