//! Who answers: responders by name or by key.

use std::ffi::c_long;
use std::fmt;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::c::{self, Owned};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::ocsp as compat;
use crate::library::LibContext;
use crate::x509::{X509Name, X509Ref};

/// A responder, as it names itself in a response, and as a client says which ones it trusts.
#[doc(alias = "OCSP_RESPID")]
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OcspResponderId {
    /// By the distinguished name of its certificate, in DER.
    Name(Vec<u8>),
    /// By the SHA-1 hash of its public key.
    KeyHash(Vec<u8>),
}

impl OcspResponderId {
    /// The responder with this certificate, by name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    ///
    /// C: [`OCSP_RESPID_set_by_name(3)`](https://docs.openssl.org/master/man3/OCSP_response_status/)
    #[doc(alias = "OCSP_RESPID_set_by_name")]
    pub fn by_name(certificate: &X509Ref) -> Result<Self, Error> {
        const CALL: &str = "OCSP_RESPID_set_by_name";
        let id = empty(CALL)?;
        // SAFETY: both are live, and C copies the name.
        if unsafe { compat::OCSP_RESPID_set_by_name(id.as_ptr(), certificate.as_ptr()) } != 1 {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: the id is live.
        unsafe { Self::from_c(id.as_ptr()) }
    }

    /// The responder with this certificate, by its key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if the library has no SHA-1, and as [`by_name`](Self::by_name).
    ///
    /// C: [`OCSP_RESPID_set_by_key_ex(3)`](https://docs.openssl.org/master/man3/OCSP_response_status/)
    #[doc(alias = "OCSP_RESPID_set_by_key")]
    pub fn by_key(certificate: &X509Ref) -> Result<Self, Error> {
        Self::by_key_in(LibContext::default(), certificate)
    }

    /// As [`by_key`](Self::by_key), with the hash of a library context.
    ///
    /// # Errors
    ///
    /// As [`by_key`](Self::by_key).
    #[doc(alias = "OCSP_RESPID_set_by_key_ex")]
    pub fn by_key_in(lib: LibContext, certificate: &X509Ref) -> Result<Self, Error> {
        const CALL: &str = "OCSP_RESPID_set_by_key_ex";
        let id = empty(CALL)?;
        // SAFETY: both are live; the context lives until the process ends, and the properties for the call.
        let done = unsafe {
            compat::OCSP_RESPID_set_by_key_ex(
                id.as_ptr(),
                certificate.as_ptr(),
                lib.as_ptr(),
                lib.properties_ptr(),
            )
        };
        if done != 1 {
            return Err(Error::from_queue(CALL));
        }
        // SAFETY: the id is live.
        unsafe { Self::from_c(id.as_ptr()) }
    }

    /// Copies a responder of C's.
    ///
    /// # Safety
    ///
    /// `id` is live, has a value, and nobody changes it during the call.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be copied, [`ErrorKind::Unsupported`] on an OpenSSL built with `no-ocsp`.
    pub unsafe fn copy_from_ptr(id: *const ext::OCSP_RESPID) -> Result<Self, Error> {
        compat::has_ocsp("i2d_OCSP_RESPID")?;
        // SAFETY: by this function's contract.
        unsafe { Self::from_c(id) }
    }

    /// A copy for C, which then owns it.
    ///
    /// # Errors
    ///
    /// As [`copy_from_ptr`](Self::copy_from_ptr).
    pub fn into_ptr(self) -> Result<*mut ext::OCSP_RESPID, Error> {
        self.to_c().map(Owned::into_ptr)
    }

    /// # Safety
    ///
    /// `id` is live, and has a value.
    unsafe fn from_c(id: *const ext::OCSP_RESPID) -> Result<Self, Error> {
        // SAFETY: by this function's contract.
        let der = c::encode("i2d_OCSP_RESPID", |out| unsafe { compat::i2d_OCSP_RESPID(id, out) })?;
        Self::from_der(&der).ok_or_else(|| Error::new(ErrorKind::Unspecified, "i2d_OCSP_RESPID"))
    }

    /// What the responder of a response says it is.
    ///
    /// # Safety
    ///
    /// `basic` is live.
    pub(super) unsafe fn of_basic(basic: *const sys::OCSP_BASICRESP) -> Result<Self, Error> {
        const CALL: &str = "OCSP_resp_get0_id";
        let (mut key, mut name) = (ptr::null(), ptr::null());
        error::clear();
        // SAFETY: live by this function's contract; the out-pointers are locals of the types C writes. What it lends
        // (get0) stays as long as the response, and is copied here.
        unsafe {
            if compat::OCSP_resp_get0_id(basic, &raw mut key, &raw mut name) == 1 {
                if !key.is_null() {
                    return Ok(Self::KeyHash(c::octets(key.cast()).to_vec()));
                }
                if !name.is_null() {
                    return c::encode("i2d_X509_NAME", |out| sys::i2d_X509_NAME(name, out)).map(Self::Name);
                }
            }
        }
        Err(Error::from_queue(CALL))
    }

    /// `[1]` is a name, `[2]` an OCTET STRING, both explicit.
    fn from_der(der: &[u8]) -> Option<Self> {
        match contents(der)? {
            (0xa1, name) => Some(Self::Name(name.to_vec())),
            (0xa2, key) => match contents(key)? {
                (0x04, hash) => Some(Self::KeyHash(hash.to_vec())),
                _ => None,
            },
            _ => None,
        }
    }

    fn to_der(&self) -> Vec<u8> {
        match self {
            Self::Name(name) => wrap(0xa1, name),
            Self::KeyHash(hash) => wrap(0xa2, &wrap(0x04, hash)),
        }
    }

    /// The object of C's.
    fn to_c(&self) -> Result<Owned<ext::OCSP_RESPID>, Error> {
        const CALL: &str = "d2i_OCSP_RESPID";
        compat::has_ocsp(CALL)?;
        let der = self.to_der();
        // SAFETY: the contract of every d2i function; the object is ours.
        unsafe {
            c::parse(CALL, &der, compat::OCSP_RESPID_free, |data, len: c_long| {
                compat::d2i_OCSP_RESPID(ptr::null_mut(), data, len)
            })
        }
    }

    /// The name, parsed, where it is one.
    pub fn name(&self) -> Option<Result<X509Name, Error>> {
        match self {
            Self::Name(der) => Some(X509Name::from_der(der)),
            Self::KeyHash(_) => None,
        }
    }
}

impl fmt::Debug for OcspResponderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(_) => match self.name() {
                Some(Ok(name)) => write!(f, "OcspResponderId::Name({name})"),
                _ => f.write_str("OcspResponderId::Name(malformed)"),
            },
            Self::KeyHash(hash) => {
                f.write_str("OcspResponderId::KeyHash(")?;
                hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(")")
            }
        }
    }
}

