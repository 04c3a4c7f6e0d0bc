//! Chains of BIOs as C programs use them: `BIO_f_ssl` over `BIO_s_connect` and behind a buffer, `BIO_s_accept`, against
//! servers of this crate and of the `openssl` command.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use commands::{Files, s_server};
use libssl::bio::{
    self, Bio, BioOperation, BioType, BioVerdict, Existing, IpFamily, RetryReason, SendBio, SocketFlags,
    SslBio,
};
use libssl::context::{ProtocolVersion, SslOptions};
use libssl::ssl::ShutdownResult;
use libssl::{Error, ErrorKind, Role, Ssl, SslContext, SslContextRef, SslMethod, VerifyError, Want, poll};

/// A server that echoes one connection until its end, and what it saw of it.
fn echo(context: SslContext) -> (SocketAddr, JoinHandle<Result<Vec<u8>, Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut ssl = Ssl::new(&context).expect("SSL_new");
        ssl.set_stream(stream).expect("a transport");
        ssl.set_accept_state();
        let mut seen = Vec::new();
        let mut buf = [0; 1024];
        loop {
            match ssl.read(&mut buf) {
                Ok(read) => {
                    seen.extend_from_slice(&buf[..read]);
                    ssl.write(&buf[..read]).map_err(Error::from)?;
                }
                Err(error) if error.is_zero_return() => {
                    // Who asks for it has not gone away yet.
                    let _ = ssl.shutdown();
                    return Ok(seen);
                }
                Err(error) => return Err(error.into()),
            }
        }
    });
    (address, server)
}

/// A client's chain that is to connect there, and demands `localhost`.
fn to(address: SocketAddr, mut bio: SslBio) -> SslBio {
    bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    bio.set_conn_hostname(&address.to_string()).unwrap();
    bio
}

/// Writes, and reads the echo: then nothing is under way any more, and whoever closes breaks nothing off.
fn exchange(bio: &mut SslBio, data: &[u8]) {
    assert_eq!(bio.write(data).unwrap(), data.len());
    let mut echoed = vec![0; data.len()];
    let mut read = 0;
    while read < data.len() {
        read += bio.read(&mut echoed[read..]).unwrap();
    }
    assert_eq!(echoed, data);
}

fn kind<T: std::fmt::Debug>(result: Result<T, libssl::SslError>) -> ErrorKind {
    Error::from(result.unwrap_err()).kind()
}

#[test]
fn a_buffered_chain_connects_shakes_hands_and_reads_lines() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
    bio.do_connect().unwrap();
    assert_eq!(bio.transport().unwrap().conn_address(), Some(address));
    assert!(bio.transport_mut().unwrap().descriptor().is_some());
    assert_eq!(bio.puts("first\nsecond\nrest").unwrap(), 17);
    assert_eq!(bio.wpending(), 17);
    bio.flush().unwrap();
    let mut line = [0; 64];
    let read = bio.gets(&mut line).unwrap();
    assert_eq!(&line[..read], b"first\n");
    let read = bio.gets(&mut line).unwrap();
    assert_eq!(&line[..read], b"second\n");
    // A BIO_f_buffer reads on until all was read that was asked for.
    assert_eq!(bio.read(&mut line[..4]).unwrap(), 4);
    assert_eq!(&line[..4], b"rest");
    bio.ssl_shutdown().unwrap();
    assert_eq!(server.join().unwrap().unwrap(), b"first\nsecond\nrest");
}

/// BIO_new_ssl_connect leads C programs straight into this: a chain that is verified, and a name that is not.
#[test]
fn a_chain_of_a_verifying_client_does_nothing_without_a_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bio = SslBio::new_ssl_connect(&common::client_context()).unwrap();
    bio.set_conn_hostname(&listener.local_addr().unwrap().to_string()).unwrap();
    assert_eq!(kind(bio.do_connect()), ErrorKind::NoServerName);
    assert_eq!(kind(bio.do_handshake()), ErrorKind::NoServerName);
    let mut buf = [0; 8];
    assert_eq!(kind(bio.read(&mut buf)), ErrorKind::NotReady);
    assert_eq!(kind(bio.write(b"secret")), ErrorKind::NotReady);
    assert_eq!(kind(bio.puts("secret")), ErrorKind::NotReady);
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing connected");
    // It is none the worse for that.
    bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    bio.set_nbio(true).unwrap();
    let want = bio.do_connect().unwrap_err().want();
    assert!(matches!(want, Some(Want::Connect | Want::Read)), "{want:?}");
}

#[test]
fn a_read_does_not_shake_hands_where_the_peer_is_to_be_verified() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
    assert_eq!(kind(bio.write(b"early")), ErrorKind::NotReady);
    bio.do_handshake().unwrap();
    assert_eq!(bio.write(b"late").unwrap(), 4);
    bio.ssl_shutdown().unwrap();
    assert_eq!(server.join().unwrap().unwrap(), b"late");
}

