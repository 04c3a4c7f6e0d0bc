//! BIOs that SSL objects own.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libssl::bio::{Bio, BioMethod, BioOperation, BioType, BioVerdict, NextBio, SendBio, SslBio, Stop};
use libssl::{ErrorKind, Role, Ssl, SslRef, Want};

use crate::common::{
    Duplex, client_context, client_ssl, duplex, server_builder, server_context, shake_over, unix_pair,
};
use crate::{Gone, since};

fn send(bio: Bio) -> SendBio {
    SendBio::new(bio).map_err(|(error, _)| error).unwrap()
}

/// An object over two memory BIOs, which C programs feed and drain themselves.
fn over_memory(ssl: &mut SslRef, gone: &Gone) {
    ssl.set0_rbio(send(gone.watch(Bio::memory().unwrap())));
    ssl.set0_wbio(send(gone.watch(Bio::memory().unwrap())));
}

/// Carries all that waits from one object to the other, and says whether there was something.
fn carry(from: &mut SslRef, to: &mut SslRef) -> bool {
    let Some(wbio) = from.wbio_mut() else { return false };
    let bytes = wbio.mem_data().unwrap().to_vec();
    wbio.reset().unwrap();
    assert!(bytes.is_empty() || to.rbio_mut().unwrap().write(&bytes).unwrap() == bytes.len());
    !bytes.is_empty()
}

fn shake(client: &mut SslRef, server: &mut SslRef) {
    for _ in 0..20 {
        let done = SslRef::connect(client).map_err(|error| assert_eq!(error.want(), Some(Want::Read)));
        carry(client, server);
        let accepted = SslRef::accept(server).map_err(|error| assert_eq!(error.want(), Some(Want::Read)));
        carry(server, client);
        if done.is_ok() && accepted.is_ok() {
            return;
        }
    }
    panic!("the handshake does not end");
}

#[test]
fn objects_over_memory_shake_hands_and_go_to_other_threads() {
    let gone = Gone::default();
    let (client_context, server_context) = (client_context(), server_context());
    let (mut client, mut server) = (client_ssl(&client_context), Ssl::new(&server_context).unwrap());
    over_memory(&mut client, &gone);
    over_memory(&mut server, &gone);
    shake(&mut client, &mut server);
    client.write(b"over memory").unwrap();
    carry(&mut client, &mut server);
    let (mut client, mut server) = std::thread::spawn(move || {
        let mut buf = [0; 32];
        assert_eq!(server.read(&mut buf).unwrap(), 11);
        server.write(b"and back").unwrap();
        (client, server)
    })
    .join()
    .unwrap();
    carry(&mut server, &mut client);
    let mut buf = [0; 32];
    assert_eq!(client.read(&mut buf).unwrap(), 8);
    assert_eq!(&buf[..8], b"and back");
    assert_eq!(client.rbio_mut().unwrap().method_type(), BioType::MEM);
    drop((client, server));
    assert_eq!(gone.count(), 4);
}

#[test]
fn a_bio_that_is_replaced_is_freed() {
    let gone = Gone::default();
    let mut ssl = Ssl::new(&client_context()).unwrap();
    assert!(ssl.rbio_mut().is_none() && ssl.wbio_mut().is_none());
    over_memory(&mut ssl, &gone);
    over_memory(&mut ssl, &gone);
    assert_eq!(gone.count(), 2);
}

#[test]
fn halves_of_a_pair_carry_a_handshake() {
    let (client_context, server_context) = (client_context(), server_context());
    let (mut client, mut server) = (client_ssl(&client_context), Ssl::new(&server_context).unwrap());
    let ((c_read, s_write), (s_read, c_write)) =
        (Bio::new_bio_pair(0, 0).unwrap(), Bio::new_bio_pair(0, 0).unwrap());
    // SAFETY: all of it stays on this thread.
    unsafe {
        client.set0_rbio_unchecked(c_read);
        client.set0_wbio_unchecked(c_write);
        server.set0_rbio_unchecked(s_read);
        server.set0_wbio_unchecked(s_write);
    }
    for _ in 0..20 {
        let (connected, accepted) = (SslRef::connect(&mut client), SslRef::accept(&mut server));
        if connected.is_ok() && accepted.is_ok() {
            return;
        }
    }
    panic!("the handshake does not end");
}