fn empty(call: &'static str) -> Result<Owned<ext::OCSP_RESPID>, Error> {
    compat::has_ocsp(call)?;
    error::clear();
    // SAFETY: has no requirements; the object is ours.
    unsafe { Owned::new("OCSP_RESPID_new", compat::OCSP_RESPID_new(), compat::OCSP_RESPID_free) }
}

/// The tag and the contents of a value in DER that fills `der`.
fn contents(der: &[u8]) -> Option<(u8, &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    (rest.len() == len).then_some((tag, rest))
}

/// A value in DER.
fn wrap(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let mut der = vec![tag];
    if len < 0x80 {
        der.push(len as u8);
    } else {
        let digits = len.to_be_bytes();
        let digits = &digits[len.leading_zeros() as usize / 8..];
        der.push(0x80 | digits.len() as u8);
        der.extend_from_slice(digits);
    }
    der.extend_from_slice(contents);
    der
}

/// A `STACK_OF(OCSP_RESPID)` that owns its entries.
pub(crate) struct Stack(*mut sys::OPENSSL_STACK);

impl Stack {
    /// The stack of these responders; NULL, and so no stack at all, for none.
    pub(crate) fn new(ids: &[OcspResponderId]) -> Result<Self, Error> {
        if ids.is_empty() {
            return Ok(Self(ptr::null_mut()));
        }
        error::clear();
        // SAFETY: has no requirements.
        let stack = Self(unsafe { sys::OPENSSL_sk_new_null() });
        if stack.0.is_null() {
            return Err(Error::from_queue("OPENSSL_sk_new_null"));
        }
        for id in ids {
            let id = id.to_c()?;
            // SAFETY: the stack is live; it owns the entry once the call succeeds.
            if unsafe { sys::OPENSSL_sk_push(stack.0, id.as_ptr().cast()) } <= 0 {
                return Err(Error::from_queue("OPENSSL_sk_push"));
            }
            id.into_ptr();
        }
        Ok(stack)
    }

    /// Takes a stack over from C.
    ///
    /// # Safety
    ///
    /// `stack` is NULL, or a live stack that the caller gives up with its entries.
    pub(crate) unsafe fn from_ptr(stack: *mut ext::stack_st_OCSP_RESPID) -> Self {
        Self(stack.cast())
    }

    /// Gives the stack and its entries to C.
    pub(crate) fn into_ptr(self) -> *mut ext::stack_st_OCSP_RESPID {
        let stack = self.0;
        std::mem::forget(self);
        stack.cast()
    }

    /// Copies the entries of a stack that C lends.
    ///
    /// # Safety
    ///
    /// `stack` is NULL, or a live stack that nobody changes during the call.
    pub(crate) unsafe fn copy(
        stack: *const ext::stack_st_OCSP_RESPID,
    ) -> Result<Vec<OcspResponderId>, Error> {
        if stack.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: live by this function's contract; each index is below the length, and each entry is live.
        unsafe {
            (0..sys::OPENSSL_sk_num(stack.cast()))
                .map(|i| sys::OPENSSL_sk_value(stack.cast(), i).cast::<ext::OCSP_RESPID>())
                .filter(|id| !id.is_null())
                .map(|id| OcspResponderId::from_c(id))
                .collect()
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        unsafe extern "C" fn free(id: *mut std::ffi::c_void) {
            // SAFETY: called for the entries of such a stack only, each of which it owns.
            unsafe { compat::OCSP_RESPID_free(id.cast()) };
        }
        // SAFETY: the stack is ours or NULL, with its entries, and freed once.
        unsafe { sys::OPENSSL_sk_pop_free(self.0, Some(free)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_go_there_and_back() {
        for len in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1_0000] {
            let bytes = vec![7; len];
            assert_eq!(contents(&wrap(0x04, &bytes)), Some((0x04, &bytes[..])));
        }
        for broken in
            [&b""[..], b"\x04", b"\x04\x02a", b"\x04\x80", b"\x04\x85\x00", b"\x04\x01ab", b"\x04\x84\xff"]
        {
            assert_eq!(contents(broken), None);
        }
    }
}
