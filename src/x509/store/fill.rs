//! How certificates and revocation lists come into a store.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use foreign_types::ForeignType;
use openssl_sys as sys;
use openssl_sys_ext as ext;

use super::Lookup;
use crate::error::{self, Error, ErrorKind};
use crate::ffi::compat;
use crate::library::LibContext;
use crate::x509::mem::MemBio;
use crate::x509::passphrase::{Secret, answer};
use crate::x509::{StoreLoader, StoreObject, X509, X509Crl, X509CrlRef, X509Ref, read_file};

/// # Safety
///
/// `store` is live, and nobody else changes it.
pub(super) unsafe fn add_cert(store: *mut sys::X509_STORE, certificate: &X509Ref) -> Result<(), Error> {
    error::clear();
    // SAFETY: both are live; the store takes a reference of its own.
    let done = unsafe { sys::X509_STORE_add_cert(store, certificate.as_ptr()) };
    if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_STORE_add_cert")) }
}

/// # Safety
///
/// `store` is live, and nobody else changes it.
pub(super) unsafe fn add_crl(store: *mut sys::X509_STORE, crl: &X509CrlRef) -> Result<(), Error> {
    error::clear();
    // SAFETY: both are live; the store takes a reference of its own.
    let done = unsafe { ext::X509_STORE_add_crl(store, crl.as_ptr()) };
    if done == 1 { Ok(()) } else { Err(Error::from_queue("X509_STORE_add_crl")) }
}

/// Reads all, and then adds all.
///
/// # Safety
///
/// `store` is live, and nobody else changes it.
pub(super) unsafe fn add_pem(store: *mut sys::X509_STORE, lib: LibContext, pem: &[u8]) -> Result<(), Error> {
    let (certificates, crls) = (certificates(lib, pem)?, crls(lib, pem)?);
    if certificates.is_empty() && crls.is_empty() {
        return Err(Error::new(ErrorKind::NoTrustAnchors, "PEM_read_bio_X509_AUX"));
    }
    // SAFETY: by this function's contract.
    unsafe { add_all(store, &certificates, &crls) }
}

/// # Safety
///
/// `store` is live, and nobody else changes it.
unsafe fn add_all(store: *mut sys::X509_STORE, certificates: &[X509], crls: &[X509Crl]) -> Result<(), Error> {
    // SAFETY: by this function's contract.
    certificates.iter().try_for_each(|certificate| unsafe { add_cert(store, certificate) })?;
    // SAFETY: by this function's contract.
    crls.iter().try_for_each(|crl| unsafe { add_crl(store, crl) })
}

/// What a PEM text has of one kind, read by `next` until it finds no more.
fn all<T>(call: &'static str, pem: &[u8], next: impl Fn(&MemBio<'_>) -> Option<T>) -> Result<Vec<T>, Error> {
    let bio = MemBio::reading(call, pem)?;
    let mut found = Vec::new();
    loop {
        error::clear();
        match next(&bio) {
            Some(object) => found.push(object),
            None if crate::x509::mem::no_more_pem() => break,
            None => return Err(Error::from_queue(call)),
        }
    }
    error::clear();
    Ok(found)
}

/// The certificates in a PEM text, of which there may be none.
pub(crate) fn certificates(lib: LibContext, pem: &[u8]) -> Result<Vec<X509>, Error> {
    all("PEM_read_bio_X509_AUX", pem, |bio| {
        let mut none = Secret::none();
        // SAFETY: the context lives as long as the process. C fills the certificate, or takes it away and leaves NULL; the
        // callback gets a pointer to a local of the type it expects.
        unsafe {
            let mut certificate = ext::X509_new_ex(lib.as_ptr(), lib.properties_ptr());
            if certificate.is_null() {
                return None;
            }
            let (user, place) = (none.as_ptr(), &raw mut certificate);
            if ext::PEM_read_bio_X509_AUX(bio.as_ptr(), place, Some(answer), user).is_null() {
                sys::X509_free(certificate);
                return None;
            }
            Some(<X509 as ForeignType>::from_ptr(certificate))
        }
    })
}

