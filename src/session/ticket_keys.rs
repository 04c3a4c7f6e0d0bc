//! The keys of a server's tickets, and their rotation.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::{Error, ErrorKind};
use crate::library::LibContext;
use crate::x509::passphrase::wipe;

const CALL: &str = "SSL_CTX_set_tlsext_ticket_key_evp_cb";

/// The keys of tickets: AES-256 in CBC mode encrypts, HMAC with SHA-256 authenticates, and a name tells servers which
/// keys a ticket is for. They are wiped when this is dropped.
///
/// Whoever has them reads every connection of TLS 1.2 and earlier whose ticket they made, and can be any client.
#[derive(Clone, PartialEq, Eq)]
pub struct TicketKey([u8; Self::LEN]);

impl TicketKey {
    /// How many bytes they have.
    pub const LEN: usize = 80;
    /// How many bytes the name has, which goes in the clear.
    pub const NAME_LEN: usize = 16;

    /// New ones, from the random numbers of OpenSSL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there are none.
    pub fn generate() -> Result<Self, Error> {
        let mut key = Self([0; Self::LEN]);
        LibContext::default().random_bytes(&mut key.0)?;
        Ok(key)
    }

    /// Those of a fleet: 16 bytes of name, 32 for HMAC and 32 for AES, as
    /// [`SSL_CTX_set_tlsext_ticket_keys(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_ticket_key_cb/) takes
    /// them, and web servers in a file of 80 bytes.
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        Self(*bytes)
    }

    /// As [`from_bytes`](Self::from_bytes), of a slice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for any other number of bytes than 80.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.try_into() {
            Ok(bytes) => Ok(Self::from_bytes(bytes)),
            Err(_) => {
                Err(Error::new(ErrorKind::InvalidInput, CALL)
                    .with_detail("the keys of tickets have 80 bytes"))
            }
        }
    }

    /// The bytes, for the rest of a fleet. They are secret.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        &self.0[..Self::NAME_LEN]
    }

    pub(crate) fn hmac(&self) -> &[u8] {
        &self.0[Self::NAME_LEN..48]
    }

    pub(crate) fn aes(&self) -> &[u8] {
        &self.0[48..]
    }
}

impl Drop for TicketKey {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = self.name().iter().map(|byte| format!("{byte:02x}")).collect();
        f.debug_struct("TicketKey").field("name", &name).finish_non_exhaustive()
    }
}

/// The keys that a server, or a fleet of them, has for tickets: one that makes new tickets, and others that still open
/// earlier ones. A clone is the same set of keys, which several contexts may share; they change while servers run.
///
/// ```
/// use libssl::session::{TicketKey, TicketKeys};
///
/// let keys = TicketKeys::generate()?;
/// // context.set_ticket_keys(&keys)?, and, once a day:
/// keys.rotate()?; // tickets of yesterday are opened, and replaced by new ones
/// assert_eq!(keys.len(), 2);
/// // In a fleet, one machine makes the keys, and all others are given them: first to open tickets …
/// let next = TicketKey::generate()?;
/// keys.add(next.clone());
/// // … and, once every machine has them, to make tickets.
/// keys.make_current(next.name())?;
/// # Ok::<(), libssl::Error>(())
/// ```
#[derive(Clone)]
pub struct TicketKeys(Arc<RwLock<Vec<Arc<TicketKey>>>>);

impl TicketKeys {
    /// How many keys [`rotate`](Self::rotate) keeps.
    pub const KEPT: usize = 3;

    /// A set with new keys.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL has no random numbers.
    pub fn generate() -> Result<Self, Error> {
        TicketKey::generate().map(|key| Self::new(key, []))
    }

    /// A set of keys of which `current` makes new tickets, and all open those that they made.
    pub fn new(current: TicketKey, earlier: impl IntoIterator<Item = TicketKey>) -> Self {
        let keys = std::iter::once(current).chain(earlier).map(Arc::new).collect();
        Self(Arc::new(RwLock::new(keys)))
    }

    /// Makes new keys, with which tickets are made from now on. Those that were last are kept for the tickets that they
    /// made, [`KEPT`](Self::KEPT) in all.
    ///
    /// # Errors
    ///
    /// As [`generate`](Self::generate); nothing has changed then.
    pub fn rotate(&self) -> Result<(), Error> {
        let key = Arc::new(TicketKey::generate()?);
        self.change(|keys| {
            keys.insert(0, key);
            keys.truncate(Self::KEPT);
        });
        Ok(())
    }

    /// Replaces all keys, as a fleet does that is told by one of its own.
    pub fn replace(&self, current: TicketKey, earlier: impl IntoIterator<Item = TicketKey>) {
        let new: Vec<_> = std::iter::once(current).chain(earlier).map(Arc::new).collect();
        self.change(|keys| *keys = new);
    }

    /// Adds keys with which tickets are opened only, in place of any of the same name but the one that makes tickets.
    pub fn add(&self, key: TicketKey) {
        self.change(|keys| {
            let current = keys.first().cloned();
            let is_current =
                |other: &Arc<TicketKey>| current.as_ref().is_some_and(|key| Arc::ptr_eq(key, other));
            keys.retain(|other| other.name() != key.name() || is_current(other));
            keys.push(Arc::new(key));
        });
    }

    /// Makes tickets with the keys of this name from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] where there are none.
    pub fn make_current(&self, name: &[u8]) -> Result<(), Error> {
        self.change(|keys| {
            let found = keys.iter().position(|key| key.name() == name);
            let none =
                || Error::new(ErrorKind::InvalidInput, CALL).with_detail("there are no keys of that name");
            let key = keys.remove(found.ok_or_else(none)?);
            keys.insert(0, key);
            Ok(())
        })
    }

    /// Forgets the keys of this name, unless they make tickets. Tickets that they made are worth nothing then.
    pub fn forget(&self, name: &[u8]) {
        self.change(|keys| {
            let mut first = true;
            keys.retain(|key| std::mem::take(&mut first) || key.name() != name);
        });
    }

    /// How many keys there are.
    #[allow(clippy::len_without_is_empty)] // there is always one
    pub fn len(&self) -> usize {
        self.keys().len()
    }

    /// The names, the one that makes tickets first.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.keys().iter().map(|key| key.name().to_vec()).collect()
    }

    /// The keys that make tickets.
    pub(crate) fn current(&self) -> Option<Arc<TicketKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    /// The keys of this name, and whether they make tickets still.
    pub(crate) fn named(&self, name: &[u8]) -> Option<(Arc<TicketKey>, bool)> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = keys.iter().position(|key| key.name() == name)?;
        keys.get(found).map(|key| (key.clone(), found == 0))
    }

    fn keys(&self) -> Vec<Arc<TicketKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<TicketKey>>) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys()).finish()
    }
}
