//! What library contexts can do on some versions only.

use openssl_sys as sys;

use crate::error::Error;

/// Whether settings that cannot be carried out are reported.
///
/// # Safety
///
/// `context` is live, and the caller's own.
pub(crate) unsafe fn set_conf_diagnostics(
    context: *mut sys::OSSL_LIB_CTX,
    report: bool,
) -> Result<(), Error> {
    #[cfg(not(absent = "OSSL_LIB_CTX_set_conf_diagnostics"))]
    {
        // SAFETY: by this function's contract.
        unsafe { openssl_sys_ext::OSSL_LIB_CTX_set_conf_diagnostics(context, std::ffi::c_int::from(report)) };
        Ok(())
    }
    #[cfg(absent = "OSSL_LIB_CTX_set_conf_diagnostics")]
    {
        let _ = (context, report);
        Err(Error::unsupported("OSSL_LIB_CTX_set_conf_diagnostics", "OpenSSL 3.4"))
    }
}
