//! From C into the functions of a method: commands. None touches the retry flags but a flush and what establishes a
//! connection, for libssl asks questions between a read that must wait and SSL_get_error, which reads the flags.

use std::any::TypeId;
use std::ffi::{c_int, c_long, c_void};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::call::{FAILED, State, refuse};
use super::method::BioMethod;
use super::next::NextBio;
use super::table;
use crate::bio::object::{BioRetry, KTLS};

/// The first command that is no OpenSSL's.
const PROGRAMS: c_int = 0x1000;

/// OpenSSL's commands that take a number and answer a number.
const NUMBERS: [c_int; 15] = [
    ext::BIO_C_SET_NBIO,
    ext::BIO_C_FILE_SEEK,
    ext::BIO_C_FILE_TELL,
    ext::BIO_CTRL_DGRAM_MTU_DISCOVER,
    sys::BIO_CTRL_DGRAM_QUERY_MTU,
    ext::BIO_CTRL_DGRAM_GET_MTU,
    ext::BIO_CTRL_DGRAM_SET_MTU,
    ext::BIO_CTRL_DGRAM_MTU_EXCEEDED,
    ext::BIO_CTRL_DGRAM_GET_FALLBACK_MTU,
    ext::BIO_CTRL_DGRAM_GET_MTU_OVERHEAD,
    ext::BIO_CTRL_DGRAM_SET_PEEK_MODE,
    ext::BIO_CTRL_DGRAM_GET_RECV_TIMER_EXP,
    ext::BIO_CTRL_DGRAM_GET_SEND_TIMER_EXP,
    ext::BIO_CTRL_DGRAM_GET_NO_TRUNC,
    ext::BIO_CTRL_DGRAM_SET_NO_TRUNC,
];

pub(super) unsafe extern "C" fn ctrl<T: BioMethod>(
    bio: *mut sys::BIO,
    command: c_int,
    number: c_long,
    pointer: *mut c_void,
) -> c_long {
    // SAFETY: C calls this with a live BIO of this type's method, and the arguments of the command.
    unsafe {
        // The next BIO is asked with the same.
        let forward = || {
            let next = ext::BIO_next(bio);
            if next.is_null() { 0 } else { sys::BIO_ctrl(next, command, number, pointer) }
        };
        match command {
            ext::BIO_CTRL_GET_CLOSE => ext::BIO_get_shutdown(bio).into(),
            ext::BIO_CTRL_SET_CLOSE => {
                ext::BIO_set_shutdown(bio, c_int::from(number != 0));
                1
            }
            ext::BIO_CTRL_DUP => duplicate::<T>(bio, pointer.cast()),
            ext::BIO_CTRL_PUSH | ext::BIO_CTRL_POP | ext::BIO_CTRL_SET_CALLBACK => forward(),
            sys::BIO_CTRL_FLUSH => {
                let mut next = NextBio::new(ext::BIO_next(bio));
                match State::<T>::enter(bio, "flush", |method| method.flush(&mut next)) {
                    Ok(Ok(())) => 1,
                    Ok(Err(stop)) => {
                        sys::BIO_clear_retry_flags(bio);
                        refuse(bio, "flush", BioRetry::WRITE, stop).into()
                    }
                    Err(refused) => refused.into(),
                }
            }
            sys::BIO_CTRL_EOF => match State::<T>::enter(bio, "eof", T::is_at_end) {
                Ok(Some(end)) => end.into(),
                Ok(None) if State::<T>::is_at_end(bio) => 1,
                Ok(None) => forward(),
                // Nothing more comes from it.
                Err(_) => 1,
            },
            ext::BIO_CTRL_PENDING => count(State::<T>::enter(bio, "pending", T::pending), forward),
            ext::BIO_CTRL_WPENDING => count(State::<T>::enter(bio, "wpending", T::wpending), forward),
            ext::BIO_CTRL_RESET => match State::<T>::enter(bio, "reset", T::reset) {
                Ok(Ok(())) if ext::BIO_next(bio).is_null() => 1,
                Ok(Ok(())) => forward(),
                Ok(Err(stop)) => {
                    refuse(bio, "reset", BioRetry::WRITE, stop);
                    0
                }
                Err(refused) => refused.into(),
            },
            ext::BIO_C_DO_STATE_MACHINE => establish::<T>(bio, forward),
            // Asked through shared references, too; and no method in Rust is the kernel's.
            command if KTLS.contains(&command) => forward(),
            _ => match State::<T>::enter(bio, "ctrl", |method| {
                let raw = method.raw_ctrl(command, number, pointer);
                raw.or_else(|| asked(command).then(|| method.ctrl(command, number)).flatten())
            }) {
                Ok(Some(answer)) => answer,
                Ok(None) => forward(),
                Err(refused) => refused.into(),
            },
        }
    }
}

fn asked(command: c_int) -> bool {
    command >= PROGRAMS || NUMBERS.contains(&command)
}

fn count(held: Result<usize, c_int>, forward: impl FnOnce() -> c_long) -> c_long {
    match held {
        Ok(0) => forward(),
        Ok(held) => c_long::try_from(held).unwrap_or(c_long::MAX),
        Err(_) => 0,
    }
}

/// # Safety
///
/// `bio` is live and of this type's method.
unsafe fn establish<T: BioMethod>(bio: *mut sys::BIO, forward: impl FnOnce() -> c_long) -> c_long {
    // SAFETY: by this function's contract.
    unsafe {
        sys::BIO_clear_retry_flags(bio);
        ext::BIO_set_retry_reason(bio, 0);
        match State::<T>::enter(bio, "establish", T::establish) {
            Ok(Some(Ok(()))) => 1,
            Ok(Some(Err(stop))) => refuse(bio, "establish", BioRetry::WRITE, stop).into(),
            Ok(None) => {
                let answer = forward();
                if !ext::BIO_next(bio).is_null() {
                    ext::BIO_copy_next_retry(bio);
                }
                answer
            }
            Err(refused) => refused.into(),
        }
    }
}

/// BIO_dup_chain gives the copy, which `create` has seen. A `BIO_f_prefix` asks the BIO behind it with the copy of itself.
///
/// # Safety
///
/// `bio` is live and of this type's method, and `copy` NULL or live.
unsafe fn duplicate<T: BioMethod>(bio: *mut sys::BIO, copy: *mut sys::BIO) -> c_long {
    // SAFETY: by this function's contract. The copy is nobody's yet.
    unsafe {
        if copy.is_null() || table::type_of(copy) != Some(TypeId::of::<T>()) {
            return 0;
        }
        match State::<T>::enter(bio, "duplicate", T::duplicate) {
            Ok(Some(method)) => {
                State::put(copy, method);
                1
            }
            Ok(_) => 0,
            Err(refused) => refused.into(),
        }
    }
}

pub(super) unsafe extern "C" fn callback_ctrl<T: BioMethod>(
    bio: *mut sys::BIO,
    command: c_int,
    callback: ext::BIO_info_cb,
) -> c_long {
    // SAFETY: C calls this with a live BIO of this type's method.
    unsafe {
        match State::<T>::enter(bio, "callback_ctrl", |method| method.set_info_callback(callback)) {
            Ok(true) => 1,
            Ok(false) => {
                let next = ext::BIO_next(bio);
                if next.is_null() { 0 } else { ext::BIO_callback_ctrl(next, command, callback) }
            }
            Err(_) => c_long::from(FAILED),
        }
    }
}
