//! Names of CAs: whose certificates a server accepts from clients, and a client from servers.

use std::ffi::c_long;
use std::fmt;
use std::path::Path;

use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::{ContextSettings, SslContextBuilderRef};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;
use crate::library::LibContext;
use crate::ssl::SslRef;
use crate::x509::{X509, X509Name, X509NameRef, X509Ref, certificates, read_file, read_uri, stack};

/// A list of CA names that is still to be given to a context or an object. Each name is in it once.
///
/// ```no_run
/// # fn main() -> Result<(), libssl::Error> {
/// use libssl::context::CaNames;
///
/// let mut names = CaNames::from_file("clients-ca.pem")?;
/// names.add_file("partners-ca.pem")?;
/// # let mut builder = libssl::SslContext::builder(libssl::SslMethod::tls_server())?;
/// builder.set_client_ca_list(names);
/// # Ok(())
/// # }
/// ```
pub struct CaNames(*mut sys::stack_st_X509_NAME);

// SAFETY: a stack with names of its own, which has no tie to a thread.
unsafe impl Send for CaNames {}
// SAFETY: what takes `&self` only reads; its names were parsed, so that nothing is encoded anew.
unsafe impl Sync for CaNames {}

impl CaNames {
    /// An empty list.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    #[doc(alias = "sk_X509_NAME_new_null")]
    pub fn new() -> Result<Self, Error> {
        error::clear();
        // SAFETY: has no requirements.
        let stack = unsafe { sys::OPENSSL_sk_new_null() };
        if stack.is_null() { Err(Error::from_queue("OPENSSL_sk_new_null")) } else { Ok(Self(stack.cast())) }
    }

