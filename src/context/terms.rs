//! What the closures of a context have to say about a peer, to compare with what those of another would.

use std::sync::Arc;

use super::callbacks::Callbacks;
use super::{
    SecurityRule, SpkiPin, certificate_callback, chain_callback, client_certificate, status, verify,
};

/// By which rules of a context a peer is judged, and by which it is told who the client is.
#[derive(Default)]
pub(crate) struct Trust {
    verify: Option<verify::Decide>,
    chain: Option<chain_callback::Decide>,
    pins: Option<Arc<[SpkiPin]>>,
    status: status::Closures,
    client_certificate: Option<client_certificate::Choose>,
    certificate: Option<certificate_callback::Choose>,
    security: Option<SecurityRule>,
}

impl Trust {
    pub(crate) fn of(callbacks: &Callbacks) -> Self {
        Self {
            verify: callbacks.verify.clone(),
            chain: callbacks.chain.clone(),
            pins: callbacks.pins.clone(),
            status: callbacks.status.judges(),
            client_certificate: callbacks.client_certificate.clone(),
            certificate: callbacks.certificate.clone(),
            security: callbacks.security.clone(),
        }
    }

    /// Whether the rules are the same ones. Closures are if they are one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let verify = match (&self.verify, &other.verify) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        let chain = match (&self.chain, &other.chain) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        verify
            && chain
            && self.pins == other.pins
            && self.status.judge_alike(&other.status)
            && same(self.client_certificate.as_ref(), other.client_certificate.as_ref())
            && same(self.certificate.as_ref(), other.certificate.as_ref())
            && same_rule(self.security.as_ref(), other.security.as_ref())
    }
}

/// Whether both are one, or none.
pub(crate) fn same_rule(one: Option<&SecurityRule>, other: Option<&SecurityRule>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_same(other),
        _ => false,
    }
}

/// Whether both are one, or none.
pub(crate) fn same<T: ?Sized>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
