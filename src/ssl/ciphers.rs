//! Cipher suites: what they are, which are offered, and which one was chosen.

use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr::{self, NonNull};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{Nid, SslRef};
use crate::context::calling;
use crate::error::{Error, ErrorKind};
use crate::ffi::{bytes, compat, strings};

/// A cipher suite. Each is a constant of libssl, and this a reference to it.
///
/// C: [`SSL_CIPHER_get_name(3)`](https://docs.openssl.org/master/man3/SSL_CIPHER_get_name/)
#[doc(alias = "SSL_CIPHER")]
#[derive(Clone, Copy)]
pub struct SslCipher(NonNull<sys::SSL_CIPHER>);

// SAFETY: an SSL_CIPHER is a constant in libssl's tables, and all that is done to it here is reading.
unsafe impl Send for SslCipher {}
// SAFETY: as above.
unsafe impl Sync for SslCipher {}

/// The strength of a cipher suite's encryption, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CipherBits {
    /// How many bits of the key are secret.
    pub secret: u32,
    /// How many bits the algorithm works with.
    pub algorithm: u32,
}

impl SslCipher {
    /// Takes a reference from C, or `None` for NULL.
    ///
    /// # Safety
    ///
    /// `cipher` is NULL, or one of libssl's own cipher suites.
    pub unsafe fn from_ptr(cipher: *const sys::SSL_CIPHER) -> Option<Self> {
        NonNull::new(cipher.cast_mut()).map(Self)
    }

    /// The pointer.
    pub fn as_ptr(self) -> *const sys::SSL_CIPHER {
        self.0.as_ptr()
    }

    /// OpenSSL's name, such as `ECDHE-RSA-AES128-GCM-SHA256`.
    #[doc(alias = "SSL_CIPHER_get_name")]
    pub fn name(self) -> &'static str {
        // SAFETY: a suite of libssl; its name is a constant.
        unsafe { strings::constant(ext::SSL_CIPHER_get_name(self.as_ptr())) }
    }

    /// The name in the standards, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`, if it has one.
    #[doc(alias = "SSL_CIPHER_standard_name")]
    pub fn standard_name(self) -> Option<&'static str> {
        // SAFETY: a suite of libssl; its name is a constant, or NULL.
        let name = unsafe { strings::constant(sys::SSL_CIPHER_standard_name(self.as_ptr())) };
        (!name.is_empty()).then_some(name)
    }

    /// The first protocol version that has the suite, such as `TLSv1.2`.
    #[doc(alias = "SSL_CIPHER_get_version")]
    pub fn version(self) -> &'static str {
        // SAFETY: a suite of libssl; the string is a constant.
        unsafe { strings::constant(ext::SSL_CIPHER_get_version(self.as_ptr())) }
    }

    /// How strong the encryption is.
    #[doc(alias = "SSL_CIPHER_get_bits")]
    pub fn bits(self) -> CipherBits {
        let mut algorithm = 0;
        // SAFETY: a suite of libssl; C writes one int.
        let secret = unsafe { ext::SSL_CIPHER_get_bits(self.as_ptr(), &raw mut algorithm) };
        CipherBits {
            secret: u32::try_from(secret).unwrap_or_default(),
            algorithm: u32::try_from(algorithm).unwrap_or_default(),
        }
    }

    /// OpenSSL's line about the suite: its parts, as `openssl ciphers -v` prints them.
    #[doc(alias = "SSL_CIPHER_description")]
    pub fn description(self) -> String {
        let mut line = [0_u8; 256];
        let room = c_int::try_from(line.len()).unwrap_or_default();
        // SAFETY: a suite of libssl; C writes at most `room` bytes, of which the last is NUL.
        unsafe { sys::SSL_CIPHER_description(self.as_ptr(), line.as_mut_ptr().cast(), room) };
        let line = CStr::from_bytes_until_nul(&line).unwrap_or_default();
        line.to_string_lossy().trim_end().to_owned()
    }

    /// OpenSSL's own number: the protocol's number with `0x0300` before it.
    #[doc(alias = "SSL_CIPHER_get_id")]
    pub fn id(self) -> u32 {
        // SAFETY: a suite of libssl.
        unsafe { ext::SSL_CIPHER_get_id(self.as_ptr()) }
    }

    /// The two bytes that stand for the suite in the protocol.
    #[doc(alias = "SSL_CIPHER_get_protocol_id")]
    pub fn protocol_id(self) -> u16 {
        // SAFETY: a suite of libssl.
        unsafe { sys::SSL_CIPHER_get_protocol_id(self.as_ptr()) }
    }

    /// The cipher, or `None` for a suite that does not encrypt.
    #[doc(alias = "SSL_CIPHER_get_cipher_nid")]
    pub fn cipher_nid(self) -> Option<Nid> {
        // SAFETY: a suite of libssl.
        Nid(unsafe { sys::SSL_CIPHER_get_cipher_nid(self.as_ptr()) }).defined()
    }

    /// The digest of the record MAC, or `None` for an AEAD suite.
    #[doc(alias = "SSL_CIPHER_get_digest_nid")]
    pub fn digest_nid(self) -> Option<Nid> {
        // SAFETY: a suite of libssl.
        Nid(unsafe { sys::SSL_CIPHER_get_digest_nid(self.as_ptr()) }).defined()
    }

    /// The digest of the handshake, or `None` if no provider has it.
    #[doc(alias = "SSL_CIPHER_get_handshake_digest")]
    pub fn handshake_digest(self) -> Option<Nid> {
        // SAFETY: a suite of libssl; the digest is one of libcrypto's constants, or NULL.
        unsafe {
            let digest = sys::SSL_CIPHER_get_handshake_digest(self.as_ptr());
            if digest.is_null() { None } else { Nid(sys::EVP_MD_get_type(digest)).defined() }
        }
    }

    /// The key exchange; `NID_kx_any` in TLS 1.3.
    #[doc(alias = "SSL_CIPHER_get_kx_nid")]
    pub fn key_exchange_nid(self) -> Option<Nid> {
        // SAFETY: a suite of libssl.
        Nid(unsafe { ext::SSL_CIPHER_get_kx_nid(self.as_ptr()) }).defined()
    }

    /// How the server proves who it is; `NID_auth_any` in TLS 1.3.
    #[doc(alias = "SSL_CIPHER_get_auth_nid")]
    pub fn auth_nid(self) -> Option<Nid> {
        // SAFETY: a suite of libssl.
        Nid(unsafe { ext::SSL_CIPHER_get_auth_nid(self.as_ptr()) }).defined()
    }

    /// Whether encryption and integrity are one (AEAD).
    #[doc(alias = "SSL_CIPHER_is_aead")]
    pub fn is_aead(self) -> bool {
        // SAFETY: a suite of libssl.
        unsafe { ext::SSL_CIPHER_is_aead(self.as_ptr()) == 1 }
    }
}

