//! Contexts: what many connections have in common. [`SslContextBuilder`] sets, [`SslContext`] is frozen.
//!
//! [`SslContext::client`] and [`SslContext::server`] begin with safe defaults, [`SslContext::builder`] with C's own.
//! The setters stand on [`SslContextBuilderRef`], a concern a file; the getters on [`ContextSettings`], which a
//! context and its builder both lend.

mod alpn;
mod ca_names;
mod callbacks;
mod certificate_callback;
mod certificates;
mod chain;
mod chain_callback;
mod ciphers;
mod client_certificate;
mod ctrl;
mod defaults;
mod dh;
mod early_data;
mod groups;
mod hello;
mod hello_fields;
mod identity;
mod info;
mod keylog;
mod message;
mod method;
mod npn;
mod options;
mod passphrase;
mod pins;
mod post_handshake;
mod protocols;
mod read_ahead;
mod security;
mod session_cache;
mod session_callbacks;
mod session_id;
mod shutdown;
mod sni;
mod statistics;
mod status;
mod store;
mod terms;
mod ticket_keys;
mod tickets;
mod trust;
mod verify;
mod verify_clients;
mod verify_param;
mod versions;

use std::fmt;
use std::ops::Deref;

use foreign_types::{ForeignType, ForeignTypeRef, Opaque, foreign_type};
use openssl_sys as sys;

pub use alpn::AlpnDecision;
pub use ca_names::CaNames;
pub use certificate_callback::{CertificateDecision, CertificateView};
pub use certificates::FileFormat;
pub use chain::{BuildChainFlags, BuiltChain, CertificateFlags, CurrentCertificate};
pub use chain_callback::PeerChainView;
pub use client_certificate::ClientCertificateDecision;
pub use hello::{ClientHello, ClientHelloDecision};
pub use identity::Identity;
pub use info::InfoEvent;
pub use message::Message;
pub use method::SslMethod;
pub use npn::NextProtocols;
pub use options::{SslMode, SslOptions};
pub use pins::SpkiPin;
pub use protocols::{OfferedProtocols, ProtocolList, select_next_proto};
pub use security::{SecurityOperation, SecurityQuestion};
pub use session_cache::SessionCacheMode;
pub use sni::{ServerNameDecision, ServerNameView};
pub use statistics::SessionStatistics;
pub use status::{StatusDecision, StatusRequest, StatusResponse, StatusVerdict};
pub use ticket_keys::{TicketKeyAnswer, TicketKeyQuestion};
pub use tickets::{OpenedTicket, TicketDecision, TicketStatus};
pub use trust::TrustAnchors;
pub use verify::{SslVerifyMode, VerifyView};
pub use verify_clients::ClientVerification;
pub use versions::ProtocolVersion;

pub(crate) use alpn::select_with;
pub(crate) use ca_names::{check_subjects_in, check_subjects_of};
pub(crate) use callbacks::{Callbacks, calling, run};
pub(crate) use certificate_callback::{Choose as ChooseCertificate, choose_with};
pub(crate) use chain_callback::judge_for_c as judge_chain_for_c;
pub(crate) use dh::demand_dh;
pub(crate) use early_data::Allow as AllowEarlyData;
pub(crate) use hello::decide_with as decide_hello_with;
pub(crate) use passphrase::{Ask as AskPassphrase, answer_with};
pub(crate) use security::SecurityMark;
pub(crate) use security::{SecurityRule, is as is_security_callback};
pub(crate) use session_cache::session_name_len;
pub(crate) use session_id::{
    Forbid as ForbidResumption, Generate as GenerateSessionId, forbid_with as forbid_resumption_with,
    generate_with as generate_session_id_with,
};
pub(crate) use sni::{decide_with as decide_name_with, switch};
pub(crate) use terms::{CertificateMark, Mark, Trust};
pub(crate) use tickets::check_count as check_ticket_count;
pub(crate) use verify::judge_for_c as judge_one_for_c;
pub(crate) use verify::record as record_refusal;

use crate::error::{self, Error};

// `Send` and `Sync`: an SSL_CTX counts its references atomically and locks its session cache and store; nothing on
// `&SslContextRef` writes anything else, and there is no setter: those stand on the builder, which has one owner.
foreign_type! {
    /// An `SSL_CTX` whose settings are frozen. A clone is one more reference to the same object.
    #[doc(alias = "SSL_CTX")]
    pub unsafe type SslContext: Send + Sync {
        type CType = sys::SSL_CTX;
        fn drop = sys::SSL_CTX_free;
        fn clone = share;
    }
}

// `Send`: an SSL_CTX has no tie to a thread, and all that the builder puts inside is `Send`. It has no `Clone`, so
// nobody else holds the object while its settings change.
foreign_type! {
    /// An `SSL_CTX` whose settings are still to be made.
    #[doc(alias = "SSL_CTX")]
    pub unsafe type SslContextBuilder: Send {
        type CType = sys::SSL_CTX;
        fn drop = sys::SSL_CTX_free;
    }
}

/// What can be read of a context, whether it is built or still to be built.
///
/// It is a type of its own because [`SslContextRef`] can be shared, which a context that still changes must not be.
pub struct ContextSettings(Opaque);

