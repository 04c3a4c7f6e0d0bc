//! Two raw `SSL *` as C has them, over BIO pairs or sockets of C's, and a hand that moves bytes between them a few at a time.

use std::ffi::c_int;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use libssl::{Role, SslContext, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

/// What C has under its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// A BIO pair whose buffers are this large.
    Pair(usize),
    /// A socket that does not block.
    Socket,
}

/// The end of a transport that the object does not have.
enum End {
    Bio(*mut sys::BIO),
    Socket(UnixStream),
}

impl End {
    fn take(&mut self, out: &mut [u8]) -> usize {
        match self {
            // SAFETY: the BIO is live, and writes at most so many bytes.
            Self::Bio(bio) => unsafe {
                let read = sys::BIO_read(*bio, out.as_mut_ptr().cast(), c_int::try_from(out.len()).unwrap());
                usize::try_from(read).unwrap_or(0)
            },
            Self::Socket(stream) => stream.read(out).unwrap_or(0),
        }
    }

    fn give(&mut self, data: &[u8]) -> usize {
        match self {
            // SAFETY: the BIO is live, and reads at most so many bytes.
            Self::Bio(bio) => unsafe {
                let len = c_int::try_from(data.len()).unwrap();
                usize::try_from(sys::BIO_write(*bio, data.as_ptr().cast(), len)).unwrap_or(0)
            },
            Self::Socket(stream) => stream.write(data).unwrap_or(0),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Self::Bio(bio) = self {
            // SAFETY: the reference is ours.
            unsafe { sys::BIO_free_all(*bio) };
        }
    }
}

/// Gives an object that had a BIO pair another one.
pub fn equip_anew(ssl: *mut sys::SSL) -> Wired {
    Wired(equip(ssl, Under::Pair(17_000)))
}

/// What moves bytes between the two objects.
pub struct Wire {
    ends: [End; 2],
    /// What was taken and did not fit.
    left: [Vec<u8>; 2],
    /// All that was taken from each side.
    pub moved: [Vec<u8>; 2],
}

impl Wire {
    /// Moves at most so many bytes each way, and returns how many it moved.
    pub fn move_up_to(&mut self, most: usize) -> usize {
        let mut sum = 0;
        for from in 0..2 {
            if self.left[from].is_empty() {
                let mut buf = vec![0; most];
                let len = self.ends[from].take(&mut buf);
                buf.truncate(len);
                self.moved[from].extend_from_slice(&buf);
                self.left[from] = buf;
            }
            let given = self.ends[1 - from].give(&self.left[from]);
            self.left[from].drain(..given);
            sum += given;
        }
        sum
    }

    /// Moves all there is.
    pub fn move_all(&mut self) {
        while self.move_up_to(1000) > 0 {}
    }
}

/// Gives an object its BIO, and returns the other end.
fn equip(ssl: *mut sys::SSL, under: Under) -> End {
    // SAFETY: the object is live; SSL_set_bio takes the one reference for both directions, and the BIO of the socket the
    // descriptor.
    unsafe {
        match under {
            Under::Pair(size) => {
                let (mut inner, mut outer) = (ptr::null_mut(), ptr::null_mut());
                assert_eq!(ext::BIO_new_bio_pair(&raw mut inner, size, &raw mut outer, size), 1);
                sys::SSL_set_bio(ssl, inner, inner);
                End::Bio(outer)
            }
            Under::Socket => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                ours.set_nonblocking(true).unwrap();
                theirs.set_nonblocking(true).unwrap();
                assert!(ours.as_raw_fd() > 0);
                let bio = sys::BIO_new_socket(ours.into_raw_fd(), 1);
                sys::SSL_set_bio(ssl, bio, bio);
                End::Socket(theirs)
            }
        }
    }
}

/// An object that C made, of a context of ours, with BIOs of C's and its role.
pub fn made_by_c(context: &SslContext, role: Role, under: Under) -> (*mut sys::SSL, Wired) {
    // SAFETY: the context is live; the object is new.
    unsafe {
        let ssl = sys::SSL_new(context.as_ptr());
        assert!(!ssl.is_null());
        match role {
            Role::Client => sys::SSL_set_connect_state(ssl),
            Role::Server => sys::SSL_set_accept_state(ssl),
        }
        (ssl, Wired(equip(ssl, under)))
    }
}

