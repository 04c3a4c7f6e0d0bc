//! Handshakes that block to their end over a channel that does not: poll(2) around
//! [`resume`](crate::Handshake::resume), with an optional deadline.

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
        wait(self.connect(channel), deadline)
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
        wait(self.accept(channel), deadline)
    }
}

impl<C: Channel + AsFd> Handshake<C> {
    /// [`resume`](Self::resume) to the end, waiting as [`Ssl::connect_and_wait`] does.
    ///
    /// # Errors
    ///
    /// As [`Ssl::connect_and_wait`].
    pub fn resume_and_wait(self, deadline: Option<Instant>) -> Result<Connected<C>, HandshakeError<C>> {
        wait(self.resume(), deadline)
    }
}

fn wait<C: Channel + AsFd>(
    mut progress: Result<Connected<C>, HandshakeError<C>>,
    deadline: Option<Instant>,
) -> Result<Connected<C>, HandshakeError<C>> {
    loop {
        let (handshake, events) = match progress {
            Err(HandshakeError::WantRead(handshake)) => (handshake, libc::POLLIN),
            Err(HandshakeError::WantWrite(handshake)) => (handshake, libc::POLLOUT),
            end => return end,
        };
        progress = match ready(&handshake, events, deadline) {
            Ok(true) => handshake.resume(),
            Ok(false) => {
                let want = if events == libc::POLLIN { Want::Read } else { Want::Write };
                return Err(HandshakeError::suspended(want, handshake));
            }
            Err(error) => return Err(HandshakeError::Failed(handshake.fail_in_poll(error))),
        };
    }
}

/// Waits until the descriptor is ready, or broken, which the next call will tell. `false` says that time is up.
fn ready(fd: &impl AsFd, events: libc::c_short, deadline: Option<Instant>) -> io::Result<bool> {
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 };
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // SAFETY: one entry, which lives through the call.
        let ready = unsafe { libc::poll(&raw mut entry, 1, left.map_or(-1, milliseconds)) };
        match ready {
            1.. => return Ok(true),
            0 if left.is_some_and(|left| left <= Duration::from_millis(i32::MAX as u64)) => {
                // poll(2) counts milliseconds and may wake early.
                if deadline.is_none_or(|deadline| Instant::now() >= deadline) {
                    return Ok(false);
                }
            }
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
