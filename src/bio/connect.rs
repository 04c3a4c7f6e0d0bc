//! `BIO_s_connect`: a BIO that connects to a host before it reads and writes.

use std::ffi::{CStr, c_char, c_int, c_long};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::address::Address;
use super::handle::{Bio, BioRef};
use super::object::BioType;
use super::ssl::{done, enter};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::{running_version, sockets};
use crate::ffi::strings;

/// The addresses that a `BIO_s_connect` or `BIO_s_accept` takes where a name has several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IpFamily {
    /// `BIO_FAMILY_IPANY`
    #[default]
    #[doc(alias = "BIO_FAMILY_IPANY")]
    Any,
    /// `BIO_FAMILY_IPV4`
    #[doc(alias = "BIO_FAMILY_IPV4")]
    V4,
    /// `BIO_FAMILY_IPV6`
    #[doc(alias = "BIO_FAMILY_IPV6")]
    V6,
}

bitflags::bitflags! {
    /// How a `BIO_s_connect` or `BIO_s_accept` makes its socket.
    ///
    /// C: [`BIO_connect(3)`](https://docs.openssl.org/master/man3/BIO_connect/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct SocketFlags: c_int {
        /// `BIO_SOCK_REUSEADDR`
        #[doc(alias = "BIO_SOCK_REUSEADDR")]
        const REUSEADDR = ext::BIO_SOCK_REUSEADDR;
        /// `BIO_SOCK_V6_ONLY`
        #[doc(alias = "BIO_SOCK_V6_ONLY")]
        const V6_ONLY = ext::BIO_SOCK_V6_ONLY;
        /// `BIO_SOCK_KEEPALIVE`
        #[doc(alias = "BIO_SOCK_KEEPALIVE")]
        const KEEPALIVE = ext::BIO_SOCK_KEEPALIVE;
        /// `BIO_SOCK_NONBLOCK`
        #[doc(alias = "BIO_SOCK_NONBLOCK")]
        const NONBLOCK = ext::BIO_SOCK_NONBLOCK;
        /// `BIO_SOCK_NODELAY`
        #[doc(alias = "BIO_SOCK_NODELAY")]
        const NODELAY = ext::BIO_SOCK_NODELAY;
        /// `BIO_SOCK_TFO`, since OpenSSL 3.2, where the system has it.
        #[doc(alias = "BIO_SOCK_TFO")]
        const TFO = ext::BIO_SOCK_TFO;
        const _ = !0;
    }
}

/// The flags of send(2) with which it is done with the bytes when it returns.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT | libc::MSG_MORE;
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: c_int = libc::MSG_DONTWAIT;

impl Bio {
    /// A BIO that connects where its settings say.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate it, and [`ErrorKind::Unsupported`] if it was built without
    /// sockets.
    ///
    /// C: [`BIO_s_connect(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_s_connect")]
    pub fn connector() -> Result<Self, Error> {
        sockets::need("BIO_s_connect")?;
        error::clear();
        // SAFETY: the method is one of the library's constants, and the reference is ours.
        unsafe { Self::from_new("BIO_new", sys::BIO_new(sockets::BIO_s_connect())) }
    }

    /// A BIO that connects to `host:port`, `host`, or `[v6 address]:port`; see
    /// [`set_conn_hostname`](BioRef::set_conn_hostname).
    ///
    /// # Errors
    ///
    /// As [`connector`](Self::connector), and as [`set_conn_hostname`](BioRef::set_conn_hostname).
    ///
    /// C: [`BIO_new_connect(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_new_connect")]
    pub fn new_connect(host_port: &str) -> Result<Self, Error> {
        const CALL: &str = "BIO_new_connect";
        let host_port = strings::c_string_not_empty(CALL, "the host", host_port)?;
        sockets::need(CALL)?;
        error::clear();
        // SAFETY: the text outlives the call, which copies it; the reference is ours.
        let connect = unsafe { Self::from_new(CALL, sockets::BIO_new_connect(host_port.as_ptr())) }?;
        // Where no host is named, C connects to this machine.
        connect.with_host(CALL)
    }

    /// Refuses a connect BIO without a host.
    fn with_host(self, call: &'static str) -> Result<Self, Error> {
        if self.conn_hostname().is_some_and(|host| !host.is_empty()) {
            return Ok(self);
        }
        Err(Error::new(ErrorKind::InvalidInput, call).with_detail("there is no host to connect to"))
    }
}

