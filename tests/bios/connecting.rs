//! A `BIO_s_connect` whose connection is slow, refused, or not to be had: whose its descriptors are, and what is said.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::process::Command;
use std::time::Duration;

use libssl::bio::{
    Bio, BioError, BioMethod, BioRetry, BioType, BioVerdict, Existing, IpFamily, NextBio, RetryReason,
    SendBio, SslBio, Stop,
};
use libssl::{Error, ErrorKind, HandshakeError, SslError, SslRef, Want};
use openssl_sys_ext as ext;

use crate::common::{client_context, client_ssl};
use crate::sockets::{full, nobody, writable};

/// Runs a test in a process of its own, for the sake of what belongs to a process.
fn alone(name: &str, test: impl FnOnce()) {
    const CHILD: &str = "LIBSSL_TEST_ALONE";
    if std::env::var_os(CHILD).is_some() {
        test();
        // What looks for leaks at the end needs descriptors too.
        return limit(1024);
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--exact", &format!("connecting::{name}")])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// How many descriptors there may be.
fn limit(count: RawFd) {
    let limit = libc::rlimit { rlim_cur: count.try_into().unwrap(), rlim_max: 1024 };
    // SAFETY: reads the local.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

fn is_open(fd: RawFd) -> bool {
    // SAFETY: asks about a number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// A connect BIO that went to two addresses, of which the first refused, and that had no descriptor left for the second:
/// the number that it has, which is free again, is not its own. `None` where the system has no second address.
fn lost(port: u16) -> Option<(Bio, RawFd)> {
    let mut bio = Bio::connector().unwrap();
    bio.set_conn_port(&port.to_string()).unwrap();
    bio.set_nbio(true).unwrap();
    assert_eq!(bio.do_connect().unwrap_err().retry().unwrap().reason(), RetryReason::CONNECT);
    let fd = bio.descriptor().unwrap();
    writable(&mut bio);
    let first = bio.conn_ip_family().unwrap();
    limit(fd);
    let error = Error::from(bio.do_connect().unwrap_err());
    if first == IpFamily::V4 && error.errno() == libc::ECONNREFUSED {
        return None;
    }
    assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_UNABLE_TO_CREATE_SOCKET), "{error}");
    assert!(!bio.close_flag());
    Some((bio, fd))
}

/// Somebody else's, of that number, and no descriptor is left.
fn foreign(fd: RawFd) -> File {
    limit(1024);
    let file = File::open("/dev/null").unwrap();
    assert_eq!(file.as_raw_fd(), fd, "the number is free");
    limit(fd);
    file
}

/// Lets a BIO get a socket again. Without one, C keeps its settings when it is dropped, for it would close the number.
fn settle(mut bio: Bio) {
    limit(1024);
    assert!(bio.do_connect().is_err());
}

/// A filter that fails with another BIO's error, once.
struct Other(Option<Error>);

impl BioMethod for Other {
    const CLASS: BioType = BioType::FILTER;

    fn read(&mut self, next: &mut NextBio<'_>, buf: &mut [u8]) -> Result<usize, Stop> {
        self.0.take().map_or_else(|| next.read(buf), |error| Err(Stop::Next(error)))
    }

    fn write(&mut self, next: &mut NextBio<'_>, data: &[u8]) -> Result<usize, Stop> {
        next.write(data)
    }

    fn establish(&mut self) -> Option<Result<(), Stop>> {
        self.0.take().map(|error| Err(Stop::Next(error)))
    }
}

fn behind(error: Error, bio: Bio) -> Bio {
    let mut chain = Bio::custom(Other(Some(error))).unwrap();
    chain.push(bio);
    chain
}

/// What a nonblocking connect BIO says once its connection was refused.
fn refusal() -> Error {
    let mut bio = Bio::new_connect(&nobody().to_string()).unwrap();
    bio.set_nbio(true).unwrap();
    assert!(bio.do_connect().unwrap_err().retry().is_some());
    writable(&mut bio);
    let error = Error::from(bio.do_connect().unwrap_err());
    assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_NBIO_CONNECT_ERROR));
    error
}

