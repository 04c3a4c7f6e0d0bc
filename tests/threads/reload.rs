//! A server on many cores: its threads serve from one context, which another thread replaces by one with a new certificate.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use libssl::context::{Identity, ProtocolVersion, SslMethod, SslOptions, SslVerifyMode};
use libssl::ssl::KeyUpdate;
use libssl::x509::{X509, X509StoreBuilder};
use libssl::{Connected, Ssl, SslContext, SslContextRef};

use crate::world::{Pki, Seen};

/// Threads of either side.
const THREADS: usize = 2;
/// Connections that each of them makes.
const CONNECTIONS: usize = 6;
/// How often the certificate is replaced.
const RELOADS: usize = 6;

/// A certificate of either CA, by which the client tells them apart.
struct Certificates {
    identities: [Identity; 2],
    roots: [X509; 2],
}

#[test]
fn handshakes_go_on_while_the_certificate_is_reloaded() {
    let pkis = [Pki::new(), Pki::new()];
    let certificates = Certificates {
        identities: [pkis[0].server_identity(), pkis[1].server_identity()],
        roots: [pkis[0].root(), pkis[1].root()],
    };
    let client = client(&certificates);
    let current = Seen::new(server(&certificates.identities[0]));
    // What the process does once is done before the threads begin: helgrind does not see `pthread_once`.
    for version in [ProtocolVersion::TLS1_2, ProtocolVersion::TLS1_3] {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve(&current, theirs));
            assert_eq!(fetch(&client, &certificates, version, ours), 0);
            serving.join().expect("no panic");
        });
    }

    let seen = thread::scope(|scope| {
        let mut clients = Vec::new();
        let mut others = Vec::new();
        for _ in 0..THREADS {
            let pairs = (0..CONNECTIONS).map(|_| UnixStream::pair().expect("two sockets"));
            let (ours, theirs): (Vec<_>, Vec<_>) = pairs.unzip();
            let (client, certificates, current) = (&client, &certificates, &current);
            others.push(scope.spawn(move || theirs.into_iter().for_each(|stream| serve(current, stream))));
            clients.push(scope.spawn(move || {
                let versions = [ProtocolVersion::TLS1_3, ProtocolVersion::TLS1_2].into_iter().cycle();
                let fetch = |(stream, version)| fetch(client, certificates, version, stream);
                ours.into_iter().zip(versions).map(fetch).collect::<Vec<_>>()
            }));
        }
        let (certificates, current) = (&certificates, &current);
        others.push(scope.spawn(move || {
            for i in 1..=RELOADS {
                let new = server(&certificates.identities[i % 2]);
                drop(current.with(|current| std::mem::replace(current, new)));
                thread::yield_now();
            }
        }));
        // The scope's own wait is not one that helgrind sees.
        for other in others {
            other.join().expect("no panic");
        }
        clients.into_iter().flat_map(|client| client.join().expect("no panic")).collect::<Vec<usize>>()
    });

    assert_eq!(seen.len(), THREADS * CONNECTIONS);
    // Whoever comes now has the last one.
    current.with(|current| *current = server(&certificates.identities[1]));
    let (ours, theirs) = UnixStream::pair().expect("two sockets");
    let last = thread::scope(|scope| {
        let serving = scope.spawn(|| serve(&current, theirs));
        let last = fetch(&client, &certificates, ProtocolVersion::TLS1_3, ours);
        serving.join().expect("no panic");
        last
    });
    assert_eq!(last, 1);
}

fn server(identity: &Identity) -> SslContext {
    SslContext::server(identity).expect("a context").build()
}

fn client(certificates: &Certificates) -> SslContext {
    let mut store = X509StoreBuilder::new().expect("a store");
    for root in &certificates.roots {
        store.add_cert(root).expect("room");
    }
    let mut builder = SslContext::builder(SslMethod::tls_client()).expect("a context");
    builder.set_cert_store(&store.build().expect("a store")).expect("a store");
    builder.set_verify(SslVerifyMode::PEER).expect("a mode");
    builder.set_options(SslOptions::NO_TICKET);
    builder.build()
}

/// Serves one connection from the context that there is now, until the client ends it.
fn serve(current: &Seen<SslContext>, stream: UnixStream) {
    let context = current.with(|context| context.clone());
    let ssl = Ssl::new(&context).expect("SSL_new");
    drop(context);
    let mut connected = ssl.accept(stream).expect("a connection");
    let mut buf = [0; 4096];
    loop {
        match connected.read(&mut buf).expect("data or an end") {
            0 => break,
            len => connected.write_all(&buf[..len]).expect("a write"),
        }
    }
    connected.shutdown().expect("an end");
}

/// Makes a connection, sends something there and back, and says whose certificate the server has.
fn fetch(
    context: &SslContextRef,
    certificates: &Certificates,
    version: ProtocolVersion,
    stream: UnixStream,
) -> usize {
    let mut ssl = Ssl::new(context).expect("SSL_new");
    ssl.set_max_proto_version(Some(version)).expect("a version");
    ssl.set_server_name("localhost").expect("a name");
    let mut connected = ssl.connect(stream).expect("a connection");
    echo(&mut connected, 10);
    if version == ProtocolVersion::TLS1_3 {
        connected.key_update(KeyUpdate::Requested).expect("new keys");
    }
    echo(&mut connected, 2000);
    // Chain and key of one and the same identity, or the handshake would have failed.
    let presented = connected.ssl().peer_certificate().expect("a certificate");
    let known = |identity: &Identity| *identity.certificate() == *presented;
    let which = certificates.identities.iter().position(known).expect("one of the two");
    connected.shutdown().expect("an end");
    assert_eq!(connected.read(&mut [0]).expect("the end"), 0);
    which
}

fn echo(connected: &mut Connected<UnixStream>, len: usize) {
    let data: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
    connected.write_all(&data).expect("a write");
    let mut back = vec![0; len];
    connected.read_exact(&mut back).expect("an echo");
    assert!(back == data);
}
