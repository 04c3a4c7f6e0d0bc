//! What stores and the settings of verifications can do on some versions only.

use std::ffi::{c_char, c_int};

use openssl_sys as sys;
#[allow(unused_imports)] // by what these headers have
use openssl_sys_ext as ext;

use crate::error::Error;

/// X509_VERIFY_PARAM_get_purpose.
///
/// # Safety
///
/// `param` is live.
pub(crate) unsafe fn purpose(param: *const sys::X509_VERIFY_PARAM) -> Result<c_int, Error> {
    #[cfg(not(absent = "X509_VERIFY_PARAM_get_purpose"))]
    // SAFETY: by this function's contract.
    return Ok(unsafe { ext::X509_VERIFY_PARAM_get_purpose(param) });
    #[cfg(absent = "X509_VERIFY_PARAM_get_purpose")]
    {
        let _ = param;
        Err(Error::unsupported("X509_VERIFY_PARAM_get_purpose", "OpenSSL 3.5"))
    }
}

/// X509_VERIFY_PARAM_add1_ip.
///
/// # Safety
///
/// `param` is live and this thread's, and `ip` points to `len` bytes.
pub(crate) unsafe fn add_ip(
    param: *mut sys::X509_VERIFY_PARAM,
    ip: *const u8,
    len: usize,
) -> Result<c_int, Error> {
    #[cfg(not(absent = "X509_VERIFY_PARAM_add1_ip"))]
    // SAFETY: by this function's contract.
    return Ok(unsafe { ext::X509_VERIFY_PARAM_add1_ip(param, ip, len) });
    #[cfg(absent = "X509_VERIFY_PARAM_add1_ip")]
    {
        let _ = (param, ip, len);
        Err(Error::unsupported("X509_VERIFY_PARAM_add1_ip", "OpenSSL 4.0"))
    }
}

type SetText = unsafe extern "C" fn(*mut sys::X509_VERIFY_PARAM, *const c_char, usize) -> c_int;

macro_rules! setters {
    ($($name:ident = $function:ident, $text:literal;)*) => {
        $(
            #[doc = $text]
            pub(crate) fn $name() -> Result<SetText, Error> {
                #[cfg(not(absent = $text))]
                return Ok(ext::$function);
                #[cfg(absent = $text)]
                return Err(Error::unsupported($text, "OpenSSL 4.0"));
            }
        )*
    };
}

setters! {
    set_smtputf8 = X509_VERIFY_PARAM_set1_smtputf8, "X509_VERIFY_PARAM_set1_smtputf8";
    set_rfc822 = X509_VERIFY_PARAM_set1_rfc822, "X509_VERIFY_PARAM_set1_rfc822";
}

/// The objects of a store, as a stack of `X509_OBJECT` whose entries `visit` sees one by one.
///
/// # Safety
///
/// `store` is live. Other threads may look up in it.
pub(crate) unsafe fn each_object(
    store: *mut sys::X509_STORE,
    mut visit: impl FnMut(*mut sys::X509_OBJECT),
) -> Result<(), Error> {
    #[cfg(not(absent = "X509_STORE_get1_objects"))]
    {
        crate::error::clear();
        // SAFETY: the store is live and locks itself; the stack and its entries are ours (get1).
        let objects = unsafe { ext::X509_STORE_get1_objects(store) }.cast::<sys::OPENSSL_STACK>();
        if objects.is_null() {
            return Err(Error::from_queue("X509_STORE_get1_objects"));
        }
        // SAFETY: the stack is live and ours.
        for index in 0..unsafe { sys::OPENSSL_sk_num(objects) } {
            // SAFETY: as above; the index is below the length.
            let object = unsafe { sys::OPENSSL_sk_value(objects, index) }.cast::<sys::X509_OBJECT>();
            visit(object);
            // SAFETY: the entry is ours, and nobody looks at it again.
            unsafe { sys::X509_OBJECT_free(object) };
        }
        // SAFETY: the stack is ours, its entries are freed, and it is freed once.
        unsafe { sys::OPENSSL_sk_free(objects) };
    }
    #[cfg(absent = "X509_STORE_get1_objects")]
    {
        crate::error::clear();
        // SAFETY: the store is live.
        if unsafe { ext::X509_STORE_lock(store) } != 1 {
            return Err(Error::from_queue("X509_STORE_lock"));
        }
        // SAFETY: the store lends its stack (get0), which nobody changes under the lock; the index is below its length.
        unsafe {
            let objects = sys::X509_STORE_get0_objects(store).cast::<sys::OPENSSL_STACK>();
            for index in 0..sys::OPENSSL_sk_num(objects) {
                visit(sys::OPENSSL_sk_value(objects, index).cast());
            }
            ext::X509_STORE_unlock(store);
        }
    }
    Ok(())
}
