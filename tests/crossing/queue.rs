//! C's error queue: what C left there, and errors of Rust's on the way to C.

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::ptr;

use libssl::error::{ErrorStack, Reason, keep_queue};
use libssl::{Error, ErrorKind, Ssl, SslContext, SslRef};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{client_context, client_ssl, duplex};

/// C code fails, and leaves an entry.
fn c_fails(reason: c_int, text: &CStr) {
    // SAFETY: constant strings, and a format with one string.
    unsafe {
        sys::ERR_new();
        sys::ERR_set_debug(c"here.c".as_ptr(), 7, c"c_function".as_ptr());
        sys::ERR_set_error(ext::ERR_LIB_SSL, reason, c"%s".as_ptr(), text.as_ptr());
    }
}

/// What C's ERR_error_string_n says of the next entry, and its data.
#[allow(clippy::disallowed_methods)] // C gives no NULL here
fn c_finds() -> Option<(String, String)> {
    let (mut file, mut function, mut data) = (ptr::null(), ptr::null(), ptr::null());
    let (mut line, mut flags) = (0, 0);
    let mut text: [c_char; 256] = [0; 256];
    // SAFETY: out-pointers to locals of the types that C writes; strings that live until the queue changes.
    unsafe {
        let code = sys::ERR_get_error_all(
            &raw mut file,
            &raw mut line,
            &raw mut function,
            &raw mut data,
            &raw mut flags,
        );
        if code == 0 {
            return None;
        }
        ext::ERR_error_string_n(code, text.as_mut_ptr(), text.len());
        let string = |text: *const c_char| CStr::from_ptr(text).to_string_lossy().into_owned();
        let said = format!("{} in {}", string(text.as_ptr()), string(function));
        Some((said, if flags & sys::ERR_TXT_STRING != 0 { string(data) } else { String::new() }))
    }
}

fn data(stack: &ErrorStack) -> Vec<&str> {
    stack.iter().map(Reason::data).collect()
}

#[test]
fn looking_at_the_queue_leaves_it_as_it_was() {
    ErrorStack::drain();
    assert!(ErrorStack::peek().is_empty());
    c_fails(1, c"first");
    c_fails(2, c"second");
    for _ in 0..3 {
        assert_eq!(data(&ErrorStack::peek()), ["first", "second"]);
    }
    let (said, first) = c_finds().unwrap();
    assert!(said.ends_with("in c_function"), "{said}");
    assert_eq!(first, "first");
    assert_eq!(c_finds().unwrap().1, "second");
    assert_eq!(c_finds(), None);
}

#[test]
fn what_c_left_is_there_after_calls_of_ours_when_asked_for() {
    ErrorStack::drain();
    c_fails(1, c"C's");
    keep_queue(|| {
        assert!(ErrorStack::peek().is_empty());
        let mut builder = SslContext::client().unwrap();
        builder.set_cipher_list("NONSENSE").unwrap_err();
        drop(Ssl::new(&client_context()).unwrap());
    });
    assert_eq!(data(&ErrorStack::peek()), ["C's"]);
    // Without being asked it is not.
    drop(SslContext::client().unwrap());
    assert!(ErrorStack::drain().is_empty());
}

#[test]
fn what_is_put_there_comes_behind_what_c_left() {
    ErrorStack::drain();
    c_fails(1, c"C's");
    let error = keep_queue(|| {
        let error = SslContext::client().unwrap().set_cipher_list("NONSENSE").unwrap_err();
        error.put();
        error
    });
    let queue = ErrorStack::drain();
    assert_eq!(queue.root().map(Reason::data), Some("C's"));
    assert_eq!(queue.newest().map(Reason::code), error.stack().newest().map(Reason::code));
    assert_eq!(queue.iter().count(), 1 + error.stack().iter().count());
}

