//! Whose the descriptors of a `BIO_s_connect` are: C loses track of them in places.

use std::ffi::{c_int, c_long};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::handle::BioRef;
use super::object::BioType;
use crate::error::{self, Error, ErrorKind, ErrorStack};
use crate::ffi::compat::sockets;

/// Flags of this crate's own in a connect BIO: its number is of a socket that is closed, and it is to own the next one.
const LOST: c_int = 1 << 24;
const OWNS: c_int = 1 << 25;

impl BioRef {
    /// The datagram BIO of a connect BIO in the chain, if it has one, and whether its descriptor is the connect BIO's own:
    /// after a reset, which closes that, C keeps it.
    pub(super) fn datagrams(&self) -> Option<(*mut sys::BIO, bool)> {
        let connect = self.first_of(BioType::CONNECT)?;
        let mut bio = ptr::null_mut();
        // SAFETY: both BIOs are live, the second as long as the first has it; the out-pointer is to a local.
        let found = unsafe {
            let found = quietly(connect, || sockets::BIO_get0_dgram_bio(connect, &raw mut bio));
            (found == 1 && !bio.is_null()).then(|| {
                let (socket, user) = (descriptor(connect), descriptor(bio));
                (bio, socket >= 0 && socket == user)
            })
        };
        error::clear();
        found
    }

    /// Whether the number that the connect BIO has is of a socket that is closed.
    pub(super) fn is_lost(&self) -> bool {
        // SAFETY: the BIO is live, and the call only reads it.
        self.first_of(BioType::CONNECT).is_some_and(|bio| unsafe { ext::BIO_test_flags(bio, LOST) } != 0)
    }

    /// The descriptor of the connect BIO, whatever its callback would say of it. The queue stays as it is.
    pub(super) fn connect_descriptor(&self) -> Option<c_int> {
        // SAFETY: a live BIO of the chain.
        self.first_of(BioType::CONNECT).map(|bio| unsafe { descriptor(bio) }).filter(|fd| *fd >= 0)
    }

    /// Refuses what would close a descriptor that is in use elsewhere.
    pub(super) fn may_reset(&self, call: &'static str) -> Result<(), Error> {
        let refused = |detail| Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail));
        if self.is_lost() {
            return refused("the socket is closed already");
        }
        match self.datagrams() {
            Some(_) => refused("the datagram BIO would keep a closed descriptor"),
            None => Ok(()),
        }
    }

    /// A connect BIO that had lost its socket gets another one, and owns it.
    ///
    /// # Errors
    ///
    /// Why it has none, or why that is not connected.
    pub(super) fn settle(&mut self, call: &'static str) -> Result<(), Error> {
        if !self.is_lost() {
            return Ok(());
        }
        let Some(connect) = self.find_type_mut(BioType::CONNECT) else { return Ok(()) };
        let (ret, errno) = connect.enter(|bio| {
            // SAFETY: the BIO is live and borrowed for writing.
            unsafe {
                sys::BIO_clear_retry_flags(bio);
                quietly(bio, || {
                    let ret = ext::BIO_do_connect(bio);
                    if !lacks_socket() {
                        if ext::BIO_test_flags(bio, OWNS) != 0 {
                            ext::BIO_set_close(bio, c_long::from(ext::BIO_CLOSE));
                        }
                        sys::BIO_clear_flags(bio, LOST | OWNS);
                    }
                    ret
                })
            }
        });
        if ret > 0 || connect.should_retry() {
            error::clear();
            return Ok(());
        }
        Err(connect.failed(call, c_int::try_from(ret).unwrap_or(-1), errno))
    }
}

/// Between two addresses of a host a connect BIO closes one socket and makes another. Where it cannot, it keeps the number
/// of the first, and would close it again, whosever it is by then. Unless it gets another one, C does not free its settings
/// either when it is dropped. To be called after C, before the queue is cleared.
///
/// # Safety
///
/// `chain` is NULL or live, and nobody else uses it.
pub(crate) unsafe fn disown_lost_socket(chain: *mut sys::BIO) {
    if chain.is_null() || error::is_empty() || !lacks_socket() {
        return;
    }
    // SAFETY: by this function's contract.
    unsafe {
        let Some(connect) = BioRef::from_ptr(chain).connects_beneath_c() else { return };
        if connect.is_lost() || connect.connect_descriptor().is_none() {
            return;
        }
        let connect = connect.as_ptr();
        quietly(connect, || {
            let owns = if ext::BIO_get_close(connect) > 0 { OWNS } else { 0 };
            ext::BIO_set_close(connect, c_long::from(ext::BIO_NOCLOSE));
            sys::BIO_set_flags(connect, LOST | owns);
        });
    }
}

/// Makes calls on a BIO that its callback is not told of, and cannot refuse.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it.
pub(super) unsafe fn quietly<T>(bio: *mut sys::BIO, calls: impl FnOnce() -> T) -> T {
    // SAFETY: by this function's contract.
    unsafe {
        let callback = ext::BIO_get_callback_ex(bio);
        ext::BIO_set_callback_ex(bio, None);
        let result = calls();
        ext::BIO_set_callback_ex(bio, callback);
        result
    }
}

fn lacks_socket() -> bool {
    ErrorStack::peek().has(ext::ERR_LIB_BIO, ext::BIO_R_UNABLE_TO_CREATE_SOCKET)
}

/// The descriptor of a BIO, whatever its callback would say of it. -1 for none.
///
/// # Safety
///
/// `bio` is live, and nobody else uses it.
unsafe fn descriptor(bio: *mut sys::BIO) -> c_int {
    let mut fd = -1;
    // SAFETY: by this function's contract; the out-pointer is to a local.
    if unsafe { quietly(bio, || ext::BIO_get_fd(bio, &raw mut fd)) } < 0 { -1 } else { fd }
}
