//! What the page says that both crates do, shown with both.

use std::io::{ErrorKind as IoKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use libssl::connected::ShutdownProgress;
use libssl::{Connected, ErrorKind, Ssl, SslContext, VerifyError};
use openssl::ssl::{ErrorCode, HandshakeError, ShutdownResult, SslConnector, SslMethod, SslStream};

use super::common::{Made, client_context, client_ssl, identity, pki, tcp_pair};

/// A server of ours that does something with its one client, and the client's socket.
fn server<T: Send + 'static>(
    made: &Made,
    act: impl FnOnce(Connected<TcpStream>) -> T + Send + 'static,
) -> (TcpStream, JoinHandle<Option<T>>) {
    let context = SslContext::server(&identity(made)).unwrap().build();
    let (client, tcp) = tcp_pair();
    let serve = move || Ssl::new(&context).unwrap().accept(tcp).ok().map(act);
    (client, thread::spawn(serve))
}

fn their_connector() -> SslConnector {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    let ca = openssl::x509::X509::from_der(&pki().ca_der).unwrap();
    builder.cert_store_mut().add_cert(ca).unwrap();
    builder.build()
}

fn theirs(tcp: TcpStream) -> SslStream<TcpStream> {
    their_connector().connect("localhost", tcp).unwrap()
}

fn ours(tcp: TcpStream) -> Connected<TcpStream> {
    client_ssl(&client_context()).connect(tcp).unwrap()
}

#[test]
fn a_cut_connection_is_a_clean_end_there_before_openssl_4_and_unexpected_eof_here() {
    let cut = |mut connected: Connected<TcpStream>| {
        connected.write_all(b"half").unwrap();
        connected.channel().shutdown(Shutdown::Write).unwrap();
        let _ = connected.read(&mut [0]);
    };
    let mut read = Vec::new();
    let (tcp, thread) = server(&pki().localhost, cut);
    let end = theirs(tcp).read_to_end(&mut read).map_err(|error| error.kind());
    // The version that runs. From 4 on libssl does not need the stream to know that it ended.
    let wanted = if openssl::version::number() >> 28 < 4 { Ok(read.len()) } else { Err(IoKind::Other) };
    assert_eq!((end, read.as_slice()), (wanted, &b"half"[..]));
    thread.join().unwrap();

    read.clear();
    let (tcp, thread) = server(&pki().localhost, cut);
    assert_eq!(ours(tcp).read_to_end(&mut read).unwrap_err().kind(), IoKind::UnexpectedEof);
    assert_eq!(read, b"half");
    thread.join().unwrap();
}

#[test]
fn a_client_without_a_name_connects_to_anyone_there_and_to_no_one_here() {
    let (tcp, thread) = server(&pki().other_name, drop);
    let ssl = openssl::ssl::Ssl::new(their_connector().context()).unwrap();
    ssl.connect(tcp).unwrap();
    assert!(thread.join().unwrap().is_some());

    let (tcp, thread) = server(&pki().other_name, drop);
    let refused = Ssl::new(&client_context()).unwrap().connect(tcp).unwrap_err();
    assert_eq!(refused.into_handshake().unwrap_err().kind(), ErrorKind::NoServerName);
    assert!(thread.join().unwrap().is_none());
}

#[test]
fn a_failed_handshake_can_be_called_again_there_and_gives_its_parts_back_here() {
    let (tcp, thread) = server(&pki().other_name, drop);
    let Err(HandshakeError::Failure(first)) = their_connector().connect("localhost", tcp) else { panic!() };
    let said = first.error().to_string();
    assert!(said.contains("certificate verify failed"), "{said}");
    let Err(HandshakeError::Failure(second)) = first.handshake() else { panic!() };
    assert_ne!(second.error().to_string(), said);
    drop(second);
    thread.join().unwrap();

    let (tcp, thread) = server(&pki().other_name, drop);
    let local = tcp.local_addr().unwrap();
    let failed = client_ssl(&client_context()).connect(tcp).unwrap_err().into_handshake().unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Verification(VerifyError::HOSTNAME_MISMATCH));
    assert!(failed.error().verify_failure().unwrap().to_string().contains("localhost"));
    let (_, ssl, tcp) = failed.into_parts();
    assert!(ssl.is_poisoned());
    assert_eq!(tcp.local_addr().unwrap(), local);
    drop(tcp);
    thread.join().unwrap();
}

#[test]
fn unread_data_breaks_a_shutdown_there_and_waits_to_be_read_here() {
    let speak = |mut connected: Connected<TcpStream>| {
        connected.write_all(b"unread").unwrap();
        let _ = connected.read(&mut [0]);
    };
    let (tcp, thread) = server(&pki().localhost, speak);
    let mut stream = theirs(tcp);
    assert_eq!(stream.shutdown().unwrap(), ShutdownResult::Sent);
    assert_eq!(stream.shutdown().unwrap_err().code(), ErrorCode::SSL);
    drop(stream);
    thread.join().unwrap();

    let (tcp, thread) = server(&pki().localhost, speak);
    let mut stream = ours(tcp);
    assert_eq!(stream.shutdown().unwrap(), ShutdownProgress::Sent);
    assert_eq!(stream.shutdown().unwrap(), ShutdownProgress::Unread);
    let mut unread = [0; 6];
    stream.read_exact(&mut unread).unwrap();
    assert_eq!(&unread, b"unread");
    drop(stream);
    thread.join().unwrap();
}

/// How many of each letter.
fn count(bytes: &[u8]) -> (usize, usize) {
    let count = |letter| bytes.iter().filter(|byte| **byte == letter).count();
    (count(b'a'), count(b'b'))
}

#[test]
fn other_bytes_after_a_suspended_write_are_lost_there_and_sent_here() {
    const PIECE: usize = 16 * 1024;
    let reader = || {
        let (go, wait) = mpsc::channel::<()>();
        let read = move |mut connected: Connected<TcpStream>| {
            wait.recv().unwrap();
            let mut all = Vec::new();
            connected.read_to_end(&mut all).unwrap();
            count(&all)
        };
        (go, server(&pki().localhost, read))
    };

    let (go, (tcp, thread)) = reader();
    let mut stream = theirs(tcp);
    stream.get_ref().set_nonblocking(true).unwrap();
    let mut first = 0;
    while let Ok(written) = stream.ssl_write(&[b'a'; PIECE]) {
        first += written;
    }
    go.send(()).unwrap();
    stream.get_ref().set_nonblocking(false).unwrap();
    let second = stream.ssl_write(&[b'b'; PIECE]).unwrap();
    stream.shutdown().unwrap();
    assert_eq!(thread.join().unwrap(), Some((first + second, 0)));

    let (go, (tcp, thread)) = reader();
    let mut stream = ours(tcp);
    stream.channel().set_nonblocking(true).unwrap();
    let mut first = 0;
    while let Ok(written) = stream.write(&[b'a'; PIECE]) {
        first += written;
    }
    go.send(()).unwrap();
    stream.channel().set_nonblocking(false).unwrap();
    let second = stream.write(&[b'b'; PIECE]).unwrap();
    stream.shutdown().unwrap();
    assert_eq!(thread.join().unwrap(), Some((first, second)));
}

#[test]
fn a_chain_that_is_not_there_panics_there_and_is_empty_here() {
    let context = openssl::ssl::SslContextBuilder::new(SslMethod::tls()).unwrap().build();
    assert!(catch_unwind(|| context.extra_chain_certs().len()).is_err());

    assert!(client_context().extra_chain_certs().is_empty());
}
