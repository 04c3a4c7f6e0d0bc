//! The functions of a BIO for many datagrams at once, which OpenSSL has since 3.2. Before, nobody calls them.

use std::ffi::c_int;

use openssl_sys as sys;

#[cfg(ossl320)]
pub(crate) use openssl_sys::BIO_MSG as Message;

/// As `BIO_MSG`, which these headers lack.
#[cfg(not(ossl320))]
#[repr(C)]
pub(crate) struct Message {
    pub(crate) data: *mut std::ffi::c_void,
    pub(crate) data_len: usize,
    pub(crate) peer: *mut openssl_sys_ext::BIO_ADDR,
    pub(crate) local: *mut openssl_sys_ext::BIO_ADDR,
    pub(crate) flags: u64,
}

/// As C declares both functions.
pub(crate) type Many =
    unsafe extern "C" fn(*mut sys::BIO, *mut Message, usize, usize, u64, *mut usize) -> c_int;

/// BIO_meth_set_sendmmsg.
///
/// # Safety
///
/// `method` is live and no BIO's yet.
pub(crate) unsafe fn set_sendmmsg(method: *mut sys::BIO_METHOD, function: Many) -> c_int {
    #[cfg(ossl320)]
    // SAFETY: by this function's contract.
    return unsafe { sys::BIO_meth_set_sendmmsg(method, Some(function)) };
    #[cfg(not(ossl320))]
    {
        let _ = (method, function);
        1
    }
}

/// BIO_meth_set_recvmmsg.
///
/// # Safety
///
/// As [`set_sendmmsg`].
pub(crate) unsafe fn set_recvmmsg(method: *mut sys::BIO_METHOD, function: Many) -> c_int {
    #[cfg(ossl320)]
    // SAFETY: by this function's contract.
    return unsafe { sys::BIO_meth_set_recvmmsg(method, Some(function)) };
    #[cfg(not(ossl320))]
    {
        let _ = (method, function);
        1
    }
}