#[test]
fn a_socket_that_is_closed_already_is_not_closed_again() {
    alone("a_socket_that_is_closed_already_is_not_closed_again", || {
        let Some((mut bio, fd)) = lost(nobody().port()) else { return };
        let mine = foreign(fd);
        limit(1024);
        assert_eq!(bio.reset().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(mine.metadata().is_ok());
        // The next socket is its own again, and is closed when it is refused, or with the BIO.
        assert!(bio.do_connect().is_err());
        let other = bio.descriptor();
        assert_ne!(other, Some(fd));
        assert!(bio.close_flag());
        drop(bio);
        assert!(mine.metadata().is_ok() && !other.is_some_and(is_open));
    });
}

#[test]
fn an_error_of_another_bio_closes_no_descriptor_that_is_somebody_else_s() {
    alone("an_error_of_another_bio_closes_no_descriptor_that_is_somebody_else_s", || {
        let why = refusal();
        let Some((bio, fd)) = lost(nobody().port()) else { return };
        let mine = foreign(fd);
        let mut chain = behind(why, bio);
        assert!(chain.read(&mut [0; 8]).is_err());
        assert!(mine.metadata().is_ok());
        settle(chain);
    });
}

#[test]
fn connecting_again_closes_no_descriptor_that_is_somebody_else_s() {
    alone("connecting_again_closes_no_descriptor_that_is_somebody_else_s", || {
        let why = Error::from(Bio::new_connect(&nobody().to_string()).unwrap().do_connect().unwrap_err());
        let Some((bio, fd)) = lost(nobody().port()) else { return };
        let mine = foreign(fd);
        let mut chain = behind(why, bio);
        let error = chain.do_connect_retry(None, Duration::ZERO).unwrap_err();
        assert_eq!(error.errno(), libc::EMFILE, "{error}");
        assert!(mine.metadata().is_ok());
        settle(chain);
    });
}

#[test]
fn a_socket_that_a_retry_makes_is_closed_with_its_bio() {
    alone("a_socket_that_a_retry_makes_is_closed_with_its_bio", || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let Some((mut bio, _)) = lost(port) else { return };
        limit(1024);
        let error = bio.do_connect_retry(None, Duration::ZERO).unwrap_err();
        assert_eq!(error.errno(), libc::ECONNREFUSED, "{error}");
        assert!(bio.close_flag());
        let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        bio.do_connect_retry(None, Duration::ZERO).unwrap();
        let fd = bio.descriptor().unwrap();
        drop(bio);
        assert!(!is_open(fd));
    });
}

#[test]
fn a_new_socket_s_refusal_is_told_and_its_way_is_waited_for() {
    alone("a_new_socket_s_refusal_is_told_and_its_way_is_waited_for", || {
        let Some((mut bio, _)) = lost(nobody().port()) else { return };
        limit(1024);
        bio.set_nbio(false).unwrap();
        let error = Error::from(bio.do_connect().unwrap_err());
        assert_eq!(error.errno(), libc::ECONNREFUSED, "{error}");
        drop(bio);
        let (listener, _kept) = full();
        let (mut bio, _) = lost(listener.local_addr().unwrap().port()).unwrap();
        limit(1024);
        for _ in 0..2 {
            assert_eq!(
                bio.do_connect().unwrap_err().retry().unwrap(),
                BioRetry::special(RetryReason::CONNECT)
            );
        }
    });
}

#[test]
fn an_error_of_another_bio_does_not_end_a_connection() {
    let why = refusal();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bio = Bio::new_connect(&listener.local_addr().unwrap().to_string()).unwrap();
    bio.do_connect().unwrap();
    let mut chain = behind(why, bio);
    let fd = chain.descriptor();
    assert!(chain.read(&mut [0; 8]).is_err());
    assert!(fd.is_some_and(is_open));
    assert_eq!(chain.descriptor(), fd);
    chain.write(b"still there").unwrap();
    let why = Error::from(Bio::new_connect(&nobody().to_string()).unwrap().do_connect().unwrap_err());
    let mut chain = behind(why, chain);
    assert!(chain.do_connect_retry(None, Duration::ZERO).is_err());
    assert_eq!(chain.descriptor(), fd);
    assert!(fd.is_some_and(is_open));
    chain.do_connect_retry(None, Duration::ZERO).unwrap();
}

