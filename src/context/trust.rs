//! Whom a context trusts: the roots that a peer's chain must end in.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::SslContextBuilderRef;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::x509::{X509, X509Ref, read_file};

/// Where the roots are.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TrustAnchors<'a> {
    /// Those of the system: what OpenSSL was built or told (`SSL_CERT_FILE`, `SSL_CERT_DIR`) to use, or, where that is
    /// empty and nobody chose it, the place where this kind of system has them.
    System,
    /// The certificates in a PEM file.
    File(&'a Path),
    /// The certificates in a directory, under the names that `openssl rehash` gives them.
    Directory(&'a Path),
    /// The certificates in a PEM text.
    Pem(&'a [u8]),
    /// These certificates.
    Certificates(&'a [X509]),
}

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

impl SslContextBuilderRef {
    /// Trusts these roots, beside those it trusts already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoTrustAnchors`] where there are none, and what reading them can end with.
    pub fn trust(&mut self, anchors: TrustAnchors<'_>) -> Result<(), Error> {
        match anchors {
            TrustAnchors::System => self.trust_system(),
            TrustAnchors::File(path) => {
                let before = self.anchors();
                self.load_verify_file(path)?;
                // A second look at a pipe would wait for ever.
                if self.anchors() > before || (path.is_file() && holds_certificates(path)) {
                    return Ok(());
                }
                let detail = format!("{} holds no certificates", path.display());
                Err(Error::new(ErrorKind::NoTrustAnchors, "SSL_CTX_load_verify_file").with_detail(detail))
            }
            TrustAnchors::Directory(path) => {
                if !has_hashed_names(path) {
                    let detail = format!("{} holds no hashed certificates", path.display());
                    return Err(
                        Error::new(ErrorKind::NoTrustAnchors, "SSL_CTX_load_verify_dir").with_detail(detail)
                    );
                }
                self.load_verify_dir(path)
            }
            TrustAnchors::Pem(pem) => self.trust_all(&X509::stack_from_pem(pem)?),
            TrustAnchors::Certificates(certificates) => self.trust_all(certificates),
        }
    }

    /// Trusts what OpenSSL was built to trust by default, as C does: nothing there is no error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`SSL_CTX_set_default_verify_paths(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_set_default_verify_paths")]
    pub fn set_default_verify_paths(&mut self) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing.
        let done = unsafe { sys::SSL_CTX_set_default_verify_paths(self.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("SSL_CTX_set_default_verify_paths")) }
    }

    /// Trusts the certificates in a PEM file, and takes the revocation lists in it, as C does: a file with nothing but
    /// lists is no error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if it cannot be read or holds neither.
    ///
    /// C: [`SSL_CTX_load_verify_file(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_load_verify_file")]
    #[doc(alias = "SSL_CTX_load_verify_locations")]
    pub fn load_verify_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_load_verify_file";
        let file = strings::c_path(CALL, path.as_ref())?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the path outlives the call.
        let done = unsafe { ext::SSL_CTX_load_verify_file(self.as_ptr(), file.as_ptr()) };
        if done == 1 {
            return Ok(());
        }
        Err(Error::from_queue(CALL).with_detail(path.as_ref().display().to_string()))
    }

    /// Trusts the certificates in a directory, which are looked up by their hashed names when they are needed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate. A directory that is not there is no error.
    ///
    /// C: [`SSL_CTX_load_verify_dir(3)`](https://docs.openssl.org/master/man3/SSL_CTX_load_verify_locations/)
    #[doc(alias = "SSL_CTX_load_verify_dir")]
    pub fn load_verify_dir(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_CTX_load_verify_dir";
        let directory = strings::c_path(CALL, path.as_ref())?;
        error::clear();
        // SAFETY: the context is live and borrowed for writing; the path outlives the call.
        let done = unsafe { ext::SSL_CTX_load_verify_dir(self.as_ptr(), directory.as_ptr()) };
        if done == 1 { Ok(()) } else { Err(Error::from_queue(CALL)) }
    }

    /// Trusts one certificate.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    ///
    /// C: [`X509_STORE_add_cert(3)`](https://docs.openssl.org/master/man3/X509_STORE_add_cert/)
    #[doc(alias = "X509_STORE_add_cert")]
    pub fn trust_certificate(&mut self, certificate: &X509Ref) -> Result<(), Error> {
        error::clear();
        // SAFETY: the context is live and borrowed for writing; its store (get0) locks itself and takes a
        // reference of its own to the certificate.
        let done = unsafe {
            sys::X509_STORE_add_cert(sys::SSL_CTX_get_cert_store(self.as_ptr()), certificate.as_ptr())
        };
        if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_STORE_add_cert")) }
    }

    fn trust_all(&mut self, certificates: &[X509]) -> Result<(), Error> {
        if certificates.is_empty() {
            return Err(Error::new(ErrorKind::NoTrustAnchors, "X509_STORE_add_cert"));
        }
        certificates.iter().try_for_each(|certificate| self.trust_certificate(certificate))
    }

    /// How many certificates the store holds. It may also hold revocation lists.
    fn anchors(&mut self) -> usize {
        // SAFETY: the context is live and borrowed for writing, so nobody else changes its store, which lends the stack
        // (get0) for as long as it is counted here; the index is below its length. A list has no certificate (NULL).
        unsafe {
            let objects = sys::X509_STORE_get0_objects(sys::SSL_CTX_get_cert_store(self.as_ptr()));
            (0..sys::OPENSSL_sk_num(objects.cast()))
                .map(|index| sys::OPENSSL_sk_value(objects.cast(), index))
                .filter(|object| !sys::X509_OBJECT_get0_X509(object.cast()).is_null())
                .count()
        }
    }

    fn trust_system(&mut self) -> Result<(), Error> {
        let default = DefaultPlaces::of_openssl();
        if default.hold_something() {
            let before = self.anchors();
            self.set_default_verify_paths()?;
            // C passes over a file that it cannot read; directories are only looked into when they are needed.
            if default.have_hashed_names() || self.anchors() > before || holds_certificates(&default.file) {
                return Ok(());
            }
        }
        let missing = |why: &str| {
            let directories: Vec<_> =
                default.directories.iter().map(|path| path.display().to_string()).collect();
            let (file, directories) = (default.file.display(), directories.join(", "));
            let detail = format!("{why}, and neither {file} nor {directories} holds certificates");
            Err(Error::new(ErrorKind::NoTrustAnchors, "SSL_CTX_set_default_verify_paths").with_detail(detail))
        };
        if default.chosen {
            // Whoever chose a place without roots does not want others.
            return missing("SSL_CERT_FILE or SSL_CERT_DIR is set");
        }
        for file in WELL_KNOWN_FILES.map(Path::new) {
            if is_file_with_content(file) && self.trust(TrustAnchors::File(file)).is_ok() {
                return Ok(());
            }
        }
        match WELL_KNOWN_DIRECTORIES.map(Path::new).into_iter().find(|path| has_hashed_names(path)) {
            Some(directory) => self.load_verify_dir(directory),
            None => missing("this system's usual places are empty"),
        }
    }
}

/// Where the OpenSSL that runs looks for roots by default.
struct DefaultPlaces {
    file: PathBuf,
    directories: Vec<PathBuf>,
    /// Whether the environment says so.
    chosen: bool,
}

impl DefaultPlaces {
    /// Reads what OpenSSL itself reads.
    fn of_openssl() -> Self {
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
            directories: std::env::split_paths(&directories).collect(),
            chosen,
        }
    }

    fn hold_something(&self) -> bool {
        is_file_with_content(&self.file) || self.have_hashed_names()
    }

    fn have_hashed_names(&self) -> bool {
        self.directories.iter().any(|path| has_hashed_names(path))
    }
}

