//! `BIO_f_ssl`: a connection in the middle of a chain of BIOs.

use std::ffi::c_int;
use std::fmt;
use std::ptr::NonNull;

use foreign_types::{ForeignType, ForeignTypeRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::attach;
use super::handle::{Bio, BioRef};
use super::object::{BioType, SendBio};
use super::ssl_end as end;
use crate::context::SslContextRef;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::sockets;
use crate::ffi::crossing::crossing_type;
use crate::ffi::panics;
use crate::ssl::{Role, Ssl, SslRef, State};

// Neither `Send` nor `Sync`: what is behind a BIO has no lock, and may be shared or tied to a thread.
crossing_type! {
    /// A chain of BIOs with a TLS connection in it: filters before it, as a `BIO_f_buffer`, then the `BIO_f_ssl` with the
    /// `SSL`, then what carries the connection, as a `BIO_s_connect`.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use libssl::SslContext;
    /// use libssl::bio::SslBio;
    ///
    /// let context = SslContext::client()?.build();
    /// let mut bio = SslBio::new_ssl_connect(&context)?;
    /// bio.ssl_mut()?.set_server_name("example.org")?; // SNI, and the name that the certificate must bear
    /// bio.set_conn_hostname("example.org:443")?;
    /// bio.do_connect()?;
    /// bio.puts("GET / HTTP/1.0\r\n\r\n")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is a type of its own, and no [`Bio`]: what a context promises holds on this way too. A client whose context
    /// demands a verified name shakes hands with [`do_handshake`](SslBioRef::do_handshake) first, and only then are
    /// there reads and writes; what C would do on the way of a read (shake hands with whoever is there) is refused. A
    /// connection that failed refuses all I/O.
    ///
    /// Dropping a chain that was made here sends nothing, where BIO_free_all(3) would send a close_notify, and perhaps
    /// wait: call [`ssl_shutdown`](SslBioRef::ssl_shutdown) before. One that C made is freed as C frees it, unless its
    /// connection failed.
    ///
    /// C: [`BIO_f_ssl(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_f_ssl")]
    #[doc(alias = "BIO_free_all")]
    pub unsafe type SslBio, SslBioRef {
        type CType = sys::BIO;
        fn drop = end::free;
        fn taken = take;
        fn given = give;
        fn lent = come_back;
    }
}

impl SslBio {
    /// A `BIO_f_ssl` with a new connection of this context, and nothing yet that carries it: see
    /// [`push`](SslBioRef::push).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate it.
    ///
    /// C: [`BIO_new_ssl(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_new_ssl")]
    pub fn new_ssl(context: &SslContextRef, role: Role) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_ssl";
        error::clear();
        // SAFETY: the context is live; the object takes its own reference to it.
        let bio = unsafe { ext::BIO_new_ssl(context.as_ptr(), role_as_raw(role)) };
        // SAFETY: NULL, or a chain of ours.
        unsafe { Self::complete(CALL, bio, context, role) }
    }

    /// A client's connection over a `BIO_s_connect`, which connects to the host of
    /// [`set_conn_hostname`](SslBioRef::set_conn_hostname).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate it, and [`ErrorKind::Unsupported`] if it was built without
    /// sockets.
    ///
    /// C: [`BIO_new_ssl_connect(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_new_ssl_connect")]
    pub fn new_ssl_connect(context: &SslContextRef) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_ssl_connect";
        sockets::need(CALL)?;
        error::clear();
        // SAFETY: as in `new_ssl`.
        let bio = unsafe { ext::BIO_new_ssl_connect(context.as_ptr()) };
        // SAFETY: NULL, or a chain of ours.
        unsafe { Self::complete(CALL, bio, context, Role::Client) }
    }

    /// As [`new_ssl_connect`](Self::new_ssl_connect), with a buffer before it: [`gets`](SslBioRef::gets) reads lines, and
    /// what is written goes out with [`flush`](SslBioRef::flush).
    ///
    /// # Errors
    ///
    /// As [`new_ssl_connect`](Self::new_ssl_connect).
    ///
    /// C: [`BIO_new_buffer_ssl_connect(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_new_buffer_ssl_connect")]
    pub fn new_buffer_ssl_connect(context: &SslContextRef) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_buffer_ssl_connect";
        sockets::need(CALL)?;
        error::clear();
        // SAFETY: as in `new_ssl`.
        let bio = unsafe { ext::BIO_new_buffer_ssl_connect(context.as_ptr()) };
        // SAFETY: NULL, or a chain of ours.
        unsafe { Self::complete(CALL, bio, context, Role::Client) }
    }

    /// A `BIO_f_ssl` around an object that is there already, in whatever state. If it has a transport, that is behind it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate it; the object comes back.
    ///
    /// C: [`BIO_set_ssl(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_set_ssl")]
    #[doc(alias = "BIO_f_ssl")]
    pub fn from_ssl(ssl: Ssl) -> Result<Self, (Error, Ssl)> {
        error::clear();
        // SAFETY: the method is one of the library's constants.
        let bio = unsafe { sys::BIO_new(ext::BIO_f_ssl()) };
        let Some(bio) = NonNull::new(bio) else { return Err((Error::from_queue("BIO_new"), ssl)) };
        // SAFETY: a new BIO, of which this is the one reference.
        let bio = unsafe { Self::own(bio.as_ptr()) };
        // The object is the BIO's from here on, whatever C answers: that is about the transport, which may be missing.
        // It does not leave this crate: whether it is one of ours stays as it is.
        let object = ssl.leave();
        // SAFETY: the BIO is live and has no object yet; the object is live and given up.
        let set = unsafe { ext::BIO_set_ssl(bio.as_ptr(), object, ext::BIO_CLOSE.into()) };
        if set == 1 {
            bio.silence();
            return Ok(bio);
        }
        let error = Error::from_queue("BIO_set_ssl");
        match bio.into_ssl() {
            Ok(ssl) => Err((error, ssl)),
            // Not without an object: it was just set.
            Err(bio) => Ok(bio),
        }
    }

    /// Takes the connection out of the chain, with its transport, and frees the rest: what a filter still held is lost.
    ///
    /// So the connection of a chain gets to [`Connected`](crate::Connected), over the channel
    /// [`Existing`](super::Existing).
    ///
    /// # Errors
    ///
    /// The chain, if C made it and it has none.
    #[doc(alias = "BIO_get_ssl")]
    pub fn into_ssl(self) -> Result<Ssl, Self> {
        let Ok((filter, ssl)) = self.parts() else { return Err(self) };
        // SAFETY: both are live. The BIO gives up its reference to the object, which this takes, before it dies. The
        // transport, of which the object has a reference too, does not hang behind it any more.
        unsafe {
            let transport = attach::part(filter, SslRef::lend_mut(ssl));
            ext::BIO_set_close(filter, ext::BIO_NOCLOSE.into());
            sys::BIO_free_all(self.leave());
            drop(transport);
            Ok(Ssl::own(ssl))
        }
    }

    /// Puts a chain of filters before this one, such as a `BIO_f_buffer`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no filter, or holds another connection; both are then freed.
    ///
    /// C: [`BIO_push(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_push")]
    pub fn behind(self, filters: Bio) -> Result<Self, Error> {
        const CALL: &str = "BIO_push";
        refuse_second(CALL, &filters)?;
        if !filters.links().all(|bio| bio.method_type().is(BioType::FILTER)) {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("not a filter"));
        }
        // SAFETY: both chains are live and ours; the second one hangs behind the first from here on.
        let chain = unsafe { Self::own(filters.into_ptr()) };
        // SAFETY: as above.
        unsafe { enter(|| ext::BIO_push(chain.as_ptr(), self.leave())) };
        error::clear();
        Ok(chain)
    }

    /// Takes over a chain from C, with the reference that the caller owned.
    ///
    /// # Safety
    ///
    /// `bio` is a live BIO of which the caller owns one reference, and the first of its chain, and nobody else uses the
    /// chain, nor its `SSL`, while this crate does. What the `SSL` and its BIOs hold may be used on any thread; the rest as
    /// [`Ssl::from_ptr`].
    pub unsafe fn from_ptr(bio: *mut sys::BIO) -> Self {
        // SAFETY: by this function's contract.
        unsafe { ForeignType::from_ptr(bio) }
    }

    /// The pointer, which stays owned by this object.
    pub fn as_ptr(&self) -> *mut sys::BIO {
        ForeignType::as_ptr(self)
    }

    /// Gives the chain to C. When C frees it, that sends a close_notify.
    pub fn into_ptr(self) -> *mut sys::BIO {
        ForeignType::into_ptr(self)
    }

    /// Has the connection end without a word when the last reference to its BIO goes, whoever holds that.
    fn silence(&self) {
        if let Ok((filter, _)) = self.parts() {
            // SAFETY: the BIO is live and ours.
            unsafe { end::be_silent(filter) };
        }
    }

    /// # Safety
    ///
    /// `bio` is NULL, or a chain that C made just now of this context, for this role.
    unsafe fn complete(
        call: &'static str,
        bio: *mut sys::BIO,
        context: &SslContextRef,
        role: Role,
    ) -> Result<Self, Error> {
        let bio = NonNull::new(bio).ok_or_else(|| Error::from_queue(call))?;
        // SAFETY: by this function's contract, this is the one reference.
        let mut bio = unsafe { Self::own(bio.as_ptr()) };
        let ssl = bio.ssl_mut()?;
        ssl.complete(call, context)?;
        ssl.remember(role);
        bio.silence();
        error::clear();
        Ok(bio)
    }
}

