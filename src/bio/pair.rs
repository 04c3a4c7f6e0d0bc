//! A BIO pair: TLS without I/O.

use std::convert::Infallible;
use std::ffi::{c_char, c_int};
use std::marker::PhantomData;
use std::{fmt, io, ptr};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::Bio;
use super::{Channel, attach, sealed};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;
use crate::ssl::SslRef;

/// Two buffers in memory in place of a transport: the caller feeds what came from the peer, and drains what is to go
/// there, by whatever means.
///
/// Each call on the connection goes as far as the buffers allow and is then suspended: after `WantRead` or `WantWrite`
/// first drain, then feed, then go on. Drain after the end of a connection too: the last thing in the buffer may be an
/// alert that tells the peer why. While a connection runs over it, the pair is reached through
/// [`Connected::channel_mut`](crate::Connected::channel_mut) or [`Handshake::channel_mut`](crate::Handshake::channel_mut).
///
/// ```
/// use libssl::bio::Pair;
///
/// let mut pair = Pair::new(0, 0)?;
/// assert_eq!(pair.feed(b"from the network"), 16);
/// assert_eq!(pair.wpending(), 16);
/// # Ok::<(), libssl::Error>(())
/// ```
///
/// C: [`BIO_s_bio(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
#[doc(alias = "BIO_s_bio")]
#[doc(alias = "BIO_new_bio_pair")]
#[doc(alias = "BIO_make_bio_pair")]
pub struct Pair {
    /// The half that the object reads and writes.
    inner: Bio,
    /// The half that the caller feeds and drains.
    outer: Bio,
    closed: bool,
}

// SAFETY: neither half has a tie to a thread. They share memory without a lock, but they stay together: the inner half
// is only ever lent to an object that moves together with the pair. It is not `Sync`: nothing needs it.
unsafe impl Send for Pair {}
/// The caller's end of a [`Pair`] that a connection runs over: bytes go in and come out here.
///
/// It stays in the thread of its connection, and gives no `&mut Pair`: two pairs whose halves were swapped would part
/// what must stay together.
pub struct PairMut<'a> {
    pair: &'a mut Pair,
    together: PhantomData<*mut ()>,
}

