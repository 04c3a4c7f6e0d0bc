//! With which keys a server's tickets are made and opened.

use std::ffi::{CStr, c_int, c_long, c_uchar};
use std::ptr;
use std::sync::Arc;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::callbacks::{Callbacks, run};
use super::{ContextSettings, ProtocolVersion, SslContextBuilderRef};
use crate::error::{self, Error};
use crate::ffi::bytes;
use crate::library::LibContext;
use crate::session::{SecretBytes, TicketKey, TicketKeys};
use crate::ssl::SslRef;

pub(super) type Choose = Arc<dyn Fn(&SslRef, TicketKeyQuestion<'_>) -> TicketKeyAnswer + Send + Sync>;

/// How many bytes of an initialisation vector C has room for, and how many AES takes.
const IV_LEN: usize = 16;

/// What libssl wants keys for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKeyQuestion<'a> {
    /// To make a ticket.
    Make,
    /// To open a ticket, which says that it was made with the keys of this name.
    Open(&'a [u8]),
}

/// Which keys are taken.
#[derive(Clone, Debug)]
pub enum TicketKeyAnswer {
    /// These.
    Use(Arc<TicketKey>),
    /// These, and the client gets a new ticket. In TLS 1.3, where a ticket is for one connection, it does anyway.
    UseAndRenew(Arc<TicketKey>),
    /// There are none: no ticket is made, or the one that the client has counts for nothing.
    None,
    /// The handshake ends.
    Abort,
}

impl ContextSettings {
    /// The keys that libssl made for the context's tickets, or was given: 80 bytes. They count where no callback chooses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL does not give them.
    ///
    /// C: [`SSL_CTX_get_tlsext_ticket_keys(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_ticket_key_cb/)
    #[doc(alias = "SSL_CTX_get_tlsext_ticket_keys")]
    pub fn tlsext_ticket_keys(&self) -> Result<TicketKey, Error> {
        let mut done = 0;
        error::clear();
        let keys = SecretBytes::filled(TicketKey::LEN, |out| {
            // SAFETY: the context is live, and C writes 80 bytes, or nothing.
            done = unsafe {
                ext::SSL_CTX_get_tlsext_ticket_keys(
                    self.as_ptr(),
                    out.as_mut_ptr().cast(),
                    out.len() as c_long,
                )
            };
            out.len()
        });
        if done != 1 {
            return Err(Error::from_queue("SSL_CTX_get_tlsext_ticket_keys"));
        }
        TicketKey::from_slice(&keys)
    }
}

impl SslContextBuilderRef {
    /// Makes and opens the context's tickets with these keys. They stay for as long as the context: for keys that change see
    /// [`set_ticket_keys`](Self::set_ticket_keys).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL does not take them.
    ///
    /// C: [`SSL_CTX_set_tlsext_ticket_keys(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_ticket_key_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_ticket_keys")]
    pub fn set_tlsext_ticket_keys(&mut self, keys: &TicketKey) -> Result<(), Error> {
        let bytes = keys.as_bytes();
        error::clear();
        // SAFETY: the context is live and borrowed for writing; C reads 80 bytes.
        let done = unsafe {
            let data = bytes.as_ptr().cast_mut().cast();
            ext::SSL_CTX_set_tlsext_ticket_keys(self.as_ptr(), data, bytes.len() as c_long)
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set_tlsext_ticket_keys")) }
    }

    /// Makes and opens the context's tickets with keys that can change while it is used, and that other contexts and
    /// machines have too. A client whose ticket was made with earlier keys gets a new one.
    ///
    /// Servers that share keys take the others' tickets only if their sessions have one
    /// [name](Self::set_session_id_context): they then trust each other's word about whom they verified.
    ///
    /// # Errors
    ///
    /// As [`set_ticket_key_callback`](Self::set_ticket_key_callback).
    pub fn set_ticket_keys(&mut self, keys: &TicketKeys) -> Result<(), Error> {
        let keys = keys.clone();
        self.set_ticket_key_callback(move |_, question| match question {
            TicketKeyQuestion::Make => keys.current().map_or(TicketKeyAnswer::None, TicketKeyAnswer::Use),
            TicketKeyQuestion::Open(name) => match keys.named(name) {
                Some((key, true)) => TicketKeyAnswer::Use(key),
                Some((key, false)) => TicketKeyAnswer::UseAndRenew(key),
                None => TicketKeyAnswer::None,
            },
        })
    }

    /// Asks `callback` for the keys of each ticket that is made or opened. What it answers is used as OpenSSL uses its own:
    /// AES-256 in CBC mode and HMAC with SHA-256. If it panics, the handshake ends, and the panic goes on there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if there is no memory.
    ///
    /// C: [`SSL_CTX_set_tlsext_ticket_key_evp_cb(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_tlsext_ticket_key_cb/)
    #[doc(alias = "SSL_CTX_set_tlsext_ticket_key_evp_cb")]
    #[doc(alias = "SSL_CTX_set_tlsext_ticket_key_cb")]
    pub fn set_ticket_key_callback<F>(&mut self, callback: F) -> Result<(), Error>
    where
        F: Fn(&SslRef, TicketKeyQuestion<'_>) -> TicketKeyAnswer + Send + Sync + 'static,
    {
        self.update_callbacks(|callbacks| callbacks.ticket_key = Some(Arc::new(callback)))?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the trampoline finds its closure in the context.
        unsafe { ext::SSL_CTX_set_tlsext_ticket_key_evp_cb(self.as_ptr(), Some(choose)) };
        Ok(())
    }
}

/// C asks the context that the object was made from.
unsafe extern "C" fn choose(
    ssl: *mut sys::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut sys::EVP_CIPHER_CTX,
    mac: *mut sys::EVP_MAC_CTX,
    make: c_int,
) -> c_int {
    const ABORT: c_int = -1;
    // SAFETY: the object is live for the callback.
    let Some(callbacks) = (unsafe { Callbacks::of_first(ssl) }) else { return ABORT };
    let Some(closure) = callbacks.ticket_key.clone() else { return ABORT };
    // SAFETY: as above, and the borrow is for reading.
    let view = unsafe { SslRef::from_ptr(ssl) };
    let making = make == 1;
    let answer = run(|| {
        // SAFETY: C lends 16 bytes of a ticket until this function returns; those of a new one are still to be written.
        let named = unsafe { bytes::lend(name, TicketKey::NAME_LEN) }.filter(|_| !making);
        closure(view, named.map_or(TicketKeyQuestion::Make, TicketKeyQuestion::Open))
    });
    let (key, renew) = match answer {
        Some(TicketKeyAnswer::Use(key)) => (key, view.version() == ProtocolVersion::TLS1_3),
        Some(TicketKeyAnswer::UseAndRenew(key)) => (key, true),
        Some(TicketKeyAnswer::None) => return 0,
        Some(TicketKeyAnswer::Abort) | None => return ABORT,
    };
    if making {
        // SAFETY: C has room for 16 bytes of a name, and for as many of an initialisation vector, which are its own.
        let (name, iv) = unsafe { (bytes::lend_mut(name, TicketKey::NAME_LEN), bytes::lend_mut(iv, IV_LEN)) };
        if name.len() != TicketKey::NAME_LEN || callbacks.lib.random_bytes(iv).is_err() {
            return ABORT;
        }
        name.copy_from_slice(key.name());
    }
    // SAFETY: C's own contexts, and its vector, which was filled above or came with the ticket.
    match unsafe { prepare(callbacks.lib, &key, iv, cipher, mac, making) } {
        true if renew && !making => 2,
        true => 1,
        false => ABORT,
    }
}

/// Gives C's contexts the keys.
///
/// # Safety
///
/// `cipher` and `mac` are live, `mac` one of HMAC, and `iv` points to 16 bytes.
unsafe fn prepare(
    lib: LibContext,
    key: &TicketKey,
    iv: *const c_uchar,
    cipher: *mut sys::EVP_CIPHER_CTX,
    mac: *mut sys::EVP_MAC_CTX,
    making: bool,
) -> bool {
    const AES: &CStr = c"AES-256-CBC";
    const DIGEST: &CStr = c"SHA256";
    // SAFETY: the library context stays, and the strings are constants.
    let algorithm = unsafe { sys::EVP_CIPHER_fetch(lib.as_ptr(), AES.as_ptr(), lib.properties_ptr()) };
    if algorithm.is_null() {
        return false;
    }
    let init = if making { sys::EVP_EncryptInit_ex } else { sys::EVP_DecryptInit_ex };
    let (aes, hmac) = (key.aes(), key.hmac());
    // SAFETY: the context is live by this function's contract; AES-256 reads 32 bytes of key and 16 of the vector, and the
    // context takes its own reference to the algorithm.
    let ready = unsafe { init(cipher, algorithm, ptr::null_mut(), aes.as_ptr(), iv) } == 1;
    // SAFETY: ours, and freed once.
    unsafe { sys::EVP_CIPHER_free(algorithm) };
    // SAFETY: the constructors keep pointers, of which C only reads what is behind them; all outlive the call below. Length
    // 0 stands for all of a string.
    let params = unsafe {
        [
            ext::OSSL_PARAM_construct_utf8_string(c"digest".as_ptr(), DIGEST.as_ptr().cast_mut(), 0),
            sys::OSSL_PARAM_construct_end(),
        ]
    };
    // SAFETY: the context is live by this function's contract, and C reads so many bytes of key, and the list up to its end.
    ready && unsafe { sys::EVP_MAC_init(mac, hmac.as_ptr(), hmac.len(), params.as_ptr()) } == 1
}
