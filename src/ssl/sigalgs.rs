//! Signature algorithms: which are accepted, which the peer offered, and which were used.

use std::ffi::{CStr, c_char, c_int, c_long};
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::state::State;
use super::{Nid, SslRef};
use crate::error::{Error, ErrorKind};
use crate::ffi::{compat, strings};

/// A signature algorithm that a peer offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignatureAlgorithm {
    /// The number in the protocol, such as `0x0804` for `rsa_pss_rsae_sha256`.
    pub code: u16,
    /// The kind of key, if OpenSSL knows the algorithm.
    pub signature: Option<Nid>,
    /// The digest, if OpenSSL knows the algorithm and it has one.
    pub digest: Option<Nid>,
    /// Both in one, if OpenSSL has a number for that.
    pub signature_and_digest: Option<Nid>,
}

/// As SSL_get_sigalgs and SSL_get_shared_sigalgs are declared.
type GetByIndex =
    unsafe extern "C" fn(*mut sys::SSL, c_int, *mut c_int, *mut c_int, *mut c_int, *mut u8, *mut u8) -> c_int;

/// The signature algorithms of TLS that this OpenSSL and its providers have, with `:` between.
///
/// # Errors
///
/// [`ErrorKind::Unsupported`] before OpenSSL 3.4, [`ErrorKind::Refused`] if there is no memory.
///
/// C: [`SSL_get1_builtin_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_get1_builtin_sigalgs/)
#[doc(alias = "SSL_get1_builtin_sigalgs")]
pub fn builtin_signature_algorithms() -> Result<String, Error> {
    crate::error::clear();
    // SAFETY: the default library context; the string is ours (get1), is copied and then freed, once.
    unsafe {
        let list = compat::ssl::builtin_sigalgs()?;
        if list.is_null() {
            return Err(Error::from_queue("SSL_get1_builtin_sigalgs"));
        }
        let copy = strings::lossy(list);
        sys::OPENSSL_free(list.cast());
        Ok(copy)
    }
}

impl SslRef {
    /// Sets the signature algorithms by name, in order of preference, with `:` between.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a name that OpenSSL does not know, [`ErrorKind::InvalidInput`] for an empty list or a
    /// NUL byte.
    ///
    /// C: [`SSL_set1_sigalgs_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_set1_sigalgs_list")]
    pub fn set_sigalgs_list(&mut self, list: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_sigalgs_list";
        let names = strings::c_list(CALL, list)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C reads a string that lives for the call.
        done(CALL, unsafe { ext::SSL_set1_sigalgs_list(self.as_ptr(), names.as_ptr()) })?;
        State::of_mut(self)?.noted().sigalgs = Some(list.into());
        Ok(())
    }

    /// Sets the signature algorithms of certificates from clients, by name, as
    /// [`set_sigalgs_list`](Self::set_sigalgs_list).
    ///
    /// # Errors
    ///
    /// As [`set_sigalgs_list`](Self::set_sigalgs_list).
    ///
    /// C: [`SSL_set1_client_sigalgs_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_set1_client_sigalgs_list")]
    pub fn set_client_sigalgs_list(&mut self, list: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_client_sigalgs_list";
        let list = strings::c_list(CALL, list)?;
        crate::error::clear();
        // SAFETY: as in `set_sigalgs_list`.
        done(CALL, unsafe { ext::SSL_set1_client_sigalgs_list(self.as_ptr(), list.as_ptr()) })
    }

