//! The loop: one poll(2) for the signals, the listener and all connections.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::connection::{Connection, Shared};
use crate::log;

/// How long to leave the listener alone when the system has nothing to accept with.
const REST: Duration = Duration::from_millis(100);

/// From here on SIGTERM and SIGINT end the loop, and not the process. A signal becomes a byte: what runs in a signal
/// handler is not ours to write.
pub(crate) fn catch_signals() -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    pipe::register(SIGINT, write.try_clone()?)?;
    pipe::register(SIGTERM, write)?;
    Ok(read)
}

/// Serves until SIGTERM, or until all connections that `--once` allows have ended.
pub(crate) fn serve(listener: &TcpListener, signals: &UnixStream, shared: &Shared<'_>) -> io::Result<()> {
    let mut events =
        Loop { listener, shared, signals, connections: Vec::new(), accepted: 0, rest_until: None };
    let outcome = events.run();
    for connection in &mut events.connections {
        connection.cut();
    }
    outcome
}

struct Loop<'a> {
    listener: &'a TcpListener,
    shared: &'a Shared<'a>,
    signals: &'a UnixStream,
    connections: Vec<Connection>,
    accepted: u64,
    rest_until: Option<Instant>,
}

/// What poll(2) found.
struct Ready {
    signal: bool,
    listener: bool,
    /// One for each connection.
    connections: Vec<bool>,
}

impl Loop<'_> {
    fn run(&mut self) -> io::Result<()> {
        loop {
            if !self.is_accepting() && self.connections.is_empty() {
                log!("relay: served {}", self.accepted);
                return Ok(());
            }
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if ready.signal {
                // What was relayed so far is not all: nobody is told that it were.
                log!("relay: terminated, {} open", self.connections.len());
                return Ok(());
            }
            self.advance(&ready.connections);
            if ready.listener {
                self.accept();
            }
        }
    }

    fn is_accepting(&self) -> bool {
        self.shared.options.once.is_none_or(|once| self.accepted < once)
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let now = Instant::now();
        let rest_until = self.rest_until.filter(|until| now < *until);
        let mut entries = vec![PollFd::new(self.signals, PollFlags::IN)];
        let listens = self.is_accepting() && rest_until.is_none();
        if listens {
            entries.push(PollFd::new(self.listener, PollFlags::IN));
        }
        let (first, mut owners) = (entries.len(), Vec::new());
        for (owner, connection) in self.connections.iter().enumerate() {
            for (fd, events) in connection.interests() {
                entries.push(PollFd::from_borrowed_fd(fd, events));
                owners.push(owner);
            }
        }
        let deadlines = self.connections.iter().filter_map(Connection::deadline).chain(rest_until);
        let again = self.connections.iter().any(|connection| connection.again);
        let until = if again { Some(now) } else { deadlines.min() };
        let timeout = until.map_or(-1, |until| milliseconds(until.saturating_duration_since(now)));

        poll(&mut entries, timeout)?;
        let is_ready = |entry: &PollFd<'_>| !entry.revents().is_empty();
        let mut connections = vec![false; self.connections.len()];
        for (owner, entry) in owners.into_iter().zip(&entries[first..]) {
            connections[owner] |= is_ready(entry);
        }
        Ok(Ready { signal: is_ready(&entries[0]), listener: listens && is_ready(&entries[1]), connections })
    }

    fn advance(&mut self, ready: &[bool]) {
        for (connection, ready) in self.connections.iter_mut().zip(ready) {
            if *ready || connection.again {
                connection.advance(self.shared);
            }
            if connection.deadline().is_some_and(|deadline| Instant::now() >= deadline) {
                connection.expire();
            }
        }
        self.connections.retain(|connection| !connection.is_over());
    }

    fn accept(&mut self) {
        while self.is_accepting() {
            match self.listener.accept() {
                Ok((socket, _)) => {
                    self.accepted += 1;
                    self.connections.extend(Connection::new(self.shared, socket, self.accepted));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    log!("relay: accept failed: {error}");
                    self.rest_until = Some(Instant::now() + REST);
                    return;
                }
            }
        }
    }
}

/// Rounded up, so that a wait does not spin through its last millisecond.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}
