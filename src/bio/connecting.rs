//! A `BIO_s_connect` on its way to a connection.

use openssl_sys_ext as ext;

use super::handle::BioRef;
use super::object::BioType;
use crate::error::{self, ErrorStack};
use crate::ffi::panics;

impl BioRef {
    /// Closes the socket of a nonblocking connect BIO whose connection was refused. C leaves it, and takes it for
    /// connected when it is asked again: the system tells an error once.
    pub(super) fn forget_refused(&mut self, why: &ErrorStack) {
        if !why.has(ext::ERR_LIB_BIO, ext::BIO_R_NBIO_CONNECT_ERROR) {
            return;
        }
        if let Some(connect) = self.first_of(BioType::CONNECT) {
            // SAFETY: a live BIO of the chain, which is borrowed for writing.
            panics::enter(|| unsafe { ext::BIO_reset(connect) }, error::clear);
            error::clear();
        }
    }
}
