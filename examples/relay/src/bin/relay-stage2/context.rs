//! The contexts of `c/context.c`, which C sets up and Rust uses. C finds the context of a name in its own callback; the
//! callback for ALPN has become Rust, on the context that C made.

use std::ffi::{CStr, CString, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use libssl::context::{AlpnDecision, SslContextBuilderRef};
use libssl::ffi::SSL_CTX;
use libssl::{Error, SslContext};

use relay::{Contexts, Options, log};

/// `struct identity`.
#[repr(C)]
struct Identity {
    name: *const c_char,
    chain: *const c_char,
    key: *const c_char,
}

#[link(name = "relay_stage2", kind = "static")]
unsafe extern "C" {
    fn server_context(identities: *const Identity, count: usize, alpn: *const c_char) -> *mut SSL_CTX;
    fn client_context(ca_file: *const c_char) -> *mut SSL_CTX;
}

/// Both contexts, or `None` after it was said why not.
pub fn contexts(options: &Options) -> Option<Contexts> {
    Some(Contexts {
        server: server(options)?,
        client: if options.backend_plain { None } else { Some(client(options)?) },
    })
}

fn server(options: &Options) -> Option<SslContext> {
    let strings: Vec<_> = options
        .identities
        .iter()
        .map(|own| {
            let [chain, key] = [&own.chain, &own.key].map(|path| c_string(path.as_os_str().as_bytes()));
            Some([c_string(own.name.as_bytes())?, chain?, key?])
        })
        .collect::<Option<_>>()?;
    let identities: Vec<_> = strings
        .iter()
        .map(|[name, chain, key]| Identity { name: name.as_ptr(), chain: chain.as_ptr(), key: key.as_ptr() })
        .collect();
    let alpn = c_string(options.alpn.join(",").as_bytes())?;
    let alpn = if options.alpn.is_empty() { ptr::null() } else { alpn.as_ptr() };
    // SAFETY: as many identities as are said, of strings that outlive the call; C copies the names, reads the files, and
    // hands the list of protocols to `offer_alpn`, which copies it.
    let context = unsafe { server_context(identities.as_ptr(), identities.len(), alpn) };
    // SAFETY: C answers NULL, or a context of which the reference is ours. Its callback reads what the context owns, and
    // has no tie to a thread; nobody changes a setting from here on.
    (!context.is_null()).then(|| unsafe { SslContext::from_ptr(context) })
}

fn client(options: &Options) -> Option<SslContext> {
    let file = match &options.backend_ca {
        Some(file) => Some(c_string(file.as_os_str().as_bytes())?),
        None => None,
    };
    // SAFETY: NULL, or a string that outlives the call.
    let context = unsafe { client_context(file.as_deref().map_or(ptr::null(), CStr::as_ptr)) };
    // SAFETY: as for the server's.
    (!context.is_null()).then(|| unsafe { SslContext::from_ptr(context) })
}

/// What `c/alpn.c` did. C calls it for each context while it sets that up.
///
/// # Safety
///
/// `context` is live, and nobody else uses it during the call; `alpn` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn offer_alpn(context: *mut SSL_CTX, alpn: *const c_char) -> c_int {
    // SAFETY: by this function's contract. C made the context a moment ago, so that no object is made of it yet.
    let context = unsafe { SslContextBuilderRef::from_ptr_mut(context) };
    // SAFETY: by this function's contract.
    #[allow(clippy::disallowed_methods)]
    let list = unsafe { CStr::from_ptr(alpn) }.to_string_lossy();
    let ours: Vec<_> = list.split(',').map(String::from).collect();
    match select_one_of(context, ours) {
        Ok(()) => 1,
        Err(error) => {
            // C finds the reason where it looks for it: in the queue.
            error.put();
            0
        }
    }
}

fn select_one_of(context: &mut SslContextBuilderRef, ours: Vec<String>) -> Result<(), Error> {
    context.set_alpn_select_cb(move |_, offered| match offered.first_of(&ours) {
        Some(protocol) => AlpnDecision::Select(protocol),
        // A client that offers only others goes on without.
        None => AlpnDecision::Ignore,
    })
}

/// A string for C. The arguments of a program have no NUL.
fn c_string(bytes: &[u8]) -> Option<CString> {
    #[allow(clippy::disallowed_methods)]
    CString::new(bytes).map_err(|error| log!("relay: {error}")).ok()
}
