//! What is remembered with a client's session: by which terms its peer was verified.

use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::SystemTime;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslSessionRef;
use crate::context::{
    Callbacks, CertificateMark, Mark, ProtocolVersion, SecurityMark, SecurityRule, SslOptions, Trust,
};
use crate::error::Error;
use crate::ffi::compat;
use crate::ffi::ex_data::Slot;
use crate::ssl::state::State;
use crate::ssl::{SslRef, StatusType};
use crate::x509::{VerifyFlags, X509, X509Purpose};

/// Only clients' sessions have it: the terms, or none where nobody knows them.
static SLOT: Slot<sys::SSL_SESSION, Option<Arc<Terms>>> = Slot::shared();

/// All that decides whom a client takes for its peer, and whom its peer takes for it. A session may stand for a handshake
/// under terms that are the same.
///
/// Closures are told apart by their [marks](Mark), which keep nothing that they captured, such as contexts: these have caches, in
/// which sessions have this.
pub(crate) struct Terms {
    /// Names, addresses and a mail address that the certificate must bear, and the name that is sent.
    names: Vec<String>,
    sni: Option<Vec<u8>>,
    host_flags: u32,
    flags: VerifyFlags,
    depth: Option<u32>,
    auth_level: Option<u32>,
    verify_mode: c_int,
    status: StatusType,
    security_level: u32,
    /// Whether the extended master secret is refused: libssl fails a handshake that resumes otherwise than the session began.
    no_ems: bool,
    /// The object's own, or those of the context that it was made from.
    sigalgs: Option<Arc<str>>,
    /// The object's own rule; and the callback that C has, the crate's trampoline or one of C's, with its argument.
    security: Option<SecurityMark>,
    security_callback: (Option<usize>, usize),
    /// C's own verify callback, or the crate's trampoline.
    callback: Option<usize>,
    store: Option<HeldStore>,
    purpose: Option<X509Purpose>,
    time: Option<SystemTime>,
    /// The rules of the context that the object was made from, and of the one that it has now, where that is another; and the
    /// client's own certificate, which may be chosen in a closure.
    trust: Trust,
    present: Option<Trust>,
    certificate: Option<X509>,
    choose: Option<CertificateMark>,
}

impl Terms {
    /// Those that an object would verify its peer by, now.
    pub(crate) fn of(ssl: &SslRef) -> Self {
        Self::of_names(ssl, ssl.expected())
    }

    /// As [`of`](Self::of), of an object that [expects](SslRef::expected) this.
    pub(crate) fn of_names(ssl: &SslRef, names: Vec<String>) -> Self {
        let object = ssl.as_ptr();
        let param = ssl.verify_param();
        // SAFETY: the object is live.
        let state = unsafe { State::of(object) };
        let first = state.and_then(|state| state.context.as_ref());
        // SAFETY: the object is live and holds its context, which is frozen.
        let present = unsafe { Callbacks::of_context(sys::SSL_get_SSL_CTX(object)) };
        let is_first = match (first, &present) {
            (None, None) => true,
            (Some(first), Some(present)) => Arc::ptr_eq(first, present),
            _ => false,
        };
        Self {
            names,
            sni: ssl.sni().map(<[u8]>::to_vec),
            host_flags: param.host_flags().bits(),
            flags: param.flags(),
            depth: param.depth(),
            auth_level: param.auth_level(),
            verify_mode: ssl.verify_mode().bits(),
            status: ssl.tlsext_status_type(),
            security_level: ssl.security_level(),
            no_ems: ssl.options().contains(SslOptions::NO_EXTENDED_MASTER_SECRET),
            sigalgs: state
                .and_then(|state| state.noted().sigalgs.clone())
                .or_else(|| first.and_then(|context| context.noted.sigalgs.clone())),
            security: state.and_then(|state| state.callbacks().security_rule().map(SecurityRule::mark)),
            // SAFETY: the object is live, and the call only reads it.
            security_callback: unsafe {
                let callback = ext::SSL_get_security_callback(object).map(|callback| callback as usize);
                (callback, ssl.security_ex_data() as usize)
            },
            // SAFETY: the object is live, and the call only reads it.
            callback: unsafe { ext::SSL_get_verify_callback(object) }.map(|callback| callback as usize),
            store: HeldStore::of(ssl),
            purpose: param.purpose().ok().flatten(),
            time: param.time(),
            trust: first.map(|callbacks| Trust::of(callbacks)).unwrap_or_default(),
            present: present.filter(|_| !is_first).map(|callbacks| Trust::of(&callbacks)),
            certificate: ssl.certificate().map(ToOwned::to_owned),
            choose: state.and_then(|state| state.callbacks().certificate_choice().map(Mark::of)),
        }
    }

    /// Whether whoever was verified by the one set is verified by the other.
    pub(crate) fn are_same(&self, other: &Self) -> bool {
        self.names == other.names
            && self.sni == other.sni
            && self.host_flags == other.host_flags
            && self.flags == other.flags
            && (self.depth, self.auth_level) == (other.depth, other.auth_level)
            && (self.verify_mode, self.security_level) == (other.verify_mode, other.security_level)
            && self.status == other.status
            && self.sigalgs == other.sigalgs
            && self.no_ems == other.no_ems
            && self.callback == other.callback
            && self.security_callback == other.security_callback
            && self.security == other.security
            && self.store == other.store
            && (self.purpose, self.time) == (other.purpose, other.time)
            && self.trust == other.trust
            && self.present == other.present
            && self.certificate == other.certificate
            && self.choose == other.choose
    }

