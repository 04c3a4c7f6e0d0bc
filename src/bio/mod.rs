//! Channels: what a connection runs over.
//!
//! | channel | what it is | reading ahead |
//! |---|---|---|
//! | any [`Read`](std::io::Read) + [`Write`](std::io::Write), owned or `&mut` | a BIO over Rust | no |
//! | [`Trusted`] | the same, for a stream that needs no watching; [`TcpStream`](std::net::TcpStream) needs none by itself | no |
//! | [`ReadAhead`] | the same, with a buffer for what libssl did not ask for yet | yes |
//! | [`Socket`] | OpenSSL's own socket BIO: kernel TLS and sendfile work | no |
//! | [`Pair`] | a BIO pair, no I/O: bytes go in, bytes come out | the pair's buffer |
//! | [`Existing`] | the BIOs that C already gave the object | whatever C chose |
//!
//! # BIOs as C has them
//!
//! For ports of programs that use BIOs themselves: [`Bio`] owns a chain, and [`BioRef`] borrows one. Their methods are named
//! after C's functions, and answer [`BioError`] where C has a return value, retry flags, `errno` and the error queue.
//!
//! | C | here |
//! |---|---|
//! | `BIO_s_mem`, `BIO_new_mem_buf` | [`Bio::memory`], [`SliceBio`] |
//! | `BIO_new_file`, `BIO_new_fd`, `BIO_s_null` | [`Bio::file`], [`Bio::fd`], [`Bio::null`] |
//! | `BIO_f_buffer`, `BIO_f_base64` and others | [`Bio::buffer`], [`Bio::base64`] and others |
//! | `BIO_new_bio_pair` | [`Bio::new_bio_pair`] |
//! | `BIO_s_connect`, `BIO_s_accept`, `BIO_s_socket` | [`Bio::new_connect`], [`Bio::new_accept`], [`Bio::new_socket`] |
//! | `BIO_f_ssl`, `BIO_new_ssl_connect` | [`SslBio`], whose context holds there too |
//! | `BIO_meth_new` | [`BioMethod`] and [`Bio::custom`] |
//! | `BIO_push`, `BIO_pop` | [`Bio::push`], [`Bio::pop`] |
//! | `BIO_set_callback_ex`, `BIO_set_ex_data` | [`BioRef::set_callback`], [`BioRef::set_ex_data`] |
//! | `SSL_set0_rbio`, `SSL_get_rbio` | [`SslRef::set0_rbio`](crate::SslRef::set0_rbio), [`rbio_mut`](crate::SslRef::rbio_mut) |
//!
//! A BIO stays on its thread, unless it is a [`SendBio`].
//!
//! # SIGPIPE
//!
//! Writing to a socket whose peer is gone raises SIGPIPE, which ends a process that does not ignore it. Rust's runtime
//! ignores it before `main`; in a program whose `main` is C's nobody does. What keeps it away is the write itself:
//! [`TcpStream`](std::net::TcpStream) and [`UnixStream`](std::os::unix::net::UnixStream) never raise it, [`Pair`] does
//! no I/O, and [`Socket`] raises it unless the OpenSSL that runs is 4.0 or later. A [`Bio`] over a socket raises it as in C;
//! from 4.0 on, [`BioRef::set_send_flags`] with `MSG_NOSIGNAL` keeps it away there.

mod accept;
mod address;
mod ahead;
mod attach;
mod carrier;
mod chain;
mod connect;
mod connecting;
mod core;
pub mod custom;
mod descriptor;
mod establish;
mod existing;
mod handle;
mod method;
mod object;
mod owned;
mod pair;
mod sock;
mod socket;
mod ssl;
mod ssl_end;
mod ssl_io;
mod ssl_settings;
mod stream;
#[cfg(test)]
mod tests;
mod trusted;

pub use ahead::ReadAhead;
pub use connect::{IpFamily, SocketFlags};
pub use custom::{BioInfoFn, BioMethod, NextBio, Stop};
pub use existing::Existing;
pub use handle::{Bio, BioRef};
pub use object::{
    BioCallbackFn, BioError, BioEvent, BioExIndex, BioFlags, BioOperation, BioRetry, BioType, BioVerdict,
    MemEof, PollDescriptor, RetryReason, SendBio, SliceBio,
};
pub use owned::BioOwned;
pub use pair::{Pair, PairMut};
pub use sock::{sock_error, sock_non_fatal_error, sock_should_retry, socket_wait};
pub use socket::Socket;
pub use ssl::{SslBio, SslBioRef};
pub use trusted::Trusted;

pub(crate) use carrier::{carries_at_once, forget_refused, may_carry};
pub(crate) use core::suspends;
pub(crate) use descriptor::disown_lost_socket;
pub(crate) use stream::{has_transport_error, set_stream, take_suspension, take_transport_error};

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
        /// Whether the channel reads ahead of libssl in a buffer of its own.
        const READS_AHEAD: bool = false;

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

        /// Puts bytes that were read ahead back in front, where no connection came to be that could hand them out.
        fn put_back(&mut self, bytes: Vec<u8>) {
            let _ = bytes;
        }

        /// The channel in use.
        fn lend(held: &Self::Held) -> &Self;

        /// Whether bytes were read ahead that libssl has not asked for.
        fn has_read_ahead(held: &Self::Held) -> bool;

        /// Has the channel read ahead where nothing is left of what it read.
        ///
        /// # Errors
        ///
        /// The transport's own if it says "not now"; any other is left to libssl. A panic goes through to the caller.
        fn fill(held: &mut Self::Held) -> std::io::Result<()> {
            let _ = held;
            Ok(())
        }

        /// Passes a flush on to the transport. Channels that need none say `Ok`.
        ///
        /// # Errors
        ///
        /// The transport's own; a panic goes through to the caller.
        fn flush(held: &mut Self::Held) -> std::io::Result<()>;
    }
}
