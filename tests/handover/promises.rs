//! What a context that demands the peer's name promises of a handshake that C made, or made a part of.

use std::net::{IpAddr, Ipv4Addr};

use libssl::bio::Existing;
use libssl::{Connected, Error, ErrorKind, Handshake, Role, Ssl, SslContext, SslRef, VerifyError};
use openssl_sys as sys;
use openssl_sys_ext as ext;

use crate::common::{client_builder, client_ssl, identity, pki, resuming_client_builder};
use crate::support::{VERSIONS, Version};
use crate::world::{Under, Wire, c_reads_all, c_shakes, equip_anew, made_by_c, wire};

/// A client of C's, of a context of ours, before its handshake with a server of `localhost`.
struct World {
    client: *mut sys::SSL,
    server: *mut sys::SSL,
    wire: Wire,
}

impl World {
    fn new(version: Version, client: &SslContext) -> Self {
        Self::of(client, &version.server_builder().build())
    }

    fn of(client: &SslContext, server: &SslContext) -> Self {
        let (client, client_end) = made_by_c(client, Role::Client, Under::Pair(17_000));
        let (server, server_end) = made_by_c(server, Role::Server, Under::Pair(17_000));
        Self { client, server, wire: wire(client_end, server_end) }
    }

    /// C's own way to set a name.
    fn set_host(&self, name: &std::ffi::CStr) {
        // SAFETY: the object is live and nobody else's.
        let param = unsafe { sys::SSL_get0_param(self.client) };
        // SAFETY: as above; C copies the name.
        assert_eq!(unsafe { sys::X509_VERIFY_PARAM_set1_host(param, name.as_ptr(), 0) }, 1);
    }

    fn set_verify(&self, mode: i32) {
        // SAFETY: the object is live and nobody else's.
        unsafe { sys::SSL_set_verify(self.client, mode, None) };
    }

    /// C makes so many calls on the client; the server makes as many as it likes.
    fn c_makes(&mut self, calls: usize) -> &mut Self {
        for _ in 0..calls {
            c_shakes(self.client).expect("no failure");
            self.wire.move_all();
            c_shakes(self.server);
            self.wire.move_all();
        }
        self
    }

    fn take(&self) -> Ssl {
        // SAFETY: the object is live, with the reference of this world, which gives it up.
        unsafe { Ssl::from_ptr(self.client) }
    }

    /// C clears the client, which then meets another server.
    fn meet(&mut self, server: &SslContext) {
        let (server, server_end) = made_by_c(server, Role::Server, Under::Pair(17_000));
        // SAFETY: both objects are live, and nobody else's; the old server's reference is this world's.
        unsafe {
            assert_eq!(ext::SSL_clear(self.client), 1);
            assert_eq!(sys::SSL_set_session(self.client, std::ptr::null_mut()), 1);
            sys::SSL_free(self.server);
        }
        self.server = server;
        self.wire = wire(equip_anew(self.client), server_end);
    }

    /// Rust makes the whole handshake, with a server of this name.
    fn connect(&mut self, name: &str) -> Result<Connected<Existing>, Error> {
        let mut ssl = self.take();
        ssl.set_server_name(name)?;
        let mut progress = ssl.connect(Existing);
        loop {
            let handshake = match progress {
                Ok(connected) => return Ok(connected),
                Err(error) => error.into_handshake()?,
            };
            self.wire.move_all();
            c_shakes(self.server);
            self.wire.move_all();
            progress = handshake.resume();
        }
    }

    /// Rust takes over what is connected.
    fn adopt(self) -> Result<Connected<Existing>, Error> {
        let adopted = Connected::adopt(self.take());
        if let Err(failure) = &adopted {
            assert!(failure.ssl().is_poisoned(), "what was refused stays so");
        }
        adopted.map_err(Error::from)
    }

