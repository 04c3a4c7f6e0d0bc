//! One connection, from its acceptance to its end. Each state holds what it can use, and nothing else.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use libssl::{Connected, Error, Handshake, HandshakeError, Ssl, SslRef};
use rustix::event::PollFlags;

use crate::pipe::{Flow, Pipe};
use crate::side::{Side, Stream, events_of};
use crate::{Contexts, Options, dial, log, reason};

/// What the connections share.
pub(crate) struct Shared<'a> {
    pub(crate) options: &'a Options,
    pub(crate) contexts: Contexts,
    pub(crate) backend: SocketAddr,
}

pub(crate) struct Connection {
    id: u64,
    state: State,
    deadline: Instant,
    /// It has more to do without waiting.
    pub(crate) again: bool,
}

enum State {
    Accepted(Ssl, TcpStream),
    /// A handshake with the client, and what that waits for.
    Client(Handshake<TcpStream>, PollFlags),
    Connecting(Connected<TcpStream>, TcpStream),
    Backend(Connected<TcpStream>, Handshake<TcpStream>, PollFlags),
    Relaying(Box<Relaying>),
    Over,
}

struct Relaying {
    client: Side,
    backend: Side,
    to_backend: Pipe,
    to_client: Pipe,
}

/// What a step leads to.
enum Step {
    On(State),
    Wait(State),
    /// It was said why.
    Failed,
    Closed,
}

impl Connection {
    /// Takes over the socket. `None` after it was said why.
    pub(crate) fn new(shared: &Shared<'_>, socket: TcpStream, id: u64) -> Option<Self> {
        let _ = socket.set_nodelay(true);
        let ssl = socket
            .set_nonblocking(true)
            .map_err(|error| error.to_string())
            .and_then(|()| Ssl::new(&shared.contexts.server).map_err(|error| reason::root(&error)));
        match ssl {
            Ok(ssl) => {
                log!("[{id}] accepted");
                let deadline = Instant::now() + shared.options.timeout;
                Some(Self { id, state: State::Accepted(ssl, socket), deadline, again: true })
            }
            Err(reason) => {
                log!("[{id}] client: cannot begin: {reason}");
                None
            }
        }
    }

    /// Goes as far as the sockets allow.
    pub(crate) fn advance(&mut self, shared: &Shared<'_>) {
        self.again = false;
        loop {
            let state = std::mem::replace(&mut self.state, State::Over);
            match self.step(shared, state) {
                Step::On(next) => self.state = next,
                Step::Wait(next) => {
                    self.state = next;
                    return;
                }
                Step::Failed => return self.cut(),
                Step::Closed => return,
            }
        }
    }

    fn step(&mut self, shared: &Shared<'_>, state: State) -> Step {
        let id = self.id;
        match state {
            State::Accepted(ssl, socket) => self.client(shared, ssl.accept(socket)),
            State::Client(handshake, _) => self.client(shared, handshake.resume()),
            State::Connecting(client, socket) => match dial::is_connected(&socket) {
                Ok(true) => self.connected(shared, client, socket),
                Ok(false) => Step::Wait(State::Connecting(client, socket)),
                Err(error) => connect_failed(id, &error),
            },
            State::Backend(client, handshake, _) => self.backend(shared, client, handshake.resume()),
            State::Relaying(relaying) => self.relay(relaying),
            State::Over => Step::Closed,
        }
    }

    /// What the handshake with the client came to.
    fn client(
        &self,
        shared: &Shared<'_>,
        progress: Result<Connected<TcpStream>, HandshakeError<TcpStream>>,
    ) -> Step {
        let id = self.id;
        let client = match suspended(progress) {
            Ok(Ok(client)) => client,
            Ok(Err((handshake, events))) => return Step::Wait(State::Client(handshake, events)),
            Err(error) => return handshake_failed(id, "client", &error),
        };
        let ssl = client.ssl();
        let session = if ssl.session_reused() { "resumed" } else { "new" };
        // In TLS 1.2 a session that is resumed brings the name that it was made with.
        let name = ssl.sni().map_or("none".into(), String::from_utf8_lossy);
        log!("[{id}] client: {}, name {name}, protocol {}, {session} session", suite(ssl), protocol(ssl));
        match dial::begin(shared.backend) {
            Ok(socket) => Step::On(State::Connecting(client, socket)),
            Err(error) => connect_failed(id, &error),
        }
    }

    /// The backend's socket is there: TLS over it, where that is wanted.
    fn connected(&self, shared: &Shared<'_>, client: Connected<TcpStream>, socket: TcpStream) -> Step {
        let id = self.id;
        let Some(context) = &shared.contexts.client else {
            log!("[{id}] backend: plain");
            return self.relaying(client, Stream::Plain(socket));
        };
        match dial::object(context, &shared.options.backend_name, client.ssl().alpn_selected()) {
            Ok(ssl) => self.backend(shared, client, ssl.connect(socket)),
            Err(error) => {
                log!("[{id}] backend: cannot begin: {}", reason::root(&error));
                Step::Failed
            }
        }
    }