/// C, asked before there is a connection, looks again and again, and does not return.
#[test]
fn a_handshake_that_comes_before_its_connection_waits_for_that() {
    let (listener, _kept) = full();
    let chain = || {
        let mut bio = SslBio::new_ssl_connect(&client_context()).unwrap();
        bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
        bio.set_conn_hostname(&listener.local_addr().unwrap().to_string()).unwrap();
        bio.set_nbio(true).unwrap();
        bio
    };
    let waits = |error: SslError| error.want() == Some(Want::Connect);
    let mut bio = chain();
    for _ in 0..2 {
        assert!(waits(bio.do_handshake().unwrap_err()));
        assert!(bio.transport().unwrap().should_io_special());
        assert!(waits(bio.ssl_mut().unwrap().do_handshake().unwrap_err()));
        // Nor does it go by flags, which are the user's too.
        bio.transport_mut().unwrap().clear_retry_flags();
        assert!(waits(bio.do_handshake().unwrap_err()));
        // A callback has no say in it.
        let transport = bio.transport_mut().unwrap();
        transport.set_callback(|_| BioVerdict::Refuse(0)).unwrap();
        assert!(waits(bio.ssl_mut().unwrap().do_handshake().unwrap_err()));
        bio.transport_mut().unwrap().set_callback(|_| BioVerdict::Proceed).unwrap();
    }
    // Whichever of the object's BIOs it is.
    let mut ssl = client_ssl(&client_context());
    let mut connect = Bio::new_connect(&listener.local_addr().unwrap().to_string()).unwrap();
    connect.set_nbio(true).unwrap();
    let send = |bio| SendBio::new(bio).map_err(|(error, _)| error).unwrap();
    ssl.set0_rbio(send(Bio::memory().unwrap()));
    ssl.set0_wbio(send(connect));
    ssl.set_connect_state();
    for _ in 0..2 {
        assert!(waits(SslRef::do_handshake(&mut ssl).unwrap_err()));
    }
    // What sends nothing waits for nothing.
    assert_eq!(bio.ssl_mut().unwrap().shutdown().err().and_then(|error| error.want()), None);
    let mut bio = chain();
    assert!(bio.transport_mut().unwrap().do_connect().unwrap_err().retry().is_some());
    let ssl = bio.into_ssl().unwrap();
    let Err(HandshakeError::WantConnect(suspended)) = ssl.connect(Existing) else { panic!("connected") };
    assert_eq!(suspended.wants(), Some(Want::Connect));
    let Err(HandshakeError::WantConnect(_)) = suspended.resume() else { panic!("connected") };
}

/// C leaves the socket of a refused connection, and takes it for connected the next time.
#[test]
fn a_refused_connection_is_not_taken_for_one_by_whoever_asks_next() {
    let mut bio = SslBio::new_ssl_connect(&client_context()).unwrap();
    bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    bio.set_conn_hostname(&nobody().to_string()).unwrap();
    bio.set_nbio(true).unwrap();
    let error = bio.ssl_mut().unwrap().do_handshake().unwrap_err();
    assert_eq!(error.want(), Some(Want::Connect));
    writable(bio.transport_mut().unwrap());
    let error = Error::from(bio.ssl_mut().unwrap().do_handshake().unwrap_err());
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
    let transport = bio.transport_mut().unwrap();
    assert_eq!(transport.descriptor(), None);
    assert!(transport.do_connect().unwrap_err().retry().is_some());
    writable(transport);
    assert!(matches!(transport.do_connect(), Err(BioError::Failed(_))));
}