    /// Rust ends the handshake.
    fn resume(mut self) -> Result<Connected<Existing>, Error> {
        let mut handshake = Handshake::adopt(self.take())?;
        loop {
            handshake = match handshake.resume() {
                Ok(connected) => return Ok(connected),
                Err(error) => error.into_handshake()?,
            };
            self.wire.move_all();
            c_shakes(self.server);
            self.wire.move_all();
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: C's reference.
        unsafe { sys::SSL_free(self.server) };
    }
}

/// Each way to a connection in Rust: C makes all calls, or all but the last one.
fn each_way(world: impl Fn() -> World) -> [Result<Connected<Existing>, Error>; 2] {
    let mut whole = world();
    whole.c_makes(4);
    let mut begun = world();
    begun.c_makes(1);
    [whole.adopt(), begun.resume()]
}

fn only(version: Version, mut builder: libssl::SslContextBuilder) -> SslContext {
    version.only(&mut builder);
    builder.build()
}

#[test]
fn a_name_that_c_set_and_verified_is_enough() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        for result in each_way(|| {
            let world = World::new(version, &context);
            world.set_host(c"localhost");
            world
        }) {
            result.expect("a connection");
        }
    }
}

#[test]
fn without_a_name_there_is_no_connection() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        for result in each_way(|| World::new(version, &context)) {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::NoServerName, "{version:?}");
        }
    }
}

#[test]
fn a_name_that_is_set_afterwards_must_be_the_certificates() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        for (name, fits) in [(c"localhost", true), (c"example.org", false)] {
            let mut world = World::new(version, &context);
            world.c_makes(4).set_host(name);
            match world.adopt() {
                Ok(_) => assert!(fits),
                Err(error) => {
                    assert!(!fits, "{error}");
                    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
                    assert!(error.to_string().contains("example.org"), "{error}");
                }
            }
        }
        for (address, fits) in [(Ipv4Addr::LOCALHOST, true), (Ipv4Addr::new(192, 0, 2, 1), false)] {
            let mut world = World::of(&context, &only_server(version));
            world.c_makes(4);
            // SAFETY: the object is live and nobody else's.
            let ssl = unsafe { SslRef::from_ptr_mut(world.client) };
            ssl.verify_param_mut().set_ip(IpAddr::V4(address)).unwrap();
            match world.adopt() {
                Ok(_) => assert!(fits),
                Err(error) => {
                    assert!(!fits, "{error}");
                    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::IP_ADDRESS_MISMATCH));
                }
            }
        }
    }
}

fn only_server(version: Version) -> SslContext {
    only(version, SslContext::server(&identity(&pki().localhost)).unwrap())
}

#[test]
fn a_chain_that_c_did_not_verify_is_refused() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        let server = only(version, SslContext::server(&identity(&pki().unknown_issuer)).unwrap());
        let mut world = World::of(&context, &server);
        world.set_verify(sys::SSL_VERIFY_NONE);
        world.c_makes(4).set_verify(sys::SSL_VERIFY_PEER);
        world.set_host(c"localhost");
        let error = world.adopt().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Verification(_)), "{error}");
        assert_ne!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    }
}

/// C said openly that nobody is verified: it is C's to say.
#[test]
fn where_c_turned_verification_off_nothing_is_promised() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        let mut world = World::new(version, &context);
        world.set_verify(sys::SSL_VERIFY_NONE);
        world.c_makes(4);
        let connected = world.adopt().expect("a connection");
        assert!(!connected.ssl().verifies_name());
    }
}

#[test]
fn a_name_that_c_changes_while_it_has_a_handshake_of_rusts_is_refused() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        let world = World::new(version, &context);
        world.set_host(c"example.org");
        let Err(error) = world.take().connect(Existing) else { panic!("it waits") };
        let handshake = error.into_handshake().expect("it waits");
        assert_eq!(handshake.into_ssl().into_ptr(), world.client);
        world.set_host(c"localhost");
        let mut world = world;
        world.c_makes(3);
        let error = world.adopt().unwrap_err();
        assert!(error.to_string().contains("was changed"), "{error}");
    }
}

