//! `BIO_ADDR`: an address as BIOs have it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr::NonNull;

use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat::sockets;

/// An address of ours.
pub(super) struct Address(NonNull<ext::BIO_ADDR>);

impl Address {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        const CALL: &str = "BIO_ADDR_rawmake";
        if let SocketAddr::V6(v6) = address {
            if v6.scope_id() != 0 {
                return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("a BIO_ADDR has no scope"));
            }
        }
        sockets::need(CALL)?;
        error::clear();
        // SAFETY: makes an address of ours.
        let made = NonNull::new(unsafe { sockets::BIO_ADDR_new() });
        let this = Self(made.ok_or_else(|| Error::from_queue("BIO_ADDR_new"))?);
        let (family, octets) = match address.ip() {
            IpAddr::V4(ip) => (libc::AF_INET, ip.octets().to_vec()),
            IpAddr::V6(ip) => (libc::AF_INET6, ip.octets().to_vec()),
        };
        let port = address.port().to_be();
        // SAFETY: the address is ours; C reads as many bytes as there are.
        let set = unsafe {
            sockets::BIO_ADDR_rawmake(this.0.as_ptr(), family, octets.as_ptr().cast(), octets.len(), port)
        };
        if set == 1 { Ok(this) } else { Err(Error::from_queue(CALL)) }
    }

    pub(super) fn as_ptr(&self) -> *const ext::BIO_ADDR {
        self.0.as_ptr()
    }

    /// The address that C lends. `None` for NULL, and for what is no IP address.
    ///
    /// # Safety
    ///
    /// `address` is NULL, or live.
    pub(super) unsafe fn read(address: *const ext::BIO_ADDR) -> Option<SocketAddr> {
        if address.is_null() {
            return None;
        }
        // SAFETY: live by this function's contract, and the calls only read it.
        let (family, port) =
            unsafe { (sockets::BIO_ADDR_family(address), u16::from_be(sockets::BIO_ADDR_rawport(address))) };
        let ip = match family {
            // SAFETY: live, and of this family.
            libc::AF_INET => IpAddr::V4(Ipv4Addr::from(unsafe { octets::<4>(address) }?)),
            // SAFETY: as above.
            libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(unsafe { octets::<16>(address) }?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

/// # Safety
///
/// `address` is live.
unsafe fn octets<const N: usize>(address: *const ext::BIO_ADDR) -> Option<[u8; N]> {
    let (mut octets, mut len) = ([0; N], 0);
    // SAFETY: by this function's contract; with NULL C only tells the length.
    let asked = unsafe { sockets::BIO_ADDR_rawaddress(address, std::ptr::null_mut(), &raw mut len) };
    if asked != 1 || len != N {
        return None;
    }
    // SAFETY: as above; there is room for what C just said.
    let told = unsafe { sockets::BIO_ADDR_rawaddress(address, octets.as_mut_ptr().cast(), &raw mut len) };
    (told == 1).then_some(octets)
}

impl Drop for Address {
    fn drop(&mut self) {
        // SAFETY: the address is ours.
        unsafe { sockets::BIO_ADDR_free(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_went_in() {
        for text in ["127.0.0.1:443", "[::1]:8443", "[2001:db8::7]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            let c = Address::new(address).unwrap();
            // SAFETY: live.
            assert_eq!(unsafe { Address::read(c.as_ptr()) }, Some(address));
        }
        let scoped = std::net::SocketAddrV6::new(Ipv6Addr::LOCALHOST, 1, 0, 7);
        assert!(Address::new(scoped.into()).is_err());
    }
}