/// The environment's choice. OpenSSL does not heed it in a program with more rights than its user.
fn chosen(variable: &CStr) -> Option<OsString> {
    if super::keylog::has_more_rights_than_its_user() {
        return None;
    }
    std::env::var_os(OsStr::from_bytes(variable.to_bytes()))
}

fn is_file_with_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
}

/// Whether certificates can be read from a PEM file. It is asked where none are new to a store.
fn holds_certificates(path: &Path) -> bool {
    read_file("PEM_read_bio_X509_AUX", path).is_ok_and(|pem| X509::stack_from_pem(&pem).is_ok())
}

/// Whether a directory has an entry that a lookup by hash can find, such as `5ed36f99.0`.
fn has_hashed_names(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else { return false };
    entries.flatten().any(|entry| is_hashed(entry.file_name().as_bytes()))
}

fn is_hashed(name: &[u8]) -> bool {
    match name.split_at_checked(8) {
        Some((hash, [b'.', number @ ..])) => {
            hash.iter().all(u8::is_ascii_hexdigit)
                && !number.is_empty()
                && number.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_others() {
        assert!(is_hashed(b"5ed36f99.0") && is_hashed(b"5ED36f99.12"));
        for name in
            [&b""[..], b"5ed36f99", b"5ed36f99.", b"5ed36f99.r0", b"ca-certificates.crt", b"5ed36f9x.0"]
        {
            assert!(!is_hashed(name));
        }
    }
}
