//! What the OpenSSL that runs says of itself.

use std::ffi::{CStr, OsString, c_int};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{FipsState, LibContext, ProviderInfo, Version, version};
use crate::error::{self, Error};
use crate::ffi::strings;

/// The OpenSSL that runs. See [`library`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Library {}

/// The OpenSSL that runs, to ask about itself.
///
/// ```
/// let library = libssl::library();
/// println!("built against {}, running on {}", library.built_against(), library.running());
/// assert!(library.check().is_ok());
/// ```
pub fn library() -> Library {
    Library {}
}

impl Library {
    /// The version whose headers this crate was compiled with.
    #[doc(alias = "OPENSSL_VERSION_NUMBER")]
    pub fn built_against(&self) -> Version {
        Version::of_headers()
    }

    /// The version that runs.
    ///
    /// C: [`OPENSSL_version_major(3)`](https://docs.openssl.org/master/man3/OpenSSL_version/)
    #[doc(alias = "OpenSSL_version_num")]
    #[doc(alias = "OPENSSL_version_major")]
    #[doc(alias = "OPENSSL_version_minor")]
    #[doc(alias = "OPENSSL_version_patch")]
    #[doc(alias = "OPENSSL_version_pre_release")]
    #[doc(alias = "OPENSSL_version_build_metadata")]
    #[doc(alias = "SSLeay")]
    pub fn running(&self) -> Version {
        Version::running()
    }

    /// Whether the version that runs is right for this program: the one it was built against, or a newer one of the
    /// same major version. What a context or a store is made with asks the same, so that a program need not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::VersionMismatch`](crate::ErrorKind::VersionMismatch), with both versions, for an older one and for
    /// one of another major version. [`danger_accept_older_patch`](super::danger_accept_older_patch) lets it be older by
    /// patch releases.
    pub fn check(&self) -> Result<(), Error> {
        version::check("OpenSSL_version_num")
    }

