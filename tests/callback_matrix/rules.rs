//! What each cell of the matrix comes to, by rule: nothing here was recorded from a run.

use libssl::{Alert, ErrorKind, Role, VerifyError};

use crate::callbacks::{Behaviour, Callback, PAUSES};
use crate::support::Version;

/// What handshake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The first of two peers that never met.
    First,
    /// One that offers the session of the first.
    Resumed,
    /// The first, and the server name callback switches to another context.
    Switched,
    /// One that offers the session of the first, and each time the context is switched.
    ResumedSwitched,
}

impl Setting {
    pub const ALL: [Self; 4] = [Self::First, Self::Resumed, Self::Switched, Self::ResumedSwitched];

    pub fn switches(self) -> bool {
        matches!(self, Self::Switched | Self::ResumedSwitched)
    }

    pub fn offers_session(self) -> bool {
        matches!(self, Self::Resumed | Self::ResumedSwitched)
    }
}

/// One cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub callback: Callback,
    pub behaviour: Behaviour,
    pub setting: Setting,
    pub version: Version,
}

/// How often the callback is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Exactly(usize),
    /// As often as something happens.
    Often,
}

/// Whose closure a server runs after its context was switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// That of the context which the object was made from, or of the object.
    First,
    /// That of the context which it was switched to.
    Second,
    /// The first's until the switch, then the second's.
    Both,
}

/// What the other side sees of a side that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// This alert.
    Alert(Alert),
    /// A cut: an end of file where more was due, or a write that nobody takes.
    Cut,
}

impl End {
    pub fn is(self, kind: ErrorKind) -> bool {
        match self {
            Self::Alert(alert) => kind == ErrorKind::Alert(alert),
            Self::Cut => matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::Io),
        }
    }
}

/// What becomes of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides connect, after so many pauses.
    Connected { asked: Asked, pauses: usize },
    /// The side whose callback it is fails so, after so many pauses, and the other one so.
    Failed { own: ErrorKind, peer: End, asked: Asked, pauses: usize },
    /// The panic goes on in the call that ran the callback, the object is dead, and the other side ends so.
    Panicked { peer: End },
    /// There is no such cell.
    Absent(&'static str),
}

impl Cell {
    pub fn all() -> impl Iterator<Item = Self> {
        Callback::ALL.iter().flat_map(|callback| {
            [Version::Tls12, Version::Tls13].into_iter().flat_map(move |version| {
                Setting::ALL.into_iter().flat_map(move |setting| {
                    Behaviour::ALL.map(|behaviour| Self { callback: *callback, behaviour, setting, version })
                })
            })
        })
    }

    /// Whether the session that is offered is taken up. A server that verifies its clients, and is then switched, keeps
    /// the session from the context that has not judged the client.
    pub fn is_resumed(self) -> bool {
        match self.setting {
            Setting::First | Setting::Switched => false,
            Setting::Resumed => !self.has_rule_of_its_own(),
            Setting::ResumedSwitched => !self.callback.judges_clients() && !self.has_rule_of_its_own(),
        }
    }

    /// Whether the object judges its peer otherwise than the one that made the session.
    fn has_rule_of_its_own(self) -> bool {
        // Of a client's session that C copied from the object nobody knows by what it was made.
        self.callback == Callback::ServerSecurityOfObject
    }

    pub fn closure(self) -> Closure {
        use Callback as C;
        if !self.setting.switches() || self.callback.role() == Role::Client {
            return Closure::First;
        }
        match self.callback {
            // They come before the switch, or are it.
            C::ClientHello | C::ServerName => Closure::First,
            // SSL_new copied them to the object.
            C::ServerVerify | C::ServerMessages | C::ServerTrace => Closure::First,
            // They are the object's.
            C::ServerInfoOfObject | C::ServerMessagesOfObject | C::ServerExtensionsOfObject => Closure::First,
            // They are the object's, but go with the certificates of the first context, which are replaced.
            C::ServerSecurityOfObject | C::ServerCertificateOfObject => Closure::First,
            // C takes them from the context that the object has now, at every step.
            C::ServerInfo => Closure::Both,
            // As those, or they came with the certificates.
            C::ServerChain
            | C::ServerCertificate
            | C::Alpn
            | C::NpnAdvertised
            | C::ServerStatus
            | C::ServerSecurity
            | C::ServerKeyLog => Closure::Second,
            _ => Closure::First,
        }
    }

    /// Whether C calls it in this handshake.
    fn is_called(self) -> bool {
        use Callback as C;
        match self.callback {
            // A resumed handshake has no certificates: what the session says was verified when it was made.
            C::ClientVerify
            | C::ServerVerify
            | C::ClientChain
            | C::ServerChain
            | C::ClientCertificate
            | C::ServerCertificate
            | C::ClientCertificateOfObject
            | C::OldClientCertificate
            | C::ServerStatus
            | C::ClientSecurity
            | C::ServerSecurity
            | C::ClientSecurityOfObject => !self.is_resumed(),
            // An object's rule goes with the certificates that it came with.
            C::ServerSecurityOfObject | C::ServerCertificateOfObject => {
                !self.is_resumed() && !self.setting.switches()
            }
            // There is nothing to staple.
            C::ClientStatus => !self.is_resumed(),
            _ => true,
        }
    }

