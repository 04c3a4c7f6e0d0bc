//! Any `Read + Write` as a channel.

use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use openssl_sys as sys;

use super::ahead::Buffer;
use super::core::{Calls, Core, unplain};
use super::handle::Bio;
use super::{Channel, attach, method, sealed, trusted};
use crate::error::Error;
use crate::ffi::panics;
use crate::ssl::SslRef;

/// A channel that carries a stream: the stream itself, or [`ReadAhead`](super::ReadAhead) around one.
pub trait Carried {
    type Stream: Read + Write;

    fn stream(&mut self) -> &mut Self::Stream;

    fn buffer(&mut self) -> Result<Option<Buffer>, Error>;

    /// Whether its stream keeps the contract of [`Trusted::new`](super::Trusted::new).
    fn is_trusted(&self) -> bool;
}

impl<S: Read + Write> Carried for S {
    type Stream = S;

    fn stream(&mut self) -> &mut S {
        self
    }

    fn buffer(&mut self) -> Result<Option<Buffer>, Error> {
        Ok(None)
    }

    fn is_trusted(&self) -> bool {
        trusted::is_socket::<S>()
    }
}

/// What the data of a BIO points to. The core comes first, so that the trampolines find it whatever `T` is.
#[repr(C)]
struct State<T> {
    core: Core,
    channel: T,
}

impl<T: Carried> State<T> {
    const CALLS: Calls = Calls { read: Self::read, write: Self::write, flush: Self::flush, free: Self::free };

    fn new(channel: T, ahead: Option<Buffer>) -> NonNull<Self> {
        let core = Core::new(&Self::CALLS, ahead, channel.is_trusted());
        let state = Box::new(Self { core, channel });
        NonNull::from(Box::leak(state))
    }

    /// # Safety
    ///
    /// `core` is that of a live `State<T>` whose channel nobody else uses for `'a`.
    unsafe fn stream<'a>(core: NonNull<Core>) -> &'a mut T::Stream
    where
        T: 'a,
    {
        let state = core.cast::<Self>().as_ptr();
        // SAFETY: the core is the first field; only the channel is borrowed.
        unsafe { &mut (*state).channel }.stream()
    }

    unsafe fn read(core: NonNull<Core>, buf: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the callers of `Calls` have the core, and so its state, for themselves.
        unsafe { Self::stream(core) }.read(buf)
    }

    unsafe fn write(core: NonNull<Core>, buf: &[u8]) -> io::Result<usize> {
        // SAFETY: as above.
        unsafe { Self::stream(core) }.write(buf)
    }

    unsafe fn flush(core: NonNull<Core>) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { Self::stream(core) }.flush()
    }

    unsafe fn free(core: NonNull<Core>) {
        // SAFETY: the state came from a box in `new`, and its BIO gives it up.
        panics::drop_contained(unsafe { Box::from_raw(core.cast::<Self>().as_ptr()) });
    }
}

/// A channel in use. It owns the stream: a BIO that outlives it finds none, so that what the stream borrows may end.
pub struct StreamHeld<T> {
    bio: Bio,
    state: NonNull<State<T>>,
    owned: PhantomData<State<T>>,
}

// SAFETY: it owns a `T`. The BIO counts its references atomically, and the object that uses it moves together with this.
unsafe impl<T: Send> Send for StreamHeld<T> {}
// SAFETY: a shared reference only lends `&T`.
unsafe impl<T: Sync> Sync for StreamHeld<T> {}

impl<T: Carried> StreamHeld<T> {
    /// Puts a channel behind a BIO that nobody uses yet.
    pub(super) fn new(mut channel: T) -> Result<Self, (Error, T)> {
        let (bio, ahead) = match method::new_bio().and_then(|bio| Ok((bio, channel.buffer()?))) {
            Ok(parts) => parts,
            Err(error) => return Err((error, channel)),
        };
        let state = State::new(channel, ahead);
        // SAFETY: the state is live until this value is dropped or taken apart, which takes it from the BIO first.
        unsafe { method::set_core(&bio, state.cast()) };
        Ok(Self { bio, state, owned: PhantomData })
    }

    /// # Safety
    ///
    /// As [`sealed::Attach::attach`].
    pub(super) unsafe fn attach(channel: T, ssl: &mut SslRef) -> Result<Self, (Error, T)> {
        let held = Self::new(channel)?;
        match attach::put(ssl, &held.bio) {
            Ok(()) => Ok(held),
            Err(error) => Err((error, held.into_channel().0)),
        }
    }

    pub(super) fn detach(self, ssl: &mut SslRef) -> (T, Vec<u8>) {
        attach::take(ssl, self.bio.as_ptr());
        let (channel, ahead) = self.into_channel();
        (channel, ahead.map(|ahead| ahead.unread().to_vec()).unwrap_or_default())
    }

    #[cfg(test)]
    pub(super) fn bio(&self) -> &Bio {
        &self.bio
    }