/// Fails in ways of its own.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(io::ErrorKind::AddrInUse, "mine"))
    }
}

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        panic!("the stream says so")
    }
}

#[test]
fn a_stream_of_rusts_keeps_its_error() {
    let mut ssl = Ssl::new(&client_context()).unwrap();
    ssl.set_stream(Broken).unwrap();
    let bio = ssl.rbio_mut().unwrap();
    let error = bio.read(&mut [0; 4]).unwrap_err();
    let error = error.error().unwrap();
    assert_eq!((error.kind(), error.ret()), (ErrorKind::Io, Some(-1)));
    assert_eq!(error.transport().unwrap().to_string(), "mine");
    assert!(bio.write(b"x").unwrap_err().retry().unwrap().should_write());
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bio.flush().is_ok())).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the stream says so"));
}

/// In a handshake libssl has a buffer of its own between the object and what it writes to.
#[test]
fn a_chain_is_taken_apart_in_the_middle_of_its_handshake_and_loses_nothing() {
    for (filtered, with_transport) in [(false, false), (true, false), (false, true), (true, true)] {
        let gone = Gone::default();
        let (left, right) = unix_pair();
        for end in [&left, &right] {
            end.set_nonblocking(true).unwrap();
        }
        let mut server = Ssl::new(&server_context()).unwrap();
        server.set_stream(right.try_clone().unwrap()).unwrap();
        let mut bio = SslBio::new_ssl(&client_context(), Role::Client).unwrap();
        if filtered {
            bio = bio.behind(Bio::buffer().unwrap()).unwrap();
        }
        bio.push(gone.watch(Bio::new_socket(left).unwrap())).unwrap();
        bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
        assert_eq!(bio.do_handshake().unwrap_err().want(), Some(Want::Read));

        let mut ssl = if with_transport {
            let transport = bio.take_transport().unwrap();
            assert!(bio.ssl().unwrap().wbio().is_null() && bio.ssl().unwrap().rbio().is_null());
            bio.push(transport).unwrap();
            bio.into_ssl().unwrap()
        } else {
            bio.into_ssl().unwrap()
        };

        assert_eq!(SslRef::accept(&mut server).unwrap_err().want(), Some(Want::Read));
        SslRef::connect(&mut ssl).unwrap();
        SslRef::accept(&mut server).unwrap();
        assert_eq!(gone.count(), 0);
        drop(ssl);
        assert_eq!(gone.count(), 1);
    }
}

#[test]
fn a_panic_of_a_callback_while_a_chain_is_taken_apart_goes_on_and_costs_nothing() {
    for nth in 0..8 {
        let gone = Gone::default();
        let (left, _right) = unix_pair();
        left.set_nonblocking(true).unwrap();
        let mut bio = SslBio::new_ssl(&client_context(), Role::Client).unwrap();
        bio.push(gone.watch(Bio::new_socket(left).unwrap())).unwrap();
        bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
        assert_eq!(bio.do_handshake().unwrap_err().want(), Some(Want::Read));
        let mut left = nth;
        let callback = move |event: &libssl::bio::BioEvent<'_>| {
            if matches!(event.operation, BioOperation::Ctrl { .. }) {
                assert!(left != 0, "touched");
                left -= 1;
            }
            BioVerdict::Proceed
        };
        bio.transport_mut().unwrap().set_callback(callback).unwrap();
        let apart = std::panic::AssertUnwindSafe(|| bio.take_transport());
        if let Ok(transport) = std::panic::catch_unwind(apart) {
            drop(transport);
        } else if !bio.ssl().unwrap().rbio().is_null() {
            assert!(!bio.ssl().unwrap().wbio().is_null(), "panic {nth}");
        }
        drop(bio);
        assert_eq!(gone.count(), 1, "panic {nth}");
    }
}

