//! Where an object stands: its handshake's state, its role, and what the record layer does.

use std::ffi::c_int;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{Role, SslRef};
use crate::ffi::{compat, strings};

/// The message that a handshake deals with: the C constants `TLS_ST_…` and `DTLS_ST_…`.
///
/// `Cr` and `Cw` are what a client reads and writes, `Sr` and `Sw` what a server does. The numbers of C changed with
/// OpenSSL 3.2; these values do not depend on the OpenSSL that this crate was compiled with.
///
/// C: [`SSL_get_state(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
#[doc(alias = "OSSL_HANDSHAKE_STATE")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeState {
    /// A number that this crate does not know.
    Other(c_int),
    #[doc = "`TLS_ST_BEFORE`: no handshake has begun."]
    #[doc(alias = "TLS_ST_BEFORE")]
    Before,
    #[doc = "`TLS_ST_OK`: the handshake is done."]
    #[doc(alias = "TLS_ST_OK")]
    Ok,
    #[doc = "`DTLS_ST_CR_HELLO_VERIFY_REQUEST`"]
    #[doc(alias = "DTLS_ST_CR_HELLO_VERIFY_REQUEST")]
    CrHelloVerifyRequest,
    #[doc = "`TLS_ST_CR_SRVR_HELLO`"]
    #[doc(alias = "TLS_ST_CR_SRVR_HELLO")]
    CrServerHello,
    #[doc = "`TLS_ST_CR_CERT`"]
    #[doc(alias = "TLS_ST_CR_CERT")]
    CrCertificate,
    #[doc = "`TLS_ST_CR_COMP_CERT`, from OpenSSL 3.2 on"]
    #[doc(alias = "TLS_ST_CR_COMP_CERT")]
    CrCompressedCertificate,
    #[doc = "`TLS_ST_CR_CERT_STATUS`"]
    #[doc(alias = "TLS_ST_CR_CERT_STATUS")]
    CrCertificateStatus,
    #[doc = "`TLS_ST_CR_KEY_EXCH`"]
    #[doc(alias = "TLS_ST_CR_KEY_EXCH")]
    CrKeyExchange,
    #[doc = "`TLS_ST_CR_CERT_REQ`"]
    #[doc(alias = "TLS_ST_CR_CERT_REQ")]
    CrCertificateRequest,
    #[doc = "`TLS_ST_CR_SRVR_DONE`"]
    #[doc(alias = "TLS_ST_CR_SRVR_DONE")]
    CrServerDone,
    #[doc = "`TLS_ST_CR_SESSION_TICKET`"]
    #[doc(alias = "TLS_ST_CR_SESSION_TICKET")]
    CrSessionTicket,
    #[doc = "`TLS_ST_CR_CHANGE`"]
    #[doc(alias = "TLS_ST_CR_CHANGE")]
    CrChangeCipherSpec,
    #[doc = "`TLS_ST_CR_FINISHED`"]
    #[doc(alias = "TLS_ST_CR_FINISHED")]
    CrFinished,
    #[doc = "`TLS_ST_CW_CLNT_HELLO`"]
    #[doc(alias = "TLS_ST_CW_CLNT_HELLO")]
    CwClientHello,
    #[doc = "`TLS_ST_CW_CERT`"]
    #[doc(alias = "TLS_ST_CW_CERT")]
    CwCertificate,
    #[doc = "`TLS_ST_CW_COMP_CERT`, from OpenSSL 3.2 on"]
    #[doc(alias = "TLS_ST_CW_COMP_CERT")]
    CwCompressedCertificate,
    #[doc = "`TLS_ST_CW_KEY_EXCH`"]
    #[doc(alias = "TLS_ST_CW_KEY_EXCH")]
    CwKeyExchange,
    #[doc = "`TLS_ST_CW_CERT_VRFY`"]
    #[doc(alias = "TLS_ST_CW_CERT_VRFY")]
    CwCertificateVerify,
    #[doc = "`TLS_ST_CW_CHANGE`"]
    #[doc(alias = "TLS_ST_CW_CHANGE")]
    CwChangeCipherSpec,
    #[doc = "`TLS_ST_CW_NEXT_PROTO`"]
    #[doc(alias = "TLS_ST_CW_NEXT_PROTO")]
    CwNextProtocol,
    #[doc = "`TLS_ST_CW_FINISHED`"]
    #[doc(alias = "TLS_ST_CW_FINISHED")]
    CwFinished,
    #[doc = "`TLS_ST_SW_HELLO_REQ`"]
    #[doc(alias = "TLS_ST_SW_HELLO_REQ")]
    SwHelloRequest,
    #[doc = "`TLS_ST_SR_CLNT_HELLO`"]
    #[doc(alias = "TLS_ST_SR_CLNT_HELLO")]
    SrClientHello,
    #[doc = "`DTLS_ST_SW_HELLO_VERIFY_REQUEST`"]
    #[doc(alias = "DTLS_ST_SW_HELLO_VERIFY_REQUEST")]
    SwHelloVerifyRequest,
    #[doc = "`TLS_ST_SW_SRVR_HELLO`"]
    #[doc(alias = "TLS_ST_SW_SRVR_HELLO")]
    SwServerHello,
    #[doc = "`TLS_ST_SW_CERT`"]
    #[doc(alias = "TLS_ST_SW_CERT")]
    SwCertificate,
    #[doc = "`TLS_ST_SW_COMP_CERT`, from OpenSSL 3.2 on"]
    #[doc(alias = "TLS_ST_SW_COMP_CERT")]
    SwCompressedCertificate,
    #[doc = "`TLS_ST_SW_KEY_EXCH`"]
    #[doc(alias = "TLS_ST_SW_KEY_EXCH")]
    SwKeyExchange,
    #[doc = "`TLS_ST_SW_CERT_REQ`"]
    #[doc(alias = "TLS_ST_SW_CERT_REQ")]
    SwCertificateRequest,
    #[doc = "`TLS_ST_SW_SRVR_DONE`"]
    #[doc(alias = "TLS_ST_SW_SRVR_DONE")]
    SwServerDone,
    #[doc = "`TLS_ST_SR_CERT`"]
    #[doc(alias = "TLS_ST_SR_CERT")]
    SrCertificate,
    #[doc = "`TLS_ST_SR_COMP_CERT`, from OpenSSL 3.2 on"]
    #[doc(alias = "TLS_ST_SR_COMP_CERT")]
    SrCompressedCertificate,
    #[doc = "`TLS_ST_SR_KEY_EXCH`"]
    #[doc(alias = "TLS_ST_SR_KEY_EXCH")]
    SrKeyExchange,
    #[doc = "`TLS_ST_SR_CERT_VRFY`"]
    #[doc(alias = "TLS_ST_SR_CERT_VRFY")]
    SrCertificateVerify,
    #[doc = "`TLS_ST_SR_NEXT_PROTO`"]
    #[doc(alias = "TLS_ST_SR_NEXT_PROTO")]
    SrNextProtocol,
    #[doc = "`TLS_ST_SR_CHANGE`"]
    #[doc(alias = "TLS_ST_SR_CHANGE")]
    SrChangeCipherSpec,
    #[doc = "`TLS_ST_SR_FINISHED`"]
    #[doc(alias = "TLS_ST_SR_FINISHED")]
    SrFinished,
    #[doc = "`TLS_ST_SW_SESSION_TICKET`"]
    #[doc(alias = "TLS_ST_SW_SESSION_TICKET")]
    SwSessionTicket,
    #[doc = "`TLS_ST_SW_CERT_STATUS`"]
    #[doc(alias = "TLS_ST_SW_CERT_STATUS")]
    SwCertificateStatus,
    #[doc = "`TLS_ST_SW_CHANGE`"]
    #[doc(alias = "TLS_ST_SW_CHANGE")]
    SwChangeCipherSpec,
    #[doc = "`TLS_ST_SW_FINISHED`"]
    #[doc(alias = "TLS_ST_SW_FINISHED")]
    SwFinished,
    #[doc = "`TLS_ST_SW_ENCRYPTED_EXTENSIONS`"]
    #[doc(alias = "TLS_ST_SW_ENCRYPTED_EXTENSIONS")]
    SwEncryptedExtensions,
    #[doc = "`TLS_ST_CR_ENCRYPTED_EXTENSIONS`"]
    #[doc(alias = "TLS_ST_CR_ENCRYPTED_EXTENSIONS")]
    CrEncryptedExtensions,
    #[doc = "`TLS_ST_CR_CERT_VRFY`"]
    #[doc(alias = "TLS_ST_CR_CERT_VRFY")]
    CrCertificateVerify,
    #[doc = "`TLS_ST_SW_CERT_VRFY`"]
    #[doc(alias = "TLS_ST_SW_CERT_VRFY")]
    SwCertificateVerify,
    #[doc = "`TLS_ST_CR_HELLO_REQ`"]
    #[doc(alias = "TLS_ST_CR_HELLO_REQ")]
    CrHelloRequest,
    #[doc = "`TLS_ST_SW_KEY_UPDATE`"]
    #[doc(alias = "TLS_ST_SW_KEY_UPDATE")]
    SwKeyUpdate,
    #[doc = "`TLS_ST_CW_KEY_UPDATE`"]
    #[doc(alias = "TLS_ST_CW_KEY_UPDATE")]
    CwKeyUpdate,
    #[doc = "`TLS_ST_SR_KEY_UPDATE`"]
    #[doc(alias = "TLS_ST_SR_KEY_UPDATE")]
    SrKeyUpdate,
    #[doc = "`TLS_ST_CR_KEY_UPDATE`"]
    #[doc(alias = "TLS_ST_CR_KEY_UPDATE")]
    CrKeyUpdate,
    #[doc = "`TLS_ST_EARLY_DATA`"]
    #[doc(alias = "TLS_ST_EARLY_DATA")]
    EarlyData,
    #[doc = "`TLS_ST_PENDING_EARLY_DATA_END`"]
    #[doc(alias = "TLS_ST_PENDING_EARLY_DATA_END")]
    PendingEarlyDataEnd,
    #[doc = "`TLS_ST_CW_END_OF_EARLY_DATA`"]
    #[doc(alias = "TLS_ST_CW_END_OF_EARLY_DATA")]
    CwEndOfEarlyData,
    #[doc = "`TLS_ST_SR_END_OF_EARLY_DATA`"]
    #[doc(alias = "TLS_ST_SR_END_OF_EARLY_DATA")]
    SrEndOfEarlyData,
}