impl PartialEq for SslCipher {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for SslCipher {}

impl Hash for SslCipher {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl fmt::Debug for SslCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SslCipher({})", self.name())
    }
}

/// What [`SslRef::parse_cipher_list`] found in the bytes of a ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherList {
    /// The suites that OpenSSL knows, in the sender's order.
    pub ciphers: Vec<SslCipher>,
    /// The numbers that only signal something, such as `TLS_FALLBACK_SCSV`.
    pub signals: Vec<SslCipher>,
}

/// OpenSSL's name for a suite that goes by `standard_name` in the standards.
///
/// C: [`OPENSSL_cipher_name(3)`](https://docs.openssl.org/master/man3/SSL_CIPHER_get_name/)
///
/// ```
/// assert_eq!(libssl::ssl::cipher_name("TLS_RSA_WITH_AES_128_CBC_SHA"), Some("AES128-SHA"));
/// assert_eq!(libssl::ssl::cipher_name("nonsense"), None);
/// ```
#[doc(alias = "OPENSSL_cipher_name")]
pub fn cipher_name(standard_name: &str) -> Option<&'static str> {
    let name = strings::c_string("OPENSSL_cipher_name", "the name", standard_name).ok()?;
    // SAFETY: a string that lives for the call; the answer is a constant.
    let found = unsafe { strings::constant(sys::OPENSSL_cipher_name(name.as_ptr())) };
    (found != "(NONE)" && !found.is_empty()).then_some(found)
}

/// The list of suites up to TLS 1.2 that OpenSSL takes where none is set.
///
/// C: [`OSSL_default_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
#[doc(alias = "OSSL_default_cipher_list")]
pub fn default_cipher_list() -> &'static str {
    // SAFETY: has no requirements, and the string is a constant.
    unsafe { strings::constant(ext::OSSL_default_cipher_list()) }
}

/// The TLS 1.3 suites that OpenSSL takes where none are set.
///
/// C: [`OSSL_default_ciphersuites(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
#[doc(alias = "OSSL_default_ciphersuites")]
pub fn default_ciphersuites() -> &'static str {
    // SAFETY: has no requirements, and the string is a constant.
    unsafe { strings::constant(ext::OSSL_default_ciphersuites()) }
}