impl Pair {
    /// Makes a pair whose buffers hold so many bytes on the way to the object and from it; 0 stands for OpenSSL's own
    /// 17 KiB, which is enough for one TLS record.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if there is no memory for them.
    ///
    /// C: [`BIO_new_bio_pair(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_new_bio_pair")]
    pub fn new(to_ssl: usize, from_ssl: usize) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_bio_pair";
        error::clear();
        let (mut outer, mut inner) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: two places for two new BIOs, each of which writes into the buffer of its size.
        if unsafe { ext::BIO_new_bio_pair(&raw mut outer, to_ssl, &raw mut inner, from_ssl) } != 1 {
            // Not every version says so itself.
            let detail = format!("there is no memory for buffers of {to_ssl} and {from_ssl} bytes");
            return Err(Error::from_queue(CALL).with_kind(ErrorKind::Refused).with_detail(detail));
        }
        // SAFETY: both references are ours.
        let mut pair = unsafe {
            Self { inner: Bio::from_new(CALL, inner)?, outer: Bio::from_new(CALL, outer)?, closed: false }
        };
        pair.initialise();
        Ok(pair)
    }

    /// How many bytes wait to be drained.
    ///
    /// C: [`BIO_ctrl_pending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_ctrl_pending")]
    #[doc(alias = "BIO_pending")]
    pub fn pending(&self) -> usize {
        // SAFETY: the BIO is live, and the call only reads.
        unsafe { ext::BIO_ctrl_pending(self.outer.as_ptr()) }
    }

    /// How many bytes were fed that the object has not read yet.
    ///
    /// C: [`BIO_ctrl_wpending(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_ctrl_wpending")]
    #[doc(alias = "BIO_wpending")]
    pub fn wpending(&self) -> usize {
        // SAFETY: the BIO is live, and the call only reads.
        unsafe { ext::BIO_ctrl_wpending(self.outer.as_ptr()) }
    }

    /// How many bytes [`feed`](Self::feed) takes now.
    ///
    /// C: [`BIO_ctrl_get_write_guarantee(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_ctrl_get_write_guarantee")]
    #[doc(alias = "BIO_get_write_guarantee")]
    pub fn write_guarantee(&self) -> usize {
        // SAFETY: the BIO is live, and the call only reads.
        unsafe { ext::BIO_ctrl_get_write_guarantee(self.outer.as_ptr()) }
    }

    /// How many bytes the object asked for when it last found nothing to read; 0 if it has not, or was fed since.
    ///
    /// C: [`BIO_ctrl_get_read_request(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_ctrl_get_read_request")]
    #[doc(alias = "BIO_get_read_request")]
    pub fn read_request(&self) -> usize {
        // SAFETY: the BIO is live, and the call only reads.
        unsafe { ext::BIO_ctrl_get_read_request(self.outer.as_ptr()) }
    }

    /// The sizes of the buffers to the object and from it.
    ///
    /// C: [`BIO_get_write_buf_size(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_get_write_buf_size")]
    pub fn buffer_sizes(&self) -> (usize, usize) {
        // SAFETY: both BIOs are live, and the call only reads.
        let size = |bio: &Bio| unsafe { ext::BIO_get_write_buf_size(bio.as_ptr(), 0) };
        (size(&self.outer), size(&self.inner))
    }

    /// Whether the object was told that nothing more will come.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes bytes that came from the peer, as many as there is room for, and returns how many. None after
    /// [`close`](Self::close).
    ///
    /// C: [`BIO_write(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_write")]
    pub fn feed(&mut self, data: &[u8]) -> usize {
        // A write after the close would leave an entry in the error queue.
        if self.closed { 0 } else { self.write(data) }
    }

    /// Lends the free part of the buffer, or its first piece, to be filled without a copy: by a socket's read, say.
    /// `fill` returns how many bytes it has put there; more than it was lent count as all.
    ///
    /// `fill` is not called if there is no room, or after [`close`](Self::close): that is `Ok(0)`. What the buffer held
    /// before is unspecified.
    ///
    /// # Errors
    ///
    /// Those of `fill`; then nothing was fed.
    ///
    /// C: [`BIO_nwrite(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_nwrite")]
    #[doc(alias = "BIO_nwrite0")]
    pub fn feed_with<E>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        let bio = self.outer.as_ptr();
        if self.write_guarantee() == 0 {
            return Ok(0);
        }
        let mut room: *mut c_char = ptr::null_mut();
        // SAFETY: the BIO is live; it writes the place of its free memory to `room` and returns its length.
        let len = usize::try_from(unsafe { ext::BIO_nwrite0(bio, &raw mut room) }).unwrap_or_default();
        // SAFETY: `len` bytes of the buffer that `initialise` filled. Nobody else uses the pair while `self` is borrowed.
        let filled = fill(unsafe { bytes::lend_mut(room.cast(), len) })?.min(len);
        if filled == 0 {
            return Ok(0);
        }
        let filled = c_int::try_from(filled).unwrap_or(c_int::MAX);
        // SAFETY: the BIO is live, and nothing changed since it lent these bytes.
        let taken = unsafe { ext::BIO_nwrite(bio, &raw mut room, filled) };
        Ok(usize::try_from(taken).unwrap_or_default())
    }

    /// Copies bytes that are to go to the peer into `out`, and returns how many.
    ///
    /// C: [`BIO_read(3)`](https://docs.openssl.org/master/man3/BIO_read/)
    #[doc(alias = "BIO_read")]
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        let len = c_int::try_from(out.len()).unwrap_or(c_int::MAX);
        if len == 0 || self.pending() == 0 {
            return 0;
        }
        // SAFETY: the BIO is live, and writes at most `len` bytes to the slice.
        let read = unsafe { sys::BIO_read(self.outer.as_ptr(), out.as_mut_ptr().cast(), len) };
        usize::try_from(read).unwrap_or_default()
    }

    /// Lends the bytes that are to go to the peer, or their first piece, to be sent without a copy. `send` returns how
    /// many are done with; more than it was lent count as all.
    ///
    /// `send` is not called if there are none: that is `Ok(0)`.
    ///
    /// # Errors
    ///
    /// Those of `send`; then everything still waits.
    ///
    /// C: [`BIO_nread(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_nread")]
    #[doc(alias = "BIO_nread0")]
    pub fn drain_with<E>(&mut self, send: impl FnOnce(&[u8]) -> Result<usize, E>) -> Result<usize, E> {
        let bio = self.outer.as_ptr();
        if self.pending() == 0 {
            return Ok(0);
        }
        let mut data: *mut c_char = ptr::null_mut();
        // SAFETY: the BIO is live; it writes the place of what it holds to `data` and returns its length.
        let len = usize::try_from(unsafe { ext::BIO_nread0(bio, &raw mut data) }).unwrap_or_default();
        // SAFETY: `len` bytes that the object wrote, and nobody else uses the pair while `self` is borrowed.
        let lent = unsafe { bytes::lend(data.cast(), len) }.unwrap_or_default();
        let sent = send(lent)?.min(len);
        if sent == 0 {
            return Ok(0);
        }
        let sent = c_int::try_from(sent).unwrap_or(c_int::MAX);
        // SAFETY: the BIO is live, and nothing changed since it lent these bytes.
        let taken = unsafe { ext::BIO_nread(bio, &raw mut data, sent) };
        Ok(usize::try_from(taken).unwrap_or_default())
    }

    /// All that is to go to the peer.
    pub fn drain_to_vec(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.pending());
        let mut take = |bytes: &[u8]| {
            all.extend_from_slice(bytes);
            Ok::<_, Infallible>(bytes.len())
        };
        while matches!(self.drain_with(&mut take), Ok(1..)) {}
        all
    }

    /// Tells the object that nothing more will come: once it has read what was fed, it finds the end.
    ///
    /// C: [`BIO_shutdown_wr(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_shutdown_wr")]
    pub fn close(&mut self) {
        // SAFETY: the BIO is live.
        unsafe { ext::BIO_shutdown_wr(self.outer.as_ptr()) };
        self.closed = true;
    }

    /// Forgets the object's [`read_request`](Pair::read_request), after a read that was only tried.
    ///
    /// C: [`BIO_ctrl_reset_read_request(3)`](https://docs.openssl.org/master/man3/BIO_s_bio/)
    #[doc(alias = "BIO_ctrl_reset_read_request")]
    pub fn reset_read_request(&mut self) {
        // SAFETY: the BIO is live.
        unsafe { ext::BIO_ctrl_reset_read_request(self.outer.as_ptr()) };
    }

    /// Fills the buffer towards the object once and takes it all back, so that `feed_with` never lends memory that was
    /// not initialised.
    fn initialise(&mut self) {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.write(&ZEROS) > 0 {}
        // SAFETY: the BIO is live; what is in its buffer was never meant to be read.
        unsafe { ext::BIO_reset(self.outer.as_ptr()) };
    }

    fn write(&mut self, data: &[u8]) -> usize {
        let len = c_int::try_from(data.len()).unwrap_or(c_int::MAX);
        if len == 0 {
            return 0;
        }
        // SAFETY: the BIO is live, and copies at most `len` bytes of the slice.
        let written = unsafe { sys::BIO_write(self.outer.as_ptr(), data.as_ptr().cast(), len) };
        usize::try_from(written).unwrap_or_default()
    }
}

