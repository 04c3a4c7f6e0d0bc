//! BIOs that may go to another thread.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::BioType;
use crate::bio::custom;
use crate::bio::handle::{Bio, BioRef};
use crate::error::{Error, ErrorKind};

/// A chain of BIOs that may go to another thread, as an [`Ssl`](crate::Ssl) that has it may: memory, files,
/// descriptors, sockets, [`Bio::null`], and OpenSSL's own filters before them.
///
/// ```
/// use libssl::bio::{Bio, SendBio};
///
/// let mut bio = SendBio::new(Bio::memory()?).map_err(|(error, _)| error)?;
/// std::thread::spawn(move || bio.write(b"from over there").map(|_| ()).is_ok()).join();
/// # Ok::<(), libssl::Error>(())
/// ```
pub struct SendBio(Bio);

// SAFETY: `new` lets BIOs in whose methods have no tie to a thread and share nothing with another BIO, and of which, by
// the contracts of `Bio::from_ptr` and `BioRef::up_ref`, nobody else has a use. What safe code can add to a
// borrowed BIO is `Send` itself: values, callbacks, bytes. It is not `Sync`.
unsafe impl Send for SendBio {}

impl SendBio {
    /// Checks that each BIO of a chain may go to another thread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], and the chain, if it has one of another kind (half a pair, a method of C's own, TLS), or
    /// one with a callback of C's.
    pub fn new(bio: Bio) -> Result<Self, (Error, Bio)> {
        // SAFETY: each is a live BIO of the chain.
        let ours = |link: &BioRef| unsafe { custom::is_rust(link.as_ptr()) };
        let goes = |link: &BioRef| goes(link.method_type()) || ours(link);
        let stays = bio.links().find(|link| !goes(link) || link.has_foreign_callback());
        match stays.map(BioRef::method_type) {
            None => Ok(Self(bio)),
            Some(kind) => {
                let detail = format!("a BIO of the type {:#x} stays on its thread", kind.0);
                Err((Error::new(ErrorKind::InvalidInput, "BIO_method_type").with_detail(detail), bio))
            }
        }
    }

    /// Says of any chain that it may go to another thread.
    ///
    /// # Safety
    ///
    /// It may: all that it holds, and nobody else uses any of it.
    pub unsafe fn new_unchecked(bio: Bio) -> Self {
        Self(bio)
    }

    /// The chain, which stays on this thread from now on.
    pub fn into_bio(self) -> Bio {
        self.0
    }
}

/// Whether OpenSSL's BIO of this type keeps all it has to itself.
fn goes(kind: BioType) -> bool {
    matches!(
        kind,
        BioType::MEM
            | BioType::FILE
            | BioType::FD
            | BioType::SOCKET
            | BioType::CONNECT
            | BioType::ACCEPT
            | BioType::NULL
            | BioType::BUFFER
            | BioType::LINEBUFFER
            | BioType::BASE64
            | BioType::NULL_FILTER
    )
}

impl From<SendBio> for Bio {
    fn from(bio: SendBio) -> Self {
        bio.0
    }
}

impl Deref for SendBio {
    type Target = BioRef;

    fn deref(&self) -> &BioRef {
        &self.0
    }
}

/// A borrowed BIO takes nothing behind it that stays on its thread.
impl DerefMut for SendBio {
    fn deref_mut(&mut self) -> &mut BioRef {
        &mut self.0
    }
}

impl fmt::Debug for SendBio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
