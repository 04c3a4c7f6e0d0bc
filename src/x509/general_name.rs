//! General names: what a certificate's subject, or a place, is called.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::net::IpAddr;
use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::mem::{encode, shown};
use super::serial::contents;
use super::{Oid, X509Name, X509NameRef};
use crate::error::{self, Error, ErrorKind};

const OTHER_NAME: c_int = 0;
const EMAIL: c_int = 1;
const DNS: c_int = 2;
const X400: c_int = 3;
const DIRECTORY: c_int = 4;
const EDI_PARTY: c_int = 5;
const URI: c_int = 6;
const IP: c_int = 7;
const REGISTERED_ID: c_int = 8;

/// A name of one of the kinds that certificates have. What a peer wrote there is bytes: nothing of it has been checked.
///
/// `Display` gives it as OpenSSL does, such as `DNS:example.org`, with control characters escaped.
#[doc(alias = "GENERAL_NAME")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GeneralName {
    /// A DNS name, perhaps with a wildcard.
    #[doc(alias = "GEN_DNS")]
    Dns(Vec<u8>),
    /// An e-mail address.
    #[doc(alias = "GEN_EMAIL")]
    Email(Vec<u8>),
    /// A URI.
    #[doc(alias = "GEN_URI")]
    Uri(Vec<u8>),
    /// An IP address.
    #[doc(alias = "GEN_IPADD")]
    Ip(IpAddr),
    /// What stands for an IP address and has another length than one.
    IpBytes(Vec<u8>),
    /// A distinguished name.
    #[doc(alias = "GEN_DIRNAME")]
    DirectoryName(X509Name),
    /// An object identifier.
    #[doc(alias = "GEN_RID")]
    RegisteredId(Oid),
    /// A name of another kind.
    #[doc(alias = "GEN_OTHERNAME")]
    OtherName {
        /// Its kind.
        kind: Oid,
        /// The value, in DER.
        value: Vec<u8>,
    },
    /// An X.400 address, as the whole name in DER.
    #[doc(alias = "GEN_X400")]
    X400Address(Vec<u8>),
    /// The name of an EDI party, as the whole name in DER.
    #[doc(alias = "GEN_EDIPARTY")]
    EdiPartyName(Vec<u8>),
}

impl GeneralName {
    /// The text alone, without the kind, for the logs: what is not UTF-8 is replaced, control characters are escaped.
    pub fn to_text(&self) -> String {
        match self {
            Self::Dns(name) | Self::Email(name) | Self::Uri(name) => shown(name),
            Self::Ip(address) => address.to_string(),
            Self::DirectoryName(name) => name.to_string(),
            Self::RegisteredId(oid) => oid.as_text().to_owned(),
            Self::IpBytes(bytes) | Self::X400Address(bytes) | Self::EdiPartyName(bytes) => hex(bytes),
            Self::OtherName { kind, value } => format!("{}::{}", kind.as_text(), hex(value)),
        }
    }

    /// A copy of C's name.
    ///
    /// # Safety
    ///
    /// `name` is live.
    pub(crate) unsafe fn copy(name: *mut sys::GENERAL_NAME) -> Result<Self, Error> {
        const CALL: &str = "GENERAL_NAME_get0_value";
        let broken = || Error::new(ErrorKind::Refused, CALL).with_detail("a name without a value");
        let mut kind: c_int = -1;
        // SAFETY: the name is live and lends its value (get0); the out-pointer is a local of the type C writes.
        let value: *mut c_void = unsafe { ext::GENERAL_NAME_get0_value(name, &raw mut kind) };
        if value.is_null() {
            return Err(broken());
        }
        // SAFETY: for these kinds the value is a string of ASN.1, which stays as it is while the name does.
        let bytes = || unsafe { contents(value.cast()) }.to_vec();
        // SAFETY: the name is live; C counts for NULL, and writes what it counted.
        let der = || encode("i2d_GENERAL_NAME", |out| unsafe { ext::i2d_GENERAL_NAME(name, out) });
        Ok(match kind {
            EMAIL => Self::Email(bytes()),
            DNS => Self::Dns(bytes()),
            URI => Self::Uri(bytes()),
            IP => Self::from_ip_bytes(bytes()),
            // SAFETY: for this kind the value is a name, parsed with the certificate.
            DIRECTORY => Self::DirectoryName(unsafe { X509NameRef::from_ptr(value.cast()) }.to_owned_name()?),
            // SAFETY: for this kind the value is an object identifier.
            REGISTERED_ID => Self::RegisteredId(unsafe { Oid::copy(value.cast()) }.ok_or_else(broken)?),
            // SAFETY: the name is live, and of this kind.
            OTHER_NAME => unsafe { Self::copy_other(name) }.and_then(|name| name.ok_or_else(broken))?,
            X400 => Self::X400Address(der()?),
            EDI_PARTY => Self::EdiPartyName(der()?),
            _ => return Err(Error::new(ErrorKind::Refused, CALL).with_detail("a name of an unknown kind")),
        })
    }

