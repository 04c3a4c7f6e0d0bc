//! Chains of BIOs as C programs use them: `BIO_f_ssl` over `BIO_s_connect` and behind a buffer, `BIO_s_accept`, against
//! servers of this crate and of the `openssl` command.
// A step that fails is a failed test; the shared modules have items for other tests too.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod commands;
mod common;

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use libssl::bio::SslBio;
use libssl::{Error, ErrorKind, Ssl, SslContext, VerifyError, Want};

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
                Err(error) if error.is_zero_return() => return Ok(seen),
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
