//! Streams of which it is known that they do no more than they are asked.

use std::any::TypeId;
use std::marker::PhantomData;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::{fmt, mem};

use super::ahead::Buffer;
use super::stream::{Carried, StreamHeld};
use super::{Channel, sealed};
use crate::error::Error;
use crate::ssl::SslRef;

/// A stream, or a [`ReadAhead`](super::ReadAhead) around one, that is taken at its word, as [`TcpStream`] and [`UnixStream`] are
/// by themselves.
///
/// For any other stream OpenSSL's error queue is looked at around each call, and what it is to read into is zeroed first. That
/// costs some hundred instructions a record, and a pass over the memory. Panics and lengths are looked after all the same.
///
/// ```
/// use std::io::Cursor;
///
/// use libssl::bio::Trusted;
///
/// // SAFETY: a cursor copies bytes and does nothing else.
/// let channel = unsafe { Trusted::new(Cursor::new(Vec::<u8>::new())) };
/// assert!(channel.get_ref().get_ref().is_empty());
/// ```
pub struct Trusted<C>(C);

impl<C> Trusted<C> {
    /// Takes a stream at its word.
    ///
    /// # Safety
    ///
    /// The stream's [`Read`](std::io::Read) does not look at the buffer that it reads into, and says that it read as many bytes
    /// only as it wrote there. Neither it nor the stream's [`Write`](std::io::Write) uses OpenSSL in this thread, or changes
    /// `errno` where it succeeds. That holds for all that the stream is replaced with, through a reference lent here or by
    /// [`Connected::channel_mut`](crate::Connected::channel_mut).
    pub unsafe fn new(channel: C) -> Self {
        Self(channel)
    }

    /// The stream.
    pub fn get_ref(&self) -> &C {
        &self.0
    }

    /// The stream, to be changed. What is read from it here never reaches libssl.
    pub fn get_mut(&mut self) -> &mut C {
        &mut self.0
    }

    /// The stream.
    pub fn into_inner(self) -> C {
        self.0
    }
}

impl<C> fmt::Debug for Trusted<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trusted").finish_non_exhaustive()
    }
}

impl<C: std::os::fd::AsFd> std::os::fd::AsFd for Trusted<C> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<C: Carried> Carried for Trusted<C> {
    type Stream = C::Stream;

    fn stream(&mut self) -> &mut C::Stream {
        self.0.stream()
    }

    fn buffer(&mut self) -> Result<Option<Buffer>, Error> {
        self.0.buffer()
    }

    fn is_trusted(&self) -> bool {
        true
    }
}

impl<C: Carried + sealed::Attach> sealed::Attach for Trusted<C> {
    const READS_AHEAD: bool = C::READS_AHEAD;

    type Held = StreamHeld<Self>;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        // SAFETY: by this function's contract.
        unsafe { StreamHeld::attach(self, ssl) }
    }

    fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>) {
        let (mut channel, unread) = held.detach(ssl);
        // What was to come first has come.
        channel.0.put_back(Vec::new());
        (channel, unread)
    }

    fn put_back(&mut self, bytes: Vec<u8>) {
        self.0.put_back(bytes);
    }

    fn lend(held: &Self::Held) -> &Self {
        held.channel()
    }

    fn has_read_ahead(held: &Self::Held) -> bool {
        held.has_read_ahead()
    }

    fn fill(held: &mut Self::Held) -> std::io::Result<()> {
        held.fill()
    }

    fn flush(held: &mut Self::Held) -> std::io::Result<()> {
        held.flush()
    }
}

impl<C: Carried + sealed::Attach> Channel for Trusted<C> {
    type Lent<'a>
        = &'a mut C::Stream
    where
        C: 'a;

    fn lend_mut<'a>(held: &'a mut Self::Held) -> &'a mut C::Stream
    where
        C: 'a,
    {
        held.channel_mut().0.stream()
    }
}

/// Whether it is a socket of the standard library's, or a reference to one. Those make one system call, and no more.
pub(super) fn is_socket<S>() -> bool {
    let known = [
        TypeId::of::<TcpStream>(),
        TypeId::of::<UnixStream>(),
        TypeId::of::<&'static TcpStream>(),
        TypeId::of::<&'static UnixStream>(),
        TypeId::of::<&'static mut TcpStream>(),
        TypeId::of::<&'static mut UnixStream>(),
    ];
    known.contains(&type_id::<S>())
}

/// The identity of a type, whatever its lifetimes are.
fn type_id<S>() -> TypeId {
    trait Typed {
        fn type_id(&self) -> TypeId
        where
            Self: 'static;
    }

    impl<S> Typed for PhantomData<S> {
        fn type_id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<S>()
        }
    }

    let typed: &dyn Typed = &PhantomData::<S>;
    // SAFETY: only the lifetimes in the type change, of which the method knows nothing: no value of the type exists.
    unsafe { mem::transmute::<&dyn Typed, &(dyn Typed + 'static)>(typed) }.type_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_the_standard_library_are_known() {
        fn lent<S>(_: &mut S) -> [bool; 2] {
            [is_socket::<&mut S>(), is_socket::<&S>()]
        }
        assert!(is_socket::<TcpStream>() && is_socket::<UnixStream>());
        assert_eq!(lent(&mut UnixStream::pair().unwrap().0), [true, true]);
        assert_eq!(lent(&mut Vec::<u8>::new()), [false, false]);
        assert!(!is_socket::<Box<TcpStream>>() && !is_socket::<Option<&UnixStream>>());
    }
}
