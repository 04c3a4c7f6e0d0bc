//! BIOs that connect and accept, where C goes wrong.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;

use libssl::bio::{Bio, BioError, RetryReason};
use libssl::{ErrorKind, Want, poll};

/// Where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn writable(bio: &mut Bio) {
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