    /// Name, version and date in one line, such as `OpenSSL 3.5.7 9 Jun 2026`.
    ///
    /// C: [`OpenSSL_version(3)`](https://docs.openssl.org/master/man3/OpenSSL_version/)
    #[doc(alias = "OpenSSL_version")]
    #[doc(alias = "OPENSSL_VERSION")]
    #[doc(alias = "SSLeay_version")]
    pub fn version_text(&self) -> &'static str {
        version_text(sys::OPENSSL_VERSION)
    }

    /// When it was built, as its maker says it: `built on: …`.
    #[doc(alias = "OPENSSL_BUILT_ON")]
    pub fn built_on(&self) -> &'static str {
        version_text(sys::OPENSSL_BUILT_ON)
    }

    /// What it was built for: `platform: …`.
    #[doc(alias = "OPENSSL_PLATFORM")]
    pub fn platform(&self) -> &'static str {
        version_text(sys::OPENSSL_PLATFORM)
    }

    /// The compiler and its flags: `compiler: …`.
    #[doc(alias = "OPENSSL_CFLAGS")]
    pub fn compiler(&self) -> &'static str {
        version_text(sys::OPENSSL_CFLAGS)
    }

    /// The directory of the configuration and the default roots, OPENSSLDIR.
    ///
    /// C: [`OPENSSL_info(3)`](https://docs.openssl.org/master/man3/OpenSSL_version/)
    #[doc(alias = "OPENSSL_info")]
    #[doc(alias = "OPENSSL_INFO_CONFIG_DIR")]
    pub fn config_dir(&self) -> Option<PathBuf> {
        info_path(ext::OPENSSL_INFO_CONFIG_DIR)
    }

    /// The directory of the engines, ENGINESDIR. OpenSSL 4.0 has no engines any more.
    #[doc(alias = "OPENSSL_INFO_ENGINES_DIR")]
    pub fn engines_dir(&self) -> Option<PathBuf> {
        info_path(ext::OPENSSL_INFO_ENGINES_DIR)
    }

    /// The directory of the providers that are modules, MODULESDIR. `OPENSSL_MODULES` in the environment replaces it.
    #[doc(alias = "OPENSSL_INFO_MODULES_DIR")]
    pub fn modules_dir(&self) -> Option<PathBuf> {
        info_path(ext::OPENSSL_INFO_MODULES_DIR)
    }

    /// How the files of modules end, such as `.so`.
    #[doc(alias = "OPENSSL_INFO_DSO_EXTENSION")]
    pub fn dso_extension(&self) -> Option<&'static str> {
        info_text(ext::OPENSSL_INFO_DSO_EXTENSION)
    }

    /// Where the first random bytes come from, such as `os-specific`.
    #[doc(alias = "OPENSSL_INFO_SEED_SOURCE")]
    pub fn seed_source(&self) -> Option<&'static str> {
        info_text(ext::OPENSSL_INFO_SEED_SOURCE)
    }

    /// What of the processor is used, such as `OPENSSL_ia32cap=0x…`.
    #[doc(alias = "OPENSSL_INFO_CPU_SETTINGS")]
    #[doc(alias = "OPENSSL_CPU_INFO")]
    pub fn cpu_settings(&self) -> Option<&'static str> {
        info_text(ext::OPENSSL_INFO_CPU_SETTINGS)
    }

    /// The file of trusted roots that is read by default, unless the environment names another.
    #[doc(alias = "X509_get_default_cert_file")]
    pub fn default_cert_file(&self) -> Option<PathBuf> {
        // SAFETY: gives a constant of the library.
        path_of(unsafe { strings::lend(sys::X509_get_default_cert_file()) })
    }

    /// The directory of trusted roots that is looked into by default, unless the environment names another.
    #[doc(alias = "X509_get_default_cert_dir")]
    pub fn default_cert_dir(&self) -> Option<PathBuf> {
        // SAFETY: gives a constant of the library.
        path_of(unsafe { strings::lend(sys::X509_get_default_cert_dir()) })
    }

    /// The variable that replaces [`default_cert_file`](Self::default_cert_file): `SSL_CERT_FILE`.
    #[doc(alias = "X509_get_default_cert_file_env")]
    pub fn cert_file_variable(&self) -> &'static str {
        // SAFETY: gives a constant of the library.
        unsafe { strings::constant(sys::X509_get_default_cert_file_env()) }
    }

    /// The variable that replaces [`default_cert_dir`](Self::default_cert_dir): `SSL_CERT_DIR`.
    #[doc(alias = "X509_get_default_cert_dir_env")]
    pub fn cert_dir_variable(&self) -> &'static str {
        // SAFETY: gives a constant of the library.
        unsafe { strings::constant(sys::X509_get_default_cert_dir_env()) }
    }

    /// The configuration file that the default context loads, whether it is there or not: that of `OPENSSL_CONF`, or
    /// the one in [`config_dir`](Self::config_dir). `None` where the variable is empty, which says that there is none.
    ///
    /// C: [`CONF_get1_default_config_file(3)`](https://docs.openssl.org/master/man3/CONF_modules_load_file/)
    #[doc(alias = "CONF_get1_default_config_file")]
    pub fn config_file(&self) -> Option<PathBuf> {
        error::clear();
        // SAFETY: has no requirements.
        let path = unsafe { ext::CONF_get1_default_config_file() };
        // SAFETY: get1: NULL, or a string of our own, copied before it is freed.
        let copy = unsafe {
            let copy = path_of(strings::lend(path));
            sys::OPENSSL_free(path.cast());
            copy
        };
        error::clear();
        copy
    }

    /// The providers of the default context. See [`LibContext::providers`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn providers(&self) -> Result<Vec<ProviderInfo>, Error> {
        LibContext::default().providers()
    }

    /// How the default context stands to FIPS 140. See [`LibContext::fips`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fips(&self) -> Result<FipsState, Error> {
        LibContext::default().fips()
    }
}

fn version_text(kind: c_int) -> &'static str {
    // SAFETY: gives a constant of the library for every kind.
    unsafe { strings::constant(sys::OpenSSL_version(kind)) }
}

/// What OPENSSL_info knows: made once, and there until the process ends.
fn info(kind: c_int) -> Option<&'static CStr> {
    // SAFETY: gives NULL or a string with static storage.
    unsafe { strings::lend(ext::OPENSSL_info(kind)) }
}

fn info_text(kind: c_int) -> Option<&'static str> {
    info(kind).and_then(|text| text.to_str().ok())
}

fn info_path(kind: c_int) -> Option<PathBuf> {
    path_of(info(kind))
}

/// A path, unless it is empty.
fn path_of(text: Option<&CStr>) -> Option<PathBuf> {
    text.map(CStr::to_bytes)
        .filter(|path| !path.is_empty())
        .map(|path| OsString::from_vec(path.to_vec()).into())
}
