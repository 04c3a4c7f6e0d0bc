//! What makes the connection of a `BIO_s_connect` or `BIO_s_accept`, and waits for it.

use std::ffi::{c_int, c_long, c_uint};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::chain;
use super::handle::{Bio, BioRef};
use super::object::{BioError, BioType, SendBio};
use super::ssl::done;
use crate::error::{self, Error, ErrorKind};

impl BioRef {
    /// Connects, or goes on with it; nothing more if it is connected already.
    ///
    /// # Errors
    ///
    /// [`RetryReason::CONNECT`](super::RetryReason::CONNECT) while a nonblocking BIO is connecting: wait until it is
    /// writable, and call again. Otherwise why there is no connection: [`Error::errno`] has the system's reason.
    ///
    /// C: [`BIO_do_connect(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_do_connect")]
    pub fn do_connect(&mut self) -> Result<(), BioError> {
        // SAFETY: the BIO is live and borrowed for writing.
        self.establish("BIO_do_connect", |bio| unsafe { ext::BIO_do_connect(bio) })
    }

    /// Listens at the first call, and accepts one connection at each call after it, which then hangs behind the accept
    /// BIO: read and write it there, or take it with [`pop_accepted`](Bio::pop_accepted), before which no other one is
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`RetryReason::ACCEPT`](super::RetryReason::ACCEPT) while a nonblocking BIO has no connection: wait until it is
    /// readable, and call again. Otherwise why it could not listen or accept.
    ///
    /// C: [`BIO_do_accept(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_do_accept")]
    pub fn do_accept(&mut self) -> Result<(), BioError> {
        // SAFETY: as in `do_connect`.
        self.establish("BIO_do_accept", |bio| unsafe { ext::BIO_do_accept(bio).into() })
    }

    /// Connects, trying again where that may help, until the timeout (in whole seconds, rounded up) has passed; the BIO is
    /// nonblocking from then on. Without one it blocks, and tries once, as long as the system does.
    ///
    /// `nap` is how long it sleeps (in milliseconds) between two looks at a BIO that has no descriptor to wait for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`], where the timeout has passed too, with `BIO_R_CONNECT_TIMEOUT` in the stack.
    ///
    /// C: [`BIO_do_connect_retry(3)`](https://docs.openssl.org/master/man3/BIO_do_connect/)
    #[doc(alias = "BIO_do_connect_retry")]
    pub fn do_connect_retry(&mut self, timeout: Option<Duration>, nap: Duration) -> Result<(), Error> {
        const CALL: &str = "BIO_do_connect_retry";
        let Some(connect) = self.find_type_mut(BioType::CONNECT) else {
            return self.retry_connecting(timeout, nap);
        };
        // C resets the whole chain for whatever error is one of a connection's, whoever raised it.
        let until = timeout.and_then(|timeout| SystemTime::now().checked_add(timeout));
        connect.retry_connecting(timeout, nap)?;
        loop {
            match self.do_connect() {
                Ok(()) => return Ok(()),
                Err(BioError::Retry(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let near = near(until.unwrap_or_else(|| SystemTime::now() + FAR));
            if !self.wait(near, nap)? && until == Some(near) {
                return Err(timed_out(CALL));
            }
        }
    }

    fn retry_connecting(&mut self, timeout: Option<Duration>, nap: Duration) -> Result<(), Error> {
        const CALL: &str = "BIO_do_connect_retry";
        let began = Instant::now();
        self.settle(CALL)?;
        self.await_connection(CALL, timeout)?;
        let nap = c_int::try_from(nap.as_millis()).unwrap_or(c_int::MAX);
        let mut left = timeout.map(|timeout| timeout.saturating_sub(began.elapsed()));
        loop {
            // With 0 C tries again for ever what is refused at once.
            let part = left.map_or(-1, |left| seconds(left.min(FAR)).max(1) as c_int);
            // SAFETY: the BIO is live and borrowed for writing.
            match self.enter(|bio| unsafe { ext::BIO_do_connect_retry(bio, part, nap) }) {
                (1, _) => return done(CALL, true),
                (0, _) if left.is_some_and(|left| left > FAR) => {
                    left = left.map(|left| left.saturating_sub(FAR));
                }
                (ret, errno) => return Err(self.failed(CALL, ret, errno).with_kind(ErrorKind::Io)),
            }
        }
    }

    /// Waits until the BIO can go on with the call that was suspended last, or `until` that time, which C counts in
    /// seconds. `Ok(false)` says that the time has passed. A BIO without a descriptor sleeps for `nap`, and says `Ok(true)`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the system cannot wait.
    ///
    /// C: [`BIO_wait(3)`](https://docs.openssl.org/master/man3/BIO_socket_wait/)
    #[doc(alias = "BIO_wait")]
    pub fn wait(&mut self, until: SystemTime, nap: Duration) -> Result<bool, Error> {
        let nap = c_uint::try_from(nap.as_millis()).unwrap_or(c_uint::MAX);
        loop {
            let near = near(until);
            // SAFETY: the BIO is live and borrowed for writing.
            let (ret, errno) = self.enter(|bio| unsafe { ext::BIO_wait(bio, time(near), nap) });
            if ret < 0 {
                return Err(self.failed("BIO_wait", ret, errno).with_kind(ErrorKind::Io));
            }
            error::clear();
            if ret > 0 || near == until {
                return Ok(ret > 0);
            }
        }
    }

    fn establish(
        &mut self,
        name: &'static str,
        call: impl FnOnce(*mut sys::BIO) -> c_long,
    ) -> Result<(), BioError> {
        let (ret, errno) = self.operate(name, call)?;
        if ret > 0 {
            error::clear();
            return Ok(());
        }
        Err(self.unfinished(name, c_int::try_from(ret).unwrap_or(-1), errno))
    }
}

// Not of a `BioRef`: what that only borrows, it has nothing to give away of.
impl Bio {
    /// The connection that was accepted last, with its filters, taken from the accept BIO.
    ///
    /// C: [`BIO_pop(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_pop")]
    pub fn pop_accepted(&mut self) -> Option<Self> {
        let accept = self.first_of(BioType::ACCEPT)?;
        // SAFETY: the chain is live, borrowed for writing and owned.
        unsafe { chain::take_behind(accept) }
    }
}

impl SendBio {
    /// As [`Bio::pop_accepted`].
    ///
    /// C: [`BIO_pop(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_pop")]
    pub fn pop_accepted(&mut self) -> Option<Self> {
        let accept = self.first_of(BioType::ACCEPT)?;
        // SAFETY: as of a `Bio`. What hangs there was checked as part of this chain, or is a socket behind copies of filters
        // that were checked.
        unsafe { chain::take_behind(accept).map(|accepted| Self::new_unchecked(accepted)) }
    }
}

pub(super) fn timed_out(call: &'static str) -> Error {
    error::clear();
    error::raise(ext::ERR_LIB_BIO, ext::BIO_R_CONNECT_TIMEOUT, call, "");
    Error::from_queue(call).with_kind(ErrorKind::Io)
}

/// How far C can look ahead: it counts the milliseconds in an `int`.
const FAR: Duration = Duration::from_secs(2_000_000);

/// A point in time that C can wait for, on the way to that one.
pub(super) fn near(until: SystemTime) -> SystemTime {
    SystemTime::now().checked_add(FAR).map_or(until, |far| far.min(until))
}

/// A point in time as C has it, rounded up. C takes 0 for "without waiting".
pub(super) fn time(time: SystemTime) -> libc::time_t {
    time.duration_since(UNIX_EPOCH).map_or(1, |since| seconds(since).max(1))
}

fn seconds(time: Duration) -> libc::time_t {
    let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    libc::time_t::try_from(whole).unwrap_or(libc::time_t::MAX)
}