/// # Safety
///
/// `context` is live.
unsafe fn share(context: *mut sys::SSL_CTX) -> *mut sys::SSL_CTX {
    // SAFETY: live by this function's contract.
    unsafe { sys::SSL_CTX_up_ref(context) };
    context
}

impl SslContext {
    /// Takes over a context from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `context` is a live `SSL_CTX` of which the caller owns one reference, and nobody changes its settings any more, but
    /// by the contract of [`SslContextBuilderRef::from_ptr_mut`]. Its callbacks may be called, and what it holds freed, on
    /// every thread that it is moved to.
    pub unsafe fn from_ptr(context: *mut sys::SSL_CTX) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(context) }
    }

    /// Shares a context with C: takes one more reference, and leaves the caller's.
    ///
    /// # Safety
    ///
    /// `context` is a live `SSL_CTX`; the rest as [`from_ptr`](Self::from_ptr).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot count it.
    #[doc(alias = "SSL_CTX_up_ref")]
    pub unsafe fn share_from_ptr(context: *mut sys::SSL_CTX) -> Result<Self, Error> {
        error::clear();
        // SAFETY: live by this function's contract.
        if unsafe { sys::SSL_CTX_up_ref(context) } != 1 {
            return Err(Error::from_queue("SSL_CTX_up_ref"));
        }
        // SAFETY: by this function's contract, with the reference that was taken just now.
        Ok(unsafe { Self::from_ptr(context) })
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::SSL_CTX {
        ForeignType::into_ptr(self)
    }
}

impl SslContextBuilder {
    /// Takes over a context from C whose settings are still to be made, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `context` is a live `SSL_CTX` of which the caller owns the only reference, and nobody else uses it, nor a store in
    /// it that C made. Its callbacks may be called, and what it holds freed, on every thread that it is moved to.
    pub unsafe fn from_ptr(context: *mut sys::SSL_CTX) -> Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignType>::from_ptr(context) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ForeignType::as_ptr(self)
    }

    /// Gives the reference to C.
    pub fn into_ptr(self) -> *mut sys::SSL_CTX {
        ForeignType::into_ptr(self)
    }

    /// Freezes the settings.
    pub fn build(self) -> SslContext {
        let context = ForeignType::into_ptr(self);
        // SAFETY: the builder owned the one reference, and gave it up.
        unsafe { <SslContext as ForeignType>::from_ptr(context) }
    }
}

impl SslContextRef {
    /// Borrows a context of C's.
    ///
    /// # Safety
    ///
    /// `context` is live for `'a`, and nobody changes its settings for as long, nor while a clone of it lives, but by the
    /// contract of [`SslContextBuilderRef::from_ptr_mut`]. Its callbacks may be called, and what it holds freed, on every
    /// thread that a clone is moved to.
    pub unsafe fn from_ptr<'a>(context: *mut sys::SSL_CTX) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(context) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ForeignTypeRef::as_ptr(self)
    }
}

impl SslContextBuilderRef {
    /// Borrows a context of C's for changing its settings. It may be in use: what is set counts for the objects that are
    /// made from it later, as C documents it of each setting, and some of it (a store, a callback that C asks the context
    /// for) for those that there are.
    ///
    /// # Safety
    ///
    /// `context` is live for `'a`. For as long nobody else uses it, nor an `SSL` that was made from it or switched to it,
    /// nor a store in it that C made: no other thread does, no call on any of them is under way, so that this is not within
    /// one of their callbacks, and nothing that they lent (a `&X509Ref`, a [`ContextSettings`]) is still borrowed. That
    /// they are there, in C and as an [`SslContext`] or an [`Ssl`](crate::Ssl) here, does no harm.
    ///
    /// C has no lock around the settings. A server with several threads that cannot meet this makes another context, and
    /// lets new connections have that one.
    pub unsafe fn from_ptr_mut<'a>(context: *mut sys::SSL_CTX) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr_mut(context) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        ForeignTypeRef::as_ptr(self)
    }
}

impl ContextSettings {
    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::SSL_CTX {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    ///
    /// `context` is live for `'a`, and nobody changes its settings for as long.
    unsafe fn lend<'a>(context: *mut sys::SSL_CTX) -> &'a Self {
        // SAFETY: live by this function's contract. The type is opaque: the reference stands for no memory.
        unsafe { &*context.cast::<Self>() }
    }
}

impl Deref for SslContextRef {
    type Target = ContextSettings;

    fn deref(&self) -> &ContextSettings {
        // SAFETY: live, and frozen for the borrow.
        unsafe { ContextSettings::lend(self.as_ptr()) }
    }
}

impl Deref for SslContextBuilderRef {
    type Target = ContextSettings;

    fn deref(&self) -> &ContextSettings {
        // SAFETY: live, and the setters take `&mut`.
        unsafe { ContextSettings::lend(self.as_ptr()) }
    }
}

impl fmt::Debug for ContextSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslContext")
            .field("min_proto_version", &self.min_proto_version())
            .field("max_proto_version", &self.max_proto_version())
            .field("verify_mode", &self.verify_mode())
            .field("options", &self.options())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SslContextRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for SslContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (***self).fmt(f)
    }
}

impl fmt::Debug for SslContextBuilderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for SslContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (***self).fmt(f)
    }
}
