//! Whose handshake it was, where both have a part in it: a client's context that demands a name gets what it demands.

use std::ffi::{CStr, c_int};

use foreign_types::{ForeignType, ForeignTypeRef};
use libssl::bio::SslBio;
use libssl::context::{Identity, ProtocolVersion};
use libssl::x509::PKey;
use libssl::{
    Connected, Error, ErrorKind, Ssl, SslContext, SslContextRef, SslError, SslRef, VerifyError, Want,
};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{client_builder, duplex, identity, pki, server_builder, server_context, shake_over};

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3];

/// A server that is other.example, and only that.
fn other_example(version: ProtocolVersion) -> SslContext {
    let mut builder = SslContext::server(&identity(&pki().other_name)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.build()
}

fn client_of(version: ProtocolVersion) -> SslContext {
    let mut builder = client_builder();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.build()
}

/// A client that is C's, and that Rust borrows anew for each call.
struct Theirs(*mut sys::SSL);

impl Theirs {
    fn new(context: &SslContextRef, name: &CStr) -> Self {
        // SAFETY: the context is live.
        let theirs = Self(unsafe { sys::SSL_new(context.as_ptr()) });
        theirs.expect(name);
        theirs
    }

    /// SSL_set1_host of C's.
    fn expect(&self, name: &CStr) {
        // SAFETY: the object is live and lends its parameters; the name is a C string.
        let set = unsafe { sys::X509_VERIFY_PARAM_set1_host(sys::SSL_get0_param(self.0), name.as_ptr(), 0) };
        assert_eq!(set, 1);
    }

    fn lend(&mut self) -> &mut SslRef {
        // SAFETY: live, and nobody else uses it for the borrow.
        unsafe { SslRef::from_ptr_mut(self.0) }
    }

    /// SSL_clear of C's.
    fn clear(&mut self) {
        // SAFETY: live, and nobody else uses it.
        assert_eq!(unsafe { ext::SSL_clear(self.0) }, 1);
    }

    /// SSL_read of C's.
    fn read(&mut self, buf: &mut [u8; 6]) -> i32 {
        // SAFETY: as above; C writes six bytes at most.
        unsafe { sys::SSL_read(self.0, buf.as_mut_ptr().cast(), 6) }
    }

    /// C's side of a handshake with a server, which is returned.
    fn shake(&mut self, server: &SslContextRef) -> Ssl {
        self.shake_by(server, |theirs| {
            // SAFETY: live, with its BIOs, and nobody else uses it.
            unsafe { sys::SSL_connect(theirs.0) == 1 }
        })
    }

    fn shake_by(&mut self, server: &SslContextRef, mut step: impl FnMut(&mut Self) -> bool) -> Ssl {
        let (left, right) = duplex();
        let mut server = Ssl::new(server).unwrap();
        server.set_stream(right).unwrap();
        self.lend().set_stream(left).unwrap();
        for _ in 0..1000 {
            let client = step(self);
            if SslRef::accept(&mut server).is_ok() && client {
                return server;
            }
        }
        panic!("both sides wait");
    }

    /// Rust begins a handshake with nobody.
    fn begin(&mut self) {
        let (left, _right) = duplex();
        self.lend().set_stream(left).unwrap();
        assert_eq!(self.lend().connect().unwrap_err().want(), Some(Want::Read));
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // SAFETY: the test's reference.
        unsafe { sys::SSL_free(self.0) };
    }
}

/// A session, which is freed.
struct Session(*mut sys::SSL_SESSION);

impl Session {
    /// Of a connection that C made to other.example, under that name.
    fn of_other_example(context: &SslContextRef, server: &SslContextRef) -> Self {
        let mut theirs = Theirs::new(context, c"other.example");
        let mut server = theirs.shake(server);
        server.write(b"secret").unwrap();
        assert_eq!(theirs.read(&mut [0; 6]), 6);
        // SAFETY: the object is live; the session is this value's.
        unsafe {
            sys::SSL_shutdown(theirs.0);
            Self(ext::SSL_get1_session(theirs.0))
        }
    }

    fn set(&self, ssl: *mut sys::SSL) {
        // SAFETY: both are live; the object takes its own reference.
        assert_eq!(unsafe { sys::SSL_set_session(ssl, self.0) }, 1);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the value's own reference.
        unsafe { sys::SSL_SESSION_free(self.0) };
    }
}

fn is_mismatch(kind: ErrorKind) -> bool {
    kind == ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH)
}

