//! BIOs that connect and accept, where C goes wrong.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use libssl::bio::{
    Bio, BioError, BioOperation, BioRef, BioVerdict, IpFamily, RetryReason, SendBio, SocketFlags, SslBio,
    socket_wait,
};
use libssl::{ErrorKind, Want, poll};
use openssl_sys_ext as ext;

use crate::Gone;
use crate::common::client_context;

/// Where nobody listens, nor will: the port is taken as long as the test runs.
pub(crate) fn nobody() -> SocketAddr {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes([127, 0, 0, 1]) },
        // SAFETY: zeros are a good address, of whatever fields the system's type has.
        ..unsafe { std::mem::zeroed() }
    };
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: makes a socket, and gives it a port of the system's choice; C reads so many bytes.
    let socket = unsafe {
        let socket = OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0));
        assert_eq!(libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len), 0);
        socket
    };
    // It does not listen.
    let bound = TcpListener::from(socket);
    let address = bound.local_addr().unwrap();
    std::mem::forget(bound);
    address
}

pub(crate) fn writable(bio: &mut BioRef) {
    // SAFETY: open as long as the BIO has it.
    let fd = unsafe { BorrowedFd::borrow_raw(bio.descriptor().unwrap()) };
    poll::wait(&fd, Want::Connect, None).unwrap();
}

#[test]
fn a_name_that_is_refused_takes_the_earlier_one_not_away() {
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    assert_eq!(acceptor.set_accept_name("[::1").unwrap_err().kind(), ErrorKind::Refused);
    acceptor.do_accept().unwrap();
    assert_eq!(acceptor.accept_name(), Some(c"127.0.0.1"));
    let mut connector = Bio::new_connect("127.0.0.1:1").unwrap();
    assert_eq!(connector.set_conn_hostname("[::1").unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(connector.conn_hostname(), Some(c"127.0.0.1"));
    assert_eq!(connector.conn_port(), Some(c"1"));
}

#[test]
fn what_names_no_host_is_nowhere_to_connect_to() {
    let mut connector = Bio::new_connect("127.0.0.1:1").unwrap();
    for host in [":443", "*", "*:443", "[]:443"] {
        assert_eq!(connector.set_conn_hostname(host).unwrap_err().kind(), ErrorKind::InvalidInput, "{host}");
        assert_eq!(Bio::new_connect(host).unwrap_err().kind(), ErrorKind::InvalidInput, "{host}");
        assert_eq!(connector.conn_hostname(), Some(c"127.0.0.1"), "{host}");
    }
}

#[test]
fn a_refused_connection_is_none_however_often_one_asks() {
    let mut bio = Bio::new_connect(&nobody().to_string()).unwrap();
    bio.set_nbio(true).unwrap();
    for _ in 0..3 {
        match bio.do_connect() {
            Err(BioError::Retry(retry)) => assert_eq!(retry.reason(), RetryReason::CONNECT),
            outcome => {
                outcome.unwrap_err().error().expect("a refusal");
                continue;
            }
        }
        writable(&mut bio);
        let error = bio.do_connect().unwrap_err();
        assert_eq!(error.error().unwrap().errno(), libc::ECONNREFUSED);
        assert_eq!(bio.descriptor(), None);
    }
}

/// An address whose queue of connections is full, and what keeps it so: a connection comes about once one was accepted.
pub(crate) fn full() -> (TcpListener, Vec<TcpStream>) {
    // SAFETY: makes a socket, and makes it listen on a port of the system's choice.
    let listener = unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let listener = TcpListener::from_raw_fd(socket);
        assert_eq!(libc::listen(socket, 0), 0);
        listener
    };
    let port = listener.local_addr().unwrap().port();
    let first = TcpStream::connect(("127.0.0.1", port)).unwrap();
    (listener, vec![first])
}

