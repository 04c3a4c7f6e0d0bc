//! The calls behind C's macros, for what has no method yet.

use std::ffi::{c_int, c_long, c_void};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use super::callbacks::calling;
use crate::ssl::SslRef;

macro_rules! controls {
    ($type:ident, $ctrl:path, $ctrl_name:literal, $callback_ctrl:path, $callback_ctrl_name:literal) => {
        impl $type {
            /// Makes a call as C's macros make it, and returns what C returned. It is the last resort, for a command that has
            /// no method here. What it leaves in the error queue stays there.
            ///
            #[doc = concat!("C: [`", $ctrl_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_ctrl/)")]
            ///
            /// # Safety
            ///
            /// Number and pointer are what the command takes, for as long as C keeps the pointer. What methods of this crate set
            /// (callbacks and their arguments) is not replaced, nor the asynchronous mode turned on.
            #[doc(alias = $ctrl_name)]
            pub unsafe fn ctrl(&mut self, command: c_int, number: c_long, pointer: *mut c_void) -> c_long {
                let object = self.as_ptr();
                // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
                calling(|| unsafe { $ctrl(object, command, number, pointer) })
            }

            /// As [`ctrl`](Self::ctrl), for commands that set a callback.
            ///
            #[doc = concat!("C: [`", $callback_ctrl_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_ctrl/)")]
            ///
            /// # Safety
            ///
            /// As [`ctrl`](Self::ctrl); the callback has the type that the command takes, and may be called on any thread that
            /// the object, or one made from it, is moved to.
            #[doc(alias = $callback_ctrl_name)]
            pub unsafe fn callback_ctrl(
                &mut self,
                command: c_int,
                callback: Option<unsafe extern "C" fn()>,
            ) -> c_long {
                // SAFETY: the object is live and borrowed for writing; the rest by this function's contract.
                unsafe { $callback_ctrl(self.as_ptr(), command, callback) }
            }
        }
    };
}

controls! {
    SslContextBuilderRef, sys::SSL_CTX_ctrl, "SSL_CTX_ctrl", ext::SSL_CTX_callback_ctrl, "SSL_CTX_callback_ctrl"
}
controls!(SslRef, sys::SSL_ctrl, "SSL_ctrl", ext::SSL_callback_ctrl, "SSL_callback_ctrl");
