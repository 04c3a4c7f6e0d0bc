//! TLS in the kernel: whether it is used, why not, and sending files through it.

use std::ffi::c_int;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use super::phase::Phase;
use super::state::State;
use crate::context::SslOptions;
use crate::error::{self, Error, ErrorKind, SslError};
use crate::ffi::{compat, errno};

/// Why the kernel does not encrypt or decrypt for a connection, so that this process does.
///
/// Nothing is wrong with the connection then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KtlsRefusal {
    /// [`SslOptions::ENABLE_KTLS`] is not set: OpenSSL does not ask the kernel.
    NotEnabled,
    /// The OpenSSL that runs was built without kTLS (`enable-ktls`).
    Build,
    /// The transport is not a TCP socket that OpenSSL itself writes: it takes a [`Socket`](crate::bio::Socket).
    Transport,
    /// The handshake is not done: there are no keys for the kernel yet.
    Handshake,
    /// The kernel has no TLS: on Linux, the module `tls` is not loaded, and this process may not load it.
    Kernel,
    /// OpenSSL or the kernel cannot do it for this direction, protocol version and cipher, or with another setting
    /// of the connection (padding, short records, compression).
    Cipher,
}

impl fmt::Display for KtlsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotEnabled => "kernel TLS is not enabled",
            Self::Build => "this OpenSSL was built without kernel TLS",
            Self::Transport => "the transport is not a TCP socket of OpenSSL's own",
            Self::Handshake => "the handshake is not done",
            Self::Kernel => "the kernel has no TLS",
            Self::Cipher => "kernel TLS cannot do this cipher, protocol version or setting",
        })
    }
}

impl std::error::Error for KtlsRefusal {}

impl SslRef {
    /// Whether the kernel encrypts what this connection sends.
    ///
    /// # Errors
    ///
    /// Why it does not.
    ///
    /// C: [`BIO_get_ktls_send(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_get_ktls_send")]
    pub fn ktls_send(&self) -> Result<(), KtlsRefusal> {
        // SAFETY: the object is live, and its write BIO is NULL or live (get0).
        if unsafe { compat::ktls::sends(sys::SSL_get_wbio(self.as_ptr())) } {
            return Ok(());
        }
        Err(self.ktls_refusal(self.wfd()))
    }

    /// Whether the kernel decrypts what this connection receives.
    ///
    /// # Errors
    ///
    /// Why it does not.
    ///
    /// C: [`BIO_get_ktls_recv(3)`](https://docs.openssl.org/master/man3/BIO_ctrl/)
    #[doc(alias = "BIO_get_ktls_recv")]
    pub fn ktls_recv(&self) -> Result<(), KtlsRefusal> {
        // SAFETY: the object is live, and its read BIO is NULL or live (get0).
        if unsafe { compat::ktls::receives(sys::SSL_get_rbio(self.as_ptr())) } {
            return Ok(());
        }
        Err(self.ktls_refusal(self.rfd()))
    }

    fn ktls_refusal(&self, fd: Option<c_int>) -> KtlsRefusal {
        // SAFETY: the object is live.
        let noted = unsafe { State::of(self.as_ptr()) }.is_some_and(State::may_have_ktls);
        if !noted && !self.options().contains(SslOptions::ENABLE_KTLS) {
            return KtlsRefusal::NotEnabled;
        }
        if !compat::ktls::is_built_in() {
            return KtlsRefusal::Build;
        }
        if !fd.is_some_and(compat::ktls::is_tcp) {
            return KtlsRefusal::Transport;
        }
        // SAFETY: the object is live, and the call only reads it.
        if unsafe { sys::SSL_is_init_finished(self.as_ptr()) } == 0 {
            return KtlsRefusal::Handshake;
        }
        if !compat::ktls::is_in_kernel() {
            return KtlsRefusal::Kernel;
        }
        KtlsRefusal::Cipher
    }