#[test]
fn a_connection_that_comes_about_late_is_suspended_and_not_waited_for() {
    let (listener, _kept) = full();
    let mut bio = Bio::connector().unwrap();
    bio.set_conn_hostname(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port())).unwrap();
    bio.set_nbio(true).unwrap();
    let connecting = |outcome: Result<usize, BioError>| {
        let retry = outcome.unwrap_err().retry().expect("a suspension");
        assert!(retry.should_io_special());
        assert_eq!(retry.reason(), RetryReason::CONNECT);
    };
    // Nobody accepts: a call that does not return at once, never does.
    connecting(bio.do_connect().map(|()| 0));
    connecting(bio.do_connect().map(|()| 0));
    connecting(bio.write(b"early"));
    connecting(bio.read(&mut [0; 8]));
    assert_eq!(bio.retry_reason(), RetryReason::CONNECT);
    let mut chain = Bio::buffer().unwrap();
    chain.push(bio);
    connecting(chain.do_handshake().map(|()| 0));
    connecting(chain.gets(&mut [0; 8]));
}

#[test]
fn tls_over_a_connection_that_comes_about_late_is_suspended() {
    let (listener, _kept) = full();
    let mut bio = SslBio::new_ssl_connect(&client_context()).unwrap();
    bio.ssl_mut().unwrap().set_server_name("localhost").unwrap();
    bio.set_conn_hostname(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port())).unwrap();
    bio.set_nbio(true).unwrap();
    for _ in 0..3 {
        assert_eq!(bio.do_handshake().unwrap_err().want(), Some(Want::Connect));
    }
}

#[test]
fn without_a_timeout_what_is_refused_is_tried_once() {
    let mut bio = Bio::new_connect(&nobody().to_string()).unwrap();
    let error = bio.do_connect_retry(None, Duration::from_millis(1)).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::Io, libc::ECONNREFUSED));
}

#[test]
fn a_timeout_holds_for_a_connection_that_is_on_its_way() {
    let (listener, _kept) = full();
    let mut bio = Bio::new_connect(&format!("127.0.0.1:{}", listener.local_addr().unwrap().port())).unwrap();
    bio.set_nbio(true).unwrap();
    bio.do_connect().unwrap_err().retry().unwrap();
    let error = bio.do_connect_retry(Some(Duration::from_millis(10)), Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.stack().has(ext::ERR_LIB_BIO, ext::BIO_R_CONNECT_TIMEOUT), "{error}");
}

#[test]
fn connect_and_accept_bios_are_reset_and_say_so() {
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    acceptor.do_accept().unwrap();
    let port = acceptor.accept_port().unwrap().to_str().unwrap().to_owned();
    let mut connector = Bio::new_connect(&format!("127.0.0.1:{port}")).unwrap();
    connector.do_connect().unwrap();
    acceptor.do_accept().unwrap();
    connector.reset().unwrap();
    assert_eq!(connector.descriptor(), None);
    connector.do_connect().unwrap();
    let mut chain = Bio::null_filter().unwrap();
    chain.push(connector);
    chain.reset().unwrap();
    // With a connection behind it, and without.
    assert!(acceptor.next().is_some());
    acceptor.reset().unwrap();
    assert_eq!(acceptor.descriptor(), None);
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    acceptor.do_accept().unwrap();
    acceptor.reset().unwrap();
}

/// A callback that panics where a command is given.
fn touchy(mut bio: Bio) -> Bio {
    bio.set_callback(|event| {
        assert!(!matches!(event.operation, BioOperation::Ctrl { .. }), "touched");
        BioVerdict::Proceed
    })
    .unwrap();
    bio
}