    /// The subjects of the certificates in a PEM file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, [`ErrorKind::Refused`] where there are none, or one is broken or encrypted.
    ///
    /// C: [`SSL_load_client_CA_file(3)`](https://docs.openssl.org/master/man3/SSL_load_client_CA_file/)
    #[doc(alias = "SSL_load_client_CA_file")]
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::from_file_in(LibContext::default(), path)
    }

    /// As [`from_file`](Self::from_file), in a library context.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// C: [`SSL_load_client_CA_file_ex(3)`](https://docs.openssl.org/master/man3/SSL_load_client_CA_file/)
    #[doc(alias = "SSL_load_client_CA_file_ex")]
    pub fn from_file_in(lib: LibContext, path: impl AsRef<Path>) -> Result<Self, Error> {
        const CALL: &str = "SSL_load_client_CA_file_ex";
        let file = strings::c_path(CALL, path.as_ref())?;
        if let Some(certificates) = read_once(CALL, lib, path.as_ref())? {
            if certificates.is_empty() {
                let detail = format!("{} holds no certificate", path.as_ref().display());
                return Err(Error::new(ErrorKind::Refused, CALL).with_detail(detail));
            }
            let mut names = Self::new()?;
            names.add_subjects(&certificates)?;
            return Ok(names);
        }
        error::clear();
        // SAFETY: the path outlives the call, and the library context the process.
        let stack =
            unsafe { ext::SSL_load_client_CA_file_ex(file.as_ptr(), lib.as_ptr(), lib.properties_ptr()) };
        if stack.is_null() {
            return Err(Error::from_queue(CALL).with_detail(path.as_ref().display().to_string()));
        }
        Ok(Self(stack))
    }

    /// Adds the subjects of the certificates in a PEM file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, [`ErrorKind::Refused`] for a certificate that is broken or encrypted; no name is then
    /// added.
    ///
    /// C: [`SSL_add_file_cert_subjects_to_stack(3)`](https://docs.openssl.org/master/man3/SSL_load_client_CA_file/)
    #[doc(alias = "SSL_add_file_cert_subjects_to_stack")]
    pub fn add_file(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_add_file_cert_subjects_to_stack";
        let file = strings::c_path(CALL, path.as_ref())?;
        if let Some(certificates) = read_once(CALL, LibContext::default(), path.as_ref())? {
            return self.add_subjects(&certificates);
        }
        error::clear();
        // SAFETY: the stack is ours and the path outlives the call.
        let done = unsafe { ext::SSL_add_file_cert_subjects_to_stack(self.0, file.as_ptr()) };
        added(CALL, done, path.as_ref().display())
    }

    /// Adds the subjects of the certificates in all files of a directory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] with the path, [`ErrorKind::Refused`] for a certificate that is broken or encrypted; no name is then
    /// added.
    ///
    /// C: [`SSL_add_dir_cert_subjects_to_stack(3)`](https://docs.openssl.org/master/man3/SSL_load_client_CA_file/)
    #[doc(alias = "SSL_add_dir_cert_subjects_to_stack")]
    pub fn add_dir(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        const CALL: &str = "SSL_add_dir_cert_subjects_to_stack";
        let path = path.as_ref();
        let directory = strings::c_path(CALL, path)?;
        check_subjects_in(CALL, path)?;
        error::clear();
        // SAFETY: the stack is ours and the path outlives the call.
        let done = unsafe { ext::SSL_add_dir_cert_subjects_to_stack(self.0, directory.as_ptr()) };
        added(CALL, done, path.display())
    }

    /// Adds the subjects of the certificates behind an OSSL_STORE URI, which is read once, to its end: C opens it twice, and
    /// takes an object that it cannot read for the end.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty URI or a NUL byte, [`ErrorKind::Refused`] for what cannot be read,
    /// [`ErrorKind::NoTrustAnchors`] where there are neither certificates nor revocation lists; no name is then added.
    ///
    /// C: [`SSL_add_store_cert_subjects_to_stack(3)`](https://docs.openssl.org/master/man3/SSL_load_client_CA_file/)
    #[doc(alias = "SSL_add_store_cert_subjects_to_stack")]
    pub fn add_uri(&mut self, uri: &str) -> Result<(), Error> {
        self.add_uri_in(LibContext::default(), uri)
    }

    /// As [`add_uri`](Self::add_uri), from the places that the providers of a library context know.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn add_uri_in(&mut self, lib: LibContext, uri: &str) -> Result<(), Error> {
        self.add_subjects(&read_uri(lib, uri)?.0)
    }

    /// Adds a name, unless it is there already.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    #[doc(alias = "sk_X509_NAME_push")]
    pub fn add(&mut self, name: &X509NameRef) -> Result<(), Error> {
        // SAFETY: both names are live, and have been encoded.
        let same = |other: &X509Name| unsafe { sys::X509_NAME_cmp(other.as_ptr(), name.as_ptr()) } == 0;
        if self.to_vec().iter().any(same) {
            return Ok(());
        }
        let copy = name.to_owned_name()?;
        error::clear();
        // SAFETY: the stack is ours, and owns the copy once the call succeeds.
        if unsafe { sys::OPENSSL_sk_push(self.0.cast(), copy.as_ptr().cast()) } <= 0 {
            return Err(Error::from_queue("OPENSSL_sk_push"));
        }
        std::mem::forget(copy);
        Ok(())
    }

    pub(super) fn add_subjects(&mut self, certificates: &[X509]) -> Result<(), Error> {
        certificates.iter().try_for_each(|certificate| self.add(certificate.subject_name()))
    }

    /// The names.
    pub fn to_vec(&self) -> Vec<X509Name> {
        // SAFETY: the stack is ours.
        unsafe { copy(self.0) }
    }

    /// A list with the same names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Refused`] if OpenSSL cannot allocate.
    #[doc(alias = "SSL_dup_CA_list")]
    pub fn try_clone(&self) -> Result<Self, Error> {
        error::clear();
        // SAFETY: the stack is ours, and its names are copied.
        let copy = unsafe { ext::SSL_dup_CA_list(self.0) };
        if copy.is_null() { Err(Error::from_queue("SSL_dup_CA_list")) } else { Ok(Self(copy)) }
    }

    fn into_ptr(self) -> *mut sys::stack_st_X509_NAME {
        let stack = self.0;
        std::mem::forget(self);
        stack
    }
}

impl Drop for CaNames {
    fn drop(&mut self) {
        unsafe extern "C" fn free(name: *mut std::ffi::c_void) {
            // SAFETY: called for the entries of such a stack only, each of which it owns.
            unsafe { sys::X509_NAME_free(name.cast()) };
        }
        // SAFETY: ours with its names, and freed once.
        unsafe { sys::OPENSSL_sk_pop_free(self.0.cast(), Some(free)) };
    }
}

impl fmt::Debug for CaNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.to_vec()).finish()
    }
}

/// Looks a directory through whose files C will read.
pub(crate) fn check_subjects_in(call: &'static str, path: &Path) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| {
        Error::new(ErrorKind::Io, call).with_transport(Some(error)).with_detail(path.display().to_string())
    };
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_dir() {
            continue;
        }
        if !file.is_file() {
            // C would wait for what comes out of a pipe.
            let detail = format!("{} is no regular file", file.display());
            return Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail));
        }
        read_once(call, LibContext::default(), &file)?;
    }
    Ok(())
}