fn refuses<T: std::fmt::Debug>(result: Result<T, SslError>) {
    let kind = Error::from(result.unwrap_err()).kind();
    assert!(is_mismatch(kind), "{kind:?}");
}

#[test]
fn a_handshake_that_c_makes_between_two_borrows_is_judged_too() {
    for version in VERSIONS {
        for (name, refused) in [(c"other.example", true), (c"localhost", false)] {
            let mut theirs = Theirs::new(&client_of(version), c"localhost");
            let mut server = theirs.shake_by(&server_context(), |theirs| theirs.lend().connect().is_ok());
            server.write(b"secret").unwrap();
            let mut buf = [0; 6];
            assert_eq!(theirs.lend().read(&mut buf).unwrap(), 6);

            theirs.expect(name);
            theirs.clear();
            let both = if refused { other_example(version) } else { server_context() };
            let mut server = theirs.shake(&both);
            server.write(b"secret").unwrap();
            theirs.expect(c"localhost");
            let read = theirs.lend().read(&mut buf);

            if refused {
                refuses(read);
            } else {
                assert_eq!(read.unwrap(), 6);
            }
        }
    }
}

#[test]
fn a_handshake_that_rust_begins_and_c_makes_anew_is_judged_too() {
    for version in VERSIONS {
        let mut theirs = Theirs::new(&client_of(version), c"localhost");
        theirs.begin();
        theirs.expect(c"other.example");
        theirs.clear();
        let mut server = theirs.shake(&other_example(version));
        server.write(b"secret").unwrap();
        theirs.expect(c"localhost");
        refuses(theirs.lend().read(&mut [0; 6]));
        // And one with the server that is meant goes on.
        let mut theirs = Theirs::new(&client_of(version), c"localhost");
        theirs.begin();
        theirs.clear();
        let mut server = theirs.shake(&server_context());
        server.write(b"secret").unwrap();
        assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
    }
}

/// OpenSSL compares no name where a session is resumed.
#[test]
fn a_session_of_another_name_is_refused_whoever_resumes_it() {
    for version in VERSIONS {
        let (client, server) = (client_of(version), other_example(version));
        // One that ends badly is not resumed again.
        let session = || Session::of_other_example(&client, &server);
        // C clears what Rust began.
        let mut theirs = Theirs::new(&client, c"localhost");
        theirs.begin();
        theirs.clear();
        session().set(theirs.0);
        let mut accepted = theirs.shake(&server);
        // SAFETY: the object is live.
        assert_eq!(unsafe { sys::SSL_session_reused(theirs.0) }, 1);
        accepted.write(b"secret").unwrap();
        refuses(theirs.lend().read(&mut [0; 6]));
        // Rust shakes hands, and C only set the session.
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_server_name("localhost").unwrap();
        session().set(ssl.as_ptr());
        let (left, right) = duplex();
        let (connected, _) = shake_over(ssl, left, Ssl::new(&server).unwrap(), right);
        assert!(is_mismatch(connected.unwrap_err().kind()));
        // A chain that was C's in between.
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_server_name("localhost").unwrap();
        ssl.set_connect_state();
        let raw = ssl.as_ptr();
        let mut chain = SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();
        let (left, _right) = duplex();
        chain.ssl_mut().unwrap().set_stream(left).unwrap();
        assert_eq!(chain.ssl_mut().unwrap().do_handshake().unwrap_err().want(), Some(Want::Read));
        let chain = chain.into_ptr();
        // SAFETY: the chain is C's, which is this test; the object lives as long.
        let mut theirs = std::mem::ManuallyDrop::new(Theirs(raw));
        theirs.clear();
        session().set(raw);
        let mut accepted = theirs.shake(&server);
        accepted.write(b"secret").unwrap();
        // SAFETY: the reference that `into_ptr` gave.
        let mut chain = unsafe { SslBio::from_ptr(chain) };
        // What C may have set in it is not copied.
        assert_eq!(chain.ssl_mut().unwrap().dup().unwrap_err().kind(), ErrorKind::InvalidInput);
        refuses(chain.ssl_mut().unwrap().read(&mut [0; 6]));
    }
}