    /// Sends up to `len` bytes of a file, from `offset` on, which the kernel reads and encrypts; how many it took, and 0
    /// at the file's end. `flags` are those of the system's sendfile(2) where it has any; 0 elsewhere.
    ///
    /// [`Connected::sendfile`](crate::Connected::sendfile) does without the kernel where it must. A write that was
    /// suspended is to be finished first: this does not wait for it.
    ///
    /// With [`SslOptions::ENABLE_KTLS_TX_ZEROCOPY_SENDFILE`] the kernel sends the file's own pages: if the file changes
    /// before they are out, the peer finds a broken record, which ends the connection.
    ///
    /// # Errors
    ///
    /// [`SslError`] with every code of SSL_get_error(3), and [`ErrorKind::NotReady`] where the kernel does not
    /// [encrypt](Self::ktls_send), with the reason. A file that cannot be read leaves the connection as it was.
    ///
    /// C: [`SSL_sendfile(3)`](https://docs.openssl.org/master/man3/SSL_write/)
    #[doc(alias = "SSL_sendfile")]
    pub fn sendfile(
        &mut self,
        file: impl AsFd,
        offset: u64,
        len: usize,
        flags: c_int,
    ) -> Result<usize, SslError> {
        const CALL: &str = "SSL_sendfile";
        if let Some(refusal) = self.poison_story(CALL).filter(|_| self.is_poisoned()) {
            return Err(SslError::refused(refusal));
        }
        // C answers that the object is not initialised.
        if let Err(refusal) = self.ktls_send() {
            let error = Error::new(ErrorKind::NotReady, CALL).with_detail(refusal.to_string());
            return Err(SslError::refused(error));
        }
        if len == 0 {
            return Ok(0);
        }
        let Ok(offset) = libc::off_t::try_from(offset) else {
            let error = Error::new(ErrorKind::InvalidInput, CALL);
            return Err(SslError::refused(error.with_detail("the offset is too large for the system")));
        };
        let (fd, mut sent) = (file.as_fd().as_raw_fd(), 0);
        self.call(CALL, Phase::File, |ssl| {
            // SAFETY: the object is live, and the descriptor is open for the call.
            sent = unsafe { ext::SSL_sendfile(ssl, fd, offset, len, flags) };
            if sent < 0 {
                tell_system_error();
            }
            // The file's end is no failure, of which SSL_get_error would make one.
            // SAFETY: the object is live, and the call only reads it.
            let ended = || sent == 0 && unsafe { ext::SSL_want(ssl) } == ext::SSL_NOTHING;
            if sent > 0 || ended() { 1 } else { -1 }
        })?;
        Ok(usize::try_from(sent).unwrap_or_default().min(len))
    }
}

/// OpenSSL before 3.2 takes what the system refused for an object that is not initialised, though it is: it gets the entry
/// that later versions make.
fn tell_system_error() {
    let errno = errno::get();
    // SAFETY: reads this thread's queue.
    let entry = unsafe { sys::ERR_peek_last_error() };
    if errno != 0
        && sys::ERR_GET_LIB(entry) == ext::ERR_LIB_SSL
        && sys::ERR_GET_REASON(entry) == UNINITIALIZED
    {
        error::clear();
        error::raise(sys::ERR_LIB_SYS, errno, "SSL_sendfile", "ktls_sendfile failure");
        errno::set(errno);
    }
}

const UNINITIALIZED: c_int = 276;

/// What the system says of a file that it cannot send, or of a lack that passes: no record was begun.
const OF_THE_FILE: [c_int; 9] = [
    libc::EBADF,
    libc::EINVAL,
    libc::EIO,
    libc::EISDIR,
    libc::ENOMEM,
    libc::ENOSYS,
    libc::EOPNOTSUPP,
    libc::EOVERFLOW,
    libc::ESPIPE,
];

/// Whether SSL_sendfile failed over the file, so that the connection goes on.
pub(super) fn is_of_the_file(error: &Error) -> bool {
    error.call() == "SSL_sendfile" && OF_THE_FILE.contains(&error.errno())
}