#[test]
fn a_chain_refuses_a_server_of_another_name_and_is_dead_then() {
    let (address, server) = echo(common::server_context());
    let mut bio = SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap();
    bio.ssl_mut().unwrap().set_server_name("other.example").unwrap();
    bio.set_conn_hostname(&address.to_string()).unwrap();
    let error = Error::from(bio.do_connect().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    let mut buf = [0; 8];
    assert_eq!(kind(bio.write(b"secret")), ErrorKind::Poisoned);
    assert_eq!(kind(bio.read(&mut buf)), ErrorKind::Poisoned);
    assert_eq!(kind(bio.flush()), ErrorKind::Poisoned);
    drop(bio);
    assert!(server.join().unwrap().is_err());
}

/// Waits as a C program does between two calls of a nonblocking chain.
fn wait(bio: &mut SslBio, error: &libssl::SslError) {
    let want = error.want().unwrap_or_else(|| panic!("{error:?}"));
    let fd = bio.transport_mut().unwrap().descriptor().expect("a descriptor");
    // SAFETY: the chain has it open.
    let fd = unsafe { BorrowedFd::borrow_raw(fd) };
    poll::wait(&fd, want, None).unwrap();
}

/// Makes a call until it is no longer suspended, and counts how often it was, each way.
fn finish<T>(
    bio: &mut SslBio,
    wants: &mut Vec<Want>,
    mut call: impl FnMut(&mut SslBio) -> Result<T, libssl::SslError>,
) -> T {
    loop {
        match call(bio) {
            Ok(done) => return done,
            Err(error) => {
                wait(bio, &error);
                wants.extend(error.want());
            }
        }
    }
}

#[test]
fn a_nonblocking_chain_is_suspended_and_goes_on() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
    bio.set_nbio(true).unwrap();
    let mut wants = Vec::new();
    finish(&mut bio, &mut wants, |bio| bio.do_connect());
    // How far it gets at once is the system's.
    assert!(matches!(wants.first(), Some(Want::Connect | Want::Read)), "{wants:?}");
    let sent = vec![b'x'; 1 << 20];
    let mut echoed = 0;
    let mut given = 0;
    let mut buf = vec![0; 1 << 16];
    while echoed < sent.len() {
        if given < sent.len() {
            match bio.write(&sent[given..sent.len().min(given + (1 << 14))]) {
                Ok(written) => given += written,
                Err(error) => assert_eq!(error.want(), Some(Want::Write)),
            }
        }
        match bio.read(&mut buf) {
            Ok(read) => echoed += read,
            Err(error) if given == sent.len() => wait(&mut bio, &error),
            Err(error) => assert_eq!(error.want(), Some(Want::Read)),
        }
    }
    assert_eq!(bio.ssl_shutdown().unwrap(), ShutdownResult::Sent);
    assert_eq!(server.join().unwrap().unwrap().len(), sent.len());
}

#[test]
fn a_nonblocking_buffer_is_suspended_in_the_middle_of_a_line_and_loses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (go, wait_for_go) = std::sync::mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let ssl = Ssl::new(&common::server_context()).unwrap();
        let mut connected = ssl.accept(stream).map_err(Error::from).unwrap();
        connected.write_all(b"half a ").unwrap();
        wait_for_go.recv().unwrap();
        connected.write_all(b"line\n").unwrap();
        connected.read(&mut [0; 1]).unwrap()
    });
    let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
    bio.set_nbio(true).unwrap();
    finish(&mut bio, &mut Vec::new(), |bio| bio.do_connect());
    let (mut line, mut buf) = (Vec::new(), [0; 64]);
    while !line.ends_with(b"\n") {
        match bio.gets(&mut buf) {
            Ok(read) => line.extend_from_slice(&buf[..read]),
            Err(error) => {
                assert_eq!(error.want(), Some(Want::Read));
                if !line.is_empty() {
                    let _ = go.send(());
                }
                wait(&mut bio, &error);
            }
        }
    }
    assert_eq!(line, b"half a line\n");
    finish(&mut bio, &mut Vec::new(), |bio| bio.ssl_shutdown().map(drop));
    assert_eq!(server.join().unwrap(), 0);
}

