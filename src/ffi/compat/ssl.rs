//! Calls on SSL objects that not every OpenSSL has. Where one is missing, the answer names what has it.

use std::ffi::{c_char, c_int, c_uint};

use openssl_sys as sys;
#[allow(unused_imports)] // by what these headers have
use openssl_sys_ext as ext;

use crate::error::Error;

/// The C calls below have the contract of the function they are named after; `ssl` is live.
macro_rules! gated {
    (
        $(#[$doc:meta])*
        $name:ident($($arg:ident: $type:ty),*) -> $result:ty,
        $gate:meta, $call:literal needs $needs:literal, $body:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// The object is live, and each other pointer is what C writes or reads.
        pub(crate) unsafe fn $name($($arg: $type),*) -> Result<$result, Error> {
            #[cfg($gate)]
            // SAFETY: by this function's contract.
            return Ok(unsafe { $body });
            #[cfg(not($gate))]
            {
                let _ = ($($arg,)*);
                return Err(Error::unsupported($call, $needs));
            }
        }
    };
}

gated! {
    /// SSL_get_handshake_rtt.
    handshake_rtt(ssl: *const sys::SSL, micros: *mut u64) -> c_int,
    not(absent = "SSL_get_handshake_rtt"), "SSL_get_handshake_rtt" needs "OpenSSL 3.2",
    ext::SSL_get_handshake_rtt(ssl, micros)
}

gated! {
    /// SSL_get0_alpn_protos.
    alpn_protos(ssl: *mut sys::SSL, data: *mut *const u8, len: *mut c_uint) -> (),
    not(absent = "SSL_get0_alpn_protos"), "SSL_get0_alpn_protos" needs "OpenSSL 4.0",
    ext::SSL_get0_alpn_protos(ssl, data, len)
}

gated! {
    /// SSL_get0_next_proto_negotiated.
    npn_negotiated(ssl: *const sys::SSL, data: *mut *const u8, len: *mut c_uint) -> (),
    not(absent = "SSL_get0_next_proto_negotiated"),
    "SSL_get0_next_proto_negotiated" needs "an OpenSSL built without no-nextprotoneg",
    ext::SSL_get0_next_proto_negotiated(ssl, data, len)
}

gated! {
    /// SSL_get0_iana_groups.
    iana_groups(ssl: *mut sys::SSL, list: *mut *const u16) -> c_int,
    not(absent = "SSL_get0_iana_groups"), "SSL_get0_iana_groups" needs "OpenSSL 3.2",
    ext::SSL_get0_iana_groups(ssl, list)
}

gated! {
    /// SSL_get0_signature_name.
    signature_name(ssl: *mut sys::SSL, name: *mut *const c_char) -> c_int,
    not(absent = "SSL_get0_signature_name"), "SSL_get0_signature_name" needs "OpenSSL 3.5",
    ext::SSL_get0_signature_name(ssl, name)
}

gated! {
    /// SSL_get0_peer_signature_name.
    peer_signature_name(ssl: *mut sys::SSL, name: *mut *const c_char) -> c_int,
    not(absent = "SSL_get0_peer_signature_name"), "SSL_get0_peer_signature_name" needs "OpenSSL 3.5",
    ext::SSL_get0_peer_signature_name(ssl, name)
}

gated! {
    /// SSL_get0_sigalg.
    sigalg(ssl: *mut sys::SSL, index: c_int, code: *mut c_uint, name: *mut *const c_char) -> c_int,
    not(absent = "SSL_get0_sigalg"), "SSL_get0_sigalg" needs "OpenSSL 4.0",
    ext::SSL_get0_sigalg(ssl, index, code, name)
}

gated! {
    /// SSL_get0_shared_sigalg.
    shared_sigalg(ssl: *mut sys::SSL, index: c_int, code: *mut c_uint, name: *mut *const c_char) -> c_int,
    not(absent = "SSL_get0_shared_sigalg"), "SSL_get0_shared_sigalg" needs "OpenSSL 4.0",
    ext::SSL_get0_shared_sigalg(ssl, index, code, name)
}

gated! {
    /// SSL_get1_builtin_sigalgs of the default library context: the caller frees the string.
    builtin_sigalgs() -> *mut c_char,
    not(absent = "SSL_get1_builtin_sigalgs"), "SSL_get1_builtin_sigalgs" needs "OpenSSL 3.4",
    ext::SSL_get1_builtin_sigalgs(std::ptr::null_mut())
}

gated! {
    /// SSL_write_ex2.
    write_ex2(ssl: *mut sys::SSL, data: *const u8, len: usize, flags: u64, written: *mut usize) -> c_int,
    ossl330, "SSL_write_ex2" needs "OpenSSL 3.3",
    sys::SSL_write_ex2(ssl, data.cast(), len, flags, written)
}

gated! {
    /// SSL_shutdown_ex, with an error code and a reason for QUIC's peer (or NULL).
    shutdown_ex(ssl: *mut sys::SSL, flags: u64, code: u64, reason: *const c_char) -> c_int,
    ossl320, "SSL_shutdown_ex" needs "OpenSSL 3.2",
    {
        let args = sys::SSL_SHUTDOWN_EX_ARGS { quic_error_code: code, quic_reason: reason };
        sys::SSL_shutdown_ex(ssl, flags, &raw const args, size_of_val(&args))
    }
}

gated! {
    /// SSL_set_fd.
    set_fd(ssl: *mut sys::SSL, fd: c_int) -> c_int,
    not(absent = "SSL_set_fd"), "SSL_set_fd" needs "an OpenSSL built with sockets",
    ext::SSL_set_fd(ssl, fd)
}

gated! {
    /// SSL_set_rfd.
    set_rfd(ssl: *mut sys::SSL, fd: c_int) -> c_int,
    not(absent = "SSL_set_rfd"), "SSL_set_rfd" needs "an OpenSSL built with sockets",
    ext::SSL_set_rfd(ssl, fd)
}

gated! {
    /// SSL_set_wfd.
    set_wfd(ssl: *mut sys::SSL, fd: c_int) -> c_int,
    not(absent = "SSL_set_wfd"), "SSL_set_wfd" needs "an OpenSSL built with sockets",
    ext::SSL_set_wfd(ssl, fd)
}

/// Whether this OpenSSL has SSL_shutdown_ex.
pub(crate) fn has_shutdown_ex() -> Result<(), Error> {
    if cfg!(ossl320) { Ok(()) } else { Err(Error::unsupported("SSL_shutdown_ex", "OpenSSL 3.2")) }
}

/// Whether this OpenSSL has SSL_write_ex2.
pub(crate) fn has_write_ex2() -> Result<(), Error> {
    if cfg!(ossl330) { Ok(()) } else { Err(Error::unsupported("SSL_write_ex2", "OpenSSL 3.3")) }
}

/// Whether the object speaks TLS over a stream: neither DTLS nor QUIC.
///
/// # Safety
///
/// `ssl` is live.
pub(crate) unsafe fn is_tls(ssl: *const sys::SSL) -> bool {
    #[cfg(not(absent = "SSL_is_tls"))]
    // SAFETY: the object is live, and the call only reads it.
    return unsafe { ext::SSL_is_tls(ssl) } == 1;
    #[cfg(absent = "SSL_is_tls")]
    // SAFETY: as above. Before 3.2 there is no QUIC, so what is not DTLS is TLS.
    return unsafe { ext::SSL_is_dtls(ssl) } == 0;
}

/// The name of the group that was negotiated, or NULL.
///
/// # Safety
///
/// `ssl` is live and has a session, without which C reads NULL.
pub(crate) unsafe fn group_name(ssl: *mut sys::SSL) -> *const c_char {
    #[cfg(ossl320)]
    // SAFETY: by this function's contract.
    return unsafe { sys::SSL_get0_group_name(ssl) };
    #[cfg(not(ossl320))]
    // SAFETY: by this function's contract. The number may be NID_undef, which has no name.
    return unsafe { ext::SSL_group_to_name(ssl, ext::SSL_get_negotiated_group(ssl)) };
}

gated! {
    /// SSL_client_hello_get_extension_order.
    extension_order(ssl: *mut sys::SSL, order: *mut u16, len: *mut usize) -> c_int,
    not(absent = "SSL_client_hello_get_extension_order"),
    "SSL_client_hello_get_extension_order" needs "OpenSSL 3.2",
    ext::SSL_client_hello_get_extension_order(ssl, order, len)
}