    /// Under what sessions for the same peer are found; `None` where nothing tells it from others.
    pub(crate) fn key(&self, label: &str) -> Option<String> {
        if label.is_empty() && self.names.is_empty() {
            return None;
        }
        let mut key = label.to_owned();
        for name in &self.names {
            key.push('\0');
            key.push_str(name);
        }
        Some(key)
    }
}

/// Whether the cipher of a session from before TLS 1.3 is still offered: a server that resumes cannot choose another one, and libssl
/// fails the handshake of a client that does not have it.
fn keeps_cipher(session: &SslSessionRef, ssl: &mut SslRef) -> bool {
    session.protocol_version() == ProtocolVersion::TLS1_3 || offers_cipher(session, ssl)
}

/// Whether the object offers the cipher of a session.
pub(crate) fn offers_cipher(session: &SslSessionRef, ssl: &mut SslRef) -> bool {
    session
        .cipher()
        .is_some_and(|cipher| ssl.supported_ciphers().iter().any(|offered| offered.id() == cipher.id()))
}

/// Whether a session made by the same terms would do now: its certificate, as far as that takes no chain, and its cipher.
pub(crate) fn lasts(session: &SslSessionRef, ssl: &mut SslRef) -> bool {
    let Some(certificate) = session.peer_certificate() else { return false };
    let is_valid = certificate.not_after_time().is_ok_and(|end| SystemTime::now() < end);
    let param = ssl.verify_param();
    // From 4.0 on there may be more addresses than OpenSSL tells. Those that it tells are in the certificate, or the session is
    // not resumed.
    let hides = compat::running_version() >= 0x4000_0000;
    let is_there = || param.ip().is_none_or(|address| certificate.check_ip(address).unwrap_or(false));
    let is_there = !hides || is_there();
    let has_mail = hides && param.email().is_some();
    crate::error::clear();
    is_valid && is_there && !has_mail && keeps_cipher(session, ssl)
}

/// What is known of how a session was made.
pub(crate) enum Origin {
    /// By C, by a server, or out of bytes.
    Unknown,
    /// By a client's handshake of this crate's, which verified nobody, or by terms that were not noted.
    Unverified,
    /// By one that verified its peer by these terms.
    Verified(Arc<Terms>),
}

impl Origin {
    /// The terms that it was verified by.
    pub(crate) fn terms(self) -> Option<Arc<Terms>> {
        match self {
            Self::Verified(terms) => Some(terms),
            Self::Unknown | Self::Unverified => None,
        }
    }

    /// Whether it is known to be a client's.
    pub(crate) fn is_clients(&self) -> bool {
        !matches!(self, Self::Unknown)
    }
}

/// How a session was made.
///
/// # Safety
///
/// `session` is live, and nobody changes what is noted of it during the call.
pub(crate) unsafe fn of(session: *const sys::SSL_SESSION) -> Origin {
    // SAFETY: by this function's contract.
    match unsafe { SLOT.get(session) } {
        None => Origin::Unknown,
        Some(None) => Origin::Unverified,
        Some(Some(terms)) => Origin::Verified(terms.clone()),
    }
}

/// Notes how a session was made.
///
/// # Safety
///
/// `session` is live, and nobody else has it.
pub(crate) unsafe fn note(session: *mut sys::SSL_SESSION, origin: Origin) -> Result<(), Error> {
    // SAFETY: by this function's contract.
    unsafe {
        match origin {
            Origin::Unknown => SLOT.clear(session),
            Origin::Unverified => SLOT.set(session, Box::new(None)),
            Origin::Verified(terms) => SLOT.set(session, Box::new(Some(terms))),
        }
    }
}

/// A store that is only held so that no other gets its address.
struct HeldStore(NonNull<sys::X509_STORE>);

// SAFETY: the store is not looked at, only counted, which OpenSSL does atomically.
unsafe impl Send for HeldStore {}
// SAFETY: as above.
unsafe impl Sync for HeldStore {}

impl HeldStore {
    /// The one that the object verifies its peer with.
    fn of(ssl: &SslRef) -> Option<Self> {
        let object = ssl.as_ptr();
        let mut store = std::ptr::null_mut();
        // SAFETY: the object and its context are live and lend their stores (get0); the out-pointer is a local.
        unsafe {
            ext::SSL_get0_verify_cert_store(object, &raw mut store);
            let context = sys::SSL_get_SSL_CTX(object);
            if store.is_null() {
                ext::SSL_CTX_get0_verify_cert_store(context, &raw mut store);
            }
            if store.is_null() {
                store = sys::SSL_CTX_get_cert_store(context);
            }
        }
        let store = NonNull::new(store)?;
        // SAFETY: live, as above.
        (unsafe { ext::X509_STORE_up_ref(store.as_ptr()) } == 1).then_some(Self(store))
    }
}

impl PartialEq for HeldStore {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Drop for HeldStore {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and given up once.
        unsafe { sys::X509_STORE_free(self.0.as_ptr()) };
    }
}
