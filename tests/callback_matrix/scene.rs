//! The two peers of a cell, and their handshake.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libssl::context::ServerNameDecision;
use libssl::{Connected, ErrorKind, HandshakeError, Role, Ssl, SslContext, SslContextBuilder, SslRef, Want};
use openssl_sys as sys;

use crate::callbacks::{Behaviour, Blast, Callback, Probe, name};
use crate::common::{self, Duplex, Kept, Side, Turn, client_ssl, duplex};
use crate::rules::{Asked, Cell, Closure, End, Outcome};
use crate::support::{assert_works, inner, read_all};

/// The contexts of a cell, and the probes in them.
pub struct Scene {
    cell: Cell,
    client: SslContext,
    server: SslContext,
    /// The context that the server is switched to.
    second: Option<SslContext>,
    /// Of the callback's own context, of the context that the server is switched to, and of the object.
    first_probe: Probe,
    second_probe: Probe,
    object_probe: Probe,
}

impl Scene {
    pub fn new(cell: Cell) -> Self {
        let callback = cell.callback;
        let (first_probe, second_probe, object_probe) = (Probe::new(), Probe::new(), Probe::new());
        let mut client = common::client_builder();
        cell.version.only(&mut client);
        callback.prepare_client(&mut client);
        let mut server = server_builder(cell);
        match callback.role() {
            Role::Client => callback.set(&mut client, first_probe.clone()),
            Role::Server => callback.set(&mut server, first_probe.clone()),
        }
        let second = cell.setting.switches().then(|| {
            let mut second = server_builder(cell);
            if callback.role() == Role::Server {
                callback.set(&mut second, second_probe.clone());
            }
            let second = second.build();
            let target = second.clone();
            let probe = (callback == Callback::ServerName).then(|| first_probe.clone());
            server
                .set_tlsext_servername_callback(move |view| {
                    view.set_context(&target).expect("a switch");
                    probe.as_ref().map_or(ServerNameDecision::Ack, |probe| name(view, probe))
                })
                .expect("a callback");
            second
        });
        let server = server.build();
        Self { cell, client: client.build(), server, second, first_probe, second_probe, object_probe }
    }

    /// The probe whose behaviour the cell is about, and the ones that must not be asked.
    fn probes(&self) -> (&Probe, Vec<&Probe>) {
        let (first, second) = (&self.first_probe, &self.second_probe);
        if self.cell.callback.is_of_object() {
            return (&self.object_probe, vec![first, second]);
        }
        match self.cell.closure() {
            Closure::First => (first, vec![second]),
            Closure::Second => (second, vec![first]),
            Closure::Both => (second, Vec::new()),
        }
    }

    /// Shakes hands, and compares with the rules.
    pub fn play(&self) {
        let (client, server) = self.objects();
        let (probe, silent) = self.probes();
        silent.iter().for_each(|probe| probe.arm(Behaviour::Accept));
        self.first_probe.arm(Behaviour::Accept);
        probe.arm(self.cell.behaviour);
        match self.cell.outcome() {
            Outcome::Absent(_) => unreachable!("it is not played"),
            Outcome::Panicked { peer } => self.panic(client, server, peer),
            outcome => self.shake(client, server, outcome),
        }
        for probe in silent {
            assert_eq!(probe.asked(), 0, "the other context's closure");
        }
        if self.cell.closure() == Closure::Both {
            assert!(self.first_probe.asked() > 0, "before the switch");
        }
    }

    fn objects(&self) -> (Ssl, Ssl) {
        let session = self.cell.setting.offers_session().then(|| first_session(&self.client, &self.server));
        let (mut client, mut server) = (client_ssl(&self.client), Ssl::new(&self.server).expect("SSL_new"));
        if let Some(session) = &session {
            session.offer(&client);
        }
        let own = match self.cell.callback.role() {
            Role::Client => &mut client,
            Role::Server => &mut server,
        };
        self.cell.callback.set_on_object(own, self.object_probe.clone());
        (client, server)
    }

    fn shake(&self, client: Ssl, server: Ssl, outcome: Outcome) {
        let (left, right) = duplex();
        let (mut of_client, mut of_server) = (Vec::new(), Vec::new());
        let mut client = turn(client.connect(left), &mut of_client);
        let mut server = turn(server.accept(right), &mut of_server);
        for _ in 0..100 {
            if let (Turn::Over(_), Turn::Over(_)) = (&client, &server) {
                break;
            }
            (client, server) = (next(client, &mut of_client), next(server, &mut of_server));
        }
        let (Turn::Over(client), Turn::Over(server)) = (client, server) else {
            panic!("both sides wait for each other")
        };
        let (probe, _) = self.probes();
        let (wants, others_wants) = match self.cell.callback.role() {
            Role::Client => (of_client, of_server),
            Role::Server => (of_server, of_client),
        };
        assert_eq!(others_wants, []);
        let expect_pauses = |pauses: usize| vec![self.cell.callback.pause(); pauses];
        match outcome {
            Outcome::Connected { asked, pauses } => {
                let (mut client, mut server) =
                    (client.expect("a connected client"), server.expect("a connected server"));
                assert_eq!(wants.into_iter().map(Some).collect::<Vec<_>>(), expect_pauses(pauses));
                assert_asked(probe, asked);
                self.assert_context(&server);
                assert_works(&mut client, &mut server);
                client.shutdown().expect("an end");
                let (_, end) = read_all(&mut server);
                end.expect("a clean end");
            }
            Outcome::Failed { own, peer, asked, pauses } => {
                let (victim, other) = match self.cell.callback.role() {
                    Role::Client => (client, server),
                    Role::Server => (server, client),
                };
                assert_eq!(victim.expect_err("a refusal").kind(), own);
                assert_end(other, peer);
                assert_eq!(wants.into_iter().map(Some).collect::<Vec<_>>(), expect_pauses(pauses));
                assert_asked(probe, asked);
            }
            Outcome::Panicked { .. } | Outcome::Absent(_) => unreachable!("they go elsewhere"),
        }
    }

