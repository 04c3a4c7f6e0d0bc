//! What commands are given, and what they answer.

use std::ffi::c_int;

use bitflags::bitflags;
use openssl_sys_ext as ext;

bitflags! {
    /// `SSL_CONF_FLAG_…`: which commands there are, and how they are written.
    ///
    /// C: [`SSL_CONF_CTX_set_flags(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_flags/)
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct ConfFlags: u32 {
        /// `SSL_CONF_FLAG_CMDLINE`: as on a command line, `-min_protocol`. It excludes [`FILE`](Self::FILE).
        #[doc(alias = "SSL_CONF_FLAG_CMDLINE")]
        const CMDLINE = 0x1;
        /// `SSL_CONF_FLAG_FILE`: as in a file, `MinProtocol`. It excludes [`CMDLINE`](Self::CMDLINE).
        #[doc(alias = "SSL_CONF_FLAG_FILE")]
        const FILE = 0x2;
        /// `SSL_CONF_FLAG_CLIENT`: commands for clients are known.
        #[doc(alias = "SSL_CONF_FLAG_CLIENT")]
        const CLIENT = 0x4;
        /// `SSL_CONF_FLAG_SERVER`: commands for servers are known.
        #[doc(alias = "SSL_CONF_FLAG_SERVER")]
        const SERVER = 0x8;
        /// `SSL_CONF_FLAG_SHOW_ERRORS`: what is wrong goes to the error stack.
        #[doc(alias = "SSL_CONF_FLAG_SHOW_ERRORS")]
        const SHOW_ERRORS = 0x10;
        /// `SSL_CONF_FLAG_CERTIFICATE`: commands for certificates, keys and CAs are known.
        #[doc(alias = "SSL_CONF_FLAG_CERTIFICATE")]
        const CERTIFICATE = 0x20;
        /// `SSL_CONF_FLAG_REQUIRE_PRIVATE`: [`finish`](super::SslConf::finish) looks for the key of a certificate that has none in
        /// the certificate's file.
        #[doc(alias = "SSL_CONF_FLAG_REQUIRE_PRIVATE")]
        const REQUIRE_PRIVATE = 0x40;

        const _ = !0;
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "the command may be unknown"]
pub enum ConfOutcome {
    /// It was carried out, with its value.
    UsedValue,
    /// It was carried out, and takes no value: the one that was given, if any, was not looked at.
    UsedName,
    /// There is no such command, with these flags and this prefix.
    Unknown,
}

/// `SSL_CONF_TYPE_…`: what the value of a command is.
///
/// C: [`SSL_CONF_cmd_value_type(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd/)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfValueType {
    /// There is no such command, with these flags and this prefix.
    #[doc(alias = "SSL_CONF_TYPE_UNKNOWN")]
    Unknown,
    /// A text.
    #[doc(alias = "SSL_CONF_TYPE_STRING")]
    String,
    /// The path of a file.
    #[doc(alias = "SSL_CONF_TYPE_FILE")]
    File,
    /// The path of a directory.
    #[doc(alias = "SSL_CONF_TYPE_DIR")]
    Dir,
    /// None: it is a switch.
    #[doc(alias = "SSL_CONF_TYPE_NONE")]
    None,
    /// A URI for OSSL_STORE.
    #[doc(alias = "SSL_CONF_TYPE_STORE")]
    Store,
    /// A number that this crate does not know.
    Other(c_int),
}

impl ConfValueType {
    /// What C's number stands for.
    pub(super) fn from_raw(number: c_int) -> Self {
        match number {
            ext::SSL_CONF_TYPE_UNKNOWN => Self::Unknown,
            ext::SSL_CONF_TYPE_STRING => Self::String,
            ext::SSL_CONF_TYPE_FILE => Self::File,
            ext::SSL_CONF_TYPE_DIR => Self::Dir,
            ext::SSL_CONF_TYPE_NONE => Self::None,
            ext::SSL_CONF_TYPE_STORE => Self::Store,
            number => Self::Other(number),
        }
    }
}