/// The connection that is there was verified, and stays so.
#[test]
fn a_name_for_the_next_handshake_does_not_end_the_connection_of_a_client_that_is_borrowed() {
    for version in VERSIONS {
        let mut theirs = Theirs::new(&client_of(version), c"localhost");
        let mut server = theirs.shake_by(&server_context(), |theirs| theirs.lend().connect().is_ok());
        server.write(b"secret").unwrap();
        theirs.lend().set_server_name("other.example").unwrap();
        assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
    }
}

/// It answers for what it accepts.
extern "C" fn accept_all(_: c_int, _: *mut sys::X509_STORE_CTX) -> c_int {
    1
}

#[test]
fn a_handshake_that_rust_makes_alone_is_its_own_however_the_object_is_borrowed() {
    for version in VERSIONS {
        let mut theirs = Theirs::new(&client_of(version), c"localhost");
        // SAFETY: the object is live; the function fits.
        unsafe { sys::SSL_set_verify(theirs.0, sys::SSL_VERIFY_PEER, Some(accept_all)) };
        let mut server = theirs.shake_by(&other_example(version), |theirs| theirs.lend().connect().is_ok());
        server.write(b"secret").unwrap();
        assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
    }
}

/// C may use it between any two calls of Rust's.
#[test]
fn an_object_of_which_c_has_a_reference_is_looked_at_before_each_use() {
    for version in VERSIONS {
        let mut ssl = Ssl::new(&client_of(version)).unwrap();
        ssl.set_server_name("localhost").unwrap();
        ssl.set_connect_state();
        // SAFETY: one is used at a time.
        let mut theirs = Theirs(unsafe { ssl.up_ref() }.unwrap().into_ptr());
        let mut server = theirs.shake_by(&server_context(), |_| SslRef::connect(&mut ssl).is_ok());
        server.write(b"secret").unwrap();
        assert_eq!(ssl.read(&mut [0; 6]).unwrap(), 6);
        theirs.clear();
        // SAFETY: live.
        assert_eq!(unsafe { sys::SSL_set_session(theirs.0, std::ptr::null_mut()) }, 1);
        theirs.expect(c"other.example");
        let (left, right) = duplex();
        let mut server = Ssl::new(&other_example(version)).unwrap();
        server.set_stream(right).unwrap();
        ssl.set_stream(left).unwrap();
        for _ in 0..10 {
            // SAFETY: live, with its BIOs.
            unsafe { sys::SSL_connect(theirs.0) };
            let _ = SslRef::accept(&mut server);
        }
        theirs.expect(c"localhost");
        server.write(b"secret").unwrap();
        refuses(ssl.read(&mut [0; 6]));
    }
}

/// In TLS 1.3 nothing changes who the peer is.
#[test]
fn writes_go_through_a_key_update_whoever_borrows_the_object_for_each() {
    let mut theirs = Theirs::new(&client_of(ProtocolVersion::TLS1_3), c"localhost");
    let mut server = theirs.shake_by(&server_context(), |theirs| theirs.lend().connect().is_ok());
    server.write(b"secret").unwrap();
    assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
    const UPDATE_REQUESTED: c_int = 1;
    // SAFETY: live, and nobody else uses it.
    assert_eq!(unsafe { ext::SSL_key_update(theirs.0, UPDATE_REQUESTED) }, 1);
    assert_eq!(theirs.lend().write(b"answer").unwrap(), 6);
    assert_eq!(server.read(&mut [0; 6]).unwrap(), 6);
}

#[test]
fn a_write_that_waited_is_none_of_the_next_handshake_s() {
    let mut ssl = Ssl::new(&client_of(ProtocolVersion::TLS1_3)).unwrap();
    ssl.set_server_name("localhost").unwrap();
    let (left, right) = duplex();
    let (connected, _server) = shake_over(ssl, left, Ssl::new(&server_context()).unwrap(), right);
    let mut connected = connected.unwrap();
    connected.channel_mut().set_room(10);
    let mut ssl = connected.into_ssl().unwrap();
    assert_eq!(ssl.write(&[7; 5000]).unwrap_err().want(), Some(Want::Write));
    let raw = ssl.into_ptr();
    // SAFETY: the reference that `into_ptr` gave, which stays the test's until it is taken back.
    let mut theirs = std::mem::ManuallyDrop::new(Theirs(raw));
    theirs.clear();
    let _server = theirs.shake(&server_context());
    // SAFETY: as above.
    assert!(Connected::adopt(unsafe { Ssl::from_ptr(raw) }).is_ok());
}

