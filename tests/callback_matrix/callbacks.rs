//! The callbacks of the matrix: whose they are, how one is set so that a probe answers for it, and what it needs.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libssl::context::{
    AlpnDecision, CertificateDecision, CertificateView, ClientCertificateDecision, ClientHello,
    ClientHelloDecision, NextProtocols, OfferedProtocols, PeerChainView, ProtocolList, SecurityOperation,
    ServerNameDecision, ServerNameView, SslVerifyMode, StatusDecision, StatusRequest, StatusResponse,
    StatusVerdict, TrustAnchors, VerifyView,
};
use libssl::ocsp::OcspResponse;
use libssl::ssl::StatusType;
use libssl::{Alert, ErrorKind, Role, Ssl, SslContextBuilder, Want};

use crate::common::{identity, pki};

/// What a callback does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Accept,
    Refuse,
    Panic,
    SuspendThenAccept,
    SuspendThenRefuse,
}

impl Behaviour {
    pub const ALL: [Self; 5] =
        [Self::Accept, Self::Refuse, Self::Panic, Self::SuspendThenAccept, Self::SuspendThenRefuse];

    pub fn suspends(self) -> bool {
        matches!(self, Self::SuspendThenAccept | Self::SuspendThenRefuse)
    }
}

/// How often a callback that suspends does so before it answers.
pub const PAUSES: usize = 2;

/// What a callback panics with.
#[derive(Debug)]
pub struct Blast;

/// What a probe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Pause,
}

/// The part of a closure that is the same for all callbacks. The closure holds one reference to what is counted here,
/// and the test another: when the contexts are gone, so must be the closure's.
#[derive(Clone, Debug)]
pub struct Probe(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    behaviour: AtomicUsize,
    asked: AtomicUsize,
}

impl Probe {
    /// One that accepts.
    pub fn new() -> Self {
        Self(Arc::new(Counts { behaviour: AtomicUsize::new(0), asked: AtomicUsize::new(0) }))
    }

    /// Begins to count, and to behave so.
    pub fn arm(&self, behaviour: Behaviour) {
        let at = Behaviour::ALL.iter().position(|it| *it == behaviour).expect("one of them");
        self.0.behaviour.store(at, Ordering::Relaxed);
        self.0.asked.store(0, Ordering::Relaxed);
    }

    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::Relaxed)
    }

    /// How many closures hold it besides the test.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    fn ask(&self) -> Answer {
        let before = self.0.asked.fetch_add(1, Ordering::Relaxed);
        let pauses = before < PAUSES;
        match Behaviour::ALL[self.0.behaviour.load(Ordering::Relaxed)] {
            Behaviour::Accept => Answer::Yes,
            Behaviour::Refuse => Answer::No,
            // As `panic_any`, but for the hook, which would fill the log.
            Behaviour::Panic => resume_unwind(Box::new(Blast)),
            Behaviour::SuspendThenAccept if pauses => Answer::Pause,
            Behaviour::SuspendThenRefuse if pauses => Answer::Pause,
            Behaviour::SuspendThenAccept => Answer::Yes,
            Behaviour::SuspendThenRefuse => Answer::No,
        }
    }

    /// Of a callback that has no way to pause: it would be a `No`, and the rules know no such cell.
    pub fn agrees(&self) -> bool {
        self.ask() == Answer::Yes
    }
}

macro_rules! callbacks {
    ($($name:ident: $role:ident;)*) => {
        /// A callback, of a context unless its name says that it is an object's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Callback {
            $($name),*
        }

        impl Callback {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Whose object calls it.
            pub fn role(self) -> Role {
                match self {
                    $(Self::$name => Role::$role),*
                }
            }
        }
    };
}