fn crls(lib: LibContext, pem: &[u8]) -> Result<Vec<X509Crl>, Error> {
    // Bundles of roots have none, and to look for them means to decode every certificate again.
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL";
    if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
        return Ok(Vec::new());
    }
    all("PEM_read_bio_X509_CRL", pem, |bio| {
        let mut none = Secret::none();
        // SAFETY: as for certificates.
        unsafe {
            let mut crl = ext::X509_CRL_new_ex(lib.as_ptr(), lib.properties_ptr());
            if crl.is_null() {
                return None;
            }
            let (user, place) = (none.as_ptr(), &raw mut crl);
            if sys::PEM_read_bio_X509_CRL(bio.as_ptr(), place, Some(answer), user).is_null() {
                sys::X509_CRL_free(crl);
                return None;
            }
            Some(<X509Crl as ForeignType>::from_ptr(crl))
        }
    })
}

/// Reads all, and then adds all.
///
/// # Safety
///
/// `store` is live, and nobody else changes it.
pub(super) unsafe fn load_uri(store: *mut sys::X509_STORE, lib: LibContext, uri: &str) -> Result<(), Error> {
    let (certificates, crls) = read_uri(lib, uri)?;
    // SAFETY: by this function's contract.
    unsafe { add_all(store, &certificates, &crls) }
}

/// The certificates and lists behind a URI. C's own way (`X509_LOOKUP_load_store_ex`) opens the place twice, which waits for
/// ever at a pipe, and takes an object that cannot be read for the end.
pub(crate) fn read_uri(lib: LibContext, uri: &str) -> Result<(Vec<X509>, Vec<X509Crl>), Error> {
    let (mut certificates, mut crls) = (Vec::new(), Vec::new());
    let place = |error: Error| match error.kind() {
        ErrorKind::InvalidInput => error,
        _ => error.with_detail(uri),
    };
    for object in StoreLoader::new().lib(lib).open(uri).map_err(place)? {
        match object.map_err(|error| error.with_kind(ErrorKind::Refused).with_detail(uri))? {
            StoreObject::Certificate(certificate) => certificates.push(certificate),
            StoreObject::Crl(crl) => crls.push(crl),
            _ => {}
        }
    }
    if certificates.is_empty() && crls.is_empty() {
        return Err(Error::new(ErrorKind::NoTrustAnchors, "OSSL_STORE_load").with_detail(uri));
    }
    Ok((certificates, crls))
}

/// Adds a lookup.
///
/// # Safety
///
/// `store` is live, and nobody else changes it.
pub(super) unsafe fn add_lookup(
    store: *mut sys::X509_STORE,
    lib: LibContext,
    lookup: &Lookup,
) -> Result<(), Error> {
    error::clear();
    let (call, done) = match lookup {
        Lookup::Directories(list) => {
            // SAFETY: the store is live; C copies the path.
            let done = unsafe { ext::X509_STORE_load_path(store, list.as_ptr()) };
            ("X509_STORE_load_path", done)
        }
        Lookup::Uri(uri) => {
            let (context, query) = (lib.as_ptr(), lib.properties_ptr());
            // SAFETY: the store is live; C copies the URI. The context lives as long as the process.
            let done = unsafe { ext::X509_STORE_load_store_ex(store, uri.as_ptr(), context, query) };
            ("X509_STORE_load_store_ex", done)
        }
    };
    if done == 1 { Ok(()) } else { Err(Error::from_queue(call)) }
}

/// Shares the certificates and lists of one store with another, and says how many there are.
///
/// # Safety
///
/// Both are live, and nobody else changes `to`.
pub(super) unsafe fn copy_objects(
    from: *mut sys::X509_STORE,
    to: *mut sys::X509_STORE,
) -> Result<usize, Error> {
    let (mut count, mut result) = (0, Ok(()));
    // SAFETY: `from` is live.
    unsafe {
        compat::verify::each_object(from, |object| {
            if result.is_err() {
                return;
            }
            count += 1;
            // SAFETY: C lends the object for this call, and the object what it holds (get0); one of both is NULL.
            let (certificate, crl) =
                (sys::X509_OBJECT_get0_X509(object), ext::X509_OBJECT_get0_X509_CRL(object));
            // SAFETY: not NULL, and `to` is another store than the one that may be locked.
            if !certificate.is_null() {
                result = add_cert(to, X509Ref::from_ptr(certificate));
            } else if !crl.is_null() {
                result = add_crl(to, X509CrlRef::from_ptr(crl));
            }
        })
    }?;
    result.map(|()| count)
}