#[test]
fn a_chain_that_was_given_a_filter_still_ends_without_a_word() {
    let (left, right) = duplex();
    let (client, server) = (client_ssl(&client_context()), Ssl::new(&server_context()).unwrap());
    let (client, server) = shake_over(client, left, server, right);
    let bio = SslBio::from_ssl(client.unwrap().into_ssl().unwrap()).map_err(|(error, _)| error);
    drop(bio.unwrap().behind(Bio::buffer().unwrap()).unwrap());
    let error = server.unwrap().read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn a_chain_that_renegotiates_is_not_cleared_by_halves() {
    let mut server = server_builder();
    server.set_max_proto_version(Some(libssl::context::ProtocolVersion::TLS1_2)).unwrap();
    let (left, right) = duplex();
    let (client, server) = (client_ssl(&client_context()), Ssl::new(&server.build()).unwrap());
    let (client, _server) = shake_over(client, left, server, right);
    let bio = SslBio::from_ssl(client.unwrap().into_ssl().unwrap()).map_err(|(error, _)| error);
    let mut bio = bio.unwrap();
    // SAFETY: the object is live, and nobody else uses it.
    assert_eq!(unsafe { openssl_sys_ext::SSL_renegotiate(bio.ssl().unwrap().as_ptr()) }, 1);
    assert_eq!(bio.reset().unwrap_err().kind(), ErrorKind::NotReady);
}

/// A filter that passes on what it gets.
struct Through;

impl BioMethod for Through {
    const CLASS: BioType = BioType::FILTER;

    fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        next.read(buf)
    }

    fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        next.write(data)
    }
}

#[test]
fn a_stream_of_rusts_keeps_its_error_behind_filters_too() {
    type Filter = fn() -> Result<Bio, libssl::Error>;
    let filters: [Filter; 3] = [Bio::buffer, Bio::base64, || Bio::custom(Through)];
    for (at, filter) in filters.into_iter().enumerate() {
        for reads in [false, true] {
            let (left, right) = duplex();
            let broken = Arc::new(AtomicBool::new(false));
            let stream = Breaks(left, Arc::clone(&broken));
            let (client, server) = (client_ssl(&client_context()), Ssl::new(&server_context()).unwrap());
            let (client, _server) = shake_over(client, stream, server, right);
            let bio = SslBio::from_ssl(client.unwrap().into_ssl().unwrap()).map_err(|(error, _)| error);
            let mut bio = bio.unwrap().behind(filter().unwrap()).unwrap();
            broken.store(true, Ordering::Relaxed);
            let error = if reads {
                bio.read(&mut [0; 8]).unwrap_err()
            } else {
                bio.write(b"lost").and_then(|_| bio.flush()).unwrap_err()
            };
            let error = libssl::Error::from(error);
            assert_eq!(error.kind(), ErrorKind::Io, "{at}");
            assert_eq!(error.transport().map(ToString::to_string).as_deref(), Some("broken"), "{at}");
        }
    }
}

/// A stream that breaks when it is told.
struct Breaks(Duplex, Arc<AtomicBool>);

impl Breaks {
    fn whole(&mut self) -> io::Result<&mut Duplex> {
        if self.1.load(Ordering::Relaxed) { Err(io::Error::other("broken")) } else { Ok(&mut self.0) }
    }
}

impl Read for Breaks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.whole()?.read(buf)
    }
}

impl Write for Breaks {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.whole()?.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.whole()?.flush()
    }
}

