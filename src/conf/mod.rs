//! `SSL_CONF`: settings in the language of `openssl.cnf` and of OpenSSL's command lines.
//!
//! [`SslConf`] carries out single commands on a context or a connection;
//! [`SslContextBuilderRef::config`] and [`SslRef::config`] a whole section of the configuration file.
//!
//! ```
//! use libssl::conf::{ConfFlags, ConfOutcome, SslConf};
//! use libssl::{ProtocolVersion, SslContext, SslMethod};
//!
//! let mut context = SslContext::builder(SslMethod::tls_client())?;
//! let mut conf = SslConf::for_context(&mut context)?;
//! conf.set_flags(ConfFlags::FILE | ConfFlags::CLIENT | ConfFlags::SHOW_ERRORS);
//! assert_eq!(conf.cmd("MinProtocol", Some("TLSv1.3".as_ref()))?, ConfOutcome::UsedValue);
//! assert_eq!(conf.cmd("Colour", Some("blue".as_ref()))?, ConfOutcome::Unknown);
//! conf.finish()?;
//! drop(conf);
//! assert_eq!(context.min_proto_version(), Some(ProtocolVersion::TLS1_3));
//! # Ok::<(), libssl::Error>(())
//! ```
//!
//! A command can weaken what is set: the versions, ciphers and options it names are set as the methods of their names set
//! them. Three things the calls without `danger` in their names do not take away, as no other method without it does: that the
//! peer is verified, the security level, and that certificates are chosen strictly. What C changed of them is taken back, and
//! the answer is [`ErrorKind::InvalidInput`].

mod section;
mod target;
mod values;

use std::ffi::{CStr, CString, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fmt, ptr};

use openssl_sys_ext as ext;

pub use section::add_ssl_module;
pub use values::{ConfFlags, ConfOutcome, ConfValueType};

use crate::context::{SslContextBuilderRef, calling, check_subjects_in, check_subjects_of};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::ssl::SslRef;
use crate::x509::read_file;
use target::{OwnStores, Slot, Target, configure};

/// An `SSL_CONF_CTX`: it carries out commands on a context or a connection, which it has for itself as long.
///
/// C has one without either, which checks values. It is not here: on each OpenSSL up to 4.0 some commands crash in it.
///
/// C: [`SSL_CONF_CTX_new(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_new/)
#[doc(alias = "SSL_CONF_CTX")]
#[doc(alias = "SSL_CONF_CTX_free")]
#[must_use = "`finish` carries out the rest"]
pub struct SslConf<'a> {
    context: *mut ext::SSL_CONF_CTX,
    /// C keeps pointers into it.
    target: Target<'a>,
    stores: OwnStores,
}

// SAFETY: an SSL_CONF_CTX has no tie to a thread, nor has what it changes, which is borrowed for writing.
unsafe impl Send for SslConf<'_> {}

impl<'a> SslConf<'a> {
    /// Commands for a context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CONF_CTX_set_ssl_ctx(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_ssl_ctx/)
    #[doc(alias = "SSL_CONF_CTX_new")]
    #[doc(alias = "SSL_CONF_CTX_set_ssl_ctx")]
    pub fn for_context(context: &'a mut SslContextBuilderRef) -> Result<Self, Error> {
        Self::new(Target::Context(context))
    }

    /// Commands for one connection.
    ///
    /// # Errors
    ///
    /// As [`for_context`](Self::for_context).
    ///
    /// C: [`SSL_CONF_CTX_set_ssl(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_ssl_ctx/)
    #[doc(alias = "SSL_CONF_CTX_new")]
    #[doc(alias = "SSL_CONF_CTX_set_ssl")]
    pub fn for_ssl(ssl: &'a mut SslRef) -> Result<Self, Error> {
        Self::new(Target::Ssl(ssl))
    }

    fn new(target: Target<'a>) -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let context = unsafe { ext::SSL_CONF_CTX_new() };
        if context.is_null() {
            return Err(Error::from_queue("SSL_CONF_CTX_new"));
        }
        let mut conf = Self { context, target, stores: OwnStores::default() };
        conf.aim();
        Ok(conf)
    }

