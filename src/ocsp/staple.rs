//! What a server hands to its clients, replaceable while it serves.

use std::sync::{Arc, PoisonError, RwLock};

use super::OcspResponse;

/// A place for the response that a server staples. A clone is the same place: one is in the context, another with
/// whoever refreshes it.
///
/// What is put here is not judged: [`OcspResponse::verify_for`] first.
#[derive(Clone, Debug, Default)]
pub struct Staple(Arc<RwLock<Option<OcspResponse>>>);

impl Staple {
    /// An empty place: nothing is stapled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a response there, for all handshakes from now on.
    pub fn set(&self, response: OcspResponse) {
        self.replace(Some(response));
    }

    /// Empties the place: a response that no longer holds is worse than none.
    pub fn clear(&self) {
        self.replace(None);
    }

    /// The response that is there.
    pub fn get(&self) -> Option<OcspResponse> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, response: Option<OcspResponse>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = response;
    }
}

impl From<OcspResponse> for Staple {
    fn from(response: OcspResponse) -> Self {
        Self(Arc::new(RwLock::new(Some(response))))
    }
}