impl SslBioRef {
    /// Borrows a chain of C's for asking it.
    ///
    /// # Safety
    ///
    /// `bio` is live for `'a`, and nobody changes it, nor what hangs behind it, nor its `SSL`, for as long; the rest as
    /// [`SslRef::from_ptr`].
    pub unsafe fn from_ptr<'a>(bio: *mut sys::BIO) -> &'a Self {
        // SAFETY: by this function's contract.
        unsafe { <Self as ForeignTypeRef>::from_ptr(bio) }
    }

    /// Borrows a chain of C's for using it.
    ///
    /// # Safety
    ///
    /// `bio` is live for `'a`, and nobody else uses it, nor what hangs behind it, nor its `SSL`, for as long. What the
    /// `SSL` and its BIOs hold may be used on any thread; the rest as [`Ssl::from_ptr`].
    pub unsafe fn from_ptr_mut<'a>(bio: *mut sys::BIO) -> &'a mut Self {
        // SAFETY: by this function's contract.
        unsafe { ForeignTypeRef::from_ptr_mut(bio) }
    }

    /// The pointer.
    pub fn as_ptr(&self) -> *mut sys::BIO {
        ForeignTypeRef::as_ptr(self)
    }

    /// One more reference to the first BIO, and so to the chain.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if C cannot count any further.
    ///
    /// C: [`BIO_up_ref(3)`](https://docs.openssl.org/master/man3/BIO_new/)
    ///
    /// # Safety
    ///
    /// Of all references only one is used at a time, also by C: what one lends is over before another one is used. While
    /// there is more than one, the chain stays as it is.
    #[doc(alias = "BIO_up_ref")]
    pub unsafe fn up_ref(&self) -> Result<SslBio, Error> {
        if let Ok((_, ssl)) = self.parts() {
            // SAFETY: the object is live, and used by one owner at a time.
            State::of_mut(unsafe { SslRef::lend_mut(ssl) })?.set_held_elsewhere();
        }
        error::clear();
        // SAFETY: the BIO is live; the reference is new.
        unsafe {
            match ext::BIO_up_ref(self.as_ptr()) {
                1 => Ok(SslBio::own(self.as_ptr())),
                _ => Err(Error::from_queue("BIO_up_ref")),
            }
        }
    }

