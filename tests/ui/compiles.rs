//! What the other files do, done right.
use std::io::{Read, Write};
use std::net::TcpStream;

use libssl::bio::Pair;
use libssl::{Connected, EarlyClient, EarlyServer, Handshake, HandshakeError, Ssl, SslContext, SslContextBuilder};

fn send<T: Send>() {}
fn sync<T: Sync>() {}

fn connect(ssl: Ssl, tcp: TcpStream) -> Result<Connected<TcpStream>, Handshake<TcpStream>> {
    match ssl.connect(tcp) {
        Ok(connected) => Ok(connected),
        Err(HandshakeError::WantRead(handshake)) => {
            let _state = handshake.ssl().is_poisoned();
            Err(handshake)
        }
        Err(error) => Err(error.into_handshake().ok().expect("a suspension")),
    }
}

fn borrowed(ssl: Ssl, tcp: &mut TcpStream) -> bool {
    ssl.connect(tcp).is_ok()
}

fn use_it(mut connected: Connected<TcpStream>) -> std::io::Result<usize> {
    connected.write_all(b"hello")?;
    connected.read(&mut [0; 10])
}

fn early(client: EarlyClient<TcpStream>, mut server: EarlyServer<TcpStream>) -> std::io::Result<()> {
    let mut buf = [0; 10];
    let data: Option<&[u8]> = server.read_early(&mut buf)?.map(|data| data.danger_accept_replay());
    let _ = data.map(<[u8]>::len);
    let (mut connected, _outcome) = client.finish()?;
    connected.write_all(b"hello")
}

fn mirror(ssl: &mut Ssl, tcp: TcpStream) {
    let _ = ssl.set_stream(tcp);
}

fn main() {
    send::<Ssl>();
    sync::<Ssl>();
    send::<SslContext>();
    sync::<SslContext>();
    send::<SslContextBuilder>();
    send::<Connected<TcpStream>>();
    send::<Handshake<TcpStream>>();
    send::<Connected<Pair>>();
    send::<EarlyClient<TcpStream>>();
    send::<EarlyServer<TcpStream>>();
    let _ = early;
    let _ = (connect, borrowed, use_it, mirror);
}