/// Settings of the `BIO_s_connect` in a chain. Without one they answer [`ErrorKind::InvalidInput`], or `None`.
impl BioRef {
    /// The host to connect to: a name or an address, with or without `:port`, a v6 address with a port in brackets. The
    /// port is a number or a name of a service.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty host, also before a port (`:443`) and as C has it (`*`), and
    /// [`ErrorKind::Refused`] for one that OpenSSL cannot read. The host that was set before then stays.
    ///
    /// C: [`BIO_set_conn_hostname(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_conn_hostname")]
    pub fn set_conn_hostname(&mut self, name: &str) -> Result<(), Error> {
        const CALL: &str = "BIO_set_conn_hostname";
        let name = strings::c_string_not_empty(CALL, "the host", name)?;
        // C forgets the host that it has before it reads the new one.
        let mut trial = Bio::connector()?;
        // SAFETY: the BIO is live and borrowed for writing; C copies the text; so below.
        trial.set_conn(CALL, |bio| unsafe { sockets::BIO_set_conn_hostname(bio, name.as_ptr()) })?;
        trial.with_host(CALL)?;
        // SAFETY: see above.
        self.set_conn(CALL, |bio| unsafe { sockets::BIO_set_conn_hostname(bio, name.as_ptr()) })
    }

    /// The port to connect to, a number or a name of a service.
    ///
    /// # Errors
    ///
    /// As [`set_conn_hostname`](Self::set_conn_hostname).
    ///
    /// C: [`BIO_set_conn_port(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_conn_port")]
    pub fn set_conn_port(&mut self, port: &str) -> Result<(), Error> {
        const CALL: &str = "BIO_set_conn_port";
        let port = strings::c_string_not_empty(CALL, "the port", port)?;
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn(CALL, |bio| unsafe { sockets::BIO_set_conn_port(bio, port.as_ptr()) })
    }

    /// The address to connect to, in place of host and port.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate it, and [`ErrorKind::InvalidInput`] for a v6 address with a scope,
    /// which C would forget.
    ///
    /// C: [`BIO_set_conn_address(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_conn_address")]
    pub fn set_conn_address(&mut self, address: SocketAddr) -> Result<(), Error> {
        const CALL: &str = "BIO_set_conn_address";
        let address = Address::new(address)?;
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn(CALL, |bio| unsafe { sockets::BIO_set_conn_address(bio, address.as_ptr()) })
    }

    /// Which addresses of a name to try.
    ///
    /// # Errors
    ///
    /// As [`set_conn_mode`](Self::set_conn_mode).
    ///
    /// C: [`BIO_set_conn_ip_family(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_conn_ip_family")]
    pub fn set_conn_ip_family(&mut self, family: IpFamily) -> Result<(), Error> {
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn("BIO_set_conn_ip_family", |bio| unsafe {
            sockets::BIO_set_conn_ip_family(bio, family.as_raw().into())
        })
    }

    /// How to make the socket.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if there is no `BIO_s_connect` in the chain.
    ///
    /// C: [`BIO_set_conn_mode(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_conn_mode")]
    pub fn set_conn_mode(&mut self, mode: SocketFlags) -> Result<(), Error> {
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn("BIO_set_conn_mode", |bio| unsafe { sockets::BIO_set_conn_mode(bio, mode.bits()) })
    }

    /// Makes calls that would wait be suspended instead (`true`), or wait again (`false`). A `BIO_s_connect` and a
    /// `BIO_s_accept` do so with the sockets that they make from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unspecified`] if the BIO knows no such setting, and what the system says.
    ///
    /// C: [`BIO_set_nbio(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_nbio")]
    pub fn set_nbio(&mut self, nonblocking: bool) -> Result<(), Error> {
        if matches!(self.datagrams(), Some((_, false))) {
            return Err(
                Error::new(ErrorKind::InvalidInput, "BIO_set_nbio").with_detail("the socket is closed")
            );
        }
        // SAFETY: the BIO is live and borrowed for writing.
        match self.enter(|bio| unsafe { ext::BIO_set_nbio(bio, nonblocking.into()) }) {
            (1.., _) => Ok(()),
            (ret, errno) => Err(self.failed("BIO_set_nbio", c_int::try_from(ret).unwrap_or(-1), errno)),
        }
    }

