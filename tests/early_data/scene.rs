//! A server that allows early data, and clients that resume its sessions.

use std::io;

use libssl::bio::Channel;
use libssl::context::SslContextBuilder;
use libssl::early::{EarlyOutcome, Unfinished};
use libssl::session::SslSession;
use libssl::{Connected, EarlyClient, EarlyServer, Error, Ssl, SslContext, SslContextRef};

use crate::common::{client_context, client_ssl, connected, server_builder};

/// What both sides have in common: contexts, of which the server allows early data.
pub struct Scene {
    pub client: SslContext,
    pub server: SslContext,
}

impl Scene {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With more settings of the server's.
    pub fn with(change: impl FnOnce(&mut SslContextBuilder)) -> Self {
        let mut server = server_builder();
        server.set_max_early_data(16_384).unwrap();
        change(&mut server);
        Self { client: client_context(), server: server.build() }
    }

    /// A session that a full handshake left.
    pub fn session(&self) -> SslSession {
        session_of(&self.client, &self.server)
    }

    /// A client that resumes the session.
    pub fn resuming(&self, session: &SslSession) -> Ssl {
        let mut ssl = client_ssl(&self.client);
        resume(&mut ssl, session);
        ssl
    }

    /// A client that resumes a new session.
    pub fn client(&self) -> Ssl {
        self.resuming(&self.session())
    }

    pub fn server(&self) -> Ssl {
        Ssl::new(&self.server).unwrap()
    }
}

/// A session that a full handshake between these left.
pub fn session_of(client: &SslContextRef, server: &SslContextRef) -> SslSession {
    let (mut client, _server) = connected(client, server);
    let nothing = io::Read::read(&mut client, &mut [0; 10]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    take_session(&client)
}

/// A copy of the session of a connection.
pub fn take_session<C: Channel>(connected: &Connected<C>) -> SslSession {
    connected.ssl().session().unwrap().unwrap()
}

/// Lets an object resume a copy of the session.
pub fn resume(ssl: &mut Ssl, session: &SslSession) {
    ssl.set_session(session).unwrap();
}

/// What a client had of its server.
type Sent<C> = (Connected<C>, EarlyOutcome);

type ClientSide<C> = Result<Sent<C>, Unfinished<EarlyClient<C>, C>>;

/// One side between two turns: the state to go on with, or the end.
pub enum Turn<S, T> {
    Waits(S),
    Over(io::Result<T>),
}

impl<S, T> Turn<S, T> {
    pub fn of<C: Channel>(result: Result<T, Unfinished<S, C>>) -> Self {
        match result {
            Ok(end) => Self::Over(Ok(end)),
            Err(unfinished) => match unfinished.into_state() {
                Ok(state) => Self::Waits(state),
                Err(failure) => Self::Over(Err(failure.into_error().into())),
            },
        }
    }

    pub fn next<C: Channel>(self, finish: impl FnOnce(S) -> Result<T, Unfinished<S, C>>) -> Self {
        match self {
            Self::Waits(state) => Self::of(finish(state)),
            over => over,
        }
    }
}

/// What a server had of one client.
pub struct Served<C: Channel> {
    /// The early data, as it came.
    pub early: Vec<u8>,
    pub connected: Connected<C>,
}

/// A server that reads early data to its end, a few bytes at a time, answers it with `answer`, and finishes.
pub struct Serving<C: Channel> {
    pub early: Vec<u8>,
    pub state: EarlyServer<C>,
    pub answer: &'static [u8],
    over: bool,
}

impl<C: Channel> Serving<C> {
    pub fn new(server: Ssl, channel: C, answer: &'static [u8]) -> Self {
        let state = server.accept_early(channel).unwrap_or_else(|failure| panic!("{failure}"));
        Self { early: Vec::new(), state, answer, over: false }
    }

    /// Goes as far as it can.
    pub fn go(mut self) -> Turn<Self, Served<C>> {
        let mut buf = [0; 7];
        while !self.over {
            match self.state.read_early(&mut buf) {
                Ok(Some(data)) => self.early.extend(data.danger_accept_replay()),
                Ok(None) => self.over = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Waits(self),
                Err(error) => return Turn::Over(Err(error)),
            }
        }
        while !self.answer.is_empty() {
            match self.state.write_early(self.answer) {
                Ok(taken) => self.answer = &self.answer[taken..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Turn::Waits(self),
                Err(error) => return Turn::Over(Err(error)),
            }
        }
        let Self { early, state, answer, over } = self;
        match state.finish() {
            Ok((connected, unread)) => {
                assert!(unread.is_empty());
                Turn::Over(Ok(Served { early, connected }))
            }
            Err(unfinished) => match unfinished.into_state() {
                Ok(state) => Turn::Waits(Self { early, state, answer, over }),
                Err(failure) => Turn::Over(Err(failure.into_error().into())),
            },
        }
    }
}

/// What is inside of an `io::Error`: the crate's own, or the transport's as its source.
pub fn into_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(other) => panic!("{other}"),
    }
}

/// Lets a client send `data` early and a server read it, to their ends. The client has sent what `room` allows.
pub fn run<C: Channel, S: Channel>(
    client: Ssl,
    channel: C,
    data: &[u8],
    server: Serving<S>,
) -> (io::Result<Sent<C>>, io::Result<Served<S>>) {
    let mut early = client.connect_early(channel).unwrap_or_else(|failure| panic!("{failure}"));
    let mut rest = &data[..data.len().min(early.room())];
    let mut server = Turn::Waits(server);
    for _ in 0..1_000_000 {
        if rest.is_empty() {
            break;
        }
        match early.write_early(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return (Err(error), end_of(server)),
        }
        server = match server {
            Turn::Waits(serving) => serving.go(),
            over => over,
        };
    }
    assert!(rest.is_empty(), "the early data does not go out");
    let mut client = Turn::of(early.finish() as ClientSide<C>);
    for _ in 0..1_000_000 {
        server = match server {
            Turn::Waits(serving) => serving.go(),
            over => over,
        };
        client = match client {
            Turn::Over(client) => {
                let (client, server) = match server {
                    Turn::Over(server) => return (client, server),
                    server => (client, server),
                };
                match client {
                    // The server loses its peer.
                    Err(error) => return (Err(error), end_of(server)),
                    client => {
                        let mut turn = server;
                        for _ in 0..1000 {
                            turn = match turn {
                                Turn::Waits(serving) => serving.go(),
                                Turn::Over(served) => return (client, served),
                            };
                        }
                        panic!("the server waits for a client that is connected");
                    }
                }
            }
            client => client.next(EarlyClient::finish),
        };
    }
    panic!("both sides wait for each other");
}

fn end_of<S: Channel>(mut server: Turn<Serving<S>, Served<S>>) -> io::Result<Served<S>> {
    for _ in 0..1000 {
        server = match server {
            Turn::Waits(serving) => serving.go(),
            Turn::Over(served) => return served,
        };
    }
    panic!("the server does not see its client's end");
}

/// The kind of the crate's error inside, if it is one.
pub fn kind(error: &io::Error) -> Option<libssl::ErrorKind> {
    error.get_ref()?.downcast_ref::<Error>().map(Error::kind)
}
