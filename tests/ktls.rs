//! Kernel TLS: enabled, asked for, and done without where the library, the kernel, the transport or the cipher has it not.
//!
//! Most machines that run this have no TLS in their kernel. What `SSL_sendfile` does there is seen all the same: a socket
//! BIO that is told that the kernel encrypts lets the file's bytes go out as they are, and the other end of the socket
//! reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{client_ssl, shake_over, tcp_pair, unix_pair};
use libssl::bio::{Channel, Existing, Socket};
use libssl::context::SslOptions;
use libssl::ssl::KtlsRefusal;
use libssl::{Connected, ErrorKind, ShutdownProgress, Ssl, Want};
use openssl_sys as sys;
use openssl_sys_ext as ext;
use support::{VERSIONS, Version, inner, read_all, read_now};

/// `BIO_FLAGS_KTLS_TX` and `BIO_FLAGS_KTLS_RX`
const KERNEL_SENDS: i32 = 0x4000;
const KERNEL_RECEIVES: i32 = 0x2000;

/// A client and a server that have shaken hands over nonblocking sockets, with these options of the client's.
fn connected<S: Channel>(
    version: Version,
    options: SslOptions,
    (ours, theirs): (Socket<'static>, S),
) -> (Connected<Socket<'static>>, Connected<S>) {
    let mut client = version.client_builder();
    client.set_options(options);
    let (client, server) = (client.build(), version.server_builder().build());
    ours.set_nonblocking(true).unwrap();
    let (client, server) = shake_over(client_ssl(&client), ours, Ssl::new(&server).unwrap(), theirs);
    let (mut client, server) = (client.unwrap(), server.unwrap());
    // The tickets of TLS 1.3, whose reading would come in between later.
    if version == Version::Tls13 {
        let error = client.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
    (client, server)
}

/// Two ends of a TCP connection, of which the second does not block.
fn tcp() -> (Socket<'static>, TcpStream) {
    let (ours, theirs) = tcp_pair();
    theirs.set_nonblocking(true).unwrap();
    ours.set_nodelay(true).unwrap();
    theirs.set_nodelay(true).unwrap();
    (Socket::new(ours), theirs)
}

/// Whether the library that runs was built with kernel TLS, as its own socket BIO tells.
fn built_in() -> bool {
    // SAFETY: the BIO is ours alone, and has no descriptor.
    unsafe {
        let bio = sys::BIO_new(ext::BIO_s_socket());
        sys::BIO_set_flags(bio, KERNEL_SENDS);
        let known = sys::BIO_ctrl(bio, ext::BIO_CTRL_GET_KTLS_SEND, 0, std::ptr::null_mut());
        sys::BIO_free_all(bio);
        known == 1
    }
}

/// Whether the kernel says that it has TLS. One that loads the module on demand says so afterwards.
fn in_kernel() -> bool {
    fs::read_to_string("/proc/sys/net/ipv4/tcp_available_ulp").is_ok_and(|names| names.contains("tls"))
}

/// What C says of either direction.
fn asked_in_c<C: Channel>(connected: &Connected<C>) -> (bool, bool) {
    let ssl = connected.ssl();
    // SAFETY: both BIOs are live, and this thread alone uses them.
    unsafe {
        let ask = |bio, command| sys::BIO_ctrl(bio, command, 0, std::ptr::null_mut()) == 1;
        (ask(ssl.wbio(), ext::BIO_CTRL_GET_KTLS_SEND), ask(ssl.rbio(), ext::BIO_CTRL_GET_KTLS_RECV))
    }
}

/// Lets the socket BIO say that the kernel encrypts. `false` where this OpenSSL has no such thing.
fn pretend<C: Channel>(connected: &Connected<C>, flags: i32) -> bool {
    // SAFETY: the BIO is live, and this thread alone uses it.
    unsafe { sys::BIO_set_flags(connected.ssl().wbio(), flags) };
    built_in()
}

/// A file of `len` bytes that goes when this is dropped.
struct Scratch(PathBuf, Vec<u8>);

impl Scratch {
    fn new(len: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ktls-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let bytes: Vec<u8> = (0..len).map(|i| (i / 7 % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        Self(path, bytes)
    }

    fn open(&self) -> File {
        File::open(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_connection_says_why_the_kernel_does_not_encrypt() {
    for version in VERSIONS {
        let (client, _server) = connected(version, SslOptions::empty(), tcp());
        assert_eq!(client.ssl().ktls_send(), Err(KtlsRefusal::NotEnabled));
        assert_eq!(client.ssl().ktls_recv(), Err(KtlsRefusal::NotEnabled));
        assert_eq!(asked_in_c(&client), (false, false));

        let (client, _server) = connected(version, SslOptions::ENABLE_KTLS, tcp());
        let kernel = if in_kernel() { KtlsRefusal::Cipher } else { KtlsRefusal::Kernel };
        let expected = if built_in() { kernel } else { KtlsRefusal::Build };
        for (answer, c) in [client.ssl().ktls_send(), client.ssl().ktls_recv()]
            .into_iter()
            .zip(<[bool; 2]>::from(asked_in_c(&client)))
        {
            assert_eq!(answer.is_ok(), c);
            if !c {
                assert_eq!(answer, Err(expected));
            }
        }
    }
}

#[test]
fn a_transport_that_is_no_tcp_socket_of_openssls_own_is_named() {
    let expected = if built_in() { KtlsRefusal::Transport } else { KtlsRefusal::Build };
    let (ours, theirs) = unix_pair();
    theirs.set_nonblocking(true).unwrap();
    let (client, _server) = connected(Version::Tls13, SslOptions::ENABLE_KTLS, (Socket::new(ours), theirs));
    assert_eq!(client.ssl().ktls_send(), Err(expected));

    let (_client, server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    assert_eq!(server.ssl().ktls_send(), Err(KtlsRefusal::NotEnabled));
    let mut ssl = client_ssl(&Version::Tls13.client_builder().build());
    ssl.set_options(SslOptions::ENABLE_KTLS);
    assert_eq!(ssl.ktls_send(), Err(expected), "there is no transport at all");
    let (ours, _theirs) = tcp_pair();
    // SAFETY: the socket stays open longer than the object.
    unsafe { ssl.set_fd(ours.as_raw_fd()).unwrap() };
    let expected = if built_in() { KtlsRefusal::Handshake } else { KtlsRefusal::Build };
    assert_eq!(ssl.ktls_send(), Err(expected));
    assert_eq!(ssl.ktls_recv(), Err(expected));
    drop(ssl);
}

#[test]
fn what_the_bio_says_is_what_is_told() {
    let (client, _server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    assert_eq!(pretend(&client, KERNEL_SENDS), client.ssl().ktls_send().is_ok());
    assert_eq!(client.ssl().ktls_recv(), Err(KtlsRefusal::NotEnabled));
    pretend(&client, KERNEL_RECEIVES);
    assert_eq!(client.ssl().ktls_recv().is_ok(), built_in());
    assert_eq!(asked_in_c(&client), (built_in(), built_in()));
}

#[test]
fn refusals_say_what_is_missing() {
    let all = [
        KtlsRefusal::NotEnabled,
        KtlsRefusal::Build,
        KtlsRefusal::Transport,
        KtlsRefusal::Handshake,
        KtlsRefusal::Kernel,
        KtlsRefusal::Cipher,
    ];
    let texts: std::collections::HashSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
    assert!(KtlsRefusal::Kernel.to_string().contains("kernel"));
}

/// Sends a file as a program does, from one call to the next.
fn send<C: Channel>(
    connected: &mut Connected<C>,
    file: &File,
    range: std::ops::Range<usize>,
) -> Option<KtlsRefusal> {
    let (mut at, mut copied) = (range.start, None);
    while at < range.end {
        match connected.sendfile(file, at as u64, range.end - at) {
            Ok(sent) => {
                assert!(sent.bytes > 0, "the file has more");
                (at, copied) = (at + sent.bytes, sent.copied);
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}");
                assert_eq!(connected.wants(), Some(Want::Write));
                thread::yield_now();
            }
        }
    }
    copied
}

/// Over every channel, with and without the option, the peer reads what is in the file.
#[test]
fn a_file_arrives_whole_whoever_encrypts_it() {
    let file = Scratch::new(300_001);
    for version in VERSIONS {
        for options in [
            SslOptions::empty(),
            SslOptions::ENABLE_KTLS,
            SslOptions::ENABLE_KTLS | SslOptions::ENABLE_KTLS_TX_ZEROCOPY_SENDFILE,
        ] {
            let (mut client, mut server) = connected(version, options, tcp());
            assert!(client.ssl().options().contains(options));
            let (why, open) = (client.ssl().ktls_send().err(), file.open());
            let reader = thread::spawn(move || {
                let (mut received, mut buf) = (Vec::new(), [0; 4096]);
                loop {
                    match server.read(&mut buf) {
                        Ok(0) => return received,
                        Ok(len) => received.extend_from_slice(&buf[..len]),
                        Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
                    }
                }
            });
            client.write_all(b"head").unwrap();

            assert_eq!(send(&mut client, &open, 0..300_001), why);

            assert_eq!(send(&mut client, &open, 1000..1010), why);
            assert_eq!((&open).stream_position().unwrap(), 0);
            while client.flush().is_err() || matches!(client.shutdown().unwrap(), ShutdownProgress::Wants(_))
            {
            }
            let received = reader.join().unwrap();
            assert!(received == [&b"head"[..], &file.1, &file.1[1000..1010]].concat(), "{}", received.len());
        }
    }
}

/// The end of the file, of the range, and places past them.
#[test]
fn a_file_ends_where_it_ends() {
    let file = Scratch::new(100);
    let open = file.open();
    let (mut client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    let mut sendfile = |offset, len| client.sendfile(&open, offset, len).unwrap().bytes;
    assert_eq!(sendfile(90, 1000), 10);
    assert_eq!(sendfile(100, 1000), 0);
    assert_eq!(sendfile(5000, 1), 0);
    assert_eq!(sendfile(0, 0), 0);
    assert_eq!(sendfile(3, 4), 4);
    let error = client.sendfile(&open, u64::MAX, 1).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::InvalidInput);
    assert_eq!(read_now(&mut server), [&file.1[90..], &file.1[3..7]].concat());
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_connection_as_it_was() {
    for kernel in [false, true] {
        let (mut client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
        if kernel && !pretend(&client, KERNEL_SENDS) {
            continue;
        }
        let scratch = Scratch::new(10);
        let directory = File::open(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let write_only = File::options().append(true).open(&scratch.0).unwrap();
        for file in [&directory, &write_only] {
            let error = client.sendfile(file, 0, 10).unwrap_err();
            assert!(error.raw_os_error().is_some() || inner(&error).errno() != 0, "{error:?}");
            assert!(!client.ssl().is_poisoned(), "{error:?}");
        }
        if !kernel {
            client.write_all(b"goes on").unwrap();
            assert_eq!(read_now(&mut server), b"goes on");
        }
        // SAFETY: the queue of this thread, which is to be empty.
        assert_eq!(unsafe { sys::ERR_peek_last_error() }, 0);
    }
}

#[test]
fn nothing_of_a_file_is_sent_after_the_end() {
    let file = Scratch::new(10).open();
    let (mut client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    client.shutdown().unwrap();
    let error = client.sendfile(&file, 0, 10).unwrap_err();
    assert_eq!(inner(&error).kind(), ErrorKind::NotReady, "{error:?}");
    let (bytes, end) = read_all(&mut server);
    end.unwrap();
    assert_eq!(bytes, b"");

    let (mut client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    server.channel_mut().write_all(b"no record of TLS at all").unwrap();
    while client.read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {}
    for _ in 0..2 {
        let error = client.sendfile(&file, 0, 10).unwrap_err();
        assert_eq!(inner(&error).kind(), ErrorKind::Poisoned, "{error:?}");
    }
    let mut ssl = client.into_parts().unwrap().ssl;
    let error = ssl.sendfile(&file, 0, 10, 0).unwrap_err();
    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::Poisoned));
}

/// The mirror refuses where C does, and the connection goes on.
#[test]
fn the_mirror_sends_no_file_without_the_kernel() {
    let file = Scratch::new(10).open();
    let (client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    // SAFETY: the object is live, and this thread alone uses it.
    let (in_c, reason) = unsafe {
        let ret = ext::SSL_sendfile(client.ssl().as_ptr(), file.as_raw_fd(), 0, 10, 0);
        let entry = sys::ERR_get_error();
        sys::ERR_clear_error();
        (ret, entry & 0x7f_ffff)
    };
    assert_eq!((in_c, reason), (-1, 276), "C says that it is not initialised");
    let Ok(parts) = client.into_parts() else { panic!("nothing waits") };
    let (mut ssl, socket) = (parts.ssl, parts.channel);
    // SAFETY: the socket stays open longer than the object.
    unsafe { ssl.set_fd(socket.as_fd().as_raw_fd()).unwrap() };

    let error = ssl.sendfile(&file, 0, 10, 0).unwrap_err();

    assert_eq!(error.error().map(libssl::Error::kind), Some(ErrorKind::NotReady), "{error:?}");
    assert!(error.to_string().contains("not enabled"), "{error}");
    ssl.write(b"goes on").unwrap();
    assert_eq!(read_now(&mut server), b"goes on");
    drop(ssl);
}

/// What the socket's other end reads.
fn raw(server: Connected<TcpStream>) -> TcpStream {
    let stream = server.into_parts_discarding().channel;
    stream.set_nonblocking(false).unwrap();
    stream
}

#[test]
fn the_kernel_is_given_the_file_as_c_gives_it() {
    let file = Scratch::new(1000);
    let open = file.open();
    let ranges = [(0_i64, 10_usize), (990, 100), (1000, 1), (500, 500), (5000, 9)];
    let (mut client, server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    if !pretend(&client, KERNEL_SENDS) {
        return;
    }
    let mut stream = raw(server);
    for (offset, len) in ranges {
        let ours = client.sendfile(&open, offset as u64, len).unwrap();
        let (there, rest) =
            (usize::try_from(offset).unwrap().min(1000), 1000_usize.saturating_sub(offset as usize));
        let mut received = vec![0; ours.bytes];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, file.1[there..there + len.min(rest)]);

        // SAFETY: the object is live, and this thread alone uses it.
        let c = unsafe { ext::SSL_sendfile(client.ssl().as_ptr(), open.as_raw_fd(), offset, len, 0) };
        assert_eq!((ours.bytes as isize, ours.copied), (c, None));
        let mut received = vec![0; ours.bytes];
        stream.read_exact(&mut received).unwrap();
        assert_eq!(received, file.1[there..there + len.min(rest)]);
    }
    assert_eq!((client.wants(), client.ssl().is_poisoned()), (None, false));
}

#[test]
fn the_kernel_has_no_room_and_later_has() {
    let file = Scratch::new(1 << 16);
    let open = file.open();
    let (mut client, server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    if !pretend(&client, KERNEL_SENDS) {
        return;
    }
    let mut stream = raw(server);
    let mut sent = Vec::new();
    let error = loop {
        match client.sendfile(&open, 0, 1 << 16) {
            Ok(answer) => sent.extend_from_slice(&file.1[..answer.bytes]),
            Err(error) => break error,
        }
    };

    assert_eq!((error.kind(), client.wants()), (io::ErrorKind::WouldBlock, Some(Want::Write)));

    assert!(!client.ssl().is_poisoned());
    let len = sent.len();
    let reader = thread::spawn(move || {
        let mut received = vec![0; len];
        stream.read_exact(&mut received).unwrap();
        (received, stream)
    });
    let (received, mut stream) = reader.join().unwrap();
    assert!(received == sent);
    let more = client.sendfile(&open, 7, 100).unwrap();
    assert_eq!((more.bytes, client.wants()), (100, None));
    let mut received = [0; 100];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(received, file.1[7..107]);
}

#[test]
fn a_peer_that_is_gone_ends_the_connection() {
    let file = Scratch::new(1 << 16);
    let open = file.open();
    let (mut client, server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    if !pretend(&client, KERNEL_SENDS) {
        return;
    }
    drop(raw(server));

    let error = loop {
        match client.sendfile(&open, 0, 1 << 16) {
            Ok(_) => thread::yield_now(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => break error,
        }
    };

    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error:?}");
    assert!(client.ssl().is_poisoned());
    assert_eq!(inner(&client.sendfile(&open, 0, 1).unwrap_err()).kind(), ErrorKind::Poisoned);
    assert_eq!(client.shutdown().unwrap(), ShutdownProgress::Skipped);
}

/// A write that is pending when the kernel sends goes before the file.
#[test]
fn a_write_that_waits_goes_out_before_the_file() {
    let file = Scratch::new(100);
    let open = file.open();
    let (mut client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    let mut written = 0;
    while !client.has_pending_write() {
        written += client.write(&[7; 16_384]).unwrap();
    }
    let error = client.sendfile(&open, 0, 100).unwrap_err();
    assert_eq!((error.kind(), client.wants()), (io::ErrorKind::WouldBlock, Some(Want::Write)));

    let mut received = Vec::new();
    let sent = loop {
        received.extend(read_now(&mut server));
        match client.sendfile(&open, 0, 100) {
            Ok(sent) => break sent,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error:?}"),
        }
    };

    assert_eq!(sent.bytes, 100);
    client.flush().unwrap();
    while received.len() < written + 100 {
        received.extend(read_now(&mut server));
    }
    assert!(received[..written].iter().all(|byte| *byte == 7));
    assert_eq!(received[written..], file.1);
}

/// An object whose handshake and socket are C's sends files too.
#[test]
fn a_connection_of_cs_sends_files() {
    let file = Scratch::new(50_000);
    let (client, mut server) = connected(Version::Tls13, SslOptions::empty(), tcp());
    let Ok(parts) = client.into_parts() else { panic!("nothing waits") };
    let (ssl, socket) = (parts.ssl, parts.channel);
    // SAFETY: the object is live, and the socket stays open longer than it.
    assert_eq!(unsafe { ext::SSL_set_fd(ssl.as_ptr(), socket.as_fd().as_raw_fd()) }, 1);
    let mut connected = Connected::<Existing>::adopt(ssl).unwrap();

    let sent = connected.sendfile(&file.open(), 0, 50_000).unwrap();

    assert_eq!((sent.bytes, sent.copied), (50_000, Some(KtlsRefusal::NotEnabled)));
    connected.flush().unwrap();
    let mut received = Vec::new();
    while received.len() < 50_000 {
        received.extend(read_now(&mut server));
    }
    assert!(received == file.1);
    drop(connected);
}
