//! `BIO_s_accept`: a BIO that listens, and behind which each connection that it accepts comes to hang.

use std::ffi::{CStr, c_char, c_int, c_long};

use openssl_sys as sys;

use super::connect::{IpFamily, SocketFlags, no_such};
use super::descriptor::quietly;
use super::handle::{Bio, BioRef};
use super::object::{BioType, SendBio};
use super::ssl::{done, enter};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::sockets;
use crate::ffi::strings;

impl Bio {
    /// A BIO that listens where its settings say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) if OpenSSL cannot allocate it, and
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) if it was built without sockets.
    ///
    /// C: [`BIO_s_accept(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_s_accept")]
    pub fn acceptor() -> Result<Self, Error> {
        sockets::need("BIO_s_accept")?;
        error::clear();
        // SAFETY: the method is one of the library's constants, and the reference is ours.
        unsafe { Self::from_new("BIO_new", sys::BIO_new(sockets::BIO_s_accept())) }
    }

    /// A BIO that listens on `port` or `host:port`; see [`set_accept_name`](BioRef::set_accept_name).
    ///
    /// # Errors
    ///
    /// As [`acceptor`](Self::acceptor), and as [`set_accept_name`](BioRef::set_accept_name).
    ///
    /// C: [`BIO_new_accept(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_new_accept")]
    pub fn new_accept(host_port: &str) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_accept";
        let host_port = strings::c_string_not_empty(CALL, "the port", host_port)?;
        sockets::need(CALL)?;
        error::clear();
        // SAFETY: the text outlives the call, which copies it; the reference is ours.
        unsafe { Self::from_new(CALL, sockets::BIO_new_accept(host_port.as_ptr())) }
    }
}

/// Settings of the `BIO_s_accept` in a chain. Without one they answer
/// [`ErrorKind::InvalidInput`], or `None`.
///
/// C's template of a chain for each connection ([`set_accept_bios`](BioRef::set_accept_bios)) takes a filter. A server
/// makes the connection itself:
///
/// ```no_run
/// # fn serve(context: &libssl::SslContextRef) -> Result<(), Box<dyn std::error::Error>> {
/// use libssl::Role;
/// use libssl::bio::{Bio, SslBio};
///
/// let mut acceptor = Bio::new_accept("0.0.0.0:443")?;
/// acceptor.do_accept()?; // listens
/// loop {
///     acceptor.do_accept()?; // waits
///     let Some(socket) = acceptor.pop_accepted() else { continue };
///     let mut bio = SslBio::new_ssl(context, Role::Server)?;
///     bio.push(socket)?;
///     bio.do_handshake()?;
/// }
/// # }
/// ```
impl BioRef {
    /// Where to listen: a port, or `host:port`, of which the host is a name, an address, or `*`, and a v6 address with a
    /// port in brackets. The port is a number or a name of a service; 0 lets the system choose. Without a host (`443`,
    /// `:443`), as with `*`, it is every address of this machine.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty text, and
    /// [`ErrorKind::Refused`](crate::ErrorKind::Refused) for one that OpenSSL cannot read. The name that was set before
    /// then stays.
    ///
    /// C: [`BIO_set_accept_name(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_accept_name")]
    pub fn set_accept_name(&mut self, name: &str) -> Result<(), Error> {
        const CALL: &str = "BIO_set_accept_name";
        let name = strings::c_string_not_empty(CALL, "the name", name)?;
        // C forgets the name that it has before it reads the new one, and would then listen on every address.
        let mut trial = Bio::acceptor()?;
        // SAFETY: the BIO is live and borrowed for writing; C copies the text.
        trial.set_accept(CALL, |bio| unsafe { sockets::BIO_set_accept_name(bio, name.as_ptr()) })?;
        // SAFETY: as above.
        self.set_accept(CALL, |bio| unsafe { sockets::BIO_set_accept_name(bio, name.as_ptr()) })
    }

    /// The port to listen on, a number or a name of a service.
    ///
    /// # Errors
    ///
    /// As [`set_accept_name`](Self::set_accept_name).
    ///
    /// C: [`BIO_set_accept_port(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_accept_port")]
    pub fn set_accept_port(&mut self, port: &str) -> Result<(), Error> {
        const CALL: &str = "BIO_set_accept_port";
        let port = strings::c_string_not_empty(CALL, "the port", port)?;
        // SAFETY: as in `set_accept_name`.
        self.set_accept(CALL, |bio| unsafe { sockets::BIO_set_accept_port(bio, port.as_ptr()) })
    }

    /// Which addresses of a name to listen on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if there is no `BIO_s_accept` in the chain.
    ///
    /// C: [`BIO_set_accept_ip_family(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_accept_ip_family")]
    pub fn set_accept_ip_family(&mut self, family: IpFamily) -> Result<(), Error> {
        let family = c_long::from(family.as_raw());
        // SAFETY: as in `set_accept_name`.
        self.set_accept("BIO_set_accept_ip_family", |bio| unsafe {
            sockets::BIO_set_accept_ip_family(bio, family)
        })
    }

    /// Makes [`do_accept`](Self::do_accept) be suspended where it would wait (`true`), or wait (`false`). What is accepted
    /// is nonblocking by [`set_nbio`](Self::set_nbio).
    ///
    /// # Errors
    ///
    /// As [`set_accept_ip_family`](Self::set_accept_ip_family).
    ///
    /// C: [`BIO_set_nbio_accept(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_nbio_accept")]
    pub fn set_nbio_accept(&mut self, nonblocking: bool) -> Result<(), Error> {
        // SAFETY: as in `set_accept_name`.
        self.set_accept("BIO_set_nbio_accept", |bio| unsafe {
            sockets::BIO_set_nbio_accept(bio, nonblocking.into()).into()
        })
    }

