//! The system's roots: where they are, and the store of them that the process shares.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use openssl_sys as sys;

use super::{X509Store, X509StoreBuilder, fill};
use crate::error::{Error, ErrorKind};
use crate::ffi::rights::has_more_rights_than_its_user;
use crate::ffi::strings;
use crate::library::LibContext;

const CALL: &str = "X509_STORE_set_default_paths";

/// Where systems keep one file with all roots.
const WELL_KNOWN_FILES: [&str; 9] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",   // older Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",             // SUSE
    "/etc/ssl/cert.pem",                  // Alpine, the BSDs, macOS
    "/usr/local/etc/ssl/cert.pem",        // FreeBSD's ports
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
    "/etc/certs/ca-certificates.crt",     // Solaris, illumos
];

/// Where systems keep a hashed directory of roots.
const WELL_KNOWN_DIRECTORIES: [&str; 4] =
    ["/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts", "/etc/openssl/certs"];

/// The store of each library context that was asked for one. It is locked to look at it, never to read certificates.
static SHARED: Mutex<Vec<(LibContext, X509Store)>> = Mutex::new(Vec::new());

impl X509Store {
    /// The system's roots: what OpenSSL was built or told (`SSL_CERT_FILE`, `SSL_CERT_DIR`) to use, or, where that is empty
    /// and nobody chose it, the place where this kind of system has them.
    ///
    /// They are read once a process; all who ask share one store. [`SslContext::client`](crate::SslContext::client) does.
    /// The environment is read and never written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there are none; it says where they were sought. The next call seeks again.
    pub fn system() -> Result<Self, Error> {
        Self::system_in(LibContext::default())
    }

    /// As [`system`](Self::system), for a library context: one store for each.
    ///
    /// # Errors
    ///
    /// As [`system`](Self::system).
    pub fn system_in(lib: LibContext) -> Result<Self, Error> {
        if let Some(store) = shared().iter().find(|(of, _)| same(*of, lib)).map(|(_, store)| store.clone()) {
            return Ok(store);
        }
        let read = Self::read_system(lib)?;
        let mut shared = shared();
        // Another thread may have been faster: then its store counts, and all share it.
        if let Some((_, store)) = shared.iter().find(|(of, _)| same(*of, lib)) {
            return Ok(store.clone());
        }
        shared.push((lib, read.clone()));
        Ok(read)
    }

    /// Reads the system's roots anew, with what the environment says now, and gives them to whoever asks from now on.
    /// Contexts that exist keep the store they have.
    ///
    /// # Errors
    ///
    /// As [`system`](Self::system); the store from before then stays.
    pub fn reload_system() -> Result<Self, Error> {
        Self::reload_system_in(LibContext::default())
    }

    /// As [`reload_system`](Self::reload_system), for a library context.
    ///
    /// # Errors
    ///
    /// As [`reload_system`](Self::reload_system).
    pub fn reload_system_in(lib: LibContext) -> Result<Self, Error> {
        let read = Self::read_system(lib)?;
        let mut shared = shared();
        let earlier = match shared.iter_mut().find(|(of, _)| same(*of, lib)) {
            Some((_, store)) => Some(std::mem::replace(store, read.clone())),
            None => {
                shared.push((lib, read.clone()));
                None
            }
        };
        drop(shared);
        // It may be the last reference, and many certificates.
        drop(earlier);
        Ok(read)
    }

    fn read_system(lib: LibContext) -> Result<Self, Error> {
        let mut builder = X509StoreBuilder::new_in(lib)?;
        builder.load_system()?;
        builder.build()
    }
}

fn shared() -> MutexGuard<'static, Vec<(LibContext, X509Store)>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn same(one: LibContext, other: LibContext) -> bool {
    one.as_ptr() == other.as_ptr() && one.properties_ptr() == other.properties_ptr()
}

/// Where the OpenSSL that runs looks for roots by default.
pub(crate) struct DefaultPlaces {
    file: PathBuf,
    directories: Vec<PathBuf>,
    /// Whether the environment says so.
    chosen: bool,
}

impl DefaultPlaces {
    /// Reads what OpenSSL itself reads.
    pub(crate) fn of_openssl() -> Self {
        // SAFETY: these four have no requirements and give constants of the library.
        let [file_variable, directory_variable, file, directories] = unsafe {
            [
                strings::lend(sys::X509_get_default_cert_file_env()),
                strings::lend(sys::X509_get_default_cert_dir_env()),
                strings::lend(sys::X509_get_default_cert_file()),
                strings::lend(sys::X509_get_default_cert_dir()),
            ]
            .map(Option::unwrap_or_default)
        };
        let (file_choice, directory_choice) = (chosen(file_variable), chosen(directory_variable));
        let chosen = file_choice.is_some() || directory_choice.is_some();
        let built_in = |path: &CStr| OsString::from_vec(path.to_bytes().to_vec());
        let directories = directory_choice.unwrap_or_else(|| built_in(directories));
        Self {
            file: file_choice.unwrap_or_else(|| built_in(file)).into(),
            directories: std::env::split_paths(&directories)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            chosen,
        }
    }

    /// The directories as C takes them; `None` without any.
    pub(crate) fn directory_list(&self) -> Option<CString> {
        let list = std::env::join_paths(&self.directories).ok().filter(|list| !list.is_empty())?;
        strings::c_string(CALL, "the path", list.as_bytes()).ok()
    }

    pub(crate) fn have_hashed_names(&self) -> bool {
        self.directories.iter().any(|path| fill::has_hashed_names(path))
    }

    /// Fills a store, if there is anything to fill it with.
    pub(super) fn load_into(&self, builder: &mut X509StoreBuilder) -> Result<(), Error> {
        let mut found = false;
        let mut broken = None;
        if is_file_with_content(&self.file) {
            let file = builder.load_roots(&self.file);
            found = file.is_ok();
            broken = file.err();
        }
        for directory in self.directories.iter().filter(|path| fill::has_hashed_names(path)) {
            builder.load_dir(directory)?;
            found = true;
        }
        if found {
            return Ok(());
        }
        if self.chosen {
            // Whoever chose a place without roots does not want others.
            return Err(self.missing("SSL_CERT_FILE or SSL_CERT_DIR is set", broken));
        }
        for file in WELL_KNOWN_FILES.map(Path::new) {
            if is_file_with_content(file) && builder.load_roots(file).is_ok() {
                return Ok(());
            }
        }
        match WELL_KNOWN_DIRECTORIES.map(Path::new).into_iter().find(|path| fill::has_hashed_names(path)) {
            Some(directory) => builder.load_dir(directory),
            None => Err(self.missing("this system's usual places are empty", broken)),
        }
    }

    fn missing(&self, why: &str, broken: Option<Error>) -> Error {
        let directories: Vec<_> = self.directories.iter().map(|path| path.display().to_string()).collect();
        let (file, directories) = (self.file.display(), directories.join(", "));
        let mut detail = format!("{why}, and neither {file} nor {directories} holds certificates");
        if let Some(broken) = broken {
            detail = format!("{detail} ({broken})");
        }
        Error::new(ErrorKind::NoTrustAnchors, CALL).with_detail(detail)
    }
}

/// The environment's choice. OpenSSL does not heed it in a program with more rights than its user.
fn chosen(variable: &CStr) -> Option<OsString> {
    if has_more_rights_than_its_user() {
        return None;
    }
    std::env::var_os(OsStr::from_bytes(variable.to_bytes()))
}

fn is_file_with_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}
