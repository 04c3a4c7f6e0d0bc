//! OSSL_STORE: certificates, keys and lists from any place that a provider knows, by URI.

use std::cell::Cell;
use std::ffi::{CString, c_int};
use std::marker::PhantomData;
use std::{fmt, ptr};

use openssl_sys_ext as ext;

use super::passphrase::{Secret, answer};
use super::{PKey, X509, X509Crl};
use crate::error::{self, Error, ErrorKind};
use crate::ffi::{panics, strings};
use crate::library::LibContext;

/// So many failures in a row end it, for a place that fails for ever.
const PATIENCE: u32 = 100;

/// So many objects in a row may be passed over: more stand in no file, but one that fails for ever looks the same.
const PASSED_OVER: u32 = 1 << 14;

/// Something that was loaded.
#[doc(alias = "OSSL_STORE_INFO")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreObject {
    /// The name of something else to load, such as a file in a directory.
    #[doc(alias = "OSSL_STORE_INFO_NAME")]
    Name {
        /// Its URI.
        uri: Vec<u8>,
        /// What it is, in words.
        description: Option<Vec<u8>>,
    },
    /// The parameters of a key.
    #[doc(alias = "OSSL_STORE_INFO_PARAMS")]
    Parameters(PKey),
    /// A public key.
    #[doc(alias = "OSSL_STORE_INFO_PUBKEY")]
    PublicKey(PKey),
    /// A private key.
    #[doc(alias = "OSSL_STORE_INFO_PKEY")]
    PrivateKey(PKey),
    /// A certificate.
    #[doc(alias = "OSSL_STORE_INFO_CERT")]
    Certificate(X509),
    /// A revocation list.
    #[doc(alias = "OSSL_STORE_INFO_CRL")]
    Crl(X509Crl),
    /// Something else, by C's number of its type.
    Other(c_int),
}

/// What to look for, where nothing else is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreExpectation {
    /// Names.
    #[doc(alias = "OSSL_STORE_INFO_NAME")]
    Names,
    /// Parameters of keys.
    #[doc(alias = "OSSL_STORE_INFO_PARAMS")]
    Parameters,
    /// Public keys.
    #[doc(alias = "OSSL_STORE_INFO_PUBKEY")]
    PublicKeys,
    /// Private keys.
    #[doc(alias = "OSSL_STORE_INFO_PKEY")]
    PrivateKeys,
    /// Certificates.
    #[doc(alias = "OSSL_STORE_INFO_CERT")]
    Certificates,
    /// Revocation lists.
    #[doc(alias = "OSSL_STORE_INFO_CRL")]
    Crls,
}

impl StoreExpectation {
    fn code(self) -> c_int {
        match self {
            Self::Names => ext::OSSL_STORE_INFO_NAME,
            Self::Parameters => ext::OSSL_STORE_INFO_PARAMS,
            Self::PublicKeys => ext::OSSL_STORE_INFO_PUBKEY,
            Self::PrivateKeys => ext::OSSL_STORE_INFO_PKEY,
            Self::Certificates => ext::OSSL_STORE_INFO_CERT,
            Self::Crls => ext::OSSL_STORE_INFO_CRL,
        }
    }
}

/// How to load from a URI: a path, `file:…`, `pkcs11:…`, or whatever else the providers know.
///
/// ```no_run
/// use libssl::x509::{StoreExpectation, StoreLoader, StoreObject};
///
/// # fn main() -> Result<(), libssl::Error> {
/// let loader = StoreLoader::new().expect(StoreExpectation::Certificates);
/// for object in loader.open("pkcs11:token=mine")? {
///     if let StoreObject::Certificate(certificate) = object? {
///         println!("{}", certificate.subject_name());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct StoreLoader<'a> {
    lib: LibContext,
    expect: Option<StoreExpectation>,
    passphrase: Option<&'a [u8]>,
    ask: Option<Box<dyn FnMut() -> Option<Vec<u8>> + 'a>>,
}

impl<'a> StoreLoader<'a> {
    /// Loads everything, with the process's own library context and without a passphrase.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes loaders and algorithms from a library context, as its property query allows.
    #[must_use]
    pub fn lib(self, lib: LibContext) -> Self {
        Self { lib, ..self }
    }