    pub(super) fn channel(&self) -> &T {
        // SAFETY: the state is live, and C does not use it while this is borrowed: calls into C borrow the object and
        // this together, for writing.
        unsafe { &(*self.state.as_ptr()).channel }
    }

    pub(super) fn channel_mut(&mut self) -> &mut T {
        // SAFETY: as in `channel`, and this is borrowed for writing.
        unsafe { &mut (*self.state.as_ptr()).channel }
    }

    pub(super) fn has_read_ahead(&self) -> bool {
        // SAFETY: as in `channel`.
        unsafe { self.state.cast::<Core>().as_ref() }.has_read_ahead()
    }

    pub(super) fn fill(&mut self) -> io::Result<()> {
        // SAFETY: as in `channel_mut`.
        unsafe { Core::fill_for_user(self.state.cast()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        // SAFETY: as in `channel_mut`.
        unsafe { Core::flush_for_user(self.state.cast()) }
    }

    /// Leaves the channel to the BIO, which frees it when it dies.
    pub(super) fn leave(self) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, and the reference is moved out once. The state is the BIO's from here on.
        drop(unsafe { ptr::read(&this.bio) });
    }

    pub(super) fn into_channel(self) -> (T, Option<Buffer>) {
        let this = ManuallyDrop::new(self);
        method::forget_core(&this.bio);
        // SAFETY: the BIO let go of the state, and `this` is not dropped: each field is moved out once.
        let (bio, state) = unsafe { (ptr::read(&this.bio), Box::from_raw(this.state.as_ptr())) };
        drop(bio);
        let State { core, channel } = *state;
        (channel, core.ahead)
    }
}

impl<T> fmt::Debug for StreamHeld<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHeld").field("bio", &self.bio).finish_non_exhaustive()
    }
}

impl<T> Drop for StreamHeld<T> {
    fn drop(&mut self) {
        method::forget_core(&self.bio);
        // SAFETY: the BIO let go of the state, which came from a box.
        panics::drop_contained(unsafe { Box::from_raw(self.state.as_ptr()) });
    }
}

impl<S: Read + Write> sealed::Attach for S {
    type Held = StreamHeld<S>;

    unsafe fn attach(self, ssl: &mut SslRef) -> Result<Self::Held, (Error, Self)> {
        // SAFETY: by this function's contract.
        unsafe { StreamHeld::attach(self, ssl) }
    }

    fn detach(held: Self::Held, ssl: &mut SslRef) -> (Self, Vec<u8>) {
        held.detach(ssl)
    }

    fn lend(held: &Self::Held) -> &Self {
        held.channel()
    }

    fn has_read_ahead(_: &Self::Held) -> bool {
        false
    }

    fn flush(held: &mut Self::Held) -> io::Result<()> {
        held.flush()
    }
}

impl<S: Read + Write> Channel for S {
    type Lent<'a>
        = &'a mut S
    where
        S: 'a;

    fn lend_mut<'a>(held: &'a mut Self::Held) -> &'a mut S
    where
        S: 'a,
    {
        held.channel_mut()
    }
}

/// Gives an object a stream, which then belongs to the object's BIOs and is dropped with them.
pub(crate) fn set_stream<S: Read + Write + Send + 'static>(ssl: &mut SslRef, stream: S) -> Result<(), Error> {
    let bio = method::new_bio()?;
    // SAFETY: the state lives until the BIO dies, which frees it, on whatever thread: `Send` and `'static`.
    unsafe { method::set_core(&bio, State::new(stream, None).cast()) };
    attach::put(ssl, &bio)
}

/// The error that a transport written in Rust returned in the last call into C on this thread, unchanged. The first of
/// the call, if there were several. `WouldBlock` is none: it is a suspension.
pub(crate) fn take_transport_error(ssl: &SslRef) -> Option<io::Error> {
    take(ssl, Core::take_failure)
}

/// Whether the call that ended last failed in the transport.
pub(crate) fn has_transport_error(ssl: &SslRef) -> bool {
    take(ssl, |core, call| core.has_failure(call).then(|| io::ErrorKind::Other.into())).is_some()
}

/// As [`take_transport_error`], for the `WouldBlock` or `TimedOut` that a suspension goes back to.
pub(crate) fn take_suspension(ssl: &SslRef) -> Option<io::Error> {
    match panics::last_suspension() {
        Some(number) => Some(unplain(number)),
        None => take(ssl, Core::take_suspension),
    }
}

fn take(ssl: &SslRef, from: fn(&mut Core, u64) -> Option<io::Error>) -> Option<io::Error> {
    let call = panics::last_call()?;
    // SAFETY: the object is live; get0.
    let bios = unsafe { [sys::SSL_get_rbio(ssl.as_ptr()), sys::SSL_get_wbio(ssl.as_ptr())] };
    bios.into_iter().find_map(|bio| {
        // SAFETY: NULL, or live as long as the object. The caller has just made a call on it, so nobody else uses it,
        // and no user's code runs while the core is borrowed.
        unsafe { method::find_core(bio).and_then(|mut core| from(core.as_mut(), call)) }
    })
}