    fn asked(self) -> Asked {
        match self.callback {
            Callback::ClientKeyLog
            | Callback::ServerKeyLog
            | Callback::ClientInfo
            | Callback::ServerInfo
            | Callback::ClientInfoOfObject
            | Callback::ServerInfoOfObject
            | Callback::ClientMessages
            | Callback::ServerMessages
            | Callback::ClientMessagesOfObject
            | Callback::ServerMessagesOfObject
            | Callback::ClientExtensionsOfObject
            | Callback::ServerExtensionsOfObject
            | Callback::ClientTrace
            | Callback::ServerTrace => Asked::Often,
            _ => Asked::Exactly(1),
        }
    }

    fn watches(self) -> bool {
        self.asked() == Asked::Often
    }

    /// What a refusal, and a panic, come to on this side, and what the other one sees.
    fn refusal(self) -> Option<(ErrorKind, Alert)> {
        use Callback as C;
        let verification = ErrorKind::Verification(VerifyError::APPLICATION_VERIFICATION);
        Some(match self.callback {
            C::ClientVerify | C::ServerVerify | C::ClientChain | C::ServerChain => {
                (verification, Alert::HANDSHAKE_FAILURE)
            }
            C::ClientCertificate
            | C::ServerCertificate
            | C::ClientCertificateOfObject
            | C::ServerCertificateOfObject
            | C::ServerStatus => (ErrorKind::Protocol, Alert::INTERNAL_ERROR),
            C::ClientHello | C::ServerName => (ErrorKind::Protocol, Alert::ACCESS_DENIED),
            C::Alpn => (ErrorKind::Protocol, Alert::NO_APPLICATION_PROTOCOL),
            C::NpnSelected => (ErrorKind::Protocol, Alert::HANDSHAKE_FAILURE),
            // A status that is refused is a certificate that is.
            C::ClientStatus => (
                ErrorKind::Verification(VerifyError::OCSP_VERIFY_FAILED),
                Alert::BAD_CERTIFICATE_STATUS_RESPONSE,
            ),
            C::ClientSecurity | C::ClientSecurityOfObject => (ErrorKind::Protocol, Alert::HANDSHAKE_FAILURE),
            C::ServerSecurity | C::ServerSecurityOfObject => (ErrorKind::Protocol, Alert::INTERNAL_ERROR),
            // A server that advertises nothing speaks no NPN, and a client that shows nothing may be let in.
            C::NpnAdvertised | C::OldClientCertificate => return None,
            _ => return None,
        })
    }

    /// What C tells the other side of a panic: that a callback failed, where C can be told; the rest is a cut.
    fn end_of_panic(self) -> End {
        use Callback as C;
        match self.callback {
            C::ClientHello | C::ServerName | C::ClientStatus => End::Alert(Alert::INTERNAL_ERROR),
            _ => self.refusal().map_or(End::Cut, |(_, alert)| End::Alert(alert)),
        }
    }

    pub fn outcome(self) -> Outcome {
        use Callback as C;
        if self.version == Version::Tls13 && matches!(self.callback, C::NpnAdvertised | C::NpnSelected) {
            return Outcome::Absent("TLS 1.3 has no NPN");
        }
        if self.behaviour == Behaviour::Refuse && self.watches() {
            return Outcome::Absent("it only watches, and its closure has no answer");
        }
        // A server that asks for a pause is told that there is none, and refuses.
        let server_pauses =
            self.behaviour.suspends() && matches!(self.callback, C::ServerVerify | C::ServerChain);
        if self.behaviour.suspends() && !server_pauses && self.callback.pause().is_none() {
            return Outcome::Absent(self.why_no_pause());
        }
        if !self.is_called() {
            return Outcome::Connected { asked: Asked::Exactly(0), pauses: 0 };
        }
        let pauses = if self.behaviour.suspends() && !server_pauses { PAUSES } else { 0 };
        let asked = match self.asked() {
            Asked::Exactly(times) => Asked::Exactly(times + pauses),
            often => often,
        };
        match (self.behaviour, self.refusal()) {
            (Behaviour::Panic, _) => Outcome::Panicked { peer: self.end_of_panic() },
            (Behaviour::Refuse | Behaviour::SuspendThenRefuse, Some((own, alert))) => {
                Outcome::Failed { own, peer: End::Alert(alert), asked, pauses }
            }
            (_, Some((own, alert))) if server_pauses => {
                Outcome::Failed { own, peer: End::Alert(alert), asked, pauses }
            }
            _ => Outcome::Connected { asked, pauses },
        }
    }

    fn why_no_pause(self) -> &'static str {
        use Callback as C;
        match self.callback {
            C::ServerName => "SSL_TLSEXT_ERR_… has no retry: a ClientHello callback pauses at the same place",
            C::Alpn => "SSL_TLSEXT_ERR_… has no retry, and libssl takes an unknown answer for a refusal",
            C::NpnAdvertised | C::NpnSelected => "SSL_TLSEXT_ERR_… has no retry",
            C::ClientStatus => "libssl takes an answer below 0 for a failure: no retry",
            C::ServerStatus => "SSL_TLSEXT_ERR_… has no retry: a certificate callback pauses before it",
            C::ClientSecurity | C::ServerSecurity | C::ClientSecurityOfObject | C::ServerSecurityOfObject => {
                "a security callback answers yes or no"
            }
            _ => "it only watches, and its closure has no answer",
        }
    }
}
