//! Channels: what a connection runs over.
//!
//! | channel | what it is |
//! |---|---|
//! | any `Read + Write`, owned or `&mut` | a BIO over Rust |

use std::io;

use crate::ssl::SslRef;

/// What a connection runs over. Sealed: this crate's channel types, and every `Read + Write`.
pub trait Channel: sealed::Attach {
    /// What `channel_mut` lends of a channel in use.
    type Lent<'a>
    where
        Self: 'a;

    #[doc(hidden)]
    fn lend_mut<'a>(held: &'a mut Self::Held) -> Self::Lent<'a>
    where
        Self: 'a;
}

pub(crate) mod sealed {
    use crate::error::Error;
    use crate::ssl::SslRef;

    /// How a channel gets into an SSL object and out again.
    pub trait Attach: Sized {
        /// The form in which a typestate holds the channel while the object uses it.
        type Held;

        /// Gives the object its BIOs. On failure the channel comes back and the object is as it was.
        ///
        /// # Safety
        ///
        /// The object is freed, or `detach` is called, before `Self` ends (its lifetime included), and it moves to
        /// another thread only together with what is returned.
        unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)>;

        /// Takes the BIOs from the object again, and what was read ahead of libssl.
        fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>);

        /// The channel in use.
        fn lend(held: &Self::Held) -> &Self;

        /// Whether bytes were read ahead that libssl has not asked for.
        fn has_read_ahead(held: &Self::Held) -> bool;

        /// Passes a flush on to the transport. Channels that need none say `Ok`.
        ///
        /// # Errors
        ///
        /// The transport's own; a panic goes through to the caller.
        fn flush(held: &mut Self::Held) -> std::io::Result<()>;
    }
}

/// The error that a transport written in Rust returned in the last call into C on this thread, unchanged.
/// `WouldBlock` is none: it is a suspension.
pub(crate) fn take_transport_error(ssl: &SslRef) -> Option<io::Error> {
    let _ = ssl;
    None
}

/// As [`take_transport_error`], for the `WouldBlock` or `TimedOut` that a suspension goes back to.
pub(crate) fn take_suspension(ssl: &SslRef) -> Option<io::Error> {
    let _ = ssl;
    None
}