#[test]
fn a_refused_connection_says_so_and_a_reset_chain_connects_again() {
    // A port that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
    let error = Error::from(bio.do_connect().unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
    assert_eq!(kind(bio.do_connect()), ErrorKind::Poisoned);
    bio.reset().unwrap();
    for round in 0..2 {
        let (address, server) = echo(common::server_context());
        bio.set_conn_hostname(&address.to_string()).unwrap();
        bio.do_connect().unwrap();
        exchange(&mut bio, b"again");
        // It says good-bye, as BIO_reset does.
        bio.reset().unwrap();
        assert_eq!(server.join().unwrap().unwrap(), b"again", "round {round}");
    }
    // The session stands for the name that it was verified for, and for no other one.
    let (address, server) = echo(common::server_context());
    bio.set_conn_hostname(&address.to_string()).unwrap();
    bio.ssl_mut().unwrap().set_server_name("other.example").unwrap();
    let error = Error::from(bio.do_connect().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    assert!(server.join().unwrap().is_err());
}

#[test]
fn a_plain_connect_bio_tells_why_it_is_not_connected() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut bio = Bio::new_connect(&address.to_string()).unwrap();
    let error = Error::from(bio.do_connect().unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
    let error = bio.do_connect_retry(Some(Duration::from_secs(1)), Duration::from_millis(10)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let error = Error::from(Bio::connector().unwrap().do_connect().unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Refused, "there is no host");
    assert!(Bio::new_connect("").is_err() && Bio::new_connect("a\0b").is_err());
}

#[test]
fn a_connect_bio_tells_its_settings() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut bio = Bio::new_connect("[::1]:8443").unwrap();
    assert_eq!((bio.conn_hostname(), bio.conn_port()), (Some(c"::1"), Some(c"8443")));
    bio.set_conn_hostname("example.org").unwrap();
    bio.set_conn_port("https").unwrap();
    assert_eq!((bio.conn_hostname(), bio.conn_port()), (Some(c"example.org"), Some(c"https")));
    assert_eq!(bio.conn_ip_family(), Some(IpFamily::Any));
    bio.set_conn_ip_family(IpFamily::V6).unwrap();
    assert_eq!(bio.conn_ip_family(), Some(IpFamily::V6));
    assert_eq!((bio.conn_address(), bio.descriptor()), (None, None));
    drop(bio);

    let mut bio = Bio::connector().unwrap();
    bio.set_conn_address(address).unwrap();
    bio.set_conn_mode(SocketFlags::NODELAY).unwrap();
    assert_eq!((bio.conn_hostname(), bio.conn_address()), (Some(c"127.0.0.1"), None));
    bio.do_connect_retry(None, Duration::ZERO).unwrap();
    assert_eq!((bio.conn_address(), bio.conn_ip_family()), (Some(address), Some(IpFamily::V4)));
    bio.write(b"over TCP").unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut buf = [0; 8];
    peer.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"over TCP");
    let later = SystemTime::now() + Duration::from_secs(60);
    peer.write_all(b"back").unwrap();
    bio.set_retry_read();
    assert!(bio.wait(later, Duration::ZERO).unwrap());
    assert_eq!(bio.read(&mut buf).unwrap(), 4);
    bio.set_retry_read();
    assert!(!bio.wait(SystemTime::now(), Duration::ZERO).unwrap(), "nothing comes");

    let mut bio = Bio::connector().unwrap();
    bio.set_conn_mode(SocketFlags::NODELAY | SocketFlags::KEEPALIVE).unwrap();
    let newer = cfg!(ossl320);
    // A program built on an older one runs on a newer one.
    // SAFETY: reads a constant of the library.
    let runs_newer = unsafe { openssl_sys::OpenSSL_version_num() } >= 0x3020_0000;
    assert_eq!(bio.conn_mode(), runs_newer.then_some(SocketFlags::NODELAY | SocketFlags::KEEPALIVE));
    assert!(bio.dgram_bio_mut().is_none());
    assert_eq!(bio.is_datagram(), newer.then_some(false));
    assert_eq!(bio.set_datagram(true).is_ok(), newer);
    let (udp, error) = (UdpSocket::bind("127.0.0.1:0").unwrap(), bio.set_tfo(true));
    assert!(newer || error.unwrap_err().kind() == ErrorKind::Unsupported);
    if newer {
        assert_eq!(bio.is_datagram(), Some(true));
        let mut bio = Bio::connector().unwrap();
        bio.set_datagram(true).unwrap();
        bio.set_conn_address(udp.local_addr().unwrap()).unwrap();
        bio.do_connect().unwrap();
        assert_eq!(bio.dgram_bio_mut().unwrap().method_type(), BioType(openssl_sys_ext::BIO_TYPE_DGRAM));
        bio.write(b"datagram").unwrap();
        assert_eq!(udp.recv(&mut buf).unwrap(), 8);
    }
    let mut socket = Bio::new_socket(common::tcp_pair().0).unwrap();
    // Flags with which the system reads the bytes later, or which C does not know.
    for flags in [0x400_0000, libc::MSG_OOB, -1] {
        assert_eq!(socket.set_send_flags(flags).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let error = socket.set_send_flags(libc::MSG_NOSIGNAL).err().map(|error| error.kind());
    assert_eq!(error, (!cfg!(ossl400)).then_some(ErrorKind::Unsupported));

    let mut memory = Bio::memory().unwrap();
    assert!(memory.set_conn_hostname("x").is_err() && memory.set_accept_port("1").is_err());
    assert_eq!((memory.conn_hostname(), memory.conn_mode()), (None, None));
    assert_eq!(memory.descriptor(), None);
}

#[test]
fn an_accept_bio_listens_accepts_and_lets_each_connection_go() {
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    acceptor.set_bind_mode(SocketFlags::REUSEADDR).unwrap();
    assert_eq!(acceptor.bind_mode(), Some(SocketFlags::REUSEADDR));
    acceptor
        .set_accept_bios(SendBio::new(Bio::buffer().unwrap()).map_err(|(error, _)| error).unwrap())
        .unwrap();
    acceptor.do_accept().unwrap();
    assert_eq!((acceptor.accept_name(), acceptor.peer_name()), (Some(c"127.0.0.1"), None));
    assert_eq!(acceptor.accept_ip_family(), Some(IpFamily::V4));
    let port: u16 = acceptor.accept_port().unwrap().to_str().unwrap().parse().unwrap();
    assert!(acceptor.pop_accepted().is_none());
    for _ in 0..2 {
        let client = thread::spawn(move || {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
            bio.do_connect()?;
            bio.write(b"hello\n")?;
            let mut buf = [0; 8];
            let read = bio.read(&mut buf)?;
            bio.ssl_shutdown()?;
            Ok::<_, libssl::SslError>(buf[..read].to_vec())
        });
        acceptor.do_accept().unwrap();
        assert_eq!(acceptor.peer_name(), Some(c"127.0.0.1"));
        let accepted = acceptor.pop_accepted().unwrap();
        assert_eq!(accepted.method_type(), BioType::BUFFER, "the filter of the template");
        assert!(acceptor.next().is_none());
        let mut bio = SslBio::new_ssl(&common::server_context(), Role::Server).unwrap();
        bio.push(accepted).unwrap();
        bio = bio.behind(Bio::buffer().unwrap()).unwrap();
        bio.do_handshake().unwrap();
        let mut line = [0; 16];
        let read = bio.gets(&mut line).unwrap();
        assert_eq!(&line[..read], b"hello\n");
        bio.write(b"served").unwrap();
        bio.flush().unwrap();
        assert_eq!(client.join().unwrap().unwrap(), b"served");
        assert!(bio.gets(&mut line).unwrap_err().is_zero_return());
    }
}

/// C would close it, and go on to use its number in the datagram BIO.
#[cfg(ossl320)]
#[test]
fn a_bio_that_is_connected_for_datagrams_is_not_reset() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for front in [None, Some(Bio::null_filter().unwrap())] {
        let mut bio = Bio::new_connect(&udp.local_addr().unwrap().to_string()).unwrap();
        bio.set_datagram(true).unwrap();
        bio.reset().ok();
        bio.do_connect().unwrap();
        if let Some(mut front) = front {
            front.push(bio);
            bio = front;
        }
        assert_eq!(bio.reset().unwrap_err().kind(), ErrorKind::InvalidInput);
        // A callback that hides it is not asked.
        let connect = bio.find_type_mut(BioType::CONNECT).unwrap();
        connect.set_callback(|_| BioVerdict::Refuse(0)).unwrap();
        assert_eq!(bio.reset().unwrap_err().kind(), ErrorKind::InvalidInput);
        let connect = bio.find_type_mut(BioType::CONNECT).unwrap();
        connect.set_callback(|_| BioVerdict::Proceed).unwrap();
        let fd = bio.descriptor();
        assert_eq!(bio.dgram_bio_mut().unwrap().descriptor(), fd);
        bio.set_nbio(true).unwrap();
        // SAFETY: a live BIO. C resets it all the same.
        unsafe { openssl_sys_ext::BIO_reset(bio.find_type(BioType::CONNECT).unwrap().as_ptr()) };
        assert!(bio.dgram_bio_mut().is_none());
        assert_eq!(bio.set_nbio(true).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn each_filter_that_an_accept_bio_was_given_is_freed() {
    let gone = Arc::new(AtomicUsize::new(0));
    let filter = || {
        let (bio, gone) = (Bio::buffer().unwrap(), Gone(Arc::clone(&gone)));
        let mut bio = SendBio::new(bio).map_err(|(error, _)| error).unwrap();
        bio.set_callback(move |_| {
            let _ = &gone;
            BioVerdict::Proceed
        })
        .unwrap();
        bio
    };
    // One more than C frees.
    let mut acceptor = Bio::acceptor().unwrap();
    let mut two = filter().into_bio();
    two.push(filter().into_bio());
    let two = SendBio::new(two).map_err(|(error, _)| error).unwrap();
    assert_eq!(acceptor.set_accept_bios(two).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(gone.load(Ordering::Relaxed), 2);
    // A callback that lets nothing through, before or after.
    for over in [false, true] {
        acceptor
            .set_callback(move |event| match event.operation {
                BioOperation::Ctrl { .. } if event.result.is_some() == over => BioVerdict::Refuse(0),
                _ => BioVerdict::Proceed,
            })
            .unwrap();
        acceptor.set_accept_bios(filter()).unwrap();
        assert!(acceptor.has_callback());
    }
    drop(acceptor);
    assert_eq!(gone.load(Ordering::Relaxed), 4);
    assert!(Bio::memory().unwrap().set_accept_bios(filter()).is_err());
    assert_eq!(gone.load(Ordering::Relaxed), 5);
}

/// Counts what is gone.
struct Gone(Arc<AtomicUsize>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// C's copy of a file has none, and crashes when it is read.
#[test]
fn an_accept_bio_takes_filters_and_nothing_else_as_its_template() {
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    let mut chain = Bio::buffer().unwrap();
    chain.push(Bio::memory().unwrap());
    for bio in [Bio::file("/dev/zero", "rb").unwrap(), Bio::memory().unwrap(), chain] {
        let error = acceptor.set_accept_bios(SendBio::new(bio).map_err(|(error, _)| error).unwrap());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_nonblocking_accept_bio_waits_for_a_connection() {
    let mut acceptor = Bio::acceptor().unwrap();
    acceptor.set_accept_name("127.0.0.1").unwrap();
    acceptor.set_accept_port("0").unwrap();
    acceptor.set_accept_ip_family(IpFamily::V4).unwrap();
    acceptor.set_nbio_accept(true).unwrap();
    acceptor.set_nbio(true).unwrap();
    acceptor.do_accept().unwrap();
    let retry = acceptor.do_accept().unwrap_err().retry().unwrap();
    assert!(retry.should_io_special());
    assert_eq!(retry.reason(), RetryReason::ACCEPT);
    let port: u16 = acceptor.accept_port().unwrap().to_str().unwrap().parse().unwrap();
    let mut peer = TcpStream::connect(("127.0.0.1", port)).unwrap();
    // SAFETY: the BIO has it open.
    let fd = unsafe { BorrowedFd::borrow_raw(acceptor.descriptor().unwrap()) };
    poll::wait(&fd, Want::Accept, None).unwrap();
    acceptor.do_accept().unwrap();
    assert_eq!(
        acceptor.peer_port().unwrap().to_str().unwrap(),
        peer.local_addr().unwrap().port().to_string()
    );
    let mut accepted = acceptor.pop_accepted().unwrap();
    let mut buf = [0; 8];
    assert!(accepted.read(&mut buf).unwrap_err().retry().unwrap().should_read(), "it is nonblocking too");
    peer.write_all(b"x").unwrap();
    // SAFETY: the BIO has it open.
    let fd = unsafe { BorrowedFd::borrow_raw(accepted.descriptor().unwrap()) };
    assert!(bio::socket_wait(&fd, true, SystemTime::now() + Duration::from_secs(60)).unwrap());
    assert_eq!(accepted.read(&mut buf).unwrap(), 1);
}

/// A connection that an accept BIO carries directly: accepted on the way of the handshake.
#[test]
fn a_handshake_over_an_accept_bio_waits_for_the_connection() {
    let mut bio = SslBio::new_ssl(&common::server_context(), Role::Server).unwrap();
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    acceptor.set_nbio_accept(true).unwrap();
    acceptor.do_accept().unwrap();
    let port: u16 = acceptor.accept_port().unwrap().to_str().unwrap().parse().unwrap();
    bio.push(acceptor).unwrap();
    assert_eq!(bio.do_handshake().unwrap_err().want(), Some(Want::Accept));
    let client = thread::spawn(move || {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let connected = common::client_ssl(&common::client_context()).connect(stream).map_err(Error::from);
        connected.map(|mut connected| connected.read(&mut [0; 8]).map(drop))
    });
    finish(&mut bio, &mut Vec::new(), |bio| bio.do_handshake());
    bio.write(b"hello").unwrap();
    client.join().unwrap().unwrap().unwrap();
    // What was accepted is the chain's.
    let accepted = bio.transport().unwrap().next().unwrap();
    assert_eq!(accepted.method_type(), BioType::SOCKET);
    assert!(accepted.next().is_none());
}

#[test]
fn dropping_a_chain_sends_nothing_and_c_freeing_it_says_good_bye() {
    for by_c in [false, true] {
        let (address, server) = echo(common::server_context());
        let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
        bio.do_connect().unwrap();
        exchange(&mut bio, b"hello");
        if by_c {
            // SAFETY: the chain is C's now, which frees it once.
            unsafe { openssl_sys::BIO_free_all(bio.into_ptr()) };
            assert!(server.join().unwrap().is_ok());
        } else {
            drop(bio);
            assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        }
    }
}

/// A reference that C took stays good when Rust's is dropped: the connection goes on, and ends when the last one goes.
#[test]
fn dropping_one_reference_of_two_does_nothing_to_the_connection() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
    bio.do_connect().unwrap();
    // SAFETY: one is used at a time.
    let mut second = unsafe { bio.up_ref().unwrap() };
    drop(bio);
    second.puts("still here").unwrap();
    second.flush().unwrap();
    let mut echoed = [0; 10];
    assert_eq!(second.read(&mut echoed).unwrap(), 10);
    // SAFETY: as above.
    let third = unsafe { second.up_ref().unwrap() };
    drop(second);
    drop(third);
    assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn a_chain_that_c_made_is_held_to_its_context_too() {
    let (address, server) = echo(common::server_context());
    let context = common::client_context();
    // SAFETY: the context is live, and the chain is ours.
    let mut bio = unsafe { SslBio::from_ptr(openssl_sys_ext::BIO_new_ssl_connect(context.as_ptr())) };
    bio.set_conn_hostname(&address.to_string()).unwrap();
    assert_eq!(kind(bio.do_connect()), ErrorKind::NoServerName);
    assert_eq!(kind(bio.write(b"x")), ErrorKind::NotReady);
    bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    bio.do_connect().unwrap();
    exchange(&mut bio, b"x");
    // C made it, so that its drop is C's.
    drop(bio);
    assert_eq!(server.join().unwrap().unwrap(), b"x");
    let mut none = unsafe_none();
    assert_eq!(kind(none.do_handshake()), ErrorKind::NoTransport);
    assert!(none.ssl().is_err() && none.transport().is_none() && none.into_ssl().is_err());
}

/// A chain without a connection.
fn unsafe_none() -> SslBio {
    // SAFETY: the chain is ours.
    unsafe { SslBio::from_ptr(Bio::memory().unwrap().into_ptr()) }
}

#[test]
fn an_object_goes_into_a_chain_and_out_of_it_again() {
    let (address, server) = echo(common::server_context());
    let mut ssl = common::client_ssl(&common::client_context());
    ssl.set_stream(TcpStream::connect(address).unwrap()).unwrap();
    ssl.set_connect_state();
    let mut bio = SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();
    assert!(bio.transport().is_some());
    bio.do_handshake().unwrap();
    bio.write(b"from the chain, ").unwrap();
    let ssl = bio.into_ssl().expect("its object");
    let mut connected = ssl.do_handshake(Existing).map_err(Error::from).unwrap();
    connected.write_all(b"from the connection").unwrap();
    let mut buf = [0; 35];
    connected.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"from the chain, from the connection");
    connected.shutdown().unwrap();
    drop(connected);
    server.join().unwrap().unwrap();
    // Without a transport it says so.
    let ssl = common::client_ssl(&common::client_context());
    let mut bio = SslBio::from_ssl(ssl).map_err(|(error, _)| error).unwrap();
    assert_eq!(kind(bio.do_handshake()), ErrorKind::NoTransport);
    assert_eq!(kind(bio.flush()), ErrorKind::NoTransport);
    assert_eq!(kind(bio.read(&mut buf)), ErrorKind::NoTransport);
    bio.set_ssl_mode(Role::Client).unwrap();
}

#[test]
fn a_chain_takes_what_may_hang_there() {
    let new = || SslBio::new_ssl(&common::client_context(), Role::Client).unwrap();
    let (half, _other) = Bio::new_bio_pair(0, 0).unwrap();
    assert_eq!(new().push(half).unwrap_err().kind(), ErrorKind::InvalidInput);
    // SAFETY: a chain of ours, with an SSL in it as C may have made it.
    let second = || unsafe { Bio::from_ptr(new().into_ptr()) };
    assert_eq!(new().push(second()).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(new().behind(second()).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(new().behind(Bio::memory().unwrap()).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut bio = new().behind(Bio::buffer().unwrap()).unwrap();
    // SAFETY: both halves stay on this thread.
    unsafe { bio.push_unsync(Bio::half().unwrap()).unwrap() };
    let mut buf = [0; 1];
    assert_eq!(kind(bio.gets(&mut buf)), ErrorKind::InvalidInput);
    assert_eq!(kind(bio.puts("a\0b")), ErrorKind::InvalidInput);
    assert_eq!((bio.read(&mut []).unwrap(), bio.write(&[]).unwrap(), bio.puts("").unwrap()), (0, 0, 0));
}

#[test]
fn a_chain_is_a_reader_and_a_writer() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
    let error = Write::write(&mut bio, b"early").map(drop).and_then(|()| Write::flush(&mut bio)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotConnected);
    bio.do_connect().unwrap();
    writeln!(bio, "a line and {} more", 1).unwrap();
    Write::flush(&mut bio).unwrap();
    let mut line = [0; 18];
    bio.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"a line and 1 more\n");
    bio.ssl_shutdown().unwrap();
    assert_eq!(Read::read(&mut bio, &mut line).unwrap(), 0, "the clean end");
    server.join().unwrap().unwrap();
}

#[test]
fn lines_need_a_filter_and_asking_for_them_does_no_harm() {
    let (address, server) = echo(common::server_context());
    let mut bio = to(address, SslBio::new_ssl_connect(&common::client_context()).unwrap());
    bio.do_connect().unwrap();
    assert_eq!(kind(bio.gets(&mut [0; 8])), ErrorKind::Unsupported);
    bio.write(b"unharmed").unwrap();
    bio.ssl_shutdown().unwrap();
    assert_eq!(server.join().unwrap().unwrap(), b"unharmed");
}

#[test]
fn a_tls12_chain_renegotiates_after_so_many_bytes() {
    let renegotiates = |version| {
        let mut server = common::server_builder();
        server.set_options(SslOptions::ALLOW_CLIENT_RENEGOTIATION);
        let (address, server) = echo(server.build());
        let mut client = common::client_builder();
        client.set_max_proto_version(Some(version)).unwrap();
        let mut bio = to(address, SslBio::new_ssl_connect(&client.build()).unwrap());
        assert!(bio.set_ssl_renegotiate_bytes(511).is_err());
        bio.set_ssl_renegotiate_bytes(600).unwrap();
        bio.set_ssl_renegotiate_timeout(Duration::from_secs(3600)).unwrap();
        bio.do_connect().unwrap();
        for _ in 0..4 {
            exchange(&mut bio, &[b'x'; 500]);
        }
        let count = bio.num_renegotiates().unwrap();
        bio.ssl_shutdown().unwrap();
        assert_eq!(server.join().unwrap().unwrap().len(), 2000);
        count
    };
    assert!(renegotiates(ProtocolVersion::TLS1_2) > 0);
    // C counts there too, and does nothing.
    renegotiates(ProtocolVersion::TLS1_3);
}

#[test]
fn a_session_is_taken_along_where_nothing_was_promised() {
    let (address, server) = echo(common::server_context());
    let context = SslContext::builder(SslMethod::tls_client()).unwrap().build();
    let mut first = to_unverified(address, &context);
    first.do_connect().unwrap();
    first.write(b"x").unwrap();
    first.read(&mut [0; 1]).unwrap();
    let mut second = SslBio::new_ssl_connect(&context).unwrap();
    // SAFETY: both stay on this thread.
    unsafe { second.copy_session_id(&first).unwrap() };
    // SAFETY: as above; the getter lends.
    let sessions =
        [&first, &second].map(|bio| unsafe { openssl_sys::SSL_get_session(bio.ssl().unwrap().as_ptr()) });
    assert!(!sessions[0].is_null() && sessions[0] == sessions[1]);
    let mut strict = SslBio::new_ssl_connect(&common::client_context()).unwrap();
    // SAFETY: as above.
    assert_eq!(unsafe { strict.copy_session_id(&first) }.unwrap_err().kind(), ErrorKind::NotReady);
    first.ssl_shutdown().unwrap();
    server.join().unwrap().unwrap();
}

fn to_unverified(address: SocketAddr, context: &SslContextRef) -> SslBio {
    let mut bio = SslBio::new_ssl_connect(context).unwrap();
    bio.set_conn_hostname(&address.to_string()).unwrap();
    bio
}

/// C's defaults: a read shakes hands on its way, as it does in C.
#[test]
fn without_a_promise_a_write_shakes_hands_as_in_c() {
    let (address, server) = echo(common::server_context());
    let mut bio = to_unverified(address, &SslContext::builder(SslMethod::tls_client()).unwrap().build());
    bio.write(b"at once").unwrap();
    bio.ssl_shutdown().unwrap();
    assert_eq!(server.join().unwrap().unwrap(), b"at once");
}

#[test]
fn a_socket_bio_owns_its_socket() {
    let (left, mut right) = common::tcp_pair();
    let mut bio = Bio::new_socket(left).unwrap();
    bio.write(b"hello").unwrap();
    let mut buf = [0; 5];
    right.read_exact(&mut buf).unwrap();
    drop(bio);
    assert_eq!(right.read(&mut buf).unwrap(), 0, "it is closed");
    // SAFETY: the socket outlives the BIO, which does not close it.
    let bio = unsafe { Bio::new_socket_raw(right.as_raw_fd(), false) }.unwrap();
    drop(bio);
    assert!(right.local_addr().is_ok());
    assert!(bio::sock_error(&right).is_none());
    assert!(bio::sock_should_retry(-1, libc::EAGAIN) && !bio::sock_should_retry(-1, libc::EPIPE));
    assert!(bio::sock_non_fatal_error(libc::EINTR) && !bio::sock_non_fatal_error(libc::EPIPE));
}

#[test]
fn a_chain_talks_to_the_openssl_command() {
    let pki = common::pki();
    let files = Files::new(&[("good.pem", &pki.localhost.chain_pem), ("good.key", &pki.localhost.key_pem)]);
    for version in ["-tls1_2", "-tls1_3"] {
        let (server, port) = s_server(&files, ("good.pem", "good.key"), 1, &[version, "-www"]);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
        bio.do_connect().unwrap();
        bio.puts("GET / HTTP/1.0\r\n\r\n").unwrap();
        bio.flush().unwrap();
        let mut line = [0; 1024];
        let read = bio.gets(&mut line).unwrap();
        assert_eq!(&line[..read], b"HTTP/1.0 200 ok\r\n");
        let end = loop {
            match bio.gets(&mut line) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(end.is_zero_return(), "{end:?}");
        drop(bio);
        server.finish();
    }
}

#[test]
fn a_connection_that_is_cut_says_so_behind_a_buffer_too() {
    for (lines, again) in [(true, false), (false, false), (true, true)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let cut = stream.try_clone().unwrap();
            let mut ssl = Ssl::new(&common::server_context()).unwrap();
            ssl.set_stream(stream).unwrap();
            ssl.set_accept_state();
            ssl.read(&mut [0; 1]).unwrap();
            ssl.write(b"partial").unwrap();
            cut.shutdown(std::net::Shutdown::Write).unwrap();
            ssl
        });
        let mut bio = to(address, SslBio::new_buffer_ssl_connect(&common::client_context()).unwrap());
        bio.do_handshake().unwrap();
        bio.write(b"x").unwrap();
        bio.flush().unwrap();
        let kept = server.join().unwrap();
        let mut buf = [0; 64];
        let mut step = |bio: &mut SslBio| if lines { bio.gets(&mut buf) } else { bio.read(&mut buf) };
        assert_eq!(step(&mut bio).unwrap(), 7);
        if again {
            // That is no concern of the next connection's.
            bio.ssl_mut().unwrap().clear().unwrap();
            bio.transport_mut().unwrap().reset().unwrap();
            let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            bio.set_conn_hostname(&nobody.to_string()).unwrap();
            let error = Error::from(bio.do_handshake().unwrap_err());
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
        } else {
            let error = Error::from(step(&mut bio).unwrap_err());
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "lines: {lines}");
        }
        drop(kept);
    }
}

/// A filter of C's that leaves an entry in the queue and says "again".
mod noisy_filter {
    use std::ffi::{c_char, c_int, c_long, c_void};
    use std::sync::LazyLock;

    use libssl::bio::Bio;
    use openssl_sys as sys;
    use openssl_sys_ext as ext;

    unsafe extern "C" fn read(bio: *mut sys::BIO, _: *mut c_char, _: c_int) -> c_int {
        // SAFETY: C passes a live BIO; the rest writes the thread's queue.
        unsafe {
            sys::ERR_new();
            sys::ERR_set_error(32, 100, c"why it waits".as_ptr());
            sys::BIO_set_flags(bio, sys::BIO_FLAGS_READ | sys::BIO_FLAGS_SHOULD_RETRY);
        }
        -1
    }

    unsafe extern "C" fn write(bio: *mut sys::BIO, data: *const c_char, len: c_int) -> c_int {
        // SAFETY: C passes a live BIO in a chain, and lends the data.
        unsafe { sys::BIO_write(ext::BIO_next(bio), data.cast(), len) }
    }

    unsafe extern "C" fn control(
        bio: *mut sys::BIO,
        command: c_int,
        number: c_long,
        data: *mut c_void,
    ) -> c_long {
        // SAFETY: as above.
        unsafe {
            let next = ext::BIO_next(bio);
            if next.is_null() { 0 } else { sys::BIO_ctrl(next, command, number, data) }
        }
    }

    unsafe extern "C" fn create(bio: *mut sys::BIO) -> c_int {
        // SAFETY: C passes a BIO that is being made.
        unsafe { sys::BIO_set_init(bio, 1) };
        1
    }

    /// The method, which is never freed.
    struct Method(*mut sys::BIO_METHOD);

    // SAFETY: it is complete before anybody sees it, and only read from then on.
    unsafe impl Send for Method {}
    // SAFETY: as above.
    unsafe impl Sync for Method {}

    static METHOD: LazyLock<Method> = LazyLock::new(|| {
        // SAFETY: the method is ours, and gets the functions that such a filter needs.
        unsafe {
            let method = sys::BIO_meth_new(ext::BIO_TYPE_FILTER as c_int | 100, c"noisy".as_ptr());
            sys::BIO_meth_set_read__fixed_rust(method, Some(read));
            sys::BIO_meth_set_write__fixed_rust(method, Some(write));
            sys::BIO_meth_set_ctrl__fixed_rust(method, Some(control));
            sys::BIO_meth_set_create__fixed_rust(method, Some(create));
            Method(method)
        }
    });

    pub fn new() -> Bio {
        // SAFETY: the method stays, and the BIO is nobody else's.
        unsafe { Bio::from_ptr(sys::BIO_new(METHOD.0)) }
    }
}

#[test]
fn why_a_filter_waits_is_told_and_does_not_stay_behind() {
    let (left, right) = common::duplex();
    let (client, _server) = common::shake_over(
        common::client_ssl(&common::client_context()),
        left,
        Ssl::new(&common::server_context()).unwrap(),
        right,
    );
    let mut ssl = client.expect("a client").into_parts_discarding().ssl;
    ssl.set_stream(common::duplex().0).unwrap();
    let mut chain = SslBio::from_ssl(ssl).unwrap().behind(noisy_filter::new()).unwrap();
    let error = chain.read(&mut [0; 4]).unwrap_err();
    let told = error
        .error()
        .expect("what the filter left")
        .stack()
        .iter()
        .any(|entry| entry.data() == "why it waits");
    assert!(told, "{error:?}");
    assert!(libssl::error::ErrorStack::drain().is_empty());
}