    /// Goes on with a context. Flags and prefix stay, and so do names of CAs that [`finish`](Self::finish) has not set yet.
    ///
    /// C: [`SSL_CONF_CTX_set_ssl_ctx(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_ssl_ctx/)
    #[doc(alias = "SSL_CONF_CTX_set_ssl_ctx")]
    pub fn set_ssl_ctx(&mut self, context: &'a mut SslContextBuilderRef) {
        self.target = Target::Context(context);
        self.aim();
    }

    /// Goes on with a connection, as [`set_ssl_ctx`](Self::set_ssl_ctx) does with a context.
    ///
    /// C: [`SSL_CONF_CTX_set_ssl(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_ssl_ctx/)
    #[doc(alias = "SSL_CONF_CTX_set_ssl")]
    pub fn set_ssl(&mut self, ssl: &'a mut SslRef) {
        self.target = Target::Ssl(ssl);
        self.aim();
    }

    fn aim(&mut self) {
        self.stores = OwnStores::default();
        // SAFETY: all are live, and the target outlives this, which has it for itself: C keeps pointers into it.
        unsafe {
            match &self.target {
                Target::Context(context) => ext::SSL_CONF_CTX_set_ssl_ctx(self.context, context.as_ptr()),
                Target::Ssl(ssl) => ext::SSL_CONF_CTX_set_ssl(self.context, ssl.as_ptr()),
            }
        }
    }

    /// Sets flags beside those that are set, and returns them all.
    ///
    /// C: [`SSL_CONF_CTX_set_flags(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_flags/)
    #[doc(alias = "SSL_CONF_CTX_set_flags")]
    pub fn set_flags(&mut self, flags: ConfFlags) -> ConfFlags {
        // SAFETY: live and ours.
        ConfFlags::from_bits_retain(unsafe { ext::SSL_CONF_CTX_set_flags(self.context, flags.bits()) })
    }

    /// Clears flags, and returns those that stay.
    ///
    /// C: [`SSL_CONF_CTX_clear_flags(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set_flags/)
    #[doc(alias = "SSL_CONF_CTX_clear_flags")]
    pub fn clear_flags(&mut self, flags: ConfFlags) -> ConfFlags {
        // SAFETY: live and ours.
        ConfFlags::from_bits_retain(unsafe { ext::SSL_CONF_CTX_clear_flags(self.context, flags.bits()) })
    }

    /// Knows only commands that begin so, and looks for the rest of their names; `None` goes back to `-` on command lines
    /// and nothing in files.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a NUL byte, [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CONF_CTX_set1_prefix(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_set1_prefix/)
    #[doc(alias = "SSL_CONF_CTX_set1_prefix")]
    pub fn set_prefix(&mut self, prefix: Option<&str>) -> Result<(), Error> {
        const CALL: &str = "SSL_CONF_CTX_set1_prefix";
        let prefix = prefix.map(|prefix| strings::c_string(CALL, "the prefix", prefix)).transpose()?;
        let pointer = prefix.as_deref().map_or(ptr::null(), CStr::as_ptr);
        error::clear();
        // SAFETY: live and ours; C copies the string, which outlives the call, and NULL means none.
        match unsafe { ext::SSL_CONF_CTX_set1_prefix(self.context, pointer) } {
            1 => Ok(()),
            _ => Err(Error::from_queue(CALL)),
        }
    }

    /// Carries out a command. Keys are opened with the [passphrase](SslContextBuilderRef::set_default_passwd_cb) of the
    /// context or the connection; nobody is asked at the terminal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] for a value that is wrong, with what OpenSSL says about it, and [`ErrorKind::InvalidInput`]
    /// for one that is missing; for a NUL byte; for what [would weaken](self), which
    /// [`danger_cmd`](Self::danger_cmd) takes; for a store of CAs that may have other holders and cannot be copied.
    ///
    /// C: [`SSL_CONF_cmd(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd/)
    #[doc(alias = "SSL_CONF_cmd")]
    pub fn cmd(&mut self, name: &str, value: Option<&OsStr>) -> Result<ConfOutcome, Error> {
        self.command(name, value, false)
    }