/// Looks a file through that C will read, for which it must be there twice.
pub(crate) fn check_subjects_of(call: &'static str, path: &Path) -> Result<(), Error> {
    if path.is_file() || !path.exists() {
        return read_once(call, LibContext::default(), path).map(drop);
    }
    let detail = format!("{} is no regular file", path.display());
    Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail))
}

/// The certificates in a pipe or another file that can be read but once, and nothing for a regular file, which C reads itself
/// once it was looked through: it takes a broken certificate for the end, and would ask for the passphrase of an encrypted one
/// at the terminal.
fn read_once(call: &'static str, lib: LibContext, path: &Path) -> Result<Option<Vec<X509>>, Error> {
    const ENCRYPTED: &[u8] = b"ENCRYPTED";
    let place = || path.display().to_string();
    let pem = read_file(call, path)?;
    if pem.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
        let detail = format!("{} is encrypted", place());
        return Err(Error::new(ErrorKind::Refused, call).with_detail(detail));
    }
    let certificates = certificates(lib, &pem).map_err(|error| error.with_detail(place()))?;
    Ok((!path.is_file()).then_some(certificates))
}

fn added(call: &'static str, done: i32, place: impl fmt::Display) -> Result<(), Error> {
    if done != 1 {
        return Err(Error::from_queue(call).with_detail(place.to_string()));
    }
    error::clear();
    Ok(())
}

/// # Safety
///
/// `names` is NULL, or a live stack of names that nobody changes during the call.
unsafe fn copy(names: *const sys::stack_st_X509_NAME) -> Vec<X509Name> {
    // SAFETY: by this function's contract. The names were parsed, or encoded when they were put there.
    let names = unsafe { stack::collect(names, |name| X509NameRef::from_ptr(name).to_owned_name().ok()) };
    error::clear();
    names
}

/// What reads lists, for a type whose `as_ptr` gives what the functions take.
macro_rules! ca_getters {
    ($type:ty, $own:path, $own_name:literal, $client:path, $client_name:literal) => {
        impl $type {
            /// The names of the CAs whose certificates this side tells the other that it accepts, where such a list was set
            /// for both roles.
            ///
            #[doc = concat!("C: [`", $own_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $own_name)]
            pub fn ca_list(&self) -> Vec<X509Name> {
                // SAFETY: the object is live and lends the stack (get0), or NULL.
                unsafe { copy($own(self.as_ptr())) }
            }

            /// The names of the CAs whose certificates a server accepts from clients. On a client's object it is what the
            /// server told.
            ///
            #[doc = concat!("C: [`", $client_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $client_name)]
            pub fn client_ca_list(&self) -> Vec<X509Name> {
                // SAFETY: the object is live and lends the stack (get0), or NULL.
                unsafe { copy($client(self.as_ptr())) }
            }
        }
    };
}

