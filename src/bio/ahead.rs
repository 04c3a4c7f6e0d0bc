//! Reading ahead of libssl, in a buffer from which the unread bytes come back.

use std::io::{Read, Write};
use std::{fmt, ptr};

use super::stream::{Carried, StreamHeld};
use super::{Channel, sealed, trusted};
use crate::error::{Error, ErrorKind};
use crate::ssl::SslRef;

/// A stream that is read in large pieces, where libssl alone reads each record in two: its header, then the rest.
///
/// What follows the end of TLS on the stream is not lost: [`Connected::into_parts`](crate::Connected::into_parts)
/// returns the bytes that libssl had not asked for.
///
/// ```
/// use libssl::bio::ReadAhead;
///
/// let stream = std::io::Cursor::new(Vec::<u8>::new());
/// let channel = ReadAhead::new(stream);
/// assert_eq!(channel.capacity(), ReadAhead::<std::io::Cursor<Vec<u8>>>::DEFAULT_CAPACITY);
/// ```
pub struct ReadAhead<S> {
    stream: S,
    capacity: usize,
    unread: Vec<u8>,
}

impl<S> ReadAhead<S> {
    /// Two records of the largest size.
    pub const DEFAULT_CAPACITY: usize = 2 * (16 * 1024 + 256 + 5);

    /// Reads ahead by [`DEFAULT_CAPACITY`](Self::DEFAULT_CAPACITY) bytes at most.
    pub fn new(stream: S) -> Self {
        Self::with_capacity(stream, Self::DEFAULT_CAPACITY)
    }

    /// Reads ahead by `capacity` bytes at most, and at least by one.
    pub fn with_capacity(stream: S, capacity: usize) -> Self {
        Self { stream, capacity: capacity.max(1), unread: Vec::new() }
    }

    /// Puts bytes that were read from the stream before (by a server that looked at the first ones, say) in front of
    /// those that are still to come.
    #[must_use]
    pub fn with_unread(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.unread = bytes.into();
        self
    }

    /// How many bytes are read ahead at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream, to be changed. What is read from it here never reaches libssl.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, and the bytes that [`with_unread`](Self::with_unread) put in front, if no connection took them, or that
    /// a handshake which came to nothing had read ahead.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.unread)
    }
}

impl<S> fmt::Debug for ReadAhead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

#[cfg(unix)]
impl<S: std::os::fd::AsFd> std::os::fd::AsFd for ReadAhead<S> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl<S: Read + Write> Carried for ReadAhead<S> {
    type Stream = S;

    fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    fn buffer(&mut self) -> Result<Option<Buffer>, Error> {
        Buffer::new(self.capacity, &self.unread).map(Some)
    }

    fn is_trusted(&self) -> bool {
        trusted::is_socket::<S>()
    }
}

impl<S: Read + Write> sealed::Attach for ReadAhead<S> {
    const READS_AHEAD: bool = true;

    type Held = StreamHeld<Self>;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        // SAFETY: by this function's contract.
        unsafe { StreamHeld::attach(self, ssl) }
    }

    fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>) {
        let (channel, unread) = held.detach(ssl);
        (Self { unread: Vec::new(), ..channel }, unread)
    }

    fn put_back(&mut self, bytes: Vec<u8>) {
        self.unread = bytes;
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

impl<S: Read + Write> Channel for ReadAhead<S> {
    type Lent<'a>
        = &'a mut S
    where
        S: 'a;

    fn lend_mut<'a>(held: &'a mut Self::Held) -> &'a mut S
    where
        S: 'a,
    {
        &mut held.channel_mut().stream
    }
}

/// Bytes that were read, and room for more once they are gone. All of it is initialised from the start.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new(capacity: usize, unread: &[u8]) -> Result<Self, Error> {
        let size = capacity.max(unread.len());
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(size).is_err() {
            let detail = format!("there is no memory to read {size} bytes ahead");
            return Err(Error::new(ErrorKind::Refused, "BIO_new").with_detail(detail));
        }
        bytes.extend_from_slice(unread);
        bytes.resize(size, 0);
        Ok(Self { bytes, start: 0, end: unread.len() })
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The whole buffer, for a read once nothing is unread.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// A read has put so many bytes into [`room`](Self::room).
    pub(super) fn filled(&mut self, len: usize) {
        (self.start, self.end) = (0, len.min(self.bytes.len()));
    }

    /// Moves as many unread bytes to `out` as it has room for, and returns how many.
    ///
    /// # Safety
    ///
    /// `len` bytes at `out` may be written, and are not this buffer's.
    pub(super) unsafe fn copy_to(&mut self, out: *mut u8, len: usize) -> usize {
        let unread = self.unread();
        let len = len.min(unread.len());
        // SAFETY: not more than are unread and than there is room for, which do not overlap.
        unsafe { ptr::copy_nonoverlapping(unread.as_ptr(), out, len) };
        self.start += len;
        len
    }
}