#[test]
fn a_panic_loses_nothing_of_cs() {
    ErrorStack::drain();
    c_fails(1, c"C's");
    let outcome = std::panic::catch_unwind(|| keep_queue(|| panic!("a bug")));
    assert!(outcome.is_err());
    assert_eq!(data(&ErrorStack::drain()), ["C's"]);
}

#[test]
fn openssls_own_entries_reach_c_as_they_were() {
    let error = SslContext::client().unwrap().set_cipher_list("NONSENSE").unwrap_err();
    ErrorStack::drain();
    error.put();
    let (said, _) = c_finds().unwrap();
    assert!(said.contains("no cipher match"), "{said}");
    assert_eq!(c_finds(), None);
}

/// OpenSSL said nothing, for the call never reached it.
#[test]
fn a_refusal_of_this_crates_reaches_c_in_words() {
    let error = Ssl::new(&client_context()).unwrap().connect(duplex().0).unwrap_err();
    let error = Error::from(error);
    assert_eq!(error.kind(), ErrorKind::NoServerName);
    ErrorStack::drain();
    error.put();
    let (said, told) = c_finds().unwrap();
    assert!(said.contains("libssl (Rust)") && said.contains("no server name"), "{said}");
    assert!(said.ends_with("in SSL_connect"), "{said}");
    assert_eq!(told, error.to_string());
    assert_eq!(c_finds(), None);
    // And back again.
    error.put();
    let stack = ErrorStack::drain();
    let entry = stack.root().unwrap();
    assert_eq!((entry.library(), entry.function(), entry.data()), ("libssl (Rust)", "SSL_connect", &*told));
    assert_eq!(entry.reason(), "no server name");
}

#[test]
fn an_error_of_the_transport_sets_errno_for_c() {
    let mut ssl = client_ssl(&client_context());
    let (mut channel, _peer) = duplex();
    channel.on_write.push_back(crate::common::Fault::Os(libc::ECONNRESET));
    ssl.set_stream(channel).unwrap();
    let error = SslRef::connect(&mut ssl).unwrap_err();
    ErrorStack::drain();
    // SAFETY: there is no such descriptor.
    let spoil_errno = || assert_eq!(unsafe { libc::close(-1) }, -1);
    let errno = || io::Error::last_os_error().raw_os_error();
    spoil_errno();
    error.put();
    assert_eq!(errno(), Some(libc::ECONNRESET));
    assert!(!ErrorStack::drain().is_empty(), "and there is an entry for it");
    assert_eq!(Error::from(error).kind(), ErrorKind::Io);

    let failed = libssl::Identity::from_pem_files("/there is no such file", "/nor this").unwrap_err();
    spoil_errno();
    failed.put();
    assert_eq!(errno(), Some(libc::ENOENT));
    ErrorStack::drain();
}

/// What an object died of comes first, as the cause.
#[test]
fn a_refusal_of_a_dead_object_tells_c_the_first_failure_too() {
    let (left, mut right) = duplex();
    io::Write::write_all(&mut right, b"220 mail ESMTP\r\n").unwrap();
    let failure = client_ssl(&client_context()).connect(left).unwrap_err().into_handshake().unwrap_err();
    let (first, ssl, channel) = failure.into_parts();
    let again = Error::from(ssl.connect(channel).unwrap_err());
    assert_eq!(again.kind(), ErrorKind::Poisoned);
    ErrorStack::drain();
    again.put();
    let queue = ErrorStack::drain();
    assert_eq!(queue.root(), first.stack().root());
    let newest = queue.newest().unwrap();
    assert_eq!(
        (newest.library(), newest.reason()),
        ("libssl (Rust)", "connection failed earlier".to_owned())
    );
}

#[test]
fn a_suspension_has_nothing_to_put() {
    let mut ssl = client_ssl(&client_context());
    let (left, _peer) = duplex();
    ssl.set_stream(left).unwrap();
    let error = SslRef::connect(&mut ssl).unwrap_err();
    assert!(error.want().is_some());
    error.put();
    let left = ErrorStack::drain();
    assert!(left.is_empty(), "{left}, {error:?}");
}
