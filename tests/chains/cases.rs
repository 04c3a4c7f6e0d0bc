//! What is verified, and what must come out: the table that the other files fill.

use std::ops::Range;

use libssl::VerifyError;

use super::certificates::{Certificate, Crl};
use super::keys::Key;

/// `X509_V_FLAG_…`, as the headers of every version have them.
pub mod flags {
    pub const CRL_CHECK: u64 = 0x4;
    pub const CRL_CHECK_ALL: u64 = 0x8;
    pub const IGNORE_CRITICAL: u64 = 0x10;
    pub const X509_STRICT: u64 = 0x20;
    pub const ALLOW_PROXY_CERTS: u64 = 0x40;
    pub const POLICY_CHECK: u64 = 0x80;
    pub const EXPLICIT_POLICY: u64 = 0x100;
    pub const INHIBIT_ANY: u64 = 0x200;
    pub const EXTENDED_CRL_SUPPORT: u64 = 0x1000;
    pub const USE_DELTAS: u64 = 0x2000;
    pub const CHECK_SS_SIGNATURE: u64 = 0x4000;
    pub const SUITEB_128_LOS: u64 = 0x30000;
    pub const PARTIAL_CHAIN: u64 = 0x80000;
    pub const NO_CHECK_TIME: u64 = 0x20_0000;
}

/// `X509_CHECK_FLAG_…`.
pub mod host_flags {
    pub const ALWAYS_CHECK_SUBJECT: u32 = 0x1;
    pub const NO_WILDCARDS: u32 = 0x2;
    pub const NO_PARTIAL_WILDCARDS: u32 = 0x4;
    pub const MULTI_LABEL_WILDCARDS: u32 = 0x8;
    pub const SINGLE_LABEL_SUBDOMAINS: u32 = 0x10;
    pub const NEVER_CHECK_SUBJECT: u32 = 0x20;
}

/// Whose certificate is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A server's, by a client.
    Server,
    /// A client's, by a server.
    Client,
}

pub const ROLES: [Role; 2] = [Role::Server, Role::Client];

impl Role {
    /// `X509_PURPOSE_SSL_SERVER`, `X509_PURPOSE_SSL_CLIENT`, and what the `openssl` command calls them.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Server => Purpose(2, "sslserver"),
            Self::Client => Purpose(1, "sslclient"),
        }
    }
}

/// `X509_PURPOSE_…`, and what the `openssl` command calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(pub i32, pub &'static str);

/// How a chain is verified.
#[derive(Clone, Debug, Default)]
pub struct Params {
    pub hosts: Vec<Vec<u8>>,
    pub host_flags: u32,
    pub ip: Option<&'static str>,
    pub email: Option<&'static str>,
    /// Instead of the role's.
    pub purpose: Option<Purpose>,
    pub flags: u64,
    pub depth: Option<u32>,
    pub level: u32,
    /// Seconds since 1970.
    pub time: Option<i64>,
    pub policies: Vec<&'static str>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain is good; with the name that matched, where one was asked for.
    Accepted(Option<Vec<u8>>),
    /// It is not: the code, and the place in the chain.
    Refused(VerifyError, u32),
    /// The parameters were not taken.
    Unset,
    /// A certificate cannot be parsed.
    Malformed,
}

/// A verdict that some versions give.
#[derive(Clone, Debug)]
pub struct Change {
    /// The first version with it, and the first without it, as OpenSSL_version_num(3) writes them.
    versions: Range<u64>,
    verdict: Verdict,
    /// Only some releases give it.
    beside: bool,
    pub reason: &'static str,
}

/// A chain, how it is verified, and what must come out.
#[derive(Clone, Debug)]
pub struct Case {
    /// The promise.
    pub name: &'static str,
    /// The certificate that is judged, and those that come with it.
    pub chain: Vec<Certificate>,
    pub anchors: Vec<Certificate>,
    pub crls: Vec<Crl>,
    pub params: Params,
    verdicts: [Verdict; 2],
    pub changes: Vec<Change>,
    /// Why no handshake can show it.
    no_handshake: Option<&'static str>,
    /// In which role and on which version (1.3 is `true`) a handshake cannot.
    unable: Vec<(Role, bool, &'static str)>,
}

impl Case {
    /// A chain below [`root`] that is accepted at security level 1, unless more is said.
    pub fn new(name: &'static str, chain: &[Certificate]) -> Self {
        Self {
            name,
            chain: chain.to_vec(),
            anchors: vec![root()],
            crls: Vec::new(),
            params: Params { level: 1, ..Params::default() },
            verdicts: [Verdict::Accepted(None), Verdict::Accepted(None)],
            changes: Vec::new(),
            no_handshake: None,
            unable: Vec::new(),
        }
    }

    pub fn anchors(mut self, anchors: &[Certificate]) -> Self {
        self.anchors = anchors.to_vec();
        self
    }

    pub fn crls(mut self, crls: &[Crl]) -> Self {
        self.crls = crls.to_vec();
        self
    }

