//! Key exchange groups: which are offered, which both sides have, and which one was agreed on.

use std::ffi::c_int;
use std::ptr;

use openssl_sys_ext as ext;

use super::{Nid, SslRef};
use crate::error::{Error, ErrorKind};
use crate::ffi::{bytes, compat, strings};
use crate::x509::PKey;

/// A key exchange group, as OpenSSL numbers it.
///
/// Groups that OpenSSL has a `NID_…` for are numbered by it; all others by their number in the protocol with a
/// mark of OpenSSL's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Group(c_int);

impl Group {
    /// The group behind a number as C gives it.
    pub fn from_raw(number: c_int) -> Self {
        Self(number)
    }

    /// The number as C gives it.
    pub fn as_raw(self) -> c_int {
        self.0
    }

    /// OpenSSL's number of the algorithm, if it has one.
    pub fn nid(self) -> Option<Nid> {
        if self.0 & ext::TLSEXT_nid_unknown == 0 { Nid(self.0).defined() } else { None }
    }

    /// The number in the protocol ([IANA's registry]), where OpenSSL has no other one.
    ///
    /// [IANA's registry]: https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-8
    pub fn protocol_id(self) -> Option<u16> {
        if self.0 & ext::TLSEXT_nid_unknown == 0 {
            return None;
        }
        u16::try_from(self.0 & 0xffff).ok()
    }

    fn defined(number: c_int) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }
}