impl SslRef {
    /// Sets the suites up to TLS 1.2, in the syntax of `openssl ciphers`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if no suite is left; [`ErrorKind::InvalidInput`] for a NUL byte.
    ///
    /// C: [`SSL_set_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
    #[doc(alias = "SSL_set_cipher_list")]
    pub fn set_cipher_list(&mut self, list: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_set_cipher_list";
        let list = strings::c_string(CALL, "the list", list)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C reads a string that lives for the call.
        match unsafe { sys::SSL_set_cipher_list(self.as_ptr(), list.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Sets the TLS 1.3 suites: their names with `:` between, in order of preference. An empty list turns all off.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a name that OpenSSL does not know; [`ErrorKind::InvalidInput`] for a NUL byte.
    ///
    /// C: [`SSL_set_ciphersuites(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_cipher_list/)
    #[doc(alias = "SSL_set_ciphersuites")]
    pub fn set_ciphersuites(&mut self, list: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_set_ciphersuites";
        let list = strings::c_string(CALL, "the list", list)?;
        crate::error::clear();
        // SAFETY: as in `set_cipher_list`.
        match unsafe { sys::SSL_set_ciphersuites(self.as_ptr(), list.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// The suite in use, or `None` before one was agreed on. Its name, strength and version are methods of
    /// [`SslCipher`].
    ///
    /// C: [`SSL_get_current_cipher(3)`](https://docs.openssl.org/master/man3/SSL_get_current_cipher/)
    #[doc(alias = "SSL_get_current_cipher")]
    #[doc(alias = "SSL_get_cipher")]
    #[doc(alias = "SSL_get_cipher_name")]
    #[doc(alias = "SSL_get_cipher_bits")]
    #[doc(alias = "SSL_get_cipher_version")]
    pub fn current_cipher(&self) -> Option<SslCipher> {
        // SAFETY: the object is live; the suite is one of libssl's.
        unsafe { SslCipher::from_ptr(ext::SSL_get_current_cipher(self.as_ptr())) }
    }

    /// The suite that a handshake under way has agreed on.
    ///
    /// C: [`SSL_get_pending_cipher(3)`](https://docs.openssl.org/master/man3/SSL_get_current_cipher/)
    #[doc(alias = "SSL_get_pending_cipher")]
    pub fn pending_cipher(&self) -> Option<SslCipher> {
        // SAFETY: the object is live; the suite is one of libssl's.
        unsafe { SslCipher::from_ptr(ext::SSL_get_pending_cipher(self.as_ptr())) }
    }

    /// The suites that are set, in order of preference; not all of them need be usable.
    ///
    /// C: [`SSL_get_ciphers(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get_ciphers")]
    pub fn ciphers(&self) -> Vec<SslCipher> {
        // SAFETY: the object is live and lends the stack (get0).
        unsafe { collect(ext::SSL_get_ciphers(self.as_ptr())) }
    }

    /// The suites that a client would offer with the settings as they are. C keeps what it computes for this.
    ///
    /// C: [`SSL_get1_supported_ciphers(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get1_supported_ciphers")]
    pub fn supported_ciphers(&mut self) -> Vec<SslCipher> {
        crate::error::clear();
        // A closure may be asked whether they are strong enough.
        // SAFETY: the object is live and borrowed for writing; the stack is ours (get1), its elements are not.
        let ciphers = calling(|| unsafe { take(ext::SSL_get1_supported_ciphers(self.as_ptr())) });
        crate::error::clear();
        ciphers
    }

    /// The suites that the client offered and OpenSSL knows, on a server that has read the ClientHello.
    ///
    /// C: [`SSL_get_client_ciphers(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get_client_ciphers")]
    pub fn client_ciphers(&self) -> Vec<SslCipher> {
        // SAFETY: the object is live and lends the stack (get0), or NULL.
        unsafe { collect(ext::SSL_get_client_ciphers(self.as_ptr())) }
    }

    /// The name of the suite at this place in the list that is set, or `None` past its end.
    ///
    /// C: [`SSL_get_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get_cipher_list")]
    pub fn cipher_list(&self, index: usize) -> Option<&'static str> {
        let index = c_int::try_from(index).ok()?;
        // SAFETY: the object is live; the name is a constant, or NULL.
        let name = unsafe { strings::constant(ext::SSL_get_cipher_list(self.as_ptr(), index)) };
        (!name.is_empty()).then_some(name)
    }

    /// The names of the suites that both sides have, in the client's order, with `:` between; `None` on a client, and
    /// without any.
    ///
    /// C: [`SSL_get_shared_ciphers(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get_shared_ciphers")]
    pub fn shared_ciphers(&self) -> Option<String> {
        let (offered, own) = (self.client_ciphers(), self.ciphers());
        // Without an overlap, some releases write a NUL in front of the buffer. C too compares the pointers.
        if !offered.iter().any(|cipher| own.iter().any(|own| own.as_ptr() == cipher.as_ptr())) {
            return None;
        }
        // C cuts the list where the buffer ends: it gets room for all that the client offered.
        let room = offered.iter().map(|cipher| cipher.name().len() + 1).sum::<usize>() + 2;
        let mut names = vec![0_u8; room];
        let size = c_int::try_from(names.len()).ok()?;
        // SAFETY: the object is live; C writes at most `size` bytes, the last of them NUL in place of the `:` after the
        // last name, of which there is one; or it returns NULL.
        let found =
            unsafe { ext::SSL_get_shared_ciphers(self.as_ptr(), names.as_mut_ptr().cast::<c_char>(), size) };
        if found.is_null() {
            return None;
        }
        let names = CStr::from_bytes_until_nul(&names).ok()?.to_string_lossy().into_owned();
        (!names.is_empty()).then_some(names)
    }

    /// The suites of the ClientHello as they came, two bytes each, on a server; with those that OpenSSL does not know.
    ///
    /// C: [`SSL_get0_raw_cipherlist(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_get0_raw_cipherlist")]
    pub fn raw_cipher_list(&self) -> Option<&[u8]> {
        let mut list = ptr::null();
        // SAFETY: the object is live; C writes a pointer to its own copy, which the next ClientHello replaces, and that
        // takes `&mut self`. Without one it writes nothing and returns 0.
        unsafe {
            let len = ext::SSL_get0_raw_cipherlist(self.as_ptr(), &raw mut list);
            bytes::lend(list, usize::try_from(len).unwrap_or_default())
        }
    }

    /// The suite that these two bytes stand for, if OpenSSL knows it.
    ///
    /// C: [`SSL_CIPHER_find(3)`](https://docs.openssl.org/master/man3/SSL_CIPHER_get_name/)
    #[doc(alias = "SSL_CIPHER_find")]
    pub fn find_cipher(&self, protocol_id: u16) -> Option<SslCipher> {
        let bytes = protocol_id.to_be_bytes();
        // SAFETY: the object is live; C reads two bytes, and only asks the object for its method.
        unsafe { SslCipher::from_ptr(ext::SSL_CIPHER_find(self.as_ptr(), bytes.as_ptr())) }
    }

    /// Reads a list of suites as a ClientHello has it: two bytes each, or three in the format of SSLv2.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty list, [`ErrorKind::Refused`] for a length that does not fit the format, and
    /// [`ErrorKind::Unsupported`] for the format of SSLv2 from OpenSSL 4.0 on.
    ///
    /// C: [`SSL_bytes_to_cipher_list(3)`](https://docs.openssl.org/master/man3/SSL_get_ciphers/)
    #[doc(alias = "SSL_bytes_to_cipher_list")]
    pub fn parse_cipher_list(&self, list: &[u8], sslv2_format: bool) -> Result<CipherList, Error> {
        const CALL: &str = "SSL_bytes_to_cipher_list";
        if list.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the list is empty"));
        }
        if sslv2_format && compat::running_version() >= 0x4000_0000 {
            return Err(Error::unsupported(CALL, "OpenSSL 3, the last one that knows the format of SSLv2"));
        }
        let (mut ciphers, mut signals) = (ptr::null_mut(), ptr::null_mut());
        crate::error::clear();
        // SAFETY: the object is live, and C only asks it for its method; the bytes live for the call. On success both
        // stacks are ours, on failure C frees what it made and writes neither.
        unsafe {
            let (ssl, format) = (self.as_ptr(), c_int::from(sslv2_format));
            let out = (&raw mut ciphers, &raw mut signals);
            match sys::SSL_bytes_to_cipher_list(ssl, list.as_ptr(), list.len(), format, out.0, out.1) {
                1 => Ok(CipherList { ciphers: take(ciphers), signals: take(signals) }),
                _ => Err(Error::from_queue(CALL)),
            }
        }
    }
}

/// # Safety
///
/// `stack` is NULL, or a live stack of libssl's own suites.
pub(crate) unsafe fn collect(stack: *const sys::stack_st_SSL_CIPHER) -> Vec<SslCipher> {
    if stack.is_null() {
        return Vec::new();
    }
    // SAFETY: a live stack, whose elements are suites of libssl; the index is below its length.
    unsafe {
        let count = sys::OPENSSL_sk_num(stack.cast());
        (0..count)
            .filter_map(|index| SslCipher::from_ptr(sys::OPENSSL_sk_value(stack.cast(), index).cast()))
            .collect()
    }
}

/// # Safety
///
/// As [`collect`], and the caller owns the stack and gives it up.
unsafe fn take(stack: *mut sys::stack_st_SSL_CIPHER) -> Vec<SslCipher> {
    // SAFETY: by this function's contract; NULL is freed as nothing.
    unsafe {
        let ciphers = collect(stack);
        sys::OPENSSL_sk_free(stack.cast());
        ciphers
    }
}
