//! What the C program calls to pass objects and errors, and what it registers as a callback.
// What goes wrong here fails the test.
#![allow(clippy::expect_used, clippy::panic)]

use std::ffi::c_int;
use std::io::Write;
use std::ptr;

use libssl::bio::Existing;
use libssl::ffi::{SSL, SSL_CTX, X509_STORE_CTX};
use libssl::{Connected, Error, Handshake, Identity, Ssl, SslContext, TrustAnchors, callback};

/// # Safety
///
/// Both point to places for a context each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn make_contexts(client: *mut *mut SSL_CTX, server: *mut *mut SSL_CTX) -> c_int {
    callback::answer(0, || {
        let contexts = contexts()?;
        // SAFETY: by this function's contract.
        unsafe { (*client, *server) = (contexts.0.into_ptr(), contexts.1.into_ptr()) };
        Ok(1)
    })
}

fn contexts() -> Result<(SslContext, SslContext), Error> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let pem = made.cert.pem();
    let identity = Identity::from_pem(pem.as_bytes(), made.signing_key.serialize_pem().as_bytes())?;
    let client = SslContext::client_trusting(TrustAnchors::Pem(pem.as_bytes()))?.build();
    Ok((client, SslContext::server(&identity)?.build()))
}

/// # Safety
///
/// C calls it as a verify callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn panic_in_verify(preverified: c_int, store: *mut X509_STORE_CTX) -> c_int {
    // SAFETY: by this function's contract.
    unsafe { callback::verify(preverified, store, |view| panic!("at depth {}", view.depth())) }
}

/// # Safety
///
/// `ssl` is live, with a reference that C gives up, and `connected` points to a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn go_on(ssl: *mut SSL, connected: *mut c_int) -> *mut SSL {
    callback::answer(ptr::null_mut(), || {
        // SAFETY: by this function's contract.
        let (ssl, connected) = unsafe { (Ssl::from_ptr(ssl), &mut *connected) };
        make_one_call(ssl, connected).map(Ssl::into_ptr)
    })
}

fn make_one_call(ssl: Ssl, connected: &mut c_int) -> Result<Ssl, Error> {
    if *connected != 0 {
        return write(Connected::adopt(ssl)?);
    }
    match Handshake::adopt(ssl)?.resume() {
        Ok(made) => {
            *connected = 1;
            Ok(made.into_ssl().expect("nothing was written"))
        }
        Err(error) => Ok(error.into_handshake()?.into_ssl()),
    }
}

fn write(mut connected: Connected<Existing>) -> Result<Ssl, Error> {
    connected.write_all(b"from Rust").and_then(|()| connected.flush()).expect("the buffer is empty");
    Ok(connected.into_ssl().expect("all was written"))
}

#[unsafe(no_mangle)]
pub extern "C" fn fail_for_c() -> c_int {
    callback::answer(0, || Identity::from_pem_files("/there is no such file", "/nor this").map(|_| 1))
}