    /// The descriptor of the chain: the socket once there is one, of a `BIO_s_accept` the one that listens.
    ///
    /// C: [`BIO_get_fd(3)`](https://docs.openssl.org/master/man3/BIO_s_fd/)
    #[doc(alias = "BIO_get_fd")]
    pub fn descriptor(&mut self) -> Option<RawFd> {
        let mut fd = -1;
        // SAFETY: the BIO is live; C writes the number to the local.
        let known = self.ask(|bio| unsafe { ext::BIO_get_fd(bio, &raw mut fd) });
        (known >= 0 && fd >= 0).then_some(fd)
    }

    /// The host that was set, without its port.
    ///
    /// C: [`BIO_get_conn_hostname(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_conn_hostname")]
    pub fn conn_hostname(&self) -> Option<&CStr> {
        let connect = self.first_of(BioType::CONNECT)?;
        // SAFETY: C lends the BIO's own text, which only a setter replaces.
        unsafe { strings::lend(enter(|| sockets::BIO_get_conn_hostname(connect))) }
    }

    /// The port that was set.
    ///
    /// C: [`BIO_get_conn_port(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_conn_port")]
    pub fn conn_port(&self) -> Option<&CStr> {
        let connect = self.first_of(BioType::CONNECT)?;
        // SAFETY: as in `conn_hostname`.
        unsafe { strings::lend(enter(|| sockets::BIO_get_conn_port(connect))) }
    }

    /// The address that the BIO is connecting, or connected, to. `None` before.
    ///
    /// C: [`BIO_get_conn_address(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_conn_address")]
    pub fn conn_address(&self) -> Option<SocketAddr> {
        let connect = self.first_of(BioType::CONNECT)?;
        // SAFETY: the BIO is live, and lends its own address (get0), which is copied at once.
        unsafe { Address::read(enter(|| sockets::BIO_get_conn_address(connect))) }
    }

    /// The family of the address that the BIO is connecting, or connected, to; before, which ones it would take.
    ///
    /// C: [`BIO_get_conn_ip_family(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_conn_ip_family")]
    pub fn conn_ip_family(&self) -> Option<IpFamily> {
        let connect = self.first_of(BioType::CONNECT)?;
        // SAFETY: the BIO is live, and the call only reads it.
        let family = match enter(|| unsafe { sockets::BIO_get_conn_ip_family(connect) }) {
            // C's macro passes NULL, for which C answers 0.
            // SAFETY: as above.
            0 => unsafe { ask(connect, 3) },
            family => family,
        };
        IpFamily::from_raw(family)
    }

