//! Sending files: by the kernel where it has TLS, else by reading and writing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::{CHUNK, Connected};
use crate::bio::Channel;
use crate::error::{Error, ErrorKind};
use crate::ssl::KtlsRefusal;

/// What one call of [`Connected::sendfile`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it may be less than was asked for"]
#[non_exhaustive]
pub struct Sendfile {
    /// How many bytes of the file were taken: 0 at its end. They are sent as those are that
    /// [`write`](std::io::Write::write) took.
    pub bytes: usize,
    /// Why this process read and encrypted them; `None` if the kernel did.
    pub copied: Option<KtlsRefusal>,
}

impl<C: Channel> Connected<C> {
    /// Sends up to `len` bytes of a file, from `offset` on. Where the connection uses kernel TLS the kernel reads and
    /// encrypts them, and they never come into this process: that takes a [`Socket`](crate::bio::Socket), the option
    /// [`ENABLE_KTLS`](crate::context::SslOptions::ENABLE_KTLS), and an OpenSSL, a kernel and a cipher that can do it.
    /// Elsewhere they are read and written here, and the answer says why.
    ///
    /// The file's own position is neither used nor changed. Fewer bytes than `len` may be sent: go on from there. A call
    /// on a channel that blocks returns when all went out or the file ended, or when the kernel has taken a part.
    ///
    /// With [`ENABLE_KTLS_TX_ZEROCOPY_SENDFILE`](crate::context::SslOptions::ENABLE_KTLS_TX_ZEROCOPY_SENDFILE) (from OpenSSL
    /// 3.2) the kernel sends the file's own pages: a file that changes meanwhile ends the connection.
    ///
    /// # Errors
    ///
    /// As those of [`write`](std::io::Write::write): a suspension is [`WouldBlock`](io::ErrorKind::WouldBlock), of which
    /// nothing was taken, and [`wants`](Self::wants) tells what for. A file that cannot be read is the system's error, and
    /// the connection goes on.
    ///
    /// C: [`SSL_sendfile(3)`](https://docs.openssl.org/master/man3/SSL_write/)
    #[doc(alias = "SSL_sendfile")]
    pub fn sendfile(&mut self, file: &File, offset: u64, len: usize) -> io::Result<Sendfile> {
        const CALL: &str = "SSL_sendfile";
        self.want = None;
        if let Err(error) = self.finish_write() {
            return Err(self.suspend_or_fail(error));
        }
        if let Some(refusal) = self.link.ssl.poison_story(CALL) {
            return Err(refusal.into());
        }
        match self.link.ssl.ktls_send() {
            Ok(()) => match self.link.ssl.sendfile(file, offset, len, 0) {
                Ok(bytes) => Ok(Sendfile { bytes, copied: None }),
                Err(error) => Err(self.suspend_or_fail(error)),
            },
            Err(refusal) => {
                let bytes = self.copy_file(file, offset, len)?;
                Ok(Sendfile { bytes, copied: Some(refusal) })
            }
        }
    }

    /// Reads and writes piece by piece, until the channel has no more room.
    fn copy_file(&mut self, file: &File, offset: u64, len: usize) -> io::Result<usize> {
        let mut piece = vec![0; len.min(CHUNK)];
        let mut copied = 0;
        while copied < len && self.want.is_none() {
            let at = offset.checked_add(copied as u64).filter(|at| i64::try_from(*at).is_ok());
            let outcome = at.ok_or_else(too_far).and_then(|at| {
                let room = piece.len().min(len - copied);
                let read = read_at(file, &mut piece[..room], at)?;
                if read == 0 { Ok(0) } else { self.send_all(&piece[..read]) }
            });
            match outcome {
                Ok(0) => break,
                Ok(sent) => copied += sent,
                // What failed for good fails again in the next call.
                Err(_) if copied > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(copied)
    }

    /// One piece, of which nothing is left where the channel has room. How much of it was taken.
    fn send_all(&mut self, piece: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(rest) = piece.get(taken..).filter(|rest| !rest.is_empty()) {
            match self.send(rest) {
                Ok(sent) => taken += sent,
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
            if self.want.is_some() {
                break;
            }
        }
        Ok(taken)
    }
}

fn read_at(file: &File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buf, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn too_far() -> io::Error {
    Error::new(ErrorKind::InvalidInput, "SSL_sendfile")
        .with_detail("the offset is too large for the system")
        .into()
}
