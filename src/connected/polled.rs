//! What a connection that is polled needs of the one below.

use std::io;
use std::mem::MaybeUninit;

use super::Connected;
use crate::bio::Channel;

impl<C: Channel> Connected<C> {
    /// As [`Read::read`](io::Read::read), into memory that need not be initialised: so many bytes of it are, afterwards.
    #[inline]
    pub(crate) fn read_uninit(&mut self, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        self.receive(buf.len(), |ssl| ssl.read_uninit(buf))
    }
}