#[test]
fn a_panic_of_a_callback_goes_on_in_the_setting_or_question_that_called_it() {
    type Step = fn(&mut Bio);
    let connector: [Step; 8] = [
        |bio| _ = bio.set_conn_hostname("localhost"),
        |bio| _ = bio.set_conn_port("1"),
        |bio| _ = bio.set_conn_ip_family(IpFamily::V4),
        |bio| _ = bio.conn_hostname(),
        |bio| _ = bio.conn_port(),
        |bio| _ = bio.conn_address(),
        |bio| _ = bio.conn_ip_family(),
        |bio| _ = bio.set_conn_mode(SocketFlags::NODELAY),
    ];
    let acceptor: [Step; 6] = [
        |bio| _ = bio.set_accept_name("127.0.0.1:0"),
        |bio| _ = bio.set_nbio_accept(true),
        |bio| _ = bio.bind_mode(),
        |bio| _ = bio.accept_name(),
        |bio| _ = bio.peer_port(),
        |bio| _ = bio.accept_ip_family(),
    ];
    for (bio, steps) in [(Bio::connector(), &connector[..]), (Bio::acceptor(), &acceptor[..])] {
        let mut bio = touchy(bio.unwrap());
        for (at, step) in steps.iter().enumerate() {
            catch_unwind(AssertUnwindSafe(|| step(&mut bio))).expect_err(&format!("step {at}"));
        }
    }
}

#[test]
fn a_filter_for_connections_is_freed_whoever_has_it() {
    let gone = Gone::default();
    let filter = || gone.watch(Bio::null_filter().unwrap());
    let send = |bio| SendBio::new(bio).map_err(|(error, _)| error).unwrap();
    let mut acceptor = Bio::new_accept("127.0.0.1:0").unwrap();
    let mut two = filter();
    two.push(filter());
    assert_eq!(acceptor.set_accept_bios(send(two)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(gone.count(), 2);
    let refused = Bio::memory().unwrap().set_accept_bios(send(filter())).unwrap_err();
    assert_eq!((refused.kind(), gone.count()), (ErrorKind::InvalidInput, 3));
    // A callback cannot come between, whatever it says.
    for answer in [0, 1] {
        acceptor.set_callback(move |_| BioVerdict::Refuse(answer)).unwrap();
        acceptor.set_accept_bios(send(filter())).unwrap();
        assert!(acceptor.has_callback());
    }
    assert_eq!(gone.count(), 4);
    drop(acceptor);
    assert_eq!(gone.count(), 5);
}

#[test]
fn a_wait_to_a_time_far_away_is_one() {
    let (mine, mut other) = UnixStream::pair().unwrap();
    let far = SystemTime::now() + Duration::from_secs(4_294_968);
    let bio = Bio::new_socket(mine.try_clone().unwrap()).unwrap();
    let mut bio = SendBio::new(bio).map_err(|(error, _)| error).unwrap();
    let waits = std::thread::spawn(move || {
        bio.set_retry_read();
        let waited = (socket_wait(&mine, true, far).unwrap(), bio.wait(far, Duration::ZERO).unwrap());
        (waited, bio.read(&mut [0; 8]).unwrap())
    });
    // A wait that C cannot count is none: it says at once that the time has passed, or that it failed.
    std::thread::sleep(Duration::from_millis(50));
    other.write_all(b"x").unwrap();
    assert_eq!(waits.join().unwrap(), ((true, true), 1));
}

#[test]
fn a_descriptor_of_any_number_is_waited_for() {
    let (mine, mut other) = UnixStream::pair().unwrap();
    // SAFETY: a number that the system may give, or refuse.
    let fd = unsafe {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = limit.rlim_max.min(4096).max(limit.rlim_cur);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        libc::fcntl(mine.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 1500)
    };
    assert!(fd >= 1500);
    // SAFETY: the descriptor is new.
    let high = unsafe { OwnedFd::from_raw_fd(fd) };
    assert!(!socket_wait(&high, true, SystemTime::now()).unwrap());
    other.write_all(b"x").unwrap();
    assert!(socket_wait(&high, true, SystemTime::now() + Duration::from_secs(60)).unwrap());
    assert!(socket_wait(&high, false, SystemTime::now() + Duration::from_secs(60)).unwrap());
}