    /// # Safety
    ///
    /// `name` is live, and an "other name".
    unsafe fn copy_other(name: *const sys::GENERAL_NAME) -> Result<Option<Self>, Error> {
        let (mut kind, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the name is live and lends both (get0); the out-pointers are locals of the types C writes.
        let done = unsafe { ext::GENERAL_NAME_get0_otherName(name, &raw mut kind, &raw mut value) };
        // SAFETY: NULL, or live while the name is.
        let Some(kind) = (unsafe { Oid::copy(kind) }) else { return Ok(None) };
        if done != 1 || value.is_null() {
            return Ok(None);
        }
        // SAFETY: live while the name is; C counts for NULL, and writes what it counted.
        let value = encode("i2d_ASN1_TYPE", |out| unsafe { sys::i2d_ASN1_TYPE(value, out) })?;
        Ok(Some(Self::OtherName { kind, value }))
    }

    fn from_ip_bytes(bytes: Vec<u8>) -> Self {
        if let Ok(octets) = <[u8; 4]>::try_from(bytes.as_slice()) {
            return Self::Ip(octets.into());
        }
        match <[u8; 16]>::try_from(bytes.as_slice()) {
            Ok(octets) => Self::Ip(octets.into()),
            Err(_) => Self::IpBytes(bytes),
        }
    }
}

/// Copies of all names of a stack.
///
/// # Safety
///
/// `stack` is NULL, or a live stack of general names that nobody changes during the call.
pub(crate) unsafe fn copy_all<S>(stack: *const S) -> Result<Vec<GeneralName>, Error> {
    // SAFETY: by this function's contract, and each entry is live.
    let names = unsafe { super::stack::entries(stack).map(|name| GeneralName::copy(name)).collect() };
    error::clear();
    names
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

impl fmt::Display for GeneralName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Dns(_) => "DNS",
            Self::Email(_) => "email",
            Self::Uri(_) => "URI",
            Self::Ip(_) | Self::IpBytes(_) => "IP Address",
            Self::DirectoryName(_) => "DirName",
            Self::RegisteredId(_) => "Registered ID",
            Self::OtherName { .. } => "othername",
            Self::X400Address(_) => "X400Name",
            Self::EdiPartyName(_) => "EdiPartyName",
        };
        write!(f, "{kind}:{}", self.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_4_or_16_bytes() {
        assert_eq!(GeneralName::from_ip_bytes(vec![127, 0, 0, 1]).to_string(), "IP Address:127.0.0.1");
        assert_eq!(GeneralName::from_ip_bytes(vec![0; 16]).to_string(), "IP Address:::");
        for len in (0..40).filter(|len| ![4, 16].contains(len)) {
            assert_eq!(GeneralName::from_ip_bytes(vec![7; len]), GeneralName::IpBytes(vec![7; len]));
        }
    }

    #[test]
    fn what_is_shown_cannot_forge_a_line() {
        assert_eq!(GeneralName::Dns(b"a\0\nb\xff".to_vec()).to_string(), "DNS:a\\u{0}\\nb\u{fffd}");
    }
}
