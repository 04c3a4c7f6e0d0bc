//! The BIOs that make sockets, under C's names. An OpenSSL built with no-sock has none of them, and then nothing here is
//! reached but the constructors, which say so.
#![allow(non_snake_case)]

use std::ffi::{c_char, c_int, c_long, c_ushort, c_void};
#[allow(unused_imports)] // by what these headers have
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::Error;

/// Each function as C has it, and what it answers where it is missing.
macro_rules! gated {
    ($($name:literal $function:ident($($argument:ident: $kind:ty),*) -> $answer:ty, or $missing:expr;)*) => {$(
        /// # Safety
        ///
        /// As C's.
        pub(crate) unsafe fn $function($($argument: $kind),*) -> $answer {
            #[cfg(not(absent = $name))]
            // SAFETY: by this function's contract.
            return unsafe { ext::$function($($argument),*) };
            #[cfg(absent = $name)]
            {
                let _ = ($($argument,)*);
                $missing
            }
        }
    )*};
}

gated! {
    "BIO_s_connect" BIO_s_connect() -> *const sys::BIO_METHOD, or ptr::null();
    "BIO_s_accept" BIO_s_accept() -> *const sys::BIO_METHOD, or ptr::null();
    "BIO_new_connect" BIO_new_connect(host_port: *const c_char) -> *mut sys::BIO, or ptr::null_mut();
    "BIO_new_accept" BIO_new_accept(host_port: *const c_char) -> *mut sys::BIO, or ptr::null_mut();

    "BIO_set_conn_hostname" BIO_set_conn_hostname(bio: *mut sys::BIO, name: *const c_char) -> c_long, or 0;
    "BIO_set_conn_port" BIO_set_conn_port(bio: *mut sys::BIO, port: *const c_char) -> c_long, or 0;
    "BIO_set_conn_address" BIO_set_conn_address(bio: *mut sys::BIO, address: *const ext::BIO_ADDR) -> c_long, or 0;
    "BIO_set_conn_ip_family" BIO_set_conn_ip_family(bio: *mut sys::BIO, family: c_long) -> c_long, or 0;
    "BIO_set_conn_mode" BIO_set_conn_mode(bio: *mut sys::BIO, mode: c_int) -> c_long, or 0;
    "BIO_get_conn_hostname" BIO_get_conn_hostname(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_conn_port" BIO_get_conn_port(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_conn_address" BIO_get_conn_address(bio: *mut sys::BIO) -> *const ext::BIO_ADDR, or ptr::null();
    "BIO_get_conn_ip_family" BIO_get_conn_ip_family(bio: *mut sys::BIO) -> c_long, or 0;
    "BIO_get_conn_mode" BIO_get_conn_mode(bio: *mut sys::BIO) -> c_int, or 0;
    "BIO_set_sock_type" BIO_set_sock_type(bio: *mut sys::BIO, kind: c_int) -> c_int, or 0;
    "BIO_get_sock_type" BIO_get_sock_type(bio: *mut sys::BIO) -> c_int, or 0;
    "BIO_set_tfo" BIO_set_tfo(bio: *mut sys::BIO, on: c_int) -> c_int, or 0;
    "BIO_get0_dgram_bio" BIO_get0_dgram_bio(bio: *mut sys::BIO, dgram: *mut *mut sys::BIO) -> c_long, or 0;
    "BIO_set_send_flags" BIO_set_send_flags(bio: *mut sys::BIO, flags: c_int) -> c_long, or 0;

    "BIO_set_accept_name" BIO_set_accept_name(bio: *mut sys::BIO, name: *const c_char) -> c_long, or 0;
    "BIO_set_accept_port" BIO_set_accept_port(bio: *mut sys::BIO, port: *const c_char) -> c_long, or 0;
    "BIO_set_accept_ip_family" BIO_set_accept_ip_family(bio: *mut sys::BIO, family: c_long) -> c_long, or 0;
    "BIO_set_nbio_accept" BIO_set_nbio_accept(bio: *mut sys::BIO, on: c_int) -> c_int, or 0;
    "BIO_set_bind_mode" BIO_set_bind_mode(bio: *mut sys::BIO, mode: c_long) -> c_long, or 0;
    "BIO_get_bind_mode" BIO_get_bind_mode(bio: *mut sys::BIO) -> c_long, or 0;
    "BIO_set_accept_bios" BIO_set_accept_bios(bio: *mut sys::BIO, chain: *mut sys::BIO) -> c_long, or 0;
    "BIO_get_accept_name" BIO_get_accept_name(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_accept_port" BIO_get_accept_port(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_peer_name" BIO_get_peer_name(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_peer_port" BIO_get_peer_port(bio: *mut sys::BIO) -> *const c_char, or ptr::null();
    "BIO_get_accept_ip_family" BIO_get_accept_ip_family(bio: *mut sys::BIO) -> c_long, or 0;

    "BIO_ADDR_new" BIO_ADDR_new() -> *mut ext::BIO_ADDR, or ptr::null_mut();
    "BIO_ADDR_free" BIO_ADDR_free(address: *mut ext::BIO_ADDR) -> (), or ();
    "BIO_ADDR_clear" BIO_ADDR_clear(address: *mut ext::BIO_ADDR) -> (), or ();
    "BIO_ADDR_family" BIO_ADDR_family(address: *const ext::BIO_ADDR) -> c_int, or 0;
    "BIO_ADDR_rawport" BIO_ADDR_rawport(address: *const ext::BIO_ADDR) -> c_ushort, or 0;
    "BIO_ADDR_rawaddress" BIO_ADDR_rawaddress(
        address: *const ext::BIO_ADDR, out: *mut c_void, len: *mut usize
    ) -> c_int, or 0;
    "BIO_ADDR_rawmake" BIO_ADDR_rawmake(
        address: *mut ext::BIO_ADDR, family: c_int, data: *const c_void, len: usize, port: c_ushort
    ) -> c_int, or 0;

    "BIO_sock_error" BIO_sock_error(fd: c_int) -> c_int, or libc::ENOSYS;
    "BIO_sock_should_retry" BIO_sock_should_retry(ret: c_int) -> c_int, or 0;
    "BIO_sock_non_fatal_error" BIO_sock_non_fatal_error(errno: c_int) -> c_int, or 0;
    "BIO_socket_wait" BIO_socket_wait(fd: c_int, for_read: c_int, until: libc::time_t) -> c_int, or -1;
}

/// # Safety
///
/// As C's.
pub(crate) unsafe fn BIO_new_socket(fd: c_int, close: c_int) -> *mut sys::BIO {
    #[cfg(not(absent = "BIO_s_socket"))]
    // SAFETY: by this function's contract.
    return unsafe { sys::BIO_new_socket(fd, close) };
    #[cfg(absent = "BIO_s_socket")]
    {
        let _ = (fd, close);
        ptr::null_mut()
    }
}

/// Refuses what OpenSSL has since 3.2 only.
pub(crate) fn need_since_3_2(call: &'static str) -> Result<(), Error> {
    if cfg!(absent = "BIO_set_sock_type") {
        return Err(Error::unsupported(call, "OpenSSL 3.2"));
    }
    Ok(())
}

/// Refuses what OpenSSL has since 4.0 only.
pub(crate) fn need_since_4_0(call: &'static str) -> Result<(), Error> {
    if cfg!(absent = "BIO_set_send_flags") {
        return Err(Error::unsupported(call, "OpenSSL 4.0"));
    }
    Ok(())
}

/// Refuses what an OpenSSL built without sockets lacks.
pub(crate) fn need(call: &'static str) -> Result<(), Error> {
    if cfg!(absent = "BIO_s_connect") {
        return Err(Error::unsupported(call, "an OpenSSL built with sockets"));
    }
    Ok(())
}