/// A context that C made promises nothing, and a server's demands no name.
#[test]
fn a_context_of_cs_is_cs_to_answer_for() {
    for version in VERSIONS {
        // SAFETY: the context is new, and its one reference goes over.
        let context = unsafe {
            let context = sys::SSL_CTX_new(sys::TLS_client_method());
            assert!(!context.is_null());
            SslContext::from_ptr(context)
        };
        for result in each_way(|| World::new(version, &context)) {
            result.expect("a connection");
        }
    }
}

/// A session that C resumes was verified in another connection: what its certificate bears counts.
#[test]
fn a_session_that_c_resumes_must_be_of_the_name_that_is_set() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        // With tickets, or a cache.
        let server = only_server(version);
        let mut first = World::of(&context, &server);
        first.set_host(c"localhost");
        first.c_makes(4);
        assert_eq!(c_reads_all(first.client).1, sys::SSL_ERROR_WANT_READ);
        // SAFETY: the object is live; the session's reference is this test's (get1).
        let session = unsafe { ext::SSL_get1_session(first.client) };
        // What C made spoils its session when it is freed without a shutdown.
        let mut kept = Vec::new();
        for (name, fits) in [(c"localhost", true), (c"example.org", false)] {
            let mut world = World::of(&context, &server);
            world.set_host(name);
            // SAFETY: the object is live, and takes a reference of its own.
            unsafe { sys::SSL_set_session(world.client, session) };
            world.c_makes(4);
            // SAFETY: the object is live, and the call only reads it.
            assert_eq!(unsafe { sys::SSL_session_reused(world.client) }, 1, "{version:?}");
            let result = world.adopt();
            assert_eq!(result.is_ok(), fits, "{version:?}: {result:?}");
            kept.push(result);
        }
        // SAFETY: this test's reference.
        unsafe { sys::SSL_SESSION_free(session) };
        drop(first.take());
    }
}

/// The same where the handshake is ours, and only the session is C's.
#[test]
fn a_session_that_c_sets_must_be_of_the_name_that_is_set() {
    for version in VERSIONS {
        let context = only(version, client_builder());
        let server = only(version, SslContext::server(&identity(&pki().other_name)).unwrap());
        let mut first = World::of(&context, &server);
        first.set_host(c"other.example");
        first.c_makes(4);
        assert_eq!(c_reads_all(first.client).1, sys::SSL_ERROR_WANT_READ);
        let mut kept = Vec::new();
        for (name, fits) in [("other.example", true), ("bank.example", false)] {
            let mut world = World::of(&context, &server);
            // SAFETY: both objects are live; the second takes a reference of its own to the session (get0).
            let set = unsafe { sys::SSL_set_session(world.client, sys::SSL_get_session(first.client)) };
            assert_eq!(set, 1);
            let result = world.connect(name);
            match &result {
                Ok(connected) => assert!(fits && connected.ssl().session_reused(), "{version:?}: {name}"),
                Err(error) => {
                    assert!(!fits, "{version:?}: {error}");
                    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
                }
            }
            kept.push(result);
        }
        drop(first.take());
    }
}

/// What C did not verify, on an object that had verified its peer here before, is not taken for verified.
#[test]
fn a_session_that_c_made_on_an_object_of_ours_is_not_one_of_ours() {
    for version in VERSIONS {
        let context = only(version, resuming_client_builder());
        let mut world = World::of(&context, &only_server(version));
        let ssl = world.connect("localhost").unwrap().into_ssl().unwrap();
        assert_eq!(ssl.into_ptr(), world.client);
        let kept = context.client_session_cache().unwrap();
        kept.clear();
        world.meet(&only(version, SslContext::server(&identity(&pki().unknown_issuer)).unwrap()));
        world.set_verify(sys::SSL_VERIFY_NONE);
        world.c_makes(4).set_verify(sys::SSL_VERIFY_PEER);
        assert_eq!(c_reads_all(world.client).1, sys::SSL_ERROR_WANT_READ);

        let session = world.take().session().unwrap().unwrap();

        assert!(session.is_resumable());
        assert!(kept.is_empty(), "{version:?}");
        let set = client_ssl(&context).set_session(&session);
        assert_eq!(set.unwrap_err().kind(), ErrorKind::InvalidInput, "{version:?}");
    }
}