    /// Whether to connect for datagrams, before the BIO is connecting.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2, and [`ErrorKind::Unspecified`] once it is connecting.
    ///
    /// C: [`BIO_set_sock_type(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_sock_type")]
    pub fn set_datagram(&mut self, datagram: bool) -> Result<(), Error> {
        const CALL: &str = "BIO_set_sock_type";
        sockets::need_since_3_2(CALL)?;
        let kind = if datagram { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn(CALL, |bio| unsafe { sockets::BIO_set_sock_type(bio, kind).into() })
    }

    /// Whether it connects for datagrams. `None` before OpenSSL 3.2.
    ///
    /// C: [`BIO_get_sock_type(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_sock_type")]
    pub fn is_datagram(&self) -> Option<bool> {
        let connect = self.first_of(BioType::CONNECT)?;
        // SAFETY: the BIO is live, and the call only reads it.
        match enter(|| unsafe { sockets::BIO_get_sock_type(connect) }) {
            libc::SOCK_DGRAM => Some(true),
            libc::SOCK_STREAM => Some(false),
            _ => None,
        }
    }

    /// The datagram BIO under a connect BIO that is connected for datagrams.
    ///
    /// C: [`BIO_get0_dgram_bio(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get0_dgram_bio")]
    pub fn dgram_bio_mut(&mut self) -> Option<&mut BioRef> {
        let (bio, true) = self.datagrams()? else { return None };
        // SAFETY: get0: it lives as long as the connect BIO has it, which is borrowed for writing.
        Some(unsafe { BioRef::from_ptr_mut(bio) })
    }

    /// Sends the first bytes with the SYN (TCP Fast Open), where the system does it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2, and [`ErrorKind::Unspecified`] where it was built without.
    ///
    /// C: [`BIO_set_tfo(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_set_tfo")]
    pub fn set_tfo(&mut self, on: bool) -> Result<(), Error> {
        const CALL: &str = "BIO_set_tfo";
        sockets::need_since_3_2(CALL)?;
        // SAFETY: as in `set_conn_hostname`.
        self.set_conn(CALL, |bio| unsafe { sockets::BIO_set_tfo(bio, on.into()).into() })
    }

    /// The flags that a socket BIO gives send(2): `MSG_NOSIGNAL`, `MSG_DONTWAIT`, `MSG_MORE`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for any other flag, such as `MSG_ZEROCOPY`, with which the system reads what is sent after
    /// the call too, [`ErrorKind::Unsupported`] before OpenSSL 4.0, and [`ErrorKind::Unspecified`] where there is no socket BIO.
    ///
    /// C: [`BIO_set_send_flags(3)`](https://docs.openssl.org/master/man3/BIO_s_socket/)
    #[doc(alias = "BIO_set_send_flags")]
    pub fn set_send_flags(&mut self, flags: c_int) -> Result<(), Error> {
        const CALL: &str = "BIO_set_send_flags";
        if flags & !SEND_FLAGS != 0 {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("not a flag that may be set"));
        }
        sockets::need_since_4_0(CALL)?;
        // SAFETY: the BIO is live and borrowed for writing; the command takes a number.
        match self.enter(|bio| unsafe { sockets::BIO_set_send_flags(bio, flags) }) {
            (1.., _) => done(CALL, true),
            (ret, errno) => Err(self.failed(CALL, c_int::try_from(ret).unwrap_or(-1), errno)),
        }
    }

    /// How the socket is made, as far as it was set. `None` before OpenSSL 3.2, which does not tell.
    ///
    /// C: [`BIO_get_conn_mode(3)`](https://docs.openssl.org/master/man3/BIO_s_connect/)
    #[doc(alias = "BIO_get_conn_mode")]
    pub fn conn_mode(&self) -> Option<SocketFlags> {
        let connect = self.first_of(BioType::CONNECT)?;
        if running_version() < 0x3020_0000 {
            return None;
        }
        // SAFETY: the BIO is live, and the calls only read it.
        let mode = match enter(|| unsafe { sockets::BIO_get_conn_mode(connect) }) {
            // C's macro passes NULL, for which C answers 0.
            // SAFETY: as above.
            0 => c_int::try_from(unsafe { ask(connect, 4) }).ok()?,
            mode => mode,
        };
        Some(SocketFlags::from_bits_retain(mode))
    }

    fn set_conn(
        &mut self,
        call: &'static str,
        set: impl FnOnce(*mut sys::BIO) -> c_long,
    ) -> Result<(), Error> {
        let connect = self.first_of(BioType::CONNECT).ok_or_else(|| no_such(call))?;
        error::clear();
        done(call, enter(|| set(connect)) > 0)
    }
}

impl BioRef {
    /// The first BIO of a type in the chain.
    pub(super) fn first_of(&self, kind: BioType) -> Option<*mut sys::BIO> {
        self.find_type(kind).map(Self::as_ptr)
    }
}

/// The refusal of a setting that no BIO of the chain has.
pub(super) fn no_such(call: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, call).with_detail("no BIO of the chain has this setting")
}

impl IpFamily {
    pub(super) fn as_raw(self) -> c_int {
        match self {
            Self::Any => ext::BIO_FAMILY_IPANY,
            Self::V4 => ext::BIO_FAMILY_IPV4,
            Self::V6 => ext::BIO_FAMILY_IPV6,
        }
    }

    pub(super) fn from_raw(family: c_long) -> Option<Self> {
        [Self::Any, Self::V4, Self::V6].into_iter().find(|known| c_long::from(known.as_raw()) == family)
    }
}

/// # Safety
///
/// `connect` is a live BIO of the type connect.
unsafe fn ask(connect: *mut sys::BIO, what: c_long) -> c_long {
    let mut none: *mut c_char = ptr::null_mut();
    // SAFETY: by this function's contract; for these questions C only looks whether there is a pointer.
    enter(|| unsafe { sys::BIO_ctrl(connect, ext::BIO_C_GET_CONNECT, what, (&raw mut none).cast()) })
}
