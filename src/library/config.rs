//! Configuration files.

use std::ffi::{CStr, CString, c_long};
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::error::{self, Error, ErrorKind};
use crate::ffi::strings;

const CALL: &str = "CONF_modules_load";

/// How far the settings of a file may reach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Only into the context.
    Context,
    /// As far as they do.
    Process,
}

/// The modules whose settings all contexts share, and which C replaces without a lock.
const PROCESS_WIDE: [&[u8]; 4] = [b"ssl_conf", b"oid_section", b"stbl_section", b"engines"];

/// Loads a file as OSSL_LIB_CTX_load_config does, in its three steps: the middle one tells the line of a mistake, and
/// after it the settings can be seen before they are made.
///
/// # Safety
///
/// `context` is live or NULL, and nobody else uses it during this call; for [`Reach::Process`], nor anything else of
/// OpenSSL.
pub(super) unsafe fn load(context: *mut sys::OSSL_LIB_CTX, path: &Path, reach: Reach) -> Result<(), Error> {
    let file = strings::c_path(CALL, path)?;
    // C's words for a missing file differ by version; a directory, or what may not be read, it may take for empty.
    let readable = std::fs::File::open(path).and_then(|file| file.metadata()).and_then(|metadata| {
        if metadata.is_dir() { Err(std::io::ErrorKind::IsADirectory.into()) } else { Ok(()) }
    });
    readable.map_err(|error| {
        Error::new(ErrorKind::Io, CALL).with_transport(Some(error)).with_detail(path.display().to_string())
    })?;
    // OpenSSL 3.0 keeps a list of all that configurations have set, without a lock. The process's own configuration, the
    // other one to change it, is loaded before.
    static LOADING: Mutex<()> = Mutex::new(());
    let _loading = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: has no requirements.
    unsafe { ext::OPENSSL_init_crypto(ext::OPENSSL_INIT_LOAD_CONFIG, ptr::null()) };

    error::clear();
    // SAFETY: the context is live or NULL; NULL is the usual way to read a file.
    let parsed = Conf(unsafe { ext::NCONF_new_ex(context, ptr::null_mut()) });
    if parsed.0.is_null() {
        return Err(Error::from_queue("NCONF_new_ex"));
    }
    let mut line: c_long = 0;
    // SAFETY: `parsed` is live, the path outlives the call, and the out-pointer is a local of the type C writes.
    if unsafe { ext::NCONF_load(parsed.0, file.as_ptr(), &raw mut line) } <= 0 {
        let error = Error::from_queue("NCONF_load");
        let path = path.display();
        let detail = if line > 0 { format!("{path}, line {line}") } else { path.to_string() };
        return Err(error.with_detail(detail));
    }
    if reach == Reach::Context {
        if let Some(name) = parsed.process_wide_setting() {
            let detail = format!("{}: {name} is a setting of the whole process", path.display());
            return Err(Error::new(ErrorKind::InvalidInput, CALL).with_detail(detail));
        }
    }
    error::clear();
    // SAFETY: `parsed` is live and belongs to the context, which nobody else uses.
    if unsafe { ext::CONF_modules_load(parsed.0, ptr::null(), 0) } <= 0 {
        return Err(Error::from_queue(CALL).with_detail(path.display().to_string()));
    }
    // C goes on without a provider that it could not load, and then with others.
    if let Some(name) = parsed.activated_providers().into_iter().find(|name| !is_available(context, name)) {
        let detail = format!("{}: provider {}", path.display(), name.to_string_lossy());
        return Err(Error::from_queue(CALL).with_kind(ErrorKind::Refused).with_detail(detail));
    }
    error::clear();
    Ok(())
}

fn is_available(context: *mut sys::OSSL_LIB_CTX, name: &CStr) -> bool {
    // SAFETY: the context is live or NULL, as `load` demands, and the name outlives the call.
    unsafe { ext::OSSL_PROVIDER_available(context, name.as_ptr()) == 1 }
}

/// A configuration that was read.
struct Conf(*mut sys::CONF);

impl Conf {
    /// The names and values of a section, without what is not there.
    fn section(&self, name: &CStr) -> Vec<(CString, CString)> {
        // SAFETY: the configuration is live and lends its sections and strings (get0) while it is; all are copied, and
        // nobody changes it.
        unsafe {
            let settings = ext::NCONF_get_section(self.0, name.as_ptr());
            let count = sys::OPENSSL_sk_num(settings.cast());
            let setting = |index| {
                let setting =
                    sys::OPENSSL_sk_value(settings.cast(), index).cast::<ext::CONF_VALUE>().as_ref()?;
                Some((strings::lend(setting.name)?.to_owned(), strings::lend(setting.value)?.to_owned()))
            };
            (0..count).filter_map(setting).collect()
        }
    }

    /// What is loaded: the section that `openssl_conf` names.
    fn modules(&self) -> Vec<(CString, CString)> {
        // SAFETY: as in `section`.
        let name =
            unsafe { strings::lend(ext::NCONF_get_string(self.0, ptr::null(), c"openssl_conf".as_ptr())) };
        name.map(|name| self.section(name)).unwrap_or_default()
    }

    /// The name of a setting that would reach beyond the context.
    fn process_wide_setting(&self) -> Option<String> {
        let reaches = |name: &CStr| PROCESS_WIDE.iter().any(|module| may_be(name, module));
        let (name, _) = self.modules().into_iter().find(|(name, _)| reaches(name))?;
        Some(name.to_string_lossy().into_owned())
    }

    /// The names of the providers that must be there after loading.
    fn activated_providers(&self) -> Vec<CString> {
        let modules = self.modules();
        let sections = modules.iter().filter(|(name, _)| may_be(name, b"providers"));
        let mut names = Vec::new();
        for (name, section) in sections.flat_map(|(_, section)| self.section(section)) {
            let settings = self.section(&section);
            // The last one counts.
            let find =
                |wanted: &[u8]| settings.iter().rfind(|(name, _)| after_dot(name.to_bytes()) == wanted);
            let says = |wanted: &[u8]| find(wanted).is_some_and(|(_, value)| is_yes(value.to_bytes()));
            if says(b"activate") && !says(b"soft_load") {
                let identity =
                    find(b"identity").map_or(after_dot(name.to_bytes()), |(_, value)| value.to_bytes());
                names.extend(strings::c_string(CALL, "the name", identity));
            }
        }
        names
    }
}

/// Whether C may take a setting for this module's: `ssl_conf.anything` is `ssl_conf` too, and so is each of its beginnings,
/// of which C takes the first module that fits.
fn may_be(setting: &CStr, module: &[u8]) -> bool {
    let name = setting.to_bytes();
    let name = name.iter().rposition(|byte| *byte == b'.').map_or(name, |dot| &name[..dot]);
    module.starts_with(name)
}

/// The name of a provider and of its settings: `1.activate` is `activate` too.
fn after_dot(name: &[u8]) -> &[u8] {
    name.iter().position(|byte| *byte == b'.').map_or(name, |dot| &name[dot + 1..])
}

fn is_yes(value: &[u8]) -> bool {
    [&b"1"[..], b"yes", b"true", b"on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: ours, and freed once; NULL is passed over.
        unsafe { sys::NCONF_free(self.0) };
    }
}
