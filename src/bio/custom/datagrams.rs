//! From C into the functions of a method: many datagrams in one call, which OpenSSL has since 3.2.

use std::ffi::c_int;
use std::io;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::call::State;
use super::method::BioMethod;
use super::next::{NextBio, Stop};
use crate::bio::object::BioRetry;
use crate::error;
use crate::ffi::bytes;
use crate::ffi::compat::messages::{self, Message};
use crate::ffi::compat::sockets;

/// Sets the two functions. 0 says that it failed.
///
/// # Safety
///
/// `method` is live and no BIO's yet.
pub(super) unsafe fn set<T: BioMethod>(method: *mut sys::BIO_METHOD) -> c_int {
    // SAFETY: by this function's contract; the functions have the types that it documents.
    unsafe {
        c_int::from(
            messages::set_sendmmsg(method, sendmmsg::<T>) != 0
                && messages::set_recvmmsg(method, recvmmsg::<T>) != 0,
        )
    }
}

/// One datagram after another, up to the first that does not go.
///
/// # Safety
///
/// `bio` is live and of this type's method; `stride` bytes apart from `messages` on there are `count` messages of C's, each
/// with `data_len` bytes and addresses that are NULL or live.
unsafe fn each<T: BioMethod>(
    bio: *mut sys::BIO,
    (messages, stride, count): (*mut Message, usize, usize),
    processed: *mut usize,
    (call, retry): (&'static str, BioRetry),
    mut one: impl FnMut(&mut T, &mut NextBio<'_>, &mut Message) -> Result<usize, Stop>,
) -> c_int {
    // SAFETY: by this function's contract.
    unsafe {
        *processed = 0;
        for i in 0..count {
            let message = &mut *messages.cast::<u8>().wrapping_add(i.wrapping_mul(stride)).cast::<Message>();
            let most = message.data_len;
            let done =
                State::<T>::operate(bio, (call, retry), most, |method, next| one(method, next, message));
            match done {
                Ok(len) => {
                    message.data_len = len;
                    message.flags = 0;
                    *processed = i + 1;
                }
                // Something has moved: the rest may be tried again.
                Err(_) if i > 0 => {
                    error::clear();
                    return 1;
                }
                Err(_) => {
                    if ext::BIO_should_retry(bio) != 0 {
                        error::raise(ext::ERR_LIB_BIO, ext::BIO_R_NON_FATAL, call, "");
                    }
                    return 0;
                }
            }
        }
        1
    }
}

unsafe extern "C" fn sendmmsg<T: BioMethod>(
    bio: *mut sys::BIO,
    messages: *mut Message,
    stride: usize,
    count: usize,
    _flags: u64,
    processed: *mut usize,
) -> c_int {
    let call = ("sendmmsg", BioRetry::WRITE);
    // SAFETY: C calls this with a live BIO of this type's method, and its own messages.
    unsafe {
        each::<T>(bio, (messages, stride, count), processed, call, |method, next, message| {
            if !message.peer.is_null() || !message.local.is_null() {
                return Err(Stop::Failed(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "there are no addresses",
                )));
            }
            let data = bytes::lend(message.data.cast(), message.data_len).unwrap_or_default();
            method.send(next, data).map(|()| data.len())
        })
    }
}

unsafe extern "C" fn recvmmsg<T: BioMethod>(
    bio: *mut sys::BIO,
    messages: *mut Message,
    stride: usize,
    count: usize,
    _flags: u64,
    processed: *mut usize,
) -> c_int {
    let call = ("recvmmsg", BioRetry::READ);
    // SAFETY: as in `sendmmsg`. The memory may be uninitialised, and a function may look at it.
    unsafe {
        each::<T>(bio, (messages, stride, count), processed, call, |method, next, message| {
            for address in [message.peer, message.local] {
                if !address.is_null() {
                    sockets::BIO_ADDR_clear(address.cast());
                }
            }
            if !message.data.is_null() {
                std::ptr::write_bytes(message.data.cast::<u8>(), 0, message.data_len);
            }
            method.receive(next, bytes::lend_mut(message.data.cast(), message.data_len))
        })
    }
}