    /// The context that the server ends in, and whether it took the session up.
    fn assert_context(&self, server: &Connected<Duplex>) {
        // SAFETY: the object is live, and the calls only read it.
        let (context, reused) = unsafe {
            let ssl = server.ssl().as_ptr();
            (sys::SSL_get_SSL_CTX(ssl), sys::SSL_session_reused(ssl) == 1)
        };
        assert_eq!(context, self.second.as_ref().unwrap_or(&self.server).as_ptr());
        assert_eq!(reused, self.cell.is_resumed(), "whether the session was taken up");
    }

    /// Drives the side that panics as C drives one, so that the object is there to be looked at afterwards.
    fn panic(&self, client: Ssl, server: Ssl, expected: End) {
        let (left, right) = duplex();
        let role = self.cell.callback.role();
        let (mut victim, mut peer) = match role {
            Role::Client => (client, Turn::of(server.accept(right))),
            Role::Server => (server, Turn::of(client.connect(right))),
        };
        victim.set_stream(left).expect("a BIO");
        let (probe, _) = self.probes();
        let payload = (0..100).find_map(|_| {
            assert_eq!(probe.asked(), 0, "the panic goes on in the call that ran the callback");
            let ssl: &mut SslRef = &mut victim;
            let call = catch_unwind(AssertUnwindSafe(|| match role {
                Role::Client => ssl.connect(),
                Role::Server => ssl.accept(),
            }));
            let result = match call {
                Err(payload) => return Some(payload),
                Ok(result) => result,
            };
            assert!(result.expect_err("it does not get done").want().is_some());
            peer = std::mem::replace(&mut peer, Turn::Over(Err(nothing()))).next();
            None
        });
        let payload = payload.expect("a panic");
        assert!(payload.is::<Blast>(), "the payload is the callback's own");
        assert!(probe.asked() > 0);
        assert!(victim.is_poisoned());
        // SAFETY: the object is live, and the call only reads it.
        assert_eq!(unsafe { sys::SSL_get_shutdown(victim.as_ptr()) } & sys::SSL_SENT_SHUTDOWN, 0);
        let asked = probe.asked();
        let ssl: &mut SslRef = &mut victim;
        for error in [
            ssl.connect().expect_err("dead"),
            ssl.accept().expect_err("dead"),
            ssl.read(&mut [0; 10]).map(drop).expect_err("dead"),
            ssl.write(b"hello").map(drop).expect_err("dead"),
            ssl.shutdown().map(drop).expect_err("dead"),
        ] {
            assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
        }
        assert_eq!(probe.asked(), asked, "a dead object asks nobody");
        drop(victim);
        for _ in 0..3 {
            peer = peer.next();
        }
        let Turn::Over(peer) = peer else { panic!("the peer does not see the end") };
        assert_end(peer, expected);
    }

    /// Lets go of all contexts; the closures go with them.
    pub fn close(self) {
        let Self { client, server, second, first_probe, second_probe, object_probe, .. } = self;
        drop((client, server, second));
        for probe in [first_probe, second_probe, object_probe] {
            assert_eq!(probe.holders(), 0, "a closure outlives the contexts and the objects");
        }
    }
}

fn server_builder(cell: Cell) -> SslContextBuilder {
    let mut server = common::server_builder();
    cell.version.only(&mut server);
    cell.callback.prepare_server(&mut server);
    server
}

/// How a side ends that did not fail by itself: in its handshake, or, where it was done before the other one judged,
/// in its first read.
fn assert_end(side: Side<Duplex>, expected: End) {
    let kind = match side {
        Err(error) => error.kind(),
        Ok(mut connected) => {
            let (bytes, end) = read_all(&mut connected);
            assert!(bytes.is_empty());
            end.map_or_else(|error| inner(&error).kind(), |()| ErrorKind::Closed)
        }
    };
    assert!(expected.is(kind), "the peer sees {kind:?}");
}

fn assert_asked(probe: &Probe, asked: Asked) {
    match asked {
        Asked::Exactly(times) => assert_eq!(probe.asked(), times, "how often the callback is asked"),
        Asked::Often => assert!(probe.asked() > 0, "the callback is asked"),
    }
}

fn turn(result: Result<Connected<Duplex>, HandshakeError<Duplex>>, wants: &mut Vec<Want>) -> Turn<Duplex> {
    if let Err(error) = &result {
        wants.extend(error.want().filter(|want| !matches!(want, Want::Read | Want::Write)));
    }
    Turn::of(result)
}

fn next(side: Turn<Duplex>, wants: &mut Vec<Want>) -> Turn<Duplex> {
    match side {
        Turn::Waits(handshake) => turn(handshake.resume(), wants),
        over => over,
    }
}

/// What stands in for a peer while it takes its turn.
fn nothing() -> libssl::Error {
    libssl::x509::X509::from_der(b"").expect_err("no certificate")
}

/// The session of a first handshake, in which all is accepted.
pub fn first_session(client: &SslContext, server: &SslContext) -> Kept {
    let (mut client, mut server) = common::connected(client, server);
    server.write_all(b"x").expect("a write");
    client.read_exact(&mut [0]).expect("a read, which takes the tickets");
    let session = Kept::of(client.ssl());
    client.shutdown().expect("an end");
    server.shutdown().expect("an end");
    session
}
