//! OpenSSL's numbers for algorithms.

use std::ffi::c_int;
use std::fmt;

use openssl_sys as sys;

use crate::ffi::strings;

/// OpenSSL's number of an algorithm, a `NID_…`. Two builds of OpenSSL agree on the numbers of the algorithms both know.
///
/// C: [`OBJ_nid2sn(3)`](https://docs.openssl.org/master/man3/OBJ_nid2obj/)
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nid(pub c_int);

impl Nid {
    /// `NID_undef`: no algorithm.
    #[doc(alias = "NID_undef")]
    pub const UNDEF: Self = Self(0);

    /// OpenSSL's short name, such as `SHA256`; `None` for a number that it does not know.
    #[doc(alias = "OBJ_nid2sn")]
    pub fn short_name(self) -> Option<&'static str> {
        // SAFETY: any number is allowed; the names are constants, or stay until the process ends.
        self.name(|| unsafe { strings::constant(sys::OBJ_nid2sn(self.0)) })
    }

    /// OpenSSL's long name, such as `sha256`; `None` for a number that it does not know.
    #[doc(alias = "OBJ_nid2ln")]
    pub fn long_name(self) -> Option<&'static str> {
        // SAFETY: as in `short_name`.
        self.name(|| unsafe { strings::constant(sys::OBJ_nid2ln(self.0)) })
    }

    /// `None` for [`UNDEF`](Self::UNDEF), for the getters that mean "nothing" by it.
    pub(crate) fn defined(self) -> Option<Self> {
        (self != Self::UNDEF).then_some(self)
    }

    fn name(self, get: impl FnOnce() -> &'static str) -> Option<&'static str> {
        crate::error::clear();
        let name = get();
        // An unknown number leaves an entry in the queue.
        crate::error::clear();
        (!name.is_empty()).then_some(name)
    }
}

impl fmt::Debug for Nid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.short_name() {
            Some(name) => write!(f, "Nid({}, {name})", self.0),
            None => write!(f, "Nid({})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_can_be_shown() {
        assert_eq!(Nid(672).short_name(), Some("SHA256"));
        assert_eq!(Nid(672).long_name(), Some("sha256"));
        assert_eq!(Nid::UNDEF.defined(), None);
        for number in [c_int::MIN, -1, 0, 1, 99_999, c_int::MAX] {
            assert!(format!("{:?}", Nid(number)).contains(&number.to_string()));
        }
        assert!(crate::error::is_empty());
    }
}
