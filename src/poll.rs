//! Waiting for channels that do not block: [`wait`] is poll(2) for one suspended call, and the methods here that end in
//! `_and_wait` put it around [`resume`](crate::Handshake::resume), with an optional deadline.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use crate::bio::Channel;
use crate::connected::Connected;
use crate::error::Want;
use crate::handshake::{Handshake, HandshakeError};
use crate::ssl::Ssl;

impl Ssl {
    /// [`connect`](Self::connect), waiting with poll(2) whenever the handshake waits for the channel.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect). When the `deadline` has passed, the suspension comes back as it is, such as
    /// [`HandshakeError::WantRead`], and can be resumed; `None` waits for ever. Suspensions that are not the channel's
    /// (a callback asked for time) come back at once.
    pub fn connect_and_wait<C: Channel + AsFd>(
        self,
        channel: C,
        deadline: Option<Instant>,
    ) -> Result<Connected<C>, HandshakeError<C>> {
        finish(self.connect(channel), deadline)
    }

    /// [`accept`](Self::accept), waiting as [`connect_and_wait`](Self::connect_and_wait) does.
    ///
    /// # Errors
    ///
    /// As [`connect_and_wait`](Self::connect_and_wait).
    pub fn accept_and_wait<C: Channel + AsFd>(
        self,
        channel: C,
        deadline: Option<Instant>,
    ) -> Result<Connected<C>, HandshakeError<C>> {
        finish(self.accept(channel), deadline)
    }
}

impl<C: Channel + AsFd> Handshake<C> {
    /// [`resume`](Self::resume) to the end, waiting as [`Ssl::connect_and_wait`] does.
    ///
    /// # Errors
    ///
    /// As [`Ssl::connect_and_wait`].
    pub fn resume_and_wait(self, deadline: Option<Instant>) -> Result<Connected<C>, HandshakeError<C>> {
        finish(self.resume(), deadline)
    }
}

/// What poll(2) is to wait for, for a loop of one's own: `POLLIN` or `POLLOUT`. `None` for what is not the channel's to give,
/// such as a callback's answer.
pub fn events(want: Want) -> Option<libc::c_short> {
    match want {
        Want::Read | Want::Accept => Some(libc::POLLIN),
        Want::Write | Want::Connect => Some(libc::POLLOUT),
        _ => None,
    }
}

/// Waits until the channel behind `fd` can give what a suspended call [wants](crate::Connected::wants), or is broken,
/// which the next call will tell. `Ok(false)` says that the `deadline` has passed; `None` waits for ever.
///
/// ```no_run
/// # fn read(connected: &mut libssl::Connected<std::net::TcpStream>, buf: &mut [u8]) -> std::io::Result<usize> {
/// use std::io::Read;
///
/// loop {
///     match (connected.read(buf), connected.wants()) {
///         (Err(_), Some(want)) => libssl::poll::wait(connected, want, None)?,
///         (outcome, _) => return outcome,
///     };
/// }
/// # }
/// ```
///
/// # Errors
///
/// Those of poll(2); [`InvalidInput`](io::ErrorKind::InvalidInput) for what is not the channel's to give, such as a
/// callback's answer.
pub fn wait(fd: &impl AsFd, want: Want, deadline: Option<Instant>) -> io::Result<bool> {
    let Some(events) = events(want) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no descriptor gives {want}")));
    };
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // SAFETY: one entry, which lives through the call.
        let ready = unsafe { libc::poll(&raw mut entry, 1, left.map_or(-1, milliseconds)) };
        match ready {
            1.. => return Ok(true),
            // poll(2) counts milliseconds, and not more than fit an int.
            0 if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(false),
            0 => {}
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

fn finish<C: Channel + AsFd>(
    mut progress: Result<Connected<C>, HandshakeError<C>>,
    deadline: Option<Instant>,
) -> Result<Connected<C>, HandshakeError<C>> {
    loop {
        let (want, handshake) = match progress {
            Err(HandshakeError::WantRead(handshake)) => (Want::Read, handshake),
            Err(HandshakeError::WantWrite(handshake)) => (Want::Write, handshake),
            end => return end,
        };
        progress = match wait(&handshake, want, deadline) {
            Ok(true) => {
                let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
                match handshake.resume() {
                    Err(error) if late => return Err(error),
                    progress => progress,
                }
            }
            Ok(false) => return Err(HandshakeError::suspended(want, handshake)),
            Err(error) => return Err(HandshakeError::Failed(handshake.fail_in_poll(error))),
        };
    }
}

/// Rounded up, so that a wait does not spin through its last millisecond.
fn milliseconds(time: Duration) -> libc::c_int {
    let whole = time.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(whole).unwrap_or(libc::c_int::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_and_never_negative() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_secs(u64::MAX)), libc::c_int::MAX);
    }
}
