//! A stream that is polled, as one that says `WouldBlock`.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use super::PollIo;
use super::wakers::{Source, Wakers};

/// It lies behind the BIO, and holds the tasks' wakers itself: the BIO has no pointer to anything of a task.
pub(super) struct Polled<S, I> {
    pub(super) stream: S,
    pub(super) wakers: Wakers,
    io: PhantomData<fn() -> I>,
}

impl<S, I: PollIo<S>> Polled<S, I> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, wakers: Wakers::default(), io: PhantomData }
    }

    #[inline]
    fn poll<T>(
        &mut self,
        source: Source,
        poll: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T> {
        let answer = poll(&mut self.stream, &mut Context::from_waker(self.wakers.of(source)));
        self.wakers.settle(source, answer)
    }

    pub(super) fn close(&mut self) -> io::Result<()> {
        self.poll(Source::Write, I::poll_close)
    }
}

impl<S, I: PollIo<S>> Read for Polled<S, I> {
    #[inline]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.poll(Source::Read, |stream, task| I::poll_read(stream, task, buf))
    }
}

impl<S, I: PollIo<S>> Write for Polled<S, I> {
    #[inline]
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.poll(Source::Write, |stream, task| I::poll_write(stream, task, buf))
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        self.poll(Source::Write, I::poll_flush)
    }
}
