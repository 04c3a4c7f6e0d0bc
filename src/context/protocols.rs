//! Lists of application protocols as ALPN and NPN have them on the wire.

use std::ffi::c_uint;
use std::{fmt, ptr};

use openssl_sys as sys;

use crate::error::{Error, ErrorKind};

/// Names of application protocols, each of 1 to 255 bytes, in the order of preference.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProtocolList(Vec<u8>);

impl ProtocolList {
    /// Makes a list of names, such as `["h2", "http/1.1"]`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a name that is empty or longer than 255 bytes, and for a list longer than
    /// 65,535 bytes.
    pub fn new<P: AsRef<[u8]>>(protocols: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let refuse = |detail: &str| {
            Err(Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_alpn_protos").with_detail(detail))
        };
        let mut wire = Vec::new();
        for protocol in protocols {
            let protocol = protocol.as_ref();
            match u8::try_from(protocol.len()) {
                Ok(len @ 1..) => wire.push(len),
                _ => return refuse("a protocol's name has 1 to 255 bytes"),
            }
            wire.extend_from_slice(protocol);
            if wire.len() > usize::from(u16::MAX) {
                return refuse("the list of protocols is too long");
            }
        }
        Ok(Self(wire))
    }

    /// The list on the wire: each name with its length before it.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        OfferedProtocols(&self.0).iter()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for ProtocolList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OfferedProtocols(&self.0).fmt(f)
    }
}

/// The list of protocols that a peer sent, as it came. What is malformed in it ends the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OfferedProtocols<'a>(&'a [u8]);

impl<'a> OfferedProtocols<'a> {
    pub(crate) fn new(wire: &'a [u8]) -> Self {
        Self(wire)
    }

    /// The names, in the peer's order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&len, tail) = rest.split_first()?;
            let (name, tail) = tail.split_at_checked(usize::from(len)).filter(|_| len > 0)?;
            rest = tail;
            Some(name)
        })
    }

    /// Whether the peer offered `protocol`.
    pub fn contains(self, protocol: impl AsRef<[u8]>) -> bool {
        self.find(protocol.as_ref()).is_some()
    }

    /// The first of `preferred` that the peer offered.
    pub fn first_of<P: AsRef<[u8]>>(self, preferred: impl IntoIterator<Item = P>) -> Option<&'a [u8]> {
        preferred.into_iter().find_map(|protocol| self.find(protocol.as_ref()))
    }

    /// The list on the wire.
    pub fn as_wire(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn find(self, protocol: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|offered| *offered == protocol)
    }
}

impl fmt::Debug for OfferedProtocols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(String::from_utf8_lossy)).finish()
    }
}

/// The first protocol of `server` that is also in `client`, or `None` without one.
///
/// C: [`SSL_select_next_proto(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set_alpn_select_cb/)
#[doc(alias = "SSL_select_next_proto")]
pub fn select_next_proto<'a>(server: &'a ProtocolList, client: &ProtocolList) -> Option<&'a [u8]> {
    if server.is_empty() || client.is_empty() {
        // C would read what is not there.
        return None;
    }
    let (mut selected, mut len) = (ptr::null_mut(), 0);
    let wire_len = |list: &ProtocolList| c_uint::try_from(list.0.len()).unwrap_or_default();
    // SAFETY: both lists are well formed, not empty, and outlive the call; the out-pointers are locals.
    let outcome = unsafe {
        sys::SSL_select_next_proto(
            &raw mut selected,
            &raw mut len,
            server.0.as_ptr(),
            wire_len(server),
            client.0.as_ptr(),
            wire_len(client),
        )
    };
    if outcome != sys::OPENSSL_NPN_NEGOTIATED {
        return None;
    }
    // SAFETY: C points into one of the lists, which both still live. The name is found again in `server`'s own, so
    // that nothing of `client` is lent.
    let selected = unsafe { crate::ffi::bytes::lend(selected.cast_const(), usize::from(len)) }?;
    OfferedProtocols(&server.0).find(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        assert_eq!(ProtocolList::new(["h2", "http/1.1"]).unwrap().as_wire(), b"\x02h2\x08http/1.1");
        assert!(ProtocolList::new([b""]).is_err());
        assert!(ProtocolList::new([[0; 256]]).is_err());
        assert!(ProtocolList::new([[7; 255]]).is_ok());
        assert!(ProtocolList::new((0..=256).map(|_| [7; 255])).is_err());
        assert!(ProtocolList::new::<&str>([]).unwrap().is_empty());
    }

    #[test]
    fn a_malformed_offer_ends_where_it_is_malformed() {
        for (wire, names) in
            [(&b""[..], 0), (b"\x00", 0), (b"\x01a\x05b", 1), (b"\x02h2\x00\x01x", 1), (b"\xff", 0)]
        {
            assert_eq!(OfferedProtocols::new(wire).iter().count(), names);
        }
    }

    #[test]
    fn the_server_s_order_decides() {
        let server = ProtocolList::new(["a", "h2", "http/1.1"]).unwrap();
        let client = ProtocolList::new(["http/1.1", "h2"]).unwrap();
        assert_eq!(select_next_proto(&server, &client), Some(&b"h2"[..]));
        assert_eq!(select_next_proto(&server, &ProtocolList::new(["x"]).unwrap()), None);
        assert_eq!(select_next_proto(&server, &ProtocolList::default()), None);
        assert_eq!(select_next_proto(&ProtocolList::default(), &client), None);
        let offered = OfferedProtocols::new(client.as_wire());
        assert_eq!(offered.first_of(server.iter()), Some(&b"h2"[..]));
        assert!(offered.contains("h2") && !offered.contains("h"));
    }
}