callbacks! {
    ClientVerify: Client;
    ServerVerify: Server;
    ClientChain: Client;
    ServerChain: Server;
    ClientCertificate: Client;
    ServerCertificate: Server;
    ClientCertificateOfObject: Client;
    ServerCertificateOfObject: Server;
    OldClientCertificate: Client;
    ClientHello: Server;
    ServerName: Server;
    Alpn: Server;
    NpnAdvertised: Server;
    NpnSelected: Client;
    ClientStatus: Client;
    ServerStatus: Server;
    ClientSecurity: Client;
    ServerSecurity: Server;
    ClientSecurityOfObject: Client;
    ServerSecurityOfObject: Server;
    ClientKeyLog: Client;
    ServerKeyLog: Server;
    ClientInfo: Client;
    ServerInfo: Server;
    ClientInfoOfObject: Client;
    ServerInfoOfObject: Server;
    ClientMessages: Client;
    ServerMessages: Server;
    ClientMessagesOfObject: Client;
    ServerMessagesOfObject: Server;
    ClientExtensionsOfObject: Client;
    ServerExtensionsOfObject: Server;
    ClientTrace: Client;
    ServerTrace: Server;
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

const MUTUAL: SslVerifyMode = SslVerifyMode::PEER.union(SslVerifyMode::FAIL_IF_NO_PEER_CERT);

/// What a client's security callback is asked about here: the signature over the handshake.
const CHECKED: SecurityOperation = SecurityOperation::SIGALG_CHECK;
/// What a server's is asked about: its own key, when its certificate goes out.
const PRESENTED: SecurityOperation = SecurityOperation::EE_KEY;

impl Callback {
    /// Sets it, so that `probe` answers, on a context of the side that calls it.
    pub fn set(self, context: &mut SslContextBuilder, probe: Probe) {
        let set = match self {
            Self::ClientVerify => {
                context.set_verify_callback(SslVerifyMode::PEER, move |view| verify(view, &probe))
            }
            Self::ServerVerify => context.set_verify_callback(MUTUAL, move |view| verify(view, &probe)),
            Self::ClientChain | Self::ServerChain => {
                context.set_cert_verify_callback(move |view| judge(view, &probe))
            }
            Self::ClientCertificate => context.set_cert_cb(present(probe)),
            Self::OldClientCertificate => context.set_client_cert_cb(move |_| show(&probe)),
            Self::ServerCertificate => context.set_cert_cb(move |view| choose(view, &probe)),
            Self::ClientHello => context.set_client_hello_cb(move |hello| decide(hello, &probe)),
            Self::ServerName => context.set_tlsext_servername_callback(move |view| name(view, &probe)),
            Self::Alpn => context.set_alpn_select_cb(move |_, offered| pick(offered, &probe)),
            Self::NpnAdvertised => context.set_next_protos_advertised_cb(move |_| advertise(&probe)),
            Self::NpnSelected => {
                context.set_next_proto_select_cb(move |_, _| probe.agrees().then(|| b"h2".to_vec()))
            }
            Self::ClientStatus => context
                .set_tlsext_status_type(StatusType::OCSP)
                .and_then(|()| context.set_status_response_callback(move |it| judge_status(it, &probe))),
            Self::ServerStatus => context.set_status_request_callback(move |request| staple(request, &probe)),
            Self::ClientSecurity => {
                context.set_security_callback(move |it| it.operation() != CHECKED || probe.agrees())
            }
            Self::ServerSecurity => {
                context.set_security_callback(move |it| it.operation() != PRESENTED || probe.agrees())
            }
            Self::ClientKeyLog | Self::ServerKeyLog => context.set_keylog_callback(move |_, _| watch(&probe)),
            Self::ClientInfo | Self::ServerInfo => context.set_info_callback(move |_, _| watch(&probe)),
            Self::ClientMessages | Self::ServerMessages => {
                context.set_msg_callback(move |_, _| watch(&probe))
            }
            Self::ClientTrace | Self::ServerTrace => context.set_trace(move |_, _| watch(&probe)),
            Self::ClientCertificateOfObject
            | Self::ServerCertificateOfObject
            | Self::ClientSecurityOfObject
            | Self::ServerSecurityOfObject
            | Self::ClientInfoOfObject
            | Self::ServerInfoOfObject
            | Self::ClientMessagesOfObject
            | Self::ServerMessagesOfObject
            | Self::ClientExtensionsOfObject
            | Self::ServerExtensionsOfObject => Ok(()),
        };
        set.expect("a callback");
    }

    /// Sets it on an object, where it is an object's.
    pub fn set_on_object(self, ssl: &mut Ssl, probe: Probe) {
        let set = match self {
            Self::ClientCertificateOfObject => ssl.set_cert_cb(present(probe)),
            Self::ServerCertificateOfObject => ssl.set_cert_cb(move |view| choose(view, &probe)),
            Self::ClientSecurityOfObject => {
                ssl.set_security_callback(move |it| it.operation() != CHECKED || probe.agrees())
            }
            Self::ServerSecurityOfObject => {
                ssl.set_security_callback(move |it| it.operation() != PRESENTED || probe.agrees())
            }
            Self::ClientInfoOfObject | Self::ServerInfoOfObject => {
                ssl.set_info_callback(move |_, _| watch(&probe))
            }
            Self::ClientMessagesOfObject | Self::ServerMessagesOfObject => {
                ssl.set_msg_callback(move |_, _| watch(&probe))
            }
            Self::ClientExtensionsOfObject | Self::ServerExtensionsOfObject => {
                ssl.set_tlsext_debug_callback(move |_, _| watch(&probe))
            }
            _ => Ok(()),
        };
        set.expect("a callback");
    }

    pub fn is_of_object(self) -> bool {
        matches!(
            self,
            Self::ClientCertificateOfObject
                | Self::ServerCertificateOfObject
                | Self::ClientSecurityOfObject
                | Self::ServerSecurityOfObject
                | Self::ClientInfoOfObject
                | Self::ServerInfoOfObject
                | Self::ClientMessagesOfObject
                | Self::ServerMessagesOfObject
                | Self::ClientExtensionsOfObject
                | Self::ServerExtensionsOfObject
        )
    }

    /// What the contexts of both sides need, besides the callback, for it to be called.
    pub fn prepare_client(self, client: &mut SslContextBuilder) {
        match self {
            Self::ServerVerify | Self::ServerChain | Self::ClientCertificateOfObject => {
                client.use_identity(&identity(&pki().client))
            }
            Self::Alpn => client.set_alpn_protos(["http/1.1", "h2"]),
            Self::NpnAdvertised => client.set_next_proto_select_cb(|_, _| Some(b"h2".to_vec())),
            Self::ServerStatus => client.set_tlsext_status_type(StatusType::OCSP),
            _ => Ok(()),
        }
        .expect("a setting");
    }

    pub fn prepare_server(self, server: &mut SslContextBuilder) {
        if self.judges_clients() {
            server.trust(TrustAnchors::Pem(pki().ca_pem.as_bytes())).expect("a CA");
            // One that may show nothing is told apart from one whose certificate is refused.
            let shows_nothing = self == Self::OldClientCertificate;
            server.set_verify(if shows_nothing { SslVerifyMode::PEER } else { MUTUAL }).expect("a mode");
        }
        if self == Self::NpnSelected {
            server.set_next_protos_advertised_cb(|_| NextProtocols::Advertise(protocols())).expect("a list");
        }
    }

    /// Whether the server asks for a certificate in these cells.
    pub fn judges_clients(self) -> bool {
        matches!(
            self,
            Self::ServerVerify
                | Self::ServerChain
                | Self::ClientCertificate
                | Self::ClientCertificateOfObject
                | Self::OldClientCertificate
        )
    }

    /// What a pause of it looks like from outside.
    pub fn pause(self) -> Option<Want> {
        match self {
            Self::ClientVerify | Self::ClientChain => Some(Want::RetryVerify),
            Self::ClientCertificate
            | Self::ServerCertificate
            | Self::ClientCertificateOfObject
            | Self::ServerCertificateOfObject
            | Self::OldClientCertificate => Some(Want::X509Lookup),
            Self::ClientHello => Some(Want::ClientHello),
            _ => None,
        }
    }
}

fn protocols() -> ProtocolList {
    ProtocolList::new(["h2", "http/1.1"]).expect("a list")
}

/// Only the peer's own certificate is asked about.
fn verify(view: &mut VerifyView<'_>, probe: &Probe) -> bool {
    if view.depth() != 0 {
        return view.preverified();
    }
    assert!(view.preverified());
    let answer = probe.ask();
    if answer == Answer::Pause {
        pause(view.role(), view.suspend());
    }
    answer != Answer::No
}

fn judge(view: &mut PeerChainView<'_>, probe: &Probe) -> bool {
    let answer = probe.ask();
    if answer == Answer::Pause {
        pause(view.role(), view.suspend());
    }
    answer != Answer::No
}

/// A server cannot, and is told so.
fn pause(role: Role, asked: Result<(), libssl::Error>) {
    match role {
        Role::Client => asked.expect("a client pauses"),
        Role::Server => assert_eq!(asked.expect_err("a server").kind(), ErrorKind::WrongRole),
    }
}

// The decisions are matched whole in both directions: a new variant, such as a pause where there is none now, stops
// this file from compiling until the rules say what comes of it.

fn choose(_: &mut CertificateView<'_>, probe: &Probe) -> CertificateDecision {
    let decision = match probe.ask() {
        Answer::Yes => CertificateDecision::Accept,
        Answer::No => CertificateDecision::Refuse,
        Answer::Pause => CertificateDecision::Suspend,
    };
    match decision {
        CertificateDecision::Accept | CertificateDecision::Refuse | CertificateDecision::Suspend => decision,
    }
}

/// A client's, which shows its certificate.
fn present(probe: Probe) -> impl Fn(&mut CertificateView<'_>) -> CertificateDecision + Send + Sync {
    let mine = identity(&pki().client);
    move |view| {
        view.use_identity(&mine).expect("a good identity");
        choose(view, &probe)
    }
}

fn show(probe: &Probe) -> ClientCertificateDecision {
    let mine = identity(&pki().client);
    let decision = match probe.ask() {
        Answer::Yes => {
            ClientCertificateDecision::Present(mine.certificate().to_owned(), mine.key().to_owned())
        }
        Answer::No => ClientCertificateDecision::Nothing,
        Answer::Pause => ClientCertificateDecision::Suspend,
    };
    match decision {
        ClientCertificateDecision::Present(..)
        | ClientCertificateDecision::Nothing
        | ClientCertificateDecision::Suspend => decision,
    }
}

fn decide(_: &mut ClientHello<'_>, probe: &Probe) -> ClientHelloDecision {
    let decision = match probe.ask() {
        Answer::Yes => ClientHelloDecision::Accept,
        Answer::No => ClientHelloDecision::Refuse(Alert::ACCESS_DENIED),
        Answer::Pause => ClientHelloDecision::Suspend,
    };
    match decision {
        ClientHelloDecision::Accept | ClientHelloDecision::Refuse(_) | ClientHelloDecision::Suspend => {
            decision
        }
    }
}

pub fn name(_: &mut ServerNameView<'_>, probe: &Probe) -> ServerNameDecision {
    let decision = if probe.agrees() {
        ServerNameDecision::Ack
    } else {
        ServerNameDecision::Refuse(Alert::ACCESS_DENIED)
    };
    match decision {
        ServerNameDecision::Ack
        | ServerNameDecision::Ignore
        | ServerNameDecision::Warn(_)
        | ServerNameDecision::Refuse(_) => decision,
    }
}

fn pick<'a>(offered: OfferedProtocols<'a>, probe: &Probe) -> AlpnDecision<'a> {
    let decision = match offered.first_of(["h2"]) {
        Some(protocol) if probe.agrees() => AlpnDecision::Select(protocol),
        _ => AlpnDecision::Refuse,
    };
    match decision {
        AlpnDecision::Select(_) | AlpnDecision::Ignore | AlpnDecision::Refuse => decision,
    }
}

fn advertise(probe: &Probe) -> NextProtocols {
    if probe.agrees() { NextProtocols::Advertise(protocols()) } else { NextProtocols::Ignore }
}

fn judge_status(_: &StatusResponse<'_>, probe: &Probe) -> StatusVerdict {
    let verdict = if probe.agrees() { StatusVerdict::Accept } else { StatusVerdict::Refuse };
    match verdict {
        StatusVerdict::Accept | StatusVerdict::Refuse | StatusVerdict::Fail => verdict,
    }
}

fn staple(_: &StatusRequest<'_>, probe: &Probe) -> StatusDecision {
    /// A responder's "try later".
    const TRY_LATER: &[u8] = b"\x30\x03\x0a\x01\x03";
    let decision = if probe.agrees() {
        StatusDecision::Staple(OcspResponse::from_der(TRY_LATER).expect("a response"))
    } else {
        StatusDecision::Refuse
    };
    match decision {
        StatusDecision::Staple(_)
        | StatusDecision::StapleAll(_)
        | StatusDecision::Ignore
        | StatusDecision::Refuse => decision,
    }
}

/// Those that only watch have no answer: were there one, this would not fit them.
fn watch(probe: &Probe) {
    probe.ask();
}
