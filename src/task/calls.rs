//! What one poll of a [`TlsStream`] does, for the traits of each world.

use std::io::{self, IoSlice, Write};
use std::task::{Context, Poll};

use super::wakers::Side;
use super::{PollIo, TlsStream};

impl<S, I: PollIo<S>> TlsStream<S, I> {
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_read_uninit(
        &mut self,
        task: &mut Context<'_>,
        buf: &mut [std::mem::MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(Side::Reader, task, |connected| connected.read_uninit(buf))
    }

    #[cfg(feature = "futures-io")]
    pub(crate) fn poll_read_now(
        &mut self,
        task: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(Side::Reader, task, |connected| io::Read::read(connected, buf))
    }

    pub(crate) fn poll_write_now(&mut self, task: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_with(Side::Writer, task, |connected| connected.write(buf))
    }

    pub(crate) fn poll_write_vectored_now(
        &mut self,
        task: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(Side::Writer, task, |connected| connected.write_vectored(bufs))
    }

    pub(crate) fn poll_flush_now(&mut self, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_with(Side::Writer, task, Write::flush)
    }
}
