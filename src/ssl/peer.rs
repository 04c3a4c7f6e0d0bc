//! The peer's certificate, its chain, and what verifying it said.

use std::ffi::{c_int, c_long};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslRef;
use crate::context::{SslVerifyMode, record_refusal};
use crate::error::{Error, ErrorKind, VerifyError};
use crate::x509::{X509, X509Ref, stack};

impl SslRef {
    /// The peer's certificate, verified or not, or `None` if it showed none (yet).
    ///
    /// C: [`SSL_get1_peer_certificate(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_certificate/)
    #[doc(alias = "SSL_get1_peer_certificate")]
    #[doc(alias = "SSL_get_peer_certificate")]
    pub fn peer_certificate(&self) -> Option<X509> {
        // SAFETY: the object is live, and gives a reference of our own (get1), or NULL.
        unsafe {
            let certificate = sys::SSL_get1_peer_certificate(self.as_ptr());
            (!certificate.is_null()).then(|| X509::from_ptr(certificate))
        }
    }

    /// The peer's certificate, lent: see [`peer_certificate`](Self::peer_certificate).
    ///
    /// C: [`SSL_get0_peer_certificate(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_certificate/)
    #[doc(alias = "SSL_get0_peer_certificate")]
    pub fn peer_certificate_ref(&self) -> Option<&X509Ref> {
        // SAFETY: the object is live and lends the certificate (get0), or NULL.
        let certificate = unsafe { ext::SSL_get0_peer_certificate(self.as_ptr()) };
        // SAFETY: not NULL; the object's session keeps it, which only what takes `&mut self` replaces.
        (!certificate.is_null()).then(|| unsafe { X509Ref::from_ptr(certificate) })
    }

    /// The certificates that the peer sent, in its order. On a client the first is the server's own; on a server the
    /// client's own is left out, as C does it. A resumed session has none.
    ///
    /// C: [`SSL_get_peer_cert_chain(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_cert_chain/)
    #[doc(alias = "SSL_get_peer_cert_chain")]
    pub fn peer_cert_chain(&self) -> Vec<X509> {
        // SAFETY: the object is live and lends the stack (get0), or NULL.
        unsafe { share(sys::SSL_get_peer_cert_chain(self.as_ptr())) }
    }

    /// The chain that was built while verifying, from the peer's certificate to the root; empty if none was verified.
    ///
    /// C: [`SSL_get0_verified_chain(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_cert_chain/)
    #[doc(alias = "SSL_get0_verified_chain")]
    pub fn verified_chain(&self) -> Vec<X509> {
        // SAFETY: the object is live and lends the stack (get0), or NULL.
        unsafe { share(sys::SSL_get0_verified_chain(self.as_ptr())) }
    }

    /// What verifying the peer's certificate said. Without a certificate C says "ok": ask
    /// [`peer_certificate`](Self::peer_certificate) too.
    ///
    /// C: [`SSL_get_verify_result(3)`](https://docs.openssl.org/master/man3/SSL_get_verify_result/)
    #[doc(alias = "SSL_get_verify_result")]
    pub fn verify_result(&self) -> VerifyError {
        // SAFETY: the object is live, and the call only reads it.
        let result: c_long = unsafe { sys::SSL_get_verify_result(self.as_ptr()) };
        VerifyError(c_int::try_from(result).unwrap_or(VerifyError::UNSPECIFIED.0))
    }

    /// Sets what [`verify_result`](Self::verify_result) tells, and what goes into the session: whoever asks later believes
    /// it.
    ///
    /// C: [`SSL_set_verify_result(3)`](https://docs.openssl.org/master/man3/SSL_set_verify_result/)
    #[doc(alias = "SSL_set_verify_result")]
    pub fn danger_set_verify_result(&mut self, result: VerifyError) {
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_verify_result(self.as_ptr(), c_long::from(result.0)) };
    }

    /// Whether the object has a verify callback, of this crate's (which also keeps what errors tell) or of C's.
    ///
    /// C: [`SSL_get_verify_callback(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_get_verify_callback")]
    pub fn has_verify_callback(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_get_verify_callback(self.as_ptr()) }.is_some()
    }

    /// What is demanded of the peer.
    ///
    /// C: [`SSL_get_verify_mode(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_get_verify_mode")]
    pub fn verify_mode(&self) -> SslVerifyMode {
        // SAFETY: the object is live, and the call only reads it.
        SslVerifyMode::from_bits_retain(unsafe { sys::SSL_get_verify_mode(self.as_ptr()) })
    }

    /// Demands that the peer be verified. The verify callback of the context stays.
    ///
    /// A server's object that judges its clients otherwise than its context resumes no session of another one, unless it
    /// [says](Self::set_session_id_context) what its sessions belong to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a mode without [`SslVerifyMode::PEER`], with which all others mean nothing: that
    /// is [`danger_set_verify_none`](Self::danger_set_verify_none).
    ///
    /// C: [`SSL_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_set_verify")]
    pub fn set_verify(&mut self, mode: SslVerifyMode) -> Result<(), Error> {
        if !mode.contains(SslVerifyMode::PEER) {
            let error = Error::new(ErrorKind::InvalidInput, "SSL_set_verify");
            return Err(error.with_detail("the mode lacks SSL_VERIFY_PEER"));
        }
        self.judge_apart()?;
        // SAFETY: the object is live and borrowed for writing. C keeps the callback it has, and where there is none, ours
        // remembers which certificate was refused.
        unsafe {
            let callback =
                ext::SSL_get_verify_callback(self.as_ptr()).is_none().then_some(record_refusal as _);
            sys::SSL_set_verify(self.as_ptr(), mode.bits(), callback);
        }
        Ok(())
    }

    /// Verifies no peer: a client takes whoever answers, and a server does not ask for certificates.
    ///
    /// C: [`SSL_set_verify(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_VERIFY_NONE")]
    pub fn danger_set_verify_none(&mut self) {
        // Without memory for the state there is none for a handshake either.
        let _ = self.judge_apart();
        // SAFETY: as in `set_verify`.
        unsafe { sys::SSL_set_verify(self.as_ptr(), 0, None) };
    }

    /// How many certificates a chain may have between the peer's own and the root, or `None` if nothing was set.
    ///
    /// C: [`SSL_get_verify_depth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_get_verify_mode/)
    #[doc(alias = "SSL_get_verify_depth")]
    pub fn verify_depth(&self) -> Option<u32> {
        // SAFETY: the object is live, and the call only reads it; -1 means that nothing was set.
        u32::try_from(unsafe { ext::SSL_get_verify_depth(self.as_ptr()) }).ok()
    }

    /// Sets how many certificates a chain may have between the peer's own and the root.
    ///
    /// C: [`SSL_set_verify_depth(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_verify/)
    #[doc(alias = "SSL_set_verify_depth")]
    pub fn set_verify_depth(&mut self, depth: u32) {
        let depth = c_int::try_from(depth).unwrap_or(c_int::MAX);
        // As in `danger_set_verify_none`.
        let _ = self.judge_apart();
        // SAFETY: the object is live and borrowed for writing.
        unsafe { ext::SSL_set_verify_depth(self.as_ptr(), depth) }
    }
}

/// # Safety
///
/// `stack` is NULL, or a live stack of certificates.
unsafe fn share(stack: *const sys::stack_st_X509) -> Vec<X509> {
    // SAFETY: by this function's contract; each certificate is live and gets one more reference, which is ours.
    unsafe { stack::collect(stack, |certificate| Some(X509Ref::from_ptr(certificate).to_owned())) }
}