/// How many certificates a store holds. It may also hold revocation lists.
///
/// # Safety
///
/// `store` is live.
pub(super) unsafe fn certificates_in(store: *mut sys::X509_STORE) -> Result<usize, Error> {
    let mut count = 0;
    // SAFETY: the store is live.
    unsafe {
        compat::verify::each_object(store, |object| {
            // SAFETY: C lends the object for this call.
            count += usize::from(!sys::X509_OBJECT_get0_X509(object).is_null());
        })
    }?;
    Ok(count)
}

/// Whether certificates can be read from a PEM file. It is asked where none are new to a store.
pub(super) fn holds_certificates(path: &Path) -> bool {
    read_file("PEM_read_bio_X509_AUX", path).is_ok_and(|pem| X509::stack_from_pem(&pem).is_ok())
}

/// Whether a directory has an entry that a lookup by hash can find, such as `5ed36f99.0`.
pub(super) fn has_hashed_names(path: &Path) -> bool {
    hashed_names(path).is_ok_and(|(certificates, _)| certificates)
}

/// Whether a lookup has directories with certificates.
pub(super) fn holds_hashed_names(lookup: &Lookup) -> bool {
    let Lookup::Directories(list) = lookup else { return false };
    list.to_bytes()
        .split(|byte| *byte == b':')
        .any(|path| has_hashed_names(Path::new(OsStr::from_bytes(path))))
}

/// Refuses a directory where nothing can be found. Whether there are certificates in it, or only revocation lists.
pub(super) fn check_directory(call: &'static str, path: &Path) -> Result<bool, Error> {
    if path.as_os_str().as_bytes().contains(&b':') {
        let detail = "C takes a colon in the path for the end of the directory's name";
        return Err(Error::new(ErrorKind::InvalidInput, call).with_detail(detail));
    }
    let refuse = |error: Option<std::io::Error>, why: &str| {
        let detail = format!("{} {why}", path.display());
        Err(Error::new(ErrorKind::NoTrustAnchors, call).with_transport(error).with_detail(detail))
    };
    match hashed_names(path) {
        Err(error) => refuse(Some(error), "cannot be read"),
        Ok((false, false)) => refuse(None, "holds no hashed certificates"),
        Ok((certificates, _)) => Ok(certificates),
    }
}

/// Whether certificates, and whether revocation lists, are in a directory under hashed names.
fn hashed_names(path: &Path) -> std::io::Result<(bool, bool)> {
    let (mut certificates, mut crls) = (false, false);
    for entry in path.read_dir()? {
        match is_hashed(entry?.file_name().as_bytes()) {
            Some(false) => certificates = true,
            Some(true) => crls = true,
            None => {}
        }
        if certificates {
            break;
        }
    }
    Ok((certificates, crls))
}

/// Whether a name is one that a lookup by hash finds, and if so, whether it is a revocation list's.
fn is_hashed(name: &[u8]) -> Option<bool> {
    let (hash, rest) = name.split_at_checked(8)?;
    let (number, list) = match rest {
        [b'.', b'r', number @ ..] => (number, true),
        [b'.', number @ ..] => (number, false),
        _ => return None,
    };
    let right =
        hash.iter().all(u8::is_ascii_hexdigit) && !number.is_empty() && number.iter().all(u8::is_ascii_digit);
    right.then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_others() {
        assert_eq!([&b"5ed36f99.0"[..], b"5ED36f99.12"].map(is_hashed), [Some(false); 2]);
        assert_eq!(is_hashed(b"5ed36f99.r0"), Some(true));
        for name in
            [&b""[..], b"5ed36f99", b"5ed36f99.", b"5ed36f99.r", b"ca-certificates.crt", b"5ed36f9x.0"]
        {
            assert_eq!(is_hashed(name), None);
        }
    }
}