/// What sets lists, for a type whose `as_ptr` gives what the functions take.
macro_rules! ca_setters {
    (
        $type:ty,
        set0: $set0:path, $set0_name:literal,
        set_client: $set_client:path, $set_client_name:literal,
        add1: $add1:path, $add1_name:literal,
        add_client: $add_client:path, $add_client_name:literal,
        types: $types:path, $types_name:literal,
    ) => {
        impl $type {
            /// Tells the other side, server or client, whose certificates are accepted. A server prefers
            /// [`set_client_ca_list`](Self::set_client_ca_list). It is a hint for choosing a certificate: what is trusted
            /// is another matter.
            ///
            #[doc = concat!("C: [`", $set0_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $set0_name)]
            pub fn set_ca_list(&mut self, names: CaNames) {
                // SAFETY: the object is live and borrowed for writing; it owns the stack from here on (set0).
                unsafe { $set0(self.as_ptr(), names.into_ptr()) };
            }

            /// Tells clients whose certificates a server accepts. It is a hint for choosing a certificate: what is trusted
            /// is another matter.
            ///
            #[doc = concat!("C: [`", $set_client_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $set_client_name)]
            pub fn set_client_ca_list(&mut self, names: CaNames) {
                // SAFETY: the object is live and borrowed for writing; it owns the stack from here on.
                unsafe { $set_client(self.as_ptr(), names.into_ptr()) };
            }

            /// Adds a CA to the list of [`set_ca_list`](Self::set_ca_list).
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Unspecified`] if OpenSSL cannot allocate.
            ///
            #[doc = concat!("C: [`", $add1_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $add1_name)]
            pub fn add_to_ca_list(&mut self, ca: &X509Ref) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C copies the name (add1).
                let done = unsafe { $add1(self.as_ptr(), ca.as_ptr()) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($add1_name)) }
            }

            /// Adds a CA to the list of [`set_client_ca_list`](Self::set_client_ca_list).
            ///
            /// # Errors
            ///
            /// [`ErrorKind::Unspecified`] if OpenSSL cannot allocate.
            ///
            #[doc = concat!("C: [`", $add_client_name, "(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)")]
            #[doc(alias = $add_client_name)]
            pub fn add_client_ca(&mut self, ca: &X509Ref) -> Result<(), Error> {
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C copies the name.
                let done = unsafe { $add_client(self.as_ptr(), ca.as_ptr()) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($add_client_name)) }
            }

            /// Sets the types of certificates that a server of TLS 1.2 asks for: bytes of the registry of
            /// `ClientCertificateType`, such as 1 for RSA and 64 for ECDSA. Empty is the library's own choice.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::InvalidInput`] for more than 255.
            #[doc(alias = $types_name)]
            pub fn set_client_certificate_types(&mut self, types: &[u8]) -> Result<(), Error> {
                let Ok(len @ 0..=255) = c_long::try_from(types.len()) else {
                    let error = Error::new(ErrorKind::InvalidInput, $types_name);
                    return Err(error.with_detail("there are more than 255 types"));
                };
                error::clear();
                // SAFETY: the object is live and borrowed for writing; C copies `len` bytes.
                let done = unsafe { $types(self.as_ptr(), types.as_ptr(), len) };
                if done == 1 { Ok(()) } else { Err(Error::from_queue($types_name)) }
            }
        }
    };
}

ca_getters! {
    ContextSettings,
    ext::SSL_CTX_get0_CA_list, "SSL_CTX_get0_CA_list",
    ext::SSL_CTX_get_client_CA_list, "SSL_CTX_get_client_CA_list"
}

ca_getters! {
    SslRef,
    ext::SSL_get0_CA_list, "SSL_get0_CA_list",
    ext::SSL_get_client_CA_list, "SSL_get_client_CA_list"
}

ca_setters! {
    SslContextBuilderRef,
    set0: ext::SSL_CTX_set0_CA_list, "SSL_CTX_set0_CA_list",
    set_client: sys::SSL_CTX_set_client_CA_list, "SSL_CTX_set_client_CA_list",
    add1: ext::SSL_CTX_add1_to_CA_list, "SSL_CTX_add1_to_CA_list",
    add_client: sys::SSL_CTX_add_client_CA, "SSL_CTX_add_client_CA",
    types: ext::SSL_CTX_set1_client_certificate_types, "SSL_CTX_set1_client_certificate_types",
}

ca_setters! {
    SslRef,
    set0: ext::SSL_set0_CA_list, "SSL_set0_CA_list",
    set_client: sys::SSL_set_client_CA_list, "SSL_set_client_CA_list",
    add1: ext::SSL_add1_to_CA_list, "SSL_add1_to_CA_list",
    add_client: sys::SSL_add_client_CA, "SSL_add_client_CA",
    types: ext::SSL_set1_client_certificate_types, "SSL_set1_client_certificate_types",
}

impl SslRef {
    /// The names of the CAs whose certificates the peer says it accepts, in the handshake that is under way or was last.
    ///
    /// C: [`SSL_get0_peer_CA_list(3)`](https://docs.openssl.org/master/man3/SSL_CTX_set0_CA_list/)
    #[doc(alias = "SSL_get0_peer_CA_list")]
    pub fn peer_ca_list(&self) -> Vec<X509Name> {
        // SAFETY: the object is live and lends the stack (get0), or NULL.
        unsafe { copy(ext::SSL_get0_peer_CA_list(self.as_ptr())) }
    }

    /// The types of certificates that a server of TLS 1.2 asked this client for, a byte each.
    #[doc(alias = "SSL_get0_certificate_types")]
    pub fn certificate_types(&self) -> &[u8] {
        let mut types = std::ptr::null();
        // SAFETY: the object is live; the out-pointer is a local of the type C writes. A server gives 0.
        let len = unsafe { ext::SSL_get0_certificate_types(self.as_ptr(), &raw mut types) };
        let len = usize::try_from(len).unwrap_or_default();
        // SAFETY: get0: NULL, or `len` bytes of the object's, which only a handshake replaces, with `&mut self`.
        unsafe { crate::ffi::bytes::lend(types, len) }.unwrap_or_default()
    }
}