use HandshakeState as H;

/// In the order of C since 3.2.
const STATES: [HandshakeState; 54] = [
    H::Before,
    H::Ok,
    H::CrHelloVerifyRequest,
    H::CrServerHello,
    H::CrCertificate,
    H::CrCompressedCertificate,
    H::CrCertificateStatus,
    H::CrKeyExchange,
    H::CrCertificateRequest,
    H::CrServerDone,
    H::CrSessionTicket,
    H::CrChangeCipherSpec,
    H::CrFinished,
    H::CwClientHello,
    H::CwCertificate,
    H::CwCompressedCertificate,
    H::CwKeyExchange,
    H::CwCertificateVerify,
    H::CwChangeCipherSpec,
    H::CwNextProtocol,
    H::CwFinished,
    H::SwHelloRequest,
    H::SrClientHello,
    H::SwHelloVerifyRequest,
    H::SwServerHello,
    H::SwCertificate,
    H::SwCompressedCertificate,
    H::SwKeyExchange,
    H::SwCertificateRequest,
    H::SwServerDone,
    H::SrCertificate,
    H::SrCompressedCertificate,
    H::SrKeyExchange,
    H::SrCertificateVerify,
    H::SrNextProtocol,
    H::SrChangeCipherSpec,
    H::SrFinished,
    H::SwSessionTicket,
    H::SwCertificateStatus,
    H::SwChangeCipherSpec,
    H::SwFinished,
    H::SwEncryptedExtensions,
    H::CrEncryptedExtensions,
    H::CrCertificateVerify,
    H::SwCertificateVerify,
    H::CrHelloRequest,
    H::SwKeyUpdate,
    H::CwKeyUpdate,
    H::SrKeyUpdate,
    H::CrKeyUpdate,
    H::EarlyData,
    H::PendingEarlyDataEnd,
    H::CwEndOfEarlyData,
    H::SrEndOfEarlyData,
];