    /// The connection's object.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTransport`] if C made the chain and there is no connection in it.
    ///
    /// C: [`BIO_get_ssl(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_get_ssl")]
    pub fn ssl(&self) -> Result<&SslRef, Error> {
        let (_, ssl) = self.parts()?;
        // SAFETY: the object lives as long as the chain, which is borrowed.
        Ok(unsafe { SslRef::from_ptr(ssl) })
    }

    /// The connection's object, to change its settings: the name to verify, its session, its modes.
    ///
    /// # Errors
    ///
    /// As [`ssl`](Self::ssl).
    ///
    /// C: [`BIO_get_ssl(3)`](https://docs.openssl.org/master/man3/BIO_f_ssl/)
    #[doc(alias = "BIO_get_ssl")]
    pub fn ssl_mut(&mut self) -> Result<&mut SslRef, Error> {
        let (_, ssl) = self.parts()?;
        // SAFETY: as in `ssl`, and the chain is borrowed for writing. What can be pushed without `unsafe` may be used on
        // whichever thread this reference is sent to.
        Ok(unsafe { SslRef::lend_mut(ssl) })
    }

    /// What carries the connection: the BIO behind the `BIO_f_ssl`, with the chain behind that.
    #[doc(alias = "BIO_next")]
    pub fn transport(&self) -> Option<&BioRef> {
        let (filter, _) = self.parts().ok()?;
        // SAFETY: the BIO is live; its next is NULL, or lives as long as the chain, which is borrowed.
        unsafe {
            let next = ext::BIO_next(filter);
            (!next.is_null()).then(|| BioRef::from_ptr(next))
        }
    }