    pub fn host(mut self, host: impl AsRef<[u8]>) -> Self {
        self.params.hosts.push(host.as_ref().to_vec());
        self
    }

    pub fn host_flags(mut self, flags: u32) -> Self {
        self.params.host_flags |= flags;
        self
    }

    pub fn ip(mut self, ip: &'static str) -> Self {
        self.params.ip = Some(ip);
        self
    }

    pub fn email(mut self, email: &'static str) -> Self {
        self.params.email = Some(email);
        self
    }

    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.params.purpose = Some(purpose);
        self
    }

    pub fn flags(mut self, flags: u64) -> Self {
        self.params.flags |= flags;
        self
    }

    pub fn depth(mut self, depth: u32) -> Self {
        self.params.depth = Some(depth);
        self
    }

    pub fn level(mut self, level: u32) -> Self {
        self.params.level = level;
        self
    }

    pub fn time(mut self, time: i64) -> Self {
        self.params.time = Some(time);
        self
    }

    pub fn policy(mut self, policy: &'static str) -> Self {
        self.params.policies.push(policy);
        self
    }

    /// It is refused in both roles.
    pub fn refused(mut self, error: VerifyError, depth: u32) -> Self {
        self.verdicts = [Verdict::Refused(error, depth), Verdict::Refused(error, depth)];
        self
    }

    /// It is refused in this role, and accepted in the other.
    pub fn refused_as(mut self, role: Role, error: VerifyError, depth: u32) -> Self {
        self.verdicts[role as usize] = Verdict::Refused(error, depth);
        self
    }

    /// It is accepted in both roles, by this name.
    pub fn matched(mut self, name: impl AsRef<[u8]>) -> Self {
        let verdict = Verdict::Accepted(Some(name.as_ref().to_vec()));
        self.verdicts = [verdict.clone(), verdict];
        self
    }

    /// Nobody takes the parameters.
    pub fn unset(mut self) -> Self {
        self.verdicts = [Verdict::Unset, Verdict::Unset];
        self
    }

    /// From this version on something else comes out.
    pub fn since(mut self, version: u64, verdict: Verdict, reason: &'static str) -> Self {
        self.changes.push(Change { versions: version..u64::MAX, verdict, beside: false, reason });
        self
    }

    /// Of these versions some releases say something else; which ones, C tells.
    pub fn sometimes(mut self, versions: Range<u64>, verdict: Verdict, reason: &'static str) -> Self {
        self.changes.push(Change { versions, verdict, beside: true, reason });
        self
    }

    /// No handshake can show it.
    pub fn no_handshake(mut self, reason: &'static str) -> Self {
        self.no_handshake = Some(reason);
        self
    }

    /// No handshake of TLS 1.3 can show it.
    pub fn not_on_tls_1_3(mut self, reason: &'static str) -> Self {
        self.unable.extend(ROLES.map(|role| (role, true, reason)));
        self
    }

    /// No handshake of TLS 1.2 can show it of a server.
    pub fn not_served_on_tls_1_2(mut self, reason: &'static str) -> Self {
        self.unable.push((Role::Server, false, reason));
        self
    }

    /// Why no handshake can show it in this role, on TLS 1.2 or 1.3.
    pub fn no_handshake_as(&self, role: Role, on_1_3: bool) -> Option<&'static str> {
        let unable = self.unable.iter().find(|unable| (unable.0, unable.1) == (role, on_1_3));
        self.no_handshake.or(unable.map(|unable| unable.2))
    }

    /// What the table expects of an OpenSSL of this version: one verdict, or two where releases differ.
    pub fn expected(&self, role: Role, version: u64) -> Vec<Verdict> {
        let changes = self.changes.iter().filter(|change| change.versions.contains(&version));
        let mut expected = vec![self.verdicts[role as usize].clone()];
        for change in changes {
            if !change.beside {
                expected.clear();
            }
            expected.push(change.verdict.clone());
        }
        expected
    }

    /// The purpose that it is verified for.
    pub fn purpose_for(&self, role: Role) -> Purpose {
        self.params.purpose.unwrap_or_else(|| role.purpose())
    }
}

/// The anchor of almost all chains.
pub fn root() -> Certificate {
    Certificate::root(Key::Root, "Root")
}

/// A root that nobody trusts unless it is said.
pub fn other_root() -> Certificate {
    Certificate::root(Key::OtherRoot, "Other root")
}

/// The CA below [`root`].
pub fn intermediate() -> Certificate {
    Certificate::ca(Key::Intermediate, "Intermediate", &root())
}

/// The certificate of `www.example.com` below [`intermediate`].
pub fn leaf() -> Certificate {
    Certificate::leaf(&intermediate())
}

/// All cases.
pub fn all() -> Vec<Case> {
    [super::paths::cases(), super::names::cases(), super::keys_and_uses::cases(), super::revocation::cases()]
        .concat()
}
