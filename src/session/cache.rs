//! The sessions that a client keeps by itself.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::record::Terms;
use super::{SslSession, SslSessionRef};
use crate::context::ProtocolVersion;

/// How many sessions are kept of one peer.
const OF_ONE_PEER: usize = 8;

/// A cache of a client's sessions, which the connections of a context offer and fill by themselves. A clone is the same
/// cache, which several contexts may share.
///
/// Each is found by the names that its peer was verified against, the
/// [label](crate::SslRef::set_resumption_label) that it was made under, and all else that it
/// [was verified by](crate::SslRef::set_session). One of TLS 1.3 is offered once, as
/// [RFC 8446](https://www.rfc-editor.org/rfc/rfc8446#appendix-C.4) asks, so that nobody who watches can tell that two
/// connections are of the same client; those of earlier versions are offered as long as they last. One that is over is
/// dropped, as is the one that was used longest ago where there is no room, and one of a connection that failed.
///
/// A server that does not know a session any more makes a full handshake: nothing else comes of it.
#[derive(Clone)]
pub struct ClientSessionCache(Arc<Mutex<Sessions>>);

struct Sessions {
    capacity: usize,
    /// Counts each session that comes in.
    clock: u64,
    peers: HashMap<Arc<str>, Vec<Kept>>,
    /// Whose session came in when.
    order: BTreeMap<u64, Arc<str>>,
}

struct Kept {
    number: u64,
    session: SslSession,
    terms: Arc<Terms>,
    ends: SystemTime,
    once: bool,
}

impl ClientSessionCache {
    /// How many sessions the cache of [`SslContext::client`](crate::SslContext::client) has room for.
    pub const DEFAULT_CAPACITY: usize = 256;

    /// A cache with room for so many sessions; with none it keeps nothing.
    pub fn new(capacity: usize) -> Self {
        let sessions = Sessions { capacity, clock: 0, peers: HashMap::default(), order: BTreeMap::default() };
        Self(Arc::new(Mutex::new(sessions)))
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.lock().order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all sessions: the next connections make full handshakes.
    pub fn clear(&self) {
        let mut sessions = self.lock();
        sessions.order.clear();
        let gone = std::mem::take(&mut sessions.peers);
        drop(sessions);
        // What a session holds may be the user's, and is dropped without the lock.
        drop(gone);
    }

    /// A session to offer, which is the caller's own.
    pub(crate) fn take(&self, key: &str, terms: &Terms) -> Option<SslSession> {
        let now = SystemTime::now();
        let mut sessions = self.lock();
        let over = sessions.remove_of(key, |kept| kept.ends <= now);
        let found = sessions.peers.get(key).and_then(|kept| {
            kept.iter().rev().find(|kept| kept.terms.are_same(terms)).map(|kept| (kept.number, kept.once))
        });
        let found = match found {
            Some((number, true)) => sessions.remove_of(key, |kept| kept.number == number).pop(),
            Some((number, false)) => sessions
                .peers
                .get(key)
                .and_then(|kept| kept.iter().find(|kept| kept.number == number))
                .map(Kept::again),
            None => None,
        };
        drop(sessions);
        drop(over);
        let Kept { session, once, .. } = found?;
        if once { Some(session) } else { session.dup().ok() }
    }

    /// Keeps a session that nobody else writes to.
    pub(crate) fn put(&self, key: &str, session: SslSession, terms: Arc<Terms>) {
        let Some(ends) = end(&session).filter(|ends| *ends > SystemTime::now()) else { return };
        if !session.is_resumable() {
            return;
        }
        let once = session.protocol_version() == ProtocolVersion::TLS1_3;
        let mut sessions = self.lock();
        if sessions.capacity == 0 {
            return;
        }
        let mut gone = sessions.remove_of(key, |kept| kept.session.id() == session.id());
        let key: Arc<str> = match sessions.peers.get_key_value(key) {
            Some((known, _)) => known.clone(),
            None => key.into(),
        };
        sessions.clock += 1;
        let number = sessions.clock;
        let kept = sessions.peers.entry(key.clone()).or_default();
        kept.push(Kept { number, session, terms, ends, once });
        let oldest = (kept.len() > OF_ONE_PEER).then(|| kept.remove(0));
        if let Some(oldest) = &oldest {
            sessions.order.remove(&oldest.number);
        }
        gone.extend(oldest);
        sessions.order.insert(number, key);
        while sessions.order.len() > sessions.capacity {
            let Some((number, key)) = sessions.order.pop_first() else { break };
            gone.append(&mut sessions.remove_of(&key, |kept| kept.number == number));
        }
        drop(sessions);
        drop(gone);
    }

    /// Drops the session of this number.
    pub(crate) fn forget(&self, id: &[u8]) {
        if id.is_empty() {
            return;
        }
        let mut sessions = self.lock();
        let keys: Vec<_> = sessions
            .peers
            .iter()
            .filter(|(_, kept)| kept.iter().any(|kept| kept.session.id() == id))
            .map(|(key, _)| key.clone())
            .collect();
        let mut gone = Vec::new();
        for key in keys {
            gone.append(&mut sessions.remove_of(&key, |kept| kept.session.id() == id));
        }
        drop(sessions);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sessions {
    /// Takes out some sessions of a peer.
    fn remove_of(&mut self, key: &str, remove: impl Fn(&Kept) -> bool) -> Vec<Kept> {
        let Some(kept) = self.peers.get_mut(key) else { return Vec::new() };
        if !kept.iter().any(&remove) {
            return Vec::new();
        }
        let (gone, rest): (Vec<_>, Vec<_>) = std::mem::take(kept).into_iter().partition(remove);
        *kept = rest;
        if kept.is_empty() {
            self.peers.remove(key);
        }
        for kept in &gone {
            self.order.remove(&kept.number);
        }
        gone
    }
}

impl Kept {
    fn again(&self) -> Self {
        Self { session: self.session.clone(), terms: self.terms.clone(), ..*self }
    }
}

/// When a session is over, by its own time and by what the server said of its ticket.
fn end(session: &SslSessionRef) -> Option<SystemTime> {
    let hint = session.ticket_lifetime_hint();
    let lasts = match hint {
        Duration::ZERO => session.timeout(),
        hint => session.timeout().min(hint),
    };
    session.time().checked_add(lasts)
}

impl fmt::Debug for ClientSessionCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSessionCache").field("len", &self.len()).finish_non_exhaustive()
    }
}
