//! Serial numbers.

use std::ffi::c_int;
use std::{fmt, ptr};

use openssl_sys as sys;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::bytes;

/// `V_ASN1_NEG`
const NEGATIVE: c_int = 0x100;

/// A serial number: any integer, although a good one is positive and has at most 20 bytes. It displays in hexadecimal.
#[doc(alias = "ASN1_INTEGER")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SerialNumber {
    negative: bool,
    magnitude: Vec<u8>,
}

impl SerialNumber {
    /// A positive number of its bytes, the highest first. Leading zeros do not count.
    pub fn from_bytes(magnitude: &[u8]) -> Self {
        Self::new(false, magnitude)
    }

    /// The bytes of the number, the highest first, without its sign and without leading zeros.
    pub fn as_bytes(&self) -> &[u8] {
        &self.magnitude
    }

    /// Whether the number is below 0, as no good one is.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    fn new(negative: bool, magnitude: &[u8]) -> Self {
        let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
        let magnitude = magnitude.get(zeros..).unwrap_or_default().to_vec();
        Self { negative: negative && !magnitude.is_empty(), magnitude }
    }

    /// The number as C takes it.
    pub(super) fn to_asn1(&self) -> Result<Asn1Integer, Error> {
        const CALL: &str = "BN_to_ASN1_INTEGER";
        let Ok(len) = c_int::try_from(self.magnitude.len()) else {
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail("the number is too long"));
        };
        error::clear();
        // SAFETY: C reads so many bytes; the big number is ours, and freed once, and NULL is allowed there.
        let number = unsafe {
            let big = sys::BN_bin2bn(self.magnitude.as_ptr(), len, ptr::null_mut());
            if big.is_null() {
                return Err(Error::from_queue("BN_bin2bn"));
            }
            sys::BN_set_negative(big, c_int::from(self.negative));
            let number = sys::BN_to_ASN1_INTEGER(big, ptr::null_mut());
            sys::BN_free(big);
            number
        };
        if number.is_null() { Err(Error::from_queue(CALL)) } else { Ok(Asn1Integer(number)) }
    }

    /// A copy of C's integer; 0 for NULL.
    ///
    /// # Safety
    ///
    /// `number` is NULL, or live.
    pub(crate) unsafe fn copy(number: *const sys::ASN1_INTEGER) -> Self {
        if number.is_null() {
            return Self::new(false, &[]);
        }
        let string = number.cast::<sys::ASN1_STRING>();
        // SAFETY: an integer is a string of ASN.1, which holds the magnitude, and its sign in the type.
        unsafe { Self::new(sys::ASN1_STRING_type(string) & NEGATIVE != 0, contents(string)) }
    }
}

/// An integer of C's that is ours.
pub(super) struct Asn1Integer(*mut sys::ASN1_INTEGER);

impl Asn1Integer {
    pub(super) fn as_ptr(&self) -> *mut sys::ASN1_INTEGER {
        self.0
    }
}

impl Drop for Asn1Integer {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { sys::ASN1_INTEGER_free(self.0) };
    }
}

/// The contents of a string of ASN.1.
///
/// # Safety
///
/// `string` is NULL, or live, and nobody changes it for `'a`.
pub(crate) unsafe fn contents<'a>(string: *const sys::ASN1_STRING) -> &'a [u8] {
    if string.is_null() {
        return &[];
    }
    // SAFETY: live by this function's contract; get0: the bytes are the string's own.
    unsafe {
        let len = usize::try_from(sys::ASN1_STRING_length(string)).unwrap_or_default();
        bytes::lend(sys::ASN1_STRING_get0_data(string), len).unwrap_or_default()
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if self.magnitude.is_empty() {
            return f.write_str("00");
        }
        self.magnitude.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SerialNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_front_do_not_count() {
        assert_eq!(SerialNumber::from_bytes(&[0, 0, 1, 0xab]), SerialNumber::from_bytes(&[1, 0xab]));
        assert_eq!(SerialNumber::from_bytes(&[1, 0xab]).to_string(), "01AB");
        assert_eq!(SerialNumber::from_bytes(&[]).to_string(), "00");
        assert_eq!(SerialNumber::new(true, &[0]), SerialNumber::from_bytes(&[]));
        assert_eq!(SerialNumber::new(true, &[5]).to_string(), "-05");
    }
}