    /// Looks for one kind of object only. What nobody can make sense of is then passed over too, as it may be something
    /// else; without an expectation it is an error.
    ///
    /// C: [`OSSL_STORE_expect(3)`](https://docs.openssl.org/master/man3/OSSL_STORE_expect/)
    #[doc(alias = "OSSL_STORE_expect")]
    #[must_use]
    pub fn expect(self, kind: StoreExpectation) -> Self {
        Self { expect: Some(kind), ..self }
    }

    /// Opens with this passphrase (or PIN) what is encrypted. Without one it is refused: nobody is asked at the terminal.
    #[must_use]
    pub fn passphrase(self, passphrase: &'a [u8]) -> Self {
        Self { passphrase: Some(passphrase), ask: None, ..self }
    }

    /// Asks a closure for the passphrase (or PIN) when one is needed. Its answer is wiped after use; a panic in it goes on
    /// in the call that needed it.
    #[doc(alias = "UI_UTIL_wrap_read_pem_callback")]
    #[must_use]
    pub fn passphrase_with(self, ask: impl FnMut() -> Option<Vec<u8>> + 'a) -> Self {
        Self { passphrase: None, ask: Some(Box::new(ask)), ..self }
    }

    /// Opens the place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for an empty URI or a NUL byte, [`ErrorKind::Refused`] for a scheme that no provider
    /// knows or a place that is not there.
    ///
    /// C: [`OSSL_STORE_open_ex(3)`](https://docs.openssl.org/master/man3/OSSL_STORE_open/)
    #[doc(alias = "OSSL_STORE_open_ex")]
    #[doc(alias = "OSSL_STORE_open")]
    pub fn open(self, uri: &str) -> Result<StoreObjects<'a>, Error> {
        const CALL: &str = "OSSL_STORE_open_ex";
        let uri: CString = strings::c_string_not_empty(CALL, "the URI", uri)?;
        let expect = self.expect;
        let lib = self.lib;
        error::clear();
        // SAFETY: the callback is a `pem_password_cb` that only reads; 0 is for reading.
        let method = unsafe { ext::UI_UTIL_wrap_read_pem_callback(Some(ask_question), 0) };
        if method.is_null() {
            return Err(Error::from_queue("UI_UTIL_wrap_read_pem_callback"));
        }
        let question = Box::into_raw(Box::new(Question { passphrase: self.passphrase, ask: self.ask }));
        let mut objects = StoreObjects {
            store: ptr::null_mut(),
            method,
            question,
            failures: 0,
            passed_over: 0,
            expects: expect.is_some(),
            asks: PhantomData,
        };
        let store = Cell::new(ptr::null_mut());
        panics::enter(
            // SAFETY: the URI outlives the call; the method and its user data outlive the store, which is closed first.
            || unsafe {
                let (context, query) = (lib.as_ptr(), lib.properties_ptr());
                let (none, user) = (ptr::null(), question.cast());
                let nothing = ptr::null_mut();
                let uri = uri.as_ptr();
                store.set(ext::OSSL_STORE_open_ex(uri, context, query, method, user, none, None, nothing));
            },
            || {
                // SAFETY: ours or NULL; the method goes with `objects`.
                unsafe { ext::OSSL_STORE_close(store.get()) };
                error::clear();
            },
        );
        objects.store = store.get();
        if objects.store.is_null() {
            return Err(Error::from_queue(CALL));
        }
        if let Some(expect) = expect {
            // SAFETY: the store is live, and nothing has been loaded yet.
            if unsafe { ext::OSSL_STORE_expect(objects.store, expect.code()) } != 1 {
                return Err(Error::from_queue("OSSL_STORE_expect"));
            }
        }
        error::clear();
        Ok(objects)
    }
}

impl fmt::Debug for StoreLoader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the passphrase.
        f.debug_struct("StoreLoader")
            .field("lib", &self.lib)
            .field("expect", &self.expect)
            .finish_non_exhaustive()
    }
}

