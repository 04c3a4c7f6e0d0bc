//! Whole sections of the configuration file.

use std::ffi::{CStr, c_int};

use openssl_sys_ext as ext;

use super::target::{OwnStores, Slot, Target, configure};
use crate::context::SslContextBuilderRef;
use crate::error::{Error, ErrorKind};
use crate::ffi::strings;
use crate::ssl::SslRef;

/// Does what C does since OpenSSL 1.1.0: nothing. The module that reads sections for TLS is always there.
///
/// C: [`SSL_add_ssl_module(3)`](https://docs.openssl.org/master/man3/OPENSSL_load_builtin_modules/)
#[doc(alias = "SSL_add_ssl_module")]
pub fn add_ssl_module() {
    // SAFETY: has no requirements.
    unsafe { ext::SSL_add_ssl_module() };
}

macro_rules! sections {
    ($type:ident, $target:ident, $config:path, $name:literal) => {
        impl $type {
            /// Carries out a section that the configuration file of the process has for TLS, under the name that it has in
            /// the `ssl_conf` section. Commands for certificates are known, and a certificate needs its key.
            ///
            /// As [`SslConf::cmd`](crate::conf::SslConf::cmd), it does not take away that the peer is verified, the security
            /// level, nor that certificates are chosen strictly; and keys are opened without asking at the terminal. C reads
            /// all other files as the section names them.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Refused`] for a name that the file does not have and for commands that cannot be carried out: on
            /// OpenSSL before 3.4 the first ends it, later ones go through all. [`ErrorKind::InvalidInput`] for a NUL byte, for
            /// what would weaken, and for a store of CAs that may have other holders and cannot be copied. The other
            /// commands have then been carried out.
            ///
            #[doc = concat!("C: [`", $name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_config/)")]
            #[doc(alias = $name)]
            pub fn config(&mut self, section: &str) -> Result<(), Error> {
                let section = strings::c_string($name, "the name", section)?;
                let object = self.as_ptr();
                // SAFETY: the object is live and borrowed for writing, and the string outlives the call.
                run($name, Target::$target(self), &section, false, || unsafe {
                    $config(object, section.as_ptr())
                })
            }

            /// As [`config`](Self::config) with C's meaning: the section may stop verifying the peer, lower the security level,
            /// and choose certificates less strictly.
            ///
            /// # Errors
            ///
            /// As [`config`](Self::config), but for what would weaken.
            ///
            #[doc = concat!("C: [`", $name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_config/)")]
            #[doc(alias = $name)]
            pub fn danger_config(&mut self, section: &str) -> Result<(), Error> {
                let section = strings::c_string($name, "the name", section)?;
                let object = self.as_ptr();
                // SAFETY: as in `config`.
                run($name, Target::$target(self), &section, true, || unsafe {
                    $config(object, section.as_ptr())
                })
            }
        }
    };
}

sections!(SslContextBuilderRef, Context, ext::SSL_CTX_config, "SSL_CTX_config");
sections!(SslRef, Ssl, ext::SSL_config, "SSL_config");

fn run(
    call: &'static str,
    mut target: Target<'_>,
    section: &CStr,
    danger: bool,
    carry_out: impl FnOnce() -> c_int,
) -> Result<(), Error> {
    // The section may name signature algorithms.
    target.note_sigalgs(None)?;
    configure(call, &mut target, &mut OwnStores::default(), &Slot::BOTH, danger, || {
        if carry_out() == 1 {
            return Ok(());
        }
        let failure = Error::from_queue(call).with_kind(ErrorKind::Refused);
        Err(failure.with_detail(section.to_string_lossy()))
    })
}
