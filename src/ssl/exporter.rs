//! Keying material that both sides derive alike and nobody else.

use std::ptr;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{HandshakeState, SslRef};
use crate::error::{Error, ErrorKind};

/// The longest label that TLS 1.3 takes (`TLS13_MAX_LABEL_LEN`).
const MAX_LABEL: usize = 249;

impl SslRef {
    /// Fills `out` with keying material that the peer derives alike ([RFC 5705], [RFC 8446 § 7.5]).
    ///
    /// `label` has 1 to 249 bytes, `context` at most 65535. TLS 1.3 takes `None` and `Some(&[])` for the same context, TLS
    /// 1.2 does not. TLS 1.3 derives at most 255 times the length of its digest; some versions of OpenSSL take no more than
    /// 1024 bytes of label and context in TLS 1.2.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] before the handshake is done; `out` is then unchanged. [`ErrorKind::InvalidInput`] for a
    /// label or a context of another length, [`ErrorKind::Refused`] or [`ErrorKind::Unspecified`] where OpenSSL says no:
    /// too many bytes, or a label that TLS itself uses.
    ///
    /// C: [`SSL_export_keying_material(3)`](https://docs.openssl.org/master/man3/SSL_export_keying_material/)
    ///
    /// [RFC 5705]: https://www.rfc-editor.org/rfc/rfc5705
    /// [RFC 8446 § 7.5]: https://www.rfc-editor.org/rfc/rfc8446#section-7.5
    #[doc(alias = "SSL_export_keying_material")]
    pub fn export_keying_material(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Error> {
        const CALL: &str = "SSL_export_keying_material";
        check(CALL, label, context.unwrap_or_default())?;
        let ssl = self.as_ptr();
        // SAFETY: the object is live, and the call only reads it.
        let version = unsafe { sys::SSL_version(ssl) };
        // TLS 1.3 knows itself when it can: a server before the client's last flight has come. What comes before
        // derives whatever is in the session so far.
        let ready = self.has_session() && (self.is_init_finished() || version == sys::TLS1_3_VERSION);
        if !ready {
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("the handshake is not done"));
        }
        if out.is_empty() {
            return Ok(());
        }
        let (data, len) = context.map_or((ptr::null(), 0), |context| (context.as_ptr(), context.len()));
        let label = (label.as_ptr().cast(), label.len());
        crate::error::clear();
        // SAFETY: the object is live and has a session; C writes at most `out.len()` bytes, and reads the label and the
        // context, which live for the call.
        let ret = unsafe {
            let (to, room) = (out.as_mut_ptr(), out.len());
            sys::SSL_export_keying_material(
                ssl,
                to,
                room,
                label.0,
                label.1,
                data,
                len,
                context.is_some().into(),
            )
        };
        self.exported(CALL, ret)
    }

    /// Fills `out` with keying material of TLS 1.3's early data, which a client has from its ClientHello on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotReady`] on a connection without early data, and the rest as
    /// [`export_keying_material`](Self::export_keying_material).
    ///
    /// C: [`SSL_export_keying_material_early(3)`](https://docs.openssl.org/master/man3/SSL_export_keying_material/)
    #[doc(alias = "SSL_export_keying_material_early")]
    pub fn export_keying_material_early(
        &self,
        out: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), Error> {
        const CALL: &str = "SSL_export_keying_material_early";
        check(CALL, label, context)?;
        let ssl = self.as_ptr();
        // C asks the session for its cipher. Where early data was offered and rejected, the session is another one by
        // now, and C takes the one that a PSK callback gave before the handshake, be it NULL.
        let early = match self.session_max_early_data() {
            None => false,
            Some(0) => {
                // SAFETY: the object is live, and the call only reads it.
                let offered = unsafe { sys::SSL_get_max_early_data(ssl) > 0 };
                let sending =
                    matches!(self.state(), HandshakeState::EarlyData | HandshakeState::CwClientHello);
                self.is_server() || (offered && sending)
            }
            Some(_) => true,
        };
        // SAFETY: the object is live, and the calls only read it.
        let (version, status) = unsafe { (sys::SSL_version(ssl), ext::SSL_get_early_data_status(ssl)) };
        let offered = version == sys::TLS1_3_VERSION
            && match status {
                ext::SSL_EARLY_DATA_ACCEPTED => true,
                // So it is called on a client until the server has answered.
                ext::SSL_EARLY_DATA_REJECTED => !self.is_server() && !self.is_init_finished(),
                _ => false,
            };
        if !(early && offered) {
            return Err(Error::new(ErrorKind::NotReady, CALL).with_detail("there is no early data"));
        }
        if out.is_empty() {
            return Ok(());
        }
        crate::error::clear();
        // SAFETY: the object is live and its session the one of the early data; C writes at most `out.len()` bytes, and
        // reads the label and the context, which live for the call.
        let ret = unsafe {
            let (to, room) = (out.as_mut_ptr(), out.len());
            let (label, label_len) = (label.as_ptr().cast(), label.len());
            sys::SSL_export_keying_material_early(
                ssl,
                to,
                room,
                label,
                label_len,
                context.as_ptr(),
                context.len(),
            )
        };
        self.exported(CALL, ret)
    }

    fn exported(&self, call: &'static str, ret: std::ffi::c_int) -> Result<(), Error> {
        if ret == 1 {
            return Ok(());
        }
        let error = Error::from_queue(call);
        if !self.is_init_finished() {
            return Err(error.with_kind(ErrorKind::NotReady));
        }
        Err(error)
    }
}

fn check(call: &'static str, label: &[u8], context: &[u8]) -> Result<(), Error> {
    if label.is_empty() || label.len() > MAX_LABEL {
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail("the label has not 1 to 249 bytes"));
    }
    if context.len() > usize::from(u16::MAX) {
        return Err(
            Error::new(ErrorKind::InvalidInput, call).with_detail("the context is longer than 65535 bytes")
        );
    }
    Ok(())
}