/// Which handshake it was noted in is forgotten with it.
#[test]
fn a_write_that_waits_is_known_whatever_waited_when_the_object_was_c_s_before() {
    let full = || {
        let (mut left, right) = duplex();
        left.set_room(10);
        (left, right)
    };
    let mut theirs = Theirs::new(&client_of(ProtocolVersion::TLS1_3), c"localhost");
    let _first = theirs.shake_by(&server_context(), |theirs| theirs.lend().connect().is_ok());
    let (left, _right) = full();
    theirs.lend().set_stream(left).unwrap();
    assert_eq!(theirs.lend().write(&[7; 100]).unwrap_err().want(), Some(Want::Write));
    // SAFETY: the test's own references.
    let raw = unsafe { Ssl::share_from_ptr(theirs.0) }.unwrap().into_ptr();
    let (left, _right) = duplex();
    theirs.lend().set_stream(left).unwrap();
    theirs.lend().write(&[7; 100]).unwrap();
    theirs.clear();
    let _second = theirs.shake(&server_context());
    let (left, _right) = full();
    theirs.lend().set_stream(left).unwrap();
    assert_eq!(theirs.lend().write(b"aaaaa").unwrap_err().want(), Some(Want::Write));
    assert_eq!(theirs.lend().read(&mut [0]).unwrap_err().want(), Some(Want::Read));
    // SAFETY: as above.
    let failure = Connected::adopt(unsafe { Ssl::from_ptr(raw) }).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::NotReady);
}

/// By generic code, which knows nothing of the types' own functions.
#[test]
fn an_object_that_passes_by_the_traits_is_judged_too() {
    fn out<T: ForeignType>(object: T) -> *mut T::CType {
        object.into_ptr()
    }
    unsafe fn back<T: ForeignType>(object: *mut T::CType) -> T {
        // SAFETY: by the caller's word.
        unsafe { T::from_ptr(object) }
    }
    for version in VERSIONS {
        let client = client_of(version);
        let mut ssl = Ssl::new(&client).unwrap();
        ssl.set_server_name("localhost").unwrap();
        let (left, right) = duplex();
        let (connected, _server) = shake_over(ssl, left, Ssl::new(&server_context()).unwrap(), right);
        let raw = out(connected.unwrap().into_ssl().unwrap());
        let mut theirs = std::mem::ManuallyDrop::new(Theirs(raw));
        theirs.clear();
        // SAFETY: live.
        assert_eq!(unsafe { sys::SSL_set_session(raw, std::ptr::null_mut()) }, 1);
        theirs.expect(c"other.example");
        let mut server = theirs.shake(&other_example(version));
        server.write(b"secret").unwrap();
        theirs.expect(c"localhost");
        // SAFETY: live, and nobody else uses it.
        refuses(unsafe { <SslRef as ForeignTypeRef>::from_ptr_mut(raw) }.read(&mut [0; 6]));
        // SAFETY: the reference that `into_ptr` gave.
        drop(unsafe { back::<Ssl>(raw) });
    }
}

#[test]
fn a_mail_address_that_c_did_not_verify_is_looked_for() {
    let mut theirs = Theirs::new(&client_of(ProtocolVersion::TLS1_3), c"localhost");
    let _server = theirs.shake(&server_context());
    // SAFETY: live; the test's own reference stays.
    let mut ssl = unsafe { Ssl::share_from_ptr(theirs.0) }.unwrap();
    ssl.set_verify_email("nobody@example.org").unwrap();
    let failure = Connected::adopt(ssl).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Verification(VerifyError::EMAIL_MISMATCH));
}