/// Before 4.0 base64 goes round for ever once what is behind it takes nothing, and libssl flushes.
#[test]
fn base64_under_tls_does_not_go_round() {
    let before_4_0 = !since(4, 0);
    for front in [false, true] {
        let base64 = || {
            let mut chain = Bio::base64().unwrap();
            chain.push(Bio::null_filter().unwrap());
            if front {
                let mut filter = Bio::null_filter().unwrap();
                filter.push(chain);
                chain = filter;
            }
            chain
        };
        let mut bio = SslBio::new_ssl(&client_context(), Role::Client).unwrap();
        bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
        bio.push(base64()).unwrap();
        let error = libssl::Error::from(bio.do_handshake().unwrap_err());
        assert_eq!(error.kind() == ErrorKind::Unsupported, before_4_0, "{error}");
        bio.reset().unwrap();
        let mut ssl = client_ssl(&client_context());
        ssl.set0_rbio(send(Bio::memory().unwrap()));
        ssl.set0_wbio(send(base64()));
        let error = libssl::Error::from(SslRef::connect(&mut ssl).unwrap_err());
        assert_eq!(error.kind() == ErrorKind::Unsupported, before_4_0, "{error}");
    }
    // One that was put under a connection which there is already says no good-bye through it.
    let (left, right) = duplex();
    let (client, server) = (client_ssl(&client_context()), Ssl::new(&server_context()).unwrap());
    let (client, _server) = shake_over(client, left, server, right);
    let mut ssl = client.unwrap().into_ssl().unwrap();
    let mut chain = Bio::base64().unwrap();
    chain.push(Bio::null_filter().unwrap());
    ssl.set0_wbio(send(chain));
    let mut bio = SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();
    bio.reset().unwrap();
}

#[test]
fn tls_without_a_transport_is_refused() {
    let context = client_context();
    // SAFETY: the context is live; the reference to the BIO is ours.
    let mut bio = unsafe { Bio::from_ptr(openssl_sys_ext::BIO_new_ssl(context.as_ptr(), 1)) };
    for error in [
        bio.read(&mut [0; 4]).unwrap_err(),
        bio.write(b"x").unwrap_err(),
        bio.gets(&mut [0; 4]).unwrap_err(),
        bio.puts(c"x").unwrap_err(),
        bio.do_handshake().unwrap_err(),
        bio.get_line(&mut Vec::new(), 4).unwrap_err(),
    ] {
        assert_eq!(error.error().unwrap().kind(), ErrorKind::NoTransport);
    }
    bio.set_callback(|event| match event.operation {
        BioOperation::Ctrl { command: openssl_sys_ext::BIO_C_GET_SSL, .. } => BioVerdict::Refuse(0),
        _ => BioVerdict::Proceed,
    })
    .unwrap();
    assert_eq!(bio.read(&mut [0; 4]).unwrap_err().error().unwrap().kind(), ErrorKind::NoTransport);
    bio.remove_callback().unwrap();
    let (half, mut other) = Bio::new_bio_pair(0, 0).unwrap();
    bio.push(half);
    assert!(bio.do_handshake().unwrap_err().retry().unwrap().should_read());
    assert!(other.pending() > 0);
    let half = bio.pop().unwrap();
    assert_eq!(half.method_type(), BioType::BIO);
    assert!(bio.do_handshake().unwrap_err().error().is_some());
}

#[test]
fn a_failure_becomes_an_error_of_the_other_kinds() {
    let retry = Bio::memory().unwrap().read(&mut [0; 1]).unwrap_err();
    assert_eq!(retry.to_string(), "the BIO is to be tried again");
    assert_eq!(libssl::Error::from(retry).kind(), ErrorKind::NotReady);
    let end = Bio::null().unwrap().read(&mut [0; 1]).unwrap_err();
    assert_eq!(libssl::Error::from(end).kind(), ErrorKind::UnexpectedEof);
    let failed = Bio::null_filter().unwrap().write(b"x").unwrap_err();
    let kind = libssl::Error::from(failed).kind();
    assert!(
        matches!(kind, ErrorKind::Unspecified | ErrorKind::Refused),
        "{kind:?} since 4.0: {}",
        since(4, 0)
    );
}
