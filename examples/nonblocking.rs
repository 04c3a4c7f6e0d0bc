//! Two peers over sockets that do not block, and one poll(2) loop that drives both.
//!
//! Each sends the other a few megabytes at the same time, ends its own direction when it has sent all, and goes on
//! reading until the other one ends.
//!
//! ```text
//! cargo run --example nonblocking
//! ```

mod fresh;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use libssl::connected::ShutdownProgress;
use libssl::context::{Identity, TrustAnchors};
use libssl::{Connected, Handshake, HandshakeError, Ssl, SslContext, Want};

/// How much each peer sends: more than the sockets hold, so that writes must wait.
const SIZE: usize = 8 * 1024 * 1024;

/// One end of the connection. Each state holds what it can do, and no other.
enum State {
    Shaking(Handshake<TcpStream>),
    Talking(Connected<TcpStream>),
    Done,
}

struct Peer {
    name: &'static str,
    state: State,
    /// What the socket must be ready for before there is anything to do.
    events: libc::c_short,
    outgoing: Vec<u8>,
    sent: usize,
    close_notify_sent: bool,
    received: usize,
    received_end: bool,
    pauses: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let fresh = fresh::identity()?;
    let identity = Identity::from_pem(fresh.chain_pem.as_bytes(), fresh.key_pem.as_bytes())?;
    let server = SslContext::server(&identity)?.build();
    let client = SslContext::client_trusting(TrustAnchors::Pem(fresh.ca_pem.as_bytes()))?.build();

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client_stream = TcpStream::connect(listener.local_addr()?)?;
    let (server_stream, _) = listener.accept()?;
    client_stream.set_nonblocking(true)?;
    server_stream.set_nonblocking(true)?;

    let mut ssl = Ssl::new(&client)?;
    ssl.set_server_name("localhost")?;
    let mut peers = [
        Peer::new("client", ssl.connect(client_stream))?,
        Peer::new("server", Ssl::new(&server)?.accept(server_stream))?,
    ];
    loop {
        let mut entries: Vec<_> = peers.iter().filter_map(Peer::entry).collect();
        if entries.is_empty() {
            break;
        }
        // SAFETY: the pointer and the length are those of one vector, which outlives the call.
        let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, -1) };
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Err(io::Error::last_os_error().into());
        }
        for peer in &mut peers {
            // A broken socket is "ready" too: the call that follows says in what way it is broken.
            if entries.iter().any(|entry| Some(entry.fd) == peer.fd() && entry.revents != 0) {
                peer.advance()?;
            }
        }
    }
    for peer in &peers {
        println!(
            "{}: sent {} bytes, received {}, waited {} times",
            peer.name, peer.sent, peer.received, peer.pauses
        );
        if (peer.sent, peer.received) != (SIZE, SIZE) {
            return Err("bytes were lost".into());
        }
    }
    Ok(())
}

impl Peer {
    fn new(
        name: &'static str,
        begun: Result<Connected<TcpStream>, HandshakeError<TcpStream>>,
    ) -> Result<Self, Box<dyn Error>> {
        let mut peer = Self {
            name,
            state: State::Done,
            events: 0,
            outgoing: (0..SIZE).map(|at| (at % 251) as u8).collect(),
            sent: 0,
            close_notify_sent: false,
            received: 0,
            received_end: false,
            pauses: 0,
        };
        peer.sort(begun)?;
        Ok(peer)
    }

    /// Puts what `connect`, `accept` or `resume` gave into its state.
    fn sort(
        &mut self,
        progress: Result<Connected<TcpStream>, HandshakeError<TcpStream>>,
    ) -> Result<(), Box<dyn Error>> {
        match progress {
            Ok(connected) => {
                println!("{}: connected with {}", self.name, connected.ssl().version_string());
                self.state = State::Talking(connected);
                // Nothing was tried yet: both directions may be open.
                self.events = libc::POLLIN | libc::POLLOUT;
            }
            Err(error) => {
                let want = error.want();
                self.state = State::Shaking(error.into_handshake()?);
                self.events = 0;
                self.wait_for(want);
            }
        }
        Ok(())
    }

    /// Goes as far as the socket allows.
    fn advance(&mut self) -> Result<(), Box<dyn Error>> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Done => Ok(()),
            State::Shaking(handshake) => self.sort(handshake.resume()),
            State::Talking(mut connected) => {
                self.events = 0;
                self.receive(&mut connected)?;
                self.send(&mut connected)?;
                if self.events != 0 {
                    self.state = State::Talking(connected);
                }
                Ok(())
            }
        }
    }

    fn receive(&mut self, connected: &mut Connected<TcpStream>) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while !self.received_end {
            match connected.read(&mut buffer) {
                // The other one's close_notify. A cut connection would be an error.
                Ok(0) => self.received_end = true,
                Ok(length) => {
                    let expected = (self.received..).take(length).map(|at| (at % 251) as u8);
                    if !expected.eq(buffer[..length].iter().copied()) {
                        return Err(io::Error::other("not what was sent"));
                    }
                    self.received += length;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Mostly `Read`; but a read may have to write, when the peer asks for new keys.
                    self.wait_for(connected.wants());
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn send(&mut self, connected: &mut Connected<TcpStream>) -> Result<(), Box<dyn Error>> {
        while self.sent < SIZE {
            match connected.write(&self.outgoing[self.sent..]) {
                // A part: one record at most. What was taken is taken, even if it waits inside `connected`.
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait_for(connected.wants());
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !self.close_notify_sent {
            // Everything that was taken goes out before it.
            match connected.shutdown()? {
                ShutdownProgress::Wants(want) => self.wait_for(Some(want)),
                _ => self.close_notify_sent = true,
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, want: Option<Want>) {
        self.pauses += 1;
        self.events |= if want == Some(Want::Write) { libc::POLLOUT } else { libc::POLLIN };
    }

    fn fd(&self) -> Option<i32> {
        match &self.state {
            State::Shaking(handshake) => Some(handshake.as_fd().as_raw_fd()),
            State::Talking(connected) => Some(connected.as_fd().as_raw_fd()),
            State::Done => None,
        }
    }

    fn entry(&self) -> Option<libc::pollfd> {
        self.fd().map(|fd| libc::pollfd { fd, events: self.events, revents: 0 })
    }
}