/// A client that Rust made a connection of, over TLS 1.2, and its server, which asks for another handshake.
fn renegotiating(made: &crate::common::Made) -> (Theirs, Ssl) {
    let version = ProtocolVersion::TLS1_2;
    let mut theirs = Theirs::new(&client_of(version), c"localhost");
    let mut context = server_builder();
    context.set_max_proto_version(Some(version)).unwrap();
    let mut server = theirs.shake_by(&context.build(), |theirs| theirs.lend().connect().is_ok());
    server.write(b"secret").unwrap();
    assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
    let certificate = libssl::x509::X509::from_pem(made.chain_pem.as_bytes()).unwrap();
    let key = PKey::from_pem(made.key_pem.as_bytes(), None).unwrap();
    // SAFETY: all are live, and the object takes references of its own.
    unsafe {
        assert_eq!(sys::SSL_use_certificate(server.as_ptr(), certificate.as_ptr()), 1);
        assert_eq!(sys::SSL_use_PrivateKey(server.as_ptr(), key.as_ptr()), 1);
        ext::SSL_set_options(server.as_ptr(), NO_RESUMPTION_ON_RENEGOTIATION);
        assert_eq!(ext::SSL_renegotiate(server.as_ptr()), 1);
    }
    SslRef::do_handshake(&mut server).unwrap();
    (theirs, server)
}

/// SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION
const NO_RESUMPTION_ON_RENEGOTIATION: u64 = 1 << 16;

fn is_waiting<T: std::fmt::Debug>(result: Result<T, SslError>) {
    assert_eq!(result.unwrap_err().want(), Some(Want::Read));
}

#[test]
fn reads_go_through_a_renegotiation_whoever_borrows_the_object_for_each() {
    for c_begins in [false, true] {
        let (mut theirs, mut server) = renegotiating(&pki().localhost);
        if c_begins {
            assert_eq!(theirs.read(&mut [0; 6]), -1);
        }
        for _ in 0..2 {
            is_waiting(theirs.lend().read(&mut [0; 6]));
            is_waiting(server.read(&mut [0; 6]));
        }
        // What is written would be out before the server is known again.
        let (mut other, _other_server) = renegotiating(&pki().localhost);
        is_waiting(other.lend().read(&mut [0; 6]));
        let error = Error::from(other.lend().write(b"secret").unwrap_err());
        assert_eq!(error.kind(), ErrorKind::NotReady);
        server.write(b"secret").unwrap();
        assert_eq!(theirs.lend().read(&mut [0; 6]).unwrap(), 6);
        assert_eq!(theirs.lend().write(b"answer").unwrap(), 6);
    }
}

