//! Key material that is wiped when it is dropped, and that no log shows.

use std::fmt;
use std::ops::Deref;

use crate::x509::passphrase::wipe;

/// Bytes that nobody else is to know. They are wiped when this is dropped, and `Debug` shows how many there are.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// `len` bytes, which `fill` writes to; it answers how many it wrote.
    pub(crate) fn filled(len: usize, fill: impl FnOnce(&mut [u8]) -> usize) -> Self {
        let mut bytes = Self(vec![0; len]);
        let written = fill(&mut bytes.0);
        bytes.0.truncate(written);
        bytes
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // What was cut off is still there.
        let room = self.0.capacity();
        self.0.resize(room, 0);
        wipe(&mut self.0);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}