impl SslRef {
    /// Sets the groups by name, in order of preference, with `:` between; names are those of the OpenSSL that runs,
    /// and from 3.5 on there is more syntax.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a name that OpenSSL does not know, [`ErrorKind::InvalidInput`] for an empty list or a
    /// NUL byte.
    ///
    /// C: [`SSL_set1_groups_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_set1_groups_list")]
    #[doc(alias = "SSL_set1_curves_list")]
    pub fn set_groups_list(&mut self, list: &str) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_groups_list";
        let list = strings::c_list(CALL, list)?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C reads a string that lives for the call.
        match unsafe { ext::SSL_set1_groups_list(self.as_ptr(), list.as_ptr()) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Sets the groups by number, in order of preference.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a number that is no group of OpenSSL's, one twice, or an empty list.
    ///
    /// C: [`SSL_set1_groups(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_set1_groups")]
    #[doc(alias = "SSL_set1_curves")]
    pub fn set_groups(&mut self, groups: &[Nid]) -> Result<(), Error> {
        const CALL: &str = "SSL_set1_groups";
        let numbers: Vec<c_int> = groups.iter().map(|group| group.0).collect();
        let len = c_int::try_from(numbers.len())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, CALL).with_detail("the list is too long"))?;
        crate::error::clear();
        // SAFETY: the object is live and borrowed for writing; C reads `len` numbers and keeps copies.
        match unsafe { ext::SSL_set1_groups(self.as_ptr(), numbers.as_ptr(), len) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// The groups that the peer offered, in its order; on a server that has read the ClientHello.
    ///
    /// C: [`SSL_get1_groups(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get1_groups")]
    #[doc(alias = "SSL_get1_curves")]
    pub fn peer_groups(&self) -> Vec<Group> {
        let ssl = self.as_ptr();
        // SAFETY: the object is live; with NULL C only counts.
        let count = unsafe { ext::SSL_get1_groups(ssl, ptr::null_mut()) };
        let mut groups = vec![0; usize::try_from(count).unwrap_or_default()];
        if !groups.is_empty() {
            // SAFETY: the object is live and nobody changed it since C counted; C writes that many numbers.
            unsafe { ext::SSL_get1_groups(ssl, groups.as_mut_ptr()) };
        }
        groups.into_iter().map(Group).collect()
    }

    /// The groups that the peer offered, as the protocol numbers them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unsupported`] before OpenSSL 3.2.
    ///
    /// C: [`SSL_get0_iana_groups(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get0_iana_groups")]
    pub fn iana_groups(&self) -> Result<&[u16], Error> {
        let mut list = ptr::null();
        // SAFETY: the object is live; C writes a pointer to its own list, or NULL. The next ClientHello replaces it,
        // and that takes `&mut self`.
        unsafe {
            let count = compat::ssl::iana_groups(self.as_ptr(), &raw mut list)?;
            Ok(bytes::lend_array(list, usize::try_from(count).unwrap_or_default()))
        }
    }

    /// The group at this place among those that both sides have, in the order of preference; on a server.
    ///
    /// C: [`SSL_get_shared_group(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get_shared_group")]
    #[doc(alias = "SSL_get_shared_curve")]
    pub fn shared_group(&self, index: usize) -> Option<Group> {
        // Negative numbers mean something else to C.
        let index = c_int::try_from(index).ok()?;
        // SAFETY: the object is live, and C only compares its lists.
        Group::defined(unsafe { ext::SSL_get_shared_group(self.as_ptr(), index) })
    }

    /// How many groups both sides have; on a server.
    ///
    /// C: [`SSL_get_shared_group(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get_shared_group")]
    pub fn shared_group_count(&self) -> usize {
        // SAFETY: as in `shared_group`; -1 counts.
        usize::try_from(unsafe { ext::SSL_get_shared_group(self.as_ptr(), -1) }).unwrap_or_default()
    }

    /// The group that was agreed on, or `None` before that and where no group was used.
    ///
    /// C: [`SSL_get_negotiated_group(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get_negotiated_group")]
    pub fn negotiated_group(&self) -> Option<Group> {
        if !self.has_session() {
            return None;
        }
        // SAFETY: the object is live and has a session, without which 3.0 to 3.4 read NULL.
        Group::defined(unsafe { ext::SSL_get_negotiated_group(self.as_ptr()) })
    }

    /// The name of the group that was agreed on, such as `x25519`.
    ///
    /// C: [`SSL_get0_group_name(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get0_group_name")]
    pub fn group_name(&self) -> Option<&str> {
        if !self.has_session() {
            return None;
        }
        // SAFETY: the object is live and has a session, without which C reads NULL. The name is a constant, or belongs
        // to a context of this object, all of which live as long as it does.
        unsafe { strings::lend(compat::ssl::group_name(self.as_ptr())) }.and_then(|name| name.to_str().ok())
    }

    /// OpenSSL's name for a group, such as `secp256r1`.
    ///
    /// C: [`SSL_group_to_name(3)`](https://docs.openssl.org/master/man3/SSL_group_to_name/)
    #[doc(alias = "SSL_group_to_name")]
    pub fn group_to_name(&self, group: Group) -> Option<&str> {
        // SAFETY: the object is live; any number is allowed. For the name see `group_name`.
        unsafe { strings::lend(ext::SSL_group_to_name(self.as_ptr(), group.0)) }
            .and_then(|name| name.to_str().ok())
    }

    /// The formats of points on curves that the peer understands, as it sent them.
    ///
    /// C: [`SSL_get0_ec_point_formats(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set1_curves/)
    #[doc(alias = "SSL_get0_ec_point_formats")]
    pub fn ec_point_formats(&self) -> Option<&[u8]> {
        let mut list = ptr::null();
        // SAFETY: the object is live; C writes a pointer to its own copy, which only a handshake replaces, and that
        // takes `&mut self`. Without one it writes nothing.
        unsafe {
            let len = ext::SSL_get0_ec_point_formats(self.as_ptr(), &raw mut list);
            bytes::lend(list, usize::try_from(len).unwrap_or_default())
        }
    }

    /// The key that this side made for the key exchange, as long as libssl has it.
    ///
    /// C: [`SSL_get_tmp_key(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_tmp_key/)
    #[doc(alias = "SSL_get_tmp_key")]
    pub fn tmp_key(&self) -> Option<PKey> {
        let mut key = ptr::null_mut();
        // SAFETY: the object is live; C writes a reference of ours (get1), or returns 0.
        unsafe { (ext::SSL_get_tmp_key(self.as_ptr(), &raw mut key) == 1).then(|| PKey::from_ptr(key)) }
    }

    /// The key that the peer made for the key exchange.
    ///
    /// C: [`SSL_get_peer_tmp_key(3)`](https://docs.openssl.org/master/man3/SSL_get_peer_tmp_key/)
    #[doc(alias = "SSL_get_peer_tmp_key")]
    #[doc(alias = "SSL_get_server_tmp_key")]
    pub fn peer_tmp_key(&self) -> Option<PKey> {
        let mut key = ptr::null_mut();
        // SAFETY: the object is live; C writes a reference of ours (get1), or returns 0.
        unsafe { (ext::SSL_get_peer_tmp_key(self.as_ptr(), &raw mut key) == 1).then(|| PKey::from_ptr(key)) }
    }

    /// Whether the object has a session, which several getters of C read without asking.
    pub(super) fn has_session(&self) -> bool {
        // SAFETY: the object is live and lends the session (get0).
        unsafe { !ext::SSL_get_session(self.as_ptr()).is_null() }
    }
}