    /// How to make the socket that listens.
    ///
    /// # Errors
    ///
    /// As [`set_accept_ip_family`](Self::set_accept_ip_family).
    ///
    /// C: [`BIO_set_bind_mode(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_bind_mode")]
    pub fn set_bind_mode(&mut self, mode: SocketFlags) -> Result<(), Error> {
        // SAFETY: as in `set_accept_name`.
        self.set_accept("BIO_set_bind_mode", |bio| unsafe {
            sockets::BIO_set_bind_mode(bio, mode.bits().into())
        })
    }

    /// How the socket that listens is made.
    ///
    /// C: [`BIO_get_bind_mode(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_bind_mode")]
    pub fn bind_mode(&self) -> Option<SocketFlags> {
        let bio = self.first_of(BioType::ACCEPT)?;
        // SAFETY: the BIO is live, and the call only reads it.
        let mode = enter(|| unsafe { sockets::BIO_get_bind_mode(bio) });
        c_int::try_from(mode).ok().map(SocketFlags::from_bits_retain)
    }

    /// A filter that is copied for each connection, to hang before its socket. A callback is not told of this.
    ///
    /// # Errors
    ///
    /// As [`set_accept_ip_family`](Self::set_accept_ip_family), and [`ErrorKind::InvalidInput`] for more than one BIO, of
    /// which C frees only the first, and for one that is no filter, such as a file, of which C's copies are broken; what was
    /// given is then freed.
    ///
    /// C: [`BIO_set_accept_bios(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_set_accept_bios")]
    pub fn set_accept_bios(&mut self, filter: SendBio) -> Result<(), Error> {
        const CALL: &str = "BIO_set_accept_bios";
        let filter = filter.into_bio();
        if filter.next().is_some() || !filter.method_type().is(BioType::FILTER) {
            return Err(
                Error::new(ErrorKind::InvalidInput, CALL).with_detail("only one filter can be copied")
            );
        }
        let accept = self.first_of(BioType::ACCEPT).ok_or_else(|| no_such(CALL))?;
        error::clear();
        // A callback that refuses the command, or its result, would leave open whose the filter is.
        let taken = enter(move || {
            // SAFETY: the BIO is live and borrowed for writing. It takes the reference (set0) where it succeeds, and goes where
            // the filter may go.
            let taken =
                unsafe { quietly(accept, || sockets::BIO_set_accept_bios(accept, filter.as_ptr())) } > 0;
            if taken {
                let _ = filter.into_ptr();
            }
            taken
        });
        done(CALL, taken)
    }

    /// The address that is listened on, once it is: in figures.
    ///
    /// C: [`BIO_get_accept_name(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_accept_name")]
    pub fn accept_name(&self) -> Option<&CStr> {
        // SAFETY: the function is one of those that `accept_text` takes.
        unsafe { self.accept_text(sockets::BIO_get_accept_name) }
    }

    /// The port that is listened on, once it is: in figures, and the one that the system chose.
    ///
    /// C: [`BIO_get_accept_port(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_accept_port")]
    pub fn accept_port(&self) -> Option<&CStr> {
        // SAFETY: as in `accept_name`.
        unsafe { self.accept_text(sockets::BIO_get_accept_port) }
    }

    /// The address of the peer that was accepted last, in figures.
    ///
    /// C: [`BIO_get_peer_name(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_peer_name")]
    pub fn peer_name(&self) -> Option<&CStr> {
        // SAFETY: as in `accept_name`.
        unsafe { self.accept_text(sockets::BIO_get_peer_name) }
    }

    /// The port of the peer that was accepted last, in figures.
    ///
    /// C: [`BIO_get_peer_port(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_peer_port")]
    pub fn peer_port(&self) -> Option<&CStr> {
        // SAFETY: as in `accept_name`.
        unsafe { self.accept_text(sockets::BIO_get_peer_port) }
    }

    /// The family of the address that is listened on; before, which ones would be taken.
    ///
    /// C: [`BIO_get_accept_ip_family(3)`](https://docs.openssl.org/master/man3/BIO_s_accept/)
    #[doc(alias = "BIO_get_accept_ip_family")]
    pub fn accept_ip_family(&self) -> Option<IpFamily> {
        let bio = self.first_of(BioType::ACCEPT)?;
        // SAFETY: the BIO is live, and the call only reads it.
        IpFamily::from_raw(enter(|| unsafe { sockets::BIO_get_accept_ip_family(bio) }))
    }

    fn set_accept(
        &mut self,
        call: &'static str,
        set: impl FnOnce(*mut sys::BIO) -> c_long,
    ) -> Result<(), Error> {
        let bio = self.first_of(BioType::ACCEPT).ok_or_else(|| no_such(call))?;
        error::clear();
        done(call, enter(|| set(bio)) > 0)
    }

    /// # Safety
    ///
    /// `ask` is a function of C's that lends a text of an accept BIO.
    unsafe fn accept_text(&self, ask: unsafe fn(*mut sys::BIO) -> *const c_char) -> Option<&CStr> {
        let accept = self.first_of(BioType::ACCEPT)?;
        // SAFETY: the BIO is live, and lends its own text (get0), which only writing to the BIO replaces.
        unsafe { strings::lend(enter(|| ask(accept))) }
    }
}