/// What was read in a renegotiation is the peer's that is there before it.
#[test]
fn a_renegotiation_does_not_hide_that_the_handshake_before_it_was_c_s() {
    let version = ProtocolVersion::TLS1_2;
    let mut theirs = Theirs::new(&client_of(version), c"localhost");
    let _first = theirs.shake_by(&server_context(), |theirs| theirs.lend().connect().is_ok());
    theirs.expect(c"other.example");
    theirs.clear();
    // SAFETY: live.
    assert_eq!(unsafe { sys::SSL_set_session(theirs.0, std::ptr::null_mut()) }, 1);
    let mut server = theirs.shake(&other_example(version));
    theirs.expect(c"localhost");
    // SAFETY: live, and nobody else uses it.
    assert_eq!(unsafe { ext::SSL_renegotiate(server.as_ptr()) }, 1);
    SslRef::do_handshake(&mut server).unwrap();
    assert_eq!(theirs.read(&mut [0; 6]), -1);
    server.write(b"secret").unwrap();
    let error = Error::from(theirs.lend().read(&mut [0; 6]).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
}

#[test]
fn a_server_that_c_let_become_another_one_is_refused_with_what_it_sent() {
    for shakes in [false, true] {
        let (mut theirs, mut server) = renegotiating(&pki().other_name);
        theirs.expect(c"other.example");
        for _ in 0..2 {
            assert_eq!(theirs.read(&mut [0; 6]), -1);
            is_waiting(server.read(&mut [0; 6]));
        }
        theirs.expect(c"localhost");
        // The server's Finished lies there, with what it says after it.
        server.write(b"secret").unwrap();
        if shakes {
            refuses(theirs.lend().do_handshake());
        } else {
            refuses(theirs.lend().read(&mut [0; 6]));
        }
        assert!(theirs.lend().is_poisoned());
    }
}

/// What came of a handshake in which Rust gets the first of the server's records, C with another name those up to the
/// second number, and Rust the rest. `None` where there are not so many.
fn with_another_name_in_between(version: ProtocolVersion, first: usize, second: usize) -> Option<bool> {
    const MAX_SEND_FRAGMENT: c_int = 52;
    let chain = format!("{}{}", pki().other_name.chain_pem, pki().ca_pem);
    let other = Identity::from_pem(chain.as_bytes(), pki().other_name.key_pem.as_bytes()).unwrap();
    let mut builder = SslContext::server(&other).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let mut server = Ssl::new(&builder.build()).unwrap();
    // So that its certificate takes more than one record.
    // SAFETY: the object is live; the command takes a number.
    unsafe { ext::SSL_ctrl(server.as_ptr(), MAX_SEND_FRAGMENT, 512, std::ptr::null_mut()) };
    let mut theirs = Theirs::new(&client_of(version), c"localhost");
    let ((left, mut to_client), (right, mut to_server)) = (duplex(), duplex());
    theirs.lend().set_stream(left).unwrap();
    server.set_stream(right).unwrap();
    is_waiting(theirs.lend().connect());
    to_server.push_outgoing(&to_client.take_incoming());
    let _ = SslRef::accept(&mut server);
    let (flight, mut records) = (to_server.take_incoming(), Vec::new());
    let mut rest = &flight[..];
    while let [_, _, _, high, low, ..] = *rest {
        let (record, after) = rest.split_at(5 + usize::from(u16::from_be_bytes([high, low])));
        records.push(record);
        rest = after;
    }
    if second > records.len() {
        return None;
    }
    records[..first].iter().for_each(|record| to_client.push_outgoing(record));
    if theirs.lend().connect().is_err_and(|error| error.want().is_none()) {
        return Some(false);
    }
    theirs.expect(c"other.example");
    records[first..second].iter().for_each(|record| to_client.push_outgoing(record));
    // SAFETY: live, with its BIOs, and nobody else uses it.
    unsafe { sys::SSL_connect(theirs.0) };
    theirs.expect(c"localhost");
    records[second..].iter().for_each(|record| to_client.push_outgoing(record));
    for _ in 0..4 {
        match theirs.lend().connect() {
            Err(error) if error.want().is_some() => {}
            outcome => return Some(outcome.is_ok()),
        }
        to_server.push_outgoing(&to_client.take_incoming());
        let _ = SslRef::accept(&mut server);
        to_client.push_outgoing(&to_server.take_incoming());
    }
    Some(false)
}

#[test]
fn a_name_that_c_swaps_in_anywhere_in_a_handshake_of_rust_s_lets_nobody_in() {
    for version in VERSIONS {
        for (first, second) in (0..12).flat_map(|first| (first + 1..14).map(move |second| (first, second))) {
            let outcome = with_another_name_in_between(version, first, second);
            assert_ne!(outcome, Some(true), "{version:?}, records {first}..{second}");
        }
    }
}

#[test]
fn a_handshake_that_rust_makes_alone_is_its_own_whoever_else_owns_the_object() {
    for version in VERSIONS {
        let mut ssl = Ssl::new(&client_of(version)).unwrap();
        ssl.set_server_name("localhost").unwrap();
        ssl.set_connect_state();
        // SAFETY: the object is live; the function fits.
        unsafe { sys::SSL_set_verify(ssl.as_ptr(), sys::SSL_VERIFY_PEER, Some(accept_all)) };
        // SAFETY: one is used at a time.
        let mut other = Theirs(unsafe { ssl.up_ref() }.unwrap().into_ptr());
        let mut server = other.shake_by(&other_example(version), |_| SslRef::connect(&mut ssl).is_ok());
        server.write(b"secret").unwrap();
        assert_eq!(ssl.read(&mut [0; 6]).unwrap(), 6);
    }
}

#[test]
fn a_flush_goes_through_a_renegotiation_too() {
    let (mut theirs, _server) = renegotiating(&pki().localhost);
    is_waiting(theirs.lend().read(&mut [0; 6]));
    // SAFETY: the test's reference; the other one stays its own.
    let ssl = unsafe { Ssl::share_from_ptr(theirs.0) }.unwrap();
    let mut bio = SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();
    bio.flush().unwrap();
}