    /// What the handshake with the backend came to.
    fn backend(
        &self,
        shared: &Shared<'_>,
        client: Connected<TcpStream>,
        progress: Result<Connected<TcpStream>, HandshakeError<TcpStream>>,
    ) -> Step {
        let id = self.id;
        let backend = match suspended(progress) {
            Ok(Ok(backend)) => backend,
            Ok(Err((handshake, events))) => return Step::Wait(State::Backend(client, handshake, events)),
            Err(error) => return handshake_failed(id, "backend", &error),
        };
        let (ssl, name) = (backend.ssl(), &shared.options.backend_name);
        log!("[{id}] backend: {}, protocol {}, verified {name}", suite(ssl), protocol(ssl));
        self.relaying(client, Stream::Tls(backend))
    }

    fn relaying(&self, client: Connected<TcpStream>, backend: Stream) -> Step {
        Step::On(State::Relaying(Box::new(Relaying {
            client: Side::new(self.id, "client", Stream::Tls(client)),
            backend: Side::new(self.id, "backend", backend),
            to_backend: Pipe::new(),
            to_client: Pipe::new(),
        })))
    }

    fn relay(&mut self, mut relaying: Box<Relaying>) -> Step {
        let Relaying { client, backend, to_backend, to_client } = &mut *relaying;
        (client.events, backend.events) = (PollFlags::empty(), PollFlags::empty());
        let there = to_backend.pump(client, backend);
        if there == Flow::Failed {
            return Step::Failed;
        }
        let back = to_client.pump(backend, client);
        if back == Flow::Failed {
            return Step::Failed;
        }
        self.again = there == Flow::Paused || back == Flow::Paused;
        if (there, back) != (Flow::Over, Flow::Over) {
            return Step::Wait(State::Relaying(relaying));
        }
        log!(
            "[{}] closed: {} bytes to the backend, {} to the client",
            self.id,
            to_backend.total,
            to_client.total
        );
        Step::Closed
    }

    /// Its sockets, and what to wait for. Without events poll(2) would still tell of a peer that is gone, again and
    /// again: such a socket is left out.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let pair = match &self.state {
            State::Accepted(..) | State::Over => [None, None],
            State::Client(handshake, events) | State::Backend(_, handshake, events) => {
                [Some((handshake.as_fd(), *events)), None]
            }
            State::Connecting(_, socket) => [Some((socket.as_fd(), PollFlags::OUT)), None],
            State::Relaying(relaying) => {
                [&relaying.client, &relaying.backend].map(|side| Some((side.as_fd(), side.events)))
            }
        };
        pair.into_iter().flatten().filter(|(_, events)| !events.is_empty())
    }

    /// When it must be relaying, if it is not yet.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (!matches!(self.state, State::Relaying(_) | State::Over)).then_some(self.deadline)
    }

    /// Its deadline has passed.
    pub(crate) fn expire(&mut self) {
        let what = match self.state {
            State::Accepted(..) | State::Client(..) => "client: handshake",
            State::Connecting(..) => "backend: connect",
            _ => "backend: handshake",
        };
        log!("[{}] {what} timed out", self.id);
        self.cut();
    }

    /// Ends it in the middle.
    pub(crate) fn cut(&mut self) {
        log!("[{}] cut", self.id);
        self.state = State::Over;
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }
}

type Progress = Result<Connected<TcpStream>, (Handshake<TcpStream>, PollFlags)>;

/// Tells a handshake that waits for its socket from one that failed.
fn suspended(progress: Result<Connected<TcpStream>, HandshakeError<TcpStream>>) -> Result<Progress, Error> {
    match progress {
        Ok(connected) => Ok(Ok(connected)),
        Err(error) => match events_of(error.want()) {
            Some(events) => error
                .into_handshake()
                .map(|handshake| Err((handshake, events)))
                .map_err(|failure| failure.into_error()),
            // A failure, or what no socket gives.
            None => Err(error.into()),
        },
    }
}

fn handshake_failed(id: u64, side: &str, error: &Error) -> Step {
    log!("[{id}] {side}: handshake failed: {}", reason::of(error));
    Step::Failed
}

fn connect_failed(id: u64, error: &io::Error) -> Step {
    log!("[{id}] backend: connect failed: {error}");
    Step::Failed
}

fn suite(ssl: &SslRef) -> String {
    format!("{}, {}", ssl.version_string(), ssl.current_cipher().map_or("none", |cipher| cipher.name()))
}

fn protocol(ssl: &SslRef) -> String {
    ssl.alpn_selected().map_or("none".into(), |protocol| String::from_utf8_lossy(protocol).into_owned())
}