/// A client and a server that [C made](made_by_c), with a wire between them. The client wants `localhost`, which its context
/// demands.
pub fn both_by_c(
    client: &SslContext,
    server: &SslContext,
    under: Under,
) -> (*mut sys::SSL, *mut sys::SSL, Wire) {
    let (client, client_end) = made_by_c(client, Role::Client, under);
    let (server, server_end) = made_by_c(server, Role::Server, under);
    // SAFETY: the object is live and nobody else's.
    unsafe { SslRef::from_ptr_mut(client) }.set_server_name("localhost").unwrap();
    (client, server, wire(client_end, server_end))
}

/// One end, still to be joined to another.
pub struct Wired(End);

impl Wired {
    /// Gives bytes to the object, and returns how many it had room for.
    pub fn give(&mut self, data: &[u8]) -> usize {
        self.0.give(data)
    }

    /// Takes all that the object sent.
    pub fn take_all(&mut self) -> Vec<u8> {
        let mut all = vec![0; 17_000];
        let len = self.0.take(&mut all);
        all.truncate(len);
        all
    }
}

/// Joins two ends.
pub fn wire(one: Wired, other: Wired) -> Wire {
    Wire { ends: [one.0, other.0], left: Default::default(), moved: Default::default() }
}

/// The end that C has of a pair that Rust gave away.
///
/// # Safety
///
/// `bio` is live, with a reference that the caller gives up.
pub unsafe fn end_of(bio: *mut sys::BIO) -> Wired {
    Wired(End::Bio(bio))
}

/// Calls SSL_do_handshake as C does: whether it is done, or `None` for a failure.
pub fn c_shakes(ssl: *mut sys::SSL) -> Option<bool> {
    // SAFETY: the object is live and has both BIOs.
    unsafe {
        sys::ERR_clear_error();
        match sys::SSL_do_handshake(ssl) {
            1 => Some(true),
            ret => match sys::SSL_get_error(ssl, ret) {
                sys::SSL_ERROR_WANT_READ | sys::SSL_ERROR_WANT_WRITE => Some(false),
                _ => None,
            },
        }
    }
}

/// Calls SSL_write as C does, with what is all written.
pub fn c_writes(ssl: *mut sys::SSL, data: &[u8]) {
    assert!(c_tries_to_write(ssl, data), "it waits");
}

/// Calls SSL_write as C does: whether all was written, or it waits and must be called with the same again.
pub fn c_tries_to_write(ssl: *mut sys::SSL, data: &[u8]) -> bool {
    // SAFETY: the object is live, and C reads the bytes.
    unsafe {
        sys::ERR_clear_error();
        let ret = sys::SSL_write(ssl, data.as_ptr().cast(), c_int::try_from(data.len()).unwrap());
        if ret > 0 {
            assert_eq!(usize::try_from(ret), Ok(data.len()));
            return true;
        }
        assert_eq!(sys::SSL_get_error(ssl, ret), sys::SSL_ERROR_WANT_WRITE);
        false
    }
}

/// Calls SSL_read as C does: what came, or the code of SSL_get_error.
pub fn c_reads(ssl: *mut sys::SSL) -> Result<Vec<u8>, c_int> {
    let mut buf = vec![0; 20_000];
    // SAFETY: the object is live, and C writes at most so many bytes.
    unsafe {
        sys::ERR_clear_error();
        let read = sys::SSL_read(ssl, buf.as_mut_ptr().cast(), 20_000);
        if read <= 0 {
            let code = sys::SSL_get_error(ssl, read);
            sys::ERR_clear_error();
            return Err(code);
        }
        buf.truncate(usize::try_from(read).unwrap());
        Ok(buf)
    }
}

/// Reads until nothing more comes: what came, and the code that ended it.
pub fn c_reads_all(ssl: *mut sys::SSL) -> (Vec<u8>, c_int) {
    let mut all = Vec::new();
    loop {
        match c_reads(ssl) {
            Ok(bytes) => all.extend(bytes),
            Err(code) => return (all, code),
        }
    }
}