    /// As [`cmd`](Self::cmd) with C's meaning: it may stop verifying the peer, lower the security level, and choose
    /// certificates less strictly.
    ///
    /// # Errors
    ///
    /// As [`cmd`](Self::cmd), but for what would weaken.
    ///
    /// C: [`SSL_CONF_cmd(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd/)
    #[doc(alias = "SSL_CONF_cmd")]
    pub fn danger_cmd(&mut self, name: &str, value: Option<&OsStr>) -> Result<ConfOutcome, Error> {
        self.command(name, value, true)
    }

    fn command(&mut self, name: &str, value: Option<&OsStr>, danger: bool) -> Result<ConfOutcome, Error> {
        const CALL: &str = "SSL_CONF_cmd";
        let name = strings::c_string(CALL, "the name", name)?;
        let value = value.map(|value| strings::c_string(CALL, "the value", value.as_bytes())).transpose()?;
        let value = value.as_deref();
        let pointer = value.map_or(ptr::null(), CStr::as_ptr);
        let conf = self.context;
        // SAFETY: live and ours; the strings outlive the call, and a value may be NULL.
        let call = || unsafe { ext::SSL_CONF_cmd(conf, name.as_ptr(), pointer) };
        Ok(match self.run(CALL, UNKNOWN, &name, value, danger, call)? {
            2.. => ConfOutcome::UsedValue,
            1 => ConfOutcome::UsedName,
            _ => ConfOutcome::Unknown,
        })
    }

    /// Carries out the command that `args` begin with, written as on a command line, and returns how many of them it was: 1
    /// or 2, and 0 for no command. From then on commands are those of command lines.
    ///
    /// # Errors
    ///
    /// As [`cmd`](Self::cmd).
    ///
    /// C: [`SSL_CONF_cmd_argv(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd_argv/)
    #[doc(alias = "SSL_CONF_cmd_argv")]
    pub fn cmd_argv<S: AsRef<OsStr>>(&mut self, args: &[S]) -> Result<usize, Error> {
        self.argv(args, false)
    }

    /// As [`cmd_argv`](Self::cmd_argv) with the meaning of [`danger_cmd`](Self::danger_cmd).
    ///
    /// # Errors
    ///
    /// As [`danger_cmd`](Self::danger_cmd).
    ///
    /// C: [`SSL_CONF_cmd_argv(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd_argv/)
    #[doc(alias = "SSL_CONF_cmd_argv")]
    pub fn danger_cmd_argv<S: AsRef<OsStr>>(&mut self, args: &[S]) -> Result<usize, Error> {
        self.argv(args, true)
    }

    fn argv<S: AsRef<OsStr>>(&mut self, args: &[S], danger: bool) -> Result<usize, Error> {
        const CALL: &str = "SSL_CONF_cmd_argv";
        // C looks at two at most.
        let args = args.iter().take(2);
        let args = args.map(|arg| strings::c_string(CALL, "an argument", arg.as_ref().as_bytes()));
        let args = args.collect::<Result<Vec<_>, _>>()?;
        let Some(name) = args.first() else { return Ok(0) };
        // As C does it itself; what is looked at before must be what C will look at.
        self.clear_flags(ConfFlags::FILE);
        self.set_flags(ConfFlags::CMDLINE);
        let conf = self.context;
        let call = || {
            let mut pointers = [ptr::null_mut::<c_char>(); 3];
            for (pointer, arg) in pointers.iter_mut().zip(&args) {
                *pointer = arg.as_ptr().cast_mut();
            }
            let (mut count, mut first) = (args.len() as c_int, pointers.as_mut_ptr());
            // SAFETY: live and ours. The array has as many strings as `count` says, and C changes neither it nor them.
            unsafe { ext::SSL_CONF_cmd_argv(conf, &raw mut count, &raw mut first) }
        };
        let used = self.run(CALL, 0, name, args.get(1).map(CString::as_c_str), danger, call)?;
        Ok(usize::try_from(used).unwrap_or_default())
    }