    /// Sets the signature algorithms as pairs of a digest and a kind of key, in order of preference.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] for a pair that OpenSSL does not know,
    /// [`ErrorKind::InvalidInput`] for an empty list.
    ///
    /// C: [`SSL_set1_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_set1_sigalgs")]
    pub fn set_sigalgs(&mut self, pairs: &[(Nid, Nid)]) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_sigalgs";
        let (numbers, len) = flatten(CALL, pairs)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C reads `len` numbers and keeps copies.
        done(CALL, unsafe { ext::SSL_set1_sigalgs(self.as_ptr(), numbers.as_ptr(), len) })?;
        State::of_mut(self)?.noted().sigalgs = Some(format!("{numbers:?}").into());
        Ok(())
    }

    /// Sets the signature algorithms of certificates from clients, as [`set_sigalgs`](Self::set_sigalgs).
    ///
    /// # Errors
    ///
    /// As [`set_sigalgs`](Self::set_sigalgs).
    ///
    /// C: [`SSL_set1_client_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_sigalgs/)
    #[doc(alias = "SSL_set1_client_sigalgs")]
    pub fn set_client_sigalgs(&mut self, pairs: &[(Nid, Nid)]) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_client_sigalgs";
        let (numbers, len) = flatten(CALL, pairs)?;
        crate::error::clear();
        // SAFETY: as in `set_sigalgs`.
        done(CALL, unsafe { ext::SSL_set1_client_sigalgs(self.as_ptr(), numbers.as_ptr(), len) })
    }

    /// The signature algorithms that the peer offered, in its order.
    ///
    /// C: [`SSL_get_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_get_shared_sigalgs/)
    #[doc(alias = "SSL_get_sigalgs")]
    pub fn peer_sigalgs(&self) -> Vec<SignatureAlgorithm> {
        // SAFETY: the function has the type's contract.
        (0..).map_while(|index| unsafe { self.sigalg_by(ext::SSL_get_sigalgs, index) }).collect()
    }

    /// The signature algorithms that both sides have, in the order of preference.
    ///
    /// C: [`SSL_get_shared_sigalgs(3)`](https://docs.openssl.org/master/man3/SSL_get_shared_sigalgs/)
    #[doc(alias = "SSL_get_shared_sigalgs")]
    pub fn shared_sigalgs(&self) -> Vec<SignatureAlgorithm> {
        // SAFETY: the function has the type's contract.
        (0..).map_while(|index| unsafe { self.sigalg_by(ext::SSL_get_shared_sigalgs, index) }).collect()
    }

    /// The number in the protocol and the name of the algorithm at this place in what the peer offered; the name is
    /// `None` where OpenSSL does not know it, the whole past the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 4.0.
    ///
    /// C: [`SSL_get0_sigalg(3)`](https://docs.openssl.org/master/man3/SSL_get_shared_sigalgs/)
    #[doc(alias = "SSL_get0_sigalg")]
    pub fn peer_sigalg(&self, index: usize) -> Result<Option<(u16, Option<&str>)>, Error> {
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        let (mut code, mut name) = (0, ptr::null());
        // SAFETY: the object is live; C writes a number and a pointer to a name, or returns 0.
        let count = unsafe { compat::ssl::sigalg(self.as_ptr(), index, &raw mut code, &raw mut name)? };
        // SAFETY: see `algorithm_name`.
        Ok((count > 0)
            .then(|| (u16::try_from(code).unwrap_or_default(), unsafe { self.algorithm_name(name) })))
    }

    /// As [`peer_sigalg`](Self::peer_sigalg), of those that both sides have.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 4.0.
    ///
    /// C: [`SSL_get0_shared_sigalg(3)`](https://docs.openssl.org/master/man3/SSL_get_shared_sigalgs/)
    #[doc(alias = "SSL_get0_shared_sigalg")]
    pub fn shared_sigalg(&self, index: usize) -> Result<Option<(u16, Option<&str>)>, Error> {
        let index = c_int::try_from(index).unwrap_or(c_int::MAX);
        let (mut code, mut name) = (0, ptr::null());
        // SAFETY: as in `peer_sigalg`.
        let count =
            unsafe { compat::ssl::shared_sigalg(self.as_ptr(), index, &raw mut code, &raw mut name)? };
        // SAFETY: see `algorithm_name`.
        Ok((count > 0)
            .then(|| (u16::try_from(code).unwrap_or_default(), unsafe { self.algorithm_name(name) })))
    }

    /// The name of the algorithm that this side signed with, such as `rsa_pss_rsae_sha256`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.5.
    ///
    /// C: [`SSL_get0_signature_name(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get0_signature_name")]
    pub fn signature_name(&self) -> Result<Option<&str>, Error> {
        let mut name = ptr::null();
        // SAFETY: the object is live; C writes a pointer to a name, or returns 0.
        let found = unsafe { compat::ssl::signature_name(self.as_ptr(), &raw mut name)? };
        // SAFETY: see `algorithm_name`.
        Ok(if found == 1 { unsafe { self.algorithm_name(name) } } else { None })
    }

    /// The name of the algorithm that the peer signed with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.5.
    ///
    /// C: [`SSL_get0_peer_signature_name(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get0_peer_signature_name")]
    pub fn peer_signature_name(&self) -> Result<Option<&str>, Error> {
        let mut name = ptr::null();
        // SAFETY: as in `signature_name`.
        let found = unsafe { compat::ssl::peer_signature_name(self.as_ptr(), &raw mut name)? };
        // SAFETY: see `algorithm_name`.
        Ok(if found == 1 { unsafe { self.algorithm_name(name) } } else { None })
    }

    /// The digest that this side signed with; `None` without a signature, and for algorithms without a digest of their
    /// own.
    ///
    /// C: [`SSL_get_signature_nid(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get_signature_nid")]
    pub fn signature_digest(&self) -> Option<Nid> {
        // SAFETY: the object is live; C writes one number, or returns 0.
        number(|nid| unsafe { ext::SSL_get_signature_nid(self.as_ptr(), nid) })
    }

    /// The digest that the peer signed with, as [`signature_digest`](Self::signature_digest).
    ///
    /// C: [`SSL_get_peer_signature_nid(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get_peer_signature_nid")]
    pub fn peer_signature_digest(&self) -> Option<Nid> {
        // SAFETY: the object is live; C writes one number, or returns 0.
        number(|nid| unsafe { ext::SSL_get_peer_signature_nid(self.as_ptr(), nid) })
    }

    /// The kind of key that this side signed with.
    ///
    /// C: [`SSL_get_signature_type_nid(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get_signature_type_nid")]
    pub fn signature_type(&self) -> Option<Nid> {
        // SAFETY: the object is live; C writes one number, or returns 0.
        number(|nid| unsafe { ext::SSL_get_signature_type_nid(self.as_ptr(), nid) })
    }

    /// The kind of key that the peer signed with.
    ///
    /// C: [`SSL_get_peer_signature_type_nid(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_signature_nid/)
    #[doc(alias = "SSL_get_peer_signature_type_nid")]
    pub fn peer_signature_type(&self) -> Option<Nid> {
        // SAFETY: the object is live; C writes one number, or returns 0.
        number(|nid| unsafe { ext::SSL_get_peer_signature_type_nid(self.as_ptr(), nid) })
    }

    /// # Safety
    ///
    /// `get` is SSL_get_sigalgs or SSL_get_shared_sigalgs.
    unsafe fn sigalg_by(&self, get: GetByIndex, index: c_int) -> Option<SignatureAlgorithm> {
        let (mut signature, mut digest, mut both, mut low, mut high) = (0, 0, 0, 0, 0);
        // SAFETY: the object is live; C writes five numbers, or returns 0.
        let count = unsafe {
            let (signature, digest, both) = (&raw mut signature, &raw mut digest, &raw mut both);
            get(self.as_ptr(), index, signature, digest, both, &raw mut low, &raw mut high)
        };
        (count > index).then(|| SignatureAlgorithm {
            code: u16::from_be_bytes([high, low]),
            signature: Nid(signature).defined(),
            digest: Nid(digest).defined(),
            signature_and_digest: Nid(both).defined(),
        })
    }

    /// # Safety
    ///
    /// `name` is NULL, or a constant, or belongs to a context of this object, all of which live as long as it does.
    unsafe fn algorithm_name(&self, name: *const c_char) -> Option<&str> {
        // SAFETY: by this function's contract.
        unsafe { strings::lend(name) }.map(CStr::to_bytes).and_then(|name| std::str::from_utf8(name).ok())
    }
}

fn done(call: &'static str, ret: c_long) -> Result<(), Error> {
    if ret == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
}

fn number<R: Into<c_long>>(get: impl FnOnce(*mut c_int) -> R) -> Option<Nid> {
    let mut nid = 0;
    if get(&raw mut nid).into() == 1 { Nid(nid).defined() } else { None }
}

fn flatten(call: &'static str, pairs: &[(Nid, Nid)]) -> Result<(Vec<c_int>, c_long), Error> {
    if pairs.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the list is empty"));
    }
    let numbers: Vec<c_int> = pairs.iter().flat_map(|(digest, key)| [digest.0, key.0]).collect();
    let len = c_long::try_from(numbers.len())
        .map_err(|_| Error::new(ErrorKind::InvalidInput, call).with_detail("the list is too long"))?;
    Ok((numbers, len))
}