    /// As [`transport`](Self::transport), for changing its settings, or connecting without TLS yet.
    #[doc(alias = "BIO_next")]
    pub fn transport_mut(&mut self) -> Option<&mut BioRef> {
        let (filter, _) = self.parts().ok()?;
        // SAFETY: as in `transport`, and the chain is borrowed for writing.
        unsafe {
            let next = ext::BIO_next(filter);
            (!next.is_null()).then(|| BioRef::from_ptr_mut(next))
        }
    }

    /// Lets the connection run over this chain of BIOs; where it has a transport already, the chain hangs behind that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a chain with another connection in it, or one that is no [`SendBio`], such as half
    /// of a BIO pair, for which there is [`push_unsync`](Self::push_unsync); the chain is then freed.
    ///
    /// C: [`BIO_push(3)`](https://docs.openssl.org/master/man3/BIO_push/)
    #[doc(alias = "BIO_push")]
    pub fn push(&mut self, transport: Bio) -> Result<(), Error> {
        let transport = SendBio::new(transport).map_err(|(error, _)| error)?.into_bio();
        // SAFETY: nothing else holds what these BIOs use.
        unsafe { self.push_unsync(transport) }
    }

    /// As [`push`](Self::push), for half of a BIO pair too.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push), but for the pair.
    ///
    /// # Safety
    ///
    /// While the reference that [`ssl_mut`](Self::ssl_mut) lends is on one thread, no other thread uses what the chain
    /// shares memory with, such as the other half of the pair. The same of the object of
    /// [`into_ssl`](SslBio::into_ssl), which may go to another thread: it has this transport as long as it lives.
    #[doc(alias = "BIO_push")]
    pub unsafe fn push_unsync(&mut self, transport: Bio) -> Result<(), Error> {
        const CALL: &str = "BIO_push";
        let (filter, ssl) = self.parts()?;
        refuse_second(CALL, &transport)?;
        error::clear();
        // SAFETY: both are live and borrowed for writing; the chain hangs behind the BIO from here on. It is not asked
        // to pass this on, as a filter before it would be, which might not.
        let carried = unsafe {
            enter(|| ext::BIO_push(filter, transport.into_ptr()));
            !sys::SSL_get_rbio(ssl).is_null()
        };
        done(CALL, carried)
    }

    /// The `BIO_f_ssl` and its object.
    pub(super) fn parts(&self) -> Result<(*mut sys::BIO, *mut sys::SSL), Error> {
        // SAFETY: the chain is live.
        let ssl = unsafe { end::find(self.as_ptr()) };
        ssl.ok_or_else(|| {
            Error::new(ErrorKind::NoTransport, "BIO_get_ssl").with_detail("the chain has no SSL")
        })
    }
}

impl fmt::Debug for SslBioRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslBio")
            .field("ssl", &self.ssl().ok())
            .field("transport", &self.transport())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SslBio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The chain comes from C.
///
/// # Safety
///
/// `bio` is live, and so is the chain behind it.
unsafe fn take(bio: *mut sys::BIO) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some((_, ssl)) = end::find(bio) {
            crate::ssl::take(ssl);
        }
    }
}

/// The chain goes to C: when C frees it, that sends a close_notify.
///
/// # Safety
///
/// As [`take`].
unsafe fn give(bio: *mut sys::BIO) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some((filter, ssl)) = end::find(bio) {
            end::speak(filter);
            crate::ssl::give(ssl);
        }
    }
}

/// C may have used the connection since this crate did.
///
/// # Safety
///
/// As [`take`].
unsafe fn come_back(bio: *mut sys::BIO) {
    // SAFETY: by this function's contract.
    unsafe {
        if let Some((_, ssl)) = end::find(bio) {
            crate::ssl::come_back(ssl);
        }
    }
}

pub(super) fn role_as_raw(role: Role) -> c_int {
    c_int::from(role == Role::Client)
}

/// Makes a call on a chain outside of the connection, in which BIOs written in Rust may run.
pub(super) fn enter<T>(call: impl FnOnce() -> T) -> T {
    panics::enter(call, error::clear)
}

/// What became of a call that says no more than whether it succeeded.
pub(super) fn done(call: &'static str, success: bool) -> Result<(), Error> {
    if !success {
        return Err(Error::from_queue(call));
    }
    error::clear();
    Ok(())
}

/// Only one connection in a chain is looked after.
fn refuse_second(call: &'static str, chain: &BioRef) -> Result<(), Error> {
    if chain.links().any(|bio| bio.method_type() == BioType::SSL) {
        return Err(
            Error::new(ErrorKind::InvalidInput, call).with_detail("there is another SSL in the chain")
        );
    }
    Ok(())
}