/// Whom C asks, at an address that stays while the store is open.
struct Question<'a> {
    passphrase: Option<&'a [u8]>,
    ask: Option<Box<dyn FnMut() -> Option<Vec<u8>> + 'a>>,
}

unsafe extern "C" fn ask_question(
    buffer: *mut std::ffi::c_char,
    size: c_int,
    writing: c_int,
    user: *mut std::ffi::c_void,
) -> c_int {
    // SAFETY: the user data is the question that the store's owner holds, and nobody else borrows it while C is called.
    let Some(question) = (unsafe { user.cast::<Question<'_>>().as_mut() }) else { return -1 };
    let mut secret = match &mut question.ask {
        Some(ask) => Secret::ask(ask),
        None => Secret::value(question.passphrase),
    };
    // SAFETY: C's buffer, and a secret that outlives the call.
    unsafe { answer(buffer, size, writing, secret.as_ptr()) }
}

/// What a place holds, loaded one by one. An object that cannot be loaded is an error in its turn, and the next call goes
/// on after it.
#[doc(alias = "OSSL_STORE_CTX")]
pub struct StoreObjects<'a> {
    store: *mut ext::OSSL_STORE_CTX,
    method: *mut ext::UI_METHOD,
    /// A box's, which C has as the store's user data.
    question: *mut Question<'a>,
    failures: u32,
    passed_over: u32,
    expects: bool,
    asks: PhantomData<Question<'a>>,
}

impl Iterator for StoreObjects<'_> {
    type Item = Result<StoreObject, Error>;

    /// Loads the next object.
    ///
    /// C: [`OSSL_STORE_load(3)`](https://docs.openssl.org/master/man3/OSSL_STORE_open/)
    fn next(&mut self) -> Option<Self::Item> {
        const CALL: &str = "OSSL_STORE_load";
        // C may pass over what was not asked for, one a call.
        while self.failures < PATIENCE && !self.ended() {
            if self.passed_over == PASSED_OVER {
                self.failures = PATIENCE;
                return Some(Err(Error::new(ErrorKind::Refused, CALL).with_detail(
                    "nothing of what was asked for is among the objects so far, and there are more",
                )));
            }
            error::clear();
            // The question is reached through the store only.
            let store = self.store;
            let info = panics::enter(
                // SAFETY: the store is live, and its user data too.
                || unsafe { ext::OSSL_STORE_load(store) },
                error::clear,
            );
            if !info.is_null() {
                (self.failures, self.passed_over) = (0, 0);
                let object = own(info);
                error::clear();
                return Some(object);
            }
            if !error::is_empty() {
                let error = Error::from_queue(CALL);
                // That is how C passes over what was not asked for: nothing made an object of it, and nothing says why.
                let passed_over = self.expects
                    && error.stack().iter().all(|reason| {
                        [ext::ERR_LIB_OSSL_STORE, ext::ERR_LIB_OSSL_DECODER].contains(&reason.library_code())
                            && reason.reason_code() == ext::ERR_R_UNSUPPORTED
                    });
                if passed_over {
                    self.passed_over += 1;
                    continue;
                }
                self.failures += 1;
                return Some(Err(error));
            }
            // Without a word: it is the end, or there was something that was not asked for, or nobody says what failed.
            // SAFETY: the store is live.
            if !self.ended() && unsafe { ext::OSSL_STORE_error(store) } == 1 {
                self.failures += 1;
                return Some(Err(Error::from_queue(CALL).with_kind(ErrorKind::Refused)));
            }
            self.passed_over += 1;
        }
        error::clear();
        None
    }
}

impl StoreObjects<'_> {
    fn ended(&self) -> bool {
        // SAFETY: the store is live.
        unsafe { ext::OSSL_STORE_eof(self.store) != 0 }
    }
}