impl Pair {
    /// The half that the caller feeds and drains, for C, which then owns it.
    pub(crate) fn into_outer_ptr(self) -> *mut sys::BIO {
        self.outer.into_ptr()
    }
}

impl PairMut<'_> {
    /// As [`Pair::feed`].
    pub fn feed(&mut self, data: &[u8]) -> usize {
        self.pair.feed(data)
    }

    /// As [`Pair::feed_with`].
    ///
    /// # Errors
    ///
    /// Those of `fill`; then nothing was fed.
    pub fn feed_with<E>(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<usize, E>) -> Result<usize, E> {
        self.pair.feed_with(fill)
    }

    /// As [`Pair::drain`].
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        self.pair.drain(out)
    }

    /// As [`Pair::drain_with`].
    ///
    /// # Errors
    ///
    /// Those of `send`; then everything still waits.
    pub fn drain_with<E>(&mut self, send: impl FnOnce(&[u8]) -> Result<usize, E>) -> Result<usize, E> {
        self.pair.drain_with(send)
    }

    /// As [`Pair::drain_to_vec`].
    pub fn drain_to_vec(&mut self) -> Vec<u8> {
        self.pair.drain_to_vec()
    }

    /// As [`Pair::close`].
    pub fn close(&mut self) {
        self.pair.close();
    }

    /// As [`Pair::reset_read_request`].
    pub fn reset_read_request(&mut self) {
        self.pair.reset_read_request();
    }
}

/// What can be asked about the pair.
impl std::ops::Deref for PairMut<'_> {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        self.pair
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (to_ssl, from_ssl) = self.buffer_sizes();
        f.debug_struct("Pair")
            .field("to_ssl", &format_args!("{} of {to_ssl} bytes", self.wpending()))
            .field("from_ssl", &format_args!("{} of {from_ssl} bytes", self.pending()))
            .field("closed", &self.closed)
            .finish()
    }
}

impl fmt::Debug for PairMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PairMut").field(&self.pair).finish()
    }
}

impl sealed::Attach for Pair {
    type Held = Self;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        error::clear();
        match attach::put(ssl, &self.inner) {
            Ok(()) => Ok(self),
            Err(error) => Err((error, self)),
        }
    }

    fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>) {
        attach::take(ssl, held.inner.as_ptr());
        (held, Vec::new())
    }

    fn lend(held: &Self::Held) -> &Self {
        held
    }

    /// What was fed stays in the pair when it is taken out.
    fn has_read_ahead(held: &Self::Held) -> bool {
        held.wpending() > 0
    }

    fn flush(_: &mut Self::Held) -> io::Result<()> {
        Ok(())
    }
}

impl Channel for Pair {
    type Lent<'a> = PairMut<'a>;

    fn lend_mut<'a>(held: &'a mut Self::Held) -> PairMut<'a>
    where
        Self: 'a,
    {
        PairMut { pair: held, together: PhantomData }
    }
}