impl HandshakeState {
    /// The state behind the number of the library that runs.
    fn from_raw(number: c_int, version: u64) -> Self {
        // Compressed certificates came into the middle of C's list with 3.2.
        let compression = version >= 0x3020_0000;
        let is_compressed = |state: &&Self| {
            matches!(
                state,
                H::CrCompressedCertificate
                    | H::CwCompressedCertificate
                    | H::SwCompressedCertificate
                    | H::SrCompressedCertificate
            )
        };
        let known = usize::try_from(number)
            .ok()
            .and_then(|index| STATES.iter().filter(|state| compression || !is_compressed(state)).nth(index));
        known.copied().unwrap_or(Self::Other(number))
    }
}

impl SslRef {
    /// The message that the handshake deals with.
    ///
    /// C: [`SSL_get_state(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_get_state")]
    pub fn state(&self) -> HandshakeState {
        // SAFETY: the object is live, and the call only reads it.
        let number = unsafe { ext::SSL_get_state(self.as_ptr()) };
        HandshakeState::from_raw(number as c_int, compat::running_version())
    }

    /// OpenSSL's short name for the state, such as `TWSH`.
    ///
    /// C: [`SSL_state_string(3)`](https://docs.openssl.org/master/man3/SSL_state_string/)
    #[doc(alias = "SSL_state_string")]
    pub fn state_string(&self) -> &'static str {
        // SAFETY: the object is live; the strings are constants.
        unsafe { strings::constant(sys::SSL_state_string(self.as_ptr())) }
    }

    /// OpenSSL's words for the state, such as `SSLv3/TLS write server hello`. After a failure it may say something
    /// else on each version: [`is_poisoned`](Self::is_poisoned) tells whether the object is dead.
    ///
    /// C: [`SSL_state_string_long(3)`](https://docs.openssl.org/master/man3/SSL_state_string/)
    #[doc(alias = "SSL_state_string_long")]
    pub fn state_string_long(&self) -> &'static str {
        // SAFETY: the object is live; the strings are constants.
        unsafe { strings::constant(sys::SSL_state_string_long(self.as_ptr())) }
    }

    /// OpenSSL's short name for what the record layer reads: `RH`, `RB`, or `unknown`.
    ///
    /// C: [`SSL_rstate_string(3)`](https://docs.openssl.org/master/man3/SSL_rstate_string/)
    #[doc(alias = "SSL_rstate_string")]
    pub fn rstate_string(&self) -> &'static str {
        // SAFETY: the object is live; the strings are constants.
        unsafe { strings::constant(ext::SSL_rstate_string(self.as_ptr())) }
    }

    /// OpenSSL's words for what the record layer reads: `read header`, `read body`, or `unknown`.
    ///
    /// C: [`SSL_rstate_string_long(3)`](https://docs.openssl.org/master/man3/SSL_rstate_string/)
    #[doc(alias = "SSL_rstate_string_long")]
    pub fn rstate_string_long(&self) -> &'static str {
        // SAFETY: the object is live; the strings are constants.
        unsafe { strings::constant(ext::SSL_rstate_string_long(self.as_ptr())) }
    }

    /// Whether a handshake is due or under way: true also before the first one.
    ///
    /// C: [`SSL_in_init(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_in_init")]
    pub fn in_init(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_in_init(self.as_ptr()) == 1 }
    }

    /// Whether no handshake has begun.
    ///
    /// C: [`SSL_in_before(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_in_before")]
    pub fn in_before(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_in_before(self.as_ptr()) == 1 }
    }

    /// Whether a handshake is done and no other one is under way.
    ///
    /// C: [`SSL_is_init_finished(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_is_init_finished")]
    pub fn is_init_finished(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { sys::SSL_is_init_finished(self.as_ptr()) == 1 }
    }

    /// Whether a client's handshake is due or under way.
    ///
    /// C: [`SSL_in_connect_init(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_in_connect_init")]
    pub fn in_connect_init(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_in_connect_init(self.as_ptr()) == 1 }
    }

    /// Whether a server's handshake is due or under way.
    ///
    /// C: [`SSL_in_accept_init(3)`](https://docs.openssl.org/master/man3/SSL_in_init/)
    #[doc(alias = "SSL_in_accept_init")]
    pub fn in_accept_init(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_in_accept_init(self.as_ptr()) == 1 }
    }

    /// Whether the object would accept rather than connect. An object that can do both says yes until
    /// [`set_connect_state`](Self::set_connect_state): see [`role`](Self::role).
    ///
    /// C: [`SSL_is_server(3)`](https://docs.openssl.org/master/man3/SSL_set_connect_state/)
    #[doc(alias = "SSL_is_server")]
    pub fn is_server(&self) -> bool {
        // SAFETY: the object is live, and the call only reads it.
        unsafe { ext::SSL_is_server(self.as_ptr()) == 1 }
    }

    /// The side that the object plays, or `None` as long as this crate saw nobody choose one.
    ///
    /// C: [`SSL_is_server(3)`](https://docs.openssl.org/master/man3/SSL_set_connect_state/)
    #[doc(alias = "SSL_is_server")]
    pub fn role(&self) -> Option<Role> {
        if self.in_before() {
            return self.chosen_role();
        }
        Some(if self.is_server() { Role::Server } else { Role::Client })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_on_the_version_that_runs() {
        for version in [0x3000_0130, 0x3020_0000, 0x4000_0000] {
            assert_eq!(HandshakeState::from_raw(0, version), H::Before);
            assert_eq!(HandshakeState::from_raw(1, version), H::Ok);
            assert_eq!(HandshakeState::from_raw(-1, version), H::Other(-1));
            assert_eq!(HandshakeState::from_raw(99, version), H::Other(99));
        }
        assert_eq!(HandshakeState::from_raw(5, 0x3000_0000), H::CrCertificateStatus);
        assert_eq!(HandshakeState::from_raw(5, 0x3020_0000), H::CrCompressedCertificate);
        assert_eq!(HandshakeState::from_raw(49, 0x3000_0000), H::SrEndOfEarlyData);
        assert_eq!(HandshakeState::from_raw(53, 0x3050_0000), H::SrEndOfEarlyData);
    }

    #[test]
    fn the_table_agrees_with_the_headers() {
        let version = if cfg!(ossl320) { 0x3020_0000 } else { 0x3000_0000 };
        let pairs = [
            (ext::TLS_ST_CR_KEY_EXCH, H::CrKeyExchange),
            (ext::TLS_ST_CW_CLNT_HELLO, H::CwClientHello),
            (ext::TLS_ST_SW_CERT, H::SwCertificate),
            (ext::TLS_ST_SR_FINISHED, H::SrFinished),
            (ext::TLS_ST_EARLY_DATA, H::EarlyData),
            (ext::TLS_ST_SR_END_OF_EARLY_DATA, H::SrEndOfEarlyData),
        ];
        for (number, state) in pairs {
            assert_eq!(HandshakeState::from_raw(number, version), state);
        }
    }
}