/// What was loaded, with references of its own (get1).
fn own(info: *mut ext::OSSL_STORE_INFO) -> Result<StoreObject, Error> {
    // SAFETY: the information is live and ours, and of the type that it says; what get1 gives is ours, or NULL; names are
    // copied at once. It is freed once.
    unsafe {
        let object = match ext::OSSL_STORE_INFO_get_type(info) {
            ext::OSSL_STORE_INFO_NAME => {
                let uri = strings::lend(ext::OSSL_STORE_INFO_get0_NAME(info));
                let description = strings::lend(ext::OSSL_STORE_INFO_get0_NAME_description(info));
                Ok(StoreObject::Name {
                    uri: uri.map(|uri| uri.to_bytes().to_vec()).unwrap_or_default(),
                    description: description.map(|text| text.to_bytes().to_vec()),
                })
            }
            ext::OSSL_STORE_INFO_PARAMS => {
                PKey::checked("OSSL_STORE_INFO_get1_PARAMS", ext::OSSL_STORE_INFO_get1_PARAMS(info))
                    .map(StoreObject::Parameters)
            }
            ext::OSSL_STORE_INFO_PUBKEY => {
                PKey::checked("OSSL_STORE_INFO_get1_PUBKEY", ext::OSSL_STORE_INFO_get1_PUBKEY(info))
                    .map(StoreObject::PublicKey)
            }
            ext::OSSL_STORE_INFO_PKEY => {
                PKey::checked("OSSL_STORE_INFO_get1_PKEY", ext::OSSL_STORE_INFO_get1_PKEY(info))
                    .map(StoreObject::PrivateKey)
            }
            ext::OSSL_STORE_INFO_CERT => {
                let certificate = ext::OSSL_STORE_INFO_get1_CERT(info);
                let certificate = (!certificate.is_null()).then(|| X509::from_ptr(certificate));
                let error = || Error::from_queue("OSSL_STORE_INFO_get1_CERT");
                certificate.map(StoreObject::Certificate).ok_or_else(error)
            }
            ext::OSSL_STORE_INFO_CRL => {
                let list = ext::OSSL_STORE_INFO_get1_CRL(info);
                let list = (!list.is_null()).then(|| X509Crl::from_ptr(list));
                list.map(StoreObject::Crl).ok_or_else(|| Error::from_queue("OSSL_STORE_INFO_get1_CRL"))
            }
            other => Ok(StoreObject::Other(other)),
        };
        ext::OSSL_STORE_INFO_free(info);
        object
    }
}

impl Drop for StoreObjects<'_> {
    fn drop(&mut self) {
        // SAFETY: all are ours, and freed once, the store first, which uses the others; NULL is no store.
        unsafe {
            ext::OSSL_STORE_close(self.store);
            ext::UI_destroy_method(self.method);
            drop(Box::from_raw(self.question));
        }
        error::clear();
    }
}

impl fmt::Debug for StoreObjects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the passphrase.
        f.debug_struct("StoreObjects").finish_non_exhaustive()
    }
}

/// Everything that a URI leads to, without a passphrase: see [`StoreLoader`].
///
/// # Errors
///
/// As [`StoreLoader::open`], and [`ErrorKind::Refused`] for the first object that cannot be loaded.
#[doc(alias = "OSSL_STORE_open_ex")]
pub fn load_uri(uri: &str) -> Result<Vec<StoreObject>, Error> {
    StoreLoader::new().open(uri)?.collect()
}

impl PKey {
    /// The first private key that a URI leads to, such as `pkcs11:object=mine` or `file:key.pem`. `loader` says with which
    /// passphrase or PIN, and in which library context.
    ///
    /// # Errors
    ///
    /// As [`StoreLoader::open`], and [`ErrorKind::Refused`] where there is no key or it cannot be loaded.
    ///
    /// C: [`OSSL_STORE_open_ex(3)`](https://docs.openssl.org/master/man3/OSSL_STORE_open/)
    #[doc(alias = "OSSL_STORE_open_ex")]
    pub fn from_uri(uri: &str, loader: StoreLoader<'_>) -> Result<Self, Error> {
        let mut failure = None;
        for object in loader.expect(StoreExpectation::PrivateKeys).open(uri)? {
            match object {
                Ok(StoreObject::PrivateKey(key)) => return Ok(key),
                Ok(_) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::new(ErrorKind::Refused, "OSSL_STORE_load")
                .with_detail("there is no private key that this library can load")
        }))
    }
}
