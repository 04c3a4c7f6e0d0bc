//! What the closures of a context have to say about a peer, to compare with what those of another would.

use std::sync::{Arc, Weak};

use super::callbacks::Callbacks;
use super::security::SecurityMark;
use super::{SpkiPin, certificate_callback, chain_callback, client_certificate, status, verify};

/// Which of all closures one is. Nothing else has its place in memory as long as this lives; but what it captured is not kept: that
/// may hold what has this.
pub(crate) struct Mark<T: ?Sized>(Weak<T>);

impl<T: ?Sized> Mark<T> {
    pub(crate) fn of(closure: &Arc<T>) -> Self {
        Self(Arc::downgrade(closure))
    }
}

impl<T: ?Sized> PartialEq for Mark<T> {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

/// The closure that chooses a certificate.
pub(crate) type CertificateMark = Mark<certificate_callback::Choice>;

/// By which rules of a context a peer is judged, and by which it is told who the client is. They are the same if each closure is
/// the same one.
#[derive(Default, PartialEq)]
pub(crate) struct Trust {
    verify: Option<verify::DecideMark>,
    chain: Option<chain_callback::DecideMark>,
    pins: Option<Arc<[SpkiPin]>>,
    status: status::JudgeMark,
    client_certificate: Option<Mark<client_certificate::Choice>>,
    certificate: Option<CertificateMark>,
    security: Option<SecurityMark>,
}

impl Trust {
    pub(crate) fn of(callbacks: &Callbacks) -> Self {
        Self {
            verify: callbacks.verify.as_ref().map(verify::Decide::mark),
            chain: callbacks.chain.as_ref().map(chain_callback::Decide::mark),
            pins: callbacks.pins.clone(),
            status: callbacks.status.judge_mark(),
            client_certificate: callbacks.client_certificate.as_ref().map(Mark::of),
            certificate: callbacks.certificate.as_ref().map(Mark::of),
            security: callbacks.security.as_ref().map(super::SecurityRule::mark),
        }
    }
}