    /// Makes a call that carries out a command. `Ok` is what C returned: a positive number, or `unknown`.
    fn run(
        &mut self,
        call: &'static str,
        unknown: c_int,
        name: &CStr,
        value: Option<&CStr>,
        danger: bool,
        carry_out: impl FnOnce() -> c_int,
    ) -> Result<c_int, Error> {
        let slots = match value {
            Some(value) => self.look_at(call, name, value)?,
            None => &[],
        };
        let result = configure(call, &mut self.target, &mut self.stores, slots, danger, || {
            let ret = carry_out();
            let failure = (ret <= 0).then(|| Error::from_queue(call));
            match (ret, failure) {
                (_, None) => Ok(ret),
                (ret, _) if ret == unknown => Ok(ret),
                (MISSING, Some(failure)) => Err(failure.with_kind(ErrorKind::InvalidInput)),
                (_, Some(failure)) => Err(failure.with_kind(ErrorKind::Refused)),
            }
        });
        result.map_err(|error| {
            if error.has_detail() {
                return error;
            }
            let value = value.map_or("no value".into(), CStr::to_string_lossy);
            error.with_detail(format!("{}: {value}", name.to_string_lossy()))
        })
    }

    /// Looks at a command before C carries it out, and answers which stores it adds to.
    fn look_at(&mut self, call: &'static str, name: &CStr, value: &CStr) -> Result<&'static [Slot], Error> {
        if self.value_type(name) == ext::SSL_CONF_TYPE_UNKNOWN {
            return Ok(&[]);
        }
        let name = name.to_bytes().to_ascii_lowercase();
        let is = |end: &str| name.ends_with(end.as_bytes());
        let path = Path::new(OsStr::from_bytes(value.to_bytes()));
        if is("requestcafile") || is("clientcafile") {
            check_subjects_of(call, path)?;
        }
        if is("signaturealgorithms") || is("sigalgs") {
            self.target.note_sigalgs(Some(value))?;
        }
        // C waits for ever for the end of what it cannot read.
        if is("dhparameters") || is("dhparam") {
            check_file(call, path)?;
        }
        if is("requestcapath") || is("clientcapath") {
            check_subjects_in(call, path)?;
        }
        Ok(match () {
            () if is("verifycafile") || is("verifycapath") || is("verifycastore") => &[Slot::Verify],
            () if is("chaincafile") || is("chaincapath") || is("chaincastore") => &[Slot::Chain],
            () => &[],
        })
    }

    /// What the value of a command is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a NUL byte.
    ///
    /// C: [`SSL_CONF_cmd_value_type(3)`](https://docs.openssl.org/master/man3/SSL_CONF_cmd/)
    #[doc(alias = "SSL_CONF_cmd_value_type")]
    pub fn cmd_value_type(&self, name: &str) -> Result<ConfValueType, Error> {
        let name = strings::c_string("SSL_CONF_cmd_value_type", "the name", name)?;
        Ok(ConfValueType::from_raw(self.value_type(&name)))
    }

    fn value_type(&self, name: &CStr) -> c_int {
        // SAFETY: live; the call only reads, and the string outlives it.
        unsafe { ext::SSL_CONF_cmd_value_type(self.context, name.as_ptr()) }
    }

    /// Carries out what waits for the end: it sets the names of CAs that were read, and loads the keys that
    /// [`ConfFlags::REQUIRE_PRIVATE`] looks for. More commands may follow.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if a key is not there, with what OpenSSL says about it.
    ///
    /// C: [`SSL_CONF_CTX_finish(3)`](https://docs.openssl.org/master/man3/SSL_CONF_CTX_new/)
    #[doc(alias = "SSL_CONF_CTX_finish")]
    pub fn finish(&mut self) -> Result<(), Error> {
        const CALL: &str = "SSL_CONF_CTX_finish";
        self.target.answer_for_passphrase()?;
        error::clear();
        // SAFETY: live and ours, and so is the target.
        if calling(|| unsafe { ext::SSL_CONF_CTX_finish(self.context) }) != 1 {
            return Err(Error::from_queue(CALL).with_kind(ErrorKind::Refused));
        }
        error::clear();
        Ok(())
    }
}

/// What SSL_CONF_cmd answers beside 2, 1 and 0.
const UNKNOWN: c_int = -2;
const MISSING: c_int = -3;

impl Drop for SslConf<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once.
        unsafe { ext::SSL_CONF_CTX_free(self.context) };
    }
}

impl fmt::Debug for SslConf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SslConf").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Makes sure that C will be able to read a file to its end. That there is none, C says itself.
fn check_file(call: &'static str, path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    if !path.is_file() {
        let detail = format!("{} is no regular file", path.display());
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail));
    }
    read_file(call, path).map(drop)
}
