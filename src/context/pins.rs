//! Pins: keys of which the peer's chain must have one, beside all that is verified anyway.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use openssl_sys as sys;

use super::SslContextBuilderRef;
use crate::error::{Error, ErrorKind};
use crate::library::LibContext;
use crate::x509::X509Ref;

/// What the error of a handshake tells.
pub(super) const NO_PIN_FITS: &str = "no key of the chain is pinned";

/// The SHA-256 hash of a key, as certificates carry it (`SubjectPublicKeyInfo`). Its text is Base64, as in the
/// `pin-sha256` of [RFC 7469].
///
/// [RFC 7469]: https://www.rfc-editor.org/rfc/rfc7469#section-2.4
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The pin of this hash.
    pub const fn from_sha256(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The pin of a certificate's key.
    ///
    /// # Errors
    ///
    /// As [`X509Ref::spki_sha256`].
    pub fn of(certificate: &X509Ref) -> Result<Self, Error> {
        certificate.spki_sha256().map(Self)
    }

    /// The hash.
    pub const fn as_sha256(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Whether a certificate's key is among the pins. One that cannot be hashed is not.
pub(super) fn fit(pins: &[SpkiPin], certificate: &X509Ref, lib: LibContext) -> bool {
    certificate.spki_sha256_in(lib).is_ok_and(|hash| pins.contains(&SpkiPin(hash)))
}

impl FromStr for SpkiPin {
    type Err = Error;

    /// Reads the 44 characters of Base64.
    fn from_str(text: &str) -> Result<Self, Error> {
        const CALL: &str = "EVP_DecodeBlock";
        let mut bytes = [0; 33];
        // SAFETY: 44 characters are read, and 33 bytes written.
        let decoded =
            text.len() == 44 && unsafe { sys::EVP_DecodeBlock(bytes.as_mut_ptr(), text.as_ptr(), 44) } == 33;
        crate::error::clear();
        let [hash @ .., 0] = bytes else { return Err(Self::malformed(CALL)) };
        let pin = Self(hash);
        // C takes white space, and bits that do not count.
        if decoded && pin.to_string() == text { Ok(pin) } else { Err(Self::malformed(CALL)) }
    }
}

impl SpkiPin {
    fn malformed(call: &'static str) -> Error {
        Error::new(ErrorKind::InvalidInput, call).with_detail("a pin is the Base64 of 32 bytes")
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 45];
        // SAFETY: 32 bytes are read, and 44 characters and a NUL written.
        unsafe { sys::EVP_EncodeBlock(text.as_mut_ptr(), self.0.as_ptr(), 32) };
        f.write_str(&String::from_utf8_lossy(&text[..44]))
    }
}

impl fmt::Debug for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpkiPin({self})")
    }
}

impl SslContextBuilderRef {
    /// Demands that a key of each verified chain, the peer's own or that of a CA above it, is one of `pins`, beside all
    /// that is verified anyway. Keep the pin of a key in reserve among them: a peer whose pinned key is lost is lost too.
    ///
    /// The chain is the one that OpenSSL built and accepted. Where a callback accepted what OpenSSL refused, or verified in
    /// its place, only the peer's own key counts: the handshake proves that one, but anybody can show a CA's certificate.
    ///
    /// Pins count where the peer is verified ([`set_verify`](Self::set_verify)). A resumed session was verified when it was
    /// made, in the context that made it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty list, [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    pub fn set_spki_pins(&mut self, pins: &[SpkiPin]) -> Result<(), Error> {
        if pins.is_empty() {
            let error = Error::new(ErrorKind::InvalidInput, "SSL_CTX_set_cert_verify_callback");
            return Err(error.with_detail("the list of pins is empty"));
        }
        self.update_callbacks(|callbacks| callbacks.pins = Some(Arc::from(pins)))?;
        self.judge_chains();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_is_shown_and_nothing_else_is() {
        let pin = SpkiPin::from_sha256(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        assert_eq!(pin.to_string().parse::<SpkiPin>().unwrap(), pin);
        let good = pin.to_string();
        let other_bits = good.replace('=', "").trim_end_matches(|_: char| false).to_owned();
        for bad in ["", "=", &good[1..], &other_bits, &format!(" {}", &good[..43]), &"\u{e9}".repeat(22)] {
            assert_eq!(bad.parse::<SpkiPin>().unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
        let loose = format!("{}B=", &good[..42]);
        assert!(loose == good || loose.parse::<SpkiPin>().is_err());
        assert!(crate::error::is_empty());
    }
}
